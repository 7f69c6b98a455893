//! An endpoint to read, and how it is asked.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ::http::header::ACCEPT;
use ::http::{HeaderMap, HeaderValue};
use binnacle_model::fact::Party;
use jiff::Timestamp;
use reqwest::{Client, Response};
use url::{Host, Url};

use crate::connection::Meter;
use crate::environment::Environment;
use crate::error::{ErrorKind, SourceError};
use crate::http::{self, Wire};
use crate::kubernetes::Doors;
use crate::kubernetes::inside::{Inside, Need, Place};
use crate::road::{Call, Road};

/// One process that shows something at an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// What is asked for.
    pub url: Url,
    /// The process by its network identity: the host and port under which a registry knows it.
    pub instance: (Arc<str>, u16),
}

impl Target {
    /// What the user named: a URL, or `HOST:PORT` for `http://HOST:PORT` with the usual path.
    pub fn named(system: &'static str, place: &str, usual_path: &str) -> Result<Self, SourceError> {
        let refused = |came_back: String, hint: &str| SourceError {
            system,
            kind: ErrorKind::Misconfigured,
            tried: format!("reading `{}` as an address", http::shorten(place)),
            came_back,
            hint: hint.to_owned(),
        };
        if Place::is_meant(place) {
            return Self::inside(Place::parse(system, place)?, usual_path)
                .map_err(|why| refused(why, "Give it as kube://CONTEXT/NAMESPACE/SERVICE:PORT/PATH"));
        }
        let form = format!("Give it as http://HOST:PORT{usual_path}");
        let text = if place.contains("://") { place.to_owned() } else { format!("http://{place}") };
        let mut url: Url = text.parse().map_err(|error: url::ParseError| refused(error.to_string(), &form))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused(format!("`{}` is not http or https", url.scheme()), &form));
        }
        if !url.username().is_empty() || url.password().is_some() {
            let hint = "Addresses are shown on screen and kept in files: leave user name and password out.";
            // The place itself holds the secret, so it is not repeated.
            return Err(SourceError {
                tried: "reading an address".to_owned(),
                ..refused("it holds a user name or a password".to_owned(), hint)
            });
        }
        let host = match url.host() {
            Some(Host::Ipv4(ip)) => ip.to_string(),
            Some(Host::Ipv6(ip)) => ip.to_string(),
            // By RFC 6761 it is this machine; registries know processes here by the number.
            Some(Host::Domain("localhost")) => Ipv4Addr::LOCALHOST.to_string(),
            Some(Host::Domain(name)) => name.to_owned(),
            None => return Err(refused("it names no host".to_owned(), &form)),
        };
        let port = url.port_or_known_default().ok_or_else(|| refused("it names no port".to_owned(), &form))?;
        if url.path() == "/" {
            url.set_path(usual_path);
        }
        Ok(Self { url, instance: (Arc::from(host), port) })
    }

    /// A Service inside a cluster. With several Pods behind it, each answer may be another Pod's.
    fn inside(place: Place, usual_path: &str) -> Result<Self, String> {
        let path = if place.path.is_empty() { usual_path.to_owned() } else { place.path };
        let place = Place { path, ..place };
        let url: Url = place.to_string().parse().map_err(|error: url::ParseError| error.to_string())?;
        // A port that is known by its name alone has no number here.
        let port = place.port.parse().unwrap_or_default();
        Ok(Self { url, instance: (Arc::from(place.host()), port) })
    }

    /// The place inside a cluster, where it is one.
    pub(crate) fn place(&self, system: &'static str) -> Option<Place> {
        Place::parse(system, self.url.as_str()).ok()
    }

    /// The process as a party of calls.
    pub fn party(&self) -> Party {
        Party::Address { host: self.instance.0.clone(), port: self.instance.1 }
    }

    /// `HOST:PORT`, with the path where it is not the usual one.
    pub(crate) fn short(&self, usual_path: &str) -> String {
        if let Some(place) = self.place("") {
            let short = place.short();
            return short.strip_suffix(usual_path).unwrap_or(&short).to_owned();
        }
        let (host, port) = &self.instance;
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_string() };
        match self.url.path() {
            path if path == usual_path => format!("{host}:{port}"),
            path => format!("{host}:{port}{path}"),
        }
    }

    /// Its path, as it is asked for by this road: the way into a cluster has it already.
    pub(crate) fn path(&self, road: &Road) -> String {
        match road {
            Road::Inside(_) => String::new(),
            Road::Straight { .. } => self.url.path().to_owned(),
        }
    }

    /// The request, for errors and evidence.
    pub(crate) fn request(&self) -> String {
        format!("GET {}", http::shown_address(&self.url))
    }
}

/// One client for each host, so that connections are kept; and the way into a cluster, where the one target is there.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    by_host: BTreeMap<(String, Option<Host>), Client>,
    inside: Option<Arc<Road>>,
}

impl Clients {
    /// Those of a connection whose one target is inside a cluster, or of any other.
    pub(crate) fn by(inside: Option<Arc<Road>>) -> Self {
        Self { by_host: BTreeMap::new(), inside }
    }

    /// The road to this address.
    pub(crate) fn of(&mut self, system: &'static str, url: &Url) -> Result<Arc<Road>, SourceError> {
        if let Some(inside) = &self.inside {
            return Ok(inside.clone());
        }
        // Everything on this machine is asked alike.
        let host = match url.host() {
            Some(Host::Ipv4(ip)) if ip.is_loopback() => Some(Host::Ipv4(Ipv4Addr::LOCALHOST)),
            Some(Host::Ipv6(ip)) if ip.is_loopback() => Some(Host::Ipv6(Ipv6Addr::LOCALHOST)),
            other => other.map(|host| host.to_owned()),
        };
        let key = (url.scheme().to_owned(), host);
        let client = if let Some(client) = self.by_host.get(&key) {
            client.clone()
        } else {
            let wire = http::wire(system, url, &http::Tls::default(), None, &Environment::default())?;
            self.by_host.entry(key).or_insert(wire.client).clone()
        };
        let mut base = url.clone();
        base.set_path("");
        base.set_query(None);
        Ok(Arc::new(Road::straight(Wire { client, base }, url)))
    }
}

/// The way to a target that is inside a cluster; `None` for any other. Nothing is sent yet.
pub(crate) fn way_inside(
    system: &'static str,
    target: &Target,
    environment: &Environment,
    doors: &Doors,
    meter: &Arc<Meter>,
) -> Result<Option<Arc<Road>>, SourceError> {
    let Some(place) = target.place(system) else { return Ok(None) };
    let inside = Inside::new(system, place, Need::Plain, environment, doors, meter.clone())?;
    Ok(Some(Arc::new(Road::Inside(Box::new(inside)))))
}

/// Sends the request and waits for the head of a good answer.
pub(crate) async fn ask(
    system: &'static str,
    road: &Road,
    target: &Target,
    accept: &'static str,
) -> Result<Response, SourceError> {
    let path = match (road, target.url.query()) {
        (Road::Straight { .. }, Some(query)) => format!("{}?{query}", target.path(road)),
        _ => target.path(road),
    };
    ask_at(system, road, path, target.request(), accept).await
}

/// The same at any path behind the road.
pub(crate) async fn ask_at(
    system: &'static str,
    road: &Road,
    path: String,
    tried: String,
    accept: &'static str,
) -> Result<Response, SourceError> {
    let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
    let response = road.send(system, Call::get(path, headers), &tried).await.map_err(|unanswered| unanswered.error)?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let (kind, hint) = match status.as_u16() {
        401 => {
            (ErrorKind::Unauthenticated, "This endpoint asks who is reading; Binnacle reads it without credentials.")
        }
        403 => (ErrorKind::AclDenied, "This endpoint does not let everybody read it."),
        404 => (ErrorKind::NotFound, "See that the path is right; many programs have it behind another one."),
        429 => (ErrorKind::RateLimited, "It is asked again more seldom, by itself."),
        500.. => (ErrorKind::ServerError, "See the log of that process; it is asked again by itself."),
        _ => (ErrorKind::NotUnderstood, "See that the address is the endpoint itself; redirects are not followed."),
    };
    let words = http::whole_body(system, &tried, response, LONGEST_WORDS).await.unwrap_or_default();
    let words = http::shorten(&String::from_utf8_lossy(&words));
    let came_back = if words.is_empty() { status.to_string() } else { format!("{status}: {words}") };
    Err(SourceError { system, kind, tried, came_back, hint: hint.to_owned() })
}

/// How much of an error's page is read.
const LONGEST_WORDS: usize = 64 * 1024;

/// Counts how a request ended.
pub(crate) fn count<T>(meter: &Meter, outcome: &Result<T, SourceError>, bytes: impl Fn(&T) -> u64) {
    match outcome {
        Ok(answer) => meter.answered(bytes(answer), Timestamp::now()),
        Err(_) => meter.failed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(place: &str) -> Result<Target, SourceError> {
        Target::named("scrape", place, "/metrics")
    }

    #[test]
    fn an_address_is_read_as_people_write_it() {
        for (place, url, host, port, short) in [
            ("127.0.0.1:9100", "http://127.0.0.1:9100/metrics", "127.0.0.1", 9100, "127.0.0.1:9100"),
            ("http://node/", "http://node/metrics", "node", 80, "node:80"),
            ("localhost:9100", "http://localhost:9100/metrics", "127.0.0.1", 9100, "127.0.0.1:9100"),
            ("https://node/stats?x=1", "https://node/stats?x=1", "node", 443, "node:443/stats"),
            ("http://[::1]:9/metrics", "http://[::1]:9/metrics", "::1", 9, "[::1]:9"),
        ] {
            let target = named(place).unwrap();
            assert_eq!((target.url.as_str(), &*target.instance.0, target.instance.1), (url, host, port));
            assert_eq!(target.short("/metrics"), short);
        }
    }

    #[test]
    fn what_is_no_address_says_what_one_looks_like() {
        for place in ["", "http://", "ftp://x/", "127.0.0.1:99999", "unix:///x"] {
            let error = named(place).unwrap_err();
            assert_eq!(
                (error.code().as_str(), error.hint.as_str()),
                ("scrape.misconfigured", "Give it as http://HOST:PORT/metrics")
            );
        }
    }

    #[test]
    fn a_place_inside_a_cluster_is_a_target_too() {
        let target = named("kube://minikube/shop/web:http").unwrap();
        assert_eq!(target.request(), "GET kube://minikube/shop/web:http/metrics");
        assert_eq!((&*target.instance.0, target.instance.1), ("web.shop.svc", 0));
        assert_eq!(target.short("/metrics"), "minikube/shop/web:http");
        let other = named("kube://arn%3Ax/shop/web:80/actuator/prometheus?way=forward").unwrap();
        assert_eq!(other.short("/metrics"), "arn%3Ax/shop/web:80/actuator/prometheus");
        assert_eq!(other.place("scrape").unwrap().context, "arn:x");
        assert_eq!(named("kube://minikube/shop").unwrap_err().code(), "scrape.misconfigured");
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        let error = named("http://ann:secret@node:9100/").unwrap_err();
        assert!(error.to_string().contains("password") && !error.to_string().contains("secret"));
    }
}
