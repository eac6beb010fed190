//! The format of a scenario file, for people who write one: `stopcheck explain scenarios`.
//!
//! Keys and words come from the parser of the contract, so the manual describes what is parsed; only the sentences
//! around them are written here.

use std::fmt::Write as _;

use crate::contract::TableKey;
use crate::contract::manual::{EXAMPLE, REFERENCES, SECTIONS};
use crate::report::text::fold;

/// The name under which `stopcheck explain` shows the format.
pub const NAME: &str = "scenarios";

/// The minimum width; anything narrower is unreadable.
const NARROWEST: usize = 64;

/// The width of the key column.
const LABEL: usize = 24;

/// The complete description of the format, with an example at the end.
pub fn explain(width: usize) -> String {
    let width = width.max(NARROWEST);
    let mut out = String::new();
    paragraph(
        "The form of scenarios: cases of your own, in TOML, played beside those of the contract.",
        width,
        &mut out,
    );
    out.push('\n');
    for line in [
        "stopcheck run --scenarios DIR      plays them; DIR is a folder, or a single file",
        "stopcheck list --scenarios DIR     lists them",
    ] {
        let _ = writeln!(out, "  {line}");
    }
    out.push('\n');
    paragraph(
        "The answers are judged by the contract, whatever a case is about: which of them is right follows from the \
         calls and the instances and is not written down. A clause is named where only this step can show it. After \
         the last step all instances are described once more, and removed.",
        width,
        &mut out,
    );
    for section in SECTIONS {
        let _ = writeln!(out, "\n{}", section.title);
        paragraph_in(section.meaning, width, &mut out);
        keys(section.keys, width, &mut out);
    }
    out.push_str("\nReferences\n");
    paragraph_in(
        "What stands between braces in the values of a call.",
        width,
        &mut out,
    );
    keys(REFERENCES, width, &mut out);
    let _ = write!(out, "\nAn example\n\n{EXAMPLE}");
    out
}

fn keys(keys: &[TableKey], width: usize, out: &mut String) {
    for key in keys {
        let mut text = key.meaning.to_owned();
        if let Some(words) = key.words {
            let _ = write!(text, " ({})", words().join(", "));
        }
        let mut label = key.name;
        for line in fold(&text, width.saturating_sub(LABEL + 4)) {
            let _ = writeln!(out, "    {label:<LABEL$}{line}");
            label = "";
        }
    }
}

fn paragraph(text: &str, width: usize, out: &mut String) {
    for line in fold(text, width) {
        let _ = writeln!(out, "{line}");
    }
}

fn paragraph_in(text: &str, width: usize, out: &mut String) {
    for line in fold(text, width.saturating_sub(2)) {
        let _ = writeln!(out, "  {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_every_word_is_told_whatever_the_width() {
        for width in [40, 110] {
            let text = explain(width);
            for key in SECTIONS.iter().flat_map(|section| section.keys) {
                assert!(
                    text.contains(&format!("    {:<LABEL$}", key.name)),
                    "{}",
                    key.name
                );
                for word in key.words.map_or(&[][..], |words| words()) {
                    assert!(text.contains(word), "{word}");
                }
            }
        }
    }

    #[test]
    fn the_example_stands_at_the_end_as_it_is() {
        assert!(explain(80).ends_with(EXAMPLE));
    }
}
