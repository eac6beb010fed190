//! Matches messages with those that the contract knows, without compiling a pattern for every answer.
//!
//! A pattern has placeholders for words of the call. It is compiled once, with a stand-in for its placeholders, and in
//! the message the words of the call are replaced by the stand-in. If that matches, the pattern with the words
//! themselves matches too. If it does not, or if the words are too unusual to be sure, the pattern is compiled with the
//! words and decides.

use std::borrow::Cow;

use crate::contract::Pattern;

/// A private-use character that occurs in no message.
const STAND_IN: &str = "\u{e000}";

/// The messages of one refusal that the contract accepts.
#[derive(Debug)]
pub(in crate::check) struct Messages {
    template: String,
    /// The only text that the general pattern matches, if there is just one.
    literal: Option<String>,
    /// The pattern for the stand-in. The contract was checked when it was loaded, so its patterns compile.
    general: Option<Pattern>,
}

impl Messages {
    pub(in crate::check) fn new(template: &str) -> Self {
        Messages {
            template: template.to_owned(),
            literal: literal(template),
            general: Pattern::new(template, &[STAND_IN], STAND_IN).ok(),
        }
    }

    /// Whether this message may be given for these words of the call.
    pub(in crate::check) fn fit(&self, message: &str, words: &[&str]) -> bool {
        self.fit_in_general(message, words) || self.fit_exactly(message, words)
    }

    fn fit_exactly(&self, message: &str, words: &[&str]) -> bool {
        let value = words.first().copied().unwrap_or_default();
        Pattern::new(&self.template, words, value).is_ok_and(|pattern| pattern.is_match(message))
    }

    fn fit_in_general(&self, message: &str, words: &[&str]) -> bool {
        let Some(general) = &self.general else {
            return false;
        };
        // Only the first word is the value.
        let words = if self.template.contains("{value}") {
            words.get(..1).unwrap_or_default()
        } else {
            words
        };
        // Any part of a pattern that matches the stand-in also matches words without quotes, line feeds and blanks.
        let is_simple = |word: &str| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        };
        if message.contains(STAND_IN) || !words.iter().all(|word| is_simple(word)) {
            return false;
        }
        let mut text = Cow::Borrowed(message);
        for word in words {
            if text.contains(word) {
                text = Cow::Owned(text.replace(word, STAND_IN));
            }
        }
        self.literal.as_deref() == Some(&text) || general.is_match(&text)
    }
}

/// The text that a template stands for with the stand-in in its placeholders; `None` if it stands for several texts.
fn literal(template: &str) -> Option<String> {
    let inner = template.strip_prefix('^')?.strip_suffix('$')?;
    let filled = inner
        .replace("({id})", STAND_IN)
        .replace("{id}", STAND_IN)
        .replace("{value}", STAND_IN);
    let mut text = String::new();
    let mut characters = filled.chars();
    while let Some(character) = characters.next() {
        match character {
            // A letter after it would name a class.
            '\\' => text.push(characters.next().filter(char::is_ascii_punctuation)?),
            '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '^' | '$' => return None,
            plain => text.push(plain),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Edition, embedded};

    #[test]
    fn the_general_pattern_accepts_nothing_that_the_exact_one_does_not() {
        let words: [&[&str]; 10] = [
            &[],
            &["i-0cfb1e75e74229968"],
            &["i-0cfb1e75e74229968", "i-0d5c1f10a2b3c4d5e"],
            &["i-0123abcd", "i-0123abcd456789012"],
            &["ma1"],
            &["e"],
            &["Bogus", "parameter"],
            &["i-'x"],
            &["a\nb"],
            &[STAND_IN],
        ];
        let contract = embedded(Edition::Current);
        let answers = contract.refusals.iter().flat_map(|row| &row.answers);
        let templates: Vec<&str> = answers.filter_map(|answer| answer.message.as_deref()).collect();
        let mut fitting = 0;
        for template in &templates {
            let messages = Messages::new(template);
            for words in words {
                // Each template, filled with each word, is a message to match.
                for other in &templates {
                    for word in words.iter().chain(&["i-00000000"]) {
                        let plain = other
                            .trim_start_matches('^')
                            .trim_end_matches('$')
                            .replace('\\', "");
                        let message = plain
                            .replace("({id})", word)
                            .replace("{id}", word)
                            .replace("{value}", word);
                        let general = messages.fit_in_general(&message, words);
                        let exact = messages.fit_exactly(&message, words);
                        assert!(exact || !general, "{template} {words:?} {message}");
                        fitting += usize::from(general);
                    }
                }
            }
        }
        assert!(fitting > 50, "{fitting} messages were accepted in general");
    }

    #[test]
    fn a_template_without_choices_says_one_text() {
        let table = [
            (r"^Request has \(expired\)\.$", Some("Request has (expired).")),
            (
                "^Instance '({id})' of {value}$",
                Some("Instance '\u{e000}' of \u{e000}"),
            ),
            (r"^a \d$", None),
            ("^a.$", None),
            ("^a|b$", None),
            ("^Request has", None),
        ];
        for (template, text) in table {
            assert_eq!(literal(template).as_deref(), text, "{template}");
            if let Some(text) = text {
                let general = Messages::new(template).general.expect("the template is valid");
                assert!(general.is_match(text), "{template}");
            }
        }
    }

    #[test]
    fn a_message_fits_with_the_words_of_the_call_only() {
        let messages = Messages::new("^The instance ID '{id}' does not exist$");
        let message = "The instance ID 'i-0a' does not exist";
        assert!(messages.fit_in_general(message, &["i-0a"]));
        assert!(messages.fit(message, &["i-0b", "i-0a"]));
        assert!(!messages.fit(message, &["i-0b"]));
        assert!(!messages.fit(message, &[]));
        assert!(messages.fit("The instance ID 'i'0a' does not exist", &["i'0a"]));
    }
}
