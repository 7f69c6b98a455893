//! Breakers of a real Turbine, which adds processes up and does not say which is which: beside what these say themselves, and
//! while it is away.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use binnacle_model::fact::{BreakerState, Fact};
use binnacle_model::id::ServiceId;
use binnacle_model::snapshot::{Breaker, SourceState};
use binnacle_model::world::World;
use binnacle_sources::{Connection, Environment, open};
use futures_util::future::join_all;
use lab::Consul;
use lab::services::{Kind, Load, Place, Service, Turbine};
use serde_json::json;

use crate::cli::Shell;
use crate::consul_picture::{Picture, connect, fact, status};
use crate::every_breaker::stream_says;

const AT_ONCE: Duration = Duration::ZERO;

/// Two `shelves`, each of which calls an `inventory` of its own, and `web`, which calls `payments`.
struct Shop {
    inventory: [Service; 2],
    shelves: [Service; 2],
    web: Service,
    turbine: Turbine,
    consul: Consul,
    _payments: Service,
}

impl Shop {
    async fn open() -> Self {
        let monkit = |name| Service::builder(Kind::Monkit, name).start();
        let (consul, one, other, payments) =
            tokio::try_join!(Consul::open(), monkit("inventory"), monkit("inventory"), monkit("payments")).unwrap();
        let shelves = |inventory| Service::builder(Kind::Hystrix, "shelves").calling(inventory).start();
        let web = Service::builder(Kind::GinHystrix, "web").calling(&payments);
        let (first, second, web) = tokio::try_join!(shelves(&one), shelves(&other), web.start()).unwrap();
        let clusters: [(_, &[_]); 2] = [("shelves", &[&first, &second]), ("web", &[&web])];
        let turbine = Turbine::adding_up(Place::Host, &clusters).await.unwrap();
        let client = consul.client().unwrap();
        for service in [&one, &other, &first, &second, &web, &payments] {
            service.register(&client).await.unwrap();
        }
        Self { inventory: [one, other], shelves: [first, second], web, turbine, consul, _payments: payments }
    }

    fn picture(&self, streams: &[String]) -> Picture {
        let read = |url: &String| open(&format!("hystrix={url}").parse().unwrap(), &Environment::default()).unwrap();
        let mut sources: Vec<Arc<dyn Connection>> = vec![Arc::new(connect(&self.consul.address(), &[]))];
        sources.extend(streams.iter().map(read));
        Picture::of_all(sources)
    }

    async fn fail(&self, shares: [f64; 2]) {
        for (inventory, share) in self.inventory.iter().zip(shares) {
            inventory.turn(share, AT_ONCE).await.unwrap();
        }
    }

    /// Visits both `shelves` over and over until the picture is so; notes what it showed.
    async fn visited(&self, picture: &mut Picture, shown: &Shown, wanted: (BreakerState, u32, u32)) {
        let visits = async {
            loop {
                for shelves in &self.shelves {
                    shelves.visit().await.unwrap();
                }
            }
        };
        let look = |world: &World| {
            let breaker = breaker(world, "shelves", "inventory").filter(|breaker| !breaker.stale)?;
            let state = (breaker.state, breaker.open, breaker.of);
            let mut shown = shown.borrow_mut();
            if shown.last() != Some(&state) {
                shown.push(state);
            }
            (state == wanted).then_some(())
        };
        let what = format!("{wanted:?}");
        tokio::select! {
            () = visits => {}
            () = picture.until(&what, look) => {}
        }
    }
}

/// The states that were shown, in their order, with in how many of how many processes it was open.
type Shown = RefCell<Vec<(BreakerState, u32, u32)>>;

fn breaker(world: &World, caller: &str, callee: &str) -> Option<Arc<Breaker>> {
    let snapshot = world.snapshot();
    let is_called = |id: &ServiceId, name: &str| snapshot.services.get(id).is_some_and(|one| *one.name == *name);
    let mut all = snapshot.breakers.values();
    let found =
        all.find(|one| is_called(&one.caller, caller) && one.callee.as_ref().is_some_and(|id| is_called(id, callee)));
    found.cloned()
}

/// What the source of a stream is called.
fn source(url: &str) -> String {
    url.replace("http://", "hystrix:")
}

/// How many requests, and how many of these failed, in the window of the one command of a stream.
fn counted(world: &World, url: &str, command: &str) -> Option<(u32, u32)> {
    let place = url.trim_start_matches("http://").split('/').next().unwrap();
    let Fact::Breaker(said) = fact(world, &source(url), "breakers", &format!("{place}/{command}"))? else {
        return None;
    };
    let number = |name: &str| said.raw[name].parse::<u32>().unwrap();
    Some((number("requestCount"), number("errorCount")))
}

#[tokio::test]
async fn turbine_tells_in_how_many_processes_a_breaker_is_open_until_it_ends_and_when_it_is_back() {
    use BreakerState::{Closed, Open};
    let shop = Shop::open().await;
    let stream = shop.turbine.stream("shelves");
    let mut picture = shop.picture(std::slice::from_ref(&stream));
    let shown = Shown::default();

    shop.visited(&mut picture, &shown, (Closed, 0, 2)).await;
    shop.fail([1.0, 0.0]).await;
    shop.visited(&mut picture, &shown, (Open, 1, 2)).await;
    shop.fail([1.0, 1.0]).await;
    shop.visited(&mut picture, &shown, (Open, 2, 2)).await;
    shop.fail([0.0, 0.0]).await;
    shop.visited(&mut picture, &shown, (Closed, 0, 2)).await;
    shop.fail([0.0, 1.0]).await;
    shop.visited(&mut picture, &shown, (Open, 1, 2)).await;
    // Services that have just started may be slow to speak for the first time.
    let seen: Vec<_> = shown.take().into_iter().skip_while(|(_, _, of)| *of == 1).collect();
    let (to_all, from_all) = seen.split_at(3);
    assert_eq!(to_all, [(Closed, 0, 2), (Open, 1, 2), (Open, 2, 2)], "{seen:?}");
    // They close one after the other, which may be seen.
    let from_all = from_all.strip_prefix(&[(Open, 1, 2)]).unwrap_or(from_all);
    assert_eq!(from_all, [(Closed, 0, 2), (Open, 1, 2)], "{seen:?}");

    let sources = [format!("consul={}", shop.consul.address()), format!("hystrix={stream}")];
    let named = sources.iter().flat_map(|source| ["--source", source]);
    let arguments: Vec<&str> = ["breakers", "-o", "json"].into_iter().chain(named).collect();
    let said = Shell::new().run(&arguments).await.exits(0).json();
    assert_eq!((&said[0]["state"], &said[0]["open"], &said[0]["of"]), (&json!("open"), &json!(1), &json!(2)), "{said}");

    shop.turbine.kill().await.unwrap();
    let failing = picture.state(&source(&stream), SourceState::Failing).await;
    let code = failing.fault.as_ref().map(|fault| &*fault.code);
    assert!(matches!(code, Some("hystrix.cut_off" | "hystrix.unreachable")), "{failing:?}");
    let old = breaker(&picture.world, "shelves", "inventory").unwrap();
    assert_eq!((old.stale, old.state, old.open, old.of), (true, Open, 1, 2), "what it said last");

    // It begins with one of the two: nothing may be shown of that.
    shop.turbine.restart().await.unwrap();
    picture.nudge.notify_one();
    shop.visited(&mut picture, &shown, (Open, 1, 2)).await;
    assert_eq!(status(&picture.world, &source(&stream)).unwrap().state, SourceState::Live);
    shop.fail([0.0, 0.0]).await;
    shop.visited(&mut picture, &shown, (Closed, 0, 2)).await;
    assert_eq!(shown.take(), [(Open, 1, 2), (Closed, 0, 2)]);
    picture.stop().await;
}

#[tokio::test]
async fn turbine_counts_what_its_processes_count_and_is_not_added_to_them() {
    let shop = Shop::open().await;
    let [first, second, web] = [&shop.shelves[0], &shop.shelves[1], &shop.web].map(|one| one.url().to_owned());
    let [both, alone] = ["shelves", "web"].map(|cluster| shop.turbine.stream(cluster));
    let mut picture = shop.picture(&[first.clone(), second.clone(), web.clone(), both.clone(), alone.clone()]);
    // Of four one fails, so that no breaker opens.
    shop.fail([0.25, 0.25]).await;

    let visits = async {
        let send = async |requests, url: &str| Load { requests, per_second: 100 }.send(url).await.unwrap();
        loop {
            tokio::join!(send(8, &first), send(12, &second), send(5, &web));
            // What was told before is over when the next load begins.
            join_all(shop.shelves.iter().map(|one| stream_says(one, |command| command["requestCount"] == 0))).await;
        }
    };
    let all_tell = |world: &World| {
        let inventory = |url: &str| counted(world, url, "inventory");
        let payments = |url: &str| counted(world, url, "payments").filter(|(requests, _)| *requests > 0);
        let shelves = [inventory(&first)?, inventory(&second)?, inventory(&both)?];
        (shelves == [(8, 2), (12, 3), (20, 5)] && payments(&web)? == payments(&alone)?).then_some(())
    };
    tokio::select! {
        () = visits => {}
        () = picture.until("both counts and their sum at the same moment", all_tell) => {}
    }

    for (caller, callee, processes) in [("shelves", "inventory", 2), ("web", "payments", 1)] {
        let breaker = breaker(&picture.world, caller, callee).unwrap();
        assert_eq!((breaker.state, breaker.open, breaker.of), (BreakerState::Closed, 0, processes), "{caller}");
        assert_eq!(breaker.evidence.len(), breaker.processes.len() + 1, "that of Turbine too: {breaker:?}");
    }
    picture.stop().await;
}
