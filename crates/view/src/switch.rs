//! Where a breaker can be switched by hand, and why it cannot where it cannot.

use std::collections::BTreeSet;

use binnacle_model::fact::{BreakerKind, Fact};
use binnacle_model::id::{SourceId, SourceKind};
use binnacle_model::snapshot::{Ability, Breaker, Snapshot};

/// One breaker of one process, as its source knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SwitchPoint {
    /// The source.
    pub source: SourceId,
    /// The library's name for the breaker.
    pub name: String,
}

/// Where a breaker of the picture can be switched: one point for each process that offers it. Else the reason, as a sentence.
pub fn points(snapshot: &Snapshot, breaker: &Breaker) -> Result<BTreeSet<SwitchPoint>, &'static str> {
    let offers = |source: &SourceId| {
        let known = snapshot.sources.get(source);
        known.is_some_and(|known| known.status.abilities.contains(&Ability::SwitchBreakers))
    };
    let offered = breaker.evidence.iter().filter(|evidence| offers(&evidence.source));
    let points: BTreeSet<SwitchPoint> = offered
        .filter_map(|evidence| match &evidence.observation.fact {
            Fact::Breaker(fact) if fact.kind != BreakerKind::Endpoint => {
                Some(SwitchPoint { source: evidence.source.clone(), name: fact.name.to_string() })
            }
            _ => None,
        })
        .collect();
    if points.is_empty() { Err(why_none(breaker)) } else { Ok(points) }
}

fn why_none(breaker: &Breaker) -> &'static str {
    let by = |kind: SourceKind| breaker.evidence.iter().any(|evidence| evidence.source.kind() == Some(kind));
    if breaker.told_state().is_none() {
        "only its limits are known: they are changed where the rule is"
    } else if by(SourceKind::Actuator) {
        "its actuator does not answer now"
    } else if by(SourceKind::Envoy) && breaker.kind == BreakerKind::Endpoint {
        "an Envoy has one setting for the endpoints of all its clusters, not one for each"
    } else if by(SourceKind::Envoy) {
        "its Envoy was started without an admin_layer in its layered_runtime, or does not answer now"
    } else if by(SourceKind::Hystrix) {
        "a Hystrix stream can only be read"
    } else {
        "metrics can only be read, and most libraries have no switch that is reached from outside"
    }
}
