//! What each fuzz target does with its bytes: it reads them as one form, and holds what was read to the law of that form. A text that
//! is refused has its faults, with places; what was read can be written, and reads as the same again. Nothing panics (law 10).
//!
//! `tests/fuzz_corpus.rs` of the package runs the kept corpus through the same functions, on any compiler.

#![allow(unreachable_pub, reason = "a module of tests/fuzz_corpus.rs besides")]

mod calls;
mod engine;
mod files;
mod records;

/// A target: its name, which is that of its corpus, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 23] = [
    ("cdr_json", calls::json),
    ("cdr_csv", calls::csv),
    ("cdr_graph", calls::graph),
    ("cdr_freeswitch_json", calls::freeswitch_json),
    ("cdr_freeswitch_csv", calls::freeswitch_csv),
    ("cdr_asterisk_csv", calls::asterisk_csv),
    ("cdr_kamailio", calls::kamailio),
    ("cdr_twilio", calls::twilio),
    ("cdr_mapping", calls::mapping),
    ("deck", files::deck),
    ("deck_mapping", files::deck_mapping),
    ("inbound", files::inbound),
    ("plan", files::plan),
    ("zone", files::zone),
    ("number_plan", files::number_plan),
    ("command", records::command),
    ("event", records::event),
    ("alert", records::alert),
    ("envelope", records::envelope),
    ("quarantine", records::quarantine),
    ("catalog_record", records::catalog_record),
    ("offset_metadata", records::offset_metadata),
    ("engine", engine::history),
];

/// Runs a target by its name.
///
/// # Panics
/// If there is no such target, and where a law is broken: that is what is looked for.
pub fn run(name: &str, bytes: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("the name of a target");
    target(bytes);
}
