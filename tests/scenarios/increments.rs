//! The lost update, hunted: two thousand guarded increments of one counter by eight loops at once, four of them through the
//! engine and four through the terminal program, one of those killed again and again, while somebody else counts too.
//!
//! Every value of a counter is written by exactly one writer, so each one from 1 to the last must have its writer: an
//! acknowledged increment, or one that was in flight at a kill, which the audit shows as pending.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use binnacle_engine::edits::{Draft, EditError, EditState, Edits, Expect};
use binnacle_history::{Filter, History};
use lab::{Consul, ConsulClient};
use reqwest::Method;
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::binnaclectl::executable;
use crate::edits::{edits_at, id, put};

const COUNTER: &str = "increments/counter";
const FLAGS: u64 = 42;
const LOOPS_OF_EACH_KIND: usize = 4;
const INCREMENTS_EACH: usize = 250;
const DEADLINE: Duration = Duration::from_secs(300);

/// What a loop knows of its increments.
#[derive(Default)]
struct Tally {
    /// The values that it was told are written.
    acknowledged: Vec<u64>,
    /// How often somebody else was faster.
    refused: usize,
    /// How often its process was killed.
    killed: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_increment_is_lost_among_eight_loops_another_client_and_kills() {
    let program = executable().await;
    let consul = Consul::open().await.unwrap();
    let client = consul.client().unwrap();
    client.kv_put_with_flags(COUNTER, b"0", FLAGS).await.unwrap();
    let created = client.kv_get(COUNTER).await.unwrap().unwrap().create_index;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.sqlite");
    let done = Arc::new(AtomicBool::new(false));

    let mut others = JoinSet::new();
    others.spawn(somebody_else(client.clone(), done.clone()));
    let mut loops = JoinSet::new();
    for number in 0..LOOPS_OF_EACH_KIND {
        let history = Arc::new(History::open(&file).unwrap());
        loops.spawn(through_the_engine(edits_at(&consul.address(), &[], history)));
        let kills = (number == 0).then(Kills::default);
        let terminal = Terminal {
            program: program.to_owned(),
            address: consul.address(),
            history: file.clone(),
            client: client.clone(),
        };
        loops.spawn(through_the_terminal(terminal, kills));
    }
    let started = Instant::now();
    let tallies = tokio::time::timeout(DEADLINE, loops.join_all()).await.expect("all loops end in time");
    done.store(true, Ordering::Relaxed);
    let foreign = others.join_all().await.remove(0);

    let last = client.kv_get(COUNTER).await.unwrap().unwrap();
    assert_eq!((last.flags, last.create_index), (FLAGS, created));
    let total: u64 = std::str::from_utf8(&last.value).unwrap().parse().unwrap();
    let acknowledged: Vec<u64> = tallies.iter().flat_map(|tally| tally.acknowledged.clone()).collect();
    assert_eq!(acknowledged.len(), 2 * LOOPS_OF_EACH_KIND * INCREMENTS_EACH);
    let kills: usize = tallies.iter().map(|tally| tally.killed).sum();
    let refused: usize = tallies.iter().map(|tally| tally.refused).sum();
    println!(
        "{total} increments in {:?}: {} acknowledged, {} by somebody else, {refused} refused, {kills} kills",
        started.elapsed(),
        acknowledged.len(),
        foreign.len()
    );
    assert!(kills > 10 && refused > 100, "the loops met kills ({kills}) and each other ({refused})");
    account(&file, total, &acknowledged, &foreign, kills);
}

/// Finds the writer of every value.
fn account(file: &Path, total: u64, acknowledged: &[u64], foreign: &[u64], kills: usize) {
    let history = History::open(file).unwrap();
    let mut audited: BTreeMap<EditState, Vec<u64>> = BTreeMap::new();
    for line in history.edits(&Filter { key: None, newest: u32::MAX }).unwrap() {
        if matches!(line.state, EditState::Refused) {
            continue;
        }
        let line = history.edit(line.id).unwrap().unwrap();
        let bytes = line.keys[0].after.as_ref().unwrap().bytes.clone().unwrap();
        audited.entry(line.state).or_default().push(String::from_utf8(bytes).unwrap().parse().unwrap());
    }
    let applied = audited.remove(&EditState::Applied).unwrap_or_default();
    let in_flight = audited.remove(&EditState::Pending).unwrap_or_default();
    assert!(audited.is_empty(), "neither failed nor unknown: {audited:?}");
    assert!(in_flight.len() <= kills, "{} pending after {kills} kills", in_flight.len());

    let mut writers: BTreeMap<u64, usize> = BTreeMap::new();
    for value in applied.iter().chain(foreign) {
        *writers.entry(*value).or_default() += 1;
    }
    let twice: Vec<_> = writers.iter().filter(|(_, writers)| **writers > 1).collect();
    assert!(twice.is_empty(), "values that two writers were told they wrote: {twice:?}");
    let applied: BTreeSet<u64> = applied.into_iter().collect();
    let unaudited: Vec<_> = acknowledged.iter().filter(|value| !applied.contains(value)).collect();
    assert!(unaudited.is_empty(), "acknowledged and not in the audit: {unaudited:?}");
    let landed: Vec<u64> = (1..=total).filter(|value| !writers.contains_key(value)).collect();
    let unexplained: Vec<_> = landed.iter().filter(|value| !in_flight.contains(value)).collect();
    assert!(unexplained.is_empty(), "values without a writer: {unexplained:?}");
    let known = u64::try_from(writers.len() + landed.len()).unwrap();
    assert_eq!(known, total, "an acknowledged increment is missing from the counter");
}

async fn through_the_engine(edits: Edits) -> Tally {
    let mut tally = Tally::default();
    while tally.acknowledged.len() < INCREMENTS_EACH {
        let seen = edits.read(&id(COUNTER)).await.unwrap().unwrap();
        let next = number(&seen.bytes) + 1;
        let draft = Draft { expect: Some(Expect::Version(seen.version)), ..put(COUNTER, next.to_string().as_bytes()) };
        let written = match edits.plan(vec![draft]).await {
            Ok(plan) => edits.apply(&plan, None).await.map(drop),
            Err(error) => Err(error),
        };
        match written {
            Ok(()) => tally.acknowledged.push(next),
            Err(EditError::Refused { .. }) => tally.refused += 1,
            Err(error) => panic!("{}: {error}", error.code()),
        }
    }
    tally
}

fn number(bytes: &[u8]) -> u64 {
    std::str::from_utf8(bytes).unwrap().parse().unwrap()
}

/// The terminal program, with what it needs.
struct Terminal {
    program: PathBuf,
    address: String,
    history: PathBuf,
    /// Reads what the next increment begins from.
    client: ConsulClient,
}

impl Terminal {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .arg("--source")
            .arg(format!("consul={}", self.address))
            .arg("--history")
            .arg(&self.history);
        command.env_clear().env("USER", "tester");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }
}

/// When to kill: at moments spread evenly over the time that a write takes, so that every step of it is hit.
struct Kills {
    a_write_takes: Duration,
    next: u32,
}

impl Default for Kills {
    fn default() -> Self {
        Self { a_write_takes: Duration::from_millis(100), next: 0 }
    }
}

impl Kills {
    const STEPS: u32 = 64;

    /// Every second write is left alone.
    fn after(&mut self) -> Option<Duration> {
        self.next = (self.next + 37) % (2 * Self::STEPS);
        (self.next % 2 == 1).then(|| self.a_write_takes * self.next / (2 * Self::STEPS))
    }
}

async fn through_the_terminal(terminal: Terminal, mut kills: Option<Kills>) -> Tally {
    let mut tally = Tally::default();
    while tally.acknowledged.len() < INCREMENTS_EACH {
        let seen = terminal.client.kv_get(COUNTER).await.unwrap().unwrap();
        let next = number(&seen.value) + 1;
        let (text, version) = (next.to_string(), seen.modify_index.to_string());
        let arguments =
            ["config", "set", id(COUNTER).as_str(), "--value", &text, "--expect", &version].map(str::to_owned);
        let mut child = terminal.command(&arguments.each_ref().map(String::as_str)).spawn().unwrap();
        let started = Instant::now();
        if let Some(after) = kills.as_mut().and_then(Kills::after)
            && tokio::time::timeout(after, child.wait()).await.is_err()
        {
            child.start_kill().unwrap();
        }
        let output = child.wait_with_output().await.unwrap();
        match (output.status.code(), output.status.signal()) {
            (Some(0), _) => {
                tally.acknowledged.push(next);
                if let Some(kills) = &mut kills {
                    kills.a_write_takes = started.elapsed();
                }
            }
            (Some(4), _) => tally.refused += 1,
            (None, Some(9)) => tally.killed += 1,
            other => panic!("{other:?}: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }
    tally
}

/// Counts with bare requests, each time that somebody else has counted since.
async fn somebody_else(client: ConsulClient, done: Arc<AtomicBool>) -> Vec<u64> {
    let mut acknowledged: Vec<u64> = Vec::new();
    let mut index = 0;
    while !done.load(Ordering::Relaxed) && acknowledged.len() < INCREMENTS_EACH {
        let seen = client.get(&format!("/v1/kv/{COUNTER}?index={index}&wait=1s")).await.unwrap();
        index = seen[0]["ModifyIndex"].as_u64().unwrap();
        let next = number(&STANDARD.decode(seen[0]["Value"].as_str().unwrap()).unwrap()) + 1;
        if acknowledged.last().is_some_and(|last| last + 1 == next) {
            continue;
        }
        let path = format!("/v1/kv/{COUNTER}?cas={index}&flags={FLAGS}");
        let answer = client.request(Method::PUT, &path, next.to_string()).await.unwrap();
        if answer.error_for_status().unwrap().text().await.unwrap().trim() == "true" {
            acknowledged.push(next);
        }
    }
    acknowledged
}
