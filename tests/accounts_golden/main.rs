//! What becomes of accounts, in a file that whoever sells telephony can read and extend: `tests/golden/accounts.txt`. Each story runs
//! twice, the second time with a restore from its ledger after every line: both say the same.

#[path = "../support/partition.rs"]
mod partition;

mod asked;
mod told;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use asked::{Asked, TENANT};
use partition::{Partition, rates};
use tollkeeper::core::catalog::Catalog;
use tollkeeper::stream::transport::Output;
use tollkeeper::wire::{alert, event, quarantine};

/// A tenant, on a partition of its own.
struct Story {
    partition: Partition,
    restores: bool,
    /// How many records of each output were told.
    told: [usize; 4],
    /// Commands have ids by their place.
    commands: usize,
}

impl Story {
    fn new(catalog: &Arc<Catalog>, restores: bool) -> Story {
        Story { partition: Partition::new(Arc::clone(catalog)), restores, told: [0; 4], commands: 0 }
    }

    /// What happens at this line, and the balance behind it.
    fn goes_on(&mut self, line: &str) -> String {
        self.commands += 1;
        let Asked { at, record } = Asked::read(line, &self.command_id(), self.partition.ledger());
        match record {
            Some((input, record)) => self.partition.take(input, at, record.as_bytes()),
            None => self.partition.pass(at),
        }
        self.partition.commit();
        if self.restores {
            self.partition.restore();
        }
        let told = self.news();
        let told = if told.is_empty() { "nothing".to_owned() } else { told.join("; ") };
        let account = self.partition.state().accounts.into_iter().find(|account| account.tenant.as_str() == TENANT);
        match account {
            Some(account) => format!("{told} | {}", account.balance()),
            None => told,
        }
    }

    fn command_id(&self) -> String {
        format!("command-{}", self.commands)
    }

    /// What was written since this was last asked: events first, then what has none.
    fn news(&mut self) -> Vec<String> {
        let mut words = Vec::new();
        for output in [Output::Ledger, Output::Alerts, Output::Quarantine] {
            let records = &self.partition.written[output.index()];
            for record in &records[self.told[output.index()]..] {
                match output {
                    Output::Ledger => words.push(told::event(&event::decode(record).expect("an event"))),
                    Output::Alerts => words.extend(told::alert(&alert::decode(record).expect("an alert"))),
                    _ => words.push(told::entry(&quarantine::decode(record).expect("an entry"))),
                }
            }
            self.told[output.index()] = records.len();
        }
        words
    }
}

/// The file as it should be: what was asked is kept, and all behind it is told anew.
fn told_anew(golden: &str, restores: bool) -> String {
    let catalog = rates();
    let mut story = Story::new(&catalog, restores);
    let mut stories = 0;
    let mut found = String::new();
    for line in golden.lines() {
        let asked = line.split(" | ").next().unwrap_or_default().trim();
        if asked.starts_with('[') {
            story = Story::new(&catalog, restores);
            stories += 1;
        }
        if asked.is_empty() || asked.starts_with(['#', '[']) {
            found.push_str(line);
        } else {
            found.push_str(&format!("{asked} | {}", story.goes_on(asked)));
        }
        found.push('\n');
    }
    assert!(stories > 15, "the file has its stories");
    found
}

#[test]
fn law3_accounts_go_as_the_file_says_with_restores_between_too() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/accounts.txt");
    let golden = fs::read_to_string(&path).expect("UTF-8");
    let straight = told_anew(&golden, false);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &straight).expect("written");
    } else {
        for (found, expected) in straight.lines().zip(golden.lines()) {
            assert_eq!(found, expected, "UPDATE_GOLDEN=1 rewrites tests/golden/accounts.txt");
        }
    }
    let restored = told_anew(&golden, true);
    for (restored, straight) in restored.lines().zip(straight.lines()) {
        assert_eq!(restored, straight, "with restores between");
    }
}
