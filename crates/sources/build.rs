//! Lists the dialects, so that a new one is a new file and nothing else.

use std::io::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=src/scrape/dialects");
    let variable = |name| env::var(name).map_err(io::Error::other);
    let folder = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("src/scrape/dialects");
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    let mut list = fs::File::create(Path::new(&variable("OUT_DIR")?).join("dialects.rs"))?;
    writeln!(list, "/// The dialects that come with Binnacle: each file's name, and what is in it.")?;
    writeln!(list, "const BUILT_IN: &[(&str, &str)] = &[")?;
    for path in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        writeln!(list, "    ({name:?}, include_str!({:?})),", path.to_string_lossy())?;
    }
    writeln!(list, "];")
}
