//! `stopcheck judge`: judges recorded runs again.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use super::args::JudgeArgs;
use super::error::CliError;
use super::journal::Events;
use super::known::KnownUse;
use super::{reports, run};
use crate::check::Judge;
use crate::contract::Edition;
use crate::journal::RunStarted;
use crate::report::{Tally, exit};

pub(super) fn judge(args: &JudgeArgs) -> Result<u8, CliError> {
    let mut worst = exit::CONFORMANT;
    if let Some(to) = &args.journal
        && args.journals.iter().any(|from| is_same_file(from, to))
    {
        return Err(CliError::Usage(format!(
            "could not write {}: it is one of the journals to read",
            to.display()
        )));
    }
    if args.known.known_update.is_some() && args.journals.len() > 1 {
        return Err(CliError::Usage(
            "--known-update writes the deviations of one run: name one journal".to_owned(),
        ));
    }
    reports::check(&args.reports)?;
    let mut journal = args.journal.as_deref().map(run::create).transpose()?;
    for path in &args.journals {
        let mut events = Events::open(path)?;
        let head = events.head()?;
        let edition = args.edition.map_or(head.edition, Edition::from);
        let contract = run::contract_of(edition);
        let least = args
            .reports
            .min_confidence
            .map_or(head.min_confidence, Into::into);
        let head = RunStarted {
            edition,
            min_confidence: least,
            ..head
        };
        let mut events = events.judged(Judge::new(Arc::clone(&contract), least), head);
        let mut tally = Tally::new(&contract);
        while let Some(event) = events.next()? {
            if let (Some(file), Some(to)) = (&mut journal, &args.journal) {
                run::write_line(file, to, &event)?;
            }
            tally.take(&event);
        }
        let known = KnownUse::of_recorded(&args.known, &contract, &tally)?;
        known.review(&mut tally, &contract);
        worst = exit::of_both(worst, reports::write(&args.reports, &tally, &contract)?);
        known.update(&tally, &contract, reports::policy(&args.reports))?;
    }
    if let (Some(mut file), Some(path)) = (journal, &args.journal) {
        file.flush().map_err(|source| CliError::File {
            doing: "write",
            path: path.clone(),
            source,
        })?;
    }
    Ok(worst)
}

pub(super) fn is_same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        (Ok(_) | Err(_), _) => false,
    }
}
