//! `StartInstances`, `RebootInstances`, `TerminateInstances`, and the answer that stopping shares with them.

use super::call::Call;
use super::errors::{Answer, Refusal};
use super::instance::{Instance, State};
use super::world::World;
use super::xml::Xml;

/// What a call did to one instance.
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
}

/// Writes the `instancesSet` of a state change.
pub(super) fn write_changes(changes: &[Change], xml: &mut Xml) {
    xml.node("instancesSet", |xml| {
        for change in changes {
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
        xml.leaf("code", state.code());
        xml.leaf("name", state.name());
    });
}

/// `StartInstances`: a stopped instance is pending again; one that runs, or is about to, stays as it is.
pub(super) fn start(call: &Call<'_>, world: &mut World, xml: &mut Xml) -> Answer {
    let targets = call.targets(world)?;
    call.dry_run()?;
    for number in &targets {
        if let Some(instance) = world.get(*number) {
            check_start(instance, world)?;
        }
    }
    let mut changes = Vec::with_capacity(targets.len());
    for number in &targets {
        let public_ip = world.public_ip();
        if let Some(instance) = world.get_mut(*number) {
            let previous = instance.state();
            if previous == State::Stopped {
                instance.start(public_ip, call.now_ms);
            }
            changes.push(Change::of(instance, previous));
        }
    }
    write_changes(&changes, xml);
    Ok(())
}

/// `RebootInstances`: nothing that could be seen happens.
pub(super) fn reboot(call: &Call<'_>, world: &mut World, xml: &mut Xml) -> Answer {
    let targets = call.targets(world)?;
    call.dry_run()?;
    for instance in targets.iter().filter_map(|number| world.get(*number)) {
        if !matches!(instance.state(), State::Running | State::Pending) {
            return Err(wrong_state(&instance.id, "rebooted"));
        }
    }
    xml.flag("return", true);
    Ok(())
}

/// `TerminateInstances`: what is gone already stays as it is; either protection refuses.
pub(super) fn terminate(call: &Call<'_>, world: &mut World, xml: &mut Xml) -> Answer {
    call.flag("Force")?;
    call.flag("SkipOsShutdown")?;
    let targets = call.targets(world)?;
    call.dry_run()?;
    for instance in targets.iter().filter_map(|number| world.get(*number)) {
        let gone = matches!(instance.state(), State::ShuttingDown | State::Terminated);
        let protection = match (
            instance.launch.disable_api_termination,
            instance.launch.disable_api_stop,
        ) {
            (true, _) => "disableApiTermination",
            (false, true) => "disableApiStop",
            (false, false) => continue,
        };
        if !gone {
            return Err(Refusal::not_permitted(&instance.id, "terminated", protection));
        }
    }
    let mut changes = Vec::with_capacity(targets.len());
    for number in &targets {
        let Some(previous) = world.get(*number).map(Instance::state) else {
            continue;
        };
        world.terminate(*number, call.now_ms);
        if let Some(instance) = world.get(*number) {
            changes.push(Change::of(instance, previous));
        }
    }
    write_changes(&changes, xml);
    Ok(())
}

fn check_start(instance: &Instance, world: &World) -> Answer {
    match instance.state() {
        State::Pending | State::Running => return Ok(()),
        State::Stopped => {}
        State::Stopping | State::ShuttingDown | State::Terminated => {
            return Err(wrong_state(&instance.id, "started"));
        }
    }
    let request = instance.spot_request.as_ref();
    let cancelled = request
        .and_then(|id| world.spot_requests.get(id))
        .is_some_and(|request| request.cancelled);
    if cancelled {
        return Err(Refusal::new(
            400,
            "IncorrectSpotRequestState",
            format!(
                "The Spot Instance '{}' cannot be started because its Spot Instance request is cancelled.",
                instance.id
            ),
        ));
    }
    Ok(())
}

fn wrong_state(id: &str, done: &str) -> Refusal {
    Refusal::incorrect_state(format!(
        "The instance '{id}' is not in a state from which it can be {done}."
    ))
}
