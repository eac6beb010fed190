//! Judges the mock: one test as a maintainer writes it, and one that shows what is reported of a mistake.

use std::time::Duration;

use example_cargo_test::{CREDENTIALS, Mistake, Mock};
use stopcheck::{Run, Violation};

/// What both tests play: a part of the named cases, so that the example takes seconds.
fn run_against(mock: &Mock) -> Run {
    let (access_key_id, secret) = CREDENTIALS;
    Run::against(mock.url())
        .credentials(access_key_id, secret)
        .case("stop/*")
        .case("dry-run/*")
        // Descriptions of the mock are always up to date.
        .read_lag(Duration::from_millis(500))
}

#[test]
fn the_mock_stops_instances_as_ec2_does() {
    let mock = Mock::start(Mistake::None).expect("loopback can be bound");
    let report = run_against(&mock).run().expect("the mock answers");
    assert!(report.is_conformant(), "{report}");
}

#[test]
fn a_dry_run_with_another_status_is_reported_with_source_and_command() {
    let mock = Mock::start(Mistake::DryRunIsBadRequest).expect("loopback can be bound");
    let report = run_against(&mock).run().expect("the mock answers");
    assert!(!report.is_conformant(), "{report}");
    let clauses: Vec<&str> = report.failures().iter().map(Violation::clause).collect();
    assert_eq!(clauses, ["DRY-02"], "{report}");
    // The message that a failing assertion prints is the one that the README of this example shows.
    let (text, readme) = (report.to_string(), include_str!("../README.md"));
    let shown = readme.rsplit("```").nth(1).unwrap_or_default();
    assert!(shown.contains("FAIL  DRY-02"), "{shown}");
    for line in shown.lines() {
        let line = line.replace("http://127.0.0.1:5000", mock.url());
        assert!(text.contains(&line), "{line:?} is missing in:\n{text}");
    }
}

#[test]
fn a_known_deviation_is_accepted() {
    let known = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/known.toml");
    let mock = Mock::start(Mistake::DryRunIsBadRequest).expect("loopback can be bound");
    let report = run_against(&mock).known(known).run().expect("the mock answers");
    assert!(report.is_conformant() && report.failures().is_empty(), "{report}");
}
