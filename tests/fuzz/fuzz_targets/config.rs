//! See `rlab::fuzzing::config` for what must hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rlab::fuzzing::config(data));
