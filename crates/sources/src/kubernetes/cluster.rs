//! One cluster, read by lists and watches. Everything here is one future; nothing is spawned.
//!
//! Each resource is listed once, page by page, and then followed by a watch that goes on where the list, or the watch before,
//! ended. What the server has forgotten meanwhile (410, as a code or inside the stream) is listed anew, and what is no
//! longer listed is gone. An idle cluster costs one request for each resource in about five minutes.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use binnacle_model::fact::{How, Origin};
use binnacle_model::id::SourceId;
use binnacle_model::snapshot::Fault;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::api::{Answer, Failed, JSON, KubeApi, not_understood, of_status, segment};
use super::ledger::{Ledger, Seen};
use super::map::{self, Context, Saying, Words};
use super::owners::Owners;
use super::part::Part;
use super::standing::Standing;
use super::wire::{ApiGroup, EventKind, Line, List, Meta, Named, Status, Version};
use super::{Pace, SYSTEM, chance, wire};
use crate::connection::Outbox;
use crate::error::{ErrorKind, SourceError};

/// A watch that ends sooner than this is not followed by the next at once.
const SHORT: Duration = Duration::from_secs(1);
/// The largest single object of a watch: the API takes no object of more than 3 MiB.
const LARGEST_EVENT: usize = 16 * 1024 * 1024;

/// Reads one cluster.
pub(super) struct Cluster<'a> {
    pub(super) api: &'a KubeApi,
    pub(super) id: SourceId,
    out: &'a Outbox,
    nudge: &'a Notify,
    pace: Pace,
    owners: Owners,
    words: Words,
    standing: Mutex<Standing>,
}

/// How an object becomes facts.
type Say<T> = fn(&T, &Context<'_>) -> Saying;

/// Objects of one resource on their way to facts.
struct Reading<T> {
    part: Part,
    say: Say<T>,
    ledger: Ledger,
    /// The version of the API that it was listed in.
    version: &'static str,
    origin: Arc<Origin>,
    /// Objects that will mean something else later, or once their owners are known.
    unsettled: HashMap<Arc<str>, Unsettled<T>>,
    /// The first object that was not understood since the last listing.
    complaint: Option<SourceError>,
}

struct Unsettled<T> {
    object: T,
    again: Option<Timestamp>,
    unsure: bool,
}

/// Where a watch goes on.
#[derive(Clone, Debug)]
struct Mark {
    version: String,
    epoch: u64,
    namespace: Option<Arc<str>>,
}

/// Something of the API server with a head.
pub(super) trait Object: DeserializeOwned {
    fn meta(&self) -> &Meta;
}

macro_rules! objects {
    ($($name:ident),*) => {
        $(impl Object for wire::$name {
            fn meta(&self) -> &Meta {
                &self.metadata
            }
        })*
    };
}

objects!(
    Node,
    Pod,
    ReplicaSet,
    Deployment,
    StatefulSet,
    DaemonSet,
    Job,
    CronJob,
    Service,
    EndpointSlice,
    ConfigMap,
    Secret,
    Ingress,
    HttpRoute,
    GrpcRoute,
    NetworkPolicy,
    DestinationRule,
    ServiceProfile,
    Autoscaler,
    Event
);

impl<'a> Cluster<'a> {
    pub(super) fn new(api: &'a KubeApi, id: SourceId, out: &'a Outbox, nudge: &'a Notify, pace: Pace) -> Self {
        let shown = api.door.target().map(|target| target.cluster.server).unwrap_or_default();
        Self {
            api,
            id,
            out,
            nudge,
            pace,
            owners: Owners::new(),
            words: Words::default(),
            standing: Mutex::new(Standing::new(&shown)),
        }
    }

    /// Reads until it is dropped.
    pub(super) async fn run(&self) {
        self.owners.watched(Part::ReplicaSets, true);
        self.owners.watched(Part::Jobs, true);
        if let Some(command) = self.api.door.plugin_to_run() {
            self.lock().note(Fault {
                code: Arc::from("kube.signing_in"),
                detail: Arc::from(format!("Signing in with `{command}`, which the kubeconfig names.")),
                hint: Arc::from("It may open a browser. Disconnect if you do not trust the kubeconfig."),
            });
        }
        self.publish_status().await;
        tokio::join!(
            self.identify(),
            self.watch_files(),
            self.follow(Part::Nodes, map::node),
            self.follow(Part::ReplicaSets, map::replica_set),
            self.follow(Part::Jobs, map::job),
            self.follow(Part::Pods, map::pod),
            self.follow(Part::Deployments, map::deployment),
            self.follow(Part::StatefulSets, map::stateful_set),
            self.follow(Part::DaemonSets, map::daemon_set),
            self.follow(Part::CronJobs, map::cron_job),
            self.follow(Part::Services, map::service),
            self.follow(Part::EndpointSlices, map::endpoint_slice),
            self.follow(Part::ConfigMaps, map::config_map),
            self.follow(Part::Secrets, map::secret),
            self.follow(Part::Ingresses, map::ingress),
            self.follow(Part::HttpRoutes, map::http_route),
            self.follow(Part::GrpcRoutes, map::grpc_route),
            self.follow(Part::NetworkPolicies, map::network_policy),
            self.follow(Part::DestinationRules, map::destination_rule),
            self.follow(Part::ServiceProfiles, map::service_profile),
            self.follow(Part::Autoscalers, map::autoscaler),
            self.follow(Part::Events, map::event),
        );
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps, unless the user wants it now.
    async fn pause(&self, after: Duration) {
        if after.is_zero() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(after) => {}
            () = self.nudge.notified() => self.api.door.try_again(),
        }
    }

    /// Publishes how this cluster is doing, when that is news.
    async fn publish_status(&self) {
        let news = self.lock().news(Timestamp::now());
        if let Some(status) = news {
            // Without an engine there is nobody to tell; the end of this future is on its way.
            let _ = self.out.status(self.id.clone(), status).await;
        }
    }

    /// Asks for the version, again when the target changed, until it is answered.
    async fn identify(&self) {
        let mut epochs = self.api.door.epochs();
        loop {
            epochs.borrow_and_update();
            match self.product().await {
                Ok(()) => {
                    self.publish_status().await;
                    if epochs.changed().await.is_err() {
                        return std::future::pending().await;
                    }
                }
                Err(error) => {
                    tracing::debug!(source = %self.id, %error, "the version was not answered");
                    self.pause(self.pace.longest_pause).await;
                }
            }
        }
    }

    async fn product(&self) -> Result<(), SourceError> {
        let session = self.api.door.session().await?;
        let version: Result<Version, Failed> = self.api.json("/version").await;
        let product = version.map(|version| Arc::from(format!("Kubernetes {}", version.git_version)));
        let refused = product.as_ref().err().map(|failed: &Failed| failed.error.kind);
        self.lock().is(&session.shown, product.clone().ok());
        match (product, refused) {
            // Who may not ask for the version may read all the same.
            (Ok(_), _) | (_, Some(ErrorKind::Forbidden | ErrorKind::NotFound)) => Ok(()),
            (Err(failed), _) => Err(failed.error),
        }
    }

    /// Keeps what the files say in view.
    async fn watch_files(&self) {
        let telling = async {
            loop {
                tokio::time::sleep(self.pace.first_pause * 8).await;
                let fault = self.api.door.fault();
                self.lock().files(fault.as_ref());
                self.publish_status().await;
            }
        };
        tokio::join!(self.api.door.watch_files(), telling);
    }

    fn reading<T>(&self, part: Part, say: Say<T>) -> Reading<T> {
        Reading {
            part,
            say,
            ledger: Ledger::new(self.id.clone(), part.collection()),
            version: part.versions().0,
            origin: origin(part, part.versions().0),
            unsettled: HashMap::new(),
            complaint: None,
        }
    }

    /// Follows a resource for ever.
    async fn follow<T: Object>(&self, part: Part, say: Say<T>) {
        let mut reading = self.reading(part, say);
        let mut mark = None;
        let mut failures = 0_u32;
        if part == Part::Pods {
            self.owners_are_here().await;
        }
        loop {
            let began = Instant::now();
            let pause = match self.turn(&mut reading, &mut mark).await {
                Ok(()) => {
                    failures = 0;
                    if began.elapsed() < SHORT { SHORT } else { Duration::ZERO }
                }
                // What may no longer be watched everywhere may still be listed in one namespace.
                Err(failed) if failed.gone || (failed.error.kind == ErrorKind::Forbidden && mark.is_some()) => {
                    mark = None;
                    failures = failures.saturating_add(1);
                    // The first time at once; a server that says so each time is not asked in a loop.
                    if failures > 1 { self.pace.pause_after(failures, chance()) } else { Duration::ZERO }
                }
                Err(failed) => {
                    // A stream that was good for a while and broke is a first failure.
                    failures = if began.elapsed() > self.pace.longest_pause { 1 } else { failures.saturating_add(1) };
                    if withdraws(part, failed.error.kind) && reading.ledger.has_objects() {
                        mark = None;
                        reading.begin_whole();
                        self.say(&mut reading).await;
                    }
                    self.failed(part, &failed, failures).await
                }
            };
            self.pause(pause).await;
        }
    }

    async fn failed(&self, part: Part, failed: &Failed, failures: u32) -> Duration {
        let error = &failed.error;
        tracing::debug!(source = %self.id, part = part.plural(), code = error.code(), %error, "a watch failed");
        let pause = match error.kind {
            ErrorKind::Forbidden | ErrorKind::NotFound => self.pace.denied_pause.mul_f64(0.5 + 0.5 * chance()),
            _ => failed.retry_after.unwrap_or_default().max(self.pace.pause_after(failures, chance())),
        };
        {
            let mut standing = self.lock();
            if error.kind == ErrorKind::NotFound {
                standing.without(part);
            } else {
                standing.unwell(part, error, Timestamp::now().checked_add(pause).ok());
            }
        }
        // What may not be read will not come: Pods are not to wait for it.
        self.owners.watched(part, !matches!(error.kind, ErrorKind::Forbidden | ErrorKind::NotFound));
        self.publish_status().await;
        pause
    }

    /// Waits until the owners between Pods and workloads have been listed, or it is clear that they will not come: without
    /// them the first picture would name services that do not exist. Not longer than a moment, when they do not answer.
    async fn owners_are_here(&self) {
        let mut changes = self.owners.changes();
        let listed = async {
            while !self.owners.settled() {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        // What is not known then is known by what the Pods say themselves.
        let _ = tokio::time::timeout(self.pace.longest_pause, listed).await;
    }

    /// Lists where that is needed, and then watches until the watch ends.
    async fn turn<T: Object>(&self, reading: &mut Reading<T>, mark: &mut Option<Mark>) -> Result<(), Failed> {
        let epoch = self.api.door.session().await?.epoch;
        if mark.as_ref().is_none_or(|mark| mark.epoch != epoch) {
            *mark = None;
            *mark = Some(self.list(reading).await?);
        }
        let Some(held) = mark else { return Ok(()) };
        let ended = self.watch(reading, held).await;
        if ended.is_ok() && held.namespace.is_some() {
            // Perhaps all namespaces may be read by now.
            *mark = None;
        }
        ended
    }

    /// A whole listing: of all namespaces, or of the context's own where only that is allowed.
    async fn list<T: Object>(&self, reading: &mut Reading<T>) -> Result<Mark, Failed> {
        let _one_of_few = self.api.listings.acquire().await;
        let namespace = self.api.door.session().await?.namespace.clone();
        let version = self.version(reading.part).await?;
        if version != reading.version {
            reading.version = version;
            reading.origin = origin(reading.part, version);
        }
        match self.list_in(reading, None).await {
            Err(failed) if failed.error.kind == ErrorKind::Forbidden && reading.part.is_namespaced() => {
                match self.list_in(reading, Some(namespace)).await {
                    // The refusal of the wider question names the account and is the one to tell.
                    Err(narrower) if narrower.error.kind == ErrorKind::Forbidden => Err(failed),
                    listed => listed,
                }
            }
            listed => listed,
        }
    }

    /// The version of a part to ask for. What has to be installed is looked for first: asking for what is not there is refused like
    /// asking for what may not be seen.
    async fn version(&self, part: Part) -> Result<&'static str, Failed> {
        let (first, others) = part.versions();
        if !part.is_installed() {
            return Ok(first);
        }
        let group: ApiGroup = match self.api.json(&format!("/apis/{}", part.group())).await {
            // Who may not look asks for it all the same.
            Err(failed) if failed.error.kind == ErrorKind::Forbidden => return Ok(first),
            answered => answered?,
        };
        let is_served = |version: &&&str| group.versions.iter().any(|one| one.version == **version);
        Ok(std::iter::once(&first).chain(others).find(is_served).copied().unwrap_or(first))
    }

    async fn list_in<T: Object>(&self, reading: &mut Reading<T>, namespace: Option<Arc<str>>) -> Result<Mark, Failed> {
        let part = reading.part;
        let path = part.path(reading.version, namespace.as_deref());
        let accept = if part.metadata_only() { METADATA_LIST } else { JSON };
        let mut more = String::new();
        let mut begun = false;
        loop {
            let mut target = format!("{path}?limit={}{}", part.page(), part.selector());
            if !more.is_empty() {
                let _ = write!(target, "&continue={}", segment(&more));
            }
            let answer = self.api.ask(&target, accept).await?;
            let (tried, epoch) = (answer.tried.clone(), answer.epoch);
            let body = answer.whole().await?;
            let list: List<'_> =
                serde_json::from_slice(&body).map_err(|error| not_understood(&tried, &form(&error)))?;
            if !begun {
                reading.begin_whole();
                begun = true;
            }
            let seen = Seen { at: Timestamp::now(), origin: reading.origin.clone() };
            for item in &list.items {
                reading.take(item.get(), &tried, self.context(seen.at), &seen);
            }
            more = list.metadata.more;
            if more.is_empty() {
                self.say(reading).await;
                self.well(reading, namespace.clone()).await;
                return Ok(Mark { version: list.metadata.resource_version, epoch, namespace });
            }
        }
    }

    fn context(&self, now: Timestamp) -> Context<'_> {
        Context { owners: &self.owners, words: &self.words, now }
    }

    async fn say<T>(&self, reading: &mut Reading<T>) {
        if let Some(batch) = reading.ledger.finish() {
            let _ = self.out.facts(batch).await;
        }
    }

    async fn well<T>(&self, reading: &Reading<T>, namespace: Option<Arc<str>>) {
        {
            let mut standing = self.lock();
            standing.well(reading.part, namespace);
            standing.complain(reading.part, reading.complaint.as_ref());
        }
        self.owners.listed(reading.part);
        self.publish_status().await;
    }

    /// Follows the watch from a mark to its end. The mark moves on with it.
    async fn watch<T: Object>(&self, reading: &mut Reading<T>, mark: &mut Mark) -> Result<(), Failed> {
        let part = reading.part;
        let spread = self.pace.watch.mul_f64(1.0 + 0.2 * chance());
        let target = format!(
            "{}?watch=1&allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={}{}",
            part.path(reading.version, mark.namespace.as_deref()),
            segment(&mark.version),
            spread.as_secs().max(1),
            part.selector(),
        );
        let accept = if part.metadata_only() { METADATA } else { JSON };
        let mut epochs = self.api.door.epochs();
        let mut owners = self.owners.changes();
        let mut answer = self.api.ask(&target, accept).await?;
        if answer.epoch != mark.epoch {
            // Another target than the one that was listed.
            return Ok(());
        }
        self.well(reading, mark.namespace.clone()).await;
        let mut lines = Lines::default();
        let overdue = Instant::now() + spread + self.pace.slack;
        let due = tokio::time::sleep(Duration::MAX);
        tokio::pin!(due);
        loop {
            due.as_mut().reset(reading.due());
            tokio::select! {
                part = answer.streamed() => {
                    let Some(bytes) = part? else { return Ok(()) };
                    self.take_lines(reading, &mut lines, &bytes, mark, &answer)?;
                }
                changed = owners.changed(), if part == Part::Pods => {
                    if changed.is_ok() {
                        reading.again_unsure(self.context(Timestamp::now()));
                    }
                }
                () = &mut due => reading.again_due(self.context(Timestamp::now())),
                changed = epochs.changed() => if changed.is_ok() { return Ok(()) },
                () = tokio::time::sleep_until(overdue) => return Err(silent(&answer).into()),
            }
            self.say(reading).await;
            if reading.complaint.is_some() {
                self.lock().complain(part, reading.complaint.as_ref());
                self.publish_status().await;
            }
        }
    }

    /// Takes in what whole lines came.
    fn take_lines<T: Object>(
        &self,
        reading: &mut Reading<T>,
        lines: &mut Lines,
        bytes: &[u8],
        mark: &mut Mark,
        answer: &Answer,
    ) -> Result<(), Failed> {
        let seen = Seen { at: Timestamp::now(), origin: reading.origin.clone() };
        lines
            .feed(bytes, |line| {
                let event: Line<'_> =
                    serde_json::from_slice(line).map_err(|error| not_understood(&answer.tried, &form(&error)))?;
                let object = event.object.get();
                if event.kind == EventKind::Error {
                    let status: Status = serde_json::from_str(object).unwrap_or_default();
                    return Err(of_status(&answer.tried, &status));
                }
                match event.kind {
                    EventKind::Added | EventKind::Modified => {
                        reading.take(object, &answer.tried, self.context(seen.at), &seen);
                    }
                    EventKind::Deleted => reading.gone(object, &self.owners),
                    EventKind::Bookmark | EventKind::Error | EventKind::Other => {}
                }
                if let Ok(Named { metadata }) = serde_json::from_str(object)
                    && !metadata.resource_version.is_empty()
                {
                    mark.version = metadata.resource_version;
                }
                Ok(())
            })
            .map_err(|failed| match failed {
                LineFailed::TooLong => Failed::from(crate::http::too_large(SYSTEM, &answer.tried, LARGEST_EVENT)),
                LineFailed::Refused(failed) => failed,
            })
    }
}

/// Whether an answer takes back what was read before: the kind is gone from this cluster, or is not to be seen any longer. Of a
/// primary part what is known stays, as old.
fn withdraws(part: Part, kind: ErrorKind) -> bool {
    !part.is_primary() && matches!(kind, ErrorKind::Forbidden | ErrorKind::NotFound)
}

/// Only the heads of objects.
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

/// What is wrong with a text, without its words: they may be the value of a key.
fn form(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "a value is of another kind than promised",
        serde_json::error::Category::Eof => "it ends too soon",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is not JSON",
    };
    format!("{what}, at line {}, column {}", error.line(), error.column())
}

fn origin(part: Part, version: &str) -> Arc<Origin> {
    Arc::new(Origin { query: Arc::from(format!("GET {}", part.path(version, None))), how: How::Pushed })
}

fn silent(answer: &Answer) -> SourceError {
    SourceError {
        system: SYSTEM,
        kind: ErrorKind::TimedOut,
        tried: answer.tried.clone(),
        came_back: "the watch did not end when it should have".to_owned(),
        hint: "The connection is dead; it is tried again by itself.".to_owned(),
    }
}

impl<T: Object> Reading<T> {
    fn begin_whole(&mut self) {
        self.ledger.begin_whole();
        self.unsettled.clear();
        self.complaint = None;
    }

    /// An object as it came. One that is not understood is said to be so, and what was known of it stays.
    fn take(&mut self, text: &str, tried: &str, context: Context<'_>, seen: &Seen) {
        match serde_json::from_str::<T>(text) {
            Ok(object) => self.read(object, context, seen),
            Err(error) => {
                let named: Named = serde_json::from_str(text).unwrap_or(Named { metadata: Meta::default() });
                let what = format!("{} {}: {}", self.part.plural(), named.metadata.key(), form(&error));
                self.complaint.get_or_insert_with(|| not_understood(tried, &what));
            }
        }
    }

    fn read(&mut self, object: T, context: Context<'_>, seen: &Seen) {
        let Saying { facts, again, unsure } = (self.say)(&object, &context);
        let meta = object.meta();
        let (key, version) = (meta.key(), meta.version());
        self.ledger.take(&key, facts, version, seen);
        if again.is_some() || unsure {
            self.unsettled.insert(Arc::from(key), Unsettled { object, again, unsure });
        } else {
            self.unsettled.remove(key.as_str());
        }
    }

    fn gone(&mut self, text: &str, owners: &Owners) {
        let Ok(Named { metadata }) = serde_json::from_str(text) else { return };
        let key = metadata.key();
        self.ledger.gone(&key);
        self.unsettled.remove(key.as_str());
        if matches!(self.part, Part::ReplicaSets | Part::Jobs) {
            owners.depart(&metadata.uid);
        }
    }

    /// When the next object means something else.
    fn due(&self) -> Instant {
        let next = self.unsettled.values().filter_map(|held| held.again).min();
        let far = Duration::from_secs(3600);
        let until = next.and_then(|next| Duration::try_from(next.duration_since(Timestamp::now())).ok());
        match next {
            // What is due already is looked at after a breath, whatever the clock does.
            Some(_) => Instant::now() + until.unwrap_or_default().clamp(Duration::from_millis(50), far),
            None => Instant::now() + far,
        }
    }

    fn again_due(&mut self, context: Context<'_>) {
        self.again(context, |held| held.again.is_some_and(|again| again <= context.now));
    }

    fn again_unsure(&mut self, context: Context<'_>) {
        self.again(context, |held| held.unsure);
    }

    fn again(&mut self, context: Context<'_>, which: impl Fn(&Unsettled<T>) -> bool) {
        let seen = Seen { at: context.now, origin: self.origin.clone() };
        let keys: Vec<Arc<str>> =
            self.unsettled.iter().filter(|(_, held)| which(held)).map(|(key, _)| key.clone()).collect();
        for key in keys {
            if let Some(held) = self.unsettled.remove(&key) {
                self.read(held.object, context, &seen);
            }
        }
    }
}

/// Puts the lines of a stream together.
#[derive(Debug, Default)]
struct Lines {
    begun: Vec<u8>,
}

enum LineFailed {
    TooLong,
    Refused(Failed),
}

impl Lines {
    fn feed(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8]) -> Result<(), Failed>) -> Result<(), LineFailed> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            if self.begun.is_empty() {
                if !line.is_empty() {
                    take(line).map_err(LineFailed::Refused)?;
                }
            } else {
                self.begun.extend_from_slice(line);
                let whole = std::mem::take(&mut self.begun);
                take(&whole).map_err(LineFailed::Refused)?;
            }
        }
        self.begun.extend_from_slice(rest);
        if self.begun.len() > LARGEST_EVENT { Err(LineFailed::TooLong) } else { Ok(()) }
    }
}
