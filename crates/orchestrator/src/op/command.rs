//! What the verbs of an entity set do.

use odata::edm::{Input, Prop};
use odata::{Changes, Mode};

use super::verb::{self, Verb};
use super::{Need, Resource, Vars};
use crate::audit::{self, AuditAction, Audited};
use crate::cx::{Args, Cx, Reply};
use crate::error::Result;

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
    /// Shows a page of the set.
    Page,
    /// Shows an entity.
    Entity,
    /// What its type says: it is asked something of its own, or answers in a way of its own.
    Verb(fn(&mut Cx<'_, '_>) -> Result<Reply>),
    /// Makes an entity of what the body, called by this name in messages, says of its columns; gives its
    /// number.
    Create(&'static str, fn(&mut Cx<'_, '_>, Changes) -> Result<i64>),
    /// As `Create`; gives the variables, too, with which the answer alone shows it.
    CreateShown(
        &'static str,
        fn(&mut Cx<'_, '_>, Changes) -> Result<(i64, Vars)>,
    ),
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
    /// What it is asked in the query.
    pub params: &'static [Prop],
    /// Whether there is an entity with this number; where there is none, a change makes one, under a
    /// number of its own, for whoever may make one.
    pub exists: Option<fn(&mut Cx<'_, '_>, i64) -> Result<bool>>,
    /// What it does.
    pub does: Does,
}

impl Command {
    pub(super) const fn of(need: Need, does: Does) -> Self {
        Self {
            need,
            prepare: None,
            silent: false,
            audited: None,
            params: &[],
            exists: None,
            does,
        }
    }

    /// A verb as its type says.
    #[must_use]
    pub const fn verb<T: Verb>(need: Need) -> Self {
        let verb = Self::of(need, Does::Verb(verb::perform::<T>));
        match T::WHOLE {
            Some(_) => verb,
            None => verb.asking::<T>(),
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

    /// As [`Command::create`], where the answer alone shows something of the entity.
    #[must_use]
    pub const fn create_shown(
        need: Need,
        body: &'static str,
        run: fn(&mut Cx<'_, '_>, Changes) -> Result<(i64, Vars)>,
    ) -> Self {
        Self::of(need, Does::CreateShown(body, run))
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

    /// Asking something in the query, which [`super::asked`] reads.
    #[must_use]
    pub const fn asking<T: Input>(mut self) -> Self {
        self.params = T::PARAMS;
        self
    }

    /// Making an entity where there is none with this number.
    #[must_use]
    pub const fn or_create(mut self, exists: fn(&mut Cx<'_, '_>, i64) -> Result<bool>) -> Self {
        self.exists = Some(exists);
        self
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
            Does::Page => resource.page(cx),
            Does::Entity => resource.entity(cx),
            Does::Verb(run) => run(cx),
            Does::Create(body, run) => {
                let changes = args.changes(body, set, Mode::Create)?;
                let id = run(cx, changes)?;
                self.tell(cx, AuditAction::Create, id)?;
                Ok(Reply::created(resource.shown(cx, id)?))
            }
            Does::CreateShown(body, run) => {
                let changes = args.changes(body, set, Mode::Create)?;
                let (id, vars) = run(cx, changes)?;
                self.tell(cx, AuditAction::Create, id)?;
                Ok(Reply::created(resource.shown_with(cx, id, &vars)?))
            }
            Does::Change(body, mode, run) => {
                let id = args.id()?;
                let changes = args.changes(body, set, mode)?;
                if let (Some(exists), Some(create)) = (self.exists, &resource.create)
                    && !exists(cx, id)?
                {
                    resource.require(cx, &create.need)?;
                    return create.perform(resource, cx);
                }
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
