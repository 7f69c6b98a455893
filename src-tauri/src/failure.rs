//! Errors as they cross to the window.

use binnacle_engine::edits::EditError;
use binnacle_engine::profile::ProfileError;
use binnacle_engine::{EngineError, KeyringError};
use binnacle_model::id::SourceId;
use binnacle_sources::SourceError;
use binnacle_view::contract::Failure;
use binnacle_view::text;

/// A failure of a system.
pub(crate) fn of_source(error: &SourceError, source: Option<&SourceId>) -> Failure {
    Failure {
        code: error.code(),
        message: text::output(&error.to_string()),
        hint: text::output(&error.hint),
        source: source.map(ToString::to_string),
    }
}

/// A failure of an edit or a registration.
pub(crate) fn of_edit(error: &EditError, source: Option<&SourceId>) -> Failure {
    Failure {
        code: error.code(),
        message: text::output(&error.to_string()),
        hint: text::output(&error.hint()),
        source: source.map(ToString::to_string),
    }
}

/// A profile that cannot be used.
pub(crate) fn of_profile(error: &ProfileError) -> Failure {
    Failure {
        code: error.code().to_owned(),
        message: text::output(&error.to_string()),
        hint: error.hint().to_owned(),
        source: None,
    }
}

/// A failure of the keyring.
pub(crate) fn of_keyring(what: &str, error: &KeyringError) -> Failure {
    Failure {
        code: error.code().to_owned(),
        message: text::output(&format!("{what}: {error}")),
        hint: error.hint().to_owned(),
        source: None,
    }
}

/// A failure of the engine.
pub(crate) fn of_engine(error: &EngineError) -> Failure {
    Failure {
        code: error.code(),
        message: text::output(&error.to_string()),
        hint: text::output(&error.hint()),
        source: None,
    }
}

/// Something that the window asked for and that cannot be.
pub(crate) fn refused(code: &str, message: impl Into<String>, hint: &str) -> Failure {
    Failure { code: code.to_owned(), message: message.into(), hint: hint.to_owned(), source: None }
}

/// A plan that was applied already, or that is older than what is kept.
pub(crate) fn no_such_plan() -> Failure {
    refused("app.no_such_plan", "this plan was applied already, or is too old", "Make the plan again and look at it.")
}
