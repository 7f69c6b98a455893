//! Text that must not be seen.

use std::fmt;

use http::HeaderValue;
use serde::Deserialize;

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text itself, to be sent and not to be shown.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// As a header's value, marked so that HTTP libraries leave it out of their own logs; `None` when it cannot be one.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&self.0).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}
