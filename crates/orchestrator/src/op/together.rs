//! Operations that are done together with what others want at the same time.

use std::any::Any;
use std::sync::Arc;

use super::{Does, Op, Operation, Perform, input, op};
use crate::cx::{Args, Cx, Reply};
use crate::error::Result;

/// What an operation wants. Only the feature whose operation it is knows what that is.
pub type Work = Arc<dyn Any + Send + Sync>;

/// An operation whose work may be gathered with that of others and done at once, in few statements. In a
/// group of changes, and wherever a request asks for more than the work, `run` does it alone.
pub trait Together: Operation {
    /// What it wants, as the feature knows it.
    type Work: Any + Send + Sync;

    /// Says what it wants, checked as far as that needs no database.
    ///
    /// # Errors
    /// Refusals that need no database.
    fn work(&self, args: &Args) -> Result<Self::Work>;
}

struct Gathered<T>(T);

impl<T: Together> Perform for Gathered<T> {
    fn perform(&self, cx: &mut Cx<'_, '_>) -> Result<Reply> {
        self.0.perform(cx)
    }

    fn gathered(&self, args: &Args) -> Option<Result<Work>> {
        let work = self.0.work(args);
        Some(work.map(|work| Arc::new(work) as Work))
    }
}

fn read<T: Together>(args: &Args) -> Result<Arc<dyn Perform>> {
    Ok(Arc::new(Gathered(input::read::<T>(&T::AT, args)?)))
}

/// As [`op`], of an operation that is done together with others.
#[must_use]
pub const fn together<T: Together>() -> Op {
    Op {
        does: Does::Operation(read::<T>),
        ..op::<T>()
    }
}
