//! Where a breaker can be switched by hand, and why it cannot where it cannot.

use std::collections::BTreeSet;

use binnacle_model::fact::{BreakerKind, BreakerState, Fact};
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

/// Why a breaker that can be switched there cannot go from this state to that one, as a sentence; `None` where it can.
pub fn why_not(point: &SwitchPoint, now: BreakerState, to: BreakerState) -> Option<&'static str> {
    use BreakerState::{Closed, Disabled, ForcedOpen};
    if point.source.kind() != Some(SourceKind::Sentinel) {
        return None;
    }
    match (now, to) {
        (ForcedOpen, Disabled) | (Disabled, ForcedOpen) => {
            Some("close it first: a Sentinel takes rules of one kind at a time")
        }
        (ForcedOpen | Disabled, _) => None,
        (_, Closed) => Some("a Sentinel has no command that closes a breaker: it tries a call by itself"),
        _ => None,
    }
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
    } else if by(SourceKind::Sentinel) {
        "its Sentinel does not answer now"
    } else if by(SourceKind::Hystrix) {
        "a Hystrix stream can only be read"
    } else {
        "metrics can only be read, and most libraries have no switch that is reached from outside"
    }
}
