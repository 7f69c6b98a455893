//! The catalog's tables: nodes, services, checks, and the index each kind of question is answered with
//! (agent/consul/state/catalog.go). An unchanged registration changes no index.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub(crate) type TextMap = BTreeMap<String, String>;

/// One row with the index it was made at and the one it was last changed at.
#[derive(Clone, Debug)]
pub(crate) struct Row<T> {
    pub(crate) value: T,
    pub(crate) create: u64,
    pub(crate) modify: u64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) tagged_addresses: Option<TextMap>,
    pub(crate) meta: Option<TextMap>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Service {
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) tags: Vec<String>,
    pub(crate) address: String,
    /// Name to `{"Address":…,"Port":…}`, as written.
    pub(crate) tagged_addresses: Option<Value>,
    pub(crate) meta: Option<TextMap>,
    pub(crate) port: u16,
    pub(crate) weight_passing: i64,
    pub(crate) weight_warning: i64,
    pub(crate) enable_tag_override: bool,
    /// `Proxy` as Consul writes it back, for proxies and gateways.
    pub(crate) proxy: Option<Value>,
    pub(crate) connect_native: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    Passing,
    Warning,
    /// Consul's word for a check nobody has reported on yet, too.
    #[default]
    Critical,
}

impl Status {
    pub(crate) fn parse(text: &str) -> Option<Status> {
        match text {
            "passing" => Some(Status::Passing),
            "warning" => Some(Status::Warning),
            "critical" => Some(Status::Critical),
            _ => None,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Status::Passing => "passing",
            Status::Warning => "warning",
            Status::Critical => "critical",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Check {
    pub(crate) node: String,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) status: Status,
    pub(crate) notes: String,
    pub(crate) output: String,
    pub(crate) service_id: String,
    pub(crate) service_name: String,
    pub(crate) service_tags: Vec<String>,
    /// `http`, `tcp`, `ttl`, `maintenance`, or empty.
    pub(crate) kind: String,
    pub(crate) interval: String,
    pub(crate) timeout: String,
    /// `Definition` as written through the catalog; an agent's own checks show `{}` there.
    pub(crate) definition: Option<Value>,
}

type Key = (String, String);

#[derive(Debug, Default)]
pub(crate) struct Catalog {
    nodes: BTreeMap<String, Row<Node>>,
    services: BTreeMap<Key, Row<Service>>,
    checks: BTreeMap<Key, Row<Check>>,
    pub(crate) nodes_index: u64,
    pub(crate) services_index: u64,
    pub(crate) checks_index: u64,
    by_name: BTreeMap<String, u64>,
    extinction: u64,
}

/// Puts `value` under `key`; says whether anything changed.
fn upsert<K: Ord, T: PartialEq>(table: &mut BTreeMap<K, Row<T>>, key: K, value: T, index: u64) -> bool {
    match table.get_mut(&key) {
        Some(row) if row.value == value => false,
        Some(row) => {
            row.value = value;
            row.modify = index;
            true
        }
        None => {
            table.insert(key, Row { value, create: index, modify: index });
            true
        }
    }
}

fn on<'a, T>(table: &'a BTreeMap<Key, Row<T>>, node: &'a str) -> impl Iterator<Item = &'a Row<T>> + 'a {
    table.range((node.to_owned(), String::new())..).take_while(move |((owner, _), _)| owner == node).map(|(_, row)| row)
}

impl Catalog {
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Row<Node>> {
        self.nodes.values()
    }

    pub(crate) fn node(&self, name: &str) -> Option<&Row<Node>> {
        self.nodes.get(name)
    }

    pub(crate) fn services(&self) -> impl Iterator<Item = (&str, &Row<Service>)> {
        self.services.iter().map(|((node, _), row)| (node.as_str(), row))
    }

    pub(crate) fn services_on<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a Row<Service>> + 'a {
        on(&self.services, node)
    }

    pub(crate) fn service(&self, node: &str, id: &str) -> Option<&Row<Service>> {
        self.services.get(&(node.to_owned(), id.to_owned()))
    }

    pub(crate) fn checks(&self) -> impl Iterator<Item = &Row<Check>> {
        self.checks.values()
    }

    pub(crate) fn checks_on<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a Row<Check>> + 'a {
        on(&self.checks, node)
    }

    /// The index for questions about one service: its own while it exists, else that of the last service that ceased to.
    pub(crate) fn service_index(&self, name: &str) -> u64 {
        if let Some(index) = self.by_name.get(name) {
            *index
        } else if self.extinction > 0 {
            self.extinction
        } else {
            self.nodes_index.max(self.services_index).max(self.checks_index)
        }
    }

    /// The index for questions that show nodes with their services.
    pub(crate) fn topology_index(&self) -> u64 {
        self.nodes_index.max(self.services_index)
    }

    pub(crate) fn dump_index(&self) -> u64 {
        self.topology_index().max(self.checks_index)
    }

    pub(crate) fn put_node(&mut self, index: u64, node: Node) {
        let name = node.name.clone();
        if upsert(&mut self.nodes, name.clone(), node, index) {
            self.nodes_index = index;
            self.touch_services_of(index, &name);
        }
    }

    pub(crate) fn put_service(&mut self, index: u64, node: &str, service: Service) {
        let key = (node.to_owned(), service.id.clone());
        let name = service.name.clone();
        let before = self.services.get(&key).map(|row| row.value.name.clone());
        if upsert(&mut self.services, key, service, index) {
            self.services_index = index;
            self.by_name.insert(name.clone(), index);
            if let Some(old) = before.filter(|old| *old != name) {
                self.forget_name(index, &old);
            }
        }
    }

    /// Puts a check; its service's name and tags are taken from the catalog, as Consul does.
    ///
    /// Errors with Consul's own words when the node or the service is not registered.
    pub(crate) fn put_check(&mut self, index: u64, mut check: Check) -> Result<(), &'static str> {
        if !self.nodes.contains_key(&check.node) {
            return Err("Missing node registration");
        }
        if !check.service_id.is_empty() {
            let Some(service) = self.service(&check.node, &check.service_id) else {
                return Err("Missing service registration");
            };
            let (name, tags) = (service.value.name.clone(), service.value.tags.clone());
            check.service_name = name;
            check.service_tags = tags;
        }
        let (node, service_name) = (check.node.clone(), check.service_name.clone());
        if upsert(&mut self.checks, (node.clone(), check.id.clone()), check, index) {
            self.touch_check(index, &node, &service_name);
        }
        Ok(())
    }

    pub(crate) fn remove_check(&mut self, index: u64, node: &str, id: &str) {
        if let Some(row) = self.checks.remove(&(node.to_owned(), id.to_owned())) {
            self.touch_check(index, node, &row.value.service_name);
        }
    }

    pub(crate) fn remove_service(&mut self, index: u64, node: &str, id: &str) {
        let Some(row) = self.services.remove(&(node.to_owned(), id.to_owned())) else { return };
        let doomed: Vec<String> = self
            .checks_on(node)
            .filter(|check| check.value.service_id == id)
            .map(|check| check.value.id.clone())
            .collect();
        for check in doomed {
            self.checks.remove(&(node.to_owned(), check));
            self.checks_index = index;
        }
        self.services_index = index;
        self.forget_name(index, &row.value.name);
    }

    pub(crate) fn remove_node(&mut self, index: u64, node: &str) {
        if !self.nodes.contains_key(node) {
            return;
        }
        let services: Vec<String> = self.services_on(node).map(|row| row.value.id.clone()).collect();
        for id in services {
            self.remove_service(index, node, &id);
        }
        let checks: Vec<String> = self.checks_on(node).map(|row| row.value.id.clone()).collect();
        for id in checks {
            self.remove_check(index, node, &id);
        }
        self.nodes.remove(node);
        self.nodes_index = index;
    }

    /// A node's change is a change of every service on it.
    fn touch_services_of(&mut self, index: u64, node: &str) {
        let names: BTreeSet<String> = self.services_on(node).map(|row| row.value.name.clone()).collect();
        for name in names {
            self.by_name.insert(name, index);
        }
    }

    fn touch_check(&mut self, index: u64, node: &str, service: &str) {
        self.checks_index = index;
        if service.is_empty() {
            self.touch_services_of(index, node);
        } else if let Some(standing) = self.by_name.get_mut(service) {
            *standing = index;
        }
    }

    /// One instance of `name` went: the others' answer changed, or the service ceased to exist.
    fn forget_name(&mut self, index: u64, name: &str) {
        if self.services.values().any(|row| row.value.name == name) {
            self.by_name.insert(name.to_owned(), index);
        } else {
            self.by_name.remove(name);
            self.extinction = index;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> Node {
        Node { name: name.into(), address: "127.0.0.1".into(), ..Node::default() }
    }

    fn service(id: &str, name: &str) -> Service {
        Service { id: id.into(), name: name.into(), ..Service::default() }
    }

    #[test]
    fn the_same_registration_twice_changes_no_index() {
        let mut catalog = Catalog::default();
        catalog.put_node(1, node("n"));
        catalog.put_service(2, "n", service("w1", "web"));
        catalog.put_service(3, "n", service("w1", "web"));
        assert_eq!((catalog.services_index, catalog.service_index("web")), (2, 2));
    }

    #[test]
    fn a_service_that_ceased_to_exist_is_answered_with_the_index_of_its_end() {
        let mut catalog = Catalog::default();
        catalog.put_node(1, node("n"));
        catalog.put_service(2, "n", service("w1", "web"));
        catalog.put_service(3, "n", service("d1", "db"));
        catalog.remove_service(4, "n", "w1");
        catalog.put_service(5, "n", service("d2", "db"));
        assert_eq!(catalog.service_index("web"), 4);
        assert_eq!(catalog.service_index("db"), 5);
    }

    #[test]
    fn a_check_takes_name_and_tags_from_its_service_and_goes_with_it() {
        let mut catalog = Catalog::default();
        catalog.put_node(1, node("n"));
        let check = Check { node: "n".into(), id: "c".into(), service_id: "w1".into(), ..Check::default() };
        assert_eq!(catalog.put_check(2, check.clone()), Err("Missing service registration"));
        catalog.put_service(3, "n", Service { tags: vec!["v1".into()], ..service("w1", "web") });
        assert_eq!(catalog.put_check(4, check), Ok(()));
        let row = catalog.checks().next().expect("one check");
        assert_eq!((row.value.service_name.as_str(), row.value.service_tags.len()), ("web", 1));
        catalog.remove_service(5, "n", "w1");
        assert_eq!((catalog.checks().count(), catalog.checks_index), (0, 5));
    }

    #[test]
    fn a_change_of_the_node_wakes_those_who_wait_for_its_services() {
        let mut catalog = Catalog::default();
        catalog.put_node(1, node("n"));
        catalog.put_service(2, "n", service("w1", "web"));
        catalog
            .put_check(3, Check { node: "n".into(), id: "serfHealth".into(), ..Check::default() })
            .expect("node is there");
        assert_eq!(catalog.service_index("web"), 3);
    }
}
