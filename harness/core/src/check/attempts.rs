//! Attempts of a call that met a server error and were sent again.

use std::sync::Arc;

use super::answer::may_have_been_carried_out;
use super::step_judgement::StepJudgement;
use super::{CaseJudge, Observation, Question, Seen};
use crate::journal::Role;

impl CaseJudge {
    /// Allows for what failed attempts of a call may have done before it was sent again.
    pub(super) fn allow_for_failed(&mut self, observations: &[Observation]) {
        let judge = Arc::clone(&self.judge);
        for failed in observations.iter().filter(|one| one.role == Role::Retried) {
            let (Some(action), Some(reply)) = (judge.tested_action(&failed.call), failed.reply()) else {
                continue;
            };
            if !may_have_been_carried_out(reply) {
                continue;
            }
            let question = Question {
                judge: &judge,
                fleet: &self.fleet,
                action,
                call: &failed.call,
                may_be_unseen: true,
                is_watched: false,
            };
            // The attempt as such is not judged.
            let mut unused = StepJudgement::new(&judge.clause_table);
            let answered = question.judge(&mut unused, &mut Seen::default(), reply);
            self.apply(&[(failed, answered, reply)]);
        }
    }
}
