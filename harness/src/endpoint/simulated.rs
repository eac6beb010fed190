//! A service in this process that all cases share, by the clock of the tokio runtime.
//!
//! Where that clock is paused (`tokio::time::pause`), it moves on to the next moment at which a task has something to
//! do. So a run takes no time, and yet its cases wait for the service, overlap and share limits as they do over HTTP.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tokio::time::{Instant, sleep};

use super::Handler;
use super::in_process::START_MS;

/// A service in this process, by the clock of the runtime. Clones share it.
#[derive(Clone)]
pub struct Simulated {
    handler: Handler,
    begun: Instant,
    /// From a request to its answer.
    latency: Duration,
}

impl Simulated {
    pub(super) fn new(handler: Handler, latency: Duration) -> Self {
        Simulated {
            handler,
            begun: Instant::now(),
            latency,
        }
    }

    /// The service sees the request half-way between the call and its answer.
    pub(super) async fn send(&self, request: &Request<Bytes>) -> Response<Bytes> {
        sleep(self.latency / 2).await;
        let response = (self.handler)(request, self.now_ms());
        sleep(self.latency / 2).await;
        response
    }

    pub(super) fn now_ms(&self) -> u64 {
        let elapsed_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        START_MS.saturating_add(elapsed_ms)
    }
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulated")
            .field("now_ms", &self.now_ms())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::endpoint::Endpoint;

    #[tokio::test(start_paused = true)]
    async fn requests_overlap_and_take_their_time_by_a_clock_that_is_paused() {
        let handler: Handler = Arc::new(|_, now_ms| Response::new((now_ms - START_MS).to_string().into()));
        let endpoint = Endpoint::simulated(handler, Duration::from_millis(100));
        let request = Request::new(Bytes::new());
        let other = endpoint.clone();
        let (one, two) = tokio::join!(endpoint.send(&request), async {
            other.pause(Duration::from_secs(3_600)).await;
            other.send(&request).await
        });
        let body = |answer: Result<Response<Bytes>, _>| answer.map(Response::into_body);
        assert_eq!(body(one), Ok(Bytes::from_static(b"50")));
        assert_eq!(body(two), Ok(Bytes::from_static(b"3600050")));
        assert_eq!(endpoint.now_ms(), START_MS + 3_600_100);
    }
}
