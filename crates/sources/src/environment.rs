//! The process environment as plain data: read once at the start, passed in everywhere, and never printed.

use std::collections::BTreeMap;
use std::fmt;

/// Environment variables. Their values may be secrets, so `Debug` shows the names alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// The value of a variable; an empty one counts as not set, as the field's tools have it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The same with one variable set.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// The same without what was set for systems that a person named: tokens, passwords and certificates in it are not for one
    /// that was merely found.
    #[must_use]
    pub fn for_a_stranger(&self) -> Self {
        let is_of_a_system = |name: &str| name.starts_with("CONSUL_") || name.starts_with("PROMETHEUS_");
        let kept = self.variables.iter().filter(|(name, _)| !is_of_a_system(name));
        Self { variables: kept.map(|(name, value)| (name.clone(), value.clone())).collect() }
    }

    /// The same without one variable.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().collect() }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}
