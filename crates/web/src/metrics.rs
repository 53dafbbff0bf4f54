//! What an operator watches: counters of requests and of the stores, as an OpenMetrics page.
//!
//! Requests are counted as they come; the figures of others are read when somebody asks for the
//! page. [`registry`] names all there is.

use std::fmt;
use std::time::Duration;

use db::Stats;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::app::App;
use crate::engines;

/// The media type of the page.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the latency buckets, in seconds.
const BOUNDS: [f64; 9] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// The classes of statuses: by hundreds.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Counters of requests.
pub struct Metrics {
    statuses: [Counter; CLASSES.len()],
    seconds: Histogram,
    in_flight: Gauge,
}

/// A request under way, also if its caller hangs up.
pub struct InFlight<'m>(&'m Gauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            statuses: Default::default(),
            seconds: Histogram::new(BOUNDS),
            in_flight: Gauge::default(),
        }
    }
}

impl Metrics {
    /// A request begins.
    pub fn enter(&self) -> InFlight<'_> {
        self.in_flight.inc();
        InFlight(&self.in_flight)
    }

    /// One request was answered. Long polls do not count into latencies.
    pub fn answered(&self, status: u16, took: Duration, held: bool) {
        let class = usize::from((status / 100).clamp(1, 5) - 1);
        self.statuses[class].inc();
        if !held {
            self.seconds.observe(took.as_secs_f64());
        }
    }
}

/// The page at `/metrics`.
///
/// # Errors
/// None: a text takes whatever is written to it.
pub fn render(app: &App) -> Result<String, fmt::Error> {
    let mut page = String::with_capacity(8192);
    text::encode(&mut page, &registry(app))?;
    Ok(page)
}

/// Everything that is on the page. What others count is a [`Collector`] of its own, made of a
/// snapshot, and has its line here.
fn registry(app: &App) -> Registry {
    let Metrics {
        statuses,
        seconds,
        in_flight,
    } = &app.metrics;
    let mut registry = Registry::with_prefix("baton");
    registry.register(
        "http_requests_in_flight",
        "Requests under way",
        in_flight.clone(),
    );
    registry.register(
        "http_request_seconds",
        "How long requests took, long polls aside",
        seconds.clone(),
    );
    registry.register(
        "sessions_connected",
        "Hosts that are connected",
        gauge(app.presence.connected() as u64),
    );
    let answered = statuses.each_ref().map(Counter::get);
    registry.register_collector(Box::new(Answered(answered)));
    let stores = [("main", app.db.stats()), ("logs", app.logs.stats())];
    registry.register_collector(Box::new(Stores(stores)));
    registry.register_collector(Box::new(engines::Figures::of(app)));
    registry
}

/// A gauge that shows what was counted elsewhere.
fn gauge(value: u64) -> Gauge {
    let gauge = Gauge::default();
    gauge.set(shown(value));
    gauge
}

fn shown(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Requests answered, by class of status.
#[derive(Debug)]
struct Answered([u64; CLASSES.len()]);

impl Collector for Answered {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Requests answered, by class of status.";
        let mut family =
            encoder.encode_descriptor("http_requests", help, None, MetricType::Counter)?;
        for (class, answered) in CLASSES.iter().zip(&self.0) {
            let labels = [("status", *class)];
            let mut one = family.encode_family(&labels)?;
            one.encode_counter::<NoLabelSet, _, u64>(answered, None)?;
        }
        Ok(())
    }
}

/// What the lanes of each store have done.
#[derive(Debug)]
struct Stores([(&'static str, Stats); 2]);

/// A figure of a store: its name, what it is, and where it is found.
type Figure = (&'static str, &'static str, fn(&Stats) -> u64);

const COUNTERS: [Figure; 6] = [
    ("db_statements", "SQL statements run.", |s| s.statements),
    ("db_reads", "Read transactions.", |s| s.reads),
    ("db_writes", "Write closures committed.", |s| s.writes),
    (
        "db_batches",
        "Commits; each holds one or more writes.",
        |s| s.batches,
    ),
    ("db_failures", "Closures that failed.", |s| s.failures),
    (
        "db_overloaded",
        "Calls refused because a lane was full.",
        |s| s.overloaded,
    ),
];

const GAUGES: [Figure; 2] = [
    ("db_queued_writes", "Writes waiting for the lane.", |s| {
        s.queued_writes
    }),
    (
        "db_longest_write_microseconds",
        "The longest write closure so far.",
        |s| s.longest_write_us,
    ),
];

impl Collector for Stores {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, pick) in COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (store, stats) in &self.0 {
                let labels = [("store", *store)];
                let mut one = family.encode_family(&labels)?;
                one.encode_counter::<NoLabelSet, _, u64>(&pick(stats), None)?;
            }
        }
        for (name, help, pick) in GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (store, stats) in &self.0 {
                let labels = [("store", *store)];
                let mut one = family.encode_family(&labels)?;
                one.encode_gauge(&shown(pick(stats)))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines that a collector writes.
    fn lines(collector: impl Collector) -> Vec<String> {
        let mut registry = Registry::with_prefix("baton");
        registry.register_collector(Box::new(collector));
        let mut page = String::new();
        text::encode(&mut page, &registry).unwrap();
        page.lines().map(str::to_owned).collect()
    }

    #[test]
    fn figures_of_others_have_their_names_and_labels() {
        let seen = lines(Answered([0, 7, 0, 1, 0]));
        assert_eq!(seen[1], "# TYPE baton_http_requests counter");
        assert_eq!(seen[3], "baton_http_requests_total{status=\"2xx\"} 7");
        let stats = Stats {
            writes: 5,
            longest_write_us: 70,
            ..Stats::default()
        };
        let seen = lines(Stores([("main", stats), ("logs", Stats::default())]));
        for line in [
            "baton_db_writes_total{store=\"main\"} 5",
            "baton_db_writes_total{store=\"logs\"} 0",
            "# TYPE baton_db_longest_write_microseconds gauge",
            "baton_db_longest_write_microseconds{store=\"main\"} 70",
        ] {
            assert!(seen.iter().any(|seen| seen == line), "{line}: {seen:#?}");
        }
        assert_eq!(seen.last().unwrap(), "# EOF");
    }

    #[test]
    fn requests_are_counted_by_what_they_took() {
        let metrics = Metrics::default();
        let under_way = metrics.enter();
        metrics.answered(200, Duration::from_millis(3), false);
        metrics.answered(503, Duration::from_secs(20), false);
        metrics.answered(204, Duration::from_secs(60), true);
        drop(under_way);
        let mut registry = Registry::default();
        registry.register("seconds", "", metrics.seconds.clone());
        let mut page = String::new();
        text::encode(&mut page, &registry).unwrap();
        for line in [
            "seconds_bucket{le=\"0.002\"} 0",
            "seconds_bucket{le=\"0.005\"} 1",
            "seconds_bucket{le=\"10.0\"} 1",
            "seconds_bucket{le=\"+Inf\"} 2",
            "seconds_count 2",
        ] {
            assert!(page.lines().any(|seen| seen == line), "{line}: {page}");
        }
        assert_eq!(
            metrics.statuses.each_ref().map(Counter::get),
            [0, 2, 0, 0, 1]
        );
        assert_eq!(metrics.in_flight.get(), 0);
    }
}
