//! The rows of the specs files: what one table says, read without a look at any other.
//!
//! Enters: one file as a tree of values. Leaves: [`Rows`], each with its place, its range of months and the names it
//! refers to, and every mistake that can be seen within a row. A broken field is reported and replaced, so that the
//! row still stands for its name when references are resolved.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeOwned, IntoDeserializer};

use super::document::{Entry, Node, Value};
use super::mistake::{LoadError, Mistake};
use super::pattern::Pattern;
use super::range::{Month, Range};
use super::vocabulary::{Check, Condition, State};
use super::{
    Act, Aspects, CallTemplate, Clause, ClauseId, Confidence, Demand, FixtureKind, Level, Market, Parameter,
    ParameterKind, Precedence, Refusal, RefusalAnswer, Root, Scenario, Source, StateCode, Step, Transition,
    TransitionAnswer,
};
use crate::call::Form;

/// All rows of all files, in their order.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) actions: Vec<Row<String>>,
    pub(super) parameters: Vec<Row<Parameter>>,
    pub(super) states: Vec<Row<StateCode>>,
    pub(super) clauses: Vec<Row<Clause>>,
    pub(super) transitions: Vec<Row<Transition>>,
    pub(super) refusals: Vec<Row<Refusal>>,
    pub(super) precedences: Vec<Row<Precedence>>,
    pub(super) scenarios: Vec<Row<Scenario>>,
    pub(super) sources: Vec<Row<Source>>,
}

/// One row.
#[derive(Debug)]
pub(super) struct Row<T> {
    pub(super) place: Place,
    /// The months in which it holds.
    pub(super) range: Range,
    /// Whether a field was replaced, after its mistake was told: what the row says is then not what was meant.
    pub(super) mended: bool,
    /// The names that stand in it.
    pub(super) mentions: Vec<Mention>,
    pub(super) value: T,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: usize,
}

/// A name that a row refers to.
#[derive(Debug)]
pub(super) struct Mention {
    pub(super) line: usize,
    pub(super) kind: MentionKind,
    pub(super) name: String,
}

/// What a name is mentioned for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MentionKind {
    /// A clause that is violated when the row is not kept.
    Binds,
    /// A clause that a scenario is there for.
    Lists,
    /// Where a clause is from.
    Source,
}

/// Reads one file into the rows.
pub(super) fn read(file: &str, document: &[Entry], rows: &mut Rows, errors: &mut Vec<LoadError>) {
    const TABLES: &[&str] = &[
        "action",
        "parameter",
        "state",
        "clause",
        "transition",
        "refusal",
        "precedence",
        "scenario",
        "source",
    ];
    let mut reader = Reader {
        file,
        errors,
        mentions: Vec::new(),
    };
    for entry in document {
        if entry.key == "action" {
            let row = reader.row(&entry.node, Reader::action);
            rows.actions.push(row);
            continue;
        }
        if !TABLES.contains(&entry.key.as_str()) {
            reader.wrong(entry.line, Mistake::unknown_key("the file", &entry.key, TABLES));
            continue;
        }
        for node in reader.list(&entry.key, &entry.node) {
            match entry.key.as_str() {
                "parameter" => rows.parameters.push(reader.row(node, Reader::parameter)),
                "state" => rows.states.push(reader.row(node, Reader::state)),
                "clause" => rows.clauses.push(reader.row(node, Reader::clause)),
                "transition" => rows.transitions.push(reader.row(node, Reader::transition)),
                "refusal" => rows.refusals.push(reader.row(node, Reader::refusal)),
                "precedence" => rows.precedences.push(reader.row(node, Reader::precedence)),
                "scenario" => rows.scenarios.push(reader.row(node, Reader::scenario)),
                _ => rows.sources.push(reader.row(node, Reader::source)),
            }
        }
    }
}

impl Place {
    /// Another line of the same file.
    pub(super) fn at(&self, line: usize) -> Place {
        Place {
            file: self.file.clone(),
            line,
        }
    }

    /// A mistake at this place.
    pub(super) fn error(&self, mistake: Mistake) -> LoadError {
        LoadError {
            file: self.file.clone(),
            line: self.line,
            mistake,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: line {}", self.file, self.line)
    }
}

/// Reads values and writes down what is wrong with them.
struct Reader<'a> {
    file: &'a str,
    errors: &'a mut Vec<LoadError>,
    mentions: Vec<Mention>,
}

/// A table whose keys are known to be known.
struct Table<'n> {
    name: &'static str,
    line: usize,
    /// `None` for a value that is no table; its keys are not missed.
    entries: Option<&'n [Entry]>,
}

impl<'n> Table<'n> {
    fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries?
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
    }
}

/// The rows.
impl Reader<'_> {
    fn row<T>(&mut self, node: &Node, read: impl FnOnce(&mut Self, &Node) -> (T, Range)) -> Row<T> {
        let before = self.errors.len();
        let (value, range) = read(self, node);
        Row {
            mended: self.errors.len() > before,
            place: Place {
                file: self.file.to_owned(),
                line: node.line,
            },
            range,
            mentions: std::mem::take(&mut self.mentions),
            value,
        }
    }

    fn action(&mut self, node: &Node) -> (String, Range) {
        let table = self.table("action", node, &["name"]);
        (self.filled(&table, "name"), Range::default())
    }

    fn parameter(&mut self, node: &Node) -> (Parameter, Range) {
        let table = self.table("parameter", node, &["name", "type", "required", "since", "until"]);
        let parameter = Parameter {
            name: self.filled(&table, "name"),
            kind: self
                .need(&table, "type")
                .and_then(|node| self.word("parameter type", node))
                .unwrap_or(ParameterKind::Boolean),
            required: self
                .need(&table, "required")
                .is_some_and(|node| self.truth("required", node)),
            // Whether the action has it depends on the edition, which a row does not know.
            holds: false,
        };
        (parameter, self.range(&table))
    }

    fn state(&mut self, node: &Node) -> (StateCode, Range) {
        let table = self.table("state", node, &["code", "name"]);
        let state = StateCode {
            code: self
                .need(&table, "code")
                .and_then(|node| self.number("code", node, 0, 255))
                .unwrap_or(0),
            name: self.state_name(&table, "name"),
        };
        (state, Range::default())
    }

    fn source(&mut self, node: &Node) -> (Source, Range) {
        let table = self.table("source", node, &["key", "title"]);
        let source = Source {
            key: self.filled(&table, "key"),
            title: self.filled(&table, "title"),
        };
        (source, Range::default())
    }

    fn clause(&mut self, node: &Node) -> (Clause, Range) {
        let table = self.table(
            "clause",
            node,
            &[
                "id",
                "group",
                "level",
                "confidence",
                "since",
                "until",
                "statement",
                "sources",
                "note",
                "checks",
                "untested",
            ],
        );
        let range = self.range(&table);
        let clause = Clause {
            id: self.filled(&table, "id").into(),
            group: self.filled(&table, "group"),
            level: self
                .need(&table, "level")
                .and_then(|node| self.word("level", node))
                .unwrap_or(Level::May),
            confidence: self
                .need(&table, "confidence")
                .and_then(|node| self.word("confidence", node))
                .unwrap_or(Confidence::Contradicted),
            // Whether it holds depends on the edition, which a row does not know.
            holds: false,
            range: range.to_string(),
            statement: self.filled(&table, "statement"),
            sources: self
                .need(&table, "sources")
                .map(|node| self.mention_all("sources", node, MentionKind::Source))
                .unwrap_or_default(),
            note: table.get("note").map(|_| self.filled(&table, "note")),
            checks: table
                .get("checks")
                .map(|node| self.vocabulary("checks", "check", node, Check::ALL, Check::word))
                .unwrap_or_default(),
            untested: table.get("untested").map(|_| self.filled(&table, "untested")),
        };
        (clause, range)
    }

    fn transition(&mut self, node: &Node) -> (Transition, Range) {
        let table = self.table(
            "transition",
            node,
            &["action", "from", "since", "until", "answers", "clauses"],
        );
        let transition = Transition {
            action: self.filled(&table, "action"),
            from: self
                .need(&table, "from")
                .and_then(|node| self.word("state", node))
                .unwrap_or(State::Running),
            answers: self
                .need_some(&table, "answers")
                .iter()
                .map(|node| self.transition_answer(node))
                .collect(),
            clauses: self.clauses(&table, "clauses", MentionKind::Binds),
        };
        (transition, self.range(&table))
    }

    fn transition_answer(&mut self, node: &Node) -> TransitionAnswer {
        let table = self.table("answer", node, &["previous", "current", "then", "odd"]);
        TransitionAnswer {
            previous: self.state_name(&table, "previous"),
            current: self.state_name(&table, "current"),
            then: self
                .need(&table, "then")
                .and_then(|node| self.word("state", node))
                .unwrap_or(State::Running),
            odd: table.get("odd").is_some_and(|node| self.truth("odd", node)),
        }
    }

    fn refusal(&mut self, node: &Node) -> (Refusal, Range) {
        let table = self.table(
            "refusal",
            node,
            &[
                "condition",
                "demand",
                "since",
                "until",
                "answers",
                "masks",
                "clauses",
            ],
        );
        let demand = self
            .need(&table, "demand")
            .and_then(|node| self.word("demand", node))
            .unwrap_or(Demand::May);
        let answers = match demand {
            Demand::Must => self.need_some(&table, "answers"),
            // A refusal that is not demanded may be one of which no document tells the code.
            Demand::Should | Demand::May | Demand::Odd => table
                .get("answers")
                .map(|node| self.list("answers", node))
                .unwrap_or_default(),
        };
        let refusal = Refusal {
            condition: self
                .need(&table, "condition")
                .and_then(|node| self.known_word("condition", node, Condition::ALL, Condition::word))
                .unwrap_or(Condition::Unsigned),
            demand,
            answers: answers.iter().map(|node| self.refusal_answer(node)).collect(),
            masks: table
                .get("masks")
                .map(|node| self.vocabulary("masks", "condition", node, Condition::ALL, Condition::word))
                .unwrap_or_default(),
            // A refusal that is only tolerated may concern no clause.
            clauses: table
                .get("clauses")
                .map(|node| self.aspects(node))
                .unwrap_or_default(),
        };
        (refusal, self.range(&table))
    }

    fn precedence(&mut self, node: &Node) -> (Precedence, Range) {
        let table = self.table(
            "precedence",
            node,
            &["first", "before", "since", "until", "clauses"],
        );
        let mut condition = |key| {
            self.need(&table, key)
                .and_then(|node| self.known_word("condition", node, Condition::ALL, Condition::word))
                .unwrap_or(Condition::Unsigned)
        };
        let (first, before) = (condition("first"), condition("before"));
        let clauses = self.clauses(&table, "clauses", MentionKind::Binds);
        let precedence = Precedence {
            first,
            before,
            clauses,
        };
        (precedence, self.range(&table))
    }

    fn refusal_answer(&mut self, node: &Node) -> RefusalAnswer {
        let table = self.table("answer", node, &["code", "status", "message"]);
        RefusalAnswer {
            code: self.filled(&table, "code"),
            status: self
                .need_some(&table, "status")
                .iter()
                .filter_map(|node| self.number("status", node, 400, 599))
                .collect(),
            message: table.get("message").map(|node| self.message(node)),
        }
    }

    fn message(&mut self, node: &Node) -> String {
        let template = self.text("message", node).unwrap_or_default();
        if let Err(problem) = Pattern::new(template, &["x"], "x") {
            // The library draws the pattern and points into it; the line that names the fault is the last.
            let problem = problem.lines().last().unwrap_or_default().trim().to_owned();
            self.wrong(
                node.line,
                Mistake::BadPattern {
                    pattern: template.to_owned(),
                    problem,
                },
            );
        }
        template.to_owned()
    }

    fn aspects(&mut self, node: &Node) -> Aspects {
        let table = self.table(
            "clauses",
            node,
            &[
                "refused",
                "status",
                "code",
                "preferred",
                "message",
                "effect",
                "mates",
            ],
        );
        let mut aspect = |key| {
            table
                .get(key)
                .map(|node| self.mention_clauses(key, node, MentionKind::Binds))
                .unwrap_or_default()
        };
        Aspects {
            refused: aspect("refused"),
            status: aspect("status"),
            code: aspect("code"),
            preferred: aspect("preferred"),
            message: aspect("message"),
            effect: aspect("effect"),
            mates: aspect("mates"),
        }
    }
}

/// Scenarios.
impl Reader<'_> {
    fn scenario(&mut self, node: &Node) -> (Scenario, Range) {
        let table = self.table(
            "scenario",
            node,
            &[
                "name", "purpose", "clauses", "since", "until", "fixtures", "steps",
            ],
        );
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
        let names: Vec<&str> = fixtures.iter().map(|(name, _)| name.as_str()).collect();
        let steps = self
            .need_some(&table, "steps")
            .iter()
            .map(|node| self.step(node, &names))
            .collect();
        let scenario = Scenario {
            purpose: self.filled(&table, "purpose"),
            clauses: self.clauses(&table, "clauses", MentionKind::Lists),
            steps,
            fixtures,
            name,
        };
        (scenario, self.range(&table))
    }

    fn fixtures(&mut self, node: &Node) -> Vec<(String, FixtureKind)> {
        let Value::Table(entries) = &node.value else {
            self.wrong_type("fixtures", node, "a table");
            return Vec::new();
        };
        entries
            .iter()
            .map(|entry| {
                let name = entry.key.as_str();
                let in_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
                if name.is_empty() || !name.bytes().all(in_name) || is_decoy(name) {
                    self.wrong(
                        entry.line,
                        Mistake::BadName {
                            noun: "fixture",
                            name: name.to_owned(),
                            rule: "small letters, digits and -, and neither unknown nor short",
                        },
                    );
                }
                (name.to_owned(), self.fixture(&entry.node))
            })
            .collect()
    }

    fn fixture(&mut self, node: &Node) -> FixtureKind {
        if let Value::Text(_) = node.value {
            return FixtureKind {
                state: self.word("state", node).unwrap_or(State::Running),
                ..FixtureKind::default()
            };
        }
        let table = self.table(
            "fixture",
            node,
            &[
                "state",
                "market",
                "root",
                "stop-protected",
                "termination-protected",
                "hibernation",
            ],
        );
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

    fn step(&mut self, node: &Node, fixtures: &[&str]) -> Step {
        const CALL: &[&str] = &[
            "call",
            "ids",
            "dry-run",
            "force",
            "hibernate",
            "skip-os-shutdown",
            "params",
            "form",
            "omit",
            "together",
            "witness",
            "control",
        ];
        const SETTLE: &[&str] = &["settle", "state", "witness"];
        const OBSERVE: &[&str] = &["observe", "witness"];
        let has = |key: &str| match &node.value {
            Value::Table(entries) => entries.iter().any(|entry| entry.key == key),
            Value::Text(_) | Value::Whole(_) | Value::Truth(_) | Value::List(_) | Value::Other(_) => false,
        };
        let (table, act) = match (has("call"), has("settle"), has("observe")) {
            (true, false, false) => {
                let table = self.table("step", node, CALL);
                let template = self.call(&table, fixtures);
                let together = table
                    .get("together")
                    .and_then(|node| self.number("together", node, 2, 64));
                let act = match together {
                    Some(times) => Act::Together(template, times),
                    None => Act::Call(template),
                };
                (table, act)
            }
            (false, true, false) => {
                let table = self.table("step", node, SETTLE);
                let act = self.settle(&table, fixtures);
                (table, act)
            }
            (false, false, true) => {
                let table = self.table("step", node, OBSERVE);
                if table
                    .get("observe")
                    .is_some_and(|node| !self.truth("observe", node))
                {
                    self.wrong(node.line, Mistake::StepShape);
                }
                (table, Act::Observe)
            }
            (false, false, false) | (true, true, _) | (true, _, true) | (_, true, true) => {
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
        Step {
            act,
            witness: table
                .get("witness")
                .map(|node| self.mention_clauses("witness", node, MentionKind::Binds))
                .unwrap_or_default(),
            control: table
                .get("control")
                .is_some_and(|node| self.truth("control", node)),
        }
    }

    fn settle(&mut self, table: &Table<'_>, fixtures: &[&str]) -> Act {
        let nodes = self.need_some(table, "settle");
        let mut names = Vec::new();
        for node in nodes {
            let Some(name) = self.text("settle", node) else {
                continue;
            };
            if !fixtures.contains(&name) {
                self.wrong(
                    node.line,
                    Mistake::unknown_word("fixture", name, fixtures.iter().copied()),
                );
            }
            names.push(name.to_owned());
        }
        let state = self
            .need(table, "state")
            .and_then(|node| self.word("state", node));
        Act::Settle(names, state.unwrap_or(State::Stopped))
    }

    fn call(&mut self, table: &Table<'_>, fixtures: &[&str]) -> CallTemplate {
        let mut action = Some(self.filled(table, "call"));
        let mut params = Vec::new();
        let ids = table
            .get("ids")
            .map(|node| self.list("ids", node))
            .unwrap_or_default();
        for node in ids {
            let values = match &node.value {
                Value::Text(text) if text.contains("..") => spread(text),
                _ => self.holed("ids", node, fixtures).into_iter().collect(),
            };
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
                let name = self.text("params", name).unwrap_or_default().to_owned();
                params.push((name, self.holed("params", value, fixtures).unwrap_or_default()));
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
                Some(Part::Action) => action = None,
                Some(Part::Version) => form.version = None,
                Some(Part::ContentType) => form.content_type = None,
                None => {}
            }
        }
        CallTemplate { action, params, form }
    }

    fn form(&mut self, node: &Node) -> Form {
        let table = self.table(
            "form",
            node,
            &["method", "version", "content-type", "order", "encoding", "auth"],
        );
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

    /// A text in which every reference names a fixture or a decoy.
    fn holed(&mut self, key: &'static str, node: &Node, fixtures: &[&str]) -> Option<String> {
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
            if !fixtures.contains(&name) && !is_decoy(name) && !is_part(name, fixtures) {
                let known = fixtures.iter().chain(DECOYS).copied();
                self.wrong(node.line, Mistake::unknown_word("fixture", name, known));
            }
            rest = after;
        }
        Some(text.to_owned())
    }
}

/// The references that name no instance; `unknown` may be followed by a number.
const DECOYS: &[&str] = &["short", "unknown", "unknown2"];

fn is_decoy(name: &str) -> bool {
    let numbered = name
        .strip_prefix("unknown")
        .is_some_and(|number| number.parse::<u16>().is_ok());
    DECOYS.contains(&name) || numbered
}

/// Whether a reference is to a part of a fixture: its Spot request, or its id in upper case.
fn is_part(name: &str, fixtures: &[&str]) -> bool {
    name.split_once('.')
        .is_some_and(|(fixture, part)| fixtures.contains(&fixture) && matches!(part, "spot" | "upper"))
}

/// `{unknown1..100}` written out; any other text as it is.
fn spread(text: &str) -> Vec<String> {
    let numbers = text
        .strip_prefix("{unknown")
        .and_then(|rest| rest.strip_suffix('}'))
        .and_then(|range| range.split_once(".."))
        .and_then(|(first, last)| Some(first.parse::<u16>().ok()?..=last.parse::<u16>().ok()?));
    match numbers {
        Some(numbers) => numbers.map(|number| format!("{{unknown{number}}}")).collect(),
        None => vec![text.to_owned()],
    }
}

/// A part of a call that can be left out.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Part {
    Action,
    Version,
    ContentType,
}

/// Values.
impl Reader<'_> {
    fn wrong(&mut self, line: usize, mistake: Mistake) {
        self.errors.push(LoadError {
            file: self.file.to_owned(),
            line,
            mistake,
        });
    }

    fn wrong_type(&mut self, key: &str, node: &Node, expected: &'static str) {
        let mistake = Mistake::WrongType {
            key: key.to_owned(),
            expected,
            found: node.value.kind(),
        };
        self.wrong(node.line, mistake);
    }

    fn bad_name(&mut self, table: &Table<'_>, noun: &'static str, name: &str, rule: &'static str) {
        let line = table.get("name").map_or(table.line, |node| node.line);
        let name = name.to_owned();
        self.wrong(line, Mistake::BadName { noun, name, rule });
    }

    fn table<'n>(&mut self, name: &'static str, node: &'n Node, keys: &[&str]) -> Table<'n> {
        let Value::Table(entries) = &node.value else {
            self.wrong_type(name, node, "a table");
            return Table {
                name,
                line: node.line,
                entries: None,
            };
        };
        for entry in entries {
            if !keys.contains(&entry.key.as_str()) {
                self.wrong(entry.line, Mistake::unknown_key(name, &entry.key, keys));
            }
        }
        Table {
            name,
            line: node.line,
            entries: Some(entries),
        }
    }

    fn need<'n>(&mut self, table: &Table<'n>, key: &'static str) -> Option<&'n Node> {
        let found = table.get(key);
        if found.is_none() && table.entries.is_some() {
            let mistake = Mistake::MissingKey {
                table: table.name,
                key,
            };
            self.wrong(table.line, mistake);
        }
        found
    }

    fn list<'n>(&mut self, key: &str, node: &'n Node) -> &'n [Node] {
        if let Value::List(items) = &node.value {
            return items;
        }
        self.wrong_type(key, node, "a list");
        &[]
    }

    /// A list that must be there and must not be empty.
    fn need_some<'n>(&mut self, table: &Table<'n>, key: &'static str) -> &'n [Node] {
        let Some(node) = self.need(table, key) else {
            return &[];
        };
        let items = self.list(key, node);
        if matches!(&node.value, Value::List(items) if items.is_empty()) {
            self.wrong(node.line, Mistake::Empty { key });
        }
        items
    }

    fn text<'n>(&mut self, key: &str, node: &'n Node) -> Option<&'n str> {
        if let Value::Text(text) = &node.value {
            return Some(text);
        }
        self.wrong_type(key, node, "a string");
        None
    }

    /// A text that must be there and must not be empty.
    fn filled(&mut self, table: &Table<'_>, key: &'static str) -> String {
        let Some(node) = self.need(table, key) else {
            return String::new();
        };
        let text = self.text(key, node);
        if text.is_some_and(|text| text.trim().is_empty()) {
            self.wrong(node.line, Mistake::Empty { key });
        }
        text.unwrap_or_default().to_owned()
    }

    fn truth(&mut self, key: &str, node: &Node) -> bool {
        if let Value::Truth(truth) = node.value {
            return truth;
        }
        self.wrong_type(key, node, "a boolean");
        false
    }

    fn number<T: TryFrom<i64>>(
        &mut self,
        key: &'static str,
        node: &Node,
        least: i64,
        most: i64,
    ) -> Option<T> {
        let Value::Whole(number) = node.value else {
            self.wrong_type(key, node, "an integer");
            return None;
        };
        if (least..=most).contains(&number) {
            return T::try_from(number).ok();
        }
        let mistake = Mistake::OutOfRange {
            key,
            number,
            least,
            most,
        };
        self.wrong(node.line, mistake);
        None
    }

    /// A variant of one of our enums, by the name that it has for serde.
    fn word<T: DeserializeOwned>(&mut self, noun: &'static str, node: &Node) -> Option<T> {
        let text = self.text(noun, node)?;
        match T::deserialize(IntoDeserializer::<NoSuchWord>::into_deserializer(text)) {
            Ok(word) => Some(word),
            Err(NoSuchWord(known)) => {
                self.wrong(
                    node.line,
                    Mistake::unknown_word(noun, text, known.iter().copied()),
                );
                None
            }
        }
    }

    /// A word of the closed vocabulary.
    fn known_word<T: Copy>(
        &mut self,
        noun: &'static str,
        node: &Node,
        all: &[T],
        word: fn(T) -> &'static str,
    ) -> Option<T> {
        let text = self.text(noun, node)?;
        let found = all.iter().copied().find(|&known| word(known) == text);
        if found.is_none() {
            let known = all.iter().map(|&known| word(known));
            self.wrong(node.line, Mistake::unknown_word(noun, text, known));
        }
        found
    }

    /// A list of words of the closed vocabulary.
    fn vocabulary<T: Copy>(
        &mut self,
        key: &str,
        noun: &'static str,
        node: &Node,
        all: &[T],
        word: fn(T) -> &'static str,
    ) -> Vec<T> {
        let items = self.list(key, node);
        items
            .iter()
            .filter_map(|node| self.known_word(noun, node, all, word))
            .collect()
    }

    /// The name of a state on the wire.
    fn state_name(&mut self, table: &Table<'_>, key: &'static str) -> String {
        let Some(node) = self.need(table, key) else {
            return String::new();
        };
        let names: Vec<&str> = State::ALL.iter().filter_map(|state| state.wire_name()).collect();
        // First launch and restart are both `pending` there.
        let distinct = names
            .iter()
            .enumerate()
            .filter(|(i, name)| !names.iter().take(*i).any(|n| n == *name));
        let distinct: Vec<&str> = distinct.map(|(_, name)| *name).collect();
        self.known_word("state name", node, &distinct, |name| name)
            .unwrap_or_default()
            .to_owned()
    }

    fn range(&mut self, table: &Table<'_>) -> Range {
        let range = Range {
            since: table.get("since").and_then(|node| self.month("since", node)),
            until: table.get("until").and_then(|node| self.month("until", node)),
        };
        if let (Some(since), Some(until)) = (range.since, range.until)
            && since >= until
        {
            let line = table.get("until").map_or(table.line, |node| node.line);
            let (since, until) = (since.to_string(), until.to_string());
            self.wrong(line, Mistake::EmptyRange { since, until });
            // Read as always: an empty range would make every citation in the row a mistake of its own.
            return Range::default();
        }
        range
    }

    fn month(&mut self, key: &str, node: &Node) -> Option<Month> {
        let text = self.text(key, node)?;
        let month = Month::parse(text);
        if month.is_none() {
            self.wrong(
                node.line,
                Mistake::BadMonth {
                    text: text.to_owned(),
                },
            );
        }
        month
    }

    fn mention_all(&mut self, key: &str, node: &Node, kind: MentionKind) -> Vec<String> {
        let mut names = Vec::new();
        for node in self.list(key, node) {
            let Some(name) = self.text(key, node) else {
                continue;
            };
            self.mentions.push(Mention {
                line: node.line,
                kind,
                name: name.to_owned(),
            });
            names.push(name.to_owned());
        }
        names
    }

    fn mention_clauses(&mut self, key: &str, node: &Node, kind: MentionKind) -> Vec<ClauseId> {
        self.mention_all(key, node, kind)
            .into_iter()
            .map(ClauseId::from)
            .collect()
    }

    fn clauses(&mut self, table: &Table<'_>, key: &'static str, kind: MentionKind) -> Vec<ClauseId> {
        self.need(table, key)
            .map(|node| self.mention_clauses(key, node, kind))
            .unwrap_or_default()
    }
}

/// What serde says of a word that an enum does not have: the words it has.
#[derive(Debug)]
struct NoSuchWord(&'static [&'static str]);

impl fmt::Display for NoSuchWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "none of {:?}", self.0)
    }
}

impl std::error::Error for NoSuchWord {}

impl de::Error for NoSuchWord {
    fn custom<T: fmt::Display>(_: T) -> Self {
        NoSuchWord(&[])
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        NoSuchWord(expected)
    }
}
