//! Whoever calls, with their personal workspace. There are no workspaces yet, so that is null.

use odata::edm::{self, EntitySet, Nav, Prop};

use super::{User, nobody, show_as};
use crate::cx::{Args, Cx, Reply};
use crate::error::Result;
use crate::folders::Folder;

/// What it shows beside the account.
#[odata::complex(name = "PersonalWorkspaceFeed")]
struct Feed {
    /// The package feed of the workspace; the name is misspelled on the wire.
    #[edm(json = "null")]
    personal_worskpace_feed_id: Option<String>,
}

const PROPS: [Prop; User::SET.props.len() + 1] =
    edm::extended(User::SET.props, "Id", Feed::TYPE.props);

/// Accounts with their workspaces.
pub(super) static SET: EntitySet = EntitySet {
    entity: "CurrentUserExtendedDto",
    doc: "Whoever calls, with their personal workspace.",
    table: "(SELECT u.*, CAST(NULL AS BIGINT) AS personal_workspace_id FROM users u)",
    props: &PROPS,
    navs: &[Nav {
        name: "PersonalWorkspace",
        target: || &Folder::SET,
        column: "personal_workspace_id",
        target_column: "id",
        many: false,
    }],
    indexes: &[],
    ..User::SET
};

/// `GetCurrentUserExtended`: also for applications, which have an account, too. Everybody may see their
/// own, so no scope is asked for.
pub(super) fn get_current_user_extended(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = cx.caller.own_account().ok_or_else(nobody)?;
    show_as(cx, args, &SET, id)
}
