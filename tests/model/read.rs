//! Fields of JSON. The outer `None` is always: not what it should be.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::money::{self, Amount};

/// What a record may have.
pub const RECORD_BYTES_MAX: usize = 65_536;

pub fn object_of(bytes: &[u8], bytes_max: usize) -> Option<Map<String, Value>> {
    if bytes.len() > bytes_max {
        return None;
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(fields)) => Some(fields),
        _ => None,
    }
}

/// A text that is not empty; absent and null are the same.
pub fn text(fields: &Map<String, Value>, name: &str, bytes_max: usize) -> Option<Option<String>> {
    match fields.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) if !text.is_empty() && text.len() <= bytes_max => Some(Some(text.clone())),
        Some(_) => None,
    }
}

pub fn time(fields: &Map<String, Value>, name: &str) -> Option<Option<Timestamp>> {
    match fields.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) => text.parse().ok().map(Some),
        Some(_) => None,
    }
}

pub fn amount(fields: &Map<String, Value>, name: &str) -> Option<Option<Amount>> {
    match fields.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) => money::read(text).map(Some),
        Some(_) => None,
    }
}

/// 1 to 64 of `[A-Za-z0-9._-]`.
pub fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
