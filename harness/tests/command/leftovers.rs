//! A killed run: its journal is read and resumed, and what it left is removed, and nothing else.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use serde_json::Value;
use stopcheck::endpoint::Handler;
use tokio::sync::Notify;

use crate::child::{CommandOutput, command, finish, start, stopcheck, text_of};
use crate::interrupt::held_after_five_launches;
use crate::servers::{against, instances_at, launched_at, nobody, quick_reference, serving};

/// The reference, except that dry runs are answered with a code of their own.
fn deviating() -> String {
    let reference = quick_reference(None);
    let wrong: Handler = Arc::new(move |request, now_ms| {
        let mut answer = reference(request, now_ms);
        let text = String::from_utf8_lossy(answer.body()).replace("DryRunOperation", "DryRunOperator");
        *answer.body_mut() = text.into();
        answer
    });
    serving(wrong, Arc::new(Notify::new()))
}

/// What a report says: the status of every clause, the causes, and what follows from them.
fn verdicts(report: &Path) -> Vec<String> {
    let report: Value = serde_json::from_str(&text_of(report)).expect("a report is JSON");
    let line = |item: &Value| {
        let part = |name| item.get(name).map(Value::to_string).unwrap_or_default();
        ["id", "clause", "status", "verdict", "consequences"]
            .map(part)
            .join(" ")
    };
    let lists = ["clauses", "causes"].map(|name| report.get(name).and_then(Value::as_array));
    let lines: Vec<String> = lists.into_iter().flatten().flatten().map(line).collect();
    assert!(!lines.is_empty(), "{report}");
    lines
}

#[track_caller]
fn swept(url: &str, words: &str) -> CommandOutput {
    let words = format!("sweep {words}");
    let mut sweep = command(words.trim_end().split(' '));
    let run = against(url, "");
    sweep.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    finish(sweep)
}

#[test]
fn a_run_that_was_cut_anywhere_is_resumed_and_ends_like_a_whole_one() {
    let url = deviating();
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let file = |name: &str| scratch.path().join(name);
    let words = "--phase scenarios --case dry-run/* --case stop/running";
    let played = |journal: &str, option: &str, report: &str| {
        let mut run = against(&url, words);
        run.arg(option)
            .arg(file(journal))
            .arg(format!("--report=json={}", file(report).display()));
        finish(run)
    };
    played("whole.ndjson", "--journal", "whole.json").ended_with(1);
    let whole = text_of(&file("whole.ndjson"));
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let (_, but_the_last) = lines.split_last().expect("it has lines");
    let middle = lines.len() / 2;
    for kept in [1, middle, but_the_last.len()] {
        let mut cut: String = lines.iter().take(kept).copied().collect();
        // Half a line, as a kill leaves it.
        let half = lines.get(kept).and_then(|line| line.get(..line.len() / 2));
        cut.push_str(half.unwrap_or_default());
        std::fs::write(file("cut.ndjson"), &cut).expect("the folder is ours");
        let mut judge = command(["judge"]);
        judge.arg(file("cut.ndjson"));
        finish(judge)
            .ended_with(130)
            .complains_of(&["is incomplete and left out"]);
        played("cut.ndjson", "--resume", "resumed.json")
            .ended_with(1)
            .complains_of(&["cases; the others are played now"]);
        assert_eq!(
            verdicts(&file("resumed.json")),
            verdicts(&file("whole.json")),
            "cut after {kept} of {} lines",
            lines.len()
        );
        let mut judge = command(["judge"]);
        judge
            .arg(file("cut.ndjson"))
            .arg(format!("--report=json={}", file("judged.json").display()));
        let judged = finish(judge).ended_with(1);
        assert_eq!(judged.stderr, "", "the journal is whole again");
        assert_eq!(verdicts(&file("judged.json")), verdicts(&file("whole.json")));
    }
    // Cases that had ended were not played again.
    let resumed = text_of(&file("cut.ndjson"));
    let starts = |text: &str| text.matches("\"event\":\"case_started\"").count();
    assert_eq!(starts(&resumed), starts(&whole));
    assert_eq!(resumed.matches("\"event\":\"run_started\"").count(), 2);
}

#[test]
fn only_the_same_run_is_resumed() {
    let url = serving(quick_reference(None), Arc::new(Notify::new()));
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let journal = scratch.path().join("run.ndjson");
    let run = |words: &str, option: &str| {
        let mut run = against(&url, words);
        run.arg(option).arg(&journal);
        finish(run)
    };
    run("--case stop/running", "--journal").ended_with(0);
    run("--case stop/running", "--resume")
        .ended_with(2)
        .complains_of(&["could not resume", "the run has ended", "stopcheck judge"]);
    let text = text_of(&journal);
    let begun: String = text.split_inclusive('\n').take(2).collect();
    std::fs::write(&journal, &begun).expect("the folder is ours");
    run("--case stop/stopped", "--resume")
        .ended_with(2)
        .complains_of(&["its case is stop/running, and now it is stop/stopped"]);
    assert_eq!(text_of(&journal), begun, "what cannot be resumed is not changed");
    std::fs::write(&journal, "").expect("the folder is ours");
    run("--case stop/running", "--resume")
        .ended_with(0)
        .complains_of(&["has no event; everything is played"]);
    let mut missing = against(&url, "--resume");
    missing.arg(scratch.path().join("missing.ndjson"));
    finish(missing).ended_with(2).complains_of(&["could not open"]);
}

#[test]
fn what_a_killed_run_left_is_found_and_removed_and_nothing_else() {
    let (url, launched, go_on) = held_after_five_launches();
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let journal = scratch.path().join("run.ndjson");
    let words = "--phase scenarios --case batch/*";
    let mut run = against(&url, words);
    run.arg("--journal").arg(&journal);
    let mut run = start(run);
    while launched.recv_timeout(Duration::from_millis(100)) == Err(RecvTimeoutError::Timeout) {
        assert_eq!(run.ended(), None, "fewer than five instances were launched");
    }
    // While the run goes on, nobody else writes its journal.
    let mut other = against(&url, words);
    other.arg("--resume").arg(&journal);
    finish(other).ended_with(2).complains_of(&["a run is writing it"]);
    run.signal("KILL");
    let _ = go_on.send(());
    assert_eq!(run.finish().code, None, "a signal ended it");
    let foreign = [
        launched_at(&url, &[]),
        launched_at(&url, &[("stopcheck", "nightly")]),
        launched_at(&url, &[("stopcheck", "run-0123456789abcdef")]),
    ];
    let alive = || {
        let instances = instances_at(&url).into_iter();
        let alive = instances.filter(|(_, state)| !matches!(state.as_str(), "shutting-down" | "terminated"));
        let mut ids: Vec<String> = alive.map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids
    };
    let left = alive();
    assert!(left.len() > foreign.len(), "{left:?}");

    // The run may still go on, as far as its tags say.
    swept(&url, "")
        .ended_with(0)
        .says(&["keeping i-", "Nothing to remove."]);
    swept(&url, "--older-than 0s --dry-run")
        .ended_with(1)
        .says(&["would remove i-", "nothing was changed"]);
    assert_eq!(alive(), left);
    finish(against(&url, "--case request/unknown-action"))
        .ended_with(0)
        .complains_of(&["of an earlier run are left (run-", "stopcheck sweep"]);
    assert_eq!(alive(), left);

    swept(&url, "--older-than 0s")
        .ended_with(0)
        .says(&["removing i-", "Removed "]);
    let mut expected = foreign.to_vec();
    expected.sort_unstable();
    assert_eq!(alive(), expected);
    swept(&url, "--older-than 0s")
        .ended_with(0)
        .says(&["Nothing to remove."]);

    let mut resumed = against(&url, words);
    resumed.arg("--resume").arg(&journal);
    finish(resumed).ended_with(0);
    assert_eq!(alive(), expected);
}

#[test]
fn a_resumed_run_removes_what_it_left_before() {
    let (url, launched, go_on) = held_after_five_launches();
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let journal = scratch.path().join("run.ndjson");
    let words = "--phase scenarios --case batch/*";
    let mut run = against(&url, words);
    run.arg("--journal").arg(&journal);
    let mut run = start(run);
    while launched.recv_timeout(Duration::from_millis(100)) == Err(RecvTimeoutError::Timeout) {
        assert_eq!(run.ended(), None, "fewer than five instances were launched");
    }
    run.signal("KILL");
    let _ = go_on.send(());
    run.finish();
    let mut resumed = against(&url, words);
    resumed.arg("--resume").arg(&journal);
    finish(resumed).ended_with(0);
    let states = instances_at(&url).into_iter().map(|(_, state)| state);
    let is_gone = |state: &String| matches!(state.as_str(), "shutting-down" | "terminated");
    let alive: Vec<String> = states.filter(|state| !is_gone(state)).collect();
    assert_eq!(alive, Vec::<String>::new());
}

#[test]
fn a_sweep_needs_an_endpoint_that_exists_and_ids_of_runs() {
    stopcheck("sweep")
        .ended_with(2)
        .complains_of(&["there is nothing to sweep", "--endpoint-url"]);
    let (_held, url) = nobody();
    swept(&url, "")
        .ended_with(2)
        .complains_of(&["is the server running"]);
    swept(&url, "--run nightly")
        .ended_with(2)
        .complains_of(&["run- and sixteen hexadecimal digits are needed"]);
    swept(&url, "--older-than soon")
        .ended_with(2)
        .complains_of(&["90m, 2h or 7d"]);
}
