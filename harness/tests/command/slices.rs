//! Runs in slices: what they record, what `stopcheck merge` accepts, and that a merge is judged like one run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::child::{CommandOutput, Running, Served, finish, start, stopcheck, text_of, within};

/// Runs the command with `@` standing for the scratch folder.
#[track_caller]
fn here(words: &str, scratch: &Path) -> CommandOutput {
    finish(within(words, scratch))
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is room for a scratch folder")
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&text_of(path)).expect("the report is JSON")
}

/// The array at this key of a report.
fn list<'a>(report: &'a Value, key: &str) -> &'a [Value] {
    report
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Plays slices at the same time, each at a server of its own with this fault, and waits for all.
#[track_caller]
fn slices_at_servers(of: usize, fault: &str, words: &str, scratch: &Path) {
    let runs: Vec<(Served, Running)> = (1..=of)
        .map(|number| {
            let server = Served::with(&["--instant", "--fault", fault]);
            let words = format!("{words} --partition slice:{number}/{of} --journal @/{number}.ndjson");
            let run = start(at(&server, &words, scratch));
            (server, run)
        })
        .collect();
    for (_server, run) in runs {
        let code = run.finish().code;
        assert!(code.is_some_and(|code| [0, 1, 4].contains(&code)), "{code:?}");
    }
}

/// A run at a server, whose descriptions are up to date.
fn at(server: &Served, words: &str, scratch: &Path) -> Command {
    let scratch = scratch.to_str().expect("scratch folders have plain names");
    let words = format!("run --read-lag 0.5 --golden off --time-limit none {words}");
    server.command(words.split(' ').map(|word| word.replace('@', scratch)))
}

/// What a report says of the endpoint, without ids and ports: cases with verdict, clauses with status, causes with what
/// follows from them.
fn said(report: &Value) -> [BTreeSet<String>; 3] {
    let cases = list(report, "cases").iter();
    let clauses = list(report, "clauses").iter();
    let causes = list(report, "causes").iter();
    let consequences = |cause: &Value| -> Vec<String> {
        let all = list(cause, "consequences").iter();
        all.map(|one| {
            format!(
                "{} {} {}",
                word(one, "clause"),
                word(one, "relation"),
                word(one, "first")
            )
        })
        .collect()
    };
    [
        cases
            .map(|case| {
                format!(
                    "{} {} {}",
                    word(case, "name"),
                    word(case, "outcome"),
                    word(case, "verdict")
                )
            })
            .collect(),
        clauses
            .map(|clause| {
                let cases = clause.get("cases").map(Value::to_string).unwrap_or_default();
                format!(
                    "{} {} {} {cases}",
                    word(clause, "id"),
                    word(clause, "status"),
                    word(clause, "verdict")
                )
            })
            .collect(),
        causes
            .map(|cause| {
                let consequences = consequences(cause);
                format!(
                    "{} {} {} {consequences:?}",
                    word(cause, "clause"),
                    word(cause, "verdict"),
                    word(cause, "first")
                )
            })
            .collect(),
    ]
}

#[test]
fn four_slices_at_four_servers_are_judged_like_one_run() {
    // A fault that violates several clauses, of which one is to blame: its case is in one slice, what follows in others.
    let (scratch, fault) = (scratch(), "signatures-not-verified");
    let words = "--phase scenarios,wire";
    let server = Served::with(&["--instant", "--fault", fault]);
    let whole = at(
        &server,
        &format!("{words} --report json=@/whole.json"),
        scratch.path(),
    );
    finish(whole).ended_with(1);
    slices_at_servers(4, fault, words, scratch.path());
    here(
        "merge @/3.ndjson @/1.ndjson @/4.ndjson @/2.ndjson --journal @/run.ndjson --report json=@/merged.json",
        scratch.path(),
    )
    .ended_with(1)
    .says(&["DEVIATES"]);
    let (whole, merged) = (
        json(&scratch.path().join("whole.json")),
        json(&scratch.path().join("merged.json")),
    );
    let [_, _, causes] = said(&whole);
    assert!(
        causes.iter().any(|cause| cause.starts_with("AUT-07 ")),
        "{causes:?}"
    );
    assert_eq!(said(&merged), said(&whole));
    // A slice without the case that is to blame blames others.
    let blamed = |name: &str| -> BTreeSet<String> {
        let report = json(&scratch.path().join(name));
        list(&report, "causes")
            .iter()
            .map(|cause| word(cause, "clause").to_owned())
            .collect()
    };
    let mut apart = BTreeSet::new();
    for number in 1..=4 {
        here(
            &format!("judge @/{number}.ndjson --report json=@/slice.json"),
            scratch.path(),
        );
        apart.extend(blamed("slice.json"));
    }
    assert!(
        apart.is_superset(&blamed("merged.json")) && apart != blamed("merged.json"),
        "{apart:?}"
    );
    // The merged journal is one of a whole run.
    here("judge @/run.ndjson --report json=@/judged.json", scratch.path()).ended_with(1);
    assert_eq!(json(&scratch.path().join("judged.json")), merged);
    here("merge @/run.ndjson", scratch.path())
        .ended_with(3)
        .complains_of(&["run.ndjson is not a slice: it was recorded without --partition"]);
}

#[test]
fn what_random_scripts_of_several_slices_find_is_reported_once() {
    let scratch = scratch();
    slices_at_servers(
        2,
        "dry-run-answers-400",
        "--phase random --cases 8 --max-shrink-requests 100",
        scratch.path(),
    );
    let cases_with_findings = |report: &Path| -> Vec<String> {
        let findings = json(report);
        let findings = list(&findings, "findings").iter();
        let findings = findings.filter(|finding| word(finding, "clause") == "DRY-02");
        findings.map(|finding| word(finding, "case").to_owned()).collect()
    };
    let mut apart = Vec::new();
    for number in [1, 2] {
        let report = scratch.path().join(format!("{number}.json"));
        here(
            &format!("judge @/{number}.ndjson --report json=@/{number}.json"),
            scratch.path(),
        )
        .ended_with(1);
        apart.extend(cases_with_findings(&report));
    }
    assert_eq!(apart.len(), 2, "each slice reports it: {apart:?}");
    here(
        "merge @/1.ndjson @/2.ndjson --report json=@/merged.json",
        scratch.path(),
    )
    .ended_with(1);
    let merged = scratch.path().join("merged.json");
    let [case] = <[String; 1]>::try_from(cases_with_findings(&merged)).expect("it is reported once");
    assert!(apart.contains(&case), "{case}");
    let scripts = json(&merged)
        .pointer("/summary/random/scripts")
        .and_then(Value::as_u64);
    assert_eq!(scripts, Some(8), "all scripts are counted");
}

/// Records three slices of a few cases at the reference.
fn three_slices(scratch: &Path) {
    for number in 1..=3 {
        let words = format!(
            "run --case dry-run/* --phase scenarios --partition slice:{number}/3 --journal @/{number}.ndjson"
        );
        here(&words, scratch)
            .ended_with(0)
            .complains_of(&[&format!("note: this was slice {number}/3")]);
    }
}

#[test]
fn a_merge_without_deviations_conforms_and_counts_all_cases() {
    let scratch = scratch();
    three_slices(scratch.path());
    here(
        "run --case dry-run/* --phase scenarios --report json=@/whole.json",
        scratch.path(),
    )
    .ended_with(0);
    here(
        "merge @/1.ndjson @/2.ndjson @/3.ndjson --report json=@/merged.json --report junit=@/merged.xml",
        scratch.path(),
    )
    .ended_with(0)
    .says(&["CONFORMS"]);
    let (whole, merged) = (
        json(&scratch.path().join("whole.json")),
        json(&scratch.path().join("merged.json")),
    );
    assert_eq!(said(&merged), said(&whole));
    assert_eq!(merged.pointer("/summary/cases"), whole.pointer("/summary/cases"));
    assert!(text_of(&scratch.path().join("merged.xml")).contains("<testsuites"));
}

#[test]
fn a_missing_doubled_or_foreign_slice_is_refused_by_name() {
    let scratch = scratch();
    three_slices(scratch.path());
    let merge = |words: &str| {
        here(&format!("merge {words}"), scratch.path())
            .ended_with(3)
            .says_nothing()
    };
    merge("@/1.ndjson @/3.ndjson").complains_of(&["could not merge", "slice 2/3 is missing"]);
    std::fs::copy(
        scratch.path().join("2.ndjson"),
        scratch.path().join("again.ndjson"),
    )
    .expect("there is room");
    merge("@/1.ndjson @/2.ndjson @/again.ndjson @/3.ndjson").complains_of(&[
        "slice 2/3 is there 2 times: ",
        "2.ndjson, ",
        "again.ndjson",
    ]);
    for (options, difference) in [
        (
            "--case dry-run/* --phase scenarios --seed 8",
            "its seed is 8, that of the others is 0",
        ),
        (
            "--case stop/* --phase scenarios",
            "its case is stop/*, that of the others is dry-run/*",
        ),
        (
            "--case dry-run/* --phase scenarios --edition 2017-10",
            "its contract is ",
        ),
        (
            "--case dry-run/* --phase scenarios --read-lag 3",
            "its read-lag is 3000 ms, that of the others is 5000 ms",
        ),
        (
            "--case dry-run/* --phase scenarios --callers 3",
            "its callers is 3, that of the others is 8",
        ),
    ] {
        here(
            &format!("run {options} --golden off --partition slice:2/3 --journal @/other.ndjson"),
            scratch.path(),
        )
        .ended_with(0);
        merge("@/1.ndjson @/other.ndjson @/3.ndjson").complains_of(&[
            "other.ndjson is of another run: ",
            difference,
            "slice 2/3 is missing",
        ]);
    }
    // Scenarios of the user are part of the contract.
    std::fs::write(
        scratch.path().join("mine.toml"),
        "[[scenario]]\nname = \"mine/one\"\npurpose = \"One.\"\nfixtures = { a = \"running\" }\n\
         steps = [{ call = \"StopInstances\", ids = [\"{a}\"] }]\n",
    )
    .expect("it can be written");
    here(
        "run --scenarios @/mine.toml --case dry-run/* --phase scenarios --golden off --partition slice:2/3 \
         --journal @/other.ndjson",
        scratch.path(),
    )
    .ended_with(0);
    merge("@/1.ndjson @/other.ndjson @/3.ndjson").complains_of(&["its contract is "]);
}

#[test]
fn a_slice_that_was_killed_or_is_no_journal_is_refused_by_name() {
    let scratch = scratch();
    three_slices(scratch.path());
    let whole = text_of(&scratch.path().join("2.ndjson"));
    let (before_end, _) = whole.trim_end().rsplit_once('\n').expect("it has lines");
    let merge = |text: &str| {
        std::fs::write(scratch.path().join("2.ndjson"), text).expect("it can be written");
        here(
            "merge @/1.ndjson @/2.ndjson @/3.ndjson --journal @/run.ndjson",
            scratch.path(),
        )
        .says_nothing()
    };
    let killed = ["2.ndjson (slice 2/3) has no end: the run was killed; run this slice again"];
    merge(before_end).ended_with(3).complains_of(&killed);
    let half = before_end
        .get(..before_end.len() - 9)
        .expect("the journal is longer");
    merge(half).ended_with(3).complains_of(&killed);
    merge("")
        .ended_with(3)
        .complains_of(&["2.ndjson is empty", "slice 2/3 is missing"]);
    merge(&whole.replace("\"interrupted\":false", "\"interrupted\":true"))
        .ended_with(3)
        .complains_of(&["2.ndjson (slice 2/3) was interrupted"]);
    merge("hello\n")
        .ended_with(2)
        .complains_of(&["2.ndjson: line 1: not an event"]);
    let (_, events) = whole.split_once('\n').expect("it has lines");
    merge(events)
        .ended_with(2)
        .complains_of(&["2.ndjson", "it does not begin with a run"]);
    assert!(
        !scratch.path().join("run.ndjson").exists(),
        "nothing is written of what is no run"
    );
    here(
        "merge @/1.ndjson @/2.ndjson @/3.ndjson --journal @/3.ndjson",
        scratch.path(),
    )
    .ended_with(2)
    .complains_of(&["one of the journals to read"]);
}

#[test]
fn goldens_of_other_slices_are_not_missing() {
    let scratch = scratch();
    let goldens = concat!(env!("CARGO_MANIFEST_DIR"), "/../golden");
    let options = format!("--golden check --golden-dir {goldens} --golden-set reference");
    for number in 1..=2 {
        let run = here(
            &format!(
                "run --case dry-run/* --phase scenarios {options} --partition slice:{number}/2 \
                 --journal @/{number}.ndjson --report json=@/{number}.json"
            ),
            scratch.path(),
        )
        .ended_with(0);
        assert!(!run.stdout.contains("no golden"), "{}", run.stdout);
    }
    here(
        &format!("merge @/1.ndjson @/2.ndjson {options} --report json=@/merged.json"),
        scratch.path(),
    )
    .ended_with(0);
    let numbers = |name: &str| {
        let report = json(&scratch.path().join(name));
        let goldens = report.get("goldens").cloned().unwrap_or_default();
        for key in ["changed", "new", "orphans"] {
            assert!(list(&goldens, key).is_empty(), "{name}: {goldens}");
        }
        goldens.get("same").and_then(Value::as_u64).unwrap_or_default()
    };
    let parts = numbers("1.json") + numbers("2.json");
    assert!(parts > 2);
    assert_eq!(
        numbers("merged.json"),
        parts,
        "the merge compares the goldens of all slices"
    );
}

#[test]
fn a_slice_without_cases_is_a_part_of_the_run() {
    let scratch = scratch();
    for (number, code) in [(1, 0), (2, 4)] {
        let words = format!(
            "run --case dry-run/valid --golden off --partition slice:{number}/2 --journal @/{number}.ndjson"
        );
        here(&words, scratch.path()).ended_with(code);
    }
    here("merge @/1.ndjson @/2.ndjson", scratch.path()).ended_with(0);
}

#[test]
fn a_partition_is_spelled_as_documented() {
    for wrong in ["1/2", "slice:0/2", "slice:3/2", "hash:1/2"] {
        stopcheck(&format!("run --partition {wrong}"))
            .ended_with(2)
            .complains_of(&["--partition", "m/n is needed"]);
    }
    stopcheck("run --case dry-run/valid --golden off --partition slice:1/1")
        .ended_with(0)
        .complains_of(&["without a journal"]);
}

/// The lines of a block that begins with `|` below the line that ends with this text, without their indentation.
fn script(file: &str, above: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci").join(file);
    let text = text_of(&path);
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip_while(|line| !line.ends_with(above)).skip(1);
    let opening = lines
        .find(|line| line.ends_with('|'))
        .expect("the example has a script");
    let inside: Vec<&str> = lines.take_while(|line| indent(line) > indent(opening)).collect();
    let margin = inside.first().map_or(0, |line| indent(line));
    inside
        .iter()
        .map(|line| format!("{}\n", line.get(margin..).unwrap_or_default()))
        .collect()
}

/// A shell with a script of an example, with the command under test in its path.
fn shell(script: &str, folder: &Path) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_stopcheck"));
    let path = program.parent().map(Path::display).expect("it is in a folder");
    let mut shell = Command::new("sh");
    shell
        .args(["-e", "-c", script])
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{path}:/usr/bin:/bin"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    shell
}

/// Runs the scripts of an example: the first once for each slice, at the same time, the second once.
#[track_caller]
fn example(slice: &str, merge: &str, variables: impl Fn(usize) -> BTreeMap<&'static str, String>) {
    let scratch = scratch();
    // The same lines with fewer cases, and without waiting for descriptions that are never stale here.
    let all = "--phase scenarios,coverage,wire";
    assert!(slice.contains(all), "{slice}");
    let slice = slice.replace(
        all,
        "--phase scenarios --case 'dry-run/*' --read-lag 0.5 --request-timeout 3600",
    );
    let runs: Vec<(Served, Running)> = (0..4)
        .map(|index| {
            let server = Served::with(&["--instant", "--fault", "dry-run-answers-400"]);
            let mut shell = shell(&slice, scratch.path());
            shell
                .envs(variables(index))
                .env("ENDPOINT_URL", server.value("AWS_ENDPOINT_URL_EC2"));
            for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
                shell.env(name, server.value(name));
            }
            (server, start(shell))
        })
        .collect();
    for (_server, run) in runs {
        // What a slice finds does not end its job.
        run.finish().ended_with(0);
    }
    let merge = |code: i32| {
        let mut shell = shell(merge, scratch.path());
        shell.envs(variables(0));
        finish(shell).ended_with(code)
    };
    merge(1).says(&["FAIL  DRY-02"]);
    assert!(text_of(&scratch.path().join("report.xml")).contains("DRY-02"));
    // The script can be run again beside what it wrote.
    merge(1);
    std::fs::remove_file(scratch.path().join("slice-3.ndjson")).expect("the third process wrote it");
    merge(3).complains_of(&["slice 3/4 is missing"]);
}

#[test]
fn the_lines_of_the_github_workflow_run() {
    example(
        &script("github-slices.yml", "name: Play a slice"),
        &script("github-slices.yml", "name: Merge the slices"),
        |index| BTreeMap::from([("SLICE", (index + 1).to_string()), ("SLICES", "4".to_owned())]),
    );
}

#[test]
fn the_lines_of_the_kubernetes_jobs_run() {
    example(
        &script("kubernetes-slices.yaml", "command: [sh, -c]"),
        &script("kubernetes-merge.yaml", "command: [sh, -c]"),
        |index| {
            BTreeMap::from([
                ("JOB_COMPLETION_INDEX", index.to_string()),
                ("SLICES", "4".to_owned()),
                ("JOURNALS", ".".to_owned()),
            ])
        },
    );
}
