//! The body of an answer whose outcome stands in its trailers.
//!
//! Promises: data passes as it comes; the trailers leave once the event is safe, and if it could not be made safe they say
//! `unavailable`; a body that ends without trailers is an event of unknown outcome, one that is dropped before its end is
//! one that was left. Refuses to hold data back.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};

use super::audited::Pending;
use super::outcome::Outcome;
use super::rule::Mode;
use super::service::{NOT_ON_RECORD, keep};
use crate::error::Error;

type Keep = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// What comes behind the event.
enum Last<E> {
    Trailers(HeaderMap),
    Nothing,
    Failed(E),
}

enum State<R: Body> {
    /// It passes as it is.
    Plain(R),
    /// Its event waits for its end.
    Waiting(R, Mode, Pending),
    /// Its event is being made safe.
    Keeping(Keep, Option<Last<R::Error>>),
    /// What this layer says itself.
    Said(Option<Bytes>),
}

/// A body that ends once its event is safe.
pub struct AuditedBody<R: Body> {
    state: State<R>,
}

impl<R: Body> fmt::Debug for AuditedBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditedBody").finish_non_exhaustive()
    }
}

impl<R: Body> AuditedBody<R> {
    pub(super) fn plain(body: R) -> AuditedBody<R> {
        AuditedBody { state: State::Plain(body) }
    }

    pub(super) fn waiting(body: R, mode: Mode, pending: Pending) -> AuditedBody<R> {
        AuditedBody { state: State::Waiting(body, mode, pending) }
    }

    pub(super) fn said(bytes: Bytes) -> AuditedBody<R> {
        AuditedBody { state: State::Said(Some(bytes).filter(|bytes| !bytes.is_empty())) }
    }

    /// The end came: the event is made safe before it goes on.
    fn end(&mut self, last: Last<R::Error>) {
        let State::Waiting(_, mode, pending) =
            std::mem::replace(&mut self.state, State::Said(None))
        else {
            return;
        };
        let outcome = match &last {
            Last::Trailers(trailers) => Outcome::of_trailers(trailers),
            Last::Nothing => Outcome::unknown(),
            Last::Failed(_) => Outcome::failure(),
        };
        self.state = State::Keeping(Box::pin(keep(mode, outcome, pending)), Some(last));
    }
}

// The body inside is `Unpin` wherever this is one, and nothing here is pinned to its place.
impl<R: Body> Unpin for AuditedBody<R> {}

impl<R> Body for AuditedBody<R>
where
    R: Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = R::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, R::Error>>> {
        loop {
            match &mut self.state {
                State::Plain(body) => return Pin::new(body).poll_frame(context),
                State::Said(bytes) => {
                    return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))));
                }
                State::Waiting(body, ..) => {
                    let last = match ready!(Pin::new(body).poll_frame(context)) {
                        Some(Ok(frame)) => match frame.into_trailers() {
                            Ok(trailers) => Last::Trailers(trailers),
                            Err(data) => return Poll::Ready(Some(Ok(data))),
                        },
                        None => Last::Nothing,
                        Some(Err(error)) => Last::Failed(error),
                    };
                    self.end(last);
                }
                State::Keeping(keep, last) => {
                    let kept = ready!(keep.as_mut().poll(context));
                    let last = last.take();
                    self.state = State::Said(None);
                    return Poll::Ready(last.and_then(|last| given(last, &kept)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Plain(body) => body.is_end_stream(),
            State::Said(bytes) => bytes.is_none(),
            State::Waiting(..) | State::Keeping(..) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Plain(body) => body.size_hint(),
            State::Said(bytes) => {
                let length = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            State::Waiting(..) | State::Keeping(..) => SizeHint::default(),
        }
    }
}

/// What leaves behind an event that was kept, or was not.
fn given<E>(last: Last<E>, kept: &Result<(), Error>) -> Option<Result<Frame<Bytes>, E>> {
    match (last, kept) {
        (Last::Failed(error), _) => Some(Err(error)),
        (Last::Trailers(trailers), Ok(())) => Some(Ok(Frame::trailers(trailers))),
        (Last::Nothing, Ok(())) => None,
        (_, Err(_)) => {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("14"));
            trailers.insert("grpc-message", HeaderValue::from_static(NOT_ON_RECORD));
            Some(Ok(Frame::trailers(trailers)))
        }
    }
}
