//! Who we are and where: turns what a kubeconfig says into a client that can be asked, and keeps it current while files
//! change, tokens rotate and certificates expire.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

use super::kubeconfig::{self, Cluster, Exec, Kubeconfig, Stamp, Target, User};
use super::plugin::{self, Credential};
use super::{SYSTEM, misconfigured};
use crate::environment::Environment;
use crate::error::SourceError;
use crate::http::{Means, Tls, Wire, shown_address, wire_by};
use crate::secret::Secret;
use crate::transport::peer;

/// How often the files are looked at. The API server's port changes when minikube starts again.
const LOOK: Duration = Duration::from_secs(2);
/// How long a plugin that failed is left alone: every watch would run it again.
const AFTER_FAILURE: Duration = Duration::from_secs(15);
/// A credential is renewed this long before it expires.
const MARGIN: SignedDuration = SignedDuration::from_secs(30);

/// A client with everything that its requests carry.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) wire: Wire,
    /// The same for requests that turn into something else than HTTP, which HTTP/2 does not let them.
    pub(super) http1: Wire,
    /// Where it leads, for people.
    pub(super) shown: Arc<str>,
    /// Who is asked, as failures name it.
    pub(super) peer: Arc<str>,
    /// The namespace of the context.
    pub(super) namespace: Arc<str>,
    /// Another number is another target: what was listed before must be listed anew.
    pub(super) epoch: u64,
    headers: HeaderMap,
    token_file: Option<PathBuf>,
    expires: Option<Timestamp>,
    /// True when a plugin signed in: a refused token is worth another try.
    pub(super) by_plugin: bool,
}

/// Makes sessions for one context.
#[derive(Debug)]
pub(crate) struct Door {
    context: String,
    environment: Environment,
    held: Mutex<Held>,
    epochs: watch::Sender<u64>,
    /// Only one at a time signs in.
    signing_in: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Held {
    stamp: Stamp,
    target: Option<Target>,
    session: Option<Arc<Session>>,
    /// What is wrong with the files now, while an older target is still used.
    fault: Option<SourceError>,
    /// When the plugin failed last, and of what.
    failure: Option<(Instant, SourceError)>,
}

impl Door {
    pub(super) fn new(context: &str, environment: &Environment) -> Self {
        Self {
            context: context.to_owned(),
            environment: environment.clone(),
            held: Mutex::default(),
            epochs: watch::channel(0).0,
            signing_in: tokio::sync::Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells when the target became another one.
    pub(super) fn epochs(&self) -> watch::Receiver<u64> {
        self.epochs.subscribe()
    }

    /// What is wrong with the kubeconfig while what it said before is still used.
    pub(super) fn fault(&self) -> Option<SourceError> {
        self.lock().fault.clone()
    }

    /// The target as the files name it now. The files are read when they look otherwise than last time.
    pub(super) fn target(&self) -> Result<Target, SourceError> {
        let files = kubeconfig::files(&self.environment);
        let mut held = self.lock();
        let more = held.target.as_ref().map(Target::files).unwrap_or_default();
        let stamp = kubeconfig::stamp(files.iter().chain(&more));
        if stamp == held.stamp
            && let Some(target) = &held.target
        {
            return Ok(target.clone());
        }
        match Kubeconfig::read(&files).target(&self.context, &files) {
            Ok(target) => {
                // Certificates may be other ones behind the same path: any change of a file makes a new session.
                if held.target.is_some() {
                    self.epochs.send_modify(|epoch| *epoch += 1);
                }
                held.stamp = kubeconfig::stamp(files.iter().chain(&target.files()));
                held.session = None;
                held.fault = None;
                held.failure = None;
                held.target = Some(target.clone());
                Ok(target)
            }
            Err(error) => {
                held.stamp = stamp;
                held.fault = Some(error.clone());
                held.target.clone().ok_or(error)
            }
        }
    }

    /// Looks at the files for as long as it is polled.
    pub(super) async fn watch_files(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            if let Err(error) = self.target() {
                tracing::debug!(context = self.context, %error, "the kubeconfig cannot be used");
            }
        }
    }

    /// The command that will sign in, while it has not done so yet.
    pub(super) fn plugin_to_run(&self) -> Option<String> {
        let target = self.target().ok()?;
        let exec = target.user.exec.as_ref().filter(|_| needs_plugin(&target.user))?;
        self.lock().session.is_none().then(|| exec.shown())
    }

    /// A session that is good now.
    pub(super) async fn session(&self) -> Result<Arc<Session>, SourceError> {
        if let Some(session) = self.current()? {
            return Ok(session);
        }
        let _alone = self.signing_in.lock().await;
        if let Some(session) = self.current()? {
            return Ok(session);
        }
        let target = self.target()?;
        let credential = match target.user.exec.as_ref().filter(|_| needs_plugin(&target.user)) {
            Some(exec) => Some(self.run_plugin(exec, &target).await?),
            None => None,
        };
        let epoch = *self.epochs.borrow();
        let session = Arc::new(prepare(&target, credential, &self.environment, epoch)?);
        self.lock().session = Some(session.clone());
        Ok(session)
    }

    async fn run_plugin(&self, exec: &Exec, target: &Target) -> Result<Credential, SourceError> {
        if let Some((at, error)) = &self.lock().failure
            && at.elapsed() < AFTER_FAILURE
        {
            return Err(error.clone());
        }
        let answer = plugin::run(exec, &target.cluster, &self.environment).await;
        self.lock().failure = answer.as_ref().err().map(|error| (Instant::now(), error.clone()));
        answer
    }

    /// Forgets that the plugin failed: a person wants it tried now.
    pub(super) fn try_again(&self) {
        self.lock().failure = None;
    }

    fn current(&self) -> Result<Option<Arc<Session>>, SourceError> {
        self.target()?;
        let soon = Timestamp::now().checked_add(MARGIN).unwrap_or(Timestamp::MAX);
        let good = |session: &&Arc<Session>| session.expires.is_none_or(|expires| expires > soon);
        Ok(self.lock().session.as_ref().filter(good).cloned())
    }

    /// A session that signs in with nothing, to ask whether something answers without running a plugin.
    pub(super) fn unsigned(&self) -> Result<Session, SourceError> {
        let target = self.target()?;
        let user = if needs_plugin(&target.user) { User::default() } else { target.user.clone() };
        prepare(&Target { user, ..target }, None, &self.environment, 0)
    }

    /// Drops a session whose credential was refused. True when another try may help.
    pub(super) fn refused(&self, refused: &Arc<Session>) -> bool {
        let mut held = self.lock();
        if held.session.as_ref().is_some_and(|session| Arc::ptr_eq(session, refused)) {
            held.session = None;
        }
        refused.by_plugin
    }
}

/// Whether the plugin is what signs in: everything that stands in the file itself goes before it.
fn needs_plugin(user: &User) -> bool {
    let given =
        user.token.is_some() || user.token_file.is_some() || (user.username.is_some() && user.password.is_some());
    user.exec.is_some() && !given
}

fn prepare(
    target: &Target,
    credential: Option<Credential>,
    environment: &Environment,
    epoch: u64,
) -> Result<Session, SourceError> {
    let address = address_of(&target.cluster)?;
    let by_plugin = credential.is_some();
    let expires = credential.as_ref().and_then(|credential| credential.expires);
    let (token, identity) = match credential {
        Some(credential) => (credential.token, credential.identity),
        None => (target.user.token.clone(), None),
    };
    let Trust { tls, ca_pem, identity_pem } = trust_of(target, identity)?;
    let means = Means {
        ca_pem: ca_pem.as_ref(),
        identity_pem: identity_pem.as_ref(),
        proxy: target.cluster.proxy_url.as_ref().filter(|proxy| !proxy.expose().is_empty()),
        uncompressed: target.cluster.disable_compression,
        ..Means::default()
    };
    let wire = wire_by(SYSTEM, &address, &tls, means, environment)?;
    let http1 = wire_by(SYSTEM, &address, &tls, Means { http1_only: true, ..means }, environment)?;
    let mut headers = impersonation(&target.user)?;
    if let Some(value) = authorization(&target.user, token.as_ref())? {
        headers.insert(AUTHORIZATION, value);
    }
    if token.is_none() && target.user.auth_provider.as_ref().is_some_and(|provider| !provider.name.is_empty()) {
        return Err(no_provider(&target.user));
    }
    Ok(Session {
        wire,
        http1,
        shown: Arc::from(shown_address(&address)),
        peer: Arc::from(peer(&address)),
        namespace: Arc::from(target.namespace.as_str()),
        epoch,
        headers,
        token_file: target.user.token_file.clone().filter(|_| target.user.token.is_none()),
        expires,
        by_plugin,
    })
}

fn no_provider(user: &User) -> SourceError {
    let name = user.auth_provider.as_ref().map(|provider| provider.name.as_str()).unwrap_or_default();
    misconfigured(
        "signing in".to_owned(),
        format!("the kubeconfig names the auth-provider `{name}`, which Kubernetes took out in 1.26"),
        "Use the provider's own plugin (kubelogin, gke-gcloud-auth-plugin) as `exec` in the kubeconfig.",
    )
}

impl Session {
    /// What a request carries. A token file is read each time: whoever hands out tokens rewrites it.
    pub(super) fn headers(&self) -> Result<HeaderMap, SourceError> {
        let mut headers = self.headers.clone();
        if let Some(path) = &self.token_file {
            let unreadable = |came_back: String| {
                let hint = "See that the kubeconfig's tokenFile names a readable file with a token in it.";
                misconfigured(format!("reading the token file {}", path.display()), came_back, hint)
            };
            let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
            let value = bearer(&Secret::new(text.trim())).ok_or_else(|| unreadable("it is no token".to_owned()))?;
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
    }
}

fn address_of(cluster: &Cluster) -> Result<Url, SourceError> {
    let bad = |came_back: String| {
        let hint = "The cluster's server must be an address such as https://127.0.0.1:6443.";
        misconfigured(format!("using the server `{}`", cluster.server), came_back, hint)
    };
    let with_scheme =
        if cluster.server.contains("://") { cluster.server.clone() } else { format!("https://{}", cluster.server) };
    let address: Url = with_scheme.parse().map_err(|error: url::ParseError| bad(error.to_string()))?;
    match address.scheme() {
        "http" | "https" if address.has_host() => Ok(address),
        other => Err(bad(format!("`{other}` is not a way to reach it"))),
    }
}

/// Whom we trust and as whom we come, in files or inline.
struct Trust {
    tls: Tls,
    ca_pem: Option<Secret>,
    identity_pem: Option<Secret>,
}

fn trust_of(target: &Target, identity: Option<(Secret, Secret)>) -> Result<Trust, SourceError> {
    let (cluster, user) = (&target.cluster, &target.user);
    let ca_pem = cluster.certificate_authority_data.as_ref().filter(|data| !data.expose().is_empty());
    let ca_pem = ca_pem.map(|data| decoded("certificate-authority-data", data)).transpose()?;
    let inline = match (identity, &user.client_certificate_data, &user.client_key_data) {
        (Some(pair), ..) => Some(pair),
        (None, None, None) => None,
        // What is given inline goes before what is given as a path.
        (None, certificate, key) => {
            let certificate = part("client-certificate", certificate.as_ref(), user.client_certificate.as_ref())?;
            let key = part("client-key", key.as_ref(), user.client_key.as_ref())?;
            Some((certificate, key))
        }
    };
    let identity_pem =
        inline.map(|(certificate, key)| Secret::new(&format!("{}\n{}", certificate.expose(), key.expose())));
    let tls = Tls {
        ca_file: cluster.certificate_authority.clone().filter(|_| ca_pem.is_none()),
        ca_folder: None,
        client_cert: user.client_certificate.clone().filter(|_| identity_pem.is_none()),
        client_key: user.client_key.clone().filter(|_| identity_pem.is_none()),
        server_name: cluster.tls_server_name.clone().filter(|name| !name.is_empty()),
        accept_any: cluster.insecure_skip_tls_verify,
    };
    Ok(Trust { tls, ca_pem, identity_pem })
}

/// A certificate or key that stands inline or in a file.
fn part(what: &str, inline: Option<&Secret>, path: Option<&PathBuf>) -> Result<Secret, SourceError> {
    if let Some(data) = inline {
        return decoded(what, data);
    }
    let Some(path) = path else {
        let came_back = format!("there is no {what}");
        return Err(misconfigured(
            "preparing the client certificate".to_owned(),
            came_back,
            "Give both the certificate and its key.",
        ));
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        misconfigured(format!("reading {}", path.display()), error.to_string(), "See that the path is right.")
    })?;
    Ok(Secret::new(&text))
}

fn decoded(what: &str, data: &Secret) -> Result<Secret, SourceError> {
    let plain: String = data.expose().chars().filter(|c| !c.is_whitespace()).collect();
    let text = STANDARD.decode(plain).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let broken = || {
        let hint = "It must be a PEM file in base64.";
        misconfigured(format!("reading the kubeconfig's {what}"), "it is not base64 of text".to_owned(), hint)
    };
    Ok(Secret::new(&text.ok_or_else(broken)?))
}

fn authorization(user: &User, token: Option<&Secret>) -> Result<Option<HeaderValue>, SourceError> {
    let unusable = |what: &str| {
        let hint = "Renew it: it holds characters that no header may have.";
        misconfigured("signing in".to_owned(), format!("the {what} of the kubeconfig cannot be sent"), hint)
    };
    match (token.filter(|token| !token.expose().is_empty()), &user.username, &user.password) {
        (Some(token), ..) => bearer(token).map(Some).ok_or_else(|| unusable("token")),
        (None, Some(name), Some(password)) if user.token_file.is_none() => {
            let basic = Secret::new(&format!("Basic {}", STANDARD.encode(format!("{name}:{}", password.expose()))));
            basic.header().map(Some).ok_or_else(|| unusable("password"))
        }
        _ => Ok(None),
    }
}

fn bearer(token: &Secret) -> Option<HeaderValue> {
    if token.expose().is_empty() {
        return None;
    }
    Secret::new(&format!("Bearer {}", token.expose())).header()
}

/// Headers that ask to be treated as somebody else
/// (<https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation>).
fn impersonation(user: &User) -> Result<HeaderMap, SourceError> {
    let mut headers = HeaderMap::new();
    let mut add = |name: &str, value: &str| -> Option<()> {
        headers.append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?);
        Some(())
    };
    let mut added = Some(());
    let Some(name) = user.impersonate.as_deref().filter(|name| !name.is_empty()) else { return Ok(HeaderMap::new()) };
    added = added.and_then(|()| add("impersonate-user", name));
    if let Some(uid) = &user.impersonate_uid {
        added = added.and_then(|()| add("impersonate-uid", uid));
    }
    for group in user.impersonate_groups.iter().flatten() {
        added = added.and_then(|()| add("impersonate-group", group));
    }
    for (key, values) in user.impersonate_extra.iter().flatten() {
        let key = super::api::segment(key);
        for value in values {
            added = added.and_then(|()| add(&format!("impersonate-extra-{key}"), value));
        }
    }
    added.map(|()| headers).ok_or_else(|| {
        let came_back = format!("the kubeconfig's `as: {name}` cannot be sent");
        misconfigured("impersonating".to_owned(), came_back, "Correct the names of the user and its groups.")
    })
}

/// What a refusal of who we are means.
pub(super) fn unauthenticated_hint(session: &Session) -> &'static str {
    if session.by_plugin {
        "Sign in anew with the plugin that the kubeconfig names, in a terminal."
    } else {
        "The kubeconfig's token or certificate has expired or was withdrawn: renew it (`minikube update-context`, or your \
         provider's own command)."
    }
}
