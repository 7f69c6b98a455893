//! What a Prometheus and a cluster cannot both be right about: a target that is down while its Pod is ready, and a Pod that
//! nobody scrapes. A real Prometheus finds the Pods by the real API server.

use std::sync::Arc;

use binnacle_model::snapshot::{Disagreement, DisagreementKind};
use binnacle_model::world::World;
use binnacle_sources::Environment;
use binnacle_view::contract::disagreements::{DisagreementKind as Shown, DisagreementRow};
use binnacle_view::screen::{Found, Scene, disagreements};
use jiff::{SignedDuration, Timestamp};
use lab::cluster::{Cluster, Pod};
use lab::{FaultyWire, Prometheus};
use serde_json::{Value, json};

use crate::cli::Shell;
use crate::consul_picture::Picture;
use crate::kube_live::{MINIKUBE, connect as to_cluster, web};
use crate::prometheus_picture::{connect, endpoints, fleet, id};

const NAMESPACE: &str = "prom-pods";

/// Five Pods that have been there for an hour, and what answers for each of them.
struct Watched {
    cluster: &'static Cluster,
    pods: Vec<(Pod, FaultyWire)>,
}

impl Watched {
    async fn start(upstream: u16) -> Self {
        let cluster = lab::shared::cluster().await.unwrap();
        cluster.apply(&web(NAMESPACE, 5)).await.unwrap();
        let mut pods = Vec::new();
        for pod in cluster.running_pods(NAMESPACE, "app=web", 5).await.unwrap() {
            // Who scrapes may not have found a younger one yet.
            let an_hour_ago = Timestamp::now() - SignedDuration::from_hours(1);
            let patch = json!({ "status": { "startTime": format!("{an_hour_ago:.0}") } }).to_string();
            let arguments =
                ["patch", "pod", &pod.name, "-n", NAMESPACE, "--subresource=status", "--type=merge", "-p", &patch];
            cluster.kubectl(&arguments).await.unwrap();
            pods.push((pod, FaultyWire::to_port(upstream).await.unwrap()));
        }
        Self { cluster, pods }
    }

    /// Finds the Pods as a Prometheus does, all but one if one is named, and asks what stands for each.
    fn job(&self, left_out: Option<&str>) -> Value {
        let label = |source: &str, target: &str| json!({ "source_labels": [source], "target_label": target });
        let at = |(pod, wire): &(Pod, FaultyWire)| {
            json!({
                "source_labels": ["__meta_kubernetes_pod_name"], "regex": pod.name,
                "target_label": "__address__", "replacement": wire.address().replace("http://", ""),
            })
        };
        let mut rules: Vec<Value> = self.pods.iter().map(at).collect();
        rules.push(label("__meta_kubernetes_namespace", "namespace"));
        rules.push(label("__meta_kubernetes_pod_name", "pod"));
        rules.extend(
            left_out.map(
                |name| json!({ "source_labels": ["__meta_kubernetes_pod_name"], "regex": name, "action": "drop" }),
            ),
        );
        let pods = json!({
            "role": "pod", "kubeconfig_file": self.cluster.kubeconfig(), "namespaces": { "names": [NAMESPACE] },
        });
        json!({ "job_name": "pods", "kubernetes_sd_configs": [pods], "relabel_configs": rules })
    }

    fn name(&self, place: usize) -> &str {
        &self.pods[place].0.name
    }
}

/// What stands in the picture about a Pod.
fn about(world: &World, kind: DisagreementKind, pod: &str) -> Option<Arc<Disagreement>> {
    let all = &world.snapshot().disagreements;
    all.values().find(|one| one.kind == kind && one.subject.contains(pod)).cloned()
}

/// The rows of the screen that are about a Pod.
fn shown(world: &World, pod: &str) -> Vec<DisagreementRow> {
    let now = Timestamp::now();
    let scene = Scene {
        snapshot: world.snapshot().clone(),
        connections: Vec::new(),
        happened: Vec::new(),
        said: None,
        found: Found::default(),
        read_only: None,
        demo: false,
        kinds: Vec::new(),
        started: now,
        now,
    };
    disagreements::table(&scene).rows.into_iter().filter(|row| row.subject.contains(pod)).collect()
}

/// What the terminal says about a Pod: kind, who says it, and what.
async fn told(watched: &Watched, server: &Prometheus, pod: &str, exit: i32) -> Vec<(String, Vec<(String, String)>)> {
    let shell = Shell::new().with("KUBECONFIG", watched.cluster.kubeconfig().display());
    let prometheus = format!("prometheus={}", server.address());
    let words = ["--source", "kube=minikube", "--source", &prometheus, "disagreements", pod, "-o", "json"];
    let listed = shell.run(&words).await.exits(exit).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let claims = |one: &Value| {
        let claims = one["claims"].as_array().unwrap().iter();
        claims.map(|claim| (text(&claim["source"]), text(&claim["says"]))).collect()
    };
    listed.as_array().unwrap().iter().map(|one| (text(&one["kind"]), claims(one))).collect()
}

#[tokio::test]
async fn a_target_that_is_down_and_a_pod_that_nobody_scrapes_are_told_and_are_over_when_they_are() {
    let demo = fleet().await;
    let upstream = endpoints(&demo)[0].rsplit(':').next().unwrap().parse().unwrap();
    let watched = Watched::start(upstream).await;
    let server = Prometheus::builder().scraping(watched.job(None)).start().await.unwrap();
    let source = id(&server.address());
    let mut picture = Picture::of_all(vec![
        Arc::new(to_cluster(&watched.cluster.kubeconfig(), "minikube")),
        Arc::new(connect(&server.address(), &Environment::default())),
    ]);
    picture.live(MINIKUBE).await;
    picture.live(&source).await;
    let (down, alone) = (watched.name(0), watched.name(1));
    let none = |world: &World| {
        let quiet = [down, alone].iter().all(|pod| shown(world, pod).is_empty());
        let targets = crate::prometheus_picture::targets(world, &source);
        (quiet && targets.len() == 5 && targets.iter().all(|one| one.last_error.is_empty())).then_some(())
    };
    picture.until("five targets, and nothing to say", none).await;

    watched.pods[0].1.refuse().await.unwrap();

    picture.until("the target is down", |world| about(world, DisagreementKind::TargetDown, down)).await;
    let rows = shown(&picture.world, down);
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(row.kind, Shown::TargetDown);
    let claims: Vec<(&str, &str)> = row.claims.iter().map(|claim| (&*claim.source, &*claim.says)).collect();
    assert_eq!((claims[0].0, claims[1].0), (&*source, MINIKUBE));
    assert!(claims[0].1.contains("of pods is down: Get") && claims[0].1.contains("connection refused"), "{claims:?}");
    assert!(row.claims[0].query.starts_with("GET ") && !row.steps.is_empty(), "{row:?}");
    let listed = picture.meanwhile(told(&watched, &server, down, 1)).await;
    assert_eq!((listed.len(), &*listed[0].0), (1, "target_down"), "{listed:?}");
    assert_eq!(listed[0].1[0].0, source);

    watched.pods[0].1.accept().await.unwrap();

    picture.until("it is over", none).await;
    assert_eq!(picture.meanwhile(told(&watched, &server, down, 0)).await, []);

    server.scrape(&[watched.job(Some(alone))]).await.unwrap();

    picture.until("it is not scraped", |world| about(world, DisagreementKind::NotScraped, alone)).await;
    let rows = shown(&picture.world, alone);
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(row.kind, Shown::NotScraped);
    let claims: Vec<(&str, &str)> = row.claims.iter().map(|claim| (&*claim.source, &*claim.says)).collect();
    let pods = "runs and is ready, as 4 others of web that are scraped";
    assert_eq!(claims, [(MINIKUBE, pods), (&*source, "no target speaks of it")]);
    let listed = picture.meanwhile(told(&watched, &server, alone, 1)).await;
    assert_eq!((listed.len(), &*listed[0].0), (1, "not_scraped"), "{listed:?}");

    server.scrape(&[watched.job(None)]).await.unwrap();

    picture.until("it is over as well", none).await;
    assert_eq!(picture.meanwhile(told(&watched, &server, alone, 0)).await, []);
    picture.stop().await;
    watched.cluster.kubectl(&["delete", "namespace", NAMESPACE, "--wait=false"]).await.unwrap();
    demo.stop().await;
}
