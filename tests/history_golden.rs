//! One history, three ways: straight through, with a restore after every record, and with commits of three records and a restore
//! after each. The ledger and the alerts are the golden's to the byte: ledgers outlive code, so a difference here is a change of
//! the published contract.

#[path = "support/partition.rs"]
mod partition;

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use partition::{Partition, rates};
use tollkeeper::stream::transport::{Input, Output};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/history").join(name)
}

/// A record, or none: then only time goes on.
struct Step {
    at: Timestamp,
    record: Option<(Input, String)>,
}

fn inputs() -> Vec<Step> {
    let text = fs::read_to_string(path("inputs.txt")).expect("UTF-8");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let read = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let at = words.next().and_then(|at| at.parse().ok()).expect("a time");
        let name = words.next().expect("an input, or clock");
        let input = Input::ALL.into_iter().find(|input| input.name() == name);
        assert!(input.is_some() || name == "clock", "what is {name}?");
        Step { at, record: input.map(|input| (input, words.next().expect("a record").to_owned())) }
    };
    lines.map(read).collect()
}

/// Commits after every `commit` records, and restores after every commit if told so.
fn run(inputs: &[Step], commit: usize, restore: bool) -> Partition {
    let mut partition = Partition::new(rates());
    for steps in inputs.chunks(commit) {
        for Step { at, record } in steps {
            match record {
                Some((input, record)) => partition.take(*input, *at, record.as_bytes()),
                None => partition.pass(*at),
            }
        }
        partition.commit();
        if restore {
            partition.restore();
        }
    }
    partition
}

/// The records of an output, one a line. The catalog's version is not part of the contract.
fn written(partition: &Partition, output: Output) -> String {
    let version = format!("@{}", rates().version());
    let records = partition.written[output.index()].iter();
    let lines = records.map(|record| std::str::from_utf8(record).expect("JSON").replace(&version, "@VERSION") + "\n");
    lines.collect()
}

#[test]
fn law7_a_history_gives_the_golden_ledger_straight_through_and_with_restores_between() {
    let inputs = inputs();
    let straight = run(&inputs, inputs.len(), false);
    let records = inputs.iter().filter(|step| step.record.is_some()).count();
    assert_eq!(straight.counts.outcomes(), u64::try_from(records).expect("few"), "every record has its outcome");
    for (output, name) in
        [(Output::Ledger, "ledger.jsonl"), (Output::Alerts, "alerts.jsonl"), (Output::Quarantine, "quarantine.jsonl")]
    {
        let found = written(&straight, output);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(path(name), &found).expect("written");
        }
        let golden = fs::read_to_string(path(name)).expect("UPDATE_GOLDEN=1 writes it");
        for (found, golden) in found.lines().zip(golden.lines()) {
            assert_eq!(found, golden, "UPDATE_GOLDEN=1 rewrites {name}");
        }
        assert_eq!(found.lines().count(), golden.lines().count());
    }
    for commit in [1, 3] {
        let restored = run(&inputs, commit, true);
        assert_eq!(restored.state(), straight.state(), "a restore after every {commit}");
        for output in Output::ALL {
            assert_eq!(written(&restored, output), written(&straight, output), "a restore after every {commit}");
        }
    }
}

#[test]
fn a_typical_debit_takes_at_most_650_bytes() {
    let partition = run(&inputs(), 1, false);
    let debits = partition.ledger().iter().filter(|record| record.windows(13).any(|part| part == b"call.debited."));
    let sizes: Vec<usize> = debits.map(|record| record.len()).collect();
    assert!(sizes.len() > 10);
    let plain = partition.ledger().iter().find(|record| record.windows(10).any(|part| part == b"\"c-2\",\"ser"));
    assert!(plain.expect("a call of a user, priced").len() <= 650, "{sizes:?}");
}
