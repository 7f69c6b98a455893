//! Logs of Pods: read from the end, followed, left, of the run before, and refused with the rule that is missing.

use std::time::Duration;

use binnacle_engine::logs::LogBatch;
use binnacle_engine::{Clock, Engine, EngineConfig, Opening};
use binnacle_history::History;
use binnacle_model::SourceId;
use binnacle_sources::kubernetes::Kubernetes;
use binnacle_sources::logs::{LogQuery, LogStream, Logs};
use lab::cluster::{Cluster, Credential, Pod};
use serde_json::json;

use crate::consul_picture::environment;
use crate::kube_live::web;

const WITHIN: Duration = Duration::from_secs(60);

/// A connection to the context of a kubeconfig. It reads nothing until it is asked.
fn connection(kubeconfig: &std::path::Path, context: &str) -> Kubernetes {
    lab::install_tls_provider();
    let environment = environment(&[("KUBECONFIG", kubeconfig.to_str().unwrap())]);
    Kubernetes::new(format!("kube={context}").parse().unwrap(), &environment).unwrap()
}

async fn one_pod(cluster: &Cluster, namespace: &str) -> (Pod, LogQuery) {
    cluster.apply(&web(namespace, 1)).await.unwrap();
    let pod = cluster.running_pods(namespace, "app=web", 1).await.unwrap().remove(0);
    let id = format!("{namespace}/{}", pod.name);
    (pod, LogQuery { pod: id, container: "web".to_owned(), ..LogQuery::default() })
}

/// The next lines until there are so many.
async fn take(log: &mut Box<dyn LogStream>, count: usize) -> Vec<String> {
    let reading = async {
        let mut found = Vec::new();
        while found.len() < count {
            let Some(lines) = log.next().await.unwrap() else { break };
            assert!(lines.iter().all(|line| line.at.is_some()), "{lines:?}");
            found.extend(lines.into_iter().map(|line| line.text));
        }
        found
    };
    tokio::time::timeout(WITHIN, reading).await.expect("so many lines come")
}

#[tokio::test]
async fn a_log_is_read_from_its_end_and_followed() {
    let cluster = lab::shared::cluster().await.unwrap();
    let (pod, query) = one_pod(cluster, "kube-logs").await;
    cluster.set_log(&pod, &["one", "two", "\u{1b}[31mthree\u{1b}[0m"]).await.unwrap();
    let kube = connection(&cluster.kubeconfig(), "minikube");

    let containers = kube.containers(&query.pod).await.unwrap();
    assert_eq!((containers.usual.as_str(), containers.all.len()), ("web", 1));
    assert!(!containers.all[0].has_previous);

    let mut all = kube.open_log(&query).await.unwrap();
    assert_eq!(take(&mut all, 9).await, ["one", "two", "three"], "to its end, without what acts on a terminal");

    let mut log = kube.open_log(&LogQuery { tail: Some(2), follow: true, ..query.clone() }).await.unwrap();
    assert_eq!(take(&mut log, 2).await, ["two", "three"]);
    cluster.append_log(&pod, &["four"]).unwrap();
    assert_eq!(take(&mut log, 1).await, ["four"]);
}

#[tokio::test]
async fn the_run_before_is_read_where_there_was_one() {
    let cluster = lab::shared::cluster().await.unwrap();
    let (pod, query) = one_pod(cluster, "kube-logs-before").await;
    cluster.set_log(&pod, &["now"]).await.unwrap();
    cluster.set_previous_log(&pod, &["before", "it died"]).await.unwrap();
    let kube = connection(&cluster.kubeconfig(), "minikube");
    let mut log = kube.open_log(&LogQuery { previous: true, ..query }).await.unwrap();
    assert_eq!(take(&mut log, 9).await, ["before", "it died"]);
}

#[tokio::test]
async fn what_cannot_be_read_says_what_is_missing() {
    let cluster = lab::shared::cluster().await.unwrap();
    let (_, query) = one_pod(cluster, "kube-logs-denied").await;
    let rules = json!([{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"] }]);
    let user = cluster.user("logless", Credential::TokenFile, Some("kube-logs-denied"), &rules).await.unwrap();
    let denied = connection(&user.kubeconfig, "logless").open_log(&query).await.err().unwrap();
    assert_eq!(denied.code(), "kube.forbidden");
    assert!(denied.hint.contains("pods/log") && denied.hint.contains("kube-logs-denied"), "{denied:?}");

    let kube = connection(&cluster.kubeconfig(), "minikube");
    let gone = LogQuery { pod: "kube-logs-denied/nobody".to_owned(), ..query.clone() };
    let gone = kube.open_log(&gone).await.err().unwrap();
    assert_eq!(gone.code(), "kube.not_found");
    assert!(gone.hint.contains("The pod is gone"), "{gone:?}");
    let other = kube.open_log(&LogQuery { container: "nope".to_owned(), ..query }).await.err().unwrap();
    assert_eq!(other.code(), "kube.not_found");
    assert!(other.hint.contains("Name one of"), "{other:?}");
}

#[tokio::test]
async fn a_window_fetches_what_arrived_and_leaving_ends_the_request() {
    let cluster = lab::shared::cluster().await.unwrap();
    let (pod, query) = one_pod(cluster, "kube-logs-window").await;
    cluster.set_log(&pod, &["one", "two"]).await.unwrap();
    lab::install_tls_provider();
    let environment = environment(&[("KUBECONFIG", cluster.kubeconfig().to_str().unwrap())]);
    let spec = "kube=minikube".parse().unwrap();
    let engine = Engine::start(EngineConfig {
        connections: vec![Opening::new(spec, &environment)],
        environment,
        history: std::sync::Arc::new(History::in_memory().unwrap()),
        actor: "test".to_owned(),
        read_only: true,
        clock: Clock::system(),
    })
    .await
    .unwrap();
    engine.first_picture(WITHIN).await.unwrap();
    let source = SourceId::from("kube:minikube");
    let log = engine.open_log(&source, &LogQuery { follow: true, ..query }).await.unwrap();
    let (mut found, mut told) = (Vec::new(), false);
    let fetching = async {
        while found.len() < 3 {
            let LogBatch { lines, dropped, ended } = log.fetch(100, Duration::from_secs(1)).await;
            assert_eq!((dropped, ended), (0, None));
            found.extend(lines.into_iter().map(|line| line.text));
            if found.len() == 2 && !std::mem::replace(&mut told, true) {
                cluster.append_log(&pod, &["three"]).unwrap();
            }
        }
    };
    tokio::time::timeout(WITHIN, fetching).await.expect("three lines come");
    assert_eq!(found, ["one", "two", "three"]);
    drop(log);
    // A log that were still read would hold the engine up: it waits for everything that it runs.
    tokio::time::timeout(WITHIN, engine.stop()).await.expect("nothing is left running");
}
