//! What must become of a CDR.

use serde_json::{Value, json};

use super::price::{is_domestic, is_emergency, number, price, row, spelling};
use super::{DAY_MS, Delivered, HOUR_MS, LIMIT, Partition};
use crate::sent::{Call, Settings, amount, nanos, time, without_nulls};

const WINDOW_BACK_MS: i64 = 7 * DAY_MS;
const WINDOW_AHEAD_MS: i64 = 5 * 60_000;
/// A window and a day.
const MEMORY_HOURS: i64 = 8 * 24;

/// What a redelivery is compared by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content(Vec<String>);

impl Content {
    fn of(call: &Call, settings: &Settings) -> Content {
        let end = |raw: &str| spelling(raw, settings.usage_country);
        Content(vec![
            call.service.into(),
            call.direction.into(),
            call.number_type.into(),
            end(&call.from),
            end(&call.to),
            format!("{:?} {:?} {:?} {}", call.user, call.plan, call.usage_country, call.on_net),
            format!("{:?} {} {}", call.answered_ms, call.started_ms(), call.millis),
        ])
    }
}

/// What is not rated yet; judged before anything that needs the account.
pub(super) fn is_beyond_this_release(call: &Call) -> bool {
    let is_free = call.on_net || call.millis == 0;
    let is_part = call.part.unwrap_or(0) > 0 || !call.is_final;
    is_part || (call.direction == "inbound" && call.number_type != "user" && !is_free)
}

/// The price of an answered call, or why there is none.
struct Charge {
    class: &'static str,
    number: Option<String>,
    billed: u64,
    lines: Vec<Value>,
    amount: i128,
    priced_by: Option<Value>,
    free_call: bool,
}

impl Charge {
    fn free(class: &'static str, number: Option<String>) -> Charge {
        Charge { class, number, billed: 0, lines: Vec::new(), amount: 0, priced_by: None, free_call: false }
    }
}

impl Partition {
    pub(super) fn call(&mut self, delivered: &Delivered<'_>, call: &Call) {
        match self.judge(call) {
            Ok(Some(charge)) => self.debit(call, charge),
            Ok(None) => {
                let identity = json!({"tenant": call.tenant, "call_id": call.call_id, "part": call.part.unwrap_or(0)});
                self.duplicate(delivered, identity, None);
            }
            Err(reason) => self.quarantine(delivered, reason),
        }
    }

    /// `None`: a duplicate.
    fn judge(&mut self, call: &Call) -> Result<Option<Charge>, &'static str> {
        let account = self.accounts.get(&call.tenant).ok_or("unknown_tenant")?;
        let settings = &account.settings;
        let content = Content::of(call, settings);
        let hour = self.clock_ms.div_euclid(HOUR_MS);
        if let Some((debited, at)) = self.calls.get(&(call.tenant.clone(), call.call_id.clone()))
            && hour <= at + MEMORY_HOURS
        {
            return if *debited == content { Ok(None) } else { Err("conflicting_duplicate") };
        }
        let age_ms = self.clock_ms - call.ends_ms();
        if age_ms > WINDOW_BACK_MS {
            return Err("too_late");
        }
        if -age_ms > WINDOW_AHEAD_MS {
            return Err("in_future");
        }
        if let Some(closed_ms) = account.closed_ms
            && (call.started_ms() >= closed_ms || self.clock_ms - closed_ms > WINDOW_BACK_MS)
        {
            return Err("closed_tenant");
        }
        let charge = charge(call, settings)?;
        if account.balance() - charge.amount <= -LIMIT || account.debited + charge.amount >= LIMIT {
            return Err("overflow");
        }
        self.calls.insert((call.tenant.clone(), call.call_id.clone()), (content, hour));
        Ok(Some(charge))
    }

    fn debit(&mut self, call: &Call, charge: Charge) {
        let account = self.accounts.get_mut(&call.tenant).expect("it was judged");
        let (lots, debt) = account.spend(charge.amount);
        let seconds: Value = match call.millis % 1000 {
            0 => json!(call.millis / 1000),
            rest => {
                let written = format!("{}.{rest:03}", call.millis / 1000);
                serde_json::from_str(written.trim_end_matches('0')).expect("a number")
            }
        };
        let mut body = without_nulls(json!({
            // Defaults are left out: a calling service, an outbound call, all billed seconds paid.
            "call_id": call.call_id, "service": (call.service != "calling").then_some(call.service),
            "direction": (call.direction != "outbound").then_some(call.direction), "user": call.user,
            "number": charge.number.map(|number| format!("+{number}")), "answered_at": call.answered_ms.map(time),
            "seconds": seconds, "billed_seconds": charge.billed, "class": charge.class,
            "lines": (!charge.lines.is_empty()).then_some(charge.lines), "amount": amount(charge.amount),
            "free_call": charge.free_call.then_some(true), "lots": (!lots.is_empty()).then_some(lots),
            "debt": (debt != 0).then(|| amount(debt)), "content": "*",
            "attributes": call.note.map(|note| json!({ "note": note })),
        }));
        if let (Value::Object(body), Some(Value::Object(priced_by))) = (&mut body, charge.priced_by) {
            body.extend(priced_by);
        }
        let cause = format!("{}/{}", call.call_id, call.part.unwrap_or(0));
        self.event(&call.tenant, "call.debited", &cause, body);
        self.follow(&call.tenant, &cause);
    }
}

fn charge(call: &Call, settings: &Settings) -> Result<Charge, &'static str> {
    let user_in = call.usage_country.unwrap_or(settings.usage_country);
    let other_end = if call.direction == "outbound" { &call.to } else { &call.from };
    let number = number(other_end, settings.usage_country);
    if call.millis == 0 {
        return Ok(Charge::free("unanswered", number));
    }
    if call.on_net {
        return Ok(Charge::free("on_net", number));
    }
    if call.direction == "inbound" {
        return Ok(Charge::free("inbound_user", number));
    }
    if is_emergency(&call.to, user_in) {
        return Ok(Charge::free("emergency", None));
    }
    let default_plan = if call.service == "calling" { settings.default_plan } else { None };
    if call.plan.or(default_plan).is_some_and(|plan| plan != "payg") {
        return Err("unsupported_version");
    }
    let number = number.ok_or("invalid_number")?;
    let class = match call.service {
        "conferencing" => "conference_dial_out",
        _ if is_domestic(&number, user_in) => "outbound_domestic",
        _ => "outbound_international",
    };
    let Some((list, row)) = row(settings.price_list, settings.overlay, &number, call.started_ms()) else {
        return match settings.no_rate {
            Some("free_call") => Ok(Charge { free_call: true, ..Charge::free(class, Some(number)) }),
            _ => Err("no_rate"),
        };
    };
    if row.rate == "denied" {
        return Err("denied_destination");
    }
    let price = price(list, row, call.millis).ok_or("overflow")?;
    let priced_by = json!({"destination": row.destination, "prefix": row.prefix, "rate": amount(nanos(row.rate)),
        "deck": format!("{}@v1", list.id)});
    Ok(Charge {
        class,
        number: Some(number),
        billed: price.billed,
        lines: price.lines,
        amount: price.amount,
        priced_by: Some(priced_by),
        free_call: false,
    })
}
