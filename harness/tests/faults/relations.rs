//! Calls that mean the same and are answered differently. Each answer by itself is one that the contract allows, so
//! that only the relation sees the fault.

use stopcheck::contract::Edition;
use stopcheck::reference::Layout;
use stopcheck::wire::Response;

use crate::mock::{self, Asked, Bend, code_of, set_param, state};
use crate::{Fault, fault, plant, play};

/// The clauses that only these cases can find violated by endpoints whose single answers are allowed.
const PROMISES: &[&str] = &[
    "REQ-02", "REQ-11", "REQ-19", "REQ-26", "REQ-27", "FRC-01", "HIB-06", "IDM-11", "IDM-12",
];

pub(crate) const FAULTS: &[Fault] = &[
    fault(
        "a dry run by GET does not look for the instance",
        &["relation/get"],
        &["REQ-02"],
        |asked| blind_if(asked, asked.request.method == "GET"),
    ),
    fault(
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
        "an id that came percent-encoded is not looked up by a dry run",
        &["relation/percent-encoding"],
        &[],
        |asked| {
            let body = String::from_utf8_lossy(&asked.request.body);
            blind_if(asked, body.contains("%69%2D") || body.contains("%69%2d"))
        },
    )
    .warns(&["REQ-26"]),
    fault(
        "with DryRun=false ids are read in another way",
        &["relation/explicit-false"],
        &["REQ-19"],
        |asked| other_border_if(asked, asked.get("DryRun") == Some("false")),
    ),
    fault(
        "Force=false has a dry run forget to look at the state",
        &["relation/explicit-false"],
        &["REQ-19", "FRC-01"],
        |asked| blind_if(asked, asked.get("Force") == Some("false")),
    ),
    fault(
        "Hibernate=false has a dry run forget to look for the instance",
        &["relation/hibernate-false"],
        &["HIB-06"],
        |asked| blind_if(asked, asked.get("Hibernate") == Some("false")),
    ),
    fault(
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
        "the ids of a batch are read in another way than a single one",
        &["relation/batch"],
        &[],
        |asked| other_border_if(asked, asked.ids().len() > 1),
    )
    .warns(&["IDM-11"]),
    fault(
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

/// The answer; to a dry run that would be refused for its ids, under a circumstance, the one to a good dry run.
fn blind_if(asked: &Asked<'_>, circumstance: bool) -> Response {
    let answer = asked.pass();
    let refused = matches!(
        code_of(&answer).as_deref(),
        Some("InvalidInstanceID.NotFound" | "IncorrectInstanceState")
    );
    if circumstance && refused && asked.stops() && asked.is_set("DryRun") {
        let message = "Request would have succeeded, but DryRun flag is set.";
        return asked.refuse(412, "DryRunOperation", message);
    }
    answer
}

/// The answer; to an id on the border between malformed and unknown, under a circumstance, with the other of the two
/// codes.
fn other_border_if(asked: &Asked<'_>, circumstance: bool) -> Response {
    const BORDER: &str = "i-ffffff";
    let answer = asked.pass();
    if !circumstance || !asked.stops() || !asked.ids().iter().any(|id| id == BORDER) {
        return answer;
    }
    match code_of(&answer).as_deref() {
        Some("InvalidInstanceID.Malformed") => {
            let message = format!("The instance ID '{BORDER}' does not exist");
            asked.refuse(400, "InvalidInstanceID.NotFound", &message)
        }
        Some("InvalidInstanceID.NotFound") => {
            let message = format!("Invalid id: \"{BORDER}\"");
            asked.refuse(400, "InvalidInstanceID.Malformed", &message)
        }
        _ => answer,
    }
}

#[test]
fn each_fault_is_seen_by_its_relation_alone() {
    plant(FAULTS);
}

/// Nothing is found under a promise of the relations, not even that it could not be told.
#[track_caller]
fn no_difference(cases: &[&str], bend: Bend) {
    let endpoint = mock::endpoint(Edition::Current, Layout::default(), bend);
    let run = play(Edition::Current, endpoint, cases, 1);
    let told: Vec<_> = run
        .findings
        .iter()
        .filter(|finding| PROMISES.contains(&finding.clause.as_str()))
        .map(|finding| (&finding.id, finding.verdict, &finding.allowed, &finding.observed))
        .collect();
    assert!(told.is_empty(), "{told:#?}");
    assert!(run.unjudged.is_empty(), "{:?}", run.unjudged);
}

#[test]
fn an_instance_that_may_have_been_purged_meanwhile_makes_no_difference() {
    no_difference(&["relation/terminated"], |asked| {
        if asked.stops() && asked.request.method == "GET" && !asked.is_set("DryRun") {
            let message = format!("The instance ID '{}' does not exist", asked.ids().concat());
            return asked.refuse(400, "InvalidInstanceID.NotFound", &message);
        }
        asked.pass()
    });
}

#[test]
fn an_instance_that_may_have_stopped_meanwhile_makes_no_difference() {
    no_difference(&["relation/repeat"], |asked| {
        let was_stopping = asked.stops() && asked.ids().iter().any(|id| asked.state_of(id) == "stopping");
        if !was_stopping {
            return asked.pass();
        }
        let again = asked.recall("again").is_some();
        asked.remember("again", "yes");
        let (from, to) = (
            format!("<currentState>{}</currentState>", state("stopping")),
            format!("<currentState>{}</currentState>", state("stopped")),
        );
        asked.success_text(|text| if again { text.replace(&from, &to) } else { text })
    });
}

#[test]
fn an_endpoint_that_is_deaf_to_dry_run_breaks_no_other_promise() {
    no_difference(&["relation/*"], |asked| {
        asked.stop_changed(|params| set_param(params, "DryRun", "false"))
    });
}
