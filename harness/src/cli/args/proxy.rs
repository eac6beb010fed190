//! The arguments of `stopcheck proxy`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::seconds;
use super::{EditionArg, KnownArgs, ReportArgs};

#[derive(Debug, Args)]
#[command(after_help = "\
  stopcheck proxy --upstream http://127.0.0.1:5000 --exclusive --report html=report.html
  AWS_ENDPOINT_URL_EC2=http://127.0.0.1:8422 pytest

It ends with Ctrl-C, and then has the exit codes of stopcheck judge. The first violation of a clause is printed at once.
Requests may have 2 MiB and answers 64 MiB, and are passed on as a whole.")]
pub(in crate::cli) struct ProxyArgs {
    /// The endpoint that requests are passed on to
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) upstream: String,

    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8422")]
    pub(in crate::cli) listen: SocketAddr,

    /// Nothing but what passes here changes the instances: what one call did can then be expected of the next
    #[arg(long)]
    pub(in crate::cli) exclusive: bool,

    /// The state of Amazon's documentation to judge by
    #[arg(long, value_name = "EDITION", value_enum, default_value = "current")]
    pub(in crate::cli) edition: EditionArg,

    /// How long reads may lag behind an answer, in seconds [default: 5, on real AWS 300]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(in crate::cli) read_lag: Option<Duration>,

    /// The longest that one exchange may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(in crate::cli) request_timeout: Duration,

    /// Allow an endpoint that looks like real AWS; clients act on what is theirs there
    #[arg(long)]
    pub(in crate::cli) allow_real_aws: bool,

    /// Write the exchanges that are judged to this file, one event a line, without secrets
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) journal: Option<PathBuf>,

    #[command(flatten)]
    pub(in crate::cli) known: KnownArgs,

    #[command(flatten)]
    pub(in crate::cli) reports: ReportArgs,
}
