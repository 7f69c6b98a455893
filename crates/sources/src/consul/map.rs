//! From Consul's answers to observations. Pure: the same answer gives the same facts, whatever time it is.

mod limits;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use binnacle_model::fact::{
    Callees, CallsBasis, CallsFact, CheckFact, CheckStatus, CheckSubject, ConfigFact, Fact, InstanceFact, InstanceRole,
    MeshRuleFact, NodeFact, ObjectKey, Observation, Observer, Origin, Party, Pattern, Payload, Protocol, ServiceFact,
    ServiceName, SessionFact, StoreKind, Upstream,
};
use binnacle_model::id::SourceId;
use jiff::Timestamp;

use super::listing::{Known, Stamp};
use super::wire::{
    ConfigEntry, Failover, HealthCheck, Intention, IntentionPermission, KvEntry, NodeService, Session, Target,
};

/// The longest summary of a mesh rule.
const SUMMARY: usize = 200;

/// What all facts of one answer share.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) at: Timestamp,
    pub(super) origin: Arc<Origin>,
}

impl Seen {
    fn observation(&self, object: ObjectKey, fact: Fact, version: Option<u64>) -> Observation {
        Observation { object, fact, seen: self.at, version, origin: self.origin.clone() }
    }
}

/// Two names as one key. A slash in the first would make it ambiguous.
fn pair(first: &str, second: &str) -> String {
    if first.contains('/') { format!("{}/{second}", first.replace('/', "%2F")) } else { format!("{first}/{second}") }
}

fn name(namespace: &str, name: &str) -> ServiceName {
    let namespace = (!namespace.is_empty()).then(|| Arc::from(namespace));
    ServiceName { namespace, name: Arc::from(name) }
}

fn texts(from: &[String]) -> Vec<Arc<str>> {
    from.iter().map(|text| Arc::from(text.as_str())).collect()
}

fn meta(from: &BTreeMap<String, String>) -> BTreeMap<Arc<str>, Arc<str>> {
    from.iter().map(|(key, value)| (Arc::from(key.as_str()), Arc::from(value.as_str()))).collect()
}

/// A key of the store, without its value.
pub(super) fn key(known: &mut Known, seen: &Seen, entry: &KvEntry<'_>) {
    known.take(&entry.key, Stamp::version(entry.modify_index), |object| {
        let fact = ConfigFact {
            store: StoreKind::ConsulKv,
            path: object.key.clone(),
            size_bytes: entry.value.bytes(),
            flags: entry.flags,
            lock_session: entry.session.as_deref().filter(|session| !session.is_empty()).map(Arc::from),
            created_version: entry.create_index,
            mark: entry.value.mark(),
        };
        seen.observation(object, Fact::Config(fact), Some(entry.modify_index))
    });
}

/// A check with its state. Maintenance is a check with a reserved id, not a state of its own.
pub(super) fn check(known: &mut Known, seen: &Seen, check: &HealthCheck) {
    let version = (check.modify_index > 0).then_some(check.modify_index);
    let stamp = Stamp::of(version, &(&check.status, said(check)));
    known.take(&pair(&check.node, &check.check_id), stamp, |object| {
        let node: Arc<str> = Arc::from(check.node.as_str());
        let subject = match check.service_id.as_str() {
            "" => CheckSubject::Node(node),
            id => CheckSubject::Instance { node, id: Arc::from(id) },
        };
        let fact = CheckFact {
            subject,
            id: Arc::from(check.check_id.as_str()),
            name: Arc::from(check.name.as_str()),
            status: check_status(check),
            output: Arc::from(said(check)),
            method: Arc::from(check.method.as_str()),
        };
        seen.observation(object, Fact::Check(fact), version)
    });
}

fn is_maintenance(check: &HealthCheck) -> bool {
    check.check_id == "_node_maintenance" || check.check_id.starts_with("_service_maintenance:")
}

/// What a check printed. Maintenance prints nothing: the reason that a person gave stands in its notes.
fn said(check: &HealthCheck) -> &str {
    if check.output.is_empty() && is_maintenance(check) { &check.notes } else { &check.output }
}

fn check_status(check: &HealthCheck) -> CheckStatus {
    match check.status.as_str() {
        "critical" if is_maintenance(check) => CheckStatus::Maintenance,
        "passing" => CheckStatus::Passing,
        "warning" => CheckStatus::Warning,
        "critical" => CheckStatus::Critical,
        _ => CheckStatus::Unknown,
    }
}

/// A service's name with the tags of all its instances.
pub(super) fn service(known: &mut Known, seen: &Seen, service: &str, tags: &[String]) {
    let stamp = Stamp::of(None, &tags);
    known.take(&format!("service/{service}"), stamp, |object| {
        let fact = ServiceFact { service: ServiceName::plain(service), tags: texts(tags) };
        seen.observation(object, Fact::Service(fact), None)
    });
}

/// A node.
pub(super) fn node(known: &mut Known, seen: &Seen, node: &str, address: &str, free: &BTreeMap<String, String>) {
    known.take(&format!("node/{node}"), Stamp::of(None, &(address, free)), |object| {
        let fact = NodeFact { name: Arc::from(node), address: Arc::from(address), meta: meta(free) };
        seen.observation(object, Fact::Node(fact), None)
    });
}

/// An instance on a node. Without an address of its own it answers at the node's.
pub(super) fn instance(known: &mut Known, seen: &Seen, node: &str, node_address: &str, service: &NodeService) {
    let version = (service.modify_index > 0).then_some(service.modify_index);
    let address = if service.address.is_empty() { node_address } else { &service.address };
    let key = format!("instance/{}", pair(node, &service.id));
    known.take(&key, Stamp::of(version, &address), |object| {
        let fact = InstanceFact {
            service: name(&service.namespace, &service.service),
            id: Arc::from(service.id.as_str()),
            node: Some(Arc::from(node)),
            address: Arc::from(address),
            port: u16::try_from(service.port).unwrap_or(0),
            role: role(service),
            tags: texts(&service.tags),
            meta: meta(&service.meta),
            upstreams: upstreams(service),
            ports: Vec::new(),
            uid: None,
            started: None,
            network: None,
            terminating: None,
        };
        seen.observation(object, Fact::Instance(fact), version)
    });
}

fn role(service: &NodeService) -> InstanceRole {
    match service.kind.as_str() {
        "" | "typical" => InstanceRole::Service,
        "connect-proxy" => InstanceRole::Sidecar {
            of: name(&service.namespace, &service.proxy.destination_service_name),
            instance: Some(&service.proxy.destination_service_id)
                .filter(|id| !id.is_empty())
                .map(|id| Arc::from(&**id)),
        },
        gateway => InstanceRole::Gateway(Arc::from(gateway)),
    }
}

/// Upstreams that are services of this Consul; a prepared query or a peer's service has no name in its catalog.
fn upstreams(service: &NodeService) -> Vec<Upstream> {
    let ours = service.proxy.upstreams.iter().filter(|upstream| {
        matches!(upstream.destination_type.as_str(), "" | "service")
            && upstream.destination_peer.is_empty()
            && !upstream.destination_name.is_empty()
    });
    ours.map(|upstream| Upstream {
        service: name(&upstream.destination_namespace, &upstream.destination_name),
        datacenter: Some(&upstream.datacenter).filter(|dc| !dc.is_empty()).map(|dc| Arc::from(&**dc)),
    })
    .collect()
}

/// A lock session.
pub(super) fn session(known: &mut Known, seen: &Seen, session: &Session) {
    let stamp = Stamp::of(Some(session.modify_index), &(&session.name, &session.node));
    known.take(&session.id, stamp, |object| {
        let fact = SessionFact {
            id: object.key.clone(),
            name: Arc::from(session.name.as_str()),
            node: Arc::from(session.node.as_str()),
            behavior: Arc::from(session.behavior.as_str()),
        };
        seen.observation(object, Fact::Session(fact), Some(session.modify_index))
    });
}

/// A config entry: the rule itself, the calls that it declares or denies, and the limits that it sets for calls.
pub(super) fn config_entry(known: &mut Known, seen: &Seen, source: &SourceId, entry: &ConfigEntry) {
    let stamp = Stamp::version(entry.modify_index);
    known.take(&format!("rule/{}", pair(&entry.kind, &entry.name)), stamp, |object| {
        let fact = MeshRuleFact {
            rule: Arc::from(entry.kind.as_str()),
            name: Arc::from(entry.name.as_str()),
            summary: Arc::from(shorten(summary(entry))),
        };
        seen.observation(object, Fact::MeshRule(fact), Some(entry.modify_index))
    });
    for call in calls(source, entry) {
        let key = call_key(&entry.kind, &entry.name, &call);
        known.take(&key, stamp, |object| seen.observation(object, Fact::Calls(call), Some(entry.modify_index)));
    }
    take_limits(known, seen, entry);
}

/// What a config entry says of when calls are refused.
fn take_limits(known: &mut Known, seen: &Seen, entry: &ConfigEntry) {
    for fact in limits::of(entry) {
        let to = match &fact.callees {
            Callees::One(name) => name.to_string(),
            Callees::Host(_) | Callees::Namespace(_) | Callees::All => "*".to_owned(),
        };
        let key = format!("limits/{}/{to}", pair(&entry.kind, &entry.name));
        known.take(&key, Stamp::version(entry.modify_index), |object| {
            seen.observation(object, Fact::Limits(fact), Some(entry.modify_index))
        });
    }
}

/// An intention as versions before 1.9 keep it.
pub(super) fn intention(known: &mut Known, seen: &Seen, source: &SourceId, intention: &Intention) {
    let stamp = Stamp::version(intention.modify_index);
    let basis = intention_basis(&intention.action, &intention.permissions);
    let word = if matches!(basis, CallsBasis::Denied(_)) { "may not call" } else { "may call" };
    let key = format!("rule/{}", pair(&intention.source_name, &intention.destination_name));
    known.take(&key, stamp, |object| {
        let fact = MeshRuleFact {
            rule: Arc::from("service-intentions"),
            name: Arc::from(intention.destination_name.as_str()),
            summary: Arc::from(shorten(format!("{} {word} {}", intention.source_name, intention.destination_name))),
        };
        seen.observation(object, Fact::MeshRule(fact), Some(intention.modify_index))
    });
    let call = CallsFact {
        caller: party(source, "", &intention.source_name),
        callee: party(source, "", &intention.destination_name),
        basis,
        ..undetermined()
    };
    let key = call_key("service-intentions", &intention.destination_name, &call);
    known.take(&key, stamp, |object| seen.observation(object, Fact::Calls(call), Some(intention.modify_index)));
}

fn call_key(kind: &str, entry: &str, call: &CallsFact) -> String {
    let side = |party: &Party| match party {
        Party::Service { source, service } => format!("{}/{service}", source.place()),
        Party::Any => "*".to_owned(),
        Party::Named(name) | Party::Channel(name) | Party::Outside(name) => name.to_string(),
        Party::NamedIn { namespace, name } => format!("{namespace}/{name}"),
        Party::Supposed(names) => names.join("|"),
        Party::Address { host, port } => format!("{host}:{port}"),
        Party::Pod { namespace, pod, .. } => format!("{namespace}/{pod}"),
    };
    format!("call/{}/{}/{}", pair(kind, entry), side(&call.caller).replace('/', "%2F"), side(&call.callee))
}

/// `*` is any service.
fn party(source: &SourceId, namespace: &str, service: &str) -> Party {
    match service {
        "*" => Party::Any,
        service => Party::Service { source: source.clone(), service: name(namespace, service) },
    }
}

fn undetermined() -> CallsFact {
    CallsFact {
        caller: Party::Any,
        callee: Party::Any,
        protocol: Protocol::Unknown,
        pattern: Pattern::Unknown,
        payload: Payload::Unknown,
        basis: CallsBasis::Declared(Arc::from("")),
        observer: Observer::default(),
    }
}

fn protocol(word: &str) -> Protocol {
    match word {
        "http" | "http2" => Protocol::Http,
        "grpc" => Protocol::Grpc,
        "tcp" => Protocol::Tcp,
        _ => Protocol::Unknown,
    }
}

/// An action, or the rules by path that stand in its place: one that allows is enough to make a call possible.
fn intention_basis(action: &str, permissions: &[IntentionPermission]) -> CallsBasis {
    let allowed = match action {
        "allow" => true,
        "" => permissions.iter().any(|permission| permission.action == "allow"),
        _ => false,
    };
    let word = Arc::from("intention");
    if allowed { CallsBasis::Declared(word) } else { CallsBasis::Denied(word) }
}

fn calls(source: &SourceId, entry: &ConfigEntry) -> Vec<CallsFact> {
    let here = |service: &str| party(source, "", service);
    let declared = |caller: Party, callee: Party, word: &str| CallsFact {
        caller,
        callee,
        protocol: protocol(&entry.protocol),
        basis: CallsBasis::Declared(Arc::from(word)),
        ..undetermined()
    };
    let from_entry = |callee: Party, word: &str| declared(here(&entry.name), callee, word);
    let kind = entry.kind.as_str();
    match kind {
        "service-intentions" => intentions(source, entry),
        "ingress-gateway" => entry
            .listeners
            .iter()
            .flat_map(|listener| listener.services.iter().map(|service| (protocol(&listener.protocol), service)))
            .map(|(protocol, service)| CallsFact { protocol, ..from_entry(here(&service.name), kind) })
            .collect(),
        "terminating-gateway" => entry.services.iter().map(|service| from_entry(here(&service.name), kind)).collect(),
        "http-route" | "tcp-route" => routed(entry)
            .flat_map(|service| entry.parents.iter().map(move |gateway| (gateway, service)))
            .map(|(gateway, service)| declared(here(&gateway.name), here(service), kind))
            .collect(),
        "service-router" => entry
            .routes
            .iter()
            .filter(|route| leads_elsewhere(&route.destination, entry))
            .map(|route| from_entry(here(&route.destination.service), kind))
            .collect(),
        "service-splitter" => entry
            .splits
            .iter()
            .filter(|split| !split.service.is_empty() && split.service != entry.name)
            .map(|split| from_entry(here(&split.service), kind))
            .collect(),
        // How one upstream is to be called says that it is called; its protocol is the callee's own affair.
        "service-defaults" => entry
            .upstream_config
            .overrides
            .iter()
            .filter(|upstream| !upstream.name.is_empty() && upstream.peer.is_empty())
            .map(|upstream| party(source, &upstream.namespace, &upstream.name))
            .map(|callee| CallsFact { protocol: Protocol::Unknown, ..from_entry(callee, kind) })
            .collect(),
        "service-resolver" => resolved(source, entry).into_iter().map(|callee| from_entry(callee, kind)).collect(),
        _ => Vec::new(),
    }
}

/// Who may call and who may not. A peer's service has no name in this catalog: the rule says it, no edge does.
fn intentions(source: &SourceId, entry: &ConfigEntry) -> Vec<CallsFact> {
    let local = entry.sources.iter().filter(|from| from.peer.is_empty());
    local
        .map(|from| CallsFact {
            caller: party(source, &from.namespace, &from.name),
            callee: party(source, "", &entry.name),
            basis: intention_basis(&from.action, &from.permissions),
            ..undetermined()
        })
        .collect()
}

fn routed(entry: &ConfigEntry) -> impl Iterator<Item = &str> {
    let by_rule = entry.rules.iter().flat_map(|rule| &rule.services);
    by_rule.chain(&entry.services).map(|service| service.name.as_str()).filter(|service| !service.is_empty())
}

fn leads_elsewhere(target: &Target, entry: &ConfigEntry) -> bool {
    !target.service.is_empty() && target.service != entry.name && target.peer.is_empty()
}

/// The services, here and in other datacenters, that a resolver leads to instead of its own.
fn resolved(source: &SourceId, entry: &ConfigEntry) -> Vec<Party> {
    let at = |datacenter: &str| match datacenter {
        "" => source.clone(),
        datacenter => source.beside(datacenter),
    };
    let own_or = |service: &str| if service.is_empty() { entry.name.clone() } else { service.to_owned() };
    let party_at = |datacenter: &str, service: &str| party(&at(datacenter), "", &own_or(service));
    let mut found = Vec::new();
    if (!entry.redirect.service.is_empty() || !entry.redirect.datacenter.is_empty()) && entry.redirect.peer.is_empty() {
        found.push(party_at(&entry.redirect.datacenter, &entry.redirect.service));
    }
    for Failover { service, datacenters, targets } in entry.failover.values() {
        if datacenters.is_empty() && !service.is_empty() {
            found.push(party_at("", service));
        }
        found.extend(datacenters.iter().map(|datacenter| party_at(datacenter, service)));
        let local = targets.iter().filter(|target| target.peer.is_empty());
        found.extend(local.map(|target| party_at(&target.datacenter, &target.service)));
    }
    let own = party(source, "", &entry.name);
    found.retain(|party| *party != own);
    found.sort();
    found.dedup();
    found
}

/// What an entry says, in one sentence.
fn summary(entry: &ConfigEntry) -> String {
    match entry.kind.as_str() {
        "service-intentions" => {
            let mut said = String::new();
            for from in &entry.sources {
                let denied = matches!(intention_basis(&from.action, &from.permissions), CallsBasis::Denied(_));
                let word = match (denied, from.permissions.is_empty()) {
                    (true, _) => "may not call",
                    (false, true) => "may call",
                    (false, false) => "may call some paths",
                };
                let _ = write!(said, "{}{} {word}", if said.is_empty() { "" } else { ", " }, from.name);
            }
            said
        }
        "ingress-gateway" | "api-gateway" => {
            let ports: Vec<String> =
                entry.listeners.iter().map(|listener| format!("{} {}", listener.port, listener.protocol)).collect();
            format!("listens on {}", ports.join(", "))
        }
        "terminating-gateway" => format!("leads out to {}", names(entry.services.iter().map(|one| one.name.as_str()))),
        "http-route" | "tcp-route" => format!("leads to {}", names(routed(entry))),
        "service-router" => format!(
            "{} routes to {}",
            entry.routes.len(),
            names(entry.routes.iter().map(|route| own_name(&route.destination.service, entry)))
        ),
        "service-splitter" => {
            let parts: Vec<String> = entry
                .splits
                .iter()
                .map(|split| format!("{} % {}", split.weight, own_name(&split.service, entry)))
                .collect();
            parts.join(", ")
        }
        "service-resolver" => format!(
            "{} subsets, redirect {}, {} failover rules",
            entry.subsets.len(),
            if entry.redirect.service.is_empty() { "none" } else { &entry.redirect.service },
            entry.failover.len()
        ),
        _ if !entry.protocol.is_empty() => format!("protocol {}", entry.protocol),
        _ => String::new(),
    }
}

fn own_name<'a>(service: &'a str, entry: &'a ConfigEntry) -> &'a str {
    if service.is_empty() { &entry.name } else { service }
}

fn names<'a>(of: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = of.collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

fn shorten(text: String) -> String {
    if text.chars().count() <= SUMMARY {
        return text;
    }
    let mut short: String = text.chars().take(SUMMARY).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    //! Every answer in `fixtures/VERSION/` is mapped; what comes out stands beside it. Another answer is another case
    //! without another line here. Record them anew with `fixtures/record.sh`.

    use std::path::Path;

    use binnacle_model::fact::How;

    use super::*;
    use crate::consul::elements::Elements;
    use crate::consul::watch::Listing;
    use crate::consul::wire::{NodeInfo, ServiceEntry, ServiceTags};

    fn mapped(what: &str, body: &[u8]) -> Vec<Observation> {
        let source = SourceId::from("consul:dc1");
        let mut known = Known::new(source.clone(), "fixture");
        let origin = Origin { query: Arc::from("GET fixture"), how: How::Pushed };
        let seen = Seen { at: Timestamp::UNIX_EPOCH, origin: Arc::new(origin) };
        known.begin(Listing::Whole);
        if what == "services" {
            for (name, tags) in serde_json::from_slice::<ServiceTags>(body).unwrap() {
                service(&mut known, &seen, &name, &tags.unwrap_or_default());
            }
        } else {
            let mut elements = Elements::default();
            let mut each = |element: &[u8]| one(what, element, &mut known, &seen, &source);
            elements.feed("GET fixture", body, &mut each).unwrap();
            elements.finish("GET fixture").unwrap();
        }
        known.finish().unwrap().unwrap().put
    }

    fn one(
        what: &str,
        element: &[u8],
        known: &mut Known,
        seen: &Seen,
        source: &SourceId,
    ) -> Result<(), serde_json::Error> {
        match what {
            "kv" => key(known, seen, &serde_json::from_slice(element)?),
            "checks" => check(known, seen, &serde_json::from_slice(element)?),
            "sessions" => session(known, seen, &serde_json::from_slice(element)?),
            "intentions" => intention(known, seen, source, &serde_json::from_slice(element)?),
            "nodes" => {
                let found: NodeInfo = serde_json::from_slice(element)?;
                node(known, seen, &found.node, &found.address, &found.meta);
                for service in &found.services {
                    instance(known, seen, &found.node, &found.address, service);
                }
            }
            "service-web" => {
                let entry: ServiceEntry = serde_json::from_slice(element)?;
                instance(known, seen, &entry.node.node, &entry.node.address, &entry.service);
            }
            entry if entry.starts_with("config-") => {
                config_entry(known, seen, source, &serde_json::from_slice(element)?);
            }
            other => panic!("no mapping for {other}.json"),
        }
        Ok(())
    }

    #[test]
    fn what_real_servers_answered_is_mapped_as_it_stands_beside_it() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/consul/fixtures");
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let mut cases = 0;
        for version in ["1.22.7", "1.8.7"] {
            settings.set_snapshot_path(fixtures.join(version));
            for file in std::fs::read_dir(fixtures.join(version)).unwrap() {
                let path = file.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "json") {
                    let what = path.file_stem().unwrap().to_str().unwrap().to_owned();
                    let observations = mapped(&what, &std::fs::read(&path).unwrap());
                    let facts: Vec<_> =
                        observations.iter().map(|seen| (&seen.object.key, seen.version, &seen.fact)).collect();
                    settings.bind(|| insta::assert_json_snapshot!(what, facts));
                    cases += 1;
                }
            }
        }
        assert!(cases >= 25, "only {cases} fixtures were found");
    }
}
