//! What desk, payment service and command line ask of an account.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};

use super::currency::Currency;
use super::event::Debit;
use super::money::Money;
use super::number::Country;
use super::reason::Refusal;
use super::recharge::{RechargeId, RechargeSettings};
use super::tenant::NoRatePolicy;
use super::{cdr::Service, identity::BodyHash};

/// A command whose `at` is further back is refused as `too_old`: less than it is remembered for, so that no repeat can
/// slip past the memory.
pub const COMMAND_AGE_MAX: SignedDuration = SignedDuration::from_hours(35 * 24);
/// A command whose `at` is further ahead is refused as `in_future`.
pub const COMMAND_AHEAD_MAX: SignedDuration = SignedDuration::from_mins(5);
/// How long an applied command is remembered.
pub const COMMAND_MEMORY: SignedDuration = SignedDuration::from_hours(36 * 24);
const _: () = assert!(COMMAND_AGE_MAX.as_secs() + COMMAND_AHEAD_MAX.as_secs() < COMMAND_MEMORY.as_secs());

/// The longest command id, in bytes.
pub const COMMAND_ID_BYTES_MAX: usize = 128;
/// The longest text of a command (a reason, a reference, a token), in bytes.
pub const COMMAND_TEXT_BYTES_MAX: usize = 256;

/// A record of `commands` that names a tenant and itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// 1 to 128 bytes; chosen by who asks; the same again is a duplicate.
    pub command_id: Cow<'a, str>,
    /// A valid name of a tenant.
    pub tenant: Cow<'a, str>,
    /// What is asked, or why that could not be read.
    pub request: Result<Request<'a>, Unreadable>,
}

/// The body of a command could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// `unsupported_version` or `malformed`.
    pub refusal: Refusal,
    /// Which field, and what is wrong with it.
    pub detail: String,
}

/// A command that was read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// When it was asked; for the record, and against repeats after the memory's end.
    pub at: Timestamp,
    /// Who asked.
    pub actor: Option<Cow<'a, str>>,
    /// Of the type and body, without `command_id`, `at`, `actor` and `version`.
    pub body_hash: BodyHash,
    /// What is asked.
    pub body: CommandBody<'a>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandBody<'a> {
    /// `tenant.open`.
    OpenTenant(OpenTenant),
    /// `tenant.update`.
    UpdateTenant(UpdateTenant),
    /// `tenant.close`.
    CloseTenant {
        /// Why.
        reason: Cow<'a, str>,
        /// What is left is forfeited.
        forfeit: bool,
    },
    /// `licences.set`.
    SetLicences {
        /// A plan of the catalog.
        plan: Cow<'a, str>,
        /// Where they are used.
        usage_country: Country,
        /// The new total.
        quantity: u32,
    },
    /// `call.void`.
    VoidCall {
        /// Which.
        call_id: Cow<'a, str>,
        /// Why.
        reason: Cow<'a, str>,
        /// The identity is freed, so that a corrected CDR can come.
        release: bool,
        /// All events of the ledger that debited it, in their order.
        debits: Vec<NamedDebit<'a>>,
    },
    /// `balance.adjust`.
    AdjustBalance {
        /// Signed; not zero.
        amount: Money,
        /// Why.
        reason: Cow<'a, str>,
        /// The call that it corrects, with all events of the ledger that debited it.
        corrects: Option<(Cow<'a, str>, Vec<NamedDebit<'a>>)>,
    },
    /// `user.limit`.
    LimitUser {
        /// Whose.
        user: Cow<'a, str>,
        /// `None` lifts it; 0: this user may not spend.
        monthly_limit: Option<Money>,
    },
    /// `funds.add`.
    AddFunds {
        /// Above zero.
        amount: Money,
        /// Unique for the tenant.
        payment_reference: Cow<'a, str>,
        /// Absent: 12 months later.
        expires_at: Option<Timestamp>,
    },
    /// `recharge.configure`.
    ConfigureRecharge(RechargeSettings),
    /// `recharge.settle`.
    SettleRecharge {
        /// Which; `None`: an id that the engine never makes.
        recharge_id: Option<RechargeId>,
        /// The id as it was written.
        written_id: Cow<'a, str>,
        /// How it went.
        settlement: Settlement<'a>,
    },
}

/// A debit as its command copied it from the ledger: past calls are not in the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedDebit<'a> {
    /// Whose account it says it is of.
    pub tenant: Cow<'a, str>,
    /// Its sequence number.
    pub seq: u64,
    /// The debit.
    pub debit: Box<Debit<'a>>,
}

/// How a recharge went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement<'a> {
    /// The money is here.
    Succeeded {
        /// Of the payment.
        payment_reference: Option<Cow<'a, str>>,
    },
    /// It is not.
    Failed {
        /// For example an expired card.
        reason: Cow<'a, str>,
    },
}

/// The body of `tenant.open`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenTenant {
    /// Fixed from here on.
    pub currency: Currency,
    /// A deck of the catalog.
    pub price_list: Box<str>,
    /// A deck of the catalog.
    pub overlay: Option<Box<str>>,
    /// Where its users are.
    pub usage_country: Country,
    /// Plans of the catalog, by service; sorted by service.
    pub default_plans: Vec<(Service, Box<str>)>,
    /// Names a record of the desk.
    pub contacts_ref: Option<Box<str>>,
    /// Absent: as the engine is configured.
    pub no_rate: Option<NoRatePolicy>,
    /// 0 or more.
    pub minimum_funding: Money,
    /// 0 unless given.
    pub block_at: Money,
    /// See [`TenantSettings::notify_below`](super::tenant::TenantSettings::notify_below).
    pub notify_below: Option<Money>,
    /// See [`TenantSettings::daily_limit`](super::tenant::TenantSettings::daily_limit).
    pub daily_limit: Option<Money>,
}

/// The body of `tenant.update`: what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateTenant {
    /// A deck of the catalog, in the tenant's currency.
    pub price_list: Option<Box<str>>,
    /// A deck of the catalog, in the tenant's currency; `Some(None)` takes it away.
    pub overlay: Option<Option<Box<str>>>,
    /// Where its users are.
    pub usage_country: Option<Country>,
    /// All of them.
    pub default_plans: Option<Vec<(Service, Box<str>)>>,
    /// Names a record of the desk; `Some(None)` takes it away.
    pub contacts_ref: Option<Option<Box<str>>>,
    /// `Some(None)`: as the engine is configured.
    pub no_rate: Option<Option<NoRatePolicy>>,
    /// 0 or more.
    pub minimum_funding: Option<Money>,
    /// See [`TenantSettings::block_at`](super::tenant::TenantSettings::block_at).
    pub block_at: Option<Money>,
    /// `Some(None)` takes it away.
    pub notify_below: Option<Option<Money>>,
    /// `Some(None)` takes it away.
    pub daily_limit: Option<Option<Money>>,
}
