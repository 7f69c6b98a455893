//! What a sidecar was told of when to refuse calls to its upstreams. It stands in the caller's `service-defaults`
//! (<https://developer.hashicorp.com/consul/docs/reference/config-entry/service-defaults>), and becomes Envoy's thresholds and outlier
//! detection.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{BreakerKind, Callees, Callers, Limit, LimitsFact, OpensAt, RuleHome, Ruling, ServiceName};

use super::super::wire::{ConfigEntry, PassiveHealthCheck, UpstreamLimits};
use super::name;

/// From here on a limit limits nothing: it is the largest that Envoy takes.
const NO_LIMIT: u64 = u32::MAX as u64;
/// How many failures in a row Envoy takes where nobody says.
const USUAL_FAILURES: u64 = 5;

/// The limits for all upstreams, and those for single ones. What is said for one stands in the place of the same part for all.
pub(super) fn of(entry: &ConfigEntry) -> Vec<LimitsFact> {
    if entry.kind != "service-defaults" {
        return Vec::new();
    }
    let defaults = &entry.upstream_config.defaults;
    let (all_limits, all_checks) = (defaults.limits.as_ref(), defaults.passive_health_check.as_ref());
    let fact = |callees: Callees, limits: Vec<Limit>| LimitsFact {
        mesh: Arc::from("consul"),
        rule: Arc::from(format!("service-defaults {}", entry.name)),
        callers: Callers::One(ServiceName::plain(entry.name.as_str())),
        callees,
        home: RuleHome::Everywhere,
        created: None,
        ruling: Ruling::Limits(limits),
    };
    let mut facts = Vec::new();
    let for_all = [capacity("Defaults", all_limits), endpoint("Defaults", all_checks)];
    let for_all: Vec<Limit> = for_all.into_iter().flatten().collect();
    if !for_all.is_empty() {
        facts.push(fact(Callees::All, for_all));
    }
    // A peer's service has no name in this catalog.
    let local = entry.upstream_config.overrides.iter().filter(|one| !one.name.is_empty() && one.peer.is_empty());
    for one in local.filter(|one| one.limits.is_some() || one.passive_health_check.is_some()) {
        let capacity = match &one.limits {
            Some(own) => capacity("Overrides", Some(own)),
            None => capacity("Defaults", all_limits),
        };
        let endpoint = match &one.passive_health_check {
            Some(own) => endpoint("Overrides", Some(own)),
            None => endpoint("Defaults", all_checks),
        };
        let callees = Callees::One(name(&one.namespace, &one.name));
        facts.push(fact(callees, [capacity, endpoint].into_iter().flatten().collect()));
    }
    facts
}

/// How many requests are under way at once, or else how many connections there are; `None` where neither is limited.
fn capacity(part: &str, limits: Option<&UpstreamLimits>) -> Option<Limit> {
    let UpstreamLimits { connections, pending, requests } = *limits?;
    let names = ["Limits.MaxConnections", "Limits.MaxPendingRequests", "Limits.MaxConcurrentRequests"];
    let values = [connections, pending, requests];
    let raw = raw(part, names, values);
    let most = [requests, connections].into_iter().flatten().find(|most| *most < NO_LIMIT);
    let off = values.iter().flatten().all(|one| *one >= NO_LIMIT);
    (!raw.is_empty()).then(|| Limit { kind: BreakerKind::Capacity, opens_at: most.map(OpensAt::AtOnce), off, raw })
}

/// After how many failures in a row an instance is put out.
fn endpoint(part: &str, check: Option<&PassiveHealthCheck>) -> Option<Limit> {
    let PassiveHealthCheck { max_failures, enforcing_consecutive_5xx, max_ejection_percent } = *check?;
    let names = [
        "PassiveHealthCheck.MaxFailures",
        "PassiveHealthCheck.EnforcingConsecutive5xx",
        "PassiveHealthCheck.MaxEjectionPercent",
    ];
    let off = enforcing_consecutive_5xx == Some(0);
    let failures = max_failures.filter(|failures| *failures > 0).unwrap_or(USUAL_FAILURES);
    Some(Limit {
        kind: BreakerKind::Endpoint,
        opens_at: (!off).then_some(OpensAt::InARow(failures)),
        off,
        raw: raw(part, names, [max_failures, enforcing_consecutive_5xx, max_ejection_percent]),
    })
}

fn raw(part: &str, names: [&str; 3], values: [Option<u64>; 3]) -> BTreeMap<Arc<str>, Arc<str>> {
    let given = names.into_iter().zip(values).filter_map(|(name, value)| Some((name, value?)));
    given.map(|(name, value)| (Arc::from(format!("{part}.{name}")), Arc::from(value.to_string()))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(upstream_config: &Value) -> Vec<LimitsFact> {
        let entry = json!({ "Kind": "service-defaults", "Name": "web", "UpstreamConfig": upstream_config });
        of(&serde_json::from_value(entry).unwrap())
    }

    /// Callee, kind, from where on, off.
    fn said(upstream_config: &Value) -> Vec<(String, BreakerKind, Option<OpensAt>, bool)> {
        let each = read(upstream_config).into_iter().flat_map(|fact| {
            let to = match fact.callees {
                Callees::One(name) => name.to_string(),
                _ => "*".to_owned(),
            };
            let Ruling::Limits(limits) = fact.ruling else { panic!("void") };
            limits.into_iter().map(move |one| (to.clone(), one.kind, one.opens_at, one.off))
        });
        each.collect()
    }

    #[test]
    fn what_is_said_for_one_upstream_stands_in_the_place_of_the_same_part_for_all() {
        let config = json!({
            "Defaults": { "Limits": { "MaxConnections": 10, "MaxPendingRequests": 2, "MaxConcurrentRequests": 40 },
                          "PassiveHealthCheck": { "MaxFailures": 3 } },
            "Overrides": [{ "Name": "db", "Limits": { "MaxConnections": 1 } }, { "Name": "geo" },
                          { "Name": "far", "Peer": "p", "Limits": { "MaxConnections": 1 } },
                          { "Name": "free", "Limits": {}, "PassiveHealthCheck": { "EnforcingConsecutive5xx": 0 } }],
        });
        let row = |to: &str, kind, opens_at| (to.to_owned(), kind, Some(opens_at), false);
        assert_eq!(
            said(&config),
            [
                row("*", BreakerKind::Capacity, OpensAt::AtOnce(40)),
                row("*", BreakerKind::Endpoint, OpensAt::InARow(3)),
                row("db", BreakerKind::Capacity, OpensAt::AtOnce(1)),
                row("db", BreakerKind::Endpoint, OpensAt::InARow(3)),
                ("free".to_owned(), BreakerKind::Endpoint, None, true),
            ]
        );
        let raw: Vec<String> = read(&config)
            .into_iter()
            .filter_map(|fact| match fact.ruling {
                Ruling::Limits(limits) => Some(limits),
                Ruling::Void => None,
            })
            .flatten()
            .flat_map(|one| one.raw)
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(raw[4..6], ["Overrides.Limits.MaxConnections=1", "Defaults.PassiveHealthCheck.MaxFailures=3"]);
    }

    #[test]
    fn what_limits_nothing_is_off_and_what_is_not_said_is_what_envoy_does() {
        let most = json!({ "MaxConnections": u32::MAX, "MaxConcurrentRequests": u32::MAX });
        assert_eq!(
            said(&json!({ "Defaults": { "Limits": most, "PassiveHealthCheck": {} } })),
            [
                ("*".to_owned(), BreakerKind::Capacity, None, true),
                ("*".to_owned(), BreakerKind::Endpoint, Some(OpensAt::InARow(5)), false),
            ]
        );
        let waiting = json!({ "Limits": { "MaxPendingRequests": 4 } });
        assert_eq!(said(&json!({ "Defaults": waiting })), [("*".to_owned(), BreakerKind::Capacity, None, false)]);
    }

    #[test]
    fn a_number_that_is_none_costs_itself_only() {
        let odd = json!({ "MaxConnections": -1, "MaxPendingRequests": "many", "MaxConcurrentRequests": 7 });
        let row = ("*".to_owned(), BreakerKind::Capacity, Some(OpensAt::AtOnce(7)), false);
        assert_eq!(said(&json!({ "Defaults": { "Limits": odd } })), [row]);
        assert_eq!(said(&json!({ "Defaults": { "Limits": { "MaxConnections": 1.5 } }, "Overrides": null })), []);
    }
}
