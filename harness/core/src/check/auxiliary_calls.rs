//! Judges auxiliary calls: instance status, Spot requests, attributes. They support a case; if a clause covers them, it
//! is judged here.

use super::facts::{self, Mismatch};
use super::rule::{self, Rule};
use super::step_judgement::{StepJudgement, Weight};
use super::{CaseJudge, Observation};
use crate::contract::{AUXILIARY_ACTIONS, State};
use crate::journal::{Doubt, Excerpt, Observed, Obstacle};
use crate::model::States;
use crate::protocol::reply::{self, Reply};
use crate::protocol::xml::Element;

/// Whether an auxiliary call may have this action.
pub(super) fn is_question(action: &str) -> bool {
    AUXILIARY_ACTIONS.contains(&action)
}

impl CaseJudge {
    /// Judges the answer to an auxiliary call, and records what the call changed. A refusal ends the case as
    /// unsupported, unless the service itself may refuse the call.
    pub(super) fn ask(&mut self, judgement: &mut StepJudgement<'_>, act: &Observation) {
        let action = act.call.action.as_deref().unwrap_or_default();
        let Some(reply) = act.reply() else {
            return;
        };
        let Some(root) = reply.success_root() else {
            if !self.may_refuse(act) {
                self.obstacle = Some(Obstacle::Refused {
                    action: action.to_owned(),
                    answer: facts::summary(reply),
                });
            }
            return;
        };
        match action {
            "DescribeInstances" => self.view(judgement, act, root),
            "DescribeInstanceStatus" => {
                self.status(judgement, act, root);
                self.view(judgement, act, root);
            }
            "DescribeSpotInstanceRequests" => self.spot_request(judgement, act, root),
            "ModifyInstanceAttribute" => self.modified(act),
            "CancelSpotInstanceRequests" => self.cancelled(act),
            "RebootInstances" => self.rebooted(act),
            _ => {}
        }
    }

    /// Whether the service itself may refuse this call: it names an instance that is not certainly running.
    fn may_refuse(&self, act: &Observation) -> bool {
        let ids = act
            .call
            .params
            .iter()
            .filter(|(name, _)| name.starts_with("InstanceId"));
        let running = States::one(State::Running);
        let mut beliefs = ids.filter_map(|(_, id)| self.fleet.get(id.as_str()));
        beliefs.any(|belief| belief.states.later() != running)
    }

    fn status(&self, judgement: &mut StepJudgement<'_>, act: &Observation, root: Element<'_>) {
        let listed: Vec<String> = reply::instance_statuses(root)
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        let all = act.call.param("IncludeAllInstances") == Some("true");
        for (id, belief) in &self.fleet {
            if belief.states != States::one(State::Stopped) {
                continue;
            }
            let listed = listed.iter().any(|one| *one == **id);
            let fits = listed == all;
            self.judge
                .note_rule(judgement, rule::STATUS_HIDES_STOPPED, Weight::Full, fits, || {
                    Observed::Listed {
                        id: Excerpt::word(id),
                        listed,
                    }
                });
        }
    }

    fn spot_request(&self, judgement: &mut StepJudgement<'_>, act: &Observation, root: Element<'_>) {
        for request in reply::spot_requests(root) {
            let Some(fits) = self.is_disabled(&request) else {
                continue;
            };
            let observed = || {
                let word = |text: Option<&str>| Excerpt::word(text.unwrap_or_default());
                Observed::SpotRequest {
                    state: word(request.state.as_deref()),
                    status: word(request.status_code.as_deref()),
                }
            };
            const RULE: Rule = rule::SPOT_REQUEST_DISABLED;
            if !fits && self.request_may_lag(&request, act.at_ms) {
                let late = Mismatch::rule(RULE, observed().doubted(Doubt::RequestsLag));
                judgement.unknown(self.judge.of(RULE), &late);
                continue;
            }
            self.judge
                .note_rule(judgement, RULE, Weight::Full, fits, observed);
        }
    }

    /// Whether the Spot request of a stopped instance is disabled; `None` if the instance may be in another state.
    fn is_disabled(&self, request: &reply::SpotRequest) -> Option<bool> {
        let belief = request.instance_id.as_ref().map(|id| self.fleet.get(id.as_str()));
        let stopped = belief
            .flatten()
            .is_none_or(|belief| belief.states == States::one(State::Stopped));
        let is = |text: &Option<String>, word: &str| text.as_deref() == Some(word);
        stopped
            .then(|| is(&request.state, "disabled") && is(&request.status_code, "instance-stopped-by-user"))
    }

    /// Whether a request may not show yet that its instance has stopped.
    fn request_may_lag(&self, request: &reply::SpotRequest, sent_ms: u64) -> bool {
        let track = request
            .instance_id
            .as_ref()
            .map(|id| self.tracks.get(id.as_str()));
        let arrived_ms = track.flatten().and_then(|track| track.arrived_ms);
        self.may_be_stale(sent_ms)
            || arrived_ms.is_some_and(|arrived_ms| self.read_lag.covers(arrived_ms, sent_ms))
    }

    /// Whether a description of Spot requests shows a deviation that may be gone later.
    pub(super) fn shows_late_request(&self, reply: &Reply, sent_ms: u64) -> bool {
        let Some(root) = reply.success_root() else {
            return false;
        };
        reply::spot_requests(root)
            .iter()
            .any(|request| self.is_disabled(request) == Some(false) && self.request_may_lag(request, sent_ms))
    }

    /// Records the protections that an instance has from now on.
    pub(super) fn modified(&mut self, act: &Observation) {
        let call = &act.call;
        let attribute = |name: &str| {
            call.param(&format!("{name}.Value")).or_else(|| {
                let lower = name.get(..1).unwrap_or_default().to_ascii_lowercase()
                    + name.get(1..).unwrap_or_default();
                call.param("Value")
                    .filter(|_| call.param("Attribute") == Some(lower.as_str()))
            })
        };
        let Some(belief) = call.param("InstanceId").and_then(|id| self.fleet.get_mut(id)) else {
            return;
        };
        if let Some(value) = attribute("DisableApiStop") {
            belief.kind.stop_protected = value == "true";
            if let Some(track) = call.param("InstanceId").and_then(|id| self.tracks.get_mut(id)) {
                track.protection_changed_ms = Some(act.answered_ms);
                track.is_protection_unknown = false;
            }
        }
        if let Some(value) = attribute("DisableApiTermination") {
            belief.kind.termination_protected = value == "true";
        }
    }

    /// Records a reboot. The contract does not cover the reboot of an instance that is not running: it may be up
    /// afterwards.
    pub(super) fn rebooted(&mut self, act: &Observation) {
        let running = States::one(State::Running);
        let up: States = [State::Pending, State::Restarting, State::Running]
            .into_iter()
            .collect();
        for (_, id) in act
            .call
            .params
            .iter()
            .filter(|(name, _)| name.starts_with("InstanceId"))
        {
            let (Some(belief), Some(track)) =
                (self.fleet.get_mut(id.as_str()), self.tracks.get_mut(id.as_str()))
            else {
                continue;
            };
            // EC2 accepts the reboot of a terminated instance, which does not bring it back.
            if belief.states.within(States::dead()) {
                track.may_be_revived = true;
                continue;
            }
            if belief.states.later() == running {
                continue;
            }
            belief.states = belief.states.later().or(up);
            track.effects.clear();
            track.stop = None;
            track.last = None;
            track.idle_stop = None;
            track.restarted = true;
        }
    }

    /// Records that Spot requests were cancelled. A case cancels the requests of all its Spot Instances or of none.
    /// Documented: cancelling the `disabled` request of a stopped instance terminates the instance.
    fn cancelled(&mut self, act: &Observation) {
        for (belief, track) in self.fleet.values_mut().zip(self.tracks.values_mut()) {
            if !belief.is_spot() {
                continue;
            }
            belief.spot_cancelled = true;
            track.cancelled_ms = Some(act.answered_ms);
            if !belief.states.later().and(States::down()).is_empty() {
                belief.states = belief.states.later().or(States::one(State::ShuttingDown));
                track.stop = None;
                track.last = None;
                track.effects.clear();
            }
        }
    }
}
