//! Inputs and the ledger, as their readers see them.

use std::collections::BTreeSet;

use crate::stream::transport::RestoreSource;

use super::*;

#[test]
fn broker_time_follows_the_owners_clock_and_never_goes_back() {
    let (cluster, clock) = cluster_and_clock(1);
    for now_ms in [5_000, 7_000, 6_000, 8_000] {
        clock.set(now_ms);
        append(&cluster, Topic::Cdrs, "cdr");
    }
    let (records, next) = cluster.read_committed(Topic::Cdrs, P0, 0, ALL_AT_ONCE);
    let seen: Vec<(i64, i64)> = records.iter().map(|record| (record.offset, record.timestamp_ms)).collect();
    assert_eq!(seen, [(0, 5_000), (1, 7_000), (2, 7_000), (3, 8_000)]);
    assert_eq!(next, 4);
}

#[test]
fn topics_and_partitions_have_offsets_of_their_own() {
    let cluster = cluster(2);
    append(&cluster, Topic::Cdrs, "a");
    append(&cluster, Topic::Cdrs, "b");
    assert_eq!(append(&cluster, Topic::Commands, "c"), 0);
    assert_eq!(cluster.append(Topic::Cdrs, P1, *b"", *b"d"), 0);
    assert_eq!(append(&cluster, Topic::Cdrs, "e"), 2);
    let (records, _) = cluster.read_committed(Topic::Cdrs, P0, 1, 1);
    assert_eq!((records[0].key(), records[0].value()), (&b"tenant"[..], &b"b"[..]));
}

#[test]
fn the_end_is_told_once_until_something_comes() {
    let cluster = cluster(1);
    let mut worker = sole_reader(&cluster);
    assert_eq!(fetch(&mut worker, Input::Cdrs, 10), ["end@0"], "of an empty topic too");
    assert_eq!(fetch(&mut worker, Input::Cdrs, 10), [""; 0]);
    append(&cluster, Topic::Cdrs, "a");
    assert_eq!(fetch(&mut worker, Input::Cdrs, 10), ["a@0", "end@1"]);
    assert_eq!(fetch(&mut worker, Input::Cdrs, 10), [""; 0]);
}

#[test]
fn the_end_is_told_again_after_a_seek_and_after_a_pause() {
    let cluster = cluster(1);
    append(&cluster, Topic::Cdrs, "a");
    let mut worker = sole_reader(&cluster);
    assert_eq!(fetch(&mut worker, Input::Cdrs, 10), ["a@0", "end@1"]);
    worker.seek(P0, [0, 0, 1]).unwrap();
    assert_eq!(fetch(&mut worker, Input::Cdrs, 10), ["end@1"]);
    worker.stop(P0).unwrap();
    assert_eq!(fetch(&mut worker, Input::Cdrs, 10), [""; 0]);
    worker.start(P0, [0; 3]).unwrap();
    assert_eq!(fetch(&mut worker, Input::Cdrs, 10), ["a@0", "end@1"]);
}

#[test]
fn the_end_moves_past_markers_and_aborted_records() {
    let cluster = cluster(1);
    let mut reader = sole_reader(&cluster);
    let mut other = cluster.transport("other", "elsewhere");
    other.begin().unwrap();
    other.publish(Output::Reroute, P0, &mut vec![out("never"), out("seen")]).unwrap();
    assert_eq!(fetch(&mut reader, Input::Reroute, 10), ["end@0"]);
    other.abort().unwrap();
    assert_eq!(fetch(&mut reader, Input::Reroute, 10), ["end@3"]);
}

#[test]
fn a_full_fetch_leaves_the_end_to_the_next() {
    let cluster = cluster(1);
    append(&cluster, Topic::Cdrs, "a");
    append(&cluster, Topic::Cdrs, "b");
    let mut worker = sole_reader(&cluster);
    assert_eq!(fetch(&mut worker, Input::Cdrs, 2), ["a@0", "b@1"]);
    assert_eq!(fetch(&mut worker, Input::Cdrs, 2), ["end@2"]);
}

#[test]
fn an_open_transaction_holds_up_plain_records_behind_it() {
    let cluster = cluster(1);
    let mut reader = sole_reader(&cluster);
    let mut other = cluster.transport("other", "elsewhere");
    append(&cluster, Topic::Reroute, "before");
    other.begin().unwrap();
    other.publish(Output::Reroute, P0, &mut vec![out("open")]).unwrap();
    append(&cluster, Topic::Reroute, "behind");
    assert_eq!(fetch(&mut reader, Input::Reroute, 10), ["before@0", "end@1"]);
    other.commit().unwrap();
    assert_eq!(fetch(&mut reader, Input::Reroute, 10), ["open@1", "behind@2", "end@4"]);
}

#[test]
fn an_offset_out_of_range_is_a_fault_told_once_that_stops_the_input() {
    let cases = [
        ([0, 0, 0], "fault: cdrs/0: offsets 0 to 1 are deleted"),
        ([0, 0, 4], "fault: cdrs/0: offset 4 lies beyond the end, 3"),
    ];
    for (start, fault) in cases {
        let cluster = cluster(1);
        for value in ["a", "b", "c"] {
            append(&cluster, Topic::Cdrs, value);
        }
        cluster.delete_before(Topic::Cdrs, P0, 2);
        let mut worker = sole_worker(&cluster);
        worker.start(P0, start).unwrap();
        assert_eq!(fetch(&mut worker, Input::Cdrs, 10), [fault]);
        append(&cluster, Topic::Cdrs, "d");
        assert_eq!(fetch(&mut worker, Input::Cdrs, 10), [""; 0]);
        assert_eq!(fetch(&mut worker, Input::Commands, 10), ["end@0"], "the other inputs go on");
        worker.seek(P0, [0, 0, 2]).unwrap();
        assert_eq!(fetch(&mut worker, Input::Cdrs, 10), ["c@2", "d@3", "end@4"]);
    }
}

#[test]
fn retention_that_overtakes_a_reader_is_a_fault() {
    let cluster = cluster(1);
    append(&cluster, Topic::Cdrs, "a");
    append(&cluster, Topic::Cdrs, "b");
    let mut worker = sole_reader(&cluster);
    assert_eq!(fetch(&mut worker, Input::Cdrs, 1), ["a@0"]);
    cluster.delete_before(Topic::Cdrs, P0, 2);
    assert_eq!(fetch(&mut worker, Input::Cdrs, 1), ["fault: cdrs/0: offsets 1 to 1 are deleted"]);
}

#[test]
fn retention_inside_of_a_batch_keeps_its_rest_and_stops_before_open_transactions() {
    let cluster = cluster(1);
    cluster.append_batch(Topic::Ledger, P0, vec![out("a"), out("b"), out("c")]);
    cluster.delete_before(Topic::Ledger, P0, 1);
    assert_eq!(ledger(&cluster), ["b", "c"]);
    let mut worker = sole_worker(&cluster);
    worker.begin().unwrap();
    publish(&mut worker, P0, &["open"]).unwrap();
    cluster.delete_before(Topic::Ledger, P0, 100);
    assert_eq!(cluster.low_watermark(Topic::Ledger, P0), 3);
    worker.commit().unwrap();
    assert_eq!(ledger(&cluster), ["open"]);
}

#[test]
fn the_owner_decides_how_much_a_fetch_brings() {
    let cluster = cluster(1);
    for value in ["a", "b", "c"] {
        append(&cluster, Topic::Cdrs, value);
    }
    let mut worker = sole_reader(&cluster);
    let controls = worker.controls();
    controls.limit_fetch(Input::Cdrs, Some(0));
    assert_eq!(fetch(&mut worker, Input::Cdrs, 10), [""; 0], "nothing this time");
    assert_eq!(fetch(&mut worker, Input::Commands, 10), ["end@0"], "the other inputs are not limited");
    controls.limit_fetch(Input::Cdrs, Some(2));
    assert_eq!(fetch(&mut worker, Input::Cdrs, 10), ["a@0", "b@1"]);
    controls.limit_fetch(Input::Cdrs, None);
    assert_eq!(fetch(&mut worker, Input::Cdrs, 10), ["c@2", "end@3"]);
}

#[test]
fn no_partition_starves_behind_a_full_one() {
    let cluster = cluster(3);
    let mut worker = sole_worker(&cluster);
    for number in 0..3 {
        cluster.append_batch(Topic::Cdrs, PartitionId(number), vec![out("cdr"); 10]);
        worker.start(PartitionId(number), [0; 3]).unwrap();
    }
    let mut served = BTreeSet::new();
    for _ in 0..3 {
        let mut fetched = Vec::new();
        worker.fetch(Input::Cdrs, 2, Duration::ZERO, &mut fetched).unwrap();
        for record in fetched {
            let Fetched::Record(record) = record else { panic!("no end is near") };
            served.insert(record.partition);
        }
    }
    assert_eq!(served.len(), 3);
}

#[test]
fn readers_share_the_bytes_that_were_appended() {
    let cluster = cluster(1);
    let value: Box<[u8]> = Box::from(&b"a long value"[..]);
    let appended_at = value.as_ptr();
    cluster.append(Topic::Cdrs, P0, *b"", value);
    let (records, _) = cluster.read_committed(Topic::Cdrs, P0, 0, 1);
    assert_eq!(records[0].value().as_ptr(), appended_at);
}

#[test]
fn a_waiting_fetch_wakes_when_a_record_is_appended() {
    const LONG: Duration = Duration::from_secs(600);
    let cluster = cluster(1);
    let mut worker = sole_reader(&cluster);
    assert_eq!(fetch(&mut worker, Input::Cdrs, 10), ["end@0"]);
    let waiting = std::thread::spawn(move || {
        let mut fetched = Vec::new();
        worker.fetch(Input::Cdrs, 10, LONG, &mut fetched).unwrap();
        fetched.iter().map(in_short).collect::<Vec<String>>()
    });
    append(&cluster, Topic::Commands, "of another input");
    append(&cluster, Topic::Cdrs, "a");
    assert_eq!(waiting.join().unwrap(), ["a@0", "end@1"]);
}

#[test]
fn a_fetch_without_news_gives_up_after_its_wait() {
    let cluster = cluster(1);
    let mut worker = sole_reader(&cluster);
    fetch(&mut worker, Input::Cdrs, 10);
    let mut fetched = Vec::new();
    worker.fetch(Input::Cdrs, 10, Duration::from_millis(1), &mut fetched).unwrap();
    assert!(fetched.is_empty());
}

#[test]
fn a_restore_reads_committed_events_and_asks_for_the_end_with_open_ones() {
    let cluster = cluster(1);
    let mut worker = sole_worker(&cluster);
    for (values, commits) in [(["a", "b"], true), (["x", "y"], false), (["c", "d"], true)] {
        worker.begin().unwrap();
        publish(&mut worker, P0, &values).unwrap();
        if commits { worker.commit() } else { worker.abort() }.unwrap();
    }
    let mut past_owner = cluster.transport("past owner", "elsewhere");
    past_owner.begin().unwrap();
    publish(&mut past_owner, P0, &["open"]).unwrap();
    worker.begin().unwrap();
    publish(&mut worker, P0, &["hidden"]).unwrap();
    worker.commit().unwrap();

    let mut source = cluster.restore_source();
    assert_eq!(source.ledger_range(P0).unwrap(), (0, 12));
    source.open_ledger(P0, 1).unwrap();
    let mut events = Vec::new();
    assert_eq!(source.read_ledger(2, Duration::ZERO, &mut events).unwrap(), 7);
    assert_eq!(source.read_ledger(9, Duration::ZERO, &mut events).unwrap(), 9, "the last stable offset");
    drop(past_owner);
    drop(cluster.transport("past owner", "elsewhere"));
    assert_eq!(source.ledger_range(P0).unwrap(), (0, 13), "with the marker of the abort");
    assert_eq!(source.read_ledger(9, Duration::ZERO, &mut events).unwrap(), 13);
    let read: Vec<&[u8]> = events.iter().map(|event| event.payload.as_ref()).collect();
    assert_eq!(read, [b"b".as_slice(), b"c", b"d", b"hidden"]);
    source.close_ledger().unwrap();
    assert_eq!(kind(&source.read_ledger(9, Duration::ZERO, &mut events)), "fatal");
}

#[test]
fn a_restore_learns_the_oldest_offsets_of_the_inputs() {
    let cluster = cluster(1);
    for topic in [Topic::Commands, Topic::Cdrs, Topic::Cdrs] {
        append(&cluster, topic, "a");
    }
    cluster.delete_before(Topic::Commands, P0, 1);
    cluster.delete_before(Topic::Cdrs, P0, 2);
    assert_eq!(cluster.restore_source().low_watermarks(P0).unwrap(), [1, 0, 2]);
}

#[test]
fn a_restore_from_deleted_events_fails_instead_of_skipping_them() {
    let cluster = cluster(1);
    append(&cluster, Topic::Ledger, "a");
    cluster.delete_before(Topic::Ledger, P0, 1);
    let mut source = cluster.restore_source();
    source.open_ledger(P0, 0).unwrap();
    assert_eq!(kind(&source.read_ledger(9, Duration::ZERO, &mut Vec::new())), "fatal");
}
