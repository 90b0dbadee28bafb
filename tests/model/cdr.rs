//! A CDR as the model reads it (WIRE).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::read::{RECORD_BYTES_MAX, object_of, text, time};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_MAX: i64 = 7 * 24 * 3600 * MICROS_PER_SECOND;

/// A call, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub call_id: String,
    pub tenant: String,
    pub service: String,
    pub direction: String,
    pub number_type: String,
    pub from: String,
    pub to: String,
    pub user: Option<String>,
    pub plan: Option<String>,
    pub usage_country: Option<String>,
    pub on_net: bool,
    pub part: Option<u32>,
    pub is_final: bool,
    /// `None`: nobody answered.
    pub answered: Option<Timestamp>,
    /// Of an unanswered call.
    pub ended: Option<Timestamp>,
    pub micros: i64,
    pub attributes: Option<Map<String, Value>>,
}

impl Call {
    /// The instant that its month, day and prices go by.
    pub fn start(&self) -> Timestamp {
        self.answered.or(self.ended).expect("a call has one of them")
    }

    pub fn end(&self) -> Timestamp {
        self.start() + SignedDuration::from_micros(self.micros)
    }

    /// A fraction counts up (R15).
    pub fn seconds_up(&self) -> u64 {
        seconds_up(self.micros)
    }
}

pub fn seconds_up(micros: i64) -> u64 {
    u64::try_from(micros).expect("not negative").div_ceil(1_000_000)
}

/// Seconds as a number of JSON.
pub fn seconds(micros: i64) -> Value {
    let (whole, rest) = (micros / MICROS_PER_SECOND, micros % MICROS_PER_SECOND);
    if rest == 0 {
        return Value::from(whole);
    }
    serde_json::from_str(format!("{whole}.{rest:06}").trim_end_matches('0')).expect("a number")
}

/// Seconds as they are written, with at most six decimals.
fn micros(written: &Value) -> Option<i64> {
    let Value::Number(number) = written else { return None };
    // The shortest text that is this number: what was written, up to zeros at its end.
    let text = number.to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    if decimals.len() > 6 || whole.starts_with('-') {
        return None;
    }
    let micros = whole.parse::<i64>().ok()?.checked_mul(MICROS_PER_SECOND)?;
    let micros = micros + format!("{decimals:0<6}").parse::<i64>().ok()?;
    (micros <= MICROS_MAX).then_some(micros)
}

/// Reads a CDR, or says why it cannot be: another version first, whatever else is in it.
pub fn read(bytes: &[u8]) -> Result<Call, &'static str> {
    let fields = object_of(bytes, RECORD_BYTES_MAX).ok_or("malformed")?;
    if fields.get("version").is_some_and(|version| version.is_u64() && *version != 1) {
        return Err("unsupported_version");
    }
    read_fields(&fields).ok_or("malformed")
}

fn read_fields(fields: &Map<String, Value>) -> Option<Call> {
    let one_of = |name: &str, values: &[&str]| {
        let value = fields.get(name)?.as_str()?;
        values.contains(&value).then(|| value.to_owned())
    };
    let answered = time(fields, "answered_at")?;
    let ended = time(fields, "ended_at")?;
    let micros = micros(fields.get("duration_seconds")?)?;
    if answered.is_none() && (micros > 0 || ended.is_none()) {
        return None;
    }
    let flag = |name: &str, default: bool| match fields.get(name) {
        None | Some(Value::Null) => Some(default),
        Some(value) => value.as_bool(),
    };
    let country = text(fields, "usage_country", 2)?;
    if country.as_ref().is_some_and(|code| code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase())) {
        return None;
    }
    Some(Call {
        call_id: text(fields, "call_id", 128)??,
        tenant: text(fields, "tenant", 64)?.filter(|name| super::read::is_name(name))?,
        service: one_of("service", &["calling", "conferencing", "voice_app"])?,
        direction: one_of("direction", &["outbound", "inbound"])?,
        number_type: one_of("number_type", &["user", "service", "toll_free"])?,
        from: fields.get("from")?.as_str().filter(|text| text.len() <= 256)?.to_owned(),
        to: fields.get("to")?.as_str().filter(|text| text.len() <= 256)?.to_owned(),
        user: text(fields, "user", 256)?,
        plan: text(fields, "plan", 64)?,
        usage_country: country,
        on_net: flag("on_net", false)?,
        part: match fields.get("part") {
            None | Some(Value::Null) => None,
            Some(part) => Some(u32::try_from(part.as_u64()?).ok()?),
        },
        is_final: flag("final", true)?,
        answered,
        ended,
        micros,
        attributes: match fields.get("attributes") {
            None | Some(Value::Null) => None,
            Some(attributes) => Some(attributes.as_object()?.clone()).filter(|all| !all.is_empty()),
        },
    })
}
