//! Variables of containers that name a Service: who is configured to call whom.

use std::sync::Arc;

use binnacle_model::fact::{Fact, MentionFact, ServiceName, WorkloadKind};

use super::super::ledger::Said;
use super::super::owners::service_name;
use super::super::wire::{Meta, Reach, TemplateSpec, Variable};

/// The most that one workload is said to name.
const MOST: usize = 200;

/// What the containers of a workload's template name.
pub(super) fn of_template(meta: &Meta, service: &ServiceName, kind: &WorkloadKind, spec: &TemplateSpec) -> Vec<Said> {
    let all = spec.init_containers.iter().chain(&spec.containers);
    of(meta, service, kind, all.map(|container| (container.name.as_str(), container.env.as_slice())))
}

/// What containers name, each with its variables.
pub(super) fn of<'a>(
    meta: &Meta,
    service: &ServiceName,
    kind: &WorkloadKind,
    containers: impl Iterator<Item = (&'a str, &'a [Variable])>,
) -> Vec<Said> {
    let mut facts = Vec::new();
    for (container, variables) in containers {
        for variable in variables {
            for reach in &variable.reaches {
                let Some(target) = target(reach, &meta.namespace) else { continue };
                let key = format!("mention/{}/{container}/{}/{target}", meta.key(), variable.name);
                let fact = MentionFact {
                    service: service.clone(),
                    kind: kind.clone(),
                    workload: Arc::from(meta.name.as_str()),
                    container: Arc::from(container),
                    variable: Arc::from(variable.name.as_str()),
                    target,
                    scheme: reach.scheme.as_deref().map(Arc::from),
                    port: reach.port,
                };
                facts.push((key, Fact::Mention(fact)));
            }
        }
    }
    facts.dedup_by(|a, b| a.0 == b.0);
    facts.truncate(MOST);
    facts
}

/// The Service that a host would be in the cluster's DNS
/// (<https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/>).
fn target(reach: &Reach, own: &str) -> Option<ServiceName> {
    let all: Vec<&str> = reach.host.split('.').collect();
    // What follows is the cluster's own domain.
    let end = all.iter().skip(2).position(|label| *label == "svc").map_or(all.len(), |behind| behind + 2);
    match all.get(..end)? {
        [name] => Some(service_name(own, name)),
        // With a Pod of a headless Service before it, or without.
        [name, namespace] | [_, name, namespace] => Some(service_name(namespace, name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(host: &str) -> Option<String> {
        let reach = Reach { scheme: None, host: host.to_owned(), port: Some(80) };
        target(&reach, "shop").map(|name| name.to_string())
    }

    #[test]
    fn a_host_is_the_service_that_the_dns_of_the_cluster_has_for_it() {
        for (host, service) in [
            ("cart", Some("shop/cart")),
            ("cart.other", Some("other/cart")),
            ("cart.other.svc", Some("other/cart")),
            ("cart.other.svc.cluster.local", Some("other/cart")),
            ("db-0.db.shop", Some("shop/db")),
            ("db-0.db.shop.svc.cluster.local", Some("shop/db")),
            ("api.pay.example.com", None),
        ] {
            assert_eq!(named(host).as_deref(), service, "{host}");
        }
    }
}
