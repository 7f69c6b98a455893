//! What a server says of itself, put together from how its parts are doing. Pure: time is passed in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use binnacle_model::snapshot::{DialectsSeen, Fault, SourceState, SourceStatus};
use jiff::{SignedDuration, Timestamp};

use super::SYSTEM;
use crate::error::{ErrorKind, SourceError};
use crate::http::shorten;
use crate::published::Published;
use crate::scrape::map::COLLECTIONS;

/// A clock that is off by less is not worth a word.
const TOLERATED_SKEW: SignedDuration = SignedDuration::from_secs(5);
/// How many of the server's own warnings are shown.
const MOST_WARNINGS: usize = 5;

/// How a server is doing.
#[derive(Debug)]
pub(super) struct Standing {
    address: Arc<str>,
    pub(super) product: Option<Arc<str>>,
    /// Why the server as a whole cannot be read, and when it is tried again.
    failing: Option<(SourceError, Timestamp)>,
    /// Parts that do not answer, by what they bring.
    parts: BTreeMap<String, SourceError>,
    /// What the server says of its answers, by what they bring.
    warnings: BTreeMap<String, Vec<String>>,
    /// Of which dialects it has metrics.
    dialects: Option<Arc<DialectsSeen>>,
    /// How declared kinds of metrics contradict the way in which they are read.
    contradictions: Vec<Arc<str>>,
    /// Why what it has is old.
    outdated: Option<String>,
    skew: SignedDuration,
    /// How many beats the whole picture takes, and how many questions it is.
    spread: Option<(usize, usize, Duration)>,
    /// Not every question was asked yet.
    first_round: bool,
    answered: bool,
    published: Published,
}

impl Standing {
    pub(super) fn new(address: &str) -> Self {
        Self {
            address: Arc::from(address),
            product: None,
            failing: None,
            parts: BTreeMap::new(),
            warnings: BTreeMap::new(),
            dialects: None,
            contradictions: Vec::new(),
            outdated: None,
            skew: SignedDuration::ZERO,
            spread: None,
            first_round: false,
            answered: false,
            published: Published::default(),
        }
    }

    /// Where and by which way it is reached now.
    pub(super) fn reached(&mut self, address: Arc<str>) {
        self.address = address;
    }

    /// Nothing could be read.
    pub(super) fn fails(&mut self, error: SourceError, next_try: Timestamp) {
        self.failing = Some((error, next_try));
    }

    /// A whole beat was read.
    pub(super) fn beat_ended(&mut self) {
        self.failing = None;
        self.answered = true;
    }

    /// How a part ended, with the server's own remarks on it.
    pub(super) fn part(&mut self, name: &str, ended: Result<Vec<String>, SourceError>) {
        match ended {
            Ok(said) if said.is_empty() => {
                self.parts.remove(name);
                self.warnings.remove(name);
            }
            Ok(said) => {
                self.parts.remove(name);
                self.warnings.insert(name.to_owned(), said);
            }
            Err(error) => {
                self.parts.insert(name.to_owned(), error);
            }
        }
    }

    /// Only these parts are asked for any more.
    pub(super) fn keep(&mut self, asked: impl Fn(&str) -> bool) {
        self.parts.retain(|name, _| asked(name));
        self.warnings.retain(|name, _| asked(name));
    }

    /// Of which dialects it has metrics, now that it was asked, and of which not.
    pub(super) fn dialects(&mut self, there: Vec<Arc<str>>, absent: Vec<Arc<str>>) {
        let silent = self.dialects.take().map(|seen| seen.silent.clone()).unwrap_or_default();
        self.dialects = Some(Arc::new(DialectsSeen { there, absent, silent }));
    }

    /// Which jobs show nothing that a dialect knows.
    pub(super) fn silent(&mut self, jobs: Vec<Arc<str>>) {
        if let Some(seen) = &mut self.dialects {
            Arc::make_mut(seen).silent = jobs;
        }
    }

    /// Metrics that are declared as something else than they are read as.
    pub(super) fn contradicted(&mut self, how: Vec<Arc<str>>) {
        self.contradictions = how;
    }

    /// Whether what the server has is old, and why.
    pub(super) fn outdated(&mut self, why: Option<String>) {
        self.outdated = why;
    }

    /// How far the server's clock is ahead. It is measured to a second, so a change of that much is none.
    pub(super) fn skew(&mut self, skew: SignedDuration) {
        if (skew - self.skew).abs() > SignedDuration::from_secs(2) {
            self.skew = skew;
        }
    }

    /// That the whole picture takes several beats; `None` when one is enough.
    pub(super) fn spread(&mut self, over: Option<(usize, usize, Duration)>) {
        self.spread = over;
    }

    /// Whether there are questions that were never asked: what they would bring is not seen yet.
    pub(super) fn first_round(&mut self, goes_on: bool) {
        self.first_round = goes_on;
    }

    /// The status to publish, when it is another than the one published last.
    pub(super) fn news(&mut self, now: Timestamp) -> Option<SourceStatus> {
        let (state, fault, next_try) = match (&self.failing, &self.outdated) {
            (Some((error, next_try)), _) => (SourceState::Failing, Some(error.fault()), Some(*next_try)),
            (None, Some(why)) => (SourceState::Stale, Some(self.outdated_fault(why)), None),
            (None, None) if self.answered => (SourceState::Live, None, None),
            (None, None) => (SourceState::Connecting, None, None),
        };
        let status = SourceStatus {
            state,
            since: self.published.since(state, now),
            address: self.address.clone(),
            product: self.product.clone(),
            fault,
            partial: if state == SourceState::Failing { Vec::new() } else { self.partial() },
            unseen: if self.first_round { COLLECTIONS.map(Arc::from).to_vec() } else { Vec::new() },
            dialects: self.dialects.clone(),
            notes: if state == SourceState::Failing { Vec::new() } else { self.notes() },
            next_try,
            abilities: Vec::new(),
        };
        self.published.news(status)
    }

    fn fault(&self, kind: ErrorKind, came_back: String, hint: &str) -> Fault {
        let tried = self.address.to_string();
        SourceError { system: SYSTEM, kind, tried, came_back, hint: hint.to_owned() }.fault()
    }

    fn outdated_fault(&self, why: &str) -> Fault {
        let hint =
            "It answers and does not scrape: see its own log and its targets. What is shown may be as old as that.";
        self.fault(ErrorKind::Outdated, why.to_owned(), hint)
    }

    fn contradiction(&self) -> Option<Fault> {
        let first = self.contradictions.first()?;
        let what = match self.contradictions.len() {
            1 => first.to_string(),
            all => {
                format!("{all} metrics are declared otherwise than they are read: {}", self.contradictions.join("; "))
            }
        };
        let hint =
            "Their numbers may mean something else: see who declares them, or correct the dialect that reads them.";
        Some(self.fault(ErrorKind::NotUnderstood, shorten(&what), hint))
    }

    fn partial(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.skew.abs() > TOLERATED_SKEW {
            let (seconds, side) =
                (self.skew.abs().as_secs(), if self.skew.is_negative() { "behind" } else { "ahead of" });
            let what = format!("its clock is {seconds} s {side} this computer's");
            faults.push(self.fault(
                ErrorKind::ClockSkew,
                what,
                "Times that it tells are off by that much: set the clock that is wrong.",
            ));
        }
        // Many parts fail of one cause; it is said once.
        let mut said: BTreeMap<(String, &str), (Fault, usize)> = BTreeMap::new();
        for error in self.parts.values() {
            let entry = said.entry((error.code(), &error.hint)).or_insert_with(|| (error.fault(), 0));
            entry.1 += 1;
        }
        faults.extend(said.into_values().map(|(fault, times)| match times {
            1 => fault,
            more => Fault { detail: Arc::from(format!("{} (and {} more questions)", fault.detail, more - 1)), ..fault },
        }));
        let remarks: BTreeSet<&String> = self.warnings.values().flatten().collect();
        let hint = "The server says so of its own answer; what is shown is what it had.";
        faults.extend(
            remarks.into_iter().take(MOST_WARNINGS).map(|text| self.fault(ErrorKind::Incomplete, text.clone(), hint)),
        );
        faults.extend(self.contradiction());
        faults
    }

    fn notes(&self) -> Vec<Arc<str>> {
        let spread = self.spread.map(|(questions, beats, beat)| {
            let seconds = beat.as_secs() * beats as u64;
            let what = format!(
                "{questions} questions make the whole picture. So that the server is not burdened they are spread over"
            );
            Arc::from(format!("{what} {beats} beats: numbers are up to {seconds} s old."))
        });
        spread.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrape::map::CALLS;

    fn error(kind: ErrorKind, tried: &str) -> SourceError {
        SourceError { system: SYSTEM, kind, tried: tried.to_owned(), came_back: "no".into(), hint: "wait".into() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn codes(status: &SourceStatus) -> Vec<&str> {
        status.partial.iter().map(|fault| &*fault.code).collect()
    }

    #[test]
    fn it_is_live_after_a_whole_beat_and_told_once() {
        let mut standing = Standing::new("http://x");
        assert_eq!(standing.news(at(1)).unwrap().state, SourceState::Connecting);
        standing.beat_ended();
        assert_eq!(standing.news(at(2)).unwrap().state, SourceState::Live);
        assert_eq!(standing.news(at(3)), None);
    }

    #[test]
    fn what_was_never_asked_for_is_not_seen() {
        let mut standing = Standing::new("http://x");
        standing.first_round(true);
        standing.beat_ended();
        assert!(standing.news(at(1)).unwrap().unseen.iter().any(|unseen| **unseen == *CALLS));
        standing.first_round(false);
        assert!(standing.news(at(2)).unwrap().unseen.is_empty());
    }

    #[test]
    fn a_failure_says_when_it_is_tried_again_and_ends_with_the_next_beat() {
        let mut standing = Standing::new("http://x");
        standing.fails(error(ErrorKind::Unreachable, "a"), at(9));
        let status = standing.news(at(1)).unwrap();
        assert_eq!((status.state, status.next_try), (SourceState::Failing, Some(at(9))));
        standing.beat_ended();
        assert_eq!(standing.news(at(3)).unwrap().state, SourceState::Live);
    }

    #[test]
    fn parts_that_fail_of_one_cause_are_said_once_and_the_rest_is_live() {
        let mut standing = Standing::new("http://x");
        standing.beat_ended();
        standing.part("a", Err(error(ErrorKind::TimedOut, "a")));
        standing.part("b", Err(error(ErrorKind::TimedOut, "b")));
        standing.part("c", Err(error(ErrorKind::AclDenied, "c")));
        let status = standing.news(at(1)).unwrap();
        assert_eq!(codes(&status), ["prometheus.acl_denied", "prometheus.timed_out"]);
        assert!(status.partial[1].detail.contains("(and 1 more questions)"));
        standing.part("a", Ok(Vec::new()));
        standing.keep(|name| name == "a");
        assert!(standing.news(at(2)).unwrap().partial.is_empty());
    }

    #[test]
    fn warnings_clocks_and_a_spread_picture_are_told() {
        let mut standing = Standing::new("http://x");
        standing.beat_ended();
        standing.part("a", Ok(vec!["a store did not answer".to_owned()]));
        standing.part("b", Ok(vec!["a store did not answer".to_owned()]));
        standing.skew(SignedDuration::from_secs(-90));
        standing.spread(Some((41, 2, Duration::from_secs(15))));
        let status = standing.news(at(1)).unwrap();
        assert_eq!(codes(&status), ["prometheus.clock_skew", "prometheus.incomplete"]);
        assert!(status.partial[0].detail.contains("90 s behind"), "{}", status.partial[0].detail);
        let [note] = &*status.notes else { panic!("{:?}", status.notes) };
        assert!(note.contains("41 questions") && note.contains("up to 30 s old"), "{note}");
    }

    #[test]
    fn metrics_that_are_declared_otherwise_are_counted_in_one_fault() {
        let mut standing = Standing::new("http://x");
        standing.beat_ended();
        standing.contradicted(vec![Arc::from("a is read as a counter, and declared as a gauge"), Arc::from("b too")]);
        let status = standing.news(at(1)).unwrap();
        assert_eq!((codes(&status), status.state), (vec!["prometheus.not_understood"], SourceState::Live));
        assert!(status.partial[0].detail.contains("2 metrics are declared otherwise"), "{}", status.partial[0].detail);
        standing.contradicted(Vec::new());
        assert!(standing.news(at(2)).unwrap().partial.is_empty());
    }

    #[test]
    fn what_it_has_metrics_of_is_told_once_it_was_asked() {
        let word = |word: &str| vec![Arc::from(word)];
        let mut standing = Standing::new("http://x");
        standing.silent(word("node"));
        assert_eq!(standing.news(at(1)).unwrap().dialects, None);
        standing.dialects(word("istio"), word("envoy"));
        standing.silent(word("node"));
        standing.dialects(word("istio"), word("linkerd"));
        let seen = DialectsSeen { there: word("istio"), absent: word("linkerd"), silent: word("node") };
        assert_eq!(standing.news(at(2)).unwrap().dialects, Some(Arc::new(seen)));
    }

    #[test]
    fn old_samples_make_it_stale() {
        let mut standing = Standing::new("http://x");
        standing.beat_ended();
        standing.outdated(Some("its newest sample is 200 s old".to_owned()));
        let status = standing.news(at(1)).unwrap();
        assert_eq!((status.state, &*status.fault.unwrap().code), (SourceState::Stale, "prometheus.outdated"));
    }
}
