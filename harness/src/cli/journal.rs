//! Reads journals from files, and writes them.
//!
//! [`Events`] gives the events as they were recorded, [`JudgedEvents`] the same events with the judgements that follow
//! from them. A command that says anything about verdicts reads the latter.
//! [`JournalWriter`] writes events as they come.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::CliError;
use crate::check::{JournalFold, Judge};
use crate::journal::{Event, LineError, RunStarted};

/// Writes the events of a journal.
pub(super) struct JournalWriter {
    path: PathBuf,
    file: BufWriter<File>,
}

impl JournalWriter {
    /// Creates the file.
    pub(super) fn create(path: &Path) -> Result<Self, CliError> {
        let file = File::create(path).map_err(|source| CliError::File {
            doing: "create",
            path: path.to_owned(),
            source,
        })?;
        Ok(JournalWriter {
            path: path.to_owned(),
            file: BufWriter::new(file),
        })
    }

    /// Writes an event.
    pub(super) fn write(&mut self, event: &Event) -> Result<(), CliError> {
        let mut line = event.to_line();
        line.push('\n');
        let ends = matches!(event, Event::CaseEnded(_) | Event::RunEnded(_));
        let written = self.file.write_all(line.as_bytes());
        // An ended case must be on disk even if the run fails later.
        let written = match ends {
            true => written.and_then(|()| self.file.flush()),
            false => written,
        };
        written.map_err(|source| self.unwritten(source))
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> Result<(), CliError> {
        self.file.flush().map_err(|source| self.unwritten(source))
    }

    fn unwritten(&self, source: io::Error) -> CliError {
        CliError::File {
            doing: "write",
            path: self.path.clone(),
            source,
        }
    }
}

/// Refuses to write a journal over one of those to read.
pub(super) fn not_over_itself(to: Option<&Path>, journals: &[PathBuf]) -> Result<(), CliError> {
    match to {
        Some(to) if journals.iter().any(|from| is_same_file(from, to)) => Err(CliError::Usage(format!(
            "could not write {}: it is one of the journals to read",
            to.display()
        ))),
        Some(_) | None => Ok(()),
    }
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
        match self.next()? {
            Some(Event::RunStarted(head)) => Ok(head),
            Some(_) => Err(self.begins_without_a_run()),
            None => Err(self.no_run("it is empty")),
        }
    }

    /// The error for a journal whose first event does not start a run.
    pub(super) fn begins_without_a_run(&self) -> CliError {
        self.no_run("it does not begin with a run")
    }

    fn no_run(&self, why: &'static str) -> CliError {
        CliError::NoRun {
            path: self.path.to_owned(),
            why,
        }
    }

    /// Derives the judgements of the events that follow the head. The head may differ from the recorded one.
    pub(super) fn judged(self, judge: Judge, head: RunStarted) -> JudgedEvents<'a> {
        let mut judged = JudgedEvents {
            events: self,
            fold: Some(JournalFold::new(Arc::new(judge))),
            ready: VecDeque::new(),
        };
        judged.take(Event::RunStarted(head));
        judged
    }

    /// Reads the next event; `None` at the end.
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

/// Reads the events of a journal, with the judgements that follow from them.
pub(super) struct JudgedEvents<'a> {
    events: Events<'a>,
    /// `None` after the end of the journal.
    fold: Option<JournalFold>,
    ready: VecDeque<Event>,
}

impl JudgedEvents<'_> {
    /// The next event; `None` at the end. The first one is the head.
    pub(super) fn next(&mut self) -> Result<Option<Event>, CliError> {
        while self.ready.is_empty() && self.fold.is_some() {
            match self.events.next()? {
                Some(event) => self.take(event),
                None => {
                    if let Some(fold) = self.fold.take() {
                        fold.finish(|event| self.ready.push_back(event));
                    }
                }
            }
        }
        Ok(self.ready.pop_front())
    }

    fn take(&mut self, event: Event) {
        if let Some(fold) = &mut self.fold {
            fold.take(event, |event| self.ready.push_back(event));
        }
    }
}
