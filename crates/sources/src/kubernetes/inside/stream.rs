//! One connection to a port of a Pod, as a stream of bytes in both directions.
//!
//! The API server carries it in a WebSocket of the protocol `v4.channel.k8s.io`: the first byte of a message says which channel
//! it is of, 0 for data and 1 for errors, and the first message of each channel holds the port.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink as _, Stream as _};
use hyper::body::Bytes;
use hyper_util::client::legacy::connect::{Connected, Connection};
use reqwest::Upgraded;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::http::shorten;

/// The protocol that is asked for.
pub(super) const PROTOCOL: &str = "v4.channel.k8s.io";
const DATA: u8 = 0;
const ERRORS: u8 = 1;
/// The port in front of each channel.
const PORT_BYTES: usize = 2;
/// The most bytes that one message carries; kubelets send less.
const LARGEST_MESSAGE: usize = 4 * 1024 * 1024;
/// The most bytes that are put into one message.
const PART: usize = 32 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct PodStream {
    socket: WebSocketStream<Upgraded>,
    /// What arrived and was not taken yet.
    arrived: Bytes,
    /// Which channels have begun: their port is passed over.
    begun: [bool; 2],
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    is_cut: bool,
}

impl PodStream {
    /// Takes over a connection that was upgraded. It breaks when `cut` is cancelled.
    pub(super) async fn new(upgraded: Upgraded, cut: CancellationToken) -> Self {
        let limits = WebSocketConfig::default()
            .max_message_size(Some(LARGEST_MESSAGE))
            .max_frame_size(Some(LARGEST_MESSAGE))
            .write_buffer_size(0);
        let socket = WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(limits)).await;
        Self { socket, arrived: Bytes::new(), begun: [false; 2], cut: Box::pin(cut.cancelled_owned()), is_cut: false }
    }

    /// Fails when the Pod behind it is gone.
    fn poll_cut(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        self.is_cut = self.is_cut || self.cut.as_mut().poll(context).is_ready();
        if self.is_cut {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the Pod behind the port-forward is gone"));
        }
        Ok(())
    }

    /// What a message brings: bytes of the data channel, or the end of it all.
    fn take(&mut self, message: &Bytes) -> io::Result<()> {
        let Some(channel) = message.first().copied() else { return Ok(()) };
        let Some(begun) = self.begun.get_mut(usize::from(channel)) else { return Ok(()) };
        let skipped = if std::mem::replace(begun, true) { 1 } else { 1 + PORT_BYTES };
        let bytes = if message.len() > skipped { message.slice(skipped..) } else { Bytes::new() };
        match channel {
            DATA => self.arrived = bytes,
            ERRORS if !bytes.is_empty() => {
                let said = shorten(&String::from_utf8_lossy(&bytes));
                return Err(io::Error::other(format!("the port-forward ended: {said}")));
            }
            _ => {}
        }
        Ok(())
    }
}

fn broken(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed | Error::AlreadyClosed => io::ErrorKind::BrokenPipe.into(),
        other => io::Error::other(other),
    }
}

impl AsyncRead for PodStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll_cut(context)?;
        while self.arrived.is_empty() {
            match ready!(Pin::new(&mut self.socket).poll_next(context)) {
                Some(Ok(Message::Binary(message))) => self.take(&message)?,
                // Pings are answered by the library itself.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Text(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed)) | None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(broken(error))),
            }
        }
        let count = self.arrived.len().min(into.remaining());
        into.put_slice(&self.arrived.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PodStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_cut(context)?;
        ready!(Pin::new(&mut self.socket).poll_ready(context)).map_err(broken)?;
        let part = bytes.get(..bytes.len().min(PART)).unwrap_or_default();
        let mut message = Vec::with_capacity(part.len() + 1);
        message.push(DATA);
        message.extend_from_slice(part);
        Pin::new(&mut self.socket).start_send(Message::Binary(message.into())).map_err(broken)?;
        Poll::Ready(Ok(part.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context).map_err(broken)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(context).map_err(broken)
    }
}

impl Connection for PodStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
