//! What the command writes is valid by the schemas that it prints, and what it never writes is not.

use std::collections::BTreeSet;
use std::path::Path;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::child::{Served, finish, stopcheck, text_of, within};

fn schema(of: &str) -> Value {
    let printed = stopcheck(&format!("schema {of}")).ended_with(0).stdout;
    serde_json::from_str(&printed).expect("a schema is JSON")
}

fn validator(of: &str) -> Validator {
    let schema = schema(of);
    jsonschema::draft202012::meta::validate(&schema).expect("it is a schema");
    jsonschema::draft202012::new(&schema).expect("it is a schema")
}

#[track_caller]
fn is_valid(validator: &Validator, document: &Value) {
    let wrong = validator.iter_errors(document);
    let wrong: Vec<String> = wrong
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The events of a journal.
fn events(path: &Path) -> Vec<Value> {
    let text = text_of(path);
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("an event is JSON"));
    lines.collect()
}

/// Validates the journal and the report of a run, and adds the names of what is in the journal.
#[track_caller]
fn are_valid(scratch: &Path, seen: &mut BTreeSet<String>) {
    let journal = validator("journal");
    for event in events(&scratch.join("run.ndjson")) {
        is_valid(&journal, &event);
        named(&event, seen);
    }
    let report = serde_json::from_str(&text_of(&scratch.join("report.json"))).expect("it is JSON");
    is_valid(&validator("report"), &report);
}

/// Adds the values of all members that name a variant.
fn named(value: &Value, seen: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                if let (true, Value::String(name)) = (["event", "kind", "do"].contains(&key.as_str()), member)
                {
                    seen.insert(format!("{key} {name}"));
                }
                named(member, seen);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| named(item, seen)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn a_run_of_the_reference_in_all_phases_is_valid() {
    let scratch = tempfile::tempdir().expect("there is room");
    let run = within(
        "run --cases 5 --overlaps 2 --journal @/run.ndjson --report json=@/report.json",
        scratch.path(),
    );
    finish(run).ended_with(0);
    let mut seen = BTreeSet::new();
    are_valid(scratch.path(), &mut seen);
    for name in [
        "event run_ended",
        "event explored",
        "do wire",
        "do overlap",
        "do launch",
    ] {
        assert!(seen.contains(name), "{name} is missing: {seen:?}");
    }
}

#[test]
fn runs_of_faulty_endpoints_are_valid() {
    let mut seen = BTreeSet::new();
    for (fault, cases) in [
        (
            "previous-always-running",
            "stop/* wire/percent/* coverage/2-wise/000* random/* concurrent/*",
        ),
        ("error-json", "id/*"),
        ("batch-tells-of-first", "batch/*"),
    ] {
        let server = Served::with(&["--instant", "--fault", fault]);
        let scratch = tempfile::tempdir().expect("there is room");
        let folder = scratch.path().display();
        let cases: String = cases.split(' ').map(|case| format!(" --case {case}")).collect();
        let run = server.command(
            format!(
                "run --read-lag 0.001 --time-limit none --cases 3 --overlaps 2 --journal {folder}/run.ndjson \
                 --report json={folder}/report.json{cases}"
            )
            .split(' '),
        );
        finish(run).ended_with(1);
        are_valid(scratch.path(), &mut seen);
    }
    for name in [
        "event explored",
        "kind refusal",
        "kind answer",
        "kind state",
        "kind undecided",
        "do wire",
    ] {
        assert!(seen.contains(name), "{name} is missing: {seen:?}");
    }
}

#[test]
fn a_changed_event_or_report_is_invalid() {
    let scratch = tempfile::tempdir().expect("there is room");
    let run = within(
        "run --case stop/running --journal @/run.ndjson --report json=@/report.json",
        scratch.path(),
    );
    finish(run).ended_with(0);
    let journal = validator("journal");
    for event in events(&scratch.path().join("run.ndjson")) {
        is_valid(&journal, &event);
        let changed = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
            let mut event = event.clone();
            change(event.as_object_mut().expect("an event is an object"));
            assert!(!journal.is_valid(&event), "{event}");
        };
        changed(&|event| _ = event.insert("unknown".to_owned(), json!(1)));
        changed(&|event| _ = event.insert("event".to_owned(), json!("never")));
        changed(&|event| _ = event.remove("event"));
        let others: Vec<String> = event.as_object().expect("it is one").keys().cloned().collect();
        for key in others {
            changed(&|event| _ = event.insert(key.clone(), json!({ "unknown": [null] })));
        }
    }
    let valid: Value =
        serde_json::from_str(&text_of(&scratch.path().join("report.json"))).expect("it is JSON");
    let report = validator("report");
    is_valid(&report, &valid);
    for (pointer, value) in [
        ("/schema", json!(1)),
        ("/seed", json!("1")),
        ("/clauses/0/status", json!("unknown")),
        ("/clauses/0/level", json!("perhaps")),
        ("/cases/0/findings", json!({})),
        ("/summary/exit_code", json!(-1)),
    ] {
        let mut changed = valid.clone();
        *changed.pointer_mut(pointer).expect("it is there") = value;
        assert!(!report.is_valid(&changed), "{pointer}");
    }
    for pointer in ["", "/summary", "/summary/cases", "/clauses/0", "/cases/0"] {
        let mut changed = valid.clone();
        let object = changed.pointer_mut(pointer).and_then(Value::as_object_mut);
        object
            .expect("it is an object")
            .insert("unknown".to_owned(), json!(1));
        assert!(!report.is_valid(&changed), "{pointer}");
    }
}

#[test]
fn a_configuration_is_valid_if_the_command_takes_it() {
    let config = validator("config");
    is_valid(&config, &json!({}));
    is_valid(
        &config,
        &json!({
            "endpoint-url": "http://127.0.0.1:5000", "time-limit": "none", "read-lag": 0.5, "phase": ["scenarios"],
            "seed": 7, "strict": true, "report": ["json=report.json"], "secret-access-key-env": "MOCK_SECRET"
        }),
    );
    for wrong in [
        json!({ "unknown": 1 }),
        json!({ "seed": "7" }),
        json!({ "phase": "scenarios" }),
        json!({ "phase": ["scenario"] }),
        json!({ "time-limit": "never" }),
        json!({ "report": ["report.json"] }),
        json!({ "secret-access-key-env": "hush" }),
        json!({ "secret-access-key": "hush" }),
    ] {
        assert!(!config.is_valid(&wrong), "{wrong}");
    }
}
