//! Fuzz target for damaged answers: a correct answer with one change that matters, or with many that do not.
//!
//! The answer comes from the reference. The judge must find the former and must tolerate the latter. What matters is
//! written only here: it is a third opinion, in addition to those of the contract and the reference.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{Response, StatusCode};

use super::judging::today;
use super::tree::{Texts, TreeLayout, TreePart};
use crate::call::{Auth, Call};
use crate::check::{CaseJudge, Observation};
use crate::contract::{FixtureKind, State};
use crate::journal::{Ending, Finding, FixtureReady, Intent, Role, StepStarted};
use crate::plan::bytes::ChoiceBytes;
use crate::protocol::{self, Body, RequestTarget};
use crate::reference::{Config, Reference, keys};
use crate::verdict::Verdict;

/// A call, the instances it applies to, and the correct answer.
#[derive(Debug, Clone)]
pub(super) struct Situation {
    pub(super) fixtures: Vec<(String, State)>,
    pub(super) call: Call,
    pub(super) response: Response<Bytes>,
}

/// Damages a correct answer as the bytes select, and judges it.
pub fn damage(data: &[u8]) {
    let mut bytes = ChoiceBytes::new(data);
    let all = situations();
    let at = usize::from(bytes.byte()) % all.len();
    let Some(situation) = all.get(at) else { return };
    let reply = protocol::decode(situation.response.clone());
    let Body::Document(document) = &reply.body else {
        return;
    };
    let right = TreePart::of(document);
    let mut tree = right.clone();
    let mut response = situation.response.clone();
    let harm = Harm::drawn(&mut bytes);
    let hurt = harm.done_to(&mut tree, &mut response, &mut bytes);
    let layout = drawn_layout(&mut bytes);
    let text = tree.written(layout);
    *response.body_mut() = match harm {
        Harm::Cut => cut(&text, bytes.number()).into(),
        Harm::Bit => bit(&text, bytes.number(), bytes.byte()).into(),
        Harm::None
        | Harm::Removed
        | Harm::Renamed
        | Harm::Doubled
        | Harm::Text
        | Harm::Namespace
        | Harm::Swapped
        | Harm::Status
        | Harm::Added => text.into(),
    };
    let findings = judged(situation, response.clone());
    let told = || {
        let body = String::from_utf8_lossy(response.body()).into_owned();
        format!("{harm:?}\n{} {body}\n{findings:#?}", response.status())
    };
    match expected(harm, hurt, &right, &response) {
        // A missing declaration is a finding of its own.
        FindingDemand::Nothing if layout.declared => {
            assert!(findings.is_empty(), "nothing is wrong: {}", told());
        }
        FindingDemand::Nothing | FindingDemand::NoFailure => {
            let fails = findings.iter().any(|finding| finding.verdict == Verdict::Fail);
            assert!(!fails, "what any reader passes over fails: {}", told());
        }
        FindingDemand::Something => assert!(!findings.is_empty(), "nothing is found: {}", told()),
    }
}

/// The expected result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FindingDemand {
    /// No finding: the content is unchanged.
    Nothing,
    /// No failure: there is more content than clients need, or another order.
    NoFailure,
    /// A finding: the answer is wrong.
    Something,
}

/// The damage to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    /// Only the layout is changed.
    None,
    /// An element is missing.
    Removed,
    /// An element has another name.
    Renamed,
    /// An element occurs twice.
    Doubled,
    /// A value is changed.
    Text,
    /// The document is in another namespace.
    Namespace,
    /// The two states of an item are swapped.
    Swapped,
    /// The status is changed.
    Status,
    /// An unknown element is added.
    Added,
    /// The end is missing.
    Cut,
    /// One bit is changed.
    Bit,
}

impl Harm {
    fn drawn(bytes: &mut ChoiceBytes<'_>) -> Harm {
        bytes.pick(&[
            Harm::None,
            Harm::Removed,
            Harm::Renamed,
            Harm::Doubled,
            Harm::Text,
            Harm::Namespace,
            Harm::Swapped,
            Harm::Status,
            Harm::Added,
            Harm::Cut,
            Harm::Bit,
        ])
    }

    /// Applies the damage that happens before the answer is written. Returns whether that made a difference that
    /// matters.
    fn done_to(
        self,
        tree: &mut TreePart,
        response: &mut Response<Bytes>,
        bytes: &mut ChoiceBytes<'_>,
    ) -> bool {
        match self {
            Harm::None | Harm::Cut | Harm::Bit => false,
            Harm::Removed => removed(tree, bytes).is_some(),
            Harm::Renamed => renamed(tree, bytes),
            Harm::Doubled => doubled(tree, bytes).is_some(),
            Harm::Text => other_text(tree, bytes),
            Harm::Namespace => {
                let was = tree.namespace.clone();
                let other = bytes.pick(&[
                    Some("http://ec2.amazonaws.com/doc/2016-11-15"),
                    Some("https://ec2.amazonaws.com/doc/2016-11-15/"),
                    Some("urn:x"),
                    None,
                ]);
                moved(tree, other);
                tree.namespace != was
            }
            Harm::Swapped => swapped(tree, bytes),
            Harm::Status => {
                let was = response.status();
                let other = bytes.pick(&[500, 302, 200, 400, 404, 503, 412, 202]);
                *response.status_mut() = StatusCode::from_u16(other).expect("the status is valid");
                response.status() != was
            }
            Harm::Added => {
                added(tree, bytes);
                false
            }
        }
    }
}

fn expected(harm: Harm, hurt: bool, right: &TreePart, response: &Response<Bytes>) -> FindingDemand {
    match harm {
        Harm::None => FindingDemand::Nothing,
        Harm::Added => FindingDemand::NoFailure,
        Harm::Removed
        | Harm::Renamed
        | Harm::Doubled
        | Harm::Text
        | Harm::Namespace
        | Harm::Swapped
        | Harm::Status => {
            if hurt {
                FindingDemand::Something
            } else {
                FindingDemand::NoFailure
            }
        }
        Harm::Cut | Harm::Bit => {
            let reply = protocol::decode(response.clone());
            let Body::Document(document) = &reply.body else {
                return FindingDemand::Something;
            };
            let tree = TreePart::of(document);
            let is_declared = document.declaration.as_ref().is_some_and(|declaration| {
                declaration.version == "1.0" && declaration.encoding.as_deref() == Some("UTF-8")
            });
            if tree == *right && is_declared {
                FindingDemand::Nothing
            } else if tree == *right || without_free_text(&tree) == without_free_text(right) {
                FindingDemand::NoFailure
            } else {
                FindingDemand::Something
            }
        }
    }
}

/// Elements whose text the endpoint may choose: an id that it generates, and text for people.
const FREE: [&str; 3] = ["requestId", "RequestID", "Message"];

fn without_free_text(part: &TreePart) -> TreePart {
    let mut part = part.clone();
    if FREE.contains(&part.name.as_str()) {
        // Whether there is a text still matters.
        part.text.truncate(usize::from(!part.text.trim().is_empty()));
        part.text = part.text.chars().map(|_| 'x').collect();
    }
    // Every reader ignores text next to elements.
    if !part.parts.is_empty() {
        part.text.clear();
    }
    part.parts = part.parts.iter().map(without_free_text).collect();
    part
}

/// A place other than the root, drawn from the bytes, if there is one.
fn drawn_place(tree: &TreePart, bytes: &mut ChoiceBytes<'_>) -> Option<Vec<usize>> {
    let places = tree.places();
    let inner = places.get(1..).unwrap_or_default();
    let at = usize::from(bytes.byte()).checked_rem(inner.len())?;
    inner.get(at).cloned()
}

fn removed(tree: &mut TreePart, bytes: &mut ChoiceBytes<'_>) -> Option<()> {
    let place = drawn_place(tree, bytes)?;
    let (at, parent) = place.split_last()?;
    let parent = tree.at_mut(parent)?;
    parent.parts.remove(*at);
    Some(())
}

fn doubled(tree: &mut TreePart, bytes: &mut ChoiceBytes<'_>) -> Option<()> {
    let place = drawn_place(tree, bytes)?;
    let (at, parent) = place.split_last()?;
    let parent = tree.at_mut(parent)?;
    let twin = parent.parts.get(*at)?.clone();
    parent.parts.insert(*at, twin);
    Some(())
}

fn renamed(tree: &mut TreePart, bytes: &mut ChoiceBytes<'_>) -> bool {
    let places = tree.places();
    let at = usize::from(bytes.byte()) % places.len();
    let place = places.get(at).cloned().unwrap_or_default();
    let Some(part) = tree.at_mut(&place) else {
        return false;
    };
    match bytes.byte() % 3 {
        0 => part.name.push('x'),
        1 => part.name = part.name.to_ascii_uppercase() + "_",
        _ => {
            let mut letters = part.name.chars();
            let first = letters.next().unwrap_or('x');
            let other = if first.is_ascii_lowercase() {
                first.to_ascii_uppercase()
            } else {
                first.to_ascii_lowercase()
            };
            part.name = std::iter::once(other).chain(letters).collect();
        }
    }
    true
}

/// Changes the text of a value. Returns false if the text is still the same.
fn other_text(tree: &mut TreePart, bytes: &mut ChoiceBytes<'_>) -> bool {
    let leaves: Vec<Vec<usize>> = tree
        .places()
        .into_iter()
        .filter(|place| {
            tree.clone()
                .at_mut(place)
                .is_some_and(|part| part.parts.is_empty() && !FREE.contains(&part.name.as_str()))
        })
        .collect();
    let Some(at) = usize::from(bytes.byte()).checked_rem(leaves.len()) else {
        return false;
    };
    let Some(part) = leaves.get(at).and_then(|place| tree.at_mut(place)) else {
        return false;
    };
    let was = part.text.clone();
    part.text = match bytes.byte() % 5 {
        0 => String::new(),
        1 => format!("{was}x"),
        2 => was.chars().rev().collect(),
        3 => "0".to_owned(),
        _ => was.to_ascii_uppercase(),
    };
    part.text != was
}

fn moved(part: &mut TreePart, namespace: Option<&str>) {
    part.namespace = namespace.map(str::to_owned);
    for inner in &mut part.parts {
        moved(inner, namespace);
    }
}

fn swapped(tree: &mut TreePart, bytes: &mut ChoiceBytes<'_>) -> bool {
    let Some(set) = tree.parts.iter_mut().find(|part| part.name == "instancesSet") else {
        return false;
    };
    let Some(at) = usize::from(bytes.byte()).checked_rem(set.parts.len()) else {
        return false;
    };
    let Some(item) = set.parts.get_mut(at) else {
        return false;
    };
    let was = item.parts.clone();
    for part in &mut item.parts {
        let other = match part.name.as_str() {
            "currentState" => "previousState",
            "previousState" => "currentState",
            _ => continue,
        };
        part.name = other.to_owned();
    }
    let state = |parts: &[TreePart], name: &str| {
        parts
            .iter()
            .find(|part| part.name == name)
            .map(|part| part.parts.clone())
    };
    state(&item.parts, "currentState") != state(&was, "currentState")
}

fn added(tree: &mut TreePart, bytes: &mut ChoiceBytes<'_>) {
    let places = tree.places();
    let at = usize::from(bytes.byte()) % places.len();
    let place = places.get(at).cloned().unwrap_or_default();
    if let Some(part) = tree.at_mut(&place)
        // An element with a value has no child elements.
        && !part.parts.is_empty()
        // A list contains only items.
        && !["instancesSet", "Errors"].contains(&part.name.as_str())
    {
        let novelty = TreePart {
            name: "novelty".to_owned(),
            namespace: part.namespace.clone(),
            text: "x".to_owned(),
            parts: Vec::new(),
        };
        let at = usize::from(bytes.byte()) % (part.parts.len() + 1);
        part.parts.insert(at, novelty);
    }
}

fn drawn_layout(bytes: &mut ChoiceBytes<'_>) -> TreeLayout {
    let flags = bytes.byte();
    let is = |bit: u8| flags & (1 << bit) != 0;
    TreeLayout {
        indented: is(0),
        comments: is(1),
        instructions: is(2),
        long_empty: is(3),
        apostrophes: is(4),
        prefix: is(5),
        declared: !is(6),
        texts: bytes.pick(&[Texts::Plain, Texts::References, Texts::Data]),
    }
}

fn cut(text: &str, at: u16) -> Vec<u8> {
    let bytes = text.as_bytes();
    let end = usize::from(at) % bytes.len().max(1);
    bytes.get(..end).unwrap_or_default().to_vec()
}

fn bit(text: &str, at: u16, which: u8) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let at = usize::from(at) % bytes.len().max(1);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << (which % 8);
    }
    bytes
}

/// The findings in an answer to the call of a situation.
pub(super) fn judged(situation: &Situation, response: Response<Bytes>) -> Vec<Finding> {
    let mut judge = CaseJudge::new(Arc::clone(today()), "fuzz");
    for (name, (id, state)) in (0..).zip(&situation.fixtures) {
        let name: u32 = name;
        judge.fixture(&FixtureReady {
            arranged_by: Vec::new(),
            case: "fuzz".to_owned(),
            name: name.to_string(),
            id: id.clone(),
            kind: FixtureKind {
                state: *state,
                ..FixtureKind::default()
            },
            spot_request: None,
            at_ms: START_MS,
        });
    }
    let reply = protocol::decode(response);
    let observed = Observation {
        role: Role::Act,
        call: Arc::new(situation.call.clone()),
        replies: vec![reply],
        rest: Vec::new(),
        ending: Ending::Answered,
        at_ms: START_MS,
        answered_ms: START_MS,
        interval: None,
    };
    let step = StepStarted {
        case: "fuzz".to_owned(),
        step: 1,
        intent: Intent::Call,
        witness: Vec::new(),
        control: false,
        label: None,
        same_as: None,
    };
    judge.begin(step);
    judge.record(observed);
    judge.conclude().expect("the step has begun").judged.findings
}

/// The time at which every situation begins: 2026-01-01T00:00:00Z.
const START_MS: u64 = 1_767_225_600_000;

/// Every situation, built once.
pub(super) fn situations() -> &'static [Situation] {
    static SITUATIONS: OnceLock<Vec<Situation>> = OnceLock::new();
    SITUATIONS.get_or_init(|| {
        let running = |count| vec![State::Running; count];
        let all = [State::Running, State::Stopped, State::Stopping];
        vec![
            met(&running(1), &[], |ids| stop(ids, &[])),
            met(&running(3), &[], |ids| stop(ids, &[])),
            met(&all, &[], |ids| stop(ids, &[])),
            met(&[State::Stopped], &[], |ids| stop(ids, &[])),
            met(&[State::Stopped], &[], |ids| stop(ids, &[("Force", "true")])),
            met(&running(1), &[], |ids| stop(ids, &[("DryRun", "true")])),
            met(&[State::Terminated], &[], |ids| stop(ids, &[])),
            met(&[State::Pending], &[], |ids| stop(ids, &[])),
            met(&running(1), &["i-0123456789abcdef0"], |ids| stop(ids, &[])),
            met(&running(1), &["ma1"], |ids| stop(ids, &[])),
            met(&running(1), &[], |ids| stop(ids, &[("Hibernate", "true")])),
            met(&running(1), &[], |ids| stop(ids, &[("Bogus", "1")])),
            met(&running(1), &[], |_| stop(&[], &[])),
            met(&running(1), &[], |ids| {
                let mut call = stop(ids, &[]);
                call.form.auth = Auth::Unsigned;
                call
            }),
            met(&running(1), &[], |ids| {
                let mut call = stop(ids, &[]);
                call.form.auth = Auth::Denied;
                call
            }),
        ]
    })
}

fn stop(ids: &[String], more: &[(&str, &str)]) -> Call {
    named("StopInstances", ids, more)
}

fn named(action: &str, ids: &[String], more: &[(&str, &str)]) -> Call {
    let ids = (1..)
        .zip(ids)
        .map(|(at, id): (u32, _)| (format!("InstanceId.{at}"), id.clone()));
    let more = more
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Call::new(action, ids.chain(more))
}

/// Brings instances into these states, sends the call with their ids and the others, and takes the answer.
fn met(states: &[State], others: &[&str], call: impl FnOnce(&[String]) -> Call) -> Situation {
    let reference = Reference::new(Config::default());
    let send = |call: &Call, now_ms| {
        let target = RequestTarget {
            host: "localhost".to_owned(),
            path: "/".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let request = protocol::encode(call, &target).expect("a short call");
        let caller = match call.form.auth == Auth::Denied {
            true => keys::DENIED,
            false => keys::MAIN,
        };
        match call.form.auth == Auth::Unsigned {
            true => reference.handle(&request, now_ms),
            false => reference.handle_vouched(&request, caller.access_key, now_ms),
        }
    };
    // Stable states are entered early, transient ones at the last moment.
    let (early, late) = (START_MS - 60_000, START_MS - 1_000);
    let mut fixtures = Vec::new();
    for state in states {
        let launched_at = if *state == State::Pending { late } else { early };
        let launch = Call::new(
            "RunInstances",
            [
                ("ImageId", "ami-0eb50000000000001"),
                ("MinCount", "1"),
                ("MaxCount", "1"),
                ("InstanceType", "t3.micro"),
            ],
        );
        let reply = protocol::decode(send(&launch, launched_at));
        let launched = reply.root().map(protocol::instances).unwrap_or_default();
        fixtures.extend(launched.into_iter().map(|instance| (instance.id, *state)));
    }
    for (id, state) in &fixtures {
        let (action, at) = match state {
            State::Stopped => ("StopInstances", early + 10_000),
            State::Stopping => ("StopInstances", late),
            State::ShuttingDown | State::Terminated => ("TerminateInstances", early + 10_000),
            State::Pending | State::Restarting | State::Running | State::Gone => continue,
        };
        send(&named(action, std::slice::from_ref(id), &[]), at);
    }
    let others = others.iter().map(|id| (*id).to_owned());
    let ids: Vec<String> = fixtures.iter().map(|(id, _)| id.clone()).chain(others).collect();
    let call = call(&ids);
    let response = send(&call, START_MS);
    Situation {
        fixtures,
        call,
        response,
    }
}
