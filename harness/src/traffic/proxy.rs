//! Passes requests of clients on to an endpoint, and shows what passes.
//!
//! Input: requests as they were received. Output: the answers of the endpoint, and each exchange to a channel, before
//! its client has the answer. Target, `Host`, body and all other headers arrive as they were signed; what concerns one
//! connection only is not passed on. An exchange goes on when its client gives up, so what it did is known.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use tokio::sync::mpsc;

use super::WatchedExchange;
use crate::endpoint::{AsyncHandler, Endpoint, StrayBytes, TransportError};
use crate::journal::CallInterval;
use crate::protocol::watched::{Seen, recognize};

/// Headers that concern one connection only (RFC 9110, 7.6.1).
const OF_A_CONNECTION: [HeaderName; 8] = [
    CONNECTION,
    EXPECT,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// A handler that passes requests on to this endpoint, and sends each exchange to `watched`.
pub fn handler(endpoint: Endpoint, watched: mpsc::Sender<WatchedExchange>) -> AsyncHandler {
    let proxy = Arc::new(Proxy {
        endpoint,
        watched,
        flights: Mutex::default(),
    });
    Arc::new(
        move |request| -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send>> {
            let exchange = tokio::spawn(Arc::clone(&proxy).exchange(request));
            Box::pin(async move {
                let outcome = exchange.await;
                outcome.unwrap_or_else(|_| no_answer("stopcheck proxy failed"))
            })
        },
    )
}

struct Proxy {
    endpoint: Endpoint,
    watched: mpsc::Sender<WatchedExchange>,
    flights: Mutex<Flights>,
}

/// The exchanges that are under way.
#[derive(Debug, Default)]
struct Flights {
    /// Counts beginnings and ends.
    clock: u64,
    /// For each, by its beginning, whether others overlapped with it.
    open: BTreeMap<u64, bool>,
}

impl Proxy {
    async fn exchange(self: Arc<Self>, request: Request<Bytes>) -> Response<Bytes> {
        let is_relevant = !matches!(recognize(&request, true), Seen::Other { may_change: false });
        let forwarded = forwarded(&request);
        let began = is_relevant.then(|| self.flights().begin());
        let at_ms = self.endpoint.now_ms();
        let outcome = self.endpoint.send(&forwarded).await;
        let took_ms = self.endpoint.now_ms().saturating_sub(at_ms);
        let rest = match &outcome {
            Ok(response) => StrayBytes::beside(response),
            Err(error) => error.received(),
        };
        let watched = WatchedExchange {
            request,
            is_complete: true,
            rest: rest.to_vec(),
            answer: match &outcome {
                Ok(response) => Ok(response.clone()),
                Err(error) => Err(error.ending(error.to_string())),
            },
            unjudged: None,
            at_ms,
            took_ms,
            interval: began.and_then(|began| self.flights().interval(began)),
        };
        // What comes next must not be judged before this. Without a receiver nobody wants to know.
        let _ = self.watched.send(watched).await;
        if let Some(began) = began {
            self.flights().end(began);
        }
        match outcome {
            Ok(mut response) => {
                without_connection(response.headers_mut());
                response
            }
            Err(error) => unanswered(&error),
        }
    }

    fn flights(&self) -> MutexGuard<'_, Flights> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flights {
    fn begin(&mut self) -> u64 {
        self.clock += 1;
        let overlaps = !self.open.is_empty();
        for other in self.open.values_mut() {
            *other = true;
        }
        self.open.insert(self.clock, overlaps);
        self.clock
    }

    /// The interval of an exchange that ends now; `None` if no other overlapped with it.
    fn interval(&mut self, began: u64) -> Option<CallInterval> {
        self.clock += 1;
        let overlaps = self.open.get(&began).is_some_and(|overlaps| *overlaps);
        overlaps.then_some(CallInterval {
            caller: 1,
            began,
            ended: Some(self.clock),
        })
    }

    fn end(&mut self, began: u64) {
        self.open.remove(&began);
    }
}

/// The request as the endpoint gets it. A client that takes this for a forward proxy sends the whole URL.
fn forwarded(request: &Request<Bytes>) -> Request<Bytes> {
    let mut forwarded = request.clone();
    without_connection(forwarded.headers_mut());
    let uri = request.uri();
    if let Some(authority) = uri.authority()
        && !request.headers().contains_key(HOST)
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        forwarded.headers_mut().insert(HOST, host);
    }
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    *forwarded.uri_mut() = target.parse().unwrap_or_else(|_| Uri::from_static("/"));
    forwarded
}

fn without_connection(headers: &mut HeaderMap) {
    for name in OF_A_CONNECTION {
        headers.remove(name);
    }
}

fn unanswered(error: &TransportError) -> Response<Bytes> {
    no_answer(&format!("stopcheck proxy could not {error}"))
}

/// The answer to a client if the endpoint gives none.
fn no_answer(message: &str) -> Response<Bytes> {
    let message = message.replace('&', "&amp;").replace('<', "&lt;");
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>BadGateway</Code>\
         <Message>{message}</Message></Error></Errors>\
         <RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>"
    );
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    let media = HeaderValue::from_static("text/xml;charset=UTF-8");
    response.headers_mut().insert(CONTENT_TYPE, media);
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::endpoint::{Handler, HttpOptions, serve, serve_async};
    use crate::journal::Ending;

    /// A proxy in front of this address, and what it shows.
    async fn proxy_of(upstream: &str) -> (String, mpsc::Receiver<WatchedExchange>) {
        let endpoint = Endpoint::http(HttpOptions {
            url: format!("http://{upstream}"),
            request_timeout: Duration::from_secs(3600),
            max_body: 1 << 20,
            connections: 4,
        });
        let (watched, inbox) = mpsc::channel(8);
        let handler = handler(endpoint.expect("the URL is good"), watched);
        let (listener, address) = listener().await;
        tokio::spawn(serve_async(listener, handler, std::future::pending()));
        (address, inbox)
    }

    async fn listener() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback can be bound");
        let address = listener.local_addr().expect("it is bound").to_string();
        (listener, address)
    }

    /// What a client gets for these bytes, to the end of the connection.
    async fn sent_to(address: &str, bytes: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(bytes.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it answers");
        answer
    }

    const STOP: &str = "Action=StopInstances&Version=2016-11-15&InstanceId.1=i-1";

    fn request() -> String {
        format!(
            "POST /base?x=%2F HTTP/1.1\r\nHost: signed.example:1\r\nConnection: close\r\nX-Mine: 1\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{STOP}",
            STOP.len()
        )
    }

    #[tokio::test]
    async fn a_request_arrives_as_it_was_signed_and_its_exchange_is_shown() {
        let echo: Handler = Arc::new(|request, _| {
            let text = format!("{:?} {:?} {:?}", request.uri(), request.headers(), request.body());
            Response::builder()
                .status(412)
                .header("X-Answer", "2")
                .body(text.into())
                .expect("it is valid")
        });
        let (upstream, address) = listener().await;
        tokio::spawn(serve(upstream, echo, std::future::pending()));
        let (proxy, mut inbox) = proxy_of(&address).await;
        let answer = sent_to(&proxy, &request()).await;
        assert!(
            answer.starts_with("HTTP/1.1 412 ") && answer.contains("x-answer: 2"),
            "{answer}"
        );
        for part in ["/base?x=%2F", "signed.example:1", "x-mine", STOP] {
            assert!(answer.contains(part), "{part}: {answer}");
        }
        let shown = inbox.recv().await.expect("it is shown");
        assert_eq!(shown.request.body(), STOP);
        assert_eq!(shown.answer.map(|answer| answer.status().as_u16()), Ok(412));
        assert_eq!((shown.interval, shown.unjudged), (None, None));
    }

    #[tokio::test]
    async fn an_endpoint_that_is_not_there_is_answered_for() {
        let (unused, address) = listener().await;
        drop(unused);
        let (proxy, mut inbox) = proxy_of(&address).await;
        let answer = sent_to(&proxy, &request()).await;
        assert!(
            answer.starts_with("HTTP/1.1 502 ") && answer.contains("connection refused"),
            "{answer}"
        );
        let shown = inbox.recv().await.expect("it is shown");
        assert!(matches!(shown.answer, Err(Ending::Failed { .. })));
    }

    #[test]
    fn exchanges_overlap_if_one_begins_before_another_has_ended() {
        let mut flights = Flights::default();
        let (first, second) = (flights.begin(), flights.begin());
        assert!(flights.interval(first).is_some());
        flights.end(first);
        assert!(flights.interval(second).is_some());
        flights.end(second);
        let third = flights.begin();
        assert!(flights.interval(third).is_none());
    }
}
