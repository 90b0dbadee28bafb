//! What must be true when a run is over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tollkeeper::core::account::Account;
use tollkeeper::core::batch::PartitionState;
use tollkeeper::core::decide::Rules;
use tollkeeper::core::due::{Done, DueKey, next_of};
use tollkeeper::core::identity::AcceptanceWindow;
use tollkeeper::core::partition::{PartitionId, home_partition};
use tollkeeper::stream::memory::{MemoryRecord, Topic};
use tollkeeper::stream::recovery::{RestoreJob, RestoreProgress, RestoreRequest, Restored};
use tollkeeper::stream::transport::{Input, InputOffsets};

use crate::compare;
use crate::driver::Run;
use crate::journal::{Happened, Pages, Taken};
use crate::merge::AtHand;
use crate::model::Step;
use crate::model::money::amount;
use crate::oracle::{Delivered, Oracle, Origin, Streams, is_as_expected};

/// Checks everything. `Err` says the first thing that is wrong.
pub(crate) fn check(run: &Run) -> Result<(), String> {
    let pages = run.journal.pages();
    if let Some(violation) = pages.violations.first() {
        return Err(format!("order not permitted: {violation}"));
    }
    let mut oracle = Oracle::new(run.cluster.partitions());
    let partitions: Vec<PartitionId> = (0..run.cluster.partitions()).map(PartitionId).collect();
    for partition in &partitions {
        History { run, pages: &pages, partition: *partition, inputs: inputs_of(run, *partition) }
            .replay(&mut oracle)?;
        // All were caught up: nothing may be left that was due by then.
        oracle.finish(partition.0, run.wall_ms_of(*partition)?);
    }
    for partition in &partitions {
        compare_streams(run, *partition, oracle.written(partition.0))?;
    }
    compare_reroutes(run, &oracle)?;
    sequences_have_no_gap(run, &oracle)?;
    state_is_the_fold(run, &oracle)
}

/// One partition from its first record to its last.
struct History<'r> {
    run: &'r Run,
    pages: &'r Pages,
    partition: PartitionId,
    inputs: [Vec<MemoryRecord>; 3],
}

fn inputs_of(run: &Run, partition: PartitionId) -> [Vec<MemoryRecord>; 3] {
    Input::ALL.map(|input| run.cluster.read_committed(input.into(), partition, 0, usize::MAX).0)
}

impl History<'_> {
    fn replay(&self, oracle: &mut Oracle) -> Result<(), String> {
        let partition = self.partition;
        let mut from: InputOffsets = [0; 3];
        let mut tampered: BTreeSet<&str> = BTreeSet::new();
        for happened in self.pages.happened.get(&partition).into_iter().flatten() {
            match happened {
                // Where it is started is not judged: a zombie starts at what was true, and cannot commit.
                Happened::Started { .. } => tampered.iter().for_each(|tenant| oracle.freeze(partition.0, tenant)),
                Happened::Tampered { tenant, event } => {
                    tampered.insert(tenant);
                    oracle.foreign(partition.0, event);
                }
                Happened::Rewound { offsets, clock_ms } => {
                    from = *offsets;
                    oracle.lose_clock(partition.0, *clock_ms);
                }
                Happened::Committed { offsets, metadata } => {
                    self.transaction(oracle, from, *offsets, metadata)?;
                    from = *offsets;
                }
            }
        }
        for (input, records) in Input::ALL.into_iter().zip(&self.inputs) {
            if let Some(record) = records.iter().find(|record| record.offset >= from[input.index()]) {
                return Err(format!("{}/{partition}/{} was never taken", input.name(), record.offset));
            }
        }
        Ok(())
    }

    /// Every record between the offsets has its outcome in this transaction, and no other has.
    fn transaction(
        &self,
        oracle: &mut Oracle,
        from: InputOffsets,
        to: InputOffsets,
        metadata: &str,
    ) -> Result<(), String> {
        let partition = self.partition;
        let (id, clock_ms) = metadata.rsplit_once('/').ok_or("metadata without a clock")?;
        let clock_ms: i64 = clock_ms.parse().map_err(|_| format!("not a clock: {metadata}"))?;
        let attempt = self.pages.attempts.get(&(id.to_owned(), partition));
        let taken = attempt.ok_or_else(|| format!("nobody has seen transaction {metadata}"))?;
        for input in Input::ALL {
            let place = input.index();
            let offset_of = |taken: &Taken| match taken {
                Taken::Record(record) if record.input == input => Some(record.offset),
                Taken::Record(_) | Taken::Clock { .. } | Taken::Quiet => None,
            };
            let taken: Vec<i64> = taken.iter().filter_map(offset_of).collect();
            let between = |record: &&MemoryRecord| (from[place]..to[place]).contains(&record.offset);
            let committed: Vec<i64> = self.inputs[place].iter().filter(between).map(|record| record.offset).collect();
            if taken != committed {
                return Err(format!(
                    "transaction {id} took {taken:?} of {}/{partition}, but from {from:?} to {to:?} there are {committed:?}",
                    input.name(),
                ));
            }
        }
        for taken in taken {
            match taken {
                Taken::Clock { ms } => oracle.pass(partition.0, *ms)?,
                Taken::Quiet => self.run.tally.count("outcomes", "offsets of a quiet partition"),
                Taken::Record(AtHand { input, offset, timestamp_ms }) => {
                    let (origin, rerouted, sent) = self.origin(*input, *offset, *timestamp_ms)?;
                    let timestamp_ms = *timestamp_ms;
                    oracle.take(Delivered { partition: partition.0, timestamp_ms, origin, rerouted, sent });
                }
            }
        }
        let expected_ms = oracle.clock_ms(partition.0);
        if clock_ms != expected_ms {
            return Err(format!("transaction {id}: the clock of {partition} is {clock_ms}, must be {expected_ms}"));
        }
        Ok(())
    }

    /// What a record was when it was sent, and where that was.
    fn origin(&self, input: Input, offset: i64, timestamp_ms: i64) -> Result<(Origin, bool, &Step), String> {
        let partition = self.partition.0;
        let own = Origin { topic: input.name(), partition, offset, timestamp_ms };
        if input != Input::Reroute {
            let sent = self.run.sent.get(&(input.name(), partition, offset));
            return sent.map(|sent| (own, false, sent)).ok_or_else(|| format!("nobody sent {own:?}"));
        }
        if let Some((origin, sent)) = self.run.enveloped.get(&(partition, offset)) {
            return Ok((*origin, true, sent));
        }
        let record = self.inputs[input.index()].iter().find(|record| record.offset == offset);
        let record = record.ok_or_else(|| format!("{own:?} is not in the log"))?;
        let envelope: Value = serde_json::from_slice(record.value()).map_err(|fault| fault.to_string())?;
        let source = &envelope["source"];
        let topic = source["topic"].as_str().and_then(|topic| topic.strip_prefix("sim."));
        let topic = Input::ALL.map(Input::name).into_iter().find(|name| topic == Some(name));
        let number = |name: &str| source[name].as_i64().ok_or_else(|| format!("no {name} in {envelope}"));
        let first = Origin {
            topic: topic.ok_or_else(|| format!("no topic in {envelope}"))?,
            partition: u32::try_from(number("partition")?).map_err(|fault| fault.to_string())?,
            offset: number("offset")?,
            timestamp_ms: source["timestamp"]
                .as_str()
                .and_then(|at| at.parse::<jiff::Timestamp>().ok())
                .map(jiff::Timestamp::as_millisecond)
                .ok_or_else(|| format!("no timestamp in {envelope}"))?,
        };
        let sent = self.run.sent.get(&(first.topic, first.partition, first.offset));
        sent.map(|sent| (first, true, sent)).ok_or_else(|| format!("nobody sent {first:?}"))
    }
}

fn values(run: &Run, topic: Topic, partition: PartitionId) -> Result<Vec<(i64, Value)>, String> {
    let (records, _) = run.cluster.read_committed(topic, partition, 0, usize::MAX);
    let read = |record: &MemoryRecord| {
        serde_json::from_slice(record.value())
            .map(|value| (record.offset, value))
            .map_err(|fault| format!("{}/{partition}/{}: {fault}", topic.name(), record.offset))
    };
    records.iter().map(read).collect()
}

fn compare_streams(run: &Run, partition: PartitionId, expected: &Streams) -> Result<(), String> {
    let mut ledger = expected.ledger.iter();
    for (topic, expected) in [(Topic::Ledger, &expected.ledger), (Topic::Alerts, &expected.alerts)] {
        let (actual, _) = run.cluster.read_committed(topic, partition, 0, usize::MAX);
        let actual = actual.iter().map(|record| (record.offset, compare::plain(record.value()))).collect();
        compare_stream(topic, partition, expected, actual, |one, other| one == other)?;
        for event in expected {
            run.tally.count(topic.name(), name_of(event));
            if let (Topic::Alerts, Some(refusal)) = (topic, event["data"]["reason"].as_str()) {
                run.tally.count("refusals", refusal);
            }
        }
    }
    for cause in ledger.by_ref().filter_map(|event| event["data"]["cause"].as_str()?.strip_prefix("due/")) {
        run.tally.count("due", cause.split('/').next().unwrap_or_default());
    }
    let actual = values(run, Topic::Quarantine, partition)?;
    compare_stream(Topic::Quarantine, partition, &expected.quarantine, actual, is_as_expected)?;
    for entry in &expected.quarantine {
        run.tally.count("quarantine", entry["reason"].as_str().unwrap_or_default());
    }
    Ok(())
}

fn compare_stream(
    topic: Topic,
    partition: PartitionId,
    expected: &[Value],
    actual: Vec<(i64, Value)>,
    is_same: impl Fn(&Value, &Value) -> bool,
) -> Result<(), String> {
    for (place, expected) in expected.iter().enumerate() {
        let found = actual.get(place).map(|(_, value)| value);
        if !found.is_some_and(|found| is_same(expected, found)) {
            let found = found.map_or("nothing".to_owned(), Value::to_string);
            let name = topic.name();
            return Err(format!("{name}/{partition}, entry {place}:\n expected {expected}\n found    {found}"));
        }
    }
    match actual.get(expected.len()) {
        Some((offset, more)) => Err(format!("{}/{partition}/{offset} is one too many: {more}", topic.name())),
        None => Ok(()),
    }
}

fn name_of(event: &Value) -> &str {
    event["type"].as_str().unwrap_or_default().trim_start_matches("tollkeeper.").trim_end_matches(".v1")
}

fn compare_reroutes(run: &Run, oracle: &Oracle) -> Result<(), String> {
    let mut actual: BTreeMap<(u32, u32), Vec<Value>> = BTreeMap::new();
    let mut expected: BTreeMap<(u32, u32), Vec<Value>> = BTreeMap::new();
    for partition in 0..run.cluster.partitions() {
        for (offset, envelope) in values(run, Topic::Reroute, PartitionId(partition))? {
            if !run.enveloped.contains_key(&(partition, offset)) {
                let from = envelope["source"]["partition"].as_u64().and_then(|from| u32::try_from(from).ok());
                let from = from.ok_or_else(|| format!("an envelope without a source: {envelope}"))?;
                actual.entry((from, partition)).or_default().push(envelope);
            }
        }
        for (to, envelope) in &oracle.written(partition).reroute {
            run.tally.count("outcomes", "rerouted");
            expected.entry((partition, *to)).or_default().push(envelope.clone());
        }
    }
    if actual == expected { Ok(()) } else { Err(format!("rerouted:\n expected {expected:?}\n found    {actual:?}")) }
}

fn sequences_have_no_gap(run: &Run, oracle: &Oracle) -> Result<(), String> {
    let frozen: BTreeSet<&String> = oracle.frozen().collect();
    for partition in (0..run.cluster.partitions()).map(PartitionId) {
        let mut next: BTreeMap<String, u64> = BTreeMap::new();
        for (offset, event) in values(run, Topic::Ledger, partition)? {
            let (tenant, seq) = event["id"].as_str().and_then(|id| id.split_once('/')).ok_or("an event without id")?;
            let expected = next.entry(tenant.to_owned()).or_insert(1);
            if frozen.contains(&tenant.to_owned()) {
                continue;
            }
            if seq != expected.to_string() {
                return Err(format!("ledger/{partition}/{offset}: {tenant}/{expected} was to come, not {seq}"));
            }
            *expected += 1;
        }
    }
    Ok(())
}

/// Live state, the fold of the ledger and the oracle say the same, field by field.
fn state_is_the_fold(run: &Run, oracle: &Oracle) -> Result<(), String> {
    let frozen: BTreeSet<&String> = oracle.frozen().collect();
    let window = AcceptanceWindow::default();
    let mut seen = 0;
    for partition in (0..run.cluster.partitions()).map(PartitionId) {
        let restored = restore(run, partition)?;
        let processes = run.processes.borrow();
        let holder = processes.iter().flatten().find_map(|p| Some((p, p.worker.partition_state(partition)?)));
        let (process, live) = holder.ok_or_else(|| format!("nobody holds partition {partition}"))?;
        let now = live.clock;
        if restored.state.clock != now {
            return Err(format!("partition {partition}: the clock is {now}, recovered {}", restored.state.clock));
        }
        if restored.state.identities.sorted(window, now) != live.identities.sorted(window, now) {
            return Err(format!("partition {partition}: the identities are not those of the ledger"));
        }
        if restored.state.entries.sorted(now) != live.entries.sorted(now) {
            return Err(format!("partition {partition}: the entries are not those of the ledger"));
        }
        let is_here = |account: &&std::sync::Arc<Account>| {
            home_partition(account.tenant.as_str(), run.cluster.partitions()) == partition
                && !frozen.contains(&account.tenant.as_str().to_owned())
        };
        let accounts = process.worker.accounts(partition).expect("it is rated here").sorted();
        let accounts: Vec<_> = accounts.iter().filter(is_here).collect();
        let mut folded = restored.accounts;
        folded.sort_by(|a, b| a.tenant.cmp(&b.tenant));
        let folded: Vec<_> = folded.iter().filter(is_here).collect();
        if accounts != folded {
            return Err(format!("partition {partition}: live is\n {accounts:?}\n the ledger says\n {folded:?}"));
        }
        let names: BTreeSet<&str> = restored.frozen.iter().map(|(tenant, _)| tenant.as_str()).collect();
        for name in names {
            if !frozen.contains(&name.to_owned()) {
                return Err(format!("the account of {name} is broken"));
            }
        }
        for account in accounts {
            seen += 1;
            is_queued(live, account)?;
            compare_account(account, oracle)?;
        }
    }
    let known = oracle.accounts().keys().filter(|tenant| !frozen.contains(&(**tenant).to_owned())).count();
    if known == seen { Ok(()) } else { Err(format!("{known} accounts were to be there, {seen} are")) }
}

/// What is due of the account is queued, at that time or before it: whoever takes it asks the account again.
fn is_queued(live: &PartitionState, account: &Account) -> Result<(), String> {
    let rules = Rules::default();
    let Some((at, kind)) = next_of(account, &rules.warning_days, Done::all_at(live.clock)) else { return Ok(()) };
    let due = DueKey { at, kind, tenant: account.tenant.clone() };
    let mut queue = std::iter::successors(live.due.first_after(None), |key| live.due.first_after(Some(key)));
    match queue.any(|key| key.tenant == due.tenant && *key <= due) {
        true => Ok(()),
        false => Err(format!("{due:?} is not queued")),
    }
}

fn compare_account(account: &Account, oracle: &Oracle) -> Result<(), String> {
    let tenant = account.tenant.as_str();
    let accounts = oracle.accounts();
    let expected = accounts.get(tenant).ok_or_else(|| format!("{tenant} was never opened"))?;
    let lots: Vec<(u64, String)> = account.lots.iter().map(|lot| (lot.id.0, lot.remaining.to_string())).collect();
    let expected_lots: Vec<(u64, String)> = expected.lots.iter().map(|lot| (lot.seq, amount(lot.left))).collect();
    let totals = &account.totals;
    let said = (
        (account.seq, lots, account.debt.to_string(), account.balance().to_string()),
        (account.blocked.is_some(), account.closed_at),
        [totals.added, totals.debited, totals.expired, totals.adjusted].map(|sum| sum.to_string()),
        (account.recharging.suspended, account.recharging.in_flight.map(|request| request.id.0)),
    );
    let to_be = (
        (expected.seq, expected_lots, amount(expected.debt), amount(expected.balance())),
        (expected.block.is_some(), expected.closed),
        [expected.added, expected.debited, expected.expired, expected.adjusted].map(amount),
        (expected.recharges.suspended, expected.recharges.in_flight().map(|request| request.seq)),
    );
    if said != to_be {
        return Err(format!("account {tenant}: {said:?}\n must be {to_be:?}"));
    }
    if expected.adds_up() { Ok(()) } else { Err(format!("account {tenant}: the totals do not make its balance")) }
}

fn restore(run: &Run, partition: PartitionId) -> Result<Restored, String> {
    let mut job = RestoreJob::new(RestoreRequest { partition, assignment: 0 });
    let mut source = run.cluster.restore_source();
    for _ in 0..100 {
        let progress = job.step(&mut source, Duration::ZERO, &mut |_| Ok(()));
        if let RestoreProgress::Done(answer) = progress.map_err(|failure| failure.to_string())? {
            return answer.outcome.map_err(|stopped| stopped.to_string());
        }
    }
    Err(format!("partition {partition} cannot be restored"))
}

/// All that was written, for comparison of two runs.
pub(crate) fn written(run: &Run) -> Vec<(&'static str, u32, i64, Vec<u8>)> {
    let mut all = Vec::new();
    for topic in Topic::ALL {
        for partition in 0..run.cluster.partitions() {
            let (records, _) = run.cluster.read_uncommitted(topic, PartitionId(partition), 0, usize::MAX);
            all.extend(records.iter().map(|r| (topic.name(), partition, r.offset, r.value().to_vec())));
        }
    }
    all
}
