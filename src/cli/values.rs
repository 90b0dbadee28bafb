//! Values of flags that clap does not know: durations, tenants, amounts.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::core::cdr::USER_BYTES_MAX;
use crate::core::command::{COMMAND_ID_BYTES_MAX, COMMAND_TEXT_BYTES_MAX};
use crate::core::money::Money;
use crate::core::tenant::TenantId;
use crate::wire::event::CALL_ID_AS_NEW_BYTES_MAX;

/// Where HTTP is served, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpListen {
    /// Not at all.
    Off,
    /// There.
    On(SocketAddr),
}

/// Reads `30s`, `5m`, `1h 30m`; above zero.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed: Result<SignedDuration, _> = text.parse();
    let positive = parsed.ok().filter(SignedDuration::is_positive).and_then(|duration| duration.try_into().ok());
    positive.ok_or_else(|| "not a duration as 30s, 5m or 1h 30m".to_owned())
}

/// Reads `off` or an address.
pub(super) fn http_listen(text: &str) -> Result<HttpListen, String> {
    if text == "off" {
        return Ok(HttpListen::Off);
    }
    text.parse()
        .map(HttpListen::On)
        .map_err(|_| "neither off nor an IP address and a port, as 127.0.0.1:9464".to_owned())
}

/// Reads the name of a tenant.
pub(super) fn tenant(text: &str) -> Result<TenantId, String> {
    TenantId::new(text).ok_or_else(|| "not 1 to 64 of A-Z a-z 0-9 . _ -".to_owned())
}

/// Reads the id of a deck or plan; they are named like tenants.
pub(super) fn catalog_id(text: &str) -> Result<String, String> {
    tenant(text).map(|id| id.to_string())
}

/// Reads a text of a command: a reason, a reference, a token.
pub(super) fn command_text(text: &str) -> Result<String, String> {
    bounded(text, COMMAND_TEXT_BYTES_MAX)
}

/// Reads a command id.
pub(super) fn command_id(text: &str) -> Result<String, String> {
    bounded(text, COMMAND_ID_BYTES_MAX)
}

/// Reads the id of a call as its debits have it.
pub(super) fn call_id(text: &str) -> Result<String, String> {
    bounded(text, CALL_ID_AS_NEW_BYTES_MAX)
}

/// Reads the name of a user.
pub(super) fn user(text: &str) -> Result<String, String> {
    bounded(text, USER_BYTES_MAX)
}

fn bounded(text: &str, bytes_max: usize) -> Result<String, String> {
    if (1..=bytes_max).contains(&text.len()) { Ok(text.to_owned()) } else { Err(format!("not 1 to {bytes_max} bytes")) }
}

/// Reads an amount of 0 or more.
pub(super) fn amount(text: &str) -> Result<Money, String> {
    let amount: Money = text.parse().map_err(|fault| format!("{fault}"))?;
    if amount.is_negative() { Err("negative".to_owned()) } else { Ok(amount) }
}

/// Reads an amount above 0.
pub(super) fn positive_amount(text: &str) -> Result<Money, String> {
    let amount = amount(text)?;
    if amount.is_zero() { Err("not above zero".to_owned()) } else { Ok(amount) }
}

/// Reads an amount that is not 0.
pub(super) fn amount_not_zero(text: &str) -> Result<Money, String> {
    let amount: Money = text.parse().map_err(|fault| format!("{fault}"))?;
    if amount.is_zero() { Err("zero".to_owned()) } else { Ok(amount) }
}

/// Reads a time of RFC 3339 with a zone.
pub(super) fn timestamp(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "not a time as 2026-11-20T10:15:30Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_are_above_zero() {
        for (text, seconds) in [("30s", 30), ("5m", 300), ("1h 30m", 5_400), ("2h", 7_200)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        for text in ["", "30", "0s", "-5s", "soon", "1y"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_are_exact_and_not_negative() {
        assert_eq!(amount("0.026").map(|amount| amount.to_string()), Ok("0.026".to_owned()));
        assert!(amount("-1").is_err() && amount("1e3").is_err() && amount("0.0000000001").is_err());
        assert!(positive_amount("0").is_err());
    }

    #[test]
    fn http_can_be_off() {
        assert_eq!(http_listen("off"), Ok(HttpListen::Off));
        assert!(http_listen("localhost").is_err());
    }
}
