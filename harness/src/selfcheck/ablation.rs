//! Ablation: removes or inverts one row of the contract at a time, and verifies that the unmodified reference is then
//! found to deviate. A row whose removal is not noticed is not covered by any check.

use std::io;

use serde::Serialize;

use super::emulator;
use super::trial::{self, Effort, Stage, Trial};
use crate::contract::{Contract, Demand, Refusal, RefusalAnswer, Transition};
use crate::journal::Phase;
use crate::reference::XmlLayout;

/// A contract with one row removed or inverted.
#[derive(Debug)]
pub(super) struct Cut {
    /// What was changed, as text.
    pub(super) what: String,
    /// The remaining contract, ready to be played.
    pub(super) stage: Stage,
}

/// A removed row, and what noticed the removal.
#[derive(Debug, Clone, Serialize)]
pub struct Ablated {
    /// What was changed.
    pub what: String,
    /// The phase that noticed it, if one did.
    pub noticed_by: Option<Phase>,
    /// The clauses that noticed it.
    pub clauses: Vec<String>,
    /// Whether it only caused warnings.
    pub only_warned: bool,
}

/// Every cut that a check could notice. Rows that only tolerate an answer cause no finding, so their removal is not
/// noticed.
pub(super) fn cuts(contract: &Contract) -> Vec<Cut> {
    let mut cuts = Vec::new();
    let mut cut = |what: String, change: &dyn Fn(&mut Contract)| {
        let mut left = contract.clone();
        change(&mut left);
        cuts.push(Cut {
            what,
            stage: Stage::new(left),
        });
    };
    // A sibling action may be refused for reasons that the contract does not cover, so its rows promise nothing.
    let tested = |row: &&Transition| {
        row.action == contract.action
            && !row.clauses.is_empty()
            && row.answers.iter().any(|answer| !answer.odd)
    };
    for row in contract.transitions.iter().filter(tested) {
        let is_it = |other: &Transition| other.action == row.action && other.from == row.from;
        let name = format!("stop of an instance that is {:?}", row.from).to_lowercase();
        cut(format!("{name}: no row"), &|left| {
            left.transitions.retain(|row| !is_it(row));
        });
        cut(format!("{name}: another current state"), &|left| {
            for row in left.transitions.iter_mut().filter(|row| is_it(row)) {
                row.answers
                    .iter_mut()
                    .for_each(|answer| "shutting-down".clone_into(&mut answer.current));
            }
        });
    }
    let demanded = |row: &&Refusal| matches!(row.demand, Demand::Must | Demand::Should);
    for row in contract.refusals.iter().filter(demanded) {
        let name = format!("refusal for {}", row.condition.word());
        let of = |left: &mut Contract, change: &dyn Fn(&mut Vec<RefusalAnswer>)| {
            let same = |other: &&mut Refusal| other.condition == row.condition && other.demand == row.demand;
            for row in left.refusals.iter_mut().filter(same) {
                change(&mut row.answers);
            }
        };
        cut(format!("{name}: no row"), &|left| {
            left.refusals
                .retain(|other| other.condition != row.condition || other.demand != row.demand);
        });
        if !row.clauses.code.is_empty() && !row.answers.is_empty() {
            cut(format!("{name}: another code"), &|left| {
                of(left, &|answers| {
                    for answer in answers {
                        answer.code.push_str(".Ablated");
                        answer.message = None;
                    }
                });
            });
        }
        if !row.clauses.status.is_empty() {
            cut(format!("{name}: another status"), &|left| {
                of(left, &|answers| {
                    answers.iter_mut().for_each(|answer| answer.status = vec![418]);
                });
            });
        }
    }
    for (at, row) in contract.precedences.iter().enumerate() {
        let (first, before) = (row.first.word(), row.before.word());
        cut(format!("{first} before {before}: the other way round"), &|left| {
            if let Some(row) = left.precedences.get_mut(at) {
                std::mem::swap(&mut row.first, &mut row.before);
            }
        });
    }
    for parameter in &contract.parameters {
        cut(format!("parameter {}: unknown", parameter.name), &|left| {
            left.parameters.retain(|other| other.name != parameter.name);
        });
    }
    cuts
}

/// Cuts that no check can notice, with the reason.
const IDLE: &[(&str, &str)] = &[
    (
        "refusal for empty-id: no row",
        "a call whose only id is empty names no instance, so no other row says that it is accepted",
    ),
    (
        "stop of an instance that is restarting: another current state",
        MAY,
    ),
    ("refusal for shutting-down: no row", ENDED),
    ("refusal for shutting-down: another code", ENDED),
    ("refusal for shutting-down: another status", ENDED),
];

const MAY: &str = "the clause of this row is a MAY, and the answer is blamed on no other row";

const ENDED: &str = "an instance that is shutting down may have ended when the call arrives, and then the row of the \
                     terminated answers for it";

/// The reason why no check can notice this cut, if it is known.
pub(super) fn idle(what: &str) -> Option<&'static str> {
    IDLE.iter().find(|(known, _)| *known == what).map(|(_, why)| *why)
}

/// Plays the unmodified reference against the remaining contract: random scripts first, then named cases and coverage.
pub(super) fn ablate(cut: &Cut, effort: Effort) -> io::Result<Ablated> {
    let mut ablated = Ablated {
        what: cut.what.clone(),
        noticed_by: None,
        clauses: Vec::new(),
        only_warned: false,
    };
    for phase in [Phase::Random, Phase::Scenarios, Phase::Coverage] {
        let effort = Effort {
            until_found: true,
            ..effort
        };
        let pristine = emulator::pristine(cut.stage.contract.edition, XmlLayout::default());
        let Trial { failed, warned, .. } = trial::play(&cut.stage, pristine, phase, effort)?;
        if !failed.is_empty() {
            ablated.noticed_by = Some(phase);
            ablated.clauses = failed.into_keys().collect();
            ablated.only_warned = false;
            break;
        }
        if !warned.is_empty() && ablated.noticed_by.is_none() {
            ablated.noticed_by = Some(phase);
            ablated.clauses = warned.into_iter().collect();
            ablated.only_warned = true;
        }
    }
    Ok(ablated)
}
