//! Detects that clients cannot reach the metadata of a resource whose app is nested in another (`axum::Router::nest`).
//!
//! A nested app receives only requests for paths under its prefix, and the well-known path of its resource is outside
//! of it (RFC 9728 §3.1). So metadata that the nested app serves is not at the URL in the challenge. Clients request
//! it from the outer app, which answers 404. This crate does not see these requests. It only sees that requests
//! without a token are refused repeatedly, and that no client requests the metadata in between.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::Extensions;

use crate::shown_url::ShownUrl;
use crate::telemetry::SETUP;

/// Tracks whether clients request the metadata of one resource. The layers and services of the resource share it.
#[derive(Debug, Default)]
pub(crate) struct MetadataReach {
    /// Whether the metadata was requested at a path where clients look for it.
    is_found: AtomicBool,
    /// The number of requests without a token that nested apps refused before that.
    refusals: AtomicUsize,
    /// Whether the `WARN` was emitted.
    has_warned: AtomicBool,
}

/// The number of refusals without a request for the metadata after which the `WARN` is emitted. A client that can
/// reach the metadata requests it after its first refusal.
const REFUSALS_BEFORE_WARNING: usize = 2;

impl MetadataReach {
    /// Records the refusal of a request without a token, with a challenge that names `url`. Emits a `WARN` at the
    /// second refusal in a nested app if no client has requested the metadata.
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
                "the challenge names a URL outside of the nested app, and no client has requested the metadata: merge \
                 ProtectedResource::router() outside of Router::nest, or set a URL inside with metadata_url(..)"
            );
        }
    }

    /// Records a request for the metadata, which clients look for at `url` or at one of these paths. Emits a `WARN` if
    /// it is served at another path.
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

/// The prefix of the nested app that received a request, unless the prefix has parameters.
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

/// Removes a trailing slash, because a nested service sees the path `/` for a request to its prefix.
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
