//! Migrations: forward only, each in a transaction of its own, one text for both engines.
//!
//! The little in which the engines differ is written as a token: `{id}` (the definition of an
//! auto-incremented 64-bit primary key), `{text}` (text in code point order), `{blob}` (bytes), and
//! `{sqlite:…}` and `{postgres:…}` for text that only one of them gets.

use crate::upkeep::OPTIMIZE;
use crate::{Db, Dialect, Error, Result, Tx};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// One step of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Its number, from 1 upwards; migrations are applied in this order.
    pub version: u32,
    /// What it does, for the log and for people who look into `schema_migrations`.
    pub name: &'static str,
    /// The statements, with tokens. It may never change once it has been applied anywhere.
    pub sql: &'static str,
}

/// Any number will do, as long as every node uses the same one.
const ADVISORY_LOCK: &str = "SELECT pg_advisory_xact_lock(7305804402566529651)";

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    store TEXT NOT NULL,
    version BIGINT NOT NULL,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at BIGINT NOT NULL,
    PRIMARY KEY (store, version)
)";

/// Lower case by the root locale of ICU, which is what Rust and the SQLite side do, whatever the
/// locale of the server is.
const FOLD: &str = r#"CREATE OR REPLACE FUNCTION fold(text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT lower($1 COLLATE "und-x-icu") COLLATE "C" $$"#;

/// A text as a JSON string, `null` for NULL: what SQLite calls by this name.
const JSON_QUOTE: &str = r#"CREATE OR REPLACE FUNCTION json_quote(text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT COALESCE(to_json($1)::text, 'null') $$"#;

/// The pattern of texts that have this one in them.
const SEARCH_FOR: &str = r"CREATE OR REPLACE FUNCTION search_for(text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT '%' || regexp_replace($1, '[\\%_]', '\\\&', 'g') || '%' $$";

/// Applies what is missing and returns the names of what was applied.
pub(crate) fn run(db: &Db, migrations: &[Migration]) -> Result<Vec<&'static str>> {
    if let Some([before, after]) = migrations
        .array_windows()
        .find(|[before, after]| before.version >= after.version)
    {
        let (before, after) = (before.version, after.version);
        return Err(Error::Invalid(format!(
            "migration {after} follows migration {before}"
        )));
    }
    let (store, all): (_, Arc<[Migration]>) = (db.name(), migrations.into());
    // Everything is checked before anything is changed.
    let known = Arc::clone(&all);
    db.write_alone(move |tx| prepare(tx).and_then(|()| missing(tx, store, &known).map(drop)))?;

    let mut applied = Vec::new();
    loop {
        let known = Arc::clone(&all);
        match db.write_alone(move |tx| next(tx, store, &known))? {
            Some(name) => applied.push(name),
            None => break,
        }
    }
    if !applied.is_empty() {
        // Without statistics the planner takes a full table for an empty one. PostgreSQL would warn
        // about the system tables it may not look into.
        let look = match db.dialect() {
            Dialect::Postgres => "SET LOCAL client_min_messages = error; ANALYZE",
            Dialect::Sqlite => OPTIMIZE,
        };
        db.write_alone(move |tx| tx.script(look))?;
    }
    Ok(applied)
}

/// How many of them have been applied.
pub(crate) fn applied(db: &Db, migrations: &[Migration]) -> Result<usize> {
    let (store, all): (_, Arc<[Migration]>) = (db.name(), migrations.into());
    db.read_blocking(move |tx| {
        let known = match tx.dialect() {
            Dialect::Postgres => "SELECT to_regclass('schema_migrations') IS NOT NULL",
            Dialect::Sqlite => {
                "SELECT EXISTS (SELECT 1 FROM sqlite_master
                     WHERE type = 'table' AND name = 'schema_migrations')"
            }
        };
        let known = tx.row(known, &[])?.map(|row| row.get(0)).transpose()?;
        match known {
            Some(true) => Ok(all.len() - missing(tx, store, &all)?.len()),
            _ => Ok(0),
        }
    })
}

/// Creates what migrations rely on.
fn prepare(tx: &mut Tx<'_>) -> Result<()> {
    if tx.dialect() == Dialect::Postgres {
        tx.script(ADVISORY_LOCK)?;
        let exists = "SELECT to_regprocedure($1) IS NOT NULL";
        for (signature, create) in [
            ("fold(text)", FOLD),
            ("json_quote(text)", JSON_QUOTE),
            ("search_for(text)", SEARCH_FOR),
        ] {
            let known = tx.row(exists, &[signature.into()])?;
            if !known.is_some_and(|row| row.get(0) == Ok(true)) {
                tx.script(create)?;
            }
        }
    }
    tx.script(TABLE)
}

/// Applies the first migration that is missing.
fn next(tx: &mut Tx<'_>, store: &str, all: &[Migration]) -> Result<Option<&'static str>> {
    if tx.dialect() == Dialect::Postgres {
        // Held until COMMIT: another node that migrates waits here, then sees what this one did.
        tx.script(ADVISORY_LOCK)?;
    }
    let Some(migration) = missing(tx, store, all)?.first() else {
        return Ok(None);
    };
    let Migration { version, name, sql } = *migration;
    let failed = |cause| match cause {
        Error::Sql(text) => Error::Sql(format!("migration {version} ({name}): {text}")),
        other => other,
    };
    let text = expand(sql, tx.dialect())
        .ok_or_else(|| Error::Invalid(format!("migration {version} ({name}): a brace is open")))?;
    tx.script(&text).map_err(failed)?;
    tx.exec(
        "INSERT INTO schema_migrations (store, version, name, checksum, applied_at) \
         VALUES ($1, $2, $3, $4, $5)",
        &[
            store.into(),
            version.into(),
            name.into(),
            checksum(sql).into(),
            now().into(),
        ],
    )?;
    tracing::info!(store, version, name, "applied a migration");
    Ok(Some(name))
}

/// The migrations not applied yet, if what has been applied is what this program would have.
fn missing<'m>(tx: &mut Tx<'_>, store: &str, all: &'m [Migration]) -> Result<&'m [Migration]> {
    let rows = tx.rows(
        "SELECT version, name, checksum FROM schema_migrations WHERE store = $1 ORDER BY version",
        &[store.into()],
    )?;
    let known = all.last().map_or(0, |migration| migration.version);
    if let Some(last) = rows.last() {
        let found = u32::try_from(last.get::<i64>(0)?).unwrap_or(u32::MAX);
        if found > known {
            return Err(Error::Newer { found, known });
        }
    }
    for (row, index) in rows.iter().zip(0..) {
        let (version, name) = (row.get::<i64>(0)?, row.get::<String>(1)?);
        let migration: Option<&Migration> = all.get(index);
        let Some(migration) = migration.filter(|m| i64::from(m.version) == version) else {
            return Err(Error::Invalid(format!(
                "migration {version} ({name}) has been applied to the database, but this program \
                 has another one in its place"
            )));
        };
        if checksum(migration.sql) != row.get::<String>(2)? {
            return Err(Error::Invalid(format!(
                "migration {version} ({name}) has been changed since it was applied"
            )));
        }
    }
    Ok(all.get(rows.len()..).unwrap_or_default())
}

/// Replaces the tokens; `None` when a brace of a conditional part is not closed.
///
/// Braces that belong to no token, such as those of `'{}'`, stay as they are.
fn expand(sql: &str, dialect: Dialect) -> Option<String> {
    let words = match dialect {
        Dialect::Sqlite => [
            ("{id}", "INTEGER PRIMARY KEY AUTOINCREMENT"),
            ("{text}", "TEXT"),
            ("{blob}", "BLOB"),
        ],
        Dialect::Postgres => [
            (
                "{id}",
                "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
            ),
            ("{text}", "TEXT COLLATE \"C\""),
            ("{blob}", "BYTEA"),
        ],
    };
    let conditions = [
        ("{sqlite:", Dialect::Sqlite),
        ("{postgres:", Dialect::Postgres),
    ];

    let (mut out, mut rest) = (String::with_capacity(sql.len()), sql);
    while let Some(brace) = rest.find('{') {
        out.push_str(&rest[..brace]);
        rest = &rest[brace..];
        if let Some((token, text)) = words.iter().find(|(token, _)| rest.starts_with(token)) {
            out.push_str(text);
            rest = &rest[token.len()..];
        } else if let Some((token, only)) = conditions.iter().find(|(t, _)| rest.starts_with(t)) {
            let end = closing_brace(rest)?;
            if *only == dialect {
                out.push_str(&expand(&rest[token.len()..end], dialect)?);
            }
            rest = &rest[end + 1..];
        } else {
            out.push('{');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Some(out)
}

/// Where the brace that `text` starts with is closed.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => open += 1,
            '}' if open == 1 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
    }
    None
}

/// FNV-1a with 64 bits, in hexadecimal. Carriage returns do not count: a checkout on Windows may
/// have added them.
fn checksum(sql: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in sql.bytes().filter(|byte| *byte != b'\r') {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("{hash:016x}")
}

/// Microseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "what people read of migrations is no rule of the product"
)]
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_replaced_and_other_braces_stay() {
        let sql =
            "a {id} {text} {blob} '{}' {sqlite:only {id}{postgres:never}}{postgres:{text}} {x";
        assert_eq!(
            expand(sql, Dialect::Sqlite).as_deref(),
            Some(
                "a INTEGER PRIMARY KEY AUTOINCREMENT TEXT BLOB '{}' \
                  only INTEGER PRIMARY KEY AUTOINCREMENT {x"
            )
        );
        assert_eq!(
            expand(sql, Dialect::Postgres).as_deref(),
            Some(
                "a BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY TEXT COLLATE \"C\" BYTEA \
                  '{}' TEXT COLLATE \"C\" {x"
            )
        );
    }

    #[test]
    fn a_condition_must_be_closed() {
        for sql in ["{sqlite:", "{postgres: {id}", "{sqlite:{postgres:x}"] {
            assert_eq!(expand(sql, Dialect::Sqlite), None, "{sql}");
            assert_eq!(expand(sql, Dialect::Postgres), None, "{sql}");
        }
    }

    /// Published test vectors of FNV-1a. The checksums are in every database there is.
    #[test]
    fn the_checksum_stays_what_it_is() {
        assert_eq!(checksum(""), "cbf29ce484222325");
        assert_eq!(checksum("a"), "af63dc4c8601ec8c");
        assert_eq!(checksum("foobar"), "85944171f73967e8");
        assert_eq!(checksum("foo\r\nbar"), checksum("foo\nbar"));
    }
}
