//! Why a record was not rated: the closed list of R8, in its order of precedence.

use std::fmt;

/// The reason that a CDR is in quarantine. The order is the precedence: the first that applies is the one that is given.
///
/// `duplicate` stands in the list between [`Reason::ConflictingDuplicate`] and [`Reason::TooLate`], but is an outcome of its
/// own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The record says that it is of a version, or asks for a rule, that this release does not know.
    UnsupportedVersion,
    /// Not JSON of the form of the wire, or outside its bounds.
    Malformed,
    /// Rerouted once and still not at home.
    Misrouted,
    /// No such tenant was opened.
    UnknownTenant,
    /// The account is frozen: a law was broken, an operator has to look.
    AccountFrozen,
    /// The same part of the same call with other rated content (R3).
    ConflictingDuplicate,
    /// The call ended before the acceptance window (R4).
    TooLate,
    /// The call ended after the acceptance window (R4).
    InFuture,
    /// The call started after the account was closed (R39).
    ClosedTenant,
    /// The plan decides who pays, and is not known.
    UnknownPlan,
    /// The dialled number is not one (R6, F4).
    InvalidNumber,
    /// The price list denies the destination (R11).
    DeniedDestination,
    /// No row of a price list is in force for the destination (R9).
    NoRate,
    /// The price list is in another currency than the account (R17).
    CurrencyMismatch,
    /// The charge or the balance would reach 10^15 (F22).
    Overflow,
}

impl Reason {
    /// All reasons, in order of precedence.
    pub const ALL: [Reason; 15] = [
        Reason::UnsupportedVersion,
        Reason::Malformed,
        Reason::Misrouted,
        Reason::UnknownTenant,
        Reason::AccountFrozen,
        Reason::ConflictingDuplicate,
        Reason::TooLate,
        Reason::InFuture,
        Reason::ClosedTenant,
        Reason::UnknownPlan,
        Reason::InvalidNumber,
        Reason::DeniedDestination,
        Reason::NoRate,
        Reason::CurrencyMismatch,
        Reason::Overflow,
    ];

    /// The stable code, as in quarantine records and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Reason::UnsupportedVersion => "unsupported_version",
            Reason::Malformed => "malformed",
            Reason::Misrouted => "misrouted",
            Reason::UnknownTenant => "unknown_tenant",
            Reason::AccountFrozen => "account_frozen",
            Reason::ConflictingDuplicate => "conflicting_duplicate",
            Reason::TooLate => "too_late",
            Reason::InFuture => "in_future",
            Reason::ClosedTenant => "closed_tenant",
            Reason::UnknownPlan => "unknown_plan",
            Reason::InvalidNumber => "invalid_number",
            Reason::DeniedDestination => "denied_destination",
            Reason::NoRate => "no_rate",
            Reason::CurrencyMismatch => "currency_mismatch",
            Reason::Overflow => "overflow",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why a command was refused (`command.refused`); of WIRE, in the order in which they are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// The record says that it is of a version, or a type, that this release does not know.
    UnsupportedVersion,
    /// Readable tenant and command id, but not a body of the form of the wire.
    Malformed,
    /// The same command id with another body.
    ConflictingCommand,
    /// `at` is more than 35 days ago.
    TooOld,
    /// `at` is more than 5 minutes ahead.
    InFuture,
    /// No such tenant was opened.
    UnknownTenant,
    /// The tenant was opened before.
    AlreadyOpen,
    /// The account is closed.
    ClosedTenant,
    /// A plan that the catalog does not have.
    UnknownPlan,
    /// A price list or overlay that the catalog does not have.
    UnknownPriceList,
    /// A price list in another currency than the account.
    CurrencyMismatch,
    /// Less than the tenant's minimum funding.
    BelowMinimum,
    /// The payment was booked before.
    DuplicatePaymentReference,
    /// No such recharge was requested.
    UnknownRecharge,
    /// More than the call was debited.
    ExceedsDebit,
    /// Closing with money left, and not told to forfeit it.
    BalanceNotZero,
    /// An amount or the balance would reach 10^15 (F22).
    Overflow,
}

impl Refusal {
    /// All refusals, in the order in which they are judged.
    pub const ALL: [Refusal; 17] = [
        Refusal::UnsupportedVersion,
        Refusal::Malformed,
        Refusal::ConflictingCommand,
        Refusal::TooOld,
        Refusal::InFuture,
        Refusal::UnknownTenant,
        Refusal::AlreadyOpen,
        Refusal::ClosedTenant,
        Refusal::UnknownPlan,
        Refusal::UnknownPriceList,
        Refusal::CurrencyMismatch,
        Refusal::BelowMinimum,
        Refusal::DuplicatePaymentReference,
        Refusal::UnknownRecharge,
        Refusal::ExceedsDebit,
        Refusal::BalanceNotZero,
        Refusal::Overflow,
    ];

    /// The stable code, as in `command.refused` and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Refusal::UnsupportedVersion => "unsupported_version",
            Refusal::Malformed => "malformed",
            Refusal::ConflictingCommand => "conflicting_command",
            Refusal::TooOld => "too_old",
            Refusal::InFuture => "in_future",
            Refusal::UnknownTenant => "unknown_tenant",
            Refusal::AlreadyOpen => "already_open",
            Refusal::ClosedTenant => "closed_tenant",
            Refusal::UnknownPlan => "unknown_plan",
            Refusal::UnknownPriceList => "unknown_price_list",
            Refusal::CurrencyMismatch => "currency_mismatch",
            Refusal::BelowMinimum => "below_minimum",
            Refusal::DuplicatePaymentReference => "duplicate_payment_reference",
            Refusal::UnknownRecharge => "unknown_recharge",
            Refusal::ExceedsDebit => "exceeds_debit",
            Refusal::BalanceNotZero => "balance_not_zero",
            Refusal::Overflow => "overflow",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
