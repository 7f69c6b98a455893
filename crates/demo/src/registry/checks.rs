//! Runs the checks of the agent: HTTP and TCP probes when they are due, TTLs that run out, the reaper of services that
//! have been critical for too long, and the full synchronisation of agent and catalog.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::agent::{Extent, MAX_OUTPUT_BYTES, Probe, Run};
use super::catalog::Status;
use super::world::World;

/// How many probes may be under way at a time.
const AT_A_TIME: usize = 32;
/// How often services that were critical for too long are looked for (`check_reap_interval`).
const REAP_EVERY: Duration = Duration::from_secs(30);
/// How often the catalog is brought in line with the agent, changes or not (`AEInterval`).
const SYNCHRONISE_EVERY: Duration = Duration::from_secs(60);

/// Runs until the registry stops; the probes it starts are its own and end with it.
pub(crate) async fn run(world: Arc<World>, client: reqwest::Client) {
    let mut running: JoinSet<(Run, Status, String)> = JoinSet::new();
    let mut reap = tokio::time::interval(REAP_EVERY);
    let mut synchronise = tokio::time::interval(SYNCHRONISE_EVERY);
    loop {
        start_what_is_due(&world, &client, &mut running);
        let next = world.read(|tables| tables.agent.next_due());
        // With every turn taken the next probe waits for a result, not for its time.
        let next = next.filter(|_| running.len() < AT_A_TIME);
        tokio::select! {
            () = world.stop.cancelled() => return,
            () = world.checks_changed.notified() => {}
            () = until(next) => {}
            Some(finished) = running.join_next() => finish(&world, finished),
            _ = reap.tick() => reap_overdue(&world),
            _ = synchronise.tick() => world.write(|tables| tables.synchronise(Instant::now(), Extent::Everything)),
        }
    }
}

async fn until(next: Option<Instant>) {
    match next {
        Some(next) => tokio::time::sleep_until(next.into()).await,
        None => std::future::pending().await,
    }
}

fn start_what_is_due(world: &World, client: &reqwest::Client, running: &mut JoinSet<(Run, Status, String)>) {
    let now = Instant::now();
    if world.read(|tables| tables.agent.next_due()).is_none_or(|next| next > now) {
        return;
    }
    let room = AT_A_TIME - running.len();
    let runs = world.write(|tables| {
        let runs = tables.agent.due(now, room);
        tables.synchronise(now, Extent::Changes);
        runs
    });
    for run in runs {
        let client = client.clone();
        running.spawn(async move {
            let (status, output) = probe(&run, &client).await;
            (run, status, output)
        });
    }
}

fn finish(world: &World, finished: Result<(Run, Status, String), tokio::task::JoinError>) {
    match finished {
        Ok((run, status, output)) => world.write(|tables| {
            let now = Instant::now();
            tables.agent.finish(now, &run, status, &output);
            tables.synchronise(now, Extent::Changes);
        }),
        Err(error) => tracing::error!(%error, "a probe ended without a result"),
    }
}

fn reap_overdue(world: &World) {
    let now = Instant::now();
    let overdue = world.read(|tables| tables.agent.overdue(now));
    for id in overdue {
        tracing::info!(service = %id, "critical for too long: deregistered");
        // It may have been deregistered since.
        let _ = world.write_agent(|tables, _| tables.agent.deregister(&id));
    }
}

async fn probe(run: &Run, client: &reqwest::Client) -> (Status, String) {
    match &run.plan.probe {
        Probe::Http { url, method, headers, body } => {
            let asked = ask(client, url, method, headers, body);
            match timeout(run.plan.timeout, asked).await {
                Ok(result) => result,
                Err(_) => (Status::Critical, format!("{method} {url:?}: no answer within {:?}", run.plan.timeout)),
            }
        }
        Probe::Tcp { address } => match timeout(run.plan.timeout, TcpStream::connect(address)).await {
            Ok(Ok(_)) => (Status::Passing, format!("TCP connect {address}: Success")),
            Ok(Err(error)) => (Status::Critical, format!("dial tcp {address}: {error}")),
            Err(_) => (Status::Critical, format!("dial tcp {address}: no answer within {:?}", run.plan.timeout)),
        },
        Probe::Ttl(_) | Probe::Manual => (Status::Critical, "not a probe".to_owned()),
    }
}

async fn ask(
    client: &reqwest::Client,
    url: &str,
    method: &str,
    headers: &[(String, String)],
    body: &str,
) -> (Status, String) {
    let verb = reqwest::Method::from_bytes(method.as_bytes()).unwrap_or(reqwest::Method::GET);
    let mut request = client.request(verb, url).header(reqwest::header::USER_AGENT, "Consul Health Check");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    if !body.is_empty() {
        request = request.body(body.to_owned());
    }
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return (Status::Critical, format!("{method} {url:?}: {}", chain(&error))),
    };
    let status = response.status();
    let text = first_bytes(response).await;
    let verdict = match status.as_u16() {
        200..=299 => Status::Passing,
        429 => Status::Warning,
        _ => Status::Critical,
    };
    (verdict, format!("HTTP {method} {url}: {status} Output: {text}"))
}

/// As much of the body as a check's output keeps.
async fn first_bytes(response: reqwest::Response) -> String {
    let mut kept = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        kept.extend_from_slice(&chunk);
        if kept.len() >= MAX_OUTPUT_BYTES {
            kept.truncate(MAX_OUTPUT_BYTES);
            break;
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// An error with its causes: the client's own first line does not say what the system answered.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
