//! The contract of an action: clauses, tables and scenarios, as checked values.
//!
//! Enters: the text of the files in `specs/`. Leaves: a [`Contract`] for one [`Edition`], in which every reference
//! resolves. A `Contract` in hand is a checked contract; nobody downstream asks again. No opinion of an endpoint
//! and no wire format lives here.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::call::Form;

mod document;
mod embedded;
mod load;
pub mod manual;
mod mistake;
mod pattern;
mod range;
mod recorded;
mod rows;
pub mod vocabulary;

pub use embedded::EMBEDDED;
#[cfg(test)]
pub(crate) use load::tests::GOOD as SMALL;
pub use load::{embedded, extended, load};
pub use manual::TableKey;
pub(crate) use mistake::distance;
pub use mistake::{LoadError, LoadErrors, Mistake};
pub use pattern::Pattern;
pub use recorded::{Framing, Grade, Moment, Recorded, RecordedFixture, RecordedLook};
pub use vocabulary::{Check, Condition, State};

/// The contract of `StopInstances` as it holds in one edition.
#[derive(Debug, Clone)]
pub struct Contract {
    /// The action that this contract is about, `StopInstances`.
    pub action: String,
    /// The edition for which it was made.
    pub edition: Edition,
    /// Every clause under its id, also those that do not hold in this edition.
    pub clauses: Vec<Clause>,
    /// The request parameters of the action, also those that it got later than this edition.
    pub parameters: Vec<Parameter>,
    /// The state codes and names.
    pub states: Vec<StateCode>,
    /// What an accepted state change answers, per action and prior state.
    pub transitions: Vec<Transition>,
    /// What is refused, and how.
    pub refusals: Vec<Refusal>,
    /// Which of two reasons to refuse a call is expected to be named.
    pub precedences: Vec<Precedence>,
    /// Which refusals of sister actions pass by themselves.
    pub passing: Vec<Passing>,
    /// The named cases that apply in this edition.
    pub scenarios: Vec<Scenario>,
    /// What the short source keys (`M`, `API`, `R14`) stand for.
    pub sources: Vec<Source>,
    /// What the real service was recorded to answer, as far as it fits this edition.
    pub recorded: Vec<Recorded>,
}

/// The address of a clause, for instance `DRY-04`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct ClauseId(Arc<str>);

/// A point in time of Amazon's documentation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Edition {
    /// The text this project was given: 2017-10-03 to 2018-11-28.
    #[serde(rename = "2017-10")]
    October2017,
    /// Today's service.
    #[default]
    #[serde(rename = "current")]
    Current,
}

/// One sentence of the contract.
#[derive(Debug, Clone)]
pub struct Clause {
    /// Its address.
    pub id: ClauseId,
    /// The chapter it belongs to, for instance `dry-run`.
    pub group: String,
    /// How binding it is.
    pub level: Level,
    /// How well it is known.
    pub confidence: Confidence,
    /// The month of the newest evidence for it, `2026-09`; none for what is only reasoned.
    pub confirmed: Option<String>,
    /// Whether it holds in the edition of the contract.
    pub holds: bool,
    /// The range of editions in which it holds, as written in the specs, for people.
    pub range: String,
    /// The sentence, in our words.
    pub statement: String,
    /// Source keys, resolved by [`Contract::sources`]; some are free text.
    pub sources: Vec<String>,
    /// What is accepted, or a remark for the reader.
    pub note: Option<String>,
    /// The checks of the code that judge it wherever they apply.
    pub checks: Vec<Check>,
    /// Why it cannot be tested through the API, if it cannot.
    pub untested: Option<String>,
}

/// The requirement level of RFC 2119.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// MAY: nothing follows from either behaviour.
    May,
    /// SHOULD: a deviation is a warning.
    Should,
    /// MUST NOT: as MUST.
    MustNot,
    /// MUST: a deviation decides the run, if the clause is known well enough.
    Must,
}

/// How well a clause is known, from least to best.
///
/// The default is the least with which a clause decides a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Confidence {
    /// Documented or recorded for another action only: a hint, which never decides a run.
    #[serde(rename = "sibling")]
    Sibling,
    /// Sources disagree.
    #[serde(rename = "contradicted")]
    Contradicted,
    /// Reasoned from other facts; never decides a run by default.
    #[serde(rename = "inferred")]
    Inferred,
    #[default]
    /// In Amazon's documentation or official model.
    #[serde(rename = "documented")]
    Documented,
    /// Seen in a captured or quoted answer of the real service.
    #[serde(rename = "recorded")]
    Recorded,
    /// Both.
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
    /// Whether the action has it in the edition of the contract.
    pub holds: bool,
}

/// The type of a parameter on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParameterKind {
    /// `true` or `false`.
    Boolean,
    /// Flattened, 1-based list of strings.
    StringList,
}

/// A state as it stands on the wire.
#[derive(Debug, Clone)]
pub struct StateCode {
    /// The low byte of `code`.
    pub code: u8,
    /// The value of `name`.
    pub name: String,
}

/// What an accepted call of an action answers for one instance, by its prior state.
#[derive(Debug, Clone)]
pub struct Transition {
    /// The action, for instance `StopInstances`.
    pub action: String,
    /// The state the instance is in when the call arrives.
    pub from: State,
    /// The answers that are accepted; the first is the expected one.
    pub answers: Vec<TransitionAnswer>,
    /// The clauses that say so; violated when the call is refused or answers otherwise.
    pub clauses: Vec<ClauseId>,
}

/// One accepted pair of `previousState` and `currentState`, and where the instance is then.
#[derive(Debug, Clone)]
pub struct TransitionAnswer {
    /// The accepted name in `previousState`.
    pub previous: String,
    /// The accepted name in `currentState`.
    pub current: String,
    /// The state the instance is in right afterwards.
    pub then: State,
    /// Accepted, but reported as a warning under the transition's clauses.
    pub odd: bool,
}

/// What happens to a call for which a condition holds.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The condition.
    pub condition: Condition,
    /// Whether it must be refused.
    pub demand: Demand,
    /// The accepted errors; the first is the preferred one. None at all means any error.
    pub answers: Vec<RefusalAnswer>,
    /// Conditions that no longer count when this one holds: they are examined later by the service.
    pub masks: Vec<Condition>,
    /// Whether the real service was seen to refuse such a call without an answer in its own form: another status, and a
    /// body that is no error document, then warn at most.
    pub any_form: bool,
    /// The clauses violated, by what deviates.
    pub clauses: Aspects,
}

/// How strictly a refusal is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Demand {
    /// Acceptance is a violation.
    Must,
    /// Acceptance is a warning, whatever the level of the clause: the evidence has a gap.
    Should,
    /// Refusal and acceptance are both fine.
    May,
    /// Acceptance is expected; this refusal is tolerated with a warning.
    Tolerated,
}

/// One accepted error.
#[derive(Debug, Clone)]
pub struct RefusalAnswer {
    /// The error code.
    pub code: String,
    /// The accepted HTTP status codes.
    pub status: Vec<u16>,
    /// A pattern (regular expression) of the message, if one is known.
    pub message: Option<String>,
}

/// The clauses of a refusal, by the aspect that deviates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Aspects {
    /// The call was accepted.
    pub refused: Vec<ClauseId>,
    /// The HTTP status is another.
    pub status: Vec<ClauseId>,
    /// The error code is another.
    pub code: Vec<ClauseId>,
    /// The error is an accepted one, but not the preferred.
    pub preferred: Vec<ClauseId>,
    /// The message does not match.
    pub message: Vec<ClauseId>,
    /// The call changed the instance at fault, or any, where the fault is the request's.
    pub effect: Vec<ClauseId>,
    /// The call changed an instance that merely stood in the same request as the one at fault.
    pub bystanders: Vec<ClauseId>,
}

/// Of two conditions that both hold, the one whose refusal is expected.
#[derive(Debug, Clone)]
pub struct Precedence {
    /// The condition whose refusal is expected.
    pub first: Condition,
    /// The condition whose refusal is then a deviation.
    pub before: Condition,
    /// The clauses that say so.
    pub clauses: Vec<ClauseId>,
}

/// Refusals of a sister action that pass by themselves, whatever the instance is.
#[derive(Debug, Clone)]
pub struct Passing {
    /// The action.
    pub action: String,
    /// Their codes.
    pub codes: Vec<String>,
}

/// A named case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// A stable slash-path, for instance `refuse/terminated`.
    pub name: String,
    /// One sentence: what it shows.
    pub purpose: String,
    /// The clauses it is there for.
    pub clauses: Vec<ClauseId>,
    /// The instances it needs, by the short name that its steps use.
    pub fixtures: Vec<(String, FixtureKind)>,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// What an instance must be before the case begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FixtureKind {
    /// The state it is brought to.
    pub state: State,
    /// On-demand or Spot.
    pub market: Market,
    /// The root device type.
    pub root: Root,
    /// `disableApiStop`.
    pub stop_protected: bool,
    /// `disableApiTermination`.
    pub termination_protected: bool,
    /// Configured for hibernation at launch.
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
#[serde(rename_all = "kebab-case")]
pub enum Market {
    /// On demand.
    #[default]
    OnDemand,
    /// By a one-time Spot request.
    OneTimeSpot,
    /// By a persistent Spot request whose interruption behaviour is `stop`.
    PersistentSpot,
}

/// The root device type of an instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
pub struct Step {
    /// What is done.
    pub act: Act,
    /// Clauses that this step decides beyond those of the tables: violated when the step's answer is wrong
    /// although the control step's was right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witness: Vec<ClauseId>,
    /// The plain form of what a later step varies. If it fails, the witness clauses of the case cannot be told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub control: bool,
    /// A name for the answer, for later steps to be compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What the answer must be the same as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<SameAs>,
}

/// What the answer of a call must be the same as. Compared are the status, the error code, and who went from which
/// state to which; not messages and not the order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SameAs {
    /// The labels of earlier calls of the case. The answers of several are taken together, as of singles for a batch.
    pub labels: Vec<String>,
    /// Which instance of this call stands for which of the earlier ones: names in a scenario, ids in a journal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<(String, String)>,
    /// The clauses that promise it.
    pub clauses: Vec<ClauseId>,
}

/// What a step does. Text may hold `{a}` for the id of fixture `a`, `{a.spot}` for its Spot request, `{a.upper}` for
/// its id in upper case, `{unknown}`, `{unknown2}` … for ids of eight digits that nobody owns, and `{long}` for one of
/// seventeen digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// One call, answered and judged; a refusal is followed by the proof that nothing changed.
    Call(CallTemplate),
    /// The same call several times at once.
    Together(CallTemplate, u8),
    /// Poll until the named fixtures are in this state.
    Settle(Vec<String>, State),
    /// Describe the whole fleet of the case and judge what is seen.
    Observe,
    /// Launch one more instance under this name. It is in whatever state the endpoint answers; the state of the kind
    /// means nothing.
    Launch(String, FixtureKind),
    /// Let so many milliseconds pass without looking.
    Pass(u32),
    /// Look until no instance is on its way to another state.
    Rest,
}

/// A call with holes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallTemplate {
    /// The action, `None` to leave it out.
    pub action: Option<String>,
    /// Parameters, literal names; values may hold references.
    pub params: Vec<(String, String)>,
    /// How it travels.
    #[serde(default, skip_serializing_if = "Form::is_plain")]
    pub form: Form,
}

/// What a short source key stands for.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The key, for instance `API` or `R14`.
    pub key: String,
    /// What it is.
    pub title: String,
    /// The address at which it can be read, if it is public.
    pub url: Option<String>,
    /// The licence of data that was taken from it, if it states one, as an SPDX identifier.
    pub licence: Option<String>,
}

/// A text as a string of TOML, on one line and of visible characters alone. Python reads it as the same text.
pub fn quoted(text: &str) -> String {
    document::quoted(text)
}

/// The address of the issue or pull request that `owner/repo#7` names.
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
    /// The clause with this id.
    pub fn clause(&self, id: &ClauseId) -> Option<&Clause> {
        self.clauses.iter().find(|clause| clause.id == *id)
    }

    /// What a source of a clause stands for: all of its text is a key, or its first word is, as in `H 480452881`.
    pub fn source(&self, text: &str) -> Option<&Source> {
        let find = |key: &str| self.sources.iter().find(|source| source.key == key);
        find(text).or_else(|| find(text.split(' ').next().unwrap_or_default()))
    }

    /// Whether an action may answer this code for a while, whatever the instance is.
    pub fn passes_by_itself(&self, action: &str, code: &str) -> bool {
        self.passing
            .iter()
            .any(|row| row.action == action && row.codes.iter().any(|known| known == code))
    }

    /// The address of a citation: that of its source, or of the GitHub thread that a text like `owner/repo#7` names.
    pub fn url(&self, text: &str) -> Option<String> {
        match self.source(text) {
            Some(source) => source.url.clone(),
            None => github_thread(text),
        }
    }

    /// The clauses that hold in this edition and are judged by this check.
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
    /// A step that does this and nothing besides.
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
    /// The call of a step that makes one.
    pub fn call(&self) -> Option<&CallTemplate> {
        match self {
            Act::Call(call) | Act::Together(call, _) => Some(call),
            Act::Settle(..) | Act::Observe | Act::Launch(..) | Act::Pass(_) | Act::Rest => None,
        }
    }

    /// The same, to change it.
    pub fn call_mut(&mut self) -> Option<&mut CallTemplate> {
        match self {
            Act::Call(call) | Act::Together(call, _) => Some(call),
            Act::Settle(..) | Act::Observe | Act::Launch(..) | Act::Pass(_) | Act::Rest => None,
        }
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

impl Level {
    /// The word of RFC 2119.
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
    /// The label of the evidence.
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
