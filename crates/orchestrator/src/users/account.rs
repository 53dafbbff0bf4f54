//! What the rest of the house asks about accounts: making one, signing in, whether a token counts.

use db::{Tx, Value};
use odata::{Guid, Timestamp};

use super::UserType;
use crate::cx::{Cx, Identity};
use crate::error::{Error, Result};
use crate::kinds::RobotType;

/// A user to create; the caller has checked the rules.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Its stable key.
    pub key: Guid,
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
    pub fn of(key: Guid, kind: UserType) -> Self {
        Self {
            key,
            user_name: String::new(),
            name: None,
            surname: None,
            email_address: None,
            domain: None,
            directory_identifier: None,
            password_hash: None,
            r#type: kind,
            roles: Vec::new(),
            may_have_user_session: kind.is_person(),
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
    let id = tx.insert_into(
        "users",
        [
            ("tenant_id", tenant.into()),
            ("key", user.key.into()),
            ("user_name", user.user_name.as_str().into()),
            ("name", user.name.clone().into()),
            ("surname", user.surname.clone().into()),
            ("email_address", user.email_address.clone().into()),
            ("domain", user.domain.clone().into()),
            (
                "directory_identifier",
                user.directory_identifier.clone().into(),
            ),
            ("password_hash", user.password_hash.clone().into()),
            ("type", user.r#type.into()),
            ("may_have_user_session", user.may_have_user_session.into()),
            ("may_have_robot_session", user.may_have_robot_session.into()),
            (
                "may_have_unattended_session",
                user.may_have_unattended_session.into(),
            ),
            ("creation_time", now.into()),
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

/// An account as the login needs it.
pub struct Login {
    /// `users.id`
    pub id: i64,
    /// Sign-in name.
    pub user_name: String,
    /// Where to reach them, or the name where that is not known: clients take no null for it.
    pub email: String,
    /// Argon2id; absent for accounts without a password.
    pub password_hash: Option<String>,
    /// Person, robot account, …
    pub r#type: UserType,
}

/// The active account with this name or, if there is none, with this address. Applications have no
/// password, whatever stands there.
///
/// # Errors
/// The store's.
pub fn find_login(tx: &mut Tx<'_>, tenant: i64, name_or_email: &str) -> Result<Option<Login>> {
    const SQL: &str = concat!(
        "SELECT id, user_name, ",
        address!("users"),
        " AS address, password_hash, type FROM users
         WHERE tenant_id = $1 AND is_active AND type <> $3 AND (fold(user_name) = fold($2)
             OR fold(email_address) = fold($2))
         ORDER BY CASE WHEN fold(user_name) = fold($2) THEN 0 ELSE 1 END, id LIMIT 1"
    );
    let row = tx.row(
        SQL,
        &[
            tenant.into(),
            name_or_email.into(),
            UserType::DirectoryExternalApplication.into(),
        ],
    )?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Login {
        id: row.get("id")?,
        user_name: row.get("user_name")?,
        email: row.get("address")?,
        password_hash: row.get("password_hash")?,
        r#type: UserType::from_i64(row.get("type")?).unwrap_or(UserType::User),
    }))
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
        Identity::Application { client_id, .. } => (
            "SELECT u.is_active FROM clients c JOIN users u ON u.id = c.user_id
             WHERE c.client_id = $1",
            client_id.as_str().into(),
        ),
        Identity::Server => return Ok(true),
        Identity::Machine { id } => ("SELECT TRUE FROM machines WHERE id = $1", (*id).into()),
        Identity::Robot { id, .. } => (
            "SELECT r.enabled AND COALESCE(u.is_active, TRUE) FROM robots r
             LEFT JOIN users u ON u.id = r.user_id WHERE r.id = $1",
            (*id).into(),
        ),
        Identity::Anonymous => return Ok(false),
    };
    Ok(tx.one(sql, &[id])?.unwrap_or(false))
}

/// Gives an account another password; whoever signed in with the old one has to sign in again.
///
/// # Errors
/// The store's.
pub fn set_password(tx: &mut Tx<'_>, user: i64, now: Timestamp, hash: &str) -> Result<()> {
    tx.exec(
        "UPDATE users SET password_hash = $2, last_modification_time = $3,
             last_modifier_user_id = NULL WHERE id = $1",
        &[user.into(), hash.into(), now.into()],
    )?;
    Ok(())
}

/// The hash of the password that an account has now.
///
/// # Errors
/// The store's.
pub fn password_hash(tx: &mut Tx<'_>, user: i64) -> Result<Option<String>> {
    let row = tx.row(
        "SELECT password_hash FROM users WHERE id = $1",
        &[user.into()],
    )?;
    Ok(row.map(|row| row.get(0)).transpose()?.flatten())
}

/// Name and type of an account, as the audit log keeps them.
///
/// # Errors
/// 1002 when there is none.
pub fn name_and_type(tx: &mut Tx<'_>, user: i64) -> Result<(String, i64)> {
    let row = tx.row(
        "SELECT user_name, type FROM users WHERE id = $1",
        &[user.into()],
    )?;
    let row = row.ok_or_else(|| Error::not_found("User"))?;
    Ok((row.get("user_name")?, row.get("type")?))
}

/// Refuses a number that is no account of the caller's tenant.
///
/// # Errors
/// 1002.
pub fn must_exist(cx: &mut Cx<'_, '_>, user: i64) -> Result<()> {
    let known = "SELECT 1 FROM users WHERE id = $1 AND tenant_id = $2";
    let tenant = cx.caller.tenant;
    match cx.tx.row(known, &[user.into(), tenant.into()])? {
        Some(_) => Ok(()),
        None => Err(Error::not_found("User")),
    }
}

/// The robot of an account went: a classic robot's account goes with it, another one has no unattended
/// robot any more unless there is a second one.
///
/// # Errors
/// The store's.
pub(crate) fn robot_went(tx: &mut Tx<'_>, account: i64) -> Result<()> {
    tx.exec(
        "DELETE FROM users WHERE id = $1 AND type = $2",
        &[account.into(), UserType::Robot.into()],
    )?;
    tx.exec(
        "UPDATE users SET may_have_unattended_session = FALSE WHERE id = $1
             AND NOT EXISTS (SELECT 1 FROM robots r WHERE r.user_id = $1 AND r.type = $2)",
        &[account.into(), RobotType::Unattended.into()],
    )?;
    Ok(())
}
