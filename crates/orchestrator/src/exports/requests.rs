//! Asking for an export.

use odata::{TICKS_PER_DAY, Timestamp};

use super::{Export, ExportModelStatus, ExportModelType};
use crate::cx::{Args, Cx, Hint, Reply};
use crate::error::{Code, Error, Result};
use crate::op::{FolderRule, Op, QUEUE_NAMESPACE};
use crate::queues::report;

/// Exports of a tenant in a day, which begins at midnight UTC.
const A_DAY: i64 = 100;

/// `POST /odata/QueueDefinitions(id)/UiPathODataSvc.Export`
pub(super) const QUEUE_ITEMS: Op =
    Op::action("QueueDefinitions", "Export", report::EXPORT, queue_items)
        .bound()
        .namespace(QUEUE_NAMESPACE)
        .returns("ExportModel")
        .filter(false, report::HONOURED)
        .folder(FolderRule::Required);

/// The items of a queue that `$filter` finds, in the order of `$orderby`.
fn queue_items(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let asked = report::Asked::read(cx, args)?;
    ask(cx, args, ExportModelType::Queues, &asked.file_name())
}

/// Writes down what was asked for, and answers with it.
fn ask(cx: &mut Cx<'_, '_>, args: &Args, kind: ExportModelType, name: &str) -> Result<Reply> {
    check_limit(cx)?;
    let folder = cx.need_folder()?.id;
    let caller = cx.caller;
    let id = cx.tx.insert_into(
        "exports",
        [
            ("tenant_id", caller.tenant.into()),
            ("name", name.into()),
            ("type", kind.into()),
            ("status", ExportModelStatus::New.into()),
            ("requested_at", cx.now.into()),
            ("user_id", caller.user().into()),
            (
                "external_client_id",
                caller.client().map(str::to_owned).into(),
            ),
            ("scopes", caller.scopes.join(" ").into()),
            ("folder_id", folder.into()),
            ("subject_id", args.id()?.into()),
            ("query", args.query.as_str().into()),
        ],
    )?;
    cx.hint(Hint::Exports);
    Ok(Reply::json(cx.entity(&Export::SET, id, &[])?))
}

fn check_limit(cx: &mut Cx<'_, '_>) -> Result<()> {
    let midnight = cx.now.0 - cx.now.0.rem_euclid(TICKS_PER_DAY);
    let asked = cx.tx.number(
        "SELECT COUNT(*) FROM exports WHERE tenant_id = $1 AND requested_at >= $2",
        &[cx.caller.tenant.into(), midnight.into()],
    )?;
    if asked < A_DAY {
        return Ok(());
    }
    Err(Error::Later {
        code: Code::ExportTenantDailyLimitReached,
        message: format!(
            "The tenant has asked for {A_DAY} exports today, which is all that it may: ask again \
             after midnight UTC."
        ),
        after: Timestamp(midnight + TICKS_PER_DAY).since(cx.now),
    })
}
