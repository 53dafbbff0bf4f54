//! Callers that work on a queue as programs do: add, take, end, and ask again when there was no
//! answer. They write down what they did and saw.

use std::time::{Duration, Instant};

use fastrand::Rng;
use odata::Timestamp;
use serde_json::{Value, json};
use testkit::Client;

use crate::queues::{ADD, BULK_ADD};

/// `POST` to take an item.
pub const TAKE: &str = "odata/Queues/UiPathODataSvc.StartTransaction";

/// Something that a caller asked for.
#[derive(Debug, Clone)]
pub enum Deed {
    /// One item or several, all or nothing, each with a reference that no other deed has.
    Add(Vec<Added>),
    Take,
    /// The item with this reference, wherever it is in the line.
    TakeNamed(String),
    Tell(i64),
    End(i64, How),
    Delete(i64),
}

#[derive(Debug, Clone)]
pub struct Added {
    pub reference: String,
    pub priority: &'static str,
    pub due: Option<&'static str>,
}

/// How an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Success,
    Application,
    Business,
    /// It does not: the item waits again, until then.
    Postpone(Option<Instant>),
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Added,
    /// All of it was there already.
    Duplicate,
    Took(i64),
    Nothing,
    Done,
    /// The attempt had ended already.
    Over,
    /// The item was not deleted, as somebody works on it.
    InUse,
    /// Whoever says it does not hold the item any more.
    NotHeld,
    /// What no caller expects.
    Other(String),
}

/// A deed, and its answer if there was one.
#[derive(Debug, Clone)]
pub struct Call {
    pub deed: Deed,
    pub began: Instant,
    pub ended: Instant,
    pub answer: Option<Answer>,
}

/// For how long items are postponed, at most.
const LATER: Duration = Duration::from_millis(200);

/// One caller.
pub struct Caller {
    /// The ways to the queue: in each of its folders.
    pub clients: Vec<Client>,
    pub history: Vec<Call>,
    queue: String,
    name: String,
    rng: Rng,
    /// One of so many requests is cut off before its answer.
    cut: Option<u32>,
    /// It forgets one of so many items that it holds.
    forgets: Option<u32>,
    added: usize,
    /// What it added and may delete.
    own: Vec<i64>,
    held: Vec<i64>,
    /// What was not answered, and is asked for again.
    unsure: Option<Deed>,
    /// Whether the server is away.
    gone: bool,
}

impl Caller {
    /// A caller with a name of its own, who uses the queue of this name.
    pub fn new(clients: &[Client], queue: &str, name: String, seed: u64) -> Self {
        Self {
            clients: clients.to_vec(),
            history: Vec::new(),
            queue: queue.to_owned(),
            name,
            rng: Rng::with_seed(seed),
            cut: None,
            forgets: None,
            added: 0,
            own: Vec::new(),
            held: Vec::new(),
            unsure: None,
            gone: false,
        }
    }

    /// Cuts off one of so many requests.
    pub fn cutting(mut self, one_of: u32) -> Self {
        self.cut = Some(one_of);
        self
    }

    /// Forgets one of so many items.
    pub fn forgetting(mut self, one_of: u32) -> Self {
        self.forgets = Some(one_of);
        self
    }

    /// Works until it has made so many calls, or the server is gone.
    pub async fn work(mut self, calls: usize) -> Self {
        for _ in 0..calls {
            let deed = match self.unsure.take() {
                Some(deed) => deed,
                None => self.choose(),
            };
            self.act(deed).await;
            if self.gone {
                break;
            }
        }
        self
    }

    /// Clears up: asks again for what was not answered, ends what it holds, and works off what is
    /// left in the queue.
    pub async fn settle(mut self) -> Self {
        (self.cut, self.forgets, self.gone) = (None, None, false);
        // What was postponed until later is due by then.
        tokio::time::sleep(LATER).await;
        loop {
            let deed = match (self.unsure.take(), self.held.pop()) {
                (Some(deed), held) => {
                    self.held.extend(held);
                    deed
                }
                (None, Some(id)) => Deed::End(id, self.outcome(None)),
                (None, None) => self.take(4),
            };
            self.act(deed).await;
            let last = self.history.last().map(|call| (&call.deed, &call.answer));
            match last {
                Some((Deed::Take, Some(Answer::Nothing))) => return self,
                Some((_, Some(_))) => {}
                _ => panic!("the server is away"),
            }
        }
    }

    fn choose(&mut self) -> Deed {
        match self.rng.u32(0..100) {
            0..50 if !self.held.is_empty() => {
                let held = self.rng.usize(0..self.held.len());
                match self.rng.u32(0..5) {
                    0 => Deed::Tell(self.held[held]),
                    _ => {
                        let later = self.rng.bool().then(|| self.rng.u32(1..200));
                        let later = later.map(|ms| Duration::from_millis(ms.into()));
                        Deed::End(self.held.swap_remove(held), self.outcome(later))
                    }
                }
            }
            50..55 if !self.own.is_empty() => {
                let own = self.rng.usize(0..self.own.len());
                Deed::Delete(self.own.swap_remove(own))
            }
            0..60 => self.take(2),
            60..90 => Deed::Add(vec![self.item()]),
            _ => Deed::Add((0..3).map(|_| self.item()).collect()),
        }
    }

    /// Takes what is next; one time in so many something that it added itself.
    fn take(&mut self, one_of: u32) -> Deed {
        match self.added {
            0 => Deed::Take,
            added if self.rng.u32(0..one_of) == 0 => {
                Deed::TakeNamed(format!("{}-{}", self.name, self.rng.usize(1..=added)))
            }
            _ => Deed::Take,
        }
    }

    /// How an attempt ends; until when if the item is to wait.
    fn outcome(&mut self, later: Option<Duration>) -> How {
        match self.rng.u32(0..100) {
            0..55 => How::Success,
            55..75 => How::Application,
            75..85 => How::Business,
            _ => How::Postpone(later.map(|later| Instant::now() + later)),
        }
    }

    fn item(&mut self) -> Added {
        self.added += 1;
        let dues = [
            None,
            None,
            Some("2050-01-01T00:00:00Z"),
            Some("2050-01-02T00:00:00Z"),
        ];
        Added {
            reference: format!("{}-{}", self.name, self.added),
            priority: ["High", "Normal", "Low"][self.rng.usize(0..3)],
            due: dues[self.rng.usize(0..4)],
        }
    }

    async fn act(&mut self, deed: Deed) {
        let (method, path, body) = self.request(&deed);
        let began = Instant::now();
        let told = self.send(method, &path, &body).await;
        let ended = Instant::now();
        let answer = told.as_ref().map(|told| read(&deed, told));
        match (&deed, &answer) {
            (_, Some(Answer::Took(id))) => {
                let forgets = self
                    .forgets
                    .is_some_and(|one_of| self.rng.u32(0..one_of) == 0);
                self.held.extend((!forgets).then_some(*id));
            }
            (Deed::Add(_), Some(Answer::Added)) => {
                self.own.extend(told.and_then(|told| told.number("Id")));
            }
            // Who takes the item next, or whether it is there, is nobody's business here any more.
            (
                Deed::Take
                | Deed::TakeNamed(_)
                | Deed::Tell(_)
                | Deed::End(_, How::Postpone(_))
                | Deed::Delete(_),
                None,
            )
            | (_, Some(_)) => {}
            (Deed::Add(_) | Deed::End(..), None) => self.unsure = Some(deed.clone()),
        }
        self.history.push(Call {
            deed,
            began,
            ended,
            answer,
        });
    }

    fn request(&self, deed: &Deed) -> (&'static str, String, Value) {
        let item = |added: &Added| {
            json!({"Name": self.queue, "Reference": added.reference, "Priority": added.priority,
                "DueDate": added.due, "SpecificContent": {"Text": added.reference}})
        };
        let (path, body) = match deed {
            Deed::Add(items) => match items.as_slice() {
                [one] => (ADD.into(), json!({"itemData": item(one)})),
                several => {
                    let items: Vec<_> = several.iter().map(item).collect();
                    let body = json!({"queueName": self.queue, "commitType": "AllOrNothing",
                        "queueItems": items});
                    (BULK_ADD.into(), body)
                }
            },
            Deed::Take => (
                TAKE.into(),
                json!({"transactionData": {"Name": self.queue}}),
            ),
            Deed::TakeNamed(reference) => {
                let data = json!({"Name": self.queue, "Reference": reference});
                (TAKE.into(), json!({"transactionData": data}))
            }
            Deed::Tell(id) => {
                let path = format!("odata/QueueItems({id})/UiPathODataSvc.SetTransactionProgress");
                (path, json!({"Progress": self.name}))
            }
            Deed::End(id, how) => {
                let path = format!("odata/Queues({id})/UiPathODataSvc.SetTransactionResult");
                let result = match how {
                    How::Success => json!({"IsSuccessful": true, "Output": {"By": self.name}}),
                    How::Application => exception("ApplicationException"),
                    How::Business => exception("BusinessException"),
                    How::Postpone(until) => {
                        let until = until.map(|until| until.duration_since(Instant::now()));
                        let until = until.map(|later| Timestamp::now().plus(later).to_string());
                        let until = until.unwrap_or("2020-01-01T00:00:00Z".into());
                        json!({"IsSuccessful": false, "DeferDate": until})
                    }
                };
                (path, json!({"transactionResult": result}))
            }
            Deed::Delete(id) => {
                let path = format!("odata/QueueItems({id})");
                return ("DELETE", path, Value::Null);
            }
        };
        ("POST", path, body)
    }

    /// What was answered, unless the connection ended before: by the server, or by this caller.
    async fn send(&mut self, method: &str, path: &str, body: &Value) -> Option<Told> {
        let way = self.rng.usize(0..self.clients.len());
        let request = self.clients[way].request(method, path);
        let request = match body {
            Value::Null => request,
            body => request.json(body),
        };
        let sending = async {
            let answer = request.send().await?;
            let status = answer.status().as_u16();
            let text = answer.text().await?;
            Ok::<_, reqwest::Error>(Told { status, text })
        };
        let patience = match self.cut {
            Some(one_of) if self.rng.u32(0..one_of) == 0 => {
                Duration::from_micros(self.rng.u64(0..20_000))
            }
            _ => Duration::from_secs(60),
        };
        match tokio::time::timeout(patience, sending).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(_)) => {
                self.gone = true;
                None
            }
            Err(_) => None,
        }
    }
}

fn exception(kind: &str) -> Value {
    json!({"IsSuccessful": false, "ProcessingException": {"Reason": "told so", "Type": kind}})
}

/// Status and body of an answer.
struct Told {
    status: u16,
    text: String,
}

impl Told {
    fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    fn number(&self, member: &str) -> Option<i64> {
        self.body()[member].as_i64()
    }
}

/// What an answer says.
fn read(deed: &Deed, told: &Told) -> Answer {
    let (status, text, body) = (told.status, &told.text, told.body());
    match (deed, status, body["errorCode"].as_i64()) {
        (Deed::Add(items), 201, _) if items.len() == 1 => Answer::Added,
        (Deed::Add(items), 409, Some(1016)) if items.len() == 1 => Answer::Duplicate,
        (Deed::Add(_), 200, _) if body["Success"] == true => Answer::Added,
        (Deed::Add(items), 200, _) if are_duplicates(&body, items.len()) => Answer::Duplicate,
        (Deed::Take | Deed::TakeNamed(_), 200, _) => match body["Id"].as_i64() {
            Some(id) => Answer::Took(id),
            None => Answer::Other(text.to_owned()),
        },
        (Deed::Take | Deed::TakeNamed(_), 204, _) => Answer::Nothing,
        (Deed::Tell(_) | Deed::End(..), 200, _) => Answer::Done,
        (Deed::End(..), 409, Some(1915)) => Answer::Over,
        (Deed::Tell(_) | Deed::End(..), 409, Some(1901 | 1902)) => Answer::NotHeld,
        (Deed::Delete(_), 204, _) => Answer::Done,
        (Deed::Delete(_), 409, Some(1013)) => Answer::InUse,
        _ => Answer::Other(format!("{status}: {text}")),
    }
}

fn are_duplicates(body: &Value, items: usize) -> bool {
    let failed = body["FailedItems"].as_array();
    failed.is_some_and(|failed| {
        failed.len() == items
            && failed
                .iter()
                .all(|f| f["ErrorCode"] == "DuplicateReference")
    })
}
