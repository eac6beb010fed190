//! Faults that show only when calls overlap, or after very many calls. One client that waits for each answer, with a
//! fresh emulator for each case, cannot find them: the concurrent phase does.

use bytes::Bytes;
use http::{Response, StatusCode};

use std::thread;
use std::time::Duration;

use crate::selfcheck::emulator::{EmulatedRequest, drop_param, set_param, state, with_text};
use crate::selfcheck::fault::{Fault, fault};

/// How long these emulators take for a call, so that other calls can overlap with it.
const WORK: Duration = Duration::from_millis(2);

/// The number of requests that are answered correctly.
const BEFORE_IT_TIRES: usize = 1_000;

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "overlapping-stops-lose-one",
        "of two stops that overlap the later is answered and not carried out",
        &[],
        &["STT-04", "STT-05", "STT-13"],
        |asked| while_others_are_under_way(asked, asked.stops(), |asked| asked.all_stopped("running", "stopping")),
    )
    .warns(&["IDM-09", "IDM-14"])
    .concurrent(),
    fault(
        "overlapping-stops-both-find-running",
        "stops that overlap all read the state before any of them writes it",
        &[],
        &["STT-04", "STT-05", "STT-13"],
        |asked| {
            while_others_are_under_way(asked, asked.stops(), |asked| {
                let answer = asked.pass();
                if answer.status() == StatusCode::OK {
                    asked.all_stopped("running", "stopping")
                } else {
                    answer
                }
            })
        },
    )
    .warns(&["IDM-09", "IDM-14"])
    .concurrent()
    .seen("moto 4.0.6"),
    fault(
        "overlapping-stops-fail",
        "a stop that comes while another call is under way meets a lock and fails",
        &[],
        &["RSP-25"],
        |asked| {
            while_others_are_under_way(asked, asked.stops(), |asked| {
                asked.refuse(500, "InternalError", "database is locked")
            })
        },
    )
    .concurrent(),
    fault(
        "tires-after-a-thousand",
        "after a thousand requests every stop is a fault of the server",
        &[],
        &["RSP-25"],
        |asked| {
            if asked.stops() && asked.served() > BEFORE_IT_TIRES {
                return asked.refuse(500, "InternalError", "out of handles");
            }
            asked.pass()
        },
    )
    .concurrent(),
    fault(
        "overlapping-answers-are-swapped",
        "a buffer for answers is shared by all connections: a stop gets the answer that was written last",
        &[],
        &["RSP-05"],
        |asked| {
            let last = asked.recall("answer");
            let answer = while_others_are_under_way(asked, asked.stops(), |asked| {
                let own = asked.pass();
                match last.filter(|_| own.status() == StatusCode::OK) {
                    Some(last) => with_text(own, |_| last),
                    None => own,
                }
            });
            if asked.stops() && answer.status() == StatusCode::OK {
                asked.remember("answer", &String::from_utf8_lossy(answer.body()));
            }
            answer
        },
    )
    .warns(&["RSP-17", "IDM-14"])
    .concurrent(),
    fault(
        "overlapping-stops-share-a-request-id",
        "request ids come from a clock of coarse ticks: stops that overlap have the same",
        &[],
        &[],
        |asked| {
            while_others_are_under_way(asked, asked.stops(), |asked| {
                let id = "0a1b2c3d-0000-4000-8000-000000000000";
                let mut answer = asked.pass_text(|text| {
                    let (before, rest) = text.split_once("<requestId>").unwrap_or((&text, ""));
                    match rest.split_once("</requestId>") {
                        Some((_, after)) => format!("{before}<requestId>{id}</requestId>{after}"),
                        None => text,
                    }
                });
                answer
                    .headers_mut()
                    .insert("x-amzn-requestid", http::HeaderValue::from_static(id));
                answer
            })
        },
    )
    .warns(&["RSP-17"])
    .concurrent(),
    fault(
        "overlapping-batch-stops-its-first",
        "a batch that overlaps with another call gives up its lock after the first instance, and tells of all",
        &[],
        &["STT-01", "STT-02", "VIS-01", "VIS-07", "IDM-01"],
        |asked| {
            let batch = asked.stops() && asked.ids().len() > 1;
            while_others_are_under_way(asked, batch, |asked| {
                if asked.status_as_dry_run() != 412 || asked.is_set("DryRun") {
                    return asked.pass();
                }
                let first: Vec<String> = asked.ids().into_iter().take(1).collect();
                let states: Vec<(String, String)> =
                    asked.ids().into_iter().map(|id| (id.clone(), asked.state_of(&id))).collect();
                if states.iter().any(|(_, state)| !matches!(state.as_str(), "running" | "stopping" | "stopped")) {
                    return asked.pass();
                }
                asked.stop_secretly(&first);
                let items: Vec<(String, &str, &str)> = states
                    .iter()
                    .map(|(id, state)| match state.as_str() {
                        "stopped" => (id.clone(), "stopped", "stopped"),
                        "stopping" => (id.clone(), "stopping", "stopping"),
                        _ => (id.clone(), "running", "stopping"),
                    })
                    .collect();
                asked.stopped(&items)
            })
        },
    )
    .warns(&["IDM-14"])
    .concurrent(),
    fault(
        "overlapping-batches-deadlock",
        "a batch locks its instances in the order of its ids: of two in opposite orders one is chosen as the victim",
        &[],
        &["RSP-25"],
        |asked| {
            let ids = asked.ids();
            let batch = asked.stops() && ids.len() > 1 && !ids.is_sorted();
            while_others_are_under_way(asked, batch, |asked| {
                asked.refuse(500, "InternalError", "deadlock found when trying to get lock")
            })
        },
    )
    .concurrent(),
    fault(
        "overlapping-stop-skips-protection",
        "the check of the protection is left to the call that holds the lock: a stop that waited for it skips the check",
        &[],
        &["PRO-01"],
        |asked| {
            while_others_are_under_way(asked, asked.stops() && asked.is_protected_by("disableApiStop"), |asked| {
                asked.protect_secretly(false);
                let answer = asked.pass();
                asked.protect_secretly(true);
                answer
            })
        },
    )
    .warns(&["IDM-14"])
    .concurrent(),
    fault(
        "overlapping-protection-is-lost",
        "a protection that is set while another call is under way is overwritten by the copy which that call writes back",
        &[],
        &["PRO-01"],
        |asked| {
            let protects = asked.action() == "ModifyInstanceAttribute";
            while_others_are_under_way(asked, protects, |asked| {
                let answer = asked.pass();
                let id = asked.get("InstanceId").unwrap_or_default();
                let off = [("InstanceId", id), ("DisableApiStop.Value", "false")];
                asked.secretly("ModifyInstanceAttribute", off);
                answer
            })
        },
    )
    .concurrent(),
    fault(
        "overlapping-termination-is-lost",
        "a termination that overlaps with another call is answered, and its write is overwritten",
        &[],
        &["STT-12", "SAF-02"],
        |asked| {
            let terminates = asked.action() == "TerminateInstances";
            while_others_are_under_way(asked, terminates, |asked| {
                let told: Option<String> = asked
                    .ids()
                    .iter()
                    .map(|id| {
                        let previous = asked.state_of(id);
                        let current = match previous.as_str() {
                            "running" => "shutting-down",
                            "stopped" => "terminated",
                            _ => return None,
                        };
                        let (previous, current) = (state(&previous), state(current));
                        Some(format!(
                            "<item><instanceId>{id}</instanceId><currentState>{current}</currentState><previousState>\
                             {previous}</previousState></item>"
                        ))
                    })
                    .collect();
                let Some(told) = told else { return asked.pass() };
                let mut answer = with_text(asked.would_have_succeeded(), |_| {
                    format!(
                        "<TerminateInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>\
                         0a1b2c3d-0000-4000-8000-000000000001</requestId><instancesSet>{told}</instancesSet>\
                         </TerminateInstancesResponse>"
                    )
                });
                *answer.status_mut() = StatusCode::OK;
                answer
            })
        },
    )
    .warns(&["IDM-14"])
    .concurrent(),
    fault(
        "overlapping-dry-run-leaks",
        "whether a call is a dry run is kept in a global variable: a stop that overlaps with another is carried out too",
        &[],
        &["DRY-04", "STT-01", "STT-04", "SAF-02"],
        |asked| {
            let dry = asked.stops() && asked.is_set("DryRun");
            while_others_are_under_way(asked, dry, |asked| {
                let answer = asked.pass();
                if answer.status() == StatusCode::PRECONDITION_FAILED {
                    asked.stop_secretly(&asked.ids());
                }
                answer
            })
        },
    )
    .warns(&["IDM-14"])
    .concurrent(),
    fault(
        "overlapping-start-is-queued",
        "a start that overlaps with a stop is refused, and waits in a queue: it is carried out once the instance has stopped",
        &[],
        &["STT-01", "STT-02", "VIS-01", "VIS-07", "IDM-01", "SAF-02"],
        |asked| {
            if asked.action() == "DescribeInstances" {
                for id in asked.ids().iter().filter(|id| asked.recall(id).is_some_and(|one| one == "queued")) {
                    if asked.state_of(id) == "stopped" {
                        asked.secretly("StartInstances", [("InstanceId.1", id.as_str())]);
                        asked.remember(id, "started");
                    }
                }
                return asked.pass();
            }
            let starts = asked.action() == "StartInstances";
            while_others_are_under_way(asked, starts, |asked| {
                let answer = asked.pass();
                if answer.status() == StatusCode::BAD_REQUEST {
                    for id in asked.ids() {
                        asked.remember(&id, "queued");
                    }
                }
                answer
            })
        },
    )
    .warns(&["IDM-14"])
    .concurrent(),
    fault(
        "overlapping-stop-has-an-empty-set",
        "a stop that overlaps with another call finds the table of instances locked, and takes that for no instances",
        &[],
        &["RSP-05"],
        |asked| while_others_are_under_way(asked, asked.stops(), |asked| asked.stopped(&[])),
    )
    .warns(&["IDM-14"])
    .concurrent(),
    fault(
        "overlapping-force-is-forgotten",
        "an option is kept in a global variable: of a stop with Force that overlaps the action becomes a termination",
        &[],
        &["FRC-03", "STT-01", "SAF-02", "SAF-03"],
        |asked| {
            while_others_are_under_way(asked, asked.stops() && asked.is_set("Force"), |asked| {
                let answer = asked.pass();
                if answer.status() == StatusCode::OK {
                    let mut params = asked.params.clone();
                    drop_param(&mut params, "Force");
                    set_param(&mut params, "Action", "TerminateInstances");
                    asked.pass_as(params);
                }
                answer
            })
        },
    )
    .warns(&["IDM-14"])
    .concurrent(),
];

/// Takes its time, and then changes the answer to a request for which `applies` holds, if another one was under way; any
/// other request is passed as received.
fn while_others_are_under_way(
    asked: &EmulatedRequest<'_>,
    applies: bool,
    answer: impl FnOnce(&EmulatedRequest<'_>) -> Response<Bytes>,
) -> Response<Bytes> {
    if !matches!(
        asked.action(),
        "StopInstances" | "StartInstances" | "TerminateInstances" | "ModifyInstanceAttribute"
    ) {
        return asked.pass();
    }
    let others = asked.under_way() > 1;
    thread::sleep(WORK);
    if applies && others {
        answer(asked)
    } else {
        asked.pass()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::call::Call;
    use crate::protocol::{self, RequestTarget};
    use crate::reference::Config;
    use crate::selfcheck::emulator;
    use crate::sign;

    fn request(action: &str, params: &[(&str, &str)]) -> Request<Bytes> {
        let target = RequestTarget {
            host: "localhost".to_owned(),
            path: "/".to_owned(),
            region: emulator::REGION.to_owned(),
        };
        let call = Call::new(action, params.iter().copied());
        let keys = crate::embedded::keyring();
        sign::sign(
            protocol::encode(&call, &target).expect("a short call"),
            crate::call::Auth::Header,
            &keys,
            emulator::REGION,
            "ec2",
            1_767_225_600_000,
        )
        .expect("the main key signs any request")
    }

    fn text(response: &Response<Bytes>) -> String {
        String::from_utf8_lossy(response.body()).into_owned()
    }

    #[test]
    fn those_of_stops_show_under_calls_that_overlap_and_under_no_others() {
        let shown = [
            "overlapping-stops-lose-one",
            "overlapping-stops-both-find-running",
            "overlapping-stops-fail",
        ];
        for fault in FAULTS.iter().filter(|fault| shown.contains(&fault.name)) {
            let handler = emulator::handler(Config::default(), fault.hook);
            let run = request(
                "RunInstances",
                &[
                    ("ImageId", "ami-0eb50000000000001"),
                    ("MinCount", "1"),
                    ("MaxCount", "1"),
                ],
            );
            let launched = text(&handler(&run, 1_767_225_600_000));
            let id = launched
                .split_once("<instanceId>")
                .and_then(|(_, rest)| rest.split_once('<'))
                .map(|(id, _)| id.to_owned())
                .expect("an instance is launched");
            let stop = request("StopInstances", &[("InstanceId.1", &id), ("DryRun", "false")]);
            let later = 1_767_225_700_000;
            let answers: Vec<String> = thread::scope(|scope| {
                let workers: Vec<_> = (0..8)
                    .map(|_| scope.spawn(|| text(&handler(&stop, later))))
                    .collect();
                workers
                    .into_iter()
                    .map(|worker| worker.join().expect("no worker panics"))
                    .collect()
            });
            let firsts = |word: &str| answers.iter().filter(|answer| answer.contains(word)).count();
            let running = firsts("<previousState><code>16</code>");
            assert!(
                running > 1 || firsts("database is locked") > 0,
                "{}: {answers:?}",
                fault.name
            );
            // A call that does not overlap is answered correctly.
            let alone = text(&handler(&stop, later));
            assert!(!alone.contains("locked"), "{}: {alone}", fault.name);
        }
    }

    #[test]
    fn who_is_asked_too_often_tires() {
        let fault = FAULTS.iter().find(|fault| fault.name.starts_with("tires"));
        let handler = emulator::handler(Config::default(), fault.expect("it is in the table").hook);
        let stop = request("StopInstances", &[("InstanceId.1", "i-01234567")]);
        let now = 1_767_225_600_000;
        assert!(text(&handler(&stop, now)).contains("InvalidInstanceID.NotFound"));
        for _ in 0..BEFORE_IT_TIRES {
            handler(&stop, now);
        }
        assert!(text(&handler(&stop, now)).contains("out of handles"));
    }
}
