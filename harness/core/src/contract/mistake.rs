//! Mistakes in specs files, with messages that help the author to correct them.

use std::fmt;

use thiserror::Error;

/// All mistakes in the specs, in the order of the files.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct LoadErrors(pub Vec<LoadError>);

/// One mistake with its file and line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{file}: line {line}: {mistake}")]
pub struct LoadError {
    /// The name of the file, as given to the loader.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The mistake.
    pub mistake: Mistake,
}

/// A mistake in a specs file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Mistake {
    /// The text is not TOML.
    #[error("{0}")]
    Syntax(String),
    /// A word outside its vocabulary, or a name that is not defined.
    #[error("unknown {noun} {word:?}{}", Known(known))]
    UnknownWord {
        /// What the word should be.
        noun: &'static str,
        /// The word.
        word: String,
        /// The allowed words, closest match first.
        known: Vec<String>,
    },
    /// A key that its table does not have.
    #[error("unknown key {key:?} in {table}{}", Known(known))]
    UnknownKey {
        /// The table.
        table: &'static str,
        /// The key.
        key: String,
        /// The allowed keys, closest match first.
        known: Vec<String>,
    },
    /// A table lacks a key.
    #[error("{table} without {key:?}")]
    MissingKey {
        /// The table.
        table: &'static str,
        /// The key.
        key: &'static str,
    },
    /// A value of the wrong type.
    #[error("{key:?} is {found}, expected {expected}")]
    WrongType {
        /// The key of the value.
        key: String,
        /// The type it must have.
        expected: &'static str,
        /// The type it has.
        found: &'static str,
    },
    /// A text or list that must not be empty.
    #[error("{key:?} is empty")]
    Empty {
        /// The key of the value.
        key: &'static str,
    },
    /// A month that is not `YYYY-MM`.
    #[error("{text:?} is not a month, expected YYYY-MM")]
    BadMonth {
        /// The text.
        text: String,
    },
    /// An invalid URL.
    #[error("{text:?} is not a URL, expected https:// or http:// and no white space")]
    BadUrl {
        /// The text.
        text: String,
    },
    /// A moment that is not `YYYY-MM-DDThh:mm:ssZ`.
    #[error(
        "{text:?} is not a moment, expected YYYY-MM-DDThh:mm:ssZ, with up to three decimals of the seconds"
    )]
    BadMoment {
        /// The text.
        text: String,
    },
    /// A range that contains no month.
    #[error("the range is empty: since {since} is not before until {until}")]
    EmptyRange {
        /// Its first month.
        since: String,
        /// The month before which it ends.
        until: String,
    },
    /// A number outside its bounds.
    #[error("{key:?} is {number}, expected {least} to {most}")]
    OutOfRange {
        /// The key of the number.
        key: &'static str,
        /// The number.
        number: i64,
        /// The lowest accepted number.
        least: i64,
        /// The highest accepted number.
        most: i64,
    },
    /// A pattern that is not a valid regular expression.
    #[error("{pattern:?} is not a pattern: {problem}")]
    BadPattern {
        /// The pattern.
        pattern: String,
        /// The message of the regular expression library.
        problem: String,
    },
    /// A name with forbidden characters, or a reserved name.
    #[error("{name:?} is not a valid name for a {noun}: {rule}")]
    BadName {
        /// What the name is for.
        noun: &'static str,
        /// The name.
        name: String,
        /// The rule for names.
        rule: &'static str,
    },
    /// An instance of a recorded answer whose id is missing.
    #[error("fixture {name:?} has no id in \"ids\"")]
    NoRecordedId {
        /// The short name of the instance.
        name: String,
    },
    /// A `{` without its `}`.
    #[error("{text:?} opens a reference and does not close it")]
    OpenReference {
        /// The text.
        text: String,
    },
    /// A step that does nothing, or more than one thing.
    #[error("a step has exactly one of call, settle, observe, launch, pass and rest")]
    StepShape,
    /// A table of the contract in a file that a user added.
    #[error("[{table}] belongs to the contract; a file of scenarios holds [[scenario]] tables alone")]
    OnlyScenarios {
        /// The table.
        table: String,
    },
    /// A call of a user's scenario that would leave a resource behind.
    #[error(
        "{action:?} brings something into being that nobody would remove; an instance is launched by a fixture or \
         a launch step"
    )]
    Creates {
        /// The action.
        action: String,
    },
    /// A comparison of calls that run at the same time, which have several answers.
    #[error("a step with \"together\" has several answers and is not compared: no \"label\", no \"same-as\"")]
    ComparedAtOnce,
    /// A wait for a state to which no step can take the instance.
    #[error("\"{name}\" cannot become {state}: it does not begin so, and no step before takes it there")]
    NeverSettles {
        /// The name of the instance.
        name: String,
        /// The state.
        state: String,
    },
    /// Steps with labels or launches, which are played more than once.
    #[error("\"repeat\" plays steps again that have a label or launch an instance, which happens once")]
    LabelsRepeated,
    /// A user's step that claims to decide an untested clause.
    #[error("{clause} cannot be decided by a step: {reason}")]
    Undecidable {
        /// The clause.
        clause: String,
        /// The reason why it is untested.
        reason: String,
    },
    /// Bytes that are not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// A name that is used twice where it must be unique.
    #[error("duplicate {noun} {name:?} (first in {first})")]
    Duplicate {
        /// The kind of thing that has the name.
        noun: &'static str,
        /// The name.
        name: String,
        /// The place of its first use.
        first: String,
    },
    /// A citation of a clause whose range does not overlap the range of the citing row.
    #[error("{clause} holds {clause_range}, and never where it is cited ({row_range})")]
    NeverTogether {
        /// The clause.
        clause: String,
        /// The range of the clause.
        clause_range: String,
        /// The range of the citing row.
        row_range: String,
    },
    /// No file names the action.
    #[error("no [action] in any file")]
    NoAction,
    /// A clause that no check, table or step can find violated.
    #[error(
        "{clause} is bound to nothing: no check, refusal, transition or witness cites it, and it is not untested"
    )]
    Unbound {
        /// The clause.
        clause: String,
    },
    /// A clause that is marked untested although something tests it.
    #[error("{clause} is marked untested, yet bound by {place}")]
    BoundAndUntested {
        /// The clause.
        clause: String,
        /// What binds it.
        place: String,
    },
    /// An open question with cases that would settle it, and a reason why none does.
    #[error("cases would settle the question, yet no-case says why none does: keep one of the two")]
    CasesAndNone,
    /// A testable clause that no scenario lists.
    #[error("{clause} can be tested, yet no scenario lists it")]
    Unlisted {
        /// The clause.
        clause: String,
    },
}

impl Mistake {
    /// An unknown word; sorts the allowed words by their similarity to it.
    pub fn unknown_word<'k>(
        noun: &'static str,
        word: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) -> Mistake {
        Mistake::UnknownWord {
            noun,
            word: word.to_owned(),
            known: closest_first(word, known),
        }
    }

    /// An unknown key; sorts the allowed keys by their similarity to it.
    pub fn unknown_key(table: &'static str, key: &str, known: &[&str]) -> Mistake {
        Mistake::UnknownKey {
            table,
            key: key.to_owned(),
            known: closest_first(key, known.iter().copied()),
        }
    }
}

impl fmt::Display for LoadErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

/// The allowed words, of which only the first few are printed.
struct Known<'k>(&'k [String]);

impl fmt::Display for Known<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        if self.0.is_empty() {
            return Ok(());
        }
        let shown: Vec<&str> = self.0.iter().take(SHOWN).map(String::as_str).collect();
        let more = if self.0.len() > SHOWN { ", …" } else { "" };
        write!(f, " (known: {}{more})", shown.join(", "))
    }
}

fn closest_first<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Vec<String> {
    let mut known: Vec<&str> = known.into_iter().collect();
    // An abbreviation is the likeliest slip, although many letters differ.
    let begins = |candidate: &str| candidate.starts_with(word) || word.starts_with(candidate);
    known.sort_by_cached_key(|candidate| (!begins(candidate), distance(word, candidate)));
    known.into_iter().map(str::to_owned).collect()
}

/// How many characters must be inserted, removed or replaced to turn one text into the other.
pub fn distance(a: &str, b: &str) -> usize {
    strsim::levenshtein(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_word_is_taken_for_its_whole_before_a_word_of_like_letters() {
        assert_eq!(
            closest_first("succ", ["such", "success-status"]),
            ["success-status", "such"]
        );
        assert_eq!(
            closest_first("sucx", ["such", "success-status"]),
            ["such", "success-status"]
        );
    }

    #[test]
    fn a_long_list_of_known_words_is_cut_and_a_short_one_is_not() {
        let words: Vec<String> = (0..9).map(|n| format!("w{n}")).collect();
        let word = |known: &[String]| {
            Mistake::unknown_word("thing", "w7", known.iter().map(String::as_str)).to_string()
        };
        assert_eq!(
            word(&words),
            r#"unknown thing "w7" (known: w7, w0, w1, w2, w3, w4, w5, w6, …)"#
        );
        assert_eq!(
            word(words.get(1..).unwrap_or_default()),
            r#"unknown thing "w7" (known: w7, w1, w2, w3, w4, w5, w6, w8)"#
        );
        assert_eq!(word(&[]), r#"unknown thing "w7""#);
    }
}
