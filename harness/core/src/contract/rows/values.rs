//! Reads single values of a table and reports what is wrong with them.

use std::fmt;

use serde::de::{self, DeserializeOwned, IntoDeserializer};

use super::*;

/// Reads values.
impl Reader<'_> {
    pub(super) fn wrong(&mut self, line: usize, mistake: Mistake) {
        self.errors.push(LoadError {
            file: self.file.to_owned(),
            line,
            mistake,
        });
    }

    pub(super) fn wrong_type(&mut self, key: &str, node: &Node, expected: &'static str) {
        let mistake = Mistake::WrongType {
            key: key.to_owned(),
            expected,
            found: node.value.kind(),
        };
        self.wrong(node.line, mistake);
    }

    pub(super) fn bad_name(&mut self, table: &Table<'_>, noun: &'static str, name: &str, rule: &'static str) {
        let line = table.get("name").map_or(table.line, |node| node.line);
        let name = name.to_owned();
        self.wrong(line, Mistake::BadName { noun, name, rule });
    }

    pub(super) fn table<'n>(&mut self, name: &'static str, node: &'n Node, keys: &[&str]) -> Table<'n> {
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

    pub(super) fn need<'n>(&mut self, table: &Table<'n>, key: &'static str) -> Option<&'n Node> {
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

    pub(super) fn list<'n>(&mut self, key: &str, node: &'n Node) -> &'n [Node] {
        if let Value::List(items) = &node.value {
            return items;
        }
        self.wrong_type(key, node, "a list");
        &[]
    }

    /// Reads a list that must be present and not empty.
    pub(super) fn need_some<'n>(&mut self, table: &Table<'n>, key: &'static str) -> &'n [Node] {
        let Some(node) = self.need(table, key) else {
            return &[];
        };
        let items = self.list(key, node);
        if matches!(&node.value, Value::List(items) if items.is_empty()) {
            self.wrong(node.line, Mistake::Empty { key });
        }
        items
    }

    pub(super) fn text<'n>(&mut self, key: &str, node: &'n Node) -> Option<&'n str> {
        if let Value::Text(text) = &node.value {
            return Some(text);
        }
        self.wrong_type(key, node, "a string");
        None
    }

    /// Reads a text that must be present and not empty.
    pub(super) fn filled(&mut self, table: &Table<'_>, key: &'static str) -> String {
        let Some(node) = self.need(table, key) else {
            return String::new();
        };
        let text = self.text(key, node);
        if text.is_some_and(|text| text.trim().is_empty()) {
            self.wrong(node.line, Mistake::Empty { key });
        }
        text.unwrap_or_default().to_owned()
    }

    /// Reads the URL of a public document.
    pub(super) fn url(&mut self, node: &Node) -> Option<String> {
        let text = self.text("url", node)?;
        let host = ["https://", "http://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme));
        if host.is_none_or(str::is_empty) || text.contains(char::is_whitespace) {
            self.wrong(
                node.line,
                Mistake::BadUrl {
                    text: text.to_owned(),
                },
            );
        }
        Some(text.to_owned())
    }

    pub(super) fn truth(&mut self, key: &str, node: &Node) -> bool {
        if let Value::Truth(truth) = node.value {
            return truth;
        }
        self.wrong_type(key, node, "a boolean");
        false
    }

    pub(super) fn number<T: TryFrom<i64>>(
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

    /// Reads a variant of one of our enums, by its serde name.
    pub(super) fn word<T: DeserializeOwned>(&mut self, noun: &'static str, node: &Node) -> Option<T> {
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

    /// Reads a word of the closed vocabulary.
    pub(super) fn known_word<T: Copy>(
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

    /// Reads a list of words of the closed vocabulary.
    pub(super) fn vocabulary<T: Copy>(
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

    /// Reads the wire name of a state.
    pub(super) fn state_name(&mut self, table: &Table<'_>, key: &'static str) -> String {
        let Some(node) = self.need(table, key) else {
            return String::new();
        };
        let names: Vec<&str> = State::ALL.iter().filter_map(|state| state.wire_name()).collect();
        // The wire name of both a first launch and a restart is `pending`.
        let distinct = names
            .iter()
            .enumerate()
            .filter(|(i, name)| !names.iter().take(*i).any(|n| n == *name));
        let distinct: Vec<&str> = distinct.map(|(_, name)| *name).collect();
        self.known_word("state name", node, &distinct, |name| name)
            .unwrap_or_default()
            .to_owned()
    }

    pub(super) fn range(&mut self, table: &Table<'_>) -> Range {
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
            // Treat it as always: with an empty range, every citation in the row would be reported as a mistake.
            return Range::default();
        }
        range
    }

    pub(super) fn month(&mut self, key: &str, node: &Node) -> Option<Month> {
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

    pub(super) fn mention_all(&mut self, key: &str, node: &Node, kind: MentionKind) -> Vec<String> {
        let nodes = self.list(key, node);
        self.mention_each(key, nodes, kind)
    }

    /// Reads the names in a list, and notes that the row refers to them.
    pub(super) fn mention_each(&mut self, key: &str, nodes: &[Node], kind: MentionKind) -> Vec<String> {
        let mut names = Vec::new();
        for node in nodes {
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

    pub(super) fn mention_clauses(&mut self, key: &str, node: &Node, kind: MentionKind) -> Vec<ClauseId> {
        self.mention_all(key, node, kind)
            .into_iter()
            .map(ClauseId::from)
            .collect()
    }

    pub(super) fn clauses(
        &mut self,
        table: &Table<'_>,
        key: &'static str,
        kind: MentionKind,
    ) -> Vec<ClauseId> {
        self.need(table, key)
            .map(|node| self.mention_clauses(key, node, kind))
            .unwrap_or_default()
    }
}

/// Returns the serde names of one of our enums, in order.
pub(in super::super) fn words<T: DeserializeOwned>() -> &'static [&'static str] {
    // A blank is never a name, so serde lists the names in its error.
    match T::deserialize(IntoDeserializer::<NoSuchWord>::into_deserializer(" ")) {
        Err(NoSuchWord(known)) => known,
        Ok(_) => &[],
    }
}

/// The serde error for an unknown name, with the known names.
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
