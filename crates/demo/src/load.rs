//! The shop's customers: a steady stream of small journeys against `storefront` and `mobile-bff`, which become about a
//! hundred calls a second among the services.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::directory::Directory;
use crate::shop;

/// One journey begins so often.
const EVERY: Duration = Duration::from_millis(62);
/// Journeys under way at a time; when the shop is slow, customers stay away instead of piling up.
const AT_A_TIME: usize = 64;
const CUSTOMERS: u64 = 500;
/// A customer waits longer than any service for another.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug)]
enum Journey {
    Browse,
    Search,
    Buy,
    Home,
    FillMobileCart,
}

/// One second of customers, evenly mixed: purchases must be steady, or the breakers behind them see nothing.
const MIX: [Journey; 16] = [
    Journey::Buy,
    Journey::Browse,
    Journey::Home,
    Journey::Buy,
    Journey::Search,
    Journey::Buy,
    Journey::Browse,
    Journey::Search,
    Journey::Buy,
    Journey::Browse,
    Journey::FillMobileCart,
    Journey::Buy,
    Journey::Search,
    Journey::Buy,
    Journey::Browse,
    Journey::Home,
];

/// Sends customers until `stop`; those under way then are turned out.
pub(crate) async fn run(directory: Arc<Directory>, http: reqwest::Client, stop: CancellationToken) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut journeys: JoinSet<()> = JoinSet::new();
    let mut wanted = shop::skus();
    let mut customer = 0;
    for journey in MIX.iter().copied().cycle() {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => break,
                Some(_) = journeys.join_next() => {}
            }
        }
        if journeys.len() >= AT_A_TIME {
            continue;
        }
        customer = (customer + 1) % CUSTOMERS;
        let sku = wanted.next().unwrap_or_default();
        let (directory, http) = (Arc::clone(&directory), http.clone());
        journeys.spawn(async move {
            // What a customer does not get is counted by the service that did not give it.
            let _ = travel(journey, &directory, &http, sku, customer).await;
        });
    }
}

async fn travel(
    journey: Journey,
    directory: &Directory,
    http: &reqwest::Client,
    sku: &str,
    customer: u64,
) -> Result<(), reqwest::Error> {
    let door = if matches!(journey, Journey::Home | Journey::FillMobileCart) { "mobile-bff" } else { "storefront" };
    let Some(address) = directory.pick(door) else { return Ok(()) };
    let base = format!("http://{address}");
    let line = json!({ "sku": sku });
    match journey {
        Journey::Browse => get(http, format!("{base}/browse/{sku}")).await,
        Journey::Search => get(http, format!("{base}/search?q={sku}")).await,
        Journey::Home => get(http, format!("{base}/home/{sku}")).await,
        Journey::FillMobileCart => post(http, format!("{base}/cart/{customer}"), &line).await,
        Journey::Buy => {
            post(http, format!("{base}/cart/{customer}"), &line).await?;
            post(http, format!("{base}/checkout/{customer}"), &json!({})).await
        }
    }
}

async fn get(http: &reqwest::Client, url: String) -> Result<(), reqwest::Error> {
    http.get(url).timeout(PATIENCE).send().await?.bytes().await.map(drop)
}

async fn post(http: &reqwest::Client, url: String, body: &serde_json::Value) -> Result<(), reqwest::Error> {
    http.post(url).timeout(PATIENCE).json(body).send().await?.bytes().await.map(drop)
}
