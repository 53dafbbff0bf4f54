//! Taking from queues and giving back, for many callers at once.
//!
//! What arrives while a transaction is under way is done together in the next one: results first,
//! then whoever wants an item, then new items. Each kind is a few statements whatever the number of
//! callers, and each caller has an answer of its own. A refusal is found before anything of it is
//! written, so it concerns nobody else; when a statement fails all of it is undone, and each call is
//! run again by itself.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use db::Tx;
use odata::edm::Entity;
use odata::{Folders, Guid, Metadata, Scope, Shape, Timestamp};

use super::adding;
use super::content;
use super::data::ItemData;
use super::ending::{self, Outcome};
use super::entities::{ITEMS_IN_PLACE, QueueItem};
use super::ledger::{ItemRef, Ledger};
use super::queue::Queue;
use super::taking::{self, Wanted};
use crate::cx::{Caller, Cx, Folder, Hint, Reply, Server};
use crate::error::{Error, Result};
use crate::op;

/// What somebody wants of a queue, read and checked as far as that needs no database.
#[derive(Debug)]
pub enum QueueCall {
    /// `AddQueueItem`
    Add(Box<ItemData>),
    /// `StartTransaction`
    Take(Box<Wanted>),
    /// `SetTransactionResult`
    End(Held, Box<Outcome>),
    /// `SetTransactionProgress`
    Progress(Held, Option<String>),
}

/// An item that somebody works on.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// Its number.
    pub item: i64,
    /// The job that works on it, as the request's header says.
    pub job: Option<Guid>,
}

/// The work that an operation of queues wants.
///
/// # Errors
/// [`Error::Internal`] for that of another feature.
pub fn unpacked(work: op::BatchItem) -> Result<Arc<QueueCall>> {
    let other = |_| Error::Internal("work that queues know nothing of".into());
    work.downcast().map_err(other)
}

/// Somebody who wants something, with everything that was checked about them.
pub struct Request<'a> {
    /// Who.
    pub caller: &'a Caller,
    /// Where.
    pub folder: &'a Folder,
    /// `http://host/odata`
    pub base: &'a str,
    /// How much the answer says about itself.
    pub metadata: Metadata,
    /// What.
    pub work: &'a QueueCall,
}

/// An answer for each who asked, and what is to be looked at after the commit.
pub type Answers = (Vec<Result<Reply>>, BTreeSet<Hint>);

/// What the parts of the engine share during one transaction.
pub(super) struct Batch<'a, 'c> {
    pub tx: &'a mut Tx<'c>,
    pub now: Timestamp,
    pub server: &'a Server,
    pub ledger: Ledger,
    pub hints: BTreeSet<Hint>,
    queues: HashMap<(i64, String), Option<Rc<Queue>>>,
    by_number: HashMap<i64, Rc<Queue>>,
    places: HashMap<(i64, i64), Option<Rc<Queue>>>,
    robots: HashMap<(i64, Guid), Option<i64>>,
    jobs: HashMap<i64, Option<String>>,
}

impl<'a, 'c> Batch<'a, 'c> {
    pub fn new(tx: &'a mut Tx<'c>, now: Timestamp, server: &'a Server) -> Self {
        Self {
            tx,
            now,
            server,
            ledger: Ledger::new(now),
            hints: BTreeSet::new(),
            queues: HashMap::new(),
            by_number: HashMap::new(),
            places: HashMap::new(),
            robots: HashMap::new(),
            jobs: HashMap::new(),
        }
    }

    /// The queue of this name in a folder.
    ///
    /// # Errors
    /// 1002 when the folder has none.
    pub fn queue(&mut self, folder: i64, name: &str) -> Result<Rc<Queue>> {
        let key = (folder, name.to_owned());
        let known = match self.queues.get(&key) {
            Some(known) => known.clone(),
            None => {
                let found = Queue::named(self.tx, folder, name)?.map(Rc::new);
                self.queues.insert(key, found.clone());
                found
            }
        };
        known.ok_or_else(|| Error::not_found(name))
    }

    /// The queue of an item.
    ///
    /// # Errors
    /// 1002 when there is none any more.
    pub fn queue_of(&mut self, of: ItemRef) -> Result<Rc<Queue>> {
        if let Some(known) = self.by_number.get(&of.queue) {
            return Ok(Rc::clone(known));
        }
        let found = Rc::new(Queue::numbered(self.tx, of.queue)?);
        self.by_number.insert(of.queue, Rc::clone(&found));
        Ok(found)
    }

    /// The queue with this number, if it is in the folder.
    ///
    /// # Errors
    /// The store's.
    pub fn queue_in(&mut self, folder: i64, queue: i64) -> Result<Option<Rc<Queue>>> {
        if let Some(known) = self.places.get(&(queue, folder)) {
            return Ok(known.clone());
        }
        let found = Queue::placed(self.tx, folder, queue)?;
        let found = found.map(|(queue, name)| {
            let queue = Rc::new(queue);
            self.queues.insert((folder, name), Some(Rc::clone(&queue)));
            self.by_number.insert(queue.id, Rc::clone(&queue));
            queue
        });
        self.places.insert((queue, folder), found.clone());
        Ok(found)
    }

    /// When the lease of an item ends whose holder is alive now.
    pub fn lease_until(&self, queue: &Queue) -> Option<i64> {
        let until = |seconds| self.now.0 + seconds * odata::TICKS_PER_SECOND;
        queue.lease_seconds.map(until)
    }

    /// The robot of a tenant with this key.
    ///
    /// # Errors
    /// 1002 when there is none.
    pub fn robot(&mut self, tenant: i64, key: Guid) -> Result<i64> {
        let known = match self.robots.get(&(tenant, key)) {
            Some(known) => *known,
            None => {
                let found = crate::robots::by_key(self.tx, &key.to_string())?;
                let found = found.filter(|r| r.tenant == tenant).map(|r| r.id);
                self.robots.insert((tenant, key), found);
                found
            }
        };
        known.ok_or_else(|| Error::not_found(&format!("The robot with the key {key}")))
    }

    /// The job that a robot runs, if it is one.
    pub fn job_of(&mut self, robot: i64) -> Result<Option<String>> {
        if let Some(known) = self.jobs.get(&robot) {
            return Ok(known.clone());
        }
        let job = crate::jobs::running_of(self.tx, robot)?;
        self.jobs.insert(robot, job.clone());
        Ok(job)
    }
}

/// Does what everybody wants.
///
/// # Errors
/// Those of the store, which are nobody's in particular: nothing counts then.
pub fn run(
    tx: &mut Tx<'_>,
    now: Timestamp,
    server: &Server,
    requests: &[Request<'_>],
) -> Result<Answers> {
    let mut batch = Batch::new(tx, now, server);
    let mut answers = Slots::new(requests);
    ending::end(&mut batch, &mut answers)?;
    // Items that are added now are for those who come later: whoever adds one sees it as it was added.
    taking::take(&mut batch, &mut answers)?;
    let added = adding::add_all(&mut batch, &mut answers)?;
    taking::start_added(&mut batch, &mut answers, added)?;
    read_back(&mut batch, &mut answers)?;
    let Batch {
        tx, ledger, hints, ..
    } = batch;
    ledger.settle(tx)?;
    Ok((answers.finish(), hints))
}

/// Does what one caller wants in a transaction that somebody else leads, such as that of `$batch`.
///
/// # Errors
/// The refusal, or the store's.
pub(super) fn alone(cx: &mut Cx<'_, '_>, work: &QueueCall) -> Result<Reply> {
    let folder = cx.need_folder()?.clone();
    let request = Request {
        caller: cx.caller,
        folder: &folder,
        base: cx.base,
        metadata: cx.metadata,
        work,
    };
    let (answers, hints) = run(cx.tx, cx.now, cx.server, &[request])?;
    for hint in hints {
        cx.hint(hint);
    }
    answers.into_iter().next().unwrap_or_else(unanswered)
}

/// As [`alone`], for work that answers with an item: it is shown as the request's options say.
///
/// # Errors
/// As [`alone`]; 400 for options that do not fit.
pub(super) fn alone_shown(cx: &mut Cx<'_, '_>, work: &QueueCall) -> Result<Reply> {
    let query = cx.options(QueueItem::set())?;
    let reply = alone(cx, work)?;
    let Reply::Json { status, body } = reply else {
        return Ok(reply);
    };
    if query.is_empty() {
        return Ok(Reply::Json { status, body });
    }
    let shown: serde_json::Value = serde_json::from_slice(&body)
        .map_err(|e| Error::Internal(format!("an item that is no JSON: {e}")))?;
    let id = shown["Id"].as_i64();
    let body = cx.entity_with(&QueueItem::SET, &id.into(), &query, &[])?;
    content::opened(&cx.server.keys, Reply::Json { status, body })
}

fn unanswered() -> Result<Reply> {
    Err(Error::Internal("a call without an answer".into()))
}

/// How far the answer to a call is.
enum Slot {
    Open,
    /// The item of this number, with this status.
    Item(i64, u16),
    Done(Result<Reply>),
}

/// The calls with their answers.
pub(super) struct Slots<'a> {
    requests: &'a [Request<'a>],
    slots: Vec<Slot>,
}

impl<'a> Slots<'a> {
    fn new(requests: &'a [Request<'a>]) -> Self {
        let slots = requests.iter().map(|_| Slot::Open).collect();
        Self { requests, slots }
    }

    /// The calls that wait for their answers.
    pub fn open(&self) -> Vec<(usize, &'a Request<'a>)> {
        let slots = self.slots.iter().zip(self.requests).enumerate();
        let open = slots.filter(|(_, (slot, _))| matches!(slot, Slot::Open));
        open.map(|(at, (_, request))| (at, request)).collect()
    }

    /// All calls.
    pub fn requests(&self) -> &'a [Request<'a>] {
        self.requests
    }

    /// Answers a call; a failure of the store is everybody's.
    pub fn answer(&mut self, at: usize, answer: Result<Reply>) -> Result<()> {
        match answer {
            Err(Error::Db(error)) => Err(Error::Db(error)),
            answer => {
                self.slots[at] = Slot::Done(answer);
                Ok(())
            }
        }
    }

    /// Answers a call with an item as it is at the next [`read_back`].
    pub fn show(&mut self, at: usize, item: i64, status: u16) {
        self.slots[at] = Slot::Item(item, status);
    }

    fn finish(self) -> Vec<Result<Reply>> {
        let done = |slot| match slot {
            Slot::Done(answer) => answer,
            Slot::Open | Slot::Item(..) => unanswered(),
        };
        self.slots.into_iter().map(done).collect()
    }
}

/// Tenant, folder, address and labels: what an item looks like depends on.
type View<'a> = (i64, i64, &'a str, Metadata);

/// Fills in the items: one statement for all callers who see them alike. No two callers are shown the
/// same item at the same time.
fn read_back(batch: &mut Batch<'_, '_>, slots: &mut Slots<'_>) -> Result<()> {
    let mut alike: HashMap<View<'_>, Vec<(usize, i64, u16)>> = HashMap::new();
    for (at, (slot, request)) in slots.slots.iter().zip(slots.requests).enumerate() {
        if let Slot::Item(item, status) = slot {
            let view = (
                request.caller.tenant,
                request.folder.id,
                request.base,
                request.metadata,
            );
            alike.entry(view).or_default().push((at, *item, *status));
        }
    }
    for ((tenant, folder, base, metadata), wanted) in alike {
        let scope = Scope {
            tenant,
            folders: Folders::One(folder),
            now: batch.now,
            vars: &[("place", folder.into())],
            restrict: None,
        };
        let shape = Shape {
            base,
            metadata,
            ..Shape::default()
        };
        let ids: Vec<i64> = wanted.iter().map(|(_, item, _)| *item).collect();
        let mut read = odata::read_entities(batch.tx, &ITEMS_IN_PLACE, &ids, &scope, &shape)?;
        for (at, item, status) in wanted {
            let body = read.remove(&item).ok_or_else(|| {
                Error::Internal(format!(
                    "the queue item {item} was written and is not there"
                ))
            })?;
            let reply = content::opened(&batch.server.keys, Reply::Json { status, body })?;
            slots.slots[at] = Slot::Done(Ok(reply));
        }
    }
    Ok(())
}
