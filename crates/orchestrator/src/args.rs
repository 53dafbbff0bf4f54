//! What a request says besides its address, and how a domain function reads it.
//!
//! Nothing of it is ignored in silence: a body that could not be read is refused once the function has
//! said what it has to say ([`Args::heard`]); options that it does not honour were refused before.

use std::sync::Arc;

use odata::edm::EntitySet;
use odata::{Changes, Guid, Mode, Paging, Query, Sealing};

use crate::access;
use crate::cx::{Count, Cx, Place, Server};
use crate::error::{Error, Result};
use crate::op::{Found, Prepared};

/// What a request says besides its address.
#[derive(Clone, Default)]
pub struct Args {
    /// The key of the entity that an operation is bound to.
    pub key: Option<odata::path::Literal>,
    /// Parameters of a function, from the path or the query; names without case.
    pub params: Vec<(String, odata::path::Literal)>,
    /// The parsed body; a file of text is one JSON text.
    pub body: Option<serde_json::Value>,
    /// Why the body could not be read, if there is one that could not.
    pub unread: Option<String>,
    /// The query string as it came.
    pub query: String,
    /// The path as it came, below `/odata/`; empty elsewhere.
    pub path: String,
    /// How many entities the caller prefers on a page: `Prefer: maxpagesize=…`.
    pub page_size: Option<u32>,
    /// What the answer says of the number of entities.
    pub count: Count,
    /// What the command's `prepare` made.
    pub prepared: Option<Prepared>,
    /// Under which the request is done once, however often it is sent: `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// The job in which the caller runs, as `X-UIPATH-JobKey` says; see [`Args::job`].
    pub job_header: Option<String>,
    /// What the operation's `search` found.
    pub found: Option<Found>,
    /// What the part before this one said is next, see [`Reply::Part`](crate::Reply::Part).
    pub after: Option<Place>,
    /// The version that `If-Match` names: the change is meant for this state of the row only.
    pub if_match: Option<i64>,
}

/// What the server itself asks for, when nobody sent a request.
pub static NO_ARGS: Args = Args {
    key: None,
    params: Vec::new(),
    body: None,
    unread: None,
    query: String::new(),
    path: String::new(),
    page_size: None,
    count: Count::Asked,
    prepared: None,
    idempotency_key: None,
    job_header: None,
    found: None,
    after: None,
    if_match: None,
};

impl Args {
    /// What came of a request, unless a part of it was not heard: then that is refused, and whatever
    /// was done is undone with its transaction.
    ///
    /// # Errors
    /// Those of `done`, with the reason if the body could not be read; 400 for a body that could not
    /// be read where none was needed.
    pub fn heard<T>(&self, done: Result<T>) -> Result<T> {
        let done = done.map_err(|error| self.explained(error))?;
        if let Some(why) = &self.unread {
            return Err(Error::NotNull {
                param: "body".into(),
                why: Some(why.clone()),
            });
        }
        Ok(done)
    }

    /// A refusal for want of a body, with the reason that there is none.
    #[must_use]
    pub fn explained(&self, error: Error) -> Error {
        match error {
            Error::NotNull { param, why: None } => Error::NotNull {
                param,
                why: self.unread.clone(),
            },
            other => other,
        }
    }

    /// The job in which the caller says it runs.
    ///
    /// # Errors
    /// 1009 when the header is no key of a job: what only the holder of an item may do would be
    /// everybody's.
    pub fn job(&self) -> Result<Option<Guid>> {
        let Some(key) = &self.job_header else {
            return Ok(None);
        };
        key.parse().map(Some).map_err(|_| {
            Error::invalid(format!(
                "The header X-UIPATH-JobKey must be the key of a job, a GUID, not '{key}'."
            ))
        })
    }

    /// The numeric key of the bound entity.
    ///
    /// # Errors
    /// 400 for a key of another kind.
    pub fn id(&self) -> Result<i64> {
        match self.key {
            Some(odata::path::Literal::Int(id)) => Ok(id),
            _ => Err(Error::refused(
                crate::Code::InvalidRequest,
                "The key must be a number.",
            )),
        }
    }

    /// A function parameter, if given.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&odata::path::Literal> {
        self.params
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v)
    }

    /// A numeric function parameter.
    ///
    /// # Errors
    /// 400 when it is missing or no number.
    pub fn int(&self, name: &str) -> Result<i64> {
        use odata::path::Literal::{Bare, Int, Text};
        let number = match self.param(name) {
            Some(Int(n)) => Some(*n),
            Some(Text(t) | Bare(t)) => t.parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| {
            Error::refused(
                crate::Code::InvalidRequest,
                format!("The parameter {name} must be a number."),
            )
        })
    }

    /// A text function parameter, quoted or not.
    ///
    /// # Errors
    /// 400 when it is missing.
    pub fn text(&self, name: &str) -> Result<String> {
        use odata::path::Literal::{Bare, Guid, Int, Text};
        match self.param(name) {
            Some(Text(t) | Bare(t)) => Ok(t.clone()),
            Some(Int(n)) => Ok(n.to_string()),
            Some(Guid(g)) => Ok(g.to_string()),
            _ => Err(Error::refused(
                crate::Code::InvalidRequest,
                format!("The parameter {name} is missing or not a text."),
            )),
        }
    }

    /// The version of the entity that the body is about, if it names one.
    ///
    /// # Errors
    /// 1009 when it is none.
    pub fn version(&self, set: &'static EntitySet) -> Result<Option<i64>> {
        let body = self.body.as_ref().and_then(serde_json::Value::as_object);
        let (Some(body), Some(prop)) = (body, set.version()) else {
            return Ok(None);
        };
        match odata::body::member(body, prop.name) {
            None | Some(serde_json::Value::Null) => Ok(None),
            Some(given) => match given.as_str().and_then(odata::Version::parse) {
                Some(version) => Ok(Some(version.0)),
                None => Err(Error::invalid(format!(
                    "The field {} must be the one that GET shows.",
                    prop.name
                ))),
            },
        }
    }

    /// What the body changes in an entity of the request's set.
    ///
    /// # Errors
    /// "`param` must not be null" when there is no JSON object; 1009 that names a member which is
    /// missing, too long or of another type.
    pub fn changes(&self, param: &str, set: &'static EntitySet, mode: Mode) -> Result<Changes> {
        match &self.body {
            Some(body @ serde_json::Value::Object(_)) => {
                Changes::of(set, body, mode).map_err(|error| match error {
                    odata::Error::Shape(why) => Error::NotNull {
                        param: param.into(),
                        why: Some(why),
                    },
                    error => error.into(),
                })
            }
            _ => Err(Error::NotNull {
                param: param.into(),
                why: None,
            }),
        }
    }

    /// The query options for a set.
    ///
    /// # Errors
    /// 400 with the position of what is wrong, 403 when they go to what the caller may not see.
    pub fn options(&self, cx: &mut Cx<'_, '_>, set: &'static EntitySet) -> Result<Query> {
        let mut query = Query::parse(set, &self.query)?;
        self.pages(cx, &mut query)?;
        access::may_ask(cx.tx, cx.caller, &query)?;
        Ok(query)
    }

    /// Lets the pages of a list lead to the next one, if the request has an address to go on at.
    fn pages(&self, cx: &Cx<'_, '_>, query: &mut Query) -> Result<()> {
        if self.path.is_empty() {
            return Ok(());
        }
        let paging = Paging {
            address: &format!("{}/{}", cx.base, self.path),
            raw: &self.query,
            size: self.page_size,
            sealing: Arc::new(Tokens {
                server: Arc::clone(cx.server),
                tenant: cx.caller.tenant,
            }),
        };
        Ok(query.pages(paging)?)
    }
}

/// Seals the tokens of pages for one tenant.
struct Tokens {
    server: Arc<Server>,
    tenant: i64,
}

impl Tokens {
    fn place(&self) -> String {
        format!("pages:skiptoken:{}", self.tenant)
    }
}

impl Sealing for Tokens {
    fn seal(&self, token: &str) -> String {
        self.server.keys.encrypt(&self.place(), token)
    }

    fn open(&self, sealed: &str) -> Option<String> {
        self.server.keys.decrypt(&self.place(), sealed).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body;

    #[test]
    fn a_body_that_cannot_be_read_is_told() {
        let given = Args {
            unread: Some("it is wrong at line 1, column 2".to_owned()),
            ..Args::default()
        };
        let none = body::read::<u8>("startInfo", given.body.as_ref());
        let missing = given.heard(none).unwrap_err();
        let said = "startInfo must not be null: it is wrong at line 1, column 2";
        assert_eq!(missing.to_string(), said);
        let unneeded = given.heard(Ok(())).unwrap_err();
        assert_eq!(unneeded.to_string(), said.replace("startInfo", "body"));
    }

    #[test]
    fn a_job_is_named_by_its_key() {
        let job = |header: Option<&str>| {
            let job_header = header.map(str::to_owned);
            Args {
                job_header,
                ..Args::default()
            }
            .job()
        };
        assert_eq!(job(None).unwrap(), None);
        let key = "00000000-0000-0000-0000-000000000001";
        assert_eq!(job(Some(key)).unwrap(), Some(Guid(1)));
        assert!(job(Some("None")).is_err());
    }
}
