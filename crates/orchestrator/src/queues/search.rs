//! Items by what their specific content has in it: an index narrows `contains(SpecificData,'…')` down.
//!
//! Writing it with each item would cost several times what adding the item does, so an engine writes
//! it later, in stretches, and only as far as somebody searches: who never does pays nothing. It holds
//! the items up to a number; those behind it are few when a search uses it, and read as before. The
//! filter itself is always asked, too: the index may say too much, but never too little.
//!
//! Items that change or go take their entry along by triggers (migration 0010). Numbers are not committed
//! in their order: where some are missing when the items around them are indexed, the gap is kept, and
//! searches read what has appeared in it, until nothing comes there any more ([`LATE`]).

use db::{Tx, Value};
use odata::{Query, Timestamp};

use super::items::LATE;
use super::removal::AT_ONCE;
use crate::cx::{Cx, Hint, Listing};
use crate::engine::{Engine, Next, Step, Tick, Wake};
use crate::error::Result;

/// The property that is indexed.
const PROPERTY: &str = "SpecificData";
/// What stands in front of the content there, without case. Behind it is a brace.
const BEFORE: &str = "{\"dynamicproperties\":";
/// Shortest text of letters and digits by which the index finds anything.
const SHORTEST: usize = 3;
/// More items than this behind the index are worth bringing it up to date.
const MANY_BEHIND: i64 = 5_000;
/// With more than this behind it, it saves little, and costs whoever also filters by something else.
const TOO_MANY_BEHIND: i64 = 20_000;
/// A text that so many items have in them is found soon without an index.
const TOO_MANY_FOUND: i64 = 10_000;
/// Bytes of contents that are indexed in a transaction, and one content beyond.
const AT_ONCE_BYTES: i64 = 1_000_000;

/// Indexes items when a search asked for it, and no more than what was there by then.
pub static ENGINE: Engine = Engine {
    name: "search",
    wake: Wake {
        start: false,
        hint: Some(Hint::Search),
        begun: None,
    },
    tick: Tick::Write(tick),
};

fn tick(cx: &mut Cx<'_, '_>) -> Result<Next> {
    let Some(goal) = begin(cx)? else {
        return Ok(Next::Never(
            "searches in queue items read all of them: PostgreSQL's extension pg_trgm is needed for an \
             index. Install it and start this server again",
        ));
    };
    Ok(Next::Work(further(goal)))
}

fn further(goal: i64) -> Step {
    Step::write(move |cx| {
        Ok(match index(cx, goal)? {
            true => Next::Rest(further(goal)),
            false => Next::Woken,
        })
    })
}

/// The items that the index finds, all that are behind it, and those that came late. One list, so that
/// there is only one way to use it: the items are looked up by their numbers.
const NARROW: &str = "{t}.id IN (SELECT x.rowid
        FROM queue_item_texts(search_for(fold({sought}))) x
    UNION ALL SELECT n.id FROM queue_items n WHERE n.id > {indexed}
    UNION ALL SELECT l.id FROM queue_item_search_gaps g CROSS JOIN queue_items l
        WHERE l.id >= g.first AND l.id <= g.last)";

/// Does something with a listing of items, which is narrowed down where the index can do that.
///
/// # Errors
/// The store's; those of `f`.
pub(super) fn narrowed<T>(
    cx: &mut Cx<'_, '_>,
    query: &Query,
    listing: &Listing<'_>,
    f: impl FnOnce(&mut Cx<'_, '_>, &Listing<'_>) -> Result<T>,
) -> Result<T> {
    let Some((sought, indexed)) = useful(cx, query)? else {
        return f(cx, listing);
    };
    let restrict = match listing.restrict {
        Some(restrict) => format!("({restrict}) AND {NARROW}"),
        None => NARROW.to_owned(),
    };
    let vars = [("sought", sought.into()), ("indexed", indexed.into())];
    let vars: Vec<(&str, Value)> = listing.vars.iter().cloned().chain(vars).collect();
    let listing = Listing {
        restrict: Some(&restrict),
        vars: &vars,
        ..*listing
    };
    f(cx, &listing)
}

/// What to ask the index for, and how far it goes; `None` when it does not help.
fn useful<'q>(cx: &mut Cx<'_, '_>, query: &'q Query) -> Result<Option<(&'q str, i64)>> {
    let Some(sought) = sought(query.contained(PROPERTY)) else {
        return Ok(None);
    };
    let (indexed, newest) = reach(cx)?;
    let behind = newest - indexed;
    if behind > MANY_BEHIND {
        cx.hint(Hint::Search);
    }
    if indexed == 0 || behind > TOO_MANY_BEHIND {
        return Ok(None);
    }
    // The limit is no parameter: of one that it does not know, PostgreSQL thinks that reading a part of
    // the table is enough.
    let count = format!(
        "SELECT COUNT(*) FROM (SELECT x.rowid FROM queue_item_texts(search_for(fold($1))) x
             LIMIT {TOO_MANY_FOUND} + 1) f"
    );
    let found = cx.tx.number(&count, &[sought.into()])?;
    Ok((found <= TOO_MANY_FOUND).then_some((sought, indexed)))
}

/// The longest of these texts that the index can be asked for.
fn sought(texts: Vec<&str>) -> Option<&str> {
    let texts = texts.into_iter().filter(|text| has_word(text));
    texts
        .filter(|text| !may_exceed(text))
        .max_by_key(|text| text.len())
}

/// Whether it has a part that either database finds by an index: PostgreSQL's has words only.
fn has_word(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    words.any(|word| word.chars().count() >= SHORTEST)
}

/// Whether the property may have it in what stands around the content, which is not indexed.
fn may_exceed(text: &str) -> bool {
    text.contains(":{") || text.contains("}}") || BEFORE.contains(&text.to_lowercase())
}

/// The last item that is indexed, and the last of all: 0 for none.
fn reach(cx: &mut Cx<'_, '_>) -> Result<(i64, i64)> {
    let row = cx.tx.row(
        "SELECT COALESCE((SELECT s.indexed FROM queue_item_search s), 0) AS indexed,
             COALESCE((SELECT MAX(i.id) FROM queue_items i), 0) AS last",
        &[],
    )?;
    row.map_or(Ok((0, 0)), |row| {
        Ok((row.get("indexed")?, row.get("last")?))
    })
}

/// Sees to it that there is an index, and says up to which item it should go by now. `None`: this
/// database cannot have one.
///
/// # Errors
/// The store's.
pub fn begin(cx: &mut Cx<'_, '_>) -> Result<Option<i64>> {
    let known = "SELECT indexed FROM queue_item_search";
    if cx.tx.row(known, &[])?.is_none() {
        // Another server may have begun it meanwhile.
        let begin =
            "INSERT INTO queue_item_search (id, indexed) VALUES (1, 0) ON CONFLICT DO NOTHING";
        cx.tx.exec(begin, &[])?;
        if cx.tx.row(known, &[])?.is_none() {
            return Ok(None);
        }
    }
    Ok(Some(reach(cx)?.1))
}

/// Indexes some more items, up to this one; whether there were any. There are none while another server
/// does the same.
///
/// # Errors
/// The store's.
pub fn index(cx: &mut Cx<'_, '_>, goal: i64) -> Result<bool> {
    let claim = cx.tx.dialect().claim();
    let claimed = format!("SELECT indexed FROM queue_item_search {claim}");
    let Some(row) = cx.tx.row(&claimed, &[])? else {
        return Ok(false);
    };
    let indexed: i64 = row.get(0)?;
    close_gaps(cx)?;
    let stretch = format!(
        "SELECT MAX(s.id) FROM (
             SELECT i.id, SUM(i.bytes) OVER (ORDER BY i.id) - i.bytes AS before
             FROM (SELECT id, octet_length(COALESCE(specific_content, '')) AS bytes
                 FROM queue_items WHERE id > $1 AND id <= $2 ORDER BY id LIMIT {AT_ONCE}) i) s
         WHERE s.before < {AT_ONCE_BYTES}"
    );
    let until: Option<i64> = match cx.tx.row(&stretch, &[indexed.into(), goal.into()])? {
        Some(row) => row.get(0)?,
        None => None,
    };
    let Some(until) = until else {
        return Ok(false);
    };
    note_gaps(cx, indexed, until)?;
    write(
        cx.tx,
        "i.id > $1 AND i.id <= $2",
        &[indexed.into(), until.into()],
    )?;
    let moved = "UPDATE queue_item_search SET indexed = $1";
    cx.tx.exec(moved, &[until.into()])?;
    Ok(true)
}

/// Writes the items of which `condition` is true into the index.
fn write(tx: &mut Tx<'_>, condition: &str, params: &[Value]) -> Result<()> {
    // Who changes a content meanwhile does not know yet that it is indexed.
    let lock = tx.dialect().lock("i");
    let sql = format!(
        "INSERT INTO queue_item_texts (rowid, text)
         SELECT i.id, fold(i.specific_content) FROM queue_items i
         WHERE {condition} AND NOT i.encrypted AND i.specific_content IS NOT NULL {lock}"
    );
    tx.exec(&sql, params)?;
    Ok(())
}

/// Keeps which numbers behind `after` are missing, up to `until`, unless it is too late for them. How
/// late it is, the item behind them tells: its number was taken after theirs.
fn note_gaps(cx: &mut Cx<'_, '_>, after: i64, until: i64) -> Result<()> {
    let late = Timestamp(0).plus(LATE);
    cx.tx.exec(
        "INSERT INTO queue_item_search_gaps (first, last, settled)
         SELECT s.before + 1, s.id - 1, s.creation_time + $3 FROM (
             SELECT i.id, i.creation_time, LAG(i.id, 1, $1) OVER (ORDER BY i.id) AS before
             FROM queue_items i WHERE i.id > $1 AND i.id <= $2) s
         WHERE s.id > s.before + 1 AND s.creation_time + $3 > $4",
        &[after.into(), until.into(), late.into(), cx.now.into()],
    )?;
    Ok(())
}

/// Indexes what has come late, where nothing comes any more.
fn close_gaps(cx: &mut Cx<'_, '_>) -> Result<()> {
    let settled = "SELECT first, last FROM queue_item_search_gaps WHERE settled <= $1";
    for row in cx.tx.rows(settled, &[cx.now.into()])? {
        let gap = [row.get("first")?, row.get("last")?];
        // A trigger has written what was changed since.
        let again = "DELETE FROM queue_item_texts WHERE rowid >= $1 AND rowid <= $2";
        cx.tx.exec(again, &gap)?;
        write(cx.tx, "i.id >= $1 AND i.id <= $2", &gap)?;
    }
    let closed = "DELETE FROM queue_item_search_gaps WHERE settled <= $1";
    cx.tx.exec(closed, &[cx.now.into()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use odata::edm::EntitySet;

    use super::*;
    use crate::queues::QueueItem;

    #[test]
    fn what_stands_around_a_content_is_what_the_declaration_says() {
        const SET: EntitySet = QueueItem::SET;
        let prop = SET.prop(PROPERTY).unwrap();
        let sql = prop.filter_sql.unwrap().to_lowercase();
        let around = format!("'{BEFORE}' || {{t}}.specific_content || '}}'");
        assert!(sql.contains(&around), "{sql}");
    }

    #[test]
    fn only_texts_that_the_index_knows_are_sought() {
        for (texts, expected) in [
            (vec!["ab"], None),
            (vec!["a-b c:d"], None),
            (vec!["abc"], Some("abc")),
            (vec!["abc", "\"Amount\":17}", "}}"], Some("\"Amount\":17}")),
            (vec!["ДОМ"], Some("ДОМ")),
            // In front of the content, or half in it.
            (vec!["Properties"], None),
            (vec!["\"DynamicProperties\":"], None),
            (vec!["dynamicProperties\":{\"a"], None),
            (vec!["dynamic_properties"], Some("dynamic_properties")),
            (vec!["text\"}}"], None),
        ] {
            assert_eq!(sought(texts.clone()), expected, "{texts:?}");
        }
    }
}
