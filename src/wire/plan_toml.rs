//! Plans as TOML: one version of a plan in a file.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Unexpected, Visitor};
use toml::Spanned;
use toml::value::Datetime;

use crate::core::cdr::{Direction, NumberType, Service};
use crate::core::deck::Kind;
use crate::core::number::Country;
use crate::core::number_plan::NumberPlan;
use crate::core::plan::{
    Allotment, AllotmentIndex, CapRule, KindCondition, Kinds, Payment, Plan, PlanFault, PlanParts, PlanRule, Reach,
    Scope,
};
use crate::core::zone::Countries;
use crate::wire::fault::{FAULTS_LISTED_MAX, Faults, Place, SourceFile, line_and_character, quoted, text_of};
use crate::wire::price_columns::Forms;

/// Bytes of a description at most.
pub const DESCRIPTION_LEN_MAX: usize = 200;

/// How the plan is to be called.
#[derive(Clone, Copy, Debug)]
pub struct PlanName<'a> {
    /// What licences and CDRs refer to.
    pub id: &'a str,
    /// Tells apart what was in force under this name.
    pub version: &'a str,
}

/// The form of a plan's file. Without rules, a plan pays every call from credits (F6): that is Pay-As-You-Go.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    description: Spanned<String>,
    effective_from: Option<Spanned<Datetime>>,
    cap_rule: Option<Spanned<String>>,
    #[serde(default, rename = "allotment")]
    allotments: Vec<Spanned<AllotmentTable>>,
    #[serde(default, rename = "rule")]
    rules: Vec<Spanned<RuleTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllotmentTable {
    name: String,
    scope: Spanned<String>,
    minutes: u32,
    #[serde(default)]
    minutes_in: BTreeMap<Spanned<String>, u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTable {
    service: Option<Spanned<String>>,
    direction: Option<Spanned<String>>,
    number_type: Option<Spanned<String>>,
    reach: Option<Spanned<String>>,
    zone: Option<String>,
    kinds: Option<Spanned<Vec<Spanned<String>>>>,
    except_kinds: Option<Spanned<Vec<Spanned<String>>>>,
    usage_countries: Option<Vec<Spanned<String>>>,
    pay: Pay,
}

/// `"free"`, `"credits"`, `"denied"`, or `{ pool = "domestic" }`.
enum Pay {
    Free,
    Credits,
    Denied,
    Pool(Spanned<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PoolTable {
    pool: Spanned<String>,
}

impl<'de> Deserialize<'de> for Pay {
    /// By hand, for what a derived one says of a wrong form helps nobody.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pay, D::Error> {
        struct PayVisitor;

        impl<'de> Visitor<'de> for PayVisitor {
            type Value = Pay;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"free\", \"credits\", \"denied\" or { pool = \"NAME\" }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Pay, E> {
                match text {
                    "free" => Ok(Pay::Free),
                    "credits" => Ok(Pay::Credits),
                    "denied" => Ok(Pay::Denied),
                    other => Err(E::invalid_value(Unexpected::Str(other), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Pay, A::Error> {
                PoolTable::deserialize(MapAccessDeserializer::new(map)).map(|table| Pay::Pool(table.pool))
            }
        }

        deserializer.deserialize_any(PayVisitor)
    }
}

/// Reads a version of a plan. With a number plan, countries that it does not have are faults too: `UK` is a slip for `GB`. Which
/// zones there are is not asked: the catalog knows.
///
/// # Errors
/// What is wrong with the file, by line and column. What is no TOML, an unknown key and a value of the wrong type end the
/// reading: a TOML reader stops there. All faults of the values are found together.
pub fn read_plan(file: SourceFile<'_>, name: PlanName<'_>, numbers: Option<&NumberPlan>) -> Result<Plan, Faults> {
    let mut faults = Faults::new();
    let Some(text) = text_of(file, &mut faults) else { return Err(faults) };
    let mut reading = Reading { file: file.name, text, numbers, faults };
    let plan_file: PlanFile = match toml::from_str(text) {
        Ok(plan_file) => plan_file,
        Err(error) => {
            reading.wrong(error.span().unwrap_or(0..0), error.message().trim_end());
            return Err(reading.faults);
        }
    };
    let (places, parts) = reading.parts(&plan_file, name);
    if reading.faults.is_empty() {
        match Plan::new(parts) {
            Ok(plan) => return Ok(plan),
            Err(faults) => faults.iter().for_each(|fault| reading.wrong(places.of(fault), &fault.to_string())),
        }
    }
    reading.faults.sort_by_line();
    Err(reading.faults)
}

/// Where the tables of a file begin.
struct Places {
    allotments: Vec<Range<usize>>,
    rules: Vec<Range<usize>>,
}

impl Places {
    fn of(&self, fault: &PlanFault) -> Range<usize> {
        let found = match fault {
            PlanFault::TooManyAllotments => self.allotments.last(),
            PlanFault::TooManyRules => self.rules.last(),
            PlanFault::Allotment { place, .. } => self.allotments.get(*place),
            PlanFault::Rule { place, .. } => self.rules.get(*place),
        };
        found.cloned().unwrap_or(0..0)
    }
}

/// A file that is being read, and what is wrong with it so far.
struct Reading<'a> {
    file: &'a str,
    text: &'a str,
    numbers: Option<&'a NumberPlan>,
    faults: Faults,
}

impl Reading<'_> {
    fn wrong(&mut self, span: Range<usize>, message: &str) {
        // One that is only counted needs no place: to find it takes as long as the file is.
        let is_listed = self.faults.listed().len() < FAULTS_LISTED_MAX;
        let before = self.text.get(..span.start).filter(|_| is_listed).unwrap_or_default();
        let (line, column) = line_and_character(before);
        self.faults.add(self.file, Place { line, column, column_name: "" }, message);
    }

    /// What the file says. Values that are wrong are faults, and stand for themselves nowhere: a file with faults is no plan.
    fn parts(&mut self, plan: &PlanFile, name: PlanName<'_>) -> (Places, PlanParts) {
        self.check_description(&plan.description);
        let effective_from = plan.effective_from.as_ref().and_then(|from| self.instant(from));
        let cap_rule = self.code(plan.cap_rule.as_ref(), &CapRule::ALL, CapRule::code).unwrap_or_default();
        let allotments = plan.allotments.iter().map(|table| self.allotment(table.get_ref())).collect();
        let names: Vec<&str> = plan.allotments.iter().map(|table| &*table.get_ref().name).collect();
        let rules = plan.rules.iter().map(|table| self.rule(table.get_ref(), &names)).collect();
        let parts = PlanParts {
            id: name.id.into(),
            version: name.version.into(),
            effective_from,
            description: plan.description.get_ref().as_str().into(),
            cap_rule,
            allotments,
            rules,
        };
        let places = Places {
            allotments: plan.allotments.iter().map(Spanned::span).collect(),
            rules: plan.rules.iter().map(Spanned::span).collect(),
        };
        (places, parts)
    }

    fn check_description(&mut self, description: &Spanned<String>) {
        let text = description.get_ref();
        if text.trim().is_empty() {
            self.wrong(description.span(), "the description is empty");
        } else if text.len() > DESCRIPTION_LEN_MAX {
            self.wrong(description.span(), &format!("a description longer than {DESCRIPTION_LEN_MAX} bytes"));
        } else if text.chars().any(char::is_control) {
            self.wrong(description.span(), "control characters in the description");
        }
    }

    /// A date, for its midnight in UTC, or a time with its zone.
    fn instant(&mut self, from: &Spanned<Datetime>) -> Option<Timestamp> {
        let text = from.get_ref().to_string();
        Forms::own().from(&text).map_err(|error| self.wrong(from.span(), &format!("{error}: {}", quoted(&text)))).ok()
    }

    fn allotment(&mut self, table: &AllotmentTable) -> Allotment {
        let scope = self.code(Some(&table.scope), &Scope::ALL, Scope::code).unwrap_or(Scope::Shared);
        let mut minutes_in = Vec::new();
        for (country, minutes) in &table.minutes_in {
            minutes_in.extend(self.country(country).map(|country| (country, *minutes)));
        }
        Allotment { name: table.name.as_str().into(), scope, minutes: table.minutes, minutes_in }
    }

    fn rule(&mut self, table: &RuleTable, allotments: &[&str]) -> PlanRule {
        PlanRule {
            service: self.code(table.service.as_ref(), &Service::ALL, Service::code),
            direction: self.code(table.direction.as_ref(), &Direction::ALL, Direction::code),
            number_type: self.code(table.number_type.as_ref(), &NumberType::ALL, NumberType::code),
            reach: self.code(table.reach.as_ref(), &Reach::ALL, Reach::code),
            zone: table.zone.as_deref().map(Box::from),
            kinds: self.kind_condition(table),
            usage_countries: table.usage_countries.as_ref().map(|list| self.countries(list)),
            payment: self.payment(&table.pay, allotments),
        }
    }

    fn kind_condition(&mut self, table: &RuleTable) -> KindCondition {
        match (&table.kinds, &table.except_kinds) {
            (None, None) => KindCondition::Any,
            (Some(kinds), None) => KindCondition::Of(self.kinds(kinds.get_ref())),
            (None, Some(kinds)) => KindCondition::Except(self.kinds(kinds.get_ref())),
            (Some(_), Some(except)) => {
                self.wrong(except.span(), "kinds and except_kinds: a rule has one of them");
                KindCondition::Any
            }
        }
    }

    fn kinds(&mut self, list: &[Spanned<String>]) -> Kinds {
        list.iter().filter_map(|kind| self.code(Some(kind), &Kind::ALL, Kind::code)).collect()
    }

    fn countries(&mut self, list: &[Spanned<String>]) -> Countries {
        let mut countries = Countries::NONE;
        for text in list {
            if self.country(text).is_some_and(|country| !countries.insert(country)) {
                self.wrong(text.span(), &format!("the country is there twice: {}", quoted(text.get_ref())));
            }
        }
        countries
    }

    fn country(&mut self, text: &Spanned<String>) -> Option<Country> {
        let country: Result<Country, _> = text.get_ref().parse();
        match country {
            Ok(country) if self.numbers.is_none_or(|numbers| numbers.knows(country)) => return Some(country),
            Ok(_) => {
                self.wrong(text.span(), &format!("no country of the number plan: {}", quoted(text.get_ref())));
            }
            Err(error) => self.wrong(text.span(), &format!("{error}: {}", quoted(text.get_ref()))),
        }
        None
    }

    fn payment(&mut self, pay: &Pay, allotments: &[&str]) -> Payment {
        match pay {
            Pay::Free => Payment::Free,
            Pay::Credits => Payment::Credits,
            Pay::Denied => Payment::Denied,
            Pay::Pool(name) => {
                let place = allotments.iter().position(|known| known == name.get_ref());
                if place.is_none() {
                    let known = match allotments {
                        [] => "there is none".to_owned(),
                        names => format!("there are {}", names.join(", ")),
                    };
                    self.wrong(name.span(), &format!("no allotment of the plan: {}; {known}", quoted(name.get_ref())));
                }
                place.and_then(AllotmentIndex::new).map_or(Payment::Credits, Payment::Pool)
            }
        }
    }

    /// One of the codes of a closed list; a fault where it is none of them.
    fn code<T: Copy>(
        &mut self,
        text: Option<&Spanned<String>>,
        all: &[T],
        code: impl Fn(T) -> &'static str,
    ) -> Option<T> {
        let text = text?;
        let found = all.iter().copied().find(|known| code(*known) == text.get_ref());
        if found.is_none() {
            let known: Vec<&str> = all.iter().map(|known| code(*known)).collect();
            self.wrong(text.span(), &format!("none of {}: {}", known.join(", "), quoted(text.get_ref())));
        }
        found
    }
}

#[cfg(test)]
mod tests;
