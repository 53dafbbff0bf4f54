//! External applications: confidential OAuth clients that ask for tokens with client_credentials. Each
//! has an account among the users, to which roles are given; without its account there is no
//! application.

use db::{Tx, Value};
use odata::{Guid, Timestamp};

use crate::error::Result;
use crate::feature::Feature;
use crate::users::{self, NewUser, UserType};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("clients").tables(&["clients"]);

/// An application as the token endpoint needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its tenant.
    pub tenant: i64,
    /// Its client id.
    pub client_id: String,
    /// SHA-256 of its secret.
    pub secret_hash: String,
    /// The scopes it may ask for.
    pub scopes: Vec<String>,
}

/// An application to register; the caller has checked the rules.
#[derive(Debug, Clone, Copy)]
pub struct NewClient<'a> {
    /// Key of its account.
    pub key: Guid,
    /// What it is called among the accounts.
    pub name: &'a str,
    /// Its client id.
    pub client_id: &'a str,
    /// SHA-256 of its secret.
    pub secret_hash: &'a str,
    /// The scopes it may ask for.
    pub scopes: &'a [String],
}

/// Registers an application and makes its account, whose number it gives.
///
/// # Errors
/// The store's; a unique violation when the name or the client id exists.
pub fn insert(tx: &mut Tx<'_>, tenant: i64, now: Timestamp, client: &NewClient<'_>) -> Result<i64> {
    let account = NewUser {
        user_name: client.name.to_owned(),
        directory_identifier: Some(client.client_id.to_owned()),
        may_have_robot_session: false,
        ..NewUser::of(client.key, UserType::DirectoryExternalApplication)
    };
    let account = users::insert(tx, tenant, now, &account)?;
    tx.put_into(
        "clients",
        [
            ("tenant_id", tenant.into()),
            ("client_id", client.client_id.into()),
            ("name", client.name.into()),
            ("secret_hash", client.secret_hash.into()),
            ("scopes", client.scopes.join(" ").into()),
            ("creation_time", now.into()),
            ("user_id", account.into()),
        ],
    )?;
    Ok(account)
}

/// The application with this client id, unless its account is not active.
///
/// # Errors
/// The store's.
pub fn find(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<Client>> {
    let Some(row) = tx.row(
        "SELECT c.tenant_id, c.client_id, c.secret_hash, c.scopes FROM clients c
         JOIN users u ON u.id = c.user_id WHERE c.client_id = $1 AND u.is_active",
        &[client_id.into()],
    )?
    else {
        return Ok(None);
    };
    let scopes: String = row.get("scopes")?;
    Ok(Some(Client {
        tenant: row.get("tenant_id")?,
        client_id: row.get("client_id")?,
        secret_hash: row.get("secret_hash")?,
        scopes: scopes.split(' ').map(str::to_owned).collect(),
    }))
}

/// The account of an application, active or not.
///
/// # Errors
/// The store's.
pub fn account(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<i64>> {
    let row = tx.row(
        "SELECT user_id FROM clients WHERE client_id = $1",
        &[Value::from(client_id)],
    )?;
    Ok(row.map(|row| row.get(0)).transpose()?)
}
