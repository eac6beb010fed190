//! Compares an answer with earlier answers of the same case. A relation does not know which answer is right; it only
//! checks that calls with the same meaning get the same answer.
//!
//! It compares the status, the error code, and the previous and current state of each instance, after instances are
//! renamed. It ignores messages, request ids and the order of items. The oracle decides one thing only: where the
//! states of the instances may change by themselves, two answers that are both allowed count as the same, however they
//! differ.

use std::collections::BTreeSet;

use super::CaseJudge;
use super::answer::{Answered, bare};
use super::facts::{self, Mismatch};
use super::step_judgement::{StepJudgement, Weight};
use crate::call::Call;
use crate::contract::SameAs;
use crate::journal::{AnswerSummary, BodySummary, Doubt, Excerpt, Expected, Few, Observed, StepStarted};
use crate::model::{self, Belief, Fleet};
use crate::protocol::reply::{self, Reply};

/// The part of an answer that is kept for comparison with later ones.
#[derive(Debug, Clone)]
pub(super) struct RememberedAnswer {
    step: usize,
    told: AnswerFacts,
    /// The beliefs about the instances that the call named.
    named: Fleet,
    /// Whether the contract allows the answer.
    allowed: bool,
    /// Whether the instances of the call may have changed state by themselves, so that another answer would be allowed
    /// too.
    open: bool,
}

/// The content of an answer, as far as it is compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum AnswerFacts {
    /// The call was carried out.
    Accepted { status: u16, items: BTreeSet<Item> },
    /// The call was refused; the code is empty if there is none.
    Refused { status: u16, code: String },
    /// A success that is not an answer of this action; the name of its root is empty if there is none.
    Foreign { status: u16, root: String },
    /// A server error (5xx, throttling included): it says nothing about the call.
    Nothing,
}

/// The previous and current state of one instance; what is missing is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    id: String,
    previous: String,
    current: String,
}

/// What is expected if nothing is known about the earlier answers.
pub(super) fn as_before() -> Expected {
    Expected::Same {
        steps: Vec::new(),
        answers: Vec::new(),
    }
}

impl CaseJudge {
    /// Compares an answer with the earlier ones that it must equal, and keeps it if the step has a label.
    pub(super) fn relate(
        &mut self,
        judgement: &mut StepJudgement<'_>,
        step: &StepStarted,
        action: &str,
        answer: Option<(&Call, &Answered, &Reply)>,
    ) {
        let kept = answer.map(|(call, answered, reply)| RememberedAnswer {
            step: step.step,
            told: AnswerFacts::of(action, reply),
            named: self
                .fleet
                .iter()
                .filter(|(id, _)| answered.named.contains(*id))
                .map(|(id, belief)| (id.clone(), belief.clone()))
                .collect(),
            allowed: answered.wrong.is_none() && answered.misstated.is_none(),
            open: self.is_open(action, call),
        });
        if let Some(same_as) = &step.same_as {
            self.compare(judgement, same_as, kept.as_ref());
        }
        if let (Some(label), Some(kept)) = (&step.label, kept) {
            self.kept.insert(label.clone(), kept);
        }
    }

    fn compare(&self, judgement: &mut StepJudgement<'_>, same_as: &SameAs, here: Option<&RememberedAnswer>) {
        let clauses = self.judge.clause_table.indices(&same_as.clauses);
        let there: Vec<&RememberedAnswer> = same_as
            .labels
            .iter()
            .filter_map(|label| self.kept.get(label))
            .collect();
        let Some(here) = here.filter(|here| here.told != AnswerFacts::Nothing) else {
            judgement.unknown(&clauses, &Mismatch::new(as_before(), Doubt::NoAnswer));
            return;
        };
        let silent = there.iter().any(|kept| kept.told == AnswerFacts::Nothing);
        if silent || there.is_empty() || there.len() < same_as.labels.len() {
            judgement.unknown(&clauses, &Mismatch::new(as_before(), Doubt::NothingToCompare));
            return;
        }
        let expected = AnswerFacts::together(&there, &same_as.instances);
        let explained = || {
            let open = here.open || there.iter().any(|kept| kept.open);
            open && here.allowed && there.iter().all(|kept| kept.allowed)
        };
        if expected.contains(&here.told) || explained() {
            judgement.held(&clauses);
            return;
        }
        if let Some(id) = unlike(here, &there, &same_as.instances) {
            // If an earlier answer was not allowed, that is a finding already, and it covers everything that follows
            // from it.
            if there.iter().any(|kept| !kept.allowed) {
                return;
            }
            let other = Observed::Undecided {
                why: Doubt::OtherCircumstances,
                id: Some(Excerpt::word(id)),
                seen: None,
            };
            judgement.unknown(&clauses, &Mismatch::new(as_before(), other));
            return;
        }
        let expected = Expected::Same {
            steps: there.iter().map(|kept| kept.step).collect(),
            answers: expected.iter().filter_map(AnswerFacts::summary).collect(),
        };
        let observed: Vec<Observed> = here.told.summary().map(Observed::Answer).into_iter().collect();
        judgement.deviates(&clauses, Weight::Full, &Mismatch::new(expected, observed));
    }

    /// Whether time alone may change how a call is answered.
    fn is_open(&self, action: &str, call: &Call) -> bool {
        let contract = &self.judge.contract;
        let reading = model::read(contract, &self.fleet, call);
        let expectation = model::expect(contract, &self.fleet, action, &reading);
        let uncertain = expectation.refusals.iter().any(|active| !active.certain);
        let several = |rule: &model::ItemRule<'_>| {
            let answers = rule.rows.iter().flat_map(|(_, row)| &row.answers);
            answers.filter(|answer| !answer.odd).count() > 1
        };
        uncertain || expectation.items.values().any(several)
    }
}

/// An instance of this call whose belief differs from that of its counterpart in an earlier call, for any reason; or
/// one without a counterpart, although all earlier calls were accepted.
fn unlike<'k>(
    here: &'k RememberedAnswer,
    there: &[&RememberedAnswer],
    instances: &[(String, String)],
) -> Option<&'k str> {
    let accepted = there
        .iter()
        .all(|kept| matches!(kept.told, AnswerFacts::Accepted { .. }));
    let differs = |id: &str, belief: &Belief| {
        let stand_in = instances.iter().find(|(stand_in, _)| stand_in == id);
        let counterpart = stand_in.map_or(id, |(_, there)| there.as_str());
        let mut then = there
            .iter()
            .filter_map(|kept| kept.named.get(counterpart))
            .peekable();
        let alone = then.peek().is_none();
        (alone && accepted) || then.any(|then| then != belief)
    };
    here.named
        .iter()
        .find(|(id, belief)| differs(id, belief))
        .map(|(id, _)| id.as_ref())
}

impl AnswerFacts {
    fn of(action: &str, reply: &Reply) -> AnswerFacts {
        let status = reply.status;
        let root = reply.root();
        if status >= 500 {
            return AnswerFacts::Nothing;
        }
        if !(200..300).contains(&status) {
            let code = reply.error().and_then(|error| error.code).unwrap_or_default();
            return AnswerFacts::Refused {
                status,
                code: bare(code).to_owned(),
            };
        }
        match root {
            Some(root) if root.name().strip_suffix("Response") == Some(action) => AnswerFacts::Accepted {
                status,
                items: reply::state_changes(root).items.iter().map(Item::of).collect(),
            },
            root => AnswerFacts::Foreign {
                status,
                root: root.map(|root| root.name().to_owned()).unwrap_or_default(),
            },
        }
    }

    /// The answers allowed to one call that stands in for all of these: each of theirs that is not `Accepted`, or, if
    /// there is none, all of their items together. `instances` pairs each instance of the one call with the instance
    /// that it stands in for.
    fn together(parts: &[&RememberedAnswer], instances: &[(String, String)]) -> BTreeSet<AnswerFacts> {
        let refused: BTreeSet<AnswerFacts> = parts
            .iter()
            .map(|kept| &kept.told)
            .filter(|told| !matches!(told, AnswerFacts::Accepted { .. }))
            .cloned()
            .collect();
        if !refused.is_empty() {
            return refused;
        }
        let mut statuses = BTreeSet::new();
        let mut all = BTreeSet::new();
        for kept in parts {
            if let AnswerFacts::Accepted { status, items } = &kept.told {
                statuses.insert(*status);
                all.extend(items.iter().flat_map(|item| item.renamed(instances)));
            }
        }
        let accepted = |status| AnswerFacts::Accepted {
            status,
            items: all.clone(),
        };
        statuses.into_iter().map(accepted).collect()
    }

    /// The answer for a finding; `None` if none came.
    fn summary(&self) -> Option<AnswerSummary> {
        let (status, body) = match self {
            AnswerFacts::Accepted { status, items } => {
                let items = items
                    .iter()
                    .map(|item| facts::changed(&item.id, &item.previous, &item.current));
                (
                    *status,
                    BodySummary::Items {
                        items: items.collect::<Few<_>>(),
                    },
                )
            }
            AnswerFacts::Refused { status, code } => (
                *status,
                BodySummary::Error {
                    code: Excerpt::name(code),
                    message: None,
                },
            ),
            AnswerFacts::Foreign { status, root } => (
                *status,
                BodySummary::Document {
                    root: Excerpt::name(root),
                },
            ),
            AnswerFacts::Nothing => return None,
        };
        Some(AnswerSummary { status, body })
    }
}

impl Item {
    fn of(change: &reply::StateChange<'_>) -> Item {
        let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Item {
            id: owned(change.id),
            previous: owned(change.previous_name()),
            current: owned(change.current_name()),
        }
    }

    /// The item under the ids of the instances that stand in for its instance, or under its own id if there are none.
    fn renamed(&self, instances: &[(String, String)]) -> Vec<Item> {
        let stand_ins: Vec<Item> = instances
            .iter()
            .filter(|(_, there)| *there == self.id)
            .map(|(here, _)| Item {
                id: here.clone(),
                ..self.clone()
            })
            .collect();
        if stand_ins.is_empty() {
            vec![self.clone()]
        } else {
            stand_ins
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;
    use crate::words::{English, Words as _};

    fn accepted(status: u16, items: &[(&str, &str, &str)]) -> AnswerFacts {
        let item = |(id, previous, current): &(&str, &str, &str)| Item {
            id: (*id).to_owned(),
            previous: (*previous).to_owned(),
            current: (*current).to_owned(),
        };
        AnswerFacts::Accepted {
            status,
            items: items.iter().map(item).collect(),
        }
    }

    fn refused(code: &str) -> AnswerFacts {
        AnswerFacts::Refused {
            status: 400,
            code: code.to_owned(),
        }
    }

    fn kept(told: AnswerFacts) -> RememberedAnswer {
        RememberedAnswer {
            step: 1,
            told,
            named: Fleet::new(),
            allowed: true,
            open: false,
        }
    }

    fn renames(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(here, there): &(&str, &str)| ((*here).to_owned(), (*there).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn what_was_told_is_read_from_the_status_and_the_root() {
        let told = |status, body: &str| {
            let response = Response::builder().status(status).body(body.to_owned().into());
            let reply = reply::decode(response.expect("the status is valid"));
            AnswerFacts::of("StopInstances", &reply)
                .summary()
                .map_or_else(String::new, |answer| English.observed(&Observed::Answer(answer)))
        };
        let items = "<instancesSet><item><instanceId>i-1</instanceId></item></instancesSet>";
        let stopped = format!("<StopInstancesResponse>{items}</StopInstancesResponse>");
        let started = format!("<StartInstancesResponse>{items}</StartInstancesResponse>");
        let error =
            |code: &str| format!("<Response><Errors><Error><Code>{code}</Code></Error></Errors></Response>");
        assert!(told(200, &stopped).starts_with("200 [i-1: "));
        assert!(told(299, &stopped).starts_with("299 [i-1: "));
        assert_eq!(told(200, &started), "200 <StartInstancesResponse>");
        assert_eq!(told(200, ""), "200 without a document");
        assert_eq!(told(300, &stopped), "300 without an error code");
        assert_eq!(told(400, &error("InvalidAction")), "400 InvalidAction");
        assert_eq!(told(499, &error("")), "499 without an error code");
        assert_eq!(told(500, &error("InternalError")), "");
    }

    #[test]
    fn singles_are_one_batch_under_the_names_of_those_who_stand_for_them() {
        let (one, two) = (
            kept(accepted(200, &[("i-a", "running", "stopping")])),
            kept(accepted(200, &[("i-b", "stopped", "stopped")])),
        );
        let batch = AnswerFacts::together(&[&one, &two], &renames(&[("i-c", "i-a"), ("i-d", "i-b")]));
        let items = [("i-d", "stopped", "stopped"), ("i-c", "running", "stopping")];
        assert_eq!(batch, BTreeSet::from([accepted(200, &items)]));
    }

    #[test]
    fn one_instance_may_be_stood_for_by_two_and_others_stand_for_themselves() {
        let one = kept(accepted(200, &[("i-a", "running", "stopping")]));
        let twice = AnswerFacts::together(&[&one], &renames(&[("i-c", "i-a"), ("i-d", "i-a")]));
        let items = [("i-c", "running", "stopping"), ("i-d", "running", "stopping")];
        assert_eq!(twice, BTreeSet::from([accepted(200, &items)]));
        let same = AnswerFacts::together(&[&one], &renames(&[("i-c", "i-x")]));
        assert_eq!(same, BTreeSet::from([one.told.clone()]));
    }

    #[test]
    fn a_batch_is_refused_for_whatever_refuses_one_of_its_parts() {
        let parts = [
            kept(accepted(200, &[])),
            kept(refused("InvalidInstanceID.NotFound")),
            kept(refused("IncorrectInstanceState")),
        ];
        let parts: Vec<&RememberedAnswer> = parts.iter().collect();
        let expected = [
            refused("InvalidInstanceID.NotFound"),
            refused("IncorrectInstanceState"),
        ];
        assert_eq!(AnswerFacts::together(&parts, &[]), BTreeSet::from(expected));
    }
}
