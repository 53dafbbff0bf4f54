//! Connections: each is served until its peer leaves or the server ends.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::body::Body as Sent;
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Service, ServiceExt};

use crate::door::watch::{Heard, Late, Patient, Timer, Watch};
use crate::door::{Ends, Limits, Tls};
use crate::tasks;

/// How long to wait when no connection can be accepted: the process may have no file left to open.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a connection that was idle may take to say good-bye.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often it is told, at most, that connections wait.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// What can go wrong with a body or a service.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Accepts connections until the server ends, and has `service` answer what comes over them. Returns when
/// the last answer was sent.
pub async fn serve<S, B>(
    listener: TcpListener,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    service: S,
    ending: CancellationToken,
) where
    S: Service<Request<Sent>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<Failure>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Failure>> + Send + 'static,
{
    let connections = TaskTracker::new();
    let mut places = Places::new(limits.connections);
    loop {
        let next = async {
            let place = places.one().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = ending.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let (tls, service) = (tls.clone(), service.clone());
                let ending = ending.clone();
                let served = async move {
                    connection(stream, limits, tls, service, ending).await;
                    drop(place);
                };
                tasks::spawn("connection", connections.track_future(served));
            }
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// The places for connections.
struct Places {
    free: Arc<Semaphore>,
    told: Option<Instant>,
}

impl Places {
    fn new(connections: usize) -> Self {
        let connections = connections.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(connections)),
            told: None,
        }
    }

    /// Waits for one. It is given back when it is dropped; that nobody can be given one does not happen, as
    /// the places are never closed.
    async fn one(&mut self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.free).try_acquire_owned() {
            return Some(place);
        }
        if self.told.is_none_or(|told| told.elapsed() > TOLD_EVERY) {
            self.told = Some(Instant::now());
            tracing::warn!(
                "there are as many connections as there may be: more wait (--max-connections)"
            );
        }
        Arc::clone(&self.free).acquire_owned().await.ok()
    }
}

/// Whether only this one connection failed.
fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// Serves one connection.
async fn connection<S, B>(
    stream: TcpStream,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    service: S,
    ending: CancellationToken,
) where
    S: Service<Request<Sent>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<Failure>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Failure>> + Send + 'static,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    // Whoever is gone by now has nothing to be answered.
    let (Ok(peer), Ok(own)) = (stream.peer_addr(), stream.local_addr()) else {
        return;
    };
    let secure = tls.is_some();
    let ends = Ends { peer, own, secure };
    let Some(tls) = tls else {
        return requests(stream, ends, limits, service, ending).await;
    };
    let shaken = tokio::time::timeout(limits.head, tls.acceptor().accept(stream)).await;
    match shaken {
        Ok(Ok(stream)) => requests(stream, ends, limits, service, ending).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
        Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
    }
}

/// Answers what comes over a connection. When the server ends, the request that is under way is answered.
async fn requests<I, S, B>(io: I, ends: Ends, limits: Limits, service: S, ending: CancellationToken)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Sent>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<Failure>,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Failure>> + Send + 'static,
{
    let watch = Watch::new(limits);
    let mut timer = Timer::new(Arc::clone(&watch));
    let heard = Heard {
        io,
        watch: Arc::clone(&watch),
    };
    let answers = service_fn(move |request: Request<Incoming>| {
        let under_way = watch.begin();
        let answered = service.clone().oneshot(come(request, ends, &limits));
        async move {
            let answered = answered.await;
            // Under way until the last of the answer was taken.
            answered.map(|answer| {
                answer.map(|body| {
                    body.map_err(move |error| {
                        let _whole = &under_way;
                        error
                    })
                })
            })
        }
    });
    let builder = Builder::new(TokioExecutor::new());
    let mut served = std::pin::pin!(builder.serve_connection(TokioIo::new(heard), answers));
    let over = poll_fn(|cx| match served.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Ok(done)),
        Poll::Pending => timer.poll(cx).map(Err),
    });
    let over = tokio::select! {
        biased;
        over = over => over,
        () = ending.cancelled() => {
            served.as_mut().graceful_shutdown();
            Ok(served.as_mut().await)
        }
    };
    match over {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection ended"),
        Err(Late::Idle) => {
            served.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(FAREWELL, served).await;
        }
        Err(late) => tracing::debug!(peer = %ends.peer, ?late, "a connection was too slow"),
    }
}

/// A request as it is handed on: with the ends of its connection, and a body that does not stand still.
fn come(request: Request<Incoming>, ends: Ends, limits: &Limits) -> Request<Sent> {
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(ends);
    if body.is_end_stream() {
        return Request::from_parts(parts, Sent::empty());
    }
    let (body, stalled) = Patient::new(body, limits.body);
    parts.extensions.insert(stalled);
    Request::from_parts(parts, Sent::new(body))
}
