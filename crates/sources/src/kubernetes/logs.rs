//! Logs of a Pod's containers (<https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#read-log>).
//! Reading them takes `get pods/log`; which containers there are takes `get pods`.

use std::fmt::Write as _;

use async_trait::async_trait;

use super::Kubernetes;
use super::api::{Answer, KubeApi, segment};
use super::wire::{Container, ContainerStatus, Pod};
use crate::error::{ErrorKind, SourceError};
use crate::logs::{ContainerKind, LineSplitter, LogContainer, LogContainers, LogLine, LogQuery, LogStream, Logs};

/// The annotation that names the container to show when nobody says (`kubectl` goes by it too).
const USUAL: &str = "kubectl.kubernetes.io/default-container";

/// The path of a Pod given as `NAMESPACE/NAME`.
fn path(pod: &str) -> String {
    let (namespace, name) = pod.split_once('/').unwrap_or(("default", pod));
    format!("/api/v1/namespaces/{}/pods/{}", segment(namespace), segment(name))
}

fn target(query: &LogQuery) -> String {
    let mut target = format!("{}/log?timestamps=true", path(&query.pod));
    if !query.container.is_empty() {
        let _ = write!(target, "&container={}", segment(&query.container));
    }
    if query.previous {
        target.push_str("&previous=true");
    }
    if query.follow {
        target.push_str("&follow=true");
    }
    if let Some(tail) = query.tail {
        let _ = write!(target, "&tailLines={tail}");
    }
    if let Some(since) = query.since {
        let _ = write!(target, "&sinceTime={}", segment(&since.to_string()));
    }
    target
}

#[async_trait]
impl Logs for Kubernetes {
    async fn containers(&self, pod: &str) -> Result<LogContainers, SourceError> {
        containers(&self.api, pod).await
    }

    async fn open_log(&self, query: &LogQuery) -> Result<Box<dyn LogStream>, SourceError> {
        let asked = self.api.ask(&target(query), JSON_OR_TEXT).await;
        let answer = asked.map_err(|failed| told(failed.error, query))?;
        Ok(Box::new(Stream { answer, splitter: LineSplitter::default(), ended: false }))
    }
}

/// A log is text; what is wrong with a request is said in JSON.
const JSON_OR_TEXT: &str = "text/plain, application/json, */*";

async fn containers(api: &KubeApi, pod: &str) -> Result<LogContainers, SourceError> {
    let asked = api.json::<Pod>(&path(pod)).await;
    let found = asked.map_err(|failed| told(failed.error, &LogQuery { pod: pod.to_owned(), ..LogQuery::default() }))?;
    let (spec, status) = (&found.spec, &found.status);
    let main = spec.containers.iter().map(|one| (one, ContainerKind::Main, &status.container_statuses));
    let init = spec.init_containers.iter().map(|one| {
        let kind = if one.is_sidecar() { ContainerKind::Sidecar } else { ContainerKind::Init };
        (one, kind, &status.init_container_statuses)
    });
    let all: Vec<LogContainer> = main.chain(init).map(|(one, kind, states)| container(one, kind, states)).collect();
    let named = found.metadata.annotations.get(USUAL).filter(|name| all.iter().any(|one| one.name == **name));
    let usual = named.cloned().or_else(|| all.first().map(|one| one.name.clone())).unwrap_or_default();
    Ok(LogContainers { all, usual })
}

fn container(container: &Container, kind: ContainerKind, states: &[ContainerStatus]) -> LogContainer {
    let state = states.iter().find(|state| state.name == container.name);
    LogContainer {
        name: container.name.clone(),
        kind,
        restarts: state.map_or(0, |state| state.restart_count),
        has_previous: state.is_some_and(|state| state.restart_count > 0 || state.last_state.terminated.is_some()),
    }
}

/// What a refusal means for somebody who wants a log.
fn told(error: SourceError, query: &LogQuery) -> SourceError {
    let said = error.came_back.to_ascii_lowercase();
    let (namespace, _) = query.pod.split_once('/').unwrap_or_default();
    let (kind, hint) = match error.kind {
        ErrorKind::Forbidden => (
            ErrorKind::Forbidden,
            format!(
                "To read logs in {namespace}, give this account a Role with apiGroups: [\"\"], resources: [\"pods\", \
                 \"pods/log\"], verbs: [\"get\"]."
            ),
        ),
        ErrorKind::NotFound => (
            ErrorKind::NotFound,
            "The pod is gone; what runs it may have started another one by another name.".to_owned(),
        ),
        // Its node says in words of its own that it has none.
        ErrorKind::Invalid if query.previous && !said.contains("is not valid for pod") => {
            (ErrorKind::NotFound, "Its node has no log of a run before this one. Leave --previous out.".to_owned())
        }
        ErrorKind::Invalid if said.contains("is waiting to start") || said.contains("podinitializing") => {
            (ErrorKind::NotFound, "It has written nothing yet. See in its checks what it waits for.".to_owned())
        }
        ErrorKind::Invalid if said.contains("container") => {
            (ErrorKind::NotFound, "Name one of the pod's containers.".to_owned())
        }
        _ => return error,
    };
    SourceError { kind, hint, ..error }
}

/// A log that is open.
struct Stream {
    answer: Answer,
    splitter: LineSplitter,
    ended: bool,
}

#[async_trait]
impl LogStream for Stream {
    async fn next(&mut self) -> Result<Option<Vec<LogLine>>, SourceError> {
        while !self.ended {
            let lines = if let Some(bytes) = self.answer.streamed().await? {
                self.splitter.push(&bytes)
            } else {
                self.ended = true;
                self.splitter.finish().into_iter().collect()
            };
            if !lines.is_empty() {
                return Ok(Some(lines));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(pod: &str) -> LogQuery {
        LogQuery { pod: pod.to_owned(), ..LogQuery::default() }
    }

    #[test]
    fn a_request_asks_for_what_is_wanted_and_nothing_else() {
        assert_eq!(target(&query("shop/cart-0")), "/api/v1/namespaces/shop/pods/cart-0/log?timestamps=true");
        let all = LogQuery {
            container: "app".to_owned(),
            previous: true,
            tail: Some(20),
            since: Some("2026-11-25T18:24:18Z".parse().unwrap()),
            follow: true,
            ..query("a b/c?d")
        };
        assert_eq!(
            target(&all),
            "/api/v1/namespaces/a%20b/pods/c%3Fd/log?timestamps=true&container=app&previous=true&follow=true\
             &tailLines=20&sinceTime=2026-11-25T18%3A24%3A18Z"
        );
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let error = |kind, came_back: &str| SourceError {
            system: "kube",
            kind,
            tried: "GET x".to_owned(),
            came_back: came_back.to_owned(),
            hint: String::new(),
        };
        let previous = "400 Bad Request: previous terminated container \"app\" in pod \"cart-0\" not found";
        let waits = "400 Bad Request: container \"app\" in pod \"cart-0\" is waiting to start: ContainerCreating";
        let other = "400 Bad Request: container nope is not valid for pod cart-0";
        for (kind, came_back, code, hint) in [
            (ErrorKind::Invalid, previous, "kube.not_found", "Leave --previous out"),
            (ErrorKind::Invalid, waits, "kube.not_found", "written nothing yet"),
            (ErrorKind::Invalid, other, "kube.not_found", "Name one of"),
            (ErrorKind::NotFound, "404: pods \"cart-0\" not found", "kube.not_found", "The pod is gone"),
            (ErrorKind::Forbidden, "403: no", "kube.forbidden", "\"pods/log\"], verbs: [\"get\"]"),
        ] {
            let query = LogQuery { previous: came_back == previous, ..query("shop/cart-0") };
            let told = told(error(kind, came_back), &query);
            assert_eq!(told.code(), code, "{came_back}");
            assert!(told.hint.contains(hint), "{came_back}: {}", told.hint);
        }
    }
}
