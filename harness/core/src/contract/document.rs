//! Parses the text of a TOML file into a tree of values, each with its line.
//!
//! Input: TOML. Output: [`Entry`]s in the order of the file, or the syntax errors. This is the only file that uses
//! `toml`; it knows nothing about contracts, and configuration files are read by it as well.

use std::fmt::Write as _;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A key of a table with its value.
#[derive(Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The line of the key, from 1.
    pub line: usize,
    /// The value.
    pub node: Node,
}

/// A value and the line where it begins.
#[derive(Debug)]
pub struct Node {
    /// The line, from 1.
    pub line: usize,
    /// The value.
    pub value: Value,
}

/// The kinds of values that our files use.
#[derive(Debug)]
pub enum Value {
    /// A string.
    Text(String),
    /// An integer.
    Whole(i64),
    /// A float.
    Real(f64),
    /// A boolean.
    Truth(bool),
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(Vec<Entry>),
    /// The name of a kind of value that no file of ours uses.
    Other(&'static str),
}

/// Formats a text as a string on one line. Characters that are invisible or ambiguous are escaped, in the same way as
/// in Python.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric() => out.push(c),
            c if u32::from(c) <= 0xffff => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}

/// Parses a whole file, or returns all syntax errors with their lines.
pub fn parse(text: &str) -> Result<Vec<Entry>, Vec<(usize, String)>> {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(entries(table.into_inner(), &lines));
    }
    Err(errors
        .iter()
        .map(|error| {
            let start = error.span().map_or(0, |span| span.start);
            (lines.line(start), error.message().to_owned())
        })
        .collect())
}

impl Value {
    /// Returns the kind of value, with its article.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a string",
            Value::Whole(_) => "an integer",
            Value::Real(_) => "a float",
            Value::Truth(_) => "a boolean",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Other(kind) => kind,
        }
    }
}

/// The offsets of the line ends.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        Lines(text.match_indices('\n').map(|(offset, _)| offset).collect())
    }

    /// Returns the number of the line with this byte, from 1.
    fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|&end| end < offset) + 1
    }
}

fn entries(table: DeTable<'_>, lines: &Lines) -> Vec<Entry> {
    let mut found: Vec<(Range<usize>, Entry)> = table
        .into_iter()
        .map(|(key, value)| {
            let span = key.span();
            let entry = Entry {
                line: lines.line(span.start),
                key: key.into_inner().into_owned(),
                node: node(value, lines),
            };
            (span, entry)
        })
        .collect();
    // Restore the order of the file, which is meaningful to its author: the parser sorts keys by name.
    found.sort_by_key(|(span, _)| span.start);
    found.into_iter().map(|(_, entry)| entry).collect()
}

fn node(value: Spanned<DeValue<'_>>, lines: &Lines) -> Node {
    let line = lines.line(value.span().start);
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("a huge integer"), Value::Whole),
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .map_or(Value::Other("a float"), Value::Real),
        DeValue::Boolean(truth) => Value::Truth(truth),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => Value::List(items.into_iter().map(|item| node(item, lines)).collect()),
        DeValue::Table(table) => Value::Table(entries(table, lines)),
    };
    Node { line, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(entries: &[Entry], depth: usize, out: &mut Vec<String>) {
        for entry in entries {
            out.push(format!("{}{} {}", " ".repeat(depth), entry.key, entry.line));
            match &entry.node.value {
                Value::Table(inner) => lines_of(inner, depth + 1, out),
                Value::List(items) => {
                    for item in items {
                        out.push(format!("{}- {}", " ".repeat(depth + 1), item.line));
                        if let Value::Table(inner) = &item.value {
                            lines_of(inner, depth + 2, out);
                        }
                    }
                }
                Value::Text(_) | Value::Whole(_) | Value::Real(_) | Value::Truth(_) | Value::Other(_) => {}
            }
        }
    }

    #[test]
    fn every_value_knows_its_line_and_keys_keep_their_order() {
        let text = r#"[action]
name = "x"

[[row]]
z = 1
a = [
  { k = true },
  2,
]
[[row]]
b.c = """
two lines"""
"#;
        let mut out = Vec::new();
        lines_of(&parse(text).expect("the text is TOML"), 0, &mut out);
        insta::assert_snapshot!(out.join("\n"), @r"
        action 1
         name 2
        row 4
         - 4
          z 5
          a 6
           - 7
            k 7
           - 8
         - 10
          b 11
           c 11
        ");
    }

    #[test]
    fn a_mistake_of_syntax_is_told_with_its_line() {
        let mistakes = parse("a = 1\nb = = 2\nc = 3\n").expect_err("the second line is no TOML");
        assert!(mistakes.iter().all(|(line, _)| *line == 2), "{mistakes:?}");
        assert!(parse("a = 1\nb = 2\n").is_ok());
    }

    #[test]
    fn a_key_given_twice_is_a_mistake_of_its_second_line() {
        let mistakes = parse("a = 1\nb = 2\na = 3\n").expect_err("`a` stands there twice");
        assert_eq!(mistakes.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn a_quoted_text_is_read_as_it_was() {
        for text in [
            "",
            "plain",
            "it's \"quoted\" \\ and \\u0041",
            "a\tb\r\nc\0\u{7f}\u{1b}[31m",
            "ü 日本 😀 \u{202e}left\u{feff}\u{e0001}",
            "# {a} = [1]",
        ] {
            let quoted = quoted(text);
            assert!(!quoted.contains(['\n', '\u{1b}', '\u{202e}']), "{quoted}");
            let entries = parse(&format!("x = {quoted}")).expect("it is TOML");
            let read = entries.first().map(|entry| &entry.node.value);
            assert!(
                matches!(read, Some(Value::Text(read)) if read == text),
                "{quoted}"
            );
        }
    }
}
