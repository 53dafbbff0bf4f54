//! From sending `StartJobs` until a waiting robot holds the command, one job after another.

use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;
use testkit::{Backend, Scene, package};
use tokio::time::timeout;

use crate::Failure;
use crate::connection::{self, Connection, PATIENCE, START_JOBS};
use crate::figures::{self, Samples, ms};
use crate::host::Host;

/// A poll that was not answered for so long is being held.
const SETTLED: Duration = Duration::from_millis(5);
/// Jobs before the clock runs: connections open, statements prepared.
const WARM_UP: usize = 10;

/// Measures and prints.
pub async fn measure(exe: &str, backend: Backend, jobs: usize) -> Result<(), Failure> {
    let scene = Scene::start(exe, backend).await;
    let release = scene.release(&package("bench", "1.0.0")).await;
    let start = connection::json(&scene.start_info(&release, json!({})));
    let mut host = Host::connect(&scene).await?;
    let mut caller = Connection::caller(&scene).await?;

    let mut run = Run::default();
    for _ in 0..WARM_UP {
        Run::default().job(&mut caller, &mut host, &start).await?;
    }
    for _ in 0..jobs {
        run.job(&mut caller, &mut host, &start).await?;
    }
    figures::title(&format!(
        "dispatch: {jobs} jobs one after another, {backend:?}"
    ));
    figures::line("GET /health, same connection", &run.health.summary());
    figures::line("StartJobs answered", &run.answered.summary());
    figures::line("robot has the command", &run.arrived.summary());
    let ratio = |share| ms(run.arrived.percentile(share)) / ms(run.health.percentile(share));
    let ratios = format!("p50 {:.1}, p99 {:.1}", ratio(0.5), ratio(0.99));
    figures::line("command : GET /health", &ratios);
    Ok(())
}

#[derive(Default)]
struct Run {
    health: Samples,
    answered: Samples,
    arrived: Samples,
}

impl Run {
    /// One job from the start to its end, with a bare round trip before it.
    async fn job(
        &mut self,
        caller: &mut Connection,
        host: &mut Host,
        start: &Bytes,
    ) -> Result<(), Failure> {
        let sent = Instant::now();
        caller.get("/health").await?;
        self.health.add(sent.elapsed());

        let offers = {
            let mut offers = pin!(host.offers());
            if let Ok(early) = timeout(SETTLED, &mut offers).await {
                return Err(format!("A job that nobody started was offered: {:?}", early?).into());
            }
            let sent = Instant::now();
            let answered = async {
                caller.post(START_JOBS, start.clone()).await?;
                Ok::<_, Failure>(sent.elapsed())
            };
            let arrived = async { Ok((offers.await?, sent.elapsed())) };
            let both = async { tokio::try_join!(answered, arrived) };
            let (answered, (offers, arrived)) = timeout(PATIENCE, both)
                .await
                .map_err(|_| "The job never reached the robot.")??;
            self.answered.add(answered);
            self.arrived.add(arrived);
            offers
        };
        for offer in &offers {
            host.finish(offer).await?;
        }
        Ok(())
    }
}
