//! What a JWT verifier is made of. Its files implement the steps of a verification on it.

use std::sync::Arc;

use super::issuer_watch::IssuerWatch;
use super::remote::RemoteKeys;
use crate::verify::claims::token_type::TokenTypes;
use crate::verify::claims::verifier::ClaimsVerifier;
use crate::verify::keys::algorithm::Algorithm;
use crate::verify::keys::key::VerifyingKey;

pub(super) struct Inner {
    pub(super) keys: Vec<VerifyingKey>,
    pub(super) remote: Option<Arc<dyn RemoteKeys>>,
    /// The maximum number of keys of one set that are tried for one token.
    pub(super) key_attempts: usize,
    /// `None`: all that the keys allow.
    pub(super) algorithms: Option<Vec<Algorithm>>,
    pub(super) token_types: TokenTypes,
    pub(super) claims: ClaimsVerifier,
    pub(super) issuer_watch: IssuerWatch,
}
