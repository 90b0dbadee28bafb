//! `user.*`: what a single user may spend in a month.

use super::{Place, read_bounded, read_mark, read_money, read_optional_money, write_mark};
use crate::core::cdr::USER_BYTES_MAX;
use crate::core::event::{Event, EventBody};
use crate::wire::fields::{FieldFault, Fields};
use crate::wire::json::Object;
use crate::wire::value::Parsed;

pub(super) fn write(event: &Event<'_>, data: &mut Object<'_>) {
    match &event.body {
        EventBody::UserLimitSet { command, user, monthly_limit, since } => {
            write_mark(command, data);
            data.text("user", user);
            data.optional_money("monthly_limit", *monthly_limit);
            if *since != event.seq {
                data.integer("since", *since);
            }
        }
        EventBody::UserBlocked { user, month, spent, monthly_limit } => {
            data.text("user", user);
            data.plain("month", month);
            data.money("spent", *spent);
            data.money("monthly_limit", *monthly_limit);
        }
        EventBody::UserUnblocked { user, month } => {
            data.text("user", user);
            data.plain("month", month);
        }
        other => unreachable!("{} is written elsewhere", super::type_name(other)),
    }
}

pub(super) fn read_limit_set<'a>(place: &Place<'a>, data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    Ok(EventBody::UserLimitSet {
        command: read_mark(data)?,
        user: read_bounded::<USER_BYTES_MAX>(data, "user")?,
        monthly_limit: read_optional_money(data, "monthly_limit")?,
        since: data.optional("since")?.unwrap_or(place.seq),
    })
}

pub(super) fn read_blocked<'a>(data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    let Parsed(month) = data.required("month")?;
    Ok(EventBody::UserBlocked {
        user: read_bounded::<USER_BYTES_MAX>(data, "user")?,
        month,
        spent: read_money(data, "spent")?,
        monthly_limit: read_money(data, "monthly_limit")?,
    })
}

pub(super) fn read_unblocked<'a>(data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    let Parsed(month) = data.required("month")?;
    Ok(EventBody::UserUnblocked { user: read_bounded::<USER_BYTES_MAX>(data, "user")?, month })
}
