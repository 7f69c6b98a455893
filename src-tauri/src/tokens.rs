//! Tokens between the window, the engine and the keyring of this computer.

use std::sync::Arc;

use binnacle_engine::{ConnectionReport, KeyringError, Opening, Token, TokenOrigin};
use binnacle_sources::ConnectionSpec;
use binnacle_view::contract::Failure;
use binnacle_view::contract::state::Offer;

use crate::failure;
use crate::state::App;
use crate::stream::BY_CONNECTIONS;

/// Opens a connection with the token that was entered. One that could not be remembered counts all the same, until the app is
/// closed.
pub(crate) async fn connect(app: &App, spec: &ConnectionSpec, token: Token, remember: bool) -> Result<(), Failure> {
    let remembered = if remember { Some(app.engine.keyring().remember(spec, &token).await) } else { None };
    let from = if remembered == Some(Ok(())) { TokenOrigin::Remembered } else { TokenOrigin::Entered };
    let connected = app.engine.connect_with_token(spec, token, from).await;
    app.pulse.changed(BY_CONNECTIONS);
    connected.map_err(|error| failure::of_engine(&error))?;
    let what = "the token counts until the app is closed, and is not remembered";
    remembered.unwrap_or(Ok(())).map_err(|error| failure::of_keyring(what, &error))
}

/// Opens a connection, with the token that is remembered for its address if there is one.
pub(crate) async fn connect_as_remembered(app: &App, spec: &ConnectionSpec) -> Result<(), Failure> {
    let is_open = app.engine.connections().iter().any(|report| report.spec == *spec);
    let token = if is_open { None } else { recall(app, spec).await };
    let connected = match token {
        Some(token) => app.engine.connect_with_token(spec, token, TokenOrigin::Remembered).await,
        None => app.engine.connect(spec),
    };
    app.pulse.changed(BY_CONNECTIONS);
    connected.map_err(|error| failure::of_engine(&error))
}

/// Opens those connections anew for whose addresses a token is remembered. Nobody waits for the keyring.
pub(crate) fn recall_all(app: &Arc<App>) {
    let app = app.clone();
    app.engine.clone().spawn(async move { reopen_remembered(&app).await });
}

async fn reopen_remembered(app: &App) {
    let open = app.engine.connections();
    for report in open.into_iter().filter(|report| report.may_recall && !was_given(report)) {
        let Some(token) = recall(app, &report.spec).await else { continue };
        if let Err(error) = app.engine.use_remembered_token(&report.spec, token).await {
            app.say(format!("The remembered token of {} is of no use: {error}", report.spec));
        }
        app.pulse.changed(BY_CONNECTIONS);
    }
}

fn was_given(report: &ConnectionReport) -> bool {
    matches!(report.token, Some(TokenOrigin::Entered | TokenOrigin::Remembered))
}

/// The token that is remembered for an address. That the keyring does not say is said; a computer without one is the usual case.
async fn recall(app: &App, spec: &ConnectionSpec) -> Option<Token> {
    if !Opening::new(spec.clone(), &binnacle_sources::Environment::default()).may_recall() {
        return None;
    }
    match app.engine.keyring().recall(spec).await {
        Ok(token) => token,
        Err(KeyringError::Unavailable | KeyringError::Address) => None,
        Err(error) => {
            app.say(format!("Whether a token of {spec} is remembered is not known: {error}. {}", error.hint()));
            None
        }
    }
}

/// Takes the token of a connection out of the keyring, and opens it anew without.
pub(crate) async fn forget(app: &App, spec: &ConnectionSpec) -> Result<(), Failure> {
    app.engine
        .keyring()
        .forget(spec)
        .await
        .map_err(|error| failure::of_keyring("the token is still remembered", &error))?;
    let connected = app.engine.connect_without_token(spec).await;
    app.pulse.changed(BY_CONNECTIONS);
    connected.map_err(|error| failure::of_engine(&error))
}

/// Whether a token could be remembered; for an open connection also whether it would count at the next start.
pub(crate) async fn remember_offer(app: &App, spec: Option<&ConnectionSpec>) -> Offer {
    let open = app.engine.connections();
    if open.iter().any(|report| Some(&report.spec) == spec && !report.may_recall) {
        return Offer::no("The profile names a token file, and that is used at the next start.");
    }
    match app.engine.keyring().works().await {
        Ok(()) => Offer::yes(),
        Err(error) => Offer::no(format!("{error}. {}", error.hint())),
    }
}
