//! The topic `catalog` in memory. Writing to it is [`MemoryCluster::append_batch`]: a batch is seen whole or not at all.

use std::time::Duration;

use jiff::Timestamp;

use super::cluster::MemoryCluster;
use super::topic::Topic;
use crate::core::partition::PartitionId;
use crate::stream::catalog::publications::CatalogLogRecord;
use crate::stream::catalog::reader::CatalogLog;
use crate::stream::transport::TransportFailure;

/// The one partition of the topic that is used.
pub const CATALOG_PARTITION: PartitionId = PartitionId(0);

/// [`CatalogLog`] over a [`MemoryCluster`].
#[derive(Debug)]
pub struct MemoryCatalogLog {
    cluster: MemoryCluster,
    position: i64,
}

impl MemoryCatalogLog {
    pub(super) fn new(cluster: MemoryCluster) -> MemoryCatalogLog {
        MemoryCatalogLog { cluster, position: 0 }
    }
}

impl CatalogLog for MemoryCatalogLog {
    fn end(&mut self) -> Result<i64, TransportFailure> {
        Ok(self.cluster.high_watermark(Topic::Catalog, CATALOG_PARTITION))
    }

    fn read(&mut self, max: usize, wait: Duration, into: &mut Vec<CatalogLogRecord>) -> Result<i64, TransportFailure> {
        let has_news = |position: i64| {
            move |broker: &super::broker::Broker| {
                position < broker.log(Topic::Catalog, CATALOG_PARTITION).last_stable_offset()
            }
        };
        drop(self.cluster.wait(wait, has_news(self.position)));
        let (records, position) = self.cluster.read_committed(Topic::Catalog, CATALOG_PARTITION, self.position, max);
        into.extend(records.iter().map(|record| CatalogLogRecord {
            offset: record.offset,
            at: Timestamp::from_millisecond(record.timestamp_ms).expect("the owner's clock is a time"),
            key: record.key().to_vec().into(),
            value: record.value().to_vec().into(),
        }));
        self.position = position;
        Ok(position)
    }
}

/// A publisher that hangs in its transaction.
#[cfg(test)]
pub(crate) struct HungPublisher {
    cluster: MemoryCluster,
    producer: super::transactions::ProducerHandle,
}

#[cfg(test)]
impl HungPublisher {
    /// Writes one record, and no more.
    pub(crate) fn begin(cluster: &MemoryCluster) -> HungPublisher {
        let record = crate::stream::transport::OutRecord { key: b"k".as_slice().into(), value: b"v".as_slice().into() };
        let producer = cluster.change(|broker, now_ms| {
            let producer = broker.init_transactions(&"hung".into(), now_ms);
            let place = (Topic::Catalog, CATALOG_PARTITION);
            broker.publish(&producer, place, [record].into(), now_ms).expect("it was admitted just now");
            producer
        });
        HungPublisher { cluster: cluster.clone(), producer }
    }

    /// Aborts.
    pub(crate) fn abort(self) {
        let verdict = super::log::Verdict::Abort;
        let ended = self.cluster.change(|broker, now_ms| broker.end_transaction(&self.producer, verdict, now_ms));
        ended.expect("nobody has fenced it");
    }
}
