//! Decides when two findings are the same: when the same clause deviates in the same way, regardless of the ids, the
//! order and the number of instances.
//!
//! A [`Finding`] comes in, a [`Fingerprint`] goes out. It is made of types and not of words, so it stays the same from
//! run to run and from release to release, and a list of known findings can be kept.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::bounded::Excerpt;
use super::finding::{AnswerSummary, BodySummary, Doubt, Finding, InstancePart, Observed, Oddity, StatePair};
use super::outcome::LaunchProperty;
use crate::contract::ClauseId;
use crate::verdict::Verdict;

/// What a finding says, without what differs from case to case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fingerprint {
    clause: ClauseId,
    verdict: Verdict,
    /// What was observed.
    features: BTreeSet<ObservedFeature>,
}

/// One thing about an observation that does not differ from case to case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum ObservedFeature {
    /// The status of an answer.
    Status(u16),
    /// An error code.
    Code(Excerpt),
    /// The root element of a document.
    Root(Excerpt),
    /// An answer without a body.
    EmptyBody,
    /// An answer with a body that is not XML.
    NotXml,
    /// The states of an instance in an answer.
    Change(StatePair),
    /// The state of an instance in a description.
    State(Excerpt),
    /// An instance that is not described.
    NotDescribed,
    /// A part of an answer that is not as it should be: an element, a header field.
    Part(Excerpt),
    /// A part of an answer that is absent.
    Absent(Excerpt),
    /// A part of an instance.
    Instance(InstancePart),
    /// An option that an instance was launched with.
    LaunchOption(LaunchProperty),
    /// What became of a connection.
    Connection(String),
    /// Why the clause could not be decided.
    Doubt(Doubt),
    /// The finding did not recur every time.
    Flaky,
}

impl Fingerprint {
    /// The fingerprint of a finding.
    pub fn of(finding: &Finding) -> Self {
        Fingerprint::new(&finding.clause, finding.verdict, &finding.observed)
    }

    /// The fingerprint of a finding with these parts.
    pub fn new(clause: &ClauseId, verdict: Verdict, observed: &[Observed]) -> Self {
        let mut features = BTreeSet::new();
        for one in observed {
            add(one, &mut features);
        }
        Fingerprint {
            clause: clause.clone(),
            verdict,
            features,
        }
    }

    /// The clause.
    pub fn clause(&self) -> &ClauseId {
        &self.clause
    }

    /// The verdict.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether both have the same clause and the same verdict, regardless of what was observed.
    pub fn is_akin(&self, other: &Fingerprint) -> bool {
        self.clause == other.clause && self.verdict == other.verdict
    }

    /// Whether a finding of a smaller case is still this one: same clause, same verdict, and nothing observed that was
    /// not observed before. A smaller case shows fewer instances, so it may show fewer features.
    pub fn covers(&self, smaller: &Fingerprint) -> bool {
        self.is_akin(smaller)
            && smaller.features.is_subset(&self.features)
            && (self.features.is_empty() || !smaller.features.is_empty())
    }
}

impl fmt::Display for Fingerprint {
    /// Writes words that are separated by single spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.clause, self.verdict.name())?;
        self.features
            .iter()
            .try_for_each(|feature| write!(f, " {feature}"))
    }
}

impl fmt::Display for ObservedFeature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ObservedFeature::Status(status) => write!(f, "{status}"),
            ObservedFeature::Code(code) => f.write_str(&word(code)),
            ObservedFeature::Root(name) => write!(f, "<{}>", word(name)),
            ObservedFeature::EmptyBody => f.write_str("empty-body"),
            ObservedFeature::NotXml => f.write_str("not-xml"),
            ObservedFeature::Change(StatePair { previous, current }) => {
                write!(f, "{}->{}", word(previous), word(current))
            }
            ObservedFeature::State(state) => f.write_str(&word(state)),
            ObservedFeature::NotDescribed => f.write_str("not-described"),
            ObservedFeature::Part(name) => f.write_str(&word(name)),
            ObservedFeature::Absent(name) => write!(f, "no-{}", word(name)),
            ObservedFeature::Instance(part) => f.write_str(part.word()),
            ObservedFeature::LaunchOption(property) => f.write_str(property.word()),
            ObservedFeature::Connection(ending) => write!(f, "connection-{ending}"),
            ObservedFeature::Doubt(doubt) => f.write_str(doubt.word()),
            ObservedFeature::Flaky => f.write_str("flaky"),
        }
    }
}

/// The text as one word.
fn word(text: &Excerpt) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
    match text.as_str() {
        "" => "?".to_owned(),
        text => text.chars().map(|c| if plain(c) { c } else { '_' }).collect(),
    }
}

/// Adds the features of an observation. Ids, numbers, times, and texts that quote the endpoint are none.
fn add(observed: &Observed, features: &mut BTreeSet<ObservedFeature>) {
    let part = |name: &str| ObservedFeature::Part(Excerpt::name(name));
    let absent = |name: &str| ObservedFeature::Absent(Excerpt::name(name));
    let part_if = |there: bool, name: &str| if there { part(name) } else { absent(name) };
    let feature = match observed {
        Observed::Answer(answer) => return add_answer(answer, features),
        Observed::Status { status } => ObservedFeature::Status(*status),
        Observed::Change(change) => ObservedFeature::Change(change.states.clone()),
        Observed::State { state, .. } => match state {
            None => ObservedFeature::NotDescribed,
            Some(state) => ObservedFeature::State(state.clone()),
        },
        Observed::StopTime { stopped, .. } => {
            ObservedFeature::State(Excerpt::word(if *stopped { "stopped" } else { "stopping" }))
        }
        Observed::Reason {
            reason, state_reason, ..
        } => {
            features.insert(part_if(!reason.is_empty(), "reason"));
            part_if(state_reason.is_some(), "stateReason")
        }
        Observed::Part { part, .. } => ObservedFeature::Instance(*part),
        Observed::Listed { listed, .. } => part_if(*listed, "instanceStatus"),
        Observed::LaunchOption { property, .. } => ObservedFeature::LaunchOption(*property),
        Observed::SpotRequest { state, status } => {
            features.insert(ObservedFeature::State(state.clone()));
            ObservedFeature::Code(status.clone())
        }
        Observed::History { calls } => {
            for call in &calls.shown {
                features.insert(ObservedFeature::Part(call.action.clone()));
            }
            return;
        }
        Observed::FoundRunning { .. } => ObservedFeature::State(Excerpt::word("running")),
        Observed::Root { name, .. } => ObservedFeature::Root(name.clone()),
        Observed::Declaration { version, .. } => part_if(version.is_some(), "declaration"),
        Observed::Header { name, value } => part_if(value.is_some(), name),
        Observed::Elements { name, count } => part_if(*count > 0, name),
        Observed::Values { name, values } => part_if(!values.shown.is_empty(), name),
        Observed::Oddities { oddities } => {
            features.extend(oddities.shown.iter().map(|oddity| match oddity {
                Oddity::Missing { member, .. } => ObservedFeature::Absent(member.clone()),
                Oddity::Repeated { member, .. } => ObservedFeature::Part(member.clone()),
                Oddity::Named { name, .. } => ObservedFeature::Part(name.clone()),
                Oddity::InNamespace { element, .. } | Oddity::NotText { element } => {
                    ObservedFeature::Part(element.clone())
                }
                Oddity::Empty { element } => ObservedFeature::Absent(element.clone()),
            }));
            return;
        }
        Observed::StateCodes { .. } => part("code"),
        Observed::Wire { answers, ending, .. } => {
            for answer in &answers.shown {
                add_answer(answer, features);
            }
            ObservedFeature::Connection(ending.name().to_owned())
        }
        Observed::Undecided { why, seen, .. } => {
            if let Some(seen) = seen {
                add(seen, features);
            }
            ObservedFeature::Doubt(*why)
        }
        Observed::Flaky { fingerprint, .. } => {
            let print = fingerprint.iter().flat_map(|print| print.features.iter());
            features.extend(print.cloned());
            ObservedFeature::Flaky
        }
    };
    features.insert(feature);
}

fn add_answer(answer: &AnswerSummary, features: &mut BTreeSet<ObservedFeature>) {
    features.insert(ObservedFeature::Status(answer.status));
    match &answer.body {
        BodySummary::Items { items } => {
            let states = items
                .shown
                .iter()
                .map(|item| ObservedFeature::Change(item.states.clone()));
            features.extend(states);
        }
        BodySummary::Error { code, .. } => _ = features.insert(ObservedFeature::Code(code.clone())),
        BodySummary::Document { root } => _ = features.insert(ObservedFeature::Root(root.clone())),
        BodySummary::Empty => _ = features.insert(ObservedFeature::EmptyBody),
        BodySummary::NotXml { .. } => _ = features.insert(ObservedFeature::NotXml),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Few, StateChanged};

    fn of(clause: &str, observed: Observed) -> Fingerprint {
        Fingerprint::new(&clause.into(), Verdict::Fail, &[observed])
    }

    fn success(status: u16, items: &[(&str, &str, &str)]) -> Observed {
        let items = items.iter().map(|(id, previous, current)| StateChanged {
            id: Excerpt::word(id),
            states: StatePair {
                previous: Excerpt::word(previous),
                current: Excerpt::word(current),
            },
        });
        Observed::Answer(AnswerSummary {
            status,
            body: BodySummary::Items {
                items: items.collect::<Few<_>>(),
            },
        })
    }

    fn refusal(status: u16, code: &str, message: &str) -> Observed {
        Observed::Answer(AnswerSummary {
            status,
            body: BodySummary::Error {
                code: Excerpt::name(code),
                message: Some(Excerpt::quote(message)),
            },
        })
    }

    fn state(id: &str, state: &str, after_call: bool) -> Observed {
        Observed::State {
            id: Excerpt::word(id),
            state: Some(Excerpt::word(state)),
            after_call,
        }
    }

    #[test]
    fn ids_their_number_and_quoted_texts_make_no_difference() {
        let one = of("STT-07", success(200, &[("i-0a", "terminated", "stopping")]));
        let many: Vec<String> = (0..100).map(|number| format!("i-{number}")).collect();
        let many: Vec<_> = many
            .iter()
            .map(|id| (id.as_str(), "terminated", "stopping"))
            .collect();
        assert_eq!(one, of("STT-07", success(200, &many)));
        assert_eq!(one.to_string(), "STT-07 fail 200 terminated->stopping");
        let told = |text: &str| of("ERR-04", refusal(400, "InvalidInstanceID.NotFound", text));
        assert_eq!(told("a b"), told("The instance ID 'foo' does not exist"));
        assert_eq!(told("").to_string(), "ERR-04 fail 400 InvalidInstanceID.NotFound");
    }

    #[test]
    fn how_and_when_it_was_seen_make_no_difference_and_what_was_seen_does() {
        let one = of("STT-02", state("i-0a", "running", true));
        assert_eq!(one, of("STT-02", state("i-0b", "running", false)));
        assert_ne!(one, of("STT-02", state("i-0a", "pending", true)));
        let time = |ms| Observed::StopTime {
            id: Excerpt::word("i-0a"),
            stopped: true,
            ms,
        };
        assert_eq!(of("A", time(1)), of("A", time(700_000)));
    }

    #[test]
    fn another_clause_status_state_or_code_is_another_finding() {
        let one = of("STT-07", success(200, &[("i-0a", "terminated", "stopping")]));
        for other in [
            of("STT-06", success(200, &[("i-0a", "terminated", "stopping")])),
            of("STT-07", success(500, &[("i-0a", "terminated", "stopping")])),
            of("STT-07", success(200, &[("i-0a", "terminated", "stopped")])),
            of("STT-07", success(200, &[("i-0a", "stopping", "terminated")])),
            of("STT-07", refusal(400, "InvalidAction", "")),
        ] {
            assert!(one != other && !one.covers(&other), "{other}");
        }
    }

    #[test]
    fn a_smaller_case_may_show_less_but_nothing_else() {
        let whole = of(
            "IDM-03",
            success(
                200,
                &[
                    ("i-0a", "running", "stopping"),
                    ("i-0b", "terminated", "stopping"),
                ],
            ),
        );
        assert!(whole.covers(&of("IDM-03", success(200, &[("i-0b", "terminated", "stopping")]))));
        assert!(whole.covers(&whole));
        assert!(!whole.covers(&of("IDM-03", success(200, &[("i-0b", "terminated", "stopped")]))));
        let nothing = Fingerprint::new(&"IDM-03".into(), Verdict::Fail, &[]);
        assert!(!whole.covers(&nothing));
    }

    #[test]
    fn a_doubt_is_part_of_it_and_hostile_text_is_one_word() {
        let lags = state("i-0a", "run\nning \u{1b}[31m", true).doubted(Doubt::DescriptionsLag);
        assert_eq!(
            of("A", lags).to_string(),
            "A fail run_ning___31m descriptions-lag"
        );
    }
}
