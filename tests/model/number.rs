//! Numbers (R6, F4, F5).

use super::catalog::{NumberPlan, ShortCode};

/// What was dialled, without separators: an optional `+`, then digits. `None`: a name, or nothing.
fn dialled(raw: &str) -> Option<String> {
    let kept: String = raw.chars().filter(|letter| !" -.()".contains(*letter)).collect();
    let digits = kept.strip_prefix('+').unwrap_or(&kept);
    let is_dialled = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_dialled.then_some(kept)
}

/// How an end of a call counts in its content: the number, or what was written without separators (F3).
pub fn spelling(raw: &str, number: Option<&str>) -> String {
    match number {
        Some(number) => format!("number {number}"),
        None => format!("text {}", raw.chars().filter(|letter| !" -.()".contains(*letter)).collect::<String>()),
    }
}

impl NumberPlan {
    /// The digits of the E.164 number that was dialled in a country (F4).
    pub fn number(&self, raw: &str, dialled_in: &str) -> Option<String> {
        let dialled = dialled(raw)?;
        let digits = match dialled.strip_prefix('+') {
            Some(digits) => digits,
            None => {
                let abroad = self.country(dialled_in).map_or(&[][..], |country| &country.abroad);
                // Of two that fit the longer one, as everywhere.
                let fitting = abroad.iter().filter(|prefix| dialled.starts_with(prefix.as_str()));
                &dialled[fitting.map(String::len).max().unwrap_or(0)..]
            }
        };
        ((7..=15).contains(&digits.len()) && !digits.starts_with('0')).then(|| digits.to_owned())
    }

    /// Whose a number is: the longest prefix of all countries.
    pub fn country_of(&self, number: &str) -> Option<&str> {
        let mut longest = (0, None);
        for country in &self.countries {
            for prefix in &country.prefixes {
                if number.starts_with(prefix.as_str()) && prefix.len() > longest.0 {
                    longest = (prefix.len(), Some(country.code.as_str()));
                }
            }
        }
        longest.1
    }

    /// R20, A1: the same country, or both in one domestic union.
    pub fn is_domestic(&self, usage_country: &str, destination: &str) -> bool {
        let union = |code: &str| self.country(code).and_then(|country| country.domestic_union.clone());
        usage_country == destination || (union(usage_country).is_some() && union(usage_country) == union(destination))
    }

    /// F5: as dialled, so `+911` is none.
    pub fn is_emergency(&self, raw: &str, usage_country: &str) -> bool {
        let Some(dialled) = dialled(raw) else { return false };
        let listed = self.country(usage_country).is_some_and(|country| country.emergency.contains(&dialled));
        dialled == "112" || dialled == "911" || listed
    }

    /// F5: as dialled, in the usage country.
    pub fn short_code(&self, raw: &str, usage_country: &str) -> Option<&ShortCode> {
        let dialled = dialled(raw)?;
        self.short_codes.iter().find(|short| short.country == usage_country && short.code == dialled)
    }
}
