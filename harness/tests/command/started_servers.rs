//! A server that a run starts: it is judged, and gone afterwards with all its children, however the run ends.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use crate::child::{command, finish, start, stopcheck, text_of, within};

/// How often a file is looked at that another process is to write.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// `stopcheck run` with these options, with a shell as the server that runs the script: `$STOPCHECK` is the binary
/// under test, and the working folder of the script is `folder`.
fn run_with(options: &str, script: &str, folder: &Path) -> Command {
    let options = options.split(' ').filter(|option| !option.is_empty());
    let mut run = command(["run"].into_iter().chain(options).map(String::from));
    run.args(["--", "/bin/sh", "-c", script])
        .current_dir(folder)
        .env("STOPCHECK", env!("CARGO_BIN_EXE_stopcheck"))
        .env("TMPDIR", folder);
    run
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is room for a scratch folder")
}

/// Waits until a file has a whole line, which another process writes.
fn line_of(path: &Path, mut is_waiting: impl FnMut() -> bool) -> String {
    loop {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            Ok(_) | Err(_) => assert!(is_waiting(), "{} was not written", path.display()),
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Asserts that the process that has written its id to this file has ended.
#[track_caller]
fn is_gone(file: &Path) {
    let id = text_of(file);
    let stat = fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    // A process that has ended, but was not waited for, is a zombie.
    let state = stat.rsplit_once(") ").map_or("gone", |(_, rest)| rest);
    assert!(state == "gone" || state.starts_with('Z'), "{id}: {stat}");
}

/// Asserts that no log is left in the folder for temporary files.
#[track_caller]
fn leaves_no_log(folder: &Path) {
    assert_eq!(logs(folder), Vec::<String>::new());
}

fn logs(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("stopcheck-server-"))
        .collect()
}

const SERVE: &str = r#"echo $$ > server; exec "$STOPCHECK" serve --instant --port {port}"#;

#[test]
fn a_server_is_started_judged_and_stopped() {
    let scratch = scratch();
    let folder = scratch.path();
    let mut run = command(["run", "--case", "dry-run/*", "--journal"]);
    run.arg(folder.join("run.ndjson"))
        .arg("--")
        .args([env!("CARGO_BIN_EXE_stopcheck"), "serve", "--port", "{port}"])
        .env("TMPDIR", folder)
        // The command is judged, whatever the environment names.
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    finish(run).ended_with(0).says(&[" passed"]);
    leaves_no_log(folder);
    let journal = text_of(&folder.join("run.ndjson"));
    assert!(journal.contains(r#""serve","--port","{port}"]"#), "{journal}");
    assert!(!journal.contains("http://127.0.0.1:1\""), "{journal}");
}

#[test]
fn the_server_gets_the_port_in_variables_too() {
    let scratch = scratch();
    let script = r#"echo $$ > server; exec "$STOPCHECK" serve --instant --port "$PORT""#;
    finish(run_with("--case dry-run/valid", script, scratch.path())).ended_with(0);
    is_gone(&scratch.path().join("server"));
    let script = r#"exec "$STOPCHECK" serve --instant --port "$STOPCHECK_PORT""#;
    finish(run_with("--case dry-run/valid", script, scratch.path())).ended_with(0);
}

#[test]
fn a_server_with_findings_leaves_its_log_and_how_to_repeat_them() {
    let scratch = scratch();
    let script = r#"exec "$STOPCHECK" serve --instant --port {port} --fault dry-run-ignored"#;
    let run = finish(run_with("--case dry-run/valid", script, scratch.path())).ended_with(1);
    let run = run
        .says(&["stopcheck run --case dry-run/valid -- /bin/sh -c '"])
        .complains_of(&["the log of the server is ", "stopcheck-server-"]);
    assert!(!run.stdout.contains("--endpoint-url"), "{}", run.stdout);
    assert_eq!(logs(scratch.path()).len(), 1);
}

#[test]
fn a_finding_of_a_server_that_is_gone_is_replayed_at_another_one() {
    let scratch = scratch();
    let script = r#"exec "$STOPCHECK" serve --instant --port {port} --fault dry-run-ignored"#;
    let run = run_with(
        "--case dry-run/valid --journal run.ndjson",
        script,
        scratch.path(),
    );
    finish(run).ended_with(1);
    let replay = |more: &str| {
        let mut replay = within(&format!("replay @/run.ndjson#1{more}"), scratch.path());
        replay.env("TMPDIR", scratch.path());
        finish(replay)
    };
    replay("")
        .ended_with(2)
        .complains_of(&["nobody serves it now", "--endpoint-url", "dry-run-ignored"]);
    replay(" --reference").ended_with(0);
}

#[test]
fn the_log_has_a_name_of_its_own() {
    let scratch = scratch();
    let folder = scratch.path();
    let script = r#"echo to stdout; echo to stderr >&2; exec "$STOPCHECK" serve --instant --port {port}"#;
    finish(run_with(
        "--case dry-run/valid --server-log server.log",
        script,
        folder,
    ))
    .ended_with(0);
    let log = text_of(&folder.join("server.log"));
    assert!(log.starts_with("to stdout\nto stderr\nlistening on "), "{log}");
    finish(run_with("--server-log no/such/folder", script, folder))
        .ended_with(2)
        .complains_of(&["could not create the log of the server no/such/folder"]);
}

#[test]
fn credentials_that_are_set_are_used() {
    let scratch = scratch();
    let mut run = run_with("--case dry-run/valid", SERVE, scratch.path());
    run.env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEANYKEY000")
        .env("AWS_SECRET_ACCESS_KEY", "any-secret-will-do");
    finish(run).ended_with(0);
    // Half of them is a mistake, and not a reason to make up others.
    let mut run = run_with("--case dry-run/valid", SERVE, scratch.path());
    run.env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEANYKEY000");
    finish(run).ended_with(2).complains_of(&["no credentials"]);
}

#[test]
fn a_secret_among_the_words_of_the_command_is_not_recorded() {
    let scratch = scratch();
    let folder = scratch.path();
    let mut run = command(["run", "--case", "dry-run/valid", "--journal", "run.ndjson", "--"]);
    run.args([
        "/usr/bin/env",
        "KEY=any-secret-will-do",
        env!("CARGO_BIN_EXE_stopcheck"),
    ])
    .args(["serve", "--port", "{port}"])
    .current_dir(folder)
    .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEANYKEY000")
    .env("AWS_SECRET_ACCESS_KEY", "any-secret-will-do");
    finish(run).ended_with(0);
    let journal = text_of(&folder.join("run.ndjson"));
    assert!(journal.contains(r#""/usr/bin/env","REDACTED","#), "{journal}");
    assert!(!journal.contains("any-secret-will-do"));
}

#[test]
fn a_server_that_never_listens_is_given_up_and_stopped() {
    let scratch = scratch();
    let run = run_with(
        "--wait 0.1",
        "echo $$ > server; echo thinking; exec sleep 600",
        scratch.path(),
    );
    finish(run).ended_with(2).complains_of(&[
        "error: the server does not answer: connect to 127.0.0.1:",
        "no argument of the command has {port}",
        "its log ",
        "    thinking",
    ]);
    is_gone(&scratch.path().join("server"));
}

#[test]
fn a_server_that_exits_is_noticed_at_once() {
    let scratch = scratch();
    let script = r"printf 'cannot \033[31mbind\n' >&2; exit 3 # {port}";
    // The test would last an hour if the run waited for an answer.
    let run = finish(run_with("--wait 3600", script, scratch.path()))
        .ended_with(2)
        .complains_of(&[
            "the server ended before it answered: exit status: 3",
            "cannot \\u{1b}[31mbind",
        ]);
    assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
    assert_eq!(run.stdout, "");
}

#[test]
fn a_command_that_is_not_there_is_a_mistake_with_a_hint() {
    let scratch = scratch();
    let mut run = command(["run", "--", "no-such-server-anywhere", "{port}"]);
    run.env("TMPDIR", scratch.path());
    finish(run)
        .ended_with(2)
        .complains_of(&["could not start the server \"no-such-server-anywhere\"", "PATH"]);
    leaves_no_log(scratch.path());
}

#[test]
fn a_mistake_in_the_arguments_starts_no_server() {
    let scratch = scratch();
    for mistake in [
        "--case nothing",
        "--endpoint-url http://127.0.0.1:1",
        "--journal no/such/folder",
    ] {
        finish(run_with(mistake, "echo $$ > server", scratch.path())).ended_with(2);
        assert!(!scratch.path().join("server").exists(), "{mistake}");
        leaves_no_log(scratch.path());
    }
    stopcheck("run --endpoint-url http://127.0.0.1:1 -- true")
        .ended_with(2)
        .complains_of(&["--endpoint-url", "cannot be used with", "COMMAND"]);
    stopcheck("run --server-log x")
        .ended_with(2)
        .complains_of(&["COMMAND"]);
}

/// A server with a child that writes its id to the file `child`, and goes on when it is asked to end.
fn with_child(child: &str) -> String {
    format!(
        r#"{child}
        while [ ! -s child ]; do sleep 0.01; done
        {SERVE}"#
    )
}

#[test]
fn children_that_do_not_want_to_end_are_killed() {
    let scratch = scratch();
    let stubborn = with_child(r#"sh -c 'trap "" TERM; echo $$ > child; while :; do sleep 600; done' &"#);
    let run = run_with(
        "--case dry-run/valid --server-stop-timeout 0.1",
        &stubborn,
        scratch.path(),
    );
    finish(run).ended_with(0);
    is_gone(&scratch.path().join("server"));
    is_gone(&scratch.path().join("child"));
}

#[test]
fn children_that_end_when_they_are_asked_to_have_the_time_for_it() {
    let scratch = scratch();
    let orderly = with_child(
        r#"sh -c 'trap "sleep 0.2; echo done > ended; exit" TERM; echo $$ > child; sleep 600 & wait' &"#,
    );
    // The test would last an hour if somebody waited for more than the children.
    let run = run_with(
        "--case dry-run/valid --server-stop-timeout 3600",
        &orderly,
        scratch.path(),
    );
    finish(run).ended_with(0);
    is_gone(&scratch.path().join("child"));
    assert_eq!(text_of(&scratch.path().join("ended")), "done\n");
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_with_a_group_of_its_own_is_killed() {
    let scratch = scratch();
    let apart = with_child(r"setsid sh -c 'echo $$ > child; exec sleep 600' &");
    finish(run_with("--case dry-run/valid", &apart, scratch.path())).ended_with(0);
    is_gone(&scratch.path().join("child"));
}

#[test]
fn an_interrupted_run_stops_the_server() {
    let scratch = scratch();
    let server = scratch.path().join("server");
    let mut run = start(run_with(
        "--wait 3600",
        "echo $$ > server; exec sleep 600",
        scratch.path(),
    ));
    line_of(&server, || run.ended().is_none());
    run.signal("INT");
    run.finish()
        .ended_with(130)
        .complains_of(&["interrupted: removing what was launched"]);
    is_gone(&server);
    leaves_no_log(scratch.path());
}

/// Kills a child that a failed test leaves.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_second_interrupt_kills_the_server() {
    let scratch = scratch();
    // It accepts a connection, and never answers.
    let script = r#"import os, socket, sys, time
s = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
c = s.accept()
open("server", "w").write(f"{os.getpid()}\n")
time.sleep(600)"#;
    let mut run = command(["run", "--case", "dry-run/valid", "--", "python3", "-c", script]);
    run.current_dir(scratch.path()).env("TMPDIR", scratch.path());
    if let Some(path) = std::env::var_os("PATH") {
        run.env("PATH", path);
    }
    let mut run = Killed(run.spawn().expect("the binary under test starts"));
    let server = scratch.path().join("server");
    line_of(&server, || run.0.try_wait().is_ok_and(|status| status.is_none()));
    let interrupt = |run: &Killed| {
        let sent = Command::new("kill")
            .args(["-INT", &run.0.id().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "kill is there");
    };
    interrupt(&run);
    let stderr = BufReader::new(run.0.stderr.take().expect("it is piped"));
    let mut lines = stderr.lines().map_while(Result::ok);
    assert!(
        lines.any(|line| line.starts_with("interrupted: ")),
        "the first is reported"
    );
    interrupt(&run);
    let status = run.0.wait().expect("a child can be waited for");
    assert_eq!(status.code(), Some(130));
    // It was killed, and whoever adopted it waits for it.
    let id = text_of(&server);
    while Path::new(&format!("/proc/{}", id.trim())).exists() {
        let stat = fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
        if stat.contains(") Z ") {
            break;
        }
        thread::sleep(LOOK_EVERY);
    }
}

#[test]
fn a_server_that_ends_during_the_run_ends_it() {
    let scratch = scratch();
    let folder = scratch.path();
    // Without the end of its server, the run would last for days.
    let run = run_with(
        "--phase random --cases 10000000 --time-limit none --journal run.ndjson",
        SERVE,
        folder,
    );
    let mut run = start(run);
    let journal = folder.join("run.ndjson");
    while !fs::read_to_string(&journal).is_ok_and(|text| text.contains("\"case_ended\"")) {
        assert!(run.ended().is_none(), "the run has ended before its server");
        thread::sleep(LOOK_EVERY);
    }
    let id = text_of(&folder.join("server"));
    let killed = Command::new("kill").args(["-KILL", id.trim()]).status();
    assert!(killed.is_ok_and(|status| status.success()), "kill is there");
    run.finish().ended_with(3).complains_of(&[
        "the server ended during the run: signal: 9",
        "what was not played by then was not judged",
        "listening on http://127.0.0.1:",
    ]);
}
