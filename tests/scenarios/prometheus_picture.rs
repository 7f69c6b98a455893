//! A Prometheus source at work on a real server, and what its facts are compared by.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use binnacle_demo::Demo;
use binnacle_model::fact::{
    BreakerState, CallsBasis, Fact, Party, Pattern, Payload, Protocol, Signals, TargetFact, TargetHealth,
};
use binnacle_model::id::{SourceId, SourceKind};
use binnacle_model::store::SourceFacts;
use binnacle_model::world::World;
pub(crate) use binnacle_sources::prometheus::Prometheus as Source;
use binnacle_sources::scrape::{Scrape, Target};
use binnacle_sources::{ConnectionSpec, Environment};
use tokio::sync::watch;

use crate::consul_picture::Picture;

/// As often as the lab's servers scrape.
pub(crate) const BEAT: Duration = Duration::from_millis(500);

/// A connection to this address with this environment.
pub(crate) fn connect(address: &str, environment: &Environment) -> Source {
    lab::install_tls_provider();
    let spec: ConnectionSpec = format!("prometheus={address}").parse().unwrap();
    Source::new(spec, environment).unwrap().at_a_beat_of(BEAT)
}

/// A source that reads this address at the beat of the lab.
pub(crate) fn reading(address: &str) -> Picture {
    Picture::of(connect(address, &Environment::default()))
}

/// The id of the source at this address.
pub(crate) fn id(address: &str) -> String {
    format!("prometheus:{}", address.split_once("://").unwrap().1)
}

/// The demo fleet.
pub(crate) async fn fleet() -> Demo {
    lab::install_tls_provider();
    Demo::start().await.unwrap()
}

/// Where the fleet shows its metrics, `HOST:PORT` each.
pub(crate) fn endpoints(demo: &Demo) -> Vec<String> {
    demo.services().iter().map(|service| service.address.to_string()).collect()
}

/// Reads the fleet through the server at this address, and beside it (as `scrape:fleet`) without one between.
pub(crate) fn both_roads(demo: &Demo, address: &str) -> Picture {
    let target = |service: &binnacle_demo::DemoService| Target {
        url: format!("http://{}/metrics", service.address).parse().unwrap(),
        instance: (Arc::from(service.address.ip().to_string()), service.address.port()),
    };
    let targets: Arc<[Target]> = demo.services().iter().map(target).collect();
    let (_, targets) = watch::channel(targets);
    let spec = ConnectionSpec { kind: SourceKind::Scrape, place: "fleet".to_owned() };
    let direct = Scrape::following(SourceId::from("scrape:fleet"), spec, targets, BEAT);
    Picture::of_all(vec![Arc::new(direct), Arc::new(connect(address, &Environment::default()))])
}

/// Everything that tells one edge from another.
pub(crate) type Edge = (Party, Party, Protocol, Pattern, Payload);

fn facts<'a>(world: &'a World, source: &str) -> Option<&'a SourceFacts> {
    world.store().sources().get(&SourceId::from(source))
}

/// The measured calls of a source, by edge.
pub(crate) fn edges(world: &World, source: &str) -> BTreeMap<Edge, Signals> {
    let observations = facts(world, source).into_iter().flat_map(SourceFacts::observations);
    let edge = |fact: &Fact| match fact {
        Fact::Calls(calls) => match &calls.basis {
            CallsBasis::Observed(signals) => {
                let edge = (calls.caller.clone(), calls.callee.clone(), calls.protocol, calls.pattern, calls.payload);
                Some((edge, *signals))
            }
            _ => None,
        },
        _ => None,
    };
    observations.filter_map(|one| edge(&one.fact)).collect()
}

/// The breakers of a source: whose, toward whom, and the state.
pub(crate) fn breakers(world: &World, source: &str) -> BTreeMap<(Party, Option<Party>), BreakerState> {
    let observations = facts(world, source).into_iter().flat_map(SourceFacts::observations);
    let breaker = |fact: &Fact| match fact {
        Fact::Breaker(breaker) => Some(((breaker.caller.clone(), breaker.callee.clone()), breaker.state)),
        _ => None,
    };
    observations.filter_map(|one| breaker(&one.fact)).collect()
}

/// The targets of a source.
pub(crate) fn targets(world: &World, source: &str) -> Vec<TargetFact> {
    let observations = facts(world, source).into_iter().flat_map(SourceFacts::observations);
    let target = |fact: &Fact| if let Fact::Target(target) = fact { Some(target.clone()) } else { None };
    observations.filter_map(|one| target(&one.fact)).collect()
}

/// How many targets are in this state.
pub(crate) fn count(world: &World, source: &str, health: TargetHealth) -> usize {
    targets(world, source).iter().filter(|target| target.health == health).count()
}
