//! A service in this process, with its own clock.
//!
//! The clock is virtual: it starts at the same moment for every case and moves only when something is sent or waited
//! for. So a run spends no time waiting, and two runs of the same plan are the same byte for byte.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Request, Response};

use crate::endpoint::{Service, StrayBytes, TransportError};

/// 2026-01-01T00:00:00Z, when every virtual clock starts.
pub(super) const START_MS: u64 = 1_767_225_600_000;

/// A service in this process. Clones share the service and the clock.
#[derive(Clone)]
pub struct InProcess {
    make: Arc<dyn Fn(&str) -> Service + Send + Sync>,
    service: Service,
    clock_ms: Arc<AtomicU64>,
}

impl InProcess {
    pub(super) fn new(make: Arc<dyn Fn(&str) -> Service + Send + Sync>) -> Self {
        let service = make("");
        InProcess {
            make,
            service,
            clock_ms: Arc::new(AtomicU64::new(START_MS)),
        }
    }

    pub(super) fn for_case(&self, case: &str) -> Self {
        InProcess {
            make: Arc::clone(&self.make),
            service: (self.make)(case),
            clock_ms: Arc::new(AtomicU64::new(START_MS)),
        }
    }

    /// Each request takes one virtual millisecond, so no two of them happen at the same time. The answer is read as an
    /// HTTP client reads it: a body is as long as announced, and one that ends before is an error.
    pub(super) fn send(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let mut response = (self.service.handler)(request, self.tick());
        let announced = response.headers().get(CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse().ok());
        if let Some(announced) = announced {
            if announced > response.body().len() {
                return Err(TransportError::CutShort {
                    host: "reference".to_owned(),
                    why: "end of file before message length reached".to_owned(),
                    received: Vec::new(),
                });
            }
            let behind = response.body_mut().split_off(announced);
            if let Some(stray) = StrayBytes::of(behind.to_vec()) {
                response.extensions_mut().insert(stray);
            }
        }
        Ok(response)
    }

    pub(super) fn vouch(&self, request: &Request<Bytes>, access_key: &str) -> Option<Response<Bytes>> {
        let vouched = self.service.vouched.as_ref()?;
        Some(vouched(request, access_key, self.tick()))
    }

    fn tick(&self) -> u64 {
        self.clock_ms.fetch_add(1, Ordering::SeqCst).saturating_add(1)
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.clock_ms.load(Ordering::SeqCst)
    }

    pub(super) fn advance(&self, span: Duration) {
        let span_ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        // A pause beyond the range of the clock ends at its last moment, instead of wrapping around to a moment before
        // the pause.
        let _ = self
            .clock_ms
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now_ms| {
                Some(now_ms.saturating_add(span_ms).min(LAST_MS))
            });
    }
}

/// 9999-12-31T23:59:59Z: later moments have no four-digit year, which signatures need.
const LAST_MS: u64 = 253_402_300_799_000;

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess")
            .field("now_ms", &self.now_ms())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Endpoint;

    /// Answers with its case, the number of earlier requests, and the time.
    fn endpoint() -> Endpoint {
        Endpoint::in_process(Arc::new(|case| {
            let case = case.to_owned();
            let asked = AtomicU64::new(0);
            Arc::new(move |_, now_ms| {
                let count = asked.fetch_add(1, Ordering::SeqCst);
                let body = format!("{case} {count} {}", now_ms - START_MS);
                Response::new(body.into())
            })
        }))
    }

    async fn ask(endpoint: &Endpoint) -> String {
        let request = Request::new(Bytes::new());
        let response = endpoint.send(&request).await.expect("nothing can come between");
        String::from_utf8_lossy(response.body()).into_owned()
    }

    #[tokio::test]
    async fn each_case_has_a_service_and_a_clock_of_its_own() {
        let endpoint = endpoint();
        let (a, b) = (endpoint.for_case("a"), endpoint.for_case("b"));
        assert_eq!(
            (ask(&a).await.as_str(), ask(&a).await.as_str()),
            ("a 0 1", "a 1 2")
        );
        assert_eq!(ask(&b).await, "b 0 1");
        assert_eq!(ask(&a.clone()).await, "a 2 3", "a clone is the same service");
    }

    #[tokio::test]
    async fn a_body_is_as_long_as_announced() {
        let announcing = |length: &'static str| {
            let endpoint = Endpoint::in_process(Arc::new(move |_| {
                Arc::new(move |_, _| {
                    let mut response = Response::new(Bytes::from_static(b"abc"));
                    let length = http::HeaderValue::from_static(length);
                    response.headers_mut().insert(CONTENT_LENGTH, length);
                    response
                })
            }));
            async move { endpoint.send(&Request::new(Bytes::new())).await }
        };
        let body = |sent: Result<Response<Bytes>, TransportError>| sent.map(Response::into_body);
        assert_eq!(body(announcing("3").await), Ok(Bytes::from_static(b"abc")));
        assert_eq!(body(announcing("2").await), Ok(Bytes::from_static(b"ab")));
        let cut = announcing("4").await;
        assert!(matches!(cut, Err(TransportError::CutShort { .. })), "{cut:?}");
    }

    #[tokio::test]
    async fn a_pause_takes_no_time_and_moves_the_clock() {
        let case = endpoint().for_case("a");
        case.pause(Duration::from_secs(600)).await;
        assert_eq!(case.now_ms(), START_MS + 600_000);
        assert_eq!(ask(&case).await, "a 0 600001");
        case.pause(Duration::MAX).await;
        assert_eq!(case.now_ms(), LAST_MS);
    }

    #[test]
    fn the_reference_is_named_and_addressed() {
        let target = endpoint().target("eu-west-1");
        assert_eq!((target.host.as_str(), target.path.as_str()), ("localhost", "/"));
        assert_eq!(
            (target.region.as_str(), endpoint().name().as_str()),
            ("eu-west-1", "reference")
        );
    }
}
