//! What a domain function sees: one transaction, the time, the caller, the folder, and a place to
//! leave hints. Never HTTP, never async, never which database.

use std::collections::BTreeSet;
use std::sync::Arc;

use db::{Tx, Value};
use odata::edm::{Complex, EntitySet, Scoping, Source};
use odata::{Changes, Folders, Guid, Metadata, Query, Scope, Shape, Slice, Timestamp};
use serde::Serialize;

pub use crate::args::{Args, NO_ARGS};
pub use crate::caller::{Caller, Identity, SERVER};
use crate::error::{Error, Result};
pub use crate::server::Server;

/// The folder a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// `folders.id`
    pub id: i64,
    /// Its stable key.
    pub key: String,
    /// `Parent/Child`
    pub path: String,
    /// Modern folders decide their own roles; classic ones use the tenant's.
    pub modern: bool,
}

/// What somebody should look at once the transaction is committed. Hints carry no data: whoever
/// follows one reads the database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hint {
    /// The commands of this session changed.
    Session(i64),
    /// The session is no more: nobody waits for its host.
    SessionGone(i64),
    /// A host came: if it falls silent, somebody has to notice.
    Hosts,
    /// Users, roles, folders, machines, robots or applications changed: who a caller is and what
    /// they may do is asked anew.
    Identities,
    /// Waiting jobs may have become startable for a reason that is not in the jobs' own tables.
    Dispatch,
    /// A deadline of a job was set or moved.
    Deadlines,
    /// Items of queues were taken: if no result comes, they are given up.
    Taken,
    /// Items of queues are given up sooner or later than before.
    Leases,
    /// A queue was deleted whose rows are still there.
    Sweep,
    /// A search had to read many items of queues that are not in its index.
    Search,
    /// Somebody asked for an export.
    Exports,
    /// This webhook is to be told of events, which nothing does yet.
    Webhook(i64),
    /// Nothing refers to this file of the blob store any more.
    File(String),
}

/// Everything one domain function may touch.
pub struct Cx<'a, 'c> {
    /// The transaction.
    pub tx: &'a mut Tx<'c>,
    /// The time of this request; the only clock.
    pub now: Timestamp,
    /// Who asks.
    pub caller: &'a Caller,
    /// What the request says besides its address.
    pub args: &'a Args,
    /// The folder of the request's header, checked to be the caller's.
    pub folder: Option<&'a Folder>,
    /// The folders a listing may show.
    pub folders: Folders,
    /// `http://host/odata`, the base of contexts.
    pub base: &'a str,
    /// How much answers say about themselves.
    pub metadata: Metadata,
    /// The installation.
    pub server: &'a Arc<Server>,
    /// Hints to publish after the commit.
    pub hints: BTreeSet<Hint>,
}

impl<'c> Cx<'_, 'c> {
    /// The tenant of the caller.
    #[must_use]
    pub fn tenant(&self) -> i64 {
        self.caller.tenant
    }

    /// A key of something new: the only chance. A credential is a [`Guid::secret`].
    #[must_use]
    pub fn key(&self) -> Guid {
        self.server.chance.key()
    }

    /// The folder, or the refusal that asks for one.
    ///
    /// # Errors
    /// 1101 when the request named none.
    pub fn need_folder(&self) -> Result<&Folder> {
        self.folder.ok_or_else(|| {
            Error::refused(
                crate::Code::RequiredOrganizationUnit,
                "A folder is required for this action.",
            )
        })
    }

    /// A predicate with `FOLDERS` replaced by the folders that the request may show; `None` when
    /// that is all of them. They are numbers of our own.
    #[must_use]
    pub fn in_folders(&self, predicate: &str) -> Option<String> {
        let list = match &self.folders {
            Folders::All => return None,
            Folders::One(id) => id.to_string(),
            // An empty list is no SQL; nothing equals NULL.
            Folders::Some(ids) if ids.is_empty() => "NULL".to_owned(),
            Folders::Some(ids) => {
                let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
                ids.join(", ")
            }
        };
        Some(predicate.replace("FOLDERS", &list))
    }

    /// The query options of the request for a set.
    ///
    /// # Errors
    /// 400 with the position of what is wrong, 403 when they go to what the caller may not see.
    pub fn options(&mut self, set: &'static EntitySet) -> Result<Query> {
        self.args.options(self, set)
    }

    /// Does something as the server itself, for a tenant: what engines do.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn in_tenant<T>(
        &mut self,
        tenant: i64,
        f: impl FnOnce(&mut Cx<'_, '_>) -> Result<T>,
    ) -> Result<T> {
        let caller = Caller::new(tenant, Identity::Server, Vec::new());
        let mut cx = Cx {
            tx: &mut *self.tx,
            now: self.now,
            caller: &caller,
            args: self.args,
            folder: None,
            folders: Folders::All,
            base: "",
            metadata: Metadata::None,
            server: self.server,
            hints: std::mem::take(&mut self.hints),
        };
        let done = f(&mut cx);
        self.hints = cx.hints;
        done
    }

    /// Leaves a hint.
    pub fn hint(&mut self, hint: Hint) {
        self.hints.insert(hint);
    }

    /// What this request may see. Owns what it needs, so that the transaction stays free.
    fn scope<'s>(&self, vars: &'s [(&'s str, Value)], restrict: Option<&'s str>) -> Scope<'s> {
        Scope {
            tenant: self.caller.tenant,
            folders: self.folders.clone(),
            now: self.now,
            vars,
            restrict,
        }
    }

    /// Inserts an entity from a body's changes: the tenant, the folder, a key, and who made it when
    /// are added where the set has them.
    ///
    /// # Errors
    /// 1101 when the set is kept in folders and the request named none; the store's.
    pub fn insert(&mut self, mut changes: Changes) -> Result<i64> {
        let set = changes.declared_for();
        if set.scoping == Scoping::Folder {
            changes.set("folder_id", self.need_folder()?.id);
        }
        if set.scoping != Scoping::None {
            changes.set("tenant_id", self.caller.tenant);
        }
        let (now, user) = (self.now, self.caller.user());
        for prop in set.props {
            match prop.source {
                Source::Column("key") => changes.set_default("key", self.key()),
                Source::Column("creation_time") => changes.set("creation_time", now),
                Source::Column("creator_user_id") => changes.set("creator_user_id", user),
                _ => {}
            }
        }
        Ok(changes.insert(self.tx)?)
    }

    /// Changes an entity as a body says, within what this request may see.
    ///
    /// # Errors
    /// 1002 when there is no such entity; the store's.
    pub fn update(&mut self, mut changes: Changes, id: i64) -> Result<()> {
        let set = changes.declared_for();
        let (now, user) = (self.now, self.caller.user());
        for prop in set.props {
            match prop.source {
                Source::Column("last_modification_time") => {
                    changes.set("last_modification_time", now);
                }
                Source::Column("last_modifier_user_id") => {
                    changes.set("last_modifier_user_id", user);
                }
                _ => {}
            }
        }
        let scope = self.scope(&[], None);
        if changes.update(self.tx, id, &scope)? {
            return Ok(());
        }
        Err(Error::not_found(set.entity.trim_end_matches("Dto")))
    }

    /// Removes an entity, within what this request may see.
    ///
    /// # Errors
    /// 1002 when there is no such entity; a foreign key violation when others refer to it.
    pub fn delete(&mut self, set: &'static EntitySet, id: i64) -> Result<()> {
        let scope = self.scope(&[], None);
        if odata::delete_entity(self.tx, set, id, &scope)? {
            return Ok(());
        }
        Err(Error::not_found(set.entity.trim_end_matches("Dto")))
    }

    /// A list of plain values or structures: those of the slice.
    pub(crate) fn list(&self, ty: &str, slice: &Slice, values: Vec<serde_json::Value>) -> Vec<u8> {
        let mut body = self.labelled(ty);
        if slice.count {
            body.insert("@odata.count".to_owned(), values.len().into());
        }
        body.insert("value".to_owned(), serde_json::json!(slice.of(values)));
        serde_json::Value::Object(body).to_string().into_bytes()
    }

    /// A single value: `{"@odata.context":"…#Edm.Int64","value":…}`.
    #[must_use]
    pub fn value(&self, ty: &str, value: serde_json::Value) -> Vec<u8> {
        let mut body = self.labelled(ty);
        body.insert("value".to_owned(), value);
        serde_json::Value::Object(body).to_string().into_bytes()
    }

    /// A structure that is no entity: its members follow the context.
    #[must_use]
    pub fn structure(&self, ty: &str, members: serde_json::Value) -> Vec<u8> {
        let mut body = self.labelled(ty);
        if let serde_json::Value::Object(members) = members {
            body.extend(members);
        }
        serde_json::Value::Object(body).to_string().into_bytes()
    }

    /// An answer with nothing but what it says about itself.
    fn labelled(&self, ty: &str) -> serde_json::Map<String, serde_json::Value> {
        let mut body = serde_json::Map::new();
        if self.metadata != Metadata::None {
            let context = format!("{}/$metadata#{ty}", self.base);
            body.insert("@odata.context".to_owned(), context.into());
        }
        body
    }

    /// A declared structure that is no entity.
    #[must_use]
    pub fn answer<T: Complex + Serialize>(&self, value: &T) -> Reply {
        let members = serde_json::to_value(value).unwrap_or_default();
        Reply::json(self.structure(T::TYPE.name, members))
    }

    /// One entity in the shape that GET gives it; the row must exist, because it was just written.
    ///
    /// # Errors
    /// 1002 when it is outside of what this caller's request may see.
    pub fn entity(
        &mut self,
        set: &'static EntitySet,
        id: i64,
        vars: &[(&str, Value)],
    ) -> Result<Vec<u8>> {
        let query = Query::none(set);
        self.entity_with(set, &id.into(), &query, vars)
    }

    /// One entity under a query (`$select`, `$expand`).
    ///
    /// # Errors
    /// 1002 when there is no such row in scope.
    pub fn entity_with(
        &mut self,
        set: &'static EntitySet,
        key: &Value,
        query: &Query,
        vars: &[(&str, Value)],
    ) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(1024);
        let scope = self.scope(vars, None);
        let shape = Shape {
            base: self.base,
            metadata: self.metadata,
            ..Shape::default()
        };
        if odata::read_entity(self.tx, set, key, query, &scope, &shape, &mut out)? {
            return Ok(out);
        }
        Err(Error::not_found(set.entity.trim_end_matches("Dto")))
    }

    /// A page of a set, restricted by a predicate of our own.
    ///
    /// # Errors
    /// What the store or the query say.
    pub fn page(
        &mut self,
        set: &'static EntitySet,
        query: &Query,
        listing: &Listing<'_>,
    ) -> Result<Vec<u8>> {
        if listing.count == Count::Only {
            let count = self.count(set, query, listing)?;
            return Ok(count.to_string().into_bytes());
        }
        let mut out = Vec::with_capacity(4096);
        let scope = self.scope(listing.vars, listing.restrict);
        let shape = Shape {
            base: self.base,
            name: listing.name,
            count: listing.count == Count::Shown,
            metadata: self.metadata,
        };
        odata::read_page(self.tx, set, query, &scope, &shape, &mut out)?;
        Ok(out)
    }

    /// How many entities a page would be one of.
    ///
    /// # Errors
    /// As [`Cx::page`].
    pub fn count(
        &mut self,
        set: &'static EntitySet,
        query: &Query,
        listing: &Listing<'_>,
    ) -> Result<u64> {
        let scope = self.scope(listing.vars, listing.restrict);
        Ok(odata::read_count(self.tx, set, query, &scope)?)
    }

    /// Numbers of the entities that the query's filter finds, in its order or from the smallest on.
    ///
    /// # Errors
    /// As [`Cx::page`].
    pub fn keys(
        &mut self,
        set: &'static EntitySet,
        query: &Query,
        listing: &Listing<'_>,
        most: u32,
    ) -> Result<Vec<i64>> {
        let scope = self.scope(listing.vars, listing.restrict);
        Ok(odata::read_keys(self.tx, set, query, &scope, most)?)
    }
}

/// What a listing says of the number of entities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Count {
    /// `@odata.count` where `$count=true` asks for it.
    #[default]
    Asked,
    /// `@odata.count` unless `$count=false`.
    Shown,
    /// Nothing else: `Jobs/$count`.
    Only,
}

/// How a page differs from the plain one.
#[derive(Default)]
pub struct Listing<'a> {
    /// An extra predicate over `{t}`.
    pub restrict: Option<&'a str>,
    /// Values of the predicate's and the set's variables.
    pub vars: &'a [(&'a str, Value)],
    /// Another name in the context URL.
    pub name: Option<&'a str>,
    /// What it says of the number of entities.
    pub count: Count,
}

/// Where a document that is given in parts goes on.
#[derive(Debug, Clone)]
pub enum Place {
    /// With the rows behind one, in the order of their numbers.
    After {
        /// The number of the last row that was given.
        row: i64,
        /// The last row that is given: a document ends although rows are added meanwhile.
        until: i64,
    },
    /// With these rows, in this order, from one of them on.
    Rows {
        /// Their numbers.
        ids: Arc<[i64]>,
        /// The first that is still to be given.
        from: usize,
    },
}

/// What a domain function answers.
#[derive(Debug)]
pub enum Reply {
    /// 204
    NoContent,
    /// 200 with an empty body
    Ok,
    /// A JSON document.
    Json {
        /// HTTP status.
        status: u16,
        /// The document.
        body: Vec<u8>,
    },
    /// A part of a document that is too long for one transaction. The function is called again, in
    /// a transaction that only reads, with [`Args::after`], until nothing is next.
    Part {
        /// The name to save the whole under.
        name: String,
        /// The media type.
        kind: &'static str,
        /// What the part holds.
        body: Vec<u8>,
        /// What comes next.
        next: Option<Place>,
    },
    /// A stored file.
    File {
        /// Its key in the blob store.
        blob: String,
        /// The name to save it under.
        name: String,
    },
}

impl Reply {
    /// 200 with a document.
    #[must_use]
    pub fn json(body: Vec<u8>) -> Self {
        Self::Json { status: 200, body }
    }

    /// 201 with the created entity.
    #[must_use]
    pub fn created(body: Vec<u8>) -> Self {
        Self::Json { status: 201, body }
    }
}
