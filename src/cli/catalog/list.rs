//! Every publication, one a line.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::stream::catalog::publications::Publications;
use crate::stream::catalog::standing::{Publication, Standing};

/// A line of the list.
pub(super) struct Line<'a> {
    publication: &'a Publication,
    state: &'static str,
}

/// The publications, of one id or of all.
pub(super) fn lines<'a>(publications: &'a Publications, id: Option<&str>, now: Timestamp) -> Vec<Line<'a>> {
    let chosen = publications.all().filter(|one| id.is_none_or(|id| *one.key.id == *id));
    chosen.map(|publication| Line { publication, state: state(publications, publication, now) }).collect()
}

/// What has become of a publication.
fn state(publications: &Publications, one: &Publication, now: Timestamp) -> &'static str {
    match one.standing {
        _ if one.is_withdrawn() => "withdrawn",
        Standing::TooLate => "ignored: too late",
        Standing::NotFirst => "ignored: no effective_from",
        Standing::Accepted => {
            let in_force = publications.in_force(one.key.kind, &one.key.id, now);
            if in_force.is_some_and(|in_force| in_force.key == one.key) {
                "in force"
            } else if one.manifest.effective_from.is_some_and(|from| from > now) {
                "to come"
            } else {
                "superseded"
            }
        }
    }
}

const HEADERS: [&str; 8] =
    ["kind", "id", "version", "effective from", "state", "published at", "published by", "publication"];

impl Line<'_> {
    fn cells(&self) -> [String; 8] {
        let Publication { key, manifest, published_at, .. } = self.publication;
        [
            key.kind.code().to_owned(),
            key.id.to_string(),
            manifest.version.to_string(),
            manifest.effective_from.map_or("always".to_owned(), |from| from.to_string()),
            self.state.to_owned(),
            format!("{published_at:.0}"),
            manifest.published_by.to_string(),
            key.publication.to_string(),
        ]
    }

    /// For scripts.
    pub(super) fn json(&self) -> Value {
        let Publication { key, manifest, published_at, withdrawn, .. } = self.publication;
        let mut json = json!({
            "kind": key.kind.code(), "id": key.id, "version": manifest.version, "publication": key.publication,
            "state": self.state, "in_force": self.state == "in force", "published_at": published_at.to_string(),
            "published_by": manifest.published_by, "note": manifest.note, "bytes": manifest.bytes(),
        });
        if let Some(from) = manifest.effective_from {
            json["effective_from"] = from.to_string().into();
        }
        if let Some(withdrawn) = withdrawn {
            json["withdrawn_by"] = (*withdrawn.withdrawal.withdrawn_by).into();
            json["withdrawn_at"] = withdrawn.at.to_string().into();
        }
        json
    }
}

/// The lines as a table.
pub(super) fn table(lines: &[Line<'_>]) -> String {
    let rows: Vec<[String; 8]> =
        std::iter::once(HEADERS.map(str::to_owned)).chain(lines.iter().map(Line::cells)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; 8] = std::array::from_fn(width);
    let mut table = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        table.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        table.push('\n');
    }
    table
}
