//! What becomes of one record or piece of due work: its events, and where they are written.

use std::borrow::Cow;

use super::Sink;
use crate::core::batch::View;
use crate::core::catalog::Catalog;
use crate::core::currency::Currency;
use crate::core::decide::{self, Replay, Stood};
use crate::core::due::DueKind;
use crate::core::event::{Cause, Event, EventBody};
use crate::core::partition::PartitionId;
use crate::core::rating::Rejection;
use crate::core::reason::Reason;
use crate::internal_events::{AccountFrozen, LawViolated, SettlementUnmatched};
use crate::metrics::{AccountEvent, BatchCounts, CdrOutcome, CommandOutcome, Law, Metrics, RechargeState};
use crate::stream::outputs::Outputs;
use crate::stream::transport::Output;
use crate::wire;
use crate::wire::SourceRef;
use crate::wire::alert::CommandOfFrozen;
use crate::wire::envelope::{Envelope, Kind};
use crate::wire::quarantine::{Duplicate, DuplicateOf, Entry, Kept, Quarantined};

/// Everything that one record may touch while it is taken.
pub(super) struct Take<'t, 'v> {
    pub(super) view: &'t mut View<'v>,
    pub(super) outputs: &'t mut Outputs,
    pub(super) counts: &'t mut BatchCounts,
    pub(super) metrics: &'t Metrics,
    /// Where the record was read: the partition that is worked on.
    pub(super) partition: PartitionId,
    /// Where it was first read, before any reroute.
    pub(super) origin: SourceRef<'t>,
    /// Something has happened that can make the account due earlier.
    pub(super) is_to_arm: bool,
}

impl<'t, 'v> Take<'t, 'v> {
    pub(super) fn new(
        view: &'t mut View<'v>,
        sink: Sink<'t>,
        partition: PartitionId,
        origin: SourceRef<'t>,
    ) -> Take<'t, 'v> {
        let Sink { outputs, counts, metrics } = sink;
        Take { view, outputs, counts, metrics, partition, origin, is_to_arm: false }
    }

    /// Makes the bodies the tenant's next events, and publishes them.
    ///
    /// An event that does not continue the account breaks a law: the account is frozen, and the record is set aside if none
    /// of its events has happened.
    pub(super) fn happen<'a>(
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

    /// What follows from the state that the events of `cause` left; answers with the account's currency. `due`: the work that
    /// was the cause.
    pub(super) fn follow<'a>(
        &mut self,
        catalog: &Catalog,
        stood: Stood,
        tenant: &Cow<'a, str>,
        cause: &Cause<'a>,
        due: Option<DueKind>,
    ) -> Option<Currency> {
        let now = self.view.clock();
        let account = self.view.account(tenant)?;
        let currency = account.settings.currency;
        let bodies: Vec<EventBody<'a>> = decide::consequences(stood, account, catalog, now, due).into_iter().collect();
        if !bodies.is_empty() {
            // A broken consequence freezes the account; the cause has happened all the same.
            let _frozen = self.happen(tenant, cause, bodies);
        }
        Some(currency)
    }

    pub(super) fn publish(&mut self, event: &Event<'_>) {
        count(self.counts, &event.body);
        // A debit alone makes nothing due earlier.
        self.is_to_arm |= !matches!(event.body, EventBody::CallDebited(_));
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

    pub(super) fn reject(&mut self, rejection: &Rejection, record: &[u8]) -> CdrOutcome {
        self.quarantine(rejection.reason, &rejection.detail, record);
        CdrOutcome::Quarantined(rejection.reason)
    }

    /// A command for a frozen account: it may be money, so somebody is told besides.
    pub(super) fn frozen(&mut self, tenant: &str, command_id: &str, why: &Rejection, record: &[u8]) -> CommandOutcome {
        let alert = CommandOfFrozen {
            tenant: Cow::Borrowed(tenant),
            command_id: Cow::Borrowed(command_id),
            time: self.view.clock(),
            detail: Cow::Borrowed(&why.detail),
        };
        self.outputs.push(Output::Alerts, self.partition, tenant, |into| wire::alert::encode_frozen(&alert, into));
        self.refuse_unread(why, record)
    }

    pub(super) fn refuse_unread(&mut self, rejection: &Rejection, record: &[u8]) -> CommandOutcome {
        self.quarantine(rejection.reason, &rejection.detail, record);
        CommandOutcome::Quarantined(rejection.reason)
    }

    pub(super) fn quarantine(&mut self, reason: Reason, detail: &str, record: &[u8]) {
        let source = self.origin.clone();
        let entry = Quarantined { reason, detail: Cow::Borrowed(detail), source, record: Kept::of(record) };
        self.outputs.push(Output::Quarantine, self.partition, "", |into| {
            wire::quarantine::encode(&Entry::Quarantined(entry), into);
        });
    }

    pub(super) fn duplicate(&mut self, tenant: &str, of: DuplicateOf<'_>) {
        let entry = Duplicate { tenant: Cow::Borrowed(tenant), of, source: self.origin.clone() };
        self.outputs.push(Output::Quarantine, self.partition, tenant, |into| {
            wire::quarantine::encode(&Entry::Duplicate(entry), into);
        });
    }

    pub(super) fn reroute(&mut self, home: PartitionId, tenant: &str, kind: Kind, record: &[u8]) {
        let envelope =
            Envelope { kind, record: Cow::Borrowed(record), source: self.origin.clone(), replay: Replay::default() };
        self.outputs.push(Output::Reroute, home, tenant, |into| wire::envelope::encode(&envelope, into));
    }
}

fn count(counts: &mut BatchCounts, body: &EventBody<'_>) {
    if let Some(event) = AccountEvent::of(body) {
        counts.add_account_event(event);
    }
    match body {
        EventBody::RechargeRequested { .. } => counts.add_recharge(RechargeState::Requested),
        EventBody::RechargeSucceeded { .. } => counts.add_recharge(RechargeState::Succeeded),
        EventBody::RechargeFailed { .. } => counts.add_recharge(RechargeState::Failed),
        EventBody::RechargeSuspended { .. } => counts.add_recharge(RechargeState::Suspended),
        EventBody::RechargeCapped { .. } => counts.add_recharge(RechargeState::Capped),
        EventBody::SettlementUnmatched { .. } => counts.add_recharge(RechargeState::Unmatched),
        EventBody::RechargeStatusRequested { .. } => counts.add_recharge(RechargeState::StatusRequested),
        EventBody::RechargeUnresolved { .. } => counts.add_recharge(RechargeState::Unresolved),
        EventBody::TenantBlocked(_) => counts.blocks += 1,
        EventBody::TenantUnblocked => counts.unblocks += 1,
        EventBody::TenantOpened { .. }
        | EventBody::TenantUpdated { .. }
        | EventBody::TenantClosed { .. }
        | EventBody::LicencesSet { .. }
        | EventBody::UserLimitSet { .. }
        | EventBody::UserBlocked { .. }
        | EventBody::UserUnblocked { .. }
        | EventBody::FundsAdded { .. }
        | EventBody::FundsExpiring { .. }
        | EventBody::FundsExpired { .. }
        | EventBody::BalanceAdjusted(_)
        | EventBody::CallVoided(_)
        | EventBody::BalanceLow { .. }
        | EventBody::BalanceReachedZero { .. }
        | EventBody::PoolThresholdReached { .. }
        | EventBody::RechargeConfigured { .. }
        | EventBody::CallDebited(_) => {}
    }
}
