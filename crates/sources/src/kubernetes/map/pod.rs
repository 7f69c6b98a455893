//! Pods: an instance each, with what its conditions and containers say as checks. The phase alone is not enough.
//!
//! A Pod that ended well, or that a Job will run again, is no instance. One on its way out is in maintenance. One that is
//! not ready yet is a warning for as long as its own probes give it, and critical after that; once it was ready, or when a
//! container waits for a reason or crashed, it is critical at once.

use std::fmt::Write as _;
use std::sync::Arc;

use binnacle_model::fact::{
    CheckFact, CheckStatus, CheckSubject, Fact, InstanceFact, InstancePort, InstanceRole, NetworkScope, ServiceName,
    WorkloadKind,
};
use jiff::{SignedDuration, Timestamp};

use super::super::ledger::Said;
use super::super::owners::Top;
use super::super::wire::{Container, ContainerState, ContainerStatus, IntOrString, Pod, Probe, Terminated, condition};
use super::network::transport;
use super::{Context, Saying, mention, shown};

/// How long a Pod may take to get its containers running: images are pulled, volumes attached.
const TO_RUN: SignedDuration = SignedDuration::from_mins(5);
/// How long a crash is news while the container runs again.
const NEWS: SignedDuration = SignedDuration::from_mins(10);
/// Annotations that say how other systems see the Pod.
const ANNOTATIONS: [&str; 3] = ["prometheus.io/", "consul.hashicorp.com/", "linkerd.io/"];
/// Waiting for these is a part of starting.
const STARTING: [&str; 2] = ["ContainerCreating", "PodInitializing"];

pub(in super::super) fn pod(object: &Pod, context: &Context<'_>) -> Saying {
    let Top { service, kind, certain } = context.owners.top_of_pod(&object.metadata, &object.spec.node_name);
    let ended = match object.status.phase.as_str() {
        "Succeeded" => true,
        // Whether the run failed, the Job says.
        "Failed" => matches!(kind, WorkloadKind::Job | WorkloadKind::CronJob),
        _ => false,
    };
    if ended {
        return Saying { unsure: !certain, ..Saying::default() };
    }
    let reading = Reading { pod: object, context, replaced: kind != WorkloadKind::Pod };
    let mut facts = vec![reading.instance(&service)];
    let (ready, mut again) = reading.ready();
    facts.push(ready);
    if !reading.leaves() {
        for (container, status) in reading.containers() {
            let (check, later) = reading.container(container, status);
            facts.extend(check);
            again = [again, later].into_iter().flatten().min();
        }
        facts.extend(object.spec.readiness_gates.iter().map(|gate| reading.gate(&gate.condition_type)));
    }
    // Of other Pods the workload's template says it, once for all of them.
    if matches!(kind, WorkloadKind::Pod | WorkloadKind::ReplicaSet | WorkloadKind::Other(_)) {
        let (spec, meta) = (&object.spec, &object.metadata);
        let all = spec.init_containers.iter().chain(&spec.containers);
        facts.extend(mention::of(meta, &service, &WorkloadKind::Pod, all.map(|one| (one.name.as_str(), &*one.env))));
    }
    Saying { facts, again, unsure: !certain }
}

/// A Pod that is being read.
struct Reading<'a> {
    pod: &'a Pod,
    context: &'a Context<'a>,
    /// True when another one takes its place when it fails.
    replaced: bool,
}

impl<'a> Reading<'a> {
    fn id(&self) -> String {
        self.pod.metadata.key()
    }

    fn leaves(&self) -> bool {
        self.pod.metadata.deletion_timestamp.is_some()
    }

    fn instance(&self, service: &ServiceName) -> Said {
        let (meta, spec, status) = (&self.pod.metadata, &self.pod.spec, &self.pod.status);
        let beside = spec.init_containers.iter().filter(|container| container.is_sidecar());
        let ports: Vec<InstancePort> = spec.containers.iter().chain(beside).flat_map(ports).collect();
        let annotations = meta
            .annotations
            .iter()
            .filter(|(key, value)| value.len() < 256 && ANNOTATIONS.iter().any(|prefix| key.starts_with(prefix)));
        let fact = InstanceFact {
            service: ServiceName {
                namespace: service.namespace.as_deref().map(|namespace| self.context.words.share(namespace)),
                name: self.context.words.share(&service.name),
            },
            id: Arc::from(self.id()),
            node: (!spec.node_name.is_empty()).then(|| self.context.words.share(&spec.node_name)),
            address: Arc::from(status.pod_ip.as_str()),
            port: ports.first().map_or(0, |port| port.port),
            role: InstanceRole::Service,
            tags: Vec::new(),
            meta: self.context.words.pairs(meta.labels.iter().chain(annotations)),
            upstreams: Vec::new(),
            ports,
            uid: Some(Arc::from(meta.uid.as_str())),
            started: status.start_time.or(meta.creation_timestamp),
            network: spec.host_network.then_some(NetworkScope::Node),
            terminating: meta.deletion_timestamp,
        };
        (format!("instance/{}", self.id()), Fact::Instance(fact))
    }

    fn check(&self, id: &str, name: &str, method: &str, status: CheckStatus, output: &str) -> Said {
        let key = format!("check/{}/{id}", self.id());
        let fact = CheckFact {
            subject: CheckSubject::Instance {
                node: self.context.words.share(&self.pod.spec.node_name),
                id: Arc::from(self.id()),
            },
            // A check's id must be unique on its node.
            id: Arc::from(format!("{}/{id}", self.id())),
            name: self.context.words.share(name),
            status,
            output: shown(output),
            method: self.context.words.share(method),
        };
        (key, Fact::Check(fact))
    }

    /// Whether it takes traffic, and when that answer will be another one although nothing happens.
    fn ready(&self) -> (Said, Option<Timestamp>) {
        let (status, output, again) = self.readiness();
        (self.check("Ready", "ready", "condition", status, &output), again)
    }

    fn readiness(&self) -> (CheckStatus, String, Option<Timestamp>) {
        let status = &self.pod.status;
        let condition_of = |kind| condition(&status.conditions, kind);
        let ready = condition_of("Ready");
        if let Some(since) = self.pod.metadata.deletion_timestamp {
            return (CheckStatus::Maintenance, format!("on its way out since {since}"), None);
        }
        if status.phase == "Failed" {
            let severity = if self.replaced { CheckStatus::Warning } else { CheckStatus::Critical };
            return (severity, with_reason("failed", &status.reason, &status.message), None);
        }
        match ready.map(|ready| ready.status.as_str()) {
            Some("True") => return (CheckStatus::Passing, String::new(), None),
            Some("Unknown") => return (CheckStatus::Unknown, self.why_not(), None),
            _ if status.phase == "Unknown" => return (CheckStatus::Unknown, self.why_not(), None),
            _ => {}
        }
        if let Some(unplaced) = condition_of("PodScheduled").filter(|one| one.status == "False") {
            return (CheckStatus::Critical, with_reason("not placed", &unplaced.reason, &unplaced.message), None);
        }
        match self.starting_until().filter(|until| *until > self.context.now) {
            Some(until) => (CheckStatus::Warning, format!("starting: {}", self.why_not()), Some(until)),
            None => (CheckStatus::Critical, self.why_not(), None),
        }
    }

    /// Why it is not ready, in Kubernetes' words, with the probes that do not pass.
    fn why_not(&self) -> String {
        let ready = condition(&self.pod.status.conditions, "Ready");
        let mut words = ready.map_or_else(|| self.pod.status.phase.clone(), |ready| ready.words().to_owned());
        for (container, status) in self.containers() {
            if status.ready || status.state.running.is_none() {
                continue;
            }
            let unstarted = status.started == Some(false);
            let probe = if unstarted { &container.startup_probe } else { &container.readiness_probe };
            if let Some(probe) = probe {
                let kind = if unstarted { "startup" } else { "readiness" };
                let _ = write!(words, "; {}: its {kind} probe does not pass ({})", container.name, target(probe));
            }
        }
        words
    }

    /// Until when it may be not ready without anything being wrong; `None` when something is.
    fn starting_until(&self) -> Option<Timestamp> {
        let trouble = self.containers().any(|(_, status)| is_trouble(&status.state));
        let was_ready = condition(&self.pod.status.conditions, "Ready").and_then(|ready| ready.last_transition_time);
        if trouble {
            return None;
        }
        let mut until = None;
        for (container, status) in self.containers().filter(|(container, _)| self.counts(container)) {
            let Some(running) = &status.state.running else { continue };
            let started = running.started_at?;
            if was_ready.is_some_and(|changed| changed > started) && !status.ready {
                return None;
            }
            if !status.ready {
                until = until.max(started.checked_add(patience(container, status)).ok());
            }
        }
        let begun = self.pod.status.start_time.or(self.pod.metadata.creation_timestamp)?;
        let all_run = self.containers().filter(|(container, _)| self.counts(container)).count() > 0
            && self.containers().all(|(container, status)| !self.counts(container) || status.state.running.is_some());
        if all_run { until } else { until.max(begun.checked_add(TO_RUN).ok()) }
    }

    /// Whether a container is to run all the time: all but the ones that only prepare.
    fn counts(&self, container: &Container) -> bool {
        container.is_sidecar() || self.pod.spec.containers.iter().any(|one| one.name == container.name)
    }

    /// Its containers with their states, the preparing ones first.
    fn containers(&self) -> impl Iterator<Item = (&'a Container, &'a ContainerStatus)> {
        let (spec, status) = (&self.pod.spec, &self.pod.status);
        let pair = |statuses: &'a [ContainerStatus]| {
            move |container: &'a Container| {
                Some((container, statuses.iter().find(|status| status.name == container.name)?))
            }
        };
        let prepare = spec.init_containers.iter().filter_map(pair(&status.init_container_statuses));
        prepare.chain(spec.containers.iter().filter_map(pair(&status.container_statuses)))
    }

    /// What is to be said of a container that waits, crashed, or crashed before.
    fn container(&self, container: &Container, status: &ContainerStatus) -> (Option<Said>, Option<Timestamp>) {
        let last = status.last_state.terminated.as_ref();
        let (severity, mut output, again) = match &status.state {
            state if is_trouble(state) => (CheckStatus::Critical, trouble(state), None),
            ContainerState { running: Some(_), .. } if status.restart_count > 0 => {
                let crash = last.filter(|last| last.exit_code != 0);
                let until = crash.and_then(|crash| crash.finished_at?.checked_add(NEWS).ok());
                let news = until.filter(|until| *until > self.context.now);
                let severity = if news.is_some() { CheckStatus::Warning } else { CheckStatus::Passing };
                (severity, "runs".to_owned(), news)
            }
            _ => return (None, None),
        };
        if status.restart_count > 0 {
            let _ = write!(output, "; restarted {}", times(status.restart_count));
        }
        if let Some(last) = last {
            let _ = write!(output, "; before that it {}", ended(last));
        }
        let name = format!("container {}", container.name);
        (Some(self.check(&format!("container/{}", container.name), &name, "container", severity, &output)), again)
    }

    /// A condition that somebody else sets, and without which the Pod is not ready.
    fn gate(&self, kind: &str) -> Said {
        let held = condition(&self.pod.status.conditions, kind);
        let (status, output) = match held {
            Some(held) if held.holds() => (CheckStatus::Passing, held.words()),
            Some(held) => (CheckStatus::Critical, held.words()),
            None => (CheckStatus::Critical, "nobody has set this condition yet"),
        };
        self.check(&format!("gate/{kind}"), &format!("readiness gate {kind}"), "readiness gate", status, output)
    }
}

fn ports(container: &Container) -> impl Iterator<Item = InstancePort> {
    container.ports.iter().map(|port| InstancePort {
        name: (!port.name.is_empty()).then(|| Arc::from(port.name.as_str())),
        port: port.number,
        transport: transport(&port.protocol),
    })
}

/// Whether a container is in a state that will not end by itself in a good one.
fn is_trouble(state: &ContainerState) -> bool {
    let waits = state.waiting.as_ref().is_some_and(|waiting| !is_starting(&waiting.reason));
    let crashed = state.terminated.as_ref().is_some_and(|ended| ended.exit_code != 0);
    waits || crashed
}

fn is_starting(reason: &str) -> bool {
    reason.is_empty() || STARTING.contains(&reason)
}

fn trouble(state: &ContainerState) -> String {
    match (&state.waiting, &state.terminated) {
        (Some(waiting), _) => with_reason("waits", &waiting.reason, &waiting.message),
        (None, Some(terminated)) => ended(terminated),
        (None, None) => String::new(),
    }
}

fn ended(how: &Terminated) -> String {
    let mut words = match how.signal {
        Some(signal) if signal != 0 => format!("ended by signal {signal}"),
        _ => format!("ended with exit code {}", how.exit_code),
    };
    if !how.reason.is_empty() {
        let _ = write!(words, " ({})", how.reason);
    }
    if let Some(at) = how.finished_at {
        let _ = write!(words, " at {at}");
    }
    if !how.message.is_empty() {
        let _ = write!(words, ": {}", how.message.trim());
    }
    words
}

fn with_reason(what: &str, reason: &str, message: &str) -> String {
    let parts = [what, reason, message].into_iter().map(str::trim).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(": ")
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// What a probe asks.
fn target(probe: &Probe) -> String {
    let port = |port: &IntOrString| match port {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(name) => name.clone(),
    };
    if let Some(http) = &probe.http_get {
        format!("GET :{}{}", port(&http.port), http.path)
    } else if let Some(tcp) = &probe.tcp_socket {
        format!("TCP :{}", port(&tcp.port))
    } else if let Some(grpc) = &probe.grpc {
        format!("gRPC :{}", grpc.port)
    } else {
        let command = probe.exec.as_ref().map(|exec| exec.command.join(" ")).unwrap_or_default();
        crate::http::shorten(&command)
    }
}

/// How long its own probes give a container from its start until it must be ready.
fn patience(container: &Container, status: &ContainerStatus) -> SignedDuration {
    let of = |probe: &Probe| {
        let tries = i64::from(probe.period_seconds.unwrap_or(10)) * i64::from(probe.failure_threshold.unwrap_or(3));
        let first = probe.initial_delay_seconds.unwrap_or(0) + probe.timeout_seconds.unwrap_or(1);
        SignedDuration::from_secs(tries + i64::from(first))
    };
    let startup = container.startup_probe.as_ref().filter(|_| status.started == Some(false)).map(of);
    let readiness = container.readiness_probe.as_ref().map(of);
    let all = [startup, readiness].into_iter().flatten();
    // The kubelet needs a moment to say so.
    all.fold(SignedDuration::from_secs(10), SignedDuration::saturating_add)
}
