//! Makes a recording of each named case from the events of a run.
//!
//! Cases may be interleaved if there are several workers; each is kept only until it has ended.

use std::collections::HashMap;

use super::transcript::TranscriptDraft;
use crate::contract::ClauseId;
use crate::journal::{CaseStarted, Event, Finding, Judged, Outcome, Phase};
use crate::words::{English, Words as _};

/// Receives the events of a run, and returns a recording at the end of each named case.
#[derive(Debug, Default)]
pub struct TranscriptRecorder {
    open: HashMap<String, Open>,
}

/// The recording of a case: its transcript and what the judge found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The name of the case.
    pub case: String,
    /// What it shows.
    pub purpose: String,
    /// The clauses that the case covers.
    pub clauses: Vec<ClauseId>,
    /// The clauses that were violated, each with the step that showed it.
    pub violated: Vec<(usize, ClauseId)>,
    /// The clauses that were judged, each with the step.
    pub judged: Vec<(usize, ClauseId)>,
    /// The `Server` header of the endpoint, if there is one.
    pub server: Option<String>,
    /// The transcript, or why there is none: a case that we could not finish says nothing about the endpoint.
    pub text: Result<String, String>,
}

#[derive(Debug)]
struct Open {
    head: CaseStarted,
    draft: TranscriptDraft,
    violated: Vec<(usize, ClauseId)>,
    judged: Vec<(usize, ClauseId)>,
    server: Option<String>,
}

impl TranscriptRecorder {
    /// Receives the next event. Returns the recording of the case that ends with it.
    pub fn take(&mut self, event: &Event) -> Option<Recording> {
        if let Event::CaseStarted(head) = event {
            // Only these cases are the same in every run.
            if head.phase == Phase::Scenarios && !head.draft {
                let open = Open {
                    head: head.clone(),
                    draft: TranscriptDraft::default(),
                    violated: Vec::new(),
                    judged: Vec::new(),
                    server: None,
                };
                self.open.insert(head.case.clone(), open);
            }
            return None;
        }
        let open = self.open.get_mut(event.case()?)?;
        match event {
            Event::FixtureReady(ready) => open.draft.fixture(ready),
            Event::StepStarted(step) => open.draft.step(step.step, &step.intent),
            Event::Exchanged(exchanged) => {
                open.draft.exchange(exchanged);
                if let (None, Some(answer)) = (&open.server, exchanged.answers.first()) {
                    open.server = answer.headers.get("server").map(str::to_owned);
                }
            }
            Event::Judged(judged) => open.judge(judged),
            Event::CaseEnded(ended) => {
                let open = self.open.remove(&ended.case)?;
                return Some(open.end(&ended.outcome));
            }
            Event::RunStarted(_)
            | Event::CaseStarted(_)
            | Event::LaunchDeviated(_)
            | Event::Noted(_)
            | Event::Explored(_)
            | Event::Recurred(_)
            | Event::Flaky(_)
            | Event::Reproduced(_)
            | Event::RunEnded(_) => {}
        }
        None
    }
}

impl Open {
    fn judge(&mut self, judged: &Judged) {
        let violates = |finding: &&Finding| finding.verdict.is_deviation();
        let violated = judged
            .findings
            .iter()
            .filter(violates)
            .map(|finding| &finding.clause);
        self.violated
            .extend(violated.map(|clause| (judged.step, clause.clone())));
        let found = judged.findings.iter().map(|finding| &finding.clause);
        let looked_at = judged.held.iter().chain(found);
        self.judged
            .extend(looked_at.map(|clause| (judged.step, clause.clone())));
    }

    fn end(mut self, outcome: &Outcome) -> Recording {
        let text = match outcome {
            Outcome::Judged { .. } => Ok(self.draft.finish()),
            Outcome::Unsupported { obstacle } => {
                self.draft.unsupported(&English.obstacle(obstacle));
                Ok(self.draft.finish())
            }
            Outcome::Error { what } => Err(what.clone()),
        };
        self.violated.sort_unstable();
        self.violated.dedup();
        Recording {
            case: self.head.case,
            purpose: self.head.purpose,
            clauses: self.head.clauses,
            violated: self.violated,
            judged: self.judged,
            server: self.server,
            text,
        }
    }
}
