//! The receiving end of a server push: `storefront` keeps a connection to `orders` open and is told of every order.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;

use crate::fleet::Pattern;
use crate::instance::Instance;
use crate::messaging::Messaging;
use crate::metrics::Outcome;

const RETRY: Duration = Duration::from_millis(500);
/// An event longer than this ends the connection.
const MAX_EVENT_BYTES: usize = 64 * 1024;

/// Listens until the instance stops; connects again when the other side hangs up.
pub(crate) async fn listen(instance: Arc<Instance>, messaging: Arc<Messaging>) {
    let Some(call) = instance.plan.calls.iter().find(|call| call.pattern == Pattern::Push) else { return };
    loop {
        tokio::select! {
            () = instance.stop.cancelled() => return,
            () = receive(&instance, call, &messaging) => {}
        }
        instance.metrics.called(call, Outcome::Error, Duration::ZERO);
        tokio::select! {
            () = instance.stop.cancelled() => return,
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

/// One connection, until it ends.
async fn receive(instance: &Instance, call: &crate::fleet::Call, messaging: &Messaging) {
    let Ok(response) = instance.subscribe(call.peer, "/events").await else { return };
    let mut chunks = response.bytes_stream();
    let mut pending = Vec::new();
    while let Some(Ok(chunk)) = chunks.next().await {
        pending.extend_from_slice(&chunk);
        while let Some(end) = pending.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = pending.drain(..end + 2).collect();
            if let Some(stamp) = stamp(&event) {
                instance.metrics.called(call, Outcome::Ok, messaging.age(stamp));
            }
        }
        if pending.len() > MAX_EVENT_BYTES {
            return;
        }
    }
}

/// The time the event was made at, from its data.
fn stamp(event: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(event).ok()?;
    let data = text.lines().find_map(|line| line.strip_prefix("data: "))?;
    serde_json::from_str::<Value>(data).ok()?.get("sent_us")?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_carries_the_time_it_was_made_at() {
        assert_eq!(stamp(b"event: order\ndata: {\"order\":1,\"sent_us\":42}\n\n"), Some(42));
        for other in [&b": comment\n\n"[..], b"data: nonsense\n\n", b"data: {}\n\n", b"data: \xff\n\n"] {
            assert_eq!(stamp(other), None);
        }
    }
}
