//! The organisation that holds one prepaid account: its name and its settings.

use std::borrow::Borrow;
use std::fmt;

use compact_str::CompactString;

use super::cdr::Service;
use super::currency::Currency;
use super::money::Money;
use super::number::Country;

/// The longest name of a tenant, in bytes.
pub const TENANT_BYTES_MAX: usize = 64;

/// The name of a tenant: 1 to 64 of `[A-Za-z0-9._-]`.
///
/// Up to 24 bytes lie in the value itself: an account that is touched once in a while is looked up with fewer cache misses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(CompactString);

impl TenantId {
    /// The name, if it is one.
    pub fn new(name: &str) -> Option<TenantId> {
        TenantId::is_valid(name).then(|| TenantId(name.into()))
    }

    /// 1 to 64 of `[A-Za-z0-9._-]`.
    pub fn is_valid(name: &str) -> bool {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        (1..=TENANT_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for TenantId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an administrator sets for a tenant (`tenant.open`, `tenant.update`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantSettings {
    /// Fixed when the tenant is opened (R17).
    pub currency: Currency,
    /// The deck that prices its calls.
    pub price_list: CompactString,
    /// A deck of the tenant's own that goes first where its prefix is of equal or greater length (F11).
    pub overlay: Option<Box<str>>,
    /// Where its users are, unless a CDR says otherwise.
    pub usage_country: Country,
    /// The plan of a call that names none, by service; sorted by service.
    pub default_plans: Vec<(Service, Box<str>)>,
    /// Names a record of the desk; addresses never go through Kafka.
    pub contacts_ref: Option<Box<str>>,
    /// What becomes of a call that nobody can price; `None`: as the engine is configured (R9).
    pub no_rate: Option<NoRatePolicy>,
    /// The least that may be added by hand (R30); 0: any.
    pub minimum_funding: Money,
    /// Paid calls are blocked at this balance or below (R35); negative: a credit line.
    pub block_at: Money,
    /// A notice is sent when the balance falls below it (R36).
    pub notify_below: Option<Money>,
    /// Paid calls are blocked for the rest of the UTC day when its calls cost this much (R38); above zero.
    pub daily_limit: Option<Money>,
}

impl TenantSettings {
    /// A call that nobody can price is let go (R9); `configured` is what the engine does where the tenant does not say.
    pub fn lets_go(&self, configured: NoRatePolicy) -> bool {
        self.no_rate.unwrap_or(configured) == NoRatePolicy::FreeCall
    }

    /// The plan that a call of `service` has if it names none.
    pub fn default_plan(&self, service: Service) -> Option<&str> {
        self.default_plans.iter().find(|(of, _)| *of == service).map(|(_, plan)| &**plan)
    }
}

/// What becomes of a call that nobody can price (R9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NoRatePolicy {
    /// It goes to quarantine as `no_rate`. The default.
    #[default]
    Quarantine,
    /// It is debited at price 0 and marked `free_call`.
    FreeCall,
}

impl NoRatePolicy {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            NoRatePolicy::Quarantine => "quarantine",
            NoRatePolicy::FreeCall => "free_call",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tenants_have_bounds() {
        for (name, valid) in [
            ("contoso", true),
            ("A.b_c-9", true),
            ("", false),
            ("a b", false),
            ("ä", false),
            ("a/b", false),
            (&"x".repeat(64), true),
            (&"x".repeat(65), false),
        ] {
            assert_eq!(TenantId::new(name).is_some(), valid, "{name}");
        }
    }
}
