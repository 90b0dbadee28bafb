//! `src/core/rules.md` says for every rule of the domain where it is implemented, which tests are named after it, and whether the
//! golden files show it. This test writes it (`UPDATE_GOLDEN=1`), and fails where it is not true.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Rule, what it says, where it is.
const RULES: [(&str, &str, &str); 61] = [
    ("R1", "What a CDR has", "core/cdr, wire/cdr"),
    ("R2", "Parts of a call repeat its duration so far, and cost together what one record would", "core/parts"),
    ("R3", "A redelivery moves no money; other content is a conflict", "core/identity, core/decide"),
    ("R4", "A call is accepted while its end lies in the window; identities outlive it", "core/identity, core/decide"),
    ("R5", "Unanswered calls cost nothing", "core/rating"),
    ("R6", "Numbers are normalised; emergency and short codes come before any prefix", "core/number_plan"),
    ("R7", "What is free whatever the plan", "core/rating"),
    ("R8", "Every record has one outcome; the first reason in the list is given", "core/reason, stream/engine"),
    ("R9", "A call that nobody can price is put aside, or let go if the tenant chose so", "core/rating"),
    ("R10", "What a row of a price list has, and how carriers write it", "wire/deck_csv"),
    ("R11", "The longest prefix wins; a denial is an answer", "core/deck, core/prefix"),
    ("R12", "The version in force at the start of the call prices it", "core/catalog"),
    ("R13", "Hours with a rate of their own; an increment has the rate of its begin", "core/band, core/price"),
    ("R14", "Inbound calls are priced by both ends", "core/inbound, core/rating"),
    ("R15", "Calls are billed by whole increments", "core/price"),
    ("R16", "Money is rate times paid seconds, fee and minimum; each line rounded once", "core/price, core/money"),
    ("R17", "One currency; the overlay before the published list", "core/rating"),
    ("R20", "A plan says how each class of call is paid", "core/plan"),
    ("R21", "Pools are shared, of the tenant, or of a user", "core/plan, core/pool"),
    ("R22", "With cap rule `either`, one used-up pool ends both", "core/pool"),
    ("R23", "A pool is of a month; its size is the peak of the licences", "core/allotments"),
    ("R24", "A call that outlasts its pool is split", "core/price, core/decide"),
    ("R25", "Notices at 80 % and 100 % of a pool, once", "core/pool"),
    ("R26", "Pay-As-You-Go: every minute by credits", "rates/plans"),
    ("R30", "Funds are lots with an end", "core/decide_command"),
    ("R31", "Lots first in, first out; the rest is debt", "core/decide, core/account"),
    ("R32", "What is left of a lot lapses, after warnings", "core/due, core/decide_due"),
    ("R33", "Auto-recharge: strictly below the trigger, whole multiples, caps", "core/recharge"),
    ("R34", "Settlements, retries, timeouts, suspension", "core/recharge, core/decide_command"),
    ("R35", "At `block_at` the paid classes are blocked, but what a pool covers", "core/pool"),
    ("R36", "Notices", "core/decide"),
    ("R37", "Adjustments and voids refer to what they correct", "core/decide_command/correct"),
    ("R38", "Limits of users by month, a ceiling by day", "core/decide, core/pool"),
    (
        "R39",
        "Opening is blocked, closing forfeits, late calls of a closed account are rated for one window",
        "core/decide_command, core/decide",
    ),
    ("R40", "The sequence of a tenant has no gap", "core/account"),
    ("R41", "Events are CloudEvents", "wire/event"),
    ("R42", "State is the fold of the events; `audit` proves it", "core/account, offline/audit"),
    ("R43", "What someone must act on is on `alerts` too", "core/event"),
    ("F1", "A final record without a part comes after all parts", "core/parts"),
    (
        "F2",
        "Parts with something between: the whole is priced anew, the difference charged, never below 0",
        "core/parts",
    ),
    ("F3", "Content is compared by value", "core/identity"),
    ("F4", "How numbers are read", "core/number, core/number_plan"),
    ("F5", "Emergency numbers and short codes, as dialled", "core/number_plan"),
    ("F6", "The first rule that matches wins; none: credits", "core/plan, core/rating"),
    ("F7", "The newest version at the start; rows outside their dates are not seen", "core/catalog, core/deck"),
    ("F8", "Bands do not overlap; the row without one is the default", "core/band"),
    ("F9", "A line is one run of one row at one rate", "core/price"),
    ("F10", "A pool pays the first minutes; paid seconds are the last", "core/price"),
    ("F11", "Equal length: the overlay; an initial increment of 0: all alike", "core/rating, core/price"),
    ("F12", "Size by the peak of the sum of the licences", "core/allotments, core/pool"),
    ("F13", "Notices come at a debit", "core/allotments"),
    ("F14", "Due work by time, kind, tenant; before anything of that time", "core/due, stream/worker"),
    ("F15", "The order of what follows a cause", "core/decide"),
    ("F16", "What a block lists; zero at every crossing", "core/pool, core/decide"),
    ("F17", "What ends the wait for a retry; months judge anew", "core/recharge, core/due"),
    ("F18", "Settlements that repeat; money for a closed account", "core/decide_command"),
    ("F19", "Nothing follows in a closed account", "core/decide"),
    ("F20", "New funds pay debt out of their lot; the order of a void", "core/decide_command/correct"),
    ("F21", "Spend by the start of calls; reached exactly is reached", "core/decide"),
    ("F22", "10^15 is too much; nothing moves", "core/money, core/decide"),
    ("F23", "How amounts are written", "core/money"),
];

/// The golden files that a tariff manager reads. Their headings name rules.
const GOLDEN: [&str; 3] = ["charges.txt", "plans.txt", "accounts.txt"];

/// Rules about forms, which their own goldens show: `tests/golden/history` and the price lists of `tests/data`.
const SHOWN_BY_FORMS: [&str; 4] = ["R1", "R10", "R42", "F23"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// `r17_f11_the_overlay...` is of R17 and F11.
fn rules_of(name: &str) -> impl Iterator<Item = String> {
    let rule = |word: &str| {
        let (kind, number) = word.split_at_checked(1)?;
        let is_rule =
            matches!(kind, "r" | "f") && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_rule.then(|| format!("{}{number}", kind.to_uppercase()))
    };
    let words: Vec<String> = name.split('_').map_while(rule).collect();
    words.into_iter()
}

/// The names of all tests that are named after a rule.
fn tests_by_rule() -> BTreeMap<String, BTreeSet<String>> {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    sources(&root().join("tests"), &mut files);
    let mut by_rule: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("UTF-8");
        for line in text.lines() {
            let Some(name) = line.trim_start().strip_prefix("fn ").and_then(|rest| rest.split('(').next()) else {
                continue;
            };
            for rule in rules_of(name) {
                by_rule.entry(rule).or_default().insert(name.to_owned());
            }
        }
    }
    by_rule
}

/// The rules that headings of a golden file name: `R20-R24`, `R15`.
fn shown_by(name: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("tests/golden").join(name)).expect("UTF-8");
    let headings = text.lines().filter(|line| line.starts_with('#') || line.starts_with('['));
    let words = headings.flat_map(|line| line.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-'));
    let number = |word: &str| word.trim_start_matches(['R', 'F']).parse::<u8>().ok();
    let mut shown = BTreeSet::new();
    for word in words.filter(|word| word.starts_with(['R', 'F'])) {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        if let (Some(from), Some(to)) = (number(first), number(last)) {
            shown.extend((from..=to).map(|of| format!("{}{of}", &word[..1])));
        }
    }
    shown
}

fn table() -> String {
    let tests = tests_by_rule();
    let golden = GOLDEN.map(|name| (name, shown_by(name)));
    let mut text = String::from(
        "# Rule by rule\n\nWhat each rule says, where it is, the tests that are named after it, and the golden files that show it. \
         `tests/rules.rs` writes this.\n\n| rule | what it says | where | golden | tests |\n|---|---|---|---|---|\n",
    );
    for (rule, says, place) in RULES {
        let shown: Vec<&str> = golden.iter().filter(|(_, of)| of.contains(rule)).map(|(name, _)| *name).collect();
        let named: Vec<String> = tests.get(rule).into_iter().flatten().map(|name| format!("`{name}`")).collect();
        assert!(!named.is_empty(), "no test is named after {rule}");
        assert!(!shown.is_empty() || SHOWN_BY_FORMS.contains(&rule), "no golden file shows {rule}");
        text.push_str(&format!("| {rule} | {says} | {place} | {} | {} |\n", shown.join(", "), named.join(", ")));
    }
    text
}

#[test]
fn the_table_of_rules_is_true() {
    let path = root().join("src/core/rules.md");
    let found = table();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &found).expect("written");
    }
    let written = fs::read_to_string(&path).expect("UPDATE_GOLDEN=1 writes it");
    for (found, written) in found.lines().zip(written.lines()) {
        assert_eq!(found, written, "UPDATE_GOLDEN=1 cargo test --test rules rewrites src/core/rules.md");
    }
    assert_eq!(found.lines().count(), written.lines().count());
}

#[test]
fn every_test_that_names_a_rule_names_one_that_there_is() {
    let known: BTreeSet<&str> = RULES.iter().map(|(rule, ..)| *rule).collect();
    let named = tests_by_rule();
    let unknown: Vec<&String> = named.keys().filter(|rule| !known.contains(rule.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
