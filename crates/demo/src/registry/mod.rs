//! A registry that speaks the part of Consul's HTTP API that Binnacle uses, on one loopback port.
//!
//! What it answers is measured against a real Consul 1.22: the same contract tests run against both. It knows one
//! datacenter and one agent (a server), executes HTTP, TCP and TTL checks, answers blocking queries with Consul's index
//! rules, and keeps everything in memory. It has no ACLs, no sessions (so no locks), no peerings and no filter
//! expressions, and says so in Consul's words where Consul has them.

mod agent;
mod agent_routes;
mod answer;
mod catalog;
mod catalog_routes;
mod checks;
mod config_entries;
mod config_routes;
mod fields;
mod go_duration;
mod health_routes;
mod keys;
mod kv;
mod question;
mod registration;
mod txn;
mod ui_routes;
mod views;
mod world;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use self::answer::{Answer, Refusal};
use self::catalog::Status;
use self::catalog_routes::NodeShape;
use self::question::Question;
use self::world::World;
use crate::DemoError;
use crate::loopback;

/// The name of the demo's only datacenter.
pub const DATACENTER: &str = "demo";
/// The name of its only node.
const NODE: &str = "demo";
/// The release of Consul whose API is spoken; clients choose by it what they may use.
const VERSION: &str = "1.22.7";
/// How many connections are served at a time. Consul's own limit is 200 for one client.
const CONNECTIONS: usize = 512;

/// A running registry; it stops when it is dropped, and [`Registry::stop`] waits until it has.
#[derive(Debug)]
pub struct Registry {
    url: Url,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Registry {
    /// Starts an empty registry on a free loopback port.
    pub async fn start() -> Result<Registry, DemoError> {
        let (listener, address) = loopback::listen("the registry").await?;
        let url = loopback::url("the registry", address)?;
        let stop = CancellationToken::new();
        let client = probe_client()?;
        let world = Arc::new(World::new(stop.clone(), address, random_id()));
        let router = Router::new().fallback(serve).with_state(Arc::clone(&world));
        let mut tasks = JoinSet::new();
        tasks.spawn(loopback::serve(listener, CONNECTIONS, router, stop.clone()));
        tasks.spawn(checks::run(world, client));
        Ok(Registry { url, stop, tasks })
    }

    /// Where it answers, e.g. `http://127.0.0.1:40123/`.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Stops it: ends the queries that wait, closes the port, and waits until all of it has ended.
    pub async fn stop(mut self) {
        self.end().await;
    }

    pub(crate) async fn end(&mut self) {
        self.stop.cancel();
        loopback::join(&mut self.tasks).await;
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn probe_client() -> Result<reqwest::Client, DemoError> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::limited(10))
        .connect_timeout(Duration::from_secs(5))
        .pool_idle_timeout(Duration::from_secs(10))
        .build()
        .map_err(|source| DemoError::Client { source })
}

/// A node id in the form of a UUID, new with every start.
fn random_id() -> String {
    let state = RandomState::new();
    let (high, low) = (state.hash_one(1), state.hash_one(2));
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

/// The endpoints there are.
#[derive(Clone, Copy, Debug)]
enum Endpoint {
    AclAuthorize,
    AclTokenSelf,
    AgentChecks,
    AgentCheckDeregister,
    AgentCheckRegister,
    AgentCheckReport(Status),
    AgentCheckUpdate,
    AgentMembers,
    AgentSelf,
    AgentService,
    AgentServiceDeregister,
    AgentServiceMaintenance,
    AgentServiceRegister,
    AgentServices,
    AgentVersion,
    CatalogDatacenters,
    CatalogDeregister,
    CatalogNode(NodeShape),
    CatalogNodes,
    CatalogRegister,
    CatalogService,
    CatalogServices,
    Config,
    ConfigApply,
    HealthChecks,
    HealthNode,
    HealthService,
    HealthState,
    Intention,
    Intentions,
    Kv,
    Peerings,
    Sessions,
    StatusLeader,
    StatusPeers,
    Txn,
    UiNodes,
    UiServices,
}

/// The one list of routes (agent/http_register.go). A pattern that ends in `/` matches what begins with it; the longest wins.
const ROUTES: &[(&str, &[Method], Endpoint)] = &[
    ("/v1/acl/token/self", &[Method::GET], Endpoint::AclTokenSelf),
    ("/v1/agent/check/deregister/", &[Method::PUT], Endpoint::AgentCheckDeregister),
    ("/v1/agent/check/fail/", &[Method::PUT], Endpoint::AgentCheckReport(Status::Critical)),
    ("/v1/agent/check/pass/", &[Method::PUT], Endpoint::AgentCheckReport(Status::Passing)),
    ("/v1/agent/check/register", &[Method::PUT], Endpoint::AgentCheckRegister),
    ("/v1/agent/check/update/", &[Method::PUT], Endpoint::AgentCheckUpdate),
    ("/v1/agent/check/warn/", &[Method::PUT], Endpoint::AgentCheckReport(Status::Warning)),
    ("/v1/agent/checks", &[Method::GET], Endpoint::AgentChecks),
    ("/v1/agent/members", &[Method::GET], Endpoint::AgentMembers),
    ("/v1/agent/self", &[Method::GET], Endpoint::AgentSelf),
    ("/v1/agent/service/", &[Method::GET], Endpoint::AgentService),
    ("/v1/agent/service/deregister/", &[Method::PUT], Endpoint::AgentServiceDeregister),
    ("/v1/agent/service/maintenance/", &[Method::PUT], Endpoint::AgentServiceMaintenance),
    ("/v1/agent/service/register", &[Method::PUT], Endpoint::AgentServiceRegister),
    ("/v1/agent/services", &[Method::GET], Endpoint::AgentServices),
    ("/v1/agent/version", &[Method::GET], Endpoint::AgentVersion),
    ("/v1/catalog/datacenters", &[Method::GET], Endpoint::CatalogDatacenters),
    ("/v1/catalog/deregister", &[Method::PUT], Endpoint::CatalogDeregister),
    ("/v1/catalog/node/", &[Method::GET], Endpoint::CatalogNode(NodeShape::ById)),
    ("/v1/catalog/node-services/", &[Method::GET], Endpoint::CatalogNode(NodeShape::List)),
    ("/v1/catalog/nodes", &[Method::GET], Endpoint::CatalogNodes),
    ("/v1/catalog/register", &[Method::PUT], Endpoint::CatalogRegister),
    ("/v1/catalog/service/", &[Method::GET], Endpoint::CatalogService),
    ("/v1/catalog/services", &[Method::GET], Endpoint::CatalogServices),
    ("/v1/config", &[Method::PUT], Endpoint::ConfigApply),
    ("/v1/config/", &[Method::GET, Method::DELETE], Endpoint::Config),
    ("/v1/connect/intentions", &[Method::GET], Endpoint::Intentions),
    ("/v1/connect/intentions/exact", &[Method::GET, Method::PUT, Method::DELETE], Endpoint::Intention),
    ("/v1/health/checks/", &[Method::GET], Endpoint::HealthChecks),
    ("/v1/health/node/", &[Method::GET], Endpoint::HealthNode),
    ("/v1/health/service/", &[Method::GET], Endpoint::HealthService),
    ("/v1/health/state/", &[Method::GET], Endpoint::HealthState),
    ("/v1/internal/acl/authorize", &[Method::POST], Endpoint::AclAuthorize),
    ("/v1/internal/ui/nodes", &[Method::GET], Endpoint::UiNodes),
    ("/v1/internal/ui/services", &[Method::GET], Endpoint::UiServices),
    ("/v1/kv/", &[Method::GET, Method::PUT, Method::DELETE], Endpoint::Kv),
    ("/v1/peerings", &[Method::GET], Endpoint::Peerings),
    ("/v1/session/list", &[Method::GET], Endpoint::Sessions),
    ("/v1/status/leader", &[Method::GET], Endpoint::StatusLeader),
    ("/v1/status/peers", &[Method::GET], Endpoint::StatusPeers),
    ("/v1/txn", &[Method::PUT], Endpoint::Txn),
];

/// The route for a path, and what of the path follows its pattern.
fn route(path: &str) -> Option<(&'static [Method], Endpoint, &str)> {
    let matching = ROUTES.iter().filter_map(|(pattern, methods, endpoint)| {
        let rest = path.strip_prefix(pattern)?;
        (pattern.ends_with('/') || rest.is_empty()).then_some((pattern.len(), *methods, *endpoint, rest))
    });
    matching.max_by_key(|(length, ..)| *length).map(|(_, methods, endpoint, rest)| (methods, endpoint, rest))
}

async fn serve(State(world): State<Arc<World>>, request: Request) -> Answer {
    if !asked_by_loopback_name(&request) {
        return Refusal::new(StatusCode::FORBIDDEN, "This registry answers on loopback names only").answer();
    }
    let path = request.uri().path();
    if percent_decode_str(path).any(|byte| byte < 0x20 || byte == 0x7f) {
        return Refusal::bad("").answer();
    }
    let clean = clean_path(path);
    if clean != path {
        return redirect(&clean, request.uri().query());
    }
    let Some((methods, endpoint, _)) = route(path) else {
        let text = if path.contains("/v1/") {
            "Invalid URL path: not a recognized HTTP API endpoint\n"
        } else {
            "Invalid URL path: if attempting to use the HTTP API, ensure the path starts with '/v1/'\n"
        };
        return Refusal::missing(text).answer();
    };
    let mut answer = if request.method() == Method::OPTIONS {
        Ok(allowed(methods))
    } else if methods.contains(request.method()) {
        dispatch(&world, endpoint, request).await
    } else {
        Err(not_allowed(request.method(), methods))
    }
    .unwrap_or_else(Refusal::answer);
    let headers = answer.headers_mut();
    headers.insert(HeaderName::from_static("x-consul-default-acl-policy"), HeaderValue::from_static("allow"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    answer
}

/// A page of the web that found the port by a name of its own (DNS rebinding) is not answered.
fn asked_by_loopback_name(request: &Request) -> bool {
    let Some(host) = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()) else { return true };
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "127.0.0.1" | "localhost" | "[::1]" | "")
}

/// Go's server cleans paths and sends the client to the clean one (net/http, `cleanPath`).
fn clean_path(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            part => kept.push(part),
        }
    }
    let mut clean = format!("/{}", kept.join("/"));
    if path.ends_with('/') && !clean.ends_with('/') {
        clean.push('/');
    }
    clean
}

fn redirect(path: &str, query: Option<&str>) -> Answer {
    let to = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    match HeaderValue::from_str(&to) {
        Ok(to) => {
            response.headers_mut().insert(header::LOCATION, to);
            response
        }
        Err(_) => Refusal::bad("").answer(),
    }
}

fn allow(methods: &[Method]) -> String {
    std::iter::once("OPTIONS").chain(methods.iter().map(Method::as_str)).collect::<Vec<_>>().join(",")
}

fn allowed(methods: &[Method]) -> Answer {
    let mut response = answer::empty();
    if let Ok(allow) = HeaderValue::from_str(&allow(methods)) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

fn not_allowed(method: &Method, methods: &[Method]) -> Refusal {
    Refusal {
        allow: Some(allow(methods)),
        ..Refusal::new(StatusCode::METHOD_NOT_ALLOWED, format!("method {method} not allowed"))
    }
}

async fn dispatch(world: &World, endpoint: Endpoint, request: Request) -> Result<Answer, Refusal> {
    let (parts, body) = request.into_parts();
    let rest = route(parts.uri.path()).map_or("", |(_, _, rest)| rest);
    let question = Question::new(&parts, rest, body)?;
    let pretty = question.parameters.has("pretty");
    match endpoint {
        Endpoint::AclAuthorize | Endpoint::AclTokenSelf => {
            Err(Refusal::new(StatusCode::UNAUTHORIZED, "ACL support disabled"))
        }
        Endpoint::AgentChecks => Ok(agent_routes::checks(world, &question)),
        Endpoint::AgentCheckDeregister => agent_routes::deregister_check(world, &question),
        Endpoint::AgentCheckRegister => agent_routes::register_check(world, question).await,
        Endpoint::AgentCheckReport(status) => agent_routes::report(world, &question, status),
        Endpoint::AgentCheckUpdate => agent_routes::update(world, question).await,
        Endpoint::AgentMembers => Ok(agent_routes::members(world, &question)),
        Endpoint::AgentSelf => Ok(agent_routes::this(world, &question)),
        Endpoint::AgentService => agent_routes::service(world, &question),
        Endpoint::AgentServiceDeregister => agent_routes::deregister_service(world, &question),
        Endpoint::AgentServiceMaintenance => agent_routes::maintenance(world, &question),
        Endpoint::AgentServiceRegister => agent_routes::register_service(world, question).await,
        Endpoint::AgentServices => Ok(agent_routes::services(world, &question)),
        Endpoint::AgentVersion => Ok(agent_routes::version(&question)),
        Endpoint::CatalogDatacenters => Ok(catalog_routes::datacenters(&question)),
        Endpoint::CatalogDeregister => catalog_routes::deregister(world, question).await,
        Endpoint::CatalogNode(shape) => catalog_routes::node(world, &question, shape).await,
        Endpoint::CatalogNodes => catalog_routes::nodes(world, &question).await,
        Endpoint::CatalogRegister => catalog_routes::register(world, question).await,
        Endpoint::CatalogService => catalog_routes::service(world, &question).await,
        Endpoint::CatalogServices => catalog_routes::services(world, &question).await,
        Endpoint::Config => config_routes::entry(world, &question).await,
        Endpoint::ConfigApply => config_routes::apply(world, question).await,
        Endpoint::HealthChecks => health_routes::of_service(world, &question).await,
        Endpoint::HealthNode => health_routes::of_node(world, &question).await,
        Endpoint::HealthService => health_routes::service(world, &question).await,
        Endpoint::HealthState => health_routes::state(world, &question).await,
        Endpoint::Intention => config_routes::intention(world, question).await,
        Endpoint::Intentions => config_routes::intentions(world, &question).await,
        Endpoint::Kv => kv::serve(world, question).await,
        Endpoint::Peerings | Endpoint::Sessions => nothing(world, &question).await,
        Endpoint::StatusLeader => Ok(answer::plain(&json!(world.address.to_string()), pretty)),
        Endpoint::StatusPeers => Ok(answer::plain(&json!([world.address.to_string()]), pretty)),
        Endpoint::Txn => txn::serve(world, question).await,
        Endpoint::UiNodes => ui_routes::nodes(world, &question).await,
        Endpoint::UiServices => ui_routes::services(world, &question).await,
    }
}

/// A list of which there is never an entry here; who waits for one waits his time.
async fn nothing(world: &World, question: &Question) -> Result<Answer, Refusal> {
    let asked = question.consistency()?;
    let (index, ()) = world.wait(&asked, |_| world::Seen::at(1), |_| ()).await?;
    Ok(answer::read(&json!([]), index, None, question.parameters.has("pretty")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pattern_wins_and_a_pattern_without_slash_is_exact() {
        let rest = |path| route(path).map(|(_, endpoint, rest)| (format!("{endpoint:?}"), rest));
        assert_eq!(rest("/v1/agent/service/register"), Some(("AgentServiceRegister".into(), "")));
        assert_eq!(rest("/v1/agent/service/registers"), Some(("AgentService".into(), "registers")));
        assert_eq!(rest("/v1/kv/a/b"), Some(("Kv".into(), "a/b")));
        assert_eq!(rest("/v1/txns"), None);
        assert_eq!(rest("/v1/config/a/b"), Some(("Config".into(), "a/b")));
    }

    #[test]
    fn paths_are_cleaned_as_gos_server_does() {
        for (path, clean) in
            [("/v1//kv/a", "/v1/kv/a"), ("/v1/kv/a/../b/", "/v1/kv/b/"), ("/", "/"), ("/v1/kv/", "/v1/kv/")]
        {
            assert_eq!(clean_path(path), clean);
        }
    }
}
