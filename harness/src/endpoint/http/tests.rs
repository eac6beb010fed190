use std::future::Future;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::*;
use crate::endpoint::Endpoint;

fn options(url: &str) -> HttpOptions {
    HttpOptions {
        url: url.to_owned(),
        // The servers of these tests answer or close, however busy the machine is.
        request_timeout: Duration::from_secs(3600),
        max_body: 64 * 1024,
        connections: 4,
    }
}

fn post(host: &str) -> Request<Bytes> {
    Request::post("/")
        .header("Host", host)
        .header("X-Odd", "a")
        .body("Action=StopInstances".into())
        .expect("the request is valid")
}

/// Sends one request to a server that runs `conduct` on each connection.
async fn against<F, S>(conduct: S) -> Result<Response<Bytes>, TransportError>
where
    F: Future<Output = ()> + Send + 'static,
    S: Fn(TcpStream) -> F + Send + 'static,
{
    against_within(options("").request_timeout, conduct).await
}

/// Like [`against`], with a time limit, for servers that neither answer nor close.
async fn against_within<F, S>(
    request_timeout: Duration,
    conduct: S,
) -> Result<Response<Bytes>, TransportError>
where
    F: Future<Output = ()> + Send + 'static,
    S: Fn(TcpStream) -> F + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback can be bound");
    let host = listener.local_addr().expect("it is bound").to_string();
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(conduct(stream));
        }
    });
    let options = HttpOptions {
        request_timeout,
        ..options(&format!("http://{host}"))
    };
    let endpoint = Endpoint::http(options).expect("the URL is good");
    let outcome = endpoint.send(&post(&host)).await;
    server.abort();
    outcome
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&seen).ends_with("Action=StopInstances") {
        match stream.read(&mut buffer).await {
            Ok(n) if n > 0 => seen.extend_from_slice(buffer.get(..n).unwrap_or_default()),
            _ => break,
        }
    }
    String::from_utf8_lossy(&seen).into_owned()
}

/// A server that reads the request, writes these bytes and closes.
async fn answered(bytes: &'static [u8]) -> Result<Response<Bytes>, TransportError> {
    against(move |mut stream| async move {
        read_request(&mut stream).await;
        let _ = stream.write_all(bytes).await;
    })
    .await
}

#[tokio::test]
async fn a_response_arrives_as_it_was_sent() {
    let response = answered(
        b"HTTP/1.1 412 Odd\r\nServer: a\r\nX-B: caf\xe9\r\nX-B: 2\r\nContent-Length: 3\r\n\r\n\xffab",
    )
    .await
    .expect("it is an answer");
    assert_eq!(
        (response.status().as_u16(), response.body().as_ref()),
        (412, b"\xffab".as_slice())
    );
    let values: Vec<_> = response.headers().get_all("X-B").iter().collect();
    assert_eq!(values, [b"caf\xe9".as_slice(), b"2"]);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let response =
        answered(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(response.map(|response| response.status().as_u16()), Ok(302));
}

#[tokio::test]
async fn a_request_leaves_with_the_host_that_was_signed_and_once() {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let outcome = against(move |mut stream| {
        let sender = sender.clone();
        async move {
            let _ = sender.send(read_request(&mut stream).await);
        }
    })
    .await;
    assert!(
        matches!(outcome, Err(TransportError::Closed { .. })),
        "{outcome:?}"
    );
    let seen = receiver.recv().await.expect("the server saw a request");
    assert!(seen.starts_with("POST / HTTP/1.1\r\nhost: 127.0.0.1:"), "{seen}");
    assert_eq!(seen.to_lowercase().matches("host:").count(), 1, "{seen}");
    assert!(seen.contains("content-length: 20\r\n"), "{seen}");
    assert!(
        receiver.try_recv().is_err(),
        "a request must never be repeated behind our back"
    );
}

#[tokio::test]
async fn nobody_there_is_told_from_a_closed_door() {
    // Nobody listens on the port of a bound socket, and nobody else can.
    let socket = TcpSocket::new_v4().expect("a socket can be made");
    socket
        .bind(([127, 0, 0, 1], 0).into())
        .expect("loopback can be bound");
    let host = socket.local_addr().expect("it is bound").to_string();
    let endpoint = Endpoint::http(options(&format!("http://{host}"))).expect("the URL is good");
    let error = endpoint.send(&post(&host)).await.expect_err("nobody listens");
    assert_eq!(
        error.to_string(),
        format!("connect to {host}: connection refused")
    );
    let closed = against(|stream| async move { drop(stream) }).await;
    assert!(matches!(closed, Err(TransportError::Closed { .. })), "{closed:?}");
}

#[tokio::test]
async fn a_server_that_resets_closes() {
    let reset = against(|mut stream| async move {
        read_request(&mut stream).await;
        let _ = stream.set_zero_linger();
    })
    .await;
    assert!(matches!(reset, Err(TransportError::Closed { .. })), "{reset:?}");
}

#[tokio::test]
async fn a_server_that_never_answers_or_trickles_runs_out_of_time() {
    let limit = Duration::from_millis(400);
    let silent = against_within(limit, |stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let silent = silent.expect_err("no answer is none").to_string();
    assert!(silent.ends_with(": timed out after 0.4 s"), "{silent}");
    let trickling = against_within(limit, |mut stream| async move {
        read_request(&mut stream).await;
        // The body is within the size limit, but would take twenty minutes.
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
            .await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(
        matches!(trickling, Err(TransportError::TimedOut { .. })),
        "{trickling:?}"
    );
}

#[tokio::test]
async fn a_body_without_end_is_too_large_announced_or_not() {
    let announced = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n").await;
    let text = announced.expect_err("too much is announced").to_string();
    assert!(text.ends_with("its body is larger than 1 MiB"), "{text}");
    let endless = against(|mut stream| async move {
        read_request(&mut stream).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            .await;
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    assert!(
        matches!(endless, Err(TransportError::TooLarge { .. })),
        "{endless:?}"
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_cut_short() {
    let outcome = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").await;
    assert!(
        matches!(outcome, Err(TransportError::CutShort { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn what_is_no_http_is_said_to_be_none() {
    for bytes in [
        b"220 mail ready\r\n\r\n".as_slice(),
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
    ] {
        let outcome = answered(bytes).await;
        assert!(
            matches!(outcome, Err(TransportError::InvalidHttp { .. })),
            "{bytes:?} {outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_server_without_tls_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback can be bound");
    let host = listener.local_addr().expect("it is bound").to_string();
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    // On a machine without certificate authorities, an https endpoint cannot be created.
    if let Ok(endpoint) = Endpoint::http(options(&format!("https://{host}"))) {
        let outcome = endpoint.send(&post(&host)).await;
        assert!(
            matches!(outcome, Err(TransportError::PlainHttp { .. })),
            "{outcome:?}"
        );
    }
    server.abort();
}

#[tokio::test]
async fn a_name_without_an_address_is_told() {
    let options = HttpOptions {
        request_timeout: Duration::from_millis(400),
        ..options("http://nobody.invalid")
    };
    let endpoint = Endpoint::http(options).expect("the URL is good");
    let outcome = endpoint.send(&post("nobody.invalid")).await;
    // On a machine without a resolver, the look-up times out instead.
    assert!(
        matches!(
            outcome,
            Err(TransportError::NotResolved { .. } | TransportError::TimedOut { .. })
        ),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn what_would_not_arrive_unchanged_is_not_sent() {
    let is_unsendable = async |url: &str, target: &str| {
        // On a machine without certificate authorities, an https endpoint cannot be created.
        let Ok(endpoint) = Endpoint::http(options(url)) else {
            return true;
        };
        let mut request = post("h");
        *request.uri_mut() = target.parse().expect("the target is valid");
        let outcome = endpoint.send(&request).await;
        matches!(outcome, Err(TransportError::Unsendable { .. }))
    };
    for target in ["x", "*", "http://other/", "user@other"] {
        for url in ["http://127.0.0.1:1", "https://127.0.0.1:1"] {
            assert!(is_unsendable(url, target).await, "{url} {target}");
        }
    }
    // Only a URL library changes these.
    for target in ["/a/../b", "/{a}"] {
        assert!(is_unsendable("https://127.0.0.1:1", target).await, "{target}");
        assert!(!is_unsendable("http://127.0.0.1:1", target).await, "{target}");
    }
}

#[test]
fn an_endpoint_is_named_without_user_information_and_keeps_its_base_path() {
    let endpoint = Endpoint::http(options("HTTP://user:pass@LocalHost:80/ec2/")).expect("the URL is good");
    assert_eq!(endpoint.name(), "http://localhost/ec2/");
    let target = endpoint.target("eu-west-1");
    assert_eq!(
        (target.host.as_str(), target.path.as_str()),
        ("localhost", "/ec2/")
    );
    let plain = Endpoint::http(options("http://[::1]:5000")).expect("the URL is good");
    assert_eq!(plain.name(), "http://[::1]:5000");
    assert_eq!(plain.target("r").host, "[::1]:5000");
}

#[test]
fn what_is_no_endpoint_is_refused_without_its_password() {
    let message = |url: &str| {
        Endpoint::http(options(url))
            .map(|_| ())
            .expect_err("it is no endpoint")
            .to_string()
    };
    assert_eq!(message("ftp://u:p@h/"), "use ftp://h/: not an http or https URL");
    assert_eq!(
        message("u:p@localhost:5000"),
        "use localhost:5000: not an http or https URL"
    );
    for url in [
        "",
        "localhost",
        "http://",
        "https://u:p@",
        "http://[::1",
        "http://h:99999",
        "/",
    ] {
        assert!(message(url).ends_with(": not an http or https URL"), "{url}");
    }
    assert_eq!(
        message("http://h/?a=b"),
        "use http://h/?a=b: the URL of an endpoint has no query and no fragment"
    );
}

#[test]
fn amazons_own_hosts_are_known_in_any_spelling() {
    for url in [
        "https://ec2.us-east-1.amazonaws.com",
        "https://EC2.US-EAST-1.AMAZONAWS.COM./",
        "http://u:p@ec2.cn-north-1.amazonaws.com.cn:8443/x",
        "https://ec2.eu-west-1.api.aws",
        "https://amazonaws.com",
        "https://ec2.us-east-1.amazonaws%2ecom/",
        "https://ec2.amazonaws.com..",
        "ec2.us-east-1.amazonaws.com",
        "ec2.us-east-1.amazonaws.com:443",
        " https://ec2.amazonaws.com ",
        "https://ec2-fips.us-east-1.amazonaws.com",
        "https://ec2.us-isob-east-1.sc2s.sgov.gov/",
        "ec2.us-iso-east-1.api.aws.ic.gov",
        "https://vpce-0a1b2c3d-4e5f.ec2.us-east-1.vpce.amazonaws.com",
    ] {
        assert!(looks_like_aws(url), "{url}");
    }
    for url in [
        "http://127.0.0.1:5000",
        "https://amazonaws.com.example.org",
        "https://notamazonaws.com",
        "https://example.org/amazonaws.com",
        "https://amazonaws.com@example.org/",
        "https://localhost.localstack.cloud:4566",
        "http://myaws",
        "",
    ] {
        assert!(!looks_like_aws(url), "{url}");
    }
}

#[test]
fn a_bundle_of_certificates_is_read_or_named_as_the_fault() {
    let folder = tempfile::tempdir().expect("a scratch folder can be made");
    let path = folder.path().join("ca.pem");
    fs::write(&path, "no certificate").expect("the folder is ours");
    let message = |wanted: &'static str, path: PathBuf| {
        let bundle = ca_bundle(|name| (name == wanted).then(|| path.clone().into()));
        bundle
            .map(|_| ())
            .expect_err("there is no certificate")
            .to_string()
    };
    let text = message("AWS_CA_BUNDLE", path);
    assert!(
        text.ends_with("ca.pem (named by AWS_CA_BUNDLE): it holds no PEM certificate"),
        "{text}"
    );
    let text = message("SSL_CERT_FILE", folder.path().join("missing.pem"));
    assert!(text.contains("missing.pem (named by SSL_CERT_FILE): "), "{text}");
    assert!(ca_bundle(|_| None).is_ok_and(|bundle| bundle.is_empty()));
    assert!(ca_bundle(|_| Some(OsString::new())).is_ok_and(|bundle| bundle.is_empty()));
}
