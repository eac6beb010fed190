//! The rows of the specs files, each read without regard to any other.
//!
//! Input: one file as a tree of values. Output: [`Rows`], each with its place, its range of months and the names that
//! it refers to, and every mistake that can be found within a row. A broken field is reported and replaced by a
//! default, so that references to the row still resolve.

use std::fmt;

use serde::Deserialize;

use super::document::{Entry, Node, Value};
use super::mistake::{LoadError, Mistake};
use super::pattern::Pattern;
use super::range::{Month, Range};
use super::vocabulary::{Check, Condition, State};
use super::{
    Act, Aspects, CallTemplate, Clause, ClauseId, Confidence, Demand, FixtureKind, Level, Market, Parameter,
    ParameterKind, Passing, Precedence, Question, Recorded, Refusal, RefusalAnswer, Root, Scenario, Source,
    StateCode, Step, Transition, TransitionAnswer,
};
use crate::call::Form;

mod question;
mod recorded;
mod scenario;
mod values;

pub(super) use scenario::CallPart;
pub(super) use values::words;

/// All rows of all files, in order.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) actions: Vec<TableRow<String>>,
    pub(super) parameters: Vec<TableRow<Parameter>>,
    pub(super) states: Vec<TableRow<StateCode>>,
    pub(super) clauses: Vec<TableRow<Clause>>,
    pub(super) transitions: Vec<TableRow<Transition>>,
    pub(super) refusals: Vec<TableRow<Refusal>>,
    pub(super) precedences: Vec<TableRow<Precedence>>,
    pub(super) passing: Vec<TableRow<Passing>>,
    pub(super) scenarios: Vec<TableRow<Scenario>>,
    pub(super) sources: Vec<TableRow<Source>>,
    pub(super) recorded: Vec<TableRow<Recorded>>,
    pub(super) questions: Vec<TableRow<Question>>,
}

/// One row.
#[derive(Debug)]
pub(super) struct TableRow<T> {
    pub(super) place: SourcePlace,
    /// Whether a user added it to the contract.
    pub(super) added: bool,
    /// The months in which it holds.
    pub(super) range: Range,
    /// Whether a broken field was replaced by a default, so that the value is not what the author wrote.
    pub(super) mended: bool,
    /// The names that it refers to.
    pub(super) mentions: Vec<Mention>,
    pub(super) value: T,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourcePlace {
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

/// The purpose of a reference to a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MentionKind {
    /// A clause that is violated if an answer deviates from the row.
    Binds,
    /// A clause that a scenario covers.
    Lists,
    /// The source of a clause.
    Source,
    /// A clause that an open question is about.
    Concerns,
    /// A scenario that would settle an open question.
    Settles,
}

/// The tables that a file may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tables {
    /// All tables: a file of the contract.
    All,
    /// Only scenarios: a file that a user adds.
    Scenarios,
}

/// Reads one file into the rows.
pub(super) fn read(
    file: &str,
    tables: Tables,
    document: &[Entry],
    rows: &mut Rows,
    errors: &mut Vec<LoadError>,
) {
    const TABLES: &[&str] = &[
        "action",
        "parameter",
        "state",
        "clause",
        "transition",
        "refusal",
        "precedence",
        "passing",
        "scenario",
        "source",
        "recorded",
        "question",
    ];
    const OWN: &[&str] = &["scenario"];
    let mut reader = Reader {
        file,
        tables,
        errors,
        mentions: Vec::new(),
    };
    for entry in document {
        if tables == Tables::Scenarios && !OWN.contains(&entry.key.as_str()) {
            let mistake = if TABLES.contains(&entry.key.as_str()) {
                let table = entry.key.clone();
                Mistake::OnlyScenarios { table }
            } else {
                Mistake::unknown_key("a file of scenarios", &entry.key, OWN)
            };
            reader.wrong(entry.line, mistake);
            continue;
        }
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
                "passing" => rows.passing.push(reader.row(node, Reader::passing)),
                "scenario" => rows.scenarios.push(reader.row(node, Reader::scenario)),
                "recorded" => rows.recorded.push(reader.row(node, Reader::recorded)),
                "question" => rows.questions.push(reader.row(node, Reader::question)),
                _ => rows.sources.push(reader.row(node, Reader::source)),
            }
        }
    }
}

impl SourcePlace {
    /// Returns another line of the same file.
    pub(super) fn at(&self, line: usize) -> SourcePlace {
        SourcePlace {
            file: self.file.clone(),
            line,
        }
    }

    /// Creates a mistake at this place.
    pub(super) fn error(&self, mistake: Mistake) -> LoadError {
        LoadError {
            file: self.file.clone(),
            line: self.line,
            mistake,
        }
    }
}

impl fmt::Display for SourcePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: line {}", self.file, self.line)
    }
}

/// Reads values and collects mistakes.
struct Reader<'a> {
    file: &'a str,
    tables: Tables,
    errors: &'a mut Vec<LoadError>,
    mentions: Vec<Mention>,
}

/// A table whose keys were checked; unknown keys are already reported.
struct Table<'n> {
    name: &'static str,
    line: usize,
    /// `None` if the value is not a table; then no missing keys are reported.
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

/// Reads rows.
impl Reader<'_> {
    fn row<T>(&mut self, node: &Node, read: impl FnOnce(&mut Self, &Node) -> (T, Range)) -> TableRow<T> {
        let before = self.errors.len();
        let (value, range) = read(self, node);
        TableRow {
            mended: self.errors.len() > before,
            added: self.tables == Tables::Scenarios,
            place: SourcePlace {
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
            // The loader sets this: it depends on the edition, which a row does not know.
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
        let table = self.table("source", node, &["key", "title", "url", "licence"]);
        let source = Source {
            key: self.filled(&table, "key"),
            title: self.filled(&table, "title"),
            url: table.get("url").and_then(|node| self.url(node)),
            licence: table.get("licence").map(|_| self.filled(&table, "licence")),
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
                "confirmed",
                "since",
                "until",
                "statement",
                "sources",
                "note",
                "checks",
                "untested",
                "explained-by",
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
            confirmed: table
                .get("confirmed")
                .and_then(|node| self.month("confirmed", node))
                .map(|month| month.to_string()),
            // The loader sets this: it depends on the edition, which a row does not know.
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
            explained_by: table
                .get("explained-by")
                .map(|_| self.filled(&table, "explained-by")),
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
                "any-form",
                "clauses",
            ],
        );
        let demand = self
            .need(&table, "demand")
            .and_then(|node| self.word("demand", node))
            .unwrap_or(Demand::May);
        let answers = match demand {
            Demand::Must => self.need_some(&table, "answers"),
            // If a refusal is not required, its code may be undocumented.
            Demand::Should | Demand::May | Demand::Tolerated => table
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
            any_form: table
                .get("any-form")
                .is_some_and(|node| self.truth("any-form", node)),
            // A refusal that is only tolerated may have no clauses.
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

    fn passing(&mut self, node: &Node) -> (Passing, Range) {
        let table = self.table("passing", node, &["action", "codes", "since", "until"]);
        let codes = self.need_some(&table, "codes");
        let passing = Passing {
            action: self.filled(&table, "action"),
            codes: codes
                .iter()
                .filter_map(|node| self.text("codes", node).map(str::to_owned))
                .collect(),
        };
        (passing, self.range(&table))
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
            // The message of the library shows the pattern with a marker; its last line names the problem.
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
                "bystanders",
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
            bystanders: aspect("bystanders"),
        }
    }
}
