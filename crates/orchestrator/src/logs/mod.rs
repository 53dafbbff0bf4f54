//! Robot logs: what running jobs said. They live in a store of their own.

pub mod calls;
mod entities;
mod origins;
mod submit;

use crate::op::{Access, FolderRule, Need, Resource, Store};

use crate::feature::Feature;
pub use entities::{LogLevel, RobotLog};
pub use origins::origins;
pub use submit::{Line, MAX_LINES, Origin, insert, origin_of_job, parse};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("logs")
    .resources(&[&RESOURCE])
    .operations(&[calls::OPS])
    .tables(&["robot_logs"]);

/// What reading logs asks of the caller.
const VIEW: Need = Need::new("OR.Monitoring", &[("Logs", Access::View)], false);
/// What writing logs asks of callers that are no robots; robots need no permission for it.
pub const SUBMIT: Need = Need::new("OR.Monitoring", &[("Logs", Access::Create)], true);

/// The set.
pub static RESOURCE: Resource = Resource::new(&RobotLog::SET, VIEW)
    .folder(FolderRule::Optional)
    .store(Store::Logs);
