//! Ten thousand Pods at once. It needs the whole machine, and has a stage of its own in which nothing else runs.

use std::time::Duration;

use binnacle_model::World;
use lab::cluster::Cluster;

use crate::consul_picture::count;
use crate::kube_live::{MINIKUBE, read, service, web};

/// How many Pods come in one go.
const STORM: usize = 10_000;

#[tokio::test]
async fn ten_thousand_pods_in_one_go_are_all_there_and_all_gone() {
    let cluster = Cluster::with_nodes(STORM / 100).await.unwrap();
    cluster.apply(&web("kube-storm", 0)).await.unwrap();
    let mut picture = read(&cluster.kubeconfig(), "minikube");
    let id = "kube:minikube/kube-storm/web";
    picture.live(MINIKUBE).await;

    cluster.kubectl(&["scale", "deployment/web", "-n", "kube-storm", &format!("--replicas={STORM}")]).await.unwrap();
    let patience = Duration::from_secs(900);
    let passing = |world: &World| service(world, id).filter(|one| one.passing() == STORM).map(drop);
    picture.by_the_lot(patience, "all of them pass", passing).await;
    let backends = |world: &World| {
        let front = world.snapshot().cluster_services.get("kube:minikube/kube-storm/web").cloned()?;
        (front.backends.iter().filter(|backend| backend.ready).count() == STORM).then_some(())
    };
    picture.by_the_lot(patience, "the Service leads to all of them", backends).await;
    assert_eq!(picture.live(MINIKUBE).await.fault, None);

    cluster.kubectl(&["delete", "namespace", "kube-storm", "--wait=false"]).await.unwrap();
    let gone = |world: &World| (service(world, id).is_none() && count(world, MINIKUBE, "pods") == 0).then_some(());
    picture.by_the_lot(patience, "all of them are gone", gone).await;
    picture.stop().await;
}
