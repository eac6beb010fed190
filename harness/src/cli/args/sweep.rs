//! The arguments of `stopcheck sweep`.

use std::time::Duration;

use clap::{Args, Command};

use super::EndpointArgs;
use super::values::age;
use crate::journal::RunId;

/// The options of an endpoint that concern launches and waiting, of which a sweep has neither.
const OF_LAUNCHES: [&str; 6] = [
    "ebs_image",
    "instance_store_image",
    "instance_type",
    "subnet",
    "settle_timeout",
    "read_lag",
];

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stopcheck sweep --endpoint-url http://127.0.0.1:5000 --dry-run
  stopcheck sweep --endpoint-url http://127.0.0.1:5000 --older-than 2h
  stopcheck sweep --endpoint-url http://127.0.0.1:5000 --run run-0123456789abcdef

Every run tags what it creates with its id (stopcheck), the time (stopcheck:created), and when it has certainly ended
(stopcheck:expires). A sweep removes what has all three tags, as a run writes them, and whose run has ended. It lifts
protections, cancels Spot requests, and terminates; volumes and network interfaces go with their instances.

Exit codes:
  0    nothing is left that was to be removed
  1    something is left: it could not be removed, or --dry-run found it
  2    usage, configuration, or an endpoint that cannot be reached or does not list instances
  3    an error of stopcheck's own
  130  interrupted")]
pub(in crate::cli) struct SweepArgs {
    /// Remove what was launched so long ago, whether its run has ended or not: a number of seconds, or for instance 90m,
    /// 2h or 7d
    #[arg(long, value_name = "AGE", value_parser = age, conflicts_with = "run")]
    pub(in crate::cli) older_than: Option<Duration>,

    /// Remove what this run launched, whether it has ended or not
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) run: Option<RunId>,

    /// Print what would be removed, and change nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,

    #[command(flatten)]
    pub(in crate::cli) endpoint: EndpointArgs,
}

/// The command without the options that mean nothing to it.
pub(super) fn without_fixtures(command: Command) -> Command {
    OF_LAUNCHES.into_iter().fold(command, |command, option| {
        command.mut_arg(option, |arg| arg.hide(true))
    })
}
