//! What the services of the shop do.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use futures_util::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use crate::fleet::{HYSTRIX_SERVICE, QUEUE, TOPIC};
use crate::hystrix;
use crate::instance::{Fault, Instance, steered};
use crate::ledger::LedgerClient;
use crate::messaging::{Messaging, Order};
use crate::metrics::{Channel, Direction, Outcome};

/// The largest request any service of the shop reads.
const MAX_REQUEST_BYTES: usize = 64 * 1024;
/// Customers and lines kept in carts; what would go beyond is answered and not kept.
const MAX_CARTS: usize = 10_000;
const MAX_LINES: usize = 50;

struct Product {
    sku: &'static str,
    name: &'static str,
    cents: i64,
    grams: u64,
}

const PRODUCTS: &[Product] = &[
    Product { sku: "compass", name: "Bearing compass", cents: 4_900, grams: 320 },
    Product { sku: "sextant", name: "Brass sextant", cents: 38_000, grams: 1_900 },
    Product { sku: "chart-5", name: "Chart 5, North Sea", cents: 2_750, grams: 180 },
    Product { sku: "log-line", name: "Log line, 150 fathoms", cents: 5_200, grams: 2_400 },
    Product { sku: "lantern", name: "Stern lantern", cents: 8_900, grams: 3_100 },
    Product { sku: "bell", name: "Watch bell", cents: 12_400, grams: 4_500 },
    Product { sku: "spyglass", name: "Spyglass, 12 x", cents: 15_900, grams: 900 },
    Product { sku: "barometer", name: "Barometer", cents: 21_500, grams: 1_200 },
];

/// The names of what is sold, for the load generator.
pub(crate) fn skus() -> impl Iterator<Item = &'static str> + Clone {
    PRODUCTS.iter().map(|product| product.sku).cycle()
}

/// What the services keep: each touches its own part only, as if it were its database.
#[derive(Debug, Default)]
pub(crate) struct Stock {
    carts: Mutex<BTreeMap<u64, Vec<Value>>>,
    orders: AtomicU64,
    postings: AtomicU64,
    reserved: Mutex<BTreeMap<String, u64>>,
    sold_cents: AtomicU64,
}

/// One instance with what it needs to do its part.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) instance: Arc<Instance>,
    pub(crate) messaging: Arc<Messaging>,
    pub(crate) stock: Arc<Stock>,
    ledger: LedgerClient,
}

impl Site {
    pub(crate) fn new(instance: Arc<Instance>, messaging: Arc<Messaging>, stock: Arc<Stock>) -> Arc<Site> {
        Arc::new(Site { instance, messaging, stock, ledger: LedgerClient::default() })
    }
}

type Here = State<Arc<Site>>;
type Answer = Result<Json<Value>, Fault>;

/// Everything an instance answers: its part of the shop as it is steered, and health and metrics always.
pub(crate) fn router(site: Arc<Site>) -> Router {
    let shop = match site.instance.plan.name {
        "storefront" => Router::new()
            .route("/browse/{sku}", get(browse))
            .route("/search", get(find))
            .route("/cart/{customer}", post(put_in_cart))
            .route("/checkout/{customer}", post(buy)),
        "mobile-bff" => Router::new().route("/home/{sku}", get(browse)).route("/cart/{customer}", post(put_in_cart)),
        "search" => Router::new().route("/search", get(search)),
        "catalog" => Router::new()
            .route("/products", get(products))
            .route("/products/{sku}", get(product))
            .route("/prices/{sku}", get(price)),
        "cart" => Router::new()
            .route("/carts/{customer}/items", post(add_line))
            .route("/carts/{customer}/take", post(take_lines)),
        "checkout" => Router::new().route("/checkout", post(check_out)),
        "payments" => Router::new().route("/charge", post(charge)),
        "fraud" => Router::new().route("/score", post(score)),
        "orders" => Router::new().route("/orders", post(place_order)),
        "inventory" => Router::new().route("/stock/{sku}", get(stock_of)).route("/reserve", post(reserve)),
        "shipping" => Router::new().route("/rates", post(rates)).route("/book", post(book)),
        "analytics" => Router::new().route("/totals", get(totals)),
        _ => Router::new(),
    };
    let name = site.instance.plan.name;
    let steered = middleware::from_fn_with_state(Arc::clone(&site.instance), steered);
    // A router without a route takes no layer.
    let mut router = if shop.has_routes() { shop.route_layer(steered) } else { shop };
    router = router.route("/health", get(health)).route("/metrics", get(metrics));
    if name == HYSTRIX_SERVICE {
        router = router.route("/hystrix.stream", get(hystrix_stream));
    }
    if name == "orders" {
        router = router.route("/events", get(events));
    }
    router.layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES)).with_state(site)
}

async fn health(State(site): Here) -> Response {
    site.instance.health()
}

async fn metrics(State(site): Here) -> Response {
    let text = site.instance.metrics.text(&site.instance.breakers());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn hystrix_stream(State(site): Here) -> Response {
    hystrix::stream(&site.instance)
}

async fn browse(State(site): Here, Path(sku): Path<String>) -> Answer {
    Ok(Json(site.instance.json("catalog", &format!("/products/{}", plain(&sku)), None).await?))
}

#[derive(Deserialize)]
struct Search {
    q: String,
}

async fn find(State(site): Here, Query(search): Query<Search>) -> Answer {
    Ok(Json(site.instance.json("search", &format!("/search?q={}", plain(&search.q)), None).await?))
}

/// A word as it may stand in a path: what is not a letter, digit or dash is left out.
fn plain(word: &str) -> String {
    word.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(64).collect()
}

async fn put_in_cart(State(site): Here, Path(customer): Path<u64>, Json(line): Json<Value>) -> Answer {
    Ok(Json(site.instance.json("cart", &format!("/carts/{customer}/items"), Some(line)).await?))
}

async fn buy(State(site): Here, Path(customer): Path<u64>) -> Answer {
    Ok(Json(site.instance.json("checkout", "/checkout", Some(json!({ "customer": customer }))).await?))
}

async fn search(State(site): Here, Query(search): Query<Search>) -> Answer {
    let all = site.instance.json("catalog", "/products", None).await?;
    let word = search.q.to_lowercase();
    let named = |product: &&Value| {
        product.get("name").and_then(Value::as_str).is_some_and(|name| name.to_lowercase().contains(&word))
    };
    let found: Vec<&Value> = all.as_array().into_iter().flatten().filter(named).collect();
    Ok(Json(json!({ "query": search.q, "found": found })))
}

fn product_json(product: &Product) -> Value {
    json!({ "sku": product.sku, "name": product.name, "cents": product.cents, "grams": product.grams })
}

async fn products() -> Json<Value> {
    Json(PRODUCTS.iter().map(product_json).collect())
}

fn known(sku: &str) -> Option<&'static Product> {
    PRODUCTS.iter().find(|product| product.sku == sku)
}

fn unknown_product() -> Json<Value> {
    Json(json!({ "error": "no such product" }))
}

async fn product(State(site): Here, Path(sku): Path<String>) -> Answer {
    let Some(product) = known(&sku) else { return Ok(unknown_product()) };
    let mut value = product_json(product);
    // A product page without its stock is better than none.
    let stock = site.instance.json("inventory", &format!("/stock/{}", product.sku), None).await.unwrap_or(Value::Null);
    if let Some(map) = value.as_object_mut() {
        map.insert("stock".to_owned(), stock);
    }
    Ok(Json(value))
}

async fn price(Path(sku): Path<String>) -> Json<Value> {
    known(&sku).map_or_else(unknown_product, |product| Json(product_json(product)))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn add_line(State(site): Here, Path(customer): Path<u64>, Json(line): Json<Value>) -> Answer {
    let sku = line.get("sku").and_then(Value::as_str).unwrap_or_default();
    let priced = site.instance.json("catalog", &format!("/prices/{}", plain(sku)), None).await?;
    let mut carts = locked(&site.stock.carts);
    let room = carts.len() < MAX_CARTS;
    let lines = match carts.get_mut(&customer) {
        Some(lines) => lines,
        None if room => carts.entry(customer).or_default(),
        None => return Ok(Json(json!({ "lines": 0 }))),
    };
    if lines.len() < MAX_LINES {
        lines.push(priced);
    }
    Ok(Json(json!({ "lines": lines.len() })))
}

async fn take_lines(State(site): Here, Path(customer): Path<u64>) -> Json<Value> {
    let lines = locked(&site.stock.carts).remove(&customer).unwrap_or_default();
    Json(json!({ "lines": lines }))
}

#[derive(Deserialize)]
struct Checkout {
    customer: u64,
}

fn total(lines: &[Value], field: &str) -> i64 {
    lines.iter().filter_map(|line| line.get(field)?.as_i64()).sum()
}

async fn check_out(State(site): Here, Json(wish): Json<Checkout>) -> Answer {
    let customer = wish.customer;
    let cart = site.instance.json("cart", &format!("/carts/{customer}/take"), Some(json!({}))).await?;
    let lines: Vec<Value> = cart.get("lines").and_then(Value::as_array).cloned().unwrap_or_default();
    let wanted = RateRequest { grams: u64::try_from(total(&lines, "grams")).unwrap_or(0), country: "NL".to_owned() };
    let rates: Rates = asked_in_xml(&site.instance, "/rates", &wanted).await?;
    let postage = rates.rate.iter().map(|rate| rate.cents).min().unwrap_or(0);
    let cents = total(&lines, "cents").saturating_add(postage);
    // With the breaker open the order is taken and charged later: that is what the breaker is for.
    let payment =
        match site.instance.json("payments", "/charge", Some(json!({ "customer": customer, "cents": cents }))).await {
            Ok(_) => "paid",
            Err(Fault::Rejected) => "deferred",
            Err(fault) => return Err(fault),
        };
    let order = json!({ "customer": customer, "lines": lines, "cents": cents, "payment": payment });
    Ok(Json(site.instance.json("orders", "/orders", Some(order)).await?))
}

#[derive(Deserialize)]
struct Charge {
    customer: u64,
    cents: i64,
}

async fn charge(State(site): Here, Json(charge): Json<Charge>) -> Answer {
    let asked = json!({ "customer": charge.customer, "cents": charge.cents });
    let risk = site.instance.json("fraud", "/score", Some(asked)).await?;
    let id = site.stock.postings.fetch_add(1, Ordering::Relaxed);
    let balance = site.ledger.post(&site.instance, id, charge.customer, charge.cents).await?;
    Ok(Json(json!({ "posting": id, "balance": balance, "risk": risk })))
}

async fn score(Json(charge): Json<Charge>) -> Json<Value> {
    let risk = if charge.cents > 100_000 { "high" } else { "low" };
    Json(json!({ "customer": charge.customer, "risk": risk }))
}

#[derive(Deserialize)]
struct NewOrder {
    customer: u64,
    lines: Vec<Value>,
    cents: i64,
    payment: String,
}

async fn place_order(State(site): Here, Json(new): Json<NewOrder>) -> Answer {
    let id = site.stock.orders.fetch_add(1, Ordering::Relaxed);
    let order = Order { id, customer: new.customer, lines: new.lines, cents: new.cents, payment: new.payment };
    send(&site, QUEUE, || site.messaging.queue(order.clone()))?;
    send(&site, TOPIC, || {
        site.messaging.publish(order.clone());
        true
    })?;
    site.messaging.announce(id, "placed");
    Ok(Json(json!({ "order": id, "payment": order.payment })))
}

/// Puts one message on the queue or topic, counted as the producer's call and as a message.
fn send(site: &Site, peer: &'static str, put: impl FnOnce() -> bool) -> Result<(), Fault> {
    let Some(call) = site.instance.call_to(peer) else { return Err(Fault::failed("no such queue or topic")) };
    let start = std::time::Instant::now();
    let sent = put();
    let outcome = if sent { Outcome::Ok } else { Outcome::Error };
    site.instance.metrics.called(call, outcome, start.elapsed());
    if !sent {
        return Err(Fault::failed(format!("the queue {peer} is full")));
    }
    let channel = if peer == QUEUE { Channel::Queue } else { Channel::Topic };
    site.instance.metrics.message(channel, peer, Direction::Publish);
    Ok(())
}

/// The order events, pushed (`text/event-stream`) until the client hangs up or the fleet stops.
async fn events(State(site): Here) -> Response {
    let stop = site.instance.stop.clone();
    let stream = event_frames(Arc::clone(&site), site.messaging.listen());
    let stream = stream.take_until(stop.cancelled_owned());
    ([(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")], Body::from_stream(stream))
        .into_response()
}

fn event_frames(
    site: Arc<Site>,
    events: broadcast::Receiver<crate::messaging::OrderEvent>,
) -> impl Stream<Item = Result<String, Infallible>> {
    BroadcastStream::new(events).filter_map(move |event| {
        // A client that was too slow goes on with what comes next.
        let frame = event.ok().map(|event| {
            let data =
                json!({ "order": event.order, "status": event.status, "sent_us": site.messaging.stamp(event.made) });
            Ok(format!("event: order\ndata: {data}\n\n"))
        });
        std::future::ready(frame)
    })
}

async fn stock_of(State(site): Here, Path(sku): Path<String>) -> Json<Value> {
    let reserved = locked(&site.stock.reserved).get(&sku).copied().unwrap_or(0);
    // The shelf is refilled whenever it runs empty.
    Json(json!({ "sku": sku, "left": 500 - reserved % 500 }))
}

#[derive(Deserialize)]
struct Reservation {
    skus: Vec<String>,
}

async fn reserve(State(site): Here, Json(reservation): Json<Reservation>) -> Json<Value> {
    let mut reserved = locked(&site.stock.reserved);
    for sku in reservation.skus.iter().filter(|sku| known(sku).is_some()) {
        *reserved.entry(sku.clone()).or_default() += 1;
    }
    Json(json!({ "reserved": reservation.skus.len() }))
}

async fn totals(State(site): Here) -> Json<Value> {
    Json(json!({ "sold_cents": site.stock.sold_cents.load(Ordering::Relaxed) }))
}

/// What shipping is asked, in XML.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename = "rateRequest")]
struct RateRequest {
    grams: u64,
    country: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename = "rates")]
struct Rates {
    #[serde(default)]
    rate: Vec<Rate>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Rate {
    #[serde(rename = "@carrier")]
    carrier: String,
    cents: i64,
    days: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename = "booking")]
struct Booking {
    order: u64,
    #[serde(default)]
    parcel: Option<String>,
}

async fn asked_in_xml<T: for<'de> Deserialize<'de>>(
    instance: &Instance,
    path: &str,
    question: &impl Serialize,
) -> Result<T, Fault> {
    let body = quick_xml::se::to_string(question).map_err(Fault::failed)?;
    let answer = instance.xml("shipping", path, body).await?;
    quick_xml::de::from_str(&answer).map_err(Fault::failed)
}

fn xml(value: &impl Serialize) -> Response {
    match quick_xml::se::to_string(value) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/xml")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn rates(body: String) -> Response {
    let request: RateRequest = match quick_xml::de::from_str(&body) {
        Ok(request) => request,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    let by_weight = i64::try_from(request.grams / 100).unwrap_or(i64::MAX / 100);
    let rate = |carrier: &str, base: i64, days| Rate {
        carrier: carrier.to_owned(),
        cents: base.saturating_add(by_weight * 3),
        days,
    };
    xml(&Rates { rate: vec![rate("packet-boat", 495, 5), rate("clipper", 995, 2)] })
}

async fn book(body: String) -> Response {
    match quick_xml::de::from_str::<Booking>(&body) {
        Ok(booking) => xml(&Booking { order: booking.order, parcel: Some(format!("P{:08}", booking.order)) }),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

/// `fulfilment`: takes orders from the queue, reserves what was bought and books its way.
pub(crate) async fn fulfil(site: Arc<Site>) {
    let Some(mut work) = site.messaging.take_work() else { return };
    loop {
        let order = tokio::select! {
            () = site.instance.stop.cancelled() => return,
            Some(order) = work.recv() => order,
        };
        site.instance.metrics.message(Channel::Queue, QUEUE, Direction::Consume);
        let done = site.instance.work(async {
            let result = ship(&site, &order).await;
            (result.is_ok(), result)
        });
        if let Some(Ok(())) = done.await {
            site.messaging.announce(order.id, "shipped");
        }
    }
}

async fn ship(site: &Site, order: &Order) -> Result<(), Fault> {
    let skus: Vec<&Value> = order.lines.iter().filter_map(|line| line.get("sku")).collect();
    site.instance.json("inventory", "/reserve", Some(json!({ "skus": skus }))).await?;
    let _: Booking = asked_in_xml(&site.instance, "/book", &Booking { order: order.id, parcel: None }).await?;
    Ok(())
}

/// `notifications` and `analytics`: take what is published on the topic.
pub(crate) async fn subscribe(site: Arc<Site>) {
    let mut orders = site.messaging.subscribe();
    loop {
        let order = tokio::select! {
            () = site.instance.stop.cancelled() => return,
            order = orders.recv() => order,
        };
        match order {
            Ok(order) => {
                site.instance.metrics.message(Channel::Topic, TOPIC, Direction::Consume);
                let counted = site.instance.work(async {
                    if site.instance.plan.name == "analytics" {
                        let cents = u64::try_from(order.cents).unwrap_or(0);
                        site.stock.sold_cents.fetch_add(cents, Ordering::Relaxed);
                    }
                    (true, ())
                });
                // What fails here was counted as an error, and is not delivered again.
                let _ = counted.await;
            }
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::debug!(service = site.instance.plan.name, missed, "too slow");
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}
