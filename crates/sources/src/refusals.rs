//! From the count of refused calls to a rate.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A rate is taken over this time.
const SPAN: Duration = Duration::from_secs(5);

/// The readings of one breaker's count in the last while.
#[derive(Debug, Default)]
pub(crate) struct Refusals(VecDeque<(Instant, i64)>);

impl Refusals {
    pub(crate) fn push(&mut self, at: Instant, count: i64) {
        self.0.push_back((at, count));
        // The one in front of the span stays: from it on is measured.
        while self.0.get(1).is_some_and(|(second, _)| at.saturating_duration_since(*second) >= SPAN) {
            self.0.pop_front();
        }
    }

    /// Refused calls per second; `None` before the second reading. The count begins anew when the state changes: what it had
    /// reached by then is not known, what it has since is.
    pub(crate) fn per_second(&self) -> Option<f64> {
        let (first, _) = self.0.front()?;
        let (last, _) = self.0.back()?;
        let took = last.saturating_duration_since(*first).as_secs_f64();
        let steps = self.0.iter().zip(self.0.iter().skip(1));
        let step = |((_, a), (_, b)): (&(Instant, i64), &(Instant, i64))| b.saturating_sub(if b >= a { *a } else { 0 });
        let refused = steps.map(step).fold(0, |sum: i64, step| sum.saturating_add(step.max(0)));
        #[allow(clippy::cast_precision_loss, reason = "calls of some seconds")]
        let rate = (took > 0.0).then(|| refused as f64 / took);
        rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(counts: &[i64]) -> Option<f64> {
        let (mut refusals, began) = (Refusals::default(), Instant::now());
        for (second, count) in (0..).zip(counts) {
            refusals.push(began + Duration::from_secs(second), *count);
        }
        refusals.per_second()
    }

    #[test]
    fn a_rate_is_what_was_refused_in_the_last_five_seconds() {
        assert_eq!(rate(&[7]), None);
        assert_eq!(rate(&[7, 7]), Some(0.0));
        assert_eq!(rate(&[0, 10]), Some(10.0));
        assert_eq!(rate(&[0, 1000, 1000, 1000, 1000, 1000, 1005]), Some(1.0));
    }

    #[test]
    fn a_count_that_begins_anew_is_no_spike() {
        assert_eq!(rate(&[900, 0, 4]), Some(2.0));
        assert_eq!(rate(&[900, 6]), Some(6.0));
        assert!(rate(&[i64::MAX, i64::MIN, -5, i64::MAX]).unwrap() > 1e18);
    }
}
