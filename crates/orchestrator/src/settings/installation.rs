//! What clients ask about the installation: time zones, languages, licence, robot settings.

use serde_json::{Value, json};

use super::{LANGUAGES, timezones::ZONES};
use crate::cx::{Args, Cx, Reply};
use crate::error::{Error, Result};
use crate::robots::RobotType;

/// `GetTimezones`: the Windows ids, each with the IANA name it stands for.
pub(super) fn timezones(cx: &mut Cx<'_, '_>, _: &Args) -> Result<Reply> {
    let items: Vec<Value> = ZONES
        .iter()
        .map(|(windows, iana)| json!({"Name": format!("{windows} ({iana})"), "Value": windows}))
        .collect();
    let list = json!({"Items": items});
    Ok(Reply::json(
        cx.structure("ListResultDtoOfNameValueDto", list),
    ))
}

/// `GetLanguages`
pub(super) fn languages(cx: &mut Cx<'_, '_>, _: &Args) -> Result<Reply> {
    let items: Vec<Value> = LANGUAGES
        .iter()
        .enumerate()
        .map(|(i, (name, shown))| {
            json!({"Name": name, "DisplayName": shown, "Icon": null, "IsDefault": i == 0,
                   "IsDisabled": false})
        })
        .collect();
    let list = json!({"Items": items});
    Ok(Reply::json(
        cx.structure("ListResultDtoOfLanguageInfo", list),
    ))
}

/// No number of runtimes is too large.
const UNLIMITED: i32 = i32::MAX;
/// 9999-12-31T23:59:59Z in seconds since 1970: never.
const NEVER: i64 = 253_402_300_799;

/// The slots of the hosts that are connected, by runtime.
const USED: &str = "SELECT COALESCE(SUM(m.unattended_slots), 0),
        COALESCE(SUM(m.non_production_slots), 0), COALESCE(SUM(m.headless_slots), 0),
        COALESCE(SUM(m.test_automation_slots), 0)
    FROM sessions s JOIN machines m ON m.id = s.machine_id
    WHERE s.tenant_id = $1 AND NOT s.is_attended AND s.state IN (0, 1) AND NOT s.is_unresponsive";

/// `GetLicense`: everything is allowed for ever; used are the runtimes of connected hosts.
pub(super) fn license(cx: &mut Cx<'_, '_>, _: &Args) -> Result<Reply> {
    let tenant = cx.caller.tenant;
    let since = "SELECT creation_time FROM tenants WHERE id = $1";
    let since: Option<i64> = match cx.tx.row(since, &[tenant.into()])? {
        Some(row) => row.get(0)?,
        None => None,
    };
    let row = cx.tx.row(USED, &[tenant.into()])?;
    let slots =
        |i: usize| -> Result<i64> { Ok(row.as_ref().map(|r| r.get(i)).transpose()?.unwrap_or(0)) };
    let attended = "SELECT COUNT(*) FROM sessions WHERE tenant_id = $1 AND is_attended
        AND state IN (0, 1) AND NOT is_unresponsive";
    let attended: i64 = match cx.tx.row(attended, &[tenant.into()])? {
        Some(row) => row.get(0)?,
        None => 0,
    };
    let mut allowed = serde_json::Map::new();
    let mut used = serde_json::Map::new();
    for (name, number) in RobotType::TYPE.members {
        let busy = match RobotType::from_i64(*number) {
            Some(RobotType::Unattended) => slots(0)?,
            Some(RobotType::NonProduction) => slots(1)?,
            Some(RobotType::Headless) => slots(2)?,
            Some(RobotType::TestAutomation) => slots(3)?,
            Some(RobotType::Attended) => attended,
            _ => 0,
        };
        allowed.insert((*name).to_owned(), UNLIMITED.into());
        used.insert((*name).to_owned(), busy.into());
    }
    let license = json!({
        "Id": tenant, "ExpireDate": NEVER, "GracePeriodEndDate": NEVER, "GracePeriod": 0,
        "VersionControl": null, "Allowed": allowed, "Used": used, "AttendedConcurrent": false,
        "DevelopmentConcurrent": false, "StudioXConcurrent": false, "StudioProConcurrent": false,
        "LicensedFeatures": [], "IsRegistered": true, "IsCommunity": false,
        "IsProOrEnterprise": true, "SubscriptionCode": null, "SubscriptionPlan": null,
        "IsExpired": false, "CreationTime": since.map(|t| odata::Timestamp(t).to_string()),
        "Code": null, "UserLicensingEnabled": false,
    });
    Ok(Reply::json(cx.structure("LicenseDto", license)))
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

/// `GetExecutionSettingsConfiguration(scope=…)`: what can be said in a robot's
/// `ExecutionSettings`. Nothing is set for all robots, so both scopes have the same defaults.
pub(super) fn execution_settings(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let scope = match args.text("scope")?.to_lowercase().as_str() {
        "0" | "global" => "Global",
        "1" | "robot" => "Robot",
        other => {
            return Err(Error::invalid(format!(
                "The parameter scope must be 0 (Global) or 1 (Robot), not '{other}'."
            )));
        }
    };
    let configuration: Vec<Value> = EXECUTION
        .iter()
        .map(|(key, name, ty, default, values)| {
            json!({"Key": key, "DisplayName": name, "ValueType": ty, "DefaultValue": default,
                   "PossibleValues": values})
        })
        .collect();
    let answer = json!({"Scope": scope, "Configuration": configuration});
    Ok(Reply::json(
        cx.structure("ExecutionSettingsConfiguration", answer),
    ))
}
