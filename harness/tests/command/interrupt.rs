//! Runs that are stopped on their way leave no instance behind and a journal that can be judged.

use std::time::{Duration, Instant};

use crate::child::{SOON, Served, command, start, text_of};
use crate::servers::states_at;

#[track_caller]
fn nothing_is_left(url: &str) {
    let states = states_at(url);
    assert!(!states.is_empty(), "instances were launched");
    let gone = |state: &String| matches!(state.as_str(), "shutting-down" | "terminated");
    assert!(states.iter().all(gone), "{states:?}");
}

#[test]
fn an_interrupted_run_cleans_up_and_can_be_judged() {
    let server = Served::start();
    let url = server.value("AWS_ENDPOINT_URL_EC2");
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let journal = scratch.path().join("run.ndjson");
    let mut run = server.command(["run", "--case", "batch/*", "--journal"]);
    run.arg(&journal);
    let run = start(run);
    let began = Instant::now();
    while states_at(url).len() < 5 {
        assert!(began.elapsed() < SOON, "no instance is launched");
        std::thread::sleep(Duration::from_millis(20));
    }
    run.interrupt();
    let run = run
        .finish(SOON)
        .ended_with(130)
        .complains_of(&["interrupted: removing what was launched"]);
    assert!(run.took < SOON);
    nothing_is_left(url);
    assert!(text_of(&journal).contains("\"interrupted\":true"));
    let mut judge = command(["judge"]);
    judge.arg(&journal);
    let judged = start(judge).finish(SOON).ended_with(130);
    assert_eq!(judged.stdout, run.stdout);
    assert_eq!(judged.stderr, "");
}

#[test]
fn a_full_disk_leaves_no_instance_behind() {
    let server = Served::start();
    let run = server.command(["run", "--case", "stop/*", "--journal", "/dev/full"]);
    start(run)
        .finish(SOON)
        .ended_with(2)
        .complains_of(&["could not write /dev/full"]);
    nothing_is_left(server.value("AWS_ENDPOINT_URL_EC2"));
}
