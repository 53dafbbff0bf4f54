//! Releases: a package version made startable in a folder, under a name. The console calls them
//! processes.

pub mod arguments;
mod entities;
mod priority;

use db::Tx;
use odata::Guid;
use serde::Deserialize;

use crate::cx::{Args, Cx, Reply};
use crate::error::{Code, Error, Result};
use crate::op::{Access, Command, FolderRule, Need, Op, Resource, plain_entity};
use crate::packages;

pub(crate) use entities::PRIORITY_BAND;
pub use entities::{JobPriority, Release, RemoteControlAccess};
pub use priority::Priority;

/// The set.
pub static RESOURCE: Resource = Resource::new(
    &Release::SET,
    Need::new("OR.Execution", &[("Processes", Access::View)], false),
)
.folder(FolderRule::Optional)
.get(plain_entity)
.create(Command::new(
    Need::new("OR.Execution", &[("Processes", Access::Create)], true),
    create,
));

/// Its functions and actions.
pub const OPS: &[Op] = &[];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReleaseDto {
    name: String,
    process_key: String,
    process_version: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    environment_id: Option<i64>,
    #[serde(default)]
    entry_point_id: Option<i64>,
    #[serde(default)]
    entry_point_path: Option<String>,
    #[serde(default)]
    input_arguments: Option<String>,
    #[serde(default)]
    environment_variables: Option<String>,
    #[serde(default)]
    job_priority: Option<JobPriority>,
    #[serde(default)]
    specific_priority_value: Option<i64>,
    #[serde(default)]
    feed_id: Option<String>,
    #[serde(default)]
    hidden_for_attended_user: bool,
}

/// `POST /odata/Releases`
fn create(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let dto: ReleaseDto = args.body("release")?;
    let folder = cx.need_folder()?.id;
    if dto.name.trim().is_empty() {
        return Err(Error::invalid("The Name field is required."));
    }
    let tenant = cx.caller.tenant;
    let feed = packages::feed(cx.tx, tenant, dto.feed_id.as_deref())?;
    let package = packages::find(cx.tx, tenant, &feed, &dto.process_key, &dto.process_version)?
        .ok_or_else(|| {
            Error::refused(
                Code::PackageNotFound,
                format!(
                    "Package {} version {} does not exist in the feed.",
                    dto.process_key, dto.process_version
                ),
            )
        })?;
    check_environment(cx, folder, dto.environment_id)?;
    let entry = entry_point(cx.tx, package.id, &dto)?;
    let input = dto
        .input_arguments
        .as_deref()
        .filter(|t| !t.trim().is_empty());
    let input = input.map(arguments::normalize).transpose()?;
    let priority =
        Priority::read(dto.job_priority, dto.specific_priority_value)?.unwrap_or(Priority::NORMAL);
    let id = cx
        .tx
        .insert(
            "INSERT INTO releases (tenant_id, folder_id, key, name, description, package_id,
                 entry_point_id, input_arguments, environment_variables, specific_priority_value,
                 hidden_for_attended_user, creation_time, creator_user_id, environment_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id",
            &[
                tenant.into(),
                folder.into(),
                Guid::random().into(),
                dto.name.as_str().into(),
                dto.description.into(),
                package.id.into(),
                entry.into(),
                input.into(),
                dto.environment_variables.into(),
                priority.value().into(),
                dto.hidden_for_attended_user.into(),
                cx.now.into(),
                cx.caller.user().into(),
                dto.environment_id.into(),
            ],
        )
        .map_err(|e| Error::from(e).name_taken(&dto.name))?;
    Ok(Reply::created(cx.entity(&Release::SET, id, &[])?))
}

/// A process is deployed to an environment of its own folder; modern folders have none.
///
/// # Errors
/// 1002 for any other.
pub fn check_environment(cx: &mut Cx<'_, '_>, folder: i64, environment: Option<i64>) -> Result<()> {
    let Some(id) = environment else { return Ok(()) };
    let known = "SELECT 1 FROM environments WHERE id = $1 AND folder_id = $2";
    match cx.tx.row(known, &[id.into(), folder.into()])? {
        Some(_) => Ok(()),
        None => Err(Error::not_found("Environment")),
    }
}

/// The entry point that the body names by id or path, else the package's main one.
fn entry_point(tx: &mut Tx<'_>, package: i64, dto: &ReleaseDto) -> Result<Option<i64>> {
    let row = match (dto.entry_point_id, dto.entry_point_path.as_deref()) {
        (Some(id), _) => tx.row(
            "SELECT id FROM package_entry_points WHERE package_id = $1 AND id = $2",
            &[package.into(), id.into()],
        )?,
        (None, Some(path)) if !path.is_empty() => tx.row(
            "SELECT id FROM package_entry_points WHERE package_id = $1 AND path = $2",
            &[package.into(), path.into()],
        )?,
        _ => {
            let main = tx.row(
                "SELECT e.id FROM package_entry_points e JOIN packages p ON p.id = e.package_id
                 WHERE p.id = $1 ORDER BY e.path <> COALESCE(p.main_entry_point, ''), e.id LIMIT 1",
                &[package.into()],
            )?;
            return Ok(main.map(|r| r.get(0)).transpose()?);
        }
    };
    let row = row.ok_or_else(|| Error::invalid("The package has no such entry point."))?;
    Ok(Some(row.get(0)?))
}
