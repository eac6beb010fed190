//! The concurrent phase: plays cases of overlapping calls. A new finding is shrunk and played several times.
//!
//! Which call comes first differs from play to play, so a finding that does not occur every time counts all the same: the
//! report says how often it occurred. Of all plays the one with the smallest case that shows the finding is reported; the
//! others are drafts in the journal.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::event_sink::EventSink;
use super::play::{self, CaseToPlay, PlayMode, PlayedCase, Player};
use super::request_sender::SendError;
use super::time_limit::TimeLimit;
use super::turns::Turn;
use super::{Shared, names};
use crate::call::Call;
use crate::check::{FollowUp, Observation, Saving};
use crate::contract::{CallTemplate, Check, ClauseId, Contract, Scenario};
use crate::journal::{Event, Finding, Outcome, Phase, Reproduced, Role};
use crate::plan::{concurrent, shrink};
use crate::verdict::Verdict;

/// How often a form is played until it counts as one that does not show the finding.
const TRIES: usize = 3;
/// How often the smallest form is played, to see how often it shows the finding.
const PLAYS: usize = 5;

/// The clauses that cases of this phase, or the named ones, have shown to be violated. Each is pursued once.
#[derive(Debug, Default)]
pub(super) struct KnownClauses(Mutex<BTreeSet<(ClauseId, Verdict)>>);

impl KnownClauses {
    /// Adds the violated clauses of these findings; returns the first, worst first, that was not known.
    pub(super) fn learn(&self, findings: &[Finding]) -> Option<(ClauseId, Verdict)> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut violated: Vec<(ClauseId, Verdict)> = findings
            .iter()
            .filter(|finding| finding.verdict.is_deviation())
            .map(|finding| (finding.clause.clone(), finding.verdict))
            .collect();
        violated.sort_by_key(|(_, verdict)| std::cmp::Reverse(*verdict));
        let new = violated.iter().find(|one| !known.contains(*one)).cloned();
        known.extend(violated);
        new
    }
}

/// The cases with these numbers, with at most so many callers.
pub fn concurrent_cases(
    contract: &Contract,
    seed: u64,
    numbers: Range<u64>,
    most_callers: usize,
) -> impl Iterator<Item = Scenario> {
    let clauses: Vec<ClauseId> = contract
        .clauses_of(Check::OneOrder)
        .map(|clause| clause.id.clone())
        .collect();
    let edition = contract.edition;
    numbers.map(move |number| {
        let name = concurrent::name(number);
        let bytes: Vec<u8> = {
            let mut random = names::bytes(seed, &name);
            (0..concurrent::BYTES).map(|_| random()).collect()
        };
        concurrent::case(&name, &bytes, most_callers, edition, clauses.clone())
    })
}

impl Player<'_> {
    /// Sends the calls of several callers at the same time. Their exchanges are emitted and judged in the order in which
    /// they began.
    pub(super) async fn overlap(
        &mut self,
        number: usize,
        callers: &[Vec<CallTemplate>],
    ) -> Result<FollowUp, SendError> {
        let ready = Arc::new(Barrier::new(callers.len()));
        let ticks = Arc::default();
        let mut tasks = JoinSet::new();
        let mut senders = Vec::with_capacity(callers.len());
        for (caller, templates) in (1..).zip(callers) {
            let calls: Vec<Arc<Call>> = templates.iter().map(|one| Arc::new(self.fill(one))).collect();
            let sender = self.sender.overlapping(callers.len(), caller, &ticks);
            senders.push(sender.clone());
            let ready = Arc::clone(&ready);
            let plays = async move {
                sender.announce();
                ready.wait().await;
                let mut observed = Vec::with_capacity(calls.len());
                for call in &calls {
                    match sender.ask(number, Role::Act, call).await {
                        Ok(answered) => observed.push(answered.observed(call)),
                        Err(SendError::Broken(exchange, _)) => observed.push(Observation::of(&exchange)),
                        Err(error) => return (observed, Some(error)),
                    }
                }
                (observed, None)
            };
            if self.shared.options.endpoint.is_in_process() {
                // A service in this process answers at once, so calls overlap only in threads of their own.
                let runtime = Handle::current();
                tasks.spawn_blocking(move || runtime.block_on(plays));
            } else {
                tasks.spawn(plays);
            }
        }
        let (mut observed, mut failed) = (Vec::new(), None);
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok((seen, error)) => {
                    observed.extend(seen);
                    failed = failed.or(error);
                }
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        self.sender.emit_in_order(&senders).await;
        observed.sort_by_key(|one| one.interval.map(|interval| interval.began));
        let mut next = FollowUp::Done;
        for observation in observed {
            next = self.judge.observe(observation);
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(next),
        }
    }
}

/// A play of a case, with its events.
struct Play {
    played: PlayedCase,
    events: Vec<Event>,
}

/// Plays a case. `limit` is that of the phase.
pub(super) async fn play_case(
    shared: &Arc<Shared>,
    index: usize,
    case: &Scenario,
    turn: Turn,
    limit: TimeLimit,
) -> PlayedCase {
    let first = play_once(shared, index, case, turn).await;
    let Some(lead) = shared.known.learn(&first.played.findings) else {
        shared.emit_all(first.events, false).await;
        return first.played;
    };
    let ends = || shared.is_ending() || limit.is_near();
    let (least, shown) = shrink_to(shared, index, case, &lead, first, &ends).await;
    let (mut times, mut of) = (1, 1);
    while of < PLAYS && shared.options.overlap_requests > 0 && !ends() {
        let turn = shared.turns.take().await;
        let again = play_once(shared, index, &least, turn).await;
        times += usize::from(again.shows(&lead));
        of += 1;
        shared.emit_all(again.events, true).await;
    }
    shared.emit_all(shown.events, false).await;
    let (clause, _) = lead;
    let case = case.name.clone();
    let reproduced = Reproduced {
        case,
        clause,
        times,
        of,
    };
    shared.emit(Event::Reproduced(reproduced)).await;
    shown.played
}

/// The smallest form of a case that was seen to show a finding, with the play that showed it. Shrinking ends early when
/// the time for it is up.
async fn shrink_to(
    shared: &Arc<Shared>,
    index: usize,
    case: &Scenario,
    lead: &(ClauseId, Verdict),
    first: Play,
    ends: &(dyn Fn() -> bool + Send + Sync),
) -> (Scenario, Play) {
    let mut budget = shared.options.overlap_requests;
    let (mut least, mut shown) = (case.clone(), first);
    'smaller: loop {
        for form in shrink::with_fewer_calls(&least) {
            for _ in 0..TRIES {
                if budget == 0 || ends() {
                    return (least, shown);
                }
                let turn = shared.turns.take().await;
                let again = play_once(shared, index, &form, turn).await;
                budget = budget.saturating_sub(again.played.requests);
                if again.shows(lead) {
                    shared.emit_all(shown.events, true).await;
                    (least, shown) = (form, again);
                    continue 'smaller;
                }
                shared.emit_all(again.events, true).await;
            }
        }
        return (least, shown);
    }
}

async fn play_once(shared: &Arc<Shared>, index: usize, case: &Scenario, turn: Turn) -> Play {
    let sink = EventSink::kept();
    let mode = PlayMode {
        sink: sink.clone(),
        index,
        phase: Phase::Concurrent,
        saving: Saving::Nothing,
        turn,
        may_reuse: false,
        final_look: true,
    };
    let played = play::play(shared, CaseToPlay::Calls(case), mode).await;
    Play {
        played,
        events: sink.take(),
    }
}

impl Play {
    fn shows(&self, lead: &(ClauseId, Verdict)) -> bool {
        let (clause, verdict) = lead;
        let is_judged = matches!(self.played.outcome, Outcome::Judged { .. });
        let mut findings = self.played.findings.iter();
        is_judged && findings.any(|finding| finding.clause == *clause && finding.verdict == *verdict)
    }
}
