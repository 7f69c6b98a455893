//! Kubeconfig files and plugins, with files in temporary folders.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::kubeconfig::{Kubeconfig, contexts, files};
use super::session::Door;
use super::*;
use crate::secret::Secret;

/// A self-made certificate and key for nothing, valid in form.
const CA: &str = include_str!("fixtures/ca.pem");

struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.write(name, &format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn environment(&self, variables: &[(&str, String)]) -> Environment {
        let mut all = vec![("HOME".to_owned(), self.folder.path().display().to_string())];
        all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        all.into_iter().collect()
    }

    fn kubeconfig(&self, list: &[&Path]) -> Environment {
        let joined = std::env::join_paths(list).unwrap().into_string().unwrap();
        self.environment(&[("KUBECONFIG", joined)])
    }
}

fn one(user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
         contexts: [{{name: here, context: {{cluster: c, user: u, namespace: shop}}}}]\n\
         clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:9'}}}}]\n\
         users: [{{name: u, user: {user}}}]\n"
    )
}

fn authorization(session: &session::Session) -> String {
    let headers = session.headers().unwrap();
    headers.get("authorization").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[test]
fn the_first_file_that_names_something_wins_and_paths_are_relative_to_their_file() {
    let home = Home::new();
    let first = home.write(
        "a/config",
        "contexts: [{name: shared, context: {cluster: c, user: u}}]\n\
         clusters: [{name: c, cluster: {server: 'https://first', certificate-authority: pki/ca.crt}}]",
    );
    let second = home.write(
        "b/config",
        "current-context: other\n\
         contexts: [{name: shared, context: {cluster: x}}, {name: other, context: {cluster: c, namespace: ops}}]\n\
         clusters: [{name: c, cluster: {server: 'https://second'}}]\n\
         users: [{name: u, user: {client-certificate: u.crt, client-key: /abs/u.key, tokenFile: token}}]",
    );
    let missing = home.path("missing");
    let environment = home.kubeconfig(&[&missing, &first, &second]);
    let config = Kubeconfig::read(&files(&environment));
    let target = config.target("shared", &files(&environment)).unwrap();
    assert_eq!(target.cluster.server, "https://first");
    assert_eq!(target.cluster.certificate_authority, Some(home.path("a/pki/ca.crt")));
    assert_eq!(target.user.client_certificate, Some(home.path("b/u.crt")));
    assert_eq!(target.user.client_key, Some(PathBuf::from("/abs/u.key")));
    assert_eq!(target.user.token_file, Some(home.path("b/token")));
    assert_eq!(target.namespace, "default");
    let (found, faults) = contexts(&environment);
    let names: Vec<(&str, bool, &str)> =
        found.iter().map(|one| (one.name.as_str(), one.current, one.namespace.as_str())).collect();
    assert_eq!(names, [("other", true, "ops"), ("shared", false, "default")]);
    assert!(faults.is_empty());
}

#[test]
fn without_kubeconfig_the_usual_file_is_read() {
    let home = Home::new();
    home.write(".kube/config", &one("{}"));
    assert_eq!(contexts(&home.environment(&[])).0[0].name, "here");
}

#[test]
fn a_broken_file_is_told_without_its_words_and_the_others_are_used() {
    let home = Home::new();
    let broken = home.write("broken", "users:\n- name: u\n  user: {token: s3cret-token\n");
    let odd = home.write("odd", "users: [{name: u, user: s3cret-token}]\n");
    let good = home.write("good", &one("{}"));
    let environment = home.kubeconfig(&[&broken, &odd, &good]);
    let (found, faults) = contexts(&environment);
    assert_eq!((found.len(), faults.len()), (1, 2));
    for fault in &faults {
        assert_eq!(fault.code(), "kube.misconfigured");
        assert!(!format!("{fault:?}").contains("s3cret"), "{fault:?}");
    }
    assert!(Door::new("here", &environment).target().is_ok());
    assert_eq!(Door::new("gone", &environment).target().unwrap_err(), faults[0]);
}

#[test]
fn a_context_that_is_not_there_is_said_with_those_that_are() {
    let home = Home::new();
    let environment = home.kubeconfig(&[&home.write("config", &one("{}"))]);
    let error = Kubernetes::new("kube=nope".parse().unwrap(), &environment).unwrap_err();
    assert_eq!(error.code(), "kube.misconfigured");
    assert!(error.came_back.contains("there are: here"), "{error}");
}

#[test]
fn a_context_whose_cluster_or_user_is_missing_is_an_error() {
    let home = Home::new();
    let text = "contexts: [{name: here, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: x}}]";
    let environment = home.kubeconfig(&[&home.write("config", text)]);
    let error = Door::new("here", &environment).target().unwrap_err();
    assert!(error.came_back.contains("the user `u`"), "{error}");
}

#[test]
fn no_secret_is_in_debug_output() {
    let home = Home::new();
    let text = one("{token: s3cret-token, password: s3cret-word, client-key-data: czNjcmV0LWtleQ==, \
                    exec: {command: x, env: [{name: A, value: s3cret-env}]}}");
    let environment = home.kubeconfig(&[&home.write("config", &text)]);
    let door = Door::new("here", &environment);
    let shown = format!("{:?} {door:?}", door.target().unwrap());
    assert!(!shown.contains("s3cret") && !shown.contains("czNjcmV0"), "{shown}");
}

#[tokio::test]
async fn a_token_a_token_file_and_a_password_are_sent_in_that_order() {
    let home = Home::new();
    let file = home.write("token", " from-file\n");
    for (user, expected) in [
        (format!("{{token: given, tokenFile: {}}}", file.display()), "Bearer given"),
        (format!("{{tokenFile: {}, username: a, password: b}}", file.display()), "Bearer from-file"),
        ("{username: ann, password: word}".to_owned(), "Basic YW5uOndvcmQ="),
        ("{}".to_owned(), ""),
    ] {
        let environment = home.kubeconfig(&[&home.write("config", &one(&user))]);
        let session = Door::new("here", &environment).session().await.unwrap();
        assert_eq!(authorization(&session), expected, "{user}");
    }
}

#[tokio::test]
async fn a_token_file_that_is_rewritten_is_read_again() {
    let home = Home::new();
    let file = home.write("token", "first");
    let environment = home.kubeconfig(&[&home.write("config", &one(&format!("{{tokenFile: {}}}", file.display())))]);
    let session = Door::new("here", &environment).session().await.unwrap();
    assert_eq!(authorization(&session), "Bearer first");
    home.write("token", "second");
    assert_eq!(authorization(&session), "Bearer second");
    std::fs::remove_file(file).unwrap();
    assert_eq!(session.headers().unwrap_err().code(), "kube.misconfigured");
}

#[tokio::test]
async fn impersonation_is_sent_as_headers() {
    let home = Home::new();
    let user = "{token: t, as: ann, as-uid: '7', as-groups: [dev, ops], as-user-extra: {'a/b': [x]}}";
    let environment = home.kubeconfig(&[&home.write("config", &one(user))]);
    let headers = Door::new("here", &environment).session().await.unwrap().headers().unwrap();
    let all = |name: &str| headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(all("impersonate-user"), ["ann"]);
    assert_eq!(all("impersonate-uid"), ["7"]);
    assert_eq!(all("impersonate-group"), ["dev", "ops"]);
    assert_eq!(all("impersonate-extra-a%2fb"), ["x"]);
}

#[tokio::test]
async fn an_address_that_changes_is_a_new_target() {
    let home = Home::new();
    let file = home.write("config", &one("{token: t}"));
    let door = Door::new("here", &home.kubeconfig(&[&file]));
    let first = door.session().await.unwrap();
    assert_eq!(&*first.shown, "http://127.0.0.1:9");
    assert_eq!(door.session().await.unwrap().epoch, first.epoch);
    home.write("config", &one("{token: t}").replace(":9'", ":65009'"));
    let second = door.session().await.unwrap();
    assert_eq!(&*second.shown, "http://127.0.0.1:65009");
    assert_ne!(second.epoch, first.epoch);
    home.write("config", "contexts: [");
    assert_eq!(&*door.session().await.unwrap().shown, "http://127.0.0.1:65009", "the last good state is used");
    assert_eq!(door.fault().unwrap().code(), "kube.misconfigured");
}

#[tokio::test]
async fn certificates_are_taken_inline_and_by_path() {
    use base64::Engine as _;
    let home = Home::new();
    let inline = base64::engine::general_purpose::STANDARD.encode(CA);
    let path = home.write("ca.pem", CA);
    for authority in
        [format!("certificate-authority-data: {inline}"), format!("certificate-authority: {}", path.display())]
    {
        let text = one("{}").replace("'http://127.0.0.1:9'", &format!("'https://127.0.0.1:9', {authority}"));
        let environment = home.kubeconfig(&[&home.write("config", &text)]);
        Door::new("here", &environment).session().await.unwrap();
    }
    for (authority, says) in [
        ("certificate-authority-data: '%%%'", "not base64"),
        ("certificate-authority: missing.pem", "No such file"),
        ("proxy-url: 'nonsense://x'", "not the address of a proxy"),
    ] {
        let text = one("{}").replace("'http://127.0.0.1:9'", &format!("'https://127.0.0.1:9', {authority}"));
        let environment = home.kubeconfig(&[&home.write("config", &text)]);
        let error = Door::new("here", &environment).session().await.unwrap_err();
        assert_eq!(error.code(), "kube.misconfigured");
        assert!(error.came_back.contains(says), "{error}");
    }
}

fn exec(command: &str, more: &str) -> String {
    one(&format!("{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: '{command}'{more}}}}}"))
}

const ANSWER: &str =
    r#"echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"made"}}'"#;

#[tokio::test]
async fn a_plugin_is_not_run_by_listing_or_asking_and_is_shown_before_it_runs() {
    let home = Home::new();
    let ran = home.path("ran");
    home.program("sign-in", &format!("touch {}; {ANSWER}", ran.display()));
    let environment = home.kubeconfig(&[&home.write("config", &exec("./sign-in", ", args: [--for, 'a b']"))]);
    assert_eq!(contexts(&environment).0[0].plugin.as_deref(), Some("./sign-in --for 'a b'"));
    let source = Kubernetes::new("kube=here".parse().unwrap(), &environment).unwrap();
    assert_eq!(source.probe().await.unwrap_err().code(), "kube.unreachable");
    assert_eq!(source.api.door.plugin_to_run().as_deref(), Some("./sign-in --for 'a b'"));
    assert!(!ran.exists());
    let session = source.api.door.session().await.unwrap();
    assert_eq!(authorization(&session), "Bearer made");
    assert!(ran.exists() && source.api.door.plugin_to_run().is_none());
}

#[tokio::test]
async fn a_plugin_is_told_what_it_may_know_and_its_answer_is_kept_until_it_expires() {
    let home = Home::new();
    let count = home.path("count");
    let script = format!(
        "echo run >> {0}\nprintf '%s' \"$KUBERNETES_EXEC_INFO|$REGION\" > {0}.info\n\
         printf '{{\"status\":{{\"token\":\"t%s\",\"expirationTimestamp\":\"%s\"}}}}' \"$(wc -l < {0})\" \"$UNTIL\"",
        count.display()
    );
    home.program("sign-in", &script);
    let with = |until: &str| {
        let more = format!(
            ", provideClusterInfo: true, env: [{{name: REGION, value: north}}, {{name: UNTIL, value: '{until}'}}]"
        );
        home.kubeconfig(&[&home.write("config", &exec("./sign-in", &more))])
    };
    let door = Door::new("here", &with("2999-01-01T00:00:00Z"));
    assert_eq!(authorization(&door.session().await.unwrap()), "Bearer t1");
    let kept = door.session().await.unwrap();
    assert_eq!(authorization(&kept), "Bearer t1");
    let info = std::fs::read_to_string(home.path("count.info")).unwrap();
    assert!(info.ends_with("|north") && info.contains(r#""interactive":false"#), "{info}");
    assert!(info.contains(r#""server":"http://127.0.0.1:9""#), "{info}");
    assert!(door.refused(&kept), "a refused token is made anew");
    assert_eq!(authorization(&door.session().await.unwrap()), "Bearer t2");
    let door = Door::new("here", &with("2001-01-01T00:00:00Z"));
    assert_eq!(authorization(&door.session().await.unwrap()), "Bearer t3");
    assert_eq!(authorization(&door.session().await.unwrap()), "Bearer t4", "what has expired is made anew");
}

#[tokio::test]
async fn what_a_failing_plugin_prints_to_stderr_is_told_and_what_it_prints_to_stdout_is_not() {
    let home = Home::new();
    home.program("sign-in", "echo s3cret-token; echo 'usage: ...' >&2; echo 'session expired' >&2; exit 3");
    let environment = home.kubeconfig(&[&home.write("config", &exec("./sign-in", ""))]);
    let error = Door::new("here", &environment).session().await.unwrap_err();
    assert_eq!(error.code(), "kube.plugin_failed");
    assert!(error.came_back.contains("session expired") && error.hint.contains("./sign-in"), "{error}");
    assert!(!format!("{error:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_plugin_that_failed_is_left_alone_until_a_person_wants_it() {
    let home = Home::new();
    let count = home.path("count");
    home.program("sign-in", &format!("echo run >> {}; exit 1", count.display()));
    let door = Door::new("here", &home.kubeconfig(&[&home.write("config", &exec("./sign-in", ""))]));
    let runs = || std::fs::read_to_string(&count).unwrap().lines().count();
    let first = door.session().await.unwrap_err();
    assert_eq!((door.session().await.unwrap_err(), runs()), (first, 1));
    door.try_again();
    door.session().await.unwrap_err();
    assert_eq!(runs(), 2);
}

#[tokio::test]
async fn a_plugin_that_answers_nonsense_or_wants_a_terminal_is_refused() {
    let home = Home::new();
    for (script, more, code) in [
        ("echo s3cret", "", "kube.plugin_failed"),
        ("echo '{}'", "", "kube.plugin_failed"),
        ("echo '{\"status\":{}}'", "", "kube.plugin_failed"),
        (ANSWER, ", interactiveMode: Always", "kube.misconfigured"),
    ] {
        home.program("sign-in", script);
        let environment = home.kubeconfig(&[&home.write("config", &exec("./sign-in", more))]);
        let error = Door::new("here", &environment).session().await.unwrap_err();
        assert_eq!(error.code(), code, "{script}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
}

#[tokio::test]
async fn a_plugin_that_only_the_login_shell_finds_is_found_there() {
    let home = Home::new();
    let bin = home.program("bin/sign-in", ANSWER);
    let shell = home.program(
        "shell",
        &format!("PATH={}:/bin:/usr/bin; echo motd; shift; shift; eval \"$1\"", bin.parent().unwrap().display()),
    );
    let kubeconfig = home.write("config", &exec("sign-in", ", installHint: see the manual"));
    let with = |shell: String| {
        home.environment(&[
            ("KUBECONFIG", kubeconfig.display().to_string()),
            ("PATH", "/nonexistent".to_owned()),
            ("SHELL", shell),
        ])
    };
    let error = Door::new("here", &with("/nonexistent/shell".to_owned())).session().await.unwrap_err();
    assert_eq!(error.code(), "kube.plugin_failed");
    assert!(error.hint.contains("see the manual"), "{error:?}");
    let session = Door::new("here", &with(shell.display().to_string())).session().await.unwrap();
    assert_eq!(authorization(&session), "Bearer made");
}

#[test]
fn a_secret_is_never_printed() {
    assert_eq!(format!("{:?}", Secret::new("s3cret")), "(hidden)");
}
