//! Plays one case of the wire phase: arranges an instance, plays the plain form and then the case on raw sockets, each
//! followed by a description of the fleet, and cleans up.
//!
//! Everything but the raw bytes goes through the request sender. The raw bytes pass the guard too, and count as one
//! request.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::Request;

use super::arrange::{self, ArrangeError, Arranger, Launched, next_wait};
use super::event_sink::EventSink;
use super::request_sender::{AnsweredCall, RequestSender, SendError};
use super::waits::Waits;
use super::{Options, Shared};
use crate::call::Call;
use crate::check::{CaseJudge, Observation};
use crate::contract::FixtureKind;
use crate::endpoint::{self, RawLimits};
use crate::journal::{
    Aim, CaseEnded, CaseStarted, Event, FixtureReady, Intent, Noted, Phase, Role, StepStarted, WireDemand,
    Wired,
};
use crate::plan::wire::{self, Dialogue, Kit, WireCase};
use crate::protocol::{self, SignError};
use crate::sign;
use crate::verdict::{Outcome, Verdict};

/// The most bytes that are read in one exchange.
const MOST_BYTES: usize = 256 << 10;

/// How long an endpoint gets to notice that a connection was dropped, before the fleet is described.
const NOTICE: Duration = Duration::from_millis(50);

/// How many descriptions are sent until a pipelined stop shows.
const LOOKS: usize = 6;

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
        secrets: Arc::clone(&run.secrets),
        events: run.events.clone(),
        interrupted: run.interrupted.clone(),
        sent: AtomicUsize::new(run.sent.load(Ordering::Relaxed)),
        failed_in_a_row: AtomicUsize::new(0),
        images: arrange::Images::default(),
        waits: Waits::default(),
        proven: OnceLock::new(),
    })
}

/// Plays a case and emits its events.
pub(super) async fn play(shared: &Arc<Shared>, index: usize, case: &WireCase) {
    let contract = shared.judge.contract();
    let mut clauses: Vec<_> = case
        .checks()
        .iter()
        .flat_map(|check| contract.clauses_of(*check))
        .map(|clause| clause.id.clone())
        .collect();
    clauses.sort_unstable();
    shared
        .tell(Event::CaseStarted(CaseStarted {
            case: case.name.to_owned(),
            index,
            phase: Phase::Wire,
            draft: false,
            purpose: case.purpose.to_owned(),
            clauses,
            scenario: None,
        }))
        .await;
    let mut player = Player {
        shared,
        case,
        sender: RequestSender::new(shared, case.name, EventSink::Live(shared.events.clone())),
        judge: CaseJudge::new(Arc::clone(&shared.judge), case.name),
        launched: Vec::new(),
        worst: Verdict::Pass,
    };
    let outcome = match player.play().await {
        Ok(()) => Outcome::Judged {
            verdict: player.worst,
        },
        Err(ArrangeError::Unsupported(reason)) => Outcome::Unsupported { reason },
        Err(ArrangeError::Failed(error)) => Outcome::Error {
            what: error.to_string(),
        },
    };
    player.clean().await;
    shared
        .tell(Event::CaseEnded(CaseEnded {
            case: case.name.to_owned(),
            outcome,
        }))
        .await;
}

struct Player<'a> {
    shared: &'a Arc<Shared>,
    case: &'a WireCase,
    sender: RequestSender,
    judge: CaseJudge,
    launched: Vec<Launched>,
    worst: Verdict,
}

impl Player<'_> {
    async fn play(&mut self) -> Result<(), ArrangeError> {
        let name = self.shared.options.endpoint.name();
        let address = endpoint::raw_address(&name).map_err(ArrangeError::Unsupported)?;
        let id = self.arrange().await?;
        self.step(1, &address, &id, wire::plain_aim(), wire::plain)
            .await?;
        let case = *self.case;
        self.step(2, &address, &id, case.aim(), move |kit| case.dialogue(kit))
            .await
    }

    /// Launches the instance of the case.
    async fn arrange(&mut self) -> Result<String, ArrangeError> {
        let arranger = self.arranger();
        let kind = FixtureKind::default();
        let name = "target".to_owned();
        self.launched.push(arranger.launch(&name, kind, None).await?);
        let mut result = Ok(());
        for (launched, brought) in arranger.bring_all(std::mem::take(&mut self.launched)).await {
            self.launched.push(launched);
            result = result.and(brought);
        }
        result?;
        let id = self
            .launched
            .first()
            .map(|one| one.id.clone())
            .unwrap_or_default();
        let ready = FixtureReady {
            case: self.case.name.to_owned(),
            name,
            id: id.clone(),
            kind,
            spot_request: None,
            at_ms: self.sender.now_ms(),
        };
        self.judge.fixture(&ready);
        self.shared.tell(Event::FixtureReady(ready)).await;
        Ok(id)
    }

    async fn step(
        &mut self,
        number: usize,
        address: &str,
        id: &str,
        aim: Aim,
        build: impl Fn(&Kit<'_>) -> Result<Dialogue, SignError>,
    ) -> Result<(), ArrangeError> {
        let demand = aim.demand;
        let stops = aim.roots.iter().any(|root| root == "StopInstancesResponse");
        let started = StepStarted {
            case: self.case.name.to_owned(),
            step: number,
            intent: Intent::Wire(aim),
            witness: Vec::new(),
            control: false,
            label: None,
            same_as: None,
        };
        self.shared.tell(Event::StepStarted(started.clone())).await;
        let wired = self.exchange(number, address, id, build).await?;
        if demand == WireDemand::Dropped {
            self.sender.pause(NOTICE).await;
        }
        let looks = self.look(number, id, stops).await?;
        let heard: Vec<Observation<'_>> = looks.iter().map(|(call, asked)| asked.heard(call)).collect();
        let judged = self.judge.judge_wire(&started, &[wired], &heard);
        self.worst = judged
            .findings
            .iter()
            .map(|finding| finding.verdict)
            .fold(self.worst, Verdict::max);
        self.shared.tell(Event::Judged(judged)).await;
        Ok(())
    }

    /// Builds the bytes, passes them through the guard, sends them and records the result.
    async fn exchange(
        &self,
        number: usize,
        address: &str,
        id: &str,
        build: impl Fn(&Kit<'_>) -> Result<Dialogue, SignError>,
    ) -> Result<Wired, ArrangeError> {
        let shared = self.shared;
        self.may_send()?;
        let at_ms = self.sender.now_ms();
        let (dialogue, signed) = self.made(id, at_ms, build).map_err(SendError::from)?;
        let sent: Vec<u8> = dialogue
            .pieces
            .iter()
            .flat_map(|piece| piece.bytes.iter().copied())
            .collect();
        endpoint::check_raw(&sent, &self.sender.ledger).map_err(SendError::from)?;
        let limits = RawLimits {
            bytes: MOST_BYTES,
            time: shared.options.wire.time_limit,
        };
        let heard = match endpoint::converse(address, &dialogue, limits).await {
            Ok(heard) => heard,
            Err(error) => {
                shared.failed_in_a_row.fetch_add(1, Ordering::Relaxed);
                return Err(SendError::from(error).into());
            }
        };
        shared.failed_in_a_row.store(0, Ordering::Relaxed);
        let captured = protocol::capture_raw(&sent, &heard.responses, &heard.rest, &signed, &shared.secrets);
        let wired = Wired {
            case: self.case.name.to_owned(),
            step: number,
            call: wire::call(id),
            sent: captured.sent,
            sent_length: sent.len(),
            answers: captured.answers,
            rest: captured.rest,
            ending: heard.ending,
            at_ms,
            took_ms: self.sender.now_ms().saturating_sub(at_ms),
        };
        shared.tell(Event::Wired(Box::new(wired.clone()))).await;
        Ok(wired)
    }

    fn may_send(&self) -> Result<(), SendError> {
        self.shared.count_request()?;
        self.shared.is_reachable()
    }

    /// The bytes of a step, and the signed requests whose secrets are in them.
    fn made(
        &self,
        id: &str,
        now_ms: u64,
        build: impl Fn(&Kit<'_>) -> Result<Dialogue, SignError>,
    ) -> Result<(Dialogue, Vec<Request<Bytes>>), SignError> {
        let options = &self.shared.options;
        let target = options.endpoint.target(&options.region);
        let auth = wire::call(id).form.auth;
        let signed = RefCell::new(Vec::new());
        let sign = |request: Request<Bytes>| {
            let request = sign::sign(request, auth, &options.keys, &options.region, "ec2", now_ms)?;
            signed.borrow_mut().push(request.clone());
            Ok(request)
        };
        let dialogue = build(&Kit {
            id,
            target: &target,
            sign: &sign,
        })?;
        Ok((dialogue, signed.into_inner()))
    }

    /// Describes the instance; if a stop was sent, repeatedly until it shows.
    async fn look(
        &self,
        number: usize,
        id: &str,
        stops: bool,
    ) -> Result<Vec<(Call, AnsweredCall)>, SendError> {
        let mut wait = self.shared.options.first_wait();
        let mut looks = Vec::new();
        loop {
            let call = Arranger::describe_call([id]);
            let asked = self.sender.ask(number, Role::Look, &call).await?;
            let runs = arrange::success(&asked.reply).is_some_and(|root| {
                protocol::instances(root).iter().any(|instance| {
                    instance.state.as_ref().and_then(|state| state.name.as_deref()) == Some("running")
                })
            });
            looks.push((call, asked));
            if !(stops && runs) || looks.len() >= LOOKS {
                return Ok(looks);
            }
            self.sender.pause(wait).await;
            wait = next_wait(wait);
        }
    }

    fn arranger(&self) -> Arranger {
        Arranger {
            shared: Arc::clone(self.shared),
            sender: self.sender.clone(),
            case: self.case.name.to_owned(),
            step: 0,
            trusting: false,
        }
    }

    async fn clean(&self) {
        let case = self.case.name;
        for id in self.arranger().remove(&self.launched, false).await {
            let text = format!("{id} could not be removed; it carries the tag stopcheck={case}/…");
            let case = case.to_owned();
            self.shared.tell(Event::Noted(Noted { case, text })).await;
        }
    }
}
