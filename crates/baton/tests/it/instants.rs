//! Filters that calculate with time.

use serde_json::json;
use testkit::{Backend, both, package};

use crate::support::{scene, texts};

both!(since_an_hour_ago);

async fn since_an_hour_ago(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    let job = scene.start_job(&release, json!({})).await;
    let found = async |filter: &str| {
        let list = scene
            .shared
            .get(&format!("odata/Jobs?$filter={filter}"))
            .await
            .ok(200);
        texts(&list, "Key")
            .iter()
            .map(|key| (*key).to_owned())
            .collect::<Vec<_>>()
    };
    for filter in [
        "CreationTime gt now() sub duration'PT1H'",
        "CreationTime lt now() add duration'P1D'",
        "CreationTime add duration'PT1H' gt now()",
        "now() sub CreationTime lt duration'PT1H'",
        "totalseconds(now() sub CreationTime) lt 3600",
        "EndTime sub StartTime eq null",
    ] {
        assert_eq!(
            found(filter).await,
            [job["Key"].as_str().unwrap()],
            "{filter}"
        );
    }
    for filter in [
        "CreationTime lt now() sub duration'PT1H'",
        "CreationTime gt now() add duration'P1D'",
        "now() sub CreationTime gt duration'PT1H'",
        "EndTime sub StartTime gt duration'PT0S'",
    ] {
        assert!(found(filter).await.is_empty(), "{filter}");
    }
    for filter in [
        "CreationTime gt now() sub duration'P1M'",
        "CreationTime gt now() sub 5",
        "CreationTime gt now() add now()",
        "CreationTime gt duration'PT1H'",
        "year(now() add duration'P9999999D') gt 1",
    ] {
        let path = format!("odata/Jobs?$filter={filter}");
        scene.shared.get(&path).await.refused(400, 1000);
    }
}
