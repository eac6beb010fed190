//! Serves the reference as a mock of EC2, for a client such as `stop_instance.py` in this folder.
//!
//! ```text
//! cargo run -p ec2-reference --example serve             on http://127.0.0.1:8422
//! cargo run -p ec2-reference --example serve -- 9000     on another port; 0 takes a free one
//! ```

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ec2_reference::{Config, Reference, keys};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// The longest request body, in bytes.
const LONGEST_BODY: usize = 1 << 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(8422), |port| port.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("export AWS_ENDPOINT_URL_EC2=http://{}", listener.local_addr()?);
    println!("export AWS_ACCESS_KEY_ID={}", keys::MAIN.access_key);
    println!("export AWS_SECRET_ACCESS_KEY={}", keys::MAIN.secret);
    println!("export AWS_REGION=us-east-1");
    let reference = Arc::new(Reference::new(Config::default()));
    loop {
        let (stream, _) = listener.accept().await?;
        let reference = Arc::clone(&reference);
        let service = service_fn(move |request| {
            let reference = Arc::clone(&reference);
            async move { Ok::<_, Infallible>(answer(&reference, request).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(reference: &Reference, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LONGEST_BODY).collect().await;
    let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    reference
        .handle(&Request::from_parts(head, body), now_ms)
        .map(Full::new)
}
