//! README's tables say what the code has.

use std::path::PathBuf;
use std::process::Command;

/// Replaces what stands between the markers of a table.
fn with_table(readme: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
    let (before, rest) = readme.split_once(&begin).unwrap_or_else(|| panic!("README has no `{}`", begin.trim()));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("README has no `{end}`"));
    format!("{before}{begin}{table}{end}{after}")
}

/// What stands in the fenced block between the markers.
fn block<'a>(readme: &'a str, name: &str) -> &'a str {
    let (_, rest) =
        readme.split_once(&format!("<!-- {name}:begin -->\n```")).unwrap_or_else(|| panic!("no block {name}"));
    let (block, _) = rest.split_once("```\n<!-- ").unwrap_or_else(|| panic!("the block {name} has no end"));
    block.split_once('\n').expect("a fence has a line of its own").1
}

fn readme() -> String {
    std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("README.md is there")
}

#[test]
fn the_priced_calls_are_what_the_command_prints() {
    let output = Command::new(env!("CARGO_BIN_EXE_tollkeeper"))
        .args(["rate", "--catalog", "rates", "--format", "csv", "tests/data/calls.jsonl"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert_eq!(block(&readme(), "rate"), String::from_utf8(output.stdout).unwrap());
}

fn audit(directory: &std::path::Path, file: &str) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollkeeper"));
    command.args(["audit", file]).current_dir(directory).output().expect("the program was built with this test")
}

#[test]
fn the_audits_are_what_the_command_prints() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let sound = audit(&root, "tests/data/ledger.jsonl");
    assert_eq!(sound.status.code(), Some(0), "{}", String::from_utf8_lossy(&sound.stderr));
    assert_eq!(block(&readme(), "audit"), String::from_utf8(sound.stdout).unwrap());

    let directory = tempfile::tempdir().unwrap();
    let ledger = std::fs::read_to_string(root.join("tests/data/ledger.jsonl")).unwrap();
    let spoilt = ledger.replacen("\"balance\":\"148.958\"", "\"balance\":\"149.958\"", 1);
    std::fs::write(directory.path().join("ledger.jsonl"), spoilt).unwrap();
    let faulty = audit(directory.path(), "ledger.jsonl");
    assert_eq!(faulty.status.code(), Some(3));
    assert_eq!(block(&readme(), "audit-fault"), String::from_utf8(faulty.stdout).unwrap());
}

#[test]
fn the_calls_of_a_switch_are_what_the_command_prints_with_the_mapping_that_is_shown() {
    let readme = readme();
    let mapping = "tests/data/formats/freeswitch_csv.toml";
    let output = Command::new(env!("CARGO_BIN_EXE_tollkeeper"))
        .args(["rate", "--input-format", "freeswitch_csv", "--mapping", mapping, "--format", "csv"])
        .arg("tests/data/formats/freeswitch_csv.csv")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert_eq!(block(&readme, "switch"), String::from_utf8(output.stdout).unwrap());
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(mapping);
    assert_eq!(block(&readme, "mapping"), std::fs::read_to_string(path).unwrap());
}

#[test]
fn the_formats_that_are_listed_are_those_of_the_code() {
    let readme = readme();
    let (_, table) = readme.split_once("| `--input-format` |").expect("a table");
    let listed: Vec<&str> = table.lines().skip(2).map_while(|row| row.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(listed, tollkeeper::wire::foreign::Format::ALL.map(|format| format.code()));
}

#[test]
fn the_re_rating_is_what_the_command_prints() {
    let output = Command::new(env!("CARGO_BIN_EXE_tollkeeper"))
        .args(["rerate", "--from", "2026-11-20T00:00:00Z", "--to", "2026-11-21T00:00:00Z"])
        .args(["--deck", "tests/data/second/outbound-usd.csv", "--ledger", "tests/data/ledger.jsonl"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert_eq!(block(&readme(), "rerate"), String::from_utf8(output.stdout).unwrap());
}

#[test]
fn the_lines_of_the_ledger_are_events_that_the_engine_reads_and_would_write_so() {
    let readme = readme();
    let lines: Vec<&str> = block(&readme, "ledger").lines().collect();
    assert!(lines.len() >= 3, "{lines:?}");
    for line in lines {
        let event = tollkeeper::wire::event::decode(line.as_bytes()).unwrap_or_else(|fault| panic!("{fault}: {line}"));
        let mut written = Vec::new();
        tollkeeper::wire::event::encode(&event, &mut written);
        assert_eq!(String::from_utf8(written).unwrap(), line);
    }
}

#[test]
fn the_tables_of_keys_and_metrics_are_those_of_the_code() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let expected = with_table(&readme, "config", &tollkeeper::config::markdown_table());
    let expected = with_table(&expected, "metrics", &tollkeeper::metrics::markdown_table());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &expected).unwrap();
    } else {
        assert_eq!(readme, expected, "UPDATE_GOLDEN=1 rewrites the tables of README.md");
    }
}
