//! Judges a recording again: takes the events of a journal and returns the same events with new verdicts.
//!
//! Exchanges, fixtures and intents are used as recorded. The recorded conclusions are dropped and drawn again, by the
//! contract given now.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{CaseJudge, Judge, Observation};
use crate::journal::{CaseEnded, Event, Exchanged, Intent, Judged, StepStarted, Wired};
use crate::model::ReadLag;
use crate::protocol::capture::revive;
use crate::protocol::reply::{self, Reply};
use crate::verdict::{Outcome, Verdict};

/// Judges the events of one journal again.
#[derive(Debug)]
pub struct JournalJudge {
    judge: Arc<Judge>,
    /// The read lag of the recorded run.
    read_lag: ReadLag,
    open: BTreeMap<String, OpenCase>,
}

#[derive(Debug)]
struct OpenCase {
    judge: CaseJudge,
    step: Option<StepStarted>,
    exchanges: Vec<Exchanged>,
    wired: Vec<Wired>,
    worst: Verdict,
}

impl JournalJudge {
    /// Starts with the contract of this judge.
    pub fn new(judge: Arc<Judge>) -> Self {
        JournalJudge {
            read_lag: judge.read_lag,
            judge,
            open: BTreeMap::new(),
        }
    }

    /// Returns the event that replaces this one, if any.
    pub fn take(&mut self, event: Event) -> Option<Event> {
        match &event {
            Event::CaseStarted(started) => {
                let open = OpenCase {
                    judge: CaseJudge::new(Arc::clone(&self.judge), &started.case)
                        .with_read_lag(self.read_lag),
                    step: None,
                    exchanges: Vec::new(),
                    wired: Vec::new(),
                    worst: Verdict::Pass,
                };
                self.open.insert(started.case.clone(), open);
            }
            Event::FixtureReady(ready) => {
                if let Some(open) = self.open.get_mut(&ready.case) {
                    open.judge.fixture(ready);
                }
            }
            Event::StepStarted(started) => {
                if let Some(open) = self.open.get_mut(&started.case) {
                    open.step = Some(started.clone());
                    open.exchanges.clear();
                    open.wired.clear();
                }
            }
            Event::Exchanged(exchanged) => {
                if let Some(open) = self.open.get_mut(&exchanged.case)
                    && open.step.as_ref().is_some_and(|step| step.step == exchanged.step)
                {
                    open.exchanges.push(exchanged.as_ref().clone());
                }
            }
            Event::Wired(wired) => {
                if let Some(open) = self.open.get_mut(&wired.case)
                    && open.step.as_ref().is_some_and(|step| step.step == wired.step)
                {
                    open.wired.push(wired.as_ref().clone());
                }
            }
            Event::Judged(judged) => {
                let open = self.open.get_mut(&judged.case)?;
                let step = open.step.take()?;
                let judged = match step.intent {
                    Intent::Wire(_) => {
                        let replies = replies_of(&open.exchanges);
                        let looks = heard_of(&open.exchanges, &replies);
                        open.judge.judge_wire(&step, &open.wired, &looks)
                    }
                    Intent::Call
                    | Intent::Together
                    | Intent::Settle { .. }
                    | Intent::Observe
                    | Intent::Launch { .. }
                    | Intent::Pass { .. }
                    | Intent::Rest => judge_recorded(&mut open.judge, &step, &open.exchanges),
                };
                open.worst = judged
                    .findings
                    .iter()
                    .map(|finding| finding.verdict)
                    .fold(open.worst, Verdict::max);
                return Some(Event::Judged(judged));
            }
            Event::CaseEnded(ended) => {
                let open = self.open.remove(&ended.case);
                let outcome = match (&ended.outcome, open) {
                    (Outcome::Judged { .. }, Some(open)) => Outcome::Judged { verdict: open.worst },
                    (outcome, _) => outcome.clone(),
                };
                return Some(Event::CaseEnded(CaseEnded {
                    case: ended.case.clone(),
                    outcome,
                }));
            }
            Event::RunStarted(started) => self.read_lag = ReadLag::from_ms(started.read_lag_ms),
            Event::Explored(_)
            | Event::Recurred(_)
            | Event::Flaky(_)
            | Event::Noted(_)
            | Event::RunEnded(_) => {}
        }
        Some(event)
    }
}

/// Judges a step by its recorded exchanges.
pub(super) fn judge_recorded(judge: &mut CaseJudge, step: &StepStarted, exchanges: &[Exchanged]) -> Judged {
    let replies = replies_of(exchanges);
    let heard = heard_of(exchanges, &replies);
    judge.judge(step, &heard)
}

/// The decoded answers of recorded exchanges; `None` where no answer came.
fn replies_of(exchanges: &[Exchanged]) -> Vec<Option<Reply>> {
    exchanges
        .iter()
        .map(|exchanged| revive(&exchanged.answer).map(reply::decode))
        .collect()
}

fn heard_of<'a>(exchanges: &'a [Exchanged], replies: &'a [Option<Reply>]) -> Vec<Observation<'a>> {
    exchanges
        .iter()
        .zip(replies)
        .map(|(exchanged, reply)| Observation::of(exchanged, reply.as_ref()))
        .collect()
}
