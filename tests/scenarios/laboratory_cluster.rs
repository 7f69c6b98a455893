//! The lab's Kubernetes: it comes up, behaves as a cluster does, and is gone when its owner is gone.

use std::net::Ipv4Addr;
use std::time::Duration;

use lab::cluster::{Cluster, Credential, Monitoring, Pod, Registry, Shop};
use lab::executable::Server;
use lab::relay::Address;
use lab::{LabError, until};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::laboratory::Owner;

const DEADLINE: Duration = Duration::from_secs(120);

/// Held by a test with a cluster of its own: with the shared one beside it, two are enough for a small machine.
pub(crate) static ONE_OF_ITS_OWN: Mutex<()> = Mutex::const_new(());

/// Held by a test that puts a registry and a Prometheus into the shared cluster, where their places are one each.
pub(crate) static MONITORED: Mutex<()> = Mutex::const_new(());

/// A Deployment `web` of the pause image, and a Service in front of it, in a namespace of its own.
fn web(namespace: &str, replicas: usize) -> String {
    json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } },
        { "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web", "namespace": namespace },
          "spec": { "replicas": replicas, "selector": { "matchLabels": { "app": "web" } }, "template": {
            "metadata": { "labels": { "app": "web" } },
            "spec": { "containers": [{ "name": "web", "image": "registry.k8s.io/pause:3.10" }] } } } },
        { "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web", "namespace": namespace },
          "spec": { "selector": { "app": "web" }, "ports": [{ "name": "http", "port": 80, "targetPort": 8500 }] } },
    ]})
    .to_string()
}

async fn running_web(cluster: &Cluster, namespace: &str, replicas: usize) -> Vec<Pod> {
    cluster.apply(&web(namespace, replicas)).await.unwrap();
    cluster.running_pods(namespace, "app=web", replicas).await.unwrap()
}

#[tokio::test]
async fn a_cluster_comes_up_with_its_nodes_and_pods_run_on_them() {
    let cluster = lab::shared::cluster().await.unwrap();
    let client = cluster.client().unwrap();
    let version = client.get("/version").await.unwrap();
    assert_eq!(version["gitVersion"], "v1.37.2");
    let nodes = cluster.kubectl(&["get", "nodes", "--no-headers"]).await.unwrap();
    assert_eq!(nodes.lines().filter(|line| line.contains(" Ready ")).count(), 5, "{nodes}");

    let usage = client.request(Method::GET, "/apis/metrics.k8s.io/v1beta1", &Value::Null).await.unwrap();
    assert_eq!(usage.status(), 404, "nobody measures what pods use");

    let pods = running_web(cluster, "comes-up", 3).await;

    assert!(pods.iter().all(|pod| pod.address.to_string().starts_with("10.244.")), "{pods:?}");
    cluster.endpoints("comes-up", "web", 3).await.unwrap();
}

#[tokio::test]
async fn a_real_server_behind_a_pod_is_reached_by_the_proxies_of_the_api_server() {
    let cluster = lab::shared::cluster().await.unwrap();
    let consul = lab::shared::open().await.unwrap();
    let pods = running_web(cluster, "proxies", 1).await;
    let client = cluster.client().unwrap();
    let through_service = "/api/v1/namespaces/proxies/services/web:http/proxy/v1/catalog/datacenters";
    let nobody = client.request(Method::GET, through_service, &Value::Null).await.unwrap();
    assert_eq!(nobody.status(), 503, "nothing listens on the pod's address yet");

    let server = Address::Tcp((Ipv4Addr::LOCALHOST, consul.http_port()).into());
    let served = cluster.serve(&pods[0], 8500, server).await.unwrap();

    let seen =
        until("the endpoint of the service", DEADLINE, async || client.get(through_service).await).await.unwrap();
    assert_eq!(seen, json!(["dc1"]));
    let through_pod = format!("/api/v1/namespaces/proxies/pods/{}:8500/proxy/v1/catalog/datacenters", pods[0].name);
    assert_eq!(client.get(&through_pod).await.unwrap(), json!(["dc1"]));

    drop(served);
    until("the server to be gone from the pod", DEADLINE, async || match client.get(&through_pod).await {
        Err(LabError::Refused { status: 503, .. }) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn every_pod_has_a_log_and_may_be_given_another() {
    let cluster = lab::shared::cluster().await.unwrap();
    let pods = running_web(cluster, "logs", 2).await;
    let log = cluster.kubectl(&["logs", "-n", "logs", &pods[0].name]).await.unwrap();
    assert!(log.contains("ready"), "{log}");

    cluster.set_log(&pods[0], &["GET /cart 200", "GET /cart 503"]).await.unwrap();

    let log = cluster.kubectl(&["logs", "-n", "logs", "--tail=1", &pods[0].name]).await.unwrap();
    assert_eq!(log, "GET /cart 503\n");
    let other = cluster.kubectl(&["logs", "-n", "logs", &pods[1].name]).await.unwrap();
    assert!(other.contains("ready"), "the other pod keeps its own: {other}");
}

#[tokio::test]
async fn users_may_do_what_they_were_allowed_and_nothing_else() {
    let cluster = lab::shared::cluster().await.unwrap();
    let rules = json!([{ "apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get", "list", "watch"] }]);
    running_web(cluster, "allowed", 1).await;
    for (name, credential) in [
        ("reader-by-certificate", Credential::ClientCertificate),
        ("reader-by-token", Credential::TokenFile),
        ("reader-by-program", Credential::ExecPlugin),
    ] {
        let user = cluster.user(name, credential, Some("allowed"), &rules).await.unwrap();
        let may = async |arguments: &[&str]| cluster.kubectl_as(&user.kubeconfig, arguments).await;

        let whoami = may(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]).await.unwrap();
        assert_eq!(whoami, user.name);
        let pods =
            until("the authorizer", DEADLINE, async || may(&["get", "pods", "-n", "allowed", "-o", "name"]).await);
        assert!(pods.await.unwrap().starts_with("pod/web-"));
        for denied in [&["get", "pods", "-n", "kube-system"][..], &["get", "secrets", "-n", "allowed"]] {
            let refusal = may(denied).await.unwrap_err().to_string();
            assert!(refusal.contains("Forbidden"), "{refusal}");
        }
        assert_eq!(user.times_run() > 0, credential == Credential::ExecPlugin);
    }
}

#[tokio::test]
async fn the_api_server_comes_back_at_its_address_or_at_another() {
    let _alone = ONE_OF_ITS_OWN.lock().await;
    let cluster = Cluster::with_nodes(1).await.unwrap();
    let kubeconfig = cluster.kubeconfig();
    let context = cluster.kubectl_as(&kubeconfig, &["config", "current-context"]).await.unwrap();
    assert_eq!(context, "minikube\n");
    let address = cluster.address();
    let client = cluster.client().unwrap();

    cluster.stop_api_server().await.unwrap();
    let refused = client.text("/readyz").await.unwrap_err();
    assert!(matches!(&refused, LabError::Request { source, .. } if source.is_connect()), "{refused}");
    cluster.start_api_server().await.unwrap();
    assert_eq!(cluster.address(), address);
    assert_eq!(client.text("/readyz").await.unwrap(), "ok");

    cluster.restart_on_another_port().await.unwrap();
    assert_ne!(cluster.address(), address);
    assert!(client.text("/readyz").await.is_err());
    for kubeconfig in [cluster.kubeconfig(), cluster.admin_kubeconfig()] {
        assert_eq!(cluster.kubectl_as(&kubeconfig, &["get", "nodes", "-o", "name"]).await.unwrap(), "node/node-1\n");
    }

    let processes = cluster.processes().await;
    assert_eq!(processes.len(), 6, "{processes:?}");
    let namespace = std::fs::read_link(format!("/proc/{}/ns/net", processes[0].1)).unwrap();
    assert_ne!(namespace, std::fs::read_link("/proc/self/ns/net").unwrap());
    drop(cluster);
    assert!(processes.iter().all(|(_, pid, log)| !lab::watchdog::process_exists(*pid) && !log.exists()));
    assert!(!namespace_is_in_use(&namespace));
}

#[tokio::test]
async fn a_cluster_with_all_that_is_in_it_is_gone_when_its_process_is_killed() {
    let _alone = ONE_OF_ITS_OWN.lock().await;
    let mut owner = Owner::of("kubernetes").await;
    assert_eq!((owner.pids.len(), owner.folders.len()), (8, 8), "six of the cluster, its registry and its Prometheus");
    owner.assert_runs();
    let namespace = std::fs::read_link(format!("/proc/{}/ns/net", owner.pids[0])).unwrap();
    assert!(namespace_is_in_use(&namespace));

    owner.process.kill().await.unwrap();

    owner.is_gone().await;
    assert!(!namespace_is_in_use(&namespace));
}

#[tokio::test]
async fn a_shop_and_its_registry_are_in_the_cluster_and_what_breaks_is_seen_in_the_registry() {
    let cluster = lab::shared::cluster().await.unwrap();
    let _alone = MONITORED.lock().await;
    let registry = Registry::start(cluster).await.unwrap();
    let shop = Shop::open(cluster, Some(&registry)).await.unwrap();
    let (kubernetes, consul) = (cluster.client().unwrap(), registry.client().unwrap());

    assert_eq!(shop.visit(3).await.unwrap(), 3);

    let through_the_cluster = "/api/v1/namespaces/consul/services/consul-server:http/proxy/v1/catalog/service/cart";
    let instances = until("the service", DEADLINE, async || kubernetes.get(through_the_cluster).await).await.unwrap();
    assert_eq!(instances[0]["ServiceAddress"], shop.pods("cart")[0].address.to_string());
    let metrics = "/api/v1/namespaces/shop/services/web:http/proxy/metrics";
    let metrics = until("the service", DEADLINE, async || kubernetes.text(metrics).await).await.unwrap();
    assert!(metrics.contains(r#"http_client_requests_seconds_count{client_name="checkout",method="GET",uri="/",outcome="SUCCESS",status="200"} 3"#), "{metrics}");

    let prometheus = Server::Prometheus.executable().await.unwrap();
    let monitoring = Monitoring::start(cluster, Some(&registry), &prometheus).await.unwrap();
    let asked = "/api/v1/namespaces/monitoring/services/prometheus-server:80/proxy/api/v1/query?query=count%20by%20(job)(up%20%3D%3D%201)";
    until("every pod and every instance to be scraped", DEADLINE, async || {
        let answer = kubernetes.get(asked).await.map_err(|error| error.to_string())?;
        let of = |job: &str| {
            let rows = answer["data"]["result"].as_array().into_iter().flatten();
            rows.filter(|row| row["metric"]["job"] == job).find_map(|row| row["value"][1].as_str()).map(str::to_owned)
        };
        let both = (of("kubernetes-pods"), of("consul-services"));
        if both == (Some("9".to_owned()), Some("9".to_owned())) { Ok(()) } else { Err(answer.to_string()) }
    })
    .await
    .unwrap();
    drop(monitoring);

    shop.break_down("payments", true);
    assert_eq!(shop.visit(1).await.unwrap(), 0);
    until("the registry to see it", DEADLINE, async || {
        let health = consul.get("/v1/health/checks/payments").await.unwrap();
        if health[0]["Status"] == "critical" { Ok(()) } else { Err(health) }
    })
    .await
    .unwrap();

    registry.stop().await.unwrap();
    assert!(kubernetes.get(through_the_cluster).await.is_err());
    registry.restart().await.unwrap();
    assert_eq!(kubernetes.get(through_the_cluster).await.unwrap().as_array().unwrap().len(), 2);
}

/// Whether any process is in this namespace; it has no name, so without a process it is not there.
fn namespace_is_in_use(namespace: &std::path::Path) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .into_iter()
        .any(|process| std::fs::read_link(process.path().join("ns/net")).is_ok_and(|other| other == namespace))
}
