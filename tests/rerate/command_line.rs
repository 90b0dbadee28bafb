//! `tollkeeper rerate` as its users run it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tollkeeper::wire;

const LEDGER: &str = "tests/data/ledger.jsonl";
const SECOND: &str = "tests/data/second/outbound-usd.csv";

fn rerate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollkeeper"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["rerate", "--from", "2026-11-20T00:00:00Z", "--to", "2026-11-21T00:00:00Z"])
        .args(args)
        .output()
        .expect("the program was built with this test")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn corrections_are_written_as_commands_and_the_report_has_all_rows() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("corrections.jsonl");
    let path = path.to_str().expect("UTF-8");
    let output = rerate(&["--deck", SECOND, "--ledger", LEDGER, "--commands", path, "--actor", "billing", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!((&report["dearer"], &report["cheaper"], &report["free"]), (&json!(1), &json!(1), &json!(1)));
    assert_eq!(report["corrections"], "written");
    assert_eq!(
        report["rows"][0],
        json!({
            "tenant": "contoso", "currency": "USD", "destination": "France - Mobile", "calls": 1, "changed": 1,
            "before": "0.25", "after": "0.20", "difference": "-0.05",
        })
    );
    let commands = std::fs::read_to_string(path).expect("written");
    let read: Vec<(String, String)> = commands
        .lines()
        .map(|line| {
            let command = wire::command::decode(line.as_bytes()).unwrap_or_else(|fault| panic!("{fault:?}"));
            assert!(command.request.is_ok(), "the engine would refuse {line}");
            let json: Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(json["actor"], "billing");
            (command.tenant.to_string(), json["amount"].as_str().expect("an amount").to_owned())
        })
        .collect();
    assert_eq!(read, [("contoso".into(), "0.05".into()), ("fabrikam".into(), "-0.03".into())]);
}

#[test]
fn what_cannot_be_done_is_said_before_anything_is_read() {
    let cases: [(&[&str], i32, &str); 5] = [
        (&["--ledger", "-"], 2, "standard input can be read once"),
        (&["--ledger", LEDGER, "--from", "2026-11-21T00:00:00Z"], 2, "cannot be used multiple times"),
        (&["--ledger", LEDGER, "--deck", "tests/data/calls.csv"], 1, "tests/data/calls.csv"),
        (&["--ledger", LEDGER, "--deck", "rates/number-plan/prefixes.csv"], 1, "refused"),
        (&["--ledger", "none.jsonl"], 1, "none.jsonl"),
    ];
    for (args, code, text) in cases {
        let output = rerate(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", said(&output));
        assert!(output.stdout.is_empty() && said(&output).contains(text), "{args:?}: {}", said(&output));
    }
    let backwards = Command::new(env!("CARGO_BIN_EXE_tollkeeper"))
        .args(["rerate", "--from", "2026-11-21T00:00:00Z", "--to", "2026-11-21T00:00:00Z", "--ledger", "x"])
        .output()
        .expect("the program was built with this test");
    assert_eq!(backwards.status.code(), Some(2));
    assert!(said(&backwards).contains("--from is not before --to"), "{}", said(&backwards));
}

#[test]
fn a_list_of_another_name_replaces_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let other: PathBuf = directory.path().join("other.csv");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(SECOND), &other).expect("copied");
    let output = rerate(&["--ledger", LEDGER, "--deck", other.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("has no price list other that it could replace, it has"), "{}", said(&output));
}

#[test]
fn a_line_that_is_no_event_ends_it_with_its_place() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.jsonl");
    let ledger = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(LEDGER)).expect("UTF-8");
    std::fs::write(&path, format!("{ledger}{{}}\n")).expect("written");
    let output = rerate(&["--ledger", path.to_str().expect("UTF-8"), "--deck", SECOND]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("ledger.jsonl, line 23: "), "{}", said(&output));
}
