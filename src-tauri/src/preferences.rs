//! How the person likes the window: one small file.

use std::fs;
use std::path::{Path, PathBuf};

use binnacle_sources::Environment;
use binnacle_view::contract::Failure;
use binnacle_view::contract::command::Preferences;

use crate::failure;

/// `$XDG_CONFIG_HOME/binnacle/window.json`, or the same under `~/.config`.
pub(crate) fn place(environment: &Environment) -> Option<PathBuf> {
    let folder = |name: &str| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?;
    Some(config.join("binnacle").join("window.json"))
}

/// The preferences; the usual ones where there is no file, or none that can be understood.
pub(crate) fn read(place: Option<&Path>) -> Preferences {
    let text = place.and_then(|place| fs::read_to_string(place).ok());
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// Keeps the preferences. The file is whole at every moment: it is written beside and then moved.
pub(crate) fn write(place: Option<&Path>, preferences: &Preferences) -> Result<(), Failure> {
    let cannot = |error: String| {
        failure::refused(
            "app.preferences",
            format!("the preferences were not kept: {error}"),
            "They hold until the window is closed.",
        )
    };
    let place = place.ok_or_else(|| cannot("neither XDG_CONFIG_HOME nor HOME is set".to_owned()))?;
    let text = serde_json::to_vec_pretty(preferences).map_err(|error| cannot(error.to_string()))?;
    let beside = place.with_extension("json.new");
    let kept = place
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&beside, text))
        .and_then(|()| fs::rename(&beside, place));
    kept.map_err(|error| cannot(error.to_string()))
}
