//! Who has access to a folder, with which roles, and from where.

use odata::edm_enum;
use serde_json::{Value as Json, json};

use super::navigation::people_only;
use super::{OWN, VIEW as VIEW_FOLDERS};
use crate::access;
use crate::cx::{Args, Cx, Listing, Reply};
use crate::error::{Error, Result};
use crate::op::{Access, Need};
use crate::roles::RoleType;
use crate::users::UserType;

/// Whoever keeps assets needs to see for whom.
pub(super) const VIEW: Need = Need::new(
    "OR.Folders",
    &[
        ("Units", Access::View),
        ("SubFolders", Access::View),
        ("Assets", Access::Create),
        ("Assets", Access::Edit),
    ],
    false,
);

edm_enum! {
    /// Whether a role is given in the folder itself or above it.
    pub enum RoleOrigin { Assigned = 0, Inherited = 1 }
}
edm_enum! {
    /// Where an account is kept.
    pub enum UserSource { Orchestrator = 0, Portal = 1, All = 2 }
}

/// A folder, in short.
#[odata::complex(name = "SimpleFolderDto")]
pub struct SimpleFolder {
    /// The last segment of the path.
    pub display_name: String,
    /// The path.
    pub fully_qualified_name: String,
    /// Number of the folder.
    pub id: i64,
}

/// A role as an account has it in a folder.
#[odata::complex(name = "SimpleRoleDto")]
pub struct SimpleRole {
    /// Given here or above.
    pub origin: RoleOrigin,
    /// Where it may be assigned.
    pub role_type: RoleType,
    /// The folder above that gives it.
    pub inherited_from_folder: Option<SimpleFolder>,
    /// Its name.
    pub name: String,
    /// Number of the role.
    pub id: i32,
}

/// A role with who has it.
#[odata::complex(name = "RoleUsersDto")]
pub struct RoleUsers {
    /// Its name.
    pub name: String,
    /// The accounts.
    pub users: Vec<SimpleUserEntity>,
    /// Number of the role.
    pub id: i32,
}

/// An account with a role.
#[odata::complex(name = "SimpleUserEntityDto")]
pub struct SimpleUserEntity {
    /// Sign-in name.
    pub user_name: String,
    /// Whether a folder above gives the role.
    pub is_inherited: bool,
    /// Not told here: the answer lists the folders.
    pub assigned_to_folder_ids: Vec<i64>,
    /// May run attended robots.
    pub may_have_attended: bool,
    /// Has an unattended robot.
    pub may_have_unattended: bool,
    /// What kind of principal it is.
    pub r#type: UserType,
    /// Where it is kept.
    pub source: UserSource,
    /// Number of the user.
    pub id: i64,
}

/// The roles of an account in a folder.
#[odata::complex(name = "FolderAssignmentsDto")]
pub struct FolderAssignments {
    /// The folder.
    pub folder: SimpleFolder,
    /// The roles.
    pub roles: Vec<RoleUsers>,
}

/// All roles of an account.
#[odata::complex(name = "UserRoleAssignmentsDto")]
pub struct UserRoleAssignments {
    /// Those for the tenant.
    pub tenant_roles: Vec<RoleUsers>,
    /// Those in folders, a page of these.
    pub page_items: Vec<FolderAssignments>,
    /// Number of folders on all pages.
    pub count: i32,
    /// Number of the account.
    pub id: i64,
}

/// An account as a folder shows it.
#[odata::complex(name = "UserEntityDto")]
pub struct UserEntity {
    /// Given and family name.
    pub full_name: Option<String>,
    /// Everyone signs in here.
    pub authentication_source: Option<String>,
    /// Sign-in name.
    pub user_name: String,
    /// Assigned to a folder above only.
    pub is_inherited: bool,
    /// The folders it is assigned to.
    pub assigned_to_folder_ids: Vec<i64>,
    /// May run attended robots.
    pub may_have_attended: bool,
    /// Has an unattended robot.
    pub may_have_unattended: bool,
    /// What kind of principal it is.
    pub r#type: UserType,
    /// Where it is kept.
    pub source: UserSource,
    /// Number of the user.
    pub id: i64,
}

/// The accounts of the folder `{target}`; those of the folders above, too, if `{inherited}`.
const WITH_ACCESS: &str = "(SELECT u.*,
        EXISTS (SELECT 1 FROM folder_users fu
            WHERE fu.folder_id = {target} AND fu.user_id = u.id) AS is_assigned
    FROM users u WHERE EXISTS (SELECT 1 FROM folder_tree ft
        JOIN folder_users fu ON fu.folder_id = ft.ancestor_id AND fu.user_id = u.id
        WHERE ft.folder_id = {target} AND (ft.distance = 0 OR {inherited})))";

/// The account as JSON; the numbers and names of its kind are those of `UserType`.
const USER_ENTITY: &str = "('{\"FullName\":'
    || json_quote(trim(COALESCE({t}.name, '') || ' ' || COALESCE({t}.surname, '')))
    || ',\"AuthenticationSource\":null,\"UserName\":' || json_quote({t}.user_name)
    || ',\"IsInherited\":' || CASE WHEN {t}.is_assigned THEN 'false' ELSE 'true' END
    || ',\"AssignedToFolderIds\":[' || COALESCE((SELECT string_agg(CAST(fu.folder_id AS TEXT), ',')
        FROM folder_users fu WHERE fu.user_id = {t}.id), '')
    || '],\"MayHaveAttended\":' || CASE WHEN {t}.may_have_robot_session THEN 'true' ELSE 'false' END
    || ',\"MayHaveUnattended\":'
    || CASE WHEN {t}.may_have_unattended_session THEN 'true' ELSE 'false' END
    || ',\"Type\":\"' || CASE {t}.type WHEN 0 THEN 'User' WHEN 1 THEN 'Robot'
        WHEN 2 THEN 'DirectoryUser' WHEN 3 THEN 'DirectoryGroup' WHEN 4 THEN 'DirectoryRobot'
        ELSE 'DirectoryExternalApplication' END
    || '\",\"Source\":\"Orchestrator\",\"Id\":' || {t}.id || '}')";

/// The roles of the account in the folder as JSON.
const ROLES: &str = "(SELECT '[' || string_agg(x.role, ',') || ']' FROM (
    SELECT '{\"Origin\":\"' || CASE WHEN ft.distance = 0 THEN 'Assigned' ELSE 'Inherited' END
        || '\",\"RoleType\":\"'
        || CASE r.type WHEN 0 THEN 'Mixed' WHEN 1 THEN 'Tenant' ELSE 'Folder' END
        || '\",\"InheritedFromFolder\":' || CASE WHEN ft.distance = 0 THEN 'null'
            ELSE '{\"DisplayName\":' || json_quote(f.display_name) || ',\"FullyQualifiedName\":'
                || json_quote(f.fully_qualified_name) || ',\"Id\":' || f.id || '}' END
        || ',\"Name\":' || json_quote(r.name) || ',\"Id\":' || r.id || '}' AS role
    FROM folder_tree ft
    JOIN folder_user_roles fur ON fur.folder_id = ft.ancestor_id AND fur.user_id = {t}.id
    JOIN roles r ON r.id = fur.role_id JOIN folders f ON f.id = ft.ancestor_id
    WHERE ft.folder_id = {target} AND (ft.distance = 0 OR {inherited})
    ORDER BY ft.distance, r.id) x)";

/// An account of a folder with its roles there.
#[odata::entity(set = "UserRoles", name = "UserRolesDto", table = WITH_ACCESS, key = "Id", scope = tenant, order = "Id")]
pub struct UserRoles {
    /// The account.
    #[edm(sql = USER_ENTITY, nofilter)]
    pub user_entity: UserEntity,
    /// Its roles.
    #[edm(sql = ROLES)]
    pub roles: Vec<SimpleRole>,
    /// Alerts do not exist yet.
    #[edm(json = "false")]
    pub has_alerts_enabled: bool,
    /// Number of the account.
    pub id: i64,
}

/// `GetUsersForFolder(key=…,includeInherited=…)`
pub(super) fn get_for_folder(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let folder = access::managed(cx.tx, cx.caller, &VIEW, args.int("key")?)?;
    let inherited = match args.param("includeInherited") {
        None => true,
        Some(odata::path::Literal::Bool(yes)) => *yes,
        Some(_) => match args.text("includeInherited")?.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => {
                return Err(Error::invalid(
                    "The parameter includeInherited must be true or false.",
                ));
            }
        },
    };
    let query = args.options(cx, &UserRoles::SET)?;
    let listing = Listing {
        vars: &[
            ("target", folder.id.into()),
            ("inherited", inherited.into()),
        ],
        name: Some("UserRoles"),
        count: args.count,
        restrict: None,
    };
    Ok(Reply::json(cx.page(&UserRoles::SET, &query, &listing)?))
}

/// `GetAllRolesForUser(username='…',skip=0,take=10)`
pub(super) fn get_all_roles(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let body = assignments(cx, args)?;
    cx.selected_of::<UserRoleAssignments>(args, body)
}

/// `GET /api/FoldersNavigation/GetAllRolesForUser?username=…`: the same without OData.
///
/// # Errors
/// 403 for an application, 1002 for an unknown account.
pub fn roles_of_user(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    people_only(cx)?;
    let body = assignments(cx, args)?;
    Ok(Reply::json(body.to_string().into_bytes()))
}

edm_enum! {
    /// What a directory calls an account.
    pub enum DirectoryObjectType {
        User = 0, Group = 1, Machine = 2, Robot = 3, ExternalApplication = 4
    }
}

/// The types of accounts that the parameter `type` leaves; all of them without it.
fn wanted_types(args: &Args) -> Result<Vec<UserType>> {
    use {DirectoryObjectType as D, UserType as U};
    let Some(text) = args.optional_text("type")?.filter(|text| !text.is_empty()) else {
        return Ok(U::TYPE
            .members
            .iter()
            .filter_map(|(_, n)| U::from_i64(*n))
            .collect());
    };
    Ok(match D::parse(&text) {
        Some(D::User) => vec![U::User, U::DirectoryUser],
        Some(D::Group) => vec![U::DirectoryGroup],
        Some(D::Machine) => Vec::new(),
        Some(D::Robot) => vec![U::Robot, U::DirectoryRobot],
        Some(D::ExternalApplication) => vec![U::DirectoryExternalApplication],
        None => {
            return Err(Error::invalid(
                "The parameter type must be User, Group, Machine, Robot or ExternalApplication.",
            ));
        }
    })
}

/// The folders of an account, a page of them, each with the roles that it has there.
fn assignments(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Json> {
    let all = access::has_in_tenant(cx.tx, cx.caller, &VIEW_FOLDERS)?;
    let (skip, take) = super::navigation::paging(args)?;
    let wanted = args.text("username")?;
    let row = cx.tx.row(
        "SELECT id, user_name, type, may_have_robot_session, may_have_unattended_session
         FROM users WHERE tenant_id = $1 AND fold(user_name) = fold($2)",
        &[cx.caller.tenant.into(), wanted.into()],
    )?;
    let row = row.ok_or_else(|| Error::not_found("User"))?;
    let user: i64 = row.get("id")?;
    let kind = UserType::from_i64(row.get("type")?).unwrap_or(UserType::User);
    if !wanted_types(args)?.contains(&kind) {
        return Err(Error::not_found("User"));
    }
    let shown = json!({
        "UserName": row.get::<String>("user_name")?,
        "IsInherited": false,
        "AssignedToFolderIds": [],
        "MayHaveAttended": row.get::<bool>("may_have_robot_session")?,
        "MayHaveUnattended": row.get::<bool>("may_have_unattended_session")?,
        "Type": kind.name(),
        "Source": UserSource::Orchestrator.name(),
        "Id": user,
    });
    let role = |id: i64, name: String| json!({"Name": name, "Users": [&shown], "Id": id});

    let rows = cx.tx.rows(
        "SELECT r.id, r.name FROM user_roles ur JOIN roles r ON r.id = ur.role_id
         WHERE ur.user_id = $1 ORDER BY r.id",
        &[user.into()],
    )?;
    let tenant: Result<Vec<Json>, db::Error> = rows
        .iter()
        .map(|row| Ok(role(row.get("id")?, row.get("name")?)))
        .collect();

    // A caller who manages some folders only sees these.
    let mut params = vec![user.into()];
    let mut own = String::new();
    if !all {
        params.push(cx.caller.account().into());
        own = format!("AND {}", OWN.replace("{user}", "$2").replace("{t}", "f"));
    }
    let sql = format!(
        "SELECT f.id, f.display_name, f.fully_qualified_name, r.id AS role, r.name AS role_name
         FROM folder_users fu
         JOIN folders f ON f.id = fu.folder_id
         LEFT JOIN folder_user_roles fur ON fur.folder_id = fu.folder_id AND fur.user_id = fu.user_id
         LEFT JOIN roles r ON r.id = fur.role_id
         WHERE fu.user_id = $1 {own} ORDER BY fold(f.fully_qualified_name), r.id"
    );
    let rows = cx.tx.rows(&sql, &params)?;
    let search = args.optional_text("searchText")?;
    let search = search.unwrap_or_default().to_lowercase();
    let mut folders: Vec<(i64, Json, Vec<Json>)> = Vec::new();
    for row in &rows {
        let (id, path): (i64, String) = (row.get("id")?, row.get("fully_qualified_name")?);
        if !path.to_lowercase().contains(&search) {
            continue;
        }
        if folders.last().is_none_or(|(last, ..)| *last != id) {
            let name: String = row.get("display_name")?;
            let folder = json!({"DisplayName": name, "FullyQualifiedName": path, "Id": id});
            folders.push((id, folder, Vec::new()));
        }
        let number: Option<i64> = row.get("role")?;
        if let (Some(number), Some((.., roles))) = (number, folders.last_mut()) {
            roles.push(role(number, row.get("role_name")?));
        }
    }
    let count = folders.len();
    let page: Vec<Json> = folders
        .into_iter()
        .skip(skip)
        .take(take)
        .map(|(_, folder, roles)| json!({"Folder": folder, "Roles": roles}))
        .collect();
    Ok(json!({"TenantRoles": tenant?, "PageItems": page, "Count": count, "Id": user}))
}
