//! Where the services are: the fleet asks the registry, by a blocking query a service, and keeps what it was told last.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::fleet::SERVICES;

const RETRY: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    address: SocketAddr,
    /// Where it takes binary calls, if it does.
    rpc: Option<SocketAddr>,
    healthy: bool,
}

#[derive(Debug)]
pub(crate) struct Directory {
    registry: Url,
    http: reqwest::Client,
    places: RwLock<BTreeMap<&'static str, Vec<Place>>>,
    turn: AtomicUsize,
}

impl Directory {
    pub(crate) fn new(registry: Url, http: reqwest::Client) -> Arc<Directory> {
        Arc::new(Directory { registry, http, places: RwLock::default(), turn: AtomicUsize::new(0) })
    }

    /// The next instance of a service, healthy ones first: when none is, all are tried, as a panicking load balancer does.
    pub(crate) fn pick(&self, service: &str) -> Option<SocketAddr> {
        self.choose(service).map(|place| place.address)
    }

    /// The same for binary calls.
    pub(crate) fn pick_rpc(&self, service: &str) -> Option<SocketAddr> {
        self.choose(service)?.rpc
    }

    fn choose(&self, service: &str) -> Option<Place> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        let known = places.get(service)?;
        let healthy: Vec<Place> = known.iter().filter(|place| place.healthy).copied().collect();
        let among = if healthy.is_empty() { known } else { &healthy };
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        among.get(turn.checked_rem(among.len())?).copied()
    }

    /// Reads every service once; `false` while one of them has no instance.
    pub(crate) async fn fill(&self) -> Result<bool, reqwest::Error> {
        let mut complete = true;
        for service in SERVICES {
            self.ask(service.name, 0).await?;
            complete &= self.pick(service.name).is_some();
        }
        Ok(complete)
    }

    /// Follows one service until `stop`.
    pub(crate) async fn follow(self: Arc<Self>, service: &'static str, stop: CancellationToken) {
        let mut index = 0;
        loop {
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                answer = self.ask(service, index) => answer,
            };
            match answer {
                Ok(now) => index = if now < index { 0 } else { now },
                Err(error) => {
                    tracing::debug!(service, %error, "the instances could not be read");
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(RETRY) => {}
                    }
                }
            }
        }
    }

    async fn ask(&self, service: &'static str, index: u64) -> Result<u64, reqwest::Error> {
        let url = format!("{}v1/health/service/{service}?wait=60s&index={index}", self.registry);
        let response = self.http.get(url).timeout(Duration::from_secs(90)).send().await?.error_for_status()?;
        let now =
            response.headers().get("x-consul-index").and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0);
        let rows: Vec<Value> = response.json().await?;
        let places = rows.iter().filter_map(place).collect();
        self.places.write().unwrap_or_else(PoisonError::into_inner).insert(service, places);
        Ok(now)
    }
}

fn place(row: &Value) -> Option<Place> {
    let service = row.get("Service")?;
    let own = service.get("Address")?.as_str()?;
    let ip = if own.is_empty() { row.get("Node")?.get("Address")?.as_str()? } else { own };
    let address = SocketAddr::new(ip.parse().ok()?, u16::try_from(service.get("Port")?.as_u64()?).ok()?);
    let checks = row.get("Checks")?.as_array()?;
    let healthy = checks.iter().all(|check| check.get("Status").is_none_or(|status| status != "critical"));
    Some(Place { address, rpc: rpc(service), healthy })
}

fn rpc(service: &Value) -> Option<SocketAddr> {
    let tagged = service.get("TaggedAddresses")?.get("rpc")?;
    let port = u16::try_from(tagged.get("Port")?.as_u64()?).ok()?;
    Some(SocketAddr::new(tagged.get("Address")?.as_str()?.parse().ok()?, port))
}
