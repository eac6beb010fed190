//! The difference between two texts: by line, within a line, and by word. The only file that uses `similar`.

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
pub(crate) fn same_lines(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
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

/// A part of a text, and whether the other text lacks it.
pub type Piece = (bool, String);

/// Two short texts in pieces. What stands between two words that differ counts as different, too, so that a reader sees
/// few and long marks.
pub fn by_word(one: &str, other: &str) -> (Vec<Piece>, Vec<Piece>) {
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Patience)
        .diff_unicode_words(one, other);
    let of = |tag: ChangeTag| {
        let mut pieces: Vec<Piece> = Vec::new();
        for change in diff.iter_all_changes() {
            if change.tag() == ChangeTag::Equal || change.tag() == tag {
                push(&mut pieces, change.tag() == tag, change.value());
            }
        }
        pieces
    };
    (joined(&of(ChangeTag::Delete)), joined(&of(ChangeTag::Insert)))
}

/// Adds text to the last piece if it is marked alike.
fn push(pieces: &mut Vec<Piece>, marked: bool, text: &str) {
    match pieces.last_mut() {
        Some((same, last)) if *same == marked => last.push_str(text),
        Some(_) | None => pieces.push((marked, text.to_owned())),
    }
}

/// Marks what has no word and stands between two marked pieces; a mark of white space alone is removed.
fn joined(pieces: &[Piece]) -> Vec<Piece> {
    let marks: Vec<bool> = pieces.iter().map(|(marked, _)| *marked).collect();
    let is_marked = |at: Option<usize>| at.and_then(|at| marks.get(at)).copied().unwrap_or(false);
    let mut out = Vec::new();
    for (at, (marked, text)) in pieces.iter().enumerate() {
        let between = is_marked(at.checked_sub(1)) && is_marked(Some(at + 1));
        let has_word = text.contains(char::is_alphanumeric);
        let marked = match marked {
            true => !text.trim().is_empty(),
            false => between && !has_word,
        };
        push(&mut out, marked, text);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_differ_are_marked_with_what_stands_between_them() {
        let (allowed, seen) = by_word("i-1 stays running", "i-1: stopping");
        assert_eq!(
            allowed,
            [(false, "i-1".to_owned()), (true, " stays running".to_owned())]
        );
        assert_eq!(seen, [(false, "i-1".to_owned()), (true, ": stopping".to_owned())]);
        let (same, _) = by_word("a b", "a b");
        assert_eq!(same, [(false, "a b".to_owned())]);
        let (nothing, everything) = by_word("", "a, b");
        assert_eq!((nothing, everything), (vec![], vec![(true, "a, b".to_owned())]));
    }

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
