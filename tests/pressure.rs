//! What happens at the bounds that an operator can meet (LIMITS.md): the engine on one partition, without a log.

#[path = "support/partition.rs"]
mod partition;

use jiff::{SignedDuration, Timestamp};
use partition::{Partition, fold, rates};
use serde_json::{Value, json};
use tollkeeper::core::reason::Reason;
use tollkeeper::stream::transport::{Input, Output};
use tollkeeper::wire::RECORD_BYTES_MAX;
use tollkeeper::wire::quarantine::ENTRY_BYTES_MAX;

const TENANT: &str = "contoso";
/// Records of a commit.
const COMMIT: usize = 10_000;
/// As `LOTS_MAX`, restated.
const LOTS: usize = 10_000;
/// As `LICENCES_MAX`, restated.
const LICENCES: usize = 1_000;

struct World {
    partition: Partition,
    now: Timestamp,
    taken: usize,
}

impl World {
    fn new() -> World {
        let now = "2026-11-20T12:00:00Z".parse().expect("a time");
        World { partition: Partition::new(rates()), now, taken: 0 }
    }

    /// With an account that has 1000.00.
    fn funded() -> World {
        let mut world = World::new();
        world.command(
            "open",
            "tenant.open",
            json!({"currency": "USD", "price_list": "outbound-usd", "usage_country": "US"}),
        );
        world.command("fund", "funds.add", json!({"amount": "1000.00", "payment_reference": "first"}));
        world
    }

    fn take(&mut self, input: Input, record: &[u8]) {
        self.partition.take(input, self.now, record);
        self.taken += 1;
        if self.taken.is_multiple_of(COMMIT) {
            self.partition.commit();
        }
    }

    fn command(&mut self, id: &str, kind: &str, body: Value) {
        let mut command = json!({"type": kind, "tenant": TENANT, "command_id": id, "at": self.now.to_string()});
        command.as_object_mut().expect("an object").extend(body.as_object().expect("fields").clone());
        self.take(Input::Commands, command.to_string().as_bytes());
    }

    /// A call of two minutes at 0.125 to France, or of two pool minutes to the US.
    fn call(&mut self, id: &str, user: &str, plan: &str, to: &str) {
        let answered_at = (self.now - SignedDuration::from_secs(100)).to_string();
        let cdr = json!({"call_id": id, "tenant": TENANT, "service": "calling", "direction": "outbound",
            "from": "+14255550111", "to": to, "number_type": "user", "user": user, "plan": plan,
            "answered_at": answered_at, "duration_seconds": 78});
        self.take(Input::Cdrs, cdr.to_string().as_bytes());
    }

    fn written(&self, output: Output) -> Vec<Value> {
        let records = self.partition.written[output.index()].iter();
        records.map(|record| serde_json::from_slice(record).expect("JSON")).collect()
    }

    fn events(&self, kind: &str) -> Vec<Value> {
        let kind = format!("tollkeeper.{kind}.v1");
        self.written(Output::Ledger).into_iter().filter(|event| event["type"] == kind).collect()
    }
}

const FRANCE: &str = "+33612345678";
const DOMESTIC: &str = "+14255550100";

#[test]
fn law8_a_tenant_of_100_000_users_with_limits() {
    let mut world = World::funded();
    for user in 0..100_000 {
        world.command(&format!("u{user}"), "user.limit", json!({"user": format!("u{user}"), "monthly_limit": "0.50"}));
    }
    world.partition.commit();
    assert_eq!(world.events("user.limit_set").len(), 100_000);
    // The account that each debit copies is as small as before, and each user has a limit of their own.
    for (user, calls) in [(0, 1), (50_000, 2), (99_999, 3)] {
        (0..calls).for_each(|call| world.call(&format!("c{user}-{call}"), &format!("u{user}"), "payg", FRANCE));
    }
    world.partition.commit();
    let blocked: Vec<Value> = world.events("user.blocked").iter().map(|event| event["data"]["user"].clone()).collect();
    assert_eq!(blocked, ["u50000", "u99999"]);
    assert_eq!(world.events("call.debited").len(), 6);
    assert!(world.partition.state().entries.len() >= 100_000);
}

#[test]
fn law8_a_tenant_with_as_many_lots_as_there_can_be() {
    let mut world = World::new();
    world.command(
        "open",
        "tenant.open",
        json!({"currency": "USD", "price_list": "outbound-usd", "usage_country": "US"}),
    );
    for lot in 0..=LOTS {
        let body = json!({"amount": "0.00001", "payment_reference": format!("p{lot}")});
        world.command(&format!("f{lot}"), "funds.add", body);
    }
    world.partition.commit();
    assert_eq!(world.events("funds.added").len(), LOTS);
    let refused =
        world.written(Output::Alerts).into_iter().find(|alert| alert["type"] == "tollkeeper.command.refused.v1");
    assert!(refused.expect("one too many").to_string().contains("the account holds 10000 lots"));
    // 0.10 in all: a call of 0.25 draws on every one, and leaves a debt.
    world.call("all", "ada", "payg", FRANCE);
    world.partition.commit();
    let debits = world.events("call.debited");
    assert_eq!(debits[0]["data"]["lots"].as_array().map(Vec::len), Some(LOTS));
    assert_eq!((&debits[0]["data"]["debt"], &debits[0]["data"]["balance"]), (&json!("0.15"), &json!("-0.15")));
    let longest = world.partition.ledger().iter().map(|event| event.len()).max().expect("there are some");
    assert!(longest < 1_000_000, "{longest}");
    world.command("more", "funds.add", json!({"amount": "1.00", "payment_reference": "more"}));
    world.partition.commit();
    assert_eq!(world.events("funds.added").len(), LOTS + 1);
    assert_eq!(world.partition.folded(), world.partition.state());
}

#[test]
fn law8_a_tenant_with_10_000_pools_of_users() {
    let mut world = World::funded();
    world.command("l", "licences.set", json!({"plan": "domestic-120-user", "usage_country": "US", "quantity": 10_000}));
    for user in 0..10_000 {
        world.call(&format!("c{user}"), &format!("u{user}"), "domestic-120-user", DOMESTIC);
    }
    world.partition.commit();
    let debits = world.events("call.debited");
    assert_eq!(debits.len(), 10_000);
    assert!(debits.iter().all(|debit| debit["data"]["pool"]["minutes"] == 2), "{}", debits[0]);
    let state = world.partition.state();
    assert!(state.entries.len() >= 10_000);
    assert_eq!(world.partition.folded(), state);
}

#[test]
fn law8_a_tenant_with_as_many_licence_pools_as_there_can_be() {
    let mut world = World::funded();
    let letters = || 'A'..='Z';
    let countries = letters().flat_map(|first| letters().map(move |second| format!("{first}{second}")));
    let pools: Vec<(String, &str)> =
        countries.flat_map(|country| ["domestic-120", "domestic-240"].map(|plan| (country.clone(), plan))).collect();
    for (number, (country, plan)) in pools.iter().take(LICENCES + 1).enumerate() {
        let body = json!({"plan": plan, "usage_country": country, "quantity": 1});
        world.command(&format!("l{number}"), "licences.set", body);
    }
    world.partition.commit();
    assert_eq!(world.events("licences.set").len(), LICENCES);
    let refused =
        world.written(Output::Alerts).into_iter().find(|alert| alert["type"] == "tollkeeper.command.refused.v1");
    assert!(refused.expect("one too many").to_string().contains("licences of at most 1000 plans and countries"));
    world.call("c", "ada", "payg", FRANCE);
    world.partition.commit();
    assert_eq!(world.events("call.debited").len(), 1);
    assert_eq!(world.partition.folded(), world.partition.state());
}

#[test]
fn law8_a_flood_of_poison_blocks_nobody() {
    let mut world = World::funded();
    let long = vec![b'\0'; RECORD_BYTES_MAX];
    let too_long = vec![b'x'; 2 * RECORD_BYTES_MAX];
    let poison: [&[u8]; 8] = [b"", b"\xff\xfe", b"{", b"[[[[[[[[", b"{\"version\":9}", b"null", &long, &too_long];
    for number in 0..2_000 {
        world.take(Input::Cdrs, poison[number % poison.len()]);
        let input = if number % 2 == 0 { Input::Commands } else { Input::Reroute };
        world.take(input, poison[(number / 2) % poison.len()]);
        if number % 10 == 0 {
            world.call(&format!("c{number}"), "ada", "payg", FRANCE);
        }
    }
    world.partition.commit();
    assert_eq!(world.events("call.debited").len(), 200);
    let entries = &world.partition.written[Output::Quarantine.index()];
    assert_eq!(entries.len(), 4_000, "each has its outcome");
    assert!(entries.iter().all(|entry| entry.len() <= ENTRY_BYTES_MAX));
    let quarantined: u64 = world.partition.counts.cdrs_quarantined.iter().sum();
    assert!(quarantined > world.partition.counts.cdrs_quarantined[Reason::Malformed as usize]);
    assert_eq!(world.partition.counts.outcomes(), world.partition.counts.records_read());
}

#[test]
fn law8_an_outage_of_two_weeks_is_rated_as_it_would_have_been() {
    // Once as it comes, with the time between passing on the wall; once with everything read after two weeks. The broker's times are
    // the same, so the books are.
    let history = |world: &mut World, is_live: bool| {
        let start = world.now;
        let lapses = (start + SignedDuration::from_hours(24 * 5)).to_string();
        let open = json!({"currency": "USD", "price_list": "outbound-usd", "usage_country": "US"});
        world.command("open", "tenant.open", open);
        let lapsing = json!({"amount": "5.00", "payment_reference": "l", "expires_at": lapses});
        world.command("lapsing", "funds.add", lapsing);
        world.command("fund", "funds.add", json!({"amount": "1000.00", "payment_reference": "first"}));
        let unspent = json!({"amount": "7.00", "payment_reference": "u", "expires_at": lapses});
        world.command("unspent", "funds.add", unspent);
        for hour in 0..24 * 14 {
            world.now = start + SignedDuration::from_hours(hour);
            world.call(&format!("c{hour}"), "ada", "payg", FRANCE);
            if is_live {
                world.partition.pass(world.now + SignedDuration::from_mins(59));
                world.partition.commit();
            }
        }
    };
    let mut live = World::new();
    history(&mut live, true);

    let mut late = World::new();
    history(&mut late, false);
    late.partition.commit();
    late.partition.restore();
    assert_eq!(late.written(Output::Ledger), live.written(Output::Ledger));
    assert!(late.written(Output::Quarantine).is_empty(), "nothing is too late for our own fault");
    assert_eq!(late.events("call.debited").len(), 24 * 14);
    let expired = late.events("funds.expired");
    assert_eq!(expired.len(), 1, "the calls before the first lapsed have spent it");
    assert_eq!(expired[0]["data"]["amount"], "7.00");
    assert!(fold(late.partition.ledger().iter(), late.now).frozen.is_empty());
    assert_eq!(late.partition.state(), live.partition.state());
}
