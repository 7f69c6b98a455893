//! What the token may do, asked without doing it.

use std::time::Duration;

use binnacle_model::snapshot::Ability;

use super::api::{ConsulApi, Question};
use super::datacenter::Datacenter;
use super::wire::{Right, Verdict};
use crate::edit::Permission;
use crate::error::{ErrorKind, SourceError};

/// How often it is asked again: policies change rarely.
const INTERVAL: Duration = Duration::from_secs(600);
/// How many rights go into one request; Consul takes 64.
const AT_ONCE: usize = 60;

impl Datacenter<'_> {
    /// Asks what may be done once the picture is whole, and again from time to time.
    pub(super) async fn rights(&self) {
        loop {
            self.settled.notified().await;
            for (ability, resource, names) in [
                (Ability::EditConfig, "key", self.folders().await),
                (Ability::Register, "service", self.some_services()),
            ] {
                if let Some(allowed) = self.may_any(resource, &names).await {
                    self.lock().may(ability, allowed);
                }
            }
            self.publish_status().await;
            self.pause(INTERVAL).await;
        }
    }

    /// Whether writing is allowed on any of these names; `None` when Consul does not say.
    async fn may_any(&self, resource: &'static str, names: &[String]) -> Option<bool> {
        let right = |segment| Right { resource, access: "write", segment };
        let mut asked = vec![right("")];
        asked.extend(names.iter().map(|name| right(name)));
        match verdicts(self.api, &self.name, &asked).await {
            Ok(Some(verdicts)) => Some(verdicts.iter().any(|verdict| verdict.allow)),
            Ok(None) => Some(true),
            Err(_) => None,
        }
    }

    /// The first folders and keys at the top: a token that may write anywhere may mostly write below one of them.
    async fn folders(&self) -> Vec<String> {
        let question =
            Question { path: "kv/", query: "keys=&separator=%2F", dc: Some(&self.name), ..Question::default() };
        let listed: Result<(Vec<String>, _), SourceError> = self.api.json(&question).await;
        listed.map(|(names, _)| names).unwrap_or_default().into_iter().take(AT_ONCE).collect()
    }
}

/// Consul's word about each right; `None` when it has no ACLs and allows everything. The endpoint serves Consul's own UI.
async fn verdicts(api: &ConsulApi, dc: &str, asked: &[Right<'_>]) -> Result<Option<Vec<Verdict>>, SourceError> {
    let body = serde_json::to_vec(asked).unwrap_or_default();
    let question = Question { path: "internal/acl/authorize", dc: Some(dc), body: Some(body), ..Question::default() };
    match api.json(&question).await {
        Ok((verdicts, _)) => Ok(Some(verdicts)),
        Err(error) if error.kind == ErrorKind::Unsupported && error.came_back.contains("ACL support disabled") => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether one thing may be written.
pub(super) async fn may_write(api: &ConsulApi, dc: &str, resource: &'static str, name: &str) -> Permission {
    match verdicts(api, dc, &[Right { resource, access: "write", segment: name }]).await {
        Ok(None) => Permission::Allowed,
        Ok(Some(verdicts)) => match verdicts.first() {
            Some(verdict) if verdict.allow => Permission::Allowed,
            Some(_) => Permission::Denied(format!(
                "this token has no policy with {resource}_prefix or {resource} \"{name}\" {{ policy = \"write\" }}"
            )),
            None => Permission::NotKnown,
        },
        Err(error) if matches!(error.kind, ErrorKind::AclDenied | ErrorKind::Unauthenticated) => {
            Permission::Denied(error.came_back)
        }
        Err(_) => Permission::NotKnown,
    }
}
