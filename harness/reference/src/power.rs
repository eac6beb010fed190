//! `StartInstances`, `RebootInstances`, `TerminateInstances`, and the answer format that they share with StopInstances.

use std::collections::BTreeMap;

use super::call::AdmittedCall;
use super::errors::{ApiError, ApiResult};
use super::instance::{PowerState, SimulatedInstance};
use super::variation::Variation;
use super::world::World;
use super::xml::Xml;

/// The change that a call made to one instance.
#[derive(Clone)]
pub(super) struct PowerChange {
    id: String,
    previous: PowerState,
    current: PowerState,
}

impl PowerChange {
    /// The change from the previous state to the current state of the instance.
    pub(super) fn of(instance: &SimulatedInstance, previous: PowerState) -> Self {
        Self {
            id: instance.id.clone(),
            previous,
            current: instance.state(),
        }
    }

    /// The same change, with a different current state in the answer.
    pub(super) fn answered_as(mut self, current: PowerState) -> Self {
        self.current = current;
        self
    }
}

/// Changes each instance once, and writes one item each time the call names it.
pub(super) fn write_changes(
    targets: &[u64],
    call: &AdmittedCall<'_>,
    xml: &mut Xml,
    mut change: impl FnMut(u64) -> Option<PowerChange>,
) {
    let mut changes: BTreeMap<u64, Option<PowerChange>> = BTreeMap::new();
    for number in targets {
        changes.entry(*number).or_insert_with(|| change(*number));
    }
    let items = targets
        .iter()
        .filter_map(|number| changes.get(number)?.clone())
        .collect();
    xml.node("instancesSet", |xml| {
        for change in call.config.in_shown_order(items) {
            xml.node("item", |xml| {
                xml.leaf("instanceId", &change.id);
                write_state("currentState", change.current, xml);
                write_state("previousState", change.previous, xml);
            });
        }
    });
}

/// Writes the code and the name of a state.
pub(super) fn write_state(name: &str, state: PowerState, xml: &mut Xml) {
    xml.node(name, |xml| {
        xml.state_code(state.code());
        xml.leaf("name", state.name());
    });
}

/// `StartInstances`: a stopped instance becomes pending; a running or pending one stays unchanged.
pub(super) fn start(call: &AdmittedCall<'_>, world: &mut World, xml: &mut Xml) -> ApiResult {
    let targets = call.targets(world, |instance, world| check_start(instance, call, world))?;
    if call.config.varies(Variation::StartWithoutCapacity) {
        find_capacity(&targets, call, world)?;
    }
    write_changes(&targets, call, xml, |number| {
        let public_ip = world.public_ip();
        let previous = world.get(number)?.state();
        if previous == PowerState::Stopped {
            let takes_ms = world.draw(world.delays.starting);
            world
                .change(number, call.now_ms)?
                .start(public_ip, takes_ms, call.now_ms);
        }
        Some(PowerChange::of(world.get(number)?, previous))
    });
    Ok(())
}

/// `RebootInstances`: changes nothing visible, and accepts terminated instances too.
pub(super) fn reboot(call: &AdmittedCall<'_>, world: &mut World, xml: &mut Xml) -> ApiResult {
    call.targets(world, |instance, _| match instance.state() {
        PowerState::Pending | PowerState::Running | PowerState::ShuttingDown | PowerState::Terminated => {
            Ok(())
        }
        state @ (PowerState::Stopping | PowerState::Stopped) => Err(ApiError::new(
            400,
            "IncorrectState",
            format!(
                "Cannot reboot instance {} that is currently in {} state.",
                instance.id,
                state.name()
            ),
        )),
    })?;
    xml.flag("return", true);
    Ok(())
}

/// `TerminateInstances`: a terminated instance stays unchanged; either protection refuses the call.
pub(super) fn terminate(call: &AdmittedCall<'_>, world: &mut World, xml: &mut Xml) -> ApiResult {
    call.flag("Force")?;
    call.flag("SkipOsShutdown")?;
    let targets = call.targets(world, |instance, _| check_terminate(instance))?;
    write_changes(&targets, call, xml, |number| {
        let previous = world.get(number)?.state();
        world.terminate(number, call.now_ms, call.now_ms);
        let change = PowerChange::of(world.get(number)?, previous);
        // Descriptions still show it as shutting down.
        let ends =
            previous == PowerState::Stopped && !call.config.varies(Variation::TerminatedAsShuttingDown);
        Some(if ends {
            change.answered_as(PowerState::Terminated)
        } else {
            change
        })
    });
    Ok(())
}

fn check_terminate(instance: &SimulatedInstance) -> ApiResult {
    if matches!(
        instance.state(),
        PowerState::ShuttingDown | PowerState::Terminated
    ) {
        return Ok(());
    }
    let launch = &instance.launch;
    match (launch.disable_api_termination, launch.disable_api_stop) {
        (true, _) => Err(ApiError::not_permitted(
            &instance.id,
            "terminated",
            "disableApiTermination",
        )),
        (false, true) => Err(ApiError::not_permitted(
            &instance.id,
            "terminated",
            "disableApiStop",
        )),
        (false, false) => Ok(()),
    }
}

fn check_start(instance: &SimulatedInstance, call: &AdmittedCall<'_>, world: &World) -> ApiResult {
    let id = &instance.id;
    match instance.state() {
        PowerState::Pending | PowerState::Running => return Ok(()),
        PowerState::Stopped => {}
        PowerState::Stopping | PowerState::ShuttingDown | PowerState::Terminated => {
            return Err(ApiError::incorrect_state(format!(
                "The instance '{id}' is not in a state from which it can be started."
            )));
        }
    }
    let Some(request) = instance
        .spot_request
        .as_ref()
        .and_then(|id| world.spot_requests.get(id))
    else {
        return Ok(());
    };
    let ready_ms = call.config.delayed(
        Variation::StartSpotRequestNotReady,
        5_000,
        instance.stopped_since_ms().unwrap_or_default(),
    );
    if request.is_cancelled(call.now_ms) || call.now_ms < ready_ms {
        return Err(ApiError::spot_request_state(format!(
            "You can't start the Spot Instance '{id}' because the associated Spot Instance request is not in an \
             appropriate state to support start."
        )));
    }
    Ok(())
}

/// Refuses the first attempt of each start for lack of capacity.
fn find_capacity(targets: &[u64], call: &AdmittedCall<'_>, world: &mut World) -> ApiResult {
    let mut lacks = false;
    for number in targets {
        let to_start = |it: &SimulatedInstance| it.state() == PowerState::Stopped && !it.lacked_capacity;
        if world.get(*number).is_some_and(to_start)
            && let Some(instance) = world.change(*number, call.now_ms)
        {
            instance.lacked_capacity = true;
            lacks = true;
        }
    }
    if lacks {
        return Err(ApiError::new(
            500,
            "InsufficientInstanceCapacity",
            "We currently do not have sufficient capacity in the Availability Zone you requested. Our system will be \
             working on provisioning additional capacity.",
        ));
    }
    Ok(())
}
