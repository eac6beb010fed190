//! Refusals that may pass by themselves: for how long is a call worth sending again?

use super::answer::bare;
use super::{CaseJudge, answer};
use crate::call::Call;
use crate::contract::{Condition, Refusal};
use crate::model;
use crate::protocol::reply::Reply;

/// The captured bracket ends 119 s after the launch; the documents name no time (HIB-04).
const HIBERNATION_READY_MS: u64 = 180_000;
/// Capacity, limits and the state of a Spot request: no time is documented, so a few attempts must do.
const PASSING_MS: u64 = 10_000;

/// Why a call may be answered otherwise if it is sent again.
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
    /// A refusal that the contract knows to pass.
    Passing,
}

/// An answer that may be another one later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Why.
    pub reason: RetryReason,
    /// For how long the call is worth sending again, milliseconds from the first attempt.
    pub for_ms: u64,
}

impl CaseJudge {
    /// Whether a call is worth sending again, given the answer to it and when it was sent.
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
        // What is believed as the call is judged does not matter here: the protection was lifted.
        let is_protection = |row: &&Refusal| row.condition == Condition::StopProtected;
        let mut rows = contract.refusals.iter().filter(is_protection);
        if lifted && rows.any(|row| row.answers.iter().any(|known| known.code == code)) {
            return Some(lagging(RetryReason::Protection));
        }
        // The code alone means much else.
        let too_soon = refused_for(Condition::HibernateTooSoon)?;
        let fits = answer::messages_fit(self.judge.refusal(too_soon.row), message, &too_soon.words);
        fits.then_some(Retry {
            reason: RetryReason::Hibernation,
            for_ms: HIBERNATION_READY_MS,
        })
    }
}
