//! Which series of a metric a rule reads: by names, by tests, and with the labels that the rule looks at.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::words::{LabelName, LabelTest, MetricName};
use crate::scrape::exposition::Labels;

/// Some series of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What tells it from all others of all dialects: `istio/calls/0`.
    pub id: Arc<str>,
    /// The metric's names; of several, the first counts that a process has.
    pub names: Vec<MetricName>,
    /// All of these hold for its series.
    pub tests: Vec<LabelTest>,
    /// None of these holds for its series.
    pub except: Vec<LabelTest>,
    /// The labels that are looked at.
    pub labels: BTreeSet<LabelName>,
    /// Whether it matters which process shows it.
    pub of_process: bool,
}

impl Series {
    /// Whether a series of one of the names belongs to it.
    pub fn holds(&self, labels: &Labels) -> bool {
        self.tests.iter().all(|test| test.holds(labels)) && !self.except.iter().any(|test| test.holds(labels))
    }

    /// A name to call it by where nobody has it.
    pub fn any_name(&self) -> Arc<str> {
        self.names.first().map(|name| name.shared().clone()).unwrap_or_default()
    }

    /// The same names and tests, so that both would count the same.
    pub(super) fn overlaps(&self, other: &Self) -> Option<&MetricName> {
        let same = (&self.tests, &self.except) == (&other.tests, &other.except);
        self.names.iter().find(|name| same && other.names.contains(name))
    }
}
