//! Whether clients prove that they have the key to which their token is bound: `DPOP` and `DPOP_NONCE`.

use std::env;

use aws_lc_rs::rand;
use tower_bearer_auth::possession::{Dpop, DpopNonces};

/// The proofs that the server checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proofs {
    /// None: it refuses bound tokens.
    Off,
    /// Those of bound tokens. It accepts other tokens as well.
    Optional,
    /// It accepts bound tokens only.
    Required,
}

impl Proofs {
    /// Reads the variable `DPOP`.
    pub(crate) fn from_environment() -> Result<Self, String> {
        match env::var("DPOP").as_deref() {
            Err(_) | Ok("") => Ok(Self::Off),
            Ok("optional") => Ok(Self::Optional),
            Ok("required") => Ok(Self::Required),
            Ok(other) => Err(format!(
                "DPOP must be `optional` or `required`, not {other:?}"
            )),
        }
    }

    /// The setting of the layer, with nonces if `DPOP_NONCE` is 1.
    pub(crate) fn setting(self) -> Option<Dpop> {
        let dpop = match self {
            Self::Off => return None,
            Self::Optional => Dpop::new(),
            Self::Required => Dpop::new().required(),
        };
        if env::var("DPOP_NONCE").as_deref() != Ok("1") {
            return Some(dpop);
        }
        // All replicas of a server need the same secret. This server has none, so a random one suffices.
        let mut secret = [0; 32];
        rand::fill(&mut secret).expect("the system has random numbers");
        Some(dpop.nonces(DpopNonces::new(secret)))
    }
}
