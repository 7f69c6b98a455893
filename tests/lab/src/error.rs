use std::path::PathBuf;
use std::time::Duration;

/// Why the lab could not give what a test asked for.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A file, folder or process of the lab could not be made or read.
    #[error("lab: {what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system answered.
        source: std::io::Error,
    },
    /// A server's executable could not be found, built or fetched.
    #[error("lab: no executable for {release}: {why}")]
    NoExecutable {
        /// The release that was wanted.
        release: String,
        /// The end of what the build or the download said.
        why: String,
    },
    /// The server process ended before it was ready.
    #[error("lab: {name} ended before it was ready; its log {log} ends with:\n{tail}")]
    EndedEarly {
        /// Which server.
        name: String,
        /// Where the log is.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// Something that was waited for did not come about in time.
    #[error("lab: waited {waited:?} for {what}, last seen: {last_seen}")]
    TooLate {
        /// The state that was waited for.
        what: String,
        /// How long.
        waited: Duration,
        /// What was there instead.
        last_seen: String,
    },
    /// A request could not be made at all.
    #[error("lab: {what}: {source}")]
    Request {
        /// Method and address.
        what: String,
        /// The client's error.
        source: reqwest::Error,
    },
    /// The server answered with another status than the arrangement needs.
    #[error("lab: {what}: status {status}: {body}")]
    Refused {
        /// Method and address.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The start of the answer.
        body: String,
    },
    /// The server's answer is not of the documented shape.
    #[error("lab: {what}: not the expected answer: {why}")]
    Unexpected {
        /// What was asked.
        what: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// A cluster needs a network namespace, and the system gave none.
    #[error(
        "lab: no network namespace could be made: {why}\n\
         It takes root, or user namespaces for everybody (kernel.unprivileged_userns_clone=1, \
         kernel.apparmor_restrict_unprivileged_userns=0), and the packages iproute2 and util-linux"
    )]
    NoNamespace {
        /// What `unshare` and `ip` said.
        why: String,
    },
    /// No port in the whole range below the ephemeral ports is free.
    #[error("lab: no free loopback port found")]
    NoFreePort,
}

impl LabError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
