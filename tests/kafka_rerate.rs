//! `tollkeeper rerate` over a real Apache Kafka: the corrections that it publishes reach the engine once.
#![cfg(feature = "kafka")]

mod support;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use support::books::values;
use support::broker::Broker;
use support::calls::{Call, platform_producer, send};
use support::commands::{add_funds, open};
use support::deadline::wait_until;
use support::engine::Site;
use support::log::{flush, read_committed};

const WITHIN: Duration = Duration::from_secs(60);
const PARTITIONS: u32 = 4;
const CALLS: usize = 30;

/// The balance after each tenant's last event.
fn balance(broker: &Broker, site: &Site, tenant: &str) -> Option<String> {
    let events = values(broker, &site.topic("ledger"), WITHIN);
    let of_tenant = |event: &&Value| event["id"].as_str().is_some_and(|id| id.starts_with(&format!("{tenant}/")));
    events.iter().rfind(of_tenant).and_then(|event| event["data"]["balance"].as_str().map(str::to_owned))
}

/// All calls of the last days.
fn rerate(site: &Site, deck: &Path, more: &[&str]) -> Value {
    let deck = deck.to_str().expect("UTF-8");
    let whole = ["rerate", "--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z", "--deck", deck, "--json"];
    serde_json::from_str(&site.tollkeeper(&[&whole[..], more].concat())).expect("one object")
}

#[test]
fn published_corrections_are_applied_once_and_the_ledger_adds_up() {
    let broker = Broker::start("rerate");
    let site = Site::create(&broker, "rerate", PARTITIONS);
    let mut engine = site.start("a");
    engine.wait_ready(PARTITIONS.into());
    let producer = platform_producer(&broker);
    for tenant in ["contoso", "fabrikam"] {
        open(&producer, &site, tenant);
        add_funds(&producer, &site, tenant, "100.00", "p-1");
    }
    flush(&producer);
    wait_until("both are funded", WITHIN, || {
        ["contoso", "fabrikam"].iter().all(|tenant| balance(&broker, &site, tenant).as_deref() == Some("100.00"))
    });
    for number in 0..CALLS {
        let tenant = if number % 3 == 0 { "fabrikam" } else { "contoso" };
        let call = Call::ended_now(tenant, &format!("c-{number}"), "33612345678", 78);
        send(&producer, &site.topic("cdrs"), tenant, &call.cdr());
    }
    flush(&producer);
    let balances = |contoso: &str, fabrikam: &str| {
        wait_until(&format!("{contoso} and {fabrikam} are left"), WITHIN, || {
            let left = ["contoso", "fabrikam"].map(|tenant| balance(&broker, &site, tenant).unwrap_or_default());
            left == [contoso, fabrikam]
        });
    };
    balances("95.00", "97.50"); // 20 and 10 calls of 2 x 0.125

    let deck = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/second/outbound-usd.csv");
    let what_if = rerate(&site, &deck, &[]);
    assert_eq!((&what_if["cheaper"], &what_if["corrections"]), (&json!(30), &json!("proposed")), "{what_if}");
    assert_eq!(what_if["sums"][0]["difference"], "-1.50");
    let commands = || read_committed(&broker, &site.topic("commands"), WITHIN).len();
    let before = commands();
    let one = rerate(&site, &deck, &["--tenant", "fabrikam", "--apply"]);
    assert_eq!((&one["cheaper"], &one["corrections"]), (&json!(10), &json!("published")));
    // At once again, whether the first are applied by now or not.
    for _ in 0..2 {
        rerate(&site, &deck, &["--apply"]);
    }
    balances("96.00", "98.00");
    let after = rerate(&site, &deck, &["--apply"]);
    assert_eq!((&after["cheaper"], &after["dearer"]), (&json!(0), &json!(0)));
    assert!(commands() >= before + CALLS);
    wait_until("every command has its outcome", WITHIN, || support::desk::lag(&mut engine) == 0.0);
    balances("96.00", "98.00");
    let report: Value = serde_json::from_str(&site.tollkeeper(&["audit", "--json"])).expect("one object");
    assert_eq!((&report["adds_up"], &report["sums"][0]["adjusted"]), (&json!(true), &json!("1.50")), "{report}");
    assert!(engine.stop(WITHIN).success(), "{}", engine.log_tail());
}
