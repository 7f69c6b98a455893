//! Alerts, each at the service that it speaks of. One that speaks of nothing that is known stands by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::parties::Directory;
use super::{evidence, is_stale};
use crate::fact::{AlertFact, Fact, Party};
use crate::id::ServiceId;
use crate::snapshot::{Alert, Service, Since, Snapshot};
use crate::store::Store;

/// Finds for every alert whom it is about.
pub(super) fn of(
    store: &Store,
    services: &BTreeMap<ServiceId, Service>,
    directory: &Directory,
    before: &Snapshot,
    now: Timestamp,
) -> BTreeMap<Arc<str>, Alert> {
    let mut alerts = BTreeMap::new();
    for (source, facts) in store.sources() {
        for observation in facts.observations() {
            let Fact::Alert(fact) = &observation.fact else { continue };
            let key: Arc<str> = Arc::from(format!("{source}/{}", observation.object.key));
            let seen_before = before.alerts.get(&key).map(|old| old.since);
            let since = match fact.since {
                Some(at) => Since { at, seen_changing: true },
                None => seen_before.unwrap_or(Since { at: now, seen_changing: false }),
            };
            let alert = Alert {
                fact: fact.clone(),
                service: service(fact, services, directory),
                since,
                stale: is_stale(facts),
                evidence: evidence(source, observation),
            };
            alerts.insert(key, alert);
        }
    }
    alerts
}

/// The service that an alert is about. A name that fits several says nothing, unless the alert names the namespace too.
fn service(fact: &AlertFact, services: &BTreeMap<ServiceId, Service>, directory: &Directory) -> Option<ServiceId> {
    let about = fact.about.as_ref()?;
    let namespace = fact.labels.get("namespace");
    if let (Party::Named(name), Some(namespace)) = (about, namespace)
        && let Some(there) = directory.named_in(name, namespace, services)
    {
        return Some(there);
    }
    let found = services.get(&directory.find(about, None)?.id)?;
    let elsewhere = namespace.is_some_and(|namespace| is_elsewhere(found, namespace));
    (!elsewhere || !matches!(about, Party::Named(_))).then(|| found.id.clone())
}

/// Whether a service is in namespaces, and not in this one.
fn is_elsewhere(service: &Service, namespace: &str) -> bool {
    let mut spaces = service.facets.iter().filter_map(|facet| facet.name.namespace.as_deref()).peekable();
    spaces.peek().is_some() && spaces.all(|one| one != namespace)
}
