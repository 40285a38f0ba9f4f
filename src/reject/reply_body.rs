use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};

/// An answer of this crate. Boxed to keep futures small.
pub(crate) type Reply = Box<Response<ReplyBody>>;

/// The body of a response that this crate makes itself: a refusal, or the metadata of a resource. It is in memory, and
/// reading it cannot fail.
///
/// [`into_bytes`](Self::into_bytes) converts it for frameworks that have a body type of their own. A
/// [mapping](crate::reject#answers-of-your-own) makes one from a `String`, a `&'static str`, a `Vec<u8>` or [`Bytes`].
#[derive(Clone, Default)]
pub struct ReplyBody {
    /// The bytes that were not read yet. Never empty.
    data: Option<Bytes>,
}

impl ReplyBody {
    pub(crate) fn new(data: impl Into<Bytes>) -> Self {
        let data = data.into();
        Self {
            data: (!data.is_empty()).then_some(data),
        }
    }

    /// The number of bytes that were not read yet.
    pub(super) fn len(&self) -> usize {
        self.data.as_ref().map_or(0, Bytes::len)
    }

    /// The bytes that were not read yet. It copies nothing.
    pub fn into_bytes(self) -> Bytes {
        self.data.unwrap_or_default()
    }
}

impl From<Bytes> for ReplyBody {
    fn from(data: Bytes) -> Self {
        Self::new(data)
    }
}

impl From<String> for ReplyBody {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&'static str> for ReplyBody {
    fn from(text: &'static str) -> Self {
        Self::new(text)
    }
}

impl From<Vec<u8>> for ReplyBody {
    fn from(data: Vec<u8>) -> Self {
        Self::new(data)
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.data.take().map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len() as u64)
    }
}

impl fmt::Debug for ReplyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyBody").finish_non_exhaustive()
    }
}
