//! Compares a refusal with the expectation: whether it may come, its code, status and message, and what it must leave
//! unchanged.

use super::super::rule;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Answered, Question};
use crate::call::Call;
use crate::check::Bindings;
use crate::check::facts::{self, Mismatch};
use crate::check::step_judgement::{ClauseIndex, StepJudgement, Weight};
use crate::contract::{Condition, Demand, RefusalAnswer};
use crate::journal::{BodySummary, Doubt, Expected, Observed};
use crate::model::{Acceptance, Active, Expectation, Id};
use crate::protocol::reply::{Body, ErrorEntry, Reply};

impl Question<'_> {
    /// Judges a refusal. Returns the reason that it gives, if the contract knows that reason here.
    pub(super) fn refused<'e, 'c>(
        &self,
        judgement: &mut StepJudgement<'_>,
        expectation: &'e Expectation<'c>,
        reply: &Reply,
        answered: &mut Answered,
    ) -> Option<&'e Active<'c>> {
        answered.refused = (400..500).contains(&reply.status);
        let error = reply.error().unwrap_or_default();
        let code = error.code.map(bare).unwrap_or_default();
        let message = error.message.unwrap_or_default();
        let observed = || Observed::Answer(facts::summary(reply));
        let not_allowed = || Mismatch::new(facts::allowed_answer(expectation), observed());
        if self.is_watched && OF_ANY_CALL.contains(&code) {
            return None;
        }
        let is_fault = self.is_watched && reply.status >= 500;
        if is_fault || is_passing_fault(code, reply.status) {
            let overloaded = not_allowed().doubted(Doubt::Overloaded);
            for active in certain(expectation) {
                judgement.unknown(&self.judge.refusal(active.row).refused, &overloaded);
            }
            for (row, _) in expectation.items.values().flat_map(|rule| &rule.rows) {
                judgement.unknown(self.judge.transition(*row), &overloaded);
            }
            return None;
        }
        let passes = self.judge.contract.passes_by_itself(self.action, code);
        if passes || self.may_be_unseen && denies_own(self.call, &error, expectation) {
            let doubt = if passes { Doubt::MayPass } else { Doubt::NewId };
            let untold = not_allowed();
            let doubted = untold.clone().doubted(doubt);
            for (row, _) in expectation.items.values().flat_map(|rule| &rule.rows) {
                judgement.unknown(self.judge.transition(*row), &doubted);
            }
            answered.untold = Some(untold);
            return None;
        }
        if self.echoes() && matches!(reply.body, Body::Unreadable { .. }) {
            // It is inferred (RSP-23) that text which XML must escape is echoed as XML, so nothing that decides may
            // depend on it.
            let unread = Mismatch::new(facts::refusals(expectation), observed());
            for active in certain(expectation) {
                judgement.unknown(&self.judge.refusal(active.row).code, &unread);
            }
            return None;
        }
        if expectation.acceptance == Acceptance::Forbidden && self.is_tested() {
            let client_fault = (400..500).contains(&reply.status);
            let weight = match any_form(expectation) {
                true => Weight::Advisory,
                false => Weight::Full,
            };
            self.judge
                .note(judgement, rule::STATUS_CLASS, weight, client_fault, || {
                    Mismatch::new(Expected::Status { from: 400, to: 499 }, observed())
                });
        }
        let fitting = expectation
            .refusals
            .iter()
            .flat_map(|active| {
                let answers = active.refusal.answers.iter();
                answers.enumerate().map(move |(at, answer)| (active, at, answer))
            })
            .filter(|(_, _, answer)| answer.code == code)
            .map(|(active, at, answer)| (active, answer, self.message_fits(active, at, message)))
            .max_by_key(|(active, answer, message_fits)| {
                let status = answer.status.contains(&reply.status);
                // A tolerated condition counts as the reason only if no better one fits: a code that is odd for one
                // instance is not odd if another instance is a reason for it.
                (
                    active.refusal.demand != Demand::Tolerated,
                    status && *message_fits,
                    active.certain,
                    status,
                )
            });
        match fitting {
            Some((active, answer, message_fits)) => {
                self.refused_with(
                    judgement,
                    expectation,
                    active,
                    answer,
                    reply,
                    message,
                    message_fits,
                    &observed,
                    answered,
                );
            }
            None => self.not_as_expected(judgement, expectation, reply.status, &observed(), answered),
        }
        fitting.map(|(active, ..)| active)
    }

    /// Judges a refusal with a code that the contract allows here.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one answer, each used once"
    )]
    fn refused_with(
        &self,
        judgement: &mut StepJudgement<'_>,
        expectation: &Expectation<'_>,
        active: &Active<'_>,
        answer: &RefusalAnswer,
        reply: &Reply,
        message: &str,
        message_fits: bool,
        observed: &dyn Fn() -> Observed,
        answered: &mut Answered,
    ) {
        let aspects = self.judge.refusal(active.row);
        for other in certain(expectation) {
            judgement.held(&self.judge.refusal(other.row).refused);
        }
        if matches!(active.refusal.demand, Demand::May | Demand::Tolerated) || !active.certain {
            answered.untold = Some(Mismatch::new(facts::allowed_answer(expectation), observed()));
        }
        let answers = &active.refusal.answers;
        if active.certain && answers.iter().any(|other| other.code != answer.code) {
            judgement.choice(active.refusal.condition, &answer.code);
        }
        if active.refusal.condition == Condition::Gone {
            self.claims_purged(expectation, answered);
        }
        if active.refusal.demand == Demand::Tolerated {
            let tolerated = Mismatch::new(facts::allowed_answer(expectation), observed());
            // An instance that may be in two states is refused for one of them; it is unknown for which.
            let same = |one: &&Active<'_>| {
                let codes = &one.refusal.answers;
                one.refusal.demand == Demand::Tolerated && codes.iter().any(|known| known.code == answer.code)
            };
            for one in expectation.refusals.iter().filter(same) {
                let clauses = &self.judge.refusal(one.row).code;
                judgement.deviates(clauses, Weight::Advisory, &tolerated);
            }
        } else {
            judgement.held(&aspects.refused);
            judgement.held(&aspects.code);
        }
        if answer.status.contains(&reply.status) {
            judgement.held(&aspects.status);
        } else {
            // Even where it is not known which of several codes is right, all of them may come with the same status.
            let weight = if has_one_status(expectation, &answer.code) {
                Weight::Full
            } else {
                Weight::Advisory
            };
            let mismatch = Mismatch::new(facts::refusals(expectation), observed());
            judgement.deviates(&aspects.status, weight, &mismatch);
            answered.wrong = Some(mismatch);
        }
        let preferred = active.refusal.answers.first().map(|first| first.code.as_str());
        if preferred == Some(answer.code.as_str()) {
            judgement.held(&aspects.preferred);
        } else {
            let expected = Expected::PreferredCode {
                code: preferred.unwrap_or_default().to_owned(),
            };
            let mismatch = Mismatch::new(expected, observed());
            judgement.deviates(&aspects.preferred, Weight::Advisory, &mismatch);
        }
        if message_fits {
            judgement.held(&aspects.message);
        } else {
            let expected = Expected::Message {
                pattern: answer.message.clone().unwrap_or_default(),
            };
            let mismatch = Mismatch::new(expected, observed());
            judgement.deviates(&aspects.message, Weight::Advisory, &mismatch);
        }
        self.precedence(judgement, expectation, active, answer, observed);
        self.offenders(judgement, expectation, answer, message, observed);
    }

    /// Whether a message matches what is known of this answer of a refusal.
    fn message_fits(&self, active: &Active<'_>, answer: usize, message: &str) -> bool {
        let messages = self.judge.refusal(active.row).messages.get(answer);
        let Some(messages) = messages.and_then(Option::as_ref) else {
            return true;
        };
        if active.words.iter().any(|id| id.chars().any(is_beyond_xml)) {
            return true;
        }
        let all_named = active.refusal.condition != Condition::UnknownIds
            || active.words.iter().all(|id| message.contains(id));
        all_named && messages.fit(message, &active.words)
    }

    /// Judges an answer that the contract does not allow here.
    pub(super) fn not_as_expected(
        &self,
        judgement: &mut StepJudgement<'_>,
        expectation: &Expectation<'_>,
        status: u16,
        observed: &Observed,
        answered: &mut Answered,
    ) {
        let mismatch = Mismatch::new(facts::allowed_answer(expectation), observed.clone());
        if expectation.foreign {
            // The contract knows what this action does, but not every reason to refuse it.
            answered.untold = Some(mismatch);
            return;
        }
        if is_tolerant(expectation) {
            // How the call is refused is not known, or only a SHOULD says that it is not refused.
            for active in expectation
                .refusals
                .iter()
                .filter(|active| takes_any(active) || may_be_refused(active))
            {
                let clauses = &self.judge.refusal(active.row).code;
                judgement.deviates(clauses, Weight::Advisory, &mismatch);
            }
            answered.untold = Some(mismatch);
            return;
        }
        let forbidden = expectation.acceptance >= Acceptance::Discouraged;
        let is_decided = expectation.acceptance == Acceptance::Forbidden && is_single(expectation);
        let weight = if is_decided && self.knows_code_of(observed) {
            Weight::Full
        } else {
            Weight::Advisory
        };
        for active in certain(expectation) {
            let aspects = self.judge.refusal(active.row);
            judgement.deviates(&aspects.code, weight, &mismatch);
            let status_fits = active
                .refusal
                .answers
                .iter()
                .any(|answer| answer.status.contains(&status));
            if status_fits {
                judgement.held(&aspects.status);
            } else {
                judgement.deviates(&aspects.status, weight, &mismatch);
            }
        }
        if !forbidden {
            let weight = if expectation.acceptance == Acceptance::Expected {
                Weight::Full
            } else {
                Weight::Advisory
            };
            for row in expectation.items.values().flat_map(|rule| rule.blamed(None)) {
                judgement.deviates(self.judge.transition(row), weight, &mismatch);
            }
        }
        answered.wrong = Some(mismatch);
    }

    /// Whether the contract knows the code of an answer. Another client may be refused for reasons that it does not know,
    /// with other codes.
    fn knows_code_of(&self, observed: &Observed) -> bool {
        let Observed::Answer(answer) = observed else {
            return true;
        };
        let BodySummary::Error { code, .. } = &answer.body else {
            return true;
        };
        let mut known = self.judge.contract.refusals.iter().flat_map(|row| &row.answers);
        !self.is_watched || known.any(|answer| answer.code == code.as_str())
    }

    fn precedence(
        &self,
        judgement: &mut StepJudgement<'_>,
        expectation: &Expectation<'_>,
        named: &Active<'_>,
        answer: &RefusalAnswer,
        observed: &dyn Fn() -> Observed,
    ) {
        let rules = self.judge.contract.precedences.iter();
        for (rule, clauses) in rules.zip(&self.judge.precedences) {
            let active = |condition: Condition| {
                expectation
                    .refusals
                    .iter()
                    .find(|one| one.certain && one.refusal.condition == condition)
            };
            let (Some(first), Some(_)) = (active(rule.first), active(rule.before)) else {
                continue;
            };
            let names_first = first.refusal.answers.iter().any(|one| one.code == answer.code);
            if names_first {
                judgement.held(clauses);
            } else if named.refusal.condition == rule.before {
                let expected = Expected::RefusalFor {
                    condition: rule.first,
                };
                judgement.deviates(clauses, Weight::Advisory, &Mismatch::new(expected, observed()));
            }
        }
    }

    fn offenders(
        &self,
        judgement: &mut StepJudgement<'_>,
        expectation: &Expectation<'_>,
        answer: &RefusalAnswer,
        message: &str,
        observed: &dyn Fn() -> Observed,
    ) {
        if answer.code != "IncorrectInstanceState" {
            return;
        }
        let offenders: BTreeSet<&str> = certain(expectation)
            .filter(|active| active.refusal.answers.iter().any(|one| one.code == answer.code))
            .flat_map(|active| active.words.iter().copied())
            .filter(|word| self.fleet.contains_key(*word))
            .collect();
        if offenders.len() > 1 {
            // An instance that only may have been at fault can be named instead of those that were.
            let possible = expectation
                .refusals
                .iter()
                .filter(|active| !active.certain)
                .flat_map(|active| active.words.iter().copied());
            let named = offenders
                .iter()
                .copied()
                .chain(possible)
                .filter(|id| message.contains(*id))
                .collect::<BTreeSet<_>>()
                .len();
            self.judge.note_rule(
                judgement,
                rule::NAMES_ONE_OFFENDER,
                Weight::Full,
                named == 1,
                observed,
            );
        }
    }

    /// Records the instances that were reported as unknown although they are only believed to be terminated or shutting
    /// down.
    fn claims_purged(&self, expectation: &Expectation<'_>, answered: &mut Answered) {
        let dead = |active: &Active<'_>| {
            matches!(
                active.refusal.condition,
                Condition::ShuttingDown | Condition::Terminated
            )
        };
        // If the call has another fault too, the refusal may be for that one.
        if !certain(expectation).all(dead) {
            return;
        }
        for active in certain(expectation) {
            for id in &active.words {
                let purged = answered.purged.entry((*id).to_owned()).or_default();
                purged.extend_from_slice(&self.judge.refusal(active.row).code);
            }
        }
    }

    /// The clauses that a change of each instance would violate. The reason that the endpoint gives binds it, even if
    /// another one was possible.
    pub(super) fn effects(
        &self,
        expectation: &Expectation<'_>,
        named: Option<&Active<'_>>,
    ) -> Vec<(Id, Vec<ClauseIndex>)> {
        let mut effects: Vec<(Id, Vec<ClauseIndex>)> =
            self.fleet.keys().map(|id| (Arc::clone(id), Vec::new())).collect();
        for active in certain(expectation).chain(named.filter(|active| !active.certain)) {
            let aspects = self.judge.refusal(active.row);
            for (id, clauses) in &mut effects {
                let own = active.words.contains(&id.as_ref()) || aspects.bystanders.is_empty();
                clauses.extend_from_slice(if own { &aspects.effect } else { &aspects.bystanders });
            }
        }
        effects
    }
}

/// Whether an answer says that an instance of the case does not exist, and can mean nothing else in the call.
pub(in crate::check) fn denies_own(
    call: &Call,
    error: &ErrorEntry<'_>,
    expectation: &Expectation<'_>,
) -> bool {
    let code = error.code.map(bare).unwrap_or_default();
    let message = error.message.unwrap_or_default();
    let names = |id: &str| match id {
        "" => message.contains("''"),
        id => message.contains(id),
    };
    let ids = call
        .params
        .iter()
        .filter(|(name, _)| name.starts_with("InstanceId"));
    let mut strangers = ids
        .map(|(_, id)| id.as_str())
        .filter(|id| !expectation.items.contains_key(id));
    let names_own = expectation.items.keys().any(|id| names(id));
    let blames_a_stranger = !names_own && strangers.any(names);
    let mut codes = expectation
        .refusals
        .iter()
        .flat_map(|active| &active.refusal.answers);
    code == "InvalidInstanceID.NotFound"
        && !expectation.items.is_empty()
        && !codes.any(|known| known.code == code)
        && !blames_a_stranger
}

/// Whether a message may be given for these words of the call, for any of the codes of a refusal.
pub(in crate::check) fn messages_fit(bindings: &Bindings, message: &str, words: &[&str]) -> bool {
    let mut known = bindings.messages.iter().flatten();
    known.any(|messages| messages.fit(message, words))
}

/// Whether the real service was seen to refuse calls of this kind without an answer in its own form.
pub(super) fn any_form(expectation: &Expectation<'_>) -> bool {
    expectation.refusals.iter().any(|active| active.refusal.any_form)
}

/// Whether a refusal that the contract does not know is not a deviation that decides.
pub(super) fn is_tolerant(expectation: &Expectation<'_>) -> bool {
    let mut demands = expectation
        .refusals
        .iter()
        .filter(|active| active.refusal.demand != Demand::Tolerated);
    let all_may = expectation.acceptance == Acceptance::Free
        && demands.clone().all(|active| active.refusal.demand == Demand::May);
    // A condition that may not hold excuses its own answers, and no others.
    let excused = all_may && demands.any(|active| active.certain);
    excused || expectation.refusals.iter().any(takes_any)
}

/// Whether any error at all is tolerated for this reason.
fn takes_any(active: &Active<'_>) -> bool {
    active.certain && active.refusal.demand == Demand::Tolerated && active.refusal.answers.is_empty()
}

/// Whether the call may certainly be refused for this reason, with one of its codes.
fn may_be_refused(active: &Active<'_>) -> bool {
    active.certain && active.refusal.demand == Demand::May
}

pub(in crate::check) fn certain<'a, 'c>(
    expectation: &'a Expectation<'c>,
) -> impl Iterator<Item = &'a Active<'c>> {
    expectation
        .refusals
        .iter()
        .filter(|active| active.certain && matches!(active.refusal.demand, Demand::Must | Demand::Should))
}

/// Whether only one code is allowed. If there are more, the evidence does not show which one is right.
fn is_single(expectation: &Expectation<'_>) -> bool {
    let mut codes: Vec<&str> = demanded(expectation)
        .flat_map(|active| active.refusal.answers.iter().map(|answer| answer.code.as_str()))
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes.len() == 1
}

/// Whether all allowed refusals have the same status; for a call of another client, all with this code.
fn has_one_status(expectation: &Expectation<'_>, code: &str) -> bool {
    let mut status: Vec<u16> = match expectation.is_watched {
        false => demanded(expectation)
            .flat_map(|active| active.refusal.answers.iter().flat_map(|answer| &answer.status))
            .copied()
            .collect(),
        true => {
            let answers = expectation
                .refusals
                .iter()
                .flat_map(|active| &active.refusal.answers);
            let of_code = answers.filter(|answer| answer.code == code);
            of_code.flat_map(|answer| &answer.status).copied().collect()
        }
    };
    status.sort_unstable();
    status.dedup();
    status.len() == 1
}

/// The refusals that determine what is right. A refusal that is possible only if something unseen happened is accepted,
/// but does not lower the weight of the others.
fn demanded<'a, 'c>(expectation: &'a Expectation<'c>) -> impl Iterator<Item = &'a Active<'c>> {
    expectation
        .refusals
        .iter()
        .filter(|active| match active.refusal.demand {
            Demand::Must | Demand::Should => active.certain || !expectation.is_watched,
            Demand::May => active.certain,
            Demand::Tolerated => false,
        })
}

/// Whether no document can contain a character, so that it is unknown how it is echoed.
fn is_beyond_xml(character: char) -> bool {
    matches!(character, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}')
}

/// Codes with which the service may refuse any call, for reasons that the call does not show: the account, its rights,
/// its rate. Seen or documented for EC2 in general.
const OF_ANY_CALL: [&str; 18] = [
    "AuthFailure",
    "Blocked",
    "EC2ThrottledException",
    "ExpiredToken",
    "IncompleteSignature",
    "InternalError",
    "InternalFailure",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "OptInRequired",
    "PendingVerification",
    "RequestExpired",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "SignatureDoesNotMatch",
    "Throttling",
    "Unavailable",
    "UnauthorizedOperation",
];

/// Whether this is throttling or overload, which should pass and says nothing about the call.
fn is_passing_fault(code: &str, status: u16) -> bool {
    status == 503
        && matches!(
            code,
            "RequestLimitExceeded"
                | "EC2ThrottledException"
                | "Throttling"
                | "RetryableError"
                | "Unavailable"
                | "ServiceUnavailable"
        )
}

/// Whether a call may have been carried out although it was answered with an error: the service failed, and did not say
/// that it turned the call away.
pub(in crate::check) fn may_have_been_carried_out(reply: &Reply) -> bool {
    let code = reply.error().and_then(|error| error.code).map(bare);
    reply.status >= 500
        && !matches!(
            code,
            Some("RequestLimitExceeded" | "EC2ThrottledException" | "Throttling")
        )
}

pub(in crate::check) fn bare(code: &str) -> &str {
    code.strip_prefix("Client.")
        .or_else(|| code.strip_prefix("Server."))
        .unwrap_or(code)
}
