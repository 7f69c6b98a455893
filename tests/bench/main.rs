//! `make bench`: how fast Binnacle is beside a peer that does the same in the same run. Ratios count, absolute times move with
//! the machine. Nothing here passes or fails; `docs/performance.md` says what was measured and what misses its goal.

mod breakers;
#[allow(clippy::indexing_slicing, reason = "serde_json gives null for what is not there")]
mod cluster;
mod crowded_window;
mod idle;
mod key_to_line;
mod metrics;
mod picture;
mod questions;
mod sample;
mod window;

use std::path::PathBuf;

use clap::Parser;
use lab::Consul;

/// Any error ends the run: a benchmark with a part missing would be read as a whole one.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures Binnacle against peers, on real servers of the lab.
#[derive(Parser)]
struct Arguments {
    /// Changes per latency measurement.
    #[arg(long, default_value_t = 200)]
    changes: usize,
    /// Given by cargo to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
    /// Which parts to run: keys, picture, idle, metrics, breakers, prometheus, cluster, window, crowd. All when none is named.
    parts: Vec<String>,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    lab::install_tls_provider();
    let arguments = Arguments::parse();
    let wanted = |part: &str| arguments.parts.is_empty() || arguments.parts.iter().any(|named| named == part);
    println!("| what | Binnacle | peer | ratio | goal |\n| --- | --- | --- | --- | --- |");
    if wanted("keys") {
        let consul = Consul::open().await?;
        key_to_line::measure(&consul, arguments.changes).await?;
    }
    if wanted("picture") || wanted("idle") {
        let consul = Consul::open().await?;
        lab::Fleet::LARGE.load(&consul.client()?).await?;
        if wanted("picture") {
            picture::measure(&consul).await?;
        }
        if wanted("idle") {
            idle::measure(&consul).await?;
        }
    }
    if wanted("metrics") {
        metrics::measure()?;
    }
    if wanted("breakers") {
        breakers::measure(arguments.changes).await?;
    }
    if wanted("prometheus") {
        questions::measure().await?;
    }
    if wanted("cluster") {
        cluster::measure(arguments.changes).await?;
    }
    if wanted("window") {
        window::measure(arguments.changes).await?;
    }
    if wanted("crowd") {
        crowded_window::measure().await?;
    }
    Ok(())
}

/// A release executable of this build: `binnaclectl` or `binnacle`.
pub(crate) fn executable(name: &str) -> Outcome<PathBuf> {
    let this = std::env::current_exe()?;
    // This program is target/release/deps/bench-HASH.
    let path = this.ancestors().nth(2).ok_or("this program has no folder")?.join(name);
    if path.is_file() { Ok(path) } else { Err(format!("{} is not built; run `make bench`", path.display()).into()) }
}
