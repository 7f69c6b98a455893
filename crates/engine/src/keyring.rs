//! The keyring of this computer, for tokens that a person wants remembered: the freedesktop Secret Service
//! (<https://specifications.freedesktop.org/secret-service/latest/>) on the session bus.
//!
//! It is never made to ask a person anything: a keyring that is locked is an answer, and nothing waits for a dialog.

use std::collections::HashMap;
use std::time::Duration;

use binnacle_sources::{ConnectionSpec, Environment};
use secret_service::{Collection, EncryptionType, Error, SecretService};

use crate::profile::holds_secret;
use crate::token::Token;

/// How long the keyring may take. A service that is only started by the request needs about a second.
const PATIENCE: Duration = Duration::from_secs(5);
const BUS: &str = "DBUS_SESSION_BUS_ADDRESS";
const TEXT: &str = "text/plain; charset=utf-8";

/// What can come between a token and the keyring.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// No Secret Service answers on the session bus, or there is no bus.
    #[error("this computer has no keyring: no Secret Service answers on the session bus")]
    Unavailable,
    /// The keyring waits for a person to unlock it.
    #[error("the keyring is locked")]
    Locked,
    /// It did not answer in time.
    #[error("the keyring did not answer within {} s", PATIENCE.as_secs())]
    TimedOut,
    /// It answered with an error, or not with what was put in.
    #[error("the keyring failed: {0}")]
    Failed(String),
    /// The address itself carries a password, and would be kept in the clear.
    #[error("the address carries a password, which the keyring would keep in the clear")]
    Address,
}

impl KeyringError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unavailable => "keyring.unavailable",
            Self::Locked => "keyring.locked",
            Self::TimedOut => "keyring.timed_out",
            Self::Failed(_) => "keyring.failed",
            Self::Address => "keyring.address",
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unavailable => {
                "Start one, such as gnome-keyring or KWallet; until then a token is kept in memory only."
            }
            Self::Locked => "Unlock it with the system's own program, and try again.",
            Self::TimedOut => "See whether it waits for an answer in another window, and try again.",
            Self::Failed(_) => "Look at the log of the keyring's service; until then a token is kept in memory only.",
            Self::Address => "Name the address without user and password.",
        }
    }
}

impl From<Error> for KeyringError {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable => Self::Unavailable,
            Error::Locked | Error::Prompt | Error::PromptDisconnected => Self::Locked,
            Error::NoResult => Self::Failed("it has no default collection".to_owned()),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// The keyring that the session's bus leads to.
#[derive(Clone, Debug)]
pub struct Keyring {
    bus: Option<String>,
}

impl Keyring {
    /// The one of these surroundings; nothing is contacted yet.
    pub fn of(environment: &Environment) -> Self {
        // What the bus library does as well, from the surroundings that were passed in.
        let usual = || Some(format!("unix:path={}/bus", environment.get("XDG_RUNTIME_DIR")?));
        Self { bus: environment.get(BUS).map(str::to_owned).or_else(usual) }
    }

    /// Whether a token could be remembered, found out by writing something, reading it back, and taking it out again.
    pub async fn works(&self) -> Result<(), KeyringError> {
        in_time(async {
            let service = self.connect().await?;
            let collection = unlocked(&service).await?;
            let process = std::process::id().to_string();
            let probe = format!("probe {process}");
            let attributes = HashMap::from([("application", "binnacle"), ("probe", process.as_str())]);
            let item = collection.create_item("Binnacle: a test", attributes, probe.as_bytes(), true, TEXT).await?;
            let read = item.get_secret().await;
            item.delete().await?;
            let same = read? == probe.as_bytes();
            if same { Ok(()) } else { Err(KeyringError::Failed("it gave back something else".to_owned())) }
        })
        .await
    }

    /// Remembers the token of an address, in place of an earlier one.
    pub async fn remember(&self, spec: &ConnectionSpec, token: &Token) -> Result<(), KeyringError> {
        in_time(async {
            let address = address(spec)?;
            let service = self.connect().await?;
            let collection = unlocked(&service).await?;
            let label = format!("Binnacle: ACL token for {address}");
            collection.create_item(&label, attributes(&address), token.expose().as_bytes(), true, TEXT).await?;
            Ok(())
        })
        .await
    }

    /// The token that is remembered for an address; `None` when there is none.
    pub async fn recall(&self, spec: &ConnectionSpec) -> Result<Option<Token>, KeyringError> {
        in_time(async {
            let address = address(spec)?;
            let service = self.connect().await?;
            let found = service.search_items(attributes(&address)).await?;
            let Some(item) = found.unlocked.first() else {
                return if found.locked.is_empty() { Ok(None) } else { Err(KeyringError::Locked) };
            };
            let secret = String::from_utf8(item.get_secret().await?);
            Ok(secret.ok().and_then(|secret| Token::new(&secret)))
        })
        .await
    }

    /// Takes the token of an address out of the keyring; there may be none.
    pub async fn forget(&self, spec: &ConnectionSpec) -> Result<(), KeyringError> {
        in_time(async {
            let address = address(spec)?;
            let service = self.connect().await?;
            let found = service.search_items(attributes(&address)).await?;
            for item in &found.unlocked {
                item.delete().await?;
            }
            if found.locked.is_empty() { Ok(()) } else { Err(KeyringError::Locked) }
        })
        .await
    }

    async fn connect(&self) -> Result<SecretService<'static>, KeyringError> {
        let bus = self.bus.as_deref().ok_or(KeyringError::Unavailable)?;
        let builder = zbus::connection::Builder::address(bus).map_err(|_| KeyringError::Unavailable)?;
        let bus = builder.build().await.map_err(|_| KeyringError::Unavailable)?;
        // Encrypted on the bus as well: other programs may listen there.
        Ok(SecretService::connect_with_existing(EncryptionType::Dh, bus).await?)
    }
}

/// The default collection, if it can be written to without asking anybody.
async fn unlocked<'a>(service: &'a SecretService<'static>) -> Result<Collection<'a>, KeyringError> {
    let collection = service.get_default_collection().await?;
    if collection.is_locked().await? { Err(KeyringError::Locked) } else { Ok(collection) }
}

/// The address as it stands in the keyring, which keeps it in the clear.
fn address(spec: &ConnectionSpec) -> Result<String, KeyringError> {
    let whole = format!("{}={}", spec.kind.word(), spec.place);
    if holds_secret(&whole) { Err(KeyringError::Address) } else { Ok(spec.to_string()) }
}

fn attributes(address: &str) -> HashMap<&str, &str> {
    HashMap::from([("application", "binnacle"), ("connection", address)])
}

async fn in_time<T>(work: impl Future<Output = Result<T, KeyringError>>) -> Result<T, KeyringError> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or(Err(KeyringError::TimedOut))
}

#[cfg(test)]
mod tests {
    use binnacle_model::id::SourceKind;

    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[tokio::test]
    async fn without_a_bus_or_with_one_that_is_none_there_is_no_keyring() {
        let spec: ConnectionSpec = "consul=http://127.0.0.1:8500".parse().unwrap();
        let token = Token::new("s3cret").unwrap();
        for variables in [
            &[][..],
            &[(BUS, "unix:path=/nonexistent/bus")],
            &[(BUS, "nonsense")],
            &[("XDG_RUNTIME_DIR", "/nonexistent")],
        ] {
            let keyring = Keyring::of(&environment(variables));
            assert_eq!(keyring.works().await, Err(KeyringError::Unavailable), "{variables:?}");
            assert_eq!(keyring.remember(&spec, &token).await, Err(KeyringError::Unavailable));
            assert_eq!(keyring.recall(&spec).await, Err(KeyringError::Unavailable));
        }
    }

    #[tokio::test]
    async fn an_address_with_a_password_is_not_put_into_the_keyring() {
        let keyring = Keyring::of(&Environment::default());
        let place = "http://ann:s3cret@127.0.0.1:8500".to_owned();
        let spec = ConnectionSpec { kind: SourceKind::Consul, place };
        let error = keyring.remember(&spec, &Token::new("x").unwrap()).await.unwrap_err();
        assert_eq!(error.code(), "keyring.address");
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}
