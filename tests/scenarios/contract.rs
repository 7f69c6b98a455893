//! The contract with Consul on real servers: the current release and the old one. The demo's registry is held to the
//! same assertions by its own tests.

use lab::Consul;
use tokio::sync::OnceCell;

use crate::consul_contract::{self, Release, Server};

/// One server a release, for the assertions alone: others must not write between.
async fn server(release: Release) -> Server {
    static CURRENT: OnceCell<Consul> = OnceCell::const_new();
    static OLD: OnceCell<Consul> = OnceCell::const_new();
    let (cell, executable) = match release {
        Release::Current => (&CURRENT, lab::Release::Current),
        Release::Old => (&OLD, lab::Release::Old),
    };
    let consul = cell.get_or_try_init(|| Consul::builder().release(executable).start()).await.unwrap();
    Server::new(consul.url().unwrap(), release)
}

macro_rules! on_current {
    ($($assertion:ident),* $(,)?) => {
        mod current {
            $(
                #[tokio::test]
                async fn $assertion() {
                    super::consul_contract::$assertion(&super::server(super::Release::Current).await).await;
                }
            )*
        }
    };
}

macro_rules! on_old {
    ($($assertion:ident),* $(,)?) => {
        mod old {
            $(
                #[tokio::test]
                async fn $assertion() {
                    super::consul_contract::$assertion(&super::server(super::Release::Old).await).await;
                }
            )*
        }
    };
}

each_assertion!(on_current);
each_assertion!(on_old);
