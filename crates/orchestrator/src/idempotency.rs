//! `Idempotency-Key`: a request that may be sent again after an answer was lost, and is done once.
//!
//! The answer is kept in the transaction of what it reports. Whoever asks again with the same key and
//! the same request within a day gets it again; refusals are not kept, as they changed nothing.

use db::{Tx, Value};

use crate::cx::{Cx, Identity, Reply};
use crate::error::{Code, Error, Result};

/// Longest key.
const MAX_KEY: usize = 255;

/// Does `work`, unless it was done before under the key of the request.
///
/// # Errors
/// Those of `work`; 1028 when the key was used for another request.
pub fn once(
    cx: &mut Cx<'_, '_>,
    operation: &str,
    work: impl FnOnce(&mut Cx<'_, '_>) -> Result<Reply>,
) -> Result<Reply> {
    let args = cx.args;
    let Some(key) = &args.idempotency_key else {
        return work(cx);
    };
    if key.chars().count() > MAX_KEY {
        return Err(Error::invalid(format!(
            "The header Idempotency-Key must not be longer than {MAX_KEY} characters."
        )));
    }
    let caller = match &cx.caller.identity {
        Identity::User { id } => format!("user {id}"),
        Identity::Application { client_id, .. } => format!("application {client_id}"),
        Identity::Machine { id } => format!("machine {id}"),
        Identity::Robot { id, .. } => format!("robot {id}"),
        Identity::Server => "server".to_owned(),
        Identity::Anonymous => "nobody".to_owned(),
    };
    let request = request(cx, operation);
    let place = format!("idempotency_keys:{caller}:{key}");
    let tenant = cx.caller.tenant;
    let kept = cx.tx.row(
        "SELECT request, status, answer FROM idempotency_keys
         WHERE tenant_id = $1 AND caller = $2 AND key = $3",
        &[tenant.into(), caller.as_str().into(), key.as_str().into()],
    )?;
    if let Some(row) = kept {
        if row.get::<String>("request")? != request {
            return Err(Error::refused(
                Code::DuplicateKey,
                "The Idempotency-Key was used for another request: give each request its own.",
            ));
        }
        let status = u16::try_from(row.get::<i64>("status")?).unwrap_or(200);
        let answer = cx
            .server
            .keys
            .decrypt(&place, &row.get::<String>("answer")?)?;
        return Ok(Reply::Json {
            status,
            body: answer.into_bytes(),
        });
    }
    let reply = work(cx)?;
    if let Reply::Json { status, body } = &reply {
        let answer = String::from_utf8_lossy(body);
        let answer = cx.server.keys.encrypt(&place, &answer);
        cx.tx.put_into(
            "idempotency_keys",
            [
                ("tenant_id", tenant.into()),
                ("caller", caller.into()),
                ("key", key.as_str().into()),
                ("request", request.into()),
                ("status", i64::from(*status).into()),
                ("answer", answer.into()),
                ("creation_time", cx.now.into()),
            ],
        )?;
    }
    Ok(reply)
}

/// What tells one request from another: the operation, what it is bound to, the folder, the body and
/// the query options, as a hash.
fn request(cx: &Cx<'_, '_>, operation: &str) -> String {
    let args = cx.args;
    let folder = cx.folder.map_or(0, |folder| folder.id);
    let body = args.body.as_ref().map(ToString::to_string);
    let (body, query) = (body.unwrap_or_default(), &args.query);
    let key = args.key.as_ref().map(|key| format!("{key:?}"));
    let key = key.unwrap_or_default();
    identity::secret_hash(&format!("{operation} {key} {folder} {body}{query}"))
}

/// Forgets the answers that were kept after one time and until another.
///
/// # Errors
/// The store's.
pub(crate) fn forget(tx: &mut Tx<'_>, after: Value, until: Value) -> Result<u64> {
    Ok(tx.exec(
        "DELETE FROM idempotency_keys WHERE creation_time > $1 AND creation_time <= $2",
        &[after, until],
    )?)
}
