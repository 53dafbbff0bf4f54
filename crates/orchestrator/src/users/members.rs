//! Who has a role for the tenant: the operations of roles that are about accounts.

use odata::edm::EntitySet;
use serde::Deserialize;

use crate::audit::{self, AuditAction, AuditComponent, Subject};
use crate::body;
use crate::cx::{Args, Cx, Hint, Listing, Reply};
use crate::error::Result;
use crate::op::{Access, Need, Op};
use crate::roles::{self, Role};

use super::{User, keep_an_administrator, must_exist};

/// Functions and actions of the set `Roles`.
pub const ROLE_OPS: &[Op] = &[
    Op::action(
        "Roles",
        "SetUsers",
        Need::new("OR.Users", &[("Roles", Access::Edit)], true).and(VIEW_USERS),
        set_users,
    )
    .bound()
    .params(&[
        ("addedUserIds", "Collection(Edm.Int64)"),
        ("removedUserIds", "Collection(Edm.Int64)"),
    ]),
    Op::function(
        "Roles",
        "GetUserIdsForRole",
        Need::new(
            "OR.Users",
            &[("Roles", Access::View), ("Users", Access::View)],
            false,
        ),
        get_user_ids,
    )
    .params(&[("key", "Edm.Int32")])
    .returns("Collection(Edm.Int64)"),
    Op::function(
        "Roles",
        "GetUsersForRole",
        Need::new("OR.Users", &[("Roles", Access::View)], false).and(VIEW_USERS),
        get_users,
    )
    .params(&[("key", "Edm.Int32")])
    .returns("Collection(UserDto)"),
];

/// The contract asks for this beside the permission of the operation itself.
const VIEW_USERS: &[(&str, Access)] = &[("Users", Access::View)];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    added_user_ids: Vec<i64>,
    removed_user_ids: Vec<i64>,
}

/// `SetUsers {addedUserIds, removedUserIds}`
fn set_users(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let role = roles::find(cx.tx, cx.caller.tenant, args.id()?)?.for_tenant()?;
    let members: Members = args.body("addedUserIds")?;
    body::check_length("addedUserIds", &members.added_user_ids)?;
    body::check_length("removedUserIds", &members.removed_user_ids)?;
    if !members.added_user_ids.is_empty() {
        roles::check_for_tenant(cx, &role)?;
    }
    for user in &members.added_user_ids {
        must_exist(cx, *user)?;
        roles::not_to_oneself(cx, *user)?;
        cx.tx.exec(
            "INSERT INTO user_roles (user_id, role_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            &[(*user).into(), role.id.into()],
        )?;
    }
    for user in &members.removed_user_ids {
        must_exist(cx, *user)?;
        cx.tx.exec(
            "DELETE FROM user_roles WHERE user_id = $1 AND role_id = $2",
            &[(*user).into(), role.id.into()],
        )?;
    }
    keep_an_administrator(cx, crate::Code::CannotUnassignLastAdmin)?;
    cx.hint(Hint::Identities);
    let changed = serde_json::json!({
        "AddedUserIds": members.added_user_ids, "RemovedUserIds": members.removed_user_ids,
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
    Ok(Reply::NoContent)
}

/// `GetUserIdsForRole(key=…)`
fn get_user_ids(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let role = roles::find(cx.tx, cx.caller.tenant, args.int("key")?)?;
    let rows = cx.tx.rows(
        "SELECT user_id FROM user_roles WHERE role_id = $1 ORDER BY user_id",
        &[role.id.into()],
    )?;
    let ids: Result<Vec<i64>, db::Error> = rows.iter().map(|r| r.get(0)).collect();
    cx.values(args, "Edm.Int64", ids?)
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

/// `GetUsersForRole(key=…)`: everybody, those who have the role first.
fn get_users(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let role = roles::find(cx.tx, cx.caller.tenant, args.int("key")?)?;
    let query = args.options(cx, &BY_MEMBERSHIP)?;
    let listing = Listing {
        vars: &[("role", role.id.into())],
        count: args.count,
        ..Listing::default()
    };
    Ok(Reply::json(cx.page(&BY_MEMBERSHIP, &query, &listing)?))
}
