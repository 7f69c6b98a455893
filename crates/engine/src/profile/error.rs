use std::fmt;
use std::path::PathBuf;

/// Why a profile cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// The name could be a path, or is none.
    #[error("`{0}` is not the name of a profile")]
    BadName(String),
    /// There is no folder for profiles.
    #[error("there is no place for profiles: neither XDG_CONFIG_HOME nor HOME is set")]
    NoPlace,
    /// There is no file of that name.
    #[error("there is no profile `{name}` in {}; {}", folder.display(), those(known))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
        /// What is there.
        known: Vec<String>,
    },
    /// The file cannot be read.
    #[error("the profile {} cannot be read: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// In the system's words.
        why: String,
    },
    /// The file says something that a profile cannot.
    #[error("{}:{misread}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What, and where in it.
        misread: Misread,
    },
}

/// What is wrong with the content of a profile, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {fault}")]
pub struct Misread {
    /// Where.
    pub at: Position,
    /// What.
    pub fault: ContentFault,
}

/// What can be wrong with the content of a profile. A value is never repeated: it may be a secret in the wrong place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentFault {
    /// The file is not TOML.
    #[error("this is not TOML: {0}")]
    NotToml(String),
    /// A key that no profile has.
    #[error("there is no key `{key}` here, only {}", known.join(", "))]
    UnknownKey {
        /// The key.
        key: String,
        /// Those that there are.
        known: Vec<&'static str>,
    },
    /// A token or a password.
    #[error("`{0}` would hold a secret, and a profile holds none")]
    Secret(String),
    /// A value that makes no sense for its key.
    #[error("`{key}` {why}")]
    BadValue {
        /// The key.
        key: String,
        /// What it must be.
        why: String,
    },
}

/// A place in a file; both count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The letter in it.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

fn those(known: &[String]) -> String {
    if known.is_empty() { "there is none yet".to_owned() } else { format!("there are: {}", known.join(", ")) }
}

impl ProfileError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadName(_) => "profile.bad_name",
            Self::NoPlace => "profile.no_place",
            Self::Unknown { .. } => "profile.unknown",
            Self::Unreadable { .. } => "profile.unreadable",
            Self::Content { misread, .. } => misread.fault.code(),
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::BadName(_) => "A name has up to 64 letters, digits, `-`, `_` and `.`, and does not begin with `.`.",
            Self::NoPlace => "Set HOME, or name the systems with --source.",
            Self::Unknown { .. } => "List them with `binnaclectl profiles`; docs/profiles.md says how one is written.",
            Self::Unreadable { .. } => "Check the file and its permissions.",
            Self::Content { misread, .. } => misread.fault.hint(),
        }
    }
}

impl ContentFault {
    fn code(&self) -> &'static str {
        match self {
            Self::NotToml(_) => "profile.not_toml",
            Self::UnknownKey { .. } => "profile.unknown_key",
            Self::Secret(_) => "profile.secret",
            Self::BadValue { .. } => "profile.bad_value",
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::NotToml(_) => "Correct the line; texts stand in quotes.",
            Self::UnknownKey { .. } => {
                "Correct the key or take it out; nothing of a profile is passed over in silence."
            }
            Self::Secret(_) => {
                "Take it out. Put a token into a file of its own and name that with token_file, or enter it with --ask-token."
            }
            Self::BadValue { .. } => "Correct the value; docs/profiles.md has an example.",
        }
    }
}
