//! Which catalog a worker rates with: one for each transaction, or none, and then it takes nothing.

use std::sync::Arc;

use super::{Now, Worker};
use crate::stream::catalog::source::CatalogSource;
use crate::stream::transport::Transport;

impl<T: Transport> Worker<T> {
    /// Rates with what `catalogs` says, transaction by transaction, instead of the engine's own catalog.
    pub fn priced_by(mut self, catalogs: Arc<dyn CatalogSource>) -> Worker<T> {
        self.catalogs = catalogs;
        self
    }

    /// Whether there is a catalog to begin a transaction with.
    pub(super) fn has_catalog(&self, now: Now) -> bool {
        self.catalogs.current(now).is_some()
    }

    /// Whether a record may be taken: into the open transaction, or into one that is begun for it. What is not taken stays where
    /// it is in the log, and nothing is aborted.
    pub(super) fn may_take(&self, now: Now) -> bool {
        match &self.open {
            Some(open) => open.records < self.options.batch_records_max && open.has_catalog,
            None => self.has_catalog(now),
        }
    }

    /// Takes the catalog of the transaction that begins; whether there is one.
    pub(super) fn take_catalog(&mut self, now: Now) -> bool {
        match self.catalogs.current(now) {
            Some(catalog) => {
                self.engine.set_catalog(catalog);
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests;
