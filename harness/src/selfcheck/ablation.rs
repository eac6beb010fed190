//! Ablation: one row of the contract is taken out or turned around at a time, and the pristine reference must then be
//! found to deviate. A row that nobody misses is not looked at by any check.

use std::sync::Arc;

use serde::Serialize;

use super::emulator;
use super::trial::{self, Effort, Trial};
use crate::contract::{Contract, Demand};
use crate::journal::Phase;
use crate::reference::Layout;

/// A contract without one of its rows.
#[derive(Debug, Clone)]
pub struct Cut {
    /// What was done, in words.
    pub what: String,
    /// What is left.
    pub contract: Arc<Contract>,
}

/// A cut, and by what it was noticed.
#[derive(Debug, Clone, Serialize)]
pub struct Ablated {
    /// What was done.
    pub what: String,
    /// The phase that noticed, if one did.
    pub noticed_by: Option<Phase>,
    /// The clauses under which it was noticed.
    pub clauses: Vec<String>,
    /// Whether it was noticed as a warning only.
    pub only_warned: bool,
}

/// Every cut of the tables of answers.
pub fn cuts(contract: &Contract) -> Vec<Cut> {
    let mut cuts = Vec::new();
    let mut cut = |what: String, change: &dyn Fn(&mut Contract)| {
        let mut left = contract.clone();
        change(&mut left);
        cuts.push(Cut {
            what,
            contract: Arc::new(left),
        });
    };
    for (at, row) in contract.transitions.iter().enumerate() {
        let name = format!(
            "{} of an instance that is {}",
            row.action,
            format!("{:?}", row.from).to_lowercase()
        );
        cut(format!("{name}: no row"), &|left| {
            left.transitions.remove(at);
        });
        // The answer that is expected says the contrary: what was up goes nowhere, what was down is on its way.
        cut(format!("{name}: another current state"), &|left| {
            if let Some(row) = left.transitions.get_mut(at) {
                for answer in &mut row.answers {
                    let other = if answer.current == "shutting-down" {
                        "running"
                    } else {
                        "shutting-down"
                    };
                    other.clone_into(&mut answer.current);
                }
            }
        });
    }
    for (at, row) in contract.refusals.iter().enumerate() {
        let name = format!("refusal for {}", row.condition.word());
        cut(format!("{name}: no row"), &|left| {
            left.refusals.remove(at);
        });
        if row.demand != Demand::Odd && !row.answers.is_empty() {
            cut(format!("{name}: another code"), &|left| {
                if let Some(row) = left.refusals.get_mut(at) {
                    for answer in &mut row.answers {
                        answer.code.push_str(".Ablated");
                        answer.message = None;
                    }
                }
            });
            cut(format!("{name}: another status"), &|left| {
                if let Some(row) = left.refusals.get_mut(at) {
                    for answer in &mut row.answers {
                        answer.status = vec![418];
                    }
                }
            });
        }
    }
    for (at, row) in contract.precedences.iter().enumerate() {
        let what = format!(
            "{} before {}: the other way round",
            row.first.word(),
            row.before.word()
        );
        cut(what, &|left| {
            if let Some(row) = left.precedences.get_mut(at) {
                std::mem::swap(&mut row.first, &mut row.before);
            }
        });
    }
    for (at, parameter) in contract.parameters.iter().enumerate() {
        cut(format!("parameter {}: unknown", parameter.name), &|left| {
            left.parameters.remove(at);
        });
    }
    cuts
}

/// Cuts that nobody can notice, with the reason.
const IDLE: &[(&str, &str)] = &[];

/// Whether nobody can notice this cut.
pub fn is_idle(what: &str) -> bool {
    IDLE.iter().any(|(known, _)| *known == what)
}

/// Whether the pristine reference is found to deviate from what is left: by random scripts, or else by named cases
/// and by coverage.
pub async fn ablate(cut: &Cut, effort: Effort) -> Ablated {
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
        let pristine = emulator::pristine(cut.contract.edition, Layout::default());
        let Trial { failed, warned, .. } = trial::play(&cut.contract, pristine, phase, effort).await;
        if failed.is_empty() && (warned.is_empty() || ablated.only_warned) {
            continue;
        }
        ablated.only_warned = failed.is_empty();
        ablated.noticed_by = Some(phase);
        ablated.clauses = if failed.is_empty() {
            warned.into_iter().collect()
        } else {
            failed.into_keys().collect()
        };
        if !ablated.only_warned {
            break;
        }
    }
    ablated
}
