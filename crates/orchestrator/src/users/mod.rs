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
mod brief;
mod edit;
mod entities;
mod extended;
pub mod login;
mod members;
mod rights;
mod units;

use db::sql;
use odata::{Guid, Open};

use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kinds::jobs::RUNNING;
use crate::op::{
    Access, At, Command, Need, Nothing, One, Op, Operation, Resource, Vars, action, function, op,
};
use crate::settings;

use crate::feature::{self, Feature, Thing};
pub use crate::kinds::UserType;
pub(crate) use account::robot_went;
pub use account::{
    Login, NewUser, find_login, insert, is_live, must_exist, name_and_type, password_hash,
    set_password,
};
pub use brief::BriefUser;
use entities::UserRole;
pub use entities::{AttendedRobot, UnattendedRobot, User};
pub use members::ROLE_OPS;
pub use rights::{administrators, keep_an_administrator};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("users")
    .resources(&[&RESOURCE])
    .operations(&[OPS, ROLE_OPS, units::OPS, login::OPS])
    .tables(&["user_roles", "users"]);

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
    .get()
    .guarded()
    .vars(parts)
    .create(Command::create(CREATE, "userDto", edit::create).prepare(edit::hash_password))
    .replace(
        Command::replace(EDIT_ROBOTS, "userDto", edit::replace)
            .prepare(edit::hash_password)
            .silent(),
    )
    .merge(
        Command::merge(ONESELF, "userDto", edit::merge)
            .prepare(edit::hash_password)
            .silent(),
    )
    .delete(Command::delete(DELETE, edit::delete));

/// Its functions and actions.
pub const OPS: &[Op] = &[
    op::<GetCurrentUser>(),
    op::<rights::GetCurrentPermissions>(),
    op::<extended::GetCurrentUserExtended>(),
    op::<GetByKey>(),
    op::<Validate>(),
    op::<rights::AssignRoles>(),
    op::<rights::ToggleRole>(),
    op::<edit::SetActive>(),
    op::<ChangeUserCulture>(),
    op::<ChangeCulture>(),
];

/// The refusal of those whom no account stands behind.
fn nobody() -> Error {
    Error::Unauthenticated("The token does not belong to a user.".into())
}

/// What others keep of an account, its robots, which is shown when one user is read.
fn parts(cx: &mut Cx<'_, '_>, user: i64) -> Result<Vars> {
    feature::showing(cx, Thing::User, user)
}

/// One user under the request's options.
fn shown(cx: &mut Cx<'_, '_>, id: i64) -> Result<One<User>> {
    Ok(One::by(id).vars(parts(cx, id)?))
}

/// Whoever calls. An application is nobody here.
#[odata::input]
pub struct GetCurrentUser;

impl Operation for GetCurrentUser {
    const AT: At = function("Users", "GetCurrentUser").needs(ANYONE);
    type Answer = One<User>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<One<User>> {
        let id = cx.caller.user().ok_or_else(nobody)?;
        shown(cx, id)
    }
}

/// The account with a GUID.
#[odata::input]
pub struct GetByKey {
    /// Its GUID.
    #[edm(required)]
    identifier: Guid,
}

impl Operation for GetByKey {
    const AT: At = function("Users", "GetByKey").needs(VIEW);
    type Answer = One<User>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<One<User>> {
        let row = cx.tx.row(
            "SELECT id FROM users WHERE key = $1 AND tenant_id = $2",
            &[self.identifier.into(), cx.caller.tenant.into()],
        )?;
        let id = row.ok_or_else(|| Error::not_found("User"))?.get(0)?;
        shown(cx, id)
    }
}

/// Of each account, whether one of its robots is running a job.
#[odata::input]
pub struct Validate {
    /// Numbers of the accounts.
    #[edm(required)]
    user_ids: Vec<i64>,
}

impl Operation for Validate {
    const AT: At = function("Users", "Validate").needs(VIEW);
    type Answer = Open;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Open> {
        let mut busy = Open::default();
        for id in &self.user_ids {
            must_exist(cx, *id)?;
            let row = cx.tx.row(
                sql!(
                    "SELECT 1 FROM robots r JOIN jobs j ON j.robot_id = r.id
                     WHERE r.user_id = $1 AND j.state IN {RUNNING} LIMIT 1"
                ),
                &[(*id).into()],
            )?;
            busy.0.insert(id.to_string(), row.is_some().into());
        }
        Ok(busy)
    }
}

/// Chooses one's own language.
#[odata::input]
pub struct ChangeCulture {
    /// The language, as `en`.
    #[edm(required)]
    culture: String,
}

impl Operation for ChangeCulture {
    const AT: At = action("Users", "ChangeCulture").needs(ONESELF).answers(200);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let user = cx.caller.user().ok_or_else(nobody)?;
        settings::change_for_user(cx, settings::LANGUAGE, user, Some(&self.culture))?;
        Ok(Nothing)
    }
}

/// Chooses the language of an account.
#[odata::input]
pub struct ChangeUserCulture {
    #[edm(key)]
    id: i64,
    /// The language, as `en`.
    #[edm(required)]
    culture: String,
}

impl Operation for ChangeUserCulture {
    const AT: At = action("Users", "ChangeUserCulture")
        .needs(EDIT)
        .answers(200);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        must_exist(cx, self.id)?;
        settings::change_for_user(cx, settings::LANGUAGE, self.id, Some(&self.culture))?;
        Ok(Nothing)
    }
}
