//! What a cluster's own objects declare of calls: variables of containers that name a cluster service, and routes of gateways.
//! Whoever is named here may be called by others as well.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::is_stale;
use super::parties::{Directory, Found};
use super::services::service_id;
use crate::fact::{
    CallsBasis, CallsFact, Fact, InstanceFact, MentionFact, Observation, Observer, Party, Pattern, Payload, Protocol,
    RouteFact, ServiceName,
};
use crate::id::{ServiceId, SourceId};
use crate::snapshot::Service;
use crate::store::{SourceFacts, Store};

/// A Gateway's own Pods have its name in this label (<https://gateway-api.sigs.k8s.io/geps/gep-1762/>).
const OF_GATEWAY: &str = "gateway.networking.k8s.io/gateway-name";
/// What a Pod is a copy of (<https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/>).
const APPLICATION: &str = "app.kubernetes.io/name";
/// The same, as older manifests have it. Anything may be called so: only what is named a controller's is one.
const OLDER: [&str; 2] = ["app", "k8s-app"];

/// What is stated of one pair, by an object that is not about a pair alone.
pub(super) struct Stated {
    pub(super) from: Found,
    pub(super) to: ServiceId,
    pub(super) source: SourceId,
    /// The object's own observation, with what it says of this pair.
    pub(super) observation: Arc<Observation>,
    pub(super) stale: bool,
}

/// What an object says of one pair.
pub(super) struct Says<'a> {
    pub(super) object: &'a Observation,
    pub(super) caller: Party,
    pub(super) callee: Party,
    pub(super) protocol: Protocol,
    pub(super) basis: CallsBasis,
}

impl Says<'_> {
    /// The same object, time and query, and the pair.
    pub(super) fn observation(self) -> Arc<Observation> {
        let fact = CallsFact {
            caller: self.caller,
            callee: self.callee,
            protocol: self.protocol,
            pattern: Pattern::Unknown,
            payload: Payload::Unknown,
            basis: self.basis,
            observer: Observer::default(),
        };
        Arc::new(Observation { fact: Fact::Calls(fact), ..self.object.clone() })
    }
}

/// A service by the name that its source has for it.
pub(super) fn catalogued(source: &SourceId, service: &ServiceName) -> Party {
    Party::Service { source: source.clone(), service: service.clone() }
}

/// Everything that variables and routes declare.
pub(super) fn of(store: &Store, known: &BTreeMap<ServiceId, Service>, directory: &Directory) -> Vec<Stated> {
    let mut all = Vec::new();
    for (source, facts) in store.sources() {
        let mut gateways = None;
        for observation in facts.observations() {
            let stated = match &observation.fact {
                Fact::Mention(fact) => mention(source, fact, observation),
                Fact::Route(fact) => {
                    let gateways = gateways.get_or_insert_with(|| Gateways::of(facts));
                    Some(route(source, fact, observation, gateways))
                }
                _ => continue,
            };
            let Some((says, target)) = stated else { continue };
            let Some(to) = directory.behind(source, target, known) else { continue };
            let Some(from) = directory.find(&says.caller, None).filter(|from| from.id != to) else { continue };
            let observation = says.observation();
            all.push(Stated { from, to, source: source.clone(), observation, stale: is_stale(facts) });
        }
    }
    all
}

fn mention<'a>(
    source: &'a SourceId,
    fact: &'a MentionFact,
    object: &'a Observation,
) -> Option<(Says<'a>, &'a ServiceName)> {
    let MentionFact { service, kind, workload, container, variable, target, scheme, .. } = fact;
    let word = format!("variable {variable} of container {container} in {} {workload}", kind.word());
    let says = Says {
        object,
        caller: catalogued(source, service),
        callee: catalogued(source, target),
        protocol: protocol(scheme.as_deref()),
        basis: CallsBasis::Declared(Arc::from(word)),
    };
    (service != target).then_some((says, target))
}

fn protocol(scheme: Option<&str>) -> Protocol {
    match scheme {
        Some("http" | "https" | "ws" | "wss") => Protocol::Http,
        Some("grpc" | "grpcs") => Protocol::Grpc,
        Some("amqp" | "amqps" | "kafka" | "nats" | "mqtt") => Protocol::Messaging,
        Some(_) => Protocol::Tcp,
        None => Protocol::Unknown,
    }
}

fn route<'a>(
    source: &'a SourceId,
    fact: &'a RouteFact,
    object: &'a Observation,
    gateways: &Gateways<'_>,
) -> (Says<'a>, &'a ServiceName) {
    let caller = match gateways.owner(fact) {
        Some(service) => catalogued(source, service),
        None => Party::Outside(outside(fact)),
    };
    let word = Arc::from(format!("{} {}", fact.kind, fact.name));
    let (callee, basis) = (catalogued(source, &fact.target), CallsBasis::Declared(word));
    let protocol = if &*fact.kind == "GRPCRoute" { Protocol::Grpc } else { Protocol::Http };
    (Says { object, caller, callee, protocol, basis }, &fact.target)
}

/// Who is outside a gateway of which no Pod is known.
fn outside(fact: &RouteFact) -> Arc<str> {
    Arc::from(match (&*fact.kind, &fact.gateway) {
        ("Ingress", Some(class)) => format!("outside, by ingress {class}"),
        ("Ingress", None) => "outside, by ingress".to_owned(),
        (_, Some(gateway)) => format!("outside, by gateway {gateway}"),
        (_, None) => "outside, by a gateway".to_owned(),
    })
}

/// The services of one cluster whose Pods are a gateway's. A name that several have tells nothing.
struct Gateways<'a> {
    names: BTreeMap<(&'a str, &'a str), BTreeSet<&'a ServiceName>>,
    applications: BTreeMap<&'a str, BTreeSet<&'a ServiceName>>,
    older: BTreeMap<&'a str, BTreeSet<&'a ServiceName>>,
}

impl<'a> Gateways<'a> {
    fn of(facts: &'a SourceFacts) -> Self {
        let mut found = Self { names: BTreeMap::new(), applications: BTreeMap::new(), older: BTreeMap::new() };
        for observation in facts.observations() {
            let Fact::Instance(fact) = &observation.fact else { continue };
            let namespace = fact.service.namespace.as_deref().unwrap_or_default();
            if let Some(name) = fact.meta.get(OF_GATEWAY) {
                found.names.entry((namespace, name)).or_default().insert(&fact.service);
            }
            if let Some(name) = fact.meta.get(APPLICATION) {
                found.applications.entry(name).or_default().insert(&fact.service);
            }
            for name in OLDER.into_iter().filter_map(|label| fact.meta.get(label)) {
                found.older.entry(name).or_default().insert(&fact.service);
            }
        }
        found
    }

    /// The service that carries a route out.
    fn owner(&self, route: &RouteFact) -> Option<&'a ServiceName> {
        let gateway = route.gateway.as_deref()?;
        let only = |all: Option<&BTreeSet<&'a ServiceName>>| {
            let mut all = all?.iter().copied();
            all.next().filter(|_| all.next().is_none())
        };
        if let Some((namespace, name)) = gateway.split_once('/') {
            return only(self.names.get(&(namespace, name)));
        }
        // A class is called like its controller, or like that without what it is.
        let named =
            [format!("ingress-{gateway}"), format!("{gateway}-ingress"), format!("{gateway}-ingress-controller")];
        let of = |labels: &BTreeMap<&'a str, BTreeSet<&'a ServiceName>>| {
            named.iter().find_map(|name| only(labels.get(name.as_str())))
        };
        of(&self.applications).or_else(|| only(self.applications.get(gateway))).or_else(|| of(&self.older))
    }
}

/// Whether two sets of labels name different gateways.
pub(super) fn tell_apart(was: &InstanceFact, is: &InstanceFact) -> bool {
    [OF_GATEWAY, APPLICATION].into_iter().chain(OLDER).any(|label| was.meta.get(label) != is.meta.get(label))
}

/// The service that a name is of in a source.
pub(super) fn id_of(source: &SourceId, name: &ServiceName, directory: &Directory) -> ServiceId {
    directory.resolve(service_id(source, name))
}
