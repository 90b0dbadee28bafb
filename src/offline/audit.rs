//! `tollkeeper audit`: the proof of R42 over a ledger that somebody else wrote, tenant by tenant, as its reader finds it.
//!
//! Each event is looked at twice. Once as plain JSON, with arithmetic of its own (`books`) that shares nothing with the
//! engine: what the amounts make of a balance, lots and debt. And once through the engine's own fold
//! ([`Account::apply`](crate::core::account::Account::apply)), the one that live work and recovery use. Both must say the same as
//! the event does; so a wrong ledger is found, and a wrong `apply` too.
//!
//! A tenant's first fault is told, by its place, its event and the law that it breaks; what follows it in that account would only
//! be its echo. The other tenants go on. Memory is bounded for each tenant: the account, and what the engine itself remembers of
//! calls, commands and payments (`memory`).

mod account;
mod books;
mod memory;
mod record;
mod report;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use jiff::SignedDuration;

use account::AccountAudit;
use record::{NoEvent, Record};
pub use report::{CurrencySums, Fault, Law, Report, Unreadable};

use crate::core::partition::{PartitionId, home_partition};

/// Bytes of an event at most: Kafka takes records of a megabyte unless it is told otherwise.
pub const EVENT_BYTES_MAX: usize = 2 << 20;

/// Where an event stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    Line {
        /// The file, as it was named.
        file: Arc<str>,
        /// Counted from 1.
        line: u64,
    },
    /// In the topic `ledger`.
    Offset {
        /// The partition that it was read from.
        partition: PartitionId,
        /// Its offset there.
        offset: i64,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line { file, line } => write!(f, "{file}, line {line}"),
            Place::Offset { partition, offset } => write!(f, "partition {partition}, offset {offset}"),
        }
    }
}

/// What of the engine's configuration the audit must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How far back a call may have ended: a call id is free again one day after it.
    pub acceptance_window: SignedDuration,
    /// How many partitions the ledger has; `None` where it is read from a file, which does not tell.
    pub partitions: Option<u32>,
}

/// An audit that goes on.
#[derive(Debug)]
pub struct Audit {
    terms: Terms,
    /// `None`: a fault was found, what follows is not looked at.
    tenants: HashMap<Box<str>, Option<Box<AccountAudit>>>,
    report: Report,
}

/// A law that an event breaks.
#[derive(Debug)]
struct Breach {
    law: Law,
    detail: String,
}

impl Breach {
    fn new(law: Law, detail: impl Into<String>) -> Breach {
        Breach { law, detail: detail.into() }
    }
}

impl Audit {
    /// An audit that has read nothing.
    pub fn new(terms: Terms) -> Audit {
        Audit { terms, tenants: HashMap::new(), report: Report::default() }
    }

    /// Looks at one event. The events of a tenant come in the order of their partition, or of their file.
    pub fn take(&mut self, place: &Place, bytes: &[u8]) {
        self.report.events += 1;
        let record = match Record::read(bytes) {
            Ok(record) => record,
            Err(NoEvent { id: Some(id), detail }) => return self.note(place, &id, Breach::new(Law::Form, detail)),
            Err(NoEvent { id: None, detail }) => return self.report.unreadable.add(place, detail),
        };
        let Terms { acceptance_window, partitions } = self.terms;
        if !self.tenants.contains_key(record.tenant()) {
            self.tenants.insert(record.tenant().into(), Some(Box::default()));
        }
        let account = self.tenants.get_mut(record.tenant()).expect("there since just now");
        let Some(account) = account else { return };
        let checked =
            at_home(place, partitions, record.tenant()).and_then(|()| account.take(&record, bytes, acceptance_window));
        if let Err(breach) = checked {
            self.note(place, record.id(), breach);
        }
    }

    /// The first fault of a tenant is told; what follows in its account is not looked at.
    fn note(&mut self, place: &Place, id: &str, Breach { law, detail }: Breach) {
        let (tenant, _) = id.split_once('/').expect("ids that were read are tenant/seq");
        self.tenants.insert(tenant.into(), None);
        let fault = Fault { place: place.clone(), event: Some(id.to_owned()), law, detail };
        self.report.faults.entry(tenant.to_owned()).or_insert(fault);
    }

    /// Closes the books of all tenants read so far. To be called between partitions: a tenant is at home in one, so that only
    /// those of one partition are held at a time.
    pub fn close_partition(&mut self) {
        for (_, account) in self.tenants.drain() {
            self.report.tenants += 1;
            if let Some(account) = account {
                self.report.add(account.currency(), account.sums());
            }
        }
    }

    /// What was found.
    pub fn finish(mut self) -> Report {
        self.close_partition();
        self.report
    }
}

/// All events of a tenant are in one partition, its home.
fn at_home(place: &Place, partitions: Option<u32>, tenant: &str) -> Result<(), Breach> {
    let (Place::Offset { partition, .. }, Some(partitions)) = (place, partitions) else { return Ok(()) };
    let home = home_partition(tenant, partitions);
    if home == *partition {
        return Ok(());
    }
    Err(Breach::new(Law::Partition, format!("the home of {tenant} is partition {home} of {partitions}")))
}
