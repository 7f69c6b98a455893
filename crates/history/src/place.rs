//! Where the history is kept when nobody names a place.

use std::path::{Path, PathBuf};

/// `$XDG_STATE_HOME/binnacle/history.sqlite`, or the same under `~/.local/state`, as the XDG Base Directory Specification
/// has it; a relative path in a variable counts as not set. `None` when neither variable says anything.
pub fn usual_place(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let folder = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(Path::new(".local/state"))))?;
    Some(state.join("binnacle").join("history.sqlite"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(variables: &[(&str, &str)]) -> Option<PathBuf> {
        usual_place(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_state_folder_comes_first_then_the_home_folder() {
        let home = ("HOME", "/home/ada");
        assert_eq!(place(&[home]), Some("/home/ada/.local/state/binnacle/history.sqlite".into()));
        assert_eq!(place(&[home, ("XDG_STATE_HOME", "/state")]), Some("/state/binnacle/history.sqlite".into()));
        assert_eq!(
            place(&[home, ("XDG_STATE_HOME", "")]),
            Some("/home/ada/.local/state/binnacle/history.sqlite".into())
        );
        assert_eq!(place(&[home, ("XDG_STATE_HOME", "state")]), place(&[home]), "relative paths are to be ignored");
        assert_eq!(place(&[]), None);
    }
}
