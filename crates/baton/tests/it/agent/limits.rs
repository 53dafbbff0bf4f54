//! Jobs that want too much: lines, slots, names that lead out of their folder.

use serde_json::{Value, json};
use testkit::{Backend, Entry, Scene, both, package, zip};

use crate::robot::{Robot, Traces, end_of, peak_memory};
use crate::support::{UPLOAD, scene};

both!(
    a_flood_of_lines_is_stored_or_counted,
    no_more_jobs_run_than_there_are_slots,
    a_package_that_leads_out_of_its_folder_is_not_taken,
);

/// How many lines of a job fulfil a condition, and the first of them.
async fn count(scene: &Scene, job: &Value, condition: &str) -> (u64, Value) {
    let key = job["Key"].as_str().unwrap();
    let path =
        format!("odata/RobotLogs?$filter=JobKey eq {key} and {condition}&$count=true&$top=1");
    let page = scene.shared.get(&path).await.ok(200);
    (
        page["@odata.count"].as_u64().expect("a count"),
        page["value"][0].clone(),
    )
}

async fn a_flood_of_lines_is_stored_or_counted(backend: Backend) {
    const LINES: u64 = 300_000;
    let scene = scene(backend).await;
    let script = format!("#!/bin/sh\nseq -f 'this is the line %.0f of a flood' 1 {LINES}\n");
    let release = scene
        .release(&package("flood", "1.0.0").command(&script))
        .await;
    let robot = Robot::start(&scene, "host-a", &[]);
    let job = scene.start_job(&release, json!({})).await;
    assert_eq!(end_of(&scene, &job).await["State"], "Successful");

    let (stored, _) = count(&scene, &job, "contains(Message,'of a flood')").await;
    let (notes, note) = count(&scene, &job, "contains(Message,'log lines were dropped')").await;
    assert!(notes <= 1, "{notes} notes");
    let note = note["Message"].as_str().and_then(|m| m.split(' ').next());
    let dropped: u64 = note.map_or(0, |n| n.parse().expect("the note begins with a number"));
    assert_eq!(
        stored + dropped,
        LINES,
        "stored {stored}, dropped {dropped}"
    );

    for (who, pid) in [
        ("server", scene.server.pid().unwrap()),
        ("agent", robot.pid()),
    ] {
        let peak = peak_memory(pid);
        assert!(peak < 300 << 20, "the {who} has used {} MiB", peak >> 20);
    }
}

async fn no_more_jobs_run_than_there_are_slots(backend: Backend) {
    let scene = scene(backend).await;
    let traces = Traces::of(&scene);
    let beats = traces.path("beats");
    let script = format!("#!/bin/sh\necho + >> {beats}\nsleep 0.5\necho - >> {beats}\n");
    let release = scene
        .release(&package("slots", "1.0.0").command(&script))
        .await;
    let jobs = scene.start_jobs(&release, json!({"JobsCount": 5})).await;
    let _robot = Robot::start(&scene, "host-a", &["--slots", "2"]);
    loop {
        let running = scene
            .shared
            .get("odata/Jobs?$filter=State eq 'Running'")
            .await
            .ok(200);
        assert!(
            running["value"].as_array().unwrap().len() <= 2,
            "{running:#}"
        );
        let over = scene
            .shared
            .get("odata/Jobs?$filter=EndTime ne null")
            .await
            .ok(200);
        if over["value"].as_array().unwrap().len() == 5 {
            break;
        }
    }
    for job in &jobs {
        scene.wait_for(&job["Id"], "Successful").await;
    }
    let mut now = 0;
    let steps = traces.lines("beats").into_iter().map(|beat| {
        now += if beat == "+" { 1 } else { -1 };
        now
    });
    assert_eq!(steps.max(), Some(2), "two at a time, and never more");
}

async fn a_package_that_leads_out_of_its_folder_is_not_taken(backend: Backend) {
    let scene = scene(backend).await;
    let nuspec = br#"<package><metadata><id>evil</id><version>1.0.0</version><authors>x</authors><description>x</description></metadata></package>"#;
    for name in [
        "../evil.sh",
        "content/../../evil.sh",
        "/evil.sh",
        "content/a/../../../b",
    ] {
        let entries = [
            Entry::new("evil.nuspec", nuspec),
            Entry::new(name, b"#!/bin/sh\n"),
        ];
        let answer = scene
            .app
            .post_files(UPLOAD, &[("file", "evil.nupkg", &zip(&entries))])
            .await;
        assert_eq!(answer.status, 400, "{name}: {}", answer.text());
    }
    let versions = scene
        .app
        .get("odata/Processes?$filter=Id eq 'evil'")
        .await
        .ok(200);
    assert_eq!(versions["value"], json!([]));
}
