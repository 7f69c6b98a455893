//! Owns the connections: runs each as a task, restarts it when it panics, and knows which sources it brings.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use binnacle_model::id::SourceId;
use binnacle_model::snapshot::{Fault, SourceState, SourceStatus};
use binnacle_model::world::Update;
use binnacle_sources::{Connection, ConnectionSpec, Doors, Outbox, SourceError};
use futures_util::FutureExt;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::edits::{EditError, Rules, Stores};
use crate::{ConnectionReport, Opening};

/// Updates of one connection that may wait.
const WAITING: usize = 64;
/// The pause after a panic, doubled with each one in a row up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(crate) struct Supervisor {
    inlet: mpsc::Sender<Update>,
    clock: Clock,
    tasks: TaskTracker,
    cancel: CancellationToken,
    posts: Arc<Mutex<BTreeMap<ConnectionSpec, Arc<Post>>>>,
    /// Held while a connection is put in place of another: two at a time might each undo what the other's profile says.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// The doors to clusters, which all connections share.
    doors: Doors,
}

/// A connection at work.
struct Post {
    connection: Arc<dyn Connection>,
    /// How it was opened; `None` for one that the caller made.
    opening: Option<Opening>,
    nudge: Arc<Notify>,
    cancel: CancellationToken,
    ended: CancellationToken,
    /// The sources that it brings, with what each said of itself last.
    sources: Mutex<BTreeMap<SourceId, Option<SourceStatus>>>,
}

impl Post {
    /// Notes which sources an update speaks for.
    fn note(&self, update: &Update) {
        match update {
            Update::Facts(batch) => {
                self.sources().entry(batch.source.clone()).or_default();
            }
            Update::Status(source, status) => {
                self.sources().insert(source.clone(), Some(status.clone()));
            }
            Update::Forget(source) => {
                self.sources().remove(source);
            }
        }
    }

    fn rules(&self) -> Rules {
        self.opening.as_ref().map(|opening| opening.rules.clone()).unwrap_or_default()
    }

    fn sources(&self) -> MutexGuard<'_, BTreeMap<SourceId, Option<SourceStatus>>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Supervisor {
    pub(crate) fn new(
        inlet: mpsc::Sender<Update>,
        clock: Clock,
        tasks: TaskTracker,
        cancel: CancellationToken,
        doors: Doors,
    ) -> Self {
        Self { inlet, clock, tasks, cancel, posts: Arc::default(), turn: Arc::default(), doors }
    }

    fn posts(&self) -> MutexGuard<'_, BTreeMap<ConnectionSpec, Arc<Post>>> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a connection until it is dismissed. One that runs already goes on, and the answer is false.
    pub(crate) fn supervise(&self, connection: Arc<dyn Connection>, opening: Option<Opening>) -> bool {
        let mut posts = self.posts();
        if posts.contains_key(connection.spec()) {
            return false;
        }
        let post = Arc::new(Post {
            nudge: Arc::new(Notify::new()),
            cancel: self.cancel.child_token(),
            ended: CancellationToken::new(),
            sources: Mutex::default(),
            connection,
            opening,
        });
        posts.insert(post.connection.spec().clone(), post.clone());
        let supervisor = self.clone();
        self.tasks.spawn(async move {
            supervisor.keep_running(&post).await;
            post.ended.cancel();
        });
        true
    }

    /// Runs a connection in place of one to the same address. One that was opened in the same way goes on.
    pub(crate) async fn replace(&self, connection: Arc<dyn Connection>, opening: Opening) {
        let _turn = self.turn.lock().await;
        self.put(connection, opening).await;
    }

    /// The same with what comes of the opening that is in force for an address; `None` where none is open.
    pub(crate) async fn reopen(
        &self,
        spec: &ConnectionSpec,
        change: impl FnOnce(Option<Opening>) -> Option<Opening>,
    ) -> Result<(), SourceError> {
        let _turn = self.turn.lock().await;
        let Some(opening) = change(self.opening_of(spec)) else { return Ok(()) };
        self.put(opening.open_by(&self.doors)?, opening).await;
        Ok(())
    }

    async fn put(&self, connection: Arc<dyn Connection>, opening: Opening) {
        while !self.supervise(connection.clone(), Some(opening.clone())) {
            if self.opening_of(&opening.spec).as_ref() == Some(&opening) {
                return;
            }
            self.dismiss(&opening.spec).await;
        }
    }

    /// A connection at work.
    pub(crate) fn connection(&self, spec: &ConnectionSpec) -> Option<Arc<dyn Connection>> {
        self.posts().get(spec).map(|post| post.connection.clone())
    }

    /// How a connection was opened.
    pub(crate) fn opening_of(&self, spec: &ConnectionSpec) -> Option<Opening> {
        self.posts().get(spec).and_then(|post| post.opening.clone())
    }

    async fn keep_running(&self, post: &Post) {
        let mut pause = FIRST_PAUSE;
        while !post.cancel.is_cancelled() {
            if self.run_once(post).await.is_ok() {
                return;
            }
            self.report_panic(post, pause).await;
            tokio::select! {
                () = post.cancel.cancelled() => return,
                () = tokio::time::sleep(jittered(pause, self.clock.now())) => {}
                () = post.nudge.notified() => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Runs the connection and passes on all that it says, also what it said right before a panic.
    async fn run_once(&self, post: &Post) -> std::thread::Result<()> {
        let (sender, mut said) = mpsc::channel(WAITING);
        let running = post.connection.run(Outbox::new(sender), post.nudge.clone(), post.cancel.clone());
        let running = AssertUnwindSafe(running).catch_unwind();
        let passing_on = async {
            while let Some(update) = said.recv().await {
                post.note(&update);
                if self.inlet.send(update).await.is_err() {
                    return;
                }
            }
        };
        tokio::join!(running, passing_on).0
    }

    async fn report_panic(&self, post: &Post, pause: Duration) {
        let now = self.clock.now();
        tracing::error!(connection = %post.connection.spec(), "a source panicked and will be started again");
        let sources = post.sources().clone();
        for (id, known) in sources.into_iter().filter_map(|(id, known)| Some((id, known?))) {
            let status = SourceStatus {
                state: SourceState::Failing,
                since: now,
                fault: Some(Fault {
                    code: Arc::from("engine.source_panicked"),
                    detail: Arc::from("Binnacle's own reading of this source failed; its facts are kept as they were."),
                    hint: Arc::from("It is started again by itself. Please report it with the log of this moment."),
                }),
                next_try: now.checked_add(pause).ok(),
                ..known
            };
            if self.inlet.send(Update::Status(id, status)).await.is_err() {
                return;
            }
        }
    }

    /// Ends a connection, waits for its end, and forgets its sources.
    pub(crate) async fn dismiss(&self, spec: &ConnectionSpec) {
        let post = self.posts().remove(spec);
        let Some(post) = post else { return };
        post.cancel.cancel();
        post.ended.cancelled().await;
        let sources: Vec<SourceId> = post.sources().keys().cloned().collect();
        for source in sources {
            if self.inlet.send(Update::Forget(source)).await.is_err() {
                return;
            }
        }
    }

    pub(crate) fn nudge(&self, source: &SourceId) {
        for post in self.posts().values().filter(|post| post.sources().contains_key(source)) {
            post.nudge.notify_waiters();
        }
    }

    pub(crate) fn report(&self) -> Vec<ConnectionReport> {
        let report = |post: &Arc<Post>| ConnectionReport {
            spec: post.connection.spec().clone(),
            profile: post.opening.as_ref().and_then(|opening| opening.profile.clone()),
            own: post.opening.is_none(),
            found: post.opening.as_ref().and_then(|opening| opening.found.clone()),
            way: post.connection.way(),
            may_recall: post.opening.as_ref().is_some_and(Opening::may_recall),
            token: post.opening.as_ref().filter(|opening| opening.takes_token()).map(Opening::token),
            rules: post.rules(),
            sources: post.sources().keys().cloned().collect(),
            meter: post.connection.meter().clone(),
        };
        self.posts().values().map(report).collect()
    }
}

#[async_trait]
impl Stores for Supervisor {
    async fn connection_of(&self, source: &SourceId) -> Result<Arc<dyn Connection>, EditError> {
        let post = self.posts().values().find(|post| post.sources().contains_key(source)).cloned();
        post.map(|post| post.connection.clone()).ok_or_else(|| EditError::unknown_source(source))
    }

    /// Where several connections bring the source, what any of them says holds: the name does not tell which is written to.
    fn rules_of(&self, source: &SourceId) -> Rules {
        let posts = self.posts();
        let bring_it = posts.values().filter(|post| post.sources().contains_key(source));
        bring_it.fold(Rules::default(), |rules, post| rules.and(&post.rules()))
    }
}

/// Spreads restarts of several connections apart, by up to a quarter of the pause.
fn jittered(pause: Duration, now: jiff::Timestamp) -> Duration {
    let share = now.subsec_nanosecond().unsigned_abs() % 250;
    pause + pause * share / 1000
}
