//! The baseline: the rows of items written through the store alone, without HTTP, checks and
//! answers.

use std::sync::Arc;

use db::{Db, Row, Tx, Value};
use uuid::Uuid;

use super::fill::{self, SAME};
use super::requests;
use crate::Failure;
use crate::load;

/// What an event has as its model has it.
const EVENT: &str = "tenant_id, timestamp, action, user_id, external_client_id, status,
    review_status";

/// Where items are written.
#[derive(Clone)]
pub struct Direct {
    db: Db,
    queue: i64,
    item: Arc<Copies>,
    event: Arc<Copies>,
}

/// A statement that writes a row, and the values that it ends with.
struct Copies {
    sql: String,
    same: Vec<Value>,
}

impl Copies {
    /// `sql` lacks its values: `own` of them, then those of the model.
    fn new(sql: &str, own: usize, model: &Row) -> Result<Self, db::Error> {
        let same: Vec<Value> = (0..model.len())
            .map(|cell| model.get(cell))
            .collect::<Result<_, _>>()?;
        let places: Vec<String> = (1..=own + same.len()).map(|n| format!("${n}")).collect();
        let sql = format!("{sql} VALUES ({}) RETURNING id", places.join(", "));
        Ok(Self { sql, same })
    }

    fn add(&self, tx: &mut Tx<'_>, own: &[Value]) -> Result<i64, db::Error> {
        tx.insert(&self.sql, &[own, &self.same].concat())
    }
}

impl Direct {
    /// The queue of this name; what is added to it is like the models that it was filled with.
    pub async fn open(db: &Db, name: &'static str) -> Result<Self, Failure> {
        let find = "SELECT id FROM queue_definitions WHERE name = $1";
        let model = fill::model(db, name).await?;
        let item = format!("due_date, turn, creation_time, {SAME}");
        let row = async |columns: &str, table: &str, key: &str| {
            let sql = format!("SELECT {columns} FROM {table} WHERE {key} = $1");
            let row = db.read(move |tx| tx.row(&sql, &[model.into()])).await?;
            row.ok_or_else(|| Failure::from("A model is gone."))
        };
        let one = row(&item, "queue_items", "id").await?;
        let added = row(EVENT, "queue_item_events", "queue_item_id").await?;
        let sql = format!(
            "INSERT INTO queue_items (queue_definition_id, key, unique_key, reference, {item})"
        );
        let item = Copies::new(&sql, 4, &one)?;
        let sql =
            format!("INSERT INTO queue_item_events (queue_definition_id, queue_item_id, {EVENT})");
        let event = Copies::new(&sql, 2, &added)?;
        Ok(Self {
            queue: db.read(|tx| tx.number(find, &[name.into()])).await?,
            item: Arc::new(item),
            event: Arc::new(event),
            db: db.clone(),
        })
    }

    /// An item and the event of that.
    fn add(&self, tx: &mut Tx<'_>) -> Result<(), db::Error> {
        let key = Uuid::now_v7().to_string();
        let reference = format!("{:012}", requests::numbers(1));
        let queue = self.queue;
        let own = [
            queue.into(),
            key.as_str().into(),
            key.as_str().into(),
            reference.into(),
        ];
        let id = self.item.add(tx, &own)?;
        self.event.add(tx, &[queue.into(), id.into()])?;
        Ok(())
    }
}

const TAKE: &str = "UPDATE queue_items SET status = 1, turn = NULL,
       start_processing = creation_time, version = version + 1
     WHERE id = (
       SELECT id FROM queue_items WHERE queue_definition_id = $1 AND turn IS NOT NULL
       ORDER BY turn, id LIMIT 1
     ) RETURNING id";

const END: &str = "UPDATE queue_items SET status = 3, end_processing = creation_time,
       version = version + 1 WHERE id = $1";

/// Adds an item, takes one, ends that; each waits for the disk.
#[derive(Clone)]
pub struct Cycles(pub Direct);

impl load::Source for Cycles {
    type Caller = Self;

    async fn open(&self) -> Result<Self, Failure> {
        Ok(self.clone())
    }
}

impl load::Caller for Cycles {
    type Turn = ();

    async fn turn(&mut self) -> Result<(), Failure> {
        let Self(place) = self;
        let adding = place.clone();
        let db = &place.db;
        db.write(move |tx| adding.add(tx)).await?;
        let queue = place.queue;
        let taken = db.write(move |tx| tx.insert(TAKE, &[queue.into()])).await?;
        db.write(move |tx| tx.exec(END, &[taken.into()])).await?;
        Ok(())
    }
}

/// Adds many items at once.
#[derive(Clone)]
pub struct Lists {
    /// Where.
    pub place: Direct,
    /// How many.
    pub items: usize,
}

impl load::Source for Lists {
    type Caller = Self;

    async fn open(&self) -> Result<Self, Failure> {
        Ok(self.clone())
    }
}

impl load::Caller for Lists {
    type Turn = ();

    async fn turn(&mut self) -> Result<(), Failure> {
        let Self { place, items } = self.clone();
        let db = place.db.clone();
        let write = move |tx: &mut Tx<'_>| (0..items).try_for_each(|_| place.add(tx));
        Ok(db.write(write).await?)
    }
}
