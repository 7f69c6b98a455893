//! What the listings share: filters by name, names for ids, and numbers as people read them.

use std::collections::BTreeMap;

use binnacle_model::fact::Signals;
use binnacle_model::id::ServiceId;
use binnacle_model::snapshot::Snapshot;
use binnacle_view::contract::state::Health;
use serde::Serialize;

use crate::failure::Failure;
use crate::table::{Cell, Tone};

/// `[TEXT]...`: keeps what has all of the texts in its name or id.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Filter {
    /// Only what has this text in its name or id; several must all fit
    #[arg(value_name = "TEXT")]
    texts: Vec<String>,
}

impl Filter {
    /// Whether something with one of these names is kept.
    pub(crate) fn keeps(&self, names: &[&str]) -> bool {
        self.texts.iter().all(|text| names.iter().any(|name| name.contains(text.as_str())))
    }

    /// A listing that was asked for something and has nothing is a "no".
    pub(crate) fn found_or_no(&self, found: usize, what: &str) -> Result<(), Failure> {
        if found > 0 || self.texts.is_empty() {
            return Ok(());
        }
        let asked = self.texts.join("` and `");
        Err(Failure::not_found(
            format!("no {what} has `{asked}` in its name or id"),
            format!("Leave the text out to see every {what}."),
        ))
    }
}

/// How services are called in tables: by name where that is unique, by id otherwise.
pub(crate) struct Names<'a> {
    snapshot: &'a Snapshot,
    count: BTreeMap<&'a str, usize>,
}

impl<'a> Names<'a> {
    /// The names of a picture.
    pub(crate) fn of(snapshot: &'a Snapshot) -> Self {
        let mut count = BTreeMap::new();
        for service in snapshot.services.values() {
            *count.entry(&*service.name).or_default() += 1;
        }
        Self { snapshot, count }
    }

    /// The name of one service.
    pub(crate) fn name(&self, id: &'a ServiceId) -> &'a str {
        let name = self.snapshot.services.get(id).map(|service| &*service.name);
        name.filter(|name| self.count.get(name) == Some(&1)).unwrap_or(id.as_str())
    }
}

/// The word for a health, in its tone.
pub(crate) fn health_cell(health: impl Into<Health>, stale: bool) -> Cell {
    let health = health.into();
    let tone = match health {
        Health::Passing => Tone::Good,
        Health::Unknown => Tone::Dim,
        Health::Maintenance => Tone::Person,
        Health::Warning => Tone::Warning,
        Health::Critical => Tone::Bad,
    };
    let age = if stale { " (stale)" } else { "" };
    Cell::text(format!("{}{age}", word(health))).in_tone(tone)
}

/// Calls per second, share of errors and the 95th percentile, each a dash when nobody measured it.
pub(crate) fn signal_cells(signals: &Signals) -> [Cell; 3] {
    let errors = Cell::number(signals.error_ratio.map(percent));
    let tone = match signals.error_ratio {
        Some(ratio) if ratio >= 0.05 => Tone::Bad,
        Some(ratio) if ratio >= 0.01 => Tone::Warning,
        _ => Tone::Plain,
    };
    [Cell::number(signals.rps.map(rate)), errors.in_tone(tone), Cell::number(signals.p95_ms.map(millis))]
}

/// Calls per second: `0`, `0.4`, `118`.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second > 0.0 && per_second < 10.0 { format!("{per_second:.1}") } else { format!("{per_second:.0}") }
}

/// A share: `0 %`, `0.4 %`, `31 %`.
pub(crate) fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent > 0.0 && percent < 10.0 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

/// A latency: `4.2 ms`, `180 ms`, `1.4 s`.
pub(crate) fn millis(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1000.0),
    }
}

/// The public word of an enum, as it stands in the JSON.
pub(crate) fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// JSON for a person's eyes as well: indented, with a line break at the end.
pub(crate) fn pretty(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|error| Failure::io("writing JSON", &error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_digits_as_they_are_worth() {
        assert_eq!([rate(0.0), rate(0.42), rate(118.4)], ["0", "0.4", "118"]);
        assert_eq!([percent(0.0), percent(0.004), percent(0.31)], ["0 %", "0.4 %", "31 %"]);
        assert_eq!([millis(4.21), millis(180.0), millis(1400.0)], ["4.2 ms", "180 ms", "1.4 s"]);
    }

    #[test]
    fn all_texts_of_a_filter_must_fit() {
        let filter = Filter { texts: vec!["dc1".to_owned(), "pay".to_owned()] };
        assert!(filter.keeps(&["payments", "consul:dc1/payments"]));
        assert!(!filter.keeps(&["payments", "consul:dc2/payments"]));
        assert!(filter.found_or_no(0, "service").is_err());
        assert!(Filter::default().found_or_no(0, "service").is_ok());
    }
}
