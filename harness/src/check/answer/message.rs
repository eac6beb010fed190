//! Whether a message is one that the contract knows, without compiling its pattern for every answer.
//!
//! A pattern has holes for what the call said. It is compiled once, with a stand-in in its holes, and the words of the
//! call are replaced by the stand-in in the message. Where that fits, the pattern fits with the words themselves; where
//! it does not, or where the words are too odd to be sure, the pattern is compiled with them and has the last word.

use std::borrow::Cow;

use crate::contract::Pattern;

/// A character that stands in no message: it is set apart for private use.
const STAND_IN: &str = "\u{e000}";

/// The messages of one refusal that the contract accepts.
#[derive(Debug)]
pub(in crate::check) struct Messages {
    template: String,
    /// The only text that fits the general pattern, if there is just one.
    literal: Option<String>,
    /// Compiled for the stand-in. The contract was checked as it was loaded, so none that does not compile is in it.
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
        // Whatever part of a pattern takes the stand-in takes such words too: no quote, no line feed, no blank.
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

/// What a template says with the stand-in in its holes, if it says nothing but that.
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
            // A letter behind it would name a class.
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
                // What each template would say of each word, made from the templates themselves.
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
