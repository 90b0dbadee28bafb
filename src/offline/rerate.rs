//! `tollkeeper rerate`: calls of a ledger are priced again by another catalog, and what they should have cost is compared with what
//! they have cost so far: the debit, less all that was given back since.
//!
//! Only prices are looked up anew, for the start of each call (R12). Who pays for a call, and the minutes that a pool gave, stay as
//! they were (F10: a pool pays the call's first minutes): dealing a pool out anew would change other calls of the month. Calls
//! that were free stay free, quarantined ones are not in the ledger. The parts of a call are one call, of the last duration and
//! all its pool minutes: what they were charged beyond that (F2) is given back too.
//!
//! The ledger is read twice, so that what is held is small: first the corrections ([`Rerate::note`]), then the calls
//! ([`Rerate::take`]). A correction is a command, [`Proposal`]. Its id is a hash of the call, the deck, what the call costs before
//! and the last correction behind that: proposing the same twice is one command to the engine, and a second deck after a first
//! corrects what the first has left. What somebody else corrects between the reading and the applying is not seen; re-rating once more
//! then finds the rest.

mod call;
mod corrections;
mod proposal;
mod report;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use jiff::Timestamp;

use call::{DebitedCall, RawDebit};
use corrections::{Corrected, Corrections};
pub use proposal::Proposal;
pub use report::{LeftAlone, Report, Row, RowKey};

use crate::core::catalog::Catalog;
use crate::core::event::{Debit, Event, EventBody};
use crate::core::rating::{Rejection, offer_of_debit};
use crate::core::reason::Reason;
use crate::core::tenant::{TenantId, TenantSettings};
use crate::wire::RECORD_BYTES_MAX;
use crate::wire::event::{self, EventFault};

/// Which calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Calls that started then or later.
    pub from: Timestamp,
    /// Calls that started before.
    pub to: Timestamp,
    /// Of this tenant only.
    pub tenant: Option<TenantId>,
}

/// Why a call is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// It was taken back.
    Voided,
    /// The catalog does not price it so.
    Unpriced(Reason),
    /// Not all its debits are in the ledger that was read, or its tenant's opening is not.
    Incomplete,
    /// A command that names all its debits would be longer than a record may be.
    TooManyParts,
}

impl Left {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Left::Voided => "voided",
            Left::Unpriced(reason) => reason.code(),
            Left::Incomplete => "incomplete",
            Left::TooManyParts => "too_many_parts",
        }
    }
}

/// A re-rating that goes on.
#[derive(Debug)]
pub struct Rerate {
    terms: Terms,
    catalog: Arc<Catalog>,
    corrections: Corrections,
    /// As they are at the place of the second reading.
    settings: HashMap<Box<str>, Arc<TenantSettings>>,
    /// Calls in parts whose final one has not come, by `tenant/call_id`.
    open: HashMap<Box<str>, DebitedCall>,
    report: Report,
}

impl Rerate {
    /// Nothing read yet.
    pub fn new(terms: Terms, catalog: Arc<Catalog>) -> Rerate {
        let report = Report::new(&terms, catalog.version());
        let (corrections, settings, open) = (Corrections::default(), HashMap::new(), HashMap::new());
        Rerate { terms, catalog, corrections, settings, open, report }
    }

    /// First reading: takes note of a correction.
    ///
    /// # Errors
    /// The event is of a form that this release does not know.
    pub fn note(&mut self, bytes: &[u8]) -> Result<(), EventFault> {
        self.corrections.note(&event::decode(bytes)?);
        Ok(())
    }

    /// Second reading: prices a call; what must be corrected is given to `propose`.
    ///
    /// # Errors
    /// As [`Self::note`], or what `propose` says.
    pub fn take<E: From<EventFault>>(
        &mut self,
        bytes: &[u8],
        mut propose: impl FnMut(Proposal) -> Result<(), E>,
    ) -> Result<(), E> {
        let event = event::decode(bytes)?;
        match &event.body {
            EventBody::TenantOpened { settings, .. } | EventBody::TenantUpdated { settings, .. } => {
                self.settings.insert((*event.tenant).into(), Arc::new(settings.clone()));
            }
            // What comes under its id from here on is another call.
            EventBody::CallVoided(void) if void.release => {
                let call = self.open.remove(&*key(&event.tenant, &void.call.call_id));
                call.and_then(|call| self.settle(&call)).map_or(Ok(()), &mut propose)?;
            }
            EventBody::CallDebited(debit) if self.is_asked_for(&event, debit) => {
                for call in self.gather(&event, debit, bytes).into_iter().flatten() {
                    self.settle(&call).map_or(Ok(()), &mut propose)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Ends a partition, or the ledger: calls that have no final part are priced as far as they are.
    ///
    /// # Errors
    /// What `propose` says.
    pub fn close_partition<E>(&mut self, mut propose: impl FnMut(Proposal) -> Result<(), E>) -> Result<(), E> {
        let mut open: Vec<(Box<str>, DebitedCall)> = self.open.drain().collect();
        open.sort_by(|a, b| a.0.cmp(&b.0));
        open.iter().try_for_each(|(_, call)| self.settle(call).map_or(Ok(()), &mut propose))
    }

    /// What was found.
    pub fn report(&self) -> &Report {
        &self.report
    }

    fn is_asked_for(&self, event: &Event<'_>, debit: &Debit<'_>) -> bool {
        let in_time = debit.answered_at.is_some_and(|at| self.terms.from <= at && at < self.terms.to);
        in_time && self.terms.tenant.as_ref().is_none_or(|tenant| tenant.as_str() == event.tenant)
    }

    /// Puts a debit to the other parts of its call; returns the calls that are whole by now. One that has an earlier part again is
    /// another call: its id was free.
    fn gather(&mut self, event: &Event<'_>, debit: &Debit<'_>, bytes: &[u8]) -> [Option<DebitedCall>; 2] {
        let settings = self.settings.get(&*event.tenant).cloned();
        let raw = RawDebit::new(event.seq, debit, bytes);
        let has_parts = debit.cumulative.is_some();
        let key = key(&event.tenant, &debit.call_id);
        let (mut before, mut whole) = (None, None);
        if !has_parts {
            before = self.open.remove(&*key);
            whole = Some(DebitedCall::begin(event, debit, raw, settings));
        } else {
            match self.open.entry(key) {
                Entry::Occupied(mut open) if open.get().part < debit.part => open.get_mut().go_on(debit, raw, settings),
                Entry::Occupied(mut open) => {
                    before = Some(open.insert(DebitedCall::begin(event, debit, raw, settings)));
                }
                Entry::Vacant(slot) => {
                    slot.insert(DebitedCall::begin(event, debit, raw, settings));
                }
            }
            if debit.is_final {
                whole = self.open.remove(&*self::key(&event.tenant, &debit.call_id));
            }
        }
        [before, whole]
    }

    /// Prices a whole call again.
    fn settle(&mut self, call: &DebitedCall) -> Option<Proposal> {
        let last = call.last();
        let debit = match &last.body {
            EventBody::CallDebited(debit) => debit,
            _ => unreachable!("only debits are gathered"),
        };
        let Some(was) = debit.priced_by.as_ref().filter(|_| !debit.free_call) else {
            self.report.free += 1;
            return None;
        };
        match self.price(call, debit) {
            Ok(Verdict { before, after, proposal }) => {
                let key = RowKey {
                    tenant: call.tenant.clone(),
                    currency: call.settings.as_ref().map(|settings| settings.currency.to_string()).unwrap_or_default(),
                    destination: was.destination.to_string(),
                };
                self.report.add(key, before, after);
                proposal
            }
            Err((left, detail)) => {
                self.report.leave(LeftAlone {
                    tenant: call.tenant.clone(),
                    call_id: call.call_id.clone(),
                    left,
                    detail,
                });
                None
            }
        }
    }

    fn price(&self, call: &DebitedCall, debit: &Debit<'_>) -> Result<Verdict, (Left, String)> {
        let unpriced = |Rejection { reason, detail }| (Left::Unpriced(reason), detail);
        let overflow = |_| (Left::Unpriced(Reason::Overflow), "a sum would be 10^15 or more".to_owned());
        let incomplete = |detail: &str| (Left::Incomplete, detail.to_owned());
        let settings = call.settings.as_deref().ok_or_else(|| incomplete("the ledger does not open its tenant"))?;
        if !call.is_complete(debit) {
            return Err(incomplete("an earlier part of the call is not in the ledger"));
        }
        let none = Corrected::default();
        let corrected = self.corrections.of(&call.tenant, &call.call_id, call.first_seq()).unwrap_or(&none);
        if corrected.voided {
            return Err((Left::Voided, format!("by event {}", corrected.last_seq)));
        }
        let offer = offer_of_debit(debit, settings, &self.catalog).map_err(unpriced)?.expect("its debit has a price");
        let start = debit.answered_at.expect("asked for by its start");
        let priced = offer.charge(start, call.duration(debit), call.pool_minutes(debit)).map_err(unpriced)?;
        let before = call.amount.checked_sub(corrected.given_back).map_err(overflow)?;
        let after = priced.amount;
        let back = before.checked_sub(after).map_err(overflow)?;
        if back.is_zero() {
            return Ok(Verdict { before, after, proposal: None });
        }
        let proposal = Proposal::new(call, offer.deck, before, back, corrected.last_seq);
        if proposal.record_bytes() > RECORD_BYTES_MAX {
            return Err((Left::TooManyParts, format!("{} parts", call.debits.len())));
        }
        Ok(Verdict { before, after, proposal: Some(proposal) })
    }
}

/// What a call costs.
struct Verdict {
    /// Its debits, less what was given back.
    before: crate::core::money::Money,
    /// By the catalog.
    after: crate::core::money::Money,
    /// Where they differ.
    proposal: Option<Proposal>,
}

fn key(tenant: &str, call_id: &str) -> Box<str> {
    format!("{tenant}/{call_id}").into()
}
