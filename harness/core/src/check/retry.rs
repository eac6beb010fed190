//! Refusals that may pass by themselves, and how long to retry the call.

use super::answer::bare;
use super::{CaseJudge, answer};
use crate::call::Call;
use crate::contract::{Condition, Refusal};
use crate::model;
use crate::protocol::reply::Reply;

/// How long to retry a hibernation that was refused as too early. The captured bracket ends 119 s after the launch; the
/// documentation names no time (HIB-04).
const HIBERNATION_READY_MS: u64 = 180_000;
/// How long to retry after refusals for capacity, limits or the state of a Spot request. No time is documented, so a
/// few attempts must do.
const PASSING_MS: u64 = 10_000;

/// Why a call may be answered differently if it is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RetryReason {
    /// A change of stop protection is not seen yet.
    Protection,
    /// A new id is not known yet.
    NewId,
    /// A Spot request does not show yet that its instance has stopped.
    SpotRequest,
    /// The instance is not ready to hibernate.
    Hibernation,
    /// The contract says that the refusal passes by itself.
    Passing,
}

/// Why and for how long to retry a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The reason.
    pub reason: RetryReason,
    /// How long to retry the call, in milliseconds from the first attempt.
    pub for_ms: u64,
}

impl CaseJudge {
    /// Whether to retry a call, given its answer and when it was sent.
    pub fn retry(&self, call: &Call, reply: &Reply, sent_ms: u64) -> Option<Retry> {
        let action = call.action.as_deref()?;
        let lagging = |reason| Retry {
            reason,
            for_ms: self.read_lag.ms(),
        };
        if action == "DescribeSpotInstanceRequests" {
            let late = self.shows_late_request(reply, sent_ms);
            return late.then(|| lagging(RetryReason::SpotRequest));
        }
        let error = reply.error()?;
        let code = bare(error.code?);
        let contract = &self.judge.contract;
        if contract.passes_by_itself(action, code) {
            return Some(Retry {
                reason: RetryReason::Passing,
                for_ms: PASSING_MS,
            });
        }
        let action = self.judge.tested_action(call)?;
        let reading = model::read(contract, &self.fleet, call);
        let expectation = model::expect(contract, &self.fleet, action, &reading);
        if self.may_be_stale(sent_ms) && answer::denies_own(code, &expectation) {
            return Some(lagging(RetryReason::NewId));
        }
        let message = error.message.unwrap_or_default();
        let refused_for = |condition: Condition| {
            expectation.refusals.iter().find(|active| {
                let codes = &active.refusal.answers;
                active.refusal.condition == condition && codes.iter().any(|known| known.code == code)
            })
        };
        let lifted = self
            .fleet
            .values()
            .zip(self.tracks.values())
            .any(|(belief, track)| {
                let changed_ms = track
                    .protection_changed_ms
                    .filter(|_| !belief.kind.stop_protected);
                changed_ms.is_some_and(|changed_ms| self.read_lag.covers(changed_ms, sent_ms))
            });
        // The belief by which the call is judged does not matter here: the protection was lifted.
        let is_protection = |row: &&Refusal| row.condition == Condition::StopProtected;
        let mut rows = contract.refusals.iter().filter(is_protection);
        if lifted && rows.any(|row| row.answers.iter().any(|known| known.code == code)) {
            return Some(lagging(RetryReason::Protection));
        }
        // The code alone has many other meanings.
        let too_soon = refused_for(Condition::HibernateTooSoon)?;
        let fits = answer::messages_fit(self.judge.refusal(too_soon.row), message, &too_soon.words);
        fits.then_some(Retry {
            reason: RetryReason::Hibernation,
            for_ms: HIBERNATION_READY_MS,
        })
    }
}
