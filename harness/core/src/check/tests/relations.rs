//! The table of verdicts about an answer that must be the same as an earlier one.

use super::verdicts::{self, Table, said};
use super::*;
use crate::contract::SameAs;

const B: &str = "i-0123456789abcdef0";

/// A stop of these instances and its answer; `None` if no answer came.
type AnswerFacts = (&'static [&'static str], Option<Reply>);

fn success(items: &[(&str, &str, &str)]) -> Reply {
    verdicts::success(200, "StopInstances", items)
}

fn refusal(status: u16, code: &str) -> Reply {
    verdicts::refusal(status, code, "No.")
}

/// Possible answers about `a`, with their names.
fn tellings() -> Vec<(&'static str, Option<Reply>)> {
    vec![
        ("running → stopping", Some(success(&[(A, "running", "stopping")]))),
        (
            "stopping → stopping",
            Some(success(&[(A, "stopping", "stopping")])),
        ),
        ("stopped → stopped", Some(success(&[(A, "stopped", "stopped")]))),
        ("no items", Some(success(&[]))),
        ("another answer", Some(ok("<html/>"))),
        (
            "400 IncorrectInstanceState",
            Some(refusal(400, "IncorrectInstanceState")),
        ),
        (
            "409 IncorrectInstanceState",
            Some(refusal(409, "IncorrectInstanceState")),
        ),
        (
            "400 UnsupportedOperation",
            Some(refusal(400, "UnsupportedOperation")),
        ),
        ("500 InternalError", Some(refusal(500, "InternalError"))),
        ("503 Unavailable", Some(refusal(503, "Unavailable"))),
        ("no answer", None),
    ]
}

/// The result of the last of these calls, which must be answered like all calls before it together.
fn related(kind: FixtureKind, told: &[AnswerFacts], labels: usize, instances: &[(&str, &str)]) -> String {
    let mut case = case_of(kind);
    add(&mut case, B, kind);
    let mut last = String::new();
    for (number, (ids, reply)) in told.iter().enumerate() {
        let named = ids
            .iter()
            .enumerate()
            .map(|(index, id)| (format!("InstanceId.{}", index + 1), (*id).to_owned()));
        let call = Call::new("StopInstances", named);
        let is_last = number + 1 == told.len();
        let step = StepStarted {
            label: (!is_last).then(|| format!("call {number}")),
            same_as: is_last.then(|| SameAs {
                labels: (0..labels).map(|number| format!("call {number}")).collect(),
                instances: instances
                    .iter()
                    .map(|(here, there)| ((*here).to_owned(), (*there).to_owned()))
                    .collect(),
                clauses: vec!["IDM-11".into()],
            }),
            ..started(number + 1, Intent::Call)
        };
        let observations = seen(Role::Act, &call, reply.as_ref(), 0);
        last = said(&case.judge(&step, &[observations]));
    }
    last
}

#[test]
fn what_is_said_of_an_answer_that_must_be_as_before() {
    let mut table = Table::default();
    for (name, state) in [
        ("pending", State::Pending),
        ("running", State::Running),
        ("stopping", State::Stopping),
        ("stopped", State::Stopped),
        ("terminated", State::Terminated),
    ] {
        let kind = FixtureKind {
            state,
            ..FixtureKind::default()
        };
        for (first_name, first) in tellings() {
            let rows = tellings().into_iter().map(|(name, second)| {
                let told = [(&[A][..], first.clone()), (&[A][..], second)];
                (name.to_owned(), related(kind, &told, 1, &[]))
            });
            table.rows(&format!("{name} · first {first_name}"), rows);
        }
    }
    insta::assert_snapshot!(table.text());
}

#[test]
fn what_is_said_of_a_batch_that_must_be_as_its_parts() {
    let mut table = Table::default();
    let kind = FixtureKind {
        state: State::Stopped,
        ..FixtureKind::default()
    };
    let of_b = || Some(success(&[(B, "stopped", "stopped")]));
    let of_both = |second: &str| success(&[(A, "stopped", "stopped"), (B, "stopped", second)]);
    for (first_name, first) in tellings() {
        for (labels, labels_name) in [(2, "both"), (3, "one that was not played, too"), (0, "none")] {
            let wholes = [
                ("both stopped", Some(of_both("stopped"))),
                ("b stopping", Some(of_both("stopping"))),
                ("a alone", Some(success(&[(A, "stopped", "stopped")]))),
                (
                    "400 IncorrectInstanceState",
                    Some(refusal(400, "IncorrectInstanceState")),
                ),
                ("500 InternalError", Some(refusal(500, "InternalError"))),
            ];
            let rows = wholes.into_iter().map(|(name, whole)| {
                let told = [
                    (&[A][..], first.clone()),
                    (&[B][..], of_b()),
                    (&[A, B][..], whole),
                ];
                (name.to_owned(), related(kind, &told, labels, &[]))
            });
            table.rows(&format!("a: {first_name} · compared with {labels_name}"), rows);
        }
    }
    // The second call stops `a`, which stands in for the `b` of the first call.
    let rows = tellings().into_iter().map(|(name, second)| {
        let told = [(&[B][..], of_b()), (&[A][..], second)];
        (name.to_owned(), related(kind, &told, 1, &[(A, B)]))
    });
    table.rows("b stood for a", rows);
    insta::assert_snapshot!(table.text());
}
