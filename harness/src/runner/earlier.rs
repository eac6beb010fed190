//! What the earlier part of a run has shown, if the run was cut short and is resumed.
//!
//! In come the judged events that are kept. Out goes what the cases that are still to be played depend on: which cases
//! have been played, what they found, and what they used of the limits of the run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::dispatch::FoundInCase;
use crate::journal::{Event, Finding, Phase, Role};

/// The earlier part of a run.
#[derive(Debug, Clone, Default)]
pub struct EarlierPart {
    played: BTreeSet<String>,
    found: Vec<FoundInCase>,
    open: BTreeMap<String, OpenCase>,
    requests: usize,
    spent_ms: u64,
    /// When the part that is being read began, and its last moment.
    interval: Option<(u64, u64)>,
}

#[derive(Debug, Clone)]
struct OpenCase {
    index: usize,
    phase: Phase,
    findings: Vec<Finding>,
}

impl EarlierPart {
    /// Takes the next event that is kept.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::RunStarted(head) => {
                self.spent_ms += self.length_ms();
                self.interval = Some((head.at_ms, head.at_ms));
            }
            Event::CaseStarted(started) if !started.draft => {
                let open = OpenCase {
                    index: started.index,
                    phase: started.phase,
                    findings: Vec::new(),
                };
                self.open.insert(started.case.clone(), open);
            }
            Event::Judged(judged) => {
                if let Some(open) = self.open.get_mut(&judged.case) {
                    open.findings.extend(judged.findings.iter().cloned());
                }
            }
            Event::Exchanged(exchange) => {
                self.requests += usize::from(exchange.role != Role::Clean);
                if let Some((_, last)) = &mut self.interval {
                    *last = (*last).max(exchange.at_ms.saturating_add(exchange.took_ms));
                }
            }
            Event::CaseEnded(ended) => {
                if let Some(open) = self.open.remove(&ended.case) {
                    self.played.insert(ended.case.clone());
                    // What random scripts find is never what raw bytes have shown.
                    if open.phase != Phase::Wire && !open.findings.is_empty() {
                        self.found.push((open.index, ended.case.clone(), open.findings));
                    }
                }
            }
            Event::CaseStarted(_)
            | Event::FixtureReady(_)
            | Event::LaunchDeviated(_)
            | Event::StepStarted(_)
            | Event::Noted(_)
            | Event::Explored(_)
            | Event::Recurred(_)
            | Event::Flaky(_)
            | Event::Reproduced(_)
            | Event::RunEnded(_) => {}
        }
    }

    /// Whether a case has been played.
    pub(super) fn has_played(&self, case: &str) -> bool {
        self.played.contains(case)
    }

    /// What cases of calls have found.
    pub(super) fn found(&self) -> &[FoundInCase] {
        &self.found
    }

    /// How many requests were sent, not counting clean-up.
    pub(super) fn requests(&self) -> usize {
        self.requests
    }

    /// How long it took.
    pub(super) fn spent(&self) -> Duration {
        Duration::from_millis(self.spent_ms + self.length_ms())
    }

    fn length_ms(&self) -> u64 {
        self.interval
            .map(|(began, last)| last.saturating_sub(began))
            .unwrap_or_default()
    }
}
