//! The model shares no code with the engine.

use std::fs;
use std::path::{Path, PathBuf};

/// Crates that the model may use. What it takes from them (texts, JSON, instants and zones) decides no outcome.
const ALLOWED: [&str; 4] = ["std", "serde_json", "jiff", "rand"];

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the model's directory").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn the_model_shares_no_code_with_the_engine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/model");
    let files = files(&root);
    assert!(files.len() > 15, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).expect("UTF-8");
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        // Written in two halves, so that this file does not name what it forbids.
        let engine = concat!("toll", "keeper::");
        assert!(!code.iter().any(|line| line.contains(engine)), "{} uses the engine", file.display());
        for line in code.iter().filter_map(|line| line.trim_start().strip_prefix("use ")) {
            let root = line.split([':', ';', ' ']).next().unwrap_or("");
            let declared = |line: &&str| line.ends_with(&format!("mod {root};"));
            let is_own = ["super", "crate", "self"].contains(&root) || code.iter().any(declared);
            let of_model = !line.starts_with("crate::") || line.starts_with("crate::model::");
            assert!((is_own && of_model) || ALLOWED.contains(&root), "{}: use {line}", file.display());
        }
        let path =
            code.iter().any(|line| [concat!("#[pa", "th"), concat!("inclu", "de!")].iter().any(|it| line.contains(it)));
        assert!(!path, "{} brings in a file from elsewhere", file.display());
    }
}
