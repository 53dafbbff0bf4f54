//! The edge: HTTP in, domain calls, HTTP out. No rule of the product lives here.
//!
//! `address` splits a URL into tenant and rest, `caller` turns credentials into a
//! [`orchestrator::Caller`], `odata`, `api`, `swagger`, `robots`, `logs`, `packages`, `exports` and
//! `identity` serve the areas, `error` is the one place that maps errors to statuses, `engines` runs
//! what happens without a request.

mod address;
mod api;
mod app;
mod caller;
mod contract;
mod engines;
mod error;
mod execute;
mod exports;
mod files;
mod grants;
mod health;
mod heard;
mod hub;
mod identity;
mod logs;
mod metrics;
mod odata;
mod packages;
mod parts;
mod request;
mod robots;
mod router;
mod swagger;
mod together;

pub use app::{App, Config, Start, StartError};
pub use router::serve;
