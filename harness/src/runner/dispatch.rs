//! Plays the cases of a plan: several at once, in an order that finds most first, until time is up.
//!
//! The named cases come first and are all played. Then come the wire cases, which are few and judge clauses that no
//! other phase reaches, then the overlapping calls, then the coverage cases: first those of which fewer clauses are known to be violated.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::JoinSet;

use super::event_sink::EventSink;
use super::play::{self, CaseToPlay, PlayMode};
use super::time_limit::TimeLimit;
use super::turns::Turn;
use super::{Shared, concurrent, wire};
use crate::check::Saving;
use crate::contract::ClauseId;
use crate::journal::{Event, Finding, Noted, Phase};
use crate::plan::{PlacedCase, Plan, PlannedCase, duration};
use crate::verdict::Verdict;

/// The findings of a case, with its index and name.
pub(super) type FoundInCase = (usize, String, Vec<Finding>);

/// The share of the remaining time that the coverage phase may use if random scripts follow.
const COVERAGE_SHARE: (u32, u32) = (2, 3);

/// The share of the remaining time that overlapping calls may use.
const CONCURRENT_SHARE: (u32, u32) = (1, 3);

/// Plays the planned cases, and returns what cases of calls found, in the order of the plan.
pub(super) async fn play_planned(shared: &Arc<Shared>, mut plan: Plan) -> Vec<FoundInCase> {
    let on_the_wire = wire::shared(shared);
    let (mut named, mut raw, mut overlapping, mut covering) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let remaining = plan
        .take_cases()
        .filter(|placed| !shared.has_played(placed.name()));
    for placed in remaining {
        let queue = match placed.phase {
            Phase::Scenarios | Phase::Replay | Phase::Random | Phase::Traffic => &mut named,
            Phase::Wire => &mut raw,
            Phase::Concurrent => &mut overlapping,
            Phase::Coverage => &mut covering,
        };
        queue.push(placed);
    }
    if shared.options.max_instances.is_some() {
        // A case that waits two minutes for its instance must not be the last one to begin.
        named.sort_by_key(|queued| std::cmp::Reverse(duration_of(&queued.case)));
    }
    let earlier = shared.options.earlier.as_ref();
    let mut found = earlier.map_or_else(Vec::new, |part| part.found().to_vec());
    for (_, _, findings) in &found {
        shared.note_failure(findings);
    }
    found.extend(play_all(shared, named, TimeLimit::default()).await);
    let limit = shared.limit();
    found.extend(play_all(&on_the_wire, raw, limit).await);
    for (_, _, findings) in &found {
        shared.known.learn(findings);
    }
    let (part, whole) = CONCURRENT_SHARE;
    found.extend(play_all(shared, overlapping, limit.share(part, whole)).await);
    let (part, whole) = match plan.random {
        Some(_) => COVERAGE_SHARE,
        None => (1, 1),
    };
    if shared.options.time_limit.is_some() {
        by_what_is_open(&mut covering, &found);
    }
    found.extend(play_all(shared, covering, limit.share(part, whole)).await);
    found.sort_by_key(|(index, ..)| *index);
    found
}

/// Sorts cases by how many of their clauses are known to be violated; of equals, the first in the plan stays first.
fn by_what_is_open(cases: &mut [PlacedCase], found: &[FoundInCase]) {
    let findings = found.iter().flat_map(|(_, _, findings)| findings);
    let failed = findings.filter(|finding| finding.verdict == Verdict::Fail);
    let failed: BTreeSet<&ClauseId> = failed.map(|finding| &finding.clause).collect();
    cases.sort_by_key(|queued| match &queued.case {
        PlannedCase::Calls(case) => case.clauses.iter().filter(|id| failed.contains(id)).count(),
        PlannedCase::Bytes(_) => 0,
    });
}

/// About how many seconds a case takes at a slow endpoint.
fn duration_of(case: &PlannedCase) -> u64 {
    match case {
        PlannedCase::Calls(case) => duration::estimated_s(case),
        PlannedCase::Bytes(_) => 0,
    }
}

/// Plays cases in this order, until all have ended or it is too late to start the next one.
async fn play_all(shared: &Arc<Shared>, cases: Vec<PlacedCase>, limit: TimeLimit) -> Vec<FoundInCase> {
    let most = shared.options.open_cases.max(shared.options.workers).max(1);
    let ends = || *shared.interrupted.borrow() || shared.has_failed_fast() || limit.is_near();
    let mut open = JoinSet::new();
    let mut found = Vec::new();
    let take = |found: &mut Vec<_>, ended: Result<FoundInCase, tokio::task::JoinError>| match ended {
        Ok(one) if one.2.is_empty() => {}
        Ok(one) => found.push(one),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    for queued in cases {
        while open.len() >= most
            && let Some(ended) = open.join_next().await
        {
            take(&mut found, ended);
        }
        let turn = shared.turns.take().await;
        if ends() {
            break;
        }
        let shared = Arc::clone(shared);
        open.spawn(async move { play_one(&shared, queued, turn, limit).await });
    }
    while let Some(ended) = open.join_next().await {
        take(&mut found, ended);
    }
    found
}

/// Plays a case. What it finds with instances that another case has used counts only if it is known already; otherwise
/// the case is played again with other instances.
async fn play_one(shared: &Arc<Shared>, queued: PlacedCase, turn: Turn, limit: TimeLimit) -> FoundInCase {
    let case = match &queued.case {
        PlannedCase::Calls(case) => CaseToPlay::Calls(case),
        PlannedCase::Bytes(case) => CaseToPlay::Bytes(case),
    };
    if let (Phase::Concurrent, PlannedCase::Calls(case)) = (queued.phase, &queued.case) {
        let played = concurrent::play_case(shared, queued.position, case, turn, limit).await;
        shared.note_failure(&played.findings);
        return (queued.position, case.name.clone(), played.findings);
    }
    let name = case.name().to_owned();
    let mode = |sink: EventSink, may_reuse| PlayMode {
        sink,
        index: queued.position,
        phase: queued.phase,
        saving: Saving::Nothing,
        turn: turn.clone(),
        may_reuse,
        final_look: true,
    };
    let mut doubted = BTreeSet::new();
    let mut first = None;
    if shared.pool.is_used() && queued.phase.is_limited() {
        let sink = EventSink::kept();
        let played = play::play(shared, case, mode(sink.clone(), true)).await;
        if played.has_reused {
            doubted = shared.pool.unconfirmed(violated(&played.findings));
        }
        shared.emit_all(sink.take(), !doubted.is_empty()).await;
        first = doubted.is_empty().then_some(played);
    }
    let played = match first {
        Some(played) => played,
        None => play::play(shared, case, mode(EventSink::Live(shared.events.clone()), false)).await,
    };
    if !played.has_reused {
        shared.pool.confirm(violated(&played.findings));
    }
    for clause in shared.pool.unconfirmed(doubted.iter()) {
        let text = format!(
            "{clause} was violated only when another case had used the instances before; the draft in the journal has it"
        );
        let case = name.clone();
        shared.emit(Event::Noted(Noted { case, text })).await;
    }
    shared.note_failure(&played.findings);
    let findings = match queued.case {
        PlannedCase::Calls(_) => played.findings,
        // What random scripts find is never what raw bytes have shown.
        PlannedCase::Bytes(_) => Vec::new(),
    };
    (queued.position, name, findings)
}

impl Shared {
    /// Remembers whether a case has failed by something that is not known.
    fn note_failure(&self, findings: &[Finding]) {
        let is_new =
            |finding: &Finding| finding.verdict == Verdict::Fail && !self.options.known.knows(finding);
        if findings.iter().any(is_new) {
            self.failed.store(true, Ordering::Relaxed);
        }
    }
}

/// The clauses that are violated, for certain or with a warning.
fn violated(findings: &[Finding]) -> impl Iterator<Item = &ClauseId> {
    let deviating = |finding: &&Finding| finding.verdict.is_deviation();
    findings.iter().filter(deviating).map(|finding| &finding.clause)
}
