//! Sends every request: encodes and signs a call, passes it through the guard, sends it and records it.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Response;

use super::event_sink::EventSink;
use super::turns::Turn;
use super::{RefreshError, Shared, names, pace};
use crate::call::Call;
use crate::check::Observation;
use crate::endpoint::{self, Blocked, Endpoint, Ledger, StrayBytes, TransportError};
use crate::journal::{self, Answer, CallInterval, Ending, Event, Exchange, Role, SentRecord};
use crate::protocol::{self, EncodeError, Reply, SignError};
use crate::sign;

/// This many failed sends in a row mean that the endpoint is gone.
const GONE_AFTER: usize = 4;
/// How often a throttled call is sent again, and one that met a server error.
const RETRIES: u32 = 8;
const FAULT_RETRIES: u32 = 2;
/// After so many milliseconds of attempts, the pauses between them become longer.
const PATIENCE_MS: u64 = 30_000;

impl Shared {
    /// Counts a request against the budget of the run. Clean-up is not counted, and goes on after an interrupt.
    pub(super) fn count_request(&self) -> Result<(), SendError> {
        if *self.interrupted.borrow() {
            return Err(SendError::Interrupted);
        }
        if self.sent.fetch_add(1, Ordering::Relaxed) >= self.options.max_requests {
            return Err(SendError::Budget(self.options.max_requests));
        }
        Ok(())
    }

    /// Waits until a request may be sent. An interrupt ends the wait, except that of clean-up.
    pub(super) async fn keep_pace(&self, role: Role) -> Result<(), SendError> {
        if self.options.endpoint.is_in_process() {
            return Ok(());
        }
        if role == Role::Clean {
            self.pace.wait().await;
            return Ok(());
        }
        let mut interrupted = self.interrupted.clone();
        tokio::select! {
            Ok(_) = interrupted.wait_for(|is_set| *is_set) => Err(SendError::Interrupted),
            () = self.pace.wait() => Ok(()),
        }
    }

    /// Returns an error if so many requests failed in a row that the endpoint is gone.
    pub(super) fn is_reachable(&self) -> Result<(), SendError> {
        if self.failed_in_a_row.load(Ordering::Relaxed) >= GONE_AFTER {
            return Err(SendError::Gone);
        }
        Ok(())
    }
}

/// Sends the calls of one case.
#[derive(Debug, Clone)]
pub(super) struct RequestSender {
    shared: Arc<Shared>,
    endpoint: Endpoint,
    target: protocol::RequestTarget,
    case: String,
    sink: EventSink,
    /// What belongs to this case; its requests may touch nothing else.
    pub(super) ledger: Ledger,
    /// Requests sent so far in this case.
    count: Arc<AtomicUsize>,
    /// The exchanges that arranged something, were not as HTTP demands, and are not judged yet. Clones share the list.
    faulty: Arc<Mutex<Vec<Exchange>>>,
    turn: Turn,
    /// The caller, if its calls overlap with those of others.
    overlap: Option<Overlap>,
}

/// One of several callers.
#[derive(Debug, Clone)]
struct Overlap {
    caller: usize,
    /// Counts the beginnings and the ends of all their calls.
    ticks: Arc<AtomicU64>,
    /// The beginning of the next call, if it was announced; otherwise [`NOT_ANNOUNCED`].
    announced: Arc<AtomicU64>,
}

/// No tick.
const NOT_ANNOUNCED: u64 = u64::MAX;

/// The final answer to a call, after retries.
#[derive(Debug)]
pub(super) struct AnsweredCall {
    role: Role,
    pub(super) reply: Reply,
    /// The bytes on its connection that belong to no answer.
    rest: Vec<u8>,
    pub(super) at_ms: u64,
    answered_ms: u64,
    interval: Option<CallInterval>,
}

impl AnsweredCall {
    /// The answer with its call, as the judge receives it.
    pub(super) fn observed(self, call: &Arc<Call>) -> Observation {
        Observation {
            role: self.role,
            call: Arc::clone(call),
            replies: vec![self.reply],
            rest: self.rest,
            ending: Ending::Answered,
            at_ms: self.at_ms,
            answered_ms: self.answered_ms,
            interval: self.interval,
        }
    }
}

/// Why a call got no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error("could not {0}")]
    Transport(#[from] TransportError),
    /// The endpoint is at fault, which the judge decides if the request belongs to a step.
    #[error("could not {1}")]
    Broken(Box<Exchange>, TransportError),
    #[error("could not {0}")]
    Encode(#[from] EncodeError),
    #[error("could not {0}")]
    Sign(#[from] SignError),
    /// The request would be refused, which is not the fault of the endpoint.
    #[error("could not {0}")]
    Credentials(#[from] RefreshError),
    #[error("blocked by the safety guard: {0}")]
    Blocked(#[from] Blocked),
    #[error("the run was interrupted")]
    Interrupted,
    #[error("the endpoint stopped answering: the last {GONE_AFTER} requests failed")]
    Gone,
    #[error("the answers of one case are too large to buffer until the case ends")]
    TooMuch,
    #[error("the budget of {0} requests is used up (--max-requests)")]
    Budget(usize),
}

impl RequestSender {
    pub(super) fn new(shared: &Arc<Shared>, case: &str, sink: EventSink, turn: Turn) -> Self {
        let endpoint = shared.options.endpoint.for_case(case);
        let target = endpoint.target(&shared.options.region);
        RequestSender {
            shared: Arc::clone(shared),
            endpoint,
            target,
            case: case.to_owned(),
            sink,
            ledger: Ledger::default(),
            count: Arc::default(),
            faulty: Arc::default(),
            turn,
            overlap: None,
        }
    }

    /// A sender for one of several simultaneous calls; its events are kept until [`RequestSender::emit_events_of`].
    pub(super) fn beside(&self, all: usize) -> RequestSender {
        RequestSender {
            sink: self.sink.beside(all),
            ..self.clone()
        }
    }

    /// A sender for one of several callers; its events are kept until [`RequestSender::emit_in_order`].
    pub(super) fn overlapping(&self, all: usize, caller: usize, ticks: &Arc<AtomicU64>) -> RequestSender {
        let ticks = Arc::clone(ticks);
        RequestSender {
            overlap: Some(Overlap {
                caller,
                ticks,
                announced: Arc::new(AtomicU64::new(NOT_ANNOUNCED)),
            }),
            ..self.beside(all)
        }
    }

    /// Emits the exchanges of several callers in the order in which they began.
    pub(super) async fn emit_in_order(&self, callers: &[RequestSender]) {
        let mut events: Vec<Event> = callers.iter().flat_map(|one| one.sink.take()).collect();
        events.sort_by_key(|event| match event {
            Event::Exchanged(exchange) => exchange.interval.map(|interval| interval.began),
            _ => None,
        });
        for event in events {
            self.sink.emit(|| event).await;
        }
    }

    /// Begins the next call now, although it is sent later: callers that have announced their calls and then wait for one
    /// another overlap for certain.
    pub(super) fn announce(&self) {
        if let (Some(overlap), Some(tick)) = (&self.overlap, self.tick()) {
            overlap.announced.store(tick, Ordering::SeqCst);
        }
    }

    /// When the call begins that is about to be sent.
    fn begin(&self) -> Option<u64> {
        let announced = self
            .overlap
            .as_ref()?
            .announced
            .swap(NOT_ANNOUNCED, Ordering::SeqCst);
        Some(announced)
            .filter(|tick| *tick != NOT_ANNOUNCED)
            .or_else(|| self.tick())
    }

    /// The next tick of the overlapping calls.
    fn tick(&self) -> Option<u64> {
        let overlap = self.overlap.as_ref()?;
        Some(overlap.ticks.fetch_add(1, Ordering::SeqCst))
    }

    /// The interval of a call that began at this tick and has ended now.
    fn until_now(&self, began: Option<u64>) -> Option<CallInterval> {
        let ended = self.tick();
        let caller = self.overlap.as_ref()?.caller;
        began.map(|began| CallInterval { caller, began, ended })
    }

    /// A sender for the removal of what several cases have left. It owns nothing yet.
    pub(super) fn for_removal(&self, name: &str) -> RequestSender {
        RequestSender {
            case: name.to_owned(),
            ledger: Ledger::default(),
            sink: EventSink::Live(self.shared.events.clone()),
            ..self.clone()
        }
    }

    /// Emits the events that another sender kept.
    pub(super) async fn emit_events_of(&self, other: &RequestSender) {
        for event in other.sink.take() {
            self.sink.emit(|| event).await;
        }
    }

    /// How many requests were sent.
    pub(super) fn sent(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// The name of the case.
    pub(super) fn case(&self) -> &str {
        &self.case
    }

    /// Whether nothing of this case leaves the process, neither requests nor events: then there is nothing to guard, and
    /// nothing to clean up.
    pub(super) fn is_unobserved(&self) -> bool {
        !self.sink.listens() && self.endpoint.is_in_process()
    }

    /// Whether events of this case go anywhere.
    pub(super) fn listens(&self) -> bool {
        self.sink.listens()
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.endpoint.now_ms()
    }

    /// Lets this time pass. Over HTTP, other cases play meanwhile.
    pub(super) async fn pause(&self, span: Duration) {
        self.without_turn(self.endpoint.pause(span)).await;
    }

    /// Waits for something that needs no requests, and lets other cases play meanwhile.
    pub(super) async fn without_turn<T>(&self, wait: impl Future<Output = T>) -> T {
        self.turn.without(wait).await
    }

    /// Sends a call, repeats it while it is throttled, and returns the final answer.
    pub(super) async fn ask(&self, step: usize, role: Role, call: &Call) -> Result<AnsweredCall, SendError> {
        self.ask_while(step, role, call, |answered, _| ControlFlow::Break(answered))
            .await
    }

    /// Like [`RequestSender::ask`], but passes each answer to `decide`, and repeats the call until that breaks. What it
    /// decides about an attempt that was throttled or met a server error, which has the role `retried`, does not count.
    /// Its second argument is how many milliseconds after the first attempt this one was sent.
    pub(super) async fn ask_while<T>(
        &self,
        step: usize,
        role: Role,
        call: &Call,
        mut decide: impl FnMut(AnsweredCall, u64) -> ControlFlow<T>,
    ) -> Result<T, SendError> {
        let mut wait = Duration::from_millis(200);
        let mut attempt = 0;
        // How many answers in a row said that the call may succeed in a moment.
        let mut retries = 0;
        let mut begun_ms = None;
        loop {
            let (mut answered, exchanged) = self.once(step, role, call).await?;
            let begun_ms = *begun_ms.get_or_insert(answered.at_ms);
            let passing = passing(&answered.reply);
            match passing {
                Passing::Throttled => self.shared.pace.throttled(),
                Passing::No | Passing::Fault => self.shared.pace.passed(),
            }
            let most = match passing {
                Passing::No => 0,
                Passing::Throttled => RETRIES,
                // A fault under overlapping calls is what they are sent to see.
                Passing::Fault if self.overlap.is_some() => 0,
                Passing::Fault => FAULT_RETRIES,
            };
            let after_ms = answered.at_ms.saturating_sub(begun_ms);
            let counts = retries >= most;
            if !counts && role == Role::Act {
                answered.role = Role::Retried;
            }
            let decided = decide(answered, after_ms).break_value().filter(|_| counts);
            if let Some(mut exchanged) = exchanged {
                if decided.is_none() && role == Role::Act {
                    exchanged.role = Role::Retried;
                }
                self.sink.emit(|| Event::Exchanged(exchanged)).await;
            }
            if let Some(decided) = decided {
                return Ok(decided);
            }
            attempt += 1;
            // Workers that were throttled at the same time must not retry at the same time.
            let (seed, text) = (self.shared.options.seed, format!("{} {attempt}", self.case));
            let pause = match passing {
                Passing::Throttled => pace::backoff(retries + 1, names::fraction(seed, &text)),
                Passing::No | Passing::Fault => {
                    let pause = wait.mul_f64(names::jitter(seed, &text));
                    // What has not passed in half a minute may take minutes.
                    let longest = if after_ms < PATIENCE_MS { 5 } else { 15 };
                    wait = (wait * 2).min(Duration::from_secs(longest));
                    pause
                }
            };
            retries = match passing {
                Passing::No => 0,
                Passing::Throttled | Passing::Fault => retries + 1,
            };
            self.pause(pause).await;
        }
    }

    /// Sends a call once. Builds the record only if events are emitted.
    async fn once(
        &self,
        step: usize,
        role: Role,
        call: &Call,
    ) -> Result<(AnsweredCall, Option<Box<Exchange>>), SendError> {
        let shared = &self.shared;
        if role != Role::Clean {
            shared.count_request()?;
        }
        shared.is_reachable()?;
        if self.sink.is_full() {
            return Err(SendError::TooMuch);
        }
        shared.keep_pace(role).await?;
        self.count.fetch_add(1, Ordering::Relaxed);
        let at_ms = self.now_ms();
        let request = protocol::encode(call, &self.target)?;
        let began = self.begin();
        // No event is emitted and the endpoint vouches for the caller, so the request stays in this process: there is
        // nothing to guard, and nothing to sign.
        if !self.sink.listens()
            && let Some(caller) = shared.options.keys.honest(call.form.auth)
            && let Some(response) = self.endpoint.vouch(&request, &caller.access_key)
        {
            let interval = self.until_now(began);
            let reply = protocol::decode_own(response);
            let answered_ms = self.now_ms();
            let answered = AnsweredCall {
                role,
                reply,
                rest: Vec::new(),
                at_ms,
                answered_ms,
                interval,
            };
            return Ok((answered, None));
        }
        let keys = shared.credentials.current(at_ms).await?;
        let request = sign::sign(
            request,
            call.form.auth,
            &keys,
            &shared.options.region,
            "ec2",
            at_ms,
        )?;
        if !self.is_unobserved() {
            endpoint::check(&request, &self.ledger)?;
        }
        let outcome = self.endpoint.send(&request).await;
        let interval = self.until_now(began);
        let answered_ms = self.now_ms();
        let took_ms = answered_ms.saturating_sub(at_ms);
        let secrets = shared.credentials.secrets();
        let record = |outcome: Result<&Response<Bytes>, &TransportError>| {
            let described = outcome.map_err(TransportError::to_string);
            let rest = match outcome {
                Ok(response) => StrayBytes::beside(response),
                Err(error) => error.received(),
            };
            let rest = match rest.is_empty() {
                true => journal::Bytes::default(),
                false => protocol::capture_rest(&request, rest, &secrets),
            };
            let (request, answer) = protocol::capture(&request, described, &secrets);
            let (answers, ending) = match (answer, outcome) {
                (Err(why), Err(error)) => (Vec::new(), error.ending(why)),
                (answer, _) => (answer.into_iter().collect(), Ending::Answered),
            };
            Exchange {
                case: self.case.clone(),
                step,
                role,
                call: call.clone(),
                sent: SentRecord::Request(request),
                answers,
                rest,
                ending,
                at_ms,
                took_ms,
                interval: interval.map(|interval| CallInterval {
                    ended: interval.ended.filter(|_| outcome.is_ok()),
                    ..interval
                }),
            }
        };
        match outcome {
            Ok(response) => {
                shared.failed_in_a_row.store(0, Ordering::Relaxed);
                let answered = |reply, rest| AnsweredCall {
                    role,
                    reply,
                    rest,
                    at_ms,
                    answered_ms: at_ms.saturating_add(took_ms),
                    interval,
                };
                if !self.sink.listens() {
                    // Nothing of the answer is emitted, so no secret can leak.
                    let rest = StrayBytes::beside(&response).to_vec();
                    return Ok((answered(protocol::decode(response), rest), None));
                }
                let exchanged = record(Ok(&response));
                self.remember_faulty(&exchanged);
                let reply = exchanged.answers.first().map(read);
                let reply = reply.expect("the answer was recorded");
                let rest = protocol::recorded_bytes(&exchanged.rest).unwrap_or_default();
                Ok((answered(reply, rest), Some(Box::new(exchanged))))
            }
            Err(error) => {
                let failed = record(Err(&error));
                match failed.ending {
                    // An endpoint that sends something is not gone.
                    Ending::Broken { .. } => shared.failed_in_a_row.store(0, Ordering::Relaxed),
                    _ => _ = shared.failed_in_a_row.fetch_add(1, Ordering::Relaxed),
                }
                self.remember_faulty(&failed);
                self.sink
                    .emit(|| Event::Exchanged(Box::new(failed.clone())))
                    .await;
                // Several calls at once have to be answered, as one has.
                let is_overdue = self.overlap.is_some() && matches!(error, TransportError::TimedOut { .. });
                if matches!(failed.ending, Ending::Failed { .. }) && !is_overdue {
                    Err(error.into())
                } else {
                    Err(SendError::Broken(Box::new(failed), error))
                }
            }
        }
    }

    /// Keeps an exchange that arranged something and was not as HTTP demands.
    fn remember_faulty(&self, exchange: &Exchange) {
        let has_rest = exchange.rest != journal::Bytes::default();
        let is_whole = exchange.ending == Ending::Answered && !has_rest;
        if exchange.role == Role::Arrange && !is_whole {
            let mut faulty = self.faulty.lock().unwrap_or_else(PoisonError::into_inner);
            faulty.push(exchange.clone());
        }
    }

    /// The exchanges that [`RequestSender::remember_faulty`] kept since the last call.
    pub(super) fn take_faulty(&self) -> Vec<Exchange> {
        std::mem::take(&mut *self.faulty.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The reply of a recorded answer. The runner reads only what was recorded, as the judge does: our secrets, if an
/// endpoint repeats them, cannot reach a reason, a note or an id.
pub(super) fn read(answer: &Answer) -> Reply {
    let response = protocol::revive(answer).expect("a response was recorded, in base64 of our own if in any");
    protocol::decode(response)
}

#[derive(Clone, Copy)]
enum Passing {
    No,
    Throttled,
    Fault,
}

/// Whether an answer says that the same call may succeed in a moment.
fn passing(reply: &Reply) -> Passing {
    if reply.status < 500 {
        return Passing::No;
    }
    match reply.error().and_then(|error| error.code).unwrap_or_default() {
        "RequestLimitExceeded" | "EC2ThrottledException" | "Throttling" => Passing::Throttled,
        "InternalError" | "InternalFailure" | "RetryableError" | "ServerInternal" | "Unavailable"
        | "ServiceUnavailable" => Passing::Fault,
        _ => Passing::No,
    }
}
