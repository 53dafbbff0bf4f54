//! Making and changing releases. What a body may set is the declaration's business; here are the
//! members that mean more than a column: package, entry point, arguments, priority, live streaming.

use db::{Tx, Value};
use odata::{Changes, Guid, Mode};

use super::{
    AUDITED, CREATE, Current, EDIT, JobPriority, Priority, Release, Which, arguments, find,
    versions,
};
use crate::access;
use crate::audit::{self, AuditAction};
use crate::body::given;
use crate::cx::{Cx, Hint};
use crate::error::{Error, Result};
use crate::op::{Access, At, Created, FolderRule, Need, Nothing, Operation, action};
use crate::packages::{self, Feed};

/// What changing the live streaming of a process asks of the caller besides.
const REMOTE_CONTROL: Need = Need::new("OR.Execution", &[("RemoteControl", Access::Create)], true);

/// What a body says that is no column, or more than one.
#[derive(Default)]
struct Said {
    process_key: Option<String>,
    process_version: Option<String>,
    feed_id: Option<String>,
    entry_point_id: Option<i64>,
    entry_point_path: Option<String>,
    job_priority: Option<JobPriority>,
    specific_priority_value: Option<i64>,
}

impl Said {
    fn by(body: &Changes) -> Result<Self> {
        let path: Option<String> = given(body, "EntryPointPath")?;
        Ok(Self {
            process_key: given(body, "ProcessKey")?,
            process_version: given(body, "ProcessVersion")?,
            feed_id: given(body, "FeedId")?,
            entry_point_id: given(body, "EntryPointId")?,
            entry_point_path: path.filter(|path| !path.is_empty()),
            job_priority: given(body, "JobPriority")?,
            specific_priority_value: given(body, "SpecificPriorityValue")?,
        })
    }
}

/// `POST /odata/Releases`
pub(super) fn create(cx: &mut Cx<'_, '_>, changes: Changes) -> Result<i64> {
    let said = Said::by(&changes)?;
    write(cx, &said, changes, Mode::Create, None)
}

/// Makes a process of the members of the body. The answer is shown as the options of the request say.
#[odata::input]
pub struct CreateRelease;

impl Operation for CreateRelease {
    const AT: At = action("Releases", "CreateRelease")
        .needs(CREATE)
        .sends(&Release::SET)
        .folder(FolderRule::Required)
        .audited(&AUDITED, AuditAction::Create);
    type Answer = Created<Release>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Created<Release>> {
        let changes = cx.args.changes("release", &Release::SET, Mode::Create)?;
        let query = cx.options(&Release::SET)?;
        let id = create(cx, changes)?;
        Ok(Created::by(id).under(query))
    }
}

/// `PUT /odata/Releases(id)`
pub(super) fn replace(cx: &mut Cx<'_, '_>, id: i64, changes: Changes) -> Result<()> {
    change(cx, id, changes, Mode::Replace)
}

/// `PATCH /odata/Releases(id)`
pub(super) fn merge(cx: &mut Cx<'_, '_>, id: i64, changes: Changes) -> Result<()> {
    change(cx, id, changes, Mode::Merge)
}

fn change(cx: &mut Cx<'_, '_>, id: i64, changes: Changes, mode: Mode) -> Result<()> {
    let current = find(cx, &Which::Id(id))?;
    let said = Said::by(&changes)?;
    write(cx, &said, changes, mode, Some(&current)).map(drop)
}

/// Changes version, entry point and arguments of a process.
#[odata::input]
pub struct UpdateByKey {
    /// Key of the process.
    #[edm(required)]
    release_key: Guid,
    /// Version of its package.
    process_version: Option<String>,
    /// Path of the entry point.
    entry_point_path: Option<String>,
    /// Arguments for its jobs, as a JSON object.
    input_args: Option<String>,
}

impl Operation for UpdateByKey {
    const AT: At = action("Releases", "UpdateByKey")
        .needs(EDIT)
        .folder(FolderRule::Required)
        .answers(200);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let current = find(cx, &Which::Key(self.release_key))?;
        let mut changes = Changes::none(&Release::SET);
        if let Some(text) = &self.input_args {
            changes.set("input_arguments", text.as_str());
        }
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let said = Said {
            process_version: filled(&self.process_version),
            entry_point_path: filled(&self.entry_point_path),
            ..Said::default()
        };
        write(cx, &said, changes, Mode::Merge, Some(&current))?;
        audit::done(cx, &AUDITED, AuditAction::Update, current.id)?;
        Ok(Nothing)
    }
}

/// Completes what a body changes, checks it, and writes it: a new release, or the current one.
fn write(
    cx: &mut Cx<'_, '_>,
    said: &Said,
    mut changes: Changes,
    mode: Mode,
    current: Option<&Current>,
) -> Result<i64> {
    let package = package(cx, said, current)?;
    let moves = current.is_none_or(|release| release.package != package);
    if let (Some(release), true) = (current, moves)
        && changes.get("auto_update") != Some(&Value::Bool(false))
    {
        versions::check_manual(release)?;
    }
    changes.set("package_id", package);
    let entry = entry_point(cx.tx, said, package, mode, current)?;
    changes.set("entry_point_id", entry);
    if let Some(Value::Int(environment)) = changes.get("environment_id") {
        let environment = Some(*environment);
        let folder = cx.need_folder()?.id;
        super::check_environment(cx, folder, environment)?;
    }
    changes.remove("specific_priority_value");
    if let Some(priority) = priority(said, mode, current)? {
        changes.set("specific_priority_value", priority.value());
    }
    if let Some(Value::Text(text)) = changes.get("input_arguments") {
        let given = Some(text).filter(|text| !text.trim().is_empty());
        let given = given.map(|text| arguments::normalize(text)).transpose()?;
        changes.set("input_arguments", given);
    }
    let streaming = changes.get("remote_control_access");
    let before = Value::Int(current.map_or(0, |release| release.remote_control));
    if streaming.is_some_and(|access| *access != before) {
        require(cx, &REMOTE_CONTROL)?;
    }
    let deployed = current.is_some() && changes.get("environment_id").is_some();
    let name = match changes.get("name") {
        Some(Value::Text(name)) => name.clone(),
        _ => String::new(),
    };
    let written = match current {
        Some(release) => cx.update(changes, release.id).map(|()| release.id),
        None => cx.insert(changes),
    };
    let id = written.map_err(|error| error.name_taken(&name))?;
    if moves {
        versions::begin(cx.tx, cx.now, id, package)?;
    }
    if deployed {
        // Other robots than before can take the jobs that wait.
        cx.hint(Hint::Dispatch);
    }
    Ok(id)
}

fn require(cx: &mut Cx<'_, '_>, need: &Need) -> Result<()> {
    let folder = cx.need_folder()?.clone();
    if access::has_in_folder(cx.tx, cx.caller, need, &folder)? {
        return Ok(());
    }
    Err(access::forbidden(need))
}

/// The package version that the body names; what it leaves out is as it was.
fn package(cx: &mut Cx<'_, '_>, said: &Said, current: Option<&Current>) -> Result<i64> {
    let tenant = cx.caller.tenant;
    let feed = Feed::Processes.requested(cx.tx, tenant, said.feed_id.as_deref())?;
    let was = |part: fn(&Current) -> &str| current.map(part).unwrap_or_default();
    let key = said
        .process_key
        .as_deref()
        .unwrap_or(was(|r| &r.package_id));
    let version = said
        .process_version
        .as_deref()
        .unwrap_or(was(|r| &r.version));
    let found = packages::find(cx.tx, tenant, &feed, key, version)?;
    let found = found.ok_or_else(|| versions::no_version(key, version))?;
    Ok(found.id)
}

/// The entry point that the body names by id or path. What says nothing new, because it leaves both
/// out or sends back what it read, means the one of the same path, in another version too.
fn entry_point(
    tx: &mut Tx<'_>,
    said: &Said,
    package: i64,
    mode: Mode,
    current: Option<&Current>,
) -> Result<Option<i64>> {
    let (id, path) = (said.entry_point_id, said.entry_point_path.as_deref());
    let silent = id.is_none() && path.is_none();
    let same = |release: &Current| {
        id.is_none_or(|id| release.entry_point == Some(id))
            && path.is_none_or(|path| release.entry_path.as_deref() == Some(path))
    };
    if let Some(release) = current.filter(|r| same(r) && (mode == Mode::Merge || !silent)) {
        if release.package == package {
            return Ok(release.entry_point);
        }
        return versions::same_entry_point(tx, package, release.entry_path.as_deref());
    }
    let (condition, value): (_, Value) = match (id, path) {
        (Some(id), _) => ("id = $2", id.into()),
        (None, Some(path)) => ("path = $2", path.into()),
        (None, None) => return packages::main_entry_point(tx, package),
    };
    let sql = format!("SELECT id FROM package_entry_points WHERE package_id = $1 AND {condition}");
    let row = tx.row(&sql, &[package.into(), value])?;
    let row = row.ok_or_else(|| Error::invalid("The package has no such entry point."))?;
    Ok(Some(row.get(0)?))
}

/// The priority that the body asks for: a band or a number. Both together are what a client read
/// and sends back; `None` when nothing changes.
fn priority(said: &Said, mode: Mode, current: Option<&Current>) -> Result<Option<Priority>> {
    let (band, number) = (said.job_priority, said.specific_priority_value);
    let shown = |release: &Current| {
        band == Some(release.priority.band()) && number == Some(release.priority.value())
    };
    if current.is_some_and(shown) {
        return Ok(None);
    }
    let asked = Priority::read(band, number)?;
    Ok(match mode {
        Mode::Merge => asked,
        Mode::Create | Mode::Replace => Some(asked.unwrap_or(Priority::NORMAL)),
    })
}
