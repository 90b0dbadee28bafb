//! The TOML form of a mapping. Whatever is wrong is listed at once, by key.

use std::collections::BTreeMap;
use std::fmt;

use jiff::tz::TimeZone;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::told::{OWN_NUMBER, Table, Told};
use super::{FieldNames, Mapping};
use crate::core::cdr::{ATTRIBUTE_BYTES_MAX, ATTRIBUTES_MAX};
use crate::core::number::{Country, NUMBER_DIGITS_MAX};
use crate::wire::fault::line_and_character;
use crate::wire::foreign::Format;
use crate::wire::foreign::numbers::National;
use crate::wire::value::FromText;

/// The largest file of a mapping, in bytes.
pub const MAPPING_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Fields that are joined into one text, or into one identity, at most.
const FIELDS_MAX: usize = 8;
const DIGITS: std::ops::RangeInclusive<usize> = 1..=NUMBER_DIGITS_MAX;

/// One thing that is wrong with a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingFault {
    /// The key, like `tenant.values.1001`; the line and column of what is no TOML of the form.
    pub key: String,
    /// What is wrong with it.
    pub message: String,
}

/// All that is wrong with a mapping, a line each.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct MappingFaults(pub Vec<MappingFault>);

impl fmt::Display for MappingFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.0.iter().enumerate() {
            let end = if place > 0 { "\n" } else { "" };
            write!(f, "{end}{}: {}", fault.key, fault.message)?;
        }
        Ok(())
    }
}

impl MappingFaults {
    pub(in crate::wire::foreign) fn one(key: &str, message: impl fmt::Display) -> MappingFaults {
        let mut faults = MappingFaults::default();
        faults.add(key, message);
        faults
    }

    fn add(&mut self, key: &str, message: impl fmt::Display) {
        self.0.push(MappingFault { key: key.to_owned(), message: message.to_string() });
    }
}

/// The file as it is written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMapping {
    tenant: Option<RawTold>,
    service: Option<RawTold>,
    direction: Option<RawTold>,
    number_type: Option<RawTold>,
    usage_country: Option<RawTold>,
    plan: Option<RawTold>,
    user: Option<RawTold>,
    on_net: Option<RawTold>,
    time_zone: Option<String>,
    #[serde(default)]
    national: BTreeMap<String, RawNational>,
    #[serde(default)]
    fields: RawFieldNames,
    columns: Option<Vec<String>>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default)]
    skip: BTreeMap<String, Vec<String>>,
}

/// A text, or a table.
enum RawTold {
    Fixed(String),
    By(RawTable),
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    field: OneOrMany,
    after: Option<String>,
    before: Option<String>,
    #[serde(default)]
    values: BTreeMap<String, String>,
    #[serde(default)]
    prefixes: BTreeMap<String, String>,
    default: Option<String>,
}

#[derive(serde::Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawFieldNames {
    #[serde(default)]
    call_id: OneOrMany,
    #[serde(default)]
    from: OneOrMany,
    #[serde(default)]
    to: OneOrMany,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNational {
    country_code: String,
    #[serde(default)]
    national_prefix: String,
    #[serde(default)]
    digits: Vec<usize>,
    #[serde(default)]
    digits_without_prefix: Vec<usize>,
    #[serde(default)]
    international_prefixes: Vec<String>,
}

/// A text, or a list of texts.
#[derive(Default)]
struct OneOrMany(Vec<String>);

/// Either form by its type. (`untagged` cannot say what is wrong inside of one.)
macro_rules! by_type {
    ($type:ident, $expecting:literal, str: $of_str:expr, $visit:ident: $access:ident => $of_other:expr) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Either;
                impl<'de> Visitor<'de> for Either {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: Error>(self, text: &str) -> Result<$type, E> {
                        Ok($of_str(text.to_owned()))
                    }

                    fn $visit<A: serde::de::$access<'de>>(self, access: A) -> Result<$type, A::Error> {
                        $of_other(access)
                    }
                }
                deserializer.deserialize_any(Either)
            }
        }
    };
}
by_type!(RawTold, "a text or a table with `field`", str: RawTold::Fixed, visit_map: MapAccess => read_table);
by_type!(OneOrMany, "a text or a list of texts", str: |text| OneOrMany(vec![text]), visit_seq: SeqAccess => read_list);

fn read_table<'de, A: MapAccess<'de>>(access: A) -> Result<RawTold, A::Error> {
    RawTable::deserialize(serde::de::value::MapAccessDeserializer::new(access)).map(RawTold::By)
}

fn read_list<'de, A: serde::de::SeqAccess<'de>>(access: A) -> Result<OneOrMany, A::Error> {
    Vec::deserialize(serde::de::value::SeqAccessDeserializer::new(access)).map(OneOrMany)
}

pub(super) fn read(text: &str, format: Format) -> Result<Mapping, MappingFaults> {
    if text.len() > MAPPING_BYTES_MAX {
        return Err(MappingFaults::one("mapping", format_args!("larger than {MAPPING_BYTES_MAX} bytes")));
    }
    let raw: RawMapping = toml::from_str(text).map_err(|error| {
        let (line, column) = line_and_character(&text[..error.span().map_or(0, |span| span.start)]);
        MappingFaults::one(&format!("line {line}, column {column}"), error.message())
    })?;
    let mut faults = MappingFaults::default();
    let mapping = raw.check(format, &mut faults);
    match mapping {
        Some(mapping) if faults.0.is_empty() => Ok(mapping),
        _ => Err(faults),
    }
}

impl RawMapping {
    fn check(self, format: Format, faults: &mut MappingFaults) -> Option<Mapping> {
        if self.tenant.is_none() {
            faults.add("tenant", "missing: whose calls are these?");
        }
        if self.direction.is_none() && !format.tells_direction() {
            faults.add("direction", format_args!("missing: {format} does not tell it"));
        }
        if self.time_zone.is_none() && format.has_wall_clocks() {
            faults.add("time_zone", format_args!("missing: the times of {format} have no zone"));
        }
        if self.columns.is_some() && format.own_columns().is_empty() {
            faults.add("columns", format_args!("{format} has none"));
        }
        if !self.national.is_empty() && self.usage_country.is_none() && !format.tells_usage_country() {
            faults.add("national", "needs usage_country, which says whose numbers are completed");
        }
        let fields = FieldNames {
            call_id: self.fields.call_id.checked("fields.call_id", faults),
            from: self.fields.from.checked("fields.from", faults),
            to: self.fields.to.checked("fields.to", faults),
        };
        let mapping = Mapping {
            tenant: told("tenant", self.tenant, faults)?,
            service: told("service", self.service, faults),
            direction: told("direction", self.direction, faults),
            number_type: told("number_type", self.number_type, faults),
            usage_country: told("usage_country", self.usage_country, faults),
            plan: told("plan", self.plan, faults),
            user: told("user", self.user, faults),
            on_net: told("on_net", self.on_net, faults),
            time_zone: self.time_zone.and_then(|name| zone(&name, faults)),
            national: national(self.national, faults),
            fields,
            columns: self.columns,
            attributes: self.attributes.into_iter().collect(),
            skip: self.skip.into_iter().collect(),
        };
        mapping.check_attributes(faults);
        mapping.check_columns(format, faults);
        Some(mapping)
    }
}

impl Mapping {
    fn check_attributes(&self, faults: &mut MappingFaults) {
        let names: usize = self.attributes.iter().map(|(name, _)| name.len()).sum();
        if self.attributes.len() > ATTRIBUTES_MAX || names > ATTRIBUTE_BYTES_MAX / 2 {
            let half = ATTRIBUTE_BYTES_MAX / 2;
            faults.add("attributes", format_args!("more than {ATTRIBUTES_MAX}, or names of more than {half} bytes"));
        }
    }

    /// In a table every field is a column, so a slip of the pen is seen here and not in every record.
    fn check_columns(&self, format: Format, faults: &mut MappingFaults) {
        let own: Vec<&str> = format.own_columns().to_vec();
        let columns: Vec<&str> =
            self.columns.as_ref().map_or(own, |columns| columns.iter().map(String::as_str).collect());
        if columns.is_empty() {
            return;
        }
        if let Some(twice) = columns.iter().enumerate().find(|(at, name)| columns[..*at].contains(name)) {
            faults.add("columns", format_args!("{} is there twice", twice.1));
        }
        for (key, field) in self.fields_looked_at() {
            if field != OWN_NUMBER && !columns.contains(&field) {
                faults.add(&key, format_args!("no column is called {field}; there are {}", columns.join(", ")));
            }
        }
    }

    /// The keys that name fields, with each field.
    fn fields_looked_at(&self) -> Vec<(String, &str)> {
        fn of<'t, T>(key: &'static str, told: Option<&'t Told<T>>) -> impl Iterator<Item = (String, &'t str)> {
            let fields = told.map_or(&[][..], Told::fields);
            fields.iter().map(move |field| (format!("{key}.field"), field.as_str()))
        }
        let mut all: Vec<(String, &str)> = of("tenant", Some(&self.tenant)).collect();
        all.extend(of("service", self.service.as_ref()));
        all.extend(of("direction", self.direction.as_ref()));
        all.extend(of("number_type", self.number_type.as_ref()));
        all.extend(of("usage_country", self.usage_country.as_ref()));
        all.extend(of("plan", self.plan.as_ref()));
        all.extend(of("user", self.user.as_ref()));
        all.extend(of("on_net", self.on_net.as_ref()));
        all.extend(self.attributes.iter().map(|(name, field)| (format!("attributes.{name}"), field.as_str())));
        all.extend(self.skip.iter().map(|(field, _)| (format!("skip.{field}"), field.as_str())));
        let FieldNames { call_id, from, to } = &self.fields;
        for (key, fields) in [("fields.call_id", call_id), ("fields.from", from), ("fields.to", to)] {
            all.extend(fields.iter().map(|field| (key.to_owned(), field.as_str())));
        }
        all
    }
}

impl OneOrMany {
    fn checked(self, key: &str, faults: &mut MappingFaults) -> Vec<String> {
        if self.0.len() > FIELDS_MAX || self.0.iter().any(String::is_empty) {
            faults.add(key, format_args!("not the names of up to {FIELDS_MAX} fields"));
        }
        self.0
    }
}

/// What a key says; `None` where it is absent or has faults.
fn told<T: FromText>(key: &str, raw: Option<RawTold>, faults: &mut MappingFaults) -> Option<Told<T>> {
    let mut read = |key: String, text: &str| match T::from_text(text) {
        Ok(value) => Some(value),
        Err(fault) => {
            faults.add(&key, format_args!("{text:?} is {fault}"));
            None
        }
    };
    let table = match raw? {
        RawTold::Fixed(text) => return read(key.to_owned(), &text).map(Told::Fixed),
        RawTold::By(table) => table,
    };
    let default = table.default.and_then(|text| read(format!("{key}.default"), &text));
    let mut rows = |name: &str, rows: BTreeMap<String, String>| -> Vec<(String, T)> {
        let read =
            |(text, value): (String, String)| Some((text.clone(), read(format!("{key}.{name}.{text}"), &value)?));
        rows.into_iter().filter_map(read).collect()
    };
    let values = rows("values", table.values).into_iter().collect();
    let mut prefixes = rows("prefixes", table.prefixes);
    prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
    let fields = table.field.checked(&format!("{key}.field"), faults);
    if fields.is_empty() {
        faults.add(&format!("{key}.field"), "names no field");
    }
    for (name, mark) in [("after", &table.after), ("before", &table.before)] {
        if mark.as_deref() == Some("") {
            faults.add(&format!("{key}.{name}"), "is empty");
        }
    }
    Some(Told::By(Table { fields, after: table.after, before: table.before, values, prefixes, default }))
}

fn zone(name: &str, faults: &mut MappingFaults) -> Option<TimeZone> {
    let zone = TimeZone::get(name);
    if zone.is_err() {
        faults.add("time_zone", format_args!("{name:?} is no zone like Europe/Paris or UTC"));
    }
    zone.ok()
}

fn national(raw: BTreeMap<String, RawNational>, faults: &mut MappingFaults) -> BTreeMap<Country, National> {
    let mut read = BTreeMap::new();
    for (country, mut raw) in raw {
        let key = format!("national.{country}");
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(&raw.country_code) || raw.country_code.len() > 4 || raw.country_code.starts_with('0') {
            faults.add(&format!("{key}.country_code"), "not 1 to 4 digits without a leading 0");
        }
        if !raw.national_prefix.is_empty() && !digits(&raw.national_prefix) {
            faults.add(&format!("{key}.national_prefix"), "not digits");
        }
        if !raw.international_prefixes.iter().all(|prefix| digits(prefix)) {
            faults.add(&format!("{key}.international_prefixes"), "not digits");
        }
        for (name, lengths) in [("digits", &raw.digits), ("digits_without_prefix", &raw.digits_without_prefix)] {
            if !lengths.iter().all(|length| DIGITS.contains(length)) {
                faults.add(&format!("{key}.{name}"), format_args!("not numbers from 1 to {NUMBER_DIGITS_MAX}"));
            }
        }
        raw.international_prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
        let national = National {
            country_code: raw.country_code,
            national_prefix: raw.national_prefix,
            digits: raw.digits,
            digits_without_prefix: raw.digits_without_prefix,
            international_prefixes: raw.international_prefixes,
        };
        match country.parse() {
            Ok(country) => drop(read.insert(country, national)),
            Err(fault) => faults.add(&key, fault),
        }
    }
    read
}
