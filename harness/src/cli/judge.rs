//! `stopcheck judge`: judges recorded runs again.

use std::path::Path;
use std::sync::Arc;

use super::args::JudgeArgs;
use super::error::CliError;
use super::journal::{Events, JournalWriter, not_over_itself};
use super::known::KnownUse;
use super::{reports, run};
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
        let (mut tally, contract) = tally_of(path, edition, least, |event| match &mut journal {
            Some(journal) => journal.write(event),
            None => Ok(()),
        })?;
        let known = KnownUse::of_recorded(&args.known, &contract, &tally)?;
        known.review(&mut tally, &contract);
        worst = exit::of_both(worst, reports::write(&args.reports, &tally, &contract)?);
        known.update(&tally, &contract, reports::policy(&args.reports))?;
    }
    journal.map_or(Ok(()), JournalWriter::finish)?;
    Ok(worst)
}

/// Judges a journal, by this edition and least confidence in place of the recorded ones, and passes on every event.
pub(super) fn tally_of(
    path: &Path,
    edition: Option<Edition>,
    least: Option<Confidence>,
    mut each: impl FnMut(&Event) -> Result<(), CliError>,
) -> Result<(Tally, Arc<Contract>), CliError> {
    let mut events = Events::open(path)?;
    let head = events.head()?;
    let head = RunStarted {
        edition: edition.unwrap_or(head.edition),
        min_confidence: least.unwrap_or(head.min_confidence),
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
