//! LIMITS.md has every bound of the code, by its name, value and place, with what it bounds and what happens there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const BEGIN: &str = "<!-- bounds:begin -->\n";
const END: &str = "<!-- bounds:end -->";
const HEAD: &str = "| bound | value | in | what it bounds | what happens there |\n|---|---|---|---|---|\n";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A constant whose name says that it is the most there can be.
struct Bound {
    name: String,
    value: String,
    file: String,
    meaning: String,
}

fn sources(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("readable").map(|entry| entry.expect("readable").path()) {
        let name = entry.file_name().and_then(|name| name.to_str()).expect("UTF-8").to_owned();
        if entry.is_dir() && name != "tests" {
            sources(&entry, into);
        } else if name.ends_with(".rs") && name != "tests.rs" && name != "testing.rs" {
            into.push(entry);
        }
    }
}

/// The bounds of a file, tests aside.
fn bounds_of(path: &Path) -> Vec<Bound> {
    let text = fs::read_to_string(path).expect("UTF-8");
    let text = text.split("#[cfg(test)]\nmod tests").next().expect("there is always a first piece");
    let file = path.strip_prefix(root()).expect("inside").display().to_string();
    let mut bounds = Vec::new();
    let mut docs: Vec<&str> = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if let Some(doc) = line.strip_prefix("///") {
            docs.push(doc.trim());
            continue;
        }
        let after_visibility = match line.strip_prefix("pub") {
            Some(rest) => rest.trim_start_matches(|c: char| c != ' ').trim_start(),
            None => line,
        };
        let named = after_visibility.strip_prefix("const ").and_then(|rest| rest.split_once(':'));
        if let Some((name, rest)) = named.filter(|(name, _)| name.split('_').any(|word| word == "MAX")) {
            let mut statement = rest.to_owned();
            while !statement.contains(';') {
                statement.push_str(lines.next().expect("a statement ends"));
            }
            let value = statement.split_once('=').map(|(_, value)| value).expect("a constant has a value");
            let value = value.split(';').next().expect("it ends").trim().to_owned();
            let meaning = docs.join(" ").replace('|', "\\|");
            bounds.push(Bound { name: name.to_owned(), value, file: file.clone(), meaning });
        }
        if !line.starts_with("#[") {
            docs.clear();
        }
    }
    bounds
}

fn bounds() -> Vec<Bound> {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    files.sort();
    files.iter().flat_map(|file| bounds_of(file)).collect()
}

/// By place and name: what happens there, which people write.
fn effects(table: &str) -> BTreeMap<(String, String), String> {
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let cells =
        |row: &str| row.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
    let row = |cells: Vec<String>| {
        let effect = cells.last().expect("a row has cells").clone();
        ((cells[2].clone(), cells[0].clone()), effect)
    };
    rows.map(|line| row(cells(line))).collect()
}

#[test]
fn law8_every_bound_of_the_code_is_in_the_page_of_limits() {
    let path = root().join("LIMITS.md");
    let page = fs::read_to_string(&path).expect("LIMITS.md is there");
    let (before, rest) = page.split_once(BEGIN).expect("the table begins");
    let (table, after) = rest.split_once(END).expect("the table ends");
    let (effects, bounds) = (effects(table), bounds());
    assert!(bounds.len() > 100, "{} bounds were found", bounds.len());
    let mut expected = String::from(HEAD);
    for Bound { name, value, file, meaning } in &bounds {
        let effect = effects.get(&(file.clone(), name.clone())).map_or("", String::as_str);
        expected += &format!("| `{name}` | `{value}` | `{file}` | {meaning} | {effect} |\n");
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{expected}{END}{after}")).expect("written");
    } else {
        for (found, expected) in table.lines().zip(expected.lines()) {
            assert_eq!(found, expected, "UPDATE_GOLDEN=1 rewrites the table of LIMITS.md");
        }
        assert_eq!(table, expected, "UPDATE_GOLDEN=1 rewrites the table of LIMITS.md");
    }
    let silent: Vec<_> = expected.lines().filter(|row| row.ends_with("|  |")).collect();
    assert!(silent.is_empty(), "say in LIMITS.md what happens there: {silent:#?}");
}

#[test]
fn the_tests_that_the_page_names_are_there() {
    let page = fs::read_to_string(root().join("LIMITS.md")).expect("LIMITS.md is there");
    let tests = fs::read_to_string(root().join("tests/pressure.rs")).expect("tests/pressure.rs is there");
    let named: Vec<&str> = page.split('`').filter(|piece| piece.starts_with("law8_")).collect();
    assert!(named.len() >= 5, "{named:?}");
    for name in named {
        assert!(tests.contains(&format!("fn {name}()")), "{name}");
    }
}
