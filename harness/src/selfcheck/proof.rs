//! The complete proof: the unmodified reference causes no finding, every fault is found, no variation is reported as a
//! failure, every deciding clause can fail, and the removal of any row of the contract is noticed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fmt, io, thread};

use serde::Serialize;

use super::ablation::{self, Ablated};
use super::emulator;
use super::fault::Fault;
use super::matrix::{self, MatrixRow};
use super::slow::{self, SlowEffort, SlowRow, SlowRun};
use super::trial::{self, Effort, Stage, Trial};
use super::variations::{self, VariedRow};
use crate::contract::{self, Edition};
use crate::journal::Phase;
use crate::model::ReadLag;
use crate::reference::{Variation, Variations, XmlLayout};

/// The results of all parts of the proof.
#[derive(Debug, Clone, Serialize)]
pub struct Proof {
    /// The unmodified reference in both editions and both layouts.
    pub baseline: Vec<Baseline>,
    /// Each fault.
    pub matrix: Vec<MatrixRow>,
    /// Each variation in each edition.
    pub variations: Vec<VariedRow>,
    /// Deciding clauses that no fault makes fail.
    pub vacuous: Vec<String>,
    /// The number of deciding clauses.
    pub deciding: usize,
    /// Each row of the contract that was removed or inverted.
    pub ablation: Vec<Ablated>,
}

/// The unmodified reference, played through the phases.
#[derive(Debug, Clone, Serialize)]
pub struct Baseline {
    /// The edition.
    pub edition: Edition,
    /// Whether its answers are indented.
    pub indented: bool,
    /// The findings of each phase; none if all is well.
    pub trials: Vec<Trial>,
}

impl Baseline {
    /// Whether nothing was found and every case could be played.
    pub fn is_innocent(&self) -> bool {
        self.trials.iter().all(|trial| {
            trial.failed.is_empty() && trial.warned.is_empty() && trial.trouble.is_none() && trial.cases > 0
        })
    }
}

impl Proof {
    /// Faults that no phase found.
    pub fn survivors(&self) -> impl Iterator<Item = &MatrixRow> {
        self.matrix.iter().filter(|row| !row.is_killed())
    }

    /// Variations that were reported as failures, or that changed no answer in any edition.
    pub fn misjudged(&self) -> impl Iterator<Item = &VariedRow> {
        let is_seen = |row: &VariedRow| {
            let same = |other: &&VariedRow| other.variation == row.variation;
            self.variations.iter().filter(same).any(|other| other.differs)
        };
        self.variations
            .iter()
            .filter(move |row| !row.is_tolerated() || !is_seen(row))
    }

    /// Rows of the contract whose removal was not noticed.
    pub fn unnoticed(&self) -> impl Iterator<Item = &Ablated> {
        self.ablation
            .iter()
            .filter(|cut| cut.noticed_by.is_none() && ablation::idle(&cut.what).is_none())
    }

    /// Whether the harness found everything that it should find, and nothing else.
    pub fn holds(&self) -> bool {
        self.baseline.iter().all(Baseline::is_innocent)
            && self.survivors().next().is_none()
            && self.misjudged().next().is_none()
            && self.vacuous.is_empty()
            && self.unnoticed().next().is_none()
    }
}

/// The progress of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    /// The current part.
    pub part: ProofPart,
    /// The number of finished trials of this part.
    pub done: usize,
    /// The number of trials of this part.
    pub of: usize,
}

/// The parts of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofPart {
    /// Plays the unmodified reference.
    Baseline,
    /// Plants faults.
    Faults,
    /// Switches on variations.
    Variations,
    /// Removes rows of the contract.
    Ablation,
    /// Plays at the reference that is as slow as the real service.
    LikeAws,
}

impl fmt::Display for ProofPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProofPart::Baseline => "baseline",
            ProofPart::Faults => "faults",
            ProofPart::Variations => "variations",
            ProofPart::Ablation => "ablation",
            ProofPart::LikeAws => "like-aws",
        })
    }
}

/// The scope of a proof.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The faults to plant.
    pub faults: &'a [&'a Fault],
    /// The variations to switch on, one at a time.
    pub variations: &'a [Variation],
    /// Whether all variations are also switched on at once.
    pub together: bool,
    /// Whether the other parts of the proof are included.
    pub whole: bool,
}

/// Runs the proof for this scope, with this many trials at a time. `watch` receives the progress before the first trial
/// and after each one, from any thread.
pub fn prove(
    scope: Scope<'_>,
    effort: Effort,
    at_once: usize,
    watch: &(dyn Fn(Stand) + Sync),
) -> io::Result<Proof> {
    let Scope { faults, whole, .. } = scope;
    let at_once = AtOnce {
        count: at_once,
        watch,
    };
    let stages = Stages::read();
    let mut references: Vec<(Edition, XmlLayout)> = [Edition::Current, Edition::October2017]
        .into_iter()
        .flat_map(|edition| [(edition, XmlLayout::Compact), (edition, XmlLayout::Indented)])
        .collect();
    references.retain(|_| whole);
    let baseline = at_once.all(ProofPart::Baseline, &references, |(edition, layout)| {
        innocent(stages.of(*edition), *layout, effort)
    })?;
    let matrix = at_once.all(ProofPart::Faults, faults, |fault| {
        matrix::row(stages.of(fault.edition), fault, effort)
    })?;
    let varied = variations::rows_of(scope.variations, scope.together);
    let variations = at_once.all(ProofPart::Variations, &varied, |varied| {
        variations::row(stages.of(varied.edition), *varied, effort)
    })?;
    let cuts = if whole {
        ablation::cuts(&stages.current.contract)
    } else {
        Vec::new()
    };
    let ablation = at_once.all(ProofPart::Ablation, &cuts, |cut| ablation::ablate(cut, effort))?;
    let (deciding, mut vacuous) = vacuity(&stages, &matrix);
    // A subset of the faults proves nothing about vacuous clauses.
    vacuous.retain(|_| whole);
    Ok(Proof {
        baseline,
        matrix,
        variations,
        vacuous,
        deciding,
        ablation,
    })
}

/// Plays the named cases at the slow reference: without variations (also with the read lag of real AWS), with each of these, and with `together` with all that
/// can be combined.
pub fn prove_slowly(
    chosen: &[Variation],
    together: bool,
    effort: SlowEffort,
    at_once: usize,
    watch: &(dyn Fn(Stand) + Sync),
) -> io::Result<Vec<SlowRun>> {
    let none = SlowRow {
        name: "none",
        variations: Variations::default(),
        read_lag: ReadLag::USUAL,
    };
    let patient = SlowRow {
        name: "none (read lag 300 s)",
        read_lag: ReadLag::AWS,
        ..none
    };
    let alone = chosen.iter().map(|variation| SlowRow {
        name: variation.name(),
        variations: (*variation).into(),
        ..none
    });
    let all = together.then(|| SlowRow {
        name: variations::ALL,
        variations: Variations::compatible(),
        ..none
    });
    let rows: Vec<SlowRow> = [none, patient].into_iter().chain(alone).chain(all).collect();
    let contract = Arc::new(contract::embedded(Edition::Current));
    let at_once = AtOnce {
        count: at_once,
        watch,
    };
    at_once.all(ProofPart::LikeAws, &rows, |row| {
        slow::play_slowly(&contract, *row, effort)
    })
}

/// The stages of the two editions.
struct Stages {
    current: Stage,
    october_2017: Stage,
}

impl Stages {
    fn read() -> Self {
        Stages {
            current: Stage::new(contract::embedded(Edition::Current)),
            october_2017: Stage::new(contract::embedded(Edition::October2017)),
        }
    }

    fn of(&self, edition: Edition) -> &Stage {
        match edition {
            Edition::Current => &self.current,
            Edition::October2017 => &self.october_2017,
        }
    }
}

fn innocent(stage: &Stage, layout: XmlLayout, effort: Effort) -> io::Result<Baseline> {
    let mut trials = Vec::new();
    for phase in matrix::PHASES.into_iter().chain([Phase::Concurrent]) {
        let pristine = emulator::pristine(stage.contract.edition, layout);
        // Scripts without findings are cheap, so there are many.
        let effort = Effort {
            scripts: effort.scripts.saturating_mul(10),
            ..effort
        };
        trials.push(trial::play(stage, pristine, phase, effort)?);
    }
    Ok(Baseline {
        edition: stage.contract.edition,
        indented: layout == XmlLayout::Indented,
        trials,
    })
}

/// The number of clauses that are deciding in one of the editions, and those of them that no fault made fail.
fn vacuity(stages: &Stages, matrix: &[MatrixRow]) -> (usize, Vec<String>) {
    let failed: BTreeSet<&str> = matrix
        .iter()
        .flat_map(|row| &row.trials)
        .flat_map(|trial| trial.failed.keys())
        .map(String::as_str)
        .collect();
    let deciding: BTreeSet<&str> = [&stages.current, &stages.october_2017]
        .into_iter()
        .flat_map(|stage| &stage.contract.clauses)
        .filter(|clause| clause.decides() && clause.holds && clause.untested.is_none())
        .map(|clause| clause.id.as_str())
        .collect();
    let vacuous = deciding.difference(&failed).map(|id| (*id).to_owned());
    (deciding.len(), vacuous.collect())
}

/// Runs this many trials at a time and reports the progress.
#[derive(Clone, Copy)]
struct AtOnce<'a> {
    count: usize,
    watch: &'a (dyn Fn(Stand) + Sync),
}

impl AtOnce<'_> {
    /// Runs the job for each item, and keeps the order.
    fn all<T: Sync, R: Send>(
        self,
        part: ProofPart,
        things: &[T],
        script_action: impl Fn(&T) -> io::Result<R> + Sync,
    ) -> io::Result<Vec<R>> {
        let next = AtomicUsize::new(0);
        let over = AtomicUsize::new(0);
        let tell = |done| {
            (self.watch)(Stand {
                part,
                done,
                of: things.len(),
            });
        };
        tell(0);
        let work = || {
            let mut results = Vec::new();
            while let Some((at, thing)) = {
                let at = next.fetch_add(1, Ordering::Relaxed);
                things.get(at).map(|thing| (at, thing))
            } {
                results.push((at, script_action(thing)));
                tell(over.fetch_add(1, Ordering::Relaxed) + 1);
            }
            results
        };
        let mut results: Vec<(usize, io::Result<R>)> = thread::scope(|scope| {
            let workers: Vec<_> = (0..self.count.max(1)).map(|_| scope.spawn(work)).collect();
            let ended = workers.into_iter().map(|worker| match worker.join() {
                Ok(results) => results,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            ended.flatten().collect()
        });
        results.sort_by_key(|(at, _)| *at);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn whoever_watches_is_told_of_every_trial_and_the_order_is_kept() {
        let stands = Mutex::new(Vec::new());
        let watch = |stand: Stand| stands.lock().expect("nobody panics").push(stand);
        let at_once = AtOnce {
            count: 3,
            watch: &watch,
        };
        let numbers: Vec<usize> = (0..20).collect();
        let doubled = at_once.all(ProofPart::Faults, &numbers, |number| Ok(number * 2));
        assert_eq!(
            doubled.expect("nothing fails"),
            numbers.iter().map(|number| number * 2).collect::<Vec<_>>()
        );
        let mut stands = stands.into_inner().expect("nobody panics");
        stands.sort_by_key(|stand| stand.done);
        let told: Vec<(usize, usize)> = stands.iter().map(|stand| (stand.done, stand.of)).collect();
        assert_eq!(told, (0..=20).map(|done| (done, 20)).collect::<Vec<_>>());
    }
}
