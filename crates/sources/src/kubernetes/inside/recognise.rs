//! Which of the field's systems a Service stands for: by labels first, by its name second, by a port last. Pure.
//!
//! Names and labels are those of the products' own charts and manifests (hashicorp/consul-k8s, prometheus-community/helm-charts,
//! prometheus-operator, kubernetes/ingress-nginx, and the `app.kubernetes.io` labels of the others).

use std::collections::BTreeMap;
use std::fmt;

use binnacle_model::id::SourceKind;

use super::Place;
use super::place::is_label;
use crate::kubernetes::wire::{Service, ServicePort};

/// A system that Binnacle knows by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Product {
    /// HashiCorp Consul.
    Consul,
    /// Prometheus.
    Prometheus,
    /// VictoriaMetrics, single or the cluster's vmselect.
    VictoriaMetrics,
    /// Thanos, its querier.
    Thanos,
    /// Grafana Mimir.
    Mimir,
    /// Grafana.
    Grafana,
    /// Prometheus' Alertmanager.
    Alertmanager,
    /// etcd, not that of the control plane.
    Etcd,
    /// The Ingress controller ingress-nginx.
    IngressNginx,
    /// Kong.
    Kong,
    /// Traefik.
    Traefik,
    /// RabbitMQ.
    RabbitMq,
    /// NATS.
    Nats,
    /// Netflix Eureka.
    Eureka,
    /// Elasticsearch.
    Elasticsearch,
    /// Kibana.
    Kibana,
    /// CoreDNS.
    CoreDns,
    /// Istio's control plane.
    Istio,
    /// Linkerd's control plane.
    Linkerd,
    /// Jaeger.
    Jaeger,
    /// The OpenTelemetry collector.
    OtelCollector,
}

/// How a product shows: one row each.
struct Signs {
    product: Product,
    /// As people call it.
    title: &'static str,
    /// Labels of the Service or of its Pods, each alone enough.
    labels: &'static [(&'static str, &'static str)],
    /// Values of the component's label that are other parts of the product, and do not answer for it.
    other_parts: &'static [&'static str],
    /// The Service's name: whole, at its beginning (`x*`), at its end (`*x`) or anywhere (`*x*`).
    names: &'static [&'static str],
    /// A port by which alone it is guessed.
    guess: Option<u16>,
    /// The ports of its HTTP interface, best first.
    ports: &'static [Port],
    /// What it is asked to show that it is what it seems.
    question: Question,
}

/// A port by name or by number.
#[derive(Clone, Copy)]
enum Port {
    Name(&'static str),
    Number(u16),
}

/// A question that needs no right, and what its answer must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) path: &'static str,
    pub(super) proof: Proof,
}

/// What shows that it is the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// JSON with the version at this pointer.
    Version(&'static str),
    /// Text that only it answers with.
    Text(&'static str),
    /// Its own source's probe says so.
    Source,
}

use Port::{Name, Number};

const NAME: &str = "app.kubernetes.io/name";
/// Labels that say which part of a product something is.
const COMPONENTS: [&str; 2] = ["component", "app.kubernetes.io/component"];
/// Labels that name an installation.
const INSTALLATIONS: [&str; 2] = ["release", "app.kubernetes.io/instance"];

const fn by_source() -> Question {
    Question { path: "/", proof: Proof::Source }
}

const fn version(path: &'static str, pointer: &'static str) -> Question {
    Question { path, proof: Proof::Version(pointer) }
}

const fn text(path: &'static str, text: &'static str) -> Question {
    Question { path, proof: Proof::Text(text) }
}

const fn signs(product: Product, title: &'static str, question: Question) -> Signs {
    Signs { product, title, labels: &[], other_parts: &[], names: &[], guess: None, ports: &[], question }
}

const CONSUL: Signs = Signs {
    labels: &[("app", "consul"), (NAME, "consul")],
    other_parts: &[
        "client",
        "connect-injector",
        "dns",
        "mesh-gateway",
        "api-gateway",
        "controller",
        "webhook-cert-manager",
    ],
    names: &["consul", "consul-server", "*-consul-server", "consul-ui", "*-consul-ui"],
    guess: Some(8500),
    ports: &[Name("http"), Number(8500), Name("https"), Number(8501)],
    ..signs(Product::Consul, "Consul", by_source())
};

/// Everything that is recognised.
const TABLE: [Signs; 21] = [
    CONSUL,
    Signs {
        labels: &[
            ("operated-prometheus", "true"),
            (NAME, "prometheus"),
            ("app", "kube-prometheus-stack-prometheus"),
            ("app", "prometheus"),
            ("k8s-app", "prometheus"),
        ],
        other_parts: &[
            "alertmanager",
            "pushgateway",
            "node-exporter",
            "kube-state-metrics",
            "metrics",
            "exporter",
            "operator",
        ],
        // The charts cut long names, so that only the end is sure.
        names: &[
            "prometheus",
            "prometheus-operated",
            "prometheus-server",
            "*-prometheus",
            "*-prometheus-server",
            "prometheus-k8s",
        ],
        guess: Some(9090),
        ports: &[Name("http-web"), Name("web"), Name("http"), Number(9090), Number(80)],
        ..signs(Product::Prometheus, "Prometheus", by_source())
    },
    Signs {
        labels: &[
            (NAME, "vmsingle"),
            (NAME, "victoria-metrics-single"),
            (NAME, "vmselect"),
            ("app", "vmsingle"),
            ("app", "vmselect"),
            ("app", "victoria-metrics-single"),
            ("app", "victoria-metrics"),
        ],
        other_parts: &["vminsert", "vmstorage", "vmagent", "vmalert"],
        names: &["victoria-metrics", "*-victoria-metrics-single-server", "vmsingle*", "vmselect*"],
        guess: Some(8428),
        ports: &[Number(8428), Number(8429), Number(8481), Name("http")],
        ..signs(Product::VictoriaMetrics, "VictoriaMetrics", by_source())
    },
    Signs {
        labels: &[(NAME, "thanos"), (NAME, "thanos-query")],
        other_parts: &[
            "storegateway",
            "store",
            "compactor",
            "ruler",
            "receive",
            "bucketweb",
            "sidecar",
            "query-frontend",
        ],
        names: &["thanos-query", "thanos-querier", "*-thanos-query"],
        ports: &[Number(10902), Number(9090), Name("http")],
        ..signs(Product::Thanos, "Thanos", by_source())
    },
    Signs {
        labels: &[(NAME, "mimir")],
        other_parts: &[
            "ingester",
            "distributor",
            "compactor",
            "store-gateway",
            "ruler",
            "alertmanager",
            "memberlist",
            "overrides-exporter",
        ],
        names: &["mimir", "*-mimir-nginx", "*-mimir-gateway", "mimir-nginx", "mimir-gateway"],
        ports: &[Number(80), Number(8080), Name("http-metrics"), Name("http")],
        ..signs(Product::Mimir, "Mimir", by_source())
    },
    Signs {
        labels: &[(NAME, "grafana"), ("app", "grafana")],
        names: &["grafana", "*-grafana"],
        ports: &[Name("http-web"), Name("service"), Number(80), Number(3000), Name("http")],
        ..signs(Product::Grafana, "Grafana", version("/api/health", "/version"))
    },
    Signs {
        labels: &[
            (NAME, "alertmanager"),
            ("operated-alertmanager", "true"),
            ("app", "kube-prometheus-stack-alertmanager"),
            ("app", "alertmanager"),
        ],
        names: &["alertmanager", "*-alertmanager", "alertmanager-*"],
        guess: Some(9093),
        ports: &[Name("http-web"), Name("web"), Number(9093), Name("http")],
        ..signs(Product::Alertmanager, "Alertmanager", version("/api/v2/status", "/versionInfo/version"))
    },
    Signs {
        labels: &[(NAME, "etcd"), ("app", "etcd")],
        names: &["etcd", "*-etcd"],
        guess: Some(2379),
        ports: &[Number(2379), Name("client")],
        ..signs(Product::Etcd, "etcd", version("/version", "/etcdserver"))
    },
    Signs {
        labels: &[(NAME, "ingress-nginx")],
        other_parts: &["default-backend", "admission-webhook"],
        names: &["ingress-nginx-controller-metrics", "*-ingress-nginx-controller-metrics", "ingress-nginx-controller"],
        ports: &[Name("metrics"), Number(10254)],
        ..signs(Product::IngressNginx, "ingress-nginx", text("/metrics", "nginx_ingress_controller_build_info"))
    },
    Signs {
        labels: &[(NAME, "kong")],
        names: &["*-kong-admin", "kong-admin"],
        ports: &[Name("kong-admin"), Name("admin"), Number(8001), Name("kong-admin-tls"), Number(8444)],
        ..signs(Product::Kong, "Kong", version("/", "/version"))
    },
    Signs {
        labels: &[(NAME, "traefik"), ("app", "traefik")],
        names: &["traefik", "*-traefik"],
        ports: &[Name("traefik"), Number(8080), Number(9000)],
        ..signs(Product::Traefik, "Traefik", version("/api/version", "/Version"))
    },
    Signs {
        labels: &[(NAME, "rabbitmq"), ("app", "rabbitmq"), (NAME, "rabbitmq-cluster-operator")],
        names: &["rabbitmq", "*-rabbitmq"],
        guess: Some(15672),
        ports: &[Name("prometheus"), Number(15692), Name("management"), Number(15672)],
        ..signs(Product::RabbitMq, "RabbitMQ", text("/metrics", "rabbitmq_"))
    },
    Signs {
        labels: &[(NAME, "nats"), ("app", "nats")],
        names: &["nats", "*-nats", "nats-headless", "*-nats-headless"],
        guess: Some(8222),
        ports: &[Name("monitor"), Number(8222)],
        ..signs(Product::Nats, "NATS", version("/varz", "/version"))
    },
    Signs {
        labels: &[(NAME, "eureka"), ("app", "eureka"), ("app", "eureka-server")],
        names: &["*eureka*"],
        guess: Some(8761),
        ports: &[Number(8761), Name("http"), Number(80)],
        ..signs(Product::Eureka, "Eureka", text("/eureka/apps", "applications"))
    },
    Signs {
        labels: &[
            ("common.k8s.elastic.co/type", "elasticsearch"),
            (NAME, "elasticsearch"),
            ("app", "elasticsearch-master"),
        ],
        names: &["elasticsearch", "*-es-http", "elasticsearch-master"],
        guess: Some(9200),
        ports: &[Name("https"), Number(9200), Name("http")],
        ..signs(Product::Elasticsearch, "Elasticsearch", version("/", "/version/number"))
    },
    Signs {
        labels: &[("common.k8s.elastic.co/type", "kibana"), (NAME, "kibana"), ("app", "kibana")],
        names: &["kibana", "*-kb-http", "*-kibana"],
        guess: Some(5601),
        ports: &[Name("https"), Number(5601), Name("http")],
        ..signs(Product::Kibana, "Kibana", version("/api/status", "/version/number"))
    },
    Signs {
        labels: &[("k8s-app", "kube-dns"), (NAME, "coredns"), ("k8s-app", "coredns")],
        names: &["kube-dns", "coredns", "*-coredns"],
        ports: &[Name("metrics"), Number(9153)],
        ..signs(Product::CoreDns, "CoreDNS", text("/metrics", "coredns_build_info"))
    },
    Signs {
        labels: &[("app", "istiod"), ("istio", "pilot")],
        names: &["istiod", "istiod-*"],
        ports: &[Name("http-monitoring"), Number(15014)],
        ..signs(Product::Istio, "Istio", text("/version", "istio"))
    },
    Signs {
        labels: &[
            ("linkerd.io/control-plane-component", "destination"),
            ("linkerd.io/control-plane-component", "controller"),
        ],
        names: &["linkerd-dst", "linkerd-destination"],
        ports: &[Name("admin-http"), Number(9996)],
        ..signs(Product::Linkerd, "Linkerd", text("/metrics", "linkerd"))
    },
    Signs {
        labels: &[(NAME, "jaeger"), ("app", "jaeger")],
        other_parts: &["agent", "service-agent", "collector", "service-collector"],
        names: &["jaeger-query", "*-jaeger-query", "jaeger"],
        guess: Some(16686),
        ports: &[Name("http-query"), Name("query"), Number(16686), Number(80)],
        ..signs(Product::Jaeger, "Jaeger", text("/api/services", "\"data\""))
    },
    Signs {
        labels: &[(NAME, "opentelemetry-collector"), (NAME, "otel-collector"), ("app", "opentelemetry-collector")],
        names: &["otel-collector", "*-opentelemetry-collector", "*-otel-collector", "opentelemetry-collector"],
        ports: &[Name("metrics"), Number(8888), Name("prometheus"), Number(8889)],
        ..signs(Product::OtelCollector, "OpenTelemetry Collector", text("/metrics", "otelcol_"))
    },
];

impl Product {
    fn signs(self) -> &'static Signs {
        // Each product has its row; a test holds that.
        TABLE.iter().find(|signs| signs.product == self).unwrap_or(&CONSUL)
    }

    /// As people call it.
    pub fn title(self) -> &'static str {
        self.signs().title
    }

    /// The kind of source that reads it; `None` where this version reads no such system.
    pub fn kind(self) -> Option<SourceKind> {
        match self {
            Self::Consul => Some(SourceKind::Consul),
            Self::Prometheus | Self::VictoriaMetrics | Self::Thanos | Self::Mimir => Some(SourceKind::Prometheus),
            _ => None,
        }
    }

    pub(super) fn question(self) -> Question {
        self.signs().question
    }
}

/// By what something was recognised.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// A label of the Service itself.
    Label(String),
    /// A label that its Pods have, by its selector.
    PodLabel(String),
    /// Its name.
    Name,
    /// A port that the product usually has.
    Port(u16),
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(label) => write!(f, "label {label}"),
            Self::PodLabel(label) => write!(f, "label {label} of its Pods"),
            Self::Name => f.write_str("name"),
            Self::Port(port) => write!(f, "port {port}"),
        }
    }
}

/// A Service that seems to be one of the field's systems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recognised {
    /// What it seems to be.
    pub(super) product: Product,
    /// Its namespace.
    pub(super) namespace: String,
    /// Its name.
    pub(super) service: String,
    /// By what.
    pub(super) by: Sign,
    /// The port of its HTTP interface and whether TLS is spoken there, or why it cannot be connected.
    pub(super) port: Result<(String, bool), &'static str>,
    path: &'static str,
    selector: BTreeMap<String, String>,
    installation: Option<String>,
    rank: (usize, usize),
}

impl Recognised {
    /// Its place, as the context reaches it.
    pub(super) fn place(&self, context: &str) -> Option<Place> {
        let (port, tls) = self.port.clone().ok()?;
        Some(Place {
            context: context.to_owned(),
            namespace: self.namespace.clone(),
            service: self.service.clone(),
            port,
            tls,
            path: self.path.to_owned(),
            way: None,
        })
    }

    /// Whether both lead to the same Pods, as a headless Service and the one beside it do.
    fn is_beside(&self, other: &Self) -> bool {
        let within = |one: &BTreeMap<String, String>, other: &BTreeMap<String, String>| {
            !one.is_empty() && one.iter().all(|(key, value)| other.get(key) == Some(value))
        };
        let same_place = self.product == other.product && self.namespace == other.namespace;
        let one_installation = self.installation.is_some() && self.installation == other.installation;
        same_place
            && (one_installation || within(&self.selector, &other.selector) || within(&other.selector, &self.selector))
    }
}

/// What a cluster's Services stand for: one for each installation, the best way to it, by namespace and name.
pub(super) fn recognise(services: &[Service]) -> Vec<Recognised> {
    let mut found: Vec<Recognised> = services.iter().filter_map(one).collect();
    found.sort_by(|one, other| {
        (one.rank, &one.namespace, &one.service).cmp(&(other.rank, &other.namespace, &other.service))
    });
    let mut kept: Vec<Recognised> = Vec::new();
    for candidate in found {
        if !kept.iter().any(|better| better.is_beside(&candidate)) {
            kept.push(candidate);
        }
    }
    kept.sort_by(|one, other| {
        (one.product, &one.namespace, &one.service).cmp(&(other.product, &other.namespace, &other.service))
    });
    kept
}

fn one(service: &Service) -> Option<Recognised> {
    let (meta, spec) = (&service.metadata, &service.spec);
    // What Kubernetes itself would not take as a name is nothing to ask for.
    if !is_label(&meta.namespace) || !is_label(&meta.name) {
        return None;
    }
    let (signs, by) = sign(service)?;
    if is_control_plane(signs.product, service) {
        return None;
    }
    let part = COMPONENTS.iter().find_map(|label| meta.labels.get(*label).or_else(|| spec.selector.get(*label)));
    if part.is_some_and(|part| signs.other_parts.contains(&part.as_str())) {
        return None;
    }
    let chosen = signs.ports.iter().enumerate().find_map(|(rank, wanted)| {
        let is_it = |port: &&ServicePort| {
            let tcp = port.protocol.is_empty() || port.protocol == "TCP";
            tcp && match wanted {
                Name(name) => port.name == *name,
                Number(number) => port.port == *number,
            }
        };
        spec.ports.iter().find(is_it).map(|port| (rank, port))
    });
    let port = match chosen {
        _ if spec.kind == "ExternalName" => {
            Err("it is a Service of the type ExternalName: what it names is outside the cluster")
        }
        None => Err("no port of the Service is that of its HTTP interface"),
        Some((_, port)) => {
            let tls =
                port.name.contains("https") || port.name.ends_with("-tls") || matches!(port.port, 443 | 8501 | 8444);
            let name = if is_label(&port.name) { port.name.clone() } else { port.port.to_string() };
            Ok((name, tls))
        }
    };
    let sure = match by {
        Sign::Label(_) => 0,
        Sign::PodLabel(_) => 1,
        Sign::Name => 2,
        Sign::Port(_) => 3,
    };
    // Of two Services before the same Pods, one that is made for others to use goes before the operator's own.
    let own = usize::from(
        meta.labels.contains_key("operated-prometheus") || meta.labels.contains_key("operated-alertmanager"),
    );
    let labels = |label: &&str| meta.labels.get(*label).or_else(|| spec.selector.get(*label)).cloned();
    Some(Recognised {
        product: signs.product,
        namespace: meta.namespace.clone(),
        service: meta.name.clone(),
        by,
        path: match (signs.product, chosen) {
            (Product::Mimir, _) => "/prometheus",
            // Of the cluster version; 0 is the tenant that is there without any set-up.
            (Product::VictoriaMetrics, Some((_, port))) if port.port == 8481 => "/select/0/prometheus",
            _ => "",
        },
        rank: (chosen.map_or(usize::MAX, |(rank, _)| rank + 100 * own), sure),
        port,
        selector: spec.selector.clone(),
        installation: INSTALLATIONS.iter().find_map(labels),
    })
}

/// By what a Service is recognised. A label that names a known product stands over every name and port.
fn sign(service: &Service) -> Option<(&'static Signs, Sign)> {
    let (meta, spec) = (&service.metadata, &service.spec);
    let labelled = |labels: &BTreeMap<String, String>| {
        TABLE.iter().find_map(|signs| {
            let label = signs.labels.iter().find(|(key, value)| labels.get(*key).map(String::as_str) == Some(*value));
            label.map(|(key, value)| (signs, format!("{key}={value}")))
        })
    };
    // The recommended label is more exact than `app`, which charts fill as they like.
    let exact = |labels: &BTreeMap<String, String>| {
        labelled(&labels.get_key_value(NAME).map(|(key, value)| (key.clone(), value.clone())).into_iter().collect())
    };
    if let Some((signs, label)) = exact(&meta.labels).or_else(|| labelled(&meta.labels)) {
        return Some((signs, Sign::Label(label)));
    }
    if let Some((signs, label)) = exact(&spec.selector).or_else(|| labelled(&spec.selector)) {
        return Some((signs, Sign::PodLabel(label)));
    }
    if let Some(signs) = TABLE.iter().find(|signs| signs.names.iter().any(|pattern| matches(pattern, &meta.name))) {
        return Some((signs, Sign::Name));
    }
    TABLE.iter().find_map(|signs| {
        let port = signs.guess.filter(|guess| spec.ports.iter().any(|port| port.port == *guess))?;
        Some((signs, Sign::Port(port)))
    })
}

fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(_), Some(_)) => name.contains(pattern.trim_matches('*')),
        (Some(end), None) => name.ends_with(end),
        (None, Some(beginning)) => name.starts_with(beginning),
        (None, None) => name == pattern,
    }
}

/// The cluster's own etcd speaks TLS to the API server alone; charts put a Service for its metrics before it.
fn is_control_plane(product: Product, service: &Service) -> bool {
    let named = ["component", "tier"].iter().any(|label| {
        let labels = [service.metadata.labels.get(*label), service.spec.selector.get(*label)];
        labels.into_iter().flatten().any(|value| value == "etcd" || value == "control-plane")
    });
    product == Product::Etcd && (service.metadata.namespace == "kube-system" || named)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn service(name: &str, labels: &Value, selector: &Value, ports: &[(&str, u16)]) -> Service {
        let ports: Vec<Value> = ports.iter().map(|(name, port)| json!({ "name": name, "port": port })).collect();
        let metadata = json!({ "name": name, "namespace": "ns", "labels": labels });
        serde_json::from_value(json!({ "metadata": metadata, "spec": { "selector": selector, "ports": ports } }))
            .unwrap()
    }

    /// What services come to: product, Service, by what, and the port or why there is none.
    fn told(services: &[Service]) -> Vec<String> {
        recognise(services)
            .into_iter()
            .map(|one| {
                let port = match &one.port {
                    Ok((port, tls)) => format!("{}{port}", if *tls { "tls " } else { "" }),
                    Err(why) => (*why).to_owned(),
                };
                format!("{} {} by {} at {port}", one.product.title(), one.service, one.by)
            })
            .collect()
    }

    #[test]
    fn consul_is_found_by_the_labels_of_its_chart_whatever_it_is_called() {
        let labels = |component: &str| json!({ "app": "consul", "release": "r", "chart": "consul-helm", "component": component });
        let server = json!({ "app": "consul", "release": "r", "component": "server" });
        let services = [
            service("r-consul-ui", &labels("ui"), &server, &[("http", 80)]),
            service(
                "r-consul-server",
                &labels("server"),
                &server,
                &[("http", 8500), ("https", 8501), ("server", 8300)],
            ),
            service("r-consul-dns", &labels("dns"), &json!({ "app": "consul", "hasDNS": "true" }), &[("dns-tcp", 53)]),
            service("r-consul-connect-injector", &labels("connect-injector"), &json!({}), &[("https", 443)]),
        ];
        assert_eq!(told(&services), ["Consul r-consul-server by label app=consul at http"]);
        assert_eq!(told(&services[..1]), ["Consul r-consul-ui by label app=consul at http"]);
        let only_tls = [service("consul-server", &labels("server"), &server, &[("https", 8501)])];
        assert_eq!(told(&only_tls), ["Consul consul-server by label app=consul at tls https"]);
    }

    #[test]
    fn every_form_of_prometheus_is_found_once() {
        let pods = json!({ "app.kubernetes.io/name": "prometheus", "operator.prometheus.io/name": "kps" });
        let stack = service(
            "prometheus-kube-prometheus-prometheus",
            &json!({ "app": "kube-prometheus-stack-prometheus", "release": "prometheus" }),
            &pods,
            &[("http-web", 9090), ("reloader-web", 8080)],
        );
        let operated = service(
            "prometheus-operated",
            &json!({ "operated-prometheus": "true" }),
            &json!({ "app.kubernetes.io/name": "prometheus" }),
            &[("http-web", 9090)],
        );
        let found = "Prometheus prometheus-kube-prometheus-prometheus by label app=kube-prometheus-stack-prometheus at http-web";
        let alone = "Prometheus prometheus-operated by label operated-prometheus=true at http-web";
        assert_eq!(told(std::slice::from_ref(&operated)), [alone]);
        assert_eq!(told(&[operated, stack]), [found]);
        let chart = json!({ "app.kubernetes.io/name": "prometheus", "app.kubernetes.io/component": "server", "app.kubernetes.io/instance": "p" });
        assert_eq!(
            told(&[service("p-prometheus-server", &chart, &chart, &[("http", 80)])]),
            ["Prometheus p-prometheus-server by label app.kubernetes.io/name=prometheus at http"]
        );
        // A chart cuts its names to 26 characters; what stands behind that is left.
        let cut =
            service("a-release-of-a-long-name-k-prometheus", &json!({}), &json!({ "x": "y" }), &[("http-web", 9090)]);
        assert_eq!(told(&[cut]), ["Prometheus a-release-of-a-long-name-k-prometheus by name at http-web"]);
        let plain = service("metrics-store", &json!({}), &json!({ "app": "prometheus" }), &[("", 9090)]);
        assert_eq!(told(&[plain]), ["Prometheus metrics-store by label app=prometheus of its Pods at 9090"]);
    }

    #[test]
    fn other_parts_of_a_product_are_not_the_product() {
        for (name, component) in [("p-alertmanager-x", "pushgateway"), ("p-state", "metrics"), ("p-node", "exporter")] {
            let labels = json!({ "app.kubernetes.io/name": "prometheus", "app.kubernetes.io/component": component });
            assert_eq!(told(&[service(name, &labels, &labels, &[("http", 9091)])]), Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn a_label_stands_over_a_name_and_the_recommended_label_over_app() {
        let grafana = json!({ "app.kubernetes.io/name": "grafana", "app": "prometheus" });
        assert_eq!(
            told(&[service("prometheus", &grafana, &json!({}), &[("service", 80)])]),
            ["Grafana prometheus by label app.kubernetes.io/name=grafana at service"]
        );
        let alertmanager = json!({ "app": "kube-prometheus-stack-alertmanager" });
        assert_eq!(
            told(&[service("x-prometheus", &alertmanager, &json!({}), &[("http-web", 9093)])]),
            ["Alertmanager x-prometheus by label app=kube-prometheus-stack-alertmanager at http-web"]
        );
        assert_eq!(
            told(&[service("shop", &json!({}), &json!({}), &[("", 8761)])]),
            ["Eureka shop by port 8761 at 8761"]
        );
    }

    #[test]
    fn names_outside_and_the_control_plane_are_not_connected() {
        let mut away = service("consul", &json!({ "app": "consul" }), &json!({}), &[("http", 8500)]);
        away.spec.kind = "ExternalName".to_owned();
        away.spec.external_name = "evil.example".to_owned();
        let found = recognise(&[away]);
        assert!(found[0].port.is_err() && found[0].place("minikube").is_none(), "{found:?}");
        let mut etcd = service(
            "kube-prometheus-stack-kube-etcd",
            &json!({ "app": "etcd" }),
            &json!({ "component": "etcd" }),
            &[("http-metrics", 2381)],
        );
        assert_eq!(recognise(std::slice::from_ref(&etcd)), []);
        etcd.spec.selector.clear();
        etcd.metadata.namespace = "kube-system".to_owned();
        assert_eq!(recognise(&[etcd]), []);
        let udp = json!({ "metadata": { "name": "consul", "namespace": "ns" }, "spec": { "ports": [{ "name": "http", "port": 8500, "protocol": "UDP" }] } });
        assert!(recognise(&[serde_json::from_value(udp).unwrap()])[0].port.is_err());
    }

    #[test]
    fn each_product_has_its_row_and_each_row_its_labels_and_ports() {
        for signs in &TABLE {
            assert_eq!(signs.product.title(), signs.title);
            assert!(!signs.labels.is_empty() && !signs.ports.is_empty(), "{}", signs.title);
            assert_eq!(signs.product.kind().is_some(), signs.question.proof == Proof::Source, "{}", signs.title);
            for (key, value) in signs.labels {
                let port = match signs.ports[0] {
                    Name(name) => (name, 1),
                    Number(port) => ("", port),
                };
                let found = recognise(&[service("x", &json!({ (*key): value }), &json!({}), &[port])]);
                assert_eq!(found[0].product, signs.product, "{key}={value}");
            }
        }
    }

    proptest! {
        #[test]
        fn hostile_names_lead_nowhere(name in "\\PC{0,20}", namespace in "\\PC{0,20}", port in "\\PC{0,12}") {
            let object = json!({
                "metadata": { "name": name, "namespace": namespace, "labels": { "app": "consul" } },
                "spec": { "ports": [{ "name": port, "port": 8500 }] },
            });
            for found in recognise(&[serde_json::from_value(object).unwrap()]) {
                let place = found.place("minikube").unwrap();
                prop_assert_eq!(Place::parse("consul", &place.to_string()).unwrap(), place);
            }
        }

        #[test]
        fn the_order_of_services_does_not_matter(order in Just(vec![0usize, 1, 2, 3]).prop_shuffle()) {
            let pods = json!({ "app": "consul", "release": "r" });
            let all = ["consul-ui", "consul-server", "b-consul-server", "prometheus"].map(|name| service(name, &json!({}), &pods, &[("http", 8500)]));
            let shuffled: Vec<Service> = order.into_iter().map(|at| serde_json::from_value(json!({
                "metadata": { "name": all[at].metadata.name, "namespace": "ns" },
                "spec": { "selector": pods, "ports": [{ "name": "http", "port": 8500 }] },
            })).unwrap()).collect();
            prop_assert_eq!(told(&shuffled), told(&all));
        }
    }
}
