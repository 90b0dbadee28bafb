//! Taking a record of an output: which record of an input it is the outcome of, and whether it is the right one.

use super::accounts::Breach;
use super::window::{Place, Slot};
use super::{PriceList, Proof};
use crate::core::event::{Cause, Debit, Event, EventBody};
use crate::core::money::Money;
use crate::core::partition::PartitionId;
use crate::core::reason::Reason;
use crate::demo::sabotage::Copies;
use crate::demo::sent::{CommandOutcome, Copy, SentRecord, What};
use crate::demo::traffic::{World, call_id_of, call_number_of};
use crate::stream::memory::{MemoryRecord, Topic};
use crate::wire;
use crate::wire::alert::Alert;
use crate::wire::envelope::Kind;
use crate::wire::quarantine::{Duplicate, DuplicateOf, Entry, Quarantined};

/// What became of a record, or has to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome<'a> {
    Debit { amount: Money, prefix: Option<&'a str> },
    Duplicate,
    Quarantined(Reason),
}

impl Proof {
    /// Takes a record of one of the outputs.
    pub(super) fn take(&mut self, topic: Topic, partition: PartitionId, record: &MemoryRecord) {
        let bytes = record.value();
        let read = match topic {
            Topic::Ledger => wire::event::decode(bytes).map(|event| self.take_event(event)).map_err(|f| f.to_string()),
            Topic::Quarantine => {
                wire::quarantine::decode(bytes).map(|entry| self.take_entry(&entry)).map_err(|f| f.to_string())
            }
            Topic::Alerts => wire::alert::decode(bytes).map(|alert| self.take_alert(&alert)).map_err(|f| f.to_string()),
            Topic::Reroute => wire::envelope::decode(bytes)
                .map(|envelope| self.take_envelope(envelope.kind, envelope.source.partition, envelope.source.offset))
                .map_err(|rejected| rejected.detail),
            Topic::Cdrs | Topic::Commands | Topic::Catalog => Ok(()),
        };
        if let Err(detail) = read {
            self.faults.forms.add(|| format!("{}/{partition}/{}: {detail}", topic.name(), record.offset));
        }
    }

    fn take_event(&mut self, mut event: Event<'_>) {
        match self.saboteur.pass(&mut event) {
            Copies::None => {}
            Copies::One => self.fold(&event),
            Copies::Two => {
                self.fold(&event);
                self.fold(&event);
            }
        }
    }

    fn fold(&mut self, event: &Event<'_>) {
        for breach in self.accounts.fold(event, &mut self.tally.recharges) {
            match breach {
                Breach::Sequence(text) => self.faults.sequences.add(|| text),
                Breach::Money(text) => self.faults.money.add(|| text),
                Breach::Recharge(text) => self.faults.recharges.add(|| text),
            }
        }
        match &event.body {
            EventBody::CallDebited(debit) => self.take_debit(&event.tenant, debit),
            EventBody::TenantBlocked { .. } => self.tally.blocks += 1,
            EventBody::TenantUnblocked => self.tally.unblocks += 1,
            body => {
                if let (Some(_), Cause::Written(id)) = (body.command(), &event.cause) {
                    self.settle_command(id, CommandOutcome::Applied);
                }
            }
        }
    }

    fn take_debit(&mut self, tenant: &str, debit: &Debit<'_>) {
        let call_id = &*debit.call_id;
        let Some(number) = call_number_of(call_id, self.world.run) else {
            self.faults.outcomes.add(|| format!("call {call_id} of {tenant} is debited, and was never sent"));
            return;
        };
        self.tally.debited += 1;
        self.tally.paid += u64::from(!debit.amount.is_zero());
        self.tally.amount = self.tally.amount.checked_add(debit.amount).unwrap_or(self.tally.amount);
        let prefix = debit.priced_by.as_ref().and_then(|priced_by| priced_by.prefix.as_deref());
        self.settle(number, tenant, Outcome::Debit { amount: debit.amount, prefix });
    }

    fn take_entry(&mut self, entry: &Entry<'_>) {
        match entry {
            Entry::Quarantined(Quarantined { reason, source, detail, .. }) => {
                let number = self.window.number_at(source.partition, source.offset);
                let Some(number) = number.filter(|_| source.topic.ends_with(".cdrs")) else {
                    let text = || format!("{source} is quarantined as {reason} ({detail}), and nothing is open there");
                    return self.faults.outcomes.add(text);
                };
                let place = Reason::ALL.iter().position(|known| known == reason).expect("all reasons are listed");
                self.tally.quarantined[place] += 1;
                self.settle(number, "", Outcome::Quarantined(*reason));
            }
            Entry::Duplicate(Duplicate { tenant, of: DuplicateOf::Call { call_id, .. }, source }) => {
                let number = self.window.number_at(source.partition, source.offset);
                let Some(number) = number.filter(|_| source.topic.ends_with(".cdrs")) else {
                    let text = || format!("{source} is a duplicate of {call_id}, and nothing is open there");
                    return self.faults.outcomes.add(text);
                };
                self.tally.duplicates += 1;
                self.settle(number, tenant, Outcome::Duplicate);
            }
            Entry::Duplicate(Duplicate { of: DuplicateOf::Command { command_id, .. }, .. }) => {
                self.settle_command(command_id, CommandOutcome::Duplicate);
            }
        }
    }

    fn take_alert(&mut self, alert: &Alert<'_>) {
        match alert {
            Alert::Refused(refused) => {
                self.settle_command(&refused.command_id, CommandOutcome::Refused(refused.refusal));
            }
            // A copy: the ledger has it.
            Alert::Event(_) => {}
            Alert::Frozen(frozen) => {
                self.faults.sequences.add(|| format!("the account of {} is frozen: {}", frozen.tenant, frozen.detail));
            }
            Alert::Unmatched(unmatched) => {
                let id = &unmatched.recharge_id;
                self.faults.recharges.add(|| format!("{id} was settled for a tenant that has no account"));
            }
        }
    }

    fn take_envelope(&mut self, kind: Kind, partition: PartitionId, offset: i64) {
        if kind == Kind::Command {
            self.tally.commands_rerouted += 1;
            return;
        }
        self.tally.rerouted += 1;
        let fault = match self.window.number_at(partition, offset).map(|number| self.window.at(number)) {
            Some(Place::Here(slot)) if slot.sent.astray && !slot.rerouted => {
                slot.rerouted = true;
                None
            }
            Some(Place::Here(slot)) if slot.rerouted => Some("sent home twice"),
            Some(Place::Here(_)) => Some("sent on, and was at home"),
            Some(Place::Passed | Place::Unsent) | None => Some("sent home, and nothing is open there"),
        };
        if let Some(fault) = fault {
            self.faults.reroutes.add(|| format!("cdrs/{partition}/{offset} is {fault}"));
        }
        self.window.advance();
    }

    /// Gives a record its outcome: the first, and the right one.
    fn settle(&mut self, number: u64, tenant: &str, outcome: Outcome<'_>) {
        let run = self.world.run;
        let slot = match self.window.at(number) {
            Place::Here(slot) if !slot.settled => slot,
            Place::Here(_) | Place::Passed => {
                let id = call_id_of(number, run);
                return self.faults.outcomes.add(|| {
                    format!("call {id} of {tenant}: a second outcome, or one too late: {}", outcome.in_words())
                });
            }
            Place::Unsent => {
                let id = call_id_of(number, run);
                return self
                    .faults
                    .outcomes
                    .add(|| format!("call {id} of {tenant}: {}, and never sent", outcome.in_words()));
            }
        };
        slot.settled = true;
        self.tally.settled += 1;
        let sent = slot.sent;
        let expected = expected(&sent, &mut self.prices, &self.world);
        let whose = owner(&sent, &self.world);
        let is_whose = tenant.is_empty() || whose == tenant;
        if outcome != expected || !is_whose {
            let id = call_id_of(sent.call, run);
            let text = || {
                let (found, expected) = (outcome.in_words(), expected.in_words());
                let for_whom = if is_whose { String::new() } else { format!(" for {tenant}") };
                format!("call {id} of {whose} (record {number}): {found}{for_whom}, expected {expected}")
            };
            match (&outcome, &expected) {
                (Outcome::Debit { .. }, Outcome::Debit { .. }) => self.faults.prices.add(text),
                _ => self.faults.outcomes.add(text),
            }
        }
        self.window.advance();
    }

    /// A record has no outcome.
    pub(super) fn lost(&mut self, number: u64, slot: &Slot) {
        let (id, whose) = (call_id_of(slot.sent.call, self.world.run), owner(&slot.sent, &self.world));
        let expected = expected(&slot.sent, &mut self.prices, &self.world).in_words();
        if slot.settled {
            self.faults
                .reroutes
                .add(|| format!("call {id} of {whose} was sent astray, and never seen on its way home"));
        } else {
            let text = || format!("call {id} of {whose} (record {number}) has no outcome, expected {expected}");
            self.faults.outcomes.add(text);
        }
    }

    fn settle_command(&mut self, id: &str, outcome: CommandOutcome) {
        self.tally.commands_settled += 1;
        match outcome {
            CommandOutcome::Applied => self.tally.commands_applied += 1,
            CommandOutcome::Duplicate => self.tally.commands_duplicate += 1,
            CommandOutcome::Refused(_) => self.tally.commands_refused += 1,
        }
        let Some(open) = self.commands.get_mut(id) else {
            self.faults.commands.add(|| format!("command {id} is {outcome:?}, and nothing of it is open"));
            return;
        };
        match open.iter().position(|expected| *expected == outcome) {
            Some(place) => {
                open.swap_remove(place);
            }
            None => {
                let expected = open.clone();
                self.faults.commands.add(|| format!("command {id} is {outcome:?}, expected {expected:?}"));
                open.pop();
            }
        }
        if open.is_empty() {
            self.commands.remove(id);
        }
    }
}

/// What has to become of a record, by what was sent and the proof's own prices.
fn expected<'p>(sent: &SentRecord, prices: &'p mut PriceList, world: &World) -> Outcome<'p> {
    let first = match sent.what {
        What::Free => Outcome::Debit { amount: Money::ZERO, prefix: None },
        What::Unratable(reason) => Outcome::Quarantined(reason),
        What::Outbound { to, seconds } => match prices.price(&world.book, to, seconds) {
            Ok(price) => Outcome::Debit { amount: price.amount, prefix: price.prefix },
            Err(reason) => Outcome::Quarantined(reason),
        },
    };
    // Only a debit leaves an identity: what was put aside is put aside again.
    match (sent.copy, &first) {
        (Copy::Exact, Outcome::Debit { .. }) => Outcome::Duplicate,
        (Copy::Conflicting, Outcome::Debit { .. }) => Outcome::Quarantined(Reason::ConflictingDuplicate),
        _ => first,
    }
}

fn owner<'w>(sent: &SentRecord, world: &'w World) -> &'w str {
    let place = sent.tenant.and_then(|place| usize::try_from(place).ok());
    place.and_then(|place| world.tenants.get(place)).map_or("nobody", |tenant| &tenant.name)
}

impl Outcome<'_> {
    fn in_words(&self) -> String {
        match self {
            Outcome::Debit { amount, prefix: None } => format!("a debit of {amount}"),
            Outcome::Debit { amount, prefix: Some(prefix) } => format!("a debit of {amount} by prefix {prefix}"),
            Outcome::Duplicate => "a duplicate".to_owned(),
            Outcome::Quarantined(reason) => format!("quarantine as {reason}"),
        }
    }
}
