//! 1,000 services, 5,000 instances, 10,000 keys: how long until the first whole picture, beside one keep-alive client that
//! fetches services, checks, keys and each service's instances one after the other?

use std::process::Stdio;
use std::time::Instant;

use lab::{Consul, Fleet};
use tokio::process::Command;

use crate::sample::{Sample, row};
use crate::{Outcome, executable};

/// Runs of each side, in turns.
const RUNS: usize = 9;

pub(crate) async fn measure(consul: &Consul) -> Outcome<()> {
    let (mut ours, mut theirs) = (Sample::default(), Sample::default());
    for _ in 0..RUNS {
        let started = Instant::now();
        let output = Command::new(executable("binnaclectl")?)
            .args(["snapshot", "-o", "json", "--wait", "30s", "--source", &format!("consul={}", consul.address())])
            .stderr(Stdio::inherit())
            .output()
            .await?;
        ours.add(started.elapsed());
        check_whole(&output.stdout)?;
        let started = Instant::now();
        one_after_the_other(consul).await?;
        theirs.add(started.elapsed());
    }
    row(
        "first whole picture of 1,000 services, with the start of the process and the JSON",
        &ours,
        &theirs,
        "p50 ≤ 1.0",
    );
    Ok(())
}

fn check_whole(printed: &[u8]) -> Outcome<()> {
    let snapshot: serde_json::Value = serde_json::from_slice(printed)?;
    let count = |field: &str| snapshot.get(field).and_then(serde_json::Value::as_array).map_or(0, Vec::len);
    let fleet = Fleet::LARGE;
    if count("services") >= fleet.services && count("config") >= fleet.keys {
        Ok(())
    } else {
        Err(format!("not whole: {} services, {} keys", count("services"), count("config")).into())
    }
}

async fn one_after_the_other(consul: &Consul) -> Outcome<()> {
    let client = consul.client()?;
    client.get("/v1/catalog/services").await?;
    client.get("/v1/health/state/any").await?;
    client.get("/v1/kv/?recurse").await?;
    for service in 0..Fleet::LARGE.services {
        client.get(&format!("/v1/health/service/{}", Fleet::service(service))).await?;
    }
    Ok(())
}
