//! `StopInstances`: every instance named is checked before any is touched, so a batch stops whole or not at all.

use super::call::Call;
use super::config::Rules;
use super::errors::{Answer, Refusal};
use super::instance::{Instance, RootDevice, State, StateReason};
use super::power::{Change, write_changes};
use super::spot::SpotKind;
use super::world::World;
use super::xml::Xml;

/// Stops the instances named.
pub(super) fn stop(call: &Call<'_>, world: &mut World, xml: &mut Xml) -> Answer {
    let hibernate = call.flag("Hibernate")?;
    // Both shorten what an instance of the reference does not do; they are read, accepted in any combination, and
    // change neither the checks nor the answer.
    call.flag("Force")?;
    call.flag("SkipOsShutdown")?;
    let targets = call.targets(world)?;
    call.dry_run()?;
    for number in &targets {
        if let Some(instance) = world.get(*number) {
            check(instance, hibernate, call, world)?;
        }
    }
    let why = if hibernate {
        StateReason::Hibernate
    } else {
        StateReason::Shutdown
    };
    let changes: Vec<Change> = targets
        .iter()
        .filter_map(|number| {
            let instance = world.get_mut(*number)?;
            let previous = instance.state();
            if matches!(previous, State::Running | State::Pending) {
                instance.stop(why, call.now_ms);
            }
            Some(Change::of(instance, previous))
        })
        .collect();
    write_changes(&changes, xml);
    Ok(())
}

/// Whether this instance may be stopped, or hibernated if that is asked for.
fn check(instance: &Instance, hibernate: bool, call: &Call<'_>, world: &World) -> Answer {
    let id = &instance.id;
    match instance.state() {
        State::ShuttingDown | State::Terminated => {
            return Err(Refusal::incorrect_state(format!(
                "This instance '{id}' is not in a state from which it can be stopped."
            )));
        }
        State::Pending if !instance.has_run() => {
            return Err(Refusal::incorrect_state(format!(
                "Instance '{id}' cannot be stopped as it has never reached the 'running' state."
            )));
        }
        State::Pending | State::Running | State::Stopping | State::Stopped => {}
    }
    if instance.launch.root == RootDevice::InstanceStore {
        return Err(Refusal::unsupported(format!(
            "The instance '{id}' does not have an 'ebs' root device type and cannot be stopped."
        )));
    }
    check_spot(instance, call, world)?;
    if instance.launch.disable_api_stop {
        return Err(Refusal::not_permitted(id, "stopped", "disableApiStop"));
    }
    if !hibernate {
        return Ok(());
    }
    if !instance.launch.hibernation {
        return Err(Refusal::new(
            400,
            "UnsupportedHibernationConfiguration",
            format!(
                "The instance can't be hibernated because it was not configured at launch for hibernation: {id}"
            ),
        ));
    }
    if !instance.is_ready_to_hibernate(call.now_ms, &call.config.delays) {
        return Err(Refusal::unsupported(
            "Instance is not ready to hibernate yet, retry in a few minutes",
        ));
    }
    Ok(())
}

fn check_spot(instance: &Instance, call: &Call<'_>, world: &World) -> Answer {
    let id = &instance.id;
    let request = instance
        .spot_request
        .as_ref()
        .and_then(|request| world.spot_requests.get(request));
    let Some(request) = request else {
        return Ok(());
    };
    let problem = match (call.config.rules, request.kind, request.cancelled) {
        // The sentence of that time is not on record; the ban is.
        (Rules::October2017, _, _) => "stopping Spot Instances is not supported.",
        (Rules::Current, SpotKind::OneTime, _) => {
            "it is associated with a one-time Spot Instance request. You can only stop Spot Instances associated \
             with persistent Spot Instance requests."
        }
        (Rules::Current, SpotKind::Persistent, true) => "its Spot Instance request has been cancelled.",
        (Rules::Current, SpotKind::Persistent, false) => return Ok(()),
    };
    Err(Refusal::unsupported(format!(
        "You can't stop the Spot Instance '{id}' because {problem}"
    )))
}
