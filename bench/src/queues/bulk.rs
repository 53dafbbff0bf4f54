//! Lists of a thousand items, over HTTP and through the store alone.

use std::time::Duration;

use super::direct::{Direct, Lists};
use super::requests::{self, Asker, Numbered, Script};
use super::{Backend, Bench, INVOICES, Stock, close};
use crate::Failure;
use crate::figures::{self, ms};
use crate::lean::Lean;
use crate::load::{Limit, Load, drive};

/// Items in a request.
const ITEMS: usize = 1_000;
/// Connections of the measurements.
const CALLERS: [usize; 2] = [1, 4];

/// Measures and prints.
pub async fn measure(exe: &str, backend: Backend, time: Duration) -> Result<(), Failure> {
    let bench = Bench::start(exe, backend, &[INVOICES], Stock::default()).await?;
    let db = bench.copy()?;
    let place = Direct::open(&db, INVOICES).await?;
    let source = Bulk::new(bench.asker()?)?;
    let seconds = time.as_secs();
    figures::title(&format!(
        "queues, bulk: {ITEMS} items a request, {seconds} s each, {backend:?}"
    ));
    figures::line(
        "callers",
        "items/s   p50 ms   p99 ms   cpu µs an item  : store",
    );
    for callers in CALLERS {
        let limit = Limit::Time(time);
        let lists = Lists {
            place: place.clone(),
            items: ITEMS,
        };
        let without = drive(lists, callers, limit, None).await?;
        let http = drive(source.clone(), callers, limit, bench.pid()).await?;
        let processor = http.processor() * 1000.0 / ITEMS as f64;
        let share = 100.0 * http.rate() / without.rate();
        figures::line(
            &callers.to_string(),
            &format!("{} {processor:>16.1} {share:>6.0} %", row(&http)),
        );
        figures::line("  the store alone", &row(&without));
    }
    close(db).await
}

fn row(load: &Load<()>) -> String {
    let [p50, p99] = [0.5, 0.99].map(|share| ms(load.times.percentile(share)));
    format!("{:>7.0} {p50:>8.2} {p99:>8.2}", load.rate() * ITEMS as f64)
}

/// Lists of items that nobody has added before.
#[derive(Clone)]
struct Bulk {
    asker: Asker,
    request: Numbered,
}

impl Bulk {
    fn new(asker: Asker) -> Result<Self, Failure> {
        Ok(Self {
            request: asker.bulk(INVOICES, ITEMS, None)?,
            asker,
        })
    }
}

impl Script for Bulk {
    type Turn = ();

    fn asker(&self) -> &Asker {
        &self.asker
    }

    async fn turn(&mut self, over: &mut Lean) -> Result<(), Failure> {
        const DONE: &[u8] = b"\"Success\":true";
        let request = self.request.with(requests::numbers(ITEMS));
        let answer = over.exchange(request).await?.expect(200)?;
        let body = answer.whole()?;
        if body.windows(DONE.len()).any(|window| window == DONE) {
            return Ok(());
        }
        let said = String::from_utf8_lossy(body);
        Err(format!("Items of a list were refused: {said}").into())
    }
}
