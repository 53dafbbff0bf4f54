//! Verbs that are asked something of their own, or that answer in a way of their own.

use odata::edm::{Input, Kind};
use odata::path::Literal;

use super::{Answer, At, Operation, action, function, input};
use crate::cx::{Cx, Reply};
use crate::error::{Code, Error, Result};

/// A verb as a type: its fields are what it is asked, as those of an [`Operation`] are. Where it is and who
/// may use it say its resource and its command.
pub trait Verb: Input + 'static {
    /// What it answers with.
    type Answer: Answer;

    /// Does it.
    ///
    /// # Errors
    /// Its refusals, and the store's.
    fn answer(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer>;
}

/// What an operation shows, a set may show at its address as well.
impl<T: Operation> Verb for T {
    type Answer = T::Answer;

    fn answer(&self, cx: &mut Cx<'_, '_>) -> Result<T::Answer> {
        self.run(cx)
    }
}

/// A verb without a body.
const IN_ADDRESS: At = function("", "");
/// A verb with one.
const IN_BODY: At = action("", "").tells();

/// Reads what a verb is asked, does it and writes its answer down.
pub(super) fn perform<T: Verb>(cx: &mut Cx<'_, '_>) -> Result<Reply> {
    if let (Some(Kind::String), key) = (T::KEY, &cx.args.key)
        && !matches!(key, Some(Literal::Text(_)))
    {
        return Err(Error::refused(
            Code::InvalidRequest,
            "The key must be a text in single quotes.",
        ));
    }
    let at = match T::WHOLE {
        Some(_) => &IN_BODY,
        None => &IN_ADDRESS,
    };
    input::read::<T>(at, cx.args)?.answer(cx)?.reply(cx)
}

/// What a request says in its address, of a verb whose body is an entity.
///
/// # Errors
/// 1000 or 1009 for a parameter that is no such thing.
pub fn asked<T: Input>(cx: &Cx<'_, '_>) -> Result<T> {
    input::read(&IN_ADDRESS, cx.args)
}
