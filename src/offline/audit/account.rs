//! One tenant's ledger under audit: sequence, ids, causes, the audit's own books, and the engine's fold beside them.

use jiff::SignedDuration;

use super::books::{Books, Sums};
use super::memory::Memory;
use super::record::Record;
use super::{Breach, Law};
use crate::core::account::Account;
use crate::offline::figure::Figure;
use crate::wire::event;

/// What is known of one tenant.
#[derive(Debug, Default)]
pub(super) struct AccountAudit {
    seq: u64,
    currency: String,
    books: Books,
    memory: Memory,
    /// As the engine folds it; `None` before the first event.
    folded: Option<Account>,
}

impl AccountAudit {
    /// Looks at the tenant's next event.
    pub(super) fn take(&mut self, record: &Record<'_>, bytes: &[u8], window: SignedDuration) -> Result<(), Breach> {
        self.continues(record)?;
        ids(record)?;
        self.memory.take(record, window)?;
        self.books.take(record)?;
        self.fold(bytes)?;
        self.compare()
    }

    /// As the account was opened.
    pub(super) fn currency(&self) -> &str {
        &self.currency
    }

    pub(super) fn sums(&self) -> Sums {
        self.books.sums
    }

    /// One more than the last, and `tenant.opened` is the first.
    fn continues(&mut self, record: &Record<'_>) -> Result<(), Breach> {
        let (expected, found) = (self.seq + 1, record.seq());
        let wrong = |detail: String| Err(Breach::new(Law::Sequence, detail));
        if found != expected {
            return match self.seq {
                0 => wrong(format!("the account begins at {found}, not at 1")),
                last if found > last => wrong(format!("{found} comes after {last}: {expected} is missing")),
                last => wrong(format!("{found} comes after {last}: it is there twice, or out of order")),
            };
        }
        if (found == 1) != (record.kind() == "tenant.opened") {
            return wrong("an account begins with tenant.opened, once".to_owned());
        }
        if found == 1 {
            record.currency()?.clone_into(&mut self.currency);
        }
        self.seq = found;
        Ok(())
    }

    fn fold(&mut self, bytes: &[u8]) -> Result<(), Breach> {
        let event = event::decode(bytes).map_err(|fault| Breach::new(Law::Form, fault.to_string()))?;
        let folded = match &mut self.folded {
            Some(account) => account.apply(&event),
            none => Account::opened(&event).map(|account| *none = Some(account)),
        };
        folded.map_err(|broken| Breach::new(Law::Fold, broken.to_string()))
    }

    /// The engine's account is what the books are.
    fn compare(&self) -> Result<(), Breach> {
        let account = self.folded.as_ref().expect("folded just now");
        let (own, totals) = (self.books.sums, account.totals);
        let figures = [
            ("balance", own.balance(), account.balance()),
            ("debt", self.books.debt, account.debt),
            ("sum added", own.added, totals.added),
            ("sum debited", own.debited, totals.debited),
            ("sum expired", own.expired, totals.expired),
            ("sum adjusted", own.adjusted, totals.adjusted),
        ];
        for (name, own, folded) in figures {
            if own != Figure::of(folded) {
                let detail = format!("the {name} is {folded} by the engine's fold, {own} by the events' amounts");
                return Err(Breach::new(Law::Fold, detail));
            }
        }
        let lots = account.lots.iter().map(|lot| (lot.id.0, Figure::of(lot.remaining)));
        if !lots.eq(self.books.lots.iter().map(|(lot, left)| (*lot, *left))) {
            return Err(Breach::new(Law::Fold, "the lots of the engine's fold are not those of the events' amounts"));
        }
        Ok(())
    }
}

/// Ids that the engine makes come from the sequence number of the event that makes them, and a debit is caused by its call.
fn ids(record: &Record<'_>) -> Result<(), Breach> {
    let (tenant, seq) = (record.tenant(), record.seq());
    let (name, written, expected) = match record.kind() {
        "funds.added" | "recharge.succeeded" | "balance.adjusted" | "call.voided" => {
            ("lot", record.lot(), format!("l{seq}"))
        }
        "recharge.requested" => ("recharge_id", Some(record.recharge_id()?), format!("{tenant}/r{seq}")),
        "call.debited" => ("cause", Some(record.cause()?), format!("{}/{}", record.call_id()?, record.part())),
        _ => return Ok(()),
    };
    // Where a lot must be named and is not, the decoder says so.
    match written {
        Some(written) if written != expected => {
            Err(Breach::new(Law::Ids, format!("{name} is {written}, it must be {expected}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEDGER: &str = include_str!("../../../tests/data/ledger.jsonl");
    const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

    /// What an `apply` that is wrong would leave behind.
    #[test]
    fn law3_a_fold_that_is_not_what_the_amounts_make_is_a_fault() {
        type Spoil = fn(&mut Account);
        let cases: [(&str, Spoil); 5] = [
            ("balance", |account| account.lots[0].remaining = "1.00".parse().unwrap()),
            ("debt", |account| {
                account.debt = "1.00".parse().unwrap();
                account.lots[0].remaining = account.lots[0].remaining.checked_add(account.debt).unwrap();
            }),
            ("sum added", |account| account.totals.added = "1.00".parse().unwrap()),
            ("lots", |account| account.lots[0].id.0 += 1),
            ("sequence", |account| account.seq += 1),
        ];
        for (name, spoil) in cases {
            let mut audit = AccountAudit::default();
            let mut found = None;
            for line in LEDGER.lines().filter(|line| line.contains("\"id\":\"contoso/")) {
                let record = Record::read(line.as_bytes()).unwrap();
                if let Err(breach) = audit.take(&record, line.as_bytes(), WEEK) {
                    found = Some((record.seq(), breach));
                    break;
                }
                if record.seq() == 4 {
                    spoil(audit.folded.as_mut().unwrap());
                }
            }
            let (seq, breach) = found.unwrap_or_else(|| panic!("{name}: nothing is found"));
            assert_eq!((seq, breach.law), (5, Law::Fold), "{name}");
            assert!(breach.detail.contains(name), "{name}: {}", breach.detail);
        }
    }
}
