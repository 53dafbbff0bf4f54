//! The metamodel: what an entity is called, which properties it has, and where they are stored.
//!
//! All of it is constant data. `#[entity]` and `#[complex]` write it from a struct, so that the
//! statements, the JSON, `$metadata`, the validation of bodies and whatever else describes an
//! entity read one declaration. A program with hundreds of entities pays no compile time for
//! derived code, because there is none.

use std::fmt;
use std::marker::PhantomData;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::metadata::DICTIONARY;
use crate::{Guid, Timestamp};

/// The type of a property, and with it how it is stored and written.
///
/// Structures, lists and dictionaries are one column of JSON text and are written out as they stand;
/// NULL is `[]` for lists and `null` for the others.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `Edm.Boolean`, stored as BOOLEAN.
    Bool,
    /// `Edm.Int32`, stored as INTEGER.
    Int32,
    /// `Edm.Int64`, stored as BIGINT.
    Int64,
    /// `Edm.Double`, stored as DOUBLE PRECISION.
    Double,
    /// `Edm.String`, stored as text.
    String,
    /// `Edm.Guid`, stored as lower-case text.
    Guid,
    /// `Edm.DateTimeOffset`, stored as BIGINT ([`Timestamp`]).
    DateTime,
    /// An enumeration, stored as the number and written as the name.
    Enum(&'static EnumType),
    /// One structured value.
    Complex(&'static ComplexType),
    /// A list of structured values.
    Collection(&'static ComplexType),
    /// A list of strings.
    Strings,
    /// A list of integers.
    Int64s,
    /// A list of short integers.
    Int32s,
    /// A list of GUIDs.
    Guids,
    /// A list of times.
    Dates,
    /// A dictionary whose members are not declared.
    Open,
    /// `Edm.Binary`, the version of a row: stored as BIGINT, written as Base64 of its eight bytes.
    Version,
}

impl Kind {
    /// Whether the property is a single value that can be compared and sorted.
    pub const fn is_scalar(self) -> bool {
        !self.is_list() && !matches!(self, Kind::Complex(_) | Kind::Open | Kind::Version)
    }

    /// Whether the property is a list: an empty one is `[]`, never `null`.
    pub const fn is_list(self) -> bool {
        matches!(
            self,
            Kind::Collection(_)
                | Kind::Strings
                | Kind::Int64s
                | Kind::Int32s
                | Kind::Guids
                | Kind::Dates
        )
    }

    /// The name a message shows, e.g. `Edm.Int64`; an enumeration or structure by its own name.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Bool => "Edm.Boolean",
            Kind::Int32 => "Edm.Int32",
            Kind::Int64 => "Edm.Int64",
            Kind::Double => "Edm.Double",
            Kind::String => "Edm.String",
            Kind::Guid => "Edm.Guid",
            Kind::DateTime => "Edm.DateTimeOffset",
            Kind::Enum(e) => e.name,
            Kind::Complex(c) | Kind::Collection(c) => c.name,
            Kind::Strings => "Collection(Edm.String)",
            Kind::Int64s => "Collection(Edm.Int64)",
            Kind::Int32s => "Collection(Edm.Int32)",
            Kind::Guids => "Collection(Edm.Guid)",
            Kind::Dates => "Collection(Edm.DateTimeOffset)",
            Kind::Open => "Edm.Untyped",
            Kind::Version => "Edm.Binary",
        }
    }

    /// The name by which operations refer to the type, e.g. `Collection(RobotDto)`.
    #[must_use]
    pub fn type_name(self) -> String {
        match self {
            Kind::Collection(ty) => format!("Collection({})", ty.name),
            Kind::Open => DICTIONARY.to_owned(),
            kind => kind.name().to_owned(),
        }
    }

    /// The type of the elements, if it is a list of plain values.
    #[must_use]
    pub const fn element(self) -> Option<Kind> {
        match self {
            Kind::Strings => Some(Kind::String),
            Kind::Int64s => Some(Kind::Int64),
            Kind::Int32s => Some(Kind::Int32),
            Kind::Guids => Some(Kind::Guid),
            Kind::Dates => Some(Kind::DateTime),
            _ => None,
        }
    }
}

/// An enumeration: its members in order of their numbers. Of those with one number the first is the
/// name that is written.
#[derive(Debug)]
pub struct EnumType {
    /// Name of the type.
    pub name: &'static str,
    /// Name and number of each member.
    pub members: &'static [(&'static str, i64)],
}

impl EnumType {
    /// The number of the member that `text` names: its name in any case, or its decimal number.
    pub fn value(&self, text: &str) -> Option<i64> {
        let text = text.trim();
        let number = text.parse::<i64>().ok();
        let mut members = self.members.iter();
        members
            .find(|(name, value)| Some(*value) == number || name.eq_ignore_ascii_case(text))
            .map(|(_, value)| *value)
    }

    /// The name of the member with this number.
    pub fn name_of(&self, value: i64) -> Option<&'static str> {
        self.members
            .iter()
            .find(|(_, v)| *v == value)
            .map(|(name, _)| *name)
    }
}

/// A structured type without an identity of its own.
#[derive(Debug)]
pub struct ComplexType {
    /// Name of the type.
    pub name: &'static str,
    /// Its members.
    pub props: &'static [Prop],
    /// Whether members that are not declared are allowed.
    pub open: bool,
}

/// Where the value of a property comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// A column of the set's table.
    Column(&'static str),
    /// An expression. `{t}` is the row's alias; `{tenant}`, `{folder}` (NULL unless the request is
    /// about one folder), `{now}` and every variable of the [`Scope`](crate::Scope) are bound.
    ///
    /// `{robot_id->robots}` is the alias of the row of `robots` whose `id` the column `robot_id`
    /// holds, with nulls if there is none: `{robot_id->robots}.name`. It goes on from row to row:
    /// `{robot_id->robots.user_id->users}.user_name`. Rows are joined once however often they are
    /// named, which costs a page less than a `(SELECT …)` for each of its rows.
    Sql(&'static str),
    /// Always this JSON text, e.g. `[]` or `null`.
    Json(&'static str),
}

/// In which answers a property has its value; elsewhere it is `null`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visible {
    /// In all.
    Always,
    /// Only when the entity is read by its key.
    Single,
    /// Only in collections, and in entities that are expanded into another.
    List,
    /// In none unless `$select` names it, and in no description: clients that know it filter by it.
    Asked,
}

/// A property.
#[derive(Clone, Copy, Debug)]
pub struct Prop {
    /// Name on the wire.
    pub name: &'static str,
    /// Where its value comes from.
    pub source: Source,
    /// Its type.
    pub kind: Kind,
    /// Whether it can be null.
    pub nullable: bool,
    /// Documentation, as written on the field.
    pub doc: &'static str,
    /// Whether it may be used in `$filter` and `$orderby`.
    pub filter: bool,
    /// What those look at if it is not what answers show: an expression as [`Source::Sql`].
    pub filter_sql: Option<&'static str>,
    /// In which answers it has its value.
    pub visible: Visible,
    /// Longest text a body may give, in characters.
    pub max_length: Option<u32>,
    /// Whether a body must give it.
    pub required: bool,
    /// Whether bodies cannot set it: what they give is not looked at.
    pub read_only: bool,
    /// Smallest and largest number a body may give.
    pub range: Option<(i64, i64)>,
    /// Whether the entries of a list are checked by whoever reads them, see [`Each`].
    pub each: bool,
}

/// The properties of a type that has all those of another one: `own` stand in front of the one
/// called `before`, at the end when there is none of that name.
///
/// # Panics
/// Unless `N` is the number of all of them; in a constant that is an error of the compiler.
#[must_use]
pub const fn extended<const N: usize>(base: &[Prop], before: &str, own: &[Prop]) -> [Prop; N] {
    assert!(
        base.len() + own.len() == N,
        "N is not the number of properties"
    );
    let mut at = 0;
    while at < base.len() && !is_same(base[at].name, before) {
        at += 1;
    }
    let mut all = [base[0]; N];
    let mut i = 0;
    while i < N {
        all[i] = if i < at {
            base[i]
        } else if i < at + own.len() {
            own[i - at]
        } else {
            base[i - own.len()]
        };
        i += 1;
    }
    all
}

/// The properties from the one called `name` on: what a type shares with another that has others in
/// front.
///
/// # Panics
/// When there is none of that name; in a constant that is an error of the compiler.
#[must_use]
pub const fn from_on(props: &'static [Prop], name: &str) -> &'static [Prop] {
    let mut at = 0;
    while !is_same(props[at].name, name) {
        at += 1;
    }
    props.split_at(at).1
}

/// The navigation properties of a type that has all those of another one, and `own` in front of them.
///
/// # Panics
/// Unless `N` is the number of all of them; in a constant that is an error of the compiler.
#[must_use]
pub const fn extended_navs<const N: usize>(own: Nav, base: &[Nav]) -> [Nav; N] {
    assert!(
        base.len() + 1 == N,
        "N is not the number of navigation properties"
    );
    let mut all = [own; N];
    let mut i = 0;
    while i < base.len() {
        all[i + 1] = base[i];
        i += 1;
    }
    all
}

/// `==`, which constants cannot use on texts.
#[must_use]
pub const fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

/// A navigation property: the way from an entity to related ones of another set.
#[derive(Clone, Copy, Debug)]
pub struct Nav {
    /// Name on the wire.
    pub name: &'static str,
    /// The set it leads to.
    pub target: fn() -> &'static EntitySet,
    /// The column of this set's table that refers to …
    pub column: &'static str,
    /// … this column of the target's table.
    pub target_column: &'static str,
    /// Whether it leads to any number of entities instead of at most one.
    pub many: bool,
    /// What a body may give in its place, if it may: structures that name the entities.
    pub given: Option<&'static Prop>,
}

/// Which rows of a table belong to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scoping {
    /// All of them.
    None,
    /// Those whose column `tenant_id` is the caller's.
    Tenant,
    /// Those, and of them the ones whose column `folder_id` is among the request's folders.
    Folder,
}

/// A table with the number of a set's entities, in the column `entities`, for each combination of
/// some columns, which it has under the same names besides those of the scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// The table, or `(SELECT …)`.
    pub table: &'static str,
    /// The columns.
    pub columns: &'static [&'static str],
}

/// A set of entities.
pub struct EntitySet {
    /// Name in the address, e.g. `Jobs`.
    pub name: &'static str,
    /// Name of the entity type, e.g. `JobDto`.
    pub entity: &'static str,
    /// Documentation, as written on the struct.
    pub doc: &'static str,
    /// The table, or `(SELECT …)` with the variables of [`Source::Sql`] except `{t}`. It has the
    /// columns that the scoping names.
    pub table: &'static str,
    /// Name of the property that identifies an entity.
    pub key: &'static str,
    /// The properties in the order in which they are written.
    pub props: &'static [Prop],
    /// The navigation properties.
    pub navs: &'static [Nav],
    /// Which rows belong to a request.
    pub scoping: Scoping,
    /// Order without `$orderby`: a property, ` desc` allowed. What makes a row unique decides between
    /// equals.
    pub order: &'static str,
    /// The columns that make a row unique where the key property alone does not: because rows have no
    /// public identity of their own, or because there is one for each folder that an entity is in.
    /// Empty where it is the key. Every order ends in them, so that pages neither repeat rows nor
    /// leave any out, and of several rows with one key the same is read each time.
    pub tie: &'static [&'static str],
    /// Largest page.
    pub top: u32,
    /// Where the number of entities is kept, if it is.
    pub counts: Option<&'static Counts>,
    /// The indexes that reads of this set rely on, as `name(column, column DESC)`, with
    /// ` WHERE …` for a partial one. A program tests that its database has them.
    pub indexes: &'static [&'static str],
}

impl EntitySet {
    /// The property that holds the version of a row, for sets that are changed with `If-Match`.
    pub fn version(&self) -> Option<&'static Prop> {
        let is_version = |prop: &&Prop| matches!(prop.kind, Kind::Version);
        self.props.iter().find(is_version)
    }

    /// Whether the key tells an entity from all others.
    pub fn is_identified(&self) -> bool {
        let key = self.prop(self.key).map(|prop| prop.source);
        let tie = self.tie;
        tie.is_empty() || matches!(key, Some(Source::Column(key)) if tie.contains(&key))
    }

    /// The property with this name, in any case.
    pub fn prop(&self, name: &str) -> Option<&'static Prop> {
        find(self.props, name)
    }

    /// The navigation property with this name, in any case.
    pub fn nav(&self, name: &str) -> Option<&'static Nav> {
        self.navs
            .iter()
            .find(|nav| nav.name.eq_ignore_ascii_case(name))
    }
}

impl fmt::Debug for EntitySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntitySet({})", self.name)
    }
}

/// The property of a list with this name, in any case.
pub(crate) fn find(props: &'static [Prop], name: &str) -> Option<&'static Prop> {
    props
        .iter()
        .find(|prop| prop.name.eq_ignore_ascii_case(name))
}

/// A Rust type that a property can have.
pub trait Edm {
    /// The type of the property.
    const KIND: Kind;
    /// Whether the property can be null.
    const NULLABLE: bool = false;
    /// Whether the entries of a list are checked by whoever reads them.
    const EACH: bool = false;
}

/// A struct with `#[complex]`.
pub trait Complex {
    /// Its declaration.
    const TYPE: &'static ComplexType;
}

/// What an operation is asked, as `#[input]` declares it: its parameters, and the key of the entity that
/// it is bound to.
pub trait Input: Sized {
    /// What the operation does, as written on the struct.
    const DOC: &'static str;
    /// Its parameters: of a function they stand in the path or in the query, of an action they are the
    /// members of the body.
    const PARAMS: &'static [Prop];
    /// Names of the parameters that stand in the address although the operation has a body.
    const QUERY: &'static [&'static str] = &[];
    /// The name of the parameter that is the whole body, if one is, and not a member of it.
    const WHOLE: Option<&'static str> = None;
    /// The type of the key, if it is bound to an entity.
    const KEY: Option<Kind>;
    /// The name under which [`Input::read`] finds the key; no parameter has it.
    const KEY_NAME: &'static str = "(key)";

    /// Reads the values, whose names are those of the declaration.
    ///
    /// # Errors
    /// Those of serde.
    fn read<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error>;
}

/// A struct with `#[entity]`.
pub trait Entity {
    /// Its declaration, at one address.
    fn set() -> &'static EntitySet;
}

/// The type of a navigation property: [`One`] or [`Many`].
pub trait Link {
    /// Whether it leads to any number of entities.
    const MANY: bool;
    /// The set it leads to.
    fn target() -> &'static EntitySet;
}

/// A navigation property that leads to at most one `T`. Holds nothing.
pub struct One<T>(PhantomData<fn() -> T>);

/// A navigation property that leads to any number of `T`. Holds nothing.
pub struct Many<T>(PhantomData<fn() -> T>);

macro_rules! link {
    ($name:ident, $many:literal) => {
        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<T> Copy for $name<T> {}
        impl<T> Default for $name<T> {
            fn default() -> Self {
                $name(PhantomData)
            }
        }
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
        impl<T> PartialEq for $name<T> {
            fn eq(&self, _: &Self) -> bool {
                true
            }
        }
        impl<T: Entity> Link for $name<T> {
            const MANY: bool = $many;
            fn target() -> &'static EntitySet {
                T::set()
            }
        }
    };
}

link!(One, false);
link!(Many, true);

/// The version of a row. Every change makes another one; it goes out as an opaque text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version(pub i64);

impl Version {
    /// Reads what was written out; `None` for anything else.
    pub fn parse(text: &str) -> Option<Version> {
        let bytes = STANDARD.decode(text).ok()?;
        Some(Version(i64::from_be_bytes(bytes.try_into().ok()?)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0.to_be_bytes()))
    }
}

/// A list of structures that whoever reads it checks one by one: an entry that is wrong does not concern
/// the others.
pub struct Each<T> {
    /// The entries as they came.
    pub entries: Vec<serde_json::Value>,
    of: PhantomData<fn() -> T>,
}

impl<T> From<Vec<serde_json::Value>> for Each<T> {
    fn from(entries: Vec<serde_json::Value>) -> Self {
        Each {
            entries,
            of: PhantomData,
        }
    }
}

impl<T> Default for Each<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<'de, T> Deserialize<'de> for Each<T> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Vec::deserialize(from).map(Self::from)
    }
}

impl<T: Complex> Edm for Each<T> {
    const KIND: Kind = Kind::Collection(T::TYPE);
    const EACH: bool = true;
}

/// A member that can be left out, which is another thing than null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given<T>(pub Option<Option<T>>);

impl<T> Default for Given<T> {
    fn default() -> Self {
        Given(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Option::deserialize(from).map(|value| Given(Some(value)))
    }
}

impl<T: Edm> Edm for Given<T> {
    const KIND: Kind = T::KIND;
    const NULLABLE: bool = true;
}

/// A dictionary whose members are not declared, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Open(pub serde_json::Map<String, serde_json::Value>);

/// The JSON text.
impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(&self.0).map_err(|_| fmt::Error)?)
    }
}

macro_rules! edm {
    ($($rust:ty => $kind:expr),* $(,)?) => {
        $(impl Edm for $rust {
            const KIND: Kind = $kind;
        })*
    };
}

edm! {
    bool => Kind::Bool,
    i32 => Kind::Int32,
    i64 => Kind::Int64,
    f64 => Kind::Double,
    String => Kind::String,
    Guid => Kind::Guid,
    Timestamp => Kind::DateTime,
    Vec<String> => Kind::Strings,
    Vec<i64> => Kind::Int64s,
    Vec<i32> => Kind::Int32s,
    Vec<Guid> => Kind::Guids,
    Vec<Timestamp> => Kind::Dates,
    Open => Kind::Open,
    Version => Kind::Version,
}

impl<T: Edm> Edm for Option<T> {
    const KIND: Kind = T::KIND;
    const NULLABLE: bool = true;
}

impl<T: Complex> Edm for Vec<T> {
    const KIND: Kind = Kind::Collection(T::TYPE);
}
