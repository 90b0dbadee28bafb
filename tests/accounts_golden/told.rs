//! The right column: what happened, in words.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tollkeeper::core::event::{AdjustedMoney, BlockReason, Blocked, Cause, Debit, Draw, Event, EventBody, Funds, Void};
use tollkeeper::core::money::Money;
use tollkeeper::core::plan::Classes;
use tollkeeper::wire::alert::Alert;
use tollkeeper::wire::quarantine::Entry;

/// An event; one of due work with its own time.
pub(crate) fn event(event: &Event<'_>) -> String {
    let told = body(&event.body, event.seq);
    match &event.cause {
        Cause::Written(cause) if cause.starts_with("due/") => format!("{} {cause}: {told}", minute(event.time)),
        _ => told,
    }
}

/// Copies of events were told already.
pub(crate) fn alert(alert: &Alert<'_>) -> Option<String> {
    match alert {
        Alert::Event(_) => None,
        Alert::Refused(refused) => Some(format!("refused: {}", refused.refusal)),
        Alert::Unmatched(_) => Some("alert: money that nobody asked for".into()),
        Alert::Frozen(_) => Some("alert: the account is frozen".into()),
    }
}

pub(crate) fn entry(entry: &Entry<'_>) -> String {
    match entry {
        Entry::Quarantined(quarantined) => format!("quarantined: {}", quarantined.reason),
        Entry::Duplicate(_) => "duplicate".into(),
    }
}

fn minute(at: Timestamp) -> String {
    let civil = at.to_zoned(TimeZone::UTC).datetime();
    let seconds = if civil.second() == 0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" };
    civil.strftime(seconds).to_string()
}

fn body(body: &EventBody<'_>, seq: u64) -> String {
    match body {
        EventBody::TenantOpened { .. } => "opened".into(),
        EventBody::TenantUpdated { .. } => "updated".into(),
        EventBody::TenantClosed { .. } => "closed".into(),
        EventBody::LicencesSet { plan, quantity, union, usage_country, .. } => {
            let shared = union.as_deref().map_or(usage_country.to_string(), str::to_owned);
            format!("licences of {plan} in {shared}: {quantity}")
        }
        EventBody::UserLimitSet { user, monthly_limit: None, .. } => format!("{user} has no limit"),
        EventBody::UserLimitSet { user, monthly_limit: Some(limit), .. } => format!("{user} may spend {limit} a month"),
        EventBody::FundsAdded { funds, .. } => format!("funds {}", lot(funds, seq)),
        EventBody::FundsExpiring { lot, amount, expires_at, .. } => {
            format!("{amount} of {lot} expires at {}", minute(*expires_at))
        }
        EventBody::FundsExpired { lot, amount } => format!("{amount} of {lot} is forfeited"),
        EventBody::BalanceAdjusted(adjustment) => {
            let call = adjustment.corrects.as_ref();
            let call = call.map(|of| format!(" for call {}, {} of it given back", of.call_id, of.corrected));
            let money = match &adjustment.money {
                AdjustedMoney::Added(funds) => lot(funds, seq),
                AdjustedMoney::Taken { amount, lots, debt } => format!("{}{}", amount.negated(), drawn(lots, *debt)),
            };
            format!("adjusted {money}{}", call.unwrap_or_default())
        }
        EventBody::CallVoided(void) => voided(void, seq),
        EventBody::RechargeConfigured { settings, .. } if settings.enabled => "recharge is configured".into(),
        EventBody::RechargeConfigured { .. } => "recharge is off".into(),
        EventBody::RechargeRequested { attempt: 1, amount, .. } => format!("recharge r{seq} of {amount} is requested"),
        EventBody::RechargeRequested { attempt, amount, .. } => {
            format!("recharge r{seq} of {amount} is requested, attempt {attempt}")
        }
        EventBody::RechargeSucceeded { recharge, funds, .. } => format!("r{} paid {}", recharge.0, lot(funds, seq)),
        EventBody::RechargeFailed { recharge, next_at: None, .. } => format!("r{} failed", recharge.0),
        EventBody::RechargeFailed { recharge, next_at: Some(next), .. } => {
            format!("r{} failed, again at {}", recharge.0, minute(*next))
        }
        EventBody::RechargeStatusRequested { recharge, .. } => format!("what became of r{}?", recharge.0),
        EventBody::RechargeUnresolved { recharge, .. } => format!("r{} is for a person to resolve", recharge.0),
        EventBody::RechargeSuspended { .. } => "recharge is suspended".into(),
        EventBody::RechargeCapped { recharge: None, wanted } => format!("capped: {wanted} is wanted, nothing fits"),
        EventBody::RechargeCapped { wanted, .. } => format!("capped: {wanted} is wanted"),
        EventBody::SettlementUnmatched { amount: Some(amount), .. } => format!("alert: {amount} for a closed account"),
        EventBody::SettlementUnmatched { amount: None, .. } => "alert: money that nobody asked for".into(),
        EventBody::CallDebited(of) => debit(of),
        EventBody::TenantBlocked(of) => blocked(of),
        EventBody::TenantUnblocked => "unblocked".into(),
        EventBody::UserBlocked { user, spent, .. } => format!("{user} is blocked at {spent}"),
        EventBody::UserUnblocked { user, .. } => format!("{user} is unblocked"),
        EventBody::BalanceLow { notify_below } => format!("low: below {notify_below}"),
        EventBody::BalanceReachedZero { block_at } => format!("down to {block_at}"),
        EventBody::PoolThresholdReached { pool, threshold, used, size, user, .. } => {
            let of = user.as_deref().map_or(String::new(), |user| format!(" of {user}"));
            format!("{pool}{of} is at {} %: {used} of {size} min", threshold.percent())
        }
    }
}

/// `10.00 as l5`, with what repaid debt.
fn lot(funds: &Funds, seq: u64) -> String {
    let until = minute(funds.expires_at);
    match funds.amount.checked_sub(funds.debt_repaid) {
        Ok(rest) if rest.is_zero() => format!("{} to debt", funds.amount),
        Ok(rest) if rest != funds.amount => {
            format!("{}: {} to debt, {rest} as l{seq} until {until}", funds.amount, funds.debt_repaid)
        }
        _ => format!("{} as l{seq} until {until}", funds.amount),
    }
}

fn drawn(lots: &[Draw], debt: Money) -> String {
    let mut parts: Vec<String> = lots.iter().map(|draw| format!("{} of {}", draw.amount, draw.lot)).collect();
    if !debt.is_zero() {
        parts.push(format!("{debt} as debt"));
    }
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

/// `0.078 for USA, 4 min from domestic-us/domestic/us-pr (0.078 of l3)`.
fn debit(debit: &Debit<'_>) -> String {
    let what = match &debit.priced_by {
        Some(priced) => priced.destination.to_string(),
        None if debit.free_call => "a call without a price".into(),
        None => debit.class.code().into(),
    };
    let shrunk = if debit.shrunk { ", shrunk" } else { "" };
    let pool =
        debit.pool.as_ref().map(|of| format!(", {} min from {} ({} of {})", of.minutes, of.pool, of.used, of.size));
    let whole =
        debit.cumulative.as_ref().map(|so_far| format!(", {} for {} s so far", so_far.amount, so_far.billed_seconds));
    let money = drawn(&debit.lots, debit.debt);
    format!("{} for {what}{shrunk}{}{money}{}", debit.amount, pool.unwrap_or_default(), whole.unwrap_or_default())
}

fn voided(void: &Void<'_>, seq: u64) -> String {
    let mut parts = Vec::new();
    if !void.debt_repaid.is_zero() {
        parts.push(format!("{} to debt", void.debt_repaid));
    }
    parts.extend(void.lots.iter().map(|draw| format!("{} to {}", draw.amount, draw.lot)));
    if let (Some(rest), Some(until)) = (void.new_lot(), void.expires_at) {
        parts.push(format!("{rest} as l{seq} until {}", minute(until)));
    }
    parts.extend(void.pool.iter().map(|of| format!("{} min to {}, {} used", of.minutes, of.pool, of.used)));
    if void.release {
        parts.push("its id is free".into());
    }
    let parts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    format!("call {} is voided, {} back{parts}", void.call.call_id, void.amount)
}

fn blocked(blocked: &Blocked) -> String {
    let why = match blocked.reason {
        BlockReason::Balance => "",
        BlockReason::DailyLimit => " for the day",
    };
    let all = Classes::all_paid();
    let classes = if blocked.classes == all {
        "all that is paid".to_owned()
    } else {
        let open = all.iter().filter(|class| !blocked.classes.contains(*class)).map(|class| class.code());
        format!("all but {}", open.collect::<Vec<_>>().join(" and "))
    };
    let pools: Vec<String> = blocked.pools.iter().map(ToString::to_string).collect();
    let pools = if pools.is_empty() { String::new() } else { format!(", used up: {}", pools.join(" and ")) };
    format!("blocked{why}: {classes}{pools}")
}
