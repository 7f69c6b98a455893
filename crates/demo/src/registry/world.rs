//! Everything the registry knows, behind one lock, and the way to wait for a change of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::agent::{Agent, Extent, SERF_HEALTH};
use super::answer::Refusal;
use super::catalog::{Catalog, Check, Node, Status, TextMap};
use super::config_entries::ConfigEntries;
use super::keys::Keys;
use super::question::Consistency;
use super::{DATACENTER, NODE, VERSION};

/// Consul's default for `wait`, and the longest it takes.
const DEFAULT_WAIT: Duration = Duration::from_secs(5 * 60);
const LONGEST_WAIT: Duration = Duration::from_secs(10 * 60);

#[derive(Debug)]
pub(crate) struct Tables {
    /// The index of the last write, of whatever kind.
    pub(crate) index: u64,
    pub(crate) catalog: Catalog,
    pub(crate) keys: Keys,
    pub(crate) config: ConfigEntries,
    pub(crate) agent: Agent,
}

impl Tables {
    /// The indexes that every answer's index comes from: when none of them moved, no waiting read has news.
    fn visible(&self) -> (u64, u64, u64) {
        (self.catalog.dump_index(), self.keys.table_index(), self.config.index())
    }

    /// Brings the catalog in line with the agent.
    pub(crate) fn synchronise(&mut self, now: Instant, extent: Extent) {
        self.agent.synchronise(now, self.index, &mut self.catalog, extent);
    }
}

/// What a read found: the index to answer with, and whether the thing asked for is absent.
pub(crate) struct Seen {
    pub(crate) index: u64,
    pub(crate) absent: bool,
}

impl Seen {
    pub(crate) fn at(index: u64) -> Seen {
        Seen { index, absent: false }
    }
}

pub(crate) struct World {
    tables: Mutex<Tables>,
    changed: watch::Sender<u64>,
    /// Wakes the one who runs the checks, when one is new or another is due sooner.
    pub(crate) checks_changed: Notify,
    pub(crate) stop: CancellationToken,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) node_id: String,
}

impl World {
    pub(crate) fn new(stop: CancellationToken, address: std::net::SocketAddr, node_id: String) -> World {
        let mut tables = Tables {
            index: 10,
            catalog: Catalog::default(),
            keys: Keys::default(),
            config: ConfigEntries::new(10),
            agent: Agent::on(NODE),
        };
        tables.catalog.put_node(10, own_node(&node_id));
        let serf = Check {
            node: NODE.to_owned(),
            id: SERF_HEALTH.to_owned(),
            name: "Serf Health Status".to_owned(),
            status: Status::Passing,
            output: "Agent alive and reachable".to_owned(),
            ..Check::default()
        };
        if let Err(reason) = tables.catalog.put_check(10, serf) {
            tracing::error!(reason, "the registry's own node is missing");
        }
        World {
            tables: Mutex::new(tables),
            changed: watch::Sender::new(10),
            checks_changed: Notify::new(),
            stop,
            address,
            node_id,
        }
    }

    /// Looks, without waiting.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Tables) -> T) -> T {
        look(&self.lock())
    }

    /// Changes something, at an index of its own, and wakes everyone who waits when there is anything new to see.
    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut Tables) -> T) -> T {
        let (answer, index, news) = {
            let mut tables = self.lock();
            let before = tables.visible();
            tables.index += 1;
            let answer = change(&mut tables);
            (answer, tables.index, tables.visible() != before)
        };
        if news {
            self.changed.send_replace(index);
        }
        answer
    }

    /// Changes the agent's own state, brings the catalog in line with it, and has the checks looked at.
    pub(crate) fn write_agent<T>(&self, change: impl FnOnce(&mut Tables, Instant) -> T) -> T {
        let now = Instant::now();
        let answer = self.write(|tables| {
            let answer = change(tables, now);
            tables.synchronise(now, Extent::Changes);
            answer
        });
        self.checks_changed.notify_one();
        answer
    }

    /// A read that waits, as Consul's blocking queries do (agent/blockingquery): until the index is greater than the
    /// one the client has, or its time is up. For a thing that is absent, writes elsewhere do not end the wait.
    pub(crate) async fn wait<T>(
        &self,
        asked: &Consistency,
        see: impl Fn(&Tables) -> Seen,
        answer: impl FnOnce(&Tables) -> T,
    ) -> Result<(u64, T), Refusal> {
        let wait = asked.wait.filter(|wait| !wait.is_zero()).unwrap_or(DEFAULT_WAIT).min(LONGEST_WAIT);
        let deadline = tokio::time::Instant::now() + wait;
        let mut changes = self.changed.subscribe();
        let mut known = asked.index;
        let mut was_absent = false;
        loop {
            changes.borrow_and_update();
            {
                let tables = self.lock();
                let seen = see(&tables);
                if seen.absent && was_absent {
                    known = seen.index;
                }
                was_absent = seen.absent;
                if asked.index == 0 || seen.index > known {
                    return Ok((seen.index.max(1), answer(&tables)));
                }
            }
            let woken = tokio::select! {
                () = self.stop.cancelled() => return Err(Refusal::stopping()),
                woken = tokio::time::timeout_at(deadline, changes.changed()) => woken,
            };
            if !matches!(woken, Ok(Ok(()))) {
                let tables = self.lock();
                return Ok((see(&tables).index.max(1), answer(&tables)));
            }
        }
    }

    /// A panic elsewhere left the tables as they were between two writes of one field; they are still the best there is.
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn own_node(id: &str) -> Node {
    let lan = [("lan", "127.0.0.1"), ("lan_ipv4", "127.0.0.1"), ("wan", "127.0.0.1"), ("wan_ipv4", "127.0.0.1")];
    let meta = [("consul-network-segment", ""), ("consul-version", VERSION), ("binnacle-demo", DATACENTER)];
    Node {
        id: id.to_owned(),
        name: NODE.to_owned(),
        address: "127.0.0.1".to_owned(),
        tagged_addresses: Some(owned(&lan)),
        meta: Some(owned(&meta)),
    }
}

fn owned(pairs: &[(&str, &str)]) -> TextMap {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Poll;

    use futures_util::poll;

    use super::*;

    fn world() -> World {
        World::new(CancellationToken::new(), ([127, 0, 0, 1], 1).into(), String::new())
    }

    fn set(world: &World, key: &str) {
        world.write(|tables| tables.keys.set(tables.index, key, b"x".to_vec(), 0));
    }

    fn seen(tables: &Tables) -> Seen {
        match tables.keys.get("awaited") {
            Some(entry) => Seen::at(entry.modify),
            None => Seen { index: tables.keys.table_index(), absent: true },
        }
    }

    const PATIENT: Consistency = Consistency { index: 10, wait: Some(Duration::from_secs(600)), mode: "leader" };

    #[tokio::test]
    async fn a_read_of_what_is_absent_sleeps_through_writes_elsewhere() {
        let world = world();
        let mut read = pin!(world.wait(&PATIENT, seen, |tables| tables.keys.get("awaited").is_some()));
        assert!(poll!(&mut read).is_pending());
        for key in ["other", "another"] {
            set(&world, key);
            assert!(poll!(&mut read).is_pending(), "woken by {key}");
        }
        set(&world, "awaited");
        assert!(matches!(poll!(&mut read), Poll::Ready(Ok((13, true)))));
    }

    #[tokio::test]
    async fn a_read_that_waits_is_ended_when_the_registry_stops() {
        let world = world();
        let mut read = pin!(world.wait(&PATIENT, seen, |_| ()));
        assert!(poll!(&mut read).is_pending());
        world.stop.cancel();
        assert!(matches!(poll!(&mut read), Poll::Ready(Err(_))));
    }
}
