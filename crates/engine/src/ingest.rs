//! The one writer of the model. Takes what has piled up, applies it at once, and publishes one snapshot for it: under load
//! states coalesce, when idle a single change goes straight through.

use std::sync::Arc;

use binnacle_model::change::ChangeSet;
use binnacle_model::snapshot::Snapshot;
use binnacle_model::world::{Update, World};
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::timeline::{Timeline, TimelineEvent};

/// Updates that may wait before sources have to.
const WAITING: usize = 1024;

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
            if let Some(change_set) = self.world.apply(piled_up.drain(..), self.clock.now()) {
                self.publish(change_set);
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
