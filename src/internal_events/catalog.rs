//! What becomes of the catalog that is read from its topic.

use std::time::Duration;

use tracing::{error, info};

use crate::metrics::Metrics;
use crate::stream::catalog::source::Unusable;
use crate::stream::catalog::standing::Ignored;

/// A new catalog has replaced the one before.
#[derive(Debug)]
pub struct CatalogReplaced<'a> {
    /// Its version.
    pub version: &'a str,
    /// How many versions of price lists, plans and number plans it holds.
    pub items: usize,
}

impl CatalogReplaced<'_> {
    /// Shows the version and logs.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.set_catalog_version(self.version);
        info!(
            catalog_version = self.version,
            items = self.items,
            "the catalog is read; what is published takes effect"
        );
    }
}

/// Somebody published or withdrew something, and it has no effect. Emit it once for each.
#[derive(Debug)]
pub struct PublicationIgnored<'a> {
    /// What, and why.
    pub ignored: &'a Ignored,
}

impl PublicationIgnored<'_> {
    /// Counts and logs.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.publications_ignored.inc();
        let Ignored { key, version, why } = self.ignored;
        error!(
            kind = key.kind.code(),
            id = &*key.id,
            version = &**version,
            publication = &*key.publication,
            "a publication is ignored: {why}; publish it again, and withdraw this one to end the alarm"
        );
    }
}

/// The reader of the topic has looked whether its catalog may be used.
#[derive(Debug)]
pub struct CatalogJudged {
    /// How old the catalog is.
    pub age: Duration,
    /// Why nothing may be rated, if so.
    pub unusable: Option<Unusable>,
    /// It is not as it was before; only news is logged.
    pub is_news: bool,
}

impl CatalogJudged {
    /// Shows the age, makes the process ready or not, and logs changes.
    pub fn emit(&self, metrics: &Metrics) {
        metrics.catalog_age.set(self.age.as_secs_f64());
        metrics.health().set_catalog(self.unusable.as_ref().map(Unusable::to_string));
        match &self.unusable {
            _ if !self.is_news => {}
            // Every start begins with it.
            Some(Unusable::NotRead) => info!("the catalog is being read"),
            Some(unusable) => error!("nothing is rated for want of a catalog: {unusable}"),
            None => info!("the catalog can be used"),
        }
    }
}
