//! Licences and their pools: how many there are, what a call took or gave back, and the notice that one is nearly used up.

use super::{read_bounded, read_mark, read_optional_bounded, read_optional_text, required, write_mark};
use crate::core::allotments::{PoolId, Threshold};
use crate::core::cdr::USER_BYTES_MAX;
use crate::core::command::COMMAND_TEXT_BYTES_MAX;
use crate::core::duration::CALL_SECONDS_MAX;
use crate::core::event::{Event, EventBody, PoolUse};
use crate::core::month::Month;
use crate::wire::fields::{FieldFault, Fields};
use crate::wire::json::Object;
use crate::wire::record::record;
use crate::wire::value::{Bounded, Name, Parsed};

/// The longest name of a pool, in bytes.
pub(super) const POOL_BYTES_MAX: usize = COMMAND_TEXT_BYTES_MAX;
/// Minutes of the longest call: more cannot be taken or given back at once, so that sums of what a command names have a bound.
pub(super) const CALL_MINUTES_MAX: u64 = CALL_SECONDS_MAX / 60;

pub(super) fn write(event: &Event<'_>, data: &mut Object<'_>) {
    match &event.body {
        EventBody::LicencesSet { command, plan, usage_country, union, quantity } => {
            write_mark(command, data);
            data.text("plan", plan);
            data.plain("usage_country", usage_country);
            data.optional_text("union", union.as_deref());
            data.integer("quantity", *quantity);
        }
        EventBody::PoolThresholdReached { pool, month, threshold, used, size, user } => {
            data.text("pool", &pool.0);
            data.plain("month", month);
            data.integer("threshold", threshold.percent());
            data.integer("used", *used);
            data.integer("size", *size);
            data.optional_text("user", user.as_deref());
        }
        other => unreachable!("{} is written elsewhere", super::type_name(other)),
    }
}

/// Left out: a size of 0, and that it is the tenant's.
pub(super) fn write_pool(pool: &PoolUse, into: &mut Vec<u8>) {
    let mut object = Object::open(into);
    object.text("id", &pool.pool.0);
    object.plain("month", pool.month);
    object.integer("minutes", pool.minutes);
    object.integer("used", pool.used);
    if pool.size > 0 {
        object.integer("size", pool.size);
    }
    if pool.of_user {
        object.flag("of_user", true);
    }
    object.close();
}

record! {
    /// What a call took from a pool, or gave back.
    pub(super) struct RawPool<'a>, unknown fields are refused:
    "id" => id: Bounded<'a, 1, POOL_BYTES_MAX>,
    "month" => month: Parsed<Month>,
    "minutes" => minutes: u64,
    "used" => used: u64,
    "size" => size: u64,
    "of_user" => of_user: bool,
}

impl RawPool<'_> {
    pub(super) fn into_pool(self) -> Result<PoolUse, FieldFault> {
        let Bounded(id) = required("id", self.id)?;
        let minutes = required("minutes", self.minutes)?;
        if minutes > CALL_MINUTES_MAX {
            return Err(FieldFault::new("minutes", format_args!("{minutes}, more than {CALL_MINUTES_MAX}")));
        }
        Ok(PoolUse {
            pool: PoolId(id.into()),
            month: required("month", self.month)?.0,
            minutes,
            used: required("used", self.used)?,
            size: self.size.unwrap_or(0),
            of_user: self.of_user.unwrap_or(false),
        })
    }
}

pub(super) fn read_licences_set<'a>(data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    let Name(plan) = data.required("plan")?;
    let Parsed(usage_country) = data.required("usage_country")?;
    Ok(EventBody::LicencesSet {
        command: read_mark(data)?,
        plan,
        usage_country,
        union: read_optional_text(data, "union")?,
        quantity: data.required("quantity")?,
    })
}

pub(super) fn read_threshold_reached<'a>(data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    let pool = PoolId(read_bounded::<POOL_BYTES_MAX>(data, "pool")?.into());
    let Parsed(month) = data.required("month")?;
    let percent: u8 = data.required("threshold")?;
    let threshold = Threshold::ALL.into_iter().find(|of| of.percent() == percent);
    Ok(EventBody::PoolThresholdReached {
        pool,
        month,
        threshold: threshold.ok_or_else(|| FieldFault::new("threshold", "neither 80 nor 100"))?,
        used: data.required("used")?,
        size: data.required("size")?,
        user: read_optional_bounded::<USER_BYTES_MAX>(data, "user")?,
    })
}
