//! The shape of the house, read from its sources: which way dependencies point, and what is absent where.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file: its path below `src/`, and its text without comments.
struct Source {
    path: String,
    code: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All sources below a directory of `src/`, and the file of its name.
fn sources(module: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut directories = vec![root().join(module)];
    let of_module = root().join(format!("{module}.rs"));
    let mut files: Vec<PathBuf> = of_module.exists().then_some(of_module).into_iter().collect();
    while let Some(directory) = directories.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries {
            let path = entry.expect("a directory can be read").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    for file in files {
        let path = file.strip_prefix(root()).expect("below src").to_string_lossy().replace('\\', "/");
        found.push(Source { path, code: without_comments(&fs::read_to_string(&file).expect("UTF-8")) });
    }
    assert!(!found.is_empty(), "there is no src/{module}");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code)).collect::<Vec<_>>().join("\n")
}

/// Every path behind `use`, and every path that begins with `crate::` or `super::`, as a chain of names from the root of
/// the crate or of another one; groups are taken apart.
fn dependencies(source: &Source) -> Vec<String> {
    let module: Vec<&str> = module_of(&source.path);
    let mut found = Vec::new();
    let flat = source.code.split_whitespace().collect::<Vec<_>>().join(" ");
    for statement in flat.split(';').filter_map(|text| text.rsplit_once("use ").filter(|(before, _)| ends_open(before)))
    {
        expand(statement.1.trim(), "", &mut found);
    }
    for (place, _) in flat.match_indices("crate::") {
        found.push(chain(&flat[place..]));
    }
    found.iter().map(|path| resolve(path, &module)).collect()
}

/// What stands before a `use`: a bracket, an attribute, `pub`, or nothing.
fn ends_open(before: &str) -> bool {
    let before = before.trim_end();
    before.is_empty() || before.ends_with(['{', '}', ']', ')']) || before.ends_with("pub")
}

/// `a::{b, c::{d, e}}` is `a::b`, `a::c::d`, `a::c::e`.
fn expand(tree: &str, before: &str, into: &mut Vec<String>) {
    match tree.split_once('{') {
        Some((prefix, rest)) if prefix.find(',').is_none() => {
            let inner = rest.strip_suffix('}').unwrap_or(rest);
            let before = format!("{before}{}", prefix.trim());
            let (mut depth, mut start) = (0, 0);
            for (place, letter) in inner.char_indices() {
                match letter {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        expand(inner[start..place].trim(), &before, into);
                        start = place + 1;
                    }
                    _ => {}
                }
            }
            expand(inner[start..].trim(), &before, into);
        }
        _ if tree.is_empty() => {}
        _ => into.push(format!("{before}{}", tree.split(" as ").next().unwrap_or(tree).trim())),
    }
}

fn chain(text: &str) -> String {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    text.chars().take_while(|letter| is_part(*letter)).collect()
}

fn module_of(path: &str) -> Vec<&str> {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').collect()
}

/// `super` and `self` are what they stand for; `crate` is left out.
fn resolve(path: &str, module: &[&str]) -> String {
    let mut names: Vec<&str> = path.split("::").collect();
    match names.first() {
        Some(&"crate") => {}
        Some(&("super" | "self")) => {
            let mut at: Vec<&str> = module.to_vec();
            while let Some(&("super" | "self")) = names.first() {
                if names.remove(0) == "super" {
                    at.pop();
                }
            }
            let mut whole = vec!["crate"];
            whole.extend(at);
            whole.extend(names);
            return whole.join("::");
        }
        _ => {}
    }
    names.join("::")
}

/// Every dependency of `module` begins with one of these, or is a name that the same file has brought in.
fn depends_only_on(module: &str, own: &[&str], foreign: &[&str]) {
    for source in sources(module) {
        for dependency in dependencies(&source) {
            let names: Vec<&str> = dependency.split("::").collect();
            // `use Direction::{Inbound, Outbound}`: a type of the file's own, or one that is in scope.
            let is_in_scope =
                names[0].starts_with(char::is_uppercase) || source.code.contains(&format!("::{};", names[0]));
            let is_allowed = match names[0] {
                "crate" => names.get(1).is_some_and(|name| own.contains(name)),
                name => foreign.contains(&name) || is_in_scope || declares(&source, name),
            };
            assert!(
                is_allowed,
                "src/{}: {dependency} is not for {module}, which may use {own:?} and {foreign:?}",
                source.path
            );
        }
    }
}

fn declares(source: &Source, module: &str) -> bool {
    let here = [format!("mod {module};"), format!("macro_rules! {module} ")];
    here.iter().any(|declaration| source.code.contains(declaration))
        || source.code.contains(&format!("{{self, {module}"))
}

const CORE: [&str; 11] = [
    "std",
    "jiff",
    "rust_decimal",
    "smallvec",
    "compact_str",
    "dashmap",
    "ahash",
    "hashbrown",
    "xxhash_rust",
    "thiserror",
    "proptest",
];

#[test]
fn the_core_depends_on_itself_alone() {
    depends_only_on("core", &["core"], &CORE);
}

#[test]
fn the_wire_depends_on_the_core() {
    let mut foreign = CORE.to_vec();
    foreign.extend(["serde", "serde_json", "csv", "base64", "sha2", "toml", "itoa", "jsonschema", "percent_encoding"]);
    depends_only_on("wire", &["core", "wire"], &foreign);
}

#[test]
fn neither_core_nor_wire_nor_stream_knows_the_desk_or_the_command_line() {
    for module in ["core", "wire", "stream"] {
        for source in sources(module) {
            for other in ["crate::desk", "crate::cli", "crate::demo", "crate::offline", "crate::node"] {
                assert!(!source.code.contains(other), "src/{} uses {other}", source.path);
            }
        }
    }
    for source in sources("desk") {
        for other in ["crate::cli", "crate::demo", "crate::offline"] {
            assert!(!source.code.contains(other), "src/{} uses {other}", source.path);
        }
    }
}

/// Without its unit tests, which may do some of it.
fn without_tests(source: &Source) -> &str {
    source.code.split("#[cfg(test)]").next().unwrap_or_default()
}

fn is_test(source: &Source) -> bool {
    source.path.ends_with("/tests.rs") || source.path.contains("/tests/") || source.path == "core/scenario.rs"
}

#[test]
fn the_core_has_no_clock_no_chance_no_threads_and_no_io() {
    let absent = [
        "SystemTime",
        "Instant",
        "Timestamp::now",
        "Zoned::now",
        "rand::",
        "tokio",
        "async ",
        "serde",
        "rdkafka",
        "tracing",
        "std::fs",
        "std::io",
        "std::net",
        "std::thread",
        "println!",
        "eprintln!",
    ];
    for source in sources("core").iter().filter(|source| !is_test(source)) {
        for word in absent {
            assert!(!without_tests(source).contains(word), "src/{} has {word}", source.path);
        }
    }
}

#[test]
fn law9_no_float_is_near_money() {
    for source in sources("core").iter().chain(&sources("wire")) {
        for float in ["f32", "f64"] {
            let code = without_tests(source);
            let is_word = |place: usize| {
                let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
                !code[..place].ends_with(is_letter) && !code[place + float.len()..].starts_with(is_letter)
            };
            assert!(!code.match_indices(float).any(|(place, _)| is_word(place)), "src/{} has {float}", source.path);
        }
    }
}

#[test]
fn unsafe_code_is_in_one_file() {
    let all = ["core", "wire", "stream", "desk", "cli", "config", "metrics", "offline"].map(sources);
    for source in all.iter().flatten().filter(|source| source.path != "stream/raw.rs") {
        let code = source.code.replace("unsafe_code", "").replace("unsafe_op_in_unsafe_fn", "");
        assert!(!code.contains("unsafe"), "src/{} has unsafe code", source.path);
    }
}

#[test]
fn the_map_of_the_house_names_every_module() {
    let lib = fs::read_to_string(root().join("lib.rs")).expect("UTF-8");
    let (map, code): (Vec<&str>, Vec<&str>) = lib.lines().partition(|line| line.starts_with("//!"));
    let map = map.join("\n");
    let declared: Vec<&str> =
        code.iter().filter_map(|line| line.strip_prefix("pub mod ")).map(|rest| rest.trim_end_matches(';')).collect();
    assert!(declared.len() > 8);
    for module in &declared {
        assert!(map.contains(&format!("[`{module}`]")), "the map in src/lib.rs does not name {module}");
    }
    for entry in fs::read_dir(root()).expect("src can be read") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        let module = name.trim_end_matches(".rs");
        let is_declared = declared.contains(&module) || code.contains(&&*format!("mod {module};"));
        assert!(is_declared || module == "lib" || module == "main", "src/{name} is no module of lib.rs");
    }
}

/// The reader of sources itself: a test that looks at nothing proves nothing.
#[test]
fn dependencies_are_found_in_every_form() {
    let code = "use std::fmt;\npub use super::a::{B, c::{D as E, f}};\nuse crate::wire::{self, X};\nfn x() { crate::desk::y(); }";
    let source = Source { path: "stream/worker/assignment.rs".into(), code: code.into() };
    let mut found = dependencies(&source);
    found.sort();
    found.dedup();
    assert_eq!(
        found,
        [
            "crate::desk::y",
            "crate::stream::worker::a::B",
            "crate::stream::worker::a::c::D",
            "crate::stream::worker::a::c::f",
            "crate::wire::",
            "crate::wire::X",
            "crate::wire::self",
            "std::fmt",
        ]
    );
}
