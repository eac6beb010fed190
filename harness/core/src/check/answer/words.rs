//! Describes allowed and observed answers for people.

use std::collections::BTreeSet;

use super::Question;
use super::refusal::certain;
use crate::check::text::one_line;
use crate::model::{Acceptance, Expectation};
use crate::protocol::reply::StateChange;

impl Question<'_> {
    pub(super) fn expected_in_words(&self, expectation: &Expectation<'_>) -> String {
        if expectation.acceptance >= Acceptance::Discouraged {
            return refusals_in_words(expectation);
        }
        let items: Vec<String> = expectation
            .items
            .iter()
            .map(|(id, rule)| format!("{id}: {}", rule.describe()))
            .collect();
        format!("200 {}", items.join(", "))
    }
}

pub(super) fn refusals_in_words(expectation: &Expectation<'_>) -> String {
    let mut words: Vec<String> = certain(expectation)
        .chain(expectation.refusals.iter().filter(|active| !active.certain))
        .flat_map(|active| &active.refusal.answers)
        .map(|answer| {
            let status: Vec<String> = answer.status.iter().map(u16::to_string).collect();
            format!("{} {}", status.join("/"), answer.code)
        })
        .collect();
    let mut told = BTreeSet::new();
    words.retain(|word| told.insert(word.clone()));
    format!("a refusal: {}", words.join(" or "))
}

pub(super) fn items_in_words(items: &[StateChange<'_>]) -> String {
    let words: Vec<String> = items
        .iter()
        .take(12)
        .map(|item| {
            let name = |name: Option<&str>| one_line(name.unwrap_or("?"), 40);
            format!(
                "{}: {} → {}",
                one_line(item.id.unwrap_or("?"), 40),
                name(item.previous_name()),
                name(item.current_name())
            )
        })
        .collect();
    let more = if items.len() > words.len() { ", …" } else { "" };
    format!("[{}{more}]", words.join(", "))
}
