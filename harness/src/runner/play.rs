//! One case: arrange, play the steps, look once more, clean up. Whatever happens, the clean-up is tried.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Shared;
use super::arrange::{ArrangeError, Arranger, Launched, next_wait};
use super::courier::{Courier, SendError};
use super::names::CaseNames;
use crate::call::{Auth, Call};
use crate::check::CaseJudge;
use crate::contract::{Act, CallTemplate, FixtureKind, Scenario, State, Step};
use crate::journal::{
    CaseEnded, CaseStarted, Event, Exchanged, FixtureReady, Intent, Noted, Role, StepStarted,
};
use crate::plan;
use crate::protocol::Reply;
use crate::verdict::{Outcome, Verdict};

/// So many descriptions that never came to fit mean that waiting does not help with this endpoint.
const LOST_OFTEN: usize = 3;
/// How long is then waited, in milliseconds.
const LITTLE_MS: u64 = 2_000;

/// Plays a case and tells its events.
pub(super) async fn play(shared: &Arc<Shared>, index: usize, case: &Scenario) {
    shared
        .tell(Event::CaseStarted(CaseStarted {
            case: case.name.clone(),
            index,
            purpose: case.purpose.clone(),
            clauses: case.clauses.clone(),
        }))
        .await;
    let mut player = Player {
        shared,
        case,
        courier: Courier::new(shared, &case.name),
        judge: CaseJudge::new(Arc::clone(&shared.judge), &case.name),
        names: CaseNames::new(shared.options.seed, &case.name),
        launched: Vec::new(),
        worst: Verdict::Pass,
    };
    let outcome = match player.play().await {
        Ok(()) => Outcome::Judged {
            verdict: player.worst,
        },
        Err(Ending::Unsupported(reason)) => Outcome::Unsupported { reason },
        Err(Ending::Failed(error)) => Outcome::Error {
            what: error.to_string(),
        },
    };
    player.clean().await;
    shared
        .tell(Event::CaseEnded(CaseEnded {
            case: case.name.clone(),
            outcome,
        }))
        .await;
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
    courier: Courier,
    judge: CaseJudge,
    names: CaseNames,
    launched: Vec<Launched>,
    worst: Verdict,
}

impl Player<'_> {
    async fn play(&mut self) -> Result<(), Ending> {
        self.has_credentials()?;
        self.arrange().await?;
        for (at, step) in self.case.steps.iter().enumerate() {
            self.step(at + 1, step).await?;
        }
        // The last look: whatever no step meant to change is as it was.
        if !self.launched.is_empty() {
            let look = Step {
                act: Act::Observe,
                witness: Vec::new(),
                control: false,
            };
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

    /// Arranges all fixtures. Those that move on by themselves come last, one by one, so that they are still there.
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
        let arranger = self.arranger();
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
                kind: launched.kind,
                spot_request: launched.spot_request,
            };
            self.judge.fixture(&ready);
            self.shared.tell(Event::FixtureReady(ready)).await;
        }
        Ok(())
    }

    fn arranger(&self) -> Arranger {
        Arranger {
            shared: Arc::clone(self.shared),
            courier: self.courier.clone(),
            case: self.case.name.clone(),
        }
    }

    /// Whether a step of the case holds this text.
    fn speaks_of(&self, text: &str) -> bool {
        self.case.steps.iter().any(|step| match &step.act {
            Act::Call(call) | Act::Together(call, _) => call.params.iter().any(|(_, value)| value == text),
            Act::Settle(..) | Act::Observe => false,
        })
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
        };
        let started = StepStarted {
            case: self.case.name.clone(),
            step: number,
            intent: intent.clone(),
            witness: step.witness.clone(),
            control: step.control,
        };
        self.shared.tell(Event::StepStarted(started.clone())).await;
        let exchanges = match &step.act {
            Act::Call(template) => self.call(number, template).await?,
            Act::Together(template, times) => self.together(number, template, *times).await?,
            Act::Settle(..) => self.settle(number, &intent).await?,
            Act::Observe => self.observe(number).await?,
        };
        let judged = self.judge.judge(&started, &exchanges);
        self.worst = judged
            .findings
            .iter()
            .map(|finding| finding.verdict)
            .fold(self.worst, Verdict::max);
        self.shared.tell(Event::Judged(judged)).await;
        match self.judge.blocked() {
            None => Ok(()),
            Some(reason) => Err(Ending::Unsupported(reason.to_owned())),
        }
    }

    async fn call(&self, number: usize, template: &CallTemplate) -> Result<Vec<Exchanged>, Ending> {
        let call = self.fill(template);
        let (exchanged, reply) = self.courier.ask(number, Role::Act, &call).await?;
        let mut exchanges = vec![exchanged];
        if self.judge.wants_proof(&call, &reply) && !self.launched.is_empty() {
            exchanges.push(self.look(number).await?.0);
        }
        Ok(exchanges)
    }

    async fn together(
        &self,
        number: usize,
        template: &CallTemplate,
        times: u8,
    ) -> Result<Vec<Exchanged>, Ending> {
        let call = self.fill(template);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..times {
            let (courier, call) = (self.courier.clone(), call.clone());
            tasks.spawn(async move { courier.ask(number, Role::Act, &call).await });
        }
        let mut exchanges = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok(outcome) => exchanges.push(outcome?.0),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        Ok(exchanges)
    }

    /// Describes the fleet until the fixtures are in the state, cannot come there any more, or time is up.
    async fn settle(&self, number: usize, intent: &Intent) -> Result<Vec<Exchanged>, Ending> {
        let Intent::Settle { ids, state } = intent else {
            return Ok(Vec::new());
        };
        let hopeless = !ids.iter().any(|id| self.judge.may_reach(id, state));
        if hopeless {
            return self.observe(number).await;
        }
        let settled = |reply: &Reply| {
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
        self.look_until(number, self.shared.options.settle_timeout, settled)
            .await
    }

    /// Describes the fleet until it fits what is believed of it, or descriptions had their time to lag.
    async fn observe(&self, number: usize) -> Result<Vec<Exchanged>, Ending> {
        self.look_until(number, self.shared.options.visibility_timeout, |reply| {
            self.judge.fits(reply)
        })
        .await
    }

    async fn look_until(
        &self,
        number: usize,
        most: Duration,
        enough: impl Fn(&Reply) -> bool,
    ) -> Result<Vec<Exchanged>, Ending> {
        let most_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        let visible_ms = self.patience_ms();
        let begun = self.courier.now_ms();
        let mut wait = self.shared.options.first_wait();
        let mut exchanges = Vec::new();
        loop {
            let (exchanged, reply) = self.look(number).await?;
            exchanges.push(exchanged);
            let waited = self.courier.now_ms().saturating_sub(begun);
            // What shows the impossible will not show the wished state either, once it had its time to lag.
            let lost = waited >= visible_ms && !self.judge.fits(&reply);
            if lost {
                self.shared.lost.fetch_add(1, Ordering::Relaxed);
            }
            if enough(&reply) || waited >= most_ms || lost {
                return Ok(exchanges);
            }
            self.courier.pause(wait).await;
            wait = next_wait(wait);
        }
    }

    /// How long descriptions may lag. Where they were given all that time and never came to fit, again and again, the
    /// rest of the run is not spent on waiting for them.
    fn patience_ms(&self) -> u64 {
        let all = u64::try_from(self.shared.options.visibility_timeout.as_millis()).unwrap_or(u64::MAX);
        if self.shared.lost.load(Ordering::Relaxed) < LOST_OFTEN {
            all
        } else {
            all.min(LITTLE_MS)
        }
    }

    async fn look(&self, number: usize) -> Result<(Exchanged, Reply), SendError> {
        let ids = self.launched.iter().map(|one| one.id.as_str());
        self.courier
            .ask(number, Role::Look, &Arranger::describe_call(ids))
            .await
    }

    /// The call of a template. Ids in it that nobody can own are made known to the guard.
    fn fill(&self, template: &CallTemplate) -> Call {
        let call = plan::fill(template, &self.names);
        for ((_, value), (_, filled)) in template.params.iter().zip(&call.params) {
            let decoys = ["{unknown", "{short"];
            let is_decoy = decoys.iter().any(|name| value.contains(name));
            if is_decoy || is_no_id_of_anybody(filled) {
                self.shared.ledger.decoy(filled);
            }
        }
        call
    }

    async fn clean(&self) {
        let arranger = self.arranger();
        let protected = self.case.steps.iter().any(|step| match &step.act {
            Act::Call(call) | Act::Together(call, _) => {
                call.action.as_deref() == Some("ModifyInstanceAttribute")
            }
            Act::Settle(..) | Act::Observe => false,
        });
        for id in arranger.remove(&self.launched, protected).await {
            let text = format!(
                "{id} could not be removed; it carries the tag stopcheck={}/…",
                self.case.name
            );
            self.shared
                .tell(Event::Noted(Noted {
                    case: self.case.name.clone(),
                    text,
                }))
                .await;
        }
    }
}

/// Ids of a length that the service never gave out. What holds anything but letters and digits may hold another id.
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
