//! Text that is put together line by line.

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Page(String);

impl Page {
    /// Adds a line. What comes from outside has to be made visible before.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) {
        self.0.push_str(text.as_ref());
        self.0.push('\n');
    }

    /// Adds lines that end with a line break already, such as a table.
    pub(crate) fn lines(&mut self, text: impl AsRef<str>) {
        self.0.push_str(text.as_ref());
    }

    /// The whole text.
    pub(crate) fn text(self) -> String {
        self.0
    }
}
