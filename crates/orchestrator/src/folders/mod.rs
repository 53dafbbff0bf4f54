//! Folders: the tree that everything else lives in, and who and what is assigned to it.
//!
//! A "modern" folder is `Automatic` + `FineGrained`: roles and machines are assigned to it and
//! inherited below it. A classic one (`Manual` + `InheritFromTenant`) has no children.

mod assign;
mod create;
mod edit;
mod entities;
mod machines;
mod navigation;
mod relocate;
mod units;
mod users;

use odata::Guid;

use crate::access::{self, By, FolderHeader};
use crate::audit::{AuditComponent, Audited};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::op::{
    Access, At, Command, FolderRule, Need, One, Op, Operation, Page, Resource, Verb, op,
};

use crate::feature::Feature;
pub use assign::assign_user;
pub(crate) use assign::{Unit, are_units_of_user, set_units_of_user};
pub use create::{NewFolder, insert};
pub use entities::{FeedType, Folder, FolderType, MachineFolder, PermissionModel, ProvisionType};
pub use machines::assign_machine;
pub(crate) use units::VIEW_USERS as VIEW_USERS_OF_UNITS;
pub use units::{OPS as UNIT_OPS, RESOURCE as UNITS};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("folders")
    .resources(&[&RESOURCE, &UNITS])
    .operations(&[OPS, UNIT_OPS])
    .tables(&[
        "folder_machine_robots",
        "folder_machines",
        "folder_tree",
        "folder_user_roles",
        "folder_users",
        "folders",
    ]);

/// Seeing folders: of the tenant, or those in which a role gives it.
pub const VIEW: Need = Need::new(
    "OR.Folders",
    &[("Units", Access::View), ("SubFolders", Access::View)],
    false,
);
/// Changing folders, likewise.
pub const EDIT: Need = Need::new(
    "OR.Folders",
    &[("Units", Access::Edit), ("SubFolders", Access::Edit)],
    true,
);
const CREATE: Need = Need::new(
    "OR.Folders",
    &[("Units", Access::Create), ("SubFolders", Access::Create)],
    true,
);

/// Removing folders, likewise.
pub const DELETE: Need = Need::new(
    "OR.Folders",
    &[("Units", Access::Delete), ("SubFolders", Access::Delete)],
    true,
);

/// Whoever is assigned to a folder may read it: asked for at the door is only the scope.
const READ: Need = Need::new("OR.Folders", &[], false);

/// How the audit log tells of folders.
static AUDITED: Audited =
    Audited::new(AuditComponent::Folders, &Folder::SET, "folder").name("fully_qualified_name");

/// Whom navigation lets in at the door; the functions check the rest themselves.
const SEE: Need = Need::new("OR.Folders", &[], false);

/// The set.
pub static RESOURCE: Resource = Resource::new(&Folder::SET, VIEW)
    .folder(FolderRule::Named)
    .list::<ListFolders>()
    .get_with(READ)
    .sees(|cx, id| {
        known(cx, id)?;
        must_see(cx, id)
    })
    .create(Command::create(CREATE, "folderDto", create::create).audited(&AUDITED))
    .replace(Command::replace(EDIT, "folderDto", edit::replace).audited(&AUDITED))
    .delete(Command::delete(DELETE, edit::delete));

/// An action that the operation checks folder by folder.
const fn action(name: &'static str) -> At {
    crate::op::action("Folders", name).folder(FolderRule::Named)
}

/// A function, likewise.
const fn function(name: &'static str) -> At {
    crate::op::function("Folders", name).folder(FolderRule::Named)
}

/// Its functions and actions.
pub const OPS: &[Op] = &[
    op::<GetByKey>(),
    op::<machines::GetMachinesForFolder>(),
    op::<machines::AssignMachines>(),
    op::<machines::UpdateMachinesToFolderAssociations>(),
    op::<machines::RemoveMachinesFromFolder>(),
    op::<machines::ToggleFolderMachineInherit>(),
    op::<machines::SetMachineRobots>(),
    op::<users::GetUsersForFolder>(),
    op::<users::GetAllRolesForUser>(),
    op::<assign::AssignUsers>(),
    op::<assign::AssignDomainUser>(),
    op::<assign::AssignDirectoryUser>(),
    op::<assign::RemoveUserFromFolder>(),
    op::<assign::RemoveUserFromFolderByKey>(),
    op::<relocate::MoveFolder>(),
    op::<relocate::GetMoveFolderMachinesChanges>(),
    op::<relocate::GetSubfoldersWithAssignedMachine>(),
    op::<navigation::GetAllForCurrentUser>(),
    op::<edit::PatchNameDescription>(),
    op::<edit::DeleteByKey>(),
    op::<navigation::GetFoldersForCurrentUser>(),
    op::<navigation::GetAllFoldersForCurrentUser>(),
    op::<navigation::GetFolderNavigationContextForCurrentUser>(),
    op::<users::RolesOfUser>(),
];

/// Folders in which a role gives the caller one of the permissions.
const OWN: &str = "EXISTS (SELECT 1 FROM folder_tree ft
    JOIN folder_user_roles fur ON fur.folder_id = ft.ancestor_id AND fur.user_id = {user}
    JOIN role_permissions p ON p.role_id = fur.role_id
    WHERE ft.folder_id = {t}.id AND p.permission IN ('Units.View', 'SubFolders.View'))";

/// All folders with the permission for the tenant, else those in which a role gives it. Who has it
/// nowhere is refused at the door instead of being told that there are no folders; robots and people
/// without it find the folders that they are assigned to at `/api/FoldersNavigation`, where SDKs look for
/// them, and by the headers that name a folder.
#[odata::input]
pub struct ListFolders;

impl Verb for ListFolders {
    type Answer = Page<Folder>;

    fn answer(&self, cx: &mut Cx<'_, '_>) -> Result<Page<Folder>> {
        let query = cx.options(&Folder::SET)?;
        let all = access::has_in_tenant(cx.tx, cx.caller, &VIEW)?;
        let page = Page::all().restricted((!all).then(|| OWN.to_owned()));
        Ok(page.var("user", cx.caller.account()).under(query))
    }
}

/// The id, if the tenant has such a folder.
///
/// # Errors
/// As [`nowhere`] when it has none.
pub(crate) fn known(cx: &mut Cx<'_, '_>, id: i64) -> Result<i64> {
    let known = "SELECT 1 FROM folders WHERE id = $1 AND tenant_id = $2";
    match cx.tx.row(known, &[id.into(), cx.caller.tenant.into()])? {
        Some(_) => Ok(id),
        None => Err(nowhere(cx)?),
    }
}

/// The refusal of a folder that does not exist: 1002 for whoever sees all of them, and 1100, as for one
/// that they do not see, for the others.
fn nowhere(cx: &mut Cx<'_, '_>) -> Result<Error> {
    Ok(match access::has_in_tenant(cx.tx, cx.caller, &VIEW)? {
        true => Error::not_found("Folder"),
        false => access::no_folder(&By::Id(0)),
    })
}

/// The folder with a GUID.
#[odata::input]
pub struct GetByKey {
    /// Its GUID.
    #[edm(required)]
    identifier: Guid,
}

impl Operation for GetByKey {
    const AT: At = function("GetByKey").needs(READ);
    type Answer = One<Folder>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<One<Folder>> {
        let id = edit::by_key(cx, self.identifier)?;
        must_see(cx, id)?;
        Ok(One::by(id))
    }
}

/// One folder, for whoever sees all of them or is assigned to it.
fn must_see(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
    if !access::has_in_tenant(cx.tx, cx.caller, &VIEW)? {
        let named = FolderHeader {
            id: Some(id),
            ..FolderHeader::default()
        };
        access::resolve(cx.tx, cx.caller, &named)?;
    }
    Ok(())
}
