use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{fmt, mem};

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::mcp::rejection::Rejection;

pin_project! {
    /// The request body that the service inside a [`ToolScopesLayer`](super::ToolScopesLayer) receives: the bytes that
    /// the layer read, unchanged and in one frame, or the client's body if the layer did not read it.
    pub struct ReplayBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B> {
        Read { data: Option<Bytes>, trailers: Option<HeaderMap> },
        Unread { #[pin] body: B },
    }
}

impl<B> ReplayBody<B> {
    pub(super) fn unread(body: B) -> Self {
        Self {
            kind: Kind::Unread { body },
        }
    }

    /// A body that yields what was read.
    pub(super) fn replay(read: ReadBody) -> Self {
        let all = match read.joined.is_empty() {
            true => read.only,
            false => read.joined.freeze(),
        };
        let data = Some(all).filter(|data| !data.is_empty());
        Self {
            kind: Kind::Read {
                data,
                trailers: read.trailers,
            },
        }
    }
}

impl<B: Body> Body for ReplayBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Read { data, trailers } => {
                let data = data.take().map(Frame::data);
                let frame = data.or_else(|| trailers.take().map(Frame::trailers));
                Poll::Ready(frame.map(Ok))
            }
            KindProjection::Unread { body } => {
                let frame = ready!(body.poll_frame(cx));
                let whole = |mut data: B::Data| data.copy_to_bytes(data.remaining());
                Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(whole))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Read { data, trailers } => data.is_none() && trailers.is_none(),
            Kind::Unread { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Read { data, .. } => {
                SizeHint::with_exact(data.as_ref().map_or(0, Bytes::len) as u64)
            }
            Kind::Unread { body } => body.size_hint(),
        }
    }
}

impl<B> fmt::Debug for ReplayBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayBody").finish_non_exhaustive()
    }
}

/// The part of a body that was read so far.
#[derive(Debug, Default)]
pub(super) struct ReadBody {
    /// The only frame with data so far. Empty from the second one on.
    only: Bytes,
    /// All frames with data, from the second one on.
    joined: BytesMut,
    trailers: Option<HeaderMap>,
}

impl ReadBody {
    pub(super) fn bytes(&self) -> &[u8] {
        match self.joined.is_empty() {
            true => &self.only,
            false => &self.joined,
        }
    }

    /// Reads `body` to its end, at most `limit` bytes in total.
    pub(super) fn poll_read<B: Body>(
        &mut self,
        mut body: Pin<&mut B>,
        limit: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Rejection>> {
        // Refuses a body whose announced length is too large before the client sends it.
        if body.size_hint().lower() > limit.saturating_sub(self.bytes().len()) as u64 {
            return Poll::Ready(Err(Rejection::TooLarge));
        }
        while let Some(frame) = ready!(body.as_mut().poll_frame(cx)) {
            let frame = match frame {
                Ok(frame) => frame,
                Err(_) => return Poll::Ready(Err(Rejection::Incomplete)),
            };
            match frame.into_data() {
                Ok(mut data) => {
                    if data.remaining() > limit.saturating_sub(self.bytes().len()) {
                        return Poll::Ready(Err(Rejection::TooLarge));
                    }
                    self.append(data.copy_to_bytes(data.remaining()));
                }
                Err(frame) => self.trailers = frame.into_trailers().ok(),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Copies nothing if the body is a single frame.
    fn append(&mut self, data: Bytes) {
        if self.bytes().is_empty() {
            self.only = data;
            return;
        }
        if self.joined.is_empty() {
            let only = mem::take(&mut self.only).try_into_mut();
            self.joined = only.unwrap_or_else(|shared| BytesMut::from(&*shared));
        }
        self.joined.extend_from_slice(&data);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use http_body_util::{Empty, Full};

    use super::*;

    /// Every frame of a body, and what it announces before each and after the last.
    fn frames<B>(body: ReplayBody<B>) -> (Vec<Frame<Bytes>>, Vec<(bool, u64)>)
    where
        B: Body<Error = std::convert::Infallible>,
    {
        let mut body = Box::pin(body);
        let mut cx = Context::from_waker(Waker::noop());
        let (mut frames, mut announced) = (Vec::new(), Vec::new());
        loop {
            announced.push((body.is_end_stream(), body.size_hint().exact().unwrap()));
            match body.as_mut().poll_frame(&mut cx) {
                Poll::Ready(Some(Ok(frame))) => frames.push(frame),
                Poll::Ready(Some(Err(never))) => match never {},
                Poll::Ready(None) => return (frames, announced),
                Poll::Pending => panic!("it waits"),
            }
        }
    }

    #[test]
    fn it_announces_its_end_and_its_length() {
        let trailers = || {
            Some(HeaderMap::from_iter([(
                "x".parse().unwrap(),
                "1".parse().unwrap(),
            )]))
        };
        let replay = |data: &str, trailers| {
            let data = Bytes::copy_from_slice(data.as_bytes());
            let mut read = ReadBody {
                trailers,
                ..ReadBody::default()
            };
            read.append(data);
            frames(ReplayBody::<Empty<Bytes>>::replay(read))
        };
        let (none, announced) = replay("", None);
        assert!(none.is_empty());
        assert_eq!(announced, [(true, 0)]);

        let (data, announced) = replay("abc", None);
        assert_eq!(data[0].data_ref().unwrap(), "abc");
        assert_eq!(announced, [(false, 3), (true, 0)]);

        let (only_trailers, announced) = replay("", trailers());
        assert_eq!(only_trailers[0].trailers_ref(), trailers().as_ref());
        assert_eq!(announced, [(false, 0), (true, 0)]);

        let (both, announced) = replay("abc", trailers());
        assert!(both[0].is_data() && both[1].is_trailers());
        assert_eq!(announced, [(false, 3), (false, 0), (true, 0)]);

        let (unread, announced) = frames(ReplayBody::unread(Full::new(&b"abcd"[..])));
        assert_eq!(unread[0].data_ref().unwrap(), "abcd");
        assert_eq!(announced, [(false, 4), (true, 0)]);
    }

    #[test]
    fn debug_does_not_show_the_body() {
        let body = ReplayBody::unread(Full::new(&b"secret"[..]));
        assert_eq!(format!("{body:?}"), "ReplayBody { .. }");
    }
}
