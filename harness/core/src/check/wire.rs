//! Judges exchanges on a raw socket.
//!
//! It checks that an answer came where HTTP demands one, that it equals the answer to the plain form, and that only
//! complete, unambiguous requests were carried out. Only what can be known is judged: no recording shows that the
//! service's front end follows HTTP to the letter, so the clauses are inferred and warn.

use std::sync::Arc;

use super::step_judgement::{StepJudgement, Weight};
use super::text::one_line;
use super::{CaseJudge, Observation, look};
use crate::contract::{Check, State};
use crate::journal::{Aim, Ending, Intent, Judged, RawFault, StepStarted, WireDemand, Wired};
use crate::model::States;
use crate::protocol::capture::revive;
use crate::protocol::reply::{self, Body, Reply};

/// The result of the plain form in this case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plain {
    /// The answer, if one came.
    answer: Option<Alike>,
    /// Whether the instances were left unchanged, as a dry run must leave them.
    harmless: bool,
}

/// The part of an answer that is compared with another answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Alike {
    status: u16,
    /// The error code, or the name of the root element.
    word: String,
}

impl CaseJudge {
    /// Judges a step on a raw socket: the exchange, and the description of the fleet after it.
    pub fn judge_wire(&mut self, step: &StepStarted, wired: &[Wired], looks: &[Observation<'_>]) -> Judged {
        let judge = Arc::clone(&self.judge);
        let mut judgement = StepJudgement::new(&judge.clause_table);
        if let (Intent::Wire(aim), Some(wired)) = (&step.intent, wired.last()) {
            let replies: Vec<Reply> = wired
                .answers
                .iter()
                .filter_map(revive)
                .map(reply::decode)
                .collect();
            self.status_class(&mut judgement, aim, &replies);
            self.answered(&mut judgement, aim, wired, &replies);
            let changed = self.looked(&mut judgement, aim, &replies, looks);
            if aim.demand == WireDemand::Plain {
                self.plain = Some(Plain {
                    answer: replies.first().map(alike),
                    harmless: !changed,
                });
            }
        }
        judgement.close(&self.case, step.step)
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
        if aim.also.contains(&reply.status) || is_passing(reply) {
            return;
        }
        self.judge
            .note(judgement, Check::StatusClass, weight, reply.status < 500, || {
                ("no 5xx status: the fault is the client's", in_words(reply))
            });
    }

    fn answered(&self, judgement: &mut StepJudgement<'_>, aim: &Aim, wired: &Wired, replies: &[Reply]) {
        let judge = Arc::clone(&self.judge);
        let weight = if aim.should {
            Weight::Advisory
        } else {
            Weight::Full
        };
        let silence = format!("no answer: the connection {}", wired.ending.words());
        let mut note = |check: Check, fits: bool, allowed: &str, observed: &str| {
            judge.note(judgement, check, weight, fits, || (allowed, observed));
        };
        let hangs = wired.ending == Ending::Silent;
        let Some(first) = replies.first() else {
            match aim.demand {
                WireDemand::Plain | WireDemand::Same | WireDemand::Answered | WireDemand::InTurn => {
                    note(Check::WireAnswered, false, "an HTTP response", &silence);
                }
                WireDemand::Refused | WireDemand::Ended => {
                    let allowed = "an answer, or the end of the connection";
                    note(Check::WireEnded, !hangs, allowed, &silence);
                    if aim.demand == WireDemand::Refused && !hangs {
                        note(Check::WireRefused, true, "", "");
                    }
                }
                WireDemand::Dropped => {}
            }
            return;
        };
        match aim.demand {
            WireDemand::Plain | WireDemand::Answered => note(Check::WireAnswered, true, "", ""),
            WireDemand::Ended => note(Check::WireEnded, true, "", ""),
            WireDemand::Dropped => {}
            WireDemand::Same => {
                note(Check::WireAnswered, true, "", "");
                self.same(judgement, aim, weight, first);
            }
            WireDemand::Refused => {
                note(Check::WireEnded, true, "", "");
                self.refuses(judgement, weight, first);
            }
            WireDemand::InTurn => {
                note(Check::WireAnswered, true, "", "");
                self.in_turn(judgement, aim, wired, replies);
            }
        }
    }

    /// The answer to the plain form, if one came.
    fn told_plainly(&self) -> Option<&Alike> {
        self.plain.as_ref().and_then(|plain| plain.answer.as_ref())
    }

    fn same(&self, judgement: &mut StepJudgement<'_>, aim: &Aim, weight: Weight, reply: &Reply) {
        let clauses = || self.judge.of(Check::WireSame);
        let Some(plain) = self.told_plainly() else {
            judgement.unknown(clauses(), "the answer to the plain form", "it was not answered");
            return;
        };
        let own = alike(reply);
        let allowed = format!("{} {}, as to the plain form", plain.status, plain.word);
        if is_passing(reply) || plain.is_passing() {
            let why = format!("{}: the service was throttling or overloaded", in_words(reply));
            judgement.unknown(clauses(), &allowed, &why);
            return;
        }
        let fits = own == *plain || aim.also.contains(&reply.status);
        self.judge.note(judgement, Check::WireSame, weight, fits, || {
            (allowed, in_words(reply))
        });
    }

    /// A refusal by the service, for instance of a dry run, looks like a refusal by HTTP. So this checks whether the
    /// request got as far as its plain form.
    fn refuses(&self, judgement: &mut StepJudgement<'_>, weight: Weight, reply: &Reply) {
        let Some(plain) = self.told_plainly() else {
            let why = "the plain form was not answered";
            judgement.unknown(self.judge.of(Check::WireRefused), "a refusal", why);
            return;
        };
        let carried_out = alike(reply) == *plain || (200..300).contains(&reply.status);
        let observed = format!("{}, as if nothing were wrong with it", in_words(reply));
        self.judge
            .note(judgement, Check::WireRefused, weight, !carried_out, || {
                ("400, or the end of the connection", observed)
            });
    }

    fn in_turn(&self, judgement: &mut StepJudgement<'_>, aim: &Aim, wired: &Wired, replies: &[Reply]) {
        // An endpoint may close a connection after any answer, and clients send the rest again.
        if replies.len() < aim.roots.len() && matches!(wired.ending, Ending::Closed | Ending::Reset) {
            return;
        }
        let clauses = || self.judge.of(Check::WireInTurn);
        let allowed = aim.roots.join(", then ");
        let seen: Vec<String> = replies.iter().map(in_words).collect();
        let observed = format!(
            "{}; the connection {}",
            seen.join(", then "),
            wired.ending.words()
        );
        if replies.iter().any(is_passing) {
            judgement.unknown(clauses(), &allowed, &observed);
            return;
        }
        let names = replies.iter().map(|reply| alike(reply).word);
        let fits = names.eq(aim.roots.iter().cloned());
        self.judge
            .note(judgement, Check::WireInTurn, Weight::Full, fits, || {
                (allowed, observed)
            });
    }

    /// Judges the description of the fleet after the exchange. Returns whether the fleet changed.
    fn looked(
        &mut self,
        judgement: &mut StepJudgement<'_>,
        aim: &Aim,
        replies: &[Reply],
        looks: &[Observation<'_>],
    ) -> bool {
        let judge = Arc::clone(&self.judge);
        let stopped = aim
            .roots
            .iter()
            .zip(replies)
            .any(|(root, reply)| root == "StopInstancesResponse" && alike(reply).word == *root);
        let instances = looks.iter().rev().find_map(|look| look::described(look.reply?));
        let Some(instances) = instances else {
            if aim.demand != WireDemand::Plain {
                let why = "the fleet could not be described after the exchange";
                judgement.unknown(judge.of(Check::WireNoEffect), "no instance changes", why);
            }
            return false;
        };
        let harmless = self.plain.as_ref().is_some_and(|plain| plain.harmless);
        let mut changed = false;
        for (id, belief) in &mut self.fleet {
            let instance = instances.iter().find(|instance| *instance.id == **id);
            let states = instance.map_or(States::one(State::Gone), look::states_of);
            let fit = states.and(belief.states.later());
            let observed = format!("{id} is {states} (DescribeInstances after the exchange)");
            if stopped {
                let fits = !states.contains(State::Running);
                let allowed = format!("{id} is stopping or stopped, as it was answered");
                // Descriptions may lag behind the answer.
                judge.note(judgement, Check::WireInTurn, Weight::Advisory, fits, || {
                    (allowed, observed)
                });
            } else if aim.demand != WireDemand::Plain && aim.demand != WireDemand::InTurn && harmless {
                // If the plain dry run already stops instances, the scenarios report it.
                let allowed = format!("{id} stays {}", belief.states);
                judge.note(
                    judgement,
                    Check::WireNoEffect,
                    Weight::Full,
                    !fit.is_empty(),
                    || (allowed, observed),
                );
            }
            changed |= fit.is_empty();
            belief.states = if fit.is_empty() { states } else { fit };
        }
        changed
    }
}

impl Alike {
    fn is_passing(&self) -> bool {
        self.status == 429 || (self.status == 503 && PASSING.contains(&self.word.as_str()))
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

fn is_passing(reply: &Reply) -> bool {
    alike(reply).is_passing()
}

fn alike(reply: &Reply) -> Alike {
    let word = match &reply.body {
        Body::Document(document) => {
            let code = reply.error().and_then(|error| error.code);
            code.unwrap_or(document.root().name()).to_owned()
        }
        Body::Empty => "without a body".to_owned(),
        Body::Unreadable { .. } => "with a body that is not XML".to_owned(),
    };
    Alike {
        status: reply.status,
        word,
    }
}

fn in_words(reply: &Reply) -> String {
    let Alike { status, word } = alike(reply);
    format!("{status} {}", one_line(&word, 80))
}
