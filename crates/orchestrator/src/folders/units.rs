//! Organization units: what folders were called before there was a tree. What is made here is a
//! classic folder; what is listed are all of them.

use db::{Value, sql};
use odata::Mode;
use serde::Deserialize;

use super::assign::must_exist;
use super::create::check_name;
use super::{FeedType, NewFolder, assign_user, edit, insert, known};
use crate::access;
use crate::body;
use crate::cx::{Args, Cx, Hint, Listing, Reply};
use crate::error::Result;
use crate::op::{Access, Command, Need, Op, Resource, plain_entity};
use crate::users::{User, UserType};

const VIEW: Need = Need::new("OR.Folders", &[("Units", Access::View)], false);
const CREATE: Need = Need::new("OR.Folders", &[("Units", Access::Create)], true);
const EDIT: Need = Need::new("OR.Folders", &[("Units", Access::Edit)], true);
const DELETE: Need = Need::new("OR.Folders", &[("Units", Access::Delete)], true);
const EDIT_USERS: Need = Need::new("OR.Folders", &[("Users", Access::Edit)], true);
const VIEW_USERS: Need = VIEW.and(&[("Users", Access::View)]);

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
    .get(plain_entity)
    .create(Command::new(CREATE, create))
    .replace(Command::new(EDIT, replace).silent())
    .delete(Command::new(DELETE, delete));

/// Its functions and actions.
pub const OPS: &[Op] = &[
    Op::action("OrganizationUnits", "SetUsers", EDIT_USERS, set_users)
        .bound()
        .params(&[
            ("addedUserIds", "Collection(Edm.Int64)"),
            ("removedUserIds", "Collection(Edm.Int64)"),
        ]),
    Op::function(
        "OrganizationUnits",
        "GetUsersForUnit",
        VIEW_USERS,
        get_users,
    )
    .params(&[("key", "Edm.Int64")])
    .returns("Collection(UserDto)"),
    Op::function(
        "OrganizationUnits",
        "GetUserIdsForUnit",
        VIEW_USERS,
        get_user_ids,
    )
    .params(&[("key", "Edm.Int64")])
    .returns("Collection(Edm.Int64)"),
];

/// `POST /odata/OrganizationUnits`: a classic folder.
fn create(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let name = name(args)?;
    check_name(&name)?;
    let folder = NewFolder {
        display_name: name,
        description: None,
        modern: false,
        feed_type: FeedType::Processes,
        parent: None,
    };
    let id = insert(cx.tx, cx.caller.tenant, &folder)?;
    Ok(Reply::created(cx.entity(
        &OrganizationUnit::SET,
        id,
        &[],
    )?))
}

fn name(args: &Args) -> Result<String> {
    let unit = args.changes("organizationUnitDto", &OrganizationUnit::SET, Mode::Create)?;
    Ok(match unit.get("display_name") {
        Some(Value::Text(name)) => name.clone(),
        _ => String::new(),
    })
}

/// `PUT /odata/OrganizationUnits(id)`: another name, or a new unit where none has this number.
fn replace(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let name = name(args)?;
    let any = "SELECT 1 FROM folders WHERE id = $1 AND tenant_id = $2";
    let tenant = cx.caller.tenant;
    if cx
        .tx
        .row(any, &[args.id()?.into(), tenant.into()])?
        .is_none()
    {
        if !access::has_in_tenant(cx.tx, cx.caller, &CREATE)? {
            return Err(access::forbidden(&CREATE));
        }
        return create(cx, args);
    }
    let id = known(cx, args.id()?)?;
    edit::check_editable(cx.tx, id)?;
    edit::rename(cx, id, &name)?;
    Ok(Reply::json(cx.entity(&OrganizationUnit::SET, id, &[])?))
}

/// `DELETE /odata/OrganizationUnits(id)`
fn delete(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = known(cx, args.id()?)?;
    edit::remove(cx, id)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SetUsers {
    added_user_ids: Vec<i64>,
    removed_user_ids: Vec<i64>,
}

/// `OrganizationUnits(1)/…SetUsers {"addedUserIds":[…],"removedUserIds":[…]}`. Roles that an account
/// has in the unit stay as they are.
fn set_users(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let request: SetUsers = args.body("addedUserIds")?;
    body::check_length("addedUserIds", &request.added_user_ids)?;
    body::check_length("removedUserIds", &request.removed_user_ids)?;
    let unit = known(cx, args.id()?)?;
    for user in &request.added_user_ids {
        must_exist(cx, "users", *user)?;
        let there = "SELECT 1 FROM folder_users WHERE folder_id = $1 AND user_id = $2";
        if cx.tx.row(there, &[unit.into(), (*user).into()])?.is_none() {
            assign_user(cx.tx, unit, *user, &[])?;
        }
    }
    for user in &request.removed_user_ids {
        cx.tx.exec(
            "DELETE FROM folder_users WHERE folder_id = $1 AND user_id = $2",
            &[unit.into(), (*user).into()],
        )?;
    }
    cx.hint(Hint::Identities);
    cx.hint(Hint::Dispatch);
    Ok(Reply::NoContent)
}

/// `GetUserIdsForUnit(key=…)`
fn get_user_ids(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let unit = known(cx, args.int("key")?)?;
    let rows = cx.tx.rows(
        "SELECT user_id FROM folder_users WHERE folder_id = $1 ORDER BY user_id",
        &[unit.into()],
    )?;
    let ids: Result<Vec<i64>, db::Error> = rows.iter().map(|row| row.get(0)).collect();
    cx.values(args, "Edm.Int64", ids?)
}

/// `GetUsersForUnit(key=…)`: all accounts that are no robots.
fn get_users(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    known(cx, args.int("key")?)?;
    let query = args.options(cx, &User::SET)?;
    let listing = Listing {
        restrict: Some(sql!(
            "{{t}}.type NOT IN {}",
            db::numbers!(UserType: Robot, DirectoryRobot)
        )),
        count: args.count,
        ..Listing::default()
    };
    Ok(Reply::json(cx.page(&User::SET, &query, &listing)?))
}
