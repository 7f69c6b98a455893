//! Alerts as rows: of all, and of one service.

use std::cmp::Reverse;

use binnacle_model::fact;
use binnacle_model::id::{ServiceId, SourceKind};
use binnacle_model::snapshot::{Alert, Snapshot, SourceState};

use super::{named, source_name};
use crate::contract::health::{AlertRow, AlertState};
use crate::contract::inspector::Chip;
use crate::contract::state::millis;
use crate::text;

/// The most labels that a row shows.
const MOST_LABELS: usize = 40;

/// All alerts with their keys: the firing before the pending, the worst and the oldest first.
pub fn sorted(snapshot: &Snapshot) -> Vec<(&str, &Alert)> {
    let mut all: Vec<(&str, &Alert)> = snapshot.alerts.iter().map(|(key, alert)| (&**key, &**alert)).collect();
    all.sort_by_key(|(key, alert)| (Reverse(alert.fact.state), Reverse(alert.health()), alert.since.at, *key));
    all
}

/// The rows of all alerts.
pub fn rows(snapshot: &Snapshot) -> Vec<AlertRow> {
    sorted(snapshot).into_iter().map(|(key, alert)| row(snapshot, key, alert)).collect()
}

/// The alerts about a service.
pub(crate) fn of_service<'a>(snapshot: &'a Snapshot, service: &ServiceId) -> Vec<(&'a str, &'a Alert)> {
    sorted(snapshot).into_iter().filter(|(_, alert)| alert.service.as_ref() == Some(service)).collect()
}

pub(crate) fn row(snapshot: &Snapshot, key: &str, alert: &Alert) -> AlertRow {
    let fact = &alert.fact;
    let said = |name: &str| matches!(name, "alertname" | "severity");
    let labels = fact.labels.iter().filter(|(name, _)| !said(name)).take(MOST_LABELS);
    AlertRow {
        key: format!("a:{key}"),
        name: text::name(&fact.name),
        state: fact.state.into(),
        severity: text::name(&fact.severity),
        health: alert.health().map(Into::into),
        since: alert.since.into(),
        summary: text::output(&fact.summary),
        service: alert.service.as_ref().map(|id| named(snapshot, id)),
        labels: labels.map(|(name, value)| Chip { label: text::name(name), value: text::name(value) }).collect(),
        seen: millis(alert.evidence.observation.seen),
        stale: alert.stale,
        source: alert.evidence.source.to_string(),
    }
}

/// `TargetDown fires`, `TargetDown is pending`.
pub(crate) fn words(alert: &Alert) -> String {
    let name = text::name(&alert.fact.name);
    match alert.fact.state {
        fact::AlertState::Firing => format!("{name} fires"),
        fact::AlertState::Pending => format!("{name} is pending"),
    }
}

/// Why there are no alerts.
pub(crate) fn why_none(snapshot: &Snapshot) -> Option<String> {
    if !snapshot.alerts.is_empty() {
        return None;
    }
    let known = snapshot.sources.values().filter(|source| source.id.kind() == Some(SourceKind::Prometheus));
    let mut names = Vec::new();
    for source in known {
        if source.status.state != SourceState::Live {
            return Some(format!("{} is {}.", source_name(&source.id), source.status.state.word()));
        }
        names.push(source_name(&source.id));
    }
    Some(match names.as_slice() {
        [] => "No Prometheus is connected: nobody tells of alerts.".to_owned(),
        names => format!("{}: no alert is pending or fires.", names.join(", ")),
    })
}

impl From<fact::AlertState> for AlertState {
    fn from(state: fact::AlertState) -> Self {
        match state {
            fact::AlertState::Pending => Self::Pending,
            fact::AlertState::Firing => Self::Firing,
        }
    }
}
