//! What can go wrong between us and an endpoint. Every message continues "could not …".

use std::path::PathBuf;
use std::time::Duration;

use crate::journal::Ending;

/// Why a request has no response. None of these is a verdict about the endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The connection was refused.
    #[error("connect to {host}: connection refused")]
    Refused {
        /// Host and port.
        host: String,
    },
    /// The connection could not be made for another reason.
    #[error("connect to {host}: {why}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// The reason.
        why: String,
    },
    /// The whole answer did not arrive in time.
    #[error("get a whole answer from {host}: timed out after {} s", .after.as_secs_f64())]
    TimedOut {
        /// Host and port.
        host: String,
        /// The time limit.
        after: Duration,
    },
    /// The name has no address.
    #[error("resolve {host}: {why}")]
    NotResolved {
        /// Host and port.
        host: String,
        /// The reason.
        why: String,
    },
    /// The handshake failed.
    #[error("agree on TLS with {host}: {why}")]
    Tls {
        /// Host and port.
        host: String,
        /// The reason.
        why: String,
    },
    /// The port answers in plain HTTP.
    #[error("agree on TLS with {host}: it does not speak TLS")]
    PlainHttp {
        /// Host and port.
        host: String,
    },
    /// The connection ended before a status line.
    #[error("get an answer from {host}: the connection was closed before it")]
    Closed {
        /// Host and port.
        host: String,
    },
    /// The connection ended within the answer.
    #[error("read the whole answer of {host}: {why}")]
    CutShort {
        /// Host and port.
        host: String,
        /// The reason.
        why: String,
        /// The bytes that came, if the connection was recorded.
        received: Vec<u8>,
    },
    /// The connection was reset within the answer.
    #[error("read the whole answer of {host}: the connection was reset")]
    Reset {
        /// Host and port.
        host: String,
        /// The bytes that came, if the connection was recorded.
        received: Vec<u8>,
    },
    /// The body is larger than the limit.
    #[error("read the answer of {host}: its body is larger than {} MiB", .limit.div_ceil(1 << 20))]
    TooLarge {
        /// Host and port.
        host: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The answer is not valid HTTP.
    #[error("read the answer of {host}: not valid HTTP: {why}")]
    InvalidHttp {
        /// Host and port.
        host: String,
        /// The reason.
        why: String,
        /// The bytes that came, if the connection was recorded.
        received: Vec<u8>,
    },
    /// The HTTP library cannot write the request.
    #[error("send the request: {why}")]
    Unsendable {
        /// The reason.
        why: String,
    },
    /// Anything else.
    #[error("exchange a message with {host}: {why}")]
    Other {
        /// Host and port.
        host: String,
        /// The reason.
        why: String,
    },
}

impl TransportError {
    /// The bytes that came before the exchange failed. None are kept of a connection over TLS or a proxy.
    pub fn received(&self) -> &[u8] {
        match self {
            TransportError::CutShort { received, .. }
            | TransportError::Reset { received, .. }
            | TransportError::InvalidHttp { received, .. } => received,
            TransportError::Refused { .. }
            | TransportError::Unreachable { .. }
            | TransportError::TimedOut { .. }
            | TransportError::NotResolved { .. }
            | TransportError::Tls { .. }
            | TransportError::PlainHttp { .. }
            | TransportError::Closed { .. }
            | TransportError::TooLarge { .. }
            | TransportError::Unsendable { .. }
            | TransportError::Other { .. } => &[],
        }
    }

    /// How the exchange ended. A broken answer, and a connection that was given up, are the fault of the endpoint; `why`
    /// is this error without secrets.
    pub fn ending(&self, why: String) -> Ending {
        match self {
            TransportError::InvalidHttp { .. } | TransportError::CutShort { .. } => Ending::Broken { why },
            TransportError::Closed { .. } => Ending::Closed,
            TransportError::Reset { .. } => Ending::Reset,
            TransportError::Refused { .. }
            | TransportError::Unreachable { .. }
            | TransportError::TimedOut { .. }
            | TransportError::NotResolved { .. }
            | TransportError::Tls { .. }
            | TransportError::PlainHttp { .. }
            | TransportError::TooLarge { .. }
            | TransportError::Unsendable { .. }
            | TransportError::Other { .. } => Ending::Failed { why },
        }
    }
}

/// Why an endpoint cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The URL is not an HTTP URL that requests can be sent to.
    #[error("use {url}: not an http or https URL")]
    NotHttp {
        /// The URL without user information.
        url: String,
    },
    /// The URL has parts that an endpoint cannot have.
    #[error("use {url}: the URL of an endpoint has no query and no fragment")]
    Query {
        /// The URL without user information.
        url: String,
    },
    /// The bundle of certificate authorities cannot be read.
    #[error("read the certificates in {} (named by {variable}): {why}", .path.display())]
    CaBundle {
        /// The environment variable that names the file.
        variable: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The HTTP library could not be set up.
    #[error("set up the HTTP client: {why}")]
    Client {
        /// The reason.
        why: String,
    },
}
