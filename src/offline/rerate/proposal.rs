//! One correction, as the command that asks for it.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_128;

use super::call::DebitedCall;
use crate::core::money::Money;

/// Bytes of a command besides its debits, at most: ids, a time, an amount and a reason.
const FRAME_BYTES_MAX: usize = 2 << 10;

/// A correction that is proposed.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Whose account.
    pub tenant: String,
    /// The identity of the command: the same for the same correction.
    pub command_id: String,
    /// Which call.
    pub call_id: String,
    /// Above zero it is given back, below it is taken.
    pub amount: Money,
    /// Why.
    pub reason: String,
    /// All debits of the call, as they are in the ledger.
    debits: Vec<Box<RawValue>>,
}

/// `balance.adjust`.
#[derive(Serialize)]
struct AdjustBalance<'a> {
    command_id: &'a str,
    tenant: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    amount: String,
    reason: &'a str,
    corrects: &'a str,
    debits: &'a [Box<RawValue>],
}

impl Proposal {
    /// What must be given `back` of a call that costs `before`, to price it by `deck` (`id@version`).
    pub(super) fn new(call: &DebitedCall, deck: &str, before: Money, back: Money, last_correction: u64) -> Proposal {
        Proposal {
            command_id: command_id(call, deck, before, last_correction),
            tenant: call.tenant.clone(),
            call_id: call.call_id.clone(),
            amount: back,
            reason: format!("re-rated by {deck}"),
            debits: call.debits.iter().map(|debit| debit.event.clone()).collect(),
        }
    }

    /// How long the command is, at most.
    pub(super) fn record_bytes(&self) -> usize {
        let debits: usize = self.debits.iter().map(|debit| debit.get().len() + 1).sum();
        debits + FRAME_BYTES_MAX
    }

    /// The command, asked for `at` by `actor`. Neither counts for its identity.
    pub fn command(&self, at: Timestamp, actor: Option<&str>) -> String {
        let command = AdjustBalance {
            command_id: &self.command_id,
            tenant: &self.tenant,
            kind: "balance.adjust",
            at: format!("{at:.3}"),
            actor,
            amount: self.amount.to_string(),
            reason: &self.reason,
            corrects: &self.call_id,
            debits: &self.debits,
        };
        serde_json::to_string(&command).expect("texts and JSON that was read")
    }
}

/// The last correction is part of it, besides the price: a call that came back to an old price by other corrections is not the call
/// that it was.
fn command_id(call: &DebitedCall, deck: &str, before: Money, last_correction: u64) -> String {
    let numbers = [call.first_seq(), last_correction].map(|number| number.to_string());
    let before = before.to_string();
    let mut bytes = Vec::new();
    for field in [&*call.tenant, &call.call_id, deck, &before, &numbers[0], &numbers[1]] {
        bytes.extend_from_slice(&u64::try_from(field.len()).expect("64 bits fit").to_le_bytes());
        bytes.extend_from_slice(field.as_bytes());
    }
    format!("rerate-{:032x}", xxh3_128(&bytes))
}
