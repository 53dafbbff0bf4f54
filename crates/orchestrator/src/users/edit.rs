//! Making, changing and removing accounts.

use std::collections::BTreeSet;

use odata::{Changes, Mode};
use serde_json::Value as Json;

use super::{
    EDIT, User, UserRole, UserType, applications, keep_an_administrator, must_exist, name_and_type,
    parts, rights,
};
use crate::access;
use crate::audit::{self, AuditAction, AuditComponent, Subject};
use crate::body::{self, given};
use crate::cx::{Args, Cx, Hint, Identity};
use crate::error::{Code, Error, Result};
use crate::feature::{self, Saved, Thing, removing};
use crate::folders;
use crate::op::{At, Nothing, Operation, Prepared, action};
use crate::roles;

/// What is settled when an account is made.
const SETTLED: &[&str] = &[
    "user_name",
    "domain",
    "directory_identifier",
    "type",
    "provision_type",
];

/// Rights that have a second name. The first one decides, because a client that read both and
/// changes one sends both back.
const RIGHTS: &[(&str, &str)] = &[
    ("MayHaveUserSession", "may_have_user_session"),
    ("MayHaveRobotSession", "may_have_robot_session"),
    ("MayHavePersonalWorkspace", "may_have_personal_workspace"),
    (
        "RestrictToPersonalWorkspace",
        "restrict_to_personal_workspace",
    ),
];

/// The body as it came.
fn body_of(args: &Args) -> &Json {
    args.body.as_ref().unwrap_or(&Json::Null)
}

/// Adds to what the body changes what follows from its other members, and checks it.
fn complete(args: &Args, changes: &mut Changes) -> Result<()> {
    let dto = body_of(args);
    for (member, column) in RIGHTS {
        if let Some(may) = body::typed::<bool>(dto, member)? {
            changes.set(column, may);
        }
    }
    let silent = body::get(dto, "MayHaveUnattendedSession").is_none_or(Json::is_null);
    if silent && body::get(dto, "UnattendedRobot").is_some_and(Json::is_object) {
        changes.set("may_have_unattended_session", true);
    }
    if let Some(Prepared::Hash(hash)) = &args.prepared {
        changes.set("password_hash", hash.as_str());
    }
    check_email(changes)
}

fn check_email(changes: &Changes) -> Result<()> {
    let Some(db::Value::Text(address)) = changes.get("email_address") else {
        return Ok(());
    };
    let fits = |(name, host): (&str, &str)| {
        let blank = |c: char| c.is_whitespace() || c.is_control() || c == '@';
        !name.is_empty() && !host.is_empty() && !address.replacen('@', "", 1).contains(blank)
    };
    if address.is_empty() || address.split_once('@').is_some_and(fits) {
        return Ok(());
    }
    Err(Error::invalid(
        "The EmailAddress field is not a valid e-mail address.",
    ))
}

/// The hash of the password in the body; it takes 20 ms, so it is made before the transaction.
pub(super) fn hash_password(args: &Args) -> Result<Option<Prepared>> {
    let password = body::typed::<String>(body_of(args), "Password")?;
    match password.filter(|p| !p.is_empty()) {
        Some(p) if p.chars().count() > 128 => Err(Error::invalid(
            "A password must not be longer than 128 characters.",
        )),
        Some(p) => Ok(Some(Prepared::Hash(identity::hash_password(&p)?))),
        None => Ok(None),
    }
}

/// What a body says of an account that is no column, or more than one.
struct Said {
    user_name: Option<String>,
    r#type: Option<UserType>,
    roles_list: Option<Vec<String>>,
    user_roles: Option<Vec<UserRole>>,
    organization_units: Option<Vec<folders::Unit>>,
}

impl Said {
    fn by(body: &Changes) -> Result<Self> {
        Ok(Self {
            user_name: given(body, "UserName")?,
            r#type: given(body, "Type")?,
            roles_list: given(body, "RolesList")?,
            user_roles: given(body, "UserRoles")?,
            organization_units: given(body, "OrganizationUnits")?,
        })
    }

    /// The roles for the tenant, if it says so. The names decide, because a client that read both
    /// lists and changes one sends both back.
    fn roles(&self, cx: &mut Cx<'_, '_>) -> Result<Option<BTreeSet<i64>>> {
        match (&self.roles_list, &self.user_roles) {
            (Some(names), _) => rights::named(cx, names).map(Some),
            (None, Some(given)) => rights::given(cx, given).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// Whether it names no other roles than the account has.
    fn has_roles_of(&self, cx: &mut Cx<'_, '_>, id: i64) -> Result<bool> {
        match self.roles(cx)? {
            Some(roles) => Ok(roles == rights::of(cx, id)?),
            None => Ok(true),
        }
    }

    /// Whether it names no other folders than the account is assigned to.
    fn has_units_of(&self, cx: &mut Cx<'_, '_>, id: i64) -> Result<bool> {
        match &self.organization_units {
            Some(units) => folders::are_units_of_user(cx, id, units),
            None => Ok(true),
        }
    }
}

/// `POST /odata/Users`: a person with a password, or a directory object such as a robot account.
/// An `UnattendedRobot` in the body (or `MayHaveUnattendedSession`) provisions the robot
/// `<user>-unattended`.
pub(super) fn create(cx: &mut Cx<'_, '_>, mut changes: Changes) -> Result<i64> {
    complete(cx.args, &mut changes)?;
    let dto = body_of(cx.args);
    let said = Said::by(&changes)?;
    let name = said.user_name.clone().unwrap_or_default();
    if name.chars().any(char::is_control) {
        return Err(Error::invalid("The UserName field must be one line."));
    }
    let kind = said.r#type.unwrap_or(UserType::User);
    if kind == UserType::DirectoryExternalApplication {
        applications::not_by_hand(cx, &name, dto)?;
    }
    let roles = said.roles(cx)?.unwrap_or_default();
    changes.set("type", kind);
    changes.set_default("may_have_user_session", kind.is_person());
    let id = cx.insert(changes).map_err(|e| e.name_taken(&name))?;
    rights::set(cx, id, &roles)?;
    if let Some(units) = &said.organization_units {
        folders::set_units_of_user(cx, id, units)?;
    }
    saved(cx, id, Mode::Create)?;
    done(cx, id, AuditAction::Create, "created")?;
    Ok(id)
}

/// `PUT /odata/Users(id)`: the account is what the body says, its roles and folders included when
/// they are there. Who may only manage robots sends the rest back as it is.
pub(super) fn replace(cx: &mut Cx<'_, '_>, id: i64, mut changes: Changes) -> Result<()> {
    must_exist(cx, id)?;
    complete(cx.args, &mut changes)?;
    let dto = body_of(cx.args);
    applications::check(cx, id, &changes, dto)?;
    let said = Said::by(&changes)?;
    if !access::has_in_tenant(cx.tx, cx.caller, &EDIT)? {
        check_only_robots(cx, id, &said)?;
        write(cx, id, changes.only(&OF_ROBOTS))?;
        saved(cx, id, Mode::Replace)?;
        return done(cx, id, AuditAction::Update, "updated the robots of");
    }
    same_name(cx, id, &said)?;
    settle(cx, id, &mut changes)?;
    write(cx, id, changes)?;
    if let Some(roles) = said.roles(cx)? {
        rights::set(cx, id, &roles)?;
    }
    if let Some(units) = &said.organization_units {
        folders::set_units_of_user(cx, id, units)?;
    }
    saved(cx, id, Mode::Replace)?;
    done(cx, id, AuditAction::Update, "updated")
}

/// `PATCH /odata/Users(id)`: what the body names, but neither roles nor folders. Everybody may set
/// the password of their own unattended robot; the rest asks for the permission.
pub(super) fn merge(cx: &mut Cx<'_, '_>, id: i64, mut changes: Changes) -> Result<()> {
    complete(cx.args, &mut changes)?;
    let dto = body_of(cx.args);
    let may = access::has_in_tenant(cx.tx, cx.caller, &EDIT)?;
    if !may {
        if cx.caller.user() != Some(id) || !only_robot_password(dto) {
            return Err(access::forbidden(&EDIT));
        }
        must_have_robot(cx, id)?;
        saved(cx, id, Mode::Merge)?;
        let verb = "changed the robot password of";
        return done(cx, id, AuditAction::ChangePassword, verb);
    }
    must_exist(cx, id)?;
    applications::check(cx, id, &changes, dto)?;
    let said = Said::by(&changes)?;
    same_name(cx, id, &said)?;
    same_roles_and_folders(cx, id, &said)?;
    settle(cx, id, &mut changes)?;
    write(cx, id, changes)?;
    saved(cx, id, Mode::Merge)?;
    done(cx, id, AuditAction::Update, "updated")
}

/// Has whoever keeps a part of accounts, their robots, take it from the body.
fn saved(cx: &mut Cx<'_, '_>, id: i64, mode: Mode) -> Result<()> {
    let body = body_of(cx.args);
    feature::saved(cx, Thing::User, &Saved { id, body, mode })
}

/// Refuses to set the password of an unattended robot that there is not.
fn must_have_robot(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
    let has = "SELECT 1 FROM users WHERE id = $1 AND may_have_unattended_session";
    match cx.tx.row(has, &[id.into()])? {
        Some(_) => Ok(()),
        None => Err(Error::refused(
            Code::UserDoesNotHaveRobot,
            "This account has no unattended robot whose password could be set.",
        )),
    }
}

/// Leaves what is settled as it is, and refuses other values.
fn settle(cx: &mut Cx<'_, '_>, id: i64, changes: &mut Changes) -> Result<()> {
    let mut settled = Changes::none(&User::SET);
    for column in SETTLED {
        // The name was looked at without its case.
        match changes.remove(column) {
            None | Some(db::Value::Null) => {}
            Some(_) if *column == "user_name" => {}
            Some(value) => settled.set(column, value),
        }
    }
    let Some(member) = settled.first_change(cx.tx, id)? else {
        return Ok(());
    };
    Err(Error::refused(
        Code::FieldNotEditable,
        format!("The {member} of an account cannot be changed: make another account."),
    ))
}

/// Refuses to merge other roles or folders than the account has: a part of a list says nothing of
/// the rest.
fn same_roles_and_folders(cx: &mut Cx<'_, '_>, id: i64, said: &Said) -> Result<()> {
    let other = |member: &str, instead: &str| {
        let text = format!("PATCH does not change the {member} of an account: use {instead}.");
        Err(Error::refused(Code::FieldNotEditable, text))
    };
    if !said.has_roles_of(cx, id)? {
        return other("RolesList and UserRoles", "PUT, AssignRoles or ToggleRole");
    }
    if !said.has_units_of(cx, id)? {
        return other("OrganizationUnits", "PUT or Folders/AssignUsers");
    }
    Ok(())
}

/// The columns of an account that say which robots it has.
const OF_ROBOTS: [&str; 2] = ["may_have_robot_session", "may_have_unattended_session"];

/// Refuses a body that says of anything but robots what is not so.
fn check_only_robots(cx: &mut Cx<'_, '_>, id: i64, said: &Said) -> Result<()> {
    let mut named = cx.args.changes("userDto", &User::SET, Mode::Merge)?;
    complete(cx.args, &mut named)?;
    for column in OF_ROBOTS {
        named.remove(column);
    }
    let same = named.first_change(cx.tx, id)?.is_none()
        && said.has_roles_of(cx, id)?
        && said.has_units_of(cx, id)?;
    match same {
        true => Ok(()),
        false => Err(access::forbidden(&EDIT)),
    }
}

/// Whether the body is `{"UnattendedRobot":{"Password":"…"}}` and nothing more.
fn only_robot_password(dto: &Json) -> bool {
    let only = |object: &Json, name: &str| {
        let members = object.as_object();
        members.is_some_and(|m| m.len() == 1 && m.keys().all(|k| k.eq_ignore_ascii_case(name)))
    };
    let password = |robot: &Json| {
        let text = body::typed::<String>(robot, "Password").ok().flatten();
        only(robot, "Password") && text.is_some_and(|p| !p.is_empty())
    };
    only(dto, "UnattendedRobot") && body::get(dto, "UnattendedRobot").is_some_and(password)
}

/// Refuses another name: robots are called after it, and people sign in with it.
fn same_name(cx: &mut Cx<'_, '_>, id: i64, said: &Said) -> Result<()> {
    let (name, _) = name_and_type(cx.tx, id)?;
    match &said.user_name {
        Some(other) if other.to_lowercase() != name.to_lowercase() => Err(Error::refused(
            Code::CannotUpdateUsername,
            format!("The account stays {name}: a UserName cannot be changed."),
        )),
        _ => Ok(()),
    }
}

/// What decides about whether and how an account acts: its password, its state, how it is reached and what
/// it may have. The rest, such as its name, describes it.
const DECISIVE: [&str; 8] = [
    "password_hash",
    "is_active",
    "email_address",
    "may_have_user_session",
    "may_have_robot_session",
    "may_have_unattended_session",
    "may_have_personal_workspace",
    "restrict_to_personal_workspace",
];

fn write(cx: &mut Cx<'_, '_>, id: i64, changes: Changes) -> Result<()> {
    if matches!(changes.get("is_active"), Some(db::Value::Bool(false))) {
        not_oneself(cx, id, "deactivate")?;
    }
    if changes.only(&DECISIVE).first_change(cx.tx, id)?.is_some() {
        roles::check_covers(cx, id)?;
    }
    cx.update(changes, id)?;
    keep_an_administrator(cx, Code::CannotInactivateLastAdmin)
}

fn not_oneself(cx: &Cx<'_, '_>, id: i64, what: &str) -> Result<()> {
    let own = match cx.caller.identity {
        Identity::User { .. } | Identity::Application { .. } => cx.caller.own_account(),
        _ => None,
    };
    if own == Some(id) {
        return Err(Error::refused(
            Code::UserNotEditable,
            format!("You cannot {what} your own account: ask another administrator."),
        ));
    }
    Ok(())
}

/// `DELETE /odata/Users(id)`: its robots go with it, and the application whose account it is; jobs that
/// ran on them stay.
pub(super) fn delete(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
    must_exist(cx, id)?;
    not_oneself(cx, id, "delete")?;
    roles::check_covers(cx, id)?;
    let (name, _) = name_and_type(cx.tx, id)?;
    done(cx, id, AuditAction::Delete, "deleted")?;
    removing(cx, Thing::User, id)?;
    let used = format!("The user {name} is named by other things: remove them first.");
    cx.delete(&User::SET, id).map_err(|e| e.in_use(&used))?;
    keep_an_administrator(cx, Code::CannotDeleteLastAdmin)
}

/// Lets an account sign in or not. Tokens of an account that is not active do not work, nor do those
/// of an application.
#[odata::input]
pub struct SetActive {
    #[edm(key)]
    id: i64,
    /// Whether it may sign in.
    #[edm(required)]
    active: bool,
}

impl Operation for SetActive {
    const AT: At = action("Users", "SetActive").needs(EDIT).answers(200);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        must_exist(cx, self.id)?;
        let mut changes = Changes::none(&User::SET);
        changes.set("is_active", self.active);
        write(cx, self.id, changes)?;
        let (action, verb) = match self.active {
            true => (AuditAction::Activate, "activated"),
            false => (AuditAction::Deactivate, "deactivated"),
        };
        done(cx, self.id, action, verb)?;
        Ok(Nothing)
    }
}

/// Writes down what happened to an account, with what it is now.
fn done(cx: &mut Cx<'_, '_>, id: i64, action: AuditAction, verb: &str) -> Result<()> {
    cx.hint(Hint::Identities);
    cx.hint(Hint::Dispatch);
    let vars = parts(cx, id)?;
    let shown = cx.entity(&User::SET, id, &vars)?;
    let (name, _) = name_and_type(cx.tx, id)?;
    let subject = Subject {
        entity: User::SET.entity,
        id: Some(id),
        name: &name,
        data: Some(&shown),
    };
    let text = format!("{verb} user {name}");
    audit::record(cx, AuditComponent::Users, action, &subject, &text)
}
