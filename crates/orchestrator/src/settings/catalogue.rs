//! Which settings there are: name, default, who may have a value of their own, and what a value
//! must be. One list gives the rows that are read and the rules that are checked.

use odata::edm_enum;

edm_enum! {
    /// Who may have a value of their own.
    pub enum SettingScope { Application = 0, Tenant = 1, User = 2, All = 3 }
}

/// What the value of a setting must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any text.
    Text,
    /// `true` or `false`.
    Truth,
    /// A number between these.
    Number(i64, i64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A time zone.
    Zone,
    /// A language that the server speaks.
    Language,
    /// A password: sealed when it is kept, and never shown.
    Secret,
}

/// A setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name, which is its key.
    pub name: &'static str,
    /// Its value until somebody changes it.
    pub default: &'static str,
    /// Who may have a value of their own.
    pub scope: SettingScope,
    /// What a value must be.
    pub form: Form,
}

impl Setting {
    /// Whether people may have a value of their own.
    #[must_use]
    pub fn for_people(&self) -> bool {
        matches!(self.scope, SettingScope::User | SettingScope::All)
    }
}

/// The zone of people who say nothing else.
pub const TIME_ZONE: &str = "Abp.Timing.TimeZone";
/// The language of people who say nothing else.
pub const LANGUAGE: &str = "Abp.Localization.DefaultLanguageName";

/// Seconds after which an item of a queue that was taken is abandoned, if no result comes.
pub const ABANDONED_AFTER: &str = "Queues.AbandonedAfterSeconds";

/// Whether the audit log tells of people who signed in, and not only of those who could not.
pub const AUDIT_SIGN_INS: &str = "Baton.Audit.SignIns";

/// The languages of the server's messages: name and name as shown.
pub const LANGUAGES: &[(&str, &str)] = &[("en", "English")];

/// Writes the settings as [`SETTINGS`] and as [`TABLE`].
macro_rules! settings {
    ($($name:literal = $default:literal, $scope:ident, $form:expr;)+) => {
        /// Every setting.
        pub const SETTINGS: &[Setting] = &[$(Setting {
            name: $name,
            default: $default,
            scope: SettingScope::$scope,
            form: $form,
        }),+];

        /// The settings as rows: what the tenant changed, else the default; of secrets nothing.
        pub const TABLE: &str = concat!(
            "(SELECT d.column1 AS name, d.column2 AS id, ",
            "CASE WHEN s.sealed THEN '' ELSE COALESCE(s.value, d.column3) END AS value, ",
            "d.column4 AS scope ",
            "FROM (VALUES ",
            settings!(@rows $(($name, $default, $scope)),+),
            ") AS d LEFT JOIN settings s ON s.tenant_id = {tenant} AND s.user_id = 0 ",
            "AND s.name = d.column1)"
        );
    };
    (@rows ($first:literal, $value:literal, $scope:ident)
        $(, ($name:literal, $default:literal, $scopes:ident))*) => {
        concat!(
            settings!(@row $first, $value, $scope),
            $(", ", settings!(@row $name, $default, $scopes)),*
        )
    };
    (@row $name:literal, $default:literal, $scope:ident) => {
        concat!("('", $name, "', '", $name, "', '", $default, "', ", settings!(@$scope), ")")
    };
    (@Tenant) => { 1 };
    (@All) => { 3 };
}

settings! {
    "Abp.Timing.TimeZone" = "UTC", All, Form::Zone;
    "Abp.Localization.DefaultLanguageName" = "en", All, Form::Language;
    "Abp.Net.Mail.DefaultFromAddress" = "", Tenant, Form::Text;
    "Abp.Net.Mail.DefaultFromDisplayName" = "", Tenant, Form::Text;
    "Abp.Net.Mail.Smtp.Host" = "", Tenant, Form::Text;
    "Abp.Net.Mail.Smtp.Port" = "25", Tenant, Form::Number(1, 65_535);
    "Abp.Net.Mail.Smtp.UserName" = "", Tenant, Form::Text;
    "Abp.Net.Mail.Smtp.Password" = "", Tenant, Form::Secret;
    "Abp.Net.Mail.Smtp.Domain" = "", Tenant, Form::Text;
    "Abp.Net.Mail.Smtp.EnableSsl" = "false", Tenant, Form::Truth;
    "Abp.Net.Mail.Smtp.UseDefaultCredentials" = "true", Tenant, Form::Truth;
    "Alerts.Email.Enabled" = "false", Tenant, Form::Truth;
    "Baton.Audit.SignIns" = "false", Tenant, Form::Truth;
    "DeploymentUrl" = "", Tenant, Form::Text;
    "Jobs.TerminatingJobsTimeout" = "1440", Tenant, Form::Number(0, 525_600);
    "NuGet.ApiKey" = "", Tenant, Form::Secret;
    "Queues.AbandonedAfterSeconds" = "86400", Tenant, Form::Number(1, 31_536_000);
    "Triggers.DisableWhenFailedCount" = "10", Tenant, Form::Number(0, 10_000);
    "Triggers.JobsCountStrategy" = "PERPROCESS", Tenant, Form::OneOf(&["PERPROCESS", "PERTRIGGER"]);
}

/// The setting with this name, in any case.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|s| s.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_there_once_and_in_the_table() {
        for (i, setting) in SETTINGS.iter().enumerate() {
            assert!(TABLE.contains(&format!(
                "('{0}', '{0}', '{1}'",
                setting.name, setting.default
            )));
            assert!(SETTINGS[i + 1..].iter().all(|s| s.name != setting.name));
            assert!(find(&setting.name.to_uppercase()).is_some());
        }
        assert!(
            [TIME_ZONE, LANGUAGE, ABANDONED_AFTER, AUDIT_SIGN_INS]
                .iter()
                .all(|name| find(name).is_some())
        );
    }
}
