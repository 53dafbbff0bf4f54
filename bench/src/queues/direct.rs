//! The baseline: the rows of items written through the store alone, without HTTP, checks and
//! answers.

use db::{Db, Tx};
use uuid::Uuid;

use super::fill::{self, SAME};
use crate::Failure;
use crate::load;

/// Where items are written.
#[derive(Clone)]
pub struct Direct {
    db: Db,
    queue: i64,
    model: i64,
}

impl Direct {
    /// The queue of this name; what is added to it is like the models that it was filled with.
    pub async fn open(db: &Db, name: &'static str) -> Result<Self, Failure> {
        let find = "SELECT id FROM queue_definitions WHERE name = $1";
        Ok(Self {
            queue: db.read(|tx| tx.number(find, &[name.into()])).await?,
            model: fill::model(db, name).await?,
            db: db.clone(),
        })
    }

    /// An item and the event of that.
    fn add(&self, tx: &mut Tx<'_>) -> Result<(), db::Error> {
        let key = Uuid::new_v4().to_string();
        let sql = format!(
            "INSERT INTO queue_items (key, unique_key, queue_definition_id, reference, due_date,
               turn, creation_time, {SAME})
             SELECT $1, $1, $2, $3, due_date, turn, creation_time, {SAME} FROM queue_items
             WHERE id = $4 RETURNING id"
        );
        let reference = &key[..16];
        let params = [
            key.as_str().into(),
            self.queue.into(),
            reference.into(),
            self.model.into(),
        ];
        let id = tx.insert(&sql, &params)?;
        tx.exec(ADDED, &[id.into(), self.queue.into(), self.model.into()])?;
        Ok(())
    }
}

const ADDED: &str = "INSERT INTO queue_item_events (tenant_id, queue_definition_id, queue_item_id,
       timestamp, action, user_id, external_client_id, status, review_status)
     SELECT tenant_id, $2, $1, timestamp, action, user_id, external_client_id, status,
       review_status
     FROM queue_item_events WHERE queue_item_id = $3";

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
