//! The arguments of a server that a run starts and stops.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::seconds;

/// A server that is started before the run and stopped after it.
#[derive(Debug, Args)]
pub(in crate::cli) struct ServerArgs {
    /// A command that serves the endpoint on 127.0.0.1. `{port}` in its arguments becomes a free port; the variables PORT
    /// and STOPCHECK_PORT have it, too. It is started before the run and stopped after it, with all its children. Without
    /// credentials, it gets requests of `test` with the secret `test`
    #[arg(last = true, value_name = "COMMAND", conflicts_with_all = ["endpoint_url", "allow_real_aws"])]
    pub(in crate::cli) command: Vec<OsString>,

    /// Where the output of the command goes [default: a file in the folder for temporary files, which is removed if the
    /// run ends with exit code 0]
    #[arg(long, value_name = "FILE", requires = "command", help_heading = "Server")]
    pub(in crate::cli) server_log: Option<PathBuf>,

    /// How long the command may take to end when it is asked to, in seconds; then it is killed
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds, help_heading = "Server")]
    pub(in crate::cli) server_stop_timeout: Duration,
}
