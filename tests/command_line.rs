//! The program from outside: exit codes, streams, and what a script relies on.

use std::process::{Command, Output};

use serde_json::Value;

/// Runs the program with nothing of the tester's environment that it would read.
fn tollkeeper(line: &str, environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollkeeper"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TOLLKEEPER_") {
            command.env_remove(name);
        }
    }
    command
        .args(line.split_whitespace())
        .envs(environment.iter().copied())
        .output()
        .expect("the program was built with this test")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("what is printed is UTF-8")
}

#[test]
fn a_dry_run_prints_the_command_and_nothing_else() {
    let output = tollkeeper("funds add contoso --amount 100 --payment-reference p-1 --command-id once --dry-run", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let command: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(command["type"], "funds.add");
    assert_eq!(command["tenant"], "contoso");
    assert_eq!(command["amount"], "100.00");
    assert_eq!(command["command_id"], "once");
    assert!(command["at"].as_str().unwrap().ends_with('Z'), "{command}");
}

#[test]
fn the_debits_of_a_correction_come_from_a_file() {
    let ledger = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/events.jsonl");
    let line = format!("call void contoso --call-id c-9 --reason unmade --debits {ledger} --dry-run");
    let output = tollkeeper(&line, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let command: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(command["debits"][0]["id"], "contoso/22");
    assert_eq!(command["debits"].as_array().map(Vec::len), Some(1));
    for (line, expected) in [
        (line.replace("c-9", "c-999"), "no debit of call c-999 of contoso was found"),
        (line.replace(ledger, "Cargo.toml"), "Cargo.toml: line 1: not an event"),
        (line.replace(ledger, "nowhere"), "cannot read nowhere"),
    ] {
        let output = tollkeeper(&line, &[]);
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(text(&output.stderr).contains(expected), "{line}: {}", text(&output.stderr));
    }
}

#[test]
fn a_wrong_command_line_is_usage() {
    for line in
        ["fly", "funds add contoso --amount -1 --payment-reference p", "run --crash-at nowhere:1", "demo --for 0s"]
    {
        let output = tollkeeper(line, &[]);
        assert_eq!(output.status.code(), Some(2), "{line}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{line}");
    }
}

#[test]
fn a_faulty_configuration_is_usage_and_lists_every_fault() {
    let line = "tenant close contoso --reason moved --dry-run --set commit_interval_ms=0 --set wrokers=3";
    let output = tollkeeper(line, &[("TOLLKEEPER_PARTITIONS", "many")]);
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    for fault in [
        "commit_interval_ms (command line): 0 is not from 1 to 60000",
        "wrokers (command line): no such key",
        "partitions (environment TOLLKEEPER_PARTITIONS): many is not a whole number",
    ] {
        assert!(message.contains(fault), "{fault} is not in {message}");
    }
}

#[test]
fn hidden_flags_are_not_in_the_help() {
    for (line, flag) in [("run --help", "--crash-at"), ("demo --help", "--sabotage")] {
        let output = tollkeeper(line, &[]);
        assert_eq!(output.status.code(), Some(0));
        assert!(!text(&output.stdout).contains(flag), "{line}");
    }
}

#[cfg(not(feature = "kafka"))]
#[test]
fn a_build_without_a_kafka_client_says_how_to_make_one() {
    for line in ["run", "audit", "deck list", "topics check", "offsets rewind", "tenant close contoso --reason moved"] {
        let output = tollkeeper(line, &[]);
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(text(&output.stderr).contains("cargo build --release --features kafka"), "{line}");
    }
}

#[cfg(feature = "kafka")]
#[test]
fn brokers_that_do_not_answer_are_named() {
    let line = "tenant close contoso --reason moved --brokers 127.0.0.1:1 --log-filter off";
    let output = tollkeeper(line, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no answer from the brokers 127.0.0.1:1"), "{}", text(&output.stderr));
}
