//! Response bodies: whole, repeated filler, or chunks with pauses between them.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// A response body.
#[derive(Debug)]
pub(crate) enum Payload {
    /// Everything at once; none once it is sent.
    Whole(Option<Bytes>),
    /// This many bytes of filler still to send.
    Filler(u64),
    /// Chunks still to send, each after a pause.
    Slow(SlowChunks),
}

/// Equal chunks with a pause before each but the first; length unknown to the receiver.
#[derive(Debug)]
pub(crate) struct SlowChunks {
    left: u32,
    delay: Duration,
    next: Pin<Box<Sleep>>,
}

static FILLER: [u8; 16 * 1024] = [b'x'; 16 * 1024];
static CHUNK: &[u8] = b"chunk of a slow body\n";

impl Payload {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Payload::Whole(Some(bytes.into()))
    }

    pub(crate) fn empty() -> Self {
        Payload::Whole(None)
    }

    pub(crate) fn slow(chunks: u32, delay: Duration) -> Self {
        Payload::Slow(SlowChunks {
            left: chunks,
            delay,
            next: Box::pin(sleep(Duration::ZERO)),
        })
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = match self.get_mut() {
            Payload::Whole(bytes) => bytes.take(),
            Payload::Filler(left) => next_filler(left),
            Payload::Slow(slow) => ready!(slow.poll_chunk(cx)),
        };
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Payload::Whole(bytes) => bytes.is_none(),
            Payload::Filler(left) => *left == 0,
            Payload::Slow(slow) => slow.left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Payload::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Payload::Filler(left) => SizeHint::with_exact(*left),
            Payload::Slow(_) => SizeHint::default(),
        }
    }
}

impl SlowChunks {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        ready!(self.next.as_mut().poll(cx));
        self.left -= 1;
        self.next.as_mut().reset(Instant::now() + self.delay);
        Poll::Ready(Some(Bytes::from_static(CHUNK)))
    }
}

fn next_filler(left: &mut u64) -> Option<Bytes> {
    let size = usize::try_from(*left).map_or(FILLER.len(), |left| left.min(FILLER.len()));
    *left -= size as u64;
    (size > 0).then(|| Bytes::from_static(&FILLER[..size]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn filler_has_exactly_the_length_it_announces() {
        for length in [0, 1, 16 * 1024, 16 * 1024 + 1, 100_000] {
            let payload = Payload::Filler(length);
            assert_eq!(payload.size_hint().exact(), Some(length));
            let sent = payload.collect().await.unwrap().to_bytes();
            assert_eq!(sent.len() as u64, length);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn slow_chunks_come_one_delay_apart() {
        let start = Instant::now();
        let payload = Payload::slow(4, Duration::from_secs(1));
        let sent = payload.collect().await.unwrap().to_bytes();
        assert_eq!(sent.len(), 4 * CHUNK.len());
        assert_eq!(start.elapsed().as_secs(), 3, "no delay before the first");
    }
}
