//! Reads a server beat by beat, and publishes what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use binnacle_model::fact::{Fact, ObjectKey, Observation};
use binnacle_model::store::Batch;
use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::api::{AT_ONCE, Answer};
use super::held::{Difference, Held, Patience};
use super::history::ServerClock;
use super::map::{self, ALERTS, Board, Known, Lacking, TARGETS};
use super::promql::{self, Key, Query};
use super::standing::Standing;
use super::turns::Turns;
use super::wire::Rows;
use super::{Prometheus, meanings};
use crate::connection::{EngineGone, Outbox};
use crate::error::{ErrorKind, SourceError};
use crate::scrape::dialect::{Dialect, Dialects};
use crate::scrape::map::{COLLECTIONS, observations};
use crate::scrape::{jittered, pause_after};

/// The most requests of one beat, whatever is shown on however many screens; with those for histories since the beat before.
pub const REQUESTS_A_BEAT: usize = 24;
/// A beat is as long as the scrape interval, within these.
const SHORTEST_BEAT: Duration = Duration::from_secs(15);
const LONGEST_BEAT: Duration = Duration::from_secs(60);
/// What changes seldom is asked for at every so many beats.
const SELDOM: u64 = 8;
/// A listing of targets that is larger counts as what changes seldom.
const LARGE_LISTING: usize = 1024 * 1024;
/// Rates are taken over this many scrape intervals, so that one missing scrape does no harm.
const INTERVALS_IN_WINDOW: u32 = 4;
pub(super) const SHORTEST_WINDOW: Duration = Duration::from_secs(5);
const LONGEST_WINDOW: Duration = Duration::from_secs(600);
/// The scrape interval where nobody tells it.
const USUAL_INTERVAL: Duration = Duration::from_secs(15);
/// The most jobs that are told to show nothing.
const MOST_JOBS: usize = 50;
/// Metrics that were not seen for longer are not asked for.
const NAMES_SINCE: SignedDuration = SignedDuration::from_hours(1);
/// What is asked for beside the questions.
const OTHER_PARTS: [&str; 6] = ["dialects", "targets", "alerts", "rules", "names", "metadata"];
/// After a failure it is tried again this soon at first.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Round<'a> {
    prometheus: &'a Prometheus,
    out: &'a Outbox,
    dialects: Dialects,
    standing: Standing,
    turns: Turns,
    /// Beats that went well.
    beats: u64,
    failures: u32,
    /// The metrics of the dialects that the server has.
    has: Arc<BTreeSet<String>>,
    board: Board,
    held: Held,
    targets: Option<TargetList>,
    /// The scrape interval, measured where the targets do not tell it.
    interval: Duration,
    interval_told: bool,
    /// The moment of this beat, by the server's clock: all questions are about the same one, so that their answers fit together.
    moment: Option<f64>,
    /// Whether it was ever seen to scrape.
    scraped: bool,
    /// Until every question was asked once, the picture is not whole, and beats follow each other.
    catching_up: bool,
}

/// The targets as they were listed last.
struct TargetList {
    published: Vec<Observation>,
    intervals: BTreeMap<Arc<str>, Duration>,
    /// Processes that do not answer the server.
    down: BTreeSet<Arc<str>>,
    /// Those that do, by job.
    up: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    large: bool,
}

impl<'a> Round<'a> {
    pub(super) fn new(prometheus: &'a Prometheus, out: &'a Outbox) -> Self {
        Self {
            prometheus,
            out,
            dialects: prometheus.dialects.clone(),
            standing: Standing::new(&prometheus.api.address()),
            turns: Turns::default(),
            beats: 0,
            failures: 0,
            has: Arc::default(),
            board: Board::new(),
            held: Held::default(),
            targets: None,
            interval: USUAL_INTERVAL,
            interval_told: false,
            moment: None,
            scraped: false,
            catching_up: true,
        }
    }

    pub(super) async fn run(&mut self, nudge: &Notify) -> Result<(), EngineGone> {
        // A run after a panic begins with nothing; what the run before stated is replaced, not added to.
        for collection in COLLECTIONS.into_iter().chain([TARGETS, ALERTS]) {
            self.out.facts(Batch::reset(self.id(), collection, Vec::new())).await?;
        }
        if let Some(complaint) = self.dialects.complaint(super::SYSTEM) {
            self.standing.part("dialects", Err(complaint));
        }
        self.tell().await?;
        loop {
            let began = Instant::now();
            let pause = match self.beat().await? {
                Ok(()) => {
                    self.standing.beat_ended();
                    self.failures = 0;
                    self.beats += 1;
                    // A server that needs long gets as long a rest.
                    let took = began.elapsed();
                    let rest = if self.catching_up { Duration::ZERO } else { self.beat_length() };
                    rest.saturating_sub(took).max(took)
                }
                Err(error) => {
                    self.failures = self.failures.saturating_add(1);
                    let pause = jittered(pause_after(self.failures, FIRST_PAUSE));
                    let next = Timestamp::now().checked_add(pause).unwrap_or(Timestamp::MAX);
                    self.standing.fails(error, next);
                    pause
                }
            };
            self.tell().await?;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = nudge.notified() => {}
            }
        }
    }

    fn id(&self) -> binnacle_model::id::SourceId {
        self.prometheus.id.clone()
    }

    async fn tell(&mut self) -> Result<(), EngineGone> {
        self.standing.reached(self.prometheus.api.address());
        match self.standing.news(Timestamp::now()) {
            Some(status) => self.out.status(self.id(), status).await,
            None => Ok(()),
        }
    }

    fn beat_length(&self) -> Duration {
        self.prometheus.beat.unwrap_or_else(|| self.interval.clamp(SHORTEST_BEAT, LONGEST_BEAT))
    }

    /// All that is asked for of calls and breakers.
    fn plan(&self) -> Vec<Query> {
        promql::plan(&self.dialects, &self.has, self.window())
    }

    fn window(&self) -> Duration {
        window(self.interval)
    }

    /// Reads everything that is due. An error of the server as a whole is given back; of a part it is told.
    async fn beat(&mut self) -> Result<Result<(), SourceError>, EngineGone> {
        let seldom = self.beats.is_multiple_of(SELDOM) || self.has.is_empty();
        let mut spent = 1 + self.prometheus.allowance.renew();
        if let Err(error) = self.age().await {
            return Ok(Err(error));
        }
        if self.standing.product.is_none() {
            spent += 1;
            if let Ok(product) = self.prometheus.api.product().await {
                self.standing.product = Some(Arc::from(product.0));
            }
        }
        if seldom || self.targets.as_ref().is_some_and(|targets| !targets.large) {
            spent += 1;
            self.list_targets().await?;
        }
        spent += 1;
        self.list_alerts().await?;
        if seldom {
            let selectors = promql::any_of(&self.dialects);
            spent += 2 + selectors.len();
            self.list_rules().await;
            self.list_names(&selectors).await;
            self.measure_interval().await;
        }
        spent += self.explain(seldom).await;
        self.settle();
        self.ask(REQUESTS_A_BEAT.saturating_sub(spent)).await;
        self.publish().await?;
        Ok(Ok(()))
    }

    /// Asks what a metric means, if one is due. How many requests that took.
    async fn explain(&mut self, seldom: bool) -> usize {
        let mut plan = self.plan();
        plan.retain(|query| self.dialects.tells_types(&query.key.series));
        self.prometheus.meanings().keep(&plan);
        let due = self.prometheus.meanings().next(&plan, seldom);
        let Some(metric) = due else { return 0 };
        let (mut asked, mut ended) = (0, Ok(Vec::new()));
        for name in meanings::names(&metric) {
            asked += 1;
            ended = self.prometheus.api.declared(name).await;
            if ended.as_ref().map_or(true, |declared| !declared.is_empty()) {
                break;
            }
        }
        // A server that cannot tell has nothing to tell.
        let unable = |error: &SourceError| matches!(error.kind, ErrorKind::NotFound | ErrorKind::Unsupported);
        let told =
            ended.as_ref().map_or_else(|error| if unable(error) { Ok(()) } else { Err(error.clone()) }, |_| Ok(()));
        self.standing.part("metadata", told.map(|()| Vec::new()));
        self.prometheus.meanings().learn(&plan, metric, &ended.unwrap_or_default());
        self.standing.contradicted(self.prometheus.meanings().contradictions());
        asked
    }

    /// Leaves what was found out to those who ask for histories.
    fn settle(&self) {
        let mut ground = self.prometheus.ground();
        (ground.has, ground.interval) = (self.has.clone(), self.interval);
    }

    /// How old the newest sample is; whether the server can be read at all shows here.
    async fn age(&mut self) -> Result<(), SourceError> {
        let Answer { data, skew, .. } = self.prometheus.api.query(promql::AGE, None).await?;
        if let Some(skew) = skew {
            self.standing.skew(skew);
        }
        self.moment = data.good.first().map(|series| series.value.at);
        self.prometheus.ground().clock = self.moment.map(|said| ServerClock { said, at: Instant::now() });
        let age = data.good.first().map(|series| series.value.is).filter(|age| age.is_finite());
        self.scraped |= age.is_some();
        let scrapes_nothing = self.targets.as_ref().is_some_and(|targets| targets.published.is_empty());
        let limit = (self.interval * 3).max(Duration::from_secs(30)).as_secs_f64();
        self.standing.outdated(match age {
            Some(age) if age > limit => Some(format!("its newest sample is {age:.0} s old")),
            None if self.scraped && !scrapes_nothing => Some("it has no sample of the last minutes".to_owned()),
            _ => None,
        });
        Ok(())
    }

    async fn list_targets(&mut self) -> Result<(), EngineGone> {
        let api = &self.prometheus.api;
        match api.targets().await {
            Ok(Answer { data, at, bytes, .. }) => {
                self.standing.part("targets", Ok(unread("targets", &data.active).into_iter().collect()));
                let listed = data.active.good;
                let mut intervals: BTreeMap<Arc<str>, Duration> = BTreeMap::new();
                let mut down = BTreeSet::new();
                let mut up: BTreeMap<Arc<str>, BTreeSet<Arc<str>>> = BTreeMap::new();
                for target in &listed {
                    let Some(process) = map::Process::of(&target.labels) else { continue };
                    if target.health == "up" {
                        up.entry(target.job().clone()).or_default().insert(process.name.clone());
                    } else {
                        down.insert(process.name.clone());
                    }
                    if let Some(interval) = target.interval() {
                        let longest = intervals.entry(process.name).or_default();
                        *longest = interval.max(*longest);
                    }
                }
                let query = Arc::from(format!("GET {}/api/v1/targets", api.shown()));
                let mut fresh = map::targets(&listed, query, at);
                let before = self.targets.take().map(|targets| targets.published).unwrap_or_default();
                let news = keep_known(&mut fresh, &before);
                if news {
                    self.out.facts(Batch::reset(self.id(), TARGETS, fresh.clone())).await?;
                }
                self.targets = Some(TargetList { published: fresh, intervals, down, up, large: bytes > LARGE_LISTING });
            }
            // Thanos and Mimir scrape nothing themselves.
            Err(error) if error.kind == ErrorKind::NotFound => self.standing.part("targets", Ok(Vec::new())),
            Err(error) => self.standing.part("targets", Err(error)),
        }
        Ok(())
    }

    async fn list_alerts(&mut self) -> Result<(), EngineGone> {
        let api = &self.prometheus.api;
        match api.alerts().await {
            Ok(Answer { data, at, .. }) => {
                self.standing.part("alerts", Ok(unread("alerts", &data.alerts).into_iter().collect()));
                let query = Arc::from(format!("GET {}/api/v1/alerts", api.shown()));
                let fresh = map::alerts(&data.alerts.good, query, at);
                self.out.facts(Batch::reset(self.id(), ALERTS, fresh)).await?;
            }
            Err(error) if error.kind == ErrorKind::NotFound => self.standing.part("alerts", Ok(Vec::new())),
            Err(error) => self.standing.part("alerts", Err(error)),
        }
        Ok(())
    }

    /// An alerting rule that cannot be evaluated never fires: that is worth a word.
    async fn list_rules(&mut self) {
        let ended = match self.prometheus.api.rules().await {
            Ok(Answer { data, .. }) => {
                let rules = data.groups.good.iter().flat_map(|group| &group.rules.good);
                let broken = rules.filter(|rule| rule.health == "err");
                Ok(broken.map(|rule| format!("the alerting rule {} fails: {}", rule.name, rule.last_error)).collect())
            }
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        self.standing.part("rules", ended);
    }

    async fn list_names(&mut self, selectors: &[String]) {
        let since = Timestamp::now().checked_sub(NAMES_SINCE).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut has = BTreeSet::new();
        let mut ended = Ok(Vec::new());
        for selector in selectors {
            match (self.prometheus.api.names(selector, since).await, &mut ended) {
                (Ok(Answer { data, warnings, .. }), Ok(all)) => {
                    has.extend(data);
                    all.extend(warnings);
                }
                (Err(error), _) => ended = Err(error),
                (Ok(_), Err(_)) => {}
            }
        }
        let known = Arc::make_mut(&mut self.has);
        if ended.as_ref().is_ok_and(Vec::is_empty) {
            known.clear();
        }
        known.extend(has);
        if ended.is_ok() {
            let plan = self.plan();
            let (there, absent): (Vec<_>, Vec<_>) =
                self.dialects.iter().partition(|dialect| super::is_asked(dialect, &plan));
            let names = |some: Vec<&Dialect>| some.into_iter().map(|one| one.name.clone()).collect();
            self.standing.dialects(names(there), names(absent));
        }
        self.standing.part("names", ended);
    }

    /// The scrape interval of the processes that are shown: told by their targets, else measured by how often they were
    /// scraped lately.
    async fn measure_interval(&mut self) {
        let told = self.targets.as_ref().and_then(|targets| {
            let shown = targets.intervals.iter().filter(|(process, _)| self.held.has(process));
            shown.map(|(_, interval)| *interval).max().or_else(|| targets.intervals.values().copied().max())
        });
        if let Some(told) = told {
            (self.interval, self.interval_told) = (told, true);
        }
        if self.interval_told {
            return;
        }
        if let Ok(Answer { data, .. }) = self.prometheus.api.query(promql::SCRAPES, self.moment).await
            && let Some(series) = data.good.first()
            && series.value.is >= 1.0
        {
            self.interval = Duration::from_secs(300).div_f64(series.value.is);
        }
    }

    /// Asks as many of the questions as the budget has, and puts the answers on the board.
    async fn ask(&mut self, budget: usize) {
        let plan = self.plan();
        let beats = Turns::beats(&plan, budget);
        self.standing.spread((beats > 1).then(|| (plan.len(), beats, self.beat_length())));
        let asked = self.turns.next(&plan, budget);
        let (api, moment) = (&self.prometheus.api, self.moment);
        let mut answers = stream::iter(asked)
            .map(|query| async move {
                let answer = api.query(&query.text, moment).await;
                (query, answer)
            })
            .buffer_unordered(AT_ONCE);
        while let Some((query, answer)) = answers.next().await {
            self.turns.ended(&query, answer.is_ok());
            let part = part_of(&query);
            match answer {
                Ok(Answer { data, mut warnings, at, .. }) => {
                    let evidence = api.evidence(&query.text);
                    let whole = warnings.is_empty() && data.bad == 0;
                    warnings.extend(unread(&query.key.metric, &data));
                    self.standing.part(&part, Ok(warnings));
                    self.prometheus.ground().asked.note(evidence.clone(), query.key.clone());
                    let known = Known::new(&query, evidence, at, whole, data.good);
                    self.board.insert(query.key, known);
                }
                Err(error) => self.standing.part(&part, Err(error)),
            }
        }
        drop(answers);
        self.catching_up = self.catching_up && self.turns.leave_out_any(&plan);
        self.standing.first_round(self.catching_up);
        let planned: BTreeSet<&Key> = plan.iter().map(|one| &one.key).collect();
        let life = self.life(beats);
        self.board.retain(|key, known| planned.contains(key) && known.at.elapsed() <= life);
        self.prometheus.ground().asked.keep(&planned);
        let parts: BTreeSet<String> = plan.iter().map(part_of).collect();
        self.standing.keep(|name| parts.contains(name) || OTHER_PARTS.contains(&name));
    }

    /// How long an answer stands: over that time nothing new was heard, so nothing is known.
    fn life(&self, beats: usize) -> Duration {
        (self.beat_length() * 3 * u32::try_from(beats).unwrap_or(u32::MAX)).max(self.window())
    }

    /// Compares what the board says with what was published, and publishes the difference.
    async fn publish(&mut self) -> Result<(), EngineGone> {
        let plan = self.plan();
        let told = |query: &Query| {
            let known = self.board.get(&query.key);
            query.key.kind.is_of_durations() || known.is_some_and(|known| known.whole)
        };
        let down = self.targets.as_ref().map(|targets| targets.down.clone()).unwrap_or_default();
        let patience = Patience { whole: plan.iter().all(told), absence: self.window(), down: &down };
        let open =
            plan.iter().filter(|query| !query.key.kind.is_of_durations() && !self.board.contains_key(&query.key));
        let lacking: Lacking = open.map(|query| query.key.series.clone()).collect();
        let fresh = map::processes(&self.board, &lacking, &self.dialects, observations);
        let Difference { put, removed } = self.held.take(fresh, patience, Instant::now(), Timestamp::now());
        if patience.whole {
            self.standing.silent(self.silent());
        }
        if put.is_empty() && removed.is_empty() {
            return Ok(());
        }
        self.out.facts(Batch::delta(self.id(), put, removed)).await
    }
}

impl Round<'_> {
    /// The jobs whose processes show nothing that a dialect knows. Of what is summed over all processes it is not known whose it is.
    fn silent(&self) -> Vec<Arc<str>> {
        let is_summed = self.held.has("");
        let up = self.targets.iter().filter(|_| !is_summed).flat_map(|targets| &targets.up);
        let silent = up.filter(|(_, processes)| !processes.iter().any(|process| self.held.has(process)));
        silent.map(|(job, _)| job.clone()).take(MOST_JOBS).collect()
    }
}

/// How far back rates look.
pub(super) fn window(interval: Duration) -> Duration {
    (interval * INTERVALS_IN_WINDOW).clamp(SHORTEST_WINDOW, LONGEST_WINDOW)
}

/// What the Sources screen calls a question: two of them never have the same name.
fn part_of(query: &Query) -> String {
    let Key { series, kind, metric } = &query.key;
    format!("{metric} {kind:?} ({series})")
}

/// A word about rows that were not understood, if there are any.
pub(super) fn unread<T>(what: &str, rows: &Rows<T>) -> Option<String> {
    (rows.bad > 0).then(|| format!("{} of {} rows of {what} are not understood", rows.bad, rows.bad + rows.good.len()))
}

/// Keeps the earlier statement about each target of which only the moment of the last scrape is another: that alone is no news.
/// True when there is any.
fn keep_known(fresh: &mut [Observation], before: &[Observation]) -> bool {
    let known: BTreeMap<&ObjectKey, &Observation> = before.iter().map(|one| (&one.object, one)).collect();
    let mut news = fresh.len() != before.len();
    for one in fresh {
        match known.get(&one.object) {
            Some(earlier) if same_target(&earlier.fact, &one.fact) => *one = (*earlier).clone(),
            _ => news = true,
        }
    }
    news
}

fn same_target(one: &Fact, other: &Fact) -> bool {
    match (one, other) {
        (Fact::Target(one), Fact::Target(other)) => {
            let mut one = one.clone();
            one.last_scrape = other.last_scrape;
            one == *other
        }
        _ => false,
    }
}
