//! Systems inside a cluster: found there, reached through the API server, read and written as anywhere else.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use binnacle_engine::edits::{Draft, DraftIntent, EditError, Verified};
use binnacle_engine::{Clock, Engine, EngineConfig};
use binnacle_history::History;
use binnacle_model::id::SourceKind;
use binnacle_model::snapshot::{Ability, Edge, Service, Snapshot, SourceState};
use binnacle_sources::{Connection, ConnectionSpec, ErrorKind};
use lab::cluster::{Cluster, Credential, Furnished, Pod, Registry, Served};
use lab::relay::Address;
use lab::{Certificates, Consul, Prometheus, until};
use serde_json::{Value, json};

use crate::cli::Shell;
use crate::consul_picture::{Picture, connect, environment, status};
use crate::edits::{edits_at, id_in, put_at};
use crate::laboratory_cluster::ONE_OF_ITS_OWN;
use crate::prometheus_picture;

const DEADLINE: Duration = Duration::from_secs(120);

/// A server of the host behind the Pod of a Deployment with a Service in front, as Consul's chart names and labels them.
struct Installed {
    namespace: &'static str,
    pods: Vec<Pod>,
    served: Vec<Served>,
}

fn consul_objects(namespace: &str) -> Value {
    let labels = json!({ "app": "consul", "component": "server", "release": "consul", "chart": "consul-helm" });
    json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } },
        { "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "consul", "namespace": namespace },
          "spec": { "replicas": 1, "selector": { "matchLabels": labels }, "template": {
            "metadata": { "labels": labels },
            "spec": { "containers": [{ "name": "consul", "image": "hashicorp/consul:1.22.7",
                                       "ports": [{ "name": "api", "containerPort": 8500 }] }] } } } },
        { "apiVersion": "v1", "kind": "Service", "metadata": { "name": "consul-server", "namespace": namespace, "labels": labels },
          "spec": { "selector": labels, "ports": [{ "name": "http", "port": 8500, "targetPort": "api" }] } },
    ]})
}

impl Installed {
    async fn consul(cluster: &Cluster, namespace: &'static str, consul: &Consul) -> Self {
        cluster.apply(&consul_objects(namespace).to_string()).await.unwrap();
        let pods = cluster.running_pods(namespace, "app=consul", 1).await.unwrap();
        let mut installed = Self { namespace, pods, served: Vec::new() };
        installed.serve(cluster, consul).await;
        cluster.endpoints(namespace, "consul-server", 1).await.unwrap();
        installed
    }

    async fn serve(&mut self, cluster: &Cluster, consul: &Consul) {
        let server = Address::Tcp((Ipv4Addr::LOCALHOST, consul.http_port()).into());
        self.served.push(cluster.serve(&self.pods[0], 8500, server).await.unwrap());
    }

    async fn remove(self, cluster: &Cluster) {
        cluster.kubectl(&["delete", "namespace", self.namespace, "--wait=false"]).await.unwrap();
    }
}

fn variables(kubeconfig: &Path) -> Vec<(&'static str, String)> {
    vec![("KUBECONFIG", kubeconfig.display().to_string())]
}

fn as_text<'a>(variables: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

fn in_memory() -> Arc<History> {
    Arc::new(History::in_memory().unwrap())
}

#[tokio::test]
async fn a_consul_in_a_cluster_is_read_and_written_with_its_token_through_the_service_proxy() {
    let cluster = lab::shared::cluster().await.unwrap();
    let server = Consul::builder().acl().start().await.unwrap();
    let mut installed = Installed::consul(cluster, "found-acl", &server).await;
    let place = "kube://minikube/found-acl/consul-server:http";
    let key = |path: &str| id_in("consul:dc1@minikube", path);
    let around = variables(&cluster.kubeconfig());
    let stranger = connect(place, &as_text(&around)).probe().await.unwrap();
    assert!(stranger.detail.contains("no token given"), "{stranger:?}");
    let mut around = around;
    around.push(("CONSUL_HTTP_TOKEN", server.management_token().unwrap().to_owned()));
    let around = as_text(&around);

    let mut picture = Picture::of(connect(place, &around));
    let live = picture.live("consul:dc1@minikube").await;
    assert_eq!(&*live.address, format!("{place} by service proxy"));
    assert_eq!(live.partial, []);
    assert!(live.abilities.contains(&Ability::EditConfig), "{live:?}");
    let other = server.client().unwrap();
    other.kv_put("found/a b%/limit", b"7").await.unwrap();
    let limit = key("found/a b%/limit");
    picture.until("the key is pushed", |world| world.snapshot().config.get(limit.as_str()).map(|_| ())).await;

    let edits = edits_at(place, &around, in_memory());
    let plan = edits.plan(vec![put_at(limit.clone(), b"8")]).await.unwrap();
    let late = edits.plan(vec![put_at(limit.clone(), b"9")]).await.unwrap();
    let applied = edits.apply(&plan, None).await.unwrap();
    assert_eq!(applied.keys[0].verified, Verified::AsWritten, "{applied:?}");
    assert_eq!(other.kv_get("found/a b%/limit").await.unwrap().unwrap().value, b"8");
    assert!(matches!(edits.apply(&late, None).await, Err(EditError::Refused { .. })));
    let outside = Draft { intent: DraftIntent::Put { bytes: b"x".to_vec(), flags: None }, ..put_at(key(".."), b"") };
    let led_out = edits.plan(vec![outside]).await.err().map(|error| error.code());
    assert!(led_out.is_none() || led_out.as_deref() == Some("consul.invalid"), "{led_out:?}");

    installed.served.clear();
    picture
        .until("it is said that nothing listens there any more", |world| {
            let fault = status(world, "consul:dc1@minikube")?.fault?;
            let said = fault.detail.contains("the API server says 503") && fault.hint.contains("Nothing listens");
            (&*fault.code == "consul.unreachable" && said).then_some(())
        })
        .await;
    picture.stop().await;
    installed.remove(cluster).await;
}

#[tokio::test]
async fn a_system_that_speaks_tls_is_read_through_the_service_proxy_unless_it_wants_to_see_a_certificate() {
    let cluster = lab::shared::cluster().await.unwrap();
    let authority = Arc::new(Certificates::new().await.unwrap());
    let open = Prometheus::builder().tls(authority.clone()).strangers().start().await.unwrap();
    let strict = Prometheus::builder().tls(authority).start().await.unwrap();
    let namespace = "found-tls";
    let objects = ["open", "strict"].map(|name| {
        let labels = json!({ "app": name });
        json!([
            { "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "namespace": namespace, "labels": labels },
              "spec": { "containers": [{ "name": "prometheus", "image": "prom/prometheus:v3.16.0",
                                         "ports": [{ "name": "web", "containerPort": 9090 }] }] } },
            { "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "namespace": namespace },
              "spec": { "selector": labels, "ports": [{ "name": "https", "port": 443, "targetPort": "web" }] } },
        ])
    });
    let mut items = vec![json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } })];
    items.extend(objects.iter().flat_map(|objects| objects.as_array().unwrap().clone()));
    cluster.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string()).await.unwrap();
    let mut served = Vec::new();
    for (name, server) in [("open", &open), ("strict", &strict)] {
        let pod = cluster.running_pods(namespace, &format!("app={name}"), 1).await.unwrap().remove(0);
        let server = Address::Tcp((Ipv4Addr::LOCALHOST, server.port()).into());
        served.push(cluster.serve(&pod, 9090, server).await.unwrap());
        cluster.endpoints(namespace, name, 1).await.unwrap();
    }
    let around = environment(&as_text(&variables(&cluster.kubeconfig())));
    let asked = async |place: &str| prometheus_picture::connect(place, &around).probe().await;

    let place = "kube+https://minikube/found-tls/open:https";
    assert_eq!(asked(place).await.unwrap().product, "Prometheus 3.16.0");
    let source = "prometheus:minikube/found-tls/open:https";
    let mut picture = Picture::of(prometheus_picture::connect(place, &around));
    let live = picture.live(source).await;
    assert_eq!(&*live.address, format!("{place} by service proxy"));
    picture.stop().await;

    let plain = asked("kube://minikube/found-tls/open:https").await.unwrap_err();
    assert!(plain.hint.contains("kube+https://"), "{plain:?}");
    let strict = asked("kube+https://minikube/found-tls/strict:https").await.unwrap_err();
    // The API server tells of the alert, of the end of the connection, or that HTTP/2 did not come about, whichever it
    // saw first.
    assert_eq!(strict.kind, ErrorKind::Tls, "{strict:?}");
    assert!(strict.hint.contains("client certificate"), "{strict:?}");
    cluster.kubectl(&["delete", "namespace", namespace, "--wait=false"]).await.unwrap();
}

/// What a viewer may do, without the service proxy.
fn viewer(more: &Value) -> Value {
    let mut rules = vec![
        json!({ "apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get", "list", "watch"] }),
        json!({ "apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"] }),
    ];
    rules.extend(more.as_array().into_iter().flatten().cloned());
    Value::Array(rules)
}

#[tokio::test]
async fn without_the_service_proxy_a_port_forward_is_taken_and_it_follows_the_pod() {
    let cluster = lab::shared::cluster().await.unwrap();
    let server = Consul::builder().start().await.unwrap();
    let mut installed = Installed::consul(cluster, "found-forward", &server).await;
    let forwards = json!([{ "apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["get", "create"] }]);
    let user =
        cluster.user("forwarder", Credential::TokenFile, Some("found-forward"), &viewer(&forwards)).await.unwrap();
    let place = "kube://forwarder/found-forward/consul-server:8500";
    let around = variables(&user.kubeconfig);
    let around = as_text(&around);

    let probe = until("rights and port-forward take hold", DEADLINE, async || connect(place, &around).probe().await);
    assert_eq!(probe.await.unwrap().product, "Consul 1.22.7");
    let mut picture = Picture::of(connect(place, &around));
    let first = installed.pods[0].name.clone();
    let by = |pod: &str| format!("{place} by port-forward to Pod {pod}, active");
    picture.live("consul:dc1@forwarder").await;
    assert_eq!(&*status(&picture.world, "consul:dc1@forwarder").unwrap().address, by(&first));
    let edits = edits_at(place, &around, in_memory());
    let plan = edits.plan(vec![put_at(id_in("consul:dc1@forwarder", "found/forwarded"), b"1")]).await.unwrap();
    assert_eq!(edits.apply(&plan, None).await.unwrap().keys[0].verified, Verified::AsWritten);

    cluster.kubectl(&["delete", "pod", &first, "-n", "found-forward", "--wait=false"]).await.unwrap();
    let meanwhile = picture
        .until("the port-forward says that it is not active", |world| {
            status(world, "consul:dc1@forwarder").filter(|status| status.address.contains("reconnecting since"))
        })
        .await;
    assert!(!meanwhile.address.contains("active"), "{meanwhile:?}");
    picture.state("consul:dc1@forwarder", SourceState::Failing).await;
    installed.served.clear();
    installed.pods = until("the Pod that comes after", DEADLINE, async || {
        let pods = cluster.running_pods("found-forward", "app=consul", 1).await.unwrap();
        if pods[0].name == first { Err("the Pod of before") } else { Ok(pods) }
    })
    .await
    .unwrap();
    installed.serve(cluster, &server).await;
    let second = installed.pods[0].name.clone();
    picture
        .until("it leads to the next Pod", |world| {
            let status = status(world, "consul:dc1@forwarder")?;
            (status.state == SourceState::Live && *status.address == by(&second)).then_some(())
        })
        .await;
    picture.stop().await;
    installed.remove(cluster).await;
}

#[tokio::test]
async fn who_may_neither_use_the_proxy_nor_forward_ports_is_told_the_rule() {
    let cluster = lab::shared::cluster().await.unwrap();
    cluster.apply(&consul_objects("found-denied").to_string()).await.unwrap();
    let user = cluster
        .user("bystander", Credential::ClientCertificate, Some("found-denied"), &viewer(&json!([])))
        .await
        .unwrap();
    let around = variables(&user.kubeconfig);
    let place = "kube://bystander/found-denied/consul-server:http";
    let denied = connect(place, &as_text(&around)).probe().await.unwrap_err();
    assert_eq!(denied.code(), "consul.forbidden", "{denied:?}");
    assert!(denied.hint.contains("resources: [\"services/proxy\"], verbs: [\"get\"]"), "{denied:?}");
    let forward = connect(&format!("{place}?way=forward"), &as_text(&around)).probe().await.unwrap_err();
    assert!(matches!(forward.code().as_str(), "consul.forbidden" | "consul.unreachable"), "{forward:?}");

    let admin = variables(&cluster.kubeconfig());
    for (place, words) in [
        ("kube://minikube/found-denied/consul-server:http", "the API server says 503"),
        ("kube://minikube/found-denied/nothing:http", "no endpoints available"),
        ("kube://minikube/found-denied/consul-server:other", "the API server says 503"),
    ] {
        let error = connect(place, &as_text(&admin)).probe().await.unwrap_err();
        assert_eq!(error.code(), "consul.unreachable", "{place}: {error:?}");
        assert!(error.came_back.contains(words), "{place}: {error:?}");
    }
    cluster.kubectl(&["delete", "namespace", "found-denied", "--wait=false"]).await.unwrap();
}

async fn engine(kubeconfig: &Path) -> Engine {
    lab::install_tls_provider();
    let engine = Engine::start(EngineConfig {
        connections: Vec::new(),
        environment: environment(&[("KUBECONFIG", kubeconfig.to_str().unwrap())]),
        history: in_memory(),
        actor: "ada@ship".to_owned(),
        read_only: false,
        clock: Clock::system(),
    });
    let engine = engine.await.unwrap();
    engine.look_inside_clusters();
    engine
}

/// Waits for a state of the picture.
async fn seen<T>(engine: &Engine, what: &str, look: impl Fn(&Snapshot) -> Option<T>) -> T {
    until(what, DEADLINE, async || {
        let snapshot = engine.snapshot();
        let states =
            || snapshot.sources.values().map(|source| format!("{} {:?}", source.id, source.status)).collect::<Vec<_>>();
        look(&snapshot).ok_or_else(|| states().join("; "))
    })
    .await
    .unwrap()
}

fn is_live(snapshot: &Snapshot, source: &str) -> Option<()> {
    snapshot.sources.get(source).filter(|source| source.status.state == SourceState::Live).map(|_| ())
}

const CONSUL: &str = "consul=kube://minikube/consul/consul-server:http";
const PROMETHEUS: &str = "prometheus=kube://minikube/monitoring/prometheus-server:http";

#[tokio::test]
async fn one_click_on_a_cluster_brings_the_consul_and_the_prometheus_in_it() {
    let morning = Furnished::with_nodes(2).await.unwrap();
    morning.measured().await.unwrap();
    let engine = engine(&morning.cluster.kubeconfig()).await;
    let found = engine.found().await;
    let minikube = found.iter().find(|found| found.title == "minikube").unwrap().spec.clone().unwrap();
    let began = std::time::Instant::now();

    engine.connect(&minikube).unwrap();

    for source in ["kube:minikube", "consul:dc1@minikube", "prometheus:minikube/monitoring/prometheus-server:http"] {
        seen(&engine, source, |snapshot| is_live(snapshot, source)).await;
        eprintln!("{source} is live {:.1} s after the one click", began.elapsed().as_secs_f64());
    }
    let witnesses = |snapshot: &Snapshot| {
        let kinds =
            |service: &Service| service.facets.iter().filter_map(|facet| facet.source.kind()).collect::<BTreeSet<_>>();
        let both = BTreeSet::from([SourceKind::Kube, SourceKind::Consul]);
        let is_cart = |service: &&Arc<Service>| &*service.name == "cart" && kinds(service).is_superset(&both);
        let cart = snapshot.services.values().find(is_cart)?;
        let is_measured = |edge: &&Arc<Edge>| {
            edge.to == cart.id
                && edge.signals.rps.is_some()
                && edge.evidence.iter().any(|by| by.source.kind() == Some(SourceKind::Prometheus))
        };
        snapshot.edges.values().find(is_measured).map(|_| cart.id.clone())
    };
    let joined =
        until("the cart, seen by the cluster and by its registry, and what Prometheus says", DEADLINE, async || {
            let snapshot = engine.snapshot();
            let told = || {
                let services =
                    snapshot.services.values().map(|service| format!("{}: {:?}", service.id, service.facets));
                let edges = snapshot.edges.values().map(|edge| format!("{}: {:?}", edge.id, edge.signals.rps));
                services.chain(edges).collect::<Vec<_>>().join("\n")
            };
            witnesses(&snapshot).ok_or_else(told)
        })
        .await
        .unwrap();
    eprintln!("{joined} has three witnesses {:.1} s after the one click", began.elapsed().as_secs_f64());
    for report in engine.connections() {
        eprintln!("{}: {} requests", report.spec, report.meter.requests());
    }

    let report = |spec: &str| engine.connections().into_iter().find(|report| report.spec.to_string() == spec);
    let consul = report(CONSUL).unwrap();
    let found = consul.found.unwrap();
    assert_eq!(
        (&found.cluster, &*found.by, consul.way.as_deref()),
        (&minikube, "label app=consul", Some("service proxy"))
    );
    assert_eq!(&*report(PROMETHEUS).unwrap().found.unwrap().by, "label app.kubernetes.io/name=prometheus");

    let scrape: ConnectionSpec = "scrape=kube://minikube/shop/web:http/metrics".parse().unwrap();
    engine.connect(&scrape).unwrap();
    seen(&engine, "the shop's own metrics, through the API server", |snapshot| {
        let scraped = |edge: &&Arc<Edge>| edge.evidence.iter().any(|by| by.source.kind() == Some(SourceKind::Scrape));
        let edge = snapshot.edges.values().find(|edge| scraped(edge) && edge.signals.rps.is_some())?;
        (edge.from.as_str() == "kube:minikube/shop/web").then_some(())
    })
    .await;
    engine.disconnect(&scrape).await;

    engine.disconnect(&PROMETHEUS.parse().unwrap()).await;
    let scaled = ["scale", "deployment/cart", "-n", "shop", "--replicas=2"];
    morning.cluster.kubectl(&scaled).await.unwrap();
    let service = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "another", "namespace": "shop" },
                          "spec": { "ports": [{ "port": 80 }] } });
    morning.cluster.apply(&service.to_string()).await.unwrap();
    until("it was looked again, and what was turned off stays off", DEADLINE, async || {
        let inventory = engine.inventory(&minikube).unwrap();
        let why = inventory.left_out.get(&PROMETHEUS.parse::<ConnectionSpec>().unwrap()).cloned();
        if why.as_deref() == Some("it was turned off") { Ok(()) } else { Err(format!("{why:?}")) }
    })
    .await
    .unwrap();
    assert!(report(PROMETHEUS).is_none() && report(CONSUL).is_some());

    engine.disconnect(&minikube).await;
    assert_eq!(engine.connections().len(), 0, "what was found goes with its cluster");
    engine.stop().await;
}

#[tokio::test]
async fn a_consul_that_is_installed_later_is_found() {
    let cluster = Cluster::with_nodes(1).await.unwrap();
    let engine = engine(&cluster.kubeconfig()).await;
    let minikube: ConnectionSpec = "kube=minikube".parse().unwrap();
    engine.connect(&minikube).unwrap();
    seen(&engine, "the cluster", |snapshot| is_live(snapshot, "kube:minikube")).await;
    let inventory =
        until("it was looked into", DEADLINE, async || engine.inventory(&minikube).ok_or("not yet")).await.unwrap();
    assert!(inventory.finds.iter().all(|find| find.spec.is_none()), "{inventory:?}");

    let registry = Registry::start(&cluster).await.unwrap();
    seen(&engine, "the registry", |snapshot| is_live(snapshot, "consul:dc1@minikube")).await;

    registry.stop().await.unwrap();
    seen(&engine, "it fails, and stays", |snapshot| {
        snapshot
            .sources
            .get("consul:dc1@minikube")
            .filter(|source| source.status.state == SourceState::Failing)
            .map(|_| ())
    })
    .await;
    registry.restart().await.unwrap();
    seen(&engine, "it is back", |snapshot| is_live(snapshot, "consul:dc1@minikube")).await;
    engine.stop().await;
    drop(registry);
}

#[tokio::test]
async fn clusters_whose_consuls_name_their_datacenter_alike_are_told_apart_and_one_consul_is_read_once() {
    let _alone = ONE_OF_ITS_OWN.lock().await;
    let (first, second) = (lab::shared::cluster().await.unwrap(), Cluster::with_nodes(1).await.unwrap());
    let (ours, theirs) = (Consul::builder().start().await.unwrap(), Consul::builder().start().await.unwrap());
    theirs.client().unwrap().kv_put("theirs", b"1").await.unwrap();
    let installed = Installed::consul(first, "found-twice", &ours).await;
    let elsewhere = Installed::consul(&second, "found-elsewhere", &theirs).await;
    let all = json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }]);
    let user = second.user("second", Credential::ClientCertificate, None, &all).await.unwrap();
    let both = std::env::join_paths([first.kubeconfig(), user.kubeconfig.clone()]).unwrap();
    let engine = engine(both.as_ref()).await;
    let named = |text: &str| text.parse::<ConnectionSpec>().unwrap();

    engine.connect(&named(&format!("consul={}", ours.address()))).unwrap();
    seen(&engine, "the Consul that was named", |snapshot| is_live(snapshot, "consul:dc1")).await;
    engine.connect(&named("kube=minikube")).unwrap();
    engine.connect(&named("kube=second")).unwrap();

    seen(&engine, "the other cluster's Consul", |snapshot| is_live(snapshot, "consul:dc1@second")).await;
    let at = |source: &str| id_in(source, "theirs");
    seen(&engine, "its key", |snapshot| snapshot.config.get(at("consul:dc1@second").as_str()).map(drop)).await;
    assert!(engine.snapshot().config.get(at("consul:dc1").as_str()).is_none());
    let again = named("consul=kube://minikube/found-twice/consul-server:http");
    let why = until("what was found of the first is not read twice", DEADLINE, async || {
        let inventory = engine.inventory(&named("kube=minikube")).ok_or("not looked into yet")?;
        inventory.left_out.get(&again).cloned().ok_or("not left out")
    })
    .await
    .unwrap();
    assert!(why.starts_with("its servers are read by the connection to"), "{why}");
    engine.stop().await;
    installed.remove(first).await;
    elsewhere.remove(&second).await;
}

#[tokio::test]
async fn discover_says_what_is_in_a_cluster_and_by_what_it_knows() {
    let cluster = lab::shared::cluster().await.unwrap();
    let server = Consul::builder().start().await.unwrap();
    let installed = Installed::consul(cluster, "found-cli", &server).await;
    let hostile = json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "v1", "kind": "Service",
          "metadata": { "name": "prometheus", "namespace": "found-cli", "labels": { "app": "prometheus" } },
          "spec": { "type": "ExternalName", "externalName": "127.0.0.1", "ports": [{ "name": "web", "port": 9090 }] } },
        { "apiVersion": "v1", "kind": "Service", "metadata": { "name": "grafana", "namespace": "found-cli" },
          "spec": { "selector": { "release": "consul" }, "ports": [{ "name": "http", "port": 80, "targetPort": 8500 }] } },
    ]});
    cluster.apply(&hostile.to_string()).await.unwrap();
    let shell = Shell::new().with("KUBECONFIG", cluster.kubeconfig().display()).with("CONSUL_HTTP_TOKEN", "s3cret");

    let ran = shell.run(&["discover", "--context", "minikube", "-o", "json"]).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let rows: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
    let row =
        |place: &str| rows.iter().find(|row| row["place"] == place).unwrap_or_else(|| panic!("{place}: {}", ran.out));
    let consul = row("found-cli/consul-server:http");
    assert_eq!(consul["source"], "consul=kube://minikube/found-cli/consul-server:http");
    let told = ["product", "recognised_by", "way", "version"].map(|field| consul[field].as_str().unwrap());
    assert_eq!(told, ["Consul", "label app=consul", "service proxy", "Consul 1.22.7"]);
    let away = row("found-cli/prometheus");
    assert_eq!((&away["source"], &away["confirmed"]), (&Value::Null, &json!(false)));
    assert!(away["why_not"].as_str().unwrap().contains("ExternalName"), "{away}");
    let grafana = row("found-cli/grafana:http");
    assert_eq!((&grafana["product"], &grafana["confirmed"]), (&json!("Grafana"), &json!(false)));
    assert_eq!(grafana["why_not"], "Grafana is not read by this version");
    assert!(rows.iter().any(|row| row["product"] == "CoreDNS") || !ran.out.contains("kube-dns"));

    let table = shell.run(&["discover", "--context", "minikube"]).await;
    assert!(table.out.contains("--source consul=kube://minikube/found-cli/consul-server:http"), "{}", table.out);
    let nowhere = shell.run(&["discover", "--context", "nowhere"]).await;
    assert_eq!(nowhere.code, 3, "{}", nowhere.err);
    assert!(nowhere.err.contains("kube.misconfigured"), "{}", nowhere.err);
    let services = shell.run(&["--source", "kube=minikube", "--discover", "sources", "-o", "json"]).await;
    assert!(services.out.contains("\"consul:dc1@minikube\""), "{} {}", services.out, services.err);
    installed.remove(cluster).await;
}
