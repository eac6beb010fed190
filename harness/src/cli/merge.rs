//! `stopcheck merge`: one journal, one report and one verdict from the journals of all slices of a run.
//!
//! Every journal is read three times: to see whether it is whole and belongs to the others, to collect what all slices
//! found, and to write the events. So memory does not grow with the length of the journals.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::MergeArgs;
use super::error::CliError;
use super::goldens::GoldenUse;
use super::journal::{Events, JournalWriter, JudgedEvents, not_over_itself};
use super::known::KnownUse;
use super::{reports, run};
use crate::check::Judge;
use crate::contract::{Confidence, Contract};
use crate::journal::{Event, Merge, Phase, RunStarted, SliceFindings, SliceJournal};
use crate::report::Tally;

pub(super) fn merge(args: &MergeArgs) -> Result<u8, CliError> {
    not_over_itself(args.journal.as_deref(), &args.journals)?;
    reports::check(&args.reports)?;
    let journals: Vec<SliceJournal> = args
        .journals
        .iter()
        .map(|path| scan(path))
        .collect::<Result<_, _>>()?;
    let merge = Merge::of(&journals).map_err(CliError::Merge)?;
    let in_order: Vec<&PathBuf> = merge
        .order()
        .iter()
        .filter_map(|at| args.journals.get(*at))
        .collect();
    let least = args.reports.min_confidence.map(Into::into);
    let head = RunStarted {
        min_confidence: least.unwrap_or(merge.head().min_confidence),
        ..merge.head().clone()
    };
    let contract = run::contract_of(head.edition);

    let mut findings = SliceFindings::default();
    for path in &in_order {
        let mut events = judged(path, &contract, head.min_confidence)?;
        while let Some(event) = events.next()? {
            findings.take(&event);
        }
    }
    let mut merged = findings.finish(&merge);

    let url = (head.endpoint != "reference").then_some(head.endpoint.as_str());
    let mut goldens = GoldenUse::of(&args.goldens, url, head.edition)?;
    let plays_named_cases = head.phases.contains_key(&Phase::Scenarios);
    let mut journal = args.journal.as_deref().map(JournalWriter::create).transpose()?;
    let mut tally = Tally::new(&contract);
    let mut take = |event: Event| -> Result<(), CliError> {
        if let Some(journal) = &mut journal {
            journal.write(&event)?;
        }
        tally.take(&event);
        goldens.take(&event);
        Ok(())
    };
    take(Event::RunStarted(head.clone()))?;
    for path in &in_order {
        let mut events = judged(path, &contract, head.min_confidence)?;
        while let Some(event) = events.next()? {
            if let Some(event) = merged.next(event) {
                take(event)?;
            }
        }
    }
    merged.finish().try_for_each(take)?;
    drop(journal);

    let goldens = goldens.finish(&contract, plays_named_cases);
    let known = KnownUse::of_recorded(&args.known, &contract, &tally)?;
    run::conclude(
        &args.reports,
        &args.goldens,
        &mut tally,
        goldens,
        &known,
        &contract,
    )
}

/// The starts and the end of what a journal holds.
fn scan(path: &Path) -> Result<SliceJournal, CliError> {
    let mut events = Events::open(path)?;
    let mut journal = SliceJournal {
        name: path.display().to_string(),
        ..SliceJournal::default()
    };
    while let Some(event) = events.next()? {
        match event {
            Event::RunStarted(head) => journal.heads.push(head),
            _ if journal.heads.is_empty() => return Err(events.begins_without_a_run()),
            Event::RunEnded(end) => journal.end = Some(end),
            Event::CaseStarted(_)
            | Event::FixtureReady(_)
            | Event::LaunchDeviated(_)
            | Event::StepStarted(_)
            | Event::Exchanged(_)
            | Event::Judged(_)
            | Event::CaseEnded(_)
            | Event::Noted(_)
            | Event::Explored(_)
            | Event::Recurred(_)
            | Event::Flaky(_)
            | Event::Reproduced(_) => {}
        }
    }
    Ok(journal)
}

/// The events of a slice, judged by this contract.
fn judged<'a>(
    path: &'a Path,
    contract: &Arc<Contract>,
    least: Confidence,
) -> Result<JudgedEvents<'a>, CliError> {
    let mut events = Events::open(path)?;
    let head = events.head()?;
    Ok(events.judged(Judge::new(Arc::clone(contract), least), head))
}
