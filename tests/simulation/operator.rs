//! What people do to the log: `offsets rewind`, and what they must never do.

use serde_json::Value;
use tollkeeper::core::partition::PartitionId;
use tollkeeper::stream::memory::Topic;
use tollkeeper::stream::transport::{GroupEvent, Input, OffsetToCommit, Transport};

use crate::driver::Run;
use crate::journal::Happened;
use crate::oracle::HOUR_MS;

/// Stops everything and sets the offsets of the partitions that have lost them, by broker time, to one hour before the last
/// event of their ledger.
pub(crate) fn rewind(run: &mut Run) -> Result<(), String> {
    run.end_all()?;
    run.journal.pages().offsets_lost = false;
    let mut offsets = Vec::new();
    for partition in (0..run.cluster.partitions()).map(PartitionId) {
        let is_lost = run.cluster.committed_offsets(partition).iter().any(Option::is_none);
        let Some(last) = events(run, partition).pop().filter(|_| is_lost) else { continue };
        let at: jiff::Timestamp =
            last["time"].as_str().and_then(|at| at.parse().ok()).ok_or("an event without time")?;
        let at_ms = at.as_millisecond();
        let metadata: std::sync::Arc<str> = format!("rewind/0/0/{at_ms}").into();
        for input in Input::ALL {
            let (records, end) = run.cluster.read_committed(input.into(), partition, 0, usize::MAX);
            let first = records.iter().find(|record| record.timestamp_ms >= at_ms - HOUR_MS);
            let offset = first.map_or(end, |record| record.offset);
            offsets.push(OffsetToCommit { input, partition, offset, metadata: metadata.clone() });
        }
        run.tally.count("faults", "offsets rewound");
        run.trace(format!("rewind partition {partition}"));
    }
    if offsets.is_empty() {
        return Ok(());
    }
    let mut tool = run.cluster.transport("rewind", "rewind");
    for _ in 0..10 {
        if let Some(GroupEvent::Assigned(_)) = tool.poll_group().map_err(|f| f.to_string())? {
            tool.accept_assignment().map_err(|f| f.to_string())?;
        }
    }
    let membership = tool.membership().ok_or("nobody else is in the group")?;
    tool.begin().map_err(|f| f.to_string())?;
    tool.send_offsets(&membership, &offsets).map_err(|f| f.to_string())?;
    tool.commit().map_err(|f| f.to_string())?;
    tool.close().map_err(|f| f.to_string())?;
    run.journal.note_commits(&run.cluster);
    Ok(())
}

/// Writes the last event of a tenant into the ledger again, one that moves no money: nothing but its number betrays it.
pub(crate) fn tamper(run: &mut Run) {
    let place = run.chance.below(u64::from(run.cluster.partitions()));
    let partition = PartitionId(u32::try_from(place).expect("few"));
    let moves_no_money = |event: &&Value| {
        let kind = event["type"].as_str().unwrap_or_default();
        ["tenant.updated", "recharge.configured"].iter().any(|name| kind == format!("tollkeeper.{name}.v1"))
    };
    let all = events(run, partition);
    let Some(event) = all.iter().rfind(moves_no_money) else { return };
    let Some((tenant, _)) = event["id"].as_str().and_then(|id| id.split_once('/')) else { return };
    // The balance must still be what it was, or that would betray it.
    let prefix = format!("{tenant}/");
    let last = all.iter().rfind(|other| other["id"].as_str().is_some_and(|id| id.starts_with(&prefix)));
    if last.is_none_or(|last| last["data"]["balance"] != event["data"]["balance"]) {
        return;
    }
    let tenant = tenant.to_owned();
    if run.end_all().is_err() {
        return;
    }
    run.tampered = true;
    run.tally.count("faults", "ledger tampered with");
    run.trace(format!("the ledger of {tenant} is tampered with"));
    let bytes = event.to_string().into_bytes();
    run.cluster.append(Topic::Ledger, partition, tenant.clone().into_bytes(), bytes);
    run.journal.note(partition, Happened::Tampered { tenant, event: event.clone() });
}

fn events(run: &Run, partition: PartitionId) -> Vec<Value> {
    let (records, _) = run.cluster.read_committed(Topic::Ledger, partition, 0, usize::MAX);
    records.iter().map(|record| serde_json::from_slice(record.value()).expect("a ledger is JSON")).collect()
}
