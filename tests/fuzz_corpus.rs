//! The kept corpus of every fuzz target (`fuzz/`) goes through its target, on any compiler: what was once found stays harmless.

use std::fs;
use std::panic::catch_unwind;
use std::path::PathBuf;

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

#[test]
fn law10_the_kept_corpus_panics_no_decoder() {
    for (name, _) in fuzz::TARGETS {
        let mut files: Vec<PathBuf> = fs::read_dir(corpus().join(name))
            .unwrap_or_else(|_| panic!("fuzz/corpus/{name} is missing"))
            .map(|entry| entry.expect("an entry").path())
            .collect();
        files.sort();
        assert!(!files.is_empty(), "fuzz/corpus/{name} is empty");
        for file in files {
            let bytes = fs::read(&file).expect("it can be read");
            assert!(catch_unwind(|| fuzz::run(name, &bytes)).is_ok(), "{}", file.display());
        }
    }
}

/// A target that is not built is run by nobody.
#[test]
fn every_target_has_its_program_and_its_corpus() {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let cargo = fs::read_to_string(manifest.join("Cargo.toml")).expect("UTF-8");
    for (name, _) in fuzz::TARGETS {
        let program = fs::read_to_string(manifest.join(format!("fuzz_targets/{name}.rs"))).expect("UTF-8");
        assert!(program.contains(&format!("run(\"{name}\", bytes)")), "{name}");
        assert!(cargo.contains(&format!("name = \"{name}\"")), "{name}");
    }
    for entry in fs::read_dir(corpus()).expect("a directory") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        assert!(fuzz::TARGETS.iter().any(|(known, _)| *known == name), "fuzz/corpus/{name} is of no target");
    }
}
