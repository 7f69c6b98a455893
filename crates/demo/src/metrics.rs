//! What one instance counts, and its `/metrics` in Prometheus' text format 0.0.4.
//!
//! How edges come out of it: a caller counts `demo_client_requests_total` with its own name as `service` and the one it
//! calls as `peer`, so client and server side of one call are never added up. For a queue or topic the producer counts
//! the same family with the queue's or topic's name as `peer` and `protocol="messaging"`; who consumes counts
//! `demo_topic_messages_total` or `demo_queue_messages_total` with `direction="consume"`, and that pair of rows is the
//! edge from topic to consumer. A subscriber of a server push counts each event as one client request with
//! `pattern="push"`, whose duration is the event's age at arrival.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::breaker::{BreakerState, Glance};
use crate::fleet::Call;

/// The upper bounds of the histograms' buckets, in seconds.
const BOUNDS: [(f64, &str); 12] = [
    (0.001, "0.001"),
    (0.0025, "0.0025"),
    (0.005, "0.005"),
    (0.01, "0.01"),
    (0.025, "0.025"),
    (0.05, "0.05"),
    (0.1, "0.1"),
    (0.25, "0.25"),
    (0.5, "0.5"),
    (1.0, "1"),
    (2.5, "2.5"),
    (5.0, "5"),
];

/// How a call ended for its caller; the words of the `outcome` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    Error,
    /// Refused by the breaker, and never sent.
    Rejected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Queue,
    Topic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Publish,
    Consume,
}

#[derive(Clone, Debug, Default)]
struct Histogram {
    buckets: [u64; BOUNDS.len()],
    sum_seconds: f64,
    count: u64,
}

impl Histogram {
    fn observe(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        for (bucket, (bound, _)) in self.buckets.iter_mut().zip(BOUNDS) {
            if seconds <= bound {
                *bucket += 1;
            }
        }
        self.sum_seconds += seconds;
        self.count += 1;
    }

    fn write(&self, out: &mut String, name: &str, labels: &str) {
        for (bucket, (_, bound)) in self.buckets.iter().zip(BOUNDS) {
            let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {bucket}");
        }
        let _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {}", self.count);
        let _ = writeln!(out, "{name}_sum{{{labels}}} {}", self.sum_seconds);
        let _ = writeln!(out, "{name}_count{{{labels}}} {}", self.count);
    }
}

#[derive(Debug)]
struct Client {
    call: Call,
    ok: u64,
    error: u64,
    rejected: u64,
    durations: Histogram,
}

#[derive(Debug, Default)]
struct Tables {
    clients: Vec<Client>,
    served_ok: u64,
    served_error: u64,
    served: Histogram,
    /// By channel, its name and the direction.
    messages: BTreeMap<(&'static str, &'static str, &'static str), u64>,
}

#[derive(Debug)]
pub(crate) struct Metrics {
    service: &'static str,
    tables: Mutex<Tables>,
}

impl Metrics {
    /// Every series of every call is there from the start, at zero: a rate can be had from the first two scrapes.
    pub(crate) fn new(service: &'static str, calls: &[Call]) -> Metrics {
        let client =
            |call: &Call| Client { call: *call, ok: 0, error: 0, rejected: 0, durations: Histogram::default() };
        let tables = Tables { clients: calls.iter().map(client).collect(), ..Tables::default() };
        Metrics { service, tables: Mutex::new(tables) }
    }

    pub(crate) fn called(&self, call: &Call, outcome: Outcome, took: Duration) {
        let mut tables = self.lock();
        let Some(client) = tables.clients.iter_mut().find(|client| client.call == *call) else { return };
        match outcome {
            Outcome::Ok => client.ok += 1,
            Outcome::Error => client.error += 1,
            Outcome::Rejected => {
                client.rejected += 1;
                return;
            }
        }
        client.durations.observe(took);
    }

    pub(crate) fn served(&self, ok: bool, took: Duration) {
        let mut tables = self.lock();
        if ok {
            tables.served_ok += 1;
        } else {
            tables.served_error += 1;
        }
        tables.served.observe(took);
    }

    pub(crate) fn message(&self, channel: Channel, name: &'static str, direction: Direction) {
        let channel = match channel {
            Channel::Queue => "queue",
            Channel::Topic => "topic",
        };
        let direction = match direction {
            Direction::Publish => "publish",
            Direction::Consume => "consume",
        };
        *self.lock().messages.entry((channel, name, direction)).or_default() += 1;
    }

    /// The text of a scrape; `breakers` by peer.
    pub(crate) fn text(&self, breakers: &[(&'static str, Glance)]) -> String {
        let mut out = String::with_capacity(8 * 1024);
        let tables = self.lock();
        self.write_clients(&mut out, &tables);
        self.write_server(&mut out, &tables);
        self.write_breakers(&mut out, breakers);
        self.write_messages(&mut out, &tables);
        out
    }

    fn write_clients(&self, out: &mut String, tables: &Tables) {
        if tables.clients.is_empty() {
            return;
        }
        header(
            out,
            "demo_client_requests_total",
            "counter",
            "Calls made, by how they ended. Rejected: refused by the breaker, never sent.",
        );
        for client in &tables.clients {
            let labels = self.client_labels(&client.call);
            for (outcome, count) in [("ok", client.ok), ("error", client.error), ("rejected", client.rejected)] {
                let _ = writeln!(out, "demo_client_requests_total{{{labels},outcome=\"{outcome}\"}} {count}");
            }
        }
        header(out, "demo_client_request_duration_seconds", "histogram", "How long calls took that were sent.");
        for client in &tables.clients {
            client.durations.write(out, "demo_client_request_duration_seconds", &self.client_labels(&client.call));
        }
    }

    fn client_labels(&self, call: &Call) -> String {
        format!(
            "service=\"{}\",peer=\"{}\",protocol=\"{}\",pattern=\"{}\",payload=\"{}\"",
            self.service,
            call.peer,
            call.protocol.as_str(),
            call.pattern.as_str(),
            call.payload.as_str()
        )
    }

    fn write_server(&self, out: &mut String, tables: &Tables) {
        let service = self.service;
        header(out, "demo_server_requests_total", "counter", "Requests answered, and messages worked on.");
        for (outcome, count) in [("ok", tables.served_ok), ("error", tables.served_error)] {
            let _ = writeln!(out, "demo_server_requests_total{{service=\"{service}\",outcome=\"{outcome}\"}} {count}");
        }
        header(out, "demo_server_request_duration_seconds", "histogram", "How long answering took.");
        tables.served.write(out, "demo_server_request_duration_seconds", &format!("service=\"{service}\""));
    }

    fn write_breakers(&self, out: &mut String, breakers: &[(&'static str, Glance)]) {
        if breakers.is_empty() {
            return;
        }
        let service = self.service;
        header(out, "demo_breaker_state", "gauge", "1 for the state the circuit breaker is in.");
        for (peer, glance) in breakers {
            for state in BreakerState::ALL {
                let here = u8::from(glance.state == state);
                let state = state.as_str();
                let _ = writeln!(
                    out,
                    "demo_breaker_state{{service=\"{service}\",peer=\"{peer}\",state=\"{state}\"}} {here}"
                );
            }
        }
        header(out, "demo_breaker_rejected_total", "counter", "Calls refused by the circuit breaker.");
        for (peer, glance) in breakers {
            let _ = writeln!(
                out,
                "demo_breaker_rejected_total{{service=\"{service}\",peer=\"{peer}\"}} {}",
                glance.rejected
            );
        }
    }

    fn write_messages(&self, out: &mut String, tables: &Tables) {
        let service = self.service;
        for (kind, help) in [
            ("queue", "Messages put on and taken from work queues."),
            ("topic", "Messages published to and received from topics."),
        ] {
            let mut rows = tables.messages.iter().filter(|((channel, ..), _)| *channel == kind).peekable();
            if rows.peek().is_none() {
                continue;
            }
            let name = format!("demo_{kind}_messages_total");
            header(out, &name, "counter", help);
            for ((_, channel, direction), count) in rows {
                let _ = writeln!(
                    out,
                    "{name}{{service=\"{service}\",{kind}=\"{channel}\",direction=\"{direction}\"}} {count}"
                );
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn header(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Pattern, Payload, Protocol};

    const CALL: Call =
        Call { peer: "payments", protocol: Protocol::Http, pattern: Pattern::RequestResponse, payload: Payload::Json };

    #[test]
    fn a_scrape_has_every_series_and_cumulative_buckets() {
        let metrics = Metrics::new("checkout", &[CALL]);
        metrics.called(&CALL, Outcome::Ok, Duration::from_millis(3));
        metrics.called(&CALL, Outcome::Error, Duration::from_millis(80));
        metrics.called(&CALL, Outcome::Rejected, Duration::ZERO);
        metrics.message(Channel::Topic, "order.placed", Direction::Consume);
        let text = metrics.text(&[]);
        let labels =
            "service=\"checkout\",peer=\"payments\",protocol=\"http\",pattern=\"request_response\",payload=\"json\"";
        for line in [
            format!("demo_client_requests_total{{{labels},outcome=\"ok\"}} 1"),
            format!("demo_client_requests_total{{{labels},outcome=\"rejected\"}} 1"),
            format!("demo_client_request_duration_seconds_bucket{{{labels},le=\"0.0025\"}} 0"),
            format!("demo_client_request_duration_seconds_bucket{{{labels},le=\"0.005\"}} 1"),
            format!("demo_client_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} 2"),
            format!("demo_client_request_duration_seconds_count{{{labels}}} 2"),
            "demo_topic_messages_total{service=\"checkout\",topic=\"order.placed\",direction=\"consume\"} 1".to_owned(),
            "# TYPE demo_client_request_duration_seconds histogram".to_owned(),
        ] {
            assert!(text.lines().any(|known| known == line), "{line} is missing in\n{text}");
        }
        let families: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        let mut once = families.clone();
        once.dedup();
        assert_eq!(families, once, "a family is announced once");
    }
}
