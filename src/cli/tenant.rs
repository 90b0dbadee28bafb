//! `tollkeeper tenant`: opens, changes and closes accounts, and sets their licences and limits.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value};

use super::publish::{self, Body, CommandArgs};
use super::values;
use super::{Exit, LogArgs};
use crate::core::cdr::Service;
use crate::core::currency::Currency;
use crate::core::money::Money;
use crate::core::number::Country;

/// What to do with an account.
#[derive(Clone, Debug, Subcommand)]
pub enum TenantCommand {
    /// Opens an account; its balance is 0, so it is blocked until its first funds
    Open(OpenArgs),
    /// Changes settings of an account; what is not given stays
    Update(UpdateArgs),
    /// Closes an account
    Close(CloseArgs),
    /// Sets how many licences of a plan an account has in a country
    Licences(LicencesArgs),
    /// Sets what a user may spend in a month, or lifts the limit
    Limit(LimitArgs),
}

/// The flags of `open`.
#[derive(Args, Clone, Debug)]
pub struct OpenArgs {
    /// What every command has.
    #[command(flatten)]
    pub command: CommandArgs,
    /// Currency of the account (ISO 4217), fixed from here on
    #[arg(long)]
    pub currency: Currency,
    /// Price list: the id of a deck of the catalog, in that currency
    #[arg(long, value_name = "DECK", value_parser = values::catalog_id)]
    pub price_list: String,
    /// Where its users are (ISO 3166 alpha-2)
    #[arg(long, value_name = "COUNTRY")]
    pub usage_country: Country,
    /// The other settings.
    #[command(flatten)]
    pub settings: SettingsArgs,
}

/// The flags of `update`.
#[derive(Args, Clone, Debug)]
pub struct UpdateArgs {
    /// What every command has.
    #[command(flatten)]
    pub command: CommandArgs,
    /// Price list: the id of a deck of the catalog, in the account's currency
    #[arg(long, value_name = "DECK", value_parser = values::catalog_id)]
    pub price_list: Option<String>,
    /// Where its users are (ISO 3166 alpha-2)
    #[arg(long, value_name = "COUNTRY")]
    pub usage_country: Option<Country>,
    /// The other settings.
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Takes a setting away; may be repeated
    #[arg(long, value_enum, value_name = "SETTING")]
    pub unset: Vec<Unset>,
}

/// Settings that `open` and `update` share.
#[derive(Args, Clone, Debug, Default)]
pub struct SettingsArgs {
    /// A deck of the tenant's own; it goes first where its prefix is of equal or greater length
    #[arg(long, value_name = "DECK", value_parser = values::catalog_id)]
    pub overlay: Option<String>,
    /// The plan of calls of a service that name none; may be repeated
    #[arg(long = "default-plan", value_name = "SERVICE=PLAN", value_parser = service_and_plan)]
    pub default_plans: Vec<(Service, String)>,
    /// Names a record of the desk; never an address
    #[arg(long, value_name = "REF", value_parser = values::command_text)]
    pub contacts_ref: Option<String>,
    /// What becomes of a call that no price list prices; as the engine is configured unless given
    #[arg(long, value_parser = ["quarantine", "free_call"])]
    pub no_rate: Option<String>,
    /// The least that may be added by hand
    #[arg(long, value_name = "AMOUNT", value_parser = values::amount)]
    pub minimum_funding: Option<Money>,
    /// Paid calls are blocked at this balance or below; negative: a credit line
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub block_at: Option<Money>,
    /// A notice is sent when the balance falls below it
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub notify_below: Option<Money>,
    /// Paid calls are blocked for the rest of the UTC day when its calls cost this much
    #[arg(long, value_name = "AMOUNT", value_parser = values::positive_amount)]
    pub daily_limit: Option<Money>,
}

/// A setting that can be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Unset {
    /// The overlay.
    Overlay,
    /// The record of the desk.
    ContactsRef,
    /// The tenant's own answer to calls without a price.
    NoRate,
    /// The notice of a low balance.
    NotifyBelow,
    /// The ceiling of a day.
    DailyLimit,
}

/// The flags of `close`.
#[derive(Args, Clone, Debug)]
pub struct CloseArgs {
    /// What every command has.
    #[command(flatten)]
    pub command: CommandArgs,
    /// Why
    #[arg(long, value_parser = values::command_text)]
    pub reason: String,
    /// What is left is forfeited; needed if the balance is above zero
    #[arg(long)]
    pub forfeit: bool,
}

/// The flags of `licences`.
#[derive(Args, Clone, Debug)]
pub struct LicencesArgs {
    /// What every command has.
    #[command(flatten)]
    pub command: CommandArgs,
    /// A plan of the catalog
    #[arg(long, value_parser = values::catalog_id)]
    pub plan: String,
    /// Where the licences are used (ISO 3166 alpha-2)
    #[arg(long, value_name = "COUNTRY")]
    pub usage_country: Country,
    /// How many there are from here on
    #[arg(long, value_name = "N")]
    pub quantity: u32,
}

/// The flags of `limit`.
#[derive(Args, Clone, Debug)]
pub struct LimitArgs {
    /// What every command has.
    #[command(flatten)]
    pub command: CommandArgs,
    /// Whose, as CDRs name the user
    #[arg(long, value_parser = values::user)]
    pub user: String,
    /// What the user's calls of a month (UTC) may cost; 0: none that cost anything
    #[arg(long, value_name = "AMOUNT", value_parser = values::amount, required_unless_present = "lift")]
    pub monthly_limit: Option<Money>,
    /// Lifts the limit
    #[arg(long, conflicts_with = "monthly_limit")]
    pub lift: bool,
}

/// Publishes the command.
///
/// # Errors
///
/// See [`publish::submit`].
pub fn run(command: &TenantCommand, logs: &LogArgs) -> anyhow::Result<Exit> {
    let (args, body) = match command {
        TenantCommand::Open(args) => (&args.command, args.body()),
        TenantCommand::Update(args) => (&args.command, args.body()),
        TenantCommand::Close(args) => (&args.command, args.body()),
        TenantCommand::Licences(args) => (&args.command, args.body()),
        TenantCommand::Limit(args) => (&args.command, args.body()),
    };
    publish::submit(args, &body, logs)
}

impl OpenArgs {
    /// The body of `tenant.open`.
    pub fn body(&self) -> Body {
        let mut body = Body::new("tenant.open");
        body.set("currency", self.currency.as_str());
        body.set("price_list", self.price_list.as_str());
        body.set("usage_country", self.usage_country.as_str());
        self.settings.add_to(&mut body);
        body
    }
}

impl UpdateArgs {
    /// The body of `tenant.update`.
    pub fn body(&self) -> Body {
        let mut body = Body::new("tenant.update");
        body.set_given("price_list", self.price_list.as_deref());
        body.set_given("usage_country", self.usage_country.as_ref().map(Country::as_str));
        self.settings.add_to(&mut body);
        for setting in &self.unset {
            body.set(setting.field(), Value::Null);
        }
        body
    }
}

impl CloseArgs {
    /// The body of `tenant.close`.
    pub fn body(&self) -> Body {
        let mut body = Body::new("tenant.close");
        body.set("reason", self.reason.as_str());
        body.set_given("forfeit", self.forfeit.then_some(true));
        body
    }
}

impl LicencesArgs {
    /// The body of `licences.set`.
    pub fn body(&self) -> Body {
        let mut body = Body::new("licences.set");
        body.set("plan", self.plan.as_str());
        body.set("usage_country", self.usage_country.as_str());
        body.set("quantity", self.quantity);
        body
    }
}

impl LimitArgs {
    /// The body of `user.limit`.
    pub fn body(&self) -> Body {
        let mut body = Body::new("user.limit");
        body.set("user", self.user.as_str());
        body.set("monthly_limit", self.monthly_limit.map(|limit| limit.to_string()));
        body
    }
}

impl SettingsArgs {
    fn add_to(&self, body: &mut Body) {
        body.set_given("overlay", self.overlay.as_deref());
        body.set_given("contacts_ref", self.contacts_ref.as_deref());
        body.set_given("no_rate", self.no_rate.as_deref());
        body.set_given("minimum_funding", self.minimum_funding.map(|amount| amount.to_string()));
        body.set_given("block_at", self.block_at.map(|amount| amount.to_string()));
        body.set_given("notify_below", self.notify_below.map(|amount| amount.to_string()));
        body.set_given("daily_limit", self.daily_limit.map(|amount| amount.to_string()));
        if !self.default_plans.is_empty() {
            let plans = self.default_plans.iter();
            let plans: Map<String, Value> =
                plans.map(|(service, plan)| (service.code().to_owned(), plan.as_str().into())).collect();
            body.set("default_plans", plans);
        }
    }
}

impl Unset {
    fn field(self) -> &'static str {
        match self {
            Unset::Overlay => "overlay",
            Unset::ContactsRef => "contacts_ref",
            Unset::NoRate => "no_rate",
            Unset::NotifyBelow => "notify_below",
            Unset::DailyLimit => "daily_limit",
        }
    }
}

fn service_and_plan(text: &str) -> Result<(Service, String), String> {
    let (service, plan) = text.split_once('=').ok_or("not SERVICE=PLAN")?;
    let known = Service::ALL.into_iter().find(|known| known.code() == service);
    let service = known.ok_or_else(|| format!("{service} is not one of calling, conferencing, voice_app"))?;
    Ok((service, values::catalog_id(plan)?))
}
