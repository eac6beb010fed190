//! The table of verdicts about bytes on a raw socket: what HTTP demands, what came, and the verdict on it.

use super::verdicts::{Table, observations, said};
use super::*;
use crate::call::Method;
use crate::journal::{Aim, Ending, RawFault, WireDemand};

fn call() -> Call {
    let mut call = Call::new("StopInstances", [("InstanceId.1", A), ("DryRun", "true")]);
    call.form.method = Method::Post;
    call
}

const DEMANDS: &[(&str, WireDemand)] = &[
    ("plain", WireDemand::Plain),
    ("same", WireDemand::Same),
    ("answered", WireDemand::Answered),
    ("refused", WireDemand::Refused),
    ("ended", WireDemand::Ended),
    ("dropped", WireDemand::Dropped),
    ("in turn", WireDemand::InTurn),
];

const FAULTS: &[(&str, RawFault)] = &[
    ("", RawFault::None),
    (", a faulty request", RawFault::Request),
    (", faulty HTTP", RawFault::Http),
];

fn response(status: u16, body: &str) -> Reply {
    replied(status, body.to_owned())
}

fn error(status: u16, code: &str) -> Reply {
    response(
        status,
        &format!("<Response><Errors><Error><Code>{code}</Code></Error></Errors></Response>"),
    )
}

/// Possible answers, with their names.
fn outcomes() -> Vec<(&'static str, Vec<Reply>, Ending)> {
    let dry = || error(412, "DryRunOperation");
    let described = || response(200, "<DescribeInstancesResponse/>");
    let stopped = || response(200, "<StopInstancesResponse/>");
    vec![
        ("412 DryRunOperation", vec![dry()], Ending::Answered),
        ("200 with a stop", vec![stopped()], Ending::Answered),
        ("400 without a body", vec![response(400, "")], Ending::Answered),
        (
            "400 and a page that is not XML",
            vec![response(400, "no")],
            Ending::Closed,
        ),
        (
            "400 InvalidAction",
            vec![error(400, "InvalidAction")],
            Ending::Answered,
        ),
        ("417", vec![response(417, "")], Ending::Answered),
        ("429", vec![response(429, "")], Ending::Answered),
        (
            "500 InternalError",
            vec![error(500, "InternalError")],
            Ending::Answered,
        ),
        (
            "503 Unavailable",
            vec![error(503, "Unavailable")],
            Ending::Answered,
        ),
        ("503 of its own", vec![error(503, "Tired")], Ending::Answered),
        ("two", vec![described(), stopped()], Ending::Answered),
        (
            "two the other way round",
            vec![stopped(), described()],
            Ending::Answered,
        ),
        ("the first and the end", vec![described()], Ending::Closed),
        ("the first and silence", vec![described()], Ending::Silent),
        (
            "two, the second overloaded",
            vec![described(), error(503, "Throttling")],
            Ending::Answered,
        ),
        ("nothing, closed", vec![], Ending::Closed),
        ("nothing, reset", vec![], Ending::Reset),
        ("nothing, silent", vec![], Ending::Silent),
        ("nothing, no HTTP", vec![], Ending::NoHttp),
    ]
}

fn bytes(replies: Vec<Reply>, ending: Ending) -> Observation {
    Observation {
        replies,
        ending,
        ..seen(Role::Act, &call(), None, 0)
    }
}

/// A description of `a` in this state; without a state, an answer that is not a description.
fn fleet(state: Option<&str>) -> Reply {
    match state {
        Some(state) => ok(&format!(
            "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>{A}</instanceId>\
             <instanceState><name>{state}</name></instanceState></item></instancesSet></item></reservationSet>\
             </DescribeInstancesResponse>"
        )),
        None => answer(500, "html"),
    }
}

/// The result of a step, given the answer to the plain form and the state of the instance after it.
fn judged(plain: &(Vec<Reply>, &str), aim: Aim, act: Observation, after: Option<&str>) -> String {
    let mut case = case(State::Running);
    let describe = Call::new("DescribeInstances", [("InstanceId.1", A)]);
    let mut step = |number, aim: Aim, act, after: Option<&str>| {
        let look = observations(Role::Look, &describe, &fleet(after));
        case.judge(&started(number, Intent::Wire(aim)), &[act, look])
    };
    let (answers, after_plain) = plain;
    let plain = bytes(answers.clone(), Ending::Answered);
    step(1, aim_of(WireDemand::Plain), plain, Some(after_plain));
    said(&step(2, aim, act, after))
}

fn aim_of(demand: WireDemand) -> Aim {
    Aim {
        demand,
        fault: RawFault::None,
        also: Vec::new(),
        roots: Vec::new(),
        should: false,
    }
}

#[test]
fn what_is_said_of_bytes_on_a_socket() {
    let mut table = Table::default();
    let plains = [
        ("412", (vec![error(412, "DryRunOperation")], "running")),
        ("nothing", (vec![], "running")),
        ("429", (vec![response(429, "")], "running")),
        (
            "200 and a stop",
            (vec![response(200, "<StopInstancesResponse/>")], "stopping"),
        ),
    ];
    for (demand_name, demand) in DEMANDS {
        for (fault_name, fault) in FAULTS {
            for (should_name, should) in [("", false), (", only SHOULD", true)] {
                let aim = Aim {
                    fault: *fault,
                    also: vec![417],
                    roots: vec![
                        "DescribeInstancesResponse".to_owned(),
                        "StopInstancesResponse".to_owned(),
                    ],
                    should,
                    ..aim_of(*demand)
                };
                for (plain_name, plain) in &plains {
                    // Other answers to the plain form are tested only without `should` and without a fault.
                    if *plain_name != "412" && (should || *fault != RawFault::None) {
                        continue;
                    }
                    let rows = outcomes().into_iter().map(|(name, answers, ending)| {
                        let act = bytes(answers, ending);
                        (name.to_owned(), judged(plain, aim.clone(), act, Some(plain.1)))
                    });
                    let title =
                        format!("{demand_name}{fault_name}{should_name} · the plain form: {plain_name}");
                    table.rows(&title, rows);
                }
            }
        }
    }
    insta::assert_snapshot!(table.text());
}

#[test]
fn what_is_said_of_the_fleet_after_bytes_on_a_socket() {
    let mut table = Table::default();
    for (demand_name, demand) in DEMANDS {
        for roots in [vec![], vec!["StopInstancesResponse".to_owned()]] {
            for (answer_name, answer) in [
                ("a stop", response(200, "<StopInstancesResponse/>")),
                ("a refusal", error(400, "InvalidAction")),
            ] {
                for plain_after in ["running", "stopped"] {
                    let plain = (vec![error(412, "DryRunOperation")], plain_after);
                    let states = [
                        Some("running"),
                        Some("stopping"),
                        Some("stopped"),
                        Some("terminated"),
                        None,
                    ];
                    let rows = states.into_iter().map(|seen| {
                        let aim = Aim {
                            roots: roots.clone(),
                            ..aim_of(*demand)
                        };
                        let act = bytes(vec![answer.clone()], Ending::Answered);
                        let name = seen.unwrap_or("not described").to_owned();
                        (name, judged(&plain, aim, act, seen))
                    });
                    let waits = if roots.is_empty() {
                        ""
                    } else {
                        ", of which one stops"
                    };
                    let title = format!("{demand_name}{waits} · {answer_name} · {plain_after} before");
                    table.rows(&title, rows);
                }
            }
        }
    }
    insta::assert_snapshot!(table.text());
}
