//! Rating without a log: files of CDRs in, one charge a line out, through the same core as on Kafka.
//!
//! With commands, tenants are opened and funded by them and calls are debited; without, calls are only priced, for any tenant
//! and without a balance.

mod charge;

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub use charge::{Charge, CsvCharges, JsonCharges, WriteCharges};

use crate::core::batch::{Accounts, Batch, PartitionState};
use crate::core::catalog::Catalog;
use crate::core::cdr::Cdr;
use crate::core::decide::Rules;
use crate::core::money::Money;
use crate::core::partition::PartitionId;
use crate::core::rating::{self, Rejection};
use crate::core::reason::Reason;
use crate::core::tenant::{NoRatePolicy, TenantSettings};
use crate::metrics::{BatchCounts, Metrics};
use crate::stream::engine::{Engine, Outputs, Source};
use crate::stream::transport::{Input, Output};
use crate::wire::alert::Alert;
use crate::wire::quarantine::Entry;
use crate::wire::{self, RECORD_BYTES_MAX};

/// Records between two merges of the batch into the committed state.
const BATCH_RECORDS_MAX: u64 = 20_000;
/// Everything is at home in the one partition that there is.
const PARTITION: PartitionId = PartitionId(0);

/// What went wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum OfflineFailure {
    /// A line could not be read.
    #[error("line {line} cannot be read")]
    Read {
        /// Counted from 1.
        line: u64,
        /// Why.
        source: std::io::Error,
    },
    /// A charge or an event could not be written.
    #[error("the output cannot be written")]
    Write(#[from] std::io::Error),
    /// A line of the commands was not applied.
    #[error("command at line {line}: {detail}")]
    Command {
        /// Counted from 1.
        line: u64,
        /// What was said of it.
        detail: String,
    },
}

/// The records of a file of JSON lines. Blank lines are none.
pub struct Lines<R> {
    reader: BufReader<R>,
    buffer: Vec<u8>,
    line: u64,
    bytes: u64,
}

impl<R: Read> Lines<R> {
    /// The lines of `reader`.
    pub fn new(reader: R) -> Lines<R> {
        Lines { reader: BufReader::with_capacity(1 << 20, reader), buffer: Vec::new(), line: 0, bytes: 0 }
    }

    /// The next record, without its line end. One that is longer than the wire allows is cut just above that, so that the
    /// memory it takes has a bound and the decoder says what is wrong with it.
    ///
    /// # Errors
    /// [`OfflineFailure::Read`].
    pub fn next_record(&mut self) -> Result<Option<&[u8]>, OfflineFailure> {
        loop {
            self.buffer.clear();
            self.line += 1;
            let read = self.read_line().map_err(|source| OfflineFailure::Read { line: self.line, source })?;
            if read == 0 {
                return Ok(None);
            }
            self.bytes += read;
            let record = self.buffer.trim_ascii();
            if !record.is_empty() {
                // Borrowed anew: the borrow above ends here for the checker.
                return Ok(Some(self.buffer.trim_ascii()));
            }
        }
    }

    /// The line of the last record, counted from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_line(&mut self) -> std::io::Result<u64> {
        let kept_max = RECORD_BYTES_MAX + 2;
        let mut read = 0;
        loop {
            let available = self.reader.fill_buf()?;
            if available.is_empty() {
                return Ok(read);
            }
            let end = available.iter().position(|byte| *byte == b'\n').map(|place| place + 1);
            let taken = end.unwrap_or(available.len());
            let room = kept_max.saturating_sub(self.buffer.len());
            self.buffer.extend_from_slice(&available[..taken.min(room)]);
            self.reader.consume(taken);
            read += u64::try_from(taken).expect("a buffer's length");
            if end.is_some() {
                return Ok(read);
            }
        }
    }
}

/// What was done, for the summary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// CDRs read.
    pub records: u64,
    /// Priced or debited.
    pub debited: u64,
    /// The same call again.
    pub duplicates: u64,
    /// Not rated, by place in [`Reason::ALL`].
    pub quarantined: [u64; Reason::ALL.len()],
    /// Sum of the charges, whatever their currency is: one catalog and one price list have one.
    pub amount: Money,
}

impl Summary {
    fn count(&mut self, charge: &Charge<'_>) {
        self.records += 1;
        match charge {
            Charge::Debited(debited) => {
                self.debited += 1;
                // A sum that reaches 10^15 stays where it is; the charges themselves are exact.
                self.amount = self.amount.checked_add(debited.amount).unwrap_or(self.amount);
            }
            Charge::Duplicate { .. } => self.duplicates += 1,
            Charge::Quarantined { reason, .. } => {
                let place = Reason::ALL.iter().position(|known| known == reason).expect("all reasons are listed");
                self.quarantined[place] += 1;
            }
        }
    }
}

/// Prices calls of any tenant: no balances, nothing remembered.
pub struct Pricing {
    catalog: Arc<Catalog>,
    settings: TenantSettings,
    no_rate: NoRatePolicy,
    summary: Summary,
}

impl Pricing {
    /// Prices by the settings that any tenant is taken to have.
    pub fn new(catalog: Arc<Catalog>, settings: TenantSettings) -> Pricing {
        Pricing { catalog, settings, no_rate: NoRatePolicy::Quarantine, summary: Summary::default() }
    }

    /// Prices one record.
    ///
    /// # Errors
    /// [`OfflineFailure::Write`].
    pub fn take(&mut self, record: &[u8], charges: &mut dyn WriteCharges) -> Result<(), OfflineFailure> {
        let decoded = wire::cdr::decode(record);
        let charge = match &decoded {
            Err(rejected) => Charge::Quarantined { cdr: None, reason: rejected.reason, detail: &rejected.detail },
            Ok(cdr) => return self.take_cdr(cdr, charges),
        };
        self.summary.count(&charge);
        Ok(charges.write(&charge)?)
    }

    fn take_cdr(&mut self, cdr: &Cdr<'_>, charges: &mut dyn WriteCharges) -> Result<(), OfflineFailure> {
        let priced = rating::beyond_this_release(cdr)
            .and_then(|()| rating::rate(cdr, &self.settings, &self.catalog, self.no_rate));
        let charge = match &priced {
            Ok(priced) => Charge::Debited(charge::Debited::priced(cdr, priced, self.settings.currency)),
            Err(Rejection { reason, detail }) => Charge::Quarantined { cdr: Some(cdr), reason: *reason, detail },
        };
        self.summary.count(&charge);
        Ok(charges.write(&charge)?)
    }

    /// What was done so far.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }
}

/// Debits calls of tenants that commands have opened and funded.
pub struct Rating<'e> {
    engine: Engine,
    accounts: Accounts,
    state: PartitionState,
    batch: Batch,
    taken: u64,
    now: Timestamp,
    metrics: Metrics,
    commands: std::collections::VecDeque<TimedCommand>,
    events: Option<&'e mut dyn Write>,
    summary: Summary,
}

struct TimedCommand {
    at: Timestamp,
    line: u64,
    record: Box<[u8]>,
}

impl<'e> Rating<'e> {
    /// A rating whose clock stands at `now`; every event goes to `events` too.
    pub fn new(catalog: Arc<Catalog>, rules: Rules, now: Timestamp, events: Option<&'e mut dyn Write>) -> Rating<'e> {
        Rating {
            engine: Engine::new(catalog, rules, 1, "offline"),
            accounts: Accounts::default(),
            state: PartitionState::empty(PARTITION),
            batch: Batch::default(),
            taken: 0,
            now,
            metrics: Metrics::new(),
            commands: std::collections::VecDeque::new(),
            events,
            summary: Summary::default(),
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
            let request = command.request.as_ref().map_err(|unreadable| faulty(unreadable.detail.clone()))?;
            let at = request.at;
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
        let decoded = wire::cdr::decode(record);
        if let Ok(cdr) = &decoded {
            let end = cdr.ended_at();
            while let Some(command) = self.commands.pop_front_if(|command| command.at <= end) {
                self.take_command(&command)?;
            }
        }
        let outputs = self.give(Input::Cdrs, record)?;
        self.write_charge(decoded.ok().as_ref(), outputs, charges)
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
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    fn take_command(&mut self, command: &TimedCommand) -> Result<(), OfflineFailure> {
        let mut outputs = self.give(Input::Commands, &command.record)?;
        let refused = outputs.pending().find(|(output, ..)| *output == Output::Alerts).and_then(|(_, _, records)| {
            records.iter().find_map(|record| match wire::alert::decode(&record.value) {
                Ok(Alert::Refused(refused)) => Some((refused.refusal, refused.detail.into_owned())),
                Ok(Alert::Event(_) | Alert::Unmatched(_)) | Err(_) => None,
            })
        });
        match refused {
            Some((refusal, detail)) => {
                let detail = format!("{refusal}: {detail}");
                Err(OfflineFailure::Command { line: command.line, detail })
            }
            None => Ok(()),
        }
    }

    fn give(&mut self, input: Input, record: &[u8]) -> Result<Outputs, OfflineFailure> {
        let mut outputs = Outputs::default();
        let mut view = self.batch.at(&self.accounts, &self.state);
        view.advance_clock(self.now);
        let offset = i64::try_from(self.taken).unwrap_or(i64::MAX);
        let source = Source { input, partition: PARTITION, offset, at: self.now };
        self.engine.take(&mut view, &source, record, &mut outputs, &mut BatchCounts::default(), &self.metrics);
        self.taken += 1;
        if self.taken.is_multiple_of(BATCH_RECORDS_MAX) {
            for (_, changes) in std::mem::take(&mut self.batch).merge(&self.accounts) {
                changes.merge_into(&mut self.state, self.engine.rules().window);
            }
        }
        if let Some(events) = &mut self.events {
            for (_, _, records) in outputs.pending().filter(|(output, ..)| *output == Output::Ledger) {
                for record in records {
                    events.write_all(&record.value)?;
                    events.write_all(b"\n")?;
                }
            }
        }
        Ok(outputs)
    }

    /// The charge as the ledger or the quarantine has it.
    fn write_charge(
        &mut self,
        cdr: Option<&Cdr<'_>>,
        mut outputs: Outputs,
        charges: &mut dyn WriteCharges,
    ) -> Result<(), OfflineFailure> {
        for (output, _, records) in outputs.pending() {
            let Some(first) = records.first() else { continue };
            if output == Output::Ledger {
                let event = wire::event::decode(&first.value).expect("the engine has just written it");
                let account = self.batch.at(&self.accounts, &self.state).account(&event.tenant).cloned();
                let currency = account.expect("an account was debited").settings.currency;
                let debited =
                    charge::Debited::of_event(&event, currency).expect("the first event of a call is its debit");
                let charge = Charge::Debited(debited);
                self.summary.count(&charge);
                return Ok(charges.write(&charge)?);
            }
            if output == Output::Quarantine {
                let entry = wire::quarantine::decode(&first.value).expect("the engine has just written it");
                let charge = match &entry {
                    Entry::Quarantined(entry) => {
                        Charge::Quarantined { cdr, reason: entry.reason, detail: &entry.detail }
                    }
                    Entry::Duplicate(_) => Charge::Duplicate { cdr: cdr.expect("a duplicate was decoded") },
                };
                self.summary.count(&charge);
                return Ok(charges.write(&charge)?);
            }
        }
        unreachable!("every record has an outcome (law 1)")
    }
}

/// The end of the latest call of some records: the clock, unless one is given.
///
/// # Errors
/// [`OfflineFailure::Read`].
pub fn latest_end<R: Read>(lines: &mut Lines<R>) -> Result<Option<Timestamp>, OfflineFailure> {
    let mut latest = None;
    while let Some(record) = lines.next_record()? {
        if let Ok(cdr) = wire::cdr::decode(record) {
            latest = latest.max(Some(cdr.ended_at()));
        }
    }
    Ok(latest.map(|at| at.round(jiff::Unit::Millisecond).unwrap_or(at).max(at - SignedDuration::from_millis(1))))
}
