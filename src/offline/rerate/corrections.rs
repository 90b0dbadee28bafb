//! What was given back of calls since they were debited: corrections and voids (R37).

use std::collections::HashMap;

use super::key;
use crate::core::event::{Corrects, Event, EventBody};
use crate::core::money::Money;

/// All corrections of a ledger. A call is known by its id and the number of its first debit: a call id may come again.
#[derive(Debug, Default)]
pub(super) struct Corrections {
    by_call: HashMap<(Box<str>, u64), Corrected>,
}

/// What was corrected of one call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Corrected {
    /// Signed.
    pub(super) given_back: Money,
    /// The last correction; 0: there was none.
    pub(super) last_seq: u64,
    pub(super) voided: bool,
}

impl Corrections {
    /// Takes note of an event, if it is a correction of a call.
    pub(super) fn note(&mut self, event: &Event<'_>) {
        match &event.body {
            EventBody::BalanceAdjusted(adjustment) => {
                if let Some(call) = &adjustment.corrects {
                    self.add(event, call, adjustment.amount(), false);
                }
            }
            EventBody::CallVoided(void) => self.add(event, &void.call, void.amount, true),
            _ => {}
        }
    }

    fn add(&mut self, event: &Event<'_>, call: &Corrects<'_>, amount: Money, voided: bool) {
        let Some(first) = call.debits.first() else { return };
        let corrected = self.by_call.entry((key(&event.tenant, &call.call_id), *first)).or_default();
        // The account holds the sum of all corrections, and this is a part of it.
        corrected.given_back = corrected.given_back.checked_add(amount).unwrap_or(corrected.given_back);
        corrected.last_seq = event.seq;
        corrected.voided |= voided;
    }

    /// What was corrected of a call; `None`: nothing.
    pub(super) fn of(&self, tenant: &str, call_id: &str, first_debit: u64) -> Option<&Corrected> {
        self.by_call.get(&(key(tenant, call_id), first_debit))
    }
}
