//! Every listing in `fixtures/VERSION/` is mapped; what comes out stands beside it. Another listing is another case
//! without another line here. Record them anew with `fixtures/record.sh`.

use std::path::{Path, PathBuf};

use binnacle_model::Fact;
use binnacle_model::fact::CheckStatus;

use super::super::cluster::Object;
use super::super::ledger::Said;
use super::super::wire::{self, List};
use super::*;

type Say<T> = fn(&T, &Context<'_>) -> Saying;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kubernetes/fixtures")
}

fn versions() -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.is_dir()).collect()
}

fn said<T: Object>(body: &str, context: &Context<'_>, say: Say<T>) -> Vec<Said> {
    let list: List<'_> = serde_json::from_str(body).unwrap();
    assert!(!list.items.is_empty());
    list.items.iter().flat_map(|item| say(&serde_json::from_str(item.get()).unwrap(), context).facts).collect()
}

fn of(what: &str, body: &str, context: &Context<'_>) -> Vec<Said> {
    match what {
        "nodes" => said::<wire::Node>(body, context, node),
        "replicasets" => said::<wire::ReplicaSet>(body, context, replica_set),
        "jobs" => said::<wire::Job>(body, context, job),
        "pods" => said::<wire::Pod>(body, context, pod),
        "deployments" => said::<wire::Deployment>(body, context, deployment),
        "statefulsets" => said::<wire::StatefulSet>(body, context, stateful_set),
        "daemonsets" => said::<wire::DaemonSet>(body, context, daemon_set),
        "cronjobs" => said::<wire::CronJob>(body, context, cron_job),
        "services" => said::<wire::Service>(body, context, service),
        "endpointslices" => said::<wire::EndpointSlice>(body, context, endpoint_slice),
        "configmaps" => said::<wire::ConfigMap>(body, context, config_map),
        "ingresses" => said::<wire::Ingress>(body, context, ingress),
        "httproutes" => said::<wire::HttpRoute>(body, context, http_route),
        "networkpolicies" => said::<wire::NetworkPolicy>(body, context, network_policy),
        "horizontalpodautoscalers" => said::<wire::Autoscaler>(body, context, autoscaler),
        "events" => said::<wire::Event>(body, context, event),
        "secrets" => said::<wire::Secret>(body, context, secret),
        other => panic!("no mapping for {other}.json"),
    }
}

/// All listings of one version, the owners first, at the moment of their recording or later.
fn recorded(version: &Path, later: jiff::SignedDuration) -> Vec<(String, Vec<Said>)> {
    let now: Timestamp = std::fs::read_to_string(version.join("now.txt")).unwrap().trim().parse().unwrap();
    let (owners, words) = (Owners::new(), Words::default());
    let context = Context { owners: &owners, words: &words, now: now + later };
    let files = std::fs::read_dir(version).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort_by_key(|name| (!matches!(name.as_str(), "replicasets" | "jobs"), name.clone()));
    let read = |name: &String| std::fs::read_to_string(version.join(format!("{name}.json"))).unwrap();
    names.iter().map(|name| (name.clone(), of(name, &read(name), &context))).collect()
}

#[test]
fn what_real_servers_hold_is_mapped_as_it_stands_beside_it() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut cases = 0;
    for version in versions() {
        settings.set_snapshot_path(&version);
        for (what, facts) in recorded(&version, jiff::SignedDuration::ZERO) {
            settings.bind(|| insta::assert_json_snapshot!(what, facts));
            cases += 1;
        }
    }
    assert!(cases >= 12, "only {cases} fixtures were found");
}

#[test]
fn no_value_of_a_key_is_in_a_fact() {
    for version in versions() {
        let all = format!("{:?}", recorded(&version, jiff::SignedDuration::ZERO));
        assert!(all.contains("shop/db/password"));
        for value in ["not-to-be-seen", "bm90LXRvLWJlLXNlZW4", "limit: 10", "schlüssel"] {
            assert!(!all.contains(value), "{value}");
        }
    }
}

fn ready(facts: &[(String, Vec<Said>)], pod: &str) -> Option<(CheckStatus, String)> {
    let (_, pods) = facts.iter().find(|(what, _)| what == "pods").unwrap();
    pods.iter().find_map(|(key, fact)| match fact {
        Fact::Check(check) if *key == format!("check/shop/{pod}/Ready") => {
            Some((check.status, check.output.to_string()))
        }
        _ => None,
    })
}

#[test]
fn each_state_of_a_pod_comes_out_as_what_it_means() {
    for version in versions() {
        let facts = recorded(&version, jiff::SignedDuration::ZERO);
        let of = |pod: &str| ready(&facts, pod).unwrap_or_else(|| panic!("no {pod}"));
        assert_eq!(of("db-0").0, CheckStatus::Passing);
        assert_eq!(of("db-1").0, CheckStatus::Critical, "it was ready before");
        assert!(of("db-1").1.contains("its readiness probe does not pass (TCP :sql)"), "{:?}", of("db-1"));
        assert_eq!(of("gated").0, CheckStatus::Critical);
        assert_eq!(of("pulling").0, CheckStatus::Critical);
        assert_eq!(of("creating").0, CheckStatus::Warning);
        assert_eq!(of("evicted").0, CheckStatus::Critical, "nothing takes its place");
        assert_eq!(of("leaving").0, CheckStatus::Maintenance);
        assert_eq!(of("lost").0, CheckStatus::Unknown);
    }
}

#[test]
fn what_is_starting_for_too_long_is_critical() {
    for version in versions() {
        let facts = recorded(&version, jiff::SignedDuration::from_mins(6));
        assert_eq!(ready(&facts, "creating").unwrap().0, CheckStatus::Critical);
    }
}

#[test]
fn pods_of_a_job_that_are_done_are_no_instances() {
    for version in versions() {
        let facts = recorded(&version, jiff::SignedDuration::ZERO);
        let (_, pods) = facts.iter().find(|(what, _)| what == "pods").unwrap();
        assert!(!pods.iter().any(|(key, _)| key.contains("import") || key.contains("backup")));
    }
}
