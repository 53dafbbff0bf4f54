//! Connections that take too long: half-sent requests, bodies that stand still, answers that nobody takes,
//! and silence. What happens on a connection is noted in a few numbers; a timer is set only when one of
//! them says that it is needed earlier, so that a busy connection never touches it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::Limits;

/// How HTTP/2 begins. After its first request there is more to be heard than heads.
const HTTP_2: &[u8] = b"PRI";

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// No request came.
    Idle,
    /// A request began and its headers did not end.
    Head,
    /// Nobody takes the answer.
    Answer,
}

/// What happens on a connection. Times are milliseconds since it began, and one more: 0 is never.
pub struct Watch {
    begun: Instant,
    limits: Limits,
    under_way: AtomicUsize,
    idle: AtomicU64,
    head: AtomicU64,
    blocked: AtomicU64,
    heard: AtomicBool,
    two: AtomicBool,
    asked: AtomicBool,
}

impl Watch {
    /// Of a connection that begins now.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            limits,
            under_way: AtomicUsize::new(0),
            idle: AtomicU64::new(1),
            head: AtomicU64::new(0),
            blocked: AtomicU64::new(0),
            heard: AtomicBool::new(false),
            two: AtomicBool::new(false),
            asked: AtomicBool::new(false),
        })
    }

    /// A whole head has come; what it asks is under way as long as this lives.
    pub fn begin(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Relaxed);
        self.head.store(0, Relaxed);
        self.asked.store(true, Relaxed);
        UnderWay(Arc::clone(self))
    }

    fn now(&self) -> u64 {
        let millis = self.begun.elapsed().as_millis();
        u64::try_from(millis).unwrap_or(u64::MAX - 1) + 1
    }

    fn heard(&self, bytes: &[u8]) {
        if !self.heard.swap(true, Relaxed) {
            self.two.store(bytes.starts_with(HTTP_2), Relaxed);
        }
        let frames = self.two.load(Relaxed) && self.asked.load(Relaxed);
        let waiting = self.under_way.load(Relaxed) == 0 && !frames;
        if waiting && self.head.load(Relaxed) == 0 {
            self.head.store(self.now(), Relaxed);
        }
    }

    fn written(&self, blocked: bool) {
        match (blocked, self.blocked.load(Relaxed)) {
            (true, 0) => self.blocked.store(self.now(), Relaxed),
            (false, since) if since != 0 => self.blocked.store(0, Relaxed),
            _ => {}
        }
    }

    /// When it is over as things stand, and why.
    fn due(&self) -> Option<(Instant, Late)> {
        let limits = &self.limits;
        let idle = match self.under_way.load(Relaxed) {
            0 => self.idle.load(Relaxed),
            _ => 0,
        };
        let dues = [
            (idle, limits.idle, Late::Idle),
            (self.head.load(Relaxed), limits.head, Late::Head),
            (self.blocked.load(Relaxed), limits.body, Late::Answer),
        ];
        let dues = dues.into_iter().filter(|(since, ..)| *since != 0);
        dues.map(|(since, limit, late)| (self.begun + Duration::from_millis(since) + limit, late))
            .min_by_key(|(due, _)| *due)
    }
}

/// A request that is under way, until its answer was taken or it broke off.
pub struct UnderWay(Arc<Watch>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Self(watch) = self;
        watch.idle.store(watch.now(), Relaxed);
        watch.under_way.fetch_sub(1, Relaxed);
    }
}

/// The timer of a connection.
pub struct Timer {
    watch: Arc<Watch>,
    sleep: Pin<Box<Sleep>>,
}

impl Timer {
    /// Of this connection.
    pub fn new(watch: Arc<Watch>) -> Self {
        let sleep = Box::pin(sleep(watch.limits.idle));
        Self { watch, sleep }
    }

    /// Asked each time something may have happened on the connection: whether it is over.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Late> {
        if let Some((due, _)) = self.watch.due() {
            let due = due.into();
            if due < self.sleep.deadline() {
                self.sleep.as_mut().reset(due);
            }
        }
        loop {
            ready!(self.sleep.as_mut().poll(cx));
            let now = Instant::now();
            let next = match self.watch.due() {
                Some((due, late)) if due <= now => return Poll::Ready(late),
                Some((due, _)) => due,
                None => now + self.watch.limits.idle,
            };
            self.sleep.as_mut().reset(next.into());
        }
    }
}

/// A connection of which is noted what is heard.
pub struct Heard<I> {
    /// Itself.
    pub io: I,
    /// Where it is noted.
    pub watch: Arc<Watch>,
}

impl<I: AsyncRead + Unpin> AsyncRead for Heard<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.io).poll_read(cx, buf);
        if let Some(new @ [_, ..]) = buf.filled().get(before..) {
            this.watch.heard(new);
        }
        read
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Heard<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write(cx, buf);
        this.watch.written(written.is_pending());
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        this.watch.written(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

/// Says of a request whether its body stood still, whatever became of the request then.
#[derive(Debug, Clone, Default)]
pub struct Stalled(Arc<AtomicBool>);

impl Stalled {
    /// Whether it did.
    pub fn is_so(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// A body that fails when nothing of it comes for too long.
pub struct Patient {
    body: Incoming,
    limit: Duration,
    /// Until when it is waited for; nothing as long as it comes.
    sleep: Option<Pin<Box<Sleep>>>,
    stalled: Stalled,
}

impl Patient {
    /// This body, and what tells whether it stood still.
    pub fn new(body: Incoming, limit: Duration) -> (Self, Stalled) {
        let stalled = Stalled::default();
        let patient = Self {
            body,
            limit,
            sleep: None,
            stalled: stalled.clone(),
        };
        (patient, stalled)
    }
}

impl Body for Patient {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.sleep = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let limit = this.limit;
        let waits = this.sleep.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(waits.as_mut().poll(cx));
        this.stalled.0.store(true, Relaxed);
        Poll::Ready(Some(Err("nothing of the body came for too long".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
