use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;

use super::process::Place;
use super::{Envoy, Kind, Service, Turbine, jobs};
use crate::{Consul, LabError, background};

/// The whole shop on the host's loopback, one service of each kind at least, registered in a Consul:
///
/// ```text
/// web ─┬▶ catalog ────────┬▶ Envoy ─▶ inventory ×2     web        gin-hystrix     shipping      go-micro
///      ├▶ cart ─┬─────────┘                            catalog    mux             courier       go-micro
///      │        ├▶ pricing ─▶ catalog                  cart       go-kit          payments      grpc
///      │        └▶ recommendations (the other)         checkout   opossum         bank-gateway  grpc
///      ├▶ recommendations (one of two) ─▶ catalog      orders     resilience4j    inventory     monkit
///      └▶ checkout ─┬▶ orders ─▶ Envoy ─▶ payments     recommendations ×2 hystrix pricing       sentinel
///                   └▶ shipping ─▶ courier
///         payments ─▶ bank-gateway
/// ```
///
/// A Turbine adds up what the breakers of both `recommendations` say, and those of `web`.
#[derive(Debug)]
pub struct Shop {
    visitor: Option<JoinHandle<()>>,
    envoy: Envoy,
    turbine: Turbine,
    services: Vec<Service>,
}

impl Shop {
    /// Starts all of it and registers it; returns when every instance passes its check.
    pub async fn open(consul: &Consul) -> Result<Self, LabError> {
        let registry = std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, consul.http_port()));
        let service = Service::builder;
        let bank = service(Kind::Grpc, "bank-gateway").start().await?;
        let payments = service(Kind::Grpc, "payments").calling(&bank).start().await?;
        let stock =
            [service(Kind::Monkit, "inventory").start().await?, service(Kind::Monkit, "inventory").start().await?];
        let envoy = Envoy::in_front_of(Place::Host, &stock.each_ref(), &[&payments]).await?;
        let courier = service(Kind::GoMicro, "courier").registry(registry).start().await?;
        let shipping = service(Kind::GoMicro, "shipping").registry(registry).calling(&courier).start().await?;
        let catalog = service(Kind::Mux, "catalog").calling_through(&envoy, "inventory").start().await?;
        // The slow ones at once.
        let recommends = || service(Kind::Hystrix, "recommendations").calling(&catalog).start();
        let slow = async {
            tokio::try_join!(
                service(Kind::Resilience4j, "orders").calling_through(&envoy, "payments").start(),
                recommends(),
                recommends(),
                service(Kind::Sentinel, "pricing").calling(&catalog).start(),
            )
        };
        let (orders, recommendations, others, pricing) = Box::pin(slow).await?;
        let cart = service(Kind::GoKit, "cart").calling_through(&envoy, "inventory").calling(&pricing);
        let cart = cart.calling(&others).start().await?;
        let checkout = service(Kind::Opossum, "checkout").calling(&orders).calling(&shipping).start().await?;
        let web = service(Kind::GinHystrix, "web");
        let web = web.calling(&catalog).calling(&cart).calling(&recommendations).calling(&checkout).start().await?;
        let clusters: [(_, &[_]); 2] = [("recommendations", &[&recommendations, &others]), ("web", &[&web])];
        let turbine = Turbine::adding_up(Place::Host, &clusters).await?;
        let [one, other] = stock;
        let services = vec![
            web,
            catalog,
            cart,
            pricing,
            recommendations,
            others,
            checkout,
            orders,
            payments,
            bank,
            shipping,
            courier,
            one,
            other,
        ];
        let client = consul.client()?;
        for service in &services {
            service.register(&client).await?;
        }
        envoy.register(&client).await?;
        turbine.register(&client).await?;
        Ok(Self { visitor: None, envoy, turbine, services })
    }

    /// All of its services, `web` first.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The one of this name; the first where there are several.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name() == name)
    }

    /// What is in front of `inventory` and of what `orders` calls of `payments`.
    pub fn envoy(&self) -> &Envoy {
        &self.envoy
    }

    /// What adds up the breakers of `recommendations`, and those of `web`.
    pub fn turbine(&self) -> &Turbine {
        &self.turbine
    }

    /// Scrape jobs for all of it that has metrics.
    pub fn jobs(&self) -> Vec<Value> {
        jobs(&self.services).into_iter().chain([self.envoy.job()]).collect()
    }

    /// Name, process id and log of each of its processes that are meant to run.
    pub async fn processes(&self) -> Vec<(String, u32, PathBuf)> {
        let mut all = Vec::new();
        for service in &self.services {
            all.extend(service.pid().await.map(|pid| (service.name().to_owned(), pid, service.log().clone())));
        }
        all.extend(self.envoy.pid().await.map(|pid| (Envoy::NAME.to_owned(), pid, self.envoy.log().clone())));
        let turbine = &self.turbine;
        all.extend(turbine.pid().await.map(|pid| (turbine.name().to_owned(), pid, turbine.log().clone())));
        all
    }

    /// Visits `web` five times a second from now on.
    pub fn visit_for_ever(&mut self) -> Result<(), LabError> {
        let Some(url) = self.service("web").map(|web| web.url().to_owned()) else { return Ok(()) };
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build();
        let http = http.map_err(|source| LabError::Request { what: url.clone(), source })?;
        let visits = background::runtime()?.spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(200));
            loop {
                ticks.tick().await;
                // What becomes of it is for those to say who count.
                drop(http.get(&url).send().await);
            }
        });
        if let Some(before) = self.visitor.replace(visits) {
            before.abort();
        }
        Ok(())
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if let Some(visitor) = &self.visitor {
            visitor.abort();
        }
    }
}
