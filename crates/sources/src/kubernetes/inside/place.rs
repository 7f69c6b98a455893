//! A place inside a cluster, as a person writes it: `kube://CONTEXT/NAMESPACE/SERVICE:PORT/PATH`.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::error::{ErrorKind, SourceError};
use crate::http::shorten;

const PLAIN: &str = "kube://";
const WITH_TLS: &str = "kube+https://";
/// What stays as it is in a context's name.
const CONTEXT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const HINT: &str = "Name it as kube://CONTEXT/NAMESPACE/SERVICE:PORT, or kube+https://… where the Service speaks TLS; PORT is a \
                    number or a name, and / : and @ in the context's name are %2F, %3A and %40.";

/// A port of a Service inside a cluster that speaks HTTP.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The context that reaches the cluster.
    pub context: String,
    /// The Service's namespace.
    pub namespace: String,
    /// The Service's name.
    pub service: String,
    /// The Service's port, by number or by name.
    pub port: String,
    /// Whether TLS is spoken at that port.
    pub tls: bool,
    /// What stands before every path that is asked for; empty, or with a `/` in front and none at the end.
    pub path: String,
    /// The way that a person chose; `None` leaves it to Binnacle.
    pub way: Option<Way>,
}

/// How requests get into a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// The API server passes them on to the Service
    /// (<https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/>).
    Proxy,
    /// The API server opens a stream to a port of a Pod behind the Service
    /// (<https://kubernetes.io/docs/tasks/access-application-cluster/port-forward-access-application-cluster/>).
    Forward,
}

impl Way {
    /// The word of `?way=`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::Forward => "forward",
        }
    }

    /// As people say it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Proxy => "service proxy",
            Self::Forward => "port-forward",
        }
    }
}

impl Place {
    /// Whether a text means a place inside a cluster at all.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(PLAIN) || text.starts_with(WITH_TLS)
    }

    /// Reads one. Namespace, Service and port must be names that Kubernetes itself takes, so that none can be a path to
    /// somewhere else.
    pub(crate) fn parse(system: &'static str, text: &str) -> Result<Self, SourceError> {
        let refused = |why: String| SourceError {
            system,
            kind: ErrorKind::Misconfigured,
            tried: format!(
                "reading `{}` as a place inside a cluster",
                shorten(text.rsplit('@').next().unwrap_or_default())
            ),
            came_back: why,
            hint: HINT.to_owned(),
        };
        let (tls, rest) = match (text.strip_prefix(PLAIN), text.strip_prefix(WITH_TLS)) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err(refused("it does not begin with kube://".to_owned())),
        };
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let way = query.map(chosen).transpose().map_err(&refused)?;
        let mut parts = rest.splitn(4, '/');
        let mut part = |what: &str| {
            parts.next().filter(|part| !part.is_empty()).ok_or_else(|| refused(format!("it names no {what}")))
        };
        let context = part("context")?;
        if context.contains('@') {
            return Err(refused("there is an @ in the context's name".to_owned()));
        }
        let context = percent_decode_str(context).decode_utf8();
        let context = context.map_err(|_| refused("the context's name is not text".to_owned()))?.into_owned();
        let namespace = part("namespace")?;
        let (service, port) = part("service")?.split_once(':').unwrap_or((part_of_no_port(rest), ""));
        for (what, name) in [("namespace", namespace), ("service", service)] {
            if !is_label(name) {
                return Err(refused(format!("`{}` is not the name of a {what}", shorten(name))));
            }
        }
        if !is_port(port) {
            return Err(refused(format!("`{}` is not a port", shorten(port))));
        }
        let path = parts.next().unwrap_or_default();
        let path = path_of(path).ok_or_else(|| refused("its path leads out of itself".to_owned()))?;
        let owned = str::to_owned;
        Ok(Self { context, namespace: owned(namespace), service: owned(service), port: owned(port), tls, path, way })
    }

    /// What is spoken at the port: `http` or `https`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// The host by which the cluster's own DNS knows the Service.
    pub(crate) fn host(&self) -> String {
        format!("{}.{}.svc", self.service, self.namespace)
    }

    /// `NAMESPACE/SERVICE:PORT`.
    pub fn shown_service(&self) -> String {
        format!("{}/{}:{}", self.namespace, self.service, self.port)
    }

    /// The place as it stands in ids, without the scheme: `CONTEXT/NAMESPACE/SERVICE:PORT/PATH`.
    pub(crate) fn short(&self) -> String {
        let context = utf8_percent_encode(&self.context, CONTEXT);
        format!("{context}/{}{}", self.shown_service(), self.path)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.tls { WITH_TLS } else { PLAIN }, self.short())?;
        self.way.map_or(Ok(()), |way| write!(f, "?way={}", way.word()))
    }
}

/// What stands where `SERVICE:PORT` should, for the complaint about it.
fn part_of_no_port(rest: &str) -> &str {
    rest.split('/').nth(2).unwrap_or_default()
}

fn chosen(query: &str) -> Result<Way, String> {
    match query {
        "way=proxy" => Ok(Way::Proxy),
        "way=forward" => Ok(Way::Forward),
        other => Err(format!("`?{}` is neither ?way=proxy nor ?way=forward", shorten(other))),
    }
}

/// A DNS label, as namespaces and Services are named.
pub(crate) fn is_label(name: &str) -> bool {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    (1..=63).contains(&name.len())
        && name.bytes().all(|c| plain(c) || c == b'-')
        && name.bytes().next().is_some_and(plain)
        && name.bytes().last().is_some_and(plain)
}

/// A number from 1 to 65535, or the name of a port.
fn is_port(port: &str) -> bool {
    let is_number = port.bytes().all(|c| c.is_ascii_digit());
    if is_number { port.parse::<u16>().is_ok_and(|number| number > 0) } else { is_label(port) }
}

/// A path that stays below itself, however it is read.
fn path_of(path: &str) -> Option<String> {
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Some(String::new());
    }
    let is_step = |part: &str| {
        let read = percent_decode_str(part).decode_utf8_lossy();
        matches!(&*read, "." | "..") || read.contains('\\')
    };
    let stays = !path.split('/').any(is_step) && path.bytes().all(|c| c.is_ascii_graphic() && c != b'#');
    stays.then(|| format!("/{path}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(text: &str) -> Result<Place, SourceError> {
        Place::parse("consul", text)
    }

    #[test]
    fn a_place_is_read_as_people_write_it() {
        let read = place("kube://minikube/consul/consul-server:http").unwrap();
        assert_eq!(
            (&*read.context, &*read.namespace, &*read.service, &*read.port),
            ("minikube", "consul", "consul-server", "http")
        );
        assert_eq!((read.tls, &*read.path, read.way), (false, "", None));
        let read = place("kube+https://arn:aws:eks:eu%2Fprod%40x/a/b:8501/below/?way=forward").unwrap();
        assert_eq!((&*read.context, &*read.port, read.tls), ("arn:aws:eks:eu/prod@x", "8501", true));
        assert_eq!((&*read.path, read.way), ("/below", Some(Way::Forward)));
        assert_eq!(read.to_string(), "kube+https://arn%3Aaws%3Aeks%3Aeu%2Fprod%40x/a/b:8501/below?way=forward");
    }

    #[test]
    fn what_is_no_place_is_refused_with_a_code_and_a_hint() {
        for text in [
            "kube://",
            "kube://minikube",
            "kube://minikube/ns",
            "kube://minikube/ns/web",
            "kube://minikube/ns/web:",
            "kube://minikube/ns/web:0",
            "kube://minikube/ns/web:70000",
            "kube://minikube/../web:80",
            "kube://minikube/ns/we%2Fb:80",
            "kube://minikube/ns/Web:80",
            "kube://me@minikube/ns/web:80",
            "kube://minikube/ns/web:80/..",
            "kube://minikube/ns/web:80/a/%2e%2E/b",
            "kube://minikube/ns/web:80/a\\..",
            "kube://minikube/ns/web:80?way=other",
            "kube://%ff/ns/web:80",
            "kube://minikube/ns/web:80/a#b",
        ] {
            let error = place(text).unwrap_err();
            assert_eq!(error.code(), "consul.misconfigured", "{text}");
            assert!(error.hint.contains("kube://CONTEXT"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_was_read_is_written_as_it_is_read(context in "\\PC{1,20}", namespace in "[a-z]([a-z0-9-]{0,9}[a-z0-9])?", port in 1..=u16::MAX, tls: bool) {
            let place = Place { context, namespace: namespace.clone(), service: namespace, port: port.to_string(), tls, path: String::new(), way: None };
            prop_assert_eq!(Place::parse("x", &place.to_string()).unwrap(), place);
        }

        #[test]
        fn no_text_makes_it_panic(text in "kube://\\PC{0,40}") {
            let _ = place(&text);
        }
    }
}
