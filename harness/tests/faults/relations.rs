//! Calls that mean the same but may be answered differently: no relation reports a finding.

use stopcheck::contract::Edition;
use stopcheck::reference::XmlLayout;
use stopcheck::selfcheck::emulator::{self as mock, FaultHook, set_param, state};
use stopcheck::verdict::Verdict;

use crate::play;

/// The clauses that only these cases can report for an endpoint whose single answers are all allowed.
const PROMISES: &[&str] = &[
    "REQ-02", "REQ-11", "REQ-19", "REQ-26", "REQ-27", "FRC-01", "HIB-06", "IDM-11", "IDM-12",
];

/// Asserts that no relation clause has a finding, not even an inconclusive one.
#[track_caller]
fn no_difference(cases: &[&str], hook: FaultHook) {
    no_finding(cases, hook, |_| true);
}

#[track_caller]
fn no_finding(cases: &[&str], hook: FaultHook, counts: fn(Verdict) -> bool) {
    let endpoint = mock::endpoint(Edition::Current, XmlLayout::default(), hook);
    let run = play(Edition::Current, endpoint, cases, 1);
    let told: Vec<_> = run
        .findings
        .iter()
        .filter(|finding| counts(finding.verdict) && PROMISES.contains(&finding.clause.as_str()))
        .collect();
    assert!(told.is_empty(), "{told:#?}");
    assert!(run.unjudged.is_empty(), "{:?}", run.unjudged);
}

#[test]
fn an_instance_that_may_have_been_purged_meanwhile_makes_no_difference() {
    no_difference(&["relation/terminated"], |asked| {
        if asked.stops() && asked.request.method() == "GET" && !asked.is_set("DryRun") {
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
    let deaf: FaultHook = |asked| asked.stop_changed(|params| set_param(params, "DryRun", "false"));
    // Instances that a dry run has stopped differ from the others, so some relations cannot be judged.
    no_finding(&["relation/*"], deaf, |verdict| verdict != Verdict::Inconclusive);
}
