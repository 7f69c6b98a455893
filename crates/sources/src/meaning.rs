//! What a metric means, in the words of who declared it.

use std::sync::Arc;

/// A metric as its processes declare it. All words are short, without control characters, and from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The metric.
    pub metric: Arc<str>,
    /// `counter`, `gauge`, `histogram`, `summary`, `stateset`, `info` or `unknown`.
    pub kind: &'static str,
    /// What its numbers are counted in; empty where nobody says.
    pub unit: Arc<str>,
    /// What it is for; empty where nobody says.
    pub help: Arc<str>,
    /// How the declared kind contradicts the way in which the metric is read; `None` where it does not.
    pub contradiction: Option<Arc<str>>,
}
