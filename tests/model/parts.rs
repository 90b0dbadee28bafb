//! Which call a CDR is, and what of a call in parts was charged before (R2, R3, A6).

use super::account::Account;
use super::catalog::NumberPlan;
use super::cdr::Call;
use super::charge::Charge;
use super::money::Amount;
use super::number::spelling;

/// What a redelivery is compared by, but for the duration (R3, F3): numbers by value, plan and country as written. Whether
/// the part is the last is nothing that is rated, so it is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content(Vec<String>);

impl Content {
    pub fn of(call: &Call, account: &Account, numbers: &NumberPlan) -> Content {
        let end = |raw: &str| spelling(raw, numbers.number(raw, &account.settings.usage_country).as_deref());
        Content(vec![
            call.service.clone(),
            call.direction.clone(),
            call.number_type.clone(),
            end(&call.from),
            end(&call.to),
            format!("{:?} {:?} {:?} {}", call.user, call.plan, call.usage_country, call.on_net),
            format!("{:?} {}", call.answered, call.start()),
        ])
    }
}

/// A call that was debited.
#[derive(Clone, Debug)]
pub struct KnownCall {
    /// The last part.
    pub part: u32,
    /// Whether it was the last of all.
    pub is_final: bool,
    /// Of the call.
    pub content: Content,
    /// Of the last part.
    pub micros: i64,
    /// Hours since the epoch, of the last acceptance.
    pub hour: i64,
    /// While it is not final.
    pub open: Option<OpenCall>,
}

/// What the parts of a call took so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenCall {
    pub micros: i64,
    pub billed: u64,
    pub paid: u64,
    pub pool_minutes: u64,
    pub amount: Amount,
    /// Of the amount.
    pub connect: Amount,
    /// Of the amount.
    pub minimum: Amount,
    /// The default plan at the first part: the call's for all parts (R2).
    pub plan: Option<Option<String>>,
}

/// What a CDR is to the call that it names.
pub enum Meaning {
    /// The first of it.
    First(u32),
    /// Later than all before.
    Newer(u32),
    /// It was there before.
    Duplicate(u32),
    /// The same, with other content.
    Conflict,
}

/// R2, R3, F1, A6.
pub fn meaning(call: &Call, content: &Content, known: Option<&KnownCall>) -> Meaning {
    let Some(known) = known else { return Meaning::First(call.part.unwrap_or(0)) };
    let is_equal = known.content == *content && known.micros == call.micros;
    let by_content = |part| if is_equal { Meaning::Duplicate(part) } else { Meaning::Conflict };
    let part = match call.part {
        Some(part) => part,
        None if !call.is_final => 0,
        // F1: after all parts so far; of a call that is over, compared with what is remembered.
        None if known.is_final => return by_content(known.part),
        None => known.part + 1,
    };
    if part < known.part {
        return Meaning::Duplicate(part);
    }
    if part == known.part || known.is_final {
        return by_content(part);
    }
    if known.content == *content { Meaning::Newer(part) } else { Meaning::Conflict }
}

/// What one part adds.
#[derive(Clone, Debug, Default)]
pub struct Share {
    pub micros: i64,
    pub billed: u64,
    pub paid: u64,
    pub pool_minutes: u64,
    pub amount: Amount,
    pub lines: Vec<(&'static str, Amount)>,
    pub shrunk: bool,
    /// The whole after it.
    pub cumulative: OpenCall,
}

fn sum_of(lines: &[(&'static str, Amount)], kind: &str) -> Amount {
    lines.iter().filter(|(of, _)| *of == kind).map(|(_, money)| money).sum()
}

/// F2: the whole call less what earlier parts took. Of a first part the lines are those of the call; of a later one the
/// differences by kind (A6).
pub fn share(call: &Call, whole: &Charge, earlier: Option<&OpenCall>) -> Share {
    let none = OpenCall::default();
    let open = earlier.unwrap_or(&none);
    if call.micros < open.micros {
        return Share { shrunk: true, cumulative: open.clone(), ..Share::default() };
    }
    let lines = &whole.cost.lines;
    let mut cumulative = OpenCall {
        micros: call.micros,
        billed: whole.cost.billed,
        paid: whole.cost.paid,
        pool_minutes: whole.pool_minutes,
        amount: whole.amount,
        connect: sum_of(lines, "connect"),
        minimum: sum_of(lines, "minimum"),
        plan: Some(whole.default_plan.clone()),
    };
    let mut share = Share {
        micros: call.micros - open.micros,
        billed: cumulative.billed.saturating_sub(open.billed),
        paid: cumulative.paid.saturating_sub(open.paid),
        pool_minutes: whole.pool_minutes - open.pool_minutes,
        amount: whole.amount - open.amount,
        ..Share::default()
    };
    if share.amount < 0 {
        share.amount = 0;
        cumulative = OpenCall { amount: open.amount, connect: open.connect, minimum: open.minimum, ..cumulative };
    } else if earlier.is_none() {
        share.lines = lines.clone();
    } else {
        let usage = open.amount - open.connect - open.minimum;
        for (kind, before) in [("usage", usage), ("connect", open.connect), ("minimum", open.minimum)] {
            share.lines.push((kind, sum_of(lines, kind) - before));
        }
        share.lines.retain(|(_, money)| *money != 0);
    }
    Share { cumulative, ..share }
}
