//! Plain HTTP by hyper: a client that keeps the bytes that come back, and a server.

mod recording;
pub(super) mod serve;

use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;

pub use recording::StrayBytes;
pub(super) use recording::{IdleConnections, RecordingClient};
