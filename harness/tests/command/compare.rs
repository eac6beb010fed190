//! Comparing endpoints, and runs of one endpoint: the output and the exit code.

use std::path::Path;
use std::sync::Arc;

use stopcheck::endpoint::Handler;
use tokio::sync::Notify;

use crate::child::{CommandOutput, finish, text_of, within};
use crate::servers::{action, nobody, quick_reference, serving};

/// A reference whose answers to StopInstances have one text replaced by another.
fn altered(from: &'static str, to: &'static str) -> String {
    let reference = quick_reference(None);
    let altered: Handler = Arc::new(move |request, now_ms| {
        let mut answer = reference(request, now_ms);
        if action(request) == "StopInstances" {
            let text = String::from_utf8_lossy(answer.body()).replace(from, to);
            *answer.body_mut() = text.into();
        }
        answer
    });
    serving(altered, Arc::new(Notify::new()))
}

#[track_caller]
fn compared(words: &str, scratch: &Path) -> CommandOutput {
    finish(within(&format!("compare {words}"), scratch))
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is room for a scratch folder")
}

#[test]
fn the_reference_is_alike_in_process_over_http_and_from_a_journal() {
    let scratch = scratch();
    let at = scratch.path();
    let url = altered("nothing", "of it");
    finish(within(
        "run --phase scenarios --case dry-run/* --journal @/a.ndjson",
        at,
    ))
    .ended_with(0);
    // An answer over HTTP has other headers than an answer in the process.
    compared(
        &format!("reference http={url} @/a.ndjson --case dry-run/valid"),
        at,
    )
    .ended_with(0)
    .says(&["A  reference", "B  http", "C  a ", "1 case: "]);
    compared("reference @/a.ndjson --case dry-run/*", at)
        .ended_with(0)
        .says(&[" alike"]);
}

#[test]
fn the_odd_one_out_is_named_and_shown() {
    let scratch = scratch();
    let at = scratch.path();
    let (good, bad) = (
        altered("nothing", "of it"),
        altered("DryRunOperation", "DryRunOperator"),
    );
    let words = "--case dry-run/valid --case stop/running --markdown @/c.md --html @/c.html";
    compared(&format!("reference good={good} bad={bad} {words} -v"), at)
        .ended_with(1)
        .says(&[
            "dry-run/valid",
            "FAIL DRY-01",
            "odd one out: bad 1 time",
            "<Code>DryRunOperator</Code>",
            "1 judged differently",
        ]);
    let markdown = text_of(&at.join("c.md"));
    assert!(
        markdown.contains("| `dry-run/valid` | pass | pass | FAIL DRY-01 | C |"),
        "{markdown}"
    );
    let html = text_of(&at.join("c.html"));
    assert!(
        html.contains("cell fail odd") && html.contains("&lt;Code&gt;DryRunOperator&lt;&#x2f;Code&gt;"),
        "{html}"
    );
}

#[test]
fn the_reference_is_as_its_goldens_say() {
    let goldens = concat!(env!("CARGO_MANIFEST_DIR"), "/../golden");
    let scratch = scratch();
    let told = compared(
        &format!("golden:reference reference --case stop/* --golden-dir {goldens}"),
        scratch.path(),
    )
    .ended_with(0)
    .says(&[" alike"]);
    assert!(!told.stdout.contains("differently"), "{}", told.stdout);
}

#[test]
fn what_moved_since_an_earlier_run_is_told() {
    let scratch = scratch();
    let at = scratch.path();
    let (good, bad) = (
        altered("nothing", "of it"),
        altered("DryRunOperation", "DryRunOperator"),
    );
    for (name, url, code) in [("good", &good, 0), ("bad", &bad, 1)] {
        let words = format!("run --endpoint-url {url} --case dry-run/valid --journal @/{name}.ndjson");
        finish(within(&words, at)).ended_with(code);
    }
    compared("@/bad.ndjson --since @/good.ndjson", at)
        .ended_with(1)
        .says(&["broken", "DRY-01", "dry-run/valid"]);
    compared("@/good.ndjson --since @/bad.ndjson", at)
        .ended_with(0)
        .says(&["fixed", "DRY-01"]);
    compared("@/bad.ndjson --since @/good.ndjson --since @/bad.ndjson", at)
        .ended_with(0)
        .says(&["flaky", "DRY-01"]);
    // The current state of the endpoint, instead of a second journal.
    compared(&format!("{good} --since @/bad.ndjson --case dry-run/valid"), at)
        .ended_with(0)
        .says(&["fixed"]);
}

#[test]
fn what_cannot_be_compared_is_told_with_what_to_do() {
    let scratch = scratch();
    let at = scratch.path();
    for (words, told) in [
        ("reference", "name two or more"),
        ("reference reference --since x.ndjson", "name one subject"),
        ("reference @/none.ndjson", "none.ndjson"),
        ("reference golden:no-such-set", "no-such-set"),
        ("reference reference --case no/such", "no case matches no/such"),
        ("reference reference --phase random", "scenarios or coverage"),
        (
            "reference reference --endpoint-url http://127.0.0.1:1",
            "leave out --endpoint-url",
        ),
    ] {
        compared(words, at).ended_with(2).complains_of(&[told]);
    }
    let (_kept, url) = nobody();
    compared(&format!("reference {url} --case stop/running"), at)
        .ended_with(2)
        .complains_of(&[&url]);
}
