//! Requests that are parsed too loosely, too strictly, or from the wrong place.

use http::Method;
use http::header::CONTENT_TYPE;

use crate::protocol::form;
use crate::selfcheck::emulator::{EmulatedRequest, drop_param, set_param};
use crate::selfcheck::fault::{Fault, fault};

/// The length of a current instance id.
const LONG_ID: usize = "i-0123456789abcdef0".len();

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "query-string-only",
        "parameters are read from the query string only",
        &["stop/running"],
        &["STT-01", "REQ-01", "REQ-06", "AUT-03"],
        |asked| {
            if asked.stops() && asked.request.method() == Method::POST {
                asked.refuse(
                    400,
                    "MissingAction",
                    "The request must contain the parameter Action",
                )
            } else {
                asked.pass()
            }
        },
    ),
    fault(
        "get-refused",
        "GET is not served",
        &["request/get"],
        &["STT-01", "REQ-02"],
        |asked| {
            if asked.request.method() == Method::GET {
                asked.refuse(405, "MethodNotAllowed", "Use POST.")
            } else {
                asked.pass()
            }
        },
    ),
    fault(
        "get-refused-to-strangers",
        "GET is not served to strangers' ids either",
        &["request/get-refused"],
        &["ERR-05", "ERR-13", "REQ-02"],
        |asked| {
            if asked.request.method() == Method::GET {
                asked.refuse(405, "MethodNotAllowed", "Use POST.")
            } else {
                asked.pass()
            }
        },
    ),
    fault(
        "action-by-prefix",
        "an action is known by its beginning",
        &["request/unknown-action"],
        &["REQ-03"],
        |asked| {
            asked.pass_changed(|params| {
                if asked.action() == "StopInstance" {
                    set_param(params, "Action", "StopInstances");
                }
            })
        },
    ),
    fault(
        "unknown-action-carried-out",
        "an unknown action is refused after it was done",
        &["request/unknown-action"],
        &["REQ-03"],
        |asked| {
            if asked.action() == "StopInstance" {
                asked.stop_secretly(&asked.ids());
            }
            asked.pass()
        },
    ),
    fault(
        "unknown-action-404",
        "an unknown action is not found",
        &["request/unknown-action"],
        &["REQ-03"],
        |asked| {
            if asked.action() == "StopInstance" {
                return asked.refuse(404, "NotFound", "There is no such page.");
            }
            asked.pass()
        },
    ),
    fault(
        "action-in-any-case",
        "the action is read without regard to case",
        &["request/miscased-action"],
        &[],
        |asked| {
            asked.pass_changed(|params| {
                if asked.action() == "stopinstances" {
                    set_param(params, "Action", "StopInstances");
                }
            })
        },
    )
    .warns(&["REQ-04"]),
    fault(
        "no-action-stops",
        "a request without an action is a stop",
        &["request/missing-action"],
        &["REQ-05"],
        |asked| {
            asked.pass_changed(|params| {
                if asked.action().is_empty() {
                    params.push(("Action".to_owned(), "StopInstances".to_owned()));
                }
            })
        },
    ),
    fault(
        "todays-version-refused",
        "today's version is not served",
        &["stop/running"],
        &["STT-01", "REQ-01", "REQ-06", "AUT-03"],
        |asked| {
            if asked.stops() && asked.get("Version") == Some("2016-11-15") {
                return asked.refuse(400, "NoSuchVersion", "The requested version is not served");
            }
            asked.pass()
        },
    ),
    fault(
        "any-version-served",
        "any version is served",
        &["request/unknown-version"],
        &["REQ-07"],
        |asked| asked.pass_changed(|params| set_param(params, "Version", "2016-11-15")),
    )
    .seen("moto 5.2.5"),
    fault(
        "unknown-version-invalid",
        "an unknown version is called invalid",
        &["request/unknown-version"],
        &["REQ-07"],
        |asked| {
            if asked.get("Version") == Some("1999-01-01") {
                return asked.refuse(400, "InvalidVersion", "No such version.");
            }
            asked.pass()
        },
    ),
    fault(
        "empty-list-success",
        "a stop of nothing is a success",
        &["id/none"],
        &["REQ-08", "ERR-01"],
        |asked| {
            if asked.stops() && asked.ids().is_empty() {
                return asked.stopped(&[]);
            }
            asked.pass()
        },
    )
    .seen("moto 5.2.5"),
    fault(
        "empty-list-stops-all",
        "a stop that names nothing stops everything",
        &["id/none"],
        &["REQ-08", "ERR-01"],
        |asked| {
            if asked.stops() && asked.ids().is_empty() {
                asked.stop_secretly(&everything(asked));
                return asked.stopped(&[]);
            }
            asked.pass()
        },
    ),
    fault(
        "empty-list-refused-and-stops-all",
        "a stop that names nothing is refused after it stopped everything",
        &["id/none"],
        &["REQ-08"],
        |asked| {
            if asked.stops() && asked.ids().is_empty() {
                asked.stop_secretly(&everything(asked));
            }
            asked.pass()
        },
    )
    .warns(&["SAF-02"]),
    fault(
        "only-first-id",
        "only the first id is read",
        &["batch/two"],
        &["RSP-05", "REQ-09", "REQ-10"],
        |asked| {
            asked.stop_changed(|params| {
                params.retain(|(name, _)| !name.starts_with("InstanceId.") || name == "InstanceId.1");
            })
        },
    ),
    fault(
        "index-of-one-digit",
        "an index has one digit",
        &["batch/ten"],
        &["RSP-05", "REQ-09", "REQ-10"],
        |asked| {
            asked.stop_changed(|params| {
                params.retain(|(name, _)| {
                    !name.starts_with("InstanceId.") || name.len() == "InstanceId.1".len()
                });
            })
        },
    ),
    fault(
        "parameters-in-any-case",
        "names are read without regard to case",
        &["request/miscased-parameter"],
        &["REQ-12", "REQ-08", "ERR-01"],
        |asked| {
            asked.stop_changed(|params| {
                for (name, _) in params {
                    match name.as_str() {
                        "dryRun" => "DryRun".clone_into(name),
                        "force" => "Force".clone_into(name),
                        "instanceId.1" => "InstanceId.1".clone_into(name),
                        _ => {}
                    }
                }
            })
        },
    ),
    fault(
        "unknown-parameters-ignored",
        "unknown parameters are ignored",
        &["request/unknown-parameter"],
        &["REQ-13"],
        |asked| {
            asked.stop_changed(|params| {
                drop_param(params, "Bogus");
                drop_param(params, "InstanceType");
            })
        },
    )
    .seen("moto 5.2.5"),
    fault(
        "unknown-parameter-carried-out",
        "an unknown parameter is named after the stop",
        &["request/unknown-parameter"],
        &["REQ-13"],
        |asked| {
            if asked.get("Bogus").is_some() {
                asked.stop_secretly(&asked.ids());
            }
            asked.pass()
        },
    ),
    fault(
        "unknown-parameter-invalid",
        "an unknown parameter is called invalid",
        &["request/unknown-parameter"],
        &["REQ-13"],
        |asked| {
            asked.instead("UnknownParameter", || {
                asked.refuse(400, "InvalidParameterValue", "What is this?")
            })
        },
    ),
    fault(
        "client-token-taken",
        "ClientToken is taken",
        &["request/client-token"],
        &["IDM-10"],
        |asked| asked.stop_changed(|params| drop_param(params, "ClientToken")),
    ),
    fault(
        "force-not-known",
        "Force is not known",
        &["force/running"],
        &["STT-01", "FRC-02", "REQ-15", "REQ-18"],
        |asked| {
            if asked.stops() && asked.get("Force").is_some() {
                return asked.refuse(400, "UnknownParameter", "The parameter Force is not recognized");
            }
            asked.pass()
        },
    ),
    fault(
        "hibernate-not-known",
        "Hibernate is not known",
        &["hibernate/configured", "hibernate/false"],
        &["STT-01", "HIB-01", "HIB-06", "REQ-16"],
        |asked| {
            if asked.stops() && asked.get("Hibernate").is_some() {
                return asked.refuse(
                    400,
                    "UnknownParameter",
                    "The parameter Hibernate is not recognized",
                );
            }
            asked.pass()
        },
    ),
    fault(
        "skip-os-shutdown-not-known",
        "SkipOsShutdown is not known",
        &["force/skip-os-shutdown"],
        &[],
        |asked| {
            if asked.stops() && asked.get("SkipOsShutdown").is_some() {
                return asked.refuse(
                    400,
                    "UnknownParameter",
                    "The parameter SkipOsShutdown is not recognized",
                );
            }
            asked.pass()
        },
    )
    .warns(&["REQ-17"]),
    fault(
        "booleans-are-digits",
        "booleans are written as digits",
        &["request/booleans"],
        &["FRC-01", "REQ-14", "REQ-18", "REQ-19", "STT-01"],
        |asked| {
            if asked.stops() && (asked.get("DryRun").is_some() || asked.get("Force").is_some()) {
                return asked.refuse(400, "InvalidParameterValue", "Expected 0 or 1.");
            }
            asked.pass()
        },
    ),
    fault(
        "boolean-true-by-presence",
        "a boolean is true because it is there",
        &["request/booleans"],
        &["REQ-14", "REQ-18", "REQ-19", "STT-01"],
        |asked| asked.stop_changed(|params| set_param(params, "DryRun", "true")),
    ),
    fault(
        "force-false-refused",
        "a Force that is false is refused",
        &["request/booleans"],
        &["STT-01", "REQ-18", "REQ-19", "FRC-01"],
        |asked| {
            if asked.stops() && asked.get("Force") == Some("false") {
                return asked.refuse(400, "InvalidParameterValue", "Force is there to be set.");
            }
            asked.pass()
        },
    ),
    fault(
        "charset-not-understood",
        "a charset beside the content type is not understood",
        &["request/charset"],
        &["STT-01", "REQ-21"],
        |asked| {
            let charset = asked
                .header(CONTENT_TYPE)
                .is_some_and(|value| value.contains("charset"));
            if asked.stops() && charset {
                return asked.refuse(
                    400,
                    "MissingAction",
                    "The request must contain the parameter Action",
                );
            }
            asked.pass()
        },
    ),
    fault(
        "id-only-of-17-digits",
        "an id has seventeen digits or is malformed",
        &["id/unknown"],
        &["ERR-05"],
        |asked| {
            let short = asked.ids().iter().any(|id| id.len() == "i-01234567".len());
            if asked.stops() && short {
                return asked.refuse(400, "InvalidInstanceID.Malformed", "Invalid id");
            }
            asked.pass()
        },
    ),
    fault(
        "version-not-required",
        "a request without a version is carried out",
        &["request/missing-version"],
        &["REQ-28"],
        |asked| {
            asked.stop_changed(|params| {
                if !params.iter().any(|(name, _)| name == "Version") {
                    params.push(("Version".to_owned(), "2016-11-15".to_owned()));
                }
            })
        },
    )
    .seen("moto 5.2.5, MiniStack 1.5.33"),
    fault(
        "long-id-is-anybody",
        "a long id that was never issued is passed over",
        &["id/long"],
        &["ERR-17"],
        |asked| {
            let issued = |id: &String| id.len() != LONG_ID || !asked.state_of(id).is_empty();
            if !asked.stops() || asked.ids().iter().all(issued) {
                return asked.pass();
            }
            asked.stopped(&[])
        },
    ),
    fault(
        "impossible-id-not-found",
        "an id with too many digits is not found",
        &["id/impossible"],
        &[],
        |asked| {
            let long = asked.ids().iter().any(|id| id.len() != LONG_ID);
            asked.refusal_as("InvalidInstanceID.Malformed", |response| {
                if long {
                    *response = asked.refuse(400, "InvalidInstanceID.NotFound", "It does not exist");
                }
            })
        },
    )
    .seen("moto 5.2.5")
    .warns(&["ERR-16"]),
    fault(
        "id-in-any-case",
        "an id is looked up without regard to case",
        &["id/upper-case"],
        &[],
        |asked| {
            asked.stop_changed(|params| {
                for (name, value) in params {
                    if name.starts_with("InstanceId.") {
                        *value = value.to_ascii_lowercase();
                    }
                }
            })
        },
    )
    .warns(&["ERR-18"]),
    fault(
        "padded-id-invalid",
        "an id with a space is an invalid value",
        &["id/padded"],
        &[],
        |asked| {
            if asked.stops() && asked.ids().iter().any(|id| id.contains(' ')) {
                return asked.refuse(400, "InvalidParameterValue", "The id holds a space.");
            }
            asked.pass()
        },
    )
    .warns(&["REQ-23"]),
    fault(
        "padded-id-stopped",
        "a padded id is refused after its instance was stopped",
        &["id/padded"],
        &[],
        |asked| {
            if asked.stops() && asked.ids().iter().any(|id| id.contains(' ')) {
                let trimmed: Vec<String> = asked.ids().iter().map(|id| id.trim().to_owned()).collect();
                asked.stop_secretly(&trimmed);
            }
            asked.pass()
        },
    )
    .warns(&["SAF-02"]),
    fault(
        "parameters-in-fixed-order",
        "parameters are read in the order Action, Version, rest",
        &["request/parameter-order"],
        &["STT-01"],
        |asked| {
            let first = asked.params.first().map(|(name, _)| name.as_str());
            if asked.stops() && first != Some("Action") {
                return asked.refuse(
                    400,
                    "MissingAction",
                    "The request must contain the parameter Action",
                );
            }
            asked.pass()
        },
    )
    .warns(&["REQ-11"]),
    fault(
        "percent-escapes-kept",
        "percent escapes are not undone",
        &["request/percent-encoding"],
        &["STT-01"],
        |asked| {
            if asked.stops() && String::from_utf8_lossy(asked.request.body()).contains("%69%2D") {
                return asked.refuse(400, "InvalidInstanceID.Malformed", "Invalid id");
            }
            asked.pass()
        },
    )
    .warns(&["REQ-26"]),
    fault(
        "lower-case-escapes-kept",
        "percent escapes are undone if their digits are in upper case",
        &["request/encodings"],
        &["STT-01", "DRY-01", "DRY-02"],
        |asked| {
            if asked.stops() && raw(asked).contains("%69%2d") {
                return asked.refuse(400, "InvalidInstanceID.Malformed", "Invalid id");
            }
            asked.pass()
        },
    )
    .warns(&["REQ-26"]),
    fault(
        "escapes-in-names-kept",
        "percent escapes are undone in values, not in names",
        &["request/encodings"],
        &["STT-01", "DRY-01", "DRY-02"],
        |asked| {
            if asked.stops() && raw(asked).contains("%49%6E%73") {
                return asked.refuse(
                    400,
                    "MissingParameter",
                    "The request must contain the parameter InstanceId",
                );
            }
            asked.pass()
        },
    )
    .warns(&["REQ-26"]),
    fault(
        "dry-run-sought-in-the-raw-text",
        "DryRun is found with a regular expression, before anything is decoded",
        &["request/encodings"],
        &["DRY-04", "DRY-05"],
        |asked| {
            asked.stop_changed(|params| {
                if !raw(asked).contains("DryRun=true") {
                    drop_param(params, "DryRun");
                }
            })
        },
    ),
    fault(
        "names-decoded-twice",
        "names are decoded by the web framework and again by the handler",
        &["request/decoded-once"],
        &["REQ-13"],
        |asked| {
            asked.stop_changed(|params| {
                for (name, _) in params.iter_mut() {
                    *name = form::unescape(name);
                }
            })
        },
    ),
    fault(
        "values-decoded-twice",
        "values are decoded by the web framework and again by the handler, and trimmed",
        &["request/decoded-once"],
        &["ERR-03"],
        |asked| {
            asked.stop_changed(|params| {
                for (name, value) in params.iter_mut() {
                    if name.starts_with("InstanceId") {
                        form::unescape(value).trim().clone_into(value);
                    }
                }
            })
        },
    )
    .warns(&["IDM-05", "SAF-02"]),
    fault(
        "split-after-decoding",
        "the body is decoded as a whole, and then split at its separators",
        &["request/decoded-once"],
        &["ERR-03"],
        |asked| {
            asked.stop_changed(|params| {
                let split = params.iter().flat_map(|(name, value)| {
                    let mut parts = value.split('&');
                    let first = (name.clone(), parts.next().unwrap_or_default().to_owned());
                    let more = parts.filter_map(|part| part.split_once('='));
                    std::iter::once(first)
                        .chain(more.map(|(name, value)| (name.to_owned(), value.to_owned())))
                });
                *params = split.collect();
            })
        },
    )
    .warns(&["IDM-05", "SAF-02"]),
    fault(
        "value-ends-at-an-equals-sign",
        "a pair is split at every equals sign, and the second part is the value",
        &["request/decoded-once"],
        &["ERR-03"],
        |asked| asked.stop_changed(|params| cut_ids(params, '=')),
    )
    .warns(&["IDM-05", "SAF-02"]),
    fault(
        "query-ends-at-a-hash",
        "a query is decoded before its fragment is cut off",
        &["request/decoded-once"],
        &["ERR-03"],
        |asked| match *asked.request.method() {
            Method::GET => asked.stop_changed(|params| cut_ids(params, '#')),
            _ => asked.pass(),
        },
    )
    .warns(&["IDM-05", "SAF-02"]),
    fault(
        "fifty-ids-too-many",
        "fifty ids are too many",
        &["batch/hundred-unknown"],
        &[],
        |asked| {
            if asked.stops() && asked.ids().len() > 50 {
                return asked.refuse(400, "InvalidParameterValue", "Too many instances.");
            }
            asked.pass()
        },
    )
    .warns(&["REQ-24"]),
];

fn everything(asked: &EmulatedRequest<'_>) -> Vec<String> {
    let answer = asked.secretly("DescribeInstances", [("MaxResults", "1000")]);
    String::from_utf8_lossy(answer.body())
        .split("<instanceId>")
        .skip(1)
        .filter_map(|rest| rest.split_once('<'))
        .map(|(id, _)| id.to_owned())
        .collect()
}

/// The parameters as they were sent.
fn raw(asked: &EmulatedRequest<'_>) -> String {
    let query = asked.request.uri().query().unwrap_or_default();
    format!("{query}{}", String::from_utf8_lossy(asked.request.body()))
}

/// Cuts the ids at this character.
fn cut_ids(params: &mut [(String, String)], end: char) {
    for (name, value) in params {
        if name.starts_with("InstanceId") {
            value.truncate(value.find(end).unwrap_or(value.len()));
        }
    }
}
