//! The command: arguments and environment in, text and an exit code out. It connects the other modules.

use std::process::ExitCode;

mod args;
mod compare;
mod completions;
mod config;
mod error;
mod goldens;
mod init;
mod journal;
mod judge;
mod keys;
mod known;
mod list;
mod man;
mod merge;
mod partition;
mod plan;
mod process_group;
mod proxy;
mod record;
mod replay;
mod report;
mod reports;
mod resume;
mod run;
mod scenarios;
mod schema;
mod selfcheck;
mod serve;
mod server;
mod sweep;
mod traffic;
mod variations;

pub use args::Cli;

use args::Command;
use error::CliError;

use crate::report::exit;

/// Runs the command with the arguments of the process.
pub fn main() -> ExitCode {
    let (cli, origins) = match Cli::read() {
        Ok(read) => read,
        Err(error) => return failed(&error, None),
    };
    let note = origins.note();
    if let (Command::Run(args), Some(note)) = (&cli.command, &note)
        && args.reports.verbose
    {
        eprintln!("{note}");
    }
    let outcome = match cli.command {
        Command::Run(args) => runtime().and_then(|runtime| runtime.block_on(run::run(*args))),
        Command::Serve(args) => runtime().and_then(|runtime| runtime.block_on(serve::serve(args))),
        Command::Proxy(args) => runtime().and_then(|runtime| runtime.block_on(proxy::proxy(*args))),
        Command::Selfcheck(args) => selfcheck::selfcheck(&args),
        Command::List(args) => list::list(&args),
        Command::Explain(args) => list::explain(&args),
        Command::Compare(args) => runtime().and_then(|runtime| runtime.block_on(compare::compare(&args))),
        Command::Judge(args) => judge::judge(&args),
        Command::Merge(args) => merge::merge(&args),
        Command::Report(args) => report::report(&args),
        Command::Record(args) => runtime().and_then(|runtime| runtime.block_on(record::record(&args))),
        Command::Init(args) => init::init(&args),
        Command::Schema(args) => schema::print(args.of),
        Command::Replay(args) => runtime().and_then(|runtime| runtime.block_on(replay::replay(&args))),
        Command::Sweep(args) => runtime().and_then(|runtime| runtime.block_on(sweep::sweep(&args))),
        Command::Completions(args) => completions::completions(&args),
        Command::Man(args) => man::man(&args),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => failed(&error, note.as_deref()),
    }
}

/// Prints an error and, if it may be due to a setting that is not on the command line, where settings came from.
fn failed(error: &CliError, settings: Option<&str>) -> ExitCode {
    eprintln!("error: {error}");
    if let (exit::USAGE, Some(settings)) = (error.exit_code(), settings) {
        eprintln!("  note: {settings}");
    }
    ExitCode::from(error.exit_code())
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)
}
