//! Who may read what: users with few rights, tokens that rotate, and programs that sign in.

use binnacle_model::snapshot::SourceState;
use lab::cluster::Credential;
use serde_json::json;

use crate::consul_picture::{count, status};
use crate::kube_live::{read, service, web};

#[tokio::test]
async fn one_namespace_without_secrets_and_events_is_read_and_the_missing_rules_are_named() {
    let cluster = lab::shared::cluster().await.unwrap();
    cluster.apply(&web("kube-narrow", 1)).await.unwrap();
    cluster.running_pods("kube-narrow", "app=web", 1).await.unwrap();
    let rules = json!([
        { "apiGroups": ["", "apps", "batch", "discovery.k8s.io"], "verbs": ["get", "list", "watch"],
          "resources": ["pods", "services", "configmaps", "deployments", "replicasets", "statefulsets", "daemonsets",
                        "jobs", "cronjobs", "endpointslices"] },
    ]);
    let user = cluster.user("narrow", Credential::TokenFile, Some("kube-narrow"), &rules).await.unwrap();
    let text = std::fs::read_to_string(&user.kubeconfig).unwrap();
    std::fs::write(&user.kubeconfig, text.replace("namespace: default", "namespace: kube-narrow")).unwrap();
    let mut picture = read(&user.kubeconfig, "narrow");

    let status = picture.live("kube:narrow").await;

    let id = "kube:narrow/kube-narrow/web";
    picture.until("its Pod", |world| service(world, id).filter(|service| service.passing() == 1)).await;
    assert!(status.partial.iter().all(|fault| &*fault.code == "kube.forbidden"), "{status:#?}");
    let last = picture
        .until("everything that is missing is said", |world| {
            let status = crate::consul_picture::status(world, "kube:narrow")?;
            let said = |word: &str| status.partial.iter().any(|fault| fault.hint.contains(word));
            let all = ["\"secrets\"", "\"events\"", "\"nodes\"", "To see all namespaces"];
            all.into_iter().all(said).then_some(status)
        })
        .await;
    let limited = last.partial.iter().find(|fault| fault.detail.contains("Only the namespace kube-narrow")).unwrap();
    assert!(limited.detail.contains("pods") && limited.hint.contains("resources: [\"pods\"]"), "{limited:?}");
    assert_eq!(count(&picture.world, "kube:narrow", "secret"), 0);
    picture.stop().await;
}

#[tokio::test]
async fn a_user_without_any_right_is_a_failure_with_the_rule() {
    let cluster = lab::shared::cluster().await.unwrap();
    let user = cluster.user("nobody", Credential::ClientCertificate, None, &json!([])).await.unwrap();
    let mut picture = read(&user.kubeconfig, "nobody");
    let status = picture.state("kube:nobody", SourceState::Failing).await;
    let fault = status.fault.unwrap();
    assert_eq!(&*fault.code, "kube.forbidden");
    assert!(fault.detail.contains("User \"nobody\" cannot list") && fault.hint.contains("verbs: ["), "{fault:?}");
    picture.stop().await;
}

#[tokio::test]
async fn a_plugin_runs_once_for_all_requests() {
    let cluster = lab::shared::cluster().await.unwrap();
    let rules = json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"] }]);
    let user = cluster.user("plugin", Credential::ExecPlugin, None, &rules).await.unwrap();
    let mut picture = read(&user.kubeconfig, "plugin");
    picture.live("kube:plugin").await;
    assert_eq!(user.times_run(), 1);
    assert_eq!(status(&picture.world, "kube:plugin").unwrap().partial, []);
    picture.stop().await;
}
