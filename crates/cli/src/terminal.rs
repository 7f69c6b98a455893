//! Where the output goes: a terminal, or a file or pipe.

use std::io::{self, IsTerminal as _};

use binnacle_sources::Environment;
use tokio::io::AsyncWriteExt as _;

use crate::arguments::Colour;
use crate::failure::{Exit, Failure};

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
