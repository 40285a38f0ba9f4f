//! Where a provider writes scopes and the client, which is not the same everywhere.

use super::claims::Claims;
use crate::access_token::{Part, Verified};
use crate::claim_lookup;
use crate::json::{MaybeText, Member, Text, TextOrList};
use crate::scopes::{Scopes, names};
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
    /// Writes down what a token says, apart from the claims set itself, which the parts are in.
    pub(crate) fn fill(
        &self,
        verified: &mut Verified,
        claims: &Claims<'_>,
        payload: &str,
    ) -> Result<(), InvalidReason> {
        let part = |member: &Member<Text<'_>>| Some(Part::of(&member.0.as_ref()?.0, payload));
        verified.scopes = self.scopes(claims, payload)?;
        verified.client_id = self.client_id(claims, payload)?;
        verified.subject = part(&claims.sub);
        verified.issuer = part(&claims.iss);
        verified.jwt_id = part(&claims.jti);
        if let Some(audiences) = &claims.aud.0 {
            verified.audiences = audiences.iter().map(str::to_owned).collect();
        }
        verified.expires_at = claims.exp.0.map(|date| date.0);
        verified.issued_at = claims.iat.0.map(|date| date.0);
        Ok(())
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

    fn client_id(&self, claims: &Claims<'_>, payload: &str) -> Result<Option<Part>, InvalidReason> {
        let part = |text: &str| Part::of(text, payload);
        let Some(names) = &self.client_id_claims else {
            return Ok(default_client_id(claims).map(part));
        };
        for name in names {
            let claim = claim_lookup::find::<Text<'_>>(payload, name)
                .map_err(|_| InvalidReason::InvalidClaim)?;
            if let Some(claim) = claim {
                return Ok(Some(part(&claim.0)));
            }
        }
        Ok(None)
    }

    /// A string is a space-delimited list; an array names one scope per item.
    fn collect(&self, claim: &TextOrList<'_>) -> Scopes {
        match claim {
            TextOrList::Text(list) if self.scope_prefix.is_none() => Scopes::lossy_list(list),
            TextOrList::Text(list) => self.scopes_of(names(list)),
            TextOrList::List(_) => self.scopes_of(claim.iter()),
        }
    }

    fn scopes_of<'n>(&self, names: impl Iterator<Item = &'n str>) -> Scopes {
        let Some(prefix) = &self.scope_prefix else {
            return Scopes::lossy(names);
        };
        // An empty item of an array is no name, and a prefix alone is none.
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
