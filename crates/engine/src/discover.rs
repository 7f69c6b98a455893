//! What could be connected on this computer, for the first screen and for `binnaclectl doctor`. Nothing is read: a system
//! is asked whether it answers and what it is.

use std::time::Duration;

use binnacle_model::id::SourceKind;
use binnacle_sources::kubernetes::{self, Context};
use binnacle_sources::prometheus::URL_VARIABLE;
use binnacle_sources::transport::no_answer;
use binnacle_sources::{ConnectionSpec, Doors, Environment, ErrorKind, Probe, SourceError};
use futures_util::StreamExt as _;
use futures_util::stream;

use crate::Opening;
use crate::inside::is_read_by_itself;

/// How long a system may take to say that it is there.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Where a Consul agent listens unless told otherwise.
const USUAL_CONSUL: &str = "http://127.0.0.1:8500";
/// Where a Prometheus listens unless told otherwise.
const USUAL_PROMETHEUS: &str = "http://127.0.0.1:9090";
/// How many systems are asked at once.
const AT_ONCE: usize = 16;

/// One thing that was looked for.
#[derive(Clone, Debug)]
pub struct Found {
    /// How to connect; `None` where this version cannot.
    pub spec: Option<ConnectionSpec>,
    /// What it is, for people.
    pub title: String,
    /// Where it was found: `CONSUL_HTTP_ADDR`, `the usual address`, a kubeconfig file.
    pub place: String,
    /// Whether a program would have to sign in before anything is read.
    pub signs_in: bool,
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

/// Looks around: the Consul and the Prometheus of the environment or at their usual addresses, and the contexts of kubeconfig
/// files. A Prometheus that nobody named and that is not there is no news.
pub async fn found(environment: &Environment) -> Vec<Found> {
    let (consul, prometheus, clusters) =
        tokio::join!(consul(environment), prometheus(environment), clusters(environment));
    std::iter::once(consul).chain(prometheus).chain(clusters).collect()
}

/// The Consul that the field's tools would use here.
pub fn usual_consul(environment: &Environment) -> (ConnectionSpec, &'static str) {
    let (place, from) = match environment.get("CONSUL_HTTP_ADDR") {
        Some(address) => (address, "CONSUL_HTTP_ADDR"),
        None => (USUAL_CONSUL, "the usual address"),
    };
    (ConnectionSpec { kind: SourceKind::Consul, place: place.to_owned() }, from)
}

/// The cluster that `kubectl` would use here; `None` where a plugin has to sign in, which nobody has agreed to yet.
pub fn usual_cluster(environment: &Environment) -> Option<ConnectionSpec> {
    let (contexts, _) = kubernetes::contexts(environment);
    let current = contexts.into_iter().find(|context| context.current && context.plugin.is_none())?;
    Some(ConnectionSpec { kind: SourceKind::Kube, place: current.name })
}

async fn consul(environment: &Environment) -> Found {
    let (spec, from) = usual_consul(environment);
    let answer = ask(&spec, environment).await;
    Found {
        title: "Consul".to_owned(),
        place: format!("{} from {from}", spec.shown_place()),
        spec: Some(spec),
        signs_in: false,
        answer,
    }
}

/// The Prometheus that `PROMETHEUS_URL` names, or the one at the usual address. That one was not chosen by anybody, so it gets
/// nothing secret of the environment.
async fn prometheus(environment: &Environment) -> Option<Found> {
    let named = environment.get(URL_VARIABLE);
    let place = named.unwrap_or(USUAL_PROMETHEUS).to_owned();
    let spec = ConnectionSpec { kind: SourceKind::Prometheus, place };
    let answer = match named {
        Some(_) => ask(&spec, environment).await,
        None => match ask(&spec, &Environment::default()).await {
            Answer::Fails(error) if error.kind == ErrorKind::Unreachable => return None,
            answer => answer,
        },
    };
    let from = if named.is_some() { URL_VARIABLE } else { "the usual address" };
    let place = format!("{} from {from}", spec.shown_place());
    Some(Found { title: "Prometheus".to_owned(), place, spec: Some(spec), signs_in: false, answer })
}

/// Asks a system who it is.
async fn ask(spec: &ConnectionSpec, environment: &Environment) -> Answer {
    let connection = match binnacle_sources::open(spec, environment) {
        Ok(connection) => connection,
        Err(error) => return Answer::Fails(error),
    };
    match tokio::time::timeout(PATIENCE, connection.probe()).await {
        Ok(Ok(probe)) => Answer::Answers(probe),
        Ok(Err(error)) => Answer::Fails(error),
        Err(_) => {
            let shown = spec.shown_place();
            let place = shown.trim_start_matches("http://").trim_start_matches("https://");
            Answer::Fails(no_answer(spec.kind.word(), format!("asking {shown} who it is"), place, PATIENCE))
        }
    }
}

/// The clusters that kubeconfig files name, each asked for its version. No plugin is run for that. A file that cannot be read
/// is said to be so.
async fn clusters(environment: &Environment) -> Vec<Found> {
    let (contexts, faults) = kubernetes::contexts(environment);
    let broken = faults.into_iter().map(|error| Found {
        spec: None,
        title: "Kubernetes".to_owned(),
        place: "kubeconfig".to_owned(),
        signs_in: false,
        answer: Answer::Fails(error),
    });
    let asked: Vec<Found> = stream::iter(contexts.into_iter().map(|context| cluster(context, environment)))
        .buffered(AT_ONCE)
        .collect()
        .await;
    asked.into_iter().chain(broken).collect()
}

async fn cluster(context: Context, environment: &Environment) -> Found {
    let spec = ConnectionSpec { kind: SourceKind::Kube, place: context.name.clone() };
    let answer = ask(&spec, environment).await;
    let signs_in = context.plugin.is_some();
    Found { title: context.name, place: context.file.display().to_string(), spec: Some(spec), signs_in, answer }
}

/// What is found inside the cluster of a connection and shows that it is what it seems: the Consul and the Prometheus there.
/// Empty for what is no cluster.
pub async fn inside(cluster: &Opening, patience: Duration) -> Result<Vec<Opening>, SourceError> {
    if cluster.spec.kind != SourceKind::Kube {
        return Ok(Vec::new());
    }
    let (context, doors) = (&cluster.spec.place, Doors::default());
    let looked = tokio::time::timeout(patience, kubernetes::inside::look(context, &cluster.environment, &doors)).await;
    let late = || no_answer("kube", format!("looking into the cluster of the context {context}"), context, patience);
    let finds = looked.unwrap_or_else(|_| Err(late()))?;
    let wanted = finds.iter().filter(|find| find.is_confirmed() && is_read_by_itself(find.product));
    Ok(wanted.filter_map(|find| Some(Opening::of_find(find, find.spec.clone()?, cluster))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn contexts_are_found_and_one_that_does_not_answer_is_said_to_fail() {
        rustls::crypto::ring::default_provider().install_default().ok();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(
            &file,
            "contexts:\n- {name: minikube, context: {cluster: here}}\nclusters:\n- {name: here, cluster: {server: 'http://127.0.0.1:9'}}\n",
        )
        .unwrap();
        let named = [("KUBECONFIG".to_owned(), file.display().to_string())].into_iter().collect();
        let found = clusters(&named).await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].spec.as_ref().unwrap().to_string(), "kube=minikube");
        assert!(matches!(&found[0].answer, Answer::Fails(error) if error.code() == "kube.unreachable"), "{found:?}");
    }

    #[tokio::test]
    async fn a_broken_kubeconfig_is_said_to_be_broken() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(&file, "contexts: [").unwrap();
        let named = [("KUBECONFIG".to_owned(), file.display().to_string())].into_iter().collect();
        let found = clusters(&named).await;
        assert!(matches!(&found[0].answer, Answer::Fails(error) if error.code() == "kube.misconfigured"), "{found:?}");
    }

    #[test]
    fn the_environment_names_the_consul_before_the_usual_address() {
        let named: Environment = [("CONSUL_HTTP_ADDR".to_owned(), "10.0.0.1:8500".to_owned())].into_iter().collect();
        assert_eq!(usual_consul(&named).0.place, "10.0.0.1:8500");
        assert_eq!(usual_consul(&Environment::default()).0.place, USUAL_CONSUL);
    }
}
