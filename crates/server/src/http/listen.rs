//! The listener: connections in, each served until it closes, is too slow, or the server stops.
//!
//! Promises: a client that does not finish its headers in time is cut off; at most so many connections are open at once;
//! on a stop idle connections close at once and busy ones after their answer. Refuses any address but loopback, unless the
//! configuration says in words that the network may read along: this build has no TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

use crate::config::{self, AddressError, Plaintext};

/// HTTP/2 streams at once on one connection.
const STREAMS_MAX: u32 = 128;
/// Bytes of a request's headers.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// Why an address is not listened on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    /// The configuration does not allow it.
    #[error(transparent)]
    Refused(#[from] AddressError),
    /// The operating system refused.
    #[error("`{listen}` cannot be listened on: {source}")]
    Io {
        /// As given.
        listen: String,
        /// What it said.
        source: std::io::Error,
    },
}

/// The limits of the listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long a client may take for its headers.
    pub(crate) header_timeout: Duration,
    /// Connections at once.
    pub(crate) connections_max: usize,
}

/// Listens on an address that the configuration allows.
pub(crate) async fn bind(listen: &str, plaintext: Plaintext) -> Result<TcpListener, ListenError> {
    let address = config::allowed(listen, plaintext)?;
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| ListenError::Io { listen: listen.to_owned(), source })
}

/// Serves connections until `stop` turns true, then lets busy ones finish.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    loop {
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot,
            // With every place taken there is nothing to accept, and still a stop to hear.
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Ok(slot) = slot else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        // A connection that broke before it was accepted is the client's affair.
        let Ok((stream, peer)) = accepted else { continue };
        let connection = connection(stream, peer, &router, limits);
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            // An error here is a client that went away or broke the protocol; it has been answered if it could be.
            let _ended = watched.await;
            drop(slot);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// One connection as a future that serves it.
fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: &Router,
    limits: Limits,
) -> impl hyper_util::server::graceful::GracefulConnection<
    Error = Box<dyn std::error::Error + Send + Sync>,
> + Send
+ 'static {
    let _nagle = stream.set_nodelay(true);
    let router = router.clone();
    let service =
        hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request)
        });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(HEADER_BYTES_MAX.max(1 << 19));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX))
        .keep_alive_interval(Some(limits.header_timeout))
        .keep_alive_timeout(limits.header_timeout);
    builder.serve_connection(TokioIo::new(stream), service).into_owned()
}

#[cfg(test)]
mod tests;
