//! What the simulation sends: calls and commands as data, and the bytes that it writes of them.

use serde_json::{Map, Value, json};

/// A record that was appended to an input.
#[derive(Clone, Debug)]
pub(crate) enum Sent {
    Call(Call),
    Command(Command),
    /// Bytes that cannot be read, with the reason of their quarantine.
    Poison {
        bytes: Vec<u8>,
        reason: &'static str,
    },
}

/// A CDR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) call_id: String,
    pub(crate) tenant: String,
    pub(crate) service: &'static str,
    pub(crate) direction: &'static str,
    pub(crate) number_type: &'static str,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) user: Option<&'static str>,
    pub(crate) plan: Option<&'static str>,
    pub(crate) usage_country: Option<&'static str>,
    pub(crate) on_net: bool,
    pub(crate) part: Option<u32>,
    pub(crate) is_final: bool,
    /// `None`: nobody answered.
    pub(crate) answered_ms: Option<i64>,
    /// Of an unanswered call.
    pub(crate) ended_ms: i64,
    pub(crate) millis: i64,
    /// Copied to the debit; nothing of the content.
    pub(crate) note: Option<&'static str>,
}

/// A command.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) command_id: String,
    pub(crate) tenant: String,
    pub(crate) at_ms: i64,
    pub(crate) actor: Option<&'static str>,
    pub(crate) body: Body,
}

/// The body of a command; amounts in units of 10^-9.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Open(Settings),
    Update(Changes),
    Close {
        forfeit: bool,
    },
    Funds {
        amount: i128,
        reference: String,
        expires_ms: Option<i64>,
    },
    Configure(Recharge),
    Settle {
        recharge_id: String,
        success: bool,
        reference: Option<String>,
    },
    /// Not readable beyond tenant and id; refused with this code.
    Unreadable {
        extra: Value,
        refusal: &'static str,
    },
}

/// What a tenant is opened with, and has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) currency: &'static str,
    pub(crate) price_list: &'static str,
    pub(crate) overlay: Option<&'static str>,
    pub(crate) usage_country: &'static str,
    pub(crate) default_plan: Option<&'static str>,
    pub(crate) no_rate: Option<&'static str>,
    pub(crate) minimum_funding: i128,
    pub(crate) block_at: i128,
}

/// What an update changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) price_list: Option<&'static str>,
    pub(crate) overlay: Option<Option<&'static str>>,
    pub(crate) usage_country: Option<&'static str>,
    pub(crate) no_rate: Option<Option<&'static str>>,
    pub(crate) block_at: Option<i128>,
}

/// What `recharge.configure` sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recharge {
    pub(crate) enabled: bool,
    pub(crate) trigger: i128,
    pub(crate) amount: i128,
    pub(crate) max_per_month: Option<u32>,
    pub(crate) max_amount: Option<i128>,
    pub(crate) max_amount_per_month: Option<i128>,
}

/// An instant as RFC 3339.
pub(crate) fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).expect("a time of the simulation").to_string()
}

/// An amount of 10^-9 in its plain form: two decimals or more, no further zeros (F23).
pub(crate) fn amount(nanos: i128) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let (whole, rest) = (nanos.abs() / 1_000_000_000, nanos.abs() % 1_000_000_000);
    let mut decimals = format!("{rest:09}");
    while decimals.len() > 2 && decimals.ends_with('0') {
        decimals.pop();
    }
    format!("{sign}{whole}.{decimals}")
}

/// An amount as it is written, in 10^-9.
pub(crate) fn nanos(written: &str) -> i128 {
    let (whole, decimals) = written.split_once('.').unwrap_or((written, ""));
    let decimals = format!("{decimals:0<9}");
    whole.parse::<i128>().expect(written) * 1_000_000_000 + decimals.parse::<i128>().expect(written)
}

impl Sent {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Sent::Call(call) => call.json().to_string().into_bytes(),
            Sent::Command(command) => command.json().to_string().into_bytes(),
            Sent::Poison { bytes, .. } => bytes.clone(),
        }
    }

    pub(crate) fn tenant(&self) -> Option<&str> {
        match self {
            Sent::Call(call) => Some(&call.tenant),
            Sent::Command(command) => Some(&command.tenant),
            Sent::Poison { .. } => None,
        }
    }
}

impl Call {
    pub(crate) fn started_ms(&self) -> i64 {
        self.answered_ms.unwrap_or(self.ended_ms)
    }

    pub(crate) fn ends_ms(&self) -> i64 {
        self.answered_ms.map_or(self.ended_ms, |at| at + self.millis)
    }

    fn json(&self) -> Value {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        put("call_id", json!(self.call_id));
        put("tenant", json!(self.tenant));
        put("service", json!(self.service));
        put("direction", json!(self.direction));
        put("number_type", json!(self.number_type));
        put("from", json!(self.from));
        put("to", json!(self.to));
        for (name, value) in [("user", self.user), ("plan", self.plan), ("usage_country", self.usage_country)] {
            if let Some(value) = value {
                put(name, json!(value));
            }
        }
        if self.on_net {
            put("on_net", json!(true));
        }
        if let Some(part) = self.part {
            put("part", json!(part));
        }
        if !self.is_final {
            put("final", json!(false));
        }
        match self.answered_ms {
            Some(at) => put("answered_at", json!(time(at))),
            None => put("ended_at", json!(time(self.ended_ms))),
        };
        let seconds = match self.millis % 1000 {
            0 => (self.millis / 1000).to_string(),
            rest => format!("{}.{rest:03}", self.millis / 1000),
        };
        put("duration_seconds", serde_json::from_str(&seconds).expect("a number"));
        if let Some(note) = self.note {
            put("attributes", json!({ "note": note }));
        }
        Value::Object(fields)
    }
}

impl Command {
    fn json(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("command_id".into(), json!(self.command_id));
        fields.insert("tenant".into(), json!(self.tenant));
        fields.insert("at".into(), json!(time(self.at_ms)));
        if let Some(actor) = self.actor {
            fields.insert("actor".into(), json!(actor));
        }
        let Value::Object(body) = self.body.json() else { unreachable!("bodies are objects") };
        fields.extend(body);
        Value::Object(fields)
    }
}

impl Body {
    fn json(&self) -> Value {
        let mut body = match self {
            Body::Open(settings) => {
                let mut body = settings.json();
                body["type"] = json!("tenant.open");
                body
            }
            Body::Update(changes) => json!({
                "type": "tenant.update", "price_list": changes.price_list, "usage_country": changes.usage_country,
                "block_at": changes.block_at.map(amount),
            }),
            Body::Close { forfeit } => json!({"type": "tenant.close", "reason": "they left", "forfeit": forfeit}),
            Body::Funds { amount: money, reference, expires_ms } => json!({
                "type": "funds.add", "amount": amount(*money), "payment_reference": reference,
                "expires_at": expires_ms.map(time),
            }),
            Body::Configure(recharge) => {
                let mut body = recharge.json();
                body["type"] = json!("recharge.configure");
                body
            }
            Body::Settle { recharge_id, success: true, reference } => json!({
                "type": "recharge.settle", "recharge_id": recharge_id, "outcome": "succeeded",
                "payment_reference": reference,
            }),
            Body::Settle { recharge_id, success: false, .. } => json!({
                "type": "recharge.settle", "recharge_id": recharge_id, "outcome": "failed", "reason": "card expired",
            }),
            Body::Unreadable { extra, .. } => extra.clone(),
        };
        if let Value::Object(fields) = &mut body {
            fields.retain(|_, value| !value.is_null());
            // Here null is not the same as absent: it takes away.
            if let Body::Update(Changes { overlay, no_rate, .. }) = self {
                for (name, change) in [("overlay", overlay), ("no_rate", no_rate)] {
                    if let Some(change) = change {
                        fields.insert(name.into(), json!(change));
                    }
                }
            }
        }
        body
    }
}

impl Settings {
    /// As an event has them: defaults are left out.
    pub(crate) fn json(&self) -> Value {
        let unless_zero = |money: i128| (money != 0).then(|| amount(money));
        without_nulls(json!({
            "currency": self.currency, "price_list": self.price_list, "overlay": self.overlay,
            "usage_country": self.usage_country, "no_rate": self.no_rate,
            "default_plans": self.default_plan.map(|plan| json!({ "calling": plan })),
            "minimum_funding": unless_zero(self.minimum_funding), "block_at": unless_zero(self.block_at),
        }))
    }
}

impl Recharge {
    /// As an event has them.
    pub(crate) fn json(&self) -> Value {
        without_nulls(json!({
            "enabled": self.enabled, "trigger": amount(self.trigger), "amount": amount(self.amount),
            "payment_method": "pm-1", "max_per_month": self.max_per_month, "max_amount": self.max_amount.map(amount),
            "max_amount_per_month": self.max_amount_per_month.map(amount),
        }))
    }
}

/// An object without its nulls.
pub(crate) fn without_nulls(mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.retain(|_, value| !value.is_null());
    }
    object
}
