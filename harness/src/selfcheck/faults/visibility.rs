//! What descriptions show of an instance after a stop: its state, the reason, and the values it kept.

use bytes::Bytes;
use http::Response;

use crate::selfcheck::emulator::{EmulatedRequest, replace_between, state};
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
