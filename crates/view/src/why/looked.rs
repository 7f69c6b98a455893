//! What was looked for that would bring calls into the picture, what came of it, and what to switch on.

use std::sync::Arc;

use binnacle_model::fact::{CallsBasis, Fact};
use binnacle_model::id::{ServiceId, SourceKind};
use binnacle_model::snapshot::{Breaker, Edge, Evidence, Instance, Service, Source, SourceState};

use super::{Looked, Told};
use crate::screen::{plural, source_name};
use crate::text;

/// Whose calls are missing.
struct Missing<'a> {
    told: &'a Told<'a>,
    /// The caller, where a pair was asked about.
    from: Option<&'a ServiceId>,
    /// The callee, or the service that was asked about.
    to: &'a ServiceId,
}

pub(super) fn of_service(told: &Told<'_>, service: &Service) -> Vec<Looked> {
    Missing { told, from: None, to: &service.id }.all()
}

pub(super) fn of_pair(told: &Told<'_>, from: &ServiceId, to: &ServiceId) -> Vec<Looked> {
    Missing { told, from: Some(from), to }.all()
}

impl Missing<'_> {
    fn all(&self) -> Vec<Looked> {
        let mut all = Vec::new();
        for source in self.told.snapshot.sources.values() {
            match source.id.kind() {
                Some(SourceKind::Consul) => all.push(self.consul(source)),
                Some(SourceKind::Kube) => all.push(self.cluster(source)),
                Some(SourceKind::Prometheus) => all.extend(self.prometheus(source)),
                Some(SourceKind::Scrape) => all.push(self.counted(source, "calls that instances count themselves")),
                Some(SourceKind::Hystrix) => all.push(self.breakers_of(
                    source,
                    "breakers of a Hystrix stream",
                    "Let the process publish /hystrix.stream.",
                )),
                Some(SourceKind::Envoy) => all.push(self.breakers_of(
                    source,
                    "breakers of an Envoy",
                    "Give its clusters circuit_breakers or outlier_detection.",
                )),
                Some(SourceKind::Actuator) => all.push(self.breakers_of(
                    source,
                    "breakers of an actuator",
                    "Expose circuitbreakers and circuitbreakerevents: management.endpoints.web.exposure.include.",
                )),
                Some(SourceKind::Sentinel) => all.push(self.breakers_of(
                    source,
                    "breakers of a Sentinel",
                    "Load degrade rules in the process, and depend on sentinel-transport-simple-http.",
                )),
                None => {}
            }
        }
        all.extend(self.nobody_measures());
        all.extend(self.no_breaker());
        all
    }

    /// The services that this is about, in words.
    fn whom(&self) -> String {
        let to = self.told.named(self.to).name;
        match self.from {
            Some(from) => format!("from {} to {to}", self.told.named(from).name),
            None => format!("of {to}"),
        }
    }

    fn concerns(&self, edge: &Edge) -> bool {
        match self.from {
            Some(from) => edge.from == *from && edge.to == *self.to,
            None => edge.from == *self.to || edge.to == *self.to,
        }
    }

    /// How many edges a source declares or counts, and whether one of them is the one that is looked for.
    fn edges_by(&self, source: &Source, is: impl Fn(&Evidence) -> bool) -> (usize, bool) {
        let by = |edge: &&Edge| edge.evidence.iter().any(|one| one.source == source.id && is(one));
        let edges: Vec<&Edge> = self.told.snapshot.edges.values().map(AsRef::as_ref).filter(by).collect();
        (edges.len(), edges.iter().any(|edge| self.concerns(edge)))
    }

    /// What a source cannot say for now; `None` when it can.
    fn not_here(source: &Source) -> Option<String> {
        let status = &source.status;
        let fault = status.fault.as_ref().map(|one| format!(": {} {}", one.detail, one.hint)).unwrap_or_default();
        let words = format!("{} is {}{fault}", source_name(&source.id), status.state.word());
        (status.state != SourceState::Live).then(|| text::output(&words))
    }

    fn line(source: &Source, looked_for: &str, found: bool, words: String, switch_on: &str) -> Looked {
        let words = match Self::not_here(source) {
            Some(why) => format!("{why}; {words}"),
            None => words,
        };
        Looked {
            looked_for: looked_for.to_owned(),
            source: Some(text::name(source.id.as_str())),
            found,
            words,
            switch_on: if found { String::new() } else { switch_on.to_owned() },
        }
    }

    fn declared_words(&self, all: usize, found: bool, nothing: &str) -> String {
        match (all, found) {
            (0, _) => nothing.to_owned(),
            (all, true) => format!("{} declared, one or more {}", plural(all, "edge"), self.whom()),
            (all, false) => format!("{} declared, none {}", plural(all, "edge"), self.whom()),
        }
    }

    fn consul(&self, source: &Source) -> Looked {
        let (all, found) = self.edges_by(source, is_declared);
        let nothing = "no upstream of a sidecar, no intention and no route is configured".to_owned();
        let words = self.declared_words(all, found, &nothing);
        let hint = "Declare the upstream at the caller's sidecar (`upstreams` of its proxy), or who may call by an intention \
                    (`consul intention create CALLER CALLEE`).";
        let unread = source.status.partial.first().map(|one| format!("; not all may be read: {}", one.detail));
        let words = format!("{words}{}", unread.map(|one| text::output(&one)).unwrap_or_default());
        Self::line(source, "declared upstreams, intentions and routes", found, words, hint)
    }

    fn cluster(&self, source: &Source) -> Looked {
        let (all, found) = self.edges_by(source, is_declared);
        let nothing = "no variable of a container, no route and no network policy names one".to_owned();
        let mut words = self.declared_words(all, found, &nothing);
        let unseen: Vec<&str> = source.status.unseen.iter().map(|one| &**one).collect();
        if !unseen.is_empty() {
            words = text::output(&format!("{words}; not all is seen of {}", unseen.join(", ")));
        }
        let hint = "Name the callee's Service in a plain variable of the container (`CART_URL=http://cart:8080`), or let a \
                    NetworkPolicy name the caller.";
        Self::line(source, "variables, routes and network policies that name a Service", found, words, hint)
    }

    fn counted(&self, source: &Source, what: &str) -> Looked {
        let (all, found) = self.edges_by(source, is_counted);
        let words = self.counted_words(all, found);
        let hint = "Let the caller count its calls by a library that a dialect knows: `binnaclectl dialect list`.";
        Self::line(source, what, found, words, hint)
    }

    fn counted_words(&self, all: usize, found: bool) -> String {
        match (all, found) {
            (0, _) => "it counts no calls".to_owned(),
            (all, true) => format!("it counts calls on {}, {} among them", plural(all, "edge"), self.whom()),
            (all, false) => format!("it counts calls on {}, none {}", plural(all, "edge"), self.whom()),
        }
    }

    fn prometheus(&self, source: &Source) -> Vec<Looked> {
        let mut all = vec![self.counted(source, "calls that are counted on the server")];
        let Some(seen) = &source.status.dialects else { return all };
        let there: Vec<&str> = seen.there.iter().map(|one| &**one).collect();
        let absent: Vec<&str> = seen.absent.iter().map(|one| &**one).collect();
        let words = match there.as_slice() {
            [] => format!("metrics of none of {}", plural(absent.len(), "dialect")),
            there => format!("metrics of {}; none of {}", there.join(", "), absent.join(", ")),
        };
        let hint = self.what_to_scrape(&there);
        all.push(Self::line(source, "metrics that a dialect knows", !there.is_empty(), text::output(&words), hint));
        if !seen.silent.is_empty() {
            let words = format!("{} shows nothing that a dialect knows", seen.silent.join(", "));
            let hint = "`binnaclectl metrics URL` lists what an endpoint shows, and a dialect of your own takes one file: \
                        docs/dialects.md.";
            all.push(Self::line(source, "scrape jobs that count calls", false, text::output(&words), hint));
        }
        // Istio's own metrics say who calls whom, and nothing of limits.
        let mesh_alone = there.contains(&"istio") && !there.contains(&"envoy");
        if mesh_alone {
            all.push(Self::line(
                source,
                "statistics of Istio's sidecars about their upstreams",
                false,
                "Istio's calls are counted, and no limit or outlier of a sidecar".to_owned(),
                "For breakers, let the sidecars report `circuit_breakers` and `outlier_detection` by `proxyStatsMatcher` \
                 (annotation `proxy.istio.io/config`).",
            ));
        }
        all
    }

    /// What would bring calls, by what is seen of the processes.
    fn what_to_scrape(&self, there: &[&str]) -> &'static str {
        let services = self.told.snapshot.services.values();
        let mut instances = services.flat_map(|service| &service.instances);
        let in_mesh = instances.any(|instance: &Arc<Instance>| instance.sidecar);
        if in_mesh && !there.contains(&"consul-mesh") {
            return "Sidecars are registered, and none publishes metrics: set `envoy_prometheus_bind_addr` in proxy-defaults and \
                    let the server scrape it.";
        }
        "Let the server scrape the processes that call, by a library or a mesh that a dialect knows: `binnaclectl dialect \
         list`; a library of your own takes one file, docs/dialects.md."
    }

    /// A source that tells of breakers alone.
    fn breakers_of(&self, source: &Source, what: &str, switch_on: &str) -> Looked {
        let by = |one: &&Arc<Breaker>| one.evidence.iter().any(|evidence| evidence.source == source.id);
        let told: Vec<&Arc<Breaker>> = self.told.snapshot.breakers.values().filter(by).collect();
        let found = told.iter().any(|one| self.is_at(&one.caller, one.callee.as_ref()));
        let words = match (told.len(), found) {
            (0, _) => "it tells of no breaker, and it counts no calls".to_owned(),
            (all, true) => format!("it tells of {}, one or more {}", plural(all, "breaker"), self.whom()),
            (all, false) => format!("it tells of {}, none {}", plural(all, "breaker"), self.whom()),
        };
        Self::line(source, what, found, words, switch_on)
    }

    fn is_at(&self, caller: &ServiceId, callee: Option<&ServiceId>) -> bool {
        match self.from {
            Some(from) => caller == from && callee == Some(self.to),
            None => caller == self.to || callee == Some(self.to),
        }
    }

    /// That no source is connected which counts calls.
    fn nobody_measures(&self) -> Option<Looked> {
        let has = |kind: SourceKind| self.told.snapshot.sources.keys().any(|id| id.kind() == Some(kind));
        if has(SourceKind::Prometheus) {
            return None;
        }
        let inside = if has(SourceKind::Kube) { ", or --discover for the one in the cluster" } else { "" };
        Some(Looked {
            looked_for: "a Prometheus, which has what meshes and libraries count".to_owned(),
            source: None,
            found: false,
            words: "none is connected".to_owned(),
            switch_on: format!("Connect it: --source prometheus=URL{inside}."),
        })
    }

    fn no_breaker(&self) -> Option<Looked> {
        let mut breakers = self.told.snapshot.breakers.values();
        if breakers.any(|one| self.is_at(&one.caller, one.callee.as_ref())) {
            return None;
        }
        Some(Looked {
            looked_for: "circuit breakers".to_owned(),
            source: None,
            found: false,
            words: format!("none {} is told", self.whom()),
            switch_on: "They come from an actuator (--source actuator=URL), a Hystrix stream (--source hystrix=URL), or metrics of a breaker's library or of a \
                        mesh."
                .to_owned(),
        })
    }
}

fn is_declared(evidence: &Evidence) -> bool {
    match &evidence.observation.fact {
        Fact::Calls(fact) => !matches!(fact.basis, CallsBasis::Observed(_)),
        _ => true,
    }
}

fn is_counted(evidence: &Evidence) -> bool {
    matches!(&evidence.observation.fact, Fact::Calls(fact) if matches!(fact.basis, CallsBasis::Observed(_)))
}
