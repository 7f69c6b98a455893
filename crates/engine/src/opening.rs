//! How a connection is opened, and what holds for it.

use std::sync::Arc;

use binnacle_sources::{Connection, ConnectionSpec, Environment, SourceError};

use crate::edits::Rules;
use crate::profile::ProfileName;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// What is read.
    pub spec: ConnectionSpec,
    /// The environment as the source sees it.
    pub environment: Environment,
    /// The profile that names it.
    pub profile: Option<ProfileName>,
    /// What holds for writes.
    pub rules: Rules,
}

impl Opening {
    /// By the surroundings alone.
    pub fn new(spec: ConnectionSpec, environment: &Environment) -> Self {
        Self { spec, environment: environment.clone(), profile: None, rules: Rules::default() }
    }

    /// Makes the connection; nothing is contacted yet.
    pub fn open(&self) -> Result<Arc<dyn Connection>, SourceError> {
        binnacle_sources::open(&self.spec, &self.environment)
    }
}
