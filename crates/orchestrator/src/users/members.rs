//! Who has a role for the tenant: the operations of roles that are about accounts.

use odata::edm::{Entity, EntitySet};

use crate::audit::{self, AuditAction, AuditComponent, Subject};
use crate::cx::{Cx, Hint};
use crate::error::Result;
use crate::op::{Access, At, Need, Nothing, Op, Operation, Page, action, function, op};
use crate::roles::{self, Change, Role};

use super::{User, keep_an_administrator, must_exist};

/// Functions and actions of the set `Roles`.
pub const ROLE_OPS: &[Op] = &[
    op::<SetUsers>(),
    op::<GetUserIdsForRole>(),
    op::<GetUsersForRole>(),
];

const VIEW: Need = Need::new("OR.Users", &[("Roles", Access::View)], false);
/// The contract asks for this beside the permission of the operation itself.
const VIEW_USERS: &[(&str, Access)] = &[("Users", Access::View)];

/// Gives a role to accounts, and takes it from others.
#[odata::input]
pub struct SetUsers {
    #[edm(key)]
    id: i64,
    /// Accounts that get the role.
    #[edm(required)]
    added_user_ids: Vec<i64>,
    /// Accounts that lose it.
    #[edm(required)]
    removed_user_ids: Vec<i64>,
}

impl Operation for SetUsers {
    const AT: At = action("Roles", "SetUsers")
        .needs(Need::new("OR.Users", &[("Roles", Access::Edit)], true).and(VIEW_USERS));
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let role = roles::find(cx.tx, cx.caller.tenant, self.id)?.for_tenant()?;
        if !self.added_user_ids.is_empty() {
            roles::check_for_tenant(cx, &role, Change::Give)?;
        }
        for user in &self.added_user_ids {
            must_exist(cx, *user)?;
            roles::not_to_oneself(cx, *user)?;
            cx.tx.exec(
                "INSERT INTO user_roles (user_id, role_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                &[(*user).into(), role.id.into()],
            )?;
        }
        for user in &self.removed_user_ids {
            must_exist(cx, *user)?;
            let lost = cx.tx.exec(
                "DELETE FROM user_roles WHERE user_id = $1 AND role_id = $2",
                &[(*user).into(), role.id.into()],
            )?;
            if lost > 0 {
                roles::check_for_tenant(cx, &role, Change::Take)?;
            }
        }
        keep_an_administrator(cx, crate::Code::CannotUnassignLastAdmin)?;
        cx.hint(Hint::Identities);
        let changed = serde_json::json!({
            "AddedUserIds": self.added_user_ids, "RemovedUserIds": self.removed_user_ids,
        })
        .to_string();
        let subject = Subject {
            entity: Role::SET.entity,
            id: Some(role.id),
            name: &role.name,
            data: Some(changed.as_bytes()),
        };
        let text = format!("changed who has role {}", role.name);
        audit::record(
            cx,
            AuditComponent::Roles,
            AuditAction::Assign,
            &subject,
            &text,
        )?;
        Ok(Nothing)
    }
}

/// Seeing roles or accounts.
const VIEW_EITHER: Need = Need::new(
    "OR.Users",
    &[("Roles", Access::View), ("Users", Access::View)],
    false,
);

/// Numbers of the accounts that have a role.
#[odata::input]
pub struct GetUserIdsForRole {
    /// Number of the role.
    #[edm(required)]
    key: i32,
}

impl Operation for GetUserIdsForRole {
    const AT: At = function("Roles", "GetUserIdsForRole").needs(VIEW_EITHER);
    type Answer = Vec<i64>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Vec<i64>> {
        let role = roles::find(cx.tx, cx.caller.tenant, i64::from(self.key))?;
        let rows = cx.tx.rows(
            "SELECT user_id FROM user_roles WHERE role_id = $1 ORDER BY user_id",
            &[role.id.into()],
        )?;
        let ids: Result<Vec<i64>, db::Error> = rows.iter().map(|r| r.get(0)).collect();
        Ok(ids?)
    }
}

/// All accounts with their place in the list: those who have the role `{role}` come first.
const RANKED: &str = "(SELECT u.*, u.id + CASE WHEN EXISTS (SELECT 1 FROM user_roles ur
        WHERE ur.user_id = u.id AND ur.role_id = {role}) THEN 0 ELSE 1000000000000 END AS rank
    FROM users u)";

/// Accounts as a role lists them. All have one tenant, so the tie decides alone.
static BY_MEMBERSHIP: EntitySet = EntitySet {
    table: RANKED,
    order: "TenantId",
    tie: &["rank"],
    ..User::SET
};

/// The set by its type.
pub enum ByMembership {}

impl Entity for ByMembership {
    fn set() -> &'static EntitySet {
        &BY_MEMBERSHIP
    }
}

/// All accounts, those who have a role first.
#[odata::input]
pub struct GetUsersForRole {
    /// Number of the role.
    #[edm(required)]
    key: i32,
}

impl Operation for GetUsersForRole {
    const AT: At = function("Roles", "GetUsersForRole").needs(VIEW.and(VIEW_USERS));
    type Answer = Page<ByMembership>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        let role = roles::find(cx.tx, cx.caller.tenant, i64::from(self.key))?;
        Ok(Page::all().var("role", role.id))
    }
}
