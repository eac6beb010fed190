//! `StartInstances`, `RebootInstances`, `TerminateInstances`, and the answer that stopping shares with them.

use std::collections::BTreeMap;

use super::call::Call;
use super::errors::{Answer, Refusal};
use super::instance::{Instance, State};
use super::variation::Variation;
use super::world::World;
use super::xml::Xml;

/// What a call did to one instance.
#[derive(Clone)]
pub(super) struct Change {
    id: String,
    previous: State,
    current: State,
}

impl Change {
    /// The change from a state to where the instance stands now.
    pub(super) fn of(instance: &Instance, previous: State) -> Self {
        Self {
            id: instance.id.clone(),
            previous,
            current: instance.state(),
        }
    }

    /// The same, answered with another state.
    pub(super) fn answered_as(mut self, current: State) -> Self {
        self.current = current;
        self
    }
}

/// Changes each instance once, and writes an item for each time that it is named.
pub(super) fn write_changes(
    targets: &[u64],
    call: &Call<'_>,
    xml: &mut Xml,
    mut change: impl FnMut(u64) -> Option<Change>,
) {
    let mut changes: BTreeMap<u64, Option<Change>> = BTreeMap::new();
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

/// Writes a state as code and name.
pub(super) fn write_state(name: &str, state: State, xml: &mut Xml) {
    xml.node(name, |xml| {
        xml.state_code(state.code());
        xml.leaf("name", state.name());
    });
}

/// `StartInstances`: a stopped instance is pending again; one that runs, or is about to, stays as it is.
pub(super) fn start(call: &Call<'_>, world: &mut World, xml: &mut Xml) -> Answer {
    let targets = call.targets(world, |instance, world| check_start(instance, call, world))?;
    if call.config.varies(Variation::StartWithoutCapacity) {
        find_capacity(&targets, call, world)?;
    }
    write_changes(&targets, call, xml, |number| {
        let public_ip = world.public_ip();
        let previous = world.get(number)?.state();
        if previous == State::Stopped {
            world.change(number, call.now_ms)?.start(public_ip, call.now_ms);
        }
        Some(Change::of(world.get(number)?, previous))
    });
    Ok(())
}

/// `RebootInstances`: nothing that could be seen happens, not even to an instance that is gone.
pub(super) fn reboot(call: &Call<'_>, world: &mut World, xml: &mut Xml) -> Answer {
    call.targets(world, |instance, _| match instance.state() {
        State::Pending | State::Running | State::ShuttingDown | State::Terminated => Ok(()),
        state @ (State::Stopping | State::Stopped) => Err(Refusal::new(
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

/// `TerminateInstances`: what is gone already stays as it is; either protection refuses.
pub(super) fn terminate(call: &Call<'_>, world: &mut World, xml: &mut Xml) -> Answer {
    call.flag("Force")?;
    call.flag("SkipOsShutdown")?;
    let targets = call.targets(world, |instance, _| check_terminate(instance))?;
    write_changes(&targets, call, xml, |number| {
        let previous = world.get(number)?.state();
        world.terminate(number, call.now_ms, call.now_ms);
        let change = Change::of(world.get(number)?, previous);
        // Descriptions go on to show it as shutting down.
        let ends = previous == State::Stopped && !call.config.varies(Variation::TerminatedAsShuttingDown);
        Some(if ends {
            change.answered_as(State::Terminated)
        } else {
            change
        })
    });
    Ok(())
}

fn check_terminate(instance: &Instance) -> Answer {
    if matches!(instance.state(), State::ShuttingDown | State::Terminated) {
        return Ok(());
    }
    let launch = &instance.launch;
    match (launch.disable_api_termination, launch.disable_api_stop) {
        (true, _) => Err(Refusal::not_permitted(
            &instance.id,
            "terminated",
            "disableApiTermination",
        )),
        (false, true) => Err(Refusal::not_permitted(
            &instance.id,
            "terminated",
            "disableApiStop",
        )),
        (false, false) => Ok(()),
    }
}

fn check_start(instance: &Instance, call: &Call<'_>, world: &World) -> Answer {
    let id = &instance.id;
    match instance.state() {
        State::Pending | State::Running => return Ok(()),
        State::Stopped => {}
        State::Stopping | State::ShuttingDown | State::Terminated => {
            return Err(Refusal::incorrect_state(format!(
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
        return Err(Refusal::spot_request_state(format!(
            "You can't start the Spot Instance '{id}' because the associated Spot Instance request is not in an \
             appropriate state to support start."
        )));
    }
    Ok(())
}

/// Refuses the first try of each start for lack of capacity.
fn find_capacity(targets: &[u64], call: &Call<'_>, world: &mut World) -> Answer {
    let mut lacks = false;
    for number in targets {
        let to_start = |it: &Instance| it.state() == State::Stopped && !it.lacked_capacity;
        if world.get(*number).is_some_and(to_start)
            && let Some(instance) = world.change(*number, call.now_ms)
        {
            instance.lacked_capacity = true;
            lacks = true;
        }
    }
    if lacks {
        return Err(Refusal::new(
            500,
            "InsufficientInstanceCapacity",
            "We currently do not have sufficient capacity in the Availability Zone you requested. Our system will be \
             working on provisioning additional capacity.",
        ));
    }
    Ok(())
}
