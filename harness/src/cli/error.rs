//! Errors of the command, with their exit codes.

use std::path::PathBuf;

use super::config::ConfigMistake;
use super::server::ServerError;
use crate::endpoint::EndpointError;
use crate::evidence::BundleError;
use crate::golden::StoreError;
use crate::journal::{LineError, MergeProblem, ResumeProblem};
use crate::report::exit;
use crate::runner::{PreflightError, SweepError};

/// An error of the command. A finding is not an error.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error("{0}")]
    Usage(String),
    #[error("could not read the scenarios\n  {0}\n  hint: stopcheck explain scenarios documents the format")]
    Scenarios(String),
    #[error(
        "could not use the known deviations\n  {0}\n  hint: stopcheck explain known documents the format"
    )]
    Known(String),
    #[error("could not use the settings{}\n  hint: stopcheck init writes a file that explains all keys", listed(.0))]
    Config(Vec<ConfigMistake>),
    #[error("could not {0}")]
    Endpoint(#[from] EndpointError),
    #[error("{0}")]
    Preflight(#[from] PreflightError),
    #[error("could not {doing} {}: {source}", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("could not read {}: line {line}: {source}", path.display())]
    Journal {
        path: PathBuf,
        line: usize,
        source: LineError,
    },
    #[error("could not read {}: {why}", path.display())]
    NoRun { path: PathBuf, why: &'static str },
    #[error(
        "could not merge the journals\n  {}\n  hint: stopcheck merge needs every slice of one run, each once", lines(.0)
    )]
    Merge(Vec<MergeProblem>),
    #[error("could not resume {}: {problem}", path.display())]
    Resume { path: PathBuf, problem: ResumeProblem },
    #[error("{0}")]
    Sweep(#[from] SweepError),
    #[error("{0}")]
    Golden(#[from] StoreError),
    #[error("could not listen on {address}: {source}")]
    Listen { address: String, source: std::io::Error },
    #[error("{0}")]
    Server(Box<ServerError>),
    #[error("could not make the bundle: {0}")]
    Bundle(#[from] BundleError),
    #[error("could not serve: {0}")]
    Serve(std::io::Error),
    #[error("could not write: {0}")]
    Write(#[from] std::io::Error),
    #[error("could not start: {0}")]
    Runtime(std::io::Error),
}

impl From<ServerError> for CliError {
    fn from(error: ServerError) -> Self {
        CliError::Server(Box::new(error))
    }
}

impl CliError {
    /// The error for an unknown name: there is no `kind` with this `name`. `near` has similar names; `stopcheck list`
    /// has an option for each kind.
    pub(super) fn unknown_name<N: AsRef<str>>(kind: &str, name: &str, near: &[N]) -> Self {
        let near: Vec<&str> = near.iter().map(AsRef::as_ref).collect();
        let hint = match near.as_slice() {
            [] => String::new(),
            near => format!("\n  perhaps one of: {}", near.join(", ")),
        };
        CliError::Usage(format!(
            "there is no {kind} called {name:?}{hint}\n  hint: stopcheck list --{kind}s names all of them"
        ))
    }

    /// The exit code. Usage, configuration and an unreachable endpoint are for the caller to fix; the rest is ours.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            CliError::Usage(_)
            | CliError::Scenarios(_)
            | CliError::Known(_)
            | CliError::Config(_)
            | CliError::Endpoint(_)
            | CliError::Preflight(_)
            | CliError::File { .. }
            | CliError::Journal { .. }
            | CliError::NoRun { .. }
            | CliError::Resume { .. }
            | CliError::Sweep(_)
            | CliError::Golden(_)
            | CliError::Listen { .. } => exit::USAGE,
            CliError::Server(error) => error.exit_code(),
            CliError::Merge(_)
            | CliError::Bundle(_)
            | CliError::Serve(_)
            | CliError::Write(_)
            | CliError::Runtime(_) => exit::INTERNAL,
        }
    }
}

fn lines(problems: &[MergeProblem]) -> String {
    let lines: Vec<String> = problems.iter().map(MergeProblem::to_string).collect();
    lines.join("\n  ")
}

/// Each mistake on a line of its own.
fn listed(mistakes: &[ConfigMistake]) -> String {
    mistakes.iter().map(|mistake| format!("\n  {mistake}")).collect()
}
