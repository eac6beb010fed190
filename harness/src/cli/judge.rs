//! `stopcheck judge`: judges recorded runs again, and recordings of other clients.

use std::path::Path;
use std::sync::Arc;

use super::args::JudgeArgs;
use super::error::CliError;
use super::journal::{Events, JournalWriter, not_over_itself};
use super::known::KnownUse;
use super::{reports, run, traffic};
use crate::check::Judge;
use crate::contract::{Confidence, Contract, Edition};
use crate::journal::{Event, RunStarted};
use crate::report::{Tally, exit};

pub(super) fn judge(args: &JudgeArgs) -> Result<u8, CliError> {
    let mut worst = exit::CONFORMANT;
    not_over_itself(args.journal.as_deref(), &args.journals)?;
    if args.known.known_update.is_some() && args.journals.len() > 1 {
        return Err(CliError::Usage(
            "--known-update writes the deviations of one run: name one journal".to_owned(),
        ));
    }
    reports::check(&args.reports)?;
    let mut journal = args.journal.as_deref().map(JournalWriter::create).transpose()?;
    let edition = args.edition.map(Edition::from);
    let least = args.reports.min_confidence.map(Confidence::from);
    for path in &args.journals {
        let how = Rejudging {
            edition,
            least,
            exclusive: args.exclusive,
        };
        let (mut tally, contract) = tally_of(path, how, |event| match &mut journal {
            Some(journal) => journal.write(event),
            None => Ok(()),
        })?;
        let known = KnownUse::of_recorded(&args.known, &contract, &tally)?;
        known.review(&mut tally, &contract);
        worst = exit::of_both(worst, reports::write(&args.reports, &tally, &contract)?);
        known.update(&tally, &contract, reports::policy(&args.reports))?;
    }
    drop(journal);
    Ok(worst)
}

/// How recordings are judged.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rejudging {
    /// The edition, in place of the recorded one.
    pub(super) edition: Option<Edition>,
    /// The least confidence with which a MUST decides, in place of the recorded one.
    pub(super) least: Option<Confidence>,
    /// Whether nothing else changed the instances, for recordings of other clients.
    pub(super) exclusive: bool,
}

/// Judges a journal or a recording of other clients, and passes on every event.
pub(super) fn tally_of(
    path: &Path,
    how: Rejudging,
    mut each: impl FnMut(&Event) -> Result<(), CliError>,
) -> Result<(Tally, Arc<Contract>), CliError> {
    if traffic::is_recording(path)? {
        return traffic::tally_of(path, how, each);
    }
    if how.exclusive {
        return Err(CliError::Usage(format!(
            "--exclusive is for recordings in HAR, and {} is a journal, which records what was watched",
            path.display()
        )));
    }
    let mut events = Events::open(path)?;
    let head = events.head()?;
    let head = RunStarted {
        edition: how.edition.unwrap_or(head.edition),
        min_confidence: how.least.unwrap_or(head.min_confidence),
        ..head
    };
    let contract = run::contract_of(head.edition);
    let judge = Judge::new(Arc::clone(&contract), head.min_confidence);
    let mut events = events.judged(judge, head);
    let mut tally = Tally::new(&contract);
    while let Some(event) = events.next()? {
        each(&event)?;
        tally.take(&event);
    }
    Ok((tally, contract))
}
