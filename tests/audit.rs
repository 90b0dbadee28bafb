//! `tollkeeper audit` as its users run it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn audit(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollkeeper"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("audit")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn ledger(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name))
        .expect("a ledger of the tests")
}

#[test]
fn a_ledger_comes_from_files_or_standard_input() {
    let text = ledger("data/ledger.jsonl");
    let (first, second) = text.split_at(text.match_indices('\n').nth(9).expect("more than ten").0 + 1);
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).to_str().expect("UTF-8").to_owned();
    std::fs::write(path("1.jsonl"), first).expect("written");
    std::fs::write(path("2.jsonl"), second).expect("written");
    for output in [
        audit(&["tests/data/ledger.jsonl", "--json"], ""),
        audit(&["-", "--json"], &text),
        audit(&[&path("1.jsonl"), &path("2.jsonl"), "--json"], ""),
        audit(&[&path("1.jsonl"), "-", "--json"], second),
    ] {
        assert_eq!(output.status.code(), Some(0));
        let report = report(&output);
        assert_eq!((&report["adds_up"], &report["tenants"], &report["events"]), (&json!(true), &json!(2), &json!(22)));
    }
    let torn = audit(&[&path("2.jsonl"), "--json"], "");
    assert_eq!(torn.status.code(), Some(3));
    let faults = &report(&torn)["faults"];
    assert_eq!(
        (&faults[0]["event"], &faults[0]["line"], &faults[0]["law"]),
        (&json!("contoso/6"), &json!(1), &json!("sequence"))
    );
    assert_eq!((&faults[1]["event"], &faults[1]["line"]), (&json!("fabrikam/6"), &json!(3)));
    assert_eq!(faults[0]["file"].as_str(), Some(&*path("2.jsonl")));
}

#[test]
fn r42_the_golden_history_adds_up() {
    let output = audit(&["tests/golden/history/ledger.jsonl"], "");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_file_that_is_not_there_is_a_failure_and_not_a_fault() {
    let output = audit(&["none.jsonl"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty() && String::from_utf8_lossy(&output.stderr).contains("none.jsonl"));
}
