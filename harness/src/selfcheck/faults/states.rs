//! States that are read, changed or reported wrongly, for one instance and for several.

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::selfcheck::emulator::{EmulatedRequest, code_of, replace_between, state, with_text};
use crate::selfcheck::fault::{Fault, fault};

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "stop-is-instant",
        "a stop is over at once",
        &["stop/running"],
        &["STT-01"],
        |asked| asked.success_text(|text| text.replace(&state("stopping"), &state("stopped"))),
    ).seen("MiniStack 1.5.33"),
    fault(
        "previous-repeats-current",
        "previousState repeats currentState",
        &["stop/running"],
        &["STT-01", "STT-13"],
        |asked| asked.success_text(|text| text.replace(&state("running"), &state("stopping"))),
    ),
    fault(
        "running-cannot-stop",
        "a running instance cannot be stopped",
        &["stop/keeps-identity"],
        &["STT-01"],
        |asked| {
            if asked.would_stop() && asked.ids().iter().any(|id| asked.state_of(id) == "running") {
                return asked.refuse(400, "IncorrectInstanceState", "It runs.");
            }
            asked.pass()
        },
    ),
    fault(
        "previous-always-running",
        "previousState is always running",
        &["stop/stopped", "stop/twice-in-a-row"],
        &["STT-04", "STT-05", "STT-13"],
        |asked| {
            asked.success_text(|text| {
                let (head, tail) = text.split_once("<previousState>").unwrap_or((&text, ""));
                let tail = tail.replace(&state("stopped"), &state("running"));
                format!(
                    "{head}<previousState>{}",
                    tail.replace(&state("stopping"), &state("running"))
                )
            })
        },
    ).seen("moto 4.0.6"),
    fault(
        "stopped-stops-again",
        "a stopped instance goes through stopping again",
        &["stop/stopped"],
        &["STT-05"],
        |asked| {
            let ids = asked.ids();
            if asked.would_stop() && ids.iter().all(|id| asked.state_of(id) == "stopped") {
                return asked.all_stopped("stopped", "stopping");
            }
            asked.pass()
        },
    ).seen("moto 5.2.5"),
    fault(
        "stop-of-stopped-refused",
        "stopping what is stopped is an error",
        &["stop/stopped"],
        &["STT-05"],
        |asked| {
            if asked.stops() && asked.ids().iter().any(|id| asked.state_of(id) == "stopped") {
                return asked.refuse(400, "IncorrectInstanceState", "It is stopped.");
            }
            asked.pass()
        },
    ).seen("cloudemu (issue 152)"),
    fault(
        "stop-of-stopping-refused",
        "stopping what is stopping is an error",
        &["stop/stopping"],
        &["STT-04"],
        |asked| {
            if asked.stops() && asked.ids().iter().any(|id| asked.state_of(id) == "stopping") {
                return asked.refuse(400, "IncorrectInstanceState", "It is stopping.");
            }
            asked.pass()
        },
    ),
    fault(
        "stop-of-stopped-new-reason",
        "a stop of what is stopped writes a new reason",
        &["stop/stopped"],
        &[],
        |asked| {
            if asked.stops() && asked.ids().iter().any(|id| asked.state_of(id) == "stopped") {
                asked.remember("again", "yes");
            }
            let again = asked.recall("again").is_some();
            asked.described(|text| {
                if again {
                    text.replace(
                        "User initiated (2026-01-01 00:00:0",
                        "User initiated (2026-01-01 00:10:0",
                    )
                } else {
                    text
                }
            })
        },
    )
    .warns(&["IDM-02"]),
    fault(
        "pending-stops",
        "a pending instance is stopped",
        &["stop/pending"],
        &[],
        |asked| {
            let ids = asked.ids();
            if asked.stops() && ids.iter().any(|id| asked.state_of(id) == "pending") {
                asked.remember("stopped", "yes");
                return asked.all_stopped("pending", "stopping");
            }
            if asked.recall("stopped").is_some() {
                return going_down(asked);
            }
            asked.pass()
        },
    )
    .warns(&["STT-08"]),
    fault(
        "pending-refused-and-stops",
        "a pending instance is refused and stops all the same",
        &["stop/pending"],
        &["STT-08"],
        |asked| {
            let is_pending = asked.stops() && asked.ids().iter().any(|id| asked.state_of(id) == "pending");
            if is_pending && code_of(&asked.pass()).as_deref() == Some("IncorrectInstanceState") {
                asked.remember("stopped", "yes");
            }
            if asked.recall("stopped").is_some() {
                return going_down(asked);
            }
            asked.pass()
        },
    ),
    fault(
        "pending-as-conflict",
        "a pending instance is a conflict",
        &["stop/pending"],
        &["ERR-11", "ERR-13"],
        |asked| asked.refusal_as("IncorrectInstanceState", |response| *response.status_mut() = StatusCode::CONFLICT),
    ),
    fault(
        "shutting-down-stops",
        "an instance that is shutting down is stopped",
        &["stop/shutting-down"],
        &["ERR-09", "STT-06", "STT-07"],
        |asked| {
            asked.instead("IncorrectInstanceState", || {
                asked.all_stopped("shutting-down", "stopping")
            })
        },
    ),
    fault(
        "terminated-as-success",
        "a terminated instance is a success",
        &["stop/terminated"],
        &["ERR-09", "STT-07"],
        |asked| {
            asked.instead("IncorrectInstanceState", || {
                asked.all_stopped("terminated", "terminated")
            })
        },
    ),
    fault(
        "terminated-not-found",
        "a terminated instance is not found",
        &["stop/terminated"],
        &["ERR-09", "STT-07"],
        |asked| {
            asked.instead("IncorrectInstanceState", || {
                asked.refuse(
                    400,
                    "InvalidInstanceID.NotFound",
                    "The instance ID does not exist",
                )
            })
        },
    ),
    fault(
        "terminated-becomes-stopped",
        "a terminated instance comes back as stopped",
        &["stop/terminated"],
        &["STT-07"],
        |asked| {
            if asked.stops() {
                asked.remember("back", "yes");
            }
            let back = asked.recall("back").is_some();
            asked.described(|text| {
                if back {
                    text.replace(&state("terminated"), &state("stopped"))
                } else {
                    text
                }
            })
        },
    ).seen("moto 5.2.5, MiniStack 1.5.33"),
    fault(
        "terminated-as-conflict",
        "a terminated instance is a conflict",
        &["stop/terminated"],
        &["ERR-09", "ERR-13"],
        |asked| asked.refusal_as("IncorrectInstanceState", |response| *response.status_mut() = StatusCode::CONFLICT),
    ),
    fault(
        "second-stop-starts",
        "stopping what is stopped turns it on again",
        &["stop/stopped"],
        &["IDM-01", "STT-05"],
        |asked| {
            let stopped: Vec<String> = asked
                .ids()
                .into_iter()
                .filter(|id| asked.stops() && asked.state_of(id) == "stopped")
                .collect();
            let answer = asked.pass();
            for id in stopped {
                asked.secretly("StartInstances", [("InstanceId.1", id)]);
            }
            answer
        },
    ),
    fault(
        "stopped-cannot-start",
        "a stopped instance cannot be started",
        &["stop/then-start"],
        &["STT-10"],
        |asked| {
            if asked.action() == "StartInstances" {
                return asked.refuse(400, "IncorrectInstanceState", "It is stopped.");
            }
            asked.pass()
        },
    ),
    fault(
        "start-is-instant",
        "a start is over at once",
        &["stop/then-start"],
        &["STT-10"],
        |asked| {
            let response = asked.pass();
            if asked.action() == "StartInstances" {
                return with_text(response, |text| {
                    text.replace(&state("pending"), &state("running"))
                });
            }
            response
        },
    ).seen("MiniStack 1.5.33"),
    fault(
        "stopped-cannot-terminate",
        "a stopped instance is not terminated",
        &["stop/then-terminate"],
        &["STT-12"],
        |asked| {
            if asked.action() == "TerminateInstances" {
                return asked.refuse(400, "IncorrectInstanceState", "It is stopped.");
            }
            asked.pass()
        },
    ),
    fault(
        "termination-ends-stopped",
        "a termination leads back to stopped",
        &["stop/then-terminate"],
        &["STT-12"],
        |asked| asked.described(|text| text.replace(&state("terminated"), &state("stopped"))),
    ),
    // --- ids ---
    fault(
        "empty-id-skipped",
        "an empty id is passed over",
        &["id/empty"],
        &["ERR-02"],
        |asked| {
            if asked.stops() && asked.ids().iter().all(String::is_empty) {
                return asked.stopped(&[]);
            }
            asked.stop_changed(|params| {
                params.retain(|(name, value)| !(name.starts_with("InstanceId.") && value.is_empty()));
            })
        },
    )
    .warns(&["IDM-05"]),
    fault(
        "malformed-as-unknown",
        "a malformed id is unknown",
        &["id/malformed"],
        &["ERR-03"],
        |asked| {
            asked.instead("InvalidInstanceID.Malformed", || {
                asked.refuse(
                    400,
                    "InvalidInstanceID.NotFound",
                    "The instance ID does not exist",
                )
            })
        },
    ).seen("moto 5.2.5"),
    fault(
        "malformed-as-success",
        "a malformed id is a success",
        &["id/malformed"],
        &["ERR-03"],
        |asked| asked.instead("InvalidInstanceID.Malformed", || asked.stopped(&[])),
    ),
    fault(
        "unknown-as-malformed",
        "an unknown id is malformed",
        &["id/unknown"],
        &["ERR-05"],
        |asked| {
            asked.instead("InvalidInstanceID.NotFound", || {
                asked.refuse(400, "InvalidInstanceID.Malformed", "Invalid id")
            })
        },
    ),
    fault(
        "unknown-id-skipped",
        "an unknown id is passed over",
        &["id/unknown", "id/several-unknown"],
        &["ERR-05"],
        |asked| asked.instead("InvalidInstanceID.NotFound", || asked.stopped(&[])),
    ).seen("MiniStack 1.2.19"),
    fault(
        "unknown-id-404",
        "an unknown id is 404",
        &["id/unknown"],
        &["ERR-05", "ERR-13"],
        |asked| asked.refusal_as("InvalidInstanceID.NotFound", |response| *response.status_mut() = StatusCode::NOT_FOUND),
    ),
    fault(
        "id-six-digits-malformed",
        "an id of six digits is malformed",
        &["id/border"],
        &["ERR-05", "ERR-08", "REQ-22"],
        |asked| {
            let few_digits = asked.ids().iter().any(|id| id.len() < "i-01234567".len());
            asked.refusal_as("InvalidInstanceID.NotFound", |response| {
                if few_digits {
                    let message = "Invalid id: \"i-ffffff\"";
                    *response = asked.refuse(400, "InvalidInstanceID.Malformed", message);
                }
            })
        },
    ),
    fault(
        "existence-before-syntax",
        "existence is looked at before syntax",
        &["id/malformed-and-unknown"],
        &[],
        |asked| {
            asked.instead("InvalidInstanceID.Malformed", || {
                asked.refuse(
                    400,
                    "InvalidInstanceID.NotFound",
                    "The instance ID does not exist",
                )
            })
        },
    )
    .warns(&["ERR-14"]),
    // --- batches ---
    fault(
        "refused-batch-half-stopped",
        "the good part of a batch is stopped although it is refused",
        &["batch/running-and-terminated"],
        &["IDM-03"],
        stops_the_rest,
    ),
    fault(
        "batch-half-stopped",
        "the good part of a batch is stopped and told of",
        &["batch/running-and-terminated"],
        &["ERR-09", "STT-07", "IDM-03"],
        |asked| {
            asked.instead("IncorrectInstanceState", || {
                let good: Vec<String> = asked
                    .ids()
                    .into_iter()
                    .filter(|id| asked.state_of(id) == "running")
                    .collect();
                asked.stop_secretly(&good);
                let items: Vec<_> = good.into_iter().map(|id| (id, "running", "stopping")).collect();
                asked.stopped(&items)
            })
        },
    ),
    fault(
        "batch-stops-up-to-unknown",
        "a batch stops up to its unknown id",
        &["batch/running-and-unknown"],
        &["IDM-04"],
        stops_the_rest,
    ),
    fault(
        "batch-skips-unknown",
        "unknown ids of a batch are passed over",
        &["batch/running-and-unknown"],
        &["ERR-05", "IDM-04"],
        |asked| {
            let good: Vec<String> = asked
                .ids()
                .into_iter()
                .filter(|id| !asked.state_of(id).is_empty())
                .collect();
            asked.stop_changed(|params| {
                params.retain(|(name, value)| !name.starts_with("InstanceId.") || good.contains(value));
            })
        },
    ).seen("MiniStack 1.2.19"),
    fault(
        "batch-stops-up-to-malformed",
        "a batch stops up to its malformed id",
        &["batch/running-and-malformed"],
        &[],
        stops_the_rest,
    )
    .warns(&["IDM-05"]),
    fault(
        "batch-stops-the-unprotected",
        "a batch stops its free part beside the protected one",
        &["batch/free-and-protected"],
        &[],
        |asked| {
            asked.instead("OperationNotPermitted", || {
            asked.stop_secretly(&asked.ids());
            let id = asked.ids().pop().unwrap_or_default();
            asked.refuse(
                400,
                "OperationNotPermitted",
                &format!(
                    "The instance '{id}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again."
                ),
            )
        })
        },
    )
    .warns(&["IDM-13"])
    .seen("moto 5.2.5"),
    fault(
        "every-stop-finds-running",
        "every one of many stops finds the instance running",
        &["batch/at-once"],
        &[],
        |asked| {
            asked.success_text(|text| {
                let (head, tail) = text.split_once("<previousState>").unwrap_or((&text, ""));
                format!(
                    "{head}<previousState>{}",
                    tail.replace(&state("stopping"), &state("running"))
                )
            })
        },
    ).seen("moto 4.0.6")
    .warns(&["IDM-08", "IDM-09"]),
    fault(
        "states-swapped",
        "an item has the previous state as current, and the current one as previous",
        &["stop/running"],
        &["STT-01", "STT-13"],
        |asked| {
            asked.success_text(|text| {
                text.replace("currentState>", "otherState>")
                    .replace("previousState>", "currentState>")
                    .replace("otherState>", "previousState>")
            })
        },
    ),
    fault(
        "states-out-of-step-with-ids",
        "ids are sorted before they are joined with their states, and the states are not",
        &["batch/three-of-mixed-states"],
        &["STT-01", "STT-04", "STT-05", "STT-13"],
        |asked| {
            asked.success_text(|text| {
                let ids: Vec<&str> = text.split("<instanceId>").skip(1).collect();
                let ids: Vec<String> = ids.iter().map(|part| part.chars().take(19).collect()).collect();
                let mut turned = ids.clone();
                turned.rotate_left(1);
                let mut out = text.clone();
                for (at, id) in ids.iter().enumerate() {
                    out = out.replace(id.as_str(), &format!("#{at}#"));
                }
                for (at, id) in turned.iter().enumerate() {
                    out = out.replace(&format!("#{at}#"), id);
                }
                out
            })
        },
    ),
    fault(
        "batch-stops-its-first",
        "all of a batch are answered, and the first is stopped",
        &["batch/two"],
        &["STT-02", "VIS-01", "VIS-07"],
        |asked| {
            let ids = asked.ids();
            match ids.as_slice() {
                [first, _, ..] if asked.would_stop() => {
                    asked.stop_secretly(std::slice::from_ref(first));
                    asked.all_stopped("running", "stopping")
                }
                _ => asked.pass(),
            }
        },
    ),
    fault(
        "start-finds-running",
        "the answer to a start has the state after it as the one before",
        &["stop/then-start"],
        &["STT-10"],
        |asked| previous_of(asked, "StartInstances", "pending"),
    ),
    fault(
        "termination-finds-running",
        "the answer to a termination always has running as the state before it",
        &["stop/then-terminate"],
        &["STT-12"],
        |asked| previous_of(asked, "TerminateInstances", "running"),
    ),
    fault(
        "stopped-is-never-terminated",
        "the termination of a stopped instance waits for a shutdown that does not come",
        &["stop/then-terminate"],
        &["STT-12"],
        |asked| {
            let ids = asked.ids();
            let stopped = || ids.iter().any(|id| asked.state_of(id) == "stopped");
            match asked.action() == "TerminateInstances" && stopped() {
                true => with_text(asked.all_stopped("stopped", "shutting-down"), |text| {
                    text.replace("StopInstancesResponse", "TerminateInstancesResponse")
                }),
                false => asked.pass(),
            }
        },
    ),
];

/// The answer to an action, with this previous state for every instance.
fn previous_of(asked: &EmulatedRequest<'_>, action: &str, previous: &str) -> Response<Bytes> {
    let answer = asked.pass();
    match asked.action() == action && answer.status() == StatusCode::OK {
        true => with_text(answer, |text| {
            let by = format!("<previousState>{}</previousState>", state(previous));
            replace_between(&text, "<previousState>", "</previousState>", &by)
        }),
        false => answer,
    }
}

/// Describes pending instances as stopping, and running ones as stopped.
fn going_down(asked: &EmulatedRequest<'_>) -> Response<Bytes> {
    const WHY: &str = "<reason>User initiated (2026-01-01 00:00:00 GMT)</reason><stateReason>\
                       <code>Client.UserInitiatedShutdown</code>\
                       <message>Client.UserInitiatedShutdown: User initiated shutdown</message></stateReason>";
    asked.described(|text| {
        let text = text
            .replace(&state("pending"), &state("stopping"))
            .replace(&state("running"), &state("stopped"))
            .replace("<reason/>", WHY);
        replace_between(&text, "<ipAddress>", "</ipAddress>", "")
    })
}

/// Refuses a batch as the reference does, but stops the instances that could be stopped.
fn stops_the_rest(asked: &EmulatedRequest<'_>) -> Response<Bytes> {
    let response = asked.pass();
    if asked.stops() && response.status() != StatusCode::OK {
        asked.stop_secretly(&asked.ids());
    }
    response
}
