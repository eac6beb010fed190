//! Answers that the evidence does not forbid: they never fail a run, whatever else is reported about them.
//!
//! Each row changes the reference in one way that an open question of the evidence, or a recording of another year,
//! allows. The names begin with the number of the question or the recording.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, SERVER};
use http::{HeaderName, Response, StatusCode};
use stopcheck::call::Form;
use stopcheck::contract::{Act, CallTemplate, Confidence, Edition, FixtureKind, Scenario, Step};
use stopcheck::journal::Phase;
use stopcheck::plan::{Plan, Selection};
use stopcheck::reference::XmlLayout;
use stopcheck::runner::WireOptions;
use stopcheck::verdict::Verdict;

use stopcheck::selfcheck::emulator::{
    self as mock, EmulatedRequest, FaultHook, code_of, replace_between, set_param, state,
};
use stopcheck::selfcheck::{Fault, fault};

use crate::{plant, play, play_plan};

const STOP: &[&str] = &["stop/running"];
const UNSIGNED: &[&str] = &["auth/unsigned"];

/// An emulator that must not be reported under these clauses.
const fn tolerated(
    what: &'static str,
    cases: &'static [&'static str],
    fails: &'static [&'static str],
    hook: FaultHook,
) -> Fault {
    fault("tolerated", what, cases, fails, hook)
}

const TOLERATED: &[Fault] = &[
    tolerated(
        "OQ-01: no ids is an invalid combination",
        &["id/none"],
        &[],
        |asked| {
            asked.instead("MissingParameter", || {
                asked.refuse(400, "InvalidParameterCombination", "No instances specified")
            })
        },
    ),
    tolerated(
        "OQ-02: an empty id is a missing parameter",
        &["id/empty"],
        &[],
        |asked| {
            asked.instead("InvalidInstanceID.Malformed", || {
                asked.refuse(
                    400,
                    "MissingParameter",
                    "The request must contain the parameter InstanceId",
                )
            })
        },
    ),
    tolerated(
        "OQ-03: any odd index is read as an index",
        &["request/odd-index"],
        &[],
        |asked| {
            asked.stop_changed(|params| {
                let mut next = 0;
                for (name, _) in params
                    .iter_mut()
                    .filter(|(name, _)| name.starts_with("InstanceId"))
                {
                    next += 1;
                    *name = format!("InstanceId.{next}");
                }
            })
        },
    ),
    tolerated(
        "OQ-03: an odd index is an unknown parameter",
        &["request/odd-index"],
        &[],
        |asked| odd_index(asked, "UnknownParameter"),
    ),
    tolerated(
        "OQ-03: an odd index is a missing parameter",
        &["request/odd-index"],
        &[],
        |asked| odd_index(asked, "MissingParameter"),
    ),
    tolerated(
        "OQ-03: an odd index is not found",
        &["request/odd-index"],
        &[],
        |asked| odd_index(asked, "InvalidInstanceID.NotFound"),
    ),
    tolerated(
        "OQ-03: an id in upper case is that id",
        &["id/upper-case"],
        &[],
        |asked| {
            asked.stop_changed(|params| {
                for (name, value) in params {
                    if name.starts_with("InstanceId") {
                        value.make_ascii_lowercase();
                    }
                }
            })
        },
    ),
    tolerated(
        "OQ-03: an id in upper case is malformed",
        &["id/upper-case"],
        &[],
        |asked| {
            asked.instead("InvalidInstanceID.NotFound", || {
                asked.refuse(400, "InvalidInstanceID.Malformed", "Invalid id")
            })
        },
    ),
    tolerated(
        "OQ-03: every long id that was never issued is malformed",
        &["id/long"],
        &[],
        |asked| {
            asked.instead("InvalidInstanceID.NotFound", || {
                asked.refuse(400, "InvalidInstanceID.Malformed", "Invalid id")
            })
        },
    ),
    tolerated(
        "OQ-04: no version is none that exists",
        &["request/missing-version"],
        &[],
        |asked| {
            asked.instead("MissingParameter", || {
                asked.refuse(400, "NoSuchVersion", "The requested version () does not exist")
            })
        },
    ),
    tolerated(
        "OQ-04: no action is a missing parameter",
        &["request/missing-action"],
        &[],
        |asked| no_action(asked, "MissingParameter"),
    ),
    tolerated(
        "OQ-04: no action is an invalid one",
        &["request/missing-action"],
        &[],
        |asked| no_action(asked, "InvalidAction"),
    ),
    tolerated(
        "OQ-05: a dry run ends before anything is looked at",
        &["dry-run/*"],
        &[],
        |asked| {
            if asked.stops() && asked.is_set("DryRun") {
                return asked.refuse(
                    412,
                    "DryRunOperation",
                    "Request would have succeeded, but DryRun flag is set.",
                );
            }
            asked.pass()
        },
    ),
    tolerated(
        "OQ-05: a dry run ends after everything was looked at",
        &["dry-run/stopped-and-terminated"],
        &[],
        |asked| {
            asked.instead("DryRunOperation", || {
                let id = asked.ids().pop().unwrap_or_default();
                let message = format!("This instance '{id}' is not in a state from which it can be stopped.");
                asked.refuse(400, "IncorrectInstanceState", &message)
            })
        },
    ),
    tolerated(
        "OQ-05: of two faults the state is named",
        &["id/malformed-and-unknown"],
        &[],
        |asked| {
            let dead = asked
                .ids()
                .into_iter()
                .find(|id| asked.state_of(id) == "terminated");
            match dead {
                Some(id) if asked.stops() => {
                    let message =
                        format!("This instance '{id}' is not in a state from which it can be stopped.");
                    asked.refuse(400, "IncorrectInstanceState", &message)
                }
                _ => asked.pass(),
            }
        },
    ),
    tolerated(
        "OQ-05: of two faults the existence is named",
        &["id/malformed-and-unknown"],
        &[],
        |asked| {
            asked.instead("InvalidInstanceID.Malformed", || {
                let id = asked.ids().swap_remove(0);
                asked.refuse(
                    400,
                    "InvalidInstanceID.NotFound",
                    &format!("The instance ID '{id}' does not exist"),
                )
            })
        },
    ),
    tolerated(
        "OQ-07: an odd boolean is false",
        &["request/odd-booleans"],
        &[],
        |asked| odd_boolean(asked, "false"),
    ),
    tolerated(
        "OQ-07: an odd boolean is true",
        &["request/odd-booleans"],
        &[],
        |asked| odd_boolean(asked, "true"),
    ),
    tolerated(
        "OQ-08: no more than fifty ids",
        &["batch/hundred-unknown"],
        &[],
        |asked| {
            if asked.ids().len() > 50 && asked.stops() {
                return asked.refuse(400, "InvalidRequest", "Too many.");
            }
            asked.pass()
        },
    )
    .warns(&["REQ-24"]),
    tolerated(
        "OQ-09: an id given twice is answered twice",
        &["batch/repeated-id"],
        &[],
        |asked| {
            if asked.stops() && asked.ids().len() == 2 {
                asked.stop_secretly(&asked.ids());
                let items: Vec<_> = asked
                    .ids()
                    .into_iter()
                    .map(|id| (id, "running", "stopping"))
                    .collect();
                return asked.stopped(&items);
            }
            asked.pass()
        },
    ),
    tolerated(
        "OQ-09: an id given twice is refused",
        &["batch/repeated-id"],
        &[],
        |asked| {
            if asked.stops() && asked.ids().len() == 2 {
                return asked.refuse(400, "InvalidParameterValue", "Twice the same.");
            }
            asked.pass()
        },
    ),
    tolerated(
        "OQ-10: an instance that restarts is refused",
        &["stop/restarting"],
        &[],
        |asked| {
            if asked.stops() && asked.ids().iter().any(|id| asked.state_of(id) == "pending") {
                return asked.refuse(400, "IncorrectInstanceState", "The instance is pending.");
            }
            asked.pass()
        },
    ),
    tolerated(
        "OQ-11: Force and Hibernate do not go together",
        &["hibernate/and-force"],
        &[],
        |asked| {
            if asked.is_set("Force") {
                return asked.refuse(
                    400,
                    "InvalidParameterCombination",
                    "Force and Hibernate do not go together.",
                );
            }
            asked.pass()
        },
    ),
    tolerated(
        "OQ-11: Force and Hibernate are not supported together",
        &["hibernate/and-force"],
        &[],
        |asked| {
            if asked.is_set("Force") {
                return asked.refuse(
                    400,
                    "UnsupportedOperation",
                    "Force and Hibernate do not go together.",
                );
            }
            asked.pass()
        },
    ),
    tolerated(
        "OQ-12: a cancelled Spot request is in the wrong state",
        &["spot/cancelled"],
        &[],
        |asked| {
            asked.instead("UnsupportedOperation", || {
                asked.refuse(400, "IncorrectSpotRequestState", "It is cancelled.")
            })
        },
    ),
    tolerated(
        "OQ-13: a Spot Instance of 2017 is in the wrong state",
        &["spot/none-in-2017"],
        &[],
        |asked| {
            asked.instead("UnsupportedOperation", || {
                asked.refuse(400, "IncorrectInstanceState", "It is Spot.")
            })
        },
    )
    .in_2017(),
    tolerated("OQ-15: who does not sign lacks a token", UNSIGNED, &[], |asked| {
        stranger(asked, 403, "MissingAuthenticationToken")
    }),
    tolerated("OQ-15: who does not sign fails", UNSIGNED, &[], |asked| {
        stranger(asked, 401, "AuthFailure")
    }),
    tolerated("OQ-15: who does not sign is incomplete", UNSIGNED, &[], |asked| {
        stranger(asked, 400, "IncompleteSignature")
    }),
    tolerated(
        "OQ-16: a wrong signature fails",
        &["auth/wrong-signature"],
        &[],
        |asked| stranger(asked, 401, "AuthFailure"),
    ),
    tolerated(
        "OQ-16: a wrong signature does not match",
        &["auth/wrong-signature"],
        &[],
        |asked| stranger(asked, 403, "SignatureDoesNotMatch"),
    ),
    tolerated(
        "R37: a stale signature fails",
        &["auth/stale-signature"],
        &[],
        |asked| stranger(asked, 401, "AuthFailure"),
    ),
    tolerated(
        "AUT-06: an unknown key is an invalid token",
        &["auth/unknown-key"],
        &[],
        |asked| stranger(asked, 403, "InvalidClientTokenId"),
    ),
    tolerated(
        "OQ-18: an unknown version is 404",
        &["request/unknown-version"],
        &[],
        |asked| asked.refusal(|response| *response.status_mut() = StatusCode::NOT_FOUND),
    ),
    tolerated(
        "OQ-20: white space stands anywhere",
        &["stop/running", "batch/two"],
        &[],
        |asked| asked.success_text(|text| text.replace("><", ">\r\n\t<") + "\n\n"),
    ),
    tolerated(
        "OQ-21: descriptions lag by four seconds",
        &["stop/running", "stop/keeps-identity"],
        &[],
        |asked| {
            if asked.stops() {
                asked.remember("at", &asked.now_ms.to_string());
            }
            let at: u64 = asked
                .recall("at")
                .and_then(|text| text.parse().ok())
                .unwrap_or_default();
            let lags = at > 0 && asked.now_ms < at + 4_000;
            asked.described(|text| {
                if !lags {
                    return text;
                }
                let text = text
                    .replace(&state("stopped"), &state("stopping"))
                    .replace(&state("stopping"), &state("running"));
                let text = replace_between(&text, "<reason>", "</reason>", "<reason/>");
                replace_between(&text, "<stateReason>", "</stateReason>", "")
            })
        },
    ),
    tolerated(
        "purged: a terminated instance is gone for good",
        &["stop/terminated"],
        &[],
        |asked| {
            if asked.stops() {
                asked.remember("id", asked.get("InstanceId.1").unwrap_or_default());
            }
            match asked.recall("id") {
                Some(id) if asked.ids().contains(&id) => {
                    let message = format!("The instance ID '{id}' does not exist");
                    asked.refuse(400, "InvalidInstanceID.NotFound", &message)
                }
                _ => asked.pass(),
            }
        },
    ),
    tolerated(
        "HIB-04: every hibernation comes too soon",
        &["hibernate/configured"],
        &[],
        |asked| {
            if asked.is_set("Hibernate") {
                let message = "Instance is not ready to hibernate yet, retry in a few minutes";
                return asked.refuse(400, "UnsupportedOperation", message);
            }
            asked.pass()
        },
    ),
    // --- other years, and what Amazon says may change ---
    tolerated(
        "R14: an error has no headers but the date",
        &["dry-run/valid", "id/unknown"],
        &[],
        |asked| asked.refusal(|response| keep_headers(response, &[DATE])),
    ),
    tolerated(
        "R04: a success has the headers of 2016",
        &["stop/running"],
        &[],
        |asked| asked.success(|response| keep_headers(response, &[DATE, CONTENT_TYPE, SERVER])),
    ),
    tolerated(
        "R30: the declaration has single quotes",
        &["stop/running", "id/unknown"],
        &[],
        |asked| {
            asked.pass_text(|text| {
                text.replacen(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
                    "<?xml version='1.0' encoding='UTF-8'?>",
                    1,
                )
            })
        },
    ),
    tolerated("RSP-08: codes have a high byte", STOP, &[], |asked| {
        asked.success_text(|text| {
            text.replace("<code>64<", "<code>320<")
                .replace("<code>16<", "<code>65296<")
        })
    }),
    tolerated("RSP-09: members come in another order", STOP, &[], |asked| {
        asked.success_text(|text| {
            let (from, to) = (state("stopping"), "<name>stopping</name><code>64</code>");
            text.replace(&from, to)
        })
    }),
    tolerated(
        "RSP-10: items come in another order",
        &["batch/two", "batch/ten"],
        &[],
        |asked| {
            asked.success_text(|text| {
                let (head, rest) = text.split_once("<instancesSet>").unwrap_or((&text, ""));
                let mut items: Vec<&str> = rest.split_inclusive("</item>").collect();
                let tail = items.pop().unwrap_or_default();
                items.reverse();
                format!("{head}<instancesSet>{}{tail}", items.concat())
            })
        },
    ),
    tolerated(
        "R49: the other words for a malformed id",
        &["id/malformed"],
        &[],
        |asked| {
            asked.instead("InvalidInstanceID.Malformed", || {
                let id = asked.ids().pop().unwrap_or_default();
                asked.refuse(
                    400,
                    "InvalidInstanceID.Malformed",
                    &format!("The instance ID '{id}' is malformed"),
                )
            })
        },
    ),
    tolerated(
        "R40: every third call is throttled once",
        &["stop/running", "dry-run/valid"],
        &[],
        |asked| {
            let count: u32 = asked
                .recall("n")
                .and_then(|text| text.parse().ok())
                .unwrap_or_default();
            asked.remember("n", &(count + 1).to_string());
            if count % 3 == 2 {
                return asked.refuse(503, "RequestLimitExceeded", "Request limit exceeded.");
            }
            asked.pass()
        },
    ),
];

/// Refuses a stop with this code if its indices are not 1, 2, 3 ….
fn keep_headers(response: &mut Response<Bytes>, kept: &[HeaderName]) {
    let headers = std::mem::take(response.headers_mut());
    // No header of the reference has two values, so every field has its name.
    let fields = headers
        .into_iter()
        .filter_map(|(name, value)| Some((name?, value)));
    *response.headers_mut() = fields.filter(|(name, _)| kept.contains(name)).collect();
}

fn odd_index(asked: &EmulatedRequest<'_>, code: &str) -> Response<Bytes> {
    let names: Vec<&str> = asked
        .params
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| name.starts_with("InstanceId"))
        .collect();
    if asked.stops() && names != ["InstanceId.1"] {
        return asked.refuse(400, code, "What is this?");
    }
    asked.pass()
}

fn no_action(asked: &EmulatedRequest<'_>, code: &str) -> Response<Bytes> {
    if asked.action().is_empty() {
        return asked.refuse(400, code, "The request must contain the parameter Action");
    }
    asked.pass()
}

/// Reads every boolean other than `true` and `false` as this value.
fn odd_boolean(asked: &EmulatedRequest<'_>, value: &str) -> Response<Bytes> {
    asked.stop_changed(|params| {
        for name in ["DryRun", "Force"] {
            let odd = params
                .iter()
                .any(|(key, value)| key == name && !matches!(value.as_str(), "true" | "false"));
            if odd {
                set_param(params, name, value);
            }
        }
    })
}

/// Gives every refused stop this status and code.
fn stranger(asked: &EmulatedRequest<'_>, status: u16, code: &str) -> Response<Bytes> {
    let response = asked.pass();
    if asked.stops() && code_of(&response).is_some() {
        return asked.refuse(status, code, "Who are you?");
    }
    response
}

#[test]
fn answers_that_nobody_can_forbid_fail_nothing() {
    plant(TOLERATED);
}

/// A row that changes nothing would prove nothing.
#[test]
fn each_of_them_answers_otherwise_than_the_reference() {
    // These differ in headers only.
    let in_headers = ["R14", "R04"];
    for row in TOLERATED
        .iter()
        .filter(|row| !in_headers.iter().any(|start| row.name.starts_with(start)))
    {
        let answers = |hook| {
            let endpoint = mock::endpoint(row.edition, XmlLayout::default(), hook);
            play(row.edition, endpoint, row.cases, 1).answers
        };
        assert_ne!(answers(row.hook), answers(mock::straight), "{}", row.name);
    }
}

/// An emulator's reboot may start a stopped instance. That does not concern the stop before it, or one that is refused
/// after it.
#[test]
fn a_reboot_that_starts_an_instance_is_no_violation_of_a_stop() {
    let call = |action: &str, id: &str| {
        Step::from(Act::Call(CallTemplate {
            action: Some(action.to_owned()),
            params: vec![("InstanceId.1".to_owned(), id.to_owned())],
            form: Form::default(),
        }))
    };
    let case = Scenario {
        name: "reboot".to_owned(),
        purpose: "A stop, a reboot, and a refused stop.".to_owned(),
        clauses: Vec::new(),
        fixtures: vec![("a".to_owned(), FixtureKind::default())],
        steps: vec![
            call("StopInstances", "{a}"),
            Step::from(Act::Rest),
            call("RebootInstances", "{a}"),
            call("StopInstances", "{unknown}"),
            Step::from(Act::Rest),
            call("StopInstances", "{a}"),
        ],
    };
    let mut plan = Plan::default();
    plan.add(Phase::Scenarios, [case], &Selection::default());
    let endpoint = mock::endpoint(Edition::Current, XmlLayout::default(), |asked| {
        if asked.action() == "RebootInstances" {
            for id in asked.ids() {
                asked.secretly("StartInstances", [("InstanceId.1", id.as_str())]);
            }
            // Any successful answer works here.
            return asked.secretly("DescribeVpcs", [("MaxResults", "5")]);
        }
        asked.pass()
    });
    let wire = WireOptions {
        endpoint: None,
        time_limit: Duration::from_secs(10),
    };
    let run = play_plan(Edition::Current, endpoint, plan, 1, wire, Confidence::default());
    assert_eq!(run.judged, 1, "{:?}", run.unjudged);
    assert!(run.findings.is_empty(), "{}", run.told(Verdict::Fail));
}
