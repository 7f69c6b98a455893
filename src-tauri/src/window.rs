//! The window, and the ways in which it ends.

use std::sync::Arc;

use tauri::{RunEvent, WebviewUrl, WebviewWindowBuilder};
use tokio::runtime::Runtime;

use crate::state::App;
use crate::{actions, commands, stream};

const SIZE: (f64, f64) = (1280.0, 800.0);
const SMALLEST: (f64, f64) = (1024.0, 640.0);

macro_rules! registered {
    ($($name:ident($argument:ident) -> $result:tt, $meaning:literal;)*) => {
        tauri::generate_handler![$(commands::$name),*]
    };
}

/// Opens the window and returns when it is closed.
pub(crate) fn open(app: &Arc<App>, runtime: &Runtime) -> tauri::Result<()> {
    let built = tauri::Builder::default()
        .manage(app.clone())
        .invoke_handler(binnacle_view::for_each_command!(registered))
        .setup(|tauri| {
            let window = WebviewWindowBuilder::new(tauri, "main", WebviewUrl::default())
                .title("Binnacle")
                .inner_size(SIZE.0, SIZE.1)
                .min_inner_size(SMALLEST.0, SMALLEST.1);
            #[cfg(target_os = "linux")]
            crate::graphics::settle(&window.build()?)?;
            #[cfg(not(target_os = "linux"))]
            window.build()?;
            Ok(())
        })
        .build(tauri::generate_context!())?;
    let _entered = runtime.enter();
    app.engine.spawn(stream::notify(app.clone()));
    actions::begin(app);
    let handle = built.handle().clone();
    app.engine.spawn(async move {
        asked_to_end().await;
        handle.exit(0);
    });
    // Returning, instead of ending the process as Tauri's own `run` does, lets the engine stop in order.
    let code = built.run_return(|_, event| {
        if let RunEvent::ExitRequested { .. } = event {
            tracing::info!("the window is closed");
        }
    });
    tracing::debug!(code, "the window's loop has ended");
    Ok(())
}

/// Returns when the process is asked to end from outside.
async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut terminate), Ok(mut hangup)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup()))
        else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
