//! An HTTP endpoint that answers what it is told to, byte for byte: for faults that no healthy program shows.

use std::sync::{Arc, Mutex};

use binnacle_sources::scrape::Target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What it does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Script {
    /// A whole answer with this body.
    Body(Vec<u8>),
    /// The same for each command that is named so in the request's path; nothing for any other.
    ByPath(Vec<(&'static str, String)>),
    /// These bytes, head included, and the connection is closed.
    Raw(Vec<u8>),
    /// These bytes, head included, and nothing more, with the connection open.
    Unended(Vec<u8>),
}

impl Script {
    pub(crate) fn text(body: &str) -> Self {
        Self::Body(body.as_bytes().to_vec())
    }

    /// A stream of events that stays open.
    pub(crate) fn events(body: &[u8]) -> Self {
        Self::Unended(stream(body))
    }

    /// A stream of events that ends.
    pub(crate) fn ended_events(body: &[u8]) -> Self {
        Self::Raw(stream(body))
    }
}

fn stream(body: &[u8]) -> Vec<u8> {
    let mut raw = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_vec();
    raw.extend_from_slice(body);
    raw
}

pub(crate) struct FaultyEndpoint {
    pub(crate) port: u16,
    script: Arc<Mutex<Script>>,
    asked: watch::Receiver<usize>,
    _tasks: JoinSet<()>,
}

impl FaultyEndpoint {
    pub(crate) async fn start(script: Script) -> Self {
        Self::start_at(0, script).await
    }

    /// At a port that was free a moment ago.
    pub(crate) async fn start_at(port: u16, script: Script) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = Arc::new(Mutex::new(script));
        let (count, asked) = watch::channel(0);
        let mut tasks = JoinSet::new();
        let now = script.clone();
        tasks.spawn(async move {
            let mut answers = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                answers.spawn(answer(connection, now.clone(), count.clone()));
            }
        });
        Self { port, script, asked, _tasks: tasks }
    }

    /// From now on, for requests to come.
    pub(crate) fn now(&self, script: Script) {
        *self.script.lock().unwrap() = script;
    }

    /// Waits until it was asked so often more.
    pub(crate) async fn asked_again(&mut self, times: usize) {
        let until = *self.asked.borrow() + times;
        self.asked.wait_for(|count| *count >= until).await.unwrap();
    }

    pub(crate) fn target(&self, path: &str) -> Target {
        let url = format!("http://127.0.0.1:{}{path}", self.port).parse().unwrap();
        Target { url, instance: (Arc::from("127.0.0.1"), self.port) }
    }
}

async fn answer(mut connection: TcpStream, script: Arc<Mutex<Script>>, count: watch::Sender<usize>) {
    let mut request = Vec::new();
    let mut part = [0; 1024];
    loop {
        match connection.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(length) => request.extend_from_slice(&part[..length]),
        }
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }
        let head = String::from_utf8_lossy(&std::mem::take(&mut request)).into_owned();
        count.send_modify(|count| *count += 1);
        let script = script.lock().unwrap().clone();
        let written = match &script {
            Script::Body(body) => connection.write_all(&whole(body)).await,
            Script::ByPath(answers) => {
                let asked =
                    answers.iter().find(|(path, _)| head.lines().next().is_some_and(|line| line.contains(path)));
                connection.write_all(&whole(asked.map_or("", |(_, body)| body).as_bytes())).await
            }
            Script::Raw(bytes) | Script::Unended(bytes) => connection.write_all(bytes).await,
        };
        if written.is_err() || matches!(script, Script::Raw(_)) {
            return;
        }
    }
}

fn whole(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A port at which nobody listens.
pub(crate) async fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port()
}
