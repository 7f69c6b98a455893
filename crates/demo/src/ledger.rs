//! The ledger's binary protocol: frames over TCP, each a big-endian length and so many bytes.
//!
//! A request is `op: u8 = 1, id: u64, account: u64, cents: i64`, the answer `status: u8 (0 posted, 1 failed), id: u64,
//! balance: i64`, all big-endian. Requests on one connection are answered in order.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::instance::{Fault, Instance};

const POST: u8 = 1;
const REQUEST_BYTES: u32 = 25;
const ANSWER_BYTES: u32 = 17;
/// Connections served at a time; a further one waits.
const CONNECTIONS: usize = 64;
/// Accounts kept; a demo that runs for days must not grow.
const ACCOUNTS: u64 = 1_000;

#[derive(Debug, Default)]
struct Book(StdMutex<BTreeMap<u64, i64>>);

impl Book {
    fn post(&self, account: u64, cents: i64) -> i64 {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let balance = accounts.entry(account % ACCOUNTS).or_default();
        *balance = balance.saturating_add(cents);
        *balance
    }
}

/// Takes calls until the instance stops.
pub(crate) async fn serve(listener: TcpListener, instance: Arc<Instance>) {
    let book = Arc::new(Book::default());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = instance.stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS => {
                if let Ok((stream, _)) = accepted {
                    let (instance, book) = (Arc::clone(&instance), Arc::clone(&book));
                    connections.spawn(async move {
                        tokio::select! {
                            () = instance.stop.cancelled() => {}
                            // A caller that hangs up or talks nonsense ends its own connection only.
                            _ = converse(stream, &instance, &book) => {}
                        }
                    });
                }
            }
        }
    }
    connections.shutdown().await;
}

async fn converse(mut stream: TcpStream, instance: &Instance, book: &Book) -> io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        if stream.read_u32().await? != REQUEST_BYTES || stream.read_u8().await? != POST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a posting"));
        }
        let (id, account, cents) = (stream.read_u64().await?, stream.read_u64().await?, stream.read_i64().await?);
        let balance = instance.work(async { (true, book.post(account, cents)) }).await;
        let mut frame = Vec::with_capacity(4 + 17);
        frame.extend_from_slice(&ANSWER_BYTES.to_be_bytes());
        frame.push(u8::from(balance.is_none()));
        frame.extend_from_slice(&id.to_be_bytes());
        frame.extend_from_slice(&balance.unwrap_or(0).to_be_bytes());
        stream.write_all(&frame).await?;
    }
}

/// One caller's connection, made when it is needed and again after a fault.
#[derive(Debug, Default)]
pub(crate) struct LedgerClient {
    stream: Mutex<Option<TcpStream>>,
}

impl LedgerClient {
    /// Posts an amount; the balance after it.
    pub(crate) async fn post(&self, caller: &Instance, id: u64, account: u64, cents: i64) -> Result<i64, Fault> {
        caller
            .guarded("ledger", async {
                let address =
                    caller.directory.pick_rpc("ledger").ok_or_else(|| Fault::failed("ledger has no instance"))?;
                let mut held = self.stream.lock().await;
                // Taken out, so that a call that is given up half-way leaves no half-read connection behind.
                let mut stream = match held.take() {
                    Some(stream) => stream,
                    None => dial(address).await.map_err(Fault::failed)?,
                };
                let (status, balance) = exchange(&mut stream, id, account, cents).await.map_err(Fault::failed)?;
                *held = Some(stream);
                if status == 0 { Ok(balance) } else { Err(Fault::failed("the ledger could not post")) }
            })
            .await
    }
}

async fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn exchange(stream: &mut TcpStream, id: u64, account: u64, cents: i64) -> io::Result<(u8, i64)> {
    let mut frame = Vec::with_capacity(4 + 25);
    frame.extend_from_slice(&REQUEST_BYTES.to_be_bytes());
    frame.push(POST);
    frame.extend_from_slice(&id.to_be_bytes());
    frame.extend_from_slice(&account.to_be_bytes());
    frame.extend_from_slice(&cents.to_be_bytes());
    stream.write_all(&frame).await?;
    let length = stream.read_u32().await?;
    let (status, answered, balance) = (stream.read_u8().await?, stream.read_u64().await?, stream.read_i64().await?);
    if length != ANSWER_BYTES || answered != id {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "an answer to something else"));
    }
    Ok((status, balance))
}
