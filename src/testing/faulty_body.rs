use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Interval;

/// A response body, with or without an injected fault.
pub(super) enum FaultyBody {
    Whole(Option<Bytes>),
    /// One byte per tick, without end.
    Drip(Interval),
    /// The beginning of a body, then an error, at which the server closes the connection.
    Truncated(Option<Bytes>),
}

impl FaultyBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes))
    }

    pub(super) fn drip() -> Self {
        Self::Drip(tokio::time::interval(Duration::from_millis(10)))
    }

    pub(super) fn truncated() -> Self {
        Self::Truncated(Some(Bytes::from_static(b"{\"keys\":[")))
    }
}

impl Body for FaultyBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(Frame::data).map(Ok)),
            Self::Drip(interval) => {
                ready!(interval.poll_tick(cx));
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
            }
            Self::Truncated(beginning) => Poll::Ready(Some(match beginning.take() {
                Some(bytes) => Ok(Frame::data(bytes)),
                None => Err(std::io::Error::other("truncated on demand")),
            })),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64))
            }
            Self::Drip(_) | Self::Truncated(_) => SizeHint::default(),
        }
    }
}
