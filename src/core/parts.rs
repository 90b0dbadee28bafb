//! Calls in parts (R2): which part a record is, and what of a call's charge is its own.
//!
//! Every part repeats the whole duration so far. The whole call is priced anew for it, and the part is charged what the parts
//! before it were not, so that together they cost what one final record would (law 5).

use smallvec::SmallVec;

use super::cdr::Cdr;
use super::duration::CallDuration;
use super::entry::OpenCall;
use super::event::{ChargeLine, Cumulative, LineKind, PoolUse};
use super::identity::{Content, Identity};
use super::money::{Money, Overflow, Rate};
use super::price::Priced;

/// What a record is to the parts that were debited before it.
#[derive(Debug)]
pub(super) enum Standing {
    /// The call is not known.
    New {
        /// Which part it is.
        part: u32,
    },
    /// It goes on.
    Newer {
        /// Which part it is.
        part: u32,
        /// All parts before it.
        open: Box<OpenCall>,
    },
    /// It was debited before.
    Duplicate {
        /// Which part it is.
        part: u32,
    },
    /// It contradicts what was debited.
    Conflict(&'static str),
}

/// Tells a new part from a repeat (R2, R3, F1). `call_content` is what all parts of the call have in common.
pub(super) fn standing(
    cdr: &Cdr<'_>,
    content: Content,
    seen: Option<Identity>,
    open: Option<Box<OpenCall>>,
    call_content: impl FnOnce() -> Content,
) -> Standing {
    const CONFLICT: &str = "the call was debited with other numbers, times or durations";
    let Some(seen) = seen else { return Standing::New { part: cdr.part.unwrap_or(0) } };
    // A final record without a part number comes after all parts so far; on a lone record it means 0.
    let part = match cdr.part {
        Some(part) => part,
        None if cdr.is_final && !seen.is_final => seen.part.saturating_add(1),
        None if cdr.is_final => seen.part,
        None => 0,
    };
    if part < seen.part {
        return Standing::Duplicate { part };
    }
    if part == seen.part || seen.is_final {
        let same = seen.content == content;
        return if same { Standing::Duplicate { part } } else { Standing::Conflict(CONFLICT) };
    }
    match open {
        Some(open) if open.so_far.content == call_content() => Standing::Newer { part, open },
        _ => {
            Standing::Conflict("an earlier part of the call was debited with other numbers, a plan or start of its own")
        }
    }
}

/// What one part of a call costs.
#[derive(Debug)]
pub(super) struct Share {
    /// It is shorter than an earlier part.
    pub(super) shrunk: bool,
    /// How long it really was, beyond the parts before it.
    pub(super) duration: CallDuration,
    /// How long it counts.
    pub(super) billed_seconds: u64,
    /// What money pays of it.
    pub(super) paid_seconds: u64,
    /// The minutes that it takes from a pool.
    pub(super) pool: Option<PoolUse>,
    /// Their sum is the amount.
    pub(super) lines: SmallVec<[ChargeLine; 2]>,
    /// What it costs.
    pub(super) amount: Money,
    /// Of the first paid increment of the call.
    pub(super) rate: Option<Rate>,
    /// The whole call so far, with this part.
    pub(super) cumulative: Cumulative,
}

impl Share {
    /// A part that is shorter than what was charged: everything stays as it is.
    pub(super) fn shrunk(so_far: &Cumulative) -> Share {
        Share { shrunk: true, ..Share::nothing(*so_far) }
    }

    /// A part that nobody pays for.
    pub(super) fn free(duration: CallDuration, content: Content, so_far: Option<&Cumulative>) -> Share {
        let before = so_far.copied().unwrap_or_default();
        let cumulative = Cumulative { content, duration, ..before };
        Share { duration: duration.saturating_sub(before.duration), ..Share::nothing(cumulative) }
    }

    fn nothing(cumulative: Cumulative) -> Share {
        Share {
            shrunk: false,
            duration: CallDuration::ZERO,
            billed_seconds: 0,
            paid_seconds: 0,
            pool: None,
            lines: SmallVec::new(),
            amount: Money::ZERO,
            rate: None,
            cumulative,
        }
    }

    /// What is to be charged of a call that costs `priced` as a whole.
    ///
    /// # Errors
    /// [`Overflow`].
    pub(super) fn of(
        priced: Priced,
        duration: CallDuration,
        content: Content,
        pool_minutes: u64,
        pool: Option<PoolUse>,
        so_far: Option<&Cumulative>,
    ) -> Result<Share, Overflow> {
        let sum_of = |kind| {
            let of_kind = priced.lines.iter().filter(|line| line.kind == kind);
            of_kind.map(|line| line.amount).try_fold(Money::ZERO, Money::checked_add)
        };
        let whole = Cumulative {
            content,
            duration,
            billed_seconds: priced.billed_seconds,
            paid_seconds: priced.paid_seconds,
            pool_minutes,
            amount: priced.amount,
            connect: sum_of(LineKind::Connect)?,
            minimum: sum_of(LineKind::Minimum)?,
        };
        let (amount, lines, cumulative) = match so_far {
            None => (priced.amount, priced.lines, whole),
            Some(before) => {
                let amount = whole.amount.checked_sub(before.amount)?;
                if amount.is_negative() {
                    // What was charged stays charged (F2).
                    let Cumulative { amount, connect, minimum, .. } = *before;
                    (Money::ZERO, SmallVec::new(), Cumulative { amount, connect, minimum, ..whole })
                } else {
                    (amount, difference(&whole, before)?, whole)
                }
            }
        };
        let before = so_far.copied().unwrap_or_default();
        Ok(Share {
            shrunk: false,
            duration: duration.saturating_sub(before.duration),
            billed_seconds: whole.billed_seconds.saturating_sub(before.billed_seconds),
            paid_seconds: whole.paid_seconds.saturating_sub(before.paid_seconds),
            pool,
            lines,
            amount,
            rate: priced.rate,
            cumulative,
        })
    }
}

/// What the whole call costs beyond the parts before, kind by kind. What was missing up to the minimum charge goes back as usage
/// takes its place.
fn difference(whole: &Cumulative, before: &Cumulative) -> Result<SmallVec<[ChargeLine; 2]>, Overflow> {
    let usage = |of: &Cumulative| of.amount.checked_sub(of.connect)?.checked_sub(of.minimum);
    let kinds = [
        (LineKind::Usage, usage(whole)?.checked_sub(usage(before)?)?),
        (LineKind::Connect, whole.connect.checked_sub(before.connect)?),
        (LineKind::Minimum, whole.minimum.checked_sub(before.minimum)?),
    ];
    Ok(kinds
        .into_iter()
        .filter(|(_, amount)| !amount.is_zero())
        .map(|(kind, amount)| ChargeLine { kind, amount })
        .collect())
}
