//! Laws that hold whatever happens: random histories of few tenants, calls and commands, so that they collide.

#[path = "support/partition.rs"]
mod partition;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jiff::{SignedDuration, Timestamp};
use partition::{Partition, rates};
use proptest::prelude::*;
use serde_json::json;
use tollkeeper::core::catalog::Catalog;
use tollkeeper::core::event::{AdjustedMoney, Draw, EventBody, Funds};
use tollkeeper::core::money::Money;
use tollkeeper::stream::transport::{Input, Output};
use tollkeeper::wire::event;

static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(rates);

/// One thing that happens to a partition.
#[derive(Clone, Debug)]
enum Step {
    Command {
        tenant: u8,
        id: u8,
        minutes_ago: i64,
        body: serde_json::Value,
    },
    Call {
        tenant: u8,
        id: u8,
        to: &'static str,
        seconds: u32,
        minutes_ago: i64,
        answered: bool,
        is_final: bool,
    },
    /// A call that was debited before is taken back.
    Void {
        tenant: u8,
        id: u8,
        release: bool,
    },
    Poison(&'static str),
    Wait {
        minutes: i64,
    },
    Commit,
    Abort,
    Restore,
}

fn amount() -> impl Strategy<Value = String> {
    prop_oneof![(1_u32..40).prop_map(|cents| format!("0.{cents:02}")), Just("3".into()), Just("999999999999999".into())]
}

fn body() -> impl Strategy<Value = serde_json::Value> {
    let plan = || prop_oneof![Just("domestic-120"), Just("domestic-120-user"), Just("international")];
    let open = (-1_i32..2, prop::option::of(plan())).prop_map(|(block_at, plan)| {
        json!({"type": "tenant.open", "currency": "USD", "price_list": "outbound-usd", "usage_country": "US",
               "block_at": format!("{block_at}"), "default_plans": plan.map(|plan| json!({"calling": plan})),
               "notify_below": "0.50"})
    });
    let update = (-1_i32..2, prop::option::of(Just("0.20")))
        .prop_map(|(at, limit)| json!({"type": "tenant.update", "block_at": format!("{at}"), "daily_limit": limit}));
    let close = any::<bool>().prop_map(|forfeit| json!({"type": "tenant.close", "reason": "x", "forfeit": forfeit}));
    let licences = (plan(), 0_u32..2).prop_map(
        |(plan, quantity)| json!({"type": "licences.set", "plan": plan, "usage_country": "US", "quantity": quantity}),
    );
    // Some lapse at the start of a month, where more is due.
    let expiry = prop_oneof![
        Just(None),
        Just(Some("2026-12-01T00:00:00Z")),
        Just(Some("2027-01-01T00:00:00Z")),
        Just(Some("2026-12-25T12:00:00.000001Z"))
    ];
    let funds = (amount(), 0_u8..4, expiry).prop_map(|(amount, reference, expires_at)| {
        json!({"type": "funds.add", "amount": amount, "payment_reference": format!("p{reference}"),
               "expires_at": expires_at})
    });
    let caps = (prop::option::of(1_u32..3), prop::option::of(amount()), prop::option::of(amount()));
    let configure = (any::<bool>(), -1_i32..2, amount(), caps).prop_map(|(enabled, trigger, amount, caps)| {
        json!({"type": "recharge.configure", "enabled": enabled, "trigger": format!("{trigger}"), "amount": amount,
               "payment_method": "pm", "max_per_month": caps.0, "max_amount": caps.1, "max_amount_per_month": caps.2})
    });
    let settle = (0_u8..3, 1_u64..12, any::<bool>()).prop_map(|(tenant, seq, succeeded)| {
        let outcome = if succeeded { "succeeded" } else { "failed" };
        json!({"type": "recharge.settle", "recharge_id": format!("t{tenant}/r{seq}"), "outcome": outcome, "reason": "x"})
    });
    let adjust = (any::<bool>(), amount()).prop_map(|(gives, amount)| {
        json!({"type": "balance.adjust", "amount": if gives { amount } else { format!("-{amount}") }, "reason": "x"})
    });
    let limit = prop_oneof![Just(Some("0")), Just(Some("0.10")), Just(None)]
        .prop_map(|limit| json!({"type": "user.limit", "user": "ada", "monthly_limit": limit}));
    prop_oneof![
        3 => open, 1 => update, 1 => close, 4 => funds, 3 => configure, 6 => settle, 2 => licences, 2 => adjust,
        1 => limit
    ]
}

fn step() -> impl Strategy<Value = Step> {
    const NUMBERS: [&str; 6] = ["+14255550100", "+33612345678", "+447911123456", "+6829999000", "911", "12"];
    let call = (
        (0_u8..3, 0_u8..8, prop::sample::select(&NUMBERS[..])),
        (prop_oneof![4 => 0_u32..200, 1 => 3_000_u32..8_000], -8_i64..12_000),
        (any::<bool>(), prop::bool::weighted(0.8)),
    );
    let command = (0_u8..3, 0_u8..24, -8_i64..60_000, body());
    prop_oneof![
        8 => call.prop_map(|((tenant, id, to), (seconds, ago), (answered, is_final))| Step::Call {
            tenant, id, to, seconds, minutes_ago: ago / 100 * i64::from(seconds % 3), answered, is_final
        }),
        1 => (0_u8..3, 0_u8..8, any::<bool>()).prop_map(|(tenant, id, release)| Step::Void { tenant, id, release }),
        8 => command.prop_map(|(tenant, id, ago, body)| Step::Command {
            tenant, id, minutes_ago: if ago % 5 == 0 { ago } else { 0 }, body
        }),
        1 => prop::sample::select(&["{", "[]", "\u{0}", "{\"version\":2}", "{\"tenant\":\"t0\"}"][..]).prop_map(Step::Poison),
        2 => (0_i64..20_000).prop_map(|minutes| Step::Wait { minutes }),
        3 => Just(Step::Commit),
        1 => Just(Step::Abort),
        1 => Just(Step::Restore),
    ]
}

/// A partition and the broker's time.
struct History {
    partition: Partition,
    now: Timestamp,
    records: u64,
    since_commit: u64,
}

impl History {
    fn new() -> History {
        let now = "2026-11-20T12:00:00Z".parse().expect("a time");
        History { partition: Partition::new(Arc::clone(&CATALOG)), now, records: 0, since_commit: 0 }
    }

    fn take(&mut self, input: Input, record: &str) {
        self.partition.take(input, self.now, record.as_bytes());
        self.since_commit += 1;
    }

    fn commit(&mut self) {
        self.partition.commit();
        self.records += std::mem::take(&mut self.since_commit);
    }

    /// With the debits of it. Whoever sends it reads them in the ledger, so all before it is committed.
    fn void(&mut self, tenant: &str, call_id: &str, release: bool) {
        self.commit();
        let all = self.partition.ledger().iter().map(|record| serde_json::from_slice(record).expect("JSON"));
        let is_debit = |event: &serde_json::Value| {
            let id = event["id"].as_str().expect("an id");
            event["data"]["call_id"] == call_id && event["data"]["class"].is_string() && id.starts_with(tenant)
        };
        let debits: Vec<serde_json::Value> = all.filter(is_debit).collect();
        let command = json!({"type": "call.void", "command_id": format!("v{}", self.now), "tenant": tenant,
            "at": self.now.to_string(), "call_id": call_id, "reason": "x", "release": release, "debits": debits});
        self.take(Input::Commands, &command.to_string());
    }

    fn run(&mut self, step: &Step) {
        self.now += SignedDuration::from_millis(1);
        match step {
            Step::Command { tenant, id, minutes_ago, body } => {
                let mut command = without_nulls(body);
                command["command_id"] = format!("c{id}").into();
                command["tenant"] = format!("t{tenant}").into();
                command["at"] = (self.now - SignedDuration::from_mins(*minutes_ago)).to_string().into();
                self.take(Input::Commands, &command.to_string());
            }
            Step::Call { tenant, id, to, seconds, minutes_ago, answered, is_final } => {
                let at = (self.now - SignedDuration::from_mins(*minutes_ago)).to_string();
                let mut cdr = json!({"call_id": format!("k{id}"), "tenant": format!("t{tenant}"), "service": "calling",
                    "direction": "outbound", "from": "+14255550111", "to": to, "number_type": "user",
                    "user": "ada", "final": is_final, "duration_seconds": if *answered { *seconds } else { 0 }});
                cdr[if *answered { "answered_at" } else { "ended_at" }] = at.into();
                self.take(Input::Cdrs, &cdr.to_string());
            }
            Step::Void { tenant, id, release } => self.void(&format!("t{tenant}"), &format!("k{id}"), *release),
            Step::Poison(record) => self.take(Input::Cdrs, record),
            Step::Wait { minutes } => self.now += SignedDuration::from_mins(*minutes),
            Step::Commit => self.commit(),
            Step::Abort => {
                self.partition.abort();
                self.since_commit = 0;
            }
            Step::Restore => {
                self.commit();
                self.partition.restore();
            }
        }
    }
}

/// A command as people write it: what is not set is not there, but for a limit that is lifted.
fn without_nulls(body: &serde_json::Value) -> serde_json::Value {
    let mut body = body.clone();
    let fields = body.as_object_mut().expect("a command");
    fields.retain(|name, value| !value.is_null() || name == "monthly_limit");
    body
}

/// Sums of a tenant's amounts, as any reader of the ledger finds them.
#[derive(Default)]
struct Sums {
    seq: u64,
    balance: Money,
    lots: BTreeMap<u64, Money>,
    debt: Money,
}

fn plus(a: Money, b: Money) -> Money {
    a.checked_add(b).expect("below the limit")
}

fn minus(a: Money, b: Money) -> Money {
    a.checked_sub(b).expect("below the limit")
}

impl Sums {
    /// Laws 3 and 4, and the conservation of lots: by what the event says alone.
    fn take(&mut self, event: &tollkeeper::core::event::Event<'_>) {
        assert_eq!(event.seq, self.seq + 1, "no gap");
        self.seq = event.seq;
        match &event.body {
            EventBody::CallDebited(debit) => {
                let lines = debit.lines.iter().fold(Money::ZERO, |sum, line| plus(sum, line.amount));
                assert_eq!(lines, debit.amount, "the lines sum to the debit");
                self.spend(debit.amount, &debit.lots, debit.debt);
            }
            EventBody::FundsExpired { lot, amount } => {
                self.draw(lot.0, *amount);
                self.balance = minus(self.balance, *amount);
            }
            EventBody::FundsAdded { funds, .. } | EventBody::RechargeSucceeded { funds, .. } => {
                self.add(event.seq, funds);
            }
            EventBody::BalanceAdjusted(adjustment) => match &adjustment.money {
                AdjustedMoney::Added(funds) => self.add(event.seq, funds),
                AdjustedMoney::Taken { amount, lots, debt } => self.spend(*amount, lots, *debt),
            },
            EventBody::CallVoided(void) => {
                assert_eq!(void.debt_repaid, void.amount.min(self.debt), "debt is repaid first");
                self.debt = minus(self.debt, void.debt_repaid);
                for draw in &void.lots {
                    let left = self.lots[&draw.lot.0];
                    self.lots.insert(draw.lot.0, plus(left, draw.amount));
                }
                if let Some(rest) = void.new_lot().filter(|rest| rest.is_positive()) {
                    self.lots.insert(event.seq, rest);
                }
                self.balance = plus(self.balance, void.amount);
            }
            _ => {}
        }
        assert_eq!(event.balance, self.balance, "added - debited - expired + adjusted = balance");
        let lots = self.lots.values().fold(Money::ZERO, |sum, lot| plus(sum, *lot));
        assert_eq!(minus(lots, self.debt), self.balance, "balance = lots - debt");
        assert!(self.debt.is_zero() || self.lots.is_empty(), "no debt beside a lot");
    }

    fn add(&mut self, seq: u64, funds: &Funds) {
        assert_eq!(funds.debt_repaid, funds.amount.min(self.debt), "debt is repaid first");
        self.debt = minus(self.debt, funds.debt_repaid);
        let rest = minus(funds.amount, funds.debt_repaid);
        if rest.is_positive() {
            self.lots.insert(seq, rest);
        }
        self.balance = plus(self.balance, funds.amount);
    }

    fn spend(&mut self, amount: Money, lots: &[Draw], debt: Money) {
        let drawn = lots.iter().fold(debt, |sum, draw| plus(sum, draw.amount));
        assert_eq!(drawn, amount, "the draws sum to what is taken");
        for draw in lots {
            assert_eq!(self.lots.keys().next(), Some(&draw.lot.0), "first in, first out");
            self.draw(draw.lot.0, draw.amount);
        }
        self.debt = plus(self.debt, debt);
        self.balance = minus(self.balance, amount);
    }

    fn draw(&mut self, lot: u64, amount: Money) {
        let left = minus(self.lots[&lot], amount);
        assert!(!left.is_negative(), "a lot has what is drawn");
        if left.is_zero() {
            self.lots.remove(&lot);
        } else {
            self.lots.insert(lot, left);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn law3_state_is_the_fold_of_the_ledger(steps in prop::collection::vec(step(), 1..120)) {
        let mut history = History::new();
        for step in &steps {
            history.run(step);
            if let Step::Commit | Step::Restore = step {
                prop_assert_eq!(history.partition.state(), history.partition.folded());
            }
        }
        history.commit();
        prop_assert_eq!(history.partition.state(), history.partition.folded());
    }

    #[test]
    fn law4_money_is_conserved_event_by_event(steps in prop::collection::vec(step(), 1..120)) {
        let mut history = History::new();
        steps.iter().for_each(|step| history.run(step));
        history.commit();
        let mut tenants: BTreeMap<String, Sums> = BTreeMap::new();
        for record in history.partition.ledger() {
            let event = event::decode(record).expect("the engine has written it");
            tenants.entry(event.tenant.to_string()).or_default().take(&event);
        }
        for account in history.partition.state().accounts {
            let sums = &tenants[account.tenant.as_str()];
            prop_assert_eq!(account.balance(), sums.balance);
            let totals = account.totals;
            let total = minus(minus(totals.added, totals.debited), totals.expired);
            prop_assert_eq!(plus(total, totals.adjusted), sums.balance);
        }
    }

    #[test]
    fn law1_every_record_has_one_outcome(steps in prop::collection::vec(step(), 1..120)) {
        let mut history = History::new();
        steps.iter().for_each(|step| history.run(step));
        history.commit();
        let counts = &history.partition.counts;
        prop_assert_eq!(counts.outcomes(), history.records);
        prop_assert_eq!(counts.records_read(), history.records);
        let debits = history.partition.ledger().iter().filter(|record| is_debit(record)).count();
        prop_assert_eq!(counts.cdrs_debited, u64::try_from(debits).expect("few"));
        let aside = counts.cdrs_duplicate + counts.commands_duplicate + counts.cdrs_quarantined.iter().sum::<u64>()
            + counts.commands_quarantined.iter().sum::<u64>();
        let quarantine = history.partition.written[Output::Quarantine.index()].len();
        prop_assert_eq!(aside, u64::try_from(quarantine).expect("few"));
    }

    #[test]
    fn law5_the_parts_of_a_call_cost_what_one_final_record_would(
        to in prop::sample::select(&["+14255550100", "+33612345678", "411"][..]),
        plan in prop::sample::select(&["payg", "domestic-120", "domestic-120-user", "international"][..]),
        lengths in prop::collection::btree_set(prop_oneof![0_u32..400, 6_000_u32..9_000], 1..6),
        restores in any::<bool>(),
    ) {
        let lengths: Vec<u32> = lengths.into_iter().collect();
        let (parts, whole) = (Parts::new(plan, to), Parts::new(plan, to));
        let in_parts = parts.run(&lengths, restores);
        let at_once = whole.run(&lengths[lengths.len() - 1..], false);
        prop_assert_eq!(in_parts, at_once);
    }

    #[test]
    fn law7_the_same_inputs_give_the_same_bytes(steps in prop::collection::vec(step(), 1..120)) {
        let (mut once, mut again) = (History::new(), History::new());
        // Where a batch ends, and whether the process restarts there, must not be seen in what is written.
        for step in steps.iter().filter(|step| !matches!(step, Step::Abort)) {
            once.run(step);
            again.run(step);
            if let Step::Wait { .. } = step {
                again.commit();
                again.partition.restore();
            }
        }
        once.commit();
        again.commit();
        prop_assert_eq!(&once.partition.written, &again.partition.written);
    }
}

/// A tenant with money, a licence and one call.
struct Parts {
    history: History,
    plan: &'static str,
    to: &'static str,
}

impl Parts {
    fn new(plan: &'static str, to: &'static str) -> Parts {
        let mut history = History::new();
        let commands = [
            json!({"type": "tenant.open", "currency": "USD", "price_list": "outbound-usd", "usage_country": "US"}),
            json!({"type": "funds.add", "amount": "10", "payment_reference": "p"}),
            json!({"type": "licences.set", "plan": plan, "usage_country": "US", "quantity": 1}),
        ];
        for (id, body) in (0..).zip(commands) {
            history.run(&Step::Command { tenant: 0, id, minutes_ago: 0, body });
        }
        Parts { history, plan, to }
    }

    /// The call, told of whenever it has lasted so long: what it cost, the pool minutes that it took, and the seconds that are
    /// billed and paid.
    fn run(mut self, lengths: &[u32], restores: bool) -> (Money, u64, u64, u64) {
        for (part, length) in lengths.iter().enumerate() {
            let is_final = part + 1 == lengths.len();
            let cdr = json!({"call_id": "k", "tenant": "t0", "service": "calling", "direction": "outbound",
                "from": "+14255550111", "to": self.to, "number_type": "user", "user": "ada", "plan": self.plan,
                "part": part, "final": is_final, "answered_at": "2026-11-20T09:00:00Z", "duration_seconds": length});
            self.history.take(Input::Cdrs, &cdr.to_string());
            self.history.commit();
            if restores {
                self.history.partition.restore();
            }
        }
        let mut sums = (Money::ZERO, 0, 0, 0);
        for record in self.history.partition.ledger() {
            if let EventBody::CallDebited(debit) = event::decode(record).expect("the engine has written it").body {
                let minutes = debit.pool.map_or(0, |pool| pool.minutes);
                let (amount, pooled, billed, paid) = sums;
                sums = (
                    plus(amount, debit.amount),
                    pooled + minutes,
                    billed + debit.billed_seconds,
                    paid + debit.paid_seconds,
                );
            }
        }
        sums
    }
}

fn is_debit(record: &[u8]) -> bool {
    matches!(event::decode(record).expect("the engine has written it").body, EventBody::CallDebited(_))
}
