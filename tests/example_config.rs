//! The example configuration is every key at its default.

use std::path::PathBuf;

use tollkeeper::config::{Config, Settings, Sources, example_file};

fn example_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/tollkeeper.example.toml")
}

#[test]
fn the_example_file_equals_the_defaults() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(example_path(), example_file()).unwrap();
    }
    let text = std::fs::read_to_string(example_path()).unwrap();
    assert_eq!(text, example_file(), "UPDATE_GOLDEN=1 rewrites deploy/tollkeeper.example.toml");

    let sources = Sources { file: Some(example_path()), host_name: Some("rater-1".to_owned()), ..Sources::default() };
    let defaults = Settings { instance: "rater-1".to_owned(), ..Settings::default() };
    assert_eq!(Config::load(&sources).unwrap(), Config::new(defaults).unwrap());
}
