//! The demo from outside: its proof adds up, and notices each way of falsifying a single debit.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn demo(flags: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollkeeper"));
    let catalog = concat!(env!("CARGO_MANIFEST_DIR"), "/rates");
    command.args(["demo", "--catalog", catalog, "--http", "off", "--tenants", "100"]).args(flags.split_whitespace());
    command
}

fn text(output: &Output) -> String {
    let streams = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    streams.concat()
}

#[test]
fn the_proof_adds_up() {
    let output = demo("--for 2s --rate 2000 --seed 11 --json").output().expect("the program was built with this test");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let result: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(result["adds_up"], true);
    assert_eq!(result["seed"], 11);
    let count = |name: &str| result[name].as_u64().unwrap_or_else(|| panic!("{name} is a count in {result}"));
    let quarantined: u64 = result["quarantined"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(count("cdrs"), count("debited") + count("duplicates") + quarantined, "{result}");
    assert!(count("cdrs") > 1_000, "{result}");
    assert!(count("paid") > 500, "{result}");
    assert!(count("duplicates") > 0 && count("rerouted") > 0, "{result}");
    assert_eq!(result["quarantined"]["malformed"], 3, "one of each kind of poison: {result}");
    assert_eq!(result["proof"].as_array().unwrap().len(), 9, "{result}");
}

#[test]
fn each_sabotage_of_one_debit_is_noticed_and_the_call_is_named() {
    for (sabotage, fault) in
        [("drop", "has no outcome"), ("double", "a second outcome"), ("cent", "expected a debit of")]
    {
        let flags = format!("--for 1s --rate 2000 --seed 12 --sabotage {sabotage}");
        let output = demo(&flags).output().expect("the program was built with this test");
        let text = text(&output);
        assert_eq!(output.status.code(), Some(3), "{sabotage}: {text}");
        let named = text.lines().find(|line| line.contains(fault)).unwrap_or_else(|| panic!("{sabotage}: {text}"));
        assert!(named.trim_start().starts_with("call "), "{sabotage}: {named}");
        assert!(text.contains("It does not add up."), "{sabotage}: {text}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_traffic_and_the_proof_is_made() {
    use std::io::{BufRead, BufReader, Read};

    let mut command = demo("--for 10m --rate 1000 --seed 13");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program was built");
    // The first moment that is shown says that traffic flows.
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("CDRs rated") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "the demo ended before it showed anything");
    }
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{stdout}");
    assert!(stdout.contains("It adds up."), "{stdout}");
}
