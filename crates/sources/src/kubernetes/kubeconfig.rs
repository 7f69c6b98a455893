//! Kubeconfig files: which cluster and which user a context names
//! (<https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/>).
//!
//! `$KUBECONFIG` is a list of files; the first one that names a cluster, a user or a context wins. Paths in a file are
//! relative to that file. Nothing of a file is ever printed but names, addresses and the command of a plugin.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

use super::{IN_CLUSTER, misconfigured};
use crate::environment::Environment;
use crate::error::SourceError;
use crate::secret::Secret;

/// What a Pod is given to speak to its own cluster
/// (<https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/>).
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// No kubeconfig that a person has is larger.
const LARGEST: u64 = 16 * 1024 * 1024;

/// A context: a cluster, a user and a namespace under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Its name, unique among all files.
    pub name: String,
    /// The file that names it.
    pub file: PathBuf,
    /// The API server's address, where the cluster is known.
    pub server: Option<String>,
    /// The namespace that it works in.
    pub namespace: String,
    /// The command that signs in, where there is one. It is not run by listing it.
    pub plugin: Option<String>,
    /// True for the context that `kubectl` uses.
    pub current: bool,
}

/// Everything that a context says about how its cluster is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) cluster: Cluster,
    pub(super) user: User,
    /// The namespace to fall back to when nothing may be read across all of them.
    pub(super) namespace: String,
}

/// A cluster's part of a kubeconfig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Cluster {
    pub(super) server: String,
    pub(super) certificate_authority: Option<PathBuf>,
    pub(super) certificate_authority_data: Option<Secret>,
    pub(super) insecure_skip_tls_verify: bool,
    pub(super) tls_server_name: Option<String>,
    pub(super) proxy_url: Option<Secret>,
    pub(super) disable_compression: bool,
}

/// A user's part of a kubeconfig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct User {
    pub(super) client_certificate: Option<PathBuf>,
    pub(super) client_certificate_data: Option<Secret>,
    pub(super) client_key: Option<PathBuf>,
    pub(super) client_key_data: Option<Secret>,
    pub(super) token: Option<Secret>,
    #[serde(rename = "tokenFile")]
    pub(super) token_file: Option<PathBuf>,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    #[serde(rename = "as")]
    pub(super) impersonate: Option<String>,
    #[serde(rename = "as-uid")]
    pub(super) impersonate_uid: Option<String>,
    #[serde(rename = "as-groups")]
    pub(super) impersonate_groups: Option<Vec<String>>,
    #[serde(rename = "as-user-extra")]
    pub(super) impersonate_extra: Option<BTreeMap<String, Vec<String>>>,
    pub(super) exec: Option<Exec>,
    pub(super) auth_provider: Option<AuthProvider>,
}

/// A program that signs in, see [`super::plugin`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Exec {
    pub(super) api_version: String,
    pub(super) command: String,
    pub(super) args: Option<Vec<String>>,
    pub(super) env: Option<Vec<ExecVariable>>,
    pub(super) interactive_mode: Option<String>,
    pub(super) provide_cluster_info: bool,
    pub(super) install_hint: Option<String>,
    /// The folder of the file that names it: a command with a slash in it is relative to this.
    #[serde(skip)]
    pub(super) folder: PathBuf,
}

/// A variable that a plugin is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct ExecVariable {
    pub(super) name: String,
    pub(super) value: Option<Secret>,
}

/// A way of signing in that Kubernetes took out in 1.26.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct AuthProvider {
    pub(super) name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct File {
    clusters: Option<Vec<Named<Cluster>>>,
    users: Option<Vec<Named<User>>>,
    contexts: Option<Vec<Named<ContextEntry>>>,
    current_context: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Named<T> {
    #[serde(default)]
    name: String,
    #[serde(alias = "cluster", alias = "user", alias = "context")]
    content: Option<T>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ContextEntry {
    cluster: String,
    user: String,
    namespace: Option<String>,
}

/// By what a file is recognised as unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp(Vec<(PathBuf, Option<(SystemTime, u64)>)>);

/// All kubeconfig files of one environment, read at one moment.
#[derive(Debug, Default)]
pub(super) struct Kubeconfig {
    clusters: BTreeMap<String, Cluster>,
    users: BTreeMap<String, User>,
    contexts: BTreeMap<String, (ContextEntry, PathBuf)>,
    current: Option<String>,
    /// Files that are there and could not be read. The others are used all the same.
    pub(super) faults: Vec<SourceError>,
}

/// The files that `kubectl` would read here, in its order.
pub(super) fn files(environment: &Environment) -> Vec<PathBuf> {
    match (environment.get("KUBECONFIG"), environment.get("HOME")) {
        (Some(list), _) => std::env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect(),
        (None, Some(home)) => vec![Path::new(home).join(".kube/config")],
        (None, None) => Vec::new(),
    }
}

/// What the files look like from outside; another stamp means that they are to be read again.
pub(super) fn stamp<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> Stamp {
    let look = |path: &PathBuf| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len()))
    };
    Stamp(files.into_iter().map(|path| (path.clone(), look(path))).collect())
}

/// Every context that is named here, with what came of reading the files.
pub fn contexts(environment: &Environment) -> (Vec<Context>, Vec<SourceError>) {
    let config = Kubeconfig::read(&files(environment));
    let mut all: Vec<Context> = config.contexts.iter().map(|(name, entry)| config.context(name, entry)).collect();
    all.sort_by_key(|context| !context.current);
    (all, config.faults)
}

impl Kubeconfig {
    /// Reads the files. One that is not there counts as empty, as the field's tools have it.
    pub(super) fn read(files: &[PathBuf]) -> Self {
        let mut merged = Self::default();
        for path in files {
            match read_file(path) {
                Ok(Some(file)) => merged.add(file, path),
                Ok(None) => {}
                Err(error) => merged.faults.push(error),
            }
        }
        merged
    }

    fn add(&mut self, file: File, path: &Path) {
        let folder = path.parent().unwrap_or(Path::new(""));
        for Named { name, content } in file.clusters.into_iter().flatten() {
            self.clusters.entry(name).or_insert_with(|| content.unwrap_or_default().relative_to(folder));
        }
        for Named { name, content } in file.users.into_iter().flatten() {
            self.users.entry(name).or_insert_with(|| content.unwrap_or_default().relative_to(folder));
        }
        for Named { name, content } in file.contexts.into_iter().flatten() {
            self.contexts.entry(name).or_insert_with(|| (content.unwrap_or_default(), path.to_owned()));
        }
        if self.current.is_none() {
            self.current = file.current_context.filter(|name| !name.is_empty());
        }
    }

    fn context(&self, name: &str, (entry, file): &(ContextEntry, PathBuf)) -> Context {
        let plugin = self.users.get(&entry.user).and_then(|user| user.exec.as_ref());
        Context {
            name: name.to_owned(),
            file: file.clone(),
            server: self.clusters.get(&entry.cluster).map(|cluster| cluster.server.clone()),
            namespace: namespace_of(entry),
            plugin: plugin.map(Exec::shown),
            current: self.current.as_deref() == Some(name),
        }
    }

    /// What a context names.
    pub(super) fn target(&self, context: &str, files: &[PathBuf]) -> Result<Target, SourceError> {
        let tried = || format!("looking for the context `{context}`");
        let Some((entry, file)) = self.contexts.get(context) else {
            if context == IN_CLUSTER {
                return in_cluster();
            }
            // A file that cannot be read may be the one that has it.
            if let Some(fault) = self.faults.first() {
                return Err(fault.clone());
            }
            return Err(misconfigured(tried(), self.no_such(files), "See `kubectl config get-contexts`."));
        };
        let missing = |what: &str, name: &str| {
            misconfigured(
                tried(),
                format!("{} names the {what} `{name}`, which no file has", file.display()),
                "Correct the kubeconfig, or see that all its files stand in $KUBECONFIG.",
            )
        };
        let cluster = self.clusters.get(&entry.cluster).ok_or_else(|| missing("cluster", &entry.cluster))?;
        if cluster.server.is_empty() {
            return Err(misconfigured(
                tried(),
                format!("the cluster `{}` has no server", entry.cluster),
                "Correct the kubeconfig.",
            ));
        }
        let user = match entry.user.as_str() {
            "" => User::default(),
            name => self.users.get(name).cloned().ok_or_else(|| missing("user", name))?,
        };
        Ok(Target { cluster: cluster.clone(), user, namespace: namespace_of(entry) })
    }

    fn no_such(&self, files: &[PathBuf]) -> String {
        let places: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
        let places = if places.is_empty() { "no kubeconfig file".to_owned() } else { places.join(", ") };
        if self.contexts.is_empty() {
            return format!("there are no contexts in {places}");
        }
        let names: Vec<&str> = self.contexts.keys().take(12).map(String::as_str).collect();
        format!("it is not in {places}; there are: {}", names.join(", "))
    }
}

fn namespace_of(entry: &ContextEntry) -> String {
    entry.namespace.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| "default".to_owned())
}

fn read_file(path: &Path) -> Result<Option<File>, SourceError> {
    let unreadable = |came_back: String| {
        misconfigured(
            format!("reading the kubeconfig {}", path.display()),
            came_back,
            "See `kubectl config view`; contexts of other files are used all the same.",
        )
    };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error.to_string())),
        Ok(found) if found.is_dir() => return Err(unreadable("it is a folder".to_owned())),
        Ok(found) if found.len() > LARGEST => return Err(unreadable("it is larger than 16 MiB".to_owned())),
        Ok(_) => {}
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    // Only the place is told: the words of the parser may repeat what stands there, and that may be a secret.
    let parsed: Result<Option<File>, _> = serde_saphyr::from_str(&text);
    parsed.map_err(|error| {
        unreadable(match error.location() {
            Some(place) => format!("line {} is not what a kubeconfig has there", place.line()),
            None => "it is not a kubeconfig".to_owned(),
        })
    })
}

impl Cluster {
    fn relative_to(mut self, folder: &Path) -> Self {
        place(&mut self.certificate_authority, folder);
        self
    }
}

impl User {
    fn relative_to(mut self, folder: &Path) -> Self {
        place(&mut self.client_certificate, folder);
        place(&mut self.client_key, folder);
        place(&mut self.token_file, folder);
        if let Some(exec) = &mut self.exec {
            folder.clone_into(&mut exec.folder);
        }
        self
    }
}

/// A path in a file is relative to the file; an empty one is none.
fn place(path: &mut Option<PathBuf>, folder: &Path) {
    *path = path.take().filter(|path| !path.as_os_str().is_empty()).map(|path| folder.join(path));
}

impl Exec {
    /// The command as a person would type it, without the values of its variables.
    pub(super) fn shown(&self) -> String {
        let words = std::iter::once(&self.command).chain(self.args.iter().flatten());
        let quoted = words.map(|word| {
            let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c));
            if plain { word.clone() } else { format!("'{}'", word.replace('\'', r"'\''")) }
        });
        crate::http::shorten(&quoted.collect::<Vec<_>>().join(" "))
    }
}

impl Target {
    /// The files that the target is made of, beside the kubeconfig itself.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let user = [&self.user.client_certificate, &self.user.client_key];
        user.into_iter().chain([&self.cluster.certificate_authority]).flatten().cloned().collect()
    }
}

/// The cluster that this process itself runs in.
fn in_cluster() -> Result<Target, SourceError> {
    let folder = Path::new(SERVICE_ACCOUNT);
    let token_file = folder.join("token");
    if !token_file.exists() {
        return Err(misconfigured(
            "looking for the cluster that this process runs in".to_owned(),
            format!("{} is not there, and no kubeconfig has a context of the name {IN_CLUSTER}", token_file.display()),
            "Name a context; see `kubectl config get-contexts`.",
        ));
    }
    let namespace = std::fs::read_to_string(folder.join("namespace")).unwrap_or_default();
    let cluster = Cluster {
        server: "https://kubernetes.default.svc".to_owned(),
        certificate_authority: Some(folder.join("ca.crt")),
        ..Cluster::default()
    };
    let namespace = Some(namespace.trim().to_owned()).filter(|name| !name.is_empty());
    Ok(Target {
        cluster,
        user: User { token_file: Some(token_file), ..User::default() },
        namespace: namespace.unwrap_or_else(|| "default".to_owned()),
    })
}
