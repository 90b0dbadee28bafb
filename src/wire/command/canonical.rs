//! The canonical bytes of a command's body: what its hash is taken of.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::wire::json::{Object, write_list, write_text};

/// Type and body as one object, without spaces, fields sorted by name at every depth.
/// (What is nested too deeply for a [`Value`] counts as `null`: no body has such a field, so the command is refused.)
pub(super) fn bytes(kind: &str, body: &[(Cow<'_, str>, &RawValue)]) -> Vec<u8> {
    let mut fields: Vec<(&str, Value)> =
        body.iter().map(|(name, raw)| (&**name, serde_json::from_str(raw.get()).unwrap_or_default())).collect();
    fields.push(("type", Value::String(kind.to_owned())));
    let mut bytes = Vec::new();
    write_object(fields.iter().map(|(name, value)| (*name, value)).collect(), &mut bytes);
    bytes
}

fn write_object(mut fields: Vec<(&str, &Value)>, into: &mut Vec<u8>) {
    fields.sort_by_key(|(name, _)| *name);
    let mut object = Object::open(into);
    for (name, value) in fields {
        write_value(value, object.value(name));
    }
    object.close();
}

fn write_value(value: &Value, into: &mut Vec<u8>) {
    match value {
        Value::Object(fields) => write_object(fields.iter().map(|(name, value)| (&**name, value)).collect(), into),
        Value::Array(elements) => write_list(elements, into, write_value),
        Value::String(text) => write_text(text, into),
        scalar => into.extend_from_slice(scalar.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::fields::Fields;

    #[test]
    fn order_spaces_and_escapes_do_not_count() {
        let canonical = |json: &str| {
            let fields: Fields<'_> = serde_json::from_str(json).expect("an object");
            String::from_utf8(bytes("tenant.open", fields.left())).expect("JSON is UTF-8")
        };
        let expected = r#"{"a":[{"y":null,"z":"A"},2],"type":"tenant.open","ü":"1.00"}"#;
        assert_eq!(canonical(r#"{"ü":"1.00","a":[{"z":"A","y":null},2]}"#), expected);
        assert_eq!(canonical(r#"{ "a" : [ {"y":null,"z":"\u0041"} , 2 ], "\u00fc":"1.00" }"#), expected);
    }
}
