//! `--known-update`: the file with what is gone removed and what is new added. Reasons, links, expiry, comments and the
//! order of the other entries stay as people wrote them.

use std::collections::BTreeSet;

use toml_edit::{ArrayOfTables, Document, DocumentMut, Item, Table, Value, value};

use super::super::KnownEntry;
use super::{ENTRIES, KnownMistake, KnownProblem};
use crate::contract::ClauseId;
use crate::journal::Phase;

/// The first lines of a new file.
const HEAD: &str = "# Known deviations: `stopcheck explain known` documents the format.\n";

/// A cause to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKnown {
    /// The clause to blame.
    pub cause: ClauseId,
    /// Whether the entry shall cover warnings only.
    pub warnings_only: bool,
    /// The phase whose cases show it, if it is not the usual one for the clause.
    pub phase: Option<Phase>,
    /// What was observed, on one line, for the person who writes the reason.
    pub comment: String,
}

/// An updated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownUpdate {
    /// Its text.
    pub text: String,
    /// How many entries stayed.
    pub kept: usize,
    /// How many entries have no reason.
    pub unexplained: usize,
}

/// Removes the entries at these positions and adds new ones. A new file gets the version of the endpoint, if it is known.
pub fn update(
    name: &str,
    text: Option<&str>,
    removed: &BTreeSet<usize>,
    added: &[NewKnown],
    version: Option<&str>,
) -> Result<KnownUpdate, KnownMistake> {
    let mut document = match text {
        Some(text) => Document::parse(text).map_err(|error| KnownMistake {
            file: name.to_owned(),
            line: 1,
            why: Box::new(KnownProblem::Syntax(error.message().to_owned())),
        })?,
        None => Document::parse(HEAD).expect("a comment is TOML"),
    }
    .into_mut();
    // Without a table, comments stand at the end. They stay above what is added.
    let mut head = String::new();
    if document.is_empty() {
        head = document.trailing().as_str().unwrap_or_default().to_owned();
        document.set_trailing("");
    }
    if text.is_none()
        && let Some(version) = version
    {
        let mut endpoint = Table::new();
        endpoint.insert("version", value(version));
        endpoint.decor_mut().set_prefix(std::mem::take(&mut head) + "\n");
        document.insert("endpoint", Item::Table(endpoint));
    }
    let kept = retain(&mut document, removed);
    let mut tables = added.iter().map(NewKnown::table).peekable();
    match tables.peek_mut() {
        None => document.set_trailing(head + document.trailing().as_str().unwrap_or_default()),
        Some(first) => {
            let prefix = first.decor().prefix().and_then(|prefix| prefix.as_str());
            let prefix = head + prefix.unwrap_or_default();
            first.decor_mut().set_prefix(prefix);
            let entries = document
                .entry(ENTRIES)
                .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
            if let Some(entries) = entries.as_array_of_tables_mut() {
                tables.for_each(|table| entries.push(table));
            }
        }
    }
    let entries = document.get(ENTRIES).and_then(Item::as_array_of_tables);
    let unexplained = entries.map_or(0, |entries| {
        let is_blank = |entry: &&Table| entry.get("reason").and_then(Item::as_str).is_none_or(is_blank);
        entries.iter().filter(is_blank).count()
    });
    Ok(KnownUpdate {
        text: document.to_string(),
        kept,
        unexplained,
    })
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Removes entries, and returns the number of the others. What is written above an entry and apart from it stays.
fn retain(document: &mut DocumentMut, removed: &BTreeSet<usize>) -> usize {
    let Some(entries) = document.get_mut(ENTRIES).and_then(Item::as_array_of_tables_mut) else {
        return 0;
    };
    let mut carried = String::new();
    let mut position = 0;
    let all = entries.len();
    for at in 0..all {
        let Some(entry) = entries.get_mut(position) else {
            break;
        };
        let prefix = entry.decor().prefix().and_then(|prefix| prefix.as_str());
        let prefix = prefix.unwrap_or_default().to_owned();
        if removed.contains(&at) {
            // The comment that touches the entry goes with it.
            let apart = prefix.rfind("\n\n").map_or(0, |end| end + 1);
            carried.push_str(prefix.get(..apart).unwrap_or_default());
            entries.remove(position);
        } else {
            if !carried.trim().is_empty() {
                let prefix = format!("{carried}{prefix}");
                entry.decor_mut().set_prefix(prefix);
            }
            carried.clear();
            position += 1;
        }
    }
    let kept = entries.len();
    if !carried.trim().is_empty() {
        let trailing = document.trailing().as_str().unwrap_or_default().to_owned();
        document.set_trailing(carried + &trailing);
    }
    kept
}

impl NewKnown {
    fn table(&self) -> Table {
        let mut table = Table::new();
        table.insert("cause", value(self.cause.as_str()));
        if self.warnings_only {
            table.insert("verdict", value("warn"));
        }
        if let Some(phase) = self.phase {
            table.insert("phase", value(phase.name()));
        }
        table.insert("reason", value(""));
        let comment = match self.comment.as_str() {
            "" => String::new(),
            comment => format!("# {comment}\n"),
        };
        table.decor_mut().set_prefix(format!("\n{comment}"));
        table
    }
}

/// An entry as it is written in a file, without its comments.
pub(in crate::report::known) fn written(entry: &KnownEntry) -> String {
    let mut lines = vec![(entry.target.key(), Value::from(entry.target.value()))];
    if entry.warnings_only {
        lines.push(("verdict", "warn".into()));
    }
    lines.push(("reason", entry.reason.as_str().into()));
    lines.extend(entry.link.as_deref().map(|link| ("link", link.into())));
    lines.extend(entry.expires.as_deref().map(|day| ("expires", day.into())));
    let lines = lines.iter().map(|(key, value)| format!("{key} = {value}\n"));
    format!("[[{ENTRIES}]]\n{}", lines.collect::<String>())
}
