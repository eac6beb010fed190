//! Plays the cases of a plan against an endpoint and emits a stream of events.
//!
//! Input: a contract, a plan, an endpoint, credentials. Output: events, in order within each case. The module knows no
//! report and no file. Every request goes through the request sender, and so through the safety guard.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::call::Caller;
use crate::check::Judge;
use crate::contract::{Confidence, Contract, FixtureKind};
use crate::endpoint::{self, Endpoint};
use crate::journal::{self, EarlyEnd, Event, RunEnded, RunId, RunStarted};
use crate::model::ReadLag;
use crate::plan::Plan;
use crate::plan::estimate::Means;
use crate::report::known::KnownOn;
use crate::sign::{Keyring, Renewal};

mod arrange;
mod case_runner;
mod concurrent;
mod credentials;
mod dispatch;
mod earlier;
mod event_sink;
mod images;
mod instances;
mod launches;
mod names;
mod pace;
mod pages;
mod play;
mod pool;
mod preflight;
mod random;
mod removal;
mod request_sender;
mod sweep;
mod tags;
mod time_limit;
mod turns;
mod waits;
mod wire;

pub use case_runner::{CaseResult, CaseRunner};
pub use concurrent::concurrent_cases;
pub use credentials::RefreshError;
use credentials::RunCredentials;
pub use earlier::EarlierPart;
use instances::Instances;
use pace::Pace;
use pool::Pool;
pub use preflight::PreflightError;
pub use sweep::{LeftInstance, SweepError, SweepScope, Sweeper};
pub use tags::RunTags;
use time_limit::TimeLimit;
use turns::Turns;
use waits::Waits;

/// A seed for the service with this name, so that no two services give out the same ids.
pub fn seed_of(case: &str) -> u64 {
    names::mix(0, case)
}

/// A digest of bytes in hexadecimal digits, the same on every machine. It tells apart what differs by accident.
pub fn digest_of(bytes: &[u8]) -> String {
    format!("{:016x}", names::digest(bytes))
}

/// A time in milliseconds.
fn ms_of(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The id of a new run on this endpoint: a random one, except where the service ends with the run.
pub fn new_run_id(endpoint: &Endpoint) -> RunId {
    match endpoint.is_in_process() {
        true => RunId::default(),
        // The keys of a hasher come from the operating system.
        false => RunId::new(RandomState::new().hash_one(SystemTime::now())),
    }
}

/// The options of a run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Everything that the run creates is tagged with it.
    pub run_id: RunId,
    /// What was played before the run was cut short, if it is resumed.
    pub earlier: Option<Arc<EarlierPart>>,
    /// Where requests go.
    pub endpoint: Endpoint,
    /// The region that requests are signed for.
    pub region: String,
    /// The credentials.
    pub keys: Keyring,
    /// How those of the credentials are replaced that expire.
    pub renewals: Vec<Renewal>,
    /// The lowest confidence with which a MUST decides the run.
    pub min_confidence: Confidence,
    /// The seed for ids that nobody owns.
    pub seed: u64,
    /// How many cases play at once; those that wait for the endpoint do not count.
    pub workers: usize,
    /// How many cases may be open at once, including those that wait.
    pub open_cases: usize,
    /// Whether several cases may share an instance, one after the other. With a limit on instances none do.
    pub shares_instances: bool,
    /// The most instances of the run that may exist at once.
    pub max_instances: Option<usize>,
    /// How long the run may take; the named cases are played in any case.
    pub time_limit: Option<Duration>,
    /// Whether to start no more cases after the first failure that is not known.
    pub fail_fast: bool,
    /// What is known of the endpoint.
    pub known: KnownOn,
    /// How long to wait for an endpoint that does not answer yet, before the run begins.
    pub wait: Duration,
    /// How long to wait for a state.
    pub settle_timeout: Duration,
    /// How long reads may lag behind an answer.
    pub read_lag: ReadLag,
    /// The longest time that a waiting step of a script may take by a real clock.
    pub longest_pass: Duration,
    /// Whether every exchange must be recorded; a journal needs that.
    pub record: bool,
    /// The most requests that a run may send, not counting clean-up.
    pub max_requests: usize,
    /// The least time between two requests over HTTP, clean-up included; zero for no limit.
    pub request_spacing: Duration,
    /// What instances are launched from.
    pub launch: Launch,
    /// The account that the caller must be in, if that is to be verified first.
    pub account: Option<String>,
    /// Where to send GetCallerIdentity, if not to the endpoint itself.
    pub identity: Option<Endpoint>,
    /// The most requests to spend on making one finding of overlapping calls small; with 0, it is not played again
    /// either.
    pub overlap_requests: usize,
    /// How the wire phase is played.
    pub wire: WireOptions,
}

/// How the wire phase is played.
#[derive(Debug, Clone)]
pub struct WireOptions {
    /// Where raw bytes go, if the endpoint of the run has no sockets.
    pub endpoint: Option<Endpoint>,
    /// How long an endpoint may stay silent before that is a finding.
    pub time_limit: Duration,
}

/// What instances are launched from.
#[derive(Debug, Clone)]
pub struct Launch {
    /// An image with an EBS root; looked up with DescribeImages if absent.
    pub ebs_image: Option<String>,
    /// An image with an instance-store root; looked up with DescribeImages if absent.
    pub instance_store_image: Option<String>,
    /// The instance type.
    pub instance_type: String,
    /// The subnet, if not the default one.
    pub subnet: Option<String>,
}

impl Launch {
    /// What a run has for its cases that launches from these images and has credentials of these callers.
    pub fn means(&self, has: impl Fn(Caller) -> bool, raw_socket: bool) -> Means {
        Means {
            denied: has(Caller::Denied),
            session: has(Caller::Session),
            expired: has(Caller::ExpiredSession),
            raw_socket,
            looks_up_images: self.ebs_image.is_none(),
            // A user who names an image does not want another one looked up, let alone registered.
            instance_store_image: self.instance_store_image.is_some() || self.ebs_image.is_none(),
        }
    }
}

/// The parts that all cases of a run share.
#[derive(Debug)]
struct Shared {
    options: Options,
    judge: Arc<Judge>,
    credentials: Arc<RunCredentials>,
    events: mpsc::Sender<Event>,
    interrupted: watch::Receiver<bool>,
    /// Requests sent so far.
    sent: AtomicUsize,
    /// When requests may be sent.
    pace: Arc<Pace>,
    /// Sends that failed in a row, so that we stop sending to an endpoint that is gone.
    failed_in_a_row: AtomicUsize,
    images: images::Images,
    /// What waiting, in vain or with success, has shown about the endpoint.
    waits: Waits,
    /// Instances that several cases share.
    pool: Pool,
    /// How many instances exist.
    instances: Instances,
    /// The turns of the cases.
    turns: Turns,
    /// When the run must end; set once, when it begins.
    time_limit: OnceLock<TimeLimit>,
    /// The clauses that are known to be violated, so that overlapping calls that violate them are not pursued.
    known: concurrent::KnownClauses,
    /// Whether a case has failed.
    failed: Arc<AtomicBool>,
    /// The kinds of instances that the endpoint has launched as requested; set once, before the cases that rely on it.
    proven: OnceLock<Vec<FixtureKind>>,
}

/// How many events may be queued before the run has to wait for the receiver.
const QUEUE: usize = 1024;

/// Plays a plan and passes each event to `take`, one at a time; otherwise the same as [`run`].
pub async fn run_with(
    contract: &Arc<Contract>,
    plan: Plan,
    options: Options,
    interrupted: watch::Receiver<bool>,
    mut take: impl FnMut(Event),
) -> Result<(), PreflightError> {
    let (events, mut inbox) = mpsc::channel(QUEUE);
    let runner = tokio::spawn(run(Arc::clone(contract), plan, options, events, interrupted));
    while let Some(event) = inbox.recv().await {
        take(event);
    }
    match runner.await {
        Ok(outcome) => outcome,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Plays a plan. The last event is [`Event::RunEnded`]; an error is the reason why no case was played at all.
pub async fn run(
    contract: Arc<Contract>,
    plan: Plan,
    options: Options,
    events: mpsc::Sender<Event>,
    interrupted: watch::Receiver<bool>,
) -> Result<(), PreflightError> {
    let head = head(&contract, &plan, &options);
    let shared = Arc::new(Shared::new(contract, options, events, interrupted));
    // A run that cannot begin writes nothing to the journal.
    let left = preflight::check(&shared).await?;
    let limit = TimeLimit::since(Instant::now(), shared.time_left());
    shared.time_limit.get_or_init(|| limit);
    let (slice, planned) = (plan.slice, plan.planned());
    let may_be_cut = plan.random.is_some() || plan.sizes().keys().any(|phase| phase.is_limited());
    let at_ms = shared.options.endpoint.now_ms();
    shared.emit(Event::RunStarted(RunStarted { at_ms, ..head })).await;
    sweep::begin(&shared, left).await;
    let random = plan.random.clone();
    shared.pool.expect(plan.fixtures(|case| !shared.has_played(case)));
    let found = dispatch::play_planned(&shared, plan).await;
    if let Some(random) = &random
        && !shared.is_ending()
    {
        random::explore(&shared, random, slice, planned, &found).await;
    }
    shared.pool.close(&shared).await;
    let interrupted = *shared.interrupted.borrow();
    let at_ms = shared.options.endpoint.now_ms();
    let cut_short = match () {
        () if interrupted => None,
        () if shared.has_failed_fast() => Some(EarlyEnd::FirstFailure),
        () if may_be_cut && limit.is_near() => shared.options.time_limit.map(|limit| EarlyEnd::TimeLimit {
            limit_ms: ms_of(limit),
        }),
        () => None,
    };
    shared
        .emit(Event::RunEnded(RunEnded {
            at_ms,
            interrupted,
            cut_short,
            // By a virtual clock, each case has an account of its own.
            most_instances: (!shared.options.endpoint.is_in_process()).then(|| shared.instances.peak()),
        }))
        .await;
    Ok(())
}

/// The head of the journal of a run, before it begins. The runner does not know where cases come from, who started the
/// endpoint, nor by which options.
pub fn head(contract: &Contract, plan: &Plan, options: &Options) -> RunStarted {
    RunStarted {
        schema: journal::SCHEMA,
        stopcheck: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: Some(options.run_id),
        endpoint: options.endpoint.name(),
        region: options.region.clone(),
        edition: contract.edition,
        min_confidence: options.min_confidence,
        seed: options.seed,
        cases: plan.sizes().values().sum(),
        phases: plan.sizes(),
        scenarios: Vec::new(),
        server: Vec::new(),
        partition: None,
        setup: None,
        left_out: plan.left_out,
        read_lag_ms: options.read_lag.ms(),
        at_ms: options.endpoint.now_ms(),
    }
}

impl Shared {
    fn new(
        contract: Arc<Contract>,
        options: Options,
        events: mpsc::Sender<Event>,
        interrupted: watch::Receiver<bool>,
    ) -> Shared {
        Shared {
            judge: Arc::new(Judge::new(contract, options.min_confidence).with_read_lag(options.read_lag)),
            credentials: Arc::new(RunCredentials::new(
                &options.keys,
                &options.renewals,
                options.endpoint.now_ms(),
            )),
            events,
            interrupted,
            sent: AtomicUsize::new(options.earlier.as_ref().map_or(0, |part| part.requests())),
            pace: Arc::new(Pace::of(options.request_spacing)),
            failed_in_a_row: AtomicUsize::new(0),
            images: images::Images::default(),
            waits: Waits::new(options.endpoint.is_in_process()),
            pool: Pool::new(options.shares_instances && options.max_instances.is_none()),
            instances: Instances::at_most(options.max_instances),
            turns: match options.endpoint.is_in_process() {
                true => Turns::unlimited(),
                false => Turns::of(options.workers),
            },
            time_limit: OnceLock::new(),
            known: concurrent::KnownClauses::default(),
            failed: Arc::default(),
            proven: OnceLock::new(),
            options,
        }
    }

    /// What the run has for its cases.
    fn means(&self) -> Means {
        let Options {
            endpoint,
            keys,
            launch,
            ..
        } = &self.options;
        let raw_socket = endpoint::raw_address(&endpoint.name()).is_some();
        launch.means(|caller| keys.has_caller(caller), raw_socket)
    }

    /// The time limit of what is still to be played.
    fn time_left(&self) -> Option<Duration> {
        let spent = self.options.earlier.as_ref().map(|part| part.spent());
        let limit = self.options.time_limit?;
        Some(limit.saturating_sub(spent.unwrap_or_default()))
    }

    /// Whether the case was played before the run was cut short.
    fn has_played(&self, case: &str) -> bool {
        let earlier = self.options.earlier.as_ref();
        earlier.is_some_and(|part| part.has_played(case))
    }

    /// Whether the first failure has ended the run.
    fn has_failed_fast(&self) -> bool {
        self.options.fail_fast && self.failed.load(Ordering::Relaxed)
    }

    /// The time limit. Without one until the run has begun.
    fn limit(&self) -> TimeLimit {
        self.time_limit.get().copied().unwrap_or_default()
    }

    /// Whether no more cases start, apart from the named ones.
    fn is_ending(&self) -> bool {
        *self.interrupted.borrow() || self.has_failed_fast() || self.limit().is_near()
    }

    /// Whether no exchange has to be recorded and every case can be played again in exactly the same way.
    fn is_silent(&self) -> bool {
        self.options.endpoint.is_in_process() && !self.options.record
    }

    /// Sends the events of a case, as a draft or not.
    async fn emit_all(&self, events: Vec<Event>, draft: bool) {
        for mut event in events {
            if let Event::CaseStarted(started) = &mut event {
                started.draft = draft;
            }
            self.emit(event).await;
        }
    }

    /// Sends an event. If the receiver is gone, the run is being given up and the event is dropped.
    async fn emit(&self, event: Event) {
        event_sink::send(&self.events, event).await;
    }
}
