//! What is on the disk.

use std::fs;
use std::path::{Path, PathBuf};

/// Every file beneath a folder that holds this text, in the clear.
pub fn holding(folder: &Path, text: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let found = entries.flat_map(|entry| {
        let path = entry.path();
        let has = |content: Vec<u8>| content.windows(text.len()).any(|part| part == text.as_bytes());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => holding(&path, text),
            // Sockets and pipes hold nothing, and reading them may never end.
            Ok(kind) if kind.is_file() && fs::read(&path).is_ok_and(has) => vec![path],
            _ => Vec::new(),
        }
    });
    found.collect()
}
