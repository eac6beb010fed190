//! The contract of an action: clauses, tables and scenarios, as checked values.
//!
//! Input: the text of the files in `specs/`. Output: a [`Contract`] for one [`Edition`], in which every reference
//! resolves. A `Contract` in hand has been checked, so later code does not check it again. This module neither judges
//! an endpoint nor knows the wire format.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::call::Form;

pub mod document;
mod embedded;
mod load;
pub mod manual;
mod mistake;
mod pattern;
mod question;
mod range;
mod recorded;
mod rows;
pub mod vocabulary;
pub mod written;

pub use embedded::EMBEDDED;
pub use load::{embedded, extended, load};
pub use manual::TableKey;
pub use mistake::{LoadError, LoadErrors, Mistake, distance};
pub use pattern::Pattern;
pub use question::Question;
pub use recorded::{Framing, Grade, Moment, Recorded, RecordedFixture, RecordedLook};
pub use vocabulary::{Check, Condition, State};

/// The contract of `StopInstances` in one edition.
#[derive(Debug, Clone)]
pub struct Contract {
    /// The action that this contract is about, `StopInstances`.
    pub action: String,
    /// The edition that it was loaded for.
    pub edition: Edition,
    /// All clauses, including those that do not hold in this edition.
    pub clauses: Vec<Clause>,
    /// The request parameters of the action, including those that were added after this edition.
    pub parameters: Vec<Parameter>,
    /// The state codes and names.
    pub states: Vec<StateCode>,
    /// The states that an accepted call returns, for each action and prior state.
    pub transitions: Vec<Transition>,
    /// The conditions for which a call is refused, and the accepted errors.
    pub refusals: Vec<Refusal>,
    /// Which refusal is expected if two conditions hold for a call.
    pub precedences: Vec<Precedence>,
    /// The refusals of sibling actions that are temporary.
    pub passing: Vec<Passing>,
    /// The named cases that apply in this edition.
    pub scenarios: Vec<Scenario>,
    /// The meaning of the short source keys (`M`, `API`, `R14`).
    pub sources: Vec<Source>,
    /// The recorded answers of the real service that fit this edition.
    pub recorded: Vec<Recorded>,
    /// What is not known of the real service.
    pub questions: Vec<Question>,
}

/// Actions that a step may call in addition to the action under test, and that have no rows in the contract.
pub const AUXILIARY_ACTIONS: &[&str] = &[
    "CancelSpotInstanceRequests",
    "DescribeInstanceAttribute",
    "DescribeInstanceStatus",
    "DescribeInstances",
    "DescribeSpotInstanceRequests",
    "ModifyInstanceAttribute",
    "RebootInstances",
];

/// The address of a clause, for instance `DRY-04`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(from = "String", into = "String")]
pub struct ClauseId(Arc<str>);

/// A point in time of Amazon's documentation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Edition {
    /// The documentation that this project was given: 2017-10-03 to 2018-11-28.
    #[serde(rename = "2017-10")]
    October2017,
    /// The service as it is today.
    #[default]
    #[serde(rename = "current")]
    Current,
}

/// One sentence of the contract.
#[derive(Debug, Clone)]
pub struct Clause {
    /// Its address.
    pub id: ClauseId,
    /// The chapter that it belongs to, for instance `dry-run`.
    pub group: String,
    /// How binding it is.
    pub level: Level,
    /// How well it is known.
    pub confidence: Confidence,
    /// The month of the newest evidence for it, for instance `2026-09`; `None` if the clause is only inferred.
    pub confirmed: Option<String>,
    /// Whether it holds in the edition of the contract.
    pub holds: bool,
    /// The range of editions in which it holds, as text for people.
    pub range: String,
    /// The requirement, in our own words.
    pub statement: String,
    /// Source keys, resolved by [`Contract::sources`]; some are free text.
    pub sources: Vec<String>,
    /// Which behaviour is accepted, or a remark for the reader.
    pub note: Option<String>,
    /// The checks that judge it wherever they apply.
    pub checks: Vec<Check>,
    /// Why it cannot be tested through the API, if it cannot.
    pub untested: Option<String>,
    /// The scenario whose failure explains that this clause is violated: an endpoint that verifies no signature at all
    /// cannot keep what is said of a part of one.
    pub explained_by: Option<String>,
}

/// The requirement level of RFC 2119.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// MAY: both behaviours are allowed.
    May,
    /// SHOULD: a deviation is a warning.
    Should,
    /// MUST NOT: treated like MUST.
    MustNot,
    /// MUST: a deviation fails the run if the clause is known well enough.
    Must,
}

/// How well a clause is known, ordered from worst to best.
///
/// The default is the lowest confidence with which a clause decides a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Confidence {
    /// Documented or recorded only for another action: a hint, which never decides a run.
    #[serde(rename = "sibling")]
    Sibling,
    /// Sources disagree.
    #[serde(rename = "contradicted")]
    Contradicted,
    /// Inferred from other facts; never decides a run by default.
    #[serde(rename = "inferred")]
    Inferred,
    #[default]
    /// Stated in Amazon's documentation or official model.
    #[serde(rename = "documented")]
    Documented,
    /// Seen in a captured or quoted answer of the real service.
    #[serde(rename = "recorded")]
    Recorded,
    /// Both documented and recorded.
    #[serde(rename = "documented+recorded")]
    DocumentedAndRecorded,
}

/// A request parameter of the action.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// The wire name; a list is written with `.N`, for instance `InstanceId.N`.
    pub name: String,
    /// `boolean` or `string list`.
    pub kind: ParameterKind,
    /// Whether a call without it is refused.
    pub required: bool,
    /// Whether the action has the parameter in the edition of the contract.
    pub holds: bool,
}

/// The type of a parameter on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ParameterKind {
    /// `true` or `false`.
    Boolean,
    /// Flattened, 1-based list of strings.
    StringList,
}

/// An instance state on the wire.
#[derive(Debug, Clone)]
pub struct StateCode {
    /// The low byte of `code`.
    pub code: u8,
    /// The value of `name`.
    pub name: String,
}

/// The states that an accepted call of an action returns for one instance, by its prior state.
#[derive(Debug, Clone)]
pub struct Transition {
    /// The action, for instance `StopInstances`.
    pub action: String,
    /// The state of the instance when the call arrives.
    pub from: State,
    /// The accepted answers; the first is the expected one.
    pub answers: Vec<TransitionAnswer>,
    /// The clauses that require it; violated if the call is refused or returns other states.
    pub clauses: Vec<ClauseId>,
}

/// An accepted pair of `previousState` and `currentState`, and the state that follows.
#[derive(Debug, Clone)]
pub struct TransitionAnswer {
    /// The accepted name in `previousState`.
    pub previous: String,
    /// The accepted name in `currentState`.
    pub current: String,
    /// The state of the instance right after the call.
    pub then: State,
    /// Whether this answer is accepted but reported as a warning for the clauses of the transition.
    pub odd: bool,
}

/// How a call must be treated if a condition holds.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The condition.
    pub condition: Condition,
    /// Whether the call must be refused.
    pub demand: Demand,
    /// The accepted errors; the first is the preferred one. An empty list accepts any error.
    pub answers: Vec<RefusalAnswer>,
    /// Conditions that are ignored if this one holds, because the service checks them later.
    pub masks: Vec<Condition>,
    /// Whether the real service has refused such a call with a response that is not in its own error format. If so,
    /// another status or a body that is not an error document causes at most a warning.
    pub any_form: bool,
    /// The violated clauses, by what deviates.
    pub clauses: Aspects,
}

/// How strictly a refusal is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Demand {
    /// Acceptance is a violation.
    Must,
    /// Acceptance is a warning, regardless of the level of the clause, because the evidence has a gap.
    Should,
    /// Refusal and acceptance are both allowed.
    May,
    /// Acceptance is expected; a refusal is tolerated with a warning.
    Tolerated,
}

/// One accepted error.
#[derive(Debug, Clone)]
pub struct RefusalAnswer {
    /// The error code.
    pub code: String,
    /// The accepted HTTP status codes.
    pub status: Vec<u16>,
    /// A pattern (regular expression) for the message, if one is known.
    pub message: Option<String>,
}

/// The clauses of a refusal, by what deviates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Aspects {
    /// The call was accepted.
    pub refused: Vec<ClauseId>,
    /// The HTTP status differs.
    pub status: Vec<ClauseId>,
    /// The error code differs.
    pub code: Vec<ClauseId>,
    /// The error is accepted, but is not the preferred one.
    pub preferred: Vec<ClauseId>,
    /// The message does not match.
    pub message: Vec<ClauseId>,
    /// The refused call changed the instance that caused the refusal, or any instance if the request itself was at
    /// fault.
    pub effect: Vec<ClauseId>,
    /// The refused call changed an instance that was only named in the same request.
    pub bystanders: Vec<ClauseId>,
}

/// Which refusal is expected if two conditions hold.
#[derive(Debug, Clone)]
pub struct Precedence {
    /// The condition whose refusal is expected.
    pub first: Condition,
    /// The condition whose refusal is a deviation if both hold.
    pub before: Condition,
    /// The clauses that require it.
    pub clauses: Vec<ClauseId>,
}

/// Temporary refusals of a sibling action, which may occur for any instance.
#[derive(Debug, Clone)]
pub struct Passing {
    /// The action.
    pub action: String,
    /// The error codes.
    pub codes: Vec<String>,
}

/// A named case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Scenario {
    /// A stable slash-path, for instance `refuse/terminated`.
    pub name: String,
    /// One sentence that says what the case shows.
    pub purpose: String,
    /// The clauses that the case covers.
    pub clauses: Vec<ClauseId>,
    /// The instances that it needs, by the short names that its steps use.
    pub fixtures: Vec<(String, FixtureKind)>,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// The properties that an instance must have before the case begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FixtureKind {
    /// The state that it is brought to.
    pub state: State,
    /// On-Demand or Spot.
    pub market: Market,
    /// The root device type.
    pub root: Root,
    /// `disableApiStop`.
    pub stop_protected: bool,
    /// `disableApiTermination`.
    pub termination_protected: bool,
    /// Whether it is configured for hibernation at launch.
    pub hibernation: bool,
}

impl Default for FixtureKind {
    fn default() -> Self {
        FixtureKind {
            state: State::Running,
            market: Market::OnDemand,
            root: Root::Ebs,
            stop_protected: false,
            termination_protected: false,
            hibernation: false,
        }
    }
}

/// How an instance was bought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Market {
    /// On-Demand.
    #[default]
    OnDemand,
    /// By a one-time Spot request.
    OneTimeSpot,
    /// By a persistent Spot request whose interruption behaviour is `stop`.
    PersistentSpot,
}

/// The root device type of an instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Root {
    /// An EBS volume.
    #[default]
    Ebs,
    /// The instance store.
    InstanceStore,
}

/// One step of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Step {
    /// What the step does.
    pub act: Act,
    /// Clauses that this step decides in addition to those of the tables. They are violated if the answer of this step
    /// is wrong although the answer of the control step was right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witness: Vec<ClauseId>,
    /// Whether this step is the plain form of a call that later steps vary. If its answer is wrong, the witness clauses
    /// of the case are inconclusive.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub control: bool,
    /// A name for the answer, by which later steps refer to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The earlier answers that this answer must equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<SameAs>,
}

/// The earlier answers that the answer of a call must equal.
///
/// The comparison covers the status, the error code, and the previous and current state of each instance. It ignores
/// messages and the order of the items.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SameAs {
    /// The labels of earlier calls of the case. The answers of several calls are combined, for instance those of single
    /// calls for comparison with a batch.
    pub labels: Vec<String>,
    /// Which instance of this call corresponds to which instance of the earlier ones: names in a scenario, ids in a
    /// journal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<(String, String)>,
    /// The clauses that require it.
    pub clauses: Vec<ClauseId>,
}

/// What a step does.
///
/// Text may contain references: `{a}` is the id of fixture `a`, `{a.spot}` its Spot request, and `{a.upper}` its id in
/// upper case. `{unknown}`, `{unknown2}` … are ids of eight digits that nobody owns, and `{long}` is one of seventeen
/// digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Send one call and judge its answer. After a refusal, a description shows that nothing changed.
    Call(CallTemplate),
    /// Send a call that lists, and then for the next page, up to so many pages.
    Pages(CallTemplate, u8),
    /// Send the calls of several callers at the same time. Each caller sends its own calls one after another.
    Overlap(Vec<Vec<CallTemplate>>),
    /// Poll until the named fixtures are in this state.
    Settle(Vec<String>, State),
    /// Describe all instances of the case and judge the result.
    Observe,
    /// Launch one more instance under this name. Its state is the one that the endpoint returns; the state in the kind
    /// is ignored.
    Launch(String, FixtureKind),
    /// Wait for this many milliseconds without describing instances.
    Pass(u32),
    /// Describe the instances until none is in transition to another state.
    Rest,
}

/// A call whose values may contain references.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CallTemplate {
    /// The action, `None` to leave it out.
    pub action: Option<String>,
    /// The parameters: names are literal, values may contain references.
    pub params: Vec<(String, String)>,
    /// How the call is sent.
    #[serde(default, skip_serializing_if = "Form::is_plain")]
    pub form: Form,
}

/// The meaning of a short source key.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The key, for instance `API` or `R14`.
    pub key: String,
    /// The title of the source.
    pub title: String,
    /// The URL of the source, if it is public.
    pub url: Option<String>,
    /// The licence of data taken from the source, if it states one, as an SPDX identifier.
    pub licence: Option<String>,
}

/// Formats a text as a TOML string on one line, with only visible characters. Python reads it as the same text.
pub fn quoted(text: &str) -> String {
    document::quoted(text)
}

/// Returns the URL of the issue or pull request in a citation like `owner/repo#7`.
fn github_thread(text: &str) -> Option<String> {
    let (repository, number) = text.split_once('#')?;
    let (owner, name) = repository.split_once('/')?;
    let is_name = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    (is_name(owner) && is_name(name) && is_number)
        .then(|| format!("https://github.com/{owner}/{name}/issues/{number}"))
}

impl Contract {
    /// Returns the clause with this id.
    pub fn clause(&self, id: &ClauseId) -> Option<&Clause> {
        self.clauses.iter().find(|clause| clause.id == *id)
    }

    /// Returns the source that a citation refers to. The key is the whole text, or its first word as in `H 480452881`.
    pub fn source(&self, text: &str) -> Option<&Source> {
        let find = |key: &str| self.sources.iter().find(|source| source.key == key);
        find(text).or_else(|| find(text.split(' ').next().unwrap_or_default()))
    }

    /// Whether this error code of an action is temporary, for any instance.
    pub fn passes_by_itself(&self, action: &str, code: &str) -> bool {
        self.passing
            .iter()
            .any(|row| row.action == action && row.codes.iter().any(|known| known == code))
    }

    /// Returns the URL of a citation: that of its source, or of the GitHub thread in a text like `owner/repo#7`.
    pub fn url(&self, text: &str) -> Option<String> {
        match self.source(text) {
            Some(source) => source.url.clone(),
            None => github_thread(text),
        }
    }

    /// The clauses that hold in this edition and that this check judges.
    pub fn clauses_of(&self, check: Check) -> impl Iterator<Item = &Clause> {
        self.clauses
            .iter()
            .filter(move |clause| clause.holds && clause.checks.contains(&check))
    }
}

impl Clause {
    /// Whether a violation of this clause fails a run by default: MUST, and documented or recorded.
    pub fn decides(&self) -> bool {
        self.level >= Level::MustNot && self.confidence >= Confidence::default()
    }
}

impl From<Act> for Step {
    /// A step with this act and no other properties.
    fn from(act: Act) -> Self {
        Step {
            act,
            witness: Vec::new(),
            control: false,
            label: None,
            same_as: None,
        }
    }
}

impl Act {
    /// The calls of this act, those of each caller in order.
    pub fn calls(&self) -> impl DoubleEndedIterator<Item = &CallTemplate> {
        let (one, several) = match self {
            Act::Call(call) | Act::Pages(call, _) => (Some(call), &[][..]),
            Act::Overlap(callers) => (None, callers.as_slice()),
            Act::Settle(..) | Act::Observe | Act::Launch(..) | Act::Pass(_) | Act::Rest => (None, &[][..]),
        };
        one.into_iter().chain(several.iter().flatten())
    }

    /// The calls of this act, mutably.
    pub fn calls_mut(&mut self) -> impl Iterator<Item = &mut CallTemplate> {
        let (one, several) = match self {
            Act::Call(call) | Act::Pages(call, _) => (Some(call), None),
            Act::Overlap(callers) => (None, Some(callers)),
            Act::Settle(..) | Act::Observe | Act::Launch(..) | Act::Pass(_) | Act::Rest => (None, None),
        };
        one.into_iter().chain(several.into_iter().flatten().flatten())
    }
}

impl ClauseId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for ClauseId {
    fn from(text: String) -> Self {
        ClauseId(text.into())
    }
}

impl From<&str> for ClauseId {
    fn from(text: &str) -> Self {
        ClauseId(text.into())
    }
}

impl From<ClauseId> for String {
    fn from(id: ClauseId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for ClauseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Edition {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Edition::October2017 => "2017-10",
            Edition::Current => "current",
        }
    }
}

impl Root {
    /// The name on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Root::Ebs => "ebs",
            Root::InstanceStore => "instance-store",
        }
    }
}

impl Level {
    /// The keyword of RFC 2119.
    pub fn word(self) -> &'static str {
        match self {
            Level::May => "MAY",
            Level::Should => "SHOULD",
            Level::MustNot => "MUST NOT",
            Level::Must => "MUST",
        }
    }
}

impl Confidence {
    /// The name of the confidence, as in the specs.
    pub fn word(self) -> &'static str {
        match self {
            Confidence::Contradicted => "contradicted",
            Confidence::Inferred => "inferred",
            Confidence::Sibling => "sibling",
            Confidence::Documented => "documented",
            Confidence::Recorded => "recorded",
            Confidence::DocumentedAndRecorded => "documented+recorded",
        }
    }
}
