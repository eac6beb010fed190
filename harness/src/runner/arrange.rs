//! Arranges fixtures through the API, and removes them.
//!
//! If an endpoint cannot do something, the case is unsupported, with the reason. What it claims to have done is
//! verified with a description: an image that claims an instance-store root must launch an instance that also does.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use super::Shared;
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

/// The images that instances are launched from, each looked up when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Images {
    ebs: OnceCell<Option<Image>>,
    instance_store: OnceCell<Option<Image>>,
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
            let word = root_word(kind.root);
            return Err(ArrangeError::Unsupported(format!(
                "there is no image with root device type {word} (--{word}-image names one)"
            )));
        };
        let call = self.launch_call(name, kind, image, zone);
        let AnsweredCall { reply, .. } = self.sender.ask(self.step, Role::Arrange, &call).await?;
        let root = success(&reply).ok_or_else(|| refused("RunInstances", &reply))?;
        let Some(instance) = protocol::instances(root).into_iter().next() else {
            return Err(ArrangeError::Unsupported(
                "RunInstances answers without an instance".to_owned(),
            ));
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
        })
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
                    self.sender.tell_of(&sender).await;
                    brought.push((one, result));
                }
            }
        }
        brought
    }

    /// Brings a launched instance to the requested state, and verifies that it is as requested.
    async fn bring(&self, launched: &mut Launched) -> Result<(), ArrangeError> {
        let id = launched.id.clone();
        let wished = launched.kind.state;
        if wished == State::Pending {
            let instance = self.await_any(&id).await?;
            self.is_as_wished(launched, &instance).await?;
            return must_be(&instance, "pending", "RunInstances");
        }
        let instance = self.await_state(&id, "running").await?;
        self.is_as_wished(launched, &instance).await?;
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

    /// Removes what was launched: lifts protections, cancels Spot requests, terminates. Returns the ids that remain.
    pub(super) async fn remove(&self, launched: &[Launched], protected: bool) -> Vec<String> {
        let clean = |call: Call| async move { self.sender.ask(0, Role::Clean, &call).await };
        for one in launched {
            let set = |name: &str| {
                Call::new(
                    "ModifyInstanceAttribute",
                    [
                        ("InstanceId", one.id.clone()),
                        (&format!("{name}.Value"), "false".to_owned()),
                    ]
                    .map(|(name, value)| (name.to_owned(), value)),
                )
            };
            if protected || one.kind.stop_protected {
                let _ = clean(set("DisableApiStop")).await;
            }
            if one.kind.termination_protected {
                let _ = clean(set("DisableApiTermination")).await;
            }
            if let Some(request) = &one.spot_request {
                let _ = clean(Call::new(
                    "CancelSpotInstanceRequests",
                    [("SpotInstanceRequestId.1", request.as_str())],
                ))
                .await;
            }
        }
        let all = launched
            .iter()
            .enumerate()
            .map(|(at, one)| (format!("InstanceId.{}", at + 1), one.id.clone()));
        if !launched.is_empty() && gone(&clean(Call::new("TerminateInstances", all)).await) {
            return Vec::new();
        }
        let mut left = Vec::new();
        for one in launched {
            let mut wait = Duration::from_millis(200);
            for attempt in 0..4 {
                if gone(
                    &clean(Call::new(
                        "TerminateInstances",
                        [("InstanceId.1", one.id.as_str())],
                    ))
                    .await,
                ) {
                    break;
                }
                if attempt == 3 {
                    left.push(one.id.clone());
                }
                self.sender.pause(wait).await;
                wait *= 2;
            }
        }
        left
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

    /// The image to launch instances with this root from; looked up once in a run, when it is first needed.
    async fn image(&self, root: Root) -> Result<Option<&Image>, ArrangeError> {
        let cell = match root {
            Root::Ebs => &self.shared.images.ebs,
            Root::InstanceStore => &self.shared.images.instance_store,
        };
        let image = cell.get_or_try_init(|| self.choose_image(root)).await?;
        Ok(image.as_ref())
    }

    async fn choose_image(&self, root: Root) -> Result<Option<Image>, ArrangeError> {
        let launch = &self.shared.options.launch;
        let given = match root {
            Root::Ebs => &launch.ebs_image,
            Root::InstanceStore => &launch.instance_store_image,
        };
        if let Some(id) = given {
            let image = Image {
                id: id.clone(),
                ..Image::default()
            };
            return Ok(Some(image));
        }
        match root {
            Root::Ebs => self.find_image(root).await,
            // A user who names an image does not want another one looked up, let alone registered.
            Root::InstanceStore if launch.ebs_image.is_some() => Ok(None),
            Root::InstanceStore => match self.find_image(root).await? {
                Some(image) => Ok(Some(image)),
                None => self.register_image().await,
            },
        }
    }

    /// The first image by id that claims this root device type.
    async fn find_image(&self, root: Root) -> Result<Option<Image>, ArrangeError> {
        let word = root_word(root);
        let call = Call::new(
            "DescribeImages",
            [("Filter.1.Name", "root-device-type"), ("Filter.1.Value.1", word)],
        );
        let AnsweredCall { reply, .. } = self.sender.ask(self.step, Role::Arrange, &call).await?;
        let mut images = success(&reply).map(protocol::images).unwrap_or_default();
        images.retain(|image| image.root_device_type.as_deref() == Some(word));
        images.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(images.into_iter().next())
    }

    /// Registers an instance-store image: some mocks have none, but accept one.
    async fn register_image(&self) -> Result<Option<Image>, ArrangeError> {
        let call = Call::new(
            "RegisterImage",
            [
                ("Name", "stopcheck-instance-store"),
                ("ImageLocation", "stopcheck/image.manifest.xml"),
                ("RootDeviceName", "/dev/sda1"),
                ("Architecture", "x86_64"),
            ],
        );
        let AnsweredCall { reply, .. } = self.sender.ask(self.step, Role::Arrange, &call).await?;
        let id = success(&reply).and_then(|root| root.child_text("imageId"));
        Ok(id.map(|id| Image {
            id: id.to_owned(),
            ..Image::default()
        }))
    }

    /// Sends a call that must succeed to arrange the fixture.
    async fn change(&self, call: &Call) -> Result<Reply, ArrangeError> {
        let action = call.action.as_deref().unwrap_or_default();
        let passes = |asked: AnsweredCall, after_ms: u64| {
            let code = asked.reply.error().and_then(|error| error.code);
            let contract = self.shared.judge.contract();
            match after_ms < PASSING_MS && contract.passes_by_itself(action, code.unwrap_or_default()) {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(asked),
            }
        };
        let asked = self
            .sender
            .ask_while(self.step, Role::Arrange, call, passes)
            .await?;
        match success(&asked.reply) {
            Some(_) => Ok(asked.reply),
            None => Err(refused(action, &asked.reply)),
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

    async fn poll(
        &self,
        id: &str,
        fits: impl Fn(&Instance) -> bool,
        wish: &str,
    ) -> Result<Instance, ArrangeError> {
        let until = self.sender.now_ms() + ARRANGE_TIMEOUT_MS.min(self.shared.options.settle_timeout_ms());
        let mut wait = self.shared.options.first_wait();
        loop {
            let AnsweredCall { reply, .. } = self
                .sender
                .ask(self.step, Role::Arrange, &Self::describe_call([id]))
                .await?;
            let instance = success(&reply).and_then(|root| {
                protocol::instances(root)
                    .into_iter()
                    .find(|instance| instance.id == id)
            });
            match &instance {
                Some(instance) if fits(instance) => return Ok(instance.clone()),
                Some(_) | None => {}
            }
            if self.sender.now_ms() >= until {
                let seen = instance.as_ref().map_or_else(
                    || format!("not described ({})", answer_in_words(&reply)),
                    |instance| state_name(instance).to_owned(),
                );
                return Err(ArrangeError::Unsupported(format!(
                    "an instance did not become {wish}: it is {seen}"
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

    /// The longest pause while a description may be stale.
    pub(super) fn read_lag_share(&self) -> Duration {
        Duration::from_millis(self.read_lag.ms().div_ceil(5))
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

fn root_word(root: Root) -> &'static str {
    match root {
        Root::Ebs => "ebs",
        Root::InstanceStore => "instance-store",
    }
}

/// Whether the termination was accepted, or there is no such instance any more.
fn gone(outcome: &Result<AnsweredCall, SendError>) -> bool {
    match outcome {
        Ok(AnsweredCall { reply, .. }) => {
            success(reply).is_some() || answer_in_words(reply).contains("InvalidInstanceID.NotFound")
        }
        Err(_) => false,
    }
}
