//! Scrape targets beside the Pods that they speak of: what is down although its Pod is ready, and what nobody scrapes
//! although it asks for it or its like are.
//!
//! Where several Prometheus servers share the work, one of them alone proves nothing: what is not scraped is told only when
//! every server that is connected is read whole, and nearly all of the Pods are scraped that could be.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::disagreements::{About, claim, is_whole};
use super::evidence;
use crate::fact::{Fact, InstanceFact, NetworkScope, Party, TargetFact, TargetHealth};
use crate::id::{InstanceId, ServiceId, SourceId, SourceKind};
use crate::snapshot::{Check, Claim, Evidence, Health, Instance, Service};
use crate::store::Store;

/// A Pod younger than this may not have been found yet by who scrapes.
const GROWN: SignedDuration = SignedDuration::from_mins(3);
/// Fewer scraped Pods than this share of those that could be, and the scraping is not read whole.
const NEARLY_ALL: f64 = 0.8;
/// The annotation by which a Pod asks to be scraped.
const ASKS: &str = "prometheus.io/scrape";

/// What is found out about one Pod.
pub(super) enum Finding<'a> {
    Down(About<'a>, Vec<Claim>),
    NotScraped(About<'a>, Vec<Claim>),
}

pub(super) fn findings<'a>(
    store: &'a Store,
    services: &'a BTreeMap<ServiceId, Service>,
    now: Timestamp,
) -> Vec<Finding<'a>> {
    let pods = Pods::of(services);
    let servers = store.sources().iter().filter(|(source, _)| source.kind() == Some(SourceKind::Prometheus));
    let (mut found, mut scraped, mut whole) = (Vec::new(), BTreeSet::new(), None);
    for (source, facts) in servers {
        let is_partial = facts.status.as_ref().is_some_and(|status| !status.partial.is_empty());
        let is_read = is_whole(facts, "targets");
        for observation in facts.observations() {
            let Fact::Target(target) = &observation.fact else { continue };
            let Some(about) = pods.find(&target.process) else { continue };
            scraped.insert(&about.instance.id);
            if is_read && target.health == TargetHealth::Down {
                found.extend(down(about, target, &evidence(source, observation)));
            }
        }
        let is_all = is_read && !is_partial;
        whole = Some((source, is_all && whole.is_none_or(|(_, all)| all)));
    }
    if let Some((server, true)) = whole {
        found.extend(not_scraped(&pods, &scraped, server, now));
    }
    found
}

/// A Pod, and what its cluster says of it.
type Told<'a> = (About<'a>, &'a Evidence, &'a InstanceFact);

/// The Pods that are current, by what a target may call them. What two have in common names neither.
struct Pods<'a> {
    all: Vec<Told<'a>>,
    by_name: BTreeMap<&'a str, Option<About<'a>>>,
    by_address: BTreeMap<&'a str, Option<About<'a>>>,
}

impl<'a> Pods<'a> {
    fn of(services: &'a BTreeMap<ServiceId, Service>) -> Self {
        let mut pods = Self { all: Vec::new(), by_name: BTreeMap::new(), by_address: BTreeMap::new() };
        for service in services.values() {
            for instance in service.instances.iter().filter(|one| !one.stale && one.terminating.is_none()) {
                let about = About { service, instance };
                for told in instance.witnesses().filter(|told| told.source.kind() == Some(SourceKind::Kube)) {
                    let Fact::Instance(fact) = &told.observation.fact else { continue };
                    pods.all.push((about, told, fact));
                    pods.by_name.entry(&fact.id).and_modify(|one| *one = None).or_insert(Some(about));
                    if fact.network != Some(NetworkScope::Node) && !fact.address.is_empty() {
                        pods.by_address.entry(&fact.address).and_modify(|one| *one = None).or_insert(Some(about));
                    }
                }
            }
        }
        pods
    }

    fn find(&self, process: &Party) -> Option<About<'a>> {
        match process {
            Party::Pod { namespace, pod, .. } => self.by_name.get(&*format!("{namespace}/{pod}")).copied().flatten(),
            Party::Address { host, .. } => self.by_address.get(&**host).copied().flatten(),
            _ => None,
        }
    }
}

/// The worst that its cluster says of a Pod.
fn pods_word(instance: &Instance) -> Option<&Check> {
    let own = |check: &&Check| check.evidence.source.kind() == Some(SourceKind::Kube) && !check.of_node;
    instance.checks.iter().filter(own).max_by_key(|check| check.health)
}

fn down<'a>(about: About<'a>, target: &TargetFact, told: &Evidence) -> Option<Finding<'a>> {
    let ready = pods_word(about.instance).filter(|check| check.health == Health::Passing)?;
    let error = target.last_error.lines().next().unwrap_or_default();
    let error = if error.is_empty() { String::new() } else { format!(": {error}") };
    let says = format!("{} of {} is down{error}", target.url, target.job);
    let word = format!("{} {}", ready.name, ready.health.word());
    Some(Finding::Down(about, vec![claim(told, says), claim(&ready.evidence, word)]))
}

fn not_scraped<'a>(
    pods: &Pods<'a>,
    scraped: &BTreeSet<&InstanceId>,
    server: &SourceId,
    now: Timestamp,
) -> Vec<Finding<'a>> {
    let is_scraped = |about: &About<'_>| scraped.contains(&about.instance.id);
    let is_grown = |fact: &InstanceFact| fact.started.is_some_and(|at| now.duration_since(at) > GROWN);
    let ready = |about: &About<'_>| pods_word(about.instance).is_some_and(|check| check.health == Health::Passing);
    let looked_at: Vec<_> =
        pods.all.iter().filter(|(about, _, fact)| is_scraped(about) || (is_grown(fact) && ready(about))).collect();
    let services: BTreeSet<_> =
        looked_at.iter().filter(|(about, ..)| is_scraped(about)).map(|(about, ..)| &about.service.id).collect();
    let asking: BTreeSet<_> = looked_at
        .iter()
        .filter(|(about, _, fact)| asks(fact) && is_scraped(about))
        .map(|(_, told, _)| &told.source)
        .collect();
    let expected: Vec<_> = looked_at
        .into_iter()
        .filter(|(about, told, fact)| {
            services.contains(&about.service.id) || (asks(fact) && asking.contains(&told.source))
        })
        .collect();
    let (with, without): (Vec<&Told<'a>>, Vec<&Told<'a>>) =
        expected.into_iter().partition(|(about, ..)| is_scraped(about));
    #[allow(clippy::cast_precision_loss, reason = "a share of counts")]
    let share = with.len() as f64 / (with.len() + without.len()).max(1) as f64;
    if share < NEARLY_ALL {
        return Vec::new();
    }
    let told_of = |(about, told, fact): &Told<'a>| {
        let others = with.iter().filter(|(other, ..)| other.service.id == about.service.id).count();
        let says = if asks(fact) {
            let port = fact.meta.get("prometheus.io/port").map(|port| format!(" at port {port}")).unwrap_or_default();
            format!("asks to be scraped{port}")
        } else {
            format!("runs and is ready, as {others} others of {} that are scraped", about.service.name)
        };
        let silent = Claim { source: server.clone(), says: "no target speaks of it".into(), evidence: None };
        Finding::NotScraped(*about, vec![claim(told, says), silent])
    };
    without.into_iter().map(told_of).collect()
}

fn asks(fact: &InstanceFact) -> bool {
    fact.meta.get(ASKS).is_some_and(|word| &**word == "true")
}
