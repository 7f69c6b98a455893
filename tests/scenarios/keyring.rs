//! A remembered token: in a real keyring and nowhere else, and only where one works.

use binnacle_engine::{Keyring, KeyringError, Token};
use binnacle_sources::{ConnectionSpec, Environment};

const SECRET: &str = "s3cret-token-of-the-lab";

fn of(lab: &lab::keyring::Keyring) -> Keyring {
    let bus = ("DBUS_SESSION_BUS_ADDRESS".to_owned(), lab.bus_address().to_owned());
    Keyring::of(&[bus].into_iter().collect::<Environment>())
}

fn spec(text: &str) -> ConnectionSpec {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_token_is_remembered_for_its_address_replaced_and_forgotten() {
    let lab = lab::keyring::Keyring::unlocked().await.unwrap();
    let keyring = of(&lab);
    keyring.works().await.unwrap();
    let (dc1, dc2) = (spec("consul=http://127.0.0.1:8500"), spec("consul=http://127.0.0.1:8501"));
    assert_eq!(keyring.recall(&dc1).await, Ok(None));
    let token = |text: &str| Token::new(text).unwrap();
    keyring.remember(&dc1, &token("an older one")).await.unwrap();
    keyring.remember(&dc1, &token(SECRET)).await.unwrap();
    assert_eq!(keyring.recall(&dc1).await, Ok(Some(token(SECRET))));
    assert_eq!(keyring.recall(&dc2).await, Ok(None), "another address");
    assert_eq!(
        lab::files::holding(lab.home(), SECRET),
        Vec::<std::path::PathBuf>::new(),
        "it is encrypted on the disk"
    );
    keyring.forget(&dc1).await.unwrap();
    assert_eq!(keyring.recall(&dc1).await, Ok(None));
    keyring.forget(&dc1).await.unwrap();
}

#[tokio::test]
async fn a_locked_keyring_is_said_and_asks_nobody() {
    let mut lab = lab::keyring::Keyring::unlocked().await.unwrap();
    let address = spec("consul=http://127.0.0.1:8500");
    of(&lab).remember(&address, &Token::new(SECRET).unwrap()).await.unwrap();
    lab.lock().await.unwrap();
    let keyring = of(&lab);
    assert_eq!(keyring.works().await, Err(KeyringError::Locked));
    assert_eq!(keyring.recall(&address).await, Err(KeyringError::Locked));
    assert_eq!(keyring.remember(&address, &Token::new("x").unwrap()).await, Err(KeyringError::Locked));
    assert_eq!(keyring.forget(&address).await, Err(KeyringError::Locked));
}
