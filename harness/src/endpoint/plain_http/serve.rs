//! Serves a handler on a port, so that real clients can use the reference as a mock.
//!
//! Receives requests over HTTP/1.1, passes them to the handler with the system's time, and sends the responses. A
//! client that sends too much, too slowly or something other than HTTP costs a bounded amount of memory and time. This
//! and its sibling are the only files that use hyper.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Body as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Full, Incoming, TokioIo};
use crate::endpoint::http::now_ms;
use crate::endpoint::{AsyncHandler, Handler};

/// A body of unknown length, in chunks.
const CHUNKED: HeaderValue = HeaderValue::from_static("chunked");

/// The longest request body.
const MAX_BODY: usize = 2 << 20;

/// How long a client may take for the head of a request, and again for its body.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long open exchanges may continue after a stop was requested.
const GRACE: Duration = Duration::from_secs(5);

/// The most connections at once; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 4096;

/// Serves a handler until `stop` is ready. Then it accepts no more connections, finishes open exchanges, and drops
/// those that are still open after a few seconds.
pub async fn serve(
    listener: TcpListener,
    handler: Handler,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    serve_with_grace(listener, at_once(handler), stop, GRACE).await
}

/// Like [`serve`], for a handler that waits for something.
pub async fn serve_async(
    listener: TcpListener,
    handler: AsyncHandler,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    serve_with_grace(listener, handler, stop, GRACE).await
}

fn at_once(handler: Handler) -> AsyncHandler {
    Arc::new(move |request| {
        let response = handler(&request, now_ms());
        Box::pin(std::future::ready(response))
    })
}

async fn serve_with_grace(
    listener: TcpListener,
    handler: AsyncHandler,
    stop: impl Future<Output = ()>,
    grace: Duration,
) -> io::Result<()> {
    let mut stop = pin!(stop);
    let (stopping, stopped) = watch::channel(());
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((stream, slot)) = accepted else { break };
        let (handler, stopped) = (Arc::clone(&handler), stopped.clone());
        connections.spawn(async move {
            converse(stream, handler, stopped).await;
            drop(slot);
        });
    }
    drop((listener, stopping));
    let finished = async { while connections.join_next().await.is_some() {} };
    // Dropping the set aborts the tasks that are left in it.
    let _ = timeout(grace, finished).await;
    Ok(())
}

/// The next connection and its slot; `None` if no slot will ever be free again.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Some((stream, slot)),
            // The client gave up before its connection was accepted, or no file descriptor was left: both pass.
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Serves one connection until either side ends it.
async fn converse(stream: TcpStream, handler: AsyncHandler, mut stopped: watch::Receiver<()>) {
    // Answers are small, so waiting to fill a packet would only cost time. If this fails, they still arrive.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let handler = Arc::clone(&handler);
        async move { Ok::<_, Infallible>(answer(request, &handler).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // How a connection ended matters to the client only.
    tokio::select! {
        _ = connection.as_mut() => {}
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn answer(request: Request<Incoming>, handler: &AsyncHandler) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let too_large = || {
        refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            "The request is larger than 2 MiB.",
        )
    };
    // If the announced body is too large, do not wait for it.
    if usize::try_from(body.size_hint().lower()).map_or(true, |length| length > MAX_BODY) {
        return too_large();
    }
    let body = match timeout(READ_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return too_large(),
        Ok(Err(_)) => {
            let message = "The request body could not be read.";
            return refusal(StatusCode::BAD_REQUEST, "IncompleteBody", message);
        }
        Err(_) => {
            let message = "The request body did not arrive in time.";
            return refusal(StatusCode::REQUEST_TIMEOUT, "RequestTimeout", message);
        }
    };
    to_hyper(handler(Request::from_parts(head, body)).await)
}

/// The answer to a request that did not reach the handler. The rest of the request is not read, so the connection is
/// closed.
fn refusal(status: StatusCode, code: &str, message: &str) -> Response<Full<Bytes>> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code>\
         <Message>{message}</Message></Error></Errors>\
         <RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>"
    );
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml;charset=UTF-8"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    to_hyper(response)
}

/// Converts a response. The connection sets the length headers, unless the handler wants the body in chunks.
fn to_hyper(mut response: Response<Bytes>) -> Response<Full<Bytes>> {
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    if headers
        .remove(TRANSFER_ENCODING)
        .is_some_and(|coding| coding == CHUNKED)
    {
        headers.insert(TRANSFER_ENCODING, CHUNKED);
    }
    response.map(Full::new)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::oneshot;

    use super::*;
    use crate::endpoint::{Endpoint, HttpOptions};

    /// Repeats the request in the body of the answer.
    fn echo() -> Handler {
        Arc::new(|request, now_ms| {
            assert!(now_ms > 1_700_000_000_000, "the time is the system's");
            let mut body = format!("{} {}\n", request.method(), request.uri()).into_bytes();
            body.extend(request.body());
            Response::builder()
                .status(412)
                .header("X-Echo", "é".as_bytes())
                .header("Content-Length", "1")
                .header("X-Echo", "2")
                .body(body.into())
                .expect("the response is valid")
        })
    }

    /// Starts a server. Returns its address, a channel that stops it, and its task.
    async fn started(
        handler: Handler,
        grace: Duration,
    ) -> (
        String,
        oneshot::Sender<()>,
        tokio::task::JoinHandle<io::Result<()>>,
    ) {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback can be bound");
        let host = listener.local_addr().expect("it is bound").to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve_with_grace(
            listener,
            at_once(handler),
            async {
                let _ = stopped.await;
            },
            grace,
        ));
        (host, stop, server)
    }

    fn endpoint(host: &str) -> Endpoint {
        Endpoint::http(HttpOptions {
            url: format!("http://{host}"),
            request_timeout: Duration::from_secs(3600),
            max_body: 8 << 20,
            connections: 8,
        })
        .expect("the URL is good")
    }

    fn request(method: &str, target: &str, body: Vec<u8>) -> Request<Bytes> {
        Request::builder()
            .method(method)
            .uri(target)
            .body(body.into())
            .expect("the request is valid")
    }

    #[tokio::test]
    async fn a_request_and_its_response_survive_the_round_trip() {
        let (host, stop, server) = started(echo(), GRACE).await;
        let endpoint = endpoint(&host);
        let post = request("POST", "/a%2Fb?x=%41&y=+", b"k=\xff".to_vec());
        let response = endpoint.send(&post).await.expect("it answers");
        assert_eq!(
            (response.status().as_u16(), response.body().as_ref()),
            (412, b"POST /a%2Fb?x=%41&y=+\nk=\xff".as_slice())
        );
        let echoed: Vec<_> = response.headers().get_all("x-echo").iter().collect();
        assert_eq!(echoed, ["é".as_bytes(), b"2"]);
        let head = endpoint
            .send(&request("HEAD", "/", Vec::new()))
            .await
            .expect("it answers");
        assert_eq!((head.status().as_u16(), head.body().len()), (412, 0));
        let _ = stop.send(());
        assert!(server.await.expect("the server does not panic").is_ok());
    }

    #[tokio::test]
    async fn many_clients_are_served_at_once() {
        let (host, stop, server) = started(echo(), GRACE).await;
        let endpoint = endpoint(&host);
        let clients: Vec<_> = (0..200)
            .map(|i| {
                let endpoint = endpoint.clone();
                tokio::spawn(
                    async move { endpoint.send(&request("GET", &format!("/{i}"), Vec::new())).await },
                )
            })
            .collect();
        for client in clients {
            assert!(client.await.expect("no client panics").is_ok());
        }
        let _ = stop.send(());
        assert!(server.await.expect("the server does not panic").is_ok());
    }

    #[tokio::test]
    async fn the_longest_body_passes_and_a_longer_one_is_refused_in_xml() {
        let (host, _stop, _server) = started(echo(), GRACE).await;
        let endpoint = endpoint(&host);
        let good = endpoint
            .send(&request("POST", "/", vec![b'x'; MAX_BODY]))
            .await
            .expect("it answers");
        assert_eq!(good.status(), 412);
        let announced = format!("Content-Length: {}\r\n\r\n", MAX_BODY + 1);
        let in_chunks = format!(
            "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{}",
            MAX_BODY + 1,
            "x".repeat(MAX_BODY + 1)
        );
        for rest in [announced, in_chunks] {
            let mut stream = TcpStream::connect(&host).await.expect("it listens");
            let message = format!("POST / HTTP/1.1\r\nHost: h\r\n{rest}");
            stream.write_all(message.as_bytes()).await.expect("it reads");
            // The server answers without waiting for more; after waiting in vain it would answer with another status.
            let (mut answer, mut buffer) = (String::new(), [0; 1024]);
            while !answer.contains("</Response>") {
                let read = stream.read(&mut buffer).await.expect("it answers");
                assert!(read > 0, "the answer is cut: {answer}");
                answer += &String::from_utf8_lossy(buffer.get(..read).unwrap_or_default());
            }
            assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
            assert!(answer.contains("<Code>RequestEntityTooLarge</Code>"), "{answer}");
        }
    }

    #[tokio::test]
    async fn a_body_is_sent_in_chunks_if_the_handler_wants_that() {
        for (coding, chunked) in [("chunked", true), ("gzip", false)] {
            let handler: Handler = Arc::new(move |_, _| {
                let mut response = Response::new(Bytes::from_static(b"abc"));
                let headers = response.headers_mut();
                headers.insert(TRANSFER_ENCODING, HeaderValue::from_static(coding));
                response
            });
            let (host, stop, server) = started(handler, GRACE).await;
            let mut stream = TcpStream::connect(&host).await.expect("it listens");
            let message = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
            stream.write_all(message).await.expect("it reads");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("it answers");
            assert_eq!(
                answer.contains("\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
                chunked,
                "{answer}"
            );
            assert_eq!(answer.contains("content-length: 3"), !chunked, "{answer}");
            let _ = stop.send(());
            assert!(server.await.expect("the server does not panic").is_ok());
        }
    }

    #[tokio::test]
    async fn a_handler_that_panics_costs_one_connection_and_not_the_server() {
        let handler: Handler = Arc::new(|request, _| {
            assert_ne!(request.uri(), "/panic", "as the test wants it");
            Response::new(Bytes::new())
        });
        let (host, stop, server) = started(handler, GRACE).await;
        let endpoint = endpoint(&host);
        assert!(
            endpoint
                .send(&request("GET", "/panic", Vec::new()))
                .await
                .is_err()
        );
        assert!(endpoint.send(&request("GET", "/", Vec::new())).await.is_ok());
        let _ = stop.send(());
        assert!(server.await.expect("the server does not panic").is_ok());
    }

    #[tokio::test]
    async fn stopping_does_not_wait_for_idle_connections() {
        // If it waited, this test would not end.
        let (host, stop, server) = started(echo(), Duration::MAX).await;
        let mut idle = TcpStream::connect(&host).await.expect("it listens");
        // A request makes sure that the server has accepted the connection before it is stopped.
        let message = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
        idle.write_all(message).await.expect("it reads");
        let read = idle.read(&mut [0; 1024]).await.expect("it answers");
        assert!(read > 0, "it answers");
        let _ = stop.send(());
        assert!(server.await.expect("the server does not panic").is_ok());
        drop(idle);
    }
}
