//! Arranges fixtures through the API, and removes them.
//!
//! If an endpoint cannot do something, the case is unsupported, with the reason. What it claims to have done is
//! verified with a description: an image that claims an instance-store root must launch an instance that also does.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::images::no_image;
use super::request_sender::{AnsweredCall, RequestSender, SendError};
use crate::call::Call;
use crate::contract::{FixtureKind, Market, Root, State};
use crate::endpoint::Endpoint;
use crate::journal::Role;
use crate::protocol::{self, Body, Image, Instance, Reply};

/// How long, in milliseconds, to wait until a new instance is described (VIS-09), or until it reaches a state.
const ARRANGE_TIMEOUT_MS: u64 = 300_000;

/// How long, in milliseconds, to repeat a call whose refusal may pass by itself.
const PASSING_MS: u64 = 10_000;

/// Why a fixture could not be arranged.
#[derive(Debug)]
pub(super) enum ArrangeError {
    /// The endpoint lacks something that the fixture needs.
    Unsupported(String),
    /// Something failed on the way.
    Failed(SendError),
}

impl From<SendError> for ArrangeError {
    fn from(error: SendError) -> Self {
        ArrangeError::Failed(error)
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
        let image = self.image(kind.root).await?;
        let Some(image) = image else {
            return Err(no_image(kind.root));
        };
        let call = self.launch_call(name, kind, image, zone);
        let AnsweredCall { reply, .. } = self.sender.ask(self.step, Role::Arrange, &call).await?;
        let root = success(&reply).ok_or_else(|| refused("RunInstances", &reply))?;
        let Some(instance) = protocol::instances(root).into_iter().next() else {
            return Err(without_instance());
        };
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
        let Some(image) = self.image(kind.root).await? else {
            return Err(no_image(kind.root));
        };
        let mut call = self.launch_call("shared", kind, image, zone);
        for (name, value) in &mut call.params {
            if name == "MinCount" || name == "MaxCount" {
                *value = count.to_string();
            }
        }
        let AnsweredCall { reply, .. } = self.sender.ask(self.step, Role::Arrange, &call).await?;
        let root = success(&reply).ok_or_else(|| refused("RunInstances", &reply))?;
        let mut launched: Vec<Launched> = Vec::new();
        for instance in protocol::instances(root) {
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
            return Err(without_instance());
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
        let instances = self.await_all(&ids, "running").await?;
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
        let image = self.image(kind.root).await?.ok_or_else(|| no_image(kind.root))?;
        Ok(self.launch_call(name, kind, image, None))
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
            Endpoint::Http(_) => {
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
            return must_be(&instance, "pending", "RunInstances");
        }
        if launched.readiness == Readiness::Launched {
            let instance = self.await_state(&id, "running").await?;
            self.is_as_wished(launched, &instance).await?;
        }
        let ids = |action: &str| Call::new(action, [("InstanceId.1", id.as_str())]);
        match wished {
            State::Pending | State::Running => {}
            State::Stopping => {
                self.leave(&id, "running", "stopping", "StopInstances").await?;
            }
            State::Stopped => {
                self.change(&ids("StopInstances")).await?;
                self.await_state(&id, "stopped").await?;
            }
            State::Restarting => {
                self.change(&ids("StopInstances")).await?;
                self.await_state(&id, "stopped").await?;
                self.leave(&id, "stopped", "pending", "StartInstances").await?;
            }
            State::ShuttingDown => {
                self.leave(&id, "running", "shutting-down", "TerminateInstances")
                    .await?;
            }
            State::Terminated => {
                self.change(&ids("TerminateInstances")).await?;
                self.await_state(&id, "terminated").await?;
            }
            State::Gone => {
                let why = "nobody can wait until an instance is purged".to_owned();
                return Err(ArrangeError::Unsupported(why));
            }
        }
        Ok(())
    }

    /// Terminates these instances together, and waits until they are.
    pub(super) async fn terminate_all(&self, ids: &[&str]) -> Result<(), ArrangeError> {
        let named = (1..).zip(ids).map(|(at, id)| (format!("InstanceId.{at}"), *id));
        self.change(&Call::new("TerminateInstances", named)).await?;
        self.await_all(ids, "terminated").await.map(drop)
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
            ("TagSpecification.1.ResourceType", "instance".to_owned()),
            ("TagSpecification.1.Tag.1.Key", "stopcheck".to_owned()),
            ("TagSpecification.1.Tag.1.Value", format!("{}/{name}", self.case)),
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
        Call::new("RunInstances", params)
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
    async fn leave(&self, id: &str, old: &str, new: &str, action: &str) -> Result<(), ArrangeError> {
        let reply = self.change(&Call::new(action, [("InstanceId.1", id)])).await?;
        let instance = self.await_any(id).await?;
        let answered = success(&reply).is_some_and(|root| {
            let changes = protocol::state_changes(root);
            let mut items = changes.items.iter();
            items.any(|item| item.id == Some(id) && item.current_name() == Some(new))
        });
        if answered && state_name(&instance) == old {
            return Ok(());
        }
        must_be(&instance, new, action)
    }

    /// Returns the instance as soon as it can be described.
    async fn await_any(&self, id: &str) -> Result<Instance, ArrangeError> {
        self.poll(id, |_| true, "described").await
    }

    async fn await_state(&self, id: &str, state: &str) -> Result<Instance, ArrangeError> {
        self.poll(id, |instance| state_name(instance) == state, state)
            .await
    }

    /// Describes one instance until it fits.
    async fn poll(
        &self,
        id: &str,
        fits: impl Fn(&Instance) -> bool,
        wish: &str,
    ) -> Result<Instance, ArrangeError> {
        let of_id = |instance: &&Instance| instance.id == id;
        let all_fit = |instances: &Vec<Instance>| instances.iter().find(of_id).is_some_and(&fits);
        let mut instances = self.poll_all(&[id], all_fit, wish).await?;
        instances.retain(|instance| instance.id == id);
        Ok(instances.remove(0))
    }

    /// Describes instances until all are in this state.
    async fn await_all(&self, ids: &[&str], state: &str) -> Result<Vec<Instance>, ArrangeError> {
        let all_are = |instances: &Vec<Instance>| {
            let is_in_it = |id: &&str| {
                let mut found = instances.iter().filter(|one| one.id == *id);
                found.any(|one| state_name(one) == state)
            };
            ids.iter().all(is_in_it)
        };
        self.poll_all(ids, all_are, state).await
    }

    /// Describes instances until they fit.
    async fn poll_all(
        &self,
        ids: &[&str],
        fit: impl Fn(&Vec<Instance>) -> bool,
        wish: &str,
    ) -> Result<Vec<Instance>, ArrangeError> {
        let waits = &self.shared.waits;
        let begun_ms = self.sender.now_ms();
        let timeout_ms = ARRANGE_TIMEOUT_MS.min(self.shared.options.settle_timeout_ms());
        let mut wait = self.shared.options.first_wait();
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
            if fit(&instances) {
                waits.arrived(wish, waited_ms);
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
                let late = instances.iter().find(|instance| state_name(instance) != wish);
                let seen = match late {
                    Some(instance) if !missing => state_name(instance).to_owned(),
                    Some(_) | None => format!("not described ({})", answer_in_words(&reply)),
                };
                let cut = match () {
                    () if is_cut => " at the time limit of the run",
                    () if waited_ms < timeout_ms => ", and an earlier wait for this has timed out",
                    () => "",
                };
                return Err(ArrangeError::Unsupported(format!(
                    "an instance did not become {wish}: it is {seen}{cut}"
                )));
            }
            self.sender.pause(wait).await;
            wait = next_wait(wait);
        }
    }

    /// Verifies that the endpoint launched what was requested.
    async fn is_as_wished(&self, launched: &mut Launched, instance: &Instance) -> Result<(), ArrangeError> {
        let kind = launched.kind;
        let seen_root = instance.root_device_type.as_deref().unwrap_or("absent");
        if seen_root != root_word(kind.root) {
            return Err(pretended("root device type", root_word(kind.root), seen_root));
        }
        let lifecycle = instance.instance_lifecycle.as_deref().unwrap_or("on-demand");
        let wished = if kind.market == Market::OnDemand {
            "on-demand"
        } else {
            "spot"
        };
        if lifecycle != wished {
            return Err(pretended("lifecycle", wished, lifecycle));
        }
        if kind.hibernation && instance.hibernation_configured == Some(false) {
            return Err(pretended("hibernation", "configured", "not configured"));
        }
        if launched.spot_request.is_none() {
            launched.spot_request.clone_from(&instance.spot_request_id);
            if let Some(request) = &launched.spot_request {
                self.sender.ledger.own(request);
            }
        }
        for (wished, name) in [
            (kind.stop_protected, "disableApiStop"),
            (kind.termination_protected, "disableApiTermination"),
        ] {
            if wished {
                self.protect(&launched.id, name).await?;
            }
        }
        Ok(())
    }

    /// Makes sure that a protection is set. Some endpoints ignore it at launch, but accept it later.
    async fn protect(&self, id: &str, name: &str) -> Result<(), ArrangeError> {
        if self.attribute(id, name).await?.as_deref() == Some("true") {
            return Ok(());
        }
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
                other => return Err(pretended(name, "true", other.unwrap_or("absent"))),
            }
            self.sender.pause(wait).await;
            wait = next_wait(wait);
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
            Endpoint::Http(_) => (lag * 8_u32.saturating_pow(number) / 50).min(lag),
        }
    }

    /// The first pause between two descriptions. A virtual clock is moved on further, since that costs nothing.
    pub(super) fn first_wait(&self) -> Duration {
        match self.endpoint {
            Endpoint::InProcess(_) => Duration::from_millis(500),
            Endpoint::Http(_) => Duration::from_millis(25),
        }
    }
}

/// Doubles a pause, up to the interval at which the official waiters poll.
pub(super) fn next_wait(wait: Duration) -> Duration {
    (wait * 2).min(Duration::from_secs(15))
}

/// An answer as text, for reasons.
pub(super) fn answer_in_words(reply: &Reply) -> String {
    let what = match &reply.body {
        Body::Document(document) => reply.error().map_or_else(
            || format!("a document <{}>", document.root().name()),
            |error| {
                format!(
                    "{} \"{}\"",
                    error.code.unwrap_or_default(),
                    error.message.unwrap_or_default()
                )
            },
        ),
        Body::Empty => "an empty body".to_owned(),
        Body::Unreadable { why } => format!("a body that is not XML: {why}"),
    };
    let what: String = what
        .chars()
        .filter(|character| !character.is_control())
        .take(240)
        .collect();
    format!("{} {what}", reply.status)
}

/// The root element of a success.
pub(super) fn success(reply: &Reply) -> Option<protocol::Element<'_>> {
    match &reply.body {
        Body::Document(document) if reply.status == 200 => Some(document.root()),
        Body::Document(_) | Body::Empty | Body::Unreadable { .. } => None,
    }
}

fn without_instance() -> ArrangeError {
    ArrangeError::Unsupported("RunInstances answers without an instance".to_owned())
}

fn refused(action: &str, reply: &Reply) -> ArrangeError {
    ArrangeError::Unsupported(format!("{action} is answered by {}", answer_in_words(reply)))
}

fn pretended(what: &str, wished: &str, seen: &str) -> ArrangeError {
    ArrangeError::Unsupported(format!(
        "the endpoint accepted an instance with {what} {wished}, and describes it with {seen}"
    ))
}

fn must_be(instance: &Instance, state: &str, action: &str) -> Result<(), ArrangeError> {
    let seen = state_name(instance);
    if seen == state {
        return Ok(());
    }
    Err(ArrangeError::Unsupported(format!(
        "right after {action} the instance is {seen}: the endpoint skips {state}"
    )))
}

/// The state of a launched instance: running, or still pending.
fn state_of(instance: &Instance) -> State {
    match state_name(instance) {
        "running" => State::Running,
        _ => State::Pending,
    }
}

fn state_name(instance: &Instance) -> &str {
    instance
        .state
        .as_ref()
        .and_then(|state| state.name.as_deref())
        .unwrap_or("in no state")
}

pub(super) fn root_word(root: Root) -> &'static str {
    match root {
        Root::Ebs => "ebs",
        Root::InstanceStore => "instance-store",
    }
}
