//! The settings of a tenant, as events carry them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::{read_optional_money, read_optional_text};
use crate::core::cdr::Service;
use crate::core::money::Money;
use crate::core::tenant::TenantSettings;
use crate::wire::fields::{FieldFault, Fields};
use crate::wire::json::Object;
use crate::wire::record::given_twice;
use crate::wire::value::{Name, Parsed};

pub(super) fn write_settings(settings: &TenantSettings, data: &mut Object<'_>) {
    data.plain("currency", settings.currency);
    data.text("price_list", &settings.price_list);
    data.optional_text("overlay", settings.overlay.as_deref());
    data.plain("usage_country", settings.usage_country);
    if !settings.default_plans.is_empty() {
        write_default_plans(&settings.default_plans, data);
    }
    data.optional_text("contacts_ref", settings.contacts_ref.as_deref());
    data.optional_text("no_rate", settings.no_rate.map(|policy| policy.code()));
    data.money_unless_zero("minimum_funding", settings.minimum_funding);
    data.money_unless_zero("block_at", settings.block_at);
    data.optional_money("notify_below", settings.notify_below);
    data.optional_money("daily_limit", settings.daily_limit);
}

pub(in crate::wire) fn write_default_plans(plans: &[(Service, Box<str>)], data: &mut Object<'_>) {
    let mut by_service = data.object("default_plans");
    for (service, plan) in plans {
        by_service.text(service.code(), plan);
    }
    by_service.close();
}

pub(super) fn read_settings(data: &mut Fields<'_>) -> Result<TenantSettings, FieldFault> {
    let Parsed(currency) = data.required("currency")?;
    let Name(price_list) = data.required("price_list")?;
    let overlay: Option<Name<'_>> = data.optional("overlay")?;
    let Parsed(usage_country) = data.required("usage_country")?;
    let default_plans: Option<DefaultPlans> = data.optional("default_plans")?;
    let no_rate: Option<Parsed<_>> = data.optional("no_rate")?;
    Ok(TenantSettings {
        currency,
        price_list: price_list.into(),
        overlay: overlay.map(|Name(deck)| deck.into()),
        usage_country,
        default_plans: default_plans.map(|DefaultPlans(plans)| plans).unwrap_or_default(),
        contacts_ref: read_optional_text(data, "contacts_ref")?.map(Into::into),
        no_rate: no_rate.map(|Parsed(policy)| policy),
        minimum_funding: read_optional_money(data, "minimum_funding")?.unwrap_or(Money::ZERO),
        block_at: read_optional_money(data, "block_at")?.unwrap_or(Money::ZERO),
        notify_below: read_optional_money(data, "notify_below")?,
        daily_limit: read_optional_money(data, "daily_limit")?,
    })
}

/// `{"service":"plan"}`, sorted by service.
pub(in crate::wire) struct DefaultPlans(pub(in crate::wire) Vec<(Service, Box<str>)>);

impl<'de> Deserialize<'de> for DefaultPlans {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByService;
        impl<'de> Visitor<'de> for ByService {
            type Value = DefaultPlans;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of plans by service")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DefaultPlans, A::Error> {
                let mut plans: Vec<(Service, Box<str>)> = Vec::new();
                while let Some((Parsed(service), Name(plan))) = map.next_entry::<Parsed<Service>, Name<'de>>()? {
                    if plans.iter().any(|(other, _)| *other == service) {
                        return Err(given_twice(service.code()));
                    }
                    plans.push((service, plan.into()));
                }
                plans.sort_unstable_by_key(|(service, _)| *service);
                Ok(DefaultPlans(plans))
            }
        }
        deserializer.deserialize_map(ByService)
    }
}
