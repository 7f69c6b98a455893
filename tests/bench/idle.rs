//! What watching 1,000 services, 5,000 instances and 10,000 keys costs while nothing changes: requests, memory, processor.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use binnacle_engine::{Clock, Engine, EngineConfig};
use binnacle_history::History;
use binnacle_model::id::SourceKind;
use binnacle_sources::consul::Pace;
use binnacle_sources::{ConnectionSpec, Environment};
use lab::Consul;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::{Outcome, executable};

/// How long the idle time is watched.
pub(crate) const WATCHED: Duration = Duration::from_secs(60);
/// Clock ticks a second of `/proc/PID/stat`, the same on every Linux that this runs on.
pub(crate) const TICKS: f64 = 100.0;

pub(crate) async fn measure(consul: &Consul) -> Outcome<()> {
    let mut child = Command::new(executable("binnaclectl")?)
        .args(["watch", "-o", "jsonl", "--wait", "30s", "--source", &format!("consul={}", consul.address())])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no pipe")?).lines();
    while let Some(line) = lines.next_line().await? {
        if line.contains("\"ready\"") {
            break;
        }
    }
    let pid = child.id().ok_or("watch ended")?;
    let engine = reader(consul).await?;
    let (ticks_before, requests_before) = (ticks(pid)?, requests(&engine));
    tokio::time::sleep(WATCHED).await;
    let share = (ticks(pid)? - ticks_before) / TICKS / WATCHED.as_secs_f64() * 100.0;
    println!("| idle processor of `watch`, 1,000 services | {share:.2} % of a core | – | – | ≤ 1 % |");
    println!("| memory of `watch`, 1,000 services | {:.0} MB | – | – | ≤ 60 MB |", resident_mb(pid)?);
    let sent = requests(&engine) - requests_before;
    println!("| requests in a minute on an idle catalog of 1,000 services | {sent} | – | – | – |");
    engine.stop().await;
    child.kill().await?;
    Ok(())
}

fn proc_file(pid: u32, name: &str) -> Outcome<String> {
    Ok(std::fs::read_to_string(PathBuf::from(format!("/proc/{pid}/{name}")))?)
}

/// Processor time used, in ticks: fields 14 and 15 of `stat`, counted behind the name in brackets.
pub(crate) fn ticks(pid: u32) -> Outcome<f64> {
    let stat = proc_file(pid, "stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |place: usize| fields.get(place).and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN);
    Ok(field(11) + field(12))
}

/// The memory that would be free without this process: its own, and its share of what it has in common with others.
pub(crate) fn pss_mb(pid: u32) -> Outcome<f64> {
    let rollup = proc_file(pid, "smaps_rollup")?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).ok_or("no Pss")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1024.0)
}

fn resident_mb(pid: u32) -> Outcome<f64> {
    let status = proc_file(pid, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1024.0)
}

/// A second reader in this process, whose own meter counts what it asks for. It waits from the first on as long as one that
/// has run for some minutes.
async fn reader(consul: &Consul) -> Outcome<Engine> {
    let spec = ConnectionSpec { kind: SourceKind::Consul, place: consul.address() };
    let engine = Engine::start(EngineConfig {
        connections: Vec::new(),
        environment: Environment::default(),
        history: Arc::new(History::in_memory()?),
        actor: "bench".to_owned(),
        read_only: true,
        clock: Clock::system(),
    })
    .await?;
    let pace = Pace { first_wait: Pace::default().wait, ..Pace::default() };
    let connection = binnacle_sources::consul::Consul::new(spec, &Environment::default())?.with_pace(pace);
    engine.supervise(Arc::new(connection));
    engine.first_picture(Duration::from_secs(30)).await.map_err(|missing| format!("no picture: {missing:?}"))?;
    Ok(engine)
}

fn requests(engine: &Engine) -> u64 {
    engine.connections().iter().map(|connection| connection.meter.requests()).sum()
}
