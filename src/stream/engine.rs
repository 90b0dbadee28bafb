//! From one record to its outcome: decode, rate, debit, encode. All of the engine but the log.

#![expect(clippy::ptr_arg, reason = "a name that is borrowed from its record stays borrowed in the events")]

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use super::outputs::Outputs;
use super::transport::{Input, Output};
use crate::core::batch::View;
use crate::core::catalog::Catalog;
use crate::core::currency::Currency;
use crate::core::decide::{self, CallVerdict, Replay, Rules};
use crate::core::decide_command::{self, CommandVerdict, Refused};
use crate::core::event::{Cause, Event, EventBody};
use crate::core::partition::{PartitionId, home_partition};
use crate::core::rating::{self, Rejection};
use crate::core::reason::Reason;
use crate::internal_events::{AccountFrozen, LawViolated, SettlementUnmatched};
use crate::metrics::{BatchCounts, CdrOutcome, CommandOutcome, Law, Metrics, RechargeState};
use crate::wire;
use crate::wire::SourceRef;
use crate::wire::alert::{CommandOfFrozen, CommandRefused, UnmatchedSettlement};
use crate::wire::envelope::{Envelope, Kind};
use crate::wire::quarantine::{Duplicate, DuplicateOf, Entry, Kept, Quarantined};

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

/// Everything that one record may touch while it is taken.
struct Take<'t, 'v> {
    view: &'t mut View<'v>,
    outputs: &'t mut Outputs,
    counts: &'t mut BatchCounts,
    metrics: &'t Metrics,
    /// Where the record was read: the partition that is worked on.
    partition: PartitionId,
    /// Where it was first read, before any reroute.
    origin: SourceRef<'t>,
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
    pub fn take(
        &self,
        view: &mut View<'_>,
        source: &Source,
        record: &[u8],
        outputs: &mut Outputs,
        counts: &mut BatchCounts,
        metrics: &Metrics,
    ) {
        counts.add_read(source.input);
        let origin = SourceRef {
            topic: Cow::Borrowed(&*self.topics[source.input.index()]),
            partition: source.partition,
            offset: source.offset,
            timestamp: source.at,
        };
        let mut take = Take { view, outputs, counts, metrics, partition: source.partition, origin };
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

    /// A CDR: decode, rate, debit, encode.
    fn call(&self, take: &mut Take<'_, '_>, record: &[u8], envelope: Option<&Envelope<'_>>) {
        let outcome = match wire::cdr::decode(record) {
            Err(rejected) => take.reject(&Rejection::new(rejected.reason, rejected.detail), record),
            Ok(cdr) => match self.way_home(take, &cdr.tenant, envelope.is_some()) {
                Way::Frozen(rejection) | Way::Misrouted(rejection) => {
                    // What this release does not rate comes first among the reasons (R8).
                    let rejection = rating::beyond_this_release(&cdr).err().unwrap_or(rejection);
                    take.reject(&rejection, record)
                }
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
        if let Err(rejection) = take.happen(tenant, &cause, [body]) {
            return take.reject(&rejection, record);
        }
        take.counts.free_calls += u64::from(free_call);
        if let Some(currency) = take.follow(tenant, &cause) {
            take.counts.add_debited(currency, amount);
        }
        CdrOutcome::Debited
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
        if let Err(rejection) = take.happen(tenant, &cause, bodies) {
            return take.frozen(tenant, &cause.to_string(), &rejection, record);
        }
        take.follow(tenant, &cause);
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

impl Take<'_, '_> {
    /// Makes the bodies the tenant's next events, and publishes them.
    ///
    /// An event that does not continue the account breaks a law: the account is frozen, and the record is set aside if none
    /// of its events has happened.
    fn happen<'a>(
        &mut self,
        tenant: &Cow<'a, str>,
        cause: &Cause<'a>,
        bodies: impl IntoIterator<Item = EventBody<'a>>,
    ) -> Result<(), Rejection> {
        let mut first = true;
        for body in bodies {
            match self.view.happen(tenant, cause, body) {
                Ok(event) => self.publish(&event),
                Err(broken) => {
                    let detail = format!("event of {cause}: {broken}");
                    LawViolated { law: Law::of(&broken), partition: self.partition, detail: &detail }
                        .emit(self.metrics);
                    AccountFrozen { tenant, partition: self.partition, detail: &detail }.emit(self.metrics);
                    self.view.freeze(tenant, detail.clone());
                    return if first { Err(Rejection::new(Reason::AccountFrozen, detail)) } else { Ok(()) };
                }
            }
            first = false;
        }
        Ok(())
    }

    /// What follows from the state that the events of `cause` left; answers with the account's currency.
    fn follow<'a>(&mut self, tenant: &Cow<'a, str>, cause: &Cause<'a>) -> Option<Currency> {
        let now = self.view.clock();
        let account = self.view.account(tenant)?;
        let currency = account.settings.currency;
        let bodies: Vec<EventBody<'a>> = decide::consequences(account, now);
        if !bodies.is_empty() {
            // A broken consequence freezes the account; the cause has happened all the same.
            let _frozen = self.happen(tenant, cause, bodies);
        }
        Some(currency)
    }

    fn publish(&mut self, event: &Event<'_>) {
        count(self.counts, &event.body);
        let is_alert = event.body.is_alert();
        let value = self.outputs.push(Output::Ledger, self.partition, &event.tenant, |into| {
            wire::event::encode(event, into);
        });
        if is_alert {
            let copy = value.to_vec();
            self.outputs.push(Output::Alerts, self.partition, &event.tenant, |into| into.extend_from_slice(&copy));
        }
        if let EventBody::SettlementUnmatched { recharge_id, .. } = &event.body {
            SettlementUnmatched { tenant: &event.tenant, recharge_id }.emit(self.metrics);
        }
    }

    fn reject(&mut self, rejection: &Rejection, record: &[u8]) -> CdrOutcome {
        self.quarantine(rejection.reason, &rejection.detail, record);
        CdrOutcome::Quarantined(rejection.reason)
    }

    /// A command for a frozen account: it may be money, so somebody is told besides.
    fn frozen(&mut self, tenant: &str, command_id: &str, why: &Rejection, record: &[u8]) -> CommandOutcome {
        let alert = CommandOfFrozen {
            tenant: Cow::Borrowed(tenant),
            command_id: Cow::Borrowed(command_id),
            time: self.view.clock(),
            detail: Cow::Borrowed(&why.detail),
        };
        self.outputs.push(Output::Alerts, self.partition, tenant, |into| wire::alert::encode_frozen(&alert, into));
        self.refuse_unread(why, record)
    }

    fn refuse_unread(&mut self, rejection: &Rejection, record: &[u8]) -> CommandOutcome {
        self.quarantine(rejection.reason, &rejection.detail, record);
        CommandOutcome::Quarantined(rejection.reason)
    }

    fn quarantine(&mut self, reason: Reason, detail: &str, record: &[u8]) {
        let source = self.origin.clone();
        let entry = Quarantined { reason, detail: Cow::Borrowed(detail), source, record: Kept::of(record) };
        self.outputs.push(Output::Quarantine, self.partition, "", |into| {
            wire::quarantine::encode(&Entry::Quarantined(entry), into);
        });
    }

    fn duplicate(&mut self, tenant: &str, of: DuplicateOf<'_>) {
        let entry = Duplicate { tenant: Cow::Borrowed(tenant), of, source: self.origin.clone() };
        self.outputs.push(Output::Quarantine, self.partition, tenant, |into| {
            wire::quarantine::encode(&Entry::Duplicate(entry), into);
        });
    }

    fn reroute(&mut self, home: PartitionId, tenant: &str, kind: Kind, record: &[u8]) {
        let envelope =
            Envelope { kind, record: Cow::Borrowed(record), source: self.origin.clone(), replay: Replay::default() };
        self.outputs.push(Output::Reroute, home, tenant, |into| wire::envelope::encode(&envelope, into));
    }
}

fn count(counts: &mut BatchCounts, body: &EventBody<'_>) {
    match body {
        EventBody::RechargeRequested { .. } => counts.add_recharge(RechargeState::Requested),
        EventBody::RechargeSucceeded { .. } => counts.add_recharge(RechargeState::Succeeded),
        EventBody::RechargeFailed { .. } => counts.add_recharge(RechargeState::Failed),
        EventBody::RechargeSuspended { .. } => counts.add_recharge(RechargeState::Suspended),
        EventBody::RechargeCapped { .. } => counts.add_recharge(RechargeState::Capped),
        EventBody::SettlementUnmatched { .. } => counts.add_recharge(RechargeState::Unmatched),
        EventBody::TenantBlocked { .. } => counts.blocks += 1,
        EventBody::TenantUnblocked => counts.unblocks += 1,
        EventBody::TenantOpened { .. }
        | EventBody::TenantUpdated { .. }
        | EventBody::TenantClosed { .. }
        | EventBody::FundsAdded { .. }
        | EventBody::FundsExpired { .. }
        | EventBody::RechargeConfigured { .. }
        | EventBody::CallDebited(_) => {}
    }
}
