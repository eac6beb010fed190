//! Text and lists from outside, bounded: whatever an endpoint answers, a finding stays small.

use serde::{Deserialize, Serialize};

/// Text from outside, cut to a length that a report can show.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(from = "String")]
pub struct Excerpt(Box<str>);

impl Excerpt {
    /// The most characters of a quoted text, and of any excerpt.
    const QUOTE: usize = 200;
    /// The most characters of a code, or of the name of an element.
    const NAME: usize = 80;
    /// The most characters of an id, or of the name of a state.
    const WORD: usize = 40;

    /// An id, or the name of a state.
    pub fn word(text: &str) -> Self {
        Excerpt::cut(text, Excerpt::WORD)
    }

    /// A code, or the name of an element.
    pub fn name(text: &str) -> Self {
        Excerpt::cut(text, Excerpt::NAME)
    }

    /// Any other text.
    pub fn quote(text: &str) -> Self {
        Excerpt::cut(text, Excerpt::QUOTE)
    }

    /// The text. It may have any characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn cut(text: &str, most: usize) -> Self {
        match text.char_indices().nth(most) {
            None => Excerpt(text.into()),
            Some((end, _)) => Excerpt(format!("{}…", text.get(..end).unwrap_or_default()).into()),
        }
    }
}

impl From<String> for Excerpt {
    /// Cuts texts of a journal that somebody wrote by hand. An excerpt of ours is one character longer than its bound.
    fn from(text: String) -> Self {
        Excerpt::cut(&text, Excerpt::QUOTE + 1)
    }
}

/// The first members of a list from outside: one answer may have a hundred thousand.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Few<T> {
    /// The first members.
    pub shown: Vec<T>,
    /// The number of the others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: usize,
}

/// The most members of a list that a finding shows.
const FEW: usize = 12;

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(members: I) -> Self {
        let mut members = members.into_iter();
        Few {
            shown: members.by_ref().take(FEW).collect(),
            left_out: members.count(),
        }
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_no_longer_than_its_bound_and_stays_as_it_is_in_a_journal() {
        assert_eq!(Excerpt::word(&"a".repeat(40)).as_str(), "a".repeat(40));
        assert_eq!(
            Excerpt::word(&"ü".repeat(41)).as_str(),
            "ü".repeat(40) + "…",
            "characters are counted, not bytes"
        );
        for length in [0, 200, 201, 202, 5_000] {
            let quoted = Excerpt::quote(&"x".repeat(length));
            assert!(quoted.as_str().chars().count() <= 201);
            let line = serde_json::to_string(&quoted).expect("a text is JSON");
            let read: Excerpt = serde_json::from_str(&line).expect("our own text");
            assert_eq!(read, quoted);
        }
        let long = serde_json::to_string(&"x".repeat(5_000)).expect("a text is JSON");
        let read: Excerpt = serde_json::from_str(&long).expect("a text");
        assert_eq!(read.as_str().chars().count(), 202);
    }

    #[test]
    fn of_many_members_a_dozen_are_kept_and_the_others_counted() {
        let few = |count: usize| (0..count).collect::<Few<usize>>();
        assert_eq!((few(12).shown.len(), few(12).left_out), (12, 0));
        assert_eq!((few(100).shown.len(), few(100).left_out), (12, 88));
        assert_eq!(few(0), Few::default());
    }
}
