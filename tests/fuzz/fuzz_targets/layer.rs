//! See `rlab::fuzzing::layer` for what must hold. Run by tests/fuzz/run alone: it needs root, and a bug would be a real one.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let scratch = std::env::var_os("RLAB_FUZZ_SCRATCH").expect("tests/fuzz/run names a folder in memory");
    rlab::fuzzing::layer(data, scratch.as_ref());
});
