//! How signals went and in which states breakers were: the questions of the beat, asked about many moments and about few processes, when somebody looks.
//!
//! ```text
//!  facts ─asked─▶ their series ─promql─▶ questions ─api─▶ lines ─▶ at each moment: board ─map─▶ facts ─▶ signals, states
//! ```
//!
//! A moment is understood by the code of the beat, so that a history evaluated at one moment is what the beat would have told then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use binnacle_model::fact::{BreakerState, CallsBasis, CallsFact, Fact, ObjectKey, Observation, Party, Signals};
use binnacle_model::snapshot::Fault;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::api::{Answer, Span};
use super::map::{self, Board, Known, Row};
use super::promql::{self, Counted, Key, Query};
use super::wire::{Line, Rows};
use super::{Prometheus, SYSTEM, round};
use crate::error::{ErrorKind, SourceError};
use crate::history::{BreakerHistory, HistoryPoint, HistoryQuery, LONGEST_REACH, SHORTEST_REACH, SignalHistory};
use crate::scrape::dialect::{Dialect, Dialects};
use crate::scrape::map::observations;

/// How many of a beat's requests may go to histories. Who comes later waits for the next beat.
pub const HISTORY_A_BEAT: usize = 8;
/// A history has at most so many steps.
const MOST_STEPS: u32 = 120;
/// So many questions are remembered; a plan has some hundred, and their window may change.
const MOST_ASKED: usize = 2_000;

/// What the beats found out.
#[derive(Clone, Debug, Default)]
pub(super) struct Ground {
    /// The metrics of the dialects that the server has.
    pub(super) has: Arc<BTreeSet<String>>,
    /// The scrape interval.
    pub(super) interval: Duration,
    /// `None` before the first answer.
    pub(super) clock: Option<ServerClock>,
    pub(super) asked: Asked,
}

/// What was asked of the server, by the evidence of what it brought.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(BTreeMap<Arc<str>, Key>);

impl Asked {
    /// A question was answered.
    pub(super) fn note(&mut self, evidence: Arc<str>, key: Key) {
        if self.0.len() >= MOST_ASKED {
            self.0.clear();
        }
        self.0.insert(evidence, key);
    }

    /// Only these are asked any more.
    pub(super) fn keep(&mut self, planned: &BTreeSet<&Key>) {
        self.0.retain(|_, key| planned.contains(&&*key));
    }

    /// The question that brought what has this evidence.
    pub(super) fn by(&self, evidence: &str) -> Option<&Key> {
        self.0.get(evidence)
    }
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

/// The facts that are asked about.
struct Wanted<'a> {
    objects: BTreeSet<&'a ObjectKey>,
    counted: Counted<'a>,
}

impl<'a> Wanted<'a> {
    fn of(facts: &'a [Arc<Observation>], asked: &Asked) -> Self {
        let mut counted = Counted::new();
        for one in facts {
            if let Some(key) = asked.by(&one.origin.query) {
                counted.entry(key.series.clone()).or_default().push(&one.fact);
            }
        }
        Self { objects: facts.iter().map(|one| &one.object).collect(), counted }
    }

    /// The dialects that read them.
    fn dialects(&self, all: &Dialects) -> Dialects {
        let reads = |counter: &Arc<str>, dialect: &Dialect| !dialect.traced(counter, &[]).is_empty();
        all.only(|dialect| self.counted.keys().any(|counter| reads(counter, dialect)))
    }

    /// How many processes are known to count them.
    fn processes(&self, dialects: &Dialects) -> usize {
        let counted = || self.counted.iter();
        let traced = dialects.iter().flat_map(|dialect| counted().flat_map(|(id, facts)| dialect.traced(id, facts)));
        traced.flat_map(|one| one.processes).collect::<BTreeSet<&Party>>().len()
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
    row: Row,
    numbers: BTreeMap<u32, f64>,
}

fn courses(grid: &Grid, asked: &Query, rows: Rows<Line>) -> Vec<Course> {
    let one = |line: Line| {
        let numbers = line.values.iter().filter_map(|number| Some((grid.step_at(number.at)?, number.is)));
        Some(Course { numbers: numbers.collect(), row: Row::of(asked, line.metric)? })
    };
    rows.good.into_iter().filter_map(one).collect()
}

/// What was answered to one question.
struct Answered {
    query: Query,
    evidence: Arc<str>,
    courses: Vec<Course>,
}

/// What was answered about some facts over a time.
struct Past<'a> {
    wanted: Wanted<'a>,
    dialects: Dialects,
    grid: Grid,
    /// What rates look back over.
    window: Duration,
    answers: Vec<Answered>,
    missing: Vec<Fault>,
    /// One moment, by the server's clock and by this computer's.
    now: (f64, Timestamp),
}

impl<'a> Past<'a> {
    async fn of(prometheus: &Prometheus, query: &'a HistoryQuery) -> Result<Self, SourceError> {
        let ground = prometheus.ground().clone();
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
        let wanted = Wanted::of(&query.facts, &ground.asked);
        let dialects = wanted.dialects(&prometheus.dialects);
        let window = round::window(ground.interval);
        let questions = promql::about(&dialects, &wanted.counted, &ground.has, window);
        if questions.is_empty() {
            let why = "none of its metrics is there any more";
            return Err(refused(ErrorKind::NotFound, why, "What is shown may be old: see the Sources screen."));
        }
        let now = (clock.now(), Timestamp::now());
        let grid = Grid::new(now.0, query.reach, ground.interval);
        let (mut answers, mut missing) = (Vec::new(), Vec::new());
        for question in questions {
            prometheus.allowance.take().await;
            match prometheus.api.query_over_time(&question.text, grid.over).await {
                Ok(answer) => {
                    missing.extend(remarks(prometheus, &question, &answer));
                    let evidence = prometheus.api.evidence_over_time(&question.text);
                    let courses = courses(&grid, &question, answer.data);
                    answers.push(Answered { query: question, evidence, courses });
                }
                // Without rates and states there is nothing to show; without a percentile there is.
                Err(error) if !question.key.kind.is_of_durations() => return Err(error),
                Err(error) => missing.push(error.fault()),
            }
        }
        Ok(Self { wanted, dialects, grid, window, answers, missing, now })
    }

    /// The steps, with their moments by this computer's clock.
    fn moments(&self) -> impl Iterator<Item = (u32, Timestamp)> {
        let (now, here) = self.now;
        (0..=self.grid.steps).map(move |step| {
            let ago = SignedDuration::try_from_secs_f64(now - self.grid.moment(step)).unwrap_or_default();
            (step, here.checked_sub(ago).unwrap_or(here))
        })
    }

    /// What the beat would have told of the wanted facts at a step.
    fn told(&self, step: u32) -> impl Iterator<Item = Observation> {
        let known = |answered: &Answered| {
            let at = |course: &'_ Course| course.numbers.get(&step).copied();
            let numbers = answered.courses.iter().filter_map(|one| Some((&one.row, at(one)?)));
            (answered.query.key.clone(), Known::then(answered.evidence.clone(), self.now.1, numbers))
        };
        let board: Board = self.answers.iter().map(known).collect();
        let told = map::processes(&board, &self.dialects, observations).into_values().flatten();
        told.filter(|one| self.wanted.objects.contains(&one.object))
    }

    /// All signals of a step, added up.
    fn signals(&self, step: u32) -> Signals {
        self.told(step).fold(Signals::default(), |sum, one| match &one.fact {
            Fact::Calls(CallsFact { basis: CallsBasis::Observed(signals), .. }) => sum.and(signals),
            Fact::Served(served) => sum.and(&served.signals),
            _ => sum,
        })
    }

    /// The states of a step by process, and all that was refused. A told state is believed before a concluded one, and of several
    /// breakers of one process the worst counts, as it does now.
    fn states(&self, step: u32) -> (BTreeMap<Arc<str>, BreakerState>, Option<f64>) {
        let mut states: BTreeMap<Arc<str>, (bool, BreakerState, Option<f64>)> = BTreeMap::new();
        for one in self.told(step) {
            let Fact::Breaker(fact) = &one.fact else { continue };
            let rejected_per_s = |known: Option<f64>| known.into_iter().chain(fact.rejected_per_s).reduce(f64::max);
            let process = fact.process(&one.object);
            let (is_told, state, rejected) = states.entry(process).or_insert((!fact.derived, fact.state, None));
            (*is_told, *state) = (*is_told, *state).max((!fact.derived, fact.state));
            *rejected = rejected_per_s(*rejected);
        }
        let rejected_per_s = states.values().filter_map(|(_, _, rejected)| *rejected).reduce(|one, other| one + other);
        (states.into_iter().map(|(process, (_, state, _))| (process, state)).collect(), rejected_per_s)
    }

    fn queries(&self) -> Vec<Arc<str>> {
        self.answers.iter().map(|answered| answered.evidence.clone()).collect()
    }
}

/// See [`crate::history::Historian::history`].
pub(super) async fn of(prometheus: &Prometheus, query: &HistoryQuery) -> Result<SignalHistory, SourceError> {
    let past = Past::of(prometheus, query).await?;
    Ok(SignalHistory {
        points: past.moments().map(|(step, at)| HistoryPoint { at, signals: past.signals(step) }).collect(),
        step: past.grid.over.step,
        window: past.window,
        processes: past.wanted.processes(&past.dialects),
        queries: past.queries(),
        missing: past.missing,
    })
}

/// See [`crate::history::Historian::breaker_history`].
pub(super) async fn of_breaker(prometheus: &Prometheus, query: &HistoryQuery) -> Result<BreakerHistory, SourceError> {
    let past = Past::of(prometheus, query).await?;
    let (mut moments, mut rejected_per_s) = (Vec::new(), Vec::new());
    for (step, at) in past.moments() {
        let (states, rejected) = past.states(step);
        moments.push((at, states));
        rejected_per_s.push((at, rejected));
    }
    Ok(BreakerHistory {
        courses: BreakerHistory::courses(&moments),
        rejected_per_s,
        step: past.grid.over.step,
        queries: past.queries(),
        missing: past.missing,
    })
}

/// What the server says is missing of an answer, and what of it was not understood.
fn remarks(prometheus: &Prometheus, question: &Query, answer: &Answer<Rows<Line>>) -> Vec<Fault> {
    let unread = round::unread(&question.key.metric, &answer.data);
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
    use binnacle_model::fact::{How, Observer, Origin, Pattern, Payload, Protocol};

    use super::super::promql::Kind;
    use super::*;

    fn calls(caller: Party, callee: Party, query: &str) -> Arc<Observation> {
        let (basis, observer) = (CallsBasis::Observed(Signals::default()), Observer::default());
        let (protocol, pattern, payload) = (Protocol::Http, Pattern::Rpc, Payload::Json);
        Arc::new(Observation {
            object: ObjectKey::new("calls", "x"),
            fact: Fact::Calls(CallsFact { caller, callee, protocol, pattern, payload, basis, observer }),
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

    fn texts(wanted: &Wanted<'_>, has: &BTreeSet<String>) -> Vec<String> {
        let dialects = wanted.dialects(&Dialects::built_in());
        let asked = promql::about(&dialects, &wanted.counted, has, Duration::from_secs(60));
        asked.iter().map(|query| query.text.to_string()).collect()
    }

    #[test]
    fn only_counters_that_made_the_facts_are_asked_for() {
        let all = Dialects::built_in();
        let has = promql::names(&all).into_iter().filter(|name| name.starts_with("demo_")).collect();
        let mut asked = Asked::default();
        for query in promql::plan(&all, &has, Duration::from_secs(30)) {
            asked.note(Arc::from(format!("GET http://x · {}", query.text)), query.key);
        }
        let rate = |counter: &str| {
            asked.0.keys().find(|evidence| evidence.contains(&format!("rate({counter}["))).unwrap().to_string()
        };
        let queue = Party::Channel(Arc::from("orders"));
        let facts = [
            calls(at(1), Party::Named(Arc::from("cart")), &rate("demo_client_requests_total")),
            calls(queue, at(2), &rate("demo_queue_messages_total")),
            calls(at(3), Party::Named(Arc::from("cart")), "GET http://x · another"),
        ];
        let wanted = Wanted::of(&facts, &asked);
        let dialects = wanted.dialects(&all);
        assert_eq!(dialects.iter().map(|one| &*one.name).collect::<Vec<_>>(), ["demo"]);
        assert_eq!(wanted.processes(&dialects), 2);
        // The window has changed since.
        let texts = texts(&wanted, &has);
        let about = |counter: &str, who: &str| texts.iter().any(|text| text.contains(counter) && text.contains(who));
        assert!(
            about("rate(demo_client_requests_total{", r#"instance=~"10\\.0\\.0\\.1:1",exported_peer=~"cart""#),
            "{texts:#?}"
        );
        assert!(
            about("rate(demo_queue_messages_total{", r#"instance=~"10\\.0\\.0\\.1:2",exported_queue=~"orders""#),
            "{texts:#?}"
        );
        assert!(about("histogram_quantile(0.95, ", "demo_client_request_duration_seconds_bucket"), "{texts:#?}");
        assert_eq!(texts.len(), 3, "{texts:#?}");
    }

    #[test]
    fn what_was_asked_is_forgotten_with_its_question_and_never_grows_without_end() {
        let key =
            |number: usize| Key { series: Arc::from("s"), kind: Kind::Rate, metric: Arc::from(number.to_string()) };
        let mut asked = Asked::default();
        for number in 0..MOST_ASKED * 3 {
            asked.note(Arc::from(format!("q{number}")), key(number % 2));
        }
        assert!(asked.0.len() <= MOST_ASKED && asked.by(&format!("q{}", MOST_ASKED * 3 - 1)) == Some(&key(1)));
        asked.keep(&BTreeSet::from([&key(0)]));
        assert!(!asked.0.is_empty() && asked.0.values().all(|one| *one == key(0)));
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
        let all = Dialects::built_in();
        let has = BTreeSet::from(["demo_client_requests_total".to_owned()]);
        let query = promql::plan(&all, &has, Duration::from_secs(30)).remove(0);
        let (evidence, seen) = (Arc::<str>::from("q"), Timestamp::UNIX_EPOCH);
        let mut asked = Asked::default();
        asked.note(evidence.clone(), query.key.clone());
        let courses = courses(&grid, &query, rows);
        let first = courses.iter().map(|one| (&one.row, one.numbers[&0]));
        let board = Board::from([(query.key.clone(), Known::then(evidence.clone(), seen, first))]);
        let told = map::processes(&board, &all, observations).into_values().flatten();
        let cart = Party::Named(Arc::from("cart"));
        let wants = |one: &Observation| {
            let Fact::Calls(calls) = &one.fact else { return false };
            calls.callee == cart && calls.caller != at(2)
        };
        let facts: Vec<_> = told.filter(wants).map(Arc::new).collect();
        let wanted = Wanted::of(&facts, &asked);
        let past = past(all, wanted, grid, vec![Answered { query, evidence, courses }]);
        let rates = [0, 1, 2].map(|step| past.signals(step).rps);
        assert_eq!(rates, [Some(5002.0), None, None]);
    }

    fn past(dialects: Dialects, wanted: Wanted<'_>, grid: Grid, answers: Vec<Answered>) -> Past<'_> {
        let now = (grid.over.end, Timestamp::UNIX_EPOCH);
        Past { wanted, dialects, grid, window: Duration::from_secs(30), answers, missing: Vec::new(), now }
    }

    #[test]
    fn a_breaker_was_in_the_state_that_its_metrics_tell_of_each_moment() {
        let line = |instance: &str, name: &str, state: &str, values: &str| {
            format!(r#"{{"metric":{{"instance":"{instance}","name":"{name}","state":"{state}"}},"values":{values}}}"#)
        };
        let lines = [
            line("10.0.0.1:1", "cart", "closed", r#"[[100,"1"],[110,"0"],[120,"0"]]"#),
            line("10.0.0.1:1", "cart", "open", r#"[[100,"0"],[110,"1"],[120,"0"]]"#),
            line("10.0.0.1:1", "cart", "half_open", r#"[[100,"0"],[110,"0"],[120,"1"]]"#),
            line("10.0.0.1:2", "cart", "closed", r#"[[110,"1"]]"#),
            line("10.0.0.1:1", "orders", "open", r#"[[100,"1"],[110,"1"],[120,"1"]]"#),
        ];
        let rows: Rows<Line> = serde_json::from_str(&format!("[{}]", lines.join(","))).unwrap();
        let grid = Grid { over: Span { start: 100.0, end: 120.0, step: Duration::from_secs(10) }, steps: 2 };
        let all = Dialects::built_in();
        let has = BTreeSet::from(["resilience4j_circuitbreaker_state".to_owned()]);
        let query = promql::plan(&all, &has, Duration::from_secs(30)).remove(0);
        let (evidence, seen) = (Arc::<str>::from("q"), Timestamp::UNIX_EPOCH);
        let mut asked = Asked::default();
        asked.note(evidence.clone(), query.key.clone());
        let courses = courses(&grid, &query, rows);
        let at_110 = courses.iter().filter_map(|one| Some((&one.row, *one.numbers.get(&1)?)));
        let board = Board::from([(query.key.clone(), Known::then(evidence.clone(), seen, at_110))]);
        let told = map::processes(&board, &all, observations).into_values().flatten();
        let is_cart = |one: &Observation| matches!(&one.fact, Fact::Breaker(fact) if &*fact.name == "cart");
        let facts: Vec<_> = told.filter(is_cart).map(Arc::new).collect();
        assert_eq!(facts.len(), 2);
        let wanted = Wanted::of(&facts, &asked);
        let texts = promql::about(&all, &wanted.counted, &has, Duration::from_secs(30));
        let narrow = texts.iter().any(|one| one.text.contains(r#"name=~"cart""#) && one.text.contains("instance=~"));
        assert!(narrow, "{texts:#?}");
        let past = past(all, wanted, grid, vec![Answered { query, evidence, courses }]);
        let states = [0, 1, 2].map(|step| past.states(step).0.into_values().collect::<Vec<_>>());
        let expected =
            [vec![BreakerState::Closed], vec![BreakerState::Open, BreakerState::Closed], vec![BreakerState::HalfOpen]];
        assert_eq!(states, expected);
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
