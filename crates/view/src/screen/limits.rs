//! What a mesh was told of when to refuse calls, in words, and what would tell whether it does.

use binnacle_model::fact::{BreakerKind, Callees, Callers, Fact, Limit, LimitsFact, Namespaces, Ruling};
use binnacle_model::snapshot::{Breaker, ConfiguredLimit};

use super::breakers::opens_at;
use crate::text;

/// From where on a breaker opens: what a process tells, else what is configured, with the rule that says so. Empty where neither is.
pub fn opening(breaker: &Breaker) -> String {
    match (breaker.configured(), breaker.opens_at()) {
        (Some(limit), _) => words(limit),
        (None, Some(limit)) => opens_at(limit),
        (None, None) => String::new(),
    }
}

/// `5 failed in a row · DestinationRule reviews`.
pub fn words(configured: &ConfiguredLimit) -> String {
    let rule = text::name(&configured.rule);
    match void_by(configured) {
        Some(by) => format!("off: {by} makes it void · {rule}"),
        None => format!("{} · {rule}", limit(&configured.limit)),
    }
}

/// The rule that makes a limit void, where one does.
pub fn void_by(configured: &ConfiguredLimit) -> Option<String> {
    match &configured.void_by.as_ref()?.observation.fact {
        Fact::Limits(fact) => Some(text::name(&fact.rule)),
        _ => None,
    }
}

fn limit(limit: &Limit) -> String {
    match limit.opens_at {
        _ if limit.off => "off".to_owned(),
        Some(at) => opens_at(at),
        None => "by several numbers".to_owned(),
    }
}

/// The values of a limit, by the rule's own names.
pub fn values(limit: &Limit) -> String {
    let raw: Vec<String> = limit.raw.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    text::name(&raw.join(" · "))
}

/// What would tell the state of a breaker of which only limits are known; `None` where it is told, or is off.
pub fn switch_on(breaker: &Breaker) -> Option<&'static str> {
    if breaker.told_state().is_some() {
        return None;
    }
    let mesh = breaker.limits.iter().find(|one| !one.is_off())?;
    Some(match &*mesh.mesh {
        "istio" => {
            "A sidecar records it only when it is told so: `circuit_breakers` and `outlier_detection` in `proxyStatsMatcher` (annotation \
             `proxy.istio.io/config`) and a restart of the caller's Pods, with a Prometheus that scrapes them; or read the sidecar's \
             admin interface: --source envoy=URL."
        }
        "consul" => {
            "Let the caller's sidecar publish its metrics (`envoy_prometheus_bind_addr` in proxy-defaults) and a Prometheus scrape \
             them, or read its admin interface: --source envoy=URL."
        }
        "linkerd" => {
            "No proxy of Linkerd tells which endpoints are put out. What comes nearest is `outbound_http_balancer_endpoints` of the \
             caller's proxy, by its label `endpoint_state`."
        }
        _ => "Let the caller's proxy publish its metrics, or read its admin interface: --source envoy=URL.",
    })
}

/// A rule, as evidence says it.
pub(super) fn rule_words(fact: &LimitsFact) -> String {
    let callers = match &fact.callers {
        Callers::One(one) => one.to_string(),
        Callers::Instances { namespaces, selects } => {
            let whom = if selects.is_empty() { "everybody".to_owned() } else { format!("Pods with {selects}") };
            match namespaces {
                Namespaces::All => whom,
                Namespaces::Named(names) => format!("{whom} in {}", names.join(", ")),
            }
        }
    };
    let callees = match &fact.callees {
        Callees::One(one) => one.to_string(),
        Callees::Host(host) => host.to_string(),
        Callees::Namespace(namespace) => format!("every service of {namespace}"),
        Callees::All => "every service".to_owned(),
    };
    let mut lines = vec![format!("{}: calls of {callers} to {callees}", fact.rule)];
    match &fact.ruling {
        Ruling::Void => lines.push("no limit holds for them while it is there".to_owned()),
        Ruling::Limits(limits) if limits.is_empty() => lines.push("nothing limits them".to_owned()),
        Ruling::Limits(limits) => lines.extend(limits.iter().flat_map(|one| {
            let kind = match one.kind {
                BreakerKind::Failure => "failure",
                BreakerKind::Capacity => "capacity",
                BreakerKind::Endpoint => "endpoint",
            };
            let raw = one.raw.iter().map(|(name, value)| format!("{name} = {value}"));
            std::iter::once(format!("{kind}: {}", limit(one))).chain(raw)
        })),
    }
    lines.join("\n")
}
