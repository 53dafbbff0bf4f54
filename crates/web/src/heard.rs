//! What hosts say in passing: that they are alive, how their jobs go, and which of their robots are
//! there.

use std::collections::HashMap;
use std::sync::Arc;

use ::odata::Guid;
use orchestrator::jobs::hosts;
use orchestrator::jobs::report::{self, Report};
use orchestrator::{Caller, Error, Hint, Result, robot_service};

use crate::app::App;
use crate::execute::write;

/// Notes a sign of life; the table hears of it only if it thought the host was lost.
pub async fn alive(app: &Arc<App>, caller: &Arc<Caller>, session: i64) -> Result<()> {
    for back in app.presence.beat(session, app.now()) {
        write(app, Arc::clone(caller), move |cx| hosts::back(cx, back)).await?;
        app.wake(&Hint::Hosts);
    }
    Ok(())
}

/// What the entries of a heartbeat say of jobs, and of the robots that run them.
pub async fn take_in(
    app: &Arc<App>,
    caller: &Arc<Caller>,
    session: i64,
    entries: Option<Vec<Report>>,
) -> Result<()> {
    let entries = entries.unwrap_or_default();
    let robots: Vec<_> = entries.iter().filter_map(Report::robot).collect();
    let of_jobs = entries.into_iter().filter(|r| r.job_key.is_some());
    record_each(app, caller, session, of_jobs.collect()).await?;
    note_robots(app, caller, session, robots).await
}

/// Whether the robots of a host are there. Only what is new reaches the table.
pub async fn note_robots(
    app: &Arc<App>,
    caller: &Arc<Caller>,
    session: i64,
    robots: impl IntoIterator<Item = (Guid, bool)>,
) -> Result<()> {
    // One host may speak of a robot many times, once for each of its jobs: the last word counts.
    let robots: HashMap<Guid, bool> = robots.into_iter().collect();
    let robots: Vec<_> = robots.into_iter().collect();
    let news = app.presence.news(session, &robots);
    if news.is_empty() {
        return Ok(());
    }
    let known = write(app, Arc::clone(caller), move |cx| {
        robot_service::robots_come_and_go(cx, session, &news, &robots)
    })
    .await?;
    app.presence.told(session, &known);
    Ok(())
}

/// A heartbeat may repeat what is long over: that is no reason to refuse the heartbeat.
async fn record_each(
    app: &Arc<App>,
    caller: &Arc<Caller>,
    session: i64,
    reports: Vec<Report>,
) -> Result<()> {
    for report in reports {
        let recorded = write(app, Arc::clone(caller), move |cx| {
            report::record(cx, session, &report)
        })
        .await;
        match recorded {
            Ok(()) | Err(Error::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
