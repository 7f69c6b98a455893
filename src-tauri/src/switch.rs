//! Switches of breakers between the window and the engine.

use binnacle_engine::edits::EditError;
use binnacle_engine::switch::PlannedSwitch;
use binnacle_model::id::BreakerId;
use binnacle_sources::register::Verified;
use binnacle_sources::switch::SwitchTo;
use binnacle_view::contract::Failure;
use binnacle_view::contract::inspector::Chip;
use binnacle_view::contract::registration::RequestPreview;
use binnacle_view::contract::state::Offer;
use binnacle_view::contract::switch::{BreakerSwitch, SwitchApplied, SwitchApplyArgs, SwitchPlan, SwitchPlanArgs};
use binnacle_view::switch::{SwitchPoint, points};
use binnacle_view::text;

use crate::state::App;
use crate::{failure, scene};

/// Plans a switch and keeps the plan.
pub(crate) async fn plan(app: &App, args: SwitchPlanArgs) -> Result<SwitchPlan, Failure> {
    let point = point(app, &args.breaker).map_err(|error| failure::of_edit(&error, None))?;
    let to = match args.to {
        BreakerSwitch::ForceOpen => SwitchTo::ForceOpen,
        BreakerSwitch::Disable => SwitchTo::Disable,
        BreakerSwitch::Close => SwitchTo::Close,
    };
    let planned = app.engine.switches().plan(&point.source, &point.name, to).await;
    let planned = planned.map_err(|error| failure::of_edit(&error, Some(&point.source)))?;
    Ok(shown(app, planned))
}

/// Carries a plan out that was shown.
pub(crate) async fn apply(app: &App, args: SwitchApplyArgs) -> Result<SwitchApplied, Failure> {
    let planned = app.switches.take(&args.plan).ok_or_else(failure::no_such_plan)?;
    let why = Some(args.why).filter(|why| !why.trim().is_empty());
    let done = app.engine.switches().carry_out(&planned, why).await;
    let done = done.map_err(|error| failure::of_edit(&error, Some(&planned.plan.source)))?;
    let line = done.line;
    let (stuck, sentence) = match &done.verified {
        Ok(Verified::Stuck) => (
            true,
            format!("The system says the same. `binnaclectl breaker undo {line}` takes it back where that can be."),
        ),
        Ok(Verified::NotStuck(says)) => (false, text::output(&format!("It was sent, and now {says}."))),
        Err(error) => (false, format!("It was sent, and the breaker could not be read back: {error}")),
    };
    Ok(SwitchApplied { stuck, sentence })
}

/// The one process in which the breaker can be switched.
fn point(app: &App, breaker: &str) -> Result<SwitchPoint, EditError> {
    let none = |why: &str| EditError::NoSwitch { what: text::name(breaker), why: why.to_owned() };
    let snapshot = app.engine.snapshot();
    let known = snapshot.breakers.get(&BreakerId::from(breaker)).ok_or_else(|| none("it is no longer there"))?;
    let mut found = points(&snapshot, known).map_err(none)?;
    match (found.pop_first(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        _ => Err(none("several processes offer it")),
    }
}

fn shown(app: &App, planned: PlannedSwitch) -> SwitchPlan {
    let scene = scene::of(app);
    let plan = &planned.plan;
    let fact = |label: &str, value: &str| Chip { label: label.to_owned(), value: text::name(value) };
    SwitchPlan {
        name: text::name(&plan.breaker),
        request: RequestPreview {
            method: plan.request.method.clone(),
            path: text::output(&plan.request.path),
            body: text::output(&plan.request.body),
        },
        notes: plan.notes.iter().map(|note| text::output(note)).collect(),
        undo: text::output(&plan.way_back.says),
        facts: vec![
            fact("now", &plan.seen_word),
            fact("at", &plan.at),
            fact("source", plan.source.as_str()),
            fact("profile", scene.profile_of(&plan.source)),
        ],
        apply: scene.read_only_for(&plan.source).map_or_else(Offer::yes, Offer::no),
        plan: app.switches.keep(planned),
    }
}
