//! The product as its users meet it: the real binary, over HTTP, on both databases.
//!
//! Every file is one area of the API. `BATON_TEST_POSTGRES` names the PostgreSQL server on which the
//! second half of the tests make their databases.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "a test looks at how its tasks end, and lives in the system's time"
)]

mod support;

mod access;
mod accounts;
mod agent;
mod applications;
mod attacks;
mod audit;
mod authority;
mod bad_input;
mod basic;
mod batch;
mod calendars;
mod classic;
mod commands;
mod contract;
mod coverage;
mod crash;
mod described;
mod downloads;
mod encodings;
mod engines;
mod environments;
mod errors;
mod exports;
mod folder_names;
mod folders;
mod gate;
mod guarded;
mod headers;
mod hostile;
mod hosts;
mod idempotency;
mod identity;
mod instants;
mod job_members;
mod jobs;
mod kept;
mod libraries;
mod logs;
mod machines;
mod migrating;
mod odata;
mod operator;
mod options;
mod origins;
mod packages;
mod pages;
mod queue_by_filter;
mod queue_errors;
mod queue_extended;
mod queue_groups;
mod queue_history;
mod queue_items;
mod queue_leases;
mod queue_plans;
mod queue_proof;
mod queue_report;
mod queue_rights;
mod queue_schemas;
mod queue_search;
mod queue_sweep;
mod queue_upload;
mod queues;
mod readme;
mod relaxed;
mod release_versions;
mod releases;
mod removing;
mod requests;
mod rights;
mod robot;
mod robot_answers;
mod robots_crud;
mod roles;
mod schema;
mod seeds;
mod sessions;
mod settings;
mod starting;
mod startup;
mod structures;
mod tokens;
mod transactions;
mod users;
mod webhooks;
mod whereabouts;
