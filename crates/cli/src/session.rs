//! What a command works with: the options that hold for all, the surroundings, and the engine or the connections.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use binnacle_demo::Demo;
use binnacle_engine::discover::{self, Answer};
use binnacle_engine::{Clock, Engine, EngineConfig, EngineError};
use binnacle_history::History;
use binnacle_model::fact::{CallsBasis, Fact};
use binnacle_model::snapshot::{Edge, Snapshot};
use binnacle_sources::{ConnectionSpec, Environment};
use tokio_util::sync::CancellationToken;

use crate::arguments::{ErrorForm, Global};
use crate::duration;
use crate::failure::{Exit, Failure};
use crate::terminal::Terminal;

/// The second look at a metrics endpoint comes a few seconds after the first.
const LONGEST_FOR_RATES: Duration = Duration::from_secs(6);

/// See the module.
pub(crate) struct Session {
    pub(crate) global: Global,
    pub(crate) environment: Environment,
    pub(crate) terminal: Terminal,
    pub(crate) clock: Clock,
    /// Cancelled by Ctrl-C and SIGTERM.
    pub(crate) interrupt: CancellationToken,
}

impl Session {
    /// Reads the surroundings of this process.
    pub(crate) fn new(global: Global, interrupt: CancellationToken) -> Self {
        let environment: Environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let terminal = Terminal::of_this_process(global.color, &environment);
        Self { global, environment, terminal, clock: Clock::system(), interrupt }
    }

    /// The connections that this command is about: those named, or what the environment says, or the usual address if a
    /// Consul answers there.
    pub(crate) async fn connections(&self) -> Result<Vec<ConnectionSpec>, Failure> {
        if self.global.demo || !self.global.sources.is_empty() {
            let mut named = self.global.sources.clone();
            named.dedup();
            return Ok(named);
        }
        let (spec, from) = discover::usual_consul(&self.environment);
        if self.environment.get("CONSUL_HTTP_ADDR").is_some() {
            return Ok(vec![spec]);
        }
        let found = discover::found(&self.environment).await;
        let asked = found.into_iter().find(|found| found.spec.as_ref() == Some(&spec));
        match asked.map(|found| found.answer) {
            Some(Answer::Answers(_)) => Ok(vec![spec]),
            Some(Answer::Fails(error)) => Err(no_source(&spec, from, &error.came_back)),
            Some(Answer::NotAsked(why)) => Err(no_source(&spec, from, &why)),
            None => Err(no_source(&spec, from, "not asked")),
        }
    }

    /// Runs an engine on the connections, waits for the first whole picture, and hands it over. What is known is handed
    /// over as well when something is missing; the command then ends with exit code 3, whatever it found.
    pub(crate) async fn with_picture(
        &self,
        history: Arc<History>,
        then: impl AsyncFnOnce(&Engine, Arc<Snapshot>) -> Result<Exit, Failure>,
    ) -> Result<Exit, Failure> {
        let engine = Engine::start(EngineConfig {
            connections: self.connections().await?,
            environment: self.environment.clone(),
            history,
            actor: self.actor(),
            read_only: self.global.read_only,
            clock: self.clock.clone(),
        })
        .await?;
        let work = async {
            if self.global.demo {
                engine.connect_demo().await?;
            }
            let missing = engine.first_picture(self.global.wait).await.err().unwrap_or_default();
            let result = then(&engine, engine.snapshot()).await;
            self.warn_of_parts(&engine.snapshot());
            match Failure::of_missing(&missing, &duration::short(self.global.wait)) {
                None => result,
                // The reader is gone, or the command failed by itself: that comes first.
                Some(failure) => result.and(Err(failure)),
            }
        };
        let result = self.until_interrupted(work).await;
        engine.stop().await;
        result
    }

    /// Says what could not be read of sources that work otherwise.
    fn warn_of_parts(&self, snapshot: &Snapshot) {
        for source in snapshot.sources.values() {
            for fault in &source.status.partial {
                self.warn(&Failure::of_fault(fault, source.id.as_str()));
            }
        }
    }

    /// The same for commands that write nothing: their engine has no history file to touch.
    pub(crate) async fn with_reading(
        &self,
        then: impl AsyncFnOnce(&Engine, Arc<Snapshot>) -> Result<Exit, Failure>,
    ) -> Result<Exit, Failure> {
        let nothing_recorded = History::in_memory().map_err(Failure::from)?;
        self.with_picture(Arc::new(nothing_recorded), then).await
    }

    /// The same for commands that show rates: somebody who counts calls has to be asked twice before there is a rate.
    pub(crate) async fn with_rates(
        &self,
        then: impl AsyncFnOnce(&Engine, Arc<Snapshot>) -> Result<Exit, Failure>,
    ) -> Result<Exit, Failure> {
        let within = self.global.wait.min(LONGEST_FOR_RATES);
        self.with_reading(async |engine, _| {
            let mut snapshots = engine.snapshots();
            // In vain where nobody calls anybody, and then the picture is shown without.
            let _ = tokio::time::timeout(within, snapshots.wait_for(|snapshot| !awaits_rates(snapshot))).await;
            then(engine, engine.snapshot()).await
        })
        .await
    }

    /// Ends the work early on Ctrl-C or SIGTERM.
    pub(crate) async fn until_interrupted(
        &self,
        work: impl Future<Output = Result<Exit, Failure>>,
    ) -> Result<Exit, Failure> {
        tokio::select! {
            biased;
            () = self.interrupt.cancelled() => Err(Failure::silent(Exit::Interrupted)),
            result = work => result,
        }
    }

    /// The demo fleet, for a command that does not run the engine; `None` unless `--demo`. It runs until it is dropped.
    pub(crate) async fn demo(&self) -> Result<Option<Demo>, Failure> {
        if !self.global.demo {
            return Ok(None);
        }
        Ok(Some(Demo::start().await.map_err(|error| EngineError::Demo(Box::new(error)))?))
    }

    /// Where edits are recorded.
    pub(crate) fn history_place(&self) -> Result<PathBuf, Failure> {
        match &self.global.history {
            Some(path) => Ok(path.clone()),
            None => {
                binnacle_history::usual_place(|name| self.environment.get(name).map(str::to_owned)).ok_or_else(|| {
                    Failure::new(
                        "cli.io",
                        Exit::Usage,
                        "there is no place for the history of edits: neither XDG_STATE_HOME nor HOME is set",
                        "Name a file with --history.",
                    )
                })
            }
        }
    }

    /// Opens the history of edits.
    pub(crate) fn history(&self) -> Result<Arc<History>, Failure> {
        Ok(Arc::new(History::open(&self.history_place()?)?))
    }

    /// Who edits, for the audit: the user and the computer.
    pub(crate) fn actor(&self) -> String {
        let user = ["USER", "LOGNAME"].into_iter().find_map(|name| self.environment.get(name)).unwrap_or("unknown");
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        match host.trim() {
            "" => user.to_owned(),
            host => format!("{user}@{host}"),
        }
    }

    /// Writes a failure to stderr in the form that was asked for.
    pub(crate) fn complain(&self, failure: &Failure) {
        say(failure, "error", self.global.errors);
    }

    /// The same for something that does not change how the command ends.
    pub(crate) fn warn(&self, failure: &Failure) {
        say(failure, "warning", self.global.errors);
    }
}

/// Writes to stderr. A stderr that is closed has nobody to tell.
pub(crate) fn say(failure: &Failure, severity: &str, form: ErrorForm) {
    use std::io::Write as _;
    if failure.is_silent() {
        return;
    }
    let text = match form {
        ErrorForm::Text => failure.text(severity),
        ErrorForm::Json => format!("{}\n", failure.json(severity)),
    };
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Whether somebody counts calls whose rate is not known yet.
fn awaits_rates(snapshot: &Snapshot) -> bool {
    let counted = |edge: &Edge| {
        edge.evidence.iter().any(|evidence| match &evidence.observation.fact {
            Fact::Calls(calls) => matches!(calls.basis, CallsBasis::Observed(_)),
            _ => false,
        })
    };
    snapshot.edges.values().any(|edge| edge.signals.rps.is_none() && counted(edge))
}

fn no_source(spec: &ConnectionSpec, from: &str, why: &str) -> Failure {
    Failure::new(
        "cli.no_source",
        Exit::Unreachable,
        format!(
            "no source was named and none was found; looked for CONSUL_HTTP_ADDR (not set) and {from} {} ({why})",
            spec.shown_place()
        ),
        "Name one with --source consul=http://HOST:8500, set CONSUL_HTTP_ADDR, or take a first look with --demo.",
    )
}
