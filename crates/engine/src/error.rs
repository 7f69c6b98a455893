//! What can keep the engine from starting or a connection from being opened.

use binnacle_demo::DemoError;
use binnacle_sources::SourceError;

/// See the variants.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The settings of a connection make no sense.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The demo fleet did not start.
    #[error("the demo fleet did not start: {0}")]
    Demo(#[source] Box<DemoError>),
}

impl EngineError {
    pub(crate) fn demo(error: DemoError) -> Self {
        Self::Demo(Box::new(error))
    }

    /// The stable code.
    pub fn code(&self) -> String {
        match self {
            Self::Source(error) => error.code(),
            Self::Demo(_) => "demo.not_started".to_owned(),
        }
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Source(error) => error.hint.clone(),
            Self::Demo(_) => {
                "The fleet needs free ports on 127.0.0.1; see what the message says and start it again.".to_owned()
            }
        }
    }
}
