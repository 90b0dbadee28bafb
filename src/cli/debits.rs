//! The debits of a call, which `call void` and `balance adjust` copy from the ledger: past calls are not in the engine's state.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;

use super::require_kafka;
use crate::config::Config;
use crate::core::event::EventBody;
use crate::core::tenant::TenantId;
use crate::offline::Lines;
use crate::wire::event;

/// Where the debits of a call are read.
#[derive(Args, Clone, Debug, Default)]
pub struct DebitsArgs {
    /// File with lines of the ledger, or - for standard input; all debits of the call must be among them. Without it, the
    /// tenant's partition of the ledger is read from end to end
    #[arg(long, value_name = "FILE")]
    pub debits: Option<PathBuf>,
}

/// A call, and whose.
#[derive(Clone, Copy, Debug)]
pub struct CallName<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// Its id, as its debits have it.
    pub call_id: &'a str,
}

impl DebitsArgs {
    /// All debits of the call, in their order, as they are in the ledger. What belonged to the call before it was voided and
    /// its id released is left out: those are debits of another call now.
    ///
    /// # Errors
    /// A file or cluster that cannot be read, a line that is not an event, or no debit of that call.
    pub fn find(&self, call: CallName<'_>, config: &Config) -> anyhow::Result<Vec<Value>> {
        let mut found = Debits::default();
        match &self.debits {
            Some(path) => read_lines(path, |line| found.take(call, line))?,
            None => {
                require_kafka()?;
                read_ledger(call, config, &mut found)?;
            }
        }
        let debits = found.left();
        if debits.is_empty() {
            let CallName { tenant, call_id } = call;
            bail!("no debit of call {call_id} of {tenant} was found: give its id as the ledger has it");
        }
        Ok(debits)
    }
}

/// What was found so far.
#[derive(Debug, Default)]
struct Debits {
    by_seq: BTreeMap<u64, Value>,
    /// The debits of voids that released the call's id.
    released: BTreeSet<u64>,
}

impl Debits {
    /// Looks at an event.
    fn take(&mut self, call: CallName<'_>, line: &[u8]) -> Result<(), String> {
        let event = event::decode(line).map_err(|fault| fault.to_string())?;
        if event.tenant != call.tenant.as_str() {
            return Ok(());
        }
        match &event.body {
            EventBody::CallDebited(debit) if debit.call_id == call.call_id => {
                let debit = serde_json::from_slice(line).map_err(|fault| fault.to_string())?;
                self.by_seq.insert(event.seq, debit);
            }
            EventBody::CallVoided(void) if void.release && void.call.call_id == call.call_id => {
                self.released.extend(&void.call.debits);
            }
            _ => {}
        }
        Ok(())
    }

    fn left(mut self) -> Vec<Value> {
        self.by_seq.retain(|seq, _| !self.released.contains(seq));
        self.by_seq.into_values().collect()
    }
}

fn read_lines(path: &Path, mut take: impl FnMut(&[u8]) -> Result<(), String>) -> anyhow::Result<()> {
    let named = || path.display().to_string();
    let reader: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).with_context(|| format!("cannot read {}", path.display()))?)
    };
    let mut lines = Lines::new(reader);
    while let Some(line) = lines.next_record().with_context(named)? {
        if let Err(detail) = take(line) {
            bail!("{}: line {}: {detail}", path.display(), lines.line());
        }
    }
    Ok(())
}

#[cfg(feature = "kafka")]
fn read_ledger(call: CallName<'_>, config: &Config, found: &mut Debits) -> anyhow::Result<()> {
    use crate::core::partition::home_partition;
    use crate::node::client_config;
    use crate::stream::topics::{LedgerPartition, read_ledger};

    let tenant = call.tenant.as_str();
    let home = LedgerPartition {
        prefix: &config.topic_prefix,
        partition: home_partition(tenant, config.partitions),
        partitions: config.partitions,
    };
    Ok(read_ledger(&client_config(config)?, &home, |key, event| {
        if key == tenant.as_bytes() { found.take(call, event) } else { Ok(()) }
    })?)
}

#[cfg(not(feature = "kafka"))]
fn read_ledger(_: CallName<'_>, _: &Config, _: &mut Debits) -> anyhow::Result<()> {
    unreachable!("require_kafka has refused")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEDGER: &str = include_str!("../../tests/golden/events.jsonl");

    fn found(call_id: &str, lines: &str) -> Vec<u64> {
        let tenant = TenantId::new("contoso").unwrap();
        let call = CallName { tenant: &tenant, call_id };
        let mut debits = Debits::default();
        lines.lines().for_each(|line| debits.take(call, line.as_bytes()).unwrap());
        let seq = |debit: Value| debit["id"].as_str().unwrap().strip_prefix("contoso/").unwrap().parse().unwrap();
        debits.left().into_iter().map(seq).collect()
    }

    #[test]
    fn the_debits_of_a_call_are_found_in_their_order_whatever_lies_between() {
        let before_the_void: Vec<&str> = LEDGER.lines().filter(|line| !line.contains("call.voided")).collect();
        assert_eq!(found("c-8", &before_the_void.join("\n")), [19, 20, 21]);
        let backwards: Vec<&str> = before_the_void.iter().rev().copied().collect();
        assert_eq!(found("c-8", &backwards.join("\n")), [19, 20, 21]);
        assert_eq!(found("c-9", &LEDGER.repeat(2)), [22]);
        assert_eq!(found("c-", LEDGER), [0_u64; 0]);
        assert_eq!(found("c-9", &LEDGER.replace("contoso/22", "fabrikam/22")), [0_u64; 0]);
    }

    #[test]
    fn debits_of_a_call_that_was_released_are_those_of_another_call() {
        assert_eq!(found("c-8", LEDGER), [0_u64; 0]);
        let again = LEDGER.lines().nth(18).unwrap().replace("contoso/19", "contoso/60");
        assert_eq!(found("c-8", &format!("{LEDGER}{again}")), [60]);
    }

    #[test]
    fn a_line_that_is_not_an_event_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.jsonl");
        std::fs::write(&path, format!("{}\n\n{{}}\n", LEDGER.lines().next().unwrap())).unwrap();
        let mut lines = 0;
        let fault = read_lines(&path, |line| {
            lines += 1;
            event::decode(line).map(|_| ()).map_err(|fault| fault.to_string())
        });
        let fault = fault.unwrap_err().to_string();
        assert_eq!(lines, 2);
        assert!(fault.ends_with("ledger.jsonl: line 3: not an event: specversion: not 1.0"), "{fault}");
        assert!(read_lines(&directory.path().join("none"), |_| Ok(())).is_err());
    }
}
