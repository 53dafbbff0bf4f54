//! A feature is a folder with one door: what it offers, which tables are its own, and what it does when
//! something goes that its rows refer to.

use crate::cx::Cx;
use crate::engine::Engine;
use crate::error::Result;
use crate::op::{Op, Resource};

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
    /// What it does when something goes.
    pub removals: &'static [Removal],
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

/// What a feature does before a thing goes.
pub struct Removal {
    /// What goes.
    pub of: Thing,
    /// Lets go of the thing with this number.
    pub run: fn(&mut Cx<'_, '_>, i64) -> Result<()>,
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
            removals: &[],
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

    /// With what it does when something goes.
    #[must_use]
    pub const fn removals(mut self, removals: &'static [Removal]) -> Self {
        self.removals = removals;
        self
    }
}

/// Has every feature let go of a thing that is about to be removed. So nobody who removes something need
/// know who refers to it.
///
/// # Errors
/// Those of the features, which may refuse, and of the store.
pub fn removing(cx: &mut Cx<'_, '_>, thing: Thing, id: i64) -> Result<()> {
    let removals = crate::FEATURES.iter().flat_map(|feature| feature.removals);
    for removal in removals.filter(|removal| removal.of == thing) {
        (removal.run)(cx, id)?;
    }
    Ok(())
}
