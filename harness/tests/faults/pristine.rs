//! The reference as it is: nothing is found at all.

use std::sync::Arc;

use stopcheck::contract::Edition;
use stopcheck::endpoint::{Endpoint, Handler};
use stopcheck::reference::{Config, Layout, Reference, Throttle};
use stopcheck::runner;

use stopcheck::selfcheck::emulator as mock;

use crate::play;

fn finds_nothing(edition: Edition, layout: Layout, workers: usize) {
    let endpoint = || mock::endpoint(edition, layout, mock::straight);
    nothing_is_found(edition, endpoint(), &["*"], workers);
    nothing_is_found(edition, endpoint(), &["coverage/*"], workers);
}

fn nothing_is_found(edition: Edition, endpoint: Endpoint, cases: &[&str], workers: usize) {
    let run = play(edition, endpoint, cases, workers);
    let found: Vec<_> = run
        .findings
        .iter()
        .map(|finding| (&finding.id, finding.verdict, &finding.allowed, &finding.observed))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
    assert!(run.unjudged.is_empty(), "{:?}", run.unjudged);
    assert!(run.judged > 50, "{} cases", run.judged);
}

#[test]
fn todays_reference_has_no_finding_case_by_case() {
    finds_nothing(Edition::Current, Layout::Compact, 1);
}

#[test]
fn todays_reference_has_no_finding_in_the_old_layout_eight_cases_at_once() {
    finds_nothing(Edition::Current, Layout::Indented, 8);
}

#[test]
fn the_reference_of_2017_has_no_finding_case_by_case() {
    finds_nothing(Edition::October2017, Layout::Indented, 1);
}

#[test]
fn the_reference_of_2017_has_no_finding_in_the_new_layout_eight_cases_at_once() {
    finds_nothing(Edition::October2017, Layout::Compact, 8);
}

#[test]
fn a_reference_that_throttles_every_third_change_has_no_finding() {
    let endpoint = Endpoint::in_process(Arc::new(|case: &str| -> Handler {
        let reference = Reference::new(Config {
            seed: runner::seed_of(case),
            throttle: Some(Throttle { every: 3 }),
            ..Config::default()
        });
        Arc::new(move |request, now_ms| reference.handle(request, now_ms))
    }));
    nothing_is_found(Edition::Current, endpoint, &["*"], 1);
}
