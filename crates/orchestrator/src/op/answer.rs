//! What operations answer with. An answer knows its status, what it says of itself, how the query
//! options act on it, and its type in the descriptions, so that no operation can forget them.

use std::marker::PhantomData;

use db::Value;
use odata::edm::{Edm, Entity, EntitySet, Kind};
use odata::{Query, Selection, Slice};
use serde::Serialize;

use crate::cx::{Count, Cx, Listing, Place, Reply};
use crate::error::Result;

/// The type of an answer.
#[derive(Clone, Copy)]
pub enum Returns {
    /// None.
    Nothing,
    /// One entity.
    Entity(fn() -> &'static EntitySet),
    /// Entities of a set.
    Entities(fn() -> &'static EntitySet),
    /// A value, a list of values, or a structure.
    Value(Kind),
    /// A file.
    File,
}

impl Returns {
    /// As descriptions name it; empty for nothing.
    #[must_use]
    pub fn type_name(self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Entity(set) => set().entity.to_owned(),
            Self::Entities(set) => format!("Collection({})", set().entity),
            Self::Value(kind) => kind.type_name(),
            Self::File => "Edm.Stream".to_owned(),
        }
    }

    /// The set of the entities that are returned.
    #[must_use]
    pub fn set(self) -> Option<&'static EntitySet> {
        match self {
            Self::Entity(set) | Self::Entities(set) => Some(set()),
            _ => None,
        }
    }

    /// The kind of the values or structures that are returned.
    #[must_use]
    pub fn kind(self) -> Option<Kind> {
        match self {
            Self::Value(kind) => Some(kind),
            _ => None,
        }
    }
}

/// What an operation answers with.
pub trait Answer {
    /// Its type.
    const RETURNS: Returns;
    /// The status of success, where it is not the usual one: 200 for an answer, 204 without.
    const STATUS: Option<u16> = None;

    /// The number of the entity that was made, if one was.
    fn made(&self) -> Option<i64> {
        None
    }

    /// Writes it down, under the options of the request.
    ///
    /// # Errors
    /// 400 for options that cannot be honoured; 1002 for an entity that the request may not see; the
    /// store's.
    fn reply(self, cx: &mut Cx<'_, '_>) -> Result<Reply>;
}

/// Nothing: 204.
#[derive(Debug, Clone, Copy)]
pub struct Nothing;

impl Answer for Nothing {
    const RETURNS: Returns = Returns::Nothing;

    fn reply(self, _: &mut Cx<'_, '_>) -> Result<Reply> {
        Ok(Reply::NoContent)
    }
}

/// A value as `{"value": …}`, a structure as its members, a list as the part that is asked for.
impl<T: Edm + Serialize> Answer for T {
    const RETURNS: Returns = Returns::Value(T::KIND);

    fn reply(self, cx: &mut Cx<'_, '_>) -> Result<Reply> {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        let name = T::KIND.type_name();
        let body = match (T::KIND, &mut value) {
            (Kind::Complex(ty), serde_json::Value::Object(members)) => {
                let selection = Selection::among(ty, &cx.args.query)?;
                selection.apply(members);
                cx.structure(&format!("{name}{}", selection.label()), value)
            }
            (kind, serde_json::Value::Array(values)) if kind.is_list() => {
                let slice = Slice::parse(&cx.args.query)?;
                cx.list(&name, &slice, std::mem::take(values))
            }
            _ => cx.value(&name, value),
        };
        Ok(Reply::json(body))
    }
}

/// A value as plain JSON, as plain addresses answer.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: Edm + Serialize> Answer for Json<T> {
    const RETURNS: Returns = Returns::Value(T::KIND);

    fn reply(self, _: &mut Cx<'_, '_>) -> Result<Reply> {
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        Ok(Reply::json(body))
    }
}

/// Variables of a set's expressions, with their values.
pub type Vars = Vec<(&'static str, Value)>;

/// The page of a set that the request asks for.
pub struct Page<S> {
    restrict: Option<String>,
    vars: Vars,
    name: Option<&'static str>,
    query: Option<Query>,
    count: Option<Count>,
    set: PhantomData<fn() -> S>,
}

impl<S: Entity> Page<S> {
    /// Of all entities that the request may see.
    #[must_use]
    pub fn all() -> Self {
        Self {
            restrict: None,
            vars: Vars::new(),
            name: None,
            query: None,
            count: None,
            set: PhantomData,
        }
    }

    /// Of those for which a predicate over `{t}` holds.
    #[must_use]
    pub fn of(predicate: impl Into<String>) -> Self {
        Self::all().restricted(Some(predicate.into()))
    }

    /// As [`Page::of`], if there is a predicate.
    #[must_use]
    pub fn restricted(mut self, predicate: Option<String>) -> Self {
        self.restrict = predicate;
        self
    }

    /// With the value of a variable.
    #[must_use]
    pub fn var(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.vars.push((name, value.into()));
        self
    }

    /// With the values of variables.
    #[must_use]
    pub fn vars(mut self, vars: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        self.vars.extend(vars);
        self
    }

    /// Without the number of entities, unless `$count=true` asks for it.
    #[must_use]
    pub fn uncounted(mut self) -> Self {
        self.count = Some(Count::Asked);
        self
    }

    /// With another name in the context URL.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// Under options that the operation has read itself, by [`Cx::options`].
    #[must_use]
    pub fn under(mut self, query: Query) -> Self {
        self.query = Some(query);
        self
    }
}

impl<S: Entity> Answer for Page<S> {
    const RETURNS: Returns = Returns::Entities(S::set);

    fn reply(self, cx: &mut Cx<'_, '_>) -> Result<Reply> {
        let query = match self.query {
            Some(query) => query,
            None => cx.options(S::set())?,
        };
        let listing = Listing {
            restrict: self.restrict.as_deref(),
            vars: &self.vars,
            name: self.name,
            count: self.count.unwrap_or(cx.args.count),
        };
        Ok(Reply::json(cx.page(S::set(), &query, &listing)?))
    }
}

/// One entity under the options of the request.
pub struct One<S> {
    key: Value,
    vars: Vars,
    query: Option<Query>,
    set: PhantomData<fn() -> S>,
}

impl<S: Entity> One<S> {
    /// The one with this key.
    #[must_use]
    pub fn by(key: impl Into<Value>) -> Self {
        Self {
            key: key.into(),
            vars: Vars::new(),
            query: None,
            set: PhantomData,
        }
    }

    /// With the values of variables.
    #[must_use]
    pub fn vars(mut self, vars: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        self.vars.extend(vars);
        self
    }

    /// Under options that the operation has read itself, by [`Cx::options`].
    #[must_use]
    pub fn under(mut self, query: Query) -> Self {
        self.query = Some(query);
        self
    }
}

impl<S: Entity> Answer for One<S> {
    const RETURNS: Returns = Returns::Entity(S::set);

    fn reply(self, cx: &mut Cx<'_, '_>) -> Result<Reply> {
        let query = match self.query {
            Some(query) => query,
            None => cx.options(S::set())?,
        };
        Ok(Reply::json(cx.entity_with(
            S::set(),
            &self.key,
            &query,
            &self.vars,
        )?))
    }
}

/// The entity that was made: 201.
pub struct Created<S> {
    id: i64,
    vars: Vars,
    query: Option<Query>,
    set: PhantomData<fn() -> S>,
}

impl<S: Entity> Created<S> {
    /// The one with this number.
    #[must_use]
    pub fn by(id: i64) -> Self {
        Self {
            id,
            vars: Vars::new(),
            query: None,
            set: PhantomData,
        }
    }

    /// With the values of variables.
    #[must_use]
    pub fn vars(mut self, vars: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        self.vars.extend(vars);
        self
    }

    /// Under options that the operation has read itself, by [`Cx::options`].
    #[must_use]
    pub fn under(mut self, query: Query) -> Self {
        self.query = Some(query);
        self
    }
}

impl<S: Entity> Answer for Created<S> {
    const RETURNS: Returns = Returns::Entity(S::set);
    const STATUS: Option<u16> = Some(201);

    fn made(&self) -> Option<i64> {
        Some(self.id)
    }

    fn reply(self, cx: &mut Cx<'_, '_>) -> Result<Reply> {
        let query = self.query.unwrap_or_else(|| Query::none(S::set()));
        let made = cx.entity_with(S::set(), &self.id.into(), &query, &self.vars)?;
        Ok(Reply::created(made))
    }
}

/// A stored file.
pub struct File {
    /// Its key in the blob store.
    pub blob: String,
    /// The name to save it under.
    pub name: String,
}

impl Answer for File {
    const RETURNS: Returns = Returns::File;

    fn reply(self, _: &mut Cx<'_, '_>) -> Result<Reply> {
        Ok(Reply::File {
            blob: self.blob,
            name: self.name,
        })
    }
}

/// A part of a document that is too long for one transaction, see [`Reply::Part`].
pub struct Part {
    /// The name to save the whole under.
    pub name: String,
    /// The media type.
    pub kind: &'static str,
    /// What the part holds.
    pub body: Vec<u8>,
    /// What comes next.
    pub next: Option<Place>,
}

impl Answer for Part {
    const RETURNS: Returns = Returns::File;

    fn reply(self, _: &mut Cx<'_, '_>) -> Result<Reply> {
        Ok(Reply::Part {
            name: self.name,
            kind: self.kind,
            body: self.body,
            next: self.next,
        })
    }
}

/// An answer of the type of `A` that the operation wrote down itself, because it is shown in a way of
/// its own.
pub struct Written<A> {
    reply: Reply,
    answer: PhantomData<fn() -> A>,
}

impl<A> From<Reply> for Written<A> {
    fn from(reply: Reply) -> Self {
        Self {
            reply,
            answer: PhantomData,
        }
    }
}

impl<A: Answer> Answer for Written<A> {
    const RETURNS: Returns = A::RETURNS;
    const STATUS: Option<u16> = A::STATUS;

    fn reply(self, _: &mut Cx<'_, '_>) -> Result<Reply> {
        Ok(self.reply)
    }
}
