//! The journal: every run as a stream of events, one JSON object a line.
//!
//! It holds each exchange byte for byte, with secrets removed at capture, and the intent behind it (call, role,
//! fixtures), so that all later results can be computed from it again. Lines of an unknown schema version are rejected.
//! This module does not open files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::contract::{ClauseId, Condition, Confidence, Edition, FixtureKind, SameAs, Scenario};

mod bounded;
mod exchange;
mod finding;
mod fingerprint;
mod merge;
mod outcome;
mod partition;
mod raw;
mod reported;
mod resume;
mod run_id;

pub use bounded::{Excerpt, Few};
pub use exchange::{
    Answer, Bytes, CallInterval, Ending, Exchange, HeaderRecords, RawRecord, RequestRecord, Role, SentRecord,
};
pub use finding::{
    AllowedChange, AllowedRefusal, AnswerSummary, BodySummary, DescribedReason, Doubt, Expected, Finding,
    InstancePart, Observed, Oddity, OverlappingCall, StateChanged, StatePair, WrittenState,
};
pub use fingerprint::Fingerprint;
pub use merge::{Merge, MergeProblem, MergedEvents, SliceFindings, SliceJournal};
pub use outcome::{LaunchProperty, Obstacle, Outcome, WaitCut};
pub use partition::{Partition, RunSetup, Slice, SliceError};
pub use raw::{Aim, RawFault, WireDemand};
pub use reported::ReportedFindings;
pub use resume::{KeptCases, PlayedSoFar, ResumeProblem};
pub use run_id::{RunId, RunIdError};

/// The version of the event format. Readers reject any other version.
pub const SCHEMA: u32 = 2;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first line.
    RunStarted(RunStarted),
    /// A case begins.
    CaseStarted(CaseStarted),
    /// A fixture is ready: the instance was launched and described as requested.
    FixtureReady(FixtureReady),
    /// A launch was accepted, and the instance is described without an option that was requested.
    LaunchDeviated(LaunchDeviated),
    /// A step begins; the exchanges with its number belong to it.
    StepStarted(StepStarted),
    /// A request or raw bytes were sent, and something or nothing came back.
    Exchanged(Box<Exchange>),
    /// A step was judged.
    Judged(Judged),
    /// A case ended.
    CaseEnded(CaseEnded),
    /// A message for people that is not a verdict, for instance about an instance that could not be terminated.
    Noted(Noted),
    /// A count of cases that were played without an event for each.
    Explored(Explored),
    /// A finding recurred in other generated cases.
    Recurred(Recurred),
    /// A finding does not recur every time its case is played.
    Flaky(Flaky),
    /// How often a finding of overlapping calls occurred.
    Reproduced(Reproduced),
    /// The last line; a journal without it was interrupted.
    RunEnded(RunEnded),
}

/// The settings of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunStarted {
    /// [`SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(extend("const" = SCHEMA)))]
    pub schema: u32,
    /// The version of stopcheck.
    pub stopcheck: String,
    /// The id of the run, with which everything that it creates is tagged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// The endpoint: a URL without user information, or `reference`.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The edition of the contract.
    pub edition: Edition,
    /// The least confidence with which a MUST decides the run.
    pub min_confidence: Confidence,
    /// The seed of everything random.
    pub seed: u64,
    /// The number of cases in the plan, or in its slice; random cases are not planned.
    pub cases: usize,
    /// The number of planned cases of each phase.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub phases: BTreeMap<Phase, usize>,
    /// The files and folders of scenarios that were added to the contract, as given by the user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenarios: Vec<String>,
    /// The command that served the endpoint during the run, if the run started it; `{port}` stands for its port.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub server: Vec<String>,
    /// The number of cases that a filter left out.
    pub left_out: usize,
    /// The slice of the plan that is played, if the run is divided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Partition>,
    /// The setup of a run that is not divided, if the run has a journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<RunSetup>,
    /// How long reads may lag behind an answer, in milliseconds.
    pub read_lag_ms: u64,
    /// When the run began, in milliseconds since 1970-01-01 UTC, by the clock of the run.
    pub at_ms: u64,
}

/// The start of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CaseStarted {
    /// Its name, a slash-path.
    pub case: String,
    /// Its position in the plan, from 0; reports list cases in this order.
    pub index: usize,
    /// The phase it belongs to.
    #[serde(default, skip_serializing_if = "Phase::is_scenarios")]
    pub phase: Phase,
    /// Whether the case is only part of a search: an attempt to find a smaller case, or a case whose findings are
    /// already known. Another case reports its findings.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
    /// What the case shows.
    pub purpose: String,
    /// The clauses that the case covers.
    pub clauses: Vec<ClauseId>,
    /// The scenario that is played, so that the case can be played again from the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<Box<Scenario>>,
}

/// Where the cases of a run come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// From the contract or from a user's scenario files.
    #[default]
    Scenarios,
    /// From a covering array, and from the limits of values.
    Coverage,
    /// From a seed.
    Random,
    /// Bytes that no HTTP library sends.
    Wire,
    /// Overlapping calls, from a seed.
    Concurrent,
    /// From a finding of an earlier run.
    Replay,
    /// Exchanges of other clients, which were only watched.
    Traffic,
}

impl Phase {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Scenarios => "scenarios",
            Phase::Coverage => "coverage",
            Phase::Random => "random",
            Phase::Wire => "wire",
            Phase::Concurrent => "concurrent",
            Phase::Replay => "replay",
            Phase::Traffic => "traffic",
        }
    }

    /// Whether the time limit of a run applies to the phase. Named cases are always played, and a replay is asked for.
    pub fn is_limited(self) -> bool {
        match self {
            Phase::Scenarios | Phase::Replay | Phase::Traffic => false,
            Phase::Coverage | Phase::Random | Phase::Wire | Phase::Concurrent => true,
        }
    }

    fn is_scenarios(&self) -> bool {
        *self == Phase::Scenarios
    }
}

/// A fixture that is ready.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FixtureReady {
    /// The case.
    pub case: String,
    /// The short name that steps use.
    pub name: String,
    /// The instance id.
    pub id: String,
    /// The requested properties, which the description of the instance confirmed.
    pub kind: FixtureKind,
    /// The Spot request that launched it, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spot_request: Option<String>,
    /// The calls that make such an instance, if the case got it from an earlier one or launched it with others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arranged_by: Vec<Call>,
    /// When the instance was ready, in milliseconds since 1970-01-01 UTC, by the clock of the run.
    pub at_ms: u64,
}

/// The start of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StepStarted {
    /// The case.
    pub case: String,
    /// The number of the step in its case, from 1.
    pub step: usize,
    /// What the step does.
    pub intent: Intent,
    /// See [`crate::contract::Step::witness`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witness: Vec<ClauseId>,
    /// See [`crate::contract::Step::control`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub control: bool,
    /// See [`crate::contract::Step::label`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// See [`crate::contract::Step::same_as`]; here, instances are given by their ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<SameAs>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Intent {
    /// Send one call.
    Call,
    /// Send the calls of several callers at the same time.
    Overlap,
    /// Wait until the fixtures with these ids are in a state.
    Settle {
        /// The instance ids.
        ids: Vec<String>,
        /// The wire name of the state.
        state: String,
    },
    /// Describe all instances of the case.
    Observe,
    /// Send a call that lists, and the calls for the pages that follow.
    Pages,
    /// Launch one more instance.
    Launch {
        /// The short name that later steps use.
        name: String,
    },
    /// Wait without describing instances.
    Pass {
        /// The time waited in milliseconds, by the clock of the run; may be less than a script requested.
        ms: u32,
    },
    /// Describe the instances of the case until none is in transition.
    Rest,
    /// Send bytes on a raw socket, then describe the instances.
    Wire(Aim),
    /// Watch an exchange of another client.
    Watch {
        /// Whether something that was not watched may have changed instances since the exchange before it.
        gap: bool,
    },
}

/// An instance that was launched with an option, and is described without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LaunchDeviated {
    /// The case.
    pub case: String,
    /// The step that launched it, 0 for a fixture.
    pub step: usize,
    /// The instance.
    pub id: String,
    /// The option.
    pub property: LaunchProperty,
    /// What the description has instead; `None` if it has nothing.
    pub described: Option<Excerpt>,
}

/// The judgement of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Judged {
    /// The case.
    pub case: String,
    /// The step.
    pub step: usize,
    /// The clauses that were judged and held.
    pub held: Vec<ClauseId>,
    /// The deviations, and the clauses that could not be decided.
    pub findings: Vec<Finding>,
    /// The answers that were chosen where the contract allows several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
}

/// The endpoint's choice where the contract allows several answers, because Amazon's answer is not settled or varies
/// between calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Choice {
    /// The condition for which the call was refused.
    pub condition: Condition,
    /// The error code of the answer.
    pub code: String,
}

/// The end of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CaseEnded {
    /// The case.
    pub case: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// The work of a phase of generated cases since its last `Explored` event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Explored {
    /// The phase.
    pub phase: Phase,
    /// The number of generated cases, with or without events of their own; plays that repeat or shrink them are not
    /// counted.
    pub scripts: u64,
    /// The number of their steps that were judged.
    pub steps: usize,
    /// The number of requests that no other event records.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub untold: usize,
}

/// A finding that recurred.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Recurred {
    /// The smallest case that shows it.
    pub case: String,
    /// Its clause.
    pub clause: ClauseId,
    /// The number of generated cases that showed it.
    pub scripts: u64,
}

/// A finding that does not recur every time, and therefore decides nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Flaky {
    /// The case.
    pub case: String,
    /// The clause.
    pub clause: ClauseId,
    /// The finding.
    pub fingerprint: Fingerprint,
    /// How many times it occurred.
    pub times: usize,
    /// How many times the case was played.
    pub of: usize,
}

/// How often a finding of overlapping calls occurred. Which call comes first differs from play to play, so such a finding
/// need not occur every time to count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reproduced {
    /// The case.
    pub case: String,
    /// The clause.
    pub clause: ClauseId,
    /// How many times it occurred.
    pub times: usize,
    /// How many times the case was played.
    pub of: usize,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A message for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Noted {
    /// The case; empty for a message about the whole run.
    pub case: String,
    /// The text.
    pub text: String,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunEnded {
    /// When it ended, in milliseconds since 1970-01-01 UTC, by the clock of the run.
    pub at_ms: u64,
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// Why not everything that was planned was played, if that was not an interrupt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_short: Option<EarlyEnd>,
    /// The most instances of the run that existed at once, if they were counted: from a launch to the termination, as
    /// described if their number is limited, otherwise as accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_instances: Option<usize>,
}

/// Why a run ended before everything was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum EarlyEnd {
    /// The time limit came.
    TimeLimit {
        /// The limit, in milliseconds.
        limit_ms: u64,
    },
    /// A case had failed, and the run was to end then.
    FirstFailure,
}

/// Why a line of a journal could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The line is not an event.
    #[error("not an event of a stopcheck journal: {0}")]
    NoEvent(serde_json::Error),
    /// The journal has another schema version.
    #[error(
        "the journal has schema {0}, this stopcheck reads schema {SCHEMA}: judge it with the version that wrote it, or \
         record it again"
    )]
    OtherSchema(u32),
}

impl Event {
    /// Returns the event as one line of a journal, without a line ending.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("events hold nothing that JSON cannot")
    }

    /// Reads the event of a line.
    pub fn from_line(line: &str) -> Result<Event, LineError> {
        // Check the schema first: an event of another schema would fail with a misleading error.
        if let Ok(Head {
            event,
            schema: Some(schema),
        }) = serde_json::from_str(line)
            && event == "run_started"
            && schema != SCHEMA
        {
            return Err(LineError::OtherSchema(schema));
        }
        serde_json::from_str(line).map_err(LineError::NoEvent)
    }

    /// Returns the case of the event; `None` for events of the whole run.
    pub fn case(&self) -> Option<&str> {
        let case = match self {
            Event::RunStarted(_) | Event::Explored(_) | Event::RunEnded(_) => return None,
            Event::CaseStarted(event) => &event.case,
            Event::FixtureReady(event) => &event.case,
            Event::LaunchDeviated(event) => &event.case,
            Event::StepStarted(event) => &event.case,
            Event::Exchanged(event) => &event.case,
            Event::Judged(event) => &event.case,
            Event::CaseEnded(event) => &event.case,
            Event::Noted(event) => &event.case,
            Event::Recurred(event) => &event.case,
            Event::Flaky(event) => &event.case,
            Event::Reproduced(event) => &event.case,
        };
        Some(case)
    }
}

#[derive(Deserialize)]
struct Head {
    event: String,
    schema: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_as_the_event_it_was() {
        let event = Event::Noted(Noted {
            case: "a/b".into(),
            text: "one\ntwo".into(),
        });
        let line = event.to_line();
        assert!(!line.contains('\n'));
        assert_eq!(Event::from_line(&line).expect("our own line"), event);
    }

    #[test]
    fn another_schema_is_told_before_anything_else() {
        let error =
            Event::from_line(r#"{"event":"run_started","schema":99,"novelty":1}"#).expect_err("schema 99");
        assert_eq!(
            error.to_string(),
            "the journal has schema 99, this stopcheck reads schema 2: judge it with the version that wrote it, or \
             record it again"
        );
        assert!(matches!(
            Event::from_line(r#"{"event":"run_started","schema":1,"stopcheck":"0.1.0"}"#),
            Err(LineError::OtherSchema(1))
        ));
        assert!(Event::from_line("{}").is_err());
        assert!(Event::from_line("not json").is_err());
    }
}
