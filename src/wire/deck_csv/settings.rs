//! What the `# key: value` lines before the columns of a price list say.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::DeckName;
use crate::core::currency::Currency;
use crate::core::deck::DeckHeader;
use crate::core::money::{DECIMALS_MAX, LineRounding, Rounding};
use crate::core::tenant::TenantId;
use crate::wire::fault::{Faults, Place, quoted};
use crate::wire::price_columns::Forms;

/// What a file is a list of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Prices of outbound calls.
    Outbound,
    /// Prices of inbound calls, of some price list.
    Inbound,
}

/// The settings of a file.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) currency: Option<Currency>,
    /// There is a line for it, be it wrong.
    names_currency: bool,
    pub(super) rounding: LineRounding,
    pub(super) effective_from: Option<Timestamp>,
    /// The price list whose inbound prices these are.
    pub(super) price_list: Option<Box<str>>,
}

impl Settings {
    /// Reads the lines before the first that is neither empty nor begins with `#`.
    pub(super) fn read(file: &str, text: &str, first_line: u64, scope: Scope, faults: &mut Faults) -> Settings {
        let mut settings = Settings::default();
        let mut seen = BTreeSet::new();
        let is_before = |line: &str| line.starts_with('#') || line.trim().is_empty();
        for (number, line) in (first_line..).zip(text.lines()).take_while(|(_, line)| is_before(line)) {
            // A spreadsheet that saves the file fills such a line up with delimiters.
            let line = line.trim_start_matches('#').trim_end_matches([',', ';', ' ', '\t']).trim_start();
            if line.is_empty() {
                continue;
            }
            let (key, value) = line.split_once(':').map_or((line, ""), |(key, value)| (key.trim(), value.trim()));
            if key != "note" && !seen.insert(key) {
                faults.add(file, Place::line(number), format!("{} is there twice", quoted(key)));
            } else if let Err(error) = settings.set(key, value, scope) {
                faults.add(file, Place::line(number), error);
            }
        }
        settings.names_currency = seen.contains("currency");
        settings
    }

    /// A fault where nothing says the currency.
    pub(super) fn require_currency(&self, file: &str, first_line: u64, faults: &mut Faults) {
        if self.currency.is_none() && !self.names_currency {
            let message = "the currency is missing: begin the file with a line such as `# currency: USD`";
            faults.add(file, Place::line(first_line), message);
        }
    }

    fn set(&mut self, key: &str, value: &str, scope: Scope) -> Result<(), String> {
        let wrong = |error: &dyn std::fmt::Display| format!("{key}: {error}: {}", quoted(value));
        match key {
            "currency" => self.currency = Some(value.parse().map_err(|error| wrong(&error))?),
            "decimals" => {
                let decimals = value.parse().ok().filter(|decimals| *decimals <= DECIMALS_MAX);
                self.rounding.decimals = decimals.ok_or_else(|| wrong(&"not from 0 to 9"))?;
            }
            "rounding" => {
                let mode = ROUNDINGS.iter().find(|(_, code)| *code == value).map(|(mode, _)| *mode);
                self.rounding.mode = mode.ok_or_else(|| wrong(&"none of half_up, half_even, down, up"))?;
            }
            "effective_from" => {
                self.effective_from = Some(Forms::own().from(value).map_err(|error| wrong(&error))?);
            }
            "price_list" if scope == Scope::Inbound => {
                // Price lists are named like tenants.
                let name = TenantId::is_valid(value).then(|| value.into());
                self.price_list = Some(name.ok_or_else(|| wrong(&"not 1 to 64 of A-Z a-z 0-9 . _ -"))?);
            }
            "note" => {}
            _ => {
                let of_scope = if scope == Scope::Inbound { ", price_list" } else { "" };
                let known = format!("there are currency, decimals, rounding, effective_from, note{of_scope}");
                return Err(format!("no such setting: {}; {known}", quoted(key)));
            }
        }
        Ok(())
    }

    /// The header of the list. A currency that is missing is a fault already.
    pub(super) fn header(&self, name: DeckName<'_>) -> DeckHeader {
        DeckHeader {
            id: name.id.into(),
            version: name.version.into(),
            currency: self.currency.unwrap_or("XXX".parse().expect("ISO 4217: no currency")),
            rounding: self.rounding,
            effective_from: self.effective_from,
        }
    }
}

/// The modes as they are written.
pub(super) const ROUNDINGS: [(Rounding, &str); 4] =
    [(Rounding::HalfUp, "half_up"), (Rounding::HalfEven, "half_even"), (Rounding::Down, "down"), (Rounding::Up, "up")];
