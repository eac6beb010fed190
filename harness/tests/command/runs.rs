//! Runs that come to a verdict.

use std::time::Duration;

use crate::child::{Served, start, stopcheck};

#[test]
fn the_reference_conforms_in_both_editions() {
    for words in ["run --cases 40", "run --cases 40 --edition 2017-10"] {
        let run = stopcheck(words).ended_with(0).says(&["CONFORMS", "to reference"]);
        assert!(!run.stdout.contains("FAIL"), "{}", run.stdout);
        assert_eq!(run.stderr, "");
    }
}

#[test]
fn the_reference_conforms_on_a_raw_socket_too() {
    let run = stopcheck("run --phase wire --strict")
        .ended_with(0)
        .says(&["CONFORMS", "to reference"]);
    for word in ["FAIL", "WARN", "unsupported", "errored"] {
        assert!(!run.stdout.contains(word), "{}", run.stdout);
    }
    stopcheck("run --phase wire --phase scenarios --case wire/percent/* --case stop/running")
        .ended_with(0)
        .says(&["7 cases: 7 passed"]);
}

#[test]
fn a_pattern_plays_the_cases_it_matches() {
    stopcheck("run --case stop/*")
        .ended_with(0)
        .says(&["left out", "CONFORMS"]);
}

#[test]
fn two_runs_on_the_reference_are_told_alike() {
    // Sockets have their own time, so the wire phase is not among them.
    let words =
        "run --phase scenarios --phase coverage --case stop/* --case batch/* --case coverage/bounds/*";
    let alike = |words: &str| {
        let more = format!("{words} --workers 8");
        assert_eq!(stopcheck(words).stdout, stopcheck(&more).stdout);
    };
    alike(words);
    alike("run --phase random --cases 60 --seed 3");
}

#[test]
fn the_reference_conforms_over_http_too() {
    let server = Served::start();
    // Time is real here; the more cases wait at once, the sooner it is over.
    let run = server.command(["run", "--phase", "scenarios", "--workers", "40"]);
    let run = start(run)
        .finish(Duration::from_secs(180))
        .ended_with(0)
        .says(&["CONFORMS", server.value("AWS_ENDPOINT_URL_EC2")]);
    for word in ["FAIL", "errored", "unfinished"] {
        assert!(!run.stdout.contains(word), "{}", run.stdout);
    }
}

#[test]
fn a_run_that_spends_its_requests_says_so_and_is_no_verdict() {
    stopcheck("run --max-requests 40 --case stop/*")
        .ended_with(3)
        .says(&["the budget of 40 requests is used up (--max-requests)"]);
}
