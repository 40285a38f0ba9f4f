//! Proofs of possession by DPoP (RFC 9449).

mod check;
mod htu;
mod memory_replay_store;
mod nonces;
mod proof;
mod proof_claims;
mod proof_header;
mod proof_key;
mod proof_refusal;
mod replay_store;
mod settings;

pub(crate) use self::check::{DpopCheck, ProvenKey};
pub use self::memory_replay_store::MemoryReplayStore;
pub use self::nonces::DpopNonces;
pub use self::replay_store::{ProofId, ReplayStore};
pub use self::settings::Dpop;
