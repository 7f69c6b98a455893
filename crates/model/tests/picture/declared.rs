//! What a cluster's own objects declare: variables, routes and network policies.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::World;
use binnacle_model::fact::{
    Backend, BackendsFact, CallsBasis, CallsFact, ClusterServiceFact, Direction, Exposure, Fact, InstanceFact,
    LabelSelector, LabelTest, MentionFact, Namespaces, NetworkPeer, NetworkPolicyFact, Observer, Party, PathMatch,
    Pattern, Payload, Protocol, RouteFact, Signals, WorkloadKind,
};
use binnacle_model::snapshot::{Edge, EdgeState, SourceState, SourceStatus};
use binnacle_model::world::Update;

use crate::build::{Pod, Said, at, cluster, named, observed, told};
use crate::disagreements::status;

const NAMES: [&str; 4] = ["web", "cart", "pay", "spy"];

fn labels(name: &str) -> BTreeMap<Arc<str>, Arc<str>> {
    BTreeMap::from([(Arc::from("app"), Arc::from(name))])
}

/// A Pod of a workload, with its label.
fn pod(place: usize, name: &str, more: &[(&str, &str)]) -> Said {
    let address = format!("10.244.0.{place}");
    let (source, mut said) = Pod::new(name, place, &address).said();
    if let Fact::Instance(InstanceFact { meta, .. }) = &mut said.fact {
        *meta = labels(name);
        meta.extend(more.iter().map(|(key, value)| (Arc::from(*key), Arc::from(*value))));
    }
    (source, said)
}

/// A cluster service in front of the Pod of this number, or of none.
fn front(name: &str, place: Option<usize>) -> Vec<Said> {
    let fact = ClusterServiceFact {
        name: named("shop", name),
        exposure: Exposure::ClusterIp,
        addresses: vec![],
        ports: vec![],
        selector: labels(name),
        external_name: None,
        publishes_unready: false,
    };
    let backend = |place: usize| Backend {
        address: Arc::from(format!("10.244.0.{place}")),
        ready: true,
        terminating: false,
        instance: Some(Arc::from(format!("shop/{name}-{place}"))),
        node: None,
    };
    let backends = BackendsFact {
        service: named("shop", name),
        ports: vec![],
        backends: place.map(backend).into_iter().collect(),
    };
    vec![
        (cluster("c1"), observed("services", format!("shop/{name}"), 1, Fact::ClusterService(fact))),
        (cluster("c1"), observed("endpointslices", format!("shop/{name}"), 1, Fact::Backends(backends))),
    ]
}

/// Four Pods in one namespace, each behind a cluster service of its name.
pub(crate) fn shop() -> Vec<Said> {
    let each = NAMES.iter().enumerate();
    each.flat_map(|(place, name)| [vec![pod(place, name, &[])], front(name, Some(place))].concat()).collect()
}

fn mention(from: &str, target: &str) -> Said {
    let fact = MentionFact {
        service: named("shop", from),
        kind: WorkloadKind::Deployment,
        workload: Arc::from(from),
        container: Arc::from("app"),
        variable: Arc::from("TARGET_URL"),
        target: named("shop", target),
        scheme: Some(Arc::from("http")),
        port: Some(8080),
    };
    (cluster("c1"), observed("deployments", format!("mention/shop/{from}/{target}"), 1, Fact::Mention(fact)))
}

pub(crate) fn counted(from: &str, to: &str) -> Said {
    let party = |name: &str| Party::NamedIn { namespace: Arc::from("shop"), name: Arc::from(name) };
    let fact = CallsFact {
        caller: party(from),
        callee: party(to),
        protocol: Protocol::Http,
        pattern: Pattern::Unknown,
        payload: Payload::Unknown,
        basis: CallsBasis::Observed(Signals { rps: Some(1.0), ..Signals::default() }),
        observer: Observer::default(),
    };
    ("prometheus:p".into(), observed("calls", format!("{from}/{to}"), 1, Fact::Calls(fact)))
}

pub(crate) fn with(label: &str, value: &str) -> LabelSelector {
    LabelSelector { requires: vec![LabelTest::In(Arc::from(label), vec![Arc::from(value)])] }
}

pub(crate) fn here(selects: LabelSelector) -> NetworkPeer {
    NetworkPeer::Instances { namespaces: Namespaces::Named(vec![Arc::from("shop")]), selects }
}

pub(crate) fn policy(name: &str, of: &str, permits: Vec<NetworkPeer>) -> Said {
    directed(name, of, Direction::In, permits)
}

/// A policy for what leaves the Pods of one workload.
fn policy_out(name: &str, of: &str, permits: Vec<NetworkPeer>) -> Said {
    directed(name, of, Direction::Out, permits)
}

fn directed(name: &str, of: &str, direction: Direction, permits: Vec<NetworkPeer>) -> Said {
    let fact = NetworkPolicyFact { name: named("shop", name), selects: with("app", of), direction, permits };
    let key = format!("shop/{name}/{direction:?}");
    (cluster("c1"), observed("networkpolicies", key, 1, Fact::NetworkPolicy(fact)))
}

fn edge<'a>(world: &'a World, from: &str, to: &str) -> Option<&'a Edge> {
    let id = |name: &str| if name.contains(':') { name.to_owned() } else { format!("kube:c1/shop/{name}") };
    let id = format!("{} -> {}", id(from), id(to));
    world.snapshot().edges.get(id.as_str()).map(|edge| &**edge)
}

fn state(world: &World, from: &str, to: &str) -> Option<EdgeState> {
    edge(world, from, to).map(|edge| edge.state)
}

/// What each statement about an edge was declared or denied by.
fn words(edge: &Edge) -> Vec<String> {
    let word = |fact: &Fact| match fact {
        Fact::Calls(CallsFact { basis: CallsBasis::Declared(by), .. }) => format!("declared by {by}"),
        Fact::Calls(CallsFact { basis: CallsBasis::Denied(by), .. }) => format!("denied by {by}"),
        _ => "counted".to_owned(),
    };
    edge.evidence.iter().map(|one| word(&one.observation.fact)).collect()
}

#[test]
fn a_variable_that_names_a_cluster_service_declares_a_call_and_none_else_undeclared() {
    let world = told(&[shop(), vec![mention("web", "cart"), counted("spy", "cart"), counted("web", "pay")]].concat());
    let found = edge(&world, "web", "cart").unwrap();
    assert_eq!((found.state, found.protocol), (EdgeState::Declared, Protocol::Http));
    assert_eq!(words(found), ["declared by variable TARGET_URL of container app in Deployment web"]);
    assert_eq!(state(&world, "spy", "cart"), Some(EdgeState::Observed), "a variable does not list who may call");
    assert_eq!(state(&world, "web", "pay"), Some(EdgeState::Observed), "nor whom else its owner calls");
}

#[test]
fn a_variable_that_names_no_cluster_service_or_its_own_declares_nothing() {
    let world = told(&[shop(), vec![mention("web", "nowhere"), mention("web", "web")]].concat());
    assert!(world.snapshot().edges.is_empty());
    assert!(world.snapshot().services.keys().all(|id| !id.as_str().contains("nowhere")));
}

#[test]
fn a_cluster_service_behind_which_nothing_runs_now_is_still_whom_it_is_named_after() {
    let mut said = vec![pod(0, "web", &[]), pod(1, "cart", &[]), mention("web", "cart")];
    said.extend(front("cart", None));
    assert_eq!(state(&told(&said), "web", "cart"), Some(EdgeState::Declared));
}

fn route(kind: &str, gateway: &str) -> Said {
    let fact = RouteFact {
        name: named("shop", "front"),
        kind: Arc::from(kind),
        gateway: Some(Arc::from(gateway)),
        host: None,
        path: Arc::from("/"),
        matching: PathMatch::Prefix,
        tls: false,
        target: named("shop", "web"),
        port: None,
    };
    (cluster("c1"), observed("ingresses", "shop/front".to_owned(), 1, Fact::Route(fact)))
}

#[test]
fn a_route_leads_from_the_gateways_own_pods_or_else_from_outside() {
    let world = told(&[shop(), vec![route("Ingress", "nginx")]].concat());
    let found = edge(&world, "external:outside, by ingress nginx", "web").unwrap();
    assert_eq!((found.state, words(found)), (EdgeState::Declared, vec!["declared by Ingress shop/front".to_owned()]));

    let controller = pod(9, "controller", &[("app.kubernetes.io/name", "ingress-nginx")]);
    let world = told(&[shop(), vec![route("Ingress", "nginx"), controller.clone()]].concat());
    assert_eq!(state(&world, "controller", "web"), Some(EdgeState::Declared));

    let other = pod(8, "second", &[("app.kubernetes.io/name", "ingress-nginx")]);
    let world = told(&[shop(), vec![route("Ingress", "nginx"), controller, other]].concat());
    assert!(edge(&world, "external:outside, by ingress nginx", "web").is_some(), "two that it may be are neither");

    for (label, name, is_one) in
        [("app", "nginx-ingress", true), ("k8s-app", "nginx-ingress-controller", true), ("app", "nginx", false)]
    {
        let older = pod(9, "controller", &[(label, name)]);
        let world = told(&[shop(), vec![route("Ingress", "nginx"), older]].concat());
        assert_eq!(state(&world, "controller", "web").is_some(), is_one, "{label}: {name}");
    }

    let gateway = pod(7, "edge", &[("gateway.networking.k8s.io/gateway-name", "main")]);
    for (kind, protocol) in [("HTTPRoute", Protocol::Http), ("GRPCRoute", Protocol::Grpc)] {
        let world = told(&[shop(), vec![route(kind, "shop/main"), gateway.clone()]].concat());
        let found = edge(&world, "edge", "web").unwrap();
        assert_eq!((found.state, found.protocol, world.snapshot().edges.len()), (EdgeState::Declared, protocol, 1));
    }
}

#[test]
fn a_policy_for_what_leaves_declares_whom_it_names_and_denies_whom_it_does_not_let_out_to() {
    let only_cart = policy_out("of-web", "web", vec![here(with("app", "cart"))]);
    let world = told(&[shop(), vec![only_cart.clone(), counted("web", "pay"), counted("spy", "pay")]].concat());
    let declared = edge(&world, "web", "cart").unwrap();
    assert_eq!(
        (declared.state, words(declared)),
        (EdgeState::Declared, vec!["declared by network policy shop/of-web".to_owned()])
    );
    let denied = edge(&world, "web", "pay").unwrap();
    assert_eq!((denied.state, &*words(denied)[1]), (EdgeState::Undeclared, "denied by network policy shop/of-web"));
    assert_eq!(state(&world, "spy", "pay"), Some(EdgeState::Observed), "it is not about this caller");

    let also_pay = policy_out("to-pay", "web", vec![here(with("app", "pay"))]);
    let world = told(&[shop(), vec![only_cart.clone(), also_pay, counted("web", "pay")]].concat());
    assert_eq!(state(&world, "web", "pay"), Some(EdgeState::Observed), "what one permits is permitted");
    let to_addresses = policy_out("to-some", "web", vec![NetworkPeer::Somebody]);
    let world = told(&[shop(), vec![only_cart, to_addresses, counted("web", "pay")]].concat());
    assert_eq!(state(&world, "web", "pay"), Some(EdgeState::Observed), "an address may be anybody's");
    let nobody = policy_out("closed", "web", vec![]);
    let world = told(&[shop(), vec![nobody, counted("web", "pay")]].concat());
    assert_eq!(state(&world, "web", "pay"), Some(EdgeState::Undeclared));
}

#[test]
fn a_policy_that_names_a_caller_declares_it_and_denies_whom_it_does_not_let_in() {
    let names_web = policy("to-cart", "cart", vec![here(with("app", "web"))]);
    let world = told(&[shop(), vec![names_web, counted("spy", "cart"), counted("web", "pay")]].concat());
    let declared = edge(&world, "web", "cart").unwrap();
    assert_eq!(
        (declared.state, words(declared)),
        (EdgeState::Declared, vec!["declared by network policy shop/to-cart".to_owned()])
    );
    let denied = edge(&world, "spy", "cart").unwrap();
    assert_eq!(
        (denied.state, words(denied)),
        (EdgeState::Undeclared, vec!["counted".to_owned(), "denied by network policy shop/to-cart".to_owned()])
    );
    assert_eq!(state(&world, "web", "pay"), Some(EdgeState::Observed), "no policy is about pay");
    assert_eq!(edge(&world, "pay", "cart"), None, "who is not let in and does not call is no edge");
}

#[test]
fn a_policy_that_lets_everybody_in_declares_and_denies_nothing() {
    for peer in [NetworkPeer::Anybody, NetworkPeer::Somebody, here(LabelSelector::default())] {
        let open = policy("open", "cart", vec![peer.clone()]);
        let world = told(&[shop(), vec![open, counted("spy", "cart")]].concat());
        assert_eq!(state(&world, "spy", "cart"), Some(EdgeState::Observed), "{peer:?}");
        assert_eq!(world.snapshot().edges.len(), 1, "{peer:?}");
    }
}

#[test]
fn what_one_of_several_policies_permits_is_permitted() {
    let closed = policy("closed", "cart", vec![]);
    let world = told(&[shop(), vec![closed.clone(), counted("web", "cart")]].concat());
    assert_eq!(state(&world, "web", "cart"), Some(EdgeState::Undeclared));
    let web = policy("web", "cart", vec![here(with("app", "web"))]);
    let world = told(&[shop(), vec![closed, web, counted("web", "cart")]].concat());
    let found = edge(&world, "web", "cart").unwrap();
    assert_eq!((found.state, words(found).len()), (EdgeState::Observed, 2));
}

#[test]
fn a_pod_that_no_policy_selects_may_be_reached_and_namespaces_are_told_apart() {
    let of_one = policy("one", "cart", vec![]);
    let mut other = pod(5, "cart", &[]);
    if let Fact::Instance(InstanceFact { meta, .. }) = &mut other.1.fact {
        meta.insert(Arc::from("app"), Arc::from("cart-canary"));
    }
    let world = told(&[shop(), vec![of_one, other, counted("web", "cart")]].concat());
    assert_eq!(state(&world, "web", "cart"), Some(EdgeState::Observed), "its other Pod may be whom it calls");

    let elsewhere =
        NetworkPeer::Instances { namespaces: Namespaces::Named(vec![Arc::from("ops")]), selects: with("app", "web") };
    let world = told(&[shop(), vec![policy("ops", "cart", vec![elsewhere]), counted("web", "cart")]].concat());
    assert_eq!(state(&world, "web", "cart"), Some(EdgeState::Undeclared));
}

#[test]
fn policies_that_are_not_all_seen_deny_nothing() {
    let closed = policy("closed", "cart", vec![]);
    let mut world = told(&[shop(), vec![closed, counted("web", "cart")]].concat());
    assert_eq!(state(&world, "web", "cart"), Some(EdgeState::Undeclared));
    let limited = SourceStatus { unseen: vec![Arc::from("networkpolicies")], ..status(SourceState::Live) };
    world.apply([Update::Status(cluster("c1"), limited)], at(3));
    assert_eq!(state(&world, "web", "cart"), Some(EdgeState::Observed));
}

#[test]
fn a_label_that_a_policy_selects_by_changes_what_it_says() {
    let web = policy("web", "cart", vec![here(with("app", "web"))]);
    let mut world = told(&[shop(), vec![web, counted("spy", "cart")]].concat());
    assert_eq!(state(&world, "spy", "cart"), Some(EdgeState::Undeclared));
    let (source, mut spy) = pod(3, "spy", &[("app", "web")]);
    spy.version = Some(2);
    world.apply([Update::Facts(binnacle_model::Batch::delta(source, vec![spy], vec![]))], at(2));
    assert_eq!(state(&world, "spy", "cart"), Some(EdgeState::Observed));
}
