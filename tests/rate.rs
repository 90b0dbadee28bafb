//! `tollkeeper rate` as its users run it: files in, charges out.

#[path = "support/partition.rs"]
mod partition;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

const CALLS: &str = "tests/data/calls.jsonl";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollkeeper"));
    command.current_dir(root()).arg("rate").args(args);
    command
}

fn rate(args: &[&str]) -> Output {
    command(args).output().expect("the program starts")
}

fn rate_stdin(args: &[&str], input: &[u8]) -> Output {
    let mut child = command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("piped").write_all(input).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn write(directory: &TempDir, name: &str, lines: &[Value]) -> String {
    let path = directory.path().join(name);
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(&path, text).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

fn temp() -> TempDir {
    tempfile::tempdir().expect("a directory for the test")
}

fn call(call_id: &str, to: &str, seconds: u64) -> Value {
    json!({
        "call_id": call_id, "tenant": "contoso", "service": "calling", "direction": "outbound", "from": "+14255550111",
        "to": to, "number_type": "user", "answered_at": "2026-11-20T10:15:30Z", "duration_seconds": seconds,
    })
}

fn with(mut value: Value, field: &str, to: Value) -> Value {
    value[field] = to;
    value
}

/// Opened on the first of November, funded on the tenth.
fn commands() -> Vec<Value> {
    let common =
        |id: &str, kind: &str, at: &str| json!({"command_id": id, "tenant": "contoso", "type": kind, "at": at});
    let mut open = common("open", "tenant.open", "2026-11-01T00:00:00Z");
    for (field, value) in [("currency", "USD"), ("price_list", "outbound-usd"), ("usage_country", "US")] {
        open[field] = value.into();
    }
    let mut funds = common("funds", "funds.add", "2026-11-10T00:00:00Z");
    funds["amount"] = "0.30".into();
    funds["payment_reference"] = "p-1".into();
    vec![funds, open]
}

/// The summary that `--json` prints, and the charges.
fn summary(output: &Output) -> Value {
    serde_json::from_slice(&output.stderr).expect("one object")
}

#[test]
fn known_calls_have_their_known_prices() {
    let charges = lines(&rate(&[CALLS]));
    let told: Vec<(&str, &str, &str)> = charges
        .iter()
        .map(|charge| {
            let field = |name: &str| charge[name].as_str().unwrap_or_default();
            (field("call_id"), field("amount"), field("reason"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("c-1", "0.026", ""),
            ("c-2", "0.25", ""),
            ("c-3", "0.892", ""),
            ("c-4", "0.015", ""),
            ("c-5", "0.32", ""),
            ("c-6", "", "no_rate"),
            ("c-7", "0.00", ""),
        ]
    );
    assert_eq!(
        charges[0],
        json!({
            "call_id": "c-1", "part": 0, "tenant": "contoso", "outcome": "debited", "amount": "0.026", "currency": "USD",
            "billed_seconds": 120, "pool_minutes": 0, "paid_seconds": 120, "prefix": "1425", "destination": "USA",
            "rate": "0.013",
        })
    );
}

#[test]
fn the_summary_says_what_was_done() {
    let output = rate(&[CALLS, "--json"]);
    let mut summary = summary(&output);
    let speed = summary["records_per_second"].as_u64().expect("a number");
    assert!(speed > 0);
    summary.as_object_mut().expect("an object").retain(|name, _| !name.contains("second"));
    assert_eq!(
        summary,
        json!({
            "records": 7, "debited": 6, "duplicates": 0, "quarantined": {"no_rate": 1}, "skipped": {},
            "amounts": [{"currency": "USD", "amount": "1.503"}],
        })
    );
    let printed = rate(&[CALLS]);
    let printed = text(&printed.stderr);
    for line in ["7 records", "6 debited", "1 quarantined", "1   no_rate", "1.503 USD", "records a second"] {
        assert!(printed.contains(line), "{line} in {printed}");
    }
}

#[test]
fn law10_poison_gets_its_reason_and_the_next_line_is_rated() {
    let mut input = Vec::new();
    let long = format!("{}\n", call(&"x".repeat(70_000), "+14255550100", 60));
    let poison: [&[u8]; 8] = [
        b"{broken\n",
        b"[]\n",
        b"\xff\xfe\n",
        b"\n",
        b"{\"call_id\":\"a\",\"version\":2}\n",
        b"{\"call_id\":1e999}\n",
        long.as_bytes(),
        b"null\r\n",
    ];
    poison.iter().for_each(|line| input.extend_from_slice(line));
    input.extend_from_slice(with(call("negative", "+1", 1), "duration_seconds", json!(-1)).to_string().as_bytes());
    input.push(b'\n');
    input.extend_from_slice(call("last", "+14255550100", 61).to_string().as_bytes()); // no line end
    let charges = lines(&rate_stdin(&["-"], &input));
    let told: Vec<&str> = charges.iter().map(|c| c["reason"].as_str().or(c["amount"].as_str()).expect("one")).collect();
    let m = "malformed";
    assert_eq!(told, [m, m, m, "unsupported_version", m, m, m, m, "0.026"], "a blank line is no record");
    for charge in &charges[..8] {
        assert_ne!(charge["detail"].as_str(), None, "{charge}");
    }
}

#[test]
fn csv_has_a_header_and_the_same_columns() {
    let directory = temp();
    let path = directory.path().join("charges.csv");
    let path = path.to_str().expect("UTF-8");
    let output = rate(&[CALLS, "--format", "csv", "--output", path]);
    assert!(output.status.success() && output.stdout.is_empty());
    let table = std::fs::read_to_string(path).expect("written");
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(
        rows[..2],
        [
            "call_id,part,tenant,outcome,reason,detail,amount,currency,billed_seconds,pool_minutes,paid_seconds,prefix,destination,rate,balance",
            "c-1,0,contoso,debited,,,0.026,USD,120,0,120,1425,USA,0.013,",
        ]
    );
    assert!(rows[6].starts_with("c-6,0,contoso,quarantined,no_rate,"), "{}", rows[6]);
    assert_eq!(rows.len(), 8);
}

#[test]
fn with_commands_tenants_are_debited_and_the_ledger_folds_to_the_same_balance() {
    let directory = temp();
    let early = with(call("early", "+14255550100", 60), "answered_at", json!("2026-11-09T23:00:00Z"));
    let calls = [
        early,
        call("a", "+14255550100", 61),
        call("b", "+33612345678", 78),
        call("a", "+14255550100", 61),
        call("a", "+14255550100", 62),
        with(call("a", "+14255550100", 61), "tenant", json!("fabrikam")),
        call("c", "+33612345678", 60),
    ];
    let calls = write(&directory, "calls.jsonl", &calls);
    let commands = write(&directory, "commands.jsonl", &commands());
    let events = directory.path().join("events.jsonl");
    let events = events.to_str().expect("UTF-8");
    let output =
        rate(&[&calls, "--commands", &commands, "--events", events, "--acceptance-window-days", "30", "--json"]);
    let charges = lines(&output);
    let told: Vec<String> = charges
        .iter()
        .map(|charge| {
            let field = |name: &str| charge[name].as_str().unwrap_or("-");
            format!("{} {} {} {}", field("outcome"), field("reason"), field("amount"), field("balance"))
        })
        .collect();
    assert_eq!(
        told,
        [
            "debited - 0.013 -0.013",
            "debited - 0.026 0.261",
            "debited - 0.25 0.011",
            "duplicate - - -",
            "quarantined conflicting_duplicate - -",
            "quarantined unknown_tenant - -",
            "debited - 0.125 -0.114",
        ]
    );
    assert_eq!(summary(&output)["amounts"], json!([{"currency": "USD", "amount": "0.414"}]));

    let ledger = std::fs::read_to_string(events).expect("written");
    let types: Vec<&str> = ledger.lines().map(type_of).collect();
    assert_eq!(
        types,
        [
            "tenant.opened",
            "tenant.blocked",
            "call.debited",
            "funds.added",
            "tenant.unblocked",
            "call.debited",
            "call.debited",
            "call.debited",
            "balance.reached_zero",
            "tenant.blocked",
        ]
    );
    let restored = partition::fold(ledger.lines().map(str::as_bytes), Timestamp::UNIX_EPOCH);
    assert!(restored.frozen.is_empty());
    assert_eq!(restored.accounts[0].balance().to_string(), "-0.114");
}

fn type_of(line: &str) -> &str {
    let name = line.split("\"type\":\"tollkeeper.").nth(1).and_then(|rest| rest.split(".v1\"").next());
    name.expect("an event")
}

#[test]
fn r4_the_clock_is_the_end_of_the_latest_call_or_as_given() {
    let directory = temp();
    let old = with(call("old", "+14255550100", 60), "answered_at", json!("2026-11-10T10:15:30Z"));
    let calls = write(&directory, "calls.jsonl", &[old, call("young", "+14255550100", 60)]);
    let commands = write(&directory, "commands.jsonl", &commands());
    let reasons = |more: &[&str]| -> Vec<String> {
        let args: Vec<&str> = [&*calls, "--commands", &commands].into_iter().chain(more.iter().copied()).collect();
        lines(&rate(&args)).iter().map(|charge| charge["reason"].as_str().unwrap_or("-").to_owned()).collect()
    };
    assert_eq!(reasons(&[]), ["too_late", "-"]);
    assert_eq!(reasons(&["--acceptance-window-days", "9"]), ["too_late", "-"]);
    assert_eq!(reasons(&["--acceptance-window-days", "10"]), ["-", "-"]);
    assert_eq!(reasons(&["--now", "2026-11-17T10:00:00Z"]), ["-", "in_future"]);
}

#[test]
fn a_command_that_is_refused_ends_the_run_and_names_its_line() {
    let directory = temp();
    let calls = write(&directory, "calls.jsonl", &[call("a", "+14255550100", 60)]);
    let mut wrong = commands();
    wrong[1]["price_list"] = "none".into();
    let wrong = write(&directory, "wrong.jsonl", &wrong);
    let output = rate(&[&calls, "--commands", &wrong]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("wrong.jsonl") && said.contains("line 2") && said.contains("unknown_price_list"), "{said}");

    let unreadable = write(&directory, "unreadable.jsonl", &[json!({"tenant": "contoso"})]);
    let output = rate(&[&calls, "--commands", &unreadable]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("line 1: command_id: missing"), "{}", text(&output.stderr));
}

#[test]
fn wrong_flags_are_usage_and_nothing_is_done() {
    let directory = temp();
    let commands = write(&directory, "commands.jsonl", &commands());
    let odd = write(&directory, "calls.log", &[call("a", "+14255550100", 60)]);
    let cases: [(&[&str], &str); 12] = [
        (&["-", "--commands", &commands], "needs --now"),
        (&["-", "-"], "can be read once"),
        (&[&odd], "give --input-format"),
        (&[CALLS, "--price-list", "none"], "the catalog has no none, it has outbound-usd"),
        (&[CALLS, "--usage-country", "XX"], "no country XX"),
        (&[CALLS, "--events", "x"], "--commands"),
        (&[CALLS, "--price-list", "outbound-usd", "--commands", &commands], "cannot be used with"),
        (&[], "CDRFILE"),
        (&[CALLS, "--input-format", "graph"], "--mapping: needed for graph"),
        (&[CALLS, "--mapping", "x.toml"], "--input-format"),
        (&[CALLS, "--input-format", "json", "--mapping", "Cargo.toml"], "Cargo.toml: the mapping has faults"),
        (&[CALLS, "--input-format", "kamailio", "--mapping", "none.toml"], "none.toml: No such file"),
    ];
    for (args, said) in cases {
        let output = rate(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty());
        assert!(text(&output.stderr).contains(said), "{args:?}: {}", text(&output.stderr));
    }
    assert_eq!(lines(&rate(&[&odd, "--input-format", "jsonl"])).len(), 1);
}

const FORMATS: &str = "tests/data/formats";

/// What is said of each row of a sample of `tests/data/formats`: call, reason or amount.
fn of_switch(format: &str, ending: &str, more: &[&str]) -> (Vec<String>, Value) {
    let (file, mapping) = (format!("{FORMATS}/{format}.{ending}"), format!("{FORMATS}/{format}.toml"));
    let args: Vec<&str> = ["--input-format", format, "--mapping", &mapping, "--json", &file].into_iter().collect();
    let args: Vec<&str> = args.into_iter().chain(more.iter().copied()).collect();
    let output = rate(&args);
    let field = |charge: &Value, name: &str| charge[name].as_str().unwrap_or("-").to_owned();
    let told = lines(&output).into_iter().map(|charge| {
        let said = if charge["outcome"] == "debited" { "amount" } else { "outcome" };
        format!("{} {} {}", field(&charge, "call_id"), field(&charge, said), field(&charge, "reason"))
    });
    (told.collect(), summary(&output))
}

#[test]
fn cdrs_of_a_switch_are_priced_and_what_cannot_be_read_is_put_aside() {
    let (told, summary) = of_switch("kamailio", "log", &[]);
    assert_eq!(
        told,
        [
            "sip-1@edge:tt1 0.25 -",
            "sip-2@edge 0.026 -",
            "sip-3@edge:missed:1795169870 0.00 -",
            "sip-3@edge:missed:1795169870 0.00 -",
            "- quarantined malformed",
            "- quarantined malformed",
            "- quarantined malformed",
            "- quarantined unsupported_version",
            "- quarantined malformed",
        ]
    );
    assert_eq!(summary["records"], 9);
    assert_eq!(summary["skipped"], json!({"not_finished": 1, "not_a_call": 2}));
    assert_eq!(summary["quarantined"], json!({"unsupported_version": 1, "malformed": 4}));
}

#[test]
fn r3_a_uuid_that_comes_again_is_debited_once() {
    let directory = temp();
    let commands = write(&directory, "commands.jsonl", &commands());
    let (told, summary) = of_switch("freeswitch_csv", "csv", &["--commands", &commands]);
    let uuid = |n: u8| format!("f6000000-0000-4000-8000-00000000000{n}");
    assert_eq!(
        told,
        [
            format!("{} 0.054 -", uuid(1)),
            format!("{} 0.078 -", uuid(2)),
            format!("{} duplicate -", uuid(2)),
            format!("{} duplicate -", uuid(2)),
            format!("{} 0.00 -", uuid(3)),
            "- quarantined malformed".into(),
            "- quarantined malformed".into(),
        ]
    );
    assert_eq!((&summary["duplicates"], &summary["skipped"]), (&json!(2), &json!({"by_mapping": 1})));
}

#[test]
fn native_csv_is_known_by_its_extension_and_costs_what_json_does() {
    let directory = temp();
    let path = directory.path().join("calls.csv");
    let header = "call_id,tenant,service,direction,from,to,number_type,answered_at,duration_seconds\n";
    let rows = "c,contoso,calling,outbound,+14255550111,+33612345678,user,2026-11-20T10:15:30Z,78\n";
    std::fs::write(&path, format!("{header}{rows}")).expect("written");
    let charges = lines(&rate(&[path.to_str().expect("UTF-8"), CALLS]));
    assert_eq!((charges.len(), &charges[0]["amount"]), (8, &json!("0.25")));
    let piped = lines(&rate_stdin(&["-", "--input-format", "csv"], format!("{header}{rows}").as_bytes()));
    assert_eq!(piped[0]["amount"], "0.25");
}

#[test]
fn a_missing_file_is_named_before_anything_is_rated() {
    let output = rate(&[CALLS, "none.jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty() && text(&output.stderr).contains("none.jsonl"), "{}", text(&output.stderr));
    assert!(!Path::new("none.jsonl").exists());
}

#[test]
fn whoever_stops_reading_has_seen_enough() {
    let mut child = command(&[CALLS]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program starts");
    drop(child.stdout.take());
    assert!(child.wait().expect("it ends").success());
}
