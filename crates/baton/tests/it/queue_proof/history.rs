//! What many callers saw of one queue, held against the rows that are there. Nobody knows in which
//! order the server did what it did at the same time, but much is certain: what was answered has been
//! done, and what was asked for after an answer came after it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::Value;
use testkit::Client;

use super::callers::{Answer, Call, Deed, How};
use super::model::{Priority, Status};

/// How the queue was made: with unique references, and items that failed are retried by themselves.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub retries: i64,
}

/// An attempt, as the database has it.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: i64,
    pub status: Status,
    pub key: String,
    pub unique_key: String,
    pub reference: String,
    pub retry: i64,
    pub ancestor: Option<i64>,
    pub failure: Option<String>,
    /// Its place in the line.
    pub place: (bool, Priority, Option<String>, i64),
}

impl Row {
    fn read(row: &Value) -> Self {
        let text = |member: &str| row[member].as_str().map(str::to_owned);
        let needed = |member: &str| text(member).unwrap_or_else(|| panic!("no {member}: {row}"));
        let status = Status::ALL
            .into_iter()
            .find(|s| row["Status"] == format!("{s:?}"));
        let priorities = [Priority::High, Priority::Normal, Priority::Low];
        let priority = priorities
            .into_iter()
            .find(|p| row["Priority"] == format!("{p:?}"));
        let (id, due) = (row["Id"].as_i64().unwrap(), text("DueDate"));
        Self {
            id,
            status: status.unwrap(),
            key: needed("Key"),
            unique_key: needed("UniqueKey"),
            reference: needed("Reference"),
            retry: row["RetryNumber"].as_i64().unwrap(),
            ancestor: row["AncestorId"].as_i64(),
            failure: text("ProcessingExceptionType"),
            place: (due.is_none(), priority.unwrap(), due, id),
        }
    }
}

/// All rows of a queue.
pub async fn rows(client: &Client, queue: i64) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let last = rows.last().map_or(0, |row| row.id);
        let page = format!(
            "odata/QueueItems?$filter=QueueDefinitionId eq {queue} and Id gt {last}&$orderby=Id\
             &$top=100&$select=Id,Status,Key,UniqueKey,Reference,RetryNumber,AncestorId,Priority,\
             DueDate,ProcessingExceptionType"
        );
        let page = client.get(&page).await.ok(200);
        let page = page["value"].as_array().unwrap();
        rows.extend(page.iter().map(Row::read));
        if page.len() < 100 {
            return rows;
        }
    }
}

/// What the counters of a queue say otherwise than its rows.
pub async fn miscounted(client: &Client, queue: i64, rows: &[Row]) -> Vec<String> {
    let count = |wanted: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| wanted(row)).count();
    let failed = |kind: &str| count(&|row| row.failure.as_deref() == Some(kind));
    let mut wrong = Vec::new();
    for status in Status::ALL {
        let filter = format!("QueueDefinitionId eq {queue} and Status eq '{status:?}'");
        let list = format!("odata/QueueItems?$filter={filter}&$top=0&$count=true");
        let told = client.get(&list).await.ok(200)["@odata.count"].clone();
        let expected = count(&|row| row.status == status);
        if told != expected {
            wrong.push(format!(
                "{told} items are counted as {status:?}, there are {expected}"
            ));
        }
    }
    let path = format!(
        "odata/QueueProcessingRecords/UiPathODataSvc.RetrieveQueuesProcessingStatus\
         ?$filter=QueueDefinitionId eq {queue}"
    );
    let told = client.get(&path).await.ok(200)["value"][0].clone();
    for (member, expected) in [
        ("ItemsToProcess", count(&|row| row.status == Status::New)),
        (
            "ItemsInProgress",
            count(&|row| row.status == Status::InProgress),
        ),
        (
            "SuccessfulTransactionsNo",
            count(&|row| row.status == Status::Successful),
        ),
        ("ApplicationExceptionsNo", failed("ApplicationException")),
        ("BusinessExceptionsNo", failed("BusinessException")),
    ] {
        if told[member] != expected {
            wrong.push(format!(
                "{member} is {}, there are {expected}",
                told[member]
            ));
        }
    }
    wrong
}

/// What waits although everything was worked off.
pub fn left_over(rows: &[Row]) -> Vec<String> {
    let waits = rows.iter().filter(|row| row.status == Status::New);
    waits
        .map(|row| format!("nobody was given {row:?}"))
        .collect()
}

/// Everything that cannot be, seen what callers saw and what is there now.
pub fn contradictions(history: &[Call], rows: &[Row], rules: Rules) -> Vec<String> {
    let check = Check::new(history, rows, rules);
    let mut wrong = Vec::new();
    check.answers(&mut wrong);
    check.adds(&mut wrong);
    check.hand_outs(&mut wrong);
    check.ends(&mut wrong);
    check.chains(&mut wrong);
    check.order(&mut wrong);
    wrong
}

struct Check<'h> {
    history: &'h [Call],
    rows: BTreeMap<i64, &'h Row>,
    rules: Rules,
    /// The calls about an item, in the order in which they began.
    takes: BTreeMap<i64, Vec<&'h Call>>,
    ends: BTreeMap<i64, Vec<(How, &'h Call)>>,
}

impl<'h> Check<'h> {
    fn new(history: &'h [Call], rows: &'h [Row], rules: Rules) -> Self {
        let mut sorted: Vec<&Call> = history.iter().collect();
        sorted.sort_by_key(|call| call.began);
        let mut check = Self {
            history,
            rows: rows.iter().map(|row| (row.id, row)).collect(),
            rules,
            takes: BTreeMap::new(),
            ends: BTreeMap::new(),
        };
        for call in sorted {
            match (&call.deed, &call.answer) {
                (Deed::Take | Deed::TakeNamed(_), Some(Answer::Took(id))) => {
                    check.takes.entry(*id).or_default().push(call);
                }
                (Deed::End(id, how), _) => {
                    check.ends.entry(*id).or_default().push((*how, call));
                }
                _ => {}
            }
        }
        check
    }

    fn postpones(&self, id: i64) -> impl Iterator<Item = &'h Call> {
        let ends = self.ends.get(&id).into_iter().flatten();
        ends.filter(|(how, _)| *how == How::Postpone)
            .map(|(_, call)| *call)
    }

    /// Calls that end an attempt for good.
    fn finals(&self, id: i64) -> impl Iterator<Item = (How, &'h Call)> {
        let ends = self.ends.get(&id).into_iter().flatten().copied();
        ends.filter(|(how, _)| *how != How::Postpone)
    }

    /// Nobody was answered anything that has no reason.
    fn answers(&self, wrong: &mut Vec<String>) {
        for call in self.history {
            if let Some(Answer::Other(text)) = &call.answer {
                wrong.push(format!("{:?} was answered {text}", call.deed));
            }
        }
    }

    /// What was added is there once; what may have been added is there once or not; nothing else is
    /// there. Several that were added together are all there or none is.
    fn adds(&self, wrong: &mut Vec<String>) {
        let mut there: BTreeMap<&str, usize> = BTreeMap::new();
        for row in self.rows.values().filter(|row| row.ancestor.is_none()) {
            *there.entry(&row.reference).or_default() += 1;
        }
        let (mut asked, mut done) = (BTreeSet::new(), BTreeSet::new());
        for call in self.history {
            let Deed::Add(items) = &call.deed else {
                continue;
            };
            let known = items
                .iter()
                .filter(|item| there.contains_key(item.reference.as_str()));
            let known = known.count();
            if known != 0 && known != items.len() {
                wrong.push(format!("{known} of {:?} are there", call.deed));
            }
            for item in items {
                asked.insert(item.reference.as_str());
                if call.answer == Some(Answer::Added) && !done.insert(item.reference.as_str()) {
                    wrong.push(format!("{} was added twice", item.reference));
                }
                if call.answer.is_some() && known == 0 {
                    wrong.push(format!("{} was acknowledged and is lost", item.reference));
                }
            }
        }
        for (reference, times) in there {
            if times != 1 || !asked.contains(reference) {
                wrong.push(format!("{reference} is there {times} times"));
            }
        }
    }

    /// An item is with one holder at a time: it is handed out again only after it was postponed.
    /// What was handed out is in progress until somebody asks for something else.
    fn hand_outs(&self, wrong: &mut Vec<String>) {
        for (id, takes) in &self.takes {
            let mut takes = takes.clone();
            takes.sort_by_key(|call| call.ended);
            let postpones: Vec<&Call> = self.postpones(*id).collect();
            if takes.len() > postpones.len() + 1 {
                wrong.push(format!(
                    "{id} was handed out {} times: {takes:#?}",
                    takes.len()
                ));
            }
            for (take, postpone) in takes.iter().skip(1).zip(&postpones) {
                if take.ended < postpone.began {
                    wrong.push(format!(
                        "{id} was handed out to two: {take:?}, {postpone:?}"
                    ));
                }
            }
            let Some(row) = self.rows.get(id) else {
                wrong.push(format!("{id} was handed out and is not there"));
                continue;
            };
            for take in &takes {
                if matches!(&take.deed, Deed::TakeNamed(name) if *name != row.reference) {
                    wrong.push(format!("{take:?} got {row:?}"));
                }
            }
            let held = self.ends.get(id).map_or(0, Vec::len) < takes.len();
            if held && row.status != Status::InProgress {
                wrong.push(format!("{id} is held and yet {:?}", row.status));
            }
        }
        let lost = |call: &&Call| {
            matches!(call.deed, Deed::Take | Deed::TakeNamed(_)) && call.answer.is_none()
        };
        let (lost, orphans) = (self.history.iter().filter(lost).count(), self.orphans());
        if orphans.len() > lost {
            wrong.push(format!(
                "{lost} takers got no answer, but {orphans:?} are with nobody"
            ));
        }
    }

    /// Items that are in progress although nobody knows to hold them.
    fn orphans(&self) -> BTreeSet<i64> {
        let is_orphan = |row: &&Row| {
            let takes = self.takes.get(&row.id).map_or(0, Vec::len);
            let ends = self.ends.get(&row.id).into_iter().flatten();
            let unsure = ends.clone().any(|(_, call)| call.answer.is_none());
            row.status == Status::InProgress && takes <= ends.count() && !unsure
        };
        let rows = self.rows.values().copied();
        rows.filter(is_orphan).map(|row| row.id).collect()
    }

    /// An attempt ends once, as its holder said.
    fn ends(&self, wrong: &mut Vec<String>) {
        for id in self.ends.keys() {
            let Some(row) = self.rows.get(id) else {
                wrong.push(format!("{id} was ended and is not there"));
                continue;
            };
            let finals: Vec<(How, &Call)> = self.finals(*id).collect();
            let done = |answer: &Answer| {
                finals
                    .iter()
                    .filter(|(_, c)| c.answer.as_ref() == Some(answer))
                    .count()
            };
            let (ended, over) = (done(&Answer::Done), done(&Answer::Over));
            let unsure = finals.len() - ended - over;
            if ended > 1 || (over > 0 && ended + unsure == 0) {
                wrong.push(format!("{id} was ended {ended} times: {finals:#?}"));
            }
            let expected = finals.iter().map(|(how, _)| match how {
                How::Success => Status::Successful,
                How::Application if row.retry < self.rules.retries => Status::Retried,
                _ => Status::Failed,
            });
            let expected: Vec<Status> = expected.collect();
            let may_go_on = ended + over == 0 && row.status == Status::InProgress;
            if !finals.is_empty() && !may_go_on && !expected.contains(&row.status) {
                wrong.push(format!("{id} is {:?} after {finals:#?}", row.status));
            }
        }
        for row in self.rows.values() {
            let over = !matches!(row.status, Status::New | Status::InProgress);
            if over && self.finals(row.id).next().is_none() {
                wrong.push(format!(
                    "{} is {:?}, but nobody ended it",
                    row.id, row.status
                ));
            }
        }
    }

    /// The attempts at one item follow each other without a gap, and there are not too many.
    fn chains(&self, wrong: &mut Vec<String>) {
        let mut chains: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for row in self.rows.values() {
            chains.entry(&row.key).or_default().push(row);
        }
        for (key, chain) in chains {
            let begins = chain[0].unique_key == key && chain[0].ancestor.is_none();
            let follows = chain
                .iter()
                .zip(0..)
                .all(|(row, number)| row.retry == number)
                && chain.windows(2).all(|pair| {
                    pair[0].status == Status::Retried && pair[1].ancestor == Some(pair[0].id)
                });
            let ends = chain
                .last()
                .is_some_and(|row| row.status != Status::Retried);
            let few = i64::try_from(chain.len()).unwrap() <= self.rules.retries + 1;
            if !(begins && follows && ends && few) {
                wrong.push(format!("attempts that do not follow: {chain:#?}"));
            }
        }
    }

    // --- order ----------------------------------------------------------------------------------

    /// Nobody gets an item, or nothing, while one that comes first certainly waits.
    fn order(&self, wrong: &mut Vec<String>) {
        let waits = self.waits();
        for call in self.history {
            let got = match (&call.deed, &call.answer) {
                (Deed::Take, Some(Answer::Took(id))) => self.rows.get(id),
                (Deed::Take, Some(Answer::Nothing)) => None,
                _ => continue,
            };
            let passed = waits.iter().find(|wait| {
                wait.from <= call.began
                    && wait.until.is_none_or(|until| until >= call.ended)
                    && got.is_none_or(|got| wait.row.place < got.place)
            });
            if let Some(wait) = passed {
                wrong.push(format!("{call:?} got {got:?} while this waited: {wait:?}"));
            }
        }
    }

    /// The times in which items certainly waited.
    fn waits(&self) -> Vec<Wait<'h>> {
        let (added, orphans) = (self.added(), self.orphans());
        let mut waits = Vec::new();
        for (id, row) in &self.rows {
            let answered = |call: &&Call| call.answer.is_some();
            // A take or postpone without an answer leaves open when it was where.
            if orphans.contains(id) || !self.postpones(*id).all(|call| answered(&call)) {
                continue;
            }
            let begins = match row.ancestor {
                None => added.get(row.reference.as_str()).copied(),
                Some(ancestor) => {
                    let known = self.finals(ancestor).map(|(_, call)| call).filter(answered);
                    known.map(|call| call.ended).min()
                }
            };
            let takes = self.takes.get(id).into_iter().flatten();
            let mut takes = takes.map(|call| call.began);
            let again = self.postpones(*id).map(|call| Some(call.ended));
            for from in std::iter::once(begins).chain(again) {
                let until = takes.next();
                waits.extend(from.map(|from| Wait { row, from, until }));
            }
        }
        waits
    }

    /// Since when items are certainly there, by reference.
    fn added(&self) -> BTreeMap<&'h str, Instant> {
        let mut added = BTreeMap::new();
        for call in self.history.iter().filter(|call| call.answer.is_some()) {
            if let Deed::Add(items) = &call.deed {
                for item in items {
                    let at = added.entry(item.reference.as_str()).or_insert(call.ended);
                    *at = call.ended.min(*at);
                }
            }
        }
        added
    }
}

/// A time in which an item certainly waited.
#[derive(Debug)]
struct Wait<'h> {
    row: &'h Row,
    from: Instant,
    until: Option<Instant>,
}
