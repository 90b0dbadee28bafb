//! One charge, and its two forms: a JSON object or a row of CSV.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::{Serialize, Serializer};

use crate::core::cdr::Cdr;
use crate::core::currency::Currency;
use crate::core::event::{Event, EventBody};
use crate::core::money::{Money, Rate, WrittenMoney};
use crate::core::rating::{Offer, PricedAlone};
use crate::core::reason::Reason;

/// What became of one CDR.
#[derive(Debug)]
pub enum Charge<'a> {
    /// It was priced, and debited where there are balances.
    Debited(Debited<'a>),
    /// It was debited before.
    Duplicate {
        /// The call.
        cdr: &'a Cdr<'a>,
    },
    /// It was not rated.
    Quarantined {
        /// The call, where it could be read.
        cdr: Option<&'a Cdr<'a>>,
        /// Why.
        reason: Reason,
        /// What exactly.
        detail: &'a str,
    },
}

/// A charge that was made.
#[derive(Debug)]
pub struct Debited<'a> {
    call_id: &'a str,
    part: u32,
    tenant: &'a str,
    amount: Money,
    currency: Currency,
    billed_seconds: u64,
    paid_seconds: u64,
    pool_minutes: Option<u64>,
    priced_by: Option<(Option<&'a str>, &'a str, Rate)>,
    balance: Option<Money>,
}

impl<'a> Debited<'a> {
    /// A call that was only priced.
    pub(super) fn priced(cdr: &'a Cdr<'_>, call: &'a PricedAlone<'_>, currency: Currency) -> Debited<'a> {
        let charge = &call.priced;
        let rate_of = |offer: &Offer<'_>| charge.rate.or(offer.price.rate).unwrap_or_default();
        Debited {
            call_id: &cdr.call_id,
            part: cdr.part.unwrap_or(0),
            tenant: &cdr.tenant,
            amount: charge.amount,
            currency,
            billed_seconds: charge.billed_seconds,
            paid_seconds: charge.paid_seconds,
            pool_minutes: None,
            priced_by: call.rated.payer.offer().map(|offer| (offer.prefix, offer.destination, rate_of(offer))),
            balance: None,
        }
    }

    /// A call that was debited; `None` for any other event.
    pub(super) fn of_event(event: &'a Event<'_>, currency: Currency) -> Option<Debited<'a>> {
        let EventBody::CallDebited(debit) = &event.body else { return None };
        let priced_by = debit.priced_by.as_ref();
        Some(Debited {
            call_id: &debit.call_id,
            part: debit.part,
            tenant: &event.tenant,
            amount: debit.amount,
            currency,
            billed_seconds: debit.billed_seconds,
            paid_seconds: debit.paid_seconds,
            pool_minutes: debit.pool.as_ref().map(|pool| pool.minutes),
            priced_by: priced_by.map(|by| (by.prefix.as_deref(), &*by.destination, by.rate)),
            balance: Some(event.balance),
        })
    }
}

/// Where charges go.
pub trait WriteCharges {
    /// Writes one.
    ///
    /// # Errors
    /// As the writer behind it.
    fn write(&mut self, charge: &Charge<'_>) -> io::Result<()>;
    /// Hands everything on.
    ///
    /// # Errors
    /// As the writer behind it.
    fn finish(&mut self) -> io::Result<()>;
}

/// The columns, in their order: the fields of an object, or the header of a table. What does not apply is left out of an
/// object and empty in a table.
#[derive(Serialize)]
struct Columns<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    call_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Plain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billed_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool_minutes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paid_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<Plain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<Plain>,
}

/// A decimal as it is written, without an allocation.
struct Plain {
    text: [u8; WRITTEN_LEN_MAX],
    len: usize,
}

impl Plain {
    fn amount(amount: Money) -> Plain {
        Plain::copy(amount.write_to(&mut WrittenMoney::default()))
    }

    fn rate(rate: Rate) -> Plain {
        Plain::copy(rate.write_to(&mut WrittenMoney::default()))
    }

    fn copy(written: &str) -> Plain {
        let mut text = [0; WRITTEN_LEN_MAX];
        text[..written.len()].copy_from_slice(written.as_bytes());
        Plain { text, len: written.len() }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text[..self.len]).expect("copied from a text")
    }
}

impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Characters of a written decimal at most.
const WRITTEN_LEN_MAX: usize = size_of::<WrittenMoney>();

const COLUMNS: [&str; 15] = [
    "call_id",
    "part",
    "tenant",
    "outcome",
    "reason",
    "detail",
    "amount",
    "currency",
    "billed_seconds",
    "pool_minutes",
    "paid_seconds",
    "prefix",
    "destination",
    "rate",
    "balance",
];

impl<'a> Columns<'a> {
    fn of(charge: &'a Charge<'_>) -> Columns<'a> {
        let of_cdr = |cdr: Option<&'a Cdr<'_>>, outcome| Columns {
            call_id: cdr.map(|cdr| &*cdr.call_id),
            part: cdr.map(|cdr| cdr.part.unwrap_or(0)),
            tenant: cdr.map(|cdr| &*cdr.tenant),
            outcome,
            reason: None,
            detail: None,
            amount: None,
            currency: None,
            billed_seconds: None,
            pool_minutes: None,
            paid_seconds: None,
            prefix: None,
            destination: None,
            rate: None,
            balance: None,
        };
        match charge {
            Charge::Duplicate { cdr } => of_cdr(Some(cdr), "duplicate"),
            Charge::Quarantined { cdr, reason, detail } => {
                Columns { reason: Some(reason.code()), detail: Some(detail), ..of_cdr(*cdr, "quarantined") }
            }
            Charge::Debited(debited) => Columns {
                call_id: Some(debited.call_id),
                part: Some(debited.part),
                tenant: Some(debited.tenant),
                amount: Some(Plain::amount(debited.amount)),
                currency: Some(debited.currency.as_str()),
                billed_seconds: Some(debited.billed_seconds),
                pool_minutes: Some(debited.pool_minutes.unwrap_or(0)),
                paid_seconds: Some(debited.paid_seconds),
                prefix: debited.priced_by.and_then(|(prefix, ..)| prefix),
                destination: debited.priced_by.map(|(_, destination, _)| destination),
                rate: debited.priced_by.map(|(.., rate)| Plain::rate(rate)),
                balance: debited.balance.map(Plain::amount),
                ..of_cdr(None, "debited")
            },
        }
    }

    fn as_row(&self) -> [Cow<'_, str>; COLUMNS.len()] {
        let text = |value: Option<&'a str>| Cow::Borrowed(value.unwrap_or_default());
        let number = |value: Option<u64>| value.map_or(Cow::Borrowed(""), |value| Cow::Owned(value.to_string()));
        [
            text(self.call_id),
            number(self.part.map(u64::from)),
            text(self.tenant),
            Cow::Borrowed(self.outcome),
            text(self.reason),
            text(self.detail),
            plain(&self.amount),
            text(self.currency),
            number(self.billed_seconds),
            number(self.pool_minutes),
            number(self.paid_seconds),
            text(self.prefix),
            text(self.destination),
            plain(&self.rate),
            plain(&self.balance),
        ]
    }
}

fn plain(value: &Option<Plain>) -> Cow<'_, str> {
    Cow::Borrowed(value.as_ref().map_or("", Plain::as_str))
}

/// One JSON object a line.
#[derive(Debug)]
pub struct JsonCharges<W> {
    writer: W,
}

impl<W: Write> JsonCharges<W> {
    /// Writes to `writer`, which should have a buffer.
    pub fn new(writer: W) -> JsonCharges<W> {
        JsonCharges { writer }
    }
}

impl<W: Write> WriteCharges for JsonCharges<W> {
    fn write(&mut self, charge: &Charge<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut self.writer, &Columns::of(charge))?;
        self.writer.write_all(b"\n")
    }

    fn finish(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// A table with a header.
#[derive(Debug)]
pub struct CsvCharges<W: Write> {
    writer: csv::Writer<W>,
}

impl<W: Write> CsvCharges<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// As the writer behind it.
    pub fn new(writer: W) -> io::Result<CsvCharges<W>> {
        let mut writer = csv::Writer::from_writer(writer);
        writer.write_record(COLUMNS)?;
        Ok(CsvCharges { writer })
    }
}

impl<W: Write> WriteCharges for CsvCharges<W> {
    fn write(&mut self, charge: &Charge<'_>) -> io::Result<()> {
        let columns = Columns::of(charge);
        self.writer.write_record(columns.as_row().iter().map(|column| column.as_bytes()))?;
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
