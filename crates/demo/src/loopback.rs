//! How every part of the demo listens: loopback only, a port chosen by the system, a bounded number of connections,
//! and gone when the demo stops.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::DemoError;

/// Listens on a free loopback port.
pub(crate) async fn listen(what: &str) -> Result<(TcpListener, SocketAddr), DemoError> {
    let named = |source| DemoError::Listen { what: what.to_owned(), source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(named)?;
    let address = listener.local_addr().map_err(named)?;
    Ok((listener, address))
}

/// Serves `router` until `stop`, with at most `connections` at a time; a further client waits for its turn.
pub(crate) async fn serve(listener: TcpListener, connections: usize, router: Router, stop: CancellationToken) {
    let bounded = BoundedListener { listener, turns: Arc::new(Semaphore::new(connections)) };
    let served = axum::serve(bounded, router).with_graceful_shutdown(stop.cancelled_owned()).await;
    if let Err(error) = served {
        tracing::warn!(%error, "a server of the demo ended");
    }
}

struct BoundedListener {
    listener: TcpListener,
    turns: Arc<Semaphore>,
}

impl Listener for BoundedListener {
    type Io = BoundedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        // The semaphore is never closed, so the permit can only be missing if that changes; then nobody is bounded out.
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok();
        let (stream, peer) = Listener::accept(&mut self.listener).await;
        // Small answers must not wait for the peer's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        (BoundedStream { stream, _turn: turn }, peer)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

struct BoundedStream {
    stream: TcpStream,
    _turn: Option<OwnedSemaphorePermit>,
}

impl AsyncRead for BoundedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for BoundedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// The address of a loopback server as a URL.
pub(crate) fn url(what: &str, address: SocketAddr) -> Result<Url, DemoError> {
    let unreadable = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
    Url::parse(&format!("http://{address}/"))
        .map_err(|error| DemoError::Listen { what: what.to_owned(), source: unreadable(error) })
}

/// Waits until every task has ended; those that do not within the time are ended.
pub(crate) async fn join(tasks: &mut JoinSet<()>) {
    const AT_MOST: Duration = Duration::from_secs(3);
    let ended = tokio::time::timeout(AT_MOST, async {
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                tracing::error!(%error, "a part of the demo panicked");
            }
        }
    });
    if ended.await.is_err() {
        tracing::warn!(left = tasks.len(), "parts of the demo did not stop by themselves");
        tasks.shutdown().await;
    }
}
