//! Accounts for those who may not see accounts but have to choose one: names, and nothing of what an
//! account may do, where it is, or how to reach it.

use odata::edm::{self, Entity, EntitySet, Kind, Prop, Source};

use super::User;

/// The columns that tell something.
const BRIEF: &str = "(SELECT u.id, u.tenant_id, u.key, u.user_name, u.name, u.surname, u.type,
        u.provision_type, u.is_active, u.creation_time,
        CAST(NULL AS TEXT) AS domain, CAST(NULL AS TEXT) AS directory_identifier,
        CAST(NULL AS TEXT) AS email_address, CAST(NULL AS BIGINT) AS last_login_time,
        FALSE AS is_external_licensed, CAST(NULL AS BIGINT) AS license_type,
        CAST(NULL AS TEXT) AS notification_subscription, CAST(NULL AS TEXT) AS update_policy,
        FALSE AS may_have_user_session, FALSE AS may_have_robot_session,
        FALSE AS may_have_unattended_session, FALSE AS may_have_personal_workspace,
        FALSE AS restrict_to_personal_workspace, CAST(NULL AS TEXT) AS account_id,
        CAST(NULL AS BIGINT) AS last_modification_time,
        CAST(NULL AS BIGINT) AS last_modifier_user_id, CAST(NULL AS BIGINT) AS creator_user_id
    FROM users u)";

const PROPS: [Prop; User::SET.props.len()] = brief();

/// The members of accounts without those that look elsewhere: roles, folders, robots, the tenant.
const fn brief() -> [Prop; User::SET.props.len()] {
    let mut props: [Prop; User::SET.props.len()] = edm::extended(User::SET.props, "Id", &[]);
    let mut at = 0;
    while at < props.len() {
        let computed = matches!(props[at].source, Source::Sql(_));
        if computed && !edm::is_same(props[at].name, "FullName") {
            props[at].source = match props[at].kind {
                Kind::Collection(_) | Kind::Strings => Source::Json("[]"),
                _ => Source::Json("null"),
            };
        }
        at += 1;
    }
    props
}

/// Accounts in brief.
static SET: EntitySet = EntitySet {
    table: BRIEF,
    props: &PROPS,
    indexes: &[],
    ..User::SET
};

/// The set by its type.
pub enum BriefUser {}

impl Entity for BriefUser {
    fn set() -> &'static EntitySet {
        &SET
    }
}
