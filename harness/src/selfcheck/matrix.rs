//! The kill matrix: plays each fault through the phases.

use std::collections::BTreeSet;
use std::io;

use serde::Serialize;

use super::emulator;
use super::fault::Fault;
use super::trial::{self, Effort, Stage, Trial};
use crate::journal::Phase;
use crate::reference::XmlLayout;

/// The phases that each fault is played through.
pub(super) const PHASES: [Phase; 3] = [Phase::Scenarios, Phase::Coverage, Phase::Random];

/// The factor by which more scripts are played if no other phase found the fault.
const PERSISTENCE: u64 = 16;

/// The factor by which more cases of overlapping calls are played for a fault that only they show.
const OVERLAPS: u64 = 2;

/// A fault and the results of its trials.
#[derive(Debug, Clone, Serialize)]
pub struct MatrixRow {
    /// The name of the fault.
    pub fault: &'static str,
    /// The clauses it violates, including those that only warn.
    pub violates: Vec<&'static str>,
    /// The findings of each phase.
    pub trials: Vec<Trial>,
    /// Whether it shows only when calls overlap.
    pub is_concurrent: bool,
}

/// Plays one fault through the phases. All named cases are played; coverage stops at the first failure.
pub(super) fn row(stage: &Stage, fault: &Fault, effort: Effort) -> io::Result<MatrixRow> {
    let mut row = MatrixRow {
        fault: fault.name,
        violates: fault.violates().collect(),
        trials: Vec::new(),
        is_concurrent: fault.is_concurrent,
    };
    if fault.is_concurrent {
        let endpoint = emulator::lasting_endpoint(fault.edition, fault.hook);
        let effort = Effort {
            overlaps: effort.overlaps.saturating_mul(OVERLAPS),
            ..effort
        };
        let trial = trial::play_until(stage, endpoint, effort, &row.violates)?;
        row.trials.push(trial);
        return Ok(row);
    }
    for phase in PHASES {
        let endpoint = emulator::endpoint(fault.edition, XmlLayout::default(), fault.hook);
        // Scripts come last. A fault that neither the named cases nor coverage found gets as many scripts as an
        // unattended search would play.
        let hides = phase == Phase::Random && !row.is_killed();
        let effort = Effort {
            scripts: effort.scripts.saturating_mul(if hides { PERSISTENCE } else { 1 }),
            until_found: effort.until_found || phase == Phase::Coverage,
            ..effort
        };
        row.trials.push(trial::play(stage, endpoint, phase, effort)?);
    }
    Ok(row)
}

impl MatrixRow {
    /// Whether a phase found the fault: a clause that it violates failed or warned.
    pub fn is_killed(&self) -> bool {
        self.trials.iter().any(|trial| self.is_killed_in(trial))
    }

    /// Whether this phase found the fault.
    pub fn is_killed_in(&self, trial: &Trial) -> bool {
        self.violates
            .iter()
            .any(|clause| trial.failed.contains_key(*clause) || trial.warned.contains(*clause))
    }

    /// Clauses that failed in addition to those that the fault violates.
    pub fn collateral(&self) -> BTreeSet<&str> {
        let failed = self.trials.iter().flat_map(|trial| trial.failed.keys());
        failed
            .map(String::as_str)
            .filter(|clause| !self.violates.contains(clause))
            .collect()
    }
}
