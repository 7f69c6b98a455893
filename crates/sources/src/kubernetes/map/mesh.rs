//! What meshes were told of when to refuse calls: Istio's DestinationRules, and what Linkerd reads at a Service.

use std::collections::BTreeMap;
use std::sync::Arc;

use binnacle_model::fact::{
    BreakerKind, Callees, Callers, Fact, LabelSelector, LabelTest, Limit, LimitsFact, Namespaces, OpensAt, RuleHome,
    Ruling,
};

use super::super::ledger::Said;
use super::super::owners::service_name;
use super::super::wire::{ConnectionPool, DestinationRule, Meta, OutlierDetection, ServiceProfile, TrafficPolicy};
use super::{Context, Saying, shown};

/// Where the rules of the mesh as a whole lie, where nobody says otherwise.
const ROOT: &str = "istio-system";
/// From here on a limit limits nothing: rules are written in numbers of 32 bits.
const NO_LIMIT: u32 = i32::MAX.unsigned_abs();
/// How many failures in a row Envoy takes where nobody says.
const USUAL_FAILURES: u32 = 5;
/// The most values of one rule that are shown; it may have thousands of subsets.
const MOST_VALUES: usize = 100;
/// Says how Linkerd puts out endpoints (<https://linkerd.io/2/reference/circuit-breaking/>); the others begin with it.
const ACCRUAL: &str = "balancer.linkerd.io/failure-accrual";
/// How many failures in a row Linkerd takes where nobody says.
const USUAL_IN_LINKERD: u32 = 7;

pub(in super::super) fn destination_rule(object: &DestinationRule, context: &Context<'_>) -> Saying {
    let (meta, spec) = (&object.metadata, &object.spec);
    let Some(callees) = callees(&spec.host.0, &meta.namespace) else { return Saying::default() };
    let labels = spec.workload_selector.match_labels.iter();
    let requires: Vec<LabelTest> = labels
        .map(|(label, value)| LabelTest::In(context.words.share(label), vec![context.words.share(value)]))
        .collect();
    let namespaces = match spec.export_to.as_slice() {
        // It is for Pods of its own namespace, wherever else it is shown.
        _ if !requires.is_empty() => Namespaces::Named(vec![context.words.share(&meta.namespace)]),
        [] => Namespaces::All,
        to if to.iter().any(|one| one == "*") => Namespaces::All,
        to => {
            let own = |one: &String| if one == "." { meta.namespace.clone() } else { one.clone() };
            Namespaces::Named(to.iter().map(|one| context.words.share(&own(one))).collect())
        }
    };
    let home = match meta.namespace.as_str() {
        ROOT => RuleHome::Mesh,
        namespace => RuleHome::Namespace(context.words.share(namespace)),
    };
    let policies = policies(&spec.traffic_policy, spec.subsets.iter().map(|one| (&*one.name, &one.traffic_policy)));
    let capacity: Vec<_> = policies.iter().map(|one| one.pool.and_then(|pool| capacity(&one.of, pool))).collect();
    let endpoint: Vec<_> = policies.iter().map(|one| one.outliers.map(|out| endpoint(&one.of, out))).collect();
    let limits = [united(BreakerKind::Capacity, &capacity), united(BreakerKind::Endpoint, &endpoint)];
    let fact = LimitsFact {
        mesh: Arc::from("istio"),
        rule: Arc::from(format!("DestinationRule {}", meta.key())),
        callers: Callers::Instances { namespaces, selects: LabelSelector { requires } },
        callees,
        home,
        created: meta.creation_timestamp,
        ruling: Ruling::Limits(limits.into_iter().flatten().collect()),
    };
    vec![(meta.key(), Fact::Limits(fact))].into()
}

/// The services of the cluster that a host means, seen from a namespace; `None` for what is elsewhere and has no single name.
fn callees(host: &str, own: &str) -> Option<Callees> {
    if let Some(end) = host.strip_prefix('*') {
        let end = end.trim_start_matches('.');
        return match in_cluster(end) {
            Some(("", namespace)) => Some(Callees::Namespace(Arc::from(namespace))),
            _ if end.is_empty() || ".svc.cluster.local".ends_with(&format!(".{end}")) => Some(Callees::All),
            _ => None,
        };
    }
    if !host.contains('.') {
        return Some(Callees::One(service_name(own, host)));
    }
    Some(match in_cluster(host) {
        Some((name, namespace)) if !name.is_empty() => Callees::One(service_name(namespace, name)),
        _ => Callees::Host(Arc::from(host)),
    })
}

/// The name and the namespace of `NAME.NAMESPACE.svc.DOMAIN`; without a name of `NAMESPACE.svc.DOMAIN`.
fn in_cluster(host: &str) -> Option<(&str, &str)> {
    let (place, _domain) = host.split_once(".svc.")?;
    match place.split_once('.') {
        Some((_, more)) if more.contains('.') => None,
        Some(both) => Some(both),
        None => Some(("", place)),
    }
}

/// One part of a rule: as a whole, for a port, for a subset.
struct Policy<'a> {
    /// What its values are called after.
    of: String,
    pool: Option<&'a ConnectionPool>,
    outliers: Option<&'a OutlierDetection>,
}

/// The parts of a rule, that for everything first.
fn policies<'a>(
    whole: &'a TrafficPolicy,
    subsets: impl Iterator<Item = (&'a str, &'a TrafficPolicy)>,
) -> Vec<Policy<'a>> {
    let mut all = Vec::new();
    let subsets = subsets.map(|(name, policy)| (format!("subset {name} "), policy));
    for (of, policy) in std::iter::once((String::new(), whole)).chain(subsets) {
        all.push(Policy {
            of: of.clone(),
            pool: policy.connection_pool.as_ref(),
            outliers: policy.outlier_detection.as_ref(),
        });
        all.extend(policy.port_level_settings.iter().map(|port| Policy {
            of: format!("{of}port {} ", port.port.number),
            pool: port.connection_pool.as_ref(),
            outliers: port.outlier_detection.as_ref(),
        }));
    }
    all
}

/// What one part of a rule says.
struct Part {
    opens_at: Option<OpensAt>,
    off: bool,
    raw: Vec<(String, u32)>,
}

/// Istio takes 0 for nothing said.
fn capacity(of: &str, pool: &ConnectionPool) -> Option<Part> {
    let given = |value: Option<u32>| value.filter(|value| *value > 0);
    let (connections, pending) = (given(pool.tcp.max_connections), given(pool.http.http1_max_pending_requests));
    let requests = given(pool.http.http2_max_requests);
    let names = ["tcp.maxConnections", "http.http1MaxPendingRequests", "http.http2MaxRequests"];
    let values = names.into_iter().zip([connections, pending, requests]);
    let raw: Vec<(String, u32)> =
        values.filter_map(|(name, value)| Some((format!("{of}connectionPool.{name}"), value?))).collect();
    let most = [requests, connections].into_iter().flatten().find(|most| *most < NO_LIMIT);
    (!raw.is_empty()).then(|| Part {
        opens_at: most.map(|most| OpensAt::AtOnce(most.into())),
        off: raw.iter().all(|(_, value)| *value >= NO_LIMIT),
        raw,
    })
}

/// Gateway errors are failures too: the smaller number is reached first.
fn endpoint(of: &str, outliers: &OutlierDetection) -> Part {
    let OutlierDetection { consecutive_5xx_errors, consecutive_gateway_errors, max_ejection_percent } = *outliers;
    let counted = [Some(consecutive_5xx_errors.unwrap_or(USUAL_FAILURES)), consecutive_gateway_errors];
    let failures = counted.into_iter().flatten().filter(|failures| *failures > 0).min();
    let values = [
        ("consecutive5xxErrors", consecutive_5xx_errors),
        ("consecutiveGatewayErrors", consecutive_gateway_errors),
        ("maxEjectionPercent", max_ejection_percent),
    ];
    let raw = values.into_iter().filter_map(|(name, value)| Some((format!("{of}outlierDetection.{name}"), value?)));
    Part {
        opens_at: failures.map(|failures| OpensAt::InARow(failures.into())),
        off: failures.is_none(),
        raw: raw.collect(),
    }
}

/// What all parts say of one kind: the number of the whole, or the one that the parts agree on.
fn united(kind: BreakerKind, parts: &[Option<Part>]) -> Option<Limit> {
    let whole = parts.first().and_then(Option::as_ref).filter(|part| !part.off).and_then(|part| part.opens_at);
    let said: Vec<&Part> = parts.iter().flatten().collect();
    let off = said.iter().all(|part| part.off);
    let mut numbers = said.iter().filter(|part| !part.off).map(|part| part.opens_at);
    let first = numbers.next().flatten();
    let agreed = first.filter(|first| numbers.all(|other| other == Some(*first)));
    let raw = said.iter().flat_map(|part| &part.raw).take(MOST_VALUES);
    let raw: BTreeMap<Arc<str>, Arc<str>> =
        raw.map(|(name, value)| (shown(name), Arc::from(value.to_string()))).collect();
    (!said.is_empty()).then(|| Limit { kind, opens_at: whole.or(agreed), off, raw })
}

/// What Linkerd reads at a Service. Annotations that it cannot read limit nothing.
pub(super) fn of_service(meta: &Meta) -> Option<Said> {
    let mode = meta.annotations.get(ACCRUAL)?;
    let failures = match meta.annotations.get(&format!("{ACCRUAL}-consecutive-max-failures")) {
        None => Some(USUAL_IN_LINKERD),
        Some(text) => text.parse().ok(),
    };
    let failures = failures.filter(|_| mode == "consecutive");
    let ours = meta.annotations.iter().filter(|(name, _)| name.starts_with(ACCRUAL));
    let limit = Limit {
        kind: BreakerKind::Endpoint,
        opens_at: failures.map(|failures| OpensAt::InARow(failures.into())),
        off: mode == "consecutive" && failures.is_none(),
        raw: ours.map(|(name, value)| (Arc::from(name.as_str()), shown(value))).collect(),
    };
    let fact = LimitsFact {
        rule: Arc::from(format!("Service {}", meta.key())),
        home: RuleHome::Everywhere,
        ruling: Ruling::Limits(vec![limit]),
        ..of_linkerd(meta, &meta.namespace, &meta.name)
    };
    Some((format!("limits/{}", meta.key()), Fact::Limits(fact)))
}

/// While it is there, Linkerd puts no endpoint of its Service out. One in the caller's namespace is for those callers.
pub(in super::super) fn service_profile(object: &ServiceProfile, _: &Context<'_>) -> Saying {
    let meta = &object.metadata;
    let Some((name, namespace)) = in_cluster(&meta.name).filter(|(name, _)| !name.is_empty()) else {
        return Saying::default();
    };
    let fact = LimitsFact {
        rule: Arc::from(format!("ServiceProfile {}", meta.name)),
        home: RuleHome::Namespace(Arc::from(meta.namespace.as_str())),
        ruling: Ruling::Void,
        ..of_linkerd(meta, namespace, name)
    };
    vec![(meta.key(), Fact::Limits(fact))].into()
}

fn of_linkerd(meta: &Meta, namespace: &str, name: &str) -> LimitsFact {
    LimitsFact {
        mesh: Arc::from("linkerd"),
        rule: Arc::from(""),
        callers: Callers::Instances { namespaces: Namespaces::All, selects: LabelSelector::default() },
        callees: Callees::One(service_name(namespace, name)),
        home: RuleHome::Everywhere,
        created: meta.creation_timestamp,
        ruling: Ruling::Void,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::super::super::owners::Owners;
    use super::super::Words;
    use super::*;

    fn try_read(spec: &Value) -> Result<Option<LimitsFact>, serde_json::Error> {
        let object = json!({ "metadata": { "name": "r", "namespace": "shop" }, "spec": spec });
        let (owners, words) = (Owners::new(), Words::default());
        let context = Context { owners: &owners, words: &words, now: Timestamp::UNIX_EPOCH };
        let said = destination_rule(&serde_json::from_value(object)?, &context).facts.into_iter().next();
        Ok(said.map(|(_, fact)| if let Fact::Limits(fact) = fact { fact } else { panic!("{fact:?}") }))
    }

    fn read(spec: &Value) -> LimitsFact {
        try_read(spec).unwrap().unwrap()
    }

    fn limits(fact: LimitsFact) -> Vec<Limit> {
        let Ruling::Limits(limits) = fact.ruling else { panic!("void") };
        limits
    }

    /// From where on, off, and the values.
    fn said(policy: &Value) -> Vec<(Option<OpensAt>, bool, Vec<String>)> {
        let limits = limits(read(&json!({ "host": "reviews", "trafficPolicy": policy })));
        let values = |one: &Limit| one.raw.iter().map(|(name, value)| format!("{name}={value}")).collect();
        limits.iter().map(|one| (one.opens_at, one.off, values(one))).collect()
    }

    #[test]
    fn a_host_is_read_as_istio_reads_it() {
        let of = |host: &str| try_read(&json!({ "host": host })).unwrap().map(|fact| fact.callees);
        let one = |namespace: &str, name: &str| Some(Callees::One(service_name(namespace, name)));
        assert_eq!(of("reviews"), one("shop", "reviews"));
        assert_eq!(of("reviews.prod.svc.cluster.local"), one("prod", "reviews"));
        assert_eq!(of("reviews.prod.svc.corp.example"), one("prod", "reviews"));
        assert_eq!(of("*.prod.svc.cluster.local"), Some(Callees::Namespace(Arc::from("prod"))));
        for every in ["*", "*.local", "*.cluster.local", "*.svc.cluster.local"] {
            assert_eq!(of(every), Some(Callees::All), "{every}");
        }
        assert_eq!(of("api.example.com"), Some(Callees::Host(Arc::from("api.example.com"))));
        assert_eq!(
            of("reviews.prod"),
            Some(Callees::Host(Arc::from("reviews.prod"))),
            "Istio takes it for a whole name"
        );
        assert_eq!(of("*.example.com"), None);
        assert_eq!(of("*.cal"), None);
    }

    #[test]
    fn callers_are_those_of_the_namespaces_that_see_it_or_those_with_its_labels() {
        let of = |more: Value| {
            let mut spec = json!({ "host": "reviews" });
            spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let Callers::Instances { namespaces, selects } = read(&spec).callers else { panic!("one") };
            (namespaces, selects.to_string())
        };
        let named = |names: &[&str]| Namespaces::Named(names.iter().map(|name| Arc::from(*name)).collect());
        let everything = || "everything".to_owned();
        assert_eq!(of(json!({})), (Namespaces::All, everything()));
        assert_eq!(of(json!({ "exportTo": ["*"] })), (Namespaces::All, everything()));
        assert_eq!(of(json!({ "exportTo": [".", "prod"] })), (named(&["shop", "prod"]), everything()));
        assert_eq!(of(json!({ "exportTo": ["~"] })), (named(&["~"]), everything()), "no namespace is called so");
        let some = json!({ "workloadSelector": { "matchLabels": { "app": "web" } }, "exportTo": ["*"] });
        assert_eq!(of(some), (named(&["shop"]), "app=web".to_owned()));
    }

    #[test]
    fn a_pool_limits_requests_or_else_connections_and_nothing_by_zero_or_by_the_largest_number() {
        let pool = |tcp: Value, http: Value| json!({ "connectionPool": { "tcp": tcp, "http": http } });
        let both = said(&pool(json!({ "maxConnections": 9 }), json!({ "http2MaxRequests": 4 })));
        assert_eq!(both[0].0, Some(OpensAt::AtOnce(4)));
        let most = pool(json!({ "maxConnections": 9 }), json!({ "http2MaxRequests": i32::MAX }));
        assert_eq!(said(&most)[0].0, Some(OpensAt::AtOnce(9)));
        let waiting = said(&pool(json!({}), json!({ "http1MaxPendingRequests": 1 })));
        let raw = "connectionPool.http.http1MaxPendingRequests=1".to_owned();
        assert_eq!(waiting, [(None, false, vec![raw])]);
        assert_eq!(said(&pool(json!({ "maxConnections": 0 }), json!({ "maxRetries": 3 }))), []);
        let off = said(&pool(json!({ "maxConnections": u32::MAX }), Value::Null));
        assert_eq!((off[0].0, off[0].1), (None, true));
    }

    #[test]
    fn outliers_are_put_out_after_the_fewest_failures_that_count() {
        let of = |outliers: Value| {
            let all = said(&json!({ "outlierDetection": outliers }));
            (all[0].0, all[0].1)
        };
        assert_eq!(of(json!({})), (Some(OpensAt::InARow(5)), false));
        assert_eq!(of(json!({ "consecutive5xxErrors": 3 })), (Some(OpensAt::InARow(3)), false));
        assert_eq!(of(json!({ "consecutiveGatewayErrors": 2 })), (Some(OpensAt::InARow(2)), false));
        let gateway_alone = json!({ "consecutive5xxErrors": 0, "consecutiveGatewayErrors": 9 });
        assert_eq!(of(gateway_alone), (Some(OpensAt::InARow(9)), false));
        assert_eq!(of(json!({ "consecutive5xxErrors": 0 })), (None, true));
    }

    #[test]
    fn subsets_and_ports_are_told_and_stand_for_the_whole_where_they_agree() {
        let outliers = |failures: u32| json!({ "outlierDetection": { "consecutive5xxErrors": failures } });
        let of = |whole: Value, ports: &[u32], subset: u32| {
            let mut policy = whole;
            policy["portLevelSettings"] = ports
                .iter()
                .map(|failures| {
                    let mut port = outliers(*failures);
                    port["port"] = json!({ "number": 80 });
                    port
                })
                .collect();
            let subsets = json!([{ "name": "v1", "trafficPolicy": outliers(subset) }, { "name": "v2" }]);
            let fact = read(&json!({ "host": "reviews", "trafficPolicy": policy, "subsets": subsets }));
            limits(fact).remove(0)
        };
        assert_eq!(of(outliers(5), &[2], 3).opens_at, Some(OpensAt::InARow(5)));
        assert_eq!(of(json!({}), &[2], 2).opens_at, Some(OpensAt::InARow(2)));
        assert_eq!(of(json!({}), &[2], 3).opens_at, None);
        assert_eq!(of(outliers(0), &[], 3).opens_at, Some(OpensAt::InARow(3)), "the whole is off, the subset is not");
        let named: Vec<String> = of(outliers(5), &[2], 3).raw.keys().map(ToString::to_string).collect();
        let rest = "outlierDetection.consecutive5xxErrors";
        assert_eq!(named, [rest.to_owned(), format!("port 80 {rest}"), format!("subset v1 {rest}")]);
    }

    #[test]
    fn what_is_no_rule_is_refused_and_a_rule_without_limits_still_stands_before_wider_ones() {
        let odd = [
            json!({ "host": "a".repeat(10_000) }),
            json!({ "host": "" }),
            json!({}),
            json!({ "host": "a", "trafficPolicy": { "connectionPool": { "tcp": { "maxConnections": -1 } } } }),
            json!({ "host": "a", "trafficPolicy": { "outlierDetection": { "consecutive5xxErrors": "many" } } }),
            json!({ "host": "a", "trafficPolicy": { "outlierDetection": { "consecutive5xxErrors": 4_294_967_296_u64 } } }),
        ];
        for spec in odd {
            assert!(try_read(&spec).is_err(), "{spec}");
        }
        assert_eq!(limits(read(&json!({ "host": "a", "trafficPolicy": null, "subsets": null }))), []);
    }

    fn annotated(annotations: &Value) -> Option<Limit> {
        let meta = json!({ "name": "pay", "namespace": "shop", "annotations": annotations });
        let (key, fact) = of_service(&serde_json::from_value(meta).unwrap())?;
        assert_eq!(key, "limits/shop/pay");
        let Fact::Limits(fact) = fact else { panic!("{fact:?}") };
        assert_eq!((&*fact.rule, &fact.callees), ("Service shop/pay", &Callees::One(service_name("shop", "pay"))));
        Some(limits(fact).remove(0))
    }

    #[test]
    fn linkerds_annotations_say_after_how_many_failures() {
        let most = "balancer.linkerd.io/failure-accrual-consecutive-max-failures";
        let of = |mode: &str, failures: Option<&str>| {
            let mut all = serde_json::Map::from_iter([(ACCRUAL.to_owned(), json!(mode))]);
            all.extend(failures.map(|failures| (most.to_owned(), json!(failures))));
            let limit = annotated(&Value::Object(all)).unwrap();
            (limit.opens_at, limit.off)
        };
        assert_eq!(of("consecutive", None), (Some(OpensAt::InARow(7)), false));
        assert_eq!(of("consecutive", Some("3")), (Some(OpensAt::InARow(3)), false));
        assert_eq!(of("consecutive", Some("-3")), (None, true), "Linkerd leaves out what it cannot read");
        assert_eq!(of("unified", Some("3")), (None, false));
        assert_eq!(annotated(&json!({ most: "3" })), None);
    }

    #[test]
    fn a_service_profile_is_told_by_its_name_alone() {
        let of = |name: &str| {
            let object = json!({ "metadata": { "name": name, "namespace": "web" } });
            let (owners, words) = (Owners::new(), Words::default());
            let context = Context { owners: &owners, words: &words, now: Timestamp::UNIX_EPOCH };
            service_profile(&serde_json::from_value(object).unwrap(), &context).facts.into_iter().next()
        };
        let Some((key, Fact::Limits(fact))) = of("pay.shop.svc.cluster.local") else { panic!("none") };
        assert_eq!(key, "web/pay.shop.svc.cluster.local");
        assert_eq!((fact.callees, fact.ruling), (Callees::One(service_name("shop", "pay")), Ruling::Void));
        assert_eq!(fact.home, RuleHome::Namespace(Arc::from("web")));
        assert_eq!(of("api.example.com"), None);
    }
}
