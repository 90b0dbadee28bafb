//! The engine end to end on a real Apache Kafka: commands and calls in, the ledger out, and again after a restart.
#![cfg(feature = "kafka")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::producer::BaseProducer;
use serde_json::Value;
use support::amount::billionths;
use support::books::{Books, alerts, values};
use support::broker::Broker;
use support::calls::{Call, platform_producer, send};
use support::deadline::wait_until;
use support::desk::{by_reason, lag};
use support::engine::{Engine, Site};
use support::home;
use support::log::{ends, flush, produce};

const WITHIN: Duration = Duration::from_secs(60);
/// Graceful stops end by then: `shutdown_deadline_seconds`.
const STOP_WITHIN: Duration = Duration::from_secs(25);
const PARTITIONS: u32 = 4;

struct Spine {
    broker: Broker,
    site: Site,
    producer: BaseProducer,
}

impl Spine {
    fn start_ready(&self) -> Engine {
        let mut engine = self.site.start("a");
        engine.wait_ready(PARTITIONS.into());
        engine
    }

    /// Publishes a command of the command line; `line` is split at spaces.
    fn command(&self, line: &str) {
        self.site.tollkeeper(&line.split(' ').collect::<Vec<_>>());
    }

    fn publish(&self, call: &Call) {
        send(&self.producer, &self.site.topic("cdrs"), &call.tenant, &call.cdr());
        flush(&self.producer);
    }

    fn books(&self) -> Books {
        Books::read(&self.broker, &self.site, WITHIN)
    }

    /// Waits until the account has had this event.
    fn wait_event(&self, tenant: &str, kind: &str) {
        wait_until(&format!("{tenant}: {kind}"), WITHIN, || {
            self.books().accounts.get(tenant).is_some_and(|account| account.others.iter().any(|other| other == kind))
        });
    }

    fn wait_balance(&self, tenant: &str, balance: &str) {
        wait_until(&format!("{tenant} has {balance}"), WITHIN, || {
            self.books().accounts.get(tenant).is_some_and(|account| account.balance == billionths(balance))
        });
    }

    /// The alert of this type; as a payment service sees it.
    fn wait_alert(&self, tenant: &str, kind: &str) -> Value {
        let mut found = None;
        wait_until(&format!("an alert {kind} for {tenant}"), WITHIN, || {
            found = alerts(&self.broker, &self.site, WITHIN).into_iter().find(|alert| {
                alert["type"] == format!("tollkeeper.{kind}.v1")
                    && alert["id"].as_str().is_some_and(|id| id.contains(tenant))
            });
            found.is_some()
        });
        found.expect("it was waited for")
    }
}

#[test]
fn from_commands_and_calls_to_a_ledger_and_on_after_a_restart() {
    let broker = Broker::start("spine");
    let spine =
        Spine { site: Site::create(&broker, "spine", PARTITIONS), producer: platform_producer(&broker), broker };
    let mut engine = spine.start_ready();
    assert_eq!(engine.get("/health/live").0, 200);
    assert_eq!(engine.get("/health/ready").0, 200);

    let paid = a_recharge_is_requested_and_settled(&spine);
    an_account_runs_dry_and_a_recharge_fails(&spine);
    each_record_has_its_outcome(&spine);
    wait_until("all is read", WITHIN, || lag(&mut engine) == 0.0);
    metrics_tell_what_happened(&mut engine, &spine.books());

    let before = spine.books();
    assert!(engine.stop(STOP_WITHIN).success(), "{}", engine.log_tail());
    let open = ends(&spine.broker, &spine.site.topic("ledger"));
    assert!(
        open.values().all(|end| end.last_stable == end.high_watermark),
        "a graceful stop leaves nothing open: {open:?}"
    );

    let mut engine = spine.start_ready();
    assert!(engine.log().contains("partition recovered"), "{}", engine.log_tail());
    spine.publish(&Call::ended_now("contoso", "after the restart", "33612345678", 78));
    spine.publish(&paid);
    spine.wait_balance("contoso", "149.527");
    wait_until("the repeat is known", WITHIN, || by_reason(&spine.broker, &spine.site)["duplicate"] == 5);
    let after = spine.books();
    assert_eq!(
        after.accounts["contoso"].seq,
        before.accounts["contoso"].seq + 1,
        "one call is new, the other a repeat"
    );
    assert_eq!(after.events, before.events + 1);
    println!(
        "{} events of {} tenants; quarantined {:?}",
        after.events,
        after.accounts.len(),
        by_reason(&spine.broker, &spine.site)
    );
    assert!(engine.stop(STOP_WITHIN).success(), "{}", engine.log_tail());
}

/// The worked figure of R33: 50.10, trigger 50, recharge 100, a call of 0.25.
fn a_recharge_is_requested_and_settled(spine: &Spine) -> Call {
    spine.command("tenant open contoso --currency USD --price-list outbound-usd --usage-country US");
    spine.command("funds add contoso --amount 50.10 --payment-reference p1 --command-id f1");
    spine.command("funds add contoso --amount 50.10 --payment-reference p1 --command-id f1");
    spine.command("recharge configure contoso --trigger 50 --amount 100 --payment-method tok-1");
    spine.wait_event("contoso", "recharge.configured");
    let call = Call::ended_now("contoso", "paid", "33612345678", 78);
    spine.publish(&call);
    let request = spine.wait_alert("contoso", "recharge.requested");
    assert_eq!(request["data"]["amount"], "100.00");
    assert_eq!(request["data"]["balance"], "49.85");
    assert_eq!(request["data"]["payment_method"], "tok-1");
    let recharge_id = request["data"]["recharge_id"].as_str().expect("an id");
    for _ in 0..2 {
        spine.command(&format!(
            "recharge settle contoso --recharge-id {recharge_id} --outcome succeeded --payment-reference q1"
        ));
    }
    spine.wait_balance("contoso", "149.85");
    spine.wait_alert("contoso", "recharge.succeeded");
    call
}

/// Debt blocks, funds unblock; a recharge that fails is tried again later.
fn an_account_runs_dry_and_a_recharge_fails(spine: &Spine) {
    spine.command("tenant open fabrikam --currency USD --price-list outbound-usd --usage-country US");
    spine.command("funds add fabrikam --amount 0.02 --payment-reference p1");
    spine.wait_balance("fabrikam", "0.02");
    spine.publish(&Call::ended_now("fabrikam", "dry", "14255550100", 61));
    spine.wait_balance("fabrikam", "-0.006");
    spine.command("funds add fabrikam --amount 1 --payment-reference p2");
    spine.wait_balance("fabrikam", "0.994");
    spine.command("recharge configure fabrikam --trigger 5 --amount 10 --payment-method tok-2");
    let request = spine.wait_alert("fabrikam", "recharge.requested");
    let recharge_id = request["data"]["recharge_id"].as_str().expect("an id");
    spine.command(&format!(
        "recharge settle fabrikam --recharge-id {recharge_id} --outcome failed --reason expired_card"
    ));
    let failed = spine.wait_alert("fabrikam", "recharge.failed");
    assert_eq!(failed["data"]["reason"], "expired_card");
    assert!(failed["data"]["next_at"].is_string(), "it is tried again: {failed}");
    assert_eq!(
        spine.books().accounts["fabrikam"].others,
        [
            "tenant.opened",
            "tenant.blocked",
            "funds.added",
            "tenant.unblocked",
            "balance.reached_zero",
            "tenant.blocked",
            "funds.added",
            "tenant.unblocked",
            "recharge.configured",
            "recharge.requested",
            "recharge.failed",
        ]
    );
    spine.command("funds add nobody --amount 1 --payment-reference p1");
    let refused = spine.wait_alert("nobody", "command.refused");
    assert_eq!(refused["data"]["reason"], "unknown_tenant");
}

/// Repeats, conflicts, calls without a price, foreign partitions.
fn each_record_has_its_outcome(spine: &Spine) {
    let call = |name: &str, to: &str, seconds| Call::ended_now("contoso", name, to, seconds);
    let repeated = call("repeated", "14255550100", 60);
    spine.publish(&repeated);
    spine.publish(&repeated);
    spine.publish(&Call { seconds: 61, ..repeated.clone() });
    spine.publish(&call("unanswered", "14255550100", 0));
    spine.publish(&call("no rate", "6829999000", 60));
    let emergency = String::from_utf8(call("emergency", "911", 60).cdr()).expect("JSON").replace("+911", "911");
    send(&spine.producer, &spine.site.topic("cdrs"), "contoso", emergency.as_bytes());
    spine.publish(&Call { tenant: "nobody".into(), ..call("unknown", "14255550100", 60) });
    let elsewhere = (home::partition("contoso", PARTITIONS) + 1) % PARTITIONS;
    let misrouted = call("misrouted", "442071234567", 240);
    for _ in 0..2 {
        produce(&spine.producer, &spine.site.topic("cdrs"), elsewhere, b"contoso", &misrouted.cdr());
    }
    flush(&spine.producer);
    // 149.85 - 0.013 - 4 x 0.015; the rest costs nothing.
    spine.wait_balance("contoso", "149.777");
    let expected: BTreeMap<String, usize> = [
        // The funds, the settlement, the call, and the misrouted call, each once more.
        ("duplicate", 4),
        ("conflicting_duplicate", 1),
        ("no_rate", 1),
        ("unknown_tenant", 1),
    ]
    .map(|(reason, count)| (reason.to_owned(), count))
    .into();
    let total: usize = expected.values().sum();
    wait_until("each has its outcome", WITHIN, || {
        by_reason(&spine.broker, &spine.site).values().sum::<usize>() >= total
    });
    assert_eq!(by_reason(&spine.broker, &spine.site), expected);
    let envelopes = values(&spine.broker, &spine.site.topic("reroute"), WITHIN);
    assert_eq!(envelopes.len(), 2);
    for envelope in envelopes {
        assert_eq!(envelope["source"]["partition"], elsewhere, "{envelope}");
        assert_eq!(envelope["record"].as_str().map(str::as_bytes), Some(&*misrouted.cdr()));
    }
}

fn metrics_tell_what_happened(engine: &mut Engine, books: &Books) {
    let debited: i128 = books.accounts.values().map(|account| account.debited).sum();
    let (status, body) = engine.get("/metrics");
    assert_eq!(status, 200);
    let value = |series: &str| {
        let line = body.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in\n{body}"))
    };
    assert_eq!(billionths(value("tollkeeper_debited_amount_total{currency=\"USD\"}")), debited);
    let counts = [
        ("tollkeeper_cdrs_total{outcome=\"debited\",reason=\"\"}", "6"),
        ("tollkeeper_cdrs_total{outcome=\"duplicate\",reason=\"\"}", "2"),
        ("tollkeeper_cdrs_total{outcome=\"rerouted\",reason=\"\"}", "2"),
        ("tollkeeper_cdrs_total{outcome=\"quarantined\",reason=\"no_rate\"}", "1"),
        ("tollkeeper_cdrs_total{outcome=\"quarantined\",reason=\"conflicting_duplicate\"}", "1"),
        ("tollkeeper_commands_total{outcome=\"applied\",reason=\"\"}", "9"),
        ("tollkeeper_commands_total{outcome=\"duplicate\",reason=\"\"}", "2"),
        ("tollkeeper_commands_total{outcome=\"refused\",reason=\"unknown_tenant\"}", "1"),
        ("tollkeeper_recharges_total{state=\"requested\"}", "2"),
        ("tollkeeper_recharges_total{state=\"succeeded\"}", "1"),
        ("tollkeeper_recharges_total{state=\"failed\"}", "1"),
        ("tollkeeper_partitions{state=\"ready\"}", "4"),
        ("tollkeeper_tenants", "2"),
        ("tollkeeper_tenants_blocked", "0"),
        ("tollkeeper_transaction_outcomes_unknown_total", "0"),
    ];
    for (series, expected) in counts {
        assert_eq!(value(series), expected, "{series}");
    }
    assert!(
        body.lines()
            .filter(|line| line.starts_with("tollkeeper_laws_violated_total{"))
            .all(|line| line.ends_with(" 0"))
    );
    assert!(body.contains("process_resident_memory_bytes"), "metrics of the process");
    assert!(!body.contains("contoso"), "no tenant in a label");
}
