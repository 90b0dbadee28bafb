//! The fields of one object, taken out by name: for forms that are read seldom and refuse what they do not know.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::value::Text;

/// The fields of an object that were not taken yet.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    left: Vec<(Cow<'a, str>, &'a RawValue)>,
}

/// What is wrong with which field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldFault {
    field: String,
    problem: String,
}

impl FieldFault {
    pub(super) fn new(field: &str, problem: impl fmt::Display) -> FieldFault {
        FieldFault { field: field.to_owned(), problem: problem.to_string() }
    }

    pub(super) fn missing(field: &str) -> FieldFault {
        FieldFault::new(field, "missing")
    }
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

impl<'a> Fields<'a> {
    /// Takes a field out. `null` equals absent.
    ///
    /// # Errors
    /// Given twice, or not such a value.
    pub(super) fn optional<T: Deserialize<'a>>(&mut self, name: &'static str) -> Result<Option<T>, FieldFault> {
        Ok(self.nullable(name)?.flatten())
    }

    /// Takes a field out where `null` (`Some(None)`) is not the same as absent (`None`).
    ///
    /// # Errors
    /// Given twice, or not such a value.
    pub(super) fn nullable<T: Deserialize<'a>>(&mut self, name: &'static str) -> Result<Option<Option<T>>, FieldFault> {
        let Some(raw) = self.take(name)? else { return Ok(None) };
        serde_json::from_str(raw.get()).map(Some).map_err(|fault| FieldFault::new(name, without_place(&fault)))
    }

    /// Takes a field out that must be there.
    ///
    /// # Errors
    /// Missing, `null`, given twice, or not such a value.
    pub(super) fn required<T: Deserialize<'a>>(&mut self, name: &'static str) -> Result<T, FieldFault> {
        self.optional(name)?.ok_or_else(|| FieldFault::missing(name))
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// Names a field that was not taken.
    pub(super) fn finish(self) -> Result<(), FieldFault> {
        match self.left.first() {
            Some((name, _)) => Err(FieldFault::new(name, "unknown field")),
            None => Ok(()),
        }
    }

    /// What is left, as it was written.
    pub(super) fn left(&self) -> &[(Cow<'a, str>, &'a RawValue)] {
        &self.left
    }

    fn take(&mut self, name: &'static str) -> Result<Option<&'a RawValue>, FieldFault> {
        let is_it = |(other, _): &(Cow<'a, str>, &RawValue)| other == name;
        let Some(place) = self.left.iter().position(is_it) else { return Ok(None) };
        let (_, raw) = self.left.remove(place);
        if self.left.iter().any(is_it) {
            return Err(FieldFault::new(name, "given twice"));
        }
        Ok(Some(raw))
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut left = Vec::new();
                while let Some((Text(name), raw)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    left.push((name, raw));
                }
                Ok(Fields { left })
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// The place is that in the field's own text, which nobody sees.
pub(super) fn without_place(fault: &serde_json::Error) -> String {
    let text = fault.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
