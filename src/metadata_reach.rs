//! Detects that clients cannot reach the metadata of a resource whose app is nested in another (`axum::Router::nest`).
//!
//! A nested app gets only requests for paths under its prefix, and the well-known path of its resource is outside of it
//! (RFC 9728 §3.1). So metadata that is served within the nest is not at the URL in the challenge. Clients request it
//! from the outer app, which answers 404, and this crate does not see these requests. It can only see that clients are
//! refused repeatedly and none requests the metadata.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::Extensions;

use crate::shown_url::ShownUrl;
use crate::telemetry::SETUP;

/// The observed requests for the metadata of one resource. Its layers and services share it.
#[derive(Debug, Default)]
pub(crate) struct MetadataReach {
    /// The metadata was requested at a path where clients look for it.
    is_found: AtomicBool,
    /// The number of requests without a token that were refused in a nest before that.
    refusals: AtomicUsize,
    /// The `WARN` was emitted.
    has_warned: AtomicBool,
}

/// The number of refusals without a request for the metadata that emits the warning. A client requests the metadata
/// between its first refusal and its second request.
const REFUSALS_BEFORE_WARNING: usize = 2;

impl MetadataReach {
    /// Records the refusal of a request without a token, whose challenge names `url`. The second one in a nest emits a
    /// `WARN` if the metadata was not requested in between.
    pub(crate) fn refused(&self, url: &str, extensions: &Extensions) {
        let Some(nest) = nest_of(extensions) else {
            return;
        };
        if is_under(nest, path_of(url)) || self.is_found.load(Ordering::Relaxed) {
            return;
        }
        let refusals = self
            .refusals
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1);
        if refusals == REFUSALS_BEFORE_WARNING && !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: SETUP,
                metadata_url = %ShownUrl::of(url),
                nest,
                "the challenge names a URL outside of the nested app, and no request for the metadata has come: merge \
                 ProtectedResource::router() outside of Router::nest, or set a URL inside with metadata_url(..)"
            );
        }
    }

    /// Records a request for the metadata, which clients look for at `url` or at one of these paths. Emits a `WARN` if it
    /// is served at another path.
    pub(crate) fn requested(
        &self,
        url: &str,
        paths: &[String],
        path: &str,
        extensions: &Extensions,
    ) {
        let Some(nest) = nest_of(extensions) else {
            self.is_found.store(true, Ordering::Relaxed);
            return;
        };
        let served_at = format!("{}{path}", nest.trim_end_matches('/'));
        let is_here = |known: &str| without_slash(known) == without_slash(&served_at);
        if is_here(path_of(url)) || paths.iter().any(|known| is_here(known)) {
            self.is_found.store(true, Ordering::Relaxed);
        } else if !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: SETUP,
                metadata_url = %ShownUrl::of(url),
                served_at,
                "the metadata is served at another path than the challenge names: merge ProtectedResource::router() \
                 outside of Router::nest, or set a URL inside with metadata_url(..)"
            );
        }
    }
}

/// The prefix of the nest of a request, unless it has parameters.
#[cfg(feature = "axum")]
fn nest_of(extensions: &Extensions) -> Option<&str> {
    let nest = extensions.get::<axum::extract::NestedPath>()?.as_str();
    (!nest.contains('{')).then_some(nest)
}

#[cfg(not(feature = "axum"))]
fn nest_of(_: &Extensions) -> Option<&str> {
    None
}

fn is_under(nest: &str, path: &str) -> bool {
    let rest = path.strip_prefix(nest.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Removes a trailing slash: the path of a nested service is `/` for a request to its prefix.
fn without_slash(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

/// The path of a valid URL.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').map_or("/", |slash| &rest[slash..]);
    path.split('?').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_under_a_nest_by_whole_segments() {
        for (nest, path, expected) in [
            ("/a", "/a", true),
            ("/a", "/a/.well-known/x", true),
            ("/a/", "/a/.well-known/x", true),
            ("/a/b", "/a/b/x", true),
            ("/a", "/ab/x", false),
            ("/a", "/.well-known/x/a", false),
            ("/a/b", "/a/x", false),
        ] {
            assert_eq!(is_under(nest, path), expected, "{nest} {path}");
        }
        for (url, path) in [
            ("https://h", "/"),
            ("https://h/", "/"),
            ("https://h:8443/a/b?x=/y", "/a/b"),
            ("http://[::1]:1/a", "/a"),
        ] {
            assert_eq!(path_of(url), path, "{url}");
        }
    }
}
