use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::*;

/// What a server does with its answers: the bytes for each request of a connection, from 1. A connection whose bytes are
/// `None` is closed.
type Answers = fn(connection: usize, request: usize) -> Option<&'static [u8]>;

/// A server on loopback, and a client for it.
struct Server {
    client: RecordingClient,
    connections: Arc<AtomicUsize>,
    /// Receives a message when the server has written an answer, and one when it has closed a connection.
    done: tokio::sync::mpsc::UnboundedReceiver<()>,
}

async fn server(answers: Answers) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback can be bound");
    let address = listener.local_addr().expect("it is bound");
    let connections = Arc::<AtomicUsize>::default();
    let (sender, done) = unbounded_channel();
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = count.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::spawn(serve(stream, connection, answers, sender.clone()));
        }
    });
    let client = RecordingClient {
        host: address.to_string(),
        port: address.port(),
        request_timeout: Duration::from_secs(3600),
        max_body: 64 << 10,
        max_idle: 4,
        idle: IdleConnections::default(),
    };
    Server {
        client,
        connections,
        done,
    }
}

async fn serve(mut stream: TcpStream, connection: usize, answers: Answers, done: UnboundedSender<()>) {
    let mut request = 0;
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => seen.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            _ => return,
        }
        if !seen.ends_with(b"Action=StopInstances") {
            continue;
        }
        seen.clear();
        request += 1;
        let Some(bytes) = answers(connection, request) else {
            break;
        };
        let _ = stream.write_all(bytes).await;
        let _ = done.send(());
    }
    drop(stream);
    let _ = done.send(());
}

impl Server {
    async fn send(&mut self) -> Result<Response<Bytes>, TransportError> {
        let request = Request::post("/").body(Bytes::from("Action=StopInstances"));
        let outcome = self.client.send(&request.expect("the request is valid")).await;
        let _ = self.done.recv().await;
        outcome
    }

    /// Sends a request that must be answered; returns the body, and the stray bytes.
    async fn answered(&mut self) -> (Bytes, Vec<u8>) {
        let response = self.send().await.expect("it is answered");
        let stray = response.extensions().get::<StrayBytes>().cloned();
        (
            response.into_body(),
            stray.map(|stray| stray.0).unwrap_or_default(),
        )
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_hundred_requests_use_one_connection() {
    let mut server = server(|_, _| Some(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab")).await;
    for _ in 0..100 {
        assert_eq!(server.answered().await, (Bytes::from("ab"), Vec::new()));
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn bytes_behind_an_answer_are_reported_and_the_connection_is_not_used_again() {
    let length: Answers = |_, _| Some(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc");
    let chunks: Answers = |_, _| {
        Some(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nHTTP/1.1 500 X\r\n\r\n",
        )
    };
    for (answers, stray) in [(length, b"bc".as_slice()), (chunks, b"HTTP/1.1 500 X\r\n\r\n")] {
        let mut server = server(answers).await;
        for connections in 1..=2 {
            assert_eq!(server.answered().await, (Bytes::from("a"), stray.to_vec()));
            assert_eq!(server.connections(), connections);
        }
    }
}

#[tokio::test]
async fn what_a_server_may_send_on_its_own_is_not_stray() {
    let line_ends: Answers = |_, _| Some(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na\r\n\r\n");
    let timeout: Answers = |_, _| {
        Some(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 408 T\r\nContent-Length: 0\r\n\r\n")
    };
    let closes: Answers = |_, _| None;
    for answers in [line_ends, timeout] {
        let mut server = server(answers).await;
        for _ in 0..3 {
            assert_eq!(server.answered().await, (Bytes::from("a"), Vec::new()));
        }
    }
    let mut server = server(closes).await;
    assert!(matches!(server.send().await, Err(TransportError::Closed { .. })));
}

#[tokio::test]
async fn an_error_has_the_bytes_that_came() {
    for (answers, received) in [
        (
            (|_, request| {
                (request == 1).then_some(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nab".as_slice())
            }) as Answers,
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nab".as_slice(),
        ),
        (
            |_, request| (request == 1).then_some(b"\x16\x03SSH".as_slice()),
            b"\x16\x03SSH",
        ),
    ] {
        let mut server = server(answers).await;
        let error = server.send().await.expect_err("it is no answer");
        assert!(matches!(error, TransportError::InvalidHttp { .. }), "{error:?}");
        assert_eq!(error.received(), received);
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_replaced() {
    let answers: Answers = |_, _| Some(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na");
    let mut server = server(answers).await;
    for connections in 1..=3 {
        assert_eq!(server.answered().await.0, "a");
        assert_eq!(server.connections(), connections);
    }
}
