//! `--profile` and `profiles`: what is read, with which token, what may be written, and what is said of a broken file.

use std::sync::{Arc, Mutex};

use binnacle_demo::Registry;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use crate::ran::Home;

fn write(home: &Home, name: &str, text: &str) {
    let folder = home.path().join(".config/binnacle/profiles");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{name}.toml")), text).unwrap();
}

fn source(registry: &Registry) -> String {
    format!("[[source]]\nat = \"consul={}\"\n", registry.url())
}

/// An address that answers everything with an error and notes the tokens that it was sent.
pub(crate) struct Listener {
    pub(crate) address: String,
    tokens: Arc<Mutex<Vec<Option<String>>>>,
}

impl Listener {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let tokens = Arc::new(Mutex::new(Vec::new()));
        let noted = tokens.clone();
        #[allow(clippy::disallowed_methods, reason = "the test's own server; it ends with the test's runtime")]
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = BufReader::new(stream);
                let mut token = None;
                let mut line = String::new();
                while stream.read_line(&mut line).await.unwrap_or(0) > 2 {
                    if let Some((name, value)) = line.split_once(':')
                        && name.eq_ignore_ascii_case("x-consul-token")
                    {
                        token = Some(value.trim().to_owned());
                    }
                    line.clear();
                }
                noted.lock().unwrap().push(token);
                let answer = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _ = stream.write_all(answer).await;
            }
        });
        Self { address, tokens }
    }

    /// The tokens that came, each once; `None` for a request without one.
    pub(crate) fn tokens(&self) -> Vec<Option<String>> {
        let mut tokens = self.tokens.lock().unwrap().clone();
        tokens.sort();
        tokens.dedup();
        tokens
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_says_what_is_read_unless_a_source_is_named() {
    let registry = Registry::start().await.unwrap();
    let home = Home::with_consul("http://127.0.0.1:1");
    write(&home, "shop", &source(&registry));
    let read = |arguments: &'static [&'static str]| home.run(arguments);
    let sources = read(&["--profile", "shop", "sources", "-o", "json"]).await.exits(0).json();
    assert_eq!((sources.as_array().unwrap().len(), &sources[0]["id"]), (1, &json!("consul:demo")), "{sources}");
    let named =
        read(&["--profile", "shop", "--source", "consul=http://127.0.0.1:1", "sources", "--wait", "200ms"]).await;
    assert!(!named.exits(3).out.contains("consul:demo"));
    let doctor = read(&["--profile", "shop", "doctor", "-o", "json"]).await.exits(0).json();
    let place = doctor["looked_for"][0]["place"].as_str().unwrap();
    assert!(place.ends_with("from profile shop"), "{place}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_variable_names_the_profile_too_and_an_empty_one_names_none() {
    let registry = Registry::start().await.unwrap();
    let home = Home::new().with("BINNACLE_PROFILE", "shop");
    write(&home, "shop", &source(&registry));
    home.run(&["config", "set", "consul:demo/kv/a", "--value", "1"]).await.exits(0);
    let empty = Home::with_consul(registry.url()).with("BINNACLE_PROFILE", "");
    assert_eq!(empty.run(&["config", "get", "consul:demo/kv/a", "--raw"]).await.exits(0).out, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_source_of_a_profile_has_its_own_token() {
    let (one, other, third) = (Listener::start().await, Listener::start().await, Listener::start().await);
    let home = Home::new().with("CONSUL_HTTP_TOKEN", "of-the-surroundings");
    for name in ["one", "other"] {
        std::fs::write(home.path().join(name), format!("token-of-{name}\n")).unwrap();
    }
    let text = format!(
        "[[source]]\nat = \"consul={}\"\ntoken_file = \"~/one\"\n\
         [[source]]\nat = \"consul={}\"\ntoken_file = \"{}/other\"\n\
         [[source]]\nat = \"consul={}\"\n",
        one.address,
        other.address,
        home.path().display(),
        third.address
    );
    write(&home, "two", &text);
    home.run(&["--profile", "two", "doctor"]).await.exits(3);
    assert_eq!(one.tokens(), [Some("token-of-one".to_owned())]);
    assert_eq!(other.tokens(), [Some("token-of-other".to_owned())]);
    assert_eq!(third.tokens(), [Some("of-the-surroundings".to_owned())]);
    // A source that is named has what the profile says of it.
    let again = Listener::start().await;
    write(&home, "again", &format!("[[source]]\nat = \"consul={}\"\ntoken_file = \"~/one\"\n", again.address));
    home.run(&["--profile", "again", "--source", &format!("consul={}", again.address), "doctor"]).await.exits(3);
    assert_eq!(again.tokens(), [Some("token-of-one".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_profile_refuses_every_write() {
    let registry = Registry::start().await.unwrap();
    let home = Home::new();
    write(&home, "prod", &format!("read_only = true\n{}", source(&registry)));
    let place = format!("consul={}", registry.url());
    let refused: [&[&str]; 5] = [
        &["config", "set", "consul:demo/kv/a", "--value", "1"],
        &["register", "x", "--port", "1"],
        &["register", "x", "--port", "1", "--in", "consul:demo"],
        &["--source", &place, "config", "set", "consul:demo/kv/a", "--value", "1"],
        &["--demo", "config", "set", "consul:demo/kv/a", "--value", "1"],
    ];
    for command in refused {
        let ran = home.run(&[&["--profile", "prod", "--errors", "json"], command].concat()).await.exits(4);
        assert_eq!(ran.error()["code"], "edit.read_only", "{command:?}");
    }
    home.run(&["--profile", "prod", "config", "get", "consul:demo/kv/a"]).await.exits(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensitive_prefix_keeps_values_from_the_history() {
    let registry = Registry::start().await.unwrap();
    let home = Home::new();
    write(&home, "shop", &format!("sensitive = [\"shop/private/\"]\n{}", source(&registry)));
    let set = ["--profile", "shop", "config", "set", "consul:demo/kv/shop/private/x", "--value", "no-word-for-it"];
    home.run(&set).await.exits(0);
    for file in std::fs::read_dir(home.path().join(".local/state/binnacle")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(14).any(|part| part == b"no-word-for-it"), "the value is on the disk");
    }
}

#[tokio::test]
async fn profiles_are_listed_with_what_is_wrong_with_one() {
    let home = Home::new();
    assert!(home.run(&["profiles"]).await.exits(0).out.contains("no profile in"));
    assert_eq!(home.run(&["profiles", "-o", "json"]).await.exits(0).json(), json!([]));
    let good =
        "read_only = true\nsensitive = [\"x/\"]\n[[source]]\nat = \"consul=https://a:8501\"\nca_file = \"/a.pem\"\n";
    write(&home, "good", good);
    write(&home, "secret", "[[source]]\nat = \"consul=a:1\"\n  token = \"s3cret-token\"\n");
    // Also when the variable names one that cannot be used.
    let home = home.with("BINNACLE_PROFILE", "secret");
    let json = home.run(&["profiles", "-o", "json"]).await.exits(0).json();
    assert_eq!(
        (&json[0]["name"], &json[0]["read_only"], &json[0]["code"]),
        (&json!("good"), &json!(true), &json!(null))
    );
    assert_eq!(json[0]["sources"], json!([{ "at": "consul=https://a:8501", "ca_file": "/a.pem" }]));
    assert_eq!((&json[1]["name"], &json[1]["code"]), (&json!("secret"), &json!("profile.secret")));
    assert!(json[1]["detail"].as_str().unwrap().contains("secret.toml:3:3: "), "{json}");
    let table = home.run(&["profiles"]).await.exits(0).out;
    assert!(table.contains("read-only") && table.contains("profile.secret"), "{table}");
    assert!(!format!("{json} {table}").contains("s3cret"), "{table}");
}

#[tokio::test]
async fn a_profile_that_cannot_be_used_is_exit_code_2_with_what_there_is() {
    let home = Home::new();
    write(&home, "shop", "[[source]]\nat = \"consul=a:1\"\n");
    write(&home, "broken", "[[source]]\nat = \"consul=http://ann:s3cret@a:1\"\n");
    let cases = [("shp", "profile.unknown"), ("../shop", "profile.bad_name"), ("broken", "profile.secret")];
    for (name, code) in cases {
        for command in [&["services"][..], &["config", "get", "consul:dc1/kv/a"], &["doctor"]] {
            let ran = home.run(&[&["--profile", name, "--errors", "json"], command].concat()).await.exits(2);
            assert_eq!(ran.error()["code"], code, "{ran:?}");
            assert!(!ran.err.contains("s3cret"), "{ran:?}");
        }
    }
    let unknown = home.run(&["--profile", "shp", "services"]).await.exits(2);
    assert!(unknown.err.contains("there are: broken, shop"), "{unknown:?}");
}
