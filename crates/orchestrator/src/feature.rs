//! A feature is a folder with one door: what it offers, which tables are its own, and what it does when
//! something happens to a thing of another feature.
//!
//! That is how a feature is called by those above it, which do not know it: it declares a [`Hook`], and
//! whoever a thing belongs to calls [`removing`], [`saved`], [`showing`] or [`lost`].

use odata::Mode;
use serde_json::Value as Json;

use crate::cx::Cx;
use crate::engine::Engine;
use crate::error::Result;
use crate::op::{Op, Resource, Vars};

/// A folder of the product.
pub struct Feature {
    /// The name of the folder.
    pub name: &'static str,
    /// Its entity sets.
    pub resources: &'static [&'static Resource],
    /// Its operations.
    pub operations: &'static [&'static [Op]],
    /// The tables that it alone writes.
    pub tables: &'static [&'static str],
    /// What it does without a request.
    pub engines: &'static [&'static Engine],
    /// What it does when something happens to things of others.
    pub hooks: &'static [Hook],
}

/// What others refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// A row of `environments`.
    Environment,
    /// A row of `machines`.
    Machine,
    /// A row of `releases`.
    Release,
    /// A row of `robots`.
    Robot,
    /// A row of `sessions`.
    Session,
    /// A row of `users`.
    User,
}

/// A thing that was made or changed.
#[derive(Debug, Clone, Copy)]
pub struct Saved<'b> {
    /// Its number.
    pub id: i64,
    /// What the caller said of it.
    pub body: &'b Json,
    /// Whether the body says all of it.
    pub mode: Mode,
}

/// What a feature does when something happens to a thing of another one, in the same transaction.
pub enum Hook {
    /// Lets go of a thing that is about to be removed, or refuses.
    Removing(Thing, fn(&mut Cx<'_, '_>, i64) -> Result<()>),
    /// Follows a thing that was made or changed, and takes its own part of the body.
    Saved(Thing, fn(&mut Cx<'_, '_>, &Saved<'_>) -> Result<()>),
    /// Tells what it knows of a thing that is shown: variables of the expressions of the thing's set.
    Showing(Thing, fn(&mut Cx<'_, '_>, i64) -> Result<Vars>),
    /// Gives up what is at a thing that went, or fell silent.
    Lost(Thing, fn(&mut Cx<'_, '_>, i64) -> Result<()>),
}

impl Feature {
    /// A feature that offers nothing yet.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            resources: &[],
            operations: &[],
            tables: &[],
            engines: &[],
            hooks: &[],
        }
    }

    /// With entity sets.
    #[must_use]
    pub const fn resources(mut self, resources: &'static [&'static Resource]) -> Self {
        self.resources = resources;
        self
    }

    /// With operations.
    #[must_use]
    pub const fn operations(mut self, operations: &'static [&'static [Op]]) -> Self {
        self.operations = operations;
        self
    }

    /// With tables of its own.
    #[must_use]
    pub const fn tables(mut self, tables: &'static [&'static str]) -> Self {
        self.tables = tables;
        self
    }

    /// With what it does without a request.
    #[must_use]
    pub const fn engines(mut self, engines: &'static [&'static Engine]) -> Self {
        self.engines = engines;
        self
    }

    /// With what it does when something happens to things of others.
    #[must_use]
    pub const fn hooks(mut self, hooks: &'static [Hook]) -> Self {
        self.hooks = hooks;
        self
    }
}

/// All that features do for each other, in the order of the features.
fn hooks() -> impl Iterator<Item = &'static Hook> {
    crate::FEATURES.iter().flat_map(|feature| feature.hooks)
}

/// Has every feature let go of a thing that is about to be removed. So nobody who removes something need
/// know who refers to it.
///
/// # Errors
/// Those of the features, which may refuse, and of the store.
pub fn removing(cx: &mut Cx<'_, '_>, thing: Thing, id: i64) -> Result<()> {
    for hook in hooks() {
        match hook {
            Hook::Removing(of, run) if *of == thing => run(cx, id)?,
            _ => {}
        }
    }
    Ok(())
}

/// Has every feature follow a thing that was made or changed.
///
/// # Errors
/// Those of the features, which may refuse, and of the store.
pub fn saved(cx: &mut Cx<'_, '_>, thing: Thing, saved: &Saved<'_>) -> Result<()> {
    for hook in hooks() {
        match hook {
            Hook::Saved(of, run) if *of == thing => run(cx, saved)?,
            _ => {}
        }
    }
    Ok(())
}

/// What every feature knows of a thing that is shown.
///
/// # Errors
/// The store's.
pub fn showing(cx: &mut Cx<'_, '_>, thing: Thing, id: i64) -> Result<Vars> {
    let mut all = Vars::new();
    for hook in hooks() {
        match hook {
            Hook::Showing(of, run) if *of == thing => all.extend(run(cx, id)?),
            _ => {}
        }
    }
    Ok(all)
}

/// Has every feature give up what is at a thing that went, or fell silent.
///
/// # Errors
/// Those of the store.
pub fn lost(cx: &mut Cx<'_, '_>, thing: Thing, id: i64) -> Result<()> {
    for hook in hooks() {
        match hook {
            Hook::Lost(of, run) if *of == thing => run(cx, id)?,
            _ => {}
        }
    }
    Ok(())
}
