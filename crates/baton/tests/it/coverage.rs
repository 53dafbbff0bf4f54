//! The list of everything in the contract (`docs/coverage.txt`) says of each operation whether it is
//! built. What is not answers 501; what is has a line in `coverage/walk.txt`, which is walked here, so
//! that every operation that is done has answered as the published contract says.

use std::collections::{HashMap, HashSet};

use orchestrator::{operations, resources};
use serde_json::{Value, json};
use testkit::contract::same_operation;
use testkit::{
    ADMIN_PASSWORD, APP_ID, APP_SECRET, Answer, Backend, Client, Entry, Scene, both, eventually,
    package, zip,
};

use crate::support::scene;

both!(what_is_refused_says_so, what_is_done_answers);

const LIST: &str = include_str!("../../../../docs/coverage.txt");
const WALK: &str = include_str!("coverage/walk.txt");
const NAMESPACE: &str = "UiPath.Server.Configuration.OData";

/// `done`, `GET`, `/odata/Jobs`
fn coverage() -> Vec<(&'static str, &'static str, &'static str)> {
    let lines = LIST
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'));
    let words = lines.map(|line| {
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
    let mut walker = Walker::new(&scene);
    for line in WALK
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
    {
        walker.step(Step::read(line)).await;
    }
    let missing: Vec<String> = coverage()
        .iter()
        .filter(|(kind, ..)| *kind != "refused")
        .filter(|(_, method, path)| !walker.called(method, path))
        .map(|(_, method, path)| format!("{method} {path}"))
        .collect();
    assert!(
        missing.is_empty(),
        "coverage/walk.txt does not call:\n{}",
        missing.join("\n")
    );
}

/// One line of the walk.
struct Step {
    name: Option<&'static str>,
    who: &'static str,
    method: &'static str,
    path: &'static str,
    status: u16,
    /// Until the status is that.
    patient: bool,
    body: &'static str,
}

impl Step {
    fn read(line: &'static str) -> Self {
        let (name, rest) = match line.split_once(" = ") {
            Some((name, rest)) if !name.contains(' ') => (Some(name), rest),
            _ => (None, line),
        };
        let (who, rest) = match rest.strip_prefix('@').and_then(|r| r.split_once(' ')) {
            Some((who, rest)) => (who, rest),
            None => ("", rest),
        };
        let mut words = rest.splitn(4, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (method, path, status, body) = (word(), word(), word(), word());
        let number = status.trim_end_matches("...");
        Self {
            name,
            who,
            method,
            path,
            status: number
                .parse()
                .unwrap_or_else(|_| panic!("no status: {line}")),
            patient: number.len() < status.len(),
            body,
        }
    }
}

/// Takes one step after the other and remembers what was answered.
struct Walker<'s> {
    scene: &'s Scene,
    kept: HashMap<&'static str, Value>,
    calls: Vec<(&'static str, String)>,
}

impl<'s> Walker<'s> {
    fn new(scene: &'s Scene) -> Self {
        let kept = HashMap::from([
            (
                "app",
                json!({"id": APP_ID, "secret": APP_SECRET.replace('+', "%2B").replace('=', "%3D")}),
            ),
            ("admin", json!({"password": ADMIN_PASSWORD})),
            ("shared", json!({"Id": scene.folder})),
            ("local", json!({"Id": scene.machine})),
        ]);
        Self {
            scene,
            kept,
            calls: Vec::new(),
        }
    }

    /// Whether a step was a call of this operation.
    fn called(&self, method: &str, path: &str) -> bool {
        let mut calls = self.calls.iter();
        calls.any(|(m, p)| *m == method && same_operation(path, p))
    }

    async fn step(&mut self, step: Step) {
        let path = self.fill(&step.path.replace('~', NAMESPACE));
        let client = self.client(step.who).await;
        let answer = match step.patient {
            false => self.send(&client, &step, &path).await,
            true => {
                eventually(step.path, async || {
                    let answer = self.send(&client, &step, &path).await;
                    (answer.status == step.status).then_some(answer)
                })
                .await
            }
        };
        // Only a document is kept; packages and reports are none.
        match step.name {
            Some(name) => {
                let value = answer.ok(step.status);
                self.kept.insert(name, value);
            }
            // What can be read, though nothing can make one yet.
            None if step.status == 404 => {
                answer.refused(404, 1002);
            }
            None => {
                answer.accepted(step.status);
            }
        }
        self.calls.push((step.method, path));
    }

    async fn client(&self, who: &str) -> Client {
        let server = &self.scene.server;
        match who {
            "" => self.scene.shared.clone(),
            "tenant" => self.scene.app.clone(),
            "admin" => server.admin().await,
            "nobody" => server.anonymous(),
            "host" => server.machine(),
            "ada" => {
                let person = server.sign_in("ada", "Pa55word-of-ada").await;
                let person = person.with("X-ROBOT-LICENSE", &server.machine_key);
                person.with("X-ROBOT-MACHINE", "ada-pc")
            }
            "classic" => {
                let folder = self.kept["classic"]["Id"].as_i64();
                self.scene
                    .app
                    .folder(folder.expect("a folder has a number"))
            }
            other => panic!("who is {other}?"),
        }
    }

    async fn send(&self, client: &Client, step: &Step, path: &str) -> Answer {
        let words: Vec<&str> = step.body.split(' ').collect();
        match words[..] {
            ["package", id, version] => {
                let file = package(id, version).build();
                return client.post_files(path, &[("file", "p.nupkg", &file)]).await;
            }
            ["library", id, version] => {
                let file = library(id, version);
                return client.post_files(path, &[("file", "l.nupkg", &file)]).await;
            }
            _ => {}
        }
        let request = client.request(step.method, path);
        let (kind, body) = match step.body.strip_prefix("form ") {
            Some(form) => ("application/x-www-form-urlencoded", form),
            None => ("application/json", step.body),
        };
        let request = match body {
            "" => request,
            body => request.header("Content-Type", kind).body(self.fill(body)),
        };
        client.send(request).await
    }

    /// The text with members of earlier answers in the places of their names.
    fn fill(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('<') {
            let (name, after) = after.split_once('>').expect("a name ends");
            let mut parts = name.split('.');
            let first = parts.next().unwrap_or_default();
            let kept = &self
                .kept
                .get(first)
                .unwrap_or_else(|| panic!("there is no {first} yet"));
            let value = kept.pointer(&parts.fold(String::new(), |path, part| path + "/" + part));
            out.push_str(before);
            match value {
                Some(Value::String(text)) => out.push_str(text),
                Some(value) => out.push_str(&value.to_string()),
                None => panic!("there is no {name} in {kept}"),
            }
            rest = after;
        }
        out + rest
    }
}

/// A plain NuGet package.
fn library(id: &str, version: &str) -> Vec<u8> {
    let nuspec = format!(
        "<package><metadata><id>{id}</id><version>{version}</version><authors>A</authors>
         <description>D</description></metadata></package>"
    );
    zip(&[Entry::new(&format!("{id}.nuspec"), nuspec.as_bytes())])
}
