use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::stream::catalog::publish::withdrawal;
use crate::stream::catalog::reader::CatalogLog;
use crate::stream::catalog::testing::{Desk, LEAD_SECONDS, deck};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn keep() -> Keep {
    Keep { superseded_for: SignedDuration::from_hours(111 * 24), wanted: None }
}

fn records(desk: &Desk) -> Vec<CatalogLogRecord> {
    let mut records = Vec::new();
    desk.log().read(usize::MAX, Duration::ZERO, &mut records).expect("the memory log answers");
    records
}

fn read(records: &[CatalogLogRecord]) -> Publications {
    let mut publications = Publications::new(keep());
    records.iter().for_each(|record| publications.take(record));
    publications
}

/// A topic with everything that can happen: a version that comes back, one that is withdrawn, one that comes too late.
fn eventful() -> Desk {
    let mut desk = Desk::with_first_versions();
    let ahead = |desk: &Desk| desk.now().wall + SignedDuration::from_secs(i64::from(LEAD_SECONDS));
    desk.publish(&deck("0.02"), Some(ahead(&desk)));
    desk.pass(DAY);
    desk.publish(&deck("0.01"), Some(ahead(&desk)));
    let late = desk.now().wall;
    desk.publish(&deck("0.03"), Some(late));
    let taken_back = desk.publish(&deck("0.02"), Some(ahead(&desk) + DAY));
    let withdrawn = Withdrawal { withdrawn_by: "ada".into(), note: "".into() };
    desk.write(vec![withdrawal(&taken_back, &withdrawn)]);
    desk.pass(DAY);
    desk
}

/// Compaction keeps the last record of each key, sooner or later, and each at its offset.
#[test]
fn compaction_takes_nothing_from_what_counts() {
    let desk = eventful();
    let (all, now) = (records(&desk), desk.now().wall);
    let mut seen = BTreeSet::new();
    let mut compacted: Vec<CatalogLogRecord> =
        all.iter().rev().filter(|record| seen.insert(record.key.clone())).cloned().collect();
    compacted.reverse();
    assert!(compacted.len() < all.len(), "the bytes of a version that came back are there once");
    let (mut before, mut after) = (read(&all), read(&compacted));
    assert_eq!(before.version(), after.version());
    let needed = before.needed(now).expect("whole");
    assert_eq!(needed, after.needed(now).expect("whole"));
    // The number plan, the plan, and three times of the price list.
    assert_eq!(needed.len(), 5);
    assert_eq!(before.take_ignored(), after.take_ignored());
}

/// A node that starts between any two records finds what one finds that was there from the beginning; at once, and when what
/// is superseded was dropped meanwhile.
#[test]
fn what_counts_does_not_depend_on_when_it_is_looked_at() {
    let desk = eventful();
    let (all, now) = (records(&desk), desk.now().wall);
    let (mut watched, mut watched_late) = (Publications::new(keep()), Publications::new(keep()));
    let late = now + DAY * 200;
    for (place, record) in all.iter().enumerate() {
        watched.take(record);
        watched_late.take(record);
        let mut fresh = read(&all[..=place]);
        assert_eq!(watched.needed(now), fresh.needed(now), "after record {place}");
        assert_eq!(watched.version(), fresh.version());
    }
    let needed = read(&all).needed(late).expect("whole");
    assert_eq!(watched.needed(late).expect("whole"), needed);
    assert_eq!(watched_late.needed(late).expect("whole"), needed);
    let versions: Vec<&str> = needed.iter().map(|item| &*item.version).collect();
    assert_eq!(versions[0], &*deck("0.01").version, "what superseded it was withdrawn");
    assert_eq!(versions.len(), 3);
}

#[test]
fn a_version_that_is_wanted_is_kept_besides_those_that_are_needed() {
    let desk = eventful();
    desk.pass(DAY * 200);
    let (all, now) = (records(&desk), desk.now().wall);
    let wanted = |keep: Keep| {
        let mut publications = Publications::new(keep);
        all.iter().for_each(|record| publications.take(record));
        publications.needed(now).expect("whole");
        let manifest = publications.of(ItemKind::Deck, "retail")[1].manifest.clone();
        assert_eq!(manifest.version, deck("0.02").version);
        publications.files_of(&manifest)
    };
    assert_eq!(wanted(keep()), Err(DamagedContent::Missing { number: 1, parts: 1 }));
    let version = Some((ItemKind::Deck, "retail".into(), deck("0.02").version));
    assert_eq!(wanted(Keep { wanted: version, ..keep() }), Ok(deck("0.02").files));
}
