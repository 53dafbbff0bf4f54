//! What many callers saw of one queue, held against the rows that are there. Nobody knows in which
//! order the server did what it did at the same time, but much is certain: what was answered has been
//! done, and what was asked for after an answer came after it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::callers::{Answer, Call, Deed, How};
use super::model::Status;
use super::rows::Row;

/// How the queue was made: with unique references, and items that failed are retried by themselves.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub retries: i64,
    /// For how long an item is its holder's after a sign of life; for ever without.
    pub lease: Option<Duration>,
}

impl Rules {
    pub const fn new(retries: i64) -> Self {
        Self {
            retries,
            lease: None,
        }
    }
}

/// How much earlier a time may be as the server knows it.
const ROUNDED: Duration = Duration::from_millis(1);

/// Everything that cannot be, seen what callers saw and what is there now.
pub fn contradictions(history: &[Call], rows: &[Row], rules: Rules) -> Vec<String> {
    let check = Check::new(history, rows, rules);
    let mut wrong = Vec::new();
    check.answers(&mut wrong);
    check.adds(&mut wrong);
    check.hand_outs(&mut wrong);
    check.ends(&mut wrong);
    check.deletes(&mut wrong);
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
    tells: BTreeMap<i64, Vec<&'h Call>>,
    deletes: BTreeMap<i64, Vec<&'h Call>>,
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
            tells: BTreeMap::new(),
            deletes: BTreeMap::new(),
        };
        for call in sorted {
            match (&call.deed, &call.answer) {
                (Deed::Take | Deed::TakeNamed(_), Some(Answer::Took(id))) => {
                    check.takes.entry(*id).or_default().push(call);
                }
                (Deed::End(..), Some(Answer::NotHeld)) => {}
                (Deed::End(id, how), _) => {
                    check.ends.entry(*id).or_default().push((*how, call));
                }
                (Deed::Tell(id), _) => check.tells.entry(*id).or_default().push(call),
                (Deed::Delete(id), _) => check.deletes.entry(*id).or_default().push(call),
                _ => {}
            }
        }
        check
    }

    /// Calls that give an item back, and until when.
    fn postpones(&self, id: i64) -> impl Iterator<Item = (Option<Instant>, &'h Call)> {
        let ends = self.ends.get(&id).into_iter().flatten();
        ends.filter_map(|(how, call)| match how {
            How::Postpone(until) => Some((*until, *call)),
            _ => None,
        })
    }

    /// Calls that end an attempt for good.
    fn finals(&self, id: i64) -> impl Iterator<Item = (How, &'h Call)> {
        let ends = self.ends.get(&id).into_iter().flatten().copied();
        ends.filter(|(how, _)| !matches!(how, How::Postpone(_)))
    }

    /// Calls that deleted an item, or may have.
    fn removals(&self, id: i64) -> impl Iterator<Item = &'h Call> {
        let deletes = self.deletes.get(&id).into_iter().flatten().copied();
        deletes.filter(|call| call.answer != Some(Answer::InUse))
    }

    /// Nobody was answered anything that has no reason.
    fn answers(&self, wrong: &mut Vec<String>) {
        for call in self.history {
            if let Some(Answer::Other(text)) = &call.answer {
                wrong.push(format!("{:?} was answered {text}", call.deed));
            }
            if let (Deed::Tell(id) | Deed::End(id, _), Some(Answer::NotHeld)) =
                (&call.deed, &call.answer)
                && !self
                    .takes_of(*id)
                    .any(|take| self.may_return(take.began, call))
            {
                wrong.push(format!("{id} is said not to be held: {call:?}"));
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

    fn takes_of(&self, id: i64) -> impl Iterator<Item = &'h Call> {
        self.takes.get(&id).into_iter().flatten().copied()
    }

    /// Whether a lease that began then, at the earliest, may have ended before a call did.
    fn may_return(&self, began: Instant, before: &Call) -> bool {
        let lease = self.rules.lease;
        lease.is_some_and(|lease| before.ended >= began + lease)
    }

    /// Whether an item may have come back between two takes by itself.
    fn returned(&self, id: i64, first: &Call, second: &Call) -> bool {
        let tells = self.tells.get(&id).into_iter().flatten();
        let tells = tells.filter(|tell| {
            let between = tell.began >= first.began && tell.ended <= second.began;
            between && tell.answer == Some(Answer::Done)
        });
        let sign = tells.map(|tell| tell.began).max();
        self.may_return(sign.unwrap_or(first.began), second)
    }

    /// An item is with one holder at a time: it is handed out again only after it was postponed, and
    /// not too early, or after the lease of its holder. What was handed out is in progress until
    /// somebody asks for something else.
    fn hand_outs(&self, wrong: &mut Vec<String>) {
        for (id, takes) in &self.takes {
            let mut takes = takes.clone();
            takes.sort_by_key(|call| call.ended);
            let again = takes
                .windows(2)
                .filter(|pair| !self.returned(*id, pair[0], pair[1]));
            let again: Vec<&Call> = again.map(|pair| pair[1]).collect();
            let postpones: Vec<_> = self.postpones(*id).collect();
            if again.len() > postpones.len() {
                wrong.push(format!(
                    "{id} was handed out {} times: {takes:#?}",
                    takes.len()
                ));
            }
            for (take, (until, postpone)) in again.iter().zip(&postpones) {
                if take.ended < postpone.began {
                    wrong.push(format!(
                        "{id} was handed out to two: {take:?}, {postpone:?}"
                    ));
                }
                if until.is_some_and(|until| take.ended + ROUNDED < until) {
                    wrong.push(format!(
                        "{id} was handed out too early: {take:?}, {postpone:?}"
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
            if held && self.rules.lease.is_none() && row.status != Status::InProgress {
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
            let deleted = row.status == Status::Deleted && self.removals(*id).next().is_some();
            let may_go_on = may_go_on || deleted;
            if !finals.is_empty() && !may_go_on && !expected.contains(&row.status) {
                wrong.push(format!("{id} is {:?} after {finals:#?}", row.status));
            }
        }
        for row in self.rows.values() {
            let goes_on = matches!(row.status, Status::New | Status::InProgress);
            let over = !goes_on && row.status != Status::Deleted;
            if over && self.finals(row.id).next().is_none() {
                wrong.push(format!(
                    "{} is {:?}, but nobody ended it",
                    row.id, row.status
                ));
            }
        }
    }

    /// What was deleted is gone for good, and nobody held it; what was not was in somebody's hands.
    fn deletes(&self, wrong: &mut Vec<String>) {
        for (id, deletes) in &self.deletes {
            let Some(row) = self.rows.get(id) else {
                wrong.push(format!("{id} was deleted and is not there"));
                continue;
            };
            for delete in deletes {
                match delete.answer {
                    Some(Answer::Done) => self.deleted(row, delete, wrong),
                    Some(Answer::InUse) => self.in_use(*id, delete, wrong),
                    _ => {}
                }
            }
        }
        for row in self.rows.values() {
            if row.status == Status::Deleted && self.removals(row.id).next().is_none() {
                wrong.push(format!("{} is Deleted, but nobody deleted it", row.id));
            }
        }
    }

    fn deleted(&self, row: &Row, delete: &Call, wrong: &mut Vec<String>) {
        let id = row.id;
        if row.status != Status::Deleted {
            wrong.push(format!("{id} was deleted and is {:?}", row.status));
        }
        if let Some(late) = self.takes_of(id).find(|take| take.began > delete.ended) {
            wrong.push(format!(
                "{id} was deleted before it was handed out: {late:?}"
            ));
        }
        let taken = self.takes_of(id).filter(|take| take.ended < delete.began);
        let ends = self.ends.get(&id).into_iter().flatten();
        let ended = ends.filter(|(_, end)| end.began < delete.ended);
        if self.rules.lease.is_none() && taken.count() > ended.count() {
            wrong.push(format!("{id} was deleted while somebody held it"));
        }
    }

    fn in_use(&self, id: i64, delete: &Call, wrong: &mut Vec<String>) {
        let lost = |call: &&Call| {
            call.answer.is_none() && matches!(call.deed, Deed::Take | Deed::TakeNamed(_))
        };
        let unknown = self.history.iter().filter(lost);
        let mut takes = self.takes_of(id).chain(unknown);
        if !takes.any(|take| take.began < delete.ended) {
            wrong.push(format!("{id} is said to be in use, but nobody took it"));
        }
        let done = |call: &Call| call.answer == Some(Answer::Done) && call.ended < delete.began;
        if self.finals(id).any(|(_, call)| done(call)) {
            wrong.push(format!("{id} is said to be in use after its end"));
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
                    let retried = matches!(pair[0].status, Status::Retried | Status::Deleted);
                    retried && pair[1].ancestor == Some(pair[0].id)
                });
            let ends = chain.last().is_some_and(|row| !self.has_to_go_on(row));
            let few = i64::try_from(chain.len()).unwrap() <= self.rules.retries + 1;
            if !(begins && follows && ends && few) {
                wrong.push(format!("attempts that do not follow: {chain:#?}"));
            }
        }
    }

    /// Whether another attempt has to follow this one.
    fn has_to_go_on(&self, row: &Row) -> bool {
        let failed = |(how, call): (How, &Call)| {
            how == How::Application && call.answer == Some(Answer::Done)
        };
        match row.status {
            Status::Retried => true,
            Status::Deleted => row.retry < self.rules.retries && self.finals(row.id).any(failed),
            _ => false,
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
            let unsure = self.postpones(*id).any(|(_, call)| call.answer.is_none());
            if orphans.contains(id) || unsure {
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
            let again = self.postpones(*id).map(|(until, call)| {
                let until = until.unwrap_or(call.ended);
                Some(until.max(call.ended))
            });
            let gone = self.removals(*id).map(|call| call.began).min();
            for from in std::iter::once(begins).chain(again) {
                let until = takes.next().into_iter().chain(gone).min();
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
