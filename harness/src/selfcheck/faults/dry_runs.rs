//! Dry runs that change something, and Force that does too much or too little.

use http::StatusCode;

use crate::selfcheck::emulator::{drop_param, state};
use crate::selfcheck::fault::{Fault, fault};

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "dry-run-ignored",
        "DryRun is ignored",
        &["dry-run/valid"],
        &["DRY-04", "DRY-05"],
        |asked| asked.stop_changed(|params| drop_param(params, "DryRun")),
    )
    .seen("MiniStack 1.5.33"),
    fault(
        "dry-run-stops",
        "a dry run answers as it should and stops",
        &["dry-run/valid"],
        &["DRY-04"],
        |asked| {
            if asked.stops() && asked.is_set("DryRun") {
                asked.stop_secretly(&asked.ids());
            }
            asked.pass()
        },
    )
    .seen("MiniStack 1.5.33, fakecloud 0.51.0"),
    fault(
        "dry-run-stops-later",
        "a dry run stops a little later",
        &["dry-run/then-real"],
        &["DRY-04"],
        |asked| {
            if asked.recall("later").is_some() {
                asked.stop_secretly(&asked.recall("later").into_iter().collect::<Vec<_>>());
            }
            if asked.stops() && asked.is_set("DryRun") {
                asked.remember("later", asked.get("InstanceId.1").unwrap_or_default());
            }
            asked.pass()
        },
    ),
    fault(
        "dry-run-answers-200",
        "a dry run answers 200 without a set",
        &["dry-run/valid"],
        &["DRY-05"],
        |asked| asked.instead("DryRunOperation", || asked.stopped(&[])),
    ),
    fault(
        "dry-run-answers-400",
        "a dry run answers 400",
        &["dry-run/valid"],
        &["DRY-02"],
        |asked| asked.refusal(|response| *response.status_mut() = StatusCode::BAD_REQUEST),
    )
    .seen("moto 2.2.6"),
    fault(
        "dry-run-code-own",
        "a dry run has a code of its own",
        &["dry-run/valid"],
        &["DRY-01"],
        |asked| {
            asked.instead("DryRunOperation", || {
                asked.refuse(412, "PreconditionFailed", "It would have worked.")
            })
        },
    ),
    fault(
        "dry-run-of-malformed-invalid",
        "a dry run of a malformed id is an invalid value",
        &["dry-run/malformed"],
        &[],
        |asked| {
            if asked.stops() && asked.is_set("DryRun") && asked.ids().iter().any(|id| id == "ma1") {
                return asked.refuse(400, "InvalidParameterValue", "The id is invalid.");
            }
            asked.pass()
        },
    )
    .warns(&["DRY-08"]),
    fault(
        "force-not-with-skip",
        "Force and SkipOsShutdown are not taken together",
        &["force/and-skip-os-shutdown"],
        &[],
        |asked| {
            if asked.stops() && asked.is_set("Force") && asked.is_set("SkipOsShutdown") {
                return asked.refuse(400, "InvalidParameterCombination", "Choose one of them.");
            }
            asked.pass()
        },
    )
    .warns(&["FRC-09"]),
    fault(
        "dry-run-of-unknown-succeeds",
        "a dry run of an unknown id succeeds",
        &["dry-run/unknown"],
        &["DRY-05", "ERR-05"],
        |asked| asked.instead("InvalidInstanceID.NotFound", || asked.stopped(&[])),
    )
    .seen("moto 5.2.5")
    .warns(&["DRY-06"]),
    fault(
        "dry-run-of-stopped-succeeds",
        "a dry run of what is stopped succeeds",
        &["dry-run/stopped-and-terminated"],
        &["DRY-05", "ERR-09", "STT-07"],
        |asked| asked.instead("DryRunOperation", || asked.stopped(&[])),
    )
    .warns(&["DRY-07"]),
    // --- Force ---
    fault(
        "force-is-instant",
        "a forced stop is over at once",
        &["force/running"],
        &["STT-01", "FRC-02", "REQ-15", "REQ-18"],
        |asked| {
            let forced = asked.is_set("Force");
            asked.success_text(|text| {
                if forced {
                    text.replace(&state("stopping"), &state("stopped"))
                } else {
                    text
                }
            })
        },
    ),
    fault(
        "force-refused-while-stopping",
        "Force finds what is stopping in the wrong state",
        &["force/stopping"],
        &["FRC-03", "STT-04"],
        |asked| {
            if asked.stops() && asked.is_set("Force") {
                return asked.refuse(400, "IncorrectInstanceState", "It is stopping already.");
            }
            asked.pass()
        },
    ),
    fault(
        "force-without-effect-while-stopping",
        "Force does not reach what is stopping",
        &["force/stopping"],
        &["FRC-03", "STT-04"],
        |asked| {
            if asked.stops() && asked.is_set("Force") {
                return asked.refuse(400, "UnsupportedOperation", "It is stopping already.");
            }
            asked.pass()
        },
    ),
    fault(
        "force-stops-terminated",
        "Force reaches the terminated",
        &["force/terminated"],
        &["ERR-09", "STT-07", "FRC-04"],
        |asked| {
            asked.instead("IncorrectInstanceState", || {
                asked.all_stopped("terminated", "stopping")
            })
        },
    ),
    fault(
        "force-passes-protection",
        "Force passes by stop protection",
        &["force/protected"],
        &["PRO-01"],
        |asked| {
            asked.instead("OperationNotPermitted", || {
                asked.all_stopped("running", "stopping")
            })
        },
    )
    .warns(&["FRC-05"]),
    fault(
        "force-default",
        "Force is the default",
        &["request/booleans"],
        &["STT-01", "FRC-01", "REQ-18", "REQ-19"],
        |asked| {
            let unforced = asked.get("Force") == Some("false");
            asked.success_text(|text| {
                if unforced {
                    text.replace(&state("stopping"), &state("stopped"))
                } else {
                    text
                }
            })
        },
    ),
    fault(
        "dry-run-forgotten-with-force",
        "Force is handled first, by code that does not know of DryRun",
        &["dry-run/batch-and-force"],
        &["DRY-04", "DRY-05"],
        |asked| {
            asked.stop_changed(|params| {
                if asked.is_set("Force") {
                    drop_param(params, "DryRun");
                }
            })
        },
    ),
    fault(
        "dry-run-of-a-batch-stops-its-second",
        "a loop over the instances looks at DryRun before it begins, and not any more after the first",
        &["dry-run/batch-and-force"],
        &["DRY-04"],
        |asked| {
            if asked.stops() && asked.is_set("DryRun") {
                asked.stop_secretly(asked.ids().get(1..).unwrap_or_default());
            }
            asked.pass()
        },
    ),
    fault(
        "skip-os-shutdown-not-carried-out",
        "a stop with SkipOsShutdown is answered, and its power-off is still to be written",
        &["force/skip-os-shutdown"],
        &["STT-02", "VIS-01", "VIS-07"],
        |asked| match asked.would_stop() && asked.is_set("SkipOsShutdown") {
            true => asked.all_stopped("running", "stopping"),
            false => asked.pass(),
        },
    ),
    fault(
        "skip-os-shutdown-is-instant",
        "without a shutdown of the operating system nothing takes time: the answer says stopped",
        &["force/skip-os-shutdown"],
        &["STT-01"],
        |asked| {
            asked.success_text(|text| match asked.is_set("SkipOsShutdown") {
                true => text.replace(&state("stopping"), &state("stopped")),
                false => text,
            })
        },
    )
    .warns(&["REQ-17"]),
];
