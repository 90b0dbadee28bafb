//! What calls cost whom: tenants are opened and funded by commands, and debited by the engine, on one partition without a log.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::sync::Arc;

use jiff::Timestamp;

use super::OfflineFailure;
use super::charge::{Charge, Debited, WriteCharges};
use super::lines::{Lines, whole_millis};
use crate::core::batch::{Accounts, Batch, PartitionState};
use crate::core::catalog::Catalog;
use crate::core::cdr::Cdr;
use crate::core::decide::Rules;
use crate::core::partition::PartitionId;
use crate::metrics::{BatchCounts, CdrOutcome, Metrics};
use crate::stream::engine::{Engine, Sink, Source};
use crate::stream::outputs::Outputs;
use crate::stream::transport::{Input, Output};
use crate::wire::alert::Alert;
use crate::wire::quarantine::Entry;
use crate::wire::{self, Rejected};

/// Records between two merges of the batch into the committed state.
const BATCH_RECORDS_MAX: u64 = 20_000;
/// Everything is at home in the one partition that there is.
const PARTITION: PartitionId = PartitionId(0);

/// Debits calls of tenants that commands have opened and funded.
pub struct Rating<'e> {
    engine: Engine,
    accounts: Accounts,
    state: PartitionState,
    batch: Batch,
    outputs: Outputs,
    counts: BatchCounts,
    metrics: Metrics,
    taken: u64,
    now: Timestamp,
    commands: VecDeque<TimedCommand>,
    events: Option<&'e mut dyn Write>,
}

struct TimedCommand {
    at: Timestamp,
    line: u64,
    record: Box<[u8]>,
}

impl<'e> Rating<'e> {
    /// A rating of calls by a clock that stands at `now`; every event goes to `events` too, one a line. Commands are applied
    /// when they were asked, as far as the clock has not passed that.
    pub fn new(catalog: Arc<Catalog>, rules: Rules, now: Timestamp, events: Option<&'e mut dyn Write>) -> Rating<'e> {
        Rating {
            engine: Engine::new(catalog, rules, 1, "offline"),
            accounts: Accounts::default(),
            state: PartitionState::empty(PARTITION),
            batch: Batch::default(),
            outputs: Outputs::default(),
            counts: BatchCounts::default(),
            metrics: Metrics::new(),
            taken: 0,
            now: whole_millis(now),
            commands: VecDeque::new(),
            events,
        }
    }

    /// Reads the commands; each is applied before the first call that ends at its `at` or later.
    ///
    /// # Errors
    /// [`OfflineFailure::Read`], and [`OfflineFailure::Command`] for one that cannot be read: nothing is rated on half of
    /// the commands.
    pub fn read_commands<R: Read>(&mut self, lines: &mut Lines<R>) -> Result<(), OfflineFailure> {
        let mut commands = Vec::new();
        while let Some(record) = lines.next_record()? {
            let record: Box<[u8]> = record.into();
            let line = lines.line();
            let faulty = |detail: String| OfflineFailure::Command { line, detail };
            let command = wire::command::decode(&record).map_err(|rejected| faulty(rejected.detail))?;
            let at = command.request.map_err(|unreadable| faulty(unreadable.detail))?.at;
            commands.push(TimedCommand { at, line, record: record.clone() });
        }
        commands.sort_by_key(|command| command.at);
        self.commands = commands.into();
        Ok(())
    }

    /// Rates one record.
    ///
    /// # Errors
    /// [`OfflineFailure::Write`], and [`OfflineFailure::Command`] for a command due before it that was refused.
    pub fn take(&mut self, record: &[u8], charges: &mut dyn WriteCharges) -> Result<(), OfflineFailure> {
        let cdr = wire::cdr::decode(record).ok();
        if let Some(end) = cdr.as_ref().map(Cdr::ended_at) {
            while let Some(command) = self.commands.pop_front_if(|command| command.at <= end) {
                self.take_command(&command)?;
            }
        }
        self.give(Input::Cdrs, self.now, record)?;
        self.write_charge(cdr.as_ref(), charges)?;
        self.write_events()
    }

    /// Puts a record aside that could not be read as a native one.
    ///
    /// # Errors
    /// [`OfflineFailure::Write`].
    pub fn reject(&mut self, rejected: &Rejected, charges: &mut dyn WriteCharges) -> Result<(), OfflineFailure> {
        self.counts.add_cdr(CdrOutcome::Quarantined(rejected.reason));
        let (reason, detail) = (rejected.reason, &*rejected.detail);
        Ok(charges.write(&Charge::Quarantined { cdr: None, reason, detail })?)
    }

    /// Applies the commands that no call came after.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn finish(&mut self) -> Result<(), OfflineFailure> {
        while let Some(command) = self.commands.pop_front() {
            self.take_command(&command)?;
        }
        if let Some(events) = &mut self.events {
            events.flush()?;
        }
        Ok(())
    }

    /// What was done so far.
    pub fn counts(&self) -> &BatchCounts {
        &self.counts
    }

    fn take_command(&mut self, command: &TimedCommand) -> Result<(), OfflineFailure> {
        self.give(Input::Commands, whole_millis(command.at).min(self.now), &command.record)?;
        let said = self.outputs.pending().flat_map(|(_, _, records)| records.iter());
        let fault = said.filter_map(|record| fault_in(&record.value)).next();
        self.write_events()?;
        match fault {
            Some(detail) => Err(OfflineFailure::Command { line: command.line, detail }),
            None => Ok(()),
        }
    }

    /// Takes a record at the clock's time; what is due by then comes first.
    fn give(&mut self, input: Input, clock: Timestamp, record: &[u8]) -> Result<(), OfflineFailure> {
        if self.taken.is_multiple_of(BATCH_RECORDS_MAX) {
            for (_, changes) in std::mem::take(&mut self.batch).into_changes() {
                changes.merge_into(&self.accounts, &mut self.state, self.engine.rules().window);
            }
        }
        let mut view = self.batch.at(&self.accounts, &self.state);
        let mut sink = Sink { outputs: &mut self.outputs, counts: &mut self.counts, metrics: &self.metrics };
        while self.engine.take_due(&mut view, PARTITION, clock, sink.reborrow()) {}
        self.write_events()?;
        let mut view = self.batch.at(&self.accounts, &self.state);
        view.advance_clock(clock);
        let offset = i64::try_from(self.taken).expect("nobody reads 2^63 lines");
        let source = Source { input, partition: PARTITION, offset, at: clock };
        let sink = Sink { outputs: &mut self.outputs, counts: &mut self.counts, metrics: &self.metrics };
        self.engine.take(&mut view, &source, record, sink);
        self.taken += 1;
        Ok(())
    }

    /// The charge as the ledger or the quarantine has it.
    fn write_charge(&mut self, cdr: Option<&Cdr<'_>>, charges: &mut dyn WriteCharges) -> Result<(), OfflineFailure> {
        for (output, _, records) in self.outputs.pending() {
            let Some(first) = records.first() else { continue };
            match output {
                Output::Ledger => {
                    let event = wire::event::decode(&first.value).expect("the engine has just written it");
                    let mut view = self.batch.at(&self.accounts, &self.state);
                    let currency = view.account(&event.tenant).expect("it was debited").settings.currency;
                    let debited = Debited::of_event(&event, currency).expect("the first event of a call is its debit");
                    return Ok(charges.write(&Charge::Debited(debited))?);
                }
                Output::Quarantine => {
                    let entry = wire::quarantine::decode(&first.value).expect("the engine has just written it");
                    let charge = match &entry {
                        Entry::Quarantined(entry) => {
                            Charge::Quarantined { cdr, reason: entry.reason, detail: &entry.detail }
                        }
                        Entry::Duplicate(_) => Charge::Duplicate { cdr: cdr.expect("a duplicate was decoded") },
                    };
                    return Ok(charges.write(&charge)?);
                }
                Output::Alerts | Output::Reroute => {}
            }
        }
        unreachable!("every record has an outcome (law 1)")
    }

    fn write_events(&mut self) -> Result<(), OfflineFailure> {
        for (output, _, records) in self.outputs.pending() {
            if let (Output::Ledger, Some(events)) = (output, &mut self.events) {
                for record in records.iter() {
                    events.write_all(&record.value)?;
                    events.write_all(b"\n")?;
                }
            }
            records.clear();
        }
        Ok(())
    }
}

/// Why a command was not applied, where a record says that.
fn fault_in(record: &[u8]) -> Option<String> {
    if let Ok(Alert::Refused(refused)) = wire::alert::decode(record) {
        return Some(format!("{}: {}", refused.refusal, refused.detail));
    }
    match wire::quarantine::decode(record) {
        Ok(Entry::Quarantined(entry)) => Some(format!("{}: {}", entry.reason, entry.detail)),
        Ok(Entry::Duplicate(_)) | Err(_) => None,
    }
}
