//! What a command works with: the options that hold for all, the surroundings, and the engine or the connections.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use binnacle_demo::Demo;
use binnacle_engine::discover::{self, Answer};
use binnacle_engine::edits::Rules;
use binnacle_engine::profile::{self, Profile, ProfileError};
use binnacle_engine::{Clock, Engine, EngineConfig, EngineError, Opening, Token, TokenOrigin};
use binnacle_history::History;
use binnacle_model::fact::{CallsBasis, Fact};
use binnacle_model::id::SourceKind;
use binnacle_model::snapshot::{Edge, Snapshot, Source};
use binnacle_sources::scrape::map::CALLS;
use binnacle_sources::{ConnectionSpec, Environment};
use binnacle_view::text::visible;
use futures_util::future::join_all;
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
    /// The profile that was asked for; what is wrong with it is said by the commands that need it.
    profile: Result<Option<Profile>, ProfileError>,
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
        // As with the other tools' variables, an empty one counts as not set.
        let asked = global.profile.as_deref().filter(|name| !name.is_empty());
        let profile = asked.map(|name| profile::find(&environment, name)).transpose();
        Self { global, environment, terminal, clock: Clock::system(), profile, interrupt }
    }

    /// The profile that was asked for.
    pub(crate) fn profile(&self) -> Result<Option<&Profile>, Failure> {
        self.profile.as_ref().map(Option::as_ref).map_err(Failure::from)
    }

    /// What holds for writes of this command.
    pub(crate) fn rules(&self) -> Result<Rules, Failure> {
        let mut rules = self.profile()?.map(|profile| profile.rules.clone()).unwrap_or_default();
        rules.read_only |= self.global.read_only;
        Ok(rules)
    }

    /// The sources named on the command line, if there are any, or those of the profile.
    pub(crate) async fn named(&self) -> Result<Vec<Opening>, Failure> {
        let profile = self.profile()?;
        let mut named = self.global.sources.clone();
        named.dedup();
        if self.global.demo && named.is_empty() {
            return Ok(Vec::new());
        }
        self.with_tokens(profile::openings(profile, &named, &self.environment)).await
    }

    /// The connections that this command is about, with `--discover` also what was found inside their clusters. What they are
    /// is settled here, once: a command reads the same systems from its beginning to its end.
    pub(crate) async fn connections(&self) -> Result<Vec<Opening>, Failure> {
        let mut openings = self.chosen().await?;
        if self.global.discover {
            let looks = openings.iter().map(|opening| self.found_inside(opening));
            for found in join_all(looks).await.into_iter().flatten() {
                if !openings.iter().any(|opening| is_read_by(opening, &found)) {
                    openings.push(found);
                }
            }
        }
        Ok(openings)
    }

    /// What is found inside the cluster of a connection. A cluster that cannot be looked into is said to be so, and read all the
    /// same.
    async fn found_inside(&self, opening: &Opening) -> Vec<Opening> {
        match discover::inside(opening, self.global.wait).await {
            Ok(found) => found,
            Err(error) => {
                self.warn(&Failure::from(error).of(&opening.spec));
                Vec::new()
            }
        }
    }

    /// The connections without what is inside: those named or of the profile, or what the environment says, or the
    /// usual address if a Consul answers there, or the cluster of the current context if that does.
    async fn chosen(&self) -> Result<Vec<Opening>, Failure> {
        let named = self.named().await?;
        if self.global.demo || !named.is_empty() {
            return Ok(named);
        }
        let (spec, from) = discover::usual_consul(&self.environment);
        if self.environment.get("CONSUL_HTTP_ADDR").is_some() {
            return self.with_tokens(vec![Opening::new(spec, &self.environment)]).await;
        }
        let found = discover::found(&self.environment).await;
        let answer_of = |wanted: &ConnectionSpec| found.iter().find(|found| found.spec.as_ref() == Some(wanted));
        let answers =
            |wanted: &ConnectionSpec| matches!(answer_of(wanted).map(|found| &found.answer), Some(Answer::Answers(_)));
        let cluster = discover::usual_cluster(&self.environment);
        if let Some(cluster) = cluster.filter(|cluster| answers(cluster) && !answers(&spec)) {
            return Ok(vec![Opening::new(cluster, &self.environment)]);
        }
        let asked = found.into_iter().find(|found| found.spec.as_ref() == Some(&spec));
        match asked.map(|found| found.answer) {
            Some(Answer::Answers(_)) => self.with_tokens(vec![Opening::new(spec, &self.environment)]).await,
            Some(Answer::Fails(error)) => Err(no_source(&spec, from, &error.came_back)),
            Some(Answer::NotAsked(why)) => Err(no_source(&spec, from, &why)),
            None => Err(no_source(&spec, from, "not asked")),
        }
    }

    /// The same connections with the tokens that a person is asked for.
    async fn with_tokens(&self, openings: Vec<Opening>) -> Result<Vec<Opening>, Failure> {
        let mut asked = Vec::with_capacity(openings.len());
        for opening in openings {
            let wanted = self.global.ask_token && opening.takes_token();
            asked.push(if wanted { self.with_token(opening).await? } else { opening });
        }
        Ok(asked)
    }

    /// Asks for the token of one connection.
    pub(crate) async fn with_token(&self, opening: Opening) -> Result<Opening, Failure> {
        let question = format!("ACL token for {}: ", visible(&opening.spec.to_string(), false));
        let typed = tokio::select! {
            biased;
            () = self.interrupt.cancelled() => return Err(Failure::silent(Exit::Interrupted)),
            typed = self.terminal.ask_secret("--ask-token", &question) => typed?,
        };
        let token = Token::new(&typed).ok_or_else(|| {
            Failure::new("cli.usage", Exit::Usage, "no token was entered", "Leave --ask-token out to go without one.")
        })?;
        Ok(opening.with_token(token, TokenOrigin::Entered))
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
            read_only: self.rules()?.read_only,
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

/// Whether what was found is read already: by its own name, or as the datacenter of another Consul in the same cluster. Of one that
/// was named it is not known which that is, and it is meant.
fn is_read_by(opening: &Opening, found: &Opening) -> bool {
    let datacenter =
        |opening: &Opening| opening.found.as_ref().map(|found| (found.cluster.clone(), found.datacenter().to_owned()));
    let both_consul = [opening, found].iter().all(|one| one.spec.kind == SourceKind::Consul);
    opening.spec == found.spec
        || (both_consul && datacenter(opening).is_none_or(|known| Some(known) == datacenter(found)))
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
    // A server that has not been asked everything yet says so.
    let is_asked = |source: &Source| source.status.unseen.iter().any(|collection| &**collection == CALLS);
    let servers = snapshot.sources.values().filter(|source| source.id.kind() == Some(SourceKind::Prometheus));
    servers.filter(|source| source.status.state.is_current()).any(|source| is_asked(source))
        || snapshot.edges.values().any(|edge| edge.signals.rps.is_none() && counted(edge))
}

fn no_source(spec: &ConnectionSpec, from: &str, why: &str) -> Failure {
    Failure::new(
        "cli.no_source",
        Exit::Unreachable,
        format!(
            "no source was named and none was found; looked for CONSUL_HTTP_ADDR (not set) and {from} {} ({why})",
            spec.shown_place()
        ),
        "Name one with --source consul=http://HOST:8500, --source kube=CONTEXT or a --profile, set CONSUL_HTTP_ADDR, or \
         take a first look with --demo.",
    )
}
