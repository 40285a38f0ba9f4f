#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    tower_bearer_auth_fuzz::token_sources::run(data);
});
