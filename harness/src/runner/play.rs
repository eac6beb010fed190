//! Plays one case: arranges fixtures, plays the steps, describes the instances once more, cleans up.
//!
//! Clean-up is attempted however the case ends.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::arrange::{ArrangeError, Arranger, Launched, next_wait};
use super::event_sink::EventSink;
use super::names::CaseNames;
use super::request_sender::{AnsweredCall, RequestSender, SendError};
use crate::call::{Auth, Call};
use crate::check::{CaseJudge, Observation, Sight};
use crate::contract::{Act, CallTemplate, ClauseId, FixtureKind, SameAs, Scenario, State, Step};
use crate::journal::{
    CaseEnded, CaseStarted, Event, Finding, FixtureReady, Intent, Noted, Phase, Role, StepStarted,
};
use crate::model::ReadLag;
use crate::plan;
use crate::protocol::Reply;
use crate::verdict::{Outcome, Verdict};

/// How long, by a virtual clock, until all or nearly all changes of state are complete.
const REST: Duration = Duration::from_secs(4);
/// The longest pause between two descriptions; the official waiters poll at this interval.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// How a case is played.
#[derive(Debug, Clone)]
pub(super) struct PlayMode {
    /// Where its events go.
    pub(super) sink: EventSink,
    /// Its index among the cases of the run.
    pub(super) index: usize,
    /// The phase it belongs to.
    pub(super) phase: Phase,
    /// Whether the case is only part of a search: the first description then decides. A finding is then only a lead,
    /// and the case is played again with full waiting times before anything is reported.
    pub(super) hasty: bool,
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
}

/// Plays a case and emits its events.
pub(super) async fn play(shared: &Arc<Shared>, case: &Scenario, manner: PlayMode) -> PlayedCase {
    let sink = manner.sink.clone();
    if sink.listens() {
        let started = CaseStarted {
            case: case.name.clone(),
            index: manner.index,
            phase: manner.phase,
            draft: false,
            purpose: case.purpose.clone(),
            clauses: case.clauses.clone(),
            scenario: Some(Box::new(case.clone())),
        };
        sink.tell(Event::CaseStarted(started)).await;
    }
    let mut player = Player {
        shared,
        case,
        sender: RequestSender::new(shared, &case.name, sink.clone()),
        judge: CaseJudge::new(Arc::clone(&shared.judge), &case.name).with_read_lag(shared.lag_for(&manner)),
        names: CaseNames::new(shared.options.seed, &case.name),
        launched: Vec::new(),
        findings: Vec::new(),
        steps: 0,
        manner,
    };
    let ended = player.play().await;
    let worst = player.findings.iter().map(|finding| finding.verdict).max();
    let outcome = match ended {
        Ok(()) => Outcome::Judged {
            verdict: worst.unwrap_or(Verdict::Pass),
        },
        Err(Ending::Unsupported(reason)) => Outcome::Unsupported { reason },
        Err(Ending::Failed(error)) => Outcome::Error {
            what: error.to_string(),
        },
    };
    // A service that was made for this case alone ends with it, so its clean-up matters only where events are recorded.
    if sink.listens() || !shared.options.endpoint.is_in_process() {
        player.clean().await;
    }
    if sink.listens() {
        let ended = CaseEnded {
            case: case.name.clone(),
            outcome: outcome.clone(),
        };
        sink.tell(Event::CaseEnded(ended)).await;
    }
    PlayedCase {
        outcome,
        findings: player.findings,
        steps: player.steps,
        requests: player.sender.sent(),
    }
}

impl Shared {
    /// How long reads may lag in a case that is played in this mode. In a search over HTTP the first description may
    /// decide, since the case is played again before it counts, unless descriptions were seen to be stale.
    fn lag_for(&self, manner: &PlayMode) -> ReadLag {
        let searches = manner.hasty && !self.options.endpoint.is_in_process();
        if searches && !self.waits.reads_lag() {
            ReadLag::NONE
        } else {
            self.options.read_lag
        }
    }
}

/// Why a case ended before its last step.
enum Ending {
    Unsupported(String),
    Failed(SendError),
}

impl From<SendError> for Ending {
    fn from(error: SendError) -> Self {
        Ending::Failed(error)
    }
}

impl From<ArrangeError> for Ending {
    fn from(error: ArrangeError) -> Self {
        match error {
            ArrangeError::Unsupported(reason) => Ending::Unsupported(reason),
            ArrangeError::Failed(error) => Ending::Failed(error),
        }
    }
}

struct Player<'a> {
    shared: &'a Arc<Shared>,
    case: &'a Scenario,
    sender: RequestSender,
    judge: CaseJudge,
    names: CaseNames,
    launched: Vec<Launched>,
    findings: Vec<Finding>,
    steps: usize,
    manner: PlayMode,
}

/// What a step sent, and what it waited for in vain.
#[derive(Default)]
struct Exchanges {
    /// Its calls, each with the final answer.
    heard: Vec<(Call, AnsweredCall)>,
    /// The clauses that descriptions showed violated until they could no longer be stale.
    in_vain: Vec<ClauseId>,
}

impl Player<'_> {
    async fn play(&mut self) -> Result<(), Ending> {
        self.has_credentials()?;
        self.arrange().await?;
        for (at, step) in self.case.steps.iter().enumerate() {
            self.step(at + 1, step).await?;
        }
        // The final description: what no step meant to change must be unchanged.
        if !self.launched.is_empty() {
            let look = Step::from(Act::Observe);
            self.step(self.case.steps.len() + 1, &look).await?;
        }
        Ok(())
    }

    fn has_credentials(&self) -> Result<(), Ending> {
        match plan::special_auth(self.case).find(|auth| !self.shared.options.keys.has(*auth)) {
            None => Ok(()),
            Some(auth) => Err(Ending::Unsupported(missing_credentials(auth))),
        }
    }

    /// Arranges all fixtures. Those in a transient state come last, one by one, so that they are still in it.
    async fn arrange(&mut self) -> Result<(), Ending> {
        let (moving, steady): (Vec<_>, Vec<_>) =
            self.case
                .fixtures
                .iter()
                .cloned()
                .partition(|(_, kind)| match kind.state {
                    State::Running | State::Stopped | State::Terminated | State::Gone => false,
                    State::Pending | State::Restarting | State::Stopping | State::ShuttingDown => true,
                });
        self.arrange_together(&steady).await?;
        for wish in moving {
            self.arrange_together(&[wish]).await?;
        }
        Ok(())
    }

    async fn arrange_together(&mut self, wishes: &[(String, FixtureKind)]) -> Result<(), Ending> {
        let arranger = self.arranger(0);
        let before = self.launched.len();
        for (name, kind) in wishes {
            let zone = self.launched.first().and_then(|one| one.zone.as_deref());
            let launched = arranger.launch(name, *kind, zone).await?;
            self.launched.push(launched);
        }
        let brought = arranger.bring_all(self.launched.split_off(before)).await;
        let mut results = Vec::new();
        for (launched, result) in brought {
            self.launched.push(launched);
            results.push(result);
        }
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
    async fn introduce(&mut self, name: String, kind: FixtureKind, launched: Launched) -> Result<(), Ending> {
        if launched.spot_request.is_none() && self.speaks_of(&format!("{{{name}.spot}}")) {
            let reason = "the endpoint describes a Spot Instance without its spotInstanceRequestId";
            return Err(Ending::Unsupported(reason.to_owned()));
        }
        self.names
            .add(&name, &launched.id, launched.spot_request.as_deref());
        let ready = FixtureReady {
            case: self.case.name.clone(),
            name,
            id: launched.id,
            kind,
            spot_request: launched.spot_request,
            at_ms: self.sender.now_ms(),
        };
        self.judge.fixture(&ready);
        if self.manner.sink.listens() {
            self.manner.sink.tell(Event::FixtureReady(ready)).await;
        }
        Ok(())
    }

    /// Launches one more instance in the middle of a case.
    async fn launch(&mut self, number: usize, name: &str, kind: FixtureKind) -> Result<Exchanges, Ending> {
        let arranger = self.arranger(number);
        let zone = self.launched.first().and_then(|one| one.zone.as_deref());
        let kind = FixtureKind {
            state: State::Running,
            ..kind
        };
        let mut launched = arranger.launch(name, kind, zone).await?;
        self.launched.push(launched.clone());
        arranger.receive(&mut launched).await?;
        if let Some(last) = self.launched.last_mut() {
            last.clone_from(&launched);
        }
        let kind = FixtureKind {
            state: launched.state,
            ..kind
        };
        self.introduce(name.to_owned(), kind, launched).await?;
        Ok(Exchanges::default())
    }

    /// How long a step lasts that wants this many milliseconds. A virtual clock is moved on; a case that a person wrote
    /// gets all the time it wants; scripts, which want a lot, do not wait by a real clock longer than the run allows.
    fn passing(&self, ms: u32) -> u32 {
        let by_script = matches!(self.manner.phase, Phase::Random | Phase::Replay);
        if !by_script || self.shared.options.endpoint.is_in_process() {
            return ms;
        }
        let most = self.shared.options.longest_pass.as_millis();
        ms.min(u32::try_from(most).unwrap_or(u32::MAX))
    }

    /// Lets time pass.
    async fn pass(&self, ms: u32) -> Exchanges {
        self.sender.pause(Duration::from_millis(u64::from(ms))).await;
        Exchanges::default()
    }

    /// Describes the fleet until no instance in it is in transition, or time is up.
    async fn rest(&self, number: usize) -> Result<Exchanges, Ending> {
        if self.shared.options.endpoint.is_in_process() {
            // Moving a virtual clock costs nothing, and each description does.
            self.sender.pause(REST).await;
        }
        // A search in this process describes only the instances in transition; its final description covers all.
        let asked = if self.searches_here() {
            self.judge.moving()
        } else {
            self.listed()
        };
        let most = self.shared.options.settle_timeout;
        self.look_until(number, asked, most, None, |call, reply| {
            self.judge.at_rest(call, reply)
        })
        .await
    }

    /// Whether the case is only part of a search, and can be played again in exactly the same way.
    fn searches_here(&self) -> bool {
        self.manner.hasty && self.shared.options.endpoint.is_in_process()
    }

    fn arranger(&self, step: usize) -> Arranger {
        Arranger {
            shared: Arc::clone(self.shared),
            sender: self.sender.clone(),
            case: self.case.name.clone(),
            step,
            trusting: self.manner.hasty || self.shared.options.endpoint.is_in_process(),
        }
    }

    /// Whether a call of the case has a parameter with this value.
    fn speaks_of(&self, text: &str) -> bool {
        let calls = self.case.steps.iter().filter_map(|step| step.act.call());
        calls
            .flat_map(|call| &call.params)
            .any(|(_, value)| value == text)
    }

    async fn step(&mut self, number: usize, step: &Step) -> Result<(), Ending> {
        let intent = match &step.act {
            Act::Call(_) => Intent::Call,
            Act::Together(..) => Intent::Together,
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
        let started = StepStarted {
            case: self.case.name.clone(),
            step: number,
            intent: intent.clone(),
            witness: step.witness.clone(),
            control: step.control,
            label: step.label.clone(),
            same_as: step.same_as.as_ref().map(|same_as| self.by_id(same_as)),
        };
        if self.manner.sink.listens() {
            self.manner.sink.tell(Event::StepStarted(started.clone())).await;
        }
        let exchanges = match &step.act {
            Act::Call(template) => self.call(number, template).await?,
            Act::Together(template, times) => self.together(number, template, *times).await?,
            Act::Settle(..) => self.settle(number, &intent).await?,
            Act::Observe => self.observe(number).await?,
            Act::Launch(name, kind) => self.launch(number, name, *kind).await?,
            Act::Pass(ms) => self.pass(self.passing(*ms)).await,
            Act::Rest => self.rest(number).await?,
        };
        let heard = exchanges.heard.iter();
        let heard: Vec<Observation<'_>> = heard.map(|(call, asked)| asked.heard(call)).collect();
        let judged = self.judge.judge(&started, &heard);
        self.learn(&exchanges.in_vain, &judged.findings);
        self.steps += 1;
        self.findings.extend(judged.findings.iter().cloned());
        if self.manner.sink.listens() {
            self.manner.sink.tell(Event::Judged(judged)).await;
        }
        match self.judge.blocked() {
            None => Ok(()),
            Some(blocked) => Err(Ending::Unsupported(self.shared.options.words.blocked(blocked))),
        }
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

    /// Remembers which clauses that were waited for turned out to be violated, so that they are not waited for again.
    /// An inconclusive finding does not count.
    fn learn(&self, in_vain: &[ClauseId], findings: &[Finding]) {
        let decided = findings
            .iter()
            .filter(|finding| finding.verdict != Verdict::Inconclusive)
            .map(|finding| &finding.clause)
            .filter(|clause| in_vain.contains(clause));
        self.shared.waits.in_vain(decided.cloned());
    }

    async fn call(&self, number: usize, template: &CallTemplate) -> Result<Exchanges, Ending> {
        let call = self.fill(template);
        let asked = self
            .sender
            .ask_while(number, Role::Act, &call, |asked, after_ms| {
                self.is_worth_retrying(&call, asked, after_ms)
            })
            .await?;
        // A search in this process skips this: if a call did what it should not, the next description shows it.
        let wants_proof =
            !self.searches_here() && !self.launched.is_empty() && self.judge.wants_proof(&call, &asked.reply);
        let mut exchanges = if wants_proof {
            let act = asked.heard(&call);
            self.look_until(number, self.listed(), Duration::ZERO, Some(&act), |_, _| true)
                .await?
        } else {
            Exchanges::default()
        };
        exchanges.heard.insert(0, (call, asked));
        Ok(exchanges)
    }

    /// Whether a call is worth sending again, this long after the first attempt.
    fn is_worth_retrying(&self, call: &Call, asked: &AnsweredCall, after_ms: u64) -> bool {
        let here = self.shared.options.endpoint.is_in_process();
        if self.manner.hasty && !here {
            return false;
        }
        let Some(retry) = self.judge.retry(call, &asked.reply, asked.at_ms) else {
            return false;
        };
        let waits = &self.shared.waits;
        if !here && !waits.is_worth_retrying(retry.reason) {
            return false;
        }
        let again = after_ms < retry.for_ms;
        if !again {
            waits.lasts(retry.reason);
        }
        again
    }

    async fn together(&self, number: usize, template: &CallTemplate, times: u8) -> Result<Exchanges, Ending> {
        let call = self.fill(template);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..times {
            let (sender, call) = (self.sender.clone(), call.clone());
            tasks.spawn(async move {
                let asked = sender.ask(number, Role::Act, &call).await?;
                Ok::<_, SendError>((call, asked))
            });
        }
        let mut exchanges = Exchanges::default();
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok(outcome) => exchanges.heard.push(outcome?),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        Ok(exchanges)
    }

    /// Describes the fleet until the fixtures are in the state or can no longer reach it, or time is up.
    async fn settle(&self, number: usize, intent: &Intent) -> Result<Exchanges, Ending> {
        let Intent::Settle { ids, state } = intent else {
            return Ok(Exchanges::default());
        };
        let hopeless = !ids.iter().any(|id| self.judge.may_reach(id, state));
        if hopeless {
            return self.observe(number).await;
        }
        let settled = |_: &Call, reply: &Reply| {
            let Some(root) = super::arrange::success(reply) else {
                return false;
            };
            let instances = crate::protocol::instances(root);
            ids.iter().filter(|id| self.judge.may_reach(id, state)).all(|id| {
                instances.iter().any(|instance| {
                    instance.id == *id
                        && instance.state.as_ref().and_then(|seen| seen.name.as_deref())
                            == Some(state.as_str())
                })
            })
        };
        let most = self.shared.options.settle_timeout;
        self.look_until(number, self.listed(), most, None, settled).await
    }

    /// Describes the fleet until the answer agrees with what the model believes, or can no longer be stale.
    async fn observe(&self, number: usize) -> Result<Exchanges, Ending> {
        self.look_until(number, self.listed(), Duration::ZERO, None, |_, _| true)
            .await
    }

    /// All instances that can be described.
    fn listed(&self) -> Vec<&str> {
        let ids = self.launched.iter().map(|one| one.id.as_str());
        ids.filter(|id| !self.judge.is_purged(id)).collect()
    }

    /// Describes instances until `reached` returns true and the answer can be judged, or time is up. `act` is the call
    /// of the step, if the description is to show what it did.
    async fn look_until(
        &self,
        number: usize,
        mut ids: Vec<&str>,
        most: Duration,
        act: Option<&Observation<'_>>,
        reached: impl Fn(&Call, &Reply) -> bool,
    ) -> Result<Exchanges, Ending> {
        let waits = &self.shared.waits;
        let most_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        let begun = self.sender.now_ms();
        let mut wait = self.shared.options.first_wait();
        let mut exchanges = Exchanges::default();
        let mut confirmed = false;
        let mut stale: Vec<ClauseId> = Vec::new();
        while !ids.is_empty() {
            let call = Arranger::describe_call(ids.iter().copied());
            let asked = self.sender.ask(number, Role::Look, &call).await?;
            let reply = &asked.reply;
            let purged = self.judge.purged(&call, reply);
            if !purged.is_empty() {
                ids.retain(|id| !purged.iter().any(|one| **one == **id));
                exchanges.heard.push((call, asked));
                continue;
            }
            let waited_ms = self.sender.now_ms().saturating_sub(begun);
            let waits_on = || !reached(&call, reply) && waited_ms < most_ms;
            let (again, longest) = match self.judge.sight(&call, reply, asked.at_ms, act) {
                Sight::Consistent => {
                    if !std::mem::take(&mut stale).is_empty() {
                        waits.was_stale();
                    }
                    (waits_on(), LONGEST_WAIT)
                }
                Sight::Unconfirmed => {
                    let again = !std::mem::replace(&mut confirmed, true) || waits_on();
                    (again, LONGEST_WAIT)
                }
                Sight::MayBeStale(clauses) => {
                    let again =
                        self.shared.options.endpoint.is_in_process() || waits.is_worth_waiting(&clauses);
                    stale = clauses;
                    // Long enough for the read lag to pass, and not much longer.
                    (again, self.shared.options.read_lag_share())
                }
                Sight::Inconsistent => {
                    exchanges.in_vain = std::mem::take(&mut stale);
                    (false, LONGEST_WAIT)
                }
            };
            exchanges.heard.push((call, asked));
            if !again {
                break;
            }
            self.sender.pause(wait.min(longest)).await;
            wait = next_wait(wait);
        }
        Ok(exchanges)
    }

    /// Fills in a template. Ids in it that nobody can own are registered with the guard.
    fn fill(&self, template: &CallTemplate) -> Call {
        let call = plan::fill(template, &self.names);
        if !self.manner.sink.listens() && self.shared.options.endpoint.is_in_process() {
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

    async fn clean(&self) {
        let arranger = self.arranger(0);
        let mut calls = self.case.steps.iter().filter_map(|step| step.act.call());
        let protected = calls.any(|call| call.action.as_deref() == Some("ModifyInstanceAttribute"));
        for id in arranger.remove(&self.launched, protected).await {
            let text = format!(
                "{id} could not be removed; it carries the tag stopcheck={}/…",
                self.case.name
            );
            let case = self.case.name.clone();
            self.manner.sink.tell(Event::Noted(Noted { case, text })).await;
        }
    }
}

/// Whether an id has a length that the service never issued. A text with other characters than letters and digits may
/// contain another id.
fn is_no_id_of_anybody(value: &str) -> bool {
    value.strip_prefix("i-").is_some_and(|digits| {
        !matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

fn missing_credentials(auth: Auth) -> String {
    let what = match auth {
        Auth::Denied => {
            "no credentials of a caller that may describe but not stop (STOPCHECK_DENIED_ACCESS_KEY_ID, \
             STOPCHECK_DENIED_SECRET_ACCESS_KEY)"
        }
        Auth::Session => {
            "no temporary credentials (AWS_SESSION_TOKEN, or STOPCHECK_SESSION_ACCESS_KEY_ID, \
             …_SECRET_ACCESS_KEY, …_SESSION_TOKEN)"
        }
        Auth::ExpiredSession => {
            "no expired temporary credentials (STOPCHECK_EXPIRED_ACCESS_KEY_ID, …_SECRET_ACCESS_KEY, \
             …_SESSION_TOKEN)"
        }
        Auth::Header
        | Auth::Query
        | Auth::Unsigned
        | Auth::WrongSignature
        | Auth::UnknownKey
        | Auth::Stale
        | Auth::Garbage => "no credentials",
    };
    format!("the run has {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_a_length_that_was_never_given_out_is_nobodys_unless_another_is_in_it() {
        for (text, nobodys) in [
            ("i-ffffff", true),
            ("i-0123abcd", false),
            ("i-0123abcd0", true),
            ("i-0cfb1e75e74229968", false),
            ("i-0cfb1e75e742299680", true),
            ("i-0cfb1e75e74229968 ", false),
            ("i-1,i-0cfb1e75e74229968", false),
            ("ma1", false),
        ] {
            assert_eq!(is_no_id_of_anybody(text), nobodys, "{text}");
        }
    }
}
