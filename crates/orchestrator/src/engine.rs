//! What happens without a request: engines. A feature declares its own, [`FEATURES`](crate::FEATURES)
//! lists them, and one runner at the edge runs them all.
//!
//! A tick looks at rows, does what is due, and says what is next. It *claims* what it works on: a
//! compare-and-set on the state of the row, or a lock ([`db::Dialect::claim`]), so that several servers
//! on one database do each piece of work once. It may break off anywhere and begins anew: hints carry
//! no data, and what must not be lost is a row.

use std::sync::Arc;
use std::time::Duration;

use odata::Timestamp;
use parking_lot::Mutex;

use crate::cx::{Cx, Hint};
use crate::error::Result;

/// Something that happens without a request.
pub struct Engine {
    /// What logs, metrics and administrators call it.
    pub name: &'static str,
    /// When it looks.
    pub wake: Wake,
    /// What it does then.
    pub tick: Tick,
}

/// When an engine looks, besides the time that its tick names.
pub struct Wake {
    /// When the server starts: a hint may have been lost with the process before.
    pub start: bool,
    /// After this hint.
    pub hint: Option<Hint>,
    /// After this hint, which says that something began, though no sooner than [`Next::Within`] has it.
    pub begun: Option<Hint>,
}

impl Wake {
    /// At the start, and after this hint.
    #[must_use]
    pub const fn on(hint: Hint) -> Self {
        Self {
            start: true,
            hint: Some(hint),
            begun: None,
        }
    }
}

/// How a tick is run.
pub enum Tick {
    /// In a transaction that only reads: writers wait for each other. What it finds is claimed in one
    /// that writes, see [`Next::write`].
    Read(fn(&mut Cx<'_, '_>) -> Result<Next>),
    /// In a transaction that writes.
    Write(fn(&mut Cx<'_, '_>) -> Result<Next>),
    /// The edge does it.
    Edge(Edge),
}

/// What the edge does, because it is about files, or about what only memory knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Tells the table which hosts have fallen silent.
    SilentHosts,
    /// Writes the next export.
    Export,
    /// Removes exports that are kept no longer.
    OldExports,
}

/// What is next.
pub enum Next {
    /// Nothing, until it is woken.
    Woken,
    /// It looks at this time.
    At(Timestamp),
    /// It looks at this time, if there is one. What begins from now on is due no sooner than `soonest`
    /// after its beginning.
    Within {
        /// When something is due by what is known now.
        at: Option<Timestamp>,
        /// How soon anything else can be.
        soonest: Duration,
    },
    /// This, at once.
    Work(Step),
    /// This, after a rest that is longer than the work before it was: there is no hurry, and others wait
    /// for the same lane.
    Rest(Step),
    /// Each of these to its end, whatever becomes of the others. If all went well, then that.
    Each(Vec<Step>, Box<Next>),
    /// It never looks again, for this reason.
    Never(&'static str),
}

/// A piece of the work of a tick: a transaction, which says what is next.
pub struct Step {
    /// Whether it writes.
    pub writes: bool,
    /// What it does; as every closure for the store it may run twice.
    pub step: StepFn,
}

/// The function of a [`Step`].
pub type StepFn = Box<dyn FnMut(&mut Cx<'_, '_>) -> Result<Next> + Send>;

impl Step {
    /// Step that only reads.
    pub fn read(step: impl FnMut(&mut Cx<'_, '_>) -> Result<Next> + Send + 'static) -> Self {
        Self {
            writes: false,
            step: Box::new(step),
        }
    }

    /// Step that writes.
    pub fn write(step: impl FnMut(&mut Cx<'_, '_>) -> Result<Next> + Send + 'static) -> Self {
        Self {
            writes: true,
            step: Box::new(step),
        }
    }
}

impl Next {
    /// A look, at once.
    pub fn read(step: impl FnMut(&mut Cx<'_, '_>) -> Result<Self> + Send + 'static) -> Self {
        Self::Work(Step::read(step))
    }

    /// A change, at once.
    pub fn write(step: impl FnMut(&mut Cx<'_, '_>) -> Result<Self> + Send + 'static) -> Self {
        Self::Work(Step::write(step))
    }

    /// At a time, if there is one.
    #[must_use]
    pub fn at(time: Option<Timestamp>) -> Self {
        time.map_or(Self::Woken, Self::At)
    }
}

/// An engine as it stands in this server.
pub struct Running {
    /// Its declaration.
    pub engine: &'static Engine,
    /// What became of its ticks.
    pub figures: Mutex<Figures>,
}

/// What became of the ticks of an engine since the server started.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Ticks that went well.
    pub runs: u64,
    /// Ticks that failed.
    pub failures: u64,
    /// Ticks that panicked.
    pub panics: u64,
    /// When the last one began.
    pub last_run: Option<Timestamp>,
    /// How long it took.
    pub took: Duration,
    /// When the next one begins, unless it is woken before.
    pub next: Option<Timestamp>,
    /// What the last one failed with, if it failed.
    pub last_error: Option<String>,
}

impl Running {
    /// Engines that did nothing yet.
    #[must_use]
    pub fn all(engines: impl IntoIterator<Item = &'static Engine>) -> Vec<Arc<Self>> {
        let running = |engine: &'static Engine| {
            Arc::new(Self {
                engine,
                figures: Mutex::default(),
            })
        };
        engines.into_iter().map(running).collect()
    }
}

#[cfg(test)]
mod tests;
