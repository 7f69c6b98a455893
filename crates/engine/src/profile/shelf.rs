//! The folder of profiles.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use binnacle_sources::Environment;

use super::{Profile, ProfileError, ProfileName, parse};

/// No profile is as large as this, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// A file of the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The file's name without its ending.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// What it says, or why it cannot be used.
    pub profile: Result<Profile, ProfileError>,
}

/// `$XDG_CONFIG_HOME/binnacle/profiles`, or the same under `~/.config`; `None` when there is no home.
pub fn folder(environment: &Environment) -> Option<PathBuf> {
    let absolute = |name: &str| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(config.join("binnacle").join("profiles"))
}

/// Reads the profile of that name.
pub fn find(environment: &Environment, name: &str) -> Result<Profile, ProfileError> {
    let asked: ProfileName = name.parse()?;
    let folder = folder(environment).ok_or(ProfileError::NoPlace)?;
    read(&folder.join(format!("{asked}.toml")), asked)?.ok_or_else(|| ProfileError::Unknown {
        name: name.to_owned(),
        known: files(&folder).unwrap_or_default().into_iter().map(|(name, _)| name).collect(),
        folder,
    })
}

/// Every profile that there is, by name; those that cannot be used with the reason. A folder that is not there has none.
pub fn list(environment: &Environment) -> Result<Vec<Listed>, ProfileError> {
    let Some(folder) = folder(environment) else { return Ok(Vec::new()) };
    let listed = files(&folder)?.into_iter().filter_map(|(name, path)| {
        let profile = name.parse().and_then(|asked| read(&path, asked)).transpose()?;
        Some(Listed { name, path, profile })
    });
    Ok(listed.collect())
}

/// The names and paths of the files that are profiles by their ending.
fn files(folder: &Path) -> Result<Vec<(String, PathBuf)>, ProfileError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(folder, &error.to_string())),
    };
    let mut files: Vec<(String, PathBuf)> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?.strip_suffix(".toml")?.to_owned();
            Some((name, path))
        })
        .collect();
    files.sort();
    Ok(files)
}

/// The profile in a file; `None` when there is no such file.
fn read(path: &Path, name: ProfileName) -> Result<Option<Profile>, ProfileError> {
    let failed = |error: std::io::Error| unreadable(path, &error.to_string());
    let found = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        found => found.map_err(failed)?,
    };
    // Anything but a file might never end.
    if !found.is_file() || found.len() > LARGEST {
        return Err(unreadable(path, "it is no file of a sensible size"));
    }
    let mut text = String::new();
    File::open(path).and_then(|file| file.take(LARGEST).read_to_string(&mut text)).map_err(failed)?;
    let read = parse(name, &text);
    read.map(Some).map_err(|misread| ProfileError::Content { path: path.to_owned(), misread })
}

fn unreadable(path: &Path, why: &str) -> ProfileError {
    ProfileError::Unreadable { path: path.to_owned(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[[source]]\nat = \"consul=127.0.0.1:8500\"\n";

    fn config(home: &Path) -> Environment {
        [("XDG_CONFIG_HOME".to_owned(), home.display().to_string())].into_iter().collect()
    }

    #[test]
    fn the_usual_place_is_beneath_the_home_unless_the_config_folder_is_named() {
        let home: Environment = [("HOME".to_owned(), "/home/ada".to_owned())].into_iter().collect();
        assert_eq!(folder(&home), Some(PathBuf::from("/home/ada/.config/binnacle/profiles")));
        let named = home.clone().with("XDG_CONFIG_HOME", "/etc/ada");
        assert_eq!(folder(&named), Some(PathBuf::from("/etc/ada/binnacle/profiles")));
        assert_eq!(folder(&home.with("XDG_CONFIG_HOME", "relative")), folder(&named.without("XDG_CONFIG_HOME")));
        assert_eq!(folder(&Environment::default()), None);
    }

    #[test]
    fn all_are_listed_and_the_broken_ones_say_why() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("binnacle/profiles");
        assert_eq!(list(&config(home.path())), Ok(vec![]), "a folder that is not there");
        fs::create_dir_all(folder.join("folder.toml")).unwrap();
        for (name, text) in [("prod.toml", GOOD), ("broken.toml", "[[source]"), ("a b.toml", GOOD), ("notes.txt", "")] {
            fs::write(folder.join(name), text).unwrap();
        }
        let listed = list(&config(home.path())).unwrap();
        let codes: Vec<(String, Option<&str>)> =
            listed.iter().map(|one| (one.name.clone(), one.profile.as_ref().err().map(ProfileError::code))).collect();
        assert_eq!(
            codes,
            [
                ("a b".to_owned(), Some("profile.bad_name")),
                ("broken".to_owned(), Some("profile.not_toml")),
                ("folder".to_owned(), Some("profile.unreadable")),
                ("prod".to_owned(), None),
            ]
        );
    }

    #[test]
    fn one_that_is_not_there_names_those_that_are() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("binnacle/profiles");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("prod.toml"), GOOD).unwrap();
        let found = find(&config(home.path()), "prod").unwrap();
        assert_eq!((found.name.as_str(), found.sources.len()), ("prod", 1));
        let error = find(&config(home.path()), "prd").unwrap_err();
        assert_eq!(error.code(), "profile.unknown");
        assert!(error.to_string().ends_with("there are: prod"), "{error}");
        assert_eq!(find(&config(home.path()), "../prod").unwrap_err().code(), "profile.bad_name");
    }
}
