//! Entity sets with the verbs that exist on them.

use odata::edm::{EntitySet, Input};
use odata::{Options, Query};

use super::command::{Command, Does};
use super::verb::Verb;
use super::{FolderRule, Need, Store, Vars};
use crate::access;
use crate::cx::{Cx, Listing, Reply};
use crate::error::Result;

/// An entity set with the verbs that exist on it.
pub struct Resource {
    /// The declaration.
    pub set: &'static EntitySet,
    /// The same as one entity is shown, where that needs more than the key.
    pub single: &'static EntitySet,
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
    /// How a page of it is read; none where the contract has no listing.
    pub list: Option<Command>,
    /// How one is read by key, where the contract has that.
    pub get: Option<Command>,
    /// Refuses to show one that the request does not see, where that is not only its scope.
    pub sees: Option<fn(&mut Cx<'_, '_>, i64) -> Result<()>>,
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
            single: set,
            written: set,
            view,
            guarded: false,
            folder: FolderRule::Tenant,
            store: Store::Main,
            list: Some(Command::of(view, Does::Page)),
            get: None,
            sees: None,
            vars: None,
            answering: "",
            get_options: Options::ENTITY,
            create: None,
            replace: None,
            merge: None,
            delete: None,
        }
    }

    /// With single entities as this set says.
    #[must_use]
    pub const fn single(mut self, set: &'static EntitySet) -> Self {
        self.single = set;
        self
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
    pub const fn list<T: Verb>(mut self) -> Self {
        self.list = Some(Command::verb::<T>(self.view));
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
    pub const fn get(self) -> Self {
        let need = self.view;
        self.get_with(need)
    }

    /// Read by key, which asks for something else than reading lists.
    #[must_use]
    pub const fn get_with(mut self, need: Need) -> Self {
        self.get = Some(Command::of(need, Does::Entity));
        self
    }

    /// Read by key, of which something is asked in the query.
    #[must_use]
    pub const fn get_asking<T: Input>(mut self) -> Self {
        self.get = Some(Command::of(self.view, Does::Entity).asking::<T>());
        self
    }

    /// Read by key in a way of its own.
    #[must_use]
    pub const fn get_as<T: Verb>(mut self) -> Self {
        self.get = Some(Command::verb::<T>(self.view));
        self
    }

    /// Read by key, which gives no entity but a plain value.
    #[must_use]
    pub const fn get_value<T: Verb>(mut self) -> Self {
        self.get_options = Options::NONE;
        self.get_as::<T>()
    }

    /// Showing one entity to requests only that see it.
    #[must_use]
    pub const fn sees(mut self, sees: fn(&mut Cx<'_, '_>, i64) -> Result<()>) -> Self {
        self.sees = Some(sees);
        self
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

    /// A page of the set under the query's options.
    pub(super) fn page(&self, cx: &mut Cx<'_, '_>) -> Result<Reply> {
        let query = cx.options(self.set)?;
        let listing = Listing {
            count: cx.args.count,
            ..Listing::default()
        };
        Ok(Reply::json(cx.page(self.set, &query, &listing)?))
    }

    /// One entity of the set by its key, under the query's options.
    pub(super) fn entity(&self, cx: &mut Cx<'_, '_>) -> Result<Reply> {
        let id = cx.args.id()?;
        if let Some(sees) = self.sees {
            sees(cx, id)?;
        }
        let query = cx.options(self.single)?;
        let vars = self.vars_of(cx, id)?;
        Ok(Reply::json(cx.entity_with(
            self.single,
            &id.into(),
            &query,
            &vars,
        )?))
    }

    /// One entity as the answer to a change shows it.
    pub(super) fn shown(&self, cx: &mut Cx<'_, '_>, id: i64) -> Result<Vec<u8>> {
        let vars = self.vars_of(cx, id)?;
        self.shown_with(cx, id, &vars)
    }

    pub(super) fn shown_with(
        &self,
        cx: &mut Cx<'_, '_>,
        id: i64,
        vars: &[(&str, db::Value)],
    ) -> Result<Vec<u8>> {
        let query = Query::parse(self.single, self.answering)?;
        cx.entity_with(self.single, &id.into(), &query, vars)
    }

    fn vars_of(&self, cx: &mut Cx<'_, '_>, id: i64) -> Result<Vars> {
        match self.vars {
            Some(vars) => vars(cx, id),
            None => Ok(Vars::new()),
        }
    }

    /// Refuses callers without a permission: in the folder of the request, if it has one.
    pub(super) fn require(&self, cx: &mut Cx<'_, '_>, need: &Need) -> Result<()> {
        let may = match self.folder.reads_header() {
            true => {
                let folder = cx.need_folder()?.clone();
                access::has_in_folder(cx.tx, cx.caller, need, &folder)?
            }
            false => access::has_in_tenant(cx.tx, cx.caller, need)?,
        };
        if may {
            return Ok(());
        }
        Err(access::forbidden(need))
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
