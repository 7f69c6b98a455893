//! Events that are worth a look, and autoscalers.

use std::sync::Arc;

use binnacle_model::fact::{AutoscalerFact, EventFact, EventSubject, Fact};

use super::super::owners::service_name;
use super::super::wire::{Autoscaler, Event, condition};
use super::{Context, Saying, shown};

pub(in super::super) fn event(object: &Event, context: &Context<'_>) -> Saying {
    let about = &object.involved_object;
    let in_words = || EventSubject::Other(Arc::from(format!("{} {}/{}", about.kind, about.namespace, about.name)));
    let subject = match about.kind.as_str() {
        "Pod" => EventSubject::Instance(Arc::from(format!("{}/{}", about.namespace, about.name))),
        "Node" => EventSubject::Node(context.words.share(&about.name)),
        "Deployment" | "StatefulSet" | "DaemonSet" | "CronJob" => {
            EventSubject::Service(service_name(&about.namespace, &about.name))
        }
        "ReplicaSet" | "Job" => {
            context.owners.top_of_owner(&about.uid, &about.namespace).map_or_else(in_words, EventSubject::Service)
        }
        _ => in_words(),
    };
    let series = object.series.as_ref();
    let last = series.and_then(|series| series.last_observed_time).or(object.last_timestamp).or(object.at);
    let reporter =
        if object.reporting_component.is_empty() { &object.source.component } else { &object.reporting_component };
    let fact = EventFact {
        about: subject,
        reason: context.words.share(&object.reason),
        message: shown(&object.message),
        count: series.map(|series| series.count).or(object.count).unwrap_or(1),
        last: last.or(object.metadata.creation_timestamp),
        reporter: context.words.share(reporter),
    };
    vec![(object.metadata.key(), Fact::Event(fact))].into()
}

pub(in super::super) fn autoscaler(object: &Autoscaler, _: &Context<'_>) -> Saying {
    let (meta, spec, status) = (&object.metadata, &object.spec, &object.status);
    let unwell = ["AbleToScale", "ScalingActive"]
        .into_iter()
        .find_map(|kind| condition(&status.conditions, kind).filter(|condition| condition.status == "False"));
    let limited = condition(&status.conditions, "ScalingLimited").filter(|limited| limited.holds());
    let fact = AutoscalerFact {
        service: service_name(&meta.namespace, &spec.scale_target_ref.name),
        name: Arc::from(meta.name.as_str()),
        min: spec.min_replicas.unwrap_or(1),
        max: spec.max_replicas,
        current: status.current_replicas,
        desired: status.desired_replicas,
        complaint: unwell.or(limited).map(|condition| shown(condition.words())).unwrap_or_default(),
    };
    vec![(meta.key(), Fact::Autoscaler(fact))].into()
}
