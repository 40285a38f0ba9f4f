#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    tower_bearer_auth_fuzz::escaped_pem::run(data);
});
