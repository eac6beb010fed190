//! From the text of specs files to a checked contract.
//!
//! Enters: file names and texts, and an edition. Leaves: a [`Contract`] in which every reference resolves and every
//! clause is either judged by something and shown by a scenario, or says why not; otherwise all mistakes at once,
//! each with its file and line. Nothing is read from disk here.
//!
//! All rules look at the files as a whole, whatever the edition; the edition only selects rows at the end.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::document;
use super::embedded::EMBEDDED;
use super::mistake::{LoadError, LoadErrors, Mistake};
use super::rows::{self, Mention, MentionKind, Place, Row, Rows};
use super::{Aspects, Clause, ClauseId, Contract, Edition, Parameter, Transition};

/// Makes the contract of one edition from specs files, each a name and a text. Any table may stand in any file.
pub fn load(files: &[(&str, &str)], edition: Edition) -> Result<Contract, LoadErrors> {
    let mut rows = Rows::default();
    let mut errors = Vec::new();
    let mut whole = true;
    for (file, text) in files {
        match document::parse(text) {
            Ok(document) => rows::read(file, &document, &mut rows, &mut errors),
            Err(mistakes) => {
                whole = false;
                errors.extend(mistakes.into_iter().map(|(line, message)| LoadError {
                    file: (*file).to_owned(),
                    line,
                    mistake: Mistake::Syntax(message),
                }));
            }
        }
    }
    check_names(&rows, &mut errors);
    // What a file that cannot be read defines would be missed all over the others.
    if whole {
        if rows.actions.is_empty() {
            let (file, line) = (files.first().map_or("specs", |(file, _)| file).to_owned(), 1);
            let mistake = Mistake::NoAction;
            errors.push(LoadError { file, line, mistake });
        }
        check_references(&rows, &mut errors);
    }
    if errors.is_empty() {
        return Ok(contract(rows, edition));
    }
    let position = |file: &str| files.iter().position(|(name, _)| *name == file);
    errors.sort_by_cached_key(|error| (position(&error.file), error.line));
    Err(LoadErrors(errors))
}

/// The contract that is compiled into the command.
pub fn embedded(edition: Edition) -> Contract {
    load(EMBEDDED, edition).expect("the embedded specs are checked by a test")
}

/// Finds names that are given twice.
fn check_names(rows: &Rows, errors: &mut Vec<LoadError>) {
    // An action, a source and the address of a clause or scenario mean one thing at all times.
    no_two("action", &rows.actions, |_| "action".to_owned(), ever, errors);
    no_two("source", &rows.sources, |source| source.key.clone(), ever, errors);
    no_two(
        "clause",
        &rows.clauses,
        |clause| clause.id.to_string(),
        ever,
        errors,
    );
    no_two(
        "scenario",
        &rows.scenarios,
        |scenario| scenario.name.clone(),
        ever,
        errors,
    );
    // What is answered may differ from time to time.
    no_two(
        "state code",
        &rows.states,
        |state| state.code.to_string(),
        together,
        errors,
    );
    no_two(
        "state name",
        &rows.states,
        |state| state.name.clone(),
        together,
        errors,
    );
    no_two(
        "parameter",
        &rows.parameters,
        |parameter| parameter.name.clone(),
        together,
        errors,
    );
    no_two(
        "refusal",
        &rows.refusals,
        |refusal| refusal.condition.word().to_owned(),
        together,
        errors,
    );
    let prior = |transition: &Transition| format!("{} from {:?}", transition.action, transition.from);
    no_two("transition", &rows.transitions, prior, together, errors);
}

fn ever<T>(_: &Row<T>, _: &Row<T>) -> bool {
    true
}

fn together<T>(a: &Row<T>, b: &Row<T>) -> bool {
    // A word or month that could not be read was replaced by one that may stand elsewhere.
    !a.mended && !b.mended && a.range.meets(b.range)
}

fn no_two<T>(
    noun: &'static str,
    rows: &[Row<T>],
    name: impl Fn(&T) -> String,
    clash: impl Fn(&Row<T>, &Row<T>) -> bool,
    errors: &mut Vec<LoadError>,
) {
    let mut seen: HashMap<String, Vec<&Row<T>>> = HashMap::new();
    for row in rows {
        let name = name(&row.value);
        // A name that could not be read is reported already.
        if name.is_empty() {
            continue;
        }
        let namesakes = seen.entry(name.clone()).or_default();
        if let Some(first) = namesakes.iter().find(|first| clash(first, row)) {
            let first = first.place.to_string();
            errors.push(row.place.error(Mistake::Duplicate { noun, name, first }));
        }
        namesakes.push(row);
    }
}

/// Finds names that nothing carries, and clauses that nothing judges.
fn check_references(rows: &Rows, errors: &mut Vec<LoadError>) {
    let clauses: HashMap<&str, &Row<Clause>> = rows
        .clauses
        .iter()
        .map(|row| (row.value.id.as_str(), row))
        .collect();
    let mut uses = Uses::default();
    for row in &rows.transitions {
        uses.note(row, rows, &clauses, errors);
    }
    for row in &rows.refusals {
        uses.note(row, rows, &clauses, errors);
    }
    for row in &rows.precedences {
        uses.note(row, rows, &clauses, errors);
    }
    for row in &rows.scenarios {
        uses.note(row, rows, &clauses, errors);
    }
    let sources: BTreeSet<&str> = rows.sources.iter().map(|row| row.value.key.as_str()).collect();
    for row in &rows.clauses {
        for mention in &row.mentions {
            check_source(mention, row, &sources, &clauses, errors);
        }
        uses.judge(row, errors);
    }
}

/// Where clauses are cited.
#[derive(Default)]
struct Uses {
    /// The first place that binds a clause.
    binding: HashMap<String, Place>,
    /// The clauses that scenarios are there for.
    listed: HashSet<String>,
}

impl Uses {
    fn note<T>(
        &mut self,
        row: &Row<T>,
        rows: &Rows,
        clauses: &HashMap<&str, &Row<Clause>>,
        errors: &mut Vec<LoadError>,
    ) {
        for mention in &row.mentions {
            let place = row.place.at(mention.line);
            let Some(clause) = clauses.get(mention.name.as_str()) else {
                let known = rows.clauses.iter().map(|row| row.value.id.as_str());
                errors.push(place.error(Mistake::unknown_word("clause", &mention.name, known)));
                continue;
            };
            if !clause.range.meets(row.range) {
                errors.push(place.error(Mistake::NeverTogether {
                    clause: mention.name.clone(),
                    clause_range: clause.range.to_string(),
                    row_range: row.range.to_string(),
                }));
            }
            match mention.kind {
                MentionKind::Binds => {
                    self.binding.entry(mention.name.clone()).or_insert(place);
                }
                MentionKind::Lists => {
                    self.listed.insert(mention.name.clone());
                }
                MentionKind::Source => {}
            }
        }
    }

    /// Whether something finds this clause violated, or a reason says why nothing does.
    fn judge(&self, row: &Row<Clause>, errors: &mut Vec<LoadError>) {
        let clause = row.value.id.as_str();
        if clause.is_empty() {
            return;
        }
        let check = row
            .value
            .checks
            .first()
            .map(|check| format!("the check {}", check.word()));
        let bound = check.or_else(|| self.binding.get(clause).map(Place::to_string));
        let clause = clause.to_owned();
        let mistake = match (bound, &row.value.untested) {
            (None, Some(_)) => return,
            (Some(_), None) if self.listed.contains(&clause) => return,
            (Some(_), None) => Mistake::Unlisted { clause },
            (None, None) => Mistake::Unbound { clause },
            (Some(place), Some(_)) => Mistake::BoundAndUntested { clause, place },
        };
        errors.push(row.place.error(mistake));
    }
}

/// A source may be free text, but what looks like a key must be one.
fn check_source(
    mention: &Mention,
    row: &Row<Clause>,
    sources: &BTreeSet<&str>,
    clauses: &HashMap<&str, &Row<Clause>>,
    errors: &mut Vec<LoadError>,
) {
    if mention.kind != MentionKind::Source {
        return;
    }
    let text = mention.name.as_str();
    let key = text.split(' ').next().unwrap_or_default();
    let looks_like_a_key = key
        .bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
    let resolves = sources.contains(text) || sources.contains(key) || clauses.contains_key(text);
    if looks_like_a_key && !resolves {
        let known = sources.iter().copied();
        let mistake = Mistake::unknown_word("source", text, known);
        errors.push(row.place.at(mention.line).error(mistake));
    }
}

/// Selects what holds in the edition.
fn contract(rows: Rows, edition: Edition) -> Contract {
    let clauses: Vec<Clause> = rows
        .clauses
        .into_iter()
        .map(|row| Clause {
            holds: row.range.holds_in(edition),
            ..row.value
        })
        .collect();
    let holding: HashSet<ClauseId> = clauses
        .iter()
        .filter(|clause| clause.holds)
        .map(|clause| clause.id.clone())
        .collect();
    // A row may cite a clause that holds for a part of its time only.
    let keep = |ids: &mut Vec<ClauseId>| ids.retain(|id| holding.contains(id));
    let parameters = rows
        .parameters
        .into_iter()
        .map(|row| Parameter {
            holds: row.range.holds_in(edition),
            ..row.value
        })
        .collect();
    let mut transitions = values(rows.transitions, edition);
    for transition in &mut transitions {
        keep(&mut transition.clauses);
    }
    let mut refusals = values(rows.refusals, edition);
    for refusal in &mut refusals {
        let Aspects {
            refused,
            status,
            code,
            preferred,
            message,
            effect,
            mates,
        } = &mut refusal.clauses;
        for ids in [refused, status, code, preferred, message, effect, mates] {
            keep(ids);
        }
    }
    let mut precedences = values(rows.precedences, edition);
    for precedence in &mut precedences {
        keep(&mut precedence.clauses);
    }
    let mut scenarios = values(rows.scenarios, edition);
    for scenario in &mut scenarios {
        keep(&mut scenario.clauses);
        for step in &mut scenario.steps {
            keep(&mut step.witness);
        }
    }
    Contract {
        action: rows
            .actions
            .into_iter()
            .map(|row| row.value)
            .next()
            .unwrap_or_default(),
        edition,
        parameters,
        states: values(rows.states, edition),
        sources: values(rows.sources, edition),
        clauses,
        transitions,
        refusals,
        precedences,
        scenarios,
    }
}

/// The values of the rows that hold in the edition.
fn values<T>(rows: Vec<Row<T>>, edition: Edition) -> Vec<T> {
    rows.into_iter()
        .filter(|row| row.range.holds_in(edition))
        .map(|row| row.value)
        .collect()
}

#[cfg(test)]
#[expect(clippy::panic, reason = "a test that fails says what it saw")]
mod tests {
    use super::super::{Act, Check, Condition, Demand, Level, Market, Root, State};
    use super::*;
    use crate::call::{Auth, Method};

    /// A small contract without mistakes.
    const GOOD: &str = r#"[action]
name = "StopInstances"

[[parameter]]
name = "InstanceId.N"
type = "string-list"
required = true

[[parameter]]
name = "Hibernate"
type = "boolean"
required = false
since = "2018-11"

[[state]]
code = 16
name = "running"

[[source]]
key = "API"
title = "The reference"

[[clause]]
id = "RSP-01"
group = "response shape"
level = "must"
confidence = "documented+recorded"
statement = "Success is 200."
sources = ["API", "API page 2", "somebody's log"]
note = "A remark."
checks = ["success-status"]

[[clause]]
id = "STT-01"
group = "state transition"
level = "must"
confidence = "documented"
statement = "Running goes to stopping."
sources = ["RSP-01"]

[[clause]]
id = "SPT-04"
group = "spot"
level = "must"
confidence = "recorded"
until = "2020-02"
statement = "No Spot Instance can be stopped."
sources = []

[[clause]]
id = "PRO-01"
group = "stop protection"
level = "should"
confidence = "contradicted"
since = "2022-05"
statement = "A protected instance is not stopped."
sources = []

[[clause]]
id = "THR-01"
group = "throttling"
level = "may"
confidence = "inferred"
statement = "Buckets leak."
sources = []
untested = "it would disturb others"

[[transition]]
action = "StopInstances"
from = "running"
answers = [
  { previous = "running", current = "stopping", then = "stopping" },
  { previous = "running", current = "stopped", then = "stopped", odd = true },
]
clauses = ["STT-01", "PRO-01"]

[[refusal]]
condition = "one-time-spot"
demand = "must"
until = "2020-03"
answers = [{ code = "UnsupportedOperation", status = [400], message = "^The instance '{id}'$" }]
masks = ["stopped"]
clauses = { refused = ["SPT-04"], effect = ["STT-01"] }

[[scenario]]
name = "stop/running-2"
purpose = "A running instance is stopped."
clauses = ["RSP-01", "STT-01", "SPT-04", "PRO-01"]
fixtures = { b = "running", a = { state = "stopped", market = "one-time-spot", root = "instance-store", stop-protected = true } }
steps = [
  { call = "StopInstances", ids = ["{b}", "ma1", "{unknown2}"], force = "true", dry-run = "1", params = [["Bogus", "{short}"]], witness = ["SPT-04", "STT-01"], control = true },
  { call = "StopInstances", ids = ["{a}"], form = { method = "GET", auth = "unsigned" }, omit = ["action", "version"], together = 8 },
  { settle = ["a"], state = "stopped" },
  { observe = true },
]
"#;

    fn good(edition: Edition) -> Contract {
        load(&[("specs/x.toml", GOOD)], edition).expect("the small contract has no mistakes")
    }

    fn errors_of(files: &[(&str, &str)]) -> Vec<String> {
        match load(files, Edition::Current) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.0.iter().map(LoadError::to_string).collect(),
        }
    }

    /// The messages after one piece of the small contract was replaced.
    #[track_caller]
    fn mistakes(from: &str, to: &str) -> Vec<String> {
        assert_eq!(
            GOOD.matches(from).count(),
            1,
            "{from:?} stands in the small contract once"
        );
        errors_of(&[("specs/x.toml", &GOOD.replace(from, to))])
    }

    /// The replacement makes exactly one mistake, and its message begins like this.
    #[track_caller]
    fn one_mistake(from: &str, to: &str, message: &str) {
        let found = mistakes(from, to);
        let [only] = found.as_slice() else {
            panic!("one mistake, not {found:#?}")
        };
        assert!(only.starts_with(&format!("specs/x.toml: {message}")), "{only}");
    }

    /// As `one_mistake`, on the first line of the replaced piece.
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
                ("Bogus", "{short}"),
            ]
        );
        assert_eq!(
            (call.action.as_deref(), first.control),
            (Some("StopInstances"), true)
        );
        assert!(call.form.is_plain());
        let Act::Together(call, 8) = &second.act else {
            panic!("eight calls, not {:?}", second.act);
        };
        assert_eq!((&call.action, &call.form.version), (&None, &None));
        assert_eq!(
            (call.form.method, call.auth(), second.control),
            (Method::Get, Auth::Unsigned, false)
        );
        assert!(call.form.content_type.is_some());
        assert!(matches!(&third.act, Act::Settle(names, State::Stopped) if names == &["a"]));
        assert!(matches!(fourth.act, Act::Observe));
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
    fn unknown_words_are_told_with_the_closest_first() {
        for (from, word, message) in [
            (
                "condition = \"one-time-spot\"",
                "one-time-spit",
                "unknown condition \"one-time-spit\" (known: one-time-spot, ",
            ),
            (
                "demand = \"must\"",
                "mist",
                "unknown demand \"mist\" (known: must, may, odd, should)",
            ),
            (
                "level = \"may\"",
                "MAY",
                "unknown level \"MAY\" (known: may, must, should, must-not)",
            ),
            (
                "confidence = \"inferred\"",
                "infered",
                "unknown confidence \"infered\" (known: inferred, recorded, ",
            ),
            (
                "from = \"running\"",
                "runing",
                "unknown state \"runing\" (known: running, ",
            ),
            (
                "type = \"string-list\"",
                "string",
                "unknown parameter type \"string\" (known: string-list, boolean)",
            ),
        ] {
            let (key, _) = from.split_once(" = ").expect("each piece is a key and a word");
            mistake_here(from, &format!("{key} = \"{word}\""), message);
        }
        mistake_here(
            "masks = [\"stopped\"]",
            "masks = [\"stoped\"]",
            "unknown condition \"stoped\" (known: stopped, ",
        );
        mistake_here(
            "[\"success-status\"]",
            "[\"success-status\", \"succes\"]",
            "unknown check \"succes\" (known: success-status, ",
        );
        let to = "{ previous = \"running\", current = \"restarting\", then = \"stopping\" }";
        let from = "{ previous = \"running\", current = \"stopping\", then = \"stopping\" }";
        mistake_here(from, to, "unknown state name \"restarting\" (known: ");
        one_mistake(
            "16\nname = \"running\"",
            "16\nname = \"runs\"",
            "line 17: unknown state name \"runs\" (known: running, ",
        );
    }

    #[test]
    fn unknown_words_within_a_scenario_are_told_at_their_line() {
        for (from, to, message) in [
            (
                "method = \"GET\"",
                "method = \"PUT\"",
                "unknown method \"PUT\" (known: POST, GET)",
            ),
            (
                "auth = \"unsigned\"",
                "auth = \"none\"",
                "unknown auth \"none\" (known: ",
            ),
            (
                "[\"action\", \"version\"]",
                "[\"action\", \"body\"]",
                "unknown part to omit \"body\" (known: action, version, content-type)",
            ),
            (
                "root = \"instance-store\"",
                "root = \"ebz\"",
                "unknown root device \"ebz\" (known: ebs, instance-store)",
            ),
            (
                "market = \"one-time-spot\"",
                "market = \"spot\"",
                "unknown market \"spot\" (known: ",
            ),
            (
                "{ b = \"running\"",
                "{ b = \"runing\"",
                "unknown state \"runing\" (known: running, ",
            ),
            (
                "{ settle = [\"a\"], state = \"stopped\" }",
                "{ settle = [\"a\"], state = \"off\" }",
                "unknown state \"off\" (known: ",
            ),
        ] {
            mistake_here(from, to, message);
        }
        no_mistake(
            "method = \"GET\"",
            "method = \"POST\", order = \"action-last\", encoding = \"every-byte\", content-type = \"text/plain\"",
        );
    }

    #[test]
    fn unknown_keys_are_told_with_those_of_their_table() {
        for (from, to, message) in [
            (
                "note = \"A",
                "nota = \"A",
                "unknown key \"nota\" in clause (known: note, ",
            ),
            (
                "odd = true",
                "off = true",
                "unknown key \"off\" in answer (known: odd, then, previous, current)",
            ),
            (
                "masks = [",
                "mask = [",
                "unknown key \"mask\" in refusal (known: masks, ",
            ),
            (
                "effect = [",
                "efect = [",
                "unknown key \"efect\" in clauses (known: effect, ",
            ),
            (
                "status = [400]",
                "status = [400], text = \"x\"",
                "unknown key \"text\" in answer (known: code, ",
            ),
            (
                "stop-protected = true",
                "stop_protected = true",
                "unknown key \"stop_protected\" in fixture (known: stop-protected, ",
            ),
            (
                "together = 8",
                "togther = 8",
                "unknown key \"togther\" in step (known: together, ",
            ),
            (
                "{ observe = true }",
                "{ observe = true, control = true }",
                "unknown key \"control\" in step (known: observe, witness)",
            ),
            (
                "method = \"GET\"",
                "verb = \"GET\"",
                "unknown key \"verb\" in step's form (known: ",
            ),
            (
                "title = \"The",
                "url = \"x\"\ntitle = \"The",
                "unknown key \"url\" in source (known: key, title)",
            ),
        ] {
            let message = message.replace("step's form", "form");
            mistake_here(from, to, &message);
        }
        mistake_here(
            "[action]\n",
            "[extra]\n[action]\n",
            "unknown key \"extra\" in the file (known: action, ",
        );
    }

    #[test]
    fn what_a_table_lacks_is_told_at_its_header() {
        for (from, message) in [
            ("name = \"StopInstances\"\n", "line 1: action without \"name\""),
            ("required = true\n", "line 4: parameter without \"required\""),
            ("title = \"The reference\"\n", "line 19: source without \"title\""),
            ("level = \"may\"\n", "line 59: clause without \"level\""),
            (
                "statement = \"Buckets leak.\"\n",
                "line 59: clause without \"statement\"",
            ),
            ("demand = \"must\"\n", "line 77: refusal without \"demand\""),
            (
                "purpose = \"A running instance is stopped.\"\n",
                "line 85: scenario without \"purpose\"",
            ),
            (", state = \"stopped\" },\n", "line 93: step without \"state\""),
        ] {
            let to = if from.ends_with("},\n") { " },\n" } else { "" };
            one_mistake(from, to, message);
        }
    }

    #[test]
    fn wrong_types_are_told_with_both_types() {
        for (from, to, message) in [
            (
                "required = true",
                "required = \"yes\"",
                "\"required\" is a string, expected a boolean",
            ),
            (
                "code = 16",
                "code = \"16\"",
                "\"code\" is a string, expected an integer",
            ),
            (
                "note = \"A remark.\"",
                "note = 1.5",
                "\"note\" is a float, expected a string",
            ),
            (
                "note = \"A remark.\"",
                "note = 2018-11-28",
                "\"note\" is a date, expected a string",
            ),
            (
                "masks = [\"stopped\"]",
                "masks = \"stopped\"",
                "\"masks\" is a string, expected a list",
            ),
            (
                "dry-run = \"1\"",
                "dry-run = true",
                "\"dry-run\" is a boolean, expected a string",
            ),
            ("[[\"Bogus\", \"{short}\"]]", "[\"Bogus\", []]", ""),
            (
                "[[\"Bogus\", \"{short}\"]]",
                "[[\"Bogus\"]]",
                "\"params\" is a list, expected a list of pairs",
            ),
            (
                "{ observe = true }",
                "\"observe\"",
                "\"steps\" is a string, expected a list of tables",
            ),
            (
                "{ method = \"GET\", auth = \"unsigned\" }",
                "\"GET\"",
                "\"form\" is a string, expected a table",
            ),
        ] {
            if message.is_empty() {
                assert_eq!(mistakes(from, to).len(), 2, "{to}");
            } else {
                mistake_here(from, to, message);
            }
        }
        mistake_here("[[state]]", "[state]", "\"state\" is a table, expected a list");
    }

    #[test]
    fn numbers_have_bounds() {
        mistake_here(
            "status = [400]",
            "status = [399]",
            "\"status\" is 399, expected 400 to 599",
        );
        mistake_here(
            "status = [400]",
            "status = [600]",
            "\"status\" is 600, expected 400 to 599",
        );
        no_mistake("status = [400]", "status = [400, 599]");
        mistake_here("code = 16", "code = 256", "\"code\" is 256, expected 0 to 255");
        no_mistake("code = 16", "code = 255");
        mistake_here(
            "together = 8",
            "together = 1",
            "\"together\" is 1, expected 2 to 64",
        );
        no_mistake("together = 8", "together = 2");
    }

    #[test]
    fn what_must_hold_something_does() {
        let answers =
            "[{ code = \"UnsupportedOperation\", status = [400], message = \"^The instance '{id}'$\" }]";
        mistake_here(answers, "[]", "\"answers\" is empty");
        let from = "demand = \"must\"\nuntil = \"2020-03\"\nanswers = ";
        let from = format!("{from}{answers}");
        no_mistake(&from, "demand = \"may\"\nuntil = \"2020-03\"\nanswers = []");
        mistake_here("status = [400]", "status = []", "\"status\" is empty");
        mistake_here(
            "untested = \"it would disturb others\"",
            "untested = \" \"",
            "\"untested\" is empty",
        );
        mistake_here("settle = [\"a\"]", "settle = []", "\"settle\" is empty");
        no_mistake("\"ma1\"", "\"\"");
    }

    #[test]
    fn months_are_months_and_a_range_has_one() {
        mistake_here(
            "since = \"2022-05\"",
            "since = \"2022-13\"",
            "\"2022-13\" is no month, expected YYYY-MM",
        );
        let to = "until = \"2020-03\"\nsince = \"2020-03\"";
        mistake_here(
            "until = \"2020-03\"",
            to,
            "the range is empty: since 2020-03 is not before until 2020-03",
        );
        no_mistake("until = \"2020-03\"", "until = \"2020-03\"\nsince = \"2020-01\"");
    }

    #[test]
    fn a_message_is_a_pattern_once_its_holes_are_filled() {
        let message = "message = \"^The instance '{id}'$\"";
        mistake_here(message, "message = '^(a$'", "\"^(a$\" is no pattern: ");
        mistake_here(message, "message = '^{name}$'", "\"^{name}$\" is no pattern: ");
        no_mistake(message, "message = '^({id}|{value}) \\d{4}$'");
    }

    #[test]
    fn names_have_their_letters() {
        let rule = "\"Stop/Running\" is no name of a scenario: small letters, digits and - only, with single slashes between";
        mistake_here("name = \"stop/running-2\"", "name = \"Stop/Running\"", rule);
        for name in ["/a", "a/", "a//b"] {
            let to = format!("name = \"{name}\"");
            let message = format!("\"{name}\" is no name of a scenario");
            mistake_here("name = \"stop/running-2\"", &to, &message);
        }
        no_mistake("name = \"stop/running-2\"", "name = \"a/b/c\"");
        mistake_here(
            "{ b = \"running\"",
            "{ b = \"running\", short = \"running\"",
            "\"short\" is no name of a fixture",
        );
        mistake_here(
            "{ b = \"running\"",
            "{ b = \"running\", C = \"running\"",
            "\"C\" is no name of a fixture",
        );
    }

    #[test]
    fn a_step_does_exactly_one_thing() {
        let shape = "a step has exactly one of call, settle and observe";
        mistake_here("{ observe = true }", "{ observe = false }", shape);
        mistake_here(
            "{ observe = true }",
            "{ observe = true, settle = [\"a\"], state = \"stopped\" }",
            shape,
        );
        mistake_here("{ observe = true }", "{ }", shape);
    }

    #[test]
    fn references_name_a_fixture_or_a_decoy() {
        let known = "(known: a, b, short, unknown, unknown2)";
        mistake_here(
            "ids = [\"{a}\"]",
            "ids = [\"{c}\"]",
            &format!("unknown fixture \"c\" {}", known.replace("a, b", "b, a")),
        );
        mistake_here("\"{short}\"", "\"x{b}y{c}\"", "unknown fixture \"c\"");
        mistake_here("\"{unknown2}\"", "\"{unknownX}\"", "unknown fixture \"unknownX\"");
        mistake_here(
            "ids = [\"{a}\"]",
            "ids = [\"{a.colour}\"]",
            "unknown fixture \"a.colour\"",
        );
        no_mistake(
            "ids = [\"{a}\"]",
            "ids = [\"{a.spot}\", \"{a.upper}\", \"{unknown1..100}\"]",
        );
        no_mistake("\"{unknown2}\"", "\" {unknown9}{unknown}%20\"");
        mistake_here(
            "\"{unknown2}\"",
            "\"{unknown2\"",
            "\"{unknown2\" opens a reference and does not close it",
        );
        no_mistake("\"{unknown2}\"", "\"unknown2}\"");
        mistake_here(
            "settle = [\"a\"]",
            "settle = [\"short\"]",
            "unknown fixture \"short\" (known: ",
        );
    }

    #[test]
    fn a_citation_names_a_clause_wherever_it_stands() {
        let known = "unknown clause \"STT-02\" (known: STT-01, ";
        mistake_here("effect = [\"STT-01\"]", "effect = [\"STT-02\"]", known);
        mistake_here(
            "[\"STT-01\", \"PRO-01\"]",
            "[\"STT-01\", \"STT-02\", \"PRO-01\"]",
            known,
        );
        mistake_here(
            "witness = [\"SPT-04\", \"STT-01\"]",
            "witness = [\"STT-02\"]",
            known,
        );
        mistake_here(
            "[\"RSP-01\", \"STT-01\", ",
            "[\"RSP-01\", \"STT-02\", \"STT-01\", ",
            known,
        );
    }

    #[test]
    fn a_citation_of_a_clause_that_never_holds_there_is_told() {
        let message = "PRO-01 holds since 2022-05, and never where it is cited (until 2020-03)";
        mistake_here("effect = [\"STT-01\"]", "effect = [\"PRO-01\"]", message);
        no_mistake("effect = [\"STT-01\"]", "effect = [\"SPT-04\"]");
    }

    #[test]
    fn a_source_that_looks_like_a_key_is_one() {
        mistake_here(
            "sources = [\"API\", ",
            "sources = [\"R53\", ",
            "unknown source \"R53\" (known: API)",
        );
        mistake_here(
            "sources = [\"RSP-01\"]",
            "sources = [\"RSP-02\"]",
            "unknown source \"RSP-02\"",
        );
        no_mistake("sources = [\"API\", ", "sources = [\"Java and Go SDKs\", ");
    }

    #[test]
    fn a_name_is_given_once() {
        let again = |table: &str| {
            let from = format!("[[{table}]]");
            let start = GOOD
                .lines()
                .position(|line| line == from)
                .expect("the table is there");
            let rows: Vec<&str> = GOOD.lines().skip(start).collect();
            let length = rows
                .iter()
                .skip(1)
                .position(|line| line.starts_with('['))
                .unwrap_or(rows.len());
            let row = rows
                .iter()
                .take(length + 1)
                .copied()
                .collect::<Vec<_>>()
                .join("\n");
            errors_of(&[("specs/x.toml", GOOD), ("specs/y.toml", &row)])
        };
        for (table, message) in [
            (
                "parameter",
                "line 1: duplicate parameter \"InstanceId.N\" (first in specs/x.toml: line 4)",
            ),
            (
                "source",
                "line 1: duplicate source \"API\" (first in specs/x.toml: line 19)",
            ),
            (
                "clause",
                "line 1: duplicate clause \"RSP-01\" (first in specs/x.toml: line 23)",
            ),
            (
                "transition",
                "line 1: duplicate transition \"StopInstances from Running\" (first in specs/x.toml: line 68)",
            ),
            (
                "refusal",
                "line 1: duplicate refusal \"one-time-spot\" (first in specs/x.toml: line 77)",
            ),
            (
                "scenario",
                "line 1: duplicate scenario \"stop/running-2\" (first in specs/x.toml: line 85)",
            ),
        ] {
            assert_eq!(again(table), [format!("specs/y.toml: {message}")]);
        }
        assert_eq!(again("state").len(), 2, "both the code and the name are taken");
        let second = "[action]\nname = \"StartInstances\"\n";
        let found = errors_of(&[("specs/x.toml", GOOD), ("specs/y.toml", second)]);
        assert_eq!(
            found,
            ["specs/y.toml: line 1: duplicate action \"action\" (first in specs/x.toml: line 1)"]
        );
    }

    #[test]
    fn what_is_answered_may_differ_from_time_to_time() {
        let row = "[[refusal]]\ncondition = \"one-time-spot\"\ndemand = \"may\"\nsince = \"2020-MM\"\nclauses = {}\n";
        let with = |month| {
            errors_of(&[
                ("specs/x.toml", GOOD),
                ("specs/y.toml", &row.replace("MM", month)),
            ])
        };
        assert_eq!(with("03"), [""; 0]);
        assert_eq!(with("02").len(), 1);
    }

    #[test]
    fn a_word_that_cannot_be_read_is_no_duplicate_of_its_replacement() {
        let row = "[[refusal]]\ncondition = \"unsigned\"\ndemand = \"may\"\nclauses = {}\n";
        let typo = row.replace("unsigned", "unsinged");
        let found = errors_of(&[("specs/x.toml", GOOD), ("specs/y.toml", &[row, &typo].concat())]);
        let [only] = found.as_slice() else {
            panic!("one mistake, not {found:#?}")
        };
        assert!(
            only.starts_with("specs/y.toml: line 6: unknown condition \"unsinged\""),
            "{only}"
        );
        let found = errors_of(&[("specs/x.toml", GOOD), ("specs/y.toml", &[row, row].concat())]);
        let duplicate = "duplicate refusal \"unsigned\" (first in specs/y.toml: line 1)";
        assert_eq!(found, [format!("specs/y.toml: line 5: {duplicate}")]);
    }

    #[test]
    fn a_clause_is_bound_or_says_why_not() {
        let untested = "untested = \"it would disturb others\"\n";
        one_mistake(untested, "", "line 59: THR-01 is bound to nothing: ");
        let checks = format!("{untested}checks = [\"server-header\"]\n");
        let message = "line 59: THR-01 is marked untested, yet bound by the check server-header";
        one_mistake(untested, &checks, message);
        let message = "line 59: THR-01 is marked untested, yet bound by specs/x.toml: line 83";
        one_mistake("effect = [\"STT-01\"]", "effect = [\"THR-01\"]", message);
    }

    #[test]
    fn a_clause_that_can_be_tested_has_a_scenario() {
        let from = "[\"RSP-01\", \"STT-01\", \"SPT-04\", \"PRO-01\"]";
        one_mistake(
            from,
            "[\"STT-01\", \"SPT-04\", \"PRO-01\"]",
            "line 23: RSP-01 can be tested, yet no scenario lists it",
        );
        no_mistake(from, "[\"PRO-01\", \"RSP-01\", \"STT-01\", \"SPT-04\"]");
    }

    #[test]
    fn every_mistake_is_told_at_once_in_the_order_of_the_files() {
        let a = "[[source]]\nkey = 1\n";
        let b = GOOD
            .replace("demand = \"must\"", "demand = \"mist\"")
            .replace("code = 16", "code = -1");
        let found = errors_of(&[("a.toml", a), ("b.toml", &b)]);
        assert_eq!(
            found,
            [
                "a.toml: line 1: source without \"title\"",
                "a.toml: line 2: \"key\" is an integer, expected a string",
                "b.toml: line 16: \"code\" is -1, expected 0 to 255",
                "b.toml: line 79: unknown demand \"mist\" (known: must, may, odd, should)",
            ]
        );
        let all = load(&[("a.toml", a), ("b.toml", &b)], Edition::Current).expect_err("there are four");
        assert_eq!(all.to_string(), found.join("\n"));
    }

    #[test]
    fn a_file_that_is_no_toml_does_not_hide_mistakes_of_others_nor_make_new_ones() {
        let rows = "[[scenario]]\nname = \"x\"\npurpose = \"X.\"\nclauses = [\"ABC-01\"]\nsteps = []\n";
        let found = errors_of(&[("a.toml", "[action]\nname = = \"x\"\n"), ("b.toml", rows)]);
        let (first, rest) = found.split_first().expect("both files are wrong");
        assert!(first.starts_with("a.toml: line 2: "), "{first}");
        assert_eq!(
            rest.last().map(String::as_str),
            Some("b.toml: line 5: \"steps\" is empty")
        );
        assert!(
            !found.iter().any(|message| message.contains("ABC-01")),
            "{found:?}"
        );
    }

    #[test]
    fn files_without_an_action_are_no_contract() {
        assert_eq!(
            errors_of(&[("a.toml", "")]),
            ["a.toml: line 1: no [action] in any file"]
        );
        assert_eq!(errors_of(&[]), ["specs: line 1: no [action] in any file"]);
        assert_eq!(
            errors_of(&[("a.toml", "[action]\nname = \"StopInstances\"\n")]),
            [""; 0]
        );
    }

    #[test]
    fn the_embedded_specs_have_no_mistakes() {
        for edition in [Edition::October2017, Edition::Current] {
            if let Err(errors) = load(EMBEDDED, edition) {
                panic!("{errors}");
            }
        }
    }

    /// The embedded rows, without a look at how they fit together.
    fn embedded_rows() -> Rows {
        let (mut rows, mut errors) = (Rows::default(), Vec::new());
        for (file, text) in EMBEDDED {
            let document = document::parse(text).expect("the embedded specs are TOML");
            rows::read(file, &document, &mut rows, &mut errors);
        }
        check_names(&rows, &mut errors);
        assert_eq!(errors, []);
        rows
    }

    #[test]
    fn the_evidence_has_161_clauses_and_so_have_the_specs() {
        let rows = embedded_rows();
        let ids: HashSet<&str> = rows.clauses.iter().map(|row| row.value.id.as_str()).collect();
        assert_eq!(ids.len(), 161);
        assert_eq!(rows.clauses.len(), 161);
    }

    #[test]
    fn every_check_judges_a_clause_and_every_recorded_sample_is_explained() {
        let rows = embedded_rows();
        for check in Check::ALL {
            let judged = rows.clauses.iter().any(|row| row.value.checks.contains(check));
            assert!(judged, "{} judges nothing", check.word());
        }
        let keys: HashSet<&str> = rows.sources.iter().map(|row| row.value.key.as_str()).collect();
        for sample in 1..=52 {
            assert!(
                keys.contains(format!("R{sample:02}").as_str()),
                "R{sample:02} is not explained"
            );
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
}
