//! Who may do what, and in which folder.
//!
//! Applications are limited by the scopes of their token and by nothing else; what no scope covers
//! is, with `OR.Default` among them, up to the roles of their account ([`acting`]). People and robots
//! are limited by their roles: tenant-wide operations look at tenant roles, folder operations at the
//! roles assigned in that folder or above it ("modern" folders decide for themselves); classic
//! folders use the tenant's, and have accounts of their own only for their robots. A role of the
//! mixed kind counts wherever it is assigned.

mod paths;

use std::borrow::Cow;

use db::{Tx, Value};
use identity::scopes;
use odata::{Folders, Query};

use crate::cx::{Caller, Folder, Identity};
use crate::error::{Code, Error, Result};
use crate::op::{Access, FolderRule, Need};

/// How a request names its folder: the four headers, of which a path wins over a key over an id,
/// because clients send the key of their job's folder along with the path they mean.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct FolderHeader {
    /// `X-UIPATH-OrganizationUnitId`
    pub id: Option<i64>,
    /// `X-UIPATH-FolderKey`
    pub key: Option<String>,
    /// `X-UIPATH-FolderPath`, or the decoded `-Encoded` one.
    pub path: Option<String>,
}

impl FolderHeader {
    /// Whether the request names no folder.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Bytes of the names in it.
    #[must_use]
    pub fn text_len(&self) -> usize {
        let texts = [&self.key, &self.path].into_iter().flatten();
        texts.map(String::len).sum()
    }
}

/// The folder and the folders a request may work on.
#[derive(Debug)]
pub struct Granted {
    /// The folder of the header.
    pub folder: Option<Folder>,
    /// What listings may show.
    pub folders: Folders,
}

/// Checks the caller against `need` and resolves the folder.
///
/// # Errors
/// 403 for a missing scope or permission, 1100 for a folder that is not the caller's, 1101 when one
/// is needed.
pub fn grant(
    tx: &mut Tx<'_>,
    caller: &Caller,
    need: &Need,
    rule: FolderRule,
    header: &FolderHeader,
) -> Result<Granted> {
    let caller = &*acting(caller, need)?;
    if rule == FolderRule::Tenant {
        check_tenant(tx, caller, need)?;
        return Ok(Granted {
            folder: None,
            folders: Folders::All,
        });
    }
    if rule == FolderRule::Named {
        check_anywhere(tx, caller, need)?;
        return Ok(Granted {
            folder: None,
            folders: Folders::All,
        });
    }
    if header.is_empty() {
        if rule.is_required() {
            return Err(Error::refused(
                Code::RequiredOrganizationUnit,
                "A folder is required for this action.",
            ));
        }
        let all = rule == FolderRule::OptionalOrTenant && has_in_tenant(tx, caller, need)?;
        return Ok(Granted {
            folder: None,
            folders: if all {
                Folders::All
            } else {
                folders_with(tx, caller, need)?
            },
        });
    }
    let folder = resolve(tx, caller, header).map_err(|e| match rule {
        FolderRule::RequiredInput => e.folder_as_input(),
        _ => e,
    })?;
    check_folder(tx, caller, need, &folder)?;
    Ok(Granted {
        folders: Folders::One(folder.id),
        folder: Some(folder),
    })
}

/// As whom the caller does what asks for `need`. An application does with its scopes what they cover,
/// and no role is asked; the rest, if its token has `OR.Default`, as its account, like a person.
///
/// # Errors
/// 403 when no scope covers it and roles do not count.
pub fn acting<'c>(caller: &'c Caller, need: &Need) -> Result<Cow<'c, Caller>> {
    let Identity::Application { .. } = caller.identity else {
        return Ok(Cow::Borrowed(caller));
    };
    let by_roles = !covered(caller, need);
    if by_roles && !caller.has_default() {
        let half = if need.write { "Write" } else { "Read" };
        return Err(Error::MissingScope {
            granted: caller.scopes.join(" "),
            needed: format!("{0}' or '{0}.{half}", need.scope),
        });
    }
    if by_roles == caller.by_roles {
        return Ok(Cow::Borrowed(caller));
    }
    Ok(Cow::Owned(Caller {
        by_roles,
        ..caller.clone()
    }))
}

/// Whether a scope other than `OR.Default` covers it; any does where none is named.
fn covered(caller: &Caller, need: &Need) -> bool {
    if need.scope.is_empty() {
        return !caller.has_default() || caller.scopes.len() > 1;
    }
    scopes::grants(&caller.scopes, need.scope, need.write)
}

/// The refusal that names what is missing.
#[must_use]
pub fn forbidden(need: &Need) -> Error {
    let name = |(n, a): &(&str, Access)| format!("{n}.{}", a.name());
    let groups = need.groups();
    let groups = groups.map(|g| g.iter().map(name).collect::<Vec<_>>().join(" or "));
    Error::Forbidden {
        needed: groups.collect::<Vec<_>>().join(" and "),
    }
}

/// The condition that one permission of each group is given: `given` says by what, with `LIST` for
/// the names, which are ours, never the caller's.
fn permitted(need: &Need, given: &str, params: &mut Vec<Value>) -> String {
    let mut conditions = vec!["TRUE".to_owned()];
    for group in need.groups() {
        let mut list = Vec::new();
        for (name, access) in group {
            params.push(format!("{name}.{}", access.name()).into());
            list.push(format!("${}", params.len()));
        }
        conditions.push(given.replace("LIST", &list.join(", ")));
    }
    conditions.join(" AND ")
}

/// Checks the scope of the caller's token and the permission for the tenant.
///
/// # Errors
/// 403 for a missing scope or permission.
pub fn tenant_wide(tx: &mut Tx<'_>, caller: &Caller, need: &Need) -> Result<()> {
    let caller = acting(caller, need)?;
    check_tenant(tx, &caller, need)
}

/// Whether scope and roles let the caller do this for the tenant.
///
/// # Errors
/// The store's.
pub fn may(tx: &mut Tx<'_>, caller: &Caller, need: &Need) -> Result<bool> {
    match tenant_wide(tx, caller, need) {
        Ok(()) => Ok(true),
        Err(Error::Forbidden { .. } | Error::MissingScope { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whatever set a query begins at: going on to a guarded one, as that of accounts is, to show its entities
/// or to find out by filters and orders what they hold, takes the permission to see them; applications have
/// the scope for it.
///
/// # Errors
/// 403 without it.
pub fn may_ask(tx: &mut Tx<'_>, caller: &Caller, query: &Query) -> Result<()> {
    for guarded in crate::resources().filter(|resource| resource.guarded) {
        if query.leads_to(guarded.set.entity) {
            tenant_wide(tx, caller, &guarded.view)?;
        }
    }
    Ok(())
}

fn check_tenant(tx: &mut Tx<'_>, caller: &Caller, need: &Need) -> Result<()> {
    if need.is_open() || has_in_tenant(tx, caller, need)? {
        Ok(())
    } else {
        Err(forbidden(need))
    }
}

/// The permission for the tenant or in any folder.
fn check_anywhere(tx: &mut Tx<'_>, caller: &Caller, need: &Need) -> Result<()> {
    if need.is_open() || has_in_tenant(tx, caller, need)? {
        return Ok(());
    }
    folders_with(tx, caller, need).map(drop)
}

fn check_folder(tx: &mut Tx<'_>, caller: &Caller, need: &Need, folder: &Folder) -> Result<()> {
    if need.is_open() || has_in_folder(tx, caller, need, folder)? {
        return Ok(());
    }
    Err(forbidden(need))
}

/// Whether a role for the tenant gives the caller one of the permissions.
///
/// # Errors
/// The store's.
pub fn has_in_tenant(tx: &mut Tx<'_>, caller: &Caller, need: &Need) -> Result<bool> {
    if caller.needs_no_role() {
        return Ok(true);
    }
    let Some(user) = caller.account() else {
        return Ok(false);
    };
    let mut params = vec![Value::from(user)];
    let given = "EXISTS (SELECT 1 FROM user_roles ur
        JOIN role_permissions p ON p.role_id = ur.role_id
        WHERE ur.user_id = $1 AND p.permission IN (LIST))";
    let sql = format!("SELECT 1 WHERE {}", permitted(need, given, &mut params));
    Ok(tx.row(&sql, &params)?.is_some())
}

/// Whether a role in the folder or above it gives the caller one of the permissions; in a classic
/// folder a role for the tenant does, too.
///
/// # Errors
/// The store's.
pub fn has_in_folder(
    tx: &mut Tx<'_>,
    caller: &Caller,
    need: &Need,
    folder: &Folder,
) -> Result<bool> {
    if caller.needs_no_role() {
        return Ok(true);
    }
    if !folder.modern && has_in_tenant(tx, caller, need)? {
        return Ok(true);
    }
    let Some(user) = caller.account() else {
        return Ok(false);
    };
    let mut params = vec![Value::from(user), folder.id.into()];
    let given = "EXISTS (SELECT 1 FROM folder_tree ft
        JOIN folder_user_roles fur ON fur.folder_id = ft.ancestor_id AND fur.user_id = $1
        JOIN role_permissions p ON p.role_id = fur.role_id
        WHERE ft.folder_id = $2 AND p.permission IN (LIST))";
    let sql = format!("SELECT 1 WHERE {}", permitted(need, given, &mut params));
    Ok(tx.row(&sql, &params)?.is_some())
}

/// The folder `id` for somebody who does something there: any that they know of with the permission for the
/// tenant, else only those in which a role gives it.
///
/// # Errors
/// 1100 when there is no such folder for this caller, 403 when there is but not to be managed.
pub fn managed(tx: &mut Tx<'_>, caller: &Caller, need: &Need, id: i64) -> Result<Folder> {
    managed_as(tx, caller, need, &By::Id(id))
}

/// As [`managed`], for a folder that is named in any way.
///
/// # Errors
/// As [`managed`].
pub fn managed_as(tx: &mut Tx<'_>, caller: &Caller, need: &Need, by: &By<'_>) -> Result<Folder> {
    let folder = find(tx, caller, by)?.ok_or_else(|| no_folder(by))?;
    // What is permitted for the tenant is so in folders that the caller knows of.
    if !may_enter(tx, caller, &folder)? && !has_in_tenant(tx, caller, &KNOWS_FOLDERS)? {
        return Err(no_folder(by));
    }
    if has_in_tenant(tx, caller, need)? || has_in_folder(tx, caller, need, &folder)? {
        return Ok(folder);
    }
    Err(forbidden(need))
}

/// Who does anything with the folders of the tenant knows all of them.
const KNOWS_FOLDERS: Need = Need::new(
    "OR.Folders",
    &[
        ("Units", Access::View),
        ("Units", Access::Edit),
        ("Units", Access::Create),
        ("Units", Access::Delete),
        ("SubFolders", Access::View),
        ("SubFolders", Access::Edit),
        ("SubFolders", Access::Create),
        ("SubFolders", Access::Delete),
    ],
    false,
);

/// The folders in which the caller has the permissions; none at all is a 403.
fn folders_with(tx: &mut Tx<'_>, caller: &Caller, need: &Need) -> Result<Folders> {
    match folders_where(tx, caller, need)? {
        Folders::Some(ids) if ids.is_empty() => Err(forbidden(need)),
        folders => Ok(folders),
    }
}

/// The folders in which the caller has the permissions; possibly none.
///
/// # Errors
/// The store's.
pub fn folders_where(tx: &mut Tx<'_>, caller: &Caller, need: &Need) -> Result<Folders> {
    if caller.needs_no_role() {
        return Ok(Folders::All);
    }
    let Some(user) = caller.account() else {
        return Ok(Folders::Some(Vec::new()));
    };
    let mut params = vec![Value::from(user), caller.tenant.into()];
    // Where no permission is asked for, being let in is.
    let given = "(EXISTS (SELECT 1 FROM folder_tree ft
        JOIN folder_user_roles fur ON fur.folder_id = ft.ancestor_id AND fur.user_id = $1
        JOIN role_permissions p ON p.role_id = fur.role_id
        WHERE ft.folder_id = f.id AND p.permission IN (LIST))
      OR (f.permission_model = 0 AND EXISTS (SELECT 1 FROM user_roles ur
        JOIN role_permissions p ON p.role_id = ur.role_id
        WHERE ur.user_id = $1 AND p.permission IN (LIST))))";
    let condition = match need.is_open() {
        true => entered_by("$1"),
        false => permitted(need, given, &mut params),
    };
    let sql = format!("SELECT f.id FROM folders f WHERE f.tenant_id = $2 AND {condition}");
    let rows = tx.rows(&sql, &params)?;
    let ids: Result<Vec<i64>, db::Error> = rows.iter().map(|r| r.get(0)).collect();
    Ok(Folders::Some(ids?))
}

/// Finds the folder that a request names and that the caller may enter. What is named besides must be
/// there, too: a header that names nothing is never as good as none.
///
/// # Errors
/// 1100, in the same words whether it does not exist or is not the caller's.
pub fn resolve(tx: &mut Tx<'_>, caller: &Caller, header: &FolderHeader) -> Result<Folder> {
    let mut ambient = None;
    if let Some(id) = header.id {
        ambient = Some(enter(tx, caller, &By::Id(id))?);
    }
    if let Some(key) = &header.key {
        ambient = Some(enter(tx, caller, &By::Key(key))?);
    }
    match (&header.path, ambient) {
        (Some(path), ambient) => {
            let nowhere = || no_folder(&By::Path(path));
            let absolute = paths::absolute(ambient.as_ref(), path).ok_or_else(nowhere)?;
            let found = find(tx, caller, &By::Path(&absolute))?;
            entered(tx, caller, found, &By::Path(path))
        }
        (None, Some(folder)) => Ok(folder),
        (None, None) => Err(no_folder(&By::Id(0))),
    }
}

/// One way to name a folder.
pub enum By<'n> {
    /// By its number.
    Id(i64),
    /// By its stable key.
    Key(&'n str),
    /// By its full path.
    Path(&'n str),
}

fn enter(tx: &mut Tx<'_>, caller: &Caller, by: &By<'_>) -> Result<Folder> {
    let found = find(tx, caller, by)?;
    entered(tx, caller, found, by)
}

fn entered(tx: &mut Tx<'_>, caller: &Caller, found: Option<Folder>, by: &By<'_>) -> Result<Folder> {
    match found {
        Some(folder) if may_enter(tx, caller, &folder)? => Ok(folder),
        _ => Err(no_folder(by)),
    }
}

fn find(tx: &mut Tx<'_>, caller: &Caller, by: &By<'_>) -> Result<Option<Folder>> {
    let (condition, value) = match by {
        By::Path(path) => (
            "fold(f.fully_qualified_name) = fold($2)",
            Value::from(*path),
        ),
        By::Key(key) => ("f.key = $2", Value::from(key.to_lowercase())),
        By::Id(id) => ("f.id = $2", Value::from(*id)),
    };
    let sql = format!(
        "SELECT f.id, f.key, f.fully_qualified_name, f.permission_model FROM folders f
         WHERE f.tenant_id = $1 AND {condition}"
    );
    let Some(row) = tx.row(&sql, &[caller.tenant.into(), value])? else {
        return Ok(None);
    };
    Ok(Some(Folder {
        id: row.get("id")?,
        key: row.get("key")?,
        path: row.get("fully_qualified_name")?,
        modern: row.get::<i64>("permission_model")? == 1,
    }))
}

/// The refusal in the same words for a folder that does not exist and for one that is not the caller's.
pub(crate) fn no_folder(by: &By<'_>) -> Error {
    let name = match by {
        By::Path(path) => format!(" '{path}'"),
        By::Id(_) | By::Key(_) => String::new(),
    };
    Error::refused(
        Code::InvalidOrganizationUnit,
        format!("Folder{name} does not exist or the user does not have access to the folder."),
    )
}

/// Accounts enter the folders that they are assigned to, here or above; classic ones, which take their
/// permissions from the tenant, with any role for it. The condition that the account `user` enters `f`.
pub(crate) fn entered_by(user: &str) -> String {
    format!(
        "(f.permission_model = 0 AND EXISTS (SELECT 1 FROM user_roles ur
            JOIN role_permissions p ON p.role_id = ur.role_id WHERE ur.user_id = {user})
          OR EXISTS (SELECT 1 FROM folder_tree ft
            JOIN folder_users fu ON fu.folder_id = ft.ancestor_id AND fu.user_id = {user}
            WHERE ft.folder_id = f.id))"
    )
}

/// With their scopes applications enter every folder of their tenant; accounts as [`entered_by`] says.
fn may_enter(tx: &mut Tx<'_>, caller: &Caller, folder: &Folder) -> Result<bool> {
    if caller.needs_no_role() {
        return Ok(true);
    }
    let Some(user) = caller.account() else {
        return Ok(false);
    };
    let entered = entered_by("$1");
    let sql = format!("SELECT 1 FROM folders f WHERE f.id = $2 AND {entered}");
    Ok(tx.row(&sql, &[user.into(), folder.id.into()])?.is_some())
}
