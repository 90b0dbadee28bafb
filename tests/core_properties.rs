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
use tollkeeper::core::event::EventBody;
use tollkeeper::core::money::Money;
use tollkeeper::stream::transport::{Input, Output};
use tollkeeper::wire::event;

static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(rates);

/// One thing that happens to a partition.
#[derive(Clone, Debug)]
enum Step {
    Command { tenant: u8, id: u8, minutes_ago: i64, body: serde_json::Value },
    Call { tenant: u8, id: u8, to: &'static str, seconds: u32, minutes_ago: i64, answered: bool },
    Poison(&'static str),
    Wait { minutes: i64 },
    Commit,
    Abort,
    Restore,
}

fn amount() -> impl Strategy<Value = String> {
    prop_oneof![(1_u32..40).prop_map(|cents| format!("0.{cents:02}")), Just("3".into()), Just("999999999999999".into())]
}

fn body() -> impl Strategy<Value = serde_json::Value> {
    let open = (-1_i32..2).prop_map(|block_at| {
        json!({"type": "tenant.open", "currency": "USD", "price_list": "outbound-usd", "usage_country": "US",
               "block_at": format!("{block_at}")})
    });
    let update = (-1_i32..2).prop_map(|at| json!({"type": "tenant.update", "block_at": format!("{at}")}));
    let close = any::<bool>().prop_map(|forfeit| json!({"type": "tenant.close", "reason": "x", "forfeit": forfeit}));
    let funds = (amount(), 0_u8..4).prop_map(|(amount, reference)| {
        json!({"type": "funds.add", "amount": amount, "payment_reference": format!("p{reference}")})
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
    prop_oneof![3 => open, 1 => update, 1 => close, 4 => funds, 3 => configure, 6 => settle]
}

fn step() -> impl Strategy<Value = Step> {
    const NUMBERS: [&str; 6] = ["+14255550100", "+33612345678", "+447911123456", "+6829999000", "911", "12"];
    let call = (0_u8..3, 0_u8..8, prop::sample::select(&NUMBERS[..]), 0_u32..200, -8_i64..12_000, any::<bool>());
    let command = (0_u8..3, 0_u8..24, -8_i64..60_000, body());
    prop_oneof![
        8 => call.prop_map(|(tenant, id, to, seconds, ago, answered)| Step::Call {
            tenant, id, to, seconds, minutes_ago: ago / 100 * i64::from(seconds % 3), answered
        }),
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

    fn run(&mut self, step: &Step) {
        self.now += SignedDuration::from_millis(1);
        match step {
            Step::Command { tenant, id, minutes_ago, body } => {
                let mut command = body.clone();
                command["command_id"] = format!("c{id}").into();
                command["tenant"] = format!("t{tenant}").into();
                command["at"] = (self.now - SignedDuration::from_mins(*minutes_ago)).to_string().into();
                self.take(Input::Commands, &command.to_string());
            }
            Step::Call { tenant, id, to, seconds, minutes_ago, answered } => {
                let at = (self.now - SignedDuration::from_mins(*minutes_ago)).to_string();
                let mut cdr = json!({"call_id": format!("k{id}"), "tenant": format!("t{tenant}"), "service": "calling",
                    "direction": "outbound", "from": "+14255550111", "to": to, "number_type": "user",
                    "duration_seconds": if *answered { *seconds } else { 0 }});
                cdr[if *answered { "answered_at" } else { "ended_at" }] = at.into();
                self.take(Input::Cdrs, &cdr.to_string());
            }
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
                let drawn = debit.lots.iter().fold(debit.debt, |sum, draw| plus(sum, draw.amount));
                assert_eq!(drawn, debit.amount, "the draws sum to the debit");
                for draw in &debit.lots {
                    assert_eq!(self.lots.keys().next(), Some(&draw.lot.0), "first in, first out");
                    self.draw(draw.lot.0, draw.amount);
                }
                self.debt = plus(self.debt, debit.debt);
                self.balance = minus(self.balance, debit.amount);
            }
            EventBody::FundsExpired { lot, amount } => {
                self.draw(lot.0, *amount);
                self.balance = minus(self.balance, *amount);
            }
            EventBody::FundsAdded { funds, .. } | EventBody::RechargeSucceeded { funds, .. } => {
                assert_eq!(funds.debt_repaid, funds.amount.min(self.debt), "debt is repaid first");
                self.debt = minus(self.debt, funds.debt_repaid);
                let rest = minus(funds.amount, funds.debt_repaid);
                if rest.is_positive() {
                    self.lots.insert(event.seq, rest);
                }
                self.balance = plus(self.balance, funds.amount);
            }
            _ => {}
        }
        assert_eq!(event.balance, self.balance, "added - debited - expired = balance");
        let lots = self.lots.values().fold(Money::ZERO, |sum, lot| plus(sum, *lot));
        assert_eq!(minus(lots, self.debt), self.balance, "balance = lots - debt");
        assert!(self.debt.is_zero() || self.lots.is_empty(), "no debt beside a lot");
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

fn is_debit(record: &[u8]) -> bool {
    matches!(event::decode(record).expect("the engine has written it").body, EventBody::CallDebited(_))
}
