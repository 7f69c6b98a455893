//! Where the output goes: a terminal, or a file or pipe.

use std::io::{self, IsTerminal as _, Write as _};

use binnacle_sources::Environment;
use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use crate::arguments::Colour;
use crate::failure::{Exit, Failure};

/// The longest thing that is asked for, in bytes.
const LONGEST_SECRET: u64 = 64 * 1024;

/// What is known about the standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terminal {
    /// Columns; `None` when it is no terminal, and nothing is cut.
    pub(crate) width: Option<usize>,
    /// Whether colours are shown.
    pub(crate) colour: bool,
    /// Whether questions can be asked: input and error output are a terminal.
    pub(crate) can_ask: bool,
}

impl Terminal {
    /// A file or a pipe.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { width: None, colour: false, can_ask: false }
    }

    /// Looks at the standard streams. `NO_COLOR` and `TERM=dumb` are kept to, see <https://no-color.org>.
    pub(crate) fn of_this_process(colour: Colour, environment: &Environment) -> Self {
        let out = io::stdout().is_terminal();
        let allowed = environment.get("NO_COLOR").is_none() && environment.get("TERM") != Some("dumb");
        let columns = terminal_size::terminal_size().map(|(terminal_size::Width(columns), _)| usize::from(columns));
        Self {
            width: columns.filter(|_| out),
            colour: match colour {
                Colour::Auto => out && allowed,
                Colour::Always => true,
                Colour::Never => false,
            },
            can_ask: io::stdin().is_terminal() && io::stderr().is_terminal(),
        }
    }
}

impl Terminal {
    /// Asks for something that must not be seen: what is typed is not shown, and only a terminal is asked. `option` is what
    /// wanted it.
    pub(crate) async fn ask_secret(&self, option: &str, question: &str) -> Result<String, Failure> {
        if !self.can_ask {
            let message = format!("{option} asks on the terminal, and there is none");
            let hint = "Name a file with CONSUL_HTTP_TOKEN_FILE, or with token_file in a profile.";
            return Err(Failure::new("cli.usage", Exit::Usage, message, hint));
        }
        let failed = |error: io::Error| Failure::io("asking on the terminal", &error);
        let unseen = Unseen::begin().map_err(failed)?;
        io::stderr().write_all(question.as_bytes()).map_err(failed)?;
        let mut typed = String::new();
        let read = BufReader::new(tokio::io::stdin().take(LONGEST_SECRET)).read_line(&mut typed).await;
        drop(unseen);
        read.map_err(failed)?;
        Ok(typed)
    }
}

/// A terminal that does not show what is typed, until this is dropped: also when the question is given up on the way.
struct Unseen {
    before: Termios,
}

impl Unseen {
    fn begin() -> io::Result<Self> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO);
        unseen.local_modes.insert(LocalModes::ECHONL);
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &unseen)?;
        Ok(Self { before })
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing any more.
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Writes to the standard output at once. A reader that went away ends the command in silence, as `head` expects.
pub(crate) async fn print(text: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut out = tokio::io::stdout();
    let written = async {
        out.write_all(text.as_ref()).await?;
        out.flush().await
    };
    written.await.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::silent(Exit::Fine),
        _ => Failure::io("writing to the standard output", &error),
    })
}
