//! What the system knows: the machine the figures are from, and what a process uses.

use std::fs;
use std::io::Write;
use std::time::Instant;

use testkit::Scene;

use crate::Failure;
use crate::connection::{self, Connection};
use crate::figures::{self, Samples, ms};

/// Prints what figures depend on most: cores, and what it costs to write durably.
pub fn describe(exe: &str) -> Result<(), Failure> {
    let cores = std::thread::available_parallelism()?;
    figures::title("machine");
    figures::line("binary", exe);
    figures::line("cores", &format!("{cores}, shared with this program"));
    let cost = durable_write()?.percentile(0.5);
    figures::line(
        "4 KiB written and synced",
        &format!("p50 {:.3} ms", ms(cost)),
    );
    Ok(())
}

fn durable_write() -> Result<Samples, Failure> {
    let mut file = tempfile::tempfile()?;
    let mut samples = Samples::default();
    for _ in 0..100 {
        let begun = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        samples.add(begun.elapsed());
    }
    Ok(samples)
}

/// A number in a file of `/proc/{pid}`, by the name that stands before it.
pub fn process(pid: u32, file: &str, name: &str) -> Result<u64, Failure> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}"))?;
    number(&text, name).ok_or_else(|| format!("/proc/{pid}/{file} has no {name}").into())
}

/// Milliseconds of processor time that a process has used.
pub fn processor_ms(pid: u32) -> Result<u64, Failure> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name of the program, in parentheses, may contain anything.
    let fields = text
        .rsplit_once(')')
        .map(|(_, rest)| rest)
        .unwrap_or_default();
    let ticks = |n: usize| {
        fields
            .split_whitespace()
            .nth(n)
            .and_then(|t| t.parse::<u64>().ok())
    };
    let (user, system) = ticks(11)
        .zip(ticks(12))
        .ok_or("/proc/{pid}/stat is not understood")?;
    // Linux counts them in hundredths of a second for programs, whatever its own clock is.
    Ok((user + system) * 10)
}

/// The first number in the line that begins with `name`.
fn number(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.trim_start_matches(':')
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

/// What the server counts of its main store, see `/metrics`.
#[derive(Debug, Clone, Copy)]
pub struct Store {
    /// SQL statements run.
    pub statements: u64,
    /// Commits.
    pub batches: u64,
}

impl Store {
    /// Asks the server; that costs it no statement.
    pub async fn now(scene: &Scene) -> Result<Self, Failure> {
        let address = connection::address(&scene.server.url)?;
        let page = Connection::open(address, Vec::new())
            .await?
            .get("/metrics")
            .await?;
        let page = String::from_utf8_lossy(&page);
        let of = |name: &str| {
            let line = format!("baton_db_{name}_total{{store=\"main\"}}");
            number(&page, &line).ok_or_else(|| format!("/metrics has no {line}"))
        };
        Ok(Self {
            statements: of("statements")?,
            batches: of("batches")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_the_whole_name() {
        let text = "VmHWM:\t   200 kB\nVmRSS:\t   150 kB\n";
        assert_eq!(number(text, "VmRSS"), Some(150));
        assert_eq!(
            number("x{store=\"main\"} 7\n", "x{store=\"main\"}"),
            Some(7)
        );
        assert_eq!(number(text, "VmSwap"), None);
    }

    #[test]
    fn this_process_is_read() {
        let pid = std::process::id();
        assert!(process(pid, "status", "VmRSS").unwrap() > 0);
        assert!(processor_ms(pid).is_ok());
    }
}
