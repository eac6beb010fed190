//! Exports a case as a scenario file, for `--scenarios` or for `specs/`.
//!
//! ```toml
//! # DRY-04: A dry run changes nothing: the instance stays running.
//! #
//! # Allowed: a stays running
//! #
//! # Observed: stopping
//! [[scenario]]
//! name = "found/dry-run/valid/dry-04"
//! purpose = "A dry run of an allowed stop is refused and changes nothing."
//! clauses = ["DRY-01", "DRY-04"]
//! fixtures = { a = "running" }
//! steps = [
//!   { call = "StopInstances", ids = ["{a}"], dry-run = "true" },
//! ]
//! ```
//!
//! The text is read back before it is returned: it gives the same case, or the reason why not is returned.

use serde::Serialize;
use serde_json::Value;

use super::{Material, commented};
use crate::call::Form;
use crate::contract::{
    self, Act, CallTemplate, ClauseId, Contract, FixtureKind, SameAs, Scenario, Step, quoted,
};

/// The case of the finding under a new name, with the finding as a comment above it.
pub fn export(material: &Material, contract: &Contract) -> Result<String, String> {
    let case = named(material);
    let text = commented("#", &material.summary(contract)) + &write(&case);
    let file = ("export.toml".to_owned(), text.clone());
    let read = contract::extended(&[file], contract.edition)
        .map_err(|errors| format!("a file of scenarios cannot say it: {errors}"))?;
    match read.scenarios.last() {
        Some(read) if *read == case => Ok(text),
        Some(_) | None => Err("a file of scenarios cannot say it as it was".to_owned()),
    }
}

/// Renames the case so that the name is not in the contract and belongs to no phase, and adds the clause of the finding
/// to its clauses.
pub(super) fn named(material: &Material) -> Scenario {
    let mut case = material.case.clone();
    let clause = material.finding.clause.as_str().to_ascii_lowercase();
    let found = if case.name.starts_with("found/") {
        ""
    } else {
        "found/"
    };
    let end = if case.name.ends_with(&clause) {
        String::new()
    } else {
        format!("/{clause}")
    };
    case.name = format!("{found}{}{end}", case.name);
    if !case.clauses.contains(&material.finding.clause) {
        case.clauses.push(material.finding.clause.clone());
    }
    case
}

/// Writes a case in the format of `specs/`.
pub fn write(case: &Scenario) -> String {
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
    use super::super::sample;
    use super::*;
    use crate::contract::{ClauseId, Edition, LoadError, embedded, extended};
    use crate::plan::coverage;
    use crate::plan::script::{Features, Script};

    /// Writes cases to one file and reads them back.
    #[track_caller]
    fn read_back(cases: &[Scenario]) {
        let text: String = cases.iter().map(write).collect();
        let contract = extended(&[("x.toml".to_owned(), text)], Edition::Current)
            .map_err(|errors| errors.0.first().map(LoadError::to_string))
            .expect("what is written is read");
        let own = embedded(Edition::Current).scenarios.len();
        let read: Vec<&Scenario> = contract.scenarios.iter().skip(own).collect();
        assert_eq!(read.len(), cases.len());
        for (read, case) in read.into_iter().zip(cases) {
            assert_eq!(read, case);
        }
    }

    #[test]
    fn random_scripts_are_read_back_as_they_were() {
        let mut random = fastrand::Rng::with_seed(5);
        let cases: Vec<Scenario> = (0..2000)
            .map(|number| {
                let bytes = Script::bytes(number % 12, || random.u8(..));
                let case = Script::decode(&bytes, Features::ALL).into_case(&format!("random/{number}"));
                // What is exported shows a finding.
                let clauses = vec![ClauseId::from("REQ-03")];
                Scenario { clauses, ..case }
            })
            .filter(|case| !case.steps.is_empty())
            .collect();
        assert!(cases.len() > 1000);
        read_back(&cases);
    }

    #[test]
    fn cases_of_the_contract_and_combinations_are_read_back_as_they_were() {
        let contract = embedded(Edition::Current);
        let mut cases = contract.scenarios.clone();
        cases.extend(coverage::cases(&contract, coverage::LEAST));
        let all = cases.len();
        // A brace that opens no reference cannot be written; a case at the border of an alphabet has one.
        cases.retain(|case| {
            let mut values = case
                .steps
                .iter()
                .flat_map(|step| step.act.calls())
                .flat_map(|call| &call.params);
            values.all(|(_, value)| value.matches('{').count() <= value.matches('}').count())
        });
        assert!(all - cases.len() < 5, "{} of {all}", cases.len());
        for case in &mut cases {
            case.name = format!("found/{}", case.name);
        }
        read_back(&cases);
    }

    #[test]
    fn a_case_has_a_name_of_its_own_and_the_clause_of_its_finding() {
        let contract = embedded(Edition::Current);
        let case = contract
            .scenarios
            .iter()
            .find(|case| case.name == "dry-run/valid")
            .expect("it is one of ours")
            .clone();
        let mut material = sample(case);
        material.finding.observed = crate::report::sample::said("line\nbreak \u{202e}").into();
        let text = export(&material, &contract).expect("it can be said");
        let (comments, rest) = text.split_once("[[scenario]]").expect("it holds a scenario");
        assert!(comments.lines().all(|line| line.starts_with('#')), "{comments}");
        assert!(
            comments.contains("Observed: Server \"line\\nbreak \\u{202e}\""),
            "{comments}"
        );
        assert!(
            rest.starts_with("\nname = \"found/dry-run/valid/dry-04\"\n"),
            "{rest}"
        );
        assert!(rest.contains("\"DRY-04\""), "{rest}");
    }

    #[test]
    fn what_the_form_cannot_say_is_told() {
        let contract = embedded(Edition::Current);
        let mut case = contract.scenarios.first().expect("there are cases").clone();
        case.steps = vec![Step::from(Act::Pass(0))];
        let why = export(&sample(case), &contract).expect_err("no time is too short a time");
        assert!(why.contains("\"pass\" is 0"), "{why}");
    }
}
