//! Deleting machines: they leave their folders, their hosts' sessions go, and finished jobs forget
//! them. Jobs that still need one keep it.

use std::collections::BTreeSet;

use db::sql;

use super::{AUDITED, DELETE, Machine, MachineScope};
use crate::audit::{self, AuditAction};
use crate::cx::{Cx, Hint};
use crate::error::{Code, Error, Result};
use crate::feature::{Thing, removing};
use crate::kinds::jobs::FINAL;
use crate::op::{At, Nothing, Operation, action};

/// Deletes machines: all of them or none.
#[odata::input]
pub struct DeleteBulk {
    /// Numbers of the machines.
    machine_ids: Vec<i64>,
}

impl Operation for DeleteBulk {
    const AT: At = action("Machines", "DeleteBulk").needs(DELETE);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        if self.machine_ids.is_empty() {
            return Err(Error::invalid("Empty machineIds collection in payload"));
        }
        for id in BTreeSet::from_iter(self.machine_ids.iter().copied()) {
            audit::done(cx, &AUDITED, AuditAction::Delete, id)?;
            delete(cx, id)?;
        }
        Ok(Nothing)
    }
}

/// `DELETE /odata/Machines(id)`
pub(super) fn delete(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
    let row = cx.tx.row(
        "SELECT name, scope FROM machines WHERE id = $1 AND tenant_id = $2",
        &[id.into(), cx.caller.tenant.into()],
    )?;
    let row = row.ok_or_else(|| Error::not_found("Machine"))?;
    let (name, scope): (String, i64) = (row.get("name")?, row.get("scope")?);
    if MachineScope::from_i64(scope).is_some_and(MachineScope::is_protected) {
        return Err(Error::refused(
            Code::MachineScopeProtected,
            format!("The machine {name} is kept by the server and cannot be deleted."),
        ));
    }
    check_free(cx, id, &name)?;
    removing(cx, Thing::Machine, id)?;
    cx.delete(&Machine::SET, id)
        .map_err(|e| e.in_use(&format!("The machine {name} is in use.")))?;
    cx.hint(Hint::Identities);
    Ok(())
}

/// Refuses a machine with robots of its own, or with jobs that run on it or wait for it.
fn check_free(cx: &mut Cx<'_, '_>, id: i64, name: &str) -> Result<()> {
    let robots = "SELECT 1 FROM robots WHERE machine_id = $1 LIMIT 1";
    if cx.tx.row(robots, &[id.into()])?.is_some() {
        return Err(Error::refused(
            Code::HasAttachedRobots,
            format!("The machine {name} has robots: delete them first."),
        ));
    }
    let jobs = sql!(
        "SELECT 1 FROM jobs WHERE (machine_id = $1 OR wanted_machine_id = $1
             OR wanted_session_id IN (SELECT s.id FROM sessions s WHERE s.machine_id = $1))
         AND state NOT IN {FINAL} LIMIT 1"
    );
    if cx.tx.row(jobs, &[id.into()])?.is_some() {
        return Err(Error::refused(
            Code::HasDependentItems,
            format!("Jobs run on the machine {name} or wait for it: stop them first."),
        ));
    }
    Ok(())
}
