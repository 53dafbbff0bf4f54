//! The declaration of environments.

use odata::edm::{self, Entity, EntitySet};
use odata::edm_enum;

use crate::kinds::ById;
use crate::robots::{Robot, RobotOfEnvironment};

edm_enum! {
    /// What an environment is for; nothing follows from it.
    pub enum EnvironmentType { Dev = 0, Test = 1, Prod = 2 }
}

/// A group of robots of a classic folder, to which processes are deployed.
#[odata::entity(
    set = "Environments",
    name = "EnvironmentDto",
    table = "environments",
    key = "Id",
    scope = folder,
    order = "Id",
    indexes = "environments_folder(folder_id, id)"
)]
pub struct Environment {
    /// Unique in the folder.
    #[edm(required, max = 100)]
    pub name: String,
    /// For people.
    #[edm(max = 500)]
    pub description: Option<String>,
    /// What it is for.
    pub r#type: EnvironmentType,
    /// Number of the environment.
    pub id: i64,
    /// Its robots.
    #[edm(nav, column = "id", target_column = "environment_id", given = ById)]
    pub robots: odata::Many<RobotOfEnvironment>,
}

/// What `GetRobotsForEnvironment` sorts by and does not show.
#[odata::complex]
pub struct Membership {
    /// Whether the robot is in the environment.
    #[edm(asked)]
    pub is_in_environment: bool,
}

const CANDIDATES: [edm::Prop; Robot::SET.props.len() + 1] =
    edm::extended(Robot::SET.props, "", Membership::TYPE.props);

/// A robot with whether it is in the environment `{environment}`; those that are come first.
#[derive(Debug)]
pub struct Candidate;

impl Entity for Candidate {
    fn set() -> &'static EntitySet {
        static SET: EntitySet = EntitySet {
            table: "(SELECT r.*, EXISTS (SELECT 1 FROM environment_robots er
                WHERE er.environment_id = {environment} AND er.robot_id = r.id)
                AS is_in_environment FROM robots r)",
            props: &CANDIDATES,
            order: "IsInEnvironment desc",
            ..Robot::SET
        };
        &SET
    }
}
