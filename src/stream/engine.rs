//! From one record to its outcome: decode, rate, debit, encode; and what is due at a time of its own. All of the engine but the
//! log.

#![expect(clippy::ptr_arg, reason = "a name that is borrowed from its record stays borrowed in the events")]

mod take;

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use super::outputs::Outputs;
use super::transport::{Input, Output};
use crate::core::batch::View;
use crate::core::catalog::Catalog;
use crate::core::decide::{self, CallVerdict, Rules, Stood};
use crate::core::decide_command::{self, CommandVerdict, Refused};
use crate::core::decide_due;
use crate::core::due::{Done, DueKey};
use crate::core::event::{Cause, EventBody};
use crate::core::partition::{PartitionId, home_partition};
use crate::core::rating::Rejection;
use crate::core::reason::Reason;
use crate::internal_events::SettlementUnmatched;
use crate::metrics::{BatchCounts, CdrOutcome, CommandOutcome, Metrics, RechargeState};
use crate::wire;
use crate::wire::SourceRef;
use crate::wire::alert::{CommandRefused, UnmatchedSettlement};
use crate::wire::envelope::{Envelope, Kind};
use crate::wire::quarantine::DuplicateOf;
use take::Take;

/// What turns records into events: the same for every worker of a process.
#[derive(Clone, Debug)]
pub struct Engine {
    catalog: Arc<Catalog>,
    rules: Rules,
    partitions: u32,
    topics: [Arc<str>; 3],
}

/// Where a record was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Which input.
    pub input: Input,
    /// Which partition of it.
    pub partition: PartitionId,
    /// Its offset.
    pub offset: i64,
    /// The broker's time.
    pub at: Timestamp,
}

/// Where what is done goes: records, and what is counted of them.
#[expect(missing_debug_implementations, reason = "metrics have none")]
pub struct Sink<'s> {
    /// Records to be published.
    pub outputs: &'s mut Outputs,
    /// What was done.
    pub counts: &'s mut BatchCounts,
    /// For what is told at once.
    pub metrics: &'s Metrics,
}

impl Sink<'_> {
    /// The same sink for a while.
    pub fn reborrow(&mut self) -> Sink<'_> {
        Sink { outputs: self.outputs, counts: self.counts, metrics: self.metrics }
    }
}

impl Engine {
    /// An engine for topics of `partitions` partitions whose names begin with `prefix`.
    pub fn new(catalog: Arc<Catalog>, rules: Rules, partitions: u32, prefix: &str) -> Engine {
        let topics = Input::ALL.map(|input| format!("{prefix}.{}", input.name()).into());
        Engine { catalog, rules, partitions, topics }
    }

    /// What prices the calls that it takes.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Prices by another catalog from here on. Between two transactions, never in one (law 6).
    pub fn set_catalog(&mut self, catalog: Arc<Catalog>) {
        self.catalog = catalog;
    }

    /// What it is configured to.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// How many partitions a tenant can be at home in.
    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    /// Gives a record its one outcome (law 1): nothing that can be in it fails or panics.
    ///
    /// All that is due by the record's time must have been done before: see [`Self::take_due`].
    pub fn take(&self, view: &mut View<'_>, source: &Source, record: &[u8], sink: Sink<'_>) {
        sink.counts.add_read(source.input);
        let origin = SourceRef {
            topic: Cow::Borrowed(&*self.topics[source.input.index()]),
            partition: source.partition,
            offset: source.offset,
            timestamp: source.at,
        };
        let mut take = Take::new(view, sink, source.partition, origin);
        match source.input {
            Input::Cdrs => self.call(&mut take, record, None),
            Input::Commands => self.command(&mut take, record, None),
            Input::Reroute => match wire::envelope::decode(record) {
                Ok(envelope) => {
                    take.origin = envelope.source.clone();
                    match envelope.kind {
                        Kind::Cdr => self.call(&mut take, &envelope.record, Some(&envelope)),
                        Kind::Command => self.command(&mut take, &envelope.record, Some(&envelope)),
                    }
                }
                Err(rejected) => {
                    let outcome = CdrOutcome::Quarantined(rejected.reason);
                    take.quarantine(rejected.reason, &rejected.detail, record);
                    take.counts.add_cdr(outcome);
                }
            },
        }
    }

    /// Does the first piece of work that is due by `until`, at its own time: the clock steps to it (F14). Answers whether
    /// there was one.
    pub fn take_due(&self, view: &mut View<'_>, partition: PartitionId, until: Timestamp, sink: Sink<'_>) -> bool {
        if view.first_due().is_none_or(|first| first.at > until) {
            return false;
        }
        let Some(DueKey { at, kind, tenant }) = view.take_due() else { return false };
        let tenant: Cow<'static, str> = Cow::Owned(tenant.as_str().to_owned());
        if view.frozen(&tenant).is_some() {
            return true;
        }
        let Some(account) = view.account(&tenant).cloned() else { return true };
        let pieces = decide_due::pieces(&account, &self.rules, kind, at);
        if !pieces.is_empty() {
            view.advance_clock(whole_millis_up(at));
            sink.counts.add_due_work(kind);
        }
        let origin = SourceRef { topic: Cow::Borrowed("due"), partition, offset: 0, timestamp: at };
        let mut take = Take::new(view, sink, partition, origin);
        for (cause, body) in pieces {
            let stood = Stood::of(take.view.account(&tenant).map(AsRef::as_ref));
            if take.happen(&tenant, &cause, body).is_err() {
                return true;
            }
            take.follow(&self.catalog, stood, &tenant, &cause, Some(kind));
        }
        if take.view.frozen(&tenant).is_none() {
            take.view.arm(&tenant, &self.rules.warning_days, Done { at, up_to: Some(kind) });
        }
        true
    }

    /// A CDR: decode, rate, debit, encode.
    fn call(&self, take: &mut Take<'_, '_>, record: &[u8], envelope: Option<&Envelope<'_>>) {
        let outcome = match wire::cdr::decode(record) {
            Err(rejected) => take.reject(&Rejection::new(rejected.reason, rejected.detail), record),
            Ok(cdr) => match self.way_home(take, &cdr.tenant, envelope.is_some()) {
                Way::Frozen(rejection) | Way::Misrouted(rejection) => take.reject(&rejection, record),
                Way::Elsewhere(home) => {
                    take.reroute(home, &cdr.tenant, Kind::Cdr, record);
                    CdrOutcome::Rerouted
                }
                Way::Here => {
                    let replay = envelope.map(|envelope| envelope.replay.clone()).unwrap_or_default();
                    let (tenant, call_id) = (cdr.tenant.clone(), cdr.call_id.clone());
                    match decide::call(take.view, &self.catalog, &self.rules, cdr, replay) {
                        CallVerdict::Debit(body) => self.debit(take, &tenant, body, record),
                        CallVerdict::Rejected(rejection) => take.reject(&rejection, record),
                        CallVerdict::Duplicate { part } => {
                            take.duplicate(&tenant, DuplicateOf::Call { call_id, part });
                            CdrOutcome::Duplicate
                        }
                    }
                }
            },
        };
        take.counts.add_cdr(outcome);
    }

    /// A command: decode, decide, encode.
    fn command(&self, take: &mut Take<'_, '_>, record: &[u8], envelope: Option<&Envelope<'_>>) {
        let outcome = match wire::command::decode(record) {
            Err(rejected) => take.refuse_unread(&Rejection::new(rejected.reason, rejected.detail), record),
            Ok(command) => match self.way_home(take, &command.tenant, envelope.is_some()) {
                Way::Frozen(rejection) => take.frozen(&command.tenant, &command.command_id, &rejection, record),
                Way::Misrouted(rejection) => take.refuse_unread(&rejection, record),
                Way::Elsewhere(home) => {
                    take.reroute(home, &command.tenant, Kind::Command, record);
                    CommandOutcome::Rerouted
                }
                Way::Here => {
                    let (tenant, command_id) = (command.tenant.clone(), command.command_id.clone());
                    match decide_command::command(take.view, &self.catalog, &self.rules, command) {
                        CommandVerdict::Apply(bodies) => self.apply(take, &tenant, command_id, bodies, record),
                        CommandVerdict::Duplicate { first } => {
                            take.duplicate(&tenant, DuplicateOf::Command { command_id, first });
                            CommandOutcome::Duplicate
                        }
                        CommandVerdict::Refused(refused) => self.refuse(take, &tenant, command_id, refused),
                    }
                }
            },
        };
        take.counts.add_command(outcome);
    }

    /// Whether a record of this tenant is to be decided here.
    fn way_home(&self, take: &Take<'_, '_>, tenant: &str, rerouted: bool) -> Way {
        let home = home_partition(tenant, self.partitions);
        if home != take.partition && rerouted {
            let detail = format!("tenant {tenant} is at home in partition {home}, and one hop is all there is");
            return Way::Misrouted(Rejection::new(Reason::Misrouted, detail));
        }
        if home != take.partition {
            return Way::Elsewhere(home);
        }
        match take.view.frozen(tenant) {
            Some(why) => Way::Frozen(Rejection::new(Reason::AccountFrozen, &*why)),
            None => Way::Here,
        }
    }

    fn debit<'a>(
        &self,
        take: &mut Take<'_, '_>,
        tenant: &Cow<'a, str>,
        body: EventBody<'a>,
        record: &[u8],
    ) -> CdrOutcome {
        let EventBody::CallDebited(debit) = &body else { unreachable!("a call is debited") };
        let (amount, free_call) = (debit.amount, debit.free_call);
        let cause = Cause::Call { call_id: debit.call_id.clone(), part: debit.part };
        // Most calls have neither a pool nor a limit; then nothing of the debit is needed behind it.
        let told = (debit.pool.is_some() || debit.spent.is_some()).then(|| debit.clone());
        let stood = Stood::of(take.view.account(tenant).map(AsRef::as_ref));
        if let Err(rejection) = take.happen(tenant, &cause, [body]) {
            return take.reject(&rejection, record);
        }
        if let (Some(debit), Some(account)) = (told, take.view.account(tenant).cloned()) {
            let notices = decide::notices_of_debit(take.view, &account, &debit);
            let _frozen = take.happen(tenant, &cause, notices);
        }
        take.counts.free_calls += u64::from(free_call);
        if let Some(currency) = take.follow(&self.catalog, stood, tenant, &cause, None) {
            take.counts.add_debited(currency, amount);
        }
        self.arm(take, tenant);
        CdrOutcome::Debited
    }

    /// Queues what the account is due for, if something has happened that could make it earlier.
    fn arm(&self, take: &mut Take<'_, '_>, tenant: &str) {
        if take.is_to_arm {
            let done = Done::all_at(take.view.clock());
            take.view.arm(tenant, &self.rules.warning_days, done);
        }
    }

    fn apply<'a>(
        &self,
        take: &mut Take<'_, '_>,
        tenant: &Cow<'a, str>,
        command_id: Cow<'a, str>,
        bodies: impl IntoIterator<Item = EventBody<'a>>,
        record: &[u8],
    ) -> CommandOutcome {
        let cause = Cause::Written(command_id);
        let stood = Stood::of(take.view.account(tenant).map(AsRef::as_ref));
        if let Err(rejection) = take.happen(tenant, &cause, bodies) {
            return take.frozen(tenant, &cause.to_string(), &rejection, record);
        }
        take.follow(&self.catalog, stood, tenant, &cause, None);
        self.arm(take, tenant);
        CommandOutcome::Applied
    }

    /// Answers a refused command on `alerts`; a settlement that nothing waits for is an alert of its own besides.
    fn refuse<'a>(
        &self,
        take: &mut Take<'_, '_>,
        tenant: &Cow<'a, str>,
        command_id: Cow<'a, str>,
        refused: Refused<'a>,
    ) -> CommandOutcome {
        let Refused { refusal, detail, unmatched } = refused;
        let time = take.view.clock();
        let answer = CommandRefused {
            tenant: tenant.clone(),
            command_id: command_id.clone(),
            time,
            refusal,
            detail: detail.into(),
        };
        take.outputs.push(Output::Alerts, take.partition, tenant, |into| {
            wire::alert::encode_refused(&answer, into);
        });
        match unmatched.map(|body| *body) {
            Some(body) if take.view.account(tenant).is_some() => {
                // The account cannot be left between two events by it: it has one body alone.
                let _frozen = take.happen(tenant, &Cause::Written(command_id), [body]);
            }
            Some(EventBody::SettlementUnmatched { recharge_id, payment_reference, .. }) => {
                SettlementUnmatched { tenant, recharge_id: &recharge_id }.emit(take.metrics);
                take.counts.add_recharge(RechargeState::Unmatched);
                let tenant = tenant.clone();
                let alert = UnmatchedSettlement { tenant, command_id, time, recharge_id, payment_reference };
                take.outputs.push(Output::Alerts, take.partition, &alert.tenant, |into| {
                    wire::alert::encode_unmatched(&alert, into);
                });
            }
            Some(_) | None => {}
        }
        CommandOutcome::Refused(refusal)
    }
}

/// Where a record is to be decided.
enum Way {
    /// Here.
    Here,
    /// By the owner of this partition.
    Elsewhere(PartitionId),
    /// It was sent on once and is still not at home.
    Misrouted(Rejection),
    /// Here, but by nobody before an operator has looked.
    Frozen(Rejection),
}

/// Events are written in whole milliseconds; a fraction counts up.
fn whole_millis_up(at: Timestamp) -> Timestamp {
    let whole = Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
    let next = || Timestamp::from_millisecond(at.as_millisecond() + 1).unwrap_or(Timestamp::MAX);
    if whole < at { next() } else { whole }
}
