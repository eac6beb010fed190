//! The configuration file, variables and `stopcheck init`, as users meet them: in a folder, from the shell.

use std::fs;
use std::path::Path;

use crate::child::{CommandOutput, Served, command, finish, text_of};

/// Runs the command in a folder.
#[track_caller]
fn in_folder(folder: &Path, words: &str) -> CommandOutput {
    let mut command = command(words.split(' '));
    command.current_dir(folder);
    finish(command)
}

fn scratch(file: &str) -> tempfile::TempDir {
    let scratch = tempfile::tempdir().expect("there is room");
    fs::write(scratch.path().join("stopcheck.toml"), file).expect("it can be written");
    scratch
}

#[test]
fn a_run_takes_its_settings_from_the_nearest_file_and_paths_are_relative_to_it() {
    let scratch = scratch("case = [\"stop/running\"]\nreport = [\"json=report.json\"]\nseed = 7\n");
    let below = scratch.path().join("a/b");
    fs::create_dir_all(&below).expect("there is room");
    in_folder(&below, "run --phase scenarios -v")
        .ended_with(0)
        .complains_of(&["settings are taken from ../../stopcheck.toml (case, seed, report)"]);
    let report = text_of(&scratch.path().join("report.json"));
    let report: serde_json::Value = serde_json::from_str(&report).expect("it is JSON");
    assert_eq!(report.pointer("/seed"), Some(&7.into()));
    assert_eq!(report.pointer("/summary/cases/pass"), Some(&1.into()));
}

#[test]
fn a_file_can_be_named_or_left_out() {
    let scratch = scratch("seed = \"x\"\n");
    fs::write(scratch.path().join("other.toml"), "case = [\"stop/running\"]\n").expect("there is room");
    in_folder(scratch.path(), "run --case stop/stopped")
        .ended_with(2)
        .complains_of(&[
            "stopcheck.toml: line 1: \"seed\" is a string, expected an integer",
            "stopcheck init",
        ]);
    in_folder(scratch.path(), "run --no-config --case stop/stopped")
        .ended_with(0)
        .says(&["1 passed"]);
    in_folder(scratch.path(), "run --config other.toml --phase scenarios")
        .ended_with(0)
        .says(&["1 passed"]);
    in_folder(scratch.path(), "run --config missing.toml")
        .ended_with(2)
        .complains_of(&["could not read missing.toml"]);
    in_folder(scratch.path(), "run --config other.toml --no-config").ended_with(2);
    // A command without settings reads none.
    in_folder(scratch.path(), "selfcheck --fault nothing-of-this-name")
        .ended_with(2)
        .complains_of(&["fault"]);
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one_before_anything_is_sent() {
    let scratch = scratch("# mine\nendpoint-ur = \"http://127.0.0.1:1\"\n");
    in_folder(scratch.path(), "run")
        .ended_with(2)
        .complains_of(&[
            "stopcheck.toml: line 2: unknown key \"endpoint-ur\" in the configuration (known: endpoint-url,",
        ])
        .says_nothing();
}

#[test]
fn a_mistake_that_a_setting_causes_says_where_settings_came_from() {
    let scratch = scratch("skip = [\"stop/*\"]\n");
    let mut run = command("run --phase scenarios --case nothing".split(' '));
    run.current_dir(scratch.path()).env("STOPCHECK_SEED", "3");
    finish(run).ended_with(2).complains_of(&[
        "no case of the chosen phases matches",
        "note: settings are taken from STOPCHECK_SEED",
    ]);
    let mut run = command(["run"]);
    run.current_dir(scratch.path()).env("STOPCHECK_SEED", "many");
    finish(run)
        .ended_with(2)
        .complains_of(&["STOPCHECK_SEED: \"many\": invalid digit"]);
}

#[test]
fn credentials_come_from_the_variables_that_the_file_names() {
    let server = Served::start();
    let file = format!(
        "endpoint-url = \"{}\"\naccess-key-id-env = \"MOCK_ID\"\nsecret-access-key-env = \"MOCK_SECRET\"\n\
         case = [\"stop/running\"]\nphase = [\"scenarios\"]\n",
        server.value("AWS_ENDPOINT_URL_EC2")
    );
    let scratch = scratch(&file);
    let run = |with_keys: bool| {
        let mut run = command(["run"]);
        run.current_dir(scratch.path());
        if with_keys {
            run.env("MOCK_ID", server.value("AWS_ACCESS_KEY_ID"))
                .env("MOCK_SECRET", server.value("AWS_SECRET_ACCESS_KEY"));
        }
        finish(run)
    };
    run(true).ended_with(0).says(&["CONFORMS"]);
    run(false).ended_with(2).complains_of(&[
        "no credentials: set MOCK_ID and MOCK_SECRET",
        "stopcheck.toml (endpoint-url,",
    ]);
}

#[test]
fn a_written_file_changes_nothing_and_is_not_overwritten() {
    let scratch = tempfile::tempdir().expect("there is room");
    in_folder(scratch.path(), "init")
        .ended_with(0)
        .says(&["wrote stopcheck.toml"]);
    let text = text_of(&scratch.path().join("stopcheck.toml"));
    assert!(
        text.contains("\n#seed = 0\n") && text.contains("\n# The seed of everything random\n"),
        "{text}"
    );
    in_folder(scratch.path(), "run --case stop/running")
        .ended_with(0)
        .says(&["1 passed"]);
    in_folder(scratch.path(), "init")
        .ended_with(2)
        .complains_of(&["could not create stopcheck.toml", "--force"]);
    fs::write(scratch.path().join("stopcheck.toml"), "old").expect("it can be written");
    in_folder(scratch.path(), "init --force stopcheck.toml").ended_with(0);
    assert_eq!(text_of(&scratch.path().join("stopcheck.toml")), text);
}

#[test]
fn a_judgement_and_a_list_take_what_concerns_them() {
    let cases = "[[scenario]]\nname = \"mine/one\"\npurpose = \"A stop of a running instance.\"\nclauses = [\"STT-01\"]\n\
                 fixtures = { a = \"running\" }\nsteps = [{ call = \"StopInstances\", ids = [\"{a}\"] }]\n";
    let scratch = scratch("scenarios = [\"mine.toml\"]\nstrict = true\n");
    fs::write(scratch.path().join("mine.toml"), cases).expect("it can be written");
    in_folder(scratch.path(), "list")
        .ended_with(0)
        .says(&["mine/one"]);
    in_folder(scratch.path(), "run --case mine/one --journal run.ndjson").ended_with(0);
    in_folder(scratch.path(), "judge run.ndjson --report json=judged.json").ended_with(0);
    let report = text_of(&scratch.path().join("judged.json"));
    let report: serde_json::Value = serde_json::from_str(&report).expect("it is JSON");
    assert_eq!(report.pointer("/summary/strict"), Some(&true.into()));
}
