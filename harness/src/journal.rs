//! The journal: every run as a stream of events, one JSON object a line.
//!
//! It holds each exchange byte for byte, secrets removed at capture, and enough of what was meant (call, role,
//! fixtures) that everything after the wire can be computed from it again. Lines of an unknown schema version are
//! refused; nothing here opens files.

use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::contract::{ClauseId, Confidence, Edition, FixtureKind, SameAs, Scenario};
use crate::verdict::{Outcome, Verdict};
use crate::wire::Headers;

mod raw;

pub use raw::{Aim, Ending, RawFault, WireDemand, Wired};

/// The version of the event format. A reader refuses another one.
pub const SCHEMA: u32 = 1;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first line.
    RunStarted(RunStarted),
    /// A case begins.
    CaseStarted(CaseStarted),
    /// An instance was arranged for a case, and described as wished.
    FixtureReady(FixtureReady),
    /// A step begins; the exchanges that follow under its number belong to it.
    StepStarted(StepStarted),
    /// One request and what came back.
    Exchanged(Box<Exchanged>),
    /// Bytes on a raw socket and what came back.
    Wired(Box<Wired>),
    /// A step was judged.
    Judged(Judged),
    /// A case ended.
    CaseEnded(CaseEnded),
    /// Something a person should know that is no verdict, for instance an instance that could not be removed.
    Noted(Noted),
    /// What was played without being told case by case.
    Explored(Explored),
    /// What a case shows came again in others.
    Recurred(Recurred),
    /// What a case shows does not come every time it is played.
    Flaky(Flaky),
    /// The last line; a journal without it was interrupted.
    RunEnded(RunEnded),
}

/// What a run was told to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The version of stopcheck.
    pub stopcheck: String,
    /// The endpoint: a URL without user information, or `reference`.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The edition of the contract.
    pub edition: Edition,
    /// The least confidence with which a MUST decides the run.
    #[serde(default)]
    pub min_confidence: Confidence,
    /// The seed of everything random.
    pub seed: u64,
    /// How many cases the plan has; random ones are not planned.
    pub cases: usize,
    /// The files and folders of scenarios that were added to the contract, as they were named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenarios: Vec<String>,
    /// The number of cases left out by a filter.
    #[serde(default)]
    pub left_out: usize,
    /// How long reads were taken to lag behind what was answered, milliseconds.
    #[serde(default = "read_lag_of_old")]
    pub read_lag_ms: u64,
    /// When it began, milliseconds since 1970-01-01 UTC, by the clock of the run.
    pub at_ms: u64,
}

/// The head of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseStarted {
    /// Its name, a slash-path.
    pub case: String,
    /// Its position in the plan, from 0; reports list cases in this order.
    pub index: usize,
    /// The phase it belongs to.
    #[serde(default, skip_serializing_if = "Phase::is_scenarios")]
    pub phase: Phase,
    /// Whether it was only searched with: an attempt on the way to a smaller case, or one whose findings are known
    /// already. Its findings are told by another case.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
    /// What it shows.
    pub purpose: String,
    /// The clauses it is there for.
    pub clauses: Vec<ClauseId>,
    /// What is played, so that it can be played again by whoever has the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<Box<Scenario>>,
}

/// Where the cases of a run come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Named by the contract or by a user.
    #[default]
    Scenarios,
    /// From a covering array, and from the borders of values.
    Coverage,
    /// From a seed.
    Random,
    /// Bytes that no HTTP library sends.
    Wire,
    /// From a finding of an earlier run.
    Replay,
}

impl Phase {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Scenarios => "scenarios",
            Phase::Coverage => "coverage",
            Phase::Random => "random",
            Phase::Wire => "wire",
            Phase::Replay => "replay",
        }
    }

    fn is_scenarios(&self) -> bool {
        *self == Phase::Scenarios
    }
}

/// An arranged instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FixtureReady {
    /// The case.
    pub case: String,
    /// The short name that steps use.
    pub name: String,
    /// The instance id.
    pub id: String,
    /// What it was wished to be, and was described as.
    pub kind: FixtureKind,
    /// The Spot request that launched it, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spot_request: Option<String>,
    /// When it was there, milliseconds since 1970-01-01 UTC, by the clock of the run.
    #[serde(default)]
    pub at_ms: u64,
}

/// What was waited for at most when journals did not say how long.
fn read_lag_of_old() -> u64 {
    60_000
}

/// What a step was meant to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepStarted {
    /// The case.
    pub case: String,
    /// The number of the step in its case, from 1.
    pub step: usize,
    /// What it does.
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
    /// See [`crate::contract::Step::same_as`]; instances are named by their ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<SameAs>,
}

/// The kind of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Intent {
    /// One call.
    Call,
    /// One call several times at once.
    Together,
    /// Wait until the fixtures with these ids are in a state.
    Settle {
        /// The instance ids.
        ids: Vec<String>,
        /// The wire name of the state.
        state: String,
    },
    /// Describe the fleet.
    Observe,
    /// Launch one more instance.
    Launch {
        /// The short name that later steps use.
        name: String,
    },
    /// Let time pass without looking.
    Pass {
        /// Milliseconds, by the clock of the run: what was waited, which may be less than a script asked for.
        ms: u32,
    },
    /// Describe the fleet until nothing in it is on its way.
    Rest,
    /// Bytes on a raw socket, and a look at the fleet after them.
    Wire(Aim),
}

/// Why a request was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// To bring a fixture into being; not judged.
    Arrange,
    /// The call that the step is about; judged.
    Act,
    /// An attempt that was throttled or failed on the server's side and was made again; not judged.
    Retried,
    /// A description of the fleet: while waiting, or as the proof after a refusal. The last one of a step counts.
    Look,
    /// A question beside the fleet (attributes, Spot requests, status), judged by the check that asked.
    Ask,
    /// Clean-up; not judged.
    Clean,
}

/// One request and what came back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchanged {
    /// The case.
    pub case: String,
    /// The step, 0 while arranging and cleaning up.
    pub step: usize,
    /// Why it was sent.
    pub role: Role,
    /// What was meant.
    pub call: Call,
    /// What was sent.
    pub request: RequestRecord,
    /// What came back.
    pub answer: Answer,
    /// When it was sent, milliseconds since 1970-01-01 UTC, by the clock of the run.
    pub at_ms: u64,
    /// How long the answer took, milliseconds.
    pub took_ms: u64,
}

/// A request as sent, without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Header fields.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// An HTTP response.
    Response {
        /// The status code.
        status: u16,
        /// Header fields.
        headers: Headers,
        /// The body.
        body: Bytes,
    },
    /// No response; never a verdict about the endpoint by itself.
    Failed {
        /// What happened, continuing "could not …".
        why: String,
    },
}

/// Bytes in JSON: text where they are UTF-8, base64 where they are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bytes {
    /// UTF-8.
    Text(String),
    /// Anything else, base64.
    Base64(String),
}

/// The judgement of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The case.
    pub case: String,
    /// The step.
    pub step: usize,
    /// The clauses that were looked at and held.
    pub held: Vec<ClauseId>,
    /// The deviations, and what could not be told.
    pub findings: Vec<Finding>,
    /// Which of several answers that the contract allows came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
}

/// An answer where the contract allows several, because Amazon's is not settled or changes from call to call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Choice {
    /// The word of the condition that the call was refused for.
    pub condition: String,
    /// The code of the answer.
    pub code: String,
}

/// One deviation of the endpoint, or one thing that could not be told about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// `CASE#STEP/CLAUSE`, unique in a run and the same in every run of the same plan.
    pub id: String,
    /// The clause.
    pub clause: ClauseId,
    /// How bad.
    pub verdict: Verdict,
    /// What was allowed.
    pub allowed: String,
    /// What was observed.
    pub observed: String,
    /// The words of the conditions that certainly held for the call of the step, sorted; none for a step without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub circumstances: Vec<String>,
}

/// The end of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseEnded {
    /// The case.
    pub case: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// How much a phase of generated cases has played since it last said so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explored {
    /// The phase.
    pub phase: Phase,
    /// Generated cases, told or not; what was played to repeat and shrink them is not counted.
    pub scripts: u64,
    /// Their steps that were judged.
    pub steps: usize,
    /// Requests that no other event tells of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub untold: usize,
}

/// A finding that came again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recurred {
    /// The case that shows it in its least form.
    pub case: String,
    /// Its clause.
    pub clause: ClauseId,
    /// In how many generated cases it was seen.
    pub scripts: u64,
}

/// A finding that does not come every time: no verdict hangs on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flaky {
    /// The case.
    pub case: String,
    /// The clause.
    pub clause: ClauseId,
    /// What was looked for, in words.
    pub fingerprint: String,
    /// How often it was seen.
    pub times: usize,
    /// How often the case was played.
    pub of: usize,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// A note for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    /// The case, empty for the run.
    pub case: String,
    /// The text.
    pub text: String,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEnded {
    /// When, milliseconds since 1970-01-01 UTC, by the clock of the run.
    pub at_ms: u64,
    /// Whether it was interrupted.
    pub interrupted: bool,
}

/// Why a line of a journal could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The line is no event.
    #[error("not an event of a stopcheck journal: {0}")]
    NoEvent(serde_json::Error),
    /// The journal was written in another form.
    #[error("the journal has schema {0}, this stopcheck reads schema {SCHEMA}")]
    OtherSchema(u32),
}

impl Finding {
    /// The step that shows it, 0 if its id names none.
    pub fn step(&self) -> usize {
        let step = self.id.split_once('#').and_then(|(_, rest)| rest.split_once('/'));
        step.and_then(|(step, _)| step.parse().ok()).unwrap_or(0)
    }
}

impl Event {
    /// The event as one line of a journal, without its end.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("events hold nothing that JSON cannot")
    }

    /// The event of a line.
    pub fn from_line(line: &str) -> Result<Event, LineError> {
        // The schema is looked at first: an event of another schema would fail for a reason that misleads.
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

    /// The case that an event belongs to; none for those of the run as a whole.
    pub fn case(&self) -> Option<&str> {
        let case = match self {
            Event::RunStarted(_) | Event::Explored(_) | Event::RunEnded(_) => return None,
            Event::CaseStarted(event) => &event.case,
            Event::FixtureReady(event) => &event.case,
            Event::StepStarted(event) => &event.case,
            Event::Exchanged(event) => &event.case,
            Event::Wired(event) => &event.case,
            Event::Judged(event) => &event.case,
            Event::CaseEnded(event) => &event.case,
            Event::Noted(event) => &event.case,
            Event::Recurred(event) => &event.case,
            Event::Flaky(event) => &event.case,
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
            "the journal has schema 99, this stopcheck reads schema 1"
        );
        assert!(Event::from_line("{}").is_err());
        assert!(Event::from_line("not json").is_err());
    }
}
