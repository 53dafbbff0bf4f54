//! Operations and resources are data: what exists, who may, in which folder, and the function that
//! does it. The dispatcher reads these tables; `$metadata`, OpenAPI and the ledgers do too.
//!
//! An operation is a type: its fields are what it is asked, its `AT` says where it is and who may call
//! it, its answer how the result looks, and `run` what it does.

mod answer;
mod at;
mod batched;
mod command;
mod input;
mod need;
mod resource;
mod verb;

use std::sync::Arc;

use odata::edm::{EntitySet, Input, Kind, Prop};
use odata::metadata::{Body, OpSig, Param};

use crate::audit::{self, AuditAction};
use crate::cx::{Args, Cx, Reply};
use crate::error::Result;
use crate::idempotency;

pub use answer::{Answer, Created, File, Json, Nothing, One, Page, Part, Returns, Vars, Written};
pub use at::{At, NAMESPACE, OWN_NAMESPACE, Proof, QUEUE_NAMESPACE, action, function, plain};
pub use batched::{BatchItem, Batched, batched};
pub use command::{Command, Prepare, Prepared};
pub use need::{Access, FolderRule, Need, Store};
pub use resource::Resource;
pub use verb::{Verb, asked};

/// Something that a caller can ask for.
pub trait Operation: Input + Send + Sync + 'static {
    /// Where it is, and who may call it.
    const AT: At;
    /// What it answers with.
    type Answer: Answer;

    /// Does it, in the transaction in which the caller's permission was checked. It may run again
    /// when the transaction did not commit.
    ///
    /// # Errors
    /// Its refusals, and the store's.
    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer>;
}

/// An operation with slow work, such as hashing a password: no transaction may wait for it.
pub trait Prepares: Operation {
    /// Does that work, before the transaction. What it makes is kept in the input.
    ///
    /// # Errors
    /// Refusals that need no database.
    fn prepare(&mut self) -> Result<()>;
}

/// An operation that looks for what it is to change in a transaction that only reads: writers wait for
/// each other, and finding what a filter asks for may mean reading everything.
pub trait Searching: Operation {
    /// Looks. In a group of changes there is no search before the group: then `run` searches itself.
    ///
    /// # Errors
    /// As [`Operation::run`].
    fn search(&self, cx: &mut Cx<'_, '_>) -> Result<Searched>;
}

/// An operation that the edge does, because it handles files, holds requests or makes tokens: what is
/// declared here is where it is, who may call it, and how its bodies look.
pub trait AtEdge {
    /// Where it is, and who may call it.
    const AT: At;
    /// What it does, for users of the API.
    const DOC: &'static str = "";
    /// What it is asked.
    type Input: Input;
    /// What it answers with.
    type Answer: Answer;
}

/// An operation with its input: what is left is to do it.
pub trait Perform: Send + Sync {
    /// Does it and writes its answer down.
    ///
    /// # Errors
    /// Those of the operation and of its answer.
    fn perform(&self, cx: &mut Cx<'_, '_>) -> Result<Reply>;

    /// What it wants, if that can be done together with what others want.
    fn batched(&self, _: &Args) -> Option<Result<BatchItem>> {
        None
    }
}

impl<T: Operation> Perform for T {
    fn perform(&self, cx: &mut Cx<'_, '_>) -> Result<Reply> {
        let work = |cx: &mut Cx<'_, '_>| {
            let reply = match T::AT.audited {
                None => self.run(cx)?.reply(cx)?,
                Some((what, action)) => {
                    let bound = T::KEY.map(|_| cx.args.id()).transpose()?;
                    // What is deleted can be shown only before.
                    if let (AuditAction::Delete, Some(id)) = (action, bound) {
                        audit::done(cx, what, action, id)?;
                    }
                    let answer = self.run(cx)?;
                    if let (false, Some(id)) =
                        (action == AuditAction::Delete, answer.made().or(bound))
                    {
                        audit::done(cx, what, action, id)?;
                    }
                    answer.reply(cx)?
                }
            };
            Ok(with_status(T::AT.status, reply))
        };
        match T::AT.once {
            true => idempotency::once(cx, T::AT.name, work),
            false => work(cx),
        }
    }
}

fn with_status(status: Option<u16>, reply: Reply) -> Reply {
    match (status, reply) {
        (Some(200), Reply::NoContent) => Reply::Ok,
        (Some(status), Reply::Json { body, .. }) => Reply::Json { status, body },
        (_, reply) => reply,
    }
}

/// Reads what an operation is asked, does its slow work, and leaves the rest to be done.
pub type Read = fn(&Args) -> Result<Arc<dyn Perform>>;

fn read<T: Operation>(args: &Args) -> Result<Arc<dyn Perform>> {
    Ok(Arc::new(input::read::<T>(&T::AT, args)?))
}

fn read_prepared<T: Prepares>(args: &Args) -> Result<Arc<dyn Perform>> {
    let mut input = input::read::<T>(&T::AT, args)?;
    input.prepare()?;
    Ok(Arc::new(input))
}

fn search<T: Searching>(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Searched> {
    input::read::<T>(&T::AT, args)?.search(cx)
}

/// What is to be done in a transaction.
#[derive(Clone)]
pub enum Task {
    /// A verb on a resource.
    Verb(&'static Resource, Command),
    /// An operation with its input.
    Perform(Arc<dyn Perform>),
    /// An operation whose input is still to be read: because that is slow work, or because it cannot be
    /// read, which is told to whoever may call the operation.
    Unread(Read),
}

impl Task {
    /// Does it.
    ///
    /// # Errors
    /// What the operation says.
    pub fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Reply> {
        match self {
            Self::Verb(resource, command) => command.perform(resource, cx),
            Self::Perform(work) => work.perform(cx),
            Self::Unread(read) => read(cx.args)?.perform(cx),
        }
    }
}

/// The row of an operation.
#[must_use]
pub const fn op<T: Operation>() -> Op {
    Op {
        at: T::AT.usually(T::Answer::STATUS),
        bound: T::KEY.is_some(),
        doc: T::DOC,
        params: T::PARAMS,
        query: T::QUERY,
        whole: T::WHOLE.is_some(),
        returns: T::Answer::RETURNS,
        slow: false,
        search: None,
        does: Does::Operation(read::<T>),
    }
}

/// As [`op`], of an operation with slow work.
#[must_use]
pub const fn prepared<T: Prepares>() -> Op {
    Op {
        slow: true,
        does: Does::Operation(read_prepared::<T>),
        ..op::<T>()
    }
}

/// As [`op`], of an operation that looks before it writes.
#[must_use]
pub const fn searching<T: Searching>() -> Op {
    Op {
        search: Some(search::<T>),
        ..op::<T>()
    }
}

/// The row of an operation that the edge does.
#[must_use]
pub const fn edge<T: AtEdge>() -> Op {
    Op {
        at: T::AT.usually(<T::Answer as Answer>::STATUS),
        bound: <T::Input as Input>::KEY.is_some(),
        doc: T::DOC,
        params: <T::Input as Input>::PARAMS,
        query: <T::Input as Input>::QUERY,
        whole: <T::Input as Input>::WHOLE.is_some(),
        returns: <T::Answer as Answer>::RETURNS,
        slow: false,
        search: None,
        does: Does::Edge,
    }
}

/// Who does an operation.
#[derive(Clone, Copy)]
pub enum Does {
    /// The operation.
    Operation(Read),
    /// The edge.
    Edge,
}

/// Looks for what is to be changed in a transaction that only reads: writers wait for each other, and
/// finding what a filter asks for may mean reading everything.
pub type Search = fn(&mut Cx<'_, '_>, &Args) -> Result<Searched>;

/// What a search came to.
pub enum Searched {
    /// The answer: nothing is to be changed.
    Answer(Reply),
    /// What is to be changed, unless it is another thing by then.
    Found(Found),
}

/// Entities to change.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Numbers of the first of them.
    pub ids: Vec<i64>,
    /// How many there are in all.
    pub total: u64,
}

/// A function (GET) or action (POST, rarely PUT) of a set, or an operation at a plain address: a row of
/// the table.
pub struct Op {
    /// Where it is, and who may call it.
    pub at: At,
    /// Called on one entity: `Jobs(1)/…StopJob`.
    pub bound: bool,
    /// What it does, for users of the API.
    pub doc: &'static str,
    /// Its parameters.
    pub params: &'static [Prop],
    /// Names of those that stand in the query although they need not.
    pub query: &'static [&'static str],
    /// Whether its body is one of them, and not an object that has them.
    pub whole: bool,
    /// The type of its answer.
    pub returns: Returns,
    /// Whether reading its input is slow work.
    pub slow: bool,
    /// Looks for what it changes before it writes.
    pub search: Option<Search>,
    /// What it does.
    pub does: Does,
}

impl Op {
    /// What is to be done in a transaction, with what the request says; `None` when the edge does it.
    #[must_use]
    pub fn task(&self, args: &Args) -> Option<Task> {
        match self.does {
            Does::Operation(read) if self.slow => Some(Task::Unread(read)),
            Does::Operation(read) => Some(match read(args) {
                Ok(work) => Task::Perform(work),
                Err(_) => Task::Unread(read),
            }),
            Does::Edge => None,
        }
    }

    /// What reads its input, if that is slow work.
    #[must_use]
    pub fn slow_read(&self) -> Option<Read> {
        match self.does {
            Does::Operation(read) if self.slow => Some(read),
            _ => None,
        }
    }

    /// How the descriptions of the service show it.
    #[must_use]
    pub fn signature(&self) -> OpSig {
        // Those of a function of a set stand in brackets.
        let plain = self.at.is_plain() && self.at.reads_address();
        let in_query = |prop: &Prop| plain || self.query.contains(&prop.name);
        let params = self.params.iter();
        OpSig {
            name: self.at.name,
            namespace: self.at.namespace,
            action: self.at.action,
            set: self.at.set,
            bound_to_entity: self.bound,
            params: params
                .map(|prop| Param::declared(prop).in_query(in_query(prop)))
                .collect(),
            body: match (self.at.sends, self.whole) {
                (Some(set), _) => Body::Entity(set),
                (None, true) => Body::Whole,
                (None, false) => Body::Members,
            },
            returns: self.returns.type_name(),
            doc: self.doc,
        }
    }

    /// The name of its only parameter in brackets, or of the only one that has to be there: a single value
    /// needs no name.
    #[must_use]
    pub fn only_param(&self) -> Option<&'static str> {
        let only = |all: &mut dyn Iterator<Item = &'static Prop>| match (all.next(), all.next()) {
            (Some(prop), None) => Some(prop.name),
            _ => None,
        };
        let mut bracketed = self
            .params
            .iter()
            .filter(|prop| !self.query.contains(&prop.name));
        let mut required = self.params.iter().filter(|prop| prop.required);
        only(&mut bracketed).or_else(|| only(&mut required))
    }

    /// The set of the entities that it returns, which may have no address of its own.
    #[must_use]
    pub fn result(&self) -> Option<&'static EntitySet> {
        self.returns.set()
    }

    /// The type of the values that it returns.
    #[must_use]
    pub fn result_kind(&self) -> Option<Kind> {
        self.returns.kind()
    }
}
