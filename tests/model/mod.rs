//! The plain second implementation of the rules (DOMAIN.md): slow, obvious, naive. It shares no code with the engine (a test
//! reads its imports), so what both agree on was understood twice.
//!
//! It is one partition. It is given the records in the order in which they are taken, each with the broker's time, and says
//! what becomes of each and what must be written: prices by a scan over all rows, increments one by one, licences as the
//! list of all changes, due work by looking at everything that could be due. Money is an `i128` in units of 10^-9.
//!
//! Where a rule can be read in two ways, a comment with the rule's id says which reading this is.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

pub mod account;
mod block;
mod calls;
pub mod catalog;
mod cdr;
mod charge;
mod command;
mod correct;
mod due;
mod funds;
mod licences;
pub mod money;
mod number;
mod parts;
mod plan;
mod pool;
mod price;
mod read;
mod recharge;
mod settings;
#[cfg(test)]
mod tests;
pub mod time;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub use account::Account;
use catalog::Catalog;
use money::{Amount, amount};

/// A record, or only the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A CDR, as bytes of the topic `cdrs`.
    Cdr(Vec<u8>),
    /// A command, as bytes of the topic `commands`.
    Command(Vec<u8>),
    /// No record: the clock goes on, and what is due is done.
    Clock,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There was no record.
    None,
    /// A call was debited.
    Debited,
    /// A part that had been debited.
    DuplicateCall {
        /// Whose.
        tenant: String,
        /// Which call.
        call_id: String,
        /// Which part.
        part: u32,
    },
    /// A command that had been applied.
    DuplicateCommand {
        /// Whose.
        tenant: String,
        /// Which command.
        command_id: String,
        /// The id of its first event.
        first: String,
    },
    /// Put aside, with its reason.
    Quarantined(&'static str),
    /// A command was applied.
    Applied,
    /// A command was refused, with the code.
    Refused(&'static str),
}

/// One partition.
#[derive(Clone, Debug)]
pub struct Model {
    catalog: Catalog,
    clock: Timestamp,
    accounts: BTreeMap<String, Account>,
    /// By tenant and call id.
    calls: BTreeMap<(String, String), parts::KnownCall>,
    /// By tenant and command id.
    commands: BTreeMap<(String, String), command::Applied>,
    /// By tenant and reference: end of the memory.
    payments: BTreeMap<(String, String), Timestamp>,
    /// By tenant, call id and first debit.
    corrections: BTreeMap<(String, String, u64), correct::Corrected>,
    frozen: BTreeSet<String>,
    ledger: Vec<Value>,
    alerts: Vec<Value>,
}

impl Model {
    /// A partition on which nothing has happened.
    pub fn new(catalog: Catalog) -> Model {
        Model {
            catalog,
            clock: Timestamp::UNIX_EPOCH,
            accounts: BTreeMap::new(),
            calls: BTreeMap::new(),
            commands: BTreeMap::new(),
            payments: BTreeMap::new(),
            corrections: BTreeMap::new(),
            frozen: BTreeSet::new(),
            ledger: Vec::new(),
            alerts: Vec::new(),
        }
    }

    /// Does what is due by `at` (A14), then takes the record that the broker had then. The clock never goes back.
    pub fn step(&mut self, at: Timestamp, step: &Step) -> Outcome {
        let at = self.clock.max(at);
        self.do_what_is_due(at);
        self.clock = at;
        match step {
            Step::Clock => Outcome::None,
            Step::Cdr(bytes) => self.take_cdr(bytes),
            Step::Command(bytes) => self.take_command(bytes),
        }
    }

    /// All events, in order.
    pub fn ledger(&self) -> &[Value] {
        &self.ledger
    }

    /// What is on `alerts`: copies of events, and answers to commands.
    pub fn alerts(&self) -> &[Value] {
        &self.alerts
    }

    /// The partition's clock.
    pub fn clock(&self) -> Timestamp {
        self.clock
    }

    /// All accounts by their tenants.
    pub fn accounts(&self) -> &BTreeMap<String, Account> {
        &self.accounts
    }

    /// The ledger of this tenant is broken, and was read: nothing of it is taken any more.
    pub fn freeze(&mut self, tenant: &str) {
        self.frozen.insert(tenant.to_owned());
    }

    /// Whether anything of an account is due at just this time.
    pub fn is_due_at(&self, at: Timestamp) -> bool {
        let all = self.accounts.iter().filter(|(tenant, _)| !self.frozen.contains(*tenant));
        all.flat_map(|(_, account)| due::works(account)).any(|(due, _)| due == at)
    }

    /// The clock was lost: it goes back to `to`. What was done after it left no trace in the ledger, and is done again.
    pub fn lose_clock(&mut self, to: Timestamp) {
        self.clock = to;
        for account in self.accounts.values_mut() {
            account.recharges.wait_again(to);
            account.judged_month = account.judged_month.min(to);
            account.judged_day = account.judged_day.min(to);
        }
    }

    /// Writes the next event of a tenant, whose account says what it is after it.
    fn event(&mut self, tenant: &str, kind: &'static str, cause: &str, body: Value) {
        let account = self.accounts.get_mut(tenant).expect("an event is of an account");
        account.seq += 1;
        let mut data = Map::new();
        data.insert("cause".into(), json!(cause));
        data.insert("balance".into(), json!(amount(account.balance())));
        let Value::Object(body) = without_nulls(body) else { unreachable!("bodies are objects") };
        data.extend(body);
        let id = format!("{tenant}/{}", account.seq);
        let event = self.envelope(&id, kind, Value::Object(data));
        if is_alert(kind) {
            self.alerts.push(event.clone());
        }
        self.ledger.push(event);
    }

    /// An answer on `alerts`, which is no event of an account.
    fn answer(&mut self, id: &str, kind: &'static str, data: Value) {
        let answer = self.envelope(id, kind, without_nulls(data));
        self.alerts.push(answer);
    }

    fn envelope(&self, id: &str, kind: &str, data: Value) -> Value {
        json!({"specversion": "1.0", "id": id, "source": "/tollkeeper", "type": format!("tollkeeper.{kind}.v1"),
            "time": time::in_milliseconds(self.clock), "data": data})
    }

    fn account(&self, tenant: &str) -> &Account {
        self.accounts.get(tenant).expect("it was looked up before")
    }

    fn account_mut(&mut self, tenant: &str) -> &mut Account {
        self.accounts.get_mut(tenant).expect("it was looked up before")
    }
}

/// Whose a record is, if it can be read so far: by it a record finds its way home.
pub fn tenant_of(step: &Step) -> Option<String> {
    match step {
        Step::Cdr(bytes) => cdr::read(bytes).ok().map(|call| call.tenant),
        Step::Command(bytes) => {
            command::address(&read::object_of(bytes, read::RECORD_BYTES_MAX)?).map(|(tenant, _)| tenant)
        }
        Step::Clock => None,
    }
}

/// R43: what someone must act on.
fn is_alert(kind: &str) -> bool {
    let quiet = [
        "tenant.opened",
        "tenant.updated",
        "tenant.closed",
        "licences.set",
        "user.limit_set",
        "recharge.configured",
        "call.debited",
        "funds.added",
        "balance.adjusted",
        "call.voided",
    ];
    !quiet.contains(&kind)
}

/// An object without its nulls.
fn without_nulls(mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.retain(|_, value| !value.is_null());
    }
    object
}

/// An amount, left out where it is zero.
fn unless_zero(money: Amount) -> Value {
    if money == 0 { Value::Null } else { json!(amount(money)) }
}
