//! Starts the fleet, and stops it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::directory::Directory;
use crate::fleet::{Pattern, SERVICES, ServicePlan};
use crate::instance::Instance;
use crate::messaging::Messaging;
use crate::shop::{self, Site, Stock};
use crate::steering::Steering;
use crate::{DemoError, Registry, ledger, load, loopback, push, registration, seed, steering};

/// Connections one instance serves at a time.
const CONNECTIONS: usize = 256;

/// One running instance, for those who want to look at it directly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoService {
    /// The name of its service.
    pub name: &'static str,
    /// Its id in the registry, e.g. `payments-2`.
    pub id: String,
    /// Where it answers HTTP: `/health`, `/metrics`, and its part of the shop.
    pub address: SocketAddr,
}

/// The running fleet with its registry. It stops when it is dropped; [`Demo::stop`] waits until it has.
#[derive(Debug)]
pub struct Demo {
    registry: Registry,
    services: Vec<DemoService>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// What all instances share while they are started.
struct Ground {
    registry: Url,
    http: reqwest::Client,
    directory: Arc<Directory>,
    messaging: Arc<Messaging>,
    stock: Arc<Stock>,
    stop: CancellationToken,
}

impl Demo {
    /// Starts the registry, every service and the customers. When it returns, all are registered and healthy.
    pub async fn start() -> Result<Demo, DemoError> {
        let registry = Registry::start().await?;
        let stop = CancellationToken::new();
        let http = client()?;
        let ground = Ground {
            registry: registry.url().clone(),
            directory: Directory::new(registry.url().clone(), http.clone()),
            messaging: Arc::new(Messaging::new()),
            stock: Arc::new(Stock::default()),
            stop: stop.clone(),
            http,
        };
        let mut demo = Demo { registry, services: Vec::new(), stop, tasks: JoinSet::new() };
        seed::plant(&ground.registry, &ground.http).await?;
        let mut instances = Vec::new();
        for (number, plan) in (0u16..).zip(SERVICES) {
            instances.extend(demo.start_service(&ground, plan, number).await?);
        }
        let unreachable = |source| DemoError::Unreachable { what: "the instances".to_owned(), source };
        if !ground.directory.fill().await.map_err(unreachable)? {
            tracing::warn!("a service of the demo has no instance");
        }
        for plan in SERVICES {
            demo.tasks.spawn(Arc::clone(&ground.directory).follow(plan.name, ground.stop.clone()));
        }
        // Who calls by itself does so only when everyone can be found.
        for instance in instances {
            if instance.plan.calls.iter().any(|call| call.pattern == Pattern::Push) {
                demo.tasks.spawn(push::listen(instance, Arc::clone(&ground.messaging)));
            }
        }
        demo.tasks.spawn(load::run(ground.directory, ground.http, ground.stop));
        Ok(demo)
    }

    /// The registry's address, which speaks Consul's HTTP API.
    #[must_use]
    pub fn registry(&self) -> &Url {
        self.registry.url()
    }

    /// Every instance of every service.
    #[must_use]
    pub fn services(&self) -> &[DemoService] {
        &self.services
    }

    /// Stops everything: customers, services, registry; returns when no port is listened on and no task is left.
    pub async fn stop(mut self) {
        self.stop.cancel();
        loopback::join(&mut self.tasks).await;
        self.registry.end().await;
    }

    async fn start_service(
        &mut self,
        ground: &Ground,
        plan: &'static ServicePlan,
        number: u16,
    ) -> Result<Vec<Arc<Instance>>, DemoError> {
        let steering = Arc::new(watch::Sender::new(Steering::of(plan)));
        let mut instances = Vec::new();
        let answers = Arc::new(AtomicU64::new(0));
        for copy in 1..=plan.instances {
            let instance = Arc::new(Instance::new(
                plan,
                copy,
                Arc::clone(&answers),
                steering.subscribe(),
                Arc::clone(&ground.directory),
                ground.http.clone(),
                ground.stop.clone(),
            ));
            let address = self.start_instance(ground, &instance).await?;
            if copy == 1 && !plan.declares.is_empty() {
                let sidecar = registration::sidecar(plan, &instance.id, address, number);
                registration::put(&ground.registry, &ground.http, "v1/agent/service/register", &sidecar, "a sidecar")
                    .await?;
            }
            instances.push(instance);
        }
        let follow =
            steering::follow(ground.registry.clone(), ground.http.clone(), plan, steering, ground.stop.clone());
        self.tasks.spawn(follow);
        Ok(instances)
    }

    async fn start_instance(&mut self, ground: &Ground, instance: &Arc<Instance>) -> Result<SocketAddr, DemoError> {
        let plan = instance.plan;
        let (listener, address) = loopback::listen(&instance.id).await?;
        let site = Site::new(Arc::clone(instance), Arc::clone(&ground.messaging), Arc::clone(&ground.stock));
        self.tasks.spawn(loopback::serve(listener, CONNECTIONS, shop::router(Arc::clone(&site)), ground.stop.clone()));
        let mut rpc = None;
        match plan.name {
            "ledger" => {
                let (listener, address) = loopback::listen("the ledger's binary protocol").await?;
                rpc = Some(address);
                self.tasks.spawn(ledger::serve(listener, Arc::clone(instance)));
            }
            "fulfilment" => {
                self.tasks.spawn(shop::fulfil(site));
            }
            "notifications" | "analytics" => {
                self.tasks.spawn(shop::subscribe(site));
            }
            _ => {}
        }
        let entry = registration::instance(plan, &instance.id, address, rpc);
        registration::put(&ground.registry, &ground.http, "v1/agent/service/register", &entry, plan.name).await?;
        if plan.reports {
            self.tasks.spawn(registration::report(ground.registry.clone(), ground.http.clone(), Arc::clone(instance)));
        }
        self.services.push(DemoService { name: plan.name, id: instance.id.clone(), address });
        Ok(address)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn client() -> Result<reqwest::Client, DemoError> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(2))
        .pool_idle_timeout(Duration::from_secs(30))
        .tcp_nodelay(true)
        .build()
        .map_err(|source| DemoError::Client { source })
}
