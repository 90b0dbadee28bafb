//! How a property of a call is told: the same for all, or by what the switch wrote.

use std::collections::HashMap;

use crate::wire::fields::FieldFault;
use crate::wire::foreign::values::Values;
use crate::wire::value::FromText;

/// The number of the tenant's own end, completed: a name that `field` may give, beside those of the switch.
pub(super) const OWN_NUMBER: &str = "own_number";
/// Between the texts of several fields.
const JOINT: &str = "/";

/// How one property is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told<T> {
    /// The same for all.
    Fixed(T),
    /// By what the switch wrote.
    By(Table<T>),
}

/// A table from what the switch wrote to what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table<T> {
    /// Whose texts are looked at; those of several are joined by `/`.
    pub(super) fields: Vec<String>,
    /// Only what stands behind the first of this.
    pub(super) after: Option<String>,
    /// Only what stands before the first of this.
    pub(super) before: Option<String>,
    /// Whole texts.
    pub(super) values: HashMap<String, T>,
    /// Beginnings of texts, the longest first.
    pub(super) prefixes: Vec<(String, T)>,
    /// For any other text, and for none.
    pub(super) default: Option<T>,
}

/// Why a property is not told.
#[derive(Debug)]
pub(super) enum Untold {
    /// The field cannot be read.
    Fault(FieldFault),
    /// The table has no such text, or the text is not of the kind.
    Unknown(FieldFault),
}

impl From<FieldFault> for Untold {
    fn from(fault: FieldFault) -> Untold {
        Untold::Fault(fault)
    }
}

impl From<Untold> for FieldFault {
    fn from(untold: Untold) -> FieldFault {
        match untold {
            Untold::Fault(fault) | Untold::Unknown(fault) => fault,
        }
    }
}

impl<T: Clone + FromText> Told<T> {
    /// What is told of a call; `None` where the switch wrote nothing and there is no default.
    ///
    /// # Errors
    /// [`Untold`].
    pub(super) fn tell(&self, values: &Values<'_>, own_number: &str) -> Result<Option<T>, Untold> {
        match self {
            Told::Fixed(value) => Ok(Some(value.clone())),
            Told::By(table) => table.tell(values, own_number),
        }
    }
}

impl<T> Told<T> {
    /// The fields that are looked at.
    pub(super) fn fields(&self) -> &[String] {
        match self {
            Told::Fixed(_) => &[],
            Told::By(table) => &table.fields,
        }
    }
}

impl<T: Clone + FromText> Table<T> {
    fn tell(&self, values: &Values<'_>, own_number: &str) -> Result<Option<T>, Untold> {
        let mut texts = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            let own = (field == OWN_NUMBER && !own_number.is_empty()).then_some(own_number);
            match own.map_or_else(|| values.get(field), |own| Ok(Some(own)))? {
                Some(text) => texts.push(text),
                None => return Ok(self.default.clone()),
            }
        }
        let text = texts.join(JOINT);
        let text = self.part_of(&text);
        let in_prefixes = || self.prefixes.iter().find(|(prefix, _)| text.starts_with(prefix.as_str()));
        let listed = self.values.get(text).or_else(|| in_prefixes().map(|(_, value)| value)).or(self.default.as_ref());
        if let Some(value) = listed {
            return Ok(Some(value.clone()));
        }
        let unknown = |problem: String| Untold::Unknown(FieldFault::new(&self.fields.join(JOINT), problem));
        if !self.values.is_empty() || !self.prefixes.is_empty() {
            return Err(unknown(format!("the mapping has nothing for {text:?}")));
        }
        T::from_text(text).map(Some).map_err(|fault| unknown(format!("{text:?}: {fault}")))
    }

    /// The part of a text that counts; all of it where a mark is not there.
    fn part_of<'t>(&self, text: &'t str) -> &'t str {
        let behind = self.after.as_deref().and_then(|mark| text.split_once(mark)).map_or(text, |(_, behind)| behind);
        self.before.as_deref().and_then(|mark| behind.split_once(mark)).map_or(behind, |(before, _)| before)
    }
}
