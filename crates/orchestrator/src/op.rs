//! Operations and resources are data: what exists, who may, in which folder, and the function that
//! does it. The dispatcher reads these tables; `$metadata` and the coverage ledger do too.

use std::sync::Arc;

use odata::Options;
use odata::edm::EntitySet;
use odata::metadata::OpSig;

use crate::cx::{Args, Cx, Listing, Reply};
use crate::error::{Error, Result};
use crate::queues::bulk::Bulk;
use crate::queues::engine;

/// What a caller wants to do with a kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// See.
    View,
    /// Change.
    Edit,
    /// Make.
    Create,
    /// Remove.
    Delete,
}

impl Access {
    /// The suffix of the permission's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::View => "View",
            Self::Edit => "Edit",
            Self::Create => "Create",
            Self::Delete => "Delete",
        }
    }
}

/// What is asked of a caller: a scope of the token (applications) or a permission of a role
/// (users, robots).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Need {
    /// Base name of the OAuth scope, e.g. `OR.Jobs`; empty = any token.
    pub scope: &'static str,
    /// Alternatives, e.g. `Units.View` or `SubFolders.View`; empty = any authenticated caller.
    pub any: &'static [(&'static str, Access)],
    /// Further permissions, every one of which is needed too.
    pub all: &'static [(&'static str, Access)],
    /// Whether the token needs the scope's write half.
    pub write: bool,
}

impl Need {
    /// Whoever proves who they are.
    pub const AUTHENTICATED: Self = Self::new("", &[], false);

    /// Permission `name.access` under `scope`.
    #[must_use]
    pub const fn new(
        scope: &'static str,
        any: &'static [(&'static str, Access)],
        write: bool,
    ) -> Self {
        Self {
            scope,
            any,
            all: &[],
            write,
        }
    }

    /// With further permissions, every one of which is needed too.
    #[must_use]
    pub const fn and(mut self, all: &'static [(&'static str, Access)]) -> Self {
        self.all = all;
        self
    }

    /// Whether any authenticated caller with the scope will do.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.any.is_empty() && self.all.is_empty()
    }

    /// The permissions in groups: one of each group is needed.
    pub fn groups(&self) -> impl Iterator<Item = &'static [(&'static str, Access)]> + use<> {
        let (any, all) = (self.any, self.all);
        let single = all.iter().map(std::slice::from_ref);
        std::iter::once(any).chain(single).filter(|g| !g.is_empty())
    }
}

/// How an operation relates to the folder header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderRule {
    /// Tenant-wide; a header is ignored.
    Tenant,
    /// With a header that folder; without one all folders in which the caller has the permission.
    Optional,
    /// As `Optional`; whoever has the permission for the tenant, as robots have it, sees all.
    OptionalOrTenant,
    /// Without a header the request is refused (1101).
    Required,
    /// As `Required`; a folder that is not the caller's is bad input (400), as clients expect it of
    /// what they start.
    RequiredInput,
    /// The operation says itself which folders it is about, and its function asks for the permission
    /// in each of them; at the door the caller must have it for the tenant or in any folder. A header
    /// is ignored.
    Named,
}

impl FolderRule {
    /// Whether the folder that a header names means anything.
    #[must_use]
    pub fn reads_header(self) -> bool {
        !matches!(self, Self::Tenant | Self::Named)
    }

    /// Whether a request must name a folder.
    #[must_use]
    pub fn is_required(self) -> bool {
        matches!(self, Self::Required | Self::RequiredInput)
    }
}

/// Which database an operation works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// Everything but logs.
    Main,
    /// Robot logs.
    Logs,
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

/// A verb on a resource.
#[derive(Clone, Copy)]
pub struct Command {
    /// What it asks of the caller.
    pub need: Need,
    /// Slow work before the transaction, such as hashing a password: no transaction may wait for
    /// it. Its result is in [`Args::prepared`].
    pub prepare: Option<Prepare>,
    /// Whether success has no body, unless the caller prefers the entity.
    pub silent: bool,
    /// What it does.
    pub run: Run,
}

impl Command {
    /// A verb without slow work that answers with the entity.
    #[must_use]
    pub const fn new(need: Need, run: Run) -> Self {
        Self {
            need,
            prepare: None,
            silent: false,
            run,
        }
    }

    /// Answering with nothing, as the contract has it for most changes. The function gives the
    /// entity all the same: its version is told in a header, and `Prefer: return=representation`
    /// asks for it.
    #[must_use]
    pub const fn silent(mut self) -> Self {
        self.silent = true;
        self
    }

    /// With slow work before the transaction.
    #[must_use]
    pub const fn prepare(mut self, prepare: Prepare) -> Self {
        self.prepare = Some(prepare);
        self
    }
}

/// An entity set with the verbs that exist on it.
pub struct Resource {
    /// The declaration.
    pub set: &'static EntitySet,
    /// What reading asks of the caller; one entity may ask for something else.
    pub view: Need,
    /// Folder rule of all its verbs.
    pub folder: FolderRule,
    /// Where its rows are.
    pub store: Store,
    /// How a page of it is read: [`plain_page`], or with a restriction of its own; none where the
    /// contract has no listing.
    pub list: Option<Run>,
    /// How one is read by key, where the contract has that: [`plain_entity`], or a function.
    pub get: Option<Command>,
    /// Which query options the answer to that honours.
    pub get_options: Options,
    /// `POST`
    pub create: Option<Command>,
    /// `PUT`
    pub replace: Option<Command>,
    /// `PATCH`
    pub merge: Option<Command>,
    /// `DELETE`
    pub delete: Option<Command>,
}

impl Resource {
    /// A set that can be listed, tenant-wide and from the main store; the other verbs are added.
    #[must_use]
    pub const fn new(set: &'static EntitySet, view: Need) -> Self {
        Self {
            set,
            view,
            folder: FolderRule::Tenant,
            store: Store::Main,
            list: Some(plain_page),
            get: None,
            get_options: Options::ENTITY,
            create: None,
            replace: None,
            merge: None,
            delete: None,
        }
    }

    /// With another folder rule.
    #[must_use]
    pub const fn folder(mut self, rule: FolderRule) -> Self {
        self.folder = rule;
        self
    }

    /// In another store.
    #[must_use]
    pub const fn store(mut self, store: Store) -> Self {
        self.store = store;
        self
    }

    /// Listed in a way of its own.
    #[must_use]
    pub const fn list(mut self, run: Run) -> Self {
        self.list = Some(run);
        self
    }

    /// Not listed: the contract has only single entities.
    #[must_use]
    pub const fn unlisted(mut self) -> Self {
        self.list = None;
        self
    }

    /// Read by key.
    #[must_use]
    pub const fn get(self, run: Run) -> Self {
        let need = self.view;
        self.get_with(need, run)
    }

    /// Read by key, which asks for something else than reading lists.
    #[must_use]
    pub const fn get_with(mut self, need: Need, run: Run) -> Self {
        self.get = Some(Command::new(need, run));
        self
    }

    /// Read by key, which gives no entity but a plain value.
    #[must_use]
    pub const fn get_value(mut self, run: Run) -> Self {
        self.get_options = Options::NONE;
        self.get(run)
    }

    /// With `POST`.
    #[must_use]
    pub const fn create(mut self, command: Command) -> Self {
        self.create = Some(command);
        self
    }

    /// With `PUT`.
    #[must_use]
    pub const fn replace(mut self, command: Command) -> Self {
        self.replace = Some(command);
        self
    }

    /// With `PATCH`.
    #[must_use]
    pub const fn merge(mut self, command: Command) -> Self {
        self.merge = Some(command);
        self
    }

    /// With `DELETE`.
    #[must_use]
    pub const fn delete(mut self, command: Command) -> Self {
        self.delete = Some(command);
        self
    }
}

/// A page of the set under the query's options.
///
/// # Errors
/// What the query or the store say.
pub fn plain_page(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let set = args
        .set
        .ok_or_else(|| Error::Internal("a plain page needs its set".into()))?;
    let query = args.options(cx, set)?;
    let listing = Listing {
        count: args.count,
        ..Listing::default()
    };
    Ok(Reply::json(cx.page(set, &query, &listing)?))
}

/// One entity of the set by its key.
///
/// # Errors
/// 404 when there is none in scope.
pub fn plain_entity(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let set = args
        .set
        .ok_or_else(|| Error::Internal("a plain read needs its set".into()))?;
    let query = args.options(cx, set)?;
    Ok(Reply::json(cx.entity_with(
        set,
        &args.id()?.into(),
        &query,
        &[],
    )?))
}

/// A function (GET) or action (POST, rarely PUT) of a set.
pub struct Op {
    /// The set it is called on.
    pub set: &'static str,
    /// Name without namespace.
    pub name: &'static str,
    /// Its namespace.
    pub namespace: &'static str,
    /// Writes (action), or reads (function).
    pub action: bool,
    /// The HTTP method.
    pub method: &'static str,
    /// Called on one entity: `Jobs(1)/…StopJob`.
    pub bound: bool,
    /// Parameters with their EDM types, for `$metadata`.
    pub params: &'static [(&'static str, &'static str)],
    /// The EDM type of the answer, for `$metadata`: `JobDto`, `Collection(JobDto)`,
    /// `Edm.Boolean`; empty for none.
    pub returns: &'static str,
    /// The status of success where it is not the usual one: 200 for an answer, 204 without.
    pub status: Option<u16>,
    /// Whether `$filter` says what is meant, and if so whether it has to be there.
    pub filter: Option<bool>,
    /// The query options that it honours, where that does not follow from what it returns.
    pub options: Option<Options>,
    /// What it asks of the caller.
    pub need: Need,
    /// Whether it asks for nothing, not even who calls.
    pub public: bool,
    /// Folder rule.
    pub folder: FolderRule,
    /// Where it works.
    pub store: Store,
    /// Slow work before the transaction.
    pub prepare: Option<Prepare>,
    /// What it wants, where that is done together with what others want.
    pub together: Option<engine::Read>,
    /// Looks for what it changes before it writes.
    pub search: Option<Search>,
    /// What it does; `None` when the edge does it, because it handles files.
    pub run: Option<Run>,
}

impl Op {
    const fn new(set: &'static str, name: &'static str, action: bool, need: Need) -> Self {
        Self {
            set,
            name,
            namespace: NAMESPACE,
            action,
            method: if action { "POST" } else { "GET" },
            bound: false,
            params: &[],
            returns: "",
            status: None,
            filter: None,
            options: None,
            need,
            public: false,
            folder: FolderRule::Tenant,
            store: Store::Main,
            prepare: None,
            together: None,
            search: None,
            run: None,
        }
    }

    /// A function of a set: tenant-wide, on the main store, without parameters unless said.
    #[must_use]
    pub const fn function(set: &'static str, name: &'static str, need: Need, run: Run) -> Self {
        let mut op = Self::new(set, name, false, need);
        op.run = Some(run);
        op
    }

    /// An action of a set, likewise.
    #[must_use]
    pub const fn action(set: &'static str, name: &'static str, need: Need, run: Run) -> Self {
        let mut op = Self::new(set, name, true, need);
        op.run = Some(run);
        op
    }

    /// A function that tells nothing of any tenant, to whoever asks.
    #[must_use]
    pub const fn public(set: &'static str, name: &'static str, run: Run) -> Self {
        let mut op = Self::function(set, name, Need::AUTHENTICATED, run);
        op.public = true;
        op
    }

    /// An action that takes files: the edge does it.
    #[must_use]
    pub const fn upload(set: &'static str, name: &'static str, need: Need) -> Self {
        Self::new(set, name, true, need)
    }

    /// How the descriptions of the service show it.
    #[must_use]
    pub fn signature(&self) -> OpSig {
        OpSig {
            name: self.name,
            namespace: self.namespace,
            action: self.action,
            set: self.set,
            bound_to_entity: self.bound,
            params: self.params,
            returns: self.returns,
            doc: "",
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
        self.method = method;
        self
    }

    /// In another namespace.
    #[must_use]
    pub const fn namespace(mut self, namespace: &'static str) -> Self {
        self.namespace = namespace;
        self
    }

    /// With parameters.
    #[must_use]
    pub const fn params(mut self, params: &'static [(&'static str, &'static str)]) -> Self {
        self.params = params;
        self
    }

    /// With an answer of this EDM type.
    #[must_use]
    pub const fn returns(mut self, returns: &'static str) -> Self {
        self.returns = returns;
        self
    }

    /// With another status of success than the usual one.
    #[must_use]
    pub const fn answers(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// With `$filter` to say what is meant, and of the query options those `others` besides.
    #[must_use]
    pub const fn filter(mut self, required: bool, others: Options) -> Self {
        self.filter = Some(required);
        self.options = Some(Options::FILTER.and(others));
        self
    }

    /// With another folder rule.
    #[must_use]
    pub const fn folder(mut self, rule: FolderRule) -> Self {
        self.folder = rule;
        self
    }

    /// On another store.
    #[must_use]
    pub const fn store(mut self, store: Store) -> Self {
        self.store = store;
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

/// The namespace of operations.
pub const NAMESPACE: &str = "UiPath.Server.Configuration.OData";
/// The namespace of queue operations, another one for history's sake.
pub const QUEUE_NAMESPACE: &str = "UiPathODataSvc";
/// The namespace of operations that the original does not have.
pub const OWN_NAMESPACE: &str = "Baton";
