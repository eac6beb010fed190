//! Goldens: recorded, accepted, compared; relevant changes are reported, irrelevant ones are not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use stopcheck::endpoint::Handler;
use stopcheck::reference::keys;
use tokio::sync::Notify;

use crate::child::{CommandOutput, command, finish, text_of};
use crate::servers::{quick_reference, serving};

/// A fresh folder of goldens, with an accepted set that was recorded from some cases of the reference.
#[track_caller]
fn accepted(cases: &str) -> tempfile::TempDir {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    run(&format!("{cases} --golden record"), scratch.path()).ended_with(0);
    assert!(accept(&scratch.path().join("mine")) > 0);
    scratch
}

/// Accepts pending goldens as `cargo insta accept` does, and returns their number.
fn accept(folder: &Path) -> usize {
    files(folder, ".snap.new")
        .into_iter()
        .map(|path| fs::rename(&path, path.with_extension("")).expect("a file can be renamed"))
        .count()
}

/// The files below a folder whose names have this ending.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .map(|entry| entry.expect("the folder can be listed").path())
        .flat_map(|path| match path.is_dir() {
            true => files(&path, ending),
            false if path.to_string_lossy().ends_with(ending) => vec![path],
            false => Vec::new(),
        })
        .collect()
}

fn prepared(words: &str, goldens: &Path) -> Command {
    let mut command = command(format!("run --phase scenarios --golden-set mine {words}").split(' '));
    command
        .arg("--golden-dir")
        .arg(goldens)
        .env("AWS_ACCESS_KEY_ID", keys::MAIN.access_key)
        .env("AWS_SECRET_ACCESS_KEY", keys::MAIN.secret);
    command
}

/// A run with the set `mine` in this folder.
#[track_caller]
fn run(words: &str, goldens: &Path) -> CommandOutput {
    finish(prepared(words, goldens))
}

/// Changes the golden of one case.
#[track_caller]
fn edit(goldens: &Path, case: &str, from: &str, to: &str) {
    let path = goldens.join(format!("mine/{case}.snap"));
    let text = text_of(&path);
    assert!(text.contains(from), "{from:?} is missing in:\n{text}");
    fs::write(&path, text.replacen(from, to, 1)).expect("it can be written again");
}

#[test]
fn what_was_recorded_and_accepted_is_compared_without_a_difference() {
    let scratch = accepted("--case dry-run/* --case batch/*");
    run("--case dry-run/* --case batch/* --workers 8", scratch.path())
        .ended_with(0)
        .says(&["goldens as reviewed (set mine)."]);
    // Recording unchanged answers leaves nothing to review.
    run("--case dry-run/* --golden record", scratch.path()).ended_with(0);
    assert_eq!(files(scratch.path(), ".snap.new"), Vec::<PathBuf>::new());
}

#[test]
fn many_workers_record_the_same_over_http() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let url = serving(quick_reference(None), Arc::new(Notify::new()));
    // Only refusals: the intermediate states that a run sees depend on how busy the machine is.
    let cases = format!("--endpoint-url {url} --case dry-run/*");
    run(&format!("{cases} --workers 1 --golden record"), scratch.path()).ended_with(0);
    assert!(accept(scratch.path()) > 5);
    run(&format!("{cases} --workers 8"), scratch.path())
        .ended_with(0)
        .says(&["goldens as reviewed (set mine)."]);
}

#[test]
fn a_flipped_meaning_ends_with_1_and_its_line_is_shown() {
    for (case, from, to, line) in [
        (
            "stop/running",
            "<code>64</code>",
            "<code>80</code>",
            "<currentState><code>80</code><name>stopping</name></currentState>",
        ),
        (
            "dry-run/valid",
            "<Code>DryRunOperation<",
            "<Code>DryRunOperator<",
            "<Code>DryRunOperator</Code>",
        ),
        (
            "stop/running",
            "<previousState><code>16</code><name>running</name></previousState>",
            "<previousstate><code>16</code><name>running</name></previousstate>",
            "<previousstate><code>16</code><name>running</name></previousstate>",
        ),
        (
            "batch/two",
            "> InstanceId.1=<instance:1>\n> InstanceId.2=<instance:2>",
            "> InstanceId.1=<instance:2>\n> InstanceId.2=<instance:1>",
            "> InstanceId.1=<instance:2>",
        ),
        ("dry-run/valid", "< 412", "< 400", "< 400"),
    ] {
        let scratch = accepted(&format!("--case {case}"));
        edit(scratch.path(), case, from, to);
        let told = run(&format!("--case {case}"), scratch.path())
            .ended_with(1)
            .says(&["CHANGED: 1 of 1 golden is not as reviewed (set mine)"]);
        let mut gone = told.stdout.lines().filter(|told| told.starts_with("     - "));
        assert!(
            gone.any(|told| told.contains(line)),
            "{line:?} is missing in:\n{}",
            told.stdout
        );
    }
}

#[test]
fn what_must_not_matter_passes() {
    let case = "stop/running";
    let scratch = accepted("--case stop/running");
    for (from, to) in [
        ("<code>64</code><name>", "<code> 64 </code>\n\n\t<name>"),
        ("      <instanceId>", "<instanceId>"),
        ("< content-type:", "<  Content-Type: "),
        (
            "User initiated (<time> GMT)",
            "User initiated (2017-05-20 19:44:54 GMT)",
        ),
        ("\n\nstep 2", "\nstep 2"),
    ] {
        edit(scratch.path(), case, from, to);
    }
    // Every named position of an id.
    let path = scratch.path().join("mine/stop/running.snap");
    let text = text_of(&path).replace("<request:1>", "724f3a5a-a070-4d51-8883-6afa15daa139");
    let text = text.replace("<instance:2>", "i-0a1b2c3d4e5f67890");
    fs::write(&path, text).expect("it can be written again");
    run("--case stop/running", scratch.path())
        .ended_with(0)
        .says(&["1 golden as reviewed (set mine)."]);
}

#[test]
fn a_golden_of_no_case_is_told_and_left_where_it_is() {
    let scratch = accepted("--case dry-run/valid");
    let orphan = scratch.path().join("mine/gone/case.snap");
    fs::create_dir_all(scratch.path().join("mine/gone")).expect("a folder can be made");
    fs::copy(scratch.path().join("mine/dry-run/valid.snap"), &orphan).expect("a file can be copied");
    for mode in ["check", "record"] {
        run(&format!("--case dry-run/valid --golden {mode}"), scratch.path())
            .ended_with(0)
            .says(&["1 golden of the set mine belongs to no case: gone/case"]);
    }
    assert!(orphan.is_file());
    // A case that is not selected keeps its golden.
    let told = run("--case dry-run/batch-and-force", scratch.path()).ended_with(0);
    assert!(!told.stdout.contains("dry-run/valid"), "{}", told.stdout);
}

#[test]
fn a_case_without_a_golden_is_told_and_decides_nothing() {
    let scratch = accepted("--case dry-run/valid");
    run("--case dry-run/*", scratch.path()).ended_with(0).says(&[
        "1 golden as reviewed (set mine).",
        "have no golden in the set mine: dry-run/",
    ]);
    assert_eq!(
        files(scratch.path(), ".snap.new"),
        Vec::<PathBuf>::new(),
        "only recording writes"
    );
}

#[test]
fn nothing_is_written_in_continuous_integration() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let mut command = prepared("--case dry-run/valid --golden record", scratch.path());
    command.env("CI", "true");
    finish(command)
        .ended_with(0)
        .says(&["1 recording not written: in continuous integration (CI is set) nothing is."]);
    assert_eq!(fs::read_dir(scratch.path()).expect("it is there").count(), 0);

    let mut command = prepared("--case dry-run/valid --golden record", scratch.path());
    command.env("CI", "false");
    finish(command).ended_with(0);
    assert_eq!(files(scratch.path(), ".snap.new").len(), 1);
}

#[test]
fn a_changed_endpoint_is_told_by_cause_with_the_clauses_that_it_breaks_and_mends() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let right: Handler = quick_reference(None);
    let right = serving(right, Arc::new(Notify::new()));
    let reference = quick_reference(None);
    let wrong: Handler = Arc::new(move |request, now_ms| {
        let mut answer = reference(request, now_ms);
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        *answer.body_mut() = text.replace("DryRunOperation", "DryRunOperator").into();
        answer
    });
    let wrong = serving(wrong, Arc::new(Notify::new()));

    let cases = "--case dry-run/valid --case dry-run/batch-and-force --case stop/running";
    run(
        &format!("{cases} --endpoint-url {right} --golden record"),
        scratch.path(),
    )
    .ended_with(0);
    accept(scratch.path());
    run(&format!("{cases} --endpoint-url {wrong}"), scratch.path())
        .ended_with(1)
        .says(&[
            "CHANGED: 2 of 3 goldens are not as reviewed (set mine), for 1 cause.",
            "1. NEWLY VIOLATED: DRY-01, in 2 goldens",
            "<Code>DryRunOperator</Code>",
            "in dry-run/batch-and-force, dry-run/valid",
            "run it again with --golden record, then: cargo insta review",
        ]);
    run(
        &format!("{cases} --endpoint-url {wrong} --golden record"),
        scratch.path(),
    )
    .ended_with(1)
    .says(&["2 recordings wait to be reviewed (2 new): cargo insta review, accept or reject"]);
    accept(scratch.path());
    run(&format!("{cases} --endpoint-url {right}"), scratch.path())
        .ended_with(1)
        .says(&["1. FIXED: DRY-01, in 2 goldens"]);
}

#[test]
fn what_changed_is_in_the_reports_and_in_a_changelog() {
    let scratch = accepted("--case stop/running --case dry-run/valid");
    edit(
        scratch.path(),
        "stop/running",
        "<code>64</code>",
        "<code>80</code>",
    );
    let at = |name: &str| scratch.path().join(name);
    let mut command = prepared("--case stop/running --case dry-run/valid", scratch.path());
    for (kind, file) in [("json", "report.json"), ("junit", "report.xml")] {
        command
            .arg("--report")
            .arg(format!("{kind}={}", at(file).display()));
    }
    command.arg("--golden-changelog").arg(at("changes.md"));
    finish(command).ended_with(1);

    let report: serde_json::Value = serde_json::from_str(&text_of(&at("report.json"))).expect("it is JSON");
    assert_eq!(report.pointer("/summary/exit_code"), Some(&1.into()));
    assert_eq!(report.pointer("/goldens/same"), Some(&1.into()));
    assert_eq!(
        report.pointer("/goldens/changed/0/case"),
        Some(&"stop/running".into())
    );
    assert_eq!(
        report.pointer("/goldens/causes/0/turn"),
        Some(&"different".into())
    );
    let diff = report
        .pointer("/goldens/changed/0/diff")
        .and_then(|diff| diff.as_str());
    let diff = diff.expect("there is a diff");
    assert!(
        diff.starts_with(" step 1: call\n-") && diff.contains("<code>80</code>"),
        "{diff}"
    );

    let suite = text_of(&at("report.xml"));
    assert!(
        suite.contains("<testcase name=\"golden/stop/running\""),
        "{suite}"
    );
    assert!(!suite.contains("golden/dry-run/valid"), "{suite}");

    let changelog = text_of(&at("changes.md"));
    for text in [
        "## Against the goldens of mine (",
        "1 of 2 named cases are answered otherwise, for 1 cause.",
        "for instance `stop/running` (step 1: call):",
        "  ```diff\n  -",
    ] {
        assert!(changelog.contains(text), "{text:?} is missing in:\n{changelog}");
    }

    // Recording goldens decides nothing, neither the exit code of the command nor the one in the report.
    let mut command = prepared("--case stop/running --golden record", scratch.path());
    command
        .arg("--report")
        .arg(format!("json={}", at("report.json").display()));
    finish(command).ended_with(0);
    let report: serde_json::Value = serde_json::from_str(&text_of(&at("report.json"))).expect("it is JSON");
    assert_eq!(report.pointer("/summary/exit_code"), Some(&0.into()));
}

#[test]
fn a_run_outside_a_checkout_says_that_there_are_no_goldens() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let mut elsewhere = command(["run", "--case", "dry-run/valid"]);
    elsewhere.current_dir(scratch.path());
    finish(elsewhere).ended_with(0).says(&[
        "No goldens were found: there is no golden/reference here or above, so nothing was compared.",
    ]);

    let mut elsewhere = command(["run", "--case", "dry-run/valid", "--golden", "check"]);
    elsewhere.current_dir(scratch.path());
    finish(elsewhere)
        .ended_with(2)
        .complains_of(&["no goldens of the set reference", "--golden record creates them"]);
}

#[test]
fn a_set_needs_a_name_that_can_be_one() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let told = |words: &str| {
        let mut command = command(format!("run --case dry-run/valid {words}").split(' '));
        command.current_dir(scratch.path());
        finish(command).ended_with(2)
    };
    told("--endpoint-url http://127.0.0.1:1 --golden record")
        .complains_of(&["need a name", "--golden-set NAME"]);
    told("--endpoint-url http://127.0.0.1:1 --golden-changelog x.md").complains_of(&["none are compared"]);
    told("--golden record --golden-set ../up").complains_of(&["is not a valid name for a set of goldens"]);
    assert_eq!(fs::read_dir(scratch.path()).expect("it is there").count(), 0);
}

#[test]
fn a_golden_that_cannot_be_read_is_an_error_with_its_name() {
    let scratch = accepted("--case dry-run/valid");
    let path = scratch.path().join("mine/dry-run/valid.snap");
    for damaged in ["", "no front", "---\ninfo: [\n---\nx"] {
        fs::write(&path, damaged).expect("it can be written again");
        run("--case dry-run/valid", scratch.path())
            .ended_with(2)
            .complains_of(&[
                "could not read",
                "dry-run/valid.snap",
                "it is not an insta snapshot",
            ]);
    }
}
