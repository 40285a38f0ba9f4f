use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::events::EventIds;

pin_project! {
    /// The response body of a [`SessionBindingLayer`](super::SessionBindingLayer): the inner service's body,
    /// with the IDs of its events signed for the caller.
    pub struct SessionBody<B> {
        #[pin]
        body: B,
        events: Option<Box<EventIds>>,
        ended: bool,
    }
}

impl<B> SessionBody<B> {
    pub(super) fn new(body: B, events: Option<EventIds>) -> Self {
        let events = events.map(Box::new);
        let ended = false;
        Self {
            body,
            events,
            ended,
        }
    }
}

impl<B: Body<Data = Bytes>> Body for SessionBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let Some(events) = this.events else {
            return this.body.poll_frame(cx);
        };
        while !*this.ended {
            let data = match ready!(this.body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => events.rewrite(&data),
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    *this.ended = true;
                    events.finish()
                }
            };
            // The chunk may be an incomplete line, which is held back.
            if data.has_remaining() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.events.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.events {
            Some(_) => SizeHint::default(),
            None => self.body.size_hint(),
        }
    }
}

impl<B> fmt::Debug for SessionBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBody").finish_non_exhaustive()
    }
}

pin_project! {
    /// The request body that the service inside a [`SessionBindingLayer`](super::SessionBindingLayer) receives: the
    /// client's body, or an empty one if the layer itself ends a session.
    pub struct SessionRequestBody<B> {
        #[pin]
        body: Option<B>,
    }
}

impl<B> SessionRequestBody<B> {
    /// The client's body.
    pub(super) fn of_client(body: B) -> Self {
        Self { body: Some(body) }
    }

    /// No body.
    pub(super) fn empty() -> Self {
        Self { body: None }
    }
}

impl<B: Body> Body for SessionRequestBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match self.project().body.as_pin_mut() {
            Some(body) => body.poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Some(body) => body.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}

impl<B> fmt::Debug for SessionRequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRequestBody").finish_non_exhaustive()
    }
}
