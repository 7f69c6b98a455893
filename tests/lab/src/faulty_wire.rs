//! A wire to a real server that breaks on demand.
//!
//! Only for faults which a real server cannot be made to show at a chosen moment: everything that is not a fault is
//! the real server's own answer. Each request goes to the server on a connection of its own and is counted, so that
//! the wire also says how many requests a client makes.

mod exchange;

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use url::Url;

use crate::address::Port;
use crate::{Consul, LabError, until};

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The answer's head and the first half of its body arrive, then the connection is closed.
    CutHalfway,
    /// The request is taken and never answered.
    Stall,
    /// Status 200 with this body instead of the server's, labelled as JSON.
    Body(String),
    /// This status with this body, without the server being asked.
    Status(u16, String),
    /// The server's answer with this `X-Consul-Index` instead of its own.
    Index(u64),
    /// The server's answer with this `Date` instead of its own.
    Date(String),
    /// Status 200, the beginning of a JSON text, and then more of it without an end.
    Endless,
}

#[derive(Debug)]
struct Rule {
    path_prefix: String,
    fault: Fault,
    remaining: Option<u32>,
}

#[derive(Debug, Default)]
struct State {
    rules: Mutex<Vec<Rule>>,
    requests: Mutex<Vec<String>>,
    faults_shown: AtomicU64,
    taken_back: AtomicU64,
    cut: Notify,
}

impl State {
    fn rules(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn requests(&self) -> MutexGuard<'_, Vec<String>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the request down and says what is to go wrong with it. `line` is `METHOD /path?query`.
    fn meet(&self, line: &str) -> Option<Fault> {
        self.requests().push(line.to_owned());
        let path = line.split(' ').nth(1).unwrap_or_default();
        let mut rules = self.rules();
        let rule = rules
            .iter_mut()
            .find(|rule| path.starts_with(&rule.path_prefix) && rule.remaining.is_none_or(|remaining| remaining > 0))?;
        if let Some(remaining) = &mut rule.remaining {
            *remaining -= 1;
        }
        self.faults_shown.fetch_add(1, Ordering::Relaxed);
        Some(rule.fault.clone())
    }
}

/// A faulty wire in front of a server that speaks plain HTTP. Its connections end when it is dropped.
#[derive(Debug)]
pub struct FaultyWire {
    port: Port,
    state: Arc<State>,
    refusing: watch::Sender<bool>,
    listening: watch::Receiver<bool>,
    _acceptor: JoinSet<()>,
}

impl FaultyWire {
    /// A wire to an open server of the lab.
    pub async fn to(consul: &Consul) -> Result<Self, LabError> {
        Self::to_port(consul.http_port()).await
    }

    /// A wire to any HTTP server on this port of 127.0.0.1.
    pub async fn to_port(upstream: u16) -> Result<Self, LabError> {
        let port = Port::reserve()?;
        let state = Arc::new(State::default());
        let (refusing, refuse) = watch::channel(false);
        let (listens, listening) = watch::channel(false);
        let acceptor = Acceptor { port: port.number(), upstream, state: state.clone(), refuse, listens };
        let mut tasks = JoinSet::new();
        tasks.spawn(acceptor.run());
        let wire = Self { port, state, refusing, listening, _acceptor: tasks };
        wire.listens(true).await?;
        Ok(wire)
    }

    /// Where clients connect, as `CONSUL_HTTP_ADDR` takes it.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number())
    }

    /// [`FaultyWire::address`] as a URL.
    pub fn url(&self) -> Result<Url, LabError> {
        let address = self.address();
        Url::parse(&address).map_err(|error| LabError::Unexpected { what: address, why: error.to_string() })
    }

    /// From now on every request whose path starts with `path_prefix` (`""`: every request) shows this fault, until
    /// [`FaultyWire::mend`]. Of several faults that match, the one set first is shown.
    pub fn fault(&self, path_prefix: &str, fault: Fault) {
        self.state.rules().push(Rule { path_prefix: path_prefix.into(), fault, remaining: None });
    }

    /// As [`FaultyWire::fault`], for the next `times` such requests only.
    pub fn fault_times(&self, times: u32, path_prefix: &str, fault: Fault) {
        self.state.rules().push(Rule { path_prefix: path_prefix.into(), fault, remaining: Some(times) });
    }

    /// No faults from now on. Requests that are stalled stay so until [`FaultyWire::cut`].
    pub fn mend(&self) {
        self.state.rules().clear();
    }

    /// Closes all connections now, in the middle of whatever they were at.
    pub fn cut(&self) {
        self.state.cut.notify_one();
    }

    /// Refuses connections, and cuts those that are there; the port is closed when this returns.
    pub async fn refuse(&self) -> Result<(), LabError> {
        self.refusing.send_replace(true);
        self.listens(false).await
    }

    /// Takes connections again after [`FaultyWire::refuse`].
    pub async fn accept(&self) -> Result<(), LabError> {
        self.refusing.send_replace(false);
        self.listens(true).await
    }

    /// `METHOD /path?query` of every request so far, those with a fault included.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests().clone()
    }

    /// How many requests have met a fault so far.
    pub fn faults_shown(&self) -> u64 {
        self.state.faults_shown.load(Ordering::Relaxed)
    }

    /// How many stalled requests were taken back: their clients closed the connection.
    pub fn taken_back(&self) -> u64 {
        self.state.taken_back.load(Ordering::Relaxed)
    }

    async fn listens(&self, wanted: bool) -> Result<(), LabError> {
        let mut listening = self.listening.clone();
        let what = format!("the faulty wire to {}", if wanted { "listen" } else { "refuse" });
        until(&what, Duration::from_secs(60), async || {
            if *listening.borrow_and_update() == wanted { Ok(()) } else { Err("not yet") }
        })
        .await
    }
}

struct Acceptor {
    port: u16,
    upstream: u16,
    state: Arc<State>,
    refuse: watch::Receiver<bool>,
    listens: watch::Sender<bool>,
}

impl Acceptor {
    async fn run(mut self) {
        loop {
            let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await {
                Ok(listener) => listener,
                Err(error) => {
                    eprintln!("lab: the faulty wire cannot listen on {}: {error}", self.port);
                    return;
                }
            };
            self.listens.send_replace(true);
            self.serve(&listener).await;
            drop(listener);
            self.listens.send_replace(false);
            if self.refuse.wait_for(|refuse| !refuse).await.is_err() {
                return;
            }
        }
    }

    /// Serves until connections are to be refused. All connections end with it.
    async fn serve(&mut self, listener: &TcpListener) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((client, _)) = accepted {
                        connections.spawn(connection(client, self.upstream, self.state.clone()));
                    }
                }
                Some(_ended) = connections.join_next() => {}
                () = self.state.cut.notified() => connections.shutdown().await,
                () = refused(&mut self.refuse) => return,
            }
        }
    }
}

/// Also ends when nobody can change it any more.
async fn refused(refuse: &mut watch::Receiver<bool>) {
    drop(refuse.wait_for(|refuse| *refuse).await);
}

/// One request on one connection. An error here is a side that went away, which is what a wire is for.
async fn connection(client: TcpStream, upstream: u16, state: Arc<State>) {
    let exchange = async {
        let mut client = client;
        let request = exchange::Request::read(&mut client).await?;
        match state.meet(&request.line()) {
            None => exchange::pass(&mut client, &request, upstream).await,
            Some(Fault::Stall) => {
                exchange::until_taken_back(&mut client).await;
                state.taken_back.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Some(Fault::CutHalfway) => exchange::cut_halfway(&mut client, &request, upstream).await,
            Some(Fault::Body(body)) => exchange::answer(&mut client, 200, &body).await,
            Some(Fault::Status(status, body)) => exchange::answer(&mut client, status, &body).await,
            Some(Fault::Index(index)) => {
                exchange::pass_with_header(&mut client, &request, upstream, ("X-Consul-Index", &index.to_string()))
                    .await
            }
            Some(Fault::Date(date)) => {
                exchange::pass_with_header(&mut client, &request, upstream, ("Date", &date)).await
            }
            Some(Fault::Endless) => exchange::endless(&mut client).await,
        }
    };
    if let Err(error) = exchange.await {
        tracing::debug!(%error, "a connection of the faulty wire ended early");
    }
}
