//! Falsifies one debit between the ledger and the proof, to show that the proof would notice.

use clap::ValueEnum;

use crate::core::event::{Event, EventBody};
use crate::core::money::Money;

/// Debits with an amount that pass before one is falsified.
const UNHARMED: u32 = 20;

/// What is done to one debit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sabotage {
    /// It is left out.
    Drop,
    /// It is there twice.
    Double,
    /// Its amount is off by 0.01, and so are its line, its draw and its balance: it looks sound by itself.
    Cent,
}

/// Does it once.
#[derive(Debug)]
pub struct Saboteur {
    plan: Option<Sabotage>,
    passed: u32,
}

/// How many copies of an event the proof is to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// It was taken out.
    None,
    /// As in the ledger; perhaps altered.
    One,
    /// It was doubled.
    Two,
}

impl Saboteur {
    /// Who lets everything pass, or falsifies the twenty-first paid debit.
    pub fn new(plan: Option<Sabotage>) -> Saboteur {
        Saboteur { plan, passed: 0 }
    }

    /// Looks at an event on its way.
    pub fn pass(&mut self, event: &mut Event<'_>) -> Copies {
        let (Some(plan), EventBody::CallDebited(debit)) = (self.plan, &mut event.body) else { return Copies::One };
        if debit.amount.is_zero() {
            return Copies::One;
        }
        self.passed += 1;
        if self.passed <= UNHARMED {
            return Copies::One;
        }
        self.plan = None;
        match plan {
            Sabotage::Drop => Copies::None,
            Sabotage::Double => Copies::Two,
            Sabotage::Cent => {
                let cent = Money::new(1, 2).expect("a cent is an amount");
                let more = |amount: &mut Money| *amount = amount.checked_add(cent).expect("far below the limit");
                more(&mut debit.amount);
                debit.lines.first_mut().into_iter().for_each(|line| more(&mut line.amount));
                match debit.lots.last_mut() {
                    Some(draw) if debit.debt.is_zero() => more(&mut draw.amount),
                    _ => more(&mut debit.debt),
                }
                event.balance = event.balance.checked_sub(cent).expect("far below the limit");
                Copies::One
            }
        }
    }
}
