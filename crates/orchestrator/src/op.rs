//! Operations and resources are data: what exists, who may, in which folder, and the function that
//! does it. The dispatcher reads these tables; `$metadata` and the coverage ledger do too.

use odata::edm::EntitySet;

use crate::cx::{Args, Cx, Listing, Reply};
use crate::error::{Error, Result};

/// What a caller wants to do with a kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy)]
pub struct Need {
    /// Base name of the OAuth scope, e.g. `OR.Jobs`.
    pub scope: &'static str,
    /// Alternatives, e.g. `Units.View` or `SubFolders.View`; empty = any authenticated caller.
    pub any: &'static [(&'static str, Access)],
    /// Whether the token needs the scope's write half.
    pub write: bool,
}

impl Need {
    /// Permission `name.access` under `scope`.
    #[must_use]
    pub const fn new(
        scope: &'static str,
        any: &'static [(&'static str, Access)],
        write: bool,
    ) -> Self {
        Self { scope, any, write }
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
pub type Prepare = fn(&Args) -> Result<Option<String>>;

/// A verb on a resource.
#[derive(Clone, Copy)]
pub struct Command {
    /// What it asks of the caller.
    pub need: Need,
    /// Slow work before the transaction, such as hashing a password: no transaction may wait for
    /// it. Its result is in [`Args::prepared`].
    pub prepare: Option<Prepare>,
    /// What it does.
    pub run: Run,
}

/// An entity set with the verbs that exist on it.
pub struct Resource {
    /// The declaration.
    pub set: &'static EntitySet,
    /// What reading asks of the caller.
    pub view: Need,
    /// Folder rule of all its verbs.
    pub folder: FolderRule,
    /// Where its rows are.
    pub store: Store,
    /// How a page of it is read: [`plain_page`], or with a restriction of its own.
    pub list: Run,
    /// How one is read by key, where the contract has that: [`plain_entity`], or a function.
    pub get: Option<Run>,
    /// `POST`
    pub create: Option<Command>,
    /// `DELETE`
    pub delete: Option<Command>,
}

/// A page of the set under the query's options.
///
/// # Errors
/// What the query or the store say.
pub fn plain_page(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let set = args
        .set
        .ok_or_else(|| Error::Internal("a plain page needs its set".into()))?;
    let query = args.options(set)?;
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
    let query = args.options(set)?;
    Ok(Reply::json(cx.entity_with(
        set,
        &args.id()?.into(),
        &query,
        &[],
    )?))
}

/// A function (GET) or action (POST) of a set.
pub struct Op {
    /// The set it is called on.
    pub set: &'static str,
    /// Name without namespace.
    pub name: &'static str,
    /// POST and writes (action), or GET and reads (function).
    pub action: bool,
    /// Called on one entity: `Jobs(1)/…StopJob`.
    pub bound: bool,
    /// Parameters with their EDM types, for `$metadata`.
    pub params: &'static [(&'static str, &'static str)],
    /// What it asks of the caller.
    pub need: Need,
    /// Folder rule.
    pub folder: FolderRule,
    /// Where it works.
    pub store: Store,
    /// What it does; `None` when the edge does it, because it handles files.
    pub run: Option<Run>,
}

/// The namespace of operations; queue operations use another one, kept for history's sake.
pub const NAMESPACE: &str = "UiPath.Server.Configuration.OData";
