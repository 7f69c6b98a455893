//! Workloads: what is wanted, what is there, and how far a rollout has come, by the rules of `kubectl rollout status`.

use std::fmt::Write as _;
use std::sync::Arc;

use binnacle_model::fact::{Fact, RolloutState, ServiceFact, WorkloadFact, WorkloadKind};

use super::super::ledger::Said;
use super::super::owners::{Top, top_of};
use super::super::wire::{
    Condition, CronJob, DaemonSet, Deployment, Job, Meta, PodTemplate, ReplicaSet, StatefulSet, condition,
};
use super::{Context, Saying, mention, shown};

/// How many there are, where that is counted.
#[derive(Clone, Copy, Default)]
struct Counts {
    desired: Option<u32>,
    ready: Option<u32>,
    updated: Option<u32>,
    available: Option<u32>,
}

/// A workload, and the service that it is when nobody else manages it.
fn said(
    meta: &Meta,
    kind: WorkloadKind,
    template: Option<&PodTemplate>,
    counts: Counts,
    state: RolloutState,
    message: &str,
) -> Vec<Said> {
    let Top { service, .. } = top_of(meta, kind.clone());
    // What another workload makes anew again and again is said by that one.
    let template = template.filter(|_| meta.controller().is_none());
    let mentions = template.map(|template| mention::of_template(meta, &service, &kind, &template.spec));
    let key = meta.key();
    let leaving = leaving(meta);
    let (state, message) = leaving.as_ref().map_or((state, message), |why| (RolloutState::ScaledToZero, why.as_str()));
    let mut facts = Vec::new();
    if meta.controller().is_none() {
        let fact = ServiceFact { service: service.clone(), tags: Vec::new() };
        facts.push((format!("service/{key}"), Fact::Service(fact)));
    }
    let fact = WorkloadFact {
        service,
        name: Arc::from(meta.name.as_str()),
        kind,
        uid: Arc::from(meta.uid.as_str()),
        created: meta.creation_timestamp,
        desired: counts.desired,
        ready: counts.ready,
        updated: counts.updated,
        available: counts.available,
        state,
        message: shown(message),
    };
    facts.push((format!("workload/{key}"), Fact::Workload(fact)));
    facts.extend(mentions.into_iter().flatten());
    facts
}

/// What is being deleted wants nothing any more, and may be kept for long by whoever has put a finalizer on it
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/>).
fn leaving(meta: &Meta) -> Option<String> {
    let since = meta.deletion_timestamp?;
    let held =
        if meta.finalizers.is_empty() { String::new() } else { format!(", held by {}", meta.finalizers.join(", ")) };
    Some(format!("on its way out since {since}{held}"))
}

pub(in super::super) fn deployment(object: &Deployment, _: &Context<'_>) -> Saying {
    let status = &object.status;
    let desired = object.spec.replicas.unwrap_or(1);
    let counts = Counts {
        desired: Some(desired),
        ready: Some(status.ready_replicas),
        updated: Some(status.updated_replicas),
        available: Some(status.available_replicas),
    };
    let (state, message) = deployment_state(object, desired);
    said(&object.metadata, WorkloadKind::Deployment, Some(&object.spec.template), counts, state, &message).into()
}

fn deployment_state(object: &Deployment, desired: u32) -> (RolloutState, String) {
    let status = &object.status;
    let progress = condition(&status.conditions, "Progressing");
    let failure = condition(&status.conditions, "ReplicaFailure").filter(|failure| failure.holds());
    let words = |condition: Option<&Condition>| condition.map(|one| one.words().to_owned()).unwrap_or_default();
    if let Some(stalled) = progress.filter(|progress| progress.reason == "ProgressDeadlineExceeded") {
        let why = failure.unwrap_or(stalled);
        return (RolloutState::Stalled, why.words().to_owned());
    }
    if object.metadata.generation > status.observed_generation {
        return (RolloutState::Progressing, "the change has not been taken up yet".to_owned());
    }
    let out = status.updated_replicas >= desired && status.replicas <= status.updated_replicas;
    if object.spec.paused && !out {
        return (RolloutState::Paused, format!("{} of {desired} updated", status.updated_replicas));
    }
    if failure.is_some() {
        return (RolloutState::Degraded, words(failure));
    }
    if desired == 0 && status.replicas == 0 {
        return (RolloutState::ScaledToZero, String::new());
    }
    let whole = out && status.available_replicas >= desired;
    let was_whole = progress.is_some_and(|progress| progress.reason == "NewReplicaSetAvailable");
    let available = format!("{} of {desired} available", status.available_replicas);
    match (whole, out && was_whole) {
        (true, _) => (RolloutState::Complete, String::new()),
        (false, true) => (RolloutState::Degraded, available),
        (false, false) => {
            (RolloutState::Progressing, format!("{} of {desired} updated, {available}", status.updated_replicas))
        }
    }
}

pub(in super::super) fn stateful_set(object: &StatefulSet, _: &Context<'_>) -> Saying {
    let (spec, status) = (&object.spec, &object.status);
    let desired = spec.replicas.unwrap_or(1);
    let counts = Counts {
        desired: Some(desired),
        ready: Some(status.ready_replicas),
        updated: Some(status.updated_replicas),
        available: Some(status.available_replicas),
    };
    let partition = spec.update_strategy.rolling_update.as_ref().and_then(|update| update.partition).unwrap_or(0);
    let by_hand = spec.update_strategy.kind == "OnDelete";
    let behind = status.current_revision != status.update_revision
        && !by_hand
        && status.updated_replicas < desired.saturating_sub(partition);
    let taken_up = status.observed_generation >= object.metadata.generation;
    let (state, message) = counted(desired, status.ready_replicas, taken_up && !behind);
    said(&object.metadata, WorkloadKind::StatefulSet, Some(&spec.template), counts, state, &message).into()
}

pub(in super::super) fn daemon_set(object: &DaemonSet, _: &Context<'_>) -> Saying {
    let status = &object.status;
    let desired = status.desired_number_scheduled;
    let counts = Counts {
        desired: Some(desired),
        ready: Some(status.number_ready),
        updated: Some(status.updated_number_scheduled),
        available: Some(status.number_available),
    };
    let by_hand = object.spec.update_strategy.kind == "OnDelete";
    let behind = !by_hand && status.updated_number_scheduled < desired;
    let taken_up = status.observed_generation >= object.metadata.generation;
    let (state, message) = counted(desired, status.number_available, taken_up && !behind);
    said(&object.metadata, WorkloadKind::DaemonSet, Some(&object.spec.template), counts, state, &message).into()
}

/// The state of a workload that has no deadline of its own. `out` is whether the latest revision is everywhere.
fn counted(desired: u32, there: u32, out: bool) -> (RolloutState, String) {
    let message = format!("{there} of {desired} ready");
    match (desired, out) {
        (0, true) => (RolloutState::ScaledToZero, String::new()),
        (_, false) => (RolloutState::Progressing, message),
        (_, true) if there >= desired => (RolloutState::Complete, String::new()),
        (_, true) => (RolloutState::Degraded, message),
    }
}

/// Its number of copies is not asked for: one with an owner is only a step on the way to it.
pub(in super::super) fn replica_set(object: &ReplicaSet, context: &Context<'_>) -> Saying {
    context.owners.learn(&object.metadata, WorkloadKind::ReplicaSet);
    if object.metadata.controller().is_some() {
        return Saying::default();
    }
    said(&object.metadata, WorkloadKind::ReplicaSet, None, Counts::default(), RolloutState::Unknown, "").into()
}

pub(in super::super) fn job(object: &Job, context: &Context<'_>) -> Saying {
    context.owners.learn(&object.metadata, WorkloadKind::Job);
    let status = &object.status;
    let held = |kind: &str| condition(&status.conditions, kind).filter(|condition| condition.holds());
    let (state, message) = if let Some(failed) = held("Failed") {
        (RolloutState::Failed, format!("{}: {}", failed.reason, failed.message))
    } else if held("Complete").is_some() {
        (RolloutState::Succeeded, String::new())
    } else if object.spec.suspend == Some(true) {
        (RolloutState::Suspended, String::new())
    } else {
        let failed = if status.failed > 0 { format!(", {} failed", status.failed) } else { String::new() };
        (RolloutState::Running, format!("{} active, {} succeeded{failed}", status.active, status.succeeded))
    };
    let running = state == RolloutState::Running;
    let counts = Counts {
        desired: object.spec.completions.filter(|_| running),
        ready: status.ready.filter(|_| running),
        ..Counts::default()
    };
    said(&object.metadata, WorkloadKind::Job, Some(&object.spec.template), counts, state, &message).into()
}

pub(in super::super) fn cron_job(object: &CronJob, _: &Context<'_>) -> Saying {
    let (spec, status) = (&object.spec, &object.status);
    let state = match (spec.suspend, status.active.is_empty()) {
        (Some(true), _) => RolloutState::Suspended,
        (_, false) => RolloutState::Running,
        (_, true) => RolloutState::Waiting,
    };
    let zone = spec.time_zone.as_deref().map(|zone| format!(" {zone}")).unwrap_or_default();
    let mut message = format!("{}{zone}", spec.schedule);
    if let Some(last) = status.last_schedule_time {
        let _ = write!(message, ", last started {last}");
    }
    if let Some(last) = status.last_successful_time {
        let _ = write!(message, ", last succeeded {last}");
    }
    said(
        &object.metadata,
        WorkloadKind::CronJob,
        Some(&spec.job_template.spec.template),
        Counts::default(),
        state,
        &message,
    )
    .into()
}
