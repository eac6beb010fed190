//! `stopcheck report`: writes the reports of a recorded run.

use super::args::JournalReportArgs;
use super::error::CliError;
use super::known::KnownUse;
use super::{judge, reports};
use crate::report::exit;

/// Writes the reports, or prints the report for people if none is named. The verdicts do not decide the exit code.
pub(super) fn report(args: &JournalReportArgs) -> Result<u8, CliError> {
    reports::check(&args.reports)?;
    let how = judge::Rejudging {
        least: args.reports.min_confidence.map(Into::into),
        ..Default::default()
    };
    let (mut tally, contract) = judge::tally_of(&args.journal, how, |_| Ok(()))?;
    let known = KnownUse::of_recorded(&args.known, &contract, &tally)?;
    known.review(&mut tally, &contract);
    if args.reports.reports.is_empty() && args.reports.artifacts.is_none() {
        reports::write(&args.reports, &tally, &contract)?;
    } else {
        reports::files(&args.reports, &tally, &contract)?;
    }
    known.update(&tally, &contract, reports::policy(&args.reports))?;
    Ok(exit::CONFORMANT)
}
