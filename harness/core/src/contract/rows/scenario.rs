//! Reads the scenarios of the specs files: fixtures, steps, and their calls.

use super::super::manual::{self, DECOYS, PARTS, STEPS};
use super::super::{AUXILIARY_ACTIONS, SameAs, TableKey};
use super::*;

/// Reads scenarios.
impl Reader<'_> {
    pub(super) fn scenario(&mut self, node: &Node) -> (Scenario, Range) {
        let table = self.keyed("scenario", node, manual::SCENARIO);
        let name = self.filled(&table, "name");
        let in_path = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'/';
        let gap = !name.is_empty() && name.split('/').any(str::is_empty);
        if gap || !name.bytes().all(in_path) {
            let rule = "small letters, digits and - only, with single slashes between";
            self.bad_name(&table, "scenario", &name, rule);
        }
        let fixtures = table
            .get("fixtures")
            .map(|node| self.fixtures(node))
            .unwrap_or_default();
        let mut names: Vec<String> = fixtures.iter().map(|(name, _)| name.clone()).collect();
        let mut labels = Vec::new();
        let nodes = self.need_some(&table, "steps");
        let steps: Vec<Step> = nodes
            .iter()
            .map(|node| self.step(node, &mut names, &mut labels))
            .collect();
        for (at, (node, step)) in nodes.iter().zip(&steps).enumerate() {
            if let Act::Settle(waited, state) = &step.act {
                let earlier = steps.get(..at).unwrap_or_default();
                self.can_settle(node.line, waited, *state, &fixtures, earlier);
            }
        }
        // Every case of the contract covers a clause; a user may just want to see the answer.
        let clauses = match (table.get("clauses"), self.tables) {
            (None, Tables::Scenarios) => Vec::new(),
            (_, Tables::Scenarios | Tables::All) => self.clauses(&table, "clauses", MentionKind::Lists),
        };
        if self.tables == Tables::Scenarios && clauses.is_empty() {
            for (node, step) in nodes.iter().zip(&steps) {
                self.knows_action(node.line, &step.act);
            }
        }
        let rounds: usize = table
            .get("repeat")
            .and_then(|node| self.number("repeat", node, 2, 100))
            .unwrap_or(1);
        // An answer of another round is not the one that is meant.
        let launches = steps.iter().any(|step| matches!(step.act, Act::Launch(..)));
        if let Some(node) = table.get("repeat").filter(|_| launches || !labels.is_empty()) {
            self.wrong(node.line, Mistake::LabelsRepeated);
        }
        let scenario = Scenario {
            purpose: self.filled(&table, "purpose"),
            clauses,
            steps: std::iter::repeat_n(steps, rounds).flatten().collect(),
            fixtures,
            name,
        };
        (scenario, self.range(&table))
    }

    pub(super) fn fixtures(&mut self, node: &Node) -> Vec<(String, FixtureKind)> {
        let Value::Table(entries) = &node.value else {
            self.wrong_type("fixtures", node, "a table");
            return Vec::new();
        };
        entries
            .iter()
            .map(|entry| {
                self.instance_name(entry.line, &entry.key);
                (entry.key.clone(), self.fixture(&entry.node))
            })
            .collect()
    }

    fn instance_name(&mut self, line: usize, name: &str) {
        let in_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.is_empty() || !name.bytes().all(in_name) || is_decoy(name) {
            let mistake = Mistake::BadName {
                noun: "fixture",
                name: name.to_owned(),
                rule: "small letters, digits and -, and neither unknown nor long",
            };
            self.wrong(line, mistake);
        }
    }

    fn fixture(&mut self, node: &Node) -> FixtureKind {
        if let Value::Text(_) = node.value {
            return FixtureKind {
                state: self.word("state", node).unwrap_or(State::Running),
                ..FixtureKind::default()
            };
        }
        let table = self.keyed("fixture", node, manual::FIXTURE);
        let plain = FixtureKind::default();
        let mut truth = |key| table.get(key).is_some_and(|node| self.truth(key, node));
        let [stop_protected, termination_protected, hibernation] =
            ["stop-protected", "termination-protected", "hibernation"].map(&mut truth);
        FixtureKind {
            state: table
                .get("state")
                .and_then(|node| self.word("state", node))
                .unwrap_or(plain.state),
            market: table
                .get("market")
                .and_then(|node| self.word::<Market>("market", node))
                .unwrap_or(plain.market),
            root: table
                .get("root")
                .and_then(|node| self.word::<Root>("root device", node))
                .unwrap_or(plain.root),
            stop_protected,
            termination_protected,
            hibernation,
        }
    }

    /// Reads a step. A launch adds a name for later steps, a label adds an answer that they may be compared with.
    fn step(&mut self, node: &Node, names: &mut Vec<String>, labels: &mut Vec<String>) -> Step {
        let verbs: Vec<&str> = match &node.value {
            Value::Table(entries) => entries
                .iter()
                .map(|entry| entry.key.as_str())
                .filter(|key| STEPS.iter().any(|(verb, _)| verb == key))
                .collect(),
            Value::Text(_)
            | Value::Whole(_)
            | Value::Real(_)
            | Value::Truth(_)
            | Value::List(_)
            | Value::Other(_) => Vec::new(),
        };
        let (table, act) = match verbs.as_slice() {
            ["call"] => {
                let table = self.keyed("step", node, manual::CALL);
                let template = self.call(&table, names);
                let together = table
                    .get("together")
                    .and_then(|node| self.number::<usize>("together", node, 2, 64));
                let pages = table
                    .get("pages")
                    .and_then(|node| self.number("pages", node, 2, 100));
                let act = match (together, pages) {
                    (Some(times), None) => Act::Overlap(vec![vec![template]; times]),
                    (None, Some(most)) => Act::Pages(template, most),
                    (None, None) => Act::Call(template),
                    (Some(_), Some(_)) => {
                        self.wrong(node.line, Mistake::StepShape);
                        Act::Call(template)
                    }
                };
                (table, act)
            }
            ["overlap"] => {
                let table = self.keyed("step", node, manual::OVERLAP);
                let callers = self.need_some(&table, "overlap");
                let callers = callers.iter().map(|node| self.caller(node, names)).collect();
                (table, Act::Overlap(callers))
            }
            ["settle"] => {
                let table = self.keyed("step", node, manual::SETTLE);
                let act = self.settle(&table, names);
                (table, act)
            }
            ["launch"] => {
                let table = self.keyed("step", node, manual::LAUNCH);
                let name = self.filled(&table, "launch");
                let line = table.get("launch").map_or(node.line, |node| node.line);
                self.instance_name(line, &name);
                if names.contains(&name) {
                    let first = "this scenario".to_owned();
                    let noun = "fixture";
                    let name = name.clone();
                    self.wrong(line, Mistake::Duplicate { noun, name, first });
                }
                let kind = table
                    .get("kind")
                    .map(|node| self.fixture(node))
                    .unwrap_or_default();
                names.push(name.clone());
                (table, Act::Launch(name, kind))
            }
            ["pass"] => {
                let table = self.keyed("step", node, manual::PASS);
                let ms = table
                    .get("pass")
                    .and_then(|node| self.number("pass", node, 1, LONGEST_PASS_MS));
                (table, Act::Pass(ms.unwrap_or(1)))
            }
            [verb @ ("observe" | "rest")] => {
                let (keys, act) = match *verb {
                    "rest" => (manual::REST, Act::Rest),
                    _ => (manual::OBSERVE, Act::Observe),
                };
                let table = self.keyed("step", node, keys);
                if table.get(verb).is_some_and(|node| !self.truth(verb, node)) {
                    self.wrong(node.line, Mistake::StepShape);
                }
                (table, act)
            }
            _ => {
                if let Value::Table(_) = node.value {
                    self.wrong(node.line, Mistake::StepShape);
                } else {
                    self.wrong_type("steps", node, "a list of tables");
                }
                let table = Table {
                    name: "step",
                    line: node.line,
                    entries: None,
                };
                (table, Act::Observe)
            }
        };
        let same_as = table.get("same-as").map(|node| self.same_as(node, names, labels));
        let label = table.get("label").map(|_| self.filled(&table, "label"));
        if let (Act::Overlap(_) | Act::Pages(..), Some(key)) =
            (&act, table.get("label").or_else(|| table.get("same-as")))
        {
            self.wrong(key.line, Mistake::ComparedAtOnce);
        }
        if let Some(label) = &label {
            if labels.contains(label) {
                let line = table.get("label").map_or(table.line, |node| node.line);
                let first = "this scenario".to_owned();
                let noun = "label";
                let name = label.clone();
                self.wrong(line, Mistake::Duplicate { noun, name, first });
            }
            labels.push(label.clone());
        }
        Step {
            act,
            witness: table
                .get("witness")
                .map(|node| self.mention_clauses("witness", node, MentionKind::Binds))
                .unwrap_or_default(),
            control: table
                .get("control")
                .is_some_and(|node| self.truth("control", node)),
            label,
            same_as,
        }
    }

    /// Reads the calls of one caller.
    fn caller(&mut self, node: &Node, names: &[String]) -> Vec<CallTemplate> {
        let calls = self.list("overlap", node);
        if calls.is_empty() {
            self.wrong_type("overlap", node, "a list of lists of calls");
        }
        calls
            .iter()
            .map(|node| {
                let table = self.keyed("step", node, manual::OVERLAPPING_CALL);
                self.call(&table, names)
            })
            .collect()
    }

    /// Reads the comparison of an answer with those of earlier calls.
    fn same_as(&mut self, node: &Node, names: &[String], labels: &[String]) -> SameAs {
        let table = self.keyed("same-as", node, manual::SAME_AS);
        let known = |reader: &mut Self, key, noun, node: &Node, known: &[String]| {
            let text = reader.text(key, node)?;
            if !known.iter().any(|known| known == text) {
                let known = known.iter().map(String::as_str);
                reader.wrong(node.line, Mistake::unknown_word(noun, text, known));
            }
            Some(text.to_owned())
        };
        let nodes = self.need_some(&table, "labels");
        let compared = nodes
            .iter()
            .filter_map(|node| known(self, "labels", "label of an earlier step", node, labels))
            .collect();
        let mut instances = Vec::new();
        if let Some(node) = table.get("instances") {
            let Value::Table(entries) = &node.value else {
                self.wrong_type("instances", node, "a table");
                return SameAs::default();
            };
            for entry in entries {
                if !names.contains(&entry.key) {
                    let known = names.iter().map(String::as_str);
                    self.wrong(entry.line, Mistake::unknown_word("fixture", &entry.key, known));
                }
                if let Some(there) = known(self, "instances", "fixture", &entry.node, names) {
                    instances.push((entry.key.clone(), there));
                }
            }
        }
        let clauses = self
            .need_some(&table, "clauses")
            .first()
            .and_then(|_| table.get("clauses"))
            .map(|node| self.mention_clauses("clauses", node, MentionKind::Binds))
            .unwrap_or_default();
        SameAs {
            labels: compared,
            instances,
            clauses,
        }
    }

    fn settle(&mut self, table: &Table<'_>, fixtures: &[String]) -> Act {
        let nodes = self.need_some(table, "settle");
        let mut names = Vec::new();
        for node in nodes {
            let Some(name) = self.text("settle", node) else {
                continue;
            };
            if !fixtures.iter().any(|known| known == name) {
                self.wrong(
                    node.line,
                    Mistake::unknown_word("fixture", name, fixtures.iter().map(String::as_str)),
                );
            }
            names.push(name.to_owned());
        }
        let state = self
            .need(table, "state")
            .and_then(|node| self.word("state", node));
        Act::Settle(names, state.unwrap_or(State::Stopped))
    }

    /// Checks that a call has an action that is judged. One in other letters is meant so, and a case that is there for a
    /// clause may call any other: to see it refused.
    fn knows_action(&mut self, line: usize, act: &Act) {
        let known = MOVING_ACTIONS.iter().chain(AUXILIARY_ACTIONS).copied();
        for action in act.calls().filter_map(|call| call.action.as_deref()) {
            if !known.clone().any(|one| one.eq_ignore_ascii_case(action)) && !creates(action) {
                self.wrong(line, Mistake::unknown_word("action", action, known.clone()));
            }
        }
    }

    /// Checks that a wait can end well: each instance begins in the state or on the way to it, or an earlier step may take
    /// it there.
    fn can_settle(
        &mut self,
        line: usize,
        waited: &[String],
        state: State,
        fixtures: &[(String, FixtureKind)],
        earlier: &[Step],
    ) {
        let (begins, verb): (&[State], &str) = match state {
            State::Stopped => (&[State::Stopping, State::Stopped], "stop"),
            State::Running => (&[State::Pending, State::Restarting, State::Running], "start"),
            State::Terminated => (&[State::ShuttingDown, State::Terminated], "terminate"),
            State::Stopping => (&[State::Stopping], "stop"),
            State::Pending | State::Restarting => (&[State::Pending, State::Restarting], "start"),
            State::ShuttingDown => (&[State::ShuttingDown], "terminate"),
            State::Gone => (&[], "terminate"),
        };
        for name in waited {
            let is_there = |(one, kind): &(String, FixtureKind)| one == name && begins.contains(&kind.state);
            let takes_it_there = |step: &Step| match &step.act {
                act @ (Act::Call(_) | Act::Overlap(_) | Act::Pages(..)) => {
                    act.calls().any(|call| may_move(call, verb, name))
                }
                Act::Launch(launched, _) => launched == name && state == State::Running,
                Act::Settle(..) | Act::Observe | Act::Pass(_) | Act::Rest => false,
            };
            if !fixtures.iter().any(is_there) && !earlier.iter().any(takes_it_there) {
                let state = state.wire_name().unwrap_or("gone").to_owned();
                let name = name.clone();
                self.wrong(line, Mistake::NeverSettles { name, state });
            }
        }
    }

    pub(super) fn call(&mut self, table: &Table<'_>, fixtures: &[String]) -> CallTemplate {
        let mut action = Some(self.filled(table, "call"));
        if let (Some(action), Some(node)) = (&action, table.get("call")) {
            self.may_be_called(node.line, action);
        }
        let mut params = Vec::new();
        let ids = table
            .get("ids")
            .map(|node| self.list("ids", node))
            .unwrap_or_default();
        for node in ids {
            let range = match &node.value {
                Value::Text(text) => spread(text),
                _ => None,
            };
            let values = range.unwrap_or_else(|| self.holed("ids", node, fixtures).into_iter().collect());
            for value in values {
                params.push((format!("InstanceId.{}", params.len() + 1), value));
            }
        }
        for (key, name) in [
            ("dry-run", "DryRun"),
            ("force", "Force"),
            ("hibernate", "Hibernate"),
            ("skip-os-shutdown", "SkipOsShutdown"),
        ] {
            if let Some(value) = table.get(key).and_then(|node| self.holed(key, node, fixtures)) {
                params.push((name.to_owned(), value));
            }
        }
        let pairs = table
            .get("params")
            .map(|node| self.list("params", node))
            .unwrap_or_default();
        for node in pairs {
            if let Value::List(pair) = &node.value
                && let [name, value] = pair.as_slice()
            {
                let line = value.line;
                let name = self.text("params", name).unwrap_or_default().to_owned();
                let value = self.holed("params", value, fixtures).unwrap_or_default();
                if name.trim().eq_ignore_ascii_case("action") {
                    self.may_be_called(line, &value);
                }
                params.push((name, value));
            } else {
                self.wrong_type("params", node, "a list of pairs of a name and a value");
            }
        }
        let mut form = table.get("form").map(|node| self.form(node)).unwrap_or_default();
        let omit = table
            .get("omit")
            .map(|node| self.list("omit", node))
            .unwrap_or_default();
        for node in omit {
            match self.word("part to omit", node) {
                Some(CallPart::Action) => action = None,
                Some(CallPart::Version) => form.version = None,
                Some(CallPart::ContentType) => form.content_type = None,
                None => {}
            }
        }
        CallTemplate { action, params, form }
    }

    /// Rejects a user's call that creates a resource: only the instances of fixtures and launch steps are terminated.
    fn may_be_called(&mut self, line: usize, action: &str) {
        if self.tables == Tables::Scenarios && creates(action) {
            let action = action.to_owned();
            self.wrong(line, Mistake::Creates { action });
        }
    }

    /// Reads a table with the keys of the manual.
    fn keyed<'n>(&mut self, name: &'static str, node: &'n Node, keys: &[TableKey]) -> Table<'n> {
        let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
        self.table(name, node, &names)
    }

    fn form(&mut self, node: &Node) -> Form {
        let table = self.keyed("form", node, manual::FORM);
        let plain = Form::default();
        let mut text = |key, plain| match table.get(key).and_then(|node| self.text(key, node)) {
            Some(text) => Some(text.to_owned()),
            None => plain,
        };
        Form {
            version: text("version", plain.version),
            content_type: text("content-type", plain.content_type),
            method: table
                .get("method")
                .and_then(|node| self.word("method", node))
                .unwrap_or(plain.method),
            order: table
                .get("order")
                .and_then(|node| self.word("order", node))
                .unwrap_or(plain.order),
            encoding: table
                .get("encoding")
                .and_then(|node| self.word("encoding", node))
                .unwrap_or(plain.encoding),
            auth: table
                .get("auth")
                .and_then(|node| self.word("auth", node))
                .unwrap_or(plain.auth),
        }
    }

    /// Reads a text and checks that every reference names a fixture or a decoy.
    fn holed(&mut self, key: &'static str, node: &Node, fixtures: &[String]) -> Option<String> {
        let text = self.text(key, node)?;
        let mut rest = text;
        while let Some((_, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                self.wrong(
                    node.line,
                    Mistake::OpenReference {
                        text: text.to_owned(),
                    },
                );
                break;
            };
            if !fixtures.iter().any(|known| known == name) && !is_decoy(name) && !is_part(name, fixtures) {
                let known = fixtures.iter().map(String::as_str).chain(DECOYS.iter().copied());
                self.wrong(node.line, Mistake::unknown_word("fixture", name, known));
            }
            rest = after;
        }
        Some(text.to_owned())
    }
}

/// An hour, the longest wait that a step may request.
const LONGEST_PASS_MS: i64 = 3_600_000;

/// The actions with rows in the contract.
const MOVING_ACTIONS: &[&str] = &["StopInstances", "StartInstances", "TerminateInstances"];

/// The prefixes of actions that create resources.
const CREATING: &[&str] = &[
    "allocate",
    "copy",
    "create",
    "import",
    "provision",
    "purchase",
    "register",
    "request",
    "run",
];

/// Whether an action creates resources.
fn creates(action: &str) -> bool {
    let lower = action.trim().to_ascii_lowercase();
    CREATING.iter().any(|verb| lower.starts_with(verb))
}

pub(super) fn is_decoy(name: &str) -> bool {
    let is_number = |number: &str| number.is_empty() || number.parse::<u16>().is_ok();
    ["unknown", "long"]
        .iter()
        .filter_map(|word| name.strip_prefix(word))
        .any(is_number)
}

/// Whether a reference names a part of a fixture: its Spot request, or its id in upper case.
fn is_part(name: &str, fixtures: &[String]) -> bool {
    name.split_once('.')
        .is_some_and(|(fixture, part)| fixtures.iter().any(|known| known == fixture) && PARTS.contains(&part))
}

/// Expands `{unknown1..100}`; returns `None` for any other text and for an empty range.
fn spread(text: &str) -> Option<Vec<String>> {
    let range = text.strip_prefix("{unknown")?.strip_suffix('}')?;
    let (first, last) = range.split_once("..")?;
    let numbers = first.parse::<u16>().ok()?..=last.parse::<u16>().ok()?;
    let ids: Vec<String> = numbers.map(|number| format!("{{unknown{number}}}")).collect();
    (!ids.is_empty()).then_some(ids)
}

/// A part of a call that can be omitted.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in super::super) enum CallPart {
    Action,
    Version,
    ContentType,
}

/// Whether a call may have an effect of this kind on this instance. What a misspelled action does is not known.
fn may_move(call: &CallTemplate, verb: &str, name: &str) -> bool {
    let action = call.action.as_deref().unwrap_or_default().to_ascii_lowercase();
    // The id itself, or in another form: {a}, {a.upper}.
    let holes = [format!("{{{name}}}"), format!("{{{name}.")];
    let is_dry = call
        .params
        .iter()
        .any(|(key, value)| key == "DryRun" && value == "true");
    action.contains(verb)
        && !is_dry
        && call
            .params
            .iter()
            .any(|(_, value)| holes.iter().any(|hole| value.contains(hole)))
}
