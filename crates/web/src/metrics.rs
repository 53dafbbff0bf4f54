//! What an operator watches: counters of requests and of the stores, in Prometheus' text form.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::app::App;
use crate::engines;

/// Upper bounds of the latency buckets, in milliseconds.
const BOUNDS: [u64; 9] = [1, 2, 5, 10, 25, 100, 500, 2_500, 10_000];

/// Counters of requests.
#[derive(Default)]
pub struct Metrics {
    /// By hundreds: 1xx … 5xx.
    statuses: [AtomicU64; 5],
    buckets: [AtomicU64; BOUNDS.len()],
    micros: AtomicU64,
    /// Requests under way.
    in_flight: AtomicU64,
}

/// A request under way, also if its caller hangs up.
pub struct InFlight<'m>(&'m AtomicU64);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Metrics {
    /// A request begins.
    pub fn enter(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Relaxed);
        InFlight(&self.in_flight)
    }

    /// One request was answered. Long polls do not count into latencies.
    pub fn answered(&self, status: u16, took: Duration, held: bool) {
        let class = usize::from((status / 100).clamp(1, 5) - 1);
        self.statuses[class].fetch_add(1, Relaxed);
        if held {
            return;
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Relaxed);
        if let Some(bucket) = BOUNDS.iter().position(|b| micros <= b * 1000) {
            self.buckets[bucket].fetch_add(1, Relaxed);
        }
    }
}

/// The page at `/metrics`.
pub fn render(app: &App) -> String {
    let mut out = String::with_capacity(4096);
    let metrics = &app.metrics;
    let mut section = |name: &str, kind: &str, help: &str, lines: &[(String, u64)]| {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in lines {
            let _ = writeln!(out, "{name}{labels} {value}");
        }
    };
    let statuses: Vec<_> = metrics
        .statuses
        .iter()
        .enumerate()
        .map(|(i, n)| (format!("{{status=\"{}xx\"}}", i + 1), n.load(Relaxed)))
        .collect();
    section(
        "baton_http_requests_total",
        "counter",
        "Requests answered, by class of status.",
        &statuses,
    );
    let in_flight = [(String::new(), metrics.in_flight.load(Relaxed))];
    section(
        "baton_http_requests_in_flight",
        "gauge",
        "Requests under way.",
        &in_flight,
    );
    let stores = [("main", app.db.stats()), ("logs", app.logs.stats())];
    let of = |pick: &dyn Fn(&db::Stats) -> u64| -> Vec<(String, u64)> {
        stores
            .iter()
            .map(|(n, s)| (format!("{{store=\"{n}\"}}"), pick(s)))
            .collect()
    };
    section(
        "baton_db_statements_total",
        "counter",
        "SQL statements run.",
        &of(&|s| s.statements),
    );
    section(
        "baton_db_reads_total",
        "counter",
        "Read transactions.",
        &of(&|s| s.reads),
    );
    section(
        "baton_db_writes_total",
        "counter",
        "Write closures committed.",
        &of(&|s| s.writes),
    );
    section(
        "baton_db_batches_total",
        "counter",
        "Commits; each holds one or more writes.",
        &of(&|s| s.batches),
    );
    section(
        "baton_db_failures_total",
        "counter",
        "Closures that failed.",
        &of(&|s| s.failures),
    );
    section(
        "baton_db_overloaded_total",
        "counter",
        "Calls refused because a lane was full.",
        &of(&|s| s.overloaded),
    );
    section(
        "baton_db_queued_writes",
        "gauge",
        "Writes waiting for the lane.",
        &of(&|s| s.queued_writes),
    );
    section(
        "baton_db_longest_write_microseconds",
        "gauge",
        "The longest write closure so far.",
        &of(&|s| s.longest_write_us),
    );
    let sessions = [(String::new(), app.presence.connected() as u64)];
    section(
        "baton_sessions_connected",
        "gauge",
        "Hosts that are connected.",
        &sessions,
    );
    latencies(&mut out, metrics);
    engines::describe(app, &mut out);
    out
}

fn latencies(out: &mut String, metrics: &Metrics) {
    let name = "baton_http_request_seconds";
    let _ = writeln!(
        out,
        "# HELP {name} How long requests took, long polls aside.\n# TYPE {name} histogram"
    );
    let mut sum = 0;
    for (bound, bucket) in BOUNDS.iter().zip(&metrics.buckets) {
        sum += bucket.load(Relaxed);
        let _ = writeln!(
            out,
            "{name}_bucket{{le=\"{}\"}} {sum}",
            *bound as f64 / 1000.0
        );
    }
    let _ = writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {sum}");
    let _ = writeln!(
        out,
        "{name}_sum {}",
        metrics.micros.load(Relaxed) as f64 / 1e6
    );
    let _ = writeln!(out, "{name}_count {sum}");
}
