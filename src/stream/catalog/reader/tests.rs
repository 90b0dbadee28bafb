use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::stream::catalog::publications::KEPT_BEYOND_WINDOW;
use crate::stream::catalog::publish::withdrawal;
use crate::stream::catalog::source::CatalogSource;
use crate::stream::catalog::testing::{Desk, LEAD_SECONDS, STALE_AFTER, beginning, deck};
use crate::stream::memory::{CATALOG_PARTITION, HungPublisher, MemoryCatalogLog, Topic};
use crate::stream::transport::OutRecord;
use crate::wire::catalog_record::{PublicationKey, Withdrawal};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);

struct Reader {
    reader: CatalogReader<MemoryCatalogLog>,
    latest: Arc<LatestCatalog>,
    metrics: Arc<Metrics>,
}

impl Reader {
    fn of(desk: &Desk) -> Reader {
        let latest = Arc::new(LatestCatalog::new(STALE_AFTER));
        let metrics = Arc::new(Metrics::new());
        let keep = Keep { superseded_for: WINDOW.saturating_add(KEPT_BEYOND_WINDOW), wanted: None };
        let reader = CatalogReader::new(desk.log(), keep, Arc::clone(&latest), Arc::clone(&metrics));
        Reader { reader, latest, metrics }
    }

    fn step(&mut self, desk: &Desk) {
        self.reader.step(desk.now(), Duration::ZERO).expect("the memory log answers");
    }

    /// After enough steps that a question was asked and answered.
    fn caught_up(&mut self, desk: &Desk) -> &mut Reader {
        desk.pass(SignedDuration::from_secs(31));
        self.step(desk);
        self
    }

    /// The rate of `retail` for a call to 44 that starts `at`, with which a worker would rate now.
    fn rate(&self, desk: &Desk, at: Timestamp) -> Option<String> {
        let catalog = self.latest.current(desk.now())?;
        let number = "442071234567".parse().expect("a number");
        let row = catalog.deck("retail", at).and_then(|deck| deck.lookup(&number, at).cloned());
        Some(row.map_or("none".to_owned(), |row| row.price.rate.expect("no bands").to_string()))
    }

    fn reason(&self) -> String {
        let reasons = self.metrics.health().readiness().reasons;
        reasons.iter().find_map(|reason| reason.strip_prefix("catalog: ")).unwrap_or("ready").to_owned()
    }

    fn ignored(&self) -> u64 {
        self.metrics.publications_ignored.get()
    }
}

fn lead() -> SignedDuration {
    SignedDuration::from_secs(i64::from(LEAD_SECONDS))
}

fn withdraw(desk: &Desk, key: &PublicationKey) {
    desk.write(vec![withdrawal(key, &Withdrawal { withdrawn_by: "ada".into(), note: "".into() })]);
}

#[test]
fn r12_a_published_version_prices_the_calls_that_start_in_it() {
    let mut desk = Desk::with_first_versions();
    let mut reader = Reader::of(&desk);
    let from = beginning() + lead();
    desk.publish(&deck("0.02"), Some(from));
    reader.step(&desk);
    let a_moment = SignedDuration::from_nanos(1);
    for (at, expected) in [(beginning(), "0.01"), (from - a_moment, "0.01"), (from, "0.02"), (from + DAY, "0.02")] {
        assert_eq!(reader.rate(&desk, at).as_deref(), Some(expected), "at {at}");
    }
    let catalog = reader.latest.current(desk.now()).expect("read");
    let labels = [beginning(), from].map(|at| catalog.deck("retail", at).map(|deck| deck.label().to_string()));
    assert_eq!(labels, [deck("0.01"), deck("0.02")].map(|deck| Some(format!("retail@{}", deck.version))));
    assert_eq!(reader.reason(), "ready");
}

#[test]
fn a_reader_follows_and_replaces_the_catalog_as_a_whole() {
    let mut desk = Desk::with_first_versions();
    let mut reader = Reader::of(&desk);
    reader.step(&desk);
    let before = reader.latest.current(desk.now()).expect("read");
    let from = desk.now().wall + lead() + MINUTE;
    desk.publish(&deck("0.02"), Some(from));
    reader.step(&desk);
    let unchanged = reader.latest.current(desk.now()).expect("read");
    assert!(Arc::ptr_eq(&before, &unchanged), "no end was asked for since it was published");
    assert_eq!(reader.caught_up(&desk).rate(&desk, from).as_deref(), Some("0.02"));
    assert_eq!(before.deck("retail", from).map(|deck| &*deck.header().version), Some(&*deck("0.01").version));
    let now = reader.latest.current(desk.now()).expect("read");
    assert_ne!(now.version(), before.version());
    let again = Reader::of(&desk).caught_up(&desk).latest.current(desk.now()).expect("read");
    assert_eq!(again.version(), now.version(), "every reader names it alike");
}

#[test]
fn a_publication_that_is_too_late_is_ignored_with_an_alarm() {
    let mut desk = Desk::with_first_versions();
    let mut reader = Reader::of(&desk);
    let a_moment = SignedDuration::from_millis(1);
    let from = desk.now().wall + lead();
    desk.pass(a_moment);
    let late = desk.publish(&deck("0.02"), Some(from));
    reader.step(&desk);
    assert_eq!(reader.rate(&desk, from).as_deref(), Some("0.01"));
    assert_eq!((reader.ignored(), reader.reason().as_str()), (1, "ready"));
    desk.publish(&deck("0.03"), None);
    reader.caught_up(&desk);
    assert_eq!(reader.rate(&desk, from).as_deref(), Some("0.01"), "only the first may have no effective_from");
    assert_eq!(reader.ignored(), 2, "each is told once");
    assert_eq!(reader.caught_up(&desk).ignored(), 2);
    withdraw(&desk, &late);
    assert_eq!(Reader::of(&desk).caught_up(&desk).ignored(), 1, "whoever has withdrawn it knows");
}

#[test]
fn a_withdrawal_counts_only_as_long_before_as_the_publication_had_to_come() {
    let mut desk = Desk::with_first_versions();
    let from = desk.now().wall + lead() + MINUTE;
    let in_time = desk.publish(&deck("0.02"), Some(from));
    let too_late = desk.publish(&deck("0.03"), Some(from));
    let mut reader = Reader::of(&desk);
    assert_eq!(reader.caught_up(&desk).rate(&desk, from).as_deref(), Some("0.03"), "F7: then by publication");
    desk.pass(SignedDuration::from_secs(29));
    withdraw(&desk, &in_time);
    assert_eq!(reader.caught_up(&desk).rate(&desk, from).as_deref(), Some("0.03"));
    withdraw(&desk, &too_late);
    assert_eq!(reader.caught_up(&desk).rate(&desk, from).as_deref(), Some("0.03"), "some have priced by it");
    assert_eq!(reader.ignored(), 1);
    let again = Reader::of(&desk).caught_up(&desk).rate(&desk, from);
    assert_eq!(again.as_deref(), Some("0.03"));
}

#[test]
fn a_version_comes_back_into_force_and_both_of_its_times_keep_it() {
    let mut desk = Desk::with_first_versions();
    let second = desk.now().wall + lead();
    desk.publish(&deck("0.02"), Some(second));
    desk.pass(DAY);
    let back = desk.now().wall + lead();
    desk.publish(&deck("0.01"), Some(back));
    let mut reader = Reader::of(&desk);
    reader.step(&desk);
    for (at, expected) in [(beginning(), "0.01"), (second, "0.02"), (back - MINUTE, "0.02"), (back, "0.01")] {
        assert_eq!(reader.rate(&desk, at).as_deref(), Some(expected), "at {at}");
    }
}

#[test]
fn nothing_of_an_incomplete_publication_is_seen() {
    let mut desk = Desk::with_first_versions();
    let mut reader = Reader::of(&desk);
    reader.step(&desk);
    let from = desk.now().wall + lead() + MINUTE;
    let mut records = desk.prepare(&deck("0.02"), Some(from)).records;
    let manifest = records.pop().expect("the manifest is last");
    desk.write(records);
    reader.caught_up(&desk);
    assert_eq!((reader.rate(&desk, from).as_deref(), reader.reason().as_str()), (Some("0.01"), "ready"));
    desk.write(vec![manifest]);
    assert_eq!(reader.caught_up(&desk).rate(&desk, from).as_deref(), Some("0.02"));
}

#[test]
fn a_publication_that_has_lost_its_bytes_stops_the_rating_until_it_is_whole() {
    let mut desk = Desk::with_first_versions();
    let from = desk.now().wall + lead() + MINUTE;
    let mut records = desk.prepare(&deck("0.02"), Some(from)).records;
    let part = records.remove(0);
    desk.write(records);
    let mut reader = Reader::of(&desk);
    reader.caught_up(&desk);
    assert_eq!(reader.rate(&desk, beginning()), None);
    let reason = reader.reason();
    assert!(
        reason.ends_with("deck retail: part 1 of 1 is missing; publish the version again, or withdraw it"),
        "{reason}"
    );
    desk.write(vec![OutRecord { value: b"something else".as_slice().into(), ..part.clone() }]);
    reader.caught_up(&desk);
    assert!(reader.reason().ends_with("(another length, or another digest)"), "{}", reader.reason());
    desk.write(vec![part]);
    reader.caught_up(&desk);
    assert_eq!((reader.rate(&desk, from).as_deref(), reader.reason().as_str()), (Some("0.02"), "ready"));
}

#[test]
fn a_record_of_a_later_release_stops_the_rating() {
    let desk = Desk::with_first_versions();
    let record = |value: &'static [u8]| OutRecord {
        key: b"manifest/tax/vat/00000000000000aa".as_slice().into(),
        value: value.into(),
    };
    let mut reader = Reader::of(&desk);
    reader.step(&desk);
    desk.write(vec![record(b"{\"format\":1}")]);
    reader.caught_up(&desk);
    assert_eq!(reader.rate(&desk, beginning()), None);
    assert!(reader.reason().contains("unsupported_version: key: a kind of item that this release does not know"));
    let mut again = Reader::of(&desk);
    again.step(&desk);
    assert_eq!(again.rate(&desk, beginning()), None, "a new start does not help");
}

#[test]
fn a_record_that_is_mended_is_forgiven() {
    let mut desk = Desk::with_first_versions();
    let from = desk.now().wall + lead() + MINUTE;
    let manifest = desk.prepare(&deck("0.02"), Some(from)).records.pop().expect("the manifest");
    desk.write(vec![OutRecord { value: b"{".as_slice().into(), ..manifest.clone() }]);
    let mut reader = Reader::of(&desk);
    reader.step(&desk);
    assert!(reader.reason().contains("1 records of the topic cannot be understood"), "{}", reader.reason());
    desk.write(vec![OutRecord { value: b"".as_slice().into(), ..manifest }]);
    // A record without a value under a key that is understood: what was there is gone.
    assert_eq!(reader.caught_up(&desk).rate(&desk, from).as_deref(), Some("0.01"));
}

#[test]
fn an_empty_topic_says_what_to_do() {
    let desk = Desk::new();
    let mut reader = Reader::of(&desk);
    desk.write(vec![OutRecord { key: b"partitions".as_slice().into(), value: b"{}".as_slice().into() }]);
    reader.step(&desk);
    assert_eq!(
        reader.reason(),
        "nothing is published yet: `tollkeeper deck publish --directory DIRECTORY --commit` does it"
    );
    assert_eq!(reader.rate(&desk, beginning()), None);
}

#[test]
fn a_catalog_is_as_fresh_as_the_last_question_whose_answer_is_read() {
    let desk = Desk::with_first_versions();
    let mut reader = Reader::of(&desk);
    assert_eq!(reader.rate(&desk, beginning()), None, "nothing is read yet");
    reader.step(&desk);
    let stale_after = SignedDuration::try_from(STALE_AFTER).expect("short");
    desk.pass(stale_after);
    assert_eq!(reader.rate(&desk, beginning()).as_deref(), Some("0.01"), "not older than that");
    desk.pass(SignedDuration::from_millis(1));
    assert_eq!(reader.rate(&desk, beginning()), None);
    reader.step(&desk);
    assert_eq!(reader.rate(&desk, beginning()).as_deref(), Some("0.01"));
}

/// An open transaction hides what is committed behind it: a reader that is kept from it becomes stale.
#[test]
fn a_reader_that_cannot_reach_the_end_becomes_stale() {
    let mut desk = Desk::with_first_versions();
    let mut reader = Reader::of(&desk);
    reader.step(&desk);
    let hung = HungPublisher::begin(&desk.cluster);
    let from = desk.now().wall + lead() + MINUTE;
    desk.publish(&deck("0.02"), Some(from));
    desk.pass(SignedDuration::from_mins(4));
    reader.step(&desk);
    assert_eq!(reader.rate(&desk, from).as_deref(), Some("0.01"), "known as of four minutes ago");
    desk.pass(SignedDuration::from_mins(2));
    reader.step(&desk);
    assert_eq!(reader.rate(&desk, from), None);
    assert!(reader.reason().starts_with("as last known 360 s ago, and after 300 s it may have changed"));
    hung.abort();
    reader.step(&desk);
    assert_eq!(reader.rate(&desk, from).as_deref(), Some("0.02"));
}

#[test]
fn versions_that_no_call_can_need_are_dropped() {
    let mut desk = Desk::with_first_versions();
    let second = desk.now().wall + lead();
    desk.publish(&deck("0.02"), Some(second));
    desk.pass(WINDOW + KEPT_BEYOND_WINDOW + lead());
    let mut reader = Reader::of(&desk);
    reader.step(&desk);
    assert_eq!(reader.rate(&desk, beginning()).as_deref(), Some("0.01"), "its successor is in force for 111 days");
    desk.pass(SignedDuration::from_millis(1));
    let third = desk.now().wall + lead();
    desk.publish(&deck("0.03"), Some(third));
    reader.caught_up(&desk);
    assert_eq!(reader.rate(&desk, beginning()).as_deref(), Some("none"), "no price, rather than a wrong one");
    assert_eq!(reader.rate(&desk, second).as_deref(), Some("0.02"));
    // Its bytes are published again with the version, so it can come back; a reader may meet them before their manifest.
    let back = desk.now().wall + lead() + MINUTE * 2;
    let mut records = desk.prepare(&deck("0.01"), Some(back)).records;
    let manifest = records.pop().expect("the manifest is last");
    desk.write(records);
    reader.caught_up(&desk);
    desk.write(vec![manifest]);
    assert_eq!(reader.caught_up(&desk).rate(&desk, back).as_deref(), Some("0.01"));
    assert_eq!(reader.rate(&desk, third - MINUTE).as_deref(), Some("0.02"));
}

#[test]
fn a_topic_that_was_made_anew_is_read_anew() {
    let desk = Desk::with_first_versions();
    let mut reader = Reader::of(&desk);
    reader.step(&desk);
    reader.reader.position = desk.cluster.high_watermark(Topic::Catalog, CATALOG_PARTITION) + 1;
    desk.pass(MINUTE);
    let failure = reader.reader.step(desk.now(), Duration::ZERO).expect_err("it ends before what was read");
    assert!(matches!(failure, TransportFailure::Fatal { .. }), "{failure}");
}
