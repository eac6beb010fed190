//! The second half of the proof: behaviour that genuine EC2 may show is not reported as a failure.
//!
//! Faults prove that the checks can fail; variations prove that they do not fail without cause. Each variation of the
//! reference is played alone through the same phases as the faults, and all variations that can be combined are played
//! together as well. No clause may fail and no case may end in an error; warnings, and cases that cannot be decided or
//! played, are accepted. A variation must change at least one answer, since it would prove nothing otherwise.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use super::matrix;
use super::trial::{self, Effort, Stage, Trial};
use crate::contract::Edition;
use crate::embedded;
use crate::reference::{Variation, Variations};

/// The name of all variations together.
pub const ALL: &str = "all";

/// What to play: one variation, or all that can be combined, in one edition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Varied {
    name: &'static str,
    variations: Variations,
    pub(super) edition: Edition,
}

/// A variation and its results in one edition.
#[derive(Debug, Clone, Serialize)]
pub struct VariedRow {
    /// Its name.
    pub variation: &'static str,
    /// The edition.
    pub edition: Edition,
    /// The findings of each phase; no failures if all is well.
    pub trials: Vec<Trial>,
    /// Whether at least one answer differs from the unmodified reference.
    pub differs: bool,
}

impl VariedRow {
    /// Whether no clause failed and no case ended in an error.
    pub fn is_tolerated(&self) -> bool {
        self.trials
            .iter()
            .all(|trial| trial.failed.is_empty() && trial.error.is_none() && trial.cases > 0)
    }
}

/// The trials of these variations: each in every edition that has the feature, and with `together` all of them at once.
pub(super) fn rows_of(variations: &[Variation], together: bool) -> Vec<Varied> {
    let mut rows = Vec::new();
    for edition in [Edition::Current, Edition::October2017] {
        let is_known = |it: &&Variation| edition == Edition::Current || !it.is_newer_than_2017();
        rows.extend(variations.iter().filter(is_known).map(|variation| Varied {
            name: variation.name(),
            variations: (*variation).into(),
            edition,
        }));
        rows.extend(together.then(|| Varied {
            name: ALL,
            variations: Variations::compatible(),
            edition,
        }));
    }
    rows
}

/// Plays one variation through the phases.
pub(super) fn row(stage: &Stage, varied: Varied, effort: Effort) -> io::Result<VariedRow> {
    let differs = Arc::new(AtomicBool::new(false));
    let mut trials = Vec::new();
    for phase in matrix::PHASES {
        let endpoint = embedded::varied_endpoint(varied.edition, varied.variations, Arc::clone(&differs));
        trials.push(trial::play(stage, endpoint, phase, effort)?);
    }
    Ok(VariedRow {
        variation: varied.name,
        edition: varied.edition,
        trials,
        differs: differs.load(Ordering::Relaxed),
    })
}
