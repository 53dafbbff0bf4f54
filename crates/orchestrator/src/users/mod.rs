//! Users: people, robot accounts, groups and applications of a tenant, and their roles.

mod entities;

use db::{Tx, Value};
use odata::{Guid, Timestamp};
use serde::Deserialize;

use crate::cx::{Args, Cx, Hint, Identity, Reply};
use crate::error::{Error, Result};
use crate::op::{Access, Command, Need, Op, Resource};
use crate::robots;

pub use entities::{User, UserType};

/// The set.
pub static RESOURCE: Resource = Resource::new(
    &User::SET,
    Need::new("OR.Users", &[("Users", Access::View)], false),
)
.get(read)
.create(
    Command::new(
        Need::new("OR.Users", &[("Users", Access::Create)], true),
        create,
    )
    .prepare(hash_password),
);

const ANYONE: Need = Need::new("OR.Users", &[], false);

/// Its functions and actions.
pub const OPS: &[Op] =
    &[Op::function("Users", "GetCurrentUser", ANYONE, get_current_user).returns("UserDto")];

/// A user to create; the caller has checked the rules.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Sign-in name.
    pub user_name: String,
    /// Given name.
    pub name: Option<String>,
    /// Family name.
    pub surname: Option<String>,
    /// Where to reach them.
    pub email_address: Option<String>,
    /// Directory domain.
    pub domain: Option<String>,
    /// Opaque id in the directory.
    pub directory_identifier: Option<String>,
    /// Argon2id, for those who sign in with a password.
    pub password_hash: Option<String>,
    /// Person, robot account, …
    pub r#type: UserType,
    /// Roles for the tenant.
    pub roles: Vec<i64>,
    /// May sign in to the console.
    pub may_have_user_session: bool,
    /// May run attended robots.
    pub may_have_robot_session: bool,
    /// Has an unattended robot.
    pub may_have_unattended_session: bool,
}

impl NewUser {
    /// An empty user of a kind with the original's default rights.
    #[must_use]
    pub fn of(kind: UserType) -> Self {
        Self {
            user_name: String::new(),
            name: None,
            surname: None,
            email_address: None,
            domain: None,
            directory_identifier: None,
            password_hash: None,
            r#type: kind,
            roles: Vec::new(),
            may_have_user_session: kind == UserType::User || kind == UserType::DirectoryUser,
            may_have_robot_session: true,
            may_have_unattended_session: false,
        }
    }
}

/// Writes a user with its tenant roles.
///
/// # Errors
/// A unique violation for a taken name; the store's.
pub fn insert(tx: &mut Tx<'_>, tenant: i64, now: Timestamp, user: &NewUser) -> Result<i64> {
    let id = tx.insert(
        "INSERT INTO users (tenant_id, key, user_name, name, surname, email_address, domain,
             directory_identifier, password_hash, type, may_have_user_session,
             may_have_robot_session, may_have_unattended_session, creation_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id",
        &[
            tenant.into(),
            Guid::random().into(),
            user.user_name.as_str().into(),
            user.name.clone().into(),
            user.surname.clone().into(),
            user.email_address.clone().into(),
            user.domain.clone().into(),
            user.directory_identifier.clone().into(),
            user.password_hash.clone().into(),
            user.r#type.into(),
            user.may_have_user_session.into(),
            user.may_have_robot_session.into(),
            user.may_have_unattended_session.into(),
            now.into(),
        ],
    )?;
    for role in &user.roles {
        tx.exec(
            "INSERT INTO user_roles (user_id, role_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            &[id.into(), (*role).into()],
        )?;
    }
    Ok(id)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UserDto {
    user_name: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    surname: Option<String>,
    #[serde(default)]
    email_address: Option<String>,
    #[serde(default)]
    domain: Option<String>,
    #[serde(default)]
    directory_identifier: Option<String>,
    #[serde(default)]
    r#type: Option<UserType>,
    #[serde(default)]
    roles_list: Vec<String>,
    #[serde(default)]
    may_have_user_session: Option<bool>,
    #[serde(default)]
    may_have_robot_session: Option<bool>,
    #[serde(default)]
    may_have_unattended_session: Option<bool>,
    #[serde(default)]
    unattended_robot: Option<robots::Unattended>,
}

/// `POST /odata/Users`: a person with a password, or a directory object such as a robot account.
/// An `UnattendedRobot` in the body (or `MayHaveUnattendedSession`) provisions the robot
/// `<user>-unattended`.
fn create(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let dto: UserDto = args.body("userDto")?;
    if dto.user_name.trim().is_empty() {
        return Err(Error::invalid("The UserName field is required."));
    }
    let mut roles = Vec::with_capacity(dto.roles_list.len());
    for name in &dto.roles_list {
        roles.push(crate::roles::id(cx.tx, cx.caller.tenant, name)?);
    }
    let kind = dto.r#type.unwrap_or(UserType::User);
    let defaults = NewUser::of(kind);
    let user = NewUser {
        password_hash: args.prepared.clone(),
        may_have_user_session: dto
            .may_have_user_session
            .unwrap_or(defaults.may_have_user_session),
        may_have_robot_session: dto.may_have_robot_session.unwrap_or(true),
        may_have_unattended_session: dto
            .may_have_unattended_session
            .unwrap_or(dto.unattended_robot.is_some()),
        name: dto.name,
        surname: dto.surname,
        email_address: dto.email_address,
        domain: dto.domain,
        directory_identifier: dto.directory_identifier,
        roles,
        user_name: dto.user_name,
        ..defaults
    };
    let tenant = cx.caller.tenant;
    let id = insert(cx.tx, tenant, cx.now, &user).map_err(|e| e.name_taken(&user.user_name))?;
    if user.may_have_unattended_session {
        let robot = dto.unattended_robot.unwrap_or_default();
        let key = Guid::random();
        let sealed = robots::seal(&cx.server.keys, key, robot.password.as_deref());
        robots::provision_unattended(cx.tx, tenant, cx.now, id, &robot, sealed.map(|s| (key, s)))
            .map_err(|e| e.name_taken(&user.user_name))?;
    }
    cx.hint(Hint::Identities);
    let vars = entity_vars(cx, id)?;
    Ok(Reply::created(cx.entity(&User::SET, id, &vars)?))
}

/// The hash of the password in the body; it takes 20 ms, so it is made before the transaction.
fn hash_password(args: &Args) -> Result<Option<String>> {
    let password = args
        .body
        .as_ref()
        .and_then(|b| crate::body::get(b, "Password"));
    match password.and_then(|p| p.as_str()).filter(|p| !p.is_empty()) {
        Some(p) if p.chars().count() > 128 => Err(Error::invalid(
            "A password must not be longer than 128 characters.",
        )),
        Some(p) => Ok(Some(identity::hash_password(p)?)),
        None => Ok(None),
    }
}

/// The `UnattendedRobot` member lives in the robots' table; it is shown when one user is read.
fn entity_vars(cx: &mut Cx<'_, '_>, user: i64) -> Result<[(&'static str, Value); 1]> {
    let robot = robots::unattended_of(cx.tx, user)?;
    let text = robot.map(|r| serde_json::to_string(&r).unwrap_or_default());
    Ok([("unattended", text.into())])
}

/// One user under the request's options.
fn show(cx: &mut Cx<'_, '_>, args: &Args, id: i64) -> Result<Reply> {
    let query = args.options(&User::SET)?;
    let vars = entity_vars(cx, id)?;
    Ok(Reply::json(cx.entity_with(
        &User::SET,
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
    let Some(id) = cx.caller.user() else {
        return Err(Error::Unauthenticated(
            "The token does not belong to a user.".into(),
        ));
    };
    show(cx, args, id)
}

/// An account as the login needs it.
pub struct Login {
    /// `users.id`
    pub id: i64,
    /// Sign-in name.
    pub user_name: String,
    /// Where to reach them.
    pub email_address: Option<String>,
    /// Argon2id; absent for accounts without a password.
    pub password_hash: Option<String>,
}

/// The active account with this name or address.
///
/// # Errors
/// The store's.
pub fn find_login(tx: &mut Tx<'_>, tenant: i64, name_or_email: &str) -> Result<Option<Login>> {
    let row = tx.row(
        "SELECT id, user_name, email_address, password_hash FROM users
         WHERE tenant_id = $1 AND is_active AND (fold(user_name) = fold($2)
             OR fold(email_address) = fold($2)) ORDER BY id LIMIT 1",
        &[tenant.into(), name_or_email.into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Login {
        id: row.get(0)?,
        user_name: row.get(1)?,
        email_address: row.get(2)?,
        password_hash: row.get(3)?,
    }))
}

/// Writes down that somebody signed in.
///
/// # Errors
/// The store's.
pub fn signed_in(tx: &mut Tx<'_>, user: i64, now: Timestamp) -> Result<()> {
    tx.exec(
        "UPDATE users SET last_login_time = $2 WHERE id = $1",
        &[user.into(), now.into()],
    )?;
    Ok(())
}

/// Whether a token of this identity still stands for somebody who may act.
///
/// # Errors
/// The store's.
pub fn is_live(tx: &mut Tx<'_>, identity: &Identity) -> Result<bool> {
    let (sql, id) = match identity {
        Identity::User { id } => (
            "SELECT is_active FROM users WHERE id = $1",
            Value::from(*id),
        ),
        Identity::Application { client_id } => (
            "SELECT TRUE FROM clients WHERE client_id = $1",
            client_id.as_str().into(),
        ),
        Identity::Machine { id } => ("SELECT TRUE FROM machines WHERE id = $1", (*id).into()),
        Identity::Robot { id, .. } => ("SELECT enabled FROM robots WHERE id = $1", (*id).into()),
    };
    Ok(tx
        .row(sql, &[id])?
        .map(|r| r.get::<bool>(0))
        .transpose()?
        .unwrap_or(false))
}
