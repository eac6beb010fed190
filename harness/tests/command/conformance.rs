//! The served reference conforms. The longest test of all, since it waits in real time: its module comes early in the
//! alphabet, so that other tests run beside it.

use crate::child::{Served, finish};

#[test]
fn the_reference_conforms_over_http_too() {
    let server = Served::start();
    // This test uses real time; more waiting cases in parallel end it sooner.
    let run = server.command(["run", "--phase", "scenarios", "--workers", "40"]);
    let run = finish(run)
        .ended_with(0)
        .says(&["CONFORMS", server.value("AWS_ENDPOINT_URL_EC2")]);
    for word in ["FAIL", "errored", "unfinished"] {
        assert!(!run.stdout.contains(word), "{}", run.stdout);
    }
}

#[test]
fn without_delays_the_reference_conforms_and_no_state_is_polled_for() {
    let server = Served::with(&["--instant"]);
    let run = server.command(["run", "--report", "json=-", "--case", "stop/running"]);
    let report: serde_json::Value =
        serde_json::from_str(&finish(run).ended_with(0).stdout).expect("it is JSON");
    // The images, one launch for both instances, a description, the stop, two descriptions, the removal.
    assert_eq!(report.pointer("/summary/requests"), Some(&7.into()));
    let run = server.command(["run", "--phase", "scenarios"]);
    finish(run).ended_with(0).says(&["CONFORMS"]);
}
