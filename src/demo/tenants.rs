//! The tenants of the demo: who they are, what they start with, and how they are topped up.

use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

use crate::core::command::{CommandBody, OpenTenant};
use crate::core::currency::Currency;
use crate::core::money::Money;
use crate::core::number::Country;
use crate::core::partition::{PartitionId, home_partition};
use crate::core::recharge::RechargeSettings;

/// Where tenants are, how often of a hundred, and what their users dial before a number abroad.
static COUNTRIES: [HomeCountry; 5] = [
    HomeCountry { code: "US", percent: 55, international: "011", own_numbers: "1425555" },
    HomeCountry { code: "GB", percent: 20, international: "00", own_numbers: "4420794" },
    HomeCountry { code: "DE", percent: 10, international: "00", own_numbers: "4930901" },
    HomeCountry { code: "FR", percent: 10, international: "00", own_numbers: "3314270" },
    HomeCountry { code: "NL", percent: 5, international: "00", own_numbers: "3120794" },
];
const COMPANIES: [&str; 12] = [
    "contoso",
    "fabrikam",
    "northwind",
    "adventure",
    "tailspin",
    "wingtip",
    "litware",
    "proseware",
    "fourthcoffee",
    "lucerne",
    "margies",
    "relecloud",
];
/// The least that may be added by hand.
pub const MINIMUM_FUNDING_CENTS: i64 = 500;

/// A country that tenants are in.
#[derive(Debug)]
pub struct HomeCountry {
    /// ISO alpha-2.
    pub code: &'static str,
    percent: u32,
    /// What is dialled before a number abroad.
    pub international: &'static str,
    /// How the users' own numbers begin.
    pub own_numbers: &'static str,
}

/// A tenant.
#[derive(Debug)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// Where its records belong.
    pub home: PartitionId,
    /// Where its users are.
    pub country: &'static HomeCountry,
    /// What it starts with.
    pub funds: Money,
    /// How it is topped up, if it is.
    pub recharge: Option<RechargeSettings>,
}

/// The codes of all countries that tenants are in.
pub fn home_countries() -> [&'static str; COUNTRIES.len()] {
    COUNTRIES.each_ref().map(|country| country.code)
}

/// The tenants, the busiest first.
pub fn found(count: u32, partitions: u32, rng: &mut SmallRng) -> Vec<Tenant> {
    (0..count).map(|rank| Tenant::found(rank, partitions, rng)).collect()
}

impl Tenant {
    fn found(rank: u32, partitions: u32, rng: &mut SmallRng) -> Tenant {
        let name = format!("{}-{rank:04}", COMPANIES.choose(rng).expect("there are companies"));
        let country = draw_country(rng);
        // About a second of calls at full speed for the busiest, so that the recharges have something to do.
        let usual_cents = 2_000 + 600_000 / i64::from(rank + 1);
        let funds_cents = usual_cents * rng.random_range(50..150) / 100;
        let recharge = (rng.random_range(0..100) >= 12).then(|| settings(funds_cents, rng));
        Tenant { home: home_partition(&name, partitions), name, country, funds: cents(funds_cents), recharge }
    }

    /// The command that opens its account.
    pub fn open(&self, price_list: &str, currency: Currency) -> CommandBody<'static> {
        let country: Country = self.country.code.parse().expect("two capital letters");
        CommandBody::OpenTenant(OpenTenant {
            currency,
            price_list: price_list.into(),
            overlay: None,
            usage_country: country,
            default_plans: Vec::new(),
            contacts_ref: Some(format!("desk/{}", self.name).into()),
            no_rate: None,
            minimum_funding: cents(MINIMUM_FUNDING_CENTS),
            block_at: Money::ZERO,
            notify_below: None,
            daily_limit: None,
        })
    }

    /// The command that adds what it starts with.
    pub fn first_funds(&self) -> CommandBody<'static> {
        let payment_reference = format!("transfer/{}", self.name).into();
        CommandBody::AddFunds { amount: self.funds, payment_reference, expires_at: None }
    }
}

/// An amount in cents.
pub fn cents(cents: i64) -> Money {
    Money::new(i128::from(cents), 2).expect("the demo's amounts are small")
}

fn draw_country(rng: &mut SmallRng) -> &'static HomeCountry {
    let mut draw = rng.random_range(0..100_u32);
    for country in &COUNTRIES {
        if draw < country.percent {
            return country;
        }
        draw -= country.percent;
    }
    &COUNTRIES[0]
}

/// Topped up by half of what it started with, when a quarter of that is left; some with caps.
fn settings(funds_cents: i64, rng: &mut SmallRng) -> RechargeSettings {
    let amount = cents((funds_cents / 200 + 1) * 100);
    let cap = rng.random_range(0..100);
    RechargeSettings {
        enabled: true,
        trigger: cents(funds_cents / 400 * 100),
        amount,
        payment_method: format!("card-{:08x}", rng.random::<u32>()).into(),
        max_per_month: (cap < 10).then_some(5),
        max_amount: (10..20).contains(&cap).then(|| amount.checked_times(4).expect("the demo's amounts are small")),
        max_amount_per_month: (20..30)
            .contains(&cap)
            .then(|| amount.checked_times(10).expect("the demo's amounts are small")),
    }
}
