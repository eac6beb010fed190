//! Fronts with HTTP defects: a small server of raw bytes before the reference, with one defect each.
//!
//! The front is strict and verifies no signature, so that the request it passes on is its own reading of the bytes.
//! Without a defect it must cause no finding.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use stopcheck::call::{Auth, Call, Method};
use stopcheck::contract::{Confidence, Edition};
use stopcheck::endpoint::{self, Endpoint, Handler, HttpOptions};
use stopcheck::plan::{Plan, Selection};
use stopcheck::protocol::{self, RequestTarget, form};
use stopcheck::reference::{Config, Delays, Reference, Span};
use stopcheck::runner::WireOptions;
use stopcheck::verdict::Verdict;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use stopcheck::selfcheck::emulator as mock;
use stopcheck::sign;

use super::{Run, play_plan};

/// The defect of a front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    None,
    /// A malformed request is answered with 500.
    Blames500,
    /// A malformed or incomplete request is never answered.
    Hangs,
    /// Bytes that are not UTF-8 close the connection.
    ClosesOnBytes,
    /// The received part of an incomplete body is processed.
    CarriesOutHalf,
    /// If there are several lengths, the last one is used.
    LastLengthCounts,
    /// A chunked body is read as empty.
    KnowsNoChunks,
    /// Header names in capitals are ignored.
    MindsCase,
    /// A client that waits for 100 Continue does not receive it, and its body is not read.
    IgnoresExpect,
    /// Every pipelined request gets the same answer as the one before it.
    RepeatsItself,
    /// The second of two pipelined requests is answered like a stop, but not performed.
    ForgetsTheSecond,
    /// A request without Host is accepted.
    NeedsNoHost,
    /// A request behind one with `Connection: close` is performed.
    IgnoresClose,
}

/// Each defect, the cases that show it, and all clauses that report it. One test for each, so that they run in
/// parallel.
macro_rules! faults {
    ($($name:ident: $defect:expr, $cases:literal, [$($clause:literal),*];)*) => {
        const FAULTS: &[&[&str]] = &[$(&[$($clause),*]),*];

        /// The defect of a front is reported under its clauses only.
        mod found {
            use super::{Defect, found_under};

            $(
                #[test]
                fn $name() {
                    found_under($defect, $cases, &[$($clause),*]);
                }
            )*
        }
    };
}

faults! {
    none_in_every_case: Defect::None, "wire/*", [];
    blames_500_in_header_no_colon: Defect::Blames500, "wire/header/no-colon", ["RSP-25"];
    blames_500_in_content_length_word: Defect::Blames500, "wire/content-length/word", ["RSP-25"];
    hangs_in_chunks_bad_size: Defect::Hangs, "wire/chunks/bad-size", ["WIR-02"];
    hangs_in_content_length_negative: Defect::Hangs, "wire/content-length/negative", ["WIR-02"];
    hangs_in_half_closed: Defect::Hangs, "wire/half-closed/*", ["WIR-02"];
    closes_on_bytes_in_body_not_utf8: Defect::ClosesOnBytes, "wire/body/not-utf8", ["WIR-01"];
    carries_out_half_in_half_closed_body: Defect::CarriesOutHalf, "wire/half-closed/body", ["WIR-04"];
    carries_out_half_in_dropped_body: Defect::CarriesOutHalf, "wire/dropped/body", ["WIR-04"];
    carries_out_half_in_chunks_no_last: Defect::CarriesOutHalf, "wire/chunks/no-last", ["WIR-04"];
    last_length_counts_in_content_length_conflicting_reversed: Defect::LastLengthCounts, "wire/content-length/conflicting-reversed", ["WIR-04", "WIR-06"];
    last_length_counts_in_content_length_conflicting: Defect::LastLengthCounts, "wire/content-length/conflicting", ["WIR-06"];
    knows_no_chunks_in_chunks_bytes: Defect::KnowsNoChunks, "wire/chunks/bytes", ["WIR-03"];
    minds_case_in_header_upper: Defect::MindsCase, "wire/header/upper", ["WIR-03"];
    ignores_expect_in_continue: Defect::IgnoresExpect, "wire/continue", ["WIR-03"];
    repeats_itself_in_pipelined: Defect::RepeatsItself, "wire/pipelined/*", ["WIR-05"];
    forgets_the_second_in_pipelined_describe_and_stop: Defect::ForgetsTheSecond, "wire/pipelined/describe-and-stop", ["WIR-05"];
    ignores_close_in_pipelined_after_close: Defect::IgnoresClose, "wire/pipelined/after-close", ["WIR-04"];
    needs_no_host_in_header_host_absent: Defect::NeedsNoHost, "wire/header/host-absent", ["WIR-06"];
}

/// Every clause that reports one of the fronts.
pub(crate) fn tripped() -> impl Iterator<Item = &'static str> {
    FAULTS.iter().flat_map(|clauses| clauses.iter().copied())
}

/// One front.
struct Front {
    defect: Defect,
    reference: Reference,
}

/// A request as the front parsed it.
struct Read {
    method: String,
    target: String,
    body: Vec<u8>,
    /// Whether the connection ends behind its answer.
    closes: bool,
}

/// The reason why no request was read.
enum Broken {
    /// The bytes are not a request.
    Malformed,
    /// The other side closed the connection before its request was complete.
    Incomplete,
    /// The other side closed the connection between two requests.
    Over,
}

/// A connection with a buffer of bytes that were read ahead.
struct Conversation {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Conversation {
    /// Reads until there are enough bytes; returns false if the connection ends before.
    async fn fill(&mut self, enough: impl Fn(&[u8]) -> bool) -> bool {
        while !enough(&self.read) {
            let mut chunk = vec![0; 64 << 10];
            match self.stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return false,
                Ok(read) => self.read.extend_from_slice(chunk.get(..read).unwrap_or_default()),
            }
        }
        true
    }

    async fn close(&mut self) {
        let _ = self.stream.shutdown().await;
        // The client loses the answer if the connection is closed while bytes are unread.
        self.fill(|read| read.len() > 4 << 20).await;
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        self.read.drain(..length.min(self.read.len())).collect()
    }

    /// A line without its line ending.
    async fn line(&mut self) -> Option<Vec<u8>> {
        self.fill(|read| read.windows(2).any(|two| two == b"\r\n"))
            .await
            .then_some(())?;
        let end = self.read.windows(2).position(|two| two == b"\r\n")?;
        let line = self.take(end);
        self.take(2);
        Some(line)
    }
}

impl Front {
    async fn serve(&self, stream: TcpStream) {
        let mut talk = Conversation {
            stream,
            read: Vec::new(),
        };
        let mut first = None;
        loop {
            // Sequential requests on one connection are answered correctly; only pipelined ones meet the defect.
            let pipelined = !talk.read.is_empty();
            let answer = match self.read(&mut talk).await {
                Ok(request) => {
                    let bytes = String::from_utf8(request.body.clone()).is_err();
                    if self.defect == Defect::ClosesOnBytes && bytes {
                        return;
                    }
                    let answer = match (self.defect, &first) {
                        (Defect::ForgetsTheSecond, Some(_)) if pipelined => stopping(),
                        (Defect::RepeatsItself, Some(first)) if pipelined => Response::clone(first),
                        _ => {
                            self.let_others_finish().await;
                            self.carry_out(&request)
                        }
                    };
                    first = Some(answer.clone());
                    if request.closes && self.defect != Defect::IgnoresClose {
                        let _ = talk.stream.write_all(&written(&answer)).await;
                        return talk.close().await;
                    }
                    answer
                }
                Err(Broken::Over) => return,
                Err(Broken::Malformed | Broken::Incomplete) if self.defect == Defect::Hangs => {
                    std::future::pending().await
                }
                Err(Broken::Malformed | Broken::Incomplete) => {
                    let status = if self.defect == Defect::Blames500 {
                        500
                    } else {
                        400
                    };
                    let text =
                        format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                    let _ = talk.stream.write_all(text.as_bytes()).await;
                    return talk.close().await;
                }
            };
            if talk.stream.write_all(&written(&answer)).await.is_err() {
                return;
            }
        }
    }

    /// Lets requests of connections that are already closed be performed first. The runner describes its instances a
    /// moment after it dropped a connection; on a busy machine this front may not have read that connection yet.
    async fn let_others_finish(&self) {
        if self.defect == Defect::CarriesOutHalf {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
    }

    async fn read(&self, talk: &mut Conversation) -> Result<Read, Broken> {
        let mut line = talk.line().await.ok_or(match talk.read.is_empty() {
            true => Broken::Over,
            false => Broken::Incomplete,
        })?;
        if line.is_empty() {
            line = talk.line().await.ok_or(Broken::Incomplete)?;
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        let words: Vec<&str> = line.split(' ').collect();
        let [method, target, version] = words.as_slice() else {
            return Err(Broken::Malformed);
        };
        if !matches!(*method, "GET" | "POST") || !matches!(*version, "HTTP/1.1" | "HTTP/1.0") {
            return Err(Broken::Malformed);
        }
        let mut fields: Vec<(String, String)> = Vec::new();
        loop {
            let field = talk.line().await.ok_or(Broken::Incomplete)?;
            if field.is_empty() {
                break;
            }
            let field = String::from_utf8_lossy(&field).into_owned();
            let (name, value) = field.split_once(':').ok_or(Broken::Malformed)?;
            if name.is_empty() || name.contains(char::is_whitespace) {
                return Err(Broken::Malformed);
            }
            let capitals = !name.contains(char::is_lowercase);
            let name = match self.defect {
                Defect::MindsCase if capitals => name.to_owned(),
                _ => name.to_ascii_lowercase(),
            };
            fields.push((name, value.trim().to_owned()));
        }
        let all = |name: &str| -> Vec<String> {
            let named = fields.iter().filter(|(own, _)| own == name);
            named.map(|(_, value)| value.clone()).collect()
        };
        let hosts = all("host").len();
        if hosts != 1 && !(hosts == 0 && (*version == "HTTP/1.0" || self.defect == Defect::NeedsNoHost)) {
            return Err(Broken::Malformed);
        }
        if !all("expect").is_empty() {
            if self.defect == Defect::IgnoresExpect {
                return Ok(Read {
                    method: (*method).to_owned(),
                    target: (*target).to_owned(),
                    body: Vec::new(),
                    closes: false,
                });
            }
            let _ = talk.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await;
        }
        let mut lengths = all("content-length");
        if self.defect == Defect::LastLengthCounts {
            lengths = lengths.split_off(lengths.len().saturating_sub(1));
        }
        lengths.dedup();
        let codings = all("transfer-encoding");
        let body = match (codings.as_slice(), lengths.as_slice()) {
            ([], []) => Vec::new(),
            ([coding], _) if coding == "chunked" => self.chunks(talk).await?,
            ([], [length]) => {
                let length: usize = length.parse().map_err(|_| Broken::Malformed)?;
                if !talk.fill(|read| read.len() >= length).await && self.defect != Defect::CarriesOutHalf {
                    return Err(Broken::Incomplete);
                }
                talk.take(length)
            }
            _ => return Err(Broken::Malformed),
        };
        Ok(Read {
            method: (*method).to_owned(),
            target: (*target).to_owned(),
            body,
            closes: all("connection")
                .iter()
                .any(|value| value.eq_ignore_ascii_case("close")),
        })
    }

    async fn chunks(&self, talk: &mut Conversation) -> Result<Vec<u8>, Broken> {
        let mut body = Vec::new();
        loop {
            let Some(line) = talk.line().await else {
                return match self.defect {
                    Defect::CarriesOutHalf => Ok(body),
                    _ => Err(Broken::Incomplete),
                };
            };
            let line = String::from_utf8_lossy(&line).into_owned();
            let digits = line.split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(digits, 16).map_err(|_| Broken::Malformed)?;
            if size == 0 {
                while !talk.line().await.ok_or(Broken::Incomplete)?.is_empty() {}
                let known = self.defect != Defect::KnowsNoChunks;
                return Ok(if known { body } else { Vec::new() });
            }
            if !talk.fill(|read| read.len() >= size + 2).await {
                return Err(Broken::Incomplete);
            }
            body.extend(talk.take(size));
            talk.take(2);
        }
    }

    /// Sends a plain, newly signed call with the same parameters to the reference.
    fn carry_out(&self, read: &Read) -> Response<Bytes> {
        let query = read.target.split_once('?').map_or("", |(_, query)| query);
        let mut pairs = form::read(query);
        pairs.extend(form::read(&String::from_utf8_lossy(&read.body)));
        let value = |name: &str| {
            pairs
                .iter()
                .find(|(own, _)| own == name)
                .map(|(_, value)| value.clone())
        };
        let mut call = Call::new(
            "",
            pairs
                .iter()
                .filter(|(name, _)| name != "Action" && name != "Version")
                .cloned(),
        );
        call.action = value("Action");
        call.form.version = value("Version");
        call.form.method = if read.method == "GET" {
            Method::Get
        } else {
            Method::Post
        };
        let target = RequestTarget {
            host: "localhost".to_owned(),
            path: "/".to_owned(),
            region: mock::REGION.to_owned(),
        };
        let now_ms = system_now_ms();
        let request = protocol::encode(&call, &target).expect("a short call");
        let request = sign::sign(
            request,
            Auth::Header,
            &stopcheck::embedded::keyring(),
            mock::REGION,
            "ec2",
            now_ms,
        )
        .expect("the keys are good");
        self.reference.handle(&request, now_ms)
    }
}

fn system_now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.expect("it is later").as_millis()).expect("it is not that much later")
}

fn stopping() -> Response<Bytes> {
    Response::new("<StopInstancesResponse/>".into())
}

fn written(response: &Response<Bytes>) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {} X\r\n", response.status().as_u16()).into_bytes();
    for (name, value) in response.headers() {
        out.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    out.extend(format!("Content-Length: {}\r\n\r\n", response.body().len()).into_bytes());
    out.extend(response.body());
    out
}

fn quick() -> Reference {
    Reference::new(Config {
        delays: Delays {
            launching: Span::exactly(0),
            starting: Span::exactly(0),
            ..Delays::default()
        },
        ..Config::default()
    })
}

/// Serves on its own thread until the tests end. Returns the URL.
fn serving<F: Future<Output = ()> + 'static>(
    serve: impl FnOnce(TcpListener) -> F + Send + 'static,
) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    listener.set_nonblocking(true).expect("a socket can");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be built");
        runtime.block_on(async { serve(TcpListener::from_std(listener).expect("it is a socket")).await });
    });
    url
}

fn front(defect: Defect) -> String {
    let front = Arc::new(Front {
        defect,
        reference: quick(),
    });
    serving(move |listener| async move {
        while let Ok((stream, _)) = listener.accept().await {
            let front = Arc::clone(&front);
            tokio::spawn(async move { front.serve(stream).await });
        }
    })
}

/// The answer timeout: longer than any machine is busy.
const AMPLE: Duration = Duration::from_secs(3600);

/// Plays cases of the wire phase.
fn play(url: String, cases: &str, time_limit: Duration) -> Run {
    let mut plan = Plan::default();
    plan.add_wire(
        &super::contract_of(Edition::Current),
        &Selection::named(&[cases.to_owned()]),
    );
    assert!(!plan.wire.is_empty(), "no case is called {cases}");
    let endpoint = Endpoint::http(HttpOptions {
        url,
        request_timeout: AMPLE,
        max_body: 1 << 20,
        connections: 8,
    })
    .expect("the URL is good");
    let options = WireOptions {
        endpoint: None,
        time_limit,
    };
    play_plan(
        Edition::Current,
        endpoint,
        plan,
        8,
        options,
        Confidence::default(),
    )
}

#[track_caller]
fn found_under(defect: Defect, cases: &str, clauses: &[&str]) {
    // The only real-time limit: how long to wait for a front that hangs. The plain request before it is answered in
    // hundredths of a second, so the limit is ample for it on a busy machine too.
    let limit = match defect {
        Defect::Hangs => Duration::from_secs(8),
        _ => AMPLE,
    };
    let run = play(front(defect), cases, limit);
    let expected: BTreeSet<&str> = clauses.iter().copied().collect();
    let found: BTreeSet<&str> = run
        .findings
        .iter()
        .map(|finding| finding.clause.as_str())
        .collect();
    assert!(
        found == expected && run.unjudged.is_empty(),
        "expected {expected:?}, found {found:?}, unjudged {:?}{}{}{}",
        run.unjudged,
        run.told(Verdict::Fail),
        run.told(Verdict::Warn),
        run.told(Verdict::Inconclusive),
    );
}

#[test]
fn the_served_reference_is_found_innocent() {
    let reference = quick();
    let handler: Handler = Arc::new(move |request, now_ms| reference.handle(request, now_ms));
    let url = serving(move |listener| async move {
        let _ = endpoint::serve(listener, handler, std::future::pending()).await;
    });
    let run = play(url, "wire/*", AMPLE);
    assert_eq!(run.unjudged, []);
    assert_eq!(run.findings, []);
}
