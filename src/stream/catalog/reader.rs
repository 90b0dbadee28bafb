//! Follows the topic `catalog` and keeps the latest catalog up to date. A state machine, as the worker is.
//!
//! Every tenth of the time after which a catalog is stale (30 s of 5 min), the end of the topic is asked for. When everything
//! before that end is read, the catalog is as fresh as the question; a changed one is built whole, beside the one that is
//! in use, and replaces it at once. The end is the high watermark, not the last stable offset: an open transaction may hide
//! publications that are committed behind it, and a reader that is kept from them must become stale.

use std::sync::Arc;
use std::time::Duration;

use super::build::{BuildFailure, CountryCheck, build_catalog};
use super::publications::{CatalogLogRecord, Keep, Publications};
use super::source::{LatestCatalog, Unusable};
use super::standing::TopicProblem;
use crate::core::catalog::Catalog;
use crate::internal_events::{CatalogJudged, CatalogReplaced, PublicationIgnored};
use crate::metrics::Metrics;
use crate::stream::transport::TransportFailure;
use crate::stream::worker::Now;

/// Records that one read brings at most: 32 MiB of the largest.
const READ_RECORDS_MAX: usize = 64;
/// The end is asked for so many times before a catalog is stale.
const QUESTIONS_UNTIL_STALE: u32 = 10;
/// After a question that was not answered, the next comes this much later.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The topic `catalog`, as its reader needs it. Two logs have it: Kafka and memory.
pub trait CatalogLog {
    /// The offset behind the last record or marker, open transactions included.
    ///
    /// # Errors
    /// `Retry` while the brokers do not answer; `Fatal` if the log must be opened anew.
    fn end(&mut self) -> Result<i64, TransportFailure>;
    /// Appends up to `max` committed records, waits up to `wait` for the first. Returns the position: every offset before it is
    /// read or passed over (markers, aborted records).
    ///
    /// # Errors
    /// As [`Self::end`].
    fn read(&mut self, max: usize, wait: Duration, into: &mut Vec<CatalogLogRecord>) -> Result<i64, TransportFailure>;
}

/// Reads a log and writes a [`LatestCatalog`].
pub struct CatalogReader<L> {
    log: L,
    publications: Publications,
    latest: Arc<LatestCatalog>,
    metrics: Arc<Metrics>,
    fetched: Vec<CatalogLogRecord>,
    position: i64,
    question: Option<Question>,
    ask_at: Duration,
    /// Something was read since a catalog was built.
    changed: bool,
    /// What operators were told last.
    reported: Option<Unusable>,
}

/// The end as it was asked for.
#[derive(Clone, Copy, Debug)]
struct Question {
    /// By the monotonic clock, before it was asked.
    asked: Duration,
    end: i64,
}

/// Why the records make no catalog.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("nothing is published yet: `tollkeeper deck publish --directory DIRECTORY --commit` does it")]
    Empty,
    #[error("{0}")]
    Topic(TopicProblem),
    #[error("what is published cannot be used by this release: {0}")]
    Build(BuildFailure),
}

impl<L: CatalogLog> CatalogReader<L> {
    /// Reads `log` from its first record on.
    pub fn new(log: L, keep: Keep, latest: Arc<LatestCatalog>, metrics: Arc<Metrics>) -> CatalogReader<L> {
        CatalogReader {
            log,
            publications: Publications::new(keep),
            latest,
            metrics,
            fetched: Vec::new(),
            position: 0,
            question: None,
            ask_at: Duration::ZERO,
            changed: true,
            reported: None,
        }
    }

    /// Asks if it is time to, reads what is there, and replaces the catalog when the end is reached. Waits up to `wait` for
    /// the first record.
    ///
    /// # Errors
    /// `Retry`: the same may be tried again. Any other: a reader over a log that is opened anew has to take its place.
    pub fn step(&mut self, now: Now, wait: Duration) -> Result<(), TransportFailure> {
        let read = self.ask(now).and_then(|()| self.read(wait));
        if let Some(question) = self.question.filter(|question| self.position >= question.end) {
            self.question = None;
            self.reached(question, now);
        }
        self.report(now);
        read
    }

    fn ask(&mut self, now: Now) -> Result<(), TransportFailure> {
        if self.question.is_some() || now.monotonic < self.ask_at {
            return Ok(());
        }
        self.ask_at = now.monotonic + ASK_AGAIN;
        let end = self.log.end()?;
        if end < self.position {
            let detail = format!("it ends at {end} and was read to {}: it was made anew", self.position);
            return Err(TransportFailure::Fatal { act: "read the catalog", detail });
        }
        self.question = Some(Question { asked: now.monotonic, end });
        self.ask_at = now.monotonic + self.latest.stale_after() / QUESTIONS_UNTIL_STALE;
        Ok(())
    }

    fn read(&mut self, wait: Duration) -> Result<(), TransportFailure> {
        self.position = self.log.read(READ_RECORDS_MAX, wait, &mut self.fetched)?;
        for record in self.fetched.drain(..) {
            self.publications.take(&record);
            self.changed = true;
        }
        Ok(())
    }

    /// All that was there when `question` was asked is read.
    fn reached(&mut self, question: Question, now: Now) {
        if !self.changed {
            self.latest.read_as_of(question.asked, None);
            return;
        }
        self.changed = false;
        for ignored in self.publications.take_ignored() {
            PublicationIgnored { ignored: &ignored }.emit(&self.metrics);
        }
        match self.build(now) {
            Ok((catalog, items)) => {
                CatalogReplaced { version: catalog.version(), items }.emit(&self.metrics);
                self.latest.read_as_of(question.asked, Some(Arc::new(catalog)));
            }
            Err(refusal) => {
                self.latest.refuse(refusal.to_string());
            }
        }
    }

    fn build(&mut self, now: Now) -> Result<(Catalog, usize), Refusal> {
        let items = self.publications.needed(now.wall).map_err(Refusal::Topic)?;
        if items.is_empty() {
            return Err(Refusal::Empty);
        }
        let version = self.publications.version();
        let catalog = build_catalog(version, &items, CountryCheck::Passed).map_err(Refusal::Build)?;
        Ok((catalog, items.len()))
    }

    /// Tells operators how fresh the catalog is, and why nothing is rated.
    fn report(&mut self, now: Now) {
        let unusable = self.latest.unusable(now);
        let is_news = match (&self.reported, &unusable) {
            (Some(Unusable::Stale { .. }), Some(Unusable::Stale { .. })) => false,
            (before, after) => before != after,
        };
        self.reported.clone_from(&unusable);
        CatalogJudged { age: self.latest.age(now), unusable, is_news }.emit(&self.metrics);
    }
}

#[cfg(test)]
mod tests;
