//! What descriptions show of an instance after a stop: its state, the reason, and the values it kept.

use bytes::Bytes;
use http::Response;

use crate::selfcheck::emulator::{EmulatedRequest, replace_between, state, with_text};
use crate::selfcheck::fault::{Fault, fault};

const STOP: &[&str] = &["stop/running"];
/// One minute, after which descriptions no longer lag.
const LAG_MS: u64 = 60_000;

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "stop-not-done",
        "a stop is answered and not done",
        STOP,
        &["VIS-01", "VIS-07", "STT-02"],
        |asked| {
            let ids = asked.ids();
            if asked.would_stop() && ids.iter().all(|id| asked.state_of(id) == "running") {
                return asked.all_stopped("running", "stopping");
            }
            asked.pass()
        },
    ),
    fault(
        "stop-terminates",
        "a stop terminates",
        STOP,
        &["VIS-01", "VIS-07", "STT-02"],
        |asked| {
            asked.success(|_| {
                for id in asked.ids() {
                    asked.secretly("TerminateInstances", [("InstanceId.1", id)]);
                }
            })
        },
    ),
    fault(
        "stopped-not-described",
        "an instance is not described once it is stopped",
        STOP,
        &["VIS-01", "VIS-07", "STT-02"],
        |asked| {
            asked.described(|text| {
                if text.contains(&state("stopping")) || text.contains(&state("stopped")) {
                    replace_between(
                        &text,
                        "<reservationSet>",
                        "</reservationSet>",
                        "<reservationSet/>",
                    )
                } else {
                    text
                }
            })
        },
    )
    .warns(&["SAF-02"]),
    fault(
        "stopped-starts-by-itself",
        "a stopped instance starts again by itself",
        STOP,
        &[],
        |asked| {
            let id = asked.recall("id").unwrap_or_default();
            if !id.is_empty() && asked.state_of(&id) == "stopped" {
                asked.secretly("StartInstances", [("InstanceId.1", id)]);
            }
            if asked.stops() {
                asked.remember("id", asked.get("InstanceId.1").unwrap_or_default());
            }
            asked.pass()
        },
    )
    .warns(&["STT-03"]),
    fault(
        "stop-takes-15-minutes",
        "a stop takes a quarter of an hour",
        STOP,
        &[],
        |asked| asked.described(|text| text.replace(&state("stopped"), &state("stopping"))),
    )
    .warns(&["VIS-10"]),
    fault(
        "reason-empty",
        "the reason of a stop is empty",
        STOP,
        &["VIS-02", "VIS-05"],
        |asked| asked.described(|text| replace_between(&text, "<reason>", "</reason>", "<reason/>")),
    )
    .seen("MiniStack 1.5.33"),
    fault(
        "reason-without-time",
        "the reason has no time",
        STOP,
        &["VIS-02"],
        |asked| {
            asked.described(|text| {
                replace_between(&text, "<reason>", "</reason>", "<reason>User initiated</reason>")
            })
        },
    ),
    fault(
        "reason-in-local-time",
        "the time of the reason is local",
        STOP,
        &[],
        |asked| asked.described(|text| text.replace("(2026-01-01 00:", "(2026-01-01 05:")),
    )
    .warns(&["VIS-03"]),
    fault(
        "no-state-reason",
        "there is no stateReason",
        STOP,
        &["VIS-04", "VIS-05"],
        |asked| asked.described(|text| replace_between(&text, "<stateReason>", "</stateReason>", "")),
    )
    .seen("MiniStack 1.5.33"),
    fault(
        "state-reason-of-failed-launch",
        "the stateReason is that of a failed launch",
        STOP,
        &["VIS-04"],
        |asked| asked.described(|text| text.replace("Client.UserInitiatedShutdown", "Server.InternalError")),
    ),
    fault(
        "reason-comes-late",
        "the reason comes when the instance has stopped",
        STOP,
        &["VIS-02", "VIS-04", "VIS-05"],
        |asked| {
            asked.described(|text| {
                if text.contains(&state("stopping")) {
                    let text = replace_between(&text, "<reason>", "</reason>", "<reason/>");
                    replace_between(&text, "<stateReason>", "</stateReason>", "")
                } else {
                    text
                }
            })
        },
    ),
    fault(
        "running-with-reason",
        "a running instance has a reason",
        STOP,
        &["VIS-06"],
        |asked| {
            asked.described(|text| {
                if text.contains(&state("running")) {
                    text.replace("<reason/>", "<reason>launched</reason>")
                } else {
                    text
                }
            })
        },
    ),
    fault(
        "reason-outlives-restart",
        "the reason of a stop outlives a restart",
        &["stop/then-start"],
        &["VIS-06"],
        |asked| {
            asked.described(|text| {
                if text.contains("<reason>User") {
                    asked.remember("stopped", "yes");
                }
                if asked.recall("stopped").is_some() && text.contains(&state("running")) {
                    return text.replace(
                        "<reason/>",
                        "<reason>User initiated (2026-01-01 00:00:03 GMT)</reason>",
                    );
                }
                text
            })
        },
    ),
    fault(
        "public-address-kept",
        "a stopped instance keeps its public address",
        &["stop/keeps-identity"],
        &["STT-11"],
        |asked| {
            asked.described(|text| {
                text.replace(
                    "</privateIpAddress><sourceDestCheck>",
                    "</privateIpAddress><ipAddress>203.0.113.9</ipAddress><sourceDestCheck>",
                )
            })
        },
    )
    .seen("MiniStack 1.5.33"),
    fault(
        "describes-strangers",
        "a description by id shows other instances, too",
        &["stop/running", "dry-run/valid"],
        &["VIS-12"],
        |asked| asked.described(with_strangers),
    ),
    fault(
        "private-address-changes",
        "a stopped instance gets another private address",
        &["stop/keeps-identity"],
        &["STT-11"],
        |asked| {
            described_when_stopped(asked, |text| {
                text.replace("<privateIpAddress>172.31.", "<privateIpAddress>10.31.")
            })
        },
    ),
    fault(
        "stop-changes-interface",
        "a stop replaces the network interface",
        &["stop/keeps-identity"],
        &["STT-14"],
        |asked| {
            described_when_stopped(asked, |text| {
                text.replace("<networkInterfaceId>eni-0", "<networkInterfaceId>eni-1")
            })
        },
    ),
    fault(
        "stop-loses-volume",
        "a stop loses the volume",
        &["stop/keeps-identity"],
        &["STT-11"],
        |asked| {
            described_when_stopped(asked, |text| {
                replace_between(
                    &text,
                    "<blockDeviceMapping>",
                    "</blockDeviceMapping>",
                    "<blockDeviceMapping/>",
                )
            })
        },
    ),
    fault(
        "descriptions-lag",
        "descriptions lag by two minutes",
        STOP,
        &["VIS-01", "VIS-07", "STT-02"],
        |asked| {
            if asked.stops() {
                asked.remember("at", &asked.now_ms.to_string());
            }
            let at: u64 = asked
                .recall("at")
                .and_then(|text| text.parse().ok())
                .unwrap_or_default();
            asked.described(|text| {
                if at > 0 && asked.now_ms < at + 2 * LAG_MS {
                    let text = text.replace(&state("stopped"), &state("stopping"));
                    let text = text.replace(&state("stopping"), &state("running"));
                    let text = replace_between(&text, "<reason>", "</reason>", "<reason/>");
                    replace_between(&text, "<stateReason>", "</stateReason>", "")
                } else {
                    text
                }
            })
        },
    ),
    fault(
        "filter-by-state-code-ignored",
        "the filter instance-state-code is not known, and ignored",
        &["view/filters"],
        &["VIS-13"],
        |asked| asked.pass_changed(|params| drop_filter(params, "instance-state-code")),
    )
    .seen("MiniStack 1.5.33"),
    fault(
        "filter-by-state-name-ignored",
        "the filter instance-state-name is not known, and ignored",
        &["view/filters", "view/after-refusals"],
        &["VIS-13"],
        |asked| asked.pass_changed(|params| drop_filter(params, "instance-state-name")),
    ),
    fault(
        "filter-by-first-value",
        "of several values of a filter, the first counts",
        &["view/filters"],
        &["VIS-13"],
        |asked| {
            asked.pass_changed(|params| {
                params
                    .retain(|(name, _)| !(name.starts_with("Filter.1.Value.") && name != "Filter.1.Value.1"));
            })
        },
    ),
    fault(
        "filter-by-one-filter-only",
        "of several filters, the last counts",
        &["view/filters"],
        &["VIS-13"],
        |asked| {
            asked.pass_changed(|params| {
                if params.iter().any(|(name, _)| name == "Filter.2.Name") {
                    params.retain(|(name, _)| !name.starts_with("Filter.1."));
                }
            })
        },
    ),
    fault(
        "filter-ignored-beside-ids",
        "filters count only where no ids are given",
        &["view/filters", "view/after-refusals"],
        &["VIS-13"],
        |asked| {
            asked.pass_changed(|params| {
                if params.iter().any(|(name, _)| name.starts_with("InstanceId")) {
                    params.retain(|(name, _)| !name.starts_with("Filter."));
                }
            })
        },
    ),
    fault(
        "stopped-loses-its-tags",
        "the tags of an instance are dropped from the index when it stops",
        &["view/filters"],
        &["VIS-13"],
        |asked| {
            asked.pass_changed(|params| {
                if params.iter().any(|(_, value)| value == "tag-key") {
                    params.push(("Filter.9.Name".to_owned(), "instance-state-name".to_owned()));
                    params.push(("Filter.9.Value.1".to_owned(), "running".to_owned()));
                }
            })
        },
    ),
    fault(
        "index-of-states-not-updated",
        "filters by state use an index that stops do not update",
        &["view/filters"],
        &["VIS-13"],
        |asked| {
            if asked.stops() && !asked.is_set("DryRun") {
                asked
                    .ids()
                    .iter()
                    .for_each(|id| asked.remember(id, "not in the index"));
            }
            let by_state = asked
                .get("Filter.1.Name")
                .is_some_and(|name| name.starts_with("instance-state"));
            asked.pass_changed(|params| {
                if by_state && asked.ids().iter().any(|id| asked.recall(id).is_some()) {
                    params.retain(|(name, value)| {
                        !(name.starts_with("InstanceId") && asked.recall(value).is_some())
                    });
                }
            })
        },
    ),
    fault(
        "refused-stop-in-the-index",
        "a stop enters the index of states before it is refused",
        &["view/after-refusals"],
        &["VIS-13"],
        |asked| {
            if asked.stops() {
                asked
                    .ids()
                    .iter()
                    .for_each(|id| asked.remember(id, "in the index"));
            }
            asked.pass_changed(|params| {
                let wants_stopped = params.iter().any(|(_, value)| value == "stopped");
                if wants_stopped
                    && asked
                        .ids()
                        .iter()
                        .any(|id| asked.state_of(id) == "running" && asked.recall(id).is_some())
                {
                    params.retain(|(name, _)| !name.starts_with("Filter."));
                }
            })
        },
    ),
    fault(
        "status-always-running",
        "DescribeInstanceStatus shows every instance as running",
        &["view/status"],
        &["VIS-14"],
        |asked| {
            let answer = asked.pass();
            match asked.action() {
                "DescribeInstanceStatus" => with_text(answer, |text| {
                    text.replace(&state("stopped"), &state("running"))
                        .replace(&state("stopping"), &state("running"))
                }),
                _ => answer,
            }
        },
    ),
    fault(
        "status-from-a-cache",
        "DescribeInstanceStatus shows the state of the first time that it was asked for",
        &["view/status"],
        &["VIS-14"],
        |asked| {
            if asked.action() != "DescribeInstanceStatus" {
                return asked.pass();
            }
            asked.pass_text(|text| {
                let mut text = text;
                for id in asked.ids() {
                    let now = asked.state_of(&id);
                    let then = asked.recall(&id).unwrap_or_else(|| now.clone());
                    asked.remember(&id, &then);
                    if now != then {
                        text = replace_between(
                            &text,
                            "<instanceState>",
                            "</instanceState>",
                            &format!("<instanceState>{}</instanceState>", state(&then)),
                        );
                    }
                }
                text
            })
        },
    ),
    fault(
        "status-filters-ignored",
        "DescribeInstanceStatus does not read filters",
        &["view/status"],
        &["VIS-14"],
        |asked| match asked.action() {
            "DescribeInstanceStatus" => {
                asked.pass_changed(|params| params.retain(|(name, _)| !name.starts_with("Filter.")))
            }
            _ => asked.pass(),
        },
    ),
    fault(
        "described-code-of-running",
        "descriptions have the code of running in every state",
        &["view/status"],
        &["VIS-15"],
        |asked| {
            asked.described(|text| {
                text.replace("<code>80</code>", "<code>16</code>")
                    .replace("<code>64</code>", "<code>16</code>")
            })
        },
    ),
    fault(
        "state-reason-outlives-restart",
        "a start clears the reason and forgets stateReason",
        &["stop/then-start"],
        &["VIS-06"],
        |asked| {
            if asked.action() == "StartInstances" {
                asked.remember("started", "once");
            }
            asked.described(|text| match asked.recall("started") {
                Some(_) => text.replace(
                    "<architecture>",
                    "<stateReason><code>Client.UserInitiatedShutdown</code><message>Client.UserInitiatedShutdown: User \
                     initiated shutdown</message></stateReason><architecture>",
                ),
                None => text,
            })
        },
    ),
    fault(
        "reason-of-the-first-stop-kept",
        "the reason is written where there is none yet, so later stops show the time of the first",
        &["life/cycles"],
        &[],
        |asked| {
            asked.described(|text| {
                let Some((_, rest)) = text.split_once("<reason>User initiated") else {
                    return text;
                };
                let (now, _) = rest.split_once("</reason>").unwrap_or_default();
                let first = asked.recall("reason").unwrap_or_else(|| now.to_owned());
                asked.remember("reason", &first);
                text.replace(now, &first)
            })
        },
    )
    .warns(&["VIS-03"]),
    fault(
        "reason-in-iso-form",
        "the time in the reason is written as everywhere else in the API",
        STOP,
        &[],
        |asked| {
            asked.described(|text| {
                let by = "<reason>User initiated (2026-01-01T00:00:20.000Z)</reason>";
                replace_between(&text, "<reason>User", "</reason>", by)
            })
        },
    )
    .warns(&["VIS-02"]),
    fault(
        "reason-dated-when-described",
        "the time in the reason is that of the description",
        &["stop/stopped"],
        &[],
        |asked| {
            asked.described(|text| {
                let seconds = asked.now_ms / 1000 % 60;
                let minutes = asked.now_ms / 60_000 % 60;
                let by =
                    format!("<reason>User initiated (2026-01-01 00:{minutes:02}:{seconds:02} GMT)</reason>");
                replace_between(&text, "<reason>User", "</reason>", &by)
            })
        },
    )
    .warns(&["IDM-02"]),
];

/// A description with a copy of each instance that has another id.
fn with_strangers(text: String) -> String {
    let Some((head, tail)) = text.split_once("</reservationSet>") else {
        return text;
    };
    let set = head.split_once("<reservationSet>").map(|(_, set)| set);
    let strangers = set
        .unwrap_or_default()
        .replace("<instanceId>i-0", "<instanceId>i-f");
    format!("{head}{strangers}</reservationSet>{tail}")
}

/// The answer, changed if it describes a stopped instance.
fn described_when_stopped(
    asked: &EmulatedRequest<'_>,
    change: impl FnOnce(String) -> String,
) -> Response<Bytes> {
    asked.described(|text| {
        if text.contains(&state("stopped")) {
            change(text)
        } else {
            text
        }
    })
}

/// Removes the filter with this name.
fn drop_filter(params: &mut Vec<(String, String)>, filter: &str) {
    let named = params.iter().find(|(_, value)| value == filter);
    let prefix = named
        .and_then(|(name, _)| name.strip_suffix("Name"))
        .map(str::to_owned);
    if let Some(prefix) = prefix {
        params.retain(|(name, _)| !name.starts_with(&prefix));
    }
}
