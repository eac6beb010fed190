//! Tests of the page: what it has, what it leaves out, and that text of an endpoint stays text.

use super::*;
use crate::journal::{CallInterval, Event, Excerpt, Few, Observed, OverlappingCall};
use crate::report::sample::{self, A, SampleCase};
use crate::verdict::Verdict;

fn written(events: &[Event], contract: &Contract) -> String {
    let mut tally = Tally::new(contract);
    events.iter().for_each(|event| tally.take(event));
    let mut out = Vec::new();
    write(&tally, contract, Policy::default(), &mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("a page is text")
}

/// The page without the parts that are the same in every one.
fn body(page: &str) -> &str {
    let (_, body) = page.split_once("</style>").expect("it has a style");
    body.split_once("<script>").map_or(body, |(body, _)| body)
}

#[test]
fn a_cause_has_all_that_is_known_of_it() {
    let page = written(&sample::mixed(), &sample::contract());
    let body = body(&page);
    for text in [
        "<strong>Deviates</strong>",
        "<h2>Fails the run <span class=\"count\">1</span></h2>",
        "id=\"DRY-04\" data-verdict=\"fail\" data-level=\"MUST\" data-phases=\"scenarios\"",
        "stays running</mark>",
        "<mark>: stopping</mark>",
        "Also in dry-run&#x2f;again.",
        "Action=StopInstances&amp;Version=2016-11-15",
        "stopcheck run --endpoint-url http:&#x2f;&#x2f;127.0.0.1:5000 --case dry-run&#x2f;valid",
        "<summary>With aws</summary>",
        "<h2>Not judged</h2>",
        "<h2>Errors of stopcheck</h2>",
        "<li id=\"clause-ERR-02\" data-verdict=\"\" data-level=\"MUST\">",
    ] {
        assert!(body.contains(text), "{text:?} is missing in:\n{body}");
    }
}

#[test]
fn overlapping_calls_have_a_timeline() {
    let call = |caller, began| OverlappingCall {
        interval: CallInterval {
            caller,
            began,
            ended: Some(began + 2),
        },
        action: Excerpt::name("StopInstances"),
        ids: Few::from_iter([Excerpt::word(A)]),
        answer: None,
    };
    let calls = Few::from_iter([call(1, 0), call(2, 1)]);
    let finding = sample::finding(
        "a",
        "DRY-04",
        Verdict::Warn,
        sample::stays_running(A),
        Observed::History { calls },
    );
    let page = written(
        &sample::stream(vec![SampleCase {
            findings: vec![finding],
            ..sample::bad_case("a", 0, A)
        }]),
        &sample::contract(),
    );
    let (_, timeline) = page
        .split_once("aria-label=\"Timeline of the overlapping calls\">")
        .expect("it has a timeline");
    assert!(timeline.starts_with(" 1 |"), "{timeline}");
    assert!(
        timeline
            .lines()
            .nth(1)
            .is_some_and(|line| line.starts_with(" 2 ")),
        "{timeline}"
    );
}

#[test]
fn a_run_without_findings_says_so() {
    let good = sample::stream(vec![sample::good_case("a", 0, &["DRY-01"])]);
    let page = written(&good, &sample::contract());
    assert!(body(&page).contains("<strong>Conforms</strong>") && body(&page).contains("<p>None.</p>"));
}

#[test]
fn the_page_permits_its_own_style_and_script_only() {
    let page = written(&sample::mixed(), &sample::contract());
    let policy = format!(
        "content=\"default-src &#x27;none&#x27;; style-src &#x27;{}&#x27;; script-src &#x27;{}&#x27;;",
        digest(STYLE),
        digest(SCRIPT)
    );
    // The digests are base64, in which a slash may be escaped.
    assert!(page.contains(&policy.replace('/', "&#x2f;")), "{page}");
    assert!(
        page.contains(&format!("<style>{STYLE}</style>"))
            && page.contains(&format!("<script>{SCRIPT}</script>"))
    );
    assert!(
        !body(&page).contains(" style=\""),
        "an attribute is not permitted"
    );
    assert_eq!(
        digest("abc"),
        "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
    );
}

#[test]
fn text_of_an_endpoint_is_never_markup() {
    let hostile =
        "</script><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}{% raw %}\" ' \u{202e}\u{0}";
    let case = |name: &'static str| SampleCase {
        findings: vec![sample::finding(
            name,
            "DRY-04",
            Verdict::Fail,
            sample::stays_running(hostile),
            sample::said(hostile),
        )],
        ..sample::bad_case(name, 0, A)
    };
    let mut events = sample::stream(vec![case("<b onclick=alert(1)>/a")]);
    for event in &mut events {
        if let Event::RunStarted(run) = event {
            run.endpoint = hostile.to_owned();
            run.region = hostile.to_owned();
        }
    }
    let page = written(&events, &sample::contract());
    assert!(body(&page).contains("&lt;script&gt;alert(1)"), "{page}");
    for markup in ["<script>alert", "<img", "<b on", "49", "\u{202e}", "\0"] {
        assert!(!body(&page).contains(markup), "{markup:?} in:\n{page}");
    }
    assert_eq!(page.matches("<script").count(), 1);
}

#[test]
fn a_page_stays_below_its_limit_and_says_what_it_leaves_out() {
    let mut contract = sample::contract();
    let clause = contract.clauses.first().cloned().expect("it has clauses");
    let mut events = Vec::new();
    for number in 0..220 {
        let id = format!("NEW-{number:03}");
        let mut clause = clause.clone();
        clause.id = id.as_str().into();
        contract.clauses.push(clause);
        for kind in 0..3 {
            let name = format!("a/{number}-{kind}");
            let text = format!("{kind} {}", "<\"&' ".repeat(2_000));
            events.extend(
                SampleCase {
                    findings: vec![sample::finding(
                        &name,
                        &id,
                        Verdict::Fail,
                        sample::stays_running(A),
                        sample::seen(A, &text),
                    )],
                    ..sample::bad_case(&name, number, A)
                }
                .events(),
            );
        }
    }
    let mut all = sample::stream(Vec::new());
    all.splice(1..1, events);
    let page = written(&all, &contract);
    assert!(page.len() <= LARGEST, "{} bytes", page.len());
    assert_eq!(page.matches("<details class=\"cause fail\"").count(), 220);
    assert!(
        page.contains("kinds of findings are shown in part or not at all"),
        "{page}"
    );
}
