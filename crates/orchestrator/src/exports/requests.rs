//! Asking for an export.

use odata::edm::Entity;
use odata::{Query, TICKS_PER_DAY, Timestamp};

use super::{Export, ExportModelStatus, ExportModelType};
use crate::cx::{Cx, Hint};
use crate::error::{Code, Error, Result};
use crate::op::{At, FolderRule, One, Operation, QUEUE_NAMESPACE, action};
use crate::queues::report;

/// Exports of a tenant in a day, which begins at midnight UTC.
const A_DAY: i64 = 100;

/// Asks for a file with the items of a queue that `$filter` finds, in the order of `$orderby`. The file is
/// written later.
#[odata::input]
pub struct ExportItems {
    /// Number of the queue.
    #[edm(key)]
    id: i64,
}

impl Operation for ExportItems {
    const AT: At = action("QueueDefinitions", "Export")
        .needs(report::EXPORT)
        .namespace(QUEUE_NAMESPACE)
        .filter(false, report::HONOURED)
        .folder(FolderRule::Required);
    type Answer = One<Export>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<One<Export>> {
        let asked = report::ItemsFile::read(cx, self.id)?;
        ask(cx, ExportModelType::Queues, self.id, &asked.file_name())
    }
}

/// Writes down what was asked for, and answers with it; the query options are those of the file.
fn ask(
    cx: &mut Cx<'_, '_>,
    kind: ExportModelType,
    subject: i64,
    name: &str,
) -> Result<One<Export>> {
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
            ("subject_id", subject.into()),
            ("query", cx.args.query.as_str().into()),
        ],
    )?;
    cx.hint(Hint::Exports);
    Ok(One::by(id).under(Query::none(Export::set())))
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
