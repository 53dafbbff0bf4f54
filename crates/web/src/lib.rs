//! The edge: HTTP in, domain calls, HTTP out. No rule of the product lives here.
//!
//! `listener` accepts connections, and `door` guards them: how long and how many may be, who may guess
//! secrets how often, which names of the server are believed. `router` is where each request begins,
//! `address` splits a URL into tenant and rest, `caller` turns credentials into a
//! [`orchestrator::Caller`], `odata`, `api`, `swagger`, `robots`, `logs`, `packages`, `exports` and
//! `identity` serve the areas, `error` is the one place that maps errors to statuses, `engines` runs what
//! happens without a request. `folder` knows the data folder; `operator` and `control` are the two ends of
//! commands that are given in it.

mod address;
mod api;
mod app;
mod basic;
mod batching;
mod body;
mod caller;
mod clock;
mod contract;
mod control;
mod cors;
mod door;
mod engines;
mod error;
mod execute;
mod exports;
mod files;
mod folder;
mod grants;
mod health;
mod heard;
mod hub;
mod identity;
mod listener;
mod logs;
mod metrics;
mod odata;
pub mod operator;
mod packages;
mod parts;
mod presence;
mod request;
mod robots;
mod router;
mod routes;
mod swagger;
pub mod tasks;

pub use app::{App, Config, Start, StartError};
pub use door::{Door, Limits, Network, TlsFiles};
pub use router::serve;
