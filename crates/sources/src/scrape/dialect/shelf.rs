//! The dialects that are read with: those that come with Binnacle, and the user's own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use super::{Dialect, DialectError, MetricName, Reads, Series};
use crate::environment::Environment;
use crate::error::{ErrorKind, SourceError};
use crate::scrape::exposition::Interest;

include!(concat!(env!("OUT_DIR"), "/dialects.rs"));

/// A dialect is some kilobytes; a file that is larger is none.
const LARGEST_FILE: u64 = 256 * 1024;

/// Where a dialect comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// It comes with Binnacle; its file's name.
    BuiltIn(&'static str),
    /// It is the user's own.
    Own(PathBuf),
}

/// One dialect of the list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The dialect.
    pub dialect: Arc<Dialect>,
    /// Where it comes from.
    pub place: Place,
}

/// Some dialects, and what they read altogether.
#[derive(Clone, Debug, Default)]
pub struct Dialects {
    all: Arc<[Listed]>,
    faults: Arc<[DialectError]>,
    names: Arc<Names>,
}

#[derive(Debug, Default)]
struct Names {
    growth: BTreeSet<MetricName>,
    values: BTreeSet<MetricName>,
    /// Those with a `*` in them.
    open: Vec<(MetricName, Interest)>,
}

impl Names {
    fn of(all: &[Listed]) -> Self {
        let mut names = Self::default();
        for (series, reads) in all.iter().flat_map(|one| one.dialect.series()) {
            for name in &series.names {
                match reads {
                    Reads::Growth | Reads::Both => names.add(name.clone(), Interest::Count),
                    Reads::Value | Reads::Quantiles => names.add(name.clone(), Interest::Value),
                    Reads::Buckets => names.add(name.ending("_bucket"), Interest::Count),
                }
            }
        }
        names
    }

    fn add(&mut self, name: MetricName, interest: Interest) {
        match (name.around().is_some(), interest) {
            (true, _) => self.open.push((name, interest)),
            (false, Interest::Count) => drop(self.growth.insert(name)),
            (false, Interest::Value) => drop(self.values.insert(name)),
        }
    }

    fn interest(&self, name: &str) -> Option<Interest> {
        let has = |set: &BTreeSet<MetricName>| set.contains(name);
        if has(&self.growth) {
            return Some(Interest::Count);
        }
        if has(&self.values) {
            return Some(Interest::Value);
        }
        self.open.iter().find(|(open, _)| open.fits(name)).map(|(_, interest)| *interest)
    }
}

impl Dialects {
    /// These and no other.
    pub fn new(all: Vec<Listed>, faults: Vec<DialectError>) -> Self {
        let names = Arc::new(Names::of(&all));
        Self { all: Arc::from(all), faults: Arc::from(faults), names }
    }

    /// The dialects that come with Binnacle.
    pub fn built_in() -> Self {
        static BUILT: LazyLock<Dialects> = LazyLock::new(|| {
            let mut faults = Vec::new();
            let mut all = Vec::new();
            for (file, text) in BUILT_IN {
                match Dialect::parse(file, text) {
                    Ok(dialect) => all.push(Listed { dialect: Arc::new(dialect), place: Place::BuiltIn(file) }),
                    Err(error) => faults.push(error),
                }
            }
            Dialects::new(all, faults)
        });
        BUILT.clone()
    }

    /// Those, and the user's own in `$XDG_CONFIG_HOME/binnacle/dialects/`. One of the user's stands in place of one of the
    /// same name. A file that is none is left out, and told in [`Self::faults`].
    pub fn of(environment: &Environment) -> Self {
        let built_in = Self::built_in();
        let Some(folder) = folder(environment) else { return built_in };
        let (own, faults) = own(&folder);
        if own.is_empty() && faults.is_empty() {
            return built_in;
        }
        let is_replaced = |one: &Listed| own.iter().any(|own| own.dialect.name == one.dialect.name);
        let kept = built_in.all.iter().filter(|one| !is_replaced(one)).cloned();
        let kept: Vec<Listed> = kept.chain(own.iter().cloned()).collect();
        Self::new(kept, faults)
    }

    /// Some of them, and none of the faults.
    #[must_use]
    pub fn only(&self, which: impl Fn(&Dialect) -> bool) -> Self {
        Self::new(self.all.iter().filter(|one| which(&one.dialect)).cloned().collect(), Vec::new())
    }

    /// Whether the types that processes declare mean anything for some series, by [`Series::id`].
    pub fn tells_types(&self, series: &str) -> bool {
        let name = series.split('/').next();
        self.iter().find(|one| name == Some(&*one.name)).is_none_or(|one| one.types)
    }

    /// All of them, with where they come from.
    pub fn listed(&self) -> &[Listed] {
        &self.all
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Dialect> {
        self.all.iter().map(|one| &*one.dialect)
    }

    /// The user's files that are none.
    pub fn faults(&self) -> &[DialectError] {
        &self.faults
    }

    /// What a source says of the user's files that are none; `None` when all are.
    pub(crate) fn complaint(&self, system: &'static str) -> Option<SourceError> {
        let told: Vec<String> = self.faults.iter().map(ToString::to_string).collect();
        (!told.is_empty()).then(|| SourceError {
            system,
            kind: ErrorKind::Misconfigured,
            tried: "reading your dialects".to_owned(),
            came_back: crate::http::shorten(&told.join("; ")),
            hint: "It is left out, the others are read. `binnaclectl dialect check FILE` looks at it again.".to_owned(),
        })
    }

    /// Whether a line with this name is of interest, and for what.
    pub fn interest(&self, name: &str) -> Option<Interest> {
        self.names.interest(name)
    }

    /// Everything that they read, and for what.
    pub fn series(&self) -> impl Iterator<Item = (&Series, Reads)> {
        self.iter().flat_map(Dialect::series)
    }
}

/// Where the user's own dialects are; `None` when there is no home.
pub fn folder(environment: &Environment) -> Option<PathBuf> {
    let absolute = |name: &str| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(config.join("binnacle").join("dialects"))
}

/// The user's own dialects, by their files' names, and the files that are none.
fn own(folder: &Path) -> (Vec<Listed>, Vec<DialectError>) {
    let unreadable =
        |path: &Path, what: String| DialectError { file: path.display().to_string(), line: 1, column: 1, what };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Default::default(),
        Err(error) => return (Vec::new(), vec![unreadable(folder, error.to_string())]),
    };
    let is_dialect = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "toml");
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_dialect).collect();
    paths.sort();
    let (mut all, mut faults) = (Vec::<Listed>::new(), Vec::new());
    for path in paths {
        match read(&path) {
            Ok(dialect) => {
                let twice = all.iter().find(|one| one.dialect.name == dialect.name).map(|one| one.place.clone());
                if let Some(Place::Own(other)) = twice {
                    faults.push(unreadable(&path, format!("{} is called `{}` as well", other.display(), dialect.name)));
                    continue;
                }
                all.push(Listed { dialect: Arc::new(dialect), place: Place::Own(path) });
            }
            Err(error) => faults.push(error),
        }
    }
    (all, faults)
}

/// Reads one file.
pub fn read(path: &Path) -> Result<Dialect, DialectError> {
    let file = path.display().to_string();
    let unreadable = |what: String| DialectError { file: file.clone(), line: 1, column: 1, what };
    let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if size > LARGEST_FILE {
        return Err(unreadable(format!("it has {size} bytes; at most {LARGEST_FILE} are read")));
    }
    let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8".to_owned()))?;
    Dialect::parse(&file, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "name = \"own\"\ntitle = \"Own\"\n[[calls]]\ntotal = \"own_total\"\ncallee = \"to\"\n";

    #[test]
    fn the_users_files_are_read_and_one_that_is_none_harms_no_other() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("binnacle/dialects");
        std::fs::create_dir_all(&folder).unwrap();
        let environment = Environment::default().with("XDG_CONFIG_HOME", home.path().display().to_string());
        assert_eq!(Dialects::of(&environment).listed().len(), Dialects::built_in().listed().len());

        std::fs::write(folder.join("own.toml"), OWN).unwrap();
        std::fs::write(folder.join("twin.toml"), OWN).unwrap();
        std::fs::write(folder.join("broken.toml"), "name = \"x\"\ntitle = 3\n").unwrap();
        std::fs::write(folder.join("latin.toml"), b"name = \"\xff\"").unwrap();
        std::fs::write(folder.join("notes.txt"), "not one").unwrap();
        std::fs::write(folder.join("istio.toml"), OWN.replace("own", "istio")).unwrap();

        let dialects = Dialects::of(&environment);
        assert_eq!(dialects.listed().len(), Dialects::built_in().listed().len() + 1);
        assert_eq!(dialects.interest("own_total"), Some(Interest::Count));
        assert_eq!(
            (dialects.interest("istio_total").is_some(), dialects.interest("istio_requests_total")),
            (true, None)
        );
        let faults: Vec<String> = dialects.faults().iter().map(ToString::to_string).collect();
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].contains("broken.toml:2:9: invalid type"), "{faults:?}");
        assert!(
            faults[1].contains("latin.toml:1:1: it is not UTF-8") && faults[2].contains("is called `own` as well"),
            "{faults:?}"
        );
        let complaint = dialects.complaint("prometheus").unwrap();
        assert!(complaint.code() == "prometheus.misconfigured" && complaint.came_back.contains("broken.toml:2:9"));
    }
}
