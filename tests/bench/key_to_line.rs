//! A key changes: how long until `binnaclectl watch` has printed the line, beside a bare `curl` loop on the same blocking
//! query? Measured from the moment the write was answered, in turns, so that both see the same machine.

use std::process::Stdio;
use std::time::{Duration, Instant};

use lab::{Consul, ConsulClient};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::sample::{Sample, row};
use crate::{Outcome, executable};

/// Changes in a row before the other side has its turn.
const TURN: usize = 20;
/// Between two changes: longer than either side needs to be waiting again.
const PAUSE: Duration = Duration::from_millis(300);

pub(crate) async fn measure(consul: &Consul, changes: usize) -> Outcome<()> {
    let client = consul.client()?;
    client.kv_put("bench/key", b"start").await?;
    let mut watch = Watch::start(consul).await?;
    let mut curl = CurlLoop::start(consul);
    let (mut ours, mut theirs) = (Sample::default(), Sample::default());
    let mut value = 0;
    while value < 2 * changes {
        let our_turn = (value / TURN).is_multiple_of(2);
        value += 1;
        tokio::time::sleep(PAUSE).await;
        let query = curl.ask().await?;
        tokio::time::sleep(PAUSE).await;
        client.kv_put("bench/key", value.to_string().as_bytes()).await?;
        let written = Instant::now();
        if our_turn {
            watch.line_about("bench/key").await?;
            ours.add(written.elapsed());
            curl.answer(query).await?;
        } else {
            curl.answer(query).await?;
            theirs.add(written.elapsed());
            watch.line_about("bench/key").await?;
        }
    }
    row("key changed → line of `watch`, beside a curl loop", &ours, &theirs, "p99 ≤ 1.25");
    watch.stop().await
}

/// A running `binnaclectl watch`.
struct Watch {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    async fn start(consul: &Consul) -> Outcome<Self> {
        let mut child = Command::new(executable("binnaclectl")?)
            .args(["watch", "-o", "jsonl", "--source", &format!("consul={}", consul.address())])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().ok_or("no pipe")?;
        let mut watch = Self { child, lines: BufReader::new(stdout).lines() };
        watch.line_about("\"ready\"").await?;
        Ok(watch)
    }

    async fn line_about(&mut self, part: &str) -> Outcome<()> {
        while let Some(line) = self.lines.next_line().await? {
            if line.contains(part) {
                return Ok(());
            }
        }
        Err("watch ended".into())
    }

    async fn stop(mut self) -> Outcome<()> {
        self.child.kill().await?;
        Ok(())
    }
}

/// What a shell script would do: one `curl` after the other on the blocking query.
struct CurlLoop {
    address: String,
    client: ConsulClient,
}

impl CurlLoop {
    fn start(consul: &Consul) -> Self {
        Self { address: consul.address(), client: consul.client().unwrap_or_else(|error| panic!("{error}")) }
    }

    async fn ask(&self) -> Outcome<Child> {
        let now = self.client.request(reqwest::Method::GET, "/v1/kv/?recurse", "").await?;
        let index = now.headers().get("X-Consul-Index").and_then(|index| index.to_str().ok()).ok_or("no index")?;
        let url = format!("{}/v1/kv/?recurse&index={index}&wait=60s", self.address.trim_end_matches('/'));
        Ok(Command::new("curl").args(["--silent", &url]).stdout(Stdio::piped()).kill_on_drop(true).spawn()?)
    }

    async fn answer(&mut self, query: Child) -> Outcome<()> {
        let output = query.wait_with_output().await?;
        if output.status.success() && !output.stdout.is_empty() { Ok(()) } else { Err("curl failed".into()) }
    }
}
