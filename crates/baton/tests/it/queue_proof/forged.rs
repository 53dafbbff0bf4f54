//! Histories that cannot be: whoever checks them has to see what is wrong.

use std::time::{Duration, Instant};

use super::callers::{Added, Answer, Call, Deed, How};
use super::history::{Rules, contradictions};
use super::model::{Priority, Status};
use super::rows::Row;

/// What callers saw, at seconds since the beginning, and what is there now.
struct Story {
    begin: Instant,
    calls: Vec<Call>,
    rows: Vec<Row>,
    rules: Rules,
}

fn add(references: &[&str]) -> Deed {
    let added = |reference: &&str| Added {
        reference: (*reference).to_owned(),
        priority: "Normal",
        due: None,
    };
    Deed::Add(references.iter().map(added).collect())
}

fn row(id: i64, reference: &str, status: Status) -> Row {
    Row {
        id,
        status,
        key: reference.to_owned(),
        unique_key: reference.to_owned(),
        reference: reference.to_owned(),
        retry: 0,
        ancestor: None,
        failure: None,
        ended: false,
        place: (true, Priority::Normal, None, id),
    }
}

/// The attempt after this one.
fn copy(of: &Row, id: i64) -> Row {
    Row {
        unique_key: format!("{}-{id}", of.key),
        retry: of.retry + 1,
        ancestor: Some(of.id),
        ..row(id, &of.reference, Status::New)
    }
}

impl Story {
    /// The item `a` was added in the first second, and is there.
    fn begin(status: Status) -> Self {
        let story = Self {
            begin: Instant::now(),
            calls: Vec::new(),
            rows: vec![row(1, "a", status)],
            rules: Rules::new(1),
        };
        story.call(add(&["a"]), 0, 1, Some(Answer::Added))
    }

    fn call(mut self, deed: Deed, from: u64, to: u64, answer: Option<Answer>) -> Self {
        let at = |seconds| self.begin + Duration::from_secs(seconds);
        self.calls.push(Call {
            deed,
            began: at(from),
            ended: at(to),
            answer,
        });
        self
    }

    fn took(self, id: i64, from: u64, to: u64) -> Self {
        self.call(Deed::Take, from, to, Some(Answer::Took(id)))
    }

    fn ended(self, how: How, from: u64, to: u64) -> Self {
        self.call(Deed::End(1, how), from, to, Some(Answer::Done))
    }

    /// The holder gives the item back until so many seconds after the beginning.
    fn postponed(self, until: u64, from: u64, to: u64) -> Self {
        let until = self.begin + Duration::from_secs(until);
        self.ended(How::Postpone(Some(until)), from, to)
    }

    fn deleted(self, from: u64, to: u64, answer: Option<Answer>) -> Self {
        self.call(Deed::Delete(1), from, to, answer)
    }

    /// In a queue with a lease of five seconds.
    fn leased(mut self) -> Self {
        self.rules.lease = Some(Duration::from_secs(5));
        self
    }

    fn row(mut self, row: Row) -> Self {
        self.rows.push(row);
        self
    }

    fn seen(&self) -> Vec<String> {
        contradictions(&self.calls, &self.rows, self.rules)
    }

    #[track_caller]
    fn is_fine(&self) {
        assert_eq!(self.seen(), [] as [&str; 0]);
    }

    #[track_caller]
    fn is_wrong(&self, what: &str) {
        let seen = self.seen();
        assert!(seen.iter().any(|s| s.contains(what)), "{what}: {seen:#?}");
    }
}

#[test]
fn stories_that_can_be() {
    let done = || Story::begin(Status::Successful).took(1, 2, 3);
    done().ended(How::Success, 4, 5).is_fine();
    // No answer, and the same again.
    let end = || Deed::End(1, How::Success);
    done().call(end(), 4, 5, None).is_fine();
    let again = done().call(end(), 4, 5, None);
    again.call(end(), 6, 7, Some(Answer::Over)).is_fine();
    // Handed out to whom no answer reached.
    let lost = Story::begin(Status::InProgress).call(Deed::Take, 2, 3, None);
    lost.is_fine();
    // Postponed, and taken by another one who asked before that.
    let twice = done().ended(How::Postpone(None), 4, 6).took(1, 3, 7);
    twice.ended(How::Success, 8, 9).is_fine();
    // Tried again.
    let failed = Story::begin(Status::Retried).took(1, 2, 3);
    let failed = failed.ended(How::Application, 4, 5);
    let next = copy(&failed.rows[0], 2);
    failed.row(next).is_fine();
    // Two at the same time may come in either order.
    let late = Story::begin(Status::New).call(add(&["b"]), 0, 1, Some(Answer::Added));
    let late = late.row(row(2, "b", Status::New));
    late.call(Deed::Take, 0, 3, Some(Answer::Nothing)).is_fine();
}

#[test]
fn items_that_are_lost_or_too_many() {
    let mut lost = Story::begin(Status::New);
    lost.rows.clear();
    lost.is_wrong("is lost");
    let twice = Story::begin(Status::New).row(row(2, "a", Status::New));
    twice.is_wrong("there 2 times");
    Story::begin(Status::New)
        .row(row(2, "b", Status::New))
        .is_wrong("b is there");
    let half = Story::begin(Status::New).call(add(&["b", "c"]), 2, 3, None);
    half.row(row(2, "b", Status::New)).is_wrong("1 of");
    let again = Story::begin(Status::New).call(add(&["a"]), 2, 3, Some(Answer::Added));
    again.is_wrong("added twice");
}

#[test]
fn items_with_two_holders_or_none() {
    let held = || Story::begin(Status::InProgress).took(1, 2, 4);
    held().is_fine();
    held().took(1, 3, 5).is_wrong("handed out 2 times");
    let early = held().took(1, 3, 5).ended(How::Postpone(None), 6, 7);
    early.is_wrong("to two");
    Story::begin(Status::New)
        .took(1, 2, 3)
        .is_wrong("is held and yet New");
    Story::begin(Status::InProgress).is_wrong("are with nobody");
}

#[test]
fn ends_that_nobody_told() {
    let held = |status| Story::begin(status).took(1, 2, 3);
    held(Status::Failed)
        .ended(How::Success, 4, 5)
        .is_wrong("is Failed after");
    held(Status::InProgress)
        .ended(How::Success, 4, 5)
        .is_wrong("is InProgress after");
    Story::begin(Status::Successful).is_wrong("nobody ended it");
    let twice = held(Status::Successful).ended(How::Success, 4, 5);
    twice.ended(How::Success, 6, 7).is_wrong("ended 2 times");
    let over = Deed::End(1, How::Success);
    let over = held(Status::Successful).call(over, 4, 5, Some(Answer::Over));
    over.is_wrong("ended 0 times");
    let odd = Story::begin(Status::New).call(Deed::Take, 2, 3, Some(Answer::Other("500".into())));
    odd.is_wrong("was answered 500");
}

#[test]
fn attempts_that_do_not_follow() {
    let failed = |status| {
        Story::begin(status)
            .took(1, 2, 3)
            .ended(How::Application, 4, 5)
    };
    failed(Status::Failed).is_wrong("is Failed after");
    failed(Status::Retried).is_wrong("do not follow");
    let with = |change: fn(&mut Row)| {
        let story = failed(Status::Retried);
        let mut next = copy(&story.rows[0], 2);
        change(&mut next);
        story.row(next)
    };
    with(|_| {}).is_fine();
    with(|next| next.retry = 2).is_wrong("do not follow");
    with(|next| next.ancestor = Some(7)).is_wrong("do not follow");
    let two = with(|_| {});
    let second = copy(&two.rows[0], 3);
    two.row(second).is_wrong("do not follow");
}

#[test]
fn those_who_come_first_wait_no_longer() {
    let two = || {
        let story = Story::begin(Status::InProgress);
        let story = story.call(add(&["b"]), 0, 1, Some(Answer::Added));
        story.row(row(2, "b", Status::New))
    };
    two().took(1, 2, 3).is_fine();
    let urgent = |from| {
        let mut story = two().took(1, from, 3);
        story.rows[1].place = (true, Priority::High, None, 2);
        story
    };
    urgent(2).is_wrong("while this waited");
    // It may have been taken before the other one was there.
    urgent(0).is_fine();
    let empty = two().took(1, 2, 3);
    empty
        .call(Deed::Take, 4, 5, Some(Answer::Nothing))
        .is_wrong("while this waited");
}

#[test]
fn items_that_wait_until_later() {
    let held = || Story::begin(Status::InProgress).took(1, 2, 3);
    held().postponed(9, 4, 5).took(1, 8, 10).is_fine();
    let early = held().postponed(9, 4, 5).took(1, 6, 8);
    early.is_wrong("too early");
    // Nobody is passed over who does not wait yet.
    let back = || Story::begin(Status::New).took(1, 2, 3).postponed(9, 4, 5);
    let nothing = |from| back().call(Deed::Take, from, from + 1, Some(Answer::Nothing));
    nothing(6).is_fine();
    nothing(8).is_fine();
    nothing(10).is_wrong("while this waited");
}

#[test]
fn items_that_are_deleted() {
    let gone = || Story::begin(Status::Deleted).deleted(2, 3, Some(Answer::Done));
    gone().is_fine();
    // Whoever asks while it is deleted may have been first, or may get nothing.
    let nothing = |from, to| gone().call(Deed::Take, from, to, Some(Answer::Nothing));
    nothing(4, 5).is_fine();
    nothing(2, 4).is_fine();
    let before = Story::begin(Status::Deleted).call(Deed::Take, 1, 2, Some(Answer::Nothing));
    let before = before.deleted(4, 5, Some(Answer::Done));
    before.is_wrong("while this waited");
    // No answer: it may be gone or not.
    for status in [Status::Deleted, Status::New] {
        Story::begin(status).deleted(2, 3, None).is_fine();
    }
    let ended = Story::begin(Status::Deleted).took(1, 2, 3);
    let ended = ended.ended(How::Success, 4, 5);
    ended.deleted(6, 7, Some(Answer::Done)).is_fine();
    let held = || Story::begin(Status::InProgress).took(1, 2, 3);
    held().deleted(4, 5, Some(Answer::InUse)).is_fine();

    Story::begin(Status::Deleted).is_wrong("nobody deleted it");
    let acknowledged = Story::begin(Status::New).deleted(2, 3, Some(Answer::Done));
    acknowledged.is_wrong("was deleted and is New");
    gone().took(1, 4, 5).is_wrong("before it was handed out");
    let taken = Story::begin(Status::Deleted).took(1, 2, 3);
    let taken = taken.deleted(4, 5, Some(Answer::Done));
    let taken = taken.ended(How::Success, 6, 7);
    taken.is_wrong("while somebody held it");
    let waiting = Story::begin(Status::New).deleted(2, 3, Some(Answer::InUse));
    waiting.is_wrong("nobody took it");
    let ended = Story::begin(Status::Successful).took(1, 2, 3);
    let ended = ended.ended(How::Success, 4, 5);
    let late = ended.deleted(6, 7, Some(Answer::InUse));
    late.is_wrong("in use after its end");
    // Who is not deleted goes on waiting.
    let back = Story::begin(Status::New).took(1, 2, 3);
    let back = back.deleted(4, 5, Some(Answer::InUse));
    let back = back.ended(How::Postpone(None), 6, 7);
    let passed = back.call(Deed::Take, 8, 9, Some(Answer::Nothing));
    passed.is_wrong("while this waited");
}

#[test]
fn a_deleted_attempt_was_tried_again_before() {
    let failed = Story::begin(Status::Deleted).took(1, 2, 3);
    let failed = failed.ended(How::Application, 4, 5);
    let failed = failed.deleted(6, 7, Some(Answer::Done));
    let next = copy(&failed.rows[0], 2);
    failed.row(next).is_fine();
    let failed = Story::begin(Status::Deleted).took(1, 2, 3);
    let failed = failed.ended(How::Application, 4, 5);
    let lost = failed.deleted(6, 7, Some(Answer::Done));
    lost.is_wrong("do not follow");
}

#[test]
fn items_that_return_by_themselves() {
    let held = || Story::begin(Status::InProgress).leased().took(1, 2, 3);
    held().took(1, 4, 7).is_fine();
    held().took(1, 4, 6).is_wrong("handed out 2 times");
    let told = || held().call(Deed::Tell(1), 5, 6, Some(Answer::Done));
    told().took(1, 7, 10).is_fine();
    told().took(1, 7, 9).is_wrong("handed out 2 times");
    // Nothing is renewed by what was refused.
    let late = held().call(Deed::Tell(1), 7, 8, Some(Answer::NotHeld));
    late.took(1, 9, 10).is_fine();

    let end = |story: Story| story.call(Deed::End(1, How::Success), 8, 9, Some(Answer::NotHeld));
    end(held().took(1, 4, 7)).is_fine();
    let early = held().call(Deed::End(1, How::Success), 4, 6, Some(Answer::NotHeld));
    early.is_wrong("not to be held");
    let plain = Story::begin(Status::InProgress).took(1, 2, 3);
    end(plain).is_wrong("not to be held");
}
