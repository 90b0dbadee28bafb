//! `call.debited`: the one event that is written for every call, so it is written by hand, in one order of fields.
//!
//! A typical one has at most 650 bytes. So what is nearly always the same is left out, besides what is empty: `part` 0, `final`
//! true, `service` calling, `direction` outbound, `debt` 0, and `paid_seconds` where it equals `billed_seconds` (no pool took a
//! minute, and somebody paid). `number_type` is written of inbound calls to other numbers than users': it matters for nothing
//! else. The version of `plan` is left out where it is that of `deck`: a catalog is published as a whole.

mod read;

pub(super) use read::read;

use super::funds::write_draws;
use super::pool::write_pool;
use crate::core::cdr::{Direction, NumberType, Service};
use crate::core::event::{Cumulative, Debit};
use crate::core::identity::Content;
use crate::wire::json::{write_integer, write_list, write_money, write_rate, write_seconds, write_text, write_time};

/// The whole `type`.
pub(super) const TYPE: &str = "tollkeeper.call.debited.v1";

const SERVICE_DEFAULT: Service = Service::Calling;
const DIRECTION_DEFAULT: Direction = Direction::Outbound;
const NUMBER_TYPE_DEFAULT: NumberType = NumberType::User;

/// Writes the body behind the balance.
pub(super) fn write(debit: &Debit<'_>, into: &mut Vec<u8>) {
    write_call(debit, into);
    write_charge(debit, into);
    write_price(debit, into);
    write_money_moved(debit, into);
    if let Some(cumulative) = &debit.cumulative {
        write_cumulative(cumulative, into);
    }
    if let Some(spent) = debit.spent {
        into.extend_from_slice(br#","spent":"#);
        write_money(spent, into);
    }
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
    if debit.shrunk {
        into.extend_from_slice(br#","shrunk":true"#);
    }
    if debit.service != SERVICE_DEFAULT {
        write_code(br#","service":""#, debit.service.code(), into);
    }
    if debit.direction != DIRECTION_DEFAULT {
        write_code(br#","direction":""#, debit.direction.code(), into);
        if debit.number_type != NUMBER_TYPE_DEFAULT {
            write_code(br#","number_type":""#, debit.number_type.code(), into);
        }
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
    if let Some(plan) = &debit.plan {
        into.extend_from_slice(br#","plan":"#);
        write_text(plan, into);
    }
    if let Some(pool) = &debit.pool {
        into.extend_from_slice(br#","pool":"#);
        write_pool(pool, into);
    }
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
        if let Some(prefix) = &price.prefix {
            into.extend_from_slice(br#","prefix":"#);
            write_text(prefix, into);
        }
        into.extend_from_slice(br#","rate":"#);
        write_rate(price.rate, into);
        into.extend_from_slice(br#","deck":"#);
        write_text(&price.deck, into);
        if let Some(country) = &price.country {
            write_code(br#","country":""#, country.as_str(), into);
        }
    }
    if debit.free_call {
        into.extend_from_slice(br#","free_call":true"#);
    }
}

fn write_money_moved(debit: &Debit<'_>, into: &mut Vec<u8>) {
    if !debit.lots.is_empty() {
        into.extend_from_slice(br#","lots":"#);
        write_draws(&debit.lots, into);
    }
    if !debit.debt.is_zero() {
        into.extend_from_slice(br#","debt":"#);
        write_money(debit.debt, into);
    }
}

fn write_cumulative(cumulative: &Cumulative, into: &mut Vec<u8>) {
    into.extend_from_slice(br#","cumulative":{"content":""#);
    write_hex(cumulative.content, into);
    into.extend_from_slice(br#"","seconds":"#);
    write_seconds(cumulative.duration, into);
    into.extend_from_slice(br#","billed_seconds":"#);
    write_integer(cumulative.billed_seconds, into);
    into.extend_from_slice(br#","paid_seconds":"#);
    write_integer(cumulative.paid_seconds, into);
    if cumulative.pool_minutes > 0 {
        into.extend_from_slice(br#","pool_minutes":"#);
        write_integer(cumulative.pool_minutes, into);
    }
    let Cumulative { amount, connect, minimum, .. } = *cumulative;
    for (name, amount) in
        [(br#","amount":"#.as_slice(), amount), (br#","connect":"#, connect), (br#","minimum":"#, minimum)]
    {
        if !amount.is_zero() {
            into.extend_from_slice(name);
            write_money(amount, into);
        }
    }
    into.push(b'}');
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
