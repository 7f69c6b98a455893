//! A breaker changes its state: how long until `binnaclectl watch` has printed the line? With a Hystrix stream beside a bare
//! reader of the same stream; through a Prometheus from the moment that the process itself shows the new state.

use std::process::Stdio;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use lab::services::{Kind, Service, jobs};
use lab::{Prometheus, until};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::sample::Sample;
use crate::{Outcome, executable};

/// How long a breaker may take for its next state, and its line for the screen.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two visits: the breaker looks at two seconds, and lets one call through after one.
const PAUSE: Duration = Duration::from_millis(100);
/// Changes through the Prometheus; each takes a beat of a quarter of a minute.
const THROUGH_PROMETHEUS: usize = 10;

pub(crate) async fn measure(changes: usize) -> Outcome<()> {
    on_the_wire(changes.min(40)).await?;
    through_prometheus().await
}

async fn on_the_wire(changes: usize) -> Outcome<()> {
    let (caller, callee) = pair(Kind::GinHystrix).await?;
    caller.visit().await?;
    let mut watch = Watch::start(&format!("hystrix={}/hystrix.stream", caller.url()))?;
    let mut bare = BareReader::open(&caller).await?;
    let mut lag = Sample::default();
    for (change, open) in (0..changes).zip([true, false].into_iter().cycle()) {
        callee.turn(if open { 1.0 } else { 0.0 }, Duration::ZERO).await?;
        let state = if open { "\"state\":\"open\"" } else { "\"state\":\"closed\"" };
        let seen = async {
            let (seen, shown) = tokio::join!(bare.until(open), watch.line_with(state));
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(shown?.saturating_duration_since(seen?))
        };
        let took = tokio::select! {
            took = seen => took?,
            error = visiting(&caller) => return Err(error),
            () = tokio::time::sleep(PATIENCE) => return Err(format!("change {change} was not seen").into()),
        };
        lag.add(took);
    }
    let [p50, p95] = [0.5, 0.95].map(|share| lag.quantile_ms(share));
    println!(
        "| breaker's event on the wire → line of `watch`, beside a bare reader, p50 / p95 | {p50:.1} / {p95:.1} ms | – | – | p95 ≤ 100 ms |"
    );
    watch.child.kill().await?;
    Ok(())
}

async fn through_prometheus() -> Outcome<()> {
    let (caller, callee) = pair(Kind::GoKit).await?;
    caller.visit().await?;
    let mut server = Prometheus::builder().every("5s");
    for job in jobs([&caller]) {
        server = server.scraping(job);
    }
    let server = server.start().await?;
    let mut watch = Watch::start(&format!("prometheus={}", server.address()))?;
    let mut lag = Sample::default();
    watch.line_with("\"state\":\"closed\"").await?;
    for open in [true, false].into_iter().cycle().take(THROUGH_PROMETHEUS) {
        callee.turn(if open { 1.0 } else { 0.0 }, Duration::ZERO).await?;
        let series = format!("circuit_breaker_state{{name=\"stock\"}} {}", if open { 2 } else { 0 });
        let changed = until("the new state", PATIENCE, async || {
            caller.visit().await.map_err(|error| error.to_string())?;
            let metrics = caller.metrics().await.map_err(|error| error.to_string())?;
            if metrics.contains(&series) { Ok(Instant::now()) } else { Err("not yet".to_owned()) }
        });
        let changed = changed.await?;
        // While it is visited it stays so: nothing fails any more, or everything does.
        let state = if open { "\"state\":\"open\"" } else { "\"state\":\"closed\"" };
        let shown = tokio::select! {
            shown = watch.line_with(state) => shown?,
            error = visiting(&caller) => return Err(error),
            () = tokio::time::sleep(PATIENCE) => return Err(format!("{state} was not seen").into()),
        };
        lag.add(shown.saturating_duration_since(changed));
    }
    let [p50, most] = [0.5, 1.0].map(|share| lag.quantile_ms(share) / 1e3);
    println!(
        "| breaker's new state in its process → line of `watch`, through a Prometheus that scrapes every 5 s, p50 / most | {p50:.1} / {most:.1} s | – | – | ≤ 5 s + 15 s + 0.1 s |"
    );
    watch.child.kill().await?;
    Ok(())
}

async fn pair(kind: Kind) -> Outcome<(Service, Service)> {
    let callee = Service::builder(Kind::Monkit, "stock").start().await?;
    let caller = Service::builder(kind, "caller").calling(&callee).start().await?;
    Ok((caller, callee))
}

/// Visits until it cannot: what it gives is why.
async fn visiting(caller: &Service) -> Box<dyn std::error::Error + Send + Sync> {
    loop {
        if let Err(error) = caller.visit().await {
            return error.into();
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The stream as it comes, with nothing behind it.
struct BareReader {
    parts: BoxStream<'static, reqwest::Result<Vec<u8>>>,
}

impl BareReader {
    async fn open(service: &Service) -> Outcome<Self> {
        let parts = reqwest::get(format!("{}/hystrix.stream", service.url())).await?.bytes_stream();
        Ok(Self { parts: parts.map(|part| part.map(|part| part.to_vec())).boxed() })
    }

    /// When the first part arrived that says so.
    async fn until(&mut self, open: bool) -> Outcome<Instant> {
        let said = format!("\"isCircuitBreakerOpen\":{open}");
        while let Some(part) = self.parts.next().await {
            let arrived = Instant::now();
            if String::from_utf8_lossy(&part?).contains(&said) {
                return Ok(arrived);
            }
        }
        Err("the stream ended".into())
    }
}

/// A running `binnaclectl watch` of breakers.
struct Watch {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    fn start(source: &str) -> Outcome<Self> {
        let mut child = Command::new(executable("binnaclectl")?)
            .args(["watch", "--only", "breaker", "-o", "jsonl", "--wait", "30s", "--source", source])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("no pipe")?).lines();
        Ok(Self { child, lines })
    }

    /// When the next line arrived that holds this.
    async fn line_with(&mut self, part: &str) -> Outcome<Instant> {
        while let Some(line) = self.lines.next_line().await? {
            if line.contains(part) {
                return Ok(Instant::now());
            }
        }
        Err("watch ended".into())
    }
}
