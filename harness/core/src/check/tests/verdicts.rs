//! The table of verdicts: instances of every kind, calls of every form, right and wrong answers, and the verdicts on
//! them. It is reviewed like a golden: a changed verdict is a line of its diff.
//!
//! ```text
//! running · StopInstances a
//!   running → stopping: nothing (22 held)
//!   no items: fail RSP-09
//! ```

use std::fmt::Write as _;

use super::*;
use crate::contract::Root;
use crate::verdict::Verdict;
use crate::words::{English, Words as _};

const B: &str = "i-0123456789abcdef0";

/// An instance that no case knows.
const STRANGER: &str = "i-0aaaaaaaaaaaaaaaa";

/// Kinds of the instance `a`, with a name each.
fn kinds() -> Vec<(&'static str, FixtureKind)> {
    let plain = FixtureKind::default();
    let in_state = |state| FixtureKind { state, ..plain };
    vec![
        ("pending", in_state(State::Pending)),
        ("restarting", in_state(State::Restarting)),
        ("running", plain),
        ("stopping", in_state(State::Stopping)),
        ("stopped", in_state(State::Stopped)),
        ("shutting down", in_state(State::ShuttingDown)),
        ("terminated", in_state(State::Terminated)),
        (
            "stop-protected",
            FixtureKind {
                stop_protected: true,
                ..plain
            },
        ),
        (
            "termination-protected",
            FixtureKind {
                termination_protected: true,
                ..plain
            },
        ),
        (
            "hibernatable",
            FixtureKind {
                hibernation: true,
                ..plain
            },
        ),
        (
            "instance store",
            FixtureKind {
                root: Root::InstanceStore,
                ..plain
            },
        ),
        (
            "one-time Spot",
            FixtureKind {
                market: Market::OneTimeSpot,
                ..plain
            },
        ),
        (
            "persistent Spot",
            FixtureKind {
                market: Market::PersistentSpot,
                ..plain
            },
        ),
    ]
}

/// Calls, with a name each.
fn calls() -> Vec<(&'static str, Call)> {
    let stop = |params: &[(&str, &str)]| Call::new("StopInstances", params.iter().copied());
    let a = ("InstanceId.1", A);
    vec![
        ("StopInstances a", stop(&[a])),
        ("… DryRun", stop(&[a, ("DryRun", "true")])),
        ("… DryRun=maybe", stop(&[a, ("DryRun", "maybe")])),
        ("… Force", stop(&[a, ("Force", "true")])),
        ("… Hibernate", stop(&[a, ("Hibernate", "true")])),
        (
            "… Hibernate, Force",
            stop(&[a, ("Hibernate", "true"), ("Force", "true")]),
        ),
        ("… SkipOsShutdown", stop(&[a, ("SkipOsShutdown", "true")])),
        ("… an unknown parameter", stop(&[a, ("Colour", "<red>")])),
        ("… twice", stop(&[a, ("InstanceId.2", A)])),
        ("… from index 2", stop(&[("InstanceId.2", A)])),
        ("… and b", stop(&[a, ("InstanceId.2", B)])),
        ("… and a stranger", stop(&[a, ("InstanceId.2", STRANGER)])),
        ("… and a malformed id", stop(&[a, ("InstanceId.2", "i-xyz")])),
        ("StopInstances of nobody", stop(&[])),
        ("StopInstances of a stranger", stop(&[("InstanceId.1", STRANGER)])),
        ("StopInstances of an empty id", stop(&[("InstanceId.1", "")])),
        ("stopinstances a", Call::new("stopinstances", [a])),
        ("StartInstances a", Call::new("StartInstances", [a])),
        ("TerminateInstances a", Call::new("TerminateInstances", [a])),
    ]
}

/// An item of an answer: id, previous state and current state.
type Item<'a> = (&'a str, &'a str, &'a str);

const CODES: &[(&str, u8)] = &[
    ("pending", 0),
    ("running", 16),
    ("shutting-down", 32),
    ("terminated", 48),
    ("stopping", 64),
    ("stopped", 80),
];

fn state_element(element: &str, name: &str) -> String {
    let code = CODES
        .iter()
        .find(|(known, _)| *known == name)
        .map_or(99, |(_, code)| *code);
    format!("<{element}><code>{code}</code><name>{name}</name></{element}>")
}

/// A success as the service writes it.
pub(super) fn success(status: u16, action: &str, items: &[Item<'_>]) -> Reply {
    let items: String = items
        .iter()
        .map(|(id, previous, current)| {
            let (current, previous) = (
                state_element("currentState", current),
                state_element("previousState", previous),
            );
            format!("<item><instanceId>{id}</instanceId>{current}{previous}</item>")
        })
        .collect();
    written(
        status,
        "text/xml;charset=UTF-8",
        &format!(
            "<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>{REQUEST}</requestId>\
             <instancesSet>{items}</instancesSet></{action}Response>"
        ),
    )
}

const REQUEST: &str = "01234567-89ab-4cde-8f01-23456789abcd";

/// A refusal as the service writes it.
pub(super) fn refusal(status: u16, code: &str, message: &str) -> Reply {
    written(
        status,
        "text/xml;charset=UTF-8",
        &format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
             <RequestID>{REQUEST}</RequestID></Response>"
        ),
    )
}

fn written(status: u16, media: &str, body: &str) -> Reply {
    let headers = [
        ("Content-Type", media.to_owned()),
        ("x-amzn-RequestId", REQUEST.to_owned()),
        ("Cache-Control", "no-cache, no-store".to_owned()),
        (
            "Strict-Transport-Security",
            "max-age=31536000; includeSubDomains".to_owned(),
        ),
        ("Date", "Sun, 29 Nov 2026 00:00:00 GMT".to_owned()),
        ("Server", "AmazonEC2".to_owned()),
    ];
    let response = headers
        .into_iter()
        .fold(Response::builder().status(status), |response, (name, value)| {
            response.header(name, value)
        });
    let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}");
    decode(response.body(body.into()).expect("the response is valid"))
}

/// Answers to a call of an action, with a name each.
fn replies(action: &str) -> Vec<(String, Reply)> {
    let mut replies = Vec::new();
    let moves = [
        ("pending", "stopping"),
        ("running", "stopping"),
        ("stopping", "stopping"),
        ("stopped", "stopped"),
        ("stopped", "pending"),
        ("running", "running"),
        ("running", "stopped"),
        ("running", "shutting-down"),
        ("shutting-down", "shutting-down"),
        ("terminated", "terminated"),
        ("terminated", "stopped"),
        ("running", "asleep"),
    ];
    for (previous, current) in moves {
        replies.push((
            format!("{previous} → {current}"),
            success(200, action, &[(A, previous, current)]),
        ));
    }
    let plain = (A, "running", "stopping");
    let both = [plain, (B, "stopped", "stopped")];
    replies.extend([
        ("no items".to_owned(), success(200, action, &[])),
        ("a and b".to_owned(), success(200, action, &both)),
        ("a twice".to_owned(), success(200, action, &[plain, plain])),
        (
            "a and a stranger".to_owned(),
            success(200, action, &[plain, (STRANGER, "running", "stopping")]),
        ),
        ("202".to_owned(), success(202, action, &[plain])),
        ("a success with 400".to_owned(), success(400, action, &[plain])),
        (
            "another answer".to_owned(),
            success(200, "RebootInstances", &[plain]),
        ),
        ("a page".to_owned(), written(200, "text/html", "<html/>")),
        ("no XML".to_owned(), written(200, "text/plain", "stopped")),
    ]);
    let state = format!("This instance '{A}' is not in a state from which it can be stopped.");
    let unknown = format!("The instance ID '{STRANGER}' does not exist");
    let refusals = [
        (400, "IncorrectInstanceState", state.as_str()),
        (400, "IncorrectInstanceState", "No."),
        (409, "IncorrectInstanceState", &state),
        (400, "InvalidInstanceID.NotFound", &unknown),
        (404, "InvalidInstanceID.NotFound", &unknown),
        (400, "InvalidInstanceID.Malformed", "Invalid id: \"i-xyz\""),
        (400, "InvalidInstanceID", "Invalid id: \"i-xyz\""),
        (
            400,
            "MissingParameter",
            "The request must contain the parameter InstanceId",
        ),
        (400, "InvalidParameterValue", "No."),
        (400, "InvalidParameterCombination", "No."),
        (400, "UnknownParameter", "The parameter Colour is not recognized"),
        (400, "UnsupportedOperation", "No."),
        (400, "UnsupportedHibernationConfiguration", "No."),
        (400, "OperationNotPermitted", "No."),
        (
            412,
            "DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.",
        ),
        (
            200,
            "DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.",
        ),
        (
            403,
            "UnauthorizedOperation",
            "You are not authorized to perform this operation.",
        ),
        (400, "InvalidAction", "No."),
        (400, "NoSuchThing", "No."),
        (500, "InternalError", "An internal error has occurred"),
        (503, "RequestLimitExceeded", "Request limit exceeded."),
    ];
    for (status, code, message) in refusals {
        let name = if message == "No." && code == "IncorrectInstanceState" {
            format!("{status} {code} in other words")
        } else {
            format!("{status} {code}")
        };
        replies.push((name, refusal(status, code, message)));
    }
    replies.push(("500 and a page".to_owned(), written(500, "text/html", "<html/>")));
    replies
}

/// The result of a step, in one line.
pub(super) fn said(judged: &Judged) -> String {
    if judged.findings.is_empty() {
        return format!("nothing ({} held)", judged.held.len());
    }
    let mut clauses: BTreeMap<Verdict, Vec<&str>> = BTreeMap::new();
    for finding in &judged.findings {
        clauses
            .entry(finding.verdict)
            .or_default()
            .push(finding.clause.as_str());
    }
    let words = clauses.iter().rev().map(|(verdict, clauses)| {
        let word = format!("{verdict:?}").to_ascii_lowercase();
        format!("{word} {}", clauses.join(" "))
    });
    format!(
        "{} ({} held)",
        words.collect::<Vec<_>>().join(", "),
        judged.held.len()
    )
}

/// The lines of a table. Answers with the same result share a line.
#[derive(Default)]
pub(super) struct Table(String);

/// What was allowed and what was observed, in the words of the first finding of each clause and verdict.
#[derive(Default)]
struct InWords(BTreeMap<String, String>);

impl InWords {
    fn note(&mut self, judged: &Judged) {
        for finding in &judged.findings {
            let (clause, verdict) = (finding.clause.as_str(), finding.verdict);
            self.0.entry(format!("{clause} {verdict:?}")).or_insert_with(|| {
                format!(
                    "{} | {}",
                    English.all_expected(&finding.expected),
                    English.all_observed(&finding.observed)
                )
            });
        }
    }

    fn text(&self) -> String {
        self.0
            .iter()
            .map(|(finding, words)| format!("{finding}: {words}\n"))
            .collect()
    }
}

impl Table {
    pub(super) fn text(self) -> String {
        self.0
    }

    pub(super) fn rows(&mut self, title: &str, rows: impl Iterator<Item = (String, String)>) {
        let mut said: Vec<(String, Vec<String>)> = Vec::new();
        for (name, verdict) in rows {
            match said.iter_mut().find(|(known, _)| *known == verdict) {
                Some((_, names)) => names.push(name),
                None => said.push((verdict, vec![name])),
            }
        }
        let _ = writeln!(self.0, "{title}");
        for (verdict, names) in said {
            let _ = writeln!(self.0, "  {}: {verdict}", names.join(", "));
        }
    }
}

pub(super) fn observations(role: Role, call: &Call, reply: &Reply) -> Observation {
    seen(role, call, Some(reply), 0)
}

/// A case with an instance `a` of this kind, and a stopped `b`.
fn begin(kind: FixtureKind) -> CaseJudge {
    let mut case = case_of(kind);
    let stopped = FixtureKind {
        state: State::Stopped,
        ..FixtureKind::default()
    };
    add(&mut case, B, stopped);
    case
}

#[test]
fn what_is_said_of_an_answer() {
    let mut table = Table::default();
    let mut words = InWords::default();
    for (kind_name, kind) in kinds() {
        for (call_name, call) in calls() {
            // All calls for an instance that may be stopped and for one that may not; one call for all others.
            if call_name != "StopInstances a" && !["running", "terminated"].contains(&kind_name) {
                continue;
            }
            let action = call.action.as_deref().unwrap_or_default();
            let rows = replies(action).into_iter().map(|(name, reply)| {
                let mut case = begin(kind);
                let judged = case.judge(
                    &started(1, Intent::Call),
                    &[observations(Role::Act, &call, &reply)],
                );
                words.note(&judged);
                (name, said(&judged))
            });
            table.rows(&format!("{kind_name} · {call_name}"), rows);
        }
    }
    insta::assert_snapshot!(table.text() + "in words\n" + &words.text());
}

#[test]
fn what_is_said_of_a_description_after_an_answer() {
    let stop = Call::new("StopInstances", [("InstanceId.1", A)]);
    let look = Call::new("DescribeInstances", [("InstanceId.1", A), ("InstanceId.2", B)]);
    let answers = [
        (
            "running → stopping",
            success(200, "StopInstances", &[(A, "running", "stopping")]),
        ),
        (
            "stopped → stopped",
            success(200, "StopInstances", &[(A, "stopped", "stopped")]),
        ),
        (
            "running → running",
            success(200, "StopInstances", &[(A, "running", "running")]),
        ),
        (
            "400 IncorrectInstanceState",
            refusal(
                400,
                "IncorrectInstanceState",
                "It is not in a state from which it can be stopped.",
            ),
        ),
        (
            "500 InternalError",
            refusal(500, "InternalError", "An internal error has occurred"),
        ),
    ];
    // The reason that the description gives: none, the user, the service.
    let reasons = [
        ("", "", ""),
        (
            " by the user",
            "User initiated (2026-11-29 00:00:00 GMT)",
            "<stateReason><code>Client.UserInitiatedShutdown</code><message>Client.UserInitiatedShutdown: User initiated \
             shutdown</message></stateReason>",
        ),
        (
            " by the service",
            "Server shutdown",
            "<stateReason><code>Server.InternalError</code><message>Server.InternalError: Internal error on \
             launch</message></stateReason>",
        ),
    ];
    let mut table = Table::default();
    let mut words = InWords::default();
    for (kind_name, kind) in kinds() {
        for (answer_name, answer) in &answers {
            let mut rows = Vec::new();
            for (state, _) in CODES {
                for (by, reason, state_reason) in &reasons {
                    let item = |id: &str, state: &str, reason: &str, more: &str| {
                        let state = state_element("instanceState", state);
                        format!(
                            "<item><instanceId>{id}</instanceId>{state}<reason>{reason}</reason>{more}</item>"
                        )
                    };
                    let seen = ok(&format!(
                        "<DescribeInstancesResponse><reservationSet><item><instancesSet>{}{}</instancesSet></item>\
                         </reservationSet></DescribeInstancesResponse>",
                        item(A, state, reason, state_reason),
                        item(B, "stopped", "", ""),
                    ));
                    let mut case = begin(kind);
                    let acted = [
                        observations(Role::Act, &stop, answer),
                        observations(Role::Look, &look, &seen),
                    ];
                    // Whether the step shows a variation of a call depends on the description, too.
                    let step = StepStarted {
                        witness: vec!["FRC-01".into()],
                        ..started(1, Intent::Call)
                    };
                    let proven = case.judge(&step, &acted);
                    let observed = case.judge(
                        &started(2, Intent::Observe),
                        &[observations(Role::Look, &look, &seen)],
                    );
                    words.note(&proven);
                    words.note(&observed);
                    rows.push((
                        format!("{state}{by}"),
                        format!("{}; then {}", said(&proven), said(&observed)),
                    ));
                }
            }
            table.rows(&format!("{kind_name} · {answer_name}"), rows.into_iter());
        }
    }
    insta::assert_snapshot!(table.text() + "in words\n" + &words.text());
}

#[test]
fn what_is_said_of_whom_a_refusal_names() {
    let mut table = Table::default();
    let stop = Call::new("StopInstances", [("InstanceId.1", A), ("InstanceId.2", B)]);
    let stop = &stop;
    for (kind_name, kind) in kinds() {
        let rows = ["", A, B, "both"].into_iter().flat_map(|named| {
            let codes = [
                "IncorrectInstanceState",
                "OperationNotPermitted",
                "UnsupportedOperation",
            ];
            codes.into_iter().map(move |code| {
                let ids = if named == "both" {
                    format!("{A}, {B}")
                } else {
                    named.to_owned()
                };
                let message =
                    format!("This instance '{ids}' is not in a state from which it can be stopped.");
                let reply = refusal(400, code, &message);
                let mut case = case_of(kind);
                add(&mut case, B, kind);
                let judged = case.judge(
                    &started(1, Intent::Call),
                    &[observations(Role::Act, stop, &reply)],
                );
                let name = match named {
                    A => "of a",
                    B => "of b",
                    "" => "of nobody",
                    _ => "of both",
                };
                (format!("{code} {name}"), said(&judged))
            })
        });
        table.rows(kind_name, rows);
    }
    insta::assert_snapshot!(table.text());
}
