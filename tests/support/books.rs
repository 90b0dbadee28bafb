//! What a separate reader finds in the engine's topics: plain JSON, own arithmetic, nothing of the engine.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::amount::billionths;
use super::broker::Broker;
use super::engine::Site;
use super::log::{LogRecord, read_committed};

/// The ledger, folded.
#[derive(Debug, Default)]
pub struct Books {
    /// By tenant.
    pub accounts: BTreeMap<String, Account>,
    /// By tenant and call id, every debit.
    pub debits: BTreeMap<(String, String), Vec<Debit>>,
    /// Events of all accounts.
    pub events: usize,
}

/// What the events of one tenant say.
#[derive(Debug, Default)]
pub struct Account {
    /// The last sequence number.
    pub seq: u64,
    /// After the last event, as that says itself, in billionths.
    pub balance: i128,
    /// All that was added, in billionths.
    pub added: i128,
    /// All that was debited, in billionths.
    pub debited: i128,
    /// The types of its events in order, without `tollkeeper.` and `.v1`; debits are left out.
    pub others: Vec<String>,
    partition: i32,
}

/// A call in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debit {
    /// Billionths.
    pub amount: i128,
    /// As the call was.
    pub seconds: u64,
}

impl Books {
    /// Reads and folds the whole ledger as it is committed now.
    pub fn read(broker: &Broker, site: &Site, within: Duration) -> Books {
        let mut books = Books::default();
        for record in read_committed(broker, &site.topic("ledger"), within) {
            books.take(&record);
        }
        books
    }

    /// # Panics
    ///
    /// If the event does not continue its account: a gap or a repeat in the sequence, a balance or a sum that is not right.
    fn take(&mut self, record: &LogRecord) {
        let event: Value = serde_json::from_slice(&record.value).expect("events are JSON");
        let id = event["id"].as_str().expect("an event has an id");
        let (tenant, seq) = id.split_once('/').expect("tenant/seq");
        assert_eq!(record.key, tenant.as_bytes(), "{id}: the key");
        let data = &event["data"];
        let account = self
            .accounts
            .entry(tenant.into())
            .or_insert_with(|| Account { partition: record.partition, ..Account::default() });
        assert_eq!(account.partition, record.partition, "{id}: one tenant, one partition");
        assert_eq!(seq.parse(), Ok(account.seq + 1), "{id}: sequences have no gap and no repeat");
        account.seq += 1;
        let amount = || billionths(data["amount"].as_str().expect("an amount is a string"));
        let kind = event["type"].as_str().expect("a type");
        let kind = kind.strip_prefix("tollkeeper.").and_then(|kind| kind.strip_suffix(".v1")).expect("our types");
        match kind {
            "call.debited" => {
                account.debited += amount();
                let lines = sum(&data["lines"]);
                assert_eq!(lines, amount(), "{id}: the lines sum to the debit");
                let debt = data["debt"].as_str().map_or(0, billionths);
                assert_eq!(sum(&data["lots"]) + debt, amount(), "{id}: lots and debt sum to the debit");
                let call_id = data["call_id"].as_str().expect("a call id");
                let debit = Debit { amount: amount(), seconds: data["seconds"].as_u64().expect("whole seconds") };
                self.debits.entry((tenant.into(), call_id.into())).or_default().push(debit);
            }
            "funds.added" | "recharge.succeeded" => account.added += amount(),
            _ => {}
        }
        if kind != "call.debited" {
            account.others.push(kind.into());
        }
        account.balance = billionths(data["balance"].as_str().expect("a balance"));
        assert_eq!(account.balance, account.added - account.debited, "{id}: added - debited = balance");
        self.events += 1;
    }

    /// How many debits there are.
    pub fn debit_count(&self) -> usize {
        self.debits.values().map(Vec::len).sum()
    }
}

fn sum(list: &Value) -> i128 {
    let amounts = list.as_array().into_iter().flatten().map(|one| one["amount"].as_str().expect("an amount"));
    amounts.map(billionths).sum()
}

/// The entries of the quarantine, duplicates among them.
pub fn quarantine(broker: &Broker, site: &Site, within: Duration) -> Vec<Value> {
    values(broker, &site.topic("quarantine"), within)
}

/// The records of `alerts`.
pub fn alerts(broker: &Broker, site: &Site, within: Duration) -> Vec<Value> {
    values(broker, &site.topic("alerts"), within)
}

/// The committed records of a topic as JSON.
pub fn values(broker: &Broker, topic: &str, within: Duration) -> Vec<Value> {
    let records = read_committed(broker, topic, within);
    records.iter().map(|record| serde_json::from_slice(&record.value).expect("JSON")).collect()
}
