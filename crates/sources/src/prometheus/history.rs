//! How signals went: the questions of the beat, asked about many moments and about few processes, when somebody looks.
//!
//! ```text
//!  facts ─▶ wanted, counters ─promql─▶ questions ─api─▶ lines ─▶ at each moment: board ─map─▶ facts ─▶ signals
//! ```
//!
//! A moment is understood by the code of the beat, so that a history evaluated at one moment is what the beat would have told then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use binnacle_model::fact::{CallsBasis, CallsFact, Fact, Observation, Party, Pattern, Payload, Protocol, Signals};
use binnacle_model::snapshot::Fault;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::api::{Answer, Span};
use super::map::{self, Board, Known, Process};
use super::promql::{self, Between, Kind, Query};
use super::wire::{Line, Rows};
use super::{Prometheus, SYSTEM, round};
use crate::error::{ErrorKind, SourceError};
use crate::history::{HistoryPoint, HistoryQuery, LONGEST_REACH, SHORTEST_REACH, SignalHistory};
use crate::scrape::dialect::{Dialect, built_in};
use crate::scrape::exposition::Labels;

/// How many of a beat's requests may go to histories. Who comes later waits for the next beat.
pub const HISTORY_A_BEAT: usize = 8;
/// A history has at most so many steps.
const MOST_STEPS: u32 = 120;

/// What the beats found out.
#[derive(Clone, Debug, Default)]
pub(super) struct Ground {
    /// The metrics of the dialects that the server has.
    pub(super) has: Arc<BTreeSet<String>>,
    /// The scrape interval.
    pub(super) interval: Duration,
    /// `None` before the first answer.
    pub(super) clock: Option<ServerClock>,
}

/// What the server's clock said, and when that was by this computer's.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerClock {
    pub(super) said: f64,
    pub(super) at: Instant,
}

impl ServerClock {
    fn now(&self) -> f64 {
        self.said + self.at.elapsed().as_secs_f64()
    }
}

/// How many requests histories may make until the next beat.
#[derive(Debug)]
pub(super) struct Allowance(Semaphore);

impl Default for Allowance {
    fn default() -> Self {
        Self(Semaphore::new(HISTORY_A_BEAT))
    }
}

impl Allowance {
    /// Takes one request out of it, at the next beat where there is none left.
    async fn take(&self) {
        if let Ok(one) = self.0.acquire().await {
            one.forget();
        }
    }

    /// A beat begins: how many were taken since the one before.
    pub(super) fn renew(&self) -> usize {
        let taken = HISTORY_A_BEAT.saturating_sub(self.0.available_permits());
        self.0.add_permits(taken);
        taken
    }
}

/// What calls are told apart by.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Route<'a>(&'a Party, &'a Party, Protocol, Pattern, Payload);

impl<'a> Route<'a> {
    fn of(calls: &'a CallsFact) -> Self {
        Self(&calls.caller, &calls.callee, calls.protocol, calls.pattern, calls.payload)
    }
}

/// The calls that are asked about.
struct Wanted<'a> {
    routes: BTreeSet<Route<'a>>,
    /// The counters that they were counted by.
    counters: BTreeSet<&'a str>,
}

impl<'a> Wanted<'a> {
    fn of(facts: &'a [Arc<Observation>], dialects: &'a [Dialect]) -> Self {
        let calls = dialects.iter().flat_map(|dialect| &dialect.calls).map(|calls| calls.total.as_str());
        let channels = dialects.iter().flat_map(|dialect| &dialect.channels).map(|channels| channels.total.as_str());
        let mut wanted = Self { routes: BTreeSet::new(), counters: BTreeSet::new() };
        let questions: BTreeSet<&str> = facts.iter().map(|one| &*one.origin.query).collect();
        let asked = |counter: &&str| questions.iter().any(|one| promql::asks_growth_of(one, counter));
        wanted.counters.extend(calls.chain(channels).filter(asked));
        wanted.routes.extend(facts.iter().filter_map(|one| match &one.fact {
            Fact::Calls(calls) => Some(Route::of(calls)),
            _ => None,
        }));
        wanted
    }

    /// Of a message one side is a process and the other a channel, on either end.
    fn between(&self) -> Between<'a> {
        let mut between = Between::default();
        for Route(caller, callee, ..) in &self.routes {
            let (process, partner) = if let Party::Channel(name) = caller {
                (*callee, name)
            } else {
                match callee {
                    Party::Named(name) | Party::Channel(name) => (*caller, name),
                    _ => continue,
                }
            };
            between.processes.insert(process);
            between.partners.insert(partner);
        }
        between
    }
}

/// The moments of a history.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Grid {
    over: Span,
    steps: u32,
}

impl Grid {
    /// Moments are whole multiples of the step, so that the same ones are asked about again and servers may remember them.
    fn new(now: f64, reach: Duration, interval: Duration) -> Self {
        let reach = reach.clamp(SHORTEST_REACH, LONGEST_REACH);
        let step = reach.div_f64(f64::from(MOST_STEPS)).max(interval).max(Duration::from_secs(1));
        let step = Duration::from_millis(u64::try_from(step.as_millis()).unwrap_or(u64::MAX));
        let end = (now / step.as_secs_f64()).floor() * step.as_secs_f64();
        let steps = (1..=MOST_STEPS).rev().find(|steps| step * *steps <= reach).unwrap_or(1);
        Self { over: Span { start: end - step.as_secs_f64() * f64::from(steps), end, step }, steps }
    }

    fn moment(&self, step: u32) -> f64 {
        self.over.start + self.over.step.as_secs_f64() * f64::from(step)
    }

    /// The step that a moment is nearest to.
    fn step_at(&self, moment: f64) -> Option<u32> {
        (0..=self.steps).find(|step| (self.moment(*step) - moment).abs() * 2.0 < self.over.step.as_secs_f64())
    }
}

/// A series over the steps of a grid.
struct Course {
    process: Process,
    labels: Arc<Labels>,
    numbers: BTreeMap<u32, f64>,
}

fn courses(grid: &Grid, rows: Rows<Line>) -> Vec<Course> {
    let one = |line: Line| {
        let process = Process::of(&line.metric)?;
        let numbers = line.values.iter().filter_map(|number| Some((grid.step_at(number.at)?, number.is)));
        Some(Course { process, numbers: numbers.collect(), labels: Arc::new(map::as_written(line.metric)) })
    };
    rows.good.into_iter().filter_map(one).collect()
}

/// What was answered to one question.
struct Answered {
    query: Query,
    evidence: Arc<str>,
    courses: Vec<Course>,
}

/// What the beat would have told of the wanted calls at a step, added up.
fn signals(answers: &[Answered], wanted: &Wanted<'_>, dialects: &[Dialect], step: u32, seen: Timestamp) -> Signals {
    let known = |answered: &Answered| {
        let at = |course: &'_ Course| course.numbers.get(&step).copied();
        let numbers = answered.courses.iter().filter_map(|one| Some((&one.process, &one.labels, at(one)?)));
        let key = (answered.query.metric.clone(), answered.query.kind);
        (key, Known::then(answered.evidence.clone(), seen, numbers))
    };
    let board: Board = answers.iter().map(known).collect();
    let mut sum = Signals::default();
    for observation in map::processes(&board, dialects).into_values().flatten() {
        if let Fact::Calls(calls) = &observation.fact
            && let CallsBasis::Observed(signals) = &calls.basis
            && wanted.routes.contains(&Route::of(calls))
        {
            sum = sum.and(signals);
        }
    }
    sum
}

/// See [`crate::history::Historian`].
pub(super) async fn of(prometheus: &Prometheus, query: &HistoryQuery) -> Result<SignalHistory, SourceError> {
    let (ground, dialects) = (prometheus.ground().clone(), built_in());
    let refused = |kind, came_back: &str, hint: &str| SourceError {
        system: SYSTEM,
        kind,
        tried: format!("GET {}/api/v1/query_range", prometheus.api.shown()),
        came_back: came_back.to_owned(),
        hint: hint.to_owned(),
    };
    let Some(clock) = ground.clock else {
        let why = "the server has not answered yet";
        return Err(refused(ErrorKind::Unreachable, why, "See the Sources screen; then look again."));
    };
    let wanted = Wanted::of(&query.facts, dialects);
    let window = round::window(ground.interval);
    let has = |name: &str| ground.has.contains(name);
    let questions = promql::between(dialects, &wanted.counters, has, &wanted.between(), window);
    if questions.is_empty() {
        let why = "none of its counters is there any more";
        return Err(refused(ErrorKind::NotFound, why, "What is shown may be old: see the Sources screen."));
    }
    let (now, here) = (clock.now(), Timestamp::now());
    let grid = Grid::new(now, query.reach, ground.interval);
    let (mut answers, mut missing) = (Vec::new(), Vec::new());
    for question in questions {
        prometheus.allowance.take().await;
        match prometheus.api.query_over_time(&question.text, grid.over).await {
            Ok(answer) => {
                missing.extend(remarks(prometheus, &question, &answer));
                let evidence = prometheus.api.evidence_over_time(&question.text);
                answers.push(Answered { query: question, evidence, courses: courses(&grid, answer.data) });
            }
            // Without rates there is nothing to show; without a percentile there is.
            Err(error) if question.kind == Kind::Rate => return Err(error),
            Err(error) => missing.push(error.fault()),
        }
    }
    let point = |step: u32| {
        let ago = SignedDuration::try_from_secs_f64(now - grid.moment(step)).unwrap_or_default();
        let at = here.checked_sub(ago).unwrap_or(here);
        HistoryPoint { at, signals: signals(&answers, &wanted, dialects, step, here) }
    };
    Ok(SignalHistory {
        points: (0..=grid.steps).map(point).collect(),
        step: grid.over.step,
        window,
        processes: wanted.between().processes.len(),
        queries: answers.iter().map(|answered| answered.evidence.clone()).collect(),
        missing,
    })
}

/// What the server says is missing of an answer, and what of it was not understood.
fn remarks(prometheus: &Prometheus, question: &Query, answer: &Answer<Rows<Line>>) -> Vec<Fault> {
    let unread = round::unread(&question.metric, &answer.data);
    let fault = |came_back: &String| {
        let error = SourceError {
            system: SYSTEM,
            kind: ErrorKind::Incomplete,
            tried: format!("GET {}/api/v1/query_range", prometheus.api.shown()),
            came_back: came_back.clone(),
            hint: "The server says so of its own answer; what is shown is what it had.".to_owned(),
        };
        error.fault()
    };
    answer.warnings.iter().chain(&unread).map(fault).collect()
}

#[cfg(test)]
mod tests {
    use binnacle_model::fact::{How, ObjectKey, Origin};

    use super::*;

    fn calls(caller: Party, callee: Party, query: &str) -> Arc<Observation> {
        let basis = CallsBasis::Observed(Signals::default());
        let (protocol, pattern, payload) = (Protocol::Http, Pattern::Rpc, Payload::Json);
        Arc::new(Observation {
            object: ObjectKey::new("calls", "x"),
            fact: Fact::Calls(CallsFact { caller, callee, protocol, pattern, payload, basis }),
            seen: Timestamp::UNIX_EPOCH,
            version: None,
            origin: Arc::new(Origin { query: Arc::from(query), how: How::Asked }),
        })
    }

    fn at(port: u16) -> Party {
        Party::Address { host: Arc::from("10.0.0.1"), port }
    }

    #[test]
    fn a_history_has_at_most_so_many_steps_and_none_shorter_than_the_scrape_interval() {
        let seconds = Duration::from_secs;
        for (reach, interval, step, steps) in [
            (seconds(1800), seconds(15), seconds(15), 120),
            (seconds(1800), seconds(60), seconds(60), 30),
            (seconds(1800), seconds(7), seconds(15), 120),
            (seconds(60), Duration::from_millis(500), seconds(1), 60),
            (seconds(60), seconds(90), seconds(90), 1),
            (seconds(0), seconds(10), seconds(10), 6),
            (seconds(9_999_999), seconds(15), seconds(720), 120),
        ] {
            let grid = Grid::new(1_700_000_007.3, reach, interval);
            assert_eq!((grid.over.step, grid.steps), (step, steps), "{reach:?} {interval:?}");
            assert!(grid.over.end <= 1_700_000_007.3 && grid.over.end > 1_700_000_007.3 - step.as_secs_f64());
            assert!((grid.moment(steps) - grid.over.end).abs() < 1e-6);
        }
    }

    #[test]
    fn a_number_belongs_to_the_nearest_step_and_to_none_outside() {
        let grid = Grid::new(1_700_000_000.0, Duration::from_secs(60), Duration::from_secs(10));
        let start = grid.over.start;
        let steps: Vec<_> = [0.0, 4.0, 6.0, 60.0, 66.0, -6.0, f64::NAN].map(|ago| grid.step_at(start + ago)).into();
        assert_eq!(steps, [Some(0), Some(0), Some(1), Some(6), None, None, None]);
    }

    #[test]
    fn only_counters_that_made_the_facts_are_asked_for() {
        let rate = |counter: &str| format!("GET http://x/api/v1/query · sum by (a) (rate({counter}[60s]))");
        let queue = Party::Channel(Arc::from("orders"));
        let facts = [
            calls(at(1), Party::Named(Arc::from("cart")), &rate("demo_client_requests_total")),
            calls(queue, at(2), &rate("demo_queue_messages_total")),
        ];
        let wanted = Wanted::of(&facts, built_in());
        assert_eq!(
            wanted.counters.iter().copied().collect::<Vec<_>>(),
            ["demo_client_requests_total", "demo_queue_messages_total"]
        );
        let between = wanted.between();
        assert_eq!(between.processes, BTreeSet::from([&at(1), &at(2)]));
        assert_eq!(between.partners, BTreeSet::from(["cart", "orders"]));
    }

    #[test]
    fn what_a_server_sends_beyond_the_wanted_calls_is_not_added() {
        let line = |instance: &str, peer: &str, values: &str| {
            format!(
                r#"{{"metric":{{"instance":"{instance}","peer":"{peer}","protocol":"http","pattern":"rpc","payload":"json"}},"values":{values}}}"#
            )
        };
        let lines = [
            line("10.0.0.1:1", "cart", r#"[[100,"2"],[110,"NaN"]]"#),
            line("10.0.0.1:1", "orders", r#"[[100,"30"]]"#),
            line("10.0.0.1:2", "cart", r#"[[100,"400"]]"#),
            line("10.0.0.1:3", "cart", r#"[[100,"5000"]]"#),
        ];
        let rows: Rows<Line> = serde_json::from_str(&format!("[{}]", lines.join(","))).unwrap();
        let grid = Grid { over: Span { start: 100.0, end: 120.0, step: Duration::from_secs(10) }, steps: 2 };
        let metric = Arc::from("demo_client_requests_total");
        let query = Query { metric, kind: Kind::Rate, text: Arc::from("q") };
        let answers = [Answered { query, evidence: Arc::from("q"), courses: courses(&grid, rows) }];
        let cart = Party::Named(Arc::from("cart"));
        let facts = [calls(at(1), cart.clone(), "q"), calls(at(3), cart, "q")];
        let wanted = Wanted::of(&facts, built_in());
        let rates = [0, 1, 2].map(|step| signals(&answers, &wanted, built_in(), step, Timestamp::UNIX_EPOCH).rps);
        assert_eq!(rates, [Some(5002.0), None, None]);
    }

    #[tokio::test]
    async fn who_comes_after_the_allowance_is_spent_waits_for_the_next_beat() {
        use futures_util::FutureExt as _;
        let allowance = Allowance::default();
        for _ in 0..HISTORY_A_BEAT {
            allowance.take().await;
        }
        assert!(allowance.take().now_or_never().is_none());
        assert_eq!(allowance.renew(), HISTORY_A_BEAT);
        assert!(allowance.take().now_or_never().is_some());
        assert_eq!((allowance.renew(), allowance.renew()), (1, 0));
    }
}
