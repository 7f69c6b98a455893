//! What is in a cluster is in the picture, and what changes there changes here, pushed.

use std::path::Path;

use binnacle_model::fact::{CheckStatus, Fact, RolloutState, WorkloadKind};
use binnacle_model::snapshot::{Health, Service, SourceState};
use binnacle_model::{ServiceId, World};
use binnacle_sources::kubernetes::Kubernetes;
use lab::cluster::Cluster;
use serde_json::{Value, json};

use crate::consul_picture::{Picture, environment, fact};
use crate::laboratory_cluster::ONE_OF_ITS_OWN;

pub(crate) const MINIKUBE: &str = "kube:minikube";

/// A source on the context of a kubeconfig.
pub(crate) fn read(kubeconfig: &Path, context: &str) -> Picture {
    Picture::of(connect(kubeconfig, context))
}

/// A connection to the context of a kubeconfig.
pub(crate) fn connect(kubeconfig: &Path, context: &str) -> Kubernetes {
    lab::install_tls_provider();
    let environment = environment(&[("KUBECONFIG", kubeconfig.to_str().unwrap())]);
    let spec = format!("kube={context}").parse().unwrap();
    Kubernetes::new(spec, &environment).unwrap()
}

/// A Deployment that a Service stands in front of, in a namespace of its own.
pub(crate) fn web(namespace: &str, replicas: usize) -> String {
    json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } },
        { "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web", "namespace": namespace },
          "spec": { "replicas": replicas, "selector": { "matchLabels": { "app": "web" } }, "template": {
            "metadata": { "labels": { "app": "web" } },
            "spec": { "containers": [{ "name": "web", "image": "web:1", "ports": [{ "containerPort": 8080 }] }] } } } },
        { "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web", "namespace": namespace },
          "spec": { "selector": { "app": "web" }, "ports": [{ "name": "http", "port": 80, "targetPort": 8080 }] } },
    ]})
    .to_string()
}

pub(crate) fn service(world: &World, id: &str) -> Option<std::sync::Arc<Service>> {
    world.snapshot().services.get(&ServiceId::from(id)).cloned()
}

/// Writes to a Pod's status as a kubelet does.
async fn set_status(cluster: &Cluster, namespace: &str, pod: &str, status: &Value) {
    let patch = json!({ "status": status }).to_string();
    let arguments = ["patch", "pod", pod, "-n", namespace, "--subresource=status", "--type=merge", "-p", &patch];
    cluster.kubectl(&arguments).await.unwrap();
}

#[tokio::test]
async fn workloads_pods_and_services_are_read_and_what_changes_is_pushed() {
    let cluster = lab::shared::cluster().await.unwrap();
    cluster.apply(&web("kube-live", 2)).await.unwrap();
    let pods = cluster.running_pods("kube-live", "app=web", 2).await.unwrap();
    cluster.endpoints("kube-live", "web", 2).await.unwrap();
    let mut picture = read(&cluster.kubeconfig(), "minikube");

    let status = picture.live(MINIKUBE).await;

    assert_eq!(status.product.as_deref(), Some("Kubernetes v1.37.2"));
    assert_eq!(status.address.as_ref(), cluster.address());
    assert_eq!((status.fault, status.partial, status.abilities), (None, vec![], vec![]));
    let id = "kube:minikube/kube-live/web";
    let found =
        picture.until("both Pods pass", |world| service(world, id).filter(|service| service.passing() == 2)).await;
    assert_eq!((&*found.name, found.namespace.as_deref(), found.health), ("web", Some("kube-live"), Health::Passing));
    let workload = &found.workloads[0].fact;
    assert_eq!((&workload.kind, workload.state), (&WorkloadKind::Deployment, RolloutState::Complete));
    assert_eq!((workload.desired, workload.ready, workload.available), (Some(2), Some(2), Some(2)));
    let instance =
        found.instances.iter().find(|instance| *instance.native_id == *format!("kube-live/{}", pods[0].name));
    let instance = instance.unwrap();
    assert_eq!((instance.address.to_string(), instance.port), (pods[0].address.to_string(), 8080));
    assert_eq!(instance.id.as_str(), format!("kube:minikube/kube-live/{}", pods[0].name));
    assert!(instance.checks.iter().any(|check| check.of_node && &*check.name == "node Ready"), "{instance:?}");
    picture
        .until("the Service leads to both", |world| {
            let front = world.snapshot().cluster_services.get("kube:minikube/kube-live/web").cloned()?;
            let all = front.backends.iter().filter(|backend| backend.ready).count() == 2 && front.selected == 2;
            (all && front.leads_to == [ServiceId::from(id)]).then_some(())
        })
        .await;

    cluster.kubectl(&["scale", "deployment/web", "-n", "kube-live", "--replicas=3"]).await.unwrap();
    picture.until("the third Pod", |world| service(world, id).filter(|service| service.passing() == 3)).await;
    cluster.kubectl(&["scale", "deployment/web", "-n", "kube-live", "--replicas=0"]).await.unwrap();
    picture
        .until("no Pod is left, and that is on purpose", |world| {
            service(world, id).filter(|service| service.instances.is_empty() && service.health == Health::Maintenance)
        })
        .await;
    cluster.kubectl(&["delete", "namespace", "kube-live", "--wait=false"]).await.unwrap();
    picture.until("all of it is gone", |world| service(world, id).is_none().then_some(())).await;
    picture.stop().await;
}

#[tokio::test]
async fn a_crash_and_a_failed_rollout_are_told_as_what_they_are() {
    let cluster = lab::shared::cluster().await.unwrap();
    cluster.apply(&web("kube-crash", 1)).await.unwrap();
    let pods = cluster.running_pods("kube-crash", "app=web", 1).await.unwrap();
    let mut picture = read(&cluster.kubeconfig(), "minikube");
    let id = "kube:minikube/kube-crash/web";
    picture.until("it passes", |world| service(world, id).filter(|service| service.health == Health::Passing)).await;

    let waiting = json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 40s" } });
    let last =
        json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-01-01T00:00:00Z" } });
    let container = json!({ "name": "web", "image": "web:1", "imageID": "", "ready": false, "restartCount": 4,
                            "state": waiting, "lastState": last });
    let unready = json!({ "type": "Ready", "status": "False", "message": "containers with unready status: [web]" });
    let status = json!({ "conditions": [unready], "containerStatuses": [container] });
    set_status(cluster, "kube-crash", &pods[0].name, &status).await;
    let key = format!("check/kube-crash/{}/container/web", pods[0].name);
    let check = picture
        .until("the container's check", |world| match fact(world, MINIKUBE, "pods", &key) {
            Some(Fact::Check(check)) => Some(check),
            _ => None,
        })
        .await;
    assert_eq!(check.status, CheckStatus::Critical);
    for word in ["CrashLoopBackOff", "back-off 40s", "restarted 4 times", "137", "OOMKilled"] {
        assert!(check.output.contains(word), "{word}: {}", check.output);
    }
    picture
        .until("the service is critical", |world| {
            service(world, id).filter(|service| service.health == Health::Critical)
        })
        .await;

    let patch = json!({ "spec": { "progressDeadlineSeconds": 1, "template": { "spec": {
        "nodeSelector": { "example.com/nowhere": "true" } } } } })
    .to_string();
    cluster.kubectl(&["patch", "deployment/web", "-n", "kube-crash", "-p", &patch]).await.unwrap();
    let stalled = picture
        .until("the rollout is stalled", |world| {
            service(world, id).filter(|service| service.workloads[0].fact.state == RolloutState::Stalled)
        })
        .await;
    assert!(stalled.workloads[0].fact.message.contains("timed out progressing"), "{stalled:?}");
    picture
        .until("the scheduler's own words stand with the service", |world| {
            let found = service(world, id)?;
            found.events.iter().any(|event| &*event.fact.reason == "FailedScheduling").then_some(())
        })
        .await;
    cluster.kubectl(&["delete", "namespace", "kube-crash", "--wait=false"]).await.unwrap();
    picture.stop().await;
}

#[tokio::test]
async fn keys_of_config_maps_and_secrets_are_named_and_measured_and_their_values_are_nowhere() {
    let cluster = lab::shared::cluster().await.unwrap();
    let objects = json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "kube-keys" } },
        { "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "limits", "namespace": "kube-keys" },
          "data": { "app.yaml": "to-be-measured" } },
        { "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "db", "namespace": "kube-keys" },
          "stringData": { "password": "never-to-be-seen" } },
    ]});
    cluster.apply(&objects.to_string()).await.unwrap();
    let mut picture = read(&cluster.kubeconfig(), "minikube");
    let size = |world: &World, id: &str| world.snapshot().config.get(id).map(|item| (item.size_bytes, item.version));
    let (limits, password) =
        ("kube:minikube/configmap/kube-keys/limits/app.yaml", "kube:minikube/secret/kube-keys/db/password");
    let first = picture.until("the ConfigMap's key", |world| size(world, limits)).await;
    assert_eq!(first.0, 14);
    assert_eq!(picture.until("the Secret's key", |world| size(world, password)).await.0, 16);

    let patch = json!({ "data": { "app.yaml": "longer-to-be-measured", "new": "" } }).to_string();
    cluster.kubectl(&["patch", "configmap/limits", "-n", "kube-keys", "-p", &patch]).await.unwrap();
    let second = picture.until("the change", |world| size(world, limits).filter(|(size, _)| *size == 21)).await;
    assert!(second.1 > first.1, "the version grew");
    let told = format!("{:?} {:?}", picture.world.store(), picture.world.snapshot());
    assert!(!told.contains("to-be-measured") && !told.contains("never-to-be-seen"));
    cluster.kubectl(&["delete", "secret/db", "-n", "kube-keys"]).await.unwrap();
    picture.until("the Secret's key is gone", |world| size(world, password).is_none().then_some(())).await;
    cluster.kubectl(&["delete", "namespace", "kube-keys", "--wait=false"]).await.unwrap();
    picture.stop().await;
}

#[tokio::test]
async fn an_api_server_that_goes_and_comes_back_on_another_port_is_found_there() {
    let _alone = ONE_OF_ITS_OWN.lock().await;
    let cluster = Cluster::with_nodes(1).await.unwrap();
    cluster.apply(&web("kube-port", 1)).await.unwrap();
    cluster.running_pods("kube-port", "app=web", 1).await.unwrap();
    let mut picture = read(&cluster.kubeconfig(), "minikube");
    let id = "kube:minikube/kube-port/web";
    picture.live(MINIKUBE).await;
    picture.until("it passes", |world| service(world, id).filter(|service| service.passing() == 1)).await;

    cluster.stop_api_server().await.unwrap();
    let failing = picture.state(MINIKUBE, SourceState::Failing).await;
    assert!(failing.fault.is_some() && failing.next_try.is_some());
    assert!(service(&picture.world, id).unwrap().stale, "what was known stays, as old");
    cluster.start_api_server().await.unwrap();
    picture.live(MINIKUBE).await;

    cluster.restart_on_another_port().await.unwrap();
    let address = cluster.address();
    picture
        .until("it is live at the new port", |world| {
            let status = crate::consul_picture::status(world, MINIKUBE)?;
            (status.state == SourceState::Live && *status.address == *address).then_some(())
        })
        .await;
    cluster.kubectl(&["delete", "deployment/web", "-n", "kube-port"]).await.unwrap();
    picture.until("what went is removed", |world| service(world, id).is_none().then_some(())).await;
    picture.stop().await;
}
