//! The differences between two price lists as people read them.

use super::deck_diff::{Change, ChangeKind, DeckDiff};
use super::deck_effect::Effect;
use super::deck_text::answer_text;

/// The counts, and the first rows of each kind.
pub fn diff_text(diff: &DeckDiff<'_>, rows_max: usize) -> String {
    let mut text =
        format!("before     {}\nafter      {}\nat         {}\n", diff.before.label(), diff.after.label(), diff.at);
    for kind in ChangeKind::ALL {
        text += &format!("{:<10} {}\n", kind.code(), diff.count(kind));
    }
    text += &format!("{:<10} {}\n", "unchanged", diff.unchanged);
    for kind in ChangeKind::ALL {
        let mut changes = diff.of_kind(kind);
        for change in changes.by_ref().take(rows_max) {
            text += &line_of(change);
        }
        match changes.count() {
            0 => {}
            more => text += &format!("{:<10} and {more} more\n", kind.code()),
        }
    }
    text
}

/// `dearer     44  United Kingdom  0.015/min 60/60 -> 0.016/min 60/60`.
fn line_of(change: &Change<'_>) -> String {
    let row = change.row();
    let prices = match (change.before, change.after) {
        (Some(before), Some(after)) => {
            let texts = (before.destination != after.destination).then(|| format!("{} -> ", before.destination));
            let texts = texts.unwrap_or_default();
            format!("{texts}{}  {} -> {}", row.destination, answer_text(before), answer_text(after))
        }
        (one, other) => {
            let only = one.or(other).map(answer_text).unwrap_or_default();
            format!("{}  {only}", row.destination)
        }
    };
    format!("{:<10} {}  {prices}\n", change.kind.code(), row.prefix)
}

/// The sums, and the destinations whose cost changes most.
pub fn effect_text(effect: &Effect<'_>, destinations_max: usize) -> String {
    let total = effect.total;
    let mut text =
        format!("calls      {} priced by both: {} before, {} after\n", total.calls, total.before, total.after);
    for (count, what) in [
        (effect.lost, "priced before, but not after"),
        (effect.gained, "priced after, but not before"),
        (effect.neither, "priced by neither"),
        (effect.not_priced, "that no price list is asked for"),
    ] {
        if count > 0 {
            text += &format!("calls      {count} {what}\n");
        }
    }
    let destinations = effect.by_change();
    for (name, sum) in destinations.iter().take(destinations_max) {
        let name = if name.is_empty() { "-" } else { name };
        text += &format!("effect     {name}: {} calls, {} before, {} after\n", sum.calls, sum.before, sum.after);
    }
    match destinations.len().saturating_sub(destinations_max) {
        0 => {}
        more => text += &format!("effect     and {more} more destinations\n"),
    }
    text
}
