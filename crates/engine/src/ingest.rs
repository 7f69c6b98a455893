//! The one writer of the model. Takes what has piled up, applies it at once, and publishes one snapshot for it: under load
//! states coalesce, when idle a single change goes straight through.

use std::sync::Arc;
use std::time::{Duration, Instant};

use binnacle_model::change::ChangeSet;
use binnacle_model::snapshot::Snapshot;
use binnacle_model::world::{Update, World};
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::timeline::{Timeline, TimelineEvent};

/// Updates that may wait before sources have to.
const WAITING: usize = 1024;
/// A derivation that takes longer is followed by a rest as long as itself, in which states coalesce: a large picture that changes
/// all the time takes half a core, and not all of it.
const BRIEF: Duration = Duration::from_millis(20);
/// No rest is longer.
const LONGEST_REST: Duration = Duration::from_millis(500);

pub(crate) struct Ingest {
    world: World,
    updates: mpsc::Receiver<Update>,
    inlet: mpsc::Sender<Update>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    changes: broadcast::Sender<Arc<ChangeSet>>,
    timeline: Arc<Timeline>,
    clock: Clock,
}

impl Ingest {
    pub(crate) fn new(
        clock: Clock,
        changes: broadcast::Sender<Arc<ChangeSet>>,
        timeline: Arc<Timeline>,
    ) -> (Self, watch::Receiver<Arc<Snapshot>>) {
        let world = World::default();
        let (inlet, updates) = mpsc::channel(WAITING);
        let (snapshots, published) = watch::channel(world.snapshot().clone());
        (Self { world, updates, inlet, snapshots, changes, timeline, clock }, published)
    }

    pub(crate) fn inlet(&self) -> mpsc::Sender<Update> {
        self.inlet.clone()
    }

    pub(crate) async fn run(mut self, cancel: CancellationToken) {
        let mut piled_up = Vec::with_capacity(WAITING);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                taken = self.updates.recv_many(&mut piled_up, WAITING) => if taken == 0 { return },
            }
            let began = Instant::now();
            if let Some(change_set) = self.world.apply(piled_up.drain(..), self.clock.now()) {
                self.publish(change_set);
            }
            let took = began.elapsed();
            if took > BRIEF {
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = tokio::time::sleep(took.min(LONGEST_REST)) => {}
                }
            }
        }
    }

    fn publish(&self, change_set: ChangeSet) {
        self.timeline.extend(change_set.transitions.iter().cloned().map(TimelineEvent::Transition));
        self.snapshots.send_replace(self.world.snapshot().clone());
        // Nobody may be listening; the snapshot has it all.
        let _ = self.changes.send(Arc::new(change_set));
    }
}
