//! The reference as it is: nothing is found at all.

use stopcheck::contract::Edition;
use stopcheck::reference::Layout;

use crate::{mock, play};

#[test]
fn the_pristine_reference_has_no_finding() {
    for edition in [Edition::Current, Edition::October2017] {
        for layout in [Layout::Compact, Layout::Indented] {
            for workers in [1, 8] {
                let endpoint = mock::endpoint(edition, layout, mock::straight);
                let run = play(edition, endpoint, &["*"], workers);
                let found: Vec<_> = run
                    .findings
                    .iter()
                    .map(|finding| (&finding.id, finding.verdict, &finding.allowed, &finding.observed))
                    .collect();
                assert!(found.is_empty(), "{edition:?} {layout:?} {workers}: {found:#?}");
                assert!(
                    run.unjudged.is_empty(),
                    "{edition:?} {layout:?} {workers}: {:?}",
                    run.unjudged
                );
                assert!(
                    run.judged > 50,
                    "{edition:?} {layout:?} {workers}: {} cases",
                    run.judged
                );
            }
        }
    }
}
