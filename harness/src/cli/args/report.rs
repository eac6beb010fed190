//! The arguments of `stopcheck report`.

use std::path::PathBuf;

use clap::Args;

use super::{KnownArgs, ReportArgs};

#[derive(Debug, Args)]
#[command(after_help = "\
  stopcheck report run.ndjson --report html=report.html --report junit=junit.xml
  stopcheck report run.ndjson --report markdown=- >> \"$GITHUB_STEP_SUMMARY\"
  stopcheck report run.ndjson --report github

A report is the same as the one of the run if --strict, --known and the like are the same, but for goldens, which a
journal does not have.

Exit codes:
  0    written, whatever the verdicts are; `stopcheck judge` has their exit code
  2    usage, or a file that cannot be read or written
  3    an error of stopcheck's own")]
pub(in crate::cli) struct JournalReportArgs {
    /// The journal of an earlier run
    #[arg(value_name = "JOURNAL")]
    pub(in crate::cli) journal: PathBuf,

    #[command(flatten)]
    pub(in crate::cli) known: KnownArgs,

    #[command(flatten)]
    pub(in crate::cli) reports: ReportArgs,
}
