//! Plays one phase on one endpoint, and records what was found and after how many requests.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::watch;

use crate::contract::{Contract, Scenario};
use crate::embedded;
use crate::endpoint::Endpoint;
use crate::journal::{Event, Finding, Outcome, Phase};
use crate::plan::{Plan, Random, Selection, coverage};
use crate::runner::{self, CaseRunner, Options};
use crate::verdict::Verdict;
use crate::words::{English, Words as _};

/// A stop is reported as stuck after ten minutes. The clock is virtual, so waiting costs nothing.
const PATIENCE: Duration = Duration::from_secs(660);

/// The findings of one phase in an emulator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// The phase.
    pub phase: Phase,
    /// The clauses that failed, each with the number of cases.
    pub failed: BTreeMap<String, usize>,
    /// The clauses that warned.
    pub warned: BTreeSet<String>,
    /// The number of judged cases, including drafts.
    pub cases: usize,
    /// The number of requests sent.
    pub requests: usize,
    /// The number of requests sent until the first failing case ended, if there was one.
    pub requests_to_find: Option<usize>,
    /// The same in milliseconds.
    #[serde(skip)]
    pub time_to_find: Option<Duration>,
    /// Why the phase did not finish, or why a case could not be played.
    pub trouble: Option<String>,
    /// The first case that ended in an error of ours, with its name.
    pub error: Option<String>,
    /// For each failed clause, the first cases in which it failed.
    pub failed_in: BTreeMap<String, Vec<String>>,
}

/// The number of cases that are listed for each failed clause.
const NAMED: usize = 3;

/// How much is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// The number of random scripts.
    pub scripts: u64,
    /// The number of cases of overlapping calls.
    pub overlaps: u64,
    /// The seed of the scripts.
    pub seed: u64,
    /// Whether a phase ends with the first failure. Scripts always do, since otherwise each way to fail would be
    /// reported.
    pub until_found: bool,
}

/// What all trials with one contract share.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) contract: Arc<Contract>,
    /// The coverage cases, cached: many trials play them, and generating them takes a while.
    coverage: OnceLock<Vec<Scenario>>,
}

impl Stage {
    pub(super) fn new(contract: Contract) -> Self {
        Stage {
            contract: Arc::new(contract),
            coverage: OnceLock::new(),
        }
    }

    fn coverage(&self) -> &[Scenario] {
        self.coverage
            .get_or_init(|| coverage::cases(&self.contract, coverage::LEAST))
    }
}

/// Plays a phase on an in-process endpoint.
pub(super) fn play(stage: &Stage, endpoint: Endpoint, phase: Phase, effort: Effort) -> io::Result<Trial> {
    let contract = &stage.contract;
    let options = options(stage, endpoint, effort);
    match phase {
        Phase::Coverage => play_cases(contract, options, phase, stage.coverage(), effort),
        Phase::Random => play_scripts(contract, options, effort),
        Phase::Concurrent => play_overlaps(contract, options, effort, &[]),
        Phase::Scenarios | Phase::Wire | Phase::Replay | Phase::Traffic => {
            play_cases(contract, options, phase, &contract.scenarios, effort)
        }
    }
}

/// Plays overlapping calls on an in-process endpoint until one of these clauses is violated.
pub(super) fn play_until(
    stage: &Stage,
    endpoint: Endpoint,
    effort: Effort,
    wanted: &[&'static str],
) -> io::Result<Trial> {
    play_overlaps(&stage.contract, options(stage, endpoint, effort), effort, wanted)
}

fn options(stage: &Stage, endpoint: Endpoint, effort: Effort) -> Options {
    Options {
        endpoint,
        seed: effort.seed,
        settle_timeout: PATIENCE,
        // The shortest form of a finding is not needed here.
        overlap_requests: 0,
        ..embedded::options(stage.contract.edition)
    }
}

/// Plays cases one after another, without reporting progress.
fn play_cases(
    contract: &Arc<Contract>,
    options: Options,
    phase: Phase,
    cases: &[Scenario],
    effort: Effort,
) -> io::Result<Trial> {
    let alone = CaseRunner::new(Arc::clone(contract), options)?;
    let mut watcher = Watcher::new(phase);
    for case in cases {
        let ended = alone.play_with_care(case, phase);
        watcher.trial.requests += ended.requests;
        watcher.see(&ended.findings);
        watcher.end(&case.name, &ended.outcome);
        if effort.until_found && watcher.trial.requests_to_find.is_some() {
            break;
        }
    }
    Ok(watcher.trial)
}

/// How many callers overlap at most.
const CALLERS: usize = 8;

/// Plays cases of overlapping calls as a run does, until a violation of one of these clauses is reported or no case is
/// left.
fn play_overlaps(
    contract: &Arc<Contract>,
    options: Options,
    effort: Effort,
    wanted: &[&'static str],
) -> io::Result<Trial> {
    let mut plan = Plan::default();
    let cases = runner::concurrent_cases(contract, effort.seed, 0..effort.overlaps, CALLERS);
    plan.add(Phase::Concurrent, cases, &Selection::default());
    play_plan(contract, options, plan, Phase::Concurrent, wanted)
}

/// Plays random scripts as a run does, until a finding is reported or no script is left.
fn play_scripts(contract: &Arc<Contract>, options: Options, effort: Effort) -> io::Result<Trial> {
    let plan = Plan {
        random: Some(Random {
            scripts: effort.scripts,
            max_time: None,
            // The shortest form of the script is not needed here.
            max_shrink_requests: 0,
            selection: Selection::default(),
        }),
        ..Plan::default()
    };
    play_plan(contract, options, plan, Phase::Random, &[])
}

/// Plays a plan as a run does. Scripts end with the first failure that is reported, overlapping calls with the first
/// violation of a clause that is wanted.
fn play_plan(
    contract: &Arc<Contract>,
    options: Options,
    plan: Plan,
    phase: Phase,
    wanted: &[&'static str],
) -> io::Result<Trial> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (stop, interrupted) = watch::channel(false);
        let mut watcher = Watcher {
            wanted: wanted.to_vec(),
            ..Watcher::new(phase)
        };
        let take = |event| {
            watcher.take(&event);
            let is_enough = phase == Phase::Random || !wanted.is_empty();
            if is_enough && watcher.trial.requests_to_find.is_some() {
                let _ = stop.send(true);
            }
        };
        if let Err(error) = runner::run_with(contract, plan, options, interrupted, take).await {
            watcher.trial.trouble = Some(error.to_string());
            watcher.trial.error.get_or_insert(error.to_string());
        }
        Ok(watcher.trial)
    })
}

/// Reads the events of a run that plays one case at a time.
struct Watcher {
    trial: Trial,
    begun: Instant,
    /// Whether the current case counts.
    counts: bool,
    fails: BTreeSet<String>,
    /// The clauses of which one must be violated, with a warning at least; if there are none, one must fail.
    wanted: Vec<&'static str>,
}

impl Watcher {
    fn new(phase: Phase) -> Self {
        Watcher {
            trial: Trial {
                phase,
                failed: BTreeMap::new(),
                warned: BTreeSet::new(),
                cases: 0,
                requests: 0,
                requests_to_find: None,
                time_to_find: None,
                trouble: None,
                error: None,
                failed_in: BTreeMap::new(),
            },
            begun: Instant::now(),
            counts: true,
            fails: BTreeSet::new(),
            wanted: Vec::new(),
        }
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::CaseStarted(started) => {
                self.counts = !started.draft;
                self.fails.clear();
            }
            Event::Exchanged(_) => self.trial.requests += 1,
            Event::Explored(sum) => {
                self.trial.cases += usize::try_from(sum.scripts).unwrap_or(usize::MAX);
                self.trial.requests += sum.untold;
            }
            Event::Judged(judged) if self.counts => self.see(&judged.findings),
            Event::CaseEnded(ended) => self.end(&ended.case, &ended.outcome),
            Event::RunStarted(_)
            | Event::FixtureReady(_)
            | Event::LaunchDeviated(_)
            | Event::StepStarted(_)
            | Event::Judged(_)
            | Event::Noted(_)
            | Event::Recurred(_)
            | Event::Flaky(_)
            | Event::Reproduced(_)
            | Event::RunEnded(_) => {}
        }
    }

    fn see(&mut self, findings: &[Finding]) {
        for finding in findings {
            let clause = finding.clause.to_string();
            match finding.verdict {
                Verdict::Fail => {
                    self.fails.insert(clause);
                }
                Verdict::Warn => {
                    self.trial.warned.insert(clause);
                }
                Verdict::Pass | Verdict::Inconclusive => {}
            }
        }
    }

    fn end(&mut self, case: &str, outcome: &Outcome) {
        let trial = &mut self.trial;
        match outcome {
            Outcome::Judged { .. } => trial.cases += 1,
            Outcome::Unsupported { obstacle } if self.counts => {
                let why = || format!("{case}: {}", English.obstacle(obstacle));
                trial.trouble.get_or_insert_with(why);
            }
            Outcome::Error { what } if self.counts => {
                let why = || format!("{case}: {what}");
                trial.trouble.get_or_insert_with(why);
                // A script run is interrupted after the first finding; that is not an error.
                let is_over = matches!(trial.phase, Phase::Random | Phase::Concurrent)
                    && trial.requests_to_find.is_some();
                if !is_over {
                    trial.error.get_or_insert_with(why);
                }
            }
            Outcome::Unsupported { .. } | Outcome::Error { .. } => {}
        }
        let is_found = match self.wanted.as_slice() {
            [] => !self.fails.is_empty(),
            wanted => wanted
                .iter()
                .any(|clause| self.fails.contains(*clause) || trial.warned.contains(*clause)),
        };
        if is_found && trial.requests_to_find.is_none() {
            trial.requests_to_find = Some(trial.requests);
            trial.time_to_find = Some(self.begun.elapsed());
        }
        for clause in std::mem::take(&mut self.fails) {
            let cases = trial.failed_in.entry(clause.clone()).or_default();
            if cases.len() < NAMED {
                cases.push(case.to_owned());
            }
            *trial.failed.entry(clause).or_default() += 1;
        }
    }
}
