//! Writing: a body becomes the columns it changes, and those one statement.
//!
//! Which members can be written is the declaration's business: columns of the set's own table that
//! are not read-only. The key and the columns of the scope are never taken from a body.

use db::{Tx, Value};
use serde_json::{Map, Value as Json};

use crate::compile::Builder;
use crate::edm::{EntitySet, Kind, Prop, Source, Version};
use crate::read::{Scope, where_clause};
use crate::{Guid, Result, Timestamp, body};

/// What a body means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `POST`: a new entity. What is not there is left to the table.
    Create,
    /// `PUT`: the entity is what the body says. What is not there becomes null where it can be, a
    /// list becomes empty, and the rest stays.
    Replace,
    /// `PATCH`: what is not there stays.
    Merge,
}

/// Columns and the values they get.
#[derive(Clone, Debug)]
pub struct Changes {
    set: &'static EntitySet,
    columns: Vec<(&'static str, Value)>,
    /// What the body says, by the names of the declaration.
    given: Vec<(&'static str, Json)>,
}

impl Changes {
    /// Checks a body against the declaration, and takes from it what can be written.
    ///
    /// # Errors
    /// [`Error::Field`](crate::Error::Field) for the first member that is wrong.
    pub fn of(set: &'static EntitySet, body: &Json, mode: Mode) -> Result<Changes> {
        match mode {
            Mode::Merge => body::check_patch(set, body)?,
            Mode::Create | Mode::Replace => body::check(set, body)?,
        }
        let mut changes = Changes::none(set);
        let Json::Object(members) = body else {
            return Ok(changes);
        };
        changes.given = given(set, members);
        for prop in set.props {
            let Some(column) = writable(set, prop) else {
                continue;
            };
            match body::member(members, prop.name) {
                Some(Json::Null) if !prop.nullable && !prop.kind.is_list() => {}
                Some(value) => changes.set(column, stored(prop.kind, value)),
                None if mode == Mode::Replace && (prop.nullable || prop.kind.is_list()) => {
                    changes.set(column, stored(prop.kind, &Json::Null));
                }
                None => {}
            }
        }
        Ok(changes)
    }

    /// No changes yet.
    #[must_use]
    pub fn none(set: &'static EntitySet) -> Changes {
        Changes {
            set,
            columns: Vec::new(),
            given: Vec::new(),
        }
    }

    /// The set that is changed.
    #[must_use]
    pub fn declared_for(&self) -> &'static EntitySet {
        self.set
    }

    /// What the body says of a member, which need not be a column; `None` when it is left out or null.
    ///
    /// # Panics
    /// In programs that are debugged, for a member that bodies cannot give: what the declaration does
    /// not say nobody reads.
    #[must_use]
    pub fn given(&self, member: &str) -> Option<&Json> {
        self.said(member).filter(|value| !value.is_null())
    }

    /// Whether the body has a member, be it null.
    #[must_use]
    pub fn says(&self, member: &str) -> bool {
        self.said(member).is_some()
    }

    fn said(&self, member: &str) -> Option<&Json> {
        debug_assert!(
            can_be_given(self.set).any(|prop| prop.name == member),
            "{member} is no member that a body of {} gives",
            self.set.entity
        );
        let mut given = self.given.iter();
        let found = given.find(|(name, _)| *name == member);
        found.map(|(_, value)| value)
    }

    /// Gives a column a value, whatever the body said.
    pub fn set(&mut self, column: &'static str, value: impl Into<Value>) {
        let value = value.into();
        match self.columns.iter_mut().find(|(known, _)| *known == column) {
            Some((_, old)) => *old = value,
            None => self.columns.push((column, value)),
        }
    }

    /// Gives a column a value unless the body did.
    pub fn set_default(&mut self, column: &'static str, value: impl Into<Value>) {
        if self.get(column).is_none() {
            self.set(column, value);
        }
    }

    /// Leaves a column as it is, whatever the body said; gives what it said.
    pub fn remove(&mut self, column: &str) -> Option<Value> {
        let at = self
            .columns
            .iter()
            .position(|(known, _)| *known == column)?;
        Some(self.columns.remove(at).1)
    }

    /// The value that a column gets.
    #[must_use]
    pub fn get(&self, column: &str) -> Option<&Value> {
        let mut columns = self.columns.iter();
        columns
            .find(|(known, _)| *known == column)
            .map(|(_, value)| value)
    }

    /// Of the changes those of these columns.
    #[must_use]
    pub fn only(&self, columns: &[&str]) -> Changes {
        let among = self.columns.iter();
        let among = among.filter(|(column, _)| columns.contains(column));
        Changes {
            columns: among.cloned().collect(),
            ..Self::none(self.set)
        }
    }

    /// The first member, or column, that would get another value than the row with this `id` has;
    /// `None` too when there is no such row.
    ///
    /// # Errors
    /// [`Error::Db`](crate::Error::Db).
    pub fn first_change(&self, tx: &mut Tx<'_>, id: i64) -> Result<Option<&'static str>> {
        let columns: Vec<&str> = self.columns.iter().map(|(column, _)| *column).collect();
        if columns.is_empty() {
            return Ok(None);
        }
        let (columns, table) = (columns.join(", "), self.set.table);
        let sql = format!("SELECT {columns} FROM {table} WHERE id = $1");
        let Some(row) = tx.row(&sql, &[id.into()])? else {
            return Ok(None);
        };
        for (at, (column, value)) in self.columns.iter().enumerate() {
            let same = match value {
                // SQLite has no type for them.
                Value::Bool(value) => row.get::<Option<bool>>(at)? == Some(*value),
                value => row.get::<Value>(at)? == *value,
            };
            if !same {
                return Ok(Some(self.member_of(column)));
            }
        }
        Ok(None)
    }

    /// The member that is kept in a column; the column, if that has none.
    fn member_of(&self, column: &'static str) -> &'static str {
        let mut props = self.set.props.iter();
        let kept = |prop: &&Prop| matches!(prop.source, Source::Column(known) if known == column);
        props.find(kept).map_or(column, |prop| prop.name)
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Inserts the row, and gives its `id`. The caller has set the columns of the scope.
    ///
    /// # Errors
    /// [`Error::Db`](crate::Error::Db).
    pub fn insert(self, tx: &mut Tx<'_>) -> Result<i64> {
        let (names, values): (Vec<&str>, Vec<Value>) = self.columns.into_iter().unzip();
        let slots: Vec<String> = (1..=values.len()).map(|n| format!("${n}")).collect();
        let sql = format!(
            "INSERT INTO {} ({}) VALUES ({}) RETURNING id",
            self.set.table,
            names.join(", "),
            slots.join(", ")
        );
        Ok(tx.insert(&sql, &values)?)
    }

    /// Changes the row with this `id`; `false` when the scope has none.
    ///
    /// # Errors
    /// [`Error::Db`](crate::Error::Db).
    pub fn update(self, tx: &mut Tx<'_>, id: i64, scope: &Scope<'_>) -> Result<bool> {
        let mut builder = Builder::new(tx.dialect(), scope);
        let mut sets = Vec::new();
        for (column, value) in self.columns {
            sets.push(format!("{column} = {}", builder.bind(value)));
        }
        if sets.is_empty() {
            sets.push("id = id".to_owned());
        }
        let (alias, conditions) = one(&mut builder, self.set, id)?;
        let (table, sets) = (self.set.table, sets.join(", "));
        let sql = format!("UPDATE {table} AS {alias} SET {sets}{conditions}");
        Ok(tx.exec(&sql, &builder.params)? > 0)
    }
}

/// Removes the row with this `id`; `false` when the scope has none.
///
/// # Errors
/// [`Error::Db`](crate::Error::Db); a row that others refer to stays.
pub fn delete_entity(
    tx: &mut Tx<'_>,
    set: &'static EntitySet,
    id: i64,
    scope: &Scope<'_>,
) -> Result<bool> {
    let mut builder = Builder::new(tx.dialect(), scope);
    let (alias, conditions) = one(&mut builder, set, id)?;
    let sql = format!("DELETE FROM {} AS {alias}{conditions}", set.table);
    Ok(tx.exec(&sql, &builder.params)? > 0)
}

/// The condition for one row in scope, and the alias it uses.
fn one(builder: &mut Builder<'_>, set: &EntitySet, id: i64) -> Result<(String, String)> {
    let alias = builder.alias();
    let mut conditions = builder.scope_conditions(set)?;
    conditions.push(format!("{alias}.id = {}", builder.bind(Value::Int(id))));
    Ok((alias, where_clause(&conditions)))
}

/// What bodies of a set may give: what is not read-only, and what stands for navigation properties.
fn can_be_given(set: &EntitySet) -> impl Iterator<Item = &'static Prop> + use<> {
    let navs = set.navs.iter().filter_map(|nav| nav.given);
    set.props.iter().filter(|prop| !prop.read_only).chain(navs)
}

/// Those of these members that a body has.
fn given(set: &EntitySet, body: &Map<String, Json>) -> Vec<(&'static str, Json)> {
    let named = |prop: &'static Prop| {
        let value = body::member(body, prop.name)?;
        Some((prop.name, body::converted(prop.kind, value).into_owned()))
    };
    can_be_given(set).filter_map(named).collect()
}

/// The column of a property that bodies may write.
fn writable(set: &EntitySet, prop: &Prop) -> Option<&'static str> {
    let Source::Column(column) = prop.source else {
        return None;
    };
    let own = prop.read_only || prop.name == set.key || matches!(prop.kind, Kind::Version);
    let scope = column == "tenant_id" || column == "folder_id";
    (!own && !scope).then_some(column)
}

/// A checked member as it is stored.
fn stored(kind: Kind, value: &Json) -> Value {
    match (kind, &*body::converted(kind, value)) {
        (_, Json::Null) if kind.is_list() => Value::Text("[]".to_owned()),
        (_, Json::Null) => Value::Null,
        (Kind::Guid, Json::String(text)) => text.parse::<Guid>().ok().into(),
        (Kind::DateTime, Json::String(text)) => Timestamp::parse(text).into(),
        (Kind::Version, Json::String(text)) => Version::parse(text).map(|v| v.0).into(),
        (Kind::Enum(ty), Json::String(text)) => ty.value(text).into(),
        (Kind::Complex(_) | Kind::Collection(_), value) => {
            Value::Text(shown(kind, value).to_string())
        }
        (Kind::Open, Json::Object(map)) => {
            Value::Text(Json::Object(body::dictionary(map)).to_string())
        }
        (Kind::Double, value) => value.as_f64().into(),
        (_, Json::Bool(value)) => Value::Bool(*value),
        (_, Json::Number(number)) => number.as_i64().into(),
        (_, Json::String(text)) => Value::Text(text.clone()),
        (_, list) => Value::Text(list.to_string()),
    }
}

/// A checked structure, or a list of them, as it will be shown: every declared member in the order
/// of the declaration, what the body left out with the neutral value of its type.
fn shown(kind: Kind, value: &Json) -> Json {
    match (kind, value) {
        (Kind::Complex(ty), Json::Object(given)) => {
            let named = |prop: &Prop| {
                let value = body::member(given, prop.name).filter(|value| !value.is_null());
                let value = value.map_or_else(|| neutral(prop), |value| shown(prop.kind, value));
                (prop.name.to_owned(), value)
            };
            let mut members: Map<String, Json> = ty.props.iter().map(named).collect();
            if ty.open {
                let others = given.iter().filter(|(name, _)| {
                    let known = |prop: &Prop| prop.name.eq_ignore_ascii_case(name);
                    !ty.props.iter().any(known)
                });
                members.extend(others.map(|(name, value)| (name.clone(), value.clone())));
            }
            Json::Object(members)
        }
        (Kind::Collection(ty), Json::Array(items)) => {
            let items = items.iter().map(|item| shown(Kind::Complex(ty), item));
            Json::Array(items.collect())
        }
        (Kind::Enum(ty), Json::String(text)) => {
            let name = ty.value(text).and_then(|number| ty.name_of(number));
            name.map_or_else(|| value.clone(), Json::from)
        }
        (Kind::Enum(ty), value) => {
            let name = value.as_i64().and_then(|number| ty.name_of(number));
            name.map_or_else(|| value.clone(), Json::from)
        }
        (kind, value) => body::converted(kind, value).into_owned(),
    }
}

/// What a member of a structure is when nobody says.
fn neutral(prop: &Prop) -> Json {
    match prop.kind {
        kind if kind.is_list() => Json::Array(Vec::new()),
        _ if prop.nullable => Json::Null,
        Kind::Bool => Json::Bool(false),
        Kind::Int32 | Kind::Int64 => Json::from(0),
        Kind::Enum(ty) => ty
            .members
            .first()
            .map_or(Json::Null, |(name, _)| (*name).into()),
        _ => Json::Null,
    }
}
