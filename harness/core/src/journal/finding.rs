//! Findings: what the judge concluded about a clause, in types.
//!
//! The judge makes findings, reporters write them in words ([`crate::words`]), and [`Fingerprint`]s compare them. A
//! finding holds no sentence of ours. Text from an endpoint is an [`Excerpt`], and lists from an endpoint are a [`Few`],
//! so no answer can fill a journal.

use serde::{Deserialize, Serialize};

use super::{CallInterval, Ending, Excerpt, Few, Fingerprint, LaunchProperty};
use crate::contract::{Check, ClauseId, Condition, State};
use crate::verdict::Verdict;

/// One deviation of the endpoint, or one clause that could not be decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// The case.
    pub case: String,
    /// The step.
    pub step: usize,
    /// The clause.
    pub clause: ClauseId,
    /// The severity.
    pub verdict: Verdict,
    /// What was allowed; several entries where several observations of the step deviate.
    pub expected: Vec<Expected>,
    /// What was observed.
    pub observed: Vec<Observed>,
    /// The conditions that certainly held for the call of the step, sorted by their words; empty for a step without a
    /// call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub circumstances: Vec<Condition>,
    /// The exchange that shows it first: its index among the judged exchanges of the step, from 0. Raw exchanges come
    /// first, then those with the roles `act`, `look` and `ask`. `None` if no single exchange shows it, or if the calls
    /// of the step overlapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<usize>,
}

impl Finding {
    /// Returns `CASE#STEP/CLAUSE`: unique in a run, and the same in every run of the same plan.
    pub fn id(&self) -> String {
        format!("{}#{}/{}", self.case, self.step, self.clause)
    }
}

/// Something that the contract allows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Expected {
    /// One of these refusals.
    Refusal {
        /// The refusals.
        answers: Vec<AllowedRefusal>,
    },
    /// These changes of instances.
    Changes {
        /// The status of the answer, if that is expected, too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// The changes.
        items: Vec<AllowedChange>,
    },
    /// One item for each of these instances.
    Items {
        /// The instances.
        ids: Vec<Excerpt>,
    },
    /// A status in a range.
    Status {
        /// The least.
        from: u16,
        /// The greatest.
        to: u16,
    },
    /// Of the accepted error codes, the recorded one.
    PreferredCode {
        /// The code.
        code: String,
    },
    /// A message that matches a pattern.
    Message {
        /// The pattern, as in the contract.
        pattern: String,
    },
    /// The refusal for one of the conditions that hold.
    RefusalFor {
        /// The condition.
        condition: Condition,
    },
    /// This root element.
    Root {
        /// The name.
        name: String,
        /// The namespace, if that is expected, too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
    },
    /// So many elements.
    Elements {
        /// Their name.
        name: String,
        /// Their number.
        count: usize,
    },
    /// This header field.
    Header {
        /// The name.
        name: String,
        /// The value.
        value: String,
    },
    /// An instance in one of these states.
    State {
        /// The instance.
        id: Excerpt,
        /// The states, in the order of an instance's life.
        states: Vec<State>,
        /// Whether the instance was in one of them before the call, and must not be changed by it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unchanged: bool,
    },
    /// An instance that is reported as unknown is no longer described.
    Gone {
        /// The instance.
        id: Excerpt,
    },
    /// What a description gives as the reason of a state.
    Reason {
        /// The text of `reason`, if that is expected.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Excerpt>,
        /// `stateReason`, if that is expected.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state_reason: Option<DescribedReason>,
    },
    /// The answer of earlier steps of the same case.
    Same {
        /// The steps; empty if the answer is compared with none of them in particular.
        steps: Vec<usize>,
        /// Their answers, any of which may come again; empty if they are not known.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        answers: Vec<AnswerSummary>,
    },
    /// Answers with these root elements, in this order.
    InTurn {
        /// The names of the root elements.
        roots: Vec<String>,
    },
    /// Any answer.
    Answer,
    /// What a check demands of every endpoint.
    Rule {
        /// The check.
        check: Check,
    },
}

/// Something that an endpoint did, or the reason why a clause could not be decided.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Observed {
    /// An answer.
    Answer(AnswerSummary),
    /// The status of an answer.
    Status {
        /// The status code.
        status: u16,
    },
    /// One item of an answer.
    Change(StateChanged),
    /// An instance in a description.
    State {
        /// The instance.
        id: Excerpt,
        /// The name of its state, empty if the description has none; `None` if the instance is not described.
        state: Option<Excerpt>,
        /// Whether the description was sent to see what the call of the same step did.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        after_call: bool,
    },
    /// How long a stop took.
    StopTime {
        /// The instance.
        id: Excerpt,
        /// Whether the instance was described as stopped; otherwise it was still stopping.
        stopped: bool,
        /// The time from the call to the description, in milliseconds.
        ms: u64,
    },
    /// The reasons that a description gives for the state of an instance.
    Reason {
        /// The instance.
        id: Excerpt,
        /// The text of `reason`; empty if there is none.
        reason: Excerpt,
        /// `stateReason`.
        state_reason: Option<DescribedReason>,
        /// The distance of the time in `reason` from the `Date` of the answer, in seconds, if the two are compared.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        apart_s: Option<u64>,
    },
    /// A part of an instance.
    Part {
        /// The instance.
        id: Excerpt,
        /// The part.
        part: InstancePart,
        /// What it was, if it is compared.
        before: Few<Excerpt>,
        /// What it is.
        after: Few<Excerpt>,
    },
    /// Whether the status of an instance is listed.
    Listed {
        /// The instance.
        id: Excerpt,
        /// Whether it is.
        listed: bool,
    },
    /// An option that an instance was launched with, as it is described.
    LaunchOption {
        /// The instance.
        id: Excerpt,
        /// The option.
        property: LaunchProperty,
        /// What the description has instead; `None` if it has nothing.
        described: Option<Excerpt>,
    },
    /// A Spot request.
    SpotRequest {
        /// Its state.
        state: Excerpt,
        /// The code of its status.
        status: Excerpt,
    },
    /// Overlapping calls that found the instance running.
    FoundRunning {
        /// Their number.
        calls: usize,
    },
    /// Overlapping calls whose answers fit no order.
    History {
        /// The calls, in the order in which they began.
        calls: Few<OverlappingCall>,
    },
    /// The root element of a document.
    Root {
        /// The name.
        name: Excerpt,
        /// The namespace; empty if there is none.
        namespace: Excerpt,
    },
    /// The XML declaration of a document.
    Declaration {
        /// The version; `None` if there is no declaration.
        version: Option<Excerpt>,
        /// The encoding, if it is declared.
        encoding: Option<Excerpt>,
    },
    /// A header field.
    Header {
        /// The name.
        name: String,
        /// The value; `None` if the field is absent.
        value: Option<Excerpt>,
    },
    /// Elements of a document, by their number.
    Elements {
        /// Their name.
        name: String,
        /// Their number.
        count: usize,
    },
    /// Elements of a document, by their text.
    Values {
        /// Their name.
        name: String,
        /// Their texts.
        values: Few<Excerpt>,
    },
    /// Elements that are not as they should be.
    Oddities {
        /// What is wrong with them.
        oddities: Few<Oddity>,
    },
    /// States whose code and name do not belong together.
    StateCodes {
        /// The states.
        states: Few<WrittenState>,
    },
    /// What came on a connection.
    Wire {
        /// The answers, in order.
        answers: Few<AnswerSummary>,
        /// What became of the connection.
        ending: Ending,
        /// The first bytes that belong to no whole answer, escaped as in a Rust byte string.
        #[serde(default, skip_serializing_if = "Excerpt::is_empty")]
        rest: Excerpt,
    },
    /// Why a clause could not be decided.
    Undecided {
        /// The reason.
        why: Doubt,
        /// The instance that the reason is about, if it is about one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<Excerpt>,
        /// What was observed and may have another explanation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<Box<Observed>>,
    },
    /// A finding that did not recur every time its case was played.
    Flaky {
        /// How many times it occurred.
        times: usize,
        /// How many times the case was played.
        of: usize,
        /// The finding, if nothing else that was observed says which one it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fingerprint: Option<Fingerprint>,
    },
}

/// Why a clause could not be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// No answer came that says anything about the call.
    NoAnswer,
    /// The instances could not be described.
    NotDescribed,
    /// Descriptions of instances may not show yet what was answered before.
    DescriptionsLag,
    /// A Spot request may not show yet that its instance has stopped.
    RequestsLag,
    /// A second description has to confirm it.
    SeenOnce,
    /// The service was throttling or overloaded.
    Overloaded,
    /// The contract says that the refusal passes by itself.
    MayPass,
    /// A new id may not be known yet.
    NewId,
    /// Such a call may be refused, so a refusal does not show what an accepted call does.
    MayBeRefused,
    /// The plain form of the call was answered wrongly, too.
    PlainFormWrong,
    /// The answer that this one is compared with did not come.
    NothingToCompare,
    /// Answers of this action are not compared.
    NotCompared,
    /// There are too many orders of overlapping calls to try all.
    TooManyOrders,
    /// An instance was not in the same circumstances as in the earlier call, or not named by it.
    OtherCircumstances,
}

/// One of several overlapping calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OverlappingCall {
    /// Who sent it, and when.
    #[serde(flatten)]
    pub interval: CallInterval,
    /// Its action.
    pub action: Excerpt,
    /// The ids that it names.
    pub ids: Few<Excerpt>,
    /// Its answer; `None` if it came after what the history shows, or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerSummary>,
}

/// The previous and current state of an instance, by their names; empty where the answer has none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StatePair {
    /// The previous state.
    pub previous: Excerpt,
    /// The current state.
    pub current: Excerpt,
}

/// One item of the answer to a call that changes states.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StateChanged {
    /// The instance; empty if the item has no id.
    pub id: Excerpt,
    /// Its states.
    #[serde(flatten)]
    pub states: StatePair,
}

/// The changes that an answer may report for one instance.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AllowedChange {
    /// The instance.
    pub id: Excerpt,
    /// The states, any pair of which is allowed.
    pub states: Vec<StatePair>,
}

/// A refusal that the contract allows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AllowedRefusal {
    /// The status codes, any of which is allowed.
    pub status: Vec<u16>,
    /// The error code.
    pub code: String,
}

/// An answer, as far as it is compared and reported.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AnswerSummary {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: BodySummary,
}

/// The body of an answer, as far as it is compared and reported.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum BodySummary {
    /// The items of a success.
    Items {
        /// The items.
        items: Few<StateChanged>,
    },
    /// An error.
    Error {
        /// The code, without a prefix.
        code: Excerpt,
        /// The message, if it is of interest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<Excerpt>,
    },
    /// Another document.
    Document {
        /// The name of its root element.
        root: Excerpt,
    },
    /// No bytes.
    Empty,
    /// Bytes that are not an XML document.
    NotXml {
        /// Why not, if that is of interest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<Excerpt>,
    },
}

/// `stateReason` of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DescribedReason {
    /// The code.
    pub code: Excerpt,
    /// The message.
    pub message: Excerpt,
}

/// A state as an answer writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WrittenState {
    /// The text of `code`.
    pub code: Option<Excerpt>,
    /// The text of `name`.
    pub name: Option<Excerpt>,
}

/// A part of an instance that a stop must keep or release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum InstancePart {
    /// The private address.
    PrivateAddress,
    /// The public address.
    PublicAddress,
    /// The volumes.
    Volumes,
    /// The network interfaces.
    NetworkInterfaces,
}

/// Something that is wrong with the elements of a document. Views of documents borrow the names, findings own them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "oddity", rename_all = "snake_case")]
pub enum Oddity<T = Excerpt> {
    /// An element lacks a member.
    Missing {
        /// The element.
        element: T,
        /// The name of the member.
        member: T,
    },
    /// An element has a member more than once.
    Repeated {
        /// The element.
        element: T,
        /// The name of the member.
        member: T,
        /// How often.
        count: usize,
    },
    /// An element has another name.
    Named {
        /// The name.
        name: T,
        /// The name that it should have.
        instead_of: T,
    },
    /// An element is in a namespace, where EC2 uses none.
    InNamespace {
        /// The element.
        element: T,
        /// The namespace.
        namespace: T,
    },
    /// An element has members where its value should be.
    NotText {
        /// The element.
        element: T,
    },
    /// An element has no text.
    Empty {
        /// The element.
        element: T,
    },
}

impl Oddity<&str> {
    /// The same, for a finding.
    pub fn excerpt(self) -> Oddity {
        let name = Excerpt::name;
        match self {
            Oddity::Missing { element, member } => Oddity::Missing {
                element: name(element),
                member: name(member),
            },
            Oddity::Repeated {
                element,
                member,
                count,
            } => Oddity::Repeated {
                element: name(element),
                member: name(member),
                count,
            },
            Oddity::Named {
                name: own,
                instead_of,
            } => Oddity::Named {
                name: name(own),
                instead_of: name(instead_of),
            },
            Oddity::InNamespace { element, namespace } => Oddity::InNamespace {
                element: name(element),
                namespace: Excerpt::quote(namespace),
            },
            Oddity::NotText { element } => Oddity::NotText {
                element: name(element),
            },
            Oddity::Empty { element } => Oddity::Empty {
                element: name(element),
            },
        }
    }
}

impl Observed {
    /// The reason why a clause could not be decided, if nothing was observed that could decide it.
    pub fn undecided(why: Doubt) -> Self {
        Observed::Undecided {
            why,
            id: None,
            seen: None,
        }
    }

    /// This observation, with the reason why it decides nothing.
    #[must_use]
    pub fn doubted(self, why: Doubt) -> Self {
        Observed::Undecided {
            why,
            id: None,
            seen: Some(Box::new(self)),
        }
    }
}

impl From<Observed> for Vec<Observed> {
    fn from(observed: Observed) -> Self {
        vec![observed]
    }
}

impl From<Doubt> for Vec<Observed> {
    fn from(why: Doubt) -> Self {
        vec![Observed::undecided(why)]
    }
}

impl Doubt {
    /// The word in a fingerprint.
    pub(super) fn word(self) -> &'static str {
        match self {
            Doubt::NoAnswer => "no-answer",
            Doubt::NotDescribed => "not-described",
            Doubt::DescriptionsLag => "descriptions-lag",
            Doubt::RequestsLag => "requests-lag",
            Doubt::SeenOnce => "seen-once",
            Doubt::Overloaded => "overloaded",
            Doubt::MayPass => "may-pass",
            Doubt::NewId => "new-id",
            Doubt::MayBeRefused => "may-be-refused",
            Doubt::PlainFormWrong => "plain-form-wrong",
            Doubt::NothingToCompare => "nothing-to-compare",
            Doubt::NotCompared => "not-compared",
            Doubt::TooManyOrders => "too-many-orders",
            Doubt::OtherCircumstances => "other-circumstances",
        }
    }
}

impl InstancePart {
    /// The word in a fingerprint.
    pub(super) fn word(self) -> &'static str {
        match self {
            InstancePart::PrivateAddress => "private-address",
            InstancePart::PublicAddress => "public-address",
            InstancePart::Volumes => "volumes",
            InstancePart::NetworkInterfaces => "network-interfaces",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_is_json_that_names_its_kind() {
        let observed = Observed::Answer(AnswerSummary {
            status: 200,
            body: BodySummary::Items {
                items: Few::from_iter([StateChanged {
                    id: Excerpt::word("i-0a"),
                    states: StatePair {
                        previous: Excerpt::word("terminated"),
                        current: Excerpt::word("stopping"),
                    },
                }]),
            },
        })
        .doubted(Doubt::MayBeRefused);
        let line = serde_json::to_string(&observed).expect("it is JSON");
        insta::assert_snapshot!(line, @r#"{"kind":"undecided","why":"may-be-refused","seen":{"kind":"answer","status":200,"body":{"is":"items","items":{"shown":[{"id":"i-0a","previous":"terminated","current":"stopping"}]}}}}"#);
        let read: Observed = serde_json::from_str(&line).expect("our own line");
        assert_eq!(read, observed);
    }
}
