//! What could be connected on this computer, for the first screen and for `binnaclectl doctor`. Nothing is read: a system
//! is asked whether it answers and what it is.

use std::path::PathBuf;
use std::time::Duration;

use binnacle_model::id::SourceKind;
use binnacle_sources::transport::no_answer;
use binnacle_sources::{ConnectionSpec, Environment, Probe, SourceError};

/// How long a system may take to say that it is there.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Where a Consul agent listens unless told otherwise.
const USUAL_CONSUL: &str = "http://127.0.0.1:8500";

/// One thing that was looked for.
#[derive(Clone, Debug)]
pub struct Found {
    /// How to connect; `None` where this version cannot.
    pub spec: Option<ConnectionSpec>,
    /// What it is, for people.
    pub title: String,
    /// Where it was found: `CONSUL_HTTP_ADDR`, `the usual address`, a kubeconfig file.
    pub place: String,
    /// What came of asking.
    pub answer: Answer,
}

/// What came of asking.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It answers.
    Answers(Probe),
    /// It does not, or it says no.
    Fails(SourceError),
    /// It was not asked, for this reason.
    NotAsked(String),
}

/// Looks around: the Consul of the environment or at the usual address, and the contexts of kubeconfig files.
pub async fn found(environment: &Environment) -> Vec<Found> {
    let mut found = vec![consul(environment).await];
    found.extend(kube_contexts(environment));
    found
}

/// The Consul that the field's tools would use here.
pub fn usual_consul(environment: &Environment) -> (ConnectionSpec, &'static str) {
    let (place, from) = match environment.get("CONSUL_HTTP_ADDR") {
        Some(address) => (address, "CONSUL_HTTP_ADDR"),
        None => (USUAL_CONSUL, "the usual address"),
    };
    (ConnectionSpec { kind: SourceKind::Consul, place: place.to_owned() }, from)
}

async fn consul(environment: &Environment) -> Found {
    let (spec, from) = usual_consul(environment);
    let answer = match binnacle_sources::open(&spec, environment) {
        Err(error) => Answer::Fails(error),
        Ok(connection) => match tokio::time::timeout(PATIENCE, connection.probe()).await {
            Ok(Ok(probe)) => Answer::Answers(probe),
            Ok(Err(error)) => Answer::Fails(error),
            Err(_) => {
                let place = spec.place.trim_start_matches("http://").trim_start_matches("https://");
                Answer::Fails(no_answer("consul", format!("asking {} who it is", spec.place), place, PATIENCE))
            }
        },
    };
    Found { title: "Consul".to_owned(), place: format!("{} from {from}", spec.place), spec: Some(spec), answer }
}

/// The contexts named in kubeconfig files, listed for what they are: this version does not read Kubernetes.
fn kube_contexts(environment: &Environment) -> Vec<Found> {
    let files: Vec<PathBuf> = match (environment.get("KUBECONFIG"), environment.get("HOME")) {
        (Some(list), _) => std::env::split_paths(list).collect(),
        (None, Some(home)) => vec![PathBuf::from(home).join(".kube/config")],
        (None, None) => Vec::new(),
    };
    let contexts = files.iter().filter_map(|file| Some((file, contexts_in(&std::fs::read_to_string(file).ok()?))));
    contexts
        .flat_map(|(file, names)| {
            names.into_iter().map(|name| Found {
                spec: None,
                title: name,
                place: file.display().to_string(),
                answer: Answer::NotAsked("Kubernetes is read by the next version".to_owned()),
            })
        })
        .collect()
}

/// The part of a kubeconfig that is needed here.
#[derive(serde::Deserialize)]
struct Kubeconfig {
    #[serde(default)]
    contexts: Vec<NamedContext>,
}

#[derive(serde::Deserialize)]
struct NamedContext {
    name: String,
}

fn contexts_in(text: &str) -> Vec<String> {
    let parsed: Result<Kubeconfig, _> = serde_saphyr::from_str(text);
    parsed.map(|config| config.contexts.into_iter().map(|context| context.name).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_read_from_a_kubeconfig() {
        let text =
            "apiVersion: v1\ncontexts:\n- name: minikube\n  context: {cluster: minikube}\n- {name: prod}\nusers: []\n";
        assert_eq!(contexts_in(text), ["minikube", "prod"]);
    }

    #[test]
    fn a_broken_kubeconfig_has_no_contexts() {
        assert!(contexts_in("contexts: [").is_empty());
    }

    #[test]
    fn the_environment_names_the_consul_before_the_usual_address() {
        let named: Environment = [("CONSUL_HTTP_ADDR".to_owned(), "10.0.0.1:8500".to_owned())].into_iter().collect();
        assert_eq!(usual_consul(&named).0.place, "10.0.0.1:8500");
        assert_eq!(usual_consul(&Environment::default()).0.place, USUAL_CONSUL);
    }
}
