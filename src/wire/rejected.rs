//! A record that could not be read, and why.

use std::fmt;

use crate::core::reason::Reason;

/// The longest detail, in bytes: it may quote the record, and a record may be large.
const DETAIL_BYTES_MAX: usize = 300;

/// A record from outside that could not be read; it goes to quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// `unsupported_version` or `malformed`; `unknown_tenant` where the mapping of a foreign CDR names none.
    pub reason: Reason,
    /// Which field, and what is wrong with it.
    pub detail: String,
}

impl Rejected {
    pub(super) fn malformed(detail: impl fmt::Display) -> Rejected {
        Rejected { reason: Reason::Malformed, detail: bounded(detail.to_string()) }
    }

    pub(super) fn unknown_tenant(detail: impl fmt::Display) -> Rejected {
        Rejected { reason: Reason::UnknownTenant, detail: bounded(detail.to_string()) }
    }

    pub(super) fn unsupported(detail: impl fmt::Display) -> Rejected {
        Rejected { reason: Reason::UnsupportedVersion, detail: bounded(detail.to_string()) }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.detail)
    }
}

/// The text, cut to [`DETAIL_BYTES_MAX`].
pub(super) fn bounded(mut detail: String) -> String {
    if detail.len() > DETAIL_BYTES_MAX {
        detail.truncate(detail.floor_char_boundary(DETAIL_BYTES_MAX));
        detail.push('…');
    }
    detail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_cut_between_characters() {
        let cut = Rejected::malformed("ä".repeat(1000)).detail;
        assert_eq!(cut, "ä".repeat(150) + "…");
    }
}
