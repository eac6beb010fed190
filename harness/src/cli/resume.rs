//! `stopcheck run --resume`: what of a journal is kept, so that the rest of its run can be played.
//!
//! In comes the journal of a run that was killed or interrupted; out go the events of the cases that have ended, judged
//! anew. The journal is locked and stays as it is until the run goes on, and is then replaced as a whole, so that a run
//! that is killed again can be resumed again.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::error::CliError;
use super::journal::{Events, JournalWriter};
use crate::check::{JournalFold, Judge};
use crate::journal::{Event, KeptCases, PlayedSoFar, RunId, RunStarted};

/// The journal of a run that is to be resumed.
pub(super) struct ResumedJournal<'a> {
    path: &'a Path,
    /// Keeps the journal locked.
    locked: Events<'a>,
    head: RunStarted,
    so_far: PlayedSoFar,
}

impl<'a> ResumedJournal<'a> {
    /// Reads the journal once. `None` if its run was killed before it wrote anything: then all of it is played.
    pub(super) fn open(path: &'a Path) -> Result<Option<Self>, CliError> {
        let mut events = Events::open(path)?;
        events.lock()?;
        let mut so_far = PlayedSoFar::default();
        let Some(first) = events.next()? else {
            eprintln!("note: {} has no event; everything is played", path.display());
            return Ok(None);
        };
        so_far.take(&first);
        let Event::RunStarted(head) = first else {
            return Err(events.begins_without_a_run());
        };
        while let Some(event) = events.next()? {
            so_far.take(&event);
        }
        Ok(Some(ResumedJournal {
            path,
            locked: events,
            head,
            so_far,
        }))
    }

    /// What is kept if the run goes on with the settings of `now`.
    pub(super) fn kept_in(self, now: &RunStarted) -> Result<KeptJournal<'a>, CliError> {
        let cases = self.so_far.resumed_as(now).map_err(|problem| CliError::Resume {
            path: self.path.to_owned(),
            problem,
        })?;
        Ok(KeptJournal {
            path: self.path,
            _locked: self.locked,
            head: self.head,
            cases,
            planned: now.cases,
        })
    }
}

/// The part of a journal that is kept.
pub(super) struct KeptJournal<'a> {
    path: &'a Path,
    _locked: Events<'a>,
    head: RunStarted,
    cases: KeptCases,
    planned: usize,
}

impl KeptJournal<'_> {
    /// The id of the run.
    pub(super) fn run_id(&self) -> Option<RunId> {
        self.head.run_id
    }

    /// Writes the events that are kept to a new journal, and passes on each with the judgements that follow.
    pub(super) fn replay(
        &self,
        judge: Judge,
        mut journal: Option<&mut JournalWriter>,
        mut take: impl FnMut(&Event),
    ) -> Result<(), CliError> {
        let mut events = Events::open(self.path)?.quietly();
        let mut fold = JournalFold::new(Arc::new(judge));
        while let Some(event) = events.next()? {
            if !self.cases.keep(&event) {
                continue;
            }
            if let Some(journal) = &mut journal {
                journal.write(&event)?;
            }
            fold.take(event, |event| take(&event));
        }
        Ok(())
    }
}

impl fmt::Display for KeptJournal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        write!(
            f,
            "{path} has {} of {} cases; the others are played now",
            self.cases.count(),
            self.planned
        )
    }
}
