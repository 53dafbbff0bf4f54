//! What whoever has the data folder, or the database, does without signing in: the first steps of an
//! installation, and the way back into one.

use std::collections::BTreeSet;

use db::Tx;
use identity::scopes;
use odata::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::{self, AuditAction, AuditComponent, By, Subject};
use crate::chance::Chance;
use crate::clients::{self, NewClient};
use crate::cx::{Hint, Identity};
use crate::error::{Code, Error, Result};
use crate::tenants;
use crate::users::{self, User};

/// Longest name of an application: it is the name of an account.
const MAX_NAME: usize = 256;

/// A command. Secrets are made by whoever gives it, so that only their hashes travel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Registers an application.
    CreateApplication {
        /// What it is called.
        name: String,
        /// Its client id.
        client_id: String,
        /// SHA-256 of its secret.
        secret_hash: String,
        /// The scopes it may ask for.
        scopes: Vec<String>,
    },
    /// Gives somebody another password.
    ResetPassword {
        /// Their sign-in name.
        user: String,
        /// Argon2id.
        password_hash: String,
    },
}

/// Does it, in the first tenant, and gives what is to be looked at after the commit.
///
/// # Errors
/// A refusal whose sentence says what to do; the store's.
pub fn run(
    tx: &mut Tx<'_>,
    now: Timestamp,
    chance: &Chance,
    command: &Command,
) -> Result<BTreeSet<Hint>> {
    let tenants = tenants::all(tx)?;
    let tenant = tenants.first().ok_or_else(|| {
        refuse("There is no tenant in the database: start `baton serve` on it first.")
    })?;
    let by = By {
        tenant: tenant.id,
        now,
        identity: &Identity::Server,
    };
    match command {
        Command::CreateApplication {
            name,
            client_id,
            secret_hash,
            scopes,
        } => {
            let client = NewClient {
                key: chance.key(),
                name,
                client_id,
                secret_hash,
                scopes,
            };
            create_application(tx, &by, &client)?;
        }
        Command::ResetPassword {
            user,
            password_hash,
        } => reset_password(tx, &by, user, password_hash)?,
    }
    Ok(BTreeSet::from([Hint::Identities]))
}

fn refuse(sentence: impl Into<String>) -> Error {
    Error::refused(Code::InvalidRequest, sentence)
}

fn create_application(tx: &mut Tx<'_>, by: &By<'_>, client: &NewClient<'_>) -> Result<()> {
    let name = client.name;
    if name.trim() != name || name.is_empty() || name.chars().any(char::is_control) {
        return Err(refuse(
            "An application needs a name of one line, without blanks around it.",
        ));
    }
    if name.chars().count() > MAX_NAME {
        return Err(refuse(format!(
            "The name of an application has at most {MAX_NAME} characters."
        )));
    }
    let all = scopes::all();
    if let Some(unknown) = client.scopes.iter().find(|scope| !all.contains(scope)) {
        return Err(refuse(format!("There is no scope '{unknown}'.")));
    }
    let account = clients::insert(tx, by.tenant, by.now, client).map_err(|e| match e {
        Error::Db(db::Error::Unique { .. }) => refuse(format!(
            "There is an account called '{name}' already: choose another name."
        )),
        other => other,
    })?;
    let data = serde_json::json!({"ClientId": client.client_id, "Scopes": client.scopes});
    let data = data.to_string();
    let subject = Subject {
        entity: User::SET.entity,
        id: Some(account),
        name,
        data: Some(data.as_bytes()),
    };
    let text = format!("created application {name} at the command line");
    let (component, action) = (AuditComponent::Users, AuditAction::Create);
    audit::record_by(tx, by, component, action, &[subject], &text)
}

fn reset_password(tx: &mut Tx<'_>, by: &By<'_>, name: &str, password_hash: &str) -> Result<()> {
    let person = users::find_login(tx, by.tenant, name)?;
    let Some(person) = person.filter(|person| person.r#type.is_person()) else {
        let names = users::administrators(tx, by.tenant)?.join(", ");
        return Err(refuse(format!(
            "There is no active person called '{name}'. The administrators are: {names}. Name one \
             of them with --user."
        )));
    };
    users::set_password(tx, person.id, by.now, password_hash)?;
    let subject = Subject {
        entity: User::SET.entity,
        id: Some(person.id),
        name: &person.user_name,
        data: None,
    };
    let text = format!(
        "reset the password of user {} at the command line",
        person.user_name
    );
    let (component, action) = (AuditComponent::Users, AuditAction::ChangePassword);
    audit::record_by(tx, by, component, action, &[subject], &text)
}
