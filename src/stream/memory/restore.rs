//! A restore job's hold on the log.

use std::time::Duration;

use crate::core::partition::PartitionId;
use crate::stream::transport::{CommittedOffsets, Input, InputOffsets, LedgerRecord, RestoreSource, TransportFailure};

use super::cluster::MemoryCluster;
use super::log::{Isolation, MemoryPayload};
use super::member::out_of_turn;
use super::topic::Topic;

/// [`RestoreSource`] over a [`MemoryCluster`].
#[derive(Debug)]
pub struct MemoryRestoreSource {
    cluster: MemoryCluster,
    ledger: Option<OpenLedger>,
}

#[derive(Clone, Copy, Debug)]
struct OpenLedger {
    partition: PartitionId,
    position: i64,
}

impl MemoryRestoreSource {
    /// Clients that have no ledger open.
    pub(super) fn new(cluster: MemoryCluster) -> MemoryRestoreSource {
        MemoryRestoreSource { cluster, ledger: None }
    }
}

impl RestoreSource for MemoryRestoreSource {
    type Payload = MemoryPayload;

    fn committed(&mut self, partition: PartitionId) -> Result<CommittedOffsets, TransportFailure> {
        self.cluster.stable_offsets(partition)
    }

    fn low_watermarks(&mut self, partition: PartitionId) -> Result<InputOffsets, TransportFailure> {
        Ok(Input::ALL.map(|input| self.cluster.low_watermark(input.into(), partition)))
    }

    fn ledger_range(&mut self, partition: PartitionId) -> Result<(i64, i64), TransportFailure> {
        let low = self.cluster.low_watermark(Topic::Ledger, partition);
        Ok((low, self.cluster.high_watermark(Topic::Ledger, partition)))
    }

    fn open_ledger(&mut self, partition: PartitionId, from: i64) -> Result<(), TransportFailure> {
        self.ledger = Some(OpenLedger { partition, position: from });
        Ok(())
    }

    fn read_ledger(
        &mut self,
        max: usize,
        wait: Duration,
        into: &mut Vec<LedgerRecord<MemoryPayload>>,
    ) -> Result<i64, TransportFailure> {
        let Some(ledger) = &mut self.ledger else {
            return Err(out_of_turn("read ledger", "no ledger is open"));
        };
        let broker = self
            .cluster
            .wait(wait, |broker| ledger.position < broker.log(Topic::Ledger, ledger.partition).last_stable_offset());
        let log = broker.log(Topic::Ledger, ledger.partition);
        if ledger.position < log.low_watermark() {
            let detail = format!(
                "ledger/{}: offsets {} to {} are deleted",
                ledger.partition,
                ledger.position,
                log.low_watermark() - 1
            );
            return Err(TransportFailure::Fatal { act: "read ledger", detail });
        }
        let up_to = log.read(ledger.position, max, Isolation::Committed, |record| {
            into.push(LedgerRecord { offset: record.offset, payload: record.payload });
        });
        ledger.position = up_to.position;
        Ok(up_to.position)
    }

    fn close_ledger(&mut self) -> Result<(), TransportFailure> {
        self.ledger = None;
        Ok(())
    }
}
