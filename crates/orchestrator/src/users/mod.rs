//! Users: people, robot accounts, groups and applications of a tenant, with their roles and robots.

/// The e-mail address of the account under this alias, or the account's name where it has none.
macro_rules! address {
    ($alias:literal) => {
        concat!(
            "COALESCE(NULLIF(",
            $alias,
            ".email_address, ''), ",
            $alias,
            ".user_name)"
        )
    };
}
pub(crate) use address;

mod account;
mod applications;
mod edit;
mod entities;
mod extended;
mod members;
mod rights;
mod robots;

use db::{Value, sql};
use odata::edm::{Edm, EntitySet, Kind};
use serde_json::json;

use crate::body;
use crate::cx::{Args, Cx, Reply};
use crate::error::{Error, Result};
use crate::jobs::state::RUNNING;
use crate::op::{Access, Command, Need, Op, Resource};
use crate::robots as robot;
use crate::settings;

pub use account::{
    Login, NewUser, find_login, insert, is_live, must_exist, name_and_type, password_hash,
    set_password, signed_in,
};
pub use entities::{User, UserType};
pub use members::ROLE_OPS;
pub use rights::{administrators, keep_an_administrator};

const VIEW: Need = Need::new("OR.Users", &[("Users", Access::View)], false);
const CREATE: Need = Need::new("OR.Users", &[("Users", Access::Create)], true);
const EDIT: Need = Need::new("OR.Users", &[("Users", Access::Edit)], true);
const DELETE: Need = Need::new("OR.Users", &[("Users", Access::Delete)], true);
/// Whoever manages robots may change an account's robots, and nothing else of it.
const EDIT_ROBOTS: Need = Need::new(
    "OR.Users",
    &[
        ("Users", Access::Edit),
        ("Robots", Access::Create),
        ("Robots", Access::Edit),
        ("Robots", Access::Delete),
    ],
    true,
);
const ASSIGN: Need = Need::new(
    "OR.Users",
    &[("Users", Access::Edit), ("Users", Access::Create)],
    true,
);
const ANYONE: Need = Need::new("OR.Users", &[], false);
const ONESELF: Need = Need::new("OR.Users", &[], true);

/// The set.
pub static RESOURCE: Resource = Resource::new(&User::SET, VIEW)
    .get(read)
    .create(Command::new(CREATE, edit::create).prepare(edit::hash_password))
    .replace(
        Command::new(EDIT_ROBOTS, edit::replace)
            .prepare(edit::hash_password)
            .silent(),
    )
    .merge(
        Command::new(ONESELF, edit::merge)
            .prepare(edit::hash_password)
            .silent(),
    )
    .delete(Command::new(DELETE, edit::delete));

/// Its functions and actions.
pub const OPS: &[Op] = &[
    Op::function("Users", "GetCurrentUser", ANYONE, get_current_user).returns("UserDto"),
    Op::function(
        "Users",
        "GetCurrentPermissions",
        ANYONE,
        rights::get_current_permissions,
    )
    .returns("UserPermissionsCollection"),
    Op::function(
        "Users",
        "GetCurrentUserExtended",
        Need::AUTHENTICATED,
        extended::get_current_user_extended,
    )
    .returns(extended::SET.entity),
    Op::function("Users", "GetByKey", VIEW, get_by_key)
        .params(&[("identifier", "Edm.Guid")])
        .returns("UserDto"),
    Op::function("Users", "Validate", VIEW, validate)
        .params(&[("userIds", "Collection(Edm.Int64)")])
        .returns("Dictionary"),
    Op::action("Users", "AssignRoles", ASSIGN, rights::assign_roles)
        .bound()
        .params(&[("roleIds", "Collection(Edm.Int32)")])
        .answers(200),
    Op::action("Users", "ToggleRole", EDIT, rights::toggle_role)
        .bound()
        .params(&[("role", "Edm.String"), ("toggle", "Edm.Boolean")])
        .answers(200),
    Op::action("Users", "SetActive", EDIT, edit::set_active)
        .bound()
        .params(&[("active", "Edm.Boolean")])
        .answers(200),
    Op::action("Users", "ChangeUserCulture", EDIT, change_user_culture)
        .bound()
        .params(&[("culture", "Edm.String")])
        .answers(200),
    Op::action("Users", "ChangeCulture", ONESELF, change_culture)
        .params(&[("culture", "Edm.String")])
        .answers(200),
];

/// Sets that only operations show.
pub const RESULTS: &[&EntitySet] = &[&extended::SET];

/// Structures that only its operations use.
pub const TYPES: &[Kind] = &[<rights::UserPermissions as Edm>::KIND];

/// The refusal of those whom no account stands behind.
fn nobody() -> Error {
    Error::Unauthenticated("The token does not belong to a user.".into())
}

/// The robots live in a table of their own; they are shown when one user is read.
fn entity_vars(cx: &mut Cx<'_, '_>, user: i64) -> Result<[(&'static str, Value); 2]> {
    let unattended = robot::unattended_of(cx.tx, user)?;
    let unattended = unattended.map(|r| serde_json::to_string(&r).unwrap_or_default());
    let attended = robots::attended_shown(cx, user)?;
    Ok([
        ("unattended", unattended.into()),
        ("attended", attended.into()),
    ])
}

/// One user as `GET` shows it without options.
fn shown(cx: &mut Cx<'_, '_>, id: i64) -> Result<Vec<u8>> {
    let vars = entity_vars(cx, id)?;
    cx.entity(&User::SET, id, &vars)
}

/// One user under the request's options.
fn show(cx: &mut Cx<'_, '_>, args: &Args, id: i64) -> Result<Reply> {
    show_as(cx, args, &User::SET, id)
}

/// As [`show`], by another declaration of accounts.
fn show_as(cx: &mut Cx<'_, '_>, args: &Args, set: &'static EntitySet, id: i64) -> Result<Reply> {
    let query = args.options(cx, set)?;
    let vars = entity_vars(cx, id)?;
    Ok(Reply::json(cx.entity_with(
        set,
        &id.into(),
        &query,
        &vars,
    )?))
}

/// `GET /odata/Users(id)`
fn read(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    show(cx, args, args.id()?)
}

/// `GetCurrentUser`: 401 for an application, which is nobody.
fn get_current_user(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = cx.caller.user().ok_or_else(nobody)?;
    show(cx, args, id)
}

/// `GetByKey(identifier=…)`
fn get_by_key(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let row = cx.tx.row(
        "SELECT id FROM users WHERE key = $1 AND tenant_id = $2",
        &[args.guid("identifier")?.into(), cx.caller.tenant.into()],
    )?;
    let id = row.ok_or_else(|| Error::not_found("User"))?.get(0)?;
    show(cx, args, id)
}

/// `Validate(userIds=[1,2])`: of each account, whether one of its robots is running a job.
fn validate(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let text = args.text("userIds")?;
    let ids: Vec<i64> = serde_json::from_str(&text).map_err(|_| {
        Error::invalid("The parameter userIds must be a list of numbers such as [1,2].")
    })?;
    body::check_length("userIds", &ids)?;
    let mut busy = serde_json::Map::new();
    for id in ids {
        must_exist(cx, id)?;
        let row = cx.tx.row(
            sql!(
                "SELECT 1 FROM robots r JOIN jobs j ON j.robot_id = r.id
                 WHERE r.user_id = $1 AND j.state IN {RUNNING} LIMIT 1"
            ),
            &[id.into()],
        )?;
        busy.insert(id.to_string(), row.is_some().into());
    }
    Ok(Reply::json(cx.value("Dictionary", json!(busy))))
}

#[derive(serde::Deserialize)]
struct Culture {
    culture: String,
}

/// `ChangeCulture {culture}`: one's own language.
fn change_culture(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let wanted: Culture = args.body("culture")?;
    let user = cx.caller.user().ok_or_else(nobody)?;
    settings::change_for_user(cx, settings::LANGUAGE, user, Some(&wanted.culture))?;
    Ok(Reply::Ok)
}

/// `ChangeUserCulture {culture}`: somebody's language.
fn change_user_culture(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let user = args.id()?;
    must_exist(cx, user)?;
    let wanted: Culture = args.body("culture")?;
    settings::change_for_user(cx, settings::LANGUAGE, user, Some(&wanted.culture))?;
    Ok(Reply::Ok)
}
