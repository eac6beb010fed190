//! Endpoints that are absent, silent, endless, terminating or sending garbage. The command does not panic, hang or run
//! out of memory on any of them.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use stopcheck::endpoint::Handler;
use tokio::sync::Notify;

use crate::child::{CommandOutput, finish, text_of};
use crate::servers::{action, against, answering, nobody, quick_reference, say, serving, until_closed, xml};

#[test]
fn nobody_there_is_told_with_the_address() {
    let (_kept, url) = nobody();
    finish(against(&url, "")).ended_with(2).complains_of(&[
        "connection refused",
        &url,
        "hint: is the server running",
    ]);
}

#[test]
fn a_server_that_is_starting_is_waited_for() {
    let reference = quick_reference(None);
    let early = AtomicUsize::new(3);
    let handler: Handler = Arc::new(move |request, now_ms| {
        let was_early = early.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        match was_early {
            Ok(_) => xml(503, "starting"),
            Err(_) => reference(request, now_ms),
        }
    });
    let url = serving(handler, Arc::new(Notify::new()));
    finish(against(&url, "--case stop/running")).ended_with(2);
    finish(against(&url, "--case stop/running --wait 60s")).ended_with(0);
}

#[test]
fn a_port_without_tls_is_told_from_other_failures() {
    let url = answering(|stream| say(stream, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
    let url = url.replace("http://", "https://");
    finish(against(&url, ""))
        .ended_with(2)
        .complains_of(&["does not speak TLS", "use http://"]);
}

#[test]
fn a_web_page_is_no_endpoint() {
    let url = answering(|stream| {
        let page = "<!doctype html><html><body>It works!<br></body></html>";
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
        say(
            stream,
            format!("{head}Content-Length: {}\r\n\r\n{page}", page.len()).as_bytes(),
        );
    });
    finish(against(&url, ""))
        .ended_with(2)
        .complains_of(&["does not answer as an EC2 endpoint", "is --endpoint-url right"]);
}

#[test]
fn no_http_is_no_endpoint() {
    for noise in [&b""[..], b"SSH-2.0-OpenSSH_9.9\r\n", b"\0\xff\r\n\r\n"] {
        let url = answering(move |stream| say(stream, noise));
        finish(against(&url, ""))
            .ended_with(2)
            .complains_of(&["error: could not "]);
    }
}

#[test]
fn silence_is_waited_for_as_long_as_was_wished() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let url = answering(move |stream| {
        count.fetch_add(1, Ordering::Relaxed);
        until_closed(stream);
    });
    finish(against(&url, "--request-timeout 1"))
        .ended_with(2)
        .complains_of(&["timed out after 1 s"]);
    // A request without an answer is not sent again.
    let connections = connections.load(Ordering::Relaxed);
    assert!(connections <= 1, "{connections} requests were sent");
}

#[test]
fn a_body_without_end_is_not_read_to_it() {
    const MOST: u64 = 2 << 30;
    let sent = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&sent);
    let url = answering(move |stream| {
        say(stream, b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n<a>");
        let block = b"<a>".repeat(1 << 16);
        while count.load(Ordering::Relaxed) < MOST && stream.write_all(&block).is_ok() {
            count.fetch_add(block.len() as u64, Ordering::Relaxed);
        }
    });
    let run = finish(against(&url, ""))
        .ended_with(2)
        .complains_of(&["larger than 16 MiB"]);
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < 64 << 20, "{sent} bytes were taken");
    assert!(run.peak_kib < 100 << 10, "{} KiB at its peak", run.peak_kib);
    println!("a body without end: {} KiB at the peak", run.peak_kib);
}

#[test]
fn an_endpoint_that_dies_during_the_run_ends_it_soon() {
    let (reference, end) = (quick_reference(None), Arc::new(Notify::new()));
    let (asked, dying) = (AtomicUsize::new(0), Arc::clone(&end));
    let url = serving(
        Arc::new(move |request, now_ms| {
            if asked.fetch_add(1, Ordering::Relaxed) == 60 {
                dying.notify_one();
            }
            reference(request, now_ms)
        }),
        end,
    );
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let journal = scratch.path().join("run.ndjson");
    let mut run = against(&url, "--workers 4");
    run.arg("--journal").arg(&journal);
    finish(run)
        .ended_with(3)
        .says(&["the endpoint stopped answering", "errored"]);
    let journal = text_of(&journal);
    // However the connection ended, a request that failed has no answer.
    let failed = journal.lines().filter(|line| is_unanswered(line)).count();
    // Four consecutive failures end the run. Each of four workers may have one request in flight that still succeeds and
    // interrupts three failures, and one more that fails after the end.
    assert!((4..=4 * 4 + 4).contains(&failed), "{failed} requests failed");
}

/// Whether a line of a journal is an exchange without an answer.
fn is_unanswered(line: &str) -> bool {
    let event: serde_json::Value = serde_json::from_str(line).expect("a journal has JSON in each line");
    let answers = event.get("answers").and_then(serde_json::Value::as_array);
    event.get("event").is_some_and(|name| name == "exchanged") && answers.is_none_or(Vec::is_empty)
}

/// Bytes that are not an answer to a stop. One test for each, so that they run in parallel.
macro_rules! garbage {
    ($($name:ident: $bytes:expr;)*) => {
        $(
            #[test]
            fn $name() {
                let run = stops_answered_by(vec![$bytes], "--phase scenarios --workers 32 --case stop/*");
                assert!(run.stdout.contains("FAIL"), "{}{}", run.stdout, run.stderr);
                assert_eq!(run.code, Some(1), "{}", run.stdout);
            }
        )*

        fn garbage() -> Vec<Vec<u8>> {
            vec![$($bytes),*]
        }
    };
}

garbage! {
    nothing_in_answer_to_a_stop_is_a_finding: Vec::new();
    a_bracket_in_answer_to_a_stop_is_a_finding: b"<".to_vec();
    utf_16_in_answer_to_a_stop_is_a_finding: b"\xff\xfe<\0a\0/\0>\0".to_vec();
    every_byte_in_answer_to_a_stop_is_a_finding: (0..=255).cycle().take(100_000).collect();
    a_deep_answer_to_a_stop_is_a_finding: b"<a>".repeat(100_000);
    a_cut_answer_to_a_stop_is_a_finding: [
        &b"<StopInstancesResponse>"[..],
        &b"<instancesSet/>".repeat(1000),
    ].concat();
    entities_in_answer_to_a_stop_are_a_finding:
        b"<!DOCTYPE a [<!ENTITY b \"&c;&c;\"><!ENTITY c \"&b;\">]><a>&b;</a>".to_vec();
    an_empty_item_in_answer_to_a_stop_is_a_finding:
        b"<StopInstancesResponse xmlns=\"x\"><instancesSet><item/></instancesSet></StopInstancesResponse>".to_vec();
    an_escape_in_answer_to_a_stop_is_a_finding:
        b"<StopInstancesResponse><instancesSet><item><instanceId>\x1b[31m</instanceId></item></instancesSet></StopInstancesResponse>".to_vec();
    json_in_answer_to_a_stop_is_a_finding: b"{\"Errors\": null}".to_vec();
}

/// Findings of random scripts may not recur when the answers are noise.
#[test]
fn garbage_in_answer_to_the_stops_of_random_scripts_is_flaky() {
    let words = "--phase random --cases 1 --max-shrink-requests 0 --settle-timeout 5 --verbose";
    // The tests above already read the long ones, which take their time.
    let short = garbage().into_iter().filter(|bytes| bytes.len() < 1000).collect();
    let run = stops_answered_by(short, words);
    assert!(
        run.stdout.contains("not reproduced: seen in "),
        "{}{}",
        run.stdout,
        run.stderr
    );
    assert!(matches!(run.code, Some(0 | 1)), "{:?}", run.code);
}

/// Runs against the reference, with its answers to stops replaced by each of these bytes in turn, with a different
/// status in each round.
#[track_caller]
fn stops_answered_by(garbage: Vec<Vec<u8>>, words: &str) -> CommandOutput {
    let (reference, next) = (quick_reference(None), AtomicUsize::new(0));
    let url = serving(
        Arc::new(move |request, now_ms| {
            let answer = reference(request, now_ms);
            if action(request) != "StopInstances" {
                return answer;
            }
            let at = next.fetch_add(1, Ordering::Relaxed);
            let status = [200, 200, 400, 500, 204, 999]
                .get(at / garbage.len() % 6)
                .copied()
                .unwrap_or(200);
            xml(
                status,
                garbage.get(at % garbage.len()).cloned().unwrap_or_default(),
            )
        }),
        Arc::new(Notify::new()),
    );
    let run = finish(against(&url, words));
    assert!(!run.stdout.contains('\x1b'), "{}", run.stdout);
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    run
}

#[test]
fn large_answers_do_not_pile_up() {
    // Close to the size limit and well-formed, so that every part of the program processes it.
    let item = "<item><instanceId>i-0123456789abcdef0</instanceId><currentState><code>64</code></currentState></item>";
    let body = format!(
        "<StopInstancesResponse><instancesSet>{}</instancesSet><a>{}</a></StopInstancesResponse>",
        item.repeat(20_000),
        "x".repeat(8 << 20)
    );
    let reference = quick_reference(None);
    let url = serving(
        Arc::new(move |request, now_ms| match action(request).as_str() {
            "StopInstances" => xml(200, body.clone()),
            _ => reference(request, now_ms),
        }),
        Arc::new(Notify::new()),
    );
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let mut run = against(&url, "--workers 1 --case id/*");
    run.arg("--journal").arg(scratch.path().join("run.ndjson"));
    let run = finish(run).ended_with(1);
    // Several copies of an answer are in memory at once, and the next answer arrives meanwhile; others wait.
    assert!(run.peak_kib < 200 << 10, "{} KiB at its peak", run.peak_kib);
    println!("large answers: {} KiB at the peak", run.peak_kib);
}
