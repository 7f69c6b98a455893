//! The agent's own state: what was registered with it, the checks it runs, and their results. The catalog is brought in
//! line with it (agent/local/state.go); a write to the catalog alone does not survive the next full synchronisation.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::catalog::{Catalog, Check, Service, Status};

/// Consul does not take a check's interval below this.
pub(crate) const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// Nor a `DeregisterCriticalServiceAfter` below this.
const MIN_DEREGISTER_AFTER: Duration = Duration::from_secs(60);
/// The output of a check that changes without its status is written to the catalog this late (`check_update_interval`).
const OUTPUT_DEFERRED: Duration = Duration::from_secs(300);
/// The largest output kept of a check (`check_output_max_size`).
pub(crate) const MAX_OUTPUT_BYTES: usize = 4096;
/// The node check that stands for the gossip between agents.
pub(crate) const SERF_HEALTH: &str = "serfHealth";

/// How a check comes to its status.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Probe {
    /// 2xx is passing, 429 a warning, anything else critical.
    Http { url: String, method: String, headers: Vec<(String, String)>, body: String },
    /// A connection that opens is passing.
    Tcp { address: String },
    /// The service reports by itself, and must do so again within the time.
    Ttl(Duration),
    /// Set and cleared by a person: maintenance.
    Manual,
}

#[derive(Clone, Debug)]
pub(crate) struct CheckPlan {
    pub(crate) probe: Probe,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) deregister_after: Option<Duration>,
    pub(crate) successes_before_passing: u32,
    pub(crate) failures_before_critical: u32,
}

#[derive(Clone, Debug)]
struct Local {
    check: Check,
    plan: CheckPlan,
    /// Tells a result of this registration from one of an earlier check of the same id.
    generation: u64,
    due: Option<Instant>,
    running: bool,
    critical_since: Option<Instant>,
    output_written: Option<Instant>,
    successes: u32,
    failures: u32,
}

/// One run of a check that is due now.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) generation: u64,
    pub(crate) plan: CheckPlan,
}

/// What a client may be told when it names something this agent does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    Service,
    Check,
    /// The check exists and is not one that takes reports.
    NoTtl,
}

#[derive(Debug, Default)]
pub(crate) struct Agent {
    node: String,
    services: BTreeMap<String, Service>,
    checks: BTreeMap<String, Local>,
    /// What this agent wrote to the catalog last.
    written_services: BTreeMap<String, Service>,
    written_checks: BTreeMap<String, Check>,
    generations: u64,
}

/// How much of the catalog is brought in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What changed at the agent since the last time; who changed the catalog by another way is left in peace.
    Changes,
    /// All of it: what somebody else wrote for this node or took away is undone.
    Everything,
}

impl Agent {
    /// An agent with nothing registered, on the node of that name.
    pub(crate) fn on(node: &str) -> Agent {
        Agent { node: node.to_owned(), ..Agent::default() }
    }

    pub(crate) fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.values()
    }

    pub(crate) fn service(&self, id: &str) -> Option<&Service> {
        self.services.get(id)
    }

    pub(crate) fn checks(&self) -> impl Iterator<Item = &Check> {
        self.checks.values().map(|local| &local.check)
    }

    /// Takes a service with its checks. Checks it had and that are not named stay, unless `replace`.
    pub(crate) fn register(&mut self, now: Instant, service: Service, checks: Vec<(Check, CheckPlan)>, replace: bool) {
        let id = service.id.clone();
        self.services.insert(id.clone(), service);
        if replace {
            self.checks.retain(|check, local| {
                local.check.service_id != id || checks.iter().any(|(named, _)| named.id == *check)
            });
        }
        for (check, plan) in checks {
            self.register_check(now, check, plan);
        }
    }

    pub(crate) fn deregister(&mut self, id: &str) -> Result<(), Unknown> {
        self.services.remove(id).ok_or(Unknown::Service)?;
        self.checks.retain(|_, local| local.check.service_id != id);
        Ok(())
    }

    pub(crate) fn register_check(&mut self, now: Instant, mut check: Check, mut plan: CheckPlan) {
        plan.deregister_after = plan.deregister_after.map(|after| after.max(MIN_DEREGISTER_AFTER));
        check.node.clone_from(&self.node);
        self.generations += 1;
        let due = match plan.probe {
            Probe::Http { .. } | Probe::Tcp { .. } => Some(now),
            Probe::Ttl(ttl) => Some(now + ttl),
            Probe::Manual => None,
        };
        let critical_since = (check.status == Status::Critical).then_some(now);
        let local = Local {
            generation: self.generations,
            due,
            running: false,
            critical_since,
            output_written: None,
            successes: 0,
            failures: 0,
            check,
            plan,
        };
        self.checks.insert(local.check.id.clone(), local);
    }

    pub(crate) fn deregister_check(&mut self, id: &str) -> Result<(), Unknown> {
        self.checks.remove(id).map(|_| ()).ok_or(Unknown::Check)
    }

    /// A service's own report on its TTL check; the time runs anew.
    pub(crate) fn report(&mut self, now: Instant, id: &str, status: Status, output: &str) -> Result<(), Unknown> {
        let local = self.checks.get_mut(id).ok_or(Unknown::Check)?;
        let Probe::Ttl(ttl) = local.plan.probe else { return Err(Unknown::NoTtl) };
        local.due = Some(now + ttl);
        local.set(now, status, capped(output));
        Ok(())
    }

    /// What has to be probed now; each is marked as running. TTLs that ran out turn critical here.
    pub(crate) fn due(&mut self, now: Instant, at_most: usize) -> Vec<Run> {
        let mut runs = Vec::new();
        for (id, local) in &mut self.checks {
            if local.running || local.due.is_none_or(|due| due > now) {
                continue;
            }
            if let Probe::Ttl(_) = local.plan.probe {
                local.due = None;
                let output = match local.check.output.as_str() {
                    "" => "TTL expired".to_owned(),
                    last => format!("TTL expired (last output before timeout follows): {last}"),
                };
                local.set(now, Status::Critical, capped(&output));
            } else if runs.len() < at_most {
                local.running = true;
                local.due = Some(now + local.plan.interval);
                runs.push(Run { id: id.clone(), generation: local.generation, plan: local.plan.clone() });
            }
        }
        runs
    }

    /// When the next check is due; `None`: none ever.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.checks.values().filter(|local| !local.running).filter_map(|local| local.due).min()
    }

    /// Takes the result of a run, unless the check is no longer the one that was run.
    pub(crate) fn finish(&mut self, now: Instant, run: &Run, status: Status, output: &str) {
        let Some(local) = self.checks.get_mut(&run.id).filter(|local| local.generation == run.generation) else {
            return;
        };
        local.running = false;
        if status == Status::Critical {
            local.failures += 1;
            local.successes = 0;
        } else {
            local.successes += 1;
            local.failures = 0;
        }
        let counted = match status {
            Status::Critical => local.failures > local.plan.failures_before_critical,
            Status::Passing | Status::Warning => local.successes > local.plan.successes_before_passing,
        };
        if counted {
            local.set(now, status, capped(output));
        }
    }

    /// The services whose check has been critical for longer than it may be.
    pub(crate) fn overdue(&self, now: Instant) -> Vec<String> {
        self.checks
            .values()
            .filter(|local| match (local.plan.deregister_after, local.critical_since) {
                (Some(after), Some(since)) => now.duration_since(since) > after,
                _ => false,
            })
            .map(|local| local.check.service_id.clone())
            .filter(|service| self.services.contains_key(service))
            .collect()
    }

    /// Brings the catalog in line with this agent. Output that changed without its status is written later.
    pub(crate) fn synchronise(&mut self, now: Instant, index: u64, catalog: &mut Catalog, extent: Extent) {
        if extent == Extent::Everything {
            self.claim_all(catalog);
        }
        let node = self.node.clone();
        let gone: Vec<String> =
            self.written_checks.keys().filter(|id| !self.checks.contains_key(*id)).cloned().collect();
        for id in gone {
            self.written_checks.remove(&id);
            catalog.remove_check(index, &node, &id);
        }
        let gone: Vec<String> =
            self.written_services.keys().filter(|id| !self.services.contains_key(*id)).cloned().collect();
        for id in gone {
            self.written_services.remove(&id);
            catalog.remove_service(index, &node, &id);
        }
        for (id, service) in &self.services {
            if self.written_services.get(id) != Some(service) {
                catalog.put_service(index, &node, service.clone());
                self.written_services.insert(id.clone(), service.clone());
            }
        }
        for (id, local) in &mut self.checks {
            let check = local.next_written(now, self.written_checks.get(id));
            if self.written_checks.get(id) == Some(&check) {
                continue;
            }
            match catalog.put_check(index, check.clone()) {
                Ok(()) => {
                    self.written_checks.insert(id.clone(), check);
                }
                // Its service went from the catalog by another hand; the next full synchronisation brings it back.
                Err(reason) => tracing::debug!(check = %id, reason, "a check could not be written to the catalog"),
            }
        }
    }

    /// Takes what the catalog holds for this node as what was written: what is missing or different is written again,
    /// what nobody registered here is removed.
    fn claim_all(&mut self, catalog: &Catalog) {
        let services = catalog.services_on(&self.node).map(|row| (row.value.id.clone(), row.value.clone()));
        self.written_services = services.collect();
        let checks = catalog.checks_on(&self.node).filter(|row| row.value.id != SERF_HEALTH);
        self.written_checks = checks
            .map(|row| {
                // What the catalog added by itself is not part of the comparison.
                let (service_name, service_tags) = (String::new(), Vec::new());
                (row.value.id.clone(), Check { service_name, service_tags, ..row.value.clone() })
            })
            .collect();
    }
}

impl Local {
    /// The check as the catalog is to have it, given what it has.
    fn next_written(&mut self, now: Instant, written: Option<&Check>) -> Check {
        let mut check = self.check.clone();
        let fresh = self.output_written.is_some_and(|then| now.duration_since(then) < OUTPUT_DEFERRED);
        match written {
            Some(known) if known.status == check.status && fresh && !known.output.is_empty() => {
                check.output.clone_from(&known.output);
            }
            Some(known) if known.output == check.output => {}
            _ => self.output_written = Some(now),
        }
        check
    }

    fn set(&mut self, now: Instant, status: Status, output: String) {
        if status != Status::Critical {
            self.critical_since = None;
        } else if self.critical_since.is_none() {
            self.critical_since = Some(now);
        }
        self.check.status = status;
        self.check.output = output;
    }
}

fn capped(output: &str) -> String {
    let mut end = output.len().min(MAX_OUTPUT_BYTES);
    while !output.is_char_boundary(end) {
        end -= 1;
    }
    output.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::catalog::Node;

    fn plan(probe: Probe) -> CheckPlan {
        CheckPlan {
            probe,
            interval: MIN_INTERVAL,
            timeout: MIN_INTERVAL,
            deregister_after: None,
            successes_before_passing: 0,
            failures_before_critical: 0,
        }
    }

    fn agent_with(now: Instant, probe: Probe, after: Option<Duration>) -> Agent {
        let mut agent = Agent::on("n");
        let service = Service { id: "w1".into(), name: "web".into(), ..Service::default() };
        let check = Check { id: "c".into(), service_id: "w1".into(), status: Status::Passing, ..Check::default() };
        agent.register(now, service, vec![(check, CheckPlan { deregister_after: after, ..plan(probe) })], false);
        agent
    }

    fn status(agent: &Agent) -> Status {
        agent.checks().next().expect("one check").status
    }

    #[test]
    fn a_ttl_runs_out_and_a_report_renews_it() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut agent = agent_with(start, Probe::Ttl(second * 10), None);
        assert!(agent.due(start + second * 9, 8).is_empty());
        assert_eq!(status(&agent), Status::Passing);
        agent.report(start + second * 9, "c", Status::Warning, "low").expect("a TTL check");
        agent.due(start + second * 18, 8);
        assert_eq!(status(&agent), Status::Warning);
        agent.due(start + second * 19, 8);
        assert_eq!(status(&agent), Status::Critical);
        assert_eq!(agent.checks().next().expect("one").output, "TTL expired (last output before timeout follows): low");
    }

    #[test]
    fn a_result_of_an_earlier_check_of_the_same_id_is_dropped() {
        let now = Instant::now();
        let mut agent = agent_with(now, Probe::Tcp { address: "127.0.0.1:1".into() }, None);
        let old = agent.due(now, 8).remove(0);
        assert!(agent.due(now, 8).is_empty(), "it is running");
        let mut anew = agent_with(now, Probe::Tcp { address: "127.0.0.1:1".into() }, None);
        std::mem::swap(&mut agent.checks, &mut anew.checks);
        agent.generations = 5;
        agent.register_check(
            now,
            Check { id: "c".into(), service_id: "w1".into(), ..Check::default() },
            plan(Probe::Manual),
        );
        agent.finish(now, &old, Status::Passing, "late");
        assert_eq!(status(&agent), Status::Critical);
    }

    #[test]
    fn a_service_critical_for_too_long_is_overdue_and_not_before_a_minute() {
        let start = Instant::now();
        let mut agent = agent_with(start, Probe::Tcp { address: "127.0.0.1:1".into() }, Some(Duration::from_secs(1)));
        let run = agent.due(start, 8).remove(0);
        agent.finish(start, &run, Status::Critical, "refused");
        assert!(agent.overdue(start + Duration::from_secs(60)).is_empty());
        assert_eq!(agent.overdue(start + Duration::from_secs(61)), ["w1"]);
    }

    #[test]
    fn the_catalog_follows_the_agent_and_output_alone_is_deferred() {
        let start = Instant::now();
        let mut catalog = Catalog::default();
        catalog.put_node(1, Node { name: "n".into(), ..Node::default() });
        let mut agent = agent_with(start, Probe::Tcp { address: "127.0.0.1:1".into() }, None);
        let mut index = 1;
        let mut step = |agent: &mut Agent, catalog: &mut Catalog, at: Duration, output: &str| {
            let run = agent.due(start + at, 8).remove(0);
            agent.finish(start + at, &run, Status::Passing, output);
            index += 1;
            agent.synchronise(start + at, index, catalog, Extent::Changes);
            catalog.checks().next().expect("one").value.output.clone()
        };
        assert_eq!(step(&mut agent, &mut catalog, Duration::ZERO, "first"), "first");
        assert_eq!(step(&mut agent, &mut catalog, Duration::from_secs(2), "second"), "first");
        assert_eq!(step(&mut agent, &mut catalog, Duration::from_secs(600), "third"), "third");
        agent.deregister("w1").expect("registered");
        agent.synchronise(start, 99, &mut catalog, Extent::Changes);
        assert_eq!((catalog.services().count(), catalog.checks().count()), (0, 0));
    }

    #[test]
    fn what_another_hand_did_to_the_catalog_stands_until_the_next_full_synchronisation() {
        let now = Instant::now();
        let mut catalog = Catalog::default();
        catalog.put_node(1, Node { name: "n".into(), ..Node::default() });
        let mut agent = agent_with(now, Probe::Manual, None);
        agent.synchronise(now, 2, &mut catalog, Extent::Changes);
        catalog.remove_service(3, "n", "w1");
        catalog.put_service(4, "n", Service { id: "x1".into(), name: "stranger".into(), ..Service::default() });
        let ids =
            |catalog: &Catalog| -> Vec<String> { catalog.services().map(|(_, row)| row.value.id.clone()).collect() };
        agent.synchronise(now, 5, &mut catalog, Extent::Changes);
        assert_eq!(ids(&catalog), ["x1"]);
        agent.synchronise(now, 6, &mut catalog, Extent::Everything);
        assert_eq!((ids(&catalog), catalog.checks().count()), (vec!["w1".to_owned()], 1));
        let index = catalog.checks_index;
        agent.synchronise(now, 7, &mut catalog, Extent::Everything);
        assert_eq!(
            (catalog.checks_index, catalog.services_index),
            (index, 6),
            "a full synchronisation alone changes nothing"
        );
    }
}
