//! What happened to an account: the events of the ledger, of which all state is the fold (R40-R42).
//!
//! An event carries whatever the state needs, decided: [`apply`](super::account::Account::apply) draws from the lots that
//! it names and decides nothing.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use smallvec::SmallVec;

use super::allotments::{PoolId, Threshold};
use super::cdr::{Attributes, CallClass, Direction, NumberType, Service};
use super::duration::CallDuration;
use super::identity::{BodyHash, Content};
use super::money::{Money, Rate};
use super::month::Month;
use super::number::{Country, Number};
pub use super::plan::Classes;
use super::recharge::{RechargeId, RechargeSettings};
use super::tenant::TenantSettings;

/// One event of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Whose account.
    pub tenant: Cow<'a, str>,
    /// 1 for `tenant.opened`, then one more each time, without a gap.
    pub seq: u64,
    /// The partition's clock when it was decided, in whole milliseconds.
    pub time: Timestamp,
    /// What caused it.
    pub cause: Cause<'a>,
    /// The balance after it.
    pub balance: Money,
    /// What happened.
    pub body: EventBody<'a>,
}

/// What caused an event; by it a repeat is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause<'a> {
    /// A CDR: written as `call_id/part`.
    Call {
        /// The call's id; with `~source` behind it where it was replayed as new.
        call_id: Cow<'a, str>,
        /// The part; 0 on a lone record.
        part: u32,
    },
    /// A command, by its id; due work, by its name; or, as read back from a ledger, any cause as it was written.
    Written(Cow<'a, str>),
}

impl Cause<'_> {
    /// The cause for longer than the record that it was read from.
    pub fn into_owned(self) -> Cause<'static> {
        match self {
            Cause::Call { call_id, part } => Cause::Call { call_id: Cow::Owned(call_id.into_owned()), part },
            Cause::Written(text) => Cause::Written(Cow::Owned(text.into_owned())),
        }
    }
}

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Call { call_id, part } => write!(f, "{call_id}/{part}"),
            Cause::Written(text) => f.write_str(text),
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventBody<'a> {
    /// `tenant.opened`.
    TenantOpened {
        /// What asked for it.
        command: CommandMark<'a>,
        /// The settings.
        settings: TenantSettings,
    },
    /// `tenant.updated`.
    TenantUpdated {
        /// What asked for it.
        command: CommandMark<'a>,
        /// All settings as they are from here on.
        settings: TenantSettings,
    },
    /// `tenant.closed`.
    TenantClosed {
        /// What asked for it.
        command: CommandMark<'a>,
        /// Why.
        reason: Cow<'a, str>,
    },
    /// `licences.set` (R21).
    LicencesSet {
        /// What asked for it.
        command: CommandMark<'a>,
        /// Of which plan.
        plan: Cow<'a, str>,
        /// Where the licences are used.
        usage_country: Country,
        /// The union of countries that share one pool, where the country is in one.
        union: Option<Cow<'a, str>>,
        /// How many there are from here on.
        quantity: u32,
    },
    /// `user.limit_set` (R38).
    UserLimitSet {
        /// What asked for it.
        command: CommandMark<'a>,
        /// Whose.
        user: Cow<'a, str>,
        /// What the user may spend in a month; `None`: without limit.
        monthly_limit: Option<Money>,
        /// The event from which on the user's spend is counted: this one, unless a limit was in force before.
        since: u64,
    },
    /// `funds.added`: by hand.
    FundsAdded {
        /// What asked for it.
        command: CommandMark<'a>,
        /// The money.
        funds: Funds,
        /// Unique for the tenant.
        payment_reference: Cow<'a, str>,
    },
    /// `funds.expiring`: a lot will lapse (R32).
    FundsExpiring {
        /// Which lot.
        lot: LotId,
        /// What is left of it.
        amount: Money,
        /// When it lapses.
        expires_at: Timestamp,
        /// Days before that.
        days: u32,
    },
    /// `balance.adjusted` (R37).
    BalanceAdjusted(Box<Adjustment<'a>>),
    /// `call.voided` (R37).
    CallVoided(Box<Void<'a>>),
    /// `funds.expired`: what is left of a lot is forfeited (R32, R39).
    FundsExpired {
        /// Which lot.
        lot: LotId,
        /// What was left of it.
        amount: Money,
    },
    /// `recharge.configured`.
    RechargeConfigured {
        /// What asked for it.
        command: CommandMark<'a>,
        /// The settings as they are from here on.
        settings: RechargeSettings,
    },
    /// `recharge.requested`; its id is the sequence number of this event.
    RechargeRequested {
        /// 1, and one higher for each retry.
        attempt: u32,
        /// What is asked for.
        amount: Money,
        /// Who pays: a token of the payment service.
        payment_method: Cow<'a, str>,
    },
    /// `recharge.succeeded`: its lot is booked.
    RechargeSucceeded {
        /// What settled it.
        command: CommandMark<'a>,
        /// Which.
        recharge: RechargeId,
        /// Which attempt.
        attempt: u32,
        /// When it was asked for: its month is the one whose caps it counts for.
        requested_at: Timestamp,
        /// The money.
        funds: Funds,
        /// Of the payment.
        payment_reference: Option<Cow<'a, str>>,
    },
    /// `recharge.failed`.
    RechargeFailed {
        /// What settled it.
        command: CommandMark<'a>,
        /// Which.
        recharge: RechargeId,
        /// Which attempt.
        attempt: u32,
        /// When it was asked for: its month is the one whose caps it counts for no more.
        requested_at: Timestamp,
        /// What it was for.
        amount: Money,
        /// For example an expired card.
        reason: Cow<'a, str>,
        /// When it is tried again; `None`: it is not.
        next_at: Option<Timestamp>,
    },
    /// `recharge.status_requested`: no answer has come; what became of it (R34)?
    RechargeStatusRequested {
        /// Which.
        recharge: RechargeId,
        /// Which attempt.
        attempt: u32,
        /// What it is for.
        amount: Money,
    },
    /// `recharge.unresolved`: still no answer; a person decides (R34).
    RechargeUnresolved {
        /// Which.
        recharge: RechargeId,
        /// Which attempt.
        attempt: u32,
        /// What it is for.
        amount: Money,
    },
    /// `recharge.suspended`: no request until it is configured again or funds arrive by hand (R34).
    RechargeSuspended {
        /// The one that failed.
        recharge: RechargeId,
    },
    /// `recharge.capped`: less was asked for than is needed, or nothing (R33).
    RechargeCapped {
        /// The request that is smaller; `None`: nothing fits.
        recharge: Option<RechargeId>,
        /// What it would be without caps.
        wanted: Money,
    },
    /// `settlement.unmatched`: money somewhere that a person has to look at.
    SettlementUnmatched {
        /// The id as it was written.
        recharge_id: Cow<'a, str>,
        /// Of the payment.
        payment_reference: Option<Cow<'a, str>>,
        /// The lot that it was booked as, where it was (F18).
        amount: Option<Money>,
    },
    /// `call.debited`: zero included.
    CallDebited(Box<Debit<'a>>),
    /// `tenant.blocked` (R35); again when the lists change.
    TenantBlocked(Blocked),
    /// `tenant.unblocked` (R35).
    TenantUnblocked,
    /// `user.blocked`: the user's limit of the month is reached (R38).
    UserBlocked {
        /// Who.
        user: Cow<'a, str>,
        /// Of which month.
        month: Month,
        /// In that month.
        spent: Money,
        /// What may be spent in a month.
        monthly_limit: Money,
    },
    /// `user.unblocked`: it is reached no more.
    UserUnblocked {
        /// Who.
        user: Cow<'a, str>,
        /// Of which month.
        month: Month,
    },
    /// `balance.low`: it fell below the tenant's notice (R36).
    BalanceLow {
        /// The notice.
        notify_below: Money,
    },
    /// `balance.reached_zero`: it fell to `block_at` or below (R36, F16).
    BalanceReachedZero {
        /// Where paid calls are blocked.
        block_at: Money,
    },
    /// `pool.threshold_reached` (R25).
    PoolThresholdReached {
        /// Which pool.
        pool: PoolId,
        /// Of which month.
        month: Month,
        /// How far it is used.
        threshold: Threshold,
        /// Minutes that are used.
        used: u64,
        /// Minutes that it holds.
        size: u64,
        /// Whose, where it is one user's.
        user: Option<Cow<'a, str>>,
    },
}

impl<'a> EventBody<'a> {
    /// The command behind it, where it is a command's first effect.
    pub fn command(&self) -> Option<&CommandMark<'a>> {
        match self {
            EventBody::TenantOpened { command, .. }
            | EventBody::TenantUpdated { command, .. }
            | EventBody::TenantClosed { command, .. }
            | EventBody::LicencesSet { command, .. }
            | EventBody::UserLimitSet { command, .. }
            | EventBody::FundsAdded { command, .. }
            | EventBody::RechargeConfigured { command, .. }
            | EventBody::RechargeSucceeded { command, .. }
            | EventBody::RechargeFailed { command, .. } => Some(command),
            EventBody::BalanceAdjusted(adjustment) => Some(&adjustment.command),
            EventBody::CallVoided(void) => Some(&void.command),
            EventBody::FundsExpiring { .. }
            | EventBody::FundsExpired { .. }
            | EventBody::RechargeRequested { .. }
            | EventBody::RechargeStatusRequested { .. }
            | EventBody::RechargeUnresolved { .. }
            | EventBody::RechargeSuspended { .. }
            | EventBody::RechargeCapped { .. }
            | EventBody::SettlementUnmatched { .. }
            | EventBody::CallDebited(_)
            | EventBody::TenantBlocked(_)
            | EventBody::TenantUnblocked
            | EventBody::UserBlocked { .. }
            | EventBody::UserUnblocked { .. }
            | EventBody::BalanceLow { .. }
            | EventBody::BalanceReachedZero { .. }
            | EventBody::PoolThresholdReached { .. } => None,
        }
    }

    /// Someone must act on it: it is also on `alerts` (R43).
    pub fn is_alert(&self) -> bool {
        match self {
            EventBody::TenantOpened { .. }
            | EventBody::TenantUpdated { .. }
            | EventBody::TenantClosed { .. }
            | EventBody::LicencesSet { .. }
            | EventBody::UserLimitSet { .. }
            | EventBody::FundsAdded { .. }
            | EventBody::BalanceAdjusted(_)
            | EventBody::CallVoided(_)
            | EventBody::RechargeConfigured { .. }
            | EventBody::CallDebited(_) => false,
            EventBody::FundsExpiring { .. }
            | EventBody::FundsExpired { .. }
            | EventBody::RechargeRequested { .. }
            | EventBody::RechargeSucceeded { .. }
            | EventBody::RechargeFailed { .. }
            | EventBody::RechargeStatusRequested { .. }
            | EventBody::RechargeUnresolved { .. }
            | EventBody::RechargeSuspended { .. }
            | EventBody::RechargeCapped { .. }
            | EventBody::SettlementUnmatched { .. }
            | EventBody::TenantBlocked(_)
            | EventBody::TenantUnblocked
            | EventBody::UserBlocked { .. }
            | EventBody::UserUnblocked { .. }
            | EventBody::BalanceLow { .. }
            | EventBody::BalanceReachedZero { .. }
            | EventBody::PoolThresholdReached { .. } => true,
        }
    }
}

/// The command behind an event that is its first effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandMark<'a> {
    /// Of its body: by it a repeat is told from another command of the same id.
    pub body_hash: BodyHash,
    /// Who asked.
    pub actor: Option<Cow<'a, str>>,
}

/// One addition of funds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Funds {
    /// What was added.
    pub amount: Money,
    /// What of it repaid debt at once (F20); the rest is the lot's.
    pub debt_repaid: Money,
    /// When the lot lapses.
    pub expires_at: Timestamp,
}

/// A lot, by the sequence number of the event that added it: `l<seq>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LotId(pub u64);

impl fmt::Display for LotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "l{}", self.0)
    }
}

/// What was drawn from one lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Which lot.
    pub lot: LotId,
    /// How much of it.
    pub amount: Money,
}

/// A correction of the balance (R37): an entry of the ledger that refers to what it corrects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment<'a> {
    /// What asked for it.
    pub command: CommandMark<'a>,
    /// Why.
    pub reason: Cow<'a, str>,
    /// What it does to the money.
    pub money: AdjustedMoney,
    /// The call that it corrects, if it is one.
    pub corrects: Option<Corrects<'a>>,
}

impl Adjustment<'_> {
    /// Signed: above zero it adds, below it takes.
    pub fn amount(&self) -> Money {
        match &self.money {
            AdjustedMoney::Added(funds) => funds.amount,
            AdjustedMoney::Taken { amount, .. } => amount.negated(),
        }
    }
}

/// What an adjustment does to the money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdjustedMoney {
    /// A lot with the normal expiry; debt first.
    Added(Funds),
    /// Drawn like a debit.
    Taken {
        /// Above zero.
        amount: Money,
        /// Where it came from.
        lots: SmallVec<[Draw; 2]>,
        /// What no lot could pay.
        debt: Money,
    },
}

/// The call that a correction refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corrects<'a> {
    /// Its id.
    pub call_id: Cow<'a, str>,
    /// The sequence numbers of all its debits, rising; at least one.
    pub debits: Vec<u64>,
    /// What was given back of the call so far, this correction included; below zero: more was taken than the debits say.
    pub corrected: Money,
}

/// A call that is taken back (R37).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Void<'a> {
    /// What asked for it.
    pub command: CommandMark<'a>,
    /// Why.
    pub reason: Cow<'a, str>,
    /// The call, and what was given back of it.
    pub call: Corrects<'a>,
    /// The identity is freed: a corrected CDR can come.
    pub release: bool,
    /// What is given back now.
    pub amount: Money,
    /// What of it repaid debt.
    pub debt_repaid: Money,
    /// What of it went back to lots that are still there, in the order in which they were drawn from.
    pub lots: SmallVec<[Draw; 2]>,
    /// The rest is a new lot, which lapses then; `None`: there is no rest.
    pub expires_at: Option<Timestamp>,
    /// The minutes that go back.
    pub pool: Option<PoolUse>,
    /// Who had made the call.
    pub user: Option<Cow<'a, str>>,
    /// The start of the call.
    pub answered_at: Option<Timestamp>,
    /// What the user has spent in the month of the call after it, where the user has a limit.
    pub spent: Option<Money>,
}

impl Void<'_> {
    /// What becomes a new lot.
    pub fn new_lot(&self) -> Option<Money> {
        let placed = self.lots.iter().try_fold(self.debt_repaid, |sum, draw| sum.checked_add(draw.amount)).ok()?;
        self.amount.checked_sub(placed).ok()
    }
}

/// Minutes that a call took from a pool, or gave back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolUse {
    /// Which pool.
    pub pool: PoolId,
    /// Of which month: that of the call's start.
    pub month: Month,
    /// How many.
    pub minutes: u64,
    /// Minutes of the pool that are used after it.
    pub used: u64,
    /// Minutes that the pool holds; 0 where they go back.
    pub size: u64,
    /// It is one user's pool, not the tenant's.
    pub of_user: bool,
}

/// All parts of a call so far (R2): what the next one is charged against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cumulative {
    /// Of all that is rated but the duration: the same for all parts.
    pub content: Content,
    /// How long it really was.
    pub duration: CallDuration,
    /// How long it counts.
    pub billed_seconds: u64,
    /// The seconds that money paid for.
    pub paid_seconds: u64,
    /// The minutes that a pool gave.
    pub pool_minutes: u64,
    /// All debits.
    pub amount: Money,
    /// Of the amount: the connect fee.
    pub connect: Money,
    /// Of the amount: what was missing up to the minimum charge.
    pub minimum: Money,
}

/// Why and for what a tenant's paid calls must not be set up (R35, R38, F16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Why.
    pub reason: BlockReason,
    /// The classes: without those that a pool still covers.
    pub classes: Classes,
    /// The tenant's used-up pools of the month, in order; never a single user's.
    pub pools: Vec<PoolId>,
}

/// Why a tenant is blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockReason {
    /// The balance is at `block_at` or below (R35).
    Balance,
    /// The spend of the day has reached the tenant's ceiling (R38).
    DailyLimit,
}

impl BlockReason {
    /// All reasons, the first that holds counts.
    pub const ALL: [BlockReason; 2] = [BlockReason::Balance, BlockReason::DailyLimit];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            BlockReason::Balance => "balance",
            BlockReason::DailyLimit => "daily_limit",
        }
    }
}

/// What one CDR cost, and what is to be remembered of it. Of a call in parts, seconds, minutes, lines and amount are this
/// part's; [`Cumulative`] is the whole so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debit<'a> {
    /// With the tenant, the identity.
    pub call_id: Cow<'a, str>,
    /// 0 on a lone record.
    pub part: u32,
    /// No further part will come.
    pub is_final: bool,
    /// The part is shorter than an earlier one, and costs nothing (R2).
    pub shrunk: bool,
    /// What was used.
    pub service: Service,
    /// Which way.
    pub direction: Direction,
    /// The kind of the tenant's own number that was called; `user` for outbound calls.
    pub number_type: NumberType,
    /// Who holds the licence.
    pub user: Option<Cow<'a, str>>,
    /// The other end, where it is a number.
    pub number: Option<Number>,
    /// The start of the charged time, where somebody answered.
    pub answered_at: Option<Timestamp>,
    /// How long it really was.
    pub duration: CallDuration,
    /// How long it counts (R15).
    pub billed_seconds: u64,
    /// What kind of call.
    pub class: CallClass,
    /// `id@version` of the plan, where one decided.
    pub plan: Option<Cow<'a, str>>,
    /// The minutes that a pool gave.
    pub pool: Option<Box<PoolUse>>,
    /// The seconds that money paid for.
    pub paid_seconds: u64,
    /// The charge, line by line; their sum is the amount.
    pub lines: SmallVec<[ChargeLine; 2]>,
    /// The debit.
    pub amount: Money,
    /// What priced it; absent where nothing had to.
    pub priced_by: Option<PricedBy<'a>>,
    /// Nobody could price it, and the tenant chose to let it go (R9).
    pub free_call: bool,
    /// Where the money came from; lots first.
    pub lots: SmallVec<[Draw; 2]>,
    /// What no lot could pay (R31).
    pub debt: Money,
    /// All parts so far, of a call that has parts.
    pub cumulative: Option<Box<Cumulative>>,
    /// What the user has spent in the month of the call, where the user has a limit (R38).
    pub spent: Option<Money>,
    /// By it a repeat is told from another call of the same id.
    pub content: Content,
    /// The quarantined record that was replayed.
    pub replay_of: Option<Cow<'a, str>>,
    /// Copied from the CDR.
    pub attributes: Attributes<'a>,
}

/// The row that priced a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PricedBy<'a> {
    /// The name of what the prefix stands for.
    pub destination: Cow<'a, str>,
    /// The prefix, or the short code; `None` for inbound calls.
    pub prefix: Option<Cow<'a, str>>,
    /// Per minute; where it changed in the call, the first that was paid.
    pub rate: Rate,
    /// `id@version`.
    pub deck: Cow<'a, str>,
    /// Inbound: the country of the number that was dialled; a short code: the country where it was; else absent.
    pub country: Option<Country>,
}

/// One line of a charge, rounded once (R16, F9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChargeLine {
    /// What it is for.
    pub kind: LineKind,
    /// How much.
    pub amount: Money,
}

/// What a charge line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// An unbroken run of one row at one rate.
    Usage,
    /// The connect fee, once per paid call.
    Connect,
    /// What is missing up to the minimum charge.
    Minimum,
}

impl LineKind {
    /// All kinds.
    pub const ALL: [LineKind; 3] = [LineKind::Usage, LineKind::Connect, LineKind::Minimum];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            LineKind::Usage => "usage",
            LineKind::Connect => "connect",
            LineKind::Minimum => "minimum",
        }
    }
}
