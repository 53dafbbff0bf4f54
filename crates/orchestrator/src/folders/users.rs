//! Who has access to a folder, with which roles, and from where.

use odata::edm::{Input, Kind, Prop};
use odata::edm_enum;
use serde::{Deserializer, Serialize};

use super::navigation::{count, page, people_only};
use super::{OWN, VIEW as VIEW_FOLDERS, function};
use crate::access;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kinds::UserType;
use crate::op::{Access, At, FolderRule, Json, Need, Operation, Page, plain};
use crate::roles::RoleType;

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
#[derive(Serialize)]
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
#[derive(Serialize)]
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
#[derive(Clone, Serialize)]
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
#[derive(Serialize)]
pub struct FolderAssignments {
    /// The folder.
    pub folder: SimpleFolder,
    /// The roles.
    pub roles: Vec<RoleUsers>,
}

/// All roles of an account.
#[odata::complex(name = "UserRoleAssignmentsDto")]
#[derive(Serialize)]
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
    /// The folders it is assigned to, as far as the caller sees them.
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
        FROM folder_users fu WHERE fu.user_id = {t}.id AND ({all} OR EXISTS (
            SELECT 1 FROM folder_tree ft
            JOIN folder_user_roles fur ON fur.folder_id = ft.ancestor_id AND fur.user_id = {caller}
            JOIN role_permissions p ON p.role_id = fur.role_id
            WHERE ft.folder_id = fu.folder_id
                AND p.permission IN ('Units.View', 'SubFolders.View')))), '')
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

/// The accounts that are assigned to a folder, with their roles there.
#[odata::input]
pub struct GetUsersForFolder {
    /// Number of the folder.
    #[edm(required)]
    key: i64,
    /// Whether those of the folders above are shown, too, as they are unless one says no.
    include_inherited: Option<bool>,
}

impl Operation for GetUsersForFolder {
    const AT: At = function("GetUsersForFolder").needs(VIEW);
    type Answer = Page<UserRoles>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        let folder = access::managed(cx.tx, cx.caller, &VIEW, self.key)?;
        let page = Page::all()
            .var("target", folder.id)
            .var(
                "all",
                access::has_in_tenant(cx.tx, cx.caller, &VIEW_FOLDERS)?,
            )
            .var("caller", cx.caller.account())
            .var("inherited", self.include_inherited.unwrap_or(true));
        Ok(page.named("UserRoles"))
    }
}

/// The roles of an account, for the tenant and in a page of the folders that it is assigned to.
#[odata::input]
pub struct GetAllRolesForUser {
    /// Sign-in name of the account.
    #[edm(required)]
    username: String,
    /// How many folders are left out at the start.
    #[edm(range = "0..=2147483647")]
    skip: Option<i32>,
    /// How many folders are shown at most.
    #[edm(range = "0..=1000")]
    take: Option<i32>,
    /// What kind of account it is.
    #[edm(query)]
    r#type: Option<DirectoryObjectType>,
    /// A part of the folders' paths.
    #[edm(query)]
    search_text: String,
}

impl Operation for GetAllRolesForUser {
    const AT: At = function("GetAllRolesForUser").needs(VIEW_FOLDERS);
    type Answer = UserRoleAssignments;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<UserRoleAssignments> {
        self.assignments(cx)
    }
}

/// The same at a plain address. Applications are refused there.
pub struct RolesOfUser(GetAllRolesForUser);

impl Input for RolesOfUser {
    const DOC: &'static str = GetAllRolesForUser::DOC;
    const PARAMS: &'static [Prop] = GetAllRolesForUser::PARAMS;
    const KEY: Option<Kind> = None;

    fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        GetAllRolesForUser::read(from).map(Self)
    }
}

impl Operation for RolesOfUser {
    const AT: At = plain("GET", "api/FoldersNavigation/GetAllRolesForUser")
        .needs(VIEW_FOLDERS)
        .folder(FolderRule::Named);
    type Answer = Json<UserRoleAssignments>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        people_only(cx)?;
        self.0.assignments(cx).map(Json)
    }
}

edm_enum! {
    /// What a directory calls an account.
    pub enum DirectoryObjectType {
        User = 0, Group = 1, Machine = 2, Robot = 3, ExternalApplication = 4
    }
}

impl DirectoryObjectType {
    /// Whether it is what a directory calls accounts of this kind.
    fn is(self, kind: UserType) -> bool {
        match self {
            Self::User => matches!(kind, UserType::User | UserType::DirectoryUser),
            Self::Group => kind == UserType::DirectoryGroup,
            Self::Machine => false,
            Self::Robot => matches!(kind, UserType::Robot | UserType::DirectoryRobot),
            Self::ExternalApplication => kind == UserType::DirectoryExternalApplication,
        }
    }
}

/// Seeing roles or accounts.
const VIEW_TENANT_ROLES: Need = Need::new(
    "OR.Users",
    &[("Roles", Access::View), ("Users", Access::View)],
    false,
);

/// The roles of an account for the tenant, for itself and for those who see roles or accounts. Managing
/// folders is not enough for what is the tenant's.
fn tenant_roles(cx: &mut Cx<'_, '_>, user: i64) -> Result<Vec<(i32, String)>> {
    let own = cx.caller.own_account() == Some(user);
    if !own && !access::may(cx.tx, cx.caller, &VIEW_TENANT_ROLES)? {
        return Ok(Vec::new());
    }
    let rows = cx.tx.rows(
        "SELECT r.id, r.name FROM user_roles ur JOIN roles r ON r.id = ur.role_id
         WHERE ur.user_id = $1 ORDER BY r.id",
        &[user.into()],
    )?;
    rows.iter()
        .map(|row| Ok((row.get("id")?, row.get("name")?)))
        .collect()
}

impl GetAllRolesForUser {
    /// The folders of an account, a page of them, each with the roles that it has there.
    fn assignments(&self, cx: &mut Cx<'_, '_>) -> Result<UserRoleAssignments> {
        let all = access::has_in_tenant(cx.tx, cx.caller, &VIEW_FOLDERS)?;
        let row = cx.tx.row(
            "SELECT id, user_name, type, may_have_robot_session, may_have_unattended_session
             FROM users WHERE tenant_id = $1 AND fold(user_name) = fold($2)",
            &[cx.caller.tenant.into(), self.username.as_str().into()],
        )?;
        let row = row.ok_or_else(|| Error::not_found("User"))?;
        let user = SimpleUserEntity {
            user_name: row.get("user_name")?,
            is_inherited: false,
            assigned_to_folder_ids: Vec::new(),
            may_have_attended: row.get("may_have_robot_session")?,
            may_have_unattended: row.get("may_have_unattended_session")?,
            r#type: row.get("type")?,
            source: UserSource::Orchestrator,
            id: row.get("id")?,
        };
        if self.r#type.is_some_and(|wanted| !wanted.is(user.r#type)) {
            return Err(Error::not_found("User"));
        }
        let role = |id: i32, name: String| RoleUsers {
            name,
            users: vec![user.clone()],
            id,
        };

        let tenant = tenant_roles(cx, user.id)?;
        let tenant = tenant.into_iter().map(|(id, name)| role(id, name));

        // A caller who manages some folders only sees these.
        let mut params = vec![user.id.into()];
        let mut own = String::new();
        if !all {
            params.push(cx.caller.account().into());
            own = format!("AND {}", OWN.replace("{user}", "$2").replace("{t}", "f"));
        }
        let sql = format!(
            "SELECT f.id, f.display_name, f.fully_qualified_name, r.id AS role,
                 r.name AS role_name
             FROM folder_users fu
             JOIN folders f ON f.id = fu.folder_id
             LEFT JOIN folder_user_roles fur
                 ON fur.folder_id = fu.folder_id AND fur.user_id = fu.user_id
             LEFT JOIN roles r ON r.id = fur.role_id
             WHERE fu.user_id = $1 {own} ORDER BY fold(f.fully_qualified_name), r.id"
        );
        let rows = cx.tx.rows(&sql, &params)?;
        let search = self.search_text.to_lowercase();
        let mut folders: Vec<FolderAssignments> = Vec::new();
        for row in &rows {
            let (id, path): (i64, String) = (row.get("id")?, row.get("fully_qualified_name")?);
            if !path.to_lowercase().contains(&search) {
                continue;
            }
            if folders.last().is_none_or(|last| last.folder.id != id) {
                folders.push(FolderAssignments {
                    folder: SimpleFolder {
                        display_name: row.get("display_name")?,
                        fully_qualified_name: path,
                        id,
                    },
                    roles: Vec::new(),
                });
            }
            let number: Option<i32> = row.get("role")?;
            if let (Some(number), Some(last)) = (number, folders.last_mut()) {
                last.roles.push(role(number, row.get("role_name")?));
            }
        }
        Ok(UserRoleAssignments {
            tenant_roles: tenant.collect(),
            count: count(&folders),
            page_items: page(folders.into_iter(), self.skip, self.take).collect(),
            id: user.id,
        })
    }
}
