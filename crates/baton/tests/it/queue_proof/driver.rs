//! Does what operations say to a server and to the model, and compares: each answer, and after each
//! operation every member of every item.

use odata::Timestamp;
use serde_json::{Map, Value, json};
use testkit::{Answer, Backend, Client, Host, Scene, eventually, package};

use super::answers::{Checked, bulk, done, empty, refused};
use super::bodies::{item_data, long, members, result_data};
use super::callers::TAKE;
use super::model::{self, Moment, Queue, Refusal, Refusals, Status, Version};
use super::operations::{
    Added, Case, Content, Ended, Match, Meant, Operation, SOON, Taker, Text, Which,
};
use super::showing::{Seen, Shown};
use crate::queues::{ADD, BULK_ADD, queue};
use crate::support::{id, scene, text};

/// Operations between two comparisons of what is counted.
const COUNTS: usize = 8;

/// A server on which cases are run, each on a queue of its own.
pub struct Driver {
    scene: Scene,
    robot: Robot,
    queues: usize,
}

/// Somebody who takes under a name.
struct Robot {
    id: i64,
    key: String,
}

impl Driver {
    pub async fn start(backend: Backend) -> Self {
        let scene = scene(backend).await;
        let robot = Robot::of(&scene).await;
        Self {
            scene,
            robot,
            queues: 0,
        }
    }

    /// Does everything that a case says.
    pub async fn run(&mut self, (config, operations): &Case) -> Checked {
        self.queues += 1;
        let name = format!("Q{}", self.queues);
        let (due, risk) = config.sla.unzip();
        let schema = json!({"properties": {"Number": {"maximum": model::Config::LARGEST}}});
        let schema = config.schemas.then(|| schema.to_string());
        let more = json!({
            "MaxNumberOfRetries": config.retries, "AcceptAutomaticallyRetry": config.retry_failed,
            "RetryAbandonedItems": config.retry_abandoned, "EnforceUniqueReference": config.unique,
            "Encrypted": config.encrypted, "SlaInMinutes": due, "RiskSlaInMinutes": risk,
            "SpecificDataJsonSchema": schema, "OutputDataJsonSchema": schema,
            "AnalyticsDataJsonSchema": schema,
        });
        let made = queue(&self.scene.shared, &name, more).await;
        let mut run = Run {
            driver: self,
            name,
            queue: id(&made),
            model: Queue::new(config.clone()),
            shown: Shown::default(),
        };
        for (number, operation) in operations.iter().enumerate() {
            let explained = |what: String| format!("operation {number}, {operation:?}: {what}");
            run.step(operation).await.map_err(explained)?;
            if number % COUNTS == COUNTS - 1 {
                run.check_counts().await.map_err(explained)?;
            }
        }
        run.check_counts().await?;
        run.check_events().await
    }
}

impl Robot {
    /// The robot that the first start made; hosts are told its key with their jobs.
    async fn of(scene: &Scene) -> Self {
        let release = scene.release(&package("robot", "1.0.0")).await;
        let host = Host::new(scene.server.machine());
        host.start(1).await;
        scene.start_job(&release, json!({})).await;
        let commands = host.heartbeat().await;
        host.stop().await;
        Self {
            id: scene.robot,
            key: text(&commands[0], "robotKey").to_owned(),
        }
    }
}

/// A case that is being run.
pub struct Run<'d> {
    driver: &'d mut Driver,
    name: String,
    pub queue: i64,
    pub model: Queue,
    pub shown: Shown,
}

impl Run<'_> {
    pub fn client(&self) -> &Client {
        &self.driver.scene.shared
    }

    async fn step(&mut self, operation: &Operation) -> Checked {
        match operation {
            Operation::Add(added) => self.add(added).await?,
            Operation::AddMany(commit, added) => self.add_many(*commit, added).await?,
            Operation::Take(wanted, taker) => drop(self.take(*wanted, *taker).await?),
            Operation::AddAndTake(added, taker) => self.add_and_take(added, *taker).await?,
            Operation::End(which, ended) => self.end(*which, ended).await?,
            Operation::Progress(which, told) => self.progress(*which, *told).await?,
            Operation::Edit(which, meant, added) => self.edit(*which, *meant, added).await?,
            Operation::RemoveContent(which, meant) => self.remove_content(*which, *meant).await?,
            Operation::Delete(which) => self.delete(*which).await?,
            Operation::DeleteMany(named) => self.delete_many(named).await?,
            Operation::Review(review, named) => self.review(*review, named).await?,
            Operation::Abandon => self.abandon().await?,
            Operation::Sleep => tokio::time::sleep(SOON + SOON / 4).await,
            Operation::Stop => {
                self.driver.scene.server.stop().await;
                self.begin_again().await;
            }
            Operation::Kill => self.begin_again().await,
        }
        self.check_items().await
    }

    async fn begin_again(&mut self) {
        let scene = &mut self.driver.scene;
        scene.server.restart().await;
        scene.app = scene.server.app().await;
        scene.shared = scene.app.folder(scene.folder);
    }

    // --- the operations -------------------------------------------------------------------------

    async fn add(&mut self, added: &Added) -> Checked {
        let (mut body, data) = item_data(added);
        body.insert("Name".into(), self.name.as_str().into());
        let (answer, at) = self.post(ADD, &json!({"itemData": body})).await;
        match self.model.add(&data, at) {
            Ok(index) => {
                let row = done(&answer, 201)?;
                self.shown.check(&mut self.model, index, &row)
            }
            Err(refusals) => refused(&answer, &refusals),
        }
    }

    async fn add_many(&mut self, commit: model::Commit, added: &[Added]) -> Checked {
        let (bodies, data): (Vec<_>, Vec<_>) = added.iter().map(item_data).unzip();
        let body = json!({
            "queueName": self.name, "commitType": format!("{commit:?}"), "queueItems": bodies,
        });
        let (answer, at) = self.post(BULK_ADD, &body).await;
        let expected = self.model.add_many(commit, &data, at);
        let answer = done(&answer, 200)?;
        let failed = answer["FailedItems"].as_array().ok_or("no FailedItems")?;
        let same = failed.len() == expected.len()
            && failed
                .iter()
                .zip(&expected)
                .all(|(failed, (ordinal, refusals))| {
                    failed["Ordinal"] == *ordinal
                        && refusals
                            .iter()
                            .any(|Refusal(.., name)| failed["ErrorCode"] == *name)
                });
        match same && answer["Success"] == expected.is_empty() {
            true => Ok(()),
            false => Err(format!("expected {expected:?}, answered {answer}")),
        }
    }

    /// Takes one, and gives it.
    async fn take(&mut self, wanted: Option<Match>, taker: Taker) -> Checked<Option<usize>> {
        let mut body = Map::new();
        let wanted = wanted.map(|Match { reference, prefix }| {
            body.insert("Reference".into(), reference.into());
            if let Some(prefix) = prefix {
                let option = if prefix { "StartsWith" } else { "Equals" };
                body.insert("ReferenceFilterOption".into(), option.into());
            }
            model::Wanted {
                reference: reference.to_owned(),
                prefix: prefix == Some(true),
            }
        });
        let robot = self.identify(&mut body, taker);
        let (answer, at) = self.post(TAKE, &json!({"transactionData": body})).await;
        let Ok(robot) = robot else {
            return refused(&answer, &vec![model::NOT_FOUND]).map(|()| None);
        };
        let possible = self.model.due(wanted.as_ref(), at);
        let row = match answer.status {
            204 => None,
            _ => Some(done(&answer, 200)?),
        };
        let taken = row.as_ref().map(|row| self.shown.index(row)).transpose()?;
        if !possible.contains(&taken) {
            let shown = |index: &Option<usize>| index.map(|i| self.shown.id(i));
            let ids: Vec<_> = possible.iter().map(shown).collect();
            return Err(format!(
                "{ids:?} is due, but {:?} was handed out",
                shown(&taken)
            ));
        }
        if let (Some(index), Some(row)) = (taken, row) {
            self.model.start(index, robot, at);
            self.shown.check(&mut self.model, index, &row)?;
        }
        Ok(taken)
    }

    /// Says who takes, and from which queue; fails if there is no such one.
    fn identify(&self, body: &mut Map<String, Value>, taker: Taker) -> Result<Option<i64>, ()> {
        let (robot, name) = match taker {
            Taker::Application => (None, self.name.as_str()),
            Taker::Robot => (Some(self.driver.robot.key.as_str()), self.name.as_str()),
            Taker::UnknownRobot => {
                let key = "6e6f6265-6f64-7900-8000-000000000000";
                (Some(key), self.name.as_str())
            }
            Taker::Elsewhere => (None, "Nowhere"),
        };
        body.insert("Name".into(), name.into());
        if let Some(key) = robot {
            body.insert("RobotIdentifier".into(), key.into());
        }
        match taker {
            Taker::Application => Ok(None),
            Taker::Robot => Ok(Some(self.driver.robot.id)),
            Taker::UnknownRobot | Taker::Elsewhere => Err(()),
        }
    }

    async fn add_and_take(&mut self, added: &Added, taker: Taker) -> Checked {
        // Without a content it would be a taker's; the rest is not for adding so.
        let added = Added {
            priority: None,
            risk: None,
            progress: None,
            content: match added.content {
                Content::None => Content::Empty,
                content => content,
            },
            ..added.clone()
        };
        let (mut body, data) = item_data(&added);
        let robot = self.identify(&mut body, taker);
        let (answer, at) = self.post(TAKE, &json!({"transactionData": body})).await;
        let Ok(robot) = robot else {
            let flaws = data.flaws.into_iter();
            return refused(&answer, &flaws.chain([model::NOT_FOUND]).collect());
        };
        match self.model.add(&data, at) {
            Ok(index) => {
                let row = done(&answer, 200)?;
                self.model.start(index, robot, at);
                self.shown.check(&mut self.model, index, &row)
            }
            Err(refusals) => refused(&answer, &refusals),
        }
    }

    async fn end(&mut self, which: Which, ended: &Ended) -> Checked {
        let index = self.find(which);
        let (body, outcome) = result_data(ended);
        let path = format!(
            "odata/Queues({})/UiPathODataSvc.SetTransactionResult",
            self.number(index)
        );
        let (answer, at) = self.post(&path, &json!({"transactionResult": body})).await;
        empty(&answer, self.model.end(index, &outcome, at))
    }

    async fn progress(&mut self, which: Which, told: Text) -> Checked {
        let index = self.find(which);
        let (told, flaw) = long(told, 104_858, model::PROGRESS_SIZE);
        let path = format!(
            "odata/QueueItems({})/UiPathODataSvc.SetTransactionProgress",
            self.number(index)
        );
        let (answer, _) = self.post(&path, &json!({"Progress": told})).await;
        empty(&answer, self.model.progress(index, &told, flaw))
    }

    async fn edit(&mut self, which: Which, meant: Meant, added: &Added) -> Checked {
        let index = self.find(which);
        let (body, data) = item_data(added);
        self.put(index, meant, body, &data).await
    }

    /// Sends an item as it is, without its content.
    async fn remove_content(&mut self, which: Which, meant: Meant) -> Checked {
        let index = self.find(which);
        let Some(item) = index.map(|i| &self.model.items[i]) else {
            return self
                .put(None, meant, Map::new(), &model::Data::default())
                .await;
        };
        let date = |moment: Option<Moment>| moment.map(|m| m.from);
        let data = model::Data {
            reference: item.reference.clone(),
            priority: Some(item.priority),
            content: None,
            defer: date(item.defer),
            due: date(item.due),
            risk: date(item.risk),
            progress: item.progress.clone(),
            flaws: Refusals::new(),
        };
        let body = json!({
            "Name": self.name, "Reference": data.reference, "Priority": format!("{:?}", item.priority),
            "DeferDate": data.defer, "DueDate": data.due, "RiskSlaDate": data.risk,
            "Progress": data.progress, "SpecificContent": null,
        });
        self.put(index, meant, members(body), &data).await
    }

    async fn put(
        &mut self,
        index: Option<usize>,
        meant: Meant,
        mut body: Map<String, Value>,
        data: &model::Data,
    ) -> Checked {
        let version = self.version(index, meant, &mut body);
        let path = format!("odata/QueueItems({})", self.number(index));
        let answer = self
            .client()
            .with("Prefer", "return=representation")
            .put(&path, &body.into())
            .await;
        match self.model.edit(index, version, data) {
            Ok(index) => {
                let row = done(&answer, 200)?;
                self.shown.check(&mut self.model, index, &row)
            }
            Err(refusals) => refused(&answer, &refusals),
        }
    }

    async fn delete(&mut self, which: Which) -> Checked {
        let index = self.find(which);
        let path = format!("odata/QueueItems({})", self.number(index));
        let answer = self.client().delete(&path).await;
        match self.model.delete(index, Version::Any) {
            Ok(()) => done(&answer, 204).map(drop),
            Err(refusals) => refused(&answer, &refusals),
        }
    }

    async fn delete_many(&mut self, named: &[(Which, Meant)]) -> Checked {
        let (named, body) = self.named(named);
        let path = "odata/QueueItems/UiPathODataSvc.DeleteBulk";
        let (answer, _) = self.post(path, &json!({"queueItems": body})).await;
        let mut failed = Vec::new();
        for (index, version) in named {
            if self.model.delete(index, version).is_err() {
                failed.push(self.number(index));
            }
        }
        bulk(&answer, &failed)
    }

    async fn review(&mut self, review: model::Review, named: &[(Which, Meant)]) -> Checked {
        let (named, body) = self.named(named);
        let path = "odata/QueueItems/UiPathODataSvc.SetItemReviewStatus";
        let body = json!({"status": format!("{review:?}"), "queueItems": body});
        let (answer, at) = self.post(path, &body).await;
        let mut failed = Vec::new();
        for (index, version) in named {
            if !self.model.review(index, version, review, at) {
                failed.push(self.number(index));
            }
        }
        bulk(&answer, &failed)
    }

    /// What is in progress runs into a limit that is short all at once, and so does one more item.
    async fn abandon(&mut self) -> Checked {
        let from = Timestamp::now();
        self.abandon_after(1).await;
        let items = self.model.items.iter().enumerate();
        let held = items.filter(|(_, item)| item.status == Status::InProgress);
        let held: Vec<usize> = held.map(|(index, _)| index).collect();
        self.abandoned(held, from).await?;
        self.check_items().await?;
        let from = Timestamp::now();
        let taken = self.take(None, Taker::Application).await;
        if let Ok(Some(index)) = taken {
            self.abandoned(vec![index], from).await?;
        }
        self.abandon_after(86_400).await;
        taken.map(drop)
    }

    /// Waits until these items are given up. The model follows in the order in which they were tried
    /// again.
    async fn abandoned(&mut self, mut items: Vec<usize>, from: Timestamp) -> Checked {
        for index in &items {
            let path = format!("odata/QueueItems({})?$select=Status", self.shown.id(*index));
            eventually("an item is abandoned", async || {
                let item = self.client().get(&path).await.ok(200);
                (item["Status"] != "InProgress").then_some(())
            })
            .await;
        }
        let to = Timestamp::now();
        let copies = format!(
            "odata/QueueItems?$filter=QueueDefinitionId eq {} and AncestorId ne null\
             &$orderby=Id desc&$top=100&$select=AncestorId",
            self.queue
        );
        let copies = done(&self.client().get(&copies).await, 200)?;
        let copies = copies["value"].as_array().ok_or("no list of copies")?;
        let place = |index: &usize| {
            let id = self.shown.id(*index);
            copies.iter().rposition(|copy| copy["AncestorId"] == id)
        };
        items.sort_by_key(|index| std::cmp::Reverse(place(index)));
        for index in items {
            self.model.abandon(index, Moment { from, to });
        }
        Ok(())
    }

    async fn abandon_after(&self, seconds: i64) {
        let name = "Queues.AbandonedAfterSeconds";
        let body = json!({"Name": name, "Value": seconds.to_string()});
        let app = &self.driver.scene.app;
        app.put(&format!("odata/Settings('{name}')"), &body)
            .await
            .ok(200);
    }

    // --- what operations name -------------------------------------------------------------------

    fn find(&self, which: Which) -> Option<usize> {
        let is_over = |s: Status| !matches!(s, Status::New | Status::InProgress);
        let (number, wanted): (u8, &dyn Fn(Status) -> bool) = match which {
            Which::New(n) => (n, &|s| s == Status::New),
            Which::InProgress(n) => (n, &|s| s == Status::InProgress),
            Which::Over(n) => (n, &is_over),
            Which::Nowhere => return None,
        };
        let items = self.model.items.iter().enumerate();
        let known: Vec<usize> = items
            .filter(|(_, i)| wanted(i.status))
            .map(|(i, _)| i)
            .collect();
        let place = usize::from(number) % known.len().max(1);
        known.get(place).copied()
    }

    fn number(&self, index: Option<usize>) -> i64 {
        index.map_or(999_999_999, |i| self.shown.id(i))
    }

    /// The version that is meant, as the model and as the server know it.
    fn version(
        &self,
        index: Option<usize>,
        meant: Meant,
        body: &mut Map<String, Value>,
    ) -> Version {
        let seen: Option<&Seen> = index.map(|i| self.shown.seen(i));
        let (version, sent) = match (meant, seen) {
            (Meant::Any, _) => return Version::Any,
            (Meant::Seen, Some(seen)) => (Version::Seen(seen.changes), seen.version),
            (Meant::Wrong, Some(seen)) => (Version::Wrong, seen.version + 1_000),
            (_, None) => (Version::Wrong, 1),
        };
        let sent = odata::Version(sent).to_string();
        body.insert("RowVersion".into(), sent.into());
        version
    }

    fn named(&self, named: &[(Which, Meant)]) -> (Vec<(Option<usize>, Version)>, Vec<Value>) {
        let one = |(which, meant): &(Which, Meant)| {
            let index = self.find(*which);
            let mut body = Map::from_iter([("Id".to_owned(), self.number(index).into())]);
            let version = self.version(index, *meant, &mut body);
            ((index, version), Value::from(body))
        };
        named.iter().map(one).unzip()
    }

    /// Posts, and gives the answer with the time in which it was found.
    async fn post(&self, path: &str, body: &Value) -> (Answer, Moment) {
        let from = Timestamp::now();
        let answer = self.client().post(path, body).await;
        let to = Timestamp::now();
        (answer, Moment { from, to })
    }
}
