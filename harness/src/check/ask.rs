//! Questions beside the fleet: instance status, Spot requests, attributes. They support a case; where a clause
//! speaks of them, it is judged here.

use super::sheet::{Sheet, Weight};
use super::text::{one_line, quote};
use super::{CaseJudge, Heard};
use crate::contract::{Check, State};
use crate::model::States;
use crate::protocol::reply::{self, Body, Reply};
use crate::protocol::xml::Element;

/// Actions that a step may call beside the one under test, and that have no rows in the contract.
const QUESTIONS: &[&str] = &[
    "CancelSpotInstanceRequests",
    "DescribeInstanceAttribute",
    "DescribeInstanceStatus",
    "DescribeSpotInstanceRequests",
    "ModifyInstanceAttribute",
    "RebootInstances",
];

/// Whether this is such an action.
pub(super) fn is_question(action: &str) -> bool {
    QUESTIONS.contains(&action)
}

impl CaseJudge {
    /// Judges the answer to a question, and takes over what it changes. A refusal ends the case: unsupported.
    pub(super) fn ask(&mut self, sheet: &mut Sheet<'_>, act: &Heard<'_>) {
        let action = act.call.action.as_deref().unwrap_or_default();
        let Some(reply) = act.reply else {
            return;
        };
        let root = match &reply.body {
            Body::Document(document) if reply.status == 200 => document.root(),
            Body::Document(_) | Body::Empty | Body::Unreadable { .. } => {
                if !self.may_refuse(act) {
                    self.blocked = Some(format!("{action} is answered by {}", refusal_in_words(reply)));
                }
                return;
            }
        };
        match action {
            "DescribeInstanceStatus" => self.status(sheet, act, root),
            "DescribeSpotInstanceRequests" => self.spot_request(sheet, root),
            "ModifyInstanceAttribute" => self.modified(act),
            "CancelSpotInstanceRequests" => self.cancelled(),
            "RebootInstances" => self.rebooted(act),
            _ => {}
        }
    }

    /// Whether the service itself may refuse this question: of an instance that is not running, or on its way out.
    fn may_refuse(&self, act: &Heard<'_>) -> bool {
        let ids = act
            .call
            .params
            .iter()
            .filter(|(name, _)| name.starts_with("InstanceId"));
        let running = States::one(State::Running);
        let mut beliefs = ids.filter_map(|(_, id)| self.fleet.get(id.as_str()));
        beliefs.any(|belief| belief.states.later() != running)
    }

    fn status(&self, sheet: &mut Sheet<'_>, act: &Heard<'_>, root: Element<'_>) {
        let listed: Vec<String> = reply::instance_statuses(root)
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        let all = act.call.param("IncludeAllInstances") == Some("true");
        for (id, belief) in &self.fleet {
            if belief.states != States::one(State::Stopped) {
                continue;
            }
            let fits = listed.iter().any(|one| *one == **id) == all;
            self.judge
                .note(sheet, Check::StatusHidesStopped, Weight::Full, fits, || {
                    ("listed only if asked for all", format!("{id} otherwise"))
                });
        }
    }

    fn spot_request(&self, sheet: &mut Sheet<'_>, root: Element<'_>) {
        for request in reply::spot_requests(root) {
            let stopped = request
                .instance_id
                .as_ref()
                .and_then(|id| self.fleet.get(id.as_str()))
                .is_none_or(|belief| belief.states == States::one(State::Stopped));
            if !stopped {
                continue;
            }
            let (state, status) = (
                request.state.unwrap_or_default(),
                request.status_code.unwrap_or_default(),
            );
            let fits = state == "disabled" && status == "instance-stopped-by-user";
            self.judge
                .note(sheet, Check::SpotRequestDisabled, Weight::Full, fits, || {
                    (
                        "state disabled, status instance-stopped-by-user",
                        format!("state {}, status {}", quote(&state), quote(&status)),
                    )
                });
        }
    }

    /// Which protections an instance has from now on.
    fn modified(&mut self, act: &Heard<'_>) {
        let call = act.call;
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
        }
        if let Some(value) = attribute("DisableApiTermination") {
            belief.kind.termination_protected = value == "true";
        }
    }

    /// What a reboot does to an instance that is not running is not this contract's business: it may be up then.
    fn rebooted(&mut self, act: &Heard<'_>) {
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
            let Some(belief) = self.fleet.get_mut(id.as_str()) else {
                continue;
            };
            if belief.states.later() == running {
                continue;
            }
            belief.states = belief.states.later().or(up);
            if let Some(track) = self.tracks.get_mut(id.as_str()) {
                track.effects.clear();
                track.stop = None;
                track.last = None;
                track.idle_stop = None;
                track.restarted = true;
            }
        }
    }

    /// The cases cancel the requests of all their Spot Instances or of none.
    fn cancelled(&mut self) {
        for belief in self.fleet.values_mut() {
            belief.spot_cancelled = belief.is_spot();
        }
    }
}

fn refusal_in_words(reply: &Reply) -> String {
    match reply.error() {
        Some(error) => format!(
            "{} {} {}",
            reply.status,
            one_line(error.code.unwrap_or_default(), 80),
            quote(error.message.unwrap_or_default())
        ),
        None => format!(
            "{} with {}",
            reply.status,
            super::shape::body_in_words(&reply.body)
        ),
    }
}
