//! The labelled set: `labelled.txt` says what sources state and which of it is one service in truth; here it is read, told to one
//! model, and every pair of statements is compared with the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use binnacle_model::fact::{
    Backend, BackendsFact, CallsBasis, CallsFact, ClusterServiceFact, ClusterServicePort, Exposure, Fact, InstanceFact,
    InstancePort, InstanceRole, NetworkScope, NodeFact, ObjectKey, Observation, Observer, Party, Pattern, Payload,
    Protocol, RolloutState, ServiceFact, ServiceName, Signals, TargetPort, Transport, WorkloadFact, WorkloadKind,
};
use binnacle_model::snapshot::{Instance, JoinReason, Service};
use binnacle_model::world::Update;
use binnacle_model::{Batch, ServiceId, SourceId, World};

use crate::build::{at, cluster, named, observed};

const TABLE: &str = include_str!("labelled.txt");
const NAMES: [&str; 8] = ["payments", "orders", "cart", "catalog", "ledger", "search", "mailer", "quotes"];
/// Seconds that pass at a `later`.
const LATER: i64 = 60;

/// How a statement is found in the picture again.
#[derive(Clone, Debug)]
enum Seen {
    /// A source's name of a service; a proxy's name is no service, and it is looked for at what it fronts.
    Service { id: ServiceId, object: (SourceId, ObjectKey) },
    /// A cluster service leads to it, and maybe to others.
    Front(String),
    /// It calls this channel.
    Target(ServiceId),
}

/// One statement with what it speaks of in truth.
#[derive(Debug)]
struct Witness {
    line: String,
    seen: Seen,
    truth: BTreeSet<String>,
    reason: Option<JoinReason>,
}

/// What is told, in the order of time, and who speaks of what.
#[derive(Default)]
struct Set {
    told: BTreeMap<i64, Vec<Batch>>,
    witnesses: Vec<Witness>,
}

/// One copy of one case, while it is read.
struct Copy {
    name: String,
    number: usize,
    case: usize,
    now: i64,
}

impl Copy {
    /// The copy's own words for `{}`, `8080+`, `$a`, `&a`, `%a`, `^a` and `@1`.
    fn word(&self, word: &str) -> String {
        let word = word.replace("{}", &self.name);
        if let Some(port) = word.strip_suffix('+') {
            let (front, port) = port.rsplit_once(':').map_or(("", port), |(front, port)| (front, port));
            let port = port.parse::<usize>().unwrap() + self.number;
            return if front.is_empty() { port.to_string() } else { format!("{}:{port}", self.word(front)) };
        }
        if let Some((host, port)) = word.split_once(':').filter(|(host, _)| host.starts_with(['$', '&', '%', '^', '@']))
        {
            return format!("{}:{port}", self.word(host));
        }
        let place = self.case * NAMES.len() + self.number;
        let letter = |letter: &str| usize::from(letter.as_bytes()[0] - b'a');
        match word.split_at_checked(1) {
            Some(("$" | "&", it)) => format!("10.244.{}.{}", place / 25, place % 25 * 10 + letter(it)),
            Some(("%", it)) => format!("172.20.{}.{}", place / 25, place % 25 * 10 + letter(it)),
            Some(("^", it)) => format!("10.96.{}.{}", place / 25, place % 25 * 10 + letter(it)),
            Some(("@", it)) => format!("192.168.49.{it}"),
            _ => word,
        }
    }
}

impl Set {
    fn read() -> Self {
        let mut set = Self::default();
        for name in ["c1", "c2"] {
            (1..=3).for_each(|number| set.node(name, number));
        }
        let (mut case, mut now) = (0, 0);
        for line in TABLE.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if line.starts_with("##") {
                (case, now) = (case + 1, 0);
            } else if line == "later" {
                now += LATER;
            } else if !line.starts_with('#') {
                for (number, name) in NAMES.iter().enumerate() {
                    set.line(line, &Copy { name: format!("{name}-{case}"), number, case, now });
                }
            }
        }
        set
    }

    fn say(&mut self, now: i64, source: &SourceId, mut observation: Observation) -> (SourceId, ObjectKey) {
        let object = observation.object.clone();
        observation.seen = at(now);
        self.told.entry(now).or_default().push(Batch::delta(source.clone(), vec![observation], vec![]));
        (source.clone(), object)
    }

    fn node(&mut self, name: &str, number: u8) {
        let network = if name == "c1" { 49 } else { 50 };
        let fact = NodeFact {
            name: Arc::from(format!("{name}-node-{number}")),
            address: Arc::from(format!("192.168.{network}.{number}")),
            meta: BTreeMap::new(),
        };
        self.say(0, &cluster(name), observed("nodes", fact.name.to_string(), 1, Fact::Node(fact)));
    }

    fn line(&mut self, line: &str, copy: &Copy) {
        let (said, truth) = line.split_once(" = ").unwrap_or((line, ""));
        let words: Vec<String> = said.split_whitespace().map(|word| words(copy, word)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let seen = match words[..] {
            ["pod", cluster, owner, name, address, ports, ref more @ ..] => {
                self.pod(copy.now, cluster, owner, name, (address, ports), more.contains(&"host"))
            }
            ["workload", cluster, name] => self.workload(cluster, name),
            ["front", cluster, name, address, port, backends] => {
                self.front(copy, cluster, name, address, port, backends)
            }
            ["consul", datacenter, name, address, port, ref meta @ ..] => {
                self.registration(copy.now, datacenter, name, (address, port), meta)
            }
            ["target", address, ref labels @ ..] => self.target(copy, address, labels),
            ["gone", "pod", name, pod] => {
                let key = ObjectKey::new("pods", pod);
                self.told.entry(copy.now).or_default().push(Batch::delta(cluster(name), vec![], vec![key]));
                return;
            }
            _ => panic!("not understood: {line}"),
        };
        let (truth, reason) = truth.split_once(" by ").map_or((truth, None), |(truth, by)| (truth, Some(by)));
        self.witnesses.push(Witness {
            line: words.join(" "),
            seen,
            truth: truth.split_whitespace().map(|name| copy.word(name)).collect(),
            reason: reason.map(|by| match by {
                "instances" => JoinReason::Instances,
                "explicit" => JoinReason::Explicit,
                "name" => JoinReason::Name,
                other => panic!("not a reason: {other}"),
            }),
        });
    }

    fn pod(&mut self, now: i64, on: &str, owner: &str, name: &str, place: (&str, &str), host: bool) -> Seen {
        let (namespace, workload) = owner.split_once('/').unwrap();
        let id = format!("{namespace}/{name}");
        let ports: Vec<u16> = place.1.split(',').filter_map(|port| port.parse().ok()).collect();
        let age = if now == 0 { String::new() } else { format!("-{now}") };
        let fact = InstanceFact {
            node: Some(Arc::from(format!("{on}-node-1"))),
            ports: ports
                .iter()
                .map(|port| InstancePort { name: None, port: *port, transport: Transport::Tcp })
                .collect(),
            uid: Some(Arc::from(format!("uid-{on}-{id}{age}"))),
            started: Some(at(if now == 0 { -100 } else { now - 1 })),
            network: host.then_some(NetworkScope::Node),
            ..instance(named(namespace, workload), &id, place.0, ports.first().copied().unwrap_or(0))
        };
        let object = self.say(now, &cluster(on), observed("pods", id, 1, Fact::Instance(fact)));
        Seen::Service { id: ServiceId::from(format!("kube:{on}/{owner}")), object }
    }

    fn workload(&mut self, on: &str, name: &str) -> Seen {
        let (namespace, workload) = name.split_once('/').unwrap();
        let fact = WorkloadFact {
            service: named(namespace, workload),
            name: Arc::from(workload),
            kind: WorkloadKind::Deployment,
            uid: Arc::from(name),
            created: None,
            desired: Some(0),
            ready: Some(0),
            updated: Some(0),
            available: Some(0),
            state: RolloutState::ScaledToZero,
            message: Arc::from(""),
        };
        let object = self.say(0, &cluster(on), observed("deployments", name.to_owned(), 1, Fact::Workload(fact)));
        Seen::Service { id: ServiceId::from(format!("kube:{on}/{name}")), object }
    }

    /// A Service, with an EndpointSlice of the Pods at these addresses that were told before it.
    fn front(&mut self, copy: &Copy, on: &str, name: &str, address: &str, port: &str, backends: &str) -> Seen {
        let (namespace, front) = name.split_once('/').unwrap();
        let (port, node_port) = port.split_once(':').unwrap_or((port, ""));
        let fact = ClusterServiceFact {
            name: named(namespace, front),
            exposure: if node_port.is_empty() { Exposure::ClusterIp } else { Exposure::NodePort },
            addresses: (address != "None").then(|| Arc::from(address)).into_iter().collect(),
            ports: vec![ClusterServicePort {
                name: None,
                port: port.parse().unwrap(),
                transport: Transport::Tcp,
                target: TargetPort::Number(8080),
                node_port: node_port.parse().ok(),
                app_protocol: None,
            }],
            selector: BTreeMap::new(),
            external_name: None,
            publishes_unready: false,
        };
        let backends = backends.split(',').map(|address| Backend {
            address: Arc::from(address),
            ready: true,
            terminating: false,
            instance: Some(self.pod_at(&cluster(on), address)),
            node: None,
        });
        let list = BackendsFact { service: fact.name.clone(), ports: vec![], backends: backends.collect() };
        self.say(copy.now, &cluster(on), observed("services", name.to_owned(), 1, Fact::ClusterService(fact)));
        self.say(copy.now, &cluster(on), observed("endpointslices", format!("{name}-1"), 1, Fact::Backends(list)));
        Seen::Front(format!("kube:{on}/{name}"))
    }

    fn pod_at(&self, source: &SourceId, address: &str) -> Arc<str> {
        let said = self.told.values().flatten().filter(|batch| batch.source == *source);
        let found = said.flat_map(|batch| &batch.put).find_map(|observation| match &observation.fact {
            Fact::Instance(fact) if *fact.address == *address => Some(fact.id.clone()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no Pod at {address}"))
    }

    fn registration(&mut self, now: i64, dc: &str, name: &str, place: (&str, &str), meta: &[&str]) -> Seen {
        let source = SourceId::from(format!("consul:{dc}"));
        let id = ServiceId::from(format!("{source}/{name}"));
        if place.0 == "-" {
            let fact = ServiceFact { service: ServiceName::plain(name), tags: vec![] };
            let object = self.say(now, &source, observed("catalog", format!("service/{name}"), 1, Fact::Service(fact)));
            return Seen::Service { id, object };
        }
        let mut free: BTreeMap<&str, &str> = meta.iter().map(|pair| pair.split_once('=').unwrap()).collect();
        let node = free.remove("node").unwrap_or("vm-1");
        let fronts = free.remove("proxy-of");
        let native = |name: &str| format!("{name}-{}-{now}", place.0);
        let mut fact = instance(ServiceName::plain(name), &native(name), place.0, place.1.parse().unwrap());
        fact.node = Some(Arc::from(node));
        fact.meta = free.into_iter().map(|(key, value)| (Arc::from(key), Arc::from(value))).collect();
        if let Some(of) = fronts {
            fact.role = InstanceRole::Sidecar { of: ServiceName::plain(of), instance: Some(Arc::from(native(of))) };
        }
        let key = format!("instance/{node}/{}", native(name));
        let mut object = self.say(now, &source, observed("catalog", key, 1, Fact::Instance(fact)));
        if let Some(of) = fronts {
            object.1 = ObjectKey::new("catalog", format!("instance/{node}/{}", native(of)));
        }
        Seen::Service { id, object }
    }

    /// A target of Prometheus, seen by a call that its process counts.
    fn target(&mut self, copy: &Copy, address: &str, labels: &[&str]) -> Seen {
        let (host, port) = address.rsplit_once(':').unwrap();
        let (host, port): (Arc<str>, u16) = (Arc::from(host), port.parse().unwrap());
        let caller = match labels {
            [pod] => {
                let (namespace, pod) = pod.strip_prefix("pod=").unwrap().split_once('/').unwrap();
                Party::Pod { namespace: Arc::from(namespace), pod: Arc::from(pod), address: Some((host, port)) }
            }
            _ => Party::Address { host, port },
        };
        let channel = format!("{}-{address}", copy.case);
        let fact = CallsFact {
            caller,
            callee: Party::Channel(Arc::from(channel.as_str())),
            protocol: Protocol::Messaging,
            pattern: Pattern::WorkQueue,
            payload: Payload::Unknown,
            basis: CallsBasis::Observed(Signals { rps: Some(1.0), ..Signals::default() }),
            observer: Observer::default(),
        };
        self.say(copy.now, &SourceId::from("prometheus:p"), observed("calls", channel.clone(), 1, Fact::Calls(fact)));
        Seen::Target(ServiceId::from(format!("channel:{channel}")))
    }

    fn world(&self) -> World {
        let mut world = World::default();
        for (second, batches) in &self.told {
            world.apply(batches.iter().cloned().map(Update::Facts), at(*second));
        }
        world
    }
}

/// A word of a statement, or several with commas or an equals sign between them.
fn words(copy: &Copy, word: &str) -> String {
    match word.split_once('=') {
        Some((key, value)) => format!("{key}={}", copy.word(value)),
        None => word.split(',').map(|word| copy.word(word)).collect::<Vec<_>>().join(","),
    }
}

fn instance(service: ServiceName, id: &str, address: &str, port: u16) -> InstanceFact {
    InstanceFact {
        service,
        id: Arc::from(id),
        node: None,
        address: Arc::from(address),
        port,
        role: InstanceRole::Service,
        tags: vec![],
        meta: BTreeMap::new(),
        upstreams: vec![],
        ports: vec![],
        uid: None,
        started: None,
        network: None,
        terminating: None,
    }
}

/// Whether an instance has a sidecar, and is the one that this object states.
fn is_fronted(one: &Instance, (source, object): &(SourceId, ObjectKey)) -> bool {
    let mut evidence = one.witnesses.iter().chain([&one.evidence]);
    one.sidecar && evidence.any(|by| by.source == *source && by.observation.object == *object)
}

/// The services of the picture that a statement is a part of.
fn found(world: &World, seen: &Seen) -> BTreeSet<String> {
    let snapshot = world.snapshot();
    let text = |id: &ServiceId| id.to_string();
    match seen {
        Seen::Service { id, object } => {
            if let Some(service) = snapshot.service(id) {
                return [text(&service.id)].into();
            }
            let fronts = |service: &&Arc<Service>| service.instances.iter().any(|one| is_fronted(one, object));
            snapshot.services.values().filter(fronts).map(|service| text(&service.id)).collect()
        }
        Seen::Front(key) => snapshot.cluster_services[key.as_str()].leads_to.iter().map(text).collect(),
        Seen::Target(channel) => {
            snapshot.edges.values().filter(|edge| edge.to == *channel).map(|edge| text(&edge.from)).collect()
        }
    }
}

/// The statements of the set, each with the services that the picture has it in.
fn told() -> (Set, World, Vec<BTreeSet<String>>) {
    let set = Set::read();
    let world = set.world();
    let found = set.witnesses.iter().map(|witness| found(&world, &witness.seen)).collect();
    (set, world, found)
}

#[test]
fn every_pair_of_statements_is_together_or_apart_as_it_is_in_truth() {
    let (set, _, found) = told();
    let (mut right, mut wrong, mut missed) = (0_u32, Vec::new(), Vec::new());
    for (at, one) in set.witnesses.iter().enumerate() {
        for (behind, other) in set.witnesses.iter().enumerate().skip(at + 1) {
            let meet = |a: &BTreeSet<String>, b: &BTreeSet<String>| !a.is_disjoint(b);
            match (meet(&found[at], &found[behind]), meet(&one.truth, &other.truth)) {
                (true, true) => right += 1,
                (true, false) => wrong.push((one, other)),
                (false, true) => missed.push((one, other)),
                (false, false) => {}
            }
        }
    }
    let services: BTreeSet<&String> = set.witnesses.iter().flat_map(|witness| &witness.truth).collect();
    let share = |bad: usize| f64::from(right) / (f64::from(right) + f64::from(u32::try_from(bad).unwrap()));
    println!(
        "{} statements on {} services, {right} pairs that are one: precision {:.4}, recall {:.4}",
        set.witnesses.len(),
        services.len(),
        share(wrong.len()),
        share(missed.len())
    );
    for (what, pairs) in [("wrongly together", &wrong), ("wrongly apart", &missed)] {
        for (one, other) in pairs {
            println!("{what}: {} | {}", one.line, other.line);
        }
    }
    assert!(services.len() >= 200, "{} services", services.len());
    assert!(wrong.is_empty() && missed.is_empty(), "{} wrong, {} missed", wrong.len(), missed.len());
}

#[test]
fn every_registration_is_joined_for_the_reason_that_it_should_be() {
    let (set, world, _) = told();
    for witness in &set.witnesses {
        let (Seen::Service { id, object }, Some(reason)) = (&witness.seen, witness.reason) else { continue };
        let service = world.snapshot().service(id).unwrap();
        let facet = service.facets.iter().find(|facet| facet.source == object.0).unwrap();
        assert_eq!(facet.joined_by, Some(reason), "{}", witness.line);
    }
}
