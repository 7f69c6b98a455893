//! Figures of repeated measurements.

use std::time::Duration;

/// Durations of one thing, measured many times.
#[derive(Default)]
pub(crate) struct Sample(Vec<Duration>);

impl Sample {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    /// The value below which this share of the measurements lies, by nearest rank; in milliseconds.
    pub(crate) fn quantile_ms(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort();
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "small"
        )]
        let rank = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1));
        sorted.get(rank - 1).map_or(f64::NAN, |took| took.as_secs_f64() * 1000.0)
    }
}

/// A row of the table: median and 99th percentile beside a peer's.
pub(crate) fn row(what: &str, ours: &Sample, peers: &Sample, goal: &str) {
    for (word, share) in [("p50", 0.50), ("p95", 0.95), ("p99", 0.99)] {
        let (mine, theirs) = (ours.quantile_ms(share), peers.quantile_ms(share));
        println!("| {what}, {word} | {mine:.2} ms | {theirs:.2} ms | {:.2} | {goal} |", mine / theirs);
    }
}
