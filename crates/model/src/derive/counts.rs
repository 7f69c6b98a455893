//! Which of those who count the same calls is believed. Both sides of a call are never added.

use std::collections::BTreeMap;

use crate::fact::{CallsBasis, CallsFact, Fact, Protocol, ROLLING, ServedFact, Side, Signals};
use crate::id::SourceId;
use crate::snapshot::Evidence;

/// Statements that are parts of one count, and the numbers that they make up together.
#[derive(Default)]
pub(crate) struct Count<'a> {
    pub(crate) signals: Signals,
    pub(crate) evidence: Vec<&'a Evidence>,
}

impl Count<'_> {
    fn and(mut self, other: Self) -> Self {
        self.signals = self.signals.and(&other.signals);
        self.evidence.extend(other.evidence);
        self
    }
}

/// What may be added: counts of one source, in one dialect.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Counting<'a> {
    current: bool,
    source: &'a SourceId,
    dialect: &'a str,
}

/// What was counted of the same calls by those who are believed; each statement comes with whether it is current. Observations of one
/// observer are parts of one count (several instances of the caller) and are summed. Several observers, and several sources, count
/// the same calls, so one of them is believed: of the sides of one dialect the one nearest to the caller, for each protocol; of
/// dialects and sources a current one first, then one that counts from the start of its process before one that counts over the last
/// seconds alone, then the one that counted most.
pub(crate) fn believed<'a>(said: impl Iterator<Item = (bool, &'a Evidence)>) -> Count<'a> {
    let mut counts: BTreeMap<Counting<'_>, BTreeMap<Protocol, BTreeMap<Side, Count<'_>>>> = BTreeMap::new();
    for (current, evidence) in said {
        let Some((dialect, protocol, side, signals)) = counted(&evidence.observation.fact) else { continue };
        let counting = Counting { current, source: &evidence.source, dialect };
        let count = counts.entry(counting).or_default().entry(protocol).or_default().entry(side).or_default();
        count.signals = count.signals.and(signals);
        count.evidence.push(evidence);
    }
    let all = counts.into_iter().map(|(counting, protocols)| {
        let nearest = protocols.into_values().filter_map(|sides| sides.into_values().next());
        (counting, nearest.reduce(Count::and).unwrap_or_default())
    });
    let rank = |(counting, count): &(Counting<'_>, Count<'_>)| {
        let rps = count.signals.rps;
        (counting.current, rps.is_some(), counting.dialect != ROLLING, rounded_millis(rps))
    };
    all.max_by_key(rank).map(|(_, count)| count).unwrap_or_default()
}

fn counted(fact: &Fact) -> Option<(&str, Protocol, Side, &Signals)> {
    match fact {
        Fact::Calls(CallsFact { basis: CallsBasis::Observed(signals), observer, protocol, .. }) => {
            Some((&observer.dialect, *protocol, observer.side, signals))
        }
        Fact::Served(ServedFact { dialect, protocol, signals, .. }) => {
            Some((dialect, *protocol, Side::default(), signals))
        }
        _ => None,
    }
}

/// A rate as something that has an order; one that is not known comes last.
#[allow(clippy::cast_possible_truncation, reason = "a rate that does not fit is as large as any")]
fn rounded_millis(rps: Option<f64>) -> i64 {
    rps.map_or(-1, |rps| (rps * 1000.0) as i64)
}
