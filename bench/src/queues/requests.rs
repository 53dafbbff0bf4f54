//! What is sent, as bytes that are made before the clock runs.

use std::net::SocketAddr;

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use testkit::Scene;

use crate::Failure;
use crate::connection;
use crate::lean::Lean;
use crate::load;

/// Callers add items of each.
pub const PRIORITIES: [&str; 3] = ["High", "Normal", "Low"];
/// A number in a request that another takes the place of, digit by digit.
const NUMBER: &str = "000000000000";

/// What each caller sends over a connection of its own, again and again.
pub trait Script: Clone + Send + 'static {
    /// What one turn tells.
    type Turn: Send;

    /// Who asks.
    fn asker(&self) -> &Asker;

    /// One turn.
    fn turn(&mut self, over: &mut Lean) -> impl Future<Output = Result<Self::Turn, Failure>>;
}

/// A connection with what is sent over it.
pub struct Sending<S> {
    connection: Lean,
    script: S,
}

impl<S: Script> load::Source for S {
    type Caller = Sending<S>;

    async fn open(&self) -> Result<Sending<S>, Failure> {
        Ok(Sending {
            connection: Lean::open(self.asker().address).await?,
            script: self.clone(),
        })
    }
}

impl<S: Script> load::Caller for Sending<S> {
    type Turn = S::Turn;

    async fn turn(&mut self) -> Result<S::Turn, Failure> {
        self.script.turn(&mut self.connection).await
    }
}

/// One request that is always answered in the same way.
#[derive(Clone)]
pub struct Repeated {
    asker: Asker,
    request: Vec<u8>,
}

impl Repeated {
    /// By this one.
    pub fn new(asker: &Asker, request: Vec<u8>) -> Self {
        let asker = asker.clone();
        Self { asker, request }
    }
}

impl Script for Repeated {
    type Turn = ();

    fn asker(&self) -> &Asker {
        &self.asker
    }

    async fn turn(&mut self, over: &mut Lean) -> Result<(), Failure> {
        over.exchange(&self.request).await?.expect(200)?;
        Ok(())
    }
}

/// Who asks, and of which server.
#[derive(Clone)]
pub struct Asker {
    /// Of the server.
    pub address: SocketAddr,
    token: String,
    folder: i64,
    /// The key of the robot that items are taken for, if it asks for itself.
    robot: Option<String>,
}

impl Asker {
    /// The application of the scene, in the folder `Shared`.
    pub fn application(scene: &Scene) -> Result<Self, Failure> {
        Ok(Self {
            address: connection::address(&scene.server.url)?,
            token: scene.app.token().to_owned(),
            folder: scene.folder,
            robot: None,
        })
    }

    /// A robot, by the token of a job and its own key.
    pub fn robot(self, token: &str, key: &str) -> Self {
        Self {
            token: token.to_owned(),
            robot: Some(key.to_owned()),
            ..self
        }
    }

    /// What every request ends its head with.
    fn headers(&self) -> String {
        format!(
            "host: localhost\r\nauthorization: Bearer {}\r\nx-uipath-organizationunitid: {}\r\n",
            self.token, self.folder
        )
    }

    /// `GET /health`
    pub fn health(&self) -> Vec<u8> {
        format!("GET /health HTTP/1.1\r\n{}\r\n", self.headers()).into_bytes()
    }

    fn post(&self, path: &str, body: &Value) -> Vec<u8> {
        format!("POST {path} HTTP/1.1\r\n{}", self.rest(body)).into_bytes()
    }

    /// A `POST` after its first line.
    fn rest(&self, body: &Value) -> String {
        let (headers, body) = (self.headers(), body.to_string());
        let length = body.len();
        format!("{headers}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
    }

    /// `AddQueueItem`, for each priority.
    pub fn add(&self, queue: &str) -> Result<Vec<Numbered>, Failure> {
        let path = "/odata/Queues/UiPathODataSvc.AddQueueItem";
        let adds = PRIORITIES.map(|priority| {
            let mut data = item(NUMBER, priority, None);
            data["Name"] = queue.into();
            Numbered::new(self.post(path, &json!({ "itemData": data })), 1)
        });
        adds.into_iter().collect()
    }

    /// `BulkAddQueueItems` of so many, numbered in turn.
    pub fn bulk(&self, queue: &str, count: usize, due: Option<&str>) -> Result<Numbered, Failure> {
        let path = "/odata/Queues/UiPathODataSvc.BulkAddQueueItems";
        let items = PRIORITIES.iter().cycle().take(count);
        let items = items.map(|priority| item(NUMBER, priority, due));
        let request = self.post(
            path,
            &json!({
                "queueName": queue,
                "commitType": "AllOrNothing",
                "queueItems": items.collect::<Vec<_>>(),
            }),
        );
        Numbered::new(request, count)
    }

    /// `StartTransaction`
    pub fn take(&self, queue: &str) -> Vec<u8> {
        let mut data = json!({ "Name": queue });
        if let Some(robot) = &self.robot {
            data["RobotIdentifier"] = robot.as_str().into();
        }
        let path = "/odata/Queues/UiPathODataSvc.StartTransaction";
        self.post(path, &json!({ "transactionData": data }))
    }

    /// `SetTransactionResult` of a success, for any item.
    pub fn end(&self) -> OfItem {
        let result = json!({
            "IsSuccessful": true,
            "Output": {"Voucher": "4711-0815", "Booked": true},
        });
        OfItem {
            rest: self.rest(&json!({ "transactionResult": result })),
            request: Vec::new(),
        }
    }
}

/// Numbers that no item has yet: the first of so many.
pub fn numbers(count: usize) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(count as u64, Ordering::Relaxed)
}

/// An item of five members.
pub fn item(number: &str, priority: &str, due: Option<&str>) -> Value {
    let mut item = json!({
        "Priority": priority,
        "Reference": format!("INV-{number}"),
        "SpecificContent": {
            "Invoice": format!("2026/{number}"),
            "Customer": "Blue Pumps and Valves Ltd.",
            "Amount": 1249.5,
            "Currency": "EUR",
            "Approved": true,
        },
    });
    if let Some(due) = due {
        item["DueDate"] = due.into();
    }
    item
}

/// A request that differs in a number, or in those of its items.
#[derive(Clone)]
pub struct Numbered {
    request: Vec<u8>,
    places: Vec<usize>,
    /// How often each item has its number.
    each: usize,
}

impl Numbered {
    fn new(request: Vec<u8>, items: usize) -> Result<Self, Failure> {
        let windows = request.windows(NUMBER.len()).enumerate();
        let found = windows.filter(|(_, digits)| *digits == NUMBER.as_bytes());
        let places: Vec<usize> = found.map(|(at, _)| at).collect();
        let each = places.len() / items;
        match each {
            0 => Err("A request has no number.".into()),
            _ => Ok(Self {
                request,
                places,
                each,
            }),
        }
    }

    /// The request with this number, and those that follow it for further items.
    pub fn with(&mut self, number: u64) -> &[u8] {
        for (at, place) in self.places.iter().enumerate() {
            let mut rest = number + (at / self.each) as u64;
            for digit in self.request[*place..*place + NUMBER.len()].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
        &self.request
    }
}

/// A request about an item.
#[derive(Clone)]
pub struct OfItem {
    rest: String,
    request: Vec<u8>,
}

impl OfItem {
    /// The request about this item.
    pub fn of(&mut self, id: &str) -> &[u8] {
        self.request.clear();
        for part in [
            "POST /odata/Queues(",
            id,
            ")/UiPathODataSvc.SetTransactionResult HTTP/1.1\r\n",
            &self.rest,
        ] {
            self.request.extend_from_slice(part.as_bytes());
        }
        &self.request
    }
}

/// The id of the item in an answer. What an item refers to has ids, too, but comes before its own.
pub fn id(body: &[u8]) -> Result<&str, Failure> {
    const MEMBER: &[u8] = b"\"Id\":";
    let at = body.windows(MEMBER.len()).rposition(|w| w == MEMBER);
    let rest = at.map_or(&[][..], |at| &body[at + MEMBER.len()..]);
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        return Err("An answer is no item.".into());
    }
    Ok(std::str::from_utf8(&rest[..digits])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_written_wherever_it_stands() {
        let mut request = Numbered::new(format!("a {NUMBER} b {NUMBER}").into_bytes(), 1).unwrap();
        assert_eq!(request.with(1234), b"a 000000001234 b 000000001234");
        assert_eq!(request.with(5), b"a 000000000005 b 000000000005");
        assert!(Numbered::new(b"a 12".to_vec(), 1).is_err());
        let mut list = Numbered::new(format!("{NUMBER} {NUMBER}").into_bytes(), 2).unwrap();
        assert_eq!(list.with(9), b"000000000009 000000000010");
    }

    #[test]
    fn the_id_is_that_of_the_item() {
        let body = br#"{"QueueDefinitionId":4,"Robot":{"Id":7},"Id":12345,"EncryptedData":null}"#;
        assert_eq!(id(body).unwrap(), "12345");
        assert!(id(br#"{"Key":"x"}"#).is_err());
        assert!(id(br#"{"Id":null}"#).is_err());
    }
}
