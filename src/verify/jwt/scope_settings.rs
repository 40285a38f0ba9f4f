//! Settings that say where a token names its scopes and its client.

use super::builder::JwtVerifierBuilder;

/// # Reading scopes and the client
impl JwtVerifierBuilder {
    /// Reads scopes from the first of these claims that is there and not `null`, by literal name or JSON
    /// Pointer: a space-delimited string, or an array with one scope per item. Default: `scope`, then `scp`.
    pub fn scope_claims(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        self.scope_claims = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Reads scopes from all [`scope_claims`](Self::scope_claims) that a token has, instead of the first one. Use it
    /// for issuers that write scopes of the client into one claim and roles of the user into another.
    ///
    /// A role of the user then grants what a scope of the same name grants.
    pub fn merge_scope_claims(mut self) -> Self {
        self.merge_scope_claims = true;
        self
    }

    /// Splits scope strings at these characters: `scope_delimiters([' ', ','])` for an issuer that writes `read,write`.
    /// An array still has one scope per item. Default: a space (RFC 6749 §3.3). A later call replaces an earlier one.
    ///
    /// `build` refuses an empty list, letters, digits and control characters.
    pub fn scope_delimiters(mut self, delimiters: impl IntoIterator<Item = char>) -> Self {
        self.scope_delimiters = Some(delimiters.into_iter().collect());
        self
    }

    /// Reads the client from the first of these claims that is there and not `null`. Default: `client_id`, `azp`,
    /// `cid`, then `appid`.
    pub fn client_id_claims(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        self.client_id_claims = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Makes a scope match with and without this prefix. Entra ID wants clients to ask for
    /// `api://app/read` and then writes `read`: name the long form in layers and guards, so that it
    /// is what challenges tell clients to ask for.
    pub fn scope_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.scope_prefix = Some(prefix.into());
        self
    }
}
