//! What an administrator sets for a tenant.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::money::{Amount, amount};
use super::read;

/// Settings of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub currency: String,
    pub price_list: String,
    pub overlay: Option<String>,
    pub usage_country: String,
    /// By service.
    pub default_plans: BTreeMap<String, String>,
    pub contacts_ref: Option<String>,
    /// `None`: as configured, that is quarantine.
    pub no_rate: Option<String>,
    pub minimum_funding: Amount,
    pub block_at: Amount,
    pub notify_below: Option<Amount>,
    pub daily_limit: Option<Amount>,
}

/// What a command sets. Where a setting can be absent, `Some(None)` takes it away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub currency: Option<String>,
    pub price_list: Option<String>,
    pub overlay: Option<Option<String>>,
    pub usage_country: Option<String>,
    pub default_plans: Option<BTreeMap<String, String>>,
    pub contacts_ref: Option<Option<String>>,
    pub no_rate: Option<Option<String>>,
    pub minimum_funding: Option<Amount>,
    pub block_at: Option<Amount>,
    pub notify_below: Option<Option<Amount>>,
    pub daily_limit: Option<Option<Amount>>,
}

/// The fields of them.
pub const FIELDS: [&str; 11] = [
    "currency",
    "price_list",
    "overlay",
    "usage_country",
    "default_plans",
    "contacts_ref",
    "no_rate",
    "minimum_funding",
    "block_at",
    "notify_below",
    "daily_limit",
];

impl Changes {
    /// `None`: malformed.
    pub fn read(fields: &Map<String, Value>) -> Option<Changes> {
        let name = |field: &str| {
            let name = read::text(fields, field, 64)?;
            name.as_ref().is_none_or(|name| read::is_name(name)).then_some(name)
        };
        let code = |field: &str, length: usize| {
            let code = read::text(fields, field, length)?;
            let is_code = |code: &String| code.len() == length && code.bytes().all(|byte| byte.is_ascii_uppercase());
            code.as_ref().is_none_or(is_code).then_some(code)
        };
        let positive = |field: &str| {
            let money = read::amount(fields, field)?;
            money.is_none_or(|money| money > 0).then_some(money)
        };
        let no_rate = read::text(fields, "no_rate", 64)?;
        if no_rate.as_ref().is_some_and(|policy| !["quarantine", "free_call"].contains(&policy.as_str())) {
            return None;
        }
        let minimum_funding = read::amount(fields, "minimum_funding")?;
        if minimum_funding.is_some_and(|money| money < 0) {
            return None;
        }
        fn nullable<T>(fields: &Map<String, Value>, field: &str, value: Option<T>) -> Option<Option<T>> {
            fields.contains_key(field).then_some(value)
        }
        Some(Changes {
            currency: code("currency", 3)?,
            price_list: name("price_list")?,
            overlay: nullable(fields, "overlay", name("overlay")?),
            usage_country: code("usage_country", 2)?,
            default_plans: plans(fields)?,
            contacts_ref: nullable(fields, "contacts_ref", read::text(fields, "contacts_ref", 256)?),
            no_rate: nullable(fields, "no_rate", no_rate),
            minimum_funding,
            block_at: read::amount(fields, "block_at")?,
            notify_below: nullable(fields, "notify_below", read::amount(fields, "notify_below")?),
            daily_limit: nullable(fields, "daily_limit", positive("daily_limit")?),
        })
    }

    /// The settings of a new tenant. `None`: what is required is not there.
    pub fn opened(self) -> Option<Settings> {
        let opened = Settings {
            currency: self.currency.clone()?,
            price_list: self.price_list.clone()?,
            overlay: None,
            usage_country: self.usage_country.clone()?,
            default_plans: BTreeMap::new(),
            contacts_ref: None,
            no_rate: None,
            minimum_funding: 0,
            block_at: 0,
            notify_below: None,
            daily_limit: None,
        };
        Some(self.applied_to(opened))
    }

    pub fn applied_to(self, to: Settings) -> Settings {
        Settings {
            currency: to.currency,
            price_list: self.price_list.unwrap_or(to.price_list),
            overlay: self.overlay.unwrap_or(to.overlay),
            usage_country: self.usage_country.unwrap_or(to.usage_country),
            default_plans: self.default_plans.unwrap_or(to.default_plans),
            contacts_ref: self.contacts_ref.unwrap_or(to.contacts_ref),
            no_rate: self.no_rate.unwrap_or(to.no_rate),
            minimum_funding: self.minimum_funding.unwrap_or(to.minimum_funding),
            block_at: self.block_at.unwrap_or(to.block_at),
            notify_below: self.notify_below.unwrap_or(to.notify_below),
            daily_limit: self.daily_limit.unwrap_or(to.daily_limit),
        }
    }
}

fn plans(fields: &Map<String, Value>) -> Option<Option<BTreeMap<String, String>>> {
    let plans = match fields.get("default_plans") {
        None | Some(Value::Null) => return Some(None),
        Some(plans) => plans.as_object()?,
    };
    let mut read = BTreeMap::new();
    for (service, plan) in plans {
        let is_service = ["calling", "conferencing", "voice_app"].contains(&service.as_str());
        let plan = plan.as_str().filter(|plan| is_service && read::is_name(plan))?;
        read.insert(service.clone(), plan.to_owned());
    }
    Some(Some(read))
}

impl Settings {
    /// As events have them: defaults are left out.
    pub fn json(&self) -> Value {
        let plans = &self.default_plans;
        json!({
            "currency": self.currency, "price_list": self.price_list, "overlay": self.overlay,
            "usage_country": self.usage_country,
            "default_plans": if plans.is_empty() { Value::Null } else { json!(plans) },
            "contacts_ref": self.contacts_ref, "no_rate": self.no_rate,
            "minimum_funding": super::unless_zero(self.minimum_funding), "block_at": super::unless_zero(self.block_at),
            "notify_below": self.notify_below.map(amount), "daily_limit": self.daily_limit.map(amount),
        })
    }
}
