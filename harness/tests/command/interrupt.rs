//! An interrupted run leaves no instance behind, and a journal that can be judged.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stopcheck::endpoint::Handler;
use stopcheck::reference::{Config, Reference};
use tokio::sync::Notify;

use crate::child::{Served, command, finish, start, text_of};
use crate::servers::{action, against, serving, states_at};

#[track_caller]
fn nothing_is_left(url: &str) {
    let states = states_at(url);
    assert!(!states.is_empty(), "instances were launched");
    let gone = |state: &String| matches!(state.as_str(), "shutting-down" | "terminated");
    assert!(states.iter().all(gone), "{states:?}");
}

/// A reference that reports its fifth launch, and does not answer again until it is released.
fn held_after_five_launches() -> (String, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (report, launched) = mpsc::channel();
    let (go_on, allowed) = mpsc::channel::<()>();
    let reference = Reference::new(Config::default());
    let held = Mutex::new((0, report, allowed));
    let handler: Handler = Arc::new(move |request, now_ms| {
        let response = reference.handle(request, now_ms);
        let mut held = held.lock().expect("no test holds it and panics");
        let (launches, report, allowed) = &mut *held;
        if action(request) == "RunInstances" {
            *launches += 1;
            if *launches == 5 {
                let _ = report.send(());
                let _ = allowed.recv();
            }
        }
        response
    });
    let url = serving(handler, Arc::new(Notify::new()));
    (url, launched, go_on)
}

#[test]
fn an_interrupted_run_cleans_up_and_can_be_judged() {
    cleans_up_and_can_be_judged_after("INT");
}

#[test]
fn a_run_whose_terminal_is_closed_cleans_up_and_can_be_judged() {
    cleans_up_and_can_be_judged_after("HUP");
}

fn cleans_up_and_can_be_judged_after(signal: &str) {
    let (url, launched, go_on) = held_after_five_launches();
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let journal = scratch.path().join("run.ndjson");
    let mut run = against(&url, "--case batch/*");
    run.arg("--journal").arg(&journal);
    let mut run = start(run);
    // Without the check in this loop, a run that ends before its fifth launch would block the test forever.
    while launched.recv_timeout(Duration::from_millis(100)) == Err(RecvTimeoutError::Timeout) {
        assert_eq!(run.ended(), None, "fewer than five instances were launched");
    }
    run.signal(signal);
    let _ = go_on.send(());
    let run = run
        .finish()
        .ended_with(130)
        .complains_of(&["interrupted: removing what was launched"]);
    nothing_is_left(&url);
    assert!(text_of(&journal).contains("\"interrupted\":true"));
    let mut judge = command(["judge"]);
    judge.arg(&journal);
    let judged = finish(judge).ended_with(130);
    assert_eq!(judged.stdout, run.stdout);
    assert_eq!(judged.stderr, "");
}

#[test]
fn a_full_disk_leaves_no_instance_behind() {
    let server = Served::start();
    // One case after the other: otherwise the journal is full before an instance is launched.
    let run = server.command([
        "run",
        "--case",
        "stop/*",
        "--workers",
        "1",
        "--journal",
        "/dev/full",
    ]);
    finish(run)
        .ended_with(2)
        .complains_of(&["could not write /dev/full"]);
    nothing_is_left(server.value("AWS_ENDPOINT_URL_EC2"));
}
