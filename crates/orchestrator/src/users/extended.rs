//! Whoever calls, with their personal workspace. There are no workspaces yet, so that is null.

use odata::edm::{self, Entity, EntitySet, Nav, Prop};

use super::{User, nobody, parts};
use crate::cx::Cx;
use crate::error::Result;
use crate::folders::Folder;
use crate::op::{At, One, Operation, function};

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
static SET: EntitySet = EntitySet {
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
        given: None,
    }],
    indexes: &[],
    ..User::SET
};

/// The set by its type.
pub enum ExtendedUser {}

impl Entity for ExtendedUser {
    fn set() -> &'static EntitySet {
        &SET
    }
}

/// Whoever calls, with their personal workspace. Applications, which have an account, too, may ask.
#[odata::input]
pub struct GetCurrentUserExtended;

impl Operation for GetCurrentUserExtended {
    // Everybody may see their own account, so no scope is asked for.
    const AT: At = function("Users", "GetCurrentUserExtended");
    type Answer = One<ExtendedUser>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        let id = cx.caller.own_account().ok_or_else(nobody)?;
        Ok(One::by(id).vars(parts(cx, id)?))
    }
}
