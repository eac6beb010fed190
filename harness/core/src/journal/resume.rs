//! Resumes a run that was cut short: which of its events are kept, and whether the rest can be played as it would have
//! been.
//!
//! [`PlayedSoFar`] sees all events of the journal once. [`KeptCases`] then selects those that are kept: the events of
//! cases that have ended. A case that was under way, or in which we failed, is played again. The random phase, whose
//! cases depend on each other, is played again as a whole. No file is opened here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Event, Outcome, Phase, RunEnded, RunStarted};

/// Why a run cannot be resumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResumeProblem {
    /// The journal does not begin with the start of a run.
    NoRun,
    /// The journal has several runs.
    SeveralRuns,
    /// The run has ended.
    Ended,
    /// The journal does not record how the run was set up.
    NoSetup,
    /// A setting differs.
    OtherSetting {
        /// The setting.
        what: String,
        /// Its value in the journal.
        recorded: String,
        /// Its value now.
        now: String,
    },
}

impl fmt::Display for ResumeProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResumeProblem::NoRun => f.write_str("it does not begin with a run"),
            ResumeProblem::SeveralRuns => f.write_str("it has several runs"),
            ResumeProblem::Ended => f.write_str(
                "the run has ended\n  hint: stopcheck judge shows its verdict; a new run needs no --resume",
            ),
            ResumeProblem::NoSetup => f.write_str(
                "it does not record the options of the run: another version of stopcheck wrote it",
            ),
            ResumeProblem::OtherSetting { what, recorded, now } => write!(
                f,
                "its {} is {}, and now it is {}\n  hint: a run is resumed by the same stopcheck with the same options",
                // A journal may hold anything, and this goes to a terminal.
                what.escape_debug(),
                recorded.escape_debug(),
                now.escape_debug()
            ),
        }
    }
}

/// What the journal of a run shows about how far the run came.
#[derive(Debug, Default)]
pub struct PlayedSoFar {
    heads: Vec<RunStarted>,
    begun: BTreeSet<String>,
    /// The cases that have begun and not ended; `true` for those that count.
    open: BTreeMap<String, bool>,
    finished: BTreeSet<String>,
    end: Option<RunEnded>,
}

/// The cases of an earlier part of a run that need not be played again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCases {
    begun: BTreeSet<String>,
    finished: BTreeSet<String>,
}

impl PlayedSoFar {
    /// Takes the next event.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::RunStarted(head) => self.heads.push(head.clone()),
            Event::RunEnded(end) => self.end = Some(end.clone()),
            Event::CaseStarted(started) => {
                self.begun.insert(started.case.clone());
                let counts = !started.draft && started.phase != Phase::Random;
                self.open.insert(started.case.clone(), counts);
            }
            Event::CaseEnded(ended) => {
                let counts = self.open.remove(&ended.case).unwrap_or_default();
                if counts && !matches!(ended.outcome, Outcome::Error { .. }) {
                    self.finished.insert(ended.case.clone());
                }
            }
            Event::FixtureReady(_)
            | Event::LaunchDeviated(_)
            | Event::StepStarted(_)
            | Event::Exchanged(_)
            | Event::Judged(_)
            | Event::Noted(_)
            | Event::Explored(_)
            | Event::Recurred(_)
            | Event::Flaky(_)
            | Event::Reproduced(_) => {}
        }
    }

    /// What is kept if the run is resumed with the settings of `now`.
    pub fn resumed_as(self, now: &RunStarted) -> Result<KeptCases, ResumeProblem> {
        let (first, rest) = self.heads.split_first().ok_or(ResumeProblem::NoRun)?;
        if !rest.iter().all(|head| head.continues(first)) {
            return Err(ResumeProblem::SeveralRuns);
        }
        if self.end.is_some_and(|end| !end.interrupted) {
            return Err(ResumeProblem::Ended);
        }
        is_set_up_as(first, now)?;
        Ok(KeptCases {
            begun: self.begun,
            finished: self.finished,
        })
    }
}

impl KeptCases {
    /// Whether the event is kept. What concerns the whole run is said anew by the part that is played now.
    pub fn keep(&self, event: &Event) -> bool {
        match event {
            Event::RunStarted(_) => true,
            Event::RunEnded(_) | Event::Explored(_) | Event::Recurred(_) | Event::Flaky(_) => false,
            Event::Noted(noted) => self.finished.contains(&noted.case),
            Event::CaseStarted(_)
            | Event::FixtureReady(_)
            | Event::LaunchDeviated(_)
            | Event::StepStarted(_)
            | Event::Exchanged(_)
            | Event::Judged(_)
            | Event::CaseEnded(_)
            | Event::Reproduced(_) => event
                .case()
                // Requests that remove what several cases have left belong to none.
                .is_some_and(|case| self.finished.contains(case) || !self.begun.contains(case)),
        }
    }

    /// The number of cases that are not played again.
    pub fn count(&self) -> usize {
        self.finished.len()
    }
}

/// Compares the settings of two parts of a run.
fn is_set_up_as(first: &RunStarted, now: &RunStarted) -> Result<(), ResumeProblem> {
    let settings = |head: &RunStarted| {
        let slice = head.partition.as_ref().map(|partition| partition.slice);
        let own = [
            // A server that the run starts has another port each time.
            ("endpoint", head.endpoint.clone(), head.server.is_empty()),
            ("slice", slice.unwrap_or_default().to_string(), true),
        ];
        let own = own.into_iter().filter(|(.., counts)| *counts);
        let own = own.map(|(what, value, _)| (what.to_owned(), value));
        let common = head.common_settings().ok_or(ResumeProblem::NoSetup)?;
        Ok(own.chain(common).collect::<BTreeMap<_, _>>())
    };
    let (then, now) = (settings(first)?, settings(now)?);
    let value = |of: &BTreeMap<String, String>, what: &str| {
        of.get(what).cloned().unwrap_or_else(|| "not set".to_owned())
    };
    let mut names = then.keys().chain(now.keys());
    match names.find(|what| then.get(*what) != now.get(*what)) {
        None => Ok(()),
        Some(what) => Err(ResumeProblem::OtherSetting {
            what: what.clone(),
            recorded: value(&then, what),
            now: value(&now, what),
        }),
    }
}

#[cfg(test)]
mod tests;
