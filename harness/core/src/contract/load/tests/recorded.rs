//! Tests of recorded answers: what is read, and which mistakes are reported.

use super::*;
use crate::contract::{Framing, Grade, Moment};

/// A source, and a record of it that begins on line 5.
const RECORD: &str = r#"[[source]]
key = "R90"
title = "A record."

[[recorded]]
name = "r90"
source = "R90"
grade = "B"
framing = "rebuilt"
when = "2017-07-15"
fixtures = { a = "stopped" }
ids = { a = "i-1aebf7c0", unknown1 = "i-2aebf7c0" }
call = { call = "StopInstances", ids = ["{a}", "{unknown1}"], dry-run = "false" }
status = 400
headers = [["Server", "AmazonEC2"]]
at = "2017-07-15T14:02:41.5Z"
seen = [
  { at = "2017-07-15T14:02:42Z", state = "running" },
  { at = "2017-07-15T14:02:47Z", state = "stopped", reason = "r", state-reason = "A.B: c", ip = "", private-ip = "10.0.0.1" },
]
body = '''
<Response>
</Response>
'''
"#;

/// The contract with the record, in which the first `from` is replaced by `to`.
fn read(from: &str, to: &str, edition: Edition) -> Result<Contract, Vec<String>> {
    assert!(from.is_empty() || RECORD.contains(from), "{from}");
    let record = RECORD.replacen(from, to, 1);
    let files = EMBEDDED.iter().copied().chain([("r90.toml", record.as_str())]);
    load(&files.collect::<Vec<_>>(), edition)
        .map_err(|errors| errors.0.iter().map(LoadError::to_string).collect())
}

#[test]
fn a_record_is_read_as_it_is_written() {
    let contract = read("", "", Edition::Current).expect("nothing is wrong with it");
    let record = contract.recorded.iter().find(|one| one.name == "r90");
    let record = record.expect("it holds in every edition");
    assert_eq!((record.grade, record.framing), (Grade::B, Framing::Rebuilt));
    assert_eq!(record.status, 400);
    assert_eq!(record.headers, [("Server".to_owned(), "AmazonEC2".to_owned())]);
    assert_eq!(record.body, "<Response>\n</Response>\n");
    let at = record.at.as_ref().map(Moment::unix_ms);
    assert_eq!(at, Some(1_500_127_361_500));
    let [running, stopped] = record.seen.as_slice() else {
        panic!("two descriptions, not {:?}", record.seen);
    };
    assert_eq!(
        (
            running.state,
            running.reason.as_str(),
            &running.state_reason,
            &running.public_ip
        ),
        (State::Running, "", &None, &None)
    );
    assert_eq!(
        (
            stopped.at.to_string().as_str(),
            stopped.state,
            stopped.reason.as_str()
        ),
        ("2017-07-15T14:02:47Z", State::Stopped, "r")
    );
    assert_eq!(
        [&stopped.state_reason, &stopped.public_ip, &stopped.private_ip].map(Option::as_deref),
        [Some("A.B: c"), Some(""), Some("10.0.0.1")]
    );
    assert_eq!(record.fixtures.len(), 1);
    let call = crate::plan::fill(&record.call, record);
    assert_eq!(call.param("InstanceId.1"), Some("i-1aebf7c0"));
    assert_eq!(call.param("InstanceId.2"), Some("i-2aebf7c0"));
    assert_eq!(call.param("DryRun"), Some("false"));
}

#[test]
fn a_record_of_later_years_is_not_held_against_an_earlier_edition() {
    for (edition, holds) in [(Edition::Current, true), (Edition::October2017, false)] {
        let contract = read("status = 400", "since = \"2022-05\"\nstatus = 400", edition);
        let contract = contract.expect("nothing is wrong with it");
        assert_eq!(
            contract.recorded.iter().any(|one| one.name == "r90"),
            holds,
            "{edition:?}"
        );
    }
}

#[test]
fn a_mistake_in_a_record_is_told_with_its_line() {
    for (from, to, message) in [
        (
            "source = \"R90\"",
            "source = \"R91\"",
            "line 7: unknown source \"R91\"",
        ),
        (
            "grade = \"B\"",
            "grade = \"D\"",
            "line 8: unknown grade \"D\" (known: A, B, C)",
        ),
        (
            "framing = \"rebuilt\"\n",
            "",
            "line 5: recorded without \"framing\"",
        ),
        (
            "a = \"i-1aebf7c0\", ",
            "",
            "line 5: fixture \"a\" has no id in \"ids\"",
        ),
        ("unknown1 = ", "b = ", "line 12: unknown fixture \"b\" (known: "),
        (
            "dry-run",
            "control",
            "line 13: unknown key \"control\" in call (known: ",
        ),
        (
            "status = 400",
            "status = 99",
            "line 14: \"status\" is 99, expected 100 to 599",
        ),
        (
            "[[\"Server\", \"AmazonEC2\"]]",
            "[[\"Server\"]]",
            "line 15: \"headers\" is ",
        ),
        (
            "14:02:41.5Z",
            "14:02:41.5",
            "line 16: \"2017-07-15T14:02:41.5\" is not a moment, expected YYYY-MM-DDThh:mm:ssZ",
        ),
        (
            "state = \"stopped\", reason",
            "state = \"stoped\", reason",
            "line 19: unknown state \"stoped\" (known: ",
        ),
        (
            "at = \"2017-07-15T14:02:42Z\", ",
            "",
            "line 18: seen without \"at\"",
        ),
        (
            "private-ip",
            "privat-ip",
            "line 19: unknown key \"privat-ip\" in seen (known: private-ip, ",
        ),
    ] {
        let mut errors = read(from, to, Edition::Current).expect_err(to);
        // An undefined name is reported again where it is used.
        errors.truncate(1);
        let told = errors.first().map(String::as_str).unwrap_or_default();
        assert!(told.starts_with(&format!("r90.toml: {message}")), "{told}");
    }
    let twice = format!(
        "{RECORD}\n{}",
        RECORD.split_once("\n\n").map_or("", |(_, record)| record)
    );
    let files = EMBEDDED.iter().copied().chain([("r90.toml", twice.as_str())]);
    let errors = load(&files.collect::<Vec<_>>(), Edition::Current).expect_err("a name is given twice");
    assert!(errors.to_string().contains("recorded answer"), "{errors}");
}
