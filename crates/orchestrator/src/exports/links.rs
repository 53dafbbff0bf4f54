//! Addresses from which files are fetched. Whoever has one needs no token: it is given to a browser, or
//! to a program that speaks to storage only. So it ends soon, and names one file under the server's seal.

use std::time::Duration;

use db::Tx;
use odata::{TICKS_PER_SECOND, Timestamp};

use super::runs::blob_key;
use super::{ExportModelStatus, kept_since, own};
use crate::cx::{Cx, Reply, Server};
use crate::error::{Code, Error, Result};
use crate::op::{At, Operation, function};
use crate::settings::Dictionary;

/// How long an address can be used.
const VALID: Duration = Duration::from_secs(5 * 60);
/// What the seal is for.
const PURPOSE: &str = "export file";

/// How to get at a file.
#[odata::complex(name = "BlobFileAccessDto")]
#[derive(serde::Serialize)]
pub struct BlobFileAccess {
    /// Its address.
    uri: String,
    /// The HTTP method.
    verb: String,
    /// Whether the caller's token must be sent along.
    requires_auth: bool,
    /// Headers that must be sent along.
    headers: Dictionary,
}

/// An address from which the file of an export can be fetched for five minutes, without a token.
#[odata::input]
pub struct GetDownloadLink {
    /// Number of the export.
    #[edm(key)]
    id: i64,
}

impl Operation for GetDownloadLink {
    const AT: At = function("Exports", "GetDownloadLink");
    type Answer = BlobFileAccess;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<BlobFileAccess> {
        let id = self.id;
        match own(cx, id)? {
            ExportModelStatus::Completed => {}
            ExportModelStatus::Failed => {
                return Err(no_file("The export has failed: ask for another one."));
            }
            ExportModelStatus::New | ExportModelStatus::InProgress => {
                return Err(no_file(
                    "The export is not written yet: ask again when its Status is Completed.",
                ));
            }
        }
        let expires = cx.now.plus(VALID).0 / TICKS_PER_SECOND;
        let signature = cx.server.keys.mac(PURPOSE, &sealed(id, expires));
        let root = cx.base.strip_suffix("/odata").unwrap_or(cx.base);
        Ok(BlobFileAccess {
            uri: format!("{root}/api/ExportFiles/{id}?expires={expires}&signature={signature}"),
            verb: "GET".to_owned(),
            requires_auth: false,
            headers: Dictionary::default(),
        })
    }
}

fn no_file(message: &str) -> Error {
    Error::refused(Code::ItemNotFound, message)
}

fn sealed(id: i64, expires: i64) -> String {
    format!("{id} {expires}")
}

/// The file behind an address.
///
/// # Errors
/// 1017 for an address that has ended, or was not given by this server; 1002 when the file is gone.
pub fn open(
    tx: &mut Tx<'_>,
    server: &Server,
    now: Timestamp,
    id: i64,
    expires: i64,
    signature: &str,
) -> Result<Reply> {
    let given = server.keys.mac_ok(PURPOSE, &sealed(id, expires), signature);
    if !given || now.0 / TICKS_PER_SECOND >= expires {
        return Err(Error::refused(
            Code::ForbiddenOperation,
            "The address has ended or is not complete: get another one with GetDownloadLink.",
        ));
    }
    let row = tx.row(
        "SELECT name FROM exports WHERE id = $1 AND status = $2 AND executed_at > $3",
        &[
            id.into(),
            ExportModelStatus::Completed.into(),
            kept_since(now).into(),
        ],
    )?;
    let row = row.ok_or_else(|| Error::not_found("Export"))?;
    Ok(Reply::File {
        blob: blob_key(id),
        name: row.get(0)?,
    })
}
