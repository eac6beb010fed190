//! One instance and its state over time. Pure: the state follows from the times of events and the time passed in.

use std::collections::BTreeMap;

use super::config::Delays;
use super::time::{iso_date, reason_date};

/// The six states, with the low byte of their codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PowerState {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

impl PowerState {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Pending => "0",
            Self::Running => "16",
            Self::ShuttingDown => "32",
            Self::Terminated => "48",
            Self::Stopping => "64",
            Self::Stopped => "80",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }
}

/// Why an instance is not running, as shown in `stateReason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StateReason {
    Shutdown,
    Hibernate,
}

impl StateReason {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Shutdown => "Client.UserInitiatedShutdown",
            Self::Hibernate => "Client.UserInitiatedHibernate",
        }
    }

    pub(super) fn message(self) -> &'static str {
        match self {
            Self::Shutdown => "Client.UserInitiatedShutdown: User initiated shutdown",
            Self::Hibernate => "Client.UserInitiatedHibernate: User initiated hibernate",
        }
    }
}

/// The state of an instance, with the time when it began or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Pending { until_ms: u64 },
    Running,
    Stopping { until_ms: u64 },
    Stopped { since_ms: u64 },
    ShuttingDown { until_ms: u64 },
    Terminated { since_ms: u64 },
}

/// A protection against stopping or terminating an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    Stop,
    Termination,
}

/// The type of the root volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RootDevice {
    Ebs,
    InstanceStore,
}

impl RootDevice {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ebs => "ebs",
            Self::InstanceStore => "instance-store",
        }
    }
}

/// The parameters of a launch, which all instances of a reservation share.
#[derive(Debug, Clone)]
pub(super) struct LaunchRequest {
    pub(super) reservation: String,
    pub(super) image: String,
    pub(super) architecture: String,
    pub(super) root: RootDevice,
    pub(super) root_name: String,
    pub(super) instance_type: String,
    pub(super) zone: String,
    pub(super) subnet: String,
    pub(super) key_name: Option<String>,
    pub(super) groups: Vec<String>,
    pub(super) client_token: String,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) monitoring: bool,
    pub(super) ebs_optimized: bool,
    pub(super) hibernation: bool,
    pub(super) disable_api_stop: bool,
    pub(super) disable_api_termination: bool,
    pub(super) shutdown_terminates: bool,
    pub(super) metadata_tokens: String,
}

/// An instance.
#[derive(Debug, Clone)]
pub(super) struct SimulatedInstance {
    pub(super) id: String,
    pub(super) launch: LaunchRequest,
    pub(super) number_in_launch: u64,
    pub(super) volume: String,
    pub(super) interface: String,
    pub(super) private_ip: String,
    /// The last public address. It is shown only while the instance holds it.
    public_ip: String,
    /// The time of launch, which a start does not change.
    pub(super) launched_ms: u64,
    /// The time from which calls can name it.
    pub(super) visible_ms: u64,
    /// Formatted once, since it is shown often; the same applies to the next field.
    pub(super) launch_time: String,
    pub(super) attach_time: String,
    /// Empty until the instance is stopped or terminated.
    pub(super) reason: String,
    pub(super) state_reason: Option<StateReason>,
    pub(super) spot_request: Option<String>,
    /// Whether the latest start was refused for lack of capacity.
    pub(super) lacked_capacity: bool,
    phase: Phase,
    ever_ran: bool,
    /// Protections that change later: the time of the change, and the new value.
    later_stop: Option<(u64, bool)>,
    later_termination: Option<(u64, bool)>,
    /// When it is terminated because its Spot request was cancelled, and how long that takes.
    ends: Option<(u64, u64)>,
}

/// The values that differ between instances of a reservation.
pub(super) struct Birth {
    pub(super) id: String,
    pub(super) number_in_launch: u64,
    pub(super) volume: String,
    pub(super) interface: String,
    pub(super) private_ip: String,
    pub(super) public_ip: String,
    pub(super) spot_request: Option<String>,
    /// The time until it is running.
    pub(super) launching_ms: u64,
    /// The time until calls can name it.
    pub(super) invisible_ms: u64,
}

impl SimulatedInstance {
    /// A new instance, pending from now on.
    pub(super) fn new(launch: LaunchRequest, birth: Birth, now_ms: u64) -> Self {
        Self {
            id: birth.id,
            launch,
            number_in_launch: birth.number_in_launch,
            volume: birth.volume,
            interface: birth.interface,
            private_ip: birth.private_ip,
            public_ip: birth.public_ip,
            launched_ms: now_ms,
            launch_time: iso_date(now_ms),
            attach_time: iso_date(now_ms),
            reason: String::new(),
            state_reason: None,
            spot_request: birth.spot_request,
            visible_ms: now_ms.saturating_add(birth.invisible_ms),
            phase: Phase::Pending {
                until_ms: now_ms.saturating_add(birth.launching_ms),
            },
            ever_ran: false,
            lacked_capacity: false,
            later_stop: None,
            later_termination: None,
            ends: None,
        }
    }

    /// Advances the instance to the current time. A clock that runs backwards changes nothing.
    pub(super) fn settle(&mut self, now_ms: u64) {
        match self.phase {
            Phase::Pending { until_ms } if now_ms >= until_ms => {
                self.ever_ran = true;
                self.phase = Phase::Running;
            }
            Phase::Stopping { until_ms } if now_ms >= until_ms => {
                self.phase = Phase::Stopped { since_ms: until_ms };
            }
            Phase::ShuttingDown { until_ms } if now_ms >= until_ms => {
                self.phase = Phase::Terminated { since_ms: until_ms };
            }
            Phase::Pending { .. }
            | Phase::Running
            | Phase::Stopping { .. }
            | Phase::Stopped { .. }
            | Phase::ShuttingDown { .. }
            | Phase::Terminated { .. } => {}
        }
        for (later, protection) in [
            (&mut self.later_stop, &mut self.launch.disable_api_stop),
            (
                &mut self.later_termination,
                &mut self.launch.disable_api_termination,
            ),
        ] {
            if let Some((_, on)) = later.take_if(|(at_ms, _)| now_ms >= *at_ms) {
                *protection = on;
            }
        }
        if let Some((at_ms, takes_ms)) = self.ends.take_if(|(at_ms, _)| now_ms >= *at_ms) {
            self.terminate(takes_ms, at_ms);
        }
    }

    /// The state as of the last call of [`SimulatedInstance::settle`].
    pub(super) fn state(&self) -> PowerState {
        match self.phase {
            Phase::Pending { .. } => PowerState::Pending,
            Phase::Running => PowerState::Running,
            Phase::Stopping { .. } => PowerState::Stopping,
            Phase::Stopped { .. } => PowerState::Stopped,
            Phase::ShuttingDown { .. } => PowerState::ShuttingDown,
            Phase::Terminated { .. } => PowerState::Terminated,
        }
    }

    /// Whether it was terminated so long ago that its id is unknown.
    pub(super) fn is_purged(&self, now_ms: u64, delays: &Delays) -> bool {
        match self.phase {
            Phase::Terminated { since_ms } => now_ms.saturating_sub(since_ms) >= delays.purge_ms,
            Phase::Pending { .. }
            | Phase::Running
            | Phase::Stopping { .. }
            | Phase::Stopped { .. }
            | Phase::ShuttingDown { .. } => false,
        }
    }

    /// Whether it was ever `running`.
    pub(super) fn has_run(&self) -> bool {
        self.ever_ran
    }

    /// Whether it is ready to hibernate, or needs no hibernation any more.
    pub(super) fn is_ready_to_hibernate(&self, now_ms: u64, delays: &Delays) -> bool {
        match self.state() {
            PowerState::Running => now_ms.saturating_sub(self.launched_ms) >= delays.hibernate_ready_ms,
            // A restarted instance that is still pending has not run yet.
            PowerState::Pending => false,
            PowerState::Stopping
            | PowerState::Stopped
            | PowerState::ShuttingDown
            | PowerState::Terminated => true,
        }
    }

    /// Whether its memory is saved for the next start.
    pub(super) fn is_hibernated(&self) -> bool {
        self.state() == PowerState::Stopped && self.state_reason == Some(StateReason::Hibernate)
    }

    /// The time since which it has been stopped.
    pub(super) fn stopped_since_ms(&self) -> Option<u64> {
        match self.phase {
            Phase::Stopped { since_ms } => Some(since_ms),
            Phase::Pending { .. }
            | Phase::Running
            | Phase::Stopping { .. }
            | Phase::ShuttingDown { .. }
            | Phase::Terminated { .. } => None,
        }
    }

    /// The public address: held from `running` until the instance is stopped.
    pub(super) fn public_ip(&self) -> Option<&str> {
        matches!(self.state(), PowerState::Running | PowerState::Stopping).then_some(&self.public_ip)
    }

    /// Begins to stop. The private address and the volumes stay; the public address is released when the stop ends.
    pub(super) fn stop(&mut self, why: StateReason, takes_ms: u64, reason_ms: u64, now_ms: u64) {
        self.phase = Phase::Stopping {
            until_ms: now_ms.saturating_add(takes_ms),
        };
        self.end(why, reason_ms);
    }

    /// Completes a stop that is in progress at the next look.
    pub(super) fn stop_at_once(&mut self, now_ms: u64) {
        if matches!(self.phase, Phase::Stopping { .. }) {
            self.phase = Phase::Stopping { until_ms: now_ms };
        }
    }

    /// Begins to start again under the same id.
    pub(super) fn start(&mut self, public_ip: String, takes_ms: u64, now_ms: u64) {
        self.phase = Phase::Pending {
            until_ms: now_ms.saturating_add(takes_ms),
        };
        self.launch_time = iso_date(now_ms);
        self.public_ip = public_ip;
        self.reason.clear();
        self.state_reason = None;
        self.lacked_capacity = false;
    }

    /// Terminates the instance. A stopped instance keeps the reason and the time of the stop.
    pub(super) fn terminate(&mut self, takes_ms: u64, now_ms: u64) {
        match self.state() {
            PowerState::Pending | PowerState::Running | PowerState::Stopping => {
                self.end(StateReason::Shutdown, now_ms);
            }
            PowerState::Stopped => {}
            PowerState::ShuttingDown | PowerState::Terminated => return,
        }
        self.phase = Phase::ShuttingDown {
            until_ms: now_ms.saturating_add(takes_ms),
        };
    }

    /// Terminates the instance at the given time.
    pub(super) fn terminate_later(&mut self, takes_ms: u64, at_ms: u64) {
        self.ends = Some((at_ms, takes_ms));
    }

    /// Sets or removes a protection, from the given time on.
    pub(super) fn protect(&mut self, protection: Protection, on: bool, from_ms: u64) {
        match protection {
            Protection::Stop => self.later_stop = Some((from_ms, on)),
            Protection::Termination => self.later_termination = Some((from_ms, on)),
        }
    }

    fn end(&mut self, why: StateReason, reason_ms: u64) {
        self.reason = format!("User initiated ({})", reason_date(reason_ms));
        self.state_reason = Some(why);
    }
}
