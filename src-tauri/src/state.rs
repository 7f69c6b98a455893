//! What the commands share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use binnacle_engine::Engine;
use binnacle_engine::edits::Plan;
use binnacle_engine::switch::PlannedSwitch;
use binnacle_sources::register::RegistryPlan;
use binnacle_view::contract::View;
use binnacle_view::desk::Desk;
use binnacle_view::screen::Found;
use jiff::Timestamp;

use crate::stream::Pulse;
use crate::{history, logs};

/// How many plans are kept that were shown and not applied; the oldest go first.
const PLANS_KEPT: usize = 64;

/// What the app was started with.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where the person's preferences are kept; `None` when there is no place for them.
    pub(crate) preferences: Option<PathBuf>,
    /// Start the demo fleet at once.
    pub(crate) demo: bool,
}

/// The app behind the window.
pub(crate) struct App {
    pub(crate) engine: Engine,
    pub(crate) settings: Settings,
    pub(crate) pulse: Pulse,
    pub(crate) started: Timestamp,
    desk: Mutex<Desk>,
    found: Mutex<Found>,
    said: Mutex<Option<(Timestamp, String)>>,
    pub(crate) plans: Shelf<Plan>,
    pub(crate) registrations: Shelf<RegistryPlan>,
    pub(crate) switches: Shelf<PlannedSwitch>,
    pub(crate) logs: logs::Desk,
    pub(crate) history: history::Desk,
}

impl App {
    pub(crate) fn new(engine: Engine, settings: Settings) -> Self {
        Self {
            started: engine.clock().now(),
            engine,
            settings,
            pulse: Pulse::default(),
            desk: Mutex::default(),
            found: Mutex::default(),
            said: Mutex::default(),
            plans: Shelf::default(),
            registrations: Shelf::default(),
            switches: Shelf::default(),
            logs: logs::Desk::default(),
            history: history::Desk::default(),
        }
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latest thing that the app itself has to say.
    pub(crate) fn said(&self) -> MutexGuard<'_, Option<(Timestamp, String)>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says something aloud in the window.
    pub(crate) fn say(&self, words: String) {
        *self.said() = Some((self.engine.clock().now(), words));
        self.pulse.changed([View::Shell]);
    }

    pub(crate) fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Plans that were shown, by the name that the window has for them. What is applied is what was shown, not what the
/// window sends back.
pub(crate) struct Shelf<P> {
    last: AtomicU64,
    plans: Mutex<BTreeMap<u64, P>>,
}

impl<P> Default for Shelf<P> {
    fn default() -> Self {
        Self { last: AtomicU64::new(0), plans: Mutex::default() }
    }
}

impl<P> Shelf<P> {
    /// Keeps a plan and gives it a name.
    pub(crate) fn keep(&self, plan: P) -> String {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.insert(number, plan);
        while plans.len() > PLANS_KEPT {
            plans.pop_first();
        }
        number.to_string()
    }

    /// Takes a plan off the shelf: it can be carried out once.
    pub(crate) fn take(&self, name: &str) -> Option<P> {
        let number = name.parse().ok()?;
        self.plans.lock().unwrap_or_else(PoisonError::into_inner).remove(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_carried_out_once_and_old_ones_go() {
        let shelf = Shelf::default();
        let first = shelf.keep(1);
        assert_eq!((shelf.take(&first), shelf.take(&first), shelf.take("nonsense")), (Some(1), None, None));
        let names: Vec<String> = (0..=PLANS_KEPT).map(|number| shelf.keep(number)).collect();
        assert_eq!(names.iter().filter_map(|name| shelf.take(name)).count(), PLANS_KEPT);
    }
}
