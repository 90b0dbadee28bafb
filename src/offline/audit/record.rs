//! One event as plain JSON: what the audit reads of it by itself. Fields that the laws do not need are passed over.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Breach, Law};
use crate::core::tenant::TenantId;
use crate::offline::figure::Figure;

const TYPE_PREFIX: &str = "tollkeeper.";
const TYPE_SUFFIX: &str = ".v1";

/// An event of some tenant.
#[derive(Debug)]
pub(super) struct Record<'a> {
    id: Cow<'a, str>,
    tenant_len: usize,
    seq: u64,
    type_name: Option<Text<'a>>,
    time: Option<Text<'a>>,
    data: Data<'a>,
}

/// Why a record is no event.
#[derive(Debug)]
pub(super) struct NoEvent {
    /// Its id, where that is one.
    pub(super) id: Option<String>,
    pub(super) detail: String,
}

/// A text without escapes is that of the record.
#[derive(Debug, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(expecting = "an event")]
struct Frame<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, rename = "type")]
    type_name: Option<Text<'a>>,
    #[serde(borrow)]
    time: Option<Text<'a>>,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
struct Data<'a> {
    #[serde(borrow)]
    cause: Option<Text<'a>>,
    #[serde(borrow)]
    balance: Option<Text<'a>>,
    #[serde(borrow)]
    body_hash: Option<Text<'a>>,
    #[serde(borrow)]
    currency: Option<Text<'a>>,
    #[serde(borrow)]
    call_id: Option<Text<'a>>,
    part: Option<u32>,
    #[serde(rename = "final")]
    is_final: Option<bool>,
    release: Option<bool>,
    #[serde(borrow)]
    amount: Option<Text<'a>>,
    #[serde(borrow, default)]
    lines: Vec<Share<'a>>,
    #[serde(borrow, default)]
    lots: Vec<Share<'a>>,
    #[serde(borrow)]
    debt: Option<Text<'a>>,
    #[serde(borrow)]
    debt_repaid: Option<Text<'a>>,
    #[serde(borrow)]
    lot: Option<Text<'a>>,
    #[serde(borrow)]
    lot_amount: Option<Text<'a>>,
    #[serde(borrow)]
    recharge_id: Option<Text<'a>>,
    #[serde(borrow)]
    payment_reference: Option<Text<'a>>,
    #[serde(borrow)]
    corrects: Option<Text<'a>>,
    #[serde(borrow)]
    corrected: Option<Text<'a>>,
    #[serde(default)]
    debits: Vec<u64>,
}

/// A line, or what moved of a lot.
#[derive(Debug, Deserialize)]
struct Share<'a> {
    #[serde(borrow)]
    lot: Option<Text<'a>>,
    #[serde(borrow)]
    amount: Option<Text<'a>>,
}

impl<'a> Record<'a> {
    /// Reads an event.
    ///
    /// # Errors
    /// In words, why it is none, and whose it would be if that can be told.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Record<'a>, NoEvent> {
        let no_event = |detail: String| NoEvent { id: id_of(bytes), detail };
        let frame: Frame<'a> = serde_json::from_slice(bytes).map_err(|fault| no_event(in_words(&fault)))?;
        let Text(id) = frame.id;
        let Some((tenant_len, seq)) = parse_id(&id) else { return Err(no_event("id: not tenant/seq".to_owned())) };
        let data =
            serde_json::from_str(frame.data.get()).map_err(|fault| no_event(format!("data: {}", in_words(&fault))))?;
        Ok(Record { id, tenant_len, seq, type_name: frame.type_name, time: frame.time, data })
    }

    /// `<tenant>/<seq>`.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn tenant(&self) -> &str {
        &self.id[..self.tenant_len]
    }

    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    /// The type without prefix and version; empty where it is none of ours, which the decoder then says.
    pub(super) fn kind(&self) -> &str {
        let name = self.type_name.as_ref().map(|Text(name)| &**name);
        name.and_then(|name| name.strip_prefix(TYPE_PREFIX)?.strip_suffix(TYPE_SUFFIX)).unwrap_or_default()
    }

    pub(super) fn time(&self) -> Result<Timestamp, Breach> {
        let time = self.time.as_ref().and_then(|Text(time)| time.parse().ok());
        time.ok_or_else(|| Breach::new(Law::Form, "time: not a time"))
    }

    pub(super) fn cause(&self) -> Result<&str, Breach> {
        required(&self.data.cause, "cause")
    }

    /// It is the first effect of a command.
    pub(super) fn is_of_command(&self) -> bool {
        self.data.body_hash.is_some()
    }

    pub(super) fn currency(&self) -> Result<&str, Breach> {
        required(&self.data.currency, "currency")
    }

    pub(super) fn call_id(&self) -> Result<&str, Breach> {
        required(&self.data.call_id, "call_id")
    }

    pub(super) fn part(&self) -> u32 {
        self.data.part.unwrap_or(0)
    }

    pub(super) fn is_final(&self) -> bool {
        self.data.is_final.unwrap_or(true)
    }

    pub(super) fn releases_identity(&self) -> bool {
        self.data.release == Some(true)
    }

    pub(super) fn recharge_id(&self) -> Result<&str, Breach> {
        required(&self.data.recharge_id, "recharge_id")
    }

    pub(super) fn payment_reference(&self) -> Option<&str> {
        self.data.payment_reference.as_ref().map(|Text(reference)| &**reference)
    }

    /// The call that it corrects, with the number of its first debit.
    pub(super) fn corrects(&self) -> Option<(&str, u64)> {
        let call_id = self.data.corrects.as_ref().or(self.data.call_id.as_ref());
        call_id.map(|Text(call_id)| &**call_id).zip(self.data.debits.first().copied())
    }

    /// What was corrected of the call so far.
    pub(super) fn corrected(&self) -> Result<Figure, Breach> {
        amount(&self.data.corrected, "corrected")
    }

    /// The lot that it makes or ends, as it is written.
    pub(super) fn lot(&self) -> Option<&str> {
        self.data.lot.as_ref().map(|Text(lot)| &**lot)
    }

    pub(super) fn balance(&self) -> Result<Figure, Breach> {
        amount(&self.data.balance, "balance")
    }

    pub(super) fn amount(&self) -> Result<Figure, Breach> {
        amount(&self.data.amount, "amount")
    }

    pub(super) fn debt(&self) -> Result<Figure, Breach> {
        amount_or_zero(&self.data.debt, "debt")
    }

    pub(super) fn debt_repaid(&self) -> Result<Figure, Breach> {
        amount_or_zero(&self.data.debt_repaid, "debt_repaid")
    }

    pub(super) fn lot_amount(&self) -> Result<Figure, Breach> {
        amount_or_zero(&self.data.lot_amount, "lot_amount")
    }

    pub(super) fn sum_of_lines(&self) -> Result<Figure, Breach> {
        self.data.lines.iter().map(|line| amount(&line.amount, "lines")).sum()
    }

    /// What moved of which lots, each by the number of the event that made it.
    pub(super) fn lots(&self) -> impl Iterator<Item = Result<(u64, Figure), Breach>> {
        self.data.lots.iter().map(|share| {
            let lot =
                read_lot(required(&share.lot, "lots")?).ok_or_else(|| Breach::new(Law::Form, "lots: not a lot"))?;
            Ok((lot, amount(&share.amount, "lots")?))
        })
    }
}

/// Where a field is wrong the column says nothing: a record is one line.
fn in_words(fault: &serde_json::Error) -> String {
    let said = fault.to_string();
    match said.rsplit_once(" at line ") {
        Some((what, _)) if fault.is_data() => what.to_owned(),
        _ => said,
    }
}

/// The length of the tenant's name, and the number.
fn parse_id(id: &str) -> Option<(usize, u64)> {
    let (tenant, seq) = id.split_once('/')?;
    let number: u64 = seq.parse().ok()?;
    (TenantId::is_valid(tenant) && number.to_string() == seq).then_some((tenant.len(), number))
}

/// The id of what is JSON, but not an event.
fn id_of(bytes: &[u8]) -> Option<String> {
    let json: Value = serde_json::from_slice(bytes).ok()?;
    json["id"].as_str().filter(|id| parse_id(id).is_some()).map(str::to_owned)
}

/// `l<seq>`.
pub(super) fn read_lot(written: &str) -> Option<u64> {
    written.strip_prefix('l')?.parse().ok()
}

fn required<'t>(text: &'t Option<Text<'_>>, name: &str) -> Result<&'t str, Breach> {
    text.as_ref().map(|Text(text)| &**text).ok_or_else(|| Breach::new(Law::Form, format!("{name}: missing")))
}

fn amount(text: &Option<Text<'_>>, name: &str) -> Result<Figure, Breach> {
    let written = required(text, name)?;
    Figure::read(written).ok_or_else(|| Breach::new(Law::Form, format!("{name}: {written} is not an amount")))
}

fn amount_or_zero(text: &Option<Text<'_>>, name: &str) -> Result<Figure, Breach> {
    if text.is_none() { Ok(Figure::ZERO) } else { amount(text, name) }
}
