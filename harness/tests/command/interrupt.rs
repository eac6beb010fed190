//! An interrupted run leaves no instance behind, and a journal that can be judged.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stopcheck::endpoint::Handler;
use tokio::sync::Notify;

use crate::child::{Served, command, finish, start, text_of};
use crate::servers::{action, against, quick_reference, serving, states_at};

#[track_caller]
fn nothing_is_left(url: &str) {
    let states = states_at(url);
    assert!(!states.is_empty(), "instances were launched");
    let gone = |state: &String| matches!(state.as_str(), "shutting-down" | "terminated");
    assert!(states.iter().all(gone), "{states:?}");
}

/// A reference that reports its fifth launch, and does not answer again until it is released.
pub(crate) fn held_after_five_launches() -> (String, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (report, launched) = mpsc::channel();
    let (go_on, allowed) = mpsc::channel::<()>();
    let reference = quick_reference(None);
    let held = Mutex::new((0, report, allowed));
    let handler: Handler = Arc::new(move |request, now_ms| {
        let response = reference(request, now_ms);
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
fn a_full_disk_ends_the_run() {
    let server = Served::start();
    let run = server.command(["run", "--case", "stop/*", "--journal", "/dev/full"]);
    finish(run)
        .ended_with(2)
        .complains_of(&["could not write /dev/full"]);
}

#[test]
fn a_journal_that_cannot_be_written_any_more_leaves_no_instance_behind() {
    let server = Served::start();
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let pipe = scratch.path().join("journal");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo is there");
    let mut run = server.command(["run", "--case", "stop/*", "--workers", "1", "--journal"]);
    run.arg(&pipe);
    let run = start(run);
    // Nobody reads on once an instance has been launched.
    let journal = BufReader::new(File::open(&pipe).expect("the run opens it, too"));
    let mut lines = journal.lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("\"fixture_ready\"")));
    drop(lines);
    run.finish().ended_with(2).complains_of(&["could not write"]);
    nothing_is_left(server.value("AWS_ENDPOINT_URL_EC2"));
}
