//! Plays single cases without emitting events: the entry point for fuzzers, benchmarks and the self-check.
//!
//! The judge and the images are kept from case to case; each case gets a fresh service in this process.

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};

use super::event_sink::EventSink;
use super::play::{self, CaseToPlay, PlayMode};
use super::{Options, Shared};
use crate::check::Saving;
use crate::contract::{Contract, Scenario};
use crate::journal::{Finding, Outcome, Phase};

/// Plays cases one by one; a call returns when its case has ended.
#[derive(Debug)]
pub struct CaseRunner {
    shared: Arc<Shared>,
    runtime: Runtime,
}

/// The result of a case.
#[derive(Debug)]
pub struct CaseResult {
    /// Whether the case could be judged.
    pub outcome: Outcome,
    /// What was found.
    pub findings: Vec<Finding>,
    /// How many steps were judged.
    pub steps: usize,
    /// How many requests were sent, including those that arrange fixtures.
    pub requests: usize,
}

impl CaseRunner {
    /// Makes the parts that all cases share.
    pub fn new(contract: Arc<Contract>, options: Options) -> std::io::Result<CaseRunner> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (events, _) = mpsc::channel(1);
        let (_, interrupted) = watch::channel(false);
        let shared = Arc::new(Shared::new(contract, options, events, interrupted));
        Ok(CaseRunner { shared, runtime })
    }

    /// Plays a case as the search of the random phase does.
    pub fn play(&self, case: &Scenario) -> CaseResult {
        self.play_for(case, Phase::Random, self.shared.saving())
    }

    /// Plays a case as a run does that reports it: with descriptions as proof, and with full waiting times.
    pub fn play_with_care(&self, case: &Scenario, phase: Phase) -> CaseResult {
        self.play_for(case, phase, Saving::Nothing)
    }

    fn play_for(&self, case: &Scenario, phase: Phase, saving: Saving) -> CaseResult {
        let mode = PlayMode {
            sink: EventSink::Silent,
            index: 0,
            phase,
            saving,
            may_reuse: false,
            final_look: true,
            turn: self.runtime.block_on(self.shared.turns.take()),
        };
        let played = self
            .runtime
            .block_on(play::play(&self.shared, CaseToPlay::Calls(case), mode));
        CaseResult {
            outcome: played.outcome,
            findings: played.findings,
            steps: played.steps,
            requests: played.requests,
        }
    }
}
