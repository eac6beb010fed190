//! Sends bytes over a raw socket unchanged, in pieces if requested, and reads the answer leniently.
//!
//! A [`Dialogue`] and the address of an `http` endpoint come in; the final responses, the bytes left over and how the
//! exchange ended go out. The other side can cost only a bounded amount of time and memory. This is the only file that
//! uses httparse; its sibling `recording` separates responses from stray bytes with it.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::endpoint::TransportError;
use crate::journal::Ending;
use crate::plan::wire::{Dialogue, Finish, Then};

/// The limits of one dialogue.
#[derive(Debug, Clone, Copy)]
pub struct RawLimits {
    /// The most bytes that are read.
    pub bytes: usize,
    /// The longest time that it may take, including connecting.
    pub time: Duration,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct RawResponse {
    /// The final responses, in order. Interim ones are read and dropped.
    pub responses: Vec<Response<Bytes>>,
    /// The received bytes that are not a complete response.
    pub rest: Vec<u8>,
    /// How it ended.
    pub ending: Ending,
}

/// How long to wait for an answer to the head of a request before its body is sent anyway.
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest head of a response, and the longest line in a chunked body.
const MAX_HEAD: usize = 32 << 10;
const MAX_LINE: usize = 1 << 10;

/// The most header fields of a response.
const MAX_FIELDS: usize = 128;

/// Returns host and port of an endpoint, given its name; `None` if it is not reached over plain HTTP: TLS would need a
/// library in between.
pub fn raw_address(name: &str) -> Option<String> {
    let rest = name.strip_prefix("http://")?;
    let authority = rest.split('/').next().unwrap_or_default();
    let after_bracket = authority.rsplit(']').next().unwrap_or_default();
    if after_bracket.contains(':') {
        Some(authority.to_owned())
    } else {
        Some(format!("{authority}:80"))
    }
}

/// The bytes behind the first final response, if that is whole and has this body.
pub(super) fn behind_the_response(received: Vec<u8>, body: &[u8]) -> Vec<u8> {
    let mut listener = Listener::new(received, 1);
    while let Step::Advanced = listener.step() {
        if let Some(response) = listener.responses.first() {
            let rest = listener.buffer.get(listener.at..).unwrap_or_default();
            return if response.body() == body {
                rest.to_vec()
            } else {
                Vec::new()
            };
        }
    }
    Vec::new()
}

/// The status code of bytes that begin with the head of a response.
pub(super) fn first_status(bytes: &[u8]) -> Option<StatusCode> {
    let head = bytes.get(..head_length(bytes)?)?;
    read_head(head).map(|response| response.status())
}

/// Plays a dialogue on a fresh connection.
pub async fn converse(
    address: &str,
    dialogue: &Dialogue,
    limits: RawLimits,
) -> Result<RawResponse, TransportError> {
    let stream = match timeout(limits.time, TcpStream::connect(address)).await {
        Ok(connected) => connected.map_err(|error| explain(address, &error))?,
        Err(_) => {
            return Err(TransportError::TimedOut {
                host: address.to_owned(),
                after: limits.time,
            });
        }
    };
    // Pieces must be sent one by one. If this fails, they still arrive.
    let _ = stream.set_nodelay(true);
    let (reader, writer) = stream.into_split();
    let mut listener = Listener::new(Vec::new(), dialogue.answers);
    let heard_something = Notify::new();
    let ending = if dialogue.finish == Finish::Drop {
        let _ = timeout(limits.time, speak(writer, dialogue, &heard_something)).await;
        drop(reader);
        Ending::Dropped
    } else {
        let both = async {
            let speaking = async {
                // The write half is held open: the end of writing is not the end of the dialogue.
                let _writer = speak(writer, dialogue, &heard_something).await;
                std::future::pending::<Ending>().await
            };
            tokio::select! {
                ending = listener.listen(reader, limits.bytes, &heard_something) => ending,
                ending = speaking => ending,
            }
        };
        timeout(limits.time, both).await.unwrap_or(Ending::Silent)
    };
    Ok(listener.response(ending))
}

/// Writes all pieces. Stops if the endpoint stops reading; its answer is still read.
async fn speak(
    mut writer: OwnedWriteHalf,
    dialogue: &Dialogue,
    heard_something: &Notify,
) -> Option<OwnedWriteHalf> {
    for piece in &dialogue.pieces {
        writer.write_all(&piece.bytes).await.ok()?;
        writer.flush().await.ok()?;
        match piece.then {
            Then::GoOn => {}
            Then::AwaitAnswer => _ = timeout(PATIENCE, heard_something.notified()).await,
        }
    }
    match dialogue.finish {
        Finish::Listen | Finish::Drop => {}
        Finish::HalfClose => writer.shutdown().await.ok()?,
    }
    Some(writer)
}

/// Reads responses as they come, each byte once.
struct Listener {
    buffer: Vec<u8>,
    /// Everything before this offset has been parsed.
    at: usize,
    stage: Stage,
    responses: Vec<Response<Bytes>>,
    wanted: usize,
}

/// What is being read.
enum Stage {
    Head,
    Body {
        response: Response<Vec<u8>>,
        framing: Framing,
    },
}

enum Framing {
    Length(usize),
    Chunks,
    /// The data of a chunk and the line end after it.
    Chunk(usize),
    Trailers,
    UntilClose,
}

/// The result of parsing the received bytes one step further.
enum Step {
    Advanced,
    NeedsMore,
    NoHttp,
}

impl Listener {
    /// A listener for this many responses that has received these bytes.
    fn new(buffer: Vec<u8>, wanted: usize) -> Self {
        Listener {
            buffer,
            at: 0,
            stage: Stage::Head,
            responses: Vec::new(),
            wanted,
        }
    }

    /// Reads at most `limit` bytes.
    async fn listen(&mut self, mut reader: OwnedReadHalf, limit: usize, heard_something: &Notify) -> Ending {
        let mut chunk = vec![0; 16 << 10];
        loop {
            let read = match reader.read(&mut chunk).await {
                Ok(0) => return self.at_the_end(),
                Ok(read) => read,
                Err(_) => return Ending::Reset,
            };
            heard_something.notify_one();
            let room = limit.saturating_sub(self.buffer.len());
            self.buffer
                .extend_from_slice(chunk.get(..read.min(room)).unwrap_or_default());
            loop {
                if self.responses.len() >= self.wanted {
                    return Ending::Answered;
                }
                match self.step() {
                    Step::Advanced => {}
                    Step::NeedsMore => break,
                    Step::NoHttp => return Ending::NoHttp,
                }
            }
            if read > room {
                return Ending::TooMuch;
            }
        }
    }

    /// Handles the end of what the endpoint sends.
    fn at_the_end(&mut self) -> Ending {
        self.finish_body();
        if self.responses.len() >= self.wanted {
            return Ending::Answered;
        }
        match self.buffer.len() > self.at {
            true => Ending::NoHttp,
            false => Ending::Closed,
        }
    }

    /// Completes an unfinished response with the bytes that arrived.
    fn finish_body(&mut self) {
        if let Stage::Body {
            mut response,
            framing,
        } = std::mem::replace(&mut self.stage, Stage::Head)
        {
            if matches!(framing, Framing::Length(_) | Framing::UntilClose) {
                let rest = self.buffer.get(self.at..).unwrap_or_default();
                response.body_mut().extend_from_slice(rest);
            }
            self.at = self.buffer.len();
            self.responses.push(response.map(Bytes::from));
        }
    }

    fn response(mut self, ending: Ending) -> RawResponse {
        // The body of an endless answer is not worth keeping, and at the cut it might reveal half a secret.
        match (&ending, &mut self.stage) {
            (Ending::TooMuch, Stage::Body { .. }) => {
                self.buffer.truncate(self.at);
                self.finish_body();
            }
            (Ending::TooMuch, Stage::Head) => self.buffer.truncate(self.at),
            (Ending::Dropped | Ending::NoHttp | Ending::Failed { .. } | Ending::Broken { .. }, _) => {}
            (Ending::Answered | Ending::Closed | Ending::Reset | Ending::Silent, _) => self.finish_body(),
        }
        RawResponse {
            responses: self.responses,
            rest: self.buffer.get(self.at..).unwrap_or_default().to_vec(),
            ending,
        }
    }

    fn step(&mut self) -> Step {
        match &mut self.stage {
            Stage::Head => self.head(),
            Stage::Body { .. } => self.body(),
        }
    }

    fn head(&mut self) -> Step {
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        // Line ends before a status line have no meaning.
        if let Some(b'\r' | b'\n') = rest.first() {
            self.at += 1;
            return Step::Advanced;
        }
        let Some(length) = head_length(rest) else {
            let hopeless = rest.len() > MAX_HEAD || !begins_like_http(rest);
            return if hopeless { Step::NoHttp } else { Step::NeedsMore };
        };
        let Some(response) = rest.get(..length).and_then(read_head) else {
            return Step::NoHttp;
        };
        self.at += length;
        // 101 is final: what follows it is no longer HTTP.
        let status = response.status();
        if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
            return Step::Advanced;
        }
        match framing_of(&response) {
            Framing::Length(0) => self.responses.push(response.map(Bytes::from)),
            framing => self.stage = Stage::Body { response, framing },
        }
        Step::Advanced
    }

    fn body(&mut self) -> Step {
        let Stage::Body { response, framing } = &mut self.stage else {
            return Step::NeedsMore;
        };
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        match framing {
            Framing::UntilClose => return Step::NeedsMore,
            Framing::Length(length) => {
                let Some(body) = rest.get(..*length) else {
                    return Step::NeedsMore;
                };
                response.body_mut().extend_from_slice(body);
                self.at += *length;
            }
            Framing::Chunks => {
                let Some(line) = line_of(rest) else {
                    return if rest.len() > MAX_LINE {
                        Step::NoHttp
                    } else {
                        Step::NeedsMore
                    };
                };
                let Some(size) = chunk_size(line) else {
                    return Step::NoHttp;
                };
                self.at += line.len();
                *framing = match size {
                    0 => Framing::Trailers,
                    size => Framing::Chunk(size),
                };
                return Step::Advanced;
            }
            Framing::Chunk(size) => {
                let Some(body) = rest.get(..*size) else {
                    return Step::NeedsMore;
                };
                let Some(end) = rest.get(*size..).and_then(line_of) else {
                    return Step::NeedsMore;
                };
                response.body_mut().extend_from_slice(body);
                self.at += *size + end.len();
                *framing = Framing::Chunks;
                return Step::Advanced;
            }
            Framing::Trailers => {
                let Some(line) = line_of(rest) else {
                    return if rest.len() > MAX_LINE {
                        Step::NoHttp
                    } else {
                        Step::NeedsMore
                    };
                };
                self.at += line.len();
                if !matches!(line, b"\r\n" | b"\n") {
                    return Step::Advanced;
                }
            }
        }
        if let Stage::Body { response, .. } = std::mem::replace(&mut self.stage, Stage::Head) {
            self.responses.push(response.map(Bytes::from));
        }
        Step::Advanced
    }
}

/// The length of a head, including the empty line that ends it.
fn head_length(bytes: &[u8]) -> Option<usize> {
    let bytes = bytes.get(..MAX_HEAD).unwrap_or(bytes);
    let mut line_is_empty = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' if line_is_empty => return Some(at + 1),
            b'\n' => line_is_empty = true,
            b'\r' => {}
            _ => line_is_empty = false,
        }
    }
    None
}

fn begins_like_http(bytes: &[u8]) -> bool {
    let known = b"HTTP/";
    let length = known.len().min(bytes.len());
    bytes.get(..length) == known.get(..length)
}

/// The first line, including its line end.
fn line_of(bytes: &[u8]) -> Option<&[u8]> {
    let window = bytes.get(..=MAX_LINE).unwrap_or(bytes);
    let end = window.iter().position(|byte| *byte == b'\n')?;
    bytes.get(..=end)
}

fn chunk_size(line: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(line).ok()?;
    let digits = text.split(';').next()?.trim();
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| usize::from_str_radix(digits, 16).ok()).flatten()
}

fn read_head(head: &[u8]) -> Option<Response<Vec<u8>>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut read = httparse::Response::new(&mut fields);
    let mut config = httparse::ParserConfig::default();
    config
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true);
    let parsed = config.parse_response(&mut read, head).ok()?;
    parsed.is_complete().then_some(())?;
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::from_u16(read.code?).ok()?;
    for field in read.headers.iter() {
        // A line break within a value means a space (RFC 9112, 5.2).
        let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let value: Vec<u8> = field
            .value
            .iter()
            .map(|byte| if is_break(byte) { b' ' } else { *byte })
            .collect();
        // What is no field is ignored, as by the parser.
        let name = HeaderName::from_bytes(field.name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&value)) {
            response.headers_mut().append(name, value);
        }
    }
    Some(response)
}

fn framing_of(response: &Response<Vec<u8>>) -> Framing {
    if matches!(
        response.status(),
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
    ) {
        return Framing::Length(0);
    }
    let text = |name| {
        let value: Option<&HeaderValue> = response.headers().get(name);
        value.map(|value| String::from_utf8_lossy(value.as_bytes()))
    };
    if text(TRANSFER_ENCODING).is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked")) {
        return Framing::Chunks;
    }
    match text(CONTENT_LENGTH).map(|text| text.trim().parse()) {
        Some(Ok(length)) => Framing::Length(length),
        Some(Err(_)) | None => Framing::UntilClose,
    }
}

fn explain(address: &str, error: &io::Error) -> TransportError {
    let host = address.to_owned();
    match error.kind() {
        io::ErrorKind::ConnectionRefused => TransportError::Refused { host },
        _ => TransportError::Unreachable {
            host,
            why: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;
    use crate::plan::wire::Piece;

    /// The servers of these tests answer or close, however busy the machine is.
    const LIMITS: RawLimits = RawLimits {
        bytes: 4096,
        time: Duration::from_secs(3600),
    };

    fn dialogue(finish: Finish, answers: usize) -> Dialogue {
        let piece = |text: &str| Piece {
            bytes: text.into(),
            then: Then::GoOn,
        };
        Dialogue {
            pieces: vec![piece("GET / HT"), piece("TP/1.1\r\n\r\n")],
            finish,
            answers,
        }
    }

    /// Plays a dialogue with a server that reads a request and then writes these bytes. The server closes the
    /// connection, or keeps it open until the other side closes it.
    async fn response(bytes: &'static [u8], closes: bool, answers: usize) -> RawResponse {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback can be bound");
        let address = listener.local_addr().expect("it is bound").to_string();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("somebody comes");
            let mut seen = Vec::new();
            while !seen.ends_with(b"\r\n\r\n") {
                let mut byte = [0; 64];
                let read = stream.read(&mut byte).await.expect("it is written to");
                assert!(read > 0, "the request is whole");
                seen.extend_from_slice(byte.get(..read).unwrap_or_default());
            }
            let _ = stream.write_all(bytes).await;
            if !closes {
                let mut byte = [0; 1];
                let _ = stream.read(&mut byte).await;
            }
            seen
        });
        let response = converse(&address, &dialogue(Finish::Listen, answers), LIMITS)
            .await
            .expect("it listens");
        let seen = server.await.expect("the server does not panic");
        assert_eq!(seen, b"GET / HTTP/1.1\r\n\r\n");
        response
    }

    async fn told(bytes: &'static [u8], closes: bool, answers: usize) -> (Vec<(u16, String)>, Ending) {
        let response = response(bytes, closes, answers).await;
        let responses = response.responses.into_iter();
        let bodies = responses.map(|one| {
            let body = String::from_utf8_lossy(one.body()).into_owned();
            (one.status().as_u16(), body)
        });
        (bodies.collect(), response.ending)
    }

    #[tokio::test]
    async fn responses_are_read_in_every_framing() {
        let one = |status: u16, body: &str| vec![(status, body.to_owned())];
        for (bytes, closes, expected) in [
            (
                &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"[..],
                false,
                one(200, "ab"),
            ),
            (b"HTTP/1.0 400\n\nuntil the end", true, one(400, "until the end")),
            (
                b"HTTP/1.1 100 Continue\r\n\r\n\r\nHTTP/1.1 412 x\r\ntransfer-encoding: Chunked\r\n\r\n\
                  1;a=b\r\na\r\n2\r\nbc\r\n0\r\nx: y\r\n\r\n",
                false,
                one(412, "abc"),
            ),
            (b"HTTP/1.1 204 No Content\r\n\r\n", false, one(204, "")),
            (
                b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nY: \xff\r\nContent-Length: 1\r\n\r\na",
                false,
                one(200, "a"),
            ),
        ] {
            assert_eq!(told(bytes, closes, 1).await, (expected, Ending::Answered));
        }
        let two = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 400 X\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(
            told(two, false, 2).await,
            (vec![(200, "a".into()), (400, String::new())], Ending::Answered)
        );
    }

    #[tokio::test]
    async fn every_other_ending_has_its_name() {
        assert_eq!(told(b"", true, 1).await, (vec![], Ending::Closed));
        assert_eq!(told(b"<html>", false, 1).await, (vec![], Ending::NoHttp));
        assert_eq!(
            told(b"HTTP/1.1 abc\r\n\r\n", false, 1).await,
            (vec![], Ending::NoHttp)
        );
        assert_eq!(
            told(b"HTTP/1.1 099 X\r\n\r\n", false, 1).await,
            (vec![], Ending::NoHttp)
        );
        let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab";
        assert_eq!(told(cut, true, 1).await.0, [(200, "ab".to_owned())]);
        let bad = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
        assert_eq!(told(bad, false, 1).await, (vec![], Ending::NoHttp));
        let endless = Box::leak(
            [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 9000]]
                .concat()
                .into_boxed_slice(),
        );
        assert_eq!(
            told(endless, false, 1).await,
            (vec![(200, String::new())], Ending::TooMuch)
        );
    }

    #[tokio::test]
    async fn who_never_answers_is_silent() {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback can be bound");
        let address = listener.local_addr().expect("it is bound").to_string();
        let limits = RawLimits {
            time: Duration::from_millis(100),
            ..LIMITS
        };
        // The connection is made without being accepted.
        let response = converse(&address, &dialogue(Finish::Listen, 1), limits)
            .await
            .expect("it listens");
        assert_eq!((response.responses.len(), response.ending), (0, Ending::Silent));
    }

    #[tokio::test]
    async fn a_half_closed_connection_still_hears_the_answer() {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback can be bound");
        let address = listener.local_addr().expect("it is bound").to_string();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("somebody comes");
            let mut seen = Vec::new();
            let _ = stream.read_to_end(&mut seen).await;
            let _ = stream
                .write_all(b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n")
                .await;
        });
        let response = converse(&address, &dialogue(Finish::HalfClose, 1), LIMITS)
            .await
            .expect("it listens");
        server.await.expect("the server does not panic");
        assert_eq!((response.responses.len(), response.ending), (1, Ending::Answered));
    }

    #[tokio::test]
    async fn nobody_there_is_no_finding() {
        // Nobody listens on the port of a bound socket, and nobody else can.
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        socket
            .bind(([127, 0, 0, 1], 0).into())
            .expect("loopback can be bound");
        let address = socket.local_addr().expect("it is bound").to_string();
        let response = converse(&address, &dialogue(Finish::Listen, 1), LIMITS).await;
        assert_eq!(response.err(), Some(TransportError::Refused { host: address }));
    }

    #[test]
    fn plain_http_has_an_address_and_nothing_else() {
        for (name, address) in [
            ("http://127.0.0.1:5000", "127.0.0.1:5000"),
            ("http://localhost/base", "localhost:80"),
            ("http://[::1]:1/", "[::1]:1"),
            ("http://[::1]", "[::1]:80"),
        ] {
            assert_eq!(raw_address(name).as_deref(), Some(address));
        }
        for name in ["https://localhost:1", "reference"] {
            assert_eq!(raw_address(name), None, "{name}");
        }
    }
}
