//! Arranges fixtures through the API, and removes them.
//!
//! If an endpoint cannot do something, the case is unsupported, with the reason. What it claims to have done is
//! verified with a description: an image that claims an instance-store root must launch an instance that also does.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::launches::Deviations;
use super::request_sender::{AnsweredCall, RequestSender, SendError};
use super::{Shared, tags};
use crate::call::Call;
use crate::check;
use crate::contract::{FixtureKind, Market, Root, State};
use crate::endpoint::Endpoint;
use crate::journal::{Excerpt, LaunchProperty, Obstacle, Role, WaitCut};
use crate::model::ReadLag;
use crate::protocol::{self, Body, Image, Instance, Reply};

/// How long, in milliseconds, to wait until a new instance is described (VIS-09), or until it reaches a state.
const ARRANGE_TIMEOUT_MS: u64 = 300_000;

/// How long, in milliseconds, to repeat a call whose refusal may pass by itself.
const PASSING_MS: u64 = 10_000;

/// Why a fixture could not be arranged.
#[derive(Debug)]
pub(super) enum ArrangeError {
    /// The endpoint lacks something that the fixture needs.
    Unsupported(Obstacle),
    /// Something failed on the way.
    Failed(SendError),
}

impl From<SendError> for ArrangeError {
    fn from(error: SendError) -> Self {
        ArrangeError::Failed(error)
    }
}

impl From<Obstacle> for ArrangeError {
    fn from(obstacle: Obstacle) -> Self {
        ArrangeError::Unsupported(obstacle)
    }
}

/// An instance that exists.
#[derive(Debug, Clone)]
pub(super) struct Launched {
    pub(super) id: String,
    pub(super) kind: FixtureKind,
    pub(super) spot_request: Option<String>,
    /// The Availability Zone it was launched in, if the endpoint says.
    pub(super) zone: Option<String>,
    /// The last state that was seen while it was arranged: pending or running.
    pub(super) state: State,
    /// How far it has been arranged.
    pub(super) readiness: Readiness,
    /// Whether it came from the pool.
    pub(super) is_shared: bool,
}

/// How far an instance has been arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    /// It was launched.
    Launched,
    /// It was described as running and as requested.
    Running,
    /// It is in the state that is requested.
    Ready,
}

/// Arranges fixtures for one case.
#[derive(Debug, Clone)]
pub(super) struct Arranger {
    pub(super) shared: Arc<Shared>,
    pub(super) sender: RequestSender,
    pub(super) case: String,
    /// The step that launches, 0 before the first.
    pub(super) step: usize,
    /// Whether to skip the verification of kinds that the endpoint has already launched as requested.
    pub(super) trusting: bool,
    /// Whether the time limit of the run applies.
    pub(super) is_limited: bool,
    /// Where the options go that a launch left out.
    pub(super) deviations: Deviations,
}

impl Arranger {
    /// Launches an instance of this kind, in a zone if one is named. From here on the instance exists, even if a later
    /// step fails.
    pub(super) async fn launch(
        &self,
        name: &str,
        kind: FixtureKind,
        zone: Option<&str>,
    ) -> Result<Launched, ArrangeError> {
        let call = self.launch_call(name, kind, self.image(kind.root).await?, zone);
        let AnsweredCall { reply, .. } = self.sender.ask(self.step, Role::Arrange, &call).await?;
        let root = success(&reply).ok_or_else(|| refused("RunInstances", &reply))?;
        let mut instances = protocol::instances(root).into_iter();
        let instance = instances.next().ok_or(Obstacle::NothingLaunched)?;
        self.shared.instances.add(1);
        self.sender.ledger.own(&instance.id);
        if let Some(request) = &instance.spot_request_id {
            self.sender.ledger.own(request);
        }
        let state = state_of(&instance);
        Ok(Launched {
            id: instance.id,
            kind,
            spot_request: instance.spot_request_id,
            zone: instance.availability_zone,
            state,
            readiness: Readiness::Launched,
            is_shared: false,
        })
    }

    /// Launches so many instances of a kind with one call, in a zone if one is named, and waits until they are running.
    /// An endpoint that launches fewer gets more calls later.
    pub(super) async fn launch_running(
        &self,
        kind: FixtureKind,
        zone: Option<&str>,
        count: usize,
    ) -> Result<Vec<Launched>, ArrangeError> {
        let mut call = self.launch_call("shared", kind, self.image(kind.root).await?, zone);
        for (name, value) in &mut call.params {
            if name == "MinCount" || name == "MaxCount" {
                *value = count.to_string();
            }
        }
        let AnsweredCall { reply, .. } = self.sender.ask(self.step, Role::Arrange, &call).await?;
        let root = success(&reply).ok_or_else(|| refused("RunInstances", &reply))?;
        let mut launched: Vec<Launched> = Vec::new();
        for instance in protocol::instances(root) {
            self.shared.instances.add(1);
            self.sender.ledger.own(&instance.id);
            if let Some(request) = &instance.spot_request_id {
                self.sender.ledger.own(request);
            }
            launched.push(Launched {
                state: state_of(&instance),
                id: instance.id,
                kind,
                spot_request: instance.spot_request_id,
                zone: instance.availability_zone,
                readiness: Readiness::Launched,
                is_shared: true,
            });
        }
        if launched.is_empty() {
            return Err(Obstacle::NothingLaunched.into());
        }
        let verified = self.verify_running(&mut launched).await;
        if verified.is_err() {
            // What was launched exists, even if it cannot be used.
            self.shared
                .pool
                .retire(&self.shared, &self.sender, launched)
                .await;
            return verified.map(|()| Vec::new());
        }
        Ok(launched)
    }

    /// Waits until these instances are running, and verifies that they are as requested.
    async fn verify_running(&self, launched: &mut [Launched]) -> Result<(), ArrangeError> {
        let ids: Vec<&str> = launched.iter().map(|one| one.id.as_str()).collect();
        let instances = self.await_all(&ids, State::Running).await?;
        for one in launched {
            if let Some(instance) = instances.iter().find(|instance| instance.id == one.id) {
                self.is_as_wished(one, instance).await?;
                one.readiness = Readiness::Running;
            }
        }
        Ok(())
    }

    /// The call that launches an instance like this one alone.
    pub(super) async fn launch_alone(&self, name: &str, launched: &Launched) -> Result<Call, ArrangeError> {
        let kind = launched.kind;
        Ok(self.launch_call(name, kind, self.image(kind.root).await?, None))
    }

    /// Verifies that an instance is as requested, in any state of a launch. Skipped for kinds that the endpoint has
    /// already launched as requested, if the arranger is trusting.
    pub(super) async fn receive(&self, launched: &mut Launched) -> Result<(), ArrangeError> {
        let known = self.shared.proven.get();
        let proven = self.trusting && known.is_some_and(|kinds| kinds.contains(&launched.kind));
        if !proven {
            let instance = self.await_any(&launched.id).await?;
            self.is_as_wished(launched, &instance).await?;
            launched.state = state_of(&instance);
        }
        Ok(())
    }

    /// Brings launched instances to the requested states. Over HTTP they are waited for together. By a virtual clock
    /// waiting costs nothing, and it moves the same way every time only if they are brought one after another.
    pub(super) async fn bring_all(
        &self,
        launched: Vec<Launched>,
    ) -> Vec<(Launched, Result<(), ArrangeError>)> {
        let mut brought = Vec::new();
        match self.shared.options.endpoint {
            Endpoint::InProcess(_) => {
                for mut one in launched {
                    let result = self.bring(&mut one).await;
                    brought.push((one, result));
                }
            }
            Endpoint::Simulated(_) | Endpoint::Http(_) => {
                let mut tasks = tokio::task::JoinSet::new();
                let all = launched.len();
                for (at, mut one) in launched.into_iter().enumerate() {
                    let arranger = Arranger {
                        sender: self.sender.beside(all),
                        ..self.clone()
                    };
                    tasks.spawn(async move {
                        let result = arranger.bring(&mut one).await;
                        (at, one, result, arranger.sender)
                    });
                }
                let mut ended = Vec::new();
                while let Some(outcome) = tasks.join_next().await {
                    match outcome {
                        Ok(one) => ended.push(one),
                        Err(error) => std::panic::resume_unwind(error.into_panic()),
                    }
                }
                ended.sort_by_key(|(at, ..)| *at);
                for (_, one, result, sender) in ended {
                    self.sender.emit_events_of(&sender).await;
                    brought.push((one, result));
                }
            }
        }
        brought
    }

    /// Brings a launched instance to the requested state, and verifies that it is as requested.
    async fn bring(&self, launched: &mut Launched) -> Result<(), ArrangeError> {
        if launched.readiness == Readiness::Ready {
            return Ok(());
        }
        let id = launched.id.clone();
        let wished = launched.kind.state;
        if wished == State::Pending {
            let instance = self.await_any(&id).await?;
            self.is_as_wished(launched, &instance).await?;
            return must_be(&instance, State::Pending, "RunInstances");
        }
        if launched.readiness == Readiness::Launched {
            let instance = self.await_state(&id, State::Running).await?;
            self.is_as_wished(launched, &instance).await?;
        }
        let ids = |action: &str| Call::new(action, [("InstanceId.1", id.as_str())]);
        match wished {
            State::Pending | State::Running => {}
            State::Stopping => {
                self.leave(&id, State::Running, wished, "StopInstances").await?;
            }
            State::Stopped => {
                self.change(&ids("StopInstances")).await?;
                self.await_state(&id, wished).await?;
            }
            State::Restarting => {
                self.change(&ids("StopInstances")).await?;
                self.await_state(&id, State::Stopped).await?;
                self.leave(&id, State::Stopped, wished, "StartInstances").await?;
            }
            State::ShuttingDown => {
                self.leave(&id, State::Running, wished, "TerminateInstances")
                    .await?;
            }
            State::Terminated => {
                self.change(&ids("TerminateInstances")).await?;
                self.await_state(&id, wished).await?;
            }
            State::Gone => return Err(Obstacle::PurgedFixture.into()),
        }
        Ok(())
    }

    /// Terminates these instances together, and waits until they are.
    pub(super) async fn terminate_all(&self, ids: &[&str]) -> Result<(), ArrangeError> {
        let named = (1..).zip(ids).map(|(at, id)| (format!("InstanceId.{at}"), *id));
        self.change(&Call::new("TerminateInstances", named)).await?;
        self.await_all(ids, State::Terminated).await.map(drop)
    }

    /// A call that describes these instances.
    pub(super) fn describe_call<'i>(ids: impl IntoIterator<Item = &'i str>) -> Call {
        let ids = ids.into_iter().enumerate();
        Call::new(
            "DescribeInstances",
            ids.map(|(at, id)| (format!("InstanceId.{}", at + 1), id)),
        )
    }

    fn launch_call(&self, name: &str, kind: FixtureKind, image: &Image, zone: Option<&str>) -> Call {
        let launch = &self.shared.options.launch;
        let mut params: Vec<(&str, String)> = vec![
            ("ImageId", image.id.clone()),
            ("InstanceType", launch.instance_type.clone()),
            ("MinCount", "1".to_owned()),
            ("MaxCount", "1".to_owned()),
        ];
        if let Some(subnet) = &launch.subnet {
            params.push(("SubnetId", subnet.clone()));
        } else if let Some(zone) = zone {
            // A batch may be refused for each zone separately (IDM-06), so a case keeps to one.
            params.push(("Placement.AvailabilityZone", zone.to_owned()));
        }
        if kind.market != Market::OnDemand {
            let (kind, behaviour) = match kind.market {
                Market::PersistentSpot => ("persistent", "stop"),
                Market::OneTimeSpot | Market::OnDemand => ("one-time", "terminate"),
            };
            params.push(("InstanceMarketOptions.MarketType", "spot".to_owned()));
            params.push((
                "InstanceMarketOptions.SpotOptions.SpotInstanceType",
                kind.to_owned(),
            ));
            params.push((
                "InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior",
                behaviour.to_owned(),
            ));
        }
        if kind.stop_protected {
            params.push(("DisableApiStop", "true".to_owned()));
        }
        if kind.termination_protected {
            params.push(("DisableApiTermination", "true".to_owned()));
        }
        if kind.hibernation {
            let device = image
                .root_device_name
                .clone()
                .unwrap_or_else(|| "/dev/xvda".to_owned());
            params.push(("HibernationOptions.Configured", "true".to_owned()));
            params.push(("BlockDeviceMapping.1.DeviceName", device));
            params.push(("BlockDeviceMapping.1.Ebs.Encrypted", "true".to_owned()));
            // The root volume must hold the memory; some endpoints require a size with any mapping.
            params.push(("BlockDeviceMapping.1.Ebs.VolumeSize", "30".to_owned()));
        }
        let mut call = Call::new("RunInstances", params);
        call.params.extend(match self.sender.is_unobserved() {
            true => tags::of_unobserved_launch(&self.shared),
            false => {
                let case = format!("{}/{name}", self.case);
                tags::of_launch(&self.shared, self.sender.now_ms(), case, kind)
            }
        });
        call
    }

    /// Sends a call that must succeed to arrange the fixture.
    async fn change(&self, call: &Call) -> Result<Reply, ArrangeError> {
        let action = call.action.as_deref().unwrap_or_default();
        let passes = |answered: AnsweredCall, after_ms: u64| {
            let code = answered.reply.error().and_then(|error| error.code);
            let contract = self.shared.judge.contract();
            match after_ms < PASSING_MS && contract.passes_by_itself(action, code.unwrap_or_default()) {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(answered),
            }
        };
        let answered = self
            .sender
            .ask_while(self.step, Role::Arrange, call, passes)
            .await?;
        match success(&answered.reply) {
            Some(_) => Ok(answered.reply),
            None => Err(refused(action, &answered.reply)),
        }
    }

    /// Sends a call that takes an instance from one state to a transient one. The description that follows may be stale
    /// and show the old state, if the answer itself names the new one.
    async fn leave(&self, id: &str, old: State, new: State, action: &str) -> Result<(), ArrangeError> {
        let reply = self.change(&Call::new(action, [("InstanceId.1", id)])).await?;
        let instance = self.await_any(id).await?;
        let answered = success(&reply).is_some_and(|root| {
            let changes = protocol::state_changes(root);
            let mut items = changes.items.iter();
            items.any(|item| item.id == Some(id) && item.current_name() == new.wire_name())
        });
        if answered && is_in(&instance, old) {
            return Ok(());
        }
        must_be(&instance, new, action)
    }

    /// Returns the instance as soon as it can be described.
    async fn await_any(&self, id: &str) -> Result<Instance, ArrangeError> {
        self.poll(id, None).await
    }

    async fn await_state(&self, id: &str, state: State) -> Result<Instance, ArrangeError> {
        self.poll(id, Some(state)).await
    }

    /// Describes one instance until it is in this state, or, without one, in any.
    async fn poll(&self, id: &str, state: Option<State>) -> Result<Instance, ArrangeError> {
        let mut instances = self.poll_all(&[id], state).await?;
        instances.retain(|instance| instance.id == id);
        Ok(instances.remove(0))
    }

    /// Describes instances until all are in this state.
    async fn await_all(&self, ids: &[&str], state: State) -> Result<Vec<Instance>, ArrangeError> {
        self.poll_all(ids, Some(state)).await
    }

    /// Describes instances until all are in this state, or, without one, in any.
    async fn poll_all(&self, ids: &[&str], state: Option<State>) -> Result<Vec<Instance>, ArrangeError> {
        let is_awaited = |instance: &Instance| state.is_none_or(|state| is_in(instance, state));
        let wish = state.and_then(State::wire_name).unwrap_or("described");
        let waits = &self.shared.waits;
        let begun_ms = self.sender.now_ms();
        let timeout_ms = ARRANGE_TIMEOUT_MS.min(self.shared.options.settle_timeout_ms());
        let mut wait = waits.first_pause(wish, self.shared.options.first_wait());
        let mut has_paused = false;
        loop {
            let AnsweredCall { reply, .. } = self
                .sender
                .ask(
                    self.step,
                    Role::Arrange,
                    &Self::describe_call(ids.iter().copied()),
                )
                .await?;
            let instances = success(&reply).map(protocol::instances).unwrap_or_default();
            let waited_ms = self.sender.now_ms().saturating_sub(begun_ms);
            let fits = |id: &&str| {
                let mut found = instances.iter().filter(|one| one.id == *id);
                found.any(is_awaited)
            };
            if ids.iter().all(fits) {
                // What was there already shows nothing about waiting.
                if has_paused {
                    waits.arrived(wish, waited_ms);
                }
                return Ok(instances);
            }
            if waited_ms >= timeout_ms {
                waits.timed_out(wish);
            }
            let is_cut = self.is_limited && self.shared.limit().is_up();
            if is_cut || waited_ms >= waits.longest_ms(wish, timeout_ms) {
                let missing = ids
                    .iter()
                    .any(|id| !instances.iter().any(|instance| instance.id == *id));
                let late = instances.iter().find(|instance| !is_awaited(instance));
                let cut = match () {
                    () if is_cut => Some(WaitCut::TimeLimit),
                    () if waited_ms < timeout_ms => Some(WaitCut::EarlierTimeOut),
                    () => None,
                };
                return Err(ArrangeError::Unsupported(Obstacle::NotReached {
                    state,
                    described: late
                        .filter(|_| !missing)
                        .map(|instance| Excerpt::word(state_name(instance))),
                    answer: check::summary(&reply),
                    cut,
                }));
            }
            self.sender.pause(wait).await;
            has_paused = true;
            wait = self.shared.options.next_wait(wait);
        }
    }

    /// Verifies that the endpoint launched what was requested.
    async fn is_as_wished(&self, launched: &mut Launched, instance: &Instance) -> Result<(), ArrangeError> {
        let kind = launched.kind;
        let root = instance.root_device_type.as_deref();
        if root != Some(kind.root.word()) {
            let property = match kind.root {
                Root::Ebs => LaunchProperty::Ebs,
                Root::InstanceStore => LaunchProperty::InstanceStore,
            };
            return Err(described_otherwise(property, root));
        }
        let lifecycle = instance.instance_lifecycle.as_deref();
        let (wished, property) = match kind.market {
            Market::OnDemand => ("on-demand", LaunchProperty::OnDemand),
            Market::OneTimeSpot | Market::PersistentSpot => ("spot", LaunchProperty::Spot),
        };
        if lifecycle.unwrap_or("on-demand") != wished {
            self.deviates(&launched.id, property, lifecycle);
            return Err(described_otherwise(property, lifecycle));
        }
        if kind.hibernation && instance.hibernation_configured == Some(false) {
            self.deviates(&launched.id, LaunchProperty::Hibernation, None);
            return Err(described_otherwise(LaunchProperty::Hibernation, None));
        }
        if launched.spot_request.is_none() {
            launched.spot_request.clone_from(&instance.spot_request_id);
            if let Some(request) = &launched.spot_request {
                self.sender.ledger.own(request);
            }
        }
        for (wished, name, property) in [
            (
                kind.stop_protected,
                "disableApiStop",
                LaunchProperty::StopProtection,
            ),
            (
                kind.termination_protected,
                "disableApiTermination",
                LaunchProperty::TerminationProtection,
            ),
        ] {
            if wished {
                self.protect(&launched.id, name, property).await?;
            }
        }
        Ok(())
    }

    /// Makes sure that a protection is set. Some endpoints ignore it at launch, but accept it later.
    async fn protect(&self, id: &str, name: &str, property: LaunchProperty) -> Result<(), ArrangeError> {
        let launched_with = self.attribute(id, name).await?;
        if launched_with.as_deref() == Some("true") {
            return Ok(());
        }
        self.deviates(id, property, launched_with.as_deref());
        let call = Call::new(
            "ModifyInstanceAttribute",
            [("InstanceId", id), ("Attribute", name), ("Value", "true")],
        );
        self.change(&call).await?;
        let changed_ms = self.sender.now_ms();
        let mut wait = self.shared.options.first_wait();
        loop {
            let sent_ms = self.sender.now_ms();
            match self.attribute(id, name).await?.as_deref() {
                Some("true") => return Ok(()),
                _ if self.shared.options.read_lag.covers(changed_ms, sent_ms) => {}
                other => return Err(described_otherwise(property, other)),
            }
            self.sender.pause(wait).await;
            wait = self.shared.options.next_wait(wait);
        }
    }

    async fn attribute(&self, id: &str, name: &str) -> Result<Option<String>, ArrangeError> {
        let call = Call::new(
            "DescribeInstanceAttribute",
            [("InstanceId", id), ("Attribute", name)],
        );
        let AnsweredCall { reply, .. } = self.sender.ask(self.step, Role::Arrange, &call).await?;
        let root = success(&reply).ok_or_else(|| refused("DescribeInstanceAttribute", &reply))?;
        Ok(protocol::attribute_value(root, name))
    }
}

impl super::Options {
    pub(super) fn settle_timeout_ms(&self) -> u64 {
        super::ms_of(self.settle_timeout)
    }

    /// The pauses before a description while the last one may be stale, by the number of the pause. Over HTTP waiting
    /// costs less than a description, so there are few.
    pub(super) fn stale_wait(&self, number: u32) -> Duration {
        let lag = Duration::from_millis(self.read_lag.ms());
        match self.endpoint {
            Endpoint::InProcess(_) => (self.first_wait() * 2_u32.saturating_pow(number)).min(lag / 5),
            // Real AWS may be stale for long, but was never seen to be for more than some seconds.
            Endpoint::Simulated(_) | Endpoint::Http(_) if self.read_lag > ReadLag::USUAL => {
                (Duration::from_secs(1) * 2_u32.saturating_pow(number)).min(lag.min(Duration::from_secs(15)))
            }
            Endpoint::Simulated(_) | Endpoint::Http(_) => (lag * 8_u32.saturating_pow(number) / 50).min(lag),
        }
    }

    /// The first pause between two descriptions. A virtual clock is moved on further, since that costs nothing.
    pub(super) fn first_wait(&self) -> Duration {
        match self.endpoint {
            Endpoint::InProcess(_) => Duration::from_millis(500),
            Endpoint::Simulated(_) | Endpoint::Http(_) => Duration::from_millis(25),
        }
    }

    /// Doubles a pause between two descriptions. The official waiters poll every 15 seconds; by a real clock a case that
    /// waits for so long holds up a run whose instances are limited.
    pub(super) fn next_wait(&self, wait: Duration) -> Duration {
        let longest = match self.endpoint {
            Endpoint::InProcess(_) => 15,
            Endpoint::Simulated(_) | Endpoint::Http(_) => 5,
        };
        (wait * 2).min(Duration::from_secs(longest))
    }
}

/// The root element of a success.
pub(super) fn success(reply: &Reply) -> Option<protocol::Element<'_>> {
    match &reply.body {
        Body::Document(document) if reply.status == 200 => Some(document.root()),
        Body::Document(_) | Body::Empty | Body::Unreadable { .. } => None,
    }
}

fn refused(action: &str, reply: &Reply) -> ArrangeError {
    ArrangeError::Unsupported(Obstacle::Refused {
        action: action.to_owned(),
        answer: check::summary(reply),
    })
}

fn described_otherwise(property: LaunchProperty, described: Option<&str>) -> ArrangeError {
    ArrangeError::Unsupported(Obstacle::NotAsRequested {
        property,
        described: described.map(Excerpt::word),
    })
}

fn must_be(instance: &Instance, state: State, action: &str) -> Result<(), ArrangeError> {
    if is_in(instance, state) {
        return Ok(());
    }
    Err(ArrangeError::Unsupported(Obstacle::SkippedState {
        state,
        action: action.to_owned(),
        described: Excerpt::word(state_name(instance)),
    }))
}

pub(super) fn is_in(instance: &Instance, state: State) -> bool {
    state.wire_name() == Some(state_name(instance))
}

/// The state of a launched instance: running, or still pending.
fn state_of(instance: &Instance) -> State {
    match is_in(instance, State::Running) {
        true => State::Running,
        false => State::Pending,
    }
}

/// The name of its state; empty if it is described without one.
fn state_name(instance: &Instance) -> &str {
    instance
        .state
        .as_ref()
        .and_then(|state| state.name.as_deref())
        .unwrap_or_default()
}
