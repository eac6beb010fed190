//! What a run leaves for people and for scripts: the page, its colours and width, the lines of progress, the scripts.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::child::{finish, text_of, within};
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
