//! Text → profile. Pure; by hand, since a general parser's messages repeat the value that they complain of.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use binnacle_model::id::SourceKind;
use binnacle_sources::ConnectionSpec;
use toml_edit::{Document, Item, Key, Table};

use super::{ContentFault, Misread, Position, Profile, ProfileName, ProfileSource, SETTINGS};
use crate::edits::{Rules, Sensitive};

const TOP: [&str; 3] = ["read_only", "sensitive", "source"];
const AT: &str = "at";

/// Reads the text of a profile.
pub fn parse(name: ProfileName, text: &str) -> Result<Profile, Misread> {
    let document = Document::parse(text).map_err(|error| Misread {
        at: position(text, error.span()),
        fault: ContentFault::NotToml(error.message().to_owned()),
    })?;
    let top = Section { text, table: document.as_table() };
    top.only(&TOP)?;
    let rules = Rules { read_only: top.flag("read_only")?, sensitive: top.texts("sensitive")? };
    Ok(Profile { name, rules, sources: sources(&top)? })
}

fn sources(top: &Section<'_>) -> Result<Vec<ProfileSource>, Misread> {
    let Some(item) = top.table.get("source") else {
        return Err(Misread {
            at: position(top.text, None),
            fault: bad("source", "is missing: begin one with [[source]]"),
        });
    };
    let tables = item.as_array_of_tables().ok_or_else(|| top.wrong("source", "is begun with [[source]]"))?;
    let mut sources = Vec::with_capacity(tables.len());
    let mut seen = BTreeSet::new();
    for table in tables {
        let section = Section { text: top.text, table };
        let source = section.source()?;
        if !seen.insert(source.spec.clone()) {
            return Err(section.wrong(AT, "is in the profile already"));
        }
        sources.push(source);
    }
    Ok(sources)
}

/// A table of the file, and the file.
struct Section<'a> {
    text: &'a str,
    table: &'a Table,
}

impl Section<'_> {
    fn source(&self) -> Result<ProfileSource, Misread> {
        let known: Vec<&str> = [AT].into_iter().chain(SETTINGS.map(|setting| setting.key)).collect();
        self.only(&known)?;
        let spec = self.spec()?;
        let mut settings = BTreeMap::new();
        for setting in SETTINGS {
            let Some(value) = self.string(setting.key)? else { continue };
            if spec.kind != SourceKind::Consul {
                return Err(self.wrong(setting.key, "is for a source of kind consul"));
            }
            if setting.is_path && !value.starts_with('/') && !value.starts_with("~/") {
                return Err(self.wrong(setting.key, "is the path of a file, from / or ~/"));
            }
            settings.insert(setting.key, value.to_owned());
        }
        for (one, other) in [("client_cert", "client_key"), ("client_key", "client_cert")] {
            if settings.contains_key(one) && !settings.contains_key(other) {
                return Err(self.wrong(one, "needs the other half: client_cert and client_key go together"));
            }
        }
        Ok(ProfileSource { spec, settings })
    }

    fn spec(&self) -> Result<ConnectionSpec, Misread> {
        let Some(text) = self.string(AT)? else {
            let at = position(self.text, self.table.span());
            return Err(Misread { at, fault: bad(AT, "is missing: it names what is read, as KIND=WHERE") });
        };
        if holds_secret(text) {
            return Err(self.misread(AT, ContentFault::Secret(AT.to_owned())));
        }
        text.parse().map_err(|_| self.wrong(AT, "is not KIND=WHERE, such as consul=http://127.0.0.1:8500"))
    }

    /// Refuses every key but these.
    fn only(&self, known: &[&'static str]) -> Result<(), Misread> {
        let Some((key, _)) = self.table.iter().find(|(key, _)| !known.contains(key)) else { return Ok(()) };
        let shown: String = key.chars().take(80).collect();
        let fault = if is_secret(key) {
            ContentFault::Secret(shown)
        } else {
            ContentFault::UnknownKey { key: shown, known: known.to_vec() }
        };
        Err(self.misread(key, fault))
    }

    fn flag(&self, key: &str) -> Result<bool, Misread> {
        let Some(item) = self.table.get(key) else { return Ok(false) };
        item.as_bool().ok_or_else(|| self.wrong(key, "is true or false"))
    }

    fn string(&self, key: &str) -> Result<Option<&str>, Misread> {
        let Some(item) = self.table.get(key) else { return Ok(None) };
        let text = item.as_str().filter(|text| is_plain(text));
        text.map(Some).ok_or_else(|| self.wrong(key, "is a text in quotes, on one line and not empty"))
    }

    fn texts(&self, key: &str) -> Result<Vec<String>, Misread> {
        let Some(item) = self.table.get(key) else { return Ok(Vec::new()) };
        let wrong = || self.wrong(key, "is a list of texts in quotes, none of them empty");
        let texts = item.as_array().ok_or_else(wrong)?.iter();
        texts.map(|text| text.as_str().filter(|text| is_plain(text)).map(str::to_owned).ok_or_else(wrong)).collect()
    }

    fn wrong(&self, key: &str, why: &str) -> Misread {
        self.misread(key, bad(key, why))
    }

    fn misread(&self, key: &str, fault: ContentFault) -> Misread {
        let span = self.table.key(key).and_then(Key::span).or_else(|| self.table.get(key).and_then(Item::span));
        Misread { at: position(self.text, span), fault }
    }
}

fn bad(key: &str, why: &str) -> ContentFault {
    ContentFault::BadValue { key: key.to_owned(), why: why.to_owned() }
}

fn is_plain(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control)
}

/// Whether a key is named as a secret is. One that names a file is only misspelt.
fn is_secret(key: &str) -> bool {
    let named = Sensitive::default().path(key) || key.to_lowercase().ends_with("auth");
    named && !key.ends_with("file")
}

/// Whether an address carries a password, or a token behind its `?`.
pub(crate) fn holds_secret(at: &str) -> bool {
    let (_, place) = at.split_once('=').unwrap_or(("", at));
    let (scheme, rest) = place.split_once("://").unwrap_or(("", place));
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let host = before.split('/').next().unwrap_or_default();
    let user = scheme != "unix" && host.contains('@');
    user || query.split('&').filter_map(|pair| pair.split('=').next()).any(is_secret)
}

fn position(text: &str, span: Option<Range<usize>>) -> Position {
    let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    Position { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
# The shop, as it runs.
read_only = true
sensitive = ["shop/private/", "billing/"]

[[source]]
at = "consul=https://consul.example.com:8501"
token_file = "~/.config/consul/shop.token"
ca_file = "/etc/ssl/ca.pem"
client_cert = "/etc/ssl/me.pem"
client_key = "/etc/ssl/me.key"
server_name = "server.dc1.consul"
namespace = "shop"
partition = "eu"

[[source]]
at = "scrape=http://127.0.0.1:9102/metrics?format=text"
"#;

    fn read(text: &str) -> Result<Profile, Misread> {
        parse("shop".parse().unwrap(), text)
    }

    fn refusal(text: &str) -> (usize, usize, ContentFault) {
        let Misread { at, fault } = read(text).unwrap_err();
        (at.line, at.column, fault)
    }

    #[test]
    fn a_whole_profile_is_read() {
        let profile = read(WHOLE).unwrap();
        assert!(profile.rules.read_only);
        assert_eq!(profile.rules.sensitive, ["shop/private/", "billing/"]);
        let [consul, scrape] = profile.sources.as_slice() else { panic!("{profile:?}") };
        assert_eq!(consul.spec.to_string(), "consul=https://consul.example.com:8501");
        assert_eq!(consul.settings.len(), SETTINGS.len());
        assert_eq!((scrape.spec.kind, scrape.settings.len()), (SourceKind::Scrape, 0));
    }

    #[test]
    fn what_no_profile_has_is_refused_with_its_place() {
        let (line, column, fault) = refusal("[[source]]\nat = \"consul=a:1\"\n  ca = \"/x\"\n");
        assert_eq!((line, column), (3, 3));
        assert!(matches!(fault, ContentFault::UnknownKey { key, .. } if key == "ca"));
        assert!(matches!(refusal("read-only = true\n").2, ContentFault::UnknownKey { .. }));
        assert!(matches!(refusal("a = 1\n[[source]]\n").2, ContentFault::UnknownKey { .. }));
        assert!(matches!(refusal("tokenfile = \"/x\"\n").2, ContentFault::UnknownKey { .. }));
    }

    #[test]
    fn a_secret_is_refused_and_never_repeated() {
        let source = "[[source]]\nat = \"consul=a:1\"\n";
        let texts = [
            "token = \"s3cret\"".to_owned(),
            format!("{source}token = \"s3cret\""),
            format!("{source}http_auth = \"ann:s3cret\""),
            format!("{source}CONSUL_HTTP_TOKEN = \"s3cret\""),
            format!("{source}password = [\"s3cret\"]"),
            "[[source]]\nat = \"consul=http://ann:s3cret@a:1\"".to_owned(),
            "[[source]]\nat = \"consul=ann:s3cret@a:1\"".to_owned(),
            "[[source]]\nat = \"http://ann:s3cret@a:1\"".to_owned(),
            "[[source]]\nat = \"consul=http://a:1/?token=s3cret\"".to_owned(),
        ];
        for text in texts {
            let misread = read(&text).unwrap_err();
            assert!(matches!(misread.fault, ContentFault::Secret(_)), "{text}: {misread}");
            assert!(!format!("{misread} {misread:?}").contains("s3cret"), "{misread}");
        }
    }

    #[test]
    fn a_value_in_the_wrong_place_is_not_repeated_either() {
        let source = "[[source]]\nat = \"consul=a:1\"\n";
        let texts = [
            "read_only = \"s3cret\"".to_owned(),
            "sensitive = \"s3cret\"".to_owned(),
            "sensitive = [\"s3cret\", 1]".to_owned(),
            "source = \"s3cret\"".to_owned(),
            format!("{source}token_file = \"s3cret\""),
            format!("{source}token_file = \"\"\"/s3cret\nmore\"\"\""),
            format!("{source}token_file = s3cret"),
            format!("{source}token_file = \"s3cret"),
            format!("{source}client_key = \"/s3cret\""),
            "[[source]]\nat = \"s3cret\"".to_owned(),
            "[[source]]\nat = \"vault=s3cret\"".to_owned(),
            "s3cret".to_owned(),
            format!("{source}[[source]]\nat = \"scrape=a:1\"\ntoken_file = \"/s3cret\""),
        ];
        for text in texts {
            let misread = read(&text).unwrap_err();
            assert!(!format!("{misread} {misread:?}").contains("s3cret"), "{misread}");
        }
    }

    #[test]
    fn what_is_missing_or_twice_is_said() {
        for (text, line) in [
            ("", 1),
            ("read_only = true\n", 1),
            ("\n[[source]]\n", 2),
            ("[[source]]\nat = \"consul=a:1\"\n[[source]]\nat = \"consul=a:1\"\n", 4),
            ("[source]\nat = \"consul=a:1\"\n", 1),
        ] {
            let (at, _, fault) = refusal(text);
            assert!(matches!(fault, ContentFault::BadValue { .. }), "{text}: {fault}");
            assert_eq!(at, line, "{text}");
        }
        assert!(matches!(refusal("read_only = yes").2, ContentFault::NotToml(_)));
        assert!(matches!(refusal("a = 1\na = 2").2, ContentFault::NotToml(_)));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,200}") {
            drop(read(&text));
        }

        #[test]
        fn no_change_of_a_good_profile_makes_it_panic(at in 0..WHOLE.len(), with in "(?s).{0,3}") {
            drop(read(&format!("{}{with}{}", &WHOLE[..at], &WHOLE[at..])));
        }
    }
}
