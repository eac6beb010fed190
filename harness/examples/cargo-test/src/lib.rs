//! A mock of EC2 on a loopback port, as an example of a server that is judged by its own tests.
//!
//! What it answers comes from `ec2-reference`; a mock of one's own has its logic there. It can make one mistake, so that
//! a test can show what is reported of it.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use ec2_reference::{Config, Delays, Reference, keys};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

/// The longest request body, in bytes.
const LONGEST_BODY: usize = 1 << 20;

/// The credentials that the mock accepts: an access key id and a secret.
pub const CREDENTIALS: (&str, &str) = (keys::MAIN.access_key, keys::MAIN.secret);

/// What the mock gets wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// Nothing.
    None,
    /// It answers a dry run with 400 instead of 412, as moto did until 2.2.6.
    DryRunIsBadRequest,
}

/// A running mock. It ends with the process.
#[derive(Debug)]
pub struct Mock {
    url: String,
}

impl Mock {
    /// Starts a mock on a free port.
    pub fn start(mistake: Mistake) -> io::Result<Mock> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::spawn(move || runtime.block_on(serve(listener, mistake)));
        Ok(Mock { url })
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }
}

async fn serve(listener: TcpListener, mistake: Mistake) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let reference = Arc::new(Reference::new(Config {
        // As most mocks, it finishes every transition at once.
        delays: Delays::NONE,
        ..Config::default()
    }));
    loop {
        let (stream, _) = listener.accept().await?;
        let reference = Arc::clone(&reference);
        let service = service_fn(move |request| {
            let reference = Arc::clone(&reference);
            async move { Ok::<_, Infallible>(answer(&reference, mistake, request).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    reference: &Reference,
    mistake: Mistake,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LONGEST_BODY).collect().await;
    let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let mut answer = reference.handle(&Request::from_parts(head, body), now_ms);
    if mistake == Mistake::DryRunIsBadRequest && answer.status() == StatusCode::PRECONDITION_FAILED {
        *answer.status_mut() = StatusCode::BAD_REQUEST;
    }
    answer.map(Full::new)
}
