//! OData v4 for servers: a struct declares an entity, a URL becomes one SQL statement, and its rows
//! become JSON.
//!
//! ```text
//! /odata/Jobs(1)/Ns.Stop  ── path::parse ──▶ Path           who and what is asked for
//! ?$filter=…&$expand=…    ── Query::parse ─▶ Query          checked against the EntitySet
//! Query + EntitySet + Scope ── read_page ──▶ SQL ──▶ bytes  one snapshot, parameters only
//! { "Name": … }           ── body::check ──▶ Ok / message   lengths, types, required members
//! ```
//!
//! The crate knows no product and does no I/O of its own: it asks the transaction it is given.
//! What a caller wrote never becomes SQL text: names are looked up, aliases are ours, every value
//! is a parameter. See the README for an example from end to end.

extern crate self as odata;

mod annotate;
pub mod batch;
mod bind;
mod block;
pub mod body;
mod coerce;
mod compile;
mod counts;
mod duration;
pub mod edm;
mod enums;
mod error;
mod expand;
mod expr;
mod functions;
mod guid;
mod honours;
pub mod json;
mod keyset;
mod lex;
pub mod metadata;
pub mod openapi;
mod options;
mod order;
mod pages;
mod parse;
pub mod path;
mod query;
mod read;
pub mod relaxed;
mod render;
mod selection;
mod split;
mod syntax;
mod time;
mod write;

pub use annotate::address;
pub use edm::*;
#[doc(hidden)]
pub use enums::private;
pub use error::{Error, Result};
pub use guid::Guid;
pub use honours::Options;
pub use keyset::{Paging, Sealing};
pub use odata_macros::{complex, entity, input};
pub use options::{Aliases, format};
pub use query::{Expand, Query, Slice};
pub use read::{
    Folders, Metadata, Scope, Shape, read_count, read_entities, read_entity, read_keys, read_page,
};
pub use selection::Selection;
pub use time::{TICKS_PER_DAY, TICKS_PER_SECOND, Timestamp};
pub use write::{Changes, Mode, delete_entity};

/// The example of the README is compiled as documentation is.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
