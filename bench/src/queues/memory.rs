//! What the server holds in memory while items pass through: added by the hundred, taken and ended
//! one by one, by many callers.

use std::fs;

use testkit::Scene;

use super::requests::{self, Asker, Numbered, OfItem, Script};
use super::{Backend, Bench, INVOICES, Stock, grouped};
use crate::Failure;
use crate::figures;
use crate::lean::Lean;
use crate::load::{Limit, drive};
use crate::machine;

const CALLERS: usize = 64;
/// Items that a caller adds at once, and then takes as many.
const LIST: usize = 100;
/// How often memory is looked at.
const SAMPLES: usize = 10;

/// Measures and prints.
pub async fn measure(exe: &str, backend: Backend, rows: usize) -> Result<(), Failure> {
    let bench = Bench::start(exe, backend, &[INVOICES], Stock::default()).await?;
    let pid = bench.pid().ok_or("The server does not run.")?;
    let source = Passing::new(bench.asker()?)?;
    let each = rows.div_ceil(SAMPLES * CALLERS * LIST).max(1);
    let part = each * CALLERS * LIST;
    figures::title(&format!(
        "queues, memory: {} items added, taken and ended, {CALLERS} callers, {backend:?}",
        grouped((part * SAMPLES) as i64)
    ));
    figures::line(
        "items",
        "RSS MiB   most MiB   file MiB    items/s   cpu µs an item",
    );
    let mib = |kib: u64| kib as f64 / 1024.0;
    for sample in 0..=SAMPLES {
        let turns = if sample == 0 { 0 } else { each };
        let load = drive(source.clone(), CALLERS, Limit::Turns(turns), Some(pid)).await?;
        figures::line(
            &grouped((sample * part) as i64),
            &format!(
                "{:>7.1} {:>10.1} {:>10.1} {:>10.0} {:>16.1}",
                mib(machine::process(pid, "status", "VmRSS")?),
                mib(machine::process(pid, "status", "VmHWM")?),
                mib(on_disk(&bench.scene) / 1024),
                load.rate() * LIST as f64,
                load.processor() * 1000.0 / LIST as f64,
            ),
        );
    }
    Ok(())
}

/// Bytes of the database, if it is a file.
fn on_disk(scene: &Scene) -> u64 {
    let file = fs::metadata(scene.server.data().join("main.db"));
    file.map_or(0, |file| file.len())
}

/// Callers that add as much as they take.
#[derive(Clone)]
struct Passing {
    asker: Asker,
    add: Numbered,
    take: Vec<u8>,
    end: OfItem,
}

impl Passing {
    fn new(asker: Asker) -> Result<Self, Failure> {
        Ok(Self {
            add: asker.bulk(INVOICES, LIST, None)?,
            take: asker.take(INVOICES),
            end: asker.end(),
            asker,
        })
    }
}

impl Script for Passing {
    type Turn = ();

    fn asker(&self) -> &Asker {
        &self.asker
    }

    async fn turn(&mut self, over: &mut Lean) -> Result<(), Failure> {
        let add = self.add.with(requests::numbers(LIST));
        over.exchange(add).await?.expect(200)?;
        for _ in 0..LIST {
            let taken = over.exchange(&self.take).await?.expect(200)?;
            let end = self.end.of(requests::id(taken.whole()?)?);
            over.exchange(end).await?.expect(200)?;
        }
        Ok(())
    }
}
