//! HTTP.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::endpoint::{EndpointError, TransportError};
use crate::wire::{Request, Response};

/// How to reach an endpoint.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Its URL, base path included.
    pub url: String,
    /// The longest that one exchange may take, connection and body included.
    pub request_timeout: Duration,
    /// The longest body in bytes.
    pub max_body: usize,
    /// How many idle connections are kept.
    pub connections: usize,
}

/// An endpoint behind a URL.
#[derive(Debug, Clone)]
pub struct Http {
    name: String,
    host: String,
    path: String,
}

impl Http {
    pub(super) fn new(options: HttpOptions) -> Result<Self, EndpointError> {
        Ok(Http {
            name: options.url,
            host: String::new(),
            path: String::new(),
        })
    }

    pub(super) async fn send(&self, _request: &Request) -> Result<Response, TransportError> {
        Err(TransportError::Closed {
            host: self.host.clone(),
        })
    }

    pub(super) fn address(&self) -> (&str, &str) {
        (&self.host, &self.path)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// The system's clock.
pub(super) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}

/// Whether a URL points at Amazon's own service.
pub fn looks_like_aws(url: &str) -> bool {
    url.contains("amazonaws.com")
}
