//! Judges clauses that only one step of a case can show, given the earlier answer to the plain form of the same call.

use super::answer::Answered;
use super::facts::Mismatch;
use super::step_judgement::{StepJudgement, Weight};
use super::{CaseJudge, Observation};
use crate::journal::{Doubt, Expected, StepStarted};
use crate::protocol::reply::Reply;

/// How the plain form of a call was answered, for later steps that vary the call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Control {
    pub(super) step: usize,
    wrong: bool,
    misstated: bool,
    untold: bool,
}

/// What the answers of a step show: the first deviation of each kind.
pub(super) struct StepFindings<'a> {
    pub(super) wrong: Option<&'a Mismatch>,
    pub(super) misstated: Option<&'a Mismatch>,
    pub(super) untold: Option<&'a Mismatch>,
}

impl<'a> StepFindings<'a> {
    /// What these answers show.
    pub(super) fn of(answers: &'a [(&Observation, Answered, &Reply)]) -> Self {
        let first = |which: fn(&Answered) -> Option<&Mismatch>| {
            answers.iter().find_map(|(_, answered, _)| which(answered))
        };
        StepFindings {
            wrong: first(|answered| answered.wrong.as_ref()),
            misstated: first(|answered| answered.misstated.as_ref()),
            untold: first(|answered| answered.untold.as_ref()),
        }
    }
}

impl CaseJudge {
    /// Judges the clauses that only this step can show. Wrong states of a call that was carried out are judged by the
    /// transition clauses, unless the plain form had the right states: then the variation made the difference.
    pub(super) fn witness(
        &mut self,
        judgement: &mut StepJudgement<'_>,
        step: &StepStarted,
        findings: &StepFindings<'_>,
    ) {
        let clauses = self.judge.clause_table.indices(&step.witness);
        let wrong = match self.control {
            Some(control) if !control.misstated => findings.wrong.or(findings.misstated),
            Some(_) | None => findings.wrong,
        };
        match (wrong, self.control, findings.untold) {
            (
                _,
                Some(Control {
                    step, wrong: true, ..
                }),
                _,
            ) => {
                let expected = Expected::Same {
                    steps: vec![step],
                    answers: Vec::new(),
                };
                judgement.unknown(&clauses, &Mismatch::new(expected, Doubt::PlainFormWrong));
            }
            (Some(wrong), _, _) => judgement.deviates(&clauses, Weight::Full, wrong),
            // The call may be refused, but its plain form was accepted, so the refusal is due to the variation.
            (None, Some(Control { untold: false, .. }), Some(untold)) => {
                judgement.deviates(&clauses, Weight::Full, untold);
            }
            (None, _, Some(untold)) => {
                judgement.unknown(&clauses, &untold.clone().doubted(Doubt::MayBeRefused));
            }
            (None, _, None) => judgement.held(&clauses),
        }
        if step.control {
            self.control = Some(Control {
                step: step.step,
                wrong: findings.wrong.is_some(),
                misstated: findings.misstated.is_some(),
                untold: findings.untold.is_some(),
            });
        }
    }
}
