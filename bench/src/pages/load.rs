//! Callers that each ask for one page after another, and what they saw.
//!
//! They share one thread, because the server and the stores need the cores more than they do.

use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout_at;

use crate::Failure;
use crate::figures::Samples;

/// Before the clock runs this part of the time passes: connections open, statements prepared.
const WARM_UP: u32 = 4;
/// How long answers may take that are under way when the time is over; later ones do not count.
const GRACE: Duration = Duration::from_secs(2);

/// Somebody who can ask for pages.
pub trait Caller: 'static {
    /// Asks for a page and gives its bytes.
    fn page(&mut self) -> impl Future<Output = Result<usize, Failure>>;
}

/// Where callers come from.
pub trait Source: Clone + Send + 'static {
    /// Their kind.
    type Caller: Caller;
    /// One more of them.
    fn open(&self) -> impl Future<Output = Result<Self::Caller, Failure>>;
}

/// What callers saw together.
#[derive(Default)]
pub struct Load {
    /// How long each page took.
    pub pages: Samples,
    bytes: usize,
    all: usize,
    took: Duration,
}

impl Load {
    /// Pages per second.
    pub fn rate(&self) -> f64 {
        self.pages.len() as f64 / self.took.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// How many pages there were, those included that were asked for before the clock ran.
    pub fn all(&self) -> usize {
        self.all
    }

    /// Bytes of a page.
    pub fn size(&self) -> usize {
        self.bytes / self.pages.len().max(1)
    }
}

/// Lets so many callers ask for so long.
pub async fn drive<S: Source>(source: S, callers: usize, time: Duration) -> Result<Load, Failure> {
    let run = move || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let load = LocalSet::new().block_on(&runtime, together(source, callers, time));
        // What is still under way is nobody's concern any more.
        runtime.shutdown_background();
        load
    };
    tokio::task::spawn_blocking(run).await?
}

async fn together<S: Source>(source: S, callers: usize, time: Duration) -> Result<Load, Failure> {
    let begun = Instant::now();
    let times = Times {
        counts: begun + time / WARM_UP,
        ends: begun + time / WARM_UP + time,
    };
    let mut running = JoinSet::new();
    for _ in 0..callers {
        let caller = source.open().await?;
        running.spawn_local(ask(caller, times));
    }
    let mut load = Load::default();
    let patience = times.ends + GRACE;
    while let Ok(Some(ended)) = timeout_at(patience.into(), running.join_next()).await {
        let seen = ended??;
        load.pages.append(seen.pages);
        load.bytes += seen.bytes;
        load.all += seen.all;
    }
    load.took = times.counts.elapsed();
    Ok(load)
}

/// When pages begin to count, and when nobody asks for more.
#[derive(Clone, Copy)]
struct Times {
    counts: Instant,
    ends: Instant,
}

/// What one caller saw.
#[derive(Default)]
struct Seen {
    pages: Samples,
    bytes: usize,
    all: usize,
}

async fn ask(mut caller: impl Caller, times: Times) -> Result<Seen, Failure> {
    let mut seen = Seen::default();
    loop {
        let asked = Instant::now();
        if asked >= times.ends {
            return Ok(seen);
        }
        let size = caller.page().await?;
        seen.all += 1;
        if asked >= times.counts {
            seen.pages.add(asked.elapsed());
            seen.bytes += size;
        }
    }
}
