//! The command `stopcheck`.

use std::process::ExitCode;

/// Steps are many small values that live for microseconds.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    stopcheck::cli::main()
}
