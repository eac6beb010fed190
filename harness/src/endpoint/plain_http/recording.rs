//! Sends one request over plain HTTP and keeps the bytes that come back.
//!
//! A request goes out on a pooled connection; the response comes back, or an error with the bytes received so far. Bytes
//! that belong to no response are reported with it ([`StrayBytes`]). HTTP libraries drop such bytes, and the connection
//! with them, without a word.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use hyper::client::conn::http1::{SendRequest, handshake};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use super::{Full, Incoming, TokioIo};
use crate::endpoint::TransportError;
use crate::endpoint::http::{IDLE_TIMEOUT, ROOM, deepest, find, is_reset};
use crate::endpoint::raw;

/// Bytes that came on the connection of a response and belong to none, as an extension of the response. They came behind
/// it, or while the connection was idle before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrayBytes(pub Vec<u8>);

impl StrayBytes {
    /// The stray bytes of a response; none for most.
    pub fn beside(response: &Response<Bytes>) -> &[u8] {
        response
            .extensions()
            .get::<StrayBytes>()
            .map_or(&[], |stray| stray.0.as_slice())
    }

    /// Bytes that came without being requested; `None` if HTTP allows a server to send them on its own: line ends, and
    /// 408 before it closes a connection that was idle for too long (RFC 9112, 9.2; RFC 9110, 15.5.9).
    pub(in crate::endpoint) fn of(bytes: Vec<u8>) -> Option<Self> {
        let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let is_allowed =
            bytes.iter().all(is_line_end) || raw::first_status(&bytes) == Some(StatusCode::REQUEST_TIMEOUT);
        (!is_allowed).then_some(StrayBytes(bytes))
    }
}

/// The most bytes of one exchange that are kept.
const KEPT: usize = 256 << 10;

/// A client for one plain HTTP server. Clones share its connections.
#[derive(Debug, Clone)]
pub(in crate::endpoint) struct RecordingClient {
    /// Host and port, as in the `Host` header.
    pub(in crate::endpoint) host: String,
    pub(in crate::endpoint) port: u16,
    pub(in crate::endpoint) request_timeout: Duration,
    /// The largest response body, in bytes.
    pub(in crate::endpoint) max_body: usize,
    /// How many idle connections are kept.
    pub(in crate::endpoint) max_idle: usize,
    pub(in crate::endpoint) idle: IdleConnections,
}

/// The idle connections, the one used last at the end.
#[derive(Debug, Clone, Default)]
pub(in crate::endpoint) struct IdleConnections(Arc<Mutex<Vec<Connection>>>);

#[derive(Debug)]
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    received: Received,
    used: Instant,
}

/// What came on a connection since the last request. Clones share it.
#[derive(Debug, Clone, Default)]
struct Received(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    /// The first bytes.
    bytes: Vec<u8>,
    /// How many came in all.
    total: usize,
}

/// A connection whose incoming bytes are kept.
struct Recorded {
    stream: TcpStream,
    received: Received,
}

impl RecordingClient {
    pub(in crate::endpoint) async fn send(
        &self,
        request: &Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        match timeout(self.request_timeout, self.exchange(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(TransportError::TimedOut {
                host: self.host.clone(),
                after: self.request_timeout,
            }),
        }
    }

    async fn exchange(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let mut message = self.message(request)?;
        let mut stray = None;
        loop {
            let (mut connection, is_fresh) = match self.idle_connection(&mut stray).await {
                Some(connection) => (connection, false),
                None => (self.connect().await?, true),
            };
            connection.received.take();
            let error = match connection.sender.try_send_request(message).await {
                Ok(response) => return self.read(request, connection, response, stray).await,
                Err(error) => error,
            };
            let mut error = error;
            match error.take_message() {
                // An idle connection was closed before any byte of the request was written.
                Some(unsent) if !is_fresh => message = unsent,
                _ => return Err(self.explain(error.error(), &connection.received, Part::Head)),
            }
        }
    }

    /// The request with what HTTP demands and a signature may leave out.
    fn message(&self, request: &Request<Bytes>) -> Result<Request<Full<Bytes>>, TransportError> {
        let (mut head, body) = request.clone().into_parts();
        if !head.uri.to_string().starts_with('/') {
            return Err(TransportError::Unsendable {
                why: format!("no HTTP library sends the target {:?} unchanged", head.uri),
            });
        }
        if !head.headers.contains_key(HOST) {
            let host = HeaderValue::from_str(&self.host).map_err(|error| TransportError::Unsendable {
                why: error.to_string(),
            })?;
            head.headers.insert(HOST, host);
        }
        if body.is_empty() && head.method == Method::POST && !head.headers.contains_key(CONTENT_LENGTH) {
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Ok(Request::from_parts(head, Full::new(body)))
    }

    /// An idle connection that is still open. Bytes that came while a connection was idle are moved to `stray`.
    async fn idle_connection(&self, stray: &mut Option<StrayBytes>) -> Option<Connection> {
        loop {
            let mut connection = self.idle.lock().pop()?;
            let unexpected = connection.received.take().bytes;
            let is_clean = unexpected.is_empty();
            *stray = stray.take().or(StrayBytes::of(unexpected));
            if is_clean && connection.used.elapsed() < IDLE_TIMEOUT && connection.sender.ready().await.is_ok()
            {
                return Some(connection);
            }
        }
    }

    async fn connect(&self) -> Result<Connection, TransportError> {
        let host = || self.host.clone();
        let name = without_port(&self.host);
        let addresses = lookup_host((name, self.port)).await;
        let addresses = addresses.map_err(|error| TransportError::NotResolved {
            host: host(),
            why: error.to_string(),
        })?;
        let mut failed = None;
        for address in addresses {
            let stream = match TcpStream::connect(address).await {
                Ok(stream) => stream,
                Err(error) => {
                    failed = Some(error);
                    continue;
                }
            };
            // If this fails, the request still arrives.
            let _ = stream.set_nodelay(true);
            let received = Received::default();
            let recorded = Recorded {
                stream,
                received: received.clone(),
            };
            let (sender, driver) = handshake(TokioIo::new(recorded))
                .await
                .map_err(|error| self.explain(&error, &received, Part::Head))?;
            // How the connection ends is seen by the exchange that it ends.
            tokio::spawn(async move { _ = driver.await });
            return Ok(Connection {
                sender,
                received,
                used: Instant::now(),
            });
        }
        Err(match failed {
            Some(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                TransportError::Refused { host: host() }
            }
            Some(error) => TransportError::Unreachable {
                host: host(),
                why: error.to_string(),
            },
            None => TransportError::NotResolved {
                host: host(),
                why: "it has no address".to_owned(),
            },
        })
    }

    /// Reads the body, and keeps the connection for the next request if nothing is wrong with it.
    async fn read(
        &self,
        request: &Request<Bytes>,
        mut connection: Connection,
        response: Response<Incoming>,
        mut stray: Option<StrayBytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let (head, mut incoming) = response.into_parts();
        let announced = incoming.size_hint().exact();
        if announced.is_some_and(|length| length > u64::try_from(self.max_body).unwrap_or(u64::MAX)) {
            return Err(self.too_large());
        }
        let mut body = Vec::new();
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| self.explain(&error, &connection.received, Part::Body))?;
            let Ok(data) = frame.into_data() else { continue };
            if data.len() > self.max_body - body.len() {
                return Err(self.too_large());
            }
            if body.len() + data.len() > ROOM {
                // A growing buffer exists twice while it is moved. Memory that is reserved and never written costs
                // nothing.
                body.reserve_exact(self.max_body - body.len());
            }
            body.extend_from_slice(&data);
        }
        let kept = connection.received.take();
        let mut is_clean = true;
        // The answer to HEAD has the length of a body that does not come.
        if request.method() != Method::HEAD && kept.total == kept.bytes.len() {
            let behind = raw::behind_the_response(kept.bytes, &body);
            is_clean = behind.is_empty();
            stray = stray.or(StrayBytes::of(behind));
        }
        if is_clean {
            connection.used = Instant::now();
            let mut idle = self.idle.lock();
            if idle.len() < self.max_idle {
                idle.push(connection);
            }
        }
        let mut response = Response::from_parts(head, Bytes::from(body));
        if let Some(stray) = stray {
            response.extensions_mut().insert(stray);
        }
        Ok(response)
    }

    fn too_large(&self) -> TransportError {
        TransportError::TooLarge {
            host: self.host.clone(),
            limit: self.max_body,
        }
    }

    fn explain(&self, error: &hyper::Error, received: &Received, part: Part) -> TransportError {
        let host = self.host.clone();
        let received = received.take().bytes;
        let why = deepest(error).to_string();
        let was_reset = find::<io::Error>(error).is_some_and(|error| is_reset(error.kind()));
        let is_invalid = error.is_parse() || why.to_ascii_lowercase().contains("invalid");
        match part {
            _ if is_invalid => TransportError::InvalidHttp { host, why, received },
            Part::Head if received.is_empty() => TransportError::Closed { host },
            Part::Head | Part::Body if was_reset => TransportError::Reset { host, received },
            Part::Head => TransportError::CutShort {
                host,
                why: "the connection was closed within the head of the answer".to_owned(),
                received,
            },
            Part::Body => TransportError::CutShort { host, why, received },
        }
    }
}

/// The part of a response that is being read.
#[derive(Clone, Copy)]
enum Part {
    Head,
    Body,
}

impl IdleConnections {
    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Received {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came since the last call.
    fn take(&self) -> Kept {
        std::mem::take(&mut *self.lock())
    }

    fn add(&self, bytes: &[u8]) {
        let mut kept = self.lock();
        let room = KEPT - kept.bytes.len();
        let first = bytes.get(..bytes.len().min(room)).unwrap_or_default();
        kept.bytes.extend_from_slice(first);
        kept.total += bytes.len();
    }
}

/// The name of a host without its port and, for an IPv6 address, without brackets.
fn without_port(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    }
}

impl AsyncRead for Recorded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_ready() {
            self.received
                .add(buffer.filled().get(before..).unwrap_or_default());
        }
        polled
    }
}

impl AsyncWrite for Recorded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
