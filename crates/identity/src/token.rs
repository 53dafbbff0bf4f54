//! What a token says, on the wire and off it.

use serde::{Deserialize, Deserializer, Serialize};

/// Claims of an access or identity token. Times are seconds since 1970, UTC.
///
/// Reading is lenient where issuers differ (one audience or several, scopes as an array or as a
/// text with blanks); writing is always the array form, as IdentityServer does it.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(default)]
pub struct Claims {
    /// Issuer: the address of the identity server at the time of issue.
    pub iss: String,
    /// Subject: a user's or client's stable id.
    pub sub: String,
    /// Audiences.
    #[serde(
        deserialize_with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub aud: Vec<String>,
    /// Not valid from here on.
    pub exp: i64,
    /// Issued at.
    pub iat: i64,
    /// Not valid before.
    pub nbf: i64,
    /// Id of the token itself.
    pub jti: String,
    /// The OAuth client it was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Granted scopes.
    #[serde(deserialize_with = "words", skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
    /// Partition: the organization's id. UiPath's clients refuse a token without it.
    pub prt_id: String,
    /// E-mail address of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Name to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Kind of subject: `user`, `robot`, `service.external`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_type: Option<String>,
    /// `True` when the subject belongs to the host, not to an organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Ours: tenant the token is limited to.
    #[serde(rename = "baton_tenant", skip_serializing_if = "Option::is_none")]
    pub tenant: Option<i64>,
    /// Ours: row of the user.
    #[serde(rename = "baton_user", skip_serializing_if = "Option::is_none")]
    pub user: Option<i64>,
    /// Ours: marks the password that a user signed in with.
    #[serde(rename = "baton_password", skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Ours: row of the machine a robot agent speaks for.
    #[serde(rename = "baton_machine", skip_serializing_if = "Option::is_none")]
    pub machine: Option<i64>,
    /// Ours: row of the robot.
    #[serde(rename = "baton_robot", skip_serializing_if = "Option::is_none")]
    pub robot: Option<i64>,
    /// Ours: key of the job that runs with this token.
    #[serde(rename = "baton_job", skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a signed token, or its claims are not ours.
    #[error("The token is malformed.")]
    Malformed,
    /// Wrong algorithm, foreign key, or altered after signing.
    #[error("The token's signature is not valid.")]
    Signature,
    /// `exp` has passed.
    #[error("The token has expired.")]
    Expired,
    /// `nbf` has not come.
    #[error("The token is not valid yet.")]
    NotYet,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrMany::deserialize(from)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

fn words<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrMany::deserialize(from)? {
        OneOrMany::One(text) => text.split_whitespace().map(str::to_owned).collect(),
        OneOrMany::Many(many) => many,
    })
}
