//! Faults that only a sequence of calls, a batch size or luck shows: no named case was written for them.

use http::StatusCode;

use crate::selfcheck::emulator::{self, EmulatedRequest, code_of, with_text};
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
            with_text(answer, |text| revived(asked, &text))
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
    fault(
        "third-stop-not-done",
        "the third stop of an instance is answered and not done",
        &["life/cycles"],
        &["VIS-01", "VIS-07", "STT-02"],
        |asked| match nth(asked, "StopInstances") {
            Some(3) => asked.all_stopped("running", "stopping"),
            _ => asked.pass(),
        },
    ),
    fault(
        "third-start-not-done",
        "the third start of an instance is answered and not done",
        &["life/cycles"],
        &["STT-10"],
        |asked| match nth(asked, "StartInstances") {
            Some(3) => with_text(
                asked.stopped(&[(asked.ids().concat(), "stopped", "pending")]),
                |text| text.replace("StopInstancesResponse", "StartInstancesResponse"),
            ),
            _ => asked.pass(),
        },
    ),
    fault(
        "second-force-refused",
        "a Spot Instance is stopped by force once, and no more",
        &["life/cycles-of-spot"],
        &["STT-01"],
        |asked| match asked
            .is_set("Force")
            .then(|| nth(asked, "StopInstances"))
            .flatten()
        {
            Some(2) => asked.refuse(400, "UnsupportedOperation", "You can't stop this instance."),
            _ => asked.pass(),
        },
    ),
    fault(
        "tenth-idle-stop-starts",
        "a stop of what is stopped toggles at the tenth time",
        &["life/idle-stops"],
        &["STT-05"],
        |asked| {
            let nth = nth(asked, "StopInstances");
            let answer = asked.pass();
            if nth == Some(10) {
                for id in asked.ids() {
                    asked.secretly("StartInstances", [("InstanceId.1", id)]);
                }
            }
            answer
        },
    ),
    fault(
        "tenth-dry-run-carried-out",
        "the tenth dry run of an instance is a stop",
        &["life/dry-runs"],
        &["DRY-04"],
        |asked| {
            if nth(asked, "StopInstances") == Some(10) && asked.is_set("DryRun") {
                asked.stop_secretly(&asked.ids());
            }
            asked.pass()
        },
    ),
    fault(
        "third-refused-batch-half-stopped",
        "after three refusals of a batch, its good part is stopped",
        &["life/dry-runs"],
        &["IDM-04"],
        |asked| {
            let [good, _] = asked.ids().try_into().unwrap_or_default();
            let answer = asked.pass();
            if asked.stops()
                && !good.is_empty()
                && answer.status() == StatusCode::BAD_REQUEST
                && count(asked, &format!("refused {good}")) == 3
            {
                asked.stop_secretly(&[good]);
            }
            answer
        },
    ),
    fault(
        "plain-stop-after-hibernation-hibernates",
        "whether an instance hibernates is decided by its first stop",
        &["life/hibernation-and-plain-stops"],
        &["VIS-04"],
        |asked| {
            if asked.stops() && asked.is_set("Hibernate") {
                asked.ids().iter().for_each(|id| asked.remember(id, "hibernates"));
            }
            asked.stop_changed(|params| {
                if asked.ids().iter().any(|id| asked.recall(id).is_some()) && asked.get("Hibernate").is_none()
                {
                    params.push(("Hibernate".to_owned(), "true".to_owned()));
                }
            })
        },
    ),
    fault(
        "protection-counts-once",
        "protection that was lifted once never counts again",
        &["life/protection-on-and-off"],
        &["PRO-01"],
        |asked| {
            if asked.get("DisableApiStop.Value") == Some("false") {
                let id = asked.get("InstanceId").unwrap_or_default();
                asked.remember(id, "was lifted");
            }
            if asked.stops() && asked.ids().iter().any(|id| asked.recall(id).is_some()) {
                asked.protect_secretly(false);
            }
            asked.pass()
        },
    ),
    fault(
        "reboot-then-stop-not-done",
        "a stop after a reboot is answered and not done",
        &["life/reboots"],
        &["VIS-01", "VIS-07", "STT-02"],
        |asked| {
            let ids = asked.ids();
            match asked.action() {
                "RebootInstances" => ids.iter().for_each(|id| asked.remember(id, "rebooted")),
                "StopInstances" if ids.iter().any(|id| asked.recall(id).is_some()) => {
                    return asked.all_stopped("running", "stopping");
                }
                _ => {}
            }
            asked.pass()
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

/// Counts the calls of this action that name one instance alone; `None` for any other call.
fn nth(asked: &EmulatedRequest<'_>, action: &str) -> Option<usize> {
    match asked.ids().as_slice() {
        [id] if asked.action() == action => Some(count(asked, &format!("{action} {id}"))),
        _ => None,
    }
}

/// Counts how often something happened, this time included.
fn count(asked: &EmulatedRequest<'_>, what: &str) -> usize {
    let earlier = asked.recall(what).and_then(|times| times.parse().ok());
    let times = earlier.unwrap_or(0) + 1;
    asked.remember(what, &times.to_string());
    times
}
