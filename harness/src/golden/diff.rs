//! The difference between two texts, by line and within a line; the only file that uses `similar`.

use similar::{Algorithm, ChangeTag, DiffOp, DiffTag, TextDiff};

/// A run of consecutive lines that differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// The number of its first line in the old text, counted from 0.
    pub at: usize,
    /// The unchanged lines before it, as context.
    pub before: Vec<String>,
    /// The lines that differ: first removed lines, then added ones.
    pub lines: Vec<Changed>,
}

/// A line that only one of the texts has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Whether the line was added.
    pub came: bool,
    /// Its text in pieces; the marked pieces make the difference.
    pub pieces: Vec<(bool, String)>,
}

impl Changed {
    /// The whole line.
    pub fn text(&self) -> String {
        self.pieces.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// The whole line after `-` or `+`, with a line feed.
    pub fn marked(&self) -> String {
        format!("{}{}\n", if self.came { '+' } else { '-' }, self.text())
    }
}

/// All hunks between two texts, each with up to `context` lines before it.
pub fn hunks(old: &str, new: &str, context: usize) -> Vec<Hunk> {
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Patience)
        .diff_lines(old, new);
    let lines: Vec<&str> = old.lines().collect();
    diff.ops()
        .iter()
        .filter(|op| op.tag() != DiffTag::Equal)
        .map(|op| {
            let at = op.old_range().start;
            let before = lines.get(at.saturating_sub(context)..at).unwrap_or_default();
            Hunk {
                at,
                before: before.iter().map(|line| (*line).to_owned()).collect(),
                lines: changed(&diff, op),
            }
        })
        .collect()
}

/// The numbers of the lines, old and new, that are equal, in order.
pub(super) fn same_lines(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let ops = similar::capture_diff_slices(Algorithm::Patience, old, new);
    let equal = ops.iter().filter(|op| op.tag() == DiffTag::Equal);
    equal.flat_map(|op| op.old_range().zip(op.new_range())).collect()
}

fn changed<'d>(diff: &'d TextDiff<'d, 'd, 'd, str>, op: &DiffOp) -> Vec<Changed> {
    diff.iter_inline_changes(op)
        .map(|change| {
            let mut pieces: Vec<(bool, String)> = change
                .iter_strings_lossy()
                .map(|(marked, text)| (marked, text.into_owned()))
                .collect();
            if let Some((_, last)) = pieces.last_mut() {
                last.truncate(last.trim_end_matches('\n').len());
            }
            Changed {
                came: change.tag() == ChangeTag::Insert,
                pieces,
            }
        })
        .collect()
}

/// The difference as a unified diff without context.
pub fn unified(old: &str, new: &str, old_name: &str, new_name: &str) -> String {
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(0)
        .header(old_name, new_name)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_is_told_with_what_is_before_it_and_the_words_that_differ() {
        let hunks = hunks("a\nb\n<code>16</code>\nd\n", "a\nb\n<code>80</code>\nd\ne\n", 1);
        let [first, second] = hunks.as_slice() else {
            unreachable!("two places differ: {hunks:?}")
        };
        assert_eq!(
            (first.at, first.before.as_slice()),
            (2, ["b".to_owned()].as_slice())
        );
        let told: Vec<(bool, String)> = first.lines.iter().map(|line| (line.came, line.text())).collect();
        assert_eq!(
            told,
            [
                (false, "<code>16</code>".to_owned()),
                (true, "<code>80</code>".to_owned())
            ]
        );
        let marked: Vec<&str> = first
            .lines
            .iter()
            .flat_map(|line| &line.pieces)
            .filter(|(marked, _)| *marked)
            .map(|(_, text)| text.as_str())
            .collect();
        assert_eq!(marked, ["16", "80"]);
        assert_eq!(second.lines.iter().map(Changed::text).collect::<Vec<_>>(), ["e"]);
    }

    #[test]
    fn equal_texts_do_not_differ() {
        assert_eq!(hunks("a\n", "a\n", 3), []);
        assert_eq!(unified("a\n", "a\n", "x", "y"), "");
        assert_eq!(
            unified("a\n", "b\n", "x", "y"),
            "--- x\n+++ y\n@@ -1 +1 @@\n-a\n+b\n"
        );
    }
}
