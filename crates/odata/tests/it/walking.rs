//! Walking over a list from page to page gives the rows of one large page, in whatever order, on both
//! databases; and a token that is not what it should be is refused.

use std::sync::Arc;

use db::{Db, Value};
use odata::edm::EntitySet;
use odata::{Error, Paging, Query, Sealing};
use serde_json::Value as Json;

use crate::model::{Ask, Machine, RUNS, Server, Step, User, ids, servers, sqlite};

/// Tokens that everybody can read, so that tests can make some.
struct Open;

impl Sealing for Open {
    fn seal(&self, token: &str) -> String {
        token.to_owned()
    }

    fn open(&self, sealed: &str) -> Option<String> {
        Some(sealed.to_owned())
    }
}

const ADDRESS: &str = "http://h/odata/List";

/// A page that may lead to the next one.
fn read(
    db: &Db,
    set: &'static EntitySet,
    raw: &str,
    size: Option<u32>,
    ask: &Ask,
) -> odata::Result<Json> {
    let mut query = Query::parse(set, raw)?;
    query.pages(Paging {
        address: ADDRESS,
        raw,
        size,
        sealing: Arc::new(Open),
    })?;
    let ask = ask.clone();
    let text = db.read_blocking(move |tx| {
        ask.with(|scope, shape| {
            let mut out = Vec::new();
            odata::read_page(tx, set, &query, scope, shape, &mut out)?;
            Ok::<_, Error>(String::from_utf8(out).unwrap())
        })
    })?;
    Ok(serde_json::from_str(&text).unwrap())
}

/// The options of the next page.
fn next(page: &Json) -> Option<&str> {
    let link = page.get("@odata.nextLink")?.as_str().unwrap();
    Some(link.strip_prefix(&format!("{ADDRESS}?")).unwrap())
}

/// All rows from page to page, and how many are on each.
fn walked(
    server: &Server,
    set: &'static EntitySet,
    raw: &str,
    size: u32,
) -> (Vec<Json>, Vec<usize>) {
    let ask = Ask::default();
    let (mut rows, mut pages) = (Vec::new(), Vec::new());
    let mut options = raw.to_owned();
    // The size is said once; tokens remember it.
    let mut said = Some(size);
    loop {
        let page = read(&server.db, set, &options, said.take(), &ask)
            .unwrap_or_else(|error| panic!("{}: {options}: {error}", server.label));
        let found = page["value"].as_array().unwrap();
        rows.extend(found.iter().cloned());
        pages.push(found.len());
        match next(&page) {
            Some(next) => options = next.to_owned(),
            None => return (rows, pages),
        }
        assert!(pages.len() < 200, "{}: {raw} has no end", server.label);
    }
}

/// The values of `Id`.
fn numbers(rows: &[Json]) -> Vec<i64> {
    rows.iter().map(|row| row["Id"].as_i64().unwrap()).collect()
}

/// Sixty runs whose values are often the same, or null.
fn more_runs(server: &Server) {
    let written = server.db.write_blocking(|tx| {
        for n in 0_i64..60 {
            let some = |value: Value, of: i64| if n % of == 0 { Value::Null } else { value };
            let text = ["a", "B", "b", "Ä", "ä", "_", "", "zz"][n as usize * 5 % 8];
            tx.exec(
                "INSERT INTO runs (id, tenant_id, folder_id, key, name, info, state, start_time, created,
                   is_latest, paused, score, retries, machine_id)
                 VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
                &[
                    (100 + n).into(),
                    (10 * (n % 3 + 1)).into(),
                    format!("20000000-0000-0000-0000-0000000000{:02x}", n * 37 % 60).into(),
                    text.into(),
                    some(text.into(), 3),
                    [0, 1, 4, 5, 77][n as usize % 5].into(),
                    some((15_160_402_820_000_000 + n % 7 * 8_640_000_000).into(), 4),
                    (15_160_402_820_000_000 - n / 5 * 36_000_000_000).into(),
                    Value::Bool(n % 2 == 0),
                    some(Value::Bool(n % 4 == 1), 3),
                    some(Value::Real((n * 7 % 10) as f64 / 3.0), 6),
                    (n * 11 % 6).into(),
                    some((n % 3 + 1).into(), 5),
                ],
            )?;
        }
        Ok::<_, db::Error>(())
    });
    written.unwrap();
}

/// Orders of every type, in both directions, over null, by paths, and by what is calculated.
const ORDERS: [&str; 28] = [
    "Id",
    "Name",
    "Name desc",
    "Info",
    "Info desc",
    "State,Name desc",
    "State desc,Info,Id desc",
    "StartTime",
    "StartTime desc",
    "StartTime desc,Info desc,Paused",
    "Created",
    "IsLatest,Paused desc",
    "Paused",
    "Score",
    "Score desc",
    "Score desc,Info desc",
    "Key desc",
    "Never,Asked",
    "Machine/Name",
    "Machine/Name desc",
    "MachineName,OwnerName desc",
    "Age desc",
    "length(Name) desc",
    "contains(Name,'b'),Retries desc",
    "Retries mul 3 div 2",
    "Score mul 2 desc",
    "year(StartTime),Score mod 2",
    "now() sub Created",
];

#[test]
fn every_order_is_walked_as_one_page_shows_it() {
    for server in servers() {
        more_runs(&server);
        let ask = Ask::default();
        for order in ORDERS {
            let raw = format!("$orderby={order}");
            let whole = server.page(&RUNS, &raw, &ask);
            let whole = whole["value"].as_array().unwrap();
            assert_eq!(whole.len(), 64, "{order}");
            for size in [1, 3, 10, 64] {
                let (rows, pages) = walked(&server, &RUNS, &raw, size);
                assert_eq!(
                    numbers(&rows),
                    numbers(whole),
                    "{}: {order}, {size} a page",
                    server.label
                );
                let full = &pages[..pages.len() - 1];
                assert!(full.iter().all(|rows| *rows == size as usize), "{pages:?}");
                assert!(pages.last().is_some_and(|rows| *rows > 0), "{pages:?}");
            }
        }
    }
}

#[test]
fn other_options_hold_on_every_page() {
    for server in servers() {
        more_runs(&server);
        let ask = Ask::default();
        for raw in [
            "",
            "$filter=Machine/Name ne null and Retries gt 1&$orderby=Name desc",
            "$filter=State eq @state&@state='Running'&$orderby=Created",
            "$select=Name,State&$orderby=Info",
            "$expand=Machine($expand=Owner),Steps($top=1;$orderby=At desc)&$orderby=Machine/Name desc",
            "$skip=2&$orderby=Name",
            "$skip=30&$orderby=Score desc",
            "$top=25&$orderby=Info desc",
            "$top=10",
            "$top=9&$skip=20&$filter=contains(Name,'%C3%84')",
            "$filter=Id eq 0",
            "$top=0",
            "$top=10$orderby=Name",
        ] {
            let whole = server.page(&RUNS, raw, &ask);
            let (rows, _) = walked(&server, &RUNS, raw, 10);
            assert_eq!(Json::from(rows), whole["value"], "{}: {raw}", server.label);
        }
    }
}

#[test]
fn sets_of_every_kind_are_walked() {
    for server in servers() {
        let ask = Ask::default();
        for (set, order) in [
            (Machine::SET, ""),
            (Step::SET, "$orderby=At"),
            (Step::SET, "$orderby=Run/Name desc"),
        ] {
            let set: &'static EntitySet = Box::leak(Box::new(set));
            let whole = server.page(set, order, &ask);
            let (rows, pages) = walked(&server, set, order, 1);
            assert_eq!(Json::from(rows), whole["value"], "{}: {order}", set.name);
            assert!(pages.len() > 1);
        }
        // One page shows two at most, whatever is preferred: the rest is on the next one.
        for size in [1, 2, 50] {
            let (rows, pages) = walked(&server, &User::SET, "$orderby=Name desc", size);
            let names: Vec<_> = rows
                .iter()
                .map(|row| row["Name"].as_str().unwrap())
                .collect();
            assert_eq!(names, ["Cy", "Bob", "Ann"]);
            assert_eq!(pages[0], size.min(2) as usize);
        }
    }
}

#[test]
fn the_number_of_all_is_the_same_on_every_page() {
    for server in servers() {
        more_runs(&server);
        let ask = Ask::default();
        for raw in [
            "$orderby=Info",
            "$top=30",
            "$skip=50",
            "$filter=Retries eq 1",
        ] {
            let count = server.count(&RUNS, raw, &ask);
            let mut options = raw.to_owned();
            loop {
                let page = read(&server.db, &RUNS, &options, Some(7), &ask).unwrap();
                assert_eq!(page["@odata.count"], count, "{options}");
                match next(&page) {
                    Some(next) => options = next.to_owned(),
                    None => break,
                }
            }
        }
    }
}

#[test]
fn rows_that_come_and_go_neither_repeat_nor_hide_others() {
    for server in servers() {
        let ask = Ask::default();
        let first = read(&server.db, &RUNS, "", Some(2), &ask).unwrap();
        assert_eq!(ids(&first), [4, 3]);
        let changed = server.db.write_blocking(|tx| {
            tx.exec("DELETE FROM runs WHERE id = 3", &[])?;
            tx.exec("UPDATE runs SET id = 9 WHERE id = 4", &[])
        });
        changed.unwrap();
        let second = read(&server.db, &RUNS, next(&first).unwrap(), None, &ask).unwrap();
        assert_eq!(ids(&second), [2, 1]);
        assert_eq!(next(&second), None);
    }
}

#[test]
fn a_page_shows_what_its_own_request_may_see() {
    for server in servers() {
        let first = read(&server.db, &RUNS, "", Some(1), &Ask::default()).unwrap();
        let options = next(&first).unwrap();
        let of = |ask: Ask| ids(&read(&server.db, &RUNS, options, Some(9), &ask).unwrap());
        let folders = odata::Folders::One(10);
        assert_eq!(of(Ask::default()), [3, 2, 1]);
        assert_eq!(
            of(Ask {
                folders,
                ..Ask::default()
            }),
            [2, 1]
        );
        let none = Ask {
            tenant: 3,
            ..Ask::default()
        };
        assert_eq!(of(none), [0; 0]);
        let restricted = Ask {
            restrict: Some("{t}.retries > 1"),
            ..Ask::default()
        };
        assert_eq!(of(restricted), [2]);
    }
}

#[test]
fn tokens_of_others_are_refused() {
    let server = sqlite();
    let ask = Ask::default();
    let refused = |raw: &str| {
        let page = read(&server.db, &RUNS, raw, Some(1), &ask);
        let Err(Error::Invalid(text)) = page else {
            panic!("{raw}: {page:?}")
        };
        text
    };
    let page = read(&server.db, &RUNS, "$orderby=Info&$top=3", Some(1), &ask).unwrap();
    let options = next(&page).unwrap().to_owned();
    assert!(read(&server.db, &RUNS, &options, None, &ask).is_ok());
    for (from, to) in [
        ("Info", "Name"),
        ("Info", "Info+desc"),
        ("top=3", "top=4"),
        ("$top=3&", ""),
        ("$orderby", "$filter=Id+gt+1&$orderby"),
        ("$orderby", "@p=1&$orderby"),
    ] {
        let other = options.replace(from, to);
        assert_ne!(other, options);
        assert!(refused(&other).contains("@odata.nextLink"), "{other}");
    }
    assert!(refused(&format!("{options}&$skip=1")).contains("leave $skip out"));
    let start = &options[..options.find("$skiptoken=").unwrap()];
    let token = options.split_once("$skiptoken=").unwrap().1;
    let token = percent_encoding::percent_decode_str(token)
        .decode_utf8()
        .unwrap();
    for (from, to) in [
        ("[1,", "[2,"),
        (",1,2,", ",0,2,"),
        (",1,2,", ",99999,2,"),
        (",1,2,", ",1,3,"),
        (",1,2,", ",1,null,"),
        (",1,2,", ",1,0,"),
        ("]]", ",1]]"),
        ("]]", "]"),
        ("]]", "],1]"),
        ("[null,", "[1,"),
        ("[null,", "[true,"),
        ("[null,", "[{},"),
        ("[null,", "[\"\\u0000\","),
        (",1]]", ",\"1\"]]"),
        (",1]]", ",[1,2]]]"),
        (",1]]", ",1e99]]"),
    ] {
        let other = token.replace(from, to);
        assert_ne!(other, token, "{from}");
        let encoded =
            percent_encoding::utf8_percent_encode(&other, percent_encoding::NON_ALPHANUMERIC);
        let said = refused(&format!("{start}$skiptoken={encoded}"));
        assert!(
            said.contains("does not belong to this query"),
            "{other}: {said}"
        );
    }
    assert!(refused("$skiptoken=").contains("cannot be empty"));
    assert!(refused("$expand=Machine($skiptoken=1)").contains("within $expand"));
}

#[test]
fn whoever_does_not_ask_for_pages_gets_none() {
    let server = sqlite();
    let page = server.page(&User::SET, "", &Ask::default());
    assert_eq!(page["value"].as_array().unwrap().len(), 2);
    assert_eq!(next(&page), None);
    // Without somebody who opens tokens there is no place to begin at.
    let raw = server.raw(&RUNS, "$skiptoken=x", &Ask::default());
    assert!(matches!(raw, Err(Error::Invalid(_))));
}
