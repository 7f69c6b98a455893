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
            for (ability, resource) in [(Ability::EditConfig, "key"), (Ability::Register, "service")] {
                if let Some(allowed) = self.may_write_some(resource).await {
                    self.lock().may(ability, allowed);
                }
            }
            self.publish_status().await;
            self.pause(INTERVAL).await;
        }
    }

    /// Whether something of a kind may be written; `None` when Consul does not say. A token for a prefix may not write
    /// everything: then some names that it may read are asked about.
    async fn may_write_some(&self, resource: &'static str) -> Option<bool> {
        if self.may_any(resource, &[String::new()]).await? {
            return Some(true);
        }
        let names = if resource == "key" { self.some_keys().await } else { self.some_services() };
        if names.is_empty() {
            return Some(false);
        }
        self.may_any(resource, &names).await
    }

    async fn may_any(&self, resource: &'static str, names: &[String]) -> Option<bool> {
        let asked: Vec<Right<'_>> =
            names.iter().map(|name| Right { resource, access: "write", segment: name }).collect();
        match verdicts(self.api, &self.name, &asked).await {
            Ok(Some(verdicts)) => Some(verdicts.iter().any(|verdict| verdict.allow)),
            Ok(None) => Some(true),
            Err(_) => None,
        }
    }

    /// Keys from all over the store.
    async fn some_keys(&self) -> Vec<String> {
        let question = Question { path: "kv/", query: "keys=", dc: Some(&self.name), ..Question::default() };
        let listed: Result<(Vec<String>, _), SourceError> = self.api.json(&question).await;
        let names = listed.map(|(names, _)| names).unwrap_or_default();
        let step = names.len().div_ceil(AT_ONCE).max(1);
        names.into_iter().step_by(step).collect()
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
