//! External applications: confidential OAuth clients that ask for tokens with client_credentials.

use db::Tx;
use odata::Timestamp;

use crate::error::Result;

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

/// Registers an application.
///
/// # Errors
/// The store's; a unique violation when the client id exists.
pub fn insert(
    tx: &mut Tx<'_>,
    tenant: i64,
    now: Timestamp,
    client_id: &str,
    secret_hash: &str,
    scopes: &[String],
) -> Result<()> {
    tx.exec(
        "INSERT INTO clients (tenant_id, client_id, name, secret_hash, scopes, creation_time)
         VALUES ($1, $2, $2, $3, $4, $5)",
        &[
            tenant.into(),
            client_id.into(),
            secret_hash.into(),
            scopes.join(" ").into(),
            now.into(),
        ],
    )?;
    Ok(())
}

/// The application with this client id.
///
/// # Errors
/// The store's.
pub fn find(tx: &mut Tx<'_>, client_id: &str) -> Result<Option<Client>> {
    let Some(row) = tx.row(
        "SELECT tenant_id, client_id, secret_hash, scopes FROM clients WHERE client_id = $1",
        &[client_id.into()],
    )?
    else {
        return Ok(None);
    };
    let scopes: String = row.get(3)?;
    Ok(Some(Client {
        tenant: row.get(0)?,
        client_id: row.get(1)?,
        secret_hash: row.get(2)?,
        scopes: scopes.split(' ').map(str::to_owned).collect(),
    }))
}
