//! Automatic top-ups: their settings, the one in flight, and what is asked for next (R33, R34).

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::due::DueKind;
use super::money::{Money, Overflow};
use super::month::Month;

/// How long after a failure a request is tried again, attempt by attempt; behind the last, auto-recharge is suspended (R34).
pub const RETRY_BACKOFF: [SignedDuration; 3] =
    [SignedDuration::from_hours(1), SignedDuration::from_hours(6), SignedDuration::from_hours(24)];
/// How long after a request without an answer its status is asked for (R34).
pub const STATUS_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// How long after a request without an answer a person is asked (R34).
pub const UNRESOLVED_AFTER: SignedDuration = SignedDuration::from_hours(23);

/// A recharge, by the sequence number of its `recharge.requested`: `<tenant>/r<seq>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RechargeId(pub u64);

impl RechargeId {
    /// Reads `<tenant>/r<seq>`; `None` where it is not an id of a recharge of `tenant`.
    pub fn parse(written: &str, tenant: &str) -> Option<RechargeId> {
        let digits = written.strip_prefix(tenant)?.strip_prefix("/r")?;
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        plain.then(|| digits.parse().ok().map(RechargeId)).flatten()
    }

    /// The id with its tenant.
    pub fn of(self, tenant: &str) -> WrittenRechargeId<'_> {
        WrittenRechargeId { tenant, id: self }
    }
}

/// An id with its tenant, to be written.
#[derive(Clone, Copy, Debug)]
pub struct WrittenRechargeId<'a> {
    tenant: &'a str,
    id: RechargeId,
}

impl fmt::Display for WrittenRechargeId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/r{}", self.tenant, self.id.0)
    }
}

/// What `recharge.configure` sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RechargeSettings {
    /// Off: nothing is requested.
    pub enabled: bool,
    /// A balance strictly below it is topped up.
    pub trigger: Money,
    /// What one top-up adds; above zero. A request is for whole multiples of it.
    pub amount: Money,
    /// An opaque token of the payment service.
    pub payment_method: Box<str>,
    /// Requests in a UTC month that did not fail.
    pub max_per_month: Option<u32>,
    /// Money of one request.
    pub max_amount: Option<Money>,
    /// Money of the requests in a UTC month that did not fail.
    pub max_amount_per_month: Option<Money>,
}

/// A request that no settlement has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// Its id.
    pub id: RechargeId,
    /// What was asked for; a change of the settings does not touch it.
    pub amount: Money,
    /// 1, and one higher for each retry.
    pub attempt: u32,
    /// When it was asked for.
    pub requested_at: Timestamp,
}

/// A failed request that will be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The one that failed.
    pub failed: RechargeId,
    /// Of the next try.
    pub attempt: u32,
    /// When.
    pub at: Timestamp,
}

/// What becomes of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// It is tried again then.
    Retry(Timestamp),
    /// It was the last try.
    Suspend,
    /// Auto-recharge is off: nothing is asked for any more.
    Nothing,
}

/// The requests of one UTC month that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthOfRequests {
    /// Which month.
    pub month: Month,
    /// How many.
    pub requests: u32,
    /// How much they asked for.
    pub amount: Money,
    /// It was said in this month that nothing fits under the caps.
    pub capped: bool,
}

/// The state of a tenant's auto-recharge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recharging {
    /// As configured; `None`: never.
    pub settings: Option<std::sync::Arc<RechargeSettings>>,
    /// At most one.
    pub in_flight: Option<InFlight>,
    /// After a failure that is tried again. Until then nothing else is requested; behind its time it says nothing.
    pub retry: Option<Retry>,
    /// After the last failure, until it is configured again or funds arrive by hand (R34).
    pub suspended: bool,
    /// The month of the latest request or cap.
    pub month: Option<MonthOfRequests>,
}

/// What a balance below the trigger asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A request of this amount.
    Request {
        /// Whole multiples of the configured amount.
        amount: Money,
        /// What it would be without caps; more than `amount`: it is capped.
        wanted: Money,
    },
    /// Nothing fits under the caps, and that was not yet said this month.
    Capped {
        /// What it would be without caps.
        wanted: Money,
    },
}

impl Recharging {
    /// What is to be asked for at this balance, if anything is (R33). `due`: the work that is being done, if it is not a record
    /// that is taken: what comes before a retry at the same instant still waits for it.
    ///
    /// # Errors
    /// [`Overflow`] where the top-up would reach the limit of F22.
    pub fn need(&self, balance: Money, now: Timestamp, due: Option<DueKind>) -> Result<Option<Need>, Overflow> {
        let Some(settings) = self.settings.as_deref() else { return Ok(None) };
        let is_ahead =
            |retry: Retry| now < retry.at || now == retry.at && due.is_some_and(|kind| kind < DueKind::Retry);
        let waits = self.retry.is_some_and(is_ahead);
        if !settings.enabled || self.suspended || self.in_flight.is_some() || waits || balance >= settings.trigger {
            return Ok(None);
        }
        let multiples = settings.trigger.checked_sub(balance)?.multiples_to_cover(settings.amount);
        let wanted = settings.amount.checked_times(multiples)?;
        let month = self.month.filter(|of| of.month == Month::of(now));
        let fitting = self.multiples_that_fit(settings, month.as_ref())?.min(multiples);
        Ok(match (fitting, month) {
            (0, Some(MonthOfRequests { capped: true, .. })) => None,
            (0, _) => Some(Need::Capped { wanted }),
            _ => Some(Need::Request { amount: settings.amount.checked_times(fitting)?, wanted }),
        })
    }

    fn multiples_that_fit(
        &self,
        settings: &RechargeSettings,
        month: Option<&MonthOfRequests>,
    ) -> Result<u64, Overflow> {
        let (requests, amount) = month.map_or((0, Money::ZERO), |of| (of.requests, of.amount));
        if settings.max_per_month.is_some_and(|max| requests >= max) {
            return Ok(0);
        }
        let by_request = settings.max_amount.map_or(u64::MAX, |max| max.whole_multiples_of(settings.amount));
        let by_month = match settings.max_amount_per_month {
            Some(max) => max.checked_sub(amount)?.whole_multiples_of(settings.amount),
            None => u64::MAX,
        };
        Ok(by_request.min(by_month))
    }

    /// What becomes of the failure of an attempt at `now` (R34).
    pub fn after_failure(&self, attempt: u32, now: Timestamp, backoff: &[SignedDuration]) -> AfterFailure {
        if !self.settings.as_ref().is_some_and(|settings| settings.enabled) {
            return AfterFailure::Nothing;
        }
        let place = attempt.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        match place.and_then(|place| backoff.get(place)) {
            Some(wait) => AfterFailure::Retry(now.checked_add(*wait).unwrap_or(Timestamp::MAX)),
            None => AfterFailure::Suspend,
        }
    }

    /// A request goes out.
    pub(super) fn begin(&mut self, request: InFlight) {
        self.in_flight = Some(request);
        self.retry = None;
        self.count(Month::of(request.requested_at), 1, request.amount);
    }

    /// A request was paid. One that had failed before counts again for the caps of its month.
    pub(super) fn succeed(&mut self, id: RechargeId, requested_at: Timestamp, amount: Money) {
        self.retry = None;
        if !self.end(id) {
            self.count(Month::of(requested_at), 1, amount);
        }
    }

    /// A request was not paid: it counts no more for the caps of its month (F17).
    pub(super) fn fail(&mut self, id: RechargeId, requested_at: Timestamp, amount: Money, retry: Option<Retry>) {
        self.end(id);
        self.retry = retry;
        self.count(Month::of(requested_at), -1, amount.negated());
    }

    /// Whether it was the one in flight.
    fn end(&mut self, id: RechargeId) -> bool {
        self.in_flight.take_if(|request| request.id == id).is_some()
    }

    /// Only the latest month is counted: no cap looks at an earlier one.
    fn count(&mut self, month: Month, requests: i32, amount: Money) {
        if self.month.is_some_and(|of| of.month > month) {
            return;
        }
        let of = self.month_at(month);
        of.requests = of.requests.saturating_add_signed(requests);
        // A sum that would reach the limit of F22 stays where it is: no cap is as high.
        of.amount = of.amount.checked_add(amount).unwrap_or(of.amount);
    }

    /// The month's record, begun anew where the month is another.
    pub(super) fn month_at(&mut self, month: Month) -> &mut MonthOfRequests {
        let fresh = MonthOfRequests { month, requests: 0, amount: Money::ZERO, capped: false };
        match &mut self.month {
            Some(of) if of.month == month => {}
            slot => *slot = Some(fresh),
        }
        self.month.as_mut().expect("set in either arm")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        text.parse().expect(text)
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    fn recharging(trigger: &str, amount: &str) -> Recharging {
        let settings = RechargeSettings {
            enabled: true,
            trigger: money(trigger),
            amount: money(amount),
            payment_method: "pm".into(),
            max_per_month: None,
            max_amount: None,
            max_amount_per_month: None,
        };
        Recharging { settings: Some(settings.into()), ..Recharging::default() }
    }

    fn with_caps(requests: Option<u32>, each: Option<&str>, month: Option<&str>) -> Recharging {
        let mut recharging = recharging("50", "100");
        let settings = std::sync::Arc::make_mut(recharging.settings.as_mut().expect("configured"));
        settings.max_per_month = requests;
        settings.max_amount = each.map(money);
        settings.max_amount_per_month = month.map(money);
        recharging
    }

    fn request(amount: &str, wanted: &str) -> Option<Need> {
        Some(Need::Request { amount: money(amount), wanted: money(wanted) })
    }

    #[test]
    fn r33_a_request_is_the_fewest_multiples_that_reach_the_trigger() {
        let now = at("2026-11-20T10:00:00Z");
        for (balance, need) in [
            ("50.00", None), // not below the trigger
            ("49.85", request("100", "100")),
            ("-50", request("100", "100")),
            ("-50.01", request("200", "200")),
            ("-1000", request("1100", "1100")),
        ] {
            assert_eq!(recharging("50", "100").need(money(balance), now, None), Ok(need), "{balance}");
        }
    }

    #[test]
    fn r33_nothing_is_requested_while_off_suspended_or_in_flight() {
        let now = at("2026-11-20T10:00:00Z");
        let mut off = recharging("50", "100");
        std::sync::Arc::make_mut(off.settings.as_mut().expect("configured")).enabled = false;
        let suspended = Recharging { suspended: true, ..recharging("50", "100") };
        let in_flight = InFlight { id: RechargeId(3), amount: money("100"), attempt: 1, requested_at: now };
        let in_flight = Recharging { in_flight: Some(in_flight), ..recharging("50", "100") };
        for recharging in [Recharging::default(), off, suspended, in_flight] {
            assert_eq!(recharging.need(money("0"), now, None), Ok(None), "{recharging:?}");
        }
    }

    #[test]
    fn r33_caps_leave_the_multiples_that_fit() {
        let now = at("2026-11-20T10:00:00Z");
        let month = |requests, amount: &str, capped| {
            Some(MonthOfRequests { month: Month::of(now), requests, amount: money(amount), capped })
        };
        let cases = [
            (with_caps(Some(2), None, None), month(1, "100", false), "0", request("100", "100")),
            (with_caps(Some(2), None, None), month(2, "200", false), "0", Some(Need::Capped { wanted: money("100") })),
            (with_caps(Some(2), None, None), month(2, "200", true), "0", None),
            (with_caps(None, Some("250"), None), None, "-300", request("200", "400")),
            (with_caps(None, Some("99"), None), None, "0", Some(Need::Capped { wanted: money("100") })),
            (with_caps(None, None, Some("500")), month(3, "300", false), "-300", request("200", "400")),
            (
                with_caps(None, None, Some("350")),
                month(3, "300", false),
                "0",
                Some(Need::Capped { wanted: money("100") }),
            ),
        ];
        for (recharging, month, balance, need) in cases {
            let recharging = Recharging { month, ..recharging };
            assert_eq!(recharging.need(money(balance), now, None), Ok(need), "{recharging:?} at {balance}");
        }
    }

    #[test]
    fn r33_the_caps_of_a_month_end_with_it() {
        let capped = MonthOfRequests {
            month: Month::of(at("2026-11-30T23:59:59.999Z")),
            requests: 1,
            amount: money("100"),
            capped: true,
        };
        let recharging = Recharging { month: Some(capped), ..with_caps(Some(1), None, None) };
        assert_eq!(recharging.need(money("0"), at("2026-11-30T23:59:59.999Z"), None), Ok(None));
        assert_eq!(recharging.need(money("0"), at("2026-12-01T00:00:00Z"), None), Ok(request("100", "100")));
    }

    #[test]
    fn ids_are_read_back_for_their_tenant_only() {
        assert_eq!(RechargeId(17).of("contoso").to_string(), "contoso/r17");
        assert_eq!(RechargeId::parse("contoso/r17", "contoso"), Some(RechargeId(17)));
        for other in
            ["contoso/r", "contoso/r017", "contoso/l17", "contoso/r1x", "fabrikam/r17", "contoso/r99999999999999999999"]
        {
            assert_eq!(RechargeId::parse(other, "contoso"), None, "{other}");
        }
    }
}
