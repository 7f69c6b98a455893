//! Pods come and go and their addresses are used again: what was known of the old one is not the new one's.

use std::sync::Arc;

use binnacle_model::World;
use binnacle_model::snapshot::{JoinReason, Service};
use binnacle_sources::Connection;
use jiff::Timestamp;
use lab::cluster::{Cluster, Pod};
use lab::until;
use serde_json::json;

use crate::consul_picture::{PATIENCE, Picture, connect as to_consul};
use crate::kube_live::{connect, service, web};

const PAYMENTS: &str = "kube:minikube/kube-churn/web";
const CART: &str = "kube:minikube/kube-churn-next/web";
const REGISTERED: &str = "consul:dc1/churned-payments";

/// The cluster gives addresses of its Pods to other Pods at once, so that the one that is to be used again is none of its own.
const USED_AGAIN: &str = "10.250.0.7";

/// The only Pod of a new namespace, with the address that is used again.
async fn one_pod(cluster: &Cluster, namespace: &str) -> Pod {
    cluster.apply(&web(namespace, 1)).await.unwrap();
    let pod = cluster.running_pods(namespace, "app=web", 1).await.unwrap().remove(0);
    let place = json!({ "status": { "podIP": USED_AGAIN, "podIPs": [{ "ip": USED_AGAIN }] } }).to_string();
    let arguments = ["patch", "pod", &pod.name, "-n", namespace, "--subresource=status", "--type=merge", "-p", &place];
    cluster.kubectl(&arguments).await.unwrap();
    Pod { address: USED_AGAIN.parse().unwrap(), ..pod }
}

fn joined(world: &World, id: &str) -> Option<Arc<Service>> {
    let found = service(world, id)?;
    let by = found.facets.iter().find(|facet| facet.source.as_str() == "consul:dc1")?;
    (by.joined_by == Some(JoinReason::Instances)).then_some(found)
}

#[tokio::test]
async fn an_address_that_another_pod_took_over_does_not_bring_the_old_ones_facts_along() {
    let (cluster, consul) = (lab::shared::cluster().await.unwrap(), lab::shared::open().await.unwrap());
    let registry = consul.client().unwrap();
    let first = one_pod(cluster, "kube-churn").await;
    let register = async |pod: &Pod| {
        let check = json!({ "CheckID": format!("churn:{}", pod.name), "TTL": "1h", "Status": "critical",
                            "Notes": "of the Pod that was registered" });
        let service = json!({ "ID": pod.name, "Name": "churned-payments", "Address": pod.address, "Port": 8080,
                              "Check": check });
        registry.register(&service).await.unwrap();
    };
    register(&first).await;
    let connections: Vec<Arc<dyn Connection>> =
        vec![Arc::new(connect(&cluster.kubeconfig(), "minikube")), Arc::new(to_consul(&consul.address(), &[]))];
    let mut picture = Picture::of_all(connections);
    let one = picture.until("the registration is the workload's", |world| joined(world, PAYMENTS)).await;
    assert_eq!(one.health.word(), "critical", "Consul's word counts");
    let seen = Timestamp::now();

    cluster.kubectl(&["scale", "deployment/web", "-n", "kube-churn", "--replicas=0"]).await.unwrap();
    picture
        .until("the old Pod is gone", |world| {
            service(world, PAYMENTS).is_none_or(|one| one.instances.iter().all(|one| one.uid.is_none())).then_some(())
        })
        .await;
    // Pods' starts have whole seconds.
    let later = async || if Timestamp::now().as_second() > seen.as_second() { Ok(()) } else { Err("the same second") };
    until("the next second", PATIENCE, later).await.unwrap();
    let second = one_pod(cluster, "kube-churn-next").await;
    let now = picture
        .until("another Pod has the address", |world| {
            let found = service(world, CART)?;
            found.instances.iter().any(|one| *one.address == *second.address.to_string()).then_some(found)
        })
        .await;
    assert_eq!((now.facets.len(), now.health.word()), (1, "passing"), "{now:#?}");
    assert!(now.instances.iter().all(|one| one.witnesses.is_empty() && one.checks.iter().all(|check| !check.id.as_str().contains("churn:"))));
    let left = picture.world.snapshot().service(&REGISTERED.into()).expect("the registration is still there").clone();
    assert_eq!(left.instances.len(), 1);

    cluster.kubectl(&["scale", "deployment/web", "-n", "kube-churn", "--replicas=1"]).await.unwrap();
    let third = cluster.running_pods("kube-churn", "app=web", 1).await.unwrap().remove(0);
    register(&third).await;
    picture
        .until("the new Pod's registration is the workload's", |world| {
            joined(world, PAYMENTS).filter(|one| one.instances.iter().any(|one| !one.witnesses.is_empty()))
        })
        .await;
    assert_eq!(service(&picture.world, CART).unwrap().facets.len(), 1, "and the other one's is not");
    for pod in [&first, &third] {
        registry.deregister(&pod.name).await.unwrap();
    }
    cluster.kubectl(&["delete", "namespace", "kube-churn", "kube-churn-next", "--wait=false"]).await.unwrap();
    picture.stop().await;
}
