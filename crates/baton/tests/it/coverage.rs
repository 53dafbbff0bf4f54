//! The list of everything in the contract (`docs/coverage.txt`) says of each operation whether it is
//! built. What is not answers 501. What is, is called here, so that it has answered as the published
//! contract says: with a request made from its declaration, unless there is a line for it in
//! `coverage/walk.txt` or `coverage/removals.txt`.

mod made;
mod walk;

use std::collections::HashSet;

use orchestrator::{operations, resources};
use serde_json::json;
use testkit::contract::same_operation;
use testkit::{Backend, both};

use self::walk::{Step, Walker};
use crate::calls::{Described, described};
use crate::support::scene;

both!(what_is_refused_says_so, what_is_done_answers);

const LIST: &str = include_str!("../../../../docs/coverage.txt");
/// What is called before what is made of the others.
const WALK: &str = include_str!("coverage/walk.txt");
/// What is called after it.
const REMOVALS: &str = include_str!("coverage/removals.txt");

/// All but comments.
fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    let lines = text.lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// `done`, `GET`, `/odata/Jobs`
fn coverage() -> Vec<(&'static str, &'static str, &'static str)> {
    let words = lines(LIST).map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [kind @ ("done" | "partial" | "refused"), method, path, ..] = words[..] else {
            panic!("a line without a kind or a path: {line}")
        };
        (kind, method, path)
    });
    words.collect()
}

#[test]
fn every_operation_is_listed_once() {
    let lines = coverage();
    let mut seen = HashSet::new();
    for (_, method, path) in &lines {
        assert!(
            seen.insert((method, path)),
            "{method} {path} is listed twice"
        );
    }
    assert!(seen.len() > 500, "{} lines", seen.len());
    for op in &testkit::contract::facts().operations {
        assert!(
            seen.iter()
                .any(|(m, p)| **m == op.method && same_operation(op.path, p)),
            "{} {} is not listed",
            op.method,
            op.path
        );
    }
}

/// What is declared, as method and address.
fn declared() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for resource in resources() {
        let set = format!("/odata/{}", resource.set.name);
        let entity = format!("{set}({{key}})");
        for (method, address, there) in [
            ("GET", &set, resource.list.is_some()),
            ("POST", &set, resource.create.is_some()),
            ("GET", &entity, resource.get.is_some()),
            ("PUT", &entity, resource.replace.is_some()),
            ("PATCH", &entity, resource.merge.is_some()),
            ("DELETE", &entity, resource.delete.is_some()),
        ] {
            all.extend(there.then(|| (method.to_owned(), address.clone())));
        }
    }
    for op in operations() {
        let at = &op.at;
        let address = match (at.is_plain(), op.bound) {
            (true, _) => format!("/{}", at.name),
            (false, false) => format!("/odata/{}/{}.{}", at.set, at.namespace, at.name),
            (false, true) => format!("/odata/{}({{key}})/{}.{}", at.set, at.namespace, at.name),
        };
        all.push((at.method.to_owned(), address));
    }
    all
}

/// *done* and *refused* follow from the declarations: only what keeps an operation from being done is
/// written by hand. `COVERAGE=write` brings the file up to date.
#[test]
fn what_is_declared_is_done() {
    let declared = declared();
    let is_declared = |method: &str, path: &str| {
        let mut declared = declared.iter();
        declared.any(|(m, address)| m == method && same_operation(path, address))
    };
    let lines: Vec<String> = LIST
        .lines()
        .map(|line| {
            let mut words = line.split_whitespace();
            let (Some(kind), Some(method), Some(path)) = (words.next(), words.next(), words.next())
            else {
                return line.to_owned();
            };
            // Tokens and their discovery are no operations of the product.
            if line.starts_with('#') || path.starts_with("/identity_/") {
                return line.to_owned();
            }
            let right = match (is_declared(method, path), kind) {
                (true, "partial") => "partial",
                (true, _) => "done",
                (false, _) => "refused",
            };
            line.replacen(&format!("{kind:<7}"), &format!("{right:<7}"), 1)
        })
        .collect();
    let right = lines.join("\n") + "\n";
    if std::env::var("COVERAGE").is_ok_and(|wish| wish == "write") {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/coverage.txt");
        std::fs::write(path, &right).unwrap();
        return;
    }
    let wrong: Vec<_> = LIST
        .lines()
        .zip(right.lines())
        .filter(|(is, should)| is != should)
        .collect();
    assert!(
        wrong.is_empty(),
        "docs/coverage.txt differs from the declarations (COVERAGE=write mends it): {wrong:#?}"
    );
}

/// The path with something for each parameter.
fn concrete(path: &str) -> String {
    let mut out = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (_, after) = after.split_once('}').expect("a parameter ends");
        out.push_str(before);
        out.push('1');
        rest = after;
    }
    out + rest
}

async fn what_is_refused_says_so(backend: Backend) {
    let scene = scene(backend).await;
    let mut wrong = Vec::new();
    for (_, method, path) in coverage().iter().filter(|(kind, ..)| *kind == "refused") {
        let path = concrete(path);
        let mut request = scene.shared.request(method, &path);
        if *method != "GET" {
            request = request.json(&json!({}));
        }
        let answer = scene.shared.send(request).await;
        if answer.status != 501 || !answer.text().contains("not built") {
            wrong.push(format!("{} answered {}", answer.what, answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn what_is_done_answers(backend: Backend) {
    let scene = scene(backend).await;
    let document = scene.app.get("/swagger/v20.0/swagger.json").await.ok(200);
    let operations = described(&document);
    let mut walker = Walker::new(&scene).await;
    for line in lines(WALK) {
        walker.step(&Step::read(line)).await;
    }
    let removals: Vec<Step> = lines(REMOVALS).map(Step::read).collect();
    let removes = |operation: &Described| {
        let mut all = removals.iter();
        all.any(|step| step.calls(&operation.method, operation.path))
    };
    let others = operations
        .iter()
        .filter(|o| !removes(o) && !walker.called(&o.method, o.path));
    walker.others(others.collect()).await;
    for step in &removals {
        walker.step(step).await;
    }
    let listed = coverage().into_iter();
    let listed = listed.filter_map(|(kind, m, p)| (kind != "refused").then_some((m, p)));
    let all = listed.chain(operations.iter().map(|o| (o.method.as_str(), o.path)));
    let missing: Vec<_> = all.filter(|(m, p)| !walker.called(m, p)).collect();
    assert!(missing.is_empty(), "nothing calls {missing:#?}");
}
