//! Many callers at once on one queue, some of whom hang up before the answer and ask again.

use std::fmt::Write;

use serde_json::json;
use testkit::{Backend, Client, both};

use super::callers::{Call, Caller};
use super::history::{self, Rules};
use crate::queues::queue;
use crate::support::{id, scene};

both!(many_callers_at_once);

const CALLERS: u64 = 16;
/// Calls of each.
const CALLS: usize = 60;
/// One of so many calls is cut off.
const CUT: u32 = 10;

async fn many_callers_at_once(backend: Backend) {
    let scene = scene(backend).await;
    let seed = super::seed();
    let rules = Rules { retries: 2 };
    let queue = shared_queue(&scene.shared, "Q", rules, false).await;
    let caller = |n| Caller::new(&scene.shared, "Q", format!("c{n}"), seed + n).cutting(CUT);
    let callers = (0..CALLERS).map(caller).collect();
    let callers = at_once(callers, |caller| caller.work(CALLS)).await;
    let callers = at_once(callers, Caller::settle).await;

    let history = histories(&callers);
    let rows = history::rows(&scene.shared, queue).await;
    let mut wrong = history::contradictions(&history, &rows, rules);
    wrong.extend(history::left_over(&rows));
    wrong.extend(history::miscounted(&scene.shared, queue, &rows).await);
    assert_nothing(&wrong, seed);
    let unsure = history.iter().filter(|call| call.answer.is_none()).count();
    println!(
        "{} calls, {unsure} cut off, {} rows",
        history.len(),
        rows.len()
    );
}

/// A queue with unique references, whose failed items are retried.
pub async fn shared_queue(client: &Client, name: &str, rules: Rules, encrypted: bool) -> i64 {
    let more = json!({
        "MaxNumberOfRetries": rules.retries, "AcceptAutomaticallyRetry": true,
        "EnforceUniqueReference": true, "Encrypted": encrypted,
    });
    id(&queue(client, name, more).await)
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
