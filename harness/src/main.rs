//! The command `stopcheck`.

use std::process::ExitCode;

fn main() -> ExitCode {
    stopcheck::cli::main()
}
