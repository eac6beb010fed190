//! `stopcheck judge`: judges recorded runs again.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::sync::Arc;

use super::args::JudgeArgs;
use super::error::CliError;
use super::{reports, run};
use crate::check::{JournalJudge, Judge};
use crate::contract::Edition;
use crate::journal::{Event, LineError, RunStarted};
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
        let mut again = JournalJudge::new(Arc::new(Judge::new(Arc::clone(&contract), least)));
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
        worst = exit::of_both(worst, reports::write(&args.reports, &tally, &contract)?);
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

fn is_same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        (Ok(_) | Err(_), _) => false,
    }
}

/// Reads the events of a journal, one at a time.
pub(super) struct Events<'a> {
    path: &'a Path,
    file: BufReader<File>,
    line: usize,
}

impl<'a> Events<'a> {
    pub(super) fn open(path: &'a Path) -> Result<Self, CliError> {
        let file = File::open(path).map_err(|source| CliError::File {
            doing: "open",
            path: path.to_owned(),
            source,
        })?;
        Ok(Events {
            path,
            file: BufReader::new(file),
            line: 0,
        })
    }

    /// Reads the first event, which starts the run.
    pub(super) fn head(&mut self) -> Result<RunStarted, CliError> {
        let no_run = |why| CliError::NoRun {
            path: self.path.to_owned(),
            why,
        };
        match self.next()? {
            Some(Event::RunStarted(head)) => Ok(head),
            Some(_) => Err(no_run("it does not begin with a run")),
            None => Err(no_run("it is empty")),
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<Event>, CliError> {
        let mut bytes = Vec::new();
        let read = self.file.read_until(b'\n', &mut bytes);
        read.map_err(|source| CliError::File {
            doing: "read",
            path: self.path.to_owned(),
            source,
        })?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.line += 1;
        let whole = bytes.pop_if(|last| *last == b'\n').is_some();
        let text = std::str::from_utf8(&bytes);
        let event = match text {
            Ok(text) => Event::from_line(text).map_err(|source| CliError::Journal {
                path: self.path.to_owned(),
                line: self.line,
                source,
            }),
            Err(error) => Err(CliError::File {
                doing: "read",
                path: self.path.to_owned(),
                source: io::Error::new(io::ErrorKind::InvalidData, format!("line {}: {error}", self.line)),
            }),
        };
        let other_schema = matches!(
            event,
            Err(CliError::Journal {
                source: LineError::OtherSchema(_),
                ..
            })
        );
        match event {
            Ok(event) => Ok(Some(event)),
            // A run that was killed while writing leaves half a line at the end. Everything before it is valid.
            Err(_) if !whole && !other_schema && self.line > 1 => {
                eprintln!(
                    "note: {}: line {} is incomplete and left out; the run was cut short while it wrote",
                    self.path.display(),
                    self.line
                );
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
