//! Makes the schemas, and compares the files with them.

use std::path::PathBuf;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::*;
use crate::cli::args::Cli;
use crate::cli::args::settings::{self, Shape, ValueKind};
use crate::cli::config::SCHEMA_ID;
use crate::journal::Event;
use crate::report::{ReportKind, json as report};

/// Set to anything, this variable has the tests write the files instead of comparing them.
const WRITE: &str = "STOPCHECK_WRITE_SCHEMAS";

/// The names of environment variables, as options take them.
const VARIABLE_NAME: &str = "^[A-Z_][A-Z0-9_]*$";

/// The dialect of the schemas.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

fn generator() -> schemars::SchemaGenerator {
    SchemaSettings::draft2020_12().for_serialize().into_generator()
}

/// Compares the file with what was made, or writes it.
#[track_caller]
fn is_as_made(of: SchemaArg, name: &str, mut made: Value) {
    let head = made.as_object_mut().expect("a schema is an object");
    let id = SCHEMA_ID.replace("config", name);
    head.insert("$schema".to_owned(), DIALECT.into());
    head.insert("$id".to_owned(), id.into());
    let mut made = serde_json::to_string_pretty(&made).expect("it is JSON");
    made.push('\n');
    // As with goldens: what is wrong in CI is reported there, and never accepted.
    if std::env::var_os(WRITE).is_some() && std::env::var_os("CI").is_none() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../specs/schemas/{name}.json"));
        std::fs::write(&path, made).expect("the folder is there");
        return;
    }
    assert!(
        text(of) == made,
        "specs/schemas/{name}.json is stale: {WRITE}=1 cargo test -p stopcheck --lib schema\n{}",
        similar::TextDiff::from_lines(text(of), &made).unified_diff()
    );
}

#[test]
fn the_schema_of_the_configuration_is_that_of_the_options() {
    let command = Cli::description();
    let properties: Map<String, Value> = settings::described(&command)
        .iter()
        .map(|(setting, shape, option)| (setting.key.to_owned(), property(shape, option)))
        .collect();
    let made = json!({
        "title": "stopcheck.toml",
        "description": "The configuration of stopcheck. A key is the name of an option of `stopcheck run`.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    is_as_made(SchemaArg::Config, "config", made);
}

fn property(shape: &Shape, option: &clap::Arg) -> Value {
    let mut one = match &shape.kind {
        ValueKind::Switch => json!({ "type": "boolean" }),
        ValueKind::Whole => json!({ "type": "integer", "minimum": 0 }),
        ValueKind::Seconds => json!({ "type": "number", "minimum": 0.001, "maximum": 86400 }),
        ValueKind::SecondsOrNone => json!({
            "anyOf": [{ "type": "number", "minimum": 0.001, "maximum": 86400 }, { "const": "none" }]
        }),
        ValueKind::Text | ValueKind::Path => json!({ "type": "string" }),
        ValueKind::Variable => json!({ "type": "string", "pattern": VARIABLE_NAME }),
        ValueKind::Report => {
            let kinds = ReportKind::IN_FILES.map(ReportKind::name).join("|");
            let alone = ReportKind::Github.name();
            json!({ "type": "string", "pattern": format!("^({alone}|({kinds})=.+)$") })
        }
        ValueKind::Word(words) => {
            let words: Vec<&str> = words.iter().map(clap::builder::PossibleValue::get_name).collect();
            json!({ "type": "string", "enum": words })
        }
    };
    if shape.list {
        one = json!({ "type": "array", "items": one });
    }
    let help = option.get_help().map(ToString::to_string).unwrap_or_default();
    let about = one.as_object_mut().expect("each arm is an object");
    about.insert("description".to_owned(), help.into());
    if let [default] = option.get_default_values() {
        let text = default.to_str().expect("our defaults are UTF-8");
        let number = || serde_json::from_str(text).expect("a default of this type is JSON");
        let default = match &shape.kind {
            ValueKind::Switch | ValueKind::Whole | ValueKind::Seconds => number(),
            ValueKind::SecondsOrNone
            | ValueKind::Text
            | ValueKind::Variable
            | ValueKind::Path
            | ValueKind::Report
            | ValueKind::Word(_) => text.into(),
        };
        about.insert("default".to_owned(), default);
    }
    one
}

#[test]
fn the_schema_of_the_journal_is_that_of_its_types() {
    let mut made = generator().into_root_schema_for::<Event>().to_value();
    let about = "One event of a run of stopcheck. A journal has one a line.";
    close(&mut made);
    let head = made.as_object_mut().expect("a schema is an object");
    head.insert("description".to_owned(), about.into());
    is_as_made(SchemaArg::Journal, "journal", made);
}

#[test]
fn the_schema_of_the_report_is_that_of_its_types() {
    let mut made = report::json_schema(generator()).to_value();
    close(&mut made);
    let head = made.as_object_mut().expect("a schema is an object");
    head.insert(
        "description".to_owned(),
        "The JSON report of a run of stopcheck.".into(),
    );
    is_as_made(SchemaArg::Report, "report", made);
}

/// Forbids what no type has, so that a document with something unknown in it is invalid. A variant that has the members
/// of another type, which JSON Schema cannot close, is given these as its own.
fn close(schema: &mut Value) {
    let types = schema.get("$defs").cloned().unwrap_or_default();
    close_within(schema, &types);
    loop {
        let text = schema.to_string();
        let Some(types) = schema.get_mut("$defs").and_then(Value::as_object_mut) else {
            return;
        };
        let before = types.len();
        types.retain(|name, _| text.contains(&format!("\"#/$defs/{name}\"")));
        if types.len() == before {
            return;
        }
    }
}

fn close_within(schema: &mut Value, types: &Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| close_within(item, types)),
        Value::Object(members) => {
            take_in(members, types);
            if members.contains_key("properties") {
                let closed = members.get("additionalProperties").is_none_or(Value::is_boolean);
                assert!(closed, "a type with members and a map at once: {members:?}");
                members.insert("additionalProperties".to_owned(), false.into());
            }
            if let Some(Value::String(text)) = members.get_mut("description") {
                // Links of rustdoc lead nowhere here.
                *text = text.replace("[`", "`").replace("`]", "`");
            }
            members
                .values_mut()
                .for_each(|member| close_within(member, types));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Replaces a reference next to members by the members that it refers to.
fn take_in(members: &mut Map<String, Value>, types: &Value) {
    let Some(Value::String(reference)) = members.get("$ref") else {
        return;
    };
    if !members.contains_key("properties") {
        return;
    }
    let name = reference
        .strip_prefix("#/$defs/")
        .expect("references stay within");
    let other = types.get(name).expect("every reference has its type").clone();
    let name = name.to_owned();
    members.remove("$ref");
    for (key, value) in other.as_object().expect("a type is an object") {
        match (members.get_mut(key), value) {
            (Some(Value::Object(own)), Value::Object(more)) => own.extend(more.clone()),
            (Some(Value::Array(own)), Value::Array(more)) => own.extend(more.iter().cloned()),
            (Some(_), _) => {}
            (None, _) => _ = members.insert(key.clone(), value.clone()),
        }
    }
    assert!(!members.contains_key("oneOf"), "a variant of a variant: {name}");
}
