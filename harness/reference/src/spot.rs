//! Spot requests: the request of each Spot Instance, and the two actions on requests.

use std::collections::BTreeMap;

use super::call::AdmittedCall;
use super::errors::{ApiError, ApiResult};
use super::filter::Filters;
use super::instance::{PowerState, SimulatedInstance};
use super::time::iso_date;
use super::variation::Variation;
use super::world::World;
use super::xml::Xml;

/// Whether a request ends with its instance or stays open until it is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SpotKind {
    OneTime,
    Persistent,
}

impl SpotKind {
    fn name(self) -> &'static str {
        match self {
            Self::OneTime => "one-time",
            Self::Persistent => "persistent",
        }
    }
}

/// A request for one Spot Instance, fulfilled at once.
#[derive(Debug, Clone)]
pub(super) struct SimulatedSpotRequest {
    pub(super) kind: SpotKind,
    pub(super) cancelled: Option<Cancellation>,
    pub(super) interruption: String,
    pub(super) instance: String,
    pub(super) created_ms: u64,
    /// The time from which descriptions show it.
    pub(super) described_ms: u64,
    pub(super) tags: BTreeMap<String, String>,
}

/// The cancellation of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cancellation {
    /// The time from which the request counts as cancelled.
    at_ms: u64,
    /// The time from which descriptions show it.
    described_ms: u64,
}

impl SimulatedSpotRequest {
    /// Whether it is cancelled at this time.
    pub(super) fn is_cancelled(&self, now_ms: u64) -> bool {
        self.cancelled.is_some_and(|it| now_ms >= it.at_ms)
    }

    /// Whether it is described as cancelled at this time.
    fn is_described_as_cancelled(&self, now_ms: u64) -> bool {
        self.cancelled.is_some_and(|it| now_ms >= it.described_ms)
    }
}

/// `DescribeSpotInstanceRequests`.
pub(super) fn describe(call: &AdmittedCall<'_>, world: &mut World, xml: &mut Xml) -> ApiResult {
    let filters = Filters::read(
        call.form,
        &[
            "instance-id",
            "spot-instance-request-id",
            "state",
            "status-code",
            "type",
        ],
    )?;
    let wanted = call.form.list("SpotInstanceRequestId");
    check_ids(&wanted, world)?;
    call.dry_run()?;
    let ids: Vec<String> = world
        .spot_requests
        .keys()
        .filter(|id| wanted.is_empty() || wanted.contains(&id.as_str()))
        .cloned()
        .collect();
    xml.node("spotInstanceRequestSet", |xml| {
        for id in &ids {
            describe_one(id, call, world, &filters, xml);
        }
    });
    Ok(())
}

/// `CancelSpotInstanceRequests`. A running instance stays; a stopped or stopping one is terminated.
pub(super) fn cancel(call: &AdmittedCall<'_>, world: &mut World, xml: &mut Xml) -> ApiResult {
    let ids = call.form.list("SpotInstanceRequestId");
    if ids.is_empty() {
        return Err(ApiError::missing("SpotInstanceRequestId"));
    }
    call.authorize("*")?;
    check_ids(&ids, world)?;
    call.dry_run()?;
    let at_ms = call
        .config
        .delayed(Variation::SpotCancellationDelayed, 2_000, call.now_ms);
    for id in &ids {
        let described_ms = at_ms.saturating_add(world.draw(world.delays.stale));
        let Some(request) = world.spot_requests.get_mut(*id) else {
            continue;
        };
        request
            .cancelled
            .get_or_insert(Cancellation { at_ms, described_ms });
        let instance = request.instance.clone();
        let number = world.find(&instance, call.now_ms);
        if let Some((number, instance)) = number.and_then(|number| Some((number, world.get(number)?)))
            && matches!(instance.state(), PowerState::Stopping | PowerState::Stopped)
        {
            world.terminate(number, at_ms, call.now_ms);
        }
    }
    xml.node("spotInstanceRequestSet", |xml| {
        for id in &ids {
            xml.node("item", |xml| {
                xml.leaf("spotInstanceRequestId", id);
                xml.leaf("state", "cancelled");
            });
        }
    });
    Ok(())
}

fn describe_one(id: &str, call: &AdmittedCall<'_>, world: &mut World, filters: &Filters<'_>, xml: &mut Xml) {
    let Some(request) = world.spot_requests.get(id).cloned() else {
        return;
    };
    if call.now_ms < request.described_ms {
        return;
    }
    let instance = world
        .find(&request.instance, call.now_ms)
        .and_then(|number| world.shown(number));
    let state = instance.map_or(PowerState::Terminated, SimulatedInstance::state);
    let state = match (state, instance.and_then(SimulatedInstance::stopped_since_ms)) {
        (PowerState::Stopping, _) if call.config.varies(Variation::SpotRequestDisabledLate) => {
            PowerState::Running
        }
        (PowerState::Stopped, Some(since_ms)) if call.now_ms < disabled_ms(call, since_ms) => {
            PowerState::Running
        }
        (state, _) => state,
    };
    let status = status(&request, state, request.is_described_as_cancelled(call.now_ms));
    let fits = filters.accept(&request.tags, |name| match name {
        "instance-id" => vec![request.instance.as_str()],
        "spot-instance-request-id" => vec![id],
        "state" => vec![status.state],
        "status-code" => vec![status.code],
        "type" => vec![request.kind.name()],
        _ => Vec::new(),
    });
    if !fits {
        return;
    }
    let created = iso_date(request.created_ms);
    xml.node("item", |xml| {
        xml.leaf("spotInstanceRequestId", id);
        xml.leaf("spotPrice", "0.010000");
        xml.leaf("type", request.kind.name());
        xml.leaf("state", status.state);
        xml.node("status", |xml| {
            xml.leaf("code", status.code);
            xml.leaf("updateTime", &created);
            xml.leaf("message", status.message);
        });
        xml.leaf("instanceId", &request.instance);
        xml.leaf("createTime", &created);
        xml.leaf("productDescription", "Linux/UNIX");
        super::tags::write_set(&request.tags, xml);
        xml.leaf("instanceInterruptionBehavior", &request.interruption);
    });
}

/// When a request becomes disabled, given the time at which its instance stopped.
fn disabled_ms(call: &AdmittedCall<'_>, since_ms: u64) -> u64 {
    call.config
        .delayed(Variation::SpotRequestDisabledLate, 5_000, since_ms)
}

struct Status {
    state: &'static str,
    code: &'static str,
    message: &'static str,
}

/// State and status, derived from the request and its instance.
fn status(request: &SimulatedSpotRequest, instance: PowerState, is_cancelled: bool) -> Status {
    let (open_state, code, message) = match instance {
        PowerState::Pending | PowerState::Running => {
            ("active", "fulfilled", "Your spot request is fulfilled.")
        }
        PowerState::Stopping => (
            "disabled",
            "marked-for-stop",
            "Your Spot Instance is marked for stop.",
        ),
        PowerState::Stopped => (
            "disabled",
            "instance-stopped-by-user",
            "Your Spot Instance was stopped by user.",
        ),
        PowerState::ShuttingDown | PowerState::Terminated => {
            let state = match request.kind {
                SpotKind::OneTime => "closed",
                SpotKind::Persistent => "open",
            };
            (
                state,
                "instance-terminated-by-user",
                "Spot Instance terminated due to user-initiated termination.",
            )
        }
    };
    let gone = matches!(instance, PowerState::ShuttingDown | PowerState::Terminated);
    match (is_cancelled, gone) {
        (false, true | false) => Status {
            state: open_state,
            code,
            message,
        },
        (true, true) => Status {
            state: "cancelled",
            code,
            message,
        },
        (true, false) => Status {
            state: "cancelled",
            code: "request-canceled-and-instance-running",
            message: "Your Spot request is canceled, but your instance is still running.",
        },
    }
}

fn check_ids(ids: &[&str], world: &World) -> ApiResult {
    for id in ids {
        if !id.starts_with("sir-") {
            return Err(ApiError::new(
                400,
                "InvalidSpotInstanceRequestID.Malformed",
                format!("Invalid id: \"{id}\" (expecting \"sir-...\")"),
            ));
        }
    }
    match ids.iter().find(|id| !world.spot_requests.contains_key(**id)) {
        None => Ok(()),
        Some(id) => Err(ApiError::new(
            400,
            "InvalidSpotInstanceRequestID.NotFound",
            format!("The spot instance request ID '{id}' does not exist"),
        )),
    }
}
