//! A connection to PostgreSQL whose statements need not wait for each other.
//!
//! Between two statements of a transaction server and client would otherwise wait for one another, a
//! round trip each. What is [sent](Pipeline::send) is under way while the next statement is written; its
//! failure is that of whatever is waited for next.

use crate::wire::Param;
use crate::{Cells, Value};
use futures_util::TryStreamExt as _;
use futures_util::future::{Either, ready};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Error, Socket, Statement};

/// A connection, and the statements on it that nobody has waited for.
pub(crate) struct Pipeline {
    runtime: Runtime,
    client: Arc<Client>,
    connection: Pin<Box<dyn Io>>,
    sent: VecDeque<Sent>,
}

/// A statement that is under way.
type Sent = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// What carries messages to and fro, whatever it does so over.
trait Io: Future<Output = Result<(), Error>> + Send {}
impl<S, T> Io for Connection<S, T>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    T: AsyncRead + AsyncWrite + Unpin + Send,
{
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum Refused {
    Runtime(io::Error),
    Server(Error),
}

impl Pipeline {
    /// Connects.
    ///
    /// # Errors
    /// The server's, or those of the way there.
    pub(crate) fn connect<T>(config: &Config, tls: T) -> Result<Self, Refused>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
    {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Refused::Runtime)?;
        let connected = runtime.block_on(config.connect(tls));
        let (client, connection) = connected.map_err(Refused::Server)?;
        Ok(Self {
            runtime,
            client: Arc::new(client),
            connection: Box::pin(connection),
            sent: VecDeque::new(),
        })
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub(crate) fn prepare(&mut self, sql: &str) -> Result<Statement, Error> {
        let client = Arc::clone(&self.client);
        self.wait(async move { client.prepare(sql).await })
    }

    /// Runs several statements without parameters.
    pub(crate) fn script(&mut self, sql: &str) -> Result<(), Error> {
        let client = Arc::clone(&self.client);
        self.wait(async move { client.batch_execute(sql).await })
    }

    /// Runs a statement and says how many rows it changed.
    pub(crate) fn execute(
        &mut self,
        statement: &Statement,
        params: &[Value],
    ) -> Result<u64, Error> {
        let client = Arc::clone(&self.client);
        let params = params.iter().map(Param);
        self.wait(async move { client.execute_raw(statement, params).await })
    }

    /// Runs a statement and shows its rows as long as they are wanted. They are read to the end in any
    /// case: they are on their way, and an error may be behind them.
    pub(crate) fn each(
        &mut self,
        statement: &Statement,
        params: &[Value],
        f: &mut dyn FnMut(&Cells<'_>) -> bool,
    ) -> Result<(), Error> {
        let client = Arc::clone(&self.client);
        let params = params.iter().map(Param);
        let rows = self.wait(async move { client.query_raw(statement, params).await })?;
        let mut wanted = true;
        self.wait(rows.try_for_each(|row| {
            wanted = wanted && f(&Cells::postgres(&row));
            ready(Ok(()))
        }))
    }

    /// Sends a statement without waiting for its end.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub(crate) fn send(&mut self, statement: Statement, params: Vec<Value>) -> Result<(), Error> {
        let client = Arc::clone(&self.client);
        self.begin(Box::pin(async move {
            let params = params.iter().map(Param);
            client.execute_raw(&statement, params).await.map(drop)
        }))
    }

    /// Sends a script without waiting for its end.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub(crate) fn send_script(&mut self, sql: &'static str) -> Result<(), Error> {
        let client = Arc::clone(&self.client);
        self.begin(Box::pin(async move { client.batch_execute(sql).await }))
    }

    /// What ends at once was not sent, such as a value that does not fit. The server does not know of
    /// it, so that a COMMIT behind it would keep the rest.
    fn begin(&mut self, mut sent: Sent) -> Result<(), Error> {
        let connection = &mut self.connection;
        let ended = self.runtime.block_on(poll_fn(|cx| {
            let ended = sent.as_mut().poll(cx);
            // Whether the connection is lost shows when somebody waits.
            let _ = connection.as_mut().poll(cx);
            Poll::Ready(match ended {
                Poll::Ready(result) => Some(result),
                Poll::Pending => None,
            })
        }));
        if let Some(result) = ended {
            return result;
        }
        self.sent.push_back(sent);
        Ok(())
    }

    /// Waits until everything that was sent has ended.
    pub(crate) fn settle(&mut self) -> Result<(), Error> {
        if self.sent.is_empty() {
            return Ok(());
        }
        self.wait(ready(Ok(())))
    }

    /// Waits for something that is sent now, and for everything that was before: of several failures the
    /// first counts, because those behind it are its consequences.
    fn wait<T>(&mut self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let mut before = std::mem::take(&mut self.sent);
        let connection = &mut self.connection;
        self.runtime.block_on(async move {
            let mut work = pin!(work);
            let mut all = pin!(async move {
                let ended = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await;
                while let Some(sent) = before.pop_front() {
                    sent.await?;
                }
                let rest = match ended {
                    Poll::Ready(result) => Either::Left(ready(result)),
                    Poll::Pending => Either::Right(work),
                };
                rest.await
            });
            let mut open = true;
            poll_fn(|cx| {
                if open && let Poll::Ready(end) = connection.as_mut().poll(cx) {
                    open = false;
                    if let Err(error) = end {
                        return Poll::Ready(Err(error));
                    }
                }
                all.as_mut().poll(cx)
            })
            .await
        })
    }

    /// Says goodbye to the server.
    pub(crate) fn close(mut self) {
        self.sent.clear();
        drop(self.client);
        // The server notices a closed socket as well; this only spares it a line in its log.
        let _ = self.runtime.block_on(self.connection);
    }
}
