//! Who is meant by the labels of a series: a name, an address, a Pod, or somebody whom nobody names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use binnacle_model::fact::Party;
use regex::{Captures, Regex};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::traced::{Fit, Said};
use super::words::LabelName;
use crate::scrape::exposition::Labels;

/// One way in which labels name a party.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Spelled")]
pub(super) struct PartyRule {
    /// The label with the name; `None` for the process itself.
    label: Option<LabelName>,
    namespace: Option<LabelName>,
    port: Option<LabelName>,
    form: Form,
    part: Option<Regex>,
    unless: Vec<String>,
    outside: BTreeMap<String, String>,
}

/// What a label's value is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    /// A name.
    #[default]
    Name,
    /// `HOST`, `HOST:PORT` or a URL.
    Host,
    /// The name of a Pod; its namespace must be known too.
    Pod,
    /// A queue or topic.
    Channel,
    /// Whoever shows the metrics.
    Process,
}

/// A plain text is the label.
struct Spelled(Written);

impl<'de> Deserialize<'de> for Spelled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrTable)
    }
}

struct TextOrTable;

impl<'de> Visitor<'de> for TextOrTable {
    type Value = Spelled;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a label's name, or a table with `label`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Spelled, E> {
        let label = LabelName::try_from(text.to_owned()).map_err(E::custom)?;
        Ok(Spelled(Written { label: Some(label), ..Written::default() }))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Spelled, A::Error> {
        Written::deserialize(MapAccessDeserializer::new(map)).map(Spelled)
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    label: Option<LabelName>,
    namespace: Option<LabelName>,
    port: Option<LabelName>,
    #[serde(default, rename = "is")]
    form: Form,
    part: Option<String>,
    #[serde(default)]
    unless: Vec<String>,
    #[serde(default)]
    outside: BTreeMap<String, String>,
}

impl TryFrom<Spelled> for PartyRule {
    type Error = String;

    fn try_from(spelled: Spelled) -> Result<Self, String> {
        let Spelled(Written { label, namespace, port, form, part, unless, outside }) = spelled;
        if label.is_none() != (form == Form::Process) {
            return Err("give the `label` that holds the name, or `is = \"process\"` without one".to_owned());
        }
        let part = part.map(|text| Regex::new(&text).map_err(|error| brief(&error))).transpose()?;
        if part.as_ref().is_some_and(|part| !part.capture_names().flatten().any(|name| name == "name")) {
            return Err("`part` needs a group that is called `name`: (?P<name>...)".to_owned());
        }
        Ok(Self { label, namespace, port, form, part, unless, outside })
    }
}

/// The library draws its message over several lines; the last one says what is wrong.
fn brief(error: &regex::Error) -> String {
    let text = error.to_string();
    format!(
        "`part` is not a regular expression: {}",
        text.lines().last().unwrap_or_default().trim_start_matches("error: ")
    )
}

impl PartialEq for PartyRule {
    fn eq(&self, other: &Self) -> bool {
        let part = |rule: &Self| rule.part.as_ref().map(|part| part.as_str().to_owned());
        (&self.label, &self.namespace, &self.port, self.form)
            == (&other.label, &other.namespace, &other.port, other.form)
            && part(self) == part(other)
            && (&self.unless, &self.outside) == (&other.unless, &other.outside)
    }
}

impl PartyRule {
    /// Every label that is read.
    pub(super) fn labels(&self) -> impl Iterator<Item = &LabelName> {
        [&self.label, &self.namespace, &self.port].into_iter().flatten()
    }

    /// Whether it is the process that shows the metrics.
    pub(super) fn is_process(&self) -> bool {
        self.form == Form::Process
    }

    /// What its label says where it names one of these; `None` where it is the process itself.
    fn said(&self, parties: &[&Party]) -> Option<Said> {
        let fit = if self.part.is_some() || self.form == Form::Host { Fit::Contains } else { Fit::Is };
        let texts = parties.iter().flat_map(|party| self.texts(party)).collect();
        Some(Said { label: self.label.clone()?, texts, fit })
    }

    fn texts(&self, party: &Party) -> Vec<Arc<str>> {
        match party {
            Party::Address { host, .. } if self.form == Form::Host => {
                let local = (&**host == "127.0.0.1").then(|| Arc::from("localhost"));
                [host.clone()].into_iter().chain(local).collect()
            }
            Party::Named(name) | Party::NamedIn { name, .. } | Party::Pod { pod: name, .. } | Party::Channel(name) => {
                vec![name.clone()]
            }
            Party::Outside(words) => {
                let known = self.outside.iter().filter(|(_, known)| ***known == **words);
                known.map(|(value, _)| Arc::from(value.as_str())).collect()
            }
            Party::Supposed(names) => names.clone(),
            Party::Service { .. } | Party::Address { .. } | Party::Any => Vec::new(),
        }
    }

    /// The party that these labels name; `None` when they name nobody.
    fn of(&self, labels: &Labels, process: Option<&Party>) -> Option<Party> {
        let Some(label) = &self.label else { return process.cloned() };
        let value = label.of(labels)?;
        if self.unless.iter().any(|word| **word == **value) {
            return None;
        }
        if let Some(words) = self.outside.get(&**value) {
            return Some(Party::Outside(Arc::from(words.as_str())));
        }
        let named = self.namespace.as_ref().and_then(|label| label.of(labels)).filter(|value| &***value != "unknown");
        let (name, namespace) = match &self.part {
            None => (value.clone(), None),
            Some(part) => {
                let groups = part.captures(value)?;
                (group(&groups, "name")?, group(&groups, "namespace"))
            }
        };
        let namespace = namespace.or_else(|| named.cloned());
        Some(match (self.form, namespace) {
            (Form::Host, _) => self.host(&name, labels)?,
            (Form::Channel, _) => Party::Channel(name),
            (Form::Pod, Some(namespace)) => Party::Pod { namespace, pod: name, address: None },
            (Form::Name, Some(namespace)) => Party::NamedIn { namespace, name },
            (Form::Name | Form::Pod | Form::Process, _) => Party::Named(name),
        })
    }

    fn host(&self, text: &str, labels: &Labels) -> Option<Party> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        // gRPC's targets have a third slash: dns:///host:port.
        let rest = rest.trim_start_matches('/');
        let at = rest.split(['/', '?']).next().unwrap_or_default();
        let at = at.rsplit_once('@').map_or(at, |(_, host)| host);
        let (host, port) = match at.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()),
            _ => (at, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        let told = || self.port.as_ref()?.of(labels)?.parse().ok();
        let usual = match scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        party_at(host, port.or_else(told).or(usual).unwrap_or(0))
    }
}

fn group(groups: &Captures<'_>, name: &str) -> Option<Arc<str>> {
    groups.name(name).map(|found| found.as_str()).filter(|text| !text.is_empty()).map(Arc::from)
}

/// Whoever is called by this host and port: an address, or a name where the host is one of a registry's own names.
fn party_at(host: &str, port: u16) -> Option<Party> {
    if host.is_empty() {
        return None;
    }
    if host.parse::<IpAddr>().is_ok() {
        return Some(Party::Address { host: Arc::from(host), port });
    }
    // By RFC 6761 it is this machine; registries know processes here by the number.
    if host == "localhost" {
        return Some(Party::Address { host: Arc::from(Ipv4Addr::LOCALHOST.to_string()), port });
    }
    // A cluster's own names: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/.
    let in_cluster = host.split_once(".svc").filter(|(_, domain)| domain.is_empty() || domain.starts_with('.'));
    if let Some((name, namespace)) = in_cluster.and_then(|(names, _)| names.rsplit_once('.')) {
        return Some(Party::NamedIn { namespace: Arc::from(namespace), name: Arc::from(name) });
    }
    // Consul's: https://developer.hashicorp.com/consul/docs/services/discovery/dns-static-lookups.
    if let Some((names, _)) = host.split_once(".service.") {
        return Some(Party::Named(Arc::from(names.rsplit('.').next().unwrap_or(names))));
    }
    if host.contains('.') {
        return Some(Party::Address { host: Arc::from(host), port });
    }
    Some(Party::Named(Arc::from(host)))
}

/// The party that the first rule names which names one.
pub(super) fn first(rules: &[PartyRule], labels: &Labels, process: Option<&Party>) -> Option<Party> {
    rules.iter().find_map(|rule| rule.of(labels, process))
}

/// What labels say where some rules name one of these: one of them does. `None` where no label may say it.
pub(super) fn said(rules: &[PartyRule], parties: &[&Party]) -> Option<Vec<Said>> {
    rules.iter().map(|rule| rule.said(parties)).collect()
}

/// The same of the namespaces of those who all have one.
pub(super) fn said_of_namespaces(rules: &[PartyRule], parties: &[&Party]) -> Option<Vec<Said>> {
    let of = |party: &&Party| match party {
        Party::NamedIn { namespace, .. } | Party::Pod { namespace, .. } => Some(namespace.clone()),
        _ => None,
    };
    let texts: BTreeSet<Arc<str>> = parties.iter().map(of).collect::<Option<_>>()?;
    let said = |rule: &PartyRule| {
        let label = rule.namespace.clone().filter(|_| rule.part.is_none())?;
        Some(Said { label, texts: texts.clone(), fit: Fit::Is })
    };
    rules.iter().map(said).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| (Arc::from(*name), Arc::from(*value))).collect()
    }

    fn rule(text: &str) -> PartyRule {
        let table: std::collections::BTreeMap<String, PartyRule> =
            toml_edit::de::from_str(&format!("rule = {text}")).unwrap();
        table["rule"].clone()
    }

    fn named(text: &str) -> Party {
        Party::Named(Arc::from(text))
    }

    fn at(host: &str, port: u16) -> Party {
        Party::Address { host: Arc::from(host), port }
    }

    fn inside(namespace: &str, name: &str) -> Party {
        Party::NamedIn { namespace: Arc::from(namespace), name: Arc::from(name) }
    }

    #[test]
    fn a_host_is_an_address_or_the_name_that_it_stands_for() {
        let host = rule("{ label = \"a\", port = \"p\", is = \"host\" }");
        for (value, expected) in [
            ("10.0.0.1:80", Some(at("10.0.0.1", 80))),
            ("[::1]:9", Some(at("::1", 9))),
            ("::1", Some(at("::1", 7000))),
            ("http://10.0.0.1/x", Some(at("10.0.0.1", 7000))),
            ("localhost", Some(at("127.0.0.1", 7000))),
            ("dns:///payments:50051", Some(named("payments"))),
            ("web.shop.svc.cluster.local:80", Some(inside("shop", "web"))),
            ("web.shop.svc", Some(inside("shop", "web"))),
            ("v1.payments.service.dc1.consul", Some(named("payments"))),
            ("https://ann:pw@api.example.com/x?y", Some(at("api.example.com", 7000))),
            ("http://", None),
        ] {
            assert_eq!(host.of(&labels(&[("a", value), ("p", "7000")]), None), expected, "{value}");
        }
        assert_eq!(host.of(&labels(&[("a", "https://api.example.com")]), None), Some(at("api.example.com", 443)));
    }

    #[test]
    fn a_part_of_a_value_may_be_the_name_and_some_values_name_nobody() {
        let part = rule(r#"{ label = "a", part = '^(?:(?P<namespace>[^/]+)/)?(?P<name>[^/]+)$', unless = ["-"] }"#);
        assert_eq!(part.of(&labels(&[("a", "shop/web")]), None), Some(inside("shop", "web")));
        assert_eq!(part.of(&labels(&[("a", "web")]), None), Some(named("web")));
        assert_eq!(part.of(&labels(&[("a", "a/b/c")]), None), None);
        assert_eq!(part.of(&labels(&[("a", "-")]), None), None);
        assert_eq!(part.of(&labels(&[("a", "")]), None), None);
    }

    #[test]
    fn somebody_whom_nobody_names_is_told_in_words() {
        let outside =
            rule("{ label = \"a\", namespace = \"n\", outside = { unknown = \"clients outside the mesh\" } }");
        let found = |value| outside.of(&labels(&[("a", value), ("n", "unknown")]), None);
        assert_eq!(found("unknown"), Some(Party::Outside(Arc::from("clients outside the mesh"))));
        assert_eq!(found("web"), Some(named("web")));
    }

    #[test]
    fn the_process_itself_may_stand_behind_a_label_that_is_not_there() {
        let rules = [rule("\"a\""), rule("{ is = \"process\" }")];
        assert_eq!(first(&rules, &labels(&[("a", "x")]), Some(&named("me"))), Some(named("x")));
        assert_eq!(first(&rules, &Labels::new(), Some(&named("me"))), Some(named("me")));
        assert_eq!(first(&rules, &Labels::new(), None), None);
    }
}
