//! Connections passed on from one address to another, also across the border of a network namespace.
//!
//! A unix socket is a file, which no network namespace divides. One process inside a namespace takes orders over such
//! a socket: `FROM TO` on a line makes it listen on one address and pass every connection on to the other, for as long
//! as the connection that ordered it is open.

use std::convert::Infallible;
use std::fmt;
use std::io::{self, BufRead as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;

use crate::LabError;

/// An order is a matter of microseconds; the rest is for a busy machine.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// One end of a relay. Its text, as in an order, is `tcp:IP:PORT` or `unix:PATH`; the path has no line end in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An IP address and a port, in the namespace of whoever listens or connects.
    Tcp(SocketAddr),
    /// A socket in the file system, without a space in its path.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for Address {
    type Err = io::Error;

    fn from_str(text: &str) -> Result<Self, io::Error> {
        match text.split_once(':') {
            Some(("tcp", address)) => {
                address.parse().map(Self::Tcp).map_err(|error| invalid(format!("{address}: {error}")))
            }
            Some(("unix", path)) => Ok(Self::Unix(path.into())),
            _ => Err(invalid(format!("{text:?} is neither tcp:IP:PORT nor unix:PATH"))),
        }
    }
}

/// A listener of either kind; it stays in the namespace in which it was bound.
#[derive(Debug)]
pub enum Listener {
    /// On an IP address.
    Tcp(TcpListener),
    /// On a file.
    Unix(UnixListener),
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Listener {
    /// Binds the address; connections wait from now on.
    pub async fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            Address::Unix(path) => UnixListener::bind(path).map(Self::Unix),
        }
    }

    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Tcp(listener) => Box::new(listener.accept().await?.0),
            Self::Unix(listener) => Box::new(listener.accept().await?.0),
        })
    }

    /// Passes every connection on, until this is dropped; the connections end with it. A target that refuses ends the
    /// connection at once.
    pub async fn relay(self, to: Address) -> Infallible {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.accept() => match accepted {
                    Ok(client) => drop(connections.spawn(pass_on(client, to.clone()))),
                    // Out of file descriptors, or a client that was gone already: the next one may be luckier.
                    Err(error) => {
                        tracing::debug!(%error, "a relay could not accept");
                        tokio::task::yield_now().await;
                    }
                },
                Some(_ended) = connections.join_next() => {}
            }
        }
    }
}

/// An error here is a side that went away, of which the other hears by the end of its connection.
async fn pass_on(mut client: Box<dyn Stream>, to: Address) {
    let passed = async {
        let mut server: Box<dyn Stream> = match &to {
            Address::Tcp(address) => Box::new(TcpStream::connect(address).await?),
            Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
        };
        tokio::io::copy_bidirectional(&mut client, &mut server).await
    };
    if let Err(error) = passed.await {
        tracing::debug!(%error, %to, "a connection of a relay ended early");
    }
}

/// Takes orders on `socket` until the process is killed. This is what runs inside a namespace.
pub async fn take_orders(socket: &Path) -> io::Result<Infallible> {
    let orders = UnixListener::bind(socket)?;
    let mut relays = JoinSet::new();
    loop {
        tokio::select! {
            order = orders.accept() => drop(relays.spawn(obey(order?.0))),
            Some(_ended) = relays.join_next() => {}
        }
    }
}

/// One order; whoever gave it withdraws it by closing the connection.
async fn obey(orderer: UnixStream) {
    let mut orderer = BufReader::new(orderer);
    let begun = async {
        let mut line = String::new();
        orderer.read_line(&mut line).await?;
        let (from, to) = line.trim_end().split_once(' ').ok_or_else(|| invalid(format!("{line:?} is no order")))?;
        let to = to.parse()?;
        Ok::<_, io::Error>((Listener::bind(&from.parse()?).await?, to))
    };
    let begun = begun.await;
    let answer = match &begun {
        Ok(_) => "listening\n".to_owned(),
        Err(error) => format!("{error}\n"),
    };
    let Ok(()) = orderer.write_all(answer.as_bytes()).await else { return };
    let Ok((listener, to)) = begun else { return };
    tokio::select! {
        never = listener.relay(to) => match never {},
        _withdrawn = orderer.read_u8() => {}
    }
}

/// A relay that was ordered; it ends when this is dropped.
#[derive(Debug)]
pub struct Ordered {
    /// Only held: its end is what the other side waits for. Not of any runtime, so that tests may share it.
    _order: std::os::unix::net::UnixStream,
}

impl Ordered {
    /// Orders a relay from whoever listens on `socket`; it listens when this returns.
    pub fn new(socket: &Path, from: &Address, to: &Address) -> Result<Self, LabError> {
        let what = format!("a relay from {from} to {to}");
        let ordered = || {
            let mut order = std::os::unix::net::UnixStream::connect(socket)?;
            order.set_read_timeout(Some(ANSWERED_WITHIN))?;
            order.write_all(format!("{from} {to}\n").as_bytes())?;
            let mut answer = String::new();
            io::BufReader::new(&order).read_line(&mut answer)?;
            Ok((order, answer))
        };
        let (order, answer) = ordered().map_err(LabError::io(what.clone()))?;
        match answer.trim_end() {
            "listening" => Ok(Self { _order: order }),
            why => Err(LabError::Unexpected { what, why: why.into() }),
        }
    }
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}
