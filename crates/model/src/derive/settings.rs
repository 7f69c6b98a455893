//! The same setting in a ConfigMap and in a registry's key-value store, with different values.
//!
//! What is the same setting is a matter of names, and told as such: the ConfigMap is named after a service that the registry knows
//! as well, and one key in a folder of that service's name ends as the ConfigMap's key does. Where several fit, none does.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{evidence, is_stale};
use crate::fact::{ConfigFact, Fact, Observation, StoreKind, ValueMark};
use crate::id::{ServiceId, SourceId, SourceKind};
use crate::snapshot::{Claim, Evidence, Service};
use crate::store::Store;

/// What charts and people put behind the name of the service that a ConfigMap is for.
const ENDINGS: [&str; 6] = ["-config", "-configmap", "-settings", "-env", "-cm", "-properties"];

/// A setting that two stores hold with different values.
pub(super) struct Finding {
    /// The ConfigMap's key, `NAMESPACE/NAME/KEY`.
    pub(super) subject: Arc<str>,
    /// Unique.
    pub(super) key: String,
    /// The service whose setting it is.
    pub(super) service: ServiceId,
    /// The ConfigMap's side first.
    pub(super) claims: Vec<Claim>,
}

/// A key of a registry's folder that a ConfigMap's key may be the same as.
struct Wanted<'a> {
    /// The name of the service there, which a folder must have.
    folder: &'a str,
    fits: Vec<(&'a Arc<Observation>, ValueMark)>,
    at: usize,
}

/// One key of a ConfigMap that belongs to a service which a registry knows too.
struct Setting<'a> {
    source: &'a SourceId,
    observation: &'a Arc<Observation>,
    mark: ValueMark,
    service: &'a ServiceId,
}

/// Compares what current sources hold.
pub(super) fn findings<'a>(store: &'a Store, services: impl Iterator<Item = &'a Service>) -> Vec<Finding> {
    let owners = Owners::of(services);
    if owners.by_name.is_empty() {
        return Vec::new();
    }
    let mut settings: Vec<Setting<'_>> = Vec::new();
    let mut wanted: BTreeMap<(&SourceId, String), Vec<Wanted<'_>>> = BTreeMap::new();
    for (source, observation, fact, mark) in marked(store, SourceKind::Kube, StoreKind::ConfigMap) {
        let Some((service, registries, key)) = owners.owner(source, &fact.path) else { continue };
        let at = settings.len();
        settings.push(Setting { source, observation, mark, service });
        for (registry, folder) in registries {
            let entry = wanted.entry((*registry, alike(key))).or_default();
            entry.push(Wanted { folder, fits: Vec::new(), at });
        }
    }
    if wanted.is_empty() {
        return Vec::new();
    }
    for (source, observation, fact, mark) in marked(store, SourceKind::Consul, StoreKind::ConsulKv) {
        let Some((folders, last)) = fact.path.rsplit_once('/') else { continue };
        for one in wanted.get_mut(&(source, alike(last))).into_iter().flatten() {
            if folders.split('/').any(|folder| folder == one.folder) {
                one.fits.push((observation, mark));
            }
        }
    }
    let mut found = Vec::new();
    for ((registry, _), all) in &wanted {
        for one in all {
            let ([(observation, mark)], Some(setting)) = (one.fits.as_slice(), settings.get(one.at)) else { continue };
            if *mark != setting.mark {
                found.push(finding(setting, registry, observation));
            }
        }
    }
    found
}

fn finding(setting: &Setting<'_>, registry: &SourceId, other: &Arc<Observation>) -> Finding {
    let says = |source: &SourceId, observation: &Arc<Observation>| {
        let evidence: Evidence = evidence(source, observation);
        let Fact::Config(fact) = &observation.fact else { return None };
        let words =
            format!("{} has another value, {} bytes (the same setting by its name)", fact.path, fact.size_bytes);
        Some(Claim { source: source.clone(), says: Arc::from(words), evidence: Some(evidence) })
    };
    let claims = [says(setting.source, setting.observation), says(registry, other)];
    let subject = setting.observation.object.key.clone();
    Finding {
        key: format!("{}/{subject} {registry}/{}", setting.source, other.object.key),
        subject,
        service: setting.service.clone(),
        claims: claims.into_iter().flatten().collect(),
    }
}

/// The keys of one kind of store that have a value to compare, of sources that are current.
fn marked(
    store: &Store,
    kind: SourceKind,
    of: StoreKind,
) -> impl Iterator<Item = (&SourceId, &Arc<Observation>, &ConfigFact, ValueMark)> {
    let sources = store.sources().iter().filter(move |(id, facts)| id.kind() == Some(kind) && !is_stale(facts));
    let all = sources.filter_map(move |(id, facts)| Some((id, facts.collections.get(of.collection())?)));
    let all = all.flat_map(|(id, keys)| keys.values().map(move |one| (id, one)));
    all.filter_map(move |(id, observation)| match &observation.fact {
        Fact::Config(fact) if fact.store == of => Some((id, observation, fact, fact.mark?)),
        _ => None,
    })
}

/// `LOG_LEVEL`, `log-level` and `log.level` are one name.
fn alike(key: &str) -> String {
    key.chars().map(|c| if matches!(c, '-' | '.') { '_' } else { c.to_ascii_lowercase() }).collect()
}

type Registries<'a> = Vec<(&'a SourceId, &'a str)>;

/// Services that a cluster and a registry both know, by the cluster's name.
struct Owners<'a> {
    /// By cluster, namespace and name.
    by_name: BTreeMap<(&'a SourceId, &'a str, &'a str), (&'a ServiceId, Registries<'a>)>,
}

impl<'a> Owners<'a> {
    fn of(services: impl Iterator<Item = &'a Service>) -> Self {
        let mut by_name = BTreeMap::new();
        for service in services {
            let of = |kind| service.facets.iter().filter(move |facet| facet.source.kind() == Some(kind));
            let registries: Registries<'_> =
                of(SourceKind::Consul).map(|facet| (&facet.source, &*facet.name.name)).collect();
            if !registries.is_empty() {
                by_name.extend(of(SourceKind::Kube).filter_map(|facet| {
                    let name = (&facet.source, facet.name.namespace.as_deref()?, &*facet.name.name);
                    Some((name, (&service.id, registries.clone())))
                }));
            }
        }
        Self { by_name }
    }

    /// Whose setting a ConfigMap's key is, and the key.
    fn owner(&self, source: &'a SourceId, path: &'a str) -> Option<(&'a ServiceId, &Registries<'a>, &'a str)> {
        let mut parts = path.splitn(3, '/');
        let (namespace, name, key) = (parts.next()?, parts.next()?, parts.next()?);
        let plain = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending));
        std::iter::once(name).chain(plain).find_map(|name| {
            let (service, registries) = self.by_name.get(&(source, namespace, name))?;
            Some((*service, registries, key))
        })
    }
}
