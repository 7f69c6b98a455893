//! One datacenter, read by blocking queries. Everything here is one future; nothing is spawned.
//!
//! The number of requests grows with what changes, not with the number of services. Held open are: the names of services,
//! nodes, all checks, all keys, sessions, and one for each kind of config entry. When the names or nodes change, one
//! request brings all nodes with their instances. An idle datacenter therefore costs one request for each of these
//! [`WATCHES`] in [`Pace::wait`] and its spreading: about four a minute, with one service or a thousand.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use binnacle_model::fact::{How, Origin};
use binnacle_model::id::SourceId;
use binnacle_model::store::Batch;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::api::{ConsulApi, Head, Question, not_understood, segment};
use super::chance;
use super::elements::Elements;
use super::listing::{Known, WentBack};
use super::map::{self, Seen};
use super::standing::{Part, Standing};
use super::watch::{Listing, Next, Pace, WatchState};
use super::wire::{
    ConfigEntry, HealthCheck, Intention, KvEntry, NodeInfo, NodeService, ServiceEntry, ServiceTags, Session,
};
use crate::connection::Outbox;
use crate::error::{ErrorKind, SourceError};

/// The kinds of config entries that the open-source Consul knows. One that a version does not know is dropped by its answer.
const KINDS: [&str; 15] = [
    "service-intentions",
    "service-defaults",
    "service-router",
    "service-splitter",
    "service-resolver",
    "ingress-gateway",
    "terminating-gateway",
    "api-gateway",
    "http-route",
    "tcp-route",
    "proxy-defaults",
    "mesh",
    "exported-services",
    "inline-certificate",
    "jwt-provider",
];
/// Requests held open at a datacenter: the kinds above, service names, nodes, checks, keys, sessions.
pub const WATCHES: usize = KINDS.len() + 5;
/// Requests for single services under way at once, where the server does not list all nodes with their instances.
const AT_ONCE: usize = 8;

/// Reads one datacenter.
pub(super) struct Datacenter<'a> {
    pub(super) api: &'a ConsulApi,
    pub(super) name: Arc<str>,
    pub(super) id: SourceId,
    pub(super) out: &'a Outbox,
    pub(super) nudge: &'a Notify,
    pub(super) pace: Pace,
    began: Instant,
    standing: Mutex<Standing>,
    structure: Structure,
    /// Notified when every primary part has answered.
    pub(super) settled: Notify,
}

/// What the watches of names and nodes hand to the reading of instances.
#[derive(Default)]
struct Structure {
    names: Mutex<Option<ServiceTags>>,
    changed: Notify,
    /// A watch was answered anew: instances are to be stated as a whole.
    anew: AtomicBool,
    /// Whether the last reading of instances brought anything.
    news: AtomicBool,
}

/// How one element of a listing becomes facts.
type Take = fn(&mut Known, &Seen, &SourceId, &[u8]) -> Result<(), serde_json::Error>;

/// A listing that a blocking query brings whole.
struct Listed {
    part: Part,
    path: String,
    query: &'static str,
    known: Known,
    take: Take,
    origin: Arc<Origin>,
}

impl<'a> Datacenter<'a> {
    pub(super) fn new(
        api: &'a ConsulApi,
        name: &str,
        product: Option<Arc<str>>,
        out: &'a Outbox,
        nudge: &'a Notify,
        pace: Pace,
    ) -> Self {
        Self {
            api,
            name: Arc::from(name),
            id: SourceId::of_datacenter(name, api.cluster()),
            out,
            nudge,
            pace,
            began: Instant::now(),
            standing: Mutex::new(Standing::new(&api.address(), product)),
            structure: Structure::default(),
            settled: Notify::new(),
        }
    }

    /// Reads until it is dropped.
    pub(super) async fn run(&self) {
        self.publish_status().await;
        let kv = self.listed(Part::Kv, "kv", "kv/", "recurse=", take_key);
        let health = self.listed(Part::Health, "health", "health/state/any", "", take_check);
        let sessions = self.listed(Part::Sessions, "sessions", "session/list", "", take_session);
        let mesh = join_all(KINDS.into_iter().map(|kind| self.mesh(kind)));
        tokio::join!(
            self.follow(kv),
            self.follow(health),
            self.names(),
            self.nodes(),
            self.instances(),
            self.follow(sessions),
            mesh,
            self.rights(),
        );
    }

    fn listed(&self, part: Part, collection: &str, path: &str, query: &'static str, take: Take) -> Listed {
        Listed {
            part,
            path: path.to_owned(),
            query,
            known: Known::new(self.id.clone(), collection),
            take,
            origin: self.origin(path, query),
        }
    }

    fn origin(&self, path: &str, query: &str) -> Arc<Origin> {
        let question = Question { path, query, dc: Some(&self.name), ..Question::default() };
        Arc::new(Origin { query: Arc::from(self.api.evidence(&question)), how: How::Pushed })
    }

    /// Config entries of one kind. Versions before 1.9 keep intentions elsewhere.
    async fn mesh(&self, kind: &'static str) {
        let listed = self.listed(Part::Mesh(kind), &format!("mesh/{kind}"), &format!("config/{kind}"), "", take_entry);
        self.follow(listed).await;
        if kind == "service-intentions" {
            let older = self.listed(Part::Mesh(kind), "mesh/intentions", "connect/intentions", "", take_intention);
            self.follow(older).await;
        }
    }

    /// Follows a listing for ever, or until the server says that it has none such.
    async fn follow(&self, mut listed: Listed) {
        let mut watch = WatchState::new(self.pace, self.began.elapsed());
        let mut next = Next::AT_ONCE;
        loop {
            self.pause(next.after).await;
            match self.turn(&mut watch, &mut listed, &next).await {
                Ok(following) => next = following,
                Err(error) if is_missing(listed.part, error.kind) => {
                    self.lock().without(listed.part);
                    return;
                }
                Err(error) => next = self.failed(&mut watch, listed.part, &error, &next).await,
            }
        }
    }

    /// One request of a listing, taken in while it arrives.
    async fn turn(&self, watch: &mut WatchState, listed: &mut Listed, next: &Next) -> Result<Next, SourceError> {
        let question = Question {
            path: &listed.path,
            query: listed.query,
            dc: Some(&self.name),
            hold: next.hold.clone(),
            body: None,
        };
        let mut answer = self.api.ask(&question).await?;
        let began = Instant::now();
        let seen = Seen { at: Timestamp::now(), origin: listed.origin.clone() };
        listed.known.begin(watch.on_head(answer.head.mark.as_ref()));
        let tried = answer.tried.clone();
        let mut elements = Elements::default();
        while let Some(part) = answer.part().await? {
            if !answer.nothing {
                elements
                    .feed(&tried, &part, &mut |element| (listed.take)(&mut listed.known, &seen, &self.id, element))?;
            }
        }
        if !answer.nothing {
            elements.finish(&tried)?;
        }
        let Ok(batch) = listed.known.finish() else {
            watch.start_anew();
            return Ok(Next::AT_ONCE);
        };
        let news = batch.is_some();
        self.say(batch).await;
        self.well(listed.part, &answer.head).await;
        Ok(watch.on_answer(self.began.elapsed(), answer.head.mark.clone(), news, began.elapsed()))
    }

    async fn say(&self, batch: Option<Batch>) {
        if let Some(batch) = batch {
            // Without an engine there is nobody to tell; the end of this future is on its way.
            let _ = self.out.facts(batch).await;
        }
    }

    /// Sleeps, unless the user wants it now.
    pub(super) async fn pause(&self, after: Duration) {
        if after.is_zero() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(after) => {}
            () = self.nudge.notified() => {}
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn well(&self, part: Part, head: &Head) {
        self.lock().well(part, head, self.api.is_anonymous());
        self.publish_status().await;
    }

    async fn failed(&self, watch: &mut WatchState, part: Part, error: &SourceError, last: &Next) -> Next {
        let next = watch.on_failure(error.kind, chance());
        let next_try = Timestamp::now().checked_add(next.after).ok();
        tracing::debug!(source = %self.id, code = error.code(), %error, "a watch failed");
        self.lock().unwell(part, error, last.hold.is_some(), next_try);
        self.publish_status().await;
        next
    }

    /// Publishes how this datacenter is doing, when that is news.
    pub(super) async fn publish_status(&self) {
        let (news, settled) = {
            let mut standing = self.lock();
            standing.reached(self.api.address());
            (standing.news(Timestamp::now()), standing.is_settled())
        };
        if settled {
            self.settled.notify_one();
        }
        if let Some(status) = news {
            let _ = self.out.status(self.id.clone(), status).await;
        }
    }

    /// Watches the names of services. What they are called is kept; that anything changed wakes the reading of instances.
    async fn names(&self) {
        let mut watch = WatchState::new(self.pace, self.began.elapsed());
        let mut next = Next::AT_ONCE;
        loop {
            self.pause(next.after).await;
            next = match self.turn_names(&mut watch, &next).await {
                Ok(following) => following,
                Err(error) => self.failed(&mut watch, Part::Services, &error, &next).await,
            };
        }
    }

    async fn turn_names(&self, watch: &mut WatchState, next: &Next) -> Result<Next, SourceError> {
        let question = self.held("catalog/services", next);
        let answer = self.api.ask(&question).await?;
        let (head, tried, began) = (answer.head.clone(), answer.tried.clone(), Instant::now());
        let body = answer.whole().await?;
        let names: ServiceTags =
            serde_json::from_slice(&body).map_err(|error| not_understood(&tried, &error.to_string()))?;
        let changed = {
            let mut held = self.structure.names.lock().unwrap_or_else(PoisonError::into_inner);
            let changed = held.as_ref() != Some(&names);
            *held = Some(names);
            changed
        };
        let woken = self.wake_instances(watch, &head, next);
        self.well(Part::Services, &head).await;
        let news = changed || (woken && self.structure.news.load(Ordering::Relaxed));
        Ok(watch.on_answer(self.began.elapsed(), head.mark, news, began.elapsed()))
    }

    /// Watches nodes, for the same reason.
    async fn nodes(&self) {
        let mut watch = WatchState::new(self.pace, self.began.elapsed());
        let mut next = Next::AT_ONCE;
        loop {
            self.pause(next.after).await;
            next = match self.turn_nodes(&mut watch, &next).await {
                Ok(following) => following,
                Err(error) => self.failed(&mut watch, Part::Nodes, &error, &next).await,
            };
        }
    }

    async fn turn_nodes(&self, watch: &mut WatchState, next: &Next) -> Result<Next, SourceError> {
        let mut answer = self.api.ask(&self.held("catalog/nodes", next)).await?;
        let (head, tried, began) = (answer.head.clone(), answer.tried.clone(), Instant::now());
        let mut elements = Elements::default();
        while let Some(part) = answer.part().await? {
            elements.feed(&tried, &part, &mut |_| Ok(()))?;
        }
        elements.finish(&tried)?;
        let woken = self.wake_instances(watch, &head, next);
        self.well(Part::Nodes, &head).await;
        let news = woken && self.structure.news.load(Ordering::Relaxed);
        Ok(watch.on_answer(self.began.elapsed(), head.mark, news, began.elapsed()))
    }

    fn held<'q>(&'q self, path: &'q str, next: &Next) -> Question<'q> {
        Question { path, dc: Some(&self.name), hold: next.hold.clone(), ..Question::default() }
    }

    /// Wakes the reading of instances when an answer is not just the end of its waiting time.
    fn wake_instances(&self, watch: &WatchState, head: &Head, last: &Next) -> bool {
        let unmoved = last.hold.as_ref().is_some_and(|hold| Some(&hold.mark) == head.mark.as_ref());
        if unmoved {
            return false;
        }
        if watch.on_head(head.mark.as_ref()) == Listing::Whole {
            self.structure.anew.store(true, Ordering::Relaxed);
        }
        self.structure.changed.notify_one();
        true
    }

    /// Reads nodes and instances whenever their watches say that there is something to read.
    async fn instances(&self) {
        let mut reading = Instances {
            known: Known::new(self.id.clone(), "catalog"),
            all_at_once: true,
            origin: self.origin("internal/ui/nodes", ""),
            names_origin: self.origin("catalog/services", ""),
        };
        let mut watch = WatchState::new(self.pace, self.began.elapsed());
        loop {
            self.structure.changed.notified().await;
            let mut listing = self.listing_of_instances();
            loop {
                match self.read_instances(&mut reading, listing).await {
                    Ok(Ok(news)) => {
                        self.structure.news.store(news, Ordering::Relaxed);
                        watch.on_answer(self.began.elapsed(), None, true, Duration::ZERO);
                        break;
                    }
                    Ok(Err(WentBack)) => {}
                    Err(error) => {
                        let next = self.failed(&mut watch, Part::Instances, &error, &Next::AT_ONCE).await;
                        self.pause(next.after).await;
                    }
                }
                // What was taken in half is not known: the next reading is a whole one.
                listing = Listing::Whole;
            }
        }
    }

    /// Names of a few services, the first in the order of the alphabet.
    pub(super) fn some_services(&self) -> Vec<String> {
        let names = self.structure.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.iter().flat_map(|names| names.keys().take(40).cloned()).collect()
    }

    fn listing_of_instances(&self) -> Listing {
        if self.structure.anew.swap(false, Ordering::Relaxed) { Listing::Whole } else { Listing::Changes }
    }

    async fn read_instances(
        &self,
        reading: &mut Instances,
        listing: Listing,
    ) -> Result<Result<bool, WentBack>, SourceError> {
        reading.known.begin(listing);
        let seen = Seen { at: Timestamp::now(), origin: reading.origin.clone() };
        let mut tags = TagsSeen::default();
        let mut head = Head::default();
        if reading.all_at_once {
            match self.all_nodes(reading, &seen, &mut tags).await {
                Ok(answered) => head = answered,
                Err(error) if is_no_dump(error.kind) => {
                    tracing::info!(source = %self.id, %error, "instances are read service by service");
                    reading.all_at_once = false;
                    reading.origin = self.origin("health/service/:service", "");
                    return Ok(Err(WentBack));
                }
                Err(error) => return Err(error),
            }
        } else {
            head.filtered = self.each_service(reading, &seen, &mut tags).await?;
        }
        let names = self.structure.names.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default();
        let named = Seen { at: seen.at, origin: reading.names_origin.clone() };
        for (name, listed) in tags.with(names) {
            map::service(&mut reading.known, &named, &name, &listed);
        }
        let Ok(batch) = reading.known.finish() else { return Ok(Err(WentBack)) };
        let news = batch.is_some();
        self.say(batch).await;
        self.well(Part::Instances, &head).await;
        Ok(Ok(news))
    }

    /// All nodes with their instances in one request. The endpoint serves Consul's own UI and is not documented; where it
    /// is missing or answers otherwise, services are asked for one by one.
    async fn all_nodes(&self, reading: &mut Instances, seen: &Seen, tags: &mut TagsSeen) -> Result<Head, SourceError> {
        let question = Question { path: "internal/ui/nodes", dc: Some(&self.name), ..Question::default() };
        let mut answer = self.api.ask(&question).await?;
        let tried = answer.tried.clone();
        let mut elements = Elements::default();
        while let Some(part) = answer.part().await? {
            elements.feed(&tried, &part, &mut |element| {
                let node: NodeInfo = serde_json::from_slice(element)?;
                if node.peer_name.is_empty() {
                    map::node(&mut reading.known, seen, &node.node, &node.address, &node.meta);
                    for service in node.services.iter().filter(|service| service.peer_name.is_empty()) {
                        tags.note(service);
                        map::instance(&mut reading.known, seen, &node.node, &node.address, service);
                    }
                }
                Ok(())
            })?;
        }
        elements.finish(&tried)?;
        Ok(answer.head)
    }

    /// Each service's instances, some at a time. True when the server left something out.
    async fn each_service(
        &self,
        reading: &mut Instances,
        seen: &Seen,
        tags: &mut TagsSeen,
    ) -> Result<bool, SourceError> {
        let names = self.structure.names.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default();
        let ask = |name: String| async move {
            let path = format!("health/service/{}", segment(&name));
            let question = Question { path: &path, dc: Some(&self.name), ..Question::default() };
            self.api.json::<Vec<ServiceEntry>>(&question).await
        };
        let mut answers = stream::iter(names.into_keys().map(ask)).buffer_unordered(AT_ONCE);
        let mut filtered = false;
        while let Some(answer) = answers.next().await {
            let (entries, head) = answer?;
            filtered |= head.filtered;
            for ServiceEntry { node, service } in &entries {
                tags.note(service);
                map::node(&mut reading.known, seen, &node.node, &node.address, &node.meta);
                map::instance(&mut reading.known, seen, &node.node, &node.address, service);
            }
        }
        Ok(filtered)
    }
}

/// What the reading of instances keeps between two readings.
struct Instances {
    known: Known,
    all_at_once: bool,
    origin: Arc<Origin>,
    names_origin: Arc<Origin>,
}

/// Tags by service, as the instances have them.
#[derive(Default)]
struct TagsSeen(BTreeMap<String, Vec<String>>);

impl TagsSeen {
    fn note(&mut self, service: &NodeService) {
        // Looked up before it is inserted: most instances name a service that is here already.
        if !self.0.contains_key(&service.service) {
            self.0.insert(service.service.clone(), Vec::new());
        }
        if let Some(known) = self.0.get_mut(&service.service) {
            for tag in &service.tags {
                if !known.contains(tag) {
                    known.push(tag.clone());
                }
            }
        }
    }

    /// The catalog's own list, with services that came after it was made.
    fn with(self, names: ServiceTags) -> BTreeMap<String, Vec<String>> {
        let mut all = self.0;
        all.extend(names.into_iter().map(|(name, tags)| (name, tags.unwrap_or_default())));
        for tags in all.values_mut() {
            tags.sort();
        }
        all
    }
}

fn take_key(known: &mut Known, seen: &Seen, _: &SourceId, element: &[u8]) -> Result<(), serde_json::Error> {
    map::key(known, seen, &serde_json::from_slice::<KvEntry<'_>>(element)?);
    Ok(())
}

fn take_check(known: &mut Known, seen: &Seen, _: &SourceId, element: &[u8]) -> Result<(), serde_json::Error> {
    map::check(known, seen, &serde_json::from_slice::<HealthCheck>(element)?);
    Ok(())
}

fn take_session(known: &mut Known, seen: &Seen, _: &SourceId, element: &[u8]) -> Result<(), serde_json::Error> {
    map::session(known, seen, &serde_json::from_slice::<Session>(element)?);
    Ok(())
}

fn take_entry(known: &mut Known, seen: &Seen, source: &SourceId, element: &[u8]) -> Result<(), serde_json::Error> {
    map::config_entry(known, seen, source, &serde_json::from_slice::<ConfigEntry>(element)?);
    Ok(())
}

fn take_intention(known: &mut Known, seen: &Seen, source: &SourceId, element: &[u8]) -> Result<(), serde_json::Error> {
    map::intention(known, seen, source, &serde_json::from_slice::<Intention>(element)?);
    Ok(())
}

/// Whether an answer means that this Consul does not have such a thing at all.
fn is_missing(part: Part, kind: ErrorKind) -> bool {
    matches!(part, Part::Mesh(_) | Part::Sessions) && matches!(kind, ErrorKind::Unsupported | ErrorKind::NotFound)
}

/// Whether an answer means that nodes with their instances are not to be had in one request.
fn is_no_dump(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound
            | ErrorKind::Unsupported
            | ErrorKind::AclDenied
            | ErrorKind::NotUnderstood
            | ErrorKind::Invalid
    )
}
