//! Endpoints that misbehave in HTTP, in XML, or in the content of their answers.
//!
//! A front stands before the reference. It passes all requests on, but answers a stop that is not a dry run (or what the
//! test says) with the misbehaviour of the test. One case of each run triggers it, and another does not. The first must end in a finding,
//! or in an error that names the fault, after a bounded number of requests and bytes and in bounded memory. The second
//! must pass as if the front behaved.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Response};
use stopcheck::endpoint::Handler;
use stopcheck::protocol::wellformed;

use crate::child::{CommandOutput, finish, text_of};
use crate::servers::{action, against, quick_reference, until_closed};

/// The result of the case that triggers the misbehaviour.
#[derive(Debug, Clone, Copy)]
enum Ends {
    /// It passes.
    Well,
    /// It passes with a warning.
    Warned,
    /// It fails with a finding.
    Found,
    /// It ends in a transport error with this text.
    Errored(&'static str),
}

/// The only real-time limit: how long the command waits for an answer that never comes. The other requests of the run
/// are answered in hundredths of a second, so the limit is ample for them on a busy machine too.
const REQUEST_TIMEOUT: &str = "--request-timeout 8";
const TIMED_OUT: &str = "timed out after 8 s";

/// The memory limit for every misbehaviour.
const MOST_KIB: u64 = 200 << 10;

/// The largest number of requests of a run: only a few, since each wait for a state doubles the pause before the next
/// look.
const MOST_REQUESTS: usize = 60;

/// The largest number of bytes that the command and the sockets accept in a run, however much the front would send.
const MOST_BYTES: u64 = 64 << 20;

/// What the front does with the connection that sent a stop; it has the correct answer available.
type Behaviour = fn(&mut Connection, &Response<Bytes>);

/// Whether the front misbehaves on a request. The number is how often it has misbehaved before.
type Trigger = fn(&Request<Bytes>, usize) -> bool;

/// One test for each misbehaviour, so that they run in parallel.
macro_rules! misbehaviours {
    ($($name:ident: $ends:expr, $behaviour:expr;)*) => {
        $(
            #[test]
            fn $name() {
                meets($behaviour, $ends);
            }
        )*
    };
}

misbehaviours! {
    nothing_wrong: Ends::Well, |stream, right| answer(stream, "200 OK", right, right.body());

    // HTTP.
    never_answers: Ends::Errored(TIMED_OUT), |stream, _| until_closed(stream);
    one_byte_a_second: Ends::Errored(TIMED_OUT), |stream, right| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", right.body().len());
        for byte in head.bytes().chain(right.body().iter().copied()) {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_secs(1));
        }
        until_closed(stream);
    };
    body_without_end: Ends::Errored("larger than 16 MiB"), |stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n");
        endless(stream, &b"<item/>".repeat(10_000));
    };
    chunks_without_end: Ends::Errored("larger than 16 MiB"), |stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        endless(stream, format!("8000\r\n{}\r\n", "x".repeat(0x8000)).as_bytes());
    };
    headers_without_end: Ends::Found, |stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        endless(stream, &b"X-More: and more\r\n".repeat(1_000));
    };
    one_header_without_end: Ends::Found, |stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX-Long: ");
        endless(stream, &b"and more ".repeat(10_000));
    };
    a_status_line_without_end: Ends::Found, |stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 ");
        endless(stream, &b"OK ".repeat(10_000));
    };
    informed_without_end: Ends::Errored(TIMED_OUT), |stream, _| {
        // It continues until the timeout, and other tests need the CPU meanwhile.
        let block = b"HTTP/1.1 102 Processing\r\nX-Progress: some\r\n\r\n".repeat(100);
        while stream.write_all(&block).is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    };
    told_to_continue: Ends::Well, |stream, right| {
        let _ = stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
        answer(stream, "200 OK", right, right.body());
    };
    longer_than_it_is: Ends::Found, too_short;
    shorter_than_it_is: Ends::Found, |stream, right| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", right.body().len() - 10);
        let _ = stream.write_all(&[head.as_bytes(), right.body()].concat());
    };
    two_lengths: Ends::Found, |stream, right| {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n";
        let _ = stream.write_all(&[head.as_bytes(), right.body()].concat());
    };
    a_length_beyond_all_numbers: Ends::Found, |stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nx");
    };
    a_chunk_beyond_all_numbers: Ends::Found, |stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx\r\n");
    };
    closed_without_a_word: Ends::Warned, |stream, _| close(stream);
    reset_half_way: Ends::Warned, |stream, right| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", right.body().len());
        let half = right.body().get(..right.body().len() / 2).unwrap_or_default();
        let _ = stream.write_all(&[head.as_bytes(), half].concat());
        reset(stream);
    };
    no_http: Ends::Found, |stream, _| {
        let _ = stream.write_all(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03 SSH-2.0\r\n\r\n");
    };
    redirected_to_itself: Ends::Found, |stream, _| {
        let head = "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n";
        let _ = stream.write_all(head.as_bytes());
    };
    a_status_of_its_own: Ends::Found, |stream, right| answer(stream, "999 Whatever", right, right.body());
    packed_though_nobody_asked: Ends::Found, |stream, _| packed(stream, &bomb());
    two_answers_at_once: Ends::Found, |stream, right| {
        // An unsolicited response belongs to no request, and must not be used as the answer to the next one.
        let body = [right.body().as_ref(), b"HTTP/1.1 500 Mine\r\nContent-Length: 4\r\n\r\n<a/>"].concat();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", right.body().len());
        let _ = stream.write_all(&[head.as_bytes(), &body].concat());
    };

    // XML.
    nested_without_end: Ends::Found, |stream, right| answer(stream, "200 OK", right, &b"<a>".repeat(5_000_000));
    nested_and_closed: Ends::Found, |stream, right| {
        answer(stream, "200 OK", right, &[b"<a>".repeat(1_000_000), b"</a>".repeat(1_000_000)].concat());
    };
    entities_without_end: Ends::Found, |stream, right| {
        let mut bomb = String::from("<!DOCTYPE a [<!ENTITY e0 \"lol\">");
        for at in 1..30 {
            bomb += &format!("<!ENTITY e{at} \"{}\">", format!("&e{};", at - 1).repeat(10));
        }
        answer(stream, "200 OK", right, format!("{bomb}]><a>&e29;</a>").as_bytes());
    };
    an_entity_from_elsewhere: Ends::Found, |stream, right| {
        let body = "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a>&e;</a>";
        answer(stream, "200 OK", right, body.as_bytes());
    };
    a_million_items: Ends::Found, |stream, right| {
        let item = "<item></item>".repeat(1_000_000);
        answer(stream, "200 OK", right, &changed(right, "</instancesSet>", &format!("{item}</instancesSet>")));
    };
    as_many_items_as_are_read: Ends::Found, |stream, right| {
        let item = "<item><instanceId>i-0</instanceId></item>".repeat(120_000);
        answer(stream, "200 OK", right, &changed(right, "</instancesSet>", &format!("{item}</instancesSet>")));
    };
    a_million_attributes: Ends::Found, |stream, right| {
        let attributes: String = (0..1_000_000).map(|at| format!(" a{at}=''")).collect();
        answer(stream, "200 OK", right, format!("<a{attributes}/>").as_bytes());
    };
    a_million_namespaces: Ends::Found, |stream, right| {
        let spaces: String = (0..500_000).map(|at| format!(" xmlns:a{at}='u'")).collect();
        answer(stream, "200 OK", right, format!("<a{spaces}/>").as_bytes());
    };
    an_attribute_twice: Ends::Found, |stream, right| {
        answer(stream, "200 OK", right, &changed(right, "<instancesSet>", "<instancesSet a='1' a='2'>"));
    };
    one_text_of_megabytes: Ends::Warned, |stream, right| {
        let long = format!("<requestId>{}", "x".repeat(15 << 20));
        answer(stream, "200 OK", right, &changed(right, "<requestId>", &long));
    };
    no_utf_8: Ends::Found, |stream, right| {
        let mut body = changed(right, "<instancesSet>", "<instancesSet>\u{e9}");
        body.retain(|byte| *byte != 0xc3);
        answer(stream, "200 OK", right, &body);
    };
    a_byte_order_mark: Ends::Well, |stream, right| {
        answer(stream, "200 OK", right, &[&b"\xef\xbb\xbf"[..], right.body()].concat());
    };
    utf_16: Ends::Found, |stream, right| {
        let text = String::from_utf8_lossy(right.body()).into_owned();
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        let body: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
        answer(stream, "200 OK", right, &body);
    };
    zeros: Ends::Found, |stream, right| answer(stream, "200 OK", right, &[0; 100_000]);
    huge_numbers: Ends::Found, |stream, right| {
        answer(stream, "200 OK", right, &changed(right, "<code>64</code>", &format!("<code>{}</code>", "9".repeat(10_000))));
    };
    a_number_below_zero: Ends::Found, |stream, right| {
        answer(stream, "200 OK", right, &changed(right, "<code>64</code>", "<code>-18446744073709551552</code>"));
    };

    // Content that attacks the reader of the report.
    orders_for_a_terminal: Ends::Found, |stream, right| {
        // Bytes that XML cannot contain, in an answer that is not XML, and then characters that it can.
        answer(stream, "400 Bad Request", right, b"\x1b]0;owned\x07\x1b[31m\x9b31m\x08\x08\r\n<script>alert(1)</script>");
    };
    orders_in_an_error: Ends::Found, |stream, right| {
        let message = "\u{9b}31m\u{202e}\u{85}\u{9d}0;owned &lt;script&gt;alert(1)&lt;/script&gt; ]]&gt; | `x` [a](javascript:b)";
        let body = format!(
            "<Response><Errors><Error><Code>Odd{message}</Code><Message>{message}</Message></Error></Errors>\
             <RequestID>{message}</RequestID></Response>"
        );
        answer(stream, "400 Bad Request", right, body.as_bytes());
    };
    orders_in_a_header: Ends::Found, |stream, right| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/<script>\u{9b}31m\r\nContent-Length: {}\r\n\r\n",
            right.body().len()
        );
        let _ = stream.write_all(&[head.as_bytes(), right.body()].concat());
    };
    orders_in_a_state: Ends::Found, |stream, right| {
        answer(stream, "200 OK", right, &changed(right, "<name>stopping</name>", "<name>\u{9b}2J<![CDATA[<img src=x>]]></name>"));
    };
}

/// An answer that announces more bytes than it has.
fn too_short(stream: &mut Connection, right: &Response<Bytes>) {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
        right.body().len() + 10
    );
    let _ = stream.write_all(&[head.as_bytes(), right.body()].concat());
    close(stream);
}

#[test]
fn a_broken_answer_to_a_launch_is_a_finding_of_its_case() {
    let front = Front::before(too_short, |request, misbehaved| {
        action(request) == "RunInstances" && misbehaved == 0
    });
    let run = finish(two_cases(&front));
    let seen = || format!("{:?}\n{}\n{}", run.code, run.stdout, run.stderr);
    assert_eq!(run.code, Some(1), "{}", seen());
    assert!(run.stdout.contains("2 cases: 1 passed · 1 failed"), "{}", seen());
    assert!(run.stdout.contains("FAIL  WIR-07"), "{}", seen());
    assert!(
        run.stdout
            .contains(r#"received "HTTP/1.1 200 OK\r\nContent-Length: "#),
        "{}",
        seen()
    );
}

#[test]
fn an_endpoint_whose_answers_are_all_broken_is_judged() {
    let front = Front::before(too_short, |_, _| true);
    let run = finish(two_cases(&front));
    let seen = || format!("{:?}\n{}\n{}", run.code, run.stdout, run.stderr);
    assert_eq!(run.code, Some(1), "{}", seen());
    assert!(run.stdout.contains("2 cases: 2 failed"), "{}", seen());
    assert!(run.stdout.contains("FAIL  WIR-07"), "{}", seen());
    let requests = front.requests.load(Ordering::Relaxed);
    assert!(requests <= MOST_REQUESTS, "{requests} requests: {}", seen());
}

/// A run of two cases, one of which stops an instance for good.
fn two_cases(front: &Front) -> std::process::Command {
    let mut run = against(
        &front.url,
        "--workers 1 --phase scenarios --case stop/running --case dry-run/valid",
    );
    // Texts are searched for in the output, so they must not be wrapped.
    run.env("COLUMNS", "200");
    run
}

/// Runs one case that triggers the misbehaviour and one that does not.
#[track_caller]
fn meets(behaviour: Behaviour, ends: Ends) {
    let scratch = tempfile::tempdir().expect("there is room for a scratch folder");
    let file = |name: &str| scratch.path().join(name);
    let front = Front::before(behaviour, |request, _| {
        let body = String::from_utf8_lossy(request.body());
        action(request) == "StopInstances" && !body.contains("DryRun=true")
    });
    let limit = match ends {
        Ends::Errored(TIMED_OUT) => REQUEST_TIMEOUT,
        Ends::Well | Ends::Warned | Ends::Found | Ends::Errored(_) => "",
    };
    let words = format!("--workers 1 --phase scenarios --case stop/running --case dry-run/valid {limit}");
    let mut run = against(&front.url, &words);
    // Errors are searched for in the output, so they must not be wrapped.
    run.env("COLUMNS", "200");
    run.arg("--journal").arg(file("run.ndjson"));
    for (kind, name) in [("junit", "run.xml"), ("json", "run.json")] {
        run.arg("--report")
            .arg(format!("{kind}={}", file(name).display()));
    }
    let run = finish(run);
    let told = || format!("{ends:?}: {:?}\n{}\n{}", run.code, run.stdout, run.stderr);
    assert!(!run.stderr.contains("panicked"), "{}", told());
    let other = "2 cases: 2 passed";
    let (code, says) = match ends {
        Ends::Well => (0, other),
        Ends::Warned => (0, "2 cases: 1 passed · 1 warned"),
        Ends::Found => (1, "2 cases: 1 passed"),
        Ends::Errored(words) => {
            assert!(run.stdout.contains(words), "{words:?} is not told: {}", told());
            (3, "2 cases: 1 passed")
        }
    };
    assert_eq!(run.code, Some(code), "{}", told());
    assert!(run.stdout.contains(says), "{}", told());
    let (requests, bytes) = (
        front.requests.load(Ordering::Relaxed),
        front.sent.load(Ordering::Relaxed),
    );
    assert!(requests <= MOST_REQUESTS, "{requests} requests: {}", told());
    assert!(bytes <= MOST_BYTES, "{bytes} bytes were taken: {}", told());
    assert!(run.peak_kib < MOST_KIB, "{} KiB at its peak", run.peak_kib);
    println!(
        "{requests} requests, {bytes} bytes, {} KiB at the peak",
        run.peak_kib
    );
    harmless(&run, &file("run.xml"), &file("run.json"), &file("run.ndjson"));
}

/// Asserts that the output contains nothing that a terminal or a browser would execute.
#[track_caller]
fn harmless(run: &CommandOutput, junit: &Path, json: &Path, journal: &Path) {
    let obeyed = |character: char| character.is_control() && character != '\n';
    for (name, text) in [("the terminal", &run.stdout), ("the complaints", &run.stderr)] {
        assert!(!text.contains(obeyed), "{name}: {text:?}");
    }
    let junit = text_of(junit);
    assert_eq!(wellformed::judge(&junit), Ok(()));
    assert!(!junit.contains("<script") && !junit.contains("<img"), "{junit}");
    let report: Result<serde_json::Value, _> = serde_json::from_str(&text_of(json));
    assert!(report.is_ok(), "{report:?}");
    for line in text_of(journal).lines() {
        // Exchanges are stored byte for byte; JSON escapes the character that starts terminal sequences.
        assert!(!line.contains('\u{1b}'), "{line}");
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
}

/// The reference behind a front that misbehaves on stops that are not dry runs.
struct Front {
    url: String,
    /// The number of requests received.
    requests: Arc<AtomicUsize>,
    /// The number of bytes sent.
    sent: Arc<AtomicU64>,
}

/// A connection of the front.
struct Connection {
    stream: TcpStream,
    sent: Arc<AtomicU64>,
}

impl Front {
    /// A front that misbehaves on these requests.
    fn before(behaviour: Behaviour, is_meant: Trigger) -> Self {
        let reference = quick_reference(None);
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
        let front = Front {
            url: format!("http://{}", listener.local_addr().expect("it is bound")),
            requests: Arc::default(),
            sent: Arc::default(),
        };
        let (requests, sent) = (Arc::clone(&front.requests), Arc::clone(&front.sent));
        let misbehaved = Arc::<AtomicUsize>::default();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (reference, requests) = (Arc::clone(&reference), Arc::clone(&requests));
                let (sent, misbehaved) = (Arc::clone(&sent), Arc::clone(&misbehaved));
                let mut connection = Connection { stream, sent };
                thread::spawn(move || {
                    while let Some(request) = received(&mut connection) {
                        requests.fetch_add(1, Ordering::Relaxed);
                        let right = answer_of(&reference, &request);
                        if is_meant(&request, misbehaved.load(Ordering::Relaxed)) {
                            misbehaved.fetch_add(1, Ordering::Relaxed);
                            behaviour(&mut connection, &right);
                        } else {
                            let status = format!("{} Status", right.status().as_u16());
                            answer(&mut connection, &status, &right, right.body());
                        }
                    }
                });
            }
        });
        front
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.sent.load(Ordering::Relaxed) > MOST_BYTES {
            // A command that accepts this much would accept everything, and the test would not end.
            return Err(io::Error::other("too much was taken"));
        }
        let written = self.stream.write(bytes)?;
        self.sent.fetch_add(written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn answer_of(reference: &Handler, request: &Request<Bytes>) -> Response<Bytes> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    reference(request, u64::try_from(now.as_millis()).unwrap_or_default())
}

/// The next complete request, if there is one.
fn received(stream: &mut Connection) -> Option<Request<Bytes>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8 << 10];
    loop {
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = head {
            let text = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
            let mut lines = text.lines();
            let mut words = lines.next()?.split(' ');
            let mut request = Request::builder().method(words.next()?).uri(words.next()?);
            let mut length = 0;
            for (name, value) in lines.filter_map(|line| line.split_once(':')) {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().unwrap_or(0);
                }
                request = request.header(name, value.trim());
            }
            if let Some(body) = bytes.get(end + 4..end + 4 + length) {
                return request.body(Bytes::copy_from_slice(body)).ok();
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend(buffer.get(..read)?),
        }
    }
}

/// Answers as the reference would, but with this status and body.
fn answer(stream: &mut Connection, status: &str, right: &Response<Bytes>, body: &[u8]) {
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in right.headers() {
        head += &format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()));
    }
    let _ = stream.write_all(&[head.as_bytes(), b"\r\n", body].concat());
}

fn packed(stream: &mut Connection, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
}

/// The body of the correct answer, with one part replaced.
fn changed(right: &Response<Bytes>, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(right.body()).into_owned();
    assert!(text.contains(from), "{from} is in {text}");
    text.replacen(from, to, 1).into_bytes()
}

/// Writes the same block repeatedly until the connection fails.
fn endless(stream: &mut Connection, block: &[u8]) {
    while stream.write_all(block).is_ok() {}
}

/// Closes the connection cleanly.
fn close(connection: &Connection) {
    let _ = connection.stream.shutdown(Shutdown::Both);
}

/// Closes the connection as a crash does.
fn reset(connection: &Connection) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime can be built");
    let _entered = runtime.enter();
    let twin = connection.stream.try_clone().expect("a socket can be cloned");
    twin.set_nonblocking(true).expect("a socket can");
    let twin = tokio::net::TcpStream::from_std(twin).expect("it is a socket");
    let _ = twin.set_zero_linger();
    // Ends the reads of the front on this connection, so that it drops the connection.
    let _ = connection.stream.shutdown(Shutdown::Read);
}

/// A decompression bomb: two hundred mebibytes of zeros, compressed to little more than one mebibyte.
fn bomb() -> Vec<u8> {
    let mut bits = Bits::default();
    bits.bytes.extend([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    // The last block, with fixed Huffman codes.
    bits.push(0b1, 1);
    bits.push(0b01, 2);
    // One zero, then repetitions of the last byte, 258 times each.
    bits.push_code(0b0011_0000, 8);
    for _ in 0..(200 << 20) / 258 {
        bits.push_code(0b1100_0101, 8);
        bits.push_code(0, 5);
    }
    bits.push_code(0, 7);
    bits.bytes.push(bits.last);
    bits.bytes.extend([0; 8]);
    bits.bytes
}

/// A bit writer in deflate bit order.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    last: u8,
    filled: u8,
}

impl Bits {
    /// Numbers are written from the lowest bit.
    fn push(&mut self, bits: u8, count: u8) {
        for at in 0..count {
            self.last |= (bits >> at & 1) << self.filled;
            self.filled += 1;
            if self.filled == 8 {
                self.bytes.push(self.last);
                (self.last, self.filled) = (0, 0);
            }
        }
    }

    /// Codes are written from the highest bit.
    fn push_code(&mut self, code: u8, count: u8) {
        for at in (0..count).rev() {
            self.push(code >> at & 1, 1);
        }
    }
}

#[test]
fn a_certificate_that_nobody_trusts_ends_the_run_before_it_begins() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    let made = made.expect("a certificate can be made");
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key);
    let config = Arc::new(config.expect("the certificate fits the key"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    let port = listener.local_addr().expect("it is bound").port();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::Relaxed);
            let Ok(mut session) = rustls::ServerConnection::new(Arc::clone(&config)) else {
                return;
            };
            // The handshake ends with the alert of a client that does not trust the certificate.
            let _ = session.complete_io(&mut stream);
        }
    });
    let run = finish(against(&format!("https://localhost:{port}"), ""));
    run.ended_with(2).complains_of(&["agree on TLS", "certificate"]);
    let connections = connections.load(Ordering::Relaxed);
    assert!(connections <= 4, "{connections} connections");
}
