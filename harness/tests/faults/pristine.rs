//! The unmodified reference gives no finding at all.

use std::sync::Arc;

use stopcheck::contract::Edition;
use stopcheck::endpoint::{Endpoint, Handler};
use stopcheck::reference::{Config, Reference, Throttle, XmlLayout};
use stopcheck::runner;

use stopcheck::selfcheck::emulator as mock;

use crate::play;

fn nothing_is_found(edition: Edition, endpoint: Endpoint, cases: &[&str], workers: usize) {
    let run = play(edition, endpoint, cases, workers);
    assert!(run.findings.is_empty(), "{:#?}", run.findings);
    assert!(run.unjudged.is_empty(), "{:?}", run.unjudged);
    assert!(run.judged > 50, "{} cases", run.judged);
}

const EVEN: &[&str] = &[
    "coverage/2-wise/*0",
    "coverage/2-wise/*2",
    "coverage/2-wise/*4",
    "coverage/2-wise/*6",
    "coverage/2-wise/*8",
];
const ODD: &[&str] = &[
    "coverage/2-wise/*1",
    "coverage/2-wise/*3",
    "coverage/2-wise/*5",
    "coverage/2-wise/*7",
    "coverage/2-wise/*9",
];

/// The named cases and all of coverage, in parts that run in parallel: combinations are split by the last digit of
/// their number.
macro_rules! finds_nothing {
    ($($name:ident: $edition:expr, $layout:expr, $workers:literal;)*) => {
        $(
            mod $name {
                use super::*;

                fn finds_nothing(cases: &[&str]) {
                    let endpoint = mock::endpoint($edition, $layout, mock::straight);
                    nothing_is_found($edition, endpoint, cases, $workers);
                }

                #[test]
                fn in_the_named_cases() {
                    finds_nothing(&["*"]);
                }

                #[test]
                fn in_combinations_with_an_even_number() {
                    finds_nothing(EVEN);
                }

                #[test]
                fn in_combinations_with_an_odd_number() {
                    finds_nothing(ODD);
                }

                #[test]
                fn at_the_borders() {
                    finds_nothing(&["coverage/bounds/*"]);
                }
            }
        )*
    };
}

finds_nothing! {
    todays_reference_has_no_finding_case_by_case: Edition::Current, XmlLayout::Compact, 1;
    todays_reference_has_no_finding_in_the_old_layout_eight_cases_at_once: Edition::Current, XmlLayout::Indented, 8;
    the_reference_of_2017_has_no_finding_case_by_case: Edition::October2017, XmlLayout::Indented, 1;
    the_reference_of_2017_has_no_finding_in_the_new_layout_eight_cases_at_once:
        Edition::October2017, XmlLayout::Compact, 8;
}

#[test]
fn a_reference_that_throttles_every_third_change_has_no_finding() {
    let endpoint = Endpoint::in_process(Arc::new(|case: &str| -> Handler {
        let reference = Reference::new(Config {
            seed: runner::seed_of(case),
            throttle: Some(Throttle::Every(3)),
            ..Config::default()
        });
        Arc::new(move |request, now_ms| reference.handle(request, now_ms))
    }));
    nothing_is_found(Edition::Current, endpoint, &["*"], 1);
}
