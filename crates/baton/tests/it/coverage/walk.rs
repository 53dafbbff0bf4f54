//! Calls that are written down, one a line, and what they were answered.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use testkit::contract::same_operation;
use testkit::{
    ADMIN_PASSWORD, APP_ID, APP_SECRET, Answer, Client, Entry, Scene, eventually, package, zip,
};

const NAMESPACE: &str = "UiPath.Server.Configuration.OData";

/// One line.
pub struct Step {
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
    pub fn read(line: &'static str) -> Self {
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

    /// Whether it is a call of this operation.
    pub fn calls(&self, method: &str, path: &str) -> bool {
        self.method == method && same_operation(path, &self.path())
    }

    fn path(&self) -> String {
        self.path.replace('~', NAMESPACE)
    }
}

/// Takes one step after the other and remembers what was answered.
pub struct Walker<'s> {
    scene: &'s Scene,
    admin: Client,
    kept: HashMap<&'static str, Value>,
    /// The first entity that each set gave, and to whom.
    pub(super) sets: BTreeMap<String, (Value, &'static str)>,
    pub(super) calls: Vec<(String, String)>,
}

impl<'s> Walker<'s> {
    pub async fn new(scene: &'s Scene) -> Self {
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
            admin: scene.server.admin().await.folder(scene.folder),
            kept,
            sets: BTreeMap::new(),
            calls: Vec::new(),
        }
    }

    /// Whether a step was a call of this operation.
    pub fn called(&self, method: &str, path: &str) -> bool {
        let mut calls = self.calls.iter();
        calls.any(|(m, p)| m == method && same_operation(path, p))
    }

    /// Takes a step and remembers what was answered.
    pub async fn step(&mut self, step: &Step) {
        let path = self.fill(&step.path());
        let path = path.replace(&self.scene.server.url, "");
        let client = self.client(step.who).await;
        let answer = match step.patient {
            false => self.send(&client, step, &path).await,
            true => {
                eventually(step.path, async || {
                    let answer = self.send(&client, step, &path).await;
                    (answer.status == step.status).then_some(answer)
                })
                .await
            }
        };
        // What can be read, though nothing can make one yet.
        if step.status == 404 {
            answer.refused(404, 1002);
        } else {
            let answer = answer.accepted(step.status);
            self.remember(step.who, step.method, &path, &answer);
            // Only a document is kept; packages and reports are none.
            if let Some(name) = step.name {
                self.kept.insert(name, answer.json());
            }
        }
        self.calls.push((step.method.to_owned(), path));
    }

    /// Who calls.
    pub(super) async fn client(&self, who: &str) -> Client {
        let server = &self.scene.server;
        match who {
            "" => self.scene.shared.clone(),
            "tenant" => self.scene.app.clone(),
            "admin" => self.admin.clone(),
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
            ["csv", column, value] => {
                let request = client.request(step.method, path);
                let request = request.header("Content-Type", "text/csv");
                return client
                    .send(request.body(format!("{column}\n{value}\n")))
                    .await;
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
    pub(super) fn fill(&self, text: &str) -> String {
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
