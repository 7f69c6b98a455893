#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| binnacle_sources::fuzz::dialect(bytes));
