//! Judges exchanges on a raw socket.
//!
//! It checks that an answer came where HTTP demands one, that it equals the answer to the plain form, and that only
//! complete, unambiguous requests were carried out. Only what can be known is judged: no recording shows that the
//! service's front end follows HTTP to the letter, so the clauses are inferred and warn.

use super::rule::{self, Rule};
use std::sync::Arc;

use super::facts::{self, Mismatch, terse_summary};
use super::step_judgement::{StepJudgement, Weight};
use super::{CaseJudge, Observation, look, place_in};
use crate::contract::State;
use crate::journal::{
    Aim, AnswerSummary, BodySummary, Doubt, Ending, Expected, Observed, RawFault, Role, WireDemand,
};
use crate::model::States;
use crate::protocol::reply::Reply;

/// The result of the plain form in this case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plain {
    /// The step that sent it.
    step: usize,
    /// The answer, if one came, as far as other answers are compared with it.
    answer: Option<AnswerSummary>,
    /// Whether the instances were left unchanged, as a dry run must leave them.
    harmless: bool,
}

impl CaseJudge {
    /// Judges a step on a raw socket: the exchange, and the description of the fleet after it.
    pub(super) fn bytes(
        &mut self,
        judgement: &mut StepJudgement<'_>,
        step: usize,
        aim: &Aim,
        observations: &[Observation],
    ) {
        let Some((place, act)) = observations
            .iter()
            .enumerate()
            .rfind(|(_, one)| one.role == Role::Act)
        else {
            return;
        };
        judgement.about(Some(place));
        self.status_class(judgement, aim, &act.replies);
        self.answered(judgement, aim, act);
        judgement.about(None);
        let changed = self.looked(judgement, aim, &act.replies, observations);
        if aim.demand == WireDemand::Plain {
            self.plain = Some(Plain {
                step,
                answer: act.reply().map(terse_summary),
                harmless: !changed,
            });
        }
    }

    /// Checks that a fault of the client is not answered as a fault of the server.
    fn status_class(&self, judgement: &mut StepJudgement<'_>, aim: &Aim, replies: &[Reply]) {
        let weight = match aim.fault {
            RawFault::None => return,
            RawFault::Request => Weight::Full,
            // A front end that is not the service itself may answer for it.
            RawFault::Http => Weight::Advisory,
        };
        let Some(reply) = replies.first() else { return };
        if aim.also.contains(&reply.status) || is_passing(&terse_summary(reply)) {
            return;
        }
        self.judge
            .note(judgement, rule::STATUS_CLASS, weight, reply.status < 500, || {
                Mismatch::new(Expected::Status { from: 100, to: 499 }, answer(reply))
            });
    }

    fn answered(&self, judgement: &mut StepJudgement<'_>, aim: &Aim, act: &Observation) {
        let judge = Arc::clone(&self.judge);
        let weight = if aim.should {
            Weight::Advisory
        } else {
            Weight::Full
        };
        let mut note = |rule: Rule, fits: bool| {
            judge.note_rule(judgement, rule, weight, fits, || act.on_the_connection());
        };
        let hangs = act.ending == Ending::Silent;
        let Some(first) = act.reply() else {
            match aim.demand {
                WireDemand::Plain | WireDemand::Same | WireDemand::Answered | WireDemand::InTurn => {
                    note(rule::WIRE_ANSWERED, false);
                }
                WireDemand::Refused | WireDemand::Ended => {
                    note(rule::WIRE_ENDED, !hangs);
                    if aim.demand == WireDemand::Refused && !hangs {
                        note(rule::WIRE_REFUSED, true);
                    }
                }
                WireDemand::Dropped => {}
            }
            return;
        };
        match aim.demand {
            WireDemand::Plain | WireDemand::Answered => note(rule::WIRE_ANSWERED, true),
            WireDemand::Ended => note(rule::WIRE_ENDED, true),
            WireDemand::Dropped => {}
            WireDemand::Same => {
                note(rule::WIRE_ANSWERED, true);
                self.same(judgement, aim, weight, first);
            }
            WireDemand::Refused => {
                note(rule::WIRE_ENDED, true);
                self.refuses(judgement, weight, first);
            }
            WireDemand::InTurn => {
                note(rule::WIRE_ANSWERED, true);
                self.in_turn(judgement, aim, act);
            }
        }
    }

    /// The answer to the plain form, if one came.
    fn plain_answer(&self) -> Option<&AnswerSummary> {
        self.plain.as_ref().and_then(|plain| plain.answer.as_ref())
    }

    /// What is expected of an answer that must equal the one to the plain form.
    fn as_plainly(&self) -> Expected {
        Expected::Same {
            steps: self.plain.iter().map(|plain| plain.step).collect(),
            answers: self.plain_answer().cloned().into_iter().collect(),
        }
    }

    fn same(&self, judgement: &mut StepJudgement<'_>, aim: &Aim, weight: Weight, reply: &Reply) {
        let clauses = || self.judge.of(rule::WIRE_SAME);
        let mismatch = || Mismatch::new(self.as_plainly(), answer(reply));
        let Some(plain) = self.plain_answer() else {
            judgement.unknown(
                clauses(),
                &Mismatch::new(self.as_plainly(), Doubt::NothingToCompare),
            );
            return;
        };
        let own = terse_summary(reply);
        if is_passing(&own) || is_passing(plain) {
            judgement.unknown(clauses(), &mismatch().doubted(Doubt::Overloaded));
            return;
        }
        let fits = own == *plain || aim.also.contains(&reply.status);
        self.judge
            .note(judgement, rule::WIRE_SAME, weight, fits, mismatch);
    }

    /// A refusal by the service, for instance of a dry run, looks like a refusal by HTTP. So this checks whether the
    /// request got as far as its plain form.
    fn refuses(&self, judgement: &mut StepJudgement<'_>, weight: Weight, reply: &Reply) {
        let Some(plain) = self.plain_answer() else {
            judgement.unknown(
                self.judge.of(rule::WIRE_REFUSED),
                &Mismatch::rule(rule::WIRE_REFUSED, Doubt::NothingToCompare),
            );
            return;
        };
        let carried_out = terse_summary(reply) == *plain || (200..300).contains(&reply.status);
        self.judge
            .note_rule(judgement, rule::WIRE_REFUSED, weight, !carried_out, || {
                answer(reply)
            });
    }

    fn in_turn(&self, judgement: &mut StepJudgement<'_>, aim: &Aim, act: &Observation) {
        let replies = &act.replies;
        // An endpoint may close a connection after any answer, and clients send the rest again.
        if replies.len() < aim.roots.len() && matches!(act.ending, Ending::Closed | Ending::Reset) {
            return;
        }
        let seen: Vec<AnswerSummary> = act.replies.iter().map(terse_summary).collect();
        let mismatch = || {
            let expected = Expected::InTurn {
                roots: aim.roots.clone(),
            };
            Mismatch::new(expected, act.on_the_connection())
        };
        if seen.iter().any(is_passing) {
            let clauses = self.judge.of(rule::WIRE_IN_TURN);
            judgement.unknown(clauses, &mismatch().doubted(Doubt::Overloaded));
            return;
        }
        let roots = aim.roots.iter().map(String::as_str);
        let fits = seen.iter().map(word).eq(roots.map(Some));
        self.judge
            .note(judgement, rule::WIRE_IN_TURN, Weight::Full, fits, mismatch);
    }

    /// Judges the description of the fleet after the exchange. Returns whether the fleet changed.
    fn looked(
        &mut self,
        judgement: &mut StepJudgement<'_>,
        aim: &Aim,
        replies: &[Reply],
        observations: &[Observation],
    ) -> bool {
        let judge = Arc::clone(&self.judge);
        let stopped = aim.roots.iter().zip(replies).any(|(root, reply)| {
            root == "StopInstancesResponse" && word(&terse_summary(reply)) == Some(root.as_str())
        });
        let mut looks = observations.iter().rev().filter(|one| one.role == Role::Look);
        let seen = looks.find_map(|look| Some((look, look::described(look.reply()?)?)));
        let Some((look, instances)) = seen else {
            if aim.demand != WireDemand::Plain {
                let clauses = judge.of(rule::WIRE_NO_EFFECT);
                judgement.unknown(
                    clauses,
                    &Mismatch::rule(rule::WIRE_NO_EFFECT, Doubt::NotDescribed),
                );
            }
            return false;
        };
        judgement.about(place_in(observations, look));
        let harmless = self.plain.as_ref().is_some_and(|plain| plain.harmless);
        let mut changed = false;
        for (id, belief) in &mut self.fleet {
            let instance = instances.iter().find(|instance| *instance.id == **id);
            let states = instance.map_or(States::one(State::Gone), look::states_of);
            let fit = states.and(belief.states.later());
            let observed = || facts::described_state(id, instance, true);
            if stopped {
                let fits = !states.contains(State::Running);
                // Descriptions may lag behind the answer.
                judge.note(judgement, rule::WIRE_IN_TURN, Weight::Advisory, fits, || {
                    Mismatch::new(facts::is_in(id, States::down()), observed())
                });
            } else if aim.demand != WireDemand::Plain && aim.demand != WireDemand::InTurn && harmless {
                // If the plain dry run already stops instances, the scenarios report it.
                judge.note(
                    judgement,
                    rule::WIRE_NO_EFFECT,
                    Weight::Full,
                    !fit.is_empty(),
                    || Mismatch::new(facts::stays(id, belief.states), observed()),
                );
            }
            changed |= fit.is_empty();
            belief.states = if fit.is_empty() { states } else { fit };
        }
        changed
    }
}

/// Error codes of a throttled or overloaded service.
const PASSING: [&str; 5] = [
    "RequestLimitExceeded",
    "EC2ThrottledException",
    "Throttling",
    "Unavailable",
    "ServiceUnavailable",
];

/// Whether the service was throttling or overloaded.
fn is_passing(answer: &AnswerSummary) -> bool {
    let code = word(answer).unwrap_or_default();
    answer.status == 429 || (answer.status == 503 && PASSING.contains(&code))
}

/// The error code, or else the name of the root element.
fn word(answer: &AnswerSummary) -> Option<&str> {
    match &answer.body {
        BodySummary::Error { code, .. } => Some(code.as_str()),
        BodySummary::Document { root } => Some(root.as_str()),
        BodySummary::Items { .. } | BodySummary::Empty | BodySummary::NotXml { .. } => None,
    }
}

fn answer(reply: &Reply) -> Observed {
    Observed::Answer(terse_summary(reply))
}
