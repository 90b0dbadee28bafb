//! README's tables say what the code has.

use std::path::PathBuf;

/// Replaces what stands between the markers of a table.
fn with_table(readme: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
    let (before, rest) = readme.split_once(&begin).unwrap_or_else(|| panic!("README has no `{}`", begin.trim()));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("README has no `{end}`"));
    format!("{before}{begin}{table}{end}{after}")
}

#[test]
fn the_tables_of_keys_and_metrics_are_those_of_the_code() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let expected = with_table(&readme, "config", &tollkeeper::config::markdown_table());
    let expected = with_table(&expected, "metrics", &tollkeeper::metrics::markdown_table());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &expected).unwrap();
    } else {
        assert_eq!(readme, expected, "UPDATE_GOLDEN=1 rewrites the tables of README.md");
    }
}
