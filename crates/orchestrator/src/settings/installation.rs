//! What clients ask about the installation: time zones, languages, licence, robot settings.

use db::sql;
use odata::{Open, Timestamp};
use serde::Serialize;

use super::{ANYONE, LANGUAGES, timezones::ZONES};
use crate::cx::Cx;
use crate::error::Result;
use crate::kinds::RobotType;
use crate::kinds::sessions::CONNECTED;
use crate::op::{Access, At, Need, Operation, function};

/// The time zones: their Windows ids, each with the IANA name that it stands for.
#[odata::input]
pub struct GetTimezones;

impl Operation for GetTimezones {
    const AT: At = function("Settings", "GetTimezones").public();
    type Answer = TimeZones;

    fn run(&self, _: &mut Cx<'_, '_>) -> Result<TimeZones> {
        let items = ZONES.iter().map(|(windows, iana)| NameValue {
            name: format!("{windows} ({iana})"),
            value: (*windows).to_owned(),
        });
        Ok(TimeZones {
            items: items.collect(),
        })
    }
}

/// Something to choose.
#[odata::complex(name = "NameValueDto")]
#[derive(Serialize)]
struct NameValue {
    /// What people see.
    name: String,
    /// What programs send.
    value: String,
}

/// The time zones.
#[odata::complex(name = "ListResultDtoOfNameValueDto")]
#[derive(Serialize)]
pub struct TimeZones {
    /// All of them.
    items: Vec<NameValue>,
}

/// The languages that the server speaks.
#[odata::input]
pub struct GetLanguages;

impl Operation for GetLanguages {
    const AT: At = function("Settings", "GetLanguages").public();
    type Answer = Languages;

    fn run(&self, _: &mut Cx<'_, '_>) -> Result<Languages> {
        let languages = LANGUAGES.iter().enumerate();
        let items = languages.map(|(i, (name, shown))| Language {
            name: (*name).to_owned(),
            display_name: (*shown).to_owned(),
            icon: None,
            is_default: i == 0,
            is_disabled: false,
        });
        Ok(Languages {
            items: items.collect(),
        })
    }
}

/// A language.
#[odata::complex(name = "LanguageInfo")]
#[derive(Serialize)]
struct Language {
    /// Its code.
    name: String,
    /// What people see.
    display_name: String,
    /// Nothing.
    icon: Option<String>,
    /// Whether it counts when nobody says.
    is_default: bool,
    /// Never.
    is_disabled: bool,
}

/// The languages.
#[odata::complex(name = "ListResultDtoOfLanguageInfo")]
#[derive(Serialize)]
pub struct Languages {
    /// All of them.
    items: Vec<Language>,
}

/// No number of runtimes is too large.
const UNLIMITED: i32 = i32::MAX;
/// 9999-12-31T23:59:59Z in seconds since 1970: never.
const NEVER: i64 = 253_402_300_799;

/// The slots of the hosts that are connected, by runtime.
const USED: &str = sql!(
    "SELECT COALESCE(SUM(m.unattended_slots), 0) AS unattended,
        COALESCE(SUM(m.non_production_slots), 0) AS non_production,
        COALESCE(SUM(m.headless_slots), 0) AS headless,
        COALESCE(SUM(m.test_automation_slots), 0) AS test_automation
    FROM sessions s JOIN machines m ON m.id = s.machine_id
    WHERE s.tenant_id = $1 AND NOT s.is_attended AND s.state IN {CONNECTED}
        AND NOT s.is_unresponsive"
);

/// The licence: everything is allowed for ever, and used are the runtimes of connected hosts.
#[odata::input]
pub struct GetLicense;

impl Operation for GetLicense {
    const AT: At = function("Settings", "GetLicense").needs(ANYONE);
    type Answer = License;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<License> {
        let tenant = cx.caller.tenant;
        let since = "SELECT creation_time FROM tenants WHERE id = $1";
        let since: Option<Timestamp> = cx.tx.one(since, &[tenant.into()])?.flatten();
        let row = cx.tx.row(USED, &[tenant.into()])?;
        let slots = |runtime: &str| -> Result<i64> {
            Ok(row.as_ref().map_or(Ok(0), |row| row.get(runtime))?)
        };
        let attended = sql!(
            "SELECT COUNT(*) FROM sessions WHERE tenant_id = $1 AND is_attended
             AND state IN {CONNECTED} AND NOT is_unresponsive"
        );
        let attended: i64 = cx.tx.one(attended, &[tenant.into()])?.unwrap_or(0);
        let mut allowed = serde_json::Map::new();
        let mut used = serde_json::Map::new();
        for (name, number) in RobotType::TYPE.members {
            let busy = match RobotType::from_i64(*number) {
                Some(RobotType::Unattended) => slots("unattended")?,
                Some(RobotType::NonProduction) => slots("non_production")?,
                Some(RobotType::Headless) => slots("headless")?,
                Some(RobotType::TestAutomation) => slots("test_automation")?,
                Some(RobotType::Attended) => attended,
                _ => 0,
            };
            allowed.insert((*name).to_owned(), UNLIMITED.into());
            used.insert((*name).to_owned(), busy.into());
        }
        Ok(License {
            id: tenant,
            expire_date: NEVER,
            grace_period_end_date: NEVER,
            grace_period: 0,
            version_control: None,
            allowed: Open(allowed),
            used: Open(used),
            attended_concurrent: false,
            development_concurrent: false,
            studio_x_concurrent: false,
            studio_pro_concurrent: false,
            licensed_features: Vec::new(),
            is_registered: true,
            is_community: false,
            is_pro_or_enterprise: true,
            subscription_code: None,
            subscription_plan: None,
            is_expired: false,
            creation_time: since,
            code: None,
            user_licensing_enabled: false,
        })
    }
}

/// What the tenant may run.
#[odata::complex(name = "LicenseDto")]
#[derive(Serialize)]
pub struct License {
    /// Number of the tenant.
    id: i64,
    /// In seconds since 1970.
    expire_date: i64,
    /// Likewise.
    grace_period_end_date: i64,
    /// In days.
    grace_period: i64,
    /// The versions it is for; null for all.
    version_control: Option<String>,
    /// Runtimes that may be used, by type.
    allowed: Open,
    /// Runtimes that are in use, by type.
    used: Open,
    /// Not a kind of licence here, as the next three.
    attended_concurrent: bool,
    /// See `AttendedConcurrent`.
    development_concurrent: bool,
    /// See `AttendedConcurrent`.
    studio_x_concurrent: bool,
    /// See `AttendedConcurrent`.
    studio_pro_concurrent: bool,
    /// Nothing is licensed by itself.
    licensed_features: Vec<String>,
    /// Always.
    is_registered: bool,
    /// Never.
    is_community: bool,
    /// Always.
    is_pro_or_enterprise: bool,
    /// There is none.
    subscription_code: Option<String>,
    /// There is none.
    subscription_plan: Option<String>,
    /// Never.
    is_expired: bool,
    /// When the tenant was made.
    creation_time: Option<Timestamp>,
    /// There is none.
    code: Option<String>,
    /// Never.
    user_licensing_enabled: bool,
}

/// Key, name as shown, type, default and, where there are few, the possible values.
const EXECUTION: &[(&str, &str, &str, &str, &[&str])] = &[
    (
        "TracingLevel",
        "Logging level",
        "MultipleChoice",
        "Information",
        &[
            "Verbose",
            "Trace",
            "Information",
            "Warning",
            "Error",
            "Critical",
            "Off",
        ],
    ),
    (
        "StudioNotifyServer",
        "Allow development logging",
        "Boolean",
        "True",
        &[],
    ),
    ("LoginToConsole", "Login to console", "Boolean", "True", &[]),
    ("ResolutionWidth", "Resolution width", "Integer", "0", &[]),
    ("ResolutionHeight", "Resolution height", "Integer", "0", &[]),
    ("ResolutionDepth", "Resolution depth", "Integer", "0", &[]),
    ("FontSmoothing", "Font smoothing", "Boolean", "True", &[]),
    (
        "AutoDownloadProcess",
        "Auto download process",
        "Boolean",
        "True",
        &[],
    ),
];

const ROBOT_SETTINGS: Need = Need::new(
    "OR.Settings",
    &[
        ("Settings", Access::Edit),
        ("Robots", Access::Create),
        ("Robots", Access::Edit),
    ],
    false,
);

/// What can be said in the `ExecutionSettings` of a robot. Nothing is set for all robots, so both scopes
/// have the same defaults.
#[odata::input]
pub struct GetExecutionSettingsConfiguration {
    /// For whom they count.
    #[edm(required)]
    scope: SettingsScope,
}

impl Operation for GetExecutionSettingsConfiguration {
    const AT: At = function("Settings", "GetExecutionSettingsConfiguration").needs(ROBOT_SETTINGS);
    type Answer = ExecutionSettings;

    fn run(&self, _: &mut Cx<'_, '_>) -> Result<ExecutionSettings> {
        let text = |text: &&str| (*text).to_owned();
        let settings = EXECUTION.iter();
        let configuration = settings.map(|(key, name, ty, default, values)| ExecutionSetting {
            key: text(key),
            display_name: text(name),
            value_type: text(ty),
            default_value: text(default),
            possible_values: values.iter().map(text).collect(),
        });
        Ok(ExecutionSettings {
            scope: self.scope,
            configuration: configuration.collect(),
        })
    }
}

odata::edm_enum! {
    /// For whom execution settings count.
    pub enum SettingsScope { Global = 0, Robot = 1 }
}

/// What can be said about how a robot executes.
#[odata::complex(name = "ExecutionSettingDefinition")]
#[derive(Serialize)]
struct ExecutionSetting {
    /// Its name in `ExecutionSettings`.
    key: String,
    /// What people see.
    display_name: String,
    /// What kind of value it takes.
    value_type: String,
    /// What counts when nobody says.
    default_value: String,
    /// The values, where there are few.
    possible_values: Vec<String>,
}

/// All that can be said about how robots execute.
#[odata::complex(name = "ExecutionSettingsConfiguration")]
#[derive(Serialize)]
pub struct ExecutionSettings {
    /// For whom it counts.
    scope: SettingsScope,
    /// The settings.
    configuration: Vec<ExecutionSetting>,
}
