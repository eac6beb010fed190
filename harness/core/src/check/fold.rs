//! The fold over a journal: from observations to judgements.
//!
//! Input: the events of a journal, in order; the cases may be interleaved. Output: the same events with the judgements
//! that follow from them, by the contract given now. A step is judged once the journal shows that it is over: by the
//! next step, the end of the case, or the end of the journal. Recorded judgements are for people who read a journal.
//! They are never read here, so a journal without them gives the same result.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::traffic::TrafficJudge;
use super::{CaseJudge, Judge, Observation};
use crate::journal::{Event, Intent, Judged, Outcome, StepStarted};
use crate::model::ReadLag;
use crate::verdict::Verdict;

/// Derives the judgements of one journal.
#[derive(Debug)]
pub struct JournalFold {
    judge: Arc<Judge>,
    /// The read lag of the recorded run.
    read_lag: ReadLag,
    open: BTreeMap<String, OpenCase>,
    traffic: TrafficJudge,
}

#[derive(Debug)]
struct OpenCase {
    judge: CaseJudge,
    /// The number of the step that has begun and is not concluded.
    step: Option<usize>,
    /// The step that watches exchanges of other clients, if the case does.
    watched: Option<StepStarted>,
    worst: Verdict,
}

impl JournalFold {
    /// Starts with the contract of this judge.
    pub fn new(judge: Arc<Judge>) -> Self {
        JournalFold {
            read_lag: judge.read_lag,
            traffic: TrafficJudge::new(Arc::clone(&judge), judge.read_lag),
            judge,
            open: BTreeMap::new(),
        }
    }

    /// Takes the next event, and emits what follows from it.
    pub fn take(&mut self, mut event: Event, mut emit: impl FnMut(Event)) {
        let mut follows = None;
        match &mut event {
            Event::CaseStarted(started) => {
                let open = OpenCase {
                    judge: CaseJudge::new(Arc::clone(&self.judge), &started.case)
                        .with_read_lag(self.read_lag),
                    step: None,
                    watched: None,
                    worst: Verdict::Pass,
                };
                self.open.insert(started.case.clone(), open);
            }
            Event::FixtureReady(ready) => {
                if let Some(open) = self.open.get_mut(&ready.case) {
                    open.judge.fixture(ready);
                }
            }
            Event::LaunchDeviated(deviated) => {
                if let Some(open) = self.open.get_mut(&deviated.case) {
                    let judged = open.judge.launched_otherwise(deviated);
                    open.count(&judged);
                    follows = Some(Event::Judged(judged));
                }
            }
            Event::StepStarted(started) => {
                if let Some(open) = self.open.get_mut(&started.case) {
                    open.conclude(&mut emit);
                    if let Intent::Watch { .. } = started.intent {
                        open.watched = Some(started.clone());
                    } else {
                        open.step = Some(started.step);
                        open.judge.begin(started.clone());
                    }
                }
            }
            Event::Exchanged(exchange) => {
                if let Some(open) = self.open.get_mut(&exchange.case) {
                    if let Some(step) = &open.watched {
                        let judged = self.traffic.take(step, exchange);
                        open.count(&judged);
                        follows = Some(Event::Judged(judged));
                    } else if let Some(judged) = open.judge.arranged(exchange) {
                        open.count(&judged);
                        follows = Some(Event::Judged(judged));
                    }
                    if open.step == Some(exchange.step) {
                        open.judge.record(Observation::of(exchange));
                    }
                }
            }
            Event::Judged(_) => return,
            Event::CaseEnded(ended) => {
                if let Some(mut open) = self.open.remove(&ended.case) {
                    match &mut ended.outcome {
                        Outcome::Judged { verdict } => {
                            open.conclude(&mut emit);
                            *verdict = open.worst;
                        }
                        Outcome::Unsupported { .. } => open.conclude(&mut emit),
                        // The step in which we failed was cut short.
                        Outcome::Error { .. } => {}
                    }
                }
            }
            Event::RunStarted(started) => {
                self.read_lag = ReadLag::from_ms(started.read_lag_ms);
                self.traffic = TrafficJudge::new(Arc::clone(&self.judge), self.read_lag);
            }
            Event::Explored(_)
            | Event::Recurred(_)
            | Event::Flaky(_)
            | Event::Reproduced(_)
            | Event::Noted(_) => {}
            Event::RunEnded(_) => {
                for open in self.open.values_mut() {
                    open.conclude(&mut emit);
                }
            }
        }
        emit(event);
        if let Some(judged) = follows {
            emit(judged);
        }
    }

    /// Ends the journal: judges the steps that were under way, of cases that have no end.
    pub fn finish(self, mut emit: impl FnMut(Event)) {
        for mut open in self.open.into_values() {
            open.conclude(&mut emit);
        }
    }
}

impl OpenCase {
    fn conclude(&mut self, emit: &mut impl FnMut(Event)) {
        self.step = None;
        if let Some(result) = self.judge.conclude() {
            self.count(&result.judged);
            emit(Event::Judged(result.judged));
        }
    }

    /// Counts a judgement for the verdict of the case.
    fn count(&mut self, judged: &Judged) {
        let verdicts = judged.findings.iter().map(|finding| finding.verdict);
        self.worst = verdicts.fold(self.worst, Verdict::max);
    }
}
