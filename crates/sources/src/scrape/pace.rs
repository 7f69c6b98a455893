//! How long to wait before an endpoint that failed is tried again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Doubled with each failure in a row.
pub(crate) fn pause_after(failures: u32, interval: Duration) -> Duration {
    interval.saturating_mul(1 << failures.saturating_sub(1).min(8)).min(LONGEST_PAUSE.max(interval))
}

/// Four fifths to six fifths of a pause, so that many endpoints that failed together are not asked together.
pub(crate) fn jittered(pause: Duration) -> Duration {
    // A fresh hasher is keyed at random by the standard library; nothing here needs better chance than that.
    let chance = RandomState::new().hash_one(pause) % 401;
    #[allow(clippy::cast_possible_truncation, reason = "less than 401")]
    let thousandths = 800 + chance as u32;
    pause * thousandths / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_endpoint_is_asked_more_and_more_seldom() {
        let half = Duration::from_millis(500);
        let pauses: Vec<u128> = (1..=7).map(|failures| pause_after(failures, half).as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
        assert_eq!(pause_after(u32::MAX, Duration::from_secs(60)), Duration::from_secs(60));
        for _ in 0..100 {
            let pause = jittered(Duration::from_secs(10));
            assert!((Duration::from_secs(8)..=Duration::from_secs(12)).contains(&pause));
        }
    }
}
