//! The API server's service proxy: its address for a Service, and what it says itself instead of passing a request on
//! (<https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/>).

use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use reqwest::Response;
use serde::Deserialize;

use super::Place;
use crate::error::{ErrorKind, SourceError};
use crate::http::{shorten, whole_body};
use crate::kubernetes::session::{Session, unauthenticated_hint};
use crate::road::Unanswered;

/// No refusal is longer.
const LONGEST: usize = 1024 * 1024;
const AGAIN: &str = "It is tried again by itself.";

/// What stands before the path that is asked for.
pub(super) fn path(place: &Place) -> String {
    let scheme = if place.tls { "https:" } else { "" };
    let Place { namespace, service, port, .. } = place;
    format!("/api/v1/namespaces/{namespace}/services/{scheme}{service}:{port}/proxy")
}

/// An answer of the API server itself.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Said {
    kind: String,
    api_version: String,
    pub(super) code: u16,
    message: String,
}

/// Lets the system's answer pass; gives what the API server said instead of passing the request on. What does not arrive whole
/// is nobody's answer.
pub(super) async fn opened(tried: &str, response: Response) -> Result<Result<Response, Said>, SourceError> {
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let in_its_form = kind.starts_with("application/json") || kind.starts_with("text/plain");
    let may_be_its_own = matches!(status.as_u16(), 400 | 401 | 403 | 404 | 429) || status.is_server_error();
    if !may_be_its_own || !in_its_form {
        return Ok(Ok(response));
    }
    let headers = response.headers().clone();
    let body = whole_body("kube", tried, response, LONGEST).await?;
    if let Some(said) = own_words(status, &body) {
        return Ok(Err(said));
    }
    let mut as_it_was = http::Response::new(body);
    *as_it_was.status_mut() = status;
    *as_it_was.headers_mut() = headers;
    Ok(Ok(Response::from(as_it_was)))
}

/// What the API server says itself: an object `Status`, or, before 1.21, a line of text.
fn own_words(status: StatusCode, body: &[u8]) -> Option<Said> {
    if let Ok(said) = serde_json::from_slice::<Said>(body) {
        let its_own = said.kind == "Status" && said.api_version == "v1";
        return its_own.then_some(Said { code: status.as_u16(), ..said });
    }
    let text = std::str::from_utf8(body).ok()?;
    let its_own = text.starts_with("Error trying to reach service:") || text.contains("\nTrying to reach: '");
    its_own.then(|| Said { code: status.as_u16(), message: text.to_owned(), ..Said::default() })
}

/// What its words mean.
pub(super) fn refusal(
    system: &'static str,
    place: &Place,
    session: &Session,
    method: &Method,
    tried: &str,
    said: &Said,
) -> Unanswered {
    let (kind, hint, never_arrived) = match meaning(said) {
        Meaning::Unauthenticated => (ErrorKind::Unauthenticated, unauthenticated_hint(session).to_owned(), true),
        Meaning::Forbidden => (ErrorKind::Forbidden, rule(place, method), true),
        Meaning::NoService => {
            let hint = "See that it is installed, and the names of the Service and its namespace.";
            (ErrorKind::Unreachable, hint.to_owned(), true)
        }
        Meaning::NoPort => {
            let ports = format!("See its ports: `kubectl get service -n {} {}`.", place.namespace, place.service);
            (ErrorKind::Unreachable, ports, true)
        }
        Meaning::NoEndpoints => {
            let hint = format!(
                "There is no such Service, or no Pod behind it is ready: see `kubectl get services,pods -n {}`.",
                place.namespace
            );
            (ErrorKind::Unreachable, hint, true)
        }
        Meaning::NotConnected => {
            let hint = "Nothing listens at that port of its Pod, or a NetworkPolicy keeps the API server out.";
            (ErrorKind::Unreachable, hint.to_owned(), true)
        }
        Meaning::NoTls => (ErrorKind::Tls, "This port speaks no TLS: begin its address with kube://.".to_owned(), true),
        Meaning::Alerted => {
            let hint =
                "It may ask for a client certificate, and the API server shows none, or for another version of TLS.";
            (ErrorKind::Tls, hint.to_owned(), false)
        }
        Meaning::CutOff => (ErrorKind::CutOff, AGAIN.to_owned(), false),
        Meaning::Busy => {
            (ErrorKind::RateLimited, "The API server is busy; it is tried again by itself.".to_owned(), true)
        }
        Meaning::Broken => (ErrorKind::ServerError, format!("The API server is not well. {AGAIN}"), false),
    };
    let came_back = format!("the API server says {}: {}", said.code, shorten(&said.message));
    let error = SourceError { system, kind, tried: tried.to_owned(), came_back, hint };
    Unanswered { error, never_arrived }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Unauthenticated,
    Forbidden,
    NoService,
    NoPort,
    NoEndpoints,
    /// It did not get through to the Pod.
    NotConnected,
    /// It spoke TLS to a port that does not.
    NoTls,
    /// The other side ended TLS with an alert. With TLS 1.3 that is also how it refuses whoever shows no certificate.
    Alerted,
    /// It got through, and then the connection broke.
    CutOff,
    Busy,
    Broken,
}

fn meaning(said: &Said) -> Meaning {
    let says = |words: &str| said.message.contains(words);
    match said.code {
        401 => Meaning::Unauthenticated,
        403 => Meaning::Forbidden,
        404 => Meaning::NoService,
        429 => Meaning::Busy,
        _ if says("no endpoints available") => Meaning::NoEndpoints,
        _ if says("no service port") => Meaning::NoPort,
        _ if says("not look like a TLS handshake") => Meaning::NoTls,
        _ if says("remote error: tls: ") => Meaning::Alerted,
        _ if says(": dial ") || says("'dial ") || says("tls: ") || says("x509: ") => Meaning::NotConnected,
        _ if says("rying to reach") => Meaning::CutOff,
        _ => Meaning::Broken,
    }
}

/// The rule that would let a request pass.
fn rule(place: &Place, method: &Method) -> String {
    let verb = match *method {
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "get",
    };
    format!(
        "Give this account a Role in the namespace {} with apiGroups: [\"\"], resources: [\"services/proxy\"], verbs: \
         [\"{verb}\"].",
        place.namespace
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, body: &str) -> Option<Meaning> {
        own_words(StatusCode::from_u16(status).unwrap(), body.as_bytes()).map(|said| meaning(&said))
    }

    /// As Kubernetes 1.37 puts it.
    fn status(code: u16, message: &str) -> String {
        serde_json::json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "code": code })
            .to_string()
    }

    #[test]
    fn what_the_api_server_says_itself_is_told_from_what_the_system_says() {
        for (code, message, meaning) in [
            (401, "Unauthorized", Meaning::Unauthenticated),
            (
                403,
                "services \"consul-server:http\" is forbidden: User \"x\" cannot get resource \"services/proxy\"",
                Meaning::Forbidden,
            ),
            (404, "services \"consul-server\" not found", Meaning::NoService),
            (503, "no endpoints available for service \"consul-server\"", Meaning::NoEndpoints),
            (503, "no service port \"http\" found for service \"consul-server\"", Meaning::NoPort),
            (
                503,
                "error trying to reach service: dial tcp 10.244.0.1:8500: connect: connection refused",
                Meaning::NotConnected,
            ),
            (
                503,
                "error trying to reach service: tls: first record does not look like a TLS handshake",
                Meaning::NoTls,
            ),
            (503, "error trying to reach service: remote error: tls: certificate required", Meaning::Alerted),
            (503, "error trying to reach service: EOF", Meaning::CutOff),
            (429, "too many requests", Meaning::Busy),
            (500, "etcd is gone", Meaning::Broken),
        ] {
            assert_eq!(said(code, &status(code, message)), Some(meaning), "{message}");
        }
        let old = "Error: 'dial tcp 172.17.0.5:8500: getsockopt: connection refused'\nTrying to reach: 'http://172.17.0.5:8500/v1/kv'";
        assert_eq!(said(502, old), Some(Meaning::NotConnected));
        assert_eq!(said(503, "Error trying to reach service: 'EOF'"), Some(Meaning::CutOff));
        for its_own in [
            "rpc error: Permission denied",
            "No cluster leader",
            "{\"status\":\"error\",\"error\":\"x\"}",
            "{\"kind\":\"Status\"}",
        ] {
            assert_eq!(said(500, its_own), None, "{its_own}");
        }
    }

    #[test]
    fn the_rule_that_is_missing_is_named_with_its_verb() {
        let place = Place::parse("consul", "kube://minikube/consul/consul-server:http").unwrap();
        assert!(rule(&place, &Method::PUT).contains("\"services/proxy\"], verbs: [\"update\"]"));
        assert!(rule(&place, &Method::GET).contains("namespace consul"));
        assert_eq!(path(&place), "/api/v1/namespaces/consul/services/consul-server:http/proxy");
        let place = Place { tls: true, ..place };
        assert_eq!(path(&place), "/api/v1/namespaces/consul/services/https:consul-server:http/proxy");
    }
}
