//! ACL tokens that a person gives to this process.

use std::fmt;

/// A token that was typed in. It stays in this process's memory: it has no form that is printed or stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes what was typed, without the spaces around it; `None` when nothing was.
    pub fn new(typed: &str) -> Option<Self> {
        let typed = typed.trim();
        (!typed.is_empty()).then(|| Self(typed.to_owned()))
    }

    /// The token itself, for the source that sends it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Where the token of a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenOrigin {
    /// There is none: requests are anonymous.
    Nowhere,
    /// A variable of the environment.
    Variable,
    /// A file that a variable names.
    File,
    /// A file that the profile names for this connection.
    ProfileFile,
    /// A person entered it.
    Entered,
    /// A person entered it earlier, and the keyring remembers it.
    Remembered,
}
