//! Where a provider writes scopes and the client, which is not the same everywhere.

use super::claims::Claims;
use crate::access_token::Verified;
use crate::claim_lookup;
use crate::json::{MaybeText, Member, Text, TextOrList};
use crate::scopes::Scopes;
use crate::verify_error::InvalidReason;

/// How claims become scopes and a client ID.
#[derive(Debug, Default)]
pub(crate) struct ClaimMapping {
    /// Where scopes are looked for, the first present one counting; `None` is `scope`, then `scp`.
    pub(crate) scope_claims: Option<Vec<String>>,
    /// `None` is `client_id`, `azp`, `cid`, then `appid`.
    pub(crate) client_id_claims: Option<Vec<String>>,
    pub(crate) scope_prefix: Option<String>,
}

impl ClaimMapping {
    /// What a token says, apart from the claims set itself, out of which the claims are borrowed.
    pub(crate) fn verified(
        &self,
        claims: Claims<'_>,
        payload: &str,
    ) -> Result<Verified, InvalidReason> {
        let scopes = self.scopes(&claims, payload)?;
        let client_id = self.client_id(&claims, payload)?;
        let owned = |text: Text<'_>| Box::from(text.0);
        let audiences = |list: TextOrList<'_>| list.iter().map(str::to_owned).collect();
        Ok(Verified {
            subject: claims.sub.0.map(owned),
            client_id,
            issuer: claims.iss.0.map(owned),
            audiences: claims.aud.0.map_or_else(Vec::new, audiences),
            scopes,
            jwt_id: claims.jti.0.map(owned),
            expires_at: claims.exp.0.map(|date| date.0),
            issued_at: claims.iat.0.map(|date| date.0),
            ..Verified::default()
        })
    }

    fn scopes(&self, claims: &Claims<'_>, payload: &str) -> Result<Scopes, InvalidReason> {
        let Some(names) = &self.scope_claims else {
            let claim = claims.scope.0.as_ref().or(claims.scp.0.as_ref());
            return Ok(claim.map_or_else(Scopes::default, |claim| self.collect(claim)));
        };
        for name in names {
            let claim = claim_lookup::find::<TextOrList<'_>>(payload, name)
                .map_err(|_| InvalidReason::InvalidClaim)?;
            if let Some(claim) = claim {
                return Ok(self.collect(&claim));
            }
        }
        Ok(Scopes::default())
    }

    fn client_id(
        &self,
        claims: &Claims<'_>,
        payload: &str,
    ) -> Result<Option<Box<str>>, InvalidReason> {
        let Some(names) = &self.client_id_claims else {
            return Ok(default_client_id(claims).map(Into::into));
        };
        for name in names {
            let claim = claim_lookup::find::<Text<'_>>(payload, name)
                .map_err(|_| InvalidReason::InvalidClaim)?;
            if let Some(claim) = claim {
                return Ok(Some(claim.0.into()));
            }
        }
        Ok(None)
    }

    /// A string is a space-delimited list; an array names one scope per item.
    fn collect(&self, claim: &TextOrList<'_>) -> Scopes {
        match claim {
            TextOrList::Text(list) => self.scopes_of(list.split(' ')),
            TextOrList::List(_) => self.scopes_of(claim.iter()),
        }
    }

    fn scopes_of<'n>(&self, names: impl Iterator<Item = &'n str>) -> Scopes {
        let Some(prefix) = &self.scope_prefix else {
            return Scopes::lossy(names);
        };
        // Two spaces in a row enclose no name, and a prefix alone is none.
        let names = names.filter(|name| !name.is_empty());
        Scopes::lossy(names.flat_map(|name| {
            let other_form = match name.strip_prefix(prefix.as_str()) {
                Some(short) => short.to_owned(),
                None => format!("{prefix}{name}"),
            };
            [name.to_owned(), other_form]
        }))
    }
}

/// Never `sub`: a user must not pass as a client.
fn default_client_id<'c>(claims: &'c Claims<'_>) -> Option<&'c str> {
    fn text<'m>(member: &'m Member<Text<'_>>) -> Option<&'m str> {
        member.0.as_ref().map(|text| &*text.0)
    }
    fn maybe_text<'m>(member: &'m Member<MaybeText<'_>>) -> Option<&'m str> {
        match &member.0 {
            Some(MaybeText::Text(text)) => Some(text),
            _ => None,
        }
    }
    text(&claims.client_id)
        .or_else(|| text(&claims.azp))
        .or_else(|| maybe_text(&claims.cid))
        .or_else(|| maybe_text(&claims.appid))
}
