//! Organization units: what folders were called before there was a tree. What is made here is a
//! classic folder; what is listed are all of them.

use db::Value;
use odata::Changes;

use super::assign::must_exist;
use super::create::check_name;
use super::{FeedType, NewFolder, PermissionModel, assign_user, edit, insert, known};
use crate::access;
use crate::cx::{Cx, Hint};
use crate::error::Result;
use crate::op::{
    Access, At, Command, Need, Nothing, Op, Operation, Resource, action, function, op,
};
use crate::roles;

const VIEW: Need = Need::new("OR.Folders", &[("Units", Access::View)], false);
const CREATE: Need = Need::new("OR.Folders", &[("Units", Access::Create)], true);
const EDIT: Need = Need::new("OR.Folders", &[("Units", Access::Edit)], true);
const DELETE: Need = Need::new("OR.Folders", &[("Units", Access::Delete)], true);
const EDIT_USERS: Need = Need::new("OR.Folders", &[("Users", Access::Edit)], true);
/// Seeing the accounts of units.
pub(crate) const VIEW_USERS: Need = VIEW.and(&[("Users", Access::View)]);

/// A folder under its old name.
#[odata::entity(set = "OrganizationUnits", name = "OrganizationUnitDto", table = "folders", key = "Id", scope = tenant, order = "Id")]
pub struct OrganizationUnit {
    /// Its name.
    #[edm(required, max = 128)]
    pub display_name: String,
    /// Number of the folder.
    pub id: i64,
}

/// The set.
pub static RESOURCE: Resource = Resource::new(&OrganizationUnit::SET, VIEW)
    .get()
    .create(Command::create(CREATE, BODY, create))
    .replace(
        Command::replace(EDIT, BODY, replace)
            .or_create(exists)
            .silent(),
    )
    .delete(Command::delete(DELETE, delete));

/// Its functions and actions; `GetUsersForUnit` is with the accounts.
pub const OPS: &[Op] = &[op::<SetUsers>(), op::<GetUserIdsForUnit>()];

/// What messages call a body.
const BODY: &str = "organizationUnitDto";

/// `POST /odata/OrganizationUnits`: a classic folder.
fn create(cx: &mut Cx<'_, '_>, unit: Changes) -> Result<i64> {
    let name = name(&unit);
    check_name(&name)?;
    let folder = NewFolder {
        key: cx.key(),
        display_name: name,
        description: None,
        modern: false,
        feed_type: FeedType::Processes,
        parent: None,
    };
    insert(cx.tx, cx.caller.tenant, &folder)
}

fn name(unit: &Changes) -> String {
    match unit.get("display_name") {
        Some(Value::Text(name)) => name.clone(),
        _ => String::new(),
    }
}

/// Whether the tenant has a folder with this number.
fn exists(cx: &mut Cx<'_, '_>, id: i64) -> Result<bool> {
    let any = "SELECT 1 FROM folders WHERE id = $1 AND tenant_id = $2";
    let tenant = cx.caller.tenant;
    Ok(cx.tx.row(any, &[id.into(), tenant.into()])?.is_some())
}

/// `PUT /odata/OrganizationUnits(id)`: another name.
fn replace(cx: &mut Cx<'_, '_>, id: i64, unit: Changes) -> Result<()> {
    edit::check_editable(cx.tx, id)?;
    edit::rename(cx, id, &name(&unit))
}

/// `DELETE /odata/OrganizationUnits(id)`
fn delete(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
    known(cx, id)?;
    edit::remove(cx, id)
}

/// Whether a unit is a folder that decides itself about who comes.
fn modern(cx: &mut Cx<'_, '_>, unit: i64) -> Result<bool> {
    let model = "SELECT permission_model FROM folders WHERE id = $1";
    let model: Option<i64> = cx.tx.one(model, &[unit.into()])?;
    Ok(model == Some(PermissionModel::FineGrained as i64))
}

/// Assigns accounts to a unit, and takes others out of it. Roles that an account has there stay.
#[odata::input]
pub struct SetUsers {
    #[edm(key)]
    id: i64,
    /// Numbers of the accounts that come.
    #[edm(required)]
    added_user_ids: Vec<i64>,
    /// Numbers of those that leave.
    #[edm(required)]
    removed_user_ids: Vec<i64>,
}

impl Operation for SetUsers {
    const AT: At = action("OrganizationUnits", "SetUsers").needs(EDIT_USERS);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let unit = known(cx, self.id)?;
        if modern(cx, unit)? {
            access::managed(cx.tx, cx.caller, &super::EDIT, unit)?;
        }
        for user in &self.added_user_ids {
            must_exist(cx, "users", *user)?;
            roles::not_to_oneself(cx, *user)?;
            roles::check_joins(cx, *user, unit)?;
            let there = "SELECT 1 FROM folder_users WHERE folder_id = $1 AND user_id = $2";
            if cx.tx.row(there, &[unit.into(), (*user).into()])?.is_none() {
                assign_user(cx.tx, unit, *user, &[])?;
            }
        }
        for user in &self.removed_user_ids {
            roles::check_leaves(cx, *user, unit, &[])?;
            cx.tx.exec(
                "DELETE FROM folder_users WHERE folder_id = $1 AND user_id = $2",
                &[unit.into(), (*user).into()],
            )?;
        }
        cx.hint(Hint::Identities);
        cx.hint(Hint::Dispatch);
        Ok(Nothing)
    }
}

/// Numbers of the accounts that are assigned to a unit.
#[odata::input]
pub struct GetUserIdsForUnit {
    /// Number of the unit.
    #[edm(required)]
    key: i64,
}

impl Operation for GetUserIdsForUnit {
    const AT: At = function("OrganizationUnits", "GetUserIdsForUnit").needs(VIEW_USERS);
    type Answer = Vec<i64>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Vec<i64>> {
        let unit = known(cx, self.key)?;
        let rows = cx.tx.rows(
            "SELECT user_id FROM folder_users WHERE folder_id = $1 ORDER BY user_id",
            &[unit.into()],
        )?;
        let ids: Result<_, db::Error> = rows.iter().map(|row| row.get("user_id")).collect();
        Ok(ids?)
    }
}
