//! Options that a launch was accepted with and that the instance does not have: what the arranger sees is reported to the
//! judge.

use std::sync::{Arc, Mutex, PoisonError};

use super::arrange::Arranger;
use super::play::Player;
use crate::journal::{Event, Excerpt, LaunchDeviated, LaunchProperty};

/// The options that the launches of a case left out, and that are not judged yet. Clones share the list.
#[derive(Debug, Clone, Default)]
pub(super) struct Deviations(Arc<Mutex<Vec<LaunchDeviated>>>);

impl Deviations {
    fn add(&self, deviated: LaunchDeviated) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(deviated);
    }

    fn take(&self) -> Vec<LaunchDeviated> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Arranger {
    /// Reports that an instance is described without an option that its launch was accepted with.
    pub(super) fn deviates(&self, id: &str, property: LaunchProperty, described: Option<&str>) {
        self.deviations.add(LaunchDeviated {
            case: self.case.clone(),
            step: self.step,
            id: id.to_owned(),
            property,
            described: described.map(Excerpt::word),
        });
    }
}

impl Player<'_> {
    /// Has the options judged that launches have left out since the last time.
    pub(super) async fn judge_launches(&mut self) {
        for deviated in self.deviations.take() {
            let judged = self.judge.launched_otherwise(&deviated);
            self.findings.extend(judged.findings.iter().cloned());
            self.mode.sink.emit(|| Event::LaunchDeviated(deviated)).await;
            self.mode.sink.emit(|| Event::Judged(judged)).await;
        }
    }
}
