//! The declaration of robots.

use odata::edm::{self, Entity, EntitySet, Link, Nav};
use odata::{Guid, Open, Timestamp, edm_enum};

use crate::environments::Environment;
use crate::folders::ProvisionType;
use crate::kinds::{ById, CredentialType, RobotType, UserType};
use crate::users::User;

edm_enum! {
    /// Bound to one machine (classic) or to none.
    pub enum HostingType { Standard = 0, Floating = 1 }
}

/// The names of a robot's environments, with commas between.
const ENVIRONMENT_NAMES: &str = "COALESCE((SELECT string_agg(e.name, ',' ORDER BY e.id)
    FROM environment_robots er JOIN environments e ON e.id = er.environment_id
    WHERE er.robot_id = {t}.id), '')";

/// A robot.
#[odata::entity(
    set = "Robots",
    name = "RobotDto",
    table = "robots",
    key = "Id",
    scope = tenant,
    order = "Id",
    indexes = "robots_classic(tenant_id, machine_id) WHERE folder_id IS NOT NULL; robots_folder(folder_id, id) WHERE folder_id IS NOT NULL"
)]
pub struct Robot {
    /// Key of its machine; shown when one robot is read, and not to be guessed by filters.
    #[edm(
        sql = "{machine_id->machines}.license_key",
        single,
        nofilter,
        max = 255
    )]
    pub license_key: Option<String>,
    /// Its machine, for classic robots.
    #[edm(sql = "{machine_id->machines}.name", max = 450)]
    pub machine_name: Option<String>,
    /// Its machine, for classic robots.
    pub machine_id: Option<i64>,
    /// Unique in the tenant.
    #[edm(required)]
    pub name: String,
    /// The account of the host that it signs in as.
    #[edm(max = 100)]
    pub username: Option<String>,
    /// Name of the credential in an external store.
    #[edm(max = 450)]
    pub external_name: Option<String>,
    /// For people.
    #[edm(max = 500)]
    pub description: Option<String>,
    /// Its runtime.
    #[edm(required)]
    pub r#type: RobotType,
    /// Bound to one machine or to none.
    pub hosting_type: HostingType,
    /// Made by people (classic) or from an account (modern).
    pub provision_type: ProvisionType,
    /// Never shown.
    #[edm(json = "null", max = 100)]
    pub password: Option<String>,
    /// Where the password is kept.
    pub credential_store_id: Option<i64>,
    /// Its account.
    pub user_id: Option<i64>,
    /// Whether it takes jobs.
    pub enabled: bool,
    /// How it signs in.
    pub credential_type: Option<CredentialType>,
    /// Names of its environments; classic folders have them.
    #[edm(sql = ENVIRONMENT_NAMES, read_only)]
    pub robot_environments: Option<String>,
    /// Licences come from this server.
    #[edm(json = "false")]
    pub is_external_licensed: bool,
    /// Its account is used on one host at a time.
    pub limit_concurrent_execution: bool,
    /// When it was last changed.
    #[edm(read_only)]
    pub last_modification_time: Option<Timestamp>,
    /// By whom.
    #[edm(read_only)]
    pub last_modifier_user_id: Option<i64>,
    /// When it was made.
    #[edm(read_only)]
    pub creation_time: Timestamp,
    /// By whom.
    #[edm(read_only)]
    pub creator_user_id: Option<i64>,
    /// Number of the robot.
    pub id: i64,
    /// Settings of the robot; shown when one robot is read.
    #[edm(single)]
    pub execution_settings: Option<Open>,
    /// Its account.
    #[edm(nav, column = "user_id")]
    pub user: odata::One<User>,
    /// Its environments; classic folders have them.
    #[edm(nav, column = "id", target_column = "robot_id", given = ById)]
    pub environments: odata::Many<EnvironmentOfRobot>,
}

/// The environments of robots, one row for each pair.
#[derive(Debug)]
pub struct EnvironmentOfRobot;

/// From a robot to its environments, and on to the robots of these: that is the end of the way.
/// A circle of lists would let one short filter ask for work without end.
impl Entity for EnvironmentOfRobot {
    fn set() -> &'static EntitySet {
        static SET: EntitySet = EntitySet {
            navs: &[Nav {
                target: || &LAST_ROBOTS,
                ..Environment::SET.navs[0]
            }],
            ..ENVIRONMENTS_OF_ROBOTS
        };
        &SET
    }
}

const ENVIRONMENTS_OF_ROBOTS: EntitySet = EntitySet {
    table: "(SELECT e.*, er.robot_id FROM environments e
        JOIN environment_robots er ON er.environment_id = e.id)",
    ..Environment::SET
};

const ROBOTS_OF_ENVIRONMENTS: EntitySet = EntitySet {
    entity: SIMPLE,
    table: "(SELECT r.*, er.environment_id FROM robots r
        JOIN environment_robots er ON er.robot_id = r.id)",
    ..Robot::SET
};

static LAST_ENVIRONMENTS: EntitySet = EntitySet {
    navs: &[],
    ..ENVIRONMENTS_OF_ROBOTS
};

static LAST_ROBOTS: EntitySet = EntitySet {
    navs: &[USER],
    ..ROBOTS_OF_ENVIRONMENTS
};

/// The robots of environments, one row for each pair: the way from the other side.
#[derive(Debug)]
pub struct RobotOfEnvironment;

impl Entity for RobotOfEnvironment {
    fn set() -> &'static EntitySet {
        static SET: EntitySet = EntitySet {
            navs: &[
                USER,
                Nav {
                    target: || &LAST_ENVIRONMENTS,
                    ..ENVIRONMENTS
                },
            ],
            ..ROBOTS_OF_ENVIRONMENTS
        };
        &SET
    }
}

const USER: Nav = Robot::SET.navs[0];
const ENVIRONMENTS: Nav = Robot::SET.navs[1];

/// What the contract calls a robot within another entity; it has the same members.
const SIMPLE: &str = "SimpleRobotDto";

/// A robot within another entity.
#[derive(Debug)]
pub struct SimpleRobot;

impl Entity for SimpleRobot {
    fn set() -> &'static EntitySet {
        static SET: EntitySet = EntitySet {
            entity: SIMPLE,
            ..Robot::SET
        };
        &SET
    }
}

/// A robot with its account, as functions of the tenant show it.
#[derive(Debug)]
pub struct ExtendedRobot;

impl Entity for ExtendedRobot {
    fn set() -> &'static EntitySet {
        static SET: EntitySet = EntitySet {
            entity: "ExtendedRobotDto",
            ..Robot::SET
        };
        &SET
    }
}

/// The licence that a robot has taken.
#[odata::entity(set = "RobotLicenses", name = "RobotLicenseDto", table = NO_LICENSES, key = "Id", scope = none, order = "Id")]
pub struct RobotLicense {
    /// The robot.
    pub robot_id: i64,
    /// Since when.
    pub timestamp: Timestamp,
    /// Number of the licence.
    pub id: i64,
}

/// Licences are not counted, so no robot takes one.
const NO_LICENSES: &str =
    "(SELECT r.id, r.id AS robot_id, r.creation_time AS timestamp FROM robots r
    WHERE r.id IS NULL)";

/// A robot with the licence that it has taken, as sessions show it.
#[derive(Debug)]
pub struct RobotWithLicense;

const WITH_LICENSE: [Nav; Robot::SET.navs.len() + 1] = edm::extended_navs(
    Nav {
        name: "License",
        target: <odata::One<RobotLicense> as Link>::target,
        column: "id",
        target_column: "robot_id",
        many: false,
        given: None,
    },
    Robot::SET.navs,
);

impl Entity for RobotWithLicense {
    fn set() -> &'static EntitySet {
        static SET: EntitySet = EntitySet {
            entity: "RobotWithLicenseDto",
            navs: &WITH_LICENSE,
            ..Robot::SET
        };
        &SET
    }
}

/// What `GetRobotsForProcess` shows besides: no schema has it, but the guide to the API shows it.
#[odata::complex]
pub struct Installed {
    /// Version of the robot on the host where it was last seen.
    #[edm(
        sql = "(SELECT s.version FROM sessions s WHERE s.robot_id = {t}.id ORDER BY s.reporting_time DESC, s.id LIMIT 1)"
    )]
    pub version: Option<String>,
}

const ABLE: [edm::Prop; Robot::SET.props.len() + 1] =
    edm::extended(Robot::SET.props, "Type", Installed::TYPE.props);

/// A robot that can run a process.
#[derive(Debug)]
pub struct AbleRobot;

impl Entity for AbleRobot {
    fn set() -> &'static EntitySet {
        static SET: EntitySet = EntitySet {
            props: &ABLE,
            ..Robot::SET
        };
        &SET
    }
}

/// What `GetRobotsFromFolder` shows of the robot's account besides.
#[odata::complex]
pub struct Account {
    /// Person, robot account, …
    #[edm(sql = "{user_id->users}.type")]
    pub user_type: Option<UserType>,
    /// Where to reach them.
    #[edm(sql = "{user_id->users}.email_address")]
    pub user_email: Option<String>,
    /// Given and family name.
    #[edm(
        sql = "(CASE WHEN {t}.user_id IS NOT NULL THEN trim(COALESCE({user_id->users}.name, '') || ' ' || COALESCE({user_id->users}.surname, '')) END)"
    )]
    pub user_full_name: Option<String>,
    /// Its GUID.
    #[edm(sql = "{user_id->users}.key")]
    pub user_key: Option<Guid>,
}

const WITH_ACCOUNT: [edm::Prop; Robot::SET.props.len() + 4] =
    edm::extended(Robot::SET.props, "LicenseKey", Account::TYPE.props);

/// A robot of a folder with its account.
#[derive(Debug)]
pub struct RobotWithAccount;

impl Entity for RobotWithAccount {
    fn set() -> &'static EntitySet {
        static SET: EntitySet = EntitySet {
            entity: "RobotsFromFolderModel",
            props: &WITH_ACCOUNT,
            ..Robot::SET
        };
        &SET
    }
}

/// The name of a machine and its key.
#[odata::entity(set = "Robots", name = "KeyValuePairOfStringString", table = "machines", key = "Key", scope = tenant, order = "Key")]
pub struct MachineKey {
    /// The machine's name.
    #[edm(column = "name")]
    pub key: String,
    /// The key that its robots prove.
    #[edm(column = "license_key")]
    pub value: String,
}
