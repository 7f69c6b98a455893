//! How a command ends: the exit code, and the error that goes to stderr.

use binnacle_engine::edits::{EditError, ExitClass};
use binnacle_engine::profile::ProfileError;
use binnacle_engine::{EngineError, Missing};
use binnacle_history::HistoryError;
use binnacle_model::snapshot::Fault;
use binnacle_sources::{ErrorKind, SourceError};
use binnacle_view::text::visible;
use serde_json::{Value, json};

use crate::page::Page;

/// What the exit code says. A part of the contract for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Done, or the answer is yes.
    Fine,
    /// The answer is no: unhealthy, different, not found.
    No,
    /// The command line makes no sense.
    Usage,
    /// A source could not be reached, or its answer was of no use.
    Unreachable,
    /// Refused: a guard, a permission, read-only.
    Refused,
    /// Ended by Ctrl-C.
    Interrupted,
    /// Ended by SIGTERM.
    Terminated,
}

impl Exit {
    /// The number that the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Refused => 4,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

/// A command that did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Stable code.
    pub(crate) code: String,
    /// What was tried, on what, what came back.
    pub(crate) message: String,
    /// What to do next.
    pub(crate) hint: String,
    /// The source that it concerns.
    pub(crate) source: Option<Box<str>>,
    /// How the process ends.
    pub(crate) exit: Exit,
    /// Further failures of the same command, each of another source.
    pub(crate) more: Vec<Failure>,
}

/// Every code that this crate itself makes, with its meaning: the documentation is checked against this list.
pub(crate) const CODES: [(&str, &str); 8] = [
    ("cli.usage", "The command line makes no sense: an unknown command or option, or a value that is none."),
    ("cli.no_source", "No source was named, and none was found on this computer."),
    ("cli.no_picture", "A source did not give its first whole picture within --wait."),
    ("cli.not_found", "What was asked for by name or id is not there."),
    ("cli.several", "A name or a command fits several things; the message lists them."),
    ("cli.not_confirmed", "A question on the terminal was answered with something else than the name asked for."),
    ("cli.dialect", "A dialect's file is none, or none has that name; the message has the line and the column."),
    ("cli.io", "A local file or stream could not be read or written."),
];

impl Failure {
    /// A failure of the command line's own.
    pub(crate) fn new(code: &'static str, exit: Exit, message: impl Into<String>, hint: impl Into<String>) -> Self {
        debug_assert!(CODES.iter().any(|(known, _)| *known == code), "{code} is not in the list of codes");
        Self { code: code.to_owned(), message: message.into(), hint: hint.into(), source: None, exit, more: Vec::new() }
    }

    /// The end of a command that has nothing to complain about: a signal, or a reader that went away.
    pub(crate) fn silent(exit: Exit) -> Self {
        Self { code: String::new(), message: String::new(), hint: String::new(), source: None, exit, more: Vec::new() }
    }

    /// Whether there is nothing to say.
    pub(crate) fn is_silent(&self) -> bool {
        self.code.is_empty()
    }

    /// Something that is not there.
    pub(crate) fn not_found(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new("cli.not_found", Exit::No, message, hint)
    }

    /// A local file or stream.
    pub(crate) fn io(what: impl std::fmt::Display, error: &std::io::Error) -> Self {
        Self::new("cli.io", Exit::Usage, format!("{what}: {error}"), "Check the path and its permissions.")
    }

    /// The same failure, concerning this source.
    pub(crate) fn of(mut self, source: impl std::fmt::Display) -> Self {
        self.source = Some(source.to_string().into());
        self
    }

    /// A fault that a source states of itself.
    pub(crate) fn of_fault(fault: &Fault, source: &str) -> Self {
        Self {
            code: fault.code.to_string(),
            message: fault.detail.to_string(),
            hint: fault.hint.to_string(),
            source: Some(source.into()),
            exit: Exit::Unreachable,
            more: Vec::new(),
        }
    }

    /// The history of edits could not be used.
    pub(crate) fn of_history(error: &HistoryError) -> Self {
        Self {
            code: error.code().to_owned(),
            message: error.to_string(),
            hint: error.hint().to_owned(),
            source: None,
            exit: Exit::Refused,
            more: Vec::new(),
        }
    }

    /// What is missing after the wait. `None` when nothing is.
    pub(crate) fn of_missing(missing: &[Missing], waited: &str) -> Option<Self> {
        let mut failures = missing.iter().map(|missing| Self::missing(missing, waited));
        let mut first = failures.next()?;
        first.more = failures.collect();
        Some(first)
    }

    fn missing(missing: &Missing, waited: &str) -> Self {
        let source = missing.source.as_ref();
        let name = source.map_or_else(|| missing.spec.to_string(), |source| source.id.to_string());
        match source.and_then(|source| source.status.fault.as_ref()) {
            Some(fault) => Self::of_fault(fault, &name),
            None => Self::new(
                "cli.no_picture",
                Exit::Unreachable,
                format!("{name} gave no whole picture within {waited}"),
                "Wait longer with --wait, or see with `binnaclectl doctor` what answers.",
            )
            .of(name),
        }
    }

    /// As text, one line a failure: `error[code]: what. hint`.
    pub(crate) fn text(&self, severity: &str) -> String {
        let mut text = Page::default();
        for failure in std::iter::once(self).chain(&self.more) {
            let message = visible(failure.message.trim_end_matches('.'), false);
            let source = failure.source.as_deref().filter(|source| !message.contains(*source));
            let whose = source.map(|source| format!("{}: ", visible(source, false))).unwrap_or_default();
            text.line(format!("{severity}[{}]: {whose}{message}. {}", failure.code, visible(&failure.hint, false)));
        }
        text.text()
    }

    /// As one JSON object.
    pub(crate) fn json(&self, severity: &str) -> Value {
        let mut object = json!({
            "code": self.code, "message": self.message, "hint": self.hint, "source": self.source, "severity": severity,
        });
        if let (false, Value::Object(fields)) = (self.more.is_empty(), &mut object) {
            fields.insert("more".to_owned(), self.more.iter().map(|failure| failure.json(severity)).collect());
        }
        object
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self {
            code: error.code(),
            exit: exit_of(error.kind),
            message: error.to_string(),
            hint: error.hint,
            source: None,
            more: Vec::new(),
        }
    }
}

impl From<&ProfileError> for Failure {
    fn from(error: &ProfileError) -> Self {
        Self {
            code: error.code().to_owned(),
            message: error.to_string(),
            hint: error.hint().to_owned(),
            source: None,
            exit: Exit::Usage,
            more: Vec::new(),
        }
    }
}

impl From<HistoryError> for Failure {
    fn from(error: HistoryError) -> Self {
        Self::of_history(&error)
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        let exit = match error.exit_class() {
            ExitClass::No => Exit::No,
            ExitClass::Usage => Exit::Usage,
            ExitClass::Unreachable => Exit::Unreachable,
            ExitClass::Refused => Exit::Refused,
        };
        let source = match &error {
            EditError::UnknownSource(source) | EditError::NoStore(source) => Some(source.to_string().into()),
            _ => None,
        };
        Self { code: error.code(), message: error.to_string(), hint: error.hint(), source, exit, more: Vec::new() }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Source(error) => error.into(),
            EngineError::Demo(_) => Self {
                code: error.code(),
                hint: error.hint(),
                message: error.to_string(),
                source: None,
                exit: Exit::Unreachable,
                more: Vec::new(),
            },
        }
    }
}

/// How a command ends that a source did not serve.
pub(crate) fn exit_of(kind: ErrorKind) -> Exit {
    match kind {
        ErrorKind::Unreachable
        | ErrorKind::TimedOut
        | ErrorKind::Tls
        | ErrorKind::RateLimited
        | ErrorKind::ServerError
        | ErrorKind::CutOff
        | ErrorKind::NotUnderstood
        | ErrorKind::TooLarge
        | ErrorKind::PluginFailed
        | ErrorKind::OutcomeUnknown
        | ErrorKind::Incomplete
        | ErrorKind::Outdated
        | ErrorKind::ClockSkew => Exit::Unreachable,
        ErrorKind::Unauthenticated
        | ErrorKind::AclDenied
        | ErrorKind::Forbidden
        | ErrorKind::Invalid
        | ErrorKind::Unsupported => Exit::Refused,
        ErrorKind::NotFound => Exit::No,
        ErrorKind::Misconfigured => Exit::Usage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_with_code_sentence_and_hint() {
        let failure = Failure::not_found("no key consul:dc1/kv/a", "List keys with `config ls`.");
        assert_eq!(
            failure.text("error"),
            "error[cli.not_found]: no key consul:dc1/kv/a. List keys with `config ls`.\n"
        );
    }

    #[test]
    fn what_comes_from_outside_cannot_steer_the_terminal() {
        let failure = Failure::not_found("\u{1b}[2Jgone\nerror[fake]", "hint").of("x\u{202e}");
        assert_eq!(failure.text("error"), "error[cli.not_found]: x⟨U+202E⟩: ␛[2Jgone␊error[fake]. hint\n");
    }

    #[test]
    fn the_json_has_the_fields_of_the_contract() {
        let json = Failure::not_found("what", "hint").of("consul:dc1").json("error");
        for (field, value) in
            [("code", "cli.not_found"), ("message", "what"), ("hint", "hint"), ("source", "consul:dc1")]
        {
            assert_eq!(json[field], value);
        }
        assert!(json.get("more").is_none());
    }
}
