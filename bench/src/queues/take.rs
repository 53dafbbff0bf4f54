//! What a take costs among few items and among many, with and without a history, in both orders.
//!
//! Two servers take turns, a thousand takes each, so that whatever else the machine does, it does to
//! both. What was taken is added again while no clock runs.

use super::requests::{self, Repeated};
use super::{APPOINTMENTS, Backend, Bench, DEADLINES, INVOICES, Stock, grouped};
use crate::Failure;
use crate::figures::{self, ms};
use crate::lean::Lean;
use crate::load::{Limit, Load, drive};

/// Items that wait where there are few.
const FEW: i64 = 1_000;
/// Takes of each of the callers before items are added again.
const EACH: usize = 15;
const CALLERS: usize = 64;
/// Takes in a round; there are always some items left.
const ROUND: usize = EACH * CALLERS;
/// How often the servers take turns.
const ROUNDS: usize = 20;
/// Likewise for a caller that has the server for itself, with a tenth of the takes.
const ROUNDS_ALONE: usize = 5;
/// When what is added is due.
const DUE: &str = "2036-01-01T00:00:00Z";

/// Measures and prints.
pub async fn measure(exe: &str, backend: Backend, many: i64) -> Result<(), Failure> {
    figures::title(&format!(
        "queues, take: {} items wait, or {}; {CALLERS} callers, {backend:?}",
        grouped(FEW),
        grouped(many)
    ));
    figures::line("", HEADER);
    let queues = [INVOICES, DEADLINES, APPOINTMENTS];
    for finished in [0, many] {
        let start = |pending| Bench::start(exe, backend, &queues, Stock { pending, finished });
        let pair = [start(FEW).await?, start(many).await?];
        for queue in queues {
            let [few, many] = compare(&pair, queue).await?;
            let name = format!("{queue}, {} done", grouped(finished));
            let ratio = |of: fn(&Cost) -> f64| of(&many) / of(&few);
            figures::line(
                &name,
                &format!(
                    "{}{}{:>11.2}{:>8.2}{:>8.2}",
                    few.row(),
                    many.row(),
                    ratio(|c| 1.0 / c.together.rate()),
                    ratio(|c| c.together.processor()),
                    ratio(|c| ms(c.alone.times.percentile(0.5))),
                ),
            );
        }
    }
    let kinds = "Invoices have no due dates, Deadlines rising ones, Appointments any.";
    figures::line("", kinds);
    Ok(())
}

const HEADER: &str = " few: /s  cpu ms   alone ms  many: /s  cpu ms   alone ms   ratio: time\
    \u{20}    cpu   alone";

/// Takes from one queue.
#[derive(Default)]
struct Cost {
    together: Load<()>,
    alone: Load<()>,
}

impl Cost {
    fn row(&self) -> String {
        format!(
            "{:>8.0} {:>7.3} {:>10.3}  ",
            self.together.rate(),
            self.together.processor(),
            ms(self.alone.times.percentile(0.5))
        )
    }
}

/// The cost on each of two servers that take turns.
async fn compare(pair: &[Bench; 2], queue: &str) -> Result<[Cost; 2], Failure> {
    let mut costs = [Cost::default(), Cost::default()];
    for round in 0..=ROUNDS {
        for (bench, cost) in pair.iter().zip(&mut costs) {
            let load = takes(bench, queue, CALLERS, EACH).await?;
            // The first one opens files and prepares statements.
            if round > 0 {
                cost.together.append(load);
            }
        }
    }
    for _ in 0..ROUNDS_ALONE {
        for (bench, cost) in pair.iter().zip(&mut costs) {
            let load = takes(bench, queue, 1, ROUND / 10).await?;
            cost.alone.append(load);
        }
    }
    Ok(costs)
}

/// Takes, and adds as many again.
async fn takes(
    bench: &Bench,
    queue: &str,
    callers: usize,
    each: usize,
) -> Result<Load<()>, Failure> {
    let asker = bench.asker()?;
    let source = Repeated::new(&asker, asker.take(queue));
    let load = drive(source, callers, Limit::Turns(each), bench.pid()).await?;
    let due = (queue != INVOICES).then_some(DUE);
    let mut refill = asker.bulk(queue, callers * each, due)?;
    let refill = refill.with(requests::numbers(callers * each));
    let mut connection = Lean::open(asker.address).await?;
    connection.exchange(refill).await?.expect(200)?;
    Ok(load)
}
