//! What was published of each process, and what becomes of that which a server does not name any more. Pure: time is passed in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use binnacle_model::fact::{ObjectKey, Observation};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::scrape::unknown;

/// By process, and then by object.
#[derive(Debug, Default)]
pub(super) struct Held {
    processes: BTreeMap<Arc<str>, BTreeMap<ObjectKey, Statement>>,
}

/// What was published of one object, and since when the server does not name it.
#[derive(Debug)]
struct Statement {
    observation: Observation,
    missing_since: Option<Instant>,
}

/// When a thing that is not named counts as gone. Until then it is there, and nothing is known of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience<'a> {
    /// Whether all questions were answered in full: otherwise nothing is gone that is not named.
    pub(super) whole: bool,
    /// How long it must stay away. After a restart a counter has no rate for two scrapes.
    pub(super) absence: Duration,
    /// Processes that are listed and do not answer the server: nothing of theirs is gone.
    pub(super) down: &'a BTreeSet<Arc<str>>,
}

/// What changed.
#[derive(Debug, Default)]
pub(super) struct Difference {
    pub(super) put: Vec<Observation>,
    pub(super) removed: Vec<ObjectKey>,
}

impl Held {
    /// Whether anything is known of a process.
    pub(super) fn has(&self, process: &str) -> bool {
        self.processes.contains_key(process)
    }

    /// Takes over what the server says now.
    pub(super) fn take(
        &mut self,
        mut fresh: BTreeMap<Arc<str>, Vec<Observation>>,
        patience: Patience<'_>,
        now: Instant,
        seen: Timestamp,
    ) -> Difference {
        let mut difference = Difference::default();
        for name in fresh.keys() {
            self.processes.entry(name.clone()).or_default();
        }
        for (name, held) in &mut self.processes {
            let named = fresh.remove(name).into_iter().flatten();
            let mut named: BTreeMap<ObjectKey, Observation> = named.map(|one| (one.object.clone(), one)).collect();
            let is_down = patience.down.contains(name);
            held.retain(|object, statement| {
                if let Some(observation) = named.remove(object) {
                    statement.missing_since = None;
                    statement.replace(observation, &mut difference.put);
                    return true;
                }
                let since = *statement.missing_since.get_or_insert(now);
                let stays = !patience.whole || is_down || now.duration_since(since) < patience.absence;
                if stays {
                    statement.fade(seen, &mut difference.put);
                } else {
                    difference.removed.push(object.clone());
                }
                stays
            });
            for (object, observation) in named {
                difference.put.push(observation.clone());
                held.insert(object, Statement { observation, missing_since: None });
            }
        }
        self.processes.retain(|_, held| !held.is_empty());
        difference
    }
}

impl Statement {
    fn replace(&mut self, observation: Observation, put: &mut Vec<Observation>) {
        if self.observation.fact != observation.fact {
            put.push(observation.clone());
            self.observation = observation;
        }
    }

    fn fade(&mut self, seen: Timestamp, put: &mut Vec<Observation>) {
        let fact = unknown(&self.observation.fact);
        let observation = Observation { fact, seen, ..self.observation.clone() };
        self.replace(observation, put);
    }
}

#[cfg(test)]
mod tests {
    use binnacle_model::fact::{
        CallsBasis, CallsFact, Fact, How, Observer, Origin, Party, Pattern, Payload, Protocol, Signals,
    };

    use super::*;

    const ABSENCE: Duration = Duration::from_secs(60);

    fn calls(rps: Option<f64>) -> Observation {
        let basis = CallsBasis::Observed(Signals { rps, ..Signals::default() });
        let (caller, callee) = (Party::Named(Arc::from("a")), Party::Named(Arc::from("b")));
        let (protocol, pattern, payload) = (Protocol::Http, Pattern::Rpc, Payload::Json);
        Observation {
            object: ObjectKey::new("calls", "a/b"),
            fact: Fact::Calls(CallsFact {
                caller,
                callee,
                protocol,
                pattern,
                payload,
                basis,
                observer: Observer::default(),
            }),
            seen: Timestamp::UNIX_EPOCH,
            version: None,
            origin: Arc::new(Origin { query: Arc::from("q"), how: How::Asked }),
        }
    }

    /// A process that was named once, and then not for so many seconds.
    struct Absent {
        held: Held,
        began: Instant,
    }

    impl Absent {
        fn new() -> Self {
            let mut absent = Self { held: Held::default(), began: Instant::now() };
            let first = absent.at(0, Some(5.0), true, &[]);
            assert_eq!((first.put.len(), first.removed.len()), (1, 0));
            absent
        }

        fn at(&mut self, second: u64, rps: Option<f64>, whole: bool, down: &[&str]) -> Difference {
            let fresh = rps.map(|rps| (Arc::from("a"), vec![calls(Some(rps))])).into_iter().collect();
            let down = down.iter().map(|name| Arc::from(*name)).collect();
            let patience = Patience { whole, absence: ABSENCE, down: &down };
            self.held.take(fresh, patience, self.began + Duration::from_secs(second), Timestamp::UNIX_EPOCH)
        }
    }

    #[test]
    fn what_is_not_named_is_unknown_at_first_and_gone_when_it_stays_away() {
        let mut absent = Absent::new();
        let faded = absent.at(15, None, true, &[]);
        assert_eq!(faded.put.iter().map(|one| &one.fact).collect::<Vec<_>>(), [&calls(None).fact]);
        let still = absent.at(60, None, true, &[]);
        assert!(still.put.is_empty() && still.removed.is_empty());
        assert_eq!(absent.at(75, None, true, &[]).removed, [calls(None).object]);
        assert!(!absent.held.has("a"));
    }

    #[test]
    fn what_comes_back_begins_anew() {
        let mut absent = Absent::new();
        absent.at(15, None, true, &[]);
        assert_eq!(absent.at(30, Some(5.0), true, &[]).put.len(), 1);
        absent.at(45, None, true, &[]);
        assert!(absent.at(90, None, true, &[]).removed.is_empty(), "it is away for 45 s only");
    }

    #[test]
    fn nothing_is_gone_by_an_answer_with_gaps_or_while_its_process_is_down() {
        let mut absent = Absent::new();
        absent.at(15, None, true, &[]);
        assert!(absent.at(500, None, false, &[]).removed.is_empty());
        assert!(absent.at(600, None, true, &["a"]).removed.is_empty());
        assert_eq!(absent.at(700, None, true, &["b"]).removed.len(), 1);
    }

    #[test]
    fn the_same_again_is_no_news() {
        let mut absent = Absent::new();
        assert!(absent.at(15, Some(5.0), true, &[]).put.is_empty());
        assert_eq!(absent.at(30, Some(6.0), true, &[]).put.len(), 1);
    }
}
