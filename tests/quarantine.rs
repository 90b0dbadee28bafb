//! What was put aside goes back once: the engine, its quarantine and its ledger in memory, and the command over files.

#[path = "support/partition.rs"]
mod partition;

use std::process::{Command, Output as Ended};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use partition::{PARTITION, Partition, rates};
use serde_json::{Value, json};
use tollkeeper::core::partition::PartitionId;
use tollkeeper::core::reason::Reason;
use tollkeeper::core::tenant::TenantId;
use tollkeeper::offline::audit::Place;
use tollkeeper::offline::quarantine::replay::{REPLAYED_RECORDS_MAX, ReplayPlan, Terms, TooMany};
use tollkeeper::offline::quarantine::{Listing, Selection};
use tollkeeper::stream::transport::{Input, Output};
use tollkeeper::wire::RECORD_BYTES_MAX;
use tollkeeper::wire::SourceRef;
use tollkeeper::wire::quarantine::{Entry, Kept, Quarantined, encode};

/// Now.
const NOON: &str = "2026-11-20T12:00:00Z";

fn time(text: &str) -> Timestamp {
    text.parse().expect(text)
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

struct World {
    partition: Partition,
    now: Timestamp,
}

impl World {
    fn new() -> World {
        World { partition: Partition::new(rates()), now: time(NOON) }
    }

    fn take(&mut self, input: Input, record: &Value) {
        self.partition.take(input, self.now, record.to_string().as_bytes());
        self.partition.commit();
    }

    fn open(&mut self, tenant: &str) {
        self.take(
            Input::Commands,
            &json!({"type": "tenant.open", "tenant": tenant, "command_id": format!("open-{tenant}"),
                    "at": self.now.to_string(), "currency": "USD", "price_list": "outbound-usd", "usage_country": "US"}),
        );
        self.take(
            Input::Commands,
            &json!({"type": "funds.add", "tenant": tenant, "command_id": format!("fund-{tenant}"),
                    "at": self.now.to_string(), "amount": "100.00", "payment_reference": format!("p-{tenant}")}),
        );
    }

    fn call(&mut self, tenant: &str, call_id: &str, ended_days_ago: i64, seconds: i64) {
        let answered_at = self.now - days(ended_days_ago) - SignedDuration::from_secs(seconds + 5);
        let cdr = json!({"call_id": call_id, "tenant": tenant, "service": "calling", "direction": "outbound",
            "from": "+14255550111", "to": "+33612345678", "number_type": "user", "user": "ada@contoso.example",
            "answered_at": answered_at.to_string(), "duration_seconds": seconds});
        self.take(Input::Cdrs, &cdr);
    }

    fn plan(&self, change: impl FnOnce(&mut Terms)) -> ReplayPlan {
        let mut plan = ReplayPlan::new(terms(change));
        for (offset, entry) in (0..).zip(&self.partition.written[Output::Quarantine.index()]) {
            plan.take(&Place::Offset { partition: PARTITION, offset }, entry).expect("a few");
        }
        if !plan.begin_check().is_empty() {
            self.partition.ledger().iter().for_each(|event| plan.note(event).expect("an event"));
            plan.finish_check();
        }
        plan
    }

    /// Sends what the plan says to the engine.
    fn replay(&mut self, plan: &ReplayPlan) {
        for outgoing in plan.outgoing() {
            self.partition.take(Input::Reroute, self.now, outgoing.envelope.as_bytes());
            self.partition.commit();
        }
    }

    fn ledger(&self) -> Vec<Value> {
        self.partition.ledger().iter().map(|event| serde_json::from_slice(event).expect("JSON")).collect()
    }

    fn debits(&self) -> Vec<Value> {
        let is_debit = |event: &Value| event["type"] == "tollkeeper.call.debited.v1";
        self.ledger().into_iter().filter(is_debit).collect()
    }

    fn reasons(&self) -> Vec<String> {
        let entries = self.partition.written[Output::Quarantine.index()].iter();
        let reason = |entry: Value| entry["reason"].as_str().expect("a reason").to_owned();
        entries.map(|entry| reason(serde_json::from_slice(entry).expect("JSON"))).collect()
    }
}

fn terms(change: impl FnOnce(&mut Terms)) -> Terms {
    let mut terms = Terms {
        selection: Selection::default(),
        late: false,
        as_new: false,
        topic_prefix: "tollkeeper".to_owned(),
        partitions: 1,
    };
    change(&mut terms);
    terms
}

#[test]
fn r3_a_record_that_is_replayed_twice_is_debited_once_and_the_debit_says_of_what() {
    let mut world = World::new();
    world.call("contoso", "c-1", 0, 78);
    assert_eq!(world.reasons(), ["unknown_tenant"]);
    world.open("contoso");
    let plan = world.plan(|_| {});
    world.replay(&plan);
    let debits = world.debits();
    assert_eq!(debits.len(), 1);
    assert_eq!(debits[0]["data"]["replay_of"], "tollkeeper.quarantine/0/0");
    assert_eq!(debits[0]["data"]["amount"], "0.25");
    world.replay(&plan);
    world.replay(&world.plan(|terms| terms.selection.reasons = vec!["unknown_tenant".parse().expect("a reason")]));
    assert_eq!(world.debits().len(), 1);
    assert_eq!(world.reasons(), ["unknown_tenant", "duplicate", "duplicate"]);
    assert_eq!(world.partition.folded(), world.partition.state());
}

#[test]
fn r4_a_late_call_passes_the_window_once_even_when_its_identity_is_forgotten() {
    let mut world = World::new();
    world.open("contoso");
    world.call("contoso", "c-1", 9, 78);
    // Without the flag it comes back, under the same source; one envelope of it goes on.
    world.replay(&world.plan(|_| {}));
    assert_eq!(world.reasons(), ["too_late", "too_late"]);
    let late = world.plan(|terms| terms.late = true);
    assert_eq!(late.outgoing().count(), 1);
    world.replay(&late);
    assert_eq!(world.debits().len(), 1);

    // The window and a day later nothing of it is remembered but by the ledger.
    world.now += days(9);
    let again = world.plan(|terms| terms.late = true);
    assert_eq!(again.outgoing().count(), 0);
    let report = again.json("sent");
    let debit = world.debits()[0]["id"].clone();
    assert_eq!((&report["refused"]["debited"], &report["rows"][0]["event"]), (&json!(1), &debit), "{report}");
    assert!(
        again.text("sent").contains(&format!("the call was debited before, by {}", debit.as_str().expect("an id")))
    );
    // Which is what the ledger is asked for.
    world.replay(&late);
    assert_eq!(world.debits().len(), 2, "the engine alone cannot know");
}

#[test]
fn r4_a_call_that_was_voided_and_released_can_be_replayed_late() {
    let mut world = World::new();
    world.open("contoso");
    world.call("contoso", "c-1", 9, 78);
    world.replay(&world.plan(|terms| terms.late = true));
    let void = |release: bool, debits: Vec<Value>| {
        json!({"type": "call.void", "tenant": "contoso", "command_id": format!("void-{release}"), "at": NOON,
               "call_id": "c-1", "reason": "unmade", "release": release, "debits": debits})
    };
    world.take(Input::Commands, &void(true, world.debits()));
    assert!(world.ledger().last().is_some_and(|event| event["type"] == "tollkeeper.call.voided.v1"));
    assert_eq!(world.plan(|terms| terms.late = true).outgoing().count(), 1);
}

#[test]
fn r3_a_conflicting_duplicate_is_a_call_of_its_own_once() {
    let mut world = World::new();
    world.open("contoso");
    world.call("contoso", "c-1", 0, 78);
    world.call("contoso", "c-1", 0, 200);
    world.call("contoso", "c-late", 9, 78);
    assert_eq!(world.reasons(), ["conflicting_duplicate", "too_late"]);
    let as_new = world.plan(|terms| terms.as_new = true);
    assert_eq!(as_new.json("sent")["refused"], json!({"no_conflict": 1}));
    world.replay(&as_new);
    world.replay(&as_new);
    let debits = world.debits();
    assert_eq!(debits.len(), 2);
    assert_eq!(debits[1]["data"]["call_id"], "c-1~tollkeeper.cdrs/0/3");
    assert_eq!(debits[1]["data"]["replay_of"], "tollkeeper.quarantine/0/0");
    // However late it comes again: under its own id, and under the one that it came with.
    world.now += days(9);
    for as_new in [true, false] {
        let again = world.plan(|terms| {
            terms.selection.reasons = vec!["conflicting_duplicate".parse().expect("a reason")];
            (terms.late, terms.as_new) = (true, as_new);
        });
        assert_eq!(again.json("sent")["refused"], json!({"debited": 1}), "as new: {as_new}");
    }
}

/// An entry as the engine writes it.
fn entry(topic: &str, offset: i64, reason: Reason, record: &[u8]) -> Vec<u8> {
    let source = SourceRef { topic: topic.into(), partition: PartitionId(0), offset, timestamp: time(NOON) };
    let mut bytes = Vec::new();
    let entry = Quarantined { reason, detail: "x".into(), source, record: Kept::of(record) };
    encode(&Entry::Quarantined(entry), &mut bytes);
    bytes
}

fn line(line: u64) -> Place {
    Place::Line { file: Arc::from("q.jsonl"), line }
}

#[test]
fn what_cannot_be_replayed_is_refused_and_says_why() {
    let mut world = World::new();
    world.open("contoso");
    world.call("contoso", "c-1", 0, 78);
    world.call("contoso", "c-1", 0, 78);
    let command =
        br#"{"type":"tenant.close","tenant":"contoso","command_id":"k","at":"2026-11-20T12:00:00Z","reason":"x"}"#;
    let duplicate = world.partition.written[Output::Quarantine.index()][0].to_vec();
    let cases = [
        (duplicate, "duplicate", "it was debited or applied before, and the record was not kept"),
        (
            entry("tollkeeper.cdrs", 1, Reason::Malformed, &vec![b' '; RECORD_BYTES_MAX + 1]),
            "cut",
            "the record was cut: it had 65537 bytes, more than 65536; it has to be sent anew, smaller",
        ),
        (
            entry("switch.raw", 2, Reason::Malformed, b"a;b"),
            "foreign",
            "it was read from switch.raw, which is no input of the engine: mend the mapping and let the intake read it again",
        ),
        (
            entry("tollkeeper.cdrs", 3, Reason::Malformed, b"{}"),
            "unreadable",
            "it still cannot be read (malformed: duration_seconds: missing): it has to be sent anew, corrected",
        ),
        (
            entry("tollkeeper.commands", 4, Reason::AccountFrozen, command),
            "no_call",
            "it is a command; --late and --as-new are for calls",
        ),
    ];
    for (entry, code, why) in cases {
        let mut plan = ReplayPlan::new(terms(|terms| terms.late = code == "no_call"));
        plan.take(&line(1), &entry).expect("one");
        let report = plan.json("sent");
        assert_eq!(report["refused"], json!({code: 1}), "{report}");
        assert_eq!(report["rows"][0]["why"], why, "{report}");
        assert_eq!(plan.outgoing().count(), 0);
    }
    // A command goes back as one; from a file, what is replayed is named by its source.
    let mut plan = ReplayPlan::new(terms(|_| {}));
    plan.take(&line(1), &entry("tollkeeper.commands", 4, Reason::AccountFrozen, command)).expect("one");
    let envelope: Value = serde_json::from_str(&plan.outgoing().next().expect("one").envelope).expect("JSON");
    assert_eq!(
        (&envelope["kind"], &envelope["replay"]["replay_of"]),
        (&json!("command"), &json!("tollkeeper.commands/0/4"))
    );
    plan.take(&line(2), b"{}").expect("unreadable entries are counted");
    assert_eq!(plan.json("sent")["unreadable"], 1);
}

#[test]
fn law8_more_than_a_run_replays_is_refused_as_a_whole() {
    let mut plan = ReplayPlan::new(terms(|_| {}));
    let mut offset = 0;
    let refused = loop {
        // Each is refused by itself, which keeps it small; the bound counts them all.
        let taken = plan.take(&line(1), &entry("tollkeeper.cdrs", offset, Reason::Malformed, b"{}"));
        offset += 1;
        if taken.is_err() {
            break taken;
        }
    };
    assert_eq!(refused, Err(TooMany));
    assert_eq!(usize::try_from(offset), Ok(REPLAYED_RECORDS_MAX + 1));
}

#[test]
fn a_listing_counts_all_and_shows_some_by_every_condition() {
    let mut world = World::new();
    world.open("contoso");
    for call in ["a", "b", "c"] {
        world.call("contoso", call, 9, 78);
    }
    world.call("fabrikam", "a", 0, 78);
    world.now += days(1);
    world.call("contoso", "d", 0, 78);
    world.call("contoso", "d", 0, 78);
    let list = |selection: Selection, rows: usize| {
        let mut listing = Listing::new(selection, rows);
        for (offset, entry) in (0..).zip(&world.partition.written[Output::Quarantine.index()]) {
            listing.take(&Place::Offset { partition: PARTITION, offset }, entry);
        }
        listing.json()
    };
    let all = list(Selection::default(), 2);
    assert_eq!(all["by_reason"], json!({"too_late": 3, "unknown_tenant": 1, "duplicate": 1}));
    assert_eq!(all["by_tenant"], json!({"contoso": 4, "fabrikam": 1}));
    assert_eq!((&all["by_partition"], &all["rows_left_out"]), (&json!({"0": 5}), &json!(3)));
    assert_eq!(all["rows"][0]["id"], "a");
    assert_eq!((&all["rows"][0]["partition"], &all["rows"][0]["offset"]), (&json!(0), &json!(0)));
    let count = |selection: Selection| list(selection, 9)["entries"].clone();
    let noon = time(NOON);
    assert_eq!(count(Selection { tenant: TenantId::new("fabrikam"), ..Selection::default() }), 1);
    assert_eq!(count(Selection { reasons: vec!["duplicate".parse().expect("one")], ..Selection::default() }), 1);
    assert_eq!(count(Selection { from: Some(noon + days(1)), ..Selection::default() }), 1);
    assert_eq!(count(Selection { to: Some(noon + days(1)), ..Selection::default() }), 4);
    assert_eq!(count(Selection { to: Some(noon), ..Selection::default() }), 0, "the end is exclusive");
    let source = "tollkeeper.cdrs/0/3".parse().expect("a source");
    assert_eq!(count(Selection { sources: vec![source], ..Selection::default() }), 1);
}

fn tollkeeper(line: &str) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollkeeper"));
    command.args(line.split_whitespace()).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("it was built")
}

#[test]
fn the_command_lists_and_plans_over_files_without_a_cluster() {
    let file = "tests/golden/history/quarantine.jsonl";
    let listed = tollkeeper(&format!("quarantine list --file {file} --json"));
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("one object");
    let lines = std::fs::read_to_string(file).expect("UTF-8").lines().count();
    assert_eq!((&listed["entries"], &listed["unreadable"]), (&json!(lines), &json!(0)));
    assert_eq!(listed["rows"][0]["line"], 1);

    let ledger = "tests/golden/history/ledger.jsonl";
    let planned = tollkeeper(&format!(
        "quarantine replay --file {file} --from 2020-01-01T00:00:00Z --late --ledger {ledger} --json --set partitions=4"
    ));
    assert!(planned.status.success(), "{}", String::from_utf8_lossy(&planned.stderr));
    let report: Value = serde_json::from_slice(&planned.stdout).expect("one object");
    assert_eq!((&report["selected"], &report["replay"]), (&json!(lines), &json!("would be sent")));
    assert!(report["refused"]["debited"].as_u64() > Some(0), "{report}");

    for (line, code) in [
        (format!("quarantine replay --file {file}"), 2),
        (format!("quarantine replay --file {file} --tenant contoso --late --commit --ledger {ledger}"), 2),
        (format!("quarantine list --file {file} --partition 3"), 2),
        ("quarantine list --reason tired".to_owned(), 2),
        ("quarantine list --file nowhere.jsonl".to_owned(), 1),
    ] {
        assert_eq!(tollkeeper(&line).status.code(), Some(code), "{line}");
    }
}
