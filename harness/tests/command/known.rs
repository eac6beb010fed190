//! Known deviations: every exit code, what the reports say, and the update of a file.

use std::path::Path;

use crate::child::{CommandOutput, finish, stopcheck, text_of, within};
use crate::replay::misspelling;

/// An entry for what `misspelling` gets wrong.
const DRY_01: &str = "[[deviation]]\nclause = \"DRY-01\"\nreason = \"a typing error in the code\"\n";

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is room for a scratch folder")
}

fn write(scratch: &Path, name: &str, text: &str) {
    std::fs::write(scratch.join(name), text).expect("the folder takes a file");
}

/// A folder with the journal `a.ndjson` of a run that has one finding, DRY-01 in dry-run/valid.
#[track_caller]
fn recorded() -> tempfile::TempDir {
    let scratch = folder();
    let url = misspelling(|_| true);
    let words = format!("run --endpoint-url {url} --case dry-run/valid --journal @/a.ndjson");
    finish(within(&words, scratch.path())).ended_with(1);
    scratch
}

/// Judges the journal with this file of known deviations.
#[track_caller]
fn judged(known: &str, words: &str, scratch: &Path) -> CommandOutput {
    write(scratch, "known.toml", known);
    let words = format!("judge @/a.ndjson --known @/known.toml {words}");
    finish(within(words.trim_end(), scratch))
}

#[test]
fn a_known_failure_ends_with_0_and_is_counted() {
    let scratch = recorded();
    let at = scratch.path();
    let run = judged(DRY_01, "--report json=@/a.json --report junit=@/a.xml", at)
        .ended_with(0)
        .says(&[
            "KNOWN: 1 failure and 0 warnings of 1 clause",
            "AS KNOWN: nothing new is violated; 1 clause deviates as is known.",
        ]);
    assert!(!run.stdout.contains("FAIL"), "{}", run.stdout);
    let report: serde_json::Value = serde_json::from_str(&text_of(&at.join("a.json"))).expect("it is JSON");
    for (pointer, value) in [
        ("/summary/exit_code", serde_json::json!(0)),
        ("/summary/findings/fail", 0.into()),
        ("/summary/clauses/known", 1.into()),
        ("/known/failures", 1.into()),
        ("/known/entries/0/clause", "DRY-01".into()),
        ("/known/entries/0/standing", "deviates".into()),
        ("/findings/0/known", 0.into()),
        ("/causes/0/known", true.into()),
    ] {
        assert_eq!(report.pointer(pointer), Some(&value), "{pointer}");
    }
    let junit = text_of(&at.join("a.xml"));
    assert!(
        junit.contains("<skipped message=\"known: a typing error in the code\"/>"),
        "{junit}"
    );
    assert!(!junit.contains("<failure"), "{junit}");
    judged(DRY_01, "-v", at)
        .ended_with(0)
        .says(&["known        DRY-01, 1 finding: a typing error in the code"]);
}

#[test]
fn a_run_reports_and_stops_at_what_is_new_only() {
    let scratch = folder();
    write(scratch.path(), "known.toml", DRY_01);
    let url = misspelling(|_| true);
    let words = format!(
        "run --endpoint-url {url} --case dry-run/valid --case dry-run/then-real --workers 1 --fail-fast --known @/known.toml"
    );
    let run = finish(within(&words, scratch.path()))
        .ended_with(0)
        .says(&["2 known", "AS KNOWN"]);
    assert!(!run.stderr.contains("FAIL"), "{}", run.stderr);
    write(scratch.path(), "known.toml", &DRY_01.replace("clause", "cause"));
    finish(within(&words, scratch.path()))
        .ended_with(2)
        .complains_of(&[
            "known.toml: line 1: --fail-fast cannot know",
            "hint: name the clauses",
        ]);
}

#[test]
fn a_new_failure_ends_with_1_and_alone_is_shown() {
    let scratch = recorded();
    let other = DRY_01.replace("DRY-01", "DRY-04");
    judged(&other, "", scratch.path())
        .ended_with(1)
        .says(&["FAIL  DRY-01  ", "DEVIATES: 1 clause is violated in 1 case."]);
    for (covering, code) in [
        ("case = \"dry-run/valid\"", 0),
        ("case = \"dry-run/*\"", 0),
        ("cause = \"DRY-01\"", 0),
        ("case = \"stop/*\"", 1),
        ("clause = \"DRY-01\"\nverdict = \"warn\"", 1),
    ] {
        judged(
            &DRY_01.replace("clause = \"DRY-01\"", covering),
            "",
            scratch.path(),
        )
        .ended_with(code);
    }
}

#[test]
fn an_entry_that_is_gone_ends_with_1_and_is_printed() {
    let scratch = folder();
    let gone = "\n[[deviation]]\ncase = \"stop/running\"\nreason = \"it was slow\"\n";
    write(scratch.path(), "known.toml", gone);
    let run = |words: &str| {
        let words = format!("run --golden off {words} --known @/known.toml --report junit=@/a.xml");
        finish(within(&words, scratch.path()))
    };
    run("--case stop/running").ended_with(1).says(&[
        "GONE         case stop/running: deviates no more, and was judged;",
        "known.toml: line 2",
        "  [[deviation]]\n  case = \"stop/running\"\n  reason = \"it was slow\"\n",
        "OUTDATED: nothing new is violated, but 1 known deviation is gone or expired.",
    ]);
    let junit = text_of(&scratch.path().join("a.xml"));
    assert!(
        junit.contains("<failure message=\"deviates no more: delete it from"),
        "{junit}"
    );
    run("--case stop/stopped").ended_with(0);
    // A clause needs all named cases: any of them might show it.
    write(scratch.path(), "known.toml", DRY_01);
    run("--case dry-run/*").ended_with(0);
    run("--phase scenarios --skip stop/running").ended_with(0);
    run("--phase scenarios")
        .ended_with(1)
        .says(&["GONE         DRY-01: "]);
}

#[test]
fn an_expired_entry_ends_with_1_and_covers_nothing() {
    let scratch = recorded();
    let expired = format!("{DRY_01}expires = 2001-02-03\n");
    judged(&expired, "", scratch.path()).ended_with(1).says(&[
        "FAIL  DRY-01  ",
        "EXPIRED      DRY-01: expired after 2001-02-03; ",
        "expires = \"2001-02-03\"",
    ]);
    judged(&format!("{DRY_01}expires = 9999-12-31\n"), "", scratch.path()).ended_with(0);
}

#[test]
fn a_mistake_ends_with_2_and_nothing_is_sent() {
    let scratch = folder();
    let run = |words: &str| {
        finish(within(
            &format!("run --endpoint-url http://127.0.0.1:1 {words}"),
            scratch.path(),
        ))
    };
    for (text, complaints) in [
        (
            DRY_01.replace("DRY-01", "DRY-99"),
            [
                "known.toml: line 2: there is no clause \"DRY-99\"",
                "(perhaps DRY-0",
            ],
        ),
        (
            DRY_01.replace("a typing error in the code", " "),
            ["known.toml: line 1: DRY-01 has no reason", "write in \"reason\""],
        ),
        (
            DRY_01.replace("clause = \"DRY-01\"", "case = \"dry-runs/*\""),
            [
                "known.toml: line 2: no case matches \"dry-runs/*\"",
                "stopcheck list",
            ],
        ),
        (
            DRY_01.replace("reason", "reasons"),
            ["known.toml: line 3: unknown key \"reasons\"", "(perhaps reason)"],
        ),
        (
            format!("{DRY_01}versions = [\"1.*\"]\n"),
            [
                "known.toml: line 1: DRY-01 is for some versions only",
                "--endpoint-version",
            ],
        ),
    ] {
        write(scratch.path(), "known.toml", &text);
        run("--known @/known.toml")
            .ended_with(2)
            .says_nothing()
            .complains_of(&[
                "error: could not use the known deviations\n",
                "stopcheck explain known",
            ])
            .complains_of(&complaints);
    }
    run("--known @/none.toml")
        .ended_with(2)
        .complains_of(&["none.toml: ", "hint: --known-update "]);
    stopcheck("run --known moto@5.2.4").ended_with(2).complains_of(&[
        "there is no pack of known deviations called \"moto@5.2.4\" (perhaps moto@5.2.5)",
        "--known ./moto@5.2.4",
    ]);
    run("--known-update @/no/folder.toml")
        .ended_with(2)
        .complains_of(&["could not write "]);
}

#[test]
fn a_version_selects_entries() {
    let scratch = recorded();
    let text = format!("[endpoint]\nversion = \"1.4.2\"\n{DRY_01}versions = [\"1.4.*\"]\n");
    judged(&text, "", scratch.path()).ended_with(0);
    judged(&text, "--endpoint-version 1.5.0", scratch.path()).ended_with(1);
}

#[test]
fn an_update_adds_what_is_new_and_asks_for_its_reason() {
    let scratch = recorded();
    let at = scratch.path();
    let judge = |words: &str| finish(within(&format!("judge @/a.ndjson {words}"), at));
    judge("--known-update @/known.toml").ended_with(1).complains_of(&[
        "known.toml: 1 added, 0 removed, 0 kept",
        "1 entry is without a reason",
    ]);
    let path = at.join("known.toml");
    let text = text_of(&path);
    assert!(
        text.contains("# FAIL in dry-run/valid: ") && text.contains("cause = \"DRY-01\"\nreason = \"\"\n"),
        "{text}"
    );
    judge("--known @/known.toml")
        .ended_with(2)
        .complains_of(&["cause DRY-01 has no reason"]);
    // Another update does not add it again.
    judge("--known-update @/known.toml")
        .ended_with(0)
        .complains_of(&["0 added, 0 removed, 1 kept"]);
    assert_eq!(text_of(&path), text);
    write(
        at,
        "known.toml",
        &text.replace("reason = \"\"", "reason = \"a typing error\""),
    );
    judge("--known @/known.toml").ended_with(0).says(&["AS KNOWN"]);
    judge("--known @/known.toml --known-update @/known.toml")
        .ended_with(2)
        .complains_of(&["leave out --known "]);
    // The reference does not deviate.
    let words = "run --golden off --phase scenarios --known-update @/known.toml";
    finish(within(words, at))
        .ended_with(1)
        .complains_of(&["0 added, 1 removed, 0 kept"]);
    assert!(!text_of(&path).contains("[[deviation]]"), "{}", text_of(&path));
    finish(within(words, at)).ended_with(0);
}

#[test]
fn packs_and_the_format_are_explained() {
    let scratch = folder();
    stopcheck("explain known")
        .ended_with(0)
        .says(&["Packs for --known: ministack@1.5.33, moto@5.2.5", "[[deviation]]"]);
    let pack = stopcheck("explain moto@5.2.5").ended_with(0).stdout;
    write(scratch.path(), "moto.toml", &pack);
    let path = scratch.path().join("moto.toml");
    let path = path.to_str().expect("scratch folders have plain names");
    for known in ["moto@5.2.5", path] {
        // The reference has none of these deviations; one case does not show that they are gone.
        stopcheck(&format!("run --golden off --case stop/running --known {known}"))
            .ended_with(0)
            .says(&["CONFORMS"]);
    }
}
