//! Tests of the loader: what it reads, and which mistakes it reports.

#![expect(clippy::panic, reason = "a test that fails says what it saw")]

mod added;
mod mistakes;
mod recorded;

use super::super::{Act, Check, Condition, Demand, Level, Market, Root, Scenario, State};
use super::super::{TableKey, manual};
use super::*;
use crate::call::{Auth, Method};

/// A small contract without mistakes.
const GOOD: &str = include_str!("small.toml");

fn good(edition: Edition) -> Contract {
    load(&[("specs/x.toml", GOOD)], edition).expect("the small contract has no mistakes")
}

fn errors_of(files: &[(&str, &str)]) -> Vec<String> {
    match load(files, Edition::Current) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.0.iter().map(LoadError::to_string).collect(),
    }
}

/// The messages after one part of the small contract is replaced.
#[track_caller]
fn mistakes(from: &str, to: &str) -> Vec<String> {
    assert_eq!(
        GOOD.matches(from).count(),
        1,
        "{from:?} stands in the small contract once"
    );
    errors_of(&[("specs/x.toml", &GOOD.replace(from, to))])
}

/// Asserts that the replacement causes exactly one mistake, whose message begins with `message`.
#[track_caller]
fn one_mistake(from: &str, to: &str, message: &str) {
    let found = mistakes(from, to);
    let [only] = found.as_slice() else {
        panic!("one mistake, not {found:#?}")
    };
    assert!(only.starts_with(&format!("specs/x.toml: {message}")), "{only}");
}

/// Like `one_mistake`, for a mistake on the first line of the replaced part.
#[track_caller]
fn mistake_here(from: &str, to: &str, message: &str) {
    let line = GOOD
        .split(from)
        .next()
        .map_or(0, |before| before.matches('\n').count() + 1);
    one_mistake(from, to, &format!("line {line}: {message}"));
}

#[track_caller]
fn no_mistake(from: &str, to: &str) {
    assert_eq!(mistakes(from, to), [""; 0]);
}

#[test]
fn the_small_contract_reads_as_it_is_written() {
    let contract = good(Edition::Current);
    assert_eq!(contract.action, "StopInstances");
    let ids: Vec<&str> = contract.clauses.iter().map(|clause| clause.id.as_str()).collect();
    assert_eq!(ids, ["RSP-01", "STT-01", "SPT-04", "PRO-01", "THR-01"]);
    let clause = contract.clauses.first().expect("there are five");
    assert_eq!(
        (clause.level, clause.note.as_deref()),
        (Level::Must, Some("A remark."))
    );
    assert_eq!(clause.checks, [Check::SuccessStatus]);
    assert_eq!(contract.clauses_of(Check::SuccessStatus).count(), 1);
    let transition = contract.transitions.first().expect("there is one");
    assert_eq!(transition.from, State::Running);
    let odd: Vec<bool> = transition.answers.iter().map(|answer| answer.odd).collect();
    assert_eq!(odd, [false, true]);
}

#[test]
fn a_source_is_found_by_all_of_its_text_or_by_its_first_word() {
    let contract = good(Edition::Current);
    assert!(contract.source("API").is_some());
    assert!(contract.source("API page 2").is_some());
    assert!(contract.source("somebody's log").is_none());
}

#[test]
fn a_citation_has_the_address_of_its_source_or_of_the_thread_it_names() {
    let contract = embedded(Edition::Current);
    for (text, url) in [
        ("RFC9110", Some("https://www.rfc-editor.org/rfc/rfc9110.html")),
        ("SEED", None),
        (
            "boto/botocore#1035",
            Some("https://github.com/boto/botocore/issues/1035"),
        ),
        (
            "ansible-collections/amazon.aws#146",
            Some("https://github.com/ansible-collections/amazon.aws/issues/146"),
        ),
        ("openaddresses#445", None),
        ("a/b/c#1", None),
        ("a/b#", None),
        ("a/b#1x", None),
        ("a /b#1", None),
        ("every recorded answer", None),
    ] {
        assert_eq!(contract.url(text).as_deref(), url, "{text}");
    }
}

#[test]
fn a_call_numbers_its_ids_and_then_has_its_options_and_parameters() {
    let contract = good(Edition::Current);
    let scenario = contract.scenarios.first().expect("there is one");
    let [first, second, third, fourth] = scenario.steps.as_slice() else {
        panic!("four steps, not {:?}", scenario.steps);
    };
    let Act::Call(call) = &first.act else {
        panic!("a call, not {:?}", first.act);
    };
    let params: Vec<(&str, &str)> = call
        .params
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        params,
        [
            ("InstanceId.1", "{b}"),
            ("InstanceId.2", "ma1"),
            ("InstanceId.3", "{unknown2}"),
            ("DryRun", "1"),
            ("Force", "true"),
            ("Bogus", "{long}"),
        ]
    );
    assert_eq!(
        (call.action.as_deref(), first.control),
        (Some("StopInstances"), true)
    );
    assert!(call.form.is_plain());
    let Act::Overlap(callers) = &second.act else {
        panic!("eight calls, not {:?}", second.act);
    };
    let [[call], .., [_]] =
        [callers.first(), callers.last()].map(|calls| calls.expect("eight callers").as_slice())
    else {
        panic!("one call of each caller, not {callers:?}");
    };
    assert_eq!(callers.len(), 8);
    assert_eq!((&call.action, &call.form.version), (&None, &None));
    assert_eq!(
        (call.form.method, call.form.auth, second.control),
        (Method::Get, Auth::Unsigned, false)
    );
    assert!(call.form.content_type.is_some());
    assert!(matches!(&third.act, Act::Settle(names, State::Stopped) if names == &["a"]));
    assert!(matches!(fourth.act, Act::Observe));
}

/// The last scenario of the embedded specs with this one added, or the mistakes in it.
fn with_scenario(steps: &str) -> Result<Scenario, String> {
    let text = format!(
        "[[scenario]]\nname = \"x/y\"\npurpose = \"x\"\nclauses = []\nfixtures = {{ a = \"running\" }}\nsteps = [\n{steps}\n]\n"
    );
    let files: Vec<(&str, &str)> = EMBEDDED
        .iter()
        .copied()
        .chain([("x.toml", text.as_str())])
        .collect();
    let contract = load(&files, Edition::Current).map_err(|errors| errors.to_string())?;
    contract
        .scenarios
        .last()
        .cloned()
        .ok_or_else(|| "there is none".to_owned())
}

#[test]
fn a_launch_names_an_instance_that_later_steps_may_use() {
    let scenario = with_scenario(
        "{ launch = \"b\", kind = { root = \"instance-store\" } },\n{ pass = 1500 },\n{ rest = true },\n\
         { call = \"StopInstances\", ids = [\"{a}\", \"{b}\"] },",
    )
    .expect("the steps are known");
    let acts: Vec<&Act> = scenario.steps.iter().map(|step| &step.act).collect();
    let [
        Act::Launch(name, kind),
        Act::Pass(1500),
        Act::Rest,
        Act::Call(call),
    ] = acts.as_slice()
    else {
        panic!("launch, pass, rest, call, not {acts:?}");
    };
    assert_eq!((name.as_str(), kind.root), ("b", Root::InstanceStore));
    assert_eq!(call.params.len(), 2);
}

#[test]
fn a_launch_comes_before_its_name_and_only_once() {
    for (steps, says) in [
        (
            "{ call = \"StopInstances\", ids = [\"{b}\"] },\n{ launch = \"b\" },",
            "x.toml: line 7: unknown fixture \"b\"",
        ),
        ("{ launch = \"a\" },", "x.toml: line 7: duplicate fixture \"a\""),
        (
            "{ launch = \"unknown\" },",
            "x.toml: line 7: \"unknown\" is not a valid name for a fixture",
        ),
        ("{ pass = 0 },", "x.toml: line 7: \"pass\" is 0"),
        ("{ rest = false },", "x.toml: line 7: a step has exactly one of"),
        (
            "{ rest = true, observe = true },",
            "x.toml: line 7: a step has exactly one of",
        ),
    ] {
        let error = with_scenario(steps).expect_err(steps);
        assert!(error.contains(says), "{steps}\n{error}");
    }
}

#[test]
fn a_wait_that_cannot_end_well_is_a_mistake() {
    for (steps, ends) in [
        ("{ settle = [\"a\"], state = \"terminated\" },", false),
        (
            "{ call = \"StopInstances\", ids = [\"{a}\"], dry-run = \"true\" },\n{ settle = [\"a\"], state = \"stopped\" },",
            false,
        ),
        (
            "{ call = \"StopInstances\", ids = [\"{a}\"] },\n{ settle = [\"a\"], state = \"stopped\" },",
            true,
        ),
        (
            "{ settle = [\"a\"], state = \"stopped\" },\n{ call = \"StopInstances\", ids = [\"{a}\"] },",
            false,
        ),
        (
            "{ launch = \"b\" },\n{ settle = [\"b\"], state = \"running\" },",
            true,
        ),
    ] {
        let outcome = with_scenario(steps);
        assert_eq!(outcome.is_ok(), ends, "{steps}\n{outcome:?}");
        if let Err(error) = outcome {
            assert!(error.contains("cannot become"), "{error}");
        }
    }
}

#[test]
fn fixtures_keep_their_order_and_what_is_not_said_is_plain() {
    let contract = good(Edition::Current);
    let scenario = contract.scenarios.first().expect("there is one");
    let names: Vec<&str> = scenario.fixtures.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["b", "a"]);
    let (_, a) = scenario.fixtures.last().expect("there are two");
    assert_eq!(
        (a.state, a.market, a.root),
        (State::Stopped, Market::OneTimeSpot, Root::InstanceStore)
    );
    assert_eq!(
        (a.stop_protected, a.termination_protected, a.hibernation),
        (true, false, false)
    );
}

#[test]
fn an_edition_has_the_rows_that_hold_in_it() {
    let then = good(Edition::October2017);
    let refusal = then
        .refusals
        .first()
        .expect("Spot Instances could not be stopped then");
    assert_eq!(
        (refusal.condition, refusal.demand),
        (Condition::OneTimeSpot, Demand::Must)
    );
    assert_eq!(refusal.masks, [Condition::Stopped]);
    assert!(good(Edition::Current).refusals.is_empty());
    let held = |contract: &Contract| -> Vec<(String, bool)> {
        let parameters = contract.parameters.iter();
        parameters.map(|one| (one.name.clone(), one.holds)).collect()
    };
    let both = |later| [("InstanceId.N".to_owned(), true), ("Hibernate".to_owned(), later)];
    assert_eq!(held(&then), both(false));
    assert_eq!(held(&good(Edition::Current)), both(true));
}

#[test]
fn a_clause_that_does_not_hold_stays_listed_but_is_cited_nowhere() {
    let cited = |contract: &Contract| -> Vec<String> {
        let scenario = contract.scenarios.first().expect("there is one");
        let witness = scenario.steps.iter().flat_map(|step| &step.witness);
        let transitions = contract
            .transitions
            .iter()
            .flat_map(|transition| &transition.clauses);
        let all = scenario.clauses.iter().chain(witness).chain(transitions);
        all.map(ToString::to_string).collect()
    };
    let (then, now) = (good(Edition::October2017), good(Edition::Current));
    assert_eq!(
        cited(&then),
        ["RSP-01", "STT-01", "SPT-04", "SPT-04", "STT-01", "STT-01"]
    );
    assert_eq!(
        cited(&now),
        ["RSP-01", "STT-01", "PRO-01", "STT-01", "STT-01", "PRO-01"]
    );
    let holds = |contract: &Contract, id: &str| {
        let clause = contract.clause(&id.into()).expect("every clause is listed");
        (clause.holds, clause.range.clone())
    };
    assert_eq!(holds(&then, "SPT-04"), (true, "until 2020-02".to_owned()));
    assert_eq!(holds(&now, "SPT-04"), (false, "until 2020-02".to_owned()));
    assert_eq!(holds(&then, "PRO-01"), (false, "since 2022-05".to_owned()));
    assert_eq!(holds(&now, "STT-01"), (true, "always".to_owned()));
}

#[test]
fn the_embedded_specs_have_no_mistakes() {
    for edition in [Edition::October2017, Edition::Current] {
        if let Err(errors) = load(EMBEDDED, edition) {
            panic!("{errors}");
        }
    }
}

/// The embedded rows, without the check of references.
fn embedded_rows() -> Rows {
    let (mut rows, mut errors) = (Rows::default(), Vec::new());
    for (file, text) in EMBEDDED {
        let document = document::parse(text).expect("the embedded specs are TOML");
        rows::read(file, Tables::All, &document, &mut rows, &mut errors);
    }
    check_names(&rows, &mut errors);
    assert_eq!(errors, []);
    rows
}

#[test]
fn every_clause_with_evidence_has_the_month_in_which_it_was_last_confirmed() {
    for row in embedded_rows().clauses {
        let clause = row.value;
        let has_evidence = clause.confidence > super::super::Confidence::Inferred
            || clause.confidence == super::super::Confidence::Sibling;
        assert!(
            clause.confirmed.is_some() || !has_evidence,
            "{} has no month",
            clause.id
        );
    }
}

#[test]
fn every_check_judges_a_clause_and_every_recorded_sample_is_explained() {
    let rows = embedded_rows();
    for check in Check::ALL {
        let judged = rows.clauses.iter().any(|row| row.value.checks.contains(check));
        assert!(judged, "{} judges nothing", check.word());
    }
    let keys: HashSet<&str> = rows.sources.iter().map(|row| row.value.key.as_str()).collect();
    let samples = (1..=52).map(|sample| format!("R{sample:02}"));
    let captures = (1..=176).map(|capture| format!("C{capture:02}"));
    for key in samples.chain(captures) {
        assert!(keys.contains(key.as_str()), "{key} is not explained");
    }
}

#[test]
fn every_clause_that_is_not_inferred_says_where_it_is_from() {
    for row in embedded_rows().clauses {
        let inferred = row.value.confidence == super::super::Confidence::Inferred;
        assert!(inferred || !row.value.sources.is_empty(), "{}", row.value.id);
    }
}

#[test]
fn every_state_of_the_vocabulary_has_its_code() {
    let rows = embedded_rows();
    for name in State::ALL.iter().filter_map(|state| state.wire_name()) {
        assert!(rows.states.iter().any(|row| row.value.name == name), "{name}");
    }
    assert_eq!(rows.states.len(), 6);
}
