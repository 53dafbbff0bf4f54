//! The product: folders of features, each with its entities, operations and rules.
//!
//! This page is the table of contents, and the order says who may call whom: a feature calls those
//! above it. Those below it hear of what happens to its things by the [`Hook`]s that they declare: accounts
//! bring their robots along, and machines take their sessions with them, without knowing of either.
//! Declarations may name any entity, because expansions go both ways.
//!
//! Functions are plain and synchronous: they get a [`Cx`] and return a [`Reply`] or an [`Error`].

pub mod access;
mod args;
pub mod body;
mod bulk;
mod caller;
mod chance;
mod clock;
mod cx;
pub mod engine;
mod error;
mod feature;
pub mod kinds;
pub mod op;
mod server;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub mod audit;
pub mod settings;

pub mod calendars;
pub mod roles;

pub mod folders;
pub mod users;

pub mod clients;

pub mod packages;

pub mod libraries;
pub mod releases;

pub mod machines;

pub mod sessions;

pub mod environments;
pub mod robots;

pub mod tenants;

pub mod operator;

pub mod idempotency;
pub mod jobs;
pub mod logs;
pub mod robot_service;
pub mod tokens;

pub mod assets;
pub mod queues;
pub mod schedules;
pub mod webhooks;

pub mod exports;

pub use chance::Chance;
pub use clock::Clock;
pub use cx::{
    Args, Caller, Count, Cx, Folder, Hint, Identity, Listing, NO_ARGS, Place, Reply, Server,
};
pub use error::{Code, Error, Result};
pub use feature::{Feature, Hook, Saved, Thing};
pub use op::{
    Access, At, Command, Does, FolderRule, Found, NAMESPACE, Need, OWN_NAMESPACE, Op, Operation,
    Prepare, Prepared, QUEUE_NAMESPACE, Resource, Search, Searched, Store, Task,
};

/// The features, in the order of the modules above.
pub static FEATURES: &[&Feature] = &[
    &audit::FEATURE,
    &settings::FEATURE,
    &calendars::FEATURE,
    &roles::FEATURE,
    &folders::FEATURE,
    &users::FEATURE,
    &clients::FEATURE,
    &packages::FEATURE,
    &libraries::FEATURE,
    &releases::FEATURE,
    &machines::FEATURE,
    &sessions::FEATURE,
    &environments::FEATURE,
    &robots::FEATURE,
    &tenants::FEATURE,
    &jobs::FEATURE,
    &logs::FEATURE,
    &robot_service::FEATURE,
    &assets::FEATURE,
    &queues::FEATURE,
    &schedules::FEATURE,
    &webhooks::FEATURE,
    &exports::FEATURE,
];

/// Every entity set.
pub fn resources() -> impl Iterator<Item = &'static Resource> + Clone {
    FEATURES
        .iter()
        .flat_map(|feature| feature.resources)
        .copied()
}

/// Every operation.
pub fn operations() -> impl Iterator<Item = &'static Op> + Clone {
    let tables = FEATURES.iter().flat_map(|feature| feature.operations);
    tables.flat_map(|table| table.iter())
}

/// What happens without a request.
pub fn engines() -> impl Iterator<Item = &'static engine::Engine> + Clone {
    let engines = FEATURES.iter().flat_map(|feature| feature.engines);
    engines.copied()
}

include!(concat!(env!("OUT_DIR"), "/migrations.rs"));
