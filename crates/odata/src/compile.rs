//! A statement: its rows, joins and parameters, and the conditions that no read goes without.
//! Expressions are written into it by `render`.
//!
//! The text is the same for both databases wherever they allow it. Nothing a caller wrote is part
//! of it: aliases are `t0`, `t1`, … and every value is a parameter, cast to its type, so that the
//! type never depends on what stands around it.

use db::{Dialect, Value};

use crate::edm::{EntitySet, Kind, Nav, Prop, Scoping, Source};
use crate::expr::{Condition, Type};
use crate::read::{Folders, Scope};
use crate::{Guid, Result, Timestamp};

/// More values of one list than this are not bound one by one.
const MAX_PARAMS: usize = 4_096;

/// A statement under construction.
pub(crate) struct Builder<'a> {
    pub dialect: Dialect,
    scope: &'a Scope<'a>,
    now: Timestamp,
    pub params: Vec<Value>,
    /// Variables that are bound already, with their SQL.
    vars: Vec<(String, String)>,
    aliases: usize,
    /// The row of the entity, then those of the variables around.
    pub rows: Vec<Frame>,
}

/// A row that can be referred to, with the joins that its paths need.
pub(crate) struct Frame {
    pub alias: String,
    joins: Vec<Join>,
}

/// A row that another one leads to.
struct Join {
    from: String,
    /// The navigation property, or the column and the table.
    way: String,
    alias: String,
    /// The table, and the condition behind `ON`.
    sql: String,
    /// Whether only rows that have a target matter.
    inner: bool,
}

impl Frame {
    pub fn new(alias: String) -> Frame {
        Frame {
            alias,
            joins: Vec::new(),
        }
    }

    /// The text of the joins.
    pub fn joins(&self) -> String {
        let mut text = String::new();
        for join in &self.joins {
            text.push_str(if join.inner { " JOIN " } else { " LEFT JOIN " });
            text.push_str(&join.sql);
        }
        text
    }
}

/// A column of a row, in quotes: its name may be a word of SQL.
pub(crate) fn column(alias: &str, name: &str) -> String {
    format!("{alias}.\"{name}\"")
}

/// The condition that a row is the target, or one of the targets, of another.
pub(crate) fn link(nav: &Nav, from: &str, target: &str) -> String {
    let (target, from) = (column(target, nav.target_column), column(from, nav.column));
    format!("{target} = {from}")
}

impl<'a> Builder<'a> {
    /// A statement over entities of `set`, whose alias is [`Builder::alias`].
    pub fn new(dialect: Dialect, scope: &'a Scope<'a>) -> Builder<'a> {
        let mut builder = Builder {
            dialect,
            scope,
            now: scope.now,
            params: Vec::new(),
            vars: Vec::new(),
            aliases: 0,
            rows: Vec::new(),
        };
        let alias = builder.new_alias();
        builder.rows.push(Frame::new(alias));
        builder
    }

    /// The time of the request, or another that was set.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// What follows is about another time.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
        self.vars.retain(|(name, _)| name != "now");
    }

    /// Whether the time was used so far.
    pub fn uses_now(&self) -> bool {
        self.vars.iter().any(|(name, _)| name == "now")
    }

    /// The alias of the entity.
    pub fn alias(&self) -> String {
        self.rows[0].alias.clone()
    }

    /// `FROM` with the joins that were needed so far.
    pub fn from(&mut self, set: &EntitySet) -> Result<String> {
        let table = self.table(set)?;
        let frame = &self.rows[0];
        Ok(format!(" FROM {table} {}{}", frame.alias, frame.joins()))
    }

    /// The table of a set, or the statement that stands for it.
    pub fn table(&mut self, set: &EntitySet) -> Result<String> {
        self.template(set.table, None)
    }

    /// Ends the inner part of a statement, which finds the entities: what follows is about those
    /// it has found, under the same alias, and has joins of its own.
    pub fn found(&mut self) {
        self.rows[0] = Frame::new(self.alias());
    }

    /// The joins of the entity that were needed so far.
    pub fn joins(&self) -> String {
        self.rows[0].joins()
    }

    /// The conditions of the scope on the entity: tenant, folders, restriction.
    pub fn scope_conditions(&mut self, set: &EntitySet) -> Result<Vec<String>> {
        let mut conditions = self.tenant_condition(set, &self.alias())?;
        conditions.append(&mut self.conditions_within_tenant(set)?);
        Ok(conditions)
    }

    /// Those on folders, and the restriction.
    pub fn conditions_within_tenant(&mut self, set: &EntitySet) -> Result<Vec<String>> {
        let (alias, mut conditions) = (self.alias(), Vec::new());
        if set.scoping == Scoping::Folder {
            let column = column(&alias, "folder_id");
            match &self.scope.folders {
                Folders::All => {}
                Folders::One(_) => conditions.push(format!("{column} = {}", self.var("folder")?)),
                Folders::Some(ids) => {
                    let ids: Vec<Value> = ids.iter().copied().map(Value::Int).collect();
                    conditions.push(self.one_of(&column, ids));
                }
            }
        }
        if let Some(restrict) = self.scope.restrict {
            conditions.push(format!("({})", self.template(restrict, Some((0, &alias)))?));
        }
        Ok(conditions)
    }

    /// Whether the entities are those of one folder, which are of one tenant.
    pub fn is_in_one_folder(&self, set: &EntitySet) -> bool {
        set.scoping == Scoping::Folder && matches!(self.scope.folders, Folders::One(_))
    }

    /// The condition that keeps to the tenant, if the set has one.
    pub fn tenant_condition(&mut self, set: &EntitySet, alias: &str) -> Result<Vec<String>> {
        match set.scoping {
            Scoping::None => Ok(Vec::new()),
            Scoping::Tenant | Scoping::Folder => {
                let own = column(alias, "tenant_id");
                Ok(vec![format!("{own} = {}", self.var("tenant")?)])
            }
        }
    }

    /// `operand IN (…)`, padded to a power of two so that few different texts arise and the
    /// database finds its plan again; `=` for a single value, which plans better.
    pub fn one_of(&mut self, operand: &str, mut values: Vec<Value>) -> String {
        if values.len() > MAX_PARAMS && values.iter().all(|value| matches!(value, Value::Int(_))) {
            // Both databases limit parameters to some ten thousand; a number is safe as text.
            let numbers = values.iter().filter_map(|value| match value {
                Value::Int(number) => Some(number.to_string()),
                _ => None,
            });
            return format!("{operand} IN ({})", numbers.collect::<Vec<_>>().join(", "));
        }
        let Some(last) = values.last().cloned() else {
            return "FALSE".to_owned();
        };
        values.resize(values.len().next_power_of_two(), last);
        let values: Vec<String> = values.into_iter().map(|value| self.bind(value)).collect();
        match values.as_slice() {
            [value] => format!("{operand} = {value}"),
            values => format!("{operand} IN ({})", values.join(", ")),
        }
    }

    /// The next parameter, with its type.
    pub fn bind(&mut self, value: Value) -> String {
        let ty = match &value {
            Value::Null => return "NULL".to_owned(),
            Value::Bool(_) => "BOOLEAN",
            Value::Int(_) => "BIGINT",
            Value::Real(_) => "DOUBLE PRECISION",
            Value::Text(_) => "TEXT",
            Value::Blob(_) | Value::List(_) => {
                self.params.push(value);
                return format!("${}", self.params.len());
            }
        };
        self.params.push(value);
        format!("CAST(${} AS {ty})", self.params.len())
    }

    /// A variable of the scope; bound once, however often it is used.
    pub fn var(&mut self, name: &str) -> Result<String> {
        if let Some((_, sql)) = self.vars.iter().find(|(known, _)| known == name) {
            return Ok(sql.clone());
        }
        let value = match (name, &self.scope.folders) {
            ("tenant", _) => Value::Int(self.scope.tenant),
            ("now", _) => self.now.into(),
            ("folder", Folders::One(id)) => Value::Int(*id),
            ("folder", _) => Value::Null,
            _ => {
                let found = self.scope.vars.iter().find(|(known, _)| *known == name);
                let missing = || db::Error::Invalid(format!("{{{name}}} has no value"));
                found.map(|(_, value)| value.clone()).ok_or_else(missing)?
            }
        };
        let sql = self.bind(value);
        self.vars.push((name.to_owned(), sql.clone()));
        Ok(sql)
    }

    /// SQL of a declaration with the variables filled in, and what refers to the row that it is
    /// about: `at` says to whose joins that row belongs, and its alias. Braces around anything that
    /// is no name stay.
    fn template(&mut self, sql: &str, at: Option<(usize, &str)>) -> Result<String> {
        let mut text = String::with_capacity(sql.len());
        let mut rest = sql;
        while let Some(open) = rest.find('{') {
            text.push_str(&rest[..open]);
            rest = &rest[open..];
            let name = rest[1..].split_once('}').map_or("", |(name, _)| name);
            match (name, at) {
                ("t", Some((_, alias))) => text.push_str(alias),
                (name, _) if is_name(name) => text.push_str(&self.var(name)?),
                (way, Some((row, alias))) if is_way(way) => {
                    text.push_str(&self.follow(row, alias, way)?);
                }
                _ => {
                    text.push('{');
                    rest = &rest[1..];
                    continue;
                }
            }
            rest = &rest[name.len() + 2..];
        }
        text.push_str(rest);
        Ok(text)
    }

    /// The value of a property of the entity.
    pub fn own(&mut self, prop: &Prop) -> Result<String> {
        self.column(0, &self.alias(), prop)
    }

    /// The value of a property of the row with this alias, which is among the joins of `row`.
    pub fn column(&mut self, row: usize, alias: &str, prop: &Prop) -> Result<String> {
        match prop.source {
            Source::Column(name) => Ok(column(alias, name)),
            Source::Sql(sql) => self.template(sql, Some((row, alias))),
            Source::Json(json) => Ok(self.constant(json, prop.kind)),
        }
    }

    /// What `$filter` and `$orderby` look at in the row with this alias.
    pub fn compared(&mut self, row: usize, alias: &str, prop: &Prop) -> Result<String> {
        match prop.filter_sql {
            Some(sql) => self.template(sql, Some((row, alias))),
            None => self.column(row, alias, prop),
        }
    }

    /// A constant of a declaration, so that it can be filtered like any property.
    fn constant(&mut self, json: &str, kind: Kind) -> String {
        use serde_json::Value as Json;
        let parsed = serde_json::from_str(json).unwrap_or(Json::Null);
        let value = match (kind, parsed) {
            (_, Json::Null) => Value::Null,
            (_, Json::Bool(value)) => Value::Bool(value),
            (Kind::Double, Json::Number(number)) => Value::Real(number.as_f64().unwrap_or(0.0)),
            (_, Json::Number(number)) => Value::Int(number.as_i64().unwrap_or(0)),
            (Kind::Enum(ty), Json::String(name)) => ty.value(&name).into(),
            (Kind::DateTime, Json::String(text)) => Timestamp::parse(&text).into(),
            (Kind::Guid, Json::String(text)) => text.parse::<Guid>().ok().into(),
            (_, Json::String(text)) => Value::Text(text),
            (_, list_or_object) => Value::Text(list_or_object.to_string()),
        };
        match (value, Type::of(kind)) {
            (Value::Null, ty) => format!("CAST(NULL AS {})", ty.unwrap_or(Type::Text).sql()),
            (value, _) => self.bind(value),
        }
    }

    /// The alias at the end of a path from a row.
    pub fn walk(&mut self, row: usize, path: &[&'static Nav]) -> Result<String> {
        let mut alias = self.rows[row].alias.clone();
        for nav in path {
            alias = self.navigate(row, &alias, nav)?;
        }
        Ok(alias)
    }

    /// The alias at the end of `column->table`, or of `column->table.column->table` and so on.
    fn follow(&mut self, row: usize, from: &str, way: &str) -> Result<String> {
        let (mut column, rest) = way.split_once("->").unwrap_or((way, ""));
        let mut alias = from.to_owned();
        for step in rest.split("->") {
            let (table, next) = step.split_once('.').unwrap_or((step, ""));
            alias = self.join(row, &alias, &format!("{column}->{table}"), |_, target| {
                Ok(format!(
                    "{table} {target} ON {target}.id = {alias}.{column}"
                ))
            })?;
            column = next;
        }
        Ok(alias)
    }

    /// A condition on the entity that every row has to meet.
    ///
    /// SQLite does not see through `fold`: with an outer join it would go through all entities
    /// instead of starting from the few that the path ends at.
    pub fn filter(&mut self, filter: &Condition) -> Result<String> {
        let sql = self.condition(&filter.0)?;
        for path in filter.0.followed() {
            for end in 1..=path.len() {
                let alias = self.walk(0, &path[..end])?;
                let joins = self.rows[0].joins.iter_mut();
                joins
                    .filter(|join| join.alias == alias)
                    .for_each(|join| join.inner = true);
            }
        }
        Ok(sql)
    }

    fn navigate(&mut self, row: usize, from: &str, nav: &'static Nav) -> Result<String> {
        self.join(row, from, nav.name, |builder, alias| {
            let target = (nav.target)();
            let table = builder.table(target)?;
            let mut on = vec![link(nav, from, alias)];
            on.append(&mut builder.tenant_condition(target, alias)?);
            Ok(format!("{table} {alias} ON {}", on.join(" AND ")))
        })
    }

    /// The alias of the row that another one leads to; `sql` joins it when it is first needed.
    fn join(
        &mut self,
        row: usize,
        from: &str,
        way: &str,
        sql: impl FnOnce(&mut Self, &str) -> Result<String>,
    ) -> Result<String> {
        let mut known = self.rows[row].joins.iter();
        if let Some(join) = known.find(|join| join.from == from && join.way == way) {
            return Ok(join.alias.clone());
        }
        let alias = self.new_alias();
        let sql = sql(self, &alias)?;
        self.rows[row].joins.push(Join {
            from: from.to_owned(),
            way: way.to_owned(),
            alias: alias.clone(),
            sql,
            inner: false,
        });
        Ok(alias)
    }

    /// An alias that is not used yet.
    pub fn new_alias(&mut self) -> String {
        self.aliases += 1;
        format!("t{}", self.aliases - 1)
    }
}

/// Whether braces hold the name of a variable.
fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    !text.is_empty() && text.bytes().all(fits)
}

/// Whether braces hold the way to another row.
fn is_way(text: &str) -> bool {
    text.contains("->")
        && text
            .split("->")
            .flat_map(|step| step.split('.'))
            .all(is_name)
}
