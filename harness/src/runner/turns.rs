//! Turns: how many cases play at the same time.
//!
//! A case needs a turn to send requests. While it waits, another case has the turn, so a waiting case holds up none that
//! could play. By a virtual clock waiting takes no time, and every case may play at once.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The turns of a run.
#[derive(Debug, Clone)]
pub(super) struct Turns(Option<Arc<Semaphore>>);

/// The turn of one case; ends when the last clone is dropped.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    turns: Turns,
    held: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

impl Turns {
    /// Turns for so many cases at once.
    pub(super) fn of(cases: usize) -> Self {
        Turns(Some(Arc::new(Semaphore::new(cases.max(1)))))
    }

    /// Turns for all.
    pub(super) fn unlimited() -> Self {
        Turns(None)
    }

    /// Waits for a turn.
    pub(super) async fn take(&self) -> Turn {
        Turn {
            turns: self.clone(),
            held: Arc::new(Mutex::new(self.permit().await)),
        }
    }

    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(self.0.as_ref()?).acquire_owned().await;
        Some(permit.expect("the semaphore is never closed"))
    }
}

impl Turn {
    /// Gives the turn away while `wait` lasts, and then waits for the next one.
    pub(super) async fn without<T>(&self, wait: impl Future<Output = T>) -> T {
        if self.turns.0.is_none() {
            return wait.await;
        }
        self.keep(None);
        let result = wait.await;
        let is_missing = self.held.lock().unwrap_or_else(PoisonError::into_inner).is_none();
        // Of several tasks of a case, the first to go on takes the turn for all.
        if is_missing && let Some(permit) = self.turns.permit().await {
            self.keep(Some(permit));
        }
        result
    }

    fn keep(&self, permit: Option<OwnedSemaphorePermit>) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = permit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_waiting_case_gives_its_turn_to_another_and_gets_one_again() {
        let turns = Turns::of(1);
        let first = turns.take().await;
        let other = turns.clone();
        // Would wait for ever if the turn were not given away.
        first.without(async move { drop(other.take().await) }).await;
        assert!(first.held.lock().expect("no panic").is_some());
        let second = tokio::spawn(async move { turns.take().await });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        second.await.expect("a turn is free again");
    }

    #[tokio::test]
    async fn unlimited_turns_are_never_waited_for() {
        let turns = Turns::unlimited();
        let (one, _other) = (turns.take().await, turns.take().await);
        assert_eq!(one.without(async { 7 }).await, 7);
    }
}
