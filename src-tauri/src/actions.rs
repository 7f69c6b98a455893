//! What the app does besides answering: looking around, connecting, and following up on a registration.

use std::sync::Arc;

use binnacle_engine::EngineError;
use binnacle_engine::registry::{CarriedOut, LOOK_AGAIN_AFTER};
use binnacle_sources::register::Verified;

use crate::state::App;
use crate::stream::BY_CONNECTIONS;
use crate::{failure, scene, tokens};

/// What happens when the window opens.
pub(crate) fn begin(app: &Arc<App>) {
    tokens::recall_all(app);
    if app.settings.demo {
        let app = app.clone();
        app.engine.clone().spawn(async move {
            if let Err(error) = connect_demo(&app).await {
                tracing::error!(code = error.code(), %error, "the demo fleet did not start");
                app.say(format!("{error}. {}", error.hint()));
            }
        });
    } else {
        look(app);
    }
}

/// Looks for systems on this computer; one look at a time.
pub(crate) fn look(app: &Arc<App>) {
    if std::mem::replace(&mut app.found().looking, true) {
        return;
    }
    app.pulse.changed(BY_CONNECTIONS);
    let app = app.clone();
    app.engine.clone().spawn(async move {
        let profiles = app.engine.profiles();
        let systems = app.engine.found().await;
        {
            let mut found = app.found();
            found.profiles_fault = profiles.as_ref().err().map(failure::of_profile);
            found.profiles = profiles.unwrap_or_default().iter().map(scene::profile).collect();
            found.systems = systems.into_iter().enumerate().map(|(number, one)| scene::found(number, one)).collect();
            found.looked_at = Some(app.engine.clock().now());
            found.looking = false;
        }
        app.pulse.changed(BY_CONNECTIONS);
    });
}

/// Starts the demo fleet and connects to it.
pub(crate) async fn connect_demo(app: &App) -> Result<(), EngineError> {
    let connected = app.engine.connect_demo().await;
    app.pulse.changed(BY_CONNECTIONS);
    connected
}

/// Asks the catalog once more whether a registration stuck, after an agent had the time to bring the entry back. The audit
/// has the answer, and a person hears when it is no.
pub(crate) fn look_again(app: &Arc<App>, done: &CarriedOut) {
    let later = app.engine.registry().look_again(done, LOOK_AGAIN_AFTER);
    let instance = done.plan.instance.clone();
    let app = app.clone();
    app.engine.clone().spawn(async move {
        match later.await {
            Ok(Verified::Stuck) => {}
            Ok(Verified::NotStuck(why)) => app.say(format!("The change of {instance} did not stick: {why}")),
            Err(error) => app.say(format!("Whether the change of {instance} stuck could not be asked: {error}")),
        }
    });
}
