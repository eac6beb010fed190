//! Tests of scenarios that a user adds: what is read, and which mistakes are reported.

use super::*;

/// A scenario file with these values; its steps begin on line 6.
fn scenario(name: &str, more: &str, steps: &str) -> String {
    format!(
        "[[scenario]]\nname = \"{name}\"\npurpose = \"X.\"\nfixtures = {{ a = \"running\", b = \"running\" }}\n\
         steps = [\n{steps}\n]\n{more}\n"
    )
}

fn added(files: &[(&str, &str)]) -> Result<Contract, Vec<String>> {
    let owned: Vec<(String, String)> = files
        .iter()
        .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
        .collect();
    extended(&owned, Edition::Current).map_err(|errors| errors.0.iter().map(LoadError::to_string).collect())
}

/// Asserts that a file with these steps has exactly one mistake, whose message begins with `message`.
#[track_caller]
fn mistaken(steps: &str, message: &str) {
    let text = scenario("mine/x", "", steps);
    let errors = added(&[("x.toml", &text)]).expect_err(steps);
    let [only] = errors.as_slice() else {
        panic!("one mistake, not {errors:#?}")
    };
    assert!(only.starts_with(&format!("x.toml: {message}")), "{only}");
}

#[track_caller]
fn fine(steps: &str) {
    let text = scenario("mine/x", "", steps);
    if let Err(errors) = added(&[("x.toml", &text)]) {
        panic!("{errors:#?}");
    }
}

#[test]
fn cases_that_are_added_come_after_those_of_the_contract_and_need_no_clauses() {
    let text =
        scenario("mine/one", "", "{ observe = true },") + &scenario("mine/two", "", "{ rest = true },");
    let contract = added(&[("x.toml", &text)]).expect("the file is right");
    let own = embedded(Edition::Current).scenarios.len();
    let names: Vec<&str> = contract
        .scenarios
        .iter()
        .skip(own)
        .map(|case| case.name.as_str())
        .collect();
    assert_eq!(names, ["mine/one", "mine/two"]);
    assert_eq!(contract.clauses.len(), embedded(Edition::Current).clauses.len());
}

#[test]
fn all_mistakes_of_all_files_are_told_at_once_in_their_order() {
    let bad = scenario(
        "stop/running",
        "clauses = [\"STT-1\"]",
        "{ call = \"StopInstances\", ids = [\"{c}\"] },",
    );
    let errors = added(&[("a.toml", "x = = 1\n"), ("b.toml", &bad)]).expect_err("both are wrong");
    assert!(
        errors.iter().any(|error| error.starts_with("a.toml: line 1: ")),
        "{errors:#?}"
    );
    let rest: Vec<&str> = errors
        .iter()
        .map(String::as_str)
        .filter(|error| error.starts_with("b.toml"))
        .collect();
    assert_eq!(rest.len(), 3, "{errors:#?}");
    assert!(rest.iter().any(|error| {
        error.starts_with("b.toml: line 1: duplicate scenario \"stop/running\" (first in specs/")
    }));
    assert!(
        rest.iter()
            .any(|error| error.starts_with("b.toml: line 6: unknown fixture \"c\" (known: "))
    );
    assert!(
        rest.iter()
            .any(|error| error.starts_with("b.toml: line 8: unknown clause \"STT-1\" (known: STT-1"))
    );
}

#[test]
fn the_tables_of_the_contract_are_not_a_users_to_extend() {
    for table in [
        "[[clause]]",
        "[[refusal]]",
        "[[transition]]",
        "[action]",
        "[[state]]",
    ] {
        let errors = added(&[("x.toml", &format!("\n{table}\nname = \"x\"\n"))]).expect_err(table);
        let [only] = errors.as_slice() else {
            panic!("one mistake, not {errors:#?}")
        };
        assert!(only.starts_with("x.toml: line 2: ["), "{only}");
        assert!(
            only.contains("a file of scenarios holds [[scenario]] tables alone"),
            "{only}"
        );
    }
    assert_eq!(
        added(&[("x.toml", "[[scenari]]\n")]).expect_err("there is no such table"),
        ["x.toml: line 1: unknown key \"scenari\" in a file of scenarios (known: scenario)"]
    );
}

#[test]
fn what_a_call_would_leave_behind_is_not_called() {
    for action in [
        "RunInstances",
        " runinstances",
        "RequestSpotInstances",
        "CreateVolume",
    ] {
        mistaken(
            &format!("{{ call = \"{action}\" }},"),
            &format!("line 6: {action:?} brings something into being that nobody would remove"),
        );
    }
    mistaken(
        "{ call = \"StopInstances\", omit = [\"action\"], params = [[\"Action\", \"RunInstances\"]] },",
        "line 6: \"RunInstances\" brings something into being",
    );
    fine("{ call = \"StopInstances\", params = [[\"Action\", \"StopInstances\"]] },");
    fine("{ call = \"RebootInstances\", ids = [\"{a}\"] },");
}

#[test]
fn the_numbers_and_references_of_the_manual_are_those_of_the_reader() {
    let told = |keys: &[TableKey], name: &str| {
        let key = keys.iter().find(|key| key.name == name);
        key.map(|key| key.meaning).unwrap_or_default()
    };
    assert!(told(manual::PASS, "pass").ends_with(" 1 to 3600000"));
    fine("{ pass = 1 },\n{ pass = 3600000 },");
    mistaken("{ pass = 0 },", "line 6: \"pass\" is 0, expected 1 to 3600000");
    mistaken("{ pass = 3600001 },", "line 6: \"pass\" is 3600001, expected ");
    assert!(told(manual::CALL, "together").starts_with("2 to 64: "));
    fine("{ call = \"StopInstances\", together = 2 },\n{ call = \"StopInstances\", together = 64 },");
    mistaken(
        "{ call = \"StopInstances\", together = 1 },",
        "line 6: \"together\" is 1, expected 2 to 64",
    );
    mistaken(
        "{ call = \"StopInstances\", together = 65 },",
        "line 6: \"together\" is 65, expected ",
    );
    for reference in manual::REFERENCES {
        fine(&format!(
            "{{ call = \"StopInstances\", ids = [\"{}\"] }},",
            reference.name
        ));
    }
    let told: String = manual::REFERENCES
        .iter()
        .map(|reference| format!("{} {} ", reference.name, reference.meaning))
        .collect();
    for decoy in manual::DECOYS {
        assert!(told.contains(&format!("{{{decoy}}}")), "{decoy}");
    }
    for part in manual::PARTS {
        assert!(told.contains(&format!("{{a.{part}}}")), "{part}");
    }
}

#[test]
fn a_step_decides_no_clause_that_no_answer_can_show() {
    mistaken(
        "{ observe = true, witness = [\"RSP-08\"] },",
        "line 6: RSP-08 cannot be decided by a step: ",
    );
    fine("{ observe = true, witness = [\"RSP-07\"] },");
}

#[test]
fn an_answer_is_compared_with_earlier_ones_of_calls_made_once() {
    let call = |more: &str| format!("{{ call = \"StopInstances\", ids = [\"{{a}}\"]{more} }},");
    let first = call(", label = \"one\"");
    let like = |labels: &str, instances: &str| {
        let same_as = format!(", same-as = {{ labels = [{labels}]{instances}, clauses = [\"REQ-02\"] }}");
        format!("{first}\n{}", call(&same_as))
    };
    fine(&like("\"one\"", ""));
    fine(&like("\"one\"", ", instances = { a = \"b\" }"));
    mistaken(&like("", ""), "line 7: \"labels\" is empty");
    mistaken(
        &like("\"two\"", ""),
        "line 7: unknown label of an earlier step \"two\" (known: one)",
    );
    mistaken(
        &like("\"one\"", ", instances = { c = \"b\" }"),
        "line 7: unknown fixture \"c\" (known: a, b)",
    );
    mistaken(
        &like("\"one\"", ", instances = { a = \"c\" }"),
        "line 7: unknown fixture \"c\" (known: a, b)",
    );
    mistaken(&format!("{first}\n{first}"), "line 7: duplicate label \"one\"");
    let later = call(", label = \"me\", same-as = { labels = [\"me\"], clauses = [\"REQ-02\"] }");
    mistaken(&later, "line 6: unknown label of an earlier step \"me\"");
    mistaken(
        &call(", together = 2, label = \"one\""),
        "line 6: a step with \"together\" has several answers",
    );
    mistaken(
        &format!("{first}\n{}", call(", same-as = { labels = [\"one\"] }")),
        "line 7: same-as without \"clauses\"",
    );
    mistaken(
        "{ observe = true, label = \"one\" },",
        "line 6: unknown key \"label\" in step (known: ",
    );
}
