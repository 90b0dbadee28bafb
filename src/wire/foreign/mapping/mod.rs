//! What a switch cannot know: whose a call is, which way it went, who pays, in which zone its clock runs.
//!
//! A mapping is configuration, a TOML file ([`Mapping::read`]). Every property is either fixed (`tenant = "contoso"`) or told
//! by a field of the record:
//!
//! ```toml
//! tenant = { field = "accountcode", before = "-", values = { "1001" = "contoso" }, prefixes = { "2" = "fabrikam" } }
//! ```
//!
//! `field` may be a list, whose texts are then joined by `/`. `after` and `before` cut the text; `values` has whole texts,
//! `prefixes` beginnings of texts (the longest counts), `default` is for any other text and for none. A table without
//! `values` and `prefixes` takes the text itself. `own_number` is a field too: the number of the tenant's end, completed.

mod file;
mod told;

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::Format;
use super::numbers::{National, number_in};
use super::values::Values;
use crate::core::cdr::{ATTRIBUTE_BYTES_MAX, Attributes, CallTimes, Cdr, Direction, NumberType, Service};
use crate::core::number::Country;
use crate::core::tenant::TenantId;
use crate::wire::Rejected;
use crate::wire::cdr::check;
use crate::wire::fields::FieldFault;
use crate::wire::value::FromText;
pub use file::{MAPPING_BYTES_MAX, MappingFault, MappingFaults};
use told::{Told, Untold};

/// A mapping that fits its format.
#[derive(Clone, Debug)]
pub struct Mapping {
    tenant: Told<NameText>,
    service: Option<Told<Service>>,
    direction: Option<Told<Direction>>,
    number_type: Option<Told<NumberType>>,
    usage_country: Option<Told<Country>>,
    plan: Option<Told<NameText>>,
    user: Option<Told<AnyText>>,
    on_net: Option<Told<bool>>,
    /// Of times that have none.
    pub(super) time_zone: Option<TimeZone>,
    /// By the usage country of the call.
    national: BTreeMap<Country, National>,
    /// Which fields have the ends and the identity of a call.
    pub(super) fields: FieldNames,
    /// The columns of a table without a header, where they are not the switch's own.
    pub(super) columns: Option<Vec<String>>,
    /// Attribute and field.
    attributes: Vec<(String, String)>,
    /// Records in which a field has one of these texts are skipped.
    skip: Vec<(String, Vec<String>)>,
}

/// Which fields have the ends and the identity of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldNames {
    /// The texts of all of them make the identity.
    pub(super) call_id: Vec<String>,
    /// The first that has a text counts.
    pub(super) from: Vec<String>,
    /// As `from`.
    pub(super) to: Vec<String>,
}

/// A name as tenants and plans have it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NameText(String);

/// Any text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AnyText(String);

impl FromText for NameText {
    fn from_text(text: &str) -> Result<Self, impl std::fmt::Display> {
        TenantId::is_valid(text).then(|| NameText(text.to_owned())).ok_or("not 1 to 64 of [A-Za-z0-9._-]")
    }
}

impl FromText for AnyText {
    fn from_text(text: &str) -> Result<Self, impl std::fmt::Display> {
        Ok::<AnyText, &str>(AnyText(text.to_owned()))
    }
}

impl FromText for bool {
    fn from_text(text: &str) -> Result<Self, impl std::fmt::Display> {
        text.parse::<bool>().map_err(|_| "not true or false")
    }
}

/// What a switch says of a call itself. What it does not say is `None`; what the mapping says goes first.
#[derive(Debug)]
pub(super) struct SwitchCall<'v> {
    pub(super) call_id: String,
    pub(super) from: &'v str,
    pub(super) to: &'v str,
    pub(super) times: CallTimes,
    pub(super) service: Option<Service>,
    pub(super) direction: Option<Direction>,
    pub(super) number_type: Option<NumberType>,
    pub(super) usage_country: Option<Country>,
    pub(super) user: Option<&'v str>,
}

impl Mapping {
    /// Reads and checks the mapping of a format.
    ///
    /// # Errors
    /// All that is wrong with it, by key; a text that is no TOML of this form has its first fault, by line.
    pub fn read(text: &str, format: Format) -> Result<Mapping, MappingFaults> {
        file::read(text, format)
    }

    /// The configuration says that this record is none of ours.
    ///
    /// # Errors
    /// A field that cannot be read.
    pub(super) fn skips(&self, values: &Values<'_>) -> Result<bool, FieldFault> {
        for (field, texts) in &self.skip {
            if values.get(field)?.is_some_and(|text| texts.iter().any(|other| other == text)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The native CDR of a call.
    ///
    /// # Errors
    /// `unknown_tenant` where nobody says whose it is, else `malformed`.
    pub(super) fn complete(&self, call: SwitchCall<'_>, values: &Values<'_>) -> Result<Cdr<'static>, Rejected> {
        let usage_country = tell(self.usage_country.as_ref(), values, "")?.or(call.usage_country);
        let national = usage_country.and_then(|country| self.national.get(&country));
        let direction = tell(self.direction.as_ref(), values, "")?.or(call.direction);
        let direction = direction.ok_or_else(|| Rejected::malformed("direction: nothing tells it"))?;
        let (from, to) = (number_in(call.from, national), number_in(call.to, national));
        if to.is_empty() && matches!(call.times, CallTimes::Answered { duration, .. } if !duration.is_zero()) {
            return Err(Rejected::malformed("to: missing, but the call lasted: name its field in the mapping"));
        }
        let own = match direction {
            Direction::Outbound => &from,
            Direction::Inbound => &to,
        };
        let tenant = self.tenant(values, own)?;
        let service = tell(self.service.as_ref(), values, own)?.or(call.service).unwrap_or(Service::Calling);
        let number_type = tell(self.number_type.as_ref(), values, own)?.or(call.number_type);
        let user = match tell(self.user.as_ref(), values, own)? {
            Some(AnyText(user)) => Some(user),
            None => call.user.map(str::to_owned),
        };
        let cdr = Cdr {
            call_id: call.call_id.into(),
            tenant: tenant.into(),
            service,
            direction,
            number_type: number_type.unwrap_or(usual_number_type(service)),
            // Nobody holds the licence of an attendant or a bot (R1).
            user: user.filter(|_| service != Service::VoiceApp).map(Cow::Owned),
            plan: tell(self.plan.as_ref(), values, own)?.map(|NameText(plan)| plan.into()),
            usage_country,
            on_net: tell(self.on_net.as_ref(), values, own)?.unwrap_or(false),
            from: from.into(),
            to: to.into(),
            part: None,
            is_final: true,
            times: call.times,
            attributes: self.attributes(values)?,
        };
        check(&cdr)?;
        Ok(cdr)
    }

    fn tenant(&self, values: &Values<'_>, own_number: &str) -> Result<String, Rejected> {
        match self.tenant.tell(values, own_number) {
            Ok(Some(NameText(tenant))) => Ok(tenant),
            Ok(None) => {
                let fields = self.tenant.fields().join("/");
                Err(Rejected::unknown_tenant(format_args!("tenant: {fields} is empty and there is no default")))
            }
            Err(Untold::Unknown(fault)) => Err(Rejected::unknown_tenant(format_args!("tenant: {fault}"))),
            Err(Untold::Fault(fault)) => Err(fault.into()),
        }
    }

    /// Texts that are copied to the debit. They are for people, so what is too long is cut rather than the call refused.
    fn attributes(&self, values: &Values<'_>) -> Result<Attributes<'static>, Rejected> {
        let mut room = ATTRIBUTE_BYTES_MAX;
        let mut attributes = Attributes::new();
        for (name, field) in &self.attributes {
            let Some(text) = values.get(field)? else { continue };
            let Some(left) = room.checked_sub(name.len()) else { break };
            let text = &text[..text.floor_char_boundary(left)];
            room = left - text.len();
            attributes.push((name.clone().into(), text.to_owned().into()));
        }
        Ok(attributes)
    }
}

fn tell<T: Clone + FromText>(
    told: Option<&Told<T>>,
    values: &Values<'_>,
    own_number: &str,
) -> Result<Option<T>, FieldFault> {
    Ok(match told {
        Some(told) => told.tell(values, own_number)?,
        None => None,
    })
}

/// Of calls whose own number nobody described.
fn usual_number_type(service: Service) -> NumberType {
    match service {
        Service::Calling => NumberType::User,
        Service::Conferencing | Service::VoiceApp => NumberType::Service,
    }
}

#[cfg(test)]
mod tests;
