//! A whole ledger, read from its first record to its end as it stood at the start: for those who check it or reckon with it.

use std::time::Duration;

use super::transport::{RestoreSource, TransportFailure};
use crate::core::partition::PartitionId;

/// Records of one read at most.
const READ_RECORDS_MAX: usize = 20_000;
/// How long one read waits for records.
const READ_WAIT: Duration = Duration::from_millis(500);
/// Reads without any progress, one after another: with [`READ_WAIT`] a minute and a half, longer than any transaction of the
/// engine lasts.
const IDLE_READS_MAX: u32 = 180;

/// Why a ledger was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum LedgerFailure {
    /// The log does not give it.
    #[error("the ledger of partition {partition} cannot be read")]
    Log {
        /// Which partition.
        partition: PartitionId,
        /// What the log said.
        source: TransportFailure,
    },
    /// What lies before its end is not decided.
    #[error(
        "the ledger of partition {partition} stands still at offset {at} of {until}: a transaction is open there, or the brokers \
         do not answer; stop its producer or wait for its timeout, and try again"
    )]
    StandsStill {
        /// Which partition.
        partition: PartitionId,
        /// What was read up to.
        at: i64,
        /// The end.
        until: i64,
    },
}

/// Gives every committed event of a partition's ledger to `take`, with its offset, up to the end as it stands now.
///
/// # Errors
/// [`LedgerFailure`], or what `take` says; what was given until then are the first events of the partition.
pub fn read_ledger<S: RestoreSource, E: From<LedgerFailure>>(
    source: &mut S,
    partition: PartitionId,
    mut take: impl FnMut(i64, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let failed = |source| LedgerFailure::Log { partition, source };
    let (first, until) = source.ledger_range(partition).map_err(failed)?;
    source.open_ledger(partition, first).map_err(failed)?;
    let (mut position, mut idle) = (first, 0);
    let mut records = Vec::new();
    while position < until {
        let at = source.read_ledger(READ_RECORDS_MAX, READ_WAIT, &mut records).map_err(failed)?;
        // What was written meanwhile is left: the end is one for all partitions that are read.
        for record in records.drain(..).filter(|record| record.offset < until) {
            take(record.offset, record.payload.as_ref())?;
        }
        idle = if at > position { 0 } else { idle + 1 };
        position = at;
        if idle == IDLE_READS_MAX {
            return Err(LedgerFailure::StandsStill { partition, at, until }.into());
        }
    }
    Ok(source.close_ledger().map_err(failed)?)
}
