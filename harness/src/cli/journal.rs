//! Reads journals from files, and writes them.
//!
//! [`Events`] gives the events as they were recorded, [`JudgedEvents`] the same events with the judgements that follow
//! from them. A command that says anything about verdicts reads the latter.
//! [`JournalWriter`] writes events as they come.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::CliError;
use crate::check::{JournalFold, Judge};
use crate::journal::{Event, LineError, RunStarted};

/// Writes the events of a journal.
///
/// Each line is passed to the system by itself and at once, so a run that is killed loses at most the line that it is
/// writing. While the file is being written it is locked, so that nobody resumes a run that goes on.
pub(super) struct JournalWriter {
    path: PathBuf,
    /// Where the journal is written until it takes its place at `path`.
    draft: Option<PathBuf>,
    file: File,
}

impl JournalWriter {
    /// Creates the file.
    pub(super) fn create(path: &Path) -> Result<Self, CliError> {
        Ok(JournalWriter {
            file: created(path)?,
            path: path.to_owned(),
            draft: None,
        })
    }

    /// Creates a file that takes the place of `path` when [`JournalWriter::take_place`] is called.
    pub(super) fn instead_of(path: &Path) -> Result<Self, CliError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".resumed");
        let draft = PathBuf::from(name);
        Ok(JournalWriter {
            file: created(&draft)?,
            path: path.to_owned(),
            draft: Some(draft),
        })
    }

    /// Replaces the journal that was there until now.
    pub(super) fn take_place(&mut self) -> Result<(), CliError> {
        let Some(draft) = self.draft.take() else {
            return Ok(());
        };
        std::fs::rename(draft, &self.path).map_err(|source| self.unwritten(source))
    }

    /// Writes an event.
    pub(super) fn write(&mut self, event: &Event) -> Result<(), CliError> {
        let mut line = event.to_line();
        line.push('\n');
        let written = self.file.write_all(line.as_bytes());
        written.map_err(|source| self.unwritten(source))
    }

    fn unwritten(&self, source: io::Error) -> CliError {
        CliError::File {
            doing: "write",
            path: self.path.clone(),
            source,
        }
    }
}

impl Drop for JournalWriter {
    fn drop(&mut self) {
        // The run did not begin, so the journal stays as it was.
        if let Some(draft) = &self.draft {
            let _ = std::fs::remove_file(draft);
        }
    }
}

/// Creates a journal, or empties one that no run is writing.
fn created(path: &Path) -> Result<File, CliError> {
    let failed = |source| CliError::File {
        doing: "create",
        path: path.to_owned(),
        source,
    };
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).open(path);
    let file = file.map_err(failed)?;
    lock(&file, path)?;
    // What is not a regular file cannot be emptied.
    if file.metadata().map_err(failed)?.is_file() {
        file.set_len(0).map_err(failed)?;
    }
    Ok(file)
}

/// Locks a journal as long as the file is open; an error if a run is writing it. Where a file system has no locks,
/// nothing is locked.
pub(super) fn lock(file: &File, path: &Path) -> Result<(), CliError> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(CliError::Usage(format!(
            "could not use {}: a run is writing it",
            path.display()
        ))),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
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

/// What every journal begins with.
const BEGINNING: &[u8] = b"{\"event\":\"run_started\"";

/// Reads the events of a journal, one at a time.
pub(super) struct Events<'a> {
    path: &'a Path,
    file: BufReader<File>,
    line: usize,
    is_quiet: bool,
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
            is_quiet: false,
        })
    }

    /// Prints no note, for a journal that was read before.
    pub(super) fn quietly(self) -> Self {
        Events {
            is_quiet: true,
            ..self
        }
    }

    /// Locks the journal as long as it is open; an error if a run is writing it.
    pub(super) fn lock(&self) -> Result<(), CliError> {
        lock(self.file.get_ref(), self.path)
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
            Err(_) if !whole && !other_schema && (self.line > 1 || bytes.starts_with(BEGINNING)) => {
                if !self.is_quiet {
                    eprintln!(
                        "note: {}: line {} is incomplete and left out; the run was cut short while it wrote",
                        self.path.display(),
                        self.line
                    );
                }
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
