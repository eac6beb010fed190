//! Files of known deviations: read with all mistakes at once, and updated without losing what people wrote. The only
//! module that calls toml_edit.
//!
//! ```toml
//! [endpoint]
//! name = "moto"
//! version = "5.2.5"
//!
//! [[deviation]]
//! clause = "ERR-09"
//! reason = "a terminated instance is stopped"
//! ```

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use thiserror::Error;
use toml_edit::{Document, Item, Table, Value};

use super::{KnownDeviations, KnownEntry, KnownTarget, cases_of};
use crate::check::time::is_day;
use crate::contract::{Clause, ClauseId, Contract};
use crate::journal::Phase;
use crate::plan::{concurrent, coverage, matches};
use crate::report::list::close;

mod update;

pub(super) use update::written;
pub use update::{KnownUpdate, NewKnown, update};

/// The tables of a file.
const TABLES: [&str; 2] = ["endpoint", ENTRIES];

/// The table of an entry.
const ENTRIES: &str = "deviation";

/// The keys of the endpoint.
const ENDPOINT_KEYS: [&str; 2] = ["name", "version"];

/// The keys of an entry.
pub(super) const ENTRY_KEYS: [&str; 9] = [
    "clause", "case", "cause", "reason", "link", "expires", "versions", "verdict", "phase",
];

/// The phases that an entry may name.
const PHASES: [Phase; 5] = [
    Phase::Scenarios,
    Phase::Coverage,
    Phase::Wire,
    Phase::Concurrent,
    Phase::Random,
];

/// How many cases of a phase that comes from a seed a pattern is tried on.
const TRIED: u64 = 10_000;

/// A file to read.
#[derive(Debug, Clone, Copy)]
pub struct KnownFile<'a> {
    /// Its name in messages.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
    /// What an entry without a reason is.
    pub missing_reasons: MissingReasons,
}

/// What an entry without a reason is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingReasons {
    /// A mistake.
    Refused,
    /// An entry that somebody still has to explain. The file is about to be updated.
    Allowed,
}

/// A mistake in a file, with its line and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{file}: line {line}: {why}")]
pub struct KnownMistake {
    /// The name of the file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub why: Box<KnownProblem>,
}

/// What is wrong with a file of known deviations.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KnownProblem {
    /// The text is not TOML.
    #[error("{0}")]
    Syntax(String),
    /// A key that its table does not have.
    #[error("unknown key {key:?} in {table}{}; its keys are {known}", perhaps(near))]
    UnknownKey {
        /// The table.
        table: &'static str,
        /// The key.
        key: String,
        /// Similar keys, nearest first.
        near: Vec<String>,
        /// All keys.
        known: String,
    },
    /// A value of the wrong type.
    #[error("{key:?} is {found}, write {expected}")]
    WrongType {
        /// The key.
        key: String,
        /// What to write.
        expected: &'static str,
        /// The type it has.
        found: &'static str,
    },
    /// An entry that says not what it covers.
    #[error("the entry names nothing: give it one of clause, case and cause")]
    NoTarget,
    /// An entry that names more than one thing.
    #[error("the entry names {0}: keep one of them, and write an entry for each other")]
    SeveralTargets(String),
    /// An entry without a reason.
    #[error("{0} has no reason: write in \"reason\" why it is accepted, or delete the entry")]
    NoReason(KnownTarget),
    /// A clause that does not exist.
    #[error(
        "there is no clause {id:?}{}; stopcheck list --clauses names all of them",
        perhaps(near)
    )]
    UnknownClause {
        /// The id.
        id: String,
        /// Similar ids, nearest first.
        near: Vec<String>,
    },
    /// A pattern that matches no case.
    #[error(
        "no case matches {pattern:?}{}; stopcheck list names the cases",
        perhaps(near)
    )]
    UnknownCase {
        /// The pattern.
        pattern: String,
        /// Similar names, nearest first.
        near: Vec<String>,
    },
    /// A word outside its vocabulary.
    #[error(
        "unknown {key} {word:?}{}; write {known}, or leave out the key",
        perhaps(near)
    )]
    UnknownWord {
        /// The key.
        key: &'static str,
        /// The word.
        word: String,
        /// Similar words, nearest first.
        near: Vec<String>,
        /// The allowed words.
        known: String,
    },
    /// A day that is not in the calendar.
    #[error("{0:?} is not a date: write the last day on which the deviation is accepted as YYYY-MM-DD")]
    BadDay(String),
    /// An entry for some versions, while the version of the endpoint is not known.
    #[error(
        "{0} is for some versions only, and the version of the endpoint is not known: give --endpoint-version, or \
         write it in the file as [endpoint] version"
    )]
    NoVersion(KnownTarget),
    /// The same entry twice.
    #[error("{target} is listed twice: delete this entry, or that in line {first}")]
    Twice {
        /// What it covers.
        target: KnownTarget,
        /// The line of the first one.
        first: usize,
    },
}

fn perhaps(near: &[String]) -> String {
    match near {
        [] => String::new(),
        near => format!(" (perhaps {})", near.join(" or ")),
    }
}

/// Reads files. `played` are names of cases that a run has played, whether the contract has them or not; `version` is
/// the version of the endpoint, which comes before the one that a file states.
pub fn load(
    files: &[KnownFile<'_>],
    contract: &Contract,
    played: &[&str],
    version: Option<&str>,
) -> Result<KnownDeviations, Vec<KnownMistake>> {
    let mut known = KnownDeviations {
        entries: Vec::new(),
        deciding: deciding(contract),
    };
    let mut mistakes = Vec::new();
    for file in files {
        let mut reader = Reader {
            file: *file,
            contract,
            played,
            mistakes: Vec::new(),
        };
        known.entries.extend(reader.file(version));
        mistakes.append(&mut reader.mistakes);
    }
    match mistakes.is_empty() {
        true => Ok(known),
        false => Err(mistakes),
    }
}

/// The clauses that fail a run by default.
fn deciding(contract: &Contract) -> BTreeSet<ClauseId> {
    let clauses = contract.clauses.iter().filter(|clause| clause.decides());
    clauses.map(|clause| clause.id.clone()).collect()
}

/// Reads one file.
struct Reader<'a> {
    file: KnownFile<'a>,
    contract: &'a Contract,
    played: &'a [&'a str],
    mistakes: Vec<KnownMistake>,
}

impl Reader<'_> {
    fn wrong(&mut self, span: Option<Range<usize>>, why: KnownProblem) {
        let line = self.line(span);
        self.wrong_in(line, why);
    }

    fn wrong_in(&mut self, line: usize, why: KnownProblem) {
        let file = self.file.name.to_owned();
        let why = Box::new(why);
        self.mistakes.push(KnownMistake { file, line, why });
    }

    /// The line in which a part of the text begins.
    fn line(&self, span: Option<Range<usize>>) -> usize {
        let start = span.map_or(0, |span| span.start);
        let before = self.file.text.as_bytes().iter().take(start);
        before.filter(|byte| **byte == b'\n').count() + 1
    }

    /// The entries that apply to the endpoint.
    fn file(&mut self, version: Option<&str>) -> Vec<KnownEntry> {
        let document = match Document::parse(self.file.text) {
            Ok(document) => document,
            Err(error) => {
                self.wrong(error.span(), KnownProblem::Syntax(error.message().to_owned()));
                return Vec::new();
            }
        };
        self.keys("the file", document.as_table(), &TABLES);
        let stated = document.get("endpoint").and_then(|item| self.endpoint(item));
        let version = version.or(stated.as_deref());
        let file: Arc<str> = self.file.name.into();
        let tables = match document.get(ENTRIES) {
            None => return Vec::new(),
            Some(Item::ArrayOfTables(tables)) => tables,
            Some(item) => {
                let problem = wrong_type(ENTRIES, item, "each entry below a line [[deviation]]");
                self.wrong(item.span(), problem);
                return Vec::new();
            }
        };
        let mut entries: Vec<KnownEntry> = Vec::new();
        for (position, table) in tables.iter().enumerate() {
            let Some(entry) = self.entry(table, position, &file) else {
                continue;
            };
            let is_same = |one: &&KnownEntry| {
                (&one.target, one.warnings_only, &one.versions)
                    == (&entry.target, entry.warnings_only, &entry.versions)
            };
            if let Some(first) = entries.iter().find(is_same).map(|first| first.line) {
                let target = entry.target.clone();
                self.wrong_in(entry.line, KnownProblem::Twice { target, first });
                continue;
            }
            if version.is_none() && !entry.versions.is_empty() {
                self.wrong_in(entry.line, KnownProblem::NoVersion(entry.target.clone()));
            }
            entries.push(entry);
        }
        let applies = |entry: &KnownEntry| {
            let mut patterns = entry.versions.iter();
            entry.versions.is_empty()
                || version.is_some_and(|version| patterns.any(|pattern| matches(pattern, version)))
        };
        entries.retain(applies);
        entries
    }

    /// The version that the file states.
    fn endpoint(&mut self, item: &Item) -> Option<String> {
        let Some(table) = item.as_table() else {
            let problem = wrong_type("endpoint", item, "name and version below a line [endpoint]");
            self.wrong(item.span(), problem);
            return None;
        };
        self.keys("[endpoint]", table, &ENDPOINT_KEYS);
        self.text(table, "name");
        self.text(table, "version")
    }

    fn entry(&mut self, table: &Table, position: usize, file: &Arc<str>) -> Option<KnownEntry> {
        self.keys("[[deviation]]", table, &ENTRY_KEYS);
        let line = self.line(table.span());
        let target = self.target(table, line);
        let reason = self.text(table, "reason").unwrap_or_default();
        let link = self.text(table, "link");
        let expires = self.day(table);
        let versions = self.versions(table);
        let warnings_only = self.word(table, "verdict", &["warn"]).is_some();
        let phase = self.phase(table, target.as_ref());
        let target = target?;
        if reason.trim().is_empty() && self.file.missing_reasons == MissingReasons::Refused {
            self.wrong_in(line, KnownProblem::NoReason(target.clone()));
        }
        Some(KnownEntry {
            target,
            warnings_only,
            phase,
            reason: reason.trim().to_owned(),
            link,
            expires,
            versions,
            file: Arc::clone(file),
            line,
            position,
        })
    }

    fn target(&mut self, table: &Table, line: usize) -> Option<KnownTarget> {
        let keys = ["clause", "case", "cause"];
        let named: Vec<&str> = keys.into_iter().filter(|key| table.contains_key(key)).collect();
        match named.as_slice() {
            [] => {
                self.wrong_in(line, KnownProblem::NoTarget);
                None
            }
            ["clause"] => self.clause(table, "clause").map(KnownTarget::Clause),
            ["cause"] => self.clause(table, "cause").map(KnownTarget::Cause),
            [_] => self.case(table).map(KnownTarget::Case),
            several => {
                self.wrong_in(line, KnownProblem::SeveralTargets(several.join(" and ")));
                None
            }
        }
    }

    fn clause(&mut self, table: &Table, key: &str) -> Option<ClauseId> {
        let id = self.text(table, key)?;
        let known = ClauseId::from(id.as_str());
        if self.contract.clause(&known).is_some() {
            return Some(known);
        }
        let ids = self
            .contract
            .clauses
            .iter()
            .map(|clause: &Clause| clause.id.as_str());
        let near = nearest(ids, &id);
        let span = table.get(key).and_then(Item::span);
        self.wrong(span, KnownProblem::UnknownClause { id, near });
        None
    }

    fn case(&mut self, table: &Table) -> Option<String> {
        let pattern = self.text(table, "case")?;
        if self.is_any_case(&pattern) {
            return Some(pattern);
        }
        let names = self.contract.scenarios.iter().map(|case| case.name.as_str());
        let near = nearest(names, &pattern);
        let span = table.get("case").and_then(Item::span);
        self.wrong(span, KnownProblem::UnknownCase { pattern, near });
        None
    }

    /// Whether a case may have a name that matches.
    fn is_any_case(&self, pattern: &str) -> bool {
        let of_phase = |phase| {
            let cases = cases_of(phase, self.contract);
            cases.iter().any(|(name, _)| matches(pattern, name))
        };
        self.played.iter().any(|name| matches(pattern, name))
            || of_phase(Phase::Scenarios)
            || of_phase(Phase::Wire)
            // Cases of a higher strength are many: their names are not made for this.
            || coverage::strength_of(pattern).is_some_and(|strength| strength > coverage::LEAST)
            || of_phase(Phase::Coverage)
            || is_seeded(pattern)
            || (0..TRIED).any(|number| {
                matches(pattern, &concurrent::name(number)) || matches(pattern, &format!("random/{number}"))
            })
    }

    fn day(&mut self, table: &Table) -> Option<String> {
        let item = table.get("expires")?;
        let text = match item {
            Item::Value(Value::String(text)) => text.value().clone(),
            Item::Value(Value::Datetime(date)) => date.value().to_string(),
            Item::None | Item::Value(_) | Item::Table(_) | Item::ArrayOfTables(_) => {
                let problem = wrong_type("expires", item, "a date as YYYY-MM-DD");
                self.wrong(item.span(), problem);
                return None;
            }
        };
        if !is_day(&text) {
            self.wrong(item.span(), KnownProblem::BadDay(text));
            return None;
        }
        Some(text)
    }

    fn versions(&mut self, table: &Table) -> Vec<String> {
        let Some(item) = table.get("versions") else {
            return Vec::new();
        };
        let texts = item.as_array().map(|list| {
            let texts = list.iter().map(|one| one.as_str().map(str::to_owned));
            texts.collect::<Option<Vec<String>>>()
        });
        if let Some(Some(versions)) = texts
            && !versions.is_empty()
        {
            return versions;
        }
        let problem = wrong_type("versions", item, "a list of strings, as [\"5.2.*\"]");
        self.wrong(item.span(), problem);
        Vec::new()
    }

    /// The phase that shows the deviation. Some clauses have no named cases.
    fn phase(&mut self, table: &Table, target: Option<&KnownTarget>) -> Phase {
        let names = PHASES.map(Phase::name);
        let word = self.word(table, "phase", &names);
        let named = PHASES
            .into_iter()
            .find(|phase| Some(phase.name()) == word.as_deref());
        named.unwrap_or_else(|| match target.and_then(KnownTarget::clause) {
            Some(clause) if !self.has_named_case(clause) => Phase::Wire,
            Some(_) | None => Phase::Scenarios,
        })
    }

    fn has_named_case(&self, clause: &ClauseId) -> bool {
        let mut cases = self.contract.scenarios.iter();
        cases.any(|case| case.clauses.contains(clause))
    }

    fn word(&mut self, table: &Table, key: &'static str, known: &[&'static str]) -> Option<String> {
        let word = self.text(table, key)?;
        if known.contains(&word.as_str()) {
            return Some(word);
        }
        let near = nearest(known.iter().copied(), &word);
        let known = known.join(", ");
        let span = table.get(key).and_then(Item::span);
        self.wrong(
            span,
            KnownProblem::UnknownWord {
                key,
                word,
                near,
                known,
            },
        );
        None
    }

    fn text(&mut self, table: &Table, key: &str) -> Option<String> {
        let item = table.get(key)?;
        let text = item.as_str();
        if text.is_none() {
            self.wrong(item.span(), wrong_type(key, item, "a string"));
        }
        text.map(str::to_owned)
    }

    fn keys(&mut self, place: &'static str, table: &Table, known: &[&str]) {
        for (key, item) in table.iter().filter(|(key, _)| !known.contains(key)) {
            let near = nearest(known.iter().copied(), key);
            let problem = KnownProblem::UnknownKey {
                table: place,
                key: key.to_owned(),
                near,
                known: known.join(", "),
            };
            let span = table.key(key).and_then(toml_edit::Key::span);
            self.wrong(span.or(item.span()), problem);
        }
    }
}

/// Whether this is the name of a case that comes from a seed, or of one that was derived from it: `random/16/dry-04`.
fn is_seeded(name: &str) -> bool {
    let mut parts = name.split('/');
    let is_phase = matches!(parts.next(), Some("concurrent" | "random"));
    is_phase && parts.next().is_some_and(|number| number.parse::<u64>().is_ok())
}

/// The most similar names.
fn nearest<'a>(names: impl Iterator<Item = &'a str>, asked: &str) -> Vec<String> {
    let mut near = close(names, asked);
    near.truncate(2);
    near
}

fn wrong_type(key: &str, item: &Item, expected: &'static str) -> KnownProblem {
    let found = match item {
        Item::None => "nothing",
        Item::Value(Value::String(_)) => "a string",
        Item::Value(Value::Integer(_)) => "an integer",
        Item::Value(Value::Float(_)) => "a float",
        Item::Value(Value::Boolean(_)) => "a boolean",
        Item::Value(Value::Datetime(_)) => "a date",
        Item::Value(Value::Array(_)) => "a list",
        Item::Value(Value::InlineTable(_)) | Item::Table(_) => "a table",
        Item::ArrayOfTables(_) => "a list of tables",
    };
    KnownProblem::WrongType {
        key: key.to_owned(),
        expected,
        found,
    }
}

#[cfg(test)]
mod tests;
