#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tollkeeper_fuzz::run("deck", bytes));
