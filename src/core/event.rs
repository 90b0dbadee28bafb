//! What happened to an account: the events of the ledger, of which all state is the fold (R40-R42).
//!
//! An event carries whatever the state needs, decided: [`apply`](super::account::Account::apply) draws from the lots that
//! it names and decides nothing.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use smallvec::SmallVec;

use super::cdr::{Attributes, CallClass, Direction, Service};
use super::duration::CallDuration;
use super::identity::{BodyHash, Content};
use super::money::{Money, Rate};
use super::number::Number;
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
    /// A command, by its id; or, as read back from a ledger, any cause as it was written.
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
    /// `funds.added`: by hand.
    FundsAdded {
        /// What asked for it.
        command: CommandMark<'a>,
        /// The money.
        funds: Funds,
        /// Unique for the tenant.
        payment_reference: Cow<'a, str>,
    },
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
    /// `tenant.blocked` (R35).
    TenantBlocked {
        /// The classes that must not be set up.
        classes: Classes,
    },
    /// `tenant.unblocked` (R35).
    TenantUnblocked,
}

impl<'a> EventBody<'a> {
    /// The command behind it, where it is a command's first effect.
    pub fn command(&self) -> Option<&CommandMark<'a>> {
        match self {
            EventBody::TenantOpened { command, .. }
            | EventBody::TenantUpdated { command, .. }
            | EventBody::TenantClosed { command, .. }
            | EventBody::FundsAdded { command, .. }
            | EventBody::RechargeConfigured { command, .. }
            | EventBody::RechargeSucceeded { command, .. }
            | EventBody::RechargeFailed { command, .. } => Some(command),
            EventBody::FundsExpired { .. }
            | EventBody::RechargeRequested { .. }
            | EventBody::RechargeSuspended { .. }
            | EventBody::RechargeCapped { .. }
            | EventBody::SettlementUnmatched { .. }
            | EventBody::CallDebited(_)
            | EventBody::TenantBlocked { .. }
            | EventBody::TenantUnblocked => None,
        }
    }

    /// Someone must act on it: it is also on `alerts` (R43).
    pub fn is_alert(&self) -> bool {
        match self {
            EventBody::TenantOpened { .. }
            | EventBody::TenantUpdated { .. }
            | EventBody::TenantClosed { .. }
            | EventBody::FundsAdded { .. }
            | EventBody::RechargeConfigured { .. }
            | EventBody::CallDebited(_) => false,
            EventBody::FundsExpired { .. }
            | EventBody::RechargeRequested { .. }
            | EventBody::RechargeSucceeded { .. }
            | EventBody::RechargeFailed { .. }
            | EventBody::RechargeSuspended { .. }
            | EventBody::RechargeCapped { .. }
            | EventBody::SettlementUnmatched { .. }
            | EventBody::TenantBlocked { .. }
            | EventBody::TenantUnblocked => true,
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

/// What one CDR cost, and what is to be remembered of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debit<'a> {
    /// With the tenant, the identity.
    pub call_id: Cow<'a, str>,
    /// 0 on a lone record.
    pub part: u32,
    /// No further part will come.
    pub is_final: bool,
    /// What was used.
    pub service: Service,
    /// Which way.
    pub direction: Direction,
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
    /// The prefix.
    pub prefix: Cow<'a, str>,
    /// Per minute.
    pub rate: Rate,
    /// `id@version`.
    pub deck: Cow<'a, str>,
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

/// A set of the paid call classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Classes(u8);

impl Classes {
    /// All that somebody pays for.
    pub fn all_paid() -> Classes {
        CallClass::PAID.into_iter().collect()
    }

    /// Whether the class is in it.
    pub fn contains(self, class: CallClass) -> bool {
        Classes::bit(class).is_some_and(|bit| self.0 & bit != 0)
    }

    /// The classes, in their order.
    pub fn iter(self) -> impl Iterator<Item = CallClass> {
        CallClass::PAID.into_iter().filter(move |class| self.contains(*class))
    }

    fn bit(class: CallClass) -> Option<u8> {
        CallClass::PAID.iter().position(|paid| *paid == class).map(|place| 1 << place)
    }
}

impl FromIterator<CallClass> for Classes {
    /// Classes that are always free are left out.
    fn from_iter<I: IntoIterator<Item = CallClass>>(classes: I) -> Self {
        Classes(classes.into_iter().filter_map(Classes::bit).fold(0, |set, bit| set | bit))
    }
}
