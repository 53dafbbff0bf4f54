//! Accounts as organization units list them: the operation of units whose answer is accounts.

use db::sql;

use super::{User, UserType};
use crate::cx::Cx;
use crate::error::Result;
use crate::folders;
use crate::op::{At, Op, Operation, Page, function, op};

/// Functions and actions of the set `OrganizationUnits`.
pub const OPS: &[Op] = &[op::<GetUsersForUnit>()];

/// All accounts that are no robots, whatever the unit.
#[odata::input]
pub struct GetUsersForUnit {
    /// Number of the unit.
    #[edm(required)]
    key: i64,
}

impl Operation for GetUsersForUnit {
    const AT: At =
        function("OrganizationUnits", "GetUsersForUnit").needs(folders::VIEW_USERS_OF_UNITS);
    type Answer = Page<User>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Page<User>> {
        folders::known(cx, self.key)?;
        Ok(Page::of(sql!(
            "{{t}}.type NOT IN {}",
            db::numbers!(UserType: Robot, DirectoryRobot)
        )))
    }
}
