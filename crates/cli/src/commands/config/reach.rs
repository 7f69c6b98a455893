//! The way from a key's id to the store that has it, without an engine.

use std::sync::Arc;

use async_trait::async_trait;
use binnacle_demo::Demo;
use binnacle_engine::edits::{EditError, Edits, Rules, Stores, place_of};
use binnacle_model::id::{ConfigId, SourceId, SourceKind};
use binnacle_sources::edit::ConfigStore;
use binnacle_sources::{Connection, ConnectionSpec, Doors, Environment};

use crate::failure::Failure;
use crate::session::Session;

/// The connections of this command. Each is asked whether it brings a source, when one is looked for.
pub(crate) struct Reach {
    connections: Vec<Arc<dyn Connection>>,
    rules: Rules,
    /// Runs as long as it may be asked.
    _demo: Option<Demo>,
}

impl Reach {
    /// Opens the connections; nothing is sent yet.
    pub(crate) async fn open(session: &Session) -> Result<Self, Failure> {
        let mut connections = Vec::new();
        let doors = Doors::default();
        for opening in session.connections().await? {
            connections.push(opening.open_by(&doors)?);
        }
        let demo = session.demo().await?;
        if let Some(demo) = &demo {
            let registry = ConnectionSpec { kind: SourceKind::Consul, place: demo.registry().to_string() };
            // Tokens and certificates of the surroundings are meant for another Consul.
            connections.push(binnacle_sources::open(&registry, &Environment::default())?);
        }
        Ok(Self { connections, rules: session.rules()?, _demo: demo })
    }

    /// The edits of this command.
    pub(crate) async fn edits(session: &Session) -> Result<Edits, Failure> {
        let reach = Arc::new(Self::open(session).await?);
        let read_only = reach.rules.read_only;
        Ok(Edits::new(reach, session.history()?, session.clock.clone(), session.actor(), read_only))
    }
}

/// The source and the key that an id names.
pub(crate) fn place(id: &str) -> Result<(SourceId, String), Failure> {
    Ok(place_of(&ConfigId::from(id))?)
}

/// The store of keys behind a connection.
pub(crate) fn store_of<'a>(connection: &'a dyn Connection, source: &SourceId) -> Result<&'a dyn ConfigStore, Failure> {
    Ok(connection.config_store().ok_or_else(|| EditError::NoStore(source.clone()))?)
}

#[async_trait]
impl Stores for Reach {
    async fn connection_of(&self, source: &SourceId) -> Result<Arc<dyn Connection>, EditError> {
        let mut first_error = None;
        for connection in &self.connections {
            match connection.reaches(source).await {
                Ok(true) => return Ok(connection.clone()),
                Ok(false) => {}
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        // An answer that never came may have been the yes.
        Err(first_error.map_or_else(|| EditError::unknown_source(source), EditError::from))
    }

    fn rules_of(&self, _source: &SourceId) -> Rules {
        self.rules.clone()
    }
}
