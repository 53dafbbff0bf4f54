//! The documents of the robot protocol.

use odata::edm::EnumType;
use serde_json::{Value, json};

use crate::cx::Cx;
use crate::error::Result;
use crate::jobs::JobSource;
use crate::jobs::commands::{Command, StartJob};
use crate::packages::ReleaseTargetFramework;
use crate::robots::able;
use crate::sessions::Host;
use crate::tenants::Tenant;

fn name_of(kind: &EnumType, number: Option<i64>) -> Option<&str> {
    number.and_then(|n| kind.name_of(n))
}

/// Whether the robot `r` may run on the machine `$1`: its account shares a folder with it, or it is
/// a classic robot, bound to this machine or, if it is floating, to none; templates serve those.
pub(super) const ON_MACHINE: &str = "(r.machine_id = $1
    OR r.folder_id IS NOT NULL AND r.hosting_type = 1
        AND EXISTS (SELECT 1 FROM machines m
            WHERE m.id = $1 AND m.type = 1 AND m.tenant_id = r.tenant_id)
    OR EXISTS (SELECT 1 FROM folder_machines fm
    JOIN folder_tree ft ON ft.ancestor_id = fm.folder_id AND (ft.distance = 0 OR fm.propagate)
    JOIN folder_tree up ON up.folder_id = ft.folder_id
    JOIN folder_users fu ON fu.folder_id = up.ancestor_id
    WHERE fm.machine_id = $1 AND fu.user_id = r.user_id))";

/// The unattended and classic robots that may run on the machine; floating ones are there only for a
/// host that says it runs as their account.
pub(super) fn robots_of_machine(
    cx: &mut Cx<'_, '_>,
    host: &Host,
    account: Option<&str>,
) -> Result<Vec<Value>> {
    let sql = format!(
        "SELECT r.id FROM robots r WHERE {}
             AND (r.type = 2 AND r.folder_id IS NULL OR r.machine_id = $1
                 OR r.folder_id IS NOT NULL AND CAST($2 AS TEXT) IS NOT NULL)
             AND (CAST($2 AS TEXT) IS NULL OR fold(r.username) = fold($2))
             AND {ON_MACHINE} ORDER BY r.id",
        able!()
    );
    let rows = cx.tx.rows(&sql, &[host.machine.into(), account.into()])?;
    let mut robots = Vec::with_capacity(rows.len());
    for row in &rows {
        robots.push(robot_details(cx, row.get(0)?, host.machine)?);
    }
    Ok(robots)
}

/// `RobotDetailsDto`
///
/// # Errors
/// The store's.
pub fn robot_details(cx: &mut Cx<'_, '_>, robot: i64, machine: i64) -> Result<Value> {
    let row = cx.tx.row(
        "SELECT r.key, r.username, m.name AS machine_name, r.name, r.type, r.tenant_id, r.execution_settings
         FROM robots r JOIN machines m ON m.id = $2 WHERE r.id = $1",
        &[robot.into(), machine.into()],
    )?;
    let Some(row) = row else {
        return Ok(Value::Null);
    };
    let settings: Option<String> = row.get("execution_settings")?;
    Ok(json!({
        "robotKey": row.get::<String>("key")?,
        "user": row.get::<Option<String>>("username")?,
        "machineName": row.get::<String>("machine_name")?,
        "machineId": machine,
        "robotName": row.get::<String>("name")?,
        "robotType": row.get::<i64>("type")?,
        "hasLicense": true,
        "tenantId": row.get::<i64>("tenant_id")?,
        "organizationUnitId": Value::Null,
        "isExternalLicensed": false,
        "executionSettings": object(settings.as_deref()),
        "authSettings": {},
        "id": robot,
    }))
}

fn object(text: Option<&str>) -> Value {
    parsed(text).unwrap_or(json!({}))
}

/// The JSON object that a text holds, if it does.
fn parsed(text: Option<&str>) -> Option<Value> {
    text.and_then(|t| serde_json::from_str(t).ok())
        .filter(Value::is_object)
}

/// The `commands` of a heartbeat's answer. `mint` makes the token that a job acts with.
///
/// # Errors
/// Those of `mint`.
pub fn commands(
    list: &[Command],
    tenant: &Tenant,
    mint: &mut dyn FnMut(&StartJob) -> Result<String>,
) -> Result<Vec<Value>> {
    list.iter()
        .map(|command| {
            let (work, mut data) = match command {
                Command::Start(work) => {
                    let mut data = start_data(work, tenant);
                    data["accessToken"] = mint(work)?.into();
                    (work, data)
                }
                Command::Stop { work, kill } => {
                    let mut data = base_data(work, "StopProcess");
                    data["stopStrategy"] = if *kill { "Kill" } else { "SoftStop" }.into();
                    (work, data)
                }
            };
            data["jobSource"] = name_of(&JobSource::TYPE, Some(work.source_type)).into();
            Ok(envelope(work, data))
        })
        .collect()
}

fn envelope(work: &StartJob, data: Value) -> Value {
    let (key, email) = work.who();
    json!({
        "robotKey": work.robot_key,
        "username": work.robot_account,
        "robotName": work.robot_name,
        "robotType": work.robot_type,
        "machineId": work.machine,
        "hasLicense": true,
        "isExternalLicensed": false,
        "executionSettings": object(work.execution_settings.as_deref()),
        "authSettings": { "Auth.OAuth.RobotOAuthSecret": work.robot_key },
        "userDetails": {"key": key, "email": email},
        "data": data,
    })
}

/// What every command says of its job.
fn base_data(work: &StartJob, kind: &str) -> Value {
    json!({
        "id": format!("{}-{}", work.key, work.attempt),
        "type": kind,
        "jobKey": work.key,
        "attempt": work.attempt,
        "processKey": work.release_key,
        "processName": work.release_name,
        "packageId": work.package_id,
        "packageVersion": work.package_version,
        "folderId": work.folder_id,
        "folderKey": work.folder_key,
        "folderPath": work.folder_path,
        "fullyQualifiedFolderName": work.folder_path,
    })
}

/// What it says of a job to begin. Robots that read strictly know each of these members and its type;
/// `null` is what this server does not have.
fn start_data(work: &StartJob, tenant: &Tenant) -> Value {
    let mut data = base_data(work, "StartProcess");
    let [trace, parent_span, root_span] = &work.trace;
    let [fps_context, fps_properties] = &work.fps;
    let more = json!({
        "processSettings": Value::Null,
        "videoRecordingSettings": Value::Null,
        "persistenceId": Value::Null,
        "resumeVersion": Value::Null,
        "resumeSource": Value::Null,
        "suspendBlobType": Value::Null,
        "internalArguments": Value::Null,
        "password": Value::Null,
        "feedUrl": Value::Null,
        "defaultInputArguments": work.default_arguments,
        "profilingOptions": parsed(work.profiling_options.as_deref()),
        "fpsContext": fps_context,
        "fpsProperties": fps_properties,
        "feedId": work.feed_id,
        "targetFramework": name_of(&ReleaseTargetFramework::TYPE, work.target_framework),
        "entryPointPath": work.entry_point,
        "inputArguments": work.input_arguments,
        "inputFile": work.input_file,
        "environmentVariables": work.environment_variables,
        "requiresUserInteraction": work.requires_user_interaction,
        "username": work.robot_account,
        "credentialType": work.credential_type,
        "source": work.source,
        "traceId": trace,
        "parentSpanId": parent_span,
        "rootSpanId": root_span,
        "organizationId": tenant.organization_key,
        "tenantId": tenant.key,
        "tenantName": tenant.name,
    });
    if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
        data.extend(more);
    }
    data
}

/// `PublishedProcess` rows: the releases of all folders that the robot's account is assigned to.
pub(super) fn published_processes(cx: &mut Cx<'_, '_>, robot: i64) -> Result<Value> {
    let rows = cx.tx.rows(
        "SELECT rel.key, rel.name, rel.description, p.package_id, p.version, rel.input_arguments,
             f.id, f.display_name, f.fully_qualified_name
         FROM releases rel JOIN packages p ON p.id = rel.package_id
         JOIN folders f ON f.id = rel.folder_id
         WHERE NOT rel.hidden_for_attended_user AND rel.deletion_time IS NULL
             AND (rel.environment_id IS NULL OR EXISTS (SELECT 1 FROM environment_robots er
                 WHERE er.environment_id = rel.environment_id AND er.robot_id = $1))
             AND EXISTS (SELECT 1 FROM folder_tree ft
             JOIN folder_users fu ON fu.folder_id = ft.ancestor_id
             JOIN robots r ON r.user_id = fu.user_id AND r.id = $1
             WHERE ft.folder_id = rel.folder_id)
         ORDER BY rel.id LIMIT 1000",
        &[robot.into()],
    )?;
    let mut list = Vec::with_capacity(rows.len());
    for row in &rows {
        let key: String = row.get("key")?;
        list.push(json!({
            "activationKey": key,
            "processName": row.get::<String>("name")?,
            "processDescription": row.get::<Option<String>>("description")?,
            "processKey": key,
            "packageId": row.get::<String>("package_id")?,
            "packageVersion": row.get::<String>("version")?,
            "inputArguments": row.get::<Option<String>>("input_arguments")?,
            "folderId": row.get::<i64>("id")?,
            "folderName": row.get::<String>("display_name")?,
            "folderFullyQualifiedName": row.get::<String>("fully_qualified_name")?,
            "processSettings": Value::Null,
            "feedUrl": Value::Null,
        }));
    }
    Ok(Value::Array(list))
}
