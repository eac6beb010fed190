//! How many instances of a run exist at once, and the limit on them.
//!
//! A case takes a permit for each instance that it may launch before it launches the first, and takes all of them at
//! once, so that no two cases wait for each other. A permit is free again when its instance is described as terminated
//! or is unknown; the case that waits for permits describes those that are on their way there, with one call for all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::Shared;
use super::arrange::{ArrangeError, Arranger, is_in, success};
use super::event_sink::EventSink;
use super::request_sender::{AnsweredCall, RequestSender, SendError};
use crate::contract::{Act, Scenario, State};
use crate::journal::{Obstacle, Role};
use crate::protocol;

/// How long a case that waits for permits waits between two descriptions of the instances that are being terminated.
const INTERVAL: Duration = Duration::from_secs(3);

/// The code of the answer to a call that names an instance that is unknown.
const UNKNOWN: &str = "InvalidInstanceID.NotFound";

/// The name under which instances are described that are being terminated.
const WATCH: &str = "clean-up";

/// The instances of a run.
#[derive(Debug, Default)]
pub(super) struct Instances {
    /// The most that may exist at once.
    most: Option<usize>,
    count: Arc<Mutex<Count>>,
    freed: Arc<Notify>,
    /// Held by the case that waits for permits; the others wait behind it, in order.
    first_in_line: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Count {
    /// How many exist, and the most that did.
    existing: usize,
    peak: usize,
    /// Permits that are taken, by a case or by an instance that is being terminated.
    taken: usize,
    /// Those that are being terminated.
    leaving: Vec<String>,
}

/// The permits of a case. Those that it still has are free again when this is dropped.
#[derive(Debug)]
pub(super) struct Permits {
    held: usize,
    count: Arc<Mutex<Count>>,
    freed: Arc<Notify>,
}

impl Drop for Permits {
    fn drop(&mut self) {
        let mut count = locked(&self.count);
        count.taken = count.taken.saturating_sub(self.held);
        drop(count);
        self.freed.notify_one();
    }
}

impl Instances {
    /// At most so many, or any number.
    pub(super) fn at_most(most: Option<usize>) -> Self {
        Instances {
            most,
            ..Instances::default()
        }
    }

    /// The most that existed at once.
    pub(super) fn peak(&self) -> usize {
        self.count().peak
    }

    /// Counts instances that were launched.
    pub(super) fn add(&self, launched: usize) {
        let mut count = self.count();
        count.existing += launched;
        count.peak = count.peak.max(count.existing);
    }

    /// Counts instances whose termination was accepted. Without a limit nobody watches what becomes of them.
    pub(super) fn remove(&self, terminated: usize) {
        let mut count = self.count();
        count.existing = count.existing.saturating_sub(terminated);
    }

    /// Takes so many permits, or waits until they are free.
    pub(super) async fn take(
        &self,
        shared: &Arc<Shared>,
        needed: usize,
        is_limited: bool,
    ) -> Result<Option<Permits>, ArrangeError> {
        let Some(most) = self.most else {
            return Ok(None);
        };
        let obstacle = Obstacle::TooManyInstances { needed, most };
        if needed > most {
            return Err(obstacle.into());
        }
        let _first = self.first_in_line.lock().await;
        loop {
            // Before the look at what is free, so that what becomes free in between is noticed.
            let freed = self.freed.notified();
            if let Some(permits) = self.try_take(needed, most) {
                return Ok(Some(permits));
            }
            if *shared.interrupted.borrow() {
                return Err(SendError::Interrupted.into());
            }
            shared.is_reachable()?;
            if is_limited && shared.limit().is_up() {
                return Err(obstacle.into());
            }
            if tokio::time::timeout(INTERVAL, freed).await.is_err() {
                self.look(shared).await;
            }
        }
    }

    fn try_take(&self, needed: usize, most: usize) -> Option<Permits> {
        let mut count = self.count();
        (count.taken + needed <= most).then(|| {
            count.taken += needed;
            Permits {
                held: needed,
                count: Arc::clone(&self.count),
                freed: Arc::clone(&self.freed),
            }
        })
    }

    /// Takes back what a case leaves: instances whose termination was accepted, and how many were not terminated, which
    /// keep their permits for good.
    pub(super) fn take_back(&self, permits: Option<Permits>, terminated: Vec<String>, left: usize) {
        let Some(mut permits) = permits else {
            return self.remove(terminated.len());
        };
        permits.held = permits.held.saturating_sub(terminated.len() + left);
        self.count().leaving.extend(terminated);
    }

    /// Describes the instances that are being terminated, and frees the permits of those that are. One that is never
    /// described as terminated keeps its permit.
    async fn look(&self, shared: &Arc<Shared>) {
        let ids = self.count().leaving.clone();
        if ids.is_empty() {
            return;
        }
        let turn = shared.turns.take().await;
        let sender = RequestSender::new(shared, WATCH, EventSink::Live(shared.events.clone()), turn);
        for id in &ids {
            sender.ledger.own(id);
        }
        let gone = match gone_of(&sender, &ids).await {
            Some(gone) => gone,
            None => {
                // One unknown id refuses the whole call.
                let mut gone = Vec::new();
                for id in ids.chunks(1) {
                    gone.extend(gone_of(&sender, id).await.unwrap_or_default());
                }
                gone
            }
        };
        let mut count = self.count();
        count.leaving.retain(|id| !gone.contains(id));
        count.taken = count.taken.saturating_sub(gone.len());
        count.existing = count.existing.saturating_sub(gone.len());
        drop(count);
        self.freed.notify_one();
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        locked(&self.count)
    }
}

/// Those of these instances that are terminated or unknown; `None` if they could not be described.
async fn gone_of(sender: &RequestSender, ids: &[String]) -> Option<Vec<String>> {
    let call = Arranger::describe_call(ids.iter().map(String::as_str));
    let AnsweredCall { reply, .. } = sender.ask(0, Role::Clean, &call).await.ok()?;
    let Some(root) = success(&reply) else {
        let code = reply.error().and_then(|error| error.code);
        return (ids.len() == 1 && code.is_some_and(|code| code.ends_with(UNKNOWN))).then(|| ids.to_vec());
    };
    let described = protocol::instances(root);
    let exists = |id: &&String| {
        let mut same = described.iter().filter(|instance| instance.id == **id);
        same.any(|instance| !is_in(instance, State::Terminated))
    };
    Some(ids.iter().filter(|id| !exists(id)).cloned().collect())
}

fn locked(count: &Mutex<Count>) -> MutexGuard<'_, Count> {
    count.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many instances a case may launch.
pub(super) fn needed_by(case: &Scenario) -> usize {
    let launches = case
        .steps
        .iter()
        .filter(|step| matches!(step.act, Act::Launch(..)));
    case.fixtures.len() + launches.count()
}
