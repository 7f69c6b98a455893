//! Who there is in the demo's shop, and who calls whom: the one list everything else is derived from.

/// How a call travels; the words are those of the metrics' `protocol` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Tcp,
    Messaging,
}

impl Protocol {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Protocol::Http => "http",
            Protocol::Tcp => "tcp",
            Protocol::Messaging => "messaging",
        }
    }
}

/// What kind of conversation an edge is; the words of the `pattern` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    RequestResponse,
    Push,
    WorkQueue,
    PublishSubscribe,
    Rpc,
}

impl Pattern {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Pattern::RequestResponse => "request_response",
            Pattern::Push => "push",
            Pattern::WorkQueue => "work_queue",
            Pattern::PublishSubscribe => "publish_subscribe",
            Pattern::Rpc => "rpc",
        }
    }
}

/// What is carried; the words of the `payload` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    Json,
    Xml,
    Binary,
}

impl Payload {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Payload::Json => "json",
            Payload::Xml => "xml",
            Payload::Binary => "binary",
        }
    }
}

/// One edge, as its caller has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// The service called, or the queue or topic written to.
    pub(crate) peer: &'static str,
    pub(crate) protocol: Protocol,
    pub(crate) pattern: Pattern,
    pub(crate) payload: Payload,
}

impl Call {
    const fn json(peer: &'static str) -> Call {
        Call { peer, protocol: Protocol::Http, pattern: Pattern::RequestResponse, payload: Payload::Json }
    }

    const fn xml(peer: &'static str) -> Call {
        Call { payload: Payload::Xml, ..Call::json(peer) }
    }

    /// Only what is asked and answered can be refused by a breaker.
    pub(crate) fn has_breaker(&self) -> bool {
        matches!(self.pattern, Pattern::RequestResponse | Pattern::Rpc)
    }
}

/// The work queue between `orders` and `fulfilment`. It has its consumer's name, so the edge ends at that service.
pub(crate) const QUEUE: &str = "fulfilment";
/// The topic that `orders` publishes and `notifications` and `analytics` subscribe to.
pub(crate) const TOPIC: &str = "order.placed";
/// The service with a Hystrix event stream.
pub(crate) const HYSTRIX_SERVICE: &str = "checkout";

/// One service of the shop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServicePlan {
    pub(crate) name: &'static str,
    pub(crate) team: &'static str,
    pub(crate) version: &'static str,
    pub(crate) instances: usize,
    /// The time every answer takes at least, where the key-value store says nothing else, in milliseconds.
    pub(crate) latency_ms: u32,
    /// Whether it also reports on itself, by a TTL check.
    pub(crate) reports: bool,
    pub(crate) calls: &'static [Call],
    /// Whom its sidecar says it calls; not quite the truth, as in life.
    pub(crate) declares: &'static [&'static str],
}

const PLAIN: ServicePlan = ServicePlan {
    name: "",
    team: "shop",
    version: "1.0.0",
    instances: 1,
    latency_ms: 4,
    reports: false,
    calls: &[],
    declares: &[],
};

pub(crate) const SERVICES: &[ServicePlan] = &[
    ServicePlan {
        name: "storefront",
        team: "web",
        version: "3.9.1",
        instances: 2,
        calls: &[
            Call::json("search"),
            Call::json("catalog"),
            Call::json("cart"),
            Call::json("checkout"),
            Call { pattern: Pattern::Push, ..Call::json("orders") },
        ],
        declares: &["search", "catalog", "cart", "checkout"],
        ..PLAIN
    },
    ServicePlan {
        name: "mobile-bff",
        team: "mobile",
        version: "2.1.0",
        calls: &[Call::json("catalog"), Call::json("cart")],
        // It will check out one day; the declaration is already there.
        declares: &["catalog", "cart", "checkout"],
        ..PLAIN
    },
    ServicePlan { name: "search", version: "1.7.2", latency_ms: 9, calls: &[Call::json("catalog")], ..PLAIN },
    ServicePlan { name: "catalog", version: "4.0.3", instances: 3, calls: &[Call::json("inventory")], ..PLAIN },
    ServicePlan {
        name: "cart",
        version: "1.12.0",
        instances: 2,
        calls: &[Call::json("catalog")],
        declares: &["catalog"],
        ..PLAIN
    },
    ServicePlan {
        name: "checkout",
        team: "money",
        version: "5.2.0",
        latency_ms: 8,
        reports: true,
        calls: &[Call::json("cart"), Call::xml("shipping"), Call::json("payments"), Call::json("orders")],
        declares: &["cart", "shipping", "payments", "orders"],
        ..PLAIN
    },
    ServicePlan {
        name: "payments",
        team: "money",
        version: "2.8.4",
        instances: 2,
        latency_ms: 20,
        reports: true,
        calls: &[
            Call::json("fraud"),
            Call { peer: "ledger", protocol: Protocol::Tcp, pattern: Pattern::Rpc, payload: Payload::Binary },
        ],
        declares: &["fraud", "ledger"],
    },
    ServicePlan { name: "fraud", team: "money", version: "0.9.0", latency_ms: 12, ..PLAIN },
    ServicePlan { name: "ledger", team: "money", version: "1.3.3", latency_ms: 2, ..PLAIN },
    ServicePlan {
        name: "orders",
        version: "3.0.1",
        latency_ms: 6,
        reports: true,
        calls: &[
            Call { peer: QUEUE, protocol: Protocol::Messaging, pattern: Pattern::WorkQueue, payload: Payload::Json },
            Call {
                peer: TOPIC,
                protocol: Protocol::Messaging,
                pattern: Pattern::PublishSubscribe,
                payload: Payload::Json,
            },
        ],
        ..PLAIN
    },
    ServicePlan {
        name: "fulfilment",
        team: "warehouse",
        version: "1.1.0",
        latency_ms: 15,
        reports: true,
        calls: &[Call::json("inventory"), Call::xml("shipping")],
        ..PLAIN
    },
    ServicePlan { name: "inventory", team: "warehouse", version: "2.2.2", instances: 2, latency_ms: 3, ..PLAIN },
    ServicePlan { name: "shipping", team: "warehouse", version: "1.0.9", latency_ms: 10, ..PLAIN },
    ServicePlan { name: "notifications", team: "web", version: "1.4.0", ..PLAIN },
    ServicePlan { name: "analytics", team: "web", version: "0.3.0", ..PLAIN },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_goes_to_a_service_of_the_shop_or_to_its_queue_or_topic() {
        for service in SERVICES {
            for call in service.calls {
                let known = SERVICES.iter().any(|other| other.name == call.peer);
                assert!(known || call.peer == TOPIC, "{} → {}", service.name, call.peer);
            }
            assert!(service.declares.iter().all(|peer| SERVICES.iter().any(|other| other.name == *peer)));
        }
    }
}
