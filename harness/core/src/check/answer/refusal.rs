//! Compares a refusal with the expectation: whether it may come, its code, status and message, and what it must leave
//! unchanged.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::words::refusals_in_words;
use super::{Answered, Question};
use crate::check::step_judgement::{ClauseIndex, StepJudgement, Weight};
use crate::check::text::{one_line, quote};
use crate::check::{Bindings, shape};
use crate::contract::{Check, Condition, Demand, RefusalAnswer};
use crate::model::{Acceptance, Active, Expectation, Id};
use crate::protocol::reply::{Body, Reply};

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
        let observed = || {
            if code.is_empty() {
                format!("{} with {}", reply.status, shape::body_in_words(&reply.body))
            } else {
                format!("{} {} {}", reply.status, one_line(code, 80), quote(message))
            }
        };
        if is_passing_fault(code, reply.status) {
            let allowed = self.expected_in_words(expectation);
            let why = format!(
                "{}: the service was throttling or overloaded, and stayed so",
                observed()
            );
            for active in certain(expectation) {
                judgement.unknown(&self.judge.refusal(active.row).refused, &allowed, &why);
            }
            for (row, _) in expectation.items.values().flat_map(|rule| &rule.rows) {
                judgement.unknown(self.judge.transition(*row), &allowed, &why);
            }
            return None;
        }
        let passes = self.judge.contract.passes_by_itself(self.action, code);
        if passes || self.may_be_unseen && denies_own(code, expectation) {
            let allowed = self.expected_in_words(expectation);
            let why = match passes {
                true => format!("{}, which may pass", observed()),
                false => format!("{}, but a new id may not be known yet", observed()),
            };
            for (row, _) in expectation.items.values().flat_map(|rule| &rule.rows) {
                judgement.unknown(self.judge.transition(*row), &allowed, &why);
            }
            answered.untold = Some((allowed, observed()));
            return None;
        }
        if self.echoes() && matches!(reply.body, Body::Unreadable { .. }) {
            // It is inferred (RSP-23) that text which XML must escape is echoed as XML, so nothing that decides may
            // depend on it.
            let (allowed, observed) = (refusals_in_words(expectation), observed());
            for active in certain(expectation) {
                judgement.unknown(&self.judge.refusal(active.row).code, &allowed, &observed);
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
                .note(judgement, Check::StatusClass, weight, client_fault, || {
                    ("a 4xx status: the fault is the client's", observed())
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
        observed: &dyn Fn() -> String,
        answered: &mut Answered,
    ) {
        let aspects = self.judge.refusal(active.row);
        for other in certain(expectation) {
            judgement.held(&self.judge.refusal(other.row).refused);
        }
        if matches!(active.refusal.demand, Demand::May | Demand::Tolerated) || !active.certain {
            answered.untold = Some((self.expected_in_words(expectation), observed()));
        }
        let answers = &active.refusal.answers;
        if active.certain && answers.iter().any(|other| other.code != answer.code) {
            judgement.choice(active.refusal.condition, &answer.code);
        }
        if active.refusal.condition == Condition::Gone {
            self.claims_purged(expectation, answered);
        }
        if active.refusal.demand == Demand::Tolerated {
            let (allowed, observed) = (self.expected_in_words(expectation), observed());
            // An instance that may be in two states is refused for one of them; it is unknown for which.
            let same = |one: &&Active<'_>| {
                let codes = &one.refusal.answers;
                one.refusal.demand == Demand::Tolerated && codes.iter().any(|known| known.code == answer.code)
            };
            for one in expectation.refusals.iter().filter(same) {
                let clauses = &self.judge.refusal(one.row).code;
                judgement.deviates(clauses, Weight::Advisory, &allowed, &observed);
            }
        } else {
            judgement.held(&aspects.refused);
            judgement.held(&aspects.code);
        }
        if answer.status.contains(&reply.status) {
            judgement.held(&aspects.status);
        } else {
            // Even where it is not known which of several codes is right, all of them may come with the same status.
            let weight = if has_one_status(expectation) {
                Weight::Full
            } else {
                Weight::Advisory
            };
            let (allowed, observed) = (refusals_in_words(expectation), observed());
            judgement.deviates(&aspects.status, weight, &allowed, &observed);
            answered.wrong = Some((allowed, observed));
        }
        let preferred = active.refusal.answers.first().map(|first| first.code.as_str());
        if preferred == Some(answer.code.as_str()) {
            judgement.held(&aspects.preferred);
        } else {
            let wish = format!("{}, the recorded one", preferred.unwrap_or_default());
            judgement.deviates(&aspects.preferred, Weight::Advisory, &wish, &observed());
        }
        if message_fits {
            judgement.held(&aspects.message);
        } else {
            let wish = format!("a message like {}", answer.message.as_deref().unwrap_or_default());
            judgement.deviates(&aspects.message, Weight::Advisory, &wish, &observed());
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
        observed: &str,
        answered: &mut Answered,
    ) {
        let allowed = self.expected_in_words(expectation);
        if expectation.foreign {
            // The contract knows what this action does, but not every reason to refuse it.
            answered.untold = Some((allowed, observed.to_owned()));
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
                judgement.deviates(clauses, Weight::Advisory, &allowed, observed);
            }
            answered.untold = Some((allowed, observed.to_owned()));
            return;
        }
        let forbidden = expectation.acceptance >= Acceptance::Discouraged;
        let weight = if expectation.acceptance == Acceptance::Forbidden && is_single(expectation) {
            Weight::Full
        } else {
            Weight::Advisory
        };
        for active in certain(expectation) {
            let aspects = self.judge.refusal(active.row);
            judgement.deviates(&aspects.code, weight, &allowed, observed);
            let status_fits = active
                .refusal
                .answers
                .iter()
                .any(|answer| answer.status.contains(&status));
            if status_fits {
                judgement.held(&aspects.status);
            } else {
                judgement.deviates(&aspects.status, weight, &allowed, observed);
            }
        }
        if !forbidden {
            let weight = if expectation.acceptance == Acceptance::Expected {
                Weight::Full
            } else {
                Weight::Advisory
            };
            for row in expectation.items.values().flat_map(|rule| rule.blamed(None)) {
                judgement.deviates(self.judge.transition(row), weight, &allowed, observed);
            }
        }
        answered.wrong = Some((allowed, observed.to_owned()));
    }

    fn precedence(
        &self,
        judgement: &mut StepJudgement<'_>,
        expectation: &Expectation<'_>,
        named: &Active<'_>,
        answer: &RefusalAnswer,
        observed: &dyn Fn() -> String,
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
                let allowed = format!("the refusal for {}", rule.first.word());
                judgement.deviates(clauses, Weight::Advisory, &allowed, &observed());
            }
        }
    }

    fn offenders(
        &self,
        judgement: &mut StepJudgement<'_>,
        expectation: &Expectation<'_>,
        answer: &RefusalAnswer,
        message: &str,
        observed: &dyn Fn() -> String,
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
            self.judge.note(
                judgement,
                Check::NamesOneOffender,
                Weight::Full,
                named == 1,
                || ("one of the offending ids in the message", observed()),
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
pub(in crate::check) fn denies_own(code: &str, expectation: &Expectation<'_>) -> bool {
    let mut codes = expectation
        .refusals
        .iter()
        .flat_map(|active| &active.refusal.answers);
    code == "InvalidInstanceID.NotFound"
        && !expectation.items.is_empty()
        && !codes.any(|known| known.code == code)
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

pub(super) fn certain<'a, 'c>(expectation: &'a Expectation<'c>) -> impl Iterator<Item = &'a Active<'c>> {
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

/// Whether all allowed refusals have the same status.
fn has_one_status(expectation: &Expectation<'_>) -> bool {
    let mut status: Vec<u16> = demanded(expectation)
        .flat_map(|active| active.refusal.answers.iter().flat_map(|answer| &answer.status))
        .copied()
        .collect();
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
            Demand::Must | Demand::Should => true,
            Demand::May => active.certain,
            Demand::Tolerated => false,
        })
}

/// Whether no document can contain a character, so that it is unknown how it is echoed.
fn is_beyond_xml(character: char) -> bool {
    matches!(character, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}')
}

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

pub(in crate::check) fn bare(code: &str) -> &str {
    code.strip_prefix("Client.")
        .or_else(|| code.strip_prefix("Server."))
        .unwrap_or(code)
}
