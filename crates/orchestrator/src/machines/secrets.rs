//! The secrets of a machine: with one of them its key is an OAuth client.

use db::Tx;
use odata::Timestamp;
use serde_json::{Value as Json, json};

use super::{EDIT, VIEW};
use crate::access;
use crate::cx::{Args, Cx, Hint, Reply};
use crate::error::{Error, Result};

/// Writes a new secret and gives its value, of which only a hash is kept.
///
/// # Errors
/// The store's.
pub(super) fn make(tx: &mut Tx<'_>, now: Timestamp, machine: i64) -> Result<(i64, String)> {
    let secret = identity::new_secret();
    let id = tx.insert_into(
        "machine_secrets",
        [
            ("machine_id", machine.into()),
            ("secret_hash", identity::secret_hash(&secret).into()),
            ("creation_time", now.into()),
        ],
    )?;
    Ok((id, secret))
}

/// Whether `secret` is one of the machine's.
///
/// # Errors
/// The store's.
pub fn has_secret(tx: &mut Tx<'_>, machine: i64, secret: &str) -> Result<bool> {
    let hash = identity::secret_hash(secret);
    let rows = tx.rows(
        "SELECT secret_hash FROM machine_secrets WHERE machine_id = $1",
        &[machine.into()],
    )?;
    let hashes: Result<Vec<String>, db::Error> = rows.iter().map(|r| r.get(0)).collect();
    Ok(hashes?
        .iter()
        .any(|known| identity::secret_eq(known, &hash)))
}

/// `GET /api/clientsecrets/{licenseKey}`: without the values, of which only hashes are kept.
///
/// # Errors
/// 403 without Machines.View, 404 when the tenant has no such machine.
pub fn list_secrets(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    access::tenant_wide(cx.tx, cx.caller, &VIEW)?;
    let machine = own(cx, args)?;
    let rows = cx.tx.rows(
        "SELECT id, creation_time FROM machine_secrets WHERE machine_id = $1 ORDER BY id",
        &[machine.into()],
    )?;
    let secrets: Result<Vec<Json>, db::Error> = rows
        .iter()
        .map(|row| Ok(shown(row.get("id")?, None, row.get("creation_time")?)))
        .collect();
    Ok(Reply::json(Json::Array(secrets?).to_string().into_bytes()))
}

/// `POST /api/clientsecrets/{licenseKey}`: another secret; this answer alone shows it.
///
/// # Errors
/// 403 without Machines.Edit, 404 when the tenant has no such machine.
pub fn add_secret(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    access::tenant_wide(cx.tx, cx.caller, &EDIT)?;
    let machine = own(cx, args)?;
    let (id, secret) = make(cx.tx, cx.now, machine)?;
    let secret = shown(id, Some(secret), cx.now);
    Ok(Reply::created(secret.to_string().into_bytes()))
}

/// `DELETE /api/clientsecrets/{id}`: tokens that were given for the secret live on until they
/// expire.
///
/// # Errors
/// 403 without Machines.Edit, 404 when no machine of the tenant has it.
pub fn delete_secret(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    access::tenant_wide(cx.tx, cx.caller, &EDIT)?;
    let gone = cx.tx.exec(
        "DELETE FROM machine_secrets WHERE id = $1
             AND machine_id IN (SELECT m.id FROM machines m WHERE m.tenant_id = $2)",
        &[args.int("id")?.into(), cx.caller.tenant.into()],
    )?;
    if gone == 0 {
        return Err(Error::not_found("Secret"));
    }
    cx.hint(Hint::Identities);
    Ok(Reply::NoContent)
}

fn shown(id: i64, secret: Option<String>, made: Timestamp) -> Json {
    json!({"id": id, "secret": secret, "creationTime": made.to_string()})
}

/// The machine of the tenant whose key the address names.
fn own(cx: &mut Cx<'_, '_>, args: &Args) -> Result<i64> {
    let row = cx.tx.row(
        "SELECT id FROM machines WHERE license_key = $1 AND tenant_id = $2",
        &[args.guid("id")?.into(), cx.caller.tenant.into()],
    )?;
    Ok(row.ok_or_else(|| Error::not_found("Machine"))?.get(0)?)
}
