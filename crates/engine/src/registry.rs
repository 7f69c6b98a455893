//! Registering and deregistering services: plan, carry out, look whether it stuck, audit, and look again later, since
//! anti-entropy may bring an entry back about a minute after it was taken out.

use std::sync::Arc;
use std::time::Duration;

use binnacle_history::{History, NewRegistration, RegistrationId, RegistrationRecord, Settled};
use binnacle_model::id::{InstanceId, SourceId};
use binnacle_sources::register::{Registrar, Registration, RegistryPlan, Verified};
use binnacle_sources::{Connection, ErrorKind, SourceError};

use crate::audited::{Audited, reason, stuck_record};
use crate::clock::Clock;
use crate::edits::{EditError, Stores};

/// Consul's agents sync about once a minute, in large clusters less often; a few seconds more than the usual minute.
pub const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(70);

/// The one road for registering and deregistering services. A clone is the same road.
#[derive(Clone, Debug)]
pub struct Registry(Audited);

/// A registration or deregistration that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarriedOut {
    /// Its line in the audit.
    pub line: RegistrationId,
    /// What was done.
    pub plan: RegistryPlan,
    /// Whether the catalog says the same now; an error when it could not be asked.
    pub verified: Result<Verified, SourceError>,
}

impl Registry {
    /// A road for this actor, recorded in this history.
    pub fn new(
        stores: Arc<dyn Stores>,
        history: Arc<History>,
        clock: Clock,
        actor: impl Into<Arc<str>>,
        read_only: bool,
    ) -> Self {
        Self(Audited::new("registration", stores, history, clock, actor.into(), read_only))
    }

    /// Plans a registration.
    pub async fn plan_register(
        &self,
        source: &SourceId,
        registration: &Registration,
    ) -> Result<RegistryPlan, EditError> {
        let connection = self.0.stores.connection_of(source).await?;
        Ok(registrar(&*connection, source)?.plan_register(source, registration).await?)
    }

    /// Plans a deregistration.
    pub async fn plan_deregister(&self, source: &SourceId, instance: &InstanceId) -> Result<RegistryPlan, EditError> {
        let connection = self.0.stores.connection_of(source).await?;
        Ok(registrar(&*connection, source)?.plan_deregister(source, instance).await?)
    }

    /// Carries a plan out, once, and asks the catalog whether it is in force.
    pub async fn carry_out(&self, plan: &RegistryPlan, why: Option<String>) -> Result<CarriedOut, EditError> {
        let connection = self.0.writing_to(&plan.source).await?;
        let registrar = registrar(&*connection, &plan.source)?;
        let line = self.line(plan, connection.spec().to_string(), why);
        let line = self.0.recorded(move |history| history.begin_registration(&line)).await?;
        let outcome = registrar.carry_out(plan).await;
        let settled = match &outcome {
            Ok(()) => Settled::Applied(Vec::new()),
            Err(error) if error.kind == ErrorKind::OutcomeUnknown => Settled::Unknown(error.code()),
            Err(error) => Settled::Failed(error.code()),
        };
        let at = self.0.clock.now();
        self.0.noted(move |history| history.settle_registration(line, at, &settled)).await;
        outcome?;
        let verified = registrar.verify(plan).await;
        self.note_verified(line, &verified).await;
        Ok(CarriedOut { line, plan: plan.clone(), verified })
    }

    /// Asks the catalog again after this time, and records the answer. The future owns what it needs: whoever spawns runs it.
    pub fn look_again(
        &self,
        done: &CarriedOut,
        after: Duration,
    ) -> impl Future<Output = Result<Verified, EditError>> + Send + 'static {
        let (registry, line, plan) = (self.clone(), done.line, done.plan.clone());
        async move {
            tokio::time::sleep(after).await;
            let connection = registry.0.stores.connection_of(&plan.source).await?;
            let verified = registrar(&*connection, &plan.source)?.verify(&plan).await;
            registry.note_verified(line, &verified).await;
            Ok(verified?)
        }
    }

    /// The audit of registrations, the newest first.
    pub async fn history(&self, newest: u32) -> Result<Vec<RegistrationRecord>, EditError> {
        self.0.recorded(move |history| history.registrations(newest)).await
    }

    fn line(&self, plan: &RegistryPlan, connection: String, why: Option<String>) -> NewRegistration {
        NewRegistration {
            at: self.0.clock.now(),
            actor: self.0.actor.to_string(),
            source: plan.source.clone(),
            connection,
            why: reason(why),
            instance: plan.instance.clone(),
            requests: plan.requests.iter().map(|request| format!("{} {}", request.method, request.path)).collect(),
        }
    }

    async fn note_verified(&self, line: RegistrationId, verified: &Result<Verified, SourceError>) {
        let Ok(verified) = verified else { return };
        let stuck = stuck_record(verified);
        let at = self.0.clock.now();
        self.0.noted(move |history| history.verify_registration(line, at, stuck)).await;
    }
}

fn registrar<'a>(connection: &'a dyn Connection, source: &SourceId) -> Result<&'a dyn Registrar, EditError> {
    connection.registrar().ok_or_else(|| EditError::NoRegistry(source.clone()))
}
