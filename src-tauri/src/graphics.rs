//! Who draws what WebKit has laid out: a graphics card, or the processor in its stead.

use std::fs::{self, File};
use std::path::Path;

use tauri::WebviewWindow;
use webkit2gtk::{HardwareAccelerationPolicy, SettingsExt as _, WebViewExt as _};

/// Where the kernel offers each card for drawing, as a node `renderD128` and so on:
/// <https://docs.kernel.org/gpu/drm-uapi.html#render-nodes>.
const CARDS: &str = "/dev/dri";

/// Where there is no graphics card, WebKit lets the processor play one: the window is put together from layers anew for each frame. Without
/// them only what changed is drawn, in a fraction of the time and the memory.
pub(crate) fn settle(window: &WebviewWindow) -> tauri::Result<()> {
    if has_card(Path::new(CARDS)) {
        return Ok(());
    }
    tracing::debug!("no graphics card may be used here; the window is drawn without layers");
    window.with_webview(|webview| {
        if let Some(settings) = webview.inner().settings() {
            settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
        }
    })
}

/// Whether a card of this folder may be used by this process.
fn has_card(folder: &Path) -> bool {
    let nodes = fs::read_dir(folder).into_iter().flatten().flatten();
    nodes
        .filter(|node| node.file_name().to_string_lossy().starts_with("renderD"))
        .any(|node| File::options().read(true).write(true).open(node.path()).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_a_render_node_that_may_be_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(!has_card(&folder.path().join("none")));
        File::create(folder.path().join("card0")).expect("a node");
        assert!(!has_card(folder.path()));
        // Nobody writes to a folder.
        fs::create_dir(folder.path().join("renderD128")).expect("a node");
        assert!(!has_card(folder.path()));
        File::create(folder.path().join("renderD129")).expect("a node");
        assert!(has_card(folder.path()));
    }
}
