//! The commands that the window may call: thin, one for each line of the list in `binnacle_view::contract::command`.

use std::sync::Arc;

use binnacle_engine::Token;
use binnacle_engine::edits::EditId;
use binnacle_model::id::{ConfigId, InstanceId, SourceId};
use binnacle_sources::ConnectionSpec;
use binnacle_view::contract::command::{
    ConnectArgs, DisconnectArgs, FoldArgs, Nothing, OpenProfileArgs, PositionsArgs, Preferences, RelayoutArgs,
    RememberOfferArgs, TryNowArgs,
};
use binnacle_view::contract::config::{
    AuditRow, ConfigApplied, ConfigApplyArgs, ConfigHistoryArgs, ConfigMergeArgs, ConfigPlanArgs, ConfigPlanUndoArgs,
    ConfigPlanned, ConfigReadArgs, ConfigValue, Merged,
};
use binnacle_view::contract::history::{BreakerHistory, HistoryArgs, HistoryCloseArgs, SignalHistory};
use binnacle_view::contract::inspector::{EvidenceArgs, EvidenceReport};
use binnacle_view::contract::logs::{LogsArgs, LogsBatch, LogsOpenArgs, LogsOpened};
use binnacle_view::contract::palette::{PaletteArgs, PaletteItem};
use binnacle_view::contract::registration::{
    DeregisterPlanArgs, RegisterPlanArgs, RegistrationPlan, RegistryApplied, RegistryApplyArgs,
};
use binnacle_view::contract::state::Offer;
use binnacle_view::contract::switch::{SwitchApplied, SwitchApplyArgs, SwitchPlan, SwitchPlanArgs};
use binnacle_view::contract::view::{Notice, PullArgs, SubscribeArgs, View};
use binnacle_view::contract::{Failure, ViewPatch};
use binnacle_view::screen::{evidence, palette as palette_screen};
use tauri::ipc::{Channel, Response};
use tauri::{AppHandle, State};

use crate::state::App;
use crate::stream::BY_CONNECTIONS;
use crate::{actions, edits, failure, history, logs, preferences, registration, scene, switch, tokens};

type Answer<T> = Result<T, Failure>;
type Shared<'a> = State<'a, Arc<App>>;

/// The most lines of the audit in one answer.
const MOST_AUDIT: u32 = 500;

#[tauri::command]
pub(crate) async fn subscribe(app: Shared<'_>, args: SubscribeArgs, notices: Channel<Notice>) -> Answer<()> {
    app.pulse.subscribe(args.views, notices);
    Ok(())
}

#[tauri::command]
pub(crate) async fn pull(app: Shared<'_>, args: PullArgs) -> Answer<ViewPatch> {
    // The revision is taken before the picture: what changes in between is told again, never missed.
    let revision = app.pulse.revision();
    let scene = scene::for_view(&app, &args.request);
    Ok(app.desk().pull(&scene, revision, args))
}

#[tauri::command]
pub(crate) async fn positions(app: Shared<'_>, args: PositionsArgs) -> Answer<Response> {
    Ok(Response::new(app.desk().positions(args.layout)))
}

#[tauri::command]
pub(crate) async fn fold(app: Shared<'_>, args: FoldArgs) -> Answer<()> {
    app.desk().fold(&args);
    app.pulse.changed([View::Topology]);
    Ok(())
}

#[tauri::command]
pub(crate) async fn relayout(app: Shared<'_>, args: RelayoutArgs) -> Answer<()> {
    app.desk().relayout(args.group_by);
    app.pulse.changed([View::Topology]);
    Ok(())
}

#[tauri::command]
pub(crate) async fn found(app: Shared<'_>, args: Nothing) -> Answer<()> {
    let Nothing {} = args;
    actions::look(&app);
    Ok(())
}

fn spec(text: &str) -> Answer<ConnectionSpec> {
    text.parse().map_err(|error: binnacle_sources::connection::SpecError| {
        failure::refused(
            "app.bad_spec",
            error.to_string(),
            "Write it as KIND=WHERE, such as consul=http://127.0.0.1:8500.",
        )
    })
}

#[tauri::command]
pub(crate) async fn connect(app: Shared<'_>, args: ConnectArgs) -> Answer<()> {
    let spec = spec(&args.spec)?;
    match args.token.as_ref().and_then(|token| Token::new(token.expose())) {
        Some(token) => tokens::connect(&app, &spec, token, args.remember).await,
        None => tokens::connect_as_remembered(&app, &spec).await,
    }
}

#[tauri::command]
pub(crate) async fn remember_offer(app: Shared<'_>, args: RememberOfferArgs) -> Answer<Offer> {
    let spec = args.spec.as_deref().map(spec).transpose()?;
    Ok(tokens::remember_offer(&app, spec.as_ref()).await)
}

#[tauri::command]
pub(crate) async fn forget_token(app: Shared<'_>, args: DisconnectArgs) -> Answer<()> {
    tokens::forget(&app, &spec(&args.spec)?).await
}

#[tauri::command]
pub(crate) async fn open_profile(app: Shared<'_>, args: OpenProfileArgs) -> Answer<()> {
    let profile = app.engine.profile(&args.name).map_err(|error| failure::of_profile(&error))?;
    app.engine.open_profile(&profile).await.map_err(|error| failure::of_engine(&error))?;
    tokens::recall_all(&app);
    // Whether an edit is offered depends on it, on every screen.
    app.pulse.changed(View::ALL);
    Ok(())
}

#[tauri::command]
pub(crate) async fn connect_demo(app: Shared<'_>, args: Nothing) -> Answer<()> {
    let Nothing {} = args;
    actions::connect_demo(&app).await.map_err(|error| failure::of_engine(&error))
}

#[tauri::command]
pub(crate) async fn disconnect(app: Shared<'_>, args: DisconnectArgs) -> Answer<()> {
    app.engine.disconnect(&spec(&args.spec)?).await;
    app.pulse.changed(BY_CONNECTIONS);
    Ok(())
}

#[tauri::command]
pub(crate) async fn try_now(app: Shared<'_>, args: TryNowArgs) -> Answer<()> {
    app.engine.try_now(&SourceId::from(args.source));
    Ok(())
}

#[tauri::command]
pub(crate) async fn evidence(app: Shared<'_>, args: EvidenceArgs) -> Answer<EvidenceReport> {
    let report = evidence::report(&app.engine.snapshot(), &args).ok_or_else(|| {
        failure::refused(
            "app.not_in_picture",
            "this is no longer in the picture",
            "Look at the timeline for when it went.",
        )
    });
    Ok(history::with_meanings(&app, report?).await)
}

#[tauri::command]
pub(crate) async fn history(app: Shared<'_>, args: HistoryArgs) -> Answer<SignalHistory> {
    history::of(&app, &args).await
}

#[tauri::command]
pub(crate) async fn breaker_history(app: Shared<'_>, args: HistoryArgs) -> Answer<BreakerHistory> {
    history::of_breaker(&app, &args).await
}

#[tauri::command]
pub(crate) async fn history_close(app: Shared<'_>, args: HistoryCloseArgs) -> Answer<()> {
    app.history.close(args.ask);
    Ok(())
}

#[tauri::command]
pub(crate) async fn palette(app: Shared<'_>, args: PaletteArgs) -> Answer<Vec<PaletteItem>> {
    Ok(palette_screen::items(&app.engine.snapshot(), &args))
}

#[tauri::command]
pub(crate) async fn config_read(app: Shared<'_>, args: ConfigReadArgs) -> Answer<ConfigValue> {
    edits::read(&app, &ConfigId::from(args.id)).await
}

#[tauri::command]
pub(crate) async fn config_plan(app: Shared<'_>, args: ConfigPlanArgs) -> Answer<ConfigPlanned> {
    edits::plan(&app, args).await
}

#[tauri::command]
pub(crate) async fn config_apply(app: Shared<'_>, args: ConfigApplyArgs) -> Answer<ConfigApplied> {
    edits::apply(&app, args).await
}

#[tauri::command]
pub(crate) async fn config_history(app: Shared<'_>, args: ConfigHistoryArgs) -> Answer<Vec<AuditRow>> {
    let key = args.id.map(ConfigId::from);
    edits::history(&app, key.as_ref(), args.limit.min(MOST_AUDIT)).await
}

#[tauri::command]
pub(crate) async fn config_plan_undo(app: Shared<'_>, args: ConfigPlanUndoArgs) -> Answer<ConfigPlanned> {
    let number: i64 = args.edit.parse().map_err(|_| {
        failure::refused(
            "edit.no_such_edit",
            format!("`{}` is not the number of an edit", args.edit),
            "Take it from the history.",
        )
    })?;
    edits::plan_undo(&app, EditId(number)).await
}

#[tauri::command]
pub(crate) async fn config_merge(args: ConfigMergeArgs) -> Answer<Merged> {
    Ok(edits::merge(&args.base, &args.theirs, &args.yours, &args.choices))
}

#[tauri::command]
pub(crate) async fn register_plan(app: Shared<'_>, args: RegisterPlanArgs) -> Answer<RegistrationPlan> {
    registration::plan(&app, args).await
}

#[tauri::command]
pub(crate) async fn deregister_plan(app: Shared<'_>, args: DeregisterPlanArgs) -> Answer<RegistrationPlan> {
    registration::plan_removal(&app, &SourceId::from(args.source), &InstanceId::from(args.instance)).await
}

#[tauri::command]
pub(crate) async fn registry_apply(app: Shared<'_>, args: RegistryApplyArgs) -> Answer<RegistryApplied> {
    registration::apply(&app, args).await
}

#[tauri::command]
pub(crate) async fn switch_plan(app: Shared<'_>, args: SwitchPlanArgs) -> Answer<SwitchPlan> {
    switch::plan(&app, args).await
}

#[tauri::command]
pub(crate) async fn switch_apply(app: Shared<'_>, args: SwitchApplyArgs) -> Answer<SwitchApplied> {
    switch::apply(&app, args).await
}

#[tauri::command]
pub(crate) async fn logs_open(app: Shared<'_>, args: LogsOpenArgs) -> Answer<LogsOpened> {
    logs::open(&app, args).await
}

#[tauri::command]
pub(crate) async fn logs_next(app: Shared<'_>, args: LogsArgs) -> Answer<LogsBatch> {
    logs::next(&app, args.log).await
}

#[tauri::command]
pub(crate) async fn logs_close(app: Shared<'_>, args: LogsArgs) -> Answer<()> {
    logs::close(&app, args.log).await;
    Ok(())
}

#[tauri::command]
pub(crate) async fn preferences_read(app: Shared<'_>, args: Nothing) -> Answer<Preferences> {
    let Nothing {} = args;
    Ok(preferences::read(app.settings.preferences.as_deref()))
}

#[tauri::command]
pub(crate) async fn preferences_write(app: Shared<'_>, args: Preferences) -> Answer<()> {
    preferences::write(app.settings.preferences.as_deref(), &args)
}

#[tauri::command]
pub(crate) async fn quit(tauri: AppHandle, args: Nothing) -> Answer<()> {
    let Nothing {} = args;
    tauri.exit(0);
    Ok(())
}
