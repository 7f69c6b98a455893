//! Variables of containers that may name a Service
//! (<https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#environment-variables>). A value may be or hold a
//! password: it is taken apart where it is read, and only scheme, host and port of an address are kept.

use serde::{Deserialize, Deserializer};

use super::or_empty;

/// The longest value that is looked at, in bytes.
const LONGEST: usize = 2048;
/// The most addresses of one value.
const MOST: usize = 8;
/// Words in the name of a variable that holds something else than an address, unless it is written as one.
const SECRETS: [&str; 8] = ["PASS", "PASSWD", "PASSWORD", "PWD", "SECRET", "TOKEN", "KEY", "CREDENTIALS"];

/// What a workload's Pods are made by.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct PodTemplate {
    pub(in super::super) spec: TemplateSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct TemplateSpec {
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) containers: Vec<TemplateContainer>,
    #[serde(deserialize_with = "or_empty")]
    pub(in super::super) init_containers: Vec<TemplateContainer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in super::super) struct TemplateContainer {
    pub(in super::super) name: String,
    #[serde(deserialize_with = "that_reach")]
    pub(in super::super) env: Vec<Variable>,
}

/// A variable with the addresses that its value is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Variable {
    pub(in super::super) name: String,
    pub(in super::super) reaches: Vec<Reach>,
}

/// Where an address leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Reach {
    /// In small letters.
    pub(in super::super) scheme: Option<String>,
    /// A name in the form of DNS, never an IP address.
    pub(in super::super) host: String,
    pub(in super::super) port: Option<u16>,
}

/// The variables whose plain values are addresses; nothing of the others is kept.
pub(super) fn that_reach<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Variable>, D::Error> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Plain {
        name: String,
        value: Option<String>,
    }
    let all: Vec<Plain> = or_empty(from)?;
    let read = |plain: Plain| {
        let reaches = reaches(&plain.name, plain.value.as_deref()?);
        (!reaches.is_empty()).then_some(Variable { name: plain.name, reaches })
    };
    Ok(all.into_iter().filter_map(read).collect())
}

/// The addresses that a value is: one with a scheme, one or several of the form `HOST:PORT`, or a name with its namespace.
fn reaches(variable: &str, value: &str) -> Vec<Reach> {
    let value = value.trim();
    if value.len() > LONGEST {
        return Vec::new();
    }
    if let Some((scheme, rest)) = value.split_once("://") {
        return of_address(scheme, rest).into_iter().collect();
    }
    let name = variable.to_ascii_uppercase();
    if name.split(['_', '.', '-']).any(|word| SECRETS.contains(&word)) {
        return Vec::new();
    }
    if let Some(host) = host(value).filter(|host| host.contains('.')) {
        return vec![Reach { scheme: None, host, port: None }];
    }
    // Each of them, or it is something else.
    let all: Option<Vec<Reach>> = value.split(',').map(|part| with_port(part.trim())).collect();
    all.filter(|all| all.len() <= MOST).unwrap_or_default()
}

/// What stands behind `://`, without user, password, path and query.
fn of_address(scheme: &str, rest: &str) -> Option<Reach> {
    // `jdbc:postgresql://…` is of postgresql.
    let scheme = scheme.rsplit(':').next().unwrap_or_default().to_ascii_lowercase();
    if scheme.is_empty() || !scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // A password may hold any of these characters unescaped: then what is left is no name, and nothing is kept.
    let place = authority.rsplit('@').next().unwrap_or_default();
    if authority.len() != rest.len() && rest.get(authority.len()..).is_some_and(|behind| behind.contains('@')) {
        return None;
    }
    let reach = with_port(place).or_else(|| Some(Reach { scheme: None, host: host(place)?, port: None }))?;
    Some(Reach { scheme: Some(scheme), ..reach })
}

fn with_port(text: &str) -> Option<Reach> {
    let (name, port) = text.rsplit_once(':')?;
    let digits = port.chars().all(|c| c.is_ascii_digit());
    let port = port.parse().ok().filter(|port| digits && *port != 0)?;
    Some(Reach { scheme: None, host: host(name)?, port: Some(port) })
}

/// A name that a Service can have in the cluster's DNS: labels of small letters, digits and dashes, the first with a letter in
/// front.
fn host(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        let fits = label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        fits && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
    (begins && text.len() <= 253 && text.split('.').all(is_label)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variable: &str, value: &str) -> Vec<String> {
        let json = serde_json::json!({ "name": "c", "env": [{ "name": variable, "value": value }] });
        let container: TemplateContainer = serde_json::from_value(json).unwrap();
        let reaches = container.env.into_iter().flat_map(|one| one.reaches);
        let words = |reach: Reach| {
            let scheme = reach.scheme.map(|scheme| format!("{scheme} ")).unwrap_or_default();
            format!("{scheme}{}{}", reach.host, reach.port.map(|port| format!(":{port}")).unwrap_or_default())
        };
        reaches.map(words).collect()
    }

    #[test]
    fn addresses_in_every_usual_form_are_read() {
        for (value, expected) in [
            ("http://cart:8080", "http cart:8080"),
            ("http://cart", "http cart"),
            ("HTTPS://cart.shop/api/v1?x=1", "https cart.shop"),
            ("cart:8080", "cart:8080"),
            ("cart.shop", "cart.shop"),
            ("cart.shop.svc.cluster.local:8080", "cart.shop.svc.cluster.local:8080"),
            ("cart.shop.svc.cluster.local.", "cart.shop.svc.cluster.local"),
            ("jdbc:postgresql://db:5432/orders", "postgresql db:5432"),
            (" redis://cache:6379/0 ", "redis cache:6379"),
        ] {
            assert_eq!(read("CART_URL", value), [expected], "{value}");
        }
        assert_eq!(
            read("BROKERS", "kafka-0.kafka:9092, kafka-1.kafka:9092"),
            ["kafka-0.kafka:9092", "kafka-1.kafka:9092"]
        );
    }

    #[test]
    fn what_is_no_address_is_not_kept() {
        for value in [
            "",
            "debug",
            "true",
            "10.0.0.1:80",
            "[::1]:80",
            "1.2",
            "Cart:80",
            "cart:http",
            "cart:0",
            "cart:99999",
            "a b:1",
            "-a:1",
            "a,b:1",
            "http://",
            "/etc/cart.conf",
        ] {
            assert!(read("X", value).is_empty(), "{value}");
        }
        assert!(read("X", &format!("{}:80", "a".repeat(3000))).is_empty());
    }

    #[test]
    fn no_part_of_a_user_or_a_password_is_kept() {
        let user = "http://ann:s3cret@cart:8080";
        assert_eq!(read("CART_URL", user), ["http cart:8080"]);
        assert_eq!(read("CART_URL", "amqp://ann:s3@cret@mq:5672/vhost?key=s3cret"), ["amqp mq:5672"]);
        for value in [
            "http://ann:s3/cret@cart:8080",
            "http://ann:12?s3cret@cart",
            "ann:s3cret@cart:8080",
            "ann:12,s3cret@cart:8080",
        ] {
            assert!(read("CART_URL", value).is_empty(), "{value}");
        }
        assert_eq!(read("KEYCLOAK_HOST", "keycloak.auth"), ["keycloak.auth"]);
        for name in ["DB_PASSWORD", "api_token", "SECRET", "SIGNING_KEY"] {
            assert!(read(name, "word.word").is_empty() && read(name, "word:1234").is_empty(), "{name}");
        }
    }

    #[test]
    fn a_value_that_comes_from_elsewhere_is_not_read() {
        let json = serde_json::json!({ "name": "c", "env": [
            { "name": "A", "valueFrom": { "secretKeyRef": { "name": "db", "key": "url" } } }, { "name": "B", "value": null },
        ] });
        assert_eq!(serde_json::from_value::<TemplateContainer>(json).unwrap().env, []);
        let none: TemplateContainer = serde_json::from_str(r#"{"name":"c","env":null}"#).unwrap();
        assert_eq!(none.env, []);
    }

    proptest::proptest! {
        #[test]
        fn whatever_stands_before_the_last_at_sign_is_never_kept(password in "[a-z0-9/?#:@,.]{1,20}", host in "[a-z]{1,8}") {
            for reach in read("URL", &format!("http://u:{password}@{host}:80")) {
                proptest::prop_assert_eq!(reach, format!("http {host}:80"));
            }
        }
    }
}
