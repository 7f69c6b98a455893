//! The shop's messaging, in this process: a work queue from `orders` to `fulfilment`, a topic from `orders` to whoever
//! subscribes, and the stream of order events that `orders` pushes to browsers' servers.
//!
//! All three are bounded. A full queue refuses the producer; a subscriber that is too slow misses messages. Messages are
//! delivered at most once.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{broadcast, mpsc};

const QUEUE_LENGTH: usize = 64;
const TOPIC_LENGTH: usize = 256;

/// An order as it is queued and published.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) customer: u64,
    pub(crate) lines: Vec<Value>,
    pub(crate) cents: i64,
    /// `paid` or `deferred`.
    pub(crate) payment: String,
}

/// An order's event as it is pushed, with the time it was made at.
#[derive(Clone, Debug)]
pub(crate) struct OrderEvent {
    pub(crate) order: u64,
    pub(crate) status: &'static str,
    pub(crate) made: Instant,
}

#[derive(Debug)]
pub(crate) struct Messaging {
    queue: mpsc::Sender<Order>,
    work: Mutex<Option<mpsc::Receiver<Order>>>,
    topic: broadcast::Sender<Order>,
    events: broadcast::Sender<OrderEvent>,
    /// The moment that the age of pushed events is counted from: the one clock both ends share.
    born: Instant,
}

impl Messaging {
    pub(crate) fn new() -> Messaging {
        let (queue, work) = mpsc::channel(QUEUE_LENGTH);
        Messaging {
            queue,
            work: Mutex::new(Some(work)),
            topic: broadcast::Sender::new(TOPIC_LENGTH),
            events: broadcast::Sender::new(TOPIC_LENGTH),
            born: Instant::now(),
        }
    }

    /// Queues an order; `false`: the queue is full.
    pub(crate) fn queue(&self, order: Order) -> bool {
        self.queue.try_send(order).is_ok()
    }

    /// The consumer's end of the queue, for the first who asks.
    pub(crate) fn take_work(&self) -> Option<mpsc::Receiver<Order>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Publishes to whoever listens; nobody listening is no fault of the publisher.
    pub(crate) fn publish(&self, order: Order) {
        let _ = self.topic.send(order);
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Order> {
        self.topic.subscribe()
    }

    pub(crate) fn announce(&self, order: u64, status: &'static str) {
        let _ = self.events.send(OrderEvent { order, status, made: Instant::now() });
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<OrderEvent> {
        self.events.subscribe()
    }

    /// Microseconds from the fleet's start to `moment`, as events carry them.
    pub(crate) fn stamp(&self, moment: Instant) -> u64 {
        u64::try_from(moment.duration_since(self.born).as_micros()).unwrap_or(u64::MAX)
    }

    /// How long ago a stamp was made.
    pub(crate) fn age(&self, stamp: u64) -> Duration {
        self.born.elapsed().saturating_sub(Duration::from_micros(stamp))
    }
}
