//! Telling the window that something changed: the first time at once, then at most twenty times a second. Nothing but the
//! view's name and a revision crosses; the window asks for the rest when it is ready.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use binnacle_model::Snapshot;
use binnacle_view::contract::View;
use binnacle_view::contract::view::Notice;
use tauri::ipc::Channel;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::state::App;

/// The least time between two rounds of notices.
const PACE: Duration = Duration::from_millis(50);
/// How often the counters of the connections are looked at: they are no part of the picture, and nobody pushes them.
const METERS_EVERY: Duration = Duration::from_secs(1);

/// Views that a person sees change although the picture did not.
pub(crate) const BY_CONNECTIONS: [View; 3] = [View::Shell, View::FirstRun, View::Sources];

/// What has changed since the last round, and who wants to know.
#[derive(Default)]
pub(crate) struct Pulse {
    revision: AtomicU32,
    changed: Mutex<BTreeSet<View>>,
    ring: Notify,
    subscriber: Mutex<Option<Subscriber>>,
}

struct Subscriber {
    views: Vec<View>,
    notices: Channel<Notice>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pulse {
    /// The revision that a pull now leads to.
    pub(crate) fn revision(&self) -> u32 {
        self.revision.load(Ordering::Acquire)
    }

    /// Marks views as changed.
    pub(crate) fn changed(&self, views: impl IntoIterator<Item = View>) {
        self.note(views);
        self.ring.notify_one();
    }

    /// Marks views for the round that is about to be told. Does not ring: the teller would wake itself for ever.
    fn note(&self, views: impl IntoIterator<Item = View>) {
        lock(&self.changed).extend(views);
    }

    /// Takes a new subscriber, who is told about all its views at once.
    pub(crate) fn subscribe(&self, views: Vec<View>, notices: Channel<Notice>) {
        let first = views.clone();
        *lock(&self.subscriber) = Some(Subscriber { views, notices });
        self.changed(first);
    }

    /// Sends one round of notices; false when there was nothing to tell.
    fn tell(&self) -> bool {
        let changed = std::mem::take(&mut *lock(&self.changed));
        if changed.is_empty() {
            return false;
        }
        let revision = self.revision.fetch_add(1, Ordering::AcqRel).wrapping_add(1);
        let mut subscriber = lock(&self.subscriber);
        let Some(listening) = &*subscriber else { return true };
        for view in listening.views.iter().copied().filter(|view| changed.contains(view)) {
            if listening.notices.send(Notice { view, revision }).is_err() {
                // The page is gone; the next one subscribes anew.
                *subscriber = None;
                break;
            }
        }
        true
    }
}

/// Tells the window about changes until the engine stops.
pub(crate) async fn notify(app: Arc<App>) {
    let mut snapshots = app.engine.snapshots();
    let mut shown = snapshots.borrow_and_update().clone();
    let mut meters = Vec::new();
    let mut look_at_meters = Instant::now() + METERS_EVERY;
    loop {
        let woken = timeout_at(look_at_meters, async {
            tokio::select! {
                alive = snapshots.changed() => alive.is_ok(),
                () = app.pulse.ring.notified() => true,
            }
        });
        // Only the end of the engine ends this; that the deadline passed is looked at below, for changes may come all the time.
        if let Ok(false) = woken.await {
            return;
        }
        if Instant::now() >= look_at_meters {
            look_at_meters = Instant::now() + METERS_EVERY;
            let now = counters(&app);
            if now != meters {
                meters = now;
                app.pulse.note(BY_CONNECTIONS);
            }
        }
        let latest = snapshots.borrow_and_update().clone();
        app.pulse.note(affected(&shown, &latest));
        shown = latest;
        if app.pulse.tell() {
            sleep_until(Instant::now() + PACE).await;
        }
    }
}

fn counters(app: &App) -> Vec<(u64, u64, u64)> {
    let count = |report: binnacle_engine::ConnectionReport| {
        (report.meter.requests(), report.meter.failures(), report.meter.bytes())
    };
    app.engine.connections().into_iter().map(count).collect()
}

/// The views that are made of what differs between two snapshots. Objects are shared by snapshots while they stay the same.
fn affected(before: &Snapshot, after: &Snapshot) -> BTreeSet<View> {
    let mut views = BTreeSet::new();
    if before.revision == after.revision {
        return views;
    }
    // How many facts a source states follows from other changes and is no reason to draw anything but its own screen.
    let statuses = |snapshot: &Snapshot| snapshot.sources.values().map(|one| one.status.clone()).collect::<Vec<_>>();
    if before.sources.len() != after.sources.len() || statuses(before) != statuses(after) {
        // Staleness, permissions and the reasons for them are on every screen.
        views.extend(View::ALL);
        return views;
    }
    let calls = !same(&before.edges, &after.edges) || !same(&before.breakers, &after.breakers);
    if calls || !same(&before.services, &after.services) {
        views.extend([View::Shell, View::Topology, View::Services, View::Health, View::Breakers, View::Timeline]);
    }
    if !same(&before.alerts, &after.alerts) {
        views.extend([View::Shell, View::Health]);
    }
    if !same(&before.disagreements, &after.disagreements) {
        views.extend([View::Shell, View::Topology, View::Services, View::Disagreements]);
    }
    // Keys, rules and sessions: whatever else made this revision.
    views.extend([View::ConfigTree, View::Inspector]);
    views
}

fn same<K: Ord, V>(before: &Arc<BTreeMap<K, Arc<V>>>, after: &Arc<BTreeMap<K, Arc<V>>>) -> bool {
    Arc::ptr_eq(before, after)
        || (before.len() == after.len()
            && before.iter().zip(after.iter()).all(|(old, new)| old.0 == new.0 && Arc::ptr_eq(old.1, new.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rings(pulse: &Pulse) -> bool {
        let mut ringing = std::pin::pin!(pulse.ring.notified());
        // Ready at once when the bell was rung since it was last answered.
        ringing.as_mut().enable()
    }

    #[test]
    fn a_change_rings_once_and_telling_it_does_not_ring_again() {
        let pulse = Pulse::default();
        pulse.changed([View::Topology]);
        pulse.changed([View::Shell]);
        assert!(rings(&pulse));
        assert!(!rings(&pulse));
        assert!(pulse.tell());
        assert!(!rings(&pulse), "the teller would wake itself for ever");
        assert!(!pulse.tell(), "nothing is left to tell");
    }

    #[test]
    fn what_is_noted_for_the_round_under_way_is_told_without_a_ring() {
        let pulse = Pulse::default();
        pulse.note(BY_CONNECTIONS);
        assert!(!rings(&pulse));
        let before = pulse.revision();
        assert!(pulse.tell());
        assert_eq!(pulse.revision(), before + 1);
    }
}
