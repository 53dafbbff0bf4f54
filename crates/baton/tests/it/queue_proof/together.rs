//! Many callers at once on one queue in two folders, some of whom hang up before the answer and ask
//! again; and holders who forget what they took.

use std::fmt::Write;
use std::time::Duration;

use serde_json::json;
use testkit::{Backend, Client, Scene, both, eventually};

use super::callers::{Answer, Call, Caller, Deed, TAKE};
use super::history::{self, Rules};
use super::model::Status;
use super::rows::{self, Row};
use crate::queues::{SHARE, folder, queue};
use crate::support::{id, scene, with};

both!(
    many_callers_at_once,
    holders_who_forget,
    an_item_is_ended_once,
);

const CALLERS: u64 = 16;
/// Calls of each.
const CALLS: usize = 60;
/// One of so many calls is cut off.
const CUT: u32 = 10;
/// One of so many items is forgotten.
const FORGOTTEN: u32 = 5;
/// The shortest lease there is.
const LEASE: Duration = Duration::from_secs(5);

async fn many_callers_at_once(backend: Backend) {
    let scene = scene(backend).await;
    let seed = super::seed();
    let rules = Rules::new(2);
    let queue = shared_queue(&scene.shared, "Q", rules, false).await;
    let clients = both_folders(&scene, queue).await;
    let caller = |n| Caller::new(&clients, "Q", format!("c{n}"), seed + n).cutting(CUT);
    let callers = (0..CALLERS).map(caller).collect();
    let callers = at_once(callers, |caller| caller.work(CALLS)).await;
    let callers = at_once(callers, Caller::settle).await;

    let history = histories(&callers);
    let rows = checked(&scene, queue, &history, rules, seed).await;
    let unsure = history.iter().filter(|call| call.answer.is_none()).count();
    println!(
        "{} calls, {unsure} cut off, {} rows",
        history.len(),
        rows.len()
    );
}

/// What a holder forgets comes back after its lease, and not before; whoever holds it no longer has no
/// say in it.
async fn holders_who_forget(backend: Backend) {
    let scene = scene(backend).await;
    let seed = super::seed();
    let rules = Rules {
        lease: Some(LEASE),
        ..Rules::new(2)
    };
    let queue = shared_queue(&scene.shared, "Q", rules, false).await;
    let caller = |n| {
        let job = format!("00000000-0000-0000-0000-{n:012}");
        let client = scene.shared.with("x-uipath-jobkey", job);
        Caller::new(&[client], "Q", format!("c{n}"), seed + n).forgetting(FORGOTTEN)
    };
    let callers = (0..CALLERS).map(caller).collect();
    let callers = at_once(callers, |caller| caller.work(CALLS)).await;
    let callers = at_once(callers, Caller::settle).await;
    eventually("what was forgotten is back", async || {
        let rows = rows::all(&scene.shared, queue).await;
        let held = rows.iter().any(|row| row.status == Status::InProgress);
        (!held).then_some(())
    })
    .await;
    let callers = at_once(callers, Caller::settle).await;

    let history = histories(&callers);
    let rows = checked(&scene, queue, &history, rules, seed).await;
    let taken = |call: &&Call| matches!(call.answer, Some(Answer::Took(_)));
    let ended =
        |call: &&Call| matches!(call.deed, Deed::End(..)) && call.answer == Some(Answer::Done);
    let (taken, ended) = (history.iter().filter(taken), history.iter().filter(ended));
    let returned = taken.count() - ended.count();
    assert!(returned > 0, "nobody forgot anything");
    println!(
        "{} calls, {returned} returns, {} rows",
        history.len(),
        rows.len()
    );
}

/// Calls that are done together may be about the same item, seen through different folders.
async fn an_item_is_ended_once(backend: Backend) {
    let scene = scene(backend).await;
    let queue = shared_queue(&scene.shared, "Q", Rules::new(1), false).await;
    let clients = both_folders(&scene, queue).await;
    let begin = json!({"transactionData": {"Name": "Q", "SpecificContent": {}}});
    let failure = json!({"transactionResult": {"IsSuccessful": false}});
    for number in 0..10 {
        let mut begin = begin.clone();
        begin["transactionData"]["Reference"] = number.to_string().into();
        let item = id(&scene.shared.post(TAKE, &begin).await.ok(200));
        let path = format!("odata/Queues({item})/UiPathODataSvc.SetTransactionResult");
        let calls: Vec<_> = (0..CALLERS)
            .zip(clients.iter().cycle())
            .map(|(_, client)| {
                let (client, path, failure) = (client.clone(), path.clone(), failure.clone());
                tokio::spawn(async move { client.post(&path, &failure).await })
            })
            .collect();
        let mut ended = 0;
        for call in calls {
            let answer = call.await.unwrap();
            match answer.status {
                200 => ended += 1,
                _ => drop(answer.refused(409, 1915)),
            }
        }
        assert_eq!(ended, 1);
    }
    let rows = rows::all(&scene.shared, queue).await;
    let wrong = rows::miscounted(&scene.shared, queue, &rows).await;
    assert_nothing(&wrong, 0);
    assert_eq!(rows.len(), 20, "each was tried again once");
}

/// Callers in two folders, both of which have the queue.
async fn both_folders(scene: &Scene, queue: i64) -> [Client; 2] {
    let other = folder(scene, "Other").await;
    let share = json!({"QueueIds": [queue], "ToAddFolderIds": [other], "ToRemoveFolderIds": []});
    scene.app.post(SHARE, &share).await.ok(204);
    [scene.shared.clone(), scene.app.folder(other)]
}

/// A queue with unique references, whose failed items are retried; with the lease of the rules.
pub async fn shared_queue(client: &Client, name: &str, rules: Rules, encrypted: bool) -> i64 {
    let more = json!({
        "MaxNumberOfRetries": rules.retries, "AcceptAutomaticallyRetry": true,
        "EnforceUniqueReference": true, "Encrypted": encrypted,
    });
    let made = queue(client, name, more).await;
    if let Some(lease) = rules.lease {
        let edit = "odata/QueueDefinitions/UiPath.Server.Configuration.OData.EditQueue";
        let leased = with(made.clone(), json!({"LeaseSeconds": lease.as_secs()}));
        assert_eq!(client.post(edit, &leased).await.status, 200);
    }
    id(&made)
}

/// Has all callers do something at the same time.
pub async fn at_once<F>(callers: Vec<Caller>, act: impl Fn(Caller) -> F) -> Vec<Caller>
where
    F: Future<Output = Caller> + Send + 'static,
{
    let acting: Vec<_> = callers
        .into_iter()
        .map(|caller| tokio::spawn(act(caller)))
        .collect();
    let mut callers = Vec::new();
    for acted in acting {
        callers.push(acted.await.unwrap());
    }
    callers
}

/// What all of them saw.
pub fn histories(callers: &[Caller]) -> Vec<Call> {
    callers
        .iter()
        .flat_map(|caller| caller.history.clone())
        .collect()
}

/// Fails unless the rows of the queue are what these calls have made of it; gives the rows.
async fn checked(scene: &Scene, queue: i64, history: &[Call], rules: Rules, seed: u64) -> Vec<Row> {
    let rows = rows::all(&scene.shared, queue).await;
    let mut wrong = history::contradictions(history, &rows, rules);
    wrong.extend(rows::left_over(&rows));
    wrong.extend(rows::miscounted(&scene.shared, queue, &rows).await);
    assert_nothing(&wrong, seed);
    rows
}

/// Fails if there is anything, and shows some of it.
pub fn assert_nothing(wrong: &[String], seed: u64) {
    let mut shown = String::new();
    for one in wrong.iter().take(5) {
        let _ = writeln!(shown, "- {one}");
    }
    assert!(
        wrong.is_empty(),
        "QUEUE_SEED={seed}: {} in all:\n{shown}",
        wrong.len()
    );
}
