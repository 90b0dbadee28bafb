//! A good ledger of two tenants, and every kind of fault planted in it.

use serde_json::{Value, json};

use super::*;

const LEDGER: &str = include_str!("../../../tests/data/ledger.jsonl");
const FILE: &str = "ledger.jsonl";
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
const PARTITIONS: u32 = 8;

fn ledger() -> Vec<Value> {
    LEDGER.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn place_of(ledger: &[Value], id: &str) -> usize {
    ledger.iter().position(|event| event["id"] == id).unwrap_or_else(|| panic!("no {id}"))
}

/// Changes `data` of one event.
fn with(mut ledger: Vec<Value>, id: &str, change: impl FnOnce(&mut Value)) -> Vec<Value> {
    let place = place_of(&ledger, id);
    change(&mut ledger[place]["data"]);
    ledger
}

fn set(id: &str, field: &str, value: Value) -> Vec<Value> {
    with(ledger(), id, |data| data[field] = value)
}

fn without(id: &str) -> Vec<Value> {
    let mut ledger = ledger();
    ledger.remove(place_of(&ledger, id));
    ledger
}

/// One more event of contoso at the end, made of another one.
fn then(of: &str, change: impl FnOnce(&mut Value)) -> Vec<Value> {
    let mut ledger = ledger();
    let mut event = ledger[place_of(&ledger, of)].clone();
    event["id"] = "contoso/11".into();
    event["data"]["balance"] = "148.958".into();
    change(&mut event);
    ledger.push(event);
    ledger
}

fn audited(lines: &[String], window: SignedDuration) -> Report {
    let mut audit = Audit::new(Terms { acceptance_window: window, partitions: None });
    for (line, number) in lines.iter().zip(1..) {
        audit.take(&Place::Line { file: FILE.into(), line: number }, line.as_bytes());
    }
    audit.finish()
}

fn audit(ledger: &[Value]) -> Report {
    audited(&ledger.iter().map(Value::to_string).collect::<Vec<_>>(), WEEK)
}

/// Each tenant's fault: event, law, detail.
fn faults(report: &Report) -> Vec<(&str, &str, &str)> {
    report.faults.values().map(|fault| (fault.event.as_deref().unwrap(), fault.law.code(), &*fault.detail)).collect()
}

#[test]
fn r42_a_good_ledger_adds_up() {
    let report = audit(&ledger());
    assert!(report.adds_up(), "{report}");
    assert_eq!(
        report.to_string(),
        "           2 tenants\n          22 events\n           2 in USD: 160.25 added - 1.494 debited - 9.798 expired + 0.00 \
         adjusted = 148.958\nIt adds up.\n"
    );
}

#[test]
fn r40_r41_r42_every_planted_fault_is_found_and_named() {
    let lot = |lot: &str, amount: &str| json!({"lot": lot, "amount": amount});
    let cases = [
        // Sequence.
        (without("contoso/4"), "contoso/5", "sequence", "5 comes after 3: 4 is missing"),
        (without("contoso/1"), "contoso/2", "sequence", "the account begins at 2, not at 1"),
        (then("contoso/10", |event| event["id"] = "contoso/10".into()), "contoso/10", "sequence", "it is there twice"),
        (then("contoso/1", |_| ()), "contoso/11", "sequence", "begins with tenant.opened, once"),
        // The balance.
        (
            set("contoso/9", "balance", json!("148.959")),
            "contoso/9",
            "balance",
            "says 148.959, its amounts make it 148.958",
        ),
        (set("contoso/4", "balance", json!("50.09")), "contoso/4", "balance", "says 50.09, its amounts make it 50.10"),
        (set("contoso/3", "amount", json!("50.11")), "contoso/3", "balance", "says 50.10, its amounts make it 50.11"),
        // Lines.
        (
            set("contoso/6", "lines", json!([{"kind": "usage", "amount": "0.24"}])),
            "contoso/6",
            "lines",
            "the lines sum to 0.24, the debit is 0.25",
        ),
        (set("contoso/6", "amount", json!("0.26")), "contoso/6", "lines", "the lines sum to 0.25, the debit is 0.26"),
        // Lots and debt.
        (set("contoso/6", "lots", json!([lot("l3", "0.24")])), "contoso/6", "lots", "sum to 0.24, the amount is 0.25"),
        (
            set("contoso/6", "lots", json!([lot("l2", "0.25")])),
            "contoso/6",
            "lots",
            "l2 is drawn from, and is not the oldest lot: l3 is",
        ),
        (set("contoso/9", "lots", json!([lot("l8", "0.892")])), "contoso/9", "lots", "is not the oldest lot: l3 is"),
        (
            set("fabrikam/6", "lots", json!([lot("l3", "0.15")])),
            "fabrikam/6",
            "lots",
            "0.15 is drawn from l3, which holds 0.10",
        ),
        (
            with(ledger(), "fabrikam/6", |data| {
                data["lots"] = json!([lot("l3", "0.10"), lot("l5", "0.04")]);
                data["debt"] = "0.18".into();
            }),
            "fabrikam/6",
            "lots",
            "a debt of 0.18 is made while l5 holds money",
        ),
        (
            set("fabrikam/8", "debt_repaid", json!("0.16")),
            "fabrikam/8",
            "lots",
            "0.16 of the debt is repaid, 0.17 must be",
        ),
        (set("fabrikam/12", "amount", json!("9.797")), "fabrikam/12", "lots", "it holds 9.798"),
        (set("fabrikam/12", "lot", json!("l5")), "fabrikam/12", "lots", "9.798 of l5 is forfeited: it is not there"),
        // Ids and causes.
        (set("contoso/3", "lot", json!("l4")), "contoso/3", "ids", "lot is l4, it must be l3"),
        (set("contoso/7", "recharge_id", json!("contoso/r6")), "contoso/7", "ids", "must be contoso/r7"),
        (set("contoso/6", "cause", json!("c-1/1")), "contoso/6", "ids", "cause is c-1/1, it must be c-1/0"),
        (then("contoso/10", |_| ()), "contoso/11", "cause", "part 0 of call c-4 was debited before, at number 10"),
        (
            then("contoso/10", |event| {
                event["data"]["part"] = 1.into();
                event["data"]["cause"] = "c-4/1".into();
            }),
            "contoso/11",
            "cause",
            "part 1 of call c-4 was debited before, at number 10",
        ),
        (then("contoso/5", |_| ()), "contoso/11", "cause", "command recharge-1 was applied before, at number 5"),
        (
            set("fabrikam/5", "payment_reference", json!("invoice-2")),
            "fabrikam/5",
            "cause",
            "payment invoice-2 was applied before",
        ),
        // Recharges.
        (set("contoso/8", "recharge_id", json!("contoso/r6")), "contoso/8", "recharge", "contoso/r6 was not requested"),
        (
            set("contoso/7", "amount", json!("200.00")),
            "contoso/8",
            "recharge",
            "requested with 200.00, and settled with 100.00",
        ),
        (
            then("contoso/8", |event| {
                event["data"]["cause"] = "settle-2".into();
                event["data"]["lot"] = "l11".into();
                event["data"]["balance"] = "248.958".into();
            }),
            "contoso/11",
            "recharge",
            "contoso/r7 was settled before",
        ),
        // What this release cannot read.
        (set("contoso/6", "surcharge", json!("1.00")), "contoso/6", "form", "surcharge"),
        (set("contoso/6", "balance", json!("fifty")), "contoso/6", "form", "balance: fifty is not an amount"),
        (
            set("contoso/6", "balance", json!(49.85)),
            "contoso/6",
            "form",
            "data: invalid type: floating point `49.85`, expected a string",
        ),
        (
            then("contoso/10", |event| event["type"] = "tollkeeper.tenant.renamed.v1".into()),
            "contoso/11",
            "form",
            "tenant.renamed",
        ),
    ];
    for (ledger, event, law, detail) in cases {
        let report = audit(&ledger);
        let found = faults(&report);
        let [(its_event, its_law, its_detail)] = found[..] else { panic!("{event} {law} {detail}: {report}") };
        assert!(its_detail.contains(detail), "{event} {law} {detail}: {report}");
        assert_eq!((its_event, its_law), (event, law), "{report}");
        let line = place_of(&ledger, event) + 1;
        let place = &report.faults.values().next().unwrap().place;
        let is_told_twice = law == "sequence" && detail.contains("twice");
        if !is_told_twice {
            assert_eq!(place.to_string(), format!("{FILE}, line {line}"));
        }
        assert_eq!(report.tenants, 2, "the other tenant goes on");
        assert_eq!(report.sums["USD"].tenants, 1, "its money is counted, that of the faulty one is not");
    }
}

#[test]
fn only_the_first_fault_of_a_tenant_is_told_and_the_others_go_on() {
    let twice = with(without("contoso/4"), "contoso/9", |data| data["balance"] = "1.00".into());
    let both = with(twice, "fabrikam/10", |data| data["amount"] = "0.033".into());
    let report = audit(&both);
    assert_eq!(faults(&report).iter().map(|(event, ..)| *event).collect::<Vec<_>>(), ["contoso/5", "fabrikam/10"]);
    assert_eq!((report.tenants, report.events, report.sums.len()), (2, 21, 0));
    assert!(
        report.to_string().ends_with("It does not add up: tenants with a fault 2, records that are no events 0.\n"),
        "{report}"
    );
}

#[test]
fn what_is_no_event_is_told_and_counted() {
    let mut lines: Vec<String> = LEDGER.lines().map(str::to_owned).collect();
    lines.insert(3, "{broken".into());
    lines.insert(4, json!({"id": "contoso", "type": "x"}).to_string());
    lines.extend((0..20).map(|_| "null".to_owned()));
    lines.push(json!({"id": "con/toso/1"}).to_string());
    lines.push(json!({"id": "contoso/011"}).to_string());
    let report = audited(&lines, WEEK);
    assert!(report.faults.is_empty() && !report.adds_up());
    assert_eq!((report.unreadable.count, report.unreadable.first.len()), (24, 10));
    assert_eq!(report.sums["USD"].tenants, 2);
    let told = report.to_string();
    assert!(
        told.contains("fault  ledger.jsonl, line 4: breaks form: key must be a string at line 1 column 2"),
        "{told}"
    );
    assert!(told.contains("and 14 more records that are no events"), "{told}");
    assert_eq!(report.json()["unreadable"], 24);
}

/// Nothing of a record may end the audit.
#[test]
fn law10_whatever_stands_in_a_ledger_gets_its_fault() {
    for (field, poison) in [
        ("data", json!(null)),
        ("data", json!([])),
        ("data", json!({"lots": {}, "lines": 1, "amount": "-999999999999999.999999999", "balance": "0"})),
        ("data", json!({"call_id": "c", "part": -1, "amount": "1", "lines": [{}], "balance": "0"})),
        ("data", json!({"call_id": "c", "cause": "c/0", "amount": "1", "lots": [{"lot": "l"}], "balance": "0"})),
        ("time", json!(5)),
        ("type", json!({})),
        ("specversion", json!("2.0")),
    ] {
        for id in ["contoso/3", "contoso/6", "contoso/7", "contoso/8", "fabrikam/12"] {
            let mut ledger = ledger();
            let place = place_of(&ledger, id);
            ledger[place][field] = poison.clone();
            let report = audit(&ledger);
            assert_eq!(report.faults.len(), 1, "{id} {field} {poison}: {report}");
        }
    }
}

#[test]
fn r4_a_call_id_is_free_again_after_the_window_and_a_day() {
    let at = |time: &str| then("contoso/10", |event| event["time"] = time.into());
    assert_eq!(faults(&audit(&at("2026-11-28T13:59:59.999Z"))).len(), 1);
    assert!(audit(&at("2026-11-28T14:00:00.000Z")).adds_up());
    let lines: Vec<String> = at("2026-11-28T14:00:00.000Z").iter().map(Value::to_string).collect();
    assert_eq!(audited(&lines, WEEK * 2).faults.len(), 1);
    let command = |time: &str| then("contoso/5", |event| event["time"] = time.into());
    assert_eq!(faults(&audit(&command("2026-12-26T08:01:59.999Z"))).len(), 1);
    assert!(audit(&command("2026-12-26T08:02:00.000Z")).adds_up());
}

#[test]
fn a_tenant_is_at_home_in_one_partition() {
    let mut audit = Audit::new(Terms { acceptance_window: WEEK, partitions: Some(PARTITIONS) });
    let home = |tenant| home_partition(tenant, PARTITIONS);
    assert_ne!(home("contoso"), home("fabrikam"));
    let ledger = ledger();
    for partition in (0..PARTITIONS).map(PartitionId) {
        for (event, offset) in ledger.iter().zip(100..) {
            let tenant = event["id"].as_str().unwrap().split_once('/').unwrap().0;
            // One event of fabrikam has gone astray.
            let astray = event["id"] == "fabrikam/9" && partition == home("contoso");
            if astray || (home(tenant) == partition && event["id"] != "fabrikam/9") {
                audit.take(&Place::Offset { partition, offset }, event.to_string().as_bytes());
            }
        }
        audit.close_partition();
    }
    let report = audit.finish();
    let found = &report.faults["fabrikam"];
    let places = [(home("contoso"), "fabrikam/9", Law::Partition), (home("fabrikam"), "fabrikam/10", Law::Sequence)];
    let (partition, event, law) = places.into_iter().min().unwrap();
    assert_eq!((found.event.as_deref(), found.law), (Some(event), law), "{report}");
    assert!(matches!(found.place, Place::Offset { partition: its, .. } if its == partition));
    assert!(!report.faults.contains_key("contoso"));
    if law == Law::Partition {
        assert_eq!(found.detail, format!("the home of fabrikam is partition {} of 8", home("fabrikam")));
        assert!(found.to_string().starts_with(&format!("partition {partition}, offset ")), "{found}");
    }
}

#[test]
fn the_report_as_json_has_what_a_script_needs() {
    let report = audit(&set("contoso/9", "balance", json!("148.959")));
    assert_eq!(
        report.json(),
        json!({
            "adds_up": false, "tenants": 2, "events": 22, "unreadable": 0, "first_unreadable": [],
            "sums": [{
                "currency": "USD", "tenants": 1, "added": "10.15", "debited": "0.352", "expired": "9.798",
                "adjusted": "0.00", "balance": "0.00",
            }],
            "faults": [{
                "tenant": "contoso", "event": "contoso/9", "file": FILE, "line": 16, "law": "balance",
                "detail": "the event says 148.959, its amounts make it 148.958",
            }],
        })
    );
    let codes: Vec<&str> = Law::ALL.into_iter().map(Law::code).collect();
    let mut once = codes.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), codes.len());
}
