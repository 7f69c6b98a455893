//! Systems inside a cluster: found there, reached through the API server, read and written as anywhere else.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use binnacle_engine::edits::{Draft, DraftIntent, EditError, Verified};
use binnacle_history::History;
use binnacle_model::snapshot::{Ability, SourceState};
use binnacle_sources::Connection;
use lab::cluster::{Cluster, Credential, Pod, Served};
use lab::relay::Address;
use lab::{Consul, until};
use serde_json::{Value, json};

use crate::consul_picture::{Picture, connect, status};
use crate::edits::{edits_at, id, put};

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
    let around = variables(&cluster.kubeconfig());
    let stranger = connect(place, &as_text(&around)).probe().await.unwrap();
    assert!(stranger.detail.contains("no token given"), "{stranger:?}");
    let mut around = around;
    around.push(("CONSUL_HTTP_TOKEN", server.management_token().unwrap().to_owned()));
    let around = as_text(&around);

    let mut picture = Picture::of(connect(place, &around));
    let live = picture.live("consul:dc1").await;
    assert_eq!(&*live.address, format!("{place} by service proxy"));
    assert_eq!(live.partial, []);
    assert!(live.abilities.contains(&Ability::EditConfig), "{live:?}");
    let other = server.client().unwrap();
    other.kv_put("found/a b%/limit", b"7").await.unwrap();
    let key = id("found/a b%/limit");
    picture.until("the key is pushed", |world| world.snapshot().config.get(key.as_str()).map(|_| ())).await;

    let edits = edits_at(place, &around, in_memory());
    let plan = edits.plan(vec![put("found/a b%/limit", b"8")]).await.unwrap();
    let late = edits.plan(vec![put("found/a b%/limit", b"9")]).await.unwrap();
    let applied = edits.apply(&plan, None).await.unwrap();
    assert_eq!(applied.keys[0].verified, Verified::AsWritten, "{applied:?}");
    assert_eq!(other.kv_get("found/a b%/limit").await.unwrap().unwrap().value, b"8");
    assert!(matches!(edits.apply(&late, None).await, Err(EditError::Refused { .. })));
    let outside = Draft { intent: DraftIntent::Put { bytes: b"x".to_vec(), flags: None }, ..put("..", b"") };
    let led_out = edits.plan(vec![outside]).await.err().map(|error| error.code());
    assert!(led_out.is_none() || led_out.as_deref() == Some("consul.invalid"), "{led_out:?}");

    installed.served.clear();
    picture
        .until("it is said that nothing listens there any more", |world| {
            let fault = status(world, "consul:dc1")?.fault?;
            let said = fault.detail.contains("the API server says 503") && fault.hint.contains("Nothing listens");
            (&*fault.code == "consul.unreachable" && said).then_some(())
        })
        .await;
    picture.stop().await;
    installed.remove(cluster).await;
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
    picture.live("consul:dc1").await;
    assert_eq!(&*status(&picture.world, "consul:dc1").unwrap().address, by(&first));
    let edits = edits_at(place, &around, in_memory());
    let plan = edits.plan(vec![put("found/forwarded", b"1")]).await.unwrap();
    assert_eq!(edits.apply(&plan, None).await.unwrap().keys[0].verified, Verified::AsWritten);

    cluster.kubectl(&["delete", "pod", &first, "-n", "found-forward", "--wait=false"]).await.unwrap();
    let meanwhile = picture
        .until("the port-forward says that it is not active", |world| {
            status(world, "consul:dc1").filter(|status| status.address.contains("reconnecting since"))
        })
        .await;
    assert!(!meanwhile.address.contains("active"), "{meanwhile:?}");
    picture.state("consul:dc1", SourceState::Failing).await;
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
            let status = status(world, "consul:dc1")?;
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
