//! The list of everything in the contract says of each operation whether it is built; every line of
//! it is called here, so that it cannot be wrong.

use std::collections::HashMap;

use serde_json::json;
use testkit::{Backend, Scene, both};

use crate::support::scene;

both!(every_line_is_true);

const LIST: &str = include_str!("../../../../docs/coverage.txt");

/// The path with something plausible for each parameter.
fn concrete(path: &str, scene: &Scene) -> String {
    let mut out = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (_, after) = after.split_once('}').expect("a parameter ends");
        out.push_str(before);
        let quoted = before.ends_with('\'');
        let guid = before.ends_with("identifier=") || before.ends_with("Key=");
        let folder = before.contains("Folders");
        out.push_str(&match (quoted, guid, folder) {
            (true, ..) => "x:1.0.0".to_owned(),
            (_, true, _) => uuid::Uuid::nil().to_string(),
            (.., true) => scene.folder.to_string(),
            _ => "1".to_owned(),
        });
        rest = after;
    }
    out + rest
}

async fn every_line_is_true(backend: Backend) {
    let scene = scene(backend).await;
    let mut seen = HashMap::new();
    let mut wrong = Vec::new();
    for line in LIST
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [kind, method, path, ..] = words[..] else {
            panic!("a line without a path: {line}")
        };
        if let Some(other) = seen.insert((method, path), kind) {
            wrong.push(format!("{line}: listed twice, also as {other}"));
        }
        let path = concrete(path, &scene);
        let mut request = scene.shared.request(method, &path);
        if method != "GET" {
            request = request.json(&json!({}));
        }
        let answer = scene.shared.send(request).await;
        let body = answer.text();
        let good = match kind {
            "refused" => answer.status == 501 && body.contains("not built"),
            "done" | "partial" => {
                let absent = answer.status == 404 && body.contains("\"errorCode\":0");
                let plausible = answer.status < 500 && !absent;
                plausible && (method != "GET" || answer.status == 200 || body.contains("errorCode"))
            }
            _ => false,
        };
        if !good {
            wrong.push(format!(
                "{line}: {method} {path} answered {} {body}",
                answer.status
            ));
        }
    }
    assert!(seen.len() > 500, "{} lines", seen.len());
    assert!(
        wrong.is_empty(),
        "{} lines are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
