//! A release reads what earlier ones wrote: the ledgers of `tests/ledgers`, folded by today's code, give the state that is stored
//! beside them; and every event of their forms can still be read.

#[path = "support/partition.rs"]
mod partition;

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use partition::fold;
use tollkeeper::core::account::Account;
use tollkeeper::core::batch::Accounts;
use tollkeeper::core::identity::AcceptanceWindow;
use tollkeeper::offline::audit::{Audit, Place, Terms};
use tollkeeper::wire::event;

fn releases() -> Vec<PathBuf> {
    let all = fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/ledgers")).expect("it is there");
    let mut releases: Vec<PathBuf> =
        all.map(|entry| entry.expect("readable").path()).filter(|path| path.is_dir()).collect();
    releases.sort();
    assert!(releases.len() >= 2, "{releases:?}");
    releases
}

/// The ledgers: everything but the events by form.
fn ledgers() -> Vec<PathBuf> {
    let mut ledgers = Vec::new();
    for release in releases() {
        let files = fs::read_dir(&release).expect("readable").map(|entry| entry.expect("readable").path());
        let is_ledger =
            |path: &PathBuf| path.extension().is_some_and(|end| end == "jsonl") && !path.ends_with("events.jsonl");
        let before = ledgers.len();
        ledgers.extend(files.filter(is_ledger));
        assert!(ledgers.len() > before, "{} has no ledger", release.display());
    }
    ledgers.sort();
    ledgers
}

fn lines(path: &PathBuf) -> Vec<String> {
    fs::read_to_string(path).expect("UTF-8").lines().map(str::to_owned).collect()
}

fn described(account: &Account, into: &mut String) {
    let Account { tenant, seq, as_of, debt, totals, .. } = account;
    let write = |into: &mut String, text: String| writeln!(into, "  {text}").expect("memory");
    writeln!(into, "{tenant} at {seq}, {as_of}: balance {}", account.balance()).expect("memory");
    let (added, debited, expired, adjusted) = (totals.added, totals.debited, totals.expired, totals.adjusted);
    write(into, format!("added {added}, debited {debited}, expired {expired}, adjusted {adjusted}; debt {debt}"));
    for lot in &account.lots {
        write(into, format!("lot {:?}: {} of {}, lapses {}", lot.id, lot.remaining, lot.purchased_at, lot.expires_at));
    }
    write(into, format!("closed {:?}, blocked {:?}", account.closed_at, account.blocked));
    write(into, format!("{:?}", account.settings));
    write(into, format!("{:?}", account.recharging));
    write(into, format!("{:?}", account.allotments));
    write(into, format!("limits {}, today {:?}", account.has_limits, account.today));
}

/// All that a ledger says, as text.
fn state_of(ledger: &[String]) -> String {
    let restored = fold(ledger.iter(), Timestamp::UNIX_EPOCH);
    assert!(restored.frozen.is_empty(), "{:?}", restored.frozen);
    let clock = restored.state.clock;
    let mut state = format!("clock {clock}\n");
    let accounts = Accounts::default();
    restored.accounts.into_iter().for_each(|account| accounts.restore(account));
    accounts.sorted().iter().for_each(|account| described(account, &mut state));
    for (key, entry) in restored.state.entries.sorted(clock) {
        writeln!(state, "{key:?}: {entry:?}").expect("memory");
    }
    for (key, identity) in restored.state.identities.sorted(AcceptanceWindow::default(), clock) {
        writeln!(state, "identity {key:016x}: {identity:?}").expect("memory");
    }
    state
}

#[test]
fn law3_the_ledger_of_every_release_gives_the_state_that_is_stored() {
    for path in ledgers() {
        let state = state_of(&lines(&path));
        let stored = path.with_extension("state");
        if std::env::var_os("UPDATE_GOLDEN").is_some() && !stored.exists() {
            fs::write(&stored, &state).expect("written");
        }
        let expected =
            fs::read_to_string(&stored).unwrap_or_else(|_| panic!("{}: UPDATE_GOLDEN=1 writes it", stored.display()));
        for (found, expected) in state.lines().zip(expected.lines()) {
            assert_eq!(found, expected, "{}", path.display());
        }
        assert_eq!(state.lines().count(), expected.lines().count(), "{}", path.display());
    }
}

#[test]
fn r42_the_ledger_of_every_release_adds_up() {
    for path in ledgers() {
        let mut audit = Audit::new(Terms { acceptance_window: AcceptanceWindow::default().back, partitions: None });
        let file = path.display().to_string().into();
        for (line, event) in (1..).zip(lines(&path)) {
            audit.take(&Place::Line { file: std::sync::Arc::clone(&file), line }, event.as_bytes());
        }
        audit.close_partition();
        let report = audit.finish();
        assert!(report.adds_up(), "{}: {report}", path.display());
    }
}

#[test]
fn every_form_of_event_of_every_release_can_be_read() {
    for path in releases().into_iter().map(|release| release.join("events.jsonl")) {
        for line in lines(&path) {
            event::decode(line.as_bytes()).unwrap_or_else(|fault| panic!("{}: {fault}: {line}", path.display()));
        }
    }
}

#[test]
fn the_newest_release_has_an_event_of_every_form_that_is_written() {
    let newest = releases().pop().expect("there are some");
    let stored = lines(&newest.join("events.jsonl"));
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/events.jsonl");
    let kind =
        |line: &String| line.split("\"type\":\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
    let kinds: Vec<_> = stored.iter().filter_map(kind).collect();
    let missing: Vec<_> = lines(&golden).iter().filter_map(kind).filter(|kind| !kinds.contains(kind)).collect();
    assert!(missing.is_empty(), "add them to a new release in tests/ledgers: {missing:?}");
}
