//! The command: arguments and environment in, text and an exit code out. It connects the other modules.

use std::process::ExitCode;

mod args;
mod compare;
mod completions;
mod error;
mod goldens;
mod journal;
mod judge;
mod keys;
mod known;
mod list;
mod man;
mod merge;
mod partition;
mod process_group;
mod replay;
mod report;
mod reports;
mod run;
mod scenarios;
mod selfcheck;
mod serve;
mod server;
mod variations;

pub use args::Cli;

use args::Command;
use error::CliError;

/// Runs the command with the arguments of the process.
pub fn main() -> ExitCode {
    let cli = Cli::read();
    let outcome = match cli.command {
        Command::Run(args) => runtime().and_then(|runtime| runtime.block_on(run::run(*args))),
        Command::Serve(args) => runtime().and_then(|runtime| runtime.block_on(serve::serve(args))),
        Command::Selfcheck(args) => selfcheck::selfcheck(&args),
        Command::List(args) => list::list(&args),
        Command::Explain(args) => list::explain(&args),
        Command::Compare(args) => runtime().and_then(|runtime| runtime.block_on(compare::compare(&args))),
        Command::Judge(args) => judge::judge(&args),
        Command::Merge(args) => merge::merge(&args),
        Command::Report(args) => report::report(&args),
        Command::Replay(args) => runtime().and_then(|runtime| runtime.block_on(replay::replay(&args))),
        Command::Completions(args) => completions::completions(&args),
        Command::Man(args) => man::man(&args),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)
}
