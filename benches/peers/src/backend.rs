//! The cryptographic backends. `jsonwebtoken` 10 and 11 have one for the process, which this module switches between
//! two measurements.

use std::sync::atomic::{AtomicBool, Ordering};

use jsonwebtoken_10::crypto as crypto_10;
use jsonwebtoken_11::crypto as crypto_11;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    AwsLcRs,
    Ring,
    RustCrypto,
}

static IS_RUST_CRYPTO: AtomicBool = AtomicBool::new(false);

impl Backend {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AwsLcRs => "aws-lc-rs",
            Self::Ring => "ring",
            Self::RustCrypto => "RustCrypto",
        }
    }

    /// Makes `jsonwebtoken` use this backend. The peers with `ring` have no choice, so there is nothing to switch.
    pub(crate) fn select(self) {
        IS_RUST_CRYPTO.store(self == Self::RustCrypto, Ordering::Relaxed);
    }
}

fn is_rust_crypto() -> bool {
    IS_RUST_CRYPTO.load(Ordering::Relaxed)
}

/// Installs the switch. The cost of the switch per token is one load of an atomic.
pub(crate) fn install() {
    let provider = crypto_10::CryptoProvider {
        verifier_factory: |algorithm, key| match is_rust_crypto() {
            true => (crypto_10::rust_crypto::DEFAULT_PROVIDER.verifier_factory)(algorithm, key),
            false => (crypto_10::aws_lc::DEFAULT_PROVIDER.verifier_factory)(algorithm, key),
        },
        ..crypto_10::aws_lc::DEFAULT_PROVIDER.clone()
    };
    let installed = Box::leak(Box::new(provider)).install_default();
    assert!(installed.is_ok(), "this is called once");

    let provider = crypto_11::CryptoProvider {
        verifier_factory: |algorithm, key| match is_rust_crypto() {
            true => (crypto_11::rust_crypto::DEFAULT_PROVIDER.verifier_factory)(algorithm, key),
            false => (crypto_11::aws_lc::DEFAULT_PROVIDER.verifier_factory)(algorithm, key),
        },
        ..crypto_11::aws_lc::DEFAULT_PROVIDER.clone()
    };
    let installed = Box::leak(Box::new(provider)).install_default();
    assert!(installed.is_ok(), "this is called once");
}
