//! What the tests of the catalog share: items, and a topic in memory with a clock of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::build::{CatalogFile, CatalogItem, version_of};
use super::publish::{Outgoing, Terms, publication};
use crate::stream::memory::{CATALOG_PARTITION, MemoryCatalogLog, MemoryCluster, Topic};
use crate::stream::transport::OutRecord;
use crate::stream::worker::Now;
use crate::wire::catalog_record::{ItemKind, PublicationKey};

/// The lead of the tests' publications, seconds: 15 minutes.
pub(crate) const LEAD_SECONDS: u32 = 900;
/// A catalog of the tests is stale after this.
pub(crate) const STALE_AFTER: Duration = Duration::from_secs(300);

/// An item with the version of its files.
pub(crate) fn item(kind: ItemKind, id: &str, files: &[(&str, &str)]) -> CatalogItem {
    let files: Vec<CatalogFile> = files
        .iter()
        .map(|(name, text)| CatalogFile { name: (*name).into(), bytes: text.as_bytes().to_vec().into() })
        .collect();
    CatalogItem { kind, id: id.into(), version: Box::from(&*version_of(&files)), effective_from: None, files }
}

/// The price list `retail` with one row.
pub(crate) fn deck(rate: &str) -> CatalogItem {
    let text = format!("# currency: USD\nprefix,country,rate_per_minute\n44,GB,{rate}\n");
    item(ItemKind::Deck, "retail", &[("decks/retail.csv", &text)])
}

/// A number plan with one country.
pub(crate) fn number_plan() -> CatalogItem {
    let files = [
        ("number-plan/countries.csv", "country,name,international_prefixes,emergency\nGB,United Kingdom,00,999\n"),
        ("number-plan/prefixes.csv", "prefix,country\n44,GB\n"),
        ("number-plan/domestic-unions.csv", "union,country\n"),
    ];
    item(ItemKind::NumberPlan, super::NUMBER_PLAN_ID, &files)
}

/// The topic, and the hands of the clocks: the broker's and the reader's, which go together.
pub(crate) struct Desk {
    pub(crate) cluster: MemoryCluster,
    clock_ms: Arc<AtomicI64>,
    published: u64,
}

/// When the tests begin.
pub(crate) fn beginning() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().expect("a time")
}

impl Desk {
    pub(crate) fn new() -> Desk {
        Desk::of_partitions(1)
    }

    fn of_partitions(partitions: u32) -> Desk {
        let clock_ms = Arc::new(AtomicI64::new(beginning().as_millisecond()));
        let of_broker = Arc::clone(&clock_ms);
        let cluster = MemoryCluster::new(partitions, Arc::new(move || of_broker.load(Ordering::Relaxed)));
        Desk { cluster, clock_ms, published: 0 }
    }

    /// A topic in which the number plan, the plan `payg` and `retail` at 0.01 are published, always in force.
    pub(crate) fn with_first_versions() -> Desk {
        Desk::with_first_versions_for(1)
    }

    pub(crate) fn with_first_versions_for(partitions: u32) -> Desk {
        let mut desk = Desk::of_partitions(partitions);
        desk.publish(&number_plan(), None);
        let plan = ("plans/payg.toml", "description = \"Pay-As-You-Go\"\n");
        desk.publish(&item(ItemKind::Plan, "payg", &[plan]), None);
        desk.publish(&deck("0.01"), None);
        desk
    }

    pub(crate) fn log(&self) -> MemoryCatalogLog {
        self.cluster.catalog_log()
    }

    pub(crate) fn pass(&self, duration: SignedDuration) {
        let ms = i64::try_from(duration.as_millis()).expect("a test is short");
        self.clock_ms.fetch_add(ms, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> Now {
        let ms = self.clock_ms.load(Ordering::Relaxed);
        let since = u64::try_from(ms - beginning().as_millisecond()).expect("the clock goes on");
        Now {
            wall: Timestamp::from_millisecond(ms).expect("a time"),
            // Not zero at the beginning: a reader that confuses "never" with "at zero" is found.
            monotonic: Duration::from_secs(1) + Duration::from_millis(since),
        }
    }

    /// The records of a publication, not yet written.
    pub(crate) fn prepare(&mut self, item: &CatalogItem, effective_from: Option<Timestamp>) -> Outgoing {
        self.published += 1;
        let terms = Terms {
            publication: format!("{:016x}", self.published).into(),
            effective_from,
            lead_seconds: LEAD_SECONDS,
            published_by: "ada".into(),
            note: "".into(),
        };
        publication(item, terms).expect("it can be published")
    }

    pub(crate) fn publish(&mut self, item: &CatalogItem, effective_from: Option<Timestamp>) -> PublicationKey {
        let Outgoing { key, records, .. } = self.prepare(item, effective_from);
        self.write(records);
        key
    }

    pub(crate) fn write(&self, records: Vec<OutRecord>) {
        self.cluster.append_batch(Topic::Catalog, CATALOG_PARTITION, records);
    }
}
