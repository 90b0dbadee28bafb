//! Reading of `call.debited`: the one event of which a ledger has millions, so in one pass, without a table of fields.

use jiff::Timestamp;

use super::{DIRECTION_DEFAULT, NUMBER_TYPE_DEFAULT, SERVICE_DEFAULT};
use crate::core::cdr::{CallClass, Direction, NumberType, Service, USER_BYTES_MAX};
use crate::core::event::{ChargeLine, Cumulative, Debit, EventBody, LineKind, PricedBy};
use crate::core::identity::Content;
use crate::core::money::{Money, Rate};
use crate::core::number::{Country, Number};
use crate::wire::cdr::RawAttributes;
use crate::wire::event::funds::{RawDraw, read_draws};
use crate::wire::event::pool::RawPool;
use crate::wire::event::{CALL_ID_AS_NEW_BYTES_MAX, Data, EventFault, required};
use crate::wire::fields::FieldFault;
use crate::wire::record::record;
use crate::wire::value::{Bounded, List, Parsed, Seconds, Text};

record! {
    /// `data` of a debit.
    struct RawDebit<'a>, unknown fields are refused:
    "cause" => cause: Text<'a>,
    "balance" => balance: Parsed<Money>,
    "call_id" => call_id: Bounded<'a, 1, CALL_ID_AS_NEW_BYTES_MAX>,
    "part" => part: u32,
    "final" => is_final: bool,
    "shrunk" => shrunk: bool,
    "service" => service: Parsed<Service>,
    "direction" => direction: Parsed<Direction>,
    "number_type" => number_type: Parsed<NumberType>,
    "user" => user: Bounded<'a, 1, USER_BYTES_MAX>,
    "number" => number: Parsed<Number>,
    "answered_at" => answered_at: Parsed<Timestamp>,
    "seconds" => seconds: Seconds,
    "billed_seconds" => billed_seconds: u64,
    "class" => class: Parsed<CallClass>,
    "plan" => plan: Text<'a>,
    "pool" => pool: RawPool<'a>,
    "paid_seconds" => paid_seconds: u64,
    "lines" => lines: List<RawLine<'a>>,
    "amount" => amount: Parsed<Money>,
    "destination" => destination: Text<'a>,
    "prefix" => prefix: Text<'a>,
    "rate" => rate: Parsed<Rate>,
    "deck" => deck: Text<'a>,
    "country" => country: Parsed<Country>,
    "free_call" => free_call: bool,
    "lots" => lots: List<RawDraw<'a>>,
    "debt" => debt: Parsed<Money>,
    "cumulative" => cumulative: RawCumulative<'a>,
    "spent" => spent: Parsed<Money>,
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
    /// All parts of a call so far.
    struct RawCumulative<'a>, unknown fields are refused:
    "content" => content: Parsed<Content>,
    "seconds" => seconds: Seconds,
    "billed_seconds" => billed_seconds: u64,
    "paid_seconds" => paid_seconds: u64,
    "pool_minutes" => pool_minutes: u64,
    "amount" => amount: Parsed<Money>,
    "connect" => connect: Parsed<Money>,
    "minimum" => minimum: Parsed<Money>,
}

/// Reads `data` of a debit.
pub(in crate::wire::event) fn read(data: &str) -> Result<Data<'_>, EventFault> {
    let raw: RawDebit<'_> = serde_json::from_str(data)?;
    let direction = raw.direction.map_or(DIRECTION_DEFAULT, |direction| direction.0);
    let price = RawPrice {
        destination: raw.destination,
        prefix: raw.prefix,
        rate: raw.rate,
        deck: raw.deck,
        country: raw.country,
    };
    let priced_by = price.into_price(direction)?;
    let billed_seconds = required("billed_seconds", raw.billed_seconds)?;
    let lines = raw.lines.map(|List(lines)| lines).unwrap_or_default();
    let debit = Debit {
        call_id: required("call_id", raw.call_id)?.0,
        part: raw.part.unwrap_or(0),
        is_final: raw.is_final.unwrap_or(true),
        shrunk: raw.shrunk.unwrap_or(false),
        service: raw.service.map_or(SERVICE_DEFAULT, |service| service.0),
        direction,
        number_type: raw.number_type.map_or(NUMBER_TYPE_DEFAULT, |number_type| number_type.0),
        user: raw.user.map(|user| user.0),
        number: raw.number.map(|number| number.0),
        answered_at: raw.answered_at.map(|at| at.0),
        duration: required("seconds", raw.seconds)?.0,
        billed_seconds,
        class: required("class", raw.class)?.0,
        plan: raw.plan.map(|plan| plan.0),
        pool: raw.pool.map(RawPool::into_pool).transpose()?.map(Box::new),
        paid_seconds: raw.paid_seconds.unwrap_or(billed_seconds),
        lines: lines.into_iter().map(RawLine::into_line).collect::<Result<_, _>>()?,
        amount: required("amount", raw.amount)?.0,
        priced_by,
        free_call: raw.free_call.unwrap_or(false),
        lots: read_draws(raw.lots)?,
        debt: raw.debt.map_or(Money::ZERO, |debt| debt.0),
        cumulative: raw.cumulative.map(RawCumulative::into_cumulative).transpose()?.map(Box::new),
        spent: raw.spent.map(|spent| spent.0),
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

impl RawCumulative<'_> {
    fn into_cumulative(self) -> Result<Cumulative, FieldFault> {
        let or_zero = |amount: Option<Parsed<Money>>| amount.map_or(Money::ZERO, |amount| amount.0);
        Ok(Cumulative {
            content: required("content", self.content)?.0,
            duration: required("seconds", self.seconds)?.0,
            billed_seconds: required("billed_seconds", self.billed_seconds)?,
            paid_seconds: required("paid_seconds", self.paid_seconds)?,
            pool_minutes: self.pool_minutes.unwrap_or(0),
            amount: or_zero(self.amount),
            connect: or_zero(self.connect),
            minimum: or_zero(self.minimum),
        })
    }
}

/// What a debit says of its price.
struct RawPrice<'a> {
    destination: Option<Text<'a>>,
    prefix: Option<Text<'a>>,
    rate: Option<Parsed<Rate>>,
    deck: Option<Text<'a>>,
    country: Option<Parsed<Country>>,
}

impl<'a> RawPrice<'a> {
    /// An outbound call was priced by a prefix, an inbound one by none.
    fn into_price(self, direction: Direction) -> Result<Option<PricedBy<'a>>, EventFault> {
        let RawPrice { destination, prefix, rate, deck, country } = self;
        if prefix.is_some() && direction == Direction::Inbound {
            return Err(EventFault::malformed("prefix: of an inbound call"));
        }
        let is_whole = prefix.is_some() || direction == Direction::Inbound;
        match (destination, rate, deck) {
            (Some(destination), Some(rate), Some(deck)) if is_whole => Ok(Some(PricedBy {
                destination: destination.0,
                prefix: prefix.map(|prefix| prefix.0),
                rate: rate.0,
                deck: deck.0,
                country: country.map(|country| country.0),
            })),
            (None, None, None) if prefix.is_none() && country.is_none() => Ok(None),
            _ => Err(EventFault::malformed("destination, prefix, rate, deck and country: some, but not all")),
        }
    }
}
