//! The whole proof: the pristine reference is innocent, every fault is found, no clause is vacuous, and every row of
//! the contract is missed when it is gone.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::ablation::{self, Ablated};
use super::emulator;
use super::fault::Fault;
use super::matrix::{self, Row};
use super::trial::{self, Effort, Trial};
use crate::contract::{self, Contract, Edition};
use crate::reference::Layout;

/// What was proven, and what was not.
#[derive(Debug, Clone, Serialize)]
pub struct Proof {
    /// The pristine reference in both editions and both layouts.
    pub baseline: Vec<Baseline>,
    /// Each fault.
    pub matrix: Vec<Row>,
    /// Clauses that decide a run and that no fault trips.
    pub vacuous: Vec<String>,
    /// How many clauses decide a run.
    pub deciding: usize,
    /// Each row of the contract that was taken out.
    pub ablation: Vec<Ablated>,
}

/// The pristine reference, played through the phases.
#[derive(Debug, Clone, Serialize)]
pub struct Baseline {
    /// The edition.
    pub edition: Edition,
    /// Whether its answers are indented.
    pub indented: bool,
    /// What each phase found: nothing, if all is well.
    pub trials: Vec<Trial>,
}

impl Baseline {
    /// Whether nothing was found, and everything could be played.
    pub fn is_innocent(&self) -> bool {
        self.trials.iter().all(|trial| {
            trial.failed.is_empty() && trial.warned.is_empty() && trial.trouble.is_none() && trial.cases > 0
        })
    }
}

impl Proof {
    /// Faults that no phase found, and that do not wait for another one.
    pub fn survivors(&self) -> impl Iterator<Item = &Row> {
        self.matrix.iter().filter(|row| !row.is_killed() && !row.waits)
    }

    /// Rows of the contract that nobody missed.
    pub fn unnoticed(&self) -> impl Iterator<Item = &Ablated> {
        self.ablation.iter().filter(|cut| cut.noticed_by.is_none())
    }

    /// Whether the harness sees what it should see, and nothing else.
    pub fn holds(&self) -> bool {
        self.baseline.iter().all(Baseline::is_innocent)
            && self.survivors().next().is_none()
            && self.vacuous.is_empty()
            && self.unnoticed().all(|cut| ablation::is_idle(&cut.what))
    }
}

/// Gives the proof for these faults, with so many things going on at once.
pub async fn prove(faults: Vec<&'static Fault>, effort: Effort, at_once: usize, ablate: bool) -> Proof {
    let contracts = Contracts::read();
    let gate = Arc::new(Semaphore::new(at_once.max(1)));
    let wishes = [Edition::Current, Edition::October2017]
        .into_iter()
        .flat_map(|edition| [(edition, Layout::Compact), (edition, Layout::Indented)]);
    let baseline = wishes.map(|(edition, layout)| {
        let contract = contracts.of(edition);
        async move { innocent(&contract, layout, effort).await }
    });
    let baseline = begin(&gate, baseline);
    let rows = faults.into_iter().map(|fault| {
        let contract = contracts.of(fault.edition);
        async move { matrix::row(&contract, fault, effort).await }
    });
    let rows = begin(&gate, rows);
    let cuts = if ablate {
        ablation::cuts(&contracts.current)
    } else {
        Vec::new()
    };
    let ablated = cuts
        .into_iter()
        .map(|cut| async move { ablation::ablate(&cut, effort).await });
    let ablated = begin(&gate, ablated);
    let (baseline, matrix, ablation) = (end(baseline).await, end(rows).await, end(ablated).await);
    let (deciding, vacuous) = vacuity(&contracts, &matrix);
    Proof {
        baseline,
        matrix,
        vacuous,
        deciding,
        ablation,
    }
}

/// The contract of each edition.
struct Contracts {
    current: Arc<Contract>,
    october_2017: Arc<Contract>,
}

impl Contracts {
    fn read() -> Self {
        Contracts {
            current: Arc::new(contract::embedded(Edition::Current)),
            october_2017: Arc::new(contract::embedded(Edition::October2017)),
        }
    }

    fn of(&self, edition: Edition) -> Arc<Contract> {
        Arc::clone(match edition {
            Edition::Current => &self.current,
            Edition::October2017 => &self.october_2017,
        })
    }
}

async fn innocent(contract: &Arc<Contract>, layout: Layout, effort: Effort) -> Baseline {
    let mut trials = Vec::new();
    for phase in matrix::PHASES {
        let pristine = emulator::pristine(contract.edition, layout);
        // Scripts that find nothing cost little, and there should be many.
        let effort = Effort {
            scripts: effort.scripts.saturating_mul(10),
            ..effort
        };
        trials.push(trial::play(contract, pristine, phase, effort).await);
    }
    Baseline {
        edition: contract.edition,
        indented: layout == Layout::Indented,
        trials,
    }
}

/// How many clauses decide a run in one of the editions, and those of them that no fault made fail.
fn vacuity(contracts: &Contracts, matrix: &[Row]) -> (usize, Vec<String>) {
    let failed: BTreeSet<&str> = matrix
        .iter()
        .flat_map(|row| &row.trials)
        .flat_map(|trial| trial.failed.keys())
        .map(String::as_str)
        .collect();
    let deciding: BTreeSet<&str> = [&contracts.current, &contracts.october_2017]
        .into_iter()
        .flat_map(|contract| &contract.clauses)
        .filter(|clause| clause.decides() && clause.holds && clause.untested.is_none())
        .map(|clause| clause.id.as_str())
        .collect();
    let vacuous = deciding.difference(&failed).map(|id| (*id).to_owned());
    (deciding.len(), vacuous.collect())
}

/// Begins all of it, as many at once as the gate lets through.
fn begin<T: Send + 'static>(
    gate: &Arc<Semaphore>,
    deeds: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> JoinSet<(usize, T)> {
    let mut tasks = JoinSet::new();
    for (at, deed) in deeds.enumerate() {
        let gate = Arc::clone(gate);
        tasks.spawn(async move {
            // The gate is never closed; if it were, the deed would be done at once.
            let _pass = gate.acquire_owned().await;
            (at, deed.await)
        });
    }
    tasks
}

/// What came of it, in the order in which it was begun.
async fn end<T: 'static>(mut tasks: JoinSet<(usize, T)>) -> Vec<T> {
    let mut done = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(one) => done.push(one),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, one)| one).collect()
}
