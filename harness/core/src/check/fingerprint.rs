//! Decides when two findings are the same: when the same clause deviates in the same way, regardless of the ids, the
//! order and the number of instances.
//!
//! A [`Finding`] comes in, a [`Fingerprint`] goes out. It is text that stays the same from run to run, and from release
//! to release as long as the wording of findings does, so that a list of known findings can be kept.

use std::collections::BTreeSet;
use std::fmt;

use crate::contract::ClauseId;
use crate::journal::Finding;
use crate::verdict::Verdict;

/// What a finding says, without what differs from case to case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint {
    clause: ClauseId,
    verdict: Verdict,
    /// The words of what was observed: states, status, codes.
    words: BTreeSet<String>,
}

impl Fingerprint {
    /// The fingerprint of a finding.
    pub fn of(finding: &Finding) -> Self {
        Fingerprint::from_parts(&finding.clause, finding.verdict, &finding.observed)
    }

    /// The fingerprint of a finding with these parts.
    pub fn from_parts(clause: &ClauseId, verdict: Verdict, observed: &str) -> Self {
        Fingerprint {
            clause: clause.clone(),
            verdict,
            words: words(observed),
        }
    }

    /// The clause.
    pub fn clause(&self) -> &ClauseId {
        &self.clause
    }

    /// The verdict.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether both have the same clause and the same verdict, regardless of the words.
    pub fn is_akin(&self, other: &Fingerprint) -> bool {
        self.clause == other.clause && self.verdict == other.verdict
    }

    /// Whether a finding of a smaller case is still this one: same clause, same verdict, and nothing observed that was
    /// not observed before. A smaller case shows fewer instances, so it may show fewer words.
    pub fn covers(&self, smaller: &Fingerprint) -> bool {
        self.is_akin(smaller)
            && smaller.words.is_subset(&self.words)
            && (self.words.is_empty() || !smaller.words.is_empty())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.clause, self.verdict.name())?;
        for word in &self.words {
            write!(f, " {word}")?;
        }
        Ok(())
    }
}

/// The words of a text that say what happened. Quoted text is left out because it repeats the endpoint, and text in
/// parentheses because it says how something was seen. Numbers and words with digits are ids and times and left out
/// too, except numbers of three digits.
fn words(text: &str) -> BTreeSet<String> {
    let plain = text.split('"').step_by(2);
    plain
        .map(without_remarks)
        .collect::<Vec<_>>()
        .iter()
        .flat_map(|part| part.split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '.' | '_'))))
        .map(|word| word.trim_matches(['-', '.', '_']))
        .filter(|word| {
            let digits = word.bytes().filter(u8::is_ascii_digit).count();
            let status = word.len() == 3 && digits == 3;
            // `2` in `2 items` is a number; `i-0a…` is an id, and so is the rest of a broken one.
            !word.is_empty() && (digits == 0 || status) && !word.starts_with("i-")
        })
        .map(str::to_owned)
        .collect()
}

fn without_remarks(text: &str) -> String {
    let mut depth = 0_usize;
    text.chars()
        .filter(|c| match c {
            '(' => {
                depth += 1;
                false
            }
            ')' => {
                depth = depth.saturating_sub(1);
                false
            }
            _ => depth == 0,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(clause: &str, observed: &str) -> Fingerprint {
        Fingerprint::of(&Finding {
            id: "x#1/X-01".to_owned(),
            clause: clause.into(),
            verdict: Verdict::Fail,
            allowed: String::new(),
            circumstances: Vec::new(),
            observed: observed.to_owned(),
        })
    }

    #[test]
    fn ids_their_number_and_quoted_texts_make_no_difference() {
        let one = of("STT-07", "200 [i-0a1b2c3d4e5f60718: terminated → stopping]");
        let two = of(
            "STT-07",
            "200 [i-0b1b2c3d4e5f60718: terminated → stopping, i-0c1b2c3d4e5f60718: terminated → stopping]",
        );
        assert_eq!(one, two);
        assert_eq!(one.to_string(), "STT-07 fail 200 stopping terminated");
        let told = |text: &str| of("ERR-04", &format!("400 InvalidInstanceID.NotFound \"{text}\""));
        assert_eq!(told("a b"), told("The instance ID 'foo' does not exist"));
    }

    #[test]
    fn how_it_was_seen_makes_no_difference_and_what_stands_behind_it_does() {
        let one = of(
            "STT-02",
            "i-0a: running (DescribeInstances (again) after 5 s) still",
        );
        assert_eq!(one, of("STT-02", "i-0b: running still"));
        assert_ne!(one, of("STT-02", "i-0a: running (DescribeInstances) at last"));
        // The rest of a broken id is not a word, but a status is.
        assert_eq!(of("A", "400 12 2017 x9"), of("A", "400"));
        assert_ne!(of("A", "400"), of("A", "412"));
    }

    #[test]
    fn another_clause_status_state_or_code_is_another_finding() {
        let one = of("STT-07", "200 [i-0a: terminated → stopping]");
        for other in [
            of("STT-06", "200 [i-0a: terminated → stopping]"),
            of("STT-07", "500 [i-0a: terminated → stopping]"),
            of("STT-07", "200 [i-0a: terminated → stopped]"),
            of("STT-07", "400 InvalidAction"),
        ] {
            assert!(one != other && !one.covers(&other), "{other}");
        }
    }

    #[test]
    fn a_smaller_case_may_show_less_but_nothing_else() {
        let whole = of(
            "IDM-03",
            "200 [i-0a: running → stopping, i-0b: terminated → stopping]",
        );
        assert!(whole.covers(&of("IDM-03", "200 [i-0b: terminated → stopping]")));
        assert!(whole.covers(&whole));
        assert!(!whole.covers(&of("IDM-03", "200 [i-0b: terminated → stopped]")));
        assert!(!whole.covers(&of("IDM-03", "")));
    }
}
