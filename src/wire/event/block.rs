//! `tenant.blocked` and the notices of a balance on its way there.

use super::{read_money, read_optional_money};
use crate::core::allotments::PoolId;
use crate::core::event::{BlockReason, Blocked, Event, EventBody};
use crate::core::money::Money;
use crate::wire::event::pool::POOL_BYTES_MAX;
use crate::wire::fields::{FieldFault, Fields};
use crate::wire::json::{Object, write_text};
use crate::wire::value::{Bounded, ClassList, List, Parsed};

const REASON_DEFAULT: BlockReason = BlockReason::Balance;

pub(super) fn write(event: &Event<'_>, data: &mut Object<'_>) {
    match &event.body {
        EventBody::TenantBlocked(Blocked { reason, classes, pools }) => {
            if *reason != REASON_DEFAULT {
                data.text("reason", reason.code());
            }
            data.list("classes", classes.iter(), |class, into| write_text(class.code(), into));
            if !pools.is_empty() {
                data.list("pools", pools, |pool, into| write_text(&pool.0, into));
            }
        }
        EventBody::BalanceLow { notify_below } => data.money("notify_below", *notify_below),
        EventBody::BalanceReachedZero { block_at } => data.money_unless_zero("block_at", *block_at),
        other => unreachable!("{} is written elsewhere", super::type_name(other)),
    }
}

pub(super) fn read_blocked<'a>(data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    let reason: Option<Parsed<BlockReason>> = data.optional("reason")?;
    let ClassList(classes) = data.required("classes")?;
    let pools: Option<List<Bounded<'a, 1, POOL_BYTES_MAX>>> = data.optional("pools")?;
    let pools = pools.map(|List(pools)| pools).unwrap_or_default();
    Ok(EventBody::TenantBlocked(Blocked {
        reason: reason.map_or(REASON_DEFAULT, |Parsed(reason)| reason),
        classes,
        pools: pools.into_iter().map(|Bounded(pool)| PoolId(pool.into())).collect(),
    }))
}

pub(super) fn read_low<'a>(data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    Ok(EventBody::BalanceLow { notify_below: read_money(data, "notify_below")? })
}

pub(super) fn read_reached_zero<'a>(data: &mut Fields<'a>) -> Result<EventBody<'a>, FieldFault> {
    let block_at = read_optional_money(data, "block_at")?.unwrap_or(Money::ZERO);
    Ok(EventBody::BalanceReachedZero { block_at })
}
