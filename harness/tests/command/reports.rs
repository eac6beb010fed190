//! What a run leaves for people and for scripts: the page, its colours and width, the lines of progress, the scripts.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::child::{Served, finish, text_of, within};
use crate::replay::misspelling;

/// A run with one finding, which is kept in `@/a.ndjson`.
fn deviating(words: &str, scratch: &Path) -> Command {
    let url = misspelling(|_| true);
    within(
        &format!("run --endpoint-url {url} --case dry-run/valid --journal @/a.ndjson{words}"),
        scratch,
    )
}

#[test]
fn a_run_prints_what_fails_when_it_fails_and_writes_a_script_for_it() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    finish(deviating(" --artifacts @/scripts", scratch.path()))
        .ended_with(1)
        .says(&["FAILS THE RUN", "FAIL  DRY-01  ", "\n  repeat    stopcheck run "])
        .complains_of(&["FAIL  DRY-01  ", "(dry-run/valid, step 1)"]);
    let script = scratch.path().join("scripts/DRY-01.sh");
    let mode = script
        .metadata()
        .expect("the script is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o111, 0o111, "it can be executed");
    assert!(text_of(&script).contains("Action=TerminateInstances"));
    let checked = Command::new("bash")
        .arg("-n")
        .arg(&script)
        .output()
        .expect("bash is there");
    assert!(
        checked.status.success() && checked.stderr.is_empty(),
        "{checked:?}"
    );
}

/// The kinds of reports, with a file name for each.
const KINDS: [(&str, &str); 6] = [
    ("html", "html"),
    ("markdown", "md"),
    ("github", "txt"),
    ("sarif", "sarif"),
    ("junit", "xml"),
    ("json", "json"),
];

/// The arguments that write every kind of report to files with this name.
fn every_kind(name: &str) -> String {
    let args = KINDS.map(|(kind, ending)| format!(" --report {kind}=@/{name}.{ending}"));
    args.concat()
}

#[test]
fn the_reports_of_a_journal_are_those_of_its_run() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let server = Served::with(&["--instant", "--fault", "overlapping-stop-has-an-empty-set"]);
    let words = format!(
        "run --phase concurrent --overlaps 3 --max-shrink-requests 100 --journal @/a.ndjson{}",
        every_kind("live")
    );
    let folder = scratch.path().to_str().expect("scratch folders have plain names");
    let run = server.command(words.split(' ').map(|word| word.replace('@', folder)));
    finish(run).ended_with(1);
    let recorded = within(
        &format!("report @/a.ndjson{}", every_kind("later")),
        scratch.path(),
    );
    finish(recorded).ended_with(0).says_nothing();
    for (kind, ending) in KINDS {
        let of = |name: &str| text_of(&scratch.path().join(format!("{name}.{ending}")));
        assert!(!of("live").is_empty(), "{kind}");
        assert!(of("live") == of("later"), "{kind} differs");
    }
}

#[test]
fn a_report_without_a_kind_is_the_one_for_people_and_decides_nothing() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    finish(deviating("", scratch.path())).ended_with(1);
    let judged = finish(within("judge @/a.ndjson", scratch.path())).ended_with(1);
    let reported = finish(within("report @/a.ndjson", scratch.path())).ended_with(0);
    assert_eq!(reported.stdout, judged.stdout);
    finish(within("report @/a.ndjson --report github", scratch.path()))
        .ended_with(0)
        .says(&["::error title=DRY-01 (in 1 case)::"]);
    finish(within("report @/none.ndjson --report github", scratch.path()))
        .ended_with(2)
        .complains_of(&["could not open", "none.ndjson"]);
}

#[test]
fn a_quiet_run_prints_the_report_only() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let run = finish(deviating(" --quiet", scratch.path())).ended_with(1);
    assert_eq!(run.stderr, "");
}

#[test]
fn colours_and_width_follow_the_environment() {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    finish(deviating("", scratch.path())).ended_with(1);
    let judged = |variables: &[(&str, &str)]| {
        let mut command = within("judge @/a.ndjson", scratch.path());
        command.envs(variables.iter().copied());
        finish(command).ended_with(1).stdout
    };
    let colored = |text: &str| text.contains('\x1b');
    assert!(!colored(&judged(&[])), "a pipe is no terminal");
    assert!(colored(&judged(&[("CLICOLOR_FORCE", "1")])));
    assert!(!colored(&judged(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")])));
    let widest = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with("  repeat "));
        lines.map(|line| line.chars().count()).max()
    };
    let (narrow, wide) = (judged(&[("COLUMNS", "20")]), judged(&[("COLUMNS", "150")]));
    assert_eq!(narrow, judged(&[]), "80 columns are the least");
    assert!(widest(&narrow) <= Some(80) && widest(&wide) > Some(80), "{wide}");
}
