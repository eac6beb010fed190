//! Runs that end with a verdict.

use crate::child::stopcheck;

/// All phases in both editions, in parts that run in parallel.
macro_rules! conforms {
    ($($edition:literal: $($name:ident: $words:expr;)*)*) => {
        $($(
            #[test]
            fn $name() {
                let run = stopcheck(&format!("run --quiet --edition {} {}", $edition, $words))
                    .ended_with(0)
                    .says(&["CONFORMS", "to reference"]);
                assert!(!run.stdout.contains("FAIL"), "{}", run.stdout);
                assert_eq!(run.stderr, "");
            }
        )*)*
    };
}

conforms! {
    "current":
        todays_reference_conforms_in_the_named_cases: "--phase scenarios";
        todays_reference_conforms_in_combinations_with_an_even_number: EVEN;
        todays_reference_conforms_in_combinations_with_an_odd_number: ODD;
        todays_reference_conforms_at_the_borders: BORDERS;
        todays_reference_conforms_in_random_scripts: RANDOM;
    "2017-10":
        the_reference_of_2017_conforms_in_the_named_cases: "--phase scenarios";
        the_reference_of_2017_conforms_in_combinations_with_an_even_number: EVEN;
        the_reference_of_2017_conforms_in_combinations_with_an_odd_number: ODD;
        the_reference_of_2017_conforms_at_the_borders: BORDERS;
        the_reference_of_2017_conforms_in_random_scripts: RANDOM;
        the_reference_of_2017_conforms_on_a_raw_socket: "--phase wire";
}

const EVEN: &str = "--phase coverage --case coverage/2-wise/*0 --case coverage/2-wise/*2 --case coverage/2-wise/*4 \
                    --case coverage/2-wise/*6 --case coverage/2-wise/*8";
const ODD: &str = "--phase coverage --case coverage/2-wise/*1 --case coverage/2-wise/*3 --case coverage/2-wise/*5 \
                   --case coverage/2-wise/*7 --case coverage/2-wise/*9";
const BORDERS: &str = "--phase coverage --case coverage/bounds/*";
const RANDOM: &str = "--phase random --cases 40";

#[test]
fn a_run_of_every_phase_conforms() {
    // Without `--phase`, all phases are played; of each except the random one, one case.
    stopcheck(
        "run --cases 1 --case stop/running --case coverage/2-wise/0001 --case wire/percent/* --case random/*",
    )
    .ended_with(0)
    .says(&[
        "CONFORMS",
        "to reference",
        "8 cases: 8 passed",
        "1 random script of",
    ]);
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

/// The timing of sockets varies, so the wire phase is not compared.
#[track_caller]
fn told_alike(words: &str) {
    let more = format!("{words} --workers 8");
    assert_eq!(stopcheck(words).stdout, stopcheck(&more).stdout);
}

#[test]
fn two_runs_of_named_cases_and_borders_are_told_alike() {
    told_alike(
        "run --phase scenarios --phase coverage --case stop/* --case batch/* --case coverage/bounds/id/*",
    );
}

#[test]
fn two_runs_of_random_scripts_are_told_alike() {
    told_alike("run --phase random --cases 60 --seed 3");
}

#[test]
fn a_run_that_spends_its_requests_says_so_and_is_no_verdict() {
    stopcheck("run --max-requests 40 --case stop/*")
        .ended_with(3)
        .says(&["the budget of 40 requests is used up (--max-requests)"]);
}
