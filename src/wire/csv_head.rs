//! The lines before the columns of a table that has versions: `# effective_from: 2027-01-01`, and whatever else a person wants
//! to say.

use jiff::Timestamp;

use crate::wire::fault::{Faults, Place, quoted};
use crate::wire::price_columns::Forms;

/// What such lines say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// The table is in force from here on; `None`: always was.
    pub(crate) effective_from: Option<Timestamp>,
}

/// Reads the lines that begin with `#` at the beginning of the file. One word of small letters and a colon is a setting, and one
/// that is not known a fault: a slip in `effective_from` must not put a table into force for all times. `note` and every other
/// form are for people.
pub(crate) fn read_head(file: &str, text: &str, faults: &mut Faults) -> Head {
    let mut head = Head::default();
    let lines = (1..).zip(text.lines()).take_while(|(_, line)| line.starts_with('#') || line.trim().is_empty());
    for (number, line) in lines {
        // A spreadsheet that saves the file fills such a line up with commas.
        let line = line.trim_start_matches('#').trim_end_matches([',', ' ', '\t']).trim_start();
        let Some((key, value)) = line.split_once(':').filter(|(key, value)| is_setting(key, value)) else {
            continue;
        };
        let value = value.trim();
        match key.trim() {
            "note" => {}
            "effective_from" if head.effective_from.is_some() => {
                faults.add(file, Place::line(number), "effective_from is there twice");
            }
            "effective_from" => match Forms::own().from(value) {
                Ok(from) => head.effective_from = Some(from),
                Err(error) => {
                    faults.add(file, Place::line(number), format!("effective_from: {error}: {}", quoted(value)));
                }
            },
            other => {
                let known = "there are effective_from, note";
                faults.add(file, Place::line(number), format!("no such setting: {}; {known}", quoted(other)));
            }
        }
    }
    head
}

/// One word before the colon; an address on the web is none.
fn is_setting(key: &str, value: &str) -> bool {
    let key = key.trim();
    let is_word = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_word && !value.starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_prose_is_not() {
        let cases = [
            ("country\nGB\n", None, ""),
            ("# effective_from: 2027-01-01\ncountry\n", Some("2027-01-01T00:00:00Z"), ""),
            ("\n#effective_from:2027-01-01T01:00:00+01:00,,\n# note: a: b\n", Some("2027-01-01T00:00:00Z"), ""),
            ("# Countries of a zone: of one\n# http://example.com\n# Zone A, see: x\n", None, ""),
            ("country\n# effective_from: 2027-01-01\n", None, ""),
            (
                "# efective_from: 2027-01-01\n",
                None,
                "t.csv:1: column 1: no such setting: \"efective_from\"; there are effective_from, note",
            ),
            (
                "# effective_from: soon\n",
                None,
                "t.csv:1: column 1: effective_from: neither a date as 2026-11-20 nor an instant as \
                 2026-11-20T00:00:00Z: \"soon\"",
            ),
            (
                "# effective_from: 2027-01-01\n# effective_from: 2027-01-02\n",
                Some("2027-01-01T00:00:00Z"),
                "t.csv:2: column 1: effective_from is there twice",
            ),
        ];
        for (text, expected, wrong) in cases {
            let mut faults = Faults::new();
            let head = read_head("t.csv", text, &mut faults);
            assert_eq!(head.effective_from, expected.map(|from| from.parse().expect(from)), "{text}");
            assert_eq!(faults.to_string(), wrong, "{text}");
        }
    }
}
