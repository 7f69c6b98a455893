//! Waiting for a state, never for time to pass.

use std::fmt::Display;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::LabError;

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks every 20 ms until `look` gives `Ok`, for at most `within`.
///
/// `look` says with its `Err` what it saw instead, and the error of a state that never came quotes the last of these.
/// The last look happens after the deadline, so that a state which came in time is never missed.
pub async fn until<T, Seen: Display>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<T, Seen>,
) -> Result<T, LabError> {
    let started = Instant::now();
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let last_look = started.elapsed() >= within;
        match look().await {
            Ok(state) => return Ok(state),
            Err(seen) if last_look => {
                return Err(LabError::TooLate { what: what.into(), waited: within, last_seen: seen.to_string() });
            }
            Err(_) => {}
        }
    }
}
