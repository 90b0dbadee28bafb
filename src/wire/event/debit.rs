//! `call.debited`: the one event that is written for every call, so it is written by hand, in one order of fields.
//!
//! A typical one has at most 650 bytes. So what is nearly always the same is left out, besides what is empty: `part` 0, `final`
//! true, `service` calling, `direction` outbound, `debt` 0, and `paid_seconds` where it equals `billed_seconds` (no pool took a
//! minute, and somebody paid).

use jiff::Timestamp;

use super::{Data, EventFault};
use crate::core::cdr::{CALL_ID_BYTES_MAX, CallClass, Direction, Service, USER_BYTES_MAX};
use crate::core::event::{ChargeLine, Debit, Draw, EventBody, LineKind, LotId, PricedBy};
use crate::core::identity::Content;
use crate::core::money::{Money, Rate};
use crate::core::number::Number;
use crate::wire::cdr::RawAttributes;
use crate::wire::fields::FieldFault;
use crate::wire::json::{write_integer, write_list, write_money, write_rate, write_seconds, write_text, write_time};
use crate::wire::record::record;
use crate::wire::value::{Bounded, List, Parsed, Seconds, Text};

/// The whole `type`.
pub(super) const TYPE: &str = "tollkeeper.call.debited.v1";

const SERVICE_DEFAULT: Service = Service::Calling;
const DIRECTION_DEFAULT: Direction = Direction::Outbound;

/// An identity that was made anew of a quarantined record is longer than a call id by the source of the record
/// (`~topic/partition/offset`); a topic has up to 249 bytes.
const CALL_ID_AS_NEW_BYTES_MAX: usize = CALL_ID_BYTES_MAX + 300;

/// Writes the body behind the balance.
pub(super) fn write(debit: &Debit<'_>, into: &mut Vec<u8>) {
    write_call(debit, into);
    write_charge(debit, into);
    write_price(debit, into);
    write_money_moved(debit, into);
    into.extend_from_slice(br#","content":""#);
    write_hex(debit.content, into);
    into.push(b'"');
    if let Some(replay_of) = &debit.replay_of {
        into.extend_from_slice(br#","replay_of":"#);
        write_text(replay_of, into);
    }
    if !debit.attributes.is_empty() {
        into.extend_from_slice(br#","attributes":{"#);
        for (place, (name, value)) in debit.attributes.iter().enumerate() {
            if place > 0 {
                into.push(b',');
            }
            write_text(name, into);
            into.push(b':');
            write_text(value, into);
        }
        into.push(b'}');
    }
}

fn write_call(debit: &Debit<'_>, into: &mut Vec<u8>) {
    into.extend_from_slice(br#","call_id":"#);
    write_text(&debit.call_id, into);
    if debit.part > 0 {
        into.extend_from_slice(br#","part":"#);
        write_integer(debit.part, into);
    }
    if !debit.is_final {
        into.extend_from_slice(br#","final":false"#);
    }
    if debit.service != SERVICE_DEFAULT {
        write_code(br#","service":""#, debit.service.code(), into);
    }
    if debit.direction != DIRECTION_DEFAULT {
        write_code(br#","direction":""#, debit.direction.code(), into);
    }
    if let Some(user) = &debit.user {
        into.extend_from_slice(br#","user":"#);
        write_text(user, into);
    }
    if let Some(number) = &debit.number {
        into.extend_from_slice(br#","number":"+"#);
        into.extend_from_slice(number.as_bytes());
        into.push(b'"');
    }
    if let Some(at) = debit.answered_at {
        into.extend_from_slice(br#","answered_at":"#);
        write_time(at, into);
    }
    into.extend_from_slice(br#","seconds":"#);
    write_seconds(debit.duration, into);
}

fn write_charge(debit: &Debit<'_>, into: &mut Vec<u8>) {
    into.extend_from_slice(br#","billed_seconds":"#);
    write_integer(debit.billed_seconds, into);
    write_code(br#","class":""#, debit.class.code(), into);
    if debit.paid_seconds != debit.billed_seconds {
        into.extend_from_slice(br#","paid_seconds":"#);
        write_integer(debit.paid_seconds, into);
    }
    if !debit.lines.is_empty() {
        into.extend_from_slice(br#","lines":"#);
        write_list(&debit.lines, into, |line, into| {
            write_code(br#"{"kind":""#, line.kind.code(), into);
            into.extend_from_slice(br#","amount":"#);
            write_money(line.amount, into);
            into.push(b'}');
        });
    }
    into.extend_from_slice(br#","amount":"#);
    write_money(debit.amount, into);
}

fn write_price(debit: &Debit<'_>, into: &mut Vec<u8>) {
    if let Some(price) = &debit.priced_by {
        into.extend_from_slice(br#","destination":"#);
        write_text(&price.destination, into);
        into.extend_from_slice(br#","prefix":"#);
        write_text(&price.prefix, into);
        into.extend_from_slice(br#","rate":"#);
        write_rate(price.rate, into);
        into.extend_from_slice(br#","deck":"#);
        write_text(&price.deck, into);
    }
    if debit.free_call {
        into.extend_from_slice(br#","free_call":true"#);
    }
}

fn write_money_moved(debit: &Debit<'_>, into: &mut Vec<u8>) {
    if !debit.lots.is_empty() {
        into.extend_from_slice(br#","lots":"#);
        write_list(&debit.lots, into, |draw, into| {
            into.extend_from_slice(br#"{"lot":"l"#);
            write_integer(draw.lot.0, into);
            into.extend_from_slice(br#"","amount":"#);
            write_money(draw.amount, into);
            into.push(b'}');
        });
    }
    if !debit.debt.is_zero() {
        into.extend_from_slice(br#","debt":"#);
        write_money(debit.debt, into);
    }
}

/// A name up to its value's opening quote, and a code, which has nothing to be escaped.
fn write_code(name: &[u8], code: &str, into: &mut Vec<u8>) {
    into.extend_from_slice(name);
    into.extend_from_slice(code.as_bytes());
    into.push(b'"');
}

fn write_hex(content: Content, into: &mut Vec<u8>) {
    for byte in content.0.to_be_bytes() {
        for nibble in [byte >> 4, byte & 0xf] {
            into.push(b"0123456789abcdef"[usize::from(nibble)]);
        }
    }
}

record! {
    /// `data` of a debit.
    struct RawDebit<'a>, unknown fields are refused:
    "cause" => cause: Text<'a>,
    "balance" => balance: Parsed<Money>,
    "call_id" => call_id: Bounded<'a, 1, CALL_ID_AS_NEW_BYTES_MAX>,
    "part" => part: u32,
    "final" => is_final: bool,
    "service" => service: Parsed<Service>,
    "direction" => direction: Parsed<Direction>,
    "user" => user: Bounded<'a, 1, USER_BYTES_MAX>,
    "number" => number: Parsed<Number>,
    "answered_at" => answered_at: Parsed<Timestamp>,
    "seconds" => seconds: Seconds,
    "billed_seconds" => billed_seconds: u64,
    "class" => class: Parsed<CallClass>,
    "paid_seconds" => paid_seconds: u64,
    "lines" => lines: List<RawLine<'a>>,
    "amount" => amount: Parsed<Money>,
    "destination" => destination: Text<'a>,
    "prefix" => prefix: Text<'a>,
    "rate" => rate: Parsed<Rate>,
    "deck" => deck: Text<'a>,
    "free_call" => free_call: bool,
    "lots" => lots: List<RawDraw<'a>>,
    "debt" => debt: Parsed<Money>,
    "content" => content: Parsed<Content>,
    "replay_of" => replay_of: Text<'a>,
    "attributes" => attributes: RawAttributes<'a>,
}

record! {
    /// A line of a charge.
    struct RawLine<'a>, unknown fields are refused:
    "kind" => kind: Parsed<LineKind>,
    "amount" => amount: Parsed<Money>,
}

record! {
    /// What was drawn from a lot.
    struct RawDraw<'a>, unknown fields are refused:
    "lot" => lot: Parsed<LotId>,
    "amount" => amount: Parsed<Money>,
}

pub(super) fn read(data: &str) -> Result<Data<'_>, EventFault> {
    let raw: RawDebit<'_> = serde_json::from_str(data)?;
    let priced_by = match (raw.destination, raw.prefix, raw.rate, raw.deck) {
        (Some(destination), Some(prefix), Some(rate), Some(deck)) => {
            Some(PricedBy { destination: destination.0, prefix: prefix.0, rate: rate.0, deck: deck.0 })
        }
        (None, None, None, None) => None,
        _ => return Err(EventFault::malformed("destination, prefix, rate and deck: some, but not all")),
    };
    let billed_seconds = required("billed_seconds", raw.billed_seconds)?;
    let lines = raw.lines.map(|List(lines)| lines).unwrap_or_default();
    let lots = raw.lots.map(|List(lots)| lots).unwrap_or_default();
    let debit = Debit {
        call_id: required("call_id", raw.call_id)?.0,
        part: raw.part.unwrap_or(0),
        is_final: raw.is_final.unwrap_or(true),
        service: raw.service.map_or(SERVICE_DEFAULT, |service| service.0),
        direction: raw.direction.map_or(DIRECTION_DEFAULT, |direction| direction.0),
        user: raw.user.map(|user| user.0),
        number: raw.number.map(|number| number.0),
        answered_at: raw.answered_at.map(|at| at.0),
        duration: required("seconds", raw.seconds)?.0,
        billed_seconds,
        class: required("class", raw.class)?.0,
        paid_seconds: raw.paid_seconds.unwrap_or(billed_seconds),
        lines: lines.into_iter().map(RawLine::into_line).collect::<Result<_, _>>()?,
        amount: required("amount", raw.amount)?.0,
        priced_by,
        free_call: raw.free_call.unwrap_or(false),
        lots: lots.into_iter().map(RawDraw::into_draw).collect::<Result<_, _>>()?,
        debt: raw.debt.map_or(Money::ZERO, |debt| debt.0),
        content: required("content", raw.content)?.0,
        replay_of: raw.replay_of.map(|replay_of| replay_of.0),
        attributes: raw.attributes.map(|attributes| attributes.0).unwrap_or_default(),
    };
    Ok(Data {
        cause: required("cause", raw.cause)?.0,
        balance: required("balance", raw.balance)?.0,
        body: EventBody::CallDebited(Box::new(debit)),
    })
}

impl RawLine<'_> {
    fn into_line(self) -> Result<ChargeLine, FieldFault> {
        Ok(ChargeLine { kind: required("kind", self.kind)?.0, amount: required("amount", self.amount)?.0 })
    }
}

impl RawDraw<'_> {
    fn into_draw(self) -> Result<Draw, FieldFault> {
        Ok(Draw { lot: required("lot", self.lot)?.0, amount: required("amount", self.amount)?.0 })
    }
}

fn required<T>(name: &str, field: Option<T>) -> Result<T, FieldFault> {
    field.ok_or_else(|| FieldFault::missing(name))
}
