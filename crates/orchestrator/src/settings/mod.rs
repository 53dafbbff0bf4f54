//! Settings of the tenant and of its people, and what clients ask about the installation.

mod catalogue;
mod engines;
mod installation;
pub mod status;
pub mod timezones;

use db::Tx;
use serde::Deserialize;

use crate::audit::{self, AuditAction, AuditComponent, Subject};
use crate::cx::{Cx, Hint};
use crate::error::{Error, Result};
use crate::op::{
    Access, At, Command, Need, Nothing, One, Op, Operation, Resource, Verb, action, function, op,
};

use installation::{GetExecutionSettingsConfiguration, GetLanguages, GetLicense, GetTimezones};

use crate::feature::{Feature, Hook, Thing};
pub use catalogue::{
    ABANDONED_AFTER, AUDIT_SIGN_INS, Form, LANGUAGE, LANGUAGES, SETTINGS, Setting, SettingScope,
    TIME_ZONE,
};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("settings")
    .resources(&[&RESOURCE])
    .operations(&[OPS, status::OPS])
    .tables(&["settings"])
    .hooks(&[Hook::Removing(Thing::User, forget_user)]);

/// A setting as the tenant has it.
#[odata::entity(
    set = "Settings",
    name = "SettingsDto",
    table = catalogue::TABLE,
    key = "Id",
    scope = none,
    order = "Name"
)]
pub struct SettingEntity {
    /// Its name.
    #[edm(required, max = 128)]
    pub name: String,
    /// Its value; of a password nothing.
    pub value: Option<String>,
    /// Who may have a value of their own.
    pub scope: SettingScope,
    /// Its name once more.
    pub id: String,
}

const VIEW: Need = Need::new("OR.Settings", &[("Settings", Access::View)], false);
const EDIT: Need = Need::new("OR.Settings", &[("Settings", Access::Edit)], true);
const DELETE: Need = Need::new("OR.Settings", &[("Settings", Access::Delete)], true);
const ANYONE: Need = Need::new("OR.Settings", &[], false);
const ONESELF: Need = Need::new("OR.Settings", &[], true);
/// The set.
pub static RESOURCE: Resource = Resource::new(&SettingEntity::SET, VIEW)
    .get_value::<GetSetting>()
    .replace(Command::verb::<ReplaceSetting>(EDIT).silent());

/// Its functions and actions.
pub const OPS: &[Op] = &[
    op::<UpdateBulk>(),
    op::<DeleteBulk>(),
    op::<UpdateUserSetting>(),
    op::<GetTimezones>(),
    op::<GetLanguages>(),
    op::<GetLicense>(),
    op::<GetWebSettings>(),
    op::<GetExecutionSettingsConfiguration>(),
    op::<engines::Engines>(),
];

/// A setting as callers give it.
#[odata::complex(name = "SettingsDto")]
#[derive(Deserialize)]
pub struct SettingsDto {
    /// Its name.
    #[edm(required, max = 128)]
    name: String,
    /// Its value; without one the default counts again.
    #[serde(default)]
    value: Option<String>,
    /// Who may have a value of their own, which nobody can change.
    #[serde(default)]
    scope: Option<SettingScope>,
    /// Its name once more.
    #[serde(default)]
    id: Option<String>,
}

impl SettingsDto {
    /// The setting that it names, whose value is for the tenant or for a user.
    ///
    /// # Errors
    /// 1002 for one that does not exist; 1009 when its Scope or Id say something else.
    fn setting(&self, whose: SettingScope) -> Result<&'static Setting> {
        let setting = known(&self.name)?;
        if self
            .id
            .as_ref()
            .is_some_and(|id| !id.eq_ignore_ascii_case(&self.name))
        {
            return Err(Error::invalid(format!(
                "The Id of the setting '{0}' is '{0}', as its Name.",
                setting.name
            )));
        }
        if self
            .scope
            .is_some_and(|scope| scope != setting.scope && scope != whose)
        {
            return Err(Error::invalid(format!(
                "The Scope of the setting '{}' is {} and cannot be changed.",
                setting.name,
                setting.scope.name()
            )));
        }
        Ok(setting)
    }
}

fn known(name: &str) -> Result<&'static Setting> {
    catalogue::find(name).ok_or_else(|| Error::not_found(&format!("Setting {name}")))
}

/// The value of a setting, alone; of a password nothing.
#[odata::input]
pub struct GetSetting {
    /// Name of the setting.
    #[edm(key)]
    name: String,
}

impl Verb for GetSetting {
    type Answer = String;

    fn answer(&self, cx: &mut Cx<'_, '_>) -> Result<String> {
        let setting = known(&self.name)?;
        match setting.form {
            Form::Secret => Ok(String::new()),
            _ => value(cx, setting.name),
        }
    }
}

/// Changes a setting of the tenant.
#[odata::input]
pub struct ReplaceSetting {
    /// Name of the setting.
    #[edm(key)]
    name: String,
    /// The setting with its new value.
    #[edm(whole, required)]
    settings_dto: SettingsDto,
}

impl Verb for ReplaceSetting {
    type Answer = One<SettingEntity>;

    fn answer(&self, cx: &mut Cx<'_, '_>) -> Result<One<SettingEntity>> {
        let (setting, dto) = (known(&self.name)?, &self.settings_dto);
        if !dto.name.eq_ignore_ascii_case(setting.name) {
            return Err(Error::invalid(format!(
                "The body names the setting '{}', the address '{}'.",
                dto.name, setting.name
            )));
        }
        dto.setting(SettingScope::Tenant)?;
        change(cx, setting, 0, dto.value.as_deref())?;
        Ok(One::by(setting.name))
    }
}

/// Changes settings of the tenant: all of them or, if one is wrong, none.
#[odata::input]
pub struct UpdateBulk {
    /// The settings, each with its new value.
    #[edm(required)]
    settings: Vec<SettingsDto>,
}

impl Operation for UpdateBulk {
    const AT: At = action("Settings", "UpdateBulk").needs(EDIT).answers(200);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        for dto in &self.settings {
            let setting = dto.setting(SettingScope::Tenant)?;
            change(cx, setting, 0, dto.value.as_deref())?;
        }
        Ok(Nothing)
    }
}

/// Gives settings of the tenant their defaults back.
#[odata::input]
pub struct DeleteBulk {
    /// Names of the settings.
    #[edm(required)]
    setting_names: Vec<String>,
}

impl Operation for DeleteBulk {
    const AT: At = action("Settings", "DeleteBulk").needs(DELETE);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        for name in &self.setting_names {
            change(cx, known(name)?, 0, None)?;
        }
        Ok(Nothing)
    }
}

/// Changes a setting for oneself.
#[odata::input]
pub struct UpdateUserSetting {
    /// The setting with its new value.
    #[edm(required)]
    setting: SettingsDto,
}

impl Operation for UpdateUserSetting {
    const AT: At = action("Settings", "UpdateUserSetting")
        .needs(ONESELF)
        .answers(200);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let dto = &self.setting;
        dto.setting(SettingScope::User)?;
        let user = cx
            .caller
            .user()
            .ok_or_else(|| Error::Unauthenticated("The token does not belong to a user.".into()))?;
        change_for_user(cx, &dto.name, user, dto.value.as_deref())?;
        Ok(Nothing)
    }
}

/// Gives a user a value of their own, or takes it away.
///
/// # Errors
/// 1002 for a setting that does not exist, 1009 for a value that does not fit or a setting that
/// users cannot have for themselves.
pub fn change_for_user(
    cx: &mut Cx<'_, '_>,
    name: &str,
    user: i64,
    value: Option<&str>,
) -> Result<()> {
    let setting = known(name)?;
    if !setting.for_people() {
        return Err(Error::invalid(format!(
            "The setting '{}' is the tenant's: no user has one of their own.",
            setting.name
        )));
    }
    change(cx, setting, user, value)
}

/// Keeps a value for the tenant (`user` 0) or a user; without one the default counts again.
fn change(
    cx: &mut Cx<'_, '_>,
    setting: &'static Setting,
    user: i64,
    value: Option<&str>,
) -> Result<()> {
    let key = [cx.caller.tenant.into(), user.into(), setting.name.into()];
    match value {
        None => {
            cx.tx.exec(
                "DELETE FROM settings WHERE tenant_id = $1 AND user_id = $2 AND name = $3",
                &key,
            )?;
        }
        Some(value) => {
            let kept = kept(cx, setting, value)?;
            let [tenant, user, name] = key;
            cx.tx.exec(
                "INSERT INTO settings (tenant_id, user_id, name, value, sealed)
                 VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (tenant_id, user_id, name) DO UPDATE SET value = excluded.value",
                &[
                    tenant,
                    user,
                    name,
                    kept.into(),
                    (setting.form == Form::Secret).into(),
                ],
            )?;
        }
    }
    if setting.name == ABANDONED_AFTER {
        cx.hint(Hint::Leases);
    }
    let (action, verb) = match value {
        Some(_) => (AuditAction::Update, "changed"),
        None => (AuditAction::Delete, "reset"),
    };
    let subject = Subject {
        entity: SettingEntity::SET.entity,
        id: None,
        name: setting.name,
        data: None,
    };
    let whose = if user == 0 { "" } else { " for one user" };
    let text = format!("{verb} setting {}{whose}", setting.name);
    audit::record(cx, AuditComponent::Settings, action, &subject, &text)
}

/// A value in the form that is kept, after checking that it fits.
fn kept(cx: &Cx<'_, '_>, setting: &Setting, value: &str) -> Result<String> {
    let wrong = |what: &str| {
        Error::invalid(format!(
            "The setting '{}' must be {what}, not '{value}'.",
            setting.name
        ))
    };
    match setting.form {
        Form::Text if value.chars().count() > 2000 => Err(Error::invalid(format!(
            "The setting '{}' must not be longer than 2000 characters.",
            setting.name
        ))),
        // A line end would end a header of the mails that are sent.
        Form::Text if value.contains(char::is_control) => Err(wrong("a single line of text")),
        Form::Text => Ok(value.to_owned()),
        Form::Truth => {
            let value = value.to_lowercase();
            let fits = value == "true" || value == "false";
            fits.then_some(value).ok_or_else(|| wrong("true or false"))
        }
        Form::Number(least, most) => {
            let number = value.trim().parse::<i64>().ok();
            let number = number.filter(|n| (least..=most).contains(n));
            let rule = format!("a number between {least} and {most}");
            number.map(|n| n.to_string()).ok_or_else(|| wrong(&rule))
        }
        Form::OneOf(words) => {
            let word = words.iter().find(|w| w.eq_ignore_ascii_case(value));
            let rule = format!("one of {}", words.join(", "));
            word.map(|w| (*w).to_owned()).ok_or_else(|| wrong(&rule))
        }
        Form::Zone => timezones::find(value)
            .map(|zone| zone.0.to_owned())
            .ok_or_else(|| wrong("a time zone that GetTimezones lists")),
        Form::Language => LANGUAGES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(value))
            .map(|(name, _)| (*name).to_owned())
            .ok_or_else(|| wrong("a language that GetLanguages lists")),
        // Never a word of it in a message.
        Form::Secret if value.chars().count() > 1000 => Err(Error::invalid(format!(
            "The setting '{}' must not be longer than 1000 characters.",
            setting.name
        ))),
        Form::Secret if value.is_empty() => Ok(String::new()),
        Form::Secret => Ok(cx
            .server
            .keys
            .encrypt(&format!("settings:{}", setting.name), value)),
    }
}

/// What a setting of the tenant is.
///
/// # Errors
/// 1002 for a setting that does not exist; the store's.
pub fn value(cx: &mut Cx<'_, '_>, name: &str) -> Result<String> {
    of_tenant(cx.tx, cx.caller.tenant, name)
}

/// What a setting of a tenant is.
///
/// # Errors
/// 1002 for a setting that does not exist; the store's.
pub fn of_tenant(tx: &mut Tx<'_>, tenant: i64, name: &str) -> Result<String> {
    value_for(tx, tenant, known(name)?, 0)
}

/// What a setting is for a user: their own value, else the tenant's, else the default.
fn value_for(tx: &mut Tx<'_>, tenant: i64, setting: &Setting, user: i64) -> Result<String> {
    let row = tx.row(
        "SELECT value FROM settings WHERE tenant_id = $1 AND user_id IN (0, $2) AND name = $3
         ORDER BY user_id DESC LIMIT 1",
        &[tenant.into(), user.into(), setting.name.into()],
    )?;
    match row {
        Some(row) => Ok(row.get(0)?),
        None => Ok(setting.default.to_owned()),
    }
}

/// The settings that people may have for themselves, with the values that count for whoever asks.
#[odata::input]
pub struct GetWebSettings;

impl Operation for GetWebSettings {
    const AT: At = function("Settings", "GetWebSettings").needs(ANYONE);
    type Answer = Dictionary;

    // The tenant's settings are for those who may see settings.
    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Dictionary> {
        let user = cx.caller.user().unwrap_or(0);
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for setting in SETTINGS.iter().filter(|s| s.for_people()) {
            keys.push(setting.name.to_owned());
            values.push(value_for(cx.tx, cx.caller.tenant, setting, user)?);
        }
        Ok(Dictionary { keys, values })
    }
}

/// Names and values, in the same order.
#[odata::complex(name = "ResponseDictionaryDto")]
#[derive(Default, serde::Serialize)]
pub struct Dictionary {
    /// The names.
    keys: Vec<String>,
    /// The value of each.
    values: Vec<String>,
}

/// What somebody set for themselves goes with them.
fn forget_user(cx: &mut Cx<'_, '_>, user: i64) -> Result<()> {
    cx.tx.exec(
        "DELETE FROM settings WHERE tenant_id = $1 AND user_id = $2",
        &[cx.caller.tenant.into(), user.into()],
    )?;
    Ok(())
}
