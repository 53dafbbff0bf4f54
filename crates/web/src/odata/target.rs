//! What a method and a path are about: a verb on a set or an entity, or an operation.

use ::odata::edm::EntitySet;
use ::odata::path::{self, Args as PathArgs, Literal, Path, Segment};
use ::odata::{Aliases, Options};
use axum::http::Method;
use orchestrator::{
    Args, Code, Command, Does, Error, FolderRule, Need, Op, Prepare, Resource, Result, Search,
    Store, Task,
};

use crate::{contract, routes};

/// What kind of answer a request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A page of a set.
    Page,
    /// The number of entities, as plain text.
    Count,
    /// One entity.
    Entity,
    /// The entity that was made.
    Created,
    /// What became of an entity that was changed or removed.
    Changed,
    /// Whatever the operation answers.
    Operation,
}

/// The end of a path, with all that is known of it before the request is read.
#[derive(Clone)]
pub struct Target {
    /// What it asks of the caller.
    pub need: Need,
    /// How it relates to folders.
    pub folder: FolderRule,
    /// Where it works.
    pub store: Store,
    /// Whether it changes something.
    pub write: bool,
    /// Slow work before the transaction.
    pub prepare: Option<Prepare>,
    /// Whether success has no body unless the caller prefers one.
    pub silent: bool,
    /// Looks for what it changes before it writes.
    pub search: Option<Search>,
    /// The verb, if it is one.
    pub verb: Option<(&'static Resource, Command)>,
    /// The query options that the answer honours.
    pub options: Options,
    /// The operation, if it is one.
    pub op: Option<&'static Op>,
    /// The set, unless it is an operation.
    pub set: Option<&'static EntitySet>,
    /// The key of the entity.
    pub key: Option<Literal>,
    /// Parameters in the path.
    pub params: Vec<(String, Literal)>,
    /// What it answers.
    pub kind: Kind,
}

impl Target {
    /// What is to be done in a transaction; `None` when the edge does it.
    pub fn task(&self, args: &Args) -> Option<Task> {
        match (self.verb, self.op) {
            (Some((resource, command)), _) => Some(Task::Verb(resource, command)),
            (None, Some(op)) => op.task(args),
            (None, None) => None,
        }
    }

    /// Whether the edge does it.
    pub fn is_at_the_edge(&self) -> bool {
        self.op.is_some_and(|op| matches!(op.does, Does::Edge))
    }
}

/// Finds the target.
///
/// # Errors
/// 400 for a path or key that cannot be read, 501 for what the contract has but Baton does not,
/// 404 for the rest.
pub fn find(method: &Method, rest: &str, query: &str) -> Result<Target> {
    let mut path = path::parse(rest)?;
    let aliases = Aliases::read(query)?;
    for segment in &mut path.segments {
        segment.args = segment.args.clone().resolve(&aliases)?;
    }
    if let Some(target) = operation(method, &path)? {
        return Ok(target);
    }
    let found = match &path.segments[..] {
        [first] => routes::set(&first.name).map(|r| (r, first, false)),
        [first, last] if last.name == "$count" && last.args == PathArgs::None => {
            routes::set(&first.name).map(|r| (r, first, true))
        }
        _ => None,
    };
    let (resource, segment, count) = found.ok_or_else(|| unknown(method, rest))?;
    let verb = match key_of(segment, Some(resource.set))? {
        None => on_set(resource, method, count),
        Some(key) if !count => on_entity(resource, method, key),
        Some(_) => None,
    };
    verb.ok_or_else(|| unknown(method, rest))
}

fn on_set(resource: &'static Resource, method: &Method, count: bool) -> Option<Target> {
    match *method {
        Method::GET => {
            let kind = if count { Kind::Count } else { Kind::Page };
            Some(reading(resource, &resource.list?, kind))
        }
        Method::POST if !count => Some(writing(resource, &resource.create?, Kind::Created)),
        _ => None,
    }
}

fn on_entity(resource: &'static Resource, method: &Method, key: Literal) -> Option<Target> {
    let mut target = match method.as_str() {
        "GET" => reading(resource, &resource.get?, Kind::Entity),
        "PUT" => writing(resource, &resource.replace?, Kind::Changed),
        "PATCH" | "MERGE" => writing(resource, &resource.merge?, Kind::Changed),
        "DELETE" => writing(resource, &resource.delete?, Kind::Changed),
        _ => return None,
    };
    target.key = Some(key);
    Some(target)
}

fn reading(resource: &'static Resource, command: &Command, kind: Kind) -> Target {
    let options = match kind {
        Kind::Page | Kind::Count => Options::LIST,
        Kind::Entity => resource.get_options,
        Kind::Created | Kind::Changed | Kind::Operation => Options::NONE,
    };
    Target {
        need: command.need,
        folder: resource.folder,
        store: resource.store,
        write: false,
        prepare: command.prepare,
        silent: command.silent,
        search: None,
        verb: Some((resource, *command)),
        options,
        op: None,
        set: Some(resource.set),
        key: None,
        params: Vec::new(),
        kind,
    }
}

fn writing(resource: &'static Resource, command: &Command, kind: Kind) -> Target {
    Target {
        folder: resource.folder.to_write(),
        write: true,
        ..reading(resource, command, kind)
    }
}

/// `Set/Ns.Op(…)` or `Set(key)/Ns.Op(…)`, in any case, with and without namespace and brackets.
fn operation(method: &Method, path: &Path) -> Result<Option<Target>> {
    let [first, last] = &path.segments[..] else {
        return Ok(None);
    };
    let name = last.name.rsplit('.').next().unwrap_or_default();
    let bound = !matches!(first.args, PathArgs::None | PathArgs::Empty);
    let Some(route) = routes::operation(&first.name, name, bound) else {
        return Ok(None);
    };
    let op = route.op;
    let op_at = &op.at;
    if method.as_str() != op_at.method {
        return Err(Error::NoSuchAddress(format!(
            "{} is called with {}.",
            op_at.name, op_at.method
        )));
    }
    let set = routes::set(&first.name).map(|r| r.set);
    Ok(Some(Target {
        need: op_at.need,
        folder: op_at.folder,
        store: op_at.store,
        write: op_at.action,
        prepare: None,
        silent: false,
        search: op.search,
        verb: None,
        options: route.options,
        op: Some(op),
        set: None,
        key: key_of(first, set)?,
        params: params(op, &last.args),
        kind: Kind::Operation,
    }))
}

/// The parameters in the brackets of an operation; a single value needs no name.
fn params(op: &Op, args: &PathArgs) -> Vec<(String, Literal)> {
    match (args, op.only_param()) {
        (PathArgs::Named(named), _) => named.clone(),
        (PathArgs::One(value), Some(name)) => vec![(name.to_owned(), value.clone())],
        _ => Vec::new(),
    }
}

/// The key in the brackets: `(1)` or `(Id=1)`.
fn key_of(segment: &Segment, set: Option<&EntitySet>) -> Result<Option<Literal>> {
    match &segment.args {
        PathArgs::None | PathArgs::Empty => Ok(None),
        PathArgs::One(key) => Ok(Some(key.clone())),
        PathArgs::Named(named) => match &named[..] {
            [(name, key)] if set.is_none_or(|set| set.key.eq_ignore_ascii_case(name)) => {
                Ok(Some(key.clone()))
            }
            _ => Err(Error::refused(
                Code::InvalidRequest,
                format!(
                    "The key of {0} is {1}: write {0}(…) or {0}({1}=…).",
                    segment.name,
                    set.map_or("one value", |set| set.key),
                ),
            )),
        },
    }
}

fn unknown(method: &Method, rest: &str) -> Error {
    if contract::knows(method.as_str(), &format!("odata/{rest}")) {
        return Error::NotBuilt(format!(
            "{method} odata/{rest} is part of the API but is not built in this version of Baton."
        ));
    }
    Error::NoSuchAddress(format!("There is no resource 'odata/{rest}' for {method}."))
}
