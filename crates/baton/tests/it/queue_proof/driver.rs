//! Does what operations say to a server and to the model, and compares: each answer, and after each
//! operation every member of every item.

use odata::Timestamp;
use serde_json::{Map, Value, json};
use testkit::{Answer, Backend, Client, Host, Scene, eventually, package};

use super::model::{self, Moment, Queue, Refusal, Refusals, Status, Version};
use super::operations::{
    Added, Case, Content, Ended, How, Match, Meant, Operation, SOON, Taker, Text, Which,
};
use super::showing::{Seen, Shown};
use crate::queues::{ADD, BULK_ADD, queue};
use crate::support::{id, scene, text};

const TAKE: &str = "odata/Queues/UiPathODataSvc.StartTransaction";
/// Operations between two comparisons of what is counted.
const COUNTS: usize = 8;

/// What was otherwise than it has to be.
pub type Checked<T = ()> = Result<T, String>;

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
        let more = json!({
            "MaxNumberOfRetries": config.retries, "AcceptAutomaticallyRetry": config.retry_failed,
            "RetryAbandonedItems": config.retry_abandoned, "EnforceUniqueReference": config.unique,
            "Encrypted": config.encrypted, "SlaInMinutes": due, "RiskSlaInMinutes": risk,
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
struct Run<'d> {
    driver: &'d mut Driver,
    name: String,
    queue: i64,
    model: Queue,
    shown: Shown,
}

impl Run<'_> {
    fn client(&self) -> &Client {
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
        let answer = self.client().put(&path, &body.into()).await;
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

    /// Only this item is handed out while the limit is short, so that no other one runs into it.
    async fn abandon(&mut self) -> Checked {
        self.abandon_after(1).await;
        let from = Timestamp::now();
        let taken = self.take(None, Taker::Application).await;
        if let Ok(Some(index)) = taken {
            let path = format!(
                "odata/QueueItems({})?$select=Status",
                self.number(Some(index))
            );
            eventually("an item is abandoned", async || {
                let item = self.client().get(&path).await.ok(200);
                (item["Status"] != "InProgress").then_some(())
            })
            .await;
            let to = Timestamp::now();
            self.model.abandon(index, Moment { from, to });
        }
        self.abandon_after(86_400).await;
        taken.map(drop)
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

    // --- everything -----------------------------------------------------------------------------

    /// Compares all items.
    async fn check_items(&mut self) -> Checked {
        let query = format!(
            "odata/QueueItems?$filter=QueueDefinitionId eq {}&$orderby=Id&$top=100",
            self.queue
        );
        let mut rows = Vec::new();
        loop {
            let page = format!("{query}&$skip={}", rows.len());
            let mut page = done(&self.client().get(&page).await, 200)?;
            let Value::Array(page) = page["value"].take() else {
                return Err("a page that is no list".into());
            };
            let last = page.len() < 100;
            rows.extend(page);
            if last {
                break;
            }
        }
        if rows.len() != self.model.items.len() {
            let expected = self.model.items.len();
            return Err(format!(
                "there are {} items instead of {expected}",
                rows.len()
            ));
        }
        for (index, row) in rows.iter().enumerate() {
            self.shown.check(&mut self.model, index, row)?;
        }
        Ok(())
    }

    /// Compares what the server counts.
    async fn check_counts(&self) -> Checked {
        let of = self.queue;
        for status in Status::ALL {
            let filter = format!("QueueDefinitionId eq {of} and Status eq '{status:?}'");
            let path = format!("odata/QueueItems?$filter={filter}&$top=0&$count=true");
            let list = done(&self.client().get(&path).await, 200)?;
            let expected = self.model.count(status);
            if list["@odata.count"] != expected {
                let counted = &list["@odata.count"];
                return Err(format!(
                    "{counted} items that are {status:?} instead of {expected}"
                ));
            }
        }
        let path = format!(
            "odata/QueueProcessingRecords/UiPathODataSvc.RetrieveQueuesProcessingStatus\
             ?$filter=QueueDefinitionId eq {of}"
        );
        let list = done(&self.client().get(&path).await, 200)?;
        let sums = self.model.sums;
        let all = sums.successful + sums.application + sums.business;
        for (member, expected) in [
            ("ItemsToProcess", json!(self.model.count(Status::New))),
            (
                "ItemsInProgress",
                json!(self.model.count(Status::InProgress)),
            ),
            ("SuccessfulTransactionsNo", json!(sums.successful)),
            ("ApplicationExceptionsNo", json!(sums.application)),
            ("BusinessExceptionsNo", json!(sums.business)),
            ("TotalNumberOfTransactions", json!(all)),
        ] {
            let counted = &list["value"][0][member];
            if *counted != expected {
                return Err(format!("{member} is {counted} instead of {expected}"));
            }
        }
        Ok(())
    }

    /// Compares what the history says happened.
    async fn check_events(&self) -> Checked {
        for (index, item) in self.model.items.iter().enumerate() {
            let number = self.shown.id(index);
            let path = format!(
                "odata/QueueItemEvents?$filter=QueueItemId eq {number}&$orderby=Id&$top=1000"
            );
            let list = done(&self.client().get(&path).await, 200)?;
            let events = list["value"].as_array().ok_or("no list of events")?;
            let same = events.len() == item.events.len()
                && events
                    .iter()
                    .zip(&item.events)
                    .all(|(event, (action, status))| {
                        event["Action"] == format!("{action:?}")
                            && event["Status"] == format!("{status:?}")
                    });
            if !same {
                let shown = |e: &Value| format!("{} {}", e["Action"], e["Status"]);
                let shown: Vec<_> = events.iter().map(shown).collect();
                let expected = &item.events;
                return Err(format!(
                    "events of {number}: {shown:?} instead of {expected:?}"
                ));
            }
        }
        Ok(())
    }
}

// --- bodies -------------------------------------------------------------------------------------

fn members(body: Value) -> Map<String, Value> {
    match body {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// A text as it is sent, and what is wrong with it.
fn long(text: Text, too_long: usize, refusal: Refusal) -> (String, Option<Refusal>) {
    match text {
        Text::Short(text) => (text.to_owned(), None),
        Text::TooLong => ("x".repeat(too_long), Some(refusal)),
    }
}

/// A content as it is sent, and what is wrong with it.
fn content(content: Content, too_large: usize, size: Refusal) -> (Value, Option<Refusal>) {
    match content {
        Content::None => (Value::Null, None),
        Content::Empty => (json!({}), None),
        Content::Number(number) => (json!({"Number": number, "Null": null}), None),
        Content::Text(text) => (json!({"Text": text}), None),
        Content::BadKey => (json!({"a.b": 1}), Some(model::INVALID)),
        Content::Nested => (json!({"a": {"b": 1}}), Some(model::INVALID)),
        Content::TooLarge => (json!({"a": "x".repeat(too_large)}), Some(size)),
    }
}

/// The body of an item, and the same as the model knows it.
fn item_data(added: &Added) -> (Map<String, Value>, model::Data) {
    let (mut body, mut data, now) = (Map::new(), model::Data::default(), Timestamp::now());
    if let Some(reference) = added.reference {
        let (reference, flaw) = long(reference, 129, model::INVALID);
        body.insert("Reference".into(), reference.as_str().into());
        data.flaws.extend(flaw);
        data.reference = Some(reference);
    }
    if let Some(priority) = added.priority {
        let name = priority.map_or("Sooner".into(), |p| format!("{p:?}"));
        body.insert("Priority".into(), name.into());
        data.flaws
            .extend(priority.is_none().then_some(model::INVALID));
        data.priority = priority;
    }
    let (value, flaw) = content(added.content, 256_000, model::CONTENT_SIZE);
    data.flaws.extend(flaw);
    data.content = Some(value).filter(|c| !c.is_null());
    if let Some(content) = &data.content {
        body.insert("SpecificContent".into(), content.clone());
    }
    for (member, when, date) in [
        ("DeferDate", added.defer, &mut data.defer),
        ("DueDate", added.due, &mut data.due),
        ("RiskSlaDate", added.risk, &mut data.risk),
    ] {
        *date = when.map(|when| when.from(now));
        if let Some(date) = date {
            body.insert(member.into(), date.to_string().into());
        }
    }
    if let Some(progress) = added.progress {
        let (progress, flaw) = long(progress, 104_858, model::PROGRESS_SIZE);
        body.insert("Progress".into(), progress.as_str().into());
        data.flaws.extend(flaw);
        data.progress = Some(progress);
    }
    (body, data)
}

/// The body of a result, and the same as the model knows it.
fn result_data(ended: &Ended) -> (Value, model::Outcome) {
    let now = Timestamp::now();
    let mut flaws = Vec::new();
    let mut read = |given: Option<(Content, usize, Refusal)>| {
        let (value, flaw) = given.map_or((Value::Null, None), |(c, n, r)| content(c, n, r));
        flaws.extend(flaw);
        Some(value).filter(|v| !v.is_null())
    };
    let output = read(ended.output.map(|c| (c, 51_200, model::OUTPUT_SIZE)));
    let analytics = read(ended.analytics.map(|c| (c, 5_120, model::ANALYTICS_SIZE)));
    let mut told = |given: Option<Text>, too_long, refusal| {
        let (text, flaw) = given.map(|t| long(t, too_long, refusal)).unzip();
        flaws.extend(flaw.flatten());
        text
    };
    let progress = told(ended.progress, 104_858, model::PROGRESS_SIZE);
    let (end, exception) = match ended.how {
        How::Success => (model::End::Success, Value::Null),
        How::Failure => (model::End::Failure(None), Value::Null),
        How::Exception {
            kind,
            reason,
            details,
        } => {
            let exception = model::Exception {
                reason: told(reason, 102_401, model::EXCEPTION_SIZE),
                details: told(details, 102_401, model::EXCEPTION_SIZE),
                kind,
            };
            let body = json!({
                "Reason": exception.reason, "Details": exception.details,
                "Type": kind.map(|k| format!("{k:?}")),
            });
            (model::End::Failure(Some(exception)), body)
        }
    };
    let outcome = model::Outcome {
        end,
        output,
        analytics,
        progress,
        operation: ended.operation.map(str::to_owned),
        defer: ended.defer.map(|when| when.from(now)),
        due: ended.due.map(|when| when.from(now)),
        flaws,
    };
    let body = json!({
        "IsSuccessful": matches!(ended.how, How::Success), "ProcessingException": exception,
        "Output": outcome.output, "Analytics": outcome.analytics, "Progress": outcome.progress,
        "OperationId": outcome.operation, "DeferDate": outcome.defer, "DueDate": outcome.due,
    });
    (body, outcome)
}

// --- answers ------------------------------------------------------------------------------------

/// Expects this status, and gives the body.
fn done(answer: &Answer, status: u16) -> Checked<Value> {
    if answer.status != status {
        let (told, text) = (answer.status, answer.text());
        return Err(format!("expected {status}, answered {told}: {text}"));
    }
    match answer.body.is_empty() {
        true => Ok(Value::Null),
        false => Ok(answer.json()),
    }
}

/// Expects an empty answer, or a refusal.
fn empty(answer: &Answer, expected: Result<(), Refusals>) -> Checked {
    match expected {
        Ok(()) => match done(answer, 200)? {
            Value::Null => Ok(()),
            body => Err(format!("answered {body}")),
        },
        Err(refusals) => refused(answer, &refusals),
    }
}

/// Expects one of these refusals.
fn refused(answer: &Answer, refusals: &Refusals) -> Checked {
    let told = || answer.json()["errorCode"].as_i64();
    let fits =
        |Refusal(status, code, _): &Refusal| answer.status == *status && told() == Some(*code);
    match refusals.iter().any(fits) {
        true => Ok(()),
        false => {
            let (status, text) = (answer.status, answer.text());
            Err(format!("expected {refusals:?}, answered {status}: {text}"))
        }
    }
}

/// Expects that a bulk operation was refused to these items.
fn bulk(answer: &Answer, failed: &[i64]) -> Checked {
    let answer = done(answer, 200)?;
    let same = answer["FailedItems"] == json!(failed) && answer["Success"] == failed.is_empty();
    match same {
        true => Ok(()),
        false => Err(format!("expected that {failed:?} fail, answered {answer}")),
    }
}
