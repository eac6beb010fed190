//! What ends a run early, and what its cases share.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stopcheck::endpoint::Handler;
use tokio::sync::Notify;

use crate::child::{CommandOutput, finish};
use crate::servers::{action, against, counting_reference, quick_reference, serving};

fn pristine() -> String {
    serving(quick_reference(None), Arc::new(Notify::new()))
}

/// The output of a run on a wide terminal, where no text is wrapped.
fn run(url: &str, words: &str) -> CommandOutput {
    let mut run = against(url, words);
    run.env("COLUMNS", "200");
    finish(run)
}

#[test]
fn the_named_cases_are_played_whatever_the_time_limit_is() {
    let words = "--phase scenarios,coverage --case stop/running --case coverage/* --time-limit 0.1";
    run(&pristine(), words).ended_with(0).says(&[
        "The time limit of 0.1 s ended the run",
        "Cases begun: scenarios 1 of 1, coverage 0 of",
        " not begun",
        "CONFORMS",
    ]);
}

#[test]
fn a_run_without_a_time_limit_says_nothing_of_one() {
    let run = run(&pristine(), "--case dry-run/valid --time-limit none").ended_with(0);
    assert!(!run.stdout.contains("time limit"), "{}", run.stdout);
}

#[test]
fn the_rate_limits_all_requests_of_a_run() {
    let reference = quick_reference(None);
    let sent = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&sent);
    let counting: Handler = Arc::new(move |request, now_ms| {
        counted.fetch_add(1, Ordering::SeqCst);
        reference(request, now_ms)
    });
    let url = serving(counting, Arc::new(Notify::new()));
    let begin = Instant::now();
    run(&url, "--case dry-run/valid --rate 10/s").ended_with(0);
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent >= 4, "{sent} requests");
    assert!(
        begin.elapsed() >= Duration::from_millis(100) * (sent - 1),
        "{sent} requests"
    );
}

#[test]
fn no_case_begins_after_the_first_failure_if_that_is_wanted() {
    let reference = quick_reference(None);
    let wrong: Handler = Arc::new(move |request, now_ms| {
        let mut answer = reference(request, now_ms);
        let text = String::from_utf8_lossy(answer.body()).replace("DryRunOperation", "DryRunOperator");
        *answer.body_mut() = text.into();
        answer
    });
    let url = serving(wrong, Arc::new(Notify::new()));
    run(&url, "--case dry-run/* --workers 1 --fail-fast")
        .ended_with(1)
        .says(&["The first failure ended the run (--fail-fast).", " not begun"]);
}

/// A dry run of an instance makes the next stop of it answer with a wrong previous state.
fn remembers_dry_runs() -> String {
    let reference = quick_reference(None);
    let remembered = Mutex::new(BTreeSet::new());
    let wrong: Handler = Arc::new(move |request, now_ms| {
        let mut answer = reference(request, now_ms);
        let body = String::from_utf8_lossy(request.body()).into_owned();
        if action(request) != "StopInstances" {
            return answer;
        }
        let ids = body.split('&').filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.starts_with("InstanceId").then(|| value.to_owned())
        });
        let mut remembered = remembered.lock().expect("no handler panics");
        if body.contains("DryRun=true") {
            remembered.extend(ids);
        } else if ids.into_iter().any(|id| remembered.contains(&id)) {
            let right = "<previousState><code>16</code><name>running</name>";
            let wrong = "<previousState><code>0</code><name>pending</name>";
            let text = String::from_utf8_lossy(answer.body()).replace(right, wrong);
            *answer.body_mut() = text.into();
        }
        answer
    });
    serving(wrong, Arc::new(Notify::new()))
}

#[test]
fn what_an_earlier_case_did_to_an_instance_is_not_blamed_on_the_next() {
    let words = "--phase coverage --case coverage/2-wise/00* --workers 1 --time-limit none";
    let url = remembers_dry_runs();
    run(&url, words)
        .ended_with(0)
        .says(&["was violated only when another case had used the instances before"]);
}

#[test]
fn an_endpoint_that_never_finishes_a_stop_is_not_waited_for_by_one_case_after_the_other() {
    let reference = quick_reference(None);
    let stuck: Handler = Arc::new(move |request, now_ms| {
        let mut answer = reference(request, now_ms);
        let stopped = "<code>80</code><name>stopped</name>";
        let text = String::from_utf8_lossy(answer.body());
        let text = text.replace(stopped, "<code>64</code><name>stopping</name>");
        *answer.body_mut() = text.into();
        answer
    });
    let url = serving(stuck, Arc::new(Notify::new()));
    let words =
        "--case stop/* --case force/* --case spot/* --workers 40 --settle-timeout 4 --time-limit none";
    let run = run(&url, words).says(&[
        "an instance did not become stopped: it is stopping",
        " inconclusive",
    ]);
    assert!(!run.stdout.contains("errored"), "{}", run.stdout);
}

#[test]
fn no_more_instances_exist_at_once_than_the_run_may_have() {
    let (reference, most) = counting_reference();
    let url = serving(reference, Arc::new(Notify::new()));
    let words = "--phase scenarios --case batch/* --case stop/* --max-instances 3 -v";
    run(&url, words).ended_with(0).says(&[
        "with at most 3 instances at once",
        "instances at once, and --max-instances allows 3",
        "CONFORMS",
    ]);
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[test]
fn a_case_that_needs_more_instances_than_the_run_may_have_is_not_played() {
    let (reference, most) = counting_reference();
    let url = serving(reference, Arc::new(Notify::new()));
    run(&url, "--case stop/running --max-instances 1")
        .ended_with(4)
        .says(&["the case needs 2 instances at once, and --max-instances allows 1"]);
    assert_eq!(most.load(Ordering::SeqCst), 0);
}
