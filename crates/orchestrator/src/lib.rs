//! The product: folders of features, each with its entities, operations and rules.
//!
//! This page is the table of contents. A feature may call those above it, never those below:
//! roles, users, folders, tenants → packages, releases → machines, robots, sessions → jobs → logs,
//! robot_service.
//! Functions are plain and synchronous: they get a [`Cx`] and return a [`Reply`] or an [`Error`].

pub mod access;
pub mod body;
mod cx;
mod error;
mod op;

pub mod tenants;

pub mod clients;
pub mod folders;
pub mod roles;
pub mod users;

pub mod packages;
pub mod releases;

pub mod machines;
pub mod robots;
pub mod sessions;

pub mod jobs;
pub mod logs;
pub mod robot_service;

pub use cx::{Args, Caller, Count, Cx, Folder, Hint, Identity, Listing, Reply, Server};
pub use error::{Code, Error, Result};
pub use op::{
    Access, Command, FolderRule, NAMESPACE, Need, Op, Prepare, QUEUE_NAMESPACE, Resource, Run,
    Store,
};

/// Every entity set, in the order of the service document.
pub static RESOURCES: &[&Resource] = &[
    &folders::RESOURCE,
    &jobs::RESOURCE,
    &machines::RESOURCE,
    &packages::RESOURCE,
    &releases::RESOURCE,
    &logs::RESOURCE,
    &robots::RESOURCE,
    &sessions::RESOURCE,
    &users::RESOURCE,
];

/// Every function and action.
pub static OPS: &[&[Op]] = &[
    folders::OPS,
    jobs::OPS,
    machines::OPS,
    packages::OPS,
    releases::OPS,
    logs::OPS,
    robots::OPS,
    users::OPS,
];

/// The schema of the main store.
pub static MIGRATIONS: &[db::Migration] = &[
    db::Migration {
        version: 1,
        name: "init",
        sql: include_str!("../../../migrations/main/0001_init.sql"),
    },
    db::Migration {
        version: 7,
        name: "job_pages",
        sql: include_str!("../../../migrations/main/0007_job_pages.sql"),
    },
];

/// The schema of the log store.
pub static LOG_MIGRATIONS: &[db::Migration] = &[db::Migration {
    version: 1,
    name: "init",
    sql: include_str!("../../../migrations/logs/0001_init.sql"),
}];
