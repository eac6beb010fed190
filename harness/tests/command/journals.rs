//! Journals: judging a journal again gives the same bytes, and a file that is not a journal is reported.

use std::path::Path;

use crate::child::{CommandOutput, Served, command, finish, stopcheck, text_of};

fn arguments(words: &str, scratch: &Path) -> Vec<String> {
    let scratch = scratch.to_str().expect("scratch folders have plain names");
    words.split(' ').map(|word| word.replace('@', scratch)).collect()
}

/// Runs the command with `@` standing for the scratch folder.
#[track_caller]
fn within(words: &str, scratch: &Path) -> CommandOutput {
    finish(command(arguments(words, scratch)))
}

/// Judges the journal in the scratch folder again, and compares all output.
#[track_caller]
fn judged_alike(scratch: &Path) {
    within(
        "judge @/a.ndjson --journal @/b.ndjson --report json=@/b.json --report junit=@/b.xml",
        scratch,
    );
    for (one, other) in [("a.ndjson", "b.ndjson"), ("a.json", "b.json"), ("a.xml", "b.xml")] {
        let (one, other) = (text_of(&scratch.join(one)), text_of(&scratch.join(other)));
        assert!(!one.is_empty());
        let differing = one.lines().zip(other.lines()).find(|(one, other)| one != other);
        assert_eq!(differing, None);
        assert_eq!(one.len(), other.len());
    }
}

#[test]
fn a_run_on_the_reference_is_judged_again_to_the_same_bytes() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    within(
        "run --phase scenarios --phase random --cases 20 --golden off --journal @/a.ndjson --report json=@/a.json \
         --report junit=@/a.xml",
        scratch.path(),
    )
    .ended_with(0);
    judged_alike(scratch.path());
}

#[test]
fn a_run_on_raw_sockets_is_judged_again_to_the_same_bytes() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    within(
        "run --phase wire --journal @/a.ndjson --report json=@/a.json --report junit=@/a.xml",
        scratch.path(),
    )
    .ended_with(0);
    assert!(text_of(&scratch.path().join("a.ndjson")).contains("\"event\":\"wired\""));
    judged_alike(scratch.path());
}

#[test]
fn a_run_over_http_is_judged_again_to_the_same_bytes() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let server = Served::start();
    let run = server.command(arguments(
        "run --workers 16 --case batch/at-once --case dry-run/* --case id/* --case auth/* \
         --journal @/a.ndjson --report json=@/a.json --report junit=@/a.xml",
        scratch.path(),
    ));
    finish(run).ended_with(0);
    judged_alike(scratch.path());
}

#[test]
fn verdicts_of_the_past_are_not_believed() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    within("run --case dry-run/* --journal @/a.ndjson", scratch.path()).ended_with(0);
    // Only the recorded answers are changed, not the recorded verdicts.
    let recorded = text_of(&scratch.path().join("a.ndjson"));
    let changed = recorded.replace("DryRunOperation", "DryRunOperator");
    assert_ne!(recorded, changed);
    std::fs::write(scratch.path().join("a.ndjson"), changed).expect("it can be written again");
    within("judge @/a.ndjson", scratch.path())
        .ended_with(1)
        .says(&["DRY-01", "DEVIATES"]);
}

#[test]
fn a_journal_that_was_cut_in_its_last_line_is_judged_up_to_there() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let path = scratch.path().join("a.ndjson");
    within(
        "run --phase scenarios --case dry-run/* --journal @/a.ndjson",
        scratch.path(),
    )
    .ended_with(0);
    let whole = text_of(&path);
    let half = whole.len() / 2;
    let cut = (half..)
        .find(|at| {
            whole
                .get(..*at)
                .and_then(|text| text.rsplit('\n').next())
                .is_some_and(|line| line.starts_with("{\"event\":\"judged\",") && !line.ends_with('}'))
        })
        .and_then(|at| whole.get(..at))
        .expect("there is a place within a line");
    std::fs::write(&path, cut).expect("it can be written again");
    within("judge @/a.ndjson --journal @/b.ndjson", scratch.path())
        .ended_with(130)
        .complains_of(&["note: ", "is incomplete and left out"])
        .says(&["unfinished"]);
    let judged = text_of(&scratch.path().join("b.ndjson"));
    assert!(cut.starts_with(&judged) && judged.ends_with('\n'));

    // In the middle of a journal, a cut line is damage, not an interruption.
    let damaged = format!("{cut}\n{{\"event\":\"run_ended\",\"at_ms\":0,\"interrupted\":false}}\n");
    std::fs::write(&path, damaged).expect("it can be written again");
    within("judge @/a.ndjson", scratch.path())
        .ended_with(2)
        .complains_of(&["could not read", "line ", "not an event of a stopcheck journal"]);
}

#[test]
fn a_journal_that_lacks_only_its_last_line_end_is_whole() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let path = scratch.path().join("a.ndjson");
    within(
        "run --phase scenarios --case dry-run/* --journal @/a.ndjson",
        scratch.path(),
    )
    .ended_with(0);
    let whole = text_of(&path);
    std::fs::write(&path, whole.trim_end()).expect("it can be written again");
    let judged = within("judge @/a.ndjson", scratch.path()).ended_with(0);
    assert_eq!(judged.stderr, "");
}

#[test]
fn what_is_no_journal_is_told() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let other_schema = r#"{"event":"run_started","schema":99}"#;
    for (bytes, complaint) in [
        (&b""[..], "it is empty"),
        (b"hello\n", "line 1: not an event of a stopcheck journal"),
        (b"hello", "line 1: not an event of a stopcheck journal"),
        (b"{}\n", "line 1: not an event of a stopcheck journal"),
        (b"\xff\xfe\x00\n", "line 1: invalid utf-8"),
        (
            b"{\"event\":\"run_ended\",\"at_ms\":0,\"interrupted\":false}\n",
            "it does not begin with a run",
        ),
        (
            other_schema.as_bytes(),
            "the journal has schema 99, this stopcheck reads schema 1",
        ),
    ] {
        std::fs::write(scratch.path().join("a.ndjson"), bytes).expect("it can be written");
        within("judge @/a.ndjson", scratch.path())
            .ended_with(2)
            .complains_of(&["could not read ", "a.ndjson", complaint]);
    }
    within("judge @/absent.ndjson", scratch.path())
        .ended_with(2)
        .complains_of(&["could not open ", "absent.ndjson"]);
    within("judge @", scratch.path())
        .ended_with(2)
        .complains_of(&["could not read "]);
}

#[test]
fn a_journal_is_not_written_over_while_it_is_read() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    within("run --case dry-run/* --journal @/a.ndjson", scratch.path()).ended_with(0);
    let before = text_of(&scratch.path().join("a.ndjson"));
    within("judge @/a.ndjson --journal @/./a.ndjson", scratch.path())
        .ended_with(2)
        .complains_of(&["one of the journals to read"]);
    assert_eq!(text_of(&scratch.path().join("a.ndjson")), before);
}

#[test]
fn a_full_disk_ends_the_run_and_is_told() {
    stopcheck("run --journal /dev/full")
        .ended_with(2)
        .complains_of(&["could not write /dev/full"]);
}
