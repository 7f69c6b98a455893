//! What fuzzing begins with, and what it found: read as `make fuzz` reads it.

use std::path::Path;

#[test]
fn what_is_kept_for_fuzzing_breaks_nothing() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in binnacle_sources::fuzz::TARGETS {
        let files: Vec<_> = std::fs::read_dir(corpora.join(name)).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(files.len() > 2, "{name} has a corpus");
        for file in files {
            println!("{}", file.display());
            target(&std::fs::read(&file).unwrap());
        }
    }
}
