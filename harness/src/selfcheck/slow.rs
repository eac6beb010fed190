//! The named cases at a reference that is as slow as the real service, by a simulated clock.
//!
//! A run with its defaults for real AWS waits there for most of its time: for stops, for stale descriptions, for
//! hibernation, for free instances and for throttled calls. Here the clock moves on whenever every case waits, so that a
//! quarter of an hour takes seconds, and each variation can be played. Its cases share the account and overlap as they do
//! over HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

use crate::contract::{Contract, Edition};
use crate::embedded;
use crate::endpoint::{Endpoint, Handler};
use crate::journal::{Event, Outcome};
use crate::model::ReadLag;
use crate::plan::{self, Selection};
use crate::reference::{Config, Reference, Variations};
use crate::runner::{self, Options};
use crate::verdict::Verdict;
use crate::words::{English, Words as _};

/// From a request to its answer.
const LATENCY: Duration = Duration::from_millis(100);

/// The options of the simulated run: the defaults for real AWS.
const WORKERS: usize = 4;
const SETTLE_TIMEOUT: Duration = Duration::from_secs(300);

/// The time in which the named cases must be over.
pub(super) const TARGET: Duration = Duration::from_secs(15 * 60);

/// What is played: the variations of the reference, and the name of the row.
#[derive(Debug, Clone, Copy)]
pub struct SlowRow {
    /// The name of a variation, or of several.
    pub name: &'static str,
    /// The variations.
    pub variations: Variations,
    /// How long reads may lag: the shorter, the more is decided.
    pub read_lag: ReadLag,
}

/// How the run is limited, and its seed.
#[derive(Debug, Clone, Copy)]
pub struct SlowEffort {
    /// The most instances at once.
    pub max_instances: usize,
    /// The seed of the run and of the reference.
    pub seed: u64,
}

/// A run on the slow reference.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SlowRun {
    /// The name of its variation.
    pub variation: &'static str,
    /// How long the run took by the simulated clock.
    pub took_ms: u64,
    /// The number of requests sent.
    pub requests: usize,
    /// The most instances that existed at once.
    pub most_instances: usize,
    /// The number of judged cases.
    pub judged: usize,
    /// Those of them that could not be decided.
    pub inconclusive: BTreeSet<String>,
    /// The clauses that failed, each with its cases.
    pub failed: BTreeMap<String, BTreeSet<String>>,
    /// The clauses that warned.
    pub warned: BTreeSet<String>,
    /// The cases that were not judged, with the reason.
    pub unsupported: BTreeMap<String, String>,
    /// The cases that ended in an error of ours, and why the run did not begin.
    pub errors: BTreeMap<String, String>,
}

impl SlowRun {
    /// Whether no clause failed and no case ended in an error, in time and within the limit of instances.
    pub fn holds(&self, effort: SlowEffort) -> bool {
        self.failed.is_empty()
            && self.errors.is_empty()
            && self.judged > 0
            && self.most_instances <= effort.max_instances
            && Duration::from_millis(self.took_ms) <= TARGET
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::RunStarted(head) => self.took_ms = head.at_ms,
            Event::Exchanged(_) => self.requests += 1,
            Event::Judged(judged) => {
                for finding in &judged.findings {
                    let clause = finding.clause.to_string();
                    match finding.verdict {
                        Verdict::Fail => {
                            self.failed.entry(clause).or_default().insert(judged.case.clone());
                        }
                        Verdict::Warn => _ = self.warned.insert(clause),
                        Verdict::Pass | Verdict::Inconclusive => {}
                    }
                }
            }
            Event::CaseEnded(ended) => match &ended.outcome {
                Outcome::Judged { verdict } => {
                    self.judged += 1;
                    if *verdict == Verdict::Inconclusive {
                        self.inconclusive.insert(ended.case.clone());
                    }
                }
                Outcome::Unsupported { obstacle } => {
                    let why = English.obstacle(obstacle);
                    self.unsupported.insert(ended.case.clone(), why);
                }
                Outcome::Error { what } => _ = self.errors.insert(ended.case.clone(), what.clone()),
            },
            Event::RunEnded(end) => {
                self.took_ms = end.at_ms.saturating_sub(self.took_ms);
                self.most_instances = end.most_instances.unwrap_or_default();
            }
            Event::FixtureReady(_)
            | Event::CaseStarted(_)
            | Event::LaunchDeviated(_)
            | Event::StepStarted(_)
            | Event::Explored(_)
            | Event::Noted(_)
            | Event::Recurred(_)
            | Event::Flaky(_)
            | Event::Reproduced(_) => {}
        }
    }
}

/// Plays the named cases of the contract at a reference with these variations.
pub fn play_slowly(contract: &Arc<Contract>, row: SlowRow, effort: SlowEffort) -> io::Result<SlowRun> {
    let reference = Reference::new(config(contract.edition, row.variations, effort.seed));
    let handler: Handler = Arc::new(move |request, now_ms| reference.handle(request, now_ms));
    let run = SlowRun {
        variation: row.name,
        ..SlowRun::default()
    };
    play(
        contract,
        handler,
        effort,
        row.read_lag,
        &Selection::default(),
        run,
    )
}

fn config(edition: Edition, variations: Variations, seed: u64) -> Config {
    Config {
        seed,
        rules: embedded::rules(edition),
        variations,
        ..Config::like_aws()
    }
}

/// Plays the selected cases at this endpoint, and adds to `run` what happens.
fn play(
    contract: &Arc<Contract>,
    handler: Handler,
    effort: SlowEffort,
    read_lag: ReadLag,
    selection: &Selection,
    mut run: SlowRun,
) -> io::Result<SlowRun> {
    // One thread, so that the clock moves on whenever it has nothing to do.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    let plan = plan::generate(contract, selection);
    runtime.block_on(async {
        let (_running, interrupted) = watch::channel(false);
        let options = Options {
            // The service begins its time here.
            endpoint: Endpoint::simulated(handler, LATENCY),
            seed: effort.seed,
            workers: WORKERS,
            open_cases: effort.max_instances,
            max_instances: Some(effort.max_instances),
            settle_timeout: SETTLE_TIMEOUT,
            read_lag,
            ..embedded::options(contract.edition)
        };
        let take = |event| run.take(&event);
        if let Err(error) = runner::run_with(contract, plan, options, interrupted, take).await {
            run.errors.insert(String::new(), error.to_string());
        }
        Ok(run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;
    use crate::selfcheck::{emulator, named};

    const EFFORT: SlowEffort = SlowEffort {
        max_instances: 20,
        seed: 7,
    };

    fn current() -> Arc<Contract> {
        Arc::new(contract::embedded(Edition::Current))
    }

    #[test]
    fn all_named_cases_pass_in_a_quarter_of_an_hour_with_twenty_instances_at_once() {
        let row = SlowRow {
            name: "none",
            variations: Variations::default(),
            read_lag: ReadLag::USUAL,
        };
        let run = play_slowly(&current(), row, EFFORT).expect("a runtime can be built");
        assert!(run.holds(EFFORT), "{run:#?}");
        assert!(
            run.unsupported.is_empty() && run.inconclusive.is_empty(),
            "{run:#?}"
        );
        assert_eq!(run.judged, current().scenarios.len());
    }

    fn selected(case: &str, max_instances: usize, fault: &str) -> SlowRun {
        let fault = named(fault).expect("the fault is known");
        let config = config(Edition::Current, Variations::default(), EFFORT.seed);
        let selection = Selection {
            cases: vec![case.to_owned()],
            ..Selection::default()
        };
        let effort = SlowEffort {
            max_instances,
            ..EFFORT
        };
        let handler = emulator::handler(config, fault.hook);
        let (lag, run) = (ReadLag::AWS, SlowRun::default());
        play(&current(), handler, effort, lag, &selection, run).expect("a runtime can be built")
    }

    #[test]
    fn faults_are_found_at_a_slow_endpoint_too() {
        let run = selected("dry-run/*", 4, "dry-run-stops");
        assert!(run.failed.contains_key("DRY-04"), "{run:#?}");
        assert!(run.most_instances <= 4, "{run:#?}");
    }
}
