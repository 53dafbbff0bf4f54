//! Sending a job's lines to the server, in order, while the job runs and for a while afterwards.

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::client::CallError;
use crate::client::Client;
use crate::clock;
use crate::logs::Origin;
use crate::spool::Batch;
use crate::spool::Spool;

/// The most bytes one request carries.
const MAX_REQUEST: usize = 1024 * 1024;
/// How long lines are gathered before they are sent.
const GATHER: Duration = Duration::from_millis(200);

/// Sends lines until the spool is closed and empty, or until the server has taken none for
/// `patience` after it was closed.
pub(crate) async fn ship(
    client: &Client,
    robot_key: &str,
    origin: &Origin,
    spool: &Spool,
    patience: Duration,
) {
    let mut backoff = Backoff::new();
    let mut last_progress = clock::now();
    let mut closed_at: Option<Instant> = None;
    loop {
        if spool.is_closed() {
            closed_at.get_or_insert_with(clock::now);
        }
        match send_batch(client, robot_key, origin, spool).await {
            Ok(true) => {
                backoff = Backoff::new();
                last_progress = clock::now();
                continue;
            }
            Ok(false) if closed_at.is_some() => return,
            Ok(false) => {
                spool.changed().await;
                let gather = tokio::time::sleep(GATHER);
                tokio::pin!(gather);
                while !spool.is_closed() {
                    tokio::select! {
                        () = &mut gather => break,
                        () = spool.changed() => {}
                    }
                }
            }
            Err(error) => {
                tracing::debug!(%error, "log lines not sent, trying again");
                let waited = closed_at.map(|at| at.max(last_progress).elapsed());
                if waited.is_some_and(|waited| waited > patience) {
                    tracing::warn!(%error, "the server takes no log lines; the rest is lost");
                    return;
                }
                tokio::select! {
                    () = backoff.wait() => {}
                    () = closed(spool), if closed_at.is_none() => backoff = Backoff::new(),
                }
            }
        }
    }
}

/// Sends one batch. `Ok(false)`: there was none.
async fn send_batch(
    client: &Client,
    robot_key: &str,
    origin: &Origin,
    spool: &Spool,
) -> Result<bool, CallError> {
    let unreadable = |error: std::io::Error| CallError::Unreadable(error.to_string());
    let batch = spool.batch().map_err(unreadable)?;
    let Some((body, end)) = encode(&batch, origin) else {
        return Ok(false);
    };
    match client.submit_logs(robot_key, body).await {
        Ok(()) => {}
        Err(error) if error.is_temporary() => return Err(error),
        // The same lines would be refused for ever.
        Err(error) => tracing::warn!(%error, "the server refused log lines; they are dropped"),
    }
    spool.sent(end).map_err(unreadable)?;
    Ok(true)
}

/// A JSON array of strings, each of them a JSON object, and the position behind the last line that
/// fits into one request.
fn encode(batch: &Batch, origin: &Origin) -> Option<(String, u64)> {
    let mut body = String::from("[");
    let mut end = None;
    for item in &batch.lines {
        let text = serde_json::Value::String(origin.encode(&item.line)).to_string();
        if end.is_some() && body.len() + text.len() + 2 > MAX_REQUEST {
            break;
        }
        if end.is_some() {
            body.push(',');
        }
        body.push_str(&text);
        end = Some(item.end);
    }
    body.push(']');
    end.map(|end| (body, end))
}

async fn closed(spool: &Spool) {
    while !spool.is_closed() {
        spool.changed().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Credentials;
    use crate::address::Address;
    use crate::logs::Level;
    use crate::logs::Line;
    use crate::testing::command;

    fn spool(lines: &[Line]) -> (tempfile::TempDir, Spool) {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 1 << 24).unwrap();
        spool.append(lines);
        (folder, spool)
    }

    #[test]
    fn a_request_stays_below_its_limit_and_ends_at_a_line() {
        // Quotes are escaped twice on their way: the worst a message can do.
        let line = Line::robot(Level::Error, &"\"".repeat(10_000));
        let (_folder, spool) = spool(&vec![line; 100]);
        let origin = Origin::of(&command(1), "host");
        let batch = spool.batch().unwrap();
        let (body, end) = encode(&batch, &origin).unwrap();
        assert!(body.len() <= MAX_REQUEST, "{}", body.len());
        let lines: Vec<String> = serde_json::from_str(&body).unwrap();
        assert!(lines.len() > 1);
        assert_eq!(end, batch.lines[lines.len() - 1].end);
        serde_json::from_str::<serde_json::Value>(&lines[0]).unwrap();
    }

    #[tokio::test]
    async fn a_server_that_stays_away_is_given_up_after_the_end() {
        let (_folder, spool) = spool(&[Line::robot(Level::Error, "x")]);
        // Nobody listens on port 9 of this machine, or whoever does speaks no HTTP.
        let address = Address::parse("http://127.0.0.1:9").unwrap();
        let credentials = Credentials::MachineKey("k".to_owned());
        let client = Client::new(address, credentials, "host", "id").unwrap();
        let origin = Origin::of(&command(1), "host");
        let shipping = ship(
            &client,
            "robot",
            &origin,
            &spool,
            Duration::from_millis(300),
        );
        tokio::pin!(shipping);
        let early = tokio::time::timeout(Duration::from_millis(600), &mut shipping).await;
        assert!(early.is_err(), "while the job runs it goes on trying");
        spool.close();
        tokio::time::timeout(Duration::from_secs(10), shipping)
            .await
            .unwrap();
        assert_eq!(spool.batch().unwrap().lines.len(), 1);
    }
}
