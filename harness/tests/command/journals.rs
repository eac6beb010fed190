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

/// Judges the journal in the scratch folder again, with its judgements and without them, and compares all output.
#[track_caller]
fn judged_alike(scratch: &Path) {
    let text = |name: &str| {
        let text = text_of(&scratch.join(name));
        assert!(!text.is_empty(), "{name}");
        text
    };
    let observed = observed(&text("a.ndjson"));
    assert!(observed.len() < text("a.ndjson").len());
    std::fs::write(scratch.join("observed.ndjson"), observed).expect("it can be written");
    for from in ["a", "observed", "again"] {
        let words = format!(
            "judge @/{from}.ndjson --journal @/again-{from}.ndjson --report json=@/again.json --report junit=@/again.xml"
        );
        within(&words, scratch);
        if from == "a" {
            std::fs::copy(scratch.join("again-a.ndjson"), scratch.join("again.ndjson"))
                .expect("there is room");
        }
        for (one, other) in [("a.json", "again.json"), ("a.xml", "again.xml")] {
            alike(&text(one), &text(other));
        }
        // A judgement comes when the journal shows that its step is over, which may be after other events.
        let sorted = |text: String| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort_unstable();
            lines.join("\n")
        };
        let journal = text(&format!("again-{from}.ndjson"));
        alike(&sorted(text("a.ndjson")), &sorted(journal.clone()));
        alike(&text("again-a.ndjson"), &journal);
    }
}

/// How the line of a judgement begins.
const JUDGED: &str = "{\"event\":\"judged\",";

/// The lines of a journal that are not judgements.
fn observed(journal: &str) -> String {
    let lines = journal.split_inclusive('\n');
    lines.filter(|line| !line.starts_with(JUDGED)).collect()
}

#[track_caller]
fn alike(one: &str, other: &str) {
    let differing = one.lines().zip(other.lines()).find(|(one, other)| one != other);
    assert_eq!(differing, None);
    assert_eq!(one.len(), other.len());
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
    assert!(text_of(&scratch.path().join("a.ndjson")).contains("\"sent\":{\"raw\":"));
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
fn a_run_with_findings_of_overlapping_calls_is_judged_again_to_the_same_bytes() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let server = Served::with(&["--instant", "--fault", "overlapping-stop-has-an-empty-set"]);
    let run = server.command(arguments(
        "run --phase concurrent --overlaps 3 --max-shrink-requests 100 --journal @/a.ndjson --report json=@/a.json \
         --report junit=@/a.xml",
        scratch.path(),
    ));
    finish(run).ended_with(1);
    let journal = text_of(&scratch.path().join("a.ndjson"));
    assert!(journal.contains("\"interval\":{\"caller\":2,"), "calls overlap");
    assert!(
        journal.contains("\"event\":\"reproduced\""),
        "a finding was played again"
    );
    judged_alike(scratch.path());
}

#[test]
fn a_journal_without_judgements_gives_the_same_report_exit_code_and_findings() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    within("run --case dry-run/* --journal @/good.ndjson", scratch.path()).ended_with(0);
    let recorded = text_of(&scratch.path().join("good.ndjson")).replace("DryRunOperation", "DryRunOperator");
    let bare = observed(&recorded);
    for (name, text) in [("with-them", &recorded), ("without-them", &bare)] {
        std::fs::write(scratch.path().join(format!("{name}.ndjson")), text).expect("it can be written");
    }
    for words in [
        "judge @/NAME.ndjson",
        "replay @/NAME.ndjson",
        "compare x=@/good.ndjson y=@/NAME.ndjson",
    ] {
        let of = |name: &str| {
            let output = within(&words.replace("NAME", name), scratch.path());
            let output = output.ended_with(if words.starts_with("replay") { 0 } else { 1 });
            (output.stdout.replace(name, "NAME"), output.stderr)
        };
        let with = of("with-them");
        assert!(with.0.contains("DRY-01"), "{words}: {with:?}");
        assert_eq!(with, of("without-them"), "{words}");
    }
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
                .is_some_and(|line| line.starts_with(JUDGED) && !line.ends_with('}'))
        })
        .and_then(|at| whole.get(..at))
        .expect("there is a place within a line");
    std::fs::write(&path, cut).expect("it can be written again");
    within("judge @/a.ndjson --journal @/b.ndjson", scratch.path())
        .ended_with(130)
        .complains_of(&["note: ", "is incomplete and left out"])
        .says(&["unfinished"]);
    // The judgement that was cut is derived again.
    let judged = text_of(&scratch.path().join("b.ndjson"));
    let (_, half_line) = cut.rsplit_once('\n').expect("there are lines before");
    assert!(
        judged.lines().any(|line| line.starts_with(half_line)),
        "{half_line}"
    );
    assert_eq!(observed(&judged), observed(cut));

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
            "the journal has schema 99, this stopcheck reads schema 2: judge it with the version that wrote it, or",
        ),
    ] {
        std::fs::write(scratch.path().join("a.ndjson"), bytes).expect("it can be written");
        within("judge @/a.ndjson", scratch.path())
            .ended_with(2)
            .complains_of(&["could not read ", "a.ndjson", complaint]);
    }
    // The same for a journal as it was written before, whole or cut short.
    let old = r#"{"event":"run_started","schema":1,"stopcheck":"0.1.0"}"#;
    std::fs::write(scratch.path().join("a.ndjson"), old).expect("it can be written");
    for words in [
        "judge @/a.ndjson",
        "replay @/a.ndjson",
        "compare @/a.ndjson @/a.ndjson",
    ] {
        within(words, scratch.path()).ended_with(2).complains_of(&[
            "a.ndjson",
            "has schema 1,",
            "record it again",
        ]);
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
