//! Items that are found by what is in their specific content. An index may make that quicker, it never
//! changes what is found: what a filter finds is compared with what the same one finds that no index
//! can help.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use db::{Dialect, Sql, Tx};
use odata::{Folders, Metadata, Timestamp};
use orchestrator::queues::{items, search};
use orchestrator::{Args, Caller, Cx, Identity, NO_ARGS, Server};
use serde_json::{Value, json};
use testkit::{Backend, Client, Scene, both, eventually};

use crate::queues::{add, at, between, meanwhile, queue};
use crate::support::{scene, text};

both!(
    an_index_changes_no_answer,
    any_part_of_a_content_is_found,
    a_search_of_many_items_has_them_indexed,
    edits_and_removals_reach_the_index,
    what_is_taken_back_leaves_the_index_as_it_was,
    actions_and_reports_find_what_searches_find,
    the_database_looks_into_the_index,
    a_database_without_the_extension_is_searched_all_the_same,
);

/// Texts that databases fold, split or quote in ways of their own.
const CONTENTS: &[(&str, &str)] = &[
    ("umlaut", "ÄRZTE & Söhne GmbH"),
    ("decomposed", "A\u{308}RZTE"),
    ("dotted", "İSTANBUL, ısparta"),
    ("sharp", "GROẞE Straße"),
    ("sigma", "ΟΔΟΣ ΣΙΓΜΑΣ. ΣΑΣ"),
    ("emoji", "👍🏽 👩‍👩‍👧 fine"),
    ("quotes", "she said \"hello\" and 'bye'"),
    ("wild", "100% of a_b\\c*d?e [f] \n\t\u{1}"),
    ("query", "alpha AND beta OR NEAR(gamma, 2) {text}: -x ^y"),
    ("braces", "{{\"a\":{}}}"),
    ("kelvin", "300 \u{212a}elvin, ǅ, ﬁne"),
    ("cyrillic", "СЧЁТ № 12"),
    ("han", "発注書番号 株式会社"),
    ("finals", "ΑΣ ΑΣ. ΑΣΑ Σ' 'Σας ΣΣ\u{ad}Σ:ΣΑΣ"),
    (
        "odd",
        "ſtraﬀe \u{fffe}\u{ffff}\u{10ffff} a\u{327}\u{301}b ⅫⅠ Ⓐⓑ I\u{307}J\u{307} ꭰᏸ \u{feff}\u{1e9e}",
    ),
];

/// What finds them, and some that finds nothing.
const SOUGHT: &[&str] = &[
    "ärzte",
    "ÄRZ",
    "a\u{308}rz",
    "istanbul",
    "i\u{307}stan",
    "ISPARTA",
    "ısp",
    "große",
    "GROSSE",
    "straße",
    "STRASSE",
    "οδος",
    "οδοσ",
    "ΣΙΓΜΑΣ",
    "👍🏽",
    "👩‍👧 fine",
    "said \\\"hello\\\"",
    "'bye'",
    "100% of",
    "100%",
    "a_b",
    "axb",
    "b\\\\c",
    "c*d",
    "alpha AND beta",
    "alpha beta",
    "NEAR(gamma",
    "{text}:",
    "Text\":\"",
    "elvin",
    "kelvin",
    "ǆ",
    "ﬁne",
    "FINE",
    "счёт №",
    "株式会社",
    "発注",
    "DynamicProperties",
    "\"DynamicProperties\":{\"Text\":\"300",
    "Properties\":{",
    ":{\"text",
    "\"}}",
    "bye'\"}",
    "no such thing",
    "filler number 77\"",
];

async fn an_index_changes_no_answer(backend: Backend) {
    let mut scene = scene(backend).await;
    stock(&mut scene).await;
    let mut before = Vec::new();
    for sought in SOUGHT {
        before.push(found(&scene.shared, sought).await);
    }
    for (sought, expected) in [
        ("ärzte", "umlaut"),
        ("straße", "sharp"),
        ("said \\\"hello\\\"", "quotes"),
        ("100%", "wild"),
        ("a_b", "wild"),
        ("b\\\\c", "wild"),
        ("alpha AND beta", "query"),
        ("счёт №", "cyrillic"),
        ("発注", "han"),
        ("no such thing", ""),
    ] {
        let at = SOUGHT.iter().position(|s| *s == sought).unwrap();
        let references: Vec<_> = before[at].iter().map(|i| text(i, "Reference")).collect();
        assert_eq!(references.join(" "), expected, "{sought}");
    }
    // With half of them indexed, with all, and after a restart.
    let half = newest(&mut scene).await / 2;
    for goal in [half, i64::MAX, i64::MAX] {
        indexed(&mut scene, goal).await;
        for (sought, before) in SOUGHT.iter().zip(&before) {
            assert_eq!(&found(&scene.shared, sought).await, before, "{sought}");
        }
    }
}

async fn any_part_of_a_content_is_found(backend: Backend) {
    let mut scene = scene(backend).await;
    stock(&mut scene).await;
    indexed(&mut scene, i64::MAX).await;
    // These are behind the index.
    let plain = json!({"Reference": "later", "SpecificContent": {"Text": "ÄRZTE 100% \"later\""}});
    add(&scene.shared, "Plain", plain).await;
    let list = "odata/QueueItems?$filter=Reference ne null and SpecificData ne null";
    let list = scene.shared.get(list).await.ok(200);
    let (mut random, mut hits) = (fastrand::Rng::with_seed(1), 0);
    for item in list["value"].as_array().unwrap() {
        let content: Vec<char> = text(item, "SpecificData").chars().collect();
        for _ in 0..12 {
            let length = random.usize(3..16).min(content.len());
            let from = random.usize(0..=content.len() - length);
            let part = String::from_iter(&content[from..from + length]);
            let part = match random.u8(0..3) {
                0 => part.to_uppercase(),
                1 => part.to_lowercase(),
                _ => part,
            };
            let (quick, slow) = (
                found(&scene.shared, &part).await,
                without_index(&scene.shared, &part).await,
            );
            assert_eq!(quick, slow, "{part:?}");
            hits += usize::from(!slow.is_empty());
        }
    }
    // Of 204; some upper case letters have no lower case that is the same.
    assert!(hits > 150, "{hits}");
}

async fn a_search_of_many_items_has_them_indexed(backend: Backend) {
    let mut scene = scene(backend).await;
    stock(&mut scene).await;
    // None of these would be quicker.
    for filter in [
        "Reference eq 'umlaut'",
        "contains(SpecificData,'är')",
        "contains(Reference,'umlaut')",
        "not contains(SpecificData,'ärzte')",
        "contains(SpecificData,'ärzte') or Id lt 0",
        "contains(OutputData,'ärzte')",
    ] {
        list(&scene.shared, filter).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(reach(&mut scene).await, None);

    caught_up(&mut scene, 1).await;
    // A few more are read as before; nobody is woken for them.
    let indexed = reach(&mut scene).await;
    let late = json!({"Reference": "late", "SpecificContent": {"Text": "Ärztekammer"}});
    add(&scene.shared, "Plain", late).await;
    assert_eq!(found(&scene.shared, "ärzte").await.len(), 2);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(reach(&mut scene).await, indexed);
    // Many more, of which some are indexed, are found as well.
    fill(&mut scene, 6_000).await;
    assert_eq!(found(&scene.shared, "filler number 77\"").await.len(), 2);
    caught_up(&mut scene, 2).await;
    // What is encrypted is in no index.
    assert_eq!(entries(&mut scene, "geheim").await, 0);
    assert_eq!(entries(&mut scene, "ärzte").await, 2);
}

async fn edits_and_removals_reach_the_index(backend: Backend) {
    let mut scene = scene(backend).await;
    stock(&mut scene).await;
    indexed(&mut scene, i64::MAX).await;
    assert_eq!(entries(&mut scene, "gmbh").await, 1);

    let client = &scene.shared;
    let item = found(client, "gmbh").await.remove(0);
    let path = at("QueueItems", &item);
    let body = json!({"Name": "Plain", "Reference": "umlaut", "RowVersion": item["RowVersion"],
        "SpecificContent": {"Text": "Zimmerei"}});
    client.put(&path, &body).await.ok(200);
    assert_eq!(found(client, "gmbh").await, Vec::<Value>::new());
    assert_eq!(found(client, "zimmerei").await[0]["Id"], item["Id"]);
    assert_eq!(entries(&mut scene, "gmbh").await, 0);
    assert_eq!(entries(&mut scene, "zimmerei").await, 1);
    // What does not change a content leaves its entry as it is.
    let bulk = "odata/QueueItems/UiPathODataSvc.DeleteBulk";
    let client = &scene.shared;
    let item = client.get(&path).await.ok(200);
    let versioned = json!({"Id": item["Id"], "RowVersion": item["RowVersion"]});
    let body = json!({"queueItems": [versioned]});
    client.post(bulk, &body).await.ok(200);
    let deleted = found(client, "zimmerei").await;
    assert_eq!(text(&deleted[0], "Status"), "Deleted");
    assert_eq!(entries(&mut scene, "zimmerei").await, 1);

    // Items without a content, and items that are gone.
    let statements = &[
        "UPDATE queue_items SET specific_content = NULL WHERE reference = 'sharp'",
        "UPDATE queue_items SET specific_content = '{\"Text\":\"found\"}' WHERE reference = 'none'",
        "UPDATE queue_items SET specific_content = '{\"Text\":\"sealed\"}'
         WHERE reference = 'secret'",
        "DELETE FROM queue_items WHERE reference = 'umlaut'",
    ];
    meanwhile(&mut scene, statements).await;
    for (sought, entries_then) in [("straße", 0), ("found", 1), ("zimmerei", 0), ("sealed", 0)] {
        assert_eq!(entries(&mut scene, sought).await, entries_then, "{sought}");
        let found = found(&scene.shared, sought).await;
        assert_eq!(found.len() as i64, entries_then, "{sought}");
    }
    // A queue goes with all of its items.
    let queues = "odata/QueueDefinitions?$filter=Name eq 'Plain'";
    let plain = scene.shared.get(queues).await.ok(200)["value"][0].clone();
    let gone = at("QueueDefinitions", &plain);
    scene.shared.delete(&gone).await.ok(204);
    eventually("nothing of the queue is indexed", async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        (entries(&mut scene, "filler").await == 0).then_some(())
    })
    .await;
}

async fn what_is_taken_back_leaves_the_index_as_it_was(backend: Backend) {
    let mut scene = scene(backend).await;
    stock(&mut scene).await;
    indexed(&mut scene, i64::MAX).await;
    // Edits of one item, of which some are taken back, in one transaction.
    between(&mut scene, |tx| {
        let says = |tx: &mut Tx<'_>, text: &str| {
            let sql = "UPDATE queue_items SET specific_content = $1 WHERE reference = 'umlaut'";
            tx.exec(sql, &[json!({"Text": text}).to_string().into()])
        };
        let taken_back = |tx: &mut Tx<'_>, text: &str| {
            let failed: Result<(), db::Error> = tx.savepoint(|tx| {
                says(tx, text)?;
                tx.exec("DELETE FROM queue_items WHERE reference = 'sharp'", &[])?;
                Err(db::Error::OutOfRange)
            });
            assert_eq!(failed, Err(db::Error::OutOfRange));
        };
        taken_back(tx, "first");
        says(tx, "second")?;
        taken_back(tx, "third");
        says(tx, "fourth")?;
        says(tx, "second")?;
        says(tx, "fifth")?;
        taken_back(tx, "sixth");
        Ok(())
    })
    .await;
    let expected = [
        ("ärzte", 0),
        ("first", 0),
        ("second", 0),
        ("third", 0),
        ("fourth", 0),
        ("fifth", 1),
        ("sixth", 0),
        ("straße", 1),
    ];
    for (sought, expected) in expected {
        assert_eq!(entries(&mut scene, sought).await, expected, "{sought}");
        let found = found(&scene.shared, sought).await;
        assert_eq!(found.len() as i64, expected, "{sought}");
    }
    // Over HTTP: the second of two changes that are done together fails.
    let client = &scene.shared;
    let item = found(client, "fifth").await.remove(0);
    let content = |text: &str| {
        json!({"Name": "Plain", "Reference": "umlaut", "RowVersion": item["RowVersion"],
            "SpecificContent": {"Text": text}})
    };
    let request = |id: &str, text: &str| {
        json!({"id": id, "method": "PUT", "atomicityGroup": "g", "url": format!("/{}", at("QueueItems", &item)),
            "headers": {"content-type": "application/json"}, "body": content(text)})
    };
    // The second names a version that is gone by then.
    let batch = json!({"requests": [request("1", "seventh"), request("2", "eighth")]});
    let answer = client.post("odata/$batch", &batch).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    for (sought, expected) in [("fifth", 1), ("seventh", 0), ("eighth", 0)] {
        assert_eq!(found(client, sought).await.len(), expected, "{sought}");
        assert_eq!(
            without_index(client, sought).await.len(),
            expected,
            "{sought}"
        );
    }
    // Texts that no column can have are refused, as they are without an index.
    for filter in [
        "contains(SpecificData,'abc\u{0}def')",
        "contains(SpecificData,'abc\u{0}def') or Id lt 0",
    ] {
        let path = format!("odata/QueueItems?$filter={}", encoded(filter));
        assert_eq!(client.get(&path).await.status, 400);
    }
}

async fn actions_and_reports_find_what_searches_find(backend: Backend) {
    let mut scene = scene(backend).await;
    stock(&mut scene).await;
    indexed(&mut scene, i64::MAX).await;
    let client = &scene.shared;
    let by_filter = |sought: &str| {
        let filter = encoded(&format!("contains(SpecificData,'{sought}')"));
        format!("odata/QueueItems/Baton.DeleteByFilter?$filter={filter}")
    };
    let dry = client.post(&by_filter("ärzte"), &json!({})).await.ok(200);
    assert_eq!((&dry["Matched"], &dry["Changed"]), (&json!(1), &json!(0)));
    let done = json!({"dryRun": false});
    let done = client.post(&by_filter("ärzte"), &done).await.ok(200);
    assert_eq!((&done["Matched"], &done["Changed"]), (&json!(1), &json!(1)));
    let found = found(client, "ärzte").await;
    assert_eq!(text(&found[0], "Status"), "Deleted");

    let filter = encoded("contains(SpecificData,'filler number 7')");
    let queue = &found[0]["QueueDefinitionId"];
    let report =
        format!("odata/QueueDefinitions({queue})/UiPathODataSvc.Reports()?$filter={filter}");
    let report = client.get(&report).await;
    assert_eq!(report.status, 200);
    // 7, 70 to 79, 700 to 799 of 6,000, and the headings.
    assert_eq!(report.text().lines().count(), 1 + 10 + 100 + 1);
}

async fn the_database_looks_into_the_index(backend: Backend) {
    let mut scene = scene(backend).await;
    stock(&mut scene).await;
    fill(&mut scene, 12_000).await;
    indexed(&mut scene, i64::MAX).await;
    let (index, items) = match backend {
        Backend::Sqlite => ("VIRTUAL TABLE INDEX", "SEARCH i USING INTEGER PRIMARY KEY"),
        Backend::Postgres => ("queue_item_texts_trigrams", "queue_items_pkey"),
    };
    let rare = plans(&mut scene, "contains(SpecificData,'gmbh')").await;
    assert!(!rare.is_empty());
    for plan in rare {
        assert!(plan.contains(index) && plan.contains(items), "{plan}");
    }
    // A common word is found sooner by looking at items.
    let common = plans(&mut scene, "contains(SpecificData,'filler')").await;
    assert!(!common.is_empty());
    for plan in common {
        assert!(!plan.contains(index), "{plan}");
    }
}

async fn a_database_without_the_extension_is_searched_all_the_same(backend: Backend) {
    if backend == Backend::Sqlite {
        return;
    }
    let mut scene = scene(backend).await;
    stock(&mut scene).await;
    // The extension has a type of this name, and cannot be made beside it.
    meanwhile(&mut scene, &["CREATE TYPE gtrgm AS (x INTEGER)"]).await;
    for _ in 0..3 {
        assert_eq!(found(&scene.shared, "ärzte").await.len(), 1);
    }
    let told = eventually("the log says what is missing", async || {
        let log = scene.server.log();
        let told = log.matches("pg_trgm").count();
        (told > 0).then_some(told)
    });
    assert_eq!(told.await, 1);
    assert_eq!(reach(&mut scene).await, None);
    // Once it can be made, the next start finds that out.
    meanwhile(&mut scene, &["DROP TYPE gtrgm"]).await;
    caught_up(&mut scene, 1).await;
}

/// Waits until no more items are behind the index than a search reads without asking for it.
async fn caught_up(scene: &mut Scene, doctors: usize) {
    eventually("the index has caught up", async || {
        assert_eq!(found(&scene.shared, "ärzte").await.len(), doctors);
        tokio::time::sleep(Duration::from_millis(200)).await;
        let reach = reach(scene).await?;
        (newest(scene).await - reach <= 5_000).then_some(())
    })
    .await;
}

/// A queue with contents of all kinds, and thousands of others.
async fn stock(scene: &mut Scene) {
    let client = &scene.shared;
    queue(client, "Plain", json!({})).await;
    queue(client, "Secret", json!({"Encrypted": true})).await;
    for (reference, content) in CONTENTS {
        let item = json!({"Reference": reference, "SpecificContent": {"Text": content}});
        add(client, "Plain", item).await;
    }
    add(client, "Plain", json!({"Reference": "none"})).await;
    let empty = json!({"Reference": "empty", "SpecificContent": {}});
    add(client, "Plain", empty).await;
    let secret = json!({"Reference": "secret", "SpecificContent": {"Text": "Ärzte geheim"}});
    add(client, "Secret", secret).await;
    fill(scene, 6_000).await;
}

/// Puts items into the database as if they had been there for long.
async fn fill(scene: &mut Scene, items: i64) {
    between(scene, move |tx| {
        tx.exec(
            "INSERT INTO queue_items (tenant_id, queue_definition_id, status, priority,
                 creation_time, key, unique_key, specific_content)
             WITH RECURSIVE numbers (n) AS
                 (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $1),
             keys AS (SELECT n, (SELECT MAX(id) FROM queue_items) + n AS key FROM numbers)
             SELECT q.tenant_id, q.id, 3, 1, (SELECT MAX(creation_time) FROM queue_items),
                 '00000000-0000-4000-8000-' || CAST(100000000000 + k.key AS TEXT),
                 '00000000-0000-4000-8000-' || CAST(100000000000 + k.key AS TEXT),
                 '{\"Pad\":\"' || CAST($2 AS TEXT) || '\",\"Text\":\"filler number ' || CAST(k.n AS TEXT) || '\"}'
             FROM keys k JOIN queue_definitions q ON q.name = 'Plain' ORDER BY k.n",
            &[items.into(), "once upon a time ".repeat(15).into()],
        )?;
        tx.exec(
            "UPDATE queue_counts SET items = (SELECT COUNT(*) FROM queue_items i
                 WHERE i.queue_definition_id = queue_counts.queue_definition_id
                 AND i.status = queue_counts.status)",
            &[],
        )
    })
    .await;
}

/// The items whose content has this text in it, as many as a page has.
async fn found(client: &Client, sought: &str) -> Vec<Value> {
    let sought = sought.replace('\'', "''");
    list(client, &format!("contains(SpecificData,'{sought}')")).await
}

/// The same in a form that asks no index.
async fn without_index(client: &Client, sought: &str) -> Vec<Value> {
    let sought = sought.replace('\'', "''");
    let filter = format!("contains(SpecificData,'{sought}') or Id lt 0");
    list(client, &filter).await
}

/// What a filter finds; the count must be right, too.
async fn list(client: &Client, filter: &str) -> Vec<Value> {
    let path = format!(
        "odata/QueueItems?$orderby=Id&$count=true&$filter={}",
        encoded(filter)
    );
    let list = client.get(&path).await.ok(200);
    let items = list["value"].as_array().unwrap().clone();
    let count = list["@odata.count"].as_u64().unwrap();
    assert_eq!(count.min(100), items.len() as u64, "{filter}");
    let alone = format!("odata/QueueItems/$count?$filter={}", encoded(filter));
    assert_eq!(
        client.get(&alone).await.text(),
        count.to_string(),
        "{filter}"
    );
    items
}

/// As it may stand in a query.
fn encoded(text: &str) -> String {
    let byte = |b: u8| match b.is_ascii_alphanumeric() {
        true => char::from(b).to_string(),
        false => format!("%{b:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// The last item that is indexed, if any search has asked for an index.
async fn reach(scene: &mut Scene) -> Option<i64> {
    between(scene, |tx| {
        let row = tx.row("SELECT indexed FROM queue_item_search", &[])?;
        row.map(|row| row.get(0)).transpose()
    })
    .await
}

async fn newest(scene: &mut Scene) -> i64 {
    between(scene, |tx| {
        tx.number("SELECT MAX(id) FROM queue_items", &[])
    })
    .await
}

/// How many entries of the index have this text in them.
async fn entries(scene: &mut Scene, sought: &'static str) -> i64 {
    between(scene, move |tx| {
        let count = "SELECT COUNT(*) FROM queue_item_texts(search_for(fold($1))) x";
        tx.number(count, &[sought.into()])
    })
    .await
}

/// Indexes items up to this one, as the engine does.
async fn indexed(scene: &mut Scene, goal: i64) {
    let server = facts(scene);
    between(scene, move |tx| {
        as_server(tx, &server, &NO_ARGS, Folders::All, |cx| {
            let newest = search::begin(cx).unwrap().unwrap();
            while search::index(cx, goal.min(newest)).unwrap() {}
        });
        Ok(())
    })
    .await;
}

/// Stops the server, asks its database as its own readers do, and starts it again: how the statements
/// of a page that this filter finds go through the items.
async fn plans(scene: &mut Scene, filter: &str) -> Vec<String> {
    // What PostgreSQL does by itself after a while: it counts rows, and puts in order what it has
    // only appended to its index so far.
    let tended: &[&str] = match scene.server.database_url() {
        Some(_) => &[
            "SELECT gin_clean_pending_list('queue_item_texts_trigrams')",
            "ANALYZE",
        ],
        None => &["ANALYZE"],
    };
    meanwhile(scene, tended).await;
    let (server, folders) = (facts(scene), Folders::One(scene.folder));
    let args = Args {
        query: format!("$filter={filter}&$top=5"),
        ..Args::default()
    };
    scene.server.stop().await;
    let url = match scene.server.database_url() {
        Some(url) => db::Url::Postgres(url.into()),
        None => db::Url::Sqlite(scene.server.data().join("main.db")),
    };
    let db = db::Db::open(db::Options::new(url, "main")).unwrap();
    let explained = db.read(move |tx| {
        let (done, statements) = tx.recorded(|tx| {
            as_server(tx, &server, &args, folders.clone(), |cx| {
                let list = items::RESOURCE.list.unwrap();
                list.perform(&items::RESOURCE, cx).map(drop)
            })
        });
        done.unwrap();
        let of_items = statements.iter().filter(|sql| sql.text.contains("t0"));
        of_items.map(|sql| explained(tx, sql)).collect()
    });
    let explained: Result<_, db::Error> = explained.await;
    tokio::task::spawn_blocking(move || db.close())
        .await
        .unwrap();
    scene.server.restart().await;
    explained.unwrap()
}

/// The plan of a statement.
fn explained(tx: &mut Tx<'_>, sql: &Sql) -> Result<String, db::Error> {
    let (explain, column) = match tx.dialect() {
        Dialect::Sqlite => ("EXPLAIN QUERY PLAN", 3),
        Dialect::Postgres => ("EXPLAIN (COSTS OFF)", 0),
    };
    let rows = tx.rows(&format!("{explain} {}", sql.text), &sql.params)?;
    let lines: Result<Vec<String>, _> = rows.iter().map(|row| row.get(column)).collect();
    Ok(lines?.join("\n"))
}

/// What the server knows beside its database.
fn facts(scene: &Scene) -> Arc<Server> {
    let keys = identity::Keys::load_or_create(&scene.server.data().join("keys")).unwrap();
    Arc::new(Server::new(keys))
}

/// Does something as the server does it in a transaction.
fn as_server<T>(
    tx: &mut Tx<'_>,
    server: &Arc<Server>,
    args: &Args,
    folders: Folders,
    f: impl FnOnce(&mut Cx<'_, '_>) -> T,
) -> T {
    let tenant = tx.number("SELECT MIN(tenant_id) FROM queue_definitions", &[]);
    let caller = Caller::new(tenant.unwrap(), Identity::Server, Vec::new());
    f(&mut Cx {
        tx,
        now: Timestamp::now(),
        caller: &caller,
        args,
        folder: None,
        folders,
        base: "",
        metadata: Metadata::Minimal,
        server,
        hints: BTreeSet::new(),
    })
}
