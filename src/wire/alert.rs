//! What is on `alerts` besides copies of events: answers that belong to no place in a ledger.
//!
//! The forms are those of events, with an id of their own (`refused/<tenant>/<command_id>`, `unmatched/…`, `frozen/…`)
//! instead of a sequence number, and without a balance.

use std::borrow::Cow;

use jiff::Timestamp;

use super::event::{self, EventFault, RawEvent, SOURCE};
use super::fields::{FieldFault, Fields};
use super::json::{Object, write_time_in_ms};
use super::value::{FromText, Parsed, Text};
use crate::core::event::Event;
use crate::core::reason::Refusal;
use crate::core::tenant::TenantId;

const REFUSED: &str = "tollkeeper.command.refused.v1";
const UNMATCHED: &str = "tollkeeper.settlement.unmatched.v1";
const FROZEN: &str = "tollkeeper.account.frozen.v1";

/// A record of `alerts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alert<'a> {
    /// The copy of an event.
    Event(Event<'a>),
    /// The answer to a command.
    Refused(CommandRefused<'a>),
    /// A settlement of a tenant that has no account.
    Unmatched(UnmatchedSettlement<'a>),
    /// A command for an account that is frozen: it is in quarantine, and may be money.
    Frozen(CommandOfFrozen<'a>),
}

/// `command.refused`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandRefused<'a> {
    /// Whom the command was for.
    pub tenant: Cow<'a, str>,
    /// Which command.
    pub command_id: Cow<'a, str>,
    /// The partition's clock, in whole milliseconds.
    pub time: Timestamp,
    /// Why (`reason`).
    pub refusal: Refusal,
    /// What exactly.
    pub detail: Cow<'a, str>,
}

/// `settlement.unmatched` without an account: money somewhere that a person has to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmatchedSettlement<'a> {
    /// Whom the settlement was for.
    pub tenant: Cow<'a, str>,
    /// Which command.
    pub command_id: Cow<'a, str>,
    /// The partition's clock, in whole milliseconds.
    pub time: Timestamp,
    /// The id as it was written.
    pub recharge_id: Cow<'a, str>,
    /// Of the payment.
    pub payment_reference: Option<Cow<'a, str>>,
}

/// `account.frozen`: a command came for a frozen account and was quarantined (`account_frozen`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOfFrozen<'a> {
    /// Whom the command was for.
    pub tenant: Cow<'a, str>,
    /// Which command.
    pub command_id: Cow<'a, str>,
    /// The partition's clock, in whole milliseconds.
    pub time: Timestamp,
    /// Why the account is frozen.
    pub detail: Cow<'a, str>,
}

/// Appends the answer to a refused command to `into`.
pub fn encode_refused(refused: &CommandRefused<'_>, into: &mut Vec<u8>) {
    let id = format!("refused/{}/{}", refused.tenant, refused.command_id);
    write(&Head { id: &id, type_name: REFUSED, time: refused.time, cause: &refused.command_id }, into, |data| {
        data.text("reason", refused.refusal.code());
        data.text("detail", &refused.detail);
    });
}

/// Appends the alert of an unmatched settlement to `into`.
pub fn encode_unmatched(unmatched: &UnmatchedSettlement<'_>, into: &mut Vec<u8>) {
    let id = format!("unmatched/{}/{}", unmatched.tenant, unmatched.command_id);
    write(&Head { id: &id, type_name: UNMATCHED, time: unmatched.time, cause: &unmatched.command_id }, into, |data| {
        data.text("recharge_id", &unmatched.recharge_id);
        data.optional_text("payment_reference", unmatched.payment_reference.as_deref());
    });
}

/// Appends the alert of a command for a frozen account to `into`.
pub fn encode_frozen(frozen: &CommandOfFrozen<'_>, into: &mut Vec<u8>) {
    let id = format!("frozen/{}/{}", frozen.tenant, frozen.command_id);
    write(&Head { id: &id, type_name: FROZEN, time: frozen.time, cause: &frozen.command_id }, into, |data| {
        data.text("detail", &frozen.detail);
    });
}

struct Head<'a> {
    id: &'a str,
    type_name: &'static str,
    time: Timestamp,
    cause: &'a str,
}

fn write(head: &Head<'_>, into: &mut Vec<u8>, body: impl FnOnce(&mut Object<'_>)) {
    let mut object = Object::open(into);
    object.text("specversion", "1.0");
    object.text("id", head.id);
    object.text("source", SOURCE);
    object.text("type", head.type_name);
    write_time_in_ms(head.time, object.value("time"));
    let mut data = object.object("data");
    data.text("cause", head.cause);
    body(&mut data);
    data.close();
    object.close();
}

impl FromText for Refusal {
    fn from_text(text: &str) -> Result<Self, impl std::fmt::Display> {
        Refusal::ALL.into_iter().find(|refusal| refusal.code() == text).ok_or("not a refusal of this release")
    }
}

/// Reads a record of `alerts`.
///
/// # Errors
/// [`EventFault`], as for a ledger.
pub fn decode(bytes: &[u8]) -> Result<Alert<'_>, EventFault> {
    let raw = RawEvent::read(bytes)?;
    let written_id = raw.id()?.clone();
    let Some((kind, rest)) = written_id.split_once('/') else {
        return Err(EventFault::malformed("id: not of an alert"));
    };
    // `refused/1` is also how the first event of a tenant of that name is called: the type tells them apart.
    let is_answer = match raw.type_name()? {
        REFUSED => kind == "refused",
        UNMATCHED => kind == "unmatched" && rest.contains('/'),
        FROZEN => kind == "frozen",
        _ => false,
    };
    if !is_answer {
        return event::decode(bytes).map(Alert::Event);
    }
    let Some((tenant, command_id)) = rest.split_once('/') else {
        return Err(EventFault::malformed("id: not of an alert"));
    };
    if !TenantId::is_valid(tenant) {
        return Err(EventFault::malformed("id: not of a tenant"));
    }
    let time = raw.time()?;
    let type_name = raw.type_name()?;
    let mut data: Fields<'_> = serde_json::from_str(raw.data()?)?;
    let Text(cause) = data.required("cause")?;
    if cause != command_id {
        return Err(FieldFault::new("cause", "not the command of the id").into());
    }
    let tenant = Cow::Owned(tenant.to_owned());
    let alert = if type_name == FROZEN {
        let Text(detail) = data.required("detail")?;
        Alert::Frozen(CommandOfFrozen { tenant, command_id: cause, time, detail })
    } else if type_name == REFUSED {
        let Parsed(refusal) = data.required("reason")?;
        let Text(detail) = data.required("detail")?;
        Alert::Refused(CommandRefused { tenant, command_id: cause, time, refusal, detail })
    } else {
        let Text(recharge_id) = data.required("recharge_id")?;
        let payment_reference: Option<Text<'_>> = data.optional("payment_reference")?;
        Alert::Unmatched(UnmatchedSettlement {
            tenant,
            command_id: cause,
            time,
            recharge_id,
            payment_reference: payment_reference.map(|Text(reference)| reference),
        })
    };
    data.finish()?;
    Ok(alert)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"{"specversion":"1.0","id":"refused/contoso/f1","source":"/tollkeeper","type":"tollkeeper.command.refused.v1","time":"2026-11-20T10:15:30.000Z","data":"#;

    fn refused() -> CommandRefused<'static> {
        CommandRefused {
            tenant: "contoso".into(),
            command_id: "f1".into(),
            time: "2026-11-20T10:15:30Z".parse().expect("a time"),
            refusal: Refusal::BelowMinimum,
            detail: "5.00 is less than 10.00".into(),
        }
    }

    #[test]
    fn a_refused_command_is_answered_under_its_own_id() {
        let mut bytes = Vec::new();
        encode_refused(&refused(), &mut bytes);
        let expected =
            format!(r#"{HEAD}{{"cause":"f1","reason":"below_minimum","detail":"5.00 is less than 10.00"}}}}"#);
        assert_eq!(String::from_utf8(bytes.clone()).expect("JSON is UTF-8"), expected);
        assert_eq!(decode(&bytes), Ok(Alert::Refused(refused())));
    }

    #[test]
    fn a_settlement_without_an_account_is_read_back() {
        for payment_reference in [None, Some("pay-7".into())] {
            let unmatched = UnmatchedSettlement {
                tenant: "contoso".into(),
                command_id: "a/b \"c\"".into(),
                time: "2026-11-20T10:15:30Z".parse().expect("a time"),
                recharge_id: "fabrikam/r9".into(),
                payment_reference,
            };
            let mut bytes = Vec::new();
            encode_unmatched(&unmatched, &mut bytes);
            assert_eq!(decode(&bytes), Ok(Alert::Unmatched(unmatched)));
        }
    }

    #[test]
    fn a_command_for_a_frozen_account_is_read_back() {
        let frozen = CommandOfFrozen {
            tenant: "contoso".into(),
            command_id: "cmd/1".into(),
            time: "2026-11-20T10:15:30Z".parse().expect("a time"),
            detail: "the sequence has a gap".into(),
        };
        let mut bytes = Vec::new();
        encode_frozen(&frozen, &mut bytes);
        assert_eq!(decode(&bytes), Ok(Alert::Frozen(frozen)));
    }

    #[test]
    fn a_tenant_may_be_called_refused() {
        let event = HEAD.replace("refused/contoso/f1", "refused/4").replace("command.refused", "tenant.unblocked")
            + r#"{"cause":"f2","balance":"1.00"}}"#;
        assert!(
            matches!(decode(event.as_bytes()), Ok(Alert::Event(event)) if event.tenant == "refused" && event.seq == 4)
        );
    }

    #[test]
    fn what_the_engine_does_not_write_is_refused() {
        let good = format!(r#"{HEAD}{{"cause":"f1","reason":"below_minimum","detail":"x"}}}}"#);
        assert!(decode(good.as_bytes()).is_ok());
        for bad in [
            good.replace("below_minimum", "no_idea"),
            good.replace("\"f1\"", "\"f2\""),
            good.replace("refused/contoso", "refused"),
            good.replace("refused/contoso/f1", "contoso/7"),
            good.replace("\"detail\"", "\"details\""),
            good.replace("/tollkeeper", "/elsewhere"),
        ] {
            assert!(decode(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
