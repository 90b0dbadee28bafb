//! What calls cost: no balances, nothing remembered.

use std::sync::Arc;

use super::OfflineFailure;
use super::charge::{Charge, Debited, WriteCharges};
use crate::core::catalog::Catalog;
use crate::core::rating::{self, Rejection};
use crate::core::tenant::TenantSettings;
use crate::metrics::{BatchCounts, CdrOutcome};
use crate::wire::{self, Rejected};

/// Prices calls of any tenant.
#[derive(Debug)]
pub struct Pricing {
    catalog: Arc<Catalog>,
    settings: TenantSettings,
    counts: BatchCounts,
}

impl Pricing {
    /// Prices by the settings that any tenant is taken to have.
    pub fn new(catalog: Arc<Catalog>, settings: TenantSettings) -> Pricing {
        Pricing { catalog, settings, counts: BatchCounts::default() }
    }

    /// Prices one record.
    ///
    /// # Errors
    /// [`OfflineFailure::Write`].
    pub fn take(&mut self, record: &[u8], charges: &mut dyn WriteCharges) -> Result<(), OfflineFailure> {
        let cdr = match wire::cdr::decode(record) {
            Ok(cdr) => cdr,
            Err(rejected) => return self.reject(&rejected, charges),
        };
        let priced = rating::price(&cdr, &self.settings, &self.catalog);
        match &priced {
            Ok(priced) => {
                self.counts.add_cdr(CdrOutcome::Debited);
                self.counts.add_debited(self.settings.currency, priced.priced.amount);
                charges.write(&Charge::Debited(Debited::priced(&cdr, priced, self.settings.currency)))?;
            }
            Err(Rejection { reason, detail }) => {
                self.counts.add_cdr(CdrOutcome::Quarantined(*reason));
                charges.write(&Charge::Quarantined { cdr: Some(&cdr), reason: *reason, detail })?;
            }
        }
        Ok(())
    }

    /// Puts a record aside that could not be read.
    ///
    /// # Errors
    /// [`OfflineFailure::Write`].
    pub fn reject(&mut self, rejected: &Rejected, charges: &mut dyn WriteCharges) -> Result<(), OfflineFailure> {
        self.counts.add_cdr(CdrOutcome::Quarantined(rejected.reason));
        let (reason, detail) = (rejected.reason, &*rejected.detail);
        Ok(charges.write(&Charge::Quarantined { cdr: None, reason, detail })?)
    }

    /// What was done so far.
    pub fn counts(&self) -> &BatchCounts {
        &self.counts
    }
}
