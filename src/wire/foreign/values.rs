//! What a switch wrote of one call, by the switch's own names.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::wire::fields::{FieldFault, Fields};
use crate::wire::value::Text;

/// What invalid UTF-8 was read as. Such a value is refused where it counts, and nobody minds it elsewhere: the name of a
/// caller in another encoding is no reason to lose a call.
const NOT_UTF8: char = '\u{fffd}';

/// Named texts in layers: a name is looked for in the first layer, then in the next.
#[derive(Debug, Default)]
pub(super) struct Values<'a> {
    layers: Vec<Layer<'a>>,
}

/// Names and texts as they stand in one object or line.
pub(super) type Layer<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

impl<'a> Values<'a> {
    /// All of one layer.
    pub(super) fn of(layer: Layer<'a>) -> Values<'a> {
        Values { layers: vec![layer] }
    }

    /// Looked at after those that are there.
    pub(super) fn push(&mut self, layer: Layer<'a>) {
        self.layers.push(layer);
    }

    /// The text of that name without spaces around it; `None` where it is absent or empty.
    ///
    /// # Errors
    /// Two texts of that name in one layer (then nobody knows which one a caller may have forged), or not UTF-8.
    pub(super) fn get(&self, name: &str) -> Result<Option<&str>, FieldFault> {
        for layer in &self.layers {
            let mut found = layer.iter().filter(|(other, _)| other == name).map(|(_, text)| text.trim());
            let mut found = found.by_ref().filter(|text| !text.is_empty());
            let Some(text) = found.next() else { continue };
            if found.any(|other| other != text) {
                return Err(FieldFault::new(name, "given twice"));
            }
            if text.contains(NOT_UTF8) {
                return Err(FieldFault::new(name, "not UTF-8"));
            }
            return Ok(Some(text));
        }
        Ok(None)
    }

    /// As [`Self::get`], and must be there.
    ///
    /// # Errors
    /// Missing, too.
    pub(super) fn required(&self, name: &str) -> Result<&str, FieldFault> {
        self.get(name)?.ok_or_else(|| FieldFault::missing(name))
    }

    /// The first of these names that has a text.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(super) fn first(&self, names: &[impl AsRef<str>]) -> Result<Option<&str>, FieldFault> {
        for name in names {
            if let Some(text) = self.get(name.as_ref())? {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }
}

/// The texts, numbers and truths of an object, as texts; objects, lists and null are left out.
pub(super) fn layer_of<'a>(object: &Fields<'a>) -> Layer<'a> {
    object.left().iter().filter_map(|(name, raw)| Some((name.clone(), text_of(raw)?))).collect()
}

/// The member of an object, if it is there.
pub(super) fn member<'a>(object: &Fields<'a>, name: &str) -> Option<&'a RawValue> {
    object.left().iter().find(|(other, _)| other == name).map(|(_, raw)| *raw)
}

fn text_of(raw: &RawValue) -> Option<Cow<'_, str>> {
    let json = raw.get();
    match json.as_bytes().first() {
        Some(b'"') => match serde_json::from_str(json) {
            Ok(Text(text)) => Some(text),
            // A lone surrogate: JSON, but no text.
            Err(_) => Some(Cow::Owned(NOT_UTF8.into())),
        },
        Some(b'{' | b'[' | b'n') | None => None,
        Some(_) => Some(Cow::Borrowed(json)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_for_layer_by_layer_and_must_not_be_ambiguous() {
        let object = |json: &'static str| layer_of(&serde_json::from_str(json).expect("an object"));
        let mut values = Values::of(object(
            r#"{"a":" x ","b":"","c":7,"d":[1],"e":null,"f":1.50,"g":true,"h":"1","h":"2","i":"1","i":"1","j":"\ud800"}"#,
        ));
        values.push(object(r#"{"a":"y","b":"z","h":"3"}"#));
        let cases = [
            ("a", "Ok(Some(\"x\"))"),
            ("b", "Ok(Some(\"z\"))"),
            ("c", "Ok(Some(\"7\"))"),
            ("d", "Ok(None)"),
            ("e", "Ok(None)"),
            ("f", "Ok(Some(\"1.50\"))"),
            ("g", "Ok(Some(\"true\"))"),
            ("h", "h: given twice"),
            ("i", "Ok(Some(\"1\"))"),
            ("j", "j: not UTF-8"),
            ("k", "Ok(None)"),
        ];
        for (name, expected) in cases {
            let found = values.get(name);
            let told = found.as_ref().map_or_else(ToString::to_string, |text| format!("Ok({text:?})"));
            assert_eq!(told, expected, "{name}");
        }
    }
}
