//! Faults that only a sequence of calls, a batch size or luck shows: no named case was written for them.

use http::StatusCode;

use crate::selfcheck::emulator::{self, EmulatedRequest, code_of};
use crate::selfcheck::fault::{Fault, fault};

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "second-stop-empty-list",
        "the second stop of the same instance answers with an empty list",
        &[],
        &["RSP-05"],
        |asked| {
            let ids = asked.ids();
            let again = ids.iter().any(|id| asked.recall(id).is_some());
            asked.success(|answer| {
                if again {
                    *answer = asked.stopped(&[]);
                }
                ids.iter().for_each(|id| asked.remember(id, "stopped"));
            })
        },
    ),
    fault(
        "mixed-batch-as-if-running",
        "in a batch with a stopped instance, the running ones are answered as if they ran on",
        &[],
        &["STT-01"],
        |asked| {
            asked.success_text(|text| {
                let is_mixed = previous(&text, "running") && previous(&text, "stopped");
                if is_mixed { as_running(&text) } else { text }
            })
        },
    ),
    fault(
        "ten-instances-empty-list",
        "ten instances are too many for one answer",
        &[],
        &["RSP-05"],
        |asked| {
            asked.success(|answer| {
                if asked.ids().len() >= 10 {
                    *answer = asked.stopped(&[]);
                }
            })
        },
    ),
    fault(
        "repeated-id-empty-list",
        "an id that is given twice empties the list of the answer",
        &[],
        &["RSP-05"],
        |asked| {
            let mut ids = asked.ids();
            ids.sort();
            ids.dedup();
            asked.success(|answer| {
                if ids.len() < asked.ids().len() {
                    *answer = asked.stopped(&[]);
                }
            })
        },
    ),
    fault(
        "restarted-as-if-running",
        "an instance that was stopped and started is answered as if it ran on",
        &[],
        &["STT-01"],
        |asked| {
            let ids = asked.ids();
            let was_started = ids.iter().any(|id| asked.recall(id).is_some());
            if asked.action() == "StartInstances" {
                let rests: Vec<&String> = ids.iter().filter(|id| asked.state_of(id) == "stopped").collect();
                let answer = asked.pass();
                if answer.status() == StatusCode::OK {
                    rests.iter().for_each(|id| asked.remember(id, "started"));
                }
                return answer;
            }
            asked.success_text(|text| if was_started { as_running(&text) } else { text })
        },
    ),
    fault(
        "force-without-effect-while-two-run",
        "a forced stop is answered as if nothing happened while two instances run",
        &[],
        &["STT-01"],
        |asked| {
            let two_run = asked.is_set("Force") && running(asked) >= 2;
            asked.success_text(|text| if two_run { as_running(&text) } else { text })
        },
    ),
    fault(
        "dry-run-stops-after-refusal",
        "a dry run stops, once a call was refused",
        &[],
        &["DRY-04"],
        |asked| {
            let answer = asked.pass();
            if !asked.stops() {
                return answer;
            }
            match code_of(&answer).as_deref() {
                Some("DryRunOperation") if asked.recall("refused").is_some() => {
                    asked.stop_secretly(&asked.ids());
                }
                Some("DryRunOperation") | None => {}
                Some(_) => asked.remember("refused", "once"),
            }
            answer
        },
    ),
    fault(
        "stopped-terminated-revives",
        "a terminated instance that is stopped runs again after a while",
        &[],
        &["STT-07"],
        |asked| {
            let answer = asked.pass();
            let is_heard = answer.status() == StatusCode::OK
                || code_of(&answer).as_deref() == Some("IncorrectInstanceState");
            if asked.stops() && is_heard {
                for id in asked.ids() {
                    if asked.state_of(&id) == "terminated" && asked.recall(&id).is_none() {
                        asked.remember(&id, &(asked.now_ms + 3_000).to_string());
                    }
                }
            }
            if asked.action() != "DescribeInstances" {
                return answer;
            }
            emulator::with_text(answer, |text| revived(asked, &text))
        },
    ),
    fault(
        "force-passes-reset-protection",
        "a forced stop gets past a protection that was lifted and set again",
        &["protect/set-again"],
        &["PRO-01"],
        |asked| {
            let answer = asked.pass();
            let by_name = asked.get("Attribute") == Some("disableApiStop");
            let value = asked
                .get("DisableApiStop.Value")
                .or_else(|| asked.get("Value").filter(|_| by_name));
            if let Some(value) = value.filter(|_| answer.status() == StatusCode::OK) {
                let id = asked.get("InstanceId").unwrap_or_default();
                match (asked.recall(id).as_deref(), value == "true") {
                    (None, true) => asked.remember(id, "set"),
                    (Some("set"), false) => asked.remember(id, "lifted"),
                    (Some("lifted"), true) => asked.remember(id, "set again"),
                    (_, _) => {}
                }
            }
            let ids = asked.ids();
            let again = ids
                .iter()
                .all(|id| asked.recall(id).as_deref() == Some("set again"));
            let is_refused = code_of(&answer).as_deref() == Some("OperationNotPermitted");
            if asked.stops() && asked.is_set("Force") && again && is_refused {
                return asked.all_stopped("running", "stopping");
            }
            answer
        },
    ),
];

/// Whether an answer names this as the previous state of an instance.
fn previous(text: &str, state: &str) -> bool {
    let mut states = text.split("<previousState>").skip(1);
    states.any(|part| {
        part.split("</previousState>")
            .next()
            .is_some_and(|inner| inner.contains(&format!("<name>{state}</name>")))
    })
}

/// An answer in which stopping instances are shown as running.
fn as_running(text: &str) -> String {
    text.replace(&emulator::state("stopping"), &emulator::state("running"))
}

/// The number of running instances.
fn running(asked: &EmulatedRequest<'_>) -> usize {
    let answer = asked.secretly("DescribeInstances", [("MaxResults", "100")]);
    String::from_utf8_lossy(answer.body())
        .matches("<name>running</name>")
        .count()
}

/// A description in which terminated instances run again once their recorded time has come.
fn revived(asked: &EmulatedRequest<'_>, text: &str) -> String {
    let mut parts = text.split("<instanceId>");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let id = part.split('<').next().unwrap_or_default();
        let comes_at: Option<u64> = asked.recall(id).and_then(|at| at.parse().ok());
        out.push_str("<instanceId>");
        if comes_at.is_some_and(|at| at <= asked.now_ms) {
            out.push_str(&part.replacen(&emulator::state("terminated"), &emulator::state("running"), 1));
        } else {
            out.push_str(part);
        }
    }
    out
}
