//! A server with one connected host that waits: what it costs to have nothing to do.

use std::pin::{Pin, pin};
use std::time::Duration;

use testkit::{Backend, Scene};
use tokio::time::timeout;

use crate::Failure;
use crate::figures;
use crate::host::{Host, Offer};
use crate::machine::{self, Store};

/// What follows a start may take this long.
const SETTLING: Duration = Duration::from_secs(2);

/// Measures and prints.
pub async fn measure(exe: &str, time: Duration) -> Result<(), Failure> {
    let scene = Scene::start(exe, Backend::Sqlite).await;
    let pid = scene.server.pid().ok_or("The server does not run.")?;
    let started = machine::process(pid, "status", "VmRSS")?;
    let mut host = Host::connect(&scene).await?;
    let mut waiting = pin!(host.offers());
    idle(waiting.as_mut(), SETTLING).await?;

    let before = Usage::now(&scene, pid).await?;
    idle(waiting.as_mut(), time).await?;
    let after = Usage::now(&scene, pid).await?;

    let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
    figures::title(&format!(
        "idle: {} s with one waiting host, SQLite",
        time.as_secs()
    ));
    figures::line("memory (RSS) after the start", &mib(started));
    figures::line(
        "memory (RSS) now",
        &mib(machine::process(pid, "status", "VmRSS")?),
    );
    figures::line(
        "most memory so far",
        &mib(machine::process(pid, "status", "VmHWM")?),
    );
    figures::line(
        "statements",
        &(after.store.statements - before.store.statements).to_string(),
    );
    figures::line(
        "commits",
        &(after.store.batches - before.store.batches).to_string(),
    );
    figures::line(
        "bytes written to disk",
        &(after.written - before.written).to_string(),
    );
    let used = after.processor - before.processor;
    figures::line("processor time", &format!("{used} ms"));
    Ok(())
}

struct Usage {
    store: Store,
    written: u64,
    processor: u64,
}

impl Usage {
    async fn now(scene: &Scene, pid: u32) -> Result<Self, Failure> {
        Ok(Self {
            store: Store::now(scene).await?,
            written: machine::process(pid, "io", "write_bytes")?,
            processor: machine::processor_ms(pid)?,
        })
    }
}

/// Goes on waiting for commands, of which there are none.
async fn idle(
    waiting: Pin<&mut impl Future<Output = Result<Vec<Offer>, Failure>>>,
    time: Duration,
) -> Result<(), Failure> {
    match timeout(time, waiting).await {
        Err(_) => Ok(()),
        Ok(Err(failure)) => Err(failure),
        Ok(Ok(offers)) => Err(format!("Jobs that nobody started: {offers:?}").into()),
    }
}
