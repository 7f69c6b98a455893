//! Keeps all streams open at once, and publishes what they say.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use binnacle_model::fact::{Fact, How, ObjectKey, Observation, Origin};
use binnacle_model::snapshot::{Fault, SourceState};
use binnacle_model::store::Batch;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::map;
use super::stream::{self, News};
use super::wire::Command;
use super::{Hystrix, PRODUCT, SYSTEM};
use crate::connection::{EngineGone, Meter, Outbox};
use crate::error::{ErrorKind, SourceError};
use crate::road::Road;
use crate::scrape::map::{BREAKERS, CALLS};
use crate::scrape::{Account, Clients, Outcome, Standing, Target, address, jittered, pause_after, unknown};

/// News of all streams that may wait.
const WAITING: usize = 256;
/// The pause after the first failure; doubled with each one in a row.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// A stream that speaks, and did not name a command for so long, no longer has it.
const GONE_AFTER: Duration = Duration::from_secs(15);
/// Commands that went are looked for no more often.
const SWEPT_EVERY: Duration = Duration::from_secs(1);
/// Rates are rolling sums and change with each event: so often they are told at most.
const RATES_EVERY: Duration = Duration::from_secs(5);
/// The most commands that are kept of one stream.
const MOST_COMMANDS: usize = 5_000;

/// One stream, as far as it is known.
struct Post {
    life: u64,
    cancel: CancellationToken,
    origin: Arc<Origin>,
    outcome: Outcome,
    quiet: bool,
    /// Events that were left out since it was opened: how many, and what was wrong with the first one.
    left_out: Option<(u64, SourceError)>,
    /// It has more commands than are kept.
    overfull: bool,
    commands: BTreeMap<String, Said>,
    swept: Instant,
}

/// What a command said last, and when.
struct Said {
    breaker: Fact,
    at: Instant,
    /// What was told of its calls, and when.
    calls: Fact,
    calls_at: Instant,
}

/// Where a command's facts stand.
fn objects(target: &Target, name: &str) -> [ObjectKey; 2] {
    [map::object(target, name), map::calls_object(target, name)]
}

type Told = (Target, u64, News);

pub(super) struct Watch<'a> {
    hystrix: &'a Hystrix,
    out: Outbox,
    targets: watch::Receiver<Arc<[Target]>>,
    clients: Clients,
    wake: Arc<Notify>,
    lives: u64,
    posts: BTreeMap<Target, Post>,
    streams: FuturesUnordered<BoxFuture<'static, ()>>,
    teller: mpsc::Sender<Told>,
    told: mpsc::Receiver<Told>,
    put: BTreeMap<ObjectKey, Observation>,
    removed: Vec<ObjectKey>,
    standing: Standing,
}

impl<'a> Watch<'a> {
    pub(super) fn new(hystrix: &'a Hystrix, out: Outbox) -> Self {
        let (teller, told) = mpsc::channel(WAITING);
        Self {
            hystrix,
            out,
            targets: hystrix.targets.clone(),
            clients: Clients::by(hystrix.inside.clone()),
            wake: Arc::default(),
            lives: 0,
            posts: BTreeMap::new(),
            streams: FuturesUnordered::new(),
            teller,
            told,
            put: BTreeMap::new(),
            removed: Vec::new(),
            standing: Standing::default(),
        }
    }

    pub(super) async fn run(&mut self, nudge: &Notify) -> Result<(), EngineGone> {
        // A run after a panic begins with nothing; what the run before stated is replaced, not added to.
        let id = self.hystrix.id.clone();
        for collection in [BREAKERS, CALLS] {
            self.out.facts(Batch::reset(id.clone(), collection, Vec::new())).await?;
        }
        let mut list_may_change = true;
        self.retarget();
        loop {
            self.publish().await?;
            tokio::select! {
                changed = self.targets.changed(), if list_may_change => match changed {
                    Ok(()) => self.retarget(),
                    Err(_) => list_may_change = false,
                },
                () = nudge.notified() => self.wake.notify_waiters(),
                // Only cancelled streams end; the others are driven here.
                Some(()) = self.streams.next() => {}
                Some(told) = self.told.recv() => {
                    self.take(told);
                    // A process says all of its commands in one go: that is one change of the picture.
                    while let Ok(told) = self.told.try_recv() {
                        self.take(told);
                    }
                }
            }
        }
    }

    /// Takes the list of targets over: new ones are opened at once, and what was known of those that left is removed.
    fn retarget(&mut self) {
        let listed = self.targets.borrow_and_update().clone();
        let gone: Vec<Target> = self.posts.keys().filter(|known| !listed.contains(known)).cloned().collect();
        for target in gone {
            if let Some(post) = self.posts.remove(&target) {
                post.cancel.cancel();
                for object in post.commands.keys().flat_map(|name| objects(&target, name)) {
                    self.put.remove(&object);
                    self.removed.push(object);
                }
            }
        }
        for target in listed.iter() {
            let Entry::Vacant(place) = self.posts.entry(target.clone()) else { continue };
            self.lives += 1;
            let cancel = CancellationToken::new();
            let keeper = Keeper {
                target: target.clone(),
                life: self.lives,
                road: self.clients.of(SYSTEM, &target.url),
                meter: self.hystrix.meter.clone(),
                wake: self.wake.clone(),
                out: self.teller.clone(),
            };
            let ended = cancel.clone();
            let kept_open = async move {
                tokio::select! {
                    () = ended.cancelled() => {}
                    () = keeper.keep_open() => {}
                }
            };
            self.streams.push(kept_open.boxed());
            place.insert(Post {
                life: self.lives,
                cancel,
                origin: Arc::new(Origin { query: Arc::from(target.request()), how: How::Pushed }),
                outcome: None,
                quiet: false,
                left_out: None,
                overfull: false,
                commands: BTreeMap::new(),
                swept: Instant::now(),
            });
        }
    }

    fn take(&mut self, (target, life, news): Told) {
        let Some(post) = self.posts.get_mut(&target).filter(|post| post.life == life) else { return };
        match news {
            News::Quiet => (post.outcome, post.quiet) = (Some(Ok(())), true),
            News::Opened => {
                (post.quiet, post.left_out, post.overfull) = (false, None, false);
                post.give_time();
            }
            News::Garbage(error) => {
                let (count, _) = post.left_out.get_or_insert((0, error));
                *count = count.saturating_add(1);
            }
            News::Broken(error, pause) => {
                post.outcome = Some(Err(error));
                self.standing.try_after(pause);
                self.leave_open(&target);
            }
            News::Command(command) => {
                (post.outcome, post.quiet) = (Some(Ok(())), false);
                for object in post.forget_unsaid(&target) {
                    self.put.remove(&object);
                    self.removed.push(object);
                }
                for observation in post.take(&target, &command) {
                    self.removed.retain(|object| *object != observation.object);
                    self.put.insert(observation.object.clone(), observation);
                }
            }
        }
    }

    /// What a stream said long before it broke is not known any more. Where all are broken the source as a whole is, and says so.
    fn leave_open(&mut self, target: &Target) {
        if !self.posts.values().any(|post| matches!(post.outcome, Some(Ok(())))) {
            return;
        }
        for observation in self.posts.get_mut(target).into_iter().flat_map(|post| post.leave_open(target)) {
            self.put.insert(observation.object.clone(), observation);
        }
    }

    async fn publish(&mut self) -> Result<(), EngineGone> {
        if !self.put.is_empty() || !self.removed.is_empty() {
            let put = std::mem::take(&mut self.put).into_values().collect();
            let removed = std::mem::take(&mut self.removed);
            self.out.facts(Batch::delta(self.hystrix.id.clone(), put, removed)).await?;
        }
        let state = self.standing.state(&self.posts.values().map(|post| &post.outcome));
        let account = Account {
            address: address(
                &self.targets.borrow(),
                &self.hystrix.spec.place,
                self.hystrix.inside.as_deref().and_then(Road::words),
            ),
            product: self.product(state),
            abilities: Vec::new(),
            faults: self.posts.iter().flat_map(|(target, post)| post.faults(target)).collect(),
        };
        if let Some(status) = self.standing.news(state, account) {
            self.out.status(self.hystrix.id.clone(), status).await?;
        }
        Ok(())
    }

    fn product(&self, state: SourceState) -> Option<Arc<str>> {
        let quiet = !self.posts.is_empty() && self.posts.values().all(|post| post.quiet);
        match state {
            SourceState::Live if quiet => Some(Arc::from(format!("{PRODUCT}, silent until its first command"))),
            SourceState::Live => Some(Arc::from(PRODUCT)),
            _ => None,
        }
    }
}

impl Post {
    fn faults(&self, target: &Target) -> Vec<Fault> {
        if let Some(Err(error)) = &self.outcome {
            return vec![error.fault()];
        }
        let left_out = self.left_out.as_ref().map(|(count, first)| {
            let came_back = format!("{} left out; the first one: {}", events(*count), first.came_back);
            SourceError { came_back, ..first.clone() }
        });
        let overfull = self.overfull.then(|| SourceError {
            system: SYSTEM,
            kind: ErrorKind::TooLarge,
            tried: target.request(),
            came_back: format!("more than {MOST_COMMANDS} commands"),
            hint: format!("Binnacle keeps {MOST_COMMANDS} of one stream; names with a number in them may be to blame."),
        });
        [left_out, overfull].into_iter().flatten().map(|error| error.fault()).collect()
    }

    /// Takes a command's event in, and says what is new about it.
    fn take(&mut self, target: &Target, command: &Command) -> Vec<Observation> {
        if self.commands.len() >= MOST_COMMANDS && !self.commands.contains_key(&command.name) {
            self.overfull = true;
            return Vec::new();
        }
        let (now, seen) = (Instant::now(), Timestamp::now());
        let breaker = map::observation(target, command, &self.origin, seen);
        let calls = || map::calls(target, command, &self.origin, seen);
        let Some(said) = self.commands.get_mut(&command.name) else {
            let calls = calls();
            let said = Said { breaker: breaker.fact.clone(), at: now, calls: calls.fact.clone(), calls_at: now };
            self.commands.insert(command.name.clone(), said);
            return vec![breaker, calls];
        };
        said.at = now;
        let mut news = Vec::new();
        if said.breaker != breaker.fact {
            said.breaker = breaker.fact.clone();
            news.push(breaker);
        }
        if now.saturating_duration_since(said.calls_at) >= RATES_EVERY {
            let calls = calls();
            if said.calls != calls.fact {
                (said.calls, said.calls_at) = (calls.fact.clone(), now);
                news.push(calls);
            }
        }
        news
    }

    /// The facts of commands that were said long ago, with nothing known of them.
    fn leave_open(&mut self, target: &Target) -> Vec<Observation> {
        let mut news = Vec::new();
        for (name, said) in self.commands.iter_mut().filter(|(_, said)| said.at.elapsed() > GONE_AFTER) {
            for (object, fact) in objects(target, name).into_iter().zip([&mut said.breaker, &mut said.calls]) {
                let open = unknown(fact);
                if *fact != open {
                    *fact = open.clone();
                    let (seen, origin) = (Timestamp::now(), self.origin.clone());
                    news.push(Observation { object, fact: open, seen, version: None, origin });
                }
            }
        }
        news
    }

    /// A stream that was opened again has yet to say what it has: until then its commands count as said.
    fn give_time(&mut self) {
        let now = Instant::now();
        self.commands.values_mut().for_each(|said| said.at = now);
    }

    /// The stream speaks, and no longer of these.
    fn forget_unsaid(&mut self, target: &Target) -> Vec<ObjectKey> {
        let mut gone = Vec::new();
        if self.swept.elapsed() < SWEPT_EVERY {
            return gone;
        }
        self.swept = Instant::now();
        let newest = self.commands.values().map(|said| said.at).max();
        self.commands.retain(|name, said| {
            let kept = newest.is_none_or(|newest| newest.saturating_duration_since(said.at) <= GONE_AFTER);
            if !kept {
                gone.extend(objects(target, name));
            }
            kept
        });
        self.overfull &= self.commands.len() >= MOST_COMMANDS;
        gone
    }
}

/// How many events, in words that do not change with each one.
fn events(count: u64) -> String {
    match count {
        1 => "1 event was".to_owned(),
        2..=10 => format!("{count} events were"),
        _ => format!("{} events or more were", 10_u64.pow(count.checked_ilog10().unwrap_or(0))),
    }
}

/// Opens one stream again and again.
struct Keeper {
    target: Target,
    life: u64,
    road: Result<Arc<Road>, SourceError>,
    meter: Arc<Meter>,
    wake: Arc<Notify>,
    out: mpsc::Sender<Told>,
}

impl Keeper {
    async fn keep_open(self) {
        let mut failures: u32 = 0;
        loop {
            let (brought, error) = self.read().await;
            failures = if brought { 1 } else { failures.saturating_add(1) };
            let pause = jittered(pause_after(failures, FIRST_PAUSE));
            if self.tell(News::Broken(error, pause)).await.is_err() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.wake.notified() => {}
            }
        }
    }

    async fn read(&self) -> (bool, SourceError) {
        let road = match &self.road {
            Ok(road) => road,
            Err(error) => return (false, error.clone()),
        };
        // One at a time: the stream is read no faster than the picture is made.
        let (sender, mut news) = mpsc::channel(1);
        let reading = stream::read(road, &self.target, &self.meter, &sender);
        tokio::pin!(reading);
        loop {
            tokio::select! {
                biased;
                Some(news) = news.recv() => {
                    let _ = self.tell(news).await;
                }
                ended = &mut reading => {
                    while let Ok(news) = news.try_recv() {
                        let _ = self.tell(news).await;
                    }
                    return ended;
                }
            }
        }
    }

    async fn tell(&self, news: News) -> Result<(), EngineGone> {
        self.out.send((self.target.clone(), self.life, news)).await.map_err(|_| EngineGone)
    }
}
