//! A call as its debits tell: one, or one for each part.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::core::duration::CallDuration;
use crate::core::event::{Debit, Event};
use crate::core::money::Money;
use crate::core::tenant::TenantSettings;
use crate::wire::event;

/// A debit as it stands in the ledger: a correction has to name it so.
#[derive(Debug)]
pub(super) struct RawDebit {
    pub(super) seq: u64,
    pub(super) event: Box<RawValue>,
    amount: Money,
    pool_minutes: u64,
}

impl RawDebit {
    pub(super) fn new(seq: u64, debit: &Debit<'_>, bytes: &[u8]) -> RawDebit {
        let text = String::from_utf8(bytes.to_vec()).expect("the decoder has read it");
        let event = RawValue::from_string(text).expect("the decoder has read it");
        let pool_minutes = debit.pool.as_ref().map_or(0, |pool| pool.minutes);
        RawDebit { seq, event, amount: debit.amount, pool_minutes }
    }
}

/// One call.
#[derive(Debug)]
pub(super) struct DebitedCall {
    pub(super) tenant: String,
    pub(super) call_id: String,
    /// The last part.
    pub(super) part: u32,
    /// In their order; at least one.
    pub(super) debits: Vec<RawDebit>,
    /// All debits.
    pub(super) amount: Money,
    /// Of the tenant when the last part was debited.
    pub(super) settings: Option<Arc<TenantSettings>>,
}

impl DebitedCall {
    pub(super) fn begin(
        event: &Event<'_>,
        debit: &Debit<'_>,
        raw: RawDebit,
        settings: Option<Arc<TenantSettings>>,
    ) -> DebitedCall {
        DebitedCall {
            tenant: event.tenant.to_string(),
            call_id: debit.call_id.to_string(),
            part: debit.part,
            amount: raw.amount,
            debits: vec![raw],
            settings,
        }
    }

    pub(super) fn go_on(&mut self, debit: &Debit<'_>, raw: RawDebit, settings: Option<Arc<TenantSettings>>) {
        self.part = debit.part;
        // A sum that would reach the limit differs from the cumulative one: the call is incomplete then.
        self.amount = self.amount.checked_add(raw.amount).unwrap_or(self.amount);
        self.debits.push(raw);
        self.settings = settings;
    }

    pub(super) fn first_seq(&self) -> u64 {
        self.debits[0].seq
    }

    /// The last debit.
    pub(super) fn last(&self) -> Event<'_> {
        let last = self.debits.last().expect("a call has a debit");
        event::decode(last.event.get().as_bytes()).expect("it was read before")
    }

    /// All parts are here, as far as the last can tell.
    pub(super) fn is_complete(&self, last: &Debit<'_>) -> bool {
        let minutes: u64 = self.debits.iter().map(|debit| debit.pool_minutes).sum();
        last.cumulative.as_ref().is_none_or(|whole| whole.amount == self.amount && whole.pool_minutes == minutes)
    }

    /// Of the whole call.
    pub(super) fn duration(&self, last: &Debit<'_>) -> CallDuration {
        last.cumulative.as_ref().map_or(last.duration, |whole| whole.duration)
    }

    /// That a pool gave to the whole call.
    pub(super) fn pool_minutes(&self, last: &Debit<'_>) -> u64 {
        let of_last = || last.pool.as_ref().map_or(0, |pool| pool.minutes);
        last.cumulative.as_ref().map_or_else(of_last, |whole| whole.pool_minutes)
    }
}
