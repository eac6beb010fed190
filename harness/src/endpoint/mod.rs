//! Sends requests to the embedded reference or over HTTP, and returns the responses unchanged.
//!
//! An endpoint is cheap to clone. It has a clock: that of the reference is virtual and moves only when something is
//! sent or waited for, so a run on the reference takes no time and is the same every time.

mod aws_hosts;
mod error;
pub mod guard;
mod http;
mod in_process;
mod plain_http;
mod raw;
mod simulated;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ::http::{Request, Response};
use bytes::Bytes;

pub use error::{EndpointError, TransportError};
pub use guard::{Blocked, Ledger, check, check_raw};
pub use http::{Http, HttpOptions, is_loopback, looks_like_aws, sts_url};
pub use in_process::InProcess;
pub use plain_http::{
    StrayBytes,
    serve::{serve, serve_async},
};
pub use raw::{RawLimits, RawResponse, converse, raw_address};
pub use simulated::Simulated;

use crate::protocol::RequestTarget;

/// A service in this process: a request and the time in milliseconds come in, a response goes out.
pub type Handler = Arc<dyn Fn(&Request<Bytes>, u64) -> Response<Bytes> + Send + Sync>;

/// Like [`Handler`], for a service that waits for something; it takes the time itself.
pub type AsyncHandler =
    Arc<dyn Fn(Request<Bytes>) -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send>> + Send + Sync>;

/// Like [`Handler`], for an unsigned request: also gets the access key that would have signed it.
pub type Vouched = Arc<dyn Fn(&Request<Bytes>, &str, u64) -> Response<Bytes> + Send + Sync>;

/// A service in this process, and whether it trusts unsigned requests from this process.
#[derive(Clone)]
pub struct Service {
    /// Answers requests as they are.
    pub handler: Handler,
    /// Answers requests that this process could have signed correctly, but did not: signing is most of the cost of a
    /// call within a process. `None` if the service requires every request to be signed.
    pub vouched: Option<Vouched>,
}

impl From<Handler> for Service {
    fn from(handler: Handler) -> Self {
        Service {
            handler,
            vouched: None,
        }
    }
}

/// Where requests are sent.
#[derive(Debug, Clone)]
pub enum Endpoint {
    /// A service in this process, fresh and with a clock of its own for each case.
    InProcess(InProcess),
    /// A service in this process that all cases share, by the clock of the runtime.
    Simulated(Simulated),
    /// A service behind a URL.
    Http(Http),
}

impl Endpoint {
    /// A service in this process; `make` returns a fresh one for the case of this name.
    pub fn in_process(make: Arc<dyn Fn(&str) -> Handler + Send + Sync>) -> Endpoint {
        Endpoint::trusting(Arc::new(move |case| make(case).into()))
    }

    /// Like [`in_process`](Endpoint::in_process), for a service that may trust unsigned requests from this process.
    pub fn trusting(make: Arc<dyn Fn(&str) -> Service + Send + Sync>) -> Endpoint {
        Endpoint::InProcess(InProcess::new(make))
    }

    /// A service in this process that all cases share. Each request takes this long by the clock of the runtime, which
    /// may be paused.
    pub fn simulated(handler: Handler, latency: Duration) -> Endpoint {
        Endpoint::Simulated(Simulated::new(handler, latency))
    }

    /// A service behind a URL.
    pub fn http(options: HttpOptions) -> Result<Endpoint, EndpointError> {
        Http::new(options).map(Endpoint::Http)
    }

    /// The endpoint of a case: for the reference a fresh service and a fresh clock, over HTTP the same one.
    pub fn for_case(&self, case: &str) -> Endpoint {
        match self {
            Endpoint::InProcess(service) => Endpoint::InProcess(service.for_case(case)),
            Endpoint::Simulated(service) => Endpoint::Simulated(service.clone()),
            Endpoint::Http(http) => Endpoint::Http(http.clone()),
        }
    }

    /// Whether this is a service in this process, which is fresh and has a separate clock for each case.
    pub fn is_in_process(&self) -> bool {
        match self {
            Endpoint::InProcess(_) => true,
            Endpoint::Simulated(_) | Endpoint::Http(_) => false,
        }
    }

    /// Sends a request unchanged and returns the response unchanged.
    pub async fn send(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        match self {
            Endpoint::InProcess(service) => service.send(request),
            Endpoint::Simulated(service) => Ok(service.send(request).await),
            Endpoint::Http(http) => http.send(request).await,
        }
    }

    /// Sends an unsigned request that the holder of this access key could have signed correctly, if the service trusts
    /// this process. Returns `None` if it does not.
    pub fn vouch(&self, request: &Request<Bytes>, access_key: &str) -> Option<Response<Bytes>> {
        match self {
            Endpoint::InProcess(service) => service.vouch(request, access_key),
            Endpoint::Simulated(_) | Endpoint::Http(_) => None,
        }
    }

    /// Milliseconds since 1970-01-01 UTC, by the endpoint's clock.
    pub fn now_ms(&self) -> u64 {
        match self {
            Endpoint::InProcess(service) => service.now_ms(),
            Endpoint::Simulated(service) => service.now_ms(),
            Endpoint::Http(_) => http::now_ms(),
        }
    }

    /// Waits by the endpoint's clock; a virtual clock advances at once.
    pub async fn pause(&self, span: Duration) {
        match self {
            Endpoint::InProcess(service) => service.advance(span),
            Endpoint::Simulated(_) | Endpoint::Http(_) => tokio::time::sleep(span).await,
        }
    }

    /// The host, path and Region that requests to this endpoint are addressed to.
    pub fn target(&self, region: &str) -> RequestTarget {
        let (host, path) = match self {
            Endpoint::InProcess(_) | Endpoint::Simulated(_) => ("localhost", "/"),
            Endpoint::Http(http) => http.address(),
        };
        RequestTarget {
            host: host.to_owned(),
            path: path.to_owned(),
            region: region.to_owned(),
        }
    }

    /// `reference`, or the URL without user information.
    pub fn name(&self) -> String {
        match self {
            Endpoint::InProcess(_) | Endpoint::Simulated(_) => "reference".to_owned(),
            Endpoint::Http(http) => http.name().to_owned(),
        }
    }
}
