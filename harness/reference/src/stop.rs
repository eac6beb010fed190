//! `StopInstances`: every named instance is checked before any is changed, so a batch stops completely or not at all.

use super::call::AdmittedCall;
use super::config::{Config, Rules, Span};
use super::errors::{ApiError, ApiResult};
use super::instance::{PowerState, RootDevice, SimulatedInstance, StateReason};
use super::power::{PowerChange, write_changes};
use super::spot::SpotKind;
use super::variation::Variation;
use super::world::World;
use super::xml::Xml;

/// The options of a stop. Without variations, the two that shorten a stop have no visible effect.
struct Manner {
    hibernate: bool,
    force: bool,
    skip_os_shutdown: bool,
}

/// Stops the named instances.
pub(super) fn stop(call: &AdmittedCall<'_>, world: &mut World, xml: &mut Xml) -> ApiResult {
    let manner = Manner {
        hibernate: call.flag("Hibernate")?,
        force: call.flag("Force")?,
        skip_os_shutdown: call.flag("SkipOsShutdown")?,
    };
    let targets = call.targets(world, |instance, world| check(instance, &manner, call, world))?;
    let why = if manner.hibernate {
        StateReason::Hibernate
    } else {
        StateReason::Shutdown
    };
    let takes = manner.takes(call.config);
    let reason_ms = call
        .config
        .delayed(Variation::ReasonASecondLater, 1_000, call.now_ms);
    let says_stopped = call.config.varies(Variation::StoppingAnsweredAsStopped);
    let ends_at_once = says_stopped || (manner.force && call.config.varies(Variation::ForceEndsAStop));
    write_changes(&targets, call, xml, |number| {
        let previous = world.get(number)?.state();
        match previous {
            PowerState::Pending | PowerState::Running => {
                let takes_ms = world.draw(takes);
                world
                    .change(number, call.now_ms)?
                    .stop(why, takes_ms, reason_ms, call.now_ms);
            }
            PowerState::Stopping if ends_at_once => {
                world.change(number, call.now_ms)?.stop_at_once(call.now_ms);
            }
            PowerState::Stopping
            | PowerState::Stopped
            | PowerState::ShuttingDown
            | PowerState::Terminated => {}
        }
        let change = PowerChange::of(world.get(number)?, previous);
        Some(if previous == PowerState::Stopping && says_stopped {
            change.answered_as(PowerState::Stopped)
        } else {
            change
        })
    });
    Ok(())
}

impl Manner {
    fn takes(&self, config: &Config) -> Span {
        let delays = config.delays();
        if self.skip_os_shutdown && config.varies(Variation::SkipOsShutdownInstant) {
            Span::exactly(0)
        } else if self.force && config.varies(Variation::ForcedStopQuick) {
            Span::exactly(200)
        } else if self.hibernate {
            delays.hibernating
        } else if self.skip_os_shutdown {
            delays.skipping_shutdown
        } else {
            delays.stopping
        }
    }
}

/// A property that is checked before an instance is stopped.
#[derive(Clone, Copy)]
enum Aspect {
    PowerState,
    Kind,
    Protection,
    Hibernation,
}

/// The order of these checks, which is not recorded.
fn order(config: &Config) -> [Aspect; 4] {
    use Aspect::{Hibernation, Kind, PowerState, Protection};
    if config.varies(Variation::KindBeforeState) {
        [Kind, PowerState, Protection, Hibernation]
    } else if config.varies(Variation::ProtectionBeforeState) {
        [Protection, PowerState, Kind, Hibernation]
    } else if config.varies(Variation::HibernationBeforeState) {
        [Hibernation, PowerState, Kind, Protection]
    } else {
        [PowerState, Kind, Protection, Hibernation]
    }
}

/// Whether this instance may be stopped, or hibernated if the call asks for it.
fn check(instance: &SimulatedInstance, manner: &Manner, call: &AdmittedCall<'_>, world: &World) -> ApiResult {
    check_combination(manner, call)?;
    for aspect in order(call.config) {
        match aspect {
            Aspect::PowerState => check_state(instance, manner, call.config)?,
            Aspect::Kind => {
                check_root(instance)?;
                check_spot(instance, call, world)?;
            }
            Aspect::Protection if instance.launch.disable_api_stop => {
                return Err(ApiError::not_permitted(&instance.id, "stopped", "disableApiStop"));
            }
            Aspect::Hibernation if manner.hibernate => check_hibernation(instance)?,
            Aspect::Protection | Aspect::Hibernation => {}
        }
    }
    // Captured: a dry run skips this check, whatever other checks it makes.
    if manner.hibernate && !call.dry && !instance.is_ready_to_hibernate(call.now_ms, &call.config.delays()) {
        return Err(ApiError::unsupported(format!(
            "Instance {} is not ready to hibernate yet, retry in a few minutes",
            instance.id
        )));
    }
    Ok(())
}

/// Refuses conflicting options. Dry runs of both combinations were captured as successful, so a dry run skips this
/// check.
fn check_combination(manner: &Manner, call: &AdmittedCall<'_>) -> ApiResult {
    for (given, variation, name) in [
        (manner.force, Variation::ForceHibernateRefused, "Force"),
        (
            manner.skip_os_shutdown,
            Variation::SkipHibernateRefused,
            "SkipOsShutdown",
        ),
    ] {
        if manner.hibernate && given && !call.dry && call.config.varies(variation) {
            return Err(ApiError::combination(format!(
                "The parameter Hibernate cannot be used with the parameter {name}"
            )));
        }
    }
    Ok(())
}

fn check_state(instance: &SimulatedInstance, manner: &Manner, config: &Config) -> ApiResult {
    let id = &instance.id;
    let is_refused_pending = if instance.has_run() {
        config.varies(Variation::RestartPendingStopRefused)
    } else {
        true
    };
    let is_forced = manner.force && config.varies(Variation::ForcedStopOfPending);
    match instance.state() {
        PowerState::ShuttingDown | PowerState::Terminated => Err(ApiError::incorrect_state(format!(
            "This instance '{id}' is not in a state from which it can be stopped."
        ))),
        PowerState::Pending if is_refused_pending && !is_forced => Err(ApiError::incorrect_state(format!(
            "Instance '{id}' cannot be stopped as it has never reached the 'running' state."
        ))),
        PowerState::Pending | PowerState::Running | PowerState::Stopping | PowerState::Stopped => Ok(()),
    }
}

fn check_root(instance: &SimulatedInstance) -> ApiResult {
    if instance.launch.root == RootDevice::InstanceStore {
        return Err(ApiError::unsupported(format!(
            "The instance '{}' does not have an 'ebs' root device type and cannot be stopped.",
            instance.id
        )));
    }
    Ok(())
}

fn check_hibernation(instance: &SimulatedInstance) -> ApiResult {
    if !instance.launch.hibernation {
        return Err(ApiError::new(
            400,
            "UnsupportedHibernationConfiguration",
            format!(
                "The instance can't be hibernated because it was not configured at launch for hibernation: {}",
                instance.id
            ),
        ));
    }
    Ok(())
}

fn check_spot(instance: &SimulatedInstance, call: &AdmittedCall<'_>, world: &World) -> ApiResult {
    let id = &instance.id;
    let request = instance
        .spot_request
        .as_ref()
        .and_then(|request| world.spot_requests.get(request));
    let Some(request) = request else {
        return Ok(());
    };
    match (call.config.rules, request.kind) {
        (Rules::October2017, _) => Err(ApiError::unsupported(format!(
            "The instance '{id}' is a spot instance and may not be stopped."
        ))),
        (Rules::Current, SpotKind::OneTime) => Err(ApiError::unsupported(format!(
            "You can't stop the Spot Instance '{id}' because it is associated with a one-time Spot Instance request. \
             You can only stop Spot Instances associated with persistent Spot Instance requests."
        ))),
        (Rules::Current, SpotKind::Persistent) if request.is_cancelled(call.now_ms) => {
            let text = format!(
                "You can't stop the Spot Instance '{id}' because its Spot Instance request has been cancelled."
            );
            Err(if call.config.varies(Variation::CancelledSpotRequestState) {
                ApiError::spot_request_state(text)
            } else {
                ApiError::unsupported(text)
            })
        }
        (Rules::Current, SpotKind::Persistent) => Ok(()),
    }
}
