//! What administrators see of what happens without a request.

use serde_json::json;
use testkit::{Backend, both, eventually};

use crate::support::{scene, texts};

both!(administrators_see_engines, only_they_do);

const ENGINES: &str = "odata/Settings/Baton.Engines";

async fn administrators_see_engines(backend: Backend) {
    let scene = scene(backend).await;
    let admin = scene.server.admin().await;
    let shown = eventually("the engines have looked", async || {
        let shown = admin.get(ENGINES).await.ok(200);
        let all = shown["value"].as_array().expect("a list");
        let idle = |e: &&serde_json::Value| e["Runs"] == 0;
        // Nobody has searched yet.
        (all.iter().filter(idle).count() == 1).then(|| shown.clone())
    })
    .await;
    let context = shown["@odata.context"].as_str().unwrap_or_default();
    assert!(
        context.ends_with("$metadata#Collection(EngineDto)"),
        "{shown}"
    );
    let names = texts(&shown, "Name");
    assert_eq!(
        names,
        [
            "deadlines",
            "dispatch",
            "hosts",
            "leases",
            "sweep",
            "search",
            "exports",
            "old-exports"
        ]
    );
    let sweep = &shown["value"][4];
    assert_eq!(
        (&sweep["Failures"], &sweep["Panics"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(sweep["LastError"], json!(null));
    assert!(sweep["LastDuration"].as_f64() > Some(0.0), "{sweep}");
    let times = ["LastRun", "Next"].map(|name| sweep[name].as_str().unwrap_or_default());
    assert!(times[0] < times[1], "{sweep}");

    // The clock brings the next one.
    scene.server.advance(std::time::Duration::from_secs(3600));
    let admin = scene.server.admin().await;
    eventually("the next sweep", async || {
        let shown = admin.get(ENGINES).await.ok(200);
        (shown["value"][4]["Runs"] == 2).then_some(())
    })
    .await;

    let page = admin
        .get(&format!("{ENGINES}?$skip=1&$top=2&$count=true"))
        .await
        .ok(200);
    assert_eq!(page["@odata.count"], 8);
    assert_eq!(texts(&page, "Name"), names[1..3]);
    for option in ["$filter=Name eq 'sweep'", "$orderby=Name", "$select=Name"] {
        admin
            .get(&format!("{ENGINES}?{option}"))
            .await
            .refused(400, 1000);
    }
    let metrics = scene.server.anonymous().get("/metrics").await.text();
    for name in names {
        for figure in [
            "runs_total",
            "failures_total",
            "panics_total",
            "last_duration_seconds",
        ] {
            let line = format!("\nbaton_engine_{figure}{{engine=\"{name}\"}} ");
            assert!(metrics.contains(&line), "{line} in {metrics}");
        }
    }
    let next = "\nbaton_engine_next_timestamp_seconds{engine=\"sweep\"} ";
    assert!(metrics.contains(next), "{metrics}");
}

async fn only_they_do(backend: Backend) {
    let scene = scene(backend).await;
    assert_eq!(scene.server.anonymous().get(ENGINES).await.status, 401);
    let (nobody, _) = scene.server.user("nobody", &[]).await;
    assert_eq!(nobody.get(ENGINES).await.status, 403);
    let other = scene.server.app_with(&["OR.Jobs"]).await;
    assert_eq!(other.get(ENGINES).await.status, 403);
    let reader = scene.server.app_with(&["OR.Settings.Read"]).await;
    reader.get(ENGINES).await.ok(200);
    let swagger = reader.get("/swagger/v20.0/swagger.json").await;
    assert!(swagger.text().contains("/odata/Settings/Baton.Engines"));
}
