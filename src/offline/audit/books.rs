//! The audit's own books of one tenant: what the amounts of its events make of a balance, lots and debt (R31, R42).

use std::collections::BTreeMap;

use super::record::{Record, read_lot};
use super::{Breach, Law};
use crate::offline::figure::Figure;

/// Sums of all events: added - debited - expired + adjusted = balance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) added: Figure,
    pub(super) debited: Figure,
    pub(super) expired: Figure,
    pub(super) adjusted: Figure,
}

impl Sums {
    /// What they leave.
    pub(super) fn balance(self) -> Figure {
        self.added - self.debited - self.expired + self.adjusted
    }
}

/// One tenant's money.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) sums: Sums,
    /// What is left of each lot, by the number of its event; the lowest is the oldest.
    pub(super) lots: BTreeMap<u64, Figure>,
    pub(super) debt: Figure,
}

impl Books {
    /// Moves the money as the event says, and compares the balance that it states. After a breach the books are of no use.
    pub(super) fn take(&mut self, record: &Record<'_>) -> Result<(), Breach> {
        match record.kind() {
            "call.debited" => self.debit(record)?,
            "funds.added" | "recharge.succeeded" => {
                let amount = record.amount()?;
                self.sums.added += amount;
                self.add(record, amount)?;
            }
            "funds.expired" => self.expire(record)?,
            "balance.adjusted" => self.adjust(record)?,
            "call.voided" => self.void(record)?,
            _ => {}
        }
        let (stated, computed) = (record.balance()?, self.sums.balance());
        if stated != computed {
            return Err(Breach::new(Law::Balance, format!("the event says {stated}, its amounts make it {computed}")));
        }
        let held = self.lots.values().copied().sum::<Figure>() - self.debt;
        if stated != held {
            return Err(Breach::new(Law::Lots, format!("the balance is {stated}, the lots less the debt are {held}")));
        }
        Ok(())
    }

    fn debit(&mut self, record: &Record<'_>) -> Result<(), Breach> {
        let (amount, lines) = (record.amount()?, record.sum_of_lines()?);
        if lines != amount {
            return Err(Breach::new(Law::Lines, format!("the lines sum to {lines}, the debit is {amount}")));
        }
        self.sums.debited += amount;
        self.draw(record, amount)
    }

    /// From the oldest lots, one after another; what none can pay becomes debt.
    fn draw(&mut self, record: &Record<'_>, amount: Figure) -> Result<(), Breach> {
        let debt = record.debt()?;
        let mut drawn = debt;
        for share in record.lots() {
            let (lot, part) = share?;
            let Some(mut oldest) = self.lots.first_entry().filter(|oldest| *oldest.key() == lot) else {
                let oldest =
                    self.lots.keys().next().map_or("there is none".to_owned(), |oldest| format!("l{oldest} is"));
                return Err(lots(format!("l{lot} is drawn from, and is not the oldest lot: {oldest}")));
            };
            let left = *oldest.get() - part;
            if !part.is_positive() || left.is_negative() {
                return Err(lots(format!("{part} is drawn from l{lot}, which holds {}", oldest.get())));
            }
            if left.is_positive() {
                oldest.insert(left);
            } else {
                oldest.remove();
            }
            drawn += part;
        }
        if drawn != amount {
            return Err(lots(format!("lots and debt sum to {drawn}, the amount is {amount}")));
        }
        if debt.is_negative() {
            return Err(lots(format!("a debt of {debt}")));
        }
        if let (true, Some(lot)) = (debt.is_positive(), self.lots.keys().next()) {
            return Err(lots(format!("a debt of {debt} is made while l{lot} holds money")));
        }
        self.debt += debt;
        Ok(())
    }

    /// Debt is repaid first, the rest is a lot.
    fn add(&mut self, record: &Record<'_>, amount: Figure) -> Result<(), Breach> {
        if !amount.is_positive() {
            return Err(lots(format!("{amount} is added")));
        }
        let rest = self.repay(record, amount)?;
        if rest.is_positive() {
            self.lots.insert(record.seq(), rest);
        }
        Ok(())
    }

    fn repay(&mut self, record: &Record<'_>, amount: Figure) -> Result<Figure, Breach> {
        let (repaid, owed) = (record.debt_repaid()?, amount.min(self.debt));
        if repaid != owed {
            return Err(lots(format!("{repaid} of the debt is repaid, {owed} must be")));
        }
        self.debt -= repaid;
        Ok(amount - repaid)
    }

    /// All that is left of a lot.
    fn expire(&mut self, record: &Record<'_>) -> Result<(), Breach> {
        let (written, amount) = (record.lot().unwrap_or_default(), record.amount()?);
        let left = read_lot(written).and_then(|lot| self.lots.remove(&lot));
        if left != Some(amount) {
            let left = left.map_or("it is not there".to_owned(), |left| format!("it holds {left}"));
            return Err(lots(format!("{amount} of {written} is forfeited: {left}")));
        }
        self.sums.expired += amount;
        Ok(())
    }

    fn adjust(&mut self, record: &Record<'_>) -> Result<(), Breach> {
        let amount = record.amount()?;
        self.sums.adjusted += amount;
        if amount.is_negative() { self.draw(record, -amount) } else { self.add(record, amount) }
    }

    /// Debt first, then the lots that it came from, then a new one (F20).
    fn void(&mut self, record: &Record<'_>) -> Result<(), Breach> {
        let amount = record.amount()?;
        self.sums.adjusted += amount;
        let mut rest = self.repay(record, amount)?;
        for share in record.lots() {
            let (lot, part) = share?;
            let held = self.lots.get_mut(&lot).filter(|_| part.is_positive());
            *held.ok_or_else(|| lots(format!("{part} goes back to l{lot}, which is not there")))? += part;
            rest -= part;
        }
        let in_new_lot = record.lot_amount()?;
        if rest != in_new_lot || rest.is_negative() {
            return Err(lots(format!("{rest} is left for a new lot, the event says {in_new_lot}")));
        }
        if rest.is_positive() {
            self.lots.insert(record.seq(), rest);
        }
        Ok(())
    }
}

fn lots(detail: String) -> Breach {
    Breach::new(Law::Lots, detail)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(kind: &str, data: Value) -> String {
        json!({"id": "contoso/9", "type": format!("tollkeeper.{kind}.v1"), "data": data}).to_string()
    }

    /// Lots l2 with 10.00 and l3 with 5.00, or a debt of 4.00.
    fn books(with_debt: bool) -> Books {
        let read = |text| Figure::read(text).unwrap();
        if with_debt {
            let sums = Sums { debited: read("4.00"), ..Sums::default() };
            return Books { sums, lots: BTreeMap::new(), debt: read("4.00") };
        }
        let sums = Sums { added: read("15.00"), ..Sums::default() };
        Books { sums, lots: BTreeMap::from([(2, read("10.00")), (3, read("5.00"))]), debt: Figure::ZERO }
    }

    /// What an event makes of the books: lots and debt, or the breach.
    fn after(with_debt: bool, kind: &str, data: Value) -> String {
        let (mut books, event) = (books(with_debt), event(kind, data));
        match books.take(&Record::read(event.as_bytes()).unwrap()) {
            Ok(()) => {
                let lots: Vec<String> = books.lots.iter().map(|(lot, left)| format!("l{lot} {left}")).collect();
                format!("{} debt {}", lots.join(" "), books.debt)
            }
            Err(Breach { law, detail }) => format!("{law}: {detail}"),
        }
    }

    #[test]
    fn r37_corrections_move_the_money_as_they_say() {
        let draws = |lot: &str, amount: &str| json!([{"lot": lot, "amount": amount}]);
        let adjusted = "balance.adjusted";
        let voided = "call.voided";
        let cases = [
            (
                false,
                adjusted,
                json!({"amount": "1.00", "lot": "l9", "balance": "16.00"}),
                "l2 10.00 l3 5.00 l9 1.00 debt 0.00",
            ),
            (true, adjusted, json!({"amount": "1.00", "debt_repaid": "1.00", "balance": "-3.00"}), " debt 3.00"),
            (true, adjusted, json!({"amount": "5.00", "debt_repaid": "4.00", "balance": "1.00"}), "l9 1.00 debt 0.00"),
            (
                true,
                adjusted,
                json!({"amount": "1.00", "balance": "-3.00"}),
                "lots: 0.00 of the debt is repaid, 1.00 must be",
            ),
            (
                false,
                adjusted,
                json!({"amount": "-3.00", "lots": draws("l2", "3.00"), "balance": "12.00"}),
                "l2 7.00 l3 5.00 debt 0.00",
            ),
            (true, adjusted, json!({"amount": "-3.00", "debt": "3.00", "balance": "-7.00"}), " debt 7.00"),
            (
                false,
                adjusted,
                json!({"amount": "-3.00", "debt": "3.00", "balance": "12.00"}),
                "lots: a debt of 3.00 is made while l2 holds money",
            ),
            (false, adjusted, json!({"amount": "0.00", "balance": "15.00"}), "lots: 0.00 is added"),
            (
                false,
                voided,
                json!({"amount": "3.00", "lots": draws("l3", "2.00"), "lot": "l9", "lot_amount": "1.00", "balance": "18.00"}),
                "l2 10.00 l3 7.00 l9 1.00 debt 0.00",
            ),
            (true, voided, json!({"amount": "3.00", "debt_repaid": "3.00", "balance": "-1.00"}), " debt 1.00"),
            (false, voided, json!({"amount": "0.00", "balance": "15.00"}), "l2 10.00 l3 5.00 debt 0.00"),
            (
                false,
                voided,
                json!({"amount": "3.00", "lots": draws("l4", "3.00"), "balance": "18.00"}),
                "lots: 3.00 goes back to l4, which is not there",
            ),
            (
                false,
                voided,
                json!({"amount": "3.00", "lots": draws("l3", "2.00"), "balance": "18.00"}),
                "lots: 1.00 is left for a new lot, the event says 0.00",
            ),
        ];
        for (with_debt, kind, data, expected) in cases {
            assert_eq!(after(with_debt, kind, data.clone()), expected, "{kind} {data}");
        }
    }

    #[test]
    fn law4_the_sums_are_the_balance() {
        let stated = after(false, "balance.adjusted", json!({"amount": "1.00", "lot": "l9", "balance": "15.00"}));
        assert_eq!(stated, "balance: the event says 15.00, its amounts make it 16.00");
    }
}
