//! The description of a redirect for errors and logs.

use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use url::Url;

use crate::shown_url::ShownUrl;

/// A redirect that an answer is, or that the client has followed.
#[derive(Debug)]
pub(super) struct Redirect {
    /// `None` if the client has followed the redirect.
    status: Option<StatusCode>,
    target: Target,
}

#[derive(Debug)]
enum Target {
    /// A URL that can be configured in place of the one that redirects.
    Usable(ShownUrl),
    /// A URL that cannot be configured, and why.
    Unusable(ShownUrl, &'static str),
    /// A target that cannot be shown, and a description of it.
    Unreadable(&'static str),
}

impl Redirect {
    /// The redirect, if the answer from `url` is one. `check` decides whether its target could be configured instead.
    pub(super) fn of(
        status: StatusCode,
        headers: &HeaderMap,
        url: &Url,
        check: impl FnOnce(&Url) -> Result<(), &'static str>,
    ) -> Option<Self> {
        if !status.is_redirection() || status == StatusCode::NOT_MODIFIED {
            return None;
        }
        let target = match headers.get(LOCATION).map(|location| location.to_str()) {
            None => Target::Unreadable("without saying where"),
            Some(Err(_)) => Target::Unreadable("to what is no URL"),
            Some(Ok(location)) => match url.join(location) {
                Ok(target) => Target::of(&target, check),
                Err(_) => Target::Unreadable("to what is no URL"),
            },
        };
        let status = Some(status);
        Some(Self { status, target })
    }

    /// The redirect that the user's client has followed to `target`.
    pub(super) fn followed(
        target: &Url,
        check: impl FnOnce(&Url) -> Result<(), &'static str>,
    ) -> Self {
        Self {
            status: None,
            target: Target::of(target, check),
        }
    }

    /// Describes the answer, as the text behind its name. `has` is the verb before the status, and `setting` names the
    /// setting for the target.
    pub(super) fn text(&self, has: &str, setting: &str) -> String {
        let redirects = match self.status {
            Some(status) => format!("{has} {status} and redirects"),
            None => "was redirected".to_owned(),
        };
        match &self.target {
            Target::Usable(target) => {
                format!("{redirects} to {target}; configure that URL{setting}")
            }
            Target::Unusable(target, why) => format!("{redirects} to {target}, which {why}"),
            Target::Unreadable(what) => format!("{redirects} {what}"),
        }
    }
}

impl Target {
    fn of(target: &Url, check: impl FnOnce(&Url) -> Result<(), &'static str>) -> Self {
        if !matches!(target.scheme(), "http" | "https") {
            return Self::Unreadable("to what is no HTTP URL");
        }
        let shown = ShownUrl::of_foreign(target.as_str());
        match check(target) {
            Ok(()) => Self::Usable(shown),
            Err(why) => Self::Unusable(shown, why),
        }
    }
}
