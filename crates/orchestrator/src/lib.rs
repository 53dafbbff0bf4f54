//! The product: folders of features, each with its entities, operations and rules.
//!
//! This page is the table of contents, and the order says who may call whom: a feature calls those
//! above it. Two call below: accounts bring their robots along (users → robots), and machines take
//! their sessions with them (machines → sessions). Declarations may name any entity, because
//! expansions go both ways.
//!
//! Functions are plain and synchronous: they get a [`Cx`] and return a [`Reply`] or an [`Error`].

pub mod access;
mod args;
pub mod body;
mod bulk;
mod caller;
mod clock;
mod cx;
pub mod engine;
mod error;
mod op;
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

pub mod environments;
pub mod robots;
pub mod sessions;

pub mod tenants;

pub mod operator;

pub mod idempotency;
pub mod jobs;
pub mod logs;
pub mod robot_service;

pub mod assets;
pub mod queues;
pub mod schedules;
pub mod webhooks;

pub mod exports;

pub use clock::Clock;
pub use cx::{Args, Caller, Count, Cx, Folder, Hint, Identity, Listing, Place, Reply, Server};
pub use error::{Code, Error, Result};
pub use op::{
    Access, Command, FolderRule, Found, NAMESPACE, Need, OWN_NAMESPACE, Op, Prepare, Prepared,
    QUEUE_NAMESPACE, Resource, Run, Search, Searched, Store,
};

/// Every entity set, in the order of the service document.
pub static RESOURCES: &[&Resource] = &[
    &assets::RESOURCE,
    &audit::RESOURCE,
    &calendars::RESOURCE,
    &environments::RESOURCE,
    &exports::RESOURCE,
    &folders::RESOURCE,
    &jobs::RESOURCE,
    &libraries::RESOURCE,
    &machines::RESOURCE,
    &folders::UNITS,
    &roles::PERMISSIONS,
    &packages::RESOURCE,
    &schedules::RESOURCE,
    &releases::RESOURCE,
    &queues::definitions::RESOURCE,
    &queues::adding::RESOURCE,
    &queues::comments::RESOURCE,
    &queues::events::RESOURCE,
    &queues::items::RESOURCE,
    &queues::records::RESOURCE,
    &queues::retention::RESOURCE,
    &logs::RESOURCE,
    &robots::RESOURCE,
    &roles::RESOURCE,
    &sessions::RESOURCE,
    &settings::RESOURCE,
    &tenants::RESOURCE,
    &users::RESOURCE,
    &webhooks::RESOURCE,
];

/// Every function and action.
pub static OPS: &[&[Op]] = &[
    audit::OPS,
    calendars::OPS,
    environments::OPS,
    exports::OPS,
    folders::OPS,
    folders::UNIT_OPS,
    jobs::OPS,
    libraries::OPS,
    machines::OPS,
    packages::OPS,
    releases::OPS,
    queues::definitions::OPS,
    queues::extended::OPS,
    queues::upload::OPS,
    queues::comments::OPS,
    queues::events::OPS,
    queues::items::OPS,
    queues::by_filter::OPS,
    queues::adding::OPS,
    queues::bulk::OPS,
    queues::records::OPS,
    queues::report::OPS,
    logs::OPS,
    robots::OPS,
    sessions::OPS,
    users::ROLE_OPS,
    settings::OPS,
    users::OPS,
    webhooks::OPS,
];

/// Sets without an address of their own: operations give their entities.
pub static RESULTS: &[&[&odata::EntitySet]] = &[
    folders::RESULTS,
    machines::RESULTS,
    queues::RESULTS,
    robots::RESULTS,
    sessions::RESULTS,
    users::RESULTS,
    webhooks::RESULTS,
];

/// Structures that only operations use, for the descriptions of the service.
pub static TYPES: &[&[odata::Kind]] = &[
    bulk::TYPES,
    exports::TYPES,
    folders::TYPES,
    jobs::TYPES,
    packages::TYPES,
    queues::TYPES,
    settings::TYPES,
    users::TYPES,
];

/// What happens without a request.
pub static ENGINES: &[&engine::Engine] = &[
    &jobs::deadlines::ENGINE,
    &jobs::dispatch::ENGINE,
    &jobs::hosts::ENGINE,
    &queues::leases::ENGINE,
    &queues::sweep::ENGINE,
    &queues::search::ENGINE,
    &exports::runs::ENGINE,
    &exports::runs::REMOVAL,
];

/// A migration from the file that is called by its number and its name.
macro_rules! migration {
    ($version:literal, $folder_and_number:literal, $name:literal) => {
        db::Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!(
                "../../../migrations/",
                $folder_and_number,
                "_",
                $name,
                ".sql"
            )),
        }
    };
}

/// The schema of the main store.
pub static MIGRATIONS: &[db::Migration] = &[
    migration!(1, "main/0001", "init"),
    migration!(2, "main/0002", "environments"),
    migration!(3, "main/0003", "hosts"),
    migration!(4, "main/0004", "processes"),
    migration!(5, "main/0005", "people"),
    migration!(6, "main/0006", "queues"),
    migration!(7, "main/0007", "counts"),
    migration!(8, "main/0008", "job_pages"),
    migration!(9, "main/0009", "tenant_pages"),
    migration!(10, "main/0010", "queue_engine"),
    migration!(11, "main/0011", "job_members"),
    migration!(12, "main/0012", "application_accounts"),
    migration!(13, "main/0013", "claims"),
];

/// The schema of the log store.
pub static LOG_MIGRATIONS: &[db::Migration] = &[migration!(1, "logs/0001", "init")];
