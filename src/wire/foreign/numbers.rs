//! Numbers as switches write them: out of their SIP clothes, and completed where only a country dials so (F4).

use percent_encoding::percent_decode_str;

use crate::core::number::{Dialled, Number};

/// How a country dials at home and abroad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct National {
    /// `33`.
    pub(super) country_code: String,
    /// What is dialled before a national number, and is no part of it: `0`. Empty where there is none.
    pub(super) national_prefix: String,
    /// How many digits may follow the national prefix; empty: any number that makes a valid one.
    pub(super) digits: Vec<usize>,
    /// How many digits a national number has that is dialled without the prefix; empty: none is.
    pub(super) digits_without_prefix: Vec<usize>,
    /// What is dialled before a number abroad: `00`. The longest first.
    pub(super) international_prefixes: Vec<String>,
}

impl National {
    /// The E.164 number with `+`, where these digits are an international or a national one. Short codes, emergency numbers
    /// and extensions are none.
    fn complete(&self, digits: &str) -> Option<String> {
        let valid = |digits: String| digits.parse::<Number>().ok().map(|number| number.to_string());
        if let Some(abroad) = self.international_prefixes.iter().find_map(|prefix| digits.strip_prefix(prefix.as_str()))
        {
            return valid(abroad.to_owned());
        }
        let home = |national: &str| valid(format!("{}{national}", self.country_code));
        let behind = (!self.national_prefix.is_empty()).then(|| digits.strip_prefix(self.national_prefix.as_str()));
        if let Some(national) = behind.flatten()
            && (self.digits.is_empty() || self.digits.contains(&national.len()))
        {
            return home(national);
        }
        if self.digits_without_prefix.contains(&digits.len()) { home(digits) } else { None }
    }
}

/// The number in what a switch wrote: without `sip:`, `tel:`, host, parameters and percent signs, separators dropped,
/// completed if `national` can. What is no number (a SIP name, a withheld caller) stays as it is.
pub(super) fn number_in(text: &str, national: Option<&National>) -> String {
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    let bare = without_uri(decoded.trim());
    let Some(dialled) = Dialled::read(bare) else { return bare.to_owned() };
    let digits = dialled.as_str();
    if digits.starts_with('+') {
        return digits.to_owned();
    }
    national.and_then(|national| national.complete(digits)).unwrap_or_else(|| digits.to_owned())
}

/// The user of a `sip:`, `sips:` or `tel:` URI; anything else as it is.
fn without_uri(text: &str) -> &str {
    let scheme = ["sip:", "sips:", "tel:"]
        .into_iter()
        .find(|scheme| text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)));
    let Some(scheme) = scheme else { return text };
    let user = &text[scheme.len()..];
    user.split(['@', ';', '?']).next().unwrap_or(user)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn national(code: &str, prefix: &str, digits: &[usize], without: &[usize], abroad: &[&str]) -> National {
        National {
            country_code: code.into(),
            national_prefix: prefix.into(),
            digits: digits.into(),
            digits_without_prefix: without.into(),
            international_prefixes: abroad.iter().map(|prefix| (*prefix).to_owned()).collect(),
        }
    }

    #[test]
    fn f4_national_numbers_are_completed_by_the_given_country() {
        let france = national("33", "0", &[9], &[], &["00"]);
        let america = national("1", "1", &[10], &[10], &["011"]);
        let russia = national("7", "8", &[10], &[], &["810"]);
        let australia = national("61", "0", &[], &[], &["0011"]);
        let cases = [
            (&france, "0612345678", "+33612345678"),
            (&france, "06 12 34 56 78", "+33612345678"),
            (&france, "0014255550100", "+14255550100"),
            (&france, "+4930123456", "+4930123456"),
            // Bare digits stand as they are, unless the country dials so.
            (&france, "4930123456", "4930123456"),
            (&france, "061234567", "061234567"),
            (&america, "14255550100", "+14255550100"),
            (&america, "(425) 555-0100", "+14255550100"),
            (&america, "01133612345678", "+33612345678"),
            (&america, "5550100", "5550100"),
            (&russia, "89245550001", "+79245550001"),
            (&russia, "81079245550003", "+79245550003"),
            (&australia, "0291234567", "+61291234567"),
            // Emergency numbers, short codes and extensions are no national numbers.
            (&australia, "000", "000"),
            (&france, "112", "112"),
            (&america, "911", "911"),
            (&america, "1002", "1002"),
        ];
        for (country, text, expected) in cases {
            assert_eq!(number_in(text, Some(country)), expected, "{text} in {}", country.country_code);
        }
    }

    #[test]
    fn a_number_is_found_in_its_sip_clothes_and_a_name_stays() {
        let cases = [
            ("sip:+14255550100@10.0.0.1:5060;user=phone", "+14255550100"),
            ("SIP:%2B14255550100@10.0.0.1", "+14255550100"),
            ("tel:+1-425-555-0100;ext=7", "+14255550100"),
            ("%2B14255550100", "+14255550100"),
            ("+1 425 555 0100", "+14255550100"),
            ("911", "911"),
            ("anonymous", "anonymous"),
            ("sip:kevin@example.com", "kevin"),
            ("client:kevin", "client:kevin"),
            ("1001@10.0.0.1", "1001@10.0.0.1"),
            ("", ""),
            ("sip:", ""),
            ("si", "si"),
            ("äöü", "äöü"),
        ];
        for (text, expected) in cases {
            assert_eq!(number_in(text, None), expected, "{text}");
        }
    }
}
