use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The upper bounds of the buckets, in seconds.
const BOUNDS: [f64; 6] = [0.005, 0.01, 0.05, 0.1, 0.5, 1.0];

/// One histogram for each set of labels.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<BTreeMap<String, Timings>>);

#[derive(Debug, Clone, Default)]
struct Timings {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum_seconds: f64,
}

impl Counters {
    /// Counts one request that took so long; `labels` are written as in the text format.
    pub(super) fn count(&self, labels: String, took: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let timings = all.entry(labels).or_default();
        timings.count += 1;
        timings.sum_seconds += took.as_secs_f64();
        for (bucket, bound) in timings.buckets.iter_mut().zip(BOUNDS) {
            *bucket += u64::from(took.as_secs_f64() <= bound);
        }
    }

    /// Prometheus' text format 0.0.4.
    pub(super) fn write(&self, name: &str, out: &mut String) -> std::fmt::Result {
        writeln!(out, "# TYPE {name} histogram")?;
        for (labels, timings) in &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            for (bucket, bound) in timings.buckets.iter().zip(BOUNDS) {
                writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {bucket}")?;
            }
            writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {}", timings.count)?;
            writeln!(out, "{name}_sum{{{labels}}} {}", timings.sum_seconds)?;
            writeln!(out, "{name}_count{{{labels}}} {}", timings.count)?;
        }
        Ok(())
    }
}
