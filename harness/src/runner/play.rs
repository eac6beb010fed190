//! Plays one case: arranges fixtures, plays the steps, describes the instances once more, cleans up.
//!
//! A step sends what it is about, a call or raw bytes, and then carries out what the judge still needs. Clean-up is
//! attempted however the case ends.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::arrange::{ArrangeError, Arranger, Launched};
use super::event_sink::EventSink;
use super::instances::{self, Permits};
use super::launches::Deviations;
use super::names::{CaseNames, is_no_id_of_anybody};
use super::pool;
use super::request_sender::{RequestSender, SendError};
use super::turns::Turn;
use super::waits::Waiting;
use super::wire::RawForm;
use crate::call::Call;
use crate::check::{CaseJudge, FollowUp, Saving, When};
use crate::contract::{Act, CallTemplate, Contract, FixtureKind, SameAs, Scenario, State, Step};
use crate::journal::{
    CaseEnded, CaseStarted, Event, Finding, FixtureReady, Intent, Noted, Obstacle, Outcome, Phase, Role,
    StepStarted,
};
use crate::model::ReadLag;
use crate::plan;
use crate::plan::wire::WireCase;
use crate::verdict::Verdict;

/// How long, by a virtual clock, until all or nearly all changes of state are complete.
const REST: Duration = Duration::from_secs(4);
/// What a step waits for that waits until all changes of state are complete.
const AT_REST: &str = "at rest";

/// A case to play.
#[derive(Debug, Clone, Copy)]
pub(super) enum CaseToPlay<'a> {
    /// Its steps are calls.
    Calls(&'a Scenario),
    /// Its steps are raw bytes: those of the plain form, then its own.
    Bytes(&'a WireCase),
}

/// How a case is played.
#[derive(Debug, Clone)]
pub(super) struct PlayMode {
    /// Where its events go.
    pub(super) sink: EventSink,
    /// Its index among the cases of the run.
    pub(super) index: usize,
    /// The phase it belongs to.
    pub(super) phase: Phase,
    /// What is saved if the case is only part of a search. A finding is then only a lead, and the case is played again
    /// without saving before anything is reported.
    pub(super) saving: Saving,
    /// The turn of the case.
    pub(super) turn: Turn,
    /// Whether the case may get instances that another case has used.
    pub(super) may_reuse: bool,
    /// Whether the instances are described once more behind the last step.
    pub(super) final_look: bool,
}

/// The result of a case.
#[derive(Debug)]
pub(super) struct PlayedCase {
    pub(super) outcome: Outcome,
    pub(super) findings: Vec<Finding>,
    /// Steps judged.
    pub(super) steps: usize,
    /// Requests sent, including those that arrange and clean up.
    pub(super) requests: usize,
    /// Whether another case had used one of the instances.
    pub(super) has_reused: bool,
}

/// Plays a case and emits its events.
pub(super) async fn play(shared: &Arc<Shared>, case: CaseToPlay<'_>, mode: PlayMode) -> PlayedCase {
    let sink = mode.sink.clone();
    sink.emit(|| Event::CaseStarted(case.started(shared.judge.contract(), &mode)))
        .await;
    let mut player = Player {
        shared,
        case,
        sender: RequestSender::new(shared, case.name(), sink.clone(), mode.turn.clone()),
        judge: CaseJudge::new(Arc::clone(&shared.judge), case.name())
            .with_read_lag(shared.lag_for(mode.saving))
            .saving(mode.saving),
        names: CaseNames::new(shared.options.seed, case.name()),
        launched: Vec::new(),
        permits: None,
        findings: Vec::new(),
        deviations: Deviations::default(),
        steps: 0,
        has_reused: false,
        mode,
    };
    let ended = match player.play().await {
        Err(ArrangeError::Failed(SendError::Broken(exchange, error))) => {
            player.judge_broken(&exchange, error).await
        }
        ended => ended,
    };
    player.judge_launches().await;
    player.judge_arranging().await;
    let has_ended_well = ended.is_ok();
    let worst = player.findings.iter().map(|finding| finding.verdict).max();
    let outcome = match ended {
        Ok(()) => Outcome::Judged {
            verdict: worst.unwrap_or(Verdict::Pass),
        },
        Err(ArrangeError::Unsupported(obstacle)) => Outcome::Unsupported { obstacle },
        Err(ArrangeError::Failed(error)) => Outcome::Error {
            what: error.to_string(),
        },
    };
    // A service that was made for this case alone ends with it, so its clean-up matters only where events are recorded.
    if !player.sender.is_unobserved() {
        player.clean(has_ended_well).await;
    }
    sink.emit(|| {
        Event::CaseEnded(CaseEnded {
            case: case.name().to_owned(),
            outcome: outcome.clone(),
        })
    })
    .await;
    PlayedCase {
        outcome,
        findings: player.findings,
        steps: player.steps,
        requests: player.sender.sent(),
        has_reused: player.has_reused,
    }
}

impl<'a> CaseToPlay<'a> {
    pub(super) fn name(self) -> &'a str {
        match self {
            CaseToPlay::Calls(case) => &case.name,
            CaseToPlay::Bytes(case) => case.name,
        }
    }

    fn started(self, contract: &Contract, mode: &PlayMode) -> CaseStarted {
        let (purpose, clauses, scenario) = match self {
            CaseToPlay::Calls(case) => (
                case.purpose.clone(),
                case.clauses.clone(),
                Some(Box::new(case.clone())),
            ),
            CaseToPlay::Bytes(case) => {
                let mut clauses: Vec<_> = case.clauses(contract).map(|clause| clause.id.clone()).collect();
                clauses.sort_unstable();
                (case.purpose.to_owned(), clauses, None)
            }
        };
        CaseStarted {
            case: self.name().to_owned(),
            index: mode.index,
            phase: mode.phase,
            draft: false,
            purpose,
            clauses,
            scenario,
        }
    }

    fn fixtures(self) -> Vec<(String, FixtureKind)> {
        match self {
            CaseToPlay::Calls(case) => case.fixtures.clone(),
            CaseToPlay::Bytes(_) => vec![("target".to_owned(), FixtureKind::default())],
        }
    }

    /// How many instances it may launch.
    fn most_instances(self) -> usize {
        match self {
            CaseToPlay::Calls(case) => instances::needed_by(case),
            CaseToPlay::Bytes(_) => 1,
        }
    }

    /// The calls of its steps.
    fn calls(self) -> impl Iterator<Item = &'a CallTemplate> {
        let steps = match self {
            CaseToPlay::Calls(case) => case.steps.as_slice(),
            CaseToPlay::Bytes(_) => &[],
        };
        steps.iter().flat_map(|step| step.act.calls())
    }
}

impl Shared {
    /// How long reads may lag in a case that is played in this mode. In a search by a real clock the first description
    /// may decide, since the case is played again before it counts, unless descriptions were seen to be stale.
    fn lag_for(&self, saving: Saving) -> ReadLag {
        if saving == Saving::Time && !self.waits.reads_lag() {
            ReadLag::NONE
        } else {
            self.options.read_lag
        }
    }

    /// What a search saves at this endpoint: by a virtual clock, waiting costs nothing.
    pub(super) fn saving(&self) -> Saving {
        match self.options.endpoint.is_in_process() {
            true => Saving::Requests,
            false => Saving::Time,
        }
    }
}

/// Plays one case.
pub(super) struct Player<'a> {
    pub(super) shared: &'a Arc<Shared>,
    case: CaseToPlay<'a>,
    pub(super) sender: RequestSender,
    pub(super) judge: CaseJudge,
    names: CaseNames,
    pub(super) launched: Vec<Launched>,
    /// The permits for its instances, if these are limited.
    permits: Option<Permits>,
    pub(super) findings: Vec<Finding>,
    /// Options that launches left out, and that are not judged yet.
    pub(super) deviations: Deviations,
    steps: usize,
    has_reused: bool,
    pub(super) mode: PlayMode,
}

/// What a step sends or waits for.
enum StepAction<'a> {
    Act(&'a Act),
    Bytes(RawForm<'a>),
}

impl Player<'_> {
    /// Plays the steps. An error is the reason why the case ended before its last step.
    async fn play(&mut self) -> Result<(), ArrangeError> {
        self.can_be_played()?;
        let may_launch = self.shared.instances.take(
            self.shared,
            self.case.most_instances(),
            self.mode.phase.is_limited(),
        );
        self.permits = self.sender.without_turn(may_launch).await?;
        self.arrange().await?;
        match self.case {
            CaseToPlay::Calls(case) => {
                for (number, step) in (1..).zip(&case.steps) {
                    // A script is long, and each part of it can be judged.
                    let is_script = matches!(self.mode.phase, Phase::Random | Phase::Concurrent);
                    if is_script && self.shared.limit().is_up() {
                        return Ok(());
                    }
                    self.step(self.started(number, step), StepAction::Act(&step.act))
                        .await?;
                }
                // The final description: what no step meant to change must be unchanged.
                if self.mode.final_look && !self.launched.is_empty() && !self.judge.is_up_to_date() {
                    let look = Step::from(Act::Observe);
                    let started = self.started(case.steps.len() + 1, &look);
                    self.step(started, StepAction::Act(&look.act)).await?;
                }
            }
            CaseToPlay::Bytes(case) => {
                for (number, form) in (1..).zip([RawForm::Plain, RawForm::Odd(case)]) {
                    let started = StepStarted {
                        case: case.name.to_owned(),
                        step: number,
                        intent: Intent::Wire(form.aim()),
                        witness: Vec::new(),
                        control: false,
                        label: None,
                        same_as: None,
                    };
                    self.step(started, StepAction::Bytes(form)).await?;
                }
            }
        }
        Ok(())
    }

    /// Whether the run has the credentials and images that the case needs, and the endpoint the sockets.
    fn can_be_played(&self) -> Result<(), ArrangeError> {
        let means = self.shared.means();
        let lack = match self.case {
            CaseToPlay::Calls(case) => means.obstacle(case),
            CaseToPlay::Bytes(_) => (!means.raw_socket).then_some(Obstacle::NoRawSocket),
        };
        lack.map_or(Ok(()), |obstacle| Err(obstacle.into()))
    }

    /// Arranges all fixtures. Those in a transient state come last, one by one, so that they are still in it.
    async fn arrange(&mut self) -> Result<(), ArrangeError> {
        let fixtures = self.case.fixtures();
        let (moving, steady): (Vec<_>, Vec<_>) =
            fixtures.into_iter().partition(|(_, kind)| match kind.state {
                State::Running | State::Stopped | State::Terminated | State::Gone => false,
                State::Pending | State::Restarting | State::Stopping | State::ShuttingDown => true,
            });
        self.arrange_together(&steady).await?;
        for wish in moving {
            self.arrange_together(&[wish]).await?;
        }
        Ok(())
    }

    async fn arrange_together(&mut self, wishes: &[(String, FixtureKind)]) -> Result<(), ArrangeError> {
        // Named cases try again what another case could not arrange.
        if self.mode.may_reuse
            && let Some(obstacle) = wishes
                .iter()
                .find_map(|(_, kind)| self.shared.pool.lack_of(*kind))
        {
            return Err(obstacle.into());
        }
        let arranger = self.arranger(0);
        let before = self.launched.len();
        for (name, kind) in wishes {
            let zone = self.launched.first().and_then(|one| one.zone.as_deref());
            let pool = &self.shared.pool;
            let used = match self.mode.may_reuse {
                true => pool.take_used(*kind, zone),
                false => None,
            };
            self.has_reused |= used.is_some();
            let ready = match used {
                Some(used) => Some(used),
                None => pool.take_fresh(&arranger, *kind, zone).await?,
            };
            let launched = match ready {
                Some(ready) => ready,
                None => arranger.launch(name, *kind, zone).await?,
            };
            self.sender.ledger.own(&launched.id);
            if let Some(request) = &launched.spot_request {
                self.sender.ledger.own(request);
            }
            self.launched.push(launched);
        }
        let brought = arranger.bring_all(self.launched.split_off(before)).await;
        let mut results = Vec::new();
        for (launched, result) in brought {
            self.shared.pool.learn(launched.kind, &result);
            self.launched.push(launched);
            results.push(result);
        }
        self.judge_launches().await;
        results.into_iter().collect::<Result<(), _>>()?;
        let ready: Vec<(String, Launched)> = wishes
            .iter()
            .map(|(name, _)| name.clone())
            .zip(self.launched.iter().skip(before).cloned())
            .collect();
        for (name, launched) in ready {
            self.introduce(name, launched.kind, launched).await?;
        }
        Ok(())
    }

    /// Makes the name of an instance known to the steps, the judge and the journal.
    async fn introduce(
        &mut self,
        name: String,
        kind: FixtureKind,
        launched: Launched,
    ) -> Result<(), ArrangeError> {
        if launched.spot_request.is_none() && self.speaks_of(&format!("{{{name}.spot}}")) {
            return Err(Obstacle::NoSpotRequest.into());
        }
        self.names
            .add(&name, &launched.id, launched.spot_request.as_deref());
        let arranged_by = match launched.is_shared && self.sender.listens() {
            true => {
                let launch = self.arranger(0).launch_alone(&name, &launched).await?;
                pool::calls_for(launch, &launched)
            }
            false => Vec::new(),
        };
        let ready = FixtureReady {
            arranged_by,
            case: self.case.name().to_owned(),
            name,
            id: launched.id,
            kind,
            spot_request: launched.spot_request,
            at_ms: self.sender.now_ms(),
        };
        self.judge.fixture(&ready);
        self.mode.sink.emit(|| Event::FixtureReady(ready)).await;
        Ok(())
    }

    /// Launches one more instance in the middle of a case.
    async fn launch(&mut self, number: usize, name: &str, kind: FixtureKind) -> Result<(), ArrangeError> {
        let arranger = self.arranger(number);
        let zone = self.launched.first().and_then(|one| one.zone.as_deref());
        let kind = FixtureKind {
            state: State::Running,
            ..kind
        };
        let mut launched = arranger.launch(name, kind, zone).await?;
        self.launched.push(launched.clone());
        arranger.receive(&mut launched).await?;
        self.judge_launches().await;
        if let Some(last) = self.launched.last_mut() {
            last.clone_from(&launched);
        }
        let kind = FixtureKind {
            state: launched.state,
            ..kind
        };
        self.introduce(name.to_owned(), kind, launched).await
    }

    /// How long a step lasts that wants this many milliseconds. A virtual clock is moved on; a case that a person wrote
    /// gets all the time it wants; scripts, which want a lot, do not wait by a real clock longer than the run allows.
    fn passing(&self, ms: u32) -> u32 {
        let by_script = matches!(self.mode.phase, Phase::Random | Phase::Replay);
        if !by_script || self.shared.options.endpoint.is_in_process() {
            return ms;
        }
        let most = self.shared.options.longest_pass.as_millis();
        ms.min(u32::try_from(most).unwrap_or(u32::MAX))
    }

    pub(super) fn arranger(&self, step: usize) -> Arranger {
        Arranger {
            shared: Arc::clone(self.shared),
            sender: self.sender.clone(),
            case: self.case.name().to_owned(),
            step,
            is_limited: self.mode.phase.is_limited(),
            deviations: Deviations::clone(&self.deviations),
            trusting: self.mode.saving != Saving::Nothing || self.shared.options.endpoint.is_in_process(),
        }
    }

    /// Whether a call of the case has a parameter with this value.
    fn speaks_of(&self, text: &str) -> bool {
        let mut params = self.case.calls().flat_map(|call| &call.params);
        params.any(|(_, value)| value == text)
    }

    fn started(&self, number: usize, step: &Step) -> StepStarted {
        let intent = match &step.act {
            Act::Call(_) => Intent::Call,
            Act::Overlap(_) => Intent::Overlap,
            Act::Pages(..) => Intent::Pages,
            Act::Settle(names, state) => Intent::Settle {
                ids: names
                    .iter()
                    .filter_map(|name| self.names.id(name))
                    .map(str::to_owned)
                    .collect(),
                state: state.wire_name().unwrap_or_default().to_owned(),
            },
            Act::Observe => Intent::Observe,
            Act::Launch(name, _) => Intent::Launch { name: name.clone() },
            Act::Pass(ms) => Intent::Pass {
                ms: self.passing(*ms),
            },
            Act::Rest => Intent::Rest,
        };
        StepStarted {
            case: self.case.name().to_owned(),
            step: number,
            intent,
            witness: step.witness.clone(),
            control: step.control,
            label: step.label.clone(),
            same_as: step.same_as.as_ref().map(|same_as| self.by_id(same_as)),
        }
    }

    async fn step(&mut self, started: StepStarted, action: StepAction<'_>) -> Result<(), ArrangeError> {
        let number = started.step;
        self.mode.sink.emit(|| Event::StepStarted(started.clone())).await;
        let awaited = match &started.intent {
            Intent::Settle { state, .. } => Some(state.clone()),
            _ => None,
        };
        let first = self.judge.begin(started);
        let next = match action {
            StepAction::Act(Act::Call(template)) => self.call(number, template).await?,
            StepAction::Act(Act::Overlap(callers)) => self.overlap(number, callers).await?,
            StepAction::Act(Act::Pages(template, most)) => self.pages(number, template, *most).await?,
            StepAction::Act(Act::Launch(name, kind)) => {
                self.launch(number, name, *kind).await?;
                first
            }
            StepAction::Act(Act::Pass(ms)) => {
                let ms = u64::from(self.passing(*ms));
                self.sender.pause(Duration::from_millis(ms)).await;
                first
            }
            StepAction::Act(Act::Rest) => {
                if self.shared.options.endpoint.is_in_process() {
                    // Moving a virtual clock costs nothing, and each description does.
                    self.sender.pause(REST).await;
                }
                first
            }
            StepAction::Act(Act::Settle(..) | Act::Observe) => first,
            StepAction::Bytes(form) => self.exchange_bytes(number, form).await?,
        };
        let awaited = awaited.as_deref().unwrap_or(AT_REST);
        let waiting = self.follow_up(number, next, awaited).await?;
        let concluded = self.conclude().await;
        drop(waiting);
        concluded
    }

    /// Sends a call, and sends it again as long as the judge asks for that and it is worth it.
    async fn call(&mut self, number: usize, template: &CallTemplate) -> Result<FollowUp, SendError> {
        let call = Arc::new(self.fill(template));
        let (judge, waits) = (&mut self.judge, &self.shared.waits);
        self.sender
            .ask_while(number, Role::Act, &call, |answered, after_ms| {
                match judge.observe(answered.observed(&call)) {
                    FollowUp::SendAgain { retry, .. } if waits.is_worth_retrying(retry, after_ms) => {
                        ControlFlow::Continue(())
                    }
                    FollowUp::SendAgain { otherwise, .. } => ControlFlow::Break(*otherwise),
                    next => ControlFlow::Break(next),
                }
            })
            .await
    }

    /// Describes instances as long as the judge asks for that and it is worth the time. `awaited` is the state that the
    /// step waits for. The result, if any, is held until the step is judged: other cases wait for what it shows.
    async fn follow_up(
        &mut self,
        number: usize,
        mut next: FollowUp,
        awaited: &str,
    ) -> Result<Option<Waiting>, SendError> {
        let (options, waits) = (&self.shared.options, &self.shared.waits);
        let begun_ms = self.sender.now_ms();
        let mut wait = waits.first_pause(awaited, options.first_wait());
        let mut pauses = 0;
        let mut was_unsettled = false;
        let mut waiting = None;
        while let FollowUp::Describe { ids, when } = next {
            if when != When::Now && self.mode.phase.is_limited() && self.shared.limit().is_up() {
                return Ok(waiting);
            }
            let pause = match when {
                When::Now => None,
                When::Unsettled => {
                    was_unsettled = true;
                    let waited_ms = self.sender.now_ms().saturating_sub(begun_ms);
                    let timeout_ms = options.settle_timeout_ms();
                    if waited_ms >= timeout_ms {
                        waits.timed_out(awaited);
                    }
                    if waited_ms >= waits.longest_ms(awaited, timeout_ms) {
                        return Ok(waiting);
                    }
                    Some(wait)
                }
                When::Unconfirmed => Some(wait),
                When::Stale(clauses) => {
                    if waiting.is_none() {
                        waiting = self.sender.without_turn(waits.begin(&clauses)).await;
                    }
                    if !waits.is_worth_waiting(&clauses) {
                        return Ok(waiting);
                    }
                    Some(options.stale_wait(pauses))
                }
            };
            if let Some(pause) = pause {
                self.sender.pause(pause).await;
                pauses += 1;
                wait = options.next_wait(wait);
            }
            let call = Arc::new(Arranger::describe_call(ids.iter().map(|id| &**id)));
            let answered = self.sender.ask(number, Role::Look, &call).await?;
            next = self.judge.observe(answered.observed(&call));
        }
        if was_unsettled {
            waits.arrived(awaited, self.sender.now_ms().saturating_sub(begun_ms));
        }
        Ok(waiting)
    }

    /// Has the step judged, and ends the case if the endpoint lacks what it needs.
    pub(super) async fn conclude(&mut self) -> Result<(), ArrangeError> {
        let Some(result) = self.judge.conclude() else {
            return Ok(());
        };
        self.shared.waits.learn(&result);
        self.steps += 1;
        self.findings.extend(result.judged.findings.iter().cloned());
        self.mode.sink.emit(|| Event::Judged(result.judged)).await;
        result.obstacle.map_or(Ok(()), |obstacle| Err(obstacle.into()))
    }

    /// The same relation with ids in the place of names.
    fn by_id(&self, same_as: &SameAs) -> SameAs {
        let id = |name: &String| self.names.id(name).unwrap_or_default().to_owned();
        SameAs {
            instances: same_as
                .instances
                .iter()
                .map(|(here, there)| (id(here), id(there)))
                .collect(),
            ..same_as.clone()
        }
    }

    /// Fills in a template. Ids in it that nobody can own are registered with the guard.
    pub(super) fn fill(&self, template: &CallTemplate) -> Call {
        let call = plan::fill(template, &self.names);
        if self.sender.is_unobserved() {
            // Nothing leaves this process, so there is nothing to guard.
            return call;
        }
        for ((_, value), (_, filled)) in template.params.iter().zip(&call.params) {
            let decoys = ["{unknown", "{long"];
            let is_decoy = decoys.iter().any(|name| value.contains(name));
            if is_decoy || is_no_id_of_anybody(filled) {
                self.sender.ledger.decoy(filled);
            }
        }
        call
    }

    async fn clean(&mut self, has_ended_well: bool) {
        let case = self.case.name();
        let changes_attributes =
            |call: &CallTemplate| call.action.as_deref() == Some("ModifyInstanceAttribute");
        let protected = self.case.calls().any(changes_attributes);
        if self.shared.pool.is_used() {
            let mut launched = std::mem::take(&mut self.launched);
            for one in &mut launched {
                one.kind.stop_protected |= protected;
            }
            let judge = &self.judge;
            let is_as_it_was = |one: &Launched| has_ended_well && !protected && judge.is_as_it_was(&one.id);
            let pool = &self.shared.pool;
            return pool
                .take_back(self.shared, &self.sender, launched, is_as_it_was)
                .await;
        }
        let left = self.arranger(0).remove(&self.launched, protected).await;
        // A service that is fresh for each case has no instances of an earlier one.
        if !self.shared.options.endpoint.is_in_process() {
            let launched = std::mem::take(&mut self.launched).into_iter().map(|one| one.id);
            let terminated = launched.filter(|id| !left.contains(id)).collect();
            let instances = &self.shared.instances;
            instances.take_back(self.permits.take(), terminated, left.len());
        }
        for id in left {
            let noted = || Noted {
                case: case.to_owned(),
                text: format!(
                    "{id} could not be removed; it has the tag stopcheck={}",
                    self.shared.options.run_id
                ),
            };
            self.mode.sink.emit(|| Event::Noted(noted())).await;
        }
    }
}
