//! Registrations between the window and the engine.

use std::sync::Arc;

use binnacle_model::id::{InstanceId, SourceId};
use binnacle_sources::register::{CheckDefinition, CheckMethod, Registration, RegistryPlan, Road, Verified};
use binnacle_view::contract::Failure;
use binnacle_view::contract::inspector::Chip;
use binnacle_view::contract::registration::{
    CheckDraft, RegisterPlanArgs, RegistrationPlan, RegistryApplied, RegistryApplyArgs, RequestPreview,
};
use binnacle_view::contract::state::Offer;
use binnacle_view::text;

use crate::state::App;
use crate::{actions, failure, scene};

/// Plans a registration and keeps the plan.
pub(crate) async fn plan(app: &App, args: RegisterPlanArgs) -> Result<RegistrationPlan, Failure> {
    let source = SourceId::from(args.source.clone());
    let wanted = registration(args);
    let planned = app.engine.registry().plan_register(&source, &wanted).await;
    let plan = planned.map_err(|error| failure::of_edit(&error, Some(&source)))?;
    Ok(shown(app, plan))
}

/// Plans a deregistration and keeps the plan.
pub(crate) async fn plan_removal(
    app: &App,
    source: &SourceId,
    instance: &InstanceId,
) -> Result<RegistrationPlan, Failure> {
    let planned = app.engine.registry().plan_deregister(source, instance).await;
    let plan = planned.map_err(|error| failure::of_edit(&error, Some(source)))?;
    Ok(shown(app, plan))
}

/// Carries a plan out that was shown.
pub(crate) async fn apply(app: &Arc<App>, args: RegistryApplyArgs) -> Result<RegistryApplied, Failure> {
    let plan = app.registrations.take(&args.plan).ok_or_else(failure::no_such_plan)?;
    let why = Some(args.why).filter(|why| !why.trim().is_empty());
    let carried_out = app.engine.registry().carry_out(&plan, why).await;
    let done = carried_out.map_err(|error| failure::of_edit(&error, Some(&plan.source)))?;
    actions::look_again(app, &done);
    let (stuck, sentence) = match &done.verified {
        Ok(Verified::Stuck) => (true, "The catalog says the same. It is asked again in about a minute.".to_owned()),
        Ok(Verified::NotStuck(why)) => (false, text::output(why)),
        Err(error) => (false, format!("It was sent, and the catalog could not be asked whether it stuck: {error}")),
    };
    Ok(RegistryApplied { stuck, sentence })
}

fn registration(args: RegisterPlanArgs) -> Registration {
    Registration {
        name: args.name,
        id: args.id,
        address: args.address,
        port: args.port,
        tags: args.tags,
        meta: args.meta.into_iter().map(|entry| (entry.key, entry.value)).collect(),
        checks: args.checks.into_iter().map(check).collect(),
        node: args.node,
    }
}

fn check(draft: CheckDraft) -> CheckDefinition {
    match draft {
        CheckDraft::Http { name, url, interval, timeout, deregister_after } => {
            CheckDefinition { name, method: CheckMethod::Http { url, interval, timeout }, deregister_after }
        }
        CheckDraft::Tcp { name, address, interval, timeout, deregister_after } => {
            CheckDefinition { name, method: CheckMethod::Tcp { address, interval, timeout }, deregister_after }
        }
        CheckDraft::Grpc { name, address, interval, tls, deregister_after } => {
            CheckDefinition { name, method: CheckMethod::Grpc { address, interval, tls }, deregister_after }
        }
        CheckDraft::Ttl { name, ttl, deregister_after } => {
            CheckDefinition { name, method: CheckMethod::Ttl(ttl), deregister_after }
        }
    }
}

fn shown(app: &App, plan: RegistryPlan) -> RegistrationPlan {
    let road = match plan.road {
        Road::Agent => "agent",
        Road::Catalog => "catalog",
    };
    let scene = scene::of(app);
    let fact = |label: &str, value: &str| Chip { label: label.to_owned(), value: text::name(value) };
    RegistrationPlan {
        source: plan.source.to_string(),
        instance: text::name(plan.instance.as_str()),
        road: road.to_owned(),
        why: text::output(&plan.why),
        at: text::name(&plan.at),
        requests: plan
            .requests
            .iter()
            .map(|request| RequestPreview {
                method: request.method.clone(),
                path: text::output(&request.path),
                body: text::output(&request.body),
            })
            .collect(),
        notes: plan.notes.iter().map(|note| text::output(note)).collect(),
        facts: vec![
            fact("source", plan.source.as_str()),
            fact("road", road),
            fact("at", &plan.at),
            fact("profile", scene.profile_of(&plan.source)),
        ],
        apply: scene.read_only_for(&plan.source).map_or_else(Offer::yes, Offer::no),
        plan: app.registrations.keep(plan),
    }
}
