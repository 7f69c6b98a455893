//! Disagreements: what sources state of one thing that cannot all be so. Only sources that are current count: what is old is
//! no contradiction to what is new.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use super::settings::{self, Finding};
use super::targets::{self, Finding as OfTarget};
use crate::fact::{Exposure, Fact, InstanceRole};
use crate::id::{DisagreementId, InstanceId, ServiceId, SourceId, SourceKind};
use crate::snapshot::{
    Check, Claim, ClusterService, Disagreement, DisagreementKind, Evidence, Health, Instance, Service, Since, Snapshot,
    SourceState, SourceStatus,
};
use crate::store::{SourceFacts, Store};

/// Finds all disagreements but those about settings, see [`about_settings`].
pub(super) fn of(
    store: &Store,
    services: &BTreeMap<ServiceId, Service>,
    cluster_services: &BTreeMap<Arc<str>, ClusterService>,
    before: &Snapshot,
    now: Timestamp,
) -> BTreeMap<DisagreementId, Disagreement> {
    let clusters = Clusters::of(store, services);
    let mut found = Findings { before, now, all: BTreeMap::new() };
    for service in services.values() {
        for instance in service.instances.iter().filter(|instance| !instance.stale) {
            let about = About { service, instance };
            if let Some(claims) = clusters.zombie(about) {
                found.add(DisagreementKind::Zombie, about, claims);
            }
            if let Some((kind, claims)) = readiness(about) {
                found.add(kind, about, claims);
            }
            if let Some(claims) = other_port(about) {
                found.add(DisagreementKind::OtherPort, about, claims);
            }
        }
    }
    for finding in targets::findings(store, services, now) {
        match finding {
            OfTarget::Down(about, claims) => found.add(DisagreementKind::TargetDown, about, claims),
            OfTarget::NotScraped(about, claims) => found.add(DisagreementKind::NotScraped, about, claims),
        }
    }
    for front in cluster_services.values() {
        if let Some(claims) = selects_nothing(front, store) {
            found.add_front(front, claims);
        }
    }
    found.all
}

/// Finds the settings that two stores hold with different values.
pub(super) fn about_settings<'a>(
    store: &'a Store,
    services: impl Iterator<Item = &'a Service>,
    before: &Snapshot,
    now: Timestamp,
) -> BTreeMap<DisagreementId, Disagreement> {
    let mut found = Findings { before, now, all: BTreeMap::new() };
    for Finding { subject, key, service, claims } in settings::findings(store, services) {
        found.insert(DisagreementKind::OtherValue, &key, subject, Some(service), None, claims);
    }
    found.all
}

#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) service: &'a Service,
    pub(super) instance: &'a Instance,
}

struct Findings<'a> {
    before: &'a Snapshot,
    now: Timestamp,
    all: BTreeMap<DisagreementId, Disagreement>,
}

impl Findings<'_> {
    /// Whether a source was already read when the picture before was made: then what it says now has begun before
    /// Binnacle's eyes.
    fn was_read(&self, source: &SourceId) -> bool {
        self.before.sources.get(source).is_some_and(|known| known.status.state == SourceState::Live)
    }

    fn add(&mut self, kind: DisagreementKind, about: About<'_>, claims: Vec<Claim>) {
        let subject = about.instance.native_id.clone();
        let key = about.instance.id.clone();
        self.insert(kind, key.as_str(), subject, Some(about.service.id.clone()), Some(key.clone()), claims);
    }

    fn add_front(&mut self, front: &ClusterService, claims: Vec<Claim>) {
        let subject: Arc<str> = Arc::from(front.fact.name.to_string());
        let key = format!("{}/{subject}", front.evidence.source);
        let service = front.leads_to.first().cloned();
        self.insert(DisagreementKind::SelectsNothing, &key, subject, service, None, claims);
    }

    fn insert(
        &mut self,
        kind: DisagreementKind,
        key: &str,
        subject: Arc<str>,
        service: Option<ServiceId>,
        instance: Option<InstanceId>,
        claims: Vec<Claim>,
    ) {
        let id = DisagreementId::from(format!("{} {key}", kind.word()));
        let since = match self.before.disagreements.get(&id) {
            Some(old) => old.since,
            None => Since { at: self.now, seen_changing: claims.iter().all(|claim| self.was_read(&claim.source)) },
        };
        self.all.insert(id.clone(), Disagreement { id, kind, subject, service, instance, claims, since });
    }
}

/// Whether a source is current and has told everything of a collection: what is missing while it still tells, and what it
/// may not see, contradicts nothing.
pub(super) fn is_whole(facts: &SourceFacts, collection: &str) -> bool {
    let unseen = |status: &SourceStatus| status.unseen.iter().any(|one| &**one == collection);
    facts.status.as_ref().is_none_or(|status| status.state == SourceState::Live && !unseen(status))
}

/// The collection of Pods, whose absence speaks.
const PODS: &str = "pods";

pub(super) fn claim(evidence: &Evidence, says: impl Into<Arc<str>>) -> Claim {
    Claim { source: evidence.source.clone(), says: says.into(), evidence: Some(evidence.clone()) }
}

fn kind(evidence: &Evidence) -> Option<SourceKind> {
    evidence.source.kind()
}

/// What the clusters that can be read right now run, and where.
struct Clusters<'a> {
    ranges: Vec<(Range, &'a SourceId)>,
    by_address: BTreeMap<&'a str, About<'a>>,
    by_pod: BTreeMap<&'a str, About<'a>>,
}

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Range {
    network: u128,
    bits: u32,
    v6: bool,
}

impl Range {
    fn new(address: IpAddr, bits: u32) -> Self {
        let (number, v6, width) = number(address);
        let bits = bits.min(width);
        Self { network: number.checked_shr(width - bits).unwrap_or(0), bits, v6 }
    }

    /// Reads `10.244.0.0/24`.
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        Some(Self::new(address.parse().ok()?, bits.parse().ok()?))
    }

    /// The range in which the neighbours of an address are, where nobody says.
    fn around(address: IpAddr) -> Self {
        Self::new(address, if address.is_ipv6() { 64 } else { 24 })
    }

    fn has(self, address: IpAddr) -> bool {
        Self::new(address, self.bits) == self
    }
}

fn number(address: IpAddr) -> (u128, bool, u32) {
    match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), false, 32),
        IpAddr::V6(address) => (u128::from(address), true, 128),
    }
}

impl<'a> Clusters<'a> {
    fn of(store: &'a Store, services: &'a BTreeMap<ServiceId, Service>) -> Self {
        let mut clusters = Self { ranges: Vec::new(), by_address: BTreeMap::new(), by_pod: BTreeMap::new() };
        for (source, facts) in store.sources() {
            if source.kind() != Some(SourceKind::Kube) || !is_whole(facts, PODS) {
                continue;
            }
            for observation in facts.observations() {
                let Fact::Node(node) = &observation.fact else { continue };
                let declared = node.meta.get("podCIDR").and_then(|text| Range::parse(text));
                clusters.ranges.extend(declared.map(|range| (range, source)));
            }
        }
        let declared: Vec<&SourceId> = clusters.ranges.iter().map(|(_, source)| *source).collect();
        for service in services.values() {
            for instance in &service.instances {
                let Some(pod) = instance.witnesses().find(|one| kind(one) == Some(SourceKind::Kube)) else { continue };
                let about = About { service, instance };
                clusters.by_pod.insert(&instance.native_id, about);
                if instance.network.is_none() && !instance.address.is_empty() {
                    clusters.by_address.insert(&instance.address, about);
                    let neighbours = instance.address.parse().ok().map(Range::around);
                    let unsaid = store
                        .sources()
                        .get_key_value(&pod.source)
                        .filter(|(source, facts)| !declared.contains(source) && is_whole(facts, PODS));
                    clusters.ranges.extend(neighbours.zip(unsaid).map(|(range, (source, _))| (range, source)));
                }
            }
        }
        clusters.ranges.sort();
        clusters.ranges.dedup();
        clusters
    }

    /// A registration whose address belongs to a cluster's Pods, or that names its Pod, and there is no such Pod.
    fn zombie(&self, about: About<'_>) -> Option<Vec<Claim>> {
        let instance = about.instance;
        let registered = &instance.evidence;
        if kind(registered) == Some(SourceKind::Kube) || !instance.witnesses.is_empty() {
            return None;
        }
        // A gateway or a sidecar may stand on a machine's address.
        if !matches!(role(registered), Some(InstanceRole::Service)) {
            return None;
        }
        let named = pod_name(instance);
        let address: IpAddr = instance.address.parse().ok()?;
        let cluster = match &named {
            Some(pod) if self.by_pod.contains_key(&**pod) => return None,
            Some(_) => self.ranges.first().map(|(_, source)| *source)?,
            None => self.ranges.iter().find(|(range, _)| range.has(address)).map(|(_, source)| *source)?,
        };
        let port = instance.port;
        let says = match self.by_address.get(&*instance.address) {
            Some(other) => format!("{address} is {} of {}", other.instance.native_id, other.service.name),
            None => match &named {
                Some(pod) => format!("no pod {pod}"),
                None => format!("no pod has {address}"),
            },
        };
        let taken = self.by_address.get(&*instance.address).map(|other| other.instance.evidence.clone());
        Some(vec![
            claim(registered, format!("{} at {address}:{port}, {}", instance.native_id, instance.health.word())),
            Claim { source: cluster.clone(), says: Arc::from(says), evidence: taken },
        ])
    }
}

fn role(evidence: &Evidence) -> Option<&InstanceRole> {
    match &evidence.observation.fact {
        Fact::Instance(fact) => Some(&fact.role),
        _ => None,
    }
}

fn pod_name(instance: &Instance) -> Option<String> {
    let (namespace, pod) = (instance.meta.get("k8s-namespace")?, instance.meta.get("pod-name")?);
    Some(format!("{namespace}/{pod}"))
}

/// A Pod's own readiness beside the checks of a registry.
fn readiness(about: About<'_>) -> Option<(DisagreementKind, Vec<Claim>)> {
    let instance = about.instance;
    if instance.witnesses.is_empty() || instance.terminating.is_some() {
        return None;
    }
    let worst = |of: SourceKind| {
        let checks = instance.checks.iter().filter(move |check| kind(&check.evidence) == Some(of) && !check.of_node);
        checks.max_by_key(|check| check.health)
    };
    let (pod, registry) = (worst(SourceKind::Kube)?, worst(SourceKind::Consul)?);
    let kind = match (pod.health, registry.health) {
        (Health::Passing, Health::Critical) => DisagreementKind::ReadyButFailing,
        (Health::Critical, Health::Passing) => DisagreementKind::PassingButUnready,
        _ => return None,
    };
    let says = |check: &Check| {
        let first = check.output.lines().next().unwrap_or_default();
        let end = if first.is_empty() { String::new() } else { format!(": {first}") };
        format!("{} {}{end}", check.name, check.health.word())
    };
    let mut claims = vec![claim(&registry.evidence, says(registry)), claim(&pod.evidence, says(pod))];
    if kind == DisagreementKind::PassingButUnready {
        claims.reverse();
    }
    Some((kind, claims))
}

/// A registration at a port that the Pod does not declare, although it declares others.
fn other_port(about: About<'_>) -> Option<Vec<Claim>> {
    let instance = about.instance;
    let declared: Vec<u16> = instance.ports.iter().map(|declared| declared.port).collect();
    let registered = instance.witnesses().find(|one| kind(one) == Some(SourceKind::Consul))?;
    let Fact::Instance(fact) = &registered.observation.fact else { return None };
    let pod = instance.witnesses().find(|one| kind(one) == Some(SourceKind::Kube))?;
    if declared.is_empty() || fact.port == 0 || declared.contains(&fact.port) {
        return None;
    }
    let list = declared.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Some(vec![claim(registered, format!("port {}", fact.port)), claim(pod, format!("declares {list}"))])
}

/// A cluster service with a selector that no Pod fits.
fn selects_nothing(front: &ClusterService, store: &Store) -> Option<Vec<Claim>> {
    let current = store.sources().get(&front.evidence.source).is_some_and(|facts| is_whole(facts, PODS));
    let selects = !front.fact.selector.is_empty() && front.fact.exposure != Exposure::ExternalName;
    if !current || !selects || front.selected > 0 {
        return None;
    }
    let labels: Vec<String> = front.fact.selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let source = front.evidence.source.clone();
    Some(vec![
        claim(&front.evidence, format!("selects {}", labels.join(", "))),
        Claim { source, says: Arc::from("no pod of this namespace has these labels"), evidence: None },
    ])
}
