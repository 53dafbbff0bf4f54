//! Queues: cycles of adding, taking and ending items over HTTP, beside the same rows written through
//! the store alone; what a take costs when millions wait or are done; lists of items; memory; words in
//! contents.

mod bulk;
mod cycle;
mod direct;
mod fill;
mod memory;
mod requests;
mod search;
mod take;

use std::time::Duration;

use clap::{Args, ValueEnum};
use db::{Db, Options as Opening, Url};
use testkit::{Backend, Scene};

use crate::Failure;

use fill::Stock;
use requests::Asker;

/// What is measured, and how large.
#[derive(Args)]
pub struct Options {
    /// Only these.
    #[arg(value_enum, default_values_t = [Part::Cycle, Part::Take, Part::Bulk, Part::Memory, Part::Search])]
    pub parts: Vec<Part>,
    /// Items that wait while cycles are measured.
    #[arg(long, default_value_t = 100_000)]
    pub pending: i64,
    /// Items that are done beside them.
    #[arg(long, default_value_t = 0)]
    pub finished: i64,
    /// Connections of the cycles, one after another.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256")]
    pub callers: Vec<usize>,
    /// Items that wait, and items that are done, where takes are compared with those among few.
    #[arg(long, default_value_t = 1_000_000)]
    pub many: i64,
    /// Items that are added and ended while memory is watched.
    #[arg(long, default_value_t = 1_000_000)]
    pub rows: usize,
    /// Items whose contents are searched.
    #[arg(long, default_value_t = 200_000)]
    pub contents: i64,
    /// Length of each of the measurements.
    #[arg(long, default_value_t = 5)]
    pub seconds: u64,
    /// On PostgreSQL, too.
    #[arg(long)]
    pub postgres: bool,
}

/// What can be measured alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Add, take, end.
    Cycle,
    /// A take among few and among many.
    Take,
    /// Lists of items.
    Bulk,
    /// Memory while items pass through.
    Memory,
    /// Words in contents.
    Search,
}

impl Options {
    /// What belongs to everything: less than alone, so that it ends in minutes.
    pub fn short() -> Self {
        Self {
            parts: Part::value_variants().to_vec(),
            pending: 100_000,
            finished: 0,
            callers: vec![64],
            many: 100_000,
            rows: 100_000,
            contents: 50_000,
            seconds: 2,
            postgres: false,
        }
    }

    fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// Measures and prints.
pub async fn measure(exe: &str, backend: Backend, options: &Options) -> Result<(), Failure> {
    for part in &options.parts {
        match part {
            Part::Cycle => cycle::measure(exe, backend, options).await?,
            Part::Take => take::measure(exe, backend, options.many).await?,
            Part::Bulk => bulk::measure(exe, backend, options.time()).await?,
            Part::Memory => memory::measure(exe, backend, options.rows).await?,
            Part::Search => search::measure(exe, backend, options.contents).await?,
        }
    }
    Ok(())
}

/// A queue without due dates.
const INVOICES: &str = "Invoices";
/// One whose items are due in the order in which they come, as a time limit makes them.
const DEADLINES: &str = "Deadlines";
/// One whose items are due in no order: the next may be anywhere in the table.
const APPOINTMENTS: &str = "Appointments";

/// A server with items.
struct Bench {
    scene: Scene,
}

impl Bench {
    /// Starts a server, and puts the stock into each of the queues.
    async fn start(
        exe: &str,
        backend: Backend,
        queues: &[&str],
        stock: Stock,
    ) -> Result<Self, Failure> {
        let mut scene = Scene::start(exe, backend).await;
        let mut filled = Vec::new();
        for name in queues {
            filled.push(fill::prepare(&scene, name).await?);
        }
        scene.server.stop().await;
        let db = open(&scene, "main.db")?;
        for queue in &filled {
            fill::fill(&db, queue, stock).await?;
        }
        if stock.pending + stock.finished > 0 {
            fill::settle(&db).await?;
        }
        close(db).await?;
        // A file belongs to one process: baselines, which take turns with the server, have a copy.
        if backend == Backend::Sqlite {
            let data = scene.server.data();
            std::fs::copy(data.join("main.db"), data.join("copy.db"))?;
        }
        scene.server.restart().await;
        Ok(Self { scene })
    }

    /// The same rows without the server: on PostgreSQL its own, which take turns with it.
    fn copy(&self) -> Result<Db, Failure> {
        open(&self.scene, "copy.db")
    }

    fn asker(&self) -> Result<Asker, Failure> {
        Asker::application(&self.scene)
    }

    fn pid(&self) -> Option<u32> {
        self.scene.server.pid()
    }
}

/// The database of the server, which on SQLite is this file.
fn open(scene: &Scene, file: &str) -> Result<Db, Failure> {
    let url = match scene.server.database_url() {
        Some(url) => Url::Postgres(url.to_owned()),
        None => Url::Sqlite(scene.server.data().join(file)),
    };
    Ok(Db::open(Opening::new(url, "main"))?)
}

/// Ends the lanes, so that others can open the file.
async fn close(db: Db) -> Result<(), Failure> {
    Ok(tokio::task::spawn_blocking(move || db.close()).await?)
}

/// A number with its thousands apart.
fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_are_apart() {
        let shown = [7, 999, 1_000, 1_234_567].map(super::grouped);
        assert_eq!(shown, ["7", "999", "1,000", "1,234,567"]);
    }
}
