//! The left column: what comes in, in words.

use bytes::Bytes;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tollkeeper::stream::transport::Input;

/// Whose story it is.
pub(crate) const TENANT: &str = "contoso";

/// One line.
pub(crate) struct Asked {
    pub(crate) at: Timestamp,
    /// `None`: time passes.
    pub(crate) record: Option<(Input, String)>,
}

impl Asked {
    /// `2026-11-20 10:00 call a: 78 s to +33612345678, of ada`. Debits that a correction names come from the ledger.
    pub(crate) fn read(line: &str, command_id: &str, ledger: &[Bytes]) -> Asked {
        let wrong = || -> ! { panic!("what is `{line}`?") };
        let (at, doing) = read_time(line);
        let mut words = doing.split(", ");
        let first = words.next().unwrap_or_default();
        let (verb, object) = first.split_once(' ').unwrap_or((first, ""));
        if verb == "wait" {
            return Asked { at, record: None };
        }
        if verb == "call" {
            return Asked { at, record: Some((Input::Cdrs, call(object, words, at))) };
        }
        let mut command = match (verb, object) {
            ("open", "") => {
                json!({"type": "tenant.open", "currency": "USD", "price_list": "outbound-usd", "usage_country": "US"})
            }
            ("update", "") => json!({"type": "tenant.update"}),
            ("close", "") => json!({"type": "tenant.close", "reason": "moved away"}),
            ("funds", amount) => {
                json!({"type": "funds.add", "amount": amount, "payment_reference": format!("by {command_id}")})
            }
            ("recharge", settings) => recharge(settings).unwrap_or_else(|| wrong()),
            ("settle", id) => json!({"type": "recharge.settle", "recharge_id": format!("{TENANT}/{id}")}),
            ("licences", of) => {
                let (quantity, plan) = of.split_once(" of ").unwrap_or_else(|| wrong());
                let quantity: u32 = quantity.parse().unwrap_or_else(|_| wrong());
                json!({"type": "licences.set", "plan": plan, "quantity": quantity, "usage_country": "US"})
            }
            ("limit", user) => json!({"type": "user.limit", "user": user, "monthly_limit": null}),
            ("adjust", amount) => json!({"type": "balance.adjust", "amount": amount, "reason": "a word"}),
            ("void", call) => {
                json!({"type": "call.void", "call_id": call, "reason": "a word", "debits": debits(call, ledger)})
            }
            _ => wrong(),
        };
        let fields = command.as_object_mut().expect("an object");
        for word in words {
            setting(fields, word, ledger).unwrap_or_else(|| wrong());
        }
        fields.insert("command_id".into(), command_id.into());
        fields.insert("tenant".into(), TENANT.into());
        fields.insert("at".into(), at.to_string().into());
        Asked { at, record: Some((Input::Commands, command.to_string())) }
    }
}

/// A minute of UTC, with seconds where they matter, and the rest of the line.
fn read_time(line: &str) -> (Timestamp, &str) {
    let (time, rest) = match line.char_indices().filter(|(_, letter)| *letter == ' ').nth(1) {
        Some((place, _)) => (&line[..place], &line[place + 1..]),
        None => (line, ""),
    };
    (utc(time), rest)
}

fn utc(time: &str) -> Timestamp {
    let civil: DateTime = time.parse().unwrap_or_else(|_| panic!("`{time}` is no time"));
    civil.to_zoned(TimeZone::UTC).expect("a time of these years").timestamp()
}

/// `at 50 by 100`: below 50 so many times 100.
fn recharge(settings: &str) -> Option<Value> {
    let (trigger, amount) = settings.strip_prefix("at ")?.split_once(" by ")?;
    Some(
        json!({"type": "recharge.configure", "enabled": true, "trigger": trigger, "amount": amount, "payment_method": "card"}),
    )
}

/// What is said of a command behind its first words.
fn setting(fields: &mut Map<String, Value>, word: &str, ledger: &[Bytes]) -> Option<()> {
    let (name, value): (&str, Value) = match word {
        "forfeit" => ("forfeit", true.into()),
        "release" => ("release", true.into()),
        "off" => ("enabled", false.into()),
        "succeeded" => {
            fields.insert("payment_reference".into(), format!("for {}", fields["recharge_id"]).into());
            ("outcome", "succeeded".into())
        }
        "failed" => {
            fields.insert("reason".into(), "card expired".into());
            ("outcome", "failed".into())
        }
        "free_call" => ("no_rate", "free_call".into()),
        _ => {
            let (first, value) = word.rsplit_once(' ')?;
            match first {
                "block at" => ("block_at", value.into()),
                "notify below" => ("notify_below", value.into()),
                "daily limit" => ("daily_limit", value.into()),
                "monthly" => ("monthly_limit", value.into()),
                "calling" => ("default_plans", json!({"calling": value})),
                "in" => ("usage_country", value.into()),
                "requests at most" => ("max_per_month", value.parse::<u32>().ok()?.into()),
                "each at most" => ("max_amount", value.into()),
                "a month at most" => ("max_amount_per_month", value.into()),
                "until" => ("expires_at", utc(&format!("{value} 00:00")).to_string().into()),
                "for call" => {
                    fields.insert("debits".into(), debits(value, ledger).into());
                    ("corrects", value.into())
                }
                _ => return None,
            }
        }
    };
    fields.insert(name.into(), value);
    Some(())
}

/// All debits of a call that the ledger has, since it was last voided with its identity.
fn debits(call: &str, ledger: &[Bytes]) -> Vec<Value> {
    let events = ledger.iter().map(|record| serde_json::from_slice::<Value>(record).expect("JSON"));
    let mut found = Vec::new();
    for event in events.filter(|event| event["data"]["call_id"] == call) {
        match event["type"].as_str() {
            Some("tollkeeper.call.debited.v1") => found.push(event),
            Some("tollkeeper.call.voided.v1") if event["data"]["release"] == true => found.clear(),
            _ => {}
        }
    }
    found
}

/// `a: 78 s to +33612345678`, and what is said behind it. Without a start it ends when it comes.
fn call<'a>(call: &str, words: impl Iterator<Item = &'a str>, at: Timestamp) -> String {
    let read = || {
        let (id, what) = call.split_once(": ")?;
        let (length, to) = what.split_once(" to ")?;
        let seconds: i64 = match length.split_once(' ')? {
            (number, "s") => number.parse().ok()?,
            (number, "min") => number.parse::<i64>().ok()? * 60,
            _ => return None,
        };
        Some((id, seconds, to))
    };
    let (id, seconds, to) = read().unwrap_or_else(|| panic!("what is the call `{call}`?"));
    let mut start = at - SignedDuration::from_secs(seconds);
    let mut cdr = json!({
        "call_id": id, "tenant": TENANT, "service": "calling", "direction": "outbound", "from": "+14255550111", "to": to,
        "number_type": "user", "duration_seconds": seconds,
    });
    for word in words {
        let (name, value): (&str, Value) = match word.split_once(' ').unwrap_or((word, "")) {
            ("of", user) => ("user", user.into()),
            ("plan", plan) => ("plan", plan.into()),
            ("in", country) => ("usage_country", country.into()),
            ("part", number) => ("part", number.parse::<u32>().expect("a number").into()),
            ("goes", "on") => ("final", false.into()),
            ("on", "net") => ("on_net", true.into()),
            ("number", own) => ("number_type", own.into()),
            ("from", number) => ("from", number.into()),
            ("inbound", "") => ("direction", "inbound".into()),
            ("conferencing" | "voice_app", "") => ("service", word.into()),
            ("begun", time) => {
                start = utc(time);
                continue;
            }
            _ => panic!("what is `{word}` of a call?"),
        };
        cdr[name] = value;
    }
    if seconds == 0 {
        cdr["ended_at"] = at.to_string().into();
    } else {
        cdr["answered_at"] = start.to_string().into();
    }
    cdr.to_string()
}
