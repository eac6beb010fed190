//! Finds and removes what earlier runs have left behind.
//!
//! The endpoint's filters are not trusted: it may ignore them, and describe the instances of others. Only an instance
//! whose own tags were written by a run becomes known to the guard, and so can be changed. A Spot request is ours if its
//! tags say so, or if it and an instance of ours name each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::arrange::{Arranger, Launched, Readiness, success};
use super::event_sink::EventSink;
use super::launches::Deviations;
use super::request_sender::{AnsweredCall, RequestSender};
use super::tags::{self, RunTags};
use super::{Options, PreflightError, QUEUE, Shared, ms_of, preflight};
use crate::call::Call;
use crate::contract::{Contract, FixtureKind, State};
use crate::journal::{Event, Noted, Role, RunId};
use crate::protocol::{self, Element, Instance, SpotRequest};

/// The name under which a sweep sends requests.
const SWEEP: &str = "sweep";
/// How many instances a page of a description has.
const PAGE: &str = "500";
/// How many pages are read. An endpoint may never end its list.
const MOST_PAGES: usize = 400;
/// The number of instances that are removed together.
const REMOVED_AT_ONCE: usize = 24;
/// How many runs a note names.
const RUNS_NAMED: usize = 3;

/// An instance that a run launched and that is not terminated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftInstance {
    /// The id.
    pub id: String,
    /// The name of its state, as described.
    pub state: String,
    /// What its tags say.
    pub tags: RunTags,
    /// The Spot request that it names.
    spot_request: Option<String>,
}

/// Which instances are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepScope {
    /// Those whose runs have certainly ended, as their tags say.
    Expired,
    /// Those that were launched so long ago.
    OlderThan(Duration),
    /// Those of one run.
    Run(RunId),
}

impl SweepScope {
    fn has(self, tags: RunTags, now_ms: u64) -> bool {
        match self {
            SweepScope::Expired => tags.expires_ms <= now_ms,
            SweepScope::OlderThan(age) => tags.created_ms.saturating_add(ms_of(age)) <= now_ms,
            SweepScope::Run(run) => tags.run == run,
        }
    }
}

/// Why a sweep could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The endpoint cannot be swept.
    #[error("{0}")]
    Preflight(#[from] PreflightError),
    /// A description was refused.
    #[error("could not list instances: {0}")]
    Refused(String),
    /// A description got no answer.
    #[error("could not list instances: {0}")]
    NoAnswer(String),
    /// The list of instances does not end.
    #[error("could not list instances: {MOST_PAGES} pages have been read, and another one is announced")]
    Endless,
}

/// A Spot request that a run made and that is not cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftSpotRequest {
    /// The id.
    pub id: String,
    /// What its tags say.
    pub tags: RunTags,
}

/// Removes what earlier runs have left at an endpoint.
#[derive(Debug)]
pub struct Sweeper {
    shared: Arc<Shared>,
    sender: RequestSender,
    instances: Vec<LeftInstance>,
    spot_requests: Vec<LeftSpotRequest>,
    note: Option<String>,
}

impl Sweeper {
    /// Checks the endpoint as a run does, and lists what runs have left there.
    pub async fn open(
        contract: Arc<Contract>,
        options: Options,
        interrupted: watch::Receiver<bool>,
    ) -> Result<Sweeper, SweepError> {
        let (events, mut nobody) = mpsc::channel(QUEUE);
        // Answers are read from their records, from which secrets are removed.
        tokio::spawn(async move { while nobody.recv().await.is_some() {} });
        let shared = Arc::new(Shared::new(contract, options, events, interrupted));
        preflight::check(&shared).await?;
        Sweeper::at(shared).await
    }

    async fn at(shared: Arc<Shared>) -> Result<Sweeper, SweepError> {
        let turn = shared.turns.take().await;
        let sender = RequestSender::new(&shared, SWEEP, EventSink::Live(shared.events.clone()), turn);
        let instances = list(&sender).await?;
        let mut sweeper = Sweeper {
            shared,
            sender,
            instances,
            spot_requests: Vec::new(),
            note: None,
        };
        sweeper.list_spot_requests().await;
        Ok(sweeper)
    }

    /// The instances in this scope, or those outside it.
    pub fn instances(&self, scope: SweepScope, is_in: bool) -> impl Iterator<Item = &LeftInstance> {
        let now_ms = self.sender.now_ms();
        let all = self.instances.iter();
        all.filter(move |one| scope.has(one.tags, now_ms) == is_in)
    }

    /// The Spot requests in this scope that may launch instances.
    pub fn spot_requests(&self, scope: SweepScope) -> impl Iterator<Item = &LeftSpotRequest> {
        let now_ms = self.sender.now_ms();
        let all = self.spot_requests.iter();
        all.filter(move |one| scope.has(one.tags, now_ms))
    }

    /// What could not be looked at, in words.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Removes the instances and the Spot requests in this scope. Returns the ids of those that remain.
    pub async fn remove(&self, scope: SweepScope) -> Vec<String> {
        let mut remaining = Vec::new();
        for request in self.spot_requests(scope) {
            self.sender.ledger.own(&request.id);
            let call = Call::new(
                "CancelSpotInstanceRequests",
                [("SpotInstanceRequestId.1", request.id.as_str())],
            );
            let outcome = self.sender.ask(0, Role::Clean, &call).await;
            if !matches!(&outcome, Ok(AnsweredCall { reply, .. }) if success(reply).is_some()) {
                remaining.push(request.id.clone());
            }
        }
        let launched: Vec<Launched> = self.instances(scope, true).map(launched).collect();
        for one in &launched {
            self.sender.ledger.own(&one.id);
        }
        let arranger = Arranger {
            shared: Arc::clone(&self.shared),
            sender: self.sender.clone(),
            case: SWEEP.to_owned(),
            step: 0,
            trusting: true,
            is_limited: false,
            // Nothing is launched here.
            deviations: Deviations::default(),
        };
        for some in launched.chunks(REMOVED_AT_ONCE) {
            if *self.shared.interrupted.borrow() {
                remaining.extend(some.iter().map(|one| one.id.clone()));
            } else {
                remaining.extend(arranger.remove(some, true).await);
            }
        }
        remaining
    }

    /// Lists the Spot requests that may still launch instances. Many endpoints have none, and do not know the action.
    async fn list_spot_requests(&mut self) {
        let call = by_tag("DescribeSpotInstanceRequests");
        let answered = self.sender.ask(0, Role::Look, &call).await;
        let root = match &answered {
            Ok(AnsweredCall { reply, .. }) => match success(reply) {
                Some(root) => root,
                None => {
                    let answer = preflight::answer_in_words(reply);
                    self.note = Some(format!("Spot requests could not be listed: {answer}"));
                    return;
                }
            },
            Err(error) => {
                self.note = Some(format!("Spot requests could not be listed: {error}"));
                return;
            }
        };
        let ours: BTreeMap<&str, &LeftInstance> =
            self.instances.iter().map(|one| (one.id.as_str(), one)).collect();
        let requests = protocol::spot_requests(root).into_iter();
        let left = requests.filter_map(|request| spot_request(&request, &ours));
        self.spot_requests = left.collect();
    }
}

/// Says what earlier runs have left, and removes what this run itself has left before it was cut short.
pub(super) async fn begin(shared: &Arc<Shared>, left: Vec<LeftInstance>) {
    let run = shared.options.run_id;
    let of_others = left.iter().filter(|one| one.tags.run != run);
    let now_ms = shared.options.endpoint.now_ms();
    let mut notes: Vec<String> = note_on(of_others, now_ms).into_iter().collect();
    if shared.options.earlier.is_some() && !shared.options.endpoint.is_in_process() {
        match Sweeper::at(Arc::clone(shared)).await {
            Ok(sweeper) => {
                let remaining = sweeper.remove(SweepScope::Run(run)).await;
                if !remaining.is_empty() {
                    let ids = remaining.join(", ");
                    notes.push(format!("not removed, with the tag {}={run}: {ids}", tags::RUN));
                }
            }
            Err(error) => notes.push(format!("what the run left was not removed: {error}")),
        }
    }
    for text in notes {
        let case = String::new();
        shared.emit(Event::Noted(Noted { case, text })).await;
    }
}

/// What to say about instances that earlier runs have left; `None` without any.
fn note_on<'a>(left: impl Iterator<Item = &'a LeftInstance>, now_ms: u64) -> Option<String> {
    let mut runs: BTreeMap<RunId, (RunTags, usize)> = BTreeMap::new();
    for one in left {
        runs.entry(one.tags.run).or_insert((one.tags, 0)).1 += 1;
    }
    let count: usize = runs.values().map(|(_, count)| count).sum();
    let mut named: Vec<String> = runs.keys().take(RUNS_NAMED).map(RunId::to_string).collect();
    if runs.len() > RUNS_NAMED {
        named.push("…".to_owned());
    }
    let has_expired = |(tags, _): &(RunTags, usize)| SweepScope::Expired.has(*tags, now_ms);
    let (instances, are, them) = match count {
        0 => return None,
        1 => ("1 instance".to_owned(), "is", "it"),
        count => (format!("{count} instances"), "are", "them"),
    };
    let (of, goes_on) = match runs.len() {
        1 => ("an earlier run", "that run goes on"),
        _ => ("earlier runs", "those runs go on"),
    };
    let removal = match runs.values().all(has_expired) {
        true => format!("`stopcheck sweep` removes {them}"),
        false => format!("unless {goes_on}, `stopcheck sweep --older-than 0s` removes {them}"),
    };
    Some(format!(
        "{instances} of {of} {are} left ({}): {removal}",
        named.join(", ")
    ))
}

/// The instances in a description that a run has left.
pub(super) fn left_in(root: Element<'_>) -> Vec<LeftInstance> {
    let instances = protocol::instances(root).into_iter();
    instances.filter_map(left_instance).collect()
}

fn left_instance(instance: Instance) -> Option<LeftInstance> {
    let state = instance.state.and_then(|state| state.name).unwrap_or_default();
    let gone = [State::ShuttingDown, State::Terminated].map(State::wire_name);
    let is_left = is_id(&instance.id, "i-") && !gone.contains(&Some(state.as_str()));
    Some(LeftInstance {
        tags: RunTags::read(&instance.tags).filter(|_| is_left)?,
        id: instance.id,
        state,
        spot_request: instance.spot_request_id,
    })
}

/// A Spot request that a run has left.
fn spot_request(request: &SpotRequest, ours: &BTreeMap<&str, &LeftInstance>) -> Option<LeftSpotRequest> {
    let is_open = !matches!(request.state.as_deref(), Some("cancelled" | "closed" | "failed"));
    let of_instance = || {
        let instance = ours.get(request.instance_id.as_deref()?)?;
        (instance.spot_request.as_ref() == Some(&request.id)).then_some(instance.tags)
    };
    let tags = RunTags::read(&request.tags).or_else(of_instance)?;
    let id = request.id.clone();
    (is_open && is_id(&id, "sir-")).then_some(LeftSpotRequest { id, tags })
}

/// Whether a text is an id in the form in which Amazon and its emulators issue them, and nothing else.
fn is_id(text: &str, prefix: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
    text.strip_prefix(prefix)
        .is_some_and(|digits| (8..=17).contains(&digits.len()) && digits.bytes().all(is_digit))
}

/// Lists the instances that runs have left, page by page.
async fn list(sender: &RequestSender) -> Result<Vec<LeftInstance>, SweepError> {
    let mut call = by_tag("DescribeInstances");
    call.params.push(("MaxResults".to_owned(), PAGE.to_owned()));
    let first = call.clone();
    let mut left = Vec::new();
    let mut tokens = BTreeSet::new();
    for _ in 0..MOST_PAGES {
        let answered = sender.ask(0, Role::Look, &call).await;
        let AnsweredCall { reply, .. } = answered.map_err(|error| SweepError::NoAnswer(error.to_string()))?;
        let root = success(&reply).ok_or_else(|| SweepError::Refused(preflight::answer_in_words(&reply)))?;
        left.extend(left_in(root));
        let Some(token) = protocol::next_token(root).filter(|token| tokens.insert(token.clone())) else {
            left.sort_by(|one: &LeftInstance, other| one.id.cmp(&other.id));
            left.dedup_by(|one, other| one.id == other.id);
            return Ok(left);
        };
        call = first.clone();
        call.params.push(("NextToken".to_owned(), token));
    }
    Err(SweepError::Endless)
}

/// A call that lists what has the tag of a run.
fn by_tag(action: &str) -> Call {
    Call::new(
        action,
        [("Filter.1.Name", "tag-key"), ("Filter.1.Value.1", tags::RUN)],
    )
}

/// An instance to remove, about which only its tags are known: it may be protected in every way.
fn launched(left: &LeftInstance) -> Launched {
    Launched {
        id: left.id.clone(),
        kind: FixtureKind {
            stop_protected: true,
            termination_protected: true,
            ..FixtureKind::default()
        },
        // Its request, if it is ours, is cancelled before.
        spot_request: None,
        zone: None,
        state: State::Running,
        readiness: Readiness::Launched,
        is_shared: false,
    }
}

#[cfg(test)]
mod tests;
