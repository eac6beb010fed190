//! Writes what the contract knows in the format of `specs/`, so that it is read back as it was.
//!
//! Input: scenarios and recorded answers. Output: TOML.

use serde::Serialize;
use serde_json::Value;

use super::{
    Act, CallTemplate, ClauseId, FixtureKind, Recorded, RecordedLook, SameAs, Scenario, Step, quoted,
};
use crate::call::Form;

/// Writes a case in the format of `specs/`.
pub fn scenario(case: &Scenario) -> String {
    let mut out = String::from("[[scenario]]\n");
    let mut line = |key: &str, value: String| {
        out.push_str(&format!("{key} = {value}\n"));
    };
    line("name", quoted(&case.name));
    line("purpose", quoted(&case.purpose));
    line("clauses", list(case.clauses.iter().map(ClauseId::as_str)));
    if !case.fixtures.is_empty() {
        let fixtures = case
            .fixtures
            .iter()
            .map(|(name, kind)| (name.as_str(), fixture(kind)));
        line("fixtures", table(fixtures));
    }
    let steps: String = case
        .steps
        .iter()
        .map(|step| format!("  {},\n", table(self::step(step))))
        .collect();
    line("steps", format!("[\n{steps}]"));
    out
}

/// Writes a recorded answer in the format of `specs/recorded/`.
pub fn recorded(recorded: &Recorded) -> String {
    let mut out = String::from("[[recorded]]\n");
    let mut line = |key: &str, value: String| {
        out.push_str(&format!("{key} = {value}\n"));
    };
    line("name", quoted(&recorded.name));
    line("source", quoted(&recorded.source));
    line("grade", quoted(&recorded.grade.letter().to_string()));
    line("framing", word(&recorded.framing));
    let at = recorded.at.as_ref().map(ToString::to_string);
    for (key, value) in [("when", &recorded.when), ("at", &at), ("note", &recorded.note)] {
        if let Some(text) = value {
            line(key, quoted(text));
        }
    }
    if !recorded.fixtures.is_empty() {
        let fixtures = recorded.fixtures.iter();
        line(
            "fixtures",
            table(
                fixtures
                    .clone()
                    .map(|one| (one.name.as_str(), fixture(&one.kind))),
            ),
        );
        line(
            "ids",
            table(fixtures.map(|one| (one.name.as_str(), quoted(&one.id)))),
        );
    }
    line("call", table(call(&recorded.call)));
    line("status", recorded.status.to_string());
    let lines = |items: &mut dyn Iterator<Item = String>| {
        let items: String = items.map(|item| format!("  {item},\n")).collect();
        format!("[\n{items}]")
    };
    if !recorded.headers.is_empty() {
        let fields = recorded.headers.iter();
        line(
            "headers",
            lines(&mut fields.map(|(name, value)| list([name.as_str(), value]))),
        );
    }
    if !recorded.seen.is_empty() {
        line(
            "seen",
            lines(&mut recorded.seen.iter().map(|one| table(look(one)))),
        );
    }
    line("body", body(&recorded.body));
    out
}

fn look(look: &RecordedLook) -> Pairs {
    let mut pairs = vec![("at", quoted(&look.at.to_string())), ("state", word(&look.state))];
    if !look.reason.is_empty() {
        pairs.push(("reason", quoted(&look.reason)));
    }
    for (key, value) in [
        ("state-reason", &look.state_reason),
        ("ip", &look.public_ip),
        ("private-ip", &look.private_ip),
    ] {
        if let Some(text) = value {
            pairs.push((key, quoted(text)));
        }
    }
    pairs
}

/// A body as it is where TOML can say that, otherwise with escapes.
fn body(text: &str) -> String {
    let is_plain = |c: char| c == '\n' || (!c.is_control() && c != '\u{feff}');
    match text.contains("'''") || text.ends_with('\'') || !text.chars().all(is_plain) {
        true => quoted(text),
        false => format!("'''\n{text}'''"),
    }
}

/// Keys and their values in TOML.
type Pairs = Vec<(&'static str, String)>;

fn table<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    format!("{{ {} }}", pairs.join(", "))
}

fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: Vec<String> = texts.into_iter().map(quoted).collect();
    format!("[{}]", texts.join(", "))
}

/// A word of the vocabulary, quoted.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => quoted(&word),
        Ok(_) | Err(_) => quoted(""),
    }
}

fn fixture(kind: &FixtureKind) -> String {
    let plain = FixtureKind {
        state: kind.state,
        ..FixtureKind::default()
    };
    if *kind == plain {
        return word(&kind.state);
    }
    table(properties(kind))
}

/// The properties in which an instance differs from the default. Its state is always written.
fn properties(kind: &FixtureKind) -> Pairs {
    let plain = FixtureKind::default();
    let mut pairs = vec![("state", word(&kind.state))];
    if kind.market != plain.market {
        pairs.push(("market", word(&kind.market)));
    }
    if kind.root != plain.root {
        pairs.push(("root", word(&kind.root)));
    }
    for (key, holds) in [
        ("stop-protected", kind.stop_protected),
        ("termination-protected", kind.termination_protected),
        ("hibernation", kind.hibernation),
    ] {
        if holds {
            pairs.push((key, "true".to_owned()));
        }
    }
    pairs
}

fn step(step: &Step) -> Pairs {
    let mut pairs = match &step.act {
        Act::Call(template) => call(template),
        Act::Overlap(callers) => overlap(callers),
        Act::Pages(template, most) => {
            let mut pairs = call(template);
            pairs.push(("pages", most.to_string()));
            pairs
        }
        Act::Settle(names, state) => vec![
            ("settle", list(names.iter().map(String::as_str))),
            ("state", word(state)),
        ],
        Act::Observe => vec![("observe", "true".to_owned())],
        Act::Rest => vec![("rest", "true".to_owned())],
        Act::Launch(name, kind) => {
            let mut pairs = vec![("launch", quoted(name))];
            if *kind != FixtureKind::default() {
                pairs.push(("kind", table(properties(kind))));
            }
            pairs
        }
        Act::Pass(ms) => vec![("pass", ms.to_string())],
    };
    if !step.witness.is_empty() {
        pairs.push(("witness", list(step.witness.iter().map(ClauseId::as_str))));
    }
    if step.control {
        pairs.push(("control", "true".to_owned()));
    }
    if let Some(label) = &step.label {
        pairs.push(("label", quoted(label)));
    }
    if let Some(same_as) = &step.same_as {
        pairs.push(("same-as", table(comparison(same_as))));
    }
    pairs
}

/// Overlapping calls; several times the same one in the short form.
fn overlap(callers: &[Vec<CallTemplate>]) -> Pairs {
    if let [first, rest @ ..] = callers
        && let [template] = first.as_slice()
        && !rest.is_empty()
        && rest.iter().all(|calls| calls == first)
    {
        let mut pairs = call(template);
        pairs.push(("together", callers.len().to_string()));
        return pairs;
    }
    let calls = |calls: &Vec<CallTemplate>| {
        let calls: Vec<String> = calls.iter().map(|one| table(call(one))).collect();
        format!("[{}]", calls.join(", "))
    };
    let callers: Vec<String> = callers.iter().map(calls).collect();
    vec![("overlap", format!("[{}]", callers.join(", ")))]
}

fn comparison(same_as: &SameAs) -> Pairs {
    let mut pairs = vec![("labels", list(same_as.labels.iter().map(String::as_str)))];
    if !same_as.instances.is_empty() {
        let instances = same_as
            .instances
            .iter()
            .map(|(here, there)| (here.as_str(), quoted(there)));
        pairs.push(("instances", table(instances)));
    }
    pairs.push(("clauses", list(same_as.clauses.iter().map(ClauseId::as_str))));
    pairs
}

fn call(call: &CallTemplate) -> Pairs {
    // The key `call` is required, so a missing action is written here and listed under `omit`.
    let mut pairs = vec![("call", quoted(call.action.as_deref().unwrap_or("StopInstances")))];
    let mut rest = call.params.as_slice();
    let mut ids = Vec::new();
    while let [(name, value), after @ ..] = rest
        && *name == format!("InstanceId.{}", ids.len() + 1)
        // A value with `..` would be read as a range of ids.
        && !value.contains("..")
    {
        ids.push(value.as_str());
        rest = after;
    }
    if !ids.is_empty() {
        pairs.push(("ids", list(ids)));
    }
    for (key, name) in [
        ("dry-run", "DryRun"),
        ("force", "Force"),
        ("hibernate", "Hibernate"),
        ("skip-os-shutdown", "SkipOsShutdown"),
    ] {
        if let [(known, value), after @ ..] = rest
            && known == name
        {
            pairs.push((key, quoted(value)));
            rest = after;
        }
    }
    if !rest.is_empty() {
        let more: Vec<String> = rest
            .iter()
            .map(|(name, value)| list([name.as_str(), value]))
            .collect();
        pairs.push(("params", format!("[{}]", more.join(", "))));
    }
    let form = form(&call.form);
    if !form.is_empty() {
        pairs.push(("form", table(form)));
    }
    let omitted = [
        (call.action.is_none(), "action"),
        (call.form.version.is_none(), "version"),
        (call.form.content_type.is_none(), "content-type"),
    ];
    let omitted: Vec<&str> = omitted
        .into_iter()
        .filter_map(|(absent, part)| absent.then_some(part))
        .collect();
    if !omitted.is_empty() {
        pairs.push(("omit", list(omitted)));
    }
    pairs
}

fn form(form: &Form) -> Pairs {
    let plain = Form::default();
    let mut pairs = Vec::new();
    if form.method != plain.method {
        pairs.push(("method", word(&form.method)));
    }
    for (key, value, plain) in [
        ("version", &form.version, &plain.version),
        ("content-type", &form.content_type, &plain.content_type),
    ] {
        if let Some(text) = value
            && value != plain
        {
            pairs.push((key, quoted(text)));
        }
    }
    if form.order != plain.order {
        pairs.push(("order", word(&form.order)));
    }
    if form.encoding != plain.encoding {
        pairs.push(("encoding", word(&form.encoding)));
    }
    if form.auth != plain.auth {
        pairs.push(("auth", word(&form.auth)));
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{EMBEDDED, Edition, embedded, load};

    #[test]
    fn every_recorded_answer_is_read_back_as_it_was() {
        let renamed = embedded(Edition::Current)
            .recorded
            .into_iter()
            .map(|one| Recorded {
                name: format!("{}-again", one.name),
                // Nobody's ids and the remark about the reference are for people to write.
                decoys: Vec::new(),
                elsewhere: None,
                ..one
            });
        let renamed: Vec<Recorded> = renamed.collect();
        let text: String = renamed.iter().map(recorded).collect();
        let files = EMBEDDED.iter().copied().chain([("again.toml", text.as_str())]);
        let read = load(&files.collect::<Vec<_>>(), Edition::Current);
        let read = read
            .map_err(|errors| errors.to_string())
            .expect("what is written is read");
        let again: Vec<String> = read
            .recorded
            .iter()
            .rev()
            .take(renamed.len())
            .rev()
            .map(|one| format!("{one:?}"))
            .collect();
        let renamed: Vec<String> = renamed.iter().map(|one| format!("{one:?}")).collect();
        assert_eq!(again, renamed);
    }
}
