//! Findings of a journal: replayed where they recur and where they do not, and exported.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stopcheck::endpoint::Handler;
use stopcheck::reference::keys;
use tokio::sync::Notify;

use crate::child::{CommandOutput, finish, text_of, within};
use crate::servers::{action, answering, quick_reference, serving, xml};

/// The case that shows the fault below, and the violated clause.
const ID: &str = "dry-run/valid#1/DRY-01";

/// A reference that misspells the code of the nth dry run if `wrong` returns true for n.
pub(crate) fn misspelling(wrong: impl Fn(usize) -> bool + Send + Sync + 'static) -> String {
    let (reference, count) = (quick_reference(None), AtomicUsize::new(0));
    let altered: Handler = Arc::new(move |request, now_ms| {
        let mut answer = reference(request, now_ms);
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        if action(request) == "StopInstances"
            && text.contains("DryRunOperation")
            && wrong(count.fetch_add(1, Ordering::Relaxed))
        {
            *answer.body_mut() = text.replace("DryRunOperation", "DryRunOperator").into();
        }
        answer
    });
    serving(altered, Arc::new(Notify::new()))
}

#[track_caller]
fn recorded(url: &str) -> tempfile::TempDir {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    finish(within(
        &format!("run --endpoint-url {url} --case dry-run/valid --journal @/a.ndjson"),
        scratch.path(),
    ))
    .ended_with(1);
    scratch
}

#[track_caller]
fn replayed(words: &str, scratch: &Path) -> CommandOutput {
    finish(within(&format!("replay {words}"), scratch))
}

#[test]
fn a_finding_is_still_there_where_it_was_found_and_not_on_the_reference() {
    let url = misspelling(|_| true);
    let scratch = recorded(&url);
    let at = scratch.path();
    replayed(&format!("@/a.ndjson#{ID} --endpoint-url {url}"), at)
        .ended_with(1)
        .says(&[
            "FAIL  DRY-01  ",
            "expected  ",
            &format!("(at {url})"),
            "DryRunOperator",
            "DryRun=true",
            &format!("STILL FAILING: it came 1 of 1 time at {url}."),
        ]);
    // By default it is played where it was found.
    replayed(&format!("@/a.ndjson#{ID}"), at)
        .ended_with(1)
        .says(&[&format!("it came 1 of 1 time at {url}")]);
    replayed(&format!("@/a.ndjson#{ID} --times 2 --reference"), at)
        .ended_with(0)
        .says(&[
            "now       no such finding (at reference)",
            "NOT REPRODUCED: it came 0 of 2 times at reference: fixed, or never there.",
        ]);
}

#[test]
fn a_finding_is_named_by_its_number_or_by_its_case_too() {
    let url = misspelling(|_| true);
    let scratch = recorded(&url);
    let listed = replayed("@/a.ndjson", scratch.path()).ended_with(0).says(&[ID]);
    let line = listed.stdout.lines().find(|line| line.contains(ID));
    let number = line.and_then(|line| line.split_whitespace().next());
    let number = number.expect("each finding has a number");
    for name in [number, "dry-run/valid"] {
        let case = format!("@/a.ndjson#{name} --endpoint-url {url}");
        replayed(&case, scratch.path())
            .ended_with(1)
            .says(&["FAIL  DRY-01", "STILL FAILING"]);
    }
}

#[test]
fn what_comes_and_goes_is_not_reproducible() {
    let url = misspelling(|nth| nth % 2 == 0);
    let scratch = recorded(&url);
    // The next dry run is answered correctly, so the command tries again.
    replayed(&format!("@/a.ndjson#{ID} --endpoint-url {url}"), scratch.path())
        .ended_with(4)
        .says(&["NOT REPRODUCIBLE: it came 1 of 3 times"]);
}

#[test]
fn what_cannot_be_played_is_not_called_fixed() {
    let scratch = recorded(&misspelling(|_| true));
    let reference = quick_reference(None);
    let barren: Handler = Arc::new(move |request, now_ms| match action(request).as_str() {
        "RunInstances" => xml(
            400,
            "<Response><Errors><Error><Code>UnsupportedOperation</Code><Message>no</Message></Error></Errors>\
             <RequestID>x</RequestID></Response>",
        ),
        _ => reference(request, now_ms),
    });
    let url = serving(barren, Arc::new(Notify::new()));
    replayed(&format!("@/a.ndjson#{ID} --endpoint-url {url}"), scratch.path())
        .ended_with(4)
        .says(&["NOT TESTED", "UnsupportedOperation"]);
    let mute = answering(|_| ());
    replayed(&format!("@/a.ndjson#{ID} --endpoint-url {mute}"), scratch.path()).ended_with(2);
}

#[test]
fn what_is_not_in_the_journal_is_told_with_what_is_near() {
    let scratch = recorded(&misspelling(|_| true));
    let at = scratch.path();
    replayed("@/a.ndjson#dry-run/valid#1/DRY-02", at)
        .ended_with(2)
        .complains_of(&["there is no finding dry-run/valid#1/DRY-02", "did you mean", ID]);
    for number in ["0", "99", "18446744073709551616"] {
        replayed(&format!("@/a.ndjson#{number}"), at)
            .ended_with(2)
            .complains_of(&[&format!("there is no finding {number} in "), "lists its "]);
    }
    replayed("@/absent.ndjson#1", at)
        .ended_with(2)
        .complains_of(&["could not open ", "absent.ndjson: "]);
    finish(within("run --case auth/unsigned --journal @/b.ndjson", at)).ended_with(0);
    replayed("@/b.ndjson#1", at)
        .ended_with(2)
        .complains_of(&["there are no findings in it"]);
}

#[test]
fn a_case_without_a_scenario_and_one_that_was_searched_with_are_told_as_such() {
    let scratch = recorded(&misspelling(|_| true));
    let at = scratch.path();
    let journal = text_of(&at.join("a.ndjson"));
    let changed = |change: &dyn Fn(&mut serde_json::Map<String, serde_json::Value>)| {
        let lines: Vec<String> = journal
            .lines()
            .map(|line| {
                let mut event: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
                if let Some(fields) = event.as_object_mut()
                    && fields.get("event").is_some_and(|event| event == "case_started")
                {
                    change(fields);
                }
                event.to_string()
            })
            .collect();
        std::fs::write(at.join("b.ndjson"), lines.join("\n")).expect("the folder takes a file");
    };
    changed(&|fields| _ = fields.remove("scenario"));
    replayed(&format!("@/b.ndjson#{ID}"), at)
        .ended_with(2)
        .complains_of(&["no scenario of dry-run/valid", "--case dry-run/valid"]);
    changed(&|fields| _ = fields.insert("draft".to_owned(), true.into()));
    replayed(&format!("@/b.ndjson#{ID}"), at)
        .ended_with(2)
        .complains_of(&["dry-run/valid was only searched with"]);
}

#[test]
fn an_exported_scenario_finds_the_same_again() {
    let url = misspelling(|_| true);
    let scratch = recorded(&url);
    let at = scratch.path();
    let written = replayed(&format!("@/a.ndjson#{ID} --export scenario=@/found.toml"), at).ended_with(0);
    assert_eq!(written.stdout, "");
    let run = "run --scenarios @/found.toml --case found/*";
    finish(within(&format!("{run} --endpoint-url {url}"), at))
        .ended_with(1)
        .says(&["FAIL  DRY-01", "--case found/dry-run/valid/dry-01"]);
    finish(within(run, at)).ended_with(0);
}

#[test]
fn an_export_is_written_without_an_endpoint_or_keys() {
    let scratch = recorded(&misspelling(|_| true));
    let at = scratch.path();
    for (kind, text) in [
        ("scenario", "name = \"found/dry-run/valid/dry-01\""),
        ("rust", "fn found_dry_run_valid_dry_01()"),
        (
            "boto3",
            "call(\"stop_instances\", InstanceIds=[at[\"a\"]], DryRun=True)",
        ),
        ("markdown", "# DRY-01: "),
    ] {
        // No server listens there.
        let words = format!("@/a.ndjson#{ID} --endpoint-url http://127.0.0.1:1 --export {kind}");
        let told = replayed(&words, at).ended_with(0).says(&[text]);
        assert!(!told.stdout.contains(keys::MAIN.secret));
    }
    replayed(&format!("@/a.ndjson#{ID} --export rust=@/no/such/folder.rs"), at)
        .ended_with(2)
        .complains_of(&["could not write "]);
    replayed(&format!("@/a.ndjson#{ID} --export pdf"), at)
        .ended_with(2)
        .complains_of(&["known: scenario, rust, boto3, markdown"]);
}
