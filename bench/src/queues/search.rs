//! What finding an item by a word in its content takes, without the index and with it; and what others
//! notice while it is made.

use std::time::{Duration, Instant};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::requests::item;
use super::{Backend, Bench, INVOICES, Stock, close, grouped, open};
use crate::Failure;
use crate::connection::Connection;
use crate::figures::{self, Samples, ms};

/// How often each is asked.
const TIMES: usize = 15;
/// Time between two of those who add meanwhile.
const PAUSE: Duration = Duration::from_millis(20);
/// A machine that takes longer to index everything is not waited for.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// No two contents are alike, and one has a word of its own.
const CONTENTS: [&str; 2] = [
    "UPDATE queue_items SET specific_content = '{\"Invoice\":\"2026/' || CAST(id AS TEXT)
         || '\",\"Customer\":\"Blue Pumps and Valves Ltd.\",\"Account\":\"'
         || CAST(id * 48271 % 99999989 AS TEXT) || '\",\"Order\":\"' || key
         || '\",\"Currency\":\"EUR\",\"Approved\":true}'",
    "UPDATE queue_items SET specific_content = '{\"Invoice\":\"Zeppelin\"}'
     WHERE id = (SELECT MAX(id) / 2 FROM queue_items)",
];

/// What is looked for.
const WORDS: [(&str, &str); 3] = [
    ("a word of one item", "zeppelin"),
    ("a word of none", "airships"),
    ("a word of all", "valves"),
];

/// Measures and prints.
pub async fn measure(exe: &str, backend: Backend, items: i64) -> Result<(), Failure> {
    let of = grouped(items);
    figures::title(&format!("queues, search: {of} items, {backend:?}"));
    let stock = Stock {
        pending: 0,
        finished: items,
    };
    let mut bench = Bench::start(exe, backend, &[INVOICES], stock).await?;
    bench.scene.server.stop().await;
    let db = open(&bench.scene, "main.db")?;
    for sql in CONTENTS {
        db.write(move |tx| tx.exec(sql, &[])).await?;
    }
    super::fill::settle(&db).await?;
    close(db).await?;
    bench.scene.server.restart().await;
    bench.scene.app = bench.scene.server.app().await;

    let mut caller = Connection::caller(&bench.scene).await?;
    let mut slow = Vec::new();
    for (name, word) in WORDS {
        // No index knows what this finds.
        let filter = format!("contains(SpecificData,'{word}')%20or%20Id%20lt%200");
        let times = ask(&mut caller, &filter).await?;
        figures::line(&format!("{name}, by reading all"), &times.summary());
        slow.push(times.percentile(0.5));
    }
    let (took, adds) = indexed(&mut caller, slow[0] / 5).await?;
    figures::line("until searches are quick", &format!("{took:>8.1} s"));
    // That is so before everything is indexed: the rest is read.
    tokio::time::sleep(Duration::from_secs_f64(took / 2.0)).await;
    figures::line("AddQueueItem meanwhile", &adds.summary());
    for ((name, word), slow) in WORDS.into_iter().zip(slow) {
        let times = ask(&mut caller, &format!("contains(SpecificData,'{word}')")).await?;
        let ratio = ms(slow) / ms(times.percentile(0.5));
        let summary = format!("{}   ratio {ratio:.1}", times.summary());
        figures::line(&format!("{name}, by the index"), &summary);
    }
    Ok(())
}

/// Asks for the first page that a filter finds, with its count.
async fn ask(caller: &mut Connection, filter: &str) -> Result<Samples, Failure> {
    let mut times = Samples::default();
    for _ in 0..TIMES {
        times.add(search(caller, filter).await?);
    }
    Ok(times)
}

async fn search(caller: &mut Connection, filter: &str) -> Result<Duration, Failure> {
    let path = format!("/odata/QueueItems?$count=true&$filter={filter}");
    let began = Instant::now();
    let (status, _) = caller.send(Method::GET, &path, "".into()).await?;
    expect(status, StatusCode::OK)?;
    Ok(began.elapsed())
}

/// Searches until that is quick, and adds items meanwhile.
async fn indexed(caller: &mut Connection, quick: Duration) -> Result<(f64, Samples), Failure> {
    let (began, mut adds) = (Instant::now(), Samples::default());
    while began.elapsed() < PATIENCE {
        if search(caller, "contains(SpecificData,'zeppelin')").await? < quick {
            return Ok((began.elapsed().as_secs_f64(), adds));
        }
        for _ in 0..20 {
            let mut data: Value = item("000000000000", "Normal", None);
            data["Name"] = INVOICES.into();
            let body = json!({ "itemData": data }).to_string();
            let path = "/odata/Queues/UiPathODataSvc.AddQueueItem";
            let began = Instant::now();
            let (status, _) = caller.send(Method::POST, path, body.into()).await?;
            adds.add(began.elapsed());
            expect(status, StatusCode::CREATED)?;
            tokio::time::sleep(PAUSE).await;
        }
    }
    Err("The index was not made in time.".into())
}

fn expect(status: StatusCode, wanted: StatusCode) -> Result<(), Failure> {
    match status == wanted {
        true => Ok(()),
        false => Err(format!("A request was answered with {status}.").into()),
    }
}
