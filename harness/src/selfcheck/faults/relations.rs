//! Calls that mean the same and are answered differently. The contract allows each answer by itself, so only the
//! comparison of the two finds the fault.

use bytes::Bytes;
use http::{Method, Response};

use crate::selfcheck::emulator::{EmulatedRequest, code_of};
use crate::selfcheck::fault::{Fault, fault};

pub(super) const FAULTS: &[Fault] = &[
    fault(
        "get-dry-run-blind",
        "a dry run by GET does not look for the instance",
        &["relation/get"],
        &["REQ-02"],
        |asked| blind_if(asked, asked.request.method() == Method::GET),
    ),
    fault(
        "dry-run-before-ids",
        "a dry run is answered as soon as it is read, whatever ids come after it",
        &["relation/parameter-order"],
        &[],
        |asked| {
            let at = |name: &str| asked.params.iter().position(|(key, _)| key.starts_with(name));
            blind_if(asked, at("DryRun") < at("InstanceId"))
        },
    )
    .warns(&["REQ-11"]),
    fault(
        "encoded-id-blind",
        "an id that came percent-encoded is not looked up by a dry run",
        &["relation/percent-encoding"],
        &[],
        |asked| {
            let body = String::from_utf8_lossy(asked.request.body());
            blind_if(asked, body.contains("%69%2D") || body.contains("%69%2d"))
        },
    )
    .warns(&["REQ-26"]),
    fault(
        "dry-run-false-reads-ids-otherwise",
        "with DryRun=false ids are read in another way",
        &["relation/explicit-false"],
        &["REQ-19"],
        |asked| other_border_if(asked, asked.get("DryRun") == Some("false")),
    ),
    fault(
        "force-false-forgets-state",
        "Force=false has a dry run forget to look at the state",
        &["relation/explicit-false"],
        &["REQ-19", "FRC-01"],
        |asked| blind_if(asked, asked.get("Force") == Some("false")),
    ),
    fault(
        "hibernate-false-forgets-instance",
        "Hibernate=false has a dry run forget to look for the instance",
        &["relation/hibernate-false"],
        &["HIB-06"],
        |asked| blind_if(asked, asked.get("Hibernate") == Some("false")),
    ),
    fault(
        "dry-run-first-id-only",
        "a dry run looks for the first instance alone",
        &["relation/id-order"],
        &[],
        |asked| {
            let first_is_there = asked
                .ids()
                .first()
                .is_some_and(|id| !asked.state_of(id).is_empty());
            blind_if(asked, first_is_there)
        },
    )
    .warns(&["REQ-27"]),
    fault(
        "batch-reads-ids-otherwise",
        "the ids of a batch are read in another way than a single one",
        &["relation/batch"],
        &[],
        |asked| other_border_if(asked, asked.ids().len() > 1),
    )
    .warns(&["IDM-11"]),
    fault(
        "dry-run-remembered",
        "an id that was once in a dry run is remembered",
        &["relation/dry-run-between"],
        &["DRY-04"],
        |asked| {
            let id = asked.ids().concat();
            let known = asked.recall(&id).is_some();
            if asked.stops() && asked.is_set("DryRun") {
                asked.remember(&id, "seen");
            }
            other_border_if(asked, known)
        },
    ),
    fault(
        "refused-twice-otherwise",
        "an id that was refused twice is refused for something else",
        &["relation/repeat"],
        &[],
        |asked| {
            let id = asked.ids().concat();
            let times = asked.recall(&id).unwrap_or_default();
            if asked.stops() {
                asked.remember(&id, &format!("{times}|"));
            }
            other_border_if(asked, times.len() >= 2)
        },
    )
    .warns(&["IDM-12"]),
];

/// Answers a dry run that would be refused for its ids as a valid one, if the circumstance applies; otherwise passes
/// the request.
fn blind_if(asked: &EmulatedRequest<'_>, circumstance: bool) -> Response<Bytes> {
    let answer = asked.pass();
    let refused = matches!(
        code_of(&answer).as_deref(),
        Some("InvalidInstanceID.NotFound" | "IncorrectInstanceState")
    );
    if circumstance && refused && asked.stops() && asked.is_set("DryRun") {
        return asked.would_have_succeeded();
    }
    answer
}

/// Refuses a long id that was never issued with the other of its two allowed codes, if the circumstance applies;
/// otherwise passes the request.
fn other_border_if(asked: &EmulatedRequest<'_>, circumstance: bool) -> Response<Bytes> {
    let answer = asked.pass();
    let long = |id: &String| id.len() == "i-0123456789abcdef0".len() && asked.state_of(id).is_empty();
    let Some(id) = asked
        .ids()
        .into_iter()
        .find(long)
        .filter(|_| circumstance && asked.stops())
    else {
        return answer;
    };
    match code_of(&answer).as_deref() {
        Some("InvalidInstanceID.Malformed") => {
            let message = format!("The instance ID '{id}' does not exist");
            asked.refuse(400, "InvalidInstanceID.NotFound", &message)
        }
        Some("InvalidInstanceID.NotFound") => {
            let message = format!("Invalid id: \"{id}\"");
            asked.refuse(400, "InvalidInstanceID.Malformed", &message)
        }
        _ => answer,
    }
}
