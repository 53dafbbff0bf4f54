//! The first start on an empty database: an organization, a tenant, an administrator, a folder, a
//! machine template and a robot account, so that a robot which is given the machine's key can run
//! jobs at once. Nothing happens on a database that has a tenant.

use db::Tx;
use odata::{Guid, Timestamp};

use crate::chance::Chance;
use crate::clients::{self, NewClient};
use crate::error::Result;
use crate::folders::{self, NewFolder};
use crate::machines::{self, NewMachine};
use crate::users::{self, NewUser, UserType};
use crate::{robots, roles};

/// What the operator decided beforehand.
#[derive(Debug, Clone, Default)]
pub struct Bootstrap {
    /// Argon2id hash of the administrator's password.
    pub admin_password_hash: String,
    /// Key of the machine template `Local`; random when absent.
    pub machine_key: Option<Guid>,
    /// A confidential application with every application scope: client id and hash of its secret.
    pub app: Option<(String, String)>,
}

/// What the first start created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The key of the machine template `Local`.
    pub machine_key: Guid,
}

/// The name of the organization that is created.
pub const ORGANIZATION: &str = "default";
/// The name of the tenant that is created.
pub const TENANT: &str = "DefaultTenant";

/// Creates the first tenant with everything in it; `None` when one exists.
///
/// # Errors
/// The store's.
pub fn bootstrap(
    tx: &mut Tx<'_>,
    now: Timestamp,
    chance: &Chance,
    plan: &Bootstrap,
) -> Result<Option<Created>> {
    if tx.row("SELECT 1 FROM tenants LIMIT 1", &[])?.is_some() {
        return Ok(None);
    }
    let tenant = create_tenant(tx, now, chance)?;
    roles::create_static(tx, tenant)?;
    let administrator = roles::id(tx, tenant, roles::ADMINISTRATOR)?;

    let admin = NewUser {
        user_name: "admin".into(),
        name: Some("System Administrator".into()),
        password_hash: Some(plan.admin_password_hash.clone()),
        roles: vec![administrator],
        ..NewUser::of(chance.key(), UserType::User)
    };
    let admin = users::insert(tx, tenant, now, &admin)?;
    let shared = NewFolder::root(chance.key(), "Shared");
    let shared = folders::insert(tx, tenant, &shared)?;
    folders::assign_user(tx, shared, admin, &[administrator])?;

    let machine_key = plan.machine_key.unwrap_or_else(Guid::secret);
    let local = NewMachine {
        key: chance.key(),
        name: "Local",
        license_key: machine_key,
    };
    let local = machines::insert_template(tx, tenant, now, &local, 4)?;
    folders::assign_machine(tx, shared, local)?;

    let account = NewUser {
        user_name: "local-robot".into(),
        roles: vec![roles::id(tx, tenant, roles::ALLOW_AUTOMATION_USER)?],
        may_have_unattended_session: true,
        ..NewUser::of(chance.key(), UserType::DirectoryRobot)
    };
    let account = users::insert(tx, tenant, now, &account)?;
    robots::provision_unattended(
        tx,
        tenant,
        now,
        account,
        &users::UnattendedRobot::default(),
        None,
    )?;
    let automation_user = roles::id(tx, tenant, roles::AUTOMATION_USER)?;
    folders::assign_user(tx, shared, account, &[automation_user])?;

    if let Some((id, secret_hash)) = &plan.app {
        let app = NewClient {
            key: chance.key(),
            name: id,
            client_id: id,
            secret_hash,
            scopes: &identity::scopes::all(),
        };
        clients::insert(tx, tenant, now, &app)?;
    }
    Ok(Some(Created { machine_key }))
}

fn create_tenant(tx: &mut Tx<'_>, now: Timestamp, chance: &Chance) -> Result<i64> {
    Ok(tx.insert_into(
        "tenants",
        [
            ("key", chance.key().into()),
            ("name", TENANT.into()),
            ("display_name", TENANT.into()),
            ("organization_key", chance.key().into()),
            ("organization_name", ORGANIZATION.into()),
            ("creation_time", now.into()),
        ],
    )?)
}
