//! Operations that are done together with what others want at the same time.

use std::any::Any;
use std::sync::Arc;

use super::{Does, Op, Operation, Perform, input, op};
use crate::cx::{Args, Cx, Reply};
use crate::error::Result;

/// What an operation wants. Only the feature whose operation it is knows what that is.
pub type BatchItem = Arc<dyn Any + Send + Sync>;

/// An operation whose work may be gathered with that of others and done at once, in few statements. In a
/// group of changes, and wherever a request asks for more than the work, `run` does it alone.
pub trait Batched: Operation {
    /// What it wants, as the feature knows it.
    type Call: Any + Send + Sync;

    /// Says what it wants, checked as far as that needs no database.
    ///
    /// # Errors
    /// Refusals that need no database.
    fn call(&self, args: &Args) -> Result<Self::Call>;
}

struct Gathered<T>(T);

impl<T: Batched> Perform for Gathered<T> {
    fn perform(&self, cx: &mut Cx<'_, '_>) -> Result<Reply> {
        self.0.perform(cx)
    }

    fn batched(&self, args: &Args) -> Option<Result<BatchItem>> {
        let work = self.0.call(args);
        Some(work.map(|work| Arc::new(work) as BatchItem))
    }
}

fn read<T: Batched>(args: &Args) -> Result<Arc<dyn Perform>> {
    Ok(Arc::new(Gathered(input::read::<T>(&T::AT, args)?)))
}

/// As [`op`], of an operation that is done together with others.
#[must_use]
pub const fn batched<T: Batched>() -> Op {
    Op {
        does: Does::Operation(read::<T>),
        ..op::<T>()
    }
}
