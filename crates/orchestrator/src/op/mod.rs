//! Operations and resources are data: what exists, who may, in which folder, and the function that
//! does it. The dispatcher reads these tables; `$metadata`, OpenAPI and the ledgers do too.
//!
//! An operation is a type: its fields are what it is asked, its `AT` says where it is and who may call
//! it, its answer how the result looks, and `run` what it does.

mod answer;
mod at;
mod input;
mod need;
mod resource;

use std::sync::Arc;

use odata::Options;
use odata::edm::{EntitySet, Input, Kind, Prop};
use odata::metadata::{OpSig, Param};

use crate::audit::{self, AuditAction};
use crate::cx::{Args, Cx, Reply};
use crate::error::Result;
use crate::idempotency;
use crate::queues::bulk::Bulk;
use crate::queues::engine;

pub use answer::{Answer, Created, File, Json, Nothing, One, Page, Part, Returns, Vars, Written};
pub use at::{At, NAMESPACE, OWN_NAMESPACE, QUEUE_NAMESPACE, action, function, plain};
pub use need::{Access, FolderRule, Need, Store};
pub use resource::{Command, Resource, plain_entity, plain_page};

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

/// An operation with its input: what is left is to do it.
pub trait Perform: Send + Sync {
    /// Does it and writes its answer down.
    ///
    /// # Errors
    /// Those of the operation and of its answer.
    fn perform(&self, cx: &mut Cx<'_, '_>) -> Result<Reply>;
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
    /// A function that reads what it needs itself.
    Run(Run),
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
            Self::Run(run) => {
                let args = cx.args;
                run(cx, args)
            }
            Self::Perform(work) => work.perform(cx),
            Self::Unread(read) => read(cx.args)?.perform(cx),
        }
    }
}

/// The row of an operation.
#[must_use]
pub const fn op<T: Operation>() -> Op {
    Op {
        at: T::AT,
        bound: T::KEY.is_some(),
        params: Params::Declared(T::PARAMS, T::QUERY),
        returns: Returned::Declared(T::Answer::RETURNS),
        prepare: None,
        slow: false,
        together: None,
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

/// As [`op`], of an operation that the edge does, because it handles files or waits: its `run` is for
/// what it does in a transaction, if anything.
#[must_use]
pub const fn edge<T: Operation>() -> Op {
    Op {
        does: Does::Edge,
        ..op::<T>()
    }
}

/// Parameters of an operation.
#[derive(Clone, Copy)]
pub enum Params {
    /// By name and type.
    Named(&'static [(&'static str, &'static str)]),
    /// As declared, and those of them that stand in the address although there is a body.
    Declared(&'static [Prop], &'static [&'static str]),
}

/// The type of an answer.
#[derive(Clone, Copy)]
pub enum Returned {
    /// By its name.
    Named(&'static str),
    /// As declared.
    Declared(Returns),
}

/// Who does an operation.
#[derive(Clone, Copy)]
pub enum Does {
    /// A function that reads what it needs itself.
    Run(Run),
    /// The operation.
    Operation(Read),
    /// The edge, because it handles files.
    Edge,
}

/// The function of an operation.
pub type Run = fn(&mut Cx<'_, '_>, &Args) -> Result<Reply>;

/// Work before the transaction; it sees the body and no database.
pub type Prepare = fn(&Args) -> Result<Option<Prepared>>;

/// What such work makes of a request.
#[derive(Clone)]
pub enum Prepared {
    /// The hash of a password.
    Hash(String),
    /// Items that are to be added to a queue.
    Items(Arc<Bulk>),
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
    /// Its parameters.
    pub params: Params,
    /// The type of its answer.
    pub returns: Returned,
    /// Slow work before the transaction.
    pub prepare: Option<Prepare>,
    /// Whether reading its input is slow work.
    pub slow: bool,
    /// What it wants, where that is done together with what others want.
    pub together: Option<engine::Read>,
    /// Looks for what it changes before it writes.
    pub search: Option<Search>,
    /// What it does.
    pub does: Does,
}

impl Op {
    const fn new(at: At, need: Need, does: Does) -> Self {
        Self {
            at: at.needs(need),
            bound: false,
            params: Params::Named(&[]),
            returns: Returned::Named(""),
            prepare: None,
            slow: false,
            together: None,
            search: None,
            does,
        }
    }

    /// A function of a set: tenant-wide, on the main store, without parameters unless said.
    #[must_use]
    pub const fn function(set: &'static str, name: &'static str, need: Need, run: Run) -> Self {
        Self::new(function(set, name), need, Does::Run(run))
    }

    /// An action of a set, likewise.
    #[must_use]
    pub const fn action(set: &'static str, name: &'static str, need: Need, run: Run) -> Self {
        Self::new(action(set, name), need, Does::Run(run))
    }

    /// A function that tells nothing of any tenant, to whoever asks.
    #[must_use]
    pub const fn public(set: &'static str, name: &'static str, run: Run) -> Self {
        let at = function(set, name).public();
        Self::new(at, Need::AUTHENTICATED, Does::Run(run))
    }

    /// An operation at a plain address.
    #[must_use]
    pub const fn plain(at: At, run: Run) -> Self {
        Self::new(at, at.need, Does::Run(run))
    }

    /// An action that takes files: the edge does it.
    #[must_use]
    pub const fn upload(set: &'static str, name: &'static str, need: Need) -> Self {
        Self::new(action(set, name), need, Does::Edge)
    }

    /// What is to be done in a transaction, with what the request says; `None` when the edge does it.
    #[must_use]
    pub fn task(&self, args: &Args) -> Option<Task> {
        match self.does {
            Does::Run(run) => Some(Task::Run(run)),
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
        OpSig {
            name: self.at.name,
            namespace: self.at.namespace,
            action: self.at.action,
            set: self.at.set,
            bound_to_entity: self.bound,
            params: match self.params {
                Params::Named(params) => {
                    let params = params.iter();
                    params.map(|(name, ty)| Param::named(name, ty)).collect()
                }
                Params::Declared(params, query) => {
                    // Those of a function of a set stand in brackets.
                    let plain = self.at.is_plain() && self.at.reads_address();
                    let in_query = |prop: &Prop| plain || query.contains(&prop.name);
                    let params = params.iter();
                    params
                        .map(|prop| Param::declared(prop).in_query(in_query(prop)))
                        .collect()
                }
            },
            returns: match self.returns {
                Returned::Named(name) => name.to_owned(),
                Returned::Declared(returns) => returns.type_name(),
            },
            doc: "",
        }
    }

    /// The name of its only parameter, if it has one.
    #[must_use]
    pub fn only_param(&self) -> Option<&'static str> {
        match self.params {
            Params::Named([(name, _)]) => Some(name),
            Params::Declared([prop], _) => Some(prop.name),
            _ => None,
        }
    }

    /// The set of the entities that it returns, which may have no address of its own.
    #[must_use]
    pub fn result(&self) -> Option<&'static EntitySet> {
        match self.returns {
            Returned::Declared(returns) => returns.set(),
            Returned::Named(_) => None,
        }
    }

    /// The type of the values that it returns.
    #[must_use]
    pub fn result_kind(&self) -> Option<Kind> {
        match self.returns {
            Returned::Declared(returns) => returns.kind(),
            Returned::Named(_) => None,
        }
    }

    /// Called on one entity.
    #[must_use]
    pub const fn bound(mut self) -> Self {
        self.bound = true;
        self
    }

    /// Called with another method.
    #[must_use]
    pub const fn method(mut self, method: &'static str) -> Self {
        self.at.method = method;
        self
    }

    /// In another namespace.
    #[must_use]
    pub const fn namespace(mut self, namespace: &'static str) -> Self {
        self.at.namespace = namespace;
        self
    }

    /// With parameters.
    #[must_use]
    pub const fn params(mut self, params: &'static [(&'static str, &'static str)]) -> Self {
        self.params = Params::Named(params);
        self
    }

    /// With an answer of this EDM type.
    #[must_use]
    pub const fn returns(mut self, returns: &'static str) -> Self {
        self.returns = Returned::Named(returns);
        self
    }

    /// With another status of success than the usual one.
    #[must_use]
    pub const fn answers(mut self, status: u16) -> Self {
        self.at.status = Some(status);
        self
    }

    /// With `$filter` to say what is meant, and of the query options those `others` besides.
    #[must_use]
    pub const fn filter(mut self, required: bool, others: Options) -> Self {
        self.at.filter = Some(required);
        self.at.options = Some(Options::FILTER.and(others));
        self
    }

    /// With another folder rule.
    #[must_use]
    pub const fn folder(mut self, rule: FolderRule) -> Self {
        self.at.folder = rule;
        self
    }

    /// On another store.
    #[must_use]
    pub const fn store(mut self, store: Store) -> Self {
        self.at.store = store;
        self
    }

    /// With slow work before the transaction.
    #[must_use]
    pub const fn prepare(mut self, prepare: Prepare) -> Self {
        self.prepare = Some(prepare);
        self
    }

    /// Done together with what others want of queues at the same time.
    #[must_use]
    pub const fn together(mut self, read: engine::Read) -> Self {
        self.together = Some(read);
        self
    }

    /// With a search before it writes. In a group of changes there is none before the group: then
    /// the function searches itself.
    #[must_use]
    pub const fn search(mut self, search: Search) -> Self {
        self.search = Some(search);
        self
    }
}
