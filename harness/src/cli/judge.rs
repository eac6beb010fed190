//! `stopcheck judge`: the verdicts of recorded runs, concluded again.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::sync::Arc;

use super::args::JudgeArgs;
use super::error::CliError;
use super::{reports, run};
use crate::check::{Again, Judge};
use crate::contract::Edition;
use crate::journal::{Event, RunStarted};
use crate::report::{Tally, exit};

pub(super) fn judge(args: &JudgeArgs) -> Result<u8, CliError> {
    let mut worst = exit::CONFORMANT;
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
        let mut again = Again::new(Arc::new(Judge::new(Arc::clone(&contract), least)));
        let mut tally = Tally::new(&contract);
        let head = Event::RunStarted(RunStarted {
            edition,
            min_confidence: least,
            ..head
        });
        let mut next = Some(head);
        while let Some(event) = next {
            if let Some(event) = again.take(event) {
                if let (Some(file), Some(to)) = (&mut journal, &args.journal) {
                    run::write_line(file, to, &event)?;
                }
                tally.take(&event);
            }
            next = events.next()?;
        }
        worst = worst.max(reports::write(&args.reports, &tally, &contract)?);
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

/// The events of a file, one at a time.
struct Events<'a> {
    path: &'a Path,
    lines: std::io::Lines<BufReader<File>>,
    line: usize,
}

impl<'a> Events<'a> {
    fn open(path: &'a Path) -> Result<Self, CliError> {
        let file = File::open(path).map_err(|source| CliError::File {
            doing: "open",
            path: path.to_owned(),
            source,
        })?;
        Ok(Events {
            path,
            lines: BufReader::new(file).lines(),
            line: 0,
        })
    }

    fn head(&mut self) -> Result<RunStarted, CliError> {
        match self.next()? {
            Some(Event::RunStarted(head)) => Ok(head),
            Some(_) => Err(CliError::NoRun {
                path: self.path.to_owned(),
                why: "it does not begin with a run",
            }),
            None => Err(CliError::NoRun {
                path: self.path.to_owned(),
                why: "it is empty",
            }),
        }
    }

    fn next(&mut self) -> Result<Option<Event>, CliError> {
        let Some(line) = self.lines.next() else {
            return Ok(None);
        };
        self.line += 1;
        let line = line.map_err(|source| CliError::File {
            doing: "read",
            path: self.path.to_owned(),
            source,
        })?;
        let event = Event::from_line(&line);
        event.map(Some).map_err(|source| CliError::Journal {
            path: self.path.to_owned(),
            line: self.line,
            source,
        })
    }
}
