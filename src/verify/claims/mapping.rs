//! Reads subject, client and scopes from claims. Providers use different claims for them.

use std::mem;

use super::registered::Claims;
use super::rules::ClaimFault;
use crate::access_token::{ClaimText, Verified};
use crate::claim_lookup;
use crate::json::{MaybeText, Member, Text, TextOrList};
use crate::scopes::{Scopes, log_left_out, names};

/// The claims that scopes and the client are read from.
#[derive(Debug, Default)]
pub(crate) struct ClaimMapping {
    /// The claims with scopes; `None` is `scope`, then `scp`.
    pub(crate) scope_claims: Option<Vec<String>>,
    /// Whether all of those claims are read, instead of the first one that has a value.
    pub(crate) merge_scope_claims: bool,
    /// What separates the scopes of a string; `None` is a space.
    pub(crate) scope_delimiters: Option<Vec<char>>,
    /// `None` is `client_id`, `azp`, `cid`, then `appid`.
    pub(crate) client_id_claims: Option<Vec<String>>,
    pub(crate) scope_prefix: Option<String>,
}

impl ClaimMapping {
    /// Fills `verified` from the claims, except for the claims set itself. Takes `aud` out of the claims. The parts refer
    /// to positions in `payload`.
    pub(crate) fn fill(
        &self,
        verified: &mut Verified,
        claims: &mut Claims<'_>,
        payload: &str,
    ) -> Result<(), ClaimFault<'_>> {
        let part = |member: &Member<Text<'_>>| Some(ClaimText::of(&member.get()?.0, payload));
        let (scopes, left_out) = self.scopes(claims, payload)?;
        log_left_out(left_out);
        verified.scopes = scopes;
        verified.client_id = self.client_id(claims, payload)?;
        verified.subject = part(&claims.sub);
        verified.issuer = part(&claims.iss);
        verified.jwt_id = part(&claims.jti);
        if let Some(audiences) = mem::take(&mut claims.aud).into_value() {
            let part = |audience| ClaimText::taken(audience, payload);
            verified.audiences = audiences.into_texts().map(part).collect();
        }
        verified.expires_at = claims.exp.get().map(|date| date.0);
        verified.issued_at = claims.iat.get().map(|date| date.0);
        Ok(())
    }

    /// The scopes, and the number of names in their claims that are not valid scopes.
    pub(crate) fn scopes(
        &self,
        claims: &Claims<'_>,
        payload: &str,
    ) -> Result<(Scopes, usize), ClaimFault<'_>> {
        let mut scopes = None;
        let mut left_out = 0;
        let mut take = |claim: &TextOrList<'_>| {
            let found = self.collect(claim, &mut left_out);
            scopes = Some(match &scopes {
                None => found,
                Some(before) => Scopes::union(before, &found),
            });
            // Whether to stop at this claim.
            !self.merge_scope_claims
        };
        match &self.scope_claims {
            None => {
                let mut claims = [&claims.scope, &claims.scp].into_iter();
                claims.any(|claim| claim.get().is_some_and(&mut take));
            }
            Some(names) => {
                for name in names {
                    let claim = claim_lookup::find_value::<TextOrList<'_>>(payload, name)
                        .map_err(|_| ClaimFault::Unreadable(name))?;
                    if claim.as_ref().is_some_and(&mut take) {
                        break;
                    }
                }
            }
        }
        Ok((scopes.unwrap_or_default(), left_out))
    }

    pub(crate) fn client_id(
        &self,
        claims: &Claims<'_>,
        payload: &str,
    ) -> Result<Option<ClaimText>, ClaimFault<'_>> {
        let part = |text: &str| ClaimText::of(text, payload);
        let Some(names) = &self.client_id_claims else {
            return Ok(default_client_id(claims).map(part));
        };
        for name in names {
            // `sub` may be a number. `Claims` has read its digits.
            if name == "sub" {
                match text_of(&claims.sub) {
                    Some(subject) => return Ok(Some(part(subject))),
                    None => continue,
                }
            }
            let claim = claim_lookup::find_value::<Text<'_>>(payload, name)
                .map_err(|_| ClaimFault::Unreadable(name))?;
            if let Some(claim) = claim {
                return Ok(Some(part(&claim.0)));
            }
        }
        Ok(None)
    }

    /// Reads a delimited string, or an array with one scope per item. Counts the names that are not valid scopes.
    fn collect(&self, claim: &TextOrList<'_>, left_out: &mut usize) -> Scopes {
        match (claim, &self.scope_delimiters) {
            (TextOrList::Text(list), None) if self.scope_prefix.is_none() => {
                Scopes::lossy_list(list, left_out)
            }
            (TextOrList::Text(list), None) => self.scopes_of(names(list), left_out),
            (TextOrList::Text(list), Some(delimiters)) => {
                self.scopes_of(list.split(delimiters.as_slice()), left_out)
            }
            (TextOrList::List(_), _) => self.scopes_of(claim.iter(), left_out),
        }
    }

    fn scopes_of<'n>(&self, names: impl Iterator<Item = &'n str>, left_out: &mut usize) -> Scopes {
        let Some(prefix) = &self.scope_prefix else {
            return Scopes::lossy_counted(names, left_out);
        };
        let scopes = Scopes::lossy_counted(names, left_out);
        // The prefix alone has an empty short form, which is not a valid scope.
        Scopes::lossy(scopes.iter().flat_map(|name| {
            let other_form = match name.strip_prefix(prefix.as_str()) {
                Some(short) => short.to_owned(),
                None => format!("{prefix}{name}"),
            };
            [name.to_owned(), other_form]
        }))
    }
}

/// The client by the default claims. `sub` is not one of them, since a user must not pass as a client.
fn default_client_id<'c>(claims: &'c Claims<'_>) -> Option<&'c str> {
    fn maybe_text<'m>(member: &'m Member<MaybeText<'_>>) -> Option<&'m str> {
        match member.get() {
            Some(MaybeText::Text(text)) => Some(text),
            Some(MaybeText::Other) | None => None,
        }
    }
    text_of(&claims.client_id)
        .or_else(|| text_of(&claims.azp))
        .or_else(|| maybe_text(&claims.cid))
        .or_else(|| maybe_text(&claims.appid))
}

fn text_of<'m>(member: &'m Member<Text<'_>>) -> Option<&'m str> {
    member.get().map(|text| &*text.0)
}
