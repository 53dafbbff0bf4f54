//! Pages of jobs: how many in a second over HTTP, beside the same pages read from the store
//! directly and their statements alone; and how their cost grows with the table.

mod direct;
mod fill;
mod http;
mod shapes;

use std::time::Duration;

use serde_json::Value;
use testkit::{Backend, Scene};

use crate::Failure;
use crate::connection::Connection;
use crate::figures::{self, ms};
use crate::load::{Caller, Limit, Load, Source, drive};
use crate::machine;

use direct::Place;
use http::Http;
use shapes::Shape;

/// Connections, and tasks of the baselines.
const CALLERS: usize = 64;

/// Measures and prints: everything at the largest number of jobs, the cost of a page at each.
pub async fn measure(
    exe: &str,
    backend: Backend,
    sizes: &[i64],
    time: Duration,
) -> Result<(), Failure> {
    let mut sizes = sizes.to_vec();
    sizes.sort_unstable();
    let mut growth = Vec::new();
    for jobs in &sizes {
        let bench = Bench::start(exe, backend, *jobs, time).await?;
        growth.push(bench.alone().await?);
        if Some(jobs) == sizes.last() {
            bench.together().await?;
            bench.largest().await?;
        }
        bench.place.close().await?;
    }
    table(backend, &sizes, &growth);
    Ok(())
}

/// A server with so many jobs, and the same data without a server.
struct Bench {
    scene: Scene,
    place: Place,
    backend: Backend,
    jobs: i64,
    time: Duration,
}

impl Bench {
    async fn start(
        exe: &str,
        backend: Backend,
        jobs: i64,
        time: Duration,
    ) -> Result<Self, Failure> {
        let mut scene = Scene::start(exe, backend).await;
        fill::prepare(&scene).await?;
        scene.server.stop().await;
        let url = scene.server.database_url().map(str::to_owned);
        let file = scene.server.data().join("main.db");
        let place = Place::open(url.as_deref(), &file, scene.folder).await?;
        fill::fill(&place, scene.robot, jobs).await?;
        place.close().await?;
        // A file belongs to one process: the baselines, which take turns with the server, have a
        // copy. It goes with the server's folder.
        let copy = scene.server.folder().join("copy.db");
        if backend == Backend::Sqlite {
            std::fs::copy(&file, &copy)?;
        }
        let place = Place::open(url.as_deref(), &copy, scene.folder).await?;
        scene.server.restart().await;
        Ok(Self {
            scene,
            place,
            backend,
            jobs,
            time,
        })
    }

    /// What a page costs a lone caller: the half of P1 to P5 in milliseconds.
    async fn alone(&self) -> Result<Vec<(String, f64)>, Failure> {
        let mut costs = Vec::new();
        for shape in shapes::shapes(self.jobs) {
            self.check(&shape).await?;
            let page = Http::page(&self.scene, &shape.path())?;
            let load = drive(page, 1, Limit::Time(self.time / 2), None).await?;
            costs.push((shape.title(), ms(load.times.percentile(0.5))));
        }
        Ok(costs)
    }

    /// Pages for many callers at once.
    async fn together(&self) -> Result<(), Failure> {
        let (jobs, backend, seconds) = (self.jobs, self.backend, self.time.as_secs_f64());
        figures::title(&format!(
            "pages: {jobs} jobs, {CALLERS} callers, {seconds} s each, {backend:?}"
        ));
        figures::line("", HEADER);
        for shape in shapes::shapes(self.jobs) {
            self.compare(&shape).await?;
        }
        Ok(())
    }

    /// One page over HTTP and by both baselines, one right after another.
    async fn compare(&self, shape: &Shape) -> Result<(), Failure> {
        let statements = self.place.statements(&shape.query()).await?;
        let sql = self.run(statements).await?;
        let direct = self.run(self.place.page(&shape.query())?).await?;
        let http = self.run(Http::page(&self.scene, &shape.path())?).await?;
        let share = |of: &Load<usize>| match of.times.len() {
            0 => format!("{:>10}", "–"),
            _ => format!("{:>8.0} %", 100.0 * http.rate() / of.rate()),
        };
        let (of_direct, of_sql) = (share(&direct), share(&sql));
        let cpu = http.processor();
        figures::line(
            &shape.title(),
            &format!("{}{cpu:>9.3}{of_direct}{of_sql}", row(&http)),
        );
        figures::line("  read and written directly", &row(&direct));
        figures::line("  statements alone", &row(&sql));
        Ok(())
    }

    /// What the server uses of the processor counts for pages over HTTP only.
    async fn run<S>(&self, source: S) -> Result<Load<usize>, Failure>
    where
        S: Source<Caller: Caller<Turn = usize>>,
    {
        let server = self.scene.server.pid();
        drive(source, CALLERS, Limit::Time(self.time), server).await
    }

    /// The largest page again and again: the server's memory must not grow with the number.
    async fn largest(&self) -> Result<(), Failure> {
        let pid = self.scene.server.pid().ok_or("The server does not run.")?;
        let memory = || machine::process(pid, "status", "VmRSS");
        let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
        let shape = shapes::largest();
        let before = memory()?;
        self.compare(&shape).await?;
        let once = memory()?;
        let again = self.run(Http::page(&self.scene, &shape.path())?).await?;
        figures::line("memory (RSS) before P7", &mib(before));
        figures::line("  after the first pages", &mib(once));
        let pages = again.times.len();
        figures::line(&format!("  after {pages} more"), &mib(memory()?));
        figures::line(
            "  most so far",
            &mib(machine::process(pid, "status", "VmHWM")?),
        );
        Ok(())
    }

    /// A page that holds what it should, looked at once: the callers look at lengths only.
    async fn check(&self, shape: &Shape) -> Result<(), Failure> {
        let mut caller = Connection::caller(&self.scene).await?;
        let page: Value = serde_json::from_slice(&caller.get(&shape.path()).await?)?;
        let rows = page["value"].as_array().map_or(0, Vec::len);
        if rows == 100 && page["@odata.count"].is_number() == shape.counted {
            return Ok(());
        }
        Err(format!("{} has {rows} jobs, or no number of all.", shape.title()).into())
    }
}

const HEADER: &str = "pages/s     p50 ms     p99 ms   KiB/page   cpu ms  : direct     : SQL";

fn row(load: &Load<usize>) -> String {
    if load.times.len() == 0 {
        return "      – (slower than the time that was given)".to_owned();
    }
    let [p50, p99] = [0.5, 0.99].map(|share| ms(load.times.percentile(share)));
    let size = load.turns.iter().sum::<usize>() as f64 / load.turns.len() as f64 / 1024.0;
    format!("{:>7.0} {p50:>10.3} {p99:>10.3} {size:>10.1}", load.rate())
}

/// One line for each shape, one column for each size.
fn table(backend: Backend, sizes: &[i64], growth: &[Vec<(String, f64)>]) {
    figures::title(&format!("growth: p50 of a lone caller in ms, {backend:?}"));
    let line = |name: &str, cells: Vec<String>| figures::line(name, &cells.concat());
    line(
        "jobs",
        sizes.iter().map(|jobs| format!("{jobs:>12}")).collect(),
    );
    let Some(first) = growth.first() else { return };
    for (at, (name, _)) in first.iter().enumerate() {
        let cost = |costs: &Vec<(String, f64)>| match costs[at].1 {
            // Not one page in the time that was given.
            0.0 => format!("{:>12}", "–"),
            cost => format!("{cost:>12.3}"),
        };
        line(name, growth.iter().map(cost).collect());
    }
}
