//! A request that was read: who calls what with which arguments, and how the answer is to look.

use std::borrow::Cow;
use std::sync::Arc;

use ::odata::edm::{EntitySet, Version};
use ::odata::path::Literal;
use ::odata::{Metadata, Options};
use axum::http::{HeaderMap, header};
use orchestrator::op::Read;
use orchestrator::{Args, Caller, Code, Count, Error, Prepare, Result, Task};

use super::target::{Kind, Target};
use crate::app::App;
use crate::body::Sent;
use crate::execute::Call;
use crate::request;

/// A call that is ready to run.
pub struct Plan {
    /// Who, what for, with which arguments.
    pub call: Call,
    /// How the answer is to look.
    pub expect: Expect,
}

/// `Prefer: return=…` of a request that makes or changes an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preferred {
    /// `minimal`: the caller does not want the entity back.
    Minimal,
    /// `representation`: the caller does.
    Representation,
}

/// How an answer is to look.
#[derive(Clone)]
pub struct Expect {
    /// What kind of answer it is.
    pub kind: Kind,
    /// The set it is about.
    pub set: Option<&'static EntitySet>,
    /// `http://host/odata`
    pub base: String,
    /// What the caller wants of the entity, if they say.
    pub preferred: Option<Preferred>,
    /// Whether success has no body unless the caller prefers one.
    pub silent: bool,
    /// The change was meant for one version of the entity.
    pub conditional: bool,
    /// Slow work before the transaction.
    pub prepare: Option<Prepare>,
    /// What reads the input, where that is slow work.
    pub slow: Option<Read>,
    /// How much the answer says about itself.
    pub metadata: Metadata,
    /// `maxpagesize=…`, if the caller prefers that and the answer is in pages.
    pub page_size: Option<String>,
}

/// Makes the plan.
///
/// # Errors
/// 400 for headers, parameters or bodies that cannot be read, and for query options that the answer
/// would not honour.
pub fn plan(
    target: Target,
    headers: &HeaderMap,
    query: Option<&str>,
    base: String,
    caller: Arc<Caller>,
    sent: Sent,
) -> Result<Plan> {
    let query = query.unwrap_or_default();
    target.options.check(query)?;
    let mut params = target.params.clone();
    params.extend(query_params(query));
    let if_match = if_match(headers, target.set)?;
    let leads_on = !target.write && target.options.has(Options::SKIPTOKEN);
    let page_size = page_size(headers).filter(|_| leads_on && target.kind != Kind::Count);
    let expect = Expect {
        kind: target.kind,
        set: target.set,
        base: base.clone(),
        preferred: preferred(headers),
        silent: target.silent,
        conditional: if_match.is_some(),
        prepare: target.prepare,
        slow: target.op.and_then(|op| op.slow_read()),
        metadata: metadata(headers, query)?,
        page_size: page_size.as_ref().map(|(applied, _)| applied.clone()),
    };
    let args = Args {
        key: target.key.clone(),
        params,
        body: sent.value,
        unread: sent.unread,
        query: query.to_owned(),
        path: String::new(),
        page_size: page_size.map(|(_, size)| size),
        count: match target.kind {
            Kind::Count => Count::Only,
            _ if caller.is_robot() => Count::Asked,
            _ => Count::Shown,
        },
        prepared: None,
        idempotency_key: request::header(headers, "idempotency-key").map(Cow::into_owned),
        job_header: request::header(headers, "x-uipath-jobkey").map(Cow::into_owned),
        found: None,
        after: None,
        if_match,
    };
    let task = target
        .task(&args)
        .ok_or_else(|| Error::Internal("a target does nothing".into()))?;
    let call = Call {
        task,
        need: target.need,
        rule: target.folder,
        header: request::folder_under(target.folder, headers)?,
        base,
        args,
        metadata: expect.metadata,
        store: target.store,
        write: target.write,
        search: target.search,
        caller,
    };
    Ok(Plan { call, expect })
}

impl Plan {
    /// Does the slow work off the event loop, and never much of it at once.
    ///
    /// # Errors
    /// What the work says.
    pub async fn prepared(mut self, app: &App) -> Result<Plan> {
        if self.expect.prepare.is_none() && self.expect.slow.is_none() {
            return Ok(self);
        }
        let failed = |e: &dyn std::fmt::Display| Error::Internal(format!("preparation: {e}"));
        let _turn = app.hashing().await?;
        let work = move || {
            self.prepare()?;
            Ok(self)
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|e| failed(&e))?
    }

    /// Does the slow work.
    ///
    /// # Errors
    /// What the work says.
    pub fn prepare(&mut self) -> Result<()> {
        let args = &mut self.call.args;
        if let Some(prepare) = self.expect.prepare {
            args.prepared = prepare(args).map_err(|error| args.explained(error))?;
        }
        if let Some(read) = self.expect.slow {
            let work = read(args).map_err(|error| args.explained(error))?;
            self.call.task = Task::Perform(work);
        }
        Ok(())
    }
}

/// Parameters may also stand in the query; options start with `$`, aliases with `@`.
pub fn query_params(query: &str) -> Vec<(String, Literal)> {
    form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| !name.starts_with(['$', '@']))
        .map(|(name, value)| (name.into_owned(), Literal::Bare(value.into_owned())))
        .collect()
}

/// `odata.metadata=minimal|full|none` of `$format`, else of `Accept`.
fn metadata(headers: &HeaderMap, query: &str) -> Result<Metadata> {
    let format = ::odata::format(query)?;
    if let Some(format) = &format
        && !(format == "json" || format.starts_with("application/json"))
    {
        return Err(Error::refused(
            Code::InvalidRequest,
            "Invalid OData query options. Data is given as $format=json only.",
        ));
    }
    let accept = request::header(headers, "accept").unwrap_or_default();
    let asked = format.unwrap_or_else(|| accept.to_ascii_lowercase());
    let level = asked.split_once("odata.metadata=").map(|(_, rest)| rest);
    let level = level.map(|rest| rest.split([';', ',']).next().unwrap_or_default().trim());
    match level {
        None | Some("minimal") => Ok(Metadata::Minimal),
        Some("full") => Ok(Metadata::Full),
        Some("none") => Ok(Metadata::None),
        Some(_) => Err(Error::refused(
            Code::InvalidRequest,
            "odata.metadata is minimal, full or none.",
        )),
    }
}

/// The first `return=…` of `Prefer`, alone or among others.
fn preferred(headers: &HeaderMap) -> Option<Preferred> {
    wishes(headers).find_map(|wish| match wish.as_str() {
        "return=minimal" => Some(Preferred::Minimal),
        "return=representation" => Some(Preferred::Representation),
        _ => None,
    })
}

/// The first `maxpagesize=…` of `Prefer`, also with `odata.` in front, as it is to be confirmed, and its
/// number. What is no number is not preferred.
fn page_size(headers: &HeaderMap) -> Option<(String, u32)> {
    wishes(headers).find_map(|wish| {
        let (name, value) = wish.split_once('=')?;
        let known = matches!(name.trim(), "maxpagesize" | "odata.maxpagesize");
        let size: u32 = value.trim().trim_matches('"').parse().ok()?;
        (known && size > 0).then(|| (format!("{}={size}", name.trim()), size))
    })
}

/// What `Prefer` says, in lower case.
fn wishes(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let values = headers.get_all("prefer").iter();
    values
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split([',', ';']))
        .map(|wish| wish.trim().to_ascii_lowercase())
}

/// The version that `If-Match` names, for sets whose rows have one. `*` is any.
fn if_match(headers: &HeaderMap, set: Option<&'static EntitySet>) -> Result<Option<i64>> {
    let given: Vec<_> = headers.get_all(header::IF_MATCH).iter().collect();
    if given.is_empty() || set.and_then(EntitySet::version).is_none() {
        return Ok(None);
    }
    // What is no text, or there twice, is no version either.
    let text = match given[..] {
        [one] => one.to_str().unwrap_or_default().trim(),
        _ => "",
    };
    if text == "*" {
        return Ok(None);
    }
    let tag = text.strip_prefix("W/").unwrap_or(text);
    let version = Version::parse(tag.trim_matches('"')).ok_or_else(|| {
        Error::refused(
            Code::InvalidRequest,
            "The header If-Match must be '*' or the ETag of an earlier answer.",
        )
    })?;
    Ok(Some(version.0))
}
