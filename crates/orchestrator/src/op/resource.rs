//! Entity sets with the verbs that exist on them.

use odata::edm::EntitySet;
use odata::{Changes, Mode, Options, Query};

use super::{FolderRule, Need, Store, Vars};
use crate::audit::{self, AuditAction, Audited};
use crate::cx::{Args, Cx, Listing, Reply};
use crate::error::{Error, Result};

/// A function of a verb that reads what it needs itself.
pub type Run = fn(&mut Cx<'_, '_>, &Args) -> Result<Reply>;

/// Work before the transaction; it sees the body and no database.
pub type Prepare = fn(&Args) -> Result<Option<Prepared>>;

/// What such work makes of a request.
#[derive(Clone)]
pub enum Prepared {
    /// The hash of a password.
    Hash(String),
}

/// What a verb does. Where the function only does what is beyond columns, the rest follows from the
/// declaration: the body is read and checked against it, the audit log is written, and the entity is
/// the answer.
#[derive(Clone, Copy)]
pub enum Does {
    /// A function that reads what it needs itself, and answers itself.
    Run(Run),
    /// Makes an entity of what the body, called by this name in messages, says of its columns; gives its
    /// number.
    Create(&'static str, fn(&mut Cx<'_, '_>, Changes) -> Result<i64>),
    /// Changes the entity with this number.
    Change(
        &'static str,
        Mode,
        fn(&mut Cx<'_, '_>, i64, Changes) -> Result<()>,
    ),
    /// Removes it.
    Delete(fn(&mut Cx<'_, '_>, i64) -> Result<()>),
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
    /// How the audit log tells of it, unless the function does.
    pub audited: Option<&'static Audited>,
    /// What it does.
    pub does: Does,
}

impl Command {
    /// A verb without slow work that answers with the entity.
    #[must_use]
    pub const fn new(need: Need, run: Run) -> Self {
        Self::of(need, Does::Run(run))
    }

    const fn of(need: Need, does: Does) -> Self {
        Self {
            need,
            prepare: None,
            silent: false,
            audited: None,
            does,
        }
    }

    /// Making an entity; `body` is the name of the body in messages.
    #[must_use]
    pub const fn create(
        need: Need,
        body: &'static str,
        run: fn(&mut Cx<'_, '_>, Changes) -> Result<i64>,
    ) -> Self {
        Self::of(need, Does::Create(body, run))
    }

    /// Changing an entity to what the body says.
    #[must_use]
    pub const fn replace(
        need: Need,
        body: &'static str,
        run: fn(&mut Cx<'_, '_>, i64, Changes) -> Result<()>,
    ) -> Self {
        Self::of(need, Does::Change(body, Mode::Replace, run))
    }

    /// Changing of an entity what the body names.
    #[must_use]
    pub const fn merge(
        need: Need,
        body: &'static str,
        run: fn(&mut Cx<'_, '_>, i64, Changes) -> Result<()>,
    ) -> Self {
        Self::of(need, Does::Change(body, Mode::Merge, run))
    }

    /// Removing an entity.
    #[must_use]
    pub const fn delete(need: Need, run: fn(&mut Cx<'_, '_>, i64) -> Result<()>) -> Self {
        Self::of(need, Does::Delete(run))
    }

    /// With a line in the audit log.
    #[must_use]
    pub const fn audited(mut self, what: &'static Audited) -> Self {
        self.audited = Some(what);
        self
    }

    /// Answering with nothing, as the contract has it for most changes. The entity is written all the
    /// same: its version is told in a header, and `Prefer: return=representation` asks for it.
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

    /// Does it on a resource.
    ///
    /// # Errors
    /// What is wrong with the body, the refusals of the function, the store's.
    pub fn perform(&self, resource: &Resource, cx: &mut Cx<'_, '_>) -> Result<Reply> {
        let args = cx.args;
        let set = resource.written;
        match self.does {
            Does::Run(run) => run(cx, args),
            Does::Create(body, run) => {
                let changes = args.changes(body, set, Mode::Create)?;
                let id = run(cx, changes)?;
                self.tell(cx, AuditAction::Create, id)?;
                Ok(Reply::created(resource.shown(cx, id)?))
            }
            Does::Change(body, mode, run) => {
                let id = args.id()?;
                let changes = args.changes(body, set, mode)?;
                run(cx, id, changes)?;
                self.tell(cx, AuditAction::Update, id)?;
                Ok(Reply::json(resource.shown(cx, id)?))
            }
            Does::Delete(run) => {
                let id = args.id()?;
                // What is deleted can be shown only before.
                self.tell(cx, AuditAction::Delete, id)?;
                run(cx, id)?;
                Ok(Reply::NoContent)
            }
        }
    }

    fn tell(&self, cx: &mut Cx<'_, '_>, action: AuditAction, id: i64) -> Result<()> {
        match self.audited {
            Some(what) => audit::done(cx, what, action, id),
            None => Ok(()),
        }
    }
}

/// An entity set with the verbs that exist on it.
pub struct Resource {
    /// The declaration.
    pub set: &'static EntitySet,
    /// The same as it is written, where it is read through more than its own table.
    pub written: &'static EntitySet,
    /// What reading asks of the caller; one entity may ask for something else.
    pub view: Need,
    /// Whether a query that begins at another set needs that, too, to go on to this one.
    pub guarded: bool,
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
    /// The variables of the set's expressions for one entity.
    pub vars: Option<fn(&mut Cx<'_, '_>, i64) -> Result<Vars>>,
    /// The query options under which an entity that was changed is shown.
    pub answering: &'static str,
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
            written: set,
            view,
            guarded: false,
            folder: FolderRule::Tenant,
            store: Store::Main,
            list: Some(plain_page),
            get: None,
            vars: None,
            answering: "",
            get_options: Options::ENTITY,
            create: None,
            replace: None,
            merge: None,
            delete: None,
        }
    }

    /// Written as this set says.
    #[must_use]
    pub const fn written(mut self, set: &'static EntitySet) -> Self {
        self.written = set;
        self
    }

    /// Guarded wherever a query comes from.
    #[must_use]
    pub const fn guarded(mut self) -> Self {
        self.guarded = true;
        self
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

    /// With variables in the expressions of one entity.
    #[must_use]
    pub const fn vars(mut self, vars: fn(&mut Cx<'_, '_>, i64) -> Result<Vars>) -> Self {
        self.vars = Some(vars);
        self
    }

    /// With query options under which an entity that was changed is shown.
    #[must_use]
    pub const fn answering(mut self, options: &'static str) -> Self {
        self.answering = options;
        self
    }

    /// One entity as the answer to a change shows it.
    fn shown(&self, cx: &mut Cx<'_, '_>, id: i64) -> Result<Vec<u8>> {
        let vars = match self.vars {
            Some(vars) => vars(cx, id)?,
            None => Vars::new(),
        };
        let query = Query::parse(self.set, self.answering)?;
        cx.entity_with(self.set, &id.into(), &query, &vars)
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
