//! Accounts of applications: roles are given to them, and that is all they are for. An application
//! proves itself with its secret, and no robot works as one.

use odata::Changes;
use serde_json::Value as Json;

use super::{UserType, name_and_type};
use crate::body;
use crate::cx::Cx;
use crate::error::{Code, Error, Result};

/// What none of them may, with the name that bodies have for it.
const RIGHTS: &[(&str, &str)] = &[
    ("may_have_user_session", "MayHaveUserSession"),
    ("may_have_robot_session", "MayHaveRobotSession"),
    ("may_have_unattended_session", "MayHaveUnattendedSession"),
    ("may_have_personal_workspace", "MayHavePersonalWorkspace"),
];

/// Structures that describe robots.
const ROBOTS: &[&str] = &["RobotProvision", "UnattendedRobot"];

/// Refuses to make the account of an application by hand: it comes and goes with the application.
///
/// # Errors
/// 1001 when there is such an application, so that whoever brings accounts in finds it there; 1009 when
/// there is none.
pub(super) fn not_by_hand(cx: &mut Cx<'_, '_>, name: &str, dto: &Json) -> Result<()> {
    let identifier = body::get(dto, "DirectoryIdentifier").and_then(Json::as_str);
    let known = cx.tx.row(
        "SELECT user_name FROM users WHERE tenant_id = $1 AND type = $2
             AND (fold(user_name) = fold($3) OR directory_identifier = $4)",
        &[
            cx.caller.tenant.into(),
            UserType::DirectoryExternalApplication.into(),
            name.into(),
            identifier.map(str::to_owned).into(),
        ],
    )?;
    if let Some(row) = known {
        let name: String = row.get(0)?;
        return Err(Error::refused(
            Code::NameAlreadyUsed,
            format!("The application {name} has its account already: give roles to that."),
        ));
    }
    Err(Error::invalid(format!(
        "The Type DirectoryExternalApplication is that of an application's account, and there is no application '{name}': make it with `baton app create`, which makes its account, too."
    )))
}

/// Refuses what an account cannot be given if it is an application's.
///
/// # Errors
/// 1406 that names it.
pub(super) fn check(cx: &mut Cx<'_, '_>, id: i64, changes: &Changes, dto: &Json) -> Result<()> {
    let (name, kind) = name_and_type(cx.tx, id)?;
    if UserType::from_i64(kind) != Some(UserType::DirectoryExternalApplication) {
        return Ok(());
    }
    let right = RIGHTS
        .iter()
        .find(|(column, _)| matches!(changes.get(column), Some(db::Value::Bool(true))));
    let robot = ROBOTS
        .iter()
        .find(|member| body::get(dto, member).is_some_and(Json::is_object));
    let password = changes.get("password_hash").map(|_| &"Password");
    let wrong = password.or(robot).or(right.map(|(_, member)| member));
    match wrong {
        Some(member) => Err(Error::refused(
            Code::UserNotEditable,
            format!(
                "{name} is an application: it proves itself with its secret, and can have no {member}."
            ),
        )),
        None => Ok(()),
    }
}
