//! Builds and sends the raw bytes of a step.
//!
//! The bytes pass the guard and count as one request. Everything else of a wire case is played as any case is.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::Request;

use super::arrange::ArrangeError;
use super::concurrent::KnownClauses;
use super::images;
use super::instances::Instances;
use super::play::Player;
use super::pool::Pool;
use super::request_sender::SendError;
use super::turns::Turns;
use super::waits::Waits;
use super::{Options, Shared};
use crate::check::{FollowUp, Observation};
use crate::endpoint::{self, RawLimits, TransportError};
use crate::journal::{Aim, Event, Exchange, Obstacle, Role, SentRecord, WireDemand};
use crate::plan::wire::{self, Dialogue, Kit, WireCase};
use crate::protocol::{self, SignError};
use crate::sign::{self, Keyring};

/// The most bytes that are read in one exchange.
const MOST_BYTES: usize = 256 << 10;

/// How long an endpoint gets to notice that a connection was dropped, before the fleet is described.
const NOTICE: Duration = Duration::from_millis(50);

/// The parts that the cases of this phase share. If the run's endpoint is in this process, requests go to another one
/// that has sockets.
pub(super) fn shared(run: &Arc<Shared>) -> Arc<Shared> {
    let Some(endpoint) = run.options.wire.endpoint.clone() else {
        return Arc::clone(run);
    };
    Arc::new(Shared {
        options: Options {
            endpoint,
            ..run.options.clone()
        },
        judge: Arc::clone(&run.judge),
        credentials: Arc::clone(&run.credentials),
        events: run.events.clone(),
        interrupted: run.interrupted.clone(),
        sent: AtomicUsize::new(run.sent.load(Ordering::Relaxed)),
        pace: Arc::clone(&run.pace),
        failed_in_a_row: AtomicUsize::new(0),
        images: images::Images::default(),
        waits: Waits::new(false),
        pool: Pool::new(run.options.shares_instances),
        instances: Instances::at_most(run.options.max_instances),
        turns: Turns::of(run.options.workers),
        time_limit: run.time_limit.clone(),
        known: KnownClauses::default(),
        failed: Arc::clone(&run.failed),
        proven: OnceLock::new(),
    })
}

/// What a step on a raw socket sends.
#[derive(Debug, Clone, Copy)]
pub(super) enum RawForm<'a> {
    /// The plain form, which the odd one is compared with.
    Plain,
    /// The form that the case is about.
    Odd(&'a WireCase),
}

impl RawForm<'_> {
    pub(super) fn aim(self) -> Aim {
        match self {
            RawForm::Plain => wire::plain_aim(),
            RawForm::Odd(case) => case.aim(),
        }
    }

    fn dialogue(self, kit: &Kit<'_>) -> Result<Dialogue, SignError> {
        match self {
            RawForm::Plain => wire::plain(kit),
            RawForm::Odd(case) => case.dialogue(kit),
        }
    }
}

impl Player<'_> {
    /// Has the step judged in which an exchange ended by the fault of the endpoint. The case ends there.
    pub(super) async fn judge_broken(
        &mut self,
        exchange: &Exchange,
        error: TransportError,
    ) -> Result<(), ArrangeError> {
        match exchange.role {
            Role::Act | Role::Look | Role::Ask | Role::Retried => {
                self.judge.record(Observation::of(exchange));
                self.conclude().await
            }
            // It was judged as it came.
            Role::Arrange => self.conclude().await,
            Role::Clean => Err(SendError::Transport(error).into()),
        }
    }

    /// Has the exchanges judged that arranged something and were not as HTTP demands.
    pub(super) async fn judge_arranging(&mut self) {
        for exchange in self.sender.take_faulty() {
            let Some(judged) = self.judge.arranged(&exchange) else {
                continue;
            };
            self.findings.extend(judged.findings.iter().cloned());
            self.mode.sink.emit(|| Event::Judged(judged)).await;
        }
    }

    /// Builds the bytes, passes them through the guard, sends them and records the result.
    pub(super) async fn exchange_bytes(
        &mut self,
        number: usize,
        form: RawForm<'_>,
    ) -> Result<FollowUp, ArrangeError> {
        let shared = self.shared;
        let address = endpoint::raw_address(&shared.options.endpoint.name()).ok_or(Obstacle::NoRawSocket)?;
        let id = self
            .launched
            .first()
            .map(|one| one.id.clone())
            .unwrap_or_default();
        shared.count_request()?;
        shared.is_reachable()?;
        shared.keep_pace(Role::Act).await?;
        let at_ms = self.sender.now_ms();
        let keys = shared.credentials.current(at_ms).await.map_err(SendError::from)?;
        let (dialogue, signed) = self.bytes_of(&id, &keys, at_ms, form).map_err(SendError::from)?;
        let pieces = dialogue.pieces.iter();
        let sent: Vec<u8> = pieces.flat_map(|piece| piece.bytes.iter().copied()).collect();
        endpoint::check_raw(&sent, &self.sender.ledger).map_err(SendError::from)?;
        let limits = RawLimits {
            bytes: MOST_BYTES,
            time: shared.options.wire.time_limit,
        };
        let conversation = match self
            .sender
            .without_turn(endpoint::converse(&address, &dialogue, limits))
            .await
        {
            Ok(conversation) => conversation,
            Err(error) => {
                shared.failed_in_a_row.fetch_add(1, Ordering::Relaxed);
                return Err(SendError::from(error).into());
            }
        };
        shared.failed_in_a_row.store(0, Ordering::Relaxed);
        let captured = protocol::capture_raw(
            &sent,
            &conversation.responses,
            &conversation.rest,
            &signed,
            &shared.credentials.secrets(),
        );
        let exchange = Exchange {
            case: self.sender.case().to_owned(),
            step: number,
            role: Role::Act,
            call: wire::call(&id),
            sent: SentRecord::Raw(captured.sent),
            answers: captured.answers,
            rest: captured.rest,
            ending: conversation.ending,
            at_ms,
            took_ms: self.sender.now_ms().saturating_sub(at_ms),
            interval: None,
        };
        let observation = Observation::of(&exchange);
        self.mode.sink.emit(|| Event::Exchanged(Box::new(exchange))).await;
        if form.aim().demand == WireDemand::Dropped {
            self.sender.pause(NOTICE).await;
        }
        Ok(self.judge.observe(observation))
    }

    /// The bytes of a step, and the signed requests whose secrets are in them.
    fn bytes_of(
        &self,
        id: &str,
        keys: &Keyring,
        now_ms: u64,
        form: RawForm<'_>,
    ) -> Result<(Dialogue, Vec<Request<Bytes>>), SignError> {
        let options = &self.shared.options;
        let target = options.endpoint.target(&options.region);
        let auth = wire::call(id).form.auth;
        let signed = RefCell::new(Vec::new());
        let sign = |request: Request<Bytes>| {
            let request = sign::sign(request, auth, keys, &options.region, "ec2", now_ms)?;
            signed.borrow_mut().push(request.clone());
            Ok(request)
        };
        let dialogue = form.dialogue(&Kit {
            id,
            target: &target,
            sign: &sign,
        })?;
        Ok((dialogue, signed.into_inner()))
    }
}
