//! Tests of the reader of recordings: their order, what is missing in them, and what no recording is.

use std::convert::Infallible;

use super::*;

/// An entry that began at this millisecond of a day.
fn entry(began_ms: u64, took_ms: u64, body: &str, response: &str) -> String {
    let (s, ms) = (began_ms / 1000, began_ms % 1000);
    format!(
        r#"{{"startedDateTime":"2026-12-01T10:00:{s:02}.{ms:03}+02:00","time":{took_ms},"request":{{"method":"POST",
        "url":"https://ec2.example.com/","headers":[{{"name":":authority","value":"h"}}],
        "postData":{{"mimeType":"application/x-www-form-urlencoded","text":"{body}"}}}},"response":{response}}}"#
    )
}

fn har(entries: &[String]) -> String {
    format!(
        r#"{{"log":{{"version":"1.2","pages":[{{"x":[1,2]}}],"entries":[{}],"creator":{{}}}},"y":null}}"#,
        entries.join(",")
    )
}

fn read_all(text: &str) -> Result<Vec<WatchedExchange>, String> {
    let mut all = Vec::new();
    let outcome = read(text.as_bytes(), |watched| {
        all.push(watched);
        Ok::<(), Infallible>(())
    });
    outcome.map(|()| all).map_err(|error| error.to_string())
}

const STOP: &str = "Action=StopInstances&Version=2016-11-15&InstanceId.1=i-1";
const OK: &str = r#"{"status":200,"headers":[{"name":"Content-Type","value":"text/xml"}],"content":{"size":4,"text":"PGEvPg==","encoding":"base64"}}"#;

#[test]
fn exchanges_come_in_the_order_in_which_they_began_and_say_whether_they_overlap() {
    let text = har(&[
        entry(9000, 10, STOP, OK),
        entry(1000, 500, STOP, OK),
        entry(1200, 10, STOP, OK),
        entry(5000, 10, "Action=PutItem", "null"),
    ]);
    let all = read_all(&text).expect("it is a recording");
    let seen: Vec<_> = all
        .iter()
        .map(|one| (one.at_ms % 10_000, one.interval.is_some()))
        .collect();
    assert_eq!(seen, [(1000, true), (1200, true), (5000, false), (9000, false)]);
    let first = all.first().expect("there are four");
    assert_eq!(
        first.answer.as_ref().map(|answer| answer.body().as_ref()),
        Ok(b"<a/>".as_slice())
    );
    assert_eq!(
        first.request.headers().get(HOST).map(HeaderValue::as_bytes),
        Some(b"h".as_slice())
    );
}

#[test]
fn an_answer_that_is_not_whole_is_none() {
    for response in [
        "null",
        r#"{"status":0,"headers":[],"content":{}}"#,
        r#"{"status":200,"headers":[{"name":"a","value":"b"}],"content":{"size":9,"text":"<a/>"}}"#,
        r#"{"status":200,"headers":[{"name":"a","value":"b"}],"content":{"size":4}}"#,
        r#"{"status":200,"headers":[{"name":"a","value":"b"}],"content":{"text":"%","encoding":"base64"}}"#,
        r#"{"status":200,"headers":[],"content":{"text":"<a/>"}}"#,
    ] {
        let all = read_all(&har(&[entry(0, 1, STOP, response)])).expect("it is a recording");
        let unjudged = all.first().and_then(|one| one.unjudged);
        assert_eq!(unjudged, Some(Unjudged::Incomplete), "{response}");
    }
}

#[test]
fn what_is_no_recording_is_an_error_that_says_where() {
    for text in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"log":{}}"#,
        r#"{"log":{"entries":[{"request":{"url":1}}]}}"#,
        r#"{"log":{"entries":[1]}}"#,
    ] {
        let error = read_all(text).expect_err("it is no recording");
        assert!(
            error.starts_with("not a HAR recording: ") && error.contains("line 1"),
            "{text}: {error}"
        );
    }
    let deep = format!(r#"{{"log":{{"entries":[{{"request":{}"#, "[".repeat(100_000));
    assert!(read_all(&deep).is_err());
    assert!(read_all(&format!("\u{feff}{}", har(&[]))).is_ok_and(|all| all.is_empty()));
}

#[test]
fn what_other_sites_answer_is_not_kept() {
    // A body that would not be read if it were kept.
    let text = |size: usize| {
        format!(
            r#"{{"status":200,"headers":[],"content":{{"text":"{}"}}}}"#,
            "x".repeat(size)
        )
    };
    let all = read_all(&har(&[entry(0, 1, "a=b", &text(70 << 20))])).expect("it is skipped");
    assert!(all.first().is_some_and(|one| one.answer.is_err()));
    let error = read_all(&har(&[entry(0, 1, STOP, &text(70 << 20))])).expect_err("it is too long");
    assert!(error.contains("more than"), "{error}");
}

#[test]
fn a_recording_is_recognized_by_its_beginning() {
    assert!(is_har(b" \n{ \"log\": {"));
    assert!(is_har(b"\xef\xbb\xbf{\"comment\": \"\", \"log\": {"));
    assert!(!is_har(b"{\"event\":\"run_started\",\"log\":1"));
    assert!(!is_har(b"") && !is_har(b"[\"log\"]") && !is_har(b"log"));
}
