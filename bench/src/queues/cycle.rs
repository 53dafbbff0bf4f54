//! Add, take, end: by an application, by a robot, by the store alone.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::package;

use super::direct::{Cycles, Direct};
use super::requests::{self, Asker, Numbered, OfItem, Repeated, Script};
use super::{Backend, Bench, INVOICES, Options, Stock, close, grouped};
use crate::Failure;
use crate::connection::{self, Connection, START_JOBS};
use crate::figures::{self, Samples, ms};
use crate::host::Host;
use crate::lean::Lean;
use crate::load::{Limit, Load, drive};
use crate::machine::{self, Store};

/// The number of callers that a robot is measured with.
const ROBOT_CALLERS: usize = 64;

/// Measures and prints.
pub async fn measure(exe: &str, backend: Backend, options: &Options) -> Result<(), Failure> {
    let stock = Stock {
        pending: options.pending,
        finished: options.finished,
    };
    let bench = Bench::start(exe, backend, &[INVOICES], stock).await?;
    let db = bench.copy()?;
    let direct = Direct::open(&db, INVOICES).await?;
    let application = bench.asker()?;
    let (robot, _host) = robot(&bench, application.clone()).await?;

    figures::title(&format!(
        "queues, cycle: {} items wait, {} are done, {} s each, {backend:?}",
        grouped(stock.pending),
        grouped(stock.finished),
        options.seconds
    ));
    figures::line("callers", HEADER);
    let limit = Limit::Time(options.time());
    let source = Http::new(application)?;
    for callers in &options.callers {
        let without = drive(Cycles(direct.clone()), *callers, limit, None).await?;
        let bare = drive(
            Repeated::new(&source.asker, source.asker.health()),
            *callers,
            limit,
            None,
        )
        .await?;
        let of = Compared {
            direct: without.rate(),
            health: bare.rate(),
        };
        over_http(&bench, &callers.to_string(), &source, *callers, limit, &of).await?;
        if *callers == ROBOT_CALLERS {
            let robot = Http::new(robot.clone())?;
            let name = format!("{callers}, as a robot");
            over_http(&bench, &name, &robot, *callers, limit, &of).await?;
        }
        figures::line("  the store alone", &row(&without));
        figures::line("  GET /health", &row(&bare));
    }
    close(db).await
}

/// A robot that asks with the token of a job, and the host that holds the job.
async fn robot(bench: &Bench, asker: Asker) -> Result<(Asker, Host), Failure> {
    let scene = &bench.scene;
    let release = scene.release(&package("bench", "1.0.0")).await;
    let start = connection::json(&scene.start_info(&release, json!({})));
    let mut host = Host::connect(scene).await?;
    Connection::caller(scene)
        .await?
        .post(START_JOBS, start)
        .await?;
    let offers = host.offers().await?;
    let offer = offers.first().ok_or("No job was offered.")?;
    host.begin(offer).await?;
    Ok((asker.robot(&offer.token, &offer.robot), host))
}

/// The baselines of the same moment.
struct Compared {
    direct: f64,
    health: f64,
}

async fn over_http(
    bench: &Bench,
    name: &str,
    source: &Http,
    callers: usize,
    limit: Limit,
    of: &Compared,
) -> Result<(), Failure> {
    let pid = bench.pid().ok_or("The server does not run.")?;
    let written = || machine::process(pid, "io", "write_bytes");
    let (before, bytes) = (Store::now(&bench.scene).await?, written()?);
    let load = drive(source.clone(), callers, limit, Some(pid)).await?;
    let after = Store::now(&bench.scene).await?;
    let statements = (after.statements - before.statements) as f64 / load.all().max(1) as f64;
    let commits = after.batches - before.batches;
    let kib = (written()? - bytes) as f64 / 1024.0 / load.all().max(1) as f64;
    let requests = 3.0 * load.all() as f64;
    let laps = [0, 1, 2].map(|lap| {
        let mut samples = Samples::default();
        load.turns.iter().for_each(|turn| samples.add(turn[lap]));
        let [p50, p99] = [0.5, 0.99].map(|share| ms(samples.percentile(share)));
        format!("{p50:>9.2} {p99:>7.2}")
    });
    figures::line(
        name,
        &format!(
            "{}{}{:>9.3}{statements:>6.1}{kib:>6.1}{:>9.1}{:>8.0} %{:>8.0} %",
            row(&load),
            laps.concat(),
            load.processor(),
            requests / commits.max(1) as f64,
            100.0 * load.rate() / of.direct,
            // Three requests are a cycle.
            300.0 * load.rate() / of.health,
        ),
    );
    Ok(())
}

const HEADER: &str = "     /s  p50 ms  p99 ms  add p50     p99 take p50     p99  end p50     p99\
    \u{20}  cpu ms   SQL   KiB  /commit   : store  : health";

fn row<T>(load: &Load<T>) -> String {
    let [p50, p99] = [0.5, 0.99].map(|share| ms(load.times.percentile(share)));
    format!("{:>7.0} {p50:>7.2} {p99:>7.2}", load.rate())
}

/// Cycles over HTTP.
#[derive(Clone)]
struct Http {
    asker: Asker,
    adds: Vec<Numbered>,
    take: Vec<u8>,
    end: OfItem,
}

impl Http {
    fn new(asker: Asker) -> Result<Self, Failure> {
        Ok(Self {
            adds: asker.add(INVOICES)?,
            take: asker.take(INVOICES),
            end: asker.end(),
            asker,
        })
    }
}

impl Script for Http {
    /// How long adding, taking and ending took.
    type Turn = [Duration; 3];

    fn asker(&self) -> &Asker {
        &self.asker
    }

    async fn turn(&mut self, over: &mut Lean) -> Result<[Duration; 3], Failure> {
        let number = requests::numbers(1);
        let kind = number as usize % self.adds.len();
        let begun = Instant::now();
        let add = self.adds[kind].with(number);
        over.exchange(add).await?.expect(201)?;
        let added = Instant::now();
        let taken = over.exchange(&self.take).await?.expect(200)?;
        let end = self.end.of(requests::id(taken.whole()?)?);
        let was_taken = Instant::now();
        over.exchange(end).await?.expect(200)?;
        Ok([added - begun, was_taken - added, was_taken.elapsed()])
    }
}
